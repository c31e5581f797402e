"""Classical sharpening and deconvolution to compare with, from scikit-image.

None of them knows the motion, so each has a grid of settings. It is scored as generously as can be: one setting for all
pictures, the one that is best on these very pictures.
"""

import numpy as np
from skimage.filters import unsharp_mask
from skimage.restoration import richardson_lucy, wiener

from ch10_deblurgan.beyond import motion


def gaussian(sigma):
    """A round blur kernel of ``sigma`` pixels, sum 1."""
    radius = int(np.ceil(3 * sigma))
    distance = np.arange(-radius, radius + 1) ** 2
    kernel = np.exp(-(distance[:, np.newaxis] + distance) / (2.0 * sigma**2))
    return kernel / kernel.sum()


def straight(length):
    """The kernel of a level motion: camera shake is mostly a pan."""
    return np.float64(motion.kernel_of(motion.linear_trajectory(length, 0.0)))


def _by_channel(pixels, function, margin=24):
    """``function`` on each channel in 0…1, with reflected edges (deconvolution rings at hard ones)."""
    mode = "reflect" if min(pixels.shape[:2]) > margin else "edge"
    padded = np.pad(pixels / 255.0, ((margin, margin), (margin, margin), (0, 0)), mode=mode)
    result = np.stack([function(padded[..., c]) for c in range(3)], axis=-1)
    result = result[margin : margin + pixels.shape[0], margin : margin + pixels.shape[1]]
    return np.uint8(np.rint(255.0 * np.clip(result, 0.0, 1.0)))


def unsharp(pixels, radius, amount):
    """Unsharp mask: the picture plus ``amount`` times what a Gaussian of ``radius`` takes away."""
    return _by_channel(pixels, lambda channel: unsharp_mask(channel, radius=radius, amount=amount))


def wiener_filter(pixels, kernel, balance):
    """Wiener deconvolution with ``kernel``."""
    return _by_channel(pixels, lambda channel: wiener(channel, kernel, balance, clip=False))


def lucy(pixels, kernel, iterations):
    """Richardson–Lucy deconvolution with ``kernel``."""
    return _by_channel(pixels, lambda channel: richardson_lucy(channel + 1e-3, kernel, iterations=iterations))


def brightness_change(pictures):
    """Mean of sharp minus blurred a channel, ``[3]``, of a list of (blurred, sharp) uint8 pictures."""
    return np.mean([np.mean(sharp.astype(np.float64) - blurred, axis=(0, 1)) for blurred, sharp in pictures], axis=0)


def brightness(pixels, change):
    """The picture with ``change`` added to its channels.

    Frames that were added up in linear light are brighter than the sharp frame, in REDS by some four levels of 255. Taking
    that away gains PSNR without sharpening anything, so a network must be seen beside it.
    """
    return np.uint8(np.clip(np.rint(pixels + change), 0, 255))


GRID = {
    "unsharp mask": [
        ("radius %g, amount %g" % setting, unsharp, setting)
        for setting in ((1.0, 0.3), (1.0, 0.6), (2.0, 0.3), (2.0, 0.6), (4.0, 0.3), (4.0, 0.6))
    ],
    "Wiener": [
        ("%s, balance %g" % (name, balance), wiener_filter, (kernel, balance))
        for name, kernel in (
            ("Gaussian 0.8", gaussian(0.8)),
            ("Gaussian 1.2", gaussian(1.2)),
            ("level 5", straight(5.0)),
        )
        for balance in (0.02, 0.1, 0.5)
    ],
    "Richardson-Lucy": [
        ("%s, %d steps" % (name, steps), lucy, (kernel, steps))
        for name, kernel in (
            ("Gaussian 0.8", gaussian(0.8)),
            ("Gaussian 1.2", gaussian(1.2)),
            ("level 5", straight(5.0)),
        )
        for steps in (2, 5)
    ],
}
MIDDLE = {"unsharp mask": 1, "Wiener": 1, "Richardson-Lucy": 1}  # the setting for a photo without a sharp partner
