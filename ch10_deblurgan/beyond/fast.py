"""The listing's networks with the same mathematics in another order, in less time or less memory.

``applied(model, x)`` goes through a Keras model layer by layer, as ``model(x)`` does, and takes its weights as they are. With
``fast``, for a processor, it does convolutions with few outputs as transposed ones (``narrow``), an upsampling and the
convolution after it as one (``upconv``), and other 3×3 convolutions by Winograd's method (``winograd``). Graphics cards, whose
libraries do such things themselves, have no use for it.

For less memory, anywhere: ``Recomputed`` runs the model again, piece by piece, when its gradients are asked for, and keeps only
what goes from piece to piece; ``repeatable_dropout`` drops the same values both times. ``one_picture_at_a_time`` is for a loss
that needs much memory.
"""

import inspect

import numpy as np
import tensorflow as tf
from tensorflow.keras.layers import Activation, Add, Conv2D, Dropout, InputLayer, UpSampling2D

from ch10_deblurgan.beyond import kernels

NARROW = 4  # convolutions with at most so many outputs are done as transposed ones

# how Winograd's method sees a 3×3 kernel: KERNEL · kernel · KERNELᵀ (Lavin and Gray, arXiv 1509.09308, F(4, 3))
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
KERNEL_2D = np.kron(KERNEL, KERNEL)  # both ways at once


def narrow(x, kernel):
    """A convolution with few outputs, stride 1, padding 'same', as the transposed one that equals it.

    With three outputs the products of TensorFlow's own are three columns wide, which a processor does badly. A transposed
    convolution multiplies first (kernel size² × outputs columns), then adds up.
    """
    rows, columns, _, filters = kernel.shape.as_list()
    batch, height, width = tf.unstack(tf.shape(x)[:3])
    turned = tf.transpose(kernel[::-1, ::-1], [0, 1, 3, 2])
    whole = [batch, height + rows - 1, width + columns - 1, filters]
    outputs = tf.nn.conv2d_transpose(x, turned, whole, [1, 1, 1, 1], "VALID")
    top, left = rows // 2, columns // 2  # 'same' leaves away as much as it pads; an even kernel's odd line at the end
    outputs = outputs[:, top : top + height, left : left + width]
    outputs.set_shape(x.shape[:3].concatenate(filters))
    return outputs


def upconv(x, kernel):
    """``UpSampling2D()`` and a 3×3 convolution, padding 'same', in one: a transposed 4×4 convolution of stride 2.

    The upsampled picture holds each pixel four times, so the definition multiplies most of them by two or four values of
    the kernel that could have been added up before. Four products are left of nine, and nothing is upsampled.
    """
    filters = kernel.shape[3].value
    batch, height, width = tf.unstack(tf.shape(x)[:3])
    around = tf.pad(tf.transpose(kernel[::-1, ::-1], [0, 1, 3, 2]), [[1, 1], [1, 1], [0, 0], [0, 0]])
    turned = around[:-1, :-1] + around[:-1, 1:] + around[1:, :-1] + around[1:, 1:]
    outputs = tf.nn.conv2d_transpose(x, turned, [batch, 2 * height, 2 * width, filters], [1, 2, 2, 1], "SAME")
    height, width = (size.value and 2 * size.value for size in x.shape[1:3])
    outputs.set_shape([x.shape[0].value, height, width, filters])
    return outputs


def _points(transform, x):
    """``[N, H, W, C]`` → ``[36, tiles, C]`` by ``kernels.points`` or ``kernels.output_points``."""
    points = tf.py_func(transform, [x], tf.float32, stateful=False)
    points.set_shape([kernels.POINTS, None, x.shape[3]])
    return points


