"""How good are the forecasts? A rolling-origin backtest of TFTS models beside baselines (section 9.7.6 shows one fit's plot).

Every model is fitted once on the values before the hold-out, forecasts from each origin in it, and is compared with the seasonal
naive, exponential smoothing and ARIMA. The coverage of the 95 % bands is measured at several horizons, as TFTS gives them and
widened by what the first half of the hold-out showed (conformal; judged on the second half).

Reads   the births, or any regular series: --csv FILE; preset tiny: a generated sample.
Writes  output/tfts_births/<preset>/ (own-<file>[-<column>]/ with --csv): backtest.png, backtest.csv, coverage.csv, a record, a
        model folder for each setting.
Time    some minutes a setting at preset book; fits are taken up by later runs. Tiny: half a minute.
"""

import os

import numpy as np
import pandas as pd

from ch09_tfts_births import ext_9_7_7_fit as exercises
from ch09_tfts_births import ext_9_7_7c_lstm as lstm
from ch09_tfts_births.beyond import calendar_days, fitting, series, time_step
from common import options, plotting, records, run, text
from common.errors import UserError
from common.plotting import plt

BIRTHS = {  # the settings for the births: cycles in days, latent values of each, holidays known?
    "book": ([200], [15], False),
    "week": ([7], [7], False),
    "week+year": ([7, 365.25], [7, 11], False),
    "week+year+holidays": ([7, 365.25], [7, 11], True),
}
TWO_VARIABLES, LSTM = "two-variables", "lstm"  # the models of 9.7.7 (2) and (3), told Quebec's holidays
OWN = "cycles"  # of a series of one's own: those that its step usually has

VALUES = exercises.VALUES + [
    options.Value(
        "settings",
        list(BIRTHS),
        "TFTS models of the births; a series of your own has one, by its cycles",
        choices=tuple(BIRTHS) + (TWO_VARIABLES, LSTM),
        tiny=["week+year"],
    ),
    options.Value("steps", 28, "horizon: steps a forecast", tiny=7, low=1, high=5000),
    options.Value("every", 7, "steps from one origin to the next", low=1, high=5000),
    options.Value("horizons", [1, 7, 28], "horizons whose coverage is shown", tiny=[1, 7], low=1, high=5000),
    options.Value("iterations", 60, "iterations of the fits of statsmodels", tiny=3, low=1, high=100000, more=True),
    options.Value("num_units", 32, "units of the LSTM", tiny=4, low=1, high=1024, more=True),
    options.Value("learning_rate", 0.005, "Adam's step size for the LSTM", low=1e-6, high=1.0, more=True),
    options.Value(
        "lstm_steps", 800, "training steps of the LSTM", tiny=10, low=1, high=1000000, fixed=False, more=True
    ),
]
COLUMNS = ["model", "MAE", "RMSE", "MASE", "within 1 sigma (%)", "within 95 % (%)"]
JUDGED_BY_REAL = "Missing values were filled; forecasts are judged by the values of the file alone."
LONGEST_SEASON = 24  # of exponential smoothing and ARIMA
LEFT_OUT = (
    "Exponential smoothing and ARIMA are left out: a season of more than %d values takes them hours." % LONGEST_SEASON
)


