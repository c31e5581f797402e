"""Beyond listing 10-5: how a layer ends (the paper's order, E81), what the critic sees, what is wanted of
the generator, a start from another run's values."""

from functools import partial

import numpy as np
import tensorflow as tf
import tensorflow.contrib.slim as slim
from scipy import ndimage

from ch10_attgan import code_10_06_train as trainattgan
from ch10_attgan.beyond import hair, photos, regions
from ch10_attgan.beyond.faces import crop_box
from ch10_attgan.code_10_04_dataset import Celeba
from common.errors import UserError
from common.options import Value

CHROMA = 2.0  # how much more than lightness colour counts in the size of a change
ROWS = [
    Value("norm_first", False, "the paper's order of a layer: batch norm before the activation", more=True),
    Value("bn_decay", 0.99, "decay of batch norm's running means", tiny=0.9, low=0, high=0.9999, more=True),
    Value("regions", False, "an edit changes the places of its attributes only (regions.py)", more=True),
    Value("hair", False, "and of hair's colour only what is hair in this face (hair.py)", more=True),
]


def _norm(z, decay, is_training):
    return slim.batch_norm(z, decay=decay, scale=True, updates_collections=None, is_training=is_training)


def printed_order(z, activation, is_training, decay=0.999):
    """The listing's order, with a choice of ``decay``."""
    return _norm(activation(z), decay, is_training)


def paper_order(z, activation, is_training, decay=0.999):
    """Batch norm, then activation, as in the paper and its authors' code."""
    return activation(_norm(z, decay, is_training))


def networks(settings, layers=slim):
    """(Genc, Gdec, D) of ``settings``, as listing 10-6 binds them, with the order and decay of ``ROWS``."""
    order = paper_order if settings.norm_first else printed_order
    return trainattgan.networks(settings, partial(order, decay=settings.bn_decay), layers)


def variables(scopes):
    """All variables (running means too, no optimizer's) of the networks named, e.g. ``("Genc", "Gdec")``."""
    found = [v for v in tf.global_variables() if v.op.name.split("/")[0] in scopes]
    return [v for v in found if not v.op.name.endswith(("/Adam", "/Adam_1"))]


def softened(x):
    """Pictures ``[N, S, S, 3]`` through the filter 1-2-1 in rows and columns: what alternates from pixel to pixel is gone."""
    row = np.float32([1.0, 2.0, 1.0]) / 4.0
    kernel = tf.constant(np.outer(row, row)[:, :, None, None] * np.ones([1, 1, 3, 1], np.float32))
    padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
    return tf.nn.depthwise_conv2d(padded, kernel, [1, 1, 1, 1], "VALID")


def grey(x):
    """The mean of the colours of pictures ``[N, S, S, 3]``, ``[N, S, S, 1]``."""
    return tf.reduce_mean(x, axis=3, keepdims=True)


def resized(x, side):
    """Pictures ``[N, S, S, C]`` as ``[N, side, side, C]``: each value the mean of the area that it covers."""
    old = x.shape[1].value
    if side == old:
        return x
    ends = np.minimum.outer(np.arange(1, side + 1) * old, np.arange(1, old + 1) * side)
    starts = np.maximum.outer(np.arange(side) * old, np.arange(old) * side)
    shares = np.float32(np.maximum(ends - starts, 0) / float(old))  # of the old values (columns) in each new one
    rows = tf.tensordot(x, shares, [[1], [1]])  # [N, S, C, side]
    return tf.transpose(tf.tensordot(rows, shares, [[1], [1]]), [0, 2, 3, 1])


def as_cut_for(x, side):
    """Pictures ``[N, S, S, 3]`` as those of size ``side`` are cut out of the same faces (``crop_box``).

    Where these show more of a face, all there is of it stands for them.
    """
    size = x.shape[1].value
    outer, inner = crop_box(size), crop_box(side)
    places = inner[0] - outer[0], inner[1] - outer[1], inner[2]
    top, left, inside = (int(round(size * place / outer[2])) for place in places)
    if top >= 0 and left >= 0 and top + inside <= size and left + inside <= size:
        x = x[:, top : top + inside, left : left + inside]
    return resized(x, side)


def moved(x, shift):
    """Pictures ``[N, S, S, C]``, all moved alike by up to ``shift`` pixels, what lies outside mirrored."""
    height, width = x.shape.as_list()[1:3]
    padded = tf.pad(x, [[0, 0], [shift, shift], [shift, shift], [0, 0]], "REFLECT")
    corner = tf.random_uniform([2], 0, 2 * shift + 1, tf.int32)
    result = padded[:, corner[0] : corner[0] + height, corner[1] : corner[1] + width]
    result.set_shape(x.shape)
    return result


