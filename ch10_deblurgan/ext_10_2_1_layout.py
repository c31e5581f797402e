"""Section 10.2.1: lays blurred and sharp photos out as ``image/{train,val,test}/{A,B}`` and checks the pairs.

Takes (1) GOPRO_Large as unpacked, ``{train,test}/<sequence>/{blur,sharp}/*.png``; (2) any tree of folders that hold
``blur`` and ``sharp`` (the clips named by ``--test`` and ``--val`` are held out, so that nothing of them is trained on); or,
with ``--synthesize``, (3) a folder of sharp photos of one's own, whose blur is made (random motion paths, as in DeblurGAN's
paper); every tenth is held out, or those named by ``--test`` and ``--val`` (without ``.jpg``).

Reads: ``--source`` (default: the data set gopro). Writes: ``--target`` (default ``data/gopro/image``): links where the system
has them, else copies; names are ``<sequence>_<file>``. Time: some minutes for the 3,214 pairs of GOPRO_Large. Next:
``code_10_02_train.py``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import shutil

import numpy as np

from ch10_deblurgan import motion, pairs
from common import datasets, images, options, training
from common.errors import UserError
from common.records import Record

PRESETS = {
    "book": dict(train_pairs=200, test_pairs=20, long_side=0, max_blur=24.0, blur_gamma=False),
    "cpu": dict(train_pairs=0, test_pairs=0),
    "tiny": dict(train_pairs=0, test_pairs=0, max_blur=6.0),
}
HELP = dict(
    train_pairs="at most so many training pairs, evenly chosen; 0: all",
    test_pairs="at most so many test pairs; 0: all",
    long_side="with --synthesize: photos are shrunk to this longer side; 0: as they are",
    max_blur="with --synthesize: longest blur in pixels",
    blur_gamma="GOPRO's blur_gamma pictures (blur added up in linear light) instead of blur",
)


def find_clips(source, blur_name="blur"):
    """Folders below ``source`` that hold both ``<blur_name>`` and ``sharp``: {relative path: folder}, sorted."""
    clips = {}
    for folder, names, _ in os.walk(source, followlinks=True):
        names.sort()
        if blur_name in names and "sharp" in names:
            clips[os.path.relpath(folder, source)] = folder
    return clips


def split_of(clip, test, val, all_clips):
    """'train', 'val' or 'test' of a clip: as named; else by a folder 'train' or 'test' above it; else train.

    The official pack may lie at any depth (``GOPRO_Large/test/GOPR0384_11_00``); the folders count only where every clip
    lies below one of the two, so that a clip that happens to be called 'test' is no test set.
    """
    name = os.path.basename(clip)
    if clip in test or name in test:
        return "test"
    if clip in val or name in val:
        return "val"
    official = all({"train", "test"} & set(path.split(os.sep)[:-1]) for path in all_clips)
    return "test" if official and not test and "test" in clip.split(os.sep)[:-1] else "train"


def evenly(items, count):
    """``count`` of ``items``, evenly spread; all when count is 0 or there are no more."""
    if not count or count >= len(items):
        return items
    return [items[int(i)] for i in np.linspace(0, len(items) - 1, count)]


def put(source, target):
    """A link to ``source`` at ``target``; a copy where links are not allowed."""
    try:
        os.symlink(os.path.abspath(source), target)
    except OSError:
        shutil.copyfile(source, target)


def clip_pairs(clip, folder, blur_name):
    """(name, blurred path, sharp path) of one clip; UserError when the two folders do not match."""
    blurred, sharp = (
        {os.path.basename(path): path for path in images.list_pictures(os.path.join(folder, part))}
        for part in (blur_name, "sharp")
    )
    alone = sorted(set(blurred) ^ set(sharp))
    if alone:
        raise UserError("%s: pictures without a partner: %s" % (folder, ", ".join(alone[:10])))
    prefix = "" if clip == "." else os.path.basename(clip) + "_"
    return [(prefix + name, blurred[name], sharp[name]) for name in sorted(blurred)]


def lay_out_clips(opts):
    """GOPRO_Large or a tree of clips → {split: number of pairs}."""
    blur_name = "blur_gamma" if opts.blur_gamma else "blur"
    clips = find_clips(opts.source, blur_name)
    if not clips:
        raise UserError(
            "%s: no folder below it holds both %s and sharp (or give --synthesize)" % (opts.source, blur_name)
        )
    names = {os.path.basename(clip) for clip in clips} | set(clips)
    unknown = sorted((set(opts.test) | set(opts.val)) - names)
    if unknown:
        raise UserError("no clip is called %s; there are: %s" % (", ".join(unknown), ", ".join(sorted(clips))))
    splits = {"train": [], "val": [], "test": []}
    for clip, folder in clips.items():
        splits[split_of(clip, opts.test, opts.val, clips)] += clip_pairs(clip, folder, blur_name)
    splits["train"] = evenly(splits["train"], opts.train_pairs)
    splits["test"] = evenly(splits["test"], opts.test_pairs)
    for split, found in splits.items():
        for name, blurred, sharp in found:
            pairs.check_pair(blurred, sharp)
            for part, path in (("A", blurred), ("B", sharp)):
                target = os.path.join(opts.target, split, part, name)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                if os.path.lexists(target):
                    raise UserError("%s is there already: choose an empty --target" % target)
                put(path, target)
    return {split: len(found) for split, found in splits.items() if found}


def lay_out_photos(opts):
    """Sharp photos → pairs with made blur; ``--test`` and ``--val`` name those to hold out, else each tenth is one."""
    random = np.random.RandomState(opts.seed)
    counts = {}
    paths = images.list_pictures(opts.source)
    names = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    unknown = sorted((set(opts.test) | set(opts.val)) - set(names))
    if unknown:
        raise UserError("no photo is called %s; there are: %s" % (", ".join(unknown), ", ".join(names)))
    held_out = dict([(name, "test") for name in opts.test] + [(name, "val") for name in opts.val])
    if not held_out:
        if len(paths) < 2:
            raise UserError("%s: two photos at least are needed, one to train on and one to test with" % opts.source)
        held_out = {name: "test" for name in names[1::10]}
    for name, path in zip(names, training.progress(paths, desc="blurring", unit="photo")):
        sharp = images.read_rgb(path)
        scale = opts.long_side / float(max(sharp.shape[:2])) if opts.long_side else 1.0
        if scale < 1.0:
            sharp = images.resize(sharp, int(round(sharp.shape[0] * scale)), int(round(sharp.shape[1] * scale)))
        length = random.uniform(1.0, opts.max_blur)
        straight = random.randint(4) == 0
        angle = random.uniform(0, np.pi)
        way = motion.linear_trajectory(length, angle) if straight else motion.random_trajectory(random, length)
        split = held_out.get(name, "train")
        images.write_png(
            os.path.join(opts.target, split, "A", name + ".png"), motion.blur(sharp, motion.kernel_of(way))
        )
        images.write_png(os.path.join(opts.target, split, "B", name + ".png"), sharp)
        counts[split] = counts.get(split, 0) + 1
    return counts


def add_options(parser):
    parser.add_argument("--source", help="folder to lay out (default: the data set gopro)")
    parser.add_argument("--target", help="where train, val and test go (default: data/gopro/image)")
    parser.add_argument(
        "--test", nargs="*", default=[], metavar="CLIP", help="clips (or photos) held out for the final scores"
    )
    parser.add_argument(
        "--val", nargs="*", default=[], metavar="CLIP", help="clips (or photos) held out to watch training with"
    )
    parser.add_argument("--synthesize", action="store_true", help="the source holds sharp photos: make the blur")


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="deblurgan", argv=argv, add=add_options, help_texts=HELP)
    training.start(opts.seed)
    if opts.preset == "tiny" and not opts.source:
        opts.source = os.path.join(datasets.sample("gopro"), "clips")
    opts.source = os.path.abspath(opts.source or datasets.find("gopro", opts.data_dir))
    if not os.path.isdir(opts.source):
        raise UserError("%s: no such folder" % opts.source)
    default = os.path.join(opts.output_dir, "image") if opts.preset == "tiny" else "data/gopro/image"
    opts.target = os.path.abspath(opts.target or os.path.join(options.REPOSITORY, default))
    if os.path.isdir(opts.target) and os.listdir(opts.target):
        raise UserError("%s is not empty: remove it, or choose another --target" % opts.target)
    counts = lay_out_photos(opts) if opts.synthesize else lay_out_clips(opts)
    for split in sorted(counts):
        pairs.find_pairs(os.path.join(opts.target, split))
        print("%s: %d pairs in %s" % (split, counts[split], os.path.join(opts.target, split)))
    record = Record(
        opts, "ext_10_2_1_layout", "section 10.2.1", "generated sample" if opts.preset == "tiny" else "photos"
    )
    for split in sorted(counts):
        record.metric("pairs: " + split, counts[split])
    record.content["settings"] = {k: v for k, v in record.content["settings"].items() if k not in ("source", "target")}
    record.save()
    return 0


if __name__ == "__main__":
    options.run(main)
