"""Listing 9-8 (section 9.7): forecast the daily births in Quebec with TFTS, TensorFlow's time-series framework.

Reads   the births (`python -m data fetch births`), or any daily series: --csv FILE; preset tiny: a generated sample.
Writes  output/tfts_births/<preset>/: mode/ (the model), forecast.png, forecast.csv, settings.json, a record.
Takes   about 55 s for preset book on two cores (600 steps), 15 s for tiny.
Next    ext_9_7_6_backtest.py (how good is it?), ext_9_7_7a_anomalies.py, ext_9_7_7b_multivariate.py, ext_9_7_7c_lstm.py
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow.contrib.timeseries.python.timeseries.input_pipeline import TFExampleReader  # contrib does not export it

from ch09_tfts_births import fitting, series
from common import options, plotting, records, training
from common.errors import UserError
from common.plotting import plt

PERIODICITIES = 200  # as printed; births have cycles of 7 days and of a year: see ext_9_7_6_backtest.py
CYCLE_NUM_LATENT_VALUES = 15
NUM_FEATURES = 1
BATCH_SIZE = 4
WINDOW_SIZE = 64
TRAIN_STEPS = 600
FORECAST_STEPS = 2
SHOWN_DAYS = 20

PRESETS = {
    "book": dict(
        periodicities=[float(PERIODICITIES)],
        cycle_num_latent_values=[CYCLE_NUM_LATENT_VALUES],
        batch_size=BATCH_SIZE,
        window_size=WINDOW_SIZE,
        train_steps=TRAIN_STEPS,
        steps=FORECAST_STEPS,
        reader="numpy",
        shown_days=SHOWN_DAYS,
    ),
    "cpu": dict(periodicities=[7.0, 365.25], cycle_num_latent_values=[7, 11], steps=28, shown_days=60),
    "tiny": dict(cycle_num_latent_values=[5], window_size=16, train_steps=12),
}
HELP = dict(
    periodicities="lengths of the cycles in days",
    cycle_num_latent_values="latent values of each cycle (odd)",
    batch_size="windows a training step",
    window_size="days a window",
    train_steps="training steps",
    steps="days to forecast",
    reader="numpy, csv or tfrecord: the three kinds of reader of section 9.7.2; the evaluation is the same",
    shown_days="days before the forecast on the plot",
)
BOOK_OUTPUT = dict(loss=1.1670636, mean=(237.22, 246.91), variance=(1054.86, 1302.54))


def make_reader(kind, df, folder):
    """A TFTS reader over the series (section 9.7.2).

    Args:
      kind: ``numpy`` (arrays in memory, as printed), ``csv`` or ``tfrecord`` (files that are written to ``folder``).
      df: the series: column ``B`` the values; the times are 0, 1, 2 …

    Returns:
      A ``tf.contrib.timeseries`` reader whose features are ``times`` (int64) and ``values`` (float).
    """
    times = np.arange(len(df))
    if kind == "numpy":
        data = {
            tf.contrib.timeseries.TrainEvalFeatures.TIMES: times,
            tf.contrib.timeseries.TrainEvalFeatures.VALUES: df.B.values,
        }
        return tf.contrib.timeseries.NumpyReader(data)
    if kind == "csv":
        path = os.path.join(folder, "series.csv")
        pd.DataFrame({"times": times, "values": df.B}).to_csv(path, header=False, index=False)
        return tf.contrib.timeseries.CSVReader(path)
    path = os.path.join(folder, "series.tfrecord")
    with tf.python_io.TFRecordWriter(path) as writer:
        for time, value in zip(times, df.B):
            features = {
                "times": tf.train.Feature(int64_list=tf.train.Int64List(value=[time])),
                "values": tf.train.Feature(float_list=tf.train.FloatList(value=[value])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return TFExampleReader(
        path,
        features={
            "times": tf.FixedLenFeature([], tf.int64),
            "values": tf.FixedLenFeature([NUM_FEATURES], tf.float32),
        },
    )


def make_plot(name, training_times, observed, all_times, mean, upper_limit, lower_limit):
    """The print's figure: observations, mean, and the band between the two limits; a dashed line ends the observations.

    Args:
      name: title of the figure.
      training_times, observed: days (dates or numbers) and values of the observations.
      all_times, mean, upper_limit, lower_limit: days and values of evaluation and forecast, of equal length.

    Returns:
      The matplotlib figure. Erratum E14: the print neither shows nor saves it; ``main`` saves it as PNG.
    """
    pd.plotting.register_matplotlib_converters()  # dates on the axis
    figure = plt.figure(figsize=(10, 4.5))
    axes = figure.add_subplot(111)
    axes.plot(training_times, observed, "b", marker=".", label="observed")
    axes.plot(all_times, mean, "r", label="mean of the prediction")
    axes.plot(all_times, upper_limit, "g", linewidth=0.8, label="mean ± 1 standard deviation")
    axes.plot(all_times, lower_limit, "g", linewidth=0.8)
    axes.fill_between(all_times, lower_limit, upper_limit, color="grey", alpha=0.2)  # Erratum E13: alpha="0.2"
    axes.axvline(training_times[-1], color="k", linestyle="--")
    axes.set(title=name, xlabel="day", ylabel="births a day" if "births" in name else "value")
    axes.legend(loc="best", fontsize="small")
    figure.autofmt_xdate()  # Extra: the print's axis counts days from 0
    return figure


def make_estimator(opts, model_dir):
    """The print's structural model: level, trend, cycles and a moving average, as an Estimator (section 9.7.3)."""
    return tf.contrib.timeseries.StructuralEnsembleRegressor(
        periodicities=fitting.plain_numbers(opts.periodicities),
        num_features=NUM_FEATURES,
        cycle_num_latent_values=opts.cycle_num_latent_values,
        model_dir=model_dir,
        config=fitting.run_config(opts),
    )


