"""Listing 9-16: sizes, losses, learning rate."""

import numpy as np
import pytest
import tensorflow as tf

from ch09_tacotron import code_9_16_tacotron as listing


def test_printed_size_and_gradients():
    """6,630,662 trainable values, 56 batch-norm averages, as the printed network has."""
    model = listing.Tacotron(
        tf.zeros([2, 20], tf.int32),
        tf.constant([20, 15]),
        80,
        5,
        1025,
        tf.zeros([2, 50, 1025]),
        tf.zeros([2, 50, 80]),
        tf.zeros([2, 50]),
    )
    model.buildTrainModel(16000, 1025, tf.train.get_or_create_global_step())
    trainable = tf.trainable_variables()
    assert sum(int(np.prod(v.shape.as_list())) for v in trainable) == 6630662
    assert sum("moving_" in v.name for v in tf.global_variables()) == 56
    # Erratum E23: the training step runs an update for each average
    assert len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)) == 56
    graph = tf.get_default_graph()
    seen, todo = set(), [model.train_op]
    while todo:
        operation = todo.pop()
        if operation.name not in seen:
            seen.add(operation.name)
            todo += [tensor.op for tensor in operation.inputs] + list(operation.control_inputs)
    assert all(update.name in seen for update in tf.get_collection(tf.GraphKeys.UPDATE_OPS))
    assert len(model.gradients) == 194 and all(g is not None for g in model.gradients)
    assert model.mel_outputs.shape[2].value == 80 and model.linear_outputs.shape[2].value == 1025
    assert graph.get_tensor_by_name("embedding:0").shape.as_list() == [75, 256]


def test_learning_rate_is_the_printed_formula():
    step = tf.placeholder(tf.int64, [])
    ours = listing._learning_rate_decay(0.001, step)
    with tf.Session() as session:
        for value in (0, 10, 3998, 3999, 4000, 50000):
            number = value + 1.0
            printed = 0.001 * 4000**0.5 * min(number * 4000**-1.5, number**-0.5)
            assert session.run(ours, {step: value}) == pytest.approx(printed, rel=1e-5)


def test_learning_rate_of_small_batches():
    step = tf.placeholder(tf.int64, [])
    rate = listing._learning_rate_decay(0.001, step, 300, 1000)
    with tf.Session() as session:
        values = [float(session.run(rate, {step: value - 1})) for value in (150, 300, 1000, 4000)]
    np.testing.assert_allclose(values, [0.0005, 0.001, 0.001, 0.0005], rtol=1e-5)


class Outputs(listing.Tacotron):
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
        self.target_lengths, self.input_lengths = tf.constant([7, 4]), tf.constant([6, 5])
        self.outputs_per_step = 5


@pytest.mark.parametrize("masked", [False, True])
def test_losses_equal_numpy_and_e39_padding_can_be_left_out(masked):
    model = Outputs()
    model.buildTrainModel(16000, 1025, tf.train.get_or_create_global_step(), masked_loss=masked, stop_weight=3.0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        mel, linear, stop, total = session.run([model.mel_loss, model.linear_loss, model.stop_token_loss, model.loss])
        session.run(model.train_op)
        assert session.run(tf.train.get_global_step()) == 1
    values = model.numpy
    weight = np.ones([2, 10]) if not masked else np.arange(10)[None] < np.array([[7], [4]])

    def mean(error):
        return (error.mean(axis=2) * weight).sum() / weight.sum()

    error = np.abs(values["linear_outputs"] - values["linear_targets"])
    assert mel == pytest.approx(mean(np.abs(values["mel_outputs"] - values["mel_targets"])), rel=1e-4)
    assert linear == pytest.approx(0.5 * mean(error) + 0.5 * mean(error[:, :, :512]), rel=1e-4)
    probability = 1 / (1 + np.exp(-values["stop_token_outputs"]))
    targets = values["stop_token_targets"]
    entropy = -(3 * targets * np.log(probability) + (1 - targets) * np.log(1 - probability))
    assert stop == pytest.approx(entropy.mean(), rel=1e-4)
    assert total == pytest.approx(mel + linear + stop, rel=1e-5)


def test_guided_attention_equals_numpy():
    model = Outputs()
    loss = listing.guided_attention_loss(model.alignments, model.input_lengths, tf.constant([2, 1]), sigma=0.3)
    terms = []
    for sample, (length, steps) in enumerate(((6, 2), (5, 1))):
        for t in range(steps):
            distance = 1 - np.exp(-((np.arange(6) / length - t / steps) ** 2) / (2 * 0.3**2))
            terms.append((model.numpy["alignments"][sample, :, t] * distance).sum())
    with tf.Session() as session:
        assert session.run(loss) == pytest.approx(np.mean(terms), rel=1e-5)


def test_guided_attention_is_low_on_the_diagonal_and_high_off_it():
    diagonal = np.eye(20, dtype=np.float32)[None]
    lengths = tf.constant([20])
    losses = [listing.guided_attention_loss(tf.constant(a), lengths, lengths) for a in (diagonal, diagonal[:, ::-1])]
    with tf.Session() as session:
        low, high = session.run(losses)
    assert low == 0 and high > 0.5


def test_alignments_at_places_equal_numpy():
    places, lengths = np.float32([[0.0, 1.5], [2.0, 3.0]]), [5, 4]
    found = listing.alignments_at(tf.constant(places), tf.constant(lengths), 5)
    expected = np.exp(-0.5 * (np.arange(5)[None, :, None] - places[:, None, :]) ** 2)
    expected[1, 4] = 0  # padding of the second text
    expected /= expected.sum(axis=1, keepdims=True)
    with tf.Session() as session:
        np.testing.assert_allclose(session.run(found), expected, atol=1e-5)


def test_attention_divergence_equals_numpy():
    random = np.random.RandomState(1)
    wanted, alignments = (random.dirichlet(np.ones(6), [2, 3]).transpose(0, 2, 1).astype(np.float32) for _ in range(2))
    loss = listing.attention_divergence(tf.constant(alignments), tf.constant(wanted), tf.constant([3, 1]))
    same = listing.attention_divergence(tf.constant(wanted), tf.constant(wanted), tf.constant([3, 1]))
    divergence = (wanted * np.log(wanted / alignments)).sum(axis=1)
    with tf.Session() as session:
        assert session.run(loss) == pytest.approx(np.mean([*divergence[0], divergence[1, 0]]), rel=1e-3)
        assert session.run(same) == pytest.approx(0, abs=1e-6)


def test_with_all_attention_given_the_guide_teaches_it():
    """The recording's attention adds no variable, and every variable still has a gradient."""
    targets = tf.zeros([2, 20, 1025]), tf.zeros([2, 20, 80]), tf.zeros([2, 20])
    extra = dict(target_lengths=tf.constant([20, 10]), places=tf.zeros([2, 4]), give_attention=1.0)
    model = listing.Tacotron(tf.ones([2, 8], tf.int32), tf.constant([8, 6]), 80, 5, 1025, *targets, **extra)
    model.buildTrainModel(16000, 1025, tf.train.get_or_create_global_step(), guide_weight=0.1)
    assert len(model.gradients) == 194
    attention = [v for v in tf.trainable_variables() if "attention_variable" in v.name]
    by_speech, by_guide = (tf.gradients(loss, attention)[0] for loss in (model.mel_loss, model.guide_loss))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        speech, guide = session.run([by_speech, by_guide])
    assert not speech.any() and np.abs(guide).max() > 1e-4
