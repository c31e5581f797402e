"""TFTS models that are fitted once and forecast from many origins; the baselines beside them; widened bands.

A model is fitted on the values before the hold-out. Then, from every origin in the hold-out, it filters the values up to the
origin (parameters unchanged) and forecasts ``horizon`` steps. The baselines are treated in the same way.
"""

import hashlib
import warnings
from typing import NamedTuple, Optional, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.contrib.timeseries.python.timeseries import head as tfts_head
from tensorflow.contrib.timeseries.python.timeseries import math_utils
from tensorflow.contrib.timeseries.python.timeseries.model import ModelOutputs
from tensorflow.contrib.timeseries.python.timeseries.state_space_models import structural_ensemble
from tensorflow.python.util import nest

from ch09_tfts_births import ext_9_7_7_fit as exercises
from common.errors import UserError


class Setting(NamedTuple):
    """One structural model.

    Attributes:
      name: of its folder and in tables.
      periodicities, latent_values: its cycles (in steps), and the latent values of each.
      holidays: what it is told of them, ``[values, kinds]``, or None.
      model: what tells it from others that could have the same folder; the name by default.
    """

    name: str
    periodicities: Sequence[float]
    latent_values: Sequence[int]
    holidays: Optional[np.ndarray] = None
    model: str = ""


def latent_values_of(periodicity: float) -> int:
    """How many latent values a cycle gets where the reader says nothing: all it can have if short, a smooth curve if long."""
    if periodicity <= 31:
        return max(3, int(periodicity) | 1)
    return 21 if periodicity == 168 else 11  # a week of hours has a shape of its own for each day


def own_name(name: str, values) -> str:
    """``name`` and what tells the fitted values from others.

    A reader's series grows, and another horizon moves its hold-out: then a model is fitted beside the one before, which would
    otherwise refuse values that are not its own.
    """
    return "%s-%s" % (name, hashlib.sha256(np.array(values, dtype="<f8").tobytes()).hexdigest()[:8])


# ---------------------------------------------------------------------------------------------------------------- the models
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
        transient = tf.one_hot([2 + exercises.MOVING_AVERAGE_ORDER], mean.shape[1].value, dtype=self.dtype)
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


def structural_estimator(setting, opts, model_dir, origins):
    """A structural model as an Estimator whose evaluation keeps the states before ``origins``."""
    holidays = {}
    if setting.holidays is not None:
        column = tf.feature_column.numeric_column("holidays", shape=(setting.holidays.shape[1],))
        holidays = dict(cls=HolidayStructuralModel, columns=[column])
    model = exercises.structural_model(list(setting.periodicities), list(setting.latent_values), **holidays)
    return exercises.estimator_of(model, opts, model_dir, head_type=origins_head(origins))


def fit_structural(setting, opts, values, last, origins):
    """Trains (or takes up) a structural model on the first ``last`` values.

    Returns:
      ``(estimator, seconds, features)``; the features are those of every value.
    """
    features = {} if setting.holidays is None else {"holidays": setting.holidays}
    estimator, seconds = exercises.fit(
        opts,
        setting.name,
        lambda folder: structural_estimator(setting, opts, folder, origins),
        values[:last],
        features,
        opts.train_steps,
        model=setting.model or setting.name,
    )
    return estimator, seconds, features


# ------------------------------------------------------------------------------------------------------------- the forecasts
def make_origins(count, holdout, horizon, every, real=None):
    """Indices of the first forecast value of each origin in the last ``holdout`` of ``count`` values.

    ``real``: which values are no filled ones, see ``after_real``.
    """
    if count - holdout < 2 * horizon or holdout < horizon:
        raise UserError(
            "%d values are too few for a hold-out of %d and a horizon of %d (--holdout-days, --steps)"
            % (count, holdout, horizon)
        )
    origins = np.arange(count - holdout, count - horizon + 1, every)
    return origins if real is None else after_real(origins, real, horizon)


