"""The wide-view generator: the small generator of ``generator.py`` with a wide view built into its middle.

The generator's blocks work at a quarter of the picture's size and see some 45 pixels around each. Between them a branch of
residual blocks at an eighth and a sixteenth of the size, with a skip between equal sizes (U-Net), looks much farther at little
cost: a sixteenth of the size has a 256th of the places. What it finds is added to the blocks' values. The branch's last
convolution starts from zeros, so that the network starts as the small generator, whose weights it can take over
(``load_start``). Without them it starts from giving the picture back: the paper's head adds to the input. On a processor, the
same arithmetic in another order (``fast.py``).

Beside the picture it may be shown what Wiener's filter makes of its grey with an estimate of the blur's kernel
(``blur_kernel.py``; setting ``estimates``): of an even shake that is much sharper, of anything else it is wrong, and everywhere
it has noise and ringing. The division is done by the kernel of the whole picture and by those of its quarters, in light and in
pixel values: blur is added up in the one, or, in some data sets, in the other. The network takes of all that what is good. That,
too, starts from zeros.
"""

import numpy as np
import tensorflow as tf

from ch10_deblurgan.beyond import blur_kernel
from ch10_deblurgan.beyond import fast as arithmetic
from common import weights
from common.errors import UserError
from common.options import Value

ROWS = [  # what a file of weights may say of its network
    Value("ngf", 24, "filters of the first layer", low=1, high=1024),
    Value("n_blocks", 4, "residual blocks of the generator", low=0, high=64),
    Value("wide", [128, 160], "channels of the branch at each size", low=1, high=4096),
    Value("down_blocks", [2, 4], "blocks of the branch on the way down", low=0, high=64),
    Value("up_blocks", 2, "blocks of the branch on the way up", low=0, high=64),
    Value("estimates", 2, "rounds of estimating the blur's kernel; 0: it is not estimated", low=0, high=8),
]
SETTINGS = {row.name: row.value for row in ROWS}
ESTIMATOR = "wide_view/estimator"  # scope of the networks that estimate the kernel
DIVIDED = "wide_view/divided/"  # scope of what belongs to the divided pictures


def multiple(settings):
    """Sides of pictures must be multiples of this."""
    return 4 * 2 ** len(settings["wide"])


