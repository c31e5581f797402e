"""Rolling-origin backtest of TFTS models (Extra: section 9.7.6 judges one fit on all the data by its plot).

A model is fitted once on the days before the hold-out. Then, from every origin in the hold-out, it filters the days up to the
origin (parameters unchanged) and forecasts ``horizon`` days. The baselines are treated in the same way.
"""

import os

import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow.contrib.timeseries.python.timeseries import estimators as tfts_estimators
from tensorflow.contrib.timeseries.python.timeseries import head as tfts_head
from tensorflow.contrib.timeseries.python.timeseries import math_utils
from tensorflow.contrib.timeseries.python.timeseries.model import ModelOutputs
from tensorflow.contrib.timeseries.python.timeseries.state_space_models import state_space_model, structural_ensemble
from tensorflow.python.util import nest

from ch09_tfts_births import calendar_days, fitting, series
from common.errors import UserError

# name: (lengths of the cycles, latent values of each, holidays known?)
STRUCTURAL = {
    "book": ([200], [15], False),
    "week": ([7], [7], False),
    "week+year": ([7, 365.25], [7, 11], False),
    "week+year+holidays": ([7, 365.25], [7, 11], True),
}
MOVING_AVERAGE_ORDER = 4  # StructuralEnsembleRegressor's default


class HolidayStructuralModel(structural_ensemble.MultiResolutionStructuralEnsemble):
    """The structural model of listing 9-8 plus a learned effect of each kind of holiday on that day alone.

    TFTS's own treatment of exogenous features adds a learned covariance to the whole state at each such day, level, trend and
    cycles included; here a holiday moves the newest element of the moving-average part, which the next day forgets.
    """

    def _exogenous_input_step(self, current_times, current_exogenous_regressors, state):
        """Adds ``regressors @ effects`` to the transient; ``regressors`` has shape [batch, kinds of holiday]."""
        mean, covariance, previous_times = state
        kinds = current_exogenous_regressors.shape[-1].value
        effects = tf.get_variable(
            "holiday_effects", shape=[kinds, 1], dtype=self.dtype, initializer=tf.zeros_initializer()
        )
        effect = tf.matmul(tf.cast(current_exogenous_regressors, self.dtype), effects)
        # The state is level, trend, moving average (order + 1 values, the last is observed now), cycles.
        transient = tf.one_hot([2 + MOVING_AVERAGE_ORDER], mean.shape[1].value, dtype=self.dtype)
        return mean + effect * transient, covariance, previous_times


def origins_head(origins):
    """A TFTS head whose evaluation ends with the filtered state just before each origin, as a batch."""

    class OriginsHead(tfts_head.TimeSeriesRegressionHead):
        def create_loss(self, features, mode, logits=None, labels=None):
            if mode != tf.estimator.ModeKeys.EVAL:
                return super().create_loss(features, mode)
            start = math_utils.replicate_state(self.model.get_start_state(), tf.shape(features["times"])[0])
            loss, states, predictions = self.model.per_step_batch_loss(features, mode, start)
            predictions["observed"] = features["values"]
            before = tf.constant(np.asarray(origins) - 1)
            end_state = nest.map_structure(lambda state: tf.gather(state[0], before), states)
            return ModelOutputs(
                loss=loss, end_state=end_state, predictions=predictions, prediction_times=features["times"]
            )

    return OriginsHead


def structural_estimator(name, opts, model_dir, origins):
    """One of ``STRUCTURAL`` as an Estimator whose evaluation keeps the states before ``origins``."""
    periodicities, latent_values, with_holidays = STRUCTURAL[name]
    common_arguments = dict(model_dir=model_dir, config=fitting.run_config(opts), head_type=origins_head(origins))
    if not with_holidays:
        return tf.contrib.timeseries.StructuralEnsembleRegressor(
            periodicities=fitting.plain_numbers(periodicities),
            num_features=1,
            cycle_num_latent_values=latent_values,
            moving_average_order=MOVING_AVERAGE_ORDER,
            **common_arguments,
        )
    configuration = state_space_model.StateSpaceModelConfiguration(
        num_features=1,
        dtype=tf.float64,
        exogenous_feature_columns=[tf.feature_column.numeric_column("holidays", shape=(len(calendar_days.HOLIDAYS),))],
    )
    model = HolidayStructuralModel(
        cycle_num_latent_values=latent_values,
        moving_average_order=MOVING_AVERAGE_ORDER,
        autoregressive_order=0,
        periodicities=fitting.plain_numbers(periodicities),
        configuration=configuration,
    )
    return tfts_estimators.StateSpaceRegressor(model, **common_arguments)


