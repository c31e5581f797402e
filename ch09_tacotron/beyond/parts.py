"""Parts for the printed network (listings 9-11 to 9-16), handed in by ``train_few.py`` and ``voice.py``.

Each takes the place of the printed part that it inherits from; none adds a variable, so that values go from one to the other.
"""

import tensorflow as tf

from ch09_tacotron.code_9_11_attention import LocationSensitiveAttention
from ch09_tacotron.code_9_12_decoder_wrapper import TacotronDecoderwrapper
from ch09_tacotron.code_9_13_helpers import TacoTestHelper, TacoTrainingHelper


class StepNoise:
    """Random numbers that depend on the training step and their place alone, not on a hidden generator.

    So a training that is stopped and resumed goes on exactly as if it had not been stopped.

    Args:
      step: the global step.
    """

    # places below 0 are the decoder's choices of frames (-1 - time); this one is that of utterances, and no decoder gets there
    UTTERANCES = -1000003

    def __init__(self, step):
        self.step = tf.cast(step, tf.int32)
        self.time = -1  # the encoder; a decoder step sets its number

    def uniform(self, shape, place):
        return tf.random.stateless_uniform(shape, seed=tf.stack([place, self.step]))

    def dropout(self, rate, name):
        """In the place of ``tf.keras.layers.Dropout``."""
        number = int(name[-1]) - 1  # dropout_1, dropout_2

        def layer(inputs, training):
            if not training:
                return inputs
            kept = self.uniform(tf.shape(inputs), (self.time + 1) * 2 + number) >= rate
            return inputs * tf.cast(kept, inputs.dtype) / (1.0 - rate)

        return layer


class GuidedAttention(LocationSensitiveAttention):
    """Attention that stays off the padding, can be sharpened, and can be told where to be.

    Args:
      lengths: int ``[B]``, symbols of each text, or None as printed (E31).
      sharpen: the weights are raised to this power.
      forced: ``[B, T_in, steps]``, where the attention of the utterances ``chosen`` (bool ``[B]``) is read; or None.
    """

    def __init__(self, num_units, memory, lengths=None, sharpen=1.0, forced=None, chosen=None):
        super().__init__(num_units, memory, memory_sequence_length=lengths)
        normalization = self._probability_fn
        if sharpen != 1.0:
            self._probability_fn = lambda energy, state: normalization(sharpen * energy, state)
        self._forced = None if forced is None else tf.transpose(forced, [2, 0, 1])
        self._chosen = chosen
        self.time = None  # number of the decoder step, which GuidedWrapper tells

    def __call__(self, query, state):
        self.own, next_state = super().__call__(query, state)
        if self._forced is None:
            return self.own, next_state
        used = tf.where(self._chosen, self._forced[self.time], self.own)
        return used, next_state + used - self.own


class GuidedWrapper(TacotronDecoderwrapper):
    """Tells attention and noise the number of the step; the history keeps attention's own weights, which the guide teaches."""

    def __init__(self, *arguments, noise=None, **parts):
        super().__init__(*arguments, **parts)
        self._noise = noise

    def __call__(self, inputs, state):
        self._attention_mechanism.time = state.time
        if self._noise is not None:
            self._noise.time = state.time
        outputs, next_state = super().__call__(inputs, state)
        history = state.alignment_history.write(state.time, self._attention_mechanism.own)
        return outputs, next_state.clone(alignment_history=history)


class CappedHelper(TacoTestHelper):
    """Ends each sample after ``limits`` (int ``[B]``) steps at the latest: an untrained network would babble for 18 s."""

    def __init__(self, batch_size, output_dim, r, limits):
        super().__init__(batch_size, output_dim, r)
        self._limits = limits

    def next_inputs(self, time, outputs, state, stop_token_preds, name=None, **unused_kwargs):
        finished, frames, state = super().next_inputs(outputs, state, stop_token_preds, name)
        return tf.logical_or(finished, time + 1 >= self._limits), frames, state


class ScheduledSamplingHelper(TacoTrainingHelper):
    """Feeds a share of the decoder's own frames in place of the recording's (scheduled sampling, arXiv 1506.03099).

    Args:
      share: scalar tensor in 0…1; noise: a StepNoise, which makes the choice.
    """

    def __init__(self, targets, output_dim, r, share, noise):
        super().__init__(targets, output_dim, r)
        self._share, self._noise = share, noise

    def next_inputs(self, time, outputs, state, name=None, **unused_kwargs):
        finished, frames, state = super().next_inputs(time, outputs, state, name)
        own = tf.stop_gradient(outputs[:, -self._output_dim :])
        dice = self._noise.uniform([self._batch_size], -1 - time)
        return finished, tf.where(dice < self._share, own, frames), state
