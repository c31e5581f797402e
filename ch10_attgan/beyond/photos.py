"""Own photos for AttGAN: where the face is, cut out and resized as the network wants it, with what it shows as labels."""

import os

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.special import expit

from ch10_attgan.beyond import finding
from ch10_attgan.beyond.faces import crop_box
from common import images
from common.errors import UserError
from data import celeba

SMALLEST = 16  # side of a face's box in pixels
# What is rebuilt worse than this (dB) is told to be of another kind. It parts the kinds for the weights of drawn faces: of 200
# drawn faces that they never saw all came out better, of 200 photos of people none. Those of real faces rebuild much that is
# drawn as well as photos: 200 of 200 photos came out better, and 161 of 200 drawn faces, which are then not told.
FOREIGN = 20.5
SURE = 0.8  # from here on, and below its counterpart, the attribute head is called sure
# What of a change (of 2) departs by more from its surroundings is new structure, not a tint (looked at, not measured).
STRUCTURE = 0.12
BAND = 64  # rows of a photo that are changed at once
FADE = 0.08  # share of the box's side over which what was changed fades out at its edge


def paths_of(arguments):
    """The photos of ``--photo``; a folder stands for the pictures in it, also those that will be left out (HEIC)."""
    also = images.FOREIGN_ENDINGS
    listed = (images.list_pictures(path, also) if os.path.isdir(path) else [path] for path in arguments)
    return [path for paths in listed for path in paths]


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


def place_of(pixels, words, img_size, path):
    """(left, top, width, height) of the face in a photo ``[H, W, 3]``.

    Args:
      words: as in ``box_of``; None: the largest face that is found, in the crop of CelebA, which may reach out of the photo;
        ['face-or-centre']: the same, and where none is found the largest square in the middle.

    Raises:
      UserError: no face is found, or too little of the box lies in the photo.
    """
    height, width = pixels.shape[:2]
    if words is None or words == ["face-or-centre"]:
        try:
            found = finding.boxes_of_faces(pixels, img_size, path)
            left, top, side = found[0]
            others = ", the largest of %d; the others: " % len(found) if found[1:] else ""
            others += ", ".join("--box %d %d %d" % box for box in found[1:])
            print("%s: found a face: left %d, top %d, side %d%s" % (os.path.basename(path), left, top, side, others))
            return left, top, side, side
        except UserError:
            if words is None:
                raise
            print("%s: no face found, so the middle is taken" % os.path.basename(path))
            words = ["centre"]
    left, top, box_width, box_height = box_of(words, height, width, img_size, path)
    right, bottom = left + box_width, top + box_height
    seen = min(right, width) - max(left, 0), min(bottom, height) - max(top, 0)
    if any(part < max(SMALLEST, side / 2.0) for part, side in zip(seen, (box_width, box_height))):
        raise UserError(
            "the box %d…%d × %d…%d has less than half of its width or height, or less than %d pixels, in %s (%d wide, %d high)"
            % (left, right, top, bottom, SMALLEST, path, width, height)
        )
    return left, top, box_width, box_height


def inside(box, height, width):
    """The part of a box that lies in the photo, as slices of the photo and as slices of the box."""
    left, top, box_width, box_height = box
    rows = slice(max(0, top), min(height, top + box_height))
    columns = slice(max(0, left), min(width, left + box_width))
    of_box = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    return (rows, columns), of_box


def read_face(path, words, img_size):
    """The face of a photo, and where it is.

    Returns:
      (float32 ``[1, img_size, img_size, 3]`` in −1…1, the box of ``place_of``). What lies out of the photo repeats its edge.

    Raises:
      UserError: no picture, no face, or a box of which too little lies in it.
    """
    photo = images.read_photo(path)
    if photo.note:
        print("%s: %s" % (os.path.basename(path), photo.note))
    box = place_of(photo.pixels, words, img_size, path)
    (rows, columns), (box_rows, box_columns) = inside(box, *photo.pixels.shape[:2])
    border = [(box_rows.start, box[3] - box_rows.stop), (box_columns.start, box[2] - box_columns.stop), (0, 0)]
    face = np.pad(photo.pixels[rows, columns], border, "edge")
    return images.from_uint8(images.resize(face, img_size, img_size))[None], box


WHOLE = slice(None), slice(None)  # rows and columns of a box


def fading(height, width, part=WHOLE):
    """How much of a change is added, ``[height, width, 1]``: all of it inside, little at the edges of the box."""
    sides = [np.minimum((np.arange(side) + 0.5) / (FADE * side), 1.0) for side in (height, width)]
    return np.outer(*[np.minimum(side, side[::-1])[where] for side, where in zip(sides, part)])[:, :, None]


