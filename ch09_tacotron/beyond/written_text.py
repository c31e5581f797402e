"""Beyond the print (section 9.8.14): figures, dates, signs and traditional characters as the characters that are spoken.

Every rule either gives what a reader would say, or refuses in one line that names what it cannot tell; nothing is left out
without a word. Characters without width (U+200B, byte order marks …) are ignored, for nobody sees them.
"""

import datetime
import re
import unicodedata

from ch09_tacotron.beyond.readings import without_sure
from ch09_tacotron.beyond.traditional import simplified
from ch09_tacotron.beyond.words import parts_of_speech, tokenizer
from common.errors import UserError

HAN = "[\u3007\u3400-\u9fff\U00020000-\U0003ffff]"
DIGITS = "零一二三四五六七八九"
ONE = "弌"  # of ``readings.SURE``
PAUSES = set("。！？!?；;…\n，,、：:—-·~～.“”‘’\"'（）()《》〈〉【】[]「」『』 \t\r")
MONEY_NAMES = ("RMB", "CNY", "USD", "HKD", "EUR", "GBP", "JPY")
CURRENCIES = {"¥": "元", "US$": "美元", "HK$": "港元", "NT$": "台币", "$": "美元", "€": "欧元", "£": "英镑"}
MONEY = r"(?<![A-Za-z\d])(?:(?:US|HK|NT)?\$|[¥€£])"
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
    **{
        "dm": "分米",
        "nm": "纳米",
        "μm": "微米",
        "dB": "分贝",
        "GHz": "吉赫",
        "kWh": "千瓦时",
        "mAh": "毫安时",
        "kcal": "千卡",
    },
    **{"KB": "KB", "MB": "兆", "GB": "GB", "TB": "TB"},  # G and B are letters to speakers
}
# Units that people write in any case, for none is another unit then (mW and MW, g and G are).
for _unit in "km cm mm kg mg mL Hz kHz MHz GHz kW kWh mAh dB kcal km/h KB MB GB TB".split():
    UNITS.update({_case: UNITS[_unit] for _case in (_unit.upper(), _unit.lower(), _unit.capitalize())})
