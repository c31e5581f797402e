"""Listing 9-16 (sections 9.8.11 and 9.8.12): the whole network and its losses. Imported by listing 9-17.

Tacotron (arXiv 1703.10135) with the location-sensitive attention and the stop token of Tacotron 2 (arXiv 1712.05884):
pinyin → mel spectrogram → linear spectrogram. Parts: see ``Tacotron``.

Differs from the print: E23, E26; E39 is kept as printed.
Beyond it: beyond/losses.py (attention that is taught, losses without padding), beyond/voice.py (it speaks).
Next: code_9_17_train.py.
"""

import tensorflow as tf

from ch09_tacotron import code_9_10_cbhg as cbhg
from ch09_tacotron import code_9_12_decoder_wrapper as rnnwrapper
from ch09_tacotron import code_9_13_helpers as Helpers
from ch09_tacotron import code_9_14_decoder as Decoder
from ch09_tacotron import code_9_15_dataset as cn_dataset

encoder_cbhg = cbhg.encoder_cbhg
post_cbhg = cbhg.post_cbhg
TacotronDecoderwrapper = rnnwrapper.TacotronDecoderwrapper
TacoTestHelper = Helpers.TacoTestHelper
TacoTrainingHelper = Helpers.TacoTrainingHelper
TacotronDecoder = Decoder.TacotronDecoder
symbols = cn_dataset.symbols


