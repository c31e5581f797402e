"""Fits that stop, go on exactly, and refuse what is not theirs; forecasts that know nothing of what comes after their origin."""

import argparse
import os
import signal

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from ch09_tfts_births import code_9_08_births as listing
from ch09_tfts_births import ext_9_7_7_fit as exercises
from ch09_tfts_births import ext_9_7_7c_lstm as lstm
from ch09_tfts_births.beyond import calendar_days, fitting
from common import estimators, run
from common.errors import Stopped, UserError

DAYS = np.arange("1980-11-01", "1981-06-29", dtype="datetime64[D]")  # 240


def make_values():
    noise = np.random.RandomState(1).normal(0.0, 5.0, len(DAYS))
    return 200.0 - 40.0 * (lstm.weekdays(DAYS)[:, 5:].sum(axis=1)) + noise


def make_opts(folder, **changes):
    values = dict(preset="tiny", seed=0, threads=1, output_dir=str(folder), batch_size=2, window_size=12, train_steps=2)
    return argparse.Namespace(**dict(values, **changes))


def stop_after(monkeypatch, steps):
    """SIGTERM comes after so many steps of the next training."""

    class Stopping(estimators.Watch):
        def after_run(self, run_context, run_values):
            self.seen = getattr(self, "seen", 0) + 1
            if self.seen == steps:
                os.kill(os.getpid(), signal.SIGTERM)
            super().after_run(run_context, run_values)

    monkeypatch.setattr(estimators, "Watch", Stopping)


def test_windows_depend_on_the_seed_only():
    from ch09_tfts_births.ext_9_7_2_readers import repeatable_windows

    values, found = make_values(), []
    reader = tf.contrib.timeseries.NumpyReader(dict(times=np.arange(240), values=values))
    for seed in (1, 1, 2):
        tf.reset_default_graph()
        tf.set_random_seed(5)
        features, _ = repeatable_windows(reader, 4, 16, seed)()
        with tf.train.MonitoredSession() as session:
            batches = [session.run(features) for _ in range(30)]
        found.append(np.stack([batch["times"] for batch in batches]))
        np.testing.assert_allclose(batches[0]["values"][..., 0], values[batches[0]["times"]], rtol=1e-6)
    assert found[0].shape == (30, 4, 16)
    assert (np.diff(found[0], axis=2) == 1).all()  # windows of consecutive days
    assert (found[0] == found[1]).all() and (found[0] != found[2]).any()


@pytest.mark.slow
def test_a_stopped_listing_is_no_result(tmp_path, monkeypatch):
    stop_after(monkeypatch, 1)
    with pytest.raises(Stopped) as caught:
        listing.main(["--preset", "tiny", "--output-dir", str(tmp_path)])
    assert caught.value.signal == signal.SIGTERM
    assert tf.train.latest_checkpoint(str(tmp_path / "mode")).endswith("ckpt-1")
    assert not (tmp_path / "record-code_9_08_births.json").exists()


def test_folder_of_another_model_is_refused_and_left_alone(tmp_path):
    """Erratum E12: the print trains on whatever lies in mode/."""
    opts = make_opts(tmp_path)
    with pytest.raises(ZeroDivisionError):  # stands for the training, which is none of this test's business
        exercises.fit(opts, "model", lambda folder: 1 / 0, make_values(), {}, 2, model="week")
    (tmp_path / "model" / "mode").mkdir()
    save_model(str(tmp_path / "model" / "mode"), 1.0, 1)  # from here on other settings would mix two models
    settings = tmp_path / "model" / "settings.json"
    before = settings.read_text()
    opts.window_size = 13
    with pytest.raises(UserError, match="window_size 12, not 13.*another --output-dir"):
        exercises.fit(opts, "model", lambda folder: 1 / 0, make_values(), {}, 2, model="week")
    with pytest.raises(UserError, match="fitted_to"):
        exercises.fit(make_opts(tmp_path), "model", lambda folder: 1 / 0, make_values() + 1, {}, 2, model="week")
    assert settings.read_text() == before


def save_model(folder, value, step):
    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.get_variable("value", initializer=value)
        session.run(variable.initializer)
        return tf.train.Saver([variable]).save(session, os.path.join(folder, "model.ckpt"), global_step=step)


def test_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, capsys):
    folder = str(tmp_path)
    good, bad = save_model(folder, 1.0, 10), save_model(folder, 2.0, 20)
    with open(bad + ".data-00000-of-00001", "wb") as stream:
        stream.write(b"x")
    assert estimators.newest_whole(folder) == good
    assert tf.train.latest_checkpoint(folder) == good and "damaged" in capsys.readouterr().err
    os.remove(good + ".data-00000-of-00001")
    with pytest.raises(UserError, match="none of the 2 checkpoints"):
        estimators.newest_whole(folder)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe garbage", b'model_checkpoint_path: "model.ckpt-7"\n'])
def test_a_list_of_checkpoints_that_are_not_there_is_one_line(content, tmp_path):
    (tmp_path / "checkpoint").write_bytes(content)
    with pytest.raises(UserError, match="remove .* to train anew"):
        estimators.newest_whole(str(tmp_path))


