"""What blurred a picture, and the picture without it: a kernel estimated by a network, and Wiener's filter.

A camera's shake blurs a whole region alike: ``blurred = kernel * sharp + noise``, in linear light. Who knows the kernel gets most
of the sharp picture back by a division of spectra. Here the kernel is estimated as in Cho & Lee, 'Fast motion deblurring' (2009),
with learned parts as in Schuler et al., 'Learning to deblur' (arXiv 1406.7444): a small network says what the sharp picture's
edges would be; the kernel that makes the blurred edges of them is a quotient of spectra; a second small network, in the kernel's
own plane, takes away what cannot be a kernel. With the picture that Wiener's filter makes by it, all that is done once more.

Where the camera turned or things moved, one kernel does not hold everywhere: of the last round's edges each quarter of the
picture gets a kernel of its own as well. It fits better there, and less is known of it.

GOPRO's frames, unlike a camera's, were added up after their light had been coded as pixel values: there the same holds of the
values themselves. Which of both a photo is, it does not say. The kernel is estimated of the values, which serves both nearly
alike; the division, where it matters, is done either way (``GAMMAS``).

Fourier transforms are SciPy's (TensorFlow 1's own take, at such sizes, more time than all convolutions together).
"""

import numpy as np
import tensorflow as tf
from scipy import fft

from ch10_deblurgan.beyond import kernels as processor
from ch10_deblurgan.beyond.photo_crops import GAMMA

RADIUS = 28  # kernels have 2·RADIUS + 1 rows and columns
SIDE = 2 * RADIUS + 1
BORDER = 32  # pixels mirrored around a picture before it is divided: a spectrum goes round the edges
CAUTION = (1.0, 16.0)  # the noise is also taken for so many times what it is estimated at: duller, with less ringing
GAMMAS = (GAMMA, 1.0)  # what blur may have been added up in: light, or pixel values
LEAST = 1e-6  # a picture without edges divides by nothing
EDGES = 4  # differences: across, down and both diagonals
OVER = 32  # pixels that a quarter reaches over the middle of the picture, a multiple of 8
DIVIDED = 2 * len(GAMMAS) * len(CAUTION)  # pictures that ``deconvolved`` makes of one


# ------------------------------------------------------------------------------------------- Fourier transforms
def _numpy(function, inputs, dtype, shape):
    result = tf.py_func(function, inputs, dtype, stateful=False)
    result.set_shape(shape)
    return result


