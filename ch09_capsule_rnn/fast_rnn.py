"""Extra: the IndyLSTM layers of listing 9-7 (9.6.5), the same numbers in less time.

An IndyLSTM's unit sees only its own past: ``gates = W·x + u∘h + b`` (Li et al. 2018, arXiv 1803.04831). Hence

1. ``W·x + b`` of all steps is one matrix product before the loop (and for the embedding layer, one for each *different* word);
2. the loop is element-wise, its gradient is short enough to write by hand, and both directions of a bidirectional layer fit
   into one loop.

``tf.nn.dynamic_rnn`` does all of it step by step. Variables have the names that ``dynamic_rnn`` with ``IndyLSTMCell``
gives them, so a checkpoint of one way can be read by the other.
"""

import tensorflow as tf
from tensorflow.python.ops.gen_math_ops import sigmoid_grad, tanh_grad  # derivative from the function's value

GATES = "ijfo"  # the order of IndyLSTMCell's kernels: input gate, new input, forget gate, output gate
FORGET_BIAS = 1.0  # IndyLSTMCell's default


def _array(steps):
    return tf.TensorArray(tf.float32, size=steps, clear_after_read=False)


@tf.custom_gradient
def indy_lstm_scan(gate_inputs, recurrent):
    """The element-wise recurrence of an IndyLSTM over all steps.

    Args:
      gate_inputs: float32 ``[T, B, 4U]``, ``W·x + b`` of each step; the gates in the order i, j, f, o, the forget
      bias included.
      recurrent: float32 ``[B, 4U]``, the factors ``u`` of ``h``, same order (given for each row, so that rows may run through
        different layers, as the two directions do).

    Returns:
      float32 ``[T, B, U]``, the outputs ``h``.
    """
    steps, batch = tf.shape(gate_inputs)[0], tf.shape(gate_inputs)[1]
    units = gate_inputs.shape[2].value // 4
    zeros = tf.zeros([batch, units])
    factors = tf.split(recurrent, 4, axis=1)

    def forward(step, c, h, kept):
        gates = tf.split(gate_inputs[step], 4, axis=1)
        i, j, f, o = [gate + h * factor for gate, factor in zip(gates, factors)]
        i, j, f, o = tf.sigmoid(i), tf.tanh(j), tf.sigmoid(f), tf.sigmoid(o)
        c_before, c = c, f * c + i * j
        tanh_c = tf.tanh(c)
        h_before, h = h, o * tanh_c
        values = (i, j, f, o, tanh_c, c_before, h_before, h)
        return step + 1, c, h, [array.write(step, value) for array, value in zip(kept, values)]

    start = [0, zeros, zeros, [_array(steps) for _ in range(8)]]
    kept = tf.while_loop(lambda step, *unused: step < steps, forward, start, back_prop=False)[-1]
    outputs = kept[-1].stack()
    outputs.set_shape(gate_inputs.shape[:2].concatenate(units))

    def gradient(d_outputs):
        # The chain rule by hand, from the last step back: TensorFlow's own would keep and add up many more tensors a step.
        def backward(step, d_c, d_h, d_factors, d_inputs):
            i, j, f, o, tanh_c, c_before, h_before = [array.read(step) for array in kept[:-1]]
            d_h += d_outputs[step]
            d_c += tanh_grad(tanh_c, d_h * o)
            d_gates = [
                sigmoid_grad(i, d_c * j),
                tanh_grad(j, d_c * i),
                sigmoid_grad(f, d_c * c_before),
                sigmoid_grad(o, d_h * tanh_c),
            ]
            d_factors = [total + d_gate * h_before for total, d_gate in zip(d_factors, d_gates)]
            d_h = tf.add_n([d_gate * factor for d_gate, factor in zip(d_gates, factors)])
            return step - 1, d_c * f, d_h, d_factors, d_inputs.write(step, tf.concat(d_gates, 1))

        start = [steps - 1, zeros, zeros, [zeros] * 4, _array(steps)]
        *_, d_factors, d_inputs = tf.while_loop(lambda step, *unused: step >= 0, backward, start, back_prop=False)
        return d_inputs.stack(), tf.concat(d_factors, 1)

    return outputs, gradient


