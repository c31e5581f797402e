"""Section 9.7.7, second exercise: a TFTS model of several variables at once.

The second variable is the calendar's: 1 from Monday to Friday, 0 at weekends. The model of both is compared with that of the
births alone by its one-step predictions of the hold-out.

Reads   the births; preset tiny: a generated sample.
Writes  output/tfts_births/<preset>/multivariate.png, multivariate.csv, a record, two model folders.
Time    some minutes (two fits), a minute for tiny; fits are taken up by later runs.
Beyond it: beyond/backtest.py (forecasts of 28 days; the second variable knows the holidays).
Next: ext_9_7_7c_lstm.py.
"""

import os

import numpy as np
import pandas as pd

from ch09_tfts_births import ext_9_7_7_fit as fitting
from common import options, plotting, records, run
from common.plotting import plt

PERIODICITY = 7  # days
LATENT_VALUES = 7
SECOND = "Monday to Friday"

VALUES = fitting.VALUES + [options.Value("shown_days", 60, "days on the figure", tiny=40, low=2, high=5000)]


def weekday_series(days):
    """1.0 from Monday to Friday, else 0.0; ``days`` as ``datetime64[D]``."""
    return (fitting.weekday(days) < 5).astype(np.float64)


def plot_both(days, values, mean, covariance, names, path):
    """A row a variable: observed, one-step prediction, band of one standard deviation.

    Args:
      values, mean: ``[days, variables]``; ``covariance``: ``[days, variables, variables]``.
    """
    pd.plotting.register_matplotlib_converters()
    figure, rows = plt.subplots(len(names), 1, figsize=(11, 6), sharex=True)
    for index, axes in enumerate(rows):
        deviation = np.sqrt(covariance[:, index, index])
        axes.plot(days, values[:, index], "b", marker=".", linewidth=0.8, label="observed")
        axes.plot(days, mean[:, index], "r", linewidth=0.8, label="one-step prediction")
        axes.fill_between(days, mean[:, index] - deviation, mean[:, index] + deviation, color="grey", alpha=0.2)
        axes.set(ylabel=names[index])
        axes.legend(loc="best", fontsize="small")
    rows[0].set_title("A model of two variables, band of one standard deviation")
    figure.autofmt_xdate()
    return plotting.save_figure(figure, path)


def main(argv=None):
    """Fits the model of one variable and that of two, compares their predictions of the hold-out."""
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    run.start(opts.seed)
    days, counts, last, described = fitting.read_births(opts)
    record = records.Record(opts, opts.script, "section 9.7.7 (2)", described)
    both = np.stack([counts, weekday_series(days)], axis=1)

    rows = []
    for name, values in (("week", both[:, :1]), ("week, two variables", both)):
        count = values.shape[1]
        estimator, _ = fitting.fit(
            opts,
            name.replace(",", ""),
            lambda folder, count=count: fitting.estimator_of(
                fitting.structural_model(PERIODICITY, LATENT_VALUES, num_features=count), opts, folder
            ),
            np.squeeze(values[:last]),
            {},
            opts.train_steps,
            model=name,
        )
        evaluation = fitting.evaluate(estimator, np.squeeze(values), {})
        rows.append(fitting.one_step_row(name, both[:, 0], evaluation, last))
    captions = "One variable and two: errors", "单变量与双变量模型的误差"
    fitting.show_rows(opts, record, "One variable and two", "multivariate.csv", rows, " of the births", captions)

    covariance = evaluation["covariance"][0]
    correlation = covariance[-1, 0, 1] / np.sqrt(covariance[-1, 0, 0] * covariance[-1, 1, 1])
    print("correlation of the two one-step errors, as the model sees it: %.3f" % correlation)
    shown = slice(len(both) - min(opts.shown_days, opts.holdout_days), len(both))
    path = os.path.join(opts.output_dir, "multivariate.png")
    plot_both(days[shown], both[shown], evaluation["mean"][0][shown], covariance[shown], ["births a day", SECOND], path)
    print("figure: %s" % path)
    record.metric("correlation of the one-step errors in the model", round(float(correlation), 3))
    record.file(path, "picture", "Two variables, one-step predictions", "双变量模型的单步预测")
    record.save()


if __name__ == "__main__":
    options.run(main)
