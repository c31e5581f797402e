"""The printed network's training without the loop: attention is given, so that all decoder steps are one matrix product.

Listing 9-16 trains by decoding step by step, because each step reads where attention was. Where it is known when each symbol
is said (``alignment.py`` finds it), the context of every step is known beforehand; with true frames fed, nothing waits for the
step before it but the two GRUs. What is learnt is the same function of the same variables as the listing's (a test compares
them); a step of training takes a fraction of the time, and the frames can be learnt before attention can read.

Weights are the listing's variables by short names (``weights_of``). All tensors are batch first.
"""

import re

import tensorflow as tf

EPSILON = 1e-3  # of batch normalisation, Keras's
STEADINESS = 0.95  # share of a moving average that a step keeps


# The listing's names → short ones. Keras numbers its cells by what was made before, so the numbers are left open.
NAMES = (
    (r"embedding", "embedding"),
    (r"encoder_prenet/dense_(\d)", r"encoder_prenet_\1"),
    (r"(encoder|post)_cbhg/conv_bank/conv1d_(\d+)(_bn)?", r"\1/bank_\2\3"),
    (r"(encoder|post)_cbhg/(proj_\d(?:_bn)?|highway_\d/[HT])", r"\1/\2"),
    (r"(encoder|post)_cbhg/dense(?:_\d+)?", r"\1/match_width"),
    (r"(encoder|post)_cbhg/bidirectional_rnn/fw/(?:.*/)?gru_cell(?:_\d+)?", r"\1/forward"),
    (r"(encoder|post)_cbhg/bidirectional_rnn/bw/(?:.*/)?gru_cell(?:_\d+)?", r"\1/backward"),
    (r"memory_layer", "memory_layer"),
    (r"decoder/(?:.*/)?decoder_prenet/dense_(\d)", r"decoder_prenet_\1"),
    (r"decoder/(?:.*/)?decoder_input", "decoder_input"),
    (r"decoder/(?:.*/)?cell_0/gru_cell/(gates|candidate)", r"gru_1/\1"),
    (r"decoder/(?:.*/)?cell_1/gru_cell/(gates|candidate)", r"gru_2/\1"),
    (r"decoder/(?:.*/)?query_layer", "query_layer"),
    (r"decoder/(?:.*/)?location_features_convolution", "location_conv"),
    (r"decoder/(?:.*/)?location_features_layer", "location_layer"),
    (r"decoder/(?:.*/)?(attention_variable|attention_bias)", r"\1"),
    (r"decoder/(?:.*/)?projection_(frame|stop)", r"\1_projection"),
    (r"dense(?:_\d+)?", "linear_outputs"),
)
BEHIND = ("post/", "linear_outputs/")  # short names of what turns mel frames into linear ones
ENDINGS = r"(/(?:kernel|bias|recurrent_kernel|gamma|beta|moving_mean|moving_variance))?"


def short_name(name):
    """The short name of a variable of listing 9-16, by its own name; None: it is none of its variables."""
    name = re.sub(r"^.*?\binference/", "", name)
    for pattern, short in NAMES:
        match = re.match("^%s%s$" % (pattern, ENDINGS), name)
        if match:
            return match.expand(short) + (match.groups()[-1] or "")
    return None


def weights_of(variables):
    """The network's variables by short name.

    Args:
      variables: those of a graph in which listing 9-16's ``Tacotron`` was built.
    """
    named = [(short_name(variable.op.name), variable) for variable in variables]
    found = {name: variable for name, variable in named if name}
    assert len(found) == sum(name is not None for name, _ in named), "two variables of one short name"
    return found


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
          memory: ``[B, T_in, 256]``; mask: ``[B, T_in, 1]``; queries: ``[B, steps, 256]``; cumulated: ``[B, steps, T_in]``, the
            sum of the alignments of all steps before each.

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


def hard_sigmoid_slope(y):
    return 0.2 * tf.cast((y > 0.0) & (y < 1.0), tf.float32)


def sigmoid_slope(y):
    return y * (1.0 - y)


