"""Section 9.7.7, third exercise: an RNN of one's own as a TFTS model, for a tighter fit than the structural model's.

``LSTMModel`` fills in TFTS's ``SequentialTimeSeriesModel``: one LSTM step a day, a normal distribution as output. It is told the
calendar (weekday, place in the year) as exogenous features, and feeds its own mean back when it forecasts.

Reads   the births; preset tiny: a generated sample.
Writes  output/tfts_births/<preset>/lstm.png, lstm.csv, a record, model folders.
Time    some minutes (two fits), a minute for tiny; fits are taken up by later runs (the structural one is that of 9.7.7a).
Beyond it: beyond/backtest.py (forecasts of 28 days; both models know the holidays).
"""

import os

import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow.contrib.timeseries.python.timeseries import model as tfts_model

from ch09_tfts_births import ext_9_7_7_fit as fitting
from ch09_tfts_births.ext_9_7_7a_anomalies import LATENT_VALUES, PERIODICITIES
from common import options, plotting, records, run
from common.plotting import plt

VALUES = fitting.VALUES + [
    options.Value("num_units", 32, "units of the LSTM", tiny=4, low=1, high=1024),
    options.Value("learning_rate", 0.005, "Adam's step size for the LSTM", low=1e-6, high=1.0),
    options.Value("lstm_steps", 800, "training steps of the LSTM", tiny=10, low=1, high=1000000, fixed=False),
    options.Value("shown_days", 60, "days on the figure", tiny=40, low=2, high=5000),
]


class LSTMModel(tfts_model.SequentialTimeSeriesModel):
    """One LSTM step a day; the output is a normal distribution.

    State (each with a leading batch dimension): time of the last value, the last value [num_features] (observed, or the mean
    where it forecasts), today's exogenous features, and the LSTM's ``c`` and ``h`` [num_units]. Values are normalised.
    """

    def __init__(self, num_units, exogenous_feature_columns, num_features=1, dtype=tf.float32):
        super().__init__(
            train_output_names=["mean", "covariance", "log_likelihood"],
            predict_output_names=["mean", "covariance"],
            num_features=num_features,
            normalize_features=True,
            dtype=dtype,
            exogenous_feature_columns=exogenous_feature_columns,
        )
        self._num_units = num_units

    def initialize_graph(self, input_statistics=None):
        """Creates the cell and the output layer; their variables are shared by training, filtering and forecasting."""
        super().initialize_graph(input_statistics=input_statistics)
        with tf.variable_scope("", use_resource=True):
            cell = tf.nn.rnn_cell.LSTMCell(self._num_units)
            self._run_cell = tf.make_template("lstm", cell, create_scope_now_=True)
            layer = tf.layers.Dense(2 * self.num_features, name="distribution")
            self._run_layer = tf.make_template("output", layer, create_scope_now_=True)

    def get_start_state(self):
        """Zeros: time, last value, exogenous features, ``c``, ``h``."""
        exogenous = self._get_exogenous_embedding_shape()
        return (
            tf.zeros([], dtype=tf.int64),
            tf.zeros([self.num_features], dtype=self.dtype),
            tf.zeros(exogenous, dtype=self.dtype),
            tf.zeros([self._num_units], dtype=self.dtype),
            tf.zeros([self._num_units], dtype=self.dtype),
        )

    def _imputation_step(self, current_times, state):
        """Nothing to fill in: every day is there."""
        return state

    def _exogenous_input_step(self, current_times, current_exogenous_regressors, state):
        """Notes today's exogenous features; the next step reads them."""
        time, value, _, c, h = state
        return time, value, tf.cast(current_exogenous_regressors, self.dtype), c, h

    def _prediction_step(self, current_times, state):
        """Moves the LSTM to today.

        Returns:
          The new state, and a dict: ``mean`` [batch, num_features], ``covariance`` [batch, num_features, num_features].
        """
        _, value, exogenous, c, h = state
        output, (c, h) = self._run_cell(tf.concat([value, exogenous], axis=1), tf.nn.rnn_cell.LSTMStateTuple(c, h))
        mean, log_variance = tf.split(self._run_layer(output), 2, axis=1)
        covariance = tf.matrix_diag(tf.exp(tf.clip_by_value(log_variance, -10.0, 10.0)))
        return (current_times, mean, exogenous, c, h), {"mean": mean, "covariance": covariance}

    def _filtering_step(self, current_times, current_values, state, predictions):
        """Scores today's forecast and puts the observed value in its place."""
        _, _, exogenous, c, h = state
        variance = tf.matrix_diag_part(predictions["covariance"])
        error = current_values - predictions["mean"]
        likelihood = -0.5 * tf.reduce_sum(tf.log(2.0 * np.pi * variance) + error**2 / variance, axis=1)
        outputs = dict(predictions, log_likelihood=likelihood, loss=-likelihood)
        return (current_times, current_values, exogenous, c, h), outputs

    def _scale_back_predictions(self, predictions):
        """From normalised values to the series' own."""
        predictions["mean"] = self._scale_back_data(predictions["mean"])
        predictions["covariance"] = self._scale_back_variance(predictions["covariance"])
        return predictions


