"""The five panels: which fields they have, what is taken, which script answers, and what of its record is shown."""

import os
import re
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from common import files, options
from common.chinese import chinese
from common.errors import UserError
from data import celeba
from tools import results

EXAMPLES = os.path.join(options.REPOSITORY, "docs", "examples")
LONGEST_NEWS = 20000  # characters
LONGEST_SENTENCE = 300
LARGEST_TABLE = 5 << 20  # bytes
LARGEST_PICTURE = 20 << 20


class Field(NamedTuple):
    """One field of a form: ``kind`` is text, file, range, number, or switch (with a strength of its own)."""

    name: str
    kind: str
    label: str
    label_zh: str
    default: object = None
    low: Optional[float] = None
    high: Optional[float] = None
    step: Optional[float] = None
    accept: str = ""
    longest: int = 0
    rows: int = 3


class Panel(NamedTuple):
    """One panel.

    Attributes:
      script: path of the script below the repository; needs: files below the repository without which it cannot answer.
      examples: dicts with field, label, label_zh and text, or name (a file of docs/examples).
    """

    key: str
    title: str
    title_zh: str
    about: str
    about_zh: str
    go: str
    go_zh: str
    script: str
    needs: Tuple[str, ...]
    how: str
    fields: Tuple[Field, ...]
    examples: Tuple[dict, ...]


_STEPS = Field("steps", "number", "steps ahead", "预测步数", 30, 1, 365)
_STRENGTH = Field("strength", "range", "strength", "强度", 1.0, 0.0, 1.0, 0.1)
FACE_ATTRIBUTES = (
    "Bangs",
    "Blond_Hair",
    "Black_Hair",
    "Bushy_Eyebrows",
    "Eyeglasses",
    "Male",
    "Mouth_Slightly_Open",
    "Smiling",  # of the two sets of weights only that of real faces knows it
    "Young",
)
SWITCH = (("", "as it is", "不变"), ("on", "on", "开"), ("off", "off", "关"))

PANELS = (
    Panel(
        "news",
        "News → topic",
        "新闻 → 主题",
        "An English business text of up to 20,000 characters: its topics, or none of the 46, and which words decided.",
        "英文商业文本，最多 20,000 个字符：给出主题，或回答“46 个主题都不是”，并标出起作用的词。",
        "Sort it",
        "分类",
        "ch09_capsule_rnn/beyond/predict.py",
        (),
        "python ch09_capsule_rnn/beyond/hybrid.py",
        (Field("text", "text", "text", "文本", longest=LONGEST_NEWS, rows=6),),
        (
            dict(
                field="text",
                label="oil",
                label_zh="石油",
                text="Crude oil prices rose two dollars a barrel after OPEC ministers agreed to cut output next quarter.",
            ),
            dict(
                field="text",
                label="interest rate",
                label_zh="利率",
                text="The central bank cut its discount rate by a quarter of a percentage point to support the economy.",
            ),
            dict(
                field="text",
                label="a recipe",
                label_zh="菜谱",
                text="Melt the butter, stir in the flour and milk, and simmer the soup with onions and thyme for an hour.",
            ),
        ),
    ),
    Panel(
        "series",
        "Series → forecast",
        "序列 → 预测",
        "A CSV with dates and values, up to 5 MB: hours, days, weeks, months or quarters. The forecast with its band, and its "
        "error on the last stretch beside the seasonal naive one.",
        "含日期和数值的 CSV，最大 5 MB，间隔可为小时、日、周、月或季。给出预测和区间，并在最后一段上与季节性朴素预测比较误差。",
        "Forecast",
        "预测",
        "ch09_tfts_births/beyond/forecast.py",
        (),
        "",
        (Field("file", "file", "CSV file", "CSV 文件", accept=".csv,.txt,text/csv"), _STEPS),
        (dict(field="file", label="visitors a day", label_zh="每日访客数", name="visitors.csv"),),
    ),
    Panel(
        "speech",
        "Text → speech",
        "文字 → 语音",
        "Chinese text, pinyin with tone digits or both, of up to 300 characters.",
        "中文文本，或带声调数字的拼音，最多 300 个字符。",
        "Speak",
        "朗读",
        "ch09_tacotron/ext_9_8_14_speak.py",
        ("ch09_tacotron/weights/tacotron-float16.npz",),
        "",
        (Field("text", "text", "text", "文本", longest=LONGEST_SENTENCE, rows=2),),
        (
            dict(field="text", label="你好，世界", label_zh="你好，世界", text="你好，世界"),
            dict(field="text", label="今天天气真好", label_zh="今天天气真好", text="今天天气真好，我们去公园走走。"),
            dict(field="text", label="ni3 hao3", label_zh="ni3 hao3", text="ni3 hao3 shi4 jie4"),
        ),
    ),
    Panel(
        "photo",
        "Photo → sharper",
        "照片 → 更清晰",
        "A photo of up to 20 MB. Large ones take a while.",
        "最大 20 MB 的照片；大照片需要一些时间。",
        "Sharpen",
        "去模糊",
        "ch10_deblurgan/ext_10_2_12_photos.py",
        (),
        "",
        (Field("file", "file", "photo", "照片", accept="image/*"), _STRENGTH),
        (dict(field="file", label="a shaken photo", label_zh="一张手抖拍糊的照片", name="shaken.jpg"),),
    ),
    Panel(
        "face",
        "Face → other attributes",
        "人脸 → 改变属性",
        "A picture of a face of up to 20 MB, drawn or photographed: of the two sets of weights that come "
        "along the fitting one is taken (photographs: non-commercial research only).",
        "最大 20 MB 的人脸图片，卡通或照片均可：在随附的两组权重中自动选用合适的一组（真实人脸的权重仅限非商业研究）。",
        "Edit",
        "编辑",
        "ch10_attgan/ext_10_3_10_edit.py",
        ("ch10_attgan/weights/faces_generator.npz", "ch10_attgan/weights/real_generator.npz"),
        "",
        (Field("file", "file", "face", "人脸图片", accept="image/*"),)
        + tuple(
            Field(name, "switch", name.replace("_", " "), celeba.CHINESE[name], 1.0, 0.1, 2.0, 0.1)
            for name in FACE_ATTRIBUTES
        ),
        (dict(field="file", label="a drawn face", label_zh="一张卡通脸", name="face.png"),),
    ),
)


