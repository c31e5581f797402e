"""Section 10.2.1: lays blurred and sharp photos out as ``image/{train,val,test}/{A,B}`` and checks the pairs.

Takes GOPRO_Large as unpacked, ``{train,test}/<sequence>/{blur,sharp}/*.png``, or any tree of folders that hold ``blur`` and
``sharp``: the clips named by ``--test`` and ``--val`` are held out, so that nothing of them is trained on. The book's 200
training pairs are spread evenly over the clips. (Photos without a blurred partner: ``beyond/synthesize.py``.)

Reads: ``--source`` (default: the data set gopro). Writes: ``--target`` (default ``data/gopro/image``): links where the system
has them, else copies. Names are ``<sequence>_<file>.png``, which the listings look for, JPEG files' too: TensorFlow looks at the
content. Other kinds, and what EXIF data turn, are made PNG. Time: some minutes for the 3,214 pairs of GOPRO_Large. Next:
``code_10_02_train.py``.
"""

import contextlib
import os
import shutil
import tempfile

import numpy as np

from common import datasets, images, options
from common.errors import UserError
from common.options import Value
from common.records import Record
from data import gopro

VALUES = [
    Value("train_pairs", 200, "at most so many training pairs, evenly chosen; 0: all", tiny=0, low=0),
    Value("test_pairs", 20, "at most so many test pairs; 0: all", tiny=0, low=0),
    Value("blur_gamma", False, "GOPRO's blur_gamma pictures (blur added up in linear light) instead of blur"),
]


def find_clips(source, blur_name="blur"):
    """Folders below ``source`` that hold both ``<blur_name>`` and ``sharp``: {relative path: folder}, sorted.

    UserError where there are none, or no ``source``.
    """
    if not os.path.isdir(source):
        raise UserError("%s: no such folder" % source)
    clips = {}
    for folder, names, _ in os.walk(source, followlinks=True):
        names.sort()
        if blur_name in names and "sharp" in names:
            clips[os.path.relpath(folder, source)] = folder
    if not clips:
        raise UserError("%s: no folder below it holds both %s and sharp" % (source, blur_name))
    return clips


def check_named_once(known, test, val):
    """UserError where one of ``known``, a list of the names that each thing goes by, is in both ``test`` and ``val``."""
    for names in known:
        if set(names) & set(test) and set(names) & set(val):
            raise UserError("%s is named twice, to score with and to watch training with: choose one" % names[0])


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
    """A link to ``source`` at ``target`` (a copy where links are not allowed); a PNG of what the listings would not read."""
    with images.open_picture(source) as picture:
        readable = picture.format in ("PNG", "JPEG") and not images.upright_size(picture)[1]
    if not readable:
        images.write_png(target, images.read_rgb(source))
        return
    try:
        os.symlink(os.path.abspath(source), target)
    except OSError:
        shutil.copyfile(source, target)


def check_empty(target):
    """UserError when the folder ``target`` holds anything; hidden files, such as a killed process leaves behind, do not count."""
    if os.path.isdir(target) and any(not name.startswith(".") for name in os.listdir(target)):
        raise UserError("%s is not empty: remove it, or choose another --target" % target)


@contextlib.contextmanager
def filled_at_once(target):
    """A folder to write into: what it holds goes to ``target`` when the block ends without an error or Ctrl-C, else nowhere."""
    os.makedirs(target, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".") as folder:
        yield folder
        for name in sorted(os.listdir(folder)):
            os.rename(os.path.join(folder, name), os.path.join(target, name))


def clip_pairs(folder, blur_name, prefix):
    """(name in the layout, blurred path, sharp path) of one clip; UserError when the two folders do not match."""
    blurred, sharp = (gopro.by_name(images.list_pictures(os.path.join(folder, part))) for part in (blur_name, "sharp"))
    alone = sorted(set(blurred) ^ set(sharp))
    if alone:
        raise UserError("%s: pictures without a partner: %s" % (folder, ", ".join(alone[:10])))
    return [(prefix + name + ".png", blurred[name], sharp[name]) for name in sorted(blurred)]


def lay_out_clips(opts):
    """GOPRO_Large or a tree of clips → {split: number of pairs}."""
    blur_name = "blur_gamma" if opts.blur_gamma else "blur"
    clips = find_clips(opts.source, blur_name)
    names = [os.path.basename(clip) for clip in clips]
    unknown = sorted((set(opts.test) | set(opts.val)) - set(names) - set(clips))
    if unknown:
        raise UserError("no clip is called %s; there are: %s" % (", ".join(unknown), ", ".join(sorted(clips))))
    check_named_once(list(zip(clips, names)), opts.test, opts.val)
    splits = {"train": [], "val": [], "test": []}
    for (clip, folder), name in zip(clips.items(), names):
        # two clips of one name are told apart by the folders above them
        prefix = name + "_" if names.count(name) == 1 else clip.replace(os.sep, "_") + "_"
        found = clip_pairs(folder, blur_name, "" if clip == "." else prefix)
        splits[split_of(clip, opts.test, opts.val, clips)] += found
    if (opts.test or opts.val) and not splits["train"]:
        raise UserError("nothing is left to train on: all clips are named by --test or --val")
    splits["train"] = evenly(splits["train"], opts.train_pairs)
    splits["test"] = evenly(splits["test"], opts.test_pairs)
    for found in splits.values():  # all are looked at before anything is written
        taken = {}
        for name, blurred, sharp in found:
            if name in taken:
                raise UserError("%s and %s would both be called %s: rename a clip" % (taken[name], blurred, name))
            taken[name] = blurred
            gopro.check_pair(blurred, sharp)
    with filled_at_once(opts.target) as folder:
        for split, found in splits.items():
            for name, blurred, sharp in found:
                for part, path in (("A", blurred), ("B", sharp)):
                    target = os.path.join(folder, split, part, name)
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    put(path, target)
    return {split: len(found) for split, found in splits.items() if found}


def add_options(parser):
    parser.add_argument("--source", help="folder to lay out (default: the data set gopro)")
    parser.add_argument("--target", help="where train, val and test go (default: data/gopro/image)")
    parser.add_argument("--test", nargs="*", default=[], metavar="CLIP", help="clips held out for the final scores")
    parser.add_argument("--val", nargs="*", default=[], metavar="CLIP", help="clips held out to watch training with")


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add_options)
    sample = opts.preset == "tiny" and not opts.source and not opts.data_dir
    if sample:
        opts.source = os.path.join(datasets.sample("gopro"), "clips")
    opts.source = os.path.abspath(opts.source or datasets.find("gopro", opts.data_dir))
    default = os.path.join(opts.output_dir, "image") if opts.preset == "tiny" else "data/gopro/image"
    opts.target = os.path.abspath(opts.target or os.path.join(options.REPOSITORY, default))
    check_empty(opts.target)
    counts = lay_out_clips(opts)
    for split in sorted(counts):
        gopro.find_pairs(os.path.join(opts.target, split))
        print("%s: %d pairs in %s" % (split, counts[split], os.path.join(opts.target, split)))
    record = Record(opts, opts.script, "section 10.2.1", "generated sample" if sample else "photos")
    for split in sorted(counts):
        record.metric("pairs: " + split, counts[split])
    for place in ("source", "target"):
        record.content["settings"].pop(place, None)
    record.save()


if __name__ == "__main__":
    options.run(main)