def _convolve(x, kernel, turned=False):
    """``[N, H, W, C]`` and ``[3, 3, C, K]`` → ``[N, H, W, K]``.

    ``turned``: the kernel upside down, from right to left and from K channels to C, as gradients go.
    """
    with tf.control_dependencies([x]):  # else the kernels of all layers are transformed at once, at the very start
        kernel = tf.identity(kernel)
    transform = KERNEL_2D[:, ::-1] if turned else KERNEL_2D
    of_kernel = tf.reshape(
        tf.matmul(transform, tf.reshape(kernel, [9, -1])), [kernels.POINTS] + kernel.shape[2:].as_list()
    )
    products = tf.matmul(_points(kernels.points, x), of_kernel, transpose_b=turned)
    y = tf.py_func(kernels.outputs, [products] + tf.unstack(tf.shape(x)[1:3]), tf.float32, stateful=False)
    y.set_shape(x.shape[:3].concatenate(kernel.shape[2 if turned else 3]))
    return y


def _kernel_gradient(x, dy):
    """What the kernel's gradient is, given that of the outputs: each transform the other way round."""
    with tf.control_dependencies([dy]):  # else the points of the way there would be kept for it
        x = tf.identity(x)
    points, output_points = _points(kernels.points, x), _points(kernels.output_points, dy)
    of_points = tf.matmul(points, output_points, transpose_a=True)
    kernel = tf.matmul(KERNEL_2D, tf.reshape(of_points, [kernels.POINTS, -1]), transpose_a=True)
    return tf.reshape(kernel, [3, 3, x.shape[3].value, dy.shape[3].value])


def winograd(x, kernel):
    """A 3×3 convolution, stride 1, padding 'same', by Winograd's F(4×4, 3×3): a quarter of the products.

    Sixteen outputs of a channel take 36 products where the definition takes 144, besides sums. Equal to the definition
    within some 1e-5 of the largest value. For the way back only the input is kept.

    Args:
      x: ``[N, H, W, C]``.
      kernel: ``[3, 3, C, K]``.

    Returns:
      ``[N, H, W, K]``.
    """
    outputs = _winograd(x, tf.convert_to_tensor(kernel))
    outputs.set_shape(x.shape[:3].concatenate(kernel.shape[3]))
    return outputs


@tf.custom_gradient
def _winograd(x, kernel):
    def gradient(dy):
        dy.set_shape(x.shape[:3].concatenate(kernel.shape[3]))
        return _convolve(dy, kernel, turned=True), _kernel_gradient(x, dy)

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


def repeatable_dropout(x, rate, seed):
    """Dropout whose choice follows from ``seed``, two integers, so that a second pass of the same step drops the same values."""
    kept = tf.contrib.stateless.stateless_random_uniform(tf.shape(x), seed) >= rate
    outputs = tf.where(kept, x / (1.0 - rate), tf.zeros_like(x))
    outputs.set_shape(x.shape)
    return outputs


# ------------------------------------------------------------------------------------------- a model layer by layer
def _sources(layer):
    """Names of the tensors that the layer took when the model was built."""
    sources = layer.get_input_at(0)
    return [tensor.name for tensor in (sources if isinstance(sources, list) else [sources])]


def _result(layer):
    """Name of the tensor that it gave."""
    return layer.get_output_at(0).name


