"""The convolutions arranged for a processor, against TensorFlow's own; the whole training against the printed graph."""

import numpy as np
import pytest
import tensorflow as tf

from ch10_deblurgan.beyond import fast, generator, kernels, losses, train
from ch10_deblurgan.code_10_01_models import discriminator_model, generator_model
from common import run
from common.normalization import SwitchNormalization
from tests import graphs
from tests.ch10_deblurgan.test_beyond_train import settings
from tests.ch10_deblurgan.test_train import batch

K = tf.keras.backend


def tensors(*shapes):
    """Constants of normal random numbers."""
    random = np.random.RandomState(0)
    return [tf.constant(np.float32(random.normal(0, 1, shape))) for shape in shapes]


@pytest.mark.parametrize(
    "convolution,size,kernel,filters",
    [
        (fast.winograd, (8, 12), 3, 6),
        (fast.winograd, (5, 11), 3, 3),
        (fast.winograd, (1, 2), 3, 2),
        (fast.narrow, (9, 6), 7, 3),
        (fast.narrow, (9, 6), 4, 1),
        (fast.narrow, (3, 2), 4, 2),
    ],
)
def test_convolutions_are_tensorflows_and_have_its_gradients(convolution, size, kernel, filters):
    x, kernel, weight = tensors((2,) + size + (5,), (kernel, kernel, 5, filters), (2,) + size + (filters,))
    results = []
    with tf.Session() as session:
        for output in (tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME"), convolution(x, kernel)):
            assert output.shape.as_list() == [2, *size, filters]
            results.append(session.run([output] + tf.gradients(tf.reduce_sum(weight * output), [x, kernel])))
    for expected, result in zip(*results):
        np.testing.assert_allclose(result, expected, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("size,filters", [((3, 5), 4), ((1, 2), 2), ((4, 4), 1)])
def test_upconv_is_the_upsampling_and_the_convolution(size, filters):
    random = np.random.RandomState(3)
    pictures = np.float32(random.normal(0, 1, (2,) + size + (3,)))
    weight = np.float32(random.normal(0, 1, (2, 2 * size[0], 2 * size[1], filters)))
    kernel = np.float32(random.normal(0, 1, (3, 3, 3, filters)))
    with tf.Session() as session:
        x, k = tf.constant(pictures), tf.constant(kernel)
        output = fast.upconv(x, k)
        assert output.shape.as_list() == [2, 2 * size[0], 2 * size[1], filters]
        values = session.run([output] + tf.gradients(tf.reduce_sum(weight * output), [x, k]))
    # NumPy: each pixel four times, a frame of zeros, the nine products
    padded = np.pad(pictures.repeat(2, 1).repeat(2, 2), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="constant")
    windows = [(i, j, padded[:, i : i + 2 * size[0], j : j + 2 * size[1]]) for i in range(3) for j in range(3)]
    expected = sum(np.tensordot(window, kernel[i, j], 1) for i, j, window in windows)
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
    x, kernel = tensors((2, 8, 8, 3), (4, 4, 3, 1))
    results = []
    with tf.Session() as session:
        for convolution in (lambda x, k: tf.nn.conv2d(x, k, [1, 1, 1, 1], "SAME"), fast.narrow):
            penalty = tf.reduce_mean(tf.square(tf.gradients(tf.square(convolution(x, kernel)), x)[0]))
            results.append(session.run(tf.gradients(penalty, kernel)[0]))
    assert np.abs(results[0]).max() > 1e-3
    np.testing.assert_allclose(results[1], results[0], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "model,side",
    [
        (lambda: generator_model((16, 16), ngf=4, n_blocks_gen=1), 16),  # the listing's own
        (lambda: generator.build(dict(ngf=4, n_blocks=1, norm="none", head="residual", end_kernel=3, skips=True)), 16),
        (lambda: discriminator_model((16, 16), ndf=4), 16),
        (lambda: losses.vgg_features((32, 32)).model, 32),
    ],
)
def test_models_layer_by_layer_are_the_models(model, side):
    """The walk through the printed layers gives what Keras gives, plain and fast, with each of the same weights."""
    x = tf.constant(batch(2, side)[0])
    model = model()
    random = np.random.RandomState(0)
    model.set_weights([value + np.float32(random.uniform(0, 0.05, value.shape)) for value in model.get_weights()])
    outputs = [model(x), fast.applied(model, x)[0], fast.applied(model, x, fast=True)[0]]
    values = K.get_session().run(outputs)
    assert outputs[2].shape.as_list() == outputs[0].shape.as_list() and values[0].std() > 1e-4
    np.testing.assert_array_equal(values[1], values[0])
    np.testing.assert_allclose(values[2], values[0], atol=1e-4 * np.abs(values[0]).max())


def test_repeatable_dropout_drops_half_and_the_same_again():
    seed = tf.placeholder(tf.int32, [2])
    inputs = np.float32(np.arange(1, 2001).reshape(1, 20, 10, 10))
    x = tf.constant(inputs)
    with tf.Session() as session:
        twice = [fast.repeatable_dropout(x, 0.5, seed), fast.repeatable_dropout(x, 0.5, seed)]
        values = session.run(twice, {seed: [1, 2]})
        other_step, other_layer = (session.run(twice[0], {seed: numbers}) for numbers in ([1, 3], [2, 2]))
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(inputs, x_of(values[0], inputs))
    assert 0.4 < np.mean(values[0] == 0) < 0.6
    for other in (other_step, other_layer):  # independent choices agree in half of the places
        assert 0.4 < np.mean((other == 0) == (values[0] == 0)) < 0.6


def x_of(dropped, inputs):
    """What went in: the kept values are twice what they were."""
    return np.where(dropped == 0, inputs, dropped / 2)


@pytest.mark.parametrize("norm,quick", [(SwitchNormalization, True), (tf.keras.layers.BatchNormalization, False)])
def test_recomputed_gradients_are_those_of_the_plain_pass(norm, quick):
    """With dropout, which must drop the same values in both passes; the averages move once."""
    blurred, sharp = (tf.constant(item) for item in batch(2, 16))
    with tf.Session() as session:
        K.set_session(session)
        step = tf.Variable(7)
        g = generator_model((16, 16), norm=norm, ngf=4, n_blocks_gen=1)
        output, updates = fast.applied(g, blurred, True, quick, step)
        pieces = fast.Recomputed(g, blurred, quick, step)
        assert len(pieces.updates) == len(updates) == 2 * len([v for v in g.weights if "moving_mean" in v.name])
        expected = tf.gradients(tf.reduce_mean(tf.abs(output - sharp)), g.trainable_weights)
        flow = tf.gradients(tf.reduce_mean(tf.abs(pieces.output - sharp)), pieces.output)[0]
        results = pieces.gradients(g.trainable_weights, flow)
        run.initialize_uninitialized(session)
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


def test_no_weight_is_written_before_a_piece_that_needs_it_is_worked_out_again():
    """Two linear layers in one piece: the first bias's gradient needs neither, the second kernel's the first layer's output."""
    numbers = tf.keras.layers.Input((5,))
    model = tf.keras.Model(numbers, tf.keras.layers.Dense(3)(tf.keras.layers.Dense(4)(numbers)))
    pieces = fast.Recomputed(model, tensors((2, 5))[0])
    loss, weights = tf.reduce_mean(tf.square(pieces.output)), model.trainable_weights
    gradients = pieces.gradients(weights, tf.gradients(loss, pieces.output)[0])
    step = tf.train.AdamOptimizer().apply_gradients(zip(gradients, weights))
    assert not graphs.races(loss, step)


def test_the_generators_step_has_one_order():
    opts = settings(ngf=4, ndf=4, fast=True, recompute=True)
    net = train.build(opts, (32, 32))
    assert not graphs.races(net.g_step, *net.g_losses.values())


def test_recomputing_keeps_only_what_goes_from_piece_to_piece():
    """No tensor inside a piece of the first pass is taken by the operations of the gradients."""
    with tf.Session() as session:
        K.set_session(session)
        pictures = tf.constant(batch(1, 16)[0])
        g = generator_model((16, 16), False, ngf=4, n_blocks_gen=2)
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
        run.start()
        opts = settings("printed", crop=32, ngf=4, ndf=4, n_blocks=1, dropout=False, vgg="random", **way)
        opts.perceptual_weight = 1000.0
        with tf.Session() as session:
            K.set_session(session)
            net = train.build(opts, (32, 32))
            run.initialize_uninitialized(session)
            networks = net.generator, net.critic, net.vgg
            start = start or [model.get_weights() for model in networks]
            for model, weights in zip(networks, start):
                model.set_weights(weights)
            found = []
            for _ in range(3):
                values = train.train_step(session, net, opts, blurred, sharp, opts.learning_rate)
                found += [values[name] for name in sorted(values)]
            assert max(np.abs(a - b).max() for a, b in zip(net.generator.get_weights(), start[0])) > 2e-4
        expected = expected or found
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_one_graph_trains_as_the_listing_does():
    """A batch through listing 10-2's compiled models and through ``beyond/train.py`` from the same weights: the same losses."""
    from ch10_deblurgan import code_10_02_train as listing

    def absolute(
        y_true, y_pred
    ):  # a number, as the print's losses; TensorFlow 1.13 multiplies its "mae" by the batch size
        return K.mean(K.abs(y_true - y_pred))

    blurred, sharp = batch(2)
    opts = settings(
        "printed", crop=32, ngf=4, ndf=4, n_blocks=1, dropout=False, critic_updates=2, perceptual_weight=0.0
    )
    opts.pixel_weight = 100.0
    net = train.build(opts, (32, 32))
    session = K.get_session()
    run.initialize_uninitialized(session)
    g = generator_model((32, 32), False, ngf=4, n_blocks_gen=1)
    d = discriminator_model((32, 32), ndf=4)
    d_on_g = listing.deblurmodel.g_containing_d_multiple_outputs(g, d, (32, 32))
    d.compile(listing.Adam(lr=1e-4), loss=listing.wasserstein_loss)
    d.trainable = False
    d_on_g.compile(listing.Adam(lr=1e-4), loss=[absolute, listing.wasserstein_loss], loss_weights=[100, 1])
    d.trainable = True
    run.initialize_uninitialized(session)
    g.set_weights(net.generator.get_weights())
    d.set_weights(net.critic.get_weights())
    ones = np.ones((2, 1))
    for _ in range(2):
        ours = train.train_step(session, net, opts, blurred, sharp, 1e-4)
        generated = g.predict(blurred)
        critic = [d.train_on_batch(p, y) for _ in range(2) for p, y in ((sharp, ones), (generated, -ones))]
        total, pixel, adversarial = d_on_g.train_on_batch(blurred, [sharp, ones])
        np.testing.assert_allclose(
            [ours["d"], ours["total"], ours["pixel"], ours["adversarial"]],
            [np.mean(critic), total, pixel, adversarial],
            rtol=2e-3,
        )