def structural_features(name, days):
    """What model ``name`` is told of ``days`` beside the values: a dict of exogenous features."""
    return {"holidays": calendar_days.holidays(days)} if STRUCTURAL[name][2] else {}


def make_origins(count, holdout_days, horizon, every):
    """Indices of the first forecast day of each origin in the last ``holdout_days`` of ``count`` days."""
    if count - holdout_days < 2 * horizon or holdout_days < horizon:
        raise UserError(
            "%d days are too few for a hold-out of %d days and a horizon of %d: choose smaller --holdout-days or --steps"
            % (count, holdout_days, horizon)
        )
    return np.arange(count - holdout_days, count - horizon + 1, every)


def calibration_origins(count, holdout_days, horizon, every):
    """Origins in the stretch just before the hold-out, as long as it (or half of what there is)."""
    end = count - holdout_days
    length = min(holdout_days, end // 2)
    return np.arange(end - length, end - horizon + 1, every)


def model_settings(opts, df, kind, last):
    """What a fitted model depends on; another value means another model."""
    return dict(
        model=kind,
        series=series.stamp(df),
        fitted_days=int(last),
        batch_size=opts.batch_size,
        window_size=opts.window_size,
        seed=opts.seed,
    )


def fit(make_estimator, name, opts, values, features, settings, last, steps):
    """Trains (or takes up) one model on the first ``last`` days.

    Args:
      make_estimator: function of a model folder.
      name: name of the model; its folder is ``<output_dir>/<name>``.
      values: ``[days]`` or ``[days, variables]``; ``features``: exogenous features by name, each ``[days, …]``.
      settings: what the model depends on (``model_settings``).
      steps: training steps.

    Returns:
      ``(estimator, seconds)``.
    """
    model_dir = fitting.open_model_dir(os.path.join(opts.output_dir, name.replace("+", "_")), settings)
    estimator = make_estimator(model_dir)
    data = dict({key: value[:last] for key, value in features.items()}, times=np.arange(last), values=values[:last])
    reader = tf.contrib.timeseries.NumpyReader(data)
    print("%s: training on %d days" % (name, last))
    input_fn = fitting.window_input_fn(reader, opts.batch_size, opts.window_size, opts.seed)
    return estimator, fitting.train(estimator, input_fn, steps)


def fit_structural(name, opts, df, last, origins):
    """Trains (or takes up) the setting ``name`` of ``STRUCTURAL`` on the first ``last`` days of ``df``.

    Returns:
      ``(estimator, seconds, features)``; the features are those of every day.
    """
    features = structural_features(name, fitting.days_from(df.A.iloc[0], len(df)))
    estimator, seconds = fit(
        lambda model_dir: structural_estimator(name, opts, model_dir, origins),
        name,
        opts,
        df.B.values,
        features,
        model_settings(opts, df, name, last),
        last,
        opts.train_steps,
    )
    return estimator, seconds, features


def evaluate(estimator, values, features):
    """TFTS's evaluation of the whole series: one-step ``mean`` and ``covariance`` of every day, ``start_tuple`` …"""
    reader = tf.contrib.timeseries.NumpyReader(dict(features, times=np.arange(len(values)), values=values))
    return estimator.evaluate(tf.contrib.timeseries.WholeDatasetInputFn(reader), steps=1)


def forecasts(estimator, values, features, origins, horizon):
    """Filters the series once and forecasts from every origin.

    Returns:
      ``(mean, deviation, evaluation)``: arrays ``[origins, horizon]`` of the first variable, and TFTS's evaluation (one-step
      ``mean`` and ``covariance`` of every day).
    """
    evaluation = evaluate(estimator, values, features)
    ahead = origins[:, None] + np.arange(horizon)
    state = dict(start_tuple=evaluation["start_tuple"], times=origins[:, None] - 1)
    input_fn = tf.contrib.timeseries.predict_continuation_input_fn(
        state, times=ahead, exogenous_features={key: value[ahead] for key, value in features.items()}
    )
    predictions = list(estimator.predict(input_fn))
    mean = np.stack([prediction["mean"][:, 0] for prediction in predictions])
    variance = np.stack([prediction["covariance"][:, 0] for prediction in predictions])
    variance = variance.reshape(len(predictions), horizon, -1)[:, :, 0]
    return mean, np.sqrt(variance), evaluation


def band_factors(values, origins, mean, deviation):
    """Extra: factors by which the bands must be widened so that they hold 68.27 % and 95 % of these forecasts."""
    distance = np.abs(observed(values, origins, mean.shape[1]) - mean) / deviation
    return np.percentile(distance, 68.27), np.percentile(distance, 95.0) / 1.96


def observed(values, origins, horizon):
    """The true values ``[origins, horizon]``."""
    return values[origins[:, None] + np.arange(horizon)]


def scores(values, origins, mean, deviation, last, factors=(1.0, 1.0)):
    """The backtest's figures.

    Returns:
      A dict: ``MAE``, ``RMSE``, ``MASE`` (the error in units of the seasonal naive's one-week error on the ``last`` training
      days), ``within 1 sigma`` and ``within 95 %`` (shares of days in the bands, in percent).
    """
    error = np.abs(observed(values, origins, mean.shape[1]) - mean)
    scale = np.abs(values[7:last] - values[: last - 7]).mean()
    return {
        "MAE": error.mean(),
        "RMSE": np.sqrt((error**2).mean()),
        "MASE": error.mean() / scale,
        "within 1 sigma": 100.0 * (error <= factors[0] * deviation).mean(),
        "within 95 %": 100.0 * (error <= 1.96 * factors[1] * deviation).mean(),
    }


COLUMNS = ["model", "MAE", "RMSE", "MASE", "within 1 sigma (%)", "within 95 % (%)"]


class Backtest:
    """Origins and the table of scores of one backtest.

    Args:
      opts: ``steps`` (the horizon), ``holdout_days``, ``every``.
      values: the series, ``[days]``.
    """

    def __init__(self, opts, values):
        self.values, self.horizon = values, opts.steps
        self.last = len(values) - opts.holdout_days  # days that the fits see
        self.origins = make_origins(len(values), opts.holdout_days, opts.steps, opts.every)
        self.earlier = calibration_origins(len(values), opts.holdout_days, opts.steps, opts.every)
        self.every_origin = np.concatenate([self.earlier, self.origins])
        self.rows = []

    def add(self, name, mean, deviation, factors=(1.0, 1.0)):
        """Scores forecasts ``[origins, horizon]`` and keeps the row."""
        result = scores(self.values, self.origins, mean, deviation, self.last, factors)
        self.rows.append([name] + [round(float(value), 3) for value in result.values()])
        print("%-44s MAE %.3f, %.1f %% in the 95 %% band" % (name, result["MAE"], result["within 95 %"]), flush=True)

    def add_model(self, name, estimator, features, values=None):
        """Forecasts with a fitted model; two rows: its own band, and the band calibrated on the earlier origins.

        Returns:
          ``(mean, deviation)`` of the last origin's forecast, each ``[horizon]``.
        """
        values = self.values if values is None else values
        mean, deviation, _ = forecasts(estimator, values, features, self.every_origin, self.horizon)
        count = len(self.earlier)
        factors = band_factors(self.values, self.earlier, mean[:count], deviation[:count])
        self.add("TFTS " + name, mean[count:], deviation[count:])
        self.add("TFTS %s, band calibrated" % name, mean[count:], deviation[count:], factors)
        return mean[-1], deviation[-1]

    def finish(self, record, folder, file_name, days, tiny):
        """Prints the table, writes ``<file_name>.csv`` and adds both to the record."""
        table = pd.DataFrame(self.rows, columns=COLUMNS)
        print(table.to_string(index=False))
        path = os.path.join(folder, file_name + ".csv")
        table.to_csv(path, index=False)
        note = (
            "%d origins from %s on, horizon %d days; each model is fitted once, on the %d days before. 'Band calibrated' "
            "(extra): its bands are scaled by one factor each, found on forecasts of the days just before the hold-out."
            % (len(self.origins), days[self.origins[0]], self.horizon, self.last)
        )
        if tiny:
            note += " Tiny run on a generated sample: shows that it runs, not how well."
        record.table("Rolling-origin backtest", COLUMNS, self.rows, note=note)
        record.file(path, "table", "Rolling-origin backtest: scores", "滚动起点回测的指标")