_ANY_UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
UNIT = re.compile(
    r"(?:(?<=[\d万亿千百])\s?(%(u)s)(?:/(%(u)s))?|(?<=%(h)s/)(%(u)s))(?![A-Za-z0-9])" % {"u": _ANY_UNIT, "h": HAN}
)
# Words that count things: 2 is 两 before them (二 in 二月, 二号, 二楼).
MEASURES = (
    "个 位 名 只 张 条 本 件 次 天 年 周 岁 块 元 角 毛 斤 两 吨 米 里 升 克 点 种 类 套 双 对 头 匹 棵 "
    "朵 支 枝 根 把 台 辆 架 艘 座 栋 间 家 所 倍 遍 趟 场 顿 杯 瓶 碗 盘 袋 箱 盒 包 份 篇 封 首 部 段 "
    "句 行 列 排 组 队 户 口 门 片 滴 颗 粒 串 束 群 批 代 样 步 声 人 万 千 亿 秒 季 公里 公斤 公分 千克 "
    "厘米 毫米 毫升 平方 立方 小时 分钟 星期 美元 欧元 英镑 港元 摄氏度 华氏度 半天 条件 "
    "项 款 幅 层 页 罐 笔 股 轮 站 课时 桌 桶 壶 盆 勺 盏 集 圈 处 起 例 票 届 国 者 边 成 多 节 堂 枚 面 团 册 副 扇 堆 番 餐 "
    "夜 亩 公顷 英里 英寸 英尺 海里 光年"
).split()
PER = re.compile(  # 3元/, 500元每人/, before a word or 100km
    r"(\d[万亿千百]*[多余]?(?:%s)(?:每%s{1,3})*)/(?=%s|10*(?!\d))"
    % ("|".join(sorted(set(MEASURES) | set(UNITS.values()), key=len, reverse=True)), HAN, HAN)
)
# Words that begin with one of these and yet give a number its place or are a name: 二年级, 二季度, 二人转, 二次方.
NO_MEASURES = tuple(
    "年级 季度 人转 把手 次元 次方 次函数 人工 起飞 起床 起来 起步 起点 处理 成功 成为 成立 成员 国际".split()
)
# What a number behind 手机, 编号 … counts, so that it is no number of theirs: 手机2999元, 代码1000行; but 拨打10086人工.
NOT_A_NAME = re.compile(
    r"\s?(?:[元块万亿台部行条位款件套种遍通份页字天年名家多余几起平户]|次(?!数)|[个人](?![人工员])|小时|分钟|左右|以[上下内]|[%%‰]|(?:%s)(?![A-Za-z]))"
    % _ANY_UNIT
)
CALLED = (
    "电话|手机|热线|拨打|号码|分机|尾号|编号|邮编|代码|房号|车号|密码|客服|火警|匪警|急救|报警|总机|传真|座机|专线|来电|验证码|区号"
    "|学号|工号|卡号|账号|单号|车牌|牌照|门牌|QQ|单元|号楼|栋|幢|国道|省道|波音|空客|打(?=(?:110|119|12[02]|9[56]\\d{3}|10\\d{3}|123\\d\\d)(?!\\d))"
)
COUNTRY = r"(?:\+\d{1,3}[- ]?|\(\+\d{1,3}\)[- ]?)?"
TELEPHONE = re.compile(
    r"(?<![\d.+A-Za-z-])(?:%(c)s(?:0\d{1,3}[- ]|\(0\d{1,3}\)[ -]?)(?:\d{7,8}|\d{3,4}[- ]\d{3,4})|[48]00-\d{3,4}-\d{3,4}"
    r"|%(c)s1\d{2}([- ])\d{4}\1\d{4}|%(c)s1[3-9]\d{9}"
    r"|\+\d{1,3}(?:[- ](?:\(0\))?\(?\d{1,4}\)?){1,3}[- ]\d{3,8}|\+\d{1,3}[- ]\d{7,11})"
    r"(?:转\d+)?(?!\d|[.-]\d)" % {"c": COUNTRY}
)
# What stands behind a number that is a name, read one by one: 1205室, 307路, 110报警, 985高校; but 共128教室, 300房间, 996元.
NAMING = re.compile(
    r"(?<![\d.,:/%+共约近有超过第-])(?:(?!\d+00(?!\d))\d{3,4}(?=号?(?:室|房间|会议室|教室|宿舍|寝室|病房|包厢|包间))"
    r"|\d{3}(?=路(?!人)|国道|省道)|\d{3,5}(?=热线|报警|急救电话)|\d{2}[1-9](?=医院|客机|飞机)"
    r"|(?:985|211)(?=、(?:985|211)|高校|大学|院校|工程|毕业)|996(?=工作制|加班))"
)
# A year before what is held every few years, or named by it.
EVENTS = "奥运|冬奥|亚运|世界杯|欧洲杯|亚洲杯|世博|春晚|峰会|大会|年会|晚会|论坛|联赛|大赛|锦标赛|公开赛|春节|新年|新春|春季|秋季"
# Before a number it is no year, though it has four figures.
AMOUNT = re.compile(
    "(?:价格?|海拔|收入|租金|[房月]租|预算|费用|[月年底]薪|工资|[约共需重达近超]|人数|至少|最多|不到)[:为是在]?$"
)
# The point of a number that begins with it, .75 or -.5; behind a word it may be the end of a sentence.
POINT_FIRST = re.compile(r"(?:^|(?<=[-\s~～–—−+=/:：,，、。;；(（“‘《$¥￥€£]))\.(?=\d)")
ORDERED = "[年月日号点时班楼届:、]"  # behind a number with no point: 他走了.5点再来
# Syllables with a tone digit, among characters; one letter and a digit (a4) must stand apart to be one.
PINYIN = r"(?<![A-Za-z0-9./])(?:(?![kcd]m[23])[a-z]{2,}[1-5](?![A-Za-z0-9])|(?<!\S)[aeo][1-5](?!\S))"
LETTERS = "(?<![A-Za-z])[A-Z]{1,5}(?![A-Za-z])"
ROMAN = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"]
MOST_FIGURES = 100  # in a row; the patterns below take the square of their number in time
FRACTIONS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8"}
# A day or a time that begins and one that ends a span: 周一~周五, 5月1日-7日, 早8点~晚5点, 三~五天.
_DAY = "(?:周|星期|礼拜)[一二三四五六日天]"
SPAN_FROM = (
    r"(?:%s|\d:\d\d|点(?:半|\d\d?分?|[零一二三四五六七八九十]{1,3}分)|\d(?:年代|年级|[年月日号点时])|[%s十百千万](?:年代|年级|[年月日号点时])?)"
    % (_DAY, DIGITS + "〇")
)
_PART = "早上?|晚上?|上午|中午|下午|凌晨|清晨|傍晚|夜[里间]|[深半午]夜|[当翌次][天日晚]|第二天|[今明后][天早晚]|初"
SPAN_TO = r"(?:%s){0,2}(?:%s|\d+:\d\d|\d+[年月日号点时]|[%s十百千万])" % (_PART, _DAY, DIGITS + "〇")
NUMBER = r"\d+(?:\.\d+)?"
QUANTITY = r"(?:%s)?-?\d+(?::\d\d|/\d+|(?:\.\d+)?[万亿千百]*(?:%%|‰|(?:%s)(?![A-Za-z]))?)" % (MONEY, _ANY_UNIT)
DASH = "(?:--|——|[-~–—])"