def padding(height, width, settings):
    """Rows and columns that a picture lacks: to a ``multiple``, and to the least side that has a kernel estimated."""
    side = multiple(settings)
    least = -(-blur_kernel.BORDER // side) * side if settings["estimates"] else side
    return tuple(max(least - length, -length % side) for length in (height, width))


def _parameters(name, shape, gain):
    """A kernel of He's initial values, times ``gain``, and a bias of zeros."""
    deviation = gain * np.sqrt(2.0 / np.prod(shape[:-1]))
    kernel = tf.get_variable(name + "/kernel", shape, initializer=tf.random_normal_initializer(stddev=deviation))
    return kernel, tf.get_variable(name + "/bias", shape[-1:], initializer=tf.zeros_initializer())


def _convolution(x, filters, size, name, gain=1.0, stride=1, fast=True):
    channels = x.shape[3].value
    kernel, bias = _parameters(name, [size, size, channels, filters], gain)
    if fast and size == 3 and stride == 1 and min(channels, filters) >= 96:
        y = arithmetic.winograd(x, tf.convert_to_tensor(kernel))
    elif fast and filters <= 3:
        y = arithmetic.narrow(x, tf.convert_to_tensor(kernel))
    else:
        y = tf.nn.conv2d(x, kernel, [1, stride, stride, 1], "SAME")
    return tf.nn.bias_add(y, bias)


def _up_convolution(x, filters, name, fast):
    """Each pixel four times, then a 3×3 convolution, as in listing 10-1."""
    kernel, bias = _parameters(name, [3, 3, x.shape[3].value, filters], 1.0)
    if fast:
        y = arithmetic.upconv(x, tf.convert_to_tensor(kernel))
    else:
        size = 2 * tf.shape(x)[1:3]
        y = tf.nn.conv2d(tf.image.resize_nearest_neighbor(x, size), kernel, [1, 1, 1, 1], "SAME")
    return tf.nn.bias_add(y, bias)


def _blocks(x, count, name, fast, gain=0.2):
    """Residual blocks without normalisation: their sum starts close to the input."""
    for index in range(count):
        y = tf.nn.relu(_convolution(x, x.shape[3].value, 3, "%s/%d/first" % (name, index), fast=fast))
        x += _convolution(y, x.shape[3].value, 3, "%s/%d/second" % (name, index), gain=gain, fast=fast)
    return x


def _wide_branch(x, settings, fast):
    """What blocks at smaller sizes have to add to ``x``; nothing at the start."""
    filters, h, skips = x.shape[3].value, x, []
    for level, channels in enumerate(settings["wide"]):
        h = tf.nn.relu(_convolution(h, channels, 3, "wide/down%d" % level, stride=2, fast=fast))
        h = _blocks(h, settings["down_blocks"][level], "wide/blocks%d" % level, fast)
        skips.append(h)
    for level in reversed(range(len(settings["wide"]) - 1)):
        up = _convolution(h, 4 * settings["wide"][level], 1, "wide/up%d" % (level + 1), fast=fast)
        h = skips[level] + tf.depth_to_space(up, 2)
        h = _blocks(h, settings["up_blocks"], "wide/up_blocks%d" % level, fast)
    return tf.depth_to_space(_convolution(h, 4 * filters, 1, "wide/up0", gain=0.0, fast=fast), 2)


def _start(pictures, divided, filters, fast):
    """The first layer; of the divided pictures, of which there are many, it looks at a smaller neighbourhood."""
    full = _convolution(pictures, filters, 7, "start", fast=fast)
    if divided is not None:
        full += _convolution(divided, filters, 3, "divided/start", gain=0.0, fast=fast)
    return tf.nn.relu(full)


def _change(x, pictures, divided, fast):
    """The last layer: what is added to ``pictures``, and how much of each of ``divided``; one convolution for both."""
    kernel, bias = _parameters("end", [3, 3, x.shape[3].value, 3], 0.0)
    if divided is not None:
        shares = _parameters("divided/share", [3, 3, x.shape[3].value, divided.shape[3].value], 0.0)
        kernel, bias = tf.concat([kernel, shares[0]], 3), tf.concat([bias, shares[1]], 0)
    y = arithmetic.narrow(x, kernel) if fast and divided is None else tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME")
    y = tf.nn.bias_add(y, bias)
    if divided is None:
        return tf.tanh(y)
    grey = tf.reduce_mean(pictures, 3, keepdims=True)
    return tf.tanh(y[..., :3]) + tf.reduce_sum(y[..., 3:] * (divided - grey), 3, keepdims=True)


def estimated(pictures, settings):
    """``blur_kernel.estimate`` of pictures −1…1, with variables in the network's scope."""
    with tf.variable_scope(ESTIMATOR, reuse=tf.AUTO_REUSE):
        return blur_kernel.estimate((pictures + 1.0) / 2.0, settings["estimates"])


def deconvolved(pictures, estimates):
    """``blur_kernel.deconvolved`` of pictures −1…1, as −1…1; no gradient goes through."""
    return tf.stop_gradient(blur_kernel.deconvolved((pictures + 1.0) / 2.0, estimates) * 2.0 - 1.0)


def all_divided(pictures, settings):
    """What the network is shown beside the pictures: ``deconvolved`` of them by its own estimate, or None."""
    return deconvolved(pictures, estimated(pictures, settings)) if settings["estimates"] else None


def with_grey(pictures, grey):
    """Pictures whose grey, ``[N, H, W, 1]``, is another one: each colour is moved by what their own mean lacks."""
    return tf.clip_by_value(pictures + grey - tf.reduce_mean(pictures, 3, keepdims=True), -1.0, 1.0)


def wide_view(pictures, settings=None, fast=True, divided=None):
    """Blurred pictures → sharper ones.

    Args:
      pictures: float32 ``[N, H, W, 3]``, −1…1, H and W multiples of ``multiple(settings)``.
      settings: as ``SETTINGS``: of the generator, the filters of the first layer and its blocks; of the branch, the channels at
        each size, the blocks on the way down, and those on the way up; what is said of ``blur_kernel.estimate``.
      fast: the arithmetic of ``fast.py``; the same results within rounding.
      divided: ``all_divided`` of the pictures, where it is there already.

    Returns:
      float32 ``[N, H, W, 3]``, −1…1. Variables are made in the scope ``wide_view``, or used again.
    """
    settings = settings or SETTINGS
    ngf, half = settings["ngf"], settings["n_blocks"] // 2
    if divided is None:
        divided = all_divided(pictures, settings)
    with tf.variable_scope("wide_view", reuse=tf.AUTO_REUSE):
        full = _start(pictures, divided, ngf, fast)
        halved = tf.nn.relu(_convolution(full, 2 * ngf, 3, "down0", stride=2, fast=fast))
        x = tf.nn.relu(_convolution(halved, 4 * ngf, 3, "down1", stride=2, fast=fast))
        x = _blocks(x, half, "blocks0", fast)
        x += _wide_branch(x, settings, fast)
        x = _blocks(x, settings["n_blocks"] - half, "blocks1", fast)
        x = tf.nn.relu(_up_convolution(x, 2 * ngf, "up0", fast)) + halved
        x = tf.nn.relu(_up_convolution(x, ngf, "up1", fast)) + full
        return tf.clip_by_value(pictures + _change(x, pictures, divided, fast), -1.0, 1.0)


def variables():
    """The network's variables in the order of their making."""
    return tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="wide_view/")