def recurrence(inputs, gates, candidate, keep, activation, slope, update_first):
    """A GRU's states, with a gradient that needs two products a step and none of a loop's stacks.

    ``r, u = activation(inputs + h · gates)``, ``c = tanh(inputs + (r · h) · candidate)``, ``h ← u · h + (1 - u) · c``; the
    backward loop carries only the state's gradient, those of the kernels are one product over all steps.

    Args:
      inputs: ``[T, N, B, 3 · units]``, the products of the inputs with biases added, of N cells side by side; gates:
        ``[N, units, 2 · units]``; candidate: ``[N, units, units]``; keep: ``[T, N, B, 1]``, 0 where the state stays as it is.
      activation, slope: of the gates, and its derivative from its value; update_first: whether u stands before r.

    Returns:
      ``[T, N, B, units]``.
    """

    def gated(inputs, before, gates):
        units = before.shape[-1].value
        one, two = tf.split(activation(inputs[..., : 2 * units] + product(before, gates)), 2, -1)
        return (two, one) if update_first else (one, two)  # r, u

    def product(a, b, **keywords):  # of N = 1 an ordinary one, which is faster
        if b.shape[0].value == 1:
            return tf.matmul(a[0], b[0], **keywords)[None]
        return tf.matmul(a, b, **keywords)

    @tf.custom_gradient
    def states_of(inputs, gates, candidate, keep):
        units = candidate.shape[-1].value
        shape = tf.shape(inputs)

        def step(before, now):
            r, u = gated(now[0], before, gates)
            new = tf.tanh(now[0][..., 2 * units :] + product(r * before, candidate))
            return before + now[1] * (1.0 - u) * (new - before)

        zeros = tf.zeros([gates.shape[0].value, shape[2], units])
        states = scan(step, (inputs, keep), zeros)

        def gradient(upstream):
            before = tf.concat([tf.zeros_like(states[:1]), states[:-1]], 0)

            def flat(x):  # [T, N, B, C] → [N, T · B, C]
                x = tf.transpose(x, [1, 0, 2, 3])
                return tf.reshape(x, [gates.shape[0].value, -1, x.shape[-1].value])

            def unflat(x, channels):
                x = tf.reshape(x, [gates.shape[0].value, shape[0], shape[2], channels])
                return tf.transpose(x, [1, 0, 2, 3])

            products = unflat(product(flat(before), gates), 2 * units)
            one, two = tf.split(activation(inputs[..., : 2 * units] + products), 2, -1)
            r, u = (two, one) if update_first else (one, two)
            products = unflat(product(flat(r * before), candidate), units)
            new = tf.tanh(inputs[..., 2 * units :] + products)
            # what each step's gradients are multiplied with, for all steps at once
            to_new = keep * (1.0 - u) * (1.0 - tf.square(new))
            to_u = keep * (before - new) * slope(u)
            to_r = before * slope(r)
            stays = 1.0 - keep * (1.0 - u)

            def back(state, now):
                later, _ = state
                out, to_new, to_u, to_r, stays, r = now
                total = later + out
                d_new = total * to_new
                d_kept = product(d_new, candidate, transpose_b=True)
                pair = [d_kept * to_r, total * to_u]
                d_gates = tf.concat(pair[::-1] if update_first else pair, -1)
                earlier = total * stays + d_kept * r + product(d_gates, gates, transpose_b=True)
                return earlier, tf.concat([d_gates, d_new], -1)

            values = [tf.reverse(x, [0]) for x in (upstream, to_new, to_u, to_r, stays, r)]
            d_inputs = scan(back, values, (zeros, tf.zeros([gates.shape[0].value, shape[2], 3 * units])))
            d_inputs = tf.reverse(d_inputs, [0])
            d_flat = flat(d_inputs)
            d_gates = product(flat(before), d_flat[..., : 2 * units], transpose_a=True)
            d_candidate = product(flat(r * before), d_flat[..., 2 * units :], transpose_a=True)
            return d_inputs, d_gates, d_candidate, None

        return states, gradient

    return states_of(inputs, gates, candidate, keep)


def scan(step, values, state):
    """The states of a loop over the first axis of ``values``; of a state that is a pair, the second part."""
    count = tf.shape(values[0])[0]
    arrays = [tf.TensorArray(tf.float32, count).unstack(value) for value in values]
    pair = isinstance(state, tuple)

    def body(i, state, states):
        state = step(state, [array.read(i) for array in arrays])
        return i + 1, state, states.write(i, state[1] if pair else state)

    loop = (tf.constant(0), state, tf.TensorArray(tf.float32, count))
    states = tf.while_loop(lambda i, *_: i < count, body, loop, back_prop=False)[2]
    result = states.stack()
    result.set_shape([None] + (state[1] if pair else state).shape.as_list())
    return result


