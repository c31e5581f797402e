"""Extra to section 9.6: the topics of your own text, and which words each capsule listened to.

Takes a text from the command line (--text), from a file (--file) or from the keyboard (neither; Ctrl-D ends it),
shows the most probable topics and draws the coupling coefficients of the routing over the words. The model knows
English newswires of
1987 and 46 topics of business; about anything else its answer means little, and the share of unknown words says so.

Reads   the run folder of code_9_07_routing_rnn.py (same --preset or --output-dir), the data set's word index
Writes  couplings.png, record-ext_9_6_predict.json in the same folder
Time    seconds
"""

import os
import sys
import types

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn import reports, reuters
from common import datasets, options, records, training
from common.errors import UserError

PRESETS = {"book": dict(top=5), "cpu": dict(), "last80": dict(), "whole": dict(), "tiny": dict()}
LARGEST_FILE = 1000000  # bytes


def read_text(opts):
    """The text of --text, --file or the keyboard."""
    if opts.text is not None:
        return opts.text
    if opts.file is None:
        if sys.stdin.isatty():
            print("type or paste the text; end with Ctrl-D")
        return sys.stdin.read()
    try:
        if os.path.getsize(opts.file) > LARGEST_FILE:
            raise UserError("%s is larger than %d bytes; give one text" % (opts.file, LARGEST_FILE))
        with open(opts.file, encoding="utf-8") as stream:
            return stream.read()
    except UnicodeDecodeError:
        raise UserError("%s is not UTF-8 text" % opts.file)
    except OSError as error:
        raise UserError("%s cannot be read: %s" % (opts.file, error.strerror))


def to_ids(text, word_index, settings):
    """Words and ids as the model reads them (cut to its length), and how many of all words it knows.

    Raises:
      UserError: no words, or none that the model knows.
    """
    words = reuters.split_words(text)
    if not words:
        raise UserError("the text holds no words; give English text with --text or --file")
    ids = reuters.encode(words, word_index, settings.num_words)
    known = sum(number != reuters.OOV_ID for number in ids[1:])
    if not known:
        raise UserError("none of the %d words is known to the model; it reads English business news" % len(words))
    shown = ["(start)"] + [word if number != reuters.OOV_ID else "[%s]" % word for word, number in zip(words, ids[1:])]
    width = settings.maxlen or len(ids)
    cut = slice(-width, None) if settings.truncating == "pre" else slice(0, width)
    return shown[cut], ids[cut], known, len(words)


def main(argv=None):
    def add(parser):
        given = parser.add_mutually_exclusive_group()
        given.add_argument("--text", help="the text")
        given.add_argument("--file", help="a UTF-8 file with the text")

    opts = options.parse(
        __doc__, PRESETS, example="capsule_rnn", argv=argv, add=add, help_texts=dict(top="topics shown")
    )
    training.start(opts.seed)
    saved = options.load_settings(opts.output_dir, "ch09_capsule_rnn/code_9_07_routing_rnn.py")
    settings = types.SimpleNamespace(**dict(listing.PRESETS["book"], **saved))
    folder = datasets.locate("reuters", opts, required=[reuters.WORD_INDEX_FILE])
    topics = reuters.read_topics(folder)
    words, ids, known, total = to_ids(read_text(opts), reuters.read_word_index(folder), settings)
    print("%d of %d words are known%s" % (known, total, ", the model reads %d" % len(ids) if len(ids) <= total else ""))
    if known < 0.5 * total:
        print("warning: most words are unknown (marked [so]); the answer means little", file=sys.stderr)

    with tf.Graph().as_default(), tf.Session(config=training.session_config(opts.threads)) as session:
        model = listing.build(settings)
        listing.restore_best(session, opts.output_dir)
        fetches = [model.probabilities] + tf.get_collection("couplings") + tf.get_collection("uhat")
        results = session.run(fetches, {model.x: [ids], model.x_len: [len(ids)]})
    probabilities = results[0][0]
    order = np.argsort(-probabilities)[: max(1, opts.top)]
    for label in order:
        print("%-16s %6.2f %%" % (topics[label], 100.0 * probabilities[label]))

    record = records.Record(opts, "ext_9_6_predict", "section 9.6", "a text of %d words" % total)
    rows = [[topics[label], float(probabilities[label])] for label in order]
    record.table("Topics of the text", ["topic", "probability"], rows, " ".join(words[1:30]))
    if len(results) == 3:
        couplings, uhat = results[1][0], results[2][0]
        strengths = couplings * np.linalg.norm(uhat, axis=2)
        title = "Which words each capsule listened to (%s, %.0f %%)" % (topics[order[0]], 100 * probabilities[order[0]])
        path = reports.draw_couplings(
            os.path.join(opts.output_dir, "couplings.png"), words[:200], couplings[:200], strengths[:200], title
        )
        caption = "Coupling coefficients of the routing over a text's words (unknown words in brackets)"
        record.file(path, "picture", caption, "动态路由的耦合系数：各胶囊关注的词（未登录词加方括号）")
        for capsule in range(couplings.shape[1]):
            strongest = np.argsort(-strengths[:, capsule])[:5]
            print("capsule %d listened to: %s" % (capsule + 1, ", ".join(words[row] for row in strongest)))
    else:
        print("this model has no routing (--aggregation %s), so there are no couplings to draw" % settings.aggregation)
    record.save()


if __name__ == "__main__":
    options.run(main)
