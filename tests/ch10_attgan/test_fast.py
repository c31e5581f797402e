"""The faster convolutions of beyond/fast.py against TensorFlow's: values, two derivatives, a training of 20 steps."""

import numpy as np
import pytest
import tensorflow as tf

from ch10_attgan import code_10_06_train as listing
from ch10_attgan.beyond import fast
from tests.ch10_attgan.test_train import settings


def plain(x, w):
    return tf.nn.conv2d(x, w, [1, 2, 2, 1], "SAME")


def plain_transposed(y, w):
    return tf.nn.conv2d_transpose(y, w, [3, 2 * y.shape[1].value, 2 * y.shape[2].value, w.shape[2].value], [1, 2, 2, 1])


@pytest.mark.parametrize("side,inputs,outputs", [(4, 3, 5), (6, 5, 4), (36, 3, 4), (36, 6, 4)])
def test_values_and_derivatives_are_tensorflows(side, inputs, outputs):
    """A scalar that depends on the squared gradient, as the penalty does, and its gradients after everything."""
    random = np.random.RandomState(0)
    x, y = [
        tf.constant(random.normal(size=shape).astype("f"))
        for shape in ((3, side, side, inputs), (3, side // 2, side // 2, outputs))
    ]
    w = tf.constant(random.normal(size=(4, 4, inputs, outputs)).astype("f"))
    results = []
    for convolve, transpose in ((plain, plain_transposed), (fast.convolve, fast.transpose)):
        forward, backward = convolve(x, w), transpose(y, w)
        first = tf.gradients(tf.reduce_sum(tf.tanh(forward)) + tf.reduce_sum(tf.tanh(backward)), [x, y, w])
        second = tf.gradients(sum(tf.reduce_sum(tf.tanh(value) ** 2) for value in first), [x, y, w])
        results.append([forward, backward] + first + second)
    assert [value.shape.as_list() for value in results[1]] == [value.shape.as_list() for value in results[0]]
    with tf.Session() as session:
        theirs, ours = session.run(results)
    for a, b in zip(theirs, ours):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * np.abs(a).max())


def test_twenty_steps_give_the_losses_of_the_listing(monkeypatch):
    """Same pictures, same weights, nothing drawn: the losses stay equal to 1e-4."""
    monkeypatch.setattr(tf, "random_shuffle", lambda a: tf.reverse(a, [0]))
    monkeypatch.setattr(tf, "random_uniform", lambda shape, minval=0.0, maxval=1.0: tf.fill(shape, 0.3))
    opts = settings()
    random = np.random.RandomState(0)
    pictures = tf.placeholder(tf.float32, [8, 16, 16, 3])
    a = tf.constant(random.randint(0, 2, (8, 3)))
    batches = random.uniform(-1, 1, (20, 8, 16, 16, 3))
    losses, start = [], None
    for layers in (listing.models.slim, fast):
        with tf.Graph().as_default(), tf.Session() as session:
            pictures = tf.placeholder(tf.float32, [8, 16, 16, 3])
            a = tf.constant(np.random.RandomState(1).randint(0, 2, (8, 3)))
            net = listing.build(pictures, a, *listing.networks(opts, layers=layers), opts)
            session.run(tf.global_variables_initializer())
            variables = {variable.op.name: variable for variable in tf.global_variables()}
            start = start or session.run(variables)
            assert start.keys() == variables.keys()
            for name, variable in variables.items():
                variable.load(start[name], session)
            for batch in batches:
                feed = {pictures: batch, net.lr: 0.001}
                losses.append(session.run([net.d_loss, net.gp, net.d_step], feed)[:2])
                losses[-1] += session.run([net.g_loss, net.xa__loss_rec, net.g_step], feed)[:2]
    theirs, ours = np.array(losses[:20]), np.array(losses[20:])
    assert np.isfinite(theirs).all() and np.abs(theirs[-1] - theirs[0]).min() > 1e-3
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-4)
