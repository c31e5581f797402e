"""A mean pair of glasses, which is laid on faces to teach edits (``train.py --glasses``).

Nearly half of CelebA's glasses are sunglasses, the others have rims of every shape, and a generator asked for 'glasses' draws
something in between: a dark smudge. Here the pairs through which one sees the eyes are moved and scaled onto each other until
they agree (congealing, Learned-Miller, PAMI 2006, with the pairs that agree most) and averaged: the faces behind them blur, the
rims stay. Divided by the mean bare face, that is the share of light that rims leave. ``train.py`` lays it on bare faces, each
turned, scaled and moved a little so that the network has to find the eyes, and wants just this picture where glasses are
switched on, and the bare face where they are switched off.

Enlarged in a photo what the network draws is soft. So in use it only says where the eyes are: the pair is turned, scaled and
moved until it agrees most with what was drawn, and laid on the face itself (``fitted``, ``trained.edited``).

Reads: CelebA or generated faces. Writes below the run folder: ``glasses.npz``, ``glasses.png``, a record. Time on one core:
tiny 10 s, faces 4 minutes.
Next: ``python ch10_attgan/beyond/train.py --glasses output/attgan/glasses-faces/glasses.npz``.
"""

import functools
import hashlib
import os

import numpy as np
import tensorflow as tf
from scipy import ndimage
from skimage.feature import match_template

from ch10_attgan.beyond import networks, regions
from ch10_attgan.beyond.faces import Faces, add_data_options, data_arguments
from common import datasets, images, options, records, run, weights
from common.errors import UserError
from common.options import Value
from data import celeba

NAME = "Eyeglasses"
FILE = "glasses.npz"
VALUES = [
    Value("img_size", 96, "side of the pictures, a multiple of 16", tiny=32, low=32, high=1024),
    Value("clear", 0.74, "lenses let through this share of the cheeks' light, or they are sunglasses", low=0, high=2),
    Value("rounds", 6, "how often the pairs are laid on their mean", tiny=2, low=1, high=50),
    Value("pairs", 100, "pairs that agree most make the mean, mirrored ones among them", tiny=4, low=1),
    Value("power", 2.0, "to which the mean is raised: averaging makes rims pale", low=0.1, high=10),
]
# Ellipses as in `regions.PLACES`: skin behind the lenses, below the eyes; cheeks; where rims can be.
LENSES = (67, 119, 9, 4.5), (110, 119, 9, 4.5)
CHEEKS = (67, 139, 9, 5.5), (110, 139, 9, 5.5)
WINDOW = (89, 115, 56, 20)
THINNER = 18.0  # pixels of the aligned picture: what is darker than its surroundings and narrower than this is a rim
UNEVEN = 0.1  # logarithm of light: what skin and eyes differ from their surroundings without any rim
FINE = 2  # as many pixels for each of the network's while pairs are laid on each other
WIDTHS = 0.9, 0.94, 0.97, 1.0, 1.03, 1.06, 1.1  # by which a pair is stretched
HEIGHTS = 0.92, 1.0, 1.08
REACH = 1 / 24.0  # of the side: how far a pair is moved at most
DARKEST = 0.05  # of the cheeks' light: darker is as dark
CANDIDATES = 3  # times `pairs` are looked at from the second round on
# How a face is varied before a pair is laid on it: degrees, share of its size, share of its side.
TURN, ZOOM, SHIFT = 8.0, 0.07, 0.03
_known = {}


def mask(places, side):
    """Pixels of a face of ``side`` that lie in one of the ellipses ``places``, ``[side, side]``."""
    return np.max([regions.cut_out(np.float32(regions.ellipse(*place)), side) for place in places], axis=0) > 0.5


def light(pictures):
    """Logarithm of each pixel's light as a share of the cheeks', ``[N, S, S]``; pictures ``[N, S, S, 3]``, −1…1."""
    grey = (pictures.mean(axis=3) + 1) / 2
    cheeks = np.median(grey[:, mask(CHEEKS, grey.shape[1])], axis=1)
    shares = grey / np.maximum(cheeks, DARKEST)[:, None, None]
    return np.log(np.clip(shares, DARKEST, 1 / DARKEST))


