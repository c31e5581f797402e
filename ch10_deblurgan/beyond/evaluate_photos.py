"""Scores the wide-view network on photos that no one trained on, beside the small generator of ``beyond/train.py`` (10.2.12).

For each kind of blurred picture: PSNR and SSIM before, the mean and the worst gain of both networks. Kinds: real pairs (the clips
and pairs of ``--test-clips``, large ones also at half size), and sharp photos whose blur is made here: a camera's
shake as in training, longer shake, the paths of DeblurGAN's paper, which training does not use, mild blur, noise and JPEG
besides; and untouched ones, whose distance from the result is given in place of a gain.

Reads: ``--photos`` (the test part of ``train_photos.split_photos``), ``--clips``; without them four photos of scikit-image.
Writes: a record, and with ``--sheets`` a picture of blurred | small generator | wide view | sharp for two of each kind.
"""

import os

import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K

from ch10_deblurgan import ext_10_2_12_photos as photos_script
from ch10_deblurgan.beyond import fast, generator, motion, tiles
from ch10_deblurgan.beyond.train_photos import check_clips, fingerprints, read_pair, shaken, split_clips, split_photos
from common import images, options, run, same_data
from common.errors import UserError
from common.options import Value
from common.records import Record

VALUES = [
    Value("count", 40, "at most so many photos for made blur", tiny=1, low=1),
    Value("sheets", False, "pictures of two of each kind"),
    Value("ensemble", False, "the mean of eight flips and turns, of both networks"),
    Value("strength", 1.0, "share of the change that is made, of both networks", low=0.0, high=1.0),
    Value("fast", True, "the same arithmetic in another order (fast.py)", more=True),
] + photos_script.TILE_VALUES  # scored is what a reader gets
PACKAGED = ("astronaut", "chelsea", "coffee", "rocket")  # photos that come with scikit-image


def packaged_photos():
    """Sharp photos of scikit-image, the longer side 480 pixels: uint8 ``[H, W, 3]``."""
    from skimage import data

    return [images.shrunk(np.ascontiguousarray(getattr(data, name)()[..., :3]), 480) for name in PACKAGED]


def papers_shake(sharp, random):
    """A sharp picture blurred along a path of DeblurGAN's paper (``motion.py``), 4 to 20 pixels long, and noise."""
    path = motion.random_trajectory(random, random.uniform(4, 20))
    blurred = motion.blur(sharp, motion.kernel_of(path - path.mean(axis=0)))  # centred, as the other paths are
    return np.uint8(np.clip(np.rint(blurred + random.normal(size=sharp.shape)), 0, 255))


def held_out_photos(folder, count, weights=None):
    """The photos of ``folder`` that no training has seen, at most ``count``: uint8 ``[H, W, 3]``; UserError where none is.

    ``weights`` that lie in their run's folder must be of a run on these photos: of others (one more is enough) the parts are
    others. A copy elsewhere is taken with any.
    """
    splits = split_photos(folder)
    if weights:
        found = fingerprints(splits, dict.fromkeys(splits, ()))
        found = {what: value for what, value in found.items() if what.startswith("photos")}
        same_data.check_used(os.path.dirname(os.path.dirname(os.path.abspath(weights))), found)
    if not splits["test"]:
        text = "%s holds %d photos: of fewer than 12 none is held out for the scores"
        raise UserError(text % (folder, sum(map(len, splits.values()))))
    return [images.read_rgb(path) for path in splits["test"][:count]]


def made_kinds(sharp, where):
    """{kind: [(blurred, sharp)]} of sharp pictures; the same each time."""
    random = np.random.RandomState(2)
    return {
        "%s, shake of 4-14 px, noise" % where: [(shaken(picture, random, 4, 14, 1.0), picture) for picture in sharp],
        "%s, the paper's paths, noise" % where: [(papers_shake(picture, random), picture) for picture in sharp],
        "%s, mild blur" % where: [(shaken(picture, random, 1, 4, 0.0), picture) for picture in sharp],
        "%s, shake, much noise, JPEG" % where: [
            (images.through_jpeg(shaken(picture, random, 4, 14, 5.0), 75), picture) for picture in sharp
        ],
        "%s, untouched" % where: [(picture, picture) for picture in sharp],
        "%s, shake of 14-24 px, noise" % where: [(shaken(picture, random, 14, 24, 1.0), picture) for picture in sharp],
    }


