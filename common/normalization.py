"""Normalisation layers: SwitchNormalization (10.2.2) and instance norm (10.1.5), as function and as Keras layer."""

import tensorflow as tf

K = tf.keras.backend


def instance_norm(x, scope="instance_norm", epsilon=1e-5, reuse=None):
    """Instance normalisation (section 10.1.5; Ulyanov et al. 2016, arXiv 1607.08022).

    Args:
      x: float tensor ``[N, H, W, C]``.
      scope: name of the variable scope of ``gamma`` and ``beta`` (each ``[C]``).
      epsilon: added to the variance.
      reuse: as in ``tf.variable_scope``.

    Returns:
      ``(x − mean) / sqrt(variance + epsilon) · gamma + beta``; mean and variance over H and W of each picture and channel.
    """
    channels = x.shape[-1].value
    with tf.variable_scope(scope, reuse=reuse):
        gamma = tf.get_variable("gamma", [channels], initializer=tf.ones_initializer())
        beta = tf.get_variable("beta", [channels], initializer=tf.zeros_initializer())
        mean, variance = tf.nn.moments(x, [1, 2], keep_dims=True)
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


class _ChannelNormalization(tf.keras.layers.Layer):
    """What the layers below share: ``gamma`` and ``beta`` a channel, and which axes are which."""

    def __init__(self, axis=-1, epsilon=1e-3, center=True, scale=True, **keywords):
        super().__init__(**keywords)
        self.axis = axis
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.supports_masking = True

    def build(self, input_shape):
        shape = tf.TensorShape(input_shape).as_list()
        rank = len(shape)
        if rank < 3:
            raise ValueError("%s needs inputs [N, ..., C] of rank 3 or more, not %s" % (self.name, shape))
        if not -rank <= self.axis < rank or self.axis % rank == 0:
            raise ValueError("%s: axis %d is no channel axis of inputs %s" % (self.name, self.axis, shape))
        self._channel_axis = self.axis % rank
        channels = shape[self._channel_axis]
        if channels is None:
            raise ValueError("%s: the size of axis %d must be known" % (self.name, self.axis))
        self._position_axes = [axis for axis in range(1, rank) if axis != self._channel_axis]
        # the shape in which a value a channel broadcasts against the input: [1, 1, 1, C] for pictures
        self._broadcast = [channels if axis == self._channel_axis else 1 for axis in range(rank)]
        self.gamma = self._per_channel("gamma", channels, "ones") if self.scale else None
        self.beta = self._per_channel("beta", channels, "zeros") if self.center else None
        self._build_statistics(channels)
        super().build(input_shape)

    def _build_statistics(self, channels):
        pass

    def _per_channel(self, name, channels, initializer, trainable=True):
        return self.add_weight(
            name=name, shape=(channels,), dtype=tf.float32, initializer=initializer, trainable=trainable
        )

    def _apply(self, inputs, mean, variance):
        """``(inputs − mean) / sqrt(variance + epsilon) · gamma + beta`` with one product and one sum over the data."""
        factor = tf.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            factor *= tf.reshape(self.gamma, self._broadcast)
        offset = -mean * factor
        if self.beta is not None:
            offset += tf.reshape(self.beta, self._broadcast)
        return inputs * tf.cast(factor, inputs.dtype) + tf.cast(offset, inputs.dtype)

    def _instance_moments(self, inputs):
        """Mean and variance of each sample and channel, float32, ``[N, 1, 1, C]``."""
        return tf.nn.moments(tf.cast(inputs, tf.float32), self._position_axes, keep_dims=True)

    def compute_output_shape(self, input_shape):
        return tf.TensorShape(input_shape)

    def get_config(self):
        config = super().get_config()
        config.update(axis=self.axis, epsilon=self.epsilon, center=self.center, scale=self.scale)
        return config


class InstanceNormalization(_ChannelNormalization):
    """Instance normalisation (10.1.5) as a Keras layer: mean and variance over the positions of each sample and channel.

    Inputs ``[N, ..., C]`` of any static rank ≥ 3. It has no moving averages: training and inference do the same.
    """

    def call(self, inputs):
        mean, variance = self._instance_moments(inputs)
        return self._apply(inputs, mean, variance)