class _Walk:
    """Goes through layers of one model.

    Args:
      model: a Keras model with one input and no model inside it.
      training: as of Keras.
      fast: convolutions in the ways above.
      dropout_seed: an integer tensor, another one in every step; None: Keras's dropout.
    """

    def __init__(self, model, training, fast, dropout_seed):
        self.training, self.fast, self.dropout_seed = training, fast, dropout_seed
        self.layers = [layer for layer in model.layers if not isinstance(layer, InputLayer)]
        self.dropouts = [layer for layer in self.layers if isinstance(layer, Dropout)]
        self.before_upsampling = {_result(u): _sources(u)[0] for u in self.layers if isinstance(u, UpSampling2D)}
        self.updates_before = set(self._updates())

    def _updates(self):
        return [update for layer in self.layers for update in layer.updates]

    def updates(self):
        """Updates of moving averages that came about since this walk was made."""
        return [update for update in self._updates() if update not in self.updates_before]

    def run(self, layers, known):
        """Applies ``layers`` to what is ``known`` (tensors by their name in the model) and adds the results."""
        for layer in layers:
            if self.fast and isinstance(layer, UpSampling2D):
                continue  # the convolution after it does both
            known[_result(layer)] = self._apply(layer, known)

    def _apply(self, layer, known):
        names = _sources(layer)
        if self.fast and isinstance(layer, Conv2D) and layer.strides == (1, 1) and layer.padding == "same":
            kernel = tf.convert_to_tensor(layer.kernel)
            if names[0] in self.before_upsampling:
                x = upconv(known[self.before_upsampling[names[0]]], kernel)
            elif layer.filters <= NARROW:
                x = narrow(known[names[0]], kernel)
            elif layer.kernel_size == (3, 3):
                x = winograd(known[names[0]], kernel)
            else:
                return layer(known[names[0]])
            return layer.activation(tf.nn.bias_add(x, layer.bias))
        inputs = [known[name] for name in names]
        if self.dropout_seed is not None and self.training and isinstance(layer, Dropout):
            seed = tf.stack([self.dropouts.index(layer), tf.to_int32(self.dropout_seed)])
            return repeatable_dropout(inputs[0], layer.rate, seed)
        keywords = dict(training=self.training) if "training" in inspect.signature(layer.call).parameters else {}
        return layer(inputs[0] if len(inputs) == 1 else inputs, **keywords)


def applied(model, x, training=False, fast=False, dropout_seed=None):
    """(``model(x)``, the updates of moving averages that this brings): arguments as of ``_Walk``."""
    walk = _Walk(model, training, fast, dropout_seed)
    known = {model.input.name: x}
    walk.run(walk.layers, known)
    return known[model.output.name], walk.updates()


class Recomputed:
    """A model in training mode that keeps, for its gradients, only what goes from one piece of it to the next.

    The rest is worked out once more, piece by piece from the end, when ``gradients`` gets there: a forward pass more, and the
    memory of one piece in place of the whole (Chen et al., arXiv 1604.06174). Updates of moving averages are those of the
    first pass alone.

    Args:
      model: as of ``_Walk``. A piece ends at each activation or sum that all later layers depend on alone (but for the input).
      inputs: the tensor it is applied to.
      fast, dropout_seed: as of ``_Walk``; a model with dropout needs the seed.

    Attributes:
      output: ``model(inputs, training=True)``; a loss may be made of it, but its gradients must come from ``gradients``.
      updates: those of the moving averages.
    """

    def __init__(self, model, inputs, fast=False, dropout_seed=None):
        self._walk = _Walk(model, True, fast, dropout_seed)
        self._pieces = [[]]
        layers = self._walk.layers
        for index, layer in enumerate(layers):
            self._pieces[-1].append(layer)
            later = {name for other in layers[index + 1 :] for name in _sources(other)}
            alone = later.isdisjoint(_result(other) for other in layers[:index])
            if alone and later and isinstance(layer, (Activation, Add)):
                self._pieces.append([])
        self._known = {model.input.name: inputs}
        for piece in self._pieces:
            self._walk.run(piece, self._known)
        self.updates = self._walk.updates()
        self._end = model.output.name
        self.output = self._known[self._end]

    def gradients(self, wanted, output_gradient):
        """The gradients of the variables ``wanted``, given that of ``output``."""
        flowing, found = {self._end: output_gradient}, {}
        for piece in reversed(self._pieces):
            made = [_result(layer) for layer in piece]
            taken = sorted({name for layer in piece for name in _sources(layer)} - set(made))
            weights = [weight for layer in piece for weight in layer.weights if weight in wanted]
            # not before the gradient is there: else all would be worked out at the start, and kept
            with tf.control_dependencies([flowing[made[-1]]]):
                again = {name: tf.identity(self._known[name]) for name in taken}
            starts = [again[name] for name in taken]
            self._walk.run(piece, again)
            # gate_gradients: no optimizer writes a weight of the piece that another gradient of it still needs
            results = tf.gradients(again[made[-1]], starts + weights, flowing[made[-1]], gate_gradients=True)
            flowing.update(zip(taken, results))  # of the input's, which several pieces take, none is asked for
            found.update(zip(weights, results[len(taken) :]))
        return [found[weight] for weight in wanted]
