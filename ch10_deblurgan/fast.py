"""Extra (``--fast``): the same mathematics with its arithmetic arranged for a processor.

``NarrowConv2D`` for convolutions with few outputs, ``WinogradConv2D`` for 3×3 convolutions of many channels, and
``one_picture_at_a_time`` for a loss that needs much memory. The layers have the weights of ``Conv2D`` in the same order, so
an h5 file of one network fits the other. On a graphics card, whose libraries do such things themselves, they have no use.
"""

import numpy as np
import tensorflow as tf
from tensorflow.keras.layers import Conv2D

TILE = 4  # outputs of a Winograd tile, each way; its inputs are two more
# F(4, 3) of Lavin and Gray, arXiv 1509.09308: result = OUT · ((KERNEL · g) ∘ (IN · d)), each way
IN = np.float32(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
KERNEL = np.float32(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
OUT = np.float32([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]])
IN_2D, KERNEL_2D, OUT_2D = (np.kron(matrix, matrix) for matrix in (IN, KERNEL, OUT))  # both ways at once
POINTS = (TILE + 2) ** 2


class NarrowConv2D(Conv2D):
    """A convolution with few outputs, stride 1, padding 'same', as the transposed one that equals it.

    With three outputs the products of TensorFlow's own are three columns wide, which a processor does badly. A transposed
    convolution multiplies first (kernel size² × outputs columns), then adds up.
    """

    def call(self, inputs):
        rows, columns = self.kernel_size
        batch, height, width = tf.unstack(tf.shape(inputs)[:3])
        kernel = tf.transpose(self.kernel[::-1, ::-1], [0, 1, 3, 2])
        whole = [batch, height + rows - 1, width + columns - 1, self.filters]
        outputs = tf.nn.conv2d_transpose(inputs, kernel, whole, [1, 1, 1, 1], "VALID")
        top, left = (
            rows // 2,
            columns // 2,
        )  # 'same' leaves away as much as it pads; an even kernel's odd line at the end
        outputs = outputs[:, top : top + height, left : left + width]
        outputs.set_shape(inputs.shape[:3].concatenate(self.filters))
        return tf.nn.bias_add(outputs, self.bias)


class WinogradConv2D(Conv2D):
    """A 3×3 convolution, stride 1, padding 'same', by Winograd's F(4×4, 3×3): a quarter of the products.

    Sixteen outputs of a channel take 36 products where the definition takes 144, besides sums. Equal to the definition
    within some 1e-5 of the largest value. For the way back only the input is kept.
    """

    def call(self, inputs):
        outputs = winograd(inputs, tf.convert_to_tensor(self.kernel))
        outputs.set_shape(inputs.shape[:3].concatenate(self.filters))
        return tf.nn.bias_add(outputs, self.bias)


def _tiles_in_a_picture(x):
    """(tiles down, tiles across) that cover ``[N, H, W, C]``."""
    height, width = tf.unstack(tf.shape(x)[1:3])
    return (height + TILE - 1) // TILE, (width + TILE - 1) // TILE


def _points_of(x):
    """``[N, H, W, C]`` → its 6×6 tiles, four apart, transformed: ``[36, tiles, C]``."""
    batch, height, width = tf.unstack(tf.shape(x)[:3])
    channels = x.shape[3].value
    down, across = _tiles_in_a_picture(x)
    below, right = (down + 1) * TILE - 1 - height, (across + 1) * TILE - 1 - width
    x = tf.reshape(
        tf.pad(x, [[0, 0], [1, below], [1, right], [0, 0]]), [batch, down + 1, TILE, across + 1, TILE, channels]
    )
    x = tf.transpose(x, [2, 4, 0, 1, 3, 5])  # one slice, without strides, is then one pixel of all tiles
    pixels = [
        x[i % TILE, j % TILE, :, i // TILE : i // TILE + down, j // TILE : j // TILE + across]
        for i in range(TILE + 2)
        for j in range(TILE + 2)
    ]
    points = tf.matmul(IN_2D, tf.reshape(tf.stack(pixels), [POINTS, -1]))
    return tf.reshape(points, [POINTS, -1, channels])


def _points_of_kernel(kernel):
    """``[3, 3, C, K]`` → ``[36, C, K]``."""
    channels, filters = kernel.shape[2].value, kernel.shape[3].value
    return tf.reshape(tf.matmul(KERNEL_2D, tf.reshape(kernel, [9, -1])), [POINTS, channels, filters])


def _convolve(x, kernel):
    """``[N, H, W, C]`` and ``[3, 3, C, K]`` → ``[N, H, W, K]``."""
    batch, height, width = tf.unstack(tf.shape(x)[:3])
    filters = kernel.shape[3].value
    down, across = _tiles_in_a_picture(x)
    products = tf.matmul(_points_of(x), _points_of_kernel(kernel))
    y = tf.matmul(OUT_2D, tf.reshape(products, [POINTS, -1]))
    y = tf.transpose(tf.reshape(y, [TILE, TILE, batch, down, across, filters]), [2, 3, 0, 4, 1, 5])
    return tf.reshape(y, [batch, down * TILE, across * TILE, filters])[:, :height, :width]


def _kernel_gradient(x, dy, filters):
    """What the kernel's gradient is, given that of the outputs: each transform the other way round."""
    batch, height, width = tf.unstack(tf.shape(x)[:3])
    channels = x.shape[3].value
    down, across = _tiles_in_a_picture(x)
    dy = tf.pad(dy, [[0, 0], [0, down * TILE - height], [0, across * TILE - width], [0, 0]])
    dy = tf.transpose(tf.reshape(dy, [batch, down, TILE, across, TILE, filters]), [2, 4, 0, 1, 3, 5])
    dy = tf.matmul(OUT_2D, tf.reshape(dy, [TILE * TILE, -1]), transpose_a=True)
    points = tf.matmul(_points_of(x), tf.reshape(dy, [POINTS, -1, filters]), transpose_a=True)
    kernel = tf.matmul(KERNEL_2D, tf.reshape(points, [POINTS, -1]), transpose_a=True)
    return tf.reshape(kernel, [3, 3, channels, filters])


@tf.custom_gradient
def winograd(x, kernel):
    """The convolution of ``x`` ``[N, H, W, C]`` with ``kernel`` ``[3, 3, C, K]``, stride 1, zeros around: ``[N, H, W, K]``."""

    def gradient(dy):
        dy.set_shape(x.shape[:3].concatenate(kernel.shape[3]))
        turned = tf.transpose(kernel[::-1, ::-1], [0, 1, 3, 2])
        return _convolve(dy, turned), _kernel_gradient(x, dy, kernel.shape[3].value)

    return _convolve(x, kernel), gradient


def one_picture_at_a_time(loss, y_true, y_pred):
    """The mean of ``loss(y_true, y_pred)`` over batches of one: equal to the loss of the whole batch where it is a mean.

    The gradient is taken beside each loss, so what the loss needs for it is kept for one picture, not for all.

    Args:
      loss: a function of two batches ``[1, H, W, C]``, a mean over all values, with no gradient asked for but that of the second.
      y_true, y_pred: ``[N, H, W, C]``.
    """

    def one(pair):
        truth, picture = (tf.expand_dims(item, 0) for item in pair)
        value = loss(truth, picture)
        return value, tf.gradients(value, picture)[0][0]

    inputs = tf.stop_gradient(y_true), tf.stop_gradient(y_pred)
    values, gradients = tf.map_fn(one, inputs, dtype=(tf.float32, tf.float32), parallel_iterations=1, back_prop=False)
    # 0, with these gradients: tf.custom_gradient does not take functions of variables
    carrier = tf.reduce_sum(tf.stop_gradient(gradients) * y_pred) / tf.cast(tf.shape(y_pred)[0], tf.float32)
    return tf.stop_gradient(tf.reduce_mean(values)) + (carrier - tf.stop_gradient(carrier))
