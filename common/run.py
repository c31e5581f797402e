"""What every training needs and no listing prints: a locked folder, resume, clean stops, a NaN guard, progress.

The loop stays on the page; this is the one word beside it::

    with run.Run(opts) as this, tf.Session(config=run.session_config(opts.threads)) as session:
        session.run(tf.global_variables_initializer())
        done = this.restore(saver, session)
        for step in this.steps(done, opts.steps, "training"):
            ...                                   # the print's body
            this.check(step, loss=loss)
            if step % 100 == 99:
                this.save(saver, session, step + 1)
"""

from __future__ import annotations  # TensorFlow 1.15 complains when an annotation is evaluated

import csv
import glob
import os
import random
import re
import signal
import sys
from typing import Iterator, List, Optional

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from common import files, options, records, same_data
from common.errors import Stopped, TrainingStopped, UserError

try:
    import fcntl
except ImportError:  # Windows has no such locks: two runs into one folder are not noticed there
    fcntl = None

LOCK_FILE = ".lock"
_LEARNING_RATES = ("learning_rate", "lr_base", "rate")


def start(seed: int = 0, log: bool = False) -> None:
    """Empties the default graph and seeds Python, NumPy and TensorFlow.

    Args:
      log: TensorFlow's INFO log is shown (listings 9-8 and 9-17 print it); otherwise only errors are.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging = tf.compat.v1.logging  # by this name TensorFlow 1.15 does not complain of its old one
    logging.set_verbosity(logging.INFO if log else logging.ERROR)
    vars(tf.contrib)["_warning"] = None  # the notice that contrib ends with TensorFlow 2, printed at its first use
    tf.keras.backend.clear_session()  # Keras keeps a session of the old graph otherwise
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


def progress(iterable=None, **keywords) -> tqdm:
    """A tqdm progress bar with time left on the error stream; a line every 30 s where that is no terminal."""
    terminal = sys.stderr is not None and sys.stderr.isatty()
    keywords.setdefault("dynamic_ncols", terminal)
    keywords.setdefault("mininterval", 0.2 if terminal else 30.0)
    keywords.setdefault("file", sys.stderr)
    return tqdm(iterable, **keywords)


# ---------------------------------------------------------------------------------------------- checkpoints
def step_of(prefix: str) -> int:
    """The last number in a checkpoint's name, its step; -1 where there is none."""
    numbers = re.findall(r"\d+", os.path.basename(prefix))
    return int(numbers[-1]) if numbers else -1


def _index_files(folder: str) -> List[str]:
    return sorted(glob.glob(os.path.join(glob.escape(folder), "*.index")))


def checkpoints(folder: str) -> List[str]:
    """Prefixes of the complete checkpoints in ``folder``, newest first.

    The order is that of the saver's own list (file times are lost when a run folder is copied); what is not on it comes
    after, by time and then by step. A damaged list counts as none.
    """
    prefixes = [path[: -len(".index")] for path in _index_files(folder)]
    try:
        state = tf.train.get_checkpoint_state(folder)
        listed = [os.path.basename(path) for path in state.all_model_checkpoint_paths] if state else []
    except (tf.errors.OpError, ValueError, OSError) as error:  # not text at all, or a folder of that name
        print("the list of checkpoints in %s is damaged (%s)" % (folder, _first_line(error)), file=sys.stderr)
        listed = []

    def age(prefix):
        name = os.path.basename(prefix)
        return listed.index(name) if name in listed else -1, os.path.getmtime(prefix + ".index"), step_of(prefix)

    return sorted(prefixes, key=age, reverse=True)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


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
            print("checkpoint %s cannot be used (%s)" % (prefix, _first_line(error)), file=sys.stderr)
        else:
            saver.recover_last_checkpoints(list(reversed(found[found.index(prefix) :])))
            return prefix
    if found:
        raise UserError(
            "none of the %d checkpoints in %s can be restored (damaged, or from other settings): "
            "choose another --output-dir, or remove them" % (len(found), folder)
        )
    return None


def keep_rows_until(path: str, step: int) -> None:
    """Drops the rows of a CSV of losses (the step comes first) behind the checkpoint that a training goes on from."""
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    # a row may be torn where the process was killed
    kept = [row for row in rows[1:] if len(row) == len(rows[0]) and row[0].isdecimal() and int(row[0]) <= step]
    with files.atomic(path, "w") as stream:
        csv.writer(stream).writerows(rows[:1] + kept)


