"""The harness of the benchmarks: the order of the turns, the ratios, when there is no verdict, the counting of products."""

import json
import os
import re
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from common.errors import UserError
from tests.benchmarks import turns, worker
from tests.helpers import REPOSITORY, run_script


def fakes(log, walls):
    """Workers that only take the times ``walls`` (name → seconds of each call); ``log`` gets (name, repeats, warm)."""

    def worker_of(name):
        left = iter(walls[name])

        def call(repeats, warm):
            log.append((name, repeats, warm))
            wall = next(left) * repeats
            return dict(wall=wall, cpu=wall / 2, loss=0.5 if warm else None, peak=100.0)

        call.amount = 1
        return call

    return {name: worker_of(name) for name in walls}


def test_the_ways_are_called_in_turns_and_warm_ups_are_no_turns():
    log = []
    workers = fakes(log, dict(printed=[9.0, 0.1, 0.2, 0.4, 0.2], ours=[9.0, 0.05, 0.1, 0.1, 0.1]))
    opts = SimpleNamespace(pairs=3, warm_ups=2, shortest=0.3)
    found, machine = turns.in_turns(workers, opts)
    assert [name for name, *_ in log] == ["printed", "ours"] * 5
    assert [warm for *_, warm in log] == [True] * 4 + [False] * 6
    assert {repeats for _, repeats, warm in log if not warm} == {3}  # steps of 0.1 s, turns of at least 0.3 s
    assert [round(turn["wall"], 6) for turn in found["printed"]] == [0.2, 0.4, 0.2]
    assert turns.ratios(found, "printed", "ours", "wall") == pytest.approx([2.0, 2.0, 3.0])
    assert machine["losses"]["ours"] == [0.5, 0.5, None, None, None]


@pytest.mark.parametrize(
    "quartiles,others,said",
    [
        ([1.95, 2.0, 2.1], 0.02, "ratio ≥ 1.5: yes, memory ≤ 0.5: no"),
        ([1.95, 2.0, 2.1], 0.16, "busy"),
        ([1.8, 2.0, 2.11], 0.02, "busy"),  # the quartiles are 15.5 % apart
        ([1.95, 2.0, 2.1], None, "ratio ≥ 1.5: yes, memory ≤ 0.5: no"),
    ],
)
def test_a_busy_machine_gets_no_verdict(quartiles, others, said):
    goals = [("ratio ≥ 1.5", quartiles[1] >= 1.5), ("memory ≤ 0.5", False)]
    assert turns.verdict(quartiles, dict(others=others), goals) == said


def test_what_others_use_is_what_is_busy_and_not_ours():
    before = dict(busy=100.0, wall=0.0, own=1.0)
    after = dict(busy=100.0 + 8.0, wall=10.0, own=2.0)
    cores = os.cpu_count() or 1
    assert turns.others_share(before, after, 5.0) == pytest.approx(2.0 / (10.0 * cores))
    assert turns.others_share(dict(before, busy=None), after, 5.0) is None
    state = turns.machine_state()
    assert state["load"] >= 0 and (state["busy"] is None or state["busy"] > 0)


def test_losses_are_compared_where_both_have_one():
    assert turns.loss_difference([1.0, 2.0, None], [1.0, 2.1, 3.0]) == pytest.approx(0.05)
    assert turns.loss_difference([None], [None]) is None


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_slope_is_the_power(power):
    sizes = [10, 20, 40, 80]
    whole, end = turns.slope(sizes, [3e-3 * size**power for size in sizes])
    assert whole == pytest.approx(power) and end == pytest.approx(power)
    assert turns.slope(sizes, [1.0, 1.0, 1.0, 2.0])[1] == pytest.approx(1.0)  # steep only at the end


def test_products_are_counted_in_loops_and_of_gradients():
    x = tf.Variable(np.ones((5, 6, 6, 3), np.float32))
    kernel = tf.Variable(np.ones((3, 3, 3, 4), np.float32))
    convolved = tf.nn.conv2d(x, kernel, [1, 2, 2, 1], "SAME")  # [5, 3, 3, 4]
    convolution = 2 * 5 * 3 * 3 * 4 * 3 * 3 * 3
    square = tf.Variable(np.ones((7, 7), np.float32) / 7)
    rounds = tf.while_loop(lambda i, _: i < 3, lambda i, m: (i + 1, tf.matmul(m, square)), [0, square[:2]])[1]
    tall = tf.matmul(tf.Variable(np.ones((8, 2), np.float32)), tf.Variable(np.ones((8, 3), np.float32)), True)
    fetches = [convolved, tf.gradients(tf.reduce_sum(convolved**2), [x, kernel]), rounds, tall]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        traces = worker.traces_of(lambda warm: session.run(fetches))
        assert worker.products_of(traces) == 3 * convolution + 3 * 2 * 2 * 7 * 7 + 2 * 2 * 3 * 8
        found = {kind: count for kind, _, count in worker.profile_of(traces, 99)}
        assert found["MatMul"] == 4 and found["Conv2DBackpropInput"] == 1
        assert len(worker.traces_of(lambda warm: None)) == 0 == len(traces) - 1  # `run` is what it was


