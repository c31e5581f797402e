"""Listing 9-14 (section 9.8.9): a decoder whose steps return frames and stop tokens. Imported by listing 9-16.

Like ``tf.contrib.seq2seq.BasicDecoder``; it also passes the stop tokens to the helper and returns them.

Differs from the print: in nothing.
Beyond it: nothing.
Next: code_9_15_dataset.py.
"""

import collections

from tensorflow.contrib.seq2seq.python.ops import decoder
from tensorflow.contrib.seq2seq.python.ops import helper as helper_py
from tensorflow.python.framework import ops, tensor_shape
from tensorflow.python.layers import base as layers_base
from tensorflow.python.ops import rnn_cell_impl
from tensorflow.python.util import nest


class TacotronDecoderOutput(
    collections.namedtuple("TacotronDecoderOutput", ("rnn_output", "token_output", "sample_id"))
):
    """One step: frames ``[B, 80·r]``, stop tokens ``[B, r]``, and the sample ids that dynamic_decode wants (not used)."""


class TacotronDecoder(decoder.Decoder):
    """Decodes with a cell that returns ``((frames, stop tokens), state)`` and a helper of listing 9-13.

    Raises:
      TypeError: the cell, the helper or the output layer (a ``tf.layers.Layer`` over the frames, or None) is none.
    """

    def __init__(self, cell, helper, initial_state, output_layer=None):
        rnn_cell_impl.assert_like_rnncell(type(cell), cell)
        if not isinstance(helper, helper_py.Helper):
            raise TypeError("helper must be a Helper, received: %s" % type(helper))
        if output_layer is not None and not isinstance(output_layer, layers_base.Layer):
            raise TypeError("output_layer must be a Layer, received: %s" % type(output_layer))
        self._cell = cell
        self._helper = helper
        self._initial_state = initial_state
        self._output_layer = output_layer

    @property
    def batch_size(self):
        return self._helper.batch_size

    def _rnn_output_size(self):
        size = self._cell.output_size
        if self._output_layer is None:
            return size
        output_shape_with_unknown_batch = nest.map_structure(
            lambda s: tensor_shape.TensorShape([None]).concatenate(s), size
        )
        layer_output_shape = self._output_layer.compute_output_shape(output_shape_with_unknown_batch)
        return nest.map_structure(lambda s: s[1:], layer_output_shape)

    @property
    def output_size(self):
        return TacotronDecoderOutput(
            rnn_output=self._rnn_output_size(),
            token_output=self._helper.token_output_size,
            sample_id=self._helper.sample_ids_shape,
        )

    @property
    def output_dtype(self):
        dtype = nest.flatten(self._initial_state)[0].dtype
        return TacotronDecoderOutput(
            nest.map_structure(lambda _: dtype, self._rnn_output_size()), dtype, self._helper.sample_ids_dtype
        )

    def initialize(self, name=None):
        return self._helper.initialize() + (self._initial_state,)

    def step(self, time, inputs, state, name=None):
        """One step; returns (outputs, next state, next inputs, finished ``[B]``)."""
        with ops.name_scope(name, "TacotronDecoderStep", (time, inputs, state)):
            (cell_outputs, stop_token), cell_state = self._cell(inputs, state)
            if self._output_layer is not None:
                cell_outputs = self._output_layer(cell_outputs)
            sample_ids = self._helper.sample(time=time, outputs=cell_outputs, state=cell_state)
            finished, next_inputs, next_state = self._helper.next_inputs(
                time=time, outputs=cell_outputs, state=cell_state, sample_ids=sample_ids, stop_token_preds=stop_token
            )
            outputs = TacotronDecoderOutput(cell_outputs, stop_token, sample_ids)
            return outputs, next_state, next_inputs, finished
