"""How often the text front end writes what a trained ear wrote: BZNSYP's labels, 9,999 sentences (section 9.8.14).

The rules of ``pinyin.py`` and ``readings.py`` were chosen by reading what went wrong in the odd utterances; the even ones are
held out: their errors were not read, only their total. Beside it stands pypinyin alone, with each third tone before another
raised. A syllable is right when letters and tone are; where the numbers of syllables differ, the longest common blocks count.

Reads   data set `bznsyp` (ProsodyLabeling/000001-010000.txt; non-commercial use)
Writes  output/tacotron/pinyin/record-pinyin_accuracy.json
Time    half a minute
"""

import difflib
import os
import re

from ch09_tacotron.beyond import pinyin
from common import datasets, options, records, run, text
from common.errors import UserError

LABELS = os.path.join("ProsodyLabeling", "000001-010000.txt")
VALUES = [
    options.Value("limit", None, "only the first utterances", kind=int, low=2, tiny=100, fixed=False),
]
APART = "一不地得为了着长"  # characters that are counted apart
NAMES = ("a syllable's letters", "neutral tone", "third tone beside another", "another tone")


def read_labels(path):
    """(number, text without prosody marks, syllables) of each utterance of BZNSYP's label file.

    Raises:
      UserError: the file is not laid out in pairs of lines.
    """
    lines = text.read_lines(path, "labels")
    labels = []
    for first, second in zip(lines[::2], lines[1::2]):
        number, tab, sentence = first.partition("\t")
        if not tab or not number.isdecimal():
            raise UserError("labels %s: no utterance begins with '%s'" % (path, first[:40]))
        labels.append((int(number), re.sub(r"#\d", "", sentence), second.split()))
    if not labels:
        raise UserError("labels %s: no utterances" % path)
    return labels


def align(characters, syllables):
    """Each character's syllable in a label, '' for a 儿 that has melted; None where they cannot be laid side by side."""
    melted, pairs, rest = len(characters) - len(syllables), [], list(syllables)
    for character in characters:
        erhua = pairs and re.match(r"(?!er\d).*r\d$", pairs[-1])
        if character == "儿" and melted > 0 and erhua and not (rest and rest[0].startswith("er")):
            pairs.append("")
            melted -= 1
        elif rest:
            pairs.append(rest.pop(0))
        else:
            return None
    return None if rest else pairs


def common_syllables(spoken, label):
    """How many syllables of ``label`` are right in ``spoken``."""
    if len(spoken) == len(label):
        return sum(a == b for a, b in zip(spoken, label))
    return sum(
        block.size for block in difflib.SequenceMatcher(None, spoken, label, autojunk=False).get_matching_blocks()
    )


def pypinyin_alone(sentence):
    """(character, syllable) pairs of pypinyin with neutral tones as 5, and third tones raised."""
    from pypinyin import Style, lazy_pinyin

    pairs = []
    for clause in re.findall("%s+" % pinyin.HAN, sentence):
        spoken = lazy_pinyin(clause, style=Style.TONE3, neutral_tone_with_five=True, v_to_u=False)
        pairs += zip(clause, pinyin.third_tone_sandhi(spoken))
    return pairs


def kind_of(ours, label):
    """Which of ``NAMES`` tells two unequal syllables apart."""
    if ours[:-1] != label[:-1]:
        return 0
    tones = {ours[-1], label[-1]}
    return 1 if "5" in tones else 2 if tones == {"2", "3"} else 3


class Score:
    """Counts of one way over a set of utterances."""

    def __init__(self):
        self.right = self.total = self.refused = self.erhua = self.erhua_wrong = 0
        self.apart = {character: [0, 0] for character in APART}  # wrong, all
        self.kinds = [0] * len(NAMES)

    def add(self, pairs, label, characters):
        spoken = [syllable for _, syllable in pairs if syllable]
        self.total += len(label)
        self.right += common_syllables(spoken, label)
        if "儿" in characters:
            self.erhua += 1
            self.erhua_wrong += len(spoken) != len(label)
        truth = align(characters, label)
        if truth is None or len(pairs) != len(truth):
            return
        for (character, ours), theirs in zip(pairs, truth):
            if character in self.apart:
                self.apart[character][0] += ours != theirs
                self.apart[character][1] += 1
            if ours and theirs and ours != theirs:
                self.kinds[kind_of(ours, theirs)] += 1


def measure(labels, read):
    """A ``Score`` of the function ``read``: sentence → (character, syllable) pairs. What it refuses counts as wrong."""
    score = Score()
    for _, sentence, label in labels:
        characters = "".join(re.findall(pinyin.HAN, sentence))
        try:
            score.add(read(sentence), label, characters)
        except UserError:
            score.refused += 1
            score.total += len(label)
    return score


def percent(part, whole):
    return round(100.0 * part / whole, 2) if whole else None


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, base="labels", folder="pinyin")
    run.start(opts.seed)
    folder = datasets.find("bznsyp", opts.data_dir, [LABELS])
    labels = read_labels(os.path.join(folder, LABELS))[: opts.limit]
    halves = [
        ("even utterances (held out)", [label for label in labels if label[0] % 2 == 0]),
        ("odd utterances (rules chosen on them)", [label for label in labels if label[0] % 2]),
    ]
    ways = [("pypinyin alone", pypinyin_alone), ("pinyin.py", lambda sentence: pinyin.read(sentence, tone_sandhi=True))]
    record = records.Record(
        opts, opts.script, "section 9.8.14", "BZNSYP's labels, %d utterances (non-commercial)" % len(labels)
    )
    rows, apart, kinds = [], [], []
    for name, half in halves:
        for way, function in ways:
            score = measure(run.progress(half, desc=way), function)
            rows.append(
                [name, way, score.total, percent(score.right, score.total)]
                + [percent(*score.apart[character]) for character in "一不"]
                + [score.erhua, percent(score.erhua_wrong, score.erhua), score.refused]
            )
            apart.append(
                [name, way] + [cell for wrong, all_ in score.apart.values() for cell in (percent(wrong, all_), all_)]
            )
            kinds.append([name, way] + score.kinds)
            print("%s, %s: %s %% of %d syllables" % (name, way, rows[-1][3], score.total))
    even = rows[1]
    record.metric("syllables as labelled", even[3], "%", note=even[0])
    record.metric("一 wrong", even[4], "%", note=even[0])
    record.metric("不 wrong", even[5], "%", note=even[0])
    record.metric("sentences with 儿 of another length", even[7], "%", note=even[0])
    columns = [
        "utterances",
        "way",
        "syllables",
        "right %",
        "一 wrong %",
        "不 wrong %",
        "with 儿",
        "other length %",
        "refused",
    ]
    record.table("Text as BZNSYP's labels have it", columns, rows)
    columns = ["utterances", "way"] + [cell for character in APART for cell in (character + " wrong %", "of")]
    record.table("Characters that depend on their neighbours", columns, apart)
    record.table("What is wrong, by kind (syllables)", ["utterances", "way"] + list(NAMES), kinds)
    print("written: %s" % record.save())


if __name__ == "__main__":
    options.run(main)