def check_options(opts):
    """UserError for values that TFTS cannot work with; nothing is written before this."""
    fitting.check_positive(opts, "batch_size", "window_size", "train_steps", "steps", "shown_days", "runs")
    fitting.check_cycles(opts.periodicities, opts.cycle_num_latent_values)
    if opts.reader not in ("numpy", "csv", "tfrecord"):
        raise UserError("--reader %s: choose numpy, csv or tfrecord" % opts.reader)


def run_once(opts, df, description):
    """Trains (or takes up its own earlier run), evaluates, forecasts; writes everything below ``opts.output_dir``.

    Returns:
      A dict with ``loss``, ``mean`` and ``variance`` (arrays of length ``opts.steps``) and ``seconds``.
    """
    settings = dict(
        model="listing 9-8",
        series=series.stamp(df),
        periodicities=opts.periodicities,
        cycle_num_latent_values=opts.cycle_num_latent_values,
        batch_size=opts.batch_size,
        window_size=opts.window_size,
        seed=opts.seed,
    )
    # Erratum E12: the print's model_dir="mode/" lies in the current folder and is silently trained on by every later run.
    model_dir = fitting.open_model_dir(opts.output_dir, settings)
    record = records.Record(opts, "code_9_08_births", "listing 9-8", description)
    reader = make_reader(opts.reader, df, opts.output_dir)

    estimator = make_estimator(opts, model_dir)
    train_input_fn = fitting.window_input_fn(reader, opts.batch_size, opts.window_size, opts.seed)
    seconds = fitting.train(estimator, train_input_fn, opts.train_steps)

    evaluation_input_fn = tf.contrib.timeseries.WholeDatasetInputFn(reader)
    evaluation = estimator.evaluate(input_fn=evaluation_input_fn, steps=1)
    print("evaluation keys:", ", ".join(sorted(evaluation)))
    print("evaluation loss: %.7f" % evaluation["loss"])

    (predictions,) = tuple(
        estimator.predict(input_fn=tf.contrib.timeseries.predict_continuation_input_fn(evaluation, steps=opts.steps))
    )
    print("predictions:", {key: np.ravel(value).round(4).tolist() for key, value in sorted(predictions.items())})

    times = evaluation["times"][0]
    observed = evaluation["observed"][0, :, 0]
    mean = np.concatenate([evaluation["mean"][0], predictions["mean"]])[:, 0]
    variance = np.concatenate([evaluation["covariance"][0], predictions["covariance"]])[:, 0, 0]
    days = fitting.days_from(df.A.iloc[0], len(times) + opts.steps)

    forecast = fitting.forecast_table(days[len(times) :], mean[len(times) :], variance[len(times) :])
    print(forecast.to_string(index=False, float_format=lambda number: "%.2f" % number))
    forecast_path = os.path.join(opts.output_dir, "forecast.csv")
    forecast.to_csv(forecast_path, index=False, float_format="%.4f")

    shown = min(opts.shown_days, len(times))
    deviation = np.sqrt(variance)
    figure = make_plot(
        "%s: %d days of evaluation, then a forecast of %d" % (opts.series_name, shown, opts.steps),
        days[len(times) - shown : len(times)],
        observed[-shown:],
        days[len(times) - shown :],
        mean[-shown - opts.steps :],
        (mean + deviation)[-shown - opts.steps :],
        (mean - deviation)[-shown - opts.steps :],
    )
    plot_path = plotting.save_figure(figure, os.path.join(opts.output_dir, "forecast.png"))
    print("plot: %s\nforecast: %s" % (plot_path, forecast_path))

    printed = opts.preset == "book" and opts.csv is None
    record.metric("evaluation loss", evaluation["loss"], printed=str(BOOK_OUTPUT["loss"]) if printed else None)
    for index in range(min(2, opts.steps)):
        for key, value in (
            ("mean", predictions["mean"][index, 0]),
            ("variance", predictions["covariance"][index, 0, 0]),
        ):
            name = "forecast %s, day %d" % (key, predictions["times"][index])
            record.metric(name, round(float(value), 4), printed=str(BOOK_OUTPUT[key][index]) if printed else None)
    record.metric("training time", round(seconds, 1), unit="s")
    tiny_note = " (tiny run on a generated sample: shows that it runs, not how well)" if opts.preset == "tiny" else ""
    record.file(
        plot_path,
        "picture",
        "Observed values, TFTS's one-step prediction and the forecast with its band of one standard deviation"
        + tiny_note,
        "观测值、TFTS 的单步预测,以及带一个标准差区间的预测"
        + ("(tiny:生成的样例数据,只说明能运行)" if tiny_note else ""),
    )
    record.file(
        forecast_path, "table", "The forecast: mean, deviation, limits" + tiny_note, "预测表:均值、标准差与上下限"
    )
    record.save()
    return dict(
        loss=float(evaluation["loss"]),
        mean=predictions["mean"][:, 0],
        variance=predictions["covariance"][:, 0, 0],
        seconds=seconds,
    )


