"""Paired speed and memory of the DeblurGAN (example 54): the listings themselves against what lies beyond, the same mathematics.

    python tests/benchmarks/bench_deblurgan.py             # one training iteration, interleaved in one process
    python tests/benchmarks/bench_deblurgan.py --memory    # peak memory of each way (and its time), in a process of its own
    python tests/benchmarks/bench_deblurgan.py --inference # Keras's predict, a frozen graph, beyond/fast.py

An iteration is the book's: predict, five critic pairs, one joint generator step with VGG (random weights). ``printed`` is one
batch of listing 10-2's ``pre_train_epoch`` on its compiled models; ``graph`` is ``beyond/train.py --preset printed``; fast,
recompute and fast+recompute are the same with those options (``--ways`` chooses; memory depends on the activations only where
the pictures are large enough). Seconds are of the processor (``time.process_time``), so that a busy machine disturbs less; the
wall's are shown beside them.
"""

import argparse
import gc
import json
import resource
import subprocess
import sys
import time
from functools import partial
from types import SimpleNamespace

import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K

from ch10_deblurgan import code_10_01_models as models
from ch10_deblurgan import code_10_02_train as listing
from ch10_deblurgan.beyond import fast, kernels, losses, train
from common import run


def printed_way(size, sess):
    """One iteration of listing 10-2: a function of a batch."""
    shape = size.shape
    g = models.generator_model(shape, ngf=size.ngf, n_blocks_gen=size.n_blocks)
    d = models.discriminator_model(shape, ndf=size.ndf)
    joint = models.g_containing_d_multiple_outputs(g, d, shape)
    d.compile(optimizer=listing.Adam(lr=1e-4), loss=listing.wasserstein_loss)
    d.trainable = False
    content = partial(losses.feature_loss, losses.vgg_features(shape))  # 10-2's loss, without a weights file
    content.__name__ = "content"
    joint.compile(optimizer=listing.Adam(lr=1e-4), loss=[content, listing.wasserstein_loss], loss_weights=[100, 1])
    d.trainable = True
    batches = tf.placeholder(tf.float32, (2, None) + shape + (3,))
    iterator = tf.data.Dataset.from_tensors((batches[0], batches[1])).make_initializable_iterator()
    datatensor = iterator.get_next()

    class Fed:
        """Hands the batch to the pass that ``pre_train_epoch`` starts."""

        def __init__(self, pictures):
            self.pictures = pictures

        def run(self, fetches):
            return sess.run(fetches, {batches: np.stack(self.pictures)} if fetches is iterator.initializer else None)

    def iteration(blurred, sharp):
        listing.g, listing.d, listing.d_on_g = g, d, joint  # as its `main` leaves them in the module
        listing.pre_train_epoch(Fed([blurred, sharp]), iterator, datatensor)

    return iteration


def graph_way(size, sess, way):
    """The same iteration in one graph."""
    opts = SimpleNamespace(**{row.name: row.presets.get("printed", row.value) for row in train.VALUES})
    vars(opts).update(ngf=size.ngf, ndf=size.ndf, n_blocks=size.n_blocks, vgg="random", vgg_file=None)
    opts.fast, opts.recompute = "fast" in way, "recompute" in way
    net = train.build(opts, size.shape)
    run.initialize_uninitialized(sess)
    return lambda blurred, sharp: train.train_step(sess, net, opts, blurred, sharp, 1e-4)


def batch(size):
    random = np.random.RandomState(0)
    return [random.uniform(-1, 1, (size.batch,) + size.shape + (3,)).astype(np.float32) for _ in range(2)]


WAYS = ("printed", "graph", "fast", "recompute", "fast+recompute")


def make(way, size):
    """(iteration, the session it must run in) in a graph of its own."""
    graph = tf.Graph()
    with graph.as_default():
        sess = tf.Session(config=run.session_config(size.threads), graph=graph)
        with sess.as_default():
            K.set_session(sess)
            iteration = printed_way(size, sess) if way == "printed" else graph_way(size, sess, way)

    def iterate(*pictures):
        with graph.as_default(), sess.as_default():
            K.set_session(sess)
            iteration(*pictures)

    return iterate


def clock(iterate, pictures):
    """(seconds of the processor, seconds of the wall) of one iteration."""
    began = time.process_time(), time.time()
    iterate(*pictures)
    return time.process_time() - began[0], time.time() - began[1]