# Before a dash that is no minus: 歼-20, 神舟-20; but 航运-3%.
SERIES = r"(歼|轰|运|直|米格|东风|长征|神舟|嫦娥|天问)-(?=\d+(?![\d.%]))"
# 100W, 3W-5W and 10W+ as so many 万, by what is counted before or behind them.
WAN = re.compile(r"(?<![A-Za-z\d.])(?:%(n)s\s?[Ww]%(d)s)?%(n)s\s?[Ww](?![A-Za-z\d])\+?" % {"n": NUMBER, "d": DASH})
WAN_BEFORE = re.compile(
    "(?:粉丝|价格|售价|市值|估值|融资|投资|[年月底时]薪|工资|薪资|存款|首付|房[价款]|总价|预算|播放|点击|阅读|浏览|下载|销量|点赞|用户|会员|奖金|彩礼|身价|收入|营收|关注)"
    "[数量额]?(?:[:为是有了达超近约破到突过]|已经?)*\\s?$"
)
WAN_BEHIND = re.compile(
    r"\s?[多余]?(?:人|[元块]|美[元金]|[港欧日]元|英镑|粉|用户|观众|读者|玩家|网友|会员|[名位个次字]|点赞|播放|浏览|阅读|下载|订阅|关注|存款|现金)"
)
PLATE = re.compile(
    r"(?<=[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼])([A-Z])[· -]?([A-Z\d]{5,6}|[A-Z\d]{4}(?=[学警港澳挂]))"
    r"(?![A-Za-z\d])"
)


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


def _clean(text: str) -> str:
    """NFKC (full-width digits, letters and signs; ℃, ㎡, ①) of what can be seen."""
    text = "".join(c for c in text if unicodedata.category(c) != "Cf" and not "\ufe00" <= c <= "\ufe0f")
    powers = re.search(r"\d[⁰¹²³⁴-⁹₀-₉]+", text)
    if powers:
        raise UserError("cannot read the power or index in %s: write it in characters" % named(powers.group()))
    if re.search("[™℠℡]", text):  # NFKC makes letters of them that nobody reads out
        raise UserError("cannot speak %s in '%s': leave it out" % (named("™"), text.strip()[:40]))
    text = re.sub("[①-⒇Ⅰ-Ⅻ](?=[0-9０-９①-⒇Ⅰ-Ⅻ])", lambda m: m.group() + "、", text)  # ①② are two numbers, not 12
    text = re.sub("[Ⅰ-Ⅻ]", lambda m: str(ord(m.group()) - 0x215F), text)
    text = re.sub("(?<=[〇○零一二三四五六七八九])○|○(?=[〇○零一二三四五六七八九])", "〇", text)
    text = re.sub("[•・･‧⋅]", "·", text)
    for sign, fraction in FRACTIONS.items():
        text = re.sub("(\\d)" + sign, "\\1又" + fraction, text).replace(sign, fraction)
    thousands = re.search("(?<![0-9])[0-9]{1,2}(?:，[0-9]{3})+(?![0-9])", text)
    if thousands:
        raise UserError("cannot tell the thousands from a list in '%s'" % thousands.group())
    text = re.sub("(?<![A-Za-z])−(?![A-Za-z])", "-", text)  # N−1 is a formula, no name such as F-16
    text = re.sub("(?<=[０-９])，(?=[０-９])", ",", text).replace("，", "、")  # a pause, no sign of thousands
    return unicodedata.normalize("NFKC", text.replace("…", "。")).replace("〜", "~")


