"""Normalisation layers: SwitchNormalization (10.2.2) and instance norm (10.1.5)."""

import tensorflow as tf


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