class Backtest:
    """Origins and tables of one backtest.

    Args:
      opts: ``steps`` (the horizon), ``holdout_days``, ``every``, ``horizons``.
      values: the series; ``cycles``: its cycles, of which the seasonal naive takes the best.
      truth: ``values`` with NaN where they were filled, if any were; forecasts are judged by the others.
    """

    def __init__(self, opts, values, cycles, truth=None):
        self.values, self.horizon = values, opts.steps
        self.truth = values if truth is None else truth
        self.last = len(values) - opts.holdout_days  # values that the fits see
        self.origins = fitting.make_origins(
            len(values), opts.holdout_days, opts.steps, opts.every, ~np.isnan(self.truth)
        )
        self.season = fitting.best_season(values, self.last, cycles, self.horizon, self.truth)
        self.horizons = [horizon for horizon in opts.horizons if horizon <= opts.steps]
        self.rows, self.coverage_rows = [], []

    def add(self, name, mean, deviation):
        """Scores forecasts ``[origins, horizon]``; keeps a row of scores and two of coverage."""
        result = fitting.scores(self.truth, self.origins, mean, deviation, self.last, self.season)
        # No MASE where the series repeats itself exactly: JSON, and so the record, knows no NaN.
        self.rows.append([name] + [None if np.isnan(value) else round(float(value), 3) for value in result.values()])
        print("%-36s MAE %.4g, %.1f %% in the 95 %% band" % (name, result["MAE"], result["within 95 %"]), flush=True)
        half = len(self.origins) // 2
        if half < 2:
            return
        first, second = slice(0, half), slice(half, None)
        factors = fitting.conformal_factors(self.truth, self.origins[first], mean[first], deviation[first])
        for kind, widened in (("its own band", 1.0), ("widened", factors)):
            shares = fitting.coverage(
                self.truth, self.origins[second], mean[second], deviation[second], self.horizons, widened
            )
            self.coverage_rows.append([name, kind] + shares)

    def finish(self, record, opts, times):
        """Prints the tables, writes the CSV files and adds all to the record."""
        for title, columns, rows, name in (
            ("Rolling-origin backtest", COLUMNS, self.rows, "backtest"),
            (
                "Coverage of the 95 % band by horizon (%)",
                ["model", "band"] + ["%d steps ahead" % horizon for horizon in self.horizons],
                self.coverage_rows,
                "coverage",
            ),
        ):
            print(pd.DataFrame(rows, columns=columns).to_string(index=False))
            path = text.write_csv(os.path.join(opts.output_dir, name + ".csv"), [columns] + rows)
            note = (
                "%d origins from %s on, horizon %d; each model is fitted once, on the %d values before. MASE: in units of the "
                "one-season error of the seasonal naive (season %d) on those values."
                % (len(self.origins), time_step.shown(times[self.origins[:1]])[0], self.horizon, self.last, self.season)
            )
            if np.isnan(self.truth).any():
                note += " " + JUDGED_BY_REAL
            if self.season > LONGEST_SEASON:
                note += " " + LEFT_OUT
            if name == "coverage":
                note = "Judged on the later half of the origins; the band is widened by what the earlier half showed."
            if opts.preset == "tiny":
                note += " Tiny run on a generated sample: shows that it runs, not how well."
            record.table(title, columns, rows, note=note)
            record.file(path, "table", title, "滚动起点回测" if name == "backtest" else "各预测步长的区间覆盖率")


def baselines(backtest, days, opts):
    """Seasonal naive, exponential smoothing and ARIMA, fitted on the first ``backtest.last`` values.

    Args:
      days: ``datetime64[D]`` of each value for the births (an ARIMA is told the year and the holidays), else None.

    Yields:
      ``(name, mean, deviation)`` with arrays ``[origins, horizon]``.
    """
    from statsmodels.tsa.statespace.exponential_smoothing import ExponentialSmoothing
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    values, last, season = backtest.values, backtest.last, backtest.season
    common = (backtest.origins, backtest.horizon)
    naive = fitting.seasonal_naive(values, *common, last, season, backtest.truth)
    yield ("seasonal naive (%d)" % season,) + naive
    if season > LONGEST_SEASON:  # their state has a value for each step of the season
        print(LEFT_OUT)
        return
    nothing = np.zeros(len(values))
    seasonal = season if season > 1 else None
    if days is None:
        arima = dict(order=(1, 0, 1), seasonal_order=(0, 1, 1, season)) if seasonal else dict(order=(1, 1, 1))
    else:
        arima = dict(order=(1, 0, 1), seasonal_order=(0, 1, 1, 7))
    candidates = [
        (
            "exponential smoothing",
            nothing,
            lambda rest: ExponentialSmoothing(rest, trend=days is None, damped_trend=days is None, seasonal=seasonal),
        ),
        ("ARIMA", nothing, lambda rest: SARIMAX(rest, **arima)),
    ]
    if days is not None:
        # Sines of the year and holidays are taken out by least squares (beside weekday and trend) before the ARIMA is fitted
        # to what is left, and put back afterwards: fitting all effects within the ARIMA takes minutes and changes little.
        waves, quiet = lstm.year_waves(days), calendar_days.quebec(days)
        nuisance = np.concatenate([lstm.weekdays(days), np.linspace(-1.0, 1.0, len(days))[:, None]], axis=1)

        def known_part(columns):
            table = np.concatenate([columns, nuisance], axis=1)
            effects = np.linalg.lstsq(table[:last], values[:last], rcond=None)[0]
            return columns @ effects[: columns.shape[1]]

        both = np.concatenate([waves, quiet], axis=1)
        candidates.append(("ARIMA, year as sines", known_part(waves), candidates[1][2]))
        candidates.append(("ARIMA, year as sines, holidays", known_part(both), candidates[1][2]))
    for name, known, make in candidates:
        found = fitting.statsmodels_forecasts(make, values - known, known, *common, last, opts.iterations)
        yield (name,) + found