def after_real(origins, real, horizon):
    """``origins`` moved on to where the value before is real: one that was interpolated there would know what comes after."""
    behind = np.flatnonzero(real) + 1
    moved = np.unique(behind[np.searchsorted(behind, origins)])
    moved = moved[moved <= len(real) - horizon]
    if not len(moved):
        raise UserError("no forecast begins behind a value of the file in the last %d: too many are missing" % horizon)
    return moved


def forecasts(estimator, values, features, origins, horizon):
    """Filters the series once and forecasts from every origin.

    Returns:
      ``(mean, deviation)``: arrays ``[origins, horizon]`` of the first variable.
    """
    evaluation = exercises.evaluate(estimator, values, features)
    ahead = origins[:, None] + np.arange(horizon)
    state = dict(start_tuple=evaluation["start_tuple"], times=origins[:, None] - 1)
    input_fn = tf.contrib.timeseries.predict_continuation_input_fn(
        state, times=ahead, exogenous_features={key: value[ahead] for key, value in features.items()}
    )
    predictions = list(estimator.predict(input_fn))
    mean = np.stack([prediction["mean"][:, 0] for prediction in predictions])
    variance = np.stack([prediction["covariance"][:, 0] for prediction in predictions])
    variance = variance.reshape(len(predictions), horizon, -1)[:, :, 0]
    return mean, np.sqrt(variance)


def observed(values, origins, horizon):
    """The true values ``[origins, horizon]``, NaN where ``values`` are (they are missing)."""
    return values[origins[:, None] + np.arange(horizon)]


def mean_of(numbers, axis=None):
    """The mean of those that are no NaN; NaN where there are none."""
    known = ~np.isnan(numbers)
    with np.errstate(invalid="ignore"):
        return np.where(known, numbers, 0.0).sum(axis=axis) / known.sum(axis=axis)


def _share_within(error, width, axis=None):
    """Percent of the errors (those that are no NaN) that ``width`` holds."""
    with np.errstate(invalid="ignore"):
        return 100.0 * mean_of(np.where(np.isnan(error), np.nan, error <= width), axis)


