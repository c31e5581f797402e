"""Forced alignment: when each syllable is said."""

import itertools

import numpy as np
import pytest

from ch09_tacotron.beyond import alignment as fa
from ch09_tacotron.beyond import sound
from data.sample_thchs30 import RATE, SYLLABLES, hum


@pytest.mark.parametrize(
    "syllable, expected",
    [
        ("hao3", ("h", "ao")),
        ("shi4", ("sh", "iii")),
        ("si4", ("s", "ii")),
        ("xi1", ("x", "i")),
        ("qu4", ("q", "v")),
        ("yuan2", ("y", "van")),
        ("lv4", ("l", "v")),
        ("er2", ("", "er")),
        ("ai4", ("", "ai")),
        ("menr2", ("m", "en")),
        ("hao3,", ("h", "ao")),
        ("menr2!", ("m", "en")),
        ("shi4...", ("sh", "iii")),
        ("hao", ("h", "ao")),
    ],
)
def test_phones(syllable, expected):
    assert fa.phones(syllable) == expected


def test_states_of_an_utterance():
    states = fa.state_names("ma1 a1")
    assert [name for name, _ in states[:4]] == ["silence", "initial m 0", "initial m 1", "final a 0"]
    assert [number for _, number in states] == [0] * 7 + [1] * 4
    assert states[6][0] == states[10][0] == "silence"


def test_best_path_is_the_best_of_all():
    """Against every allowed path, tried one by one."""
    optional = np.array([True, False, True, False, True])
    steps = {(a, b) for a in range(5) for b in (a, a + 1)} | {(1, 3)}
    for seed in range(20):
        scores = np.random.RandomState(seed).randn(7, 5)
        paths = [
            path
            for path in itertools.product(range(5), repeat=7)
            if path[0] in (0, 1) and path[-1] in (3, 4) and all(step in steps for step in zip(path, path[1:]))
        ]
        best = max(paths, key=lambda path: sum(scores[t, s] for t, s in enumerate(path)))
        assert tuple(fa.best_path(scores, optional)) == best
    assert fa.best_path(np.zeros([1, 5]), optional) is None


def test_syllables_are_found_where_they_were_put():
    """Hums of known length with silence before, between and behind them."""
    random = np.random.RandomState(0)
    mels, texts, truth = [], [], []
    for _ in range(30):
        chosen = [SYLLABLES[i] for i in random.choice(len(SYLLABLES), 4, replace=False)]
        seconds = random.uniform(0.15, 0.35, 4)
        waves, begins = [np.zeros(RATE // 10)], []
        for syllable, length in zip(chosen, seconds):
            begins.append(sum(map(len, waves)) / sound.hop_length)
            waves += [hum(syllable, length), np.zeros(int(RATE * random.choice([0, 0.1])))]
        wave = np.concatenate(waves + [np.zeros(RATE // 10)])
        wave = 0.7 * wave / np.abs(wave).max() + random.normal(0, 1e-4, len(wave))
        mels.append(sound.melspectrogram(sound.magnitude(wave.astype(np.float32))).T)
        texts.append(" ".join(chosen))
        truth.append(begins)
    found, gaussians = fa.align(mels[:25], texts[:25])
    found += [fa.spans_of(gaussians, mel, text) for mel, text in zip(mels[25:], texts[25:])]  # never aligned before
    errors = np.abs(np.concatenate([spans[:, 0] - begins for spans, begins in zip(found, truth)]))
    assert np.median(errors) <= 3 and np.mean(errors <= 6) > 0.9  # frames; a window is 4 frames long
    candidates = sorted({fa.phones(syllable) for syllable in SYLLABLES})
    said = [[fa.phones(syllable) for syllable in text.split()] for text in texts]
    heard = [fa.recognise(gaussians, mel, spans, candidates) for mel, spans in zip(mels, found)]
    right = [one == other for one, other in zip(sum(said[25:], []), sum(heard[25:], []))]
    assert np.mean(right) > 0.6  # of 13 syllables, two of which (h + ao, n + i) share no sound with the others
    assert fa.recognise(gaussians, mels[0], [(5, 7)], candidates) == [None]
    assert all(np.all(spans[:, 0] < spans[:, 1]) and np.all(spans[1:, 0] >= spans[:-1, 1]) for spans in found)


def test_too_short_a_recording_is_left_out():
    mels = [np.random.RandomState(0).rand(60, 80), np.zeros([4, 80])]
    found, gaussians = fa.align(mels, ["ma1 ni3 hao3", "ma1"], rounds=2)
    assert found[0].shape == (3, 2) and found[1] is None
    assert fa.spans_of(gaussians, mels[0][:4], "ma1") is None  # too short
    assert fa.spans_of(gaussians, mels[0], "bo1") is None  # nobody has said it yet
    assert fa.align(mels[1:], ["ma1"]) == ([None], None)


def test_spans_are_kept_by_name_and_text(tmp_path):
    path, rows = str(tmp_path / "syllables.json"), [("s1", "m1", 9, "a1 o1"), ("s2", "m2", 9, "e1")]
    for row in rows:
        (tmp_path / row[1]).write_bytes(row[1].encode())
    assert fa.read_spans(path, rows) is None
    fa.write_spans(path, rows, [np.array([[0, 4], [4, 9]]), None])
    first, second = fa.read_spans(path, rows[::-1])
    assert first is None and second.tolist() == [[0, 4], [4, 9]]
    assert fa.read_spans(path, [("s1", "m1", 9, "a1 e1")]) is None  # another text


def test_spans_are_those_of_the_mel_file_as_it_is(tmp_path):
    """Recorded again, or with its silence cut off, an utterance kept the times of its old spectrogram."""
    path, rows = str(tmp_path / "syllables.json"), [("s1", "m1", 9, "a1 o1")]
    (tmp_path / "m1").write_bytes(b"as it was")
    fa.write_spans(path, rows, [np.array([[0, 4], [4, 9]])])
    assert fa.read_spans(path, rows, strict=True) is not None
    (tmp_path / "m1").write_bytes(b"made anew")
    assert fa.read_spans(path, rows) is None
    (tmp_path / "m1").unlink()
    assert fa.read_spans(path, rows) is None


def test_spans_of_before_are_good_for_a_trainer_where_they_fit(tmp_path):
    path, old = str(tmp_path / "syllables.json"), {"m1": dict(pinyin="a1 o1", spans=[[0, 4], [4, 9]])}
    fa.files.write_json(path, old)
    assert fa.read_spans(path, [("s1", "m1", 9, "a1 o1")])[0].tolist() == old["m1"]["spans"]
    assert fa.read_spans(path, [("s1", "m1", 9, "a1 o1")], strict=True) is None  # prepare.py aligns anew
    assert fa.read_spans(path, [("s1", "m1", 8, "a1 o1")]) is None  # they end behind the recording
