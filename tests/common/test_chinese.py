"""The project's words in Chinese: the table, the font, and that no label of a figure was forgotten."""

import ast
import glob
import os
import re
import struct
import zlib

import numpy as np
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from PIL import Image, ImageFont

from common import chinese as table
from common import fonts, images, options, plotting
from common.chinese import chinese
from common.errors import UserError
from common.fonts import FONT, STAND_IN, drawable
from common.plotting import plt
from data import celeba
from tests import helpers

LABELS = "set_xlabel set_ylabel set_title xlabel ylabel title suptitle".split()
KEYWORDS = "label title xlabel ylabel".split()
ASKED = (  # what the local page's scripts say of a reader's input
    "common/images.py ch09_tfts_births/beyond/series.py ch09_tfts_births/beyond/cell_text.py ch09_tacotron/beyond/pinyin.py "
    "ch09_tacotron/beyond/written_text.py "
    "ch10_attgan/beyond/finding.py tools/try_page/panels.py tools/try_page/jobs.py"
).split()
UNITS = ("dB", "MB", "MiB")
NOT_FROM_THE_PAGE = (
    "no such folder",
    "holds no pictures",
    "--first",
    "--step",
    "--date-column and",
    "choose one of",
    "%s%s",
)


def literals(node):
    """The texts of an expression, with their % places."""
    if isinstance(node, ast.Str):
        return [node.s]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return literals(node.left)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        if isinstance(node.left, ast.List) or isinstance(node.right, ast.List):
            return literals(node.left) + literals(node.right)
        return [text + "{}" for text in literals(node.left)]
    if isinstance(node, ast.IfExp):
        return literals(node.body) + literals(node.orelse)
    if isinstance(node, (ast.List, ast.Tuple)):
        return [text for item in node.elts for text in literals(item)]
    return []


def calls(path):
    with open(os.path.join(options.REPOSITORY, path), encoding="utf-8") as stream:
        tree = ast.parse(stream.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "attr", getattr(node.func, "id", "")), node


def untranslated(texts):
    """Those with words that are not in the table, or not all of them; ``%s`` and the like are its ``{}``."""
    keys = [re.sub(r"%[-+.0-9]*[sdfgrx]", "{}", text.replace("%%", "\0")).replace("\0", "%") for text in texts]
    keys = [key for key in keys if re.search("[A-Za-z]{2}", key) and key not in table._table()[0]]
    return [key for key in keys if chinese(key) == key or helpers.english_left(key)]


def test_half_a_translation_is_seen():
    assert untranslated(["%d pictures", "%d judged pictures"]) == ["{} judged pictures"]


def test_every_label_of_a_figure_has_chinese_words():
    texts = []
    for path in glob.glob(os.path.join(options.REPOSITORY, "ch*_*", "**", "*.py"), recursive=True):
        for name, call in calls(path):
            if name in LABELS:
                texts += [text for item in call.args for text in literals(item)]
            texts += [text for item in call.keywords if item.arg in KEYWORDS for text in literals(item.value)]
    assert len(texts) > 60 and untranslated(texts) == []


def test_every_text_of_a_record_has_chinese_words():
    """Names, units and notes of figures, titles, columns and notes of tables, and what is said of the data."""
    texts = []
    for path in glob.glob(os.path.join(options.REPOSITORY, "ch*_*", "**", "*.py"), recursive=True):
        for name, call in calls(path):
            spoken = {"metric": call.args[:1] + call.args[2:], "table": call.args, "Record": call.args[3:]}.get(
                name, []
            )
            spoken = spoken + [item.value for item in call.keywords if name in ("metric", "table")]
            texts += [text for item in spoken for text in literals(item)]
    assert len(texts) > 300 and [text for text in untranslated(texts) if text not in UNITS] == []


@pytest.mark.parametrize("path", ASKED)
def test_every_refusal_of_an_input_has_chinese_words(path):
    texts = [text for name, call in calls(path) if name in ("UserError", "Refused") for text in literals(call.args[0])]
    texts = [text for text in texts if not any(words in text for words in NOT_FROM_THE_PAGE)]
    assert texts and untranslated(texts) == []


def test_every_note_on_a_series_has_chinese_words():
    """The local page shows them in both languages."""
    texts = []
    for path in glob.glob(os.path.join(options.REPOSITORY, "ch09_tfts_births", "beyond", "*.py")):
        for name, call in calls(path):
            if name == "append" and "notes" in ast.dump(call.func):
                texts += [text for text in literals(call.args[0]) if text != "%s; filled (%s)"]
    assert len(texts) >= 9
    assert (
        untranslated(
            [text.replace("line%s", word).replace("%d%s,", "%d (%s),") for text in texts for word in ("line", "lines")]
        )
        == []
    )
    said = "3 columns; the values are those of column 2 (sold), --value-column chooses"
    assert chinese(said) == "共 3 列，取第 2 列（sold）的数值，可用 --value-column 另选"
    said = "2 of 9 values are missing: 2020-01-05, 2020-01-07; filled (interpolate)"
    assert chinese(said) == "缺失 2 个值（共 9 个）：2020-01-05, 2020-01-07；已补全（插值）"


