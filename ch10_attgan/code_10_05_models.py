"""Listing 10-5 (sections 10.3.5 to 10.3.7; printed as ``AttGANmodels``): encoder, decoder, critic and gradient penalty.

Run as a script it prints every layer and the number of trainable values.
Reads: nothing. Writes: a record in the run folder. Time: seconds.
Differs from the print: E80, E81, E82, E83, E86, E124.
Beyond it: ``beyond/networks.py`` (the paper's order of layers), ``beyond/fast.py`` (faster convolutions).
Next: ``python ch10_attgan/code_10_06_train.py --preset tiny``.
"""

import numpy as np
import tensorflow as tf
import tensorflow.contrib.slim as slim

from common import options, records, run
from common.errors import UserError
from common.normalization import instance_norm
from common.options import Value

# Erratum E80: the print's comment calls this the minimum; it is the largest number of filters of a layer.
MAX_DIM = 64 * 16

img_size = 128
n_att = 13
VALUES = [
    Value("img_size", img_size, "side of the pictures", tiny=64, low=1, high=4096),
    Value("n_att", n_att, "number of attributes", tiny=8, low=1),
]


def end_of_layer(z, activation, is_training):
    """How a layer of encoder and decoder ends, in the printed order (10-5:11–12, 36–37)."""
    # Erratum E81: the paper normalises first. E124: 10.1.4 wants scale=False before a linear layer, which follows here.
    return slim.batch_norm(activation(z), scale=True, updates_collections=None, is_training=is_training)


def check_size(img_size, n_layers):
    """Refuses sizes at which the networks cannot work; UserError."""
    smallest = 2**n_layers
    if img_size % smallest or img_size <= smallest:
        # Erratum E83: at 1×1 instance norm gives 0 whatever comes in, and the printed penalty's gradient is NaN.
        wanted = "the size must be a multiple of %d from %d on, or take fewer layers" % (smallest, 2 * smallest)
        raise UserError("pictures of %d pixels do not fit %d layers: %s" % (img_size, n_layers, wanted))


def Genc(x, dim=64, n_layers=5, is_training=True, order=end_of_layer, layers=slim):
    """The encoder (10.3.5).

    Args:
      x: float ``[N, S, S, 3]`` in −1…1.
      order: function of (map, activation, is_training): the end of a layer.
      layers: what has ``conv2d`` and ``conv2d_transpose``.

    Returns:
      The maps of all layers; number i (from 1) is ``[N, S/2^i, S/2^i, min(dim·2^(i−1), 1024)]``.
    """
    check_size(x.shape[1].value, n_layers)
    with tf.variable_scope("Genc", reuse=tf.AUTO_REUSE):
        z = x
        zs = []
        for i in range(n_layers):
            d = min(dim * 2**i, MAX_DIM)
            z = layers.conv2d(z, d, 4, 2, activation_fn=None)
            z = order(z, tf.nn.leaky_relu, is_training)
            zs.append(z)
        return zs


def Gdec(
    zs, _a, dim=64, n_layers=5, shortcut_layers=1, inject_layers=0, is_training=True, order=end_of_layer, layers=slim
):
    """The decoder (10.3.6). Erratum E86: the attributes enter here, not in the encoder as 10.3.2 says.

    Args:
      zs: maps of ``Genc``.
      _a: attributes, float ``[N, n_att]``, −thres_int for off and thres_int for on.
      shortcut_layers: how many layers get the encoder's map of the same size beside their input.
      inject_layers: how many layers get the attributes once more.

    Returns:
      Pictures ``[N, S, S, 3]`` in −1…1.
    """
    if len(zs) != n_layers:
        raise UserError("the decoder has %d layers and the encoder %d: they must be equal" % (n_layers, len(zs)))
    shortcut_layers = min(shortcut_layers, n_layers - 1)
    inject_layers = min(inject_layers, n_layers - 1)

    def _concat(z, z_, _a):
        feats = [z]
        if z_ is not None:
            feats.append(z_)
        if _a is not None:
            _a = tf.reshape(_a, [-1, 1, 1, _a.shape[-1].value])
            _a = tf.tile(_a, [1, z.shape[1].value, z.shape[2].value, 1])
            feats.append(_a)
        return tf.concat(feats, axis=3)

    with tf.variable_scope("Gdec", reuse=tf.AUTO_REUSE):
        z = _concat(zs[-1], None, _a)
        for i in range(n_layers):
            if i < n_layers - 1:
                d = min(dim * 2 ** (n_layers - 1 - i), MAX_DIM)
                z = layers.conv2d_transpose(z, d, 4, 2, activation_fn=None)
                z = order(z, tf.nn.relu, is_training)
                if shortcut_layers > i:
                    z = _concat(z, zs[n_layers - 2 - i], None)
                if inject_layers > i:
                    z = _concat(z, None, _a)
            else:
                x = layers.conv2d_transpose(z, 3, 4, 2, activation_fn=tf.nn.tanh)
        return x


