"""One setting of the hybrid (hybrid.py) trained with several seeds, so that its figure has a spread.

The first row is the linear machine by itself that the hybrid begins with: the difference is what IndyLSTM and routing add. A
run that is finished is not trained again: stop and start the script as you like.

Reads   reuters.npz (data set `reuters`)
Writes  output/capsule_rnn/<preset>/seeds/: <seed>/ as hybrid.py, record-seeds.json
Time    as many runs of hybrid.py as seeds
"""

import argparse
import os

import tensorflow as tf

from ch09_capsule_rnn.beyond import fitting, hybrid, reports, word_vectors
from common import datasets, options, run
from data import reuters

SEEDS = options.Value("seeds", 3, "how many: --seed, --seed + 1, …", low=2, fixed=False, tiny=2)


def linear_machine(part, start_values):
    """Scores of the machine that the hybrid starts from, by itself.

    Args:
      part: word ids ``[N, T]``, lengths and labels; start_values: from ``word_vectors.fit``.
    """
    texts = [row[:length] for row, length in zip(part[0], part[1])]
    table = word_vectors.log_tfidf(texts, start_values["idf"])
    weights = start_values["linear"][: len(start_values["idf"])]  # row 0 of the machines has seen all training texts
    predicted = (table.dot(weights) + start_values["linear_bias"][0]).argmax(axis=1)
    return reports.scores(part[2], predicted)


def train_one(opts, seed, parts, start_values):
    """Trains (or takes up) the run of one seed; its row of the table, and the test probabilities."""
    train, valid, test = parts
    settings = argparse.Namespace(**dict(vars(opts), seed=seed, output_dir=os.path.join(opts.output_dir, str(seed))))
    settings.rows = tuple(hybrid.VALUES)
    print("-- seed %d" % seed)
    with tf.Graph().as_default():
        tf.set_random_seed(seed)
        model = hybrid.build(settings)
        history = fitting.fit(model, settings, train, valid, start_values)
        with tf.Session(config=run.session_config(opts.threads)) as session:
            fitting.restore_best(session, settings.output_dir, hybrid.MADE_BY)
            probabilities = fitting.predict(session, model, *test[:2])
            seen = fitting.accuracy(fitting.predict(session, model, train[0] % opts.num_words, train[1]), train[2])
    result = reports.scores(test[2], probabilities.argmax(axis=1))
    row = ["seed %d" % seed, result["accuracy"], result["macro_f1"], seen, history[-1]["loss"]]
    return row, probabilities


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, hybrid.VALUES + [SEEDS], argv=argv, base="first80")
    opts.output_dir = os.path.join(opts.output_dir, "seeds")
    run.start(opts.seed)
    folder = datasets.locate("reuters", opts, required=reuters.REQUIRED)
    parts, start_values = hybrid.load_parts(folder, opts)
    alone = linear_machine(parts[2], start_values)
    rows, sums = [["linear machine alone", alone["accuracy"], alone["macro_f1"], None, None]], 0.0
    for seed in range(opts.seed, opts.seed + opts.seeds):
        row, probabilities = train_one(opts, seed, parts, start_values)
        rows.append(row)
        sums = sums + probabilities
    record = reports.record(opts, "section 9.6.6", folder, *parts)
    reports.add_spread(record, rows, reports.TINY_NOTE if opts.preset == "tiny" else "")
    together = reports.scores(parts[2][2], sums.argmax(axis=1))
    record.metric(
        "averaged_accuracy", together["accuracy"], note="of the mean of the %d models' probabilities" % opts.seeds
    )
    record.metric(
        "averaged_macro_f1", together["macro_f1"], note="of the mean of the %d models' probabilities" % opts.seeds
    )
    print(
        "all %d averaged: test accuracy %.4f, macro-F1 %.4f" % (opts.seeds, together["accuracy"], together["macro_f1"])
    )
    record.save()


if __name__ == "__main__":
    options.run(main)
