"""Listing 9-16 (sections 9.8.11 and 9.8.12): the whole network and its losses.

Tacotron (arXiv 1703.10135) with the location-sensitive attention and the stop token of Tacotron 2 (arXiv 1712.05884):
pinyin → mel spectrogram → linear spectrogram. Imported by listing 9-17; run by itself, it prints the number of trainable
values (about ten seconds). Next: ``code_9_17_train.py``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import tensorflow as tf
from tensorflow.contrib.rnn import MultiRNNCell, ResidualWrapper
from tensorflow.contrib.seq2seq import dynamic_decode

from ch09_tacotron import audio
from ch09_tacotron.code_9_10_cbhg import encoder_cbhg, gru_cell, post_cbhg
from ch09_tacotron.code_9_12_decoder_wrapper import TacotronDecoderwrapper, prenet
from ch09_tacotron.code_9_13_helpers import TacoTestHelper, TacoTrainingHelper
from ch09_tacotron.code_9_14_decoder import TacotronDecoder
from ch09_tacotron.code_9_15_dataset import symbols
from common import options, training

PRESETS = {"book": dict(), "cpu": dict(), "tiny": dict()}


def guided_attention_loss(alignments, input_lengths, step_lengths, sigma=0.2):
    """Extra: how far attention is from the diagonal, 0…1 (guided attention, Tachibana et al. 2018, arXiv 1710.08969).

    Args:
      alignments: ``[B, T_in, steps]``, each step's weights sum to 1.
      input_lengths: int ``[B]``, symbols of each text.
      step_lengths: int ``[B]``, decoder steps of each utterance.
      sigma: width of the band round the diagonal that costs little, as a share of the text.

    Returns:
      Scalar: the mean over all steps of ``Σ_n alignment · (1 - exp(-(n/N - t/T)² / 2σ²))``.
    """
    max_in, max_steps = tf.shape(alignments)[1], tf.shape(alignments)[2]
    n = tf.cast(tf.range(max_in), tf.float32)[None, :, None] / tf.cast(input_lengths, tf.float32)[:, None, None]
    t = tf.cast(tf.range(max_steps), tf.float32)[None, None, :] / tf.cast(step_lengths, tf.float32)[:, None, None]
    distance = 1.0 - tf.exp(-tf.square(n - t) / (2.0 * sigma**2))
    mask = tf.sequence_mask(step_lengths, max_steps, tf.float32)
    return tf.reduce_sum(tf.reduce_sum(alignments * distance, axis=1) * mask) / tf.reduce_sum(mask)


def attention_divergence(alignments, wanted, step_lengths):
    """Extra: how far attention is from where it should be: the mean over all steps of ``Σ_n wanted · log(wanted / alignment)``.

    Args:
      alignments, wanted: ``[B, T_in, steps]``, each step's weights sum to 1; step_lengths: int ``[B]``.

    Returns:
      Scalar, 0 where they are equal (Kullback-Leibler divergence).
    """
    terms = wanted * (tf.log(wanted + 1e-6) - tf.log(alignments + 1e-6))
    mask = tf.sequence_mask(step_lengths, tf.shape(alignments)[2], tf.float32)
    return tf.reduce_sum(tf.reduce_sum(terms, axis=1) * mask) / tf.reduce_sum(mask)


def alignments_at(places, input_lengths, max_in):
    """Extra: attention that is where ``places [B, steps]`` says, one symbol wide (σ): ``[B, max_in, steps]``."""
    n = tf.cast(tf.range(max_in), tf.float32)[None, :, None]
    mask = tf.sequence_mask(input_lengths, max_in, tf.float32)[:, :, None]
    weights = tf.exp(-0.5 * tf.square(n - places[:, None, :])) * mask
    return weights / (tf.reduce_sum(weights, axis=1, keepdims=True) + 1e-9)


class Tacotron:
    """The network (section 9.8.11); it trains if and only if targets are given.

    Args:
      inputs: symbol ids int32 ``[B, T_in]``, padded with 0.
      input_lengths: int32 ``[B]``.
      num_mels: values of a mel frame (80).
      outputs_per_step: frames of a decoder step (5).
      num_freq: values of a linear frame (1025).
      linear_targets: ``[B, T, num_freq]`` in 0…1, or None.
      mel_targets: ``[B, T, num_mels]`` in 0…1, or None.
      stop_token_targets: ``[B, T]``, 1 behind the end, or None.
      target_lengths: Extra: int32 ``[B]``, frames of each utterance; for the masked and the guided loss.
      places: Extra: ``[B, steps]``, the symbol that is said in each decoder step, where that is known; it guides attention.
      sharpen: Extra: synthesis raises the weights of attention to this power.
      give_attention: Extra: share of the utterances of a training batch that are read at ``places``, not where attention is.
      mask_attention: Extra: keep attention off the padding of the text. Erratum E31: the print gives no memory length.
      feed_back: Extra: share of own frames fed in training (see TacoTrainingHelper).
      step: the global step; the noise of dropout depends on it.
      max_steps: synthesis ends after so many decoder steps.
      detach_post: Extra: the linear loss teaches only the part behind the mel frames, not the decoder, so that most steps
        can leave that part out.

    Attributes:
      mel_outputs ``[B, T, num_mels]``, linear_outputs ``[B, T, num_freq]``, stop_token_outputs ``[B, T]`` (logits in
      training), alignments ``[B, T_in, steps]``, output_steps int32 ``[B]`` (decoder steps until each sample stopped).
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
        target_lengths=None,
        places=None,
        mask_attention=False,
        feed_back=0.0,
        step=None,
        max_steps=300,
        detach_post=False,
        give_attention=0.0,
        sharpen=1.0,
    ):
        is_training = linear_targets is not None
        batch_size = tf.shape(inputs)[0]
        noise_step = tf.cast(0 if step is None else step, tf.int32)

        # Encoder
        embedding_table = tf.get_variable(
            "embedding", [len(symbols), 256], initializer=tf.truncated_normal_initializer(stddev=0.5)
        )
        embedded_inputs = tf.nn.embedding_lookup(embedding_table, inputs)  # [B, T_in, 256]
        prenet_layers = [
            tf.layers.Dense(units, activation=tf.nn.relu, name="encoder_prenet_%d" % (i + 1))
            for i, units in enumerate((256, 128))
        ]
        prenet_outputs = prenet(prenet_layers, embedded_inputs, is_training, (0, noise_step))  # [B, T_in, 128]
        encoder_outputs = encoder_cbhg(prenet_outputs, input_lengths, is_training, depth=256)  # [B, T_in, 256]

        # Decoder
        decoder_cell = MultiRNNCell([ResidualWrapper(gru_cell(256)), ResidualWrapper(gru_cell(256))])
        self.wanted_alignments = given_alignments = given = None
        if places is not None:
            self.wanted_alignments = alignments_at(places, input_lengths, tf.shape(inputs)[1])
        if is_training and give_attention > 0:
            given_alignments = self.wanted_alignments
            given = tf.random.stateless_uniform([batch_size], seed=tf.stack([-1000003, noise_step])) < give_attention
        wrapper = TacotronDecoderwrapper(
            encoder_outputs,
            is_training,
            decoder_cell,
            num_mels,
            outputs_per_step,
            memory_sequence_length=input_lengths if mask_attention else None,
            step=noise_step,
            given_alignments=given_alignments,
            given=given,
            sharpen=1.0 if is_training else sharpen,
        )
        if is_training:
            helper = TacoTrainingHelper(mel_targets, num_mels, outputs_per_step, feed_back, noise_step)
        else:
            helper = TacoTestHelper(batch_size, num_mels, outputs_per_step)
        decoder = TacotronDecoder(wrapper, helper, wrapper.zero_state(batch_size, tf.float32))
        outputs, final_state, self.output_steps = dynamic_decode(
            decoder, maximum_iterations=None if is_training else max_steps, impute_finished=not is_training
        )
        self.mel_outputs = tf.reshape(outputs.rnn_output, [batch_size, -1, num_mels])
        self.stop_token_outputs = tf.reshape(outputs.token_output, [batch_size, -1])

        # Mel to linear
        post_inputs = tf.stop_gradient(self.mel_outputs) if detach_post else self.mel_outputs
        post_outputs = post_cbhg(post_inputs, num_mels, is_training, depth=256)  # [B, T, 256]
        self.linear_outputs = tf.layers.dense(post_outputs, num_freq, name="linear_outputs")
        self.alignments = tf.transpose(final_state.alignment_history.stack(), [1, 2, 0])

        self.inputs = inputs
        self.input_lengths = input_lengths
        self.linear_targets = linear_targets
        self.mel_targets = mel_targets
        self.stop_token_targets = stop_token_targets
        self.target_lengths = target_lengths
        self.outputs_per_step = outputs_per_step

    def buildTrainModel(
        self,
        sample_rate,
        num_freq,
        global_step,
        init_lr=0.001,
        warmup_steps=4000,
        hold_steps=4000,
        masked_loss=False,
        stop_weight=1.0,
        guide_weight=0.0,
        guide_sigma=0.2,
        learning_rate_factor=1.0,
    ):
        """Losses and the training step (section 9.8.12).

        Args:
          masked_loss: Extra: spectrogram losses over ``target_lengths`` frames only; as printed, padding counts like speech.
          stop_weight: Extra: weight of the rare stop frames in the stop-token loss.
          guide_weight: Extra: weight of ``guided_attention_loss``, or with ``places`` of ``attention_divergence``; 0 as printed.
          init_lr, warmup_steps, hold_steps: see ``_learning_rate_decay``.
          learning_rate_factor: Extra: number or scalar tensor that multiplies it; 1 as printed.

        Sets loss, mel_loss, linear_loss, stop_token_loss, guide_loss, learning_rate, gradients, gradient_norm, train_op.
        """
        mel_error = tf.abs(self.mel_targets - self.mel_outputs)
        linear_error = tf.abs(self.linear_targets - self.linear_outputs)
        low_bins = int(4000 / (sample_rate * 0.5) * num_freq)  # bins below 4 kHz count double
        if masked_loss:  # Erratum E39: in print silence that only pads the batch counts like speech
            mask = tf.sequence_mask(self.target_lengths, tf.shape(self.mel_targets)[1], tf.float32)

            def mean(error):
                return tf.reduce_sum(tf.reduce_mean(error, axis=2) * mask) / tf.reduce_sum(mask)

        else:
            mean = tf.reduce_mean
        self.mel_loss = mean(mel_error)
        self.linear_loss = 0.5 * mean(linear_error) + 0.5 * mean(linear_error[:, :, :low_bins])
        self.stop_token_loss = tf.reduce_mean(
            tf.nn.weighted_cross_entropy_with_logits(
                self.stop_token_targets, self.stop_token_outputs, pos_weight=stop_weight
            )
        )
        self.loss = self.mel_loss + self.linear_loss + self.stop_token_loss
        self.guide_loss = tf.constant(0.0)
        if guide_weight > 0:
            steps = -(-self.target_lengths // self.outputs_per_step)
            if self.wanted_alignments is None:
                self.guide_loss = guided_attention_loss(self.alignments, self.input_lengths, steps, guide_sigma)
            else:
                self.guide_loss = attention_divergence(self.alignments, self.wanted_alignments, steps)
            self.loss += guide_weight * self.guide_loss

        self.learning_rate = learning_rate_factor * _learning_rate_decay(init_lr, global_step, warmup_steps, hold_steps)
        optimizer = tf.train.AdamOptimizer(self.learning_rate)
        gradients, variables = zip(*optimizer.compute_gradients(self.loss))
        self.gradients = gradients
        clipped_gradients, self.gradient_norm = tf.clip_by_global_norm(gradients, 1.0)
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies(updates):  # Erratum E23: see listing 9-10
            self.train_op = optimizer.apply_gradients(zip(clipped_gradients, variables), global_step=global_step)

        # Extra: a step of encoder and decoder alone
        behind = ("post_cbhg", "linear_outputs")
        chosen = [(g, v) for g, v in zip(gradients, variables) if not any(word in v.name for word in behind)]
        clipped, self.decoder_gradient_norm = tf.clip_by_global_norm([g for g, _ in chosen], 1.0)
        with tf.control_dependencies([update for update in updates if "post_cbhg" not in update.name]):
            self.decoder_train_op = optimizer.apply_gradients(
                zip(clipped, [v for _, v in chosen]), global_step=global_step
            )


def _learning_rate_decay(init_lr, global_step, warmup_steps=4000, hold_steps=None):
    """Rises to ``init_lr`` in ``warmup_steps``, holds until ``hold_steps``, then falls with the root of the step.

    With both at 4000 this is the printed ``init_lr · 4000^½ · min(step · 4000^-1.5, step^-½)`` (section 9.8.12).
    """
    hold_steps = float(warmup_steps if hold_steps is None else hold_steps)
    step = tf.cast(global_step + 1, tf.float32)
    return init_lr * tf.minimum(tf.minimum(step / warmup_steps, 1.0), tf.sqrt(hold_steps / step))


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="tacotron", argv=argv)
    training.start(opts.seed)
    model = Tacotron(
        tf.zeros([2, 20], tf.int32),
        tf.constant([20, 15]),
        audio.num_mels,
        5,
        audio.num_freq,
        tf.zeros([2, 50, audio.num_freq]),
        tf.zeros([2, 50, audio.num_mels]),
        tf.zeros([2, 50]),
    )
    model.buildTrainModel(audio.sample_rate, audio.num_freq, tf.train.get_or_create_global_step())
    variables = tf.trainable_variables()
    values = sum(int(np.prod(variable.shape.as_list())) for variable in variables)
    averages = [v for v in tf.global_variables() if "moving_" in v.name]
    print("%d trainable values in %d tensors; %d batch-norm averages" % (values, len(variables), len(averages)))
    print("mel %s, linear %s" % (model.mel_outputs.shape, model.linear_outputs.shape))


if __name__ == "__main__":
    options.run(main)
