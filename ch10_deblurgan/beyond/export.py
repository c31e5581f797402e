"""Writes a trained generator as a small npz file (kernels as float16), as the project ships one.

``beyond/export.py small.npz`` takes the run folder's best weights, or ``--weights``;
``beyond/restore.py --weights small.npz`` uses it.
"""

import os

import tensorflow as tf
from tensorflow.keras import backend as K

from ch10_deblurgan.beyond.generator import load_generator, save_small
from ch10_deblurgan.beyond.restore import add_weights_option, choose_weights
from common import options, run


def add_options(parser):
    parser.add_argument("target", help="npz file to write")
    add_weights_option(parser)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, [], argv, add_options, base="cpu")
    run.start(opts.seed)
    with tf.Session() as sess:
        K.set_session(sess)
        g, settings = load_generator(choose_weights(opts))
        save_small(opts.target, g, settings)
    print("%s: %.1f MB" % (opts.target, os.path.getsize(opts.target) / 1e6))


if __name__ == "__main__":
    options.run(main)
