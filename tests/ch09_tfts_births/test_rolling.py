"""The backtest: scores by hand, and that no forecast knows what comes after its origin."""

import argparse

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from ch09_tfts_births import (
    calendar_days,
    ext_9_7_6_backtest,
    ext_9_7_7a_anomalies,
    ext_9_7_7b_multivariate,
    ext_9_7_7c_lstm,
    fitting,
    rolling,
)
from common.errors import UserError


def make_df(count=240):
    days = pd.date_range("1980-11-01", periods=count)
    noise = np.random.RandomState(1).normal(0.0, 5.0, count)
    return pd.DataFrame({"A": days, "B": 200.0 - 40.0 * (days.dayofweek >= 5) + noise})


def make_opts(folder, **changes):
    values = dict(seed=0, threads=1, output_dir=str(folder), batch_size=2, window_size=12, train_steps=2)
    return argparse.Namespace(**dict(values, **changes))


def test_origins():
    assert rolling.make_origins(100, 20, 7, 5).tolist() == [80, 85, 90]
    assert rolling.calibration_origins(100, 20, 7, 5).tolist() == [60, 65, 70]
    with pytest.raises(UserError, match="too few for a hold-out"):
        rolling.make_origins(30, 28, 7, 1)


def test_scores_by_hand():
    values = np.arange(30.0)
    origins = np.array([20, 24])
    mean = np.array([[20.0, 22.0], [24.0, 28.0]])  # errors 0, 1, 0, 3
    found = rolling.scores(values, origins, mean, np.full([2, 2], 1.0), last=20)
    assert found["MAE"] == 1.0 and found["RMSE"] == np.sqrt(10.0 / 4.0)
    assert abs(found["MASE"] - 1.0 / 7.0) < 1e-12  # the seasonal naive errs by 7 each day
    assert found["within 1 sigma"] == 75.0 and found["within 95 %"] == 75.0
    assert rolling.scores(values, origins, mean, np.ones([2, 2]), 20, (1.0, 2.0))["within 95 %"] == 100.0


def test_band_factors_make_the_band_hold_its_share():
    random = np.random.RandomState(0)
    values, origins = random.normal(0.0, 3.0, 2000), np.arange(0, 1900)
    mean, deviation = np.zeros([1900, 5]), np.ones([1900, 5])
    factors = rolling.band_factors(values, origins, mean, deviation)
    np.testing.assert_allclose(factors, [3.0, 3.0], rtol=0.1)
    assert abs(rolling.scores(values, origins, mean, deviation, 1000, factors)["within 95 %"] - 95.0) < 0.2


def test_seasonal_naive_repeats_the_last_week():
    df = make_df()
    days, origins = fitting.days_from(df.A.iloc[0], len(df)), np.array([200, 207])
    name, mean, deviation = next(ext_9_7_6_backtest.baselines(df.B.values, days, origins, 10, 200, 1))
    np.testing.assert_array_equal(mean[0], np.resize(df.B.values[193:200], 10))
    assert (np.diff(deviation[0]) >= 0).all() and deviation[0, 7] == deviation[0, 0] * np.sqrt(2)


