"""The IndyLSTM layers of listing 9-7 (9.6.5), the same numbers in less time.

An IndyLSTM's unit sees only its own past: ``gates = W·x + u∘h + b`` (Li et al. 2018, arXiv 1803.04831). Hence

1. ``W·x`` of all steps is one matrix product before the loop (and for the embedding layer, one for each *different* word);
2. the loop is element-wise: a compiled function (kernels.py) does it, and its gradient, in one call;
3. nothing asks for the padding behind a text's end, so the texts are packed and the padding left out.

``tf.nn.dynamic_rnn`` does all of it step by step. Variables have the names that ``dynamic_rnn`` with ``IndyLSTMCell``
gives them, so a checkpoint of one way can be read by the other.
"""

import numpy as np
import tensorflow as tf

from ch09_capsule_rnn.beyond import kernels

# IndyLSTMCell's kernels are in this order: input gate, new input, forget gate, output gate.

FORGET_BIAS = 1.0  # IndyLSTMCell's default


def indy_lstm(gate_inputs, kernel_u, bias, rows, lengths, keep_prob=1.0, backwards=False):
    """One direction of an IndyLSTM layer over packed texts: the recurrence, and dropout of its outputs.

    Args:
      gate_inputs: float32 ``[K, 4U]``, ``W·x``; the gates in the order i, j, f, o.
      kernel_u, bias: float32 ``[4U]``, the factors of ``h`` and the biases, the forget bias included.
      rows: int32 ``[R]``, which of the ``gate_inputs`` belongs to each word; lengths: int32 ``[B]`` with the sum R.
      keep_prob: what is kept of the outputs.
      backwards: each text is read from its last word to its first.

    Returns:
      float32 ``[R, U]``.
    """
    keep_prob = tf.convert_to_tensor(keep_prob, tf.float32)
    seed = tf.random_uniform([], maxval=np.iinfo(np.int32).max, dtype=tf.int32)  # another mask in each step
    units = gate_inputs.shape[1].value // 4

    @tf.custom_gradient
    def scan(gate_inputs, kernel_u, bias):
        arguments = [gate_inputs, rows, lengths, kernel_u, bias, keep_prob, seed, backwards]
        outputs, kept = tf.py_func(kernels.indy_lstm_forward, arguments, [tf.float32] * 2, stateful=False)
        outputs.set_shape([None, units])

        def gradient(d_outputs):
            arguments = [d_outputs, kept, tf.shape(gate_inputs)[0], rows, lengths, kernel_u, backwards]
            gradients = tf.py_func(kernels.indy_lstm_backward, arguments, [tf.float32] * 3, stateful=False)
            for found, value in zip(gradients, (gate_inputs, kernel_u, bias)):
                found.set_shape(value.shape)
            return gradients

        return outputs, gradient

    return scan(gate_inputs, kernel_u, bias)


def indy_lstm_layer(inputs, units, scopes, rows, lengths, keep_prob):
    """One IndyLSTM layer with dropout, in one or both directions, over packed texts.

    Args:
      inputs: float32 ``[K, D]``.
      units: U, units a direction.
      scopes: variable scope of the forward cell, and of the backward cell where the layer has both directions.
      rows: int32 ``[R]``, which of the ``inputs`` each word is: it is multiplied by the kernel once, however often it occurs.
      lengths: int32 ``[B]`` with the sum R.
      keep_prob: what is kept of the outputs.

    Returns:
      float32 ``[R, U]`` or ``[R, 2U]`` (forward, backward).
    """
    outputs = []
    for scope in scopes:
        with tf.variable_scope(scope):  # an IndyLSTMCell's variables, with its names and initial values
            kernel_w = tf.get_variable("kernel_w", [inputs.shape[1].value, 4 * units])
            kernel_u = tf.get_variable("kernel_u", [1, 4 * units], initializer=tf.random_uniform_initializer(-1, 1))
            bias = tf.get_variable("bias", [4 * units], initializer=tf.zeros_initializer())
        bias += np.repeat(np.float32([0, 0, FORGET_BIAS, 0]), units)
        gate_inputs = tf.matmul(inputs, kernel_w)
        backwards = bool(outputs)
        outputs.append(indy_lstm(gate_inputs, tf.squeeze(kernel_u, [0]), bias, rows, lengths, keep_prob, backwards))
    return outputs[0] if len(outputs) == 1 else tf.concat(outputs, 1)


def encoder(vectors, positions, x_len, rnn_units, keep_prob, bidirectional=False):
    """The stacked IndyLSTM layers of section 9.6.5 over words that occur more than once.

    Args:
      vectors: float32 ``[K, E]``, the vectors of the batch's different words.
      positions: int32 ``[B, T]``, which of them stands where; x_len: int32 ``[B]``.
      rnn_units: units of the layers.
      keep_prob: what is kept of each layer's output.
      bidirectional: each layer reads forwards and backwards.

    Returns:
      float32 ``[B, T, U]`` of the last layer (2U in both directions), zeros behind a text's end.
    """
    inside = tf.sequence_mask(x_len, tf.shape(positions)[1])
    places = tf.where(inside)  # [R, 2]
    lengths = tf.reduce_sum(tf.cast(inside, tf.int32), 1)
    inputs, rows = vectors, tf.gather_nd(positions, places)
    for layer, units in enumerate(rnn_units):
        scopes = ["rnn/multi_rnn_cell/cell_%d/indy_lstm_cell" % layer]
        if bidirectional:
            scopes.append("rnn/backward/cell_%d/indy_lstm_cell" % layer)
        inputs = indy_lstm_layer(inputs, units, scopes, rows, lengths, keep_prob)
        rows = tf.range(tf.shape(rows)[0])
    shape = tf.concat([tf.shape(positions, out_type=tf.int64), [inputs.shape[1].value]], 0)
    outputs = tf.scatter_nd(places, inputs, shape)
    outputs.set_shape([None, None, inputs.shape[1].value])
    return outputs


def indy_lstm_rnn(embeddings, x_len, hidden, keep_prob):
    """``indy_lstm_rnn`` of the listing, to be handed in as ``rnn``.

    Args:
      embeddings: float32 ``[B, T, E]`` with a known E; x_len: int ``[B]``.
      hidden: units of the layers; keep_prob: what is kept of each layer's output.

    Returns:
      float32 ``[B, T, hidden[-1]]``. Behind a text's end there are zeros, where the listing has what the RNN makes of padding.
    """
    shape = tf.shape(embeddings)
    positions = tf.reshape(tf.range(shape[0] * shape[1]), shape[:2])
    vectors = tf.reshape(embeddings, [-1, embeddings.shape[2].value])
    return encoder(vectors, positions, tf.cast(x_len, tf.int32), hidden, keep_prob)
