"""Training crops for deblurring photos of any kind: made blur on sharp photos, and real pairs of blurred and sharp frames.

What a network learns from made blur is what the blur is made like. Here it is a camera's path or a straight line of 0 to
``LONGEST`` pixels, at several scales of the picture, with noise and JPEG; a tenth is not blurred at all, and some pictures are
soft before the blur comes, so that the network learns to leave alone what is good. Light adds up in the sensor, so blur is
made of linear light (REDS does so); GOPRO's frames are averages of gamma-coded ones, so a share is made that way too.

Paths are centred on their centroid: blur alone cannot tell when in the exposure the camera was where, the centroid it can.
"""

import numpy as np
from scipy import fft

from common import images

LONGEST = 30  # pixels; of a path's extent, so a kernel has no more than 2·30 + 1 rows
MARGIN = 32  # light comes in from so far outside of a crop
GAMMA = 2.2

_CODES = np.arange(256) / 255.0
_LIGHT = {gamma: np.float32(_CODES**gamma) for gamma in (1.0, GAMMA)}  # of a pixel value
_CODE_STEPS = 1 << 14
_CODE = np.float32(255.0 * (np.arange(_CODE_STEPS + 1) / float(_CODE_STEPS)) ** (1.0 / GAMMA))  # of a light value


def camera_path(random, extent, points=200):
    """A smooth path of a hand that shakes: the double sum of random pushes on a random drift.

    Args:
      random: a ``numpy.random.RandomState``.
      extent: diagonal of the box around the path, in pixels.

    Returns:
      float64 ``[points, 2]``, (x, y) in pixels, centroid at (0, 0).
    """
    if random.uniform() < 0.35:  # a straight pull
        angle = random.uniform(0.0, np.pi)
        path = np.linspace(-0.5, 0.5, points)[:, np.newaxis] * [np.cos(angle), np.sin(angle)]
    else:
        pushes = np.cumsum(random.normal(size=(points, 2)), axis=0) * random.uniform(0.005, 0.06)
        path = np.cumsum(pushes + random.normal(size=2), axis=0)
    path -= path.mean(axis=0)
    return path * (extent / max(np.linalg.norm(np.ptp(path, axis=0)), 1e-9))


def path_kernel(path):
    """float32 ``[2·LONGEST + 1, 2·LONGEST + 1]``, sum 1: each point's light is shared by its four nearest pixels."""
    kernel = np.zeros((2 * LONGEST + 1,) * 2)
    where = path[:, ::-1] + LONGEST
    corner = np.clip(np.floor(where).astype(int), 0, 2 * LONGEST - 1)
    share = where - corner
    for down in (0, 1):
        for right in (0, 1):
            part = np.abs(1 - down - share[:, 0]) * np.abs(1 - right - share[:, 1])
            np.add.at(kernel, (corner[:, 0] + down, corner[:, 1] + right), part)
    return np.float32(kernel / kernel.sum())


def random_kernel(random):
    """A kernel of a random path; one in ten is no blur at all (None)."""
    if random.uniform() < 0.1:
        return None
    long_one = random.uniform() < 0.2
    return path_kernel(camera_path(random, random.uniform(12.0, LONGEST) if long_one else random.uniform(0.5, 15.0)))


def blur_region(pixels, kernel, gamma):
    """A square region ``[S, S, 3]``, uint8, blurred: float32 ``[S − 2·MARGIN, S − 2·MARGIN, 3]``, 0…255.

    The convolution is a product of Fourier transforms; what goes round the edges stays within the margin.
    """
    side = pixels.shape[0]
    if kernel is None:
        return np.float32(pixels[MARGIN:-MARGIN, MARGIN:-MARGIN])
    spectrum = fft.rfft2(kernel, (side, side))
    light = fft.rfft2(_LIGHT[gamma][pixels], axes=(0, 1))
    light = fft.irfft2(light * spectrum[..., np.newaxis], (side, side), axes=(0, 1))
    start = MARGIN + LONGEST  # the kernel's middle is at (LONGEST, LONGEST)
    end = start + side - 2 * MARGIN
    light = np.clip(light[start:end, start:end], 0.0, 1.0)
    return 255.0 * light if gamma == 1.0 else _CODE[np.int32(light * _CODE_STEPS + 0.5)]


