"""Paired speed and memory of the DeblurGAN (example 54): the printed way against ours, the same mathematics.

    python tests/benchmarks/bench_deblurgan.py             # one training iteration, interleaved in one process
    python tests/benchmarks/bench_deblurgan.py --memory    # peak memory of each way (and its time), in a process of its own
    python tests/benchmarks/bench_deblurgan.py --inference # frozen graph against Keras's predict

An iteration is the book's: predict, five critic pairs, one joint generator step with VGG. The printed way goes through Keras's
``predict`` and ``train_on_batch`` and a switchable norm that goes over the data for each statistic and each of its steps; ours is
``code_10_02_train.build``; fast, recompute and fast+recompute are the same with those options (``--ways`` chooses; memory
depends on the activations only where the pictures are large enough). Seconds are of the processor (``time.process_time``), so
that a busy machine disturbs less; the wall's are shown beside them.
"""

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from types import SimpleNamespace

import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K

from ch10_deblurgan import code_10_01_models as models
from ch10_deblurgan import code_10_02_train as train
from ch10_deblurgan import kernels
from common import training
from common.normalization import SwitchNormalization


class PlainSwitchNormalization(SwitchNormalization):
    """The norm as its formula reads: three means and three variances of the data, then step by step."""

    def call(self, inputs, training=None):
        training = K.learning_phase() if training is None else training
        means, variances = [], []
        for axes in ([1, 2], [1, 2, 3], [0, 1, 2]):
            means.append(K.mean(inputs, axis=axes, keepdims=True))
            variances.append(K.var(inputs, axis=axes, keepdims=True))
        self._update_averages(inputs, means[2], variances[2], training)
        means[2] = K.in_train_phase(means[2], tf.reshape(self.moving_mean, self._broadcast), training)
        variances[2] = K.in_train_phase(variances[2], tf.reshape(self.moving_variance, self._broadcast), training)
        mean_weights, variance_weights = K.softmax(self.mean_weights), K.softmax(self.variance_weights)
        mean = sum(mean_weights[i] * means[i] for i in range(3))
        variance = sum(variance_weights[i] * variances[i] for i in range(3))
        normed = (inputs - mean) / K.sqrt(variance + self.epsilon)
        return normed * tf.reshape(self.gamma, self._broadcast) + tf.reshape(self.beta, self._broadcast)


def printed_way(size):
    """One iteration as listing 10-2 does it: a function of a batch."""
    shape = size.shape
    models.NORMS["plain"] = PlainSwitchNormalization
    g = models.generator_model(shape, ngf=size.ngf, n_blocks=size.n_blocks, norm="plain")
    d = models.discriminator_model(shape, ndf=size.ndf)
    d.compile(optimizer=tf.keras.optimizers.Adam(1e-4), loss=train.wasserstein_loss)
    d.trainable = False
    joint = models.g_containing_d_multiple_outputs(g, d, shape)
    features = train.vgg_features(shape)

    def perceptual(y_true, y_pred):
        return train.perceptual_loss(y_true, y_pred, shape, features)

    joint.compile(
        optimizer=tf.keras.optimizers.Adam(1e-4), loss=[perceptual, train.wasserstein_loss], loss_weights=[100, 1]
    )
    d.trainable = True

    def iteration(blurred, sharp):
        ones = np.ones((len(blurred), 1))
        generated = g.predict(blurred)
        for _ in range(train.critic_updates):
            d.train_on_batch(sharp, ones)
            d.train_on_batch(generated, -ones)
        joint.train_on_batch(blurred, [sharp, ones])

    return iteration


def our_way(size, sess, way):
    """The same iteration in one graph."""
    opts = SimpleNamespace(**train.PRESETS["book"])
    vars(opts).update(ngf=size.ngf, ndf=size.ndf, n_blocks=size.n_blocks, vgg="random")
    opts.fast, opts.recompute = "fast" in way, "recompute" in way
    opts.vgg_dir = None
    net = train.build(opts, size.shape)
    training.initialize_uninitialized(sess)

    def iteration(blurred, sharp):
        feed = {net.blurred: blurred, net.sharp: sharp}
        feed[net.generated] = sess.run(net.restored, {net.photo: blurred})
        for _ in range(train.critic_updates):
            for step in net.d_steps:
                sess.run(step, feed)
        sess.run([net.g_losses, net.g_step], feed)

    return iteration


def batch(size):
    random = np.random.RandomState(0)
    return [random.uniform(-1, 1, (size.batch,) + size.shape).astype(np.float32) for _ in range(2)]


WAYS = ("printed", "ours", "fast", "recompute", "fast+recompute")


def make(way, size):
    """(iteration, the session it must run in) in a graph of its own."""
    graph = tf.Graph()
    with graph.as_default():
        sess = tf.Session(config=training.session_config(size.threads), graph=graph)
        with sess.as_default():
            K.set_session(sess)
            iteration = printed_way(size) if way == "printed" else our_way(size, sess, way)

    def run(*pictures):
        with graph.as_default(), sess.as_default():
            K.set_session(sess)
            iteration(*pictures)

    return run


def clock(run, pictures):
    """(seconds of the processor, seconds of the wall) of one iteration."""
    began = time.process_time(), time.time()
    run(*pictures)
    return time.process_time() - began[0], time.time() - began[1]


def speed(size):
    ways = {way: make(way, size) for way in size.ways}
    pictures = batch(size)
    seconds, wall = {way: [] for way in ways}, {way: [] for way in ways}
    for repeat in range(size.repeats + 1):
        for way, run in ways.items():
            cpu, clocked = clock(run, pictures)
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
        run = make(size.only, size)
        idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        pictures = batch(size)
        times = [clock(run, pictures) for _ in range(size.repeats + 1)][1:]  # the first builds and warms up
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
    """The same weights through Keras's predict, a frozen graph, and predict with ``fast``, one picture at a time."""
    picture = batch(size)[0][:1]
    with tf.Session(config=training.session_config(size.threads)) as sess:
        K.set_session(sess)
        K.set_learning_phase(0)
        g = models.generator_model((None, None, 3), istrain=False, ngf=size.ngf, n_blocks=size.n_blocks)
        training.initialize_uninitialized(sess)
        quick = models.generator_model((None, None, 3), False, size.ngf, size.n_blocks, fast=True)
        quick.set_weights(g.get_weights())
        name = g.output.op.name
        frozen = tf.graph_util.convert_variables_to_constants(sess, sess.graph.as_graph_def(), [name])
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(frozen, name="")
            with tf.Session(config=training.session_config(size.threads), graph=graph) as other:
                ends = graph.get_tensor_by_name(g.input.name), graph.get_tensor_by_name(name + ":0")
                seconds = {"predict": [], "frozen": [], "fast": []}
                for repeat in range(size.repeats + 1):
                    for way in seconds:
                        began = time.process_time()
                        if way == "frozen":
                            second = other.run(ends[1], {ends[0]: picture})
                        else:
                            with sess.graph.as_default(), sess.as_default():
                                first = (g if way == "predict" else quick).predict(picture)
                        if repeat:
                            seconds[way].append(time.process_time() - began)
                assert np.abs(first - second).max() < 1e-4  # the last of `first` is fast's
        del g, quick  # their functions belong to this session, so they go before it is closed
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
    size.shape = (size.height, size.width, 3)
    training.start()
    kernels.use_threads(size.threads)
    if size.memory:
        memory(size)
    elif size.inference:
        inference(size)
    else:
        speed(size)


if __name__ == "__main__":
    main()
