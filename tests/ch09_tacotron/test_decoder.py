"""Listings 9-12 to 9-14: decoder step, helpers, decoding."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.contrib.seq2seq import dynamic_decode

from ch09_tacotron.code_9_12_decoder_wrapper import TacotronDecoderwrapper
from ch09_tacotron.code_9_13_helpers import TacoTestHelper, TacoTrainingHelper, _go_frames
from ch09_tacotron.code_9_14_decoder import TacotronDecoder


def wrapper(is_training=False, batch=2, **parts):
    memory = tf.random_normal([batch, 7, 16], seed=3)
    return TacotronDecoderwrapper(memory, is_training, tf.nn.rnn_cell.GRUCell(256), 4, 3, **parts)


def test_shapes_of_one_step():
    cell = wrapper()
    (frames, stop), state = cell(tf.zeros([2, 4]), cell.zero_state(2, tf.float32))
    assert frames.shape.as_list() == [2, 12] and stop.shape.as_list() == [2, 3]
    assert cell.output_size == 12
    assert state.attention.shape.as_list() == [2, 16] and state.alignments.shape.as_list() == [2, 7]


def test_e25_state_size_is_a_property_that_describes_zero_state():
    cell = wrapper()
    assert isinstance(TacotronDecoderwrapper.state_size, property)
    zero = cell.zero_state(2, tf.float32)
    size = cell.state_size
    assert zero.cell_state.shape.as_list() == [2, size.cell_state]
    assert zero.attention.shape.as_list() == [2, size.attention]
    assert zero.alignments.shape.as_list() == [2, size.alignments]


def test_e24_calls_share_their_variables():
    cell = wrapper()
    _, state = cell(tf.zeros([2, 4]), cell.zero_state(2, tf.float32))
    count = len(tf.trainable_variables())
    cell(tf.zeros([2, 4]), state)
    assert len(tf.trainable_variables()) == count
    tf.keras.layers.Dense(8)(tf.zeros([2, 4]))  # the printed way: a new layer, with new variables, in each call
    tf.keras.layers.Dense(8)(tf.zeros([2, 4]))
    assert len(tf.trainable_variables()) == count + 4


def test_stop_tokens_are_logits_only_in_training():
    cell, trained = wrapper(), wrapper(is_training=True)
    with tf.variable_scope("decoder"):
        (_, stop), _ = cell(tf.ones([2, 4]) * 50, cell.zero_state(2, tf.float32))
    with tf.variable_scope("decoder_in_training"):
        (_, logits), _ = trained(tf.ones([2, 4]) * 50, trained.zero_state(2, tf.float32))
    assert "Sigmoid" in stop.op.type and "Sigmoid" not in logits.op.type


def test_batch_size_is_checked():
    cell = wrapper()
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match="batch size"):
        session.run(cell.zero_state(3, tf.float32).cell_state)


def test_teacher_forcing_feeds_every_rth_frame_and_ends_after_the_last():
    targets = np.arange(2 * 6 * 4, dtype=np.float32).reshape(2, 6, 4)
    helper = TacoTrainingHelper(tf.constant(targets), 4, 3)
    finished, first = helper.initialize()
    steps = [helper.next_inputs(tf.constant(time), tf.zeros([2, 12]), None) for time in (0, 1)]
    with tf.Session() as session:
        assert not session.run(finished).any()
        assert np.all(session.run(first) == 0)
        done, fed = zip(*[session.run(list(step[:2])) for step in steps])
    np.testing.assert_array_equal(fed[0], targets[:, 2])
    np.testing.assert_array_equal(fed[1], targets[:, 5])
    assert not done[0].any() and done[1].all()


def test_go_frames_are_zero():
    with tf.Session() as session:
        assert np.array_equal(session.run(_go_frames(3, 4)), np.zeros([3, 4]))


def test_synthesis_feeds_back_the_last_frame():
    outputs = np.arange(24, dtype=np.float32).reshape(2, 12)
    helper = TacoTestHelper(2, 4, 3)
    finished, fed, _ = helper.next_inputs(tf.constant(outputs), None, tf.constant([[0.1, 0.2, 0.3]] * 2))
    with tf.Session() as session:
        np.testing.assert_array_equal(session.run(fed), outputs[:, 8:])
        assert not session.run(finished).any()


class StoppingCell(tf.contrib.rnn.RNNCell):
    """Sample i stops in step i; its frames show the step."""

    output_size = 6
    state_size = 1

    def __call__(self, inputs, state, scope=None):
        batch = tf.shape(state)[0]
        step = state[:, :1]
        stop = tf.cast(step >= tf.cast(tf.range(batch)[:, None], tf.float32), tf.float32)
        return (tf.tile(step, [1, 6]) + 1, tf.tile(stop, [1, 3])), state + 1


def decode(helper):
    decoder = TacotronDecoder(StoppingCell(), helper, tf.zeros([3, 1]))
    outputs, _, lengths = dynamic_decode(decoder, maximum_iterations=9, impute_finished=True)
    with tf.Session() as session:
        return session.run([outputs.rnn_output, outputs.token_output, lengths])


def test_e26_each_sample_of_a_batch_ends_by_itself():
    frames, tokens, lengths = decode(TacoTestHelper(3, 2, 3))
    assert lengths.tolist() == [1, 2, 3]
    assert frames.shape == (3, 3, 6) and tokens.shape == (3, 3, 3)
    assert frames[0, :, 0].tolist() == [1, 0, 0] and frames[2, :, 0].tolist() == [1, 2, 3]

    class Printed(TacoTestHelper):
        """One value for the whole batch."""

        def next_inputs(self, outputs, state, stop_token_preds, name=None, **unused_kwargs):
            finished = tf.reduce_any(tf.cast(tf.round(stop_token_preds), tf.bool))
            return tf.tile([finished], [self._batch_size]), outputs[:, -self._output_dim :], state

    assert decode(Printed(3, 2, 3))[2].tolist() == [1, 1, 1]  # all end with the first


def test_the_constructor_checks_types():
    cell, helper = StoppingCell(), TacoTestHelper(3, 2, 3)
    for arguments, words in (
        ((object(), helper, None), "not an RNNCell"),
        ((cell, object(), None), "helper must be a Helper, received: <class 'object'>"),
        ((cell, helper, None, object()), "output_layer must be a Layer, received: <class 'object'>"),
    ):
        with pytest.raises(TypeError, match=words):
            TacotronDecoder(*arguments)


def test_an_output_layer_changes_the_frames():
    decoder = TacotronDecoder(StoppingCell(), TacoTestHelper(3, 2, 3), tf.zeros([3, 1]), tf.layers.Dense(4))
    assert decoder.output_size.rnn_output.as_list() == [4] and decoder.output_size.token_output == 3
    outputs, *_ = dynamic_decode(decoder, maximum_iterations=2)
    assert outputs.rnn_output.shape.as_list()[2] == 4
