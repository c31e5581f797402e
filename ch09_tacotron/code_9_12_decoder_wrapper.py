"""Listing 9-12 (section 9.8.7): prenet, attention, RNN and frame projection as one RNN cell.

Imported by listing 9-16; run by itself, it prints the shapes of one decoder step (a few seconds). Next:
``code_9_17_train.py``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import tensorflow as tf
from tensorflow.contrib.rnn import RNNCell
from tensorflow.contrib.seq2seq import AttentionWrapperState

from ch09_tacotron.code_9_10_cbhg import gru_cell
from ch09_tacotron.code_9_11_attention import LocationSensitiveAttention
from common import options, training

PRESETS = {"book": dict(), "cpu": dict(), "tiny": dict()}


def dropout(inputs, rate, noise_key):
    """Sets a share ``rate`` of the values to 0 and scales the rest by ``1 / (1 - rate)``.

    The noise depends on ``noise_key`` (int32 ``[2]``) alone, not on a hidden generator, so that a training that is stopped
    and resumed goes on exactly as if it had not been stopped.
    """
    kept = tf.random.stateless_uniform(tf.shape(inputs), seed=noise_key) >= rate
    return inputs * tf.cast(kept, inputs.dtype) / (1.0 - rate)


def prenet(layers, inputs, is_training, noise_key):
    """Dense layers with dropout 0.5 in training (sections 9.8.7 and 9.8.11).

    Args:
      layers: ``tf.layers.Dense`` objects.
      noise_key: (place, step) for ``dropout``; not used outside training.
    """
    for i, layer in enumerate(layers):
        inputs = layer(inputs)
        if is_training:
            inputs = dropout(inputs, 0.5, tf.stack([noise_key[0] * 2 + i, noise_key[1]]))
    return inputs


class TacotronDecoderwrapper(RNNCell):
    """One decoder step: from the previous frame to the next ``outputs_per_step`` frames (section 9.8.7).

    Args:
      encoder_outputs: ``[B, T_in, C]``.
      is_training: Python bool.
      rnn_cell: the RNN between prenet and attention.
      num_mels: values of a frame (80).
      outputs_per_step: frames of a step, the reduction factor r (5).
      memory_sequence_length: Extra: int ``[B]``, keeps attention off the padding; None as printed.
      step: the global step, which the dropout noise depends on; needed when training.
      given_alignments: Extra: ``[B, T_in, steps]``, where an utterance's attention should be; given: bool ``[B]``, the
        utterances that are read there, whatever attention says.
      sharpen: Extra: see LocationSensitiveAttention.

    A call takes the last frame ``[B, 80]`` and an AttentionWrapperState and returns ``((frames [B, 80·r], stop [B, r]),
    state)``; stop tokens are logits in training and probabilities otherwise.
    """

    def __init__(
        self,
        encoder_outputs,
        is_training,
        rnn_cell,
        num_mels,
        outputs_per_step,
        memory_sequence_length=None,
        step=None,
        given_alignments=None,
        given=None,
        sharpen=1.0,
    ):
        super().__init__()
        self._training = is_training
        self._attention_mechanism = LocationSensitiveAttention(
            256, encoder_outputs, memory_sequence_length=memory_sequence_length, sharpen=sharpen
        )
        self._cell = rnn_cell
        self._outputs_per_step = outputs_per_step
        self._num_mels = num_mels
        self._context_size = encoder_outputs.shape[2].value
        self._step = tf.cast(0 if step is None else step, tf.int32)
        self._given_alignments = None
        if given_alignments is not None:
            self._given_alignments, self._given = tf.transpose(given_alignments, [2, 0, 1]), given
        # Erratum E24: the print makes new layer objects in each call
        self._prenet_layers = [
            tf.layers.Dense(units, activation=tf.nn.relu, name="decoder_prenet_%d" % (i + 1))
            for i, units in enumerate((256, 128))
        ]
        self._input_layer = tf.layers.Dense(256, name="decoder_input")
        self._frame_projection = tf.layers.Dense(num_mels * outputs_per_step, name="frame_projection")
        self._stop_projection = tf.layers.Dense(outputs_per_step, name="stop_projection")

    @property
    def output_size(self):
        """Values of (frames, stop tokens) of one step."""
        return (self._num_mels * self._outputs_per_step, self._outputs_per_step)

    @property
    def state_size(self):  # Erratum E25: no @property in print, and it reaches for a _cell._cell that does not exist
        """Shapes of the state, without the batch."""
        return AttentionWrapperState(
            cell_state=self._cell.state_size,
            attention=self._context_size,
            time=tf.TensorShape([]),
            alignments=self._attention_mechanism.alignments_size,
            alignment_history=(),
            attention_state=self._attention_mechanism.state_size,
        )

    def _batch_size_checks(self, batch_size):
        """An operation that fails when the state is asked for another batch size than the memory has."""
        return tf.assert_equal(
            batch_size,
            self._attention_mechanism.batch_size,
            message="the decoder's batch size differs from that of the encoder's output",
        )

    def zero_state(self, batch_size, dtype):
        """The state before the first step."""
        with tf.control_dependencies([self._batch_size_checks(batch_size)]):
            zero_cell_state = tf.contrib.framework.nest.map_structure(
                tf.identity, self._cell.zero_state(batch_size, dtype)
            )
        return AttentionWrapperState(
            cell_state=zero_cell_state,
            attention=tf.zeros([batch_size, self._context_size], dtype),
            time=tf.zeros([], dtype=tf.int32),
            alignments=self._attention_mechanism.initial_alignments(batch_size, dtype),
            alignment_history=tf.TensorArray(dtype=dtype, size=0, dynamic_size=True),
            attention_state=self._attention_mechanism.initial_state(batch_size, dtype),
        )

    def __call__(self, inputs, state, scope=None):
        noise_key = (state.time + 1, self._step)  # place 0 is the encoder's prenet
        prenet_output = prenet(self._prenet_layers, inputs, self._training, noise_key)
        rnn_input = self._input_layer(tf.concat([prenet_output, state.attention], axis=-1))
        rnn_output, next_cell_state = self._cell(rnn_input, state.cell_state)
        alignments, attention_state = self._attention_mechanism(rnn_output, state.attention_state)
        used = alignments
        if self._given_alignments is not None:  # Extra
            used = tf.where(self._given, self._given_alignments[state.time], alignments)
            attention_state += used - alignments  # which is the sum of the alignments so far
        context = tf.squeeze(tf.matmul(tf.expand_dims(used, 1), self._attention_mechanism.values), [1])
        projection_input = tf.concat([rnn_output, context], axis=-1)
        frames = self._frame_projection(projection_input)
        stop_tokens = self._stop_projection(projection_input)
        if not self._training:
            stop_tokens = tf.nn.sigmoid(stop_tokens)
        next_state = AttentionWrapperState(
            cell_state=next_cell_state,
            attention=context,
            time=state.time + 1,
            alignments=alignments,
            alignment_history=state.alignment_history.write(state.time, alignments),
            attention_state=attention_state,
        )
        return (frames, stop_tokens), next_state


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="tacotron", argv=argv)
    training.start(opts.seed)
    cell = TacotronDecoderwrapper(tf.zeros([2, 30, 256]), False, gru_cell(256), 80, 5)
    (frames, stop_tokens), state = cell(tf.zeros([2, 80]), cell.zero_state(2, tf.float32))
    print("one step: frames %s, stop tokens %s" % (frames.shape.as_list(), stop_tokens.shape.as_list()))
    print("state_size: %s" % (cell.state_size,))
    print("alignments: %s" % state.alignments.shape.as_list())


if __name__ == "__main__":
    options.run(main)
