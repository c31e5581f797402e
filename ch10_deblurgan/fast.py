"""Extra (``--fast``, ``--recompute``): the same mathematics in another order, in less time or less memory.

For ``--fast``, on a processor: ``NarrowConv2D`` for convolutions with few outputs, ``UpConv2D`` for those after an upsampling,
``WinogradConv2D`` for 3×3 convolutions of many channels, ``vgg_by_winograd``. The layers have the weights of ``Conv2D`` in the
same order, so an h5 file of one network fits the other. On a graphics card, whose libraries do such things themselves, they
have no use.

For ``--recompute``, anywhere: ``Recomputed`` runs the generator again, piece by piece, when its gradients are asked for, and
keeps only what goes from piece to piece; ``RepeatableDropout`` drops the same values both times. ``one_picture_at_a_time`` (in
both) is for a loss that needs much memory.
"""

import inspect

import numpy as np
import tensorflow as tf
from tensorflow.keras.layers import Activation, Add, Conv2D, Layer

from ch10_deblurgan import kernels

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


class UpConv2D(Conv2D):
    """``UpSampling2D()`` and a 3×3 convolution, padding 'same', in one: a transposed 4×4 convolution of stride 2.

    The upsampled picture holds each pixel four times, so the definition multiplies most of them by two or four values of
    the kernel that could have been added up before. Four products are left of nine, and nothing is upsampled.
    """

    def call(self, inputs):
        batch, height, width = tf.unstack(tf.shape(inputs)[:3])
        around = tf.pad(tf.transpose(self.kernel[::-1, ::-1], [0, 1, 3, 2]), [[1, 1], [1, 1], [0, 0], [0, 0]])
        kernel = around[:-1, :-1] + around[:-1, 1:] + around[1:, :-1] + around[1:, 1:]
        outputs = tf.nn.conv2d_transpose(
            inputs, kernel, [batch, 2 * height, 2 * width, self.filters], [1, 2, 2, 1], "SAME"
        )
        height, width = (size.value and 2 * size.value for size in inputs.shape[1:3])
        outputs.set_shape([inputs.shape[0].value, height, width, self.filters])
        return tf.nn.bias_add(outputs, self.bias)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = tf.TensorShape(input_shape).as_list()
        return tf.TensorShape([batch, height and 2 * height, width and 2 * width, self.filters])


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


@tf.custom_gradient
def winograd(x, kernel):
    """The convolution of ``x`` ``[N, H, W, C]`` with ``kernel`` ``[3, 3, C, K]``, stride 1, zeros around: ``[N, H, W, K]``."""

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


def vgg_by_winograd(model):
    """The VGG16 network ``model`` (3×3 convolutions with ReLU, and poolings) as a function of pictures, by Winograd's method."""

    def features(x):
        for layer in model.layers:
            if isinstance(layer, Conv2D):
                x = tf.nn.relu(tf.nn.bias_add(winograd(x, tf.convert_to_tensor(layer.kernel)), layer.bias))
            elif layer.weights or "pool" in layer.name:
                x = layer(x)
        return x

    return features


# ------------------------------------------------------------------------------------------- less memory
class RepeatableDropout(Layer):
    """Dropout whose choice follows from two numbers, so that a second pass of the same step drops the same values.

    Args:
      rate: share of the values that are dropped.
      seed: integer tensor of shape ``[2]``, another one in every step and layer.
    """

    def __init__(self, rate, seed, **keywords):
        super().__init__(**keywords)
        self.rate, self.seed = rate, seed

    def call(self, inputs, training=None):
        if not training:  # Keras's own building call and inference
            return inputs
        kept = tf.contrib.stateless.stateless_random_uniform(tf.shape(inputs), self.seed) >= self.rate
        outputs = tf.where(kept, inputs / (1.0 - self.rate), tf.zeros_like(inputs))
        outputs.set_shape(inputs.shape)
        return outputs

    def compute_output_shape(self, input_shape):
        return tf.TensorShape(input_shape)


class Recomputed:
    """A Keras model in training mode that keeps, for its gradients, only what goes from one piece of it to the next.

    The rest is worked out once more, piece by piece from the end, when ``gradients`` gets there: a forward pass more, and the
    memory of one piece in place of the whole (Chen et al., arXiv 1604.06174). Updates of moving averages are those of the
    first pass alone.

    Args:
      model: a Keras model with one input, no model inside it, and no dropout but ``RepeatableDropout``. A piece ends at each
        activation or sum that all later layers depend on alone (but for the input).
      inputs: the tensor it is applied to.

    Attributes:
      output: ``model(inputs, training=True)``; a loss may be made of it, but its gradients must come from ``gradients``.
      updates: those of the moving averages.
    """

    def __init__(self, model, inputs):
        self._pieces = [[]]
        layers = model.layers[1:]
        for index, layer in enumerate(layers):
            self._pieces[-1].append(layer)
            later = {name for other in layers[index + 1 :] for name in self._sources(other)}
            alone = later.isdisjoint(self._result(other) for other in layers[:index])
            if alone and later and isinstance(layer, (Activation, Add)):
                self._pieces.append([])
        before = set(update for layer in layers for update in layer.updates)
        self._known = {model.input.name: inputs}
        for piece in self._pieces:
            self._run(piece, self._known)
        self.updates = [update for layer in layers for update in layer.updates if update not in before]
        self._end = model.output.name
        self.output = self._known[self._end]

    @staticmethod
    def _sources(layer):
        """Names of the tensors that the layer took when the model was built."""
        sources = layer.get_input_at(0)
        return [tensor.name for tensor in (sources if isinstance(sources, list) else [sources])]

    @staticmethod
    def _result(layer):
        """Name of the tensor that it gave."""
        return layer.get_output_at(0).name

    def _run(self, piece, known):
        """Applies the layers of ``piece`` to what is ``known`` (tensors by their name in the model) and adds the results."""
        for layer in piece:
            inputs = [known[name] for name in self._sources(layer)]
            keywords = dict(training=True) if "training" in inspect.signature(layer.call).parameters else {}
            known[self._result(layer)] = layer(inputs[0] if len(inputs) == 1 else inputs, **keywords)

    def gradients(self, wanted, output_gradient):
        """The gradients of the variables ``wanted``, given that of ``output``."""
        flowing, found = {self._end: output_gradient}, {}
        for piece in reversed(self._pieces):
            made = [self._result(layer) for layer in piece]
            taken = sorted({name for layer in piece for name in self._sources(layer)} - set(made))
            weights = [weight for layer in piece for weight in layer.weights if weight in wanted]
            # not before the gradient is there: else all would be worked out at the start, and kept
            with tf.control_dependencies([flowing[made[-1]]]):
                again = {name: tf.identity(self._known[name]) for name in taken}
            starts = [again[name] for name in taken]
            self._run(piece, again)
            results = tf.gradients(again[made[-1]], starts + weights, flowing[made[-1]])
            flowing.update(zip(taken, results))  # of the input's, which several pieces take, none is asked for
            found.update(zip(weights, results[len(taken) :]))
        return [found[weight] for weight in wanted]