def real_kinds(pairs):
    """{clip: [(blurred, sharp)]}; of large pictures also at half size."""
    kinds = {}
    for pair in pairs:
        pictures = read_pair(pair)
        kinds.setdefault("%s, %d×%d" % ((pair[0],) + pictures[0].shape[1::-1]), []).append(pictures)
        if pictures[0].shape[0] > 400:
            half = [side // 2 for side in pictures[0].shape[:2]]
            kinds.setdefault(pair[0] + ", half size", []).append(tuple(images.resize(p, *half) for p in pictures))
    return kinds


def score(blurred, sharp, restored):
    """(PSNR gained, SSIM, change of brightness in levels) of a result; an untouched picture 'gains' from 0."""
    before = images.psnr(sharp, blurred)
    gained = min(images.psnr(sharp, restored), 99.0) - (before if np.isfinite(before) else 0.0)
    brighter = np.mean(restored, dtype=float) - np.mean(blurred, dtype=float)
    return gained, images.ssim(sharp, restored), float(brighter)


def small_generator(session, opts):
    """A ``restore`` of ``tiles.py`` with the shipped weights of ``beyond/train.py``."""
    g, _ = generator.load_generator(generator.SHIPPED)
    photo = tf.placeholder(tf.float32, [1, None, None, 3])
    output, _ = fast.applied(g, photo, fast=opts.fast)
    return tiles.as_asked(lambda values: session.run(output, {photo: values}), opts)


def add_options(parser):
    parser.add_argument(
        "--photos", help="folder of sharp photos, of which the test part is taken [scikit-image's four]"
    )
    parser.add_argument("--clips", help="folder of clips that hold blur and sharp")
    parser.add_argument("--test-clips", nargs="*", default=[], metavar="CLIP", help="clips or pairs to score")
    parser.add_argument(
        "--weights",
        metavar="NPZ",
        help="of a run of train_photos.py, in whose folder they are scored by its photos only [those of the project]",
    )


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add_options, base="photos", folder="photos-scores")
    tiles.check_tiles(opts, 16)
    check_clips(opts)
    if opts.clips and not opts.test_clips:
        raise UserError("--clips does nothing without --test-clips, which says what of them is scored")
    run.start(opts.seed)
    kinds = {}
    if opts.clips:
        kinds.update(real_kinds(split_clips(opts.clips, [], opts.test_clips)["test"]))
    if opts.photos:
        kinds.update(made_kinds(held_out_photos(opts.photos, opts.count, opts.weights), "photos"))
    kinds.update(made_kinds(packaged_photos()[: opts.count], "scikit-image"))
    record = Record(opts, opts.script, "beyond 10.2.12", "%d kinds of pictures" % len(kinds))
    for place in ("photos", "clips", "weights"):  # where files lay says nothing about the result
        record.content["settings"].pop(place, None)
    table = []
    workers, _ = photos_script.side_by_side(opts.threads)
    with photos_script.open_session(opts.threads) as session:
        K.set_session(session)
        networks = dict(small=small_generator(session, opts))
        networks["wide"] = photos_script.restorer(session, opts, opts.weights or photos_script.SHIPPED)
        bar = run.progress(total=sum(map(len, kinds.values())), desc="scoring", unit="picture")
        for kind, pictures in kinds.items():
            found = {name: [] for name in networks}
            for index, (blurred, sharp) in enumerate(pictures):
                panels = [blurred]
                for name, restore in networks.items():
                    ways = photos_script.layouts_of(blurred, opts)
                    if name == "small":  # which estimates no blur
                        ways = ways[:1]
                    restored = tiles.restore_in_layouts(restore, blurred, ways, workers)
                    found[name].append(score(blurred, sharp, restored))
                    panels.append(restored)
                if opts.sheets and index < 2:
                    name = "%s-%d.png" % (kind.replace(", ", "-").replace(" ", "-"), index)
                    images.write_png(os.path.join(opts.output_dir, "sheets", name), np.hstack(panels + [sharp]))
                bar.update()
            psnr = np.mean([images.psnr(sharp, blurred) for blurred, sharp in pictures])
            ssim = np.mean([images.ssim(sharp, blurred) for blurred, sharp in pictures])
            row = [kind, len(pictures), round(float(psnr), 2) if np.isfinite(psnr) else "", round(float(ssim), 4)]
            for name in networks:
                gained, ssims, brighter = np.array(found[name]).T
                row += [round(float(value), 2) for value in (gained.mean(), gained.min())]
                row += [round(float(ssims.mean() - ssim), 4), round(float(brighter.mean()), 2)]
            table.append(row)
            run.tqdm.write("  ".join(map(str, row)))
        bar.close()
    columns = ["pictures", "count", "PSNR before", "SSIM before"]
    columns += [
        "%s: %s" % (name, what)
        for name in ("small generator", "wide view")
        for what in ("dB gained", "worst", "SSIM gained", "levels brighter")
    ]
    note = "untouched pictures: PSNR of the result against the picture itself in place of a gain"
    record.table("Gains on pictures that nothing was trained on", columns, table, note)
    print("record: %s" % record.save())


if __name__ == "__main__":
    options.run(main)
