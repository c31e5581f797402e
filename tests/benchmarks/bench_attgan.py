"""Speed and memory of example 55: listings 10-4 to 10-7 and what lies beyond them, in turns (see ``turns.py``).

training   n_d critic steps and a generator step: listing 10-6 with a summary of each, and beyond/train.py. On the same
           pictures, nothing drawn (labels in reversed order, the penalty half-way): the warm-ups' losses must be equal
loader     batches of listing 10-4 (whole pictures are decoded, and shuffled decoded) and of beyond/faces.py, which decodes the
           box alone; and with the resized pictures kept in memory
use        one face with one attribute switched: the listing's generator, and the same with beyond/fast.py
start-up   ``--help`` of listing 10-7 and of the door for own photos

    python tests/benchmarks/bench_attgan.py [--quick] [--record] [--only training …]
"""

import contextlib
import io
import os
import tempfile

import numpy as np
import tensorflow as tf

from ch10_attgan import code_10_04_dataset as mydataset
from ch10_attgan import code_10_06_train as listing
from ch10_attgan.beyond import fast, train
from ch10_attgan.beyond.faces import Faces
from common import datasets, options, run
from data import celeba
from tests.benchmarks import turns, worker

WIDTHS = ("enc_dim", "dec_dim", "dis_dim")
VALUES = [
    options.Value("img_size", 64, "side of the pictures", low=8, tiny=16),
    options.Value("batch_size", 16, "faces in a batch", low=1, tiny=4),
    options.Value("n_d", listing.n_d, "critic steps before each generator step", low=1, tiny=1),
    options.Value("dim", 32, "filters of each network's first layer", low=1, tiny=4),
    options.Value("layers", 5, "layers of each network", low=1, high=12, tiny=2),
    options.Value("pictures", 600, "generated faces that are loaded", low=60, tiny=60),
]


def of_networks(opts, rows):
    """The values of a training of this size."""
    values = {row.name: row.value for row in rows}
    values.update(vars(opts), dis_fc_dim=16 * opts.dim, shortcut_layers=1, inject_layers=1)
    values.update({name: opts.dim for name in WIDTHS})
    values.update({name: opts.layers for name in ("enc_layers", "dec_layers", "dis_layers")})
    return options.argparse.Namespace(**values)


def quietly():
    """What the listings print goes nowhere."""
    return contextlib.redirect_stdout(io.StringIO())


def training(way, opts):
    """An iteration: ``n_d`` critic steps, a generator step. In a warm-up the rate is 0: rounding has nothing to grow in."""
    run.start(opts.seed)
    tf.random_shuffle, tf.random_uniform = lambda a: tf.reverse(a, [0]), lambda shape, *_, **__: tf.fill(shape, 0.5)
    opts = of_networks(opts, listing.VALUES if way == "printed" else train.VALUES + listing.VALUES)
    random = np.random.RandomState(0)
    made = random.uniform(-1, 1, (opts.n_d + 1, opts.batch_size, opts.img_size, opts.img_size, 3)).astype("f")
    labels = random.randint(0, 2, (opts.n_d + 1, opts.batch_size, len(opts.att_default)))
    data = tf.data.Dataset.from_tensor_slices((made, labels)).repeat().make_one_shot_iterator().get_next()
    for tensor, value in zip(data, (made, labels)):
        tensor.set_shape(value.shape[1:])
    with quietly():
        net = listing.build(*data, *listing.networks(opts), opts) if way == "printed" else train.build(opts, *data)
    session = tf.Session(config=run.session_config(opts.threads))
    session.run(tf.global_variables_initializer())
    worker.fill(session, sorted(tf.trainable_variables(), key=lambda variable: variable.op.name))
    writer = tf.summary.FileWriter(tempfile.mkdtemp())

    def printed(warm):
        feed = {net.lr: 0.0 if warm else 1e-4}
        for _ in range(opts.n_d):
            d_summary, d_loss, _ = session.run([net.d_summary, net.d_loss, net.d_step], feed)
        writer.add_summary(d_summary, 0)
        g_summary, g_loss, _ = session.run([net.g_summary, net.g_loss, net.g_step], feed)
        writer.add_summary(g_summary, 0)
        return d_loss + g_loss

    def ours(warm):
        feed = {net.lr: 0.0 if warm else 1e-4}
        for _ in range(opts.n_d - 1):
            session.run(net.d_step, feed)
        if not warm:  # losses are fetched in a tenth of the iterations
            session.run(net.d_step, feed)
            session.run(net.g_step, feed)
            return None
        return session.run([net.d_loss, net.d_step], feed)[0] + session.run([net.g_loss, net.g_step], feed)[0]

    return printed if way == "printed" else ours


