"""The training without the loop computes what the printed network computes."""

import os
import types

import numpy as np
import pytest
import tensorflow as tf

from ch09_tacotron.beyond import guided, train
from ch09_tacotron.beyond.voice import SHIPPED, WEIGHTS_FILE, synthesis_network
from ch09_tacotron.code_9_16_tacotron import Tacotron
from common import run
from common.errors import UserError


def _disturb(session, variables):
    """Values that no initialiser gives: averages of batch norm, biases."""
    random = np.random.RandomState(0)
    for variable in variables:
        value = session.run(variable)
        if "variance" in variable.op.name:
            value = random.uniform(0.5, 1.5, value.shape)
        elif value.ndim == 1:
            value = value + 0.2 * random.randn(*value.shape)
        if "projection_stop/bias" in variable.op.name:
            value = np.full(value.shape, -1.5)  # some steps of speech
        variable.load(value.astype(np.float32), session)


def test_every_variable_of_the_printed_network_has_a_short_name():
    synthesis_network(dict(outputs_per_step=5, mask_attention=False, sharpen=1.0))
    w = guided.weights_of(tf.global_variables())
    assert len(w) == len(tf.global_variables()) == 246
    assert w["encoder/bank_16/kernel"].shape.as_list() == [16, 128, 128]
    assert w["gru_2/gates/kernel"].shape.as_list() == [512, 512]
    assert w["linear_outputs/kernel"].shape.as_list() == [256, 1025]
    assert guided.short_name("first_lesson/model/inference/embedding/Adam") is None


def test_a_passage_gives_what_synthesis_gave():
    """Given the frames and the alignments that the printed graph made, all its steps come out at once: mel, stop, attention."""
    model = synthesis_network(dict(outputs_per_step=5, mask_attention=False, sharpen=1.0))
    variables = tf.global_variables()
    passage = guided.Passage(guided.weights_of(variables), is_training=False)
    inputs = np.array([[30, 41, 55, 2, 70, 33, 1]], np.int32)
    mask = tf.ones([1, 7, 1])
    previous = tf.placeholder(tf.float32, [None, None, 80])
    given = tf.placeholder(tf.float32, [None, None, 7])
    memory = passage.encode(tf.constant(inputs), mask)
    queries, frames, stop = passage.decode(previous, tf.matmul(given, memory))
    logs = passage.attend(memory, mask, queries, guided.before(given))
    linear = passage.to_linear(tf.reshape(frames, [1, -1, 80]), tf.ones([1, tf.shape(frames)[1] * 5, 1]))
    with tf.Session(config=run.session_config(1)) as session:
        session.run(tf.global_variables_initializer())
        _disturb(session, variables)
        feed = {model.inputs: inputs, model.input_lengths: [7]}
        mel, alignments, wanted_stop, wanted_linear = session.run(
            [model.mel_outputs, model.alignments, model.stop_token_outputs, model.linear_outputs], feed
        )
        steps = alignments.shape[2]
        assert steps > 3
        own = mel.reshape(1, steps, 400)[:, :, -80:]
        fed = np.concatenate([np.zeros([1, 1, 80]), own[:, :-1]], 1)
        found = session.run(
            [frames, tf.sigmoid(stop), tf.exp(logs), linear], {previous: fed, given: alignments.transpose(0, 2, 1)}
        )
    assert np.abs(mel).max() > 0.1
    np.testing.assert_allclose(found[0].reshape(mel.shape), mel, atol=2e-5)
    np.testing.assert_allclose(found[1].reshape(wanted_stop.shape), wanted_stop, atol=2e-5)
    np.testing.assert_allclose(found[2].transpose(0, 2, 1), alignments, atol=2e-5)
    np.testing.assert_allclose(found[3], wanted_linear, atol=1e-4)


