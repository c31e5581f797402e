"""Listing 9-7: every call, name and line that the page shows works here as it stands there."""

import inspect
import re

import numpy as np
import pytest
import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from tests.helpers import printed

LENGTHS = np.array([5, 2, 0, 1], np.int32)


def run(*fetches):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(list(fetches))


def test_constants_have_the_printed_values():
    assert (listing.num_words, listing.maxlen, listing.BATCH_SIZE, listing.EPOCHS) == (20000, 80, 100, 20)
    assert (listing.nb_features, listing.hidden, listing.learning_rate) == (128, [100, 50, 30], 0.001)
    assert (listing.out_caps_num, listing.n_classes) == (5, 46)
    values = {row.name: row.value for row in listing.VALUES}
    assert (values["num_words"], values["maxlen"], values["batch_size"], values["epochs"]) == (20000, 80, 100, 20)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("mkMask", "input_tensor, maxLen"),
        ("shared_routing_uhat", "caps, out_caps_num, out_caps_dim, scope=None"),
        ("masked_routing_iter", "caps_uhat, seqLen, iter_num"),
        ("_squash", "in_caps, axes"),
        (
            "routing_masked",
            "in_x, xLen, out_caps_dim, out_caps_num, iter_num=3, dropout=None, is_train=False, scope=None",
        ),
    ],
)
def test_arguments_stand_in_the_printed_order(name, arguments):
    assert str(inspect.signature(getattr(listing, name)))[1:].startswith(arguments)


def test_mkMask():
    mask, deep = run(listing.mkMask(tf.constant(LENGTHS), 5), listing.mkMask(tf.constant([[0, 2], [3, 1]]), 3))
    assert mask.dtype == bool and mask.sum(axis=1).tolist() == LENGTHS.tolist()
    assert deep.astype(int).tolist() == [[[0, 0, 0], [1, 1, 0]], [[1, 1, 1], [1, 0, 0]]]


def test_shared_routing_uhat_and_masked_routing_iter_and_squash():
    in_x = tf.constant(np.random.RandomState(0).normal(size=[4, 5, 7]), tf.float32)
    caps_uhat = listing.shared_routing_uhat(in_x, 3, 2, scope="rnn_caps_uhat")  # capsules before their width
    assert [v.op.name for v in tf.trainable_variables()] == ["rnn_caps_uhat/dense/kernel", "rnn_caps_uhat/dense/bias"]
    V, S = listing.masked_routing_iter(caps_uhat, tf.constant(LENGTHS), 3)
    uhat, v, s, squashed = run(caps_uhat, V, S, listing._squash(S, axes=[2]))
    assert uhat.shape == (4, 5, 3, 2) and np.abs(uhat).max() <= 1
    assert v.shape == s.shape == (4, 3, 2)
    np.testing.assert_allclose(squashed, v, rtol=1e-5)
    with pytest.raises(AssertionError):
        listing.masked_routing_iter(caps_uhat, tf.constant(LENGTHS), 0)


def test_routing_masked_as_the_page_calls_it():
    x_len, out_caps_num = tf.placeholder(tf.int32, [None]), 5
    rnnoutputs = tf.placeholder(tf.float32, [None, 80, 30])
    outputs = listing.routing_masked(rnnoutputs, x_len, int(rnnoutputs.get_shape()[-1]), out_caps_num, iter_num=3)
    assert outputs.shape.as_list() == [None, 150]
    names = {v.op.name: v.shape.as_list() for v in tf.trainable_variables()}
    assert names == {"routing/rnn_caps_uhat/dense/kernel": [30, 150], "routing/rnn_caps_uhat/dense/bias": [150]}
    with pytest.raises(AssertionError):  # the width must be known
        listing.routing_masked(tf.placeholder(tf.float32, [None, None, None]), x_len, 30, 5)
    with pytest.raises(AssertionError):  # and the rank 3
        listing.routing_masked(tf.placeholder(tf.float32, [None, 30]), x_len, 30, 5)


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("truth", [False, True])
def test_routing_masked_drops_where_is_train_says_so(truth, as_tensor):
    in_x = tf.constant(np.random.RandomState(0).normal(size=[4, 5, 7]), tf.float32)
    is_train = tf.placeholder_with_default(truth, []) if as_tensor else truth
    outputs = listing.routing_masked(in_x, tf.constant(LENGTHS), 20, 5, dropout=0.5, is_train=is_train)
    dropped = np.mean(run(outputs)[0] == 0)
    assert 0.35 < dropped < 0.65 if truth else dropped == 0


@pytest.mark.script
@pytest.mark.slow
def test_the_listing_prints_what_the_page_prints(walk):
    output, _ = printed(walk("ch09_capsule_rnn"), "code_9_07")
    assert "Loading data...\nPad sequences x_train shape: (400, 40)\n[40 14 16]\n" in output
    steps = re.findall(r"^step (\d+) : loss= (\d+\.\d+)$", output, re.MULTILINE)
    assert [step for step, _ in steps] == ["1", "2", "3", "4"]
    assert float(steps[-1][1]) < float(steps[0][1]) < np.log(46) + 0.1