def _wan(match) -> str:
    """100W人, 年薪30W, 10W+粉丝: W is 万 where people or money are counted; else it is 瓦 (60W台灯)."""
    before, behind = match.string[: match.start()], match.string[match.end() :]
    if not WAN_BEFORE.search(before) and not WAN_BEHIND.match(behind):
        return match.group()
    return re.sub(r"\s?[Ww]", "万", match.group()).replace("+", "加")


def _plate(match) -> str:
    """沪A·88888: sign by sign, as it stands on the car."""
    letter, rest = match.groups()
    if not re.search(r"\d", rest) or NOT_A_NAME.match(match.string[match.end() :]):
        return match.group()
    return letter + re.sub(r"\d", lambda m: read_digits(m.group()), rest)


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
    money = re.match(MONEY, left)
    if money and not re.match(MONEY, right):
        left, right = left[money.end() :], money.group() + right
    if right[-1] in "%‰" and left[-1].isdigit():
        left += right[-1]
    if plain and _are_years(left, right, match.string[: match.start()], match.string[match.start(4) :]):
        return read_digits(left) + "到" + read_digits(right) + behind
    if left == "2" and _is_counted(match.string[match.start(4) :]):
        left = "两"
    return left + "到" + right + behind


def _are_years(left: str, right: str, before: str, behind: str) -> bool:
    """Whether two numbers with a dash between them are years: 1990-1995年; 1200-1500元 and 海拔1500-2000米 are none."""
    if not re.match(r"[12]\d{3}$", left) or not re.match(r"[12]\d{3}$", right):
        return False
    behind = behind.lstrip(" ")
    if behind.startswith("年"):
        return not (left + right).endswith("00") or not re.match("年(?:前|的?历史)", behind)
    amount = _is_counted(behind) or behind.startswith(("左右", "余", "字", "度", "分", "以上", "以下"))
    return int(left) < int(right) and not amount and not AMOUNT.search(before)


# What a score or a scale has before or behind it, where 10:12 could be a time of day.
SCORES = "(?:大?比分|比例尺?|比率|汇率|赔率|配比)(?:[:是为约]|大约)?"
BEATEN = "[大战险完获取]胜|击败|不敌|惜败|逆转|横扫|力克|淘汰|领先|落后|[战逼]平|告负"
WON = "的?(?:[大总]?比分|比例|比率|%s|[胜平赢输负败])" % BEATEN


def _time(match) -> str:
    """9:05 → 九点零五; what is no time of day is a score or a scale (3:2 → 三比二)."""
    before, hour, minute, second = match.groups()
    behind = match.string[match.end() :].lstrip(" ")
    score = before and (before not in ("比", "以") or before == "以" and re.match(WON, behind))
    score = score or re.match("的?(?:大?比分|比例|比率)", behind)
    if score or len(minute) != 2 or int(hour) > 24 or int(minute) > 59:
        if second or any(len(part) > 1 and part[0] == "0" for part in (hour, minute)):
            raise UserError("'%s' is no time: write it as it is spoken" % match.group())
        return (before or "") + read_number(hour) + "比" + read_number(minute)
    spoken = (before or "") + ("两" if int(hour) == 2 else read_number(str(int(hour)))) + "点"
    if minute == "00":
        return spoken + ("零分%s秒" % read_number(second) if second and int(second) else "")
    return spoken + read_number(minute) + ("分%s秒" % read_number(second) if second else "")


def _score(match) -> str:
    """比分2-1, 以1-2告负, 4-2击败: a dash for 比; 2-3平方米 is none."""
    before, first, second = match.groups()
    won = re.match(WON if before == "以" else BEATEN, match.string[match.end() :].lstrip(" "))
    return (before or "") + first + "比" + second if won or before not in (None, "以") else match.group()


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


def _is_pair(before: str, behind: str) -> bool:
    """Whether a 2 is 两: it counts, and is no ordinal (第2个), no part of a number (百2), no name (周2, A2, 在2层)."""
    if not _is_counted(behind) or behind.startswith("两") or re.search("[第点十百初章A-Z]$", before):
        return False
    if behind.startswith("层"):  # a floor, unless something has so many of them
        many = re.match("层[楼高小厚皮纸布窗床塔]|层别墅|层玻璃", behind) and not re.search("[在住于到去]$", before)
        return bool(many or re.search("[有共高盖穿铺包裹分成厚叠隔]了?$", before))
    if behind.startswith("集") and re.search("[至到]$", before):
        return False
    return not re.search(r"(?<![每一两几半双\d])周$", before) or behind[0] in "次天项"