def is_estimators(variable):
    """Whether a variable belongs to the networks that estimate the kernel."""
    return variable.op.name.startswith(ESTIMATOR + "/")


def _of_divided(name):
    return name.startswith(DIVIDED)


# ------------------------------------------------------------------------------------------- weights
def save(path, values, settings):
    """Writes the values of ``variables()`` and the settings as one npz: kernels as float16, biases as float32."""
    names = [variable.op.name for variable in variables()]
    return weights.save(path, dict(zip(names, values)), settings)


def _is_older(values):
    """Whether weights of a network that estimates kernels are of one that was shown other pictures."""
    kernel = values.get(DIVIDED + "start/kernel")
    return kernel is None or kernel.ndim != 4 or kernel.shape[2] != blur_kernel.DIVIDED


def load(path):
    """(values by name, settings) of a file of ``save``; UserError when it is none."""
    values, settings = weights.load(path)
    settings.setdefault("estimates", 0)  # older files
    if sorted(settings) != sorted(SETTINGS):
        raise UserError("weights %s are not of a wide-view network" % path)
    for row in ROWS:
        try:
            settings[row.name] = row.check(settings[row.name])
        except ValueError as error:
            raise UserError("weights %s: setting %s: %s" % (path, row.name, error))
    if not 1 <= len(settings["wide"]) == len(settings["down_blocks"]) <= 8:
        raise UserError("weights %s: settings wide and down_blocks must be as long as each other, 1 to 8" % path)
    if settings["estimates"] and _is_older(values):
        raise UserError(
            "weights %s are of an older network, which had no kernels of quarters: train on from them" % path
        )
    return values, settings


def load_into(session, values, may_lack=()):
    """Gives the network's variables, which must have been made, the ``values`` of ``load``; UserError where they do not fit.

    Args:
      may_lack: variables that keep their own values where ``values`` has none for them.
    """
    found = []
    for variable in variables():
        value = values.get(variable.op.name)
        if value is None and variable in may_lack:
            continue
        if value is None or value.shape != tuple(variable.shape.as_list()):
            raise UserError("the weights do not fit the network: %s" % variable.op.name)
        found.append((variable, value))
    weights.assign(session, found)


def load_start(session, path, settings):
    """Weights to start a training from: of such a network, with the estimate of the kernel or without, or of a small generator.

    What the file's network lacks (the estimate; the branch) keeps its own values.

    Raises:
      UserError: the file is of another network than that of ``settings``.
    """
    values, found = weights.load(path)
    if _is_older(values):
        values = {name: value for name, value in values.items() if not _of_divided(name)}
    of_estimate = [variable for variable in variables() if is_estimators(variable) or _of_divided(variable.op.name)]
    if all(found.get(name) == settings[name] for name in ("ngf", "n_blocks", "wide", "down_blocks", "up_blocks")):
        load_into(session, values, of_estimate)
        return
    small = dict(
        ngf=settings["ngf"], n_blocks=settings["n_blocks"], norm="none", head="residual", end_kernel=3, skips=True
    )
    if found != small:
        raise UserError(
            "weights %s are not of a generator that the wide-view network can start from: %s" % (path, found)
        )
    own = [variable for variable in variables() if "/wide/" not in variable.op.name and variable not in of_estimate]
    weights.assign(session, [(variable, values[name]) for variable, name in zip(own, sorted(values))])
