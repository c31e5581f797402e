"""Figures, dates and signs as the characters that are spoken."""

import random

import cn2an
import pytest

from ch09_tacotron.beyond import written_text
from common.errors import UserError


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
        ("2010", "两千零一十"),
        ("10086", "一万零八十六"),
        ("110000", "十一万"),
        ("12345678", "一千二百三十四万五千六百七十八"),
        ("007", "零零七"),
        ("13800138000", "一三八零零一三八零零零"),
    ],
)
def test_numbers(digits, expected):
    assert written_text.read_number(digits) == expected


def test_every_number_can_be_read_back():
    draw = random.Random(1)
    for length in range(1, 17):
        value = draw.randrange(10 ** (length - 1), 10**length)
        spoken = written_text.read_number(str(value), counted=True)
        assert cn2an.cn2an(spoken, "smart") == value
        assert written_text.as_spoken(f"{value:,}元") == spoken + "元" or value < 10 or value == 2


@pytest.mark.parametrize(
    "text, expected",
    [
        ("一共1,234元", "一共一千二百三十四元"),
        ("１２３４元", "一千二百三十四元"),
        ("生日是2024-10-01", "生日是二零二四年十月一日"),
        ("2024/2/9", "二零二四年二月九日"),
        ("2020年10月1日", "二零二零年十月一日"),
        ("2024-10", "二零二四年十月"),
        ("3000年", "三千年"),
        ("90后", "九零后"),
        ("10~20度", "十到二十度"),
        ("10-20人", "十到二十人"),
        ("2023-2024年", "二零二三到二零二四年"),
        ("-5~-1度", "负五到负一度"),
        ("5-10%", "百分之五到百分之十"),
        ("$5-10", "五到十美元"),
        ("2-3个", "两到三个"),
        ("9:00-17:30", "九点到十七点三十"),
        ("9:05", "九点零五"),
        ("2:00", "两点"),
        ("12:30", "十二点三十"),
        ("12:30:45", "十二点三十分四十五秒"),
        ("比分3:2", "比分三比二"),
        ("比分10:12", "比分十比十二"),
        ("2个，第2个，22个，2.5个", "两个、第二个、二十二个、二点五个"),
        ("2月2日2点", "二月二日两点"),
        ("2万2千", "两万两千"),
        ("3.14", "三点一四"),
        ("-5.5度", "负五点五度"),
        ("-3.5%，5‰", "负百分之三点五、千分之五"),
        ("¥1,200万", "一千二百万元"),
        ("1/2，3/4杯", "二分之一、四分之三杯"),
        ("3½杯", "三又二分之一杯"),
        ("50㎡，25℃，100km/h，3kg", "五十平方米、二十五摄氏度、一百公里每小时、三公斤"),
        ("010-62345678", "零一零六二三四五六七八"),
        ("138-0013-8000", "一三八零零一三八零零零"),
        ("拨打110", "拨打一一零"),
        ("1,2,3", "一,二,三"),
        ("你\u200b好\ufeff世\u2060界", "你好世界"),
        ("後來，頭髮", "后来、头发"),
        ("著名的乾隆", "著名的乾隆"),
        ("5月1日-7日", "五月一日到七日"),
        ("2020年~2023年", "二零二零年到二零二三年"),
        ("周一~周五，早8点-晚5点", "周一到周五、早八点到晚五点"),
        ("三-四岁，周一——他走了", "三到四岁、周一——他走了"),
        ("好~走吧-", "好~走吧-"),
        ("3·15晚会，9·11", "三一五晚会、九一一"),
        ("1:2:3，1:10:100", "一比二比三、一比十比一百"),
        ("1米75的人，10米20人", "一米七五的人、十米二十人"),
        ("2两，2个", "二两、两个"),
        ("①②③，共①个", "一、二、三、共一个"),
        (".5", "零点五"),
        ("010-62345678转8001", "零一零六二三四五六七八转八零零一"),
        ("说'5'，\"6\"", "说'五'、\"六\""),
        ("2008年以来，2008年前，2008年来到", "二零零八年以来、二零零八年前、二零零八年来到"),
        ("1000年前，2200年前，约2000年前", "一千年前、两千二百年前、约两千年前"),
        ("2000年历史，1380年的历史，1949年的历史", "两千年历史、一千三百八十年的历史、一九四九年的历史"),
        ("2000年来，20年来，2000年前后，1000年以前", "两千年来、二十年来、二零零零年前后、一千年以前"),
        ("95后，85后，05后，9点30后，0.95后", "九五后、八五后、零五后、九点三十后、零点九五后"),
        ("2年级，2季度，2-3年级，2-3年，2-3小时", "二年级、二季度、二到三年级、两到三年、两到三小时"),
        ("公元前2世纪，2个世纪", "公元前二世纪、两个世纪"),
        ("2人转，2把手，2人，2把刀", "二人转、二把手、两人、两把刀"),
        ("1 200元，1 000 000，$1 200，12 345 km", "一千二百元、一百万、一千二百美元、一万二千三百四十五公里"),
        ("12:30 100人，2024-10-11 200人", "十二点三十 一百人、二零二四年十月十一日 二百人"),
    ],
)
def test_what_people_write(text, expected):
    assert written_text.as_spoken(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "5-3",
        "5-3=2",
        "1,23,456",
        "1,2345",
        "1，200元",
        "110 120",
        "2000年前",
        "10/1",
        "2024/13/01",
        "1/2/2024",
        "3-4-5",
        "10²",
        "7÷2",
        "3*4",
        "25:70:10",
        "A4",
        "25:00",
        "5'30\"",
        "5'",
        "和/或",
        "卡拉OK",
        "https://a.cn/b",
        "+86 13912345678",
    ]
    + ["PM2.5", "m2", "a@b.c", "#1", "5+3", "你\x00好", "\u0628", "7" * 101],
)
def test_what_is_not_clear_is_refused_in_one_line(text):
    with pytest.raises(UserError) as caught:
        written_text.as_spoken(text)
    assert "\n" not in str(caught.value)


def test_nothing_is_dropped():
    """Whatever is mixed from digits, signs and characters is refused, or every digit of it is spoken."""
    draw = random.Random(2)
    pieces = list("0123456789") * 3 + list(".,:-~/%¥$") + list("元个年月日点第度，。 ")
    spoken = "零一二三四五六七八九十两"
    read = refused = 0
    for _ in range(1500):
        text = "".join(draw.choice(pieces) for _ in range(draw.randint(1, 7)))
        try:
            got = written_text.as_spoken(text)
        except UserError:
            refused += 1
            continue
        read += 1
        figures = [c for c in text if c in "123456789"]  # a zero is heard in 十, 百
        assert sum(c in spoken or c in "百千万亿" for c in got) >= len(figures), (text, got)
        assert not set(got) & set("0123456789%¥$/"), (text, got)
    assert read > 300 and refused > 100