def run_several(opts, df, description):
    """Extra: ``--runs N`` trains with N seeds and shows how far the runs lie apart."""
    folder, first_seed = opts.output_dir, opts.seed
    record = records.Record(opts, "code_9_08_births_runs", "listing 9-8", description)
    results = []
    for seed in range(first_seed, first_seed + opts.runs):
        print("--- run with seed %d" % seed)
        training.start(seed)
        opts.seed, opts.output_dir = seed, os.path.join(folder, "seed-%d" % seed)
        results.append(run_once(opts, df, description))
    opts.seed, opts.output_dir = first_seed, folder
    columns = ["seed", "loss", "mean 1", "mean 2", "variance 1", "variance 2"]
    shown = min(2, opts.steps)
    if shown == 1:
        columns = ["seed", "loss", "mean 1", "variance 1"]
    rows = [
        [first_seed + index, round(result["loss"], 4)]
        + [round(float(value), 2) for value in result["mean"][:shown]]
        + [round(float(value), 1) for value in result["variance"][:shown]]
        for index, result in enumerate(results)
    ]
    table = pd.DataFrame(rows, columns=columns)
    table_path = os.path.join(folder, "runs.csv")
    table.to_csv(table_path, index=False)
    if opts.preset == "book" and opts.csv is None:
        book = (
            ["printed", BOOK_OUTPUT["loss"]] + list(BOOK_OUTPUT["mean"][:shown]) + list(BOOK_OUTPUT["variance"][:shown])
        )
        rows.append(book)
    print(pd.DataFrame(rows, columns=columns).to_string(index=False))
    record.table("Runs of listing 9-8 that differ in the seed only", columns, rows)
    record.file(table_path, "table", "Runs that differ in the seed only", "只有随机种子不同的各次运行")
    record.save()


def main(argv=None):
    """Reads the options and the series, then trains, evaluates, forecasts and plots."""

    def add(parser):
        series.add_arguments(parser)
        parser.add_argument("--runs", type=int, default=1, help="train with this many seeds and tabulate (default: 1)")

    opts = options.parse(__doc__, PRESETS, example="tfts_births", argv=argv, add=add, help_texts=HELP)
    check_options(opts)
    training.start(opts.seed)
    df, description = series.load(opts, at_least=2 * opts.window_size + 2)
    opts.series_name = "Daily births in Quebec" if opts.csv is None else os.path.basename(opts.csv)
    if "generated sample" in description:
        opts.series_name = "Generated sample of daily births"
    print(df.B[:10].to_string())  # the print's first look at the data
    if opts.runs > 1:
        run_several(opts, df, description)
    else:
        run_once(opts, df, description)


if __name__ == "__main__":
    options.run(main)
