"""Beyond the print (section 9.8.14): Chinese text as the pinyin that the corpus writes.

The corpora (THCHS-30, BZNSYP) write syllables with a tone digit, ü as v, the neutral tone as 5, and no punctuation. A word
that a reader writes is found in CC-CEDICT or in pypinyin's dictionary; jieba says where words end, and that decides the
rest: polyphones that stand alone (得, 地, 为, 长 …), 儿 (a syllable, or the r of the one before), and with ``tone_sandhi``
the tones that 一, 不 and third tones take beside others, which BZNSYP writes and THCHS-30 does not.

``written_text.py`` makes figures, dates and signs readable, ``readings.py`` has the words that the dictionaries read otherwise,
``pinyin_accuracy.py`` measures the whole against BZNSYP's labels.
"""

import functools
import re
import unicodedata
from typing import List, Optional, Tuple

from ch09_tacotron.beyond import readings
from ch09_tacotron.beyond.traditional import simplified
from ch09_tacotron.beyond.words import parts_of_speech, tokenizer
from ch09_tacotron.beyond.written_text import DIGITS, HAN, MEASURES, ORDERED, PINYIN, as_spoken, named
from common.errors import UserError

SYLLABLE = re.compile(r"^[a-z]+[1-5]$")
SENTENCE_ENDS = "。！？!?；;…\n"
CLAUSE_ENDS = "，,、：:"
PUNCTUATION = set(SENTENCE_ENDS + CLAUSE_ENDS + "—-·~～.“”‘’\"'（）()《》〈〉【】[]「」『』 \t\r\u3000")
PRIZES = tuple("奖分票冠亚金银铜")  # what one gets (得 de2)
NUMERALS = DIGITS + "〇十百千万亿两"
# Interjections whose dictionary reading has no vowel that the corpora know.
INTERJECTIONS = {"n2": "en2", "n4": "en4", "ng2": "en2", "ng4": "en4", "m2": "mu2", "hm5": "heng1"}


@functools.lru_cache(maxsize=None)
def known_syllables():
    """All syllables of Mandarin without tones, ü as v, of pypinyin's dictionary; and erhua (``wanr``)."""
    from pypinyin.pinyin_dict import pinyin_dict

    found = set()
    for marked in pinyin_dict.values():
        for reading in marked.split(","):
            plain = unicodedata.normalize("NFD", reading.replace("ü", "v"))
            plain = "".join(c for c in plain if not unicodedata.combining(c) or c == "\u0308").replace("u\u0308", "v")
            if re.match("^[a-z]+$", plain):
                found.add(plain)
    return frozenset(found | {syllable + "r" for syllable in found if not syllable.endswith("r")})


# --- dictionaries


@functools.lru_cache(maxsize=None)
def _dictionaries():
    """(CC-CEDICT, pypinyin's phrases): word → a list of marked readings for each character."""
    from pypinyin.phrases_dict import phrases_dict
    from pypinyin_dict.phrase_pinyin_data.cc_cedict import phrases_dict as cedict

    return cedict, phrases_dict


def _numbered(marked: str) -> str:
    from pypinyin.contrib.tone_convert import to_tone3

    syllable = to_tone3(marked, v_to_u=False, neutral_tone_with_five=True).replace("ü", "v")
    return INTERJECTIONS.get(syllable, syllable)


@functools.lru_cache(maxsize=None)
def _read_character(character: str) -> str:
    """The reading of a character that stands alone.

    Raises:
      UserError: no reading is known.
    """
    if character in readings.CHARACTERS:
        return readings.CHARACTERS[character]
    from pypinyin import Style, lazy_pinyin

    found = lazy_pinyin(character, style=Style.TONE3, neutral_tone_with_five=True, v_to_u=False)[0]
    found = INTERJECTIONS.get(found, found)
    if not SYLLABLE.match(found):
        raise UserError("no pinyin is known for %s" % named(character))
    return found