def clear(lights, least):
    """Which faces show skin behind the lenses: truth values ``[N]``, from ``light`` ``[N, S, S]``."""
    return np.median(lights[:, mask(LENSES, lights.shape[1])], axis=1) >= np.log(least)


def stretched(plane, width, height):
    """A picture ``[S, S]`` made ``width`` times as wide and ``height`` times as high around the middle of the window."""
    matrix, middle = np.diag([1.0 / height, 1.0 / width]), _middle(len(plane))
    return ndimage.affine_transform(plane, matrix, middle - matrix.dot(middle), order=1, mode="nearest")


def _window(side):
    """Where rims can be, ``[side, side]``, with a soft border."""
    return regions.cut_out(ndimage.gaussian_filter(np.float32(regions.ellipse(*WINDOW)), 3.0), side)


@functools.lru_cache(maxsize=None)
def _middle(side):
    """(row, column) of the middle of the window."""
    return np.average(np.indices((side, side)).reshape(2, -1), axis=1, weights=_window(side).ravel())


@functools.lru_cache(maxsize=None)
def _inside(side):
    """(rows, columns) of the window, slices."""
    return ndimage.find_objects(np.int32(_window(side) > 0.5))[0]


def laid_on(plane, target, reach):
    """How a picture agrees best with ``target``, both ``[S, S]``: (correlation, stretch, rows and columns to move it by)."""
    rows, columns = _inside(len(plane))
    wider = slice(rows.start - reach, rows.stop + reach), slice(columns.start - reach, columns.stop + reach)
    best = (-2.0,)
    for width in WIDTHS:
        for height in HEIGHTS:
            found = match_template(stretched(plane, width, height)[wider], target[rows, columns])
            row, column = np.unravel_index(found.argmax(), found.shape)
            best = max(best, (found[row, column], (width, height), (reach - row, reach - column)))
    return best


def congealed(lights, pairs, rounds, progress=lambda values: values):
    """The mean of those pairs that agree most, after each was laid on it; ``lights``: ``light`` of faces with glasses.

    Returns:
      Logarithms of light ``[FINE·S, FINE·S]``, symmetric.
    """
    lights = np.concatenate([lights, lights[:, :, ::-1]])
    planes = ndimage.zoom(lights, (1, FINE, FINE), order=3)
    side = planes.shape[1]
    sharp = [plane - ndimage.gaussian_filter(plane, side / 24.0) for plane in planes]  # no shading, no background
    sharp = ndimage.gaussian_filter(np.float32(sharp), (0, side / 270.0, side / 270.0))
    reach, looked_at, target = int(side * REACH), np.arange(len(planes)), sharp.mean(axis=0)
    for _ in range(rounds):
        fits = [laid_on(sharp[i], target, reach) for i in progress(looked_at)]
        order = np.argsort([-fit[0] for fit in fits], kind="stable")
        chosen = [(looked_at[k], fits[k]) for k in order[:pairs]]
        target = _mean(sharp, chosen)
        looked_at = looked_at[order[: CANDIDATES * pairs]]
    mean = _mean(planes, chosen)
    return (mean + mean[:, ::-1]) / 2


def _mean(planes, chosen):
    """The mean of the ``chosen`` (number, fit) of ``planes``, each stretched and moved as its fit says."""
    moved = [ndimage.shift(stretched(planes[i], *fit[1]), fit[2], order=1, mode="nearest") for i, fit in chosen]
    return np.mean(moved, axis=0)


