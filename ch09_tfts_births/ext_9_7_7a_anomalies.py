"""Section 9.7.7, first exercise: find anomalies by their distance to TFTS's forecast band.

Known anomalies of several sizes are injected into copies of the series. Two ways to an alarm, both learned on the days before the
hold-out and judged on the hold-out: a threshold on the distance (in standard deviations of the one-step forecast), and, as the
text has it, a second model from the distance to 'anomaly or not'. Beside them two rolling z-scores with thresholds.

Reads   the births; preset tiny: a generated sample.
Writes  output/tfts_births/<preset>/anomalies.png, anomalies.csv, a record, a model folder.
Time    some minutes (one fit), half a minute for tiny; a fit is taken up by later runs.
Beyond it: beyond/anomalies.py (a series of your own; the model that knows the holidays).
Next: ext_9_7_7b_multivariate.py.
"""

import os

import numpy as np
import pandas as pd
import tensorflow as tf

from ch09_tfts_births import ext_9_7_7_fit as fitting
from common import options, plotting, records, run, text
from common.errors import UserError
from common.plotting import plt
from data import births

PERIODICITIES = [7, 365.25]  # days
LATENT_VALUES = [7, 11]

VALUES = fitting.VALUES + [
    options.Value("draws", 5, "copies of the series, each with anomalies of its own", tiny=1, low=1, high=100),
    options.Value("spacing", 12, "about one anomaly in so many days", tiny=6, low=2, high=1000),
    options.Value(
        "sizes", [1.0, 1.5, 2.0, 3.0], "sizes of the anomalies in standard deviations of the series", low=0.01
    ),
    options.Value("shown_days", 120, "days on the figure", tiny=40, low=2, high=5000),
]
BAND = "distance to TFTS's band, threshold"
SECOND_MODEL = "distance to TFTS's band, second model"


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


def judge(score, truth, threshold):
    """Precision, recall and F1 of the alarm ``score > threshold``; ``truth`` is boolean."""
    alarm = score > threshold
    hits = float(np.sum(alarm & truth))
    precision = hits / max(1, alarm.sum())
    recall = hits / max(1, truth.sum())
    return precision, recall, 2.0 * precision * recall / max(1e-12, precision + recall)


def learn_threshold(score, truth):
    """The threshold with the best F1 on these days."""
    candidates = np.unique(score)
    return max(candidates, key=lambda threshold: judge(score, truth, threshold)[2])


def band_features(signed):
    """What the second model is told of each day, ``[days, 4]`` float32, from the signed distance to the forecast (in sigmas).

    Size of the distance; how far it is outside the 95 % band; its sign; the distance of the day before (an anomaly disturbs
    the filter, so that the next day looks odd too).
    """
    size = np.minimum(np.abs(signed), 20.0)
    yesterday = np.concatenate([[0.0], size[:-1]])
    return np.stack([size, np.maximum(size - 1.96, 0.0), np.sign(signed), yesterday], axis=1).astype(np.float32)


def second_model(features, truth, every_features, seed, steps=400):
    """The text's second model: a small network from distances to the class 'anomaly or not'.

    Args:
      features, truth: ``[days, 4]`` and boolean ``[days]`` to learn from.
      every_features: ``[any, 4]`` to judge.

    Returns:
      The probability of an anomaly, ``[any]``.
    """
    with tf.Graph().as_default(), tf.Session(config=run.session_config(1)) as session:
        tf.set_random_seed(seed)
        x = tf.placeholder(tf.float32, [None, features.shape[1]])
        y = tf.placeholder(tf.float32, [None])
        hidden = tf.layers.dense(x, 8, tf.nn.tanh)
        logits = tf.layers.dense(hidden, 1)[:, 0]
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits))
        loss += 1e-4 * tf.add_n([tf.nn.l2_loss(variable) for variable in tf.trainable_variables()])
        train = tf.train.AdamOptimizer(0.02).minimize(loss)
        session.run(tf.global_variables_initializer())
        for _ in range(steps):
            session.run(train, {x: features, y: truth})
        return session.run(tf.sigmoid(logits), {x: every_features})


def detect(changed, mean, deviation, truth, learning, seed):
    """The score of each day by each detector: a dict name → ``[days]``; only days ``learning`` teach the second model."""
    signed = (changed - mean) / deviation
    features = band_features(signed)
    return {
        BAND: np.abs(signed),
        SECOND_MODEL: second_model(features[learning], truth[learning], features, seed),
        "z-score of the last 28 days": rolling_z(changed, 28),
        "z-score of the last 8 same weekdays": rolling_z(changed, 8, step=7),
    }


def plot_anomalies(days, values, mean, deviation, threshold, alarm, truth, path):
    """The series, the learned band, the injected days and the alarms of the second model."""
    pd.plotting.register_matplotlib_converters()
    figure, axes = plt.subplots(figsize=(11, 4.5))
    axes.plot(days, values, "b", marker=".", linewidth=0.8, label="observed, with injected anomalies")
    axes.plot(days, mean, "r", linewidth=0.8, label="one-step forecast")
    width = threshold * deviation
    axes.fill_between(days, mean - width, mean + width, color="grey", alpha=0.2, label="no alarm by the threshold")
    axes.plot(days[truth], values[truth], "o", markersize=11, markerfacecolor="none", color="k", label="injected")
    axes.plot(days[alarm], values[alarm], "x", markersize=8, color="r", label="alarm of the second model")
    axes.set(title="Anomalies by their distance to the forecast band", xlabel="day", ylabel="value a day")
    figure.autofmt_xdate()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.3), ncol=5, fontsize="small")  # below: hides no alarm
    return plotting.save_figure(figure, path)