@pytest.mark.slow
def test_holiday_model_forecasts_as_tfts_does_and_moves_holidays_only(tmp_path):
    """The batch of origins against TFTS's own way, and the holiday effect on that day alone."""
    df, name = make_df(), "week+year+holidays"
    values = df.B.values
    opts, origins = make_opts(tmp_path), np.array([150, 170])
    estimator, _, features = rolling.fit_structural(name, opts, df, 200, origins)
    mean, deviation, _ = rolling.forecasts(estimator, values, features, origins, 5)
    assert mean.shape == deviation.shape == (2, 5)

    # Later values must not matter.
    changed = np.concatenate([values[:150], 10.0 * values[150:]])
    peeked, _, _ = rolling.forecasts(estimator, changed, features, origins, 5)
    np.testing.assert_allclose(peeked[0], mean[0], rtol=1e-9)
    assert np.abs(peeked[1] - mean[1]).max() > 1.0

    # A holiday told of for the second forecast day moves that day and no other.
    effects = estimator.get_variable_value(
        [item for item in estimator.get_variable_names() if item.endswith("holiday_effects")][0]
    )
    assert effects.shape == (len(calendar_days.HOLIDAYS), 1) and np.abs(effects).max() > 0
    kind = int(np.abs(effects).argmax())
    told = {"holidays": features["holidays"].copy()}
    assert told["holidays"][150:155].sum() == 0
    told["holidays"][151, kind] = 1.0
    moved, _, _ = rolling.forecasts(estimator, values, told, np.array([150, 170]), 5)
    spread = np.sqrt(estimator.get_variable_value("input_statistics/overall_feature_var"))
    expected = np.zeros(5)
    expected[1] = effects[kind, 0] * spread[0]
    np.testing.assert_allclose(moved[0] - mean[0], expected, atol=1e-6)


@pytest.mark.slow
def test_lstm_scores_a_normal_distribution_and_does_not_peek(tmp_path):
    df = make_df()
    values, origins = df.B.values, np.array([150, 170])
    opts = make_opts(tmp_path, num_units=3, learning_rate=0.01)
    features = ext_9_7_7c_lstm.lstm_features(fitting.days_from(df.A.iloc[0], len(df)))
    assert features["calendar"].shape == (240, 26)
    estimator, _ = rolling.fit(
        lambda folder: ext_9_7_7c_lstm.lstm_estimator(opts, 26, folder, origins),
        "lstm",
        opts,
        values,
        features,
        dict(model="lstm"),
        200,
        3,
    )
    mean, deviation, evaluation = rolling.forecasts(estimator, values, features, origins, 5)
    normal = scipy.stats.norm(evaluation["mean"][0, :, 0], np.sqrt(evaluation["covariance"][0, :, 0, 0]))
    spread = np.sqrt(estimator.get_variable_value("input_statistics/overall_feature_var")[0])
    expected = normal.logpdf(values) + np.log(spread)  # the loss is that of normalised values
    np.testing.assert_allclose(evaluation["log_likelihood"][0], expected, atol=1e-3)
    np.testing.assert_allclose(evaluation["loss"], -expected.mean(), atol=1e-3)
    changed = np.concatenate([values[:150], 10.0 * values[150:]])
    peeked, _, _ = rolling.forecasts(estimator, changed, features, origins, 5)
    np.testing.assert_allclose(peeked[0], mean[0], rtol=1e-5)
    assert np.abs(peeked[1] - mean[1]).max() > 0.1


@pytest.mark.parametrize(
    "script, arguments, message",
    [
        (ext_9_7_6_backtest, ["--steps", "0"], "--steps 0"),
        (ext_9_7_6_backtest, ["--settings", "moon"], "--settings moon: choose among book, week"),
        (ext_9_7_6_backtest, ["--preset", "tiny", "--holdout-days", "399"], "are too few for a hold-out"),
        (ext_9_7_7a_anomalies, ["--sizes", "-1"], "--sizes -1.0"),
        (ext_9_7_7a_anomalies, ["--preset", "tiny", "--holdout-days", "399"], "at least 832 are needed"),
        (ext_9_7_7b_multivariate, ["--setting", "week+year+holidays"], "choose book, week or week+year"),
        (ext_9_7_7b_multivariate, ["--second-column", "sold"], "--second-column needs --csv"),
        (ext_9_7_7c_lstm, ["--num-units", "0"], "--num-units 0"),
        (ext_9_7_7c_lstm, ["--csv", "nowhere.csv"], "nowhere.csv does not exist"),
    ],
)
def test_bad_option_is_one_clear_line_and_nothing_is_written(script, arguments, message, tmp_path):
    with pytest.raises(UserError) as caught:
        script.main(arguments + ["--output-dir", str(tmp_path / "run")])
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
