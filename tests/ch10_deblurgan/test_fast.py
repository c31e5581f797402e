"""The convolutions arranged for a processor, against TensorFlow's own; the whole training against the printed graph."""

import numpy as np
import pytest
import tensorflow as tf

from ch10_deblurgan import code_10_02_train as train
from ch10_deblurgan import fast
from ch10_deblurgan.code_10_01_models import generator_model
from common import training
from tests.ch10_deblurgan.test_train import batch, settings

K = tf.keras.backend


@pytest.fixture(autouse=True)
def fresh_session():
    K.clear_session()
    training.start()
    yield
    K.clear_session()


@pytest.mark.parametrize(
    "layer,size,kernel,filters",
    [
        (fast.WinogradConv2D, (8, 12), 3, 6),
        (fast.WinogradConv2D, (5, 11), 3, 3),
        (fast.WinogradConv2D, (1, 2), 3, 2),
        (fast.NarrowConv2D, (9, 6), 7, 3),
        (fast.NarrowConv2D, (9, 6), 4, 1),
        (fast.NarrowConv2D, (3, 2), 4, 2),
    ],
)
def test_layers_are_the_convolution_and_have_its_gradients(layer, size, kernel, filters):
    random = np.random.RandomState(0)
    pictures = tf.constant(np.float32(random.normal(0, 1, (2,) + size + (5,))))
    weight = tf.constant(np.float32(random.normal(0, 1, (2,) + size + (filters,))))
    with tf.Session() as session:
        K.set_session(session)
        results, weights = [], None
        for kind in (tf.keras.layers.Conv2D, layer):
            net = kind(filters, kernel, padding="same", bias_initializer="ones")
            output = net(pictures)
            assert output.shape.as_list() == [2, *size, filters]
            gradients = tf.gradients(tf.reduce_sum(weight * output), [pictures] + net.weights)
            training.initialize_uninitialized(session)
            if weights is not None:
                net.set_weights(weights)
            weights = net.get_weights()
            results.append(session.run([output] + gradients))
    for expected, result in zip(*results):
        np.testing.assert_allclose(result, expected, atol=2e-4 * np.abs(expected).max())


def test_winograds_gradient_is_that_of_its_own_values():
    random = np.random.RandomState(1)
    x, kernel = (tf.constant(np.float32(random.normal(0, 1, shape))) for shape in ((1, 5, 6, 2), (3, 3, 2, 2)))
    with tf.Session():
        y = fast.winograd(x, kernel)
        for value, shape in ((x, [1, 5, 6, 2]), (kernel, [3, 3, 2, 2])):
            assert tf.test.compute_gradient_error(value, shape, y, [1, 5, 6, 2], delta=0.1) < 0.01


def test_one_picture_at_a_time_is_the_loss_of_the_batch():
    first, second = (tf.constant(item) for item in batch(3, 8))
    kernel = tf.constant(np.random.RandomState(2).normal(0, 1, (3, 3, 3, 4)).astype(np.float32))

    def features(x):
        return tf.nn.relu(tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME"))

    def loss(y_true, y_pred):
        return tf.reduce_mean(tf.square(features(y_true) - features(y_pred)))

    pictures = 0.5 * second  # the gradient has to go on to what the pictures were made of
    with tf.Session() as session:
        whole, parts = loss(first, pictures), fast.one_picture_at_a_time(loss, first, pictures)
        values = session.run([whole, parts] + tf.gradients(3 * whole, second) + tf.gradients(3 * parts, second))
    assert values[1] == pytest.approx(values[0], rel=1e-5)
    np.testing.assert_allclose(values[3], values[2], rtol=1e-3, atol=1e-6)
    assert np.abs(values[2]).max() > 1e-3


def test_wgan_gps_penalty_goes_through_the_narrow_convolution():
    """The penalty is a gradient of a gradient."""
    pictures = tf.constant(batch(2, 8)[0])
    with tf.Session() as session:
        K.set_session(session)
        results, weights = [], None
        for kind in (tf.keras.layers.Conv2D, fast.NarrowConv2D):
            net = kind(1, 4, padding="same")
            output = tf.square(net(pictures))
            penalty = tf.reduce_mean(tf.square(tf.gradients(output, pictures)[0]))
            gradient = tf.gradients(penalty, net.weights[0])[0]
            training.initialize_uninitialized(session)
            if weights is not None:
                net.set_weights(weights)
            weights = net.get_weights()
            results.append(session.run(gradient))
    assert np.abs(results[0]).max() > 1e-3
    np.testing.assert_allclose(results[1], results[0], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_training_goes_the_same_way():
    """Losses of some steps of the printed networks with and without --fast, from the same weights."""
    blurred, sharp = batch(3)
    runs, start = [], None
    for quick in (False, True):
        K.clear_session()
        training.start()
        opts = settings(critic="printed", norm="switch", head="printed", end_kernel=7, dropout=False, fast=quick)
        opts.perceptual_weight, opts.learning_rate = (
            1000.0,
            1e-4,
        )  # as printed; Adam makes more of rounding at higher rates
        with tf.Session() as session:
            K.set_session(session)
            net = train.build(opts, (32, 32, 3))
            training.initialize_uninitialized(session)
            networks = net.generator, net.critic, net.vgg
            start = start or [model.get_weights() for model in networks]
            for model, weights in zip(networks, start):
                model.set_weights(weights)
            losses = []
            for _ in range(4):
                feed = {net.blurred: blurred, net.sharp: sharp}
                feed[net.generated] = session.run(net.restored, {net.photo: blurred})
                losses += [session.run(step, feed)[1] for step in net.d_steps]
                values = session.run([net.g_losses, net.g_step], feed)[0]
                losses += [values[name] for name in sorted(values)]
            runs.append((losses, net.generator.get_weights()))
    np.testing.assert_allclose(runs[1][0], runs[0][0], rtol=1e-4, atol=1e-4)
    assert max(np.abs(a - b).max() for a, b in zip(runs[0][1], start[0])) > 2e-4


def test_weights_of_one_network_fit_the_other(tmp_path):
    pictures = batch(1)[0]
    path = str(tmp_path / "g.h5")
    results = []
    with tf.Session() as session:
        K.set_session(session)
        for quick in (False, True):
            g = generator_model((None, None, 3), istrain=False, ngf=4, n_blocks=1, fast=quick)
            training.initialize_uninitialized(session)
            if quick:
                g.load_weights(path)
            else:
                g.save_weights(path)
            results.append(g.predict(pictures))
    np.testing.assert_allclose(results[1], results[0], atol=1e-4)
    assert not train.PRESETS["book"]["fast"]