def dimmed(D, noise, shift, heads="both", soft=False):
    """The critic behind a shaking, grainy window.

    What it is shown is moved by up to ``shift`` pixels (a whole batch alike) and gets normal noise of standard deviation
    ``noise`` (pictures are −1…1). A generator can please a bare critic by hatching that no other eye takes for blond hair;
    what survives grain and shaking is a change that others see, too (arXiv 1610.04490, 2006.10738). ``soft``: nor does it see
    what alternates from pixel to pixel (``softened``), so that no dots please it. ``heads="attributes"``: only the attributes
    are judged like that, and whether a picture is real without: hatching is no real picture's.
    """

    def seen(x):
        if soft:
            x = softened(x)
        if shift:
            x = moved(x, shift)
        return D(x + tf.random_normal(tf.shape(x), stddev=noise) if noise else x)

    if not (noise or shift or soft):
        return D
    return seen if heads == "both" else lambda x: (D(x)[0], seen(x)[1])


def changed_places(a, b, names, side):
    """``regions.where`` of labels before and those asked for, 0/1 ``[N, len(names)]``: a tensor ``[N, side, side, 1]``."""
    changed = tf.to_float(tf.not_equal(a, b))[:, :, None, None, None]
    return tf.reduce_max(changed * tf.constant(regions.regions(names, side)), axis=1)


def blurred(x, sigma):
    """Pictures ``[N, S, S, 3]`` through SciPy's ``gaussian_filter`` of mode 'mirror'."""
    reach = int(4 * sigma + 0.5)
    row = ndimage.gaussian_filter1d(np.float32(np.arange(-reach, reach + 1) == 0), sigma, mode="constant")
    for kernel in (row[:, None], row[None, :]):
        pads = [[0, 0]] + [[reach * (size > 1)] * 2 for size in kernel.shape] + [[0, 0]]
        kernel = tf.constant(np.tile(kernel[:, :, None, None], [1, 1, 3, 1]))
        x = tf.nn.depthwise_conv2d(tf.pad(x, pads, "REFLECT"), kernel, [1, 1, 1, 1], "VALID")
    return x


def hair_kept(a, b, names, xa):
    """``hair.kept`` as a graph: a function of what an edit changes, a tensor of the shape of ``xa``.

    Args:
      a, b: labels before and those asked for, 0/1 ``[N, len(names)]``.
      xa: the faces, ``[N, S, S, 3]``, −1…1, S known.
    """
    side, of_hair = xa.shape[1].value, tf.constant(np.int64(hair.coloured(names)))
    b_hair = a + of_hair * (b - a)
    places = changed_places(a + b_hair, a + b, names, side)  # what else is changed
    mattes = tf.py_func(hair.mattes, [xa], tf.float32)
    mattes.set_shape([xa.shape[0].value, side, side, 1])
    rest = tf.maximum(changed_places(a, b_hair, names, side) * mattes - places, 0.0)
    return lambda change: places * change + rest * blurred(change, hair.SMOOTH * side)


def in_photo(xa, xa_, xb_, kept=lambda change: change):
    """``photos.in_photo`` as a graph: tensors ``[N, S, S, 3]``, −1…1, S known; ``kept``: what of a change counts."""
    fading = tf.constant(photos.fading(*xa.shape.as_list()[1:3]), tf.float32)
    return tf.clip_by_value(xa + fading * kept(xb_ - xa_), -1.0, 1.0)


def as_it_is(xa, xa_, xb_):
    """The listing's: D sees what was edited."""
    return xb_


def taught(shown, loss):
    """``shown``, with a scalar ``loss`` of the generator's variables added to the generator's, on the way back through it."""

    @tf.custom_gradient
    def with_loss(pictures, loss):
        return tf.identity(pictures), lambda gradient: (gradient, tf.ones_like(loss))

    return lambda xa, xa_, xb_: with_loss(shown(xa, xa_, xb_), loss)


def smooth(shown, weight):
    """``shown``, where what an edit changes is also asked to be smooth (total variation; Rudin, Osher, Fatemi 1992).

    The decoder's last layer makes each pixel of a 2×2 square from other weights, so it can hatch, which costs ``weight`` times
    the mean of the absolute differences of neighbours; the few edges of a pair of glasses cost little. The loss is added as
    its gradient, on the way back through the edit, so the listing's sum of losses stays as it is.
    """

    @tf.custom_gradient
    def with_loss(xb_, pull):
        return tf.identity(xb_), lambda gradient: (gradient + pull, None)

    def shown_smooth(xa, xa_, xb_):
        count = tf.cast(tf.size(xb_), xb_.dtype)
        variation = tf.reduce_sum(tf.image.total_variation(xb_ - tf.stop_gradient(xa_))) / count
        pull = tf.stop_gradient(tf.gradients(weight * variation, xb_)[0])
        return shown(xa, xa_, with_loss(xb_, pull))

    return shown_smooth


