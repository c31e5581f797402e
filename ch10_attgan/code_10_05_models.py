"""Listing 10-5 (sections 10.3.5 to 10.3.7): encoder, decoder and critic of AttGAN, and the gradient penalty.

Run as a script it prints every layer and the number of trainable values.
Reads: nothing. Writes: a record in the run folder. Time: seconds.
Next: ``python ch10_attgan/code_10_06_train.py --preset tiny``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import functools

import numpy as np
import tensorflow as tf
import tensorflow.contrib.slim as slim

from common import options, training
from common.errors import UserError
from common.records import Record

# Erratum E80: the print's comment calls this the minimum; it is the largest number of filters of a layer.
MAX_DIM = 1024

PRESETS = {
    "book": dict(
        img_size=128,
        n_att=13,
        enc_dim=64,
        dec_dim=64,
        dis_dim=64,
        dis_fc_dim=1024,
        n_layers=5,
        shortcut_layers=1,  # as listing 10-6 sets them
        inject_layers=1,
    ),
    "cpu": dict(img_size=64, enc_dim=16, dec_dim=16, dis_dim=16, dis_fc_dim=256, n_layers=4),
    "tiny": dict(img_size=32, n_att=8, enc_dim=8, dec_dim=8, dis_dim=8, dis_fc_dim=32, n_layers=3),
}

conv = functools.partial(slim.conv2d, activation_fn=None)
dconv = functools.partial(slim.conv2d_transpose, activation_fn=None)
fc = functools.partial(slim.fully_connected, activation_fn=None)
lrelu = tf.nn.leaky_relu  # slope 0.2


def _norm(x, is_training, bn_decay):
    return slim.batch_norm(x, decay=bn_decay, scale=True, updates_collections=None, is_training=is_training)


def _activate_norm(x, activation, norm_first, is_training, bn_decay):
    """The print's order: activation, then batch norm. Extra: ``norm_first``, the paper's (Erratum E81)."""
    if norm_first:
        return activation(_norm(x, is_training, bn_decay))
    return _norm(activation(x), is_training, bn_decay)


def check_size(img_size, n_layers):
    """Refuses sizes at which the network cannot work.

    Raises:
      UserError: the side is no multiple of 2^n_layers, or ends at 1×1 (or 0).
    """
    smallest = 2**n_layers
    if img_size % smallest or img_size <= smallest:
        # Erratum E83: at 1×1 instance norm gives 0 whatever comes in, and the printed penalty's gradient is NaN.
        raise UserError(
            "pictures of %d pixels do not fit %d layers: each halves the side and more than 1 must be left; "
            "the size must be a multiple of %d from %d on, or take fewer layers"
            % (img_size, n_layers, smallest, 2 * smallest)
        )


def Genc(x, dim=64, n_layers=5, is_training=True, norm_first=False, bn_decay=0.999):
    """The encoder (10.3.5).

    Args:
      x: float ``[N, S, S, 3]`` in −1…1.

    Returns:
      The maps of all layers, ``[N, S/2, S/2, dim]`` to ``[N, S/2^n_layers, S/2^n_layers, min(dim·2^(n_layers−1), 1024)]``.
    """
    with tf.variable_scope("Genc", reuse=tf.AUTO_REUSE):
        z = x
        zs = []
        for i in range(n_layers):
            d = min(dim * 2**i, MAX_DIM)
            z = _activate_norm(conv(z, d, 4, 2), lrelu, norm_first, is_training, bn_decay)
            zs.append(z)
        return zs


def Gdec(
    zs,
    _a,
    dim=64,
    n_layers=5,
    shortcut_layers=1,
    inject_layers=0,
    is_training=True,
    norm_first=False,
    bn_decay=0.999,
):
    """The decoder (10.3.6): attributes enter here, not in the encoder (Erratum E86).

    Args:
      zs: maps of ``Genc``.
      _a: attributes, float ``[N, n_att]``, around −thres_int … thres_int.
      shortcut_layers: how many layers get the encoder's map of the same size beside their input.
      inject_layers: how many layers get the attributes once more.

    Returns:
      Pictures ``[N, S, S, 3]`` in −1…1.
    """
    shortcut_layers = min(shortcut_layers, n_layers - 1)
    inject_layers = min(inject_layers, n_layers - 1)

    def _concat(z, z_, _a):
        feats = [z]
        if z_ is not None:
            feats.append(z_)
        if _a is not None:
            _a = tf.reshape(_a, [-1, 1, 1, _a.shape[-1].value])
            feats.append(tf.tile(_a, [1, z.shape[1].value, z.shape[2].value, 1]))
        return tf.concat(feats, axis=3)

    with tf.variable_scope("Gdec", reuse=tf.AUTO_REUSE):
        z = _concat(zs[-1], None, _a)
        for i in range(n_layers - 1):
            d = min(dim * 2 ** (n_layers - 1 - i), MAX_DIM)
            z = _activate_norm(dconv(z, d, 4, 2), tf.nn.relu, norm_first, is_training, bn_decay)
            if shortcut_layers > i:
                z = _concat(z, zs[n_layers - 2 - i], None)
            if inject_layers > i:
                z = _concat(z, None, _a)
        return tf.nn.tanh(dconv(z, 3, 4, 2))


def instance_norm(x):
    """Instance norm with slim's variables and values, in fewer passes over the data (Extra: speed only)."""
    channels = x.shape[-1].value
    with tf.variable_scope("InstanceNorm"):
        beta = tf.get_variable("beta", [channels], initializer=tf.zeros_initializer())
        gamma = tf.get_variable("gamma", [channels], initializer=tf.ones_initializer())
        mean, variance = tf.nn.moments(x, [1, 2], keep_dims=True)
        scale = tf.rsqrt(variance + 1e-6) * gamma
        return x * scale + (beta - mean * scale)


