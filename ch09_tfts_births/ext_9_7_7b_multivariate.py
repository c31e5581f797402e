"""Section 9.7.7, second extension: a TFTS model of two variables at once.

The second variable is the calendar's (1 on working days, 0 at weekends and on holidays), or --second-column of your own CSV.
The two-variable model is judged in the same backtest as the model of the births alone.

Reads   the births, or any daily series: --csv FILE; preset tiny: a generated sample.
Writes  output/tfts_births/<preset>/multivariate.png, multivariate.csv, a record, model folders.
Takes   some minutes on two cores, less after the backtest (its model is taken up); half a minute for tiny.
Next    ext_9_7_7c_lstm.py
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import pandas as pd
import tensorflow as tf

from ch09_tfts_births import calendar_days, fitting, rolling, series
from common import options, plotting, records, training
from common.errors import UserError
from common.plotting import plt

NUM_FEATURES = 2

PRESETS = {
    "book": dict(
        setting="week",
        batch_size=16,
        window_size=64,
        train_steps=400,
        steps=28,
        holdout_days=730,
        every=7,
    ),
    "cpu": dict(),
    "tiny": dict(batch_size=4, window_size=16, train_steps=8, steps=7, holdout_days=60),
}
HELP = dict(
    setting="TFTS setting of both models (without holidays): book, week or week+year",
    batch_size="windows a training step",
    window_size="days a window",
    train_steps="training steps",
    steps="horizon: days a forecast",
    holdout_days="the last days, which no fit sees",
    every="days from one origin to the next",
)


def working_days(days):
    """1.0 on Monday to Friday without a holiday, else 0.0."""
    return calendar_days.weekdays(days)[:, :5].sum(axis=1) * (1.0 - calendar_days.holidays(days).sum(axis=1))


def two_variable_estimator(opts, model_dir, origins):
    """TFTS's structural model of two variables: a copy of each part for each variable, correlated noise."""
    periodicities, latent_values, _ = rolling.STRUCTURAL[opts.setting]
    return tf.contrib.timeseries.StructuralEnsembleRegressor(
        periodicities=fitting.plain_numbers(periodicities),
        num_features=NUM_FEATURES,
        cycle_num_latent_values=latent_values,
        model_dir=model_dir,
        config=fitting.run_config(opts),
        head_type=rolling.origins_head(origins),
    )


def plot_both(days, values, mean, variance, names, path):
    """Two rows: each variable and its one-step forecast with the band of one standard deviation."""
    pd.plotting.register_matplotlib_converters()
    figure, rows = plt.subplots(NUM_FEATURES, 1, figsize=(11, 6), sharex=True)
    for index, axes in enumerate(rows):
        deviation = np.sqrt(variance[:, index, index])
        axes.plot(days, values[:, index], "b", marker=".", linewidth=0.8, label="observed")
        axes.plot(days, mean[:, index], "r", linewidth=0.8, label="one-step forecast")
        axes.fill_between(days, mean[:, index] - deviation, mean[:, index] + deviation, color="grey", alpha=0.2)
        axes.set(ylabel=names[index])
        axes.legend(loc="best", fontsize="small")
    rows[0].set_title("A model of two variables, band of one standard deviation")
    figure.autofmt_xdate()
    return plotting.save_figure(figure, path)


def main(argv=None):
    """Fits the model of one variable and that of two, backtests both."""

    def add(parser):
        series.add_arguments(parser)
        parser.add_argument("--second-column", help="second variable: another value column of --csv (header or number)")

    opts = options.parse(__doc__, PRESETS, "tfts_births", argv=argv, add=add, help_texts=HELP)
    fitting.check_positive(opts, "batch_size", "window_size", "train_steps", "steps", "holdout_days", "every")
    if opts.setting not in rolling.STRUCTURAL or rolling.STRUCTURAL[opts.setting][2]:
        raise UserError("--setting %s: choose book, week or week+year" % opts.setting)
    if opts.second_column is not None and opts.csv is None:
        raise UserError("--second-column needs --csv")
    training.start(opts.seed)
    df, description = series.load(opts, at_least=2 * opts.window_size + 2)
    days = fitting.days_from(df.A.iloc[0], len(df))
    if opts.second_column is None:
        second, second_name = working_days(days), "working day"
    else:
        second, second_name = (
            series.read_series(opts.csv, opts.date_column, opts.second_column).B.values,
            opts.second_column,
        )
    both = np.stack([df.B.values, second], axis=1)
    backtest = rolling.Backtest(opts, df.B.values)
    record = records.Record(opts, "ext_9_7_7b_multivariate", "section 9.7.7 (2)", description)

    one, _, features = rolling.fit_structural(opts.setting, opts, df, backtest.last, backtest.every_origin)
    backtest.add_model("%s, one variable" % opts.setting, one, features)
    two, _ = rolling.fit(
        lambda model_dir: two_variable_estimator(opts, model_dir, backtest.every_origin),
        "two_variables",
        opts,
        both,
        {},
        rolling.model_settings(opts, df, "%s and %s" % (opts.setting, second_name), backtest.last),
        backtest.last,
        opts.train_steps,
    )
    backtest.add_model("%s, two variables" % opts.setting, two, {}, both)
    backtest.finish(record, opts.output_dir, "multivariate", days, opts.preset == "tiny")

    evaluation = rolling.evaluate(two, both, {})
    shown = slice(len(both) - min(60, opts.holdout_days), len(both))
    covariance = evaluation["covariance"][0]
    plot_path = plot_both(
        days[shown],
        both[shown],
        evaluation["mean"][0][shown],
        covariance[shown],
        ["births a day" if opts.csv is None else "value", second_name],
        os.path.join(opts.output_dir, "multivariate.png"),
    )
    print("plot: %s" % plot_path)
    final = covariance[-1]
    correlation = final[0, 1] / np.sqrt(final[0, 0] * final[1, 1])
    print("correlation of the two one-step forecasts' errors, as the model sees it: %.3f" % correlation)
    record.metric("correlation of the one-step errors in the model", round(float(correlation), 3))
    record.file(plot_path, "picture", "Two variables, one-step forecasts", "双变量模型的单步预测")
    record.save()


if __name__ == "__main__":
    options.run(main)
