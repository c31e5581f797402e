"""A ``tf.estimator`` training inside ``run.Run``: it takes up the newest whole checkpoint, shows a bar and stops cleanly.

::

    with run.Run(opts, checkpoints="mode") as this:
        with estimators.training(this, opts.train_steps) as hooks:
            estimator.train(input_fn, max_steps=opts.train_steps, hooks=hooks)
"""

import contextlib
import os
import sys
from typing import Optional

import tensorflow as tf

from common import run
from common.errors import Stopped, TrainingStopped, UserError


def _is_whole(prefix: str) -> bool:
    """Whether every value of a checkpoint can be read."""
    try:
        reader = tf.train.load_checkpoint(prefix)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (tf.errors.OpError, ValueError):
        return False
    return True


def newest_whole(folder: str) -> Optional[str]:
    """The newest whole checkpoint of ``folder``, made the one that the Estimator takes up; None in an empty folder.

    Raises:
      UserError: there are checkpoints, and none of them is whole.
    """
    found = run.checkpoints(folder)
    state = os.path.join(folder, "checkpoint")
    if not found and os.path.lexists(state):  # the Estimator would stumble over it
        raise UserError("%s names checkpoints that are not there: remove %s to train anew" % (state, folder))
    for index, prefix in enumerate(found):
        if _is_whole(prefix):
            tf.train.update_checkpoint_state(folder, prefix, list(reversed(found[index:])))
            return prefix
        print("checkpoint %s cannot be used (damaged)" % prefix, file=sys.stderr)
    if found:
        raise UserError(
            "none of the %d checkpoints in %s can be read: choose another --output-dir, or remove them"
            % (len(found), folder)
        )
    return None


class Watch(tf.train.SessionRunHook):
    """A bar with the time left, and a stop with a saved checkpoint where the run was asked to stop.

    Args:
      this: the ``run.Run`` around the training.
      first, last: steps done, and steps that it will have.
    """

    def __init__(self, this: run.Run, first: int, last: int):
        self._this, self._first, self._last = this, first, last

    def begin(self):
        self._bar = run.progress(total=self._last, initial=self._first, desc="training", unit="step")

    def after_run(self, run_context, run_values):
        self._bar.update(1)
        if self._this.stopping:
            run_context.request_stop()

    def end(self, session):
        self._bar.close()


class Saver(tf.train.CheckpointSaverHook):
    """The Estimator's own saver without the graph, which it writes as text, into the event file and to each checkpoint.

    Nobody reads them, and those of a TFTS model take seconds to write.
    """

    def after_create_session(self, session, coord):
        step = session.run(self._global_step_tensor)
        self._save(session, step)
        self._timer.update_last_triggered_step(step)

    def _save(self, session, step):
        self._get_saver().save(session, self._save_path, global_step=step, write_meta_graph=False)
        return False  # nobody asks for a stop


@contextlib.contextmanager
def training(this: run.Run, steps: int, save_steps: Optional[int] = None):
    """Yields the hooks of a training up to step ``steps`` whose ``model_dir`` is ``this.checkpoint_dir``.

    Args:
      save_steps: checkpoints are saved that often, by ``Saver``; None: by the Estimator's own hook, as its config says.

    Raises:
      UserError: the model has had more steps already, or none of its checkpoints is whole.
      TrainingStopped: the loss is not a number any more, or an operation of the model broke down.
      Stopped: Ctrl-C or SIGTERM; the checkpoint has been saved.
    """
    prefix = newest_whole(this.checkpoint_dir)
    done = max(0, run.step_of(prefix)) if prefix else 0
    if done > steps:
        raise UserError(
            "the model in %s has had %d steps, more than the %d asked for: choose another --output-dir"
            % (this.checkpoint_dir, done, steps)
        )
    if prefix:
        print("resuming from %s (step %d of %d)" % (os.path.relpath(prefix, this.folder), done, steps))
    try:
        hooks = [Saver(this.checkpoint_dir, save_steps=save_steps)] if save_steps else []
        yield [Watch(this, done, steps)] + hooks
    except (tf.train.NanLossDuringTrainingError, tf.errors.InvalidArgumentError) as error:
        reason = str(error).strip().splitlines()[0][:120]
        raise TrainingStopped(
            "training in %s stopped, the last checkpoint is untouched (another --seed may help, in another --output-dir): %s"
            % (this.checkpoint_dir, reason)
        )
    except tf.errors.OpError as error:
        reason = str(error.message).strip().splitlines()[0][:160]
        raise UserError(
            "the model in %s cannot be trained on (another model's, damaged, or the disk is full): %s"
            % (this.checkpoint_dir, reason)
        )
    if this.stopping:
        raise Stopped(this.signal)
