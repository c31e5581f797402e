"""Section 9.7.7, first extension: find anomalies by their distance to TFTS's forecast band.

Known anomalies of several sizes are injected into a copy of the series. The alarm threshold on the distance (in standard
deviations of the one-step forecast) is learned on the days before the hold-out and judged on the hold-out, beside two rolling
z-scores whose thresholds are learned in the same way.

Reads   the births, or any daily series: --csv FILE; preset tiny: a generated sample.
Writes  output/tfts_births/<preset>/anomalies.png, anomalies.csv, a record; the model folder is shared with the backtest.
Takes   under a minute after ext_9_7_6_backtest.py (its model is taken up), some minutes without; tiny: half a minute.
Next    ext_9_7_7b_multivariate.py
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import pandas as pd

from ch09_tfts_births import fitting, rolling, series
from common import options, plotting, records, training
from common.errors import UserError
from common.plotting import plt

PRESETS = {
    "book": dict(
        setting="week+year+holidays",
        batch_size=16,
        window_size=64,
        train_steps=400,
        holdout_days=730,
        spacing=12,
        sizes=[1.0, 1.5, 2.0, 3.0],
        shown_days=120,
    ),
    "cpu": dict(),
    "tiny": dict(batch_size=4, window_size=16, train_steps=12, holdout_days=60, spacing=6, shown_days=40),
}
HELP = dict(
    setting="TFTS setting: " + ", ".join(rolling.STRUCTURAL),
    batch_size="windows a training step",
    window_size="days a window",
    train_steps="training steps",
    holdout_days="the last days, which no fit sees",
    spacing="about one injected anomaly in so many days",
    sizes="sizes of the anomalies, in standard deviations of the series",
    shown_days="days on the plot",
)


def inject(values, start, spacing, sizes, scale, seed):
    """A copy of the series with known anomalies from day ``start`` on.

    Returns:
      ``(changed, size)``: the series, and for each day the size of its anomaly in units of ``scale`` (0: none).
    """
    generator = np.random.RandomState(seed)
    places = np.arange(start, len(values) - spacing + 1, spacing)
    places = places + generator.randint(0, max(1, spacing // 2), len(places))
    size = np.zeros(len(values))
    size[places] = generator.permutation(np.resize(sizes, len(places)))
    changed = values + size * scale * generator.choice([-1.0, 1.0], len(values))
    return changed, size


def rolling_z(values, window, step=1):
    """Distance of each day to the mean of the ``window`` days ``step`` apart before it, in their standard deviations."""
    series_before = pd.Series(values)
    distance = np.full(len(values), 0.0)
    for offset in range(step):
        part = series_before.iloc[offset::step]
        before = part.shift(1).rolling(window)
        distance[offset::step] = ((part - before.mean()).abs() / before.std().clip(lower=1e-9)).fillna(0.0)
    return distance


def judge(distance, truth, threshold):
    """Precision, recall and F1 of the alarm ``distance > threshold``; ``truth`` is boolean."""
    alarm = distance > threshold
    hits = float(np.sum(alarm & truth))
    precision = hits / max(1, alarm.sum())
    recall = hits / max(1, truth.sum())
    return precision, recall, 2.0 * precision * recall / max(1e-12, precision + recall)


def learn_threshold(distance, truth):
    """The threshold with the best F1 on these days."""
    candidates = np.unique(distance)
    return max(candidates, key=lambda threshold: judge(distance, truth, threshold)[2])


def plot_anomalies(days, values, mean, deviation, threshold, alarm, truth, path):
    """The series, the learned band, the injected days and the alarms."""
    pd.plotting.register_matplotlib_converters()
    figure, axes = plt.subplots(figsize=(11, 4.5))
    axes.plot(days, values, "b", marker=".", linewidth=0.8, label="observed, with injected anomalies")
    axes.plot(days, mean, "r", linewidth=0.8, label="one-step forecast")
    width = threshold * deviation
    axes.fill_between(days, mean - width, mean + width, color="grey", alpha=0.2, label="no alarm inside")
    axes.plot(days[truth], values[truth], "o", markersize=11, markerfacecolor="none", color="k", label="injected")
    axes.plot(days[alarm], values[alarm], "x", markersize=8, color="r", label="alarm")
    axes.set(title="Anomalies by their distance to the forecast band", xlabel="day", ylabel="value a day")
    figure.autofmt_xdate()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3), ncol=5, fontsize="small")  # below: hides no alarm
    return plotting.save_figure(figure, path)


def main(argv=None):
    """Injects, learns the thresholds, judges them on the hold-out."""
    opts = options.parse(__doc__, PRESETS, "tfts_births", argv=argv, add=series.add_arguments, help_texts=HELP)
    fitting.check_positive(opts, "batch_size", "window_size", "train_steps", "holdout_days", "spacing", "shown_days")
    if opts.setting not in rolling.STRUCTURAL:
        raise UserError("--setting %s: choose among %s" % (opts.setting, ", ".join(rolling.STRUCTURAL)))
    if not opts.sizes or min(opts.sizes) <= 0:
        raise UserError("--sizes %s: numbers above 0 are needed" % " ".join(map(str, opts.sizes)))
    training.start(opts.seed)
    df, description = series.load(opts, at_least=2 * opts.window_size + 2 + 2 * opts.holdout_days)
    values, days = df.B.values, fitting.days_from(df.A.iloc[0], len(df))
    last = len(values) - opts.holdout_days
    record = records.Record(opts, "ext_9_7_7a_anomalies", "section 9.7.7 (1)", description)
    estimator, _, features = rolling.fit_structural(opts.setting, opts, df, last, [len(values) - 1])

    scale = values[:last].std()
    start = last - opts.holdout_days
    changed, size = inject(values, start, opts.spacing, opts.sizes, scale, opts.seed)
    evaluation = rolling.evaluate(estimator, changed, features)
    mean, deviation = evaluation["mean"][0, :, 0], np.sqrt(evaluation["covariance"][0, :, 0, 0])
    detectors = {
        "distance to TFTS's band": np.abs(changed - mean) / deviation,
        "z-score of the last 28 days": rolling_z(changed, 28),
        "z-score of the last 8 same weekdays": rolling_z(changed, 8, step=7),
    }
    truth = size > 0
    learning, test = slice(start, last), slice(last, len(values))
    columns = ["detector", "threshold", "precision", "recall", "F1"]
    columns += ["recall at %g sd (%.0f)" % (item, item * scale) for item in opts.sizes]
    rows = []
    for name, distance in detectors.items():
        threshold = learn_threshold(distance[learning], truth[learning])
        row = [name, threshold] + list(judge(distance[test], truth[test], threshold))
        for item in opts.sizes:
            row.append(float(np.mean(distance[test][size[test] == item] > threshold)) if item in size[test] else 0.0)
        rows.append([row[0]] + [round(float(value), 3) for value in row[1:]])
    table = pd.DataFrame(rows, columns=columns)
    print(table.to_string(index=False))
    table_path = os.path.join(opts.output_dir, "anomalies.csv")
    table.to_csv(table_path, index=False)

    threshold = rows[0][1]
    shown = slice(len(values) - min(opts.shown_days, opts.holdout_days), len(values))
    distance = detectors["distance to TFTS's band"]
    plot_path = plot_anomalies(
        days[shown],
        changed[shown],
        mean[shown],
        deviation[shown],
        threshold,
        (distance > threshold)[shown],
        truth[shown],
        os.path.join(opts.output_dir, "anomalies.png"),
    )
    print("plot: %s" % plot_path)
    note = (
        "%d injected anomalies in the %d days of the hold-out; thresholds learned on %d others in the days before. Real "
        "oddities of the series count as false alarms." % (truth[test].sum(), opts.holdout_days, truth[learning].sum())
    )
    if opts.preset == "tiny":
        note += " Tiny run on a generated sample: shows that it runs, not how well."
    record.table("Anomalies found in the hold-out", columns, rows, note=note)
    record.file(plot_path, "picture", "Injected anomalies and alarms", "注入的异常与报警")
    record.file(table_path, "table", "Precision and recall of three detectors", "三种检测器的精确率与召回率")
    record.save()


if __name__ == "__main__":
    options.run(main)