def ready() -> List[dict]:
    """The panels for the template; ``lacks`` says how to get what a panel needs and is not there."""
    shown = []
    for panel in PANELS:
        missing = [name for name in panel.needs if not os.path.exists(os.path.join(options.REPOSITORY, name))]
        lacks = ""
        if missing or not os.path.exists(os.path.join(options.REPOSITORY, panel.script)):
            how = panel.how or "see the README of " + panel.script.split("/")[0]
            lacks = "No trained model yet: %s" % how
        shown.append(dict(panel._asdict(), lacks=lacks, lacks_zh=chinese(lacks)))
    return shown


def example_file(key: str, number: int) -> Optional[str]:
    """Path of an example's file; None where the panel has no such file."""
    for panel in PANELS:
        if panel.key == key and number < len(panel.examples) and "name" in panel.examples[number]:
            path = os.path.join(EXAMPLES, panel.examples[number]["name"])
            return path if os.path.exists(path) else None
    return None


def command_of(form, uploads, folder: str):
    """Checks a request and writes its input into ``folder``; (key of the panel, command).

    Raises:
      UserError: an unknown panel, or a value that is missing, too long, too large or out of bounds.
    """
    found = [panel for panel in PANELS if panel.key == form.get("panel")]
    if not found:
        raise UserError("there is no such panel")
    panel, values = found[0], {}
    for field in panel.fields:
        values[field.name] = _value(field, form, uploads, folder)
    output = os.path.join(folder, "out")
    return panel.key, [os.path.join(options.REPOSITORY, panel.script)] + arguments_of(panel.key, values, output)


def _value(field: Field, form, uploads, folder: str):
    if field.kind == "file":
        if field.name not in uploads or not uploads[field.name].filename:
            raise UserError("choose a file first")
        table = "csv" in field.accept
        largest = LARGEST_TABLE if table else LARGEST_PICTURE
        content = uploads[field.name].read(largest + 1)
        if not content:
            raise UserError("the file is empty")
        if len(content) > largest:
            raise UserError("the file is larger than %d MB" % (largest >> 20))
        path = os.path.join(folder, "input.csv" if table else "input.png")  # never the name it came with
        with files.atomic(path) as stream:
            stream.write(content)
        return path
    given = form.get(field.name, "")
    if field.kind == "text":
        if not given.strip():
            raise UserError("the text is empty")
        if len(given) > field.longest:
            raise UserError("the text is longer than %d characters" % field.longest)
        path = os.path.join(folder, "input.txt")
        with files.atomic(path, "w") as stream:
            stream.write(given)
        return path
    if field.kind == "switch":
        if given not in [choice[0] for choice in SWITCH]:
            raise UserError("%s cannot be '%s'" % (field.label, given[:20]))
        if not given:
            return None
        strength = _value(field._replace(name=field.name + "_strength", kind="range"), form, uploads, folder)
        return strength if given == "on" else -strength
    try:
        number = float(given)
        whole = field.kind != "number" or number == int(number)
    except (ValueError, OverflowError):
        raise UserError("%s: '%s' is no number" % (field.label, given[:20]))
    if not whole or not field.low <= number <= field.high:
        raise UserError("%s must be %g to %g" % (field.label, field.low, field.high))
    return int(number) if field.kind == "number" else number


