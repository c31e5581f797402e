"""Where in an aligned face an attribute can be: what an edit changes elsewhere is left out (``train.py --regions``).

Glasses have nothing to do with hair, nor hair with the nose, but a generator that is asked for one tints all of a face a
little. Here an attribute has a place, drawn by hand in CelebA's aligned picture of 178×218 pixels (eyes at (69, 111) and
(108, 111)), with a soft border. In SaGAN (Zhang et al., ECCV 2018) a network learns such places.
"""

import numpy as np
from scipy import ndimage

from ch10_attgan.beyond.faces import crop_box
from data import celeba

ROWS, COLUMNS = celeba.FULL_SIZE  # of the aligned picture
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


def ellipse(x, y, half_width, half_height):
    """The pixels of the aligned picture within an ellipse, truth values ``[218, 178]``."""
    rows, columns = np.mgrid[:ROWS, :COLUMNS] + 0.5
    return ((columns - x) / half_width) ** 2 + ((rows - y) / half_height) ** 2 <= 1


def softened(place):
    """A place in the aligned picture with a soft border."""
    return ndimage.gaussian_filter(np.float32(place), SOFT, mode="nearest")


def cut_out(place, side):
    """What ``crop_box`` cuts out of a place in the aligned picture, ``[side, side]``."""
    top, left, box = crop_box(side)
    grid = (np.arange(side) + 0.5) * box / side - 0.5
    places = np.meshgrid(top + grid, left + grid, indexing="ij")
    return np.float32(ndimage.map_coordinates(place, places, order=1, mode="nearest"))


def region(name, side):
    """Where attribute ``name`` can be in a face of ``side`` pixels as ``crop_box`` cuts it out: ``[side, side, 1]``, 0…1."""
    if name not in PLACES:
        return np.ones([side, side, 1], np.float32)
    kind, place = PLACES[name][0], PLACES[name][1:]
    return cut_out(softened(ellipse(*place) == (kind == "inside")), side)[:, :, None]


def regions(names, side):
    """``region`` of each of ``names``: ``[len(names), side, side, 1]``."""
    return np.stack([region(name, side) for name in names])


def where(changed, names, side):
    """Where faces may change in which attributes ``changed`` (truth values ``[N, len(names)]``) do: ``[N, side, side, 1]``."""
    return np.max(np.float32(changed)[:, :, None, None, None] * regions(names, side), axis=1)
