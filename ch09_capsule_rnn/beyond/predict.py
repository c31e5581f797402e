"""The topic of your own text, and which words decided.

Takes a text from the command line (--text), from a file (--file) or from the keyboard (neither; Ctrl-D ends it). The model
knows English newswires of 1987 and 46 topics of business. Where its calibrated confidence in the best guess is below a
threshold, more words are unknown to it than news has, or they are too rare in news for that confidence, it says so: none of
the 46 topics. Each word's effect on the odds is measured by leaving it out: green words speak for the answer, red ones against
it. The couplings (the book's picture) show which words each capsule listened to.

Reads   ch09_capsule_rnn/weights/news.npz; with --preset first80, last80, whole or tiny the run of hybrid.py, with --preset book
        that of listing 9-7 (these need the data set's word index)
Writes  words.png, couplings.png and record-predict.json in the run's folder
Time    seconds
"""

import os
import sys

import numpy as np

from ch09_capsule_rnn.beyond import classifier, reports
from common import datasets, options, records, run
from common.text import read_stdin, read_text
from data import reuters

VALUES = [
    options.Value("top", 5, "topics shown", low=1, first80=5, last80=5, whole=5, small=5, book=5, tiny=5),
    options.Value("color", "auto", "words in colour in the terminal", choices=("auto", "always", "never")),
]
SHOWN = 200  # words of a picture
GREENS, REDS = (194, 157, 120, 83), (224, 217, 210, 203)  # backgrounds for black letters, of the terminal's 256 colours
STRONG = 1.0  # log-odds: weaker effects than this never have the full colour


def load(opts):
    """The classifier that the preset names, and the folder for what is written."""
    if opts.preset == "shipped":
        return classifier.shipped(threads=opts.threads), opts.output_dir
    of_run, folder = classifier.of_hybrid, os.path.join(opts.output_dir, "hybrid")
    if opts.preset == "book":
        of_run, folder = classifier.of_listing, opts.output_dir
    data = datasets.locate("reuters", opts, required=[reuters.WORD_INDEX_FILE], trained=[folder])
    return of_run(folder, data, opts.threads), folder


def text_of(opts):
    """The text of --text, --file or the keyboard."""
    if opts.text is not None:
        return opts.text
    if opts.file:
        return read_text(opts.file, "text", limit=1 << 20)
    if sys.stdin is not None and sys.stdin.isatty():
        print("type or paste the text; end with Ctrl-D")
    return read_stdin()


def colored(words, effects):
    """One line for a terminal of 256 colours: words on green (for the answer) or red (against it), the stronger the fuller."""
    parts, most = [], max(STRONG, np.max(np.abs(effects)))
    for word, effect in zip(words, effects):
        level = int(round(abs(effect) / most * len(GREENS)))
        if level:
            word = "\033[38;5;16;48;5;%dm%s\033[0m" % ((GREENS if effect > 0 else REDS)[level - 1], word)
        parts.append(word)
    return " ".join(parts)


def listed(words, effects, count=6):
    """The different words with the largest effects, in words."""
    strongest = {}
    for place in np.argsort(-np.abs(effects), kind="mergesort"):
        if abs(effects[place]) >= 0.05:
            strongest.setdefault(words[place], effects[place])
    return ", ".join("%s %+.1f" % item for item in list(strongest.items())[:count]) or "no single word"


def main(argv=None):
    def add(parser):
        source = parser.add_mutually_exclusive_group()
        source.add_argument("--text", help="the text")
        source.add_argument("--file", help="a file with the text")

    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, add=add, base="shipped")
    run.start(opts.seed)
    classify, opts.output_dir = load(opts)
    with classify:
        words, ids, known, total = classify.read(text_of(opts))
        probabilities = classify([ids])[0]
        order = np.argsort(-probabilities)[: opts.top]
        effects = classify.effects(ids, order[0])
        couplings, strengths = classify.couplings(ids)
    topics, best = classify.topics, float(probabilities[order[0]])
    print("%d of %d words are known%s" % (known, total, ", the model reads %d" % len(ids) if len(ids) <= total else ""))
    if known < 0.5 * total:
        print("warning: most words are unknown (marked [so]); the answer means little", file=sys.stderr)
    doubt = classify.doubt(ids, best)
    answer = topics[order[0]]
    if doubt:
        answer = "none of the %d topics (best guess %s, %s)" % (len(topics), topics[order[0]], doubt)
    for label in order:
        print("%-16s %6.2f %%" % (topics[label], 100.0 * probabilities[label]))
    for capsule in range(couplings.shape[1]):
        strongest = np.argsort(-strengths[:, capsule])[:5]
        print("capsule %d listened to: %s" % (capsule + 1, ", ".join(words[row] for row in strongest)))
    if opts.color == "always" or opts.color == "auto" and sys.stdout.isatty():
        print(colored(words, effects))
    print("words for and against %s (log-odds): %s" % (topics[order[0]], listed(words, effects)))
    print("answer: %s, confidence %.0f %%" % (answer, 100.0 * best))

    record = records.Record(opts, opts.script, "section 9.6", "a text of %d words" % total)
    if opts.preset == "shipped":
        record.shipped_weights()
    rows = [[topics[label], float(probabilities[label])] for label in order]
    record.table("Topics of the text", ["topic", "probability"], rows, "%s; %s" % (answer, " ".join(words[1:30])))
    record.table("words", ["word", "effect"], [[word, float(effect)] for word, effect in zip(words, effects)])
    path = reports.draw_words(
        os.path.join(opts.output_dir, "words.png"),
        words[:SHOWN],
        effects[:SHOWN] / max(STRONG, np.max(np.abs(effects))),
        "%s, confidence %.0f %%: words for it (green) and against it (red)" % (answer, 100 * best),
    )
    record.file(
        path,
        "picture",
        "What each word did for the odds of the answer (left out, one at a time)",
        "每个词对答案的作用（逐一去掉）",
    )
    title = "Which words each capsule listened to (%s)" % topics[order[0]]
    path = os.path.join(opts.output_dir, "couplings.png")
    reports.draw_couplings(path, words[:SHOWN], couplings[:SHOWN], strengths[:SHOWN], title)
    caption = "Coupling coefficients of the routing over a text's words (unknown words in brackets)"
    record.file(path, "picture", caption, "动态路由的耦合系数：各胶囊关注的词（生词加方括号）")
    record.save()


if __name__ == "__main__":
    options.run(main)
