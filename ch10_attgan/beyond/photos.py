"""Own photos for AttGAN: where the face is, cut out and resized as the network wants it, with what it shows as labels."""

import os

import numpy as np
from scipy.ndimage import zoom

from ch10_attgan.beyond.faces import crop_box
from common import images
from common.errors import UserError
from data import celeba

SMALLEST = 16  # side of a face's box in pixels
FADE = 0.08  # share of the box's side over which what was changed fades out at its edge


def box_of(words, height, width, img_size, path):
    """(left, top, width, height) of the face.

    Args:
      words: ['centre'] (largest square in the middle), ['celeba'] (the printed crop, for an aligned picture), or
        [left, top, side] in pixels.
    """
    if words == ["centre"]:
        side = min(height, width)
        return (width - side) // 2, (height - side) // 2, side, side
    if words == ["celeba"]:
        row, column, side = crop_box(img_size)
        scale_y, scale_x = height / float(celeba.FULL_SIZE[0]), width / float(celeba.FULL_SIZE[1])
        if abs(scale_y / scale_x - 1.0) > 0.02:
            raise UserError(
                "%s is %d×%d: 'celeba' wants an aligned picture, 178×218 or its like" % (path, width, height)
            )
        return [int(round(value)) for value in (column * scale_x, row * scale_y, side * scale_x, side * scale_y)]
    try:
        left, top, side = (int(value) for value in words)
    except ValueError:
        raise UserError("--box is '%s', but must be 'centre', 'celeba', or LEFT TOP SIDE in pixels" % " ".join(words))
    return left, top, side, side


def read_face(path, words, img_size):
    """The face of a photo: float32 ``[1, img_size, img_size, 3]`` in −1…1; ``words`` as in ``box_of``.

    Raises:
      UserError: no picture, or a box that does not lie in it.
    """
    photo = images.read_photo(path)
    if photo.note:
        print("%s: %s" % (os.path.basename(path), photo.note))
    height, width = photo.pixels.shape[:2]
    left, top, box_width, box_height = box_of(words, height, width, img_size, path)
    right, bottom = left + box_width, top + box_height
    if min(box_width, box_height) < SMALLEST or left < 0 or top < 0 or right > width or bottom > height:
        raise UserError(
            "the box %d…%d × %d…%d does not lie in %s (%d wide, %d high) or is smaller than %d pixels"
            % (left, right, top, bottom, path, width, height, SMALLEST)
        )
    face = images.resize(photo.pixels[top:bottom, left:right], img_size, img_size)
    return images.from_uint8(face)[None]


def put_back(path, words, rebuilt, edited):
    """The photo with the edit in its face: what the edit changed, enlarged, is added, so that the photo keeps its detail.

    Args:
      path, words: as given to ``read_face``.
      rebuilt, edited: the network's pictures without and with the edit, ``[S, S, 3]`` in −1…1.

    Returns:
      uint8 ``[H, W, 3]``.
    """
    pixels = images.read_photo(path).pixels.copy()
    size = rebuilt.shape[0]
    left, top, width, height = box_of(words, pixels.shape[0], pixels.shape[1], size, path)
    change = zoom(127.5 * (edited - rebuilt), (height / size, width / size, 1), order=1, mode="nearest")
    fades = [np.minimum((np.arange(side) + 0.5) / (FADE * side), 1.0) for side in (height, width)]
    fades = [np.minimum(fade, fade[::-1]) for fade in fades]
    face = pixels[top : top + height, left : left + width]
    face[:] = np.clip(np.rint(face + change * np.outer(*fades)[:, :, None]), 0, 255)
    return pixels


def guess_labels(session, model, pictures):
    """Labels 0/1 ``[N, n_att]`` as the critic's attribute head sees them; UserError where there is no head."""
    if model.logit_att is None:
        raise UserError(
            "%s has no attribute head: say with --labels which attributes the photo has (see --list-attributes)"
            % model.source
        )
    return np.int64(session.run(model.logit_att, {model.xa_sample: pictures}) > 0)