def rims(mean, bare):
    """The share of light that rims leave, ``[S, S]``, 0…1: 1 where there are none.

    Args:
      mean: of ``congealed``; bare: mean of ``light`` over faces without glasses, ``[S, S]``.
    """
    bare = ndimage.zoom((bare + bare[:, ::-1]) / 2, FINE, order=3)
    darker, side = mean - bare, len(mean)
    narrow = int(round(THINNER * side / regions.crop_box(side // FINE)[2])) | 1
    around = ndimage.gaussian_filter(ndimage.grey_closing(darker, (narrow, narrow)), side / 64.0)
    left = np.exp(np.minimum(darker - around + UNEVEN, 0) * _window(side))
    return left.reshape(side // FINE, FINE, side // FINE, FINE).mean(axis=(1, 3))


def turned(plane, angle, size, outside, shift=(0, 0)):
    """A picture ``[S, S]`` turned by degrees and scaled around the middle of the window, then moved by rows and columns."""
    cosine, sine = np.cos(np.radians(angle)) / size, np.sin(np.radians(angle)) / size
    matrix, middle = np.array([[cosine, -sine], [sine, cosine]]), _middle(len(plane))
    return ndimage.affine_transform(plane, matrix, middle - matrix.dot(middle + np.array(shift)), order=1, cval=outside)


def _fit(change, left):
    """(angle, size, (rows, columns)) by which the pair ``left`` has to be turned, scaled and moved to agree with ``change``."""
    side, best = len(left), (-2.0,)
    reach, border = side // 16, side // 32
    pair, face = ([slice(w.start - more, w.stop + more) for w in _inside(side)] for more in (border, border + reach))

    def look(angles, sizes):
        nonlocal best
        for angle in angles:
            for size in sizes:
                found = match_template(change[tuple(face)], turned(left - 1.0, angle, size, 0.0)[tuple(pair)])
                row, column = np.unravel_index(found.argmax(), found.shape)
                best = max(best, (found[row, column], angle, size, (row - reach, column - reach)))

    look((-10, -5, 0, 5, 10), (0.9, 1.0, 1.1))
    angle, size = best[1:3]
    look((angle - 2.5, angle, angle + 2.5), (size - 0.05, size, size + 0.05))
    return best[1:]


def fitted(changes, left):
    """The pair ``left`` (``[S, S]``) as it lies in each of some faces: what rims leave there, ``[N, S, S, 1]``.

    What was asked once is remembered.

    Args:
      changes: what a generator changes where it draws glasses, its mean over the colours, ``[N, S, S]``.
    """
    found = []
    for change in changes:
        key = hashlib.sha1(change.tobytes() + left.tobytes()).digest()
        if key not in _known:
            _known[key] = _fit(change, left)
        angle, size, shift = _known[key]
        found.append(turned(left, angle, size, 1.0, shift))
    return np.float32(found)[..., None]


def load(path, img_size):
    """The share of light that rims leave, ``[S, S, 1]``, from ``glasses.npz``; UserError if it is for another size, or none."""
    values, _ = weights.load(path, "glasses")
    left = values.get("left")
    if left is None or left.shape != (img_size, img_size):
        raise UserError("%s is not for pictures of %d pixels: make it with the same --img-size" % (path, img_size))
    if left.min() < 0 or left.max() > 1:
        raise UserError("%s: a share of light is from 0 to 1, not %g to %g" % (path, left.min(), left.max()))
    return left[:, :, None]


def similarities(count, side):
    """Random turns, sizes and places for ``tf.contrib.image.transform``, ``[count, 8]``, around the middle of ``side``."""
    angle = tf.random_uniform([count], -TURN, TURN) * np.pi / 180
    size = 1 + tf.random_uniform([count], -ZOOM, ZOOM)
    shift = tf.random_uniform([count, 2], -SHIFT, SHIFT) * side
    cosine, sine, middle = size * tf.cos(angle), size * tf.sin(angle), (side - 1) / 2.0
    x = middle - cosine * middle + sine * middle + shift[:, 0]
    y = middle - sine * middle - cosine * middle + shift[:, 1]
    nothing = tf.zeros_like(angle)
    return tf.stack([cosine, -sine, x, sine, cosine, y, nothing, nothing], axis=1)


def varied(x, left):
    """Faces ``[N, S, S, 3]``, each turned, scaled and moved a little, and what rims leave there, ``[N, S, S, 1]``."""
    side, border = x.shape[1].value, x.shape[1].value // 8
    both = tf.concat([x, tf.tile(left[None], [tf.shape(x)[0], 1, 1, 1])], axis=3)
    both = tf.pad(both, [[0, 0], [border, border], [border, border], [0, 0]], "REFLECT")
    both = tf.contrib.image.transform(both, similarities(tf.shape(x)[0], side + 2 * border), "BILINEAR")
    both = tf.stop_gradient(both[:, border:-border, border:-border])
    both.set_shape([None, side, side, 4])
    return both[..., :3], both[..., 3:]


def worn(x, left):
    """Faces ``[N, S, S, 3]``, −1…1, with rims that leave ``left`` of their light."""
    return (x + 1) * left - 1


def example_loss(xa, a, Genc, Gdec, left, names, thres_int, place=None):
    """How far edits of glasses are from the pair that is laid on, the mean of absolute differences, on and off: a scalar.

    Args:
      xa, a: faces and labels; those that wear glasses are left out.
      left: what rims leave, ``[S, S, 1]``.
      place: a function of labels before and asked for: where an edit counts, ``[N, S, S, 1]``.
    """
    column = list(names).index(NAME)
    here = tf.one_hot(column, len(names), dtype=a.dtype)
    bare, left = varied(xa, left)
    wearing = worn(bare, left)
    off, on = a * (1 - here), a * (1 - here) + here
    counts, total = 1.0 if place is None else place(off, on), 0.0
    _off, _on = ((tf.to_float(labels) * 2 - 1) * thres_int for labels in (off, on))
    for before, after, _a, _b in ((bare, wearing, _off, _on), (wearing, bare, _on, _off)):
        z = Genc(before)
        shown = networks.in_photo(before, Gdec(z, _a), Gdec(z, _b), lambda change: counts * change)
        total += tf.reduce_mean(tf.abs(shown - after), axis=[1, 2, 3])
    were_bare = 1 - tf.to_float(a[:, column])
    return tf.reduce_sum(were_bare * total) / tf.maximum(tf.reduce_sum(were_bare), 1.0)


def main(argv=None):
    opts = options.parse_values(
        __file__, __doc__, VALUES, argv=argv, add=add_data_options, base="faces", folder="glasses-{preset}"
    )
    if opts.img_size % 16:
        raise UserError("--img-size %d: a multiple of 16 is needed" % opts.img_size)
    run.start(opts.seed)
    with tf.Session(config=run.session_config(opts.threads)) as session:
        folder = datasets.locate("celeba", opts, required=[opts.attribute_file])
        data = Faces(folder, [NAME], opts.img_size, 1, shuffle=False, repeat=1, sess=session, **data_arguments(opts))
        record = records.Record(opts, opts.script, "section 10.3", celeba.describe(folder, len(data)))
        with_glasses, total = [], 0.0
        with celeba.naming_broken_pictures(data.img_paths):
            for pictures, labels in run.progress(data, total=len(data), desc="reading"):
                if labels[0, 0]:
                    with_glasses.append(light(pictures)[0])
                else:
                    total = total + light(pictures)[0]
    count, bare_count = len(with_glasses), len(data) - len(with_glasses)
    lights = np.float32(with_glasses)
    lights = lights[clear(lights, opts.clear)] if count else lights
    if not len(lights) or not bare_count:
        raise UserError("%s: no face with clear glasses, or none without any, among %d" % (folder, len(data)))

    def progress(values):
        return run.progress(values, desc="laying on")

    left = rims(congealed(lights, opts.pairs, opts.rounds, progress), total / bare_count) ** opts.power
    os.makedirs(opts.output_dir, exist_ok=True)
    path = os.path.join(opts.output_dir, FILE)
    weights.save(path, dict(left=np.float32(left)), dict(img_size=opts.img_size, power=opts.power))
    picture = os.path.join(opts.output_dir, "glasses.png")
    images.write_png(picture, np.tile(np.uint8(np.round(255 * left))[:, :, None], 3))

    record.metric("faces with glasses", count)
    record.metric("through which the eyes are seen", len(lights))
    record.metric("least share of light behind a rim", round(float(left.min()), 3))
    record.file(picture, "picture", "The mean pair of glasses", "平均的一副眼镜")
    print("%d faces with glasses, %d of them clear; glasses: %s" % (count, len(lights), path))
    record.save()


if __name__ == "__main__":
    options.run(main)
