"""The convolutions arranged for a processor, against TensorFlow's own; the whole training against the printed graph."""

import numpy as np
import pytest
import tensorflow as tf

from ch10_deblurgan import code_10_02_train as train
from ch10_deblurgan import fast, kernels
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


@pytest.mark.parametrize("size,filters", [((3, 5), 4), ((1, 2), 2), ((4, 4), 1)])
def test_upconv_is_the_upsampling_and_the_convolution(size, filters):
    random = np.random.RandomState(3)
    pictures = np.float32(random.normal(0, 1, (2,) + size + (3,)))
    weight = np.float32(random.normal(0, 1, (2, 2 * size[0], 2 * size[1], filters)))
    with tf.Session() as session:
        K.set_session(session)
        net = fast.UpConv2D(filters, 3, padding="same", bias_initializer="ones")
        x = tf.constant(pictures)
        output = net(x)
        assert output.shape.as_list() == [2, 2 * size[0], 2 * size[1], filters]
        training.initialize_uninitialized(session)
        kernel = net.get_weights()[0]
        values = session.run([output] + tf.gradients(tf.reduce_sum(weight * output), [x] + net.weights))
    # NumPy: each pixel four times, a frame of zeros, the nine products
    padded = np.pad(pictures.repeat(2, 1).repeat(2, 2), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="constant")
    windows = [(i, j, padded[:, i : i + 2 * size[0], j : j + 2 * size[1]]) for i in range(3) for j in range(3)]
    expected = 1 + sum(np.tensordot(window, kernel[i, j], 1) for i, j, window in windows)
    np.testing.assert_allclose(values[0], expected, atol=1e-5)
    of_kernel = np.zeros_like(kernel)
    of_padded = np.zeros_like(padded)
    for i, j, window in windows:
        of_kernel[i, j] = np.tensordot(window, weight, ((0, 1, 2), (0, 1, 2)))
        of_padded[:, i : i + 2 * size[0], j : j + 2 * size[1]] += np.tensordot(weight, kernel[i, j], ((3,), (1,)))
    inside = of_padded[:, 1:-1, 1:-1]
    of_pictures = sum(inside[:, i::2, j::2] for i in range(2) for j in range(2))
    np.testing.assert_allclose(values[1], of_pictures, atol=1e-5)
    np.testing.assert_allclose(values[2], of_kernel, atol=1e-4)
    np.testing.assert_allclose(values[3], weight.sum((0, 1, 2)), rtol=1e-4)