def find_anomalies(opts, record, values, days, estimator, features, real=None):
    """Injects, learns, judges; prints and writes the table and the figure.

    Args:
      values, days: the series, ``[days]`` each; ``estimator``: fitted on all but the last ``opts.holdout_days``.
      features: exogenous features by name, ``[days, …]``.
      real: ``[days]`` booleans, False where a value was filled (none by default): such days get no anomaly and count for nothing.
    """
    last = len(values) - opts.holdout_days
    real = np.ones(len(values), bool) if real is None else real
    counted = np.flatnonzero(real)
    learning = counted[(counted >= last - opts.holdout_days) & (counted < last)]
    test = counted[counted >= last]
    if not len(learning) or not len(test):
        raise UserError("all values of a hold-out of %d are filled (--holdout-days)" % opts.holdout_days)
    scale = values[:last][real[:last]].std()
    scores, sizes, alarms = {}, [], {}
    for draw in range(opts.draws):
        changed, size = inject(values, last - opts.holdout_days, opts.spacing, opts.sizes, scale, opts.seed + draw)
        changed, size = np.where(real, changed, values), size * real
        evaluation = fitting.evaluate(estimator, changed, features)
        mean, deviation = evaluation["mean"][0, :, 0], np.sqrt(evaluation["covariance"][0, :, 0, 0])
        truth = size > 0
        sizes.append(size[test])
        for name, score in detect(changed, mean, deviation, truth, learning, opts.seed).items():
            threshold = learn_threshold(score[learning], truth[learning])
            found = judge(score[test], truth[test], threshold)
            alarms[name] = (threshold, score > threshold)
            scores.setdefault(name, []).append((threshold, found, score[test] > threshold))
    columns = ["detector", "threshold", "precision", "recall", "F1", "F1, spread of the draws"]
    columns += ["recall at %g sd (%.3g)" % (item, item * scale) for item in opts.sizes]
    rows, sizes = [], np.concatenate(sizes)
    for name, draws in scores.items():
        alarm = np.concatenate([item[2] for item in draws])
        f1 = [item[1][2] for item in draws]
        row = [np.mean([item[0] for item in draws])] + list(judge(alarm, sizes > 0, 0.5)) + [np.std(f1)]
        row += [np.mean(alarm[sizes == item]) if item in sizes else 0.0 for item in opts.sizes]
        rows.append([name] + [round(float(value), 3) for value in row])
    print(pd.DataFrame(rows, columns=columns).to_string(index=False))
    table_path = text.write_csv(os.path.join(opts.output_dir, "anomalies.csv"), [columns] + rows)

    shown = slice(len(values) - min(opts.shown_days, opts.holdout_days), len(values))
    arrays = [array[shown] for array in (days, np.where(real, changed, np.nan), mean, deviation)]
    path = os.path.join(opts.output_dir, "anomalies.png")
    plot_anomalies(*arrays, alarms[BAND][0], (alarms[SECOND_MODEL][1] & real)[shown], truth[shown], path)
    print("figure: %s" % path)
    note = (
        "%d anomalies injected into %d copies of the %d days of the hold-out; thresholds and second model learned on others in "
        "the days before. Real oddities of the series count as false alarms."
        % (np.sum(sizes > 0), opts.draws, opts.holdout_days)
    )
    if not real.all():
        note += " Days that were filled get no anomaly and count for nothing."
    if opts.preset == "tiny":
        note += " Tiny run on a generated sample: shows that it runs, not how well."
    record.table("Anomalies found in the hold-out", columns, rows, note=note)
    record.file(table_path, "table", "Anomaly detectors: precision, recall, F1", "异常检测：精确率、召回率、F1")
    record.file(path, "picture", "Injected anomalies, learned band and alarms", "注入的异常、学到的区间与告警")
    record.save()


def check_length(count, opts):
    """UserError where there is no room for fitting, learning and judging."""
    needed = 2 * opts.window_size + 2 + 2 * opts.holdout_days
    if count < needed:
        raise UserError(
            "the series has %d values, at least %d are needed (--holdout-days, --window-size)" % (count, needed)
        )


def main(argv=None):
    """Fits the structural model with the cycles of births and looks for anomalies with it."""
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    run.start(opts.seed)
    csv_file_name = births.locate(opts)
    md1 = pd.DataFrame(births.read(csv_file_name), columns=list("AB"))
    check_length(len(md1), opts)
    record = records.Record(opts, opts.script, "section 9.7.7 (1)", births.describe(csv_file_name, md1))
    values, days = md1.B.values, md1.A.values.astype("datetime64[D]")
    estimator, _ = fitting.fit(
        opts,
        "week+year",
        lambda folder: fitting.estimator_of(fitting.structural_model(PERIODICITIES, LATENT_VALUES), opts, folder),
        values[: len(values) - opts.holdout_days],
        {},
        opts.train_steps,
        model="week+year",
    )
    find_anomalies(opts, record, values, days, estimator, {})


if __name__ == "__main__":
    options.run(main)