def weekdays(days):
    """``[len(days), 7]`` float32: 1 in the column of the weekday, Monday first; ``days`` as ``datetime64[D]``."""
    return np.eye(7, dtype=np.float32)[fitting.weekday(days)]


def year_waves(days, harmonics=3):
    """``[len(days), 2 * harmonics]`` float32: sines and cosines of the year of 365.25 days."""
    phase = 2.0 * np.pi * days.astype(np.float64) / 365.25
    waves = [wave(number * phase) for number in range(1, harmonics + 1) for wave in (np.sin, np.cos)]
    return np.stack(waves, axis=1).astype(np.float32)


def lstm_estimator(opts, width, model_dir, **keywords):
    """The LSTM, told ``width`` features of each day as ``calendar``, as an Estimator."""
    columns = [tf.feature_column.numeric_column("calendar", shape=(width,))]
    optimizer = tf.train.AdamOptimizer(opts.learning_rate)
    return fitting.estimator_of(LSTMModel(opts.num_units, columns), opts, model_dir, optimizer=optimizer, **keywords)


def plot_predictions(days, values, predictions, path):
    """The one-step predictions of each model, name → (mean, deviation), beside the observed days."""
    pd.plotting.register_matplotlib_converters()
    figure, axes = plt.subplots(figsize=(11, 4.5))
    axes.plot(days, values, "k", marker=".", linewidth=0.8, label="observed")
    for colour, (name, (mean, deviation)) in zip(("C0", "C3"), predictions.items()):
        axes.plot(days, mean, colour, label=name)
        axes.fill_between(days, mean - deviation, mean + deviation, color=colour, alpha=0.15)
    axes.set(title="One-step predictions, bands of one standard deviation", xlabel="day", ylabel="births a day")
    axes.legend(loc="best", fontsize="small")
    figure.autofmt_xdate()
    return plotting.save_figure(figure, path)


def main(argv=None):
    """Fits the LSTM and the structural model, compares their predictions of the hold-out."""
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    run.start(opts.seed)
    days, values, last, described = fitting.read_births(opts)
    record = records.Record(opts, opts.script, "section 9.7.7 (3)", described)

    calendar = np.concatenate([weekdays(days), year_waves(days)], axis=1)
    fits = {
        "LSTM": (
            lambda folder: lstm_estimator(opts, calendar.shape[1], folder),
            {"calendar": calendar},
            opts.lstm_steps,
        ),
        "week+year": (
            lambda folder: fitting.estimator_of(fitting.structural_model(PERIODICITIES, LATENT_VALUES), opts, folder),
            {},
            opts.train_steps,
        ),
    }
    rows, predictions = [], {}
    shown = slice(len(values) - min(opts.shown_days, opts.holdout_days), len(values))
    for name, (make_estimator, features, steps) in fits.items():
        settings = dict(num_units=opts.num_units, learning_rate=opts.learning_rate) if name == "LSTM" else {}
        estimator, _ = fitting.fit(
            opts, name.lower(), make_estimator, values[:last], features, steps, model=name, **settings
        )
        evaluation = fitting.evaluate(estimator, values, features)
        rows.append(fitting.one_step_row(name, values, evaluation, last))
        deviation = np.sqrt(evaluation["covariance"][0, :, 0, 0])
        predictions[name] = evaluation["mean"][0, shown, 0], deviation[shown]
    captions = "LSTM and structural model: errors", "LSTM 与结构模型的误差"
    fitting.show_rows(opts, record, "LSTM and structural model", "lstm.csv", rows, "", captions)
    path = plot_predictions(days[shown], values[shown], predictions, os.path.join(opts.output_dir, "lstm.png"))
    print("figure: %s" % path)
    record.file(
        path, "picture", "One-step predictions of the LSTM and the structural model", "LSTM 与结构模型的单步预测"
    )
    record.save()


if __name__ == "__main__":
    options.run(main)
