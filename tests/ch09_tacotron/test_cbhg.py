"""Listing 9-10 against NumPy; the batch-norm erratum."""

import inspect

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


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def test_the_gru_is_keras_s(network):
    """``tf.keras.layers.GRUCell``: hard-sigmoid gates, three tensors, orthogonal recurrent weights, no bias at the start."""
    x, h = np.random.RandomState(0).randn(2, 3, 4).astype(np.float32)
    cell = inspect.signature(listing.cbhg).parameters["cell"].default(4)
    output, _ = cell(tf.constant(x), [tf.constant(h)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        kernel, recurrent, bias = session.run(cell.weights)
        result = session.run(output)
    assert not bias.any()
    np.testing.assert_allclose(
        recurrent[:, :4] @ recurrent[:, :4].T
        + recurrent[:, 4:8] @ recurrent[:, 4:8].T
        + recurrent[:, 8:] @ recurrent[:, 8:].T,
        np.eye(4),
        atol=1e-5,
    )
    z, r = (hard_sigmoid(x @ kernel[:, i : i + 4] + h @ recurrent[:, i : i + 4]) for i in (0, 4))
    candidate = np.tanh(x @ kernel[:, 8:] + (r * h) @ recurrent[:, 8:])
    np.testing.assert_allclose(result, z * h + (1 - z) * candidate, atol=1e-5)
    names = [name for name in network.before if "bidirectional_rnn" in name and "Adam" not in name]
    assert len(names) == 12 and sum(name.endswith("recurrent_kernel") for name in names) == 4


def test_shapes_and_gradients():
    inputs = tf.random_normal([2, 11, 6], seed=1)
    output = listing.cbhg(inputs, tf.constant([11, 7]), True, "cbhg", K=3, projections=[8, 6], depth=10)
    assert output.shape.as_list() == [2, 11, 10]
    assert all(g is not None for g in tf.gradients(tf.reduce_sum(output**2), tf.trainable_variables()))
    names = {v.op.name for v in tf.trainable_variables()}
    assert "cbhg/dense/kernel" in names  # 6 channels become 5
    assert sum("highway" in name for name in names) == 16


def test_gru_stops_at_the_end_of_each_text():
    output = listing.cbhg(tf.ones([2, 9, 4]), tf.constant([9, 5]), False, "cbhg", K=2, projections=[8, 4], depth=4)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        result = session.run(output)
    assert np.all(result[1, 5:] == 0) and np.all(result[0] != 0)


def test_odd_depth_is_refused():
    with pytest.raises(AssertionError, match="even"):
        listing.cbhg(tf.ones([1, 5, 4]), None, True, "cbhg", K=1, projections=[8, 4], depth=5)


def train_then_infer(norm):
    """Trains on data with mean 3 and variance 4; returns (updates found, result of inference on such data)."""
    random = np.random.RandomState(0)
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, None, 2])
        trained = norm(x, True, "norm")
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies(updates):
            step = tf.reduce_sum(trained) + 0
        session.run(tf.global_variables_initializer())
        for _ in range(500):
            session.run(step, {x: 3 + 2 * random.randn(8, 20, 2)})
        values = {variable.name: session.run(variable) for variable in tf.global_variables()}
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, None, 2])
        used = norm(x, False, "norm")
        for variable in tf.global_variables():
            variable.load(values[variable.name], session)
        return len(updates), session.run(used, {x: 3 + 2 * random.randn(50, 50, 2)})


def test_e23_printed_batch_norm_is_useless_in_synthesis():
    def printed(x, is_training, name):
        return tf.keras.layers.BatchNormalization(name=name)(x, training=is_training)

    count, result = train_then_infer(printed)
    assert count == 0  # the collection that listing 9-16 runs is empty
    assert abs(result.mean() - 3) < 0.1  # so inference passes the data through as they are


def test_e23_our_batch_norm_learns_its_averages():
    count, result = train_then_infer(listing._batch_norm)
    assert count == 2
    assert abs(result.mean()) < 0.1 and abs(result.std() - 1) < 0.05
