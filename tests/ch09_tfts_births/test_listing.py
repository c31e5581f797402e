"""Listing 9-8: readers, windows, the model's folder, the figure."""

import argparse
import os

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from ch09_tfts_births import code_9_08_births, fitting
from common import options
from common.errors import UserError
from common.plotting import plt


@pytest.fixture
def df():
    values = np.round(200.0 + 50.0 * np.random.RandomState(0).rand(150))
    return pd.DataFrame({"A": pd.date_range("1977-01-01", periods=150), "B": values})


def run_queues(tensors, count):
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        coordinator = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(session, coordinator)
        found = [session.run(tensors) for _ in range(count)]
        coordinator.request_stop()
        session.run([])
        coordinator.join(threads, stop_grace_period_secs=5, ignore_live_threads=True)
    return found


@pytest.mark.parametrize("kind", ["numpy", "csv", "tfrecord"])
def test_every_reader_reads_the_whole_series(kind, df, tmp_path):
    """Section 9.7.2: three kinds of reader; what they hand to the evaluation is the same."""
    reader = code_9_08_births.make_reader(kind, df, str(tmp_path))
    features, _ = tf.contrib.timeseries.WholeDatasetInputFn(reader)()
    (found,) = run_queues(features, 1)
    assert found["times"].dtype == np.int64 and found["times"].tolist() == [list(range(150))]
    assert found["values"].shape == (1, 150, 1)
    np.testing.assert_array_equal(found["values"][0, :, 0], df.B.values)


@pytest.mark.parametrize("kind", ["numpy", "csv"])
def test_windows_depend_on_the_seed_only(kind, df, tmp_path):
    reader = code_9_08_births.make_reader(kind, df, str(tmp_path))
    found = []
    for seed in (1, 1, 2):
        tf.reset_default_graph()
        tf.set_random_seed(5)
        features, _ = fitting.window_input_fn(reader, 4, 16, seed)()
        found.append(np.stack([batch["times"] for batch in run_queues(features, 30)]))
        values = run_queues(features, 1)[0]
        np.testing.assert_array_equal(values["values"][..., 0], df.B.values[values["times"]])
    assert found[0].shape == (30, 4, 16)
    assert (np.diff(found[0], axis=2) == 1).all()  # windows of consecutive days
    assert (found[0] == found[1]).all() and (found[0] != found[2]).any()


def test_figure_has_a_numeric_alpha_and_the_band(df):
    """Erratum E13: alpha="0.2" is a text, which newer matplotlib refuses (TypeError)."""
    times, mean = np.arange(22), np.linspace(1.0, 2.0, 22)
    figure = code_9_08_births.make_plot("births", times[:20], mean[:20], times, mean, mean + 0.5, mean - 0.25)
    (band,) = figure.axes[0].collections
    assert isinstance(band.get_alpha(), float) and band.get_alpha() == 0.2
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].max() == 2.5 and corners[:, 1].min() == 0.75
    dashed = [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    assert len(dashed) == 1 and list(dashed[0].get_xdata()) == [19, 19]  # at the last observation
    plt.close(figure)


def test_forecast_table():
    days = fitting.days_from("1990-12-31", 3)[1:]
    table = fitting.forecast_table(days, np.array([10.0, 20.0]), np.array([4.0, 9.0]))
    assert table.date.tolist() == ["1991-01-01", "1991-01-02"]
    np.testing.assert_allclose(table.upper_1sigma, [12.0, 23.0])
    np.testing.assert_allclose(table.lower_95, [10.0 - 3.92, 20.0 - 5.88])


def save_model(folder, value, step):
    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.get_variable("value", initializer=value)
        session.run(variable.initializer)
        return tf.train.Saver([variable]).save(session, os.path.join(folder, "model.ckpt"), global_step=step)


def test_folder_of_another_model_is_refused_and_left_alone(tmp_path):
    """Erratum E12: the print trains on whatever lies in mode/."""
    output = str(tmp_path)
    model_dir = fitting.open_model_dir(output, dict(window_size=64, seed=0))
    save_model(model_dir, 1.0, 7)
    assert fitting.open_model_dir(output, dict(window_size=64, seed=0)) == model_dir  # its own run: taken up
    before = {name: os.path.getmtime(os.path.join(model_dir, name)) for name in sorted(os.listdir(model_dir))}
    with pytest.raises(UserError, match="window_size 64, not 32.*choose another --output-dir"):
        fitting.open_model_dir(output, dict(window_size=32, seed=0))
    assert options.read_json(os.path.join(output, "settings.json")) == dict(window_size=64, seed=0)
    assert before == {name: os.path.getmtime(os.path.join(model_dir, name)) for name in sorted(os.listdir(model_dir))}
    os.remove(os.path.join(output, "settings.json"))
    with pytest.raises(UserError, match="unknown settings"):
        fitting.open_model_dir(output, dict(window_size=64, seed=0))


def test_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, capsys):
    output = str(tmp_path)
    model_dir = fitting.open_model_dir(output, dict(seed=0))
    good, bad = save_model(model_dir, 1.0, 10), save_model(model_dir, 2.0, 20)
    with open(bad + ".data-00000-of-00001", "wb") as stream:
        stream.write(b"x")
    fitting.open_model_dir(output, dict(seed=0))
    assert tf.train.latest_checkpoint(model_dir) == good and "damaged" in capsys.readouterr().out
    os.remove(good + ".data-00000-of-00001")
    with pytest.raises(UserError, match="none of the 2 checkpoints"):
        fitting.open_model_dir(output, dict(seed=0))


def test_more_steps_than_asked_is_an_error(tmp_path):
    class Trained:
        model_dir = str(tmp_path)

        def latest_checkpoint(self):
            return "model.ckpt-600"

        def get_variable_value(self, name):
            return 600

        def train(self, **unused):
            raise AssertionError("must not train")

    with pytest.raises(UserError, match="600 steps, more than --train-steps 100"):
        fitting.train(Trained(), None, 100)
    assert fitting.train(Trained(), None, 600) == 0.0


def test_printed_constants():
    book = argparse.Namespace(**code_9_08_births.PRESETS["book"])
    assert fitting.plain_numbers(book.periodicities) == 200 and book.cycle_num_latent_values == [15]
    assert (book.batch_size, book.window_size, book.train_steps, book.steps) == (4, 64, 600, 2)
