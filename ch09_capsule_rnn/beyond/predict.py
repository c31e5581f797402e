"""The topics of your own text, and which words each capsule listened to.

Takes a text from the command line (--text), from a file (--file) or from the keyboard (neither; Ctrl-D ends it), shows the most
probable topics and draws the coupling coefficients of the routing over the words. The model knows English newswires of 1987
and 46 topics of business; about anything else its answer means little, and the share of unknown words says so.

Reads   the run of hybrid.py (same --preset or --output-dir), or with --preset book that of listing 9-7; the data set's word index
Writes  couplings.png and record-predict.json in that run's folder
Time    seconds
"""

import os
import sys

import numpy as np
import tensorflow as tf

from ch09_capsule_rnn.beyond import evaluate, fitting, hybrid, kernels, reports
from common import datasets, options, records, run
from common.errors import UserError
from common.text import read_stdin, read_text
from data import reuters

VALUES = [options.Value("top", 5, "topics shown", low=1, last80=5, whole=5, book=5, tiny=5)]
UHAT = "routing/rnn_caps_uhat/Reshape:0"  # what each word proposes to each capsule, in the listing and in the hybrid


def to_ids(text, word_index, num_words):
    """Words as they are shown, and their ids.

    Raises:
      UserError: no words, or none that the model knows.
    """
    words = reuters.split_words(text)
    if not words:
        raise UserError("the text holds no words; give English text with --text or --file")
    ids = reuters.encode(words, word_index, num_words)
    if all(number == reuters.OOV_ID for number in ids[1:]):
        raise UserError("none of the %d words is known to the model; it reads English business news" % len(words))
    shown = ["(start)"] + [word if number != reuters.OOV_ID else "[%s]" % word for word, number in zip(words, ids[1:])]
    return shown, ids


class Classifier:
    """A trained model in a session of its own, as a context.

    Args:
      opts: ``preset``, ``output_dir`` and ``threads``; with preset book the run is listing 9-7's, else hybrid.py's.
    """

    def __init__(self, opts):
        self.printed = opts.preset == "book"
        self.folder = opts.output_dir if self.printed else os.path.join(opts.output_dir, "hybrid")
        rows, made_by = (evaluate.listing.VALUES, evaluate.MADE_BY) if self.printed else (hybrid.VALUES, hybrid.MADE_BY)
        self.settings = options.load_values(self.folder, rows, made_by)
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.session = tf.Session(config=run.session_config(opts.threads))
            if self.printed:
                self.model = evaluate.load(self.session, self.folder, self.settings)
                self.probabilities = tf.nn.softmax(self.model.pred)
            else:
                self.model = hybrid.build(self.settings)
                fitting.restore_best(self.session, self.folder, made_by)
                self.probabilities = self.model.probabilities
            self.uhat = self.graph.get_tensor_by_name(UHAT)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.session.close()

    def cut(self, words):
        """The words that the model reads of a longer text."""
        width = self.settings.maxlen or len(words)
        return words[:width] if getattr(self.settings, "truncating", "pre") == "post" else words[-width:]

    def __call__(self, texts):
        """Probabilities ``[N, 46]`` and uhat ``[N, T, capsules, width]`` of texts (lists of ids, cut)."""
        table, lengths = reuters.pad(texts, self.settings.maxlen if self.printed else 0)
        return self.session.run([self.probabilities, self.uhat], {self.model.x: table, self.model.x_len: lengths})


def main(argv=None):
    def add(parser):
        source = parser.add_mutually_exclusive_group()
        source.add_argument("--text", help="the text")
        source.add_argument("--file", help="a file with the text")

    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, add=add, base="first80")
    run.start(opts.seed)
    folder = datasets.locate("reuters", opts, required=[reuters.WORD_INDEX_FILE])
    topics = reuters.read_topics(folder)
    with Classifier(opts) as classify:
        if opts.text is None:
            if not opts.file and sys.stdin is not None and sys.stdin.isatty():
                print("type or paste the text; end with Ctrl-D")
            opts.text = read_text(opts.file, "text") if opts.file else read_stdin("text")
        words, ids = to_ids(opts.text, reuters.read_word_index(folder), classify.settings.num_words)
        total, known = len(words) - 1, sum(number != reuters.OOV_ID for number in ids[1:])
        words, ids = classify.cut(words), classify.cut(ids)
        probabilities, uhat = [result[0] for result in classify([ids])]
    print("%d of %d words are known%s" % (known, total, ", the model reads %d" % len(ids) if len(ids) <= total else ""))
    if known < 0.5 * total:
        print("warning: most words are unknown (marked [so]); the answer means little", file=sys.stderr)
    order = np.argsort(-probabilities)[: opts.top]
    for label in order:
        print("%-16s %6.2f %%" % (topics[label], 100.0 * probabilities[label]))

    opts.output_dir = classify.folder
    record = records.Record(opts, opts.script, "section 9.6", "a text of %d words" % total)
    rows = [[topics[label], float(probabilities[label])] for label in order]
    record.table("Topics of the text", ["topic", "probability"], rows, " ".join(words[1:30]))
    rounds = getattr(classify.settings, "iter_num", 3)
    uhat = uhat[: len(ids)]
    couplings = kernels.routing_forward(uhat[np.newaxis], np.int32([len(ids)]), rounds)[2][-1][0]
    strengths = couplings * np.linalg.norm(uhat, axis=2)
    title = "Which words each capsule listened to (%s, %.0f %%)" % (topics[order[0]], 100 * probabilities[order[0]])
    path = os.path.join(opts.output_dir, "couplings.png")
    reports.draw_couplings(path, words[:200], couplings[:200], strengths[:200], title)
    caption = "Coupling coefficients of the routing over a text's words (unknown words in brackets)"
    record.file(path, "picture", caption, "动态路由的耦合系数：各胶囊关注的词（未登录词加方括号）")
    for capsule in range(couplings.shape[1]):
        strongest = np.argsort(-strengths[:, capsule])[:5]
        print("capsule %d listened to: %s" % (capsule + 1, ", ".join(words[row] for row in strongest)))
    record.save()


if __name__ == "__main__":
    options.run(main)