def _integer(match) -> str:
    text, (start, end) = match.string, match.span()
    digits, before, behind = match.group(), text[:start], text[end:]
    counted = _is_counted(behind)
    if before.endswith(("米", "秒")) and len(digits) == 2 and not counted and not behind.startswith("秒"):
        return read_digits(digits)  # 1米75, 9秒58
    if digits == "1" and _is_name(before[-9:], behind):
        return ONE
    return "两" if digits == "2" and _is_pair(before[-9:], behind) else read_number(digits, counted)


def _telephone(match) -> str:
    """+86 (0)10-… : the country's sign is 加; 转 stays."""
    number = match.group()
    if "+" in number and len(re.findall(r"\d", number)) < 9:
        return number
    spoken = "转".join(read_digits(re.sub(r"\D", "", part)) for part in number.split("转"))
    return "加" * ("+" in number) + spoken


def _called(match) -> str:
    """拨打110, 编号1234: digit by digit, unless the number counts something (手机2999元, 拨打100次)."""
    if NOT_A_NAME.match(match.string[match.end() :]):
        return match.group()
    return match.group(1) + re.sub(r"\d+", lambda m: read_digits(m.group()), match.group(2))


def _telephones(text: str) -> str:
    """Telephone numbers by their form, and other numbers by the word before them."""
    text = TELEPHONE.sub(_telephone, text)
    name = r"((?:%s)(?:号码|号)?(?:是|为|[:：])?\s?)(\d{3,}(?:[、和或]\d{3,})*)(?![\d.,:-])" % CALLED
    return NAMING.sub(lambda m: read_digits(m.group()), re.sub(name, _called, text))


def _dates(text: str) -> str:
    """2024-10-01, 2024-10, 01月05日, 26年1月, 2026届, 2008北京奥运会, 1990s."""
    full = r"(?<![\d./-])(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?![\d/-])"
    text = re.sub(full, lambda m: _date(_Groups(m, 1, 3, 4)), text)
    text = re.sub(r"(?<![\d./-])([12]\d{3})-(0[1-9]|1[0-2])(?![\d/年-])", lambda m: _date(_Groups(m, 1, 2, None)), text)
    text = re.sub(r"(?<!\d)0([1-9])(?=月)|(?<=月)0([1-9])(?=[日号])", lambda m: m.group(1) or m.group(2), text)
    text = re.sub(r"(?<![\d.满期刑])\d\d(?=年\d{1,2}月)", lambda m: read_digits(m.group()), text)
    season = r"(?<![\d.])((?:19|20)?\d\d)\s?(?:/|%s)\s?(\d\d)(?=赛季|学年|财年)" % DASH  # 2026-27赛季
    text = re.sub(season, lambda m: read_digits(m.group(1)) + "到" + read_digits(m.group(2)), text)
    text = re.sub(r"(?<![\d.])((?:1[89]\d|20[0-3])0)s(?![A-Za-z])", lambda m: read_digits(m.group(1)) + "年代", text)
    return re.sub(r"(?<![\d.])(?:((?:19|20)\d\d)\s?%s\s?)?((?:19|20)\d\d)(?=%s)" % (DASH, HAN), _event, text)


def _event(match) -> str:
    """2008北京奥运会, 2026届, 2014-2015赛季: a year, or a span of years."""
    first, digits = match.groups()
    behind = match.string[match.end() :]
    named_by_it = re.match("届|级(?!台阶)|赛季|财年|新?[款版]", behind) and digits != "2000"
    held = not _is_counted(behind) and re.match("%s{0,6}?(?:%s)" % (HAN, EVENTS), behind)
    if not (named_by_it or held) or first and first >= digits:
        return match.group()
    return (read_digits(first) + "到" if first else "") + read_digits(digits)


def _about(match) -> str:
    """2、3个 → 两三个: one number and the next, and something counted."""
    first, second, behind = match.group(1), match.group(2), match.string[match.end() :]
    if int(second) != int(first) + 1 or not (_is_counted(behind) or behind[0] in "十百千"):
        return match.group()
    return "".join("两" if digit == "2" else read_digits(digit) for digit in (first, second))


def _money(match) -> str:
    """¥3.5万 and ¥3.5万元 → 3.5万元, $5元 → 5美元: the sign goes where the word stands, or in its place."""
    sign, number, behind = match.groups()
    own = sign == "¥" or behind not in (None, "元", "块", "块钱")
    return number + (behind if behind and own else CURRENCIES[sign])


