"""Beyond the print (section 9.8.14): figures, dates, signs and traditional characters as the characters that are spoken.

Every rule either gives what a reader would say, or refuses in one line that names what it cannot tell; nothing is left out
without a word. Characters without width (U+200B, byte order marks …) are ignored, for nobody sees them.
"""

import datetime
import functools
import re
import unicodedata

from common.errors import UserError

HAN = "[\u3007\u3400-\u9fff\U00020000-\U0003ffff]"
DIGITS = "零一二三四五六七八九"
PAUSES = set("。！？!?；;…\n，,、：:—-·~～.“”‘’\"'（）()《》〈〉【】[]「」『』 \t\r")
CURRENCIES = {"¥": "元", "US$": "美元", "HK$": "港元", "$": "美元", "€": "欧元", "£": "英镑"}
UNITS = {
    **{"km/h": "公里每小时", "m/s": "米每秒", "km2": "平方公里", "m2": "平方米", "cm2": "平方厘米", "m3": "立方米"},
    **{"km": "公里", "m": "米", "cm": "厘米", "mm": "毫米", "kg": "公斤", "g": "克", "mg": "毫克", "t": "吨"},
    **{"L": "升", "l": "升", "mL": "毫升", "ml": "毫升", "h": "小时", "min": "分钟", "s": "秒", "ms": "毫秒"},
    **{
        "Hz": "赫兹",
        "kHz": "千赫",
        "MHz": "兆赫",
        "W": "瓦",
        "kW": "千瓦",
        "V": "伏",
        "°C": "摄氏度",
        "°F": "华氏度",
        "°": "度",
    },
}
# Words that count things: 2 is 两 before them (二 in 二月, 二号, 二楼).
MEASURES = (
    "个 位 名 只 张 条 本 件 次 天 年 周 岁 块 元 角 毛 斤 两 吨 米 里 升 克 点 种 类 套 双 对 头 匹 棵 "
    "朵 支 枝 根 把 台 辆 架 艘 座 栋 间 家 所 倍 遍 趟 场 顿 杯 瓶 碗 盘 袋 箱 盒 包 份 篇 封 首 部 段 "
    "句 行 列 排 组 队 户 口 门 片 滴 颗 粒 串 束 群 批 代 样 步 声 人 万 千 亿 秒 季 公里 公斤 公分 千克 "
    "厘米 毫米 毫升 平方 立方 小时 分钟 星期 美元 欧元 英镑 港元 摄氏度 华氏度 半天 条件"
).split()
# Words that begin with one of these and yet give a number its place or are a name: 二年级, 二季度, 二人转, 二次方.
NO_MEASURES = tuple("年级 季度 人转 把手 次元 次方 次函数".split())
MOST_FIGURES = 100  # in a row; the patterns below take the square of their number in time
FRACTIONS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8"}
# A day or a time that begins and one that ends a span: 周一~周五, 5月1日-7日, 早8点~晚5点, 三~五天.
_DAY = "(?:周|星期|礼拜)[一二三四五六日天]"
SPAN_FROM = r"(?:%s|\d(?:年代|[年月日号点时])|[%s十百千万](?:年代|[年月日号点时])?)" % (_DAY, DIGITS + "〇")
SPAN_TO = r"(?:早上?|晚上?|上午|中午|下午|次日)?(?:%s|\d+[年月日号点时]|[%s十百千万])" % (_DAY, DIGITS + "〇")
NUMBER = r"\d+(?:\.\d+)?"
QUANTITY = r"(?:(?:US|HK)?\$|[¥€£])?-?\d+(?::\d\d|/\d+|(?:\.\d+)?[万亿千百]*(?:%%|‰|(?:%s)(?![A-Za-z]))?)" % "|".join(
    sorted(map(re.escape, UNITS), key=len, reverse=True)
)
DASH = "(?:--|——|[-~–—])"


def named(text: str) -> str:
    """Characters as an error shows them, with their code points: signs that cannot be seen are found by these."""
    points = " ".join("U+%04X" % ord(c) for c in text[:8]) + (" …" if len(text) > 8 else "")
    return "'%s' (%s)" % ("".join(c if c.isprintable() else "?" for c in text), points)


def read_digits(digits: str) -> str:
    """Digit by digit: ``2024`` → 二零二四."""
    return "".join(DIGITS[int(digit)] for digit in digits)


