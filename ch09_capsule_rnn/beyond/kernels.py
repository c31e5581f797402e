"""The loops of the IndyLSTM (9.6.5) and of routing (9.6.4), compiled by numba.

TensorFlow 1 does a loop over words with some fifteen small operations a word. Here a whole layer is one call. The first call
compiles for some seconds; the machine code is kept in ``__pycache__``. How it is written matters for the speed:

* inner loops run over units, whose numbers lie side by side, so that the processor takes eight at once;
* a loop writes one or two arrays: the compiler takes numbers one by one where too many arrays could overlap;
* parts of an array get their names outside of the loops, for making one costs as much as a loop over 30 units.

The texts of the IndyLSTM are packed: their words stand one behind the other, ``[R, …]`` with R the sum of the lengths.
"""

import llvmlite.binding
import numpy as np
from numba import njit

# Otherwise a loop takes 32 numbers at once and does the rest one by one, which for 30 units is all of them.
llvmlite.binding.set_option("", "--force-vector-interleave=1")

# Sums may be done in another order. NaN stays NaN (the training loop looks for it), division by zero is no exception.
_OPTIONS = dict(fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")

# float32 constants: a Python float would make double precision of everything that it meets.
_ZERO, _HALF, _ONE, _LIMIT = np.float32(0), np.float32(0.5), np.float32(1), np.float32(9)
_TINY = np.float32(1e-9)  # the listing's, in _squash
# tanh x ≈ x·P(x²)/Q(x²), coefficients of Eigen (ptanh_float), which TensorFlow uses as well; error below 3e-7.
_P1, _P3, _P5, _P7 = [
    np.float32(v) for v in (4.89352455891786e-3, 6.37261928875436e-4, 1.48572235717979e-5, 5.12229709037114e-8)
]
_P9, _P11, _P13 = [np.float32(v) for v in (-8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16)]
_Q0, _Q2, _Q4, _Q6 = [
    np.float32(v) for v in (4.89352518554385e-3, 2.268434632439e-3, 1.18534705686654e-4, 1.19825839466702e-6)
]
_M1, _M2, _M3, _S15, _S16 = [np.uint32(v) for v in (0x9E3779B9, 0x7FEB352D, 0x846CA68B, 15, 16)]


@njit(inline="always", **_OPTIONS)
def tanh(x):
    """float32 hyperbolic tangent without a branch or a call, so that a loop over it takes eight numbers at once."""
    x = _LIMIT if x > _LIMIT else x
    x = -_LIMIT if x < -_LIMIT else x
    s = x * x
    top = x * (((((((_P13 * s + _P11) * s + _P9) * s + _P7) * s + _P5) * s + _P3) * s) + _P1)
    return top / (((_Q6 * s + _Q4) * s + _Q2) * s + _Q0)


@njit(inline="always", **_OPTIONS)
def random_bits(number, seed):
    """32 random bits of a place: a hash of its number (Wellons' lowbias32) instead of a generator with a state."""
    x = np.uint32(np.uint32(number * _M1) + seed)
    x = np.uint32(x ^ (x >> _S16))
    x = np.uint32(x * _M2)
    x = np.uint32(x ^ (x >> _S15))
    x = np.uint32(x * _M3)
    return np.uint32(x ^ (x >> _S16))


@njit(cache=True, **_OPTIONS)
def _lstm(gate_inputs, rows, lengths, kernel_u, bias, keep_prob, seed, backwards, outputs, kept):
    units = kernel_u.shape[0] // 4
    now = np.empty(7 * units, np.float32)
    i, j, f, o = now[:units], now[units : 2 * units], now[2 * units : 3 * units], now[3 * units : 4 * units]
    c, tanh_c, mask = now[4 * units : 5 * units], now[5 * units : 6 * units], now[6 * units :]
    h = np.empty(4 * units, np.float32)  # four times, once for each gate
    h_i, h_j, h_f, h_o = h[:units], h[units : 2 * units], h[2 * units : 3 * units], h[3 * units :]
    scale = np.full(4 * units, _HALF)  # sigmoid x = tanh(x/2)/2 + 1/2: one function for all four gates
    scale[units : 2 * units] = _ONE
    factor = _ONE / keep_prob
    mask[:] = factor
    limit = np.uint32(min(keep_prob * 4294967296.0, 4294967295.0))
    start = 0
    for text in range(lengths.shape[0]):
        h[:] = _ZERO
        c[:] = _ZERO
        for step in range(lengths[text]):
            at = start + (lengths[text] - 1 - step if backwards else step)
            row = rows[at]
            for k in range(4 * units):
                s = scale[k]
                now[k] = tanh((gate_inputs[row, k] + bias[k] + h[k] * kernel_u[k]) * s) * s + (_ONE - s)
            for u in range(units):
                c[u] = f[u] * c[u] + i[u] * j[u]
            for u in range(units):
                tanh_c[u] = tanh(c[u])
            if keep_prob < _ONE:
                first = np.uint32(at * units)
                for u in range(units):
                    mask[u] = factor if random_bits(np.uint32(first + np.uint32(u)), seed) < limit else _ZERO
            for u in range(units):
                h_i[u] = o[u] * tanh_c[u]
            for u in range(units):
                outputs[at, u] = h_i[u] * mask[u]
            for u in range(units):
                h_j[u] = h_i[u]
                h_f[u] = h_i[u]
                h_o[u] = h_i[u]
            for k in range(7 * units):
                kept[at, k] = now[k]
        start += lengths[text]


@njit(cache=True, **_OPTIONS)
def _lstm_gradient(d_outputs, kept, rows, lengths, kernel_u, backwards, d_inputs, d_kernel, d_bias):
    units = kernel_u.shape[0] // 4
    d_inputs[:] = _ZERO
    d_kernel[:] = _ZERO
    d_bias[:] = _ZERO
    now, before = np.empty(7 * units, np.float32), np.empty(7 * units, np.float32)
    i, j, f, o = now[:units], now[units : 2 * units], now[2 * units : 3 * units], now[3 * units : 4 * units]
    tanh_c, mask = now[5 * units : 6 * units], now[6 * units :]
    o_before, c_before = before[3 * units : 4 * units], before[4 * units : 5 * units]
    tanh_before = before[5 * units : 6 * units]
    d_gates, h = np.empty(4 * units, np.float32), np.empty(4 * units, np.float32)
    d_i, d_j, d_f, d_o = (
        d_gates[:units],
        d_gates[units : 2 * units],
        d_gates[2 * units : 3 * units],
        d_gates[3 * units :],
    )
    h_i, h_j, h_f, h_o = h[:units], h[units : 2 * units], h[2 * units : 3 * units], h[3 * units :]
    u_i, u_j, u_f, u_o = (
        kernel_u[:units],
        kernel_u[units : 2 * units],
        kernel_u[2 * units : 3 * units],
        kernel_u[3 * units :],
    )
    d_h, d_c = np.empty(units, np.float32), np.empty(units, np.float32)
    start = 0
    for text in range(lengths.shape[0]):
        d_h[:] = _ZERO
        d_c[:] = _ZERO
        for step in range(lengths[text] - 1, -1, -1):
            at = start + (lengths[text] - 1 - step if backwards else step)
            row, previous = rows[at], at + (1 if backwards else -1)
            if step == lengths[text] - 1:
                for k in range(7 * units):
                    now[k] = kept[at, k]
            else:
                for k in range(7 * units):
                    now[k] = before[k]
            if step:
                for k in range(7 * units):
                    before[k] = kept[previous, k]
            else:
                before[:] = _ZERO
            for u in range(units):
                d_h[u] += d_outputs[at, u] * mask[u]
            for u in range(units):
                d_c[u] += d_h[u] * o[u] * (_ONE - tanh_c[u] * tanh_c[u])
            for u in range(units):
                d_i[u] = d_c[u] * j[u] * i[u] * (_ONE - i[u])
            for u in range(units):
                d_j[u] = d_c[u] * i[u] * (_ONE - j[u] * j[u])
            for u in range(units):
                d_f[u] = d_c[u] * c_before[u] * f[u] * (_ONE - f[u])
            for u in range(units):
                d_o[u] = d_h[u] * tanh_c[u] * o[u] * (_ONE - o[u])
            for u in range(units):
                d_c[u] *= f[u]
            for u in range(units):
                d_h[u] = d_i[u] * u_i[u] + d_j[u] * u_j[u] + d_f[u] * u_f[u] + d_o[u] * u_o[u]
            for u in range(units):
                h_i[u] = o_before[u] * tanh_before[u]
            for u in range(units):
                h_j[u] = h_i[u]
                h_f[u] = h_i[u]
                h_o[u] = h_i[u]
            for k in range(4 * units):
                d_kernel[k] += d_gates[k] * h[k]
            for k in range(4 * units):
                d_bias[k] += d_gates[k]
            for k in range(4 * units):
                d_inputs[row, k] += d_gates[k]
        start += lengths[text]


@njit(cache=True, **_OPTIONS)
def _routing(uhat, lengths, capsules, sums, couplings):
    batch, steps, number, width = uhat.shape
    rounds = len(sums)
    sums[:] = _ZERO
    couplings[:] = _ZERO
    logits = np.empty((steps, number), np.float32)
    for text in range(batch):
        logits[:] = _ZERO
        for turn in range(rounds):
            for step in range(lengths[text]):
                highest, total = logits[step, 0], _ZERO
                for n in range(number):
                    highest = max(highest, logits[step, n])
                for n in range(number):
                    share = np.exp(logits[step, n] - highest)
                    couplings[turn, text, step, n] = share
                    total += share
                for n in range(number):
                    share = couplings[turn, text, step, n] / total
                    couplings[turn, text, step, n] = share
                    for d in range(width):
                        sums[turn, text, n, d] += share * uhat[text, step, n, d]
            for n in range(number):
                squared = _ZERO
                for d in range(width):
                    squared += sums[turn, text, n, d] * sums[turn, text, n, d]
                factor = squared / (_ONE + squared) / np.sqrt(squared + _TINY)
                for d in range(width):
                    capsules[turn, text, n, d] = factor * sums[turn, text, n, d]
            if turn + 1 < rounds:
                for step in range(lengths[text]):
                    for n in range(number):
                        agreement = _ZERO
                        for d in range(width):
                            agreement += uhat[text, step, n, d] * capsules[turn, text, n, d]
                        logits[step, n] += agreement


@njit(cache=True, **_OPTIONS)
def _routing_gradient(d_capsules, uhat, lengths, capsules, sums, couplings, d_uhat):
    batch, steps, number, width = uhat.shape
    rounds = len(sums)
    d_uhat[:] = _ZERO
    d_logits = np.empty((steps, number), np.float32)
    d_share = np.empty(number, np.float32)
    d_V, d_S = np.empty((number, width), np.float32), np.empty((number, width), np.float32)
    for text in range(batch):
        d_V[:] = d_capsules[text]
        d_logits[:] = _ZERO
        for turn in range(rounds - 1, -1, -1):
            if turn + 1 < rounds:  # the capsules of this round went into the logits of the next
                d_V[:] = _ZERO
                for step in range(lengths[text]):
                    for n in range(number):
                        d_logit = d_logits[step, n]
                        for d in range(width):
                            d_V[n, d] += d_logit * uhat[text, step, n, d]
                        for d in range(width):
                            d_uhat[text, step, n, d] += d_logit * capsules[turn, text, n, d]
            for n in range(number):
                squared, along = _ZERO, _ZERO
                for d in range(width):
                    squared += sums[turn, text, n, d] * sums[turn, text, n, d]
                    along += sums[turn, text, n, d] * d_V[n, d]
                # V = g(|S|²)·S, and `slope` is 2·g'
                root = np.sqrt(squared + _TINY)
                factor = squared / (_ONE + squared) / root
                slope = (_ONE + _ONE) / ((_ONE + squared) * (_ONE + squared) * root) - factor / (root * root)
                for d in range(width):
                    d_S[n, d] = factor * d_V[n, d] + slope * along * sums[turn, text, n, d]
            for step in range(lengths[text]):
                inner = _ZERO
                for n in range(number):
                    change = _ZERO
                    for d in range(width):
                        change += uhat[text, step, n, d] * d_S[n, d]
                    d_share[n] = change
                    inner += change * couplings[turn, text, step, n]
                for n in range(number):
                    share = couplings[turn, text, step, n]
                    for d in range(width):
                        d_uhat[text, step, n, d] += share * d_S[n, d]
                    d_logits[step, n] += (d_share[n] - inner) * share


# ------------------------------------------------------------------------------------------- what TensorFlow calls
def _aligned(*shape):
    """An empty float32 array that starts at a multiple of 64 bytes: TensorFlow takes such memory without copying it."""
    size = int(np.prod(shape))
    raw = np.empty(size + 16, np.float32)
    start = -raw.ctypes.data % 64 // 4
    return raw[start : start + size].reshape(shape)


def indy_lstm_forward(gate_inputs, rows, lengths, kernel_u, bias, keep_prob, seed, backwards):
    """One direction of an IndyLSTM layer over packed texts, with dropout of what it gives to the next layer.

    Args:
      gate_inputs: float32 ``[K, 4U]``, ``W·x``; the gates in the order i, j, f, o.
      rows: int32 ``[R]``, which row of ``gate_inputs`` belongs to each word; lengths: int32 ``[B]`` with the sum R.
      kernel_u, bias: float32 ``[4U]``, the factors of ``h`` and the biases, the forget bias included.
      keep_prob: float32, what is kept of the outputs; seed: uint32, of the dropout.
      backwards: read each text from its last word to its first.

    Returns:
      outputs float32 ``[R, U]``, and what the gradient needs, float32 ``[R, 7U]``: gates i, j, f, o; c; tanh c; dropout factor.
    """
    units = len(bias) // 4
    outputs, kept = _aligned(len(rows), units), _aligned(len(rows), 7 * units)
    _lstm(
        gate_inputs,
        rows,
        lengths,
        kernel_u,
        bias,
        np.float32(keep_prob),
        np.uint32(seed),
        bool(backwards),
        outputs,
        kept,
    )
    return outputs, kept


def indy_lstm_backward(d_outputs, kept, different, rows, lengths, kernel_u, backwards):
    """The gradient of ``indy_lstm_forward``: the chain rule by hand, from each text's last step back.

    Args:
      d_outputs: float32 ``[R, U]``; kept: from ``indy_lstm_forward``; different: K. The others as there.

    Returns:
      gradients of ``gate_inputs [K, 4U]``, ``kernel_u [4U]`` and ``bias [4U]``.
    """
    gradients = _aligned(different, len(kernel_u)), _aligned(len(kernel_u)), _aligned(len(kernel_u))
    _lstm_gradient(d_outputs, kept, rows, lengths, kernel_u, bool(backwards), *gradients)
    return gradients


def routing_forward(uhat, lengths, rounds):
    """Dynamic routing over the words of each text (9.6.4).

    Args:
      uhat: float32 ``[B, T, N, D]``; lengths: int32 ``[B]``, 1 … T; rounds: at least 1.

    Returns:
      capsules V and sums S of each round, float32 ``[rounds, B, N, D]``; couplings, float32 ``[rounds, B, T, N]``.
    """
    batch, steps, number, width = uhat.shape
    capsules, sums = _aligned(rounds, batch, number, width), _aligned(rounds, batch, number, width)
    couplings = _aligned(rounds, batch, steps, number)
    _routing(uhat, lengths, capsules, sums, couplings)
    return capsules, sums, couplings


def routing_backward(d_capsules, uhat, lengths, capsules, sums, couplings):
    """The gradient of the last round's capsules, float32 ``[B, N, D]``, with regard to ``uhat``: the chain rule by hand."""
    d_uhat = _aligned(*uhat.shape)
    _routing_gradient(d_capsules, uhat, lengths, capsules, sums, couplings, d_uhat)
    return d_uhat
