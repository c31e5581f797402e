"""The backtest's figures by hand: origins, scores, baselines, widened bands."""

import argparse
import json
import os

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from ch09_tfts_births import ext_9_7_7a_anomalies, ext_9_7_7b_multivariate, ext_9_7_7c_lstm
from ch09_tfts_births.beyond import anomalies, backtest, fitting, forecast, seeds, series, time_step
from common import estimators, files, options, records
from common.errors import UserError


def test_origins():
    assert fitting.make_origins(100, 20, 7, 5).tolist() == [80, 85, 90]
    with pytest.raises(UserError, match="too few for a hold-out"):
        fitting.make_origins(30, 28, 7, 1)


def test_scores_by_hand():
    values = np.arange(30.0)
    origins = np.array([20, 24])
    mean = np.array([[20.0, 22.0], [24.0, 28.0]])  # errors 0, 1, 0, 3
    found = fitting.scores(values, origins, mean, np.full([2, 2], 1.0), last=20, season=7)
    assert found["MAE"] == 1.0 and found["RMSE"] == np.sqrt(10.0 / 4.0)
    assert abs(found["MASE"] - 1.0 / 7.0) < 1e-12  # the seasonal naive errs by 7 each day
    assert found["within 1 sigma"] == 75.0 and found["within 95 %"] == 75.0
    assert fitting.scores(values, origins, mean, np.ones([2, 2]), 20, 7, np.full(2, 2.0))["within 95 %"] == 100.0
    assert fitting.coverage(values, origins, mean, np.ones([2, 2]), [1, 2]) == [100.0, 50.0]


def test_widened_bands_hold_their_share_at_every_horizon():
    """Errors grow with the horizon, the model's band does not: widened on one half, right on the other; never narrowed."""
    random = np.random.RandomState(0)
    origins = np.arange(0, 4000)
    values = np.zeros(4100)
    spread = np.array([0.5, 1.0, 2.0, 3.0])
    mean, deviation = random.normal(0.0, 1.0, [4000, 4]) * spread, np.ones([4000, 4])
    factors = fitting.conformal_factors(values, origins[:2000], mean[:2000], deviation[:2000])
    np.testing.assert_allclose(factors, [1.0, 1.0, 2.0, 3.0], rtol=0.06)
    own = fitting.coverage(values, origins[2000:], mean[2000:], deviation[2000:], [1, 2, 3, 4])
    widened = fitting.coverage(values, origins[2000:], mean[2000:], deviation[2000:], [1, 2, 3, 4], factors)
    assert own[3] < 55.0 and own[0] > 99.0
    np.testing.assert_allclose(widened[1:], 95.0, atol=1.5)


@pytest.mark.parametrize("walk", [False, True])
def test_a_band_that_is_too_wide_is_narrowed_and_still_holds_its_share(walk):
    """It never was: hourly series and stocks had '95 % bands' twice as wide as the errors, all of which they held.

    A model that knows the series but says 2.3 times its deviation, and sixty origins one after another, as a hold-out has them:
    the next forecast is judged, which chose nothing.
    """
    random, held, widths = np.random.RandomState(5), [], []
    ahead = np.arange(20)
    deviation = 2.3 * (np.sqrt(ahead + 1.0) if walk else np.ones(20))
    for _ in range(150):
        noise = random.normal(size=140)
        values = np.cumsum(noise) if walk else noise
        origins = np.arange(40, 101)
        mean = np.tile(values[origins - 1, None], 20) if walk else np.zeros([61, 20])
        given = values, origins, mean, np.tile(deviation, [61, 1])
        factors = fitting.conformal_factors(*given, narrow=True)
        error = np.abs(values[120:] - (values[119] if walk else 0.0))
        held.append(np.mean(error <= 1.96 * factors * deviation))
        widths.append(factors.mean())
        assert (fitting.conformal_factors(*given) >= 1.0).all() and (factors <= fitting.conformal_factors(*given)).all()
        distance = np.abs(fitting.observed(values, origins, 20) - mean) / deviation
        assert (distance <= 1.96 * factors + 1e-9).all() or factors.max() > 1.0  # every forecast of the hold-out
    assert 0.93 <= np.mean(held) <= 0.99 and 0.4 <= np.mean(widths) <= 0.65
    few = [item[:18] for item in given[1:]]
    assert (fitting.conformal_factors(values, *few, narrow=True) >= 1.0).all()  # too few to say


