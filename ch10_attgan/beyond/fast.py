"""The convolutions of listing 10-5 in forms that TensorFlow 1 computes faster on processors; same mathematics, same variables.

Nearly all of a training step is convolutions (4×4, stride 2), and of these the transposed ones, which are also the gradients
of the others: ``Conv2DBackpropInput`` multiplies picture by picture and packs the whole filter anew each time, which at small
maps (and there the filters are large) takes several times as long as the product itself. Here small maps are one matrix product
over the whole batch, and the first layer's three colours become twelve channels of half the size.

``conv2d`` and ``conv2d_transpose`` are drop-ins for slim's; this module is handed to the listing's networks::

    Genc, Gdec, D = trainattgan.networks(settings, layers=fast)

Convolution, transposed convolution and filter gradient are each other's gradients, so they are closed under differentiation
of any order; the gradient penalty needs the second.
"""

import tensorflow as tf
import tensorflow.contrib.slim as slim

LARGEST_MAP = 8  # side of the smaller map up to which the transposed convolution is one matrix product
FEW_CHANNELS = 4  # of the input up to which four neighbours become channels first


def _small(y):
    return y.shape[1].value <= LARGEST_MAP


def _forward(x, w):
    """4×4 convolution with stride 2, SAME: ``[N, 2h, 2w, ci]``, ``[4, 4, ci, co]`` → ``[N, h, w, co]``."""
    ci, co = w.shape[2].value, w.shape[3].value
    if ci > FEW_CHANNELS:
        return tf.nn.conv2d(x, w, [1, 2, 2, 1], "SAME")
    x = tf.space_to_depth(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 2)
    w = tf.reshape(tf.transpose(tf.reshape(w, [2, 2, 2, 2, ci, co]), [0, 2, 1, 3, 4, 5]), [2, 2, 4 * ci, co])
    return tf.nn.conv2d(x, w, [1, 1, 1, 1], "VALID")


def _join(columns, axis):
    """The four taps of one direction, stacked on the axis behind ``axis``, added up where they fall: twice the length.

    With stride 2 and a border of 1, tap k of place i falls on place 2i + k − 1.
    """
    taps = tf.unstack(columns, axis=axis + 1)
    length = columns.shape[axis].value
    border = [[0, 0]] * taps[0].shape.ndims

    def moved(tap, step):  # by one place, with a zero in front or behind
        begin, size = [0] * taps[0].shape.ndims, [-1] * taps[0].shape.ndims
        begin[axis], size[axis] = (0 if step > 0 else 1), length - 1
        pads = list(border)
        pads[axis] = [1, 0] if step > 0 else [0, 1]
        return tf.pad(tf.slice(tap, begin, size), pads)

    even, odd = taps[1] + moved(taps[3], 1), taps[2] + moved(taps[0], -1)
    return tf.stack([even, odd], axis=axis + 1)


def _backward(y, w):
    """The transposed convolution: ``[N, h, w, co]``, ``[4, 4, ci, co]`` → ``[N, 2h, 2w, ci]``."""
    h, width = y.shape[1].value, y.shape[2].value
    ci, co = w.shape[2].value, w.shape[3].value
    count = tf.shape(y)[0]
    if not _small(y):
        return tf.nn.conv2d_backprop_input(tf.stack([count, 2 * h, 2 * width, ci]), w, y, [1, 2, 2, 1], "SAME")
    columns = tf.matmul(tf.reshape(y, [-1, co]), tf.reshape(w, [-1, co]), transpose_b=True)
    columns = tf.reshape(columns, [-1, h, width, 4, 4 * ci])  # the taps of the rows are behind both places
    columns = tf.transpose(tf.reshape(columns, [-1, h, width, 4, 4, ci]), [0, 1, 3, 2, 4, 5])
    rows = _join(tf.reshape(columns, [-1, h, 4, width * 4 * ci]), 1)  # [N, h, 2, w·4·ci]
    rows = tf.reshape(rows, [-1, width, 4, ci])  # [N·2h, w, 4, ci]
    return tf.reshape(_join(rows, 1), [-1, 2 * h, 2 * width, ci])


def _filter(x, y):
    """The filter's gradient: ``[N, 2h, 2w, ci]``, ``[N, h, w, co]`` → ``[4, 4, ci, co]``."""
    ci, co = x.shape[3].value, y.shape[3].value
    if ci > FEW_CHANNELS:
        return tf.nn.conv2d_backprop_filter(x, [4, 4, ci, co], y, [1, 2, 2, 1], "SAME")
    x = tf.space_to_depth(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 2)
    w = tf.nn.conv2d_backprop_filter(x, [2, 2, 4 * ci, co], y, [1, 1, 1, 1], "VALID")
    return tf.reshape(tf.transpose(tf.reshape(w, [2, 2, 2, 2, ci, co]), [0, 2, 1, 3, 4, 5]), [4, 4, ci, co])


@tf.custom_gradient
def convolve(x, w):
    """``tf.nn.conv2d(x, w, [1, 2, 2, 1], "SAME")`` for 4×4 filters and even sides."""
    return _shaped(_forward(x, w), x, w.shape[3].value, 0.5), lambda dy: (transpose(dy, w), filter_gradient(x, dy))


@tf.custom_gradient
def transpose(y, w):
    """The transposed convolution of ``convolve``."""
    return _shaped(_backward(y, w), y, w.shape[2].value, 2), lambda dx: (convolve(dx, w), filter_gradient(dx, y))


@tf.custom_gradient
def filter_gradient(x, y):
    """The gradient of ``sum(convolve(x, w) · y)`` after ``w``."""
    return _filter(x, y), lambda dw: (transpose(y, dw), convolve(x, dw))


def _shaped(result, like, channels, factor):
    height, width = (int(like.shape[axis].value * factor) for axis in (1, 2))
    result.set_shape([like.shape[0].value, height, width, channels])
    return result


def conv2d(
    inputs, num_outputs, kernel_size, stride, activation_fn=tf.nn.relu, normalizer_fn=None, normalizer_params=None
):
    """``slim.conv2d`` for the kernel 4 and the stride 2 of listing 10-5."""
    return _layer(
        "Conv", convolve, inputs, num_outputs, (kernel_size, stride), activation_fn, normalizer_fn, normalizer_params
    )


def conv2d_transpose(inputs, num_outputs, kernel_size, stride, activation_fn=tf.nn.relu):
    """``slim.conv2d_transpose`` for the kernel 4 and the stride 2 of listing 10-5."""
    return _layer("Conv2d_transpose", transpose, inputs, num_outputs, (kernel_size, stride), activation_fn)


def _layer(name, operation, inputs, outputs, kind, activation_fn, normalizer_fn=None, normalizer_params=None):
    if kind != (4, 2):
        raise ValueError("only kernel 4 and stride 2 are written here")
    with tf.variable_scope(None, name):
        channels = inputs.shape[3].value
        shape = [4, 4, channels, outputs] if operation is convolve else [4, 4, outputs, channels]
        weights = tf.get_variable("weights", shape, initializer=slim.xavier_initializer())
        y = operation(inputs, weights)
        if normalizer_fn is None:
            y += tf.get_variable("biases", [outputs], initializer=tf.zeros_initializer())
        else:
            y = normalizer_fn(y, **(normalizer_params or {}))
        return y if activation_fn is None else activation_fn(y)