def D(x, n_att, dim=64, fc_dim=1024, n_layers=5):
    """The critic and attribute classifier (10.3.7).

    Args:
      x: float ``[N, S, S, 3]``.
      n_att: number of attributes.

    Returns:
      (logit_gan ``[N, 1]``, logit_att ``[N, n_att]``).
    """
    check_size(x.shape[1].value, n_layers)
    with tf.variable_scope("D", reuse=tf.AUTO_REUSE):
        y = x
        for i in range(n_layers):
            d = min(dim * 2**i, MAX_DIM)
            y = conv(y, d, 4, 2, normalizer_fn=instance_norm, activation_fn=lrelu)
        features = slim.flatten(y)
        logit_gan = fc(fc(features, fc_dim, activation_fn=lrelu), 1)
        logit_att = fc(fc(features, fc_dim, activation_fn=lrelu), n_att)
        return logit_gan, logit_att


def gradient_penalty(f, real, fake=None):
    """Mean of (‖∇f‖₂ − 1)² (10.3.7).

    Between real and fake pictures (WGAN-GP, arXiv 1704.00028) or, without fake ones, between real pictures and noisy
    copies (DRAGAN, arXiv 1705.07215).

    Args:
      f: function of pictures that returns the critic's logits, or a tuple whose first item they are.
      real, fake: float ``[N, …]``.
    """

    def _interpolate(a, b=None):
        if b is None:
            beta = tf.random_uniform(tf.shape(a))
            # Erratum E82: the print gives a range, on which tf.nn.moments fails in Python 3.
            _, variance = tf.nn.moments(a, list(range(a.shape.ndims)))
            b = a + 0.5 * tf.sqrt(variance) * beta
        shape = tf.concat([tf.shape(a)[0:1], tf.ones([a.shape.ndims - 1], tf.int32)], axis=0)
        alpha = tf.random_uniform(shape)
        inter = a + alpha * (b - a)
        inter.set_shape(a.shape)
        return inter

    x = _interpolate(real, fake)
    pred = f(x)
    if isinstance(pred, tuple):
        pred = pred[0]
    grad = tf.gradients(pred, x)[0]
    # Erratum E83: the gradient of tf.norm at 0 is NaN; a small number under the root keeps it finite.
    norm = tf.sqrt(tf.reduce_sum(tf.square(slim.flatten(grad)), axis=1) + 1e-12)
    return tf.reduce_mean(tf.square(norm - 1.0))


def trainable(*scopes):
    """Trainable variables of the networks named ('Genc', 'Gdec', 'D')."""
    return [variable for variable in tf.trainable_variables() if variable.name.split("/")[0] in scopes]


def count_values(variables):
    """Number of values in a list of variables."""
    return int(sum(np.prod(variable.shape.as_list()) for variable in variables))


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="attgan", argv=argv)
    training.start(opts.seed)
    check_size(opts.img_size, opts.n_layers)
    x = tf.placeholder(tf.float32, [None, opts.img_size, opts.img_size, 3])
    _a = tf.placeholder(tf.float32, [None, opts.n_att])
    zs = Genc(x, opts.enc_dim, opts.n_layers)
    pictures = Gdec(zs, _a, opts.dec_dim, opts.n_layers, opts.shortcut_layers, opts.inject_layers)
    logit_gan, logit_att = D(x, opts.n_att, opts.dis_dim, opts.dis_fc_dim, opts.n_layers)
    for number, z in enumerate(zs):
        print("encoder layer %d: %s" % (number + 1, z.shape.as_list()[1:]))
    print("decoder: %s" % pictures.shape.as_list()[1:])
    print("critic: %s, attributes %s" % (logit_gan.shape.as_list()[1:], logit_att.shape.as_list()[1:]))
    record = Record(opts, "code_10_05_models", "listing 10-5", "none")
    rows = []
    for title, scopes in (("encoder and decoder", ("Genc", "Gdec")), ("critic", ("D",))):
        variables = trainable(*scopes)
        print("%s: %d tensors, %d values" % (title, len(variables), count_values(variables)))
        rows.append([title, len(variables), count_values(variables)])
    record.table("Trainable values", ["network", "tensors", "values"], rows)
    record.save()


if __name__ == "__main__":
    options.run(main)
