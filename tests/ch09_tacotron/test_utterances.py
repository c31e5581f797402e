"""Symbols with an end, batches of like length: ``beyond/utterances.py``, and what listing 9-15 does in their place."""

import argparse
import os

import numpy as np
import pytest
import tensorflow as tf

from ch09_tacotron import code_9_15_dataset as listing
from ch09_tacotron.beyond import utterances as ours
from common.errors import UserError


@pytest.fixture
def corpus(tmp_path):
    """Ten utterances of 7, 14, … 70 frames whose values are the utterance's number."""
    with open(str(tmp_path / "train.txt"), "w", encoding="utf-8") as stream:
        for number in range(1, 11):
            frames = 7 * number
            np.save(str(tmp_path / ("s%d.npy" % number)), np.full([frames, 1025], number, np.float32))
            np.save(str(tmp_path / ("m%d.npy" % number)), np.full([frames, 80], number, np.float32))
            stream.write("s%d.npy|m%d.npy|%d|%s\n" % (number, number, frames, "ma1 " * number + "ni3"))
    return str(tmp_path / "train.txt")


def test_text_there_and_back():
    text = "ni3 hao3, lv4 (zhong1!)"
    assert listing.sequence_to_text(ours.text_to_sequence(text)) == text
    assert ours.text_to_sequence("a1") == [28, 54]


def test_e27_the_end_symbol_can_be_appended():
    assert ours.text_to_sequence("a1", end_symbol=True)[-1] == 1
    assert 1 not in ours.text_to_sequence("a1")


@pytest.mark.parametrize("text, character", [("你好", "你"), ("a1_", "_"), ("a1~", "~"), ("lü4", "ü")])
def test_an_unknown_character_is_named(text, character):
    with pytest.raises(UserError, match=character):
        ours.text_to_sequence(text)


def test_bad_metadata(tmp_path):
    path = tmp_path / "train.txt"
    with pytest.raises(UserError, match="prepare.py"):
        ours.read_metadata(str(path))
    path.write_text("")
    with pytest.raises(UserError, match="empty"):
        ours.read_metadata(str(path))
    path.write_text("a|b|12|ma1\na|b|c\n")
    with pytest.raises(UserError, match="line 2"):
        ours.read_metadata(str(path))


def test_e29_a_batch_is_padded_to_its_own_longest(corpus):
    rows = ours.read_metadata(corpus)
    folder = os.path.dirname(corpus)
    utterances = [ours.load_utterance(folder, row) for row in rows[:2]]
    inputs, input_lengths, linear, mel, stop, lengths, places = ours.make_batch(utterances, 5)
    assert linear.shape == (2, 15, 1025) and mel.shape == (2, 15, 80)  # 14 frames, rounded up; the corpus has 70
    assert linear.dtype == mel.dtype == stop.dtype == np.float32
    assert stop.tolist() == [[0] * 7 + [1] * 8, [0] * 14 + [1]]
    assert np.all(mel[0, :7] == 1) and np.all(mel[0, 7:] == 0) and np.all(mel[1, :14] == 2)
    assert inputs.shape == (2, 11) and input_lengths.tolist() == [7, 11] and np.all(inputs[0, 7:] == 0)
    assert lengths.tolist() == [7, 14]
    np.testing.assert_allclose(places, [[0, 6, 6], [0, 5, 10]])  # no spans: evenly, 1 and 2 whole steps long


def test_places_follow_the_recording():
    """'ma1 ni3' and an end symbol: 2 frames before, the syllables in frames 2 to 5 and 7 to 10."""
    places = ours.symbol_places("ma1 ni3", 8, 14, np.array([[2, 6], [7, 11]]))
    np.testing.assert_allclose(places[:7], [0, 0, 0, 0.75, 1.5, 2.25, 3])  # m, a, 1, blank
    np.testing.assert_allclose(places[7:], [4, 4.75, 5.5, 6.25, 7, 7, 7])  # n, i, 3, end symbol
    utterance = ("ma1 ni3", np.zeros([14, 1025]), np.zeros([14, 80]), np.array([[2, 6], [7, 11]]))
    *_, batch_places = ours.make_batch([utterance], 5, end_symbol=True)
    np.testing.assert_allclose(batch_places, places[None, [2, 7, 12]])  # the middle frame of each step


def test_tail_gives_every_utterance_stop_frames(corpus):
    rows = ours.read_metadata(corpus)
    utterances = [ours.load_utterance(os.path.dirname(corpus), row) for row in rows[4:6]]
    *_, stop, lengths, _ = ours.make_batch(utterances, 5, end_symbol=True, tail_steps=2)
    assert lengths.tolist() == [45, 55]  # 35 and 42 frames, rounded up, and 10
    assert stop.shape == (2, 55)
    assert stop[1, :42].sum() == 0 and stop[1, 42:].sum() == 13


