"""Listing 9-10 against NumPy; the batch-norm erratum."""

import numpy as np
import pytest
import tensorflow as tf

from ch09_tacotron import code_9_10_cbhg as listing


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_highwaynet_equals_numpy():
    x = np.random.RandomState(0).randn(2, 3, 4).astype(np.float32)
    output = listing.highwaynet(tf.constant(x), "highway", 4)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        values = {v.op.name: session.run(v) for v in tf.trainable_variables()}
        result = session.run(output)
    assert np.all(values["highway/T/bias"] == -1)
    H = np.maximum(0, x @ values["highway/H/kernel"] + values["highway/H/bias"])
    T = sigmoid(x @ values["highway/T/kernel"] - 1)
    np.testing.assert_allclose(result, H * T + x * (1 - T), atol=1e-5)


def test_fused_gru_equals_the_plain_one_and_has_its_variables():
    x = tf.constant(np.random.RandomState(0).randn(3, 5).astype(np.float32))
    h = tf.constant(np.random.RandomState(1).randn(3, 4).astype(np.float32))
    with tf.variable_scope("a"):
        fused, _ = listing.gru_cell(4)(x, h)
    with tf.variable_scope("a", reuse=True):
        plain, _ = tf.nn.rnn_cell.GRUCell(4)(x, h)
    assert len(tf.trainable_variables()) == 4
    gradients = [tf.gradients(tf.reduce_sum(y**2), tf.trainable_variables()) for y in (fused, plain)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        first, second = session.run([fused, plain])
        np.testing.assert_allclose(first, second, atol=1e-6)
        for a, b in zip(*session.run(gradients)):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_shapes_and_gradients():
    inputs = tf.random_normal([2, 11, 6], seed=1)
    output = listing.cbhg(inputs, tf.constant([11, 7]), True, "cbhg", K=3, projections=[8, 6], depth=10)
    assert output.shape.as_list() == [2, 11, 10]
    assert all(g is not None for g in tf.gradients(tf.reduce_sum(output**2), tf.trainable_variables()))
    names = {v.op.name for v in tf.trainable_variables()}
    assert "cbhg/match_width/kernel" in names  # 6 channels become 5
    assert sum("highway" in name for name in names) == 16


def test_gru_stops_at_the_end_of_each_text():
    output = listing.cbhg(tf.ones([2, 9, 4]), tf.constant([9, 5]), False, "cbhg", K=2, projections=[8, 4], depth=4)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        result = session.run(output)
    assert np.all(result[1, 5:] == 0) and np.all(result[0] != 0)


def test_odd_depth_is_refused():
    with pytest.raises(ValueError, match="even"):
        listing.cbhg(tf.ones([1, 5, 4]), None, True, "cbhg", K=1, projections=[8, 4], depth=5)


def train_then_average(build):
    """Trains 40 steps on data with mean 3 and variance 4; returns (updates found, result of inference on such data)."""
    x = tf.placeholder(tf.float32, [None, None, 2])
    trained, inferred = build(x)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    random = np.random.RandomState(0)
    with tf.control_dependencies(updates):
        step = tf.identity(tf.reduce_sum(trained))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(400):
            session.run(step, {x: 3 + 2 * random.randn(8, 50, 2)})
        return len(updates), session.run(inferred, {x: 3 + 2 * random.randn(50, 50, 2)})


def test_e23_printed_batch_norm_is_useless_in_synthesis():
    def printed(x):
        layer = tf.keras.layers.BatchNormalization()
        return layer(x, training=True), layer(x, training=False)

    count, result = train_then_average(printed)
    assert count == 0  # the collection that listing 9-16 runs is empty
    assert abs(result.mean() - 3) < 0.1  # so inference passes the data through as they are


def test_e23_our_batch_norm_learns_its_averages():
    def ours(x):
        trained = listing.batch_norm(x, True, "norm")
        with tf.variable_scope("", reuse=True):
            return trained, listing.batch_norm(x, False, "norm")

    count, result = train_then_average(ours)
    assert count == 2
    assert abs(result.mean()) < 0.1 and abs(result.std() - 1) < 0.05
