"""Which pixels of an aligned face are hair: an edit of its colour changes those, not the wall behind (``train.py --hair``).

And what it changes is smooth, so that the photo's own strands stay: real hair of another colour has as many.

As in GrabCut (Rother et al., SIGGRAPH 2004), a mixture of normal distributions stands for the colours of each class (hair,
skin and features, what is behind), in turns fitted to the class's pixels and asked which pixels are the class's. But nobody
is asked to draw a frame: where hair, face and background mostly are in CelebA's aligned pictures is known beforehand.
"""

import functools
import hashlib
import warnings

import numpy as np
from scipy import ndimage
from skimage.color import rgb2lab
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from ch10_attgan.beyond import regions
from common import images

COLOURS = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")  # the attributes that are hair's colour
# Chances before any colour is seen; ellipses as in `regions.PLACES`: the face, the skull with short hair, long hair around.
FACE, SKULL, LONG = (89, 128, 36, 52), (89, 100, 58, 76), (89, 140, 84, 116)
CROWN, FALLING, SKIN = 0.85, 0.4, 0.9
BROW = 95  # row below which the skull's ellipse is cheeks and ears
LEAST = 0.02  # no pixel is beyond doubt
PARTS, ROUNDS = 4, 4  # distributions in a mixture; turns
TINT = np.array([1.0, 1.5, 1.5])  # L*, a*, b*: shadows change lightness more than hue
BREADTH = 12.0  # variance that every distribution has at least, square units of L*a*b*
# Of a face's side: how much farther than the hair a change may reach (strands at its border are thinner than a pixel), how
# soft that border is, and how smooth the change.
WIDER, SOFTER, SMOOTH = 5 / 96.0, 2 / 96.0, 2 / 96.0
_known = {}


@functools.lru_cache(maxsize=None)
def chances(side):
    """How likely hair, face and background are where, before any colour is seen: ``[3, side, side]``, sums of 1."""
    rows = np.arange(regions.ROWS)[:, None]
    face = regions.ellipse(*FACE)
    hair = np.where(regions.ellipse(*SKULL) & (rows < BROW), CROWN, FALLING * regions.ellipse(*LONG)) * ~face
    hair, face = (regions.cut_out(regions.softened(place), side) for place in (hair, SKIN * face))
    found = np.stack([hair, face, 1 - hair - face]).clip(LEAST)
    return found / found.sum(axis=0)


def _shares(evidence, before, sigma):
    """Chances ``[3, S, S]`` of the classes, each a little blurred, from their densities' logarithms and the chances before."""
    logs = evidence + np.log(before)
    found = np.exp(logs - logs.max(axis=0))
    return np.stack([ndimage.gaussian_filter(share, sigma) for share in found / found.sum(axis=0)])


def shares_of_hair(pixels):
    """How much of each pixel is hair, 0…1 ``[S, S]``; ``pixels``: uint8 ``[S, S, 3]``.

    All turns but the last see every other row and column.
    """
    values, before = rgb2lab(pixels) * TINT, chances(len(pixels))
    coarse = values[::2, ::2]
    shares = before[:, ::2, ::2]
    for _ in range(ROUNDS):
        mixtures = []
        for number in range(3):
            own = coarse[shares.argmax(axis=0) == number]
            if len(own) < 2 * PARTS:  # a class that lost its pixels gets the likeliest
                own = coarse.reshape(-1, 3)[np.argsort(-shares[number].ravel())[: 2 * PARTS]]
            mixtures.append(_mixture(own))
        shares = _shares(_evidence(mixtures, coarse), before[:, ::2, ::2], 0.5)
    return _shares(_evidence(mixtures, values), before, 1.0)[0]


def _evidence(mixtures, values):
    """Logarithms of each mixture's density at colours ``[S, S, 3]``: ``[3, S, S]``."""
    return np.stack([mixture.score_samples(values.reshape(-1, 3)).reshape(values.shape[:2]) for mixture in mixtures])


def _mixture(values):
    """A mixture of ``PARTS`` distributions fitted to colours ``[N, 3]``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a flat background has fewer colours than distributions
        return GaussianMixture(PARTS, reg_covar=BREADTH, max_iter=10, random_state=0).fit(values)


def _matte(pixels):
    """``shares_of_hair`` with a wider and softer border."""
    side = len(pixels)
    wide = ndimage.maximum_filter(shares_of_hair(pixels), 2 * int(round(WIDER * side)) + 1)
    return ndimage.gaussian_filter(wide, SOFTER * side)


def mattes(pictures):
    """Where hair's colour may change, ``[N, S, S, 1]``, 0…1, in pictures ``[N, S, S, 3]``, −1…1, as ``faces.crop_box`` cuts them.

    What was asked once is remembered, as a training comes back to a face in every epoch; mirrored faces have mirrored mattes.
    """
    found = []
    for pixels in images.to_uint8(pictures):
        mirrored = np.ascontiguousarray(pixels[:, ::-1])
        first, second = (hashlib.sha1(face.tobytes()).digest() for face in (pixels, mirrored))
        if first not in _known and second not in _known:
            _known[first] = np.uint8(np.round(255 * _matte(pixels)))
        found.append(_known[first] if first in _known else _known[second][:, ::-1])
    return np.float32(found)[..., None] / np.float32(255)


def coloured(names):
    """Which of the attributes ``names`` are a colour of hair, truth values."""
    return np.isin(names, COLOURS)


def kept(change, changed, names, pictures):
    """What is kept of an edit: the change in the places of its attributes, of a colour of hair a smooth one of the hair.

    Args:
      change: what the edit changes, ``[N, S, S, 3]``; changed: in which attributes, truth values ``[N, len(names)]``.
      pictures: the faces, ``[N, S, S, 3]``, −1…1.
    """
    side, of_hair = pictures.shape[1], changed & coloured(names)
    places = regions.where(changed & ~coloured(names), names, side)
    if not of_hair.any():
        return places * change
    hair = regions.where(of_hair, names, side) * mattes(pictures)
    smooth = ndimage.gaussian_filter(change, (0, SMOOTH * side, SMOOTH * side, 0), mode="mirror")
    return places * change + np.maximum(hair - places, 0) * smooth