@pytest.mark.parametrize("count, alone", [(18, False), (19, True), (30, True), (60, True), (240, True)])
def test_a_horizon_has_a_factor_of_its_own_where_there_are_origins_enough(count, alone):
    """The first step's band is far too narrow, its neighbours' right: taken together, the first would stay far too narrow.

    Independently: with ``count`` distances the ``k``-th smallest holds a new one with chance ``k / (count + 1)``; the smallest
    such ``k`` is searched, not computed.
    """
    random = np.random.RandomState(count)
    values, origins = np.zeros(1000), np.arange(count)
    spread = np.array([4.0] + [1.0] * 11)
    mean, deviation = random.normal(size=[count, 12]) * spread, np.ones([count, 12])
    found = fitting.conformal_factors(values, origins, mean, deviation)

    def factor(distances):
        sizes = sorted(abs(distance) for distance in distances)
        enough = [k for k in range(1, len(sizes) + 1) if 100 * k >= 95 * (len(sizes) + 1)]
        return max(1.0, sizes[enough[0] - 1] / 1.96)

    if alone:
        np.testing.assert_allclose(found, [factor(mean[:, step]) for step in range(12)], rtol=1e-12)
        assert found[0] > 2.0 * found[1:].max()
    else:
        with pytest.raises(IndexError):
            factor(mean[:, 0])  # not even the largest of so few holds 95 %
        near = [mean[:, max(0, step - 3) : step + 4].ravel() for step in range(12)]
        np.testing.assert_allclose(found, [factor(distances) for distances in near], rtol=1e-12)


@pytest.mark.parametrize("count", [19, 30, 60])
def test_widened_bands_of_few_origins_hold_what_they_promise(count):
    """Many small calibrations: the share of new values in the first step's band is 95 % or a little more on average."""
    random, held = np.random.RandomState(1), []
    for _ in range(400):
        mean = random.normal(size=[count, 6]) * [3.0, 1.0, 1.0, 1.0, 1.0, 1.0]
        factors = fitting.conformal_factors(np.zeros(count + 6), np.arange(count), mean, np.ones([count, 6]))
        held.append(np.mean(np.abs(random.normal(size=200) * 3.0) <= 1.96 * factors[0]))
    assert 0.94 <= np.mean(held) <= 0.98


# ------------------------------------------------------------------------------------------------------- values that were filled
def gappy(count=300):
    """A week with noise, two in five of its values missing and filled by lines, and which are real."""
    random = np.random.RandomState(2)
    values = 50.0 + 10.0 * (np.arange(count) % 7) + random.normal(0.0, 3.0, count)
    real = random.rand(count) > 0.4
    real[[0, -1]] = True
    return np.interp(np.arange(count), np.flatnonzero(real), values[real]), real


