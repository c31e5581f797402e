"""Mouths of other faces as examples of an edit (``train.py --weight-mouths``).

A critic says whether an edited mouth is real, a guide whether it is seen to be open; neither shows this face with its mouth
closed. But among the training faces there is one that looks much the same around the mouth and has the labels that are asked
for. Its mouth, drawn to this face's light and blended in over several bands (Burt and Adelson, ACM TOG 1983), is an example to
be imitated. Many of these are wrong about something, each about something else: what the generator learns from thousands
is what they have in common, and the critics see to it that this is sharp.
"""

import hashlib

import numpy as np
import tensorflow as tf
from scipy import ndimage

from ch10_attgan.beyond import networks, regions
from ch10_attgan.beyond.faces import Faces, data_arguments
from common import images, run
from common.errors import UserError

# What is taken from another face: an ellipse as in `regions.PLACES`. Of an edit of several attributes it is the first one's.
PLACES = {"Smiling": (89, 150, 50, 42), "Mouth_Slightly_Open": (89, 154, 42, 32)}
ALIKE = ("Male", "Young")  # of whom the mouth is
# By what faces are compared: all of it counts but the mouth, what is around that three times.
FACE, MOUTH, AROUND = (89, 130, 46, 66), (89, 156, 36, 24), (89, 150, 52, 50)
COARSE = 32  # side of the pictures that are compared
TINT = 0.4  # how much the colour of the whole face counts beside the pixels
NEAREST = 12  # of so many faces that of which least has to be blended away
BANDS = 5
BORDER = 2.0 / 96  # softness of an ellipse, share of the side; also the width of the narrowest band's half
AT_ONCE = 4  # faces of a batch that get an example


def soft(place, side, border=BORDER):
    """An ellipse of the aligned picture in a face of ``side``, 0…1 ``[side, side]``, with a soft border."""
    return ndimage.gaussian_filter(regions.cut_out(np.float32(regions.ellipse(*place)), side), border * side)


def blended(new, old, mask):
    """``new`` where ``mask`` is 1, ``old`` where it is 0, each band of detail with a border of its own width.

    What is coarser than the last band stays ``old``'s. Arrays ``[H, W, 3]``; mask ``[H, W]``.
    """
    result, mask, sigma = 0.0, mask[:, :, None], 1.0
    for _ in range(BANDS):
        new_low, old_low, mask_low = (ndimage.gaussian_filter(x, (sigma, sigma, 0)) for x in (new, old, mask))
        result = result + mask * (new - new_low) + (1 - mask) * (old - old_low)
        new, old, mask, sigma = new_low, old_low, mask_low, 2 * sigma
    return result + old