@functools.lru_cache(maxsize=None)
def _look_up(word: str) -> Optional[Tuple[str, ...]]:
    """A word's syllables in the dictionaries, one a character; None where they do not have it."""
    cedict, phrases = _dictionaries()
    if word in readings.WORDS:
        return tuple(readings.WORDS[word].split())
    if len(word) == 1 or (word not in cedict and word not in phrases):
        return None
    if word in cedict:
        syllables = [_numbered(choices[0]) for choices in cedict[word]]
        if word in phrases:  # of several readings the one that both dictionaries have: 难兄难弟 nan4, not nan2
            agreed = [_numbered(choices[0]) for choices in phrases[word]]
            known = [[_numbered(choice) for choice in choices] for choices in cedict[word]]
            syllables = [ours if ours in theirs else theirs[0] for ours, theirs in zip(agreed, known)]
        for i, inner in ((i, word[i : i + 2]) for i in range(len(word) - 1) if len(word) > 2):
            ours = readings.WORDS.get(inner, "").split()  # 姑娘 in 小姑娘, 算盘 in 如意算盘
            if [syllable[:-1] for syllable in ours] == [syllable[:-1] for syllable in syllables[i : i + 2]]:
                syllables[i : i + 2] = ours
        for i in range(1, len(word)):
            if word[i - 1 : i + 1] in readings.SPOKEN_LIGHT:
                syllables[i] = syllables[i][:-1] + "5"
            elif syllables[i].endswith("5") and word[i] in readings.SPOKEN_FULL:
                full = _numbered(phrases[word][i][0]) if word in phrases else _read_character(word[i])
                syllables[i] = full if full[:-1] == syllables[i][:-1] else syllables[i]
        return tuple(syllables)
    # pypinyin's phrases have no neutral tones: the words inside of a longer one lend theirs
    syllables, i = [_numbered(choices[0]) for choices in phrases[word]], 0
    while i < len(word) - 1:
        for size in range(min(len(word) - i, len(word) - 1), 1, -1):
            inner = _look_up(word[i : i + size])
            if inner:
                if [s[:-1] for s in inner] == [s[:-1] for s in syllables[i : i + size]]:
                    syllables[i : i + size] = inner
                i += size - 1
                break
        i += 1
    return tuple(syllables)


def _pieces(text: str) -> List[str]:
    """A made-up word in words of the dictionaries, the longest first, from the front or from the back: the way with fewer
    pieces, then the one whose words are more frequent (得罪|人, but 小|姑娘)."""
    ways = []
    for back in (False, True):
        rest, pieces = text, []
        while rest:
            parts = ((rest[-n:] if back else rest[:n]) for n in range(len(rest), 0, -1))
            piece = next(part for part in parts if len(part) == 1 or _look_up(part))
            rest = rest[: -len(piece)] if back else rest[len(piece) :]
            pieces.insert(0 if back else len(pieces), piece)
        chance = 1.0
        for piece in pieces:
            chance *= tokenizer().FREQ.get(piece) or 1
        ways.append((len(pieces), -chance, pieces))
    return min(ways, key=lambda way: way[:2])[2]


class Word:
    """A word of a clause: its characters, part of speech ('x': jieba made it up), and a syllable for each character.

    ``loose[i]``: the character stands in no word of the dictionaries, so that its neighbours decide.
    """

    def __init__(self, text: str):
        self.text = text
        self.tag = parts_of_speech().get(text, "x")
        found = _look_up(text)
        if found:
            self.syllables, self.loose = list(found), [False] * len(text)
            return
        self.syllables, self.loose, i = [], [], 0
        if 2 <= len(text) <= 3 and text[0] in readings.SURNAMES and self.tag in ("x", "nr"):
            self.syllables, self.loose, i = [readings.SURNAMES[text[0]]], [False], 1
        for piece in _pieces(text[i:]):
            self.syllables += _look_up(piece) or [_read_character(piece)]
            self.loose += [len(piece) == 1] * len(piece)


def segment(clause: str) -> List[Word]:
    """A clause in words; particles that jieba glued to made-up words (细心|地, 唱|得) are words of their own."""
    cedict, phrases = _dictionaries()
    tags, words = parts_of_speech(), []
    for text in tokenizer().lcut(clause):
        pieces = [text]
        if len(text) > 1 and text not in cedict and text not in readings.WORDS:
            if text not in tags and text not in phrases:
                pieces = re.split("([地得的为儿])", text)
            elif "得" in text[1:] and _splits_at_de(text):
                pieces = re.split("(得)", text, maxsplit=1)
            elif text[-1] == "地" and tags.get(text[:-1], "x")[0] in "adziol":
                pieces = [text[:-1], "地"]
            elif text[0] == "地" and len(text) == 2:
                pieces = ["地", text[1]]
        words += [Word(piece) for piece in pieces if piece]
    return words