def test_filled_values_are_neither_errors_nor_hits():
    """With --fill, error, verdict and band were measured on invented values."""
    values, real = gappy()
    truth = np.where(real, values, np.nan)
    origins, random = np.arange(150, 290), np.random.RandomState(3)
    mean, deviation = random.normal(80.0, 20.0, [140, 5]), random.uniform(5.0, 20.0, [140, 5])
    known = real[origins[:, None] + np.arange(5)]
    error = np.abs(values[origins[:, None] + np.arange(5)] - mean)
    found = fitting.scores(truth, origins, mean, deviation, 150, 7)
    assert found["MAE"] == pytest.approx(error[known].mean())
    assert found["within 1 sigma"] == pytest.approx(100.0 * (error <= deviation)[known].mean())
    (first,) = fitting.coverage(truth, origins, mean, deviation, [1])
    assert first == pytest.approx(100.0 * (error <= 1.96 * deviation)[:, 0][known[:, 0]].mean(), abs=0.05)
    other = np.where(real, values, 1e6)  # whatever they were filled with
    for judge in (fitting.best_shares, fitting.conformal_factors):
        np.testing.assert_array_equal(
            judge(truth, origins, mean, deviation), judge(np.where(real, other, np.nan), origins, mean, deviation)
        )
    alone = np.where(np.arange(300) == 150, 1e3, np.nan)  # steps of which nothing is known take the others' factor
    factors = fitting.conformal_factors(alone, origins, mean, deviation)
    assert len(set(factors)) == 1 and factors[0] > 10.0
    assert fitting.coverage(alone, origins[1:], mean[1:], deviation[1:], [3]) == [None]
    assert fitting.conformal_factors(alone, origins[1:], mean[1:], deviation[1:]).tolist() == [1.0] * 5


def test_forecasts_that_are_judged_begin_behind_a_real_value():
    """What interpolation puts before an origin knows the first value after it."""
    real = np.array([1, 1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1], bool)
    assert fitting.after_real(np.arange(2, 11), real, 1).tolist() == [2, 5, 6, 8, 9]
    assert fitting.make_origins(12, 8, 2, 2, real).tolist() == [5, 6, 8]
    with pytest.raises(UserError, match="too many are missing"):
        fitting.after_real(np.array([10]), real, 2)


def test_a_forecast_of_a_series_with_gaps_is_judged_by_what_is_in_the_file(tmp_path, monkeypatch, capsys):
    values, real = gappy(400)
    days = np.datetime64("2020-01-01") + np.arange(400)
    path, seen = tmp_path / "gappy.csv", []
    path.write_text(
        "".join("%s,%.3f\n" % row for row, known in zip(zip(days, values), real) if known), encoding="ascii"
    )
    score = fitting.scores
    monkeypatch.setattr(fitting, "fit_structural", lambda setting, opts, rest, *more: (None, 0.0, {}))
    monkeypatch.setattr(
        fitting,
        "forecasts",
        lambda made, rest, told, origins, steps: np.ones([2, len(origins), steps]) * [[[0.0]], [[9.0]]],
    )
    monkeypatch.setattr(fitting, "scores", lambda *given: seen.append(given) or score(*given))
    words = ["--csv", str(path), "--fill", "interpolate", "--steps", "7", "--preset", "tiny"]
    forecast.main(words + ["--output-dir", str(tmp_path / "run")])
    ((_, origins, mean, _, last, _),) = seen
    ahead = origins[:, None] + np.arange(7)
    assert real[origins - 1].all() and len(origins) > 10
    record = files.read_json(str(tmp_path / "run" / "record-forecast.json"))
    expected = np.abs(values[ahead] - mean)[real[ahead]].mean()
    assert record["metrics"]["MAE"]["value"] == pytest.approx(expected, rel=1e-4)
    said = "judged by the %d values of the hold-out that are in the file" % real[origins[0] :].sum()
    assert record["metrics"]["MAE"]["note"] == said and said in capsys.readouterr().out
    assert [note.split(":")[0] for note in record["notes"]][:2] == [
        "%d of 400 values are missing" % (~real).sum(),
        said,
    ]


