"""Several workers of one training (common/cluster.py), as processes on the loopback."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from common import cluster, run
from common.errors import UserError
from tests.helpers import REPOSITORY

# A trainer as those of the examples are, in miniature: two optimizers, one of them built by code that knows of no workers.
TRAINER = """
import os, sys, time
import numpy as np
import tensorflow as tf
from common import cluster, options, run

VALUES = [options.Value("batch", 8, "examples of a worker's batch", low=1), options.Value("steps", 10, "steps", fixed=False),
          options.Value("pause", 0.0, "seconds a step takes longer", fixed=False)]

def main():
    opts = options.parse_values(os.path.join(options.REPOSITORY, "ch00_mini", "x.py"), "", VALUES, add=cluster.add_options)
    peers = cluster.join(opts)
    if peers.task:  # as AttGAN's pictures out of a zip, which lay in /tmp/unpacked for ever
        os.mkdir(os.path.join(os.path.dirname(opts.output_dir), "unpacked"))
    x, y = tf.placeholder(tf.float32, [None, 6]), tf.placeholder(tf.float32, [None, 1])
    start = tf.random_normal_initializer(0, 0.3, seed=opts.seed + peers.task)
    hidden = tf.layers.dense(x, 16, tf.nn.tanh, kernel_initializer=start)
    first = tf.reduce_mean(tf.square(tf.layers.dense(hidden, 1, name="one") - y))
    second = tf.reduce_mean(tf.abs(tf.layers.dense(hidden, 1, name="two") - y))
    weights = tf.trainable_variables()
    one = [v for v in weights if "two" not in v.name]
    step = tf.train.get_or_create_global_step()
    gradients = peers.mean(tf.gradients(first, one))
    ours = tf.train.AdamOptimizer(0.01, name="ours").apply_gradients(zip(gradients, one), step)
    theirs = tf.train.AdamOptimizer(0.01, name="theirs").minimize(second, var_list=[v for v in weights if "two" in v.name])
    peers.through_mean(theirs)
    saver = tf.train.Saver()
    with peers.run(opts) as this, peers.session(1) as session:
        session.run(tf.global_variables_initializer())
        done = peers.share(session, this.restore(saver, session))
        for number in this.steps(done, opts.steps):
            random = np.random.RandomState(number)
            size = opts.batch * peers.count
            inputs = random.randn(size, 6)[opts.batch * peers.task : opts.batch * (peers.task + 1)]
            feed = {x: inputs, y: np.sin(inputs[:, :1]) + inputs[:, 1:2]}
            _, a = session.run([ours, first], feed)
            _, b = session.run([theirs, second], feed)
            print("step %d: %.7f %.7f" % (number, a, b), flush=True)
            this.save(saver, session, number + 1)
            time.sleep(opts.pause)
            if this.stopping:
                break
        print("end", float(np.sum([np.sum(np.abs(v)) for v in session.run(weights)])), flush=True)

