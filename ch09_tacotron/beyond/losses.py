"""What the trainers here teach beside listing 9-16's losses: attention, and the losses without padding."""

import tensorflow as tf

from ch09_tacotron.code_9_16_tacotron import Tacotron


def alignments_at(places, input_lengths, max_in):
    """Attention that is where ``places [B, steps]`` says, one symbol wide (σ): ``[B, max_in, steps]``."""
    n = tf.cast(tf.range(max_in), tf.float32)[None, :, None]
    mask = tf.sequence_mask(input_lengths, max_in, tf.float32)[:, :, None]
    weights = tf.exp(-0.5 * tf.square(n - places[:, None, :])) * mask
    return weights / (tf.reduce_sum(weights, axis=1, keepdims=True) + 1e-9)


def guided_attention_loss(alignments, input_lengths, step_lengths, sigma=0.2):
    """How far attention is from the diagonal, 0…1 (guided attention, Tachibana et al. 2018, arXiv 1710.08969).

    Args:
      alignments: ``[B, T_in, steps]``, each step's weights sum to 1.
      input_lengths: int ``[B]``, symbols of each text; step_lengths: int ``[B]``, decoder steps of each utterance.
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
    """How far attention is from where it should be: the mean over all steps of ``Σ_n wanted · log(wanted / alignment)``.

    Args:
      alignments, wanted: ``[B, T_in, steps]``, each step's weights sum to 1; step_lengths: int ``[B]``.

    Returns:
      Scalar, 0 where they are equal (Kullback-Leibler divergence).
    """
    terms = wanted * (tf.log(wanted + 1e-6) - tf.log(alignments + 1e-6))
    mask = tf.sequence_mask(step_lengths, tf.shape(alignments)[2], tf.float32)
    return tf.reduce_sum(tf.reduce_sum(terms, axis=1) * mask) / tf.reduce_sum(mask)


def learning_rate(init_lr, global_step, warmup_steps, hold_steps, decay_from, steps):
    """Rises to ``init_lr`` in ``warmup_steps``, holds until ``hold_steps``, then falls with the root of the step.

    From ``decay_from`` on (0: never) it also falls in a straight line, to a twentieth at the last step.
    """
    step = tf.cast(global_step + 1, tf.float32)
    rate = init_lr * tf.minimum(tf.minimum(step / warmup_steps, 1.0), tf.sqrt(hold_steps / step))
    if decay_from:
        left = tf.cast(steps - 1 - global_step, tf.float32) / max(1, steps - 1 - decay_from)
        rate *= tf.clip_by_value(left, 0.05, 1.0)
    return rate


class GuidedTacotron(Tacotron):
    """The printed network with a training step that also teaches attention and can leave the post-net out."""

    def build_training(self, global_step, rate, target_lengths, r, wanted=None, guide_weight=0.0, masked_loss=True):
        """Losses and the training steps.

        Args:
          rate: of Adam.
          target_lengths: int ``[B]``, frames of each utterance.
          r: frames of a decoder step.
          wanted: ``[B, T_in, steps]``, where attention should be; None: along the diagonal.
          guide_weight: weight of that loss.
          masked_loss: spectrogram losses over ``target_lengths`` frames only (E39).

        Sets loss, mel_loss, linear_loss, stop_token_loss, guide_loss, learning_rate, gradient_norm, optimize, and
        decoder_optimize: a step of encoder and decoder alone, without the part behind the mel frames.
        """
        mel_error = tf.abs(self.mel_targets - self.mel_outputs)
        linear_error = tf.abs(self.linear_targets - self.linear_outputs)
        low_bins = int(4000 / 8000 * self.linear_targets.shape[2].value)  # as in listing 9-16
        if masked_loss:
            mask = tf.sequence_mask(target_lengths, tf.shape(self.mel_targets)[1], tf.float32)

            def mean(error):
                return tf.reduce_sum(tf.reduce_mean(error, axis=2) * mask) / tf.reduce_sum(mask)

        else:
            mean = tf.reduce_mean
        self.mel_loss = mean(mel_error)
        self.linear_loss = 0.5 * mean(linear_error) + 0.5 * mean(linear_error[:, :, :low_bins])
        self.stop_token_loss = tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(labels=self.stop_token_targets, logits=self.stop_token_outputs)
        )
        self.loss = self.mel_loss + self.linear_loss + self.stop_token_loss
        self.guide_loss = tf.constant(0.0)
        if guide_weight > 0:
            steps = -(-target_lengths // r)
            if wanted is None:
                self.guide_loss = guided_attention_loss(self.alignments, self.input_lengths, steps)
            else:
                self.guide_loss = attention_divergence(self.alignments, wanted, steps)
            self.loss += guide_weight * self.guide_loss

        self.learning_rate = rate
        optimizer = tf.train.AdamOptimizer(rate)
        gradients = optimizer.compute_gradients(self.loss)
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)

        def step(pairs, updates):
            clipped, norm = tf.clip_by_global_norm([gradient for gradient, _ in pairs], 1.0)
            with tf.control_dependencies(updates):
                pairs = zip(clipped, [variable for _, variable in pairs])
                return optimizer.apply_gradients(pairs, global_step=global_step), norm

        self.optimize, self.gradient_norm = step(gradients, updates)
        post = ("/post_cbhg/", "/inference/dense_")
        chosen = [(g, v) for g, v in gradients if not any(word in v.name for word in post)]
        self.decoder_optimize, _ = step(chosen, [update for update in updates if "/post_cbhg/" not in update.name])
