"""Listing 9-11 against NumPy."""

import numpy as np
import tensorflow as tf

from ch09_tacotron import code_9_11_attention as listing
from ch09_tacotron.beyond.parts import GuidedAttention


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def run_attention(lengths=None, seed=0, attention=listing.LocationSensitiveAttention, **keywords):
    """One step on random numbers: (alignments, next state, the same by NumPy, the state before)."""
    tf.reset_default_graph()
    random = np.random.RandomState(seed)
    memory, query = random.randn(2, 6, 5).astype(np.float32), random.randn(2, 3).astype(np.float32)
    state = random.rand(2, 6).astype(np.float32)
    if lengths is not None:
        keywords["memory_sequence_length"] = tf.constant(lengths)
    attention = attention(4, tf.constant(memory), **keywords)
    alignments, next_state = attention(tf.constant(query), tf.constant(state))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        bias = [v for v in tf.trainable_variables() if "attention_bias" in v.name][0]
        bias.load(random.randn(4).astype(np.float32), session)
        values = {v.op.name.split("Attention/")[-1]: session.run(v) for v in tf.trainable_variables()}
        result = session.run([alignments, next_state])
    if lengths is not None:
        memory = memory * (np.arange(6)[None, :, None] < np.array(lengths)[:, None, None])
    padded = np.pad(state, [(0, 0), (15, 15)], mode="constant")
    windows = np.stack([padded[:, i : i + 6] for i in range(31)], axis=2)  # [B, T_in, 31]
    location = (
        windows @ values["location_features_convolution/kernel"][:, 0] + values["location_features_convolution/bias"]
    )
    hidden = memory @ values["memory_layer/kernel"] + (query @ values["query_layer/kernel"])[:, None]
    hidden = hidden + location @ values["location_features_layer/kernel"] + values["attention_bias"]
    energy = np.tanh(hidden) @ values["attention_variable"]
    return result[0], result[1], energy, state


def test_alignments_equal_numpy():
    alignments, next_state, energy, state = run_attention()
    np.testing.assert_allclose(alignments, softmax(energy), atol=1e-5)
    np.testing.assert_allclose(next_state, state + alignments, atol=1e-6)


def test_without_cumulation_the_state_is_the_last_alignment():
    alignments, next_state, _, _ = run_attention(cumulate_weights=False)
    np.testing.assert_array_equal(alignments, next_state)


def test_sharpened_weights_are_powers():
    sharp, _, energy, _ = run_attention(attention=GuidedAttention, sharpen=2.5)
    plain = softmax(energy)
    np.testing.assert_allclose(sharp, plain**2.5 / np.sum(plain**2.5, axis=1, keepdims=True), rtol=1e-4)


def test_smoothing_is_sigmoids_that_sum_to_one():
    alignments, _, energy, _ = run_attention(smoothing=True)
    sigmoids = 1 / (1 + np.exp(-energy))
    np.testing.assert_allclose(alignments, sigmoids / sigmoids.sum(axis=1, keepdims=True), atol=1e-5)


def test_e31_padding_gets_weight_unless_the_lengths_are_given():
    printed, _, _, _ = run_attention()
    assert np.all(printed[1, 4:] > 0.01)
    ours, _, energy, _ = run_attention(lengths=[6, 4])
    assert np.all(ours[1, 4:] == 0)
    np.testing.assert_allclose(ours[1, :4], softmax(energy[1, :4]), atol=1e-5)


def test_sizes_of_the_variables():
    attention = listing.LocationSensitiveAttention(256, tf.zeros([2, 6, 256]))
    attention(tf.zeros([2, 256]), tf.zeros([2, 6]))
    shapes = {v.op.name.split("/", 1)[-1]: v.shape.as_list() for v in tf.trainable_variables()}
    assert shapes["location_features_convolution/kernel"] == [31, 1, 32]
    assert shapes["location_features_layer/kernel"] == [32, 256]
    assert len(shapes) == 7
