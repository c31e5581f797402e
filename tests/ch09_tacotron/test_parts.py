"""Parts and losses beyond the print, against NumPy."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from ch09_tacotron.beyond import losses
from ch09_tacotron.beyond.parts import CappedHelper, GuidedAttention, GuidedWrapper, ScheduledSamplingHelper, StepNoise


def guided_wrapper(**keywords):
    memory = tf.random_normal([2, 7, 16], seed=3)
    attention = functools.partial(GuidedAttention, **keywords)
    return GuidedWrapper(memory, False, tf.nn.rnn_cell.GRUCell(256), 4, 3, attention=attention)


def test_forced_attention_is_read_and_added_up_by_the_utterances_it_is_given_to():
    forced = np.zeros([2, 7, 3], np.float32)
    forced[:, 4, 1] = 1.0  # in the second step symbol 4
    cell = guided_wrapper(forced=tf.constant(forced), chosen=tf.constant([True, False]))
    zero = cell.zero_state(2, tf.float32).clone(time=tf.constant(1))
    _, state = cell(tf.zeros([2, 4]), zero)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        memory, context, own, total = session.run(
            [cell._attention_mechanism.values, state.attention, state.alignment_history.read(1), state.alignments]
        )
    np.testing.assert_allclose(context[0], memory[0, 4], rtol=1e-5)
    np.testing.assert_allclose(context[1], own[1] @ memory[1], rtol=1e-5)
    np.testing.assert_allclose(total, [forced[0, :, 1], own[1]], atol=1e-6)
    assert own[0].max() < 0.9  # what the guide teaches is the network's own attention


def test_dropout_depends_on_step_and_place_alone():
    x = tf.ones([50, 40])

    def dropped(step, time, name="dropout_1"):
        noise = StepNoise(tf.constant(step))
        noise.time = time
        return noise.dropout(0.5, name)(x, training=True)

    first, again, other = dropped(7, 2), dropped(7, 2), [dropped(8, 2), dropped(7, 3), dropped(7, 2, "dropout_2")]
    with tf.Session() as session:
        a, b, others = session.run([first, again, other])
    assert np.array_equal(a, b) and not any(np.array_equal(a, c) for c in others)
    assert set(np.unique(a)) == {0.0, 2.0} and abs(a.mean() - 1) < 0.1
    assert StepNoise(0).dropout(0.5, "dropout_1")(x, training=False) is x


def test_scheduled_sampling_mixes_in_own_frames():
    targets, own = tf.zeros([400, 6, 4]), tf.ones([400, 12])
    with tf.Session() as session:
        for share in (0.0, 0.3, 1.0):
            helper = ScheduledSamplingHelper(targets, 4, 3, share=tf.constant(share), noise=StepNoise(1))
            fed = session.run(helper.next_inputs(time=tf.constant(0), outputs=own, state=None)[1])
            assert np.all(fed == fed[:, :1])  # all of a frame, or nothing
            assert abs(fed.mean() - share) < 0.08


def test_a_voice_that_does_not_stop_is_cut():
    helper = CappedHelper(2, 4, 3, limits=tf.constant([3, 9]))
    finished, *_ = helper.next_inputs(tf.constant(2), tf.zeros([2, 12]), None, tf.zeros([2, 3]))
    with tf.Session() as session:
        assert session.run(finished).tolist() == [True, False]


class Outputs(losses.GuidedTacotron):
    """Losses without the network: outputs are given."""

    def __init__(self, seed=0):
        random = np.random.RandomState(seed)
        self.numpy = dict(
            mel_outputs=random.rand(2, 10, 80),
            mel_targets=random.rand(2, 10, 80),
            linear_outputs=random.rand(2, 10, 1025),
            linear_targets=random.rand(2, 10, 1025),
            stop_token_outputs=random.randn(2, 10),
            stop_token_targets=np.array([[0] * 7 + [1] * 3, [0] * 4 + [1] * 6]),
            alignments=random.dirichlet(np.ones(6), [2, 2]).transpose(0, 2, 1),
        )
        scale = tf.get_variable("scale", initializer=1.0)
        for name, value in self.numpy.items():
            setattr(self, name, tf.constant(value, tf.float32) * (scale if "outputs" in name else 1.0))
        self.input_lengths = tf.constant([6, 5])


@pytest.mark.parametrize("masked", [False, True])
def test_losses_equal_numpy_and_e39_padding_can_be_left_out(masked):
    model = Outputs()
    step = tf.train.get_or_create_global_step()
    model.build_training(step, tf.constant(0.001), tf.constant([7, 4]), 5, masked_loss=masked)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        mel, linear, total, stop = session.run([model.mel_loss, model.linear_loss, model.loss, model.stop_token_loss])
        session.run(model.optimize)
        assert session.run(step) == 1
    values = model.numpy
    weight = np.ones([2, 10]) if not masked else np.arange(10)[None] < np.array([[7], [4]])

    def mean(error):
        return (error.mean(axis=2) * weight).sum() / weight.sum()

    error = np.abs(values["linear_outputs"] - values["linear_targets"])
    assert mel == pytest.approx(mean(np.abs(values["mel_outputs"] - values["mel_targets"])), rel=1e-4)
    assert linear == pytest.approx(0.5 * mean(error) + 0.5 * mean(error[:, :, :512]), rel=1e-4)
    assert total == pytest.approx(mel + linear + stop, rel=1e-5)


def test_guided_attention_equals_numpy_and_is_low_on_the_diagonal():
    model = Outputs()
    loss = losses.guided_attention_loss(model.alignments, model.input_lengths, tf.constant([2, 1]), sigma=0.3)
    terms = []
    for sample, (length, steps) in enumerate(((6, 2), (5, 1))):
        for t in range(steps):
            distance = 1 - np.exp(-((np.arange(6) / length - t / steps) ** 2) / (2 * 0.3**2))
            terms.append((model.numpy["alignments"][sample, :, t] * distance).sum())
    diagonal, lengths = np.eye(20, dtype=np.float32)[None], tf.constant([20])
    ways = [losses.guided_attention_loss(tf.constant(a), lengths, lengths) for a in (diagonal, diagonal[:, ::-1])]
    with tf.Session() as session:
        found, (low, high) = session.run([loss, ways])
    assert found == pytest.approx(np.mean(terms), rel=1e-5) and low == 0 and high > 0.5


def test_alignments_at_places_equal_numpy():
    places, lengths = np.float32([[0.0, 1.5], [2.0, 3.0]]), [5, 4]
    found = losses.alignments_at(tf.constant(places), tf.constant(lengths), 5)
    expected = np.exp(-0.5 * (np.arange(5)[None, :, None] - places[:, None, :]) ** 2)
    expected[1, 4] = 0  # padding of the second text
    expected /= expected.sum(axis=1, keepdims=True)
    with tf.Session() as session:
        np.testing.assert_allclose(session.run(found), expected, atol=1e-5)


def test_attention_divergence_equals_numpy():
    random = np.random.RandomState(1)
    wanted, alignments = (random.dirichlet(np.ones(6), [2, 3]).transpose(0, 2, 1).astype(np.float32) for _ in range(2))
    loss = losses.attention_divergence(tf.constant(alignments), tf.constant(wanted), tf.constant([3, 1]))
    same = losses.attention_divergence(tf.constant(wanted), tf.constant(wanted), tf.constant([3, 1]))
    divergence = (wanted * np.log(wanted / alignments)).sum(axis=1)
    with tf.Session() as session:
        assert session.run(loss) == pytest.approx(np.mean([*divergence[0], divergence[1, 0]]), rel=1e-3)
        assert session.run(same) == pytest.approx(0, abs=1e-6)


def test_learning_rate():
    step = tf.placeholder(tf.int64, [])
    rate = losses.learning_rate(0.001, step, 300, 1000, 0, 5000)
    falling = losses.learning_rate(1.0, step, 1, 200, 100, 200)
    with tf.Session() as session:
        values = [float(session.run(rate, {step: value - 1})) for value in (150, 300, 1000, 4000)]
        end = [float(session.run(falling, {step: value})) for value in (99, 100, 149, 199)]
    np.testing.assert_allclose(values, [0.0005, 0.001, 0.001, 0.0005], rtol=1e-5)
    np.testing.assert_allclose(end, [1, 1, 50 / 99, 0.05], rtol=1e-5)
