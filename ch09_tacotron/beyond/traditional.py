"""Beyond the print (section 9.8.14): traditional characters as simplified ones, and those that both scripts have.

著 and 乾 are the hard ones: simplified text has them in a few words only (名著 zhù, 乾隆 qián), traditional text writes
着 (看著 zhe, 著手 zhuó) and 干 (乾杯) with them too. The words of simplified text are listed here, all else is 着 and 干.
"""

import functools
import re

from ch09_tacotron.beyond.readings import without_sure

# Words with 著 zhù, and 执著, which dictionaries have so. 拿著書, 寫著名字 and 看著作業 are none of them.
WRITTEN = re.compile(
    r"著名(?![字单片牌叫为])|著作(?![业揖])|著录(?![音像影])|著[称述者于]|著书(?=立说)|(?<![写标印载])著有"
    r"|(?<=屋)著书|(?<=[专卓原合名土巨拙遗较昭炳撰所执])著|(?<=微知)著|(?<=[他她我])著(?=的|了[一两三])|(?<=(?<![谈讨议辩评])论)著|(?<=(?<!翻)译)著"
    r"|(?<=(?<![凸彰])显)著|(?<=编)著(?![辫竹草织])"
)
BY = re.compile(r"著(?=[的了成过《]|[^\w《]|$)")  # 鲁迅著, 他著的: written by
# … but not behind one of these: 等著, 躺著的人.
LASTING = (
    "看听说讲笑哭想等坐站走跑跳睡躺趴活拿带穿戴抱背拉推握望盯跟随陪守住忙急开关挂放藏写唱吃喝冒顺沿朝向对有存意闭张睁骑踩"
    "披端捧扶牵围绕靠接试留含咬叫喊念读玩闹爱恨怕记挨傻憋提举指照映伴连凭仗附执沉衣固味徵征不得在满临进"
)
# Text without other traditional characters: 乾 is dry in these places (烤乾, 地很乾), qián elsewhere (王乾). As gān is read, in
# either script, 干 behind what dries (烤干), and 嘴干; 他干了 is something else.
DRY = re.compile(
    "乾(?=[杯净燥脆粮旱枯货果涸草洗瘪裂爹妈娘儿洁爽电冰酪掉舌巴了等])|(?<=[口饼晒烘擦吹晾烤])乾|(?<=[肉鱼豆笋果萄芒])乾(?![隆坤])"
    "|(?<=[烧嘴唇喉咙皮发很太好更最真不没未快地河井泪汗血])乾(?![隆坤卦])"
    "|(?<=[烘烤晾晒擦拧榨])干(?![部活什嘛啥])|(?<=[嘴唇很太])干(?=[了的]?(?:[^\\w]|$))"
)
# 繫 and 系 that tie (jì): each 繫 but that of 聯繫, 心繫, 繫於 …; 系 before what is tied.
TIED = re.compile("(?<![联维牵连心情魂命悬挂萦关拘])系(?![于念狱囚囹缚辞世命绊])")
TIES = re.compile(
    "(?<![联维牵连关])系(?=[上着好紧了住]{0,2}(?:%s{0,3}的)?"
    "(?:领带|领结|鞋带|安全带|围裙|腰带|皮带|扣子|纽扣|丝带|丝巾|围巾|红领巾|蝴蝶结|绳))" % "[\u4e00-\u9fff]"
)
# Others that both scripts have, in the words where simplified text writes another character.
OTHERS = [("瞭(?=解)|(?<=明)瞭", "了"), ("藉(?=[口由此以助着著])|(?<=凭)藉", "借"), ("沈(?=[着著])", "沉")]


@functools.lru_cache(maxsize=None)
def _simplifier():
    from opencc import OpenCC

    return OpenCC("t2s")


def _in_gb2312(text: str) -> bool:
    try:
        text.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _converted(text: str) -> str:
    """The text in simplified characters; as it is where it has none that only traditional text has."""
    if _in_gb2312(text):
        return text
    converted = _simplifier().convert(text)
    if not any(c != d and not _in_gb2312(c) for c, d in zip(text, converted)) or len(text) != len(converted):
        return text
    # 綪 has a simplified form that no font and no dictionary has
    return "".join(c if d > "\uffff" else d for c, d in zip(text, converted))


def simplified(text: str) -> str:
    """Traditional characters as simplified ones; judged on the whole text, so ask before it is cut in sentences.

    乾 and 繫 come as the marks of ``readings.SURE``, for 干 and 系 do not tell how they are read.
    """
    converted = _converted(text)
    for pattern, character in OTHERS:
        converted = re.sub(pattern, character, converted)
    tied = {match.start() for match in TIED.finditer(converted)}
    converted = TIES.sub("繋", DRY.sub("乹", converted))
    pairs = enumerate(zip(text, converted))
    converted = "".join(
        "乹" if pair == ("乾", "干") else "繋" if pair == ("繫", "系") and i in tied else pair[1] for i, pair in pairs
    )
    if "著" not in converted:
        return converted
    kept = {match.start() + match.group().index("著") for match in WRITTEN.finditer(converted)}
    if _in_gb2312(without_sure(text)):
        kept |= {m.start() for m in BY.finditer(converted) if converted[m.start() - 1 : m.start()] not in set(LASTING)}
    return "".join("着" if c == "著" and i not in kept else c for i, c in enumerate(converted))