class Tacotron:
    """The network (section 9.8.11); it trains if and only if linear targets are given.

    Args:
      inputs: symbol ids int32 ``[B, T_in]``, padded with 0; input_lengths: int32 ``[B]``.
      num_mels: values of a mel frame (80); num_freq: of a linear frame (1025).
      outputs_per_step: frames of a decoder step (5).
      linear_targets ``[B, T, num_freq]``, mel_targets ``[B, T, num_mels]``: 0…1; stop_token_targets ``[B, T]``: 1 behind the end.
      encoder … dropout: parts, called as below; the defaults are the printed ones.

    Attributes:
      mel_outputs ``[B, T, num_mels]``, linear_outputs ``[B, T, num_freq]``, stop_token_outputs ``[B, T]`` (logits in
      training), alignments ``[B, T_in, steps]``, sequence_lengths int32 ``[B]`` (decoder steps until each sample ended).
    """

    def __init__(
        self,
        inputs,
        input_lengths,
        num_mels,
        outputs_per_step,
        num_freq,
        linear_targets=None,
        mel_targets=None,
        stop_token_targets=None,
        encoder=encoder_cbhg,
        cell=tf.nn.rnn_cell.GRUCell,
        wrapper=TacotronDecoderwrapper,
        training_helper=TacoTrainingHelper,
        test_helper=TacoTestHelper,
        post=post_cbhg,
        dropout=tf.keras.layers.Dropout,
    ):
        with tf.variable_scope("inference") as scope:  # noqa: F841
            is_training = linear_targets is not None
            batch_size = tf.shape(inputs)[0]

            embedding_table = tf.get_variable(
                "embedding", [len(symbols), 256], initializer=tf.truncated_normal_initializer(stddev=0.5)
            )
            embedded_inputs = tf.nn.embedding_lookup(embedding_table, inputs)  # [B, T_in, 256]

            drop_rate = 0.5 if is_training else 0.0
            with tf.variable_scope("encoder_prenet"):
                for i, size in enumerate([256, 128]):
                    dense = tf.keras.layers.Dense(units=size, activation=tf.nn.relu, name="dense_%d" % (i + 1))
                    embedded_inputs = dropout(drop_rate, name="dropout_%d" % (i + 1))(
                        dense(embedded_inputs), training=is_training
                    )
            encoder_outputs = encoder(embedded_inputs, input_lengths, is_training, 256)  # [B, T_in, 256]

            multi_rnn_cell = tf.nn.rnn_cell.MultiRNNCell(
                [tf.nn.rnn_cell.ResidualWrapper(cell(256)), tf.nn.rnn_cell.ResidualWrapper(cell(256))],
                state_is_tuple=True,
            )

            decoder_cell = wrapper(encoder_outputs, is_training, multi_rnn_cell, num_mels, outputs_per_step)

            if is_training:
                helper = training_helper(mel_targets, num_mels, outputs_per_step)
            else:
                helper = test_helper(batch_size, num_mels, outputs_per_step)

            decoder_init_state = decoder_cell.zero_state(batch_size=batch_size, dtype=tf.float32)

            max_iters = 300  # in training too: 1500 frames, of which listing 9-9 lets 1000 pass
            (
                (decoder_outputs, stop_token_outputs, _),
                final_decoder_state,
                self.sequence_lengths,
            ) = tf.contrib.seq2seq.dynamic_decode(
                TacotronDecoder(decoder_cell, helper, decoder_init_state),
                impute_finished=not is_training,  # Erratum E26: what ends before the others is followed by zeros
                maximum_iterations=max_iters,
            )

            self.mel_outputs = tf.reshape(decoder_outputs, [batch_size, -1, num_mels])
            self.stop_token_outputs = tf.reshape(stop_token_outputs, [batch_size, -1])

            post_outputs = post(self.mel_outputs, num_mels, is_training, 256)  # [B, T, 256]
            self.linear_outputs = tf.keras.layers.Dense(num_freq)(post_outputs)

            self.alignments = tf.transpose(final_decoder_state.alignment_history.stack(), [1, 2, 0])

        self.inputs = inputs
        self.input_lengths = input_lengths
        self.mel_targets = mel_targets
        self.linear_targets = linear_targets
        self.stop_token_targets = stop_token_targets
        tf.logging.info("Initialized Tacotron model. Dimensions: ")
        tf.logging.info("  embedding:               %s" % embedded_inputs.shape)
        tf.logging.info("  encoder out:             %s" % encoder_outputs.shape)
        tf.logging.info("  decoder out (r frames):  %s" % decoder_outputs.shape)
        tf.logging.info("  decoder out (1 frame):   %s" % self.mel_outputs.shape)
        tf.logging.info("  postnet out:             %s" % post_outputs.shape)
        tf.logging.info("  linear out:              %s" % self.linear_outputs.shape)
        tf.logging.info("  stop token:              %s" % self.stop_token_outputs.shape)

    def buildTrainModel(self, sample_rate, num_freq, global_step):
        """Losses and the training step (section 9.8.12).

        Sets ``loss``, ``mel_loss``, ``stop_token_loss``, ``linear_loss``, ``learning_rate``, ``gradients`` and ``optimize``.
        """
        with tf.variable_scope("loss") as scope:  # noqa: F841
            # Erratum E39: what is only padding counts like speech; kept as printed
            self.mel_loss = tf.reduce_mean(tf.abs(self.mel_targets - self.mel_outputs))
            self.stop_token_loss = tf.reduce_mean(
                tf.nn.sigmoid_cross_entropy_with_logits(labels=self.stop_token_targets, logits=self.stop_token_outputs)
            )

            l1 = tf.abs(self.linear_targets - self.linear_outputs)
            n_priority_freq = int(4000 / (sample_rate * 0.5) * num_freq)  # bins below 4 kHz count double
            self.linear_loss = 0.5 * tf.reduce_mean(l1) + 0.5 * tf.reduce_mean(l1[:, :, 0:n_priority_freq])

            self.loss = self.mel_loss + self.stop_token_loss + self.linear_loss

        with tf.variable_scope("optimizer") as scope:  # noqa: F841
            initial_learning_rate = 0.001
            self.learning_rate = _learning_rate_decay(initial_learning_rate, global_step)
            optimizer = tf.train.AdamOptimizer(self.learning_rate)
            gradients, variables = zip(*optimizer.compute_gradients(self.loss))
            self.gradients = gradients
            clipped_gradients, _ = tf.clip_by_global_norm(gradients, 1.0)

            with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):  # Erratum E23: see listing 9-10
                self.optimize = optimizer.apply_gradients(zip(clipped_gradients, variables), global_step=global_step)


def _learning_rate_decay(init_lr, global_step):
    """Rises to ``init_lr`` in 4000 steps, then falls with the root of the step."""
    warmup_steps = 4000.0
    step = tf.cast(global_step + 1, dtype=tf.float32)
    return init_lr * warmup_steps**0.5 * tf.minimum(step * warmup_steps**-1.5, step**-0.5)
