"""Training crops for deblurring photos of any kind: made blur on sharp photos, and real pairs of blurred and sharp frames.

What a network learns from made blur is what the blur is made like. Here it is a camera's path or a straight line of 0 to
``LONGEST`` pixels, at several scales of the picture, with noise and JPEG; some are not blurred at all, and some pictures are
soft before the blur comes, so that the network learns to leave alone what is good. Light adds up in the sensor, so blur is
made of linear light (REDS does so); GOPRO's frames are averages of gamma-coded ones, so a share is made that way too.

Paths are centred on their centroid: blur alone cannot tell when in the exposure the camera was where, the centroid it can.

A share has two kernels: a camera that turned, whose blur changes across the picture, or a thing that moved otherwise than what
is behind it. No single kernel undoes these, and the network must see where.
"""

import numpy as np
from scipy import fft

from common import images

LONGEST = 44  # pixels; of a path's extent, so a kernel has no more than 2·44 + 1 rows
MARGIN = 44  # light comes in from so far outside of a crop
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
    """A kernel of a random path; three in twenty are none at all (None), and of the others one in four has 4 pixels at most."""
    if random.uniform() < 0.15:
        return None
    shortest, longest = ((12.0, LONGEST), (0.3, 4.0), (0.5, 15.0))[random.choice(3, p=[0.2, 0.25, 0.55])]
    return path_kernel(camera_path(random, random.uniform(shortest, longest)))


def _spread(light, kernel):
    """Light ``[S, S, C]`` through a kernel (None: no blur): ``[S − 2·MARGIN, S − 2·MARGIN, C]``.

    The convolution is a product of Fourier transforms; what goes round the edges stays within the margin.
    """
    side = light.shape[0]
    if kernel is None:
        return light[MARGIN:-MARGIN, MARGIN:-MARGIN]
    spectrum = fft.rfft2(kernel, (side, side))
    light = fft.irfft2(fft.rfft2(light, axes=(0, 1)) * spectrum[..., np.newaxis], (side, side), axes=(0, 1))
    start = MARGIN + LONGEST  # the kernel's middle is at (LONGEST, LONGEST)
    end = start + side - 2 * MARGIN
    return light[start:end, start:end]


def _values(light, gamma):
    light = np.clip(light, 0.0, 1.0)
    return 255.0 * light if gamma == 1.0 else _CODE[np.int32(light * _CODE_STEPS + 0.5)]


def blur_region(pixels, kernel, gamma):
    """A square region ``[S, S, 3]``, uint8, blurred: float32 ``[S − 2·MARGIN, S − 2·MARGIN, 3]``, 0…255."""
    if kernel is None:
        return np.float32(pixels[MARGIN:-MARGIN, MARGIN:-MARGIN])
    return _values(_spread(_LIGHT[gamma][pixels], kernel), gamma)


def blur_in_two(behind, front, mask, kernels, gamma):
    """What is behind and what is in front, each moved its own way: float32 0…255, as ``blur_region``.

    Args:
      behind, front: uint8 ``[S, S, 3]``; mask: float32 ``[S, S, 1]``, 1 where the front is. It moves with the front.
      kernels: of behind and of front; None is no blur.
    """
    # a thing covers what is behind it for as long as it is there (exact where the latter stays; else a mean of products is taken
    # for the product of the means)
    moved = _spread(np.concatenate([_LIGHT[gamma][front] * mask, mask], axis=2), kernels[1])
    return _values(_spread(_LIGHT[gamma][behind], kernels[0]) * (1.0 - moved[..., 3:]) + moved[..., :3], gamma)


def mask_of(random, side, turned):
    """Where the second of two kernels holds: float32 ``[side, side, 1]``, 0…1.

    Args:
      turned: the camera turned, and one kernel goes over into the other across the picture; else a thing's outline.
    """
    rows, columns = np.mgrid[0:side, 0:side] / float(side) - 0.5
    angle = random.uniform(0.0, 2 * np.pi)
    along, across = rows * np.cos(angle) + columns * np.sin(angle), columns * np.cos(angle) - rows * np.sin(angle)
    if turned:
        mask = 0.5 + along * random.uniform(0.7, 1.4)
    else:  # a closed, wavy line around a place in the middle
        waves = sum(
            random.normal() * np.sin(count * np.arctan2(across, along) + random.uniform(0.0, 2 * np.pi)) / count
            for count in (2, 3, 5)
        )
        centre = random.uniform(-0.4, 0.4, size=2)
        distance = np.hypot((along - centre[0]) * random.uniform(0.5, 1.5), across - centre[1])
        mask = 0.5 + side * (random.uniform(0.15, 0.4) * (1.0 + 0.25 * waves) - distance)
    return np.float32(np.clip(mask, 0.0, 1.0))[..., np.newaxis]


def degrade(values, random):
    """Noise and JPEG as photos have them: float32 0…255 → uint8."""
    if random.uniform() < 0.65:
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
      two_share: share of made blur that has two kernels.
    """

    def __init__(self, sharp, pairs, side=128, real_share=0.5, linear_share=0.9, two_share=0.0):
        self.sharp, self.pairs, self.side = sharp, pairs, side
        self.real_share, self.linear_share = real_share if pairs else 0.0, linear_share
        self.two_share = two_share

    def _region(self, random):
        """A square of a sharp picture with ``MARGIN`` around it, at some scale."""
        picture = self.sharp[random.randint(len(self.sharp))]
        whole = self.side + 2 * MARGIN
        scale, chance = 1.0, random.uniform()
        if chance < 0.1:
            scale = random.uniform(1.0, 2.0)  # a soft picture
        elif chance < 0.6:
            scale = random.uniform(0.45, 1.0)  # as crisp as photos that were made smaller
        return _scaled(_window(random, [picture], int(round(whole / scale)))[0], whole)

    def made(self, random):
        """(blurred, sharp, kernel) with made blur and one kernel; None is no blur."""
        region, kernel = self._region(random), random_kernel(random)
        blurred = blur_region(region, kernel, self._gamma(random))
        return degrade(blurred, random), region[MARGIN:-MARGIN, MARGIN:-MARGIN], kernel

    def _gamma(self, random):
        return GAMMA if random.uniform() < self.linear_share else 1.0

    def made_of_two(self, random):
        """(blurred, sharp) with two kernels."""
        behind = self._region(random)
        turned = random.uniform() < 0.3
        front = behind if turned or random.uniform() < 0.3 else self._region(random)
        mask = mask_of(random, behind.shape[0], turned)
        both = [random_kernel(random), random_kernel(random) if random.uniform() < 0.7 else None]
        if random.randint(2):
            both.reverse()
        gamma = self._gamma(random)
        blurred, sharp = (blur_in_two(behind, front, mask, kernels, gamma) for kernels in (both, (None, None)))
        return degrade(blurred, random), np.uint8(np.rint(sharp))

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
          ``[count, 2·LONGEST + 1, 2·LONGEST + 1]``; and 1.0 where there is one, 0.0 for pairs and two kernels, ``[count]``.
        """
        random = np.random.RandomState(seed)
        blurred, sharp = (np.empty((count, self.side, self.side, 3), np.uint8) for _ in range(2))
        kernels, known = np.zeros((count,) + (2 * LONGEST + 1,) * 2, np.float32), np.zeros(count, np.float32)
        for i in range(count):
            real, two = random.uniform() < self.real_share, random.uniform() < self.two_share
            known[i] = not real and not two
            if known[i]:
                crops = list(self.made(random))
            else:
                crops = list(self.real(random) if real else self.made_of_two(random)) + [kernels[i]]
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