def _splits_at_de(text: str) -> bool:
    """Whether 得 in a word that CC-CEDICT lacks is the particle behind a verb: 跑得, but not 获得 in 获得成功."""
    at = text.index("得", 1)
    inner = [text[at - 1 : at + 1], text[at : at + 2]]
    return (
        text[0] != "不" and text[:at] in parts_of_speech() and not any(piece in _dictionaries()[0] for piece in inner)
    )


class Clause:
    """Characters between two signs of punctuation, and how they are read; ``readings.SURE`` says some of that.

    Attributes: ``text``; ``words``; ``syllables``, one a character, '' where it has melted into the one before (erhua).
    """

    def __init__(self, text: str, tone_sandhi: bool):
        sure = {p: readings.SURE[character][1] for p, character in enumerate(text) if character in readings.SURE}
        text = readings.without_sure(text)
        self.text, self.words = text, segment(text)
        self.word_of = [n for n, word in enumerate(self.words) for _ in word.text]
        self.starts = [self.word_of.index(n) for n in range(len(self.words))]
        self._read_light()
        self.syllables = [syllable for word in self.words for syllable in word.syllables]
        loose = [flag for word in self.words for flag in word.loose]
        for p in range(len(text)):
            reading = self._read_by_neighbours(p) if loose[p] else None
            if reading:
                self.syllables[p] = reading
        melted = [p for p, character in enumerate(text) if character == "儿" and self._melts(p)]
        for p, character in enumerate(text):
            if character == "一":
                self.syllables[p] = self._read_one(p) if tone_sandhi else "yi1"
            elif character == "儿" and p not in melted:
                self.syllables[p] = "er2"
            elif character == "不":
                self.syllables[p] = self._read_not(p) if tone_sandhi else "bu4"
            self.syllables[p] = sure.get(p, self.syllables[p])
        for p in melted:
            self.syllables[p - 1] = self.syllables[p - 1][:-1] + "r" + self.syllables[p - 1][-1]
            self.syllables[p] = ""
        if tone_sandhi:
            self._lift_third_tones()

    def _neighbour(self, p: int, side: int):
        """(text, part of speech) of the word before (``side`` −1) or behind (1) the character at ``p``, or of the part of its
        own word there; ('', '') at the ends."""
        n = self.word_of[p]
        at, word = p - self.starts[n], self.words[n].text
        own = word[:at] if side < 0 else word[at + 1 :]
        if own:
            return own, parts_of_speech().get(own, "x")
        if 0 <= n + side < len(self.words):
            return self.words[n + side].text, self.words[n + side].tag
        return "", ""

    def _is_able(self, p: int) -> bool:
        """Whether the 了 at ``p`` is that of 买得了吗 ('can be bought', liao3), not of 得了病 ('got')."""
        verb = p > 1 and self.text[p - 1] == "得" and self.words[self.word_of[p - 2]].tag[0] == "v"
        return bool(verb and self.text[p + 1 : p + 2] in tuple("吗么吧呢的") + ("",))

    def _read_light(self):
        """Neutral tones that follow from grammar: a doubled verb (看看) or name (圆圆), and 个."""
        tags = parts_of_speech()
        for n, word in enumerate(self.words):
            text, syllables = word.text, word.syllables
            before = self.words[n - 1].text if n else ""
            if text in readings.WORDS:
                continue
            doubled = len(text) == 2 and text[0] == text[1] and text not in _dictionaries()[0]
            if doubled and word.tag[0] in "vnx":
                first = _read_character(text[0])
                syllables[:] = [first, first if first[-1] in "13" else first[:-1] + "5"]
            elif len(text) == 3 and text[0] == text[1] != text[2] and tags.get(text[0], "x")[0] == "v":
                if syllables[0][-1] in "24":
                    syllables[1] = syllables[0][:-1] + "5"
            elif text == before and len(text) == 1 and word.tag[0] == "v" and syllables[0][-1] in "24":
                syllables[0] = syllables[0][:-1] + "5"
            if text[-1] == "个" and (before or len(text) > 1):
                counted = text[:-1] or before
                light = counted[-1] in "这那是有找换像着了" or tags.get(counted, "x")[0] == "v" and counted != "整"
                syllables[-1] = "ge5" if light else "ge4"

    def _read_by_neighbours(self, p: int) -> Optional[str]:
        """A polyphone that stands alone; None where its usual reading holds."""
        character = self.text[p]
        before, before_tag = self._neighbour(p, -1)
        after, after_tag = self._neighbour(p, 1)
        if character in readings.SURNAMES and after in readings.TITLES:
            return readings.SURNAMES[character]
        if character in readings.SENSES:
            pattern, reading = readings.SENSES[character]
            if re.compile(pattern).match(self.text, p):  # it sees what stands before, too
                return reading
        if character == "地":
            noun = not before or before[-1] in readings.BEFORE_GROUND and before_tag[:1] not in tuple("zid")
            noun = noun or after[:1] in ("位", "附", "的") or after_tag in ("f", "u") and after[:1] not in "被等"
            noun = noun or before_tag == "m" and (len(before) == 1 or after_tag[:1] == "n")
            noun = noun or re.search("(?<![块片])[这那哪几%s][块片亩]$" % NUMERALS, self.text[:p])
            return "di4" if noun or (not after and before_tag[:1] not in "dzax") else "de5"
        if character == "得":
            if (
                after
                and (before in readings.MUST or before_tag in ("d", "r", ""))
                and after[0] not in ("了", "嘞") + PRIZES
                and before != "相处"  # a verb, though jieba says adverb
                and not (after_tag == "m" and before_tag == "r")
                or after in readings.HAVE_TO
            ):
                return "dei3"
            won = before in ("摘", "拔", "夺", "斩", "获") or after[:1] in PRIZES and before_tag[:1] != "a"
            won = won or after_tag == "m" and before_tag[:1] in "nrc"
            if after[:1] == "了" and self._is_able(p + 1):
                return "de5"
            return "de2" if not after or after[0] in "了嘞" or won else "de5"
        if character == "为":
            return self._read_wei(p, before, before_tag, after, after_tag)
        if character == "子":  # a suffix, but the son in 之子 and a name's character in 张子强
            own = self.words[self.word_of[p]].text
            suffix = own[-1] == "子" and before and before[-1] not in "之犬" + NUMERALS
            return "zi5" if suffix else "zi3"
        if character == "了":
            return "liao3" if before[-1:] == "不" or self._is_able(p) else None
        if character == "着" and after[:1] == "了":
            return "zhao2"  # 睡着了
        if character == "觉":
            return "jiao4" if "睡" in self.text[max(0, p - 6) : p] else None
        if character == "扇":
            slaps = after_tag[:1] == "r" or after[:1] in tuple("着了") or after in ("耳光", "巴掌", "风")
            return "shan1" if slaps else None
        if character in "哇啰咧呦吖嘞" and before and not after:
            return _read_character(character)[:-1] + "5"
        if character == "倒":
            pair = p > self.starts[self.word_of[p]] and before_tag[:1] != "n"  # 累倒, but 水倒
            falls = after[:1] in tuple("在下") or pair or self.text[p + 1 :] == "了"
            poured = after[:1] != "下" and re.search("[把将]", self.text[max(0, p - 6) : p])  # 把油倒在碗里
            return "dao3" if before_tag[:1] == "v" or falls and not poured else None
        if character == "只":
            return "zhi1" if before[-1:] and before[-1] in NUMERALS + "几那这每有多" else None
        if character == "种":
            counted = before[-1:] and before[-1] in NUMERALS + "几那这每各多少某何哪有此"
            if counted:
                return None
            planted = after[:1] in tuple("了着过下满") or before and before_tag[:1] in "dvcn" and after
            return "zhong4" if planted else None
        if character == "长":
            if after[:1] == "了" and (before in readings.LONG or before[-1:] in tuple("太很更最真够么")):
                return None  # 太长了, 时间长了
            grows = after and after[0] in "着了得大胖高个痘满出成起在" or before and before[-1] in "再越生"
            older = before_tag[:1] in "rn" and re.match("%s+[岁辈]" % HAN, self.text[p + 1 : p + 5])  # 比我长三岁
            return "zhang3" if grows or older or before and before[-1] in readings.HEADED else None
        if character == "还":
            owed = re.match("(?:[你我他她您]们?的?)?[钱债款]", self.text[p + 1 :]) or after[:1] in tuple("书给清账了")
            return "huan2" if owed or before[-1:] in tuple("偿归退不没候") and not after else None
        if character == "数":
            return "shu3" if after[:1] and after[0] in "了着不得完" else None
        if character == "教":
            return "jiao1" if after_tag[:1] == "r" or len(self.words[self.word_of[p]].text) == 1 and after else None
        if character == "耶":
            return "ye5" if not after else "ye1"
        if character == "着" and not before:
            return "zhuo2"
        return None

    def _read_wei(self, p, before, before_tag, after, after_tag):
        """为: wei4 ('for') where somebody does something behind it, else wei2 ('to be, to become')."""
        n = self.word_of[p]
        if (
            len(self.words[n].text) > 1
            or before in readings.BECOME
            or before in readings.TO_BE
            or "以" in self.text[max(0, p - 8) : p]
        ):
            return "wei2"
        if before in readings.FOR or after in readings.HIM:
            return "wei4"
        later = self.words[n + 2 :]
        if after_tag == "m" and after[0] in NUMERALS and not any(word.tag[0] == "v" for word in later):
            return "wei2"
        if not before and after_tag[:1] in ("v", "n", "r"):
            return "wei4"
        if any(word.tag[0] == "v" and (word.tag != "vn" or word is later[-1]) for word in later) and not (
            before_tag[:1] == "v" and len(before) == 1
        ):
            return "wei4"
        return "wei4" if after_tag == "v" and before else "wei2"

    def _melts(self, p: int) -> bool:
        """Whether the 儿 at ``p`` is the r of the syllable before it: 玩儿 is one syllable, 女儿 and 两个|儿子 are not."""
        cedict, _ = _dictionaries()
        n = self.word_of[p]
        at, word = p - self.starts[n], self.words[n].text
        if p == 0 or at == 0 and len(word) > 1:
            return False
        pieces = [self.text[max(0, p + 1 - size) : p + 1] for size in (4, 3, 2)]
        if any(piece in readings.SUNG for piece in pieces):
            return False
        for piece in pieces:
            if piece in cedict and piece.endswith("儿"):
                return _numbered(cedict[piece][-1][0]) == "er5"
        before, tag = self._neighbour(p, -1)
        if len(before) == 1 and tag[:1] in ("v", "p") and at == 0:
            return False  # 救|儿, 为|儿: the child
        if self.words[n].tag == "nr":
            return False
        return self.text[p - 1] in _erhua_endings()

    def _read_one(self, p: int) -> str:
        """一 as it is spoken: yi1 where it counts in digits or orders, yi2 before a fourth tone, else yi4."""
        before, after, later = self.text[p - 1 : p], self.text[p + 1 : p + 2], self.text[p + 2 : p + 3]
        word = self.words[self.word_of[p]].text
        last = p + 1 == len(self.text) or self.word_of[p + 1] != self.word_of[p]
        if not after:
            return "yi1"
        measured = self.text[p + 1 :].startswith(tuple(MEASURES))
        if before == "点" and self.text[p - 2 : p - 1] in tuple(NUMERALS) and after != "刻":
            return "yi1"  # 三点一, 十四点一亿
        if after not in "百千万亿":
            digits = DIGITS + "〇"
            counts = (
                before and before in digits + "十第初" or before == "百" and after == "十" or after in digits + "两"
            )
            counts = counts or after == "点" and later and later in digits and self.text[p + 3 : p + 4] != "刻"
            sums = after in tuple("加减乘比到至") and later and later in NUMERALS or after + later == "除以"
            sums = sums or before in tuple("加减乘比") and self.text[p - 2 : p - 1] in tuple(NUMERALS) and not measured
            ordinal = after in "月号级楼线审氧" or before == "月" and after == "日"  # 一月 is January, 一号 the first
            ordinal = ordinal or re.match("年级|等[奖座舱功]", self.text[p + 1 :])
            ends = len(word) > 1 and last and word[-1] == "一" and word[0] not in "这那哪另某每任同有刚"
            ends = ends and not (word[0] == "一" and self.words[self.word_of[p]].tag == "x")  # 一摇一|摆
            if counts or sums or ordinal or ends or word == "一" and after == "是":
                return "yi1"
        spoken = self.syllables[p + 1]
        return "yi2" if spoken.endswith("4") or spoken == "ge5" else "yi4"

    def _read_not(self, p: int) -> str:
        """不 as it is spoken: bu5 where it asks (知道不), bu2 before a fourth tone, else bu4."""
        if p and p + 1 == len(self.text) and len(self.words[self.word_of[p]].text) == 1:
            return "bu4" if self.text[p - 1] in "偏就才也都绝决" else "bu5"
        return "bu2" if self.syllables[p + 1 : p + 2] and self.syllables[p + 1][-1:] == "4" else "bu4"

    def _lift_third_tones(self):
        """A third tone before another becomes a second: within words and runs of one-character words, then between these.

        Words of four characters are spoken in halves (彼此|彼此), names of three as surname and given name (柳|晓宝).

        Between two groups the second's tone counts as it is spoken by then: 我 keeps its tone in 我|理解 (wo3 li2 jie3).
        """
        groups = []  # [positions, first word, last word]
        for n, word in enumerate(self.words):
            positions = [p for p in range(self.starts[n], self.starts[n] + len(word.text)) if self.syllables[p]]
            if not positions:
                continue
            name = word.tag == "nr" or word.tag == "x" and word.text[:2] not in parts_of_speech()
            halves = 2 if len(word.text) == 4 else 1 if len(word.text) == 3 and name else 0
            if halves and len(positions) == len(word.text):  # 彼此|彼此, 柳|晓宝
                groups += [[positions[:halves], word, word], [positions[halves:], word, word]]
                continue
            if groups and len(word.text) == 1 and len(groups[-1][2].text) == 1 and len(groups[-1][1].text) == 1:
                groups[-1][0].extend(positions)
                groups[-1][2] = word
            else:
                groups.append([positions, word, word])
        for positions, _, _ in groups:
            lifted = third_tone_sandhi([self.syllables[p] for p in positions])
            for p, syllable in zip(positions, lifted):
                self.syllables[p] = syllable
        for (left, _, last), (right, first, _) in zip(groups, groups[1:]):
            # a noun before the predicate's adverb: speakers halt there
            halt = len(last.text) > 1 and last.tag[0] in "nx" and (first.tag == "d" or first.text == "以及")
            pair = [self.syllables[left[-1]], self.syllables[right[0]]]
            if not halt:
                self.syllables[left[-1]] = third_tone_sandhi(pair)[0]


