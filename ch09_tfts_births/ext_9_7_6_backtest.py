"""Section 9.7.6, continued: how good are the forecasts? A rolling-origin backtest beside simple baselines.

Reads   the births, or any daily series: --csv FILE; preset tiny: a generated sample.
Writes  output/tfts_births/<preset>/backtest.png, backtest.csv (the scores), a record, a model folder for each TFTS setting.
Takes   four fits of a few minutes each for preset book on two cores, half a minute for tiny. Fits are taken up by later runs.
Next    ext_9_7_7a_anomalies.py
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import warnings

import numpy as np

from ch09_tfts_births import calendar_days, fitting, rolling, series
from common import options, plotting, records, training
from common.errors import UserError
from common.plotting import plt

PRESETS = {
    "book": dict(
        settings=list(rolling.STRUCTURAL),
        batch_size=16,
        window_size=64,
        train_steps=400,
        steps=28,
        holdout_days=730,
        every=7,
        iterations=60,
    ),
    "cpu": dict(),
    "tiny": dict(
        settings=["week+year+holidays"],
        batch_size=4,
        window_size=16,
        train_steps=12,
        steps=7,
        holdout_days=60,
        iterations=3,
    ),
}
HELP = dict(
    settings="TFTS settings: " + ", ".join(rolling.STRUCTURAL),
    batch_size="windows a training step",
    window_size="days a window",
    train_steps="training steps",
    steps="horizon: days a forecast",
    holdout_days="the last days, which no fit sees",
    every="days from one origin to the next",
    iterations="iterations of the fits of statsmodels",
)


def baselines(values, days, origins, horizon, last, iterations):
    """Seasonal naive, exponential smoothing and ARIMA (statsmodels), fitted on the first ``last`` days.

    Yields:
      ``(name, mean, deviation)`` with arrays ``[origins, horizon]``.
    """
    from statsmodels.tsa.statespace.exponential_smoothing import ExponentialSmoothing
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    ahead = np.arange(horizon)
    mean = values[origins[:, None] - 7 + ahead % 7]
    spread = np.sqrt(np.mean((values[7:last] - values[: last - 7]) ** 2))
    yield "seasonal naive (7 days)", mean, np.tile(spread * np.sqrt(ahead // 7 + 1), [len(origins), 1])

    # Sines of the year and holidays are taken out by least squares (beside weekday and trend) before the ARIMA is fitted to
    # what is left, and put back afterwards: fitting all 19 effects within the ARIMA takes minutes and changes little.
    waves, quiet = calendar_days.year_waves(days), calendar_days.holidays(days)
    nuisance = np.concatenate([calendar_days.weekdays(days), np.linspace(-1.0, 1.0, len(days))[:, None]], axis=1)

    def known_part(columns):
        table = np.concatenate([columns, nuisance], axis=1)
        effects = np.linalg.lstsq(table[:last], values[:last], rcond=None)[0]
        return columns @ effects[: columns.shape[1]]

    arima = dict(order=(1, 0, 1), seasonal_order=(0, 1, 1, 7))
    nothing = np.zeros(len(values))
    candidates = [
        ("exponential smoothing", nothing, lambda rest: ExponentialSmoothing(rest, seasonal=7)),
        ("ARIMA (1,0,1)(0,1,1)7", nothing, lambda rest: SARIMAX(rest, **arima)),
        ("ARIMA, year as sines", known_part(waves), lambda rest: SARIMAX(rest, **arima)),
        (
            "ARIMA, year as sines, holidays",
            known_part(np.concatenate([waves, quiet], axis=1)),
            lambda rest: SARIMAX(rest, **arima),
        ),
    ]
    for name, known, make in candidates:
        rest = values - known
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # statsmodels: no date index; the iterations are limited
            parameters = make(rest[:last]).fit(disp=0, maxiter=iterations).params
            filtered = make(rest).filter(parameters)
            found = [filtered.get_prediction(o, o + horizon - 1, dynamic=0) for o in origins]
        yield (
            name,
            np.stack([item.predicted_mean for item in found]) + known[origins[:, None] + ahead],
            np.stack([np.asarray(item.se_mean) for item in found]),
        )


def plot_backtest(rows, path, title):
    """Bars of the MAE, and the coverage of the 95 % bands."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 0.5 * len(rows) + 1.5), sharey=True)
    names = [row[0] for row in rows]
    colours = ["C0" if name.startswith("TFTS") else "0.6" for name in names]
    position = np.arange(len(rows))
    left.barh(position, [row[1] for row in rows], color=colours)
    for place, row in zip(position, rows):
        left.text(row[1], place, " %.2f" % row[1], va="center", fontsize="small")
    left.set(xlabel="mean absolute error (births a day)", title=title)
    left.set_yticks(position)
    left.set_yticklabels(names)
    left.invert_yaxis()
    left.margins(x=0.12)
    right.plot([row[5] for row in rows], position, "o")
    right.axvspan(93, 97, color="green", alpha=0.15)
    right.set(xlabel="days in the 95 % band (%)", title="green: 93 to 97 %")
    return plotting.save_figure(figure, path)


def main(argv=None):
    """Fits, forecasts from every origin, tabulates."""
    opts = options.parse(__doc__, PRESETS, "tfts_births", argv=argv, add=series.add_arguments, help_texts=HELP)
    fitting.check_positive(
        opts, "batch_size", "window_size", "train_steps", "steps", "holdout_days", "every", "iterations"
    )
    for name in opts.settings:
        if name not in rolling.STRUCTURAL:
            raise UserError("--settings %s: choose among %s" % (name, ", ".join(rolling.STRUCTURAL)))
    training.start(opts.seed)
    df, description = series.load(opts, at_least=2 * opts.window_size + 2)
    days = fitting.days_from(df.A.iloc[0], len(df))
    backtest = rolling.Backtest(opts, df.B.values)
    origins = backtest.origins
    print("%d origins from %s on, %d days each" % (len(origins), days[origins[0]], opts.steps))
    record = records.Record(opts, "ext_9_7_6_backtest", "section 9.7.6 (extra)", description)

    for name, mean, deviation in baselines(df.B.values, days, origins, opts.steps, backtest.last, opts.iterations):
        backtest.add(name, mean, deviation)
    for name in opts.settings:
        estimator, seconds, features = rolling.fit_structural(name, opts, df, backtest.last, backtest.every_origin)
        backtest.add_model(name, estimator, features)
        if seconds:
            record.metric("training time, %s" % name, round(seconds, 1), unit="s")

    os.makedirs(opts.output_dir, exist_ok=True)
    backtest.finish(record, opts.output_dir, "backtest", days, opts.preset == "tiny")
    title = "Rolling origin, %d forecasts of %d days" % (len(origins), opts.steps)
    plot_path = plot_backtest(backtest.rows, os.path.join(opts.output_dir, "backtest.png"), title)
    print("plot: %s" % plot_path)
    record.file(plot_path, "picture", title + ": error and band of each model", "滚动起点回测:各模型的误差与区间覆盖率")
    record.save()


if __name__ == "__main__":
    options.run(main)