# ------------------------------------------------------------------------------------------------------------- the baselines
def seasonal_naive(values, origins, horizon, last, season, truth=None):
    """Repeats the last season; its deviation is that of the season's errors on the first ``last`` values.

    Args:
      truth: ``values`` with NaN where they were filled, if any were.

    Returns:
      ``(mean, deviation)``: arrays ``[origins, horizon]``.
    """
    ahead = np.arange(horizon)
    mean = values[origins[:, None] - season + ahead % season]
    truth = values if truth is None else truth
    spread = np.sqrt(mean_of((truth[season:last] - values[: last - season]) ** 2))
    return mean, np.tile(spread * np.sqrt(ahead // season + 1), [len(origins), 1])


def best_season(values, last, cycles, horizon, truth=None):
    """The season, 1 or one of ``cycles``, with which the seasonal naive errs least on the first ``last`` values.

    ``truth``: ``values`` with NaN where they were filled, if any were.
    """
    truth = values if truth is None else truth
    seasons = [1] + [int(round(cycle)) for cycle in cycles if 2 * round(cycle) <= last]
    horizon = min(horizon, last // 3)
    origins = np.unique(np.linspace(min(max(seasons), last - horizon), last - horizon, 200).astype(int))
    origins = after_real(origins, ~np.isnan(truth[:last]), horizon)

    def error(season):
        mean, _ = seasonal_naive(values, origins, horizon, last, season)
        return mean_of(np.abs(observed(truth, origins, horizon) - mean))

    return min(seasons, key=error)


def statsmodels_forecasts(make, rest, known, origins, horizon, last, iterations):
    """A state-space model of statsmodels, fitted on the first ``last`` values of ``rest``; ``known`` is added to its forecasts.

    Returns:
      ``(mean, deviation)``: arrays ``[origins, horizon]``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # statsmodels: no date index; the iterations are limited
        parameters = make(rest[:last]).fit(disp=0, maxiter=iterations).params
        filtered = make(rest).filter(parameters)
        found = [filtered.get_prediction(o, o + horizon - 1, dynamic=0) for o in origins]
    mean = np.stack([item.predicted_mean for item in found]) + known[origins[:, None] + np.arange(horizon)]
    return mean, np.stack([np.asarray(item.se_mean) for item in found])


def best_shares(values, origins, mean, other):
    """How much of ``mean`` (the rest is ``other``'s) errs least at each horizon on these origins.

    Steps up to three around a horizon are taken together.

    Args:
      mean, other: forecasts ``[origins, horizon]``.

    Returns:
      ``[horizon]`` shares of 0, 0.1 … 1.
    """
    truth, shares = observed(values, origins, mean.shape[1]), np.linspace(0.0, 1.0, 11)
    errors = np.stack([mean_of(np.abs(truth - share * mean - (1.0 - share) * other), axis=0) for share in shares])
    near = [mean_of(errors[:, max(0, step - 3) : step + 4], axis=1) for step in range(mean.shape[1])]
    return shares[np.argmin(near, axis=1)]


# ------------------------------------------------------------------------------------------------------------------ the bands
def conformal_factors(values, origins, mean, deviation, share=0.95, narrow=False):
    """How much the band of each horizon must be widened so that it holds ``share`` of these forecasts (split conformal).

    Each horizon has a factor of its own: how a band that is too narrow errs differs from step to step, most of all from the
    first to the next. Only where there are fewer origins than the quantile needs (19 for 0.95) the steps up to three around a
    horizon are taken together. A band that holds its share already is made narrower only if asked for, and only to where it
    still holds every one of these forecasts: neighbouring origins forecast the same values, so that the sixty of a hold-out are
    worth a few independent ones, and their own 95 % would be too narrow for the next.

    Returns:
      ``[horizon]`` factors for a band of ``mean ± 1.96 deviation`` (0.95); 1 or more unless ``narrow``.
    """
    distance = np.abs(observed(values, origins, mean.shape[1]) - mean) / deviation
    factors = np.ones(mean.shape[1])
    for step in range(mean.shape[1]):
        near = _known(distance[:, step])
        enough = _conformal_rank(len(near), share) <= len(near)
        if not enough:
            near = _known(distance[:, max(0, step - 3) : step + 4])
        if not len(near):
            near = _known(distance)  # of these steps all values are missing
        if len(near):
            least = min(1.0, near[-1] / 1.96) if narrow and enough else 1.0
            factors[step] = max(least, near[min(_conformal_rank(len(near), share), len(near)) - 1] / 1.96)
    return factors


def _known(numbers):
    """Those that are no NaN, sorted."""
    return np.sort(numbers[~np.isnan(numbers)])


def _conformal_rank(count, share):
    """Which of ``count`` sorted distances, from 1, a new one stays below with a chance of ``share`` at least."""
    return int(np.ceil(round((count + 1) * share, 9)))  # rounded first: 0.7 * 10 must not become 8


def scores(values, origins, mean, deviation, last, season, factors=1.0):
    """The backtest's figures.

    Args:
      season: the seasonal naive's, whose one-season error on the first ``last`` values is the unit of ``MASE``.
      factors: ``[horizon]`` (or one) for the 95 % band.

    Returns:
      A dict: ``MAE``, ``RMSE``, ``MASE``, ``within 1 sigma`` and ``within 95 %`` (shares in the bands, in percent).
    """
    error = np.abs(observed(values, origins, mean.shape[1]) - mean)
    scale = mean_of(np.abs(values[season:last] - values[: last - season]))
    return {
        "MAE": mean_of(error),
        "RMSE": np.sqrt(mean_of(error**2)),
        "MASE": mean_of(error) / scale if scale > 0 else np.nan,  # an exactly periodic series
        "within 1 sigma": _share_within(error, deviation),
        "within 95 %": _share_within(error, 1.96 * factors * deviation),
    }


def coverage(values, origins, mean, deviation, horizons, factors=1.0):
    """Percent of the forecasts ``horizons`` steps ahead (from 1) that the 95 % band holds, a list; None where all are missing."""
    error = np.abs(observed(values, origins, mean.shape[1]) - mean)
    shares = _share_within(error, 1.96 * factors * deviation, axis=0)
    return [None if np.isnan(share) else round(float(share), 1) for share in shares[np.array(horizons) - 1]]