class Examples:
    """Faces whose mouths are lent.

    Args:
      pictures: uint8 ``[N, S, S, 3]``, aligned; labels: 0/1 ``[N, len(names)]``.
    """

    def __init__(self, pictures, labels, names):
        self.names, self.pictures = list(names), pictures
        self.labels = np.concatenate([labels, labels])  # behind all faces come the mirrored ones
        side = pictures.shape[1]
        weight = np.clip(soft(FACE, COARSE, 0) - soft(MOUTH, COARSE, 1 / 96.0), 0, 1) * (
            1 + 2 * soft(AROUND, COARSE, 4 / 96.0)
        )
        self._weight = weight / weight.sum()
        mirrored = pictures[:, :, ::-1]
        self._looks = np.concatenate([np.stack([self._look(face) for face in one]) for one in (pictures, mirrored)])
        self._squares = (self._looks**2).sum(axis=1)
        self._masks = {name: soft(PLACES[name], side) for name in PLACES}
        reach = int(round(4.0 * side / 96)) * 2 + 1
        self._rings = {name: ndimage.maximum_filter(mask, reach) - mask for name, mask in self._masks.items()}
        self._known = {}

    @classmethod
    def read(cls, folder, opts, session):
        """The training faces of ``opts`` in ``folder``."""
        arguments = dict(shuffle=False, repeat=1, sess=session, **data_arguments(opts))
        data = Faces(folder, opts.att_default, opts.img_size, 1, **arguments)
        found = [(images.to_uint8(x)[0], a[0]) for x, a in run.progress(data, total=len(data), desc="reading mouths")]
        return cls(*[np.stack(values) for values in zip(*found)], opts.att_default)

    def _look(self, face):
        """What a face is compared by: the logarithms of its colours around the mouth, and their mean over the face."""
        logs = np.log(np.maximum(np.float32(images.resize(face, COARSE, COARSE)), 8.0))
        weight = self._weight[:, :, None]
        mean = (weight * logs).sum(axis=(0, 1))
        rest = (logs - mean) * np.sqrt(weight)
        return np.concatenate([rest[self._weight > 0].ravel(), TINT * mean]).astype(np.float32)

    def _face(self, number):
        count = len(self.pictures)
        return np.float32(self.pictures[number] if number < count else self.pictures[number - count][:, ::-1])

    def _drawn_to(self, number, own):
        """Face ``number`` in the light of the face ``own``, both ``[S, S, 3]``, 0…255."""
        wide = (own.shape[0] / 6.0,) * 2 + (0,)
        low, own_low = (ndimage.gaussian_filter(x, wide, truncate=2) + 5.0 for x in (self._face(number), own))
        return self._face(number) * own_low / low

    def _lender(self, face, wanted, place):
        """The number of the face that lends its mouth; None where none has the wanted labels."""
        exact = [self.names.index(name) for name in PLACES if name in self.names]
        alike = [self.names.index(name) for name in ALIKE if name in self.names]
        for columns in (exact + alike, exact):
            numbers = np.flatnonzero((self.labels[:, columns] == wanted[columns]).all(axis=1))
            if len(numbers):
                break
        else:
            return None
        distances = self._squares[numbers] - 2 * self._looks[numbers].dot(self._look(face))
        numbers, own, ring = numbers[np.argsort(distances)[:NEAREST]], np.float32(face), self._rings[place][:, :, None]
        return numbers[np.argmin([(ring * np.abs(self._drawn_to(number, own) - own)).sum() for number in numbers])]

    def shown(self, x, a, b):
        """Faces ``x`` (``[N, S, S, 3]``, −1…1, labels ``a``) with mouths of others as labels ``b`` want them.

        Returns:
          (pictures of that shape, 1 where there was a face to lend its mouth and 0 elsewhere, ``[N]``), float32.
        """
        pictures, found = [], []
        for face, before, wanted in zip(images.to_uint8(x), a, b):
            place = next(
                (name for name in PLACES if before[self.names.index(name)] != wanted[self.names.index(name)]), None
            )
            key = hashlib.sha1(face.tobytes() + wanted.tobytes()).digest()
            if key not in self._known:
                self._known[key] = self._lender(face, wanted, place) if place else None
            lender, own = self._known[key], np.float32(face)
            found.append(lender is not None)
            pictures.append(own if lender is None else blended(self._drawn_to(lender, own), own, self._masks[place]))
        return np.clip(np.float32(pictures) / np.float32(127.5) - 1, -1, 1), np.float32(found)


def check(names):
    """UserError where the attributes ``names`` have no mouth's among them."""
    missing = [name for name in PLACES if name not in names]
    if missing:
        raise UserError("--weight-mouths wants %s among the attributes" % " and ".join(missing))


def example_loss(xa, a, Genc, Gdec, examples, thres_int, place=None):
    """How far edits of mouths are from examples, the mean of absolute differences: a scalar.

    Of the first ``AT_ONCE`` faces of a batch each is asked for one of ``PLACES``' attributes flipped, or for both.

    Args:
      xa, a: faces and labels; place: a function of labels before and asked for: where an edit counts, ``[N, S, S, 1]``.
    """
    x, a = xa[:AT_ONCE], a[:AT_ONCE]
    count, columns = len(examples.names), [examples.names.index(name) for name in PLACES]
    flips = np.zeros([3, count], np.int64)
    flips[[0, 1, 2, 2], columns + columns] = 1
    here = tf.gather(tf.constant(flips), tf.random_uniform([x.shape[0].value], 0, 3, tf.int32))
    b = here * (1 - a) + (1 - here) * a
    wanted, found = tf.py_func(examples.shown, [x, a, b], [tf.float32, tf.float32])
    wanted.set_shape(x.shape)
    found.set_shape(x.shape[:1])
    _a, _b = ((tf.to_float(labels) * 2 - 1) * thres_int for labels in (a, b))
    z, counts = Genc(x), 1.0 if place is None else place(a, b)
    shown = networks.in_photo(x, Gdec(z, _a), Gdec(z, _b), lambda change: counts * change)
    apart = tf.reduce_mean(tf.abs(shown - wanted), axis=[1, 2, 3])
    return tf.reduce_sum(found * apart) / tf.maximum(tf.reduce_sum(found), 1.0)
