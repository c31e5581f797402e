"""Section 9.7.7, third extension: an LSTM of one's own as a TFTS model, judged in the same backtest.

``LSTMModel`` fills in TFTS's ``SequentialTimeSeriesModel``: one LSTM step a day, a normal distribution as output. It knows the
calendar (weekday, place in the year, holidays) as exogenous features and feeds its own mean back when it forecasts.

Reads   the births, or any daily series: --csv FILE; preset tiny: a generated sample.
Writes  output/tfts_births/<preset>/lstm.png, lstm.csv, a record, a model folder; takes up the backtest's structural model.
Takes   about 2 minutes on two cores after the backtest, some minutes more without its model; half a minute for tiny.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow.contrib.timeseries.python.timeseries import estimators as tfts_estimators
from tensorflow.contrib.timeseries.python.timeseries import model as tfts_model
from tensorflow.contrib.timeseries.python.timeseries import state_management

from ch09_tfts_births import calendar_days, fitting, rolling, series
from common import options, plotting, records, training
from common.errors import UserError
from common.plotting import plt

PRESETS = {
    "book": dict(
        setting="week+year+holidays",
        num_units=32,
        learning_rate=0.005,
        lstm_steps=800,
        batch_size=16,
        window_size=64,
        train_steps=400,
        steps=28,
        holdout_days=730,
        every=7,
    ),
    "cpu": dict(),
    "tiny": dict(num_units=4, lstm_steps=10, batch_size=4, window_size=16, train_steps=12, steps=7, holdout_days=60),
}
HELP = dict(
    setting="the structural TFTS setting to compare with: " + ", ".join(rolling.STRUCTURAL),
    num_units="units of the LSTM",
    learning_rate="Adam's step size",
    lstm_steps="training steps of the LSTM",
    batch_size="windows a training step",
    window_size="days a window",
    train_steps="training steps of the structural model",
    steps="horizon: days a forecast",
    holdout_days="the last days, which no fit sees",
    every="days from one origin to the next",
)


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


def lstm_features(days):
    """What the LSTM is told of each day: weekday, year, holidays: ``{"calendar": [days, 26]}``."""
    tables = [calendar_days.weekdays(days), calendar_days.year_waves(days), calendar_days.holidays(days)]
    return {"calendar": np.concatenate(tables, axis=1)}


def lstm_estimator(opts, width, model_dir, origins):
    """The LSTM as an Estimator; the states of training windows are chained, as in the structural model."""
    columns = [tf.feature_column.numeric_column("calendar", shape=(width,))]
    return tfts_estimators.TimeSeriesRegressor(
        model=LSTMModel(opts.num_units, columns),
        state_manager=state_management.ChainingStateManager(),
        optimizer=tf.train.AdamOptimizer(opts.learning_rate),
        model_dir=model_dir,
        config=fitting.run_config(opts),
        head_type=rolling.origins_head(origins),
    )


def plot_forecasts(days, values, forecasts, path):
    """The last forecast of each model beside the observed days."""
    pd.plotting.register_matplotlib_converters()
    figure, axes = plt.subplots(figsize=(11, 4.5))
    axes.plot(days, values, "k", marker=".", linewidth=0.8, label="observed")
    for colour, (name, (mean, deviation)) in zip(("C0", "C3"), forecasts.items()):
        ahead = days[-len(mean) :]
        axes.plot(ahead, mean, colour, label=name)
        axes.fill_between(ahead, mean - deviation, mean + deviation, color=colour, alpha=0.15)
    axes.axvline(days[-len(mean) - 1], color="k", linestyle="--")
    axes.set(title="Forecasts with bands of one standard deviation", xlabel="day", ylabel="value a day")
    axes.legend(loc="best", fontsize="small")
    figure.autofmt_xdate()
    return plotting.save_figure(figure, path)


def main(argv=None):
    """Fits the LSTM, takes up the structural model, backtests both."""
    opts = options.parse(__doc__, PRESETS, "tfts_births", argv=argv, add=series.add_arguments, help_texts=HELP)
    counts = ("num_units", "lstm_steps", "batch_size", "window_size", "train_steps", "steps", "holdout_days", "every")
    fitting.check_positive(opts, *counts)
    if opts.setting not in rolling.STRUCTURAL:
        raise UserError("--setting %s: choose among %s" % (opts.setting, ", ".join(rolling.STRUCTURAL)))
    training.start(opts.seed)
    df, description = series.load(opts, at_least=2 * opts.window_size + 2)
    days = fitting.days_from(df.A.iloc[0], len(df))
    backtest = rolling.Backtest(opts, df.B.values)
    record = records.Record(opts, "ext_9_7_7c_lstm", "section 9.7.7 (3)", description)

    features = lstm_features(days)
    settings = rolling.model_settings(opts, df, "lstm", backtest.last)
    settings.update(num_units=opts.num_units, learning_rate=opts.learning_rate)
    lstm, seconds = rolling.fit(
        lambda model_dir: lstm_estimator(opts, features["calendar"].shape[1], model_dir, backtest.every_origin),
        "lstm",
        opts,
        df.B.values,
        features,
        settings,
        backtest.last,
        opts.lstm_steps,
    )
    if seconds:
        record.metric("training time of the LSTM", round(seconds, 1), unit="s")
    newest = {"LSTM": backtest.add_model("LSTM", lstm, features)}
    structural, _, features = rolling.fit_structural(opts.setting, opts, df, backtest.last, backtest.every_origin)
    newest["structural, %s" % opts.setting] = backtest.add_model(opts.setting, structural, features)
    backtest.finish(record, opts.output_dir, "lstm", days, opts.preset == "tiny")

    end = backtest.origins[-1] + opts.steps
    shown = slice(max(0, end - 3 * opts.steps), end)
    plot_path = plot_forecasts(days[shown], df.B.values[shown], newest, os.path.join(opts.output_dir, "lstm.png"))
    print("plot: %s" % plot_path)
    record.file(
        plot_path, "picture", "The LSTM's and the structural model's last forecast", "LSTM 与结构模型的最后一次预测"
    )
    record.save()


if __name__ == "__main__":
    options.run(main)