@pytest.mark.parametrize("lowest, cut", [(0, True), (-1, False)])
def test_the_band_of_what_is_never_negative_begins_at_0(lowest, cut, tmp_path, monkeypatch):
    """Counts of 0 to 4 had a lower bound of -1.3."""
    counts = np.random.RandomState(0).poisson(1.0, 200)
    counts[7] = lowest
    path = tmp_path / "counts.csv"
    path.write_text(
        "".join("%s,%d\n" % (np.datetime64("2020-01-01") + n, count) for n, count in enumerate(counts)),
        encoding="ascii",
    )
    monkeypatch.setattr(fitting, "fit_structural", lambda setting, opts, rest, *more: (None, 0.0, {}))
    monkeypatch.setattr(
        fitting,
        "forecasts",
        lambda made, rest, told, origins, steps: np.ones([2, len(origins), steps]) * [[[0.0]], [[20.0]]],
    )
    forecast.main(["--csv", str(path), "--preset", "tiny", "--output-dir", str(tmp_path / "run")])
    found = pd.read_csv(str(tmp_path / "run" / "forecast.csv"), dtype=str)
    lower, width = (
        found["lower_95"].astype(float),
        (found["upper_95"].astype(float) - found["mean"].astype(float)) / 1.96,
    )
    places = 2 - np.floor(np.log10(width.min()))  # three digits of the band, which is a tenth of what the model says
    assert width.max() < 4.0 and set(found["mean"].str.split(".").str[1].str.len()) == {places}
    notes = files.read_json(str(tmp_path / "run" / "record-forecast.json"))["notes"]
    assert (lower.min() == 0.0) == cut == ("no value is below 0: the band is cut off there" in notes)


def test_seasonal_naive_repeats_the_best_season():
    values = np.tile([1.0, 5.0, 2.0, 8.0, 3.0], 40) + 0.1 * np.random.RandomState(0).normal(size=200)
    assert fitting.best_season(values, 180, [7, 5, 365.25], 12) == 5
    assert fitting.best_season(np.cumsum(np.random.RandomState(0).normal(size=200)), 180, [7], 5) == 1

    assert fitting.best_season(np.arange(200) + np.sin(np.arange(200) * np.pi / 6) * 20, 180, [12], 12) == 12
    mean, deviation = fitting.seasonal_naive(values, np.array([180, 183]), 12, 180, 5)
    np.testing.assert_array_equal(mean[0], np.resize(values[175:180], 12))
    assert (np.diff(deviation[0]) >= 0).all() and deviation[0, 5] == deviation[0, 0] * np.sqrt(2)


@pytest.mark.parametrize("season, said", [(48, True), (24, False)])
def test_models_that_are_left_out_and_a_mase_that_is_none_are_said(season, said, tmp_path, capsys, monkeypatch):
    """A season of more than 24 dropped two baselines without a word; an exactly periodic series wrote NaN into the record."""
    monkeypatch.setattr(fitting, "statsmodels_forecasts", lambda make, *rest: fitting.seasonal_naive(*arguments))
    values = np.tile(np.random.RandomState(0).normal(size=season), 8)
    opts = argparse.Namespace(
        steps=5, holdout_days=60, every=7, horizons=[1], iterations=1, output_dir=str(tmp_path), preset="book"
    )
    opts.example, opts.seed = "tfts_births", 0
    judged = backtest.Backtest(opts, values, [season])
    arguments = values, judged.origins, judged.horizon, judged.last, judged.season
    for name, mean, deviation in backtest.baselines(judged, None, opts):
        judged.add(name, mean, deviation)
    record = records.Record(opts, "backtest", "section 9.7.6", "a made series")
    judged.finish(record, opts, np.arange(len(values)).astype("datetime64[D]").astype("datetime64[s]"))
    table, _ = record.content["tables"]
    assert [row[0] for row in table["rows"]][1:] == ([] if said else ["exponential smoothing", "ARIMA"])
    assert (backtest.LEFT_OUT in capsys.readouterr().out) == (backtest.LEFT_OUT in table["note"]) == said
    assert table["rows"][0][:4] == ["seasonal naive (%d)" % season, 0.0, 0.0, None]
    json.dumps(record.content, allow_nan=False)


