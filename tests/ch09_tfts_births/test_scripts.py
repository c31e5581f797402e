"""What the README's tiny commands left, and what a second run makes of it."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from tests import helpers

FOLDER = "ch09_tfts_births"
pytestmark = [pytest.mark.script, pytest.mark.slow]


@pytest.fixture
def tiny(walk):
    """The run folder of the walk."""
    return os.path.join(walk(FOLDER), "output", "tfts_births", "tiny")


def read_record(folder, script):
    with open(os.path.join(folder, "record-%s.json" % script), encoding="utf-8") as stream:
        return json.load(stream)


def test_other_settings_are_refused_and_the_model_is_what_it_was(walk, tiny):
    """Erratum E12: the print trains on whatever lies in mode/."""
    words = ["python", FOLDER + "/code_9_08_births.py", "--preset", "tiny"]
    refused = helpers.in_copy(walk(FOLDER), words + ["--periodicities", "7"])
    helpers.assert_user_error(refused, "periodicities 200, not 7", "--output-dir")
    output, _ = helpers.printed(walk(FOLDER), "ext_9_7_2_readers")
    loss = read_record(tiny, "code_9_08_births")["metrics"]["evaluation loss"]["value"]
    assert output.count("loss %s;" % np.float32(loss)) == 3, "the three readers give the listing's own evaluation"


def test_the_readers_read_the_same(tiny):
    table = pd.read_csv(os.path.join(tiny, "readers", "readers.csv"))
    assert table.reader.tolist() == ["NumpyReader", "CSVReader", "TFExampleReader"]
    assert (table["values"] == 400).all() and table["evaluation loss"].nunique() == 1
    series = pd.read_csv(os.path.join(tiny, "readers", "series.csv"), header=None)
    assert series[0].tolist() == list(range(400)) and series[1].between(50, 400).all()


def test_the_exercises_leave_their_tables(tiny):
    anomalies = pd.read_csv(os.path.join(tiny, "anomalies.csv"))
    assert anomalies.detector.tolist()[:2] == [
        "distance to TFTS's band, threshold",
        "distance to TFTS's band, second model",
    ]
    assert anomalies[["precision", "recall", "F1"]].apply(lambda column: column.between(0, 1)).values.all()
    assert pd.read_csv(os.path.join(tiny, "multivariate.csv")).model.tolist() == ["week", "week, two variables"]
    assert pd.read_csv(os.path.join(tiny, "lstm.csv")).model.tolist() == ["LSTM", "week+year"]


def test_the_backtest_takes_up_the_fit_of_the_exercises(walk, tiny):
    output, _ = helpers.printed(walk(FOLDER), "backtest")
    assert "resuming from" in output
    table = pd.read_csv(os.path.join(tiny, "backtest.csv"))
    assert len(table) == 6 and np.isfinite(table.MAE).all() and table["within 95 % (%)"].between(0, 100).all()
    coverage = pd.read_csv(os.path.join(tiny, "coverage.csv"))
    assert len(coverage) == 12 and coverage.band.unique().tolist() == ["its own band", "widened"]


def test_the_forecast_says_who_wins_and_has_dates(walk):
    output, _ = helpers.printed(walk(FOLDER), "forecast")
    assert "seasonal naive" in output and " wins: " in output
    folder = os.path.join(walk(FOLDER), "output", "tfts_births", "own-births-tiny")
    table = pd.read_csv(os.path.join(folder, "forecast.csv"))
    assert table.date.tolist() == [str(day)[:10] for day in pd.date_range("1978-02-05", periods=7)]
    assert np.isfinite(table.drop(columns="date").values).all() and (table.lower_95 < table["mean"]).all()
    files = read_record(folder, "forecast")["files"]
    assert sorted(entry["path"] for entry in files) == ["forecast.csv", "forecast.png"]