def test_every_way_gets_the_same_weights():
    matrix, vector = tf.Variable(tf.zeros([3, 4])), tf.Variable(tf.ones([4]))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        worker.fill(session, [vector, matrix])
        first = session.run([vector, matrix])
        session.run(tf.global_variables_initializer())
        worker.fill(session, [vector, matrix])
        second = session.run([vector, matrix])
    np.testing.assert_array_equal(first[0], np.ones(4))
    np.testing.assert_array_equal(first[1], second[1])
    assert 0.02 < first[1].std() < 0.1


def test_make_bench_knows_every_benchmark():
    with open(os.path.join(REPOSITORY, "Makefile"), encoding="utf-8") as stream:
        named = re.search(r"^E \?= (.*)$", stream.read(), re.M).group(1).split()
    files = os.listdir(os.path.join(REPOSITORY, "tests", "benchmarks"))
    assert sorted(named) == sorted(name[6:-3] for name in files if re.match(r"bench_.*\.py$", name))


def test_growth_is_measured_size_by_size_in_processor_time(monkeypatch):
    def worker_of(module, function, size, settings):
        call = fakes([], {size: [size**2 / 1e3] * 9})[size]
        call.close = lambda: None
        return call

    monkeypatch.setattr(turns, "Worker", worker_of)
    opts = SimpleNamespace(pairs=3, warm_ups=1, shortest=0.0, preset="full", seed=0, threads=1, data_dir=None, rows=())
    growth = turns.Growth("things", worker_of, (10, 20, 40), (1, 2), steepest=2)
    name, sizes, seconds, whole, end, wanted = turns.grow("module", growth, opts)
    assert (name, sizes, seconds, wanted) == ("things", "10 / 20 / 40", "0.05 / 0.2 / 0.8", 2)
    assert whole == pytest.approx(2.0) and end == pytest.approx(2.0)


@pytest.mark.slow
@pytest.mark.script
def test_a_quick_run_measures_compares_losses_and_leaves_a_record(tmp_path):
    words = ["--quick", "--threads", "1", "--output-dir", tmp_path]
    run_script("tests/benchmarks/bench_capsule_rnn.py", *words, "--only", "training")
    with open(str(tmp_path / "record-bench.json"), encoding="utf-8") as stream:
        record = json.load(stream)
    assert record["example"] == "capsule_rnn" and str(REPOSITORY) not in json.dumps(record)
    tables = {table["title"]: [dict(zip(table["columns"], row)) for row in table["rows"]] for table in record["tables"]}
    (ratio,) = tables[turns.RATIOS]
    assert ratio["what"] == "training" and ratio["ratio"] > 0 and ratio["losses differ by"] < 1e-4
    ways = {row["what"]: row for row in tables[turns.WAYS]}
    assert set(ways) == {"training, " + way for way in ("printed", "ours", "matrix product")}
    assert all(row["wall s"] > 0 and row["peak MiB"] > 50 and row["GFLOP/s"] > 0 for row in ways.values())
    assert ways["training, matrix product"]["share of the matrix product"] == pytest.approx(1.0)
    assert 0 < sum(row["percent"] for row in tables[turns.PROFILE] if row["what"] == "training, printed") <= 100.5


def test_a_tiny_run_is_not_recorded():
    with pytest.raises(UserError, match="--record is for measurements"):
        turns.main("bench_attgan.py", "", "ch10_attgan", [], [], argv=["--quick", "--record"])


def test_a_command_is_measured_and_one_that_fails_is_told():
    settings = dict(commands=dict(printed=["-c", "bytearray(100 << 20)"], ours=["-c", "import nothing_of_that_name"]))
    printed, ours = (turns.Worker("tests.benchmarks.worker", "command", way, settings) for way in ("printed", "ours"))
    turn = printed(2, False)
    assert turn["cpu"] > 0 and turn["wall"] > 0 and turn["peak"] > 100 and turn["loss"] is None
    with pytest.raises(UserError, match="CalledProcessError"):
        ours(1, False)
    printed.close()
    ours.close()
    with pytest.raises(UserError, match="KeyError: 'none'"):
        turns.Worker("tests.benchmarks.worker", "command", "none", settings)