def test_the_printed_cycle_is_worse_than_last_week():
    """Erratum E15, by the record of the backtest on the real series."""
    record = files.read_json(os.path.join(options.REPOSITORY, "results", "tfts_births", "backtest.json"))
    (scores,) = [entry["rows"] for entry in record["tables"] if entry["title"] == "Rolling-origin backtest"]
    error = {row[0]: row[1] for row in scores}
    assert error["TFTS book"] > error["seasonal naive (7)"] > error["TFTS week"] > error["TFTS week+year"]


def test_cycles_follow_from_the_step():
    assert backtest.own_setting(time_step.Step("day", 1), np.zeros(400)).periodicities == [7]
    assert backtest.own_setting(time_step.Step("day", 1), np.zeros(800))[1:3] == ([7, 365.25], [7, 11])
    assert backtest.own_setting(time_step.Step("hour", 1), np.zeros(800))[1:3] == ([24, 168], [25, 21])
    assert backtest.own_setting(time_step.Step("month", 3), np.zeros(80))[1:3] == ([4], [5])
    assert 200 not in sum(
        (time_step.Step(unit, 1).cycles for unit in time_step.UNITS if unit not in ("quarter", "year")), []
    )


def test_shares_follow_who_errs_less_at_each_horizon():
    random, origins = np.random.RandomState(0), np.arange(0, 900)
    values = random.normal(size=1000)
    truth = fitting.observed(values, origins, 30)
    grows = truth + np.linspace(0.0, 4.0, 30) * random.normal(
        size=truth.shape
    )  # exact one step ahead, bad thirty steps ahead
    level = truth + 1.0 * random.normal(size=truth.shape)
    shares = fitting.best_shares(values, origins, grows, level)
    assert shares[0] == 1.0 and shares[-1] <= 0.1 and abs(shares[7] - 0.5) < 0.15 and (np.diff(shares) <= 0).all()


def test_the_verdict_says_who_wins():
    assert forecast.verdict(3.0, 4.0, 7) == "the forecast wins: it errs 25 % less than the seasonal naive (season 7)"
    assert forecast.verdict(5.0, 4.0, 1).startswith("repeating the last value wins: the forecast errs 25 % more")
    assert forecast.verdict(4.0, 4.0, 7) == "nobody wins: the forecast errs as much as the seasonal naive (season 7)"
    assert forecast.verdict(5.0, 0.0, 7).endswith("wins: the series repeats itself exactly")


@pytest.mark.parametrize(
    "value, deviation, expected",
    [
        (1234567.891, 20543.0, "1234568"),
        (1234567.891, 0.5, "1234567.891"),
        (0.000123456, 0.0000021, "0.00012346"),
        (93.25, 4.0, "93.25"),
        (-1e15, 1e13, "-1000000000000000"),
    ],
)
def test_forecasts_are_written_as_exactly_as_their_band_asks(value, deviation, expected):
    """Six significant digits made 1234567.9 ± 0.5 into 1.23457e+06."""
    assert forecast.written([np.array([value])], deviation) == [[expected]]


def test_a_line_is_taken_out_first():
    values = 10.0 + 0.25 * np.arange(60.0)
    np.testing.assert_allclose(forecast.known_part(values[:50], 40, 60), values)
    bent = np.concatenate([values[:40], np.zeros(10)])  # what comes after the fitted values must not matter
    np.testing.assert_allclose(forecast.known_part(bent, 40, 60), values)


def stopped_before_the_fit(monkeypatch, arguments):
    """The setting, count of fitted values and output folder with which forecast.py would begin to fit."""

    class Enough(Exception):
        pass

    def fit(setting, opts, rest, last, origins):
        raise Enough(setting, last, len(rest), opts.output_dir)

    monkeypatch.setattr(forecast.fitting, "fit_structural", fit)
    with pytest.raises(Enough) as caught:
        forecast.main(["--preset", "tiny"] + arguments)
    return caught.value.args


