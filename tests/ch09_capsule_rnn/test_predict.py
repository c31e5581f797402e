"""Own texts: what the model reads, when it is believed, which words decided, what ships."""

import argparse
import collections
import os
import types

import numpy as np
import pytest
import tensorflow as tf

from ch09_capsule_rnn.beyond import calibrate, classifier, export, hybrid, own_texts, predict, reports
from common.chinese import chinese, is_chinese
from common.errors import UserError
from data import reuters


def reader(num_words=1000, **settings):
    index = {"crude": 5, "rare": 5000, "the": 1}
    return types.SimpleNamespace(word_index=index, settings=types.SimpleNamespace(num_words=num_words, **settings))


def test_words_that_are_not_known_are_in_brackets_and_texts_without_a_known_word_refused():
    words, ids, known, total = classifier.Classifier.read(reader(maxlen=0), "Crude oil, rare!")
    assert words == ["(start)", "crude", "[oil]", "[rare]"] and ids == [1, 8, 2, 2] and (known, total) == (1, 3)
    for text, message in (("", "no words"), ("天气很好", "no word of"), ("qqqq wwww", "no word of the text is known")):
        with pytest.raises(UserError, match=message):
            classifier.Classifier.read(reader(maxlen=0), text)


def test_a_long_text_is_cut_as_in_training():
    text = "the the crude"
    assert classifier.Classifier.read(reader(maxlen=2), text)[1] == [4, 8]  # the listing keeps the last words
    assert classifier.Classifier.read(reader(maxlen=2, truncating="post"), text)[1] == [1, 4]


# ------------------------------------------------------------------------------------------- calibration
def test_the_temperature_that_made_the_probabilities_is_found_again():
    random = np.random.RandomState(0)
    logits = random.normal(size=[4000, 5]) * 2
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.array([random.choice(5, p=row) for row in true])
    too_sure = calibrate.soften(true, 1 / 2.0)
    found = calibrate.fit_temperature(too_sure, labels)
    assert found == pytest.approx(2.0, rel=0.1)
    np.testing.assert_allclose(calibrate.soften(too_sure, 2.0), true, rtol=1e-6)
    before = calibrate.reliability(too_sure.max(axis=1), too_sure.argmax(axis=1) == labels)[0]
    after = calibrate.reliability(true.max(axis=1), true.argmax(axis=1) == labels)[0]
    assert after < 0.03 < before


def test_reliability_counts_every_text():
    error, rows = calibrate.reliability(np.array([0.05, 0.95, 1.0]), np.array([False, True, False]))
    assert [row[1] for row in rows] == [1, 2] and rows[1][2:] == [pytest.approx(0.975), 0.5]
    assert error == pytest.approx((0.05 + 2 * 0.475) / 3)


# ------------------------------------------------------------------------------------------- texts that are no business news
def test_unknown_words_are_counted_but_a_single_name_is_forgiven():
    assert calibrate.unknown_share([1, 2, 9, 2, 9]) == 0.5 and calibrate.unknown_share([9, 2, 2, 9]) == 0.5
    assert calibrate.unknown_share([1, 2, 9]) == 0.0 and calibrate.unknown_share([1, 9]) == 0.0
    table = np.array([[1, 2, 2, 9, 9, 0, 0], [1, 9, 9, 9, 9, 9, 9]])
    np.testing.assert_array_equal(calibrate.unknown_shares(table, [5, 7]), [0.5, 0.0])  # padding is no word


def test_doubt_names_its_reason_and_runs_without_limits_have_none():
    limits = types.SimpleNamespace(unknown=0.2, threshold=0.5, rare=None)
    doubt = classifier.Classifier.doubt
    assert doubt(limits, [1, 2, 2, 9, 9], 0.99) == "50 % of its words unknown"
    assert doubt(limits, [1, 9, 9], 0.49) == "too unsure" and doubt(limits, [1, 9, 9], 0.5) == ""
    assert doubt(types.SimpleNamespace(unknown=None, threshold=None, rare=None), [1, 2, 2], 0.1) == ""
    rare = types.SimpleNamespace(unknown=None, threshold=None, rare=3.0, idf=np.array([0, 0, 0, 2.5, 4.0, 5.0]))
    reason = doubt(rare, [1, 4, 4], 0.6)
    assert reason == "not sure enough for words so rare in business news" and is_chinese(chinese(reason))
    assert not doubt(rare, [1, 4, 4], 0.95) and not doubt(rare, [1, 3, 3], 0.6)


def test_rarer_words_need_a_surer_answer():
    idf = np.array(
        [0, 9, 0, 1.0, 3.0, 4.0]
    )  # 1 is the start sign, which is left out; 2 the unknown word, as rare as the rarest
    assert calibrate.too_rare([1, 3, 4], idf, 0.5) == pytest.approx(2.0)
    assert calibrate.too_rare([1, 3, 2], idf, 0.5) == pytest.approx((1.0 + 9.0) / 2)
    odds = np.log(0.9 / 0.1)
    assert calibrate.too_rare([3, 4], idf, 0.9) == pytest.approx(2.0 - calibrate.SURENESS * odds)
    assert np.isfinite(calibrate.too_rare([3], idf, 1.0))
    part = (np.array([[1, 3, 4, 0], [1, 3, 0, 0]]), [3, 2])
    np.testing.assert_allclose(calibrate.rarenesses(part, idf, [0.5, 0.5]), [2.0, 1.0])


