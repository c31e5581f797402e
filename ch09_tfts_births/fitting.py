"""Training a TFTS estimator so that it can be stopped, taken up and repeated; shared by the listing and its extensions."""

import os
import time
import warnings

import numpy as np
import pandas as pd
import tensorflow as tf

from common import options, training
from common.errors import TrainingStopped, UserError

SHUFFLE_WINDOWS = 400  # windows that wait in the shuffling queue


def check_positive(opts, *names):
    """UserError when an option that counts something is below 1."""
    for name in names:
        if getattr(opts, name) < 1:
            raise UserError(
                "--%s %s: a whole number from 1 on is needed" % (name.replace("_", "-"), getattr(opts, name))
            )


def check_cycles(periodicities, latent_values):
    """UserError for cycles that TFTS's ResolutionCycleModel cannot represent."""
    if any(not np.isfinite(length) or length < 2 for length in periodicities):
        raise UserError("--periodicities %s: each cycle needs at least 2 days" % " ".join(map(str, periodicities)))
    if any(number < 3 or number % 2 == 0 for number in latent_values):
        raise UserError(
            "--cycle-num-latent-values %s: odd numbers from 3 on are needed" % " ".join(map(str, latent_values))
        )
    if len(latent_values) not in (1, len(periodicities)):
        raise UserError(
            "--cycle-num-latent-values has %d numbers, --periodicities %d: give one, or as many"
            % (len(latent_values), len(periodicities))
        )


def plain_numbers(numbers):
    """Whole floats as integers, one number without its list: ``[200.0]`` → ``200``, as printed."""
    numbers = [int(number) if float(number).is_integer() else number for number in numbers]
    return numbers[0] if len(numbers) == 1 else numbers


def run_config(opts):
    """The Estimator's settings: seed, threads, a checkpoint every 100 steps."""
    return tf.estimator.RunConfig(
        tf_random_seed=opts.seed,
        session_config=training.session_config(opts.threads),
        save_checkpoints_steps=100,
        save_summary_steps=20,
        keep_checkpoint_max=3,
        log_step_count_steps=None,
    )


class _LessOne(int):
    """A number of batches whose product with the batch size is one window short of a full queue."""

    def __mul__(self, batch_size):
        return int(self) * int(batch_size) - 1


