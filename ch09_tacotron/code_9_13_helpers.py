"""Listing 9-13 (section 9.8.8): what the decoder reads next, in training and in synthesis.

Imported by listing 9-16; run by itself, it shows which frames teacher forcing feeds (a few seconds). Next:
``code_9_17_train.py``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import tensorflow as tf
from tensorflow.contrib.seq2seq import Helper

from common import options, training

PRESETS = {"book": dict(), "cpu": dict(), "tiny": dict()}


def _go_frames(batch_size, output_dim):
    """The zero frames that decoding begins with: ``[B, output_dim]``."""
    return tf.zeros([batch_size, output_dim])


class _FrameHelper(Helper):
    """What both helpers share: a decoder of frames draws no samples."""

    @property
    def batch_size(self):
        return self._batch_size

    @property
    def sample_ids_shape(self):
        return tf.TensorShape([])

    @property
    def sample_ids_dtype(self):
        return np.int32

    def sample(self, time, outputs, state, name=None):
        return tf.zeros([self._batch_size], tf.int32)  # not used; dynamic_decode wants something


class TacoTrainingHelper(_FrameHelper):
    """Teacher forcing: feeds every r-th target frame, ends after the last (section 9.8.8).

    Args:
      targets: mel frames ``[B, T, output_dim]``; T is a multiple of r.
      output_dim: values of a frame.
      r: frames of a step.
      feed_back: Extra: share (a number or scalar tensor, 0…1) of the frames that are the decoder's own in place of the
        recording's (scheduled sampling, arXiv 1506.03099), so that it learns to go on from its own errors; 0 as printed.
      step: the global step, which the choice depends on.
    """

    def __init__(self, targets, output_dim, r, feed_back=0.0, step=None):
        self._batch_size = tf.shape(targets)[0]
        self._output_dim = output_dim
        self._targets = tf.transpose(targets[:, r - 1 :: r, :], [1, 0, 2])  # [steps, B, output_dim]
        self._num_steps = tf.shape(self._targets)[0]
        self._feed_back = feed_back
        self._step = tf.cast(0 if step is None else step, tf.int32)

    def initialize(self, name=None):
        return tf.fill([self._batch_size], self._num_steps <= 0), _go_frames(self._batch_size, self._output_dim)

    def next_inputs(self, time, outputs, state, sample_ids=None, stop_token_preds=None, name=None):
        finished = tf.fill([self._batch_size], time + 1 >= self._num_steps)
        next_inputs = self._targets[time]
        if not (isinstance(self._feed_back, float) and self._feed_back == 0.0):
            own = tf.stop_gradient(outputs[:, -self._output_dim :])
            dice = tf.random.stateless_uniform([self._batch_size], seed=tf.stack([-1 - time, self._step]))
            next_inputs = tf.where(dice < self._feed_back, own, next_inputs)
        return finished, next_inputs, state


class TacoTestHelper(_FrameHelper):
    """Synthesis: feeds back the last of the r frames just made; ends where a stop token rounds to 1 (section 9.8.8).

    Erratum E26: the print reduces the stop tokens of the whole batch to one value, so that all samples end where the first
    of them does. Here each ends by itself.
    """

    def __init__(self, batch_size, output_dim, r):
        self._batch_size = batch_size
        self._output_dim = output_dim
        self._r = r

    def initialize(self, name=None):
        return tf.tile([False], [self._batch_size]), _go_frames(self._batch_size, self._output_dim)

    def next_inputs(self, time, outputs, state, sample_ids=None, stop_token_preds=None, name=None):
        finished = tf.reduce_any(tf.cast(tf.round(stop_token_preds), tf.bool), axis=1)  # [B, r] → [B]
        return finished, outputs[:, -self._output_dim :], state


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="tacotron", argv=argv)
    training.start(opts.seed)
    r, frames = 5, 20
    targets = tf.reshape(tf.range(1, frames + 1, dtype=tf.float32), [1, frames, 1])
    helper = TacoTrainingHelper(targets, 1, r)
    _, first = helper.initialize()
    fed = [first] + [helper.next_inputs(tf.constant(time), None, None)[1] for time in range(frames // r - 1)]
    with tf.Session(config=training.session_config(opts.threads)) as session:
        values = session.run(fed)
    print(
        "%d frames, r = %d: the decoder is fed frames %s (0: the go frame)"
        % (frames, r, [int(v[0, 0]) for v in values])
    )


if __name__ == "__main__":
    options.run(main)
