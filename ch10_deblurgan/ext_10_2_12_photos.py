"""Section 10.2.12: sharpens photos of one's own, from outside of the data set: any size, whole folders.

``ext_10_2_12_photos.py photo.jpg folder …`` uses the weights that come with the project (``beyond/wide_view.py``, trained by
``beyond/train_photos.py``). They know the shake of a hand: square by square its path is estimated (``beyond/shake.py`` draws
it), up to some 25 pixels. A large photo with longer blur can be made smaller first, and its blur with it: ``--long-side 1600``.
``--strength 0.5`` makes half of the change.

Large photos go through overlapping tiles, so memory hardly grows with them; up to two megapixels they are cut in three ways, and
the mean is taken (``--layouts 1``: one way, faster). Photos come out upright, in sRGB, with their EXIF data (the date of the
picture). Read are PNG, JPEG, TIFF, BMP and GIF. Of a file with several pages the first is taken. What cannot be read is left
out and named at the end.

Reads: photos. Writes into ``output/deblurgan/photos``: ``restored/<name>.png``, ``comparison/<name>…`` (before and after, whole
and in detail) and a record. Time on two cores, two tiles side by side: some three seconds for a 640×360 photo, 16 for one of two
megapixels (in 1.4 GB, with ``--layouts 1`` 6 seconds in 1 GB), a minute for 12 megapixels, in less than 1 GB.
"""

import functools
import os
import sys
import time

try:
    import resource
except ImportError:  # Windows
    resource = None

import numpy as np
import tensorflow as tf
from PIL import Image
from scipy.ndimage import uniform_filter

from ch10_deblurgan.beyond import kernels, tiles, wide_view
from common import files, images, options, run
from common.chinese import chinese_path
from common.errors import UserError
from common.options import Value
from common.records import Record

SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights", "wide_view.npz")
TERMS = "trained on BSDS500's photos among others: for non-commercial research and education"

MOST_SHOWN = 5  # photos in the record
SHOWN_SIDE = 1600  # pixels
SHOWN_ENDS = ("_before.jpg", "_after.jpg")

