"""Listing 9-12 (section 9.8.7): prenet, attention, RNN and projections as one RNN cell. Imported by listing 9-16.

Parts: ``attention`` (units, memory → mechanism) and ``dropout`` (rate, name → layer that is called with ``training=``).

Differs from the print: E24, E25.
Beyond it: beyond/parts.py (noise that a resumed training repeats).
Next: code_9_13_helpers.py.
"""

import tensorflow as tf
from tensorflow.contrib.seq2seq.python.ops import attention_wrapper
from tensorflow.python.framework import ops, tensor_shape
from tensorflow.python.ops import array_ops, check_ops, rnn_cell_impl, tensor_array_ops
from tensorflow.python.util import nest

from ch09_tacotron import code_9_11_attention as attention

LocationSensitiveAttention = attention.LocationSensitiveAttention


class TacotronDecoderwrapper(rnn_cell_impl.RNNCell):
    """One decoder step: from the previous frame to the next ``outputs_per_step`` frames (section 9.8.7).

    Args:
      encoder_outputs: float ``[B, T_in, C]``.
      is_training: Python bool.
      rnn_cell: the RNN between prenet and attention.
      num_mels: values of a frame (80).
      outputs_per_step: frames of a step, the reduction factor r (5).

    A call takes the last frame ``[B, num_mels]`` and an AttentionWrapperState and returns ``((frames [B, num_mels·r], stop
    tokens [B, r]), state)``; stop tokens are logits in training and probabilities otherwise.
    """

    def __init__(
        self,
        encoder_outputs,
        is_training,
        rnn_cell,
        num_mels,
        outputs_per_step,
        attention=LocationSensitiveAttention,
        dropout=tf.keras.layers.Dropout,
    ):
        super().__init__()
        self._training = is_training
        self._attention_mechanism = attention(256, encoder_outputs)
        self._cell = rnn_cell
        self._frame_projection = tf.keras.layers.Dense(units=num_mels * outputs_per_step, name="projection_frame")
        self._stop_projection = tf.keras.layers.Dense(units=outputs_per_step, name="projection_stop")
        self._attention_layer_size = self._attention_mechanism.values.get_shape()[-1].value
        self._output_size = num_mels * outputs_per_step
        # Erratum E24: the print makes the layers of a step anew, with new variables, in each call; here they are made once
        drop_rate = 0.5 if self._training else 0.0
        self._prenet = []
        for i, size in enumerate([256, 128]):
            dense = tf.keras.layers.Dense(units=size, activation=tf.nn.relu, name="dense_%d" % (i + 1))
            self._prenet.append((dense, dropout(drop_rate, name="dropout_%d" % (i + 1))))
        self._input_layer = tf.keras.layers.Dense(units=256, name="decoder_input")

    def _batch_size_checks(self, batch_size, error_message):
        return [check_ops.assert_equal(batch_size, self._attention_mechanism.batch_size, message=error_message)]

    @property
    def output_size(self):
        return self._output_size

    @property
    def state_size(self):  # Erratum E25: no @property in print, and it reaches for a _cell._cell that does not exist
        return attention_wrapper.AttentionWrapperState(
            cell_state=self._cell.state_size,
            attention=self._attention_layer_size,
            time=tensor_shape.TensorShape([]),
            alignments=self._attention_mechanism.alignments_size,
            alignment_history=(),
            attention_state=(),
        )

    def zero_state(self, batch_size, dtype):
        """The state before the first step."""
        with ops.name_scope(type(self).__name__ + "ZeroState", values=[batch_size]):
            cell_state = self._cell.zero_state(batch_size, dtype)
            error_message = (
                "the decoder's batch size differs from that of the encoder's output (the memory of attention)"
            )
            with ops.control_dependencies(self._batch_size_checks(batch_size, error_message)):
                cell_state = nest.map_structure(lambda s: array_ops.identity(s, name="checked_cell_state"), cell_state)
            return attention_wrapper.AttentionWrapperState(
                cell_state=cell_state,
                time=array_ops.zeros([], dtype=tf.int32),
                attention=array_ops.zeros([batch_size, self._attention_layer_size], dtype),
                alignments=self._attention_mechanism.initial_alignments(batch_size, dtype),
                alignment_history=tensor_array_ops.TensorArray(dtype=dtype, size=0, dynamic_size=True),
                attention_state=tensor_array_ops.TensorArray(dtype=dtype, size=0, dynamic_size=True),
            )

    def __call__(self, inputs, state):
        with tf.variable_scope("decoder_prenet"):
            for dense, dropout in self._prenet:
                inputs = dropout(dense(inputs), training=self._training)

        rnn_input = tf.concat([inputs, state.attention], axis=-1)
        rnn_output, next_cell_state = self._cell(self._input_layer(rnn_input), state.cell_state)

        context_vector, alignments, cumulated_alignments = attention_wrapper._compute_attention(
            self._attention_mechanism, rnn_output, state.alignments, None
        )
        alignment_history = state.alignment_history.write(state.time, alignments)

        next_state = attention_wrapper.AttentionWrapperState(
            cell_state=next_cell_state,
            attention=context_vector,
            time=state.time + 1,
            alignments=cumulated_alignments,
            alignment_history=alignment_history,
            attention_state=state.attention_state,
        )

        projections_input = tf.concat([rnn_output, context_vector], axis=-1)

        cell_outputs = self._frame_projection(projections_input)
        stop_tokens = self._stop_projection(projections_input)
        if not self._training:
            stop_tokens = tf.nn.sigmoid(stop_tokens)

        return (cell_outputs, stop_tokens), next_state