def _prices(text: str) -> str:
    number = r"-?%s(?!\d|\.\d)[万亿千百]*[多余]?" % NUMBER
    text = re.sub(r"(%s)\s?(%s)(?:\s?([美港欧]?元|块钱?|英镑))?" % (MONEY, number), _money, text)
    return re.sub(r"(?<=[\d万亿千百])\s?([¥€£])(?!\s?-?\d)", lambda m: CURRENCIES[m.group(1)], text)


def _unit(match) -> str:
    if re.search(r"[A-Z]\d+$", match.string[: match.start()]) and not match.group().startswith(" "):
        return match.group()  # A6L
    return "/".join(UNITS[unit] for unit in match.groups() if unit)


def _degrees(match) -> str:
    """39°54′20″."""
    degrees, minutes, seconds = match.groups()
    return "%s度%s分%s" % (degrees, minutes, seconds + "秒" if seconds else "")


def _units(text: str) -> str:
    """50km, 5mg/L, 60公里/小时, 3元/斤, 5元/kg: 每 for the stroke behind what is counted."""
    text = UNIT.sub(_unit, text)
    text = re.sub("/时(?!%s)" % HAN, "/小时", text)
    while PER.search(text):
        text = PER.sub(r"\1每", text)
    return text.replace("和/或", "和或")


def _numbered(match) -> str:
    """G123次, C919, ISO9001: three figures and more behind letters are read one by one, unless they count (GDP1000亿)."""
    letters, digits = match.groups()
    behind = match.string[match.end() :]
    train = len(letters) == 1 and behind.startswith("次")
    counts = letters in MONEY_NAMES or _is_counted(behind) and not train
    return letters + (digits if counts else read_digits(digits))


def _roman(match) -> str:
    """II期, 第IV章 are numbers; V领, IV by itself are letters."""
    letters = match.group()
    placed = match.string[: match.start()].endswith("第") or re.match(
        "[期型级章卷类度代世]", match.string[match.end() :]
    )
    return str(ROMAN.index(letters)) if placed or letters in ("II", "III", "VII", "VIII", "XII") else letters


def _letters(text: str) -> str:
    """Capitals stay, to be read by their names (``pinyin.py``); here are the figures and signs beside them."""
    text = re.sub(r"(?<![A-Za-z])(?:%s)(?![A-Za-z0-9])" % "|".join(ROMAN[2:10] + ROMAN[11:]), _roman, text)
    text = re.sub(r"(?<![A-Za-z.])[A-Z](?:\.[A-Z])+\.?(?![A-Za-z])", lambda m: m.group().replace(".", ""), text)  # U.S.
    serial = r"(?<![A-Z\d°])([A-Z]{1,5})-?(\d+-\d+(?:-\d+)*)(?!\d)"  # CVE-2023-44271, T34-85; but Q1-2
    text = re.sub(
        serial,
        lambda m: m.group() if len(m.group(2)) < 5 else m.group(1) + read_digits(re.sub("-", "", m.group(2))),
        text,
    )
    text = re.sub(r"(?<![A-Z\d°])([A-Z]\d*)[-~–—](?=[A-Z]\d*(?![A-Za-z0-9]))", r"\1到", text)  # Q1-Q3
    text = re.sub(
        r"(?<![A-Z\d°])([A-Z]+)-(?=[A-Z\d])|(\d)-(?=[A-Z])", r"\1\2", text
    )  # F-16, CD-ROM, 3-D; not 20°C-25°C
    text = re.sub(r"(?<=[A-Z])\+\+?(?![A-Za-z\d])", lambda m: "加" * len(m.group()), text)  # A+, C++
    text = re.sub(r"(?<!\d)\d{3,4}(?=P(?![A-Za-z])|Q[1-4])", lambda m: read_digits(m.group()), text)  # 1080P, 2026Q1
    joined = re.search(r"(?<![A-Z\d°])[A-Z]+[.~][A-Za-z\d]|\d[.~][A-Z]", text)
    if joined:
        raise UserError("cannot read '%s': write it in characters" % joined.group())
    return re.sub(r"(%s)(\d{3,})(?![\d.,:])" % LETTERS.replace("(?![A-Za-z])", ""), _numbered, text)