def read_number(digits: str, counted: bool = False) -> str:
    """A whole number in Chinese characters: ``105`` → 一百零五; a leading 0, or more than 8 digits, is read digit by digit.

    Args:
      counted: something is counted: up to 16 digits are a number.
    """
    from cn2an import an2cn

    if len(digits) > 1 and digits[0] == "0" or len(digits) > (16 if counted else 8):
        return read_digits(digits)
    text = an2cn(str(int(digits)), "low")
    return "两" + text[1:] if text[:2] in ("二千", "二万", "二亿") else text


@functools.lru_cache(maxsize=None)
def _simplifier():
    from opencc import OpenCC

    return OpenCC("t2s")


def simplified(text: str) -> str:
    """Traditional characters as simplified ones; a text without any stays as it is (乾, 著 … are both)."""
    try:
        text.encode("gb2312", errors="strict")
        return text
    except UnicodeEncodeError:
        pass
    converted = _simplifier().convert(text)
    if not any(c != d and not _in_gb2312(c) for c, d in zip(text, converted)) or len(text) != len(converted):
        return text
    # 綪 has a simplified form that no font and no dictionary has
    return "".join(c if d > "\uffff" else d for c, d in zip(text, converted))


def _in_gb2312(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _clean(text: str) -> str:
    """NFKC (full-width digits, letters and signs; ℃, ㎡, ①) of what can be seen."""
    text = "".join(c for c in text if unicodedata.category(c) != "Cf" and not "\ufe00" <= c <= "\ufe0f")
    powers = re.search(r"\d[⁰¹²³⁴-⁹₀-₉]+", text)
    if powers:
        raise UserError("cannot read the power or index in %s: write it in characters" % named(powers.group()))
    text = re.sub("[①-⒇](?=[0-9０-９①-⒇])", lambda m: m.group() + "、", text)  # ①② are two numbers, not 12
    for sign, fraction in FRACTIONS.items():
        text = re.sub("(\\d)" + sign, "\\1又" + fraction, text).replace(sign, fraction)
    thousands = re.search("(?<![0-9])[0-9]{1,2}(?:，[0-9]{3})+(?![0-9])", text)
    if thousands:
        raise UserError("cannot tell the thousands from a list in '%s'" % thousands.group())
    text = re.sub("(?<=[０-９])，(?=[０-９])", ",", text).replace("，", "、")  # a pause, no sign of thousands
    return unicodedata.normalize("NFKC", text.replace("…", "。")).replace("−", "-").replace("〜", "~")


def _date(match) -> str:
    year, month, day = match.group(1), int(match.group(2)), match.group(3)
    try:
        datetime.date(int(year), month, int(day or 1))
    except ValueError:
        raise UserError("'%s' is no date: write it as it is spoken" % match.group())
    return (
        read_digits(year) + "年" + read_number(str(month)) + "月" + (read_number(str(int(day))) + "日" if day else "")
    )


def _range(match) -> str:
    """'10~20度' with 到; the sign of money or percent that stands once counts for both."""
    left, sign, right, behind = match.group(1), match.group(2), match.group(3), match.group(4)
    low, high = (
        float(re.search(NUMBER, side.replace("-", "")).group()) * (-1 if "-" in side else 1) for side in (left, right)
    )
    plain = re.match(r"-?\d+$", left) and re.match(r"-?\d+$", right)
    if "-" in sign and low >= high and ":" not in left:
        raise UserError("'%s': a range, a score or a subtraction? Write 到, 比 or 减" % match.group(0).strip())
    money = re.match(r"(?:(?:US|HK)?\$|[¥€£])", left)
    if money and not re.match(r"(?:(?:US|HK)?\$|[¥€£])", right):
        left, right = left[money.end() :], money.group() + right
    if right[-1] in "%‰" and left[-1].isdigit():
        left += right[-1]
    year = re.match(r"[12]\d{3}$", left) and re.match(r"[12]\d{3}$", right) and (behind == "年" or low < high)
    if plain and year:
        return read_digits(left) + "到" + read_digits(right) + behind
    if left == "2" and _is_counted(match.string[match.start(4) :]):
        left = "两"
    return left + "到" + right + behind


def _time(match) -> str:
    """9:05 → 九点零五; what is no time of day is a score or a scale (3:2 → 三比二)."""
    before, hour, minute, second = match.groups()
    if before or len(minute) != 2 or int(hour) > 24 or int(minute) > 59:
        if second or any(len(part) > 1 and part[0] == "0" for part in (hour, minute)):
            raise UserError("'%s' is no time: write it as it is spoken" % match.group())
        return (before or "") + read_number(hour) + "比" + read_number(minute)
    spoken = ("两" if int(hour) == 2 else read_number(str(int(hour)))) + "点"
    if minute == "00":
        return spoken + ("零分%s秒" % read_number(second) if second and int(second) else "")
    return spoken + read_number(minute) + ("分%s秒" % read_number(second) if second else "")


def _percent(match) -> str:
    minus, number, sign = match.groups()
    return ("负" if minus else "") + ("百分之" if sign == "%" else "千分之") + number


def _fraction(match) -> str:
    over, under = match.groups()
    if int(over) >= int(under):
        raise UserError("'%s': a date or a fraction? Write it as it is spoken" % match.group())
    return read_number(under) + "分之" + read_number(over)


def _year(match) -> str:
    """2008年以来 → 二零零八年以来; but 1500年前, 2000年历史 and 2000年来 are so many years, which ``_integer`` reads."""
    digits, behind = match.groups()
    if not behind or digits[:2] in ("19", "20") and digits[2:] != "00":
        return read_digits(digits)
    if behind == "年前" and match.string[: match.start()].endswith(("约", "近", "距今")):
        return digits
    if behind == "年前" and digits in ("1900", "2000"):  # before that year, or so many years ago
        raise UserError("cannot tell what '%s' means: write it as it is spoken" % (digits + behind))
    if "前" in behind and (digits[2:] != "00" or digits in ("1900", "2000")):
        return read_digits(digits)
    return digits


def _thousands(match) -> str:
    """1 200元 → 1200元; a row of numbers looks the same."""
    before, behind = match.string[: match.start()], match.string[match.end() :].lstrip(" ")
    counted = _is_counted(behind) or behind.startswith(tuple(UNITS) + ("%", "‰")) or before.endswith(tuple("$¥€£"))
    if counted or match.group().endswith(" 000"):
        return match.group().replace(" ", "")
    raise UserError("cannot tell the thousands from a list in '%s'" % match.group())


def _is_counted(behind: str) -> bool:
    """Whether what stands behind a number begins with a word that counts things."""
    return behind.startswith(tuple(MEASURES)) and not behind.startswith(NO_MEASURES)


def _integer(match) -> str:
    text, (start, end) = match.string, match.span()
    digits, behind = match.group(), text[end:]
    counted = _is_counted(behind)
    if text[max(0, start - 1) : start] == "米" and len(digits) == 2 and not counted:
        return read_digits(digits)  # 1米75
    if (
        digits == "2"
        and counted
        and not behind.startswith("两")
        and text[max(0, start - 1) : start] not in tuple("第点十百年月周初")
    ):
        return "两"
    return read_number(digits, counted)


def as_spoken(text: str) -> str:
    """A text in which all is Chinese characters and punctuation: ``1,234元`` → 一千二百三十四元.

    Raises:
      UserError: a sign, a letter or an arrangement of figures that cannot be read; named with its code point.
    """
    text = simplified(_clean(text))
    longest = max(re.findall(r"\d+", text), key=len, default="")
    if len(longest) > MOST_FIGURES:
        raise UserError("a number of %d figures, %s…: nobody reads that out" % (len(longest), longest[:20]))
    text = re.sub(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?![\d,])", lambda m: m.group().replace(",", ""), text)
    if re.search(r"\d,\d{2,}", text):
        raise UserError(
            "cannot tell the thousands from a list in '%s'" % re.search(r"[\d,.]*\d,\d[\d,.]*", text).group()
        )
    text = re.sub(r"(?<![\d,])(?<!\d[-:/. ])[1-9]\d{0,2}(?: \d{3})+(?! ?\d)", _thousands, text)
    text = re.sub(r"(?<!\S)\.(?=\d)", "0.", text)
    inches = re.search(r"\d['\"]\s?\d|\d['\"]$", text)
    if inches and (text.count("'") % 2 or text.count('"') % 2):
        raise UserError("feet, inches, minutes or a quotation in '%s'? Write it in characters" % text.strip()[:40])
    text = re.sub(r"(\d+)·(\d+)", lambda m: read_digits(m.group(1) + m.group(2)), text)  # 3·15, 9·11: days of that name
    text = re.sub(r"(%s)\s?[-~–—]\s?(?=%s)" % (SPAN_FROM, SPAN_TO), r"\1到", text)
    # telephone numbers: by their form, or by the word before them
    text = re.sub(
        r"(?<![\d.-])(?:0\d{2,3}-\d{7,8}|[48]00-\d{3,4}-\d{3,4}|1\d{2}([- ])\d{4}\1\d{4}|1[3-9]\d{9})(?:转\d+)?(?![\d.-])",
        lambda m: "转".join(read_digits(re.sub(r"\D", "", part)) for part in m.group().split("转")),
        text,
    )
    text = re.sub(
        r"((?:电话|手机|热线|拨打|号码|分机|尾号|编号|邮编|代码|房号|车号|密码)(?:号码|号)?(?:是|为|[:：])?\s?)(\d{3,})(?![\d.])",
        lambda m: m.group(1) + read_digits(m.group(2)),
        text,
    )
    text = re.sub(
        r"(?<![\d./-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?![\d/-])", lambda m: _date(_Groups(m, 1, 3, 4)), text
    )
    text = re.sub(r"(?<![\d./-])([12]\d{3})-(0[1-9]|1[0-2])(?![\d/年-])", lambda m: _date(_Groups(m, 1, 2, None)), text)
    chain = re.search(r"\d+(?:%s\d+){2,}|\d+(?:/\d+){2,}" % DASH, text)
    if chain:
        raise UserError("cannot tell what '%s' means: write it as it is spoken" % chain.group())
    text = re.sub(r"(%s)\s?(%s)\s?(%s)(%s?)" % (QUANTITY, DASH, QUANTITY, HAN), _range, text)
    ratio = r"(?<![\d:])(?!\d{1,2}:\d\d:\d\d(?![\d:]))\d+(?::\d+){2,}"  # 1:2:3, no time of day
    text = re.sub(ratio, lambda m: m.group().replace(":", "比"), text)
    text = re.sub(r"(比分|比例|比|以)?(?<!\d)(\d+):(\d+)(?::(\d\d))?(?!\d)", _time, text)
    text = re.sub(
        r"((?:US|HK)?\$|[¥€£])\s?(-?%s[万亿千百]*)(?!\s?[元块])" % NUMBER,
        lambda m: m.group(2) + CURRENCIES[m.group(1)],
        text,
    )
    text = re.sub(r"(-?)(%s)([%%‰])" % NUMBER, _percent, text)
    for unit in sorted(UNITS, key=len, reverse=True):
        text = re.sub(r"(?<=[\d万亿千百])\s?%s(?![A-Za-z0-9])" % re.escape(unit), UNITS[unit], text)
    text = re.sub(r"(?<![\d/])(\d+)[/⁄](\d+)(?![\d/])", _fraction, text)
    text = re.sub(r"(?<!\d)([12]\d{3})(?=(年(?:来(?!到)|的?历史|以?前(?![后夕])))|年)", _year, text)
    # 90后, 95后: who was born then; 8点30后 is a time
    text = re.sub(r"(?<![\d.点])([0-9]0|[6-9]5|05)(?=后(?![来面]))", lambda m: read_digits(m.group(1)), text)
    arithmetic = re.search(r"\d\s?[-~–—:/=+*^×÷<>]+\s?\d", text)
    if arithmetic:
        raise UserError("cannot read '%s' between figures: write it in characters" % arithmetic.group())
    text = re.sub(r"(?<![\d.])-(?=\d)", "负", text)
    text = re.sub(r"(\d+)((?:\.\d+)+)", lambda m: read_number(m.group(1)) + read_decimals(m.group(2)), text)
    text = re.sub(r"\d+", _integer, text)
    _check(text)
    return text


def read_decimals(digits: str) -> str:
    return "".join("点" if c == "." else DIGITS[int(c)] for c in digits)


class _Groups:
    """A match with its groups counted anew."""

    def __init__(self, match, *numbers):
        self.match, self.numbers = match, numbers

    def group(self, number=0):
        if number == 0:
            return self.match.group()
        return self.match.group(self.numbers[number - 1]) if self.numbers[number - 1] else None


def _check(text: str) -> None:
    letters = re.findall(r"[^\W\d_]+", re.sub(HAN, " ", text))
    if letters:
        raise UserError(
            "cannot speak %s: write Latin words in characters or pinyin" % ", ".join(map(named, letters[:5]))
        )
    strange = sorted({c for c in text if c not in PAUSES and not re.match(HAN, c)})
    if strange:
        raise UserError("cannot speak %s in '%s': leave it out" % (named("".join(strange)), text.strip()[:40]))
