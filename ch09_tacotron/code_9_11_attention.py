"""Listing 9-11 (section 9.8.6): location-sensitive attention.

Attention that also looks at where it has been (Chorowski et al. 2015, arXiv 1506.07503; Tacotron 2, arXiv 1712.05884).
Imported by listing 9-12; run by itself, it prints the alignment of one step (a few seconds). Next: ``code_9_17_train.py``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import tensorflow as tf
from tensorflow.contrib.seq2seq.python.ops.attention_wrapper import BahdanauAttention

from common import options, training

PRESETS = {"book": dict(), "cpu": dict(), "tiny": dict()}


def _location_sensitive_score(processed_query, processed_location, keys):
    """``Σ v · tanh(keys + query + location + b)`` (section 9.8.6).

    Args:
      processed_query: ``[B, 1, units]``.
      processed_location: ``[B, T_in, units]``.
      keys: ``[B, T_in, units]``.

    Returns:
      Energies ``[B, T_in]``.
    """
    num_units = keys.shape[2].value
    v_a = tf.get_variable("attention_variable", [num_units], initializer=tf.contrib.layers.xavier_initializer())
    b_a = tf.get_variable("attention_bias", [num_units], initializer=tf.zeros_initializer())
    return tf.reduce_sum(v_a * tf.tanh(keys + processed_query + processed_location + b_a), axis=2)


def _smoothing_normalization(e):
    """Sigmoids that sum to 1, in place of softmax: a flatter alignment. ``[B, T_in]`` → ``[B, T_in]``."""
    return tf.nn.sigmoid(e) / tf.reduce_sum(tf.nn.sigmoid(e), axis=-1, keepdims=True)


class LocationSensitiveAttention(BahdanauAttention):
    """Attention by content and by location (section 9.8.6).

    Args:
      num_units: width of the space in which query, memory and location are compared.
      memory: the encoder's output ``[B, T_in, C]``.
      smoothing: normalise with ``_smoothing_normalization`` in place of softmax.
      cumulate_weights: the location is the sum of all alignments so far (True) or the last one (False).
      name: of the operations.
      memory_sequence_length: Extra: int ``[B]``; attention stays off the padding behind each text. The print gives none.
      sharpen: Extra: factor of the energies; with softmax, the power that the weights are raised to.
    """

    def __init__(
        self,
        num_units,
        memory,
        smoothing=False,
        cumulate_weights=True,
        name="LocationSensitiveAttention",
        memory_sequence_length=None,
        sharpen=1.0,
    ):
        normalization = _smoothing_normalization if smoothing else tf.nn.softmax
        super().__init__(
            num_units=num_units,
            memory=memory,
            memory_sequence_length=memory_sequence_length,
            probability_fn=lambda energy: normalization(energy if sharpen == 1.0 else sharpen * energy),
            name=name,
        )
        self.location_convolution = tf.layers.Conv1D(
            filters=32, kernel_size=31, padding="same", name="location_convolution"
        )
        self.location_layer = tf.layers.Dense(num_units, use_bias=False, name="location_layer")
        self._cumulate = cumulate_weights

    def __call__(self, query, state):
        """One step.

        Args:
          query: the decoder RNN's output ``[B, C]``.
          state: the (cumulated) alignments so far ``[B, T_in]``.

        Returns:
          (alignments, next state), both ``[B, T_in]``; alignments sum to 1.
        """
        with tf.variable_scope("Location_Sensitive_Attention", reuse=tf.AUTO_REUSE):
            processed_query = tf.expand_dims(self.query_layer(query), 1)
            location = self.location_convolution(tf.expand_dims(state, axis=2))
            energy = _location_sensitive_score(processed_query, self.location_layer(location), self.keys)
        alignments = self._probability_fn(energy, state)
        next_state = alignments + state if self._cumulate else alignments
        return alignments, next_state


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="tacotron", argv=argv)
    training.start(opts.seed)
    memory = tf.random_normal([1, 6, 16], seed=opts.seed)
    attention = LocationSensitiveAttention(8, memory, memory_sequence_length=tf.constant([4]))
    alignments, _ = attention(tf.random_normal([1, 12], seed=opts.seed + 1), tf.zeros([1, 6]))
    with tf.Session(config=training.session_config(opts.threads)) as session:
        session.run(tf.global_variables_initializer())
        print("one query over 4 symbols and 2 paddings:", session.run(alignments)[0].round(3))


if __name__ == "__main__":
    options.run(main)
