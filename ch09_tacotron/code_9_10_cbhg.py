"""Listing 9-10 (sections 9.8.4 and 9.8.5): highway layers and the CBHG module.

CBHG: a bank of 1-D convolutions, highway layers, a bidirectional GRU. It reads the text (``encoder_cbhg``) and turns mel
frames into linear spectrogram frames (``post_cbhg``). Imported by listing 9-16; run by itself, it prints the shapes of both
(a few seconds on two cores). Next: ``code_9_17_train.py``, after ``code_9_09_preprocess.py``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import tensorflow as tf

from common import options, training

PRESETS = {"book": dict(), "cpu": dict(), "tiny": dict()}


def batch_norm(inputs, is_training, scope):
    """Batch normalisation over batch and time of ``[B, T, C]``.

    Erratum E23: the print uses tf.keras.layers.BatchNormalization, whose updates TensorFlow 1.13 does not put into
    tf.GraphKeys.UPDATE_OPS: the moving averages stay 0 and 1, and synthesis, which uses them, gives noise.
    tf.layers puts its updates there, and listing 9-16 runs them with each step.
    """
    return tf.layers.batch_normalization(inputs, training=is_training, name=scope)


def gru_cell(units):
    """A GRU cell. Extra: the fused kernel; same mathematics and variables as tf.nn.rnn_cell.GRUCell, in less time."""
    return tf.contrib.rnn.GRUBlockCellV2(units)


def highwaynet(inputs, scope, depth):
    """A highway layer: ``H·T + x·(1 - T)`` with ``H`` ReLU and gate ``T`` sigmoid, bias -1 (section 9.8.4).

    Args:
      inputs: float ``[B, T, depth]``.

    Returns:
      float ``[B, T, depth]``.
    """
    with tf.variable_scope(scope):
        H = tf.layers.dense(inputs, units=depth, activation=tf.nn.relu, name="H")
        T = tf.layers.dense(
            inputs, units=depth, activation=tf.nn.sigmoid, name="T", bias_initializer=tf.constant_initializer(-1.0)
        )
        return H * T + inputs * (1.0 - T)


def conv1d(inputs, kernel_size, channels, activation, is_training, scope):
    """Convolution over time with 'same' padding, activation, then batch norm: ``[B, T, channels]``."""
    with tf.variable_scope(scope):
        output = tf.layers.conv1d(inputs, channels, kernel_size, activation=activation, padding="same", name="conv1d")
        return batch_norm(output, is_training, "batch_normalization")


def cbhg(inputs, input_lengths, is_training, scope, K, projections, depth):
    """The CBHG module (section 9.8.5; Tacotron, arXiv 1703.10135, section 3.1).

    Args:
      inputs: float ``[B, T, C]`` with known ``C``.
      input_lengths: int ``[B]``, or None: every sequence is full.
      is_training: Python bool: batch norm by the batch (True) or by the moving averages (False).
      K: widths 1…K of the bank, 128 filters each.
      projections: channels of the two 3-wide convolutions behind it; the second equals ``C`` (it is added to ``inputs``).
      depth: channels of the output; even, for each direction of the GRU has half of them.

    Returns:
      float ``[B, T, depth]``.
    """
    if depth % 2:
        raise ValueError("depth must be even (each direction of the GRU has half of it), not %d" % depth)
    half_depth = depth // 2
    with tf.variable_scope(scope):
        with tf.variable_scope("conv_bank"):
            conv_outputs = tf.concat(
                [conv1d(inputs, k, 128, tf.nn.relu, is_training, "conv1d_%d" % k) for k in range(1, K + 1)], axis=-1
            )
        maxpool_output = tf.layers.max_pooling1d(conv_outputs, pool_size=2, strides=1, padding="same")
        proj1_output = conv1d(maxpool_output, 3, projections[0], tf.nn.relu, is_training, "proj_1")
        proj2_output = conv1d(proj1_output, 3, projections[1], None, is_training, "proj_2")
        highway_input = proj2_output + inputs
        if highway_input.shape[2].value != half_depth:
            highway_input = tf.layers.dense(highway_input, half_depth, name="match_width")
        for i in range(4):
            highway_input = highwaynet(highway_input, "highway_%d" % (i + 1), half_depth)
        outputs, _ = tf.nn.bidirectional_dynamic_rnn(
            gru_cell(half_depth), gru_cell(half_depth), highway_input, sequence_length=input_lengths, dtype=tf.float32
        )
        return tf.concat(outputs, axis=2)


def encoder_cbhg(inputs, input_lengths, is_training, depth):
    """The text encoder's CBHG: K = 16 (section 9.8.5). ``inputs`` [B, T, C] → [B, T, depth]."""
    input_channels = inputs.shape[2].value
    return cbhg(
        inputs, input_lengths, is_training, "encoder_cbhg", K=16, projections=[128, input_channels], depth=depth
    )


def post_cbhg(inputs, input_dim, is_training, depth):
    """The CBHG between mel and linear frames: K = 8 (section 9.8.5). ``inputs`` [B, T, input_dim] → [B, T, depth]."""
    return cbhg(inputs, None, is_training, "post_cbhg", K=8, projections=[256, input_dim], depth=depth)


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="tacotron", argv=argv)
    training.start(opts.seed)
    encoded = encoder_cbhg(tf.zeros([2, 30, 128]), tf.constant([30, 20]), True, depth=256)
    post = post_cbhg(tf.zeros([2, 100, 80]), 80, True, depth=256)
    print("encoder_cbhg: [2, 30, 128] -> %s" % encoded.shape.as_list())
    print("post_cbhg:    [2, 100, 80] -> %s" % post.shape.as_list())
    print("batch norm updates that a training step runs: %d" % len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)))


if __name__ == "__main__":
    options.run(main)
