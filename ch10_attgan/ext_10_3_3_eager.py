"""Section 10.3.3: the data set of listing 10-4 in eager mode and in graph mode - the same pictures, and how long each takes.

Reads: CelebA (preset tiny: generated faces), the test part in order. Writes: ``both_modes.png`` (above eager, below graph) and
a record with the times. Time: seconds.
Next: ``python ch10_attgan/code_10_05_models.py --preset tiny``.
"""

import os
import time

import numpy as np
import tensorflow as tf

from ch10_attgan.code_10_04_dataset import Celeba, batch_size, img_size
from common import datasets, images, options, records, run
from common.errors import UserError
from common.options import Value
from data import celeba

ATTRIBUTES = ["Bald", "Bangs", "Eyeglasses", "Male", "Young"]

VALUES = [
    Value("img_size", img_size, "side of the pictures", tiny=32, low=1, high=4096),
    Value("batch_size", batch_size, "pictures in a batch", tiny=4, low=1),
    Value("batches", 20, "how many batches are read at most", tiny=4, low=1),
]


def first_batches(opts, folder):
    """(pictures, labels, seconds) of the first ``opts.batches`` batches of the test part, in the mode that is in force."""
    data = Celeba(folder, ATTRIBUTES, opts.img_size, opts.batch_size, mode="test")
    began = time.time()
    batches = [batch for batch, _ in zip(data, range(opts.batches))]
    seconds = time.time() - began
    arrays = [[np.asarray(item) for item in batch] for batch in batches]
    return np.concatenate([a for a, _ in arrays]), np.concatenate([b for _, b in arrays]), seconds


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv)
    tf.enable_eager_execution()  # before anything else; graph mode is reached by a graph of its own
    run.start(opts.seed)
    folder = datasets.locate("celeba", opts, required=[celeba.ATTRIBUTE_FILE])
    pictures, labels, seconds = first_batches(opts, folder)
    with tf.Graph().as_default():
        graph_pictures, graph_labels, graph_seconds = first_batches(opts, folder)
    difference = float(np.abs(pictures - graph_pictures).max())  # graphs multiply by 1/127.5 where eager mode divides
    if difference > 1e-6 or not np.array_equal(labels, graph_labels):
        raise UserError("the two modes read different pictures: they differ by %.2g" % difference)
    print("%d pictures of the test part, the same in both modes (within %.1g)" % (len(pictures), difference))
    print("eager mode %.3f s, graph mode %.3f s" % (seconds, graph_seconds))
    rows = [np.concatenate([images.to_uint8(item) for item in some[:8]], axis=1) for some in (pictures, graph_pictures)]
    path = images.write_png(os.path.join(opts.output_dir, "both_modes.png"), np.concatenate(rows))
    record = records.Record(opts, opts.script, "section 10.3.3", celeba.describe(folder, len(pictures)))
    record.metric("pictures that are the same in both modes", len(pictures))
    record.metric("eager mode", round(seconds, 3), "s")
    record.metric("graph mode", round(graph_seconds, 3), "s")
    record.file(
        path, "picture", "The same faces in eager mode (above) and graph mode", "动态图（上）与静态图读出的同一批人脸"
    )
    record.save()


if __name__ == "__main__":
    options.run(main)
