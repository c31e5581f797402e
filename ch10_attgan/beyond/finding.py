"""Where the face is in a photo: scikit-image's cascade of local binary patterns, and the crop of CelebA around what it finds.

The cascade (Ahonen, Hadid, Pietikäinen, TPAMI 2006, trained by OpenCV) comes along with scikit-image and needs no download. It
finds upright faces that look at the camera; of others say where they are (``--box``).
"""

import numpy as np
from skimage import data as skimage_data
from skimage.feature import Cascade

from ch10_attgan.beyond.faces import crop_box
from common import images
from common.errors import UserError

LONG_SIDE = 640  # pixels to which a larger photo is scaled down before the search, which takes a second at most then
SMALLEST = 1 / 10.0  # of the photo's shorter side: smaller faces are passed over
# Middle (column, row) and side of what the cascade finds in CelebA's aligned 178×218 pictures: medians over the first hundred,
# in more than 90 of which it finds the face. ``tests/ch10_attgan/test_finding.py`` measures it again where the pictures are.
IN_CELEBA = (89.5, 124.5, 103.0)
# How many windows must agree on a face. By 8 what is none (a wall, a suit) goes, of 100 of CelebA's faces 4 go, too: 4 is
# asked only where 8 find nothing.
NEIGHBOURS = (8, 4)


def find_faces(pixels):
    """The faces of a photo, the largest first.

    Args:
      pixels: uint8 ``[H, W, 3]``.

    Returns:
      a list of (left, top, side), in pixels, each around eyes, nose and mouth.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, LONG_SIDE / float(max(height, width)))
    sides = [max(1, int(round(length * scale))) for length in (height, width)]
    small = images.resize(pixels, *sides) if scale < 1.0 else pixels
    side = min(small.shape[:2])
    smallest = max(24, int(side * SMALLEST))  # the cascade's own window has 24 pixels
    if side < smallest:
        return []
    detector = Cascade(skimage_data.lbp_frontal_face_cascade_filename())
    found = []
    for neighbours in NEIGHBOURS:
        found = found or detector.detect_multi_scale(
            img=np.ascontiguousarray(small),
            scale_factor=1.1,
            step_ratio=1,
            min_size=(smallest, smallest),
            max_size=(side, side),
            min_neighbour_number=neighbours,
        )
    boxes = [tuple(int(round(box[key] / scale)) for key in ("c", "r", "width")) for box in found]
    return sorted(boxes, key=lambda box: -box[2])


def celeba_box(found, img_size):
    """The printed crop of CelebA around a face that was found: (left, top, side), which may reach out of the photo.

    Args:
      found: (left, top, side) of ``find_faces``; img_size: of the network, which decides about the crop (listing 10-4).
    """
    left, top, side = found
    scale = side / IN_CELEBA[2]
    row, column, crop = crop_box(img_size)
    middle = left + side / 2.0, top + side / 2.0
    return (
        int(round(middle[0] + (column - IN_CELEBA[0]) * scale)),
        int(round(middle[1] + (row - IN_CELEBA[1]) * scale)),
        int(round(crop * scale)),
    )


def boxes_of_faces(pixels, img_size, path):
    """(left, top, side) of the crop around each face of a photo, that of the largest first.

    Raises:
      UserError: no face is found.
    """
    found = find_faces(pixels)
    if not found:
        raise UserError(
            "no face found in %s (upright ones that look at the camera are): say where it is with --box LEFT TOP SIDE in"
            " pixels, or --box centre" % path
        )
    return [celeba_box(face, img_size) for face in found]
