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
    """Same pictures, same weights, nothing drawn: at each of twenty steps of a training the losses are equal to 1e-4.

    Ours gets the listing's variables before each step: two trainings that round differently part company for good after a
    few steps of such a game, whichever way is taken.
    """
    monkeypatch.setattr(tf, "random_shuffle", lambda a: tf.reverse(a, [0]))
    monkeypatch.setattr(tf, "random_uniform", lambda shape, minval=0.0, maxval=1.0: tf.fill(shape, 0.3))
    opts = settings()
    batches = np.random.RandomState(0).uniform(-1, 1, (20, 8, 16, 16, 3))
    sides = []
    for layers in (listing.models.slim, fast):
        with tf.Graph().as_default():
            pictures = tf.placeholder(tf.float32, [8, 16, 16, 3])
            a = tf.constant(np.random.RandomState(1).randint(0, 2, (8, 3)))
            net = listing.build(pictures, a, *listing.networks(opts, layers=layers), opts)
            session = tf.Session()
            session.run(tf.global_variables_initializer())
            sides.append((net, pictures, session, {v.op.name: v for v in tf.global_variables()}))
    (_, _, source, theirs), (_, _, target, ours) = sides
    assert theirs.keys() == ours.keys()
    losses = []
    for batch in batches:
        for name, value in source.run(theirs).items():
            ours[name].load(value, target)
        losses.append([])
        for net, pictures, session, _ in sides:
            feed = {pictures: batch, net.lr: 0.001}
            row = session.run([net.d_loss, net.gp], feed)  # not with the step, which moves the weights meanwhile
            session.run(net.d_step, feed)
            losses[-1].append(row + session.run([net.g_loss, net.xa__loss_rec], feed))
            session.run(net.g_step, feed)
    source.close()
    target.close()
    losses = np.array(losses)  # [20 steps, 2 sides, 4 losses]
    assert np.isfinite(losses).all() and np.abs(losses[-1, 0] - losses[0, 0]).min() > 1e-3
    np.testing.assert_allclose(losses[:, 0], losses[:, 1], rtol=1e-4, atol=1e-4)
