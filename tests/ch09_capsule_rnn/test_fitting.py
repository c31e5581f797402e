"""The training of our own models: a kill between a checkpoint and its score loses neither."""

import argparse
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from ch09_capsule_rnn.beyond import fitting, hybrid
from common import run
from tests import graphs
from tests.ch09_capsule_rnn import test_hybrid


class Killed(BaseException):
    pass


def part(seed, texts=40):
    """Texts of words 1 to 9 and their lengths; the topic is that of the first word."""
    random = np.random.RandomState(seed)
    table = random.randint(1, 10, size=[texts, 6]).astype(np.int32)
    return table, np.full(texts, 6, np.int32), table[:, 0] % 3


def build():
    x, x_len = tf.placeholder(tf.int32, [None, None]), tf.placeholder(tf.int32, [None])
    y, is_train = tf.placeholder(tf.int32, [None]), tf.placeholder_with_default(False, [])
    logits = tf.nn.embedding_lookup(
        tf.get_variable("weights", [10, 3]), x[:, 0]
    )  # one variable: equal to the last digit
    loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
    return fitting.Model(x, x_len, y, is_train, logits, tf.nn.softmax(logits), loss)


def train(folder, epochs, valid):
    """The history without its seconds, and the weights that were kept."""
    opts = argparse.Namespace(batch_size=10, learning_rate=0.03, averaging=0.9, epochs=epochs, seed=0, threads=1)
    opts.output_dir, opts.preset, opts.rows = str(folder), "tiny", ()
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(0)
        history = fitting.fit(build(), opts, part(0), valid)
        fitting.restore_best(session, str(folder), "hybrid.py")
        kept = session.run(tf.trainable_variables())
    return [{key: row[key] for key in row if key != "seconds"} for row in history], kept


def assert_same(found, expected):
    assert found[0] == expected[0]
    for one, two in zip(found[1], expected[1]):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("valid", [None, part(1)], ids=["last", "best"])
@pytest.mark.parametrize("epoch", [1, 2])
def test_an_epoch_whose_score_was_lost_is_scored_when_the_training_goes_on(epoch, valid, tmp_path, monkeypatch):
    """After one epoch there was no ``best/`` for good, and the history lacked a row."""
    unbroken = [train(tmp_path / str(epochs), epochs, valid) for epochs in (1, 2, 3)]
    save, saved = run.Run.save, []

    def save_and_die(this, *arguments):
        saved.append(save(this, *arguments))
        if len(saved) == epoch:
            raise Killed
        return saved[-1]

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(run.Run, "save", save_and_die)
        train(tmp_path / "killed", epoch, valid)
    assert_same(train(tmp_path / "killed", epoch, valid), unbroken[epoch - 1])
    assert_same(train(tmp_path / "killed", 3, valid), unbroken[2])


def test_a_run_without_its_history_is_scored_and_goes_on(tmp_path):
    """What older versions left after such a kill: the loss alone is not known."""
    (first, second), kept = train(tmp_path, 2, part(1))
    os.remove(str(tmp_path / "history.json"))
    shutil.rmtree(str(tmp_path / "best"))
    (row,), again = train(tmp_path, 2, part(1))
    assert np.isnan(row["loss"]) and row["valid_accuracy"] == second["valid_accuracy"] >= first["valid_accuracy"]
    assert_same(([], again), ([], kept))
    assert [row["epoch"] for row in train(tmp_path, 3, part(1))[0]] == [2, 3]


@pytest.mark.parametrize("averaging", [0.0, 0.99])
def test_no_weight_is_written_before_all_of_its_readers_have_read_it(averaging):
    """Without gates, Adam's new weights of a layer and the gradient of the layer below, which needs the old, have no order."""
    opts = argparse.Namespace(learning_rate=0.003, averaging=averaging)
    model = hybrid.build(test_hybrid.settings())
    update, _ = fitting._update(model, opts, tf.train.get_or_create_global_step())
    assert not graphs.races(model.loss, update)


def test_races_are_found():
    model = hybrid.build(test_hybrid.settings())
    variables = tf.trainable_variables()
    gradients = tf.gradients(model.loss, variables)
    update = tf.train.AdamOptimizer().apply_gradients(zip(gradients, variables))
    assert "topics/kernel" in " ".join(name for name, _ in graphs.races(model.loss, update))
