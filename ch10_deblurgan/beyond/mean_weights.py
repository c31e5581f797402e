"""The mean of two or more weights of the wide-view network, one of which was trained on from another (beyond 10.2.12).

``beyond/mean_weights.py mean.npz first.npz second.npz`` writes it. Trainings that share a beginning lie close enough for that,
and the mean forgets less of what the earlier could (Wortsman et al. 2022, arXiv 2109.01903).

Reads: files of ``train_photos.py``. Writes: an npz, which ``ext_10_2_12_photos.py --weights`` takes.
"""

import os

from ch10_deblurgan.beyond import wide_view
from common import options, run, weights
from common.errors import UserError


def mean(paths):
    """(values by name, settings): the mean of the values of ``paths``; UserError unless all are of the same network."""
    read = [wide_view.load(path) for path in paths]
    settings = read[0][1]
    for path, (_, others) in zip(paths, read):
        if others != settings:
            raise UserError("weights %s are of another network than %s" % (path, paths[0]))
    return weights.mean([values for values, _ in read], paths), settings


def add_options(parser):
    parser.add_argument("target", help="npz file to write")
    parser.add_argument("weights", nargs="+", metavar="NPZ", help="weights of runs of train_photos.py, two at least")


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, [], argv, add_options, base="photos")
    run.start(opts.seed)
    weights.save(opts.target, *mean(opts.weights))
    print("%s: %.1f MB" % (opts.target, os.path.getsize(opts.target) / 1e6))


if __name__ == "__main__":
    options.run(main)
