"""Pairs from sharp photos of one's own: blur is made (random motion paths as in DeblurGAN's paper, and straight ones).

Reads: a folder of sharp photos. Writes: ``--target`` (default ``data/gopro/image``), laid out as ``{train,val,test}/{A,B}``.
Of every ten photos the second is held out as 'test' and the seventh as 'val', by which ``train.py`` chooses its best epoch; or
those named by ``--test`` and ``--val`` (without ``.jpg``). A call that fails or is stopped leaves no photo there.
Next: ``beyond/train.py``.
"""

import contextlib
import os

import numpy as np

from ch10_deblurgan.beyond import motion
from ch10_deblurgan.ext_10_2_1_layout import check_empty, check_named_once, filled_at_once
from common import images, options, run
from common.errors import UserError
from common.options import Value
from common.records import Record
from data import gopro

VALUES = [
    Value("long_side", 0, "photos are shrunk to this longer side; 0: as they are", low=0),
    Value("max_blur", 24.0, "longest blur in pixels", tiny=6.0, low=1.0, high=200.0),
]


def make_blur(pixels, random, max_blur):
    """A sharp uint8 picture under a random blur of 1 to ``max_blur`` pixels; every fourth along a straight line."""
    length = random.uniform(1.0, max_blur)
    straight = random.randint(4) == 0
    angle = random.uniform(0, np.pi)
    path = motion.linear_trajectory(length, angle) if straight else motion.random_trajectory(random, length)
    return motion.blur(pixels, motion.kernel_of(path))


def splits(names, test, val):
    """{name: 'test' or 'val'} of the photos to hold out; UserError for names that are not there, or twice, or all."""
    unknown = sorted((set(test) | set(val)) - set(names))
    if unknown:
        raise UserError("no photo is called %s; there are: %s" % (", ".join(unknown), ", ".join(names)))
    check_named_once([[name] for name in names], test, val)
    held_out = dict([(name, "test") for name in test] + [(name, "val") for name in val])
    if set(names) == set(held_out):
        raise UserError("nothing is left to train on: all photos are named by --test or --val")
    if not held_out and len(names) < 2:
        raise UserError("two photos at least are needed, one to train on and one to test with")
    return held_out or dict([(name, "test") for name in names[1::10]] + [(name, "val") for name in names[6::10]])


def add_options(parser):
    parser.add_argument("source", help="folder of sharp photos")
    parser.add_argument("--target", help="where train, val and test go (default: data/gopro/image)")
    parser.add_argument("--test", nargs="*", default=[], metavar="PHOTO", help="held out for the final scores")
    parser.add_argument("--val", nargs="*", default=[], metavar="PHOTO", help="held out to watch training with")
    options.add_shard(parser, "photo")


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add_options, base="cpu")
    paths = images.list_pictures(opts.source)
    names = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError("%s: two photos are called %s: rename one" % (opts.source, twice[0]))
    held_out = splits(names, opts.test, opts.val)
    opts.target = os.path.abspath(opts.target or os.path.join(options.REPOSITORY, "data", "gopro", "image"))
    alone = opts.shard == (1, 1)
    if alone:
        check_empty(opts.target)
    mine = list(enumerate(zip(names, paths)))[opts.shard[0] - 1 :: opts.shard[1]]
    for _, (_, path) in run.progress(mine, desc="looking at photos", unit="photo"):
        images.read_rgb(path)  # a damaged one ends this before others have been blurred for hours
    # processes that share the work put their photos there one by one, and may do so again
    with filled_at_once(opts.target) if alone else contextlib.nullcontext(opts.target) as target:
        for number, (name, path) in run.progress(mine, desc="blurring", unit="photo"):
            random = np.random.RandomState([opts.seed, number])  # of this photo alone, whoever does the others
            sharp = images.shrunk(images.read_rgb(path), opts.long_side)
            folder = os.path.join(target, held_out.get(name, "train"))
            images.write_png(os.path.join(folder, "A", name + ".png"), make_blur(sharp, random, opts.max_blur))
            images.write_png(os.path.join(folder, "B", name + ".png"), sharp)
    if not alone:
        print("share %d of %d is done: %d pairs in %s" % (opts.shard + (len(mine), opts.target)))
        return
    record = Record(opts, opts.script, "section 10.2.1", "sharp photos, made blur")
    for split in sorted({held_out.get(name, "train") for name in names}):
        count = len(gopro.find_pairs(os.path.join(opts.target, split)))
        record.metric("pairs: " + split, count)
        print("%s: %d pairs in %s" % (split, count, os.path.join(opts.target, split)))
    for place in ("source", "target"):  # where files lay says nothing about the result
        record.content["settings"].pop(place, None)
    record.save()


if __name__ == "__main__":
    options.run(main)
