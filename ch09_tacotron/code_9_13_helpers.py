"""Listing 9-13 (section 9.8.8): what the decoder reads next, in training and in synthesis. Imported by listing 9-16.

Differs from the print: E26.
Beyond it: beyond/parts.py (scheduled sampling; a limit for a voice that does not stop).
Next: code_9_14_decoder.py.
"""

import tensorflow as tf
from tensorflow.contrib.seq2seq import Helper


def _go_frames(batch_size, output_dim):
    """The zero frames that decoding begins with: ``[B, output_dim]``."""
    return tf.tile([[0.0]], [batch_size, output_dim])


class TacoTrainingHelper(Helper):
    """Teacher forcing: feeds every r-th of the ``targets`` [B, T, output_dim], ends after the last (section 9.8.8)."""

    def __init__(self, targets, output_dim, r):
        with tf.name_scope("TacoTrainingHelper"):
            self._batch_size = tf.shape(targets)[0]
            self._output_dim = output_dim
            self._reduction_factor = r
            self._targets = targets[:, r - 1 :: r, :]
            num_steps = tf.shape(self._targets)[1]
            self._lengths = tf.tile([num_steps], [self._batch_size])

    @property
    def batch_size(self):
        return self._batch_size

    @property
    def token_output_size(self):
        return self._reduction_factor

    @property
    def sample_ids_shape(self):
        return tf.TensorShape([])

    @property
    def sample_ids_dtype(self):
        return tf.int32

    def initialize(self, name=None):
        return tf.tile([False], [self._batch_size]), _go_frames(self._batch_size, self._output_dim)

    def sample(self, time, outputs, state, name=None):
        return tf.tile([0], [self._batch_size])  # a decoder of frames draws no samples

    def next_inputs(self, time, outputs, state, name=None, **unused_kwargs):
        with tf.name_scope(name or "TacoTrainingHelper"):
            finished = time + 1 >= self._lengths
            next_inputs = self._targets[:, time, :]
            return finished, next_inputs, state


class TacoTestHelper(Helper):
    """Synthesis: feeds back the last of the r frames just made; ends where a stop token rounds to 1 (section 9.8.8)."""

    def __init__(self, batch_size, output_dim, r):
        with tf.name_scope("TacoTestHelper"):
            self._batch_size = batch_size
            self._output_dim = output_dim
            self._reduction_factor = r

    @property
    def batch_size(self):
        return self._batch_size

    @property
    def token_output_size(self):
        return self._reduction_factor

    @property
    def sample_ids_shape(self):
        return tf.TensorShape([])

    @property
    def sample_ids_dtype(self):
        return tf.int32

    def initialize(self, name=None):
        return tf.tile([False], [self._batch_size]), _go_frames(self._batch_size, self._output_dim)

    def sample(self, time, outputs, state, name=None):
        return tf.tile([0], [self._batch_size])

    def next_inputs(self, outputs, state, stop_token_preds, name=None, **unused_kwargs):
        with tf.name_scope(name or "TacoTestHelper"):
            # Erratum E26: each sample [B, r] → [B]; the print makes one value of the whole batch, which ends with its first
            finished = tf.reduce_any(tf.cast(tf.round(stop_token_preds), tf.bool), axis=1)
            next_inputs = outputs[:, -self._output_dim :]
            return finished, next_inputs, state
