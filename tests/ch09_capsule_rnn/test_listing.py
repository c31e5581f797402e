"""Listing 9-7: the model's size, the errata that can be shown by running, the compiled loops, resume."""

import os
import signal
import types

import numpy as np
import pytest
import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn.beyond import fast_rnn, fast_routing
from common import datasets, files
from common.errors import Stopped, UserError
from data import reuters

WORDS, STEPS, TEXTS = 50, 9, 6


def settings(**changes):
    values = {row.name: row.value for row in listing.VALUES}
    small = dict(num_words=WORDS, maxlen=STEPS, nb_features=6, hidden=[5, 4, 3], learning_rate=0.01)
    return types.SimpleNamespace(**dict(values, **dict(small, **changes)))


def batch(seed=0):
    random = np.random.RandomState(seed)
    lengths = random.randint(1, STEPS + 1, size=TEXTS).astype(np.int32)
    lengths[0] = STEPS
    x = random.randint(1, WORDS, size=[TEXTS, STEPS]).astype(np.int32)
    x *= np.arange(STEPS)[np.newaxis] < lengths[:, np.newaxis]
    return x, lengths, random.randint(0, 46, size=TEXTS).astype(np.int32)


def feed(model, seed=0, **more):
    x, lengths, y = batch(seed)
    return dict({model.x: x, model.x_len: lengths, model.y: y}, **more)


class Built:
    """A small model in a graph and session of its own; ``reset`` gives it the values that it began with."""

    def __init__(self, **parts):
        self.graph = tf.Graph()
        with self.graph.as_default():
            tf.set_random_seed(0)
            self.model = listing.build(settings(), **parts)
            self.variables = {v.op.name: v for v in tf.trainable_variables()}
            bias = self.variables["dense/bias"]
            self.bias_gradient = tf.gradients(self.model.cost, bias)[0]
            self.session, self.initializer = tf.Session(), tf.global_variables_initializer()
        self.session.run(self.initializer)

    def load(self, **values):
        for name, value in values.items():
            self.variables[name].load(value, self.session)

    def values(self):
        return self.session.run(self.variables)


@pytest.fixture(scope="module")
def built():
    """The printed model, built once; each test loads what it needs."""
    return Built()


@pytest.fixture(scope="module")
def start(built):
    return built.values()


def test_the_printed_model_has_2650236_weights_and_150_capsule_numbers():
    opts = types.SimpleNamespace(**{row.name: row.value for row in listing.VALUES})
    listing.build(opts, rnn=fast_rnn.indy_lstm_rnn, route=fast_routing.routing_iter)  # the same variables, built sooner
    shapes = {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}
    assert sum(np.prod(shape) for shape in shapes.values()) == 2650236
    assert shapes["dense/kernel"] == [150, 46] and shapes["embedding/embeddings"] == [20000, 128]


def test_fast_parts_give_the_printed_losses_over_20_steps(built, start):
    """Equal losses to 1e-4 with dropout off; variables of the same names, so a checkpoint of one is read by the other."""
    fast = Built(rnn=fast_rnn.indy_lstm_rnn, route=fast_routing.routing_iter)
    assert {name: v.shape.as_list() for name, v in fast.variables.items()} == {
        name: v.shape.as_list() for name, v in built.variables.items()
    }
    histories = []
    for one in (built, fast):
        one.session.run(one.initializer)  # Adam's averages as well
        one.load(**start)
        model = one.model
        histories.append([one.session.run([model.cost, model.optimizer], feed(model, step))[0] for step in range(20)])
    np.testing.assert_allclose(histories[0], histories[1], atol=1e-4)
    assert np.std(histories[0]) > 1e-3


def test_e01_dropout_is_off_when_the_model_is_used(built):
    """Printed: keep probability 0.8 whatever is done, so two evaluations of one text differ."""
    built.load(**{"embedding/embeddings": np.random.RandomState(0).normal(size=[WORDS, 6])})
    given = feed(built.model)
    printed = [built.session.run(built.model.cost, {**given, built.model.is_train: True}) for _ in range(2)]
    ours = [built.session.run(built.model.cost, given) for _ in range(2)]
    assert printed[0] != printed[1] and ours[0] == ours[1]


def test_e03_relu_gives_a_negative_logit_no_gradient(built):
    for level, check in ((-10.0, lambda found: np.all(found == 0)), (10.0, lambda found: np.all(found != 0))):
        built.load(**{"dense/bias": np.full([46], level, np.float32)})
        assert check(built.session.run(built.bias_gradient, feed(built.model)))


