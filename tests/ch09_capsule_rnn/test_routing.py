"""Routing (9.6.2 to 9.6.4) and the other aggregations against independent NumPy computations."""

import numpy as np
import pytest
import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn import ext_9_6_4_couplings as exercise
from ch09_capsule_rnn.beyond import aggregation, fast_routing, kernels

LENGTHS = np.array([5, 2, 0, 1], np.int32)


def numpy_squash(s):
    norm = np.sqrt(np.sum(s * s, axis=-1, keepdims=True) + 1e-9)
    squared = np.sum(s * s, axis=-1, keepdims=True)
    return squared / (1.0 + squared) * s / norm


def numpy_routing(uhat, lengths, rounds, reverse=False):
    """Algorithm 1 of Gong et al. 2018, text by text and word by word."""
    capsules = np.zeros([uhat.shape[0], uhat.shape[2], uhat.shape[3]])
    couplings = np.zeros(uhat.shape[:3])
    for text in range(uhat.shape[0]):
        proposed = uhat[text, : max(1, lengths[text])]
        logits = np.zeros(proposed.shape[:2])
        for _ in range(rounds):
            shares = np.exp(logits - logits.max())
            shares /= shares.sum(axis=0 if reverse else 1, keepdims=True)
            total = np.array(
                [sum(shares[t, n] * proposed[t, n] for t in range(len(proposed))) for n in range(uhat.shape[2])]
            )
            capsules[text] = numpy_squash(total)
            for t in range(len(proposed)):
                for n in range(uhat.shape[2]):
                    logits[t, n] += proposed[t, n].dot(capsules[text, n])
        couplings[text, : len(proposed)] = shares
    return capsules, couplings


def proposals(seed=0):
    return np.tanh(np.random.RandomState(seed).normal(size=[4, 5, 3, 2]) * 2)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("rounds", [1, 3])