def test_the_holdout_is_a_part_of_the_values_that_are_used(monkeypatch, tmp_path, capsys):
    """It was that of the whole series: 20,000 of the 17,000 values that were left."""
    times = np.datetime64("2000-01-01T00") + np.arange(200000)
    values = np.random.RandomState(0).randint(100, size=len(times))
    own = series.Series(
        "hours", "hours", times.astype("datetime64[s]"), values * 1.0, values >= 0, time_step.Step("hour", 1), []
    )
    monkeypatch.setattr(forecast.series, "load", lambda opts, at_least: own)
    arguments = ["--csv", "hours.csv", "--output-dir", str(tmp_path)]
    setting, last, count, _ = stopped_before_the_fit(monkeypatch, arguments)
    assert count == int(forecast.MOST_STATE / (sum(setting.latent_values) + 7) ** 2) < 20000
    assert count - last == count // 10 and "the last %d of 200000 values are used" % count in capsys.readouterr().out
    with pytest.raises(UserError, match="%d values are too few for a hold-out of 20000" % count):
        forecast.main(["--preset", "tiny", "--holdout", "20000"] + arguments)


def test_a_folder_that_is_given_is_kept_whatever_its_name(monkeypatch, tmp_path):
    path = str(tmp_path / "b.csv")
    with open(path, "w", encoding="ascii") as stream:
        stream.writelines("2020-01-%02d,%d\n" % (day, day * day % 7) for day in range(1, 32))
    given = str(tmp_path / "own-births-2020")
    monkeypatch.setattr(series, "_note_source", lambda opts: None)  # nothing into the repository's folder
    words = ["--csv", path, "--steps", "2"]
    assert stopped_before_the_fit(monkeypatch, words + ["--output-dir", given])[-1] == given
    assert stopped_before_the_fit(monkeypatch, words)[-1].endswith(os.path.join("output", "tfts_births", "own-b"))


@pytest.mark.parametrize("script", [anomalies, backtest, forecast])
@pytest.mark.parametrize("name, folder", [("b.csv", "own-b"), ("{x}.csv", "own-{x}"), (None, "tiny")])
def test_a_series_of_ones_own_leaves_the_births_results(script, name, folder, monkeypatch):
    """A backtest of a --csv replaced that of the births, record included."""

    def load(opts, **keywords):
        raise ZeroDivisionError(opts.output_dir)

    monkeypatch.setattr(series, "load", load)
    if name is None and script is forecast:
        folder = "own-births-tiny"
    with pytest.raises(ZeroDivisionError) as caught:
        script.main(["--preset", "tiny"] + (["--csv", "some/" + name] if name else []))
    assert caught.value.args[0].endswith(os.path.join("output", "tfts_births", folder))


def test_a_series_that_grew_is_fitted_anew_beside_the_one_before(tmp_path, monkeypatch):
    """A row appended to the file, or another --steps, was refused: the folder held a model of other values."""

    def train(self, **keywords):  # leaves a checkpoint, from which on other values are refused, and that is all
        os.makedirs(self.model_dir, exist_ok=True)
        open(os.path.join(self.model_dir, "model.ckpt-10.index"), "w", encoding="ascii").close()
        raise ZeroDivisionError

    monkeypatch.setattr(tf.estimator.Estimator, "train", train)
    monkeypatch.setattr(estimators, "newest_whole", lambda folder: None)
    lines = ["%s,%d\n" % (np.datetime64("2020-01-01") + day, day * day % 97) for day in range(612)]
    path, folders = tmp_path / "own.csv", []
    holdout = ["--window-size", "8", "--holdout-days", "28"]
    for script, words, count in (
        (forecast, ["--steps", "3"], 600),
        (forecast, ["--steps", "3"], 612),
        (forecast, ["--steps", "8"], 612),
        (forecast, ["--steps", "3"], 612),  # is taken up
        (backtest, holdout, 600),
        (backtest, holdout, 612),
    ):
        path.write_text("".join(lines[:count]), encoding="ascii")
        with pytest.raises(ZeroDivisionError):
            script.main(["--csv", str(path), "--preset", "tiny", "--output-dir", str(tmp_path / "run")] + words)
        folders.append(len(list((tmp_path / "run").glob("*/mode"))))
    assert folders == [1, 2, 3, 3, 4, 5]


