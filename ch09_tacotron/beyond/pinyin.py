"""Beyond the print (section 9.8.14): Chinese text as the pinyin that the corpus writes.

The corpus (THCHS-30, BZNSYP) writes syllables with a tone digit, ü as v, the neutral tone as 5, and no punctuation.
"""

import functools
import re
import unicodedata

from pypinyin import Style, lazy_pinyin
from pypinyin.pinyin_dict import pinyin_dict

from common.errors import UserError

SYLLABLE = re.compile(r"^[a-z]+[1-5]$")
SENTENCE_ENDS = "。！？!?；;…\n"
CLAUSE_ENDS = "，,、：:"
PUNCTUATION = set(SENTENCE_ENDS + CLAUSE_ENDS + "—-·~～.“”‘’\"'（）()《》〈〉【】[]「」『』 \t\r\u3000")
# Words whose 儿 melts into the syllable before it (erhua); elsewhere (女儿, 儿子, 幼儿 …) it is a syllable of its own.
ERHUA = ["一会儿", "一点儿", "有点儿", "一块儿", "这儿", "那儿", "哪儿", "玩儿", "事儿", "劲儿", "个儿", "味儿", "门儿"]
ERHUA += ["花儿", "鸟儿", "词儿", "气儿", "盖儿", "道儿", "准儿", "盹儿", "摊儿", "底儿"]
DIGITS = "零一二三四五六七八九"


@functools.lru_cache(maxsize=None)
def known_syllables():
    """All syllables of Mandarin without tones, ü as v, of pypinyin's dictionary; and erhua (``wanr``)."""
    found = set()
    for readings in pinyin_dict.values():
        for reading in readings.split(","):
            plain = unicodedata.normalize("NFD", reading.replace("ü", "v"))
            plain = "".join(c for c in plain if not unicodedata.combining(c) or c == "\u0308").replace("u\u0308", "v")
            if re.match("^[a-z]+$", plain):
                found.add(plain)
    return frozenset(found | {syllable + "r" for syllable in found if not syllable.endswith("r")})


def read_number(digits):
    """A whole number in Chinese characters: ``105`` → 一百零五; more than 8 digits, or a leading 0, digit by digit."""
    if len(digits) > 8 or (len(digits) > 1 and digits[0] == "0"):
        return "".join(DIGITS[int(d)] for d in digits)

    def below_ten_thousand(value):
        text, zero = "", False
        for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
            digit, value = divmod(value, unit)
            if digit:
                text += ("零" if zero and text else "") + DIGITS[digit] + name
            zero = not digit
        return text

    value = int(digits)
    if value == 0:
        return "零"
    high, low = divmod(value, 10000)
    text = below_ten_thousand(high) + "万" if high else ""
    if high and 0 < low < 1000:
        text += "零"
    text += below_ten_thousand(low)
    return text[1:] if text.startswith("一十") else text


def _numbers_to_characters(text):
    text = unicodedata.normalize("NFKC", text)  # full-width digits, letters and punctuation
    text = re.sub(r"(?<!\d)-(?=\d)", "负", text)
    text = re.sub(r"(\d+(?:\.\d+)?)%", r"百分之\1", text)
    text = re.sub(r"(\d{4})(?=年)", lambda m: "".join(DIGITS[int(d)] for d in m.group(1)), text)
    text = re.sub(
        r"(\d+)\.(\d+)", lambda m: read_number(m.group(1)) + "点" + "".join(DIGITS[int(d)] for d in m.group(2)), text
    )
    return re.sub(r"\d+", lambda m: read_number(m.group()), text)


def is_pinyin(text):
    """Whether all words of ``text`` look like syllables with tone digits."""
    words = text.split()
    return bool(words) and all(SYLLABLE.match(word) for word in words)