def test_losses_and_gradients_are_those_of_the_printed_graph_with_given_attention():
    """The printed training graph, its attention given and its dropout off: same mel loss, same gradients."""

    class Given:
        """In the place of the attention: says what it was told."""

        def __init__(self, num_units, memory):
            self.values, self.batch_size = memory, tf.shape(memory)[0]
            self.alignments_size = tf.shape(memory)[1]
            self.time = 0

        def initial_alignments(self, batch_size, dtype):
            return tf.zeros([batch_size, self.alignments_size], dtype)

        def __call__(self, query, state):
            count = tf.cast(tf.round(tf.reduce_sum(state[0])), tf.int32)  # of the steps so far
            now = tf.gather(alignments, count, axis=1)
            return now, state + now

    import functools

    from ch09_tacotron.code_9_12_decoder_wrapper import TacotronDecoderwrapper

    random = np.random.RandomState(1)
    batch, symbols, steps = 2, 6, 4
    inputs = tf.constant(random.randint(2, 75, [batch, symbols]), tf.int32)
    mels = tf.constant(random.rand(batch, steps * 5, 80), tf.float32)
    values = random.rand(batch, steps, symbols) ** 3
    alignments = tf.constant(values / values.sum(-1, keepdims=True), tf.float32)

    def no_dropout(rate, name):
        return lambda inputs, training: inputs

    with tf.variable_scope("model"):
        printed = Tacotron(
            inputs,
            tf.fill([batch], symbols),
            80,
            5,
            1025,
            tf.zeros([batch, steps * 5, 1025]),
            mels,
            tf.zeros([batch, steps * 5]),
            wrapper=functools.partial(TacotronDecoderwrapper, attention=Given, dropout=no_dropout),
            dropout=no_dropout,
        )
    wanted = tf.reduce_mean(tf.abs(mels - printed.mel_outputs))
    w = guided.weights_of(tf.global_variables())
    passage = guided.Passage(w, is_training=True)
    memory = passage.encode(inputs, tf.ones([batch, symbols, 1]))
    fed = guided.shift(mels[:, 4::5])
    frames = passage.decode(fed, tf.matmul(alignments, memory))[1]
    found = tf.reduce_mean(tf.abs(mels - tf.reshape(frames, [batch, -1, 80])))
    names = [n for n in sorted(w) if not n.startswith(("post/", "linear", "stop")) and "moving" not in n]
    with tf.Session(config=run.session_config(1)) as session:
        session.run(tf.global_variables_initializer())
        losses = session.run([wanted, found])
        assert losses[0] == pytest.approx(losses[1], rel=1e-5) and losses[0] > 0.1
        gradients = [tf.gradients(loss, [w[n] for n in names]) for loss in (wanted, found)]
        for name, a, b in zip(names, *session.run([[tf.convert_to_tensor(g) for g in row] for row in gradients])):
            assert np.abs(a).max() > 0, name
            np.testing.assert_allclose(a, b, atol=1e-3 * np.abs(a).max() + 1e-7, err_msg=name)


def test_padding_changes_nothing():
    """An utterance alone, and beside a longer one: the same encoding, the same attention."""
    synthesis_network(dict(outputs_per_step=5, mask_attention=False, sharpen=1.0))
    variables = tf.global_variables()
    passage = guided.Passage(guided.weights_of(variables), is_training=False)
    inputs, mask = tf.placeholder(tf.int32, [None, None]), tf.placeholder(tf.float32, [None, None, 1])
    memory = passage.encode(inputs, mask)
    text = [30, 41, 55, 2, 70]
    with tf.Session(config=run.session_config(1)) as session:
        session.run(tf.global_variables_initializer())
        _disturb(session, variables)
        alone = session.run(memory, {inputs: [text], mask: np.ones([1, 5, 1])})
        both = np.array([text + [0, 0, 0, 0], [9] * 9])
        there = np.array([[1] * 5 + [0] * 4, [1] * 9])[:, :, None]
        padded = session.run(memory, {inputs: both, mask: there})
    np.testing.assert_allclose(padded[0, :5], alone[0], atol=1e-5)
    assert not padded[0, 5:].any()


def test_a_training_starts_from_an_exported_voice():
    synthesis_network(dict(outputs_per_step=5, mask_attention=False, sharpen=1.0))
    trainer = types.SimpleNamespace(network=tf.global_variables())
    with tf.Session(config=run.session_config(1)) as session:
        session.run(tf.global_variables_initializer())
        train.start_from(session, trainer, os.path.join(SHIPPED, WEIGHTS_FILE))
        values = dict(zip([v.op.name for v in trainer.network], session.run(trainer.network)))
        with pytest.raises(UserError, match="of another model"):
            train.start_from(session, trainer, os.path.join(SHIPPED, "recogniser-float16.npz"))
    with np.load(os.path.join(SHIPPED, WEIGHTS_FILE)) as shipped:
        for name, value in values.items():
            np.testing.assert_array_equal(value, np.float32(shipped[name]), err_msg=name)


# ------------------------------------------------------------------------------------------------ the part of 9-10
@pytest.mark.parametrize("lengths", [None, [5, 3, 1]])
def test_the_recurrent_part_of_the_cbhg_is_the_printed_one(lengths):
    """The same variable names, outputs and gradients; the order of sums differs."""
    x = np.random.RandomState(0).normal(size=[3, 5, 6]).astype(np.float32)
    upstream = np.random.RandomState(1).normal(size=[3, 5, 8]).astype(np.float32)
    found = []
    for rnn in (tf.nn.bidirectional_dynamic_rnn, guided.bidirectional_gru):
        with tf.Graph().as_default(), tf.Session() as session:
            inputs, length = tf.constant(x), None if lengths is None else tf.constant(lengths)
            with tf.variable_scope("encoder_cbhg"):
                cells = [tf.keras.layers.GRUCell(4) for _ in range(2)]
                outputs, _ = rnn(*cells, inputs, sequence_length=length, dtype=tf.float32)
            variables = tf.global_variables()
            gradients = tf.gradients(tf.concat(outputs, 2) * upstream, [inputs] + variables)
            random = np.random.RandomState(2)
            for variable in variables:
                variable.load(random.normal(size=variable.shape.as_list()).astype(np.float32), session)
            found.append(([v.op.name for v in variables], session.run([list(outputs), gradients])))
    (names, (printed, wanted)), (own_names, (own, gradients)) = found
    assert names == own_names and len(names) == 6
    for one, other in zip(printed + wanted, list(own) + gradients):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
