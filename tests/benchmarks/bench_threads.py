"""What TensorFlow's threads cost: each example's training step (ours) with other numbers of them, on two cores and on one.

``intra`` threads share one operation, ``inter`` threads take one operation each; left to itself, TensorFlow takes the number of
cores for both. The scripts' ``--threads N`` sets both to N, 0 leaves them to TensorFlow.

    python tests/benchmarks/bench_threads.py [--quick] [--record] [--only deblurgan …]

``--record`` writes into ``results/hard/threads.json``. Ratios are: TensorFlow's own choice / another. Time: ten minutes idle.
"""

import argparse
import importlib
import os

from common import options, run
from common.errors import UserError
from tests.benchmarks import turns

VALUES = []  # each example's own, as its bench has them, but for:
SMALLER = {"tacotron": dict(batch_size=8, group=1), "deblurgan": dict(batch_size=1)}  # work enough for threads
# Way → cores (0: all), intra, inter (0: TensorFlow's own choice)
WAYS = {
    "all cores, own choice": (0, 0, 0),
    "all cores, 1 and 1": (0, 1, 1),
    "all cores, intra 2, inter 1": (0, 2, 1),
    "all cores, intra 1, inter 2": (0, 1, 2),
    "one core, own choice": (1, 0, 0),
    "one core, 1 and 1": (1, 1, 1),
}


def threads(way, opts):
    """A training step of ``opts.commands["example"]`` with the cores and threads of ``way``."""
    cores, intra, inter = WAYS[way]
    if cores:
        if not hasattr(os, "sched_setaffinity"):
            raise UserError("a process can be held on one core on Linux only")
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    own = run.session_config

    def session_config(unused=0):
        config = own()
        config.intra_op_parallelism_threads, config.inter_op_parallelism_threads = intra, inter
        return config

    run.session_config = session_config
    try:
        module = importlib.import_module("tests.benchmarks.bench_" + opts.commands["example"])
        preset = "tiny" if opts.preset == "tiny" else None
        values = {row.name: row.check(row.presets.get(preset, row.value)) for row in module.VALUES}
        values.update({} if preset else SMALLER.get(opts.commands["example"], {}))
        given = dict(vars(opts), threads=0, **values)
        return module.training("ours", argparse.Namespace(**given))
    finally:
        run.session_config = own


COMPARISONS = [
    turns.Comparison(name, threads, tuple(WAYS), commands=dict(example=name))
    for name in ("capsule_rnn", "tfts_births", "tacotron", "deblurgan", "attgan")
]
GROWTHS = []  # nothing is measured against size here


def main(argv=None):
    turns.main(__file__, __doc__, "tests", VALUES, COMPARISONS, argv=argv, published="hard/threads")


if __name__ == "__main__":
    options.run(main)