def small(shown, weight):
    """``shown``, where what an edit changes is also asked to be little: ``weight`` times the mean of its absolute values.

    So a faint tint of the whole face costs as much as the strong lines of a few pixels. What departs from grey costs
    ``CHROMA`` times more, for without colour's cheap help edits look like faces. Added as in ``smooth``.
    """

    def loss(xa, seen):
        change = seen - xa
        light = grey(change)
        return weight * tf.reduce_mean(tf.abs(light) + CHROMA * tf.abs(change - light))

    return guided(shown, loss)


def guided(shown, loss):
    """``shown``, where what D sees of an edit is also asked for a small ``loss``, a function (before, edited) → scalar.

    As in ``smooth`` the loss is added as its gradient.
    """

    def shown_guided(xa, xa_, xb_):
        seen = tf.identity(shown(xa, xa_, xb_))
        pull = tf.gradients(loss(xa, seen), seen)[0]

        @tf.custom_gradient
        def with_loss(pictures):
            return tf.identity(pictures), lambda gradient: gradient + pull

        return with_loss(seen)

    return shown_guided


def wanted(a, names, single, often=()):
    """What the generator is asked for: the labels of another picture of the batch (listing 10-6), or a single change.

    Another picture's labels ask for a rare attribute as rarely as it is met, and for several things at once. In use one
    attribute is flipped, each as often as another.

    Args:
      a: labels of 0 and 1, ``[N, len(names)]``.
      single: share of the pictures that are asked for one change, what contradicts it cleared.
      often: names of those that are flipped three times as often.

    Returns:
      Labels of the shape and type of ``a``.
    """
    count = len(names)
    chances = np.log([3.0 if name in often else 1.0 for name in names]).astype(np.float32)
    ones = [np.ones([1, count], np.int64) for _ in names]
    cleared = np.concatenate([1 - Celeba.check_attribute_conflict(row, name, names) for row, name in zip(ones, names)])
    column = tf.multinomial(chances[None], tf.shape(a)[0], output_dtype=tf.int32)[0]
    here = tf.one_hot(column, count, dtype=a.dtype)
    flipped = here * (1 - a) + (1 - here) * a
    switched_on = tf.reduce_sum(here * flipped, axis=1, keepdims=True)
    flipped *= 1 - switched_on * tf.gather(tf.constant(cleared, a.dtype), column)
    return tf.where(tf.random_uniform(tf.shape(a)[:1]) < single, flipped, tf.random_shuffle(a))


def for_attributes(value, shape, old, new):
    """A variable's value, trained with the attributes ``old``, for a network of the attributes ``new``, some of them in order.

    Attributes come last along the axis on which the shapes differ (decoder: input maps; critic: outputs). UserError where
    the shapes differ otherwise.
    """
    kept = [old.index(name) for name in new if name in old]
    if len(kept) != len(new) or kept != sorted(kept):
        raise UserError("attributes %s are not some of %s, in their order" % (", ".join(new), ", ".join(old)))
    apart = [axis for axis, sides in enumerate(zip(value.shape, shape)) if sides[0] != sides[1]]
    if value.ndim != len(shape) or any(value.shape[axis] - shape[axis] != len(old) - len(new) for axis in apart):
        raise UserError("a value of shape %s does not fit a variable of %s" % (value.shape, tuple(shape)))
    for axis in apart:
        first = value.shape[axis] - len(old)
        value = np.take(value, list(range(first)) + [first + place for place in kept], axis)
    return value


def for_side(value, count, maps):
    """The first dense layer of a critic, ``[side² * maps, units]``, for pictures whose maps have ``count`` values in all.

    The weights of each map are enlarged or shrunk like a picture, and count as much less as there are more of them.
    """
    old, new = (int(round(np.sqrt(values / maps))) for values in (value.shape[0], count))
    if old == new or old**2 * maps != value.shape[0]:
        return value
    planes = ndimage.zoom(value.reshape(old, old, -1), (new / old, new / old, 1), order=1, mode="nearest")
    return planes.reshape(count, -1) * (old / new) ** 2