# Behind a figure 1 that names, among what there is of that kind: 1班, 1组, 1路车; 每天1班飞机, 1组数据, 1路走来 count.
NAMES_ONE = re.compile(
    r"单元|等[奖座舱功]|班(?!飞机|[车船岗]|航班|高铁|地铁|列车|公交)|组(?=[的是在和与对比胜负赢输出学同成员长第]|[^\w]|$)"
    r"|路(?=公交|电车|汽车|[车线站在到的是和]|[^\w]|$)"
)


def _is_name(before: str, behind: str) -> bool:
    """Whether a 1 is a name (T1, G1次, 1班, 1层是餐厅) and no number of things (RMB1元, 1个, 有1层)."""
    letters = re.search("[A-Z]+$", before)
    if letters:
        return letters.group() not in MONEY_NAMES and not re.match("[个万亿千百]", behind)
    if behind.startswith("层"):
        return not _is_pair(before, behind)
    return bool(NAMES_ONE.match(behind)) and before[-1:] not in tuple("每有共只加等了这那换分成做来早晚前后")


PLACES = tuple("站路县市省区镇村港机场口桥")
STAGES = ("小学", "初中", "高中", "大学", "小班", "中班", "大班")


def _is_end(word: str, side: int) -> bool:
    """Whether a word is the end of a way or a span: a place, a time, a school; 中国—东盟 is none."""
    tag = parts_of_speech().get(word, "x")
    place = tag == "ns" or side < 0 and len(word) > 1 and word.endswith(PLACES)
    return (place or tag == "t" or word in STAGES) and not word.endswith(tuple("国盟亚洲欧"))


def _joined(match) -> str:
    """北京-上海 → 北京到上海; between other words a dash is a pause."""
    before = re.search("%s+$" % HAN, match.string[: match.start()]).group()[-12:]
    behind = re.match("%s+" % HAN, match.string[match.end() :]).group()[:12]
    ends = _is_end(tokenizer().lcut(before)[-1], -1) and _is_end(tokenizer().lcut(behind)[0], 1)
    return "到" if ends else match.group()


def _spans(text: str) -> str:
    """周一-周五, 北京-上海, 10~20度."""
    text = re.sub(r"(%s)\s?[-~–—]\s?(?=%s)" % (SPAN_FROM, SPAN_TO), r"\1到", text)
    return re.sub(r"(?<=%s)[-–—](?=%s)" % (HAN, HAN), _joined, text)


def as_spoken(text: str, sure: bool = False) -> str:
    """A text in which all is Chinese characters and punctuation: ``1,234元`` → 一千二百三十四元.

    Runs of capitals (GDP, A股) and pinyin with tone digits (``hao3``) stay as they are: ``pinyin.read`` reads them.

    Args:
      sure: with the marks of ``readings.SURE``.

    Raises:
      UserError: a sign, a letter or an arrangement of figures that cannot be read; named with its code point.
    """
    parts = re.split("(%s)" % PINYIN, simplified(_clean(text)))
    spoken = "".join(part if number % 2 else _without_figures(part) for number, part in enumerate(parts))
    return spoken if sure else without_sure(spoken)


def _thousands_joined(text: str) -> str:
    """1,234 and 1 234 as 1234."""
    text = re.sub(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?![\d,])", lambda m: m.group().replace(",", ""), text)
    if re.search(r"\d,\d{2,}", text):
        raise UserError(
            "cannot tell the thousands from a list in '%s'" % re.search(r"[\d,.]*\d,\d[\d,.]*", text).group()
        )
    return re.sub(r"(?<![\d,+])(?<!\d[-:/. ])[1-9]\d{0,2}(?: \d{3})+(?! ?\d)", _thousands, text)