def window_input_fn(reader, batch_size, window_size, seed):
    """``RandomWindowInputFn`` whose windows depend on ``seed`` only.

    As printed it fills its queue with two threads, and what the shuffling queue hands out depends on how full it happens to
    be, so that no seed repeats a run. Extra: one thread, and a queue that gives a window only when it is full to the brim.
    """
    batches = max(2, SHUFFLE_WINDOWS // batch_size)
    return tf.contrib.timeseries.RandomWindowInputFn(
        reader,
        batch_size=batch_size,
        window_size=window_size,
        num_threads=1,
        shuffle_seed=seed,
        queue_capacity_multiplier=batches,
        shuffle_min_after_dequeue_multiplier=_LessOne(batches),
    )


# ------------------------------------------------------------------------------------------- the model's folder
def open_model_dir(output_dir, settings):
    """The folder ``mode`` of a run, new or the run's own.

    Args:
      output_dir: folder of the run.
      settings: what the model depends on; kept in ``settings.json``.

    Returns:
      The folder for ``model_dir``.

    Raises:
      UserError: the folder has a model of other settings (or of unknown ones). Nothing has been written then.
    """
    model_dir = os.path.join(output_dir, "mode")
    found = training.checkpoints(model_dir)
    settings_file = os.path.join(output_dir, options.SETTINGS_FILE)
    mend = "choose another --output-dir, or remove %s to train anew" % model_dir
    if found:
        if not os.path.exists(settings_file):
            raise UserError("%s has a model of unknown settings (no %s): %s" % (model_dir, options.SETTINGS_FILE, mend))
        old = options.read_json(settings_file)
        new = {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}
        other = [key for key in sorted(new) if old.get(key) != new[key]]
        if other:
            key = other[0]
            raise UserError("%s has a model with %s %s, not %s: %s" % (model_dir, key, old.get(key), new[key], mend))
        _point_to_newest_good(model_dir, found, mend)
    os.makedirs(model_dir, exist_ok=True)
    options.save_settings(output_dir, settings)
    return model_dir


def _is_good(prefix):
    """Whether every value of a checkpoint can be read."""
    try:
        reader = tf.train.load_checkpoint(prefix)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (tf.errors.OpError, ValueError):
        return False
    return True


def _point_to_newest_good(model_dir, found, mend):
    """Makes the newest whole checkpoint the one that the Estimator takes up."""
    for index, prefix in enumerate(found):
        if _is_good(prefix):
            if index:
                print("taking up %s: %d newer checkpoint(s) are damaged" % (os.path.basename(prefix), index))
            tf.train.update_checkpoint_state(model_dir, prefix, list(reversed(found[index:])))
            return
    raise UserError("none of the %d checkpoints in %s can be read: %s" % (len(found), model_dir, mend))


# ------------------------------------------------------------------------------------------- training
class _Watch(tf.train.SessionRunHook):
    """Progress bar, and a clean stop (checkpoint saved) at Ctrl-C or SIGTERM."""

    def __init__(self, first, last, stop):
        self._first, self._last, self._stop = first, last, stop

    def begin(self):
        self._bar = training.progress(total=self._last, initial=self._first, desc="training", unit="step")
        self._step = tf.train.get_global_step()

    def before_run(self, run_context):
        return tf.train.SessionRunArgs(self._step)

    def after_run(self, run_context, run_values):
        self._bar.update(1)
        if self._stop.requested:
            run_context.request_stop()

    def end(self, session):
        self._bar.close()


def trained_steps(estimator):
    """Steps of the newest checkpoint, 0 without one."""
    return int(estimator.get_variable_value("global_step")) if estimator.latest_checkpoint() else 0


def train(estimator, input_fn, steps):
    """Trains until step ``steps``; an earlier run of the same folder is taken up and named.

    Returns:
      Seconds that training took.

    Raises:
      UserError: the folder's model has had more steps.
      TrainingStopped: the loss is not a number any more, or the filter broke down.
      KeyboardInterrupt: the user stopped it; the checkpoint has been saved.
    """
    done = trained_steps(estimator)
    if done > steps:
        raise UserError(
            "the model in %s has had %d steps, more than --train-steps %d: choose another --output-dir"
            % (estimator.model_dir, done, steps)
        )
    if done:
        print("taking up the run in %s at step %d of %d" % (estimator.model_dir, done, steps))
    if done == steps:
        return 0.0
    start = time.time()
    try:
        with training.StopSignals() as stop, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Converting sparse IndexedSlices")  # of TFTS's own state look-up
            estimator.train(input_fn=input_fn, max_steps=steps, hooks=[_Watch(done, steps, stop)])
    except (tf.train.NanLossDuringTrainingError, tf.errors.InvalidArgumentError) as error:
        reason = str(error).strip().splitlines()[0][:120]
        raise TrainingStopped(
            "training in %s stopped, the last checkpoint is untouched (another --seed or more latent values may help): %s"
            % (estimator.model_dir, reason)
        )
    if stop.requested:
        print("stopped at step %d; the same command goes on from there" % trained_steps(estimator))
    stop.leave()
    return time.time() - start


# ------------------------------------------------------------------------------------------- days and bands
def days_from(first, count):
    """``count`` consecutive days from ``first`` on, as ``datetime64[D]``."""
    return np.datetime64(pd.Timestamp(first).date()) + np.arange(count)


def forecast_table(days, mean, variance):
    """The forecast as a table: day, mean, standard deviation, limits of one deviation and of 95 %."""
    deviation = np.sqrt(variance)
    return pd.DataFrame(
        {
            "date": [str(day) for day in days],
            "mean": mean,
            "standard_deviation": deviation,
            "lower_1sigma": mean - deviation,
            "upper_1sigma": mean + deviation,
            "lower_95": mean - 1.96 * deviation,
            "upper_95": mean + 1.96 * deviation,
        }
    )
