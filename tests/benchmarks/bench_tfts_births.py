"""Speed and memory of example 52: listing 9-8 and what lies beyond it, in turns (see ``turns.py``).

training   a gradient step of the printed model, for each window: in the printed batches of 4, and in the exercises' of 16
use        one forecast: the listing's evaluation of the whole series and continuation, and beyond/fitting.py's from one origin
start-up   ``--help`` of listing 9-8 and of beyond/forecast.py

    python tests/benchmarks/bench_tfts_births.py [--quick] [--record] [--only training …]
"""

import os
import tempfile

import numpy as np
import tensorflow as tf

from ch09_tfts_births import code_9_08_births as listing
from ch09_tfts_births import ext_9_7_7_fit as exercises
from ch09_tfts_births.beyond import fitting, series
from common import options, run
from tests.benchmarks import turns, worker

BATCHES = dict(printed=listing.BATCH_SIZE, ours=16)
VALUES = [
    options.Value("window_size", listing.WINDOW_SIZE, "days in a window", low=2, tiny=8),
    options.Value("days", 5113, "days of the series that is forecast", low=100, tiny=100),
    options.Value("periodicities", listing.PERIODICITIES, "length of the cycle in days", low=2, tiny=7),
    options.Value("cycle_num_latent_values", listing.CYCLE_NUM_LATENT_VALUES, "its latent values", low=3, tiny=3),
    options.Value("steps", 28, "days to forecast", low=1, tiny=2),
]


def made_series(count):
    """``count`` days with a week in them."""
    days = np.arange(count)
    return 250 + 30 * np.sin(2 * np.pi * days / 7) + np.random.RandomState(0).normal(0, 10, count)


def training(way, opts):
    """A step's gradients; the step's amount is the number of its windows."""
    return _gradients(opts, BATCHES[way], opts.cycle_num_latent_values)


def _gradients(opts, batch_size, latent_values):
    run.start(opts.seed)
    model = exercises.structural_model(opts.periodicities, latent_values)
    model.initialize_graph()
    values = np.random.RandomState(0).normal(size=[batch_size, opts.window_size, 1])
    times = np.tile(np.arange(opts.window_size), [batch_size, 1])
    features = dict(times=tf.constant(times), values=tf.constant(values))
    loss = model.define_loss(features, tf.estimator.ModeKeys.TRAIN).loss
    gradients = [item for item in tf.gradients(loss, tf.trainable_variables()) if item is not None]
    session = tf.Session(config=run.session_config(opts.threads))
    session.run(tf.global_variables_initializer())

    def step(warm):
        session.run([loss, gradients])

    step.amount = batch_size
    return step


def trained(estimator, values, opts):
    """The estimator after one training step."""
    reader = tf.contrib.timeseries.NumpyReader(dict(times=np.arange(len(values)), values=values))
    windows = tf.contrib.timeseries.RandomWindowInputFn(reader, batch_size=4, window_size=opts.window_size)
    estimator.train(windows, max_steps=1)
    return reader


def use(way, opts):
    """One forecast."""
    run.start(opts.seed)
    values, folder = made_series(opts.days), tempfile.mkdtemp()
    if way == "ours":
        setting = fitting.Setting("model", [opts.periodicities], [opts.cycle_num_latent_values])
        origins = np.array([len(values)])
        estimator = fitting.structural_estimator(setting, opts, folder, origins)
        trained(estimator, values, opts)

        def step(warm):
            fitting.forecasts(estimator, values, {}, origins, opts.steps)

        return step
    estimator = tf.contrib.timeseries.StructuralEnsembleRegressor(
        periodicities=opts.periodicities,
        num_features=listing.NUM_FEATURES,
        cycle_num_latent_values=opts.cycle_num_latent_values,
        model_dir=folder,
        config=exercises.run_config(opts),
    )
    reader = trained(estimator, values, opts)

    def step(warm):
        evaluation = estimator.evaluate(tf.contrib.timeseries.WholeDatasetInputFn(reader), steps=1)
        ahead = tf.contrib.timeseries.predict_continuation_input_fn(evaluation, steps=opts.steps)
        list(estimator.predict(input_fn=ahead))

    return step


def days(size, opts):
    """The filter over a series of ``size`` days, and a forecast."""
    opts.days = size
    return use("ours", opts)


def latent_values(size, opts):
    """A training step with so many latent values of the cycle."""
    opts.periodicities = max(opts.periodicities, size + 1)
    return _gradients(opts, 4, size)


def days_of_a_file(size, opts):
    """Start-up: a file of ``size`` days read, its dates checked, its step found."""
    path = os.path.join(tempfile.mkdtemp(), "days.csv")
    first = np.datetime64("1850-01-01")
    with open(path, "w", encoding="ascii") as stream:
        stream.write("day,value\n")
        stream.writelines("%s,%.2f\n" % (first + day, value) for day, value in enumerate(made_series(size)))
    parser = options.argparse.ArgumentParser()
    series.add_arguments(parser)
    words = parser.parse_args([])
    return lambda warm: series.read_series(path, words).values.sum()


LISTING, OURS = "ch09_tfts_births/code_9_08_births.py", "ch09_tfts_births/beyond/forecast.py"
COMPARISONS = [
    turns.Comparison("training", training, limits=True),
    turns.Comparison("use", use),
    turns.Comparison("start-up", worker.command, commands=dict(printed=[LISTING, "--help"], ours=[OURS, "--help"])),
]
GROWTHS = [
    turns.Growth("days", days, (1000, 2000, 4000), (60, 120)),
    turns.Growth("latent values of the cycle", latent_values, (15, 31, 63), (3, 5), steepest=3),
    turns.Growth("days of a file, start-up", days_of_a_file, (3125, 12500, 50000), (100, 200)),
]


def main(argv=None):
    turns.main(__file__, __doc__, "ch09_tfts_births", VALUES, COMPARISONS, GROWTHS, argv)


if __name__ == "__main__":
    options.run(main)