# Lavin and Gray, arXiv 1509.09308, F(4×4, 3×3): Bᵀ and Aᵀ
B_T = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0]]
B_T += [[0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]
A_T = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shape", [(2, 9, 6, 3), (1, 4, 5, kernels.BLOCK + 2)])
def test_compiled_transforms_are_the_matrices(shape, threads):
    """Each tile cut out of a padded picture and multiplied, in NumPy."""
    x = np.random.RandomState(4).normal(0, 1, shape).astype(np.float32)
    down, across = -(-shape[1] // 4), -(-shape[2] // 4)
    around = np.pad(x, ((0, 0), (1, 8), (1, 8), (0, 0)), mode="constant")
    places = [(n, 4 * i, 4 * j) for n in range(shape[0]) for i in range(down) for j in range(across)]
    kernels.use_threads(threads)
    try:
        points, output_points = kernels.points(x), kernels.output_points(x)
        outputs = kernels.outputs(points, shape[1], shape[2])
    finally:
        kernels.use_threads(0)
    assert points.shape == output_points.shape == (36, len(places), shape[3]) and outputs.shape == shape
    for tile, (n, top, left) in enumerate(places):
        six = np.einsum("ai,bj,ijc->abc", B_T, B_T, around[n, top : top + 6, left : left + 6])
        np.testing.assert_allclose(points[:, tile], six.reshape(36, -1), atol=1e-4)
        four = around[n, 1:][top : top + 4, left + 1 : left + 5]
        np.testing.assert_allclose(
            output_points[:, tile], np.einsum("ia,jb,ijc->abc", A_T, A_T, four).reshape(36, -1), atol=1e-3
        )
        made = np.einsum("ai,bj,ijc->abc", A_T, A_T, points[:, tile].reshape(6, 6, -1))
        part = outputs[n, top : top + 4, left : left + 4]
        np.testing.assert_allclose(part, made[: part.shape[0], : part.shape[1]], atol=1e-2)


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


def test_vgg_by_winograd_has_the_same_features():
    pictures = tf.constant(batch(2)[0])
    with tf.Session() as session:
        K.set_session(session)
        features = train.vgg_features((32, 32, 3))
        expected, results = features(pictures), fast.vgg_by_winograd(features.model)(pictures)
        training.initialize_uninitialized(session)
        values = session.run([expected, results])
    assert values[0].shape == (2, 8, 8, 256) and values[0].std() > 1e-3
    np.testing.assert_allclose(values[1], values[0], atol=1e-4 * np.abs(values[0]).max())


def test_repeatable_dropout_drops_half_and_the_same_again():
    seed = tf.placeholder(tf.int32, [2])
    layer = fast.RepeatableDropout(0.5, seed)
    x = tf.constant(np.float32(np.arange(1, 2001).reshape(1, 20, 10, 10)))
    with tf.Session() as session:
        twice = [layer(x, training=True), layer(x, training=True)]
        values = session.run(twice + [layer(x, training=False)], {seed: [1, 2]})
        other_step, other_layer = (session.run(twice[0], {seed: numbers}) for numbers in ([1, 3], [2, 2]))
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(values[2], x_of(values[0], values[2]))
    assert 0.4 < np.mean(values[0] == 0) < 0.6
    for other in (other_step, other_layer):  # independent choices agree in half of the places
        assert 0.4 < np.mean((other == 0) == (values[0] == 0)) < 0.6


def x_of(dropped, inputs):
    """What went in: the kept values are twice what they were."""
    return np.where(dropped == 0, inputs, dropped / 2)


@pytest.mark.parametrize("norm,quick", [("switch", True), ("batch", False)])
def test_recomputed_gradients_are_those_of_the_plain_pass(norm, quick):
    """With dropout, which must drop the same values in both passes; the averages move once."""
    blurred, sharp = (tf.constant(item) for item in batch(2, 16))
    with tf.Session() as session:
        K.set_session(session)
        step = tf.Variable(7)
        g = generator_model((16, 16, 3), True, 4, 1, norm, fast=quick, dropout_seed=step)
        output, updates = train.with_updates(g, blurred)
        pieces = fast.Recomputed(g, blurred)
        assert len(pieces.updates) == len(updates) == 2 * len([v for v in g.weights if "moving_mean" in v.name])
        expected = tf.gradients(tf.reduce_mean(tf.abs(output - sharp)), g.trainable_weights)
        flow = tf.gradients(tf.reduce_mean(tf.abs(pieces.output - sharp)), pieces.output)[0]
        results = pieces.gradients(g.trainable_weights, flow)
        training.initialize_uninitialized(session)
        random = np.random.RandomState(0)
        g.set_weights([value + np.float32(random.uniform(0, 0.1, value.shape)) for value in g.get_weights()])
        for one, other in session.run(list(zip([output] + expected, [pieces.output] + results))):
            np.testing.assert_allclose(other, one, atol=1e-4 * np.abs(one).max() + 1e-7)
        # the averages after a step with recomputed gradients are those after one plain update
        before = g.get_weights()
        session.run(updates)
        once = g.get_weights()
        g.set_weights(before)
        session.run([pieces.updates, results])
        for one, other in zip(once, g.get_weights()):
            np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-7)
        assert any(np.abs(one - other).max() > 1e-3 for one, other in zip(once, before))


def test_recomputing_keeps_only_what_goes_from_piece_to_piece():
    """No tensor inside a piece of the first pass is taken by the operations of the gradients."""
    with tf.Session() as session:
        K.set_session(session)
        pictures = tf.constant(batch(1, 16)[0])
        g = generator_model((16, 16, 3), False, 4, 2, "switch")
        first = len(tf.get_default_graph().get_operations())
        pieces = fast.Recomputed(g, pictures)
        operations = tf.get_default_graph().get_operations()
        second = len(operations)
        inside = set(operations[first:])
        flow = tf.gradients(tf.reduce_mean(tf.square(pieces.output)), pieces.output)[0]
        pieces.gradients(g.trainable_weights, flow)
        kept = set()
        for operation in tf.get_default_graph().get_operations()[second:]:
            kept |= {tensor for tensor in operation.inputs if tensor.op in inside and tensor.shape.ndims == 4}
        sizes = sorted(tensor.shape.as_list() for tensor in kept if tensor is not pieces.output)
        # the ends of: first layer, two downsamplings, two blocks, two upsamplings, and the last layers' small pictures
        wide = [size for size in sizes if size[3] > 3]
        assert wide == sorted([[1, 16, 16, 4], [1, 8, 8, 8]] + 3 * [[1, 4, 4, 16]] + [[1, 8, 8, 8], [1, 16, 16, 4]])


@pytest.mark.slow
def test_training_goes_the_same_way():
    """Losses of some steps of the printed networks without and with --fast and --recompute, from the same weights."""
    blurred, sharp = batch(3)
    start, expected = None, None
    for way in ({}, {"fast": True, "recompute": True}):
        K.clear_session()
        training.start()
        opts = settings(critic="printed", norm="switch", head="printed", end_kernel=7, dropout=False, **way)
        # as printed; Adam makes more of rounding at higher rates
        opts.perceptual_weight, opts.learning_rate = 1000.0, 1e-4
        with tf.Session() as session:
            K.set_session(session)
            net = train.build(opts, (32, 32, 3))
            training.initialize_uninitialized(session)
            networks = net.generator, net.critic, net.vgg
            start = start or [model.get_weights() for model in networks]
            for model, weights in zip(networks, start):
                model.set_weights(weights)
            losses = []
            for _ in range(3):
                feed = {net.blurred: blurred, net.sharp: sharp}
                feed[net.generated] = session.run(net.restored, {net.photo: blurred})
                losses += [session.run(step, feed)[1] for step in net.d_steps]
                values = session.run([net.g_losses, net.g_step], feed)[0]
                losses += [values[name] for name in sorted(values)]
            assert max(np.abs(a - b).max() for a, b in zip(net.generator.get_weights(), start[0])) > 2e-4
        expected = expected or losses
        np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-4)


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
    assert not train.PRESETS["book"]["fast"] and not train.PRESETS["book"]["recompute"]