def test_own_texts_are_three_parts_of_both_kinds_without_a_text_in_two():
    rows = own_texts.read_texts()
    counts = collections.Counter((part, kind == "news") for part, kind, _, _ in rows)
    numbers = {"choose": (40, 110), "report": (20, 40), "later": (12, 26)}
    assert counts == {(part, kind): n for part, pair in numbers.items() for kind, n in zip((True, False), pair)}
    assert len({content for _, _, _, content in rows}) == len(rows)
    for _, kind, topics, _ in rows:
        assert bool(topics) == (kind == "news") and set(topics.split()) <= set(reuters.TOPICS)


def test_the_shipped_model_answers_news_and_refuses_the_rest():
    news = {
        "Oil prices fell as OPEC agreed to raise its output of crude by 500,000 barrels a day.": "crude",
        "Wheat exports to Egypt rose after a poor harvest there, the Department of Agriculture said.": "grain",
        "gold": "gold",
    }
    others = [
        "Beat the sugar with the butter until it is pale, stir in the eggs and the flour, and bake for forty minutes.",
        "Arsenal signed the Spanish striker on a long contract; he scored twice on his debut at Highbury.",
    ]
    with classifier.shipped(threads=1) as ship:
        for content, topic in list(news.items()) + [(content, None) for content in others]:
            ids = ship.read(content)[1]
            found = ship([ids])[0]
            doubt = ship.doubt(ids, found.max())
            assert (doubt == "", ship.topics[found.argmax()]) == (True, topic) if topic else doubt != "", content


# ------------------------------------------------------------------------------------------- which words decided
class Counting(classifier.Classifier):
    """A model that is the surer of topic 1 the more often words 8 and 2 (unknown) occur, and the less the more often 9 does."""

    def __init__(self):
        pass

    def __call__(self, texts):
        evidence = np.array([float(text.count(8) + text.count(2) - text.count(9)) for text in texts])
        return np.stack([1 / (1 + np.exp(evidence)), 1 / (1 + np.exp(-evidence))], axis=1)


def test_effects_tell_words_for_and_against():
    effects = Counting().effects([1, 8, 9, 8, 7], 1)
    np.testing.assert_allclose(effects, [0, 2, -1, 2, 0], atol=1e-9)  # log-odds; both 8 are left out at once
    np.testing.assert_allclose(
        Counting().effects([2, 2, 2, 7], 1), [1, 1, 1, 0], atol=1e-9
    )  # each unknown word by itself
    np.testing.assert_allclose(Counting().effects([8] * 60 + [9], 1)[[0, -1]], [60, -1], rtol=1e-6)  # not rounded away
    assert Counting().effects([8], 1).tolist() == [0.0]  # nothing would be left


def test_words_are_coloured_in_the_terminal_and_drawn(tmp_path):
    line = predict.colored(["oil", "of", "rain"], np.array([2.0, 0.0, -1.0]))
    assert line.count("\033[0m") == 2 and " of " in line and "48;5;83moil" in line and "48;5;217mrain" in line
    assert "83m" not in predict.colored(["oil"], np.array([0.3]))  # a weak effect is not the fullest colour
    assert predict.listed(["oil", "of", "rain", "oil"], np.array([0.9, 0.0, -0.4, 0.9])) == "oil +0.9, rain -0.4"
    assert predict.listed(["a"], np.array([0.0])) == "no single word"
    path = reports.draw_words(
        str(tmp_path / "words.png"), ["oil", "of", "x" * 120], np.array([1.0, 0.0, -2.0]), "title"
    )
    assert os.path.getsize(path) > 1000


# ------------------------------------------------------------------------------------------- what ships
def test_what_ships_is_read_back(tmp_path):
    values = {row.name: row.presets.get("tiny", row.value) for row in hybrid.VALUES}
    settings = argparse.Namespace(**dict(values, num_words=10, embedding_size=4, rnn_units=[3], folds=2))
    random = np.random.RandomState(0)
    with tf.Graph().as_default():
        hybrid.build(settings)
        shapes = {v.op.name: v.shape.as_list() for v in classifier.fitting.model_variables()}
    arrays = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    index = {"word%d" % rank: rank for rank in range(1, 20)}
    small, kept = export.to_ship(
        arrays,
        settings,
        index,
        ["topic%d" % k for k in range(46)],
        dict(temperature=1.5, threshold=0.3, unknown=0.2, rare=3.5),
    )
    assert small["linear"].shape == (10, 46) and kept["words"] == ["word%d" % rank for rank in range(1, 7)]
    path = str(tmp_path / "news.npz")
    export.weights.save(path, small, kept)
    with classifier.shipped(path, threads=1) as ship:
        words, ids, _, _ = ship.read("word1 word2 word9")
        found = ship([ids])
        assert words[-1] == "[word9]" and found.shape == (1, 46) and found.sum() == pytest.approx(1, abs=1e-5)
        shares, strengths = ship.couplings(ids)
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-4)
        assert strengths.shape == (4, 5) and [getattr(ship, name) for name in classifier.LIMITS] == [1.5, 0.3, 0.2, 3.5]
    with open(str(tmp_path / "calibration.json"), "w") as stream:
        stream.write('{"temperature": 1.0, "threshold": 0.4, "unknown": 0.1}')  # of an older calibrate.py
    with pytest.raises(UserError, match="no 'rare'"):
        export.read_calibration(str(tmp_path / "calibration.json"))
    kept.pop("words")
    export.weights.save(path, small, kept)
    with pytest.raises(UserError, match="words"):
        classifier.shipped(path)
