"""A small network that says which attributes a picture has: it judges what the generators of chapter 10 make."""

import numpy as np
import tensorflow as tf

from common import images, run


class Judge:
    """Learns from pictures and their labels, in a graph of its own.

    Args:
      pictures: uint8 ``[N, S, S, 3]``; S at least 16.
      labels: 0/1 ``[N, A]``.
      steps: of Adam, on batches of 32; the rate falls to 0.
    """

    def __init__(self, pictures, labels, steps=400, seed=0, threads=0):
        with tf.Graph().as_default():
            tf.set_random_seed(seed)
            self.x = tf.placeholder(tf.float32, [None] + list(pictures.shape[1:]))
            target, rate = tf.placeholder(tf.float32, [None, labels.shape[1]]), tf.placeholder(tf.float32, [])
            y = self.x
            for filters in (16, 32, 64):
                y = tf.layers.conv2d(y, filters, 4, 2, padding="same", activation=tf.nn.leaky_relu)
            y = tf.layers.dense(tf.layers.flatten(y), 64, activation=tf.nn.leaky_relu)
            self.logits = tf.layers.dense(y, labels.shape[1])
            loss = tf.losses.sigmoid_cross_entropy(target, self.logits)
            step = tf.train.AdamOptimizer(rate).minimize(loss)
            self.session = tf.Session(config=run.session_config(threads))
            self.session.run(tf.global_variables_initializer())
            random = np.random.RandomState(seed)
            for number in run.progress(range(steps), desc="judge", unit="step"):
                rows = random.randint(0, len(pictures), 32)
                feed = {self.x: images.from_uint8(pictures[rows]), target: labels[rows]}
                feed[rate] = 2e-3 * (1 - number / float(steps))
                self.session.run(step, feed)

    def scores(self, pictures):
        """Logits float32 ``[N, A]`` of uint8 ``pictures``."""
        batches = [images.from_uint8(pictures[i : i + 100]) for i in range(0, len(pictures), 100)]
        return np.concatenate([self.session.run(self.logits, {self.x: x}) for x in batches])

    def __call__(self, pictures):
        """0/1 float32 ``[N, A]``: what uint8 ``pictures`` have."""
        return np.float32(self.scores(pictures) > 0)

    def accuracy(self, pictures, labels):
        """Share of right answers, an attribute: float ``[A]``."""
        return np.mean(self(pictures) == labels, axis=0)