def _times(width):
    """How often each column of a half spectrum of ``width`` columns stands in the whole one."""
    times = np.full(width // 2 + 1, 2.0, np.float32)
    times[0] = 1.0
    if width % 2 == 0:
        times[-1] = 1.0
    return times


def _forward(x):
    return fft.rfft2(x, workers=processor.threads_used()).astype(np.complex64, copy=False)


def _inverse(z, shape):
    return fft.irfft2(z, tuple(shape), workers=processor.threads_used()).astype(np.float32, copy=False)


@tf.custom_gradient
def rfft2(x):
    """The half spectrum, complex64 ``[…, H, W // 2 + 1]``, of float32 ``[…, H, W]``."""

    def gradient(pull):
        def adjoint(pull, x):
            height, width = x.shape[-2:]
            return _inverse(pull / _times(width), (height, width)) * np.float32(height * width)

        return _numpy(adjoint, [pull, x], tf.float32, x.shape)

    return _numpy(_forward, [x], tf.complex64, x.shape[:-1].concatenate([None])), gradient


@tf.custom_gradient
def irfft2(z, shape):
    """float32 ``[…, H, W]`` of the half spectrum ``z``; ``shape``: int32 tensor (H, W)."""

    def gradient(pull):
        def adjoint(pull):
            height, width = pull.shape[-2:]
            return (_forward(pull) * (_times(width) / np.float32(height * width))).astype(np.complex64)

        return _numpy(adjoint, [pull], tf.complex64, z.shape), None

    return _numpy(_inverse, [z, shape], tf.float32, z.shape[:-2].concatenate([None, None])), gradient


def _power(z):
    return tf.real(z * tf.conj(z))


# ------------------------------------------------------------------------------------------- light
def to_light(codes, gamma=GAMMA):
    """Pixel values 0…1 as linear light; with a ``gamma`` of 1 they are left as they are, and called light all the same."""
    return codes if gamma == 1.0 else tf.pow(codes, gamma)


def to_code(light, gamma=GAMMA):
    """Linear light as pixel values 0…1; what lies outside is cut off."""
    light = tf.clip_by_value(light, 1e-4, 1.0)
    return light if gamma == 1.0 else tf.pow(light, 1.0 / gamma)


def differences(pictures):
    """``[N, EDGES, H, W]`` of ``[N, H, W]``: each pixel's neighbour to the right, below, and the diagonals."""
    padded = tf.pad(pictures, [[0, 0], [0, 1], [0, 1]], "SYMMETRIC")
    here, right = padded[:, :-1, :-1], padded[:, :-1, 1:]
    below, across = padded[:, 1:, :-1], padded[:, 1:, 1:]
    return tf.stack([right - here, below - here, 0.7 * (across - here), 0.7 * (below - right)], 1)


def _ramp(size):
    """0 at both ends of ``size`` pixels, 1 from ``BORDER`` on."""
    here = tf.range(size)
    distance = tf.minimum(here, size - 1 - here)
    return 0.5 - 0.5 * tf.cos(np.pi * tf.minimum(tf.cast(distance, tf.float32) / BORDER, 1.0))


def wiener(light, kernel, noise, cautions=(1.0,)):
    """Wiener's filter: light divided by a kernel where the kernel let something through.

    Args:
      light: float32 ``[N, C, H, W]``.
      kernel: float32 ``[N, SIDE, SIDE]``, its middle at (RADIUS, RADIUS), sum 1.
      noise: float32 ``[N]``, power of the noise to that of the edges; the larger, the more cautious.
      cautions: factors of ``noise``.

    Returns:
      for each caution float32 ``[N, C, H, W]``, not cut to 0…1, a list.
    """
    light = tf.pad(light, [[0, 0], [0, 0], [BORDER, BORDER], [BORDER, BORDER]], "SYMMETRIC")
    shape = tf.shape(light)[2:]
    height, width = shape[0], shape[1]
    whole = tf.pad(kernel, [[0, 0], [0, height - SIDE], [0, width - SIDE]])
    passed = rfft2(tf.roll(whole, [-RADIUS, -RADIUS], [1, 2]))[:, tf.newaxis]
    rows = tf.cast(tf.range(height), tf.float32) / tf.cast(height, tf.float32)
    columns = tf.cast(tf.range(width // 2 + 1), tf.float32) / tf.cast(width, tf.float32)
    # the spectrum of differences: pictures have the less power, the finer the detail
    edges = 4.001 - 2.0 * tf.cos(2 * np.pi * rows)[:, tf.newaxis] - 2.0 * tf.cos(2 * np.pi * columns)
    # a spectrum takes the picture as going round; blurred across its edges it does, and no ringing comes from them (edgetaper)
    inner = _ramp(height)[:, tf.newaxis] * _ramp(width)
    light = inner * light + (1.0 - inner) * irfft2(rfft2(light) * passed, shape)
    divided = rfft2(light) * tf.conj(passed)
    found = []
    for caution in cautions:
        power = _power(passed) + tf.reshape(noise, [-1, 1, 1, 1]) * caution * edges
        found.append(irfft2(divided / tf.cast(power, tf.complex64), shape)[:, :, BORDER:-BORDER, BORDER:-BORDER])
    return found


# ------------------------------------------------------------------------------------------- networks
def _convolution(x, filters, size, name, stride=1, gain=1.0):
    channels = x.shape[3].value
    deviation = gain * np.sqrt(2.0 / (size * size * channels))
    kernel = tf.get_variable(
        name + "/kernel", [size, size, channels, filters], initializer=tf.random_normal_initializer(stddev=deviation)
    )
    bias = tf.get_variable(name + "/bias", [filters], initializer=tf.zeros_initializer())
    return tf.nn.bias_add(tf.nn.conv2d(x, kernel, [1, stride, stride, 1], "SAME"), bias)


def _blocks(x, count, name):
    for index in range(count):
        y = tf.nn.relu(_convolution(x, x.shape[3].value, 3, "%s/%d/first" % (name, index)))
        x += _convolution(y, x.shape[3].value, 3, "%s/%d/second" % (name, index), gain=0.2)
    return x


def _edge_network(pictures):
    """What the sharp edges are like, ``[N, 2·EDGES, H, W]``, and features ``[N, 96, H/8, W/8]``, of ``[N, H, W, C]``."""
    half = tf.nn.relu(_convolution(tf.space_to_depth(pictures, 2), 24, 3, "half"))
    quarter = _blocks(tf.nn.relu(_convolution(half, 48, 3, "quarter", stride=2)), 1, "quarter_blocks")
    eighth = _blocks(tf.nn.relu(_convolution(quarter, 96, 3, "eighth", stride=2)), 2, "eighth_blocks")
    up = quarter + tf.depth_to_space(_convolution(eighth, 4 * 48, 1, "up_quarter"), 2)
    up = tf.depth_to_space(_convolution(_blocks(up, 1, "up_blocks"), 4 * 24, 1, "up_half"), 2)
    edges = _convolution(tf.nn.relu(half + up), 4 * 2 * EDGES, 3, "edges", gain=0.1)
    return [tf.transpose(maps, [0, 3, 1, 2]) for maps in (tf.depth_to_space(edges, 2), eighth)]


def _kernel_network(quotient, correlations):
    """A kernel, not negative and of sum 1, ``[N, SIDE, SIDE]``, of a quotient of spectra and ``[N, SIDE, SIDE, EDGES]``."""
    maps = tf.concat([quotient[..., tf.newaxis], correlations], 3)
    maps.set_shape([None, SIDE, SIDE, 1 + EDGES])
    maps = _blocks(tf.nn.relu(_convolution(maps, 32, 5, "lags")), 3, "lag_blocks")
    trust = tf.get_variable("trust", [], initializer=tf.constant_initializer(2.0))
    logits = _convolution(maps, 1, 5, "kernel", gain=0.1)[..., 0] + trust * tf.log(tf.nn.relu(quotient) + 0.02)
    return tf.reshape(tf.nn.softmax(tf.reshape(logits, [-1, SIDE * SIDE])), [-1, SIDE, SIDE])


def _window(size):
    size = tf.cast(size, tf.float32)
    return tf.sqrt(tf.sin(np.pi * (tf.range(size) + 0.5) / size))


def _lags(correlation):
    """The middle of a correlation ``[…, H, W]`` that begins at lag 0: ``[…, SIDE, SIDE]``."""
    return tf.roll(correlation, [RADIUS, RADIUS], [-2, -1])[..., :SIDE, :SIDE]


def _spectra(edges):
    """Half spectra of edges ``[N, EDGES, H, W]`` under a window, at least a kernel's size, and that size (H, W)."""
    shape = tf.shape(edges)[2:]
    window = _window(shape[0])[:, tf.newaxis] * _window(shape[1])
    lack = tf.maximum(SIDE - shape, 0)  # of pictures smaller than a kernel
    return rfft2(tf.pad(edges * window, [[0, 0], [0, 0], [0, lack[0]], [0, lack[1]]])), shape + lack


def _of_blurred(edges):
    """What is taken of the edges of the blurred pictures, ``[N, EDGES, H, W]``: their spectra, these' size, and correlations."""
    spectra, shape = _spectra(edges)
    correlations = irfft2(tf.cast(_power(spectra), tf.complex64), shape)
    correlations = _lags(correlations / tf.maximum(correlations[:, :, :1, :1], LEAST))
    return spectra, shape, tf.transpose(correlations, [0, 2, 3, 1])


def _kernel(sharp, of_blurred, features):
    """(kernel, noise): what blurs the edges ``sharp``, ``[N, EDGES, H, W]``, to those of ``of_blurred``."""
    blurred_spectra, shape, correlations = of_blurred
    spectra, _ = _spectra(sharp)
    power = tf.reduce_sum(_power(spectra), 1)
    floor = tf.exp(tf.get_variable("floor", [], initializer=tf.constant_initializer(-2.0)))
    power += floor * tf.reduce_mean(power, [1, 2], keepdims=True)
    quotient = tf.reduce_sum(tf.conj(spectra) * blurred_spectra, 1) / tf.cast(power, tf.complex64)
    quotient = _lags(irfft2(quotient, shape))
    kernel = _kernel_network(quotient / tf.maximum(tf.reduce_max(quotient, [1, 2], keepdims=True), LEAST), correlations)
    hidden = tf.nn.relu(tf.layers.dense(tf.reduce_mean(features, [2, 3]), 32, name="noise0"))
    return kernel, tf.exp(tf.clip_by_value(tf.layers.dense(hidden, 1, name="noise1")[:, 0] - 5.0, -12.0, 3.0))


def _divided(grey, kernel, noise):
    return tf.clip_by_value(wiener(grey[:, tf.newaxis], kernel, noise)[0], 1e-2, 1.0)


def quarters(x, over=OVER):
    """The four quarters of ``[N, …, H, W]``, each ``over`` larger than half of it where it goes on: ``[4N, …, h, w]``."""
    height, width = tf.shape(x)[-2], tf.shape(x)[-1]
    h, w = tf.minimum(height, height // 2 + over), tf.minimum(width, width // 2 + over)
    return tf.concat([x[..., i : i + h, j : j + w] for i in (0, height - h) for j in (0, width - w)], 0)


def _beside(one, other, size, axis):
    """Two that overlap, ``[N, C, h, w]``, put together along an axis to ``size``: one goes over into the other."""
    lack = size - tf.shape(one)[axis]
    rest = [[[0, 0], [0, 0], [0, 0], [0, 0]] for _ in range(2)]
    rest[0][axis][1] = rest[1][axis][0] = lack
    here = tf.cast(tf.range(size), tf.float32) + 0.5
    share = tf.clip_by_value(0.5 + (tf.cast(size, tf.float32) / 2.0 - here) / (2.0 * OVER), 0.0, 1.0)
    share = tf.reshape(share, [-1, 1] if axis == 2 else [1, -1])
    return tf.pad(one, rest[0]) * share + tf.pad(other, rest[1]) * (1.0 - share)


def joined(parts, height, width):
    """``quarters`` put together again: ``[4N, C, h, w]`` → ``[N, C, height, width]``."""
    upper_left, upper_right, lower_left, lower_right = tf.split(parts, 4, 0)
    upper = _beside(upper_left, upper_right, width, 3)
    return _beside(upper, _beside(lower_left, lower_right, width, 3), height, 2)


def estimate(pictures, rounds):
    """Kernels of blurred pictures: of the whole ones, and of each quarter.

    Args:
      pictures: float32 ``[N, H, W, 3]``, 0…1; sides multiples of 16, ``BORDER`` or more.
      rounds: how often an estimate is made, each with the picture that the one before gives.

    Returns:
      A list of (kernel ``[N, SIDE, SIDE]``, noise ``[N]`` for ``wiener``, grey picture without the blur ``[N, H, W]``, 0…1), one
      for each round; and, as the last, (kernels ``[4N, SIDE, SIDE]``, noise ``[4N]``, the same) of the ``quarters`` by the last
      round's edges. Variables are made in the scope that is open, or used again.
    """
    grey = tf.reduce_mean(pictures, 3)
    blurred = differences(grey)
    deviation = tf.sqrt(tf.reduce_mean(blurred**2, [1, 2, 3], keepdims=True) + 1e-8)
    blurred /= deviation
    found, sharp, of_blurred = [], blurred, _of_blurred(blurred)
    for index in range(rounds):
        with tf.variable_scope("round%d" % index, reuse=tf.AUTO_REUSE):
            seen = [grey] + [tf.stop_gradient(one[2]) for one in found[-1:]]
            stacked = tf.stack(seen, 3) - 0.5
            stacked.set_shape([None, None, None, len(seen)])
            learned, features = _edge_network(stacked)
            sharp = sharp * tf.sigmoid(learned[:, :EDGES] + 2.0) + learned[:, EDGES:]
            kernel, noise = _kernel(sharp, of_blurred, features)
            found.append((kernel, noise, _divided(grey, kernel, noise)[:, 0]))
            if index == rounds - 1:
                kernel, noise = _kernel(quarters(sharp), _of_blurred(quarters(blurred)), quarters(features, OVER // 8))
        sharp = differences(tf.stop_gradient(found[-1][2])) / deviation
    divided = joined(_divided(quarters(grey), kernel, noise), tf.shape(grey)[1], tf.shape(grey)[2])
    return found + [(kernel, noise, divided[:, 0])]


def deconvolved(pictures, estimates):
    """The grey of pictures without the blur, by the kernels of the whole and by those of the quarters.

    Colours are left to the network: division of each gains no more, in three times the time.

    Args:
      pictures: float32 ``[N, H, W, 3]``, 0…1.
      estimates: of ``estimate``.

    Returns:
      float32 ``[N, H, W, DIVIDED]``, 0…1: for each of ``GAMMAS`` those of the whole, once for each of ``CAUTION``, then those of
      the quarters.
    """
    grey = tf.reduce_mean(pictures, 3)[:, tf.newaxis]
    height, width = tf.shape(grey)[2], tf.shape(grey)[3]
    (kernel, noise, _), (kernels, noises, _) = estimates[-2:]
    light = tf.concat([to_light(grey, gamma) for gamma in GAMMAS], 1)
    of_quarters = tf.concat(wiener(quarters(light), kernels, noises, CAUTION), 1)
    both = tf.concat(wiener(light, kernel, noise, CAUTION) + [joined(of_quarters, height, width)], 1)
    found = tf.concat([to_code(both[:, index :: len(GAMMAS)], gamma) for index, gamma in enumerate(GAMMAS)], 1)
    found = tf.transpose(found, [0, 2, 3, 1])
    found.set_shape(pictures.shape[:3].concatenate([DIVIDED]))
    return found


def loss(estimates, kernels, known, sharp, border):
    """What the estimate of a kernel is judged by: the picture without the blur, and the kernel itself where it is known.

    Args:
      estimates: of ``estimate``.
      kernels: float32 ``[N, SIDE, SIDE]``; known: float32 ``[N]``, 1 where ``kernels`` holds the true one, else 0.
      sharp: float32 ``[N, H, W, 3]``, 0…1.
      border: pixels at each edge that do not count: light came in from outside there.

    Returns:
      A scalar: minus PSNR in dB, plus five times the squared distance of the kernels, both a little blurred, over the true one's.
    """
    inside = slice(border, -border)
    row = np.exp(-(np.arange(-3, 4) ** 2) / 2.0)
    soft = np.float32(np.outer(row, row) / row.sum() ** 2)[:, :, np.newaxis, np.newaxis]

    def energy(kernel):
        return tf.reduce_sum(tf.nn.conv2d(kernel[..., tf.newaxis], soft, [1, 1, 1, 1], "SAME") ** 2, [1, 2, 3])

    total, grey = 0.0, tf.reduce_mean(sharp, 3)
    for kernel, _, found in estimates:
        square = tf.reduce_mean((found - grey)[:, inside, inside] ** 2, [1, 2])
        times = [tf.shape(kernel)[0] // tf.shape(kernels)[0]]  # quarters have the kernel of the whole
        true, counts = tf.tile(kernels, times + [1, 1]), tf.tile(known, times)
        apart = counts * energy(kernel - true) / (energy(true) + 1e-6)
        total += tf.reduce_mean(np.float32(10.0 / np.log(10.0)) * tf.log(square + 1e-4)) + 5.0 * tf.reduce_mean(apart)
    return total
