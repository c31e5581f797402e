"""Writes the weights that ship, for predict.py: the hybrid of preset small, with its words, topics and calibration.

10,000 words with vectors of 64 numbers, and the linear machine that has seen all training texts; matrices in 16 bits. The
weights hold no text of Reuters'. Like the newswires ('for research purposes only') they are for research and learning.

Reads   the runs of hybrid.py and calibrate.py at preset small; the data set's word index
Writes  ch09_capsule_rnn/weights/news.npz (--to: elsewhere), record-export.json in the run's folder
Time    seconds
"""

import os

import tensorflow as tf

from ch09_capsule_rnn.beyond import calibrate, classifier, fitting, hybrid, reports
from common import datasets, files, options, records, run, weights
from common.errors import UserError
from data import reuters

LINEAR = ("linear", "linear_bias")  # in a run, a block of rows for each fold; new texts meet the first
VALUES = [options.Value("batch", 500, "newswires computed at once", low=1, tiny=500)]


def to_ship(values, settings, word_index, topics, calibration):
    """Arrays and settings of a run as they ship.

    Args:
      values: variable name → array, of the run; settings: its values.
      word_index: word → rank; topics: 46 names; calibration: ``classifier.LIMITS``.
    """
    arrays = {
        name: value[: len(value) // (settings.folds + 1)] if name in LINEAR else value for name, value in values.items()
    }
    kept = dict({row.name: getattr(settings, row.name) for row in hybrid.VALUES}, folds=0, **calibration)
    known = [(rank, word) for word, rank in word_index.items() if rank + reuters.INDEX_FROM < settings.num_words]
    kept.update(words=[word for _, word in sorted(known)], topics=topics)
    return arrays, kept


def read_calibration(path):
    """What calibrate.py found, all of ``classifier.LIMITS``; UserError where an older one found less."""
    found = files.read_json(path)
    missing = [name for name in classifier.LIMITS if name not in found]
    if missing:
        raise UserError("%s has no '%s': run ch09_capsule_rnn/beyond/calibrate.py again" % (path, missing[0]))
    return {name: found[name] for name in classifier.LIMITS}


def main(argv=None):
    def add(parser):
        parser.add_argument(
            "--to", default=classifier.SHIPPED, metavar="FILE", help="where the weights go [%(default)s]"
        )

    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, add=add, base="small")
    opts.output_dir = os.path.join(opts.output_dir, "hybrid")
    run.start(opts.seed)
    settings = options.load_values(opts.output_dir, hybrid.VALUES, hybrid.MADE_BY)
    calibration = read_calibration(os.path.join(opts.output_dir, calibrate.CALIBRATION_FILE))
    folder = datasets.locate("reuters", opts, required=reuters.REQUIRED, trained=[opts.output_dir])
    hybrid.build(settings)
    with tf.Session(config=run.session_config(opts.threads)) as session:
        fitting.restore_best(session, opts.output_dir, hybrid.MADE_BY)
        values = session.run({variable.op.name: variable for variable in fitting.model_variables()})
    arrays, kept = to_ship(values, settings, reuters.read_word_index(folder), reuters.read_topics(folder), calibration)
    weights.save(opts.to, arrays, kept)
    print("%s: %.1f MB" % (opts.to, os.path.getsize(opts.to) / 1e6))

    test = reuters.load_data(folder, settings.num_words)[1]
    table, lengths = reuters.pad(test.texts, settings.maxlen, settings.truncating)
    with classifier.shipped(opts.to, opts.threads) as ship:
        found = fitting.predict(ship.session, ship.model, table, lengths, opts.batch)
    result = reports.scores(test.labels, found.argmax(axis=1))
    print("as shipped: test accuracy %.4f, macro-F1 %.4f" % (result["accuracy"], result["macro_f1"]))
    kind = reuters.describe(folder)
    record = records.Record(opts, opts.script, "section 9.6.6", "%s: %d test" % (kind, len(test.labels)))
    record.metric("test_accuracy", result["accuracy"], note="of the weights as they ship, in 16 bits")
    record.metric("test_macro_f1", result["macro_f1"])
    record.metric("megabytes", os.path.getsize(opts.to) / 1e6, "MB")
    record.save()


if __name__ == "__main__":
    options.run(main)
