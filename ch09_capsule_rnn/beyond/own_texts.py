"""How the shipped model meets texts of today: news, and what is no business news at all (recipes, sports, poems, letters …).

own_texts.tsv has three parts, all written for this purpose: on ``choose`` the second and third limits of calibrate.py (unknown
words, rare words) were chosen among several; ``report`` was written after the second, ``later`` before the third was looked for,
and neither decides anything. Many of the other texts name something that is a topic too (sugar in a cake, a gold medal, oil in
a pan).

Reads   ch09_capsule_rnn/weights/news.npz, ch09_capsule_rnn/beyond/own_texts.tsv
Writes  answers.csv and record-own_texts.json in output/capsule_rnn/shipped/
Time    seconds
"""

import os

import numpy as np

from ch09_capsule_rnn.beyond import classifier
from common import options, records, run, text
from common.errors import UserError

TEXTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "own_texts.tsv")
PARTS = ("choose", "report", "later")
VALUES = [options.Value("parts", list(PARTS), "which texts", choices=PARTS)]
COLUMNS = [
    "texts",
    "number",
    "refused, by confidence alone",
    "refused",
    "a wrong topic given",
    "best guess right",
]


def read_texts():
    """Rows of own_texts.tsv: part, kind, topics that would be right (none: '') and the text."""
    rows = text.read_csv(TEXTS, "texts", delimiter="\t")[1:]
    if any(len(row) != 4 or row[0] not in PARTS for row in rows):
        raise UserError("%s: four columns a line are needed: part, kind, topics, text" % TEXTS)
    return rows


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, base="shipped")
    run.start(opts.seed)
    rows = [row for row in read_texts() if row[0] in opts.parts]
    with classifier.shipped(threads=opts.threads) as classify:
        ids = [classify.read(content)[1] for _, _, _, content in rows]
        probabilities = classify(ids)
        guess, best = np.array(classify.topics)[probabilities.argmax(axis=1)], probabilities.max(axis=1)
        doubts = [classify.doubt(words, share) for words, share in zip(ids, best)]
        unsure = best < classify.threshold
    record = records.Record(opts, opts.script, "section 9.6", "%d texts of our own" % len(rows))
    record.shipped_weights()
    right = np.array([topic in row[2].split() for topic, row in zip(guess, rows)])
    refused, news = np.array([bool(doubt) for doubt in doubts]), np.array([row[1] == "news" for row in rows])
    table = []
    for part in opts.parts:
        for name, kind in (("business news", news), ("others", ~news)):
            those = kind & np.array([row[0] == part for row in rows])
            found = [int(np.sum(those & condition)) for condition in (unsure, refused, ~refused & ~right, right)]
            table.append(
                ["%s, %s" % (name, part), int(those.sum())]
                + found[:3]
                + [found[3] if name == "business news" else None]
            )
            print("%s, %s: %d of %d refused (%d by confidence alone)" % (part, name, found[1], those.sum(), found[0]))
    record.table(
        "Texts of our own", COLUMNS, table, "choose: the limits were chosen on them; report, later: decided nothing"
    )
    answers = [
        [row[0], row[1], "none (%s)" % doubt if doubt else topic, topic, "%.3f" % share, row[3]]
        for row, doubt, topic, share in zip(rows, doubts, guess, best)
    ]
    columns = ["part", "kind", "answer", "best guess", "confidence", "text"]
    path = text.write_csv(os.path.join(opts.output_dir, "answers.csv"), [columns] + answers)
    record.file(path, "table", "What the shipped model says to texts of our own", "随附模型对自编文本的判断")
    record.save()


if __name__ == "__main__":
    options.run(main)