def degrade(values, random):
    """Noise and JPEG as photos have them: float32 0…255 → uint8."""
    if random.uniform() < 0.8:
        strongest = 8.0 if random.uniform() < 0.1 else 2.5
        values = values + random.normal(scale=random.uniform(0.0, strongest), size=values.shape)
    pixels = np.uint8(np.clip(np.rint(values), 0, 255))
    if random.uniform() < 0.3:
        pixels = images.through_jpeg(pixels, int(random.randint(60, 97)))
    return pixels


def _window(random, pictures, side):
    """The same random square of ``side`` pixels out of each of the pictures (of equal size), reflected where they are smaller."""
    height, width = pictures[0].shape[:2]
    top, left = random.randint(max(1, height - side + 1)), random.randint(max(1, width - side + 1))
    squares = [picture[top : top + side, left : left + side] for picture in pictures]
    lack = [(0, side - length) for length in squares[0].shape[:2]]
    return [np.pad(square, lack + [(0, 0)], "symmetric") if any(lack) else square for square in squares]


def _scaled(square, side):
    return square if square.shape[0] == side else images.resize(square, side, side)


class CropMaker:
    """Makes random crops.

    Args:
      sharp: list of uint8 pictures ``[H, W, 3]`` to make blur from.
      pairs: list of (blurred, sharp), uint8 pictures of equal size.
      side: of the square crops, a multiple of 16.
      real_share: share of crops out of ``pairs``.
      linear_share: share of made blur that is added up in linear light.
    """

    def __init__(self, sharp, pairs, side=128, real_share=0.5, linear_share=0.9):
        self.sharp, self.pairs, self.side = sharp, pairs, side
        self.real_share, self.linear_share = real_share if pairs else 0.0, linear_share

    def made(self, random):
        """(blurred, sharp, kernel) with made blur; None is no blur."""
        picture = self.sharp[random.randint(len(self.sharp))]
        whole = self.side + 2 * MARGIN
        scale, chance = 1.0, random.uniform()
        if chance < 0.1:
            scale = random.uniform(1.0, 2.0)  # a soft picture
        elif chance < 0.6:
            scale = random.uniform(max(0.3, min(1.0, whole / float(min(picture.shape[:2])))), 1.0)
        region = _scaled(_window(random, [picture], int(round(whole / scale)))[0], whole)
        kernel = random_kernel(random)
        blurred = blur_region(region, kernel, GAMMA if random.uniform() < self.linear_share else 1.0)
        return degrade(blurred, random), region[MARGIN:-MARGIN, MARGIN:-MARGIN], kernel

    def real(self, random):
        """(blurred, sharp) out of a pair, at its size or smaller."""
        pair = self.pairs[random.randint(len(self.pairs))]
        smallest = max(0.3, self.side / float(min(pair[0].shape[:2])))
        scale = 1.0 if random.uniform() < 0.5 or smallest >= 1.0 else random.uniform(smallest, 1.0)
        return tuple(_scaled(square, self.side) for square in _window(random, pair, int(round(self.side / scale))))

    def batch(self, count, seed):
        """Crops; equal seeds give equal ones.

        Returns:
          blurred and sharp, uint8 ``[count, side, side, 3]``; the kernels of made blur, float32
          ``[count, 2·LONGEST + 1, 2·LONGEST + 1]``; and 1.0 where there is one, 0.0 for pairs, ``[count]``.
        """
        random = np.random.RandomState(seed)
        blurred, sharp = (np.empty((count, self.side, self.side, 3), np.uint8) for _ in range(2))
        kernels, known = np.zeros((count,) + (2 * LONGEST + 1,) * 2, np.float32), np.zeros(count, np.float32)
        for i in range(count):
            known[i] = not random.uniform() < self.real_share
            crops = list(self.made(random) if known[i] else self.real(random) + (kernels[i],))
            if crops[2] is None:
                crops[2] = np.zeros_like(kernels[i])
                crops[2][LONGEST, LONGEST] = 1.0
            if random.randint(2):
                crops = [crop[::-1] for crop in crops]
            if random.randint(2):
                crops = [crop[:, ::-1] for crop in crops]
            if random.randint(2):
                crops = [crop.swapaxes(0, 1) for crop in crops]
            blurred[i], sharp[i], kernels[i] = crops
        return blurred, sharp, kernels, known