def fit_two_variables(opts, values, days, last, origins):
    """The births and the working days as two variables; the same returns as ``fitting.fit_structural``, and both series."""
    both = np.stack([values, calendar_days.working_days(days)], axis=1)
    estimator, seconds = exercises.fit(
        opts,
        TWO_VARIABLES,
        lambda folder: exercises.estimator_of(
            exercises.structural_model(7, 7, num_features=2), opts, folder, head_type=fitting.origins_head(origins)
        ),
        both[:last],
        {},
        opts.train_steps,
        model=TWO_VARIABLES,
    )
    return estimator, seconds, {}, both


def fit_lstm(opts, values, days, last, origins):
    """The LSTM of 9.7.7c, told the holidays too."""
    tables = [lstm.weekdays(days), lstm.year_waves(days), calendar_days.quebec(days)]
    features = {"calendar": np.concatenate(tables, axis=1)}
    width = features["calendar"].shape[1]
    estimator, seconds = exercises.fit(
        opts,
        "lstm+holidays",
        lambda folder: lstm.lstm_estimator(opts, width, folder, head_type=fitting.origins_head(origins)),
        values[:last],
        features,
        opts.lstm_steps,
        model="lstm+holidays",
        num_units=opts.num_units,
        learning_rate=opts.learning_rate,
    )
    return estimator, seconds, features, values


def births_setting(name, days):
    """A row of ``BIRTHS`` as a ``Setting``."""
    periodicities, latent_values, holidays = BIRTHS[name]
    return fitting.Setting(name, periodicities, latent_values, calendar_days.quebec(days) if holidays else None)


def own_setting(step, values):
    """The cycles that a series of this step usually has, as far as the fitted values hold two of each."""
    cycles = [cycle for cycle in step.cycles if 2 * cycle <= len(values)]
    latent_values = [fitting.latent_values_of(cycle) for cycle in cycles]
    return fitting.Setting(fitting.own_name(OWN, values), cycles, latent_values)


def plot_backtest(rows, path, title, unit):
    """Bars of the MAE, and the coverage of the 95 % bands."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 0.5 * len(rows) + 1.5), sharey=True)
    names = [row[0] for row in rows]
    colours = ["C0" if name.startswith("TFTS") else "0.6" for name in names]
    position = np.arange(len(rows))
    left.barh(position, [row[1] for row in rows], color=colours)
    for place, row in zip(position, rows):
        left.text(row[1], place, " %.4g" % row[1], va="center", fontsize="small")
    left.set(xlabel="mean absolute error (%s)" % unit, title=title)
    left.set_yticks(position)
    left.set_yticklabels(names)
    left.invert_yaxis()
    left.margins(x=0.15)
    right.plot([row[5] for row in rows], position, "o")
    right.axvspan(93, 97, color="green", alpha=0.15)
    right.set(xlabel="values in the 95 % band (%)", title="green: 93 to 97 %")
    return plotting.save_figure(figure, path)


def main(argv=None):
    """Fits, forecasts from every origin, tabulates."""
    opts = options.parse_values(__file__, __doc__, VALUES, argv, series.add_arguments, folder=series.run_folder)
    run.start(opts.seed)
    data = series.load(opts, at_least=2 * opts.window_size + 2)
    backtest = Backtest(opts, data.values, data.step.cycles, data.truth)
    if backtest.last < 2 * opts.window_size:
        raise UserError(
            "%d values before the hold-out are too few for --window-size %d" % (backtest.last, opts.window_size)
        )
    origins, own = backtest.origins, opts.csv is not None
    print(
        "%d origins from %s on, %d steps each" % (len(origins), time_step.shown(data.times[origins[:1]])[0], opts.steps)
    )
    record = records.Record(opts, opts.script, "section 9.7.6, continued", data.description)

    for name, mean, deviation in baselines(backtest, None if own else data.days, opts):
        backtest.add(name, mean, deviation)
    for name in [OWN] if own else opts.settings:
        if name in (TWO_VARIABLES, LSTM):
            fit = fit_lstm if name == LSTM else fit_two_variables
            estimator, seconds, features, values = fit(opts, data.values, data.days, backtest.last, origins)
        else:
            values = data.values
            setting = own_setting(data.step, values[: backtest.last]) if own else births_setting(name, data.days)
            estimator, seconds, features = fitting.fit_structural(setting, opts, values, backtest.last, origins)
        backtest.add("TFTS " + name, *fitting.forecasts(estimator, values, features, origins, opts.steps))

    backtest.finish(record, opts, data.times)
    title = "Rolling origin, %d forecasts of %d steps" % (len(origins), opts.steps)
    unit = "value" if own else "births a day"
    path = plot_backtest(backtest.rows, os.path.join(opts.output_dir, "backtest.png"), title, unit)
    print("figure: %s" % path)
    record.file(path, "picture", title + ": error and band of each model", "滚动起点回测：各模型的误差与区间覆盖率")
    record.content["notes"] = data.notes
    record.save()


if __name__ == "__main__":
    options.run(main)