def arguments_of(key: str, values: Dict[str, object], output: str) -> List[str]:
    """The script's arguments."""
    arguments = ["--output-dir", output]
    if key == "news":
        return arguments + ["--file", values["text"]]
    if key == "series":
        return arguments + ["--csv", values["file"], "--steps", "%d" % values["steps"]]
    if key == "speech":
        return arguments + ["--text-file", values["text"]]
    if key == "photo":
        return arguments + ["--strength", "%g" % values["strength"], values["file"]]
    # a slider that nobody moved leaves the strength to the weights, which know what suits each attribute
    own = {1.0: "on", -1.0: "off"}
    edits = ["%s=%s" % (name, own.get(values[name], "%g" % values[name])) for name in FACE_ATTRIBUTES if values[name]]
    if not edits:
        raise UserError("switch at least one attribute on or off")
    return arguments + ["--photo", values["file"], "--box", "face-or-centre", "--edit"] + edits


def files_of(job) -> List[str]:
    """Paths of the files that may be fetched, each of the record's once, none outside the job's folder."""
    paths = []
    inside = os.path.realpath(os.path.join(job.folder, "out")) + os.sep
    for item in job.record["files"]:
        for name in (item["path"], item.get("path_zh"), item.get("before"), item.get("after")):
            if name is not None:
                path = os.path.realpath(os.path.join(inside, name))
                if path.startswith(inside) and os.path.isfile(path) and path not in paths:
                    paths.append(path)
    return paths


def headline_of(job) -> str:
    """The answer in one line; empty where the pictures say it."""
    tables = {table["title"]: table for table in job.record["tables"]}
    if job.panel == "news" and "Topics of the text" in tables:
        table = tables["Topics of the text"]
        return "%s, confidence %.0f %%" % (table["note"].split(";")[0], 100 * table["rows"][0][1])
    if job.panel == "series" and "MAE of the seasonal naive" in job.record["metrics"]:
        return job.record["metrics"]["MAE of the seasonal naive"]["note"]
    if job.panel == "speech" and "Sentences" in tables:
        return "%.1f s of speech" % sum(row[1] for row in tables["Sentences"]["rows"])
    return ""


def _without_name(caption: str) -> str:
    """A caption without the name that the page gave the reader's file."""
    return re.sub(r"^input(\.\w+)?[:,：]? ?|[:：] ?input$", "", caption)


def _cell(column: str, value) -> str:
    """A cell as text; chances as people read them (not 9.182e-05)."""
    return "%.1f %%" % (100 * value) if column == "probability" else results.number(value)


def _names(paths: List[str]) -> List[str]:
    """What the files are called when they are kept: of two of one name each has its folder's before."""
    names = [os.path.basename(path) for path in paths]
    folders = [os.path.basename(os.path.dirname(path)) for path in paths]
    return [name if names.count(name) == 1 else folder + "-" + name for folder, name in zip(folders, names)]


def result_of(job) -> dict:
    """What the page shows of a finished job: files by number, tables as text, coloured words, notes, a headline.

    Captions, columns, cells and notes come as pairs: English, Chinese.
    """
    paths = files_of(job)
    names = _names(paths)
    inside = os.path.realpath(os.path.join(job.folder, "out"))

    def number_of(name):
        return paths.index(os.path.realpath(os.path.join(inside, name)))

    def both(words):
        return [words, chinese(words)]

    shown, tables, words = [], [], None
    for table in job.record["tables"]:
        if table["columns"][:2] == ["word", "effect"]:  # of the news panel
            effects = np.array([row[1] for row in table["rows"]], float)
            largest = max(np.abs(effects).max(initial=0), 1e-9)
            words = [[row[0], effect / largest] for row, effect in zip(table["rows"], effects.tolist())]
        else:
            rows = [[both(_cell(*pair)) for pair in zip(table["columns"], row)] for row in table["rows"][:60]]
            columns = [both(column) for column in table["columns"]]
            tables.append(dict(title=both(table["title"]), columns=columns, rows=rows))
    for item in job.record["files"]:
        try:
            captions = [_without_name(item["caption"]), _without_name(item["caption_zh"] or chinese(item["caption"]))]
            entry = dict(kind=item["kind"], caption=captions)
            entry["file"] = number_of(item["path"])
            entry["name"] = names[entry["file"]]
            if "path_zh" in item:
                entry["file_zh"] = number_of(item["path_zh"])
            if item["kind"] == "comparison":
                entry.update(before=number_of(item["before"]), after=number_of(item["after"]))
            if words and entry["name"] == "words.png":
                entry["kind"] = "file"  # the page itself colours them; the picture is there to be kept
            shown.append(entry)
        except ValueError:  # a file that is gone
            continue
    notes = [both(note) for note in job.record.get("notes", [])]
    return dict(files=shown, tables=tables, words=words, notes=notes, headline=both(headline_of(job)))
