"""Listing 9-16: sizes, scopes, log, losses, learning rate."""

import numpy as np
import pytest
import tensorflow as tf

from ch09_tacotron import code_9_16_tacotron as listing


def test_printed_size_and_gradients(network):
    """6,630,662 trainable values in 190 tensors, 56 batch-norm averages, as the printed network has."""
    trainable = network.graph.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)
    assert len(trainable) == 190
    assert sum(int(np.prod(v.shape.as_list())) for v in trainable) == 6630662
    assert sum("moving_" in name for name in network.before) == 56
    assert len(network.model.gradients) == 190 and all(g is not None for g in network.model.gradients)
    assert network.graph.get_tensor_by_name("model/inference/embedding:0").shape.as_list() == [75, 256]


def test_printed_scopes(network):
    names = list(network.before)
    for part in (
        "inference/encoder_prenet/dense_1/kernel",
        "inference/encoder_cbhg/conv_bank/conv1d_16/kernel",
        "inference/encoder_cbhg/conv_bank/conv1d_1_bn/moving_mean",
        "inference/encoder_cbhg/proj_2_bn/gamma",
        "inference/encoder_cbhg/highway_4/T/bias",
        "decoder_prenet/dense_2/kernel",
        "Location_Sensitive_Attention/attention_variable",
        "Location_Sensitive_Attention/location_features_convolution/kernel",
        "projection_frame/kernel",
        "projection_stop/bias",
        "inference/post_cbhg/conv_bank/conv1d_8/kernel",
    ):
        assert any(part in name for name in names), part
    scopes = {operation.name.split("/")[1] for operation in network.graph.get_operations() if "/" in operation.name}
    assert {"inference", "loss", "optimizer"} <= scopes


def test_printed_log(network):
    words = ["Initialized Tacotron model. Dimensions:", "  embedding:", "  encoder out:", "  decoder out (r frames):"]
    words += ["  decoder out (1 frame):", "  postnet out:", "  linear out:", "  stop token:"]
    lines = [line for line in network.log if line.startswith(tuple(words))]
    assert [line.startswith(word) for line, word in zip(lines, words)] == [True] * 8
    assert lines[1].endswith("(?, ?, 128)") and lines[3].endswith("(?, ?, 400)") and lines[6].endswith("(?, ?, 1025)")


def test_e23_a_step_updates_every_average(network):
    updates = network.graph.get_collection(tf.GraphKeys.UPDATE_OPS)
    assert len(updates) == 56
    with network.graph.as_default():
        variables = [v for v in tf.global_variables() if "moving_" in v.name]
    after = network.session.run(variables)
    for variable, value in zip(variables, after):
        assert np.any(value != network.before[variable.op.name]), variable.name


def test_losses_equal_numpy(network):
    loss, mel_loss, stop_loss, linear_loss, rate = network.losses
    mel, stop, linear, alignments = network.outputs
    _, _, linear_targets, mel_targets, stop_targets = network.feed.values()
    assert mel.shape == (2, 10, 80) and linear.shape == (2, 10, 1025) and stop.shape == (2, 10)
    assert alignments.shape == (2, 10, 2)
    np.testing.assert_allclose(alignments.sum(axis=1), 1, rtol=1e-5)
    # E39, kept as printed: the second sentence's last frames are padding, and count
    assert mel_loss == pytest.approx(np.abs(mel - mel_targets).mean(), rel=1e-4)
    error = np.abs(linear - linear_targets)
    assert linear_loss == pytest.approx(0.5 * error.mean() + 0.5 * error[:, :, :512].mean(), rel=1e-4)
    probability, targets = 1 / (1 + np.exp(-stop)), np.array(stop_targets)
    entropy = -(targets * np.log(probability) + (1 - targets) * np.log(1 - probability))
    assert stop_loss == pytest.approx(entropy.mean(), rel=1e-4)
    assert loss == pytest.approx(mel_loss + linear_loss + stop_loss, rel=1e-5)
    assert rate == pytest.approx(0.001 / 4000, rel=1e-4)


def test_decoding_ends_after_300_steps_in_training_too(network):
    """The printed ``max_iters``; the decoder's loop asks for it."""
    values = []
    for operation in network.graph.get_operations():
        if operation.type == "Const" and "inference/decoder" in operation.name and not operation.outputs[0].shape.ndims:
            values.append(tf.contrib.util.constant_value(operation.outputs[0]))
    assert 300 in [int(value) for value in values if np.asarray(value).dtype.kind == "i"]


def test_learning_rate_is_the_printed_formula():
    step = tf.placeholder(tf.int64, [])
    ours = listing._learning_rate_decay(0.001, step)
    with tf.Session() as session:
        for value in (0, 10, 3998, 3999, 4000, 50000):
            number = value + 1.0
            printed = 0.001 * 4000**0.5 * min(number * 4000**-1.5, number**-0.5)
            assert session.run(ours, {step: value}) == pytest.approx(printed, rel=1e-5)
