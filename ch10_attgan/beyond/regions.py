"""Where in an aligned face an attribute can be: what an edit changes elsewhere is left out (``train.py --regions``).

Glasses have nothing to do with hair, nor hair with the nose, but a generator that is asked for one tints all of a face a
little. Here an attribute has a place, drawn by hand in CelebA's aligned picture of 178×218 pixels (eyes at (69, 111) and
(108, 111)), with a soft border. In SaGAN (Zhang et al., ECCV 2018) a network learns such places.
"""

import numpy as np
from scipy import ndimage

from ch10_attgan.beyond.faces import crop_box
from data import celeba

SOFT = 7.0  # standard deviation of a border, pixels of the aligned picture
# Inside (or outside) of an ellipse: centre x and y, half width, half height. An attribute that is not named can be anywhere.
PLACES = {
    "Bangs": ("inside", 89, 66, 78, 62),
    "Black_Hair": ("outside", 89, 138, 40, 46),
    "Blond_Hair": ("outside", 89, 138, 40, 46),
    "Bushy_Eyebrows": ("inside", 89, 103, 56, 24),
    "Eyeglasses": ("inside", 89, 113, 66, 34),
    "Mouth_Slightly_Open": ("inside", 89, 156, 44, 40),
    "Smiling": ("inside", 89, 146, 58, 50),
}


def region(name, side):
    """Where attribute ``name`` can be in a face of ``side`` pixels as ``crop_box`` cuts it out: ``[side, side, 1]``, 0…1."""
    if name not in PLACES:
        return np.ones([side, side, 1], np.float32)
    kind, x, y, half_width, half_height = PLACES[name]
    rows, columns = np.mgrid[: celeba.FULL_SIZE[0], : celeba.FULL_SIZE[1]] + 0.5
    within = ((columns - x) / half_width) ** 2 + ((rows - y) / half_height) ** 2 <= 1
    soft = ndimage.gaussian_filter(np.float32(within == (kind == "inside")), SOFT, mode="nearest")
    top, left, box = crop_box(side)
    grid = (np.arange(side) + 0.5) * box / side - 0.5
    places = np.meshgrid(top + grid, left + grid, indexing="ij")
    return np.float32(ndimage.map_coordinates(soft, places, order=1, mode="nearest")[:, :, None])


def regions(names, side):
    """``region`` of each of ``names``: ``[len(names), side, side, 1]``."""
    return np.stack([region(name, side) for name in names])


def where(changed, names, side):
    """Where faces may change in which attributes ``changed`` (truth values ``[N, len(names)]``) do: ``[N, side, side, 1]``."""
    return np.max(np.float32(changed)[:, :, None, None, None] * regions(names, side), axis=1)
