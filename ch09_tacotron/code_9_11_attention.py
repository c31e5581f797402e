"""Listing 9-11 (section 9.8.6): location-sensitive attention.

Attention that also looks at where it has been (Chorowski et al. 2015, arXiv 1506.07503; Tacotron 2, arXiv 1712.05884).
Imported by listing 9-12. Part: ``memory_sequence_length``, None as printed.

Differs from the print: E24; E31 is kept as printed.
Beyond it: ext_9_8_6_attention.py (its kinds compared), beyond/parts.py (off the padding, sharpened, forced).
Next: code_9_12_decoder_wrapper.py.
"""

import tensorflow as tf
from tensorflow.contrib.seq2seq.python.ops.attention_wrapper import BahdanauAttention
from tensorflow.python.ops import array_ops, variable_scope


def _location_sensitive_score(processed_query, processed_location, keys):
    """``Σ v · tanh(keys + query + location + b)``: float [B, 1, units] and twice [B, T_in, units] → energies [B, T_in]."""
    dtype = processed_query.dtype
    num_units = keys.shape[-1].value or array_ops.shape(keys)[-1]
    v_a = tf.get_variable(
        "attention_variable", shape=[num_units], dtype=dtype, initializer=tf.contrib.layers.xavier_initializer()
    )
    b_a = tf.get_variable("attention_bias", shape=[num_units], dtype=dtype, initializer=tf.zeros_initializer())
    return tf.reduce_sum(v_a * tf.tanh(keys + processed_query + processed_location + b_a), axis=2)


def _smoothing_normalization(e):
    """Sigmoids that sum to 1, in place of softmax: a flatter alignment. float [B, T_in] → [B, T_in]."""
    return tf.nn.sigmoid(e) / tf.reduce_sum(tf.nn.sigmoid(e), axis=-1, keepdims=True)


class LocationSensitiveAttention(BahdanauAttention):
    """Attention by content and by location (section 9.8.6).

    Args:
      num_units: width of the space in which query, memory and location are compared.
      memory: the encoder's output, float ``[B, T_in, C]``.
      smoothing: normalise with ``_smoothing_normalization`` in place of softmax.
      cumulate_weights: the location is the sum of all alignments so far (True) or the last one (False).
      memory_sequence_length: int ``[B]``; attention stays off the padding behind each text.
    """

    def __init__(
        self,
        num_units,
        memory,
        smoothing=False,
        cumulate_weights=True,
        name="LocationSensitiveAttention",
        memory_sequence_length=None,  # Erratum E31: the print gives no length, so that padding gets weight; kept
    ):
        normalization_function = _smoothing_normalization if smoothing else None
        super().__init__(
            num_units=num_units,
            memory=memory,
            memory_sequence_length=memory_sequence_length,
            probability_fn=normalization_function,
            name=name,
        )
        self.location_convolution = tf.layers.Conv1D(
            filters=32,
            kernel_size=(31,),
            padding="same",
            use_bias=True,
            bias_initializer=tf.zeros_initializer(),
            name="location_features_convolution",
        )
        self.location_layer = tf.layers.Dense(
            units=num_units, use_bias=False, dtype=tf.float32, name="location_features_layer"
        )
        self._cumulate = cumulate_weights

    def __call__(self, query, state):
        """One step: ``query`` [B, C] and the (cumulated) alignments so far [B, T_in] → (alignments, next state) [B, T_in]."""
        # Erratum E24: with reuse a second call has the same variables
        with variable_scope.variable_scope("Location_Sensitive_Attention", reuse=tf.AUTO_REUSE):
            processed_query = self.query_layer(query) if self.query_layer else query
            processed_query = tf.expand_dims(processed_query, 1)
            expanded_alignments = tf.expand_dims(state, axis=2)
            f = self.location_convolution(expanded_alignments)
            processed_location_features = self.location_layer(f)
            energy = _location_sensitive_score(processed_query, processed_location_features, self.keys)

        alignments = self._probability_fn(energy, state)

        if self._cumulate:
            next_state = alignments + state
        else:
            next_state = alignments
        return alignments, next_state