@pytest.mark.parametrize(
    "error, kind",
    [
        (tf.train.NanLossDuringTrainingError(), "another --seed may help, in another --output-dir"),
        (tf.errors.InvalidArgumentError(None, None, "Cholesky decomposition was not successful\nmore"), "Cholesky"),
        (
            tf.errors.NotFoundError(None, None, "Key model/x not found in checkpoint"),
            "cannot be trained on .*Key model/x",
        ),
        (tf.errors.ResourceExhaustedError(None, None, "No space left on device"), "disk is full.*No space left"),
    ],
)
def test_what_breaks_a_training_is_one_line(error, kind, tmp_path):
    this = run.Run(argparse.Namespace(output_dir=str(tmp_path)), checkpoints="mode")
    with pytest.raises(UserError, match=kind) as caught:
        with estimators.training(this, 100):
            raise error
    assert "\n" not in str(caught.value)


def test_more_steps_than_asked_is_an_error(tmp_path):
    this = run.Run(argparse.Namespace(output_dir=str(tmp_path)), checkpoints="mode")
    os.makedirs(this.checkpoint_dir)
    save_model(this.checkpoint_dir, 1.0, 600)
    with pytest.raises(UserError, match="600 steps, more than the 100"):
        with estimators.training(this, 100):
            raise AssertionError("must not train")


# -------------------------------------------------------------------------------------------------------------- forecasts
@pytest.mark.slow
def test_a_stopped_fit_goes_on_exactly_and_forecasts_without_peeking(tmp_path, monkeypatch):
    """Windows, optimiser and the filter's states between windows: the end is that of a fit that was never stopped.

    Then the forecasts: later values do not matter, and a holiday moves its own day only.
    """
    values, origins = make_values(), np.array([150, 170])
    setting = fitting.Setting("holidays", [7], [3], calendar_days.quebec(DAYS))

    def fit(name):
        tf.reset_default_graph()
        return fitting.fit_structural(setting, make_opts(tmp_path / name, train_steps=3), values, 200, origins)

    whole, _, _ = fit("whole")
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(Stopped):
            fit("stopped")
    assert tf.train.latest_checkpoint(str(tmp_path / "stopped" / "holidays" / "mode")).endswith("ckpt-2")
    estimator, _, features = fit("stopped")
    mode = tmp_path / "stopped" / "holidays" / "mode"
    assert max(path.stat().st_size for path in mode.glob("*.data-*")) < 5e6  # TFTS's own tables: a hundred megabytes
    assert not list(mode.glob("*.meta")) + list(
        mode.glob("graph.pbtxt")
    )  # the Estimator's own saver takes seconds to write them
    names = whole.get_variable_names()
    assert sorted(names) == sorted(estimator.get_variable_names()) and any("cached_states" in name for name in names)
    for name in names:
        np.testing.assert_array_equal(whole.get_variable_value(name), estimator.get_variable_value(name), err_msg=name)

    mean, deviation = fitting.forecasts(estimator, values, features, origins, 5)
    assert mean.shape == deviation.shape == (2, 5)
    changed = np.concatenate([values[:150], 10.0 * values[150:]])
    name = [item for item in names if item.endswith("holiday_effects")][0]
    effects = estimator.get_variable_value(name)
    assert effects.shape == (len(calendar_days.HOLIDAYS), 1) and np.abs(effects).max() > 0
    kind = int(np.abs(effects).argmax())
    told = {"holidays": features["holidays"].copy()}
    assert told["holidays"][150:155].sum() == 0
    told["holidays"][151, kind] = 1.0
    moved, _ = fitting.forecasts(estimator, changed, told, origins, 5)
    spread = np.sqrt(estimator.get_variable_value("input_statistics/overall_feature_var"))
    expected = np.zeros(5)
    expected[1] = effects[kind, 0] * spread[0]
    np.testing.assert_allclose(moved[0] - mean[0], expected, atol=1e-6)
    assert np.abs(moved[1] - mean[1]).max() > 1.0


@pytest.mark.slow
def test_lstm_scores_a_normal_distribution_and_does_not_peek(tmp_path):
    values, origins = make_values(), np.array([150, 170])
    opts = make_opts(tmp_path, num_units=3, learning_rate=0.01)
    features = {"calendar": np.concatenate([lstm.weekdays(DAYS), lstm.year_waves(DAYS)], axis=1)}
    assert features["calendar"].shape == (240, 13)
    estimator, _ = exercises.fit(
        opts,
        "lstm",
        lambda folder: lstm.lstm_estimator(opts, 13, folder, head_type=fitting.origins_head(origins)),
        values[:200],
        features,
        3,
        model="lstm",
    )
    evaluation = exercises.evaluate(estimator, values, features)
    normal = scipy.stats.norm(evaluation["mean"][0, :, 0], np.sqrt(evaluation["covariance"][0, :, 0, 0]))
    spread = np.sqrt(estimator.get_variable_value("input_statistics/overall_feature_var")[0])
    expected = normal.logpdf(values) + np.log(spread)  # the loss is that of normalised values
    np.testing.assert_allclose(evaluation["log_likelihood"][0], expected, atol=1e-3)
    np.testing.assert_allclose(evaluation["loss"], -expected.mean(), atol=1e-3)
    mean, _ = fitting.forecasts(estimator, values, features, origins, 5)
    changed = np.concatenate([values[:150], 10.0 * values[150:]])
    peeked, _ = fitting.forecasts(estimator, changed, features, origins, 5)
    np.testing.assert_allclose(peeked[0], mean[0], rtol=1e-5)
    assert np.abs(peeked[1] - mean[1]).max() > 0.1