def third_tone_sandhi(syllables):
    """A third tone before another is spoken as a second: ``ni3 hao3`` → ``ni2 hao3`` (BZNSYP writes what is spoken)."""
    result = list(syllables)
    for i in range(len(result) - 1):
        if syllables[i].endswith("3") and syllables[i + 1].endswith("3"):
            result[i] = syllables[i][:-1] + "2"
    return result


def to_pinyin(text, tone_sandhi=False):
    """One sentence, Chinese or pinyin with tone digits, as the corpus's pinyin: ``你好`` → ``ni3 hao3``.

    Erratum E36: the print's ``lazy_pinyin(text, style=Style.TONE3)`` gives no digit for the neutral tone; the corpus writes 5.

    Args:
      tone_sandhi: apply ``third_tone_sandhi`` to Chinese text (pinyin is taken as it stands).

    Raises:
      UserError: Latin letters or another character that cannot be spoken; or a syllable that does not exist.
    """
    if is_pinyin(text):
        unknown = [word for word in text.split() if word[:-1] not in known_syllables()]
        if unknown:
            raise UserError("no such syllable of Mandarin: %s (write ü as v)" % " ".join(unknown))
        return " ".join(text.split())
    if any(SYLLABLE.match(word) for word in text.split()):
        wrong = [word for word in text.split() if not SYLLABLE.match(word)]
        raise UserError("not pinyin with tone digits 1-5 (5: neutral), or mixed with other text: %s" % " ".join(wrong))
    syllables = []
    for clause in re.split("[%s]" % re.escape("".join(PUNCTUATION)), _numbers_to_characters(text)):
        if not clause:
            continue
        strange = [c for c in clause if not re.match("[\u3007\u3400-\u9fff]", c)]
        if strange:
            hint = (
                "write Latin words in characters or pinyin" if any(c.isalpha() for c in strange) else "leave them out"
            )
            raise UserError("cannot speak '%s' in '%s': %s" % ("".join(strange), text, hint))
        spoken = lazy_pinyin(clause, style=Style.TONE3, neutral_tone_with_five=True, v_to_u=False)
        spoken = [
            {"n2": "en2", "n4": "en4", "ng2": "en2", "ng4": "en4", "m2": "mu2", "hm5": "heng1"}.get(s, s)
            for s in spoken
        ]
        unspeakable = [c for c, s in zip(clause, spoken) if not SYLLABLE.match(s)]
        if len(spoken) != len(clause) or unspeakable:
            raise UserError("no pinyin is known for '%s'" % "".join(unspeakable or clause))
        melted = {match.end() - 1 for word in ERHUA for match in re.finditer(word, clause)}
        kept = []
        for i, syllable in enumerate(spoken):
            if i in melted and kept:
                kept[-1] = kept[-1][:-1] + "r" + kept[-1][-1]
            else:
                kept.append(syllable)
        syllables += third_tone_sandhi(kept) if tone_sandhi else kept
    if not syllables:
        raise UserError("nothing to speak in '%s'" % text.strip())
    return " ".join(syllables)


def split_sentences(text, max_syllables=25):
    """A text in the pieces that are spoken one after the other.

    It is cut at sentence ends; a sentence of more than ``max_syllables`` characters also at its commas. Pinyin is cut at
    ends of lines, and every ``max_syllables`` syllables.
    """
    pieces = []
    for sentence in re.split("[%s]+|(?<!\\d)\\.+|\\.+(?!\\d)" % re.escape(SENTENCE_ENDS), text):
        if is_pinyin(sentence):
            words = sentence.split()
            pieces += [" ".join(words[i : i + max_syllables]) for i in range(0, len(words), max_syllables)]
            continue
        if len(sentence) <= max_syllables:
            parts = [sentence]
        else:  # put clauses together as long as they fit
            parts = [""]
            for clause in re.split("(?<=[%s])" % re.escape(CLAUSE_ENDS), sentence):
                if parts[-1] and len(parts[-1]) + len(clause) > max_syllables:
                    parts.append("")
                parts[-1] += clause
        pieces += [part.strip() for part in parts if set(part) - PUNCTUATION]
    return pieces