@functools.lru_cache(maxsize=None)
def _erhua_endings():
    """Characters that erhua melts with: the last of CC-CEDICT's words with r, and those of ``readings.py``."""
    cedict, _ = _dictionaries()
    with_r = {
        word[-2] for word, reading in cedict.items() if len(word) > 1 and word[-1] == "儿" and reading[-1][0] == "er"
    }
    return with_r | readings.ERHUA_ENDINGS


# --- what the other scripts use


def is_pinyin(text):
    """Whether all words of ``text`` look like syllables with tone digits."""
    words = text.split()
    return bool(words) and all(SYLLABLE.match(word) for word in words)


def small_pinyin(text: str) -> str:
    """Pinyin in capitals in small letters: ``NI3 HAO3`` → ``ni3 hao3``. That is two such words or more in a row, or all of
    the text; among them one of two letters, and all syllables that exist: A4, MP3, H1N1 and MI4手机 are none."""
    word = "[A-Za-z]{1,6}[1-5]"
    row = r"(?<![A-Za-z0-9./])%s(?:\s*%s)+(?![A-Za-z0-9])|^\W*%s(?:\W+%s)*\W*$" % ((word,) * 4)
    return re.sub(row, _small, text)


def _small(match) -> str:
    small = match.group().lower()
    syllables = re.findall("[a-z]+", small)
    real = known_syllables().issuperset(syllables) and any(len(syllable) > 1 for syllable in syllables)
    return small if real else match.group()


