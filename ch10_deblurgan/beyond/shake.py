"""Draws the shake that the wide-view network sees in photos: for each square, the kernel that it estimates (``blur_kernel.py``).

A point of light in the sharp scene would have become this in the photo: the path of the camera during the exposure, mirrored at
its middle. Of a photo without blur all are points; where they differ from tile to tile the camera has turned, or things moved.
(The network also estimates a kernel for each quarter of its tiles; of the squares drawn here only the whole's is shown.)
Where there is nothing to see (a clear sky) nothing is estimated: the square stays empty and does not count.
A path that reaches the border of its square is longer than what can be estimated: ``ext_10_2_12_photos.py --long-side`` then.

Reads: photos. Writes into ``output/deblurgan/shake``: ``kernels/<name>.png``, and a record. Time: a second a megapixel.
"""

import os

import numpy as np
import tensorflow as tf
from scipy.ndimage import gaussian_gradient_magnitude

from ch10_deblurgan import ext_10_2_12_photos as photos
from ch10_deblurgan.beyond import kernels, tiles, wide_view
from common import images, options, run
from common.errors import UserError
from common.options import Value
from common.records import Record

VALUES = [
    Value("long_side", 0, "photos are first shrunk to this longer side in pixels; 0: as they are", low=0),
    Value(
        "tile",
        256,
        "side of the squares that have a kernel each, at most",
        tiny=64,
        low=64,
        high=4096,
    ),
]
# Levels a pixel by which the steepest hundredth of a square's pixels must rise, once noise is smoothed away (GRAIN, pixels). Of
# 274 squares of shaken photos, GOPRO's and REDS's among them, one had less (1.0) and most 5 or more; noise of ten levels has 0.9.
STEEP, GRAIN = 1.5, 2.0
FAINT = 0.1  # of a kernel's brightest place: what is darker is no part of the path


def extent(kernel):
    """Diagonal in pixels of the box around the path of a kernel ``[SIDE, SIDE]``; 0 of a point."""
    rows, columns = np.nonzero(kernel > FAINT * kernel.max())
    return float(np.hypot(np.ptp(rows), np.ptp(columns)))


def has_structure(pixels):
    """Whether a square, uint8 ``[h, w, 3]``, shows anything that a shake could smear."""
    return np.percentile(gaussian_gradient_magnitude(pixels.mean(axis=2), GRAIN), 99) >= STEEP


def estimator(session, path):
    """A function float32 ``[1, h, w, 3]`` (−1…1) → kernel ``[SIDE, SIDE]``, with the weights of ``path``."""
    values, settings = wide_view.load(path)
    if not settings["estimates"]:
        raise UserError("weights %s are of a network that estimates no kernel" % path)
    photo = tf.placeholder(tf.float32, [1, None, None, 3])
    wide_view.wide_view(photo, settings)
    kernel = wide_view.estimated(photo, settings)[-2][0]
    wide_view.load_into(session, values)

    def of_tile(values):
        rows, columns = wide_view.padding(*values.shape[1:3], settings=settings)
        return session.run(
            kernel, {photo: np.pad(values, ((0, 0), (0, rows), (0, columns), (0, 0)), mode="symmetric")}
        )[0]

    return of_tile


def drawn(pixels, of_tile, tile):
    """The photo darkened, and over the middle of each tile its kernel, enlarged.

    Args:
      pixels: uint8 ``[H, W, 3]``.
      of_tile: of ``estimator``.
      tile: largest side of a tile.

    Returns:
      the picture, uint8 ``[H, W, 3]``; the extents in pixels, one for each tile with structure, a list; and how many have none.
    """
    picture, extents, empty = pixels // 3, [], 0
    tops, height = tiles.tile_layout(pixels.shape[0], tile, 0)
    lefts, width = tiles.tile_layout(pixels.shape[1], tile, 0)
    side = max(1, min(height, width) * 2 // 3)
    for top in tops:
        for left in lefts:
            square = pixels[top : top + height, left : left + width]
            grey = np.zeros((side, side, 3), np.uint8)
            if has_structure(square):
                kernel = of_tile(images.from_uint8(square)[np.newaxis])
                extents.append(extent(kernel))
                grey = np.uint8(np.rint(255 * kernel / kernel.max()))[..., np.newaxis].repeat(3, axis=2)
                grey = np.array(images.resize(grey, side, side))  # a copy that may be written to
            else:
                empty += 1
            grey[[0, -1]], grey[:, [0, -1]] = 96, 96  # the border of what can be estimated
            row, column = top + (height - side) // 2, left + (width - side) // 2
            window = picture[row : row + side, column : column + side]
            np.maximum(window, grey, out=window)
    return picture, extents, empty


def in_words(extents, empty):
    """What is said of a photo."""
    if not extents:
        return "no estimate: it shows nothing that a shake could smear"
    words = "a shake of %.1f pixels (the tiles' median), at most %.1f" % (np.median(extents), np.max(extents))
    return words + (" (%d of %d squares show nothing)" % (empty, empty + len(extents)) if empty else "")


def add_options(parser):
    parser.add_argument("photos", nargs="+", help="photos or folders of photos")
    parser.add_argument("--weights", metavar="NPZ", help="of a run of train_photos.py [those of the project]")


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add_options, base="photos", folder="shake")
    run.start(opts.seed)
    paths = photos.photo_paths(opts.photos)
    targets = [os.path.join(opts.output_dir, "kernels", name + ".png") for name in photos.result_names(paths)]
    photos.check_targets(paths, targets)
    kernels.use_threads(opts.threads)
    record = Record(opts, opts.script, "section 10.2.12", "photos")
    for place in ("photos", "weights"):  # where files lay says nothing about the result
        record.content["settings"].pop(place, None)
    rows, left_out = [], []
    with tf.Session(config=run.session_config(opts.threads)) as session:
        of_tile = estimator(session, opts.weights or photos.SHIPPED)
        for path, target in zip(run.progress(paths, desc="photos", unit="photo"), targets):
            photo = photos.read_or_leave_out(path, paths, left_out)
            if photo is None:
                continue
            pixels = images.shrunk(photo.pixels, opts.long_side)
            picture, extents, empty = drawn(pixels, of_tile, opts.tile)
            images.write_png(target, picture)
            found = [round(float(value), 1) for value in (np.median(extents), np.max(extents))] if extents else ["", ""]
            rows.append([os.path.basename(path), len(extents)] + found)
            run.tqdm.write("%s -> %s: %s" % (path, target, in_words(extents, empty)))
            if len(rows) <= photos.MOST_SHOWN:
                caption = "%s: the shake of each tile" % os.path.basename(path)
                record.file(target, "picture", caption, "%s：各块图像中估计的抖动" % os.path.basename(path))
    record.table("Shake in pixels", ["photo", "squares", "median", "most"], rows)
    print("record: %s" % record.save())
    photos.say_left_out(left_out, paths)


if __name__ == "__main__":
    options.run(main)