def _without_figures(text: str) -> str:
    longest = max(re.findall(r"\d+", text), key=len, default="")
    if len(longest) > MOST_FIGURES:
        raise UserError("a number of %d figures, %s…: nobody reads that out" % (len(longest), longest[:20]))
    text = TELEPHONE.sub(_telephone, text)  # before blanks in figures are thousands: +86 139 …
    text = WAN.sub(_wan, _thousands_joined(text))
    text = PLATE.sub(_plate, text)
    text = POINT_FIRST.sub("0.", text)
    text = re.sub(r"(?<=\d)\s?×\s?(?=\d)", "乘", re.sub(r"±(?=\d)", "正负", text))
    text = re.sub(r"(\d)°(\d{1,2})['′](?:(\d{1,2})(?:\"|′′))?", _degrees, text)
    text = re.sub(SERIES, r"\1", text)
    text = re.sub(
        r"\d{1,2}\.\d{1,2}(?=晚会|购物节|大促|促销|事变|劳动节|儿童节)", lambda m: m.group().replace(".", "·"), text
    )
    text = re.sub(r"(?<=[\d万亿千百])\+(?=\s?(?:%s|[、。!?)]|$))" % HAN, "加", text)  # 10万+, 500+员工
    unclear = re.search(r".?(?<![\dA-Za-z.])\.\d+(?!\d|%s)" % ORDERED, text)
    if unclear:
        raise UserError("cannot tell a full stop from a decimal point in '%s': write 。 or 0." % unclear.group())
    inches = re.search(r"\d['\"]\s?\d|\d['\"]$", text)
    if inches and (text.count("'") % 2 or text.count('"') % 2):
        raise UserError("feet, inches, minutes or a quotation in '%s'? Write it in characters" % text.strip()[:40])
    text = re.sub(r"(\d+)·(\d+)", lambda m: read_digits(m.group(1) + m.group(2)), text)  # 3·15, 9·11: days of that name
    text = _dates(_telephones(_letters(_spans(text))))
    text = re.sub(r"(比分[:是为]?\s?|以)?(?<![\d.:/-])(\d{1,3})[-–](\d{1,3})(?![\d.:/%-])", _score, text)
    chain = re.search(r"\d+(?:%s\d+){2,}|\d+(?:/\d+){2,}" % DASH, text)
    if chain:
        raise UserError("cannot tell what '%s' means: write it as it is spoken" % chain.group())
    text = re.sub(r"(?<!\d[、,])(?<![\d.第到-])([1-9])[、,]\s?([1-9])(?=%s)" % HAN, _about, text)
    text = re.sub(r"(%s)\s?(%s)\s?(%s)(%s?)" % (QUANTITY, DASH, QUANTITY, HAN), _range, text)
    ratio = r"(?<![\d:])(?!\d{1,2}:\d\d:\d\d(?![\d:]))\d+(?::\d+){2,}"  # 1:2:3, no time of day
    text = re.sub(ratio, lambda m: m.group().replace(":", "比"), text)
    text = re.sub(r"(%s\s?|比|以)?(?<!\d)(\d+):(\d+)(?::(\d\d))?(?!\d)" % SCORES, _time, text)
    text = re.sub(r"(-?)(%s)([%%‰])" % NUMBER, _percent, _prices(text))
    text = _units(text)
    text = re.sub(r"(?<![\d/])(\d+)[/⁄](\d+)(?![\d/])", _fraction, text)
    text = re.sub(r"(?<!\d)([12]\d{3})(?=(年(?:来(?!到)|的?历史|以?前(?![后夕])))|年)", _year, text)
    # 90后, 95后: who was born then; 8点30后 is a time
    text = re.sub(r"(?<![\d.点])([0-9]0|[6-9]5|05)(?=后(?![来面]))", lambda m: read_digits(m.group(1)), text)
    return _numbers(text)


def _numbers(text: str) -> str:
    """The figures that no rule took, and sums of them."""
    sums = r"(?<![\d.=*/-])(?<!\d )\d+(?:\s?\+\s?\d+)+(?:\s?=\s?(?:\d+|(?=\?)))?(?!\s?[-\d.*/×÷=])"
    text = re.sub(sums, lambda m: m.group().replace("+", "加").replace("=", "等于"), text)
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
    text = without_sure(text)  # in an error stands what was written
    words = re.findall(r"[^\W\d_]+", re.sub(HAN, " ", text))
    letters = [word for word in words if not re.match(LETTERS + "$", word)]
    if letters:
        raise UserError(
            "cannot speak %s: write Latin words in characters or pinyin with tone digits"
            % ", ".join(map(named, letters[:5]))
        )
    strange = sorted({c for c in text if c not in PAUSES and not re.match(HAN + "|[A-Z]", c)})
    pictures = [c for c in strange if c >= "\u2600" and unicodedata.category(c) in ("So", "Sk", "Cn")]
    if pictures:
        names = ", ".join(unicodedata.name(c, "a new one").lower() for c in pictures[:3])
        raise UserError("cannot speak the picture %s, %s: leave it out" % (named("".join(pictures)), names))
    if strange:
        raise UserError("cannot speak %s in '%s': leave it out" % (named("".join(strange)), text.strip()[:40]))
