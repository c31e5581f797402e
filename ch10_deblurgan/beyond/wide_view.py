"""The wide-view generator: sees far around each pixel at little cost, and changes nothing until it has learned to.

DeblurGAN's generator works at the picture's own size and sees a few dozen pixels around each. Here every 4×4 block of pixels
becomes one place with 48 channels at the start (pixel unshuffle); residual blocks work at a quarter, an eighth and a sixteenth
of the size with skips between equal sizes (U-Net); the paper's head adds the result to the input. 3×3 convolutions of many
channels are done by Winograd's method on a processor (``fast.py``).
"""

import numpy as np
import tensorflow as tf

from ch10_deblurgan.beyond.fast import winograd
from common import images, weights
from common.errors import UserError

SETTINGS = dict(unshuffle=4, channels=(96, 128, 160), encoder=(1, 2, 5), decoder=(3, 2))


def multiple(settings):
    """Sides of pictures must be multiples of this."""
    return settings["unshuffle"] * 2 ** (len(settings["channels"]) - 1)


def _variable(name, shape, gain):
    """He's initial values, times ``gain``."""
    deviation = gain * np.sqrt(2.0 / np.prod(shape[:-1]))
    return tf.get_variable(name, shape, initializer=tf.random_normal_initializer(stddev=deviation))


def _convolution(x, filters, size, name, gain=1.0, stride=1, fast=True):
    channels = x.shape[3].value
    kernel = _variable(name + "/kernel", [size, size, channels, filters], gain)
    bias = tf.get_variable(name + "/bias", [filters], initializer=tf.zeros_initializer())
    if fast and size == 3 and stride == 1 and min(channels, filters) >= 96:
        y = winograd(x, tf.convert_to_tensor(kernel))
        y.set_shape(x.shape[:3].concatenate(filters))
    else:
        y = tf.nn.conv2d(x, kernel, [1, stride, stride, 1], "SAME")
    return tf.nn.bias_add(y, bias)


def _blocks(x, count, name, fast):
    """Residual blocks without normalisation (EDSR): their sum starts close to the input."""
    for index in range(count):
        y = tf.nn.relu(_convolution(x, x.shape[3].value, 3, "%s/%d/first" % (name, index), fast=fast))
        x += _convolution(y, x.shape[3].value, 3, "%s/%d/second" % (name, index), gain=0.2, fast=fast)
    return x


def wide_view(pictures, settings=None, fast=True):
    """Blurred pictures → sharper ones.

    Args:
      pictures: float32 ``[N, H, W, 3]``, −1…1, H and W multiples of ``multiple(settings)``.
      settings: as ``SETTINGS``: the side of the blocks that become one place; channels at each size; residual blocks on the
        way down (and at the bottom) and on the way up.
      fast: 3×3 convolutions of 96 channels and more by Winograd's method; the same results within rounding.

    Returns:
      float32 ``[N, H, W, 3]``, not clipped. Variables are made in the scope ``wide_view``, or used again.
    """
    settings = settings or SETTINGS
    channels, side = settings["channels"], settings["unshuffle"]
    with tf.variable_scope("wide_view", reuse=tf.AUTO_REUSE):
        x = _convolution(tf.space_to_depth(pictures, side), channels[0], 3, "start", fast=fast)
        skips = []
        for level, filters in enumerate(channels):
            if level:
                x = tf.nn.relu(_convolution(x, filters, 3, "down%d" % level, stride=2, fast=fast))
            x = _blocks(x, settings["encoder"][level], "encoder%d" % level, fast)
            skips.append(x)
        for level in reversed(range(len(channels) - 1)):
            x = tf.depth_to_space(_convolution(x, 4 * channels[level], 1, "up%d" % level, fast=fast), 2)
            x = _blocks(x + skips[level], settings["decoder"][level], "decoder%d" % level, fast)
        change = _convolution(x, 3 * side * side, 3, "end", gain=0.0, fast=fast)
        return pictures + tf.depth_to_space(change, side)


def variables():
    """The network's variables in the order of their making, which is that of the weights file."""
    return tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, scope="wide_view/")


def restore(sess, photo, restored, pixels, settings):
    """A uint8 picture of any size through the network at once: padded to a multiple, and cropped again.

    Args:
      photo, restored: the placeholder ``[1, H, W, 3]`` and ``wide_view`` of it.
    """
    height, width = pixels.shape[:2]
    side = multiple(settings)
    padded = np.pad(pixels, ((0, -height % side), (0, -width % side), (0, 0)), mode="symmetric")
    return images.to_uint8(sess.run(restored, {photo: images.from_uint8(padded)[np.newaxis]})[0, :height, :width])


# ------------------------------------------------------------------------------------------- weights
def save(path, values, settings):
    """Writes the values of ``variables()`` and the settings as one npz: kernels as float16, biases as float32."""
    names = [variable.op.name for variable in variables()]
    return weights.save(path, dict(zip(names, values)), settings)


def load(path):
    """(values by name, settings) of a file of ``save``; UserError when it is none."""
    values, settings = weights.load(path)
    if sorted(settings) != sorted(SETTINGS):
        raise UserError("weights %s are not of a wide-view network" % path)
    return values, settings


def load_into(session, values):
    """Gives the network's variables, which must have been made, the ``values`` of ``load``; UserError where they do not fit."""
    for variable in variables():
        value = values.get(variable.op.name)
        if value is None or value.shape != tuple(variable.shape.as_list()):
            raise UserError("the weights do not fit the network: %s" % variable.op.name)
        variable.load(value, session)