PHOTO_VALUES = [
    Value(
        "long_side",
        0,
        "photos are first shrunk to this longer side in pixels, and so is their blur; 0: as they are",
        low=0,
    ),
    Value("comparison", True, "a picture of before and after beside each result"),
]
TILE_VALUES = [
    Value(
        "tile",
        None,
        "side of the tiles of large photos, a multiple of 16; none: %d up to %d megapixels, else %d, which takes less memory"
        % (tiles.TILE, tiles.LARGE // 10**6, tiles.TILE_OF_LARGE),
        kind=int,
        tiny=64,
        low=32,
        high=4096,
        more=True,
    ),
    Value("overlap", 64, "pixels that neighbouring tiles share and are blended over", tiny=16, low=16, more=True),
    Value(
        "layouts",
        None,
        "the mean of so many ways to cut a photo that is cut at all; none: %d up to %d megapixels, else 1, which is faster"
        % (len(tiles.SHARES), tiles.LARGE // 10**6),
        kind=int,
        tiny=1,
        low=1,
        high=len(tiles.SHARES),
    ),
]
VALUES = tiles.CHANGE_VALUES + PHOTO_VALUES
VALUES += [Value("fast", True, "convolutions by Winograd's method; false: TensorFlow's own", more=True)] + TILE_VALUES


# ------------------------------------------------------------------------------------------- names
def photo_paths(arguments):
    """The files of the arguments; a folder stands for the pictures in it, also those that will be left out (HEIC).

    UserError for what is not there.
    """
    paths = []
    for argument in arguments:
        if not os.path.exists(argument):
            raise UserError("%s: no such photo or folder" % argument)
        paths += images.list_pictures(argument, images.FOREIGN_ENDINGS) if os.path.isdir(argument) else [argument]
    return paths


def stem_of(path):
    """The name of ``path`` without ending, cut so that something can be added to it: file systems allow 255 bytes."""
    name = os.path.splitext(os.path.basename(path))[0].encode("utf-8", "replace")
    return name[:200].decode("utf-8", "ignore")


def result_names(paths, methods=()):
    """A name for the result of each photo, without ending: its own, or, where two would have one, with a number that is free.

    ``shot.jpg``, ``shot.png``, ``shot-2.jpg`` → ``shot``, ``shot-3``, ``shot-2``. Capitals make no other file on some systems.
    Each of ``methods`` makes a result more, ``<name>-<method>``, and the comparison has a Chinese one beside it, ``<name>.zh``.
    """

    def results(name):
        whole = name + ".png"
        return {file.lower() for file in [whole, chinese_path(whole)] + ["%s-%s.png" % (name, way) for way in methods]}

    stems = [stem_of(path) for path in paths]
    reserved = {stem.lower() + ".png" for stem in stems}
    taken, names = set(), []
    for stem in stems:
        name, number = stem, 1
        while results(name) & taken or (number > 1 and results(name) & reserved):
            number += 1
            name = "%s-%d" % (stem, number)
        taken |= results(name)
        names.append(name)
    return names


def check_targets(paths, targets):
    """UserError when a result would be written over one of the photos."""
    sources = {os.path.realpath(path): path for path in paths}
    for target in targets:
        if os.path.realpath(target) in sources:
            raise UserError("%s is one of the photos and would be written over: give --output-dir" % target)


# ------------------------------------------------------------------------------------------- pictures
def write_shown(path, pixels):
    """A JPEG of at most ``SHOWN_SIDE`` pixels a side, for pages that lay before and after over each other."""
    with files.atomic(path) as stream:
        Image.fromarray(images.shrunk(pixels, SHOWN_SIDE)).save(stream, format="JPEG", quality=92)


def most_changed(before, after, side):
    """(top, left) of the square of ``side`` pixels where the two differ most."""
    # row by row: the whole difference as floats would be the largest array of the script
    change = np.stack([np.mean(np.abs(np.int16(a) - b), axis=1, dtype=np.float32) for a, b in zip(after, before)])
    mean = uniform_filter(change, side, mode="constant")
    half = side // 2  # the filter's windows are centred; only those inside the picture count
    inside = mean[half : half + change.shape[0] - side + 1, half : half + change.shape[1] - side + 1]
    return np.unravel_index(np.argmax(inside), inside.shape)


def comparison(before, after, words=("before", "after"), width=640):
    """Before and after side by side: whole above, the place that changed most enlarged below; uint8 ``[h, 2·w, 3]``."""
    height = before.shape[0] * min(width, before.shape[1]) // before.shape[1]
    width = min(width, before.shape[1])
    side = min(max(max(before.shape[:2]) // 5, 80), 400, *before.shape[:2])
    top, left = most_changed(before, after, side)
    rows = [images.label_row(words, width)] if width > 40 else []
    rows.append(np.hstack([images.resize(picture, max(1, height), width) for picture in (before, after)]))
    details = (picture[top : top + side, left : left + side] for picture in (before, after))
    rows.append(np.hstack([images.resize(picture, width, width) for picture in details]))
    return np.vstack(rows)


# ------------------------------------------------------------------------------------------- restoring
def padded(restore, settings):
    """A ``restore`` for all sides, from one for those that the network takes: mirrored there, then cut off."""

    def restore_any(values):
        height, width = values.shape[1:3]
        rows, columns = wide_view.padding(height, width, settings)
        rest = ((0, 0), (0, rows), (0, columns), (0, 0))
        return restore(np.pad(values, rest, mode="symmetric"))[:, :height, :width]

    return restore_any


def restorer(session, opts, path):
    """A function float32 ``[1, h, w, 3]`` (−1…1) → the same, by the wide-view network with the weights of ``path``."""
    values, settings = wide_view.load(path)
    photo = tf.placeholder(tf.float32, [1, None, None, 3])
    output = wide_view.wide_view(photo, settings, opts.fast)
    wide_view.load_into(session, values)
    restore = padded(lambda picture: session.run(output, {photo: picture}), settings)
    return tiles.as_asked(restore, opts)


def side_by_side(threads):
    """(tiles at once, threads of each) out of ``--threads``.

    Two tiles side by side take less time than one after the other by two threads; more of them would need more memory.
    """
    threads = threads or kernels.available()
    workers = min(2, threads)
    return workers, threads // workers


def open_session(threads):
    """A session in which tiles are restored ``side_by_side``."""
    workers, threads = side_by_side(threads)
    kernels.use_threads(threads)
    config = run.session_config(threads)
    config.inter_op_parallelism_threads = workers
    return tf.Session(config=config)


def tile_of(pixels, tile):
    """The side of a photo's tiles: ``tile``, or, where that is None, what a photo of its size gets.

    The larger a tile, the more is known of its blur; in large photos tiles are smaller, so that they need less than 1 GB.
    """
    return tile or (tiles.TILE if pixels.shape[0] * pixels.shape[1] <= tiles.LARGE else tiles.TILE_OF_LARGE)


def layouts_of(pixels, opts):
    """The ways to cut a photo (``tiles.layouts``): those that ``--layouts`` asks for, or, without it, what a photo of its size
    gets. Scripts without that value cut it in one way. What fits into a tile stays whole: from all of it most is known."""
    count = getattr(opts, "layouts", 1) or (1 if pixels.shape[0] * pixels.shape[1] > tiles.LARGE else len(tiles.SHARES))
    ways = tiles.layouts(tile_of(pixels, opts.tile), opts.overlap, count)
    return ways if tiles.count_tiles(pixels.shape, ways[:1]) > 1 else ways[:1]


def restore_photo(restore, pixels, opts):
    """uint8 ``[H, W, 3]`` → the same, restored; large ones tile by tile, under a bar."""
    ways = layouts_of(pixels, opts)
    count = tiles.count_tiles(pixels.shape, ways)
    with run.progress(total=count, desc="tiles", unit="tile", leave=False, disable=count < 2) as bar:

        def with_bar(values):
            result = restore(values)
            bar.update()
            return result

        return tiles.restore_in_layouts(with_bar, pixels, ways, side_by_side(opts.threads)[0])


def peak_memory():
    """The largest memory of this process so far in MiB, or None where the system does not tell (Windows)."""
    if resource is None:
        return None
    unit = 2.0**20 if sys.platform == "darwin" else 2.0**10  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def read_or_leave_out(path, paths, left_out):
    """``images.read_photo``; where it fails and there are other ``paths``, which need not wait for it, None, and it is noted."""
    try:
        return images.read_photo(path)
    except UserError as error:
        if len(paths) == 1:
            raise
        print("left out: %s" % error, file=sys.stderr)
        left_out.append(path)
        return None


def say_left_out(left_out, paths):
    """UserError where photos were left out."""
    if left_out:
        raise UserError("%d of %d photos were left out: %s" % (len(left_out), len(paths), ", ".join(left_out[:10])))


def restore_photos(opts, make_restorer, methods=()):
    """Restores the photos of ``opts`` into its folder and writes the record; what this script and ``beyond/restore.py`` do.

    Args:
      opts: with the values ``PHOTO_VALUES``, ``tile``, ``overlap`` and the list ``photos``.
      make_restorer: function of a session → a ``restore`` of ``tiles.py``.
      methods: others to compare with, ``(name, function of pixels, other arguments)``; they make ``<photo>-<name>.png``.

    Raises:
      UserError: a photo is not there or would be written over; at the end: photos were left out, and which.
    """
    paths = photo_paths(opts.photos)
    names = result_names(paths, [name for name, _, _ in methods])
    targets = [os.path.join(opts.output_dir, "restored", name + ".png") for name in names]
    beside = [os.path.join(opts.output_dir, "comparison", name + ".png") for name in names]
    by_methods = [[target[: -len(".png")] + "-%s.png" % name for name, _, _ in methods] for target in targets]
    shown = [[path[: -len(".png")] + end for end in SHOWN_ENDS] for path in beside]
    check_targets(paths, targets + beside + [chinese_path(path) for path in beside] + sum(by_methods + shown, []))
    run.start(opts.seed)
    record = Record(opts, opts.script, "section 10.2.12", "photos")
    for place in ("photos", "weights"):  # where files lay says nothing about the result
        record.content["settings"].pop(place, None)
    left_out, done, large = [], 0, False
    with open_session(opts.threads) as session:
        restore = make_restorer(session)
        rows = list(zip(paths, targets, beside, shown, by_methods))
        for path, target, compared, sides, others in run.progress(rows, desc="sharpening", unit="photo"):
            began = time.time()
            photo = read_or_leave_out(path, paths, left_out)
            if photo is None:
                continue
            before = images.shrunk(photo.pixels, opts.long_side)
            after = restore_photo(restore, before, opts)
            images.write_png(target, after, photo.exif)
            done += 1
            large = large or max(before.shape[:2]) > 2000
            size = "%d×%d" % photo.pixels.shape[1::-1]
            if before is not photo.pixels:
                size += " made %d×%d" % before.shape[1::-1]
            notes = [size] + ([photo.note] if photo.note else [])
            change = np.mean([np.mean(np.abs(np.int16(a) - b)) for a, b in zip(after, before)])
            print(
                "%s (%s) -> %s: %.1f s, changed by %.1f of 255 levels"
                % (path, "; ".join(notes), target, time.time() - began, change)
            )
            for other, (_, function, arguments) in zip(others, methods):
                images.write_png(other, function(before, *arguments))
            if opts.comparison:
                images.write_labelled(compared, functools.partial(comparison, before, after), ("before", "after"))
                if len(record.content["files"]) < 2 * MOST_SHOWN:
                    name = os.path.splitext(os.path.basename(target))[0]
                    for side, pixels in zip(sides, (before, after)):
                        write_shown(side, pixels)
                    sides = dict(zip(("before", "after"), sides))
                    record.file(target, "comparison", "%s before and after" % name, "%s：处理前后" % name, **sides)
                    record.file(compared, "picture", "%s, the place that changed most" % name, "%s：变化最大处" % name)
    if large and not opts.long_side:
        print("Blur of more than some 25 pixels stays; if a large photo has it, try --long-side 1600.")
    record.metric("photos restored", done)
    if peak_memory():
        record.metric("peak memory", round(peak_memory()), "MiB", note="of the whole process")
        print("peak memory: %.0f MiB" % peak_memory())
    print("record: %s" % record.save())
    say_left_out(left_out, paths)


def add_options(parser):
    parser.add_argument("photos", nargs="+", help="photos or folders of photos")
    parser.add_argument("--weights", metavar="NPZ", help="of a run of beyond/train_photos.py [those of the project]")


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add_options, base="photos")
    tiles.check_tiles(opts, 16)

    def make_restorer(session):
        print("weights: %s" % (opts.weights or "%s (%s)" % (os.path.basename(SHIPPED), TERMS)))
        return restorer(session, opts, opts.weights or SHIPPED)

    restore_photos(opts, make_restorer)


if __name__ == "__main__":
    options.run(main)
