"""Listing 9-10 (sections 9.8.4 and 9.8.5): highway layers and the CBHG module.

CBHG: a bank of 1-D convolutions, highway layers, a bidirectional GRU (Tacotron, arXiv 1703.10135, section 3.1). It reads the
text (``encoder_cbhg``) and turns mel frames into linear spectrogram frames (``post_cbhg``). Imported by listing 9-16; run by
itself it does nothing, as in print. Parts: ``cell``, the GRU cell of each direction, and ``rnn``,
which runs the two.

Differs from the print: E23.
Beyond it: ext_9_8_4_cbhg.py (what each stage does to a sentence).
Next: code_9_11_attention.py.
"""

import tensorflow as tf


def highwaynet(inputs, scope, depth):
    """A highway layer: ``H·T + x·(1 - T)``, ReLU and sigmoid with bias -1; float ``[B, T, depth]`` → the same."""
    with tf.variable_scope(scope):
        H = tf.keras.layers.Dense(units=depth, activation=tf.nn.relu, name="H")(inputs)
        T = tf.keras.layers.Dense(
            units=depth, activation=tf.nn.sigmoid, name="T", bias_initializer=tf.constant_initializer(-1.0)
        )(inputs)
        return H * T + inputs * (1.0 - T)


def _batch_norm(inputs, is_training, name):
    layer = tf.keras.layers.BatchNormalization(name=name)
    outputs = layer(inputs, training=is_training)
    # Erratum E23: TensorFlow 1.13 leaves a Keras layer's updates out of this collection, which listing 9-16 runs: in print
    # the moving averages stay 0 and 1, and synthesis, which uses them, is noise
    for update in layer.updates:
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
    return outputs


def cbhg(
    inputs,
    input_lengths,
    is_training,
    scope,
    K,
    projections,
    depth,
    cell=tf.keras.layers.GRUCell,
    rnn=tf.nn.bidirectional_dynamic_rnn,
):
    """The CBHG module (section 9.8.5).

    Args:
      inputs: float ``[B, T, C]`` with known ``C``.
      input_lengths: int ``[B]``, or None: every sequence is full.
      is_training: Python bool: batch norm by the batch (True) or by the moving averages (False).
      K: widths 1…K of the bank, 128 filters each.
      projections: channels of the two 3-wide convolutions behind it; the second equals ``C`` (it is added to ``inputs``).
      depth: channels of the output, an even number; each direction of the GRU has half of them.
      cell: makes a cell of so many units.
      rnn: called as below with a cell for either direction.

    Returns:
      float ``[B, T, depth]``.
    """
    with tf.variable_scope(scope):
        with tf.variable_scope("conv_bank"):
            conv_bank = []
            for k in range(1, K + 1):
                conv1d_output = tf.keras.layers.Conv1D(
                    128, k, activation=tf.nn.relu, padding="same", name="conv1d_%d" % k
                )(inputs)
                conv1d_output_bn = _batch_norm(conv1d_output, is_training, "conv1d_%d_bn" % k)
                conv_bank.append(conv1d_output_bn)
            conv_outputs = tf.concat(conv_bank, axis=-1)
        maxpool_output = tf.keras.layers.MaxPool1D(pool_size=2, strides=1, padding="same")(conv_outputs)

        proj1_output = tf.keras.layers.Conv1D(projections[0], 3, activation=tf.nn.relu, padding="same", name="proj_1")(
            maxpool_output
        )
        proj1_output_bn = _batch_norm(proj1_output, is_training, "proj_1_bn")
        proj2_output = tf.keras.layers.Conv1D(projections[1], 3, padding="same", name="proj_2")(proj1_output_bn)
        proj2_output_bn = _batch_norm(proj2_output, is_training, "proj_2_bn")

        highway_input = proj2_output_bn + inputs

        half_depth = depth // 2
        assert half_depth * 2 == depth, "depth must be even: each direction of the GRU has half of it"
        if highway_input.shape[2] != half_depth:
            highway_input = tf.keras.layers.Dense(half_depth)(highway_input)

        for i in range(4):
            highway_input = highwaynet(highway_input, "highway_%d" % (i + 1), half_depth)
        rnn_input = highway_input
        outputs, states = rnn(
            cell(half_depth), cell(half_depth), rnn_input, sequence_length=input_lengths, dtype=tf.float32
        )
        return tf.concat(outputs, axis=2)


def encoder_cbhg(inputs, input_lengths, is_training, depth, **parts):
    """The text encoder's: ``inputs`` float [B, T, C] → [B, T, depth]; ``parts``: see ``cbhg``."""
    input_dim = inputs.shape.as_list()[2]
    return cbhg(
        inputs,
        input_lengths,
        is_training,
        scope="encoder_cbhg",
        K=16,
        projections=[128, input_dim],
        depth=depth,
        **parts,
    )


def post_cbhg(inputs, input_dim, is_training, depth, **parts):
    """The one between mel and linear frames: ``inputs`` float [B, T, input_dim] → [B, T, depth]."""
    return cbhg(inputs, None, is_training, scope="post_cbhg", K=8, projections=[256, input_dim], depth=depth, **parts)