def speed(size):
    ways = {way: make(way, size) for way in size.ways}
    pictures = batch(size)
    seconds, wall = {way: [] for way in ways}, {way: [] for way in ways}
    for repeat in range(size.repeats + 1):
        for way, iterate in ways.items():
            cpu, clocked = clock(iterate, pictures)
            if repeat:  # the first builds and warms up
                seconds[way].append(cpu)
                wall[way].append(clocked)
    best = {way: min(values) for way, values in seconds.items()}
    for way, values in seconds.items():
        print(
            "%-14s best %.2f s  (%s), wall %.2f s"
            % (way, best[way], " ".join("%.2f" % v for v in values), min(wall[way]))
        )
    for way in size.ways[1:]:
        ratios = best[size.ways[0]] / best[way], min(wall[size.ways[0]]) / min(wall[way])
        print(
            "%s: %.2f times the iterations a second of %s (by wall time %.2f)"
            % (way, ratios[0], size.ways[0], ratios[1])
        )


def memory(size):
    if size.only:
        iterate = make(size.only, size)
        idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        pictures = batch(size)
        times = [clock(iterate, pictures) for _ in range(size.repeats + 1)][1:]  # the first builds and warms up
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cpu, wall = (min(column) for column in zip(*times))
        print(json.dumps(dict(idle=idle / 1024.0, peak=peak / 1024.0, cpu=cpu, wall=wall)))
        return
    found = {}
    for way in size.ways:
        command = [sys.executable] + sys.argv + ["--only", way]
        output = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout
        found[way] = json.loads(output.splitlines()[-1])
        text = (
            "{way:14s} peak {peak:.0f} MiB ({idle:.0f} before training), best iteration {cpu:.2f} s, wall {wall:.2f} s"
        )
        print(text.format(way=way, **found[way]), flush=True)
    first = found[size.ways[0]]
    for way in size.ways[1:]:
        print(
            "%s needs %.2f of the memory of %s and does %.2f times its iterations a second (by wall time %.2f)"
            % (
                way,
                found[way]["peak"] / first["peak"],
                size.ways[0],
                first["cpu"] / found[way]["cpu"],
                first["wall"] / found[way]["wall"],
            )
        )


def inference(size):
    """The same weights through Keras's predict, a frozen graph, and ``beyond/fast.py``, one picture at a time."""
    picture = batch(size)[0][:1]
    with tf.Session(config=run.session_config(size.threads)) as sess:
        K.set_session(sess)
        K.set_learning_phase(0)
        g = models.generator_model((None, None), istrain=False, ngf=size.ngf, n_blocks_gen=size.n_blocks)
        run.initialize_uninitialized(sess)
        photo = tf.placeholder(tf.float32, [1, None, None, 3])
        quick, _ = fast.applied(g, photo, fast=True)
        name = g.output.op.name
        frozen = tf.graph_util.convert_variables_to_constants(sess, sess.graph.as_graph_def(), [name])
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(frozen, name="")
            with tf.Session(config=run.session_config(size.threads), graph=graph) as other:
                ends = graph.get_tensor_by_name(g.input.name), graph.get_tensor_by_name(name + ":0")
                seconds = {"predict": [], "frozen": [], "fast": []}
                for repeat in range(size.repeats + 1):
                    for way in seconds:
                        began = time.process_time()
                        if way == "frozen":
                            second = other.run(ends[1], {ends[0]: picture})
                        else:
                            with sess.graph.as_default(), sess.as_default():
                                first = g.predict(picture) if way == "predict" else sess.run(quick, {photo: picture})
                        if repeat:
                            seconds[way].append(time.process_time() - began)
                assert np.abs(first - second).max() < 1e-4  # the last of `first` is fast's
        del g  # their functions belong to this session, so they go before it is closed
        gc.collect()
    for way, values in seconds.items():
        print("%-8s best %.2f s for a picture of %d×%d" % (way, min(values), size.width, size.height))
    print("peak memory %.0f MiB" % (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--inference", action="store_true")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="the others are compared with the first")
    parser.add_argument("--only", choices=WAYS, help=argparse.SUPPRESS)
    sizes = dict(height=96, width=96, batch=4, ngf=32, ndf=32, n_blocks=9, repeats=3, threads=0)
    for key, value in sizes.items():
        parser.add_argument("--" + key.replace("_", "-"), type=int, default=value)
    size = parser.parse_args()
    size.shape = (size.height, size.width)
    run.start()
    kernels.use_threads(size.threads)
    if size.memory:
        memory(size)
    elif size.inference:
        inference(size)
    else:
        speed(size)


if __name__ == "__main__":
    main()
