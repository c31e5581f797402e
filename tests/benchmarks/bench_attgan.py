"""Example 55: the printed way and ours, measured in turns in one process (a script, not collected by pytest).

Reads: the generated sample, or ``--data-dir``. Prints, for each pair, the median times and their ratio:

* start-up: the attribute list by ``np.loadtxt`` (twice, as printed) and by pandas;
* loader: whole picture decoded and the decoded pictures shuffled (printed), only the box decoded and paths shuffled (ours),
  resized pictures kept in memory (``--cache``);
* iteration: n_d critic steps and a generator step, with the printed loader, slim's instance norm, and the summaries of every
  step written (printed), against ours.

Processor time stands beside the wall clock's, since it does not depend on what else the machine does.
Time on two cores: a minute with the default sizes.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from types import SimpleNamespace

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import numpy as np
import tensorflow as tf
import tensorflow.contrib.slim as slim

from ch10_attgan import code_10_04_dataset as dataset
from ch10_attgan import code_10_05_models as models
from ch10_attgan import code_10_06_train as train
from common import datasets, training


def clocks():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return np.array([time.time(), usage.ru_utime + usage.ru_stime])


def compare(title, ways, rounds):
    """Runs the ways in turns; prints medians and the ratio of the first to each other one."""
    times = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            begin = clocks()
            way()
            if number:  # the first round warms up
                times[name].append(clocks() - begin)
    first = None
    for name, values in times.items():
        wall, processor = np.median(values, axis=0)
        first = first if first is not None else (wall, processor)
        print(
            "%-10s %-22s wall %9.2f ms   processor %9.2f ms   ratio %.2f / %.2f"
            % (title, name, wall * 1e3, processor * 1e3, first[0] / wall, first[1] / processor)
        )


def printed_attributes(path):
    """Names and labels as the print reads them."""
    for _ in range(2):  # once for the training part, once for the validation part
        np.loadtxt(path, skiprows=2, usecols=[0], dtype=str)
        labels = np.loadtxt(path, skiprows=2, usecols=range(1, 41), dtype=np.int64)
    return labels


def write_long_list(path, rows):
    """An attribute list of ``rows`` rows in CelebA's format."""
    values = np.random.RandomState(0).choice([" -1", "  1"], (rows, 40))
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("%d\n%s\n" % (rows, " ".join(sorted(dataset.Celeba.att_dict))))
        for number, row in enumerate(values):
            stream.write("%06d.jpg%s\n" % (number + 1, "".join(row)))


def printed_loader(paths, labels, img_size, batch_size, buffer_size):
    """Batches as the print makes them; its shuffle buffer holds decoded pictures (4096, or as many as there are)."""
    row, column, side = dataset.crop_box_of(img_size)

    def read(path, label):
        picture = tf.image.decode_png(tf.read_file(path), 3)
        picture = tf.image.crop_to_bounding_box(picture, row, column, side, side)
        picture = tf.image.resize_images(picture, [img_size, img_size], tf.image.ResizeMethod.BICUBIC)
        return tf.clip_by_value(picture, 0, 255) / 127.5 - 1, (label + 1) // 2

    data = tf.data.Dataset.from_tensor_slices((paths, labels)).map(read, num_parallel_calls=16).shuffle(buffer_size)
    data = data.batch(batch_size, drop_remainder=True).repeat(-1).prefetch(2)
    return data.make_one_shot_iterator().get_next()


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="a folder in CelebA's layout (default: the generated sample)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=20000, help="length of the attribute list (CelebA: 202599)")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--dim", type=int, default=16, help="width of the networks")
    parser.add_argument("--n-d", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args(argv)
    training.start()
    folder = args.data_dir or datasets.sample("celeba")

    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "list.txt")
        write_long_list(path, args.rows)
        ways = {"printed": lambda: printed_attributes(path), "ours": lambda: dataset.read_attributes(path)}
        compare("start-up", ways, 1)

        values = dict(train.PRESETS["book"], img_size=64, batch_size=args.batch_size, n_d=args.n_d)
        values.update({name: args.dim for name in ("enc_dim", "dec_dim", "dis_dim")})
        opts = SimpleNamespace(**values)
        with tf.Session(config=training.session_config(args.threads)) as session:
            arguments = dict(sess=session, threads=16)
            plain = dataset.Celeba(folder, opts.atts, 64, args.batch_size, **arguments)
            cached = dataset.Celeba(folder, opts.atts, 64, args.batch_size, cache=True, **arguments)
            old = printed_loader(plain.paths, 2 * plain.labels - 1, 64, args.batch_size, min(4096, len(plain)))
            ten = max(1, 160 // args.batch_size)

            def load(batch):
                return lambda: [session.run(batch) for _ in range(ten)]

            ways = {"printed": load(old), "box only": load(plain.batch_op), "kept in memory": load(cached.batch_op)}
            compare("loader", ways, args.rounds)
            print("           (%d pictures a round)" % (ten * args.batch_size))

            our_norm = models.instance_norm
            models.instance_norm = slim.instance_norm
            printed_model = train.build(opts, *old)
            models.instance_norm = our_norm
            with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):  # the same weights for both
                our_model = train.build(opts, *cached.batch_op)
            session.run(tf.global_variables_initializer())
            writer = tf.summary.FileWriter(scratch)

            def printed_iteration():
                for _ in range(opts.n_d):
                    text, _ = session.run([printed_model.d_summary, printed_model.d_step], {printed_model.lr: 1e-4})
                    writer.add_summary(text, 0)
                text, _ = session.run([printed_model.g_summary, printed_model.g_step], {printed_model.lr: 1e-4})
                writer.add_summary(text, 0)

            def our_iteration():
                for _ in range(opts.n_d):
                    session.run(our_model.d_step, {our_model.lr: 1e-4})
                session.run(our_model.g_step, {our_model.lr: 1e-4})

            compare("iteration", {"printed": printed_iteration, "ours, kept in memory": our_iteration}, args.rounds)


if __name__ == "__main__":
    main()