def third_tone_sandhi(syllables):
    """A third tone before another is spoken as a second: ``ni3 hao3`` → ``ni2 hao3`` (BZNSYP writes what is spoken)."""
    result = list(syllables)
    for i in range(len(result) - 1):
        if syllables[i].endswith("3") and syllables[i + 1].endswith("3"):
            result[i] = syllables[i][:-1] + "2"
    return result


def read(text: str, tone_sandhi: bool = False) -> List[Tuple[str, str]]:
    """Chinese text as (character, syllable) pairs without punctuation; the syllable is '' where 儿 has melted.

    Figures come as the characters that are spoken for them (``written_text.as_spoken``). A capital has its name's syllables
    (``W``: ``da2 bu4 liu2``); pinyin among the characters is a pair of itself.

    Raises:
      UserError: something in the text cannot be read; the message names it.
    """
    pairs = []
    for clause in re.findall("%s+|[A-Z]|%s" % (HAN, PINYIN), as_spoken(text, sure=True)):
        if clause in readings.LETTERS:
            pairs.append((clause, readings.LETTERS[clause]))
        elif SYLLABLE.match(clause):
            pairs.append((clause, _existing(clause)))
        else:
            read_clause = Clause(clause, tone_sandhi)
            pairs += zip(read_clause.text, read_clause.syllables)
    return pairs


