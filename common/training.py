"""Sessions, seeds, checkpoints, clean stops and progress bars."""

from __future__ import annotations  # TensorFlow 1.15 complains when an annotation is evaluated

import glob
import os
import random
import re
import signal
import sys
from typing import List, Optional

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from common.errors import TrainingStopped, UserError


def start(seed: int = 0) -> None:
    """Quietens TensorFlow's chatter, empties the default graph and seeds Python, NumPy and TensorFlow."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    quiet = tf.compat.v1.logging  # by this name TensorFlow 1.15 does not complain of its old one
    quiet.set_verbosity(quiet.ERROR)
    vars(tf.contrib)["_warning"] = None  # the notice that contrib ends with TensorFlow 2, printed at its first use
    tf.reset_default_graph()
    random.seed(seed)
    np.random.seed(seed)
    tf.set_random_seed(seed)


def session_config(threads: int = 0) -> tf.ConfigProto:
    """Settings of a session; ``threads=1`` fixes the order of operations, so that equal seeds give equal runs."""
    config = tf.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
    config.gpu_options.allow_growth = True
    return config


def initialize_uninitialized(session: tf.Session, variables=None) -> List[tf.Variable]:
    """Initialises only those variables that have no value yet, and returns them.

    A global initialiser after weights were loaded throws them away (listing 10-2, line 130).
    """
    variables = tf.global_variables() if variables is None else list(variables)
    if not variables:
        return []
    has_value = session.run([tf.is_variable_initialized(variable) for variable in variables])
    missing = [variable for variable, known in zip(variables, has_value) if not known]
    if missing:
        session.run(tf.variables_initializer(missing))
    return missing


# ---------------------------------------------------------------------------------------------- checkpoints
def _step_of(prefix: str) -> int:
    numbers = re.findall(r"\d+", os.path.basename(prefix))
    return int(numbers[-1]) if numbers else -1


def checkpoints(folder: str) -> List[str]:
    """Prefixes of the complete checkpoints in ``folder``, newest first.

    The order is that of the saver's own list (file times are lost when a run folder is copied); what is not on it comes
    after, by time and then by step.
    """
    prefixes = [path[: -len(".index")] for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.index")))]
    state = tf.train.get_checkpoint_state(folder)
    listed = [os.path.basename(path) for path in state.all_model_checkpoint_paths] if state else []

    def age(prefix):
        name = os.path.basename(prefix)
        return listed.index(name) if name in listed else -1, os.path.getmtime(prefix + ".index"), _step_of(prefix)

    return sorted(prefixes, key=age, reverse=True)


def restore_newest(saver: tf.train.Saver, session: tf.Session, folder: str) -> Optional[str]:
    """Restores the newest good checkpoint of ``folder``.

    A damaged one is named on the error stream and the one before it is tried. An empty folder returns None, so the caller
    starts anew; checkpoints of which none can be restored are an error, never a silent new start over them.

    Returns:
      The restored prefix, or None where there is no checkpoint at all.

    Raises:
      UserError: there are checkpoints, and none of them fits this graph or is whole.
    """
    found = checkpoints(folder)
    for prefix in found:
        try:
            saver.restore(session, prefix)
        except (tf.errors.OpError, ValueError) as error:
            reason = str(error).strip().splitlines()[0][:160]
            print("checkpoint %s cannot be used (%s)" % (prefix, reason), file=sys.stderr)
        else:
            saver.recover_last_checkpoints(list(reversed(found[found.index(prefix) :])))
            return prefix
    if found:
        raise UserError(
            "none of the %d checkpoints in %s can be restored (damaged, or from other settings): "
            "choose another --output-dir, or remove them" % (len(found), folder)
        )
    return None


# ---------------------------------------------------------------------------------------------- the loop
class StopSignals:
    """Turns Ctrl-C and SIGTERM into a request that the training loop looks at after each step.

    ::

        with StopSignals() as stop:
            while step < steps and not stop.requested:
                ...
        save()
        stop.leave()

    A second Ctrl-C interrupts at once.
    """

    def __init__(self):
        self.requested = False
        self._previous = {}

    def _handle(self, number, frame):
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
        print("\nstopping after this step; a checkpoint will be saved", file=sys.stderr)

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._previous[number] = signal.signal(number, self._handle)
            except ValueError:  # not the main thread (a notebook, a test): signals stay as they are
                break
        return self

    def leave(self):
        """Ends the script, with KeyboardInterrupt and so exit status 130, where a stop was requested.

        So what comes after a training (scores, the next variant of a comparison, a shell's ``train && use``) does not take
        the half for the whole.
        """
        if self.requested:
            raise KeyboardInterrupt

    def __exit__(self, *unused):
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def check_loss(value: float, step: int, limit: Optional[float] = None, name: str = "loss") -> None:
    """Stops training when a loss is NaN, infinite, or above ``limit``."""
    if not np.isfinite(value) or (limit is not None and value > limit):
        raise TrainingStopped(
            "training stopped at step %d: %s is %s; the last checkpoint is untouched (a smaller learning rate may help)"
            % (step, name, value)
        )


def progress(iterable=None, **keywords) -> tqdm:
    """A tqdm progress bar with time left on the error stream; a line every 30 s where that is no terminal."""
    terminal = sys.stderr.isatty()
    keywords.setdefault("dynamic_ncols", terminal)
    keywords.setdefault("mininterval", 0.2 if terminal else 30.0)
    keywords.setdefault("file", sys.stderr)
    return tqdm(iterable, **keywords)
