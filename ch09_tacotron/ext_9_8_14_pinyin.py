"""Section 9.8.14: the printed demonstrations of pypinyin, their output beside the printed one, and what a corpus needs on top.

Reads nothing; writes lines and a record. A few seconds. Next: ``ext_9_8_14_speak.py``.
"""

from pypinyin import Style, lazy_pinyin
from pypinyin.contrib.mmseg import seg

from common import options, records

text = "代码医生工作室，习惯成就精品"
PRINTED_PINYIN = "dai4 ma3 yi1 sheng1 gong1 zuo4 shi4 ， xi2 guan4 cheng2 jiu4 jing1 pin3".split()
PRINTED_SEGMENTS = list(text)  # the page calls it segmentation, and shows single characters
CORPUS = {"绿色的": "lv4 se4 de5"}  # THCHS-30 writes the neutral tone as 5 and ü as v

VALUES = []


def compared(name, ours, printed):
    """Two lines: what the call returns, and the print's where it differs."""
    print("%s: %s" % (name, ours))
    print("    %s" % ("as printed" if ours == printed else "printed: %s" % printed))
    return ours == printed


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    a = lazy_pinyin(text, style=Style.TONE3)
    same = compared("lazy_pinyin(text, style=Style.TONE3)", a, PRINTED_PINYIN)

    b = list(seg.cut(text))
    same += compared("list(seg.cut(text))", b, PRINTED_SEGMENTS)

    needed = 0
    for words, wanted in CORPUS.items():  # Erratum E36: in print there is no digit for the neutral tone
        plain = lazy_pinyin(words, style=Style.TONE3)
        fitting = lazy_pinyin(words, style=Style.TONE3, neutral_tone_with_five=True, v_to_u=False)
        print("%s in THCHS-30's spelling: %s" % (words, wanted))
        print("    the printed call:                %s" % " ".join(plain))
        print("    with neutral_tone_with_five=True: %s" % " ".join(fitting))
        needed += sum(a != b for a, b in zip(plain, wanted.split()))
    record = records.Record(opts, opts.script, "section 9.8.14", "the printed sentence")
    record.metric("of the two printed outputs, the same here", same)
    record.metric("syllables of '%s' that the printed call spells otherwise than THCHS-30" % "".join(CORPUS), needed)
    record.save()


if __name__ == "__main__":
    options.run(main)
