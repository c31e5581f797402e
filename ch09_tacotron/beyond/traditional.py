"""Beyond the print (section 9.8.14): traditional characters as simplified ones, and those that both scripts have.

著 and 乾 are the hard ones: simplified text has them in a few words only (名著 zhù, 乾隆 qián), traditional text writes
着 (看著 zhe, 著手 zhuó) and 干 (乾杯) with them too. The words of simplified text are listed here, all else is 着 and 干.
"""

import functools
import re

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
DRY = re.compile(
    "乾(?=[杯净燥脆粮旱枯货果涸草洗瘪裂爹妈娘儿洁爽电冰酪掉舌巴了等])|(?<=[口饼晒烘擦吹晾烤])乾|(?<=[肉鱼豆笋果萄芒])乾(?![隆坤])"
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
    """Traditional characters as simplified ones; judged on the whole text, so ask before it is cut in sentences."""
    converted = _converted(text)
    for pattern, character in OTHERS:
        converted = re.sub(pattern, character, converted)
    converted = DRY.sub("干", converted)
    if "著" not in converted:
        return converted
    kept = {match.start() + match.group().index("著") for match in WRITTEN.finditer(converted)}
    if _in_gb2312(text):
        kept |= {m.start() for m in BY.finditer(converted) if converted[m.start() - 1 : m.start()] not in set(LASTING)}
    return "".join("着" if c == "著" and i not in kept else c for i, c in enumerate(converted))
