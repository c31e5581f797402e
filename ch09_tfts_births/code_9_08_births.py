"""Listing 9-8 (section 9.7): forecast the daily births in Quebec with TFTS, TensorFlow's time-series framework.

Reads   the births (`python -m data fetch births`); preset tiny: a generated sample.
Writes  output/tfts_births/<preset>/: mode/ (the model), forecast.png, a record.
Time    about a minute on two cores, 15 s at preset tiny.

Differs from the print: E10, E11, E12, E13, E14 (E15, E16: kept as printed, see the README).
Beyond it: beyond/forecast.py (a series of your own), beyond/seeds.py, beyond/backtest.py.
Next: ext_9_7_2_readers.py.
"""

import os

import numpy as np
import pandas as pd
import tensorflow as tf

from common import estimators, options, plotting, run
from common.errors import UserError
from common.plotting import plt as pyplot
from data import births

PERIODICITIES = 200  # Erratum E15: births have cycles of a week and a year; beyond/backtest.py measures what 200 costs
NUM_FEATURES = 1
CYCLE_NUM_LATENT_VALUES = 15
BATCH_SIZE = 4
WINDOW_SIZE = 64
TRAIN_STEPS = 600
FORECAST_STEPS = 2
SHOWN = 20  # days of evaluation on the figure

VALUES = [
    options.Value("periodicities", PERIODICITIES, "length of the cycle in days", low=2, high=5000),
    options.Value(
        "cycle_num_latent_values", CYCLE_NUM_LATENT_VALUES, "latent values of the cycle", tiny=5, low=3, high=59
    ),
    options.Value("batch_size", BATCH_SIZE, "windows in a batch", low=1, high=1024),
    options.Value("window_size", WINDOW_SIZE, "days in a window", tiny=16, low=2, high=5000),
    options.Value("train_steps", TRAIN_STEPS, "training steps", tiny=12, low=1, fixed=False),
    options.Value("steps", FORECAST_STEPS, "days to forecast", low=1, high=5000, fixed=False),
]


def make_plot(name, training_times, observed, all_times, mean, upper_limit, lower_limit):
    """The print's figure: observations, forecast, and the band between the limits; a dashed line ends the observations.

    Args:
      name: the title.
      training_times, observed: times and values of the observations, of equal length.
      all_times, mean, upper_limit, lower_limit: times and values of evaluation and forecast, of equal length.
    """
    pyplot.figure()
    pyplot.plot(training_times, observed, "b", label="training series")
    pyplot.plot(all_times, mean, "r", label="forecast")
    pyplot.plot(all_times, upper_limit, "g", label="forecast upper bound")
    pyplot.plot(all_times, lower_limit, "g", label="forecast lower bound")
    pyplot.fill_between(all_times, lower_limit, upper_limit, color="grey", alpha=0.2)  # Erratum E13: alpha="0.2"
    pyplot.axvline(training_times[-1], color="k", linestyle="--")
    pyplot.xlabel("time")
    pyplot.ylabel("observations")
    pyplot.legend(loc=0)
    pyplot.title(name)


def main(argv=None, window_input_fn=None):
    """What the print does, in its order.

    Args:
      window_input_fn: makes the training input of (reader, batch_size, window_size); default: the print's
        ``RandomWindowInputFn``, whose two threads draw other windows in each run, whatever the seed.
    """
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    if opts.cycle_num_latent_values % 2 == 0:
        raise UserError("--cycle-num-latent-values %d: TFTS takes odd numbers" % opts.cycle_num_latent_values)
    run.start(opts.seed)
    # Section 9.7.6: is the log too long? Then comment this line out, or take tf.logging.ERROR.
    tf.logging.set_verbosity(tf.logging.INFO)

    csv_file_name = births.locate(opts)  # Erratum E10: the record starts in 1977, not in 1979
    # Erratum E11: read_csv(…, skiprows=1, encoding="gbk") takes the footer for data, and only one encoding.
    md1 = pd.DataFrame(births.read(csv_file_name, at_least=opts.window_size + 1), columns=list("AB"))
    births.stamp(opts, md1)

    data_num = np.array(md1["B"])
    print(data_num[:10])

    x = np.array(range(len(data_num)))
    data = {
        tf.contrib.timeseries.TrainEvalFeatures.TIMES: x,
        tf.contrib.timeseries.TrainEvalFeatures.VALUES: data_num,
    }
    reader = tf.contrib.timeseries.NumpyReader(data)

    with run.Run(opts, checkpoints="mode") as this:
        record = this.record(listing="listing 9-8", data=births.describe(csv_file_name, md1))
        estimator = tf.contrib.timeseries.StructuralEnsembleRegressor(
            periodicities=opts.periodicities,
            num_features=NUM_FEATURES,
            cycle_num_latent_values=opts.cycle_num_latent_values,
            model_dir=this.checkpoint_dir,  # Erratum E12: "mode/" in the current folder, trained on by every later run
            config=tf.estimator.RunConfig(
                tf_random_seed=opts.seed, session_config=run.session_config(opts.threads), save_checkpoints_steps=100
            ),
        )
        train_input_fn = (window_input_fn or tf.contrib.timeseries.RandomWindowInputFn)(
            reader, batch_size=opts.batch_size, window_size=opts.window_size
        )
        with estimators.training(this, opts.train_steps) as hooks:
            estimator.train(input_fn=train_input_fn, max_steps=opts.train_steps, hooks=hooks)  # Erratum E12: steps=600

        evaluation_input_fn = tf.contrib.timeseries.WholeDatasetInputFn(reader)
        evaluation = estimator.evaluate(input_fn=evaluation_input_fn, steps=1)
        print(evaluation.keys())
        print(evaluation["loss"])

        (predictions,) = tuple(
            estimator.predict(
                input_fn=tf.contrib.timeseries.predict_continuation_input_fn(evaluation, steps=opts.steps)
            )
        )
        print("predictions:", predictions)

        times = evaluation["times"][0][-SHOWN:]
        observed = evaluation["observed"][0, :, 0][-SHOWN:]
        mean = np.squeeze(np.concatenate([evaluation["mean"][0][-SHOWN:], predictions["mean"]], axis=0))
        variance = np.squeeze(np.concatenate([evaluation["covariance"][0][-SHOWN:], predictions["covariance"]], axis=0))
        all_times = np.concatenate([times, predictions["times"]], axis=0)
        upper_limit = mean + np.sqrt(variance)
        lower_limit = mean - np.sqrt(variance)

        make_plot("Structural ensemble", times, observed, all_times, mean, upper_limit, lower_limit)
        path = os.path.join(opts.output_dir, "forecast.png")
        plotting.save_figure(pyplot.gcf(), path)  # Erratum E14: the print neither shows nor saves it
        print("figure: %s" % path)

        record.metric("evaluation loss", evaluation["loss"], printed="1.1670636")
        for index, printed in ((0, ("237.21950126", "1054.86319966")), (1, ("246.91376098", "1302.53715562")))[
            : opts.steps
        ]:
            day = predictions["times"][index]
            record.metric("mean, day %d" % day, predictions["mean"][index, 0], printed=printed[0])
            record.metric("variance, day %d" % day, predictions["covariance"][index, 0, 0], printed=printed[1])
        record.file(path, "picture", "The last 20 days of the evaluation and the forecast", "评估的最后 20 天与预测")
        record.save()


if __name__ == "__main__":
    options.run(main)
