"""The five trainings at preset tiny, as processes that faults happen to."""

import glob
import os
import signal
import subprocess
import sys
import time

import numpy as np
import tensorflow as tf

from common import run
from tests.helpers import REPOSITORY

TRAININGS = {  # name → script, folder of its checkpoints in the run, does a resumed run end bit by bit as an unbroken one?
    "capsule": ("ch09_capsule_rnn/code_9_07_routing_rnn.py", "checkpoints", False),  # dropout has no state to save
    "births": ("ch09_tfts_births/code_9_08_births.py", "mode", False),  # its random windows begin anew, as printed
    "tacotron": ("ch09_tacotron/code_9_17_train.py", "model-cpk", False),  # shuffles anew, as printed
    "deblurgan": ("ch10_deblurgan/code_10_02_train.py", "checkpoints", False),  # Keras's dropout has no state to save
    "deblurgan, beyond": ("ch10_deblurgan/beyond/train.py", "checkpoints", True),
    "attgan": (
        "ch10_attgan/code_10_06_train.py",
        "128_shortcut1_inject1_None/checkpoints",
        False,
    ),  # shuffled labels likewise
}
BEFORE = {"tacotron": "ch09_tacotron/code_9_09_preprocess.py", "deblurgan": "ch10_deblurgan/ext_10_2_1_layout.py"}


def command(name, folder, *more):
    script = os.path.join(REPOSITORY, TRAININGS[name][0])
    return [sys.executable, "-W", "ignore", script, "--preset=tiny", "--threads=1", "--output-dir=%s" % folder, *more]


def environment(**more):
    kept = {key: value for key, value in os.environ.items() if key != "BOOK_DATA_DIR"}
    kept.update(PYTHONPATH=REPOSITORY, PYTHONIOENCODING="utf-8", OMP_NUM_THREADS="1")
    return dict(kept, **more)


def prepare(name, folder):
    """What comes before the training in the book: laid out pictures, preprocessed recordings."""
    if name in BEFORE:
        words = [os.path.join(REPOSITORY, BEFORE[name]), "--preset=tiny", "--output-dir=%s" % folder]
        subprocess.run(
            [sys.executable, "-W", "ignore"] + words, env=environment(), check=True, stdout=subprocess.DEVNULL
        )


def start(name, folder, *more, **keywords):
    """The training as a running process (text output, both streams piped); a Ctrl-C reaches it also in the background."""
    return subprocess.Popen(
        command(name, folder, *more),
        env=environment(**keywords.pop("variables", {})),
        stdout=keywords.pop("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **keywords,
    )


def whole(name, folder, *more):
    """Runs the training to its end; (output, error stream)."""
    process = start(name, folder, *more)
    output, errors = process.communicate(timeout=560)
    assert process.returncode == 0, (name, process.returncode, output[-2000:], errors[-3000:])
    return output, errors


def checkpoint_dir(name, folder):
    return os.path.join(str(folder), TRAININGS[name][1])


def end_state(name, folder):
    """Variable → value, of the newest checkpoint of a run."""
    prefix = run.checkpoints(checkpoint_dir(name, folder))[0]
    reader = tf.train.NewCheckpointReader(prefix)
    return {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map()}


def assert_same_end(name, folder, state):
    """The run in ``folder`` came to its end: to the same numbers where the training promises that, else to the same step."""
    ended = end_state(name, folder)
    assert sorted(ended) == sorted(state)
    counters = [key for key in state if state[key].shape == () and state[key].dtype.kind == "i"]
    for key in counters:
        assert ended[key] == state[key], key
    if TRAININGS[name][2]:
        different = [key for key in state if not np.array_equal(ended[key], state[key])]
        assert not different, "%d of %d variables differ, %s for one" % (len(different), len(state), different[0])
    else:
        assert all(np.isfinite(value).all() for value in ended.values() if value.dtype.kind == "f")


def wait_for_checkpoint(name, folder, process, seconds=240):
    """Waits until the training has saved once; False where it ended before."""
    end = time.time() + seconds
    while time.time() < end:
        if glob.glob(os.path.join(glob.escape(checkpoint_dir(name, folder)), "*.index")):
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.05)
    raise AssertionError("%s saved nothing in %d s" % (name, seconds))


def wait_for_write(name, folder, process, seconds=240):
    """Waits until a new file appears among the checkpoints, often one that is not whole yet; False where none did."""

    def names():
        place = checkpoint_dir(name, folder)
        return set(os.listdir(place)) if os.path.isdir(place) else set()

    before, end = names(), time.time() + seconds
    while process.poll() is None and time.time() < end:
        if names() - before:
            return True
        time.sleep(0.003)
    return False


def assert_one_line(process, errors, status, *fragments):
    assert process.returncode == status, (process.returncode, errors[-3000:])
    assert "Traceback" not in errors, errors[-3000:]
    lines = [line for line in errors.replace("\r", "\n").splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, errors[-3000:]
    for fragment in fragments:
        assert fragment in lines[0], (fragment, lines[0])
