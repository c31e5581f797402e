"""The printed network's training without the loop: attention is given, so that all decoder steps are one matrix product.

Listing 9-16 trains by decoding step by step, because each step reads where attention was. Where it is known when each symbol
is said (``alignment.py`` finds it), the context of every step is known beforehand; with true frames fed, nothing of a step waits for the
step before it but the two GRUs. What is learnt is the same function of the same variables as the listing's (a test compares
them); a step of training takes a fraction of the time, and the frames can be learnt before attention can read.

``Weights`` are the listing's variables by short names. All tensors are batch first.
"""

import tensorflow as tf

EPSILON = 1e-3  # of batch normalisation, Keras's
STEADINESS = 0.95  # share of a moving average that a step keeps


# ------------------------------------------------------------------------------------------------ layers
def dense(w, name, x):
    """``x · kernel + bias``."""
    size = w[name + "/kernel"].shape.as_list()
    flat = tf.matmul(tf.reshape(x, [-1, size[0]]), w[name + "/kernel"])
    if name + "/bias" in w:
        flat += w[name + "/bias"]
    return tf.reshape(flat, tf.concat([tf.shape(x)[:-1], [size[1]]], 0))


class Passage:
    """One way through the network: dropout, and which statistics batch normalisation uses.

    Args:
      w: the weights, short name → variable.
      is_training: by the batch's statistics (its padding left out), or by the moving averages.
      dropout: rate in the prenets.
      seed: of the noise.

    Attributes:
      updates: what moves the moving averages.
    """

    def __init__(self, w, is_training, dropout=0.0):
        self.w, self.is_training, self.dropout, self.updates = w, is_training, dropout, []

    def prenet(self, name, x):
        for i in (1, 2):
            x = tf.nn.relu(dense(self.w, "%s_%d" % (name, i), x))
            if self.is_training and self.dropout:
                x = tf.nn.dropout(x, rate=self.dropout)
        return x

    def conv(self, name, x, mask, activation):
        """Convolution (padding is zero, as at the end of an unpadded utterance), activation, batch normalisation."""
        x = tf.nn.conv1d(x * mask, self.w[name + "/kernel"], 1, "SAME") + self.w[name + "/bias"]
        if activation is not None:
            x = activation(x)
        mean, variance = self.w[name + "_bn/moving_mean"], self.w[name + "_bn/moving_variance"]
        if self.is_training:
            count = tf.reduce_sum(mask)
            batch_mean = tf.reduce_sum(x * mask, [0, 1]) / count
            batch_variance = tf.reduce_sum(tf.square(x - batch_mean) * mask, [0, 1]) / count
            for average, value in ((mean, batch_mean), (variance, batch_variance)):
                self.updates.append(tf.assign_sub(average, (1 - STEADINESS) * (average - value)))
            mean, variance = batch_mean, batch_variance
        scale = self.w[name + "_bn/gamma"] * tf.rsqrt(variance + EPSILON)
        return x * scale + (self.w[name + "_bn/beta"] - mean * scale)

    def cbhg(self, name, x, mask, K):
        """Listing 9-10; mask: float ``[B, T, 1]``, 1 where there is something."""
        inputs = x
        x = tf.concat([self.conv("%s/bank_%d" % (name, k), x, mask, tf.nn.relu) for k in range(1, K + 1)], -1)
        x = x * mask + (mask - 1.0) * 1e6  # the maximum below sees no padding
        x = tf.maximum(x, tf.pad(x[:, 1:], [[0, 0], [0, 1], [0, 0]], constant_values=-1e6))
        x = self.conv(name + "/proj_1", x, mask, tf.nn.relu)
        x = self.conv(name + "/proj_2", x, mask, None) + inputs
        if name + "/match_width/kernel" in self.w:
            x = dense(self.w, name + "/match_width", x)
        for i in range(1, 5):
            gate = tf.sigmoid(dense(self.w, "%s/highway_%d/T" % (name, i), x))
            x = tf.nn.relu(dense(self.w, "%s/highway_%d/H" % (name, i), x)) * gate + x * (1.0 - gate)
        return both_directions(self.w, name, x, mask)

    def encode(self, inputs, mask):
        """Symbol ids ``[B, T_in]`` → ``[B, T_in, 256]``."""
        x = self.prenet("encoder_prenet", tf.gather(self.w["embedding"], inputs))
        return self.cbhg("encoder", x, mask, 16) * mask

    def decode(self, previous, contexts):
        """All decoder steps at once.

        Args:
          previous: ``[B, steps, 80]``, the frame that each step reads; contexts: ``[B, steps, 256]``, what each step attends to.

        Returns:
          (queries ``[B, steps, 256]``, frames ``[B, steps, 400]``, stop logits ``[B, steps, 5]``).
        """
        w = self.w
        x = self.prenet("decoder_prenet", previous)
        x = dense(w, "decoder_input", tf.concat([x, shift(contexts)], -1))
        for name in ("gru_1", "gru_2"):
            x = x + gru(w, name, x)
        outputs = tf.concat([x, contexts], -1)
        return x, dense(w, "frame_projection", outputs), dense(w, "stop_projection", outputs)

    def attend(self, memory, mask, queries, cumulated):
        """Where attention is in all steps at once, given where it was.

        Args:
          memory: ``[B, T_in, 256]``; mask: ``[B, T_in, 1]``; queries: ``[B, steps, 256]``; cumulated: ``[B, steps, T_in]``, the sum
            of the alignments of all steps before each.

        Returns:
          Logarithms of the alignments ``[B, steps, T_in]``.
        """
        w = self.w
        shape = tf.shape(cumulated)
        rows = tf.reshape(cumulated, [shape[0] * shape[1], shape[2], 1])
        location = tf.nn.conv1d(rows, w["location_conv/kernel"], 1, "SAME") + w["location_conv/bias"]
        location = tf.reshape(dense(w, "location_layer", location), [shape[0], shape[1], shape[2], 256])
        keys = dense(w, "memory_layer", memory)[:, None]
        query = dense(w, "query_layer", queries)[:, :, None]
        hidden = tf.tanh(keys + query + location + w["attention_bias"])
        energy = tf.reshape(
            tf.matmul(tf.reshape(hidden, [-1, 256]), w["attention_variable"][:, None]), [shape[0], shape[1], shape[2]]
        )
        return tf.nn.log_softmax(energy + (mask[:, None, :, 0] - 1.0) * 1e6)

    def to_linear(self, mels, mask):
        """Mel frames ``[B, T, 80]`` → linear spectrogram ``[B, T, 1025]``."""
        return dense(self.w, "linear_outputs", self.cbhg("post", mels, mask, 8))


