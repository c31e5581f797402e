"""The compiled loops against plain NumPy in double precision, their gradients against finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from ch09_capsule_rnn.beyond import fast_rnn, kernels

LENGTHS = np.array([4, 0, 1, 3], np.int32)
ROWS = np.array([2, 0, 2, 5, 1, 3, 4, 0], np.int32)  # two words occur twice
UNITS = 3


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def numpy_lstm(gate_inputs, kernel_u, bias, backwards):
    """``[R, U]``, word by word: IndyLSTM of Gonnet and Deselaers 2019 (arXiv 1903.08023), as IndyLSTMCell has it."""
    outputs, start = np.zeros([len(ROWS), UNITS]), 0
    for length in LENGTHS:
        h, c = np.zeros(UNITS), np.zeros(UNITS)
        places = range(start, start + length)
        for place in reversed(places) if backwards else places:
            i, j, f, o = np.split(gate_inputs[ROWS[place]] + np.tile(h, 4) * kernel_u + bias, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(j)
            h = sigmoid(o) * np.tanh(c)
            outputs[place] = h
        start += length
    return outputs


def arguments(seed=0):
    random = np.random.RandomState(seed)
    values = random.normal(size=[6, 4 * UNITS]), random.uniform(-1, 1, size=4 * UNITS), random.normal(size=4 * UNITS)
    return [value.astype(np.float32) for value in values]


def forward(gate_inputs, kernel_u, bias, backwards=False, keep_prob=1.0, seed=0):
    return kernels.indy_lstm_forward(gate_inputs, ROWS, LENGTHS, kernel_u, bias, keep_prob, seed, backwards)


def test_tanh_is_exact_to_float32_and_keeps_nan():
    values = np.concatenate([np.linspace(-12, 12, 2001), [0, 1e-6, -1e-6, 1e30, -1e30]]).astype(np.float32)
    found = np.array([kernels.tanh(value) for value in values])
    np.testing.assert_allclose(found, np.tanh(values.astype(np.float64)), rtol=4e-7, atol=3e-7)
    assert np.isnan(kernels.tanh(np.float32(np.nan)))


@pytest.mark.parametrize("backwards", [False, True])
def test_recurrence_equals_numpy(backwards):
    found, _ = forward(*arguments(), backwards=backwards)
    np.testing.assert_allclose(found, numpy_lstm(*arguments(), backwards=backwards), atol=1e-6)


@pytest.mark.parametrize("backwards", [False, True])
def test_gradient_of_the_recurrence_by_finite_differences(backwards):
    values = arguments(1)
    weights = np.random.RandomState(2).normal(size=[len(ROWS), UNITS]).astype(np.float32)
    outputs, kept = forward(*values, backwards=backwards, keep_prob=0.6, seed=3)
    mask = kept[:, 6 * UNITS :]  # of the dropout
    assert 0 < np.sum(mask == 0) < mask.size
    np.testing.assert_allclose(outputs, numpy_lstm(*values, backwards=backwards) * mask, atol=1e-6)
    found = kernels.indy_lstm_backward(weights, kept, len(values[0]), ROWS, LENGTHS, values[1], backwards)
    step = 1e-6
    for number, gradient in enumerate(found):
        for index in np.ndindex(gradient.shape):
            sums = []
            for sign in (1, -1):
                moved = [value.astype(np.float64) for value in values]
                moved[number][index] += sign * step
                sums.append(np.sum(numpy_lstm(*moved, backwards=backwards) * mask * weights))
            assert gradient[index] == pytest.approx((sums[0] - sums[1]) / (2 * step), rel=1e-4, abs=1e-5), index


def test_dropout_keeps_its_share_and_each_seed_has_its_own_mask():
    words, units = 400, 50
    random = np.random.RandomState(0)
    inputs = random.normal(size=[words, 4 * units]).astype(np.float32)
    rest = [np.arange(words, dtype=np.int32), np.array([words], np.int32)]
    rest += [value.astype(np.float32) for value in random.normal(size=[2, 4 * units])]
    whole, _ = kernels.indy_lstm_forward(inputs, *rest, 1.0, 0, False)
    masks = []
    for seed in (1, 2, 2**31 - 2):
        found, _ = kernels.indy_lstm_forward(inputs, *rest, 0.8, seed, False)
        masks.append(found != 0)
        np.testing.assert_allclose(found[masks[-1]], whole[masks[-1]] / 0.8, rtol=1e-5)
        assert np.mean(masks[-1]) == pytest.approx(0.8, abs=0.01)
        assert np.mean(masks[-1], axis=0) == pytest.approx(0.8, abs=0.09)  # of each unit, 4.5 standard deviations

    def correlation(one, two):
        return abs(np.corrcoef(one.ravel(), two.ravel())[0, 1])

    assert max(correlation(masks[0], masks[1]), correlation(masks[0], masks[2])) < 0.03
    for shift in (1, units):  # neighbours in a row, and below each other
        flat = masks[0].ravel()
        assert correlation(flat[:-shift], flat[shift:]) < 0.03


def test_not_a_number_is_not_hidden():
    values = arguments()
    values[0][5, 0] = np.nan
    found, _ = forward(*values)
    assert np.isnan(found[3, 0]) and np.all(np.isfinite(found[:3]))


def test_equal_seeds_give_equal_dropout_and_each_step_another():
    results = []
    for _ in range(2):
        with tf.Graph().as_default(), tf.Session() as session:
            tf.set_random_seed(5)
            values = [tf.constant(value) for value in arguments()]
            outputs = fast_rnn.indy_lstm(*values, rows=tf.constant(ROWS), lengths=tf.constant(LENGTHS), keep_prob=0.5)
            results.append([session.run(outputs) for _ in range(2)])
    np.testing.assert_array_equal(results[0], results[1])
    assert np.any((results[0][0] == 0) != (results[0][1] == 0))
    assert results[0][0].shape == (len(ROWS), UNITS)
