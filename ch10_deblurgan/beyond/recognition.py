"""Section 10.2.12's use: does restoring a blurred picture help who has to recognise what is on it?

Digits (scikit-learn's, enlarged) lie on pieces of photos, shaken by blurs of three lengths. A recogniser that learnt from sharp
ones names them sharp, blurred, and restored by the weights that ship; beside it another one that learnt from blurred digits,
which is what one would do instead.

Reads: nothing (digits and photos come with scikit-learn and scikit-image). Writes: ``recognition.png`` and a record. Time: two
minutes on one core. Next: ``ext_10_2_12_photos.py``.
"""

import os
from types import SimpleNamespace

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow.keras import backend as K

from ch10_deblurgan import ext_10_2_12_photos as photos_script
from ch10_deblurgan.beyond import kernels, tiles
from ch10_deblurgan.beyond.evaluate_photos import packaged_photos, small_generator
from ch10_deblurgan.beyond.train_photos import shaken
from common import images, options, run
from common.errors import UserError
from common.judge import Judge
from common.options import Value
from common.plotting import plt, save_figure
from common.records import Record

VALUES = [
    Value("count", 80, "digits that are recognised, none of them trained on", tiny=4, low=2, high=400),
    Value("learned", 500, "digits that a recogniser learns from", tiny=30, low=10, high=1397),
    Value("steps", 300, "of a recogniser's training", tiny=5, low=1),
    Value("seeds", 3, "times, each with other places, blurs and recognisers", tiny=1, low=1, high=100),
    Value("lengths", [2, 5, 8, 12], "edges of the ranges of the blur's length in pixels", low=1, high=40),
]
SIDE, DIGIT, NOISE = 48, 28, 1.0  # pixels of a picture, of the digit on it; deviation of the noise in levels


def scenes(numbers, random):
    """Digits number ``numbers`` of scikit-learn's on pieces of photos: (uint8 ``[N, 48, 48, 3]``, one-hot ``[N, 10]``)."""
    data, photos = load_digits(), packaged_photos()
    pictures = []
    for number in numbers:
        photo = photos[random.randint(len(photos))]
        top, left = [random.randint(side - SIDE + 1) for side in photo.shape[:2]]
        scene = photo[top : top + SIDE, left : left + SIDE] * random.uniform(0.3, 0.7)
        ink = images.resize(np.uint8(data.images[number] * 255 / 16.0), DIGIT, DIGIT) / 255.0
        top, left = random.randint(4, SIDE - DIGIT - 3, 2)
        place = scene[top : top + DIGIT, left : left + DIGIT]
        place += ink[..., np.newaxis] * (random.uniform(200, 255, 3) - place)
        pictures.append(np.uint8(np.clip(np.rint(scene), 0, 255)))
    return np.stack(pictures), np.float32(np.eye(10)[data.target[numbers]])


def accuracy(recogniser, pictures, labels):
    return float(np.mean(recogniser.scores(pictures).argmax(axis=1) == labels.argmax(axis=1)))


def measure(opts, seed, restorers):
    """One time round.

    Returns:
      ({range of lengths: [accuracy sharp, blurred, restored by each, blurred for who learnt blurred]}, pictures to show).
    """
    random = np.random.RandomState(seed)
    order = np.random.RandomState(0).permutation(len(load_digits().target))
    learned, labels = scenes(order[-opts.learned :], random)
    longest = opts.lengths[-1]
    soft = np.stack([shaken(picture, random, opts.lengths[0], longest, NOISE) for picture in learned])
    from_sharp = Judge(learned, labels, opts.steps, seed, opts.threads)
    from_blurred = Judge(soft, labels, opts.steps, seed, opts.threads)
    sharp, truth = scenes(order[: opts.count], random)
    rows, shown = {}, []
    for low, high in zip(opts.lengths, opts.lengths[1:]):
        blurred = np.stack([shaken(picture, random, low, high, NOISE) for picture in sharp])
        restored = [
            np.stack([tiles.restore_picture(restore, picture, 512, 64) for picture in blurred])
            for restore in restorers.values()
        ]
        rows["%d to %d px" % (low, high)] = [
            accuracy(from_sharp, pictures, truth) for pictures in [sharp, blurred] + restored
        ] + [accuracy(from_blurred, blurred, truth)]
        shown.append([pictures[:8] for pictures in [sharp, blurred] + restored])
    return rows, shown


def draw(path, shown, names, ranges):
    """A panel a range of lengths, a row a treatment."""
    figure, all_axes = plt.subplots(len(shown), 1, figsize=(8, 4.4 * len(shown)))
    for axes, panel, title in zip(np.atleast_1d(all_axes), shown, ranges):
        axes.imshow(np.concatenate([np.concatenate(list(row), axis=1) for row in panel]))
        axes.set_yticks([SIDE * (place + 0.5) for place in range(len(names))])
        axes.set_yticklabels(names)
        axes.set_xticks([])
        axes.set_title("blur of " + title)
    return save_figure(figure, path)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, base="digits", folder="recognition-{preset}")
    if len(opts.lengths) < 2 or sorted(set(opts.lengths)) != opts.lengths:
        raise UserError("--lengths are edges of ranges: two numbers or more, each larger than the one before")
    settings = SimpleNamespace(ensemble=False, strength=1.0, fast=True, threads=opts.threads)
    rounds = []
    for seed in range(opts.seed, opts.seed + opts.seeds):
        run.start(seed)
        kernels.use_threads(opts.threads)
        with tf.Session(config=run.session_config(opts.threads)) as session:
            K.set_session(session)
            restorers = {"wide view": photos_script.restorer(session, settings, photos_script.SHIPPED)}
            restorers["small"] = small_generator(session, settings)
            rounds.append(measure(opts, seed, restorers))
    ranges = list(rounds[0][0])
    path = os.path.join(opts.output_dir, "recognition.png")
    names = ["sharp", "blurred"] + list(restorers)
    draw(path, rounds[0][1], names, ranges)
    columns = ["blur"] + names + ["blurred, for a recogniser that learnt blurred", "gained by wide view, least", "most"]
    rows = []
    for kind in ranges:
        values = np.array([found[kind] for found, _ in rounds])
        gains = values[:, 2] - values[:, 1]
        rows.append(
            [kind] + [round(float(value), 3) for value in list(values.mean(axis=0)) + [gains.min(), gains.max()]]
        )
    for row in [columns] + rows:
        print("  ".join("%-10s" % item for item in row))
    record = Record(opts, opts.script, "beyond 10.2.12", "scikit-learn's digits on scikit-image's photos, made blur")
    note = "share of digits named rightly by a recogniser that learnt sharp ones, mean of %d times %d digits"
    record.table("Restoring before recognising", columns, rows, note % (opts.seeds, opts.count))
    record.file(path, "picture", "Digits sharp, blurred, restored", "数字：清晰、模糊、复原")
    if opts.preset != "tiny":  # whose recogniser learns nothing: a card among the quick runs
        record.shipped_weights()
    record.save()


if __name__ == "__main__":
    options.run(main)