def test_routing_equals_numpy(rounds, reverse):
    uhat = proposals()
    expected, _ = numpy_routing(uhat, LENGTHS, rounds, reverse)
    route = aggregation.reverse_routing_iter if reverse else listing.masked_routing_iter
    with tf.Session() as session:
        v, s = session.run(route(tf.constant(uhat, tf.float32), tf.constant(LENGTHS), rounds))
    np.testing.assert_allclose(v, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(numpy_squash(s), v, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rounds", [1, 3])
def test_compiled_couplings_equal_numpy_and_add_up_to_one(rounds):
    uhat = proposals()
    couplings = kernels.routing_forward(uhat.astype(np.float32), np.maximum(LENGTHS, 1), rounds)[2][-1]
    np.testing.assert_allclose(couplings, numpy_routing(uhat, LENGTHS, rounds)[1], rtol=1e-4, atol=1e-5)
    for text, length in enumerate(np.maximum(LENGTHS, 1)):
        assert np.all(couplings[text, length:] == 0)
        np.testing.assert_allclose(couplings[text, :length].sum(axis=1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_fast_routing_equals_the_listing_in_values_and_gradients(rounds):
    uhat = tf.constant(proposals(5), tf.float32)
    slow = listing.masked_routing_iter(uhat, tf.constant(LENGTHS), rounds)
    fast = fast_routing.routing_iter(uhat, tf.constant(LENGTHS), rounds)
    weights = np.random.RandomState(1).normal(size=[4, 3, 2])
    grads = [tf.gradients(tf.reduce_sum(V * weights), uhat)[0] for V, _ in (slow, fast)]
    with tf.Session() as session:
        slow, fast, grads = session.run([slow, fast, grads])
    for one, two in list(zip(slow, fast)) + [grads]:
        np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-6)
    assert np.abs(grads[0]).max() > 0.01


def test_what_stands_in_the_padding_changes_nothing():
    uhat = proposals().astype(np.float32)
    disturbed = uhat.copy()
    for text, length in enumerate(np.maximum(LENGTHS, 1)):
        disturbed[text, length:] = 77.0
    held = tf.placeholder(tf.float32, uhat.shape)
    V, _ = listing.masked_routing_iter(held, tf.constant(LENGTHS), 3)
    with tf.Session() as session:
        np.testing.assert_allclose(session.run(V, {held: uhat}), session.run(V, {held: disturbed}), rtol=1e-6)


def test_routing_gradient_by_finite_differences():
    uhat = proposals(3)
    weights = np.random.RandomState(1).normal(size=[4, 3, 2])
    held = tf.placeholder(tf.float32, uhat.shape)
    V, _ = listing.masked_routing_iter(held, tf.constant(LENGTHS), 3)
    gradient = tf.gradients(tf.reduce_sum(V * weights), held)[0]
    with tf.Session() as session:
        found = session.run(gradient, {held: uhat})
    step = 1e-5
    for index in [(0, 0, 0, 0), (0, 4, 2, 1), (1, 1, 0, 1), (1, 3, 1, 0), (2, 0, 2, 0), (3, 0, 1, 1)]:
        values = []
        for sign in (1, -1):
            moved = uhat.copy()
            moved[index] += sign * step
            values.append(np.sum(numpy_routing(moved, LENGTHS, 3)[0] * weights))
        assert found[index] == pytest.approx((values[0] - values[1]) / (2 * step), rel=2e-3, abs=2e-4), index


def test_squash_keeps_the_direction_and_shortens_below_one():
    vectors = np.array([[[0.0, 0.0], [3.0, 4.0]], [[1e-3, 0.0], [-300.0, 400.0]]], np.float32)
    with tf.Session() as session:
        squashed = session.run(listing._squash(tf.constant(vectors), [2]))
    lengths = np.linalg.norm(squashed, axis=2)
    np.testing.assert_allclose(lengths, [[0, 25 / 26], [1e-6, 1.0]], atol=1e-4)
    assert np.all(lengths <= 1) and squashed[1, 1, 0] < 0


@pytest.mark.parametrize("name", ["last", "mean", "max"])
def test_other_aggregations_equal_numpy(name):
    vectors = (
        np.random.RandomState(2).normal(size=[4, 5, 3]).astype(np.float32) - 2.0
    )  # below zero: padding must not win
    with tf.Session() as session:
        found = session.run(aggregation.WAYS[name](tf.constant(vectors), tf.constant(LENGTHS)))
    for text, length in enumerate(np.maximum(LENGTHS, 1)):
        part = vectors[text, :length]
        expected = dict(last=part[-1], mean=part.mean(axis=0), max=part.max(axis=0))[name]
        np.testing.assert_allclose(found[text], expected, rtol=1e-5)


def test_attention_ignores_the_padding():
    vectors = np.random.RandomState(2).normal(size=[4, 5, 3]).astype(np.float32)
    held = tf.placeholder(tf.float32, [None, None, 3])
    result = aggregation.attention(held, tf.constant(LENGTHS))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = session.run(result, {held: vectors})
        disturbed = vectors.copy()
        disturbed[1, 2:] = 50.0
        np.testing.assert_allclose(session.run(result, {held: disturbed}), found, rtol=1e-5)
    np.testing.assert_allclose(found[3], vectors[3, 0], rtol=1e-5)  # one word gets all attention


def test_every_way_gives_one_vector_a_text():
    vectors = tf.placeholder(tf.float32, [None, None, 8])
    widths = {}
    for name, gather in aggregation.WAYS.items():
        with tf.variable_scope(name):
            widths[name] = gather(vectors, tf.placeholder(tf.int32, [None])).shape.as_list()
    assert widths.pop("routing") == widths.pop("reverse") == [None, 40]
    assert set(map(tuple, widths.values())) == {(None, 8)} and len(widths) == 4


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_couplings_of_a_round_are_those_of_the_listings_routing(rounds):
    """The exercise of 9.6.4 adds up the listing's own capsules; NumPy keeps the logits."""
    uhat = proposals()
    with tf.Session() as session:
        shares = session.run(exercise.couplings(tf.constant(uhat, tf.float32), tf.constant(LENGTHS), rounds))
    _, expected = numpy_routing(uhat, LENGTHS, rounds)
    for text, length in enumerate(np.maximum(LENGTHS, 1)):
        np.testing.assert_allclose(shares[text, :length], expected[text, :length], rtol=1e-4, atol=1e-5)