def both_directions(w, name, x, mask):
    """The two Keras GRU cells of listing 9-10, in one loop: ``[B, T, C]`` → ``[B, T, 2 · units]``.

    Behind the end of an utterance the backward cell keeps its zero state.
    """
    ways = ("%s/%s" % (name, way) for way in ("forward", "backward"))
    return _both_directions(
        [[w[way + kind] for kind in ("/kernel", "/recurrent_kernel", "/bias")] for way in ways], x, mask
    )


def _both_directions(cells, x, mask):
    units, width = cells[0][1].shape[0].value, x.shape[2].value
    ways, shape = [], tf.concat([tf.shape(x)[:2], [3 * units]], 0)
    for (kernel, _, bias), read in zip(cells, (x, tf.reverse(x, [1]))):
        ways.append(tf.reshape(tf.matmul(tf.reshape(read, [-1, width]), kernel) + bias, shape))
    inputs = tf.transpose(tf.stack(ways), [2, 0, 1, 3])  # [T, 2, B, 3 · units]
    keep = tf.transpose(tf.stack([mask, tf.reverse(mask, [1])]), [2, 0, 1, 3])  # [T, 2, B, 1]
    kernel = tf.stack([recurrent for _, recurrent, _ in cells])
    gates, candidate = kernel[:, :, : 2 * units], kernel[:, :, 2 * units :]
    states = recurrence(inputs, gates, candidate, keep, hard_sigmoid, hard_sigmoid_slope, update_first=True)
    states = tf.transpose(states, [1, 2, 0, 3])  # [2, B, T, units]
    return tf.concat([states[0], tf.reverse(states[1], [1])], -1)


def bidirectional_gru(cell_fw, cell_bw, inputs, sequence_length=None, dtype=None):
    """``tf.nn.bidirectional_dynamic_rnn`` of two Keras GRU cells, as the part ``rnn`` of listing 9-10.

    The same outputs from variables of the same names; in print each step slices the kernels anew, and its gradient puts the
    slices together again.

    Args:
      inputs: float32 ``[B, T, C]`` with known ``C``; sequence_length: int ``[B]``, or None: all are full.

    Returns:
      The outputs of both directions, ``[B, T, units]`` each, zeros behind the end; None in place of the states.
    """
    cells = []
    for way, cell in (("fw", cell_fw), ("bw", cell_bw)):
        # where the printed call has its variables: a scope of its own, a loop in that of the name
        with tf.variable_scope("bidirectional_rnn/" + way), tf.name_scope(way), tf.name_scope("while"):
            with tf.name_scope(cell.name):
                cell.build(tf.TensorShape([None, inputs.shape[2].value]))
        cells.append([cell.kernel, cell.recurrent_kernel, cell.bias])
    mask = tf.ones_like(inputs[:, :, :1])
    if sequence_length is not None:
        mask = tf.sequence_mask(sequence_length, tf.shape(inputs)[1], tf.float32)[:, :, None]
    return tf.split(_both_directions(cells, inputs, mask) * mask, 2, -1), None


def gru(w, name, x):
    """``tf.nn.rnn_cell.GRUCell`` along ``[B, steps, C]``."""
    units = w[name + "/candidate/bias"].shape[0].value
    width = x.shape[2].value
    kernel = tf.concat([w[name + "/gates/kernel"], w[name + "/candidate/kernel"]], 1)
    bias = tf.concat([w[name + "/gates/bias"], w[name + "/candidate/bias"]], 0)
    inputs = tf.reshape(tf.matmul(tf.reshape(x, [-1, width]), kernel[:width]) + bias, [tf.shape(x)[0], -1, 3 * units])
    inputs = tf.transpose(inputs, [1, 0, 2])[:, None]
    gates, candidate = kernel[None, width:, : 2 * units], kernel[None, width:, 2 * units :]
    keep = tf.ones_like(inputs[..., :1])
    states = recurrence(inputs, gates, candidate, keep, tf.sigmoid, sigmoid_slope, update_first=False)
    return tf.transpose(states[:, 0], [1, 0, 2])


# ------------------------------------------------------------------------------------------------ what is given
def before(alignments):
    """The sum of the alignments of all steps before each, which attention looks at: ``[B, steps, T_in]`` → the same."""
    return tf.cumsum(alignments, axis=1, exclusive=True)


def alignments_at(places, length):
    """Attention between the two symbols round each place: ``[B, steps]`` in 0…T_in - 1 → ``[B, steps, T_in]``."""
    n = tf.cast(tf.range(length), tf.float32)
    return tf.maximum(0.0, 1.0 - tf.abs(places[:, :, None] - n))