class SwitchNormalization(_ChannelNormalization):
    """Switchable normalisation (section 10.2.2; Luo et al. 2018, arXiv 1806.10779).

    Mean and variance are mixed from those over (H, W) *instance*, (H, W, C) *layer* and (N, H, W) *batch*, with learned
    weights, in this order; one softmaxed set of three for the means, one for the variances::

        (x − Σ w·mean) / sqrt(Σ w'·variance + epsilon) · gamma + beta

    The data are gone through once: layer and batch statistics follow from the instance ones,
    ``var_layer = mean_C(var_in + mean_in²) − mean_layer²``, the batch's likewise over the samples.

    In inference the instance and layer parts still come from the input; the batch part comes from moving averages. They
    are plain ones (mean from 0, variance from 1), so there are no helper variables that Keras does not know of: an h5 file
    holds all of the layer's state. Statistics are float32 whatever the input is.

    Args:
      axis: the channel axis; any but the first.
      momentum: of the moving averages.
      epsilon: added to the variance.
      center, scale: whether there are ``beta`` and ``gamma``.

    Inputs: ``[N, ..., C]`` of any static rank ≥ 3; sizes other than C may be unknown. Output: the same shape.
    """

    def __init__(self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True, **keywords):
        super().__init__(axis=axis, epsilon=epsilon, center=center, scale=scale, **keywords)
        self.momentum = momentum

    def _build_statistics(self, channels):
        self.mean_weights = self.add_weight(name="mean_weights", shape=(3,), dtype=tf.float32, initializer="ones")
        self.variance_weights = self.add_weight(
            name="variance_weights", shape=(3,), dtype=tf.float32, initializer="ones"
        )
        # Erratum E50: plain averages of the layer's own; Keras's zero-debiased ones keep hidden helper variables.
        self.moving_mean = self._per_channel("moving_mean", channels, "zeros", trainable=False)
        self.moving_variance = self._per_channel("moving_variance", channels, "ones", trainable=False)

    def call(self, inputs, training=None):
        if training is None:
            training = K.learning_phase()
        mean_in, variance_in = self._instance_moments(inputs)
        square_in = variance_in + tf.square(mean_in)  # mean of x²; the other two variances follow from it

        def moments_over(axis):
            mean = tf.reduce_mean(mean_in, axis, keepdims=True)
            return mean, tf.maximum(tf.reduce_mean(square_in, axis, keepdims=True) - tf.square(mean), 0.0)

        mean_ln, variance_ln = moments_over(self._channel_axis)
        mean_bn, variance_bn = moments_over(0)
        self._update_averages(inputs, mean_bn, variance_bn, training)
        mean_bn = K.in_train_phase(mean_bn, tf.reshape(self.moving_mean, self._broadcast), training)
        variance_bn = K.in_train_phase(variance_bn, tf.reshape(self.moving_variance, self._broadcast), training)

        weight_in, weight_ln, weight_bn = tf.unstack(tf.nn.softmax(self.mean_weights))
        mean = weight_in * mean_in + weight_ln * mean_ln + weight_bn * mean_bn
        weight_in, weight_ln, weight_bn = tf.unstack(tf.nn.softmax(self.variance_weights))
        variance = weight_in * variance_in + weight_ln * variance_ln + weight_bn * variance_bn
        outputs = self._apply(inputs, mean, variance)
        outputs.set_shape(inputs.shape)
        return outputs

    def _update_averages(self, inputs, mean, variance, training):
        """Adds the updates of the moving averages, as batch norm does; they run where training is on."""
        if training in (False, 0):
            return
        count = tf.cast(tf.size(inputs) // inputs.shape[self._channel_axis].value, tf.float32)  # N·H·W
        unbiased = variance * (count / tf.maximum(count - 1.0, 1.0))
        for average, value in ((self.moving_mean, mean), (self.moving_variance, unbiased)):
            value = tf.reshape(value, average.shape)
            change = K.in_train_phase((value - average) * (1.0 - self.momentum), tf.zeros_like(value), training)
            self.add_update(tf.assign_add(average, change), inputs=True)

    def get_config(self):
        config = super().get_config()
        config["momentum"] = self.momentum
        return config
