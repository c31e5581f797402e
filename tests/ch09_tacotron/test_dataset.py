"""Listing 9-15: the printed batches."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from ch09_tacotron import code_9_15_dataset as listing
from common.errors import UserError
from tests.helpers import REPOSITORY


@pytest.fixture
def corpus(tmp_path):
    """A function: numbers of frames → a metadata file of utterances whose values are their number (1, 2 …)."""

    def write(*lengths):
        with open(str(tmp_path / "train.txt"), "w", encoding="utf-8") as stream:
            for number, frames in enumerate(lengths, 1):
                np.save(str(tmp_path / ("s%d.npy" % number)), np.full([frames, 1025], number, np.float32))
                np.save(str(tmp_path / ("m%d.npy" % number)), np.full([frames, 80], number, np.float32))
                stream.write("s%d.npy|m%d.npy|%d|%s\n" % (number, number, frames, "ma1 " * number + "ni3"))
        return str(tmp_path / "train.txt")

    return write


def take(tensors, count):
    with tf.Session() as session:
        return [session.run(tensors) for _ in range(count)]


def test_symbols():
    assert listing.symbols[:2] == ["_", "~"] and (listing._padv, listing._stop_token_padv) == (0, 1)
    assert len(listing.symbols) == len(set(listing.symbols)) == len(listing.index_symbols) == 75
    assert listing.sequence_to_text([28, 54, 75, 0]) == "a1_"  # ids beyond the table are left out


def test_every_clip_has_a_stop_frame(corpus, capsys):
    """Line 32: the longest output plus 1, then rounded up: two clips of 500 frames become 505 long."""
    path = corpus(500, 500)
    ((inputs, lengths, linear, mel, stop),) = take(listing.mydataset(path, 5, batch=2), 1)
    assert linear.shape == (2, 505, 1025) and mel.shape == (2, 505, 80) and stop.shape == (2, 505)
    assert stop.sum(axis=1).tolist() == [5, 5] and not stop[:, :500].any()
    assert not linear[:, 500:].any() and not mel[:, 500:].any()
    assert sorted(lengths.tolist()) == [7, 11] and inputs.shape == (2, 11)
    assert not inputs[lengths.argmin(), 7:].any()
    assert [value.dtype for value in (inputs, lengths, linear, mel, stop)] == [np.int32] * 2 + [np.float32] * 3
    shown = capsys.readouterr().out
    for line in ("metadata_filename " + path, "\n11\n", "(tf.int32, tf.int32, tf.float32, tf.float32, tf.float32)"):
        assert line in shown


def test_an_even_length_is_not_rounded_up_further(corpus):
    ((_, _, linear, _, _),) = take(listing.mydataset(corpus(499, 30), 5, batch=2, shuffleflag=False), 1)
    assert linear.shape[1] == 500


def test_e28_lengths_are_numbers(corpus):
    path = corpus(98, 1000)
    with open(path, encoding="utf-8") as stream:
        assert max(line.split("|")[2] for line in stream) == "98"  # the printed way: then 98 - 1000 frames of padding
    ((_, _, linear, _, _),) = take(listing.mydataset(path, 5, batch=2), 1)
    assert linear.shape[1] == 1005


def test_e29_every_batch_is_as_long_as_the_longest_of_all(corpus):
    """As printed; ``beyond/utterances.py`` pads a batch to its own longest."""
    batches = take(listing.mydataset(corpus(7, 14, 70), 5, batch=1, shuffleflag=False), 3)
    assert [batch[2].shape[1] for batch in batches] == [75, 75, 75]


def test_training_is_shuffled_and_endless_and_the_rest_in_order(corpus):
    path = corpus(*range(10, 18))
    tf.set_random_seed(1)
    epochs = np.array([batch[2][0, 0, 0] for batch in take(listing.mydataset(path, 5, batch=1), 16)]).reshape(2, 8)
    assert np.array_equal(np.sort(epochs, axis=1), [np.arange(1, 9)] * 2) and not np.array_equal(*epochs)
    in_order = listing.mydataset(path, 5, batch=3, mode="test")
    with tf.Session() as session:
        found = [session.run(in_order)[2][:, 0, 0].tolist() for _ in range(3)]
        with pytest.raises(tf.errors.OutOfRangeError):
            session.run(in_order)
    assert found == [[1, 2, 3], [4, 5, 6], [7, 8]]


def test_what_is_missing_or_has_no_symbol_is_said(tmp_path):
    with pytest.raises(UserError, match="code_9_09"):
        listing.mydataset(str(tmp_path / "train.txt"), 5)
    (tmp_path / "train.txt").write_text("s|m|9|lü4\n", encoding="utf-8")
    with pytest.raises(UserError, match="'ü'"):
        listing.mydataset(str(tmp_path / "train.txt"), 5)


@pytest.mark.parametrize(
    "content", ["", "a.npy|b.npy|3\n", "a.npy|b.npy|x|ma1\n", "a.npy|b.npy|²|ma1\n", "a|b|1|c|d\n"]
)
def test_a_list_of_utterances_that_is_none_is_a_line(tmp_path, content):
    (tmp_path / "train.txt").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match="lines must be 'spec.mel.frames.pinyin'"):
        listing.mydataset(str(tmp_path / "train.txt"), 5)


def test_e30_importing_prints_nothing():
    code = "import ch09_tacotron.code_9_15_dataset"
    environment = dict(os.environ, PYTHONPATH=REPOSITORY)
    command = [sys.executable, "-W", "ignore", "-c", code]
    result = subprocess.run(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, check=True)
    assert result.stdout == b""
