"""Fitting a TFTS model for the exercises of section 9.7.7: on the days before a hold-out, repeatable, resumed exactly.

An Estimator of ``code_9_08_births.py`` differs in each run (two threads fill the queue of windows) and forgets, when it is
resumed, which windows it has seen and the filter's states between them (``ChainingStateManager`` keeps them in memory). Here
the windows follow from the seed, those already seen are skipped, and the states are part of the checkpoint.
"""

import argparse
import os
import time
import warnings

import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow.contrib.timeseries.python.timeseries import estimators as tfts_estimators
from tensorflow.contrib.timeseries.python.timeseries import head as tfts_head
from tensorflow.contrib.timeseries.python.timeseries import math_utils, state_management
from tensorflow.contrib.timeseries.python.timeseries.state_space_models import state_space_model, structural_ensemble
from tensorflow.python.util import nest

from ch09_tfts_births.ext_9_7_2_readers import repeatable_windows
from common import estimators, options, run, text
from common.errors import UserError
from data import births

MOVING_AVERAGE_ORDER = 4  # the listing's StructuralEnsembleRegressor has it by default
SAVE_STEPS = 100  # between two checkpoints

# The rows that every fit of the exercises has.
VALUES = [
    options.Value("batch_size", 16, "windows in a batch", tiny=4, low=1, high=1024),
    options.Value("window_size", 64, "days in a window", tiny=16, low=2, high=5000),
    options.Value("train_steps", 400, "training steps", tiny=12, low=1, high=1000000, fixed=False),
    options.Value("holdout_days", 730, "the last days, which no fit sees", tiny=60, low=2, high=100000),
]


# The columns of ``one_step_row``.
COLUMNS = ["model", "MAE", "RMSE", "within 1 sigma (%)", "within 95 % (%)"]


def read_births(opts):
    """The births as (days ``datetime64[D]``, values, the first day of the hold-out, words for the record).

    Raises:
      UserError: what lies before the hold-out is too short to fit to.
    """
    csv_file_name = births.locate(opts)
    md1 = pd.DataFrame(births.read(csv_file_name), columns=list("AB"))
    last = len(md1) - opts.holdout_days
    if last < 2 * opts.window_size + 2:
        raise UserError("%d days are too few for --holdout-days %d" % (len(md1), opts.holdout_days))
    return md1.A.values.astype("datetime64[D]"), md1.B.values, last, births.describe(csv_file_name, md1)


