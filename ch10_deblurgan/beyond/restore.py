"""Restores photos of one's own: any size, any kind of picture, several photos or whole folders (10.2.12).

``beyond/restore.py photo.jpg folder …``. Large photos go through overlapping tiles, so that memory stays bounded.

Reads: photos; the weights: ``--weights``, else ``weights/generator_best.h5`` of the run folder, else (but for tiny) those
that come with the project. Writes into the run folder: ``restored/<name>.png`` and a record. Time on two cores: a second for a
640×360 photo, a minute for 12 megapixels. See also ``evaluate.py`` (scores on pairs), ``export.py`` (small weights).
"""

import os
import sys

try:
    import resource
except ImportError:  # Windows
    resource = None

import tensorflow as tf
from tensorflow.keras import backend as K

from ch10_deblurgan.beyond import baselines, fast, kernels, tiles
from ch10_deblurgan.beyond.generator import SHIPPED, load_generator
from common import images, options, run
from common.errors import UserError
from common.options import Value
from common.records import Record

RESTORE_VALUES = [
    Value("strength", 1.0, "share of the network's change that is made: below 1 gentler", low=0.0, high=1.0),
    Value(
        "ensemble",
        False,
        "the mean of the eight results of the flipped and turned picture: better, eight times as slow",
    ),
    Value("fast", False, "the same mathematics arranged for a processor (fast.py)", more=True),
]
VALUES = (
    RESTORE_VALUES
    + [Value("baselines", False, "unsharp mask, Wiener and Richardson-Lucy beside the network", more=True)]
    + tiles.TILE_VALUES
)


def choose_weights(opts):
    """``--weights``; else the run folder's best; else, but for tiny, the project's own. UserError where there are none."""
    if opts.weights:
        return os.path.expanduser(opts.weights)
    best = os.path.join(opts.output_dir, "weights", "generator_best.h5")
    if os.path.exists(best):
        return best
    if opts.preset == "tiny":  # which is for looking whether one's own training works
        raise UserError("no trained generator in %s: run ch10_deblurgan/beyond/train.py first" % opts.output_dir)
    return SHIPPED


def restorer(sess, opts):
    """(a ``restore`` of ``tiles.py`` with the weights that ``opts`` choose, their settings). ``sess`` must be Keras's session."""
    path = choose_weights(opts)
    print("weights: %s" % path)
    kernels.use_threads(opts.threads)
    g, settings = load_generator(path)
    run.initialize_uninitialized(sess)
    photo = tf.placeholder(tf.float32, [1, None, None, 3])
    output, _ = fast.applied(g, photo, fast=opts.fast)

    def restore(values):
        return sess.run(output, {photo: values})

    if opts.ensemble:
        restore = tiles.eight_ways(restore)
    if opts.strength != 1:
        restore = tiles.gentler(restore, opts.strength)
    return restore, settings


def peak_memory():
    """The largest memory of this process so far in MiB, or None where the system does not tell (Windows)."""
    if resource is None:
        return None
    unit = 2.0**20 if sys.platform == "darwin" else 2.0**10  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def photo_paths(arguments):
    """The files of the arguments; a folder stands for the pictures in it. UserError for what is not there."""
    paths = []
    for argument in arguments:
        if not os.path.exists(argument):
            raise UserError("%s: no such photo or folder" % argument)
        paths += images.list_pictures(argument) if os.path.isdir(argument) else [argument]
    return paths


def output_name(path):
    """What a result of ``path`` is called: its name without ending, cut so that something can be added to it."""
    name = os.path.splitext(os.path.basename(path))[0].encode("utf-8", "replace")
    return name[:200].decode("utf-8", "ignore")  # file systems allow 255 bytes


def restore_photos(opts, paths, restore, record):
    """Restores photos into ``restored/<name>.png``; a second photo of a name becomes ``<name>-2``."""
    taken = {}
    folder = os.path.join(opts.output_dir, "restored")
    for path in run.progress(paths, desc="restoring", unit="photo"):
        pixels = images.read_rgb(path)
        restored = tiles.restore_picture(restore, pixels, opts.tile, opts.overlap)
        name = output_name(path)
        taken[name] = taken.get(name, 0) + 1
        name += "-%d" % taken[name] if taken[name] > 1 else ""
        target = images.write_png(os.path.join(folder, name + ".png"), restored)
        print("%s (%d×%d) -> %s" % (path, pixels.shape[1], pixels.shape[0], target))
        if opts.baselines:
            for method, index in baselines.MIDDLE.items():
                _, function, arguments = baselines.GRID[method][index]
                beside = os.path.join(folder, "%s-%s.png" % (name, method.replace(" ", "-")))
                images.write_png(beside, function(pixels, *arguments))
        if len(record.content["files"]) < 5:
            before = images.write_png(os.path.join(folder, "before", name + ".png"), pixels)
            record.file(target, "comparison", "%s restored" % name, "%s 复原" % name, before=before, after=target)
    record.metric("photos restored", len(paths))


def add_weights_option(parser):
    parser.add_argument("--weights", metavar="FILE", help="h5 file in a run folder's weights/, or an npz of export.py")


def add_options(parser):
    parser.add_argument("photos", nargs="+", help="photos or folders of photos")
    add_weights_option(parser)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add_options, base="cpu")
    tiles.check_tiles(opts)
    paths = photo_paths(opts.photos)
    run.start(opts.seed)
    record = Record(opts, opts.script, "section 10.2.12", "photos")
    for place in ("photos", "weights"):  # where files lay says nothing about the result
        record.content["settings"].pop(place, None)
    with tf.Session(config=run.session_config(opts.threads)) as sess:
        K.set_session(sess)
        restore, _ = restorer(sess, opts)
        restore_photos(opts, paths, restore, record)
    if peak_memory():
        record.metric("peak memory", round(peak_memory()), "MiB", note="of the whole process")
        print("peak memory: %.0f MiB" % peak_memory())
    print("record: %s" % record.save())


if __name__ == "__main__":
    options.run(main)
