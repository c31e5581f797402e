"""Photos by the generator of 10-1: the older, smaller weights that come with the project, or those of a run of ``train.py``.

``beyond/restore.py photo.jpg folder …``: what ``ext_10_2_12_photos.py`` does with the wide-view network, with this one.

Reads: photos; the weights: ``--weights``, else ``weights/generator_best.h5`` of the run folder, else (but for tiny) those
that come with the project. Writes into the run folder: ``restored/<name>.png``, ``comparison/<name>.png`` and a record. Time on
two cores: a second for a 640×360 photo, a minute for 12 megapixels. See also ``evaluate.py`` (scores on pairs), ``export.py``.
"""

import os

import tensorflow as tf
from tensorflow.keras import backend as K

from ch10_deblurgan import ext_10_2_12_photos as photos
from ch10_deblurgan.beyond import baselines, fast, tiles
from ch10_deblurgan.beyond.generator import SHIPPED, load_generator
from common import options, run
from common.errors import UserError
from common.options import Value

RESTORE_VALUES = tiles.CHANGE_VALUES + [
    Value("fast", False, "the same mathematics arranged for a processor (fast.py)", more=True),
]
VALUES = (
    RESTORE_VALUES
    + photos.PHOTO_VALUES
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
    """A ``restore`` of ``tiles.py`` with the weights that ``opts`` choose; ``sess`` becomes Keras's session."""
    path = choose_weights(opts)
    print("weights: %s" % path)
    K.set_session(sess)
    g, _ = load_generator(path)
    run.initialize_uninitialized(sess)
    photo = tf.placeholder(tf.float32, [1, None, None, 3])
    output, _ = fast.applied(g, photo, fast=opts.fast)
    return tiles.as_asked(lambda values: sess.run(output, {photo: values}), opts)


def classical_methods():
    """``(name, function, arguments)`` of those of ``baselines.py``, with their settings for photos of one's own."""
    return [(name.replace(" ", "-"),) + baselines.GRID[name][index][1:] for name, index in baselines.MIDDLE.items()]


def add_weights_option(parser):
    parser.add_argument("--weights", metavar="FILE", help="h5 file in a run folder's weights/, or an npz of export.py")


def add_options(parser):
    parser.add_argument("photos", nargs="+", help="photos or folders of photos")
    add_weights_option(parser)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add_options, base="cpu")
    tiles.check_tiles(opts)
    photos.restore_photos(opts, lambda session: restorer(session, opts), classical_methods() if opts.baselines else ())


if __name__ == "__main__":
    options.run(main)