# ---------------------------------------------------------------------------------------------- the run
def check_settings(opts, begun: bool = True) -> None:
    """Compares ``opts`` with the settings, and the files of data, that the run folder was begun with, and saves them.

    A row that is ``fixed`` (and the seed) must be as before; of the others the change is said.

    Args:
      begun: whether the run has a checkpoint. Before it has one other values do no harm: the command may have been refused for
        the very value that is mended now.

    Raises:
      UserError: the folder is another script's, or names every difference; nothing was written.
    """
    path = os.path.join(opts.output_dir, options.SETTINGS_FILE)
    now = options.run_settings(opts)
    if os.path.lexists(path):
        before = options.read_json(path)
        free = {row.name for row in opts.rows if not row.fixed} | {"preset"}
        missing = [name for name in sorted(now) if name not in free and name not in before]
        if missing:
            names = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
            raise UserError(
                "%s holds the run of another script or version (without %s): give another --output-dir"
                % (opts.output_dir, names)
            )
        changed = [name for name in sorted(set(now) & set(before)) if begun and before[name] != _as_json(now[name])]
        differences = ["%s %s, not %s" % (name, before[name], now[name]) for name in changed if name not in free]
        if differences:
            raise UserError(
                "%s holds a run with %s: give the same values, or another --output-dir"
                % (opts.output_dir, "; ".join(differences))
            )
        for name in changed:
            if name != "preset":
                print("%s: %s before, %s from here on" % (name, before[name], now[name]))
        if begun:
            now["preset"] = before.get("preset", now["preset"])  # the name it was begun with
    same_data.check_noted(opts, opts.output_dir, begun)
    options.write_json(path, now)


def _as_json(value):
    return list(value) if isinstance(value, tuple) else value


class Run:
    """One training in its folder ``opts.output_dir``, as a context.

    Entering takes the folder's lock, compares settings (``check_settings``) and catches Ctrl-C and SIGTERM; leaving after
    either of them raises ``Stopped``, which ends the script with status 130 or 143 once the loop has ended.

    Args:
      opts: the namespace of ``options.parse_values``.
      checkpoints: the folder of the checkpoints within the run's.
    """

    def __init__(self, opts, checkpoints: str = "checkpoints"):
        self.opts = opts
        self.folder = opts.output_dir
        self.checkpoint_dir = os.path.join(self.folder, checkpoints)
        self.signal = None
        self._previous = {}
        self._lock = None

    # the lock belongs to the open file, so that it ends with the process, however that ends
    def _take_lock(self):
        os.makedirs(self.folder, exist_ok=True)
        self._lock = open(os.path.join(self.folder, LOCK_FILE), "a+", encoding="ascii")
        if fcntl is None:
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            owner = self._lock.read(20).strip()
            self._lock.close()
            raise UserError(
                "%s is in use by another run (process %s): wait for it, or give another --output-dir"
                % (self.folder, owner or "unknown")
            )
        self._lock.truncate(0)
        self._lock.write("%d\n" % os.getpid())
        self._lock.flush()

    def _handle(self, number, frame):
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt  # a second Ctrl-C does not wait
        self.signal = number
        print("\nstopping after this step", file=sys.stderr)

    def __enter__(self) -> Run:
        self._take_lock()
        try:
            check_settings(self.opts, begun=bool(_index_files(self.checkpoint_dir)))
        except BaseException:
            self._lock.close()
            raise
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._previous[number] = signal.signal(number, self._handle)
            except ValueError:  # not the main thread (a notebook, a test): signals stay as they are
                break
        return self

    def __exit__(self, kind, error, trace):
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._lock.close()
        if kind is None and self.signal is not None:
            raise Stopped(self.signal)

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self.signal is not None

    def restore(self, saver: tf.train.Saver, session: tf.Session) -> int:
        """The newest whole checkpoint into ``session``; returns its step, 0 where the training is new."""
        prefix = restore_newest(saver, session, self.checkpoint_dir)
        if prefix:
            print("resuming from %s" % prefix)
        return max(0, step_of(prefix)) if prefix else 0

    def save(self, saver: tf.train.Saver, session: tf.Session, step: int, name: str = "model") -> str:
        """Saves ``<checkpoints>/<name>-<step>`` and returns the prefix."""
        os.makedirs(self.checkpoint_dir, exist_ok=True)
        return saver.save(session, os.path.join(self.checkpoint_dir, name), global_step=step, write_meta_graph=False)

    def steps(self, first: int, last: int, desc: str = "training", unit: str = "step") -> Iterator[int]:
        """``first`` … ``last - 1`` under a bar; ends early once a stop was asked for."""
        with progress(total=last, initial=first, desc=desc, unit=unit) as bar:
            for step in range(first, last):
                if self.stopping:
                    break
                yield step
                bar.update()

    def bar(self, iterable=None, **keywords):
        """A bar within a step, gone when it is done."""
        return progress(iterable, leave=False, **keywords)

    def check(self, step: int, limit: Optional[float] = None, unit: str = "step", **losses) -> None:
        """TrainingStopped when a loss is NaN, infinite, or above ``limit``; the last checkpoint stays as it is.

        Args:
          unit: what ``step`` counts.
        """
        for name, value in losses.items():
            if not np.isfinite(value) or (limit is not None and value > limit):
                rates = [row for row in self.opts.rows if row.name in _LEARNING_RATES]
                advice = ["a smaller --%s may help" % row.name.replace("_", "-") for row in rates]
                advice += ["in another --output-dir" for row in rates if row.fixed]  # here it could not be given
                raise TrainingStopped(
                    "training stopped at %s %d: %s is %s; the last checkpoint is untouched%s"
                    % (unit, step, name, value, " (%s)" % ", ".join(advice) if advice else "")
                )

    def record(self, listing: str, data: str) -> records.Record:
        """A record of this script's run (``records.Record``)."""
        return records.Record(self.opts, self.opts.script, listing, data)