def D(x, n_att, dim=64, fc_dim=MAX_DIM, n_layers=5, layers=slim):
    """The critic and attribute classifier (10.3.7).

    Returns:
      (logit_gan ``[N, 1]``, logit_att ``[N, n_att]``) of pictures ``x``, ``[N, S, S, 3]`` in −1…1.
    """
    check_size(x.shape[1].value, n_layers)
    norm = dict(normalizer_fn=instance_norm, normalizer_params=dict(scope="InstanceNorm", epsilon=1e-6))  # as slim's
    with tf.variable_scope("D", reuse=tf.AUTO_REUSE):
        y = x
        for i in range(n_layers):
            d = min(dim * 2**i, MAX_DIM)
            y = layers.conv2d(y, d, 4, 2, activation_fn=tf.nn.leaky_relu, **norm)
        print(y.shape, y.shape.ndims)
        y = slim.flatten(y)
        logit_gan = slim.fully_connected(y, fc_dim, activation_fn=tf.nn.leaky_relu)
        logit_gan = slim.fully_connected(logit_gan, 1, activation_fn=None)
        logit_att = slim.fully_connected(y, fc_dim, activation_fn=tf.nn.leaky_relu)
        logit_att = slim.fully_connected(logit_att, n_att, activation_fn=None)
        return logit_gan, logit_att


def gradient_penalty(f, real, fake=None):
    """Mean of (‖∇f‖₂ − 1)² (10.3.7), where f gives the critic's logits, or a tuple whose first item they are.

    Between real and fake pictures ``[N, …]`` (WGAN-GP, arXiv 1704.00028) or, without fake ones, between real pictures
    and noisy copies (DRAGAN, arXiv 1705.07215).
    """

    def _interpolate(a, b=None):
        with tf.name_scope("interpolate"):
            if b is None:
                beta = tf.random_uniform(shape=tf.shape(a), minval=0.0, maxval=1.0)
                # Erratum E82: the print gives a range, on which tf.nn.moments fails in Python 3.
                _, variance = tf.nn.moments(a, list(range(a.shape.ndims)))
                b = a + 0.5 * tf.sqrt(variance) * beta
            shape = [tf.shape(a)[0]] + [1] * (a.shape.ndims - 1)
            alpha = tf.random_uniform(shape=shape, minval=0.0, maxval=1.0)
            inter = a + alpha * (b - a)
            inter.set_shape(a.shape)
            return inter

    with tf.name_scope("gradient_penalty"):
        x = _interpolate(real, fake)
        pred = f(x)
        if isinstance(pred, tuple):
            pred = pred[0]
        grad = tf.gradients(pred, x)[0]
        # Erratum E83: the gradient of tf.norm at 0 is NaN; a small number under the root keeps it finite.
        norm = tf.sqrt(tf.reduce_sum(tf.square(slim.flatten(grad)), axis=1) + 1e-12)
        gp = tf.reduce_mean((norm - 1.0) ** 2)
        return gp


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv)
    run.start(opts.seed)
    record = records.Record(opts, opts.script, "listing 10-5", "none")
    x = tf.placeholder(tf.float32, [None, opts.img_size, opts.img_size, 3])
    D(x, opts.n_att)
    zs = Genc(x)
    pictures = Gdec(zs, tf.placeholder(tf.float32, [None, opts.n_att]), inject_layers=1)  # as in listing 10-6
    print("\n".join(str(z.shape) for z in zs + [pictures]))
    rows = []
    for title, scopes in (("encoder and decoder", ("Genc", "Gdec")), ("critic", ("D",))):
        variables = [var for var in tf.trainable_variables() if var.name.split("/")[0] in scopes]
        rows.append([title, len(variables), int(sum(np.prod(var.shape.as_list()) for var in variables))])
        print("%s: %d tensors, %d values" % tuple(rows[-1]))
    record.table("Trainable values", ["network", "tensors", "values"], rows)
    record.save()


if __name__ == "__main__":
    options.run(main)
