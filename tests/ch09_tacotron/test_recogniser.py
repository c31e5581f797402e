"""The judge of speech: phones, scores, and that it learns."""

import numpy as np
import pytest

from ch09_tacotron.beyond import recogniser
from ch09_tacotron.beyond.recogniser import Score, edit_distance, phones, score
from common import files, options
from common.errors import UserError


@pytest.mark.parametrize(
    "syllable, expected",
    [
        ("ma1", "m a1"),
        ("xue2", "x ve2"),
        ("yi1", "i1"),
        ("yu3", "v3"),
        ("yuan2", "van2"),
        ("you3", "iou3"),
        ("ying2", "ing2"),
        ("wu4", "u4"),
        ("wo3", "uo3"),
        ("liu2", "l iou2"),
        ("gui4", "g uei4"),
        ("lun2", "l uen2"),
        ("jun1", "j vn1"),
        ("lv4", "l v4"),
        ("nve4", "n ve4"),
        ("zi3", "z ii3"),
        ("shi4", "sh iii4"),
        ("ri4", "r iii4"),
        ("er2", "er2"),
        ("wanr2", "uan2 r"),
        ("a5", "a5"),
    ],
)
def test_phones(syllable, expected):
    assert phones(syllable) == expected.split()


@pytest.mark.parametrize("syllable", ["xyz1", "ma", "ma6", "", "1"])
def test_what_is_no_syllable_is_named(syllable):
    with pytest.raises(UserError, match="no syllable"):
        phones(syllable)


def test_edit_distance_against_the_table_of_the_definition():
    random = np.random.RandomState(0)
    for _ in range(20):
        a, b = (random.randint(0, 4, random.randint(0, 8)).tolist() for _ in range(2))
        table = np.zeros([len(a) + 1, len(b) + 1], int)
        table[:, 0], table[0] = np.arange(len(a) + 1), np.arange(len(b) + 1)
        for i in range(1, len(a) + 1):
            for j in range(1, len(b) + 1):
                exchanged = table[i - 1, j - 1] + (a[i - 1] != b[j - 1])
                table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, exchanged)
        assert edit_distance(a, b) == table[-1, -1]


def test_a_wrong_tone_is_half_a_mistake():
    heard = score(["m", "a1", "n", "i3"], "ma2 ni3")
    assert heard == Score(4, 0, 1)
    assert heard.right == 1.0 and heard.right_with_tones == 0.75
    assert heard + Score(4, 2, 3) == Score(8, 2, 4)


def test_greedy_leaves_out_blanks_and_repetitions():
    names = ["m", "m", None, "a1", None, "a1"]
    logits = np.zeros([6, len(recogniser.PHONES) + 1])
    for row, name in zip(logits, names):
        row[-1 if name is None else recogniser.PHONES.index(name)] = 1
    assert recogniser.greedy(logits) == ["m", "a1", "a1"]


def test_augmented_frames_stay_frames():
    mel = np.random.RandomState(1).rand(100, 80).astype(np.float32)
    kept = mel.copy()
    one, again, other = (recogniser.augment(mel, np.random.RandomState(seed)) for seed in (0, 0, 1))
    assert 85 <= len(one) <= 120 and one.min() >= 0 and one.max() <= 1
    np.testing.assert_array_equal(one, again)
    assert one.shape != other.shape or np.abs(one - other).max() > 0
    np.testing.assert_array_equal(mel, kept)


def test_weights_that_are_not_there_are_one_line(tmp_path):
    with pytest.raises(UserError, match="recogniser.py trains one"):
        recogniser.Recogniser(str(tmp_path))


@pytest.mark.slow
def test_a_call_when_all_is_trained_says_the_score_again(tmp_path):
    """It wrote 'phones right: 100 %', of no phone at all, over the record."""
    folder, random = tmp_path / "training", np.random.RandomState(2)
    folder.mkdir()
    options.save_settings(str(folder), dict(data="noise"))
    for name, texts in (("train.txt", ["ma1 ni3", "hao3", "shi4 ma1"]), ("heldout.txt", ["ni3 hao3"])):
        rows = ["spec.npy|%s-%d.npy|40|%s" % (name, number, text) for number, text in enumerate(texts)]
        (folder / name).write_text("\n".join(rows) + "\n")
        for number in range(len(texts)):
            np.save(str(folder / ("%s-%d.npy" % (name, number))), random.rand(40, 80).astype(np.float32))
    words = ["--preset", "tiny", "--output-dir", str(tmp_path), "--steps", "2"]
    figures = []
    for _ in range(2):
        recogniser.main(words)
        figures.append(files.read_json(str(tmp_path / "record-recogniser.json"))["metrics"])
    assert figures[0] == figures[1] and figures[0]["phones right"]["value"] < 100