def _variables(depth, units):
    """An IndyLSTMCell's variables, with its names and initial values: ``[depth, 4U]``, ``[1, 4U]`` and ``[4U]``."""
    kernel_w = tf.get_variable("kernel_w", [depth, 4 * units])
    kernel_u = tf.get_variable("kernel_u", [1, 4 * units], initializer=tf.random_uniform_initializer(-1, 1))
    bias = tf.get_variable("bias", [4 * units], initializer=tf.zeros_initializer())
    return kernel_w, kernel_u, bias


def _project(inputs, kernel, bias):
    """``inputs [T, B, D]`` · kernel + bias in one matrix product."""
    shape = tf.shape(inputs)
    flat = tf.nn.bias_add(tf.matmul(tf.reshape(inputs, [-1, inputs.shape[-1].value]), kernel), bias)
    return tf.reshape(flat, [shape[0], shape[1], kernel.shape[1].value])


def indy_lstm_layer(inputs, units, scopes, lengths=None, words=None):
    """One IndyLSTM layer, in one or both directions, time first.

    Args:
      inputs: float32 ``[T, B, D]``; with ``words``, the vectors of the batch's different words ``[K, D]``.
      units: U, units a direction.
      scopes: variable scope of the forward cell, and of the backward cell where the layer has both directions.
      lengths: int32 ``[B]``, needed for the backward direction (it starts at each text's own last word).
      words: int32 ``[T, B]``, rows of ``inputs``: every word is multiplied by the kernel once, however often it occurs.

    Returns:
      float32 ``[T, B, U]`` or ``[T, B, 2U]`` (forward, backward). Steps behind a text's end hold numbers without meaning.
    """
    gates, factors = [], []
    for number, scope in enumerate(scopes):
        with tf.variable_scope(scope):
            kernel_w, kernel_u, bias = _variables(inputs.shape[-1].value, units)
        bias += tf.concat([tf.zeros([2 * units]), tf.fill([units], FORGET_BIAS), tf.zeros([units])], 0)
        if words is None:
            gate_inputs = _project(inputs, kernel_w, bias)
        else:
            gate_inputs = tf.gather(tf.nn.bias_add(tf.matmul(inputs, kernel_w), bias), words)
        if number == 1:
            gate_inputs = tf.reverse_sequence(gate_inputs, lengths, seq_axis=0, batch_axis=1)
        gates.append(gate_inputs)
        factors.append(tf.tile(kernel_u, [tf.shape(gate_inputs)[1], 1]))
    if len(scopes) == 1:
        return indy_lstm_scan(gates[0], factors[0])
    outputs = indy_lstm_scan(tf.concat(gates, 1), tf.concat(factors, 0))
    forward, backward = tf.split(outputs, 2, axis=1)
    return tf.concat([forward, tf.reverse_sequence(backward, lengths, seq_axis=0, batch_axis=1)], 2)


def fast_encoder(vectors, positions, x_len, rnn_units, keep_prob, bidirectional=False):
    """The stacked IndyLSTM layers of section 9.6.5, as ``printed_encoder`` computes them.

    Args:
      vectors: float32 ``[K, E]``, the vectors of the batch's different words.
      positions: int32 ``[B, T]``, which of them stands where; x_len: int32 ``[B]``.
      rnn_units: units of the layers.
      keep_prob: what is kept of each layer's output.
      bidirectional: each layer reads forwards and backwards.

    Returns:
      float32 ``[B, T, U]`` of the last layer (2U in both directions).
    """
    inputs, words = vectors, tf.transpose(positions)
    for layer, units in enumerate(rnn_units):
        scopes = ["rnn/multi_rnn_cell/cell_%d/indy_lstm_cell" % layer]
        if bidirectional:
            scopes.append("rnn/backward/cell_%d/indy_lstm_cell" % layer)
        inputs = indy_lstm_layer(inputs, units, scopes, x_len, words=words if layer == 0 else None)
        inputs = tf.nn.dropout(inputs, keep_prob=keep_prob)
    return tf.transpose(inputs, [1, 0, 2])
