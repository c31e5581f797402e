"""Every way and every growth of the five benchmarks does a tiny step, and ways that say so give the same losses."""

import importlib
import os
import re

import pytest
import tensorflow as tf

from common import options
from tests.benchmarks import turns, worker

FOLDER = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = sorted(name[6:-3] for name in os.listdir(FOLDER) if re.match(r"bench_.*\.py$", name))


def tiny(module, commands=None):
    """What a worker is given in a tiny run; anew for each way, since a way may change it."""
    settings = {row.name: row.check(row.presets.get("tiny", row.value)) for row in module.VALUES + turns.VALUES}
    return options.argparse.Namespace(preset="tiny", seed=0, threads=1, data_dir=None, commands=commands, **settings)


@pytest.mark.slow
@pytest.mark.parametrize(  # all together take a minute and a half
    "example", [pytest.param(name, marks=() if name == "capsule_rnn" else pytest.mark.hard) for name in EXAMPLES]
)
def test_every_way_does_a_step(example, monkeypatch):
    for name in ("random_shuffle", "random_uniform"):  # the ways of example 55 draw nothing, in a process of their own
        monkeypatch.setattr(tf, name, getattr(tf, name))
    if hasattr(os, "sched_setaffinity"):  # the ways of bench_threads hold their process on a core; this one is ours
        monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None)
    module = importlib.import_module("tests.benchmarks.bench_" + example)
    for comparison in module.COMPARISONS:
        if comparison.make is worker.command:
            for words in comparison.commands.values():
                assert os.path.exists(os.path.join(options.REPOSITORY, words[0]))
            assert set(comparison.commands) == set(comparison.ways)
            continue
        losses = {}
        for way in comparison.ways:
            step = comparison.make(way, tiny(module, comparison.commands))
            losses[way] = [step(True), step(False)]
            assert getattr(step, "amount", 1) > 0
        if comparison.same is not None:
            printed = losses[comparison.ways[0]]
            for way in [way for way in comparison.ways[1:] if losses[way][0] is not None]:
                assert turns.loss_difference(printed, losses[way]) <= comparison.same, (comparison.name, way, losses)
    for growth in module.GROWTHS:
        assert len(growth.sizes) > 2 and len(growth.tiny) == 2
        growth.make(growth.tiny[0], tiny(module))(True)


def test_the_matrix_product_is_made_in_every_step():
    """TensorFlow folds what it can know beforehand: a limit measured that way is a thousand times too high."""
    step = worker.matrix_product("", options.argparse.Namespace(matrix=64, threads=1))
    step(True)
    for _ in range(2):
        assert worker.products_of(worker.traces_of(step)) == 2 * 64**3