def test_e05_what_the_rnn_makes_of_padding_does_not_reach_the_capsules(built, start):
    """Without sequence_length the RNN goes on behind a text's end: outputs there are not zero, and routing hides them."""
    built.load(**start)
    model, (x, lengths, _) = built.model, batch()
    outputs = built.graph.get_tensor_by_name("rnn/transpose_1:0")
    behind = np.arange(STEPS)[np.newaxis] >= lengths[:, np.newaxis]
    other = np.where(behind, 7, x)  # other words behind the end
    found, changed = [
        built.session.run([outputs, model.pred], {model.x: words, model.x_len: lengths}) for words in (x, other)
    ]
    assert np.all(np.abs(found[0][behind]).sum(axis=1) > 0)
    assert np.abs(found[0][behind] - changed[0][behind]).max() > 1e-6
    np.testing.assert_allclose(found[1], changed[1], atol=1e-7)


def test_e06_a_float_placeholder_takes_part_of_a_word(built):
    """Kept as printed: 3.7 is taken for the word 3 without complaint; the project's own models take whole numbers."""
    model = built.model
    assert model.x.dtype == tf.float32
    x, lengths, _ = batch()
    whole, part = [built.session.run(model.pred, {model.x: x + more, model.x_len: lengths}) for more in (0.0, 0.7)]
    np.testing.assert_array_equal(whole, part)


# ------------------------------------------------------------------------------------------- training
def quick(folder, *more):
    return [
        "--preset",
        "tiny",
        "--hidden",
        "6",
        "--nb-features",
        "8",
        "--threads",
        "1",
        "--output-dir",
        str(folder),
    ] + list(more)


def losses(folder):
    return files.read_json(str(folder / "losses.json"), list)


def no_dropout(embeddings, x_len, hidden, keep_prob):
    return fast_rnn.indy_lstm_rnn(embeddings, x_len, hidden, 1.0)


def test_a_resumed_training_is_the_unbroken_one(tmp_path):
    """Order of the texts, weights and Adam's averages go on where they were: the losses are equal to the last digit."""
    parts = dict(rnn=no_dropout, route=fast_routing.routing_iter)
    listing.main(quick(tmp_path / "whole", "--epochs", "3"), **parts)
    listing.main(quick(tmp_path / "broken", "--epochs", "1"), **parts)
    listing.main(quick(tmp_path / "broken", "--epochs", "3"), **parts)
    assert losses(tmp_path / "whole") == losses(tmp_path / "broken")
    assert len(set(losses(tmp_path / "whole"))) == 3 and np.all(np.isfinite(losses(tmp_path / "whole")))
    other = tmp_path / "other"
    other.mkdir()
    path = os.path.join(datasets.sample("reuters"), reuters.ARRAYS_FILE)
    with np.load(path, allow_pickle=True) as arrays:
        np.savez_compressed(str(other / reuters.ARRAYS_FILE), x=arrays["x"], y=(arrays["y"] + 1) % 46)
    with pytest.raises(UserError, match="other data .reuters/reuters.npz: 1 "):
        listing.main(quick(tmp_path / "broken", "--epochs", "4", "--data-dir", str(other)), **parts)


def test_each_epoch_has_its_own_order():
    """A set seed alone would give every epoch of a re-initialised iterator the same order; the print's differ."""
    seed = tf.placeholder(tf.int64, [])
    dataset = tf.data.Dataset.range(50).shuffle(1000, seed=seed).batch(50)
    iterator = tf.data.Iterator.from_structure(dataset.output_types, dataset.output_shapes)
    initializer, element = iterator.make_initializer(dataset), iterator.get_next()
    orders = []
    with tf.Session() as session:
        for epoch in (0, 1, 0):
            session.run(initializer, {seed: epoch})
            orders.append(session.run(element).tolist())
    assert orders[0] == orders[2] != orders[1]


def test_a_stopped_training_is_no_result(tmp_path, monkeypatch):
    """The first step asks for a stop: nothing is counted, and no record is left."""

    def stopping_rnn(embeddings, x_len, hidden, keep_prob):
        ask = tf.py_func(lambda: np.float32(os.kill(os.getpid(), signal.SIGTERM) is not None), [], tf.float32)
        ask.set_shape([])
        return no_dropout(embeddings + ask, x_len, hidden, keep_prob)

    with pytest.raises(Stopped) as stop:
        listing.main(quick(tmp_path / "run"), rnn=stopping_rnn, route=fast_routing.routing_iter)
    assert stop.value.signal == signal.SIGTERM
    assert not (tmp_path / "run" / "record-code_9_07_routing_rnn.json").exists()