def test_a_picture_that_pillow_refuses_is_told_in_chinese(tmp_path):
    """Pillow's English stood in the Chinese sentence."""
    path, said = tmp_path / "input.png", []
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (40, 40, 3)).astype(np.uint8)).save(str(path))
    whole = path.read_bytes()
    head = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    bomb = whole[:12] + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head)) + whole[33:]
    for content in (whole[:3000], bomb, b"text"):
        path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            images.read_photo(str(path))
        said.append(chinese(str(caught.value).replace(str(tmp_path) + os.sep, "")))
    unread = "所给图片不是可读取的图片：文件不完整、已损坏或格式不受支持"
    assert said == [unread, "所给图片的像素过多，最多读取 100 百万像素", unread]


def test_the_font_has_every_character_of_the_table():
    words = options.read_json(table.WORDS_FILE)
    used = set("".join(words.values()) + "".join(celeba.CHINESE.values())) - set("\n")
    font = ImageFont.truetype(FONT, 24)
    missing = font.getmask("\U0010fffd")  # what the font draws for a character that it does not have
    assert [c for c in used if font.getmask(c).size == missing.size and bytes(font.getmask(c)) == bytes(missing)] == []


def test_places_are_filled_in_turn_and_known_words_translated():
    assert chinese("input.csv: forecast of 7 steps") == "所给 CSV：向前预测 7 步"
    assert chinese("the forecast wins: it errs 5 % less than repeating the last value") == (
        "本预测更好：误差比“重复最后一个值”小 5%"
    )
    assert chinese("first_loss") == "第 1 轮损失" and chinese("something else") == "something else"


def test_lines_and_attributes_of_a_title_are_translated():
    assert chinese("ReNorm\nN, H, W, drawn to\nthe moving averages") == "批再归一化\nN、H、W，并向滑动平均靠拢"
    for text, words in [("Male_0.50", "男性_0.50"), ("Eyeglasses\nDFI", "戴眼镜\nDFI"), ("Males", "Males")]:
        assert celeba.in_chinese(text) == words
    assert celeba.in_chinese("asked for: Pale_Skin") == "要求：皮肤白" and celeba.in_chinese("original") == "原图"


def test_a_figure_is_saved_in_both_languages(tmp_path):
    figure, axes = plt.subplots()
    axes.barh([0, 1], [1, 2], label="observed")
    axes.set_yticks([0, 1])
    axes.set_yticklabels(["forecast", "销量"])
    path = plotting.save_figure(figure, str(tmp_path / "a.png"))
    shown = [text.get_text() for text in axes.get_yticklabels()]
    assert shown == ["预测", "销量"] and all(
        text.get_fontproperties().get_file() == FONT for text in axes.get_yticklabels()
    )
    assert os.path.getsize(path) > 1000 and os.path.getsize(table.chinese_path(path)) > 1000
    with open(path, "rb") as english, open(table.chinese_path(path), "rb") as other:
        assert english.read() != other.read()


def test_a_readers_words_stay(tmp_path):
    figure, axes = plt.subplots()
    axes.set_xticks([0, 1])
    axes.set_xticklabels(["copper", "gold"])
    axes.text(0, 0, "gold")
    axes.set_title("forecast")
    plotting.save_figure(figure, str(tmp_path / "a.png"), keep=["copper", "gold"])
    assert [text.get_text() for text in axes.get_xticklabels() + axes.texts] == ["copper", "gold", "gold"]
    assert axes.get_title() == "预测"


def test_characters_that_the_font_lacks_have_a_stand_in(tmp_path, monkeypatch):
    """銷量資料庫.csv was 「 量 料 .csv」 in a title, and 龍 nothing at all."""
    assert drawable("銷量資料庫.csv\n 龍あ、é\u3000") == "□量□料□.csv\n □□、é\u3000"
    assert not set(drawable("".join(map(chr, range(0x4E00, 0xA000)))) + STAND_IN) - fonts._characters()
    figure, axes = plt.subplots()
    axes.set_title("銷量資料庫.csv: forecast of 7 steps")
    axes.set_xticks([0, 1])
    axes.set_xticklabels(["龍", "forecast"])
    axes.text(0, 0, "龍 forecast")
    axes.set_ylabel("Ёлка")  # has no Chinese: matplotlib's own font draws it
    drawn, draw = [], RendererAgg.draw_text
    monkeypatch.setattr(RendererAgg, "draw_text", lambda *args, **more: [drawn.append(args[4]), draw(*args, **more)])
    plotting.save_figure(figure, str(tmp_path / "a.png"), keep=["龍", "龍 forecast"])
    titles = {"□量□料□.csv: forecast of 7 steps", "□量□料□.csv：向前预测 7 步"}
    assert titles | {"□", "□ forecast", "Ёлка", "forecast", "预测"} <= set(drawn) and "龍" not in "".join(drawn)
    assert (images.label_row(["龍马"], 60) == images.label_row(["□马"], 60)).all()


def test_a_figure_without_words_has_one_picture(tmp_path):
    (tmp_path / "a.zh.png").write_bytes(b"of an earlier run")
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    plotting.save_figure(figure, str(tmp_path / "a.png"))
    assert os.listdir(str(tmp_path)) == ["a.png"]


def test_captions_of_a_sheet_in_both_languages(tmp_path):
    path = images.write_labelled(
        str(tmp_path / "s.png"), lambda texts: images.label_row(texts, 60), ["before", "after"]
    )
    english, other = (np.asarray(Image.open(name)) for name in (path, table.chinese_path(path)))
    assert english.shape == other.shape and (english != other).any() and other.min() < 100
