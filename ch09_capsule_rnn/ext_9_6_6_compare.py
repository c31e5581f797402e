"""Extra to section 9.6.6: what routing buys. Six ways to make one vector of a text's word vectors, on the same encoder.

Last state, mean, maximum, attention, routing and reverse routing are each trained with several seeds; the table gives
mean and spread of the test accuracy at the epoch that was best on the validation part. A run that is finished is not
trained again: stop and start the script as you like, or do one row at a time (--ways mean).

Reads   reuters.npz (data set `reuters`)
Writes  compare/<way>-<seed>/ and record-ext_9_6_6_compare.json in the run's folder
Time    tiny under two minutes, cpu about ten minutes on a core that other work shares
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import tensorflow as tf

from ch09_capsule_rnn import aggregation, reports, reuters
from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from common import datasets, options, records, training
from common.errors import UserError

_BOOK = dict(listing.PRESETS["book"], logits="linear", validation=0.1, seeds=3, epochs=12, ways=list(aggregation.NAMES))
_SMALL = dict(embedding_size=64, rnn_units=[32], learning_rate=0.003, epochs=5)
PRESETS = {
    "book": _BOOK,
    "cpu": dict(_SMALL, sort_lengths=True),
    "tiny": dict(listing.PRESETS["tiny"], seeds=2, epochs=1, ways=["mean", "routing"]),
}
HELP = dict(
    listing.HELP, seeds="runs of each way", ways="the ways that are trained in this call; the others' results are kept"
)


FIGURES = ("accuracy", "macro_f1", "seconds")  # of the test part, and of the training


def same_settings_or_error(folder, opts, keys, free):
    """Notes the settings of the runs below ``folder``; UserError where they have been trained with others.

    Args:
      keys: names of the settings; free: those of them that may differ.
    """
    same = reports.plain_settings(opts, [key for key in keys if key not in free])
    same.pop("seed")
    if os.path.exists(os.path.join(folder, options.SETTINGS_FILE)):
        if options.load_settings(folder, __file__) != same:
            raise UserError("%s holds results of other settings; choose another --output-dir" % folder)
    options.save_settings(folder, same)


def train_one(way, seed, opts, parts, folder, start_values=None):
    """Trains (or reads the result of) one run; returns its dictionary."""
    result_file = os.path.join(folder, "result.json")
    if os.path.exists(result_file):
        return options.read_json(result_file)
    train, valid, test = parts
    settings = argparse.Namespace(**dict(vars(opts), aggregation=way, seed=seed))
    print("-- %s, seed %d" % (way, seed))
    with tf.Graph().as_default():
        tf.set_random_seed(seed)
        model = listing.build(settings)
        history = listing.Trainer(model, settings, folder).fit(train, valid, start_values)
        with tf.Session(config=training.session_config(opts.threads)) as session:
            listing.restore_best(session, folder)
            predicted = listing.predict(session, model, *test[:2]).argmax(axis=1)
    result = dict(reports.scores(test[2], predicted, len(test[2])), way=way, seed=seed)
    if valid is not None:
        result["valid_accuracy"] = max(row["valid_accuracy"] for row in history)
    result["seconds"] = sum(row["seconds"] for row in history)
    options.write_json(result_file, result)
    return result


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="capsule_rnn", argv=argv, help_texts=HELP)
    for way in opts.ways:
        if way not in aggregation.NAMES:
            raise UserError("--ways %s is unknown; there are %s" % (way, ", ".join(aggregation.NAMES)))
    training.start(opts.seed)
    folder = datasets.locate("reuters", opts, required=reuters.REQUIRED)
    parts, _ = listing.load_parts(folder, opts)
    record = records.Record(opts, "ext_9_6_6_compare", "section 9.6.6", reports.describe_data(folder, *parts))
    base = os.path.join(opts.output_dir, "compare")
    same_settings_or_error(base, opts, PRESETS["book"], ("seeds", "ways", "aggregation"))
    for way in opts.ways:
        for seed in range(opts.seeds):
            train_one(way, seed, opts, parts, os.path.join(base, "%s-%d" % (way, seed)))

    rows = []
    for way in aggregation.NAMES:
        paths = [os.path.join(base, "%s-%d" % (way, seed), "result.json") for seed in range(opts.seeds)]
        results = [options.read_json(path) for path in paths if os.path.exists(path)]
        if results:
            tests = [result["accuracy"] for result in results]
            spread = float(np.std(tests, ddof=1)) if len(tests) > 1 else None
            means = [
                float(np.mean([result[key] for result in results])) for key in ("valid_accuracy", "macro_f1", "seconds")
            ]
            rows.append([way, len(results), float(np.mean(tests)), spread] + means)
            print(
                "%-10s %d runs: test accuracy %.4f ± %.4f, macro-F1 %.4f"
                % (way, len(tests), rows[-1][2], spread or 0, means[1])
            )
    note = "a tiny run on generated texts: shows the wiring, not the quality" if opts.preset == "tiny" else ""
    columns = [
        "aggregation",
        "runs",
        "test accuracy",
        "standard deviation",
        "validation accuracy",
        "test macro-F1",
        "seconds",
    ]
    record.table("Ways to gather the words' vectors", columns, rows, note)
    record.save()


if __name__ == "__main__":
    options.run(main)
