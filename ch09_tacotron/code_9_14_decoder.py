"""Listing 9-14 (section 9.8.9): a decoder whose steps return frames and stop tokens.

Imported by listing 9-16; run by itself, it decodes with an untrained cell (a few seconds). Next: ``code_9_17_train.py``.
"""

import collections
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import tensorflow as tf
from tensorflow.contrib.seq2seq import Decoder, dynamic_decode

from ch09_tacotron.code_9_10_cbhg import gru_cell
from ch09_tacotron.code_9_12_decoder_wrapper import TacotronDecoderwrapper
from ch09_tacotron.code_9_13_helpers import TacoTestHelper
from common import options, training

PRESETS = {"book": dict(), "cpu": dict(), "tiny": dict()}


class TacotronDecoderOutput(
    collections.namedtuple("TacotronDecoderOutput", ("rnn_output", "token_output", "sample_id"))
):
    """One step: frames ``[B, 80·r]``, stop tokens ``[B, r]``, and the sample ids that dynamic_decode wants (not used)."""


class TacotronDecoder(Decoder):
    """Like tf.contrib.seq2seq.BasicDecoder, and passes the stop tokens to the helper (section 9.8.9).

    Args:
      cell: an RNN cell that returns ``((frames, stop tokens), state)``.
      helper: of listing 9-13.
      initial_state: of ``cell.zero_state``.
      output_layer: a ``tf.layers.Layer`` over the frames, or None.
    """

    def __init__(self, cell, helper, initial_state, output_layer=None):
        self._cell = cell
        self._helper = helper
        self._initial_state = initial_state
        self._output_layer = output_layer

    @property
    def batch_size(self):
        return self._helper.batch_size

    @property
    def output_size(self):
        frames, tokens = self._cell.output_size
        if self._output_layer is not None:
            frames = self._output_layer.compute_output_shape(tf.TensorShape([None, frames]))[1:]
        return TacotronDecoderOutput(frames, tokens, self._helper.sample_ids_shape)

    @property
    def output_dtype(self):
        return TacotronDecoderOutput(tf.float32, tf.float32, self._helper.sample_ids_dtype)

    def initialize(self, name=None):
        return self._helper.initialize() + (self._initial_state,)

    def step(self, time, inputs, state, name=None):
        """One step; returns (outputs, next state, next inputs, finished ``[B]``)."""
        (frames, stop_tokens), cell_state = self._cell(inputs, state)
        if self._output_layer is not None:
            frames = self._output_layer(frames)
        sample_ids = self._helper.sample(time=time, outputs=frames, state=cell_state)
        finished, next_inputs, next_state = self._helper.next_inputs(
            time=time, outputs=frames, state=cell_state, sample_ids=sample_ids, stop_token_preds=stop_tokens
        )
        return TacotronDecoderOutput(frames, stop_tokens, sample_ids), next_state, next_inputs, finished


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="tacotron", argv=argv)
    training.start(opts.seed)
    cell = TacotronDecoderwrapper(tf.random_normal([3, 30, 256], seed=opts.seed), False, gru_cell(256), 80, 5)
    decoder = TacotronDecoder(cell, TacoTestHelper(3, 80, 5), cell.zero_state(3, tf.float32))
    outputs, _, lengths = dynamic_decode(decoder, maximum_iterations=20)
    with tf.Session(config=training.session_config(opts.threads)) as session:
        session.run(tf.global_variables_initializer())
        frames, steps = session.run([outputs.rnn_output, lengths])
    print("untrained, 3 texts, at most 20 steps: frames %s, each stopped after %s steps" % (frames.shape, steps))


if __name__ == "__main__":
    options.run(main)
