"""Extra to section 9.6.6: one setting of listing 9-7 trained with several seeds, so that its figure has a spread.

The first row is the linear machine by itself that --start linear begins with: the difference is what IndyLSTM and routing
add. A run that is finished is not trained again: stop and start the script as you like.

Reads   reuters.npz (data set `reuters`)
Writes  seeds/<seed>/ and record-ext_9_6_6_seeds.json in the run's folder
Time    as many runs of code_9_07_routing_rnn.py as seeds
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn import ext_9_6_6_compare as compare
from ch09_capsule_rnn import reports, reuters, word_vectors
from common import datasets, options, records, training
from common.errors import UserError

PRESETS = {name: dict(preset, seeds=3) for name, preset in listing.PRESETS.items()}
PRESETS["tiny"].update(start="linear", epochs=1, validation=0.0, seeds=2)
HELP = dict(listing.HELP, seeds="how many seeds: --seed, --seed + 1, …")


def linear_machine(part, start_values):
    """Accuracy and macro-F1 of the machine that the model starts from, by itself.

    Args:
      part: word ids ``[N, T]``, lengths and labels; start_values: from ``word_vectors.fit``.
    """
    texts = [row[:length] for row, length in zip(part[0], part[1])]
    table = word_vectors.log_tfidf(texts, start_values["idf"])
    weights = start_values["linear"][: len(start_values["idf"])]  # row 0 of the machines has seen all training texts
    predicted = (table.dot(weights) + start_values["linear_bias"][0]).argmax(axis=1)
    return reports.scores(part[2], predicted, len(part[2]))


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="capsule_rnn", argv=argv, help_texts=HELP)
    if opts.seeds < 2:
        raise UserError("--seeds is %d; a spread needs two at least" % opts.seeds)
    training.start(opts.seed)
    folder = datasets.locate("reuters", opts, required=reuters.REQUIRED)
    parts, start_values = listing.load_parts(folder, opts)
    record = records.Record(opts, "ext_9_6_6_seeds", "section 9.6.6", reports.describe_data(folder, *parts))
    base = os.path.join(opts.output_dir, "seeds")
    compare.same_settings_or_error(base, opts, PRESETS["book"], ("seeds",))
    rows = []
    if start_values:
        alone = linear_machine(parts[2], start_values)
        rows.append(["linear machine alone", alone["accuracy"], alone["macro_f1"], None])
    results = []
    for seed in range(opts.seed, opts.seed + opts.seeds):
        run = os.path.join(base, str(seed))
        results.append(compare.train_one(opts.aggregation, seed, opts, parts, run, start_values))
        rows.append(["seed %d" % seed] + [results[-1][key] for key in compare.FIGURES])
    for name, reduce in (("mean", np.mean), ("standard deviation", lambda values: np.std(values, ddof=1))):
        rows.append([name] + [float(reduce([result[key] for result in results])) for key in compare.FIGURES])
    for row in rows:
        print("%-22s test accuracy %.4f, macro-F1 %.4f" % tuple(row[:3]))
    note = "a tiny run on generated texts: shows the wiring, not the quality" if opts.preset == "tiny" else ""
    columns = ["run", "test accuracy", "test macro-F1", "seconds"]
    record.table("The same setting with %d seeds" % opts.seeds, columns, rows, note)
    record.save()


if __name__ == "__main__":
    options.run(main)