options.run(main)
"""


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    path = tmp_path_factory.mktemp("trainer") / "trainer.py"
    path.write_text(TRAINER, encoding="utf-8")
    return str(path)


def environment(**more):
    return dict(os.environ, PYTHONPATH=REPOSITORY, OMP_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="2", **more)


def start(trainer, *words, **more):
    command = [sys.executable, "-W", "ignore", trainer] + [str(word) for word in words]
    return subprocess.Popen(
        command, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )


def workers(trainer, folder, words=((), ()), wait=120, **more):
    """Two workers on the loopback, each with some words of its own."""
    listed = ",".join("127.0.0.1:%d" % port for port in cluster.free_ports(2))
    both = ["--output-dir", folder, "--cluster", listed, "--cluster-wait", wait]
    return [start(trainer, *both, "--task", task, *own, **more) for task, own in enumerate(words)]


def ends(*processes):
    return [process.communicate(timeout=300) + (process.returncode,) for process in processes]


def losses(output):
    return np.float64([line.split()[2:] for line in output.splitlines() if line.startswith("step ")])


def end(output):
    return float(re.search("end (.*)", output).group(1))


def one_line(errors, *fragments):
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in errors, errors
    assert all(fragment in lines[0] for fragment in fragments), lines[0]


@pytest.mark.skipif(not tf.__version__.startswith("1.13."), reason="--cluster refuses other TensorFlows")
@pytest.mark.slow
def test_two_workers_train_as_one_with_twice_the_batch_and_only_the_chief_writes(trainer, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (chief, _, _), (other, errors, status) = ends(*workers(trainer, tmp_path / "two", TMPDIR=str(scratch)))
    assert status == 0, errors
    [(alone, errors, status)] = ends(start(trainer, "--output-dir", tmp_path / "one", "--batch", 16))
    assert status == 0, errors
    # a worker's loss is that of its half of the batch
    np.testing.assert_allclose((losses(chief) + losses(other)) / 2, losses(alone), rtol=2e-5, atol=1e-6)
    assert end(chief) == end(other) and abs(end(chief) - end(alone)) < 1e-4
    assert len(losses(chief)) == 10
    states = []
    for name in ("two", "one"):
        reader = tf.train.NewCheckpointReader(run.checkpoints(str(tmp_path / name / "checkpoints"))[0])
        states.append({key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map()})
    assert sorted(states[0]) == sorted(states[1])
    for key in states[0]:
        np.testing.assert_allclose(states[0][key], states[1][key], rtol=1e-3, atol=1e-5)
    assert sorted(os.listdir(str(tmp_path))) == ["one", "scratch", "two"] and not os.listdir(str(scratch))


@pytest.mark.skipif(not tf.__version__.startswith("1.13."), reason="--cluster refuses other TensorFlows")
@pytest.mark.slow
def test_a_killed_worker_ends_the_job_with_a_line_and_it_goes_on_later(trainer, tmp_path):
    words = ("--steps", 30, "--pause", 0.3)
    chief, other = workers(trainer, tmp_path / "run", (words, words), wait=8)
    while not run.checkpoints(str(tmp_path / "run" / "checkpoints")):
        assert chief.poll() is None and other.poll() is None, (chief.communicate(), other.communicate())
        time.sleep(0.1)
    other.send_signal(signal.SIGKILL)
    (output, errors, status), _ = ends(chief, other)
    assert status == 2, errors
    one_line(errors, "is gone or did not answer", "go on from the last checkpoint")
    done = len(losses(output))
    (output, errors, status), (_, _, second) = ends(*workers(trainer, tmp_path / "run", (("--steps", done + 3),) * 2))
    assert (status, second) == (0, 0), errors
    assert "resuming from" in output and 3 <= len(losses(output)) <= 4


@pytest.mark.skipif(not tf.__version__.startswith("1.13."), reason="--cluster refuses other TensorFlows")
@pytest.mark.hard
@pytest.mark.slow
def test_asked_to_stop_all_stop_after_the_same_step(trainer, tmp_path):
    words = ("--steps", 1000, "--pause", 0.1)
    chief, other = workers(trainer, tmp_path / "run", (words, words))
    while not run.checkpoints(str(tmp_path / "run" / "checkpoints")):
        assert chief.poll() is None, chief.communicate()
        time.sleep(0.1)
    other.send_signal(signal.SIGTERM)
    (output, errors, status), (theirs, _, second) = ends(chief, other)
    assert (status, second) == (143, 143), errors
    assert len(losses(output)) == len(losses(theirs)) and end(output) == end(theirs)


@pytest.mark.skipif(not tf.__version__.startswith("1.13."), reason="--cluster refuses other TensorFlows")
@pytest.mark.slow
def test_other_settings_are_named_at_both_ends(trainer, tmp_path):
    for _, errors, status in ends(*workers(trainer, tmp_path / "run", ((), ("--batch", 4)))):
        assert status == 2
        one_line(errors, "batch is 4 at worker 1 and 8 at the chief")
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.skipif(not tf.__version__.startswith("1.13."), reason="--cluster refuses other TensorFlows")
@pytest.mark.hard
@pytest.mark.slow
def test_nobody_there_and_a_port_in_use(trainer, tmp_path):
    taken = socket.socket()
    taken.bind(("", 0))
    taken.listen(1)
    port, free = taken.getsockname()[1], cluster.free_ports(2)
    listed = ["--output-dir", tmp_path, "--cluster-wait", 2, "--cluster"]
    try:
        second_chief = start(trainer, *listed, "127.0.0.1:%d,127.0.0.1:%d" % (port, free[0]), "--task", 0)
        [(_, errors, status)] = ends(second_chief)
    finally:
        taken.close()
    assert status == 2
    one_line(errors, "port %d cannot be used" % port)
    [(_, errors, status)] = ends(start(trainer, *listed, "127.0.0.1:%d,127.0.0.1:%d" % tuple(free), "--task", 1))
    assert status == 2
    one_line(errors, "no chief at 127.0.0.1:%d for 2 s" % free[0])
    [(_, errors, status)] = ends(start(trainer, *listed, "127.0.0.1:%d,127.0.0.1:%d" % tuple(free), "--task", 0))
    assert status == 2
    one_line(errors, "no word from worker 1 (127.0.0.1:%d) within 2 s" % free[1])


@pytest.mark.parametrize(
    "listed,task,complaint",
    [
        ("a:1,b", 0, "'b' is no HOST:PORT"),
        ("a:1,b:99999", 0, "'b:99999' is no HOST:PORT"),
        ("a:1,a:1", 0, "names a:1 twice"),
        ("a:1,b:2", 2, "0 to 1"),
        ("a:1,b:2", None, "0 to 1"),
        (None, 1, "--task is for --cluster"),
        ("a:1,;rm -rf", 0, "is no HOST:PORT"),
    ],
)
def test_lists_of_workers_that_are_none(listed, task, complaint):
    opts = type("Options", (), dict(cluster=listed, task=task, cluster_wait=1))
    with pytest.raises(UserError, match=re.escape(complaint)):
        cluster.addresses(opts)


def test_other_tensorflows_are_refused(monkeypatch):
    monkeypatch.setattr(tf, "__version__", "1.15.5")
    opts = SimpleNamespace(cluster="127.0.0.1:1,127.0.0.1:2", task=0, cluster_wait=1, seed=0, threads=1)
    with pytest.raises(UserError, match="TensorFlow 1.13 only"):
        cluster.join(opts)


def test_one_process_is_left_as_it_is():
    assert cluster.ALONE.mean([1, 2]) == [1, 2] and cluster.ALONE.share(None, 7) == 7
    assert type(cluster.ALONE.run(type("Options", (), dict(output_dir="x")))) is run.Run


@pytest.mark.skipif(not tf.__version__.startswith("1.13."), reason="--cluster refuses other TensorFlows")
@pytest.mark.hard
@pytest.mark.slow
def test_the_launcher_starts_and_ends_all(trainer, tmp_path):
    words = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "common.cluster",
        "2",
        trainer,
        "--output-dir",
        str(tmp_path / "run"),
    ]
    done = subprocess.run(words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    assert done.returncode == 0 and len(losses(done.stdout)) == 10, done.stderr
    bad = subprocess.run(
        words + ["--batch", "0"], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    assert bad.returncode == 2 and "at least 1" in bad.stderr


def test_the_launcher_says_that_a_worker_failed_when_the_chief_had_ended_already(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text("import sys; sys.exit(3 * int(sys.argv[-1]))", encoding="utf-8")
    pause = time.sleep
    monkeypatch.setattr(cluster.time, "sleep", lambda seconds: pause(2))  # both end within one look
    assert cluster.launch(2, [str(script)]) == 3