@pytest.mark.parametrize(
    "script, arguments, message",
    [
        (backtest, ["--preset", "tiny", "--holdout-days", "399"], "are too few for a hold-out"),
        (ext_9_7_7a_anomalies, ["--preset", "tiny", "--holdout-days", "399"], "at least 832 are needed"),
        (anomalies, ["--preset", "tiny", "--holdout-days", "399"], "at least 832 are needed"),
        (ext_9_7_7b_multivariate, ["--preset", "tiny", "--holdout-days", "399"], "too few for --holdout-days 399"),
        (ext_9_7_7c_lstm, ["--preset", "tiny", "--holdout-days", "399"], "too few for --holdout-days 399"),
        (backtest, ["--csv", "nowhere.csv"], "nowhere.csv does not exist"),
        (forecast, ["--csv", "nowhere.csv"], "nowhere.csv does not exist"),
        (forecast, ["--preset", "tiny", "--cycle-num-latent-values", "4"], "odd numbers"),
        (forecast, ["--preset", "tiny", "--cycle-num-latent-values", "3", "3", "3"], "give one, or as many"),
        (
            forecast,
            ["--preset", "tiny", "--periodicities", "7", "30", "90", "--cycle-num-latent-values", "59"],
            "at most 150",
        ),
        (forecast, ["--preset", "tiny", "--holdout", "390"], "too few for a hold-out"),
    ],
)
def test_impossible_values_are_one_clear_line_and_nothing_is_written(script, arguments, message, tmp_path):
    with pytest.raises(UserError) as caught:
        script.main(arguments + ["--output-dir", str(tmp_path / "run")])
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "script, arguments, message",
    [
        (backtest, ["--settings", "moon"], "'moon' is not one of"),
        (backtest, ["--steps", "0"], "0 is not"),
        (ext_9_7_7a_anomalies, ["--sizes", "-1"], "-1.0 is not"),
        (ext_9_7_7c_lstm, ["--num-units", "0"], "0 is not"),
        (forecast, ["--periodicities", "1e300"], "1e+300 is not"),
        (forecast, ["--cycle-num-latent-values", "999"], "999 is not"),
        (forecast, ["--steps", "7000000"], "7000000 is not"),
        (forecast, ["--fill", "magic"], "invalid choice"),
        (seeds, ["--runs", "0"], "0 is not"),
    ],
)
def test_wrong_option_is_one_clear_line(script, arguments, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        script.main(arguments + ["--output-dir", str(tmp_path / "run")])
    error = capsys.readouterr().err
    assert caught.value.code == 2 and message in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_seeds_are_runs_of_the_listing_with_repeatable_windows(tmp_path, monkeypatch, capsys):
    ran = []

    def stand_in(words, window_input_fn):
        ran.append((words, window_input_fn.func, window_input_fn.keywords))
        names = ["evaluation loss", "mean, day 99", "variance, day 99", "mean, day 100", "variance, day 100"]
        metrics = {name: dict(value=10.0 * len(ran) + key) for key, name in enumerate(names)}
        folder = words[words.index("--output-dir") + 1]
        files.write_json(os.path.join(folder, "record-code_9_08_births.json"), dict(metrics=metrics, data="sample"))

    monkeypatch.setattr(seeds.listing, "main", stand_in)
    seeds.main(["--preset", "tiny", "--runs", "2", "--seed", "3", "--output-dir", str(tmp_path)])
    assert [item[2] for item in ran] == [dict(seed=3), dict(seed=4)]
    assert all(item[1] is seeds.repeatable_windows for item in ran)
    table = pd.read_csv(str(tmp_path / "seeds.csv"))
    assert table.values.tolist() == [[3, 10, 11, 13, 12, 14], [4, 20, 21, 23, 22, 24]]
