"""Injection, rolling z-scores, the second model and the measures, against plain loops."""

import argparse

import numpy as np
import pytest

from ch09_tfts_births import ext_9_7_7a_anomalies as anomalies
from common import records
from common.errors import UserError


def test_injected_days_are_the_changed_days():
    values = np.linspace(100.0, 200.0, 300)
    changed, size = anomalies.inject(values, 150, 10, [1.0, 2.0], 7.0, seed=1)
    np.testing.assert_allclose(np.abs(changed - values), 7.0 * size)
    assert size[:150].sum() == 0 and set(size) == {0.0, 1.0, 2.0}
    places = np.flatnonzero(size)
    assert len(places) == 15 and np.diff(places).min() >= 5
    assert (anomalies.inject(values, 150, 10, [1.0, 2.0], 7.0, seed=1)[0] == changed).all()


def test_rolling_z_against_a_loop():
    values = np.random.RandomState(0).normal(size=60)
    for window, step in ((10, 1), (3, 7)):
        distance = anomalies.rolling_z(values, window, step)
        for day in range(60):
            before = values[day - step * window : day : step] if day >= step * window else []
            expected = abs(values[day] - np.mean(before)) / np.std(before, ddof=1) if len(before) else 0.0
            np.testing.assert_allclose(distance[day], expected)


def test_judge_by_hand():
    distance = np.array([0.5, 3.0, 2.0, 0.1, 4.0])
    truth = np.array([False, True, False, True, True])
    precision, recall, f1 = anomalies.judge(distance, truth, 1.0)
    assert precision == 2 / 3 and recall == 2 / 3 and abs(f1 - 2 / 3) < 1e-12
    assert anomalies.learn_threshold(distance, truth) == 2.0  # 3.0 and 4.0 are then the alarms
    assert anomalies.judge(distance, truth, 9.0) == (0.0, 0.0, 0.0)


def test_band_features():
    features = anomalies.band_features(np.array([0.5, -3.0, 100.0]))
    np.testing.assert_allclose(features[:, 0], [0.5, 3.0, 20.0])
    np.testing.assert_allclose(features[:, 1], [0.0, 1.04, 18.04], rtol=1e-5)
    assert features[:, 2].tolist() == [1.0, -1.0, 1.0] and features[:, 3].tolist() == [0.0, 0.5, 3.0]


def test_second_model_learns_what_no_threshold_can():
    """Only distances upwards are anomalies here: the sign decides, which a threshold on the size cannot see."""
    signed = np.random.RandomState(0).normal(0.0, 3.0, 800)
    truth = signed > 3.0
    features = anomalies.band_features(signed)
    found = anomalies.second_model(features[:400], truth[:400], features, seed=0)
    by_model = anomalies.judge(found[400:], truth[400:], 0.5)[2]
    threshold = anomalies.learn_threshold(features[:400, 0], truth[:400])
    assert by_model > 0.9 > anomalies.judge(features[400:, 0], truth[400:], threshold)[2]
    assert (anomalies.second_model(features[:400], truth[:400], features, seed=0) == found).all()


def test_days_that_were_filled_get_no_anomaly_and_count_for_nothing(tmp_path, monkeypatch):
    """Anomalies were injected into them, and found."""
    random = np.random.RandomState(0)
    values, real, judged = random.normal(size=300), random.rand(300) > 0.4, []
    opts = argparse.Namespace(
        holdout_days=80, draws=1, spacing=3, sizes=[3.0], seed=0, shown_days=60, output_dir=str(tmp_path), preset="book"
    )
    opts.example = "tfts_births"
    record = records.Record(opts, "anomalies", "section 9.7.7 (1)", "a made series")
    found = dict(mean=np.zeros([1, 300, 1]), covariance=np.ones([1, 300, 1, 1]))
    monkeypatch.setattr(anomalies.fitting, "evaluate", lambda made, changed, told: judged.append(changed) or found)
    monkeypatch.setattr(anomalies, "second_model", lambda told, truth, every, seed: np.abs(every[:, 0]))
    days = np.arange(300).astype("datetime64[D]")
    anomalies.find_anomalies(opts, record, values, days, None, {}, real)
    (changed,) = judged
    assert (changed == values)[~real].all() and (changed != values)[real].sum() > 10
    injected = (changed != values)[220:].sum()
    assert record.content["tables"][0]["note"].startswith("%d anomalies injected" % injected)
    assert record.content["tables"][0]["note"].endswith("count for nothing.")
    with pytest.raises(UserError, match="all values of a hold-out of 80 are filled"):
        anomalies.find_anomalies(opts, record, values, days, None, {}, real & (np.arange(300) < 220))