def loader(way, opts):
    """A hundred and sixty faces, or one batch."""
    folder = opts.data_dir or datasets.sample("celeba", count=opts.pictures)
    run.start(opts.seed)
    session = tf.Session(config=run.session_config(opts.threads))
    kind, more = (mydataset.Celeba, {}) if way == "printed" else (Faces, dict(cache=way == "in memory"))
    with quietly():
        data = kind(folder, listing.att_default, opts.img_size, opts.batch_size, sess=session, **more)

    def step(warm):
        for _ in range(max(1, 160 // opts.batch_size)):
            session.run(data.batch_op)

    return step


def use(way, opts):
    """One face."""
    run.start(opts.seed)
    opts = of_networks(opts, listing.VALUES)
    Genc, Gdec, _ = listing.networks(opts, layers=listing.models.slim if way == "printed" else fast)
    face = tf.placeholder(tf.float32, [None, opts.img_size, opts.img_size, 3])
    strengths = tf.placeholder(tf.float32, [None, len(opts.att_default)])
    edited = Gdec(Genc(face, is_training=False), strengths, is_training=False)
    session = tf.Session(config=run.session_config(opts.threads))
    session.run(tf.global_variables_initializer())
    worker.fill(session, sorted(tf.trainable_variables(), key=lambda variable: variable.op.name))
    random = np.random.RandomState(0)
    feed = {face: random.uniform(-1, 1, (1, opts.img_size, opts.img_size, 3))}
    feed[strengths] = random.uniform(-1, 1, (1, len(opts.att_default)))
    return lambda warm: np.abs(session.run(edited, feed)).mean()


def rows_of_the_list(size, opts):
    """Start-up: the attribute list of ``size`` pictures read, checked, and matched with the names of a folder."""
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, celeba.ATTRIBUTE_FILE)
    names, values = list(celeba.CHINESE), np.random.RandomState(0).choice([" 1", "-1"], (size, 40))
    with open(path, "w", encoding="ascii") as stream:
        stream.write("%d\n%s\n" % (size, " ".join(names)))
        stream.writelines("%06d.jpg %s\n" % (number, " ".join(row)) for number, row in enumerate(values, 1))
    os.mkdir(os.path.join(folder, "img"))
    for number in range(1, size + 1):
        os.close(os.open(os.path.join(folder, "img", "%06d.jpg" % number), os.O_CREAT))

    def step(warm):
        _, files, labels = celeba.read_list(path)
        celeba.match(os.path.join(folder, "img"), files)
        return labels.sum()

    return step


def attributes(size, opts):
    """An iteration of ours with ``size`` attributes."""
    opts.att_default = list(celeba.CHINESE)[:size]
    return training("ours", opts)


HELP = dict(printed=["ch10_attgan/code_10_07_edit.py", "--help"], ours=["ch10_attgan/ext_10_3_10_edit.py", "--help"])
COMPARISONS = [
    turns.Comparison("training", training, goal=1.3, same=1e-4, limits=True),
    turns.Comparison("loader", loader, ("printed", "box only", "in memory")),
    turns.Comparison("use", use, same=1e-4),
    turns.Comparison("start-up", worker.command, commands=HELP),
]
GROWTHS = [
    turns.Growth("pictures in the list, start-up", rows_of_the_list, (12500, 50000, 200000), (50, 100)),
    turns.Growth("attributes", attributes, (5, 10, 20, 40), (2, 4)),
]


def main(argv=None):
    turns.main(__file__, __doc__, "ch10_attgan", VALUES, COMPARISONS, GROWTHS, argv)


if __name__ == "__main__":
    options.run(main)
