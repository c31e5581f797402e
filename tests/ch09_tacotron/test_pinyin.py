"""Chinese text to the corpus's pinyin."""

import os

import pytest
from pypinyin import Style, lazy_pinyin

from ch09_tacotron.beyond import pinyin
from common.errors import UserError


def test_e36_the_neutral_tone_gets_its_digit():
    assert lazy_pinyin("我们的", style=Style.TONE3) == ["wo3", "men", "de"]  # the printed call
    assert pinyin.to_pinyin("我们的") == "wo3 men5 de5"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("绿色", "lv4 se4"),
        ("侵略", "qin1 lve4"),
        ("你好，世界！", "ni3 hao3 shi4 jie4"),
        ("银行行长", "yin2 hang2 hang2 zhang3"),
        ("女儿", "nv3 er2"),
        ("出去玩儿", "chu1 qu4 wanr2"),
        ("嗯", "en2"),
        ("温度-5.5度", "wen1 du4 fu4 wu3 dian3 wu3 du4"),
        ("105人", None),
        ("ｎi3 hao3", None),
        ("  ni3   hao3 ", "ni3 hao3"),
        ("lv4 wanr2 de5", "lv4 wanr2 de5"),
    ],
)
def test_text(text, expected):
    if expected is None:
        assert all(
            pinyin.SYLLABLE.match(word) for word in pinyin.to_pinyin(pinyin.unicodedata.normalize("NFKC", text)).split()
        )
    else:
        assert pinyin.to_pinyin(text) == expected


@pytest.mark.parametrize(
    "digits, expected",
    [
        ("0", "零"),
        ("10", "十"),
        ("12", "十二"),
        ("20", "二十"),
        ("105", "一百零五"),
        ("110", "一百一十"),
        ("1001", "一千零一"),
        ("2010", "二千零一十"),
        ("10086", "一万零八十六"),
        ("110000", "十一万"),
        ("12345678", "一千二百三十四万五千六百七十八"),
        ("007", "零零七"),
        ("13800138000", "一三八零零一三八零零零"),
    ],
)
def test_numbers(digits, expected):
    assert pinyin.read_number(digits) == expected


@pytest.mark.parametrize(
    "text, words",
    [
        ("用Python写", "Python"),
        ("ABC", "ABC"),
        ("ni3 hxo3", "hxo3"),
        ("ni3 好", "好"),
        ("ni hao3", "ni"),
        ("。！", "nothing"),
        ("一加一＝二", "="),
        ("😀", "😀"),
    ],
)
def test_what_cannot_be_spoken_is_named(text, words):
    with pytest.raises(UserError, match=words):
        pinyin.to_pinyin(text)


def test_third_tone_sandhi():
    assert pinyin.to_pinyin("你好", tone_sandhi=True) == "ni2 hao3"
    assert pinyin.to_pinyin("你好", tone_sandhi=False) == "ni3 hao3"
    assert pinyin.to_pinyin("ni3 hao3", tone_sandhi=True) == "ni3 hao3"  # what is typed is taken as it stands
    assert pinyin.to_pinyin("你，好", tone_sandhi=True) == "ni3 hao3"  # not across a comma


def test_sentences():
    assert pinyin.split_sentences("你好。世界！\n再见") == ["你好", "世界", "再见"]
    assert pinyin.split_sentences("涨了3.5倍。好") == ["涨了3.5倍", "好"]
    assert pinyin.split_sentences("。。\n ") == []
    assert pinyin.split_sentences("ni3 hao3\nzai4 jian4") == ["ni3 hao3", "zai4 jian4"]
    assert pinyin.split_sentences("ma1 " * 5, max_syllables=2) == ["ma1 ma1", "ma1 ma1", "ma1"]
    long = "春天来了，花儿开了，鸟儿在树上唱歌，孩子们在草地上跑来跑去"
    pieces = pinyin.split_sentences(long, max_syllables=15)
    assert "".join(pieces) == long and all(len(piece) <= 18 for piece in pieces) and len(pieces) > 1


@pytest.mark.real
def test_agrees_with_the_corpus(real_data):
    folder = os.path.join(real_data("thchs30"), "data_thchs30", "doc", "trans")

    def read(name):
        with open(os.path.join(folder, name), encoding="utf-8") as stream:
            return dict(line.strip().split(" ", 1) for line in stream if " " in line.strip())

    words, syllables = read("test.word.txt"), read("test.syllable.txt")
    same = total = 0
    for key in sorted(words)[::25]:
        ours, theirs = pinyin.to_pinyin(words[key].replace(" ", "")).split(), syllables[key].split()
        if len(ours) == len(theirs):
            same += sum(a == b for a, b in zip(ours, theirs))
            total += len(theirs)
    assert total > 1000
    assert same / total > 0.93