def _existing(*syllables: str) -> str:
    """Typed syllables as they stand; UserError for those that Mandarin does not have."""
    unknown = [syllable for syllable in syllables if syllable[:-1] not in known_syllables()]
    if unknown:
        raise UserError("no such syllable of Mandarin: %s (write ü as v)" % " ".join(unknown))
    return " ".join(syllables)


def to_pinyin(text, tone_sandhi=False):
    """One sentence, Chinese or pinyin with tone digits or both, as the corpus's pinyin: ``你好`` → ``ni3 hao3``.

    Erratum E36: the print's ``lazy_pinyin(text, style=Style.TONE3)`` gives no digit for the neutral tone; the corpus writes 5.

    Args:
      tone_sandhi: write the tones that 一, 不 and third tones take beside others (pinyin is taken as it stands).

    Raises:
      UserError: Latin letters or another character that cannot be spoken; or a syllable that does not exist.
    """
    text = small_pinyin(text)
    if is_pinyin(text):
        return _existing(*text.split())
    if any(SYLLABLE.match(word) for word in text.split()) and not re.search(HAN, text):
        wrong = [word for word in text.split() if not SYLLABLE.match(word) and set(word) - PUNCTUATION]
        if any(re.search("[a-z]", word) for word in wrong):
            raise UserError("not pinyin with tone digits 1-5 (5: neutral): %s" % " ".join(wrong))
    syllables = [syllable for _, syllable in read(text, tone_sandhi) if syllable]
    if not syllables:
        raise UserError("nothing to speak in '%s'" % text.strip())
    return " ".join(syllables)