def despecked(rebuilt, edited, threshold):
    """Edited pictures without the lone dots that a critic may take for detail: a conditional median of what the edit changed.

    Where the change differs by more than ``threshold`` from the median of itself and its four neighbours, that takes its place.

    Args:
      rebuilt, edited: ``[N, S, S, 3]`` in −1…1.
      threshold: 0: nothing is done, as for drawn faces, whose lines are as thin as a dot.
    """
    if not threshold:
        return edited
    change = edited - rebuilt
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])[np.newaxis, ..., np.newaxis]
    median = ndimage.median_filter(change, footprint=cross)
    return rebuilt + np.where(np.abs(change - median) > threshold, median, change)


def in_photo(pictures, rebuilt, edited):
    """What ``put_back`` makes of pictures that are all box, at the network's own size: arrays ``[N, S, S, 3]``, −1…1."""
    return np.clip(pictures + fading(*pictures.shape[1:3]) * (edited - rebuilt), -1.0, 1.0)


def enlarged(values, height, width, part=WHOLE):
    """Float values ``[S, S, C]`` at the size of a box; each covers an area, as in ``images.resize``, which made the box small.

    Args:
      part: rows and columns of the box that are made, slices.
    """
    (top, bottom, _), (left, right, _) = (where.indices(side) for where, side in zip(part, (height, width)))
    rows, columns = values.shape[0] / float(height), values.shape[1] / float(width)
    source = left * columns, top * rows, min(right * columns, values.shape[1]), min(bottom * rows, values.shape[0])
    planes = [Image.fromarray(plane) for plane in np.moveaxis(np.float32(values), 2, 0)]
    size = right - left, bottom - top
    return np.stack([np.asarray(plane.resize(size, Image.BILINEAR, box=source)) for plane in planes], axis=2)


def structure(change):
    """How much of each value's change is new structure, not a tint: ``[S, S, 1]``, 0…1, for a change ``[S, S, C]`` of −1…1.

    What departs from its wider surroundings by more than ``STRUCTURE`` is.
    """
    fine, wide = change.shape[0] / 64.0, change.shape[0] / 21.0
    departs = change - ndimage.gaussian_filter(change, (wide, wide, 0))
    power = ndimage.gaussian_filter(np.mean(departs**2, axis=2, keepdims=True), (fine, fine, 0))
    return power / (power + STRUCTURE**2)


def put_back(pixels, box, face, rebuilt, edited):
    """The photo with the edit in its face: what the edit changed, enlarged, is added, so that the photo keeps its detail.

    Where an edit changes structure (a mouth, the rim of glasses), detail that is finer than the network's pixels belongs to what
    was there before: it goes (``structure``). A tint leaves it. Band by band: the photo as floats would take gigabytes.

    Args:
      pixels: of the photo that was given to ``read_face``, uint8 ``[H, W, 3]``; face, box: as it returned, one face.
      rebuilt, edited: the network's pictures without and with the edit, ``[S, S, 3]`` in −1…1.

    Returns:
      uint8 ``[H, W, 3]``.
    """
    result = pixels.copy()
    _, _, width, height = box
    (rows, columns), (box_rows, box_columns) = inside(box, *pixels.shape[:2])
    shown, change, new = images.to_uint8(face), 127.5 * (edited - rebuilt), structure(edited - rebuilt)
    for top in range(rows.start, rows.stop, BAND):
        band = slice(top, min(top + BAND, rows.stop))
        part = slice(band.start + box_rows.start - rows.start, band.stop + box_rows.start - rows.start), box_columns
        known = pixels[band, columns]
        added = enlarged(change, height, width, part)
        added -= enlarged(new, height, width, part) * (known - enlarged(shown, height, width, part))
        result[band, columns] = np.clip(np.rint(known + fading(height, width, part) * added), 0, 255)
    return result


def likeness(pictures, rebuilt):
    """How well the network knows such pictures: PSNR in dB of what encoder and decoder make of each, ``[N]``."""
    return [images.psnr(images.to_uint8(a), images.to_uint8(b)) for a, b in zip(pictures, rebuilt)]


def attribute_chances(session, model, pictures):
    """How sure the critic's attribute head is of each attribute, 0…1 ``[N, n_att]``; UserError where there is no head."""
    if model.logit_att is None:
        raise UserError(
            "%s has no attribute head: say with --labels which attributes the photo has (see --list-attributes)"
            % model.source
        )
    return expit(session.run(model.logit_att, {model.xa_sample: pictures}))


def say_attributes(name, atts, chances):
    """Prints what the head sees in one photo, how sure it is, and what it cannot tell."""

    def listed(chosen):
        return ", ".join("%s %.0f %%" % (atts[i], 100 * chances[i]) for i in chosen) or "none"

    sure = [i for i, chance in enumerate(chances) if chance >= SURE]
    unsure = [i for i, chance in enumerate(chances) if 1 - SURE < chance < SURE]
    print("%s: the attribute head sees: %s" % (name, listed(sure)))
    if unsure:
        print("%s: it is unsure of: %s (--labels says what the face has)" % (name, listed(unsure)))