def weekday(days):
    """0 for Monday … 6 for Sunday; ``days`` as ``datetime64[D]``."""
    return (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday


def run_config(opts):
    """The Estimator's settings: seed, threads."""
    return tf.estimator.RunConfig(
        tf_random_seed=opts.seed,
        session_config=run.session_config(opts.threads),
        save_checkpoints_steps=SAVE_STEPS,
        save_summary_steps=20,
        keep_checkpoint_max=3,
        log_step_count_steps=None,
    )


def structural_model(periodicities, latent_values, num_features=1, cls=None, columns=None):
    """The model within ``StructuralEnsembleRegressor``, with the listing's defaults; ``cls`` exchanges its class."""
    cls = cls or structural_ensemble.MultiResolutionStructuralEnsemble
    configuration = state_space_model.StateSpaceModelConfiguration(
        num_features=num_features, dtype=tf.float64, exogenous_feature_columns=columns
    )
    return cls(
        cycle_num_latent_values=latent_values,
        moving_average_order=MOVING_AVERAGE_ORDER,
        autoregressive_order=0,
        periodicities=periodicities,
        configuration=configuration,
    )


class _StateTables(math_utils.TupleOfTensorsLookup):
    """The filter's states by time, in tables that begin small and grow.

    TFTS's begin with 131,072 places, each as large as a whole covariance: with fifty latent values that is 3 GB of memory, and of
    every checkpoint.
    """

    def __init__(self, key_dtype, default_values, empty_key, deleted_key, name, checkpoint=True):
        self._hash_tables = nest.map_structure(
            lambda number, value: math_utils.TensorValuedMutableDenseHashTable(
                key_dtype=key_dtype,
                value_dtype=value.dtype.base_dtype,
                default_value=value,
                empty_key=empty_key,
                deleted_key=deleted_key,
                initial_num_buckets=16,
                name="%s_%d" % (name, number),
                checkpoint=checkpoint,
            ),
            nest.pack_sequence_as(default_values, list(range(len(nest.flatten(default_values))))),
            default_values,
        )
        self._name = name


class StateManager(state_management.ChainingStateManager):
    """TFTS's own, with its states in checkpoints and in tables of a bearable size."""

    def __init__(self):
        super().__init__(checkpoint_state=True)

    def initialize_graph(self, model, input_statistics=None):
        """As TFTS's, but for the tables."""
        super(state_management.ChainingStateManager, self).initialize_graph(model, input_statistics)
        self._start_state = model.get_start_state()
        self._cached_states = _StateTables(tf.int64, self._start_state, -1, -2, "cached_states")


def estimator_of(model, opts, model_dir, head_type=tfts_head.TimeSeriesRegressionHead, optimizer=None):
    """``model`` as an Estimator whose checkpoints hold the filter's states; the optimiser is TFTS's Adam (0.02) by default."""
    return tfts_estimators.TimeSeriesRegressor(
        model=model,
        state_manager=StateManager(),
        optimizer=optimizer,
        model_dir=model_dir,
        config=run_config(opts),
        head_type=head_type,
    )


class _SkipSeen(tf.train.SessionRunHook):
    """Draws and drops the windows that the training had before it was resumed."""

    def __init__(self, input_fn):
        self._input_fn = input_fn

    def input_fn(self):
        """The training input, remembered."""
        features, labels = self._input_fn()
        self._windows = features["times"]
        return features, labels

    def after_create_session(self, session, coord):
        for _ in range(session.run(tf.train.get_global_step())):
            session.run(self._windows)


def fit(opts, name, make_estimator, values, features, steps, **settings):
    """Trains one model, or takes up (and says so) what an earlier run trained.

    Args:
      opts: ``output_dir``, ``batch_size``, ``window_size``, ``seed``, ``threads``.
      name: the model's folder within the run's.
      make_estimator: function of a model folder.
      values: ``[days]`` or ``[days, variables]`` to train on; ``features``: exogenous features by name, ``[days, …]``.
      settings: what else the model depends on; a folder made with others is refused.

    Returns:
      ``(estimator, seconds)``; the seconds are those of this run's training.
    """
    inner = argparse.Namespace(**vars(opts))
    inner.output_dir = os.path.join(opts.output_dir, name.replace("+", "_").replace(" ", "_"))
    described = "%d values, sum %.9g, last %.6g" % (len(values), np.sum(values), np.ravel(values)[-1])
    settings.update(batch_size=opts.batch_size, window_size=opts.window_size, fitted_to=described)
    vars(inner).update(settings)
    inner.rows = tuple(options.Value(key, value, "") for key, value in sorted(settings.items()))
    data = dict(
        {key: value[: len(values)] for key, value in features.items()}, times=np.arange(len(values)), values=values
    )
    windows = repeatable_windows(tf.contrib.timeseries.NumpyReader(data), opts.batch_size, opts.window_size, opts.seed)
    skip = _SkipSeen(windows)
    start = time.time()
    with run.Run(inner, checkpoints="mode") as this:
        estimator = make_estimator(this.checkpoint_dir)
        print("%s: training on %d values" % (name, len(values)), flush=True)
        with estimators.training(this, steps, SAVE_STEPS) as hooks, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Converting sparse IndexedSlices")  # of TFTS's own state look-up
            estimator.train(input_fn=skip.input_fn, max_steps=steps, hooks=hooks + [skip])
    return estimator, time.time() - start


def evaluate(estimator, values, features):
    """TFTS's evaluation of the whole series: one-step ``mean`` and ``covariance`` of every day, ``start_tuple`` …"""
    data = dict(
        {key: value[: len(values)] for key, value in features.items()}, times=np.arange(len(values)), values=values
    )
    reader = tf.contrib.timeseries.NumpyReader(data)
    return estimator.evaluate(tf.contrib.timeseries.WholeDatasetInputFn(reader), steps=1)


def one_step_scores(values, evaluation, last):
    """How good the one-step predictions of the first variable are from day ``last`` on.

    Returns:
      A dict: ``MAE``, ``RMSE``, ``within 1 sigma`` and ``within 95 %`` (shares of days in the bands, in percent).
    """
    error = np.abs(values[last:] - evaluation["mean"][0, last:, 0])
    deviation = np.sqrt(evaluation["covariance"][0, last:, 0, 0])
    return {
        "MAE": error.mean(),
        "RMSE": np.sqrt((error**2).mean()),
        "within 1 sigma": 100.0 * (error <= deviation).mean(),
        "within 95 %": 100.0 * (error <= 1.96 * deviation).mean(),
    }


def one_step_row(name, values, evaluation, last):
    """``one_step_scores`` as a row of ``COLUMNS``."""
    return [name] + [round(float(value), 3) for value in one_step_scores(values, evaluation, last).values()]


def show_rows(opts, record, caption, file_name, rows, what, captions):
    """Prints the rows of a comparison and writes them as a table of the record and as ``file_name``.

    Args:
      what: whose predictions they are of, for the note; captions: (English, Chinese) of the file.
    """
    print(pd.DataFrame(rows, columns=COLUMNS).to_string(index=False))
    note = "One-step predictions%s on the last %d days, which no fit saw." % (what, opts.holdout_days)
    if opts.preset == "tiny":
        note += " Tiny run on a generated sample: shows that it runs, not how well."
    record.table(caption, COLUMNS, rows, note=note)
    record.file(text.write_csv(os.path.join(opts.output_dir, file_name), [COLUMNS] + rows), "table", *captions)
