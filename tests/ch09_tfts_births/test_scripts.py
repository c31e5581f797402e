"""The scripts as a user runs them, at ``tiny``."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from ch09_tfts_births import code_9_08_births
from tests.helpers import assert_user_error, run_script, stop_at_once

LISTING = "ch09_tfts_births/code_9_08_births.py"
TINY = ("--preset", "tiny", "--threads", "1", "--output-dir")


def snapshot(folder):
    return {
        os.path.join(base, name): os.path.getmtime(os.path.join(base, name))
        for base, _, names in os.walk(str(folder))
        for name in names
    }


@pytest.mark.script
def test_a_stopped_training_is_no_result(tmp_path, monkeypatch, capsys):
    stop_at_once(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        code_9_08_births.main([*TINY, str(tmp_path)])
    assert "stopped at step 1; the same command goes on" in capsys.readouterr().out
    assert not os.path.exists(str(tmp_path / "record-code_9_08_births.json"))


@pytest.mark.script
@pytest.mark.slow
def test_listing_runs_saves_and_takes_up_its_own_run(tmp_path):
    """Errata E12, E14: the figure is saved; a second run says what it takes up; other settings are refused."""
    first = run_script(LISTING, *TINY, tmp_path / "run", "--train-steps", "4")
    assert "generated sample, not real data" in first.stdout and "taking up" not in first.stdout
    assert (
        "average_loss, covariance, global_step, log_likelihood, loss, mean, observed, start_tuple, times"
        in first.stdout
    )
    forecast = pd.read_csv(str(tmp_path / "run" / "forecast.csv"))
    assert forecast.date.tolist() == ["1978-02-05", "1978-02-06"] and np.isfinite(forecast["mean"]).all()
    with open(str(tmp_path / "run" / "forecast.png"), "rb") as stream:
        assert stream.read(8) == b"\x89PNG\r\n\x1a\n"
    with open(str(tmp_path / "run" / "record-code_9_08_births.json"), encoding="utf-8") as stream:
        loss = json.load(stream)["metrics"]["evaluation loss"]["value"]
    assert np.isfinite(loss)

    # The same folder again, through another reader and with another horizon: no training, the same evaluation.
    arguments = ("--train-steps", "4", "--reader", "tfrecord", "--steps", "3")
    second = run_script(LISTING, *TINY, tmp_path / "run", *arguments)
    assert "at step 4 of 4" in second.stdout
    assert "evaluation loss: %.7f" % loss in second.stdout
    assert len(pd.read_csv(str(tmp_path / "run" / "forecast.csv"))) == 3

    # A run of its own with the same seed gives the same figures.
    again = run_script(LISTING, *TINY, tmp_path / "again", "--train-steps", "4")
    assert "evaluation loss: %.7f" % loss in again.stdout
    assert pd.read_csv(str(tmp_path / "again" / "forecast.csv"))["mean"].tolist() == forecast["mean"].tolist()

    before = snapshot(tmp_path)
    other = run_script(LISTING, *TINY, tmp_path / "run", "--periodicities", "7", check=False)
    assert_user_error(other, "periodicities [200.0], not [7.0]", "--output-dir")
    horizon = run_script(LISTING, *TINY, tmp_path / "run", "--steps", "0", check=False)
    assert_user_error(horizon, "--steps 0")
    assert snapshot(tmp_path) == before


@pytest.mark.script
@pytest.mark.slow
def test_backtest_and_anomalies_share_the_model(tmp_path):
    small = ("--train-steps", "3")
    run_script("ch09_tfts_births/ext_9_7_6_backtest.py", *TINY, tmp_path, *small)
    table = pd.read_csv(str(tmp_path / "backtest.csv"))
    assert len(table) == 7 and np.isfinite(table.MAE).all() and table["within 95 % (%)"].between(0, 100).all()
    found = run_script("ch09_tfts_births/ext_9_7_7a_anomalies.py", *TINY, tmp_path, *small)
    assert "taking up the run" in found.stdout
    assert len(pd.read_csv(str(tmp_path / "anomalies.csv"))) == 3
    for name in ("backtest.png", "anomalies.png", "record-ext_9_7_6_backtest.json", "record-ext_9_7_7a_anomalies.json"):
        assert os.path.getsize(str(tmp_path / name)) > 500