def shift(x):
    """Each step gets what belongs to the step before it, the first one zeros."""
    return tf.pad(x[:, :-1], [[0, 0], [1, 0], [0, 0]])


def hard_sigmoid(x):
    """Keras's gates: a straight line between 0 and 1."""
    return tf.clip_by_value(0.2 * x + 0.5, 0.0, 1.0)


def both_directions(w, name, x, mask):
    """The two Keras GRU cells of listing 9-10, in one loop: ``[B, T, C]`` → ``[B, T, 2 · units]``.

    Behind the end of an utterance the backward cell keeps its zero state.
    """
    units = w[name + "/forward/recurrent_kernel"].shape[0].value
    ways = [dense(w, name + "/forward", x), dense(w, name + "/backward", x[:, ::-1])]
    projected = tf.transpose(tf.stack(ways), [2, 0, 1, 3])  # [T, 2, B, 3 · units]
    kept = tf.transpose(tf.stack([mask, mask[:, ::-1]]), [2, 0, 1, 3])  # [T, 2, B, 1]
    recurrent = tf.stack([w["%s/%s/recurrent_kernel" % (name, way)] for way in ("forward", "backward")])
    gates, candidate = recurrent[:, :, : 2 * units], recurrent[:, :, 2 * units :]

    def step(state, now):
        values, keep = now
        z, r = tf.split(hard_sigmoid(values[:, :, : 2 * units] + tf.matmul(state, gates)), 2, -1)
        new = tf.tanh(values[:, :, 2 * units :] + tf.matmul(r * state, candidate))
        return state + keep * (1.0 - z) * (new - state)

    states = scan(step, (projected, kept), tf.zeros([2, tf.shape(x)[0], units]))
    states = tf.transpose(states, [1, 2, 0, 3])  # [2, B, T, units]
    return tf.concat([states[0], states[1][:, ::-1]], -1)


def gru(w, name, x):
    """``tf.nn.rnn_cell.GRUCell`` along ``[B, steps, C]``, the inputs' products taken out of the loop."""
    units = w[name + "/candidate/bias"].shape[0].value
    width = x.shape[2].value
    kernel = tf.concat([w[name + "/gates/kernel"], w[name + "/candidate/kernel"]], 1)
    bias = tf.concat([w[name + "/gates/bias"], w[name + "/candidate/bias"]], 0)
    values = tf.reshape(tf.matmul(tf.reshape(x, [-1, width]), kernel[:width]) + bias, [tf.shape(x)[0], -1, 3 * units])
    gates, candidate = kernel[width:, : 2 * units], kernel[width:, 2 * units :]

    def step(state, now):
        r, u = tf.split(tf.sigmoid(now[0][:, : 2 * units] + tf.matmul(state, gates)), 2, -1)
        new = tf.tanh(now[0][:, 2 * units :] + tf.matmul(r * state, candidate))
        return u * state + (1.0 - u) * new

    states = scan(step, (tf.transpose(values, [1, 0, 2]),), tf.zeros([tf.shape(x)[0], units]))
    return tf.transpose(states, [1, 0, 2])


def scan(step, values, state):
    """The states of a loop over the first axis of ``values``."""
    count = tf.shape(values[0])[0]
    arrays = [tf.TensorArray(tf.float32, count).unstack(value) for value in values]

    def body(i, state, states):
        state = step(state, [array.read(i) for array in arrays])
        return i + 1, state, states.write(i, state)

    loop = (tf.constant(0), state, tf.TensorArray(tf.float32, count))
    states = tf.while_loop(lambda i, *_: i < count, body, loop, parallel_iterations=1)[2]
    result = states.stack()
    result.set_shape([None] + state.shape.as_list())
    return result


# ------------------------------------------------------------------------------------------------ what is given
def alignments_at(places, length):
    """Attention between the two symbols round each place: ``[B, steps]`` in 0…T_in - 1 → ``[B, steps, T_in]``."""
    n = tf.cast(tf.range(length), tf.float32)
    return tf.maximum(0.0, 1.0 - tf.abs(places[:, :, None] - n))
