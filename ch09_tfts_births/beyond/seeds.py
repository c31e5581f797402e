"""Listing 9-8 with several seeds: how far do runs lie apart? The printed windows are exchanged for repeatable ones.

Reads   what the listing reads.
Writes  output/tfts_births/<preset>/seed-N/ (each a run of the listing), seeds.csv, a record.
Time    a minute or two a seed; half a minute for tiny.
"""

import functools
import os

import pandas as pd

from ch09_tfts_births import code_9_08_births as listing
from ch09_tfts_births.ext_9_7_2_readers import repeatable_windows
from common import files, options, records, run, text

VALUES = [
    options.Value("runs", 5, "seeds, from --seed on", tiny=2, low=1, high=1000, fixed=False),
    options.Value("train_steps", listing.TRAIN_STEPS, "training steps", tiny=3, low=1, high=1000000),
]
COLUMNS = ["seed", "loss", "mean 1", "mean 2", "variance 1", "variance 2"]
PRINTED = ["printed", 1.1670636, 237.21950126, 246.91376098, 1054.86319966, 1302.53715562]


def figures(metrics):
    """Loss, the two means and the two variances of a record of listing 9-8, whose metrics are sorted by name, not by day."""
    rest = {name: entry["value"] for name, entry in metrics.items()}
    of_days = sorted((int(name.split()[-1]), name) for name in rest if name.split()[-1].isdigit())
    by_kind = [[rest.pop(name) for _, name in of_days if name.startswith(kind)] for kind in ("mean", "variance")]
    (loss,) = rest.values()
    return [loss] + by_kind[0] + by_kind[1]


def main(argv=None):
    """Runs the listing with each seed, tabulates what it recorded."""
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    rows = []
    for seed in range(opts.seed, opts.seed + opts.runs):
        print("--- seed %d" % seed)
        folder = os.path.join(opts.output_dir, "seed-%d" % seed)
        words = ["--preset", opts.preset, "--seed", str(seed), "--threads", str(opts.threads), "--output-dir", folder]
        words += ["--train-steps", str(opts.train_steps)] + (["--data-dir", opts.data_dir] if opts.data_dir else [])
        listing.main(words, functools.partial(repeatable_windows, seed=seed))
        found = files.read_json(os.path.join(folder, "record-code_9_08_births.json"))
        rows.append([seed] + figures(found["metrics"]))
    run.start(opts.seed)
    record = records.Record(opts, opts.script, "listing 9-8", found["data"])
    if opts.preset == "book":
        rows.append(PRINTED)
    print(pd.DataFrame(rows, columns=COLUMNS).to_string(index=False))
    path = text.write_csv(os.path.join(opts.output_dir, "seeds.csv"), [COLUMNS] + rows)
    record.table("Runs of listing 9-8 that differ in the seed only", COLUMNS, rows)
    record.file(path, "table", "Runs that differ in the seed only", "只有种子不同的各次运行")
    record.save()


if __name__ == "__main__":
    options.run(main)