def split_sentences(text, max_syllables=25):
    """A text in the pieces that are spoken one after the other.

    It is cut at sentence ends; a sentence of more than ``max_syllables`` characters also at its commas (not inside of
    numbers and times, nor between 电话： and its number). Pinyin is cut at ends of lines, and every ``max_syllables`` syllables.
    """
    pieces = []
    text = simplified(small_pinyin(text))  # one sentence may have no character that tells the script: 我等著你
    # a point before a figure is none's end (.75), unless that has none (他走了.5点)
    points = r"\.{2,}|\.(?![\dA-Z])|(?<![\dA-Z])\.(?!\d)|(?<![\dA-Z])(?<!^)\.(?=\d+%s)" % ORDERED
    for sentence in re.split("[%s]+|%s" % (re.escape(SENTENCE_ENDS), points), text):
        if is_pinyin(sentence):
            words = sentence.split()
            pieces += [" ".join(words[i : i + max_syllables]) for i in range(0, len(words), max_syllables)]
            continue
        if len(sentence) <= max_syllables:
            parts = [sentence]
        else:  # put clauses together as long as they fit
            parts = [""]
            for clause in re.split("(?<=[%s])(?!(?<=\\d.)\\d|(?<=[：:])[\\d(（+])" % re.escape(CLAUSE_ENDS), sentence):
                if parts[-1] and len(parts[-1]) + len(clause) > max_syllables:
                    parts.append("")
                parts[-1] += clause
        pieces += [part.strip() for part in parts if set(part) - PUNCTUATION]
    return pieces