def test_batches_cover_every_epoch():
    lengths = list(range(100, 112))
    batches = [ours.batch_rows(lengths, number, 4, seed=1, group=3) for number in range(6)]
    assert sorted(sum(batches[:3], [])) == sorted(sum(batches[3:], [])) == list(range(12))
    assert batches[:3] != batches[3:]


def test_batches_depend_on_seed_and_number_alone():
    lengths = np.random.RandomState(0).randint(50, 500, 37).tolist()
    first = [ours.batch_rows(lengths, n, 4, seed=2) for n in range(20)]
    assert [ours.batch_rows(lengths, n, 4, seed=2) for n in reversed(range(20))] == first[::-1]
    assert [ours.batch_rows(lengths, n, 4, seed=3) for n in range(20)] != first


def test_grouping_saves_padding():
    lengths = np.random.RandomState(0).randint(50, 500, 200).tolist()

    def padding(group):
        batches = [[lengths[i] for i in ours.batch_rows(lengths, n, 8, group=group)] for n in range(40)]
        return sum(max(batch) * 8 - sum(batch) for batch in batches)

    assert padding(8) < 0.4 * padding(1)


def test_batches_go_on_where_they_are_told_to(corpus):
    opts = argparse.Namespace(
        batch_size=3, outputs_per_step=5, seed=4, length_group=2, end_symbol=True, tail_steps=1, splice=0.0
    )

    def take(first, count, spans=None):
        iterator = ours.batches(corpus, opts, first, spans).make_initializable_iterator()
        batch = iterator.get_next()
        with tf.Session() as session:
            session.run(iterator.initializer)
            return [session.run(batch) for _ in range(count)]

    whole, resumed = take(0, 5), take(3, 2)
    for expected, found in zip(whole[3:], resumed):
        for a, b in zip(expected, found):
            np.testing.assert_array_equal(a, b)
    opts.splice = 1.0
    spliced = take(0, 5, [np.arange(number + 2)[:, None] * 5 + [0, 4] for number in range(10)])
    # even sound has no weak places, so it stays whole
    assert all(np.array_equal(a, b) for one, two in zip(whole, spliced) for a, b in zip(one[:6], two[:6]))


def test_a_training_goes_on_with_the_lists_that_it_began_with(tmp_path):
    """After prepare.py --hold-out 40 a training of --hold-out 10 went on without a word: held-out sentences had been learnt."""
    training, folder = tmp_path / "training", str(tmp_path / "run")
    training.mkdir()
    rows = ["s%d|m%d|9|ni3" % (number, number) for number in range(6)]

    def divided(held):
        for name, chosen in (("train.txt", rows[:-held]), ("heldout.txt", rows[-held:])):
            (training / name).write_text("".join(row + "\n" for row in chosen))

    divided(2)
    ours.check_begun(folder, str(training), begun=False)
    ours.check_begun(folder, str(training), begun=True)
    divided(1)
    with pytest.raises(UserError, match=r"trained: 4 utterances \(\w+\), not 5 .*held-out: 2 utterances .* not 1 "):
        ours.check_begun(folder, str(training), begun=True)
    ours.check_begun(folder, str(training), begun=False)  # nothing was learnt yet
    rows[0] = "s0|m0|8|ni3"
    divided(1)
    with pytest.raises(UserError, match=r"trained: 5 utterances \(\w+\), not 5 utterances"):
        ours.check_begun(folder, str(training), begun=True)
    (training / "heldout.txt").unlink()
    ours.check_begun(str(tmp_path / "old"), str(training), begun=True)  # of before this was kept: it goes on with these
    divided(1)
    with pytest.raises(UserError, match=r"held-out: nothing, not 1 utterances"):
        ours.check_begun(str(tmp_path / "old"), str(training), begun=True)


def test_a_training_goes_on_from_the_weights_that_it_began_with(tmp_path):
    (tmp_path / "train.txt").write_text("s|m|9|ni3\n")
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    one, other = str(tmp_path / "a"), str(tmp_path / "b")
    for start, wrong in ((one, other), (None, one)):
        ours.check_begun(str(tmp_path), str(tmp_path), False, start)
        ours.check_begun(str(tmp_path), str(tmp_path), True)  # it need not be said again
        ours.check_begun(str(tmp_path), str(tmp_path), True, start)
        with pytest.raises(UserError, match="--start-from: .* not"):
            ours.check_begun(str(tmp_path), str(tmp_path), True, wrong)
    ours.check_begun(str(tmp_path / "old"), str(tmp_path), True, other)  # nobody knows any more
