"""Listing 10-5: shapes and counts of the printed size, the penalty against closed forms, what cannot work."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow.contrib.slim as slim

from ch10_attgan import code_10_05_models as listing
from ch10_attgan.beyond.networks import paper_order
from ch10_attgan.code_10_05_models import D, Gdec, Genc, gradient_penalty
from common.errors import UserError
from common.normalization import instance_norm


def trainable(*scopes):
    """Trainable variables of the networks named ('Genc', 'Gdec', 'D')."""
    return [variable for variable in tf.trainable_variables() if variable.name.split("/")[0] in scopes]


def count_values(variables):
    return int(sum(np.prod(variable.shape.as_list()) for variable in variables))


# ------------------------------------------------------------------------------------------------ shapes
def test_printed_size_has_the_printed_shapes_and_counts():
    """128 px, 13 attributes (graph only)."""
    x = tf.placeholder(tf.float32, [None, 128, 128, 3])
    zs = Genc(x)
    assert [z.shape.as_list()[1:] for z in zs] == [
        [64, 64, 64],
        [32, 32, 128],
        [16, 16, 256],
        [8, 8, 512],
        [4, 4, 1024],
    ]
    pictures = Gdec(zs, tf.placeholder(tf.float32, [None, 13]), shortcut_layers=1, inject_layers=1)
    assert pictures.shape.as_list()[1:] == [128, 128, 3]
    logit_gan, logit_att = D(x, 13)
    assert logit_gan.shape.as_list()[1:] == [1] and logit_att.shape.as_list()[1:] == [13]
    generator, critic = trainable("Genc", "Gdec"), trainable("D")
    assert (len(generator), count_values(generator)) == (38, 43463107)
    assert (len(critic), count_values(critic)) == (23, 44718990)
    shapes = {variable.op.name: variable.shape.as_list() for variable in generator + critic}
    assert shapes["Gdec/Conv2d_transpose/weights"] == [4, 4, 1024, 1037]
    assert shapes["Gdec/Conv2d_transpose_1/weights"] == [4, 4, 512, 1549]
    assert shapes["D/fully_connected/weights"] == [16384, 1024]
    assert set(trainable("Genc", "Gdec", "D")) == set(tf.trainable_variables())


def test_networks_share_their_variables_when_called_again():
    x = tf.zeros([2, 16, 16, 3])
    for _ in range(2):
        Gdec(Genc(x, 4, 2), tf.zeros([2, 3]), 4, 2)
        D(x, 3, 4, 8, 2)
    names = [variable.name for variable in tf.global_variables()]
    assert len(names) == len(set(names)) and not any("Genc_1" in name or "D_1/" in name for name in names)


def test_filters_stop_at_1024():
    assert Genc(tf.zeros([1, 64, 64, 3]), 512, 3)[-1].shape.as_list()[-1] == 1024 == listing.MAX_DIM


def test_pictures_lie_within_1_and_depend_on_the_attributes():
    x = tf.random_normal([2, 16, 16, 3], seed=1)
    values = tf.placeholder(tf.float32, [2, 3])
    pictures = Gdec(Genc(x, 4, 2, is_training=False), values, 4, 2, is_training=False)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        first, second = [session.run(pictures, {values: np.full((2, 3), sign, "f")}) for sign in (-0.5, 0.5)]
    assert np.abs(first).max() <= 1
    assert np.abs(first - second).max() > 1e-4


def test_erratum_e86_attributes_enter_the_decoder():
    """10.3.2 says the encoder: there is no way from the attributes to its maps."""
    x, values = tf.zeros([1, 16, 16, 3]), tf.ones([1, 3])
    zs = Genc(x, 4, 2)
    pictures = Gdec(zs, values, 4, 2)
    assert tf.gradients(pictures, values)[0] is not None
    assert tf.gradients(zs, values) == [None]


# ------------------------------------------------------------------------------------------------ layer order
def first_layer(order):
    x = tf.placeholder(tf.float32, [8, 8, 8, 3])
    maps = Genc(x, 4, 1, is_training=True, order=order)[0]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(maps, {x: np.random.RandomState(0).normal(size=(8, 8, 8, 3))})


def test_erratum_e81_printed_order_ends_with_batch_norm_the_papers_with_the_activation():
    printed = first_layer(listing.end_of_layer)
    np.testing.assert_allclose(printed.mean(axis=(0, 1, 2)), 0, atol=1e-3)  # batch norm is last: mean 0, deviation 1
    np.testing.assert_allclose(printed.std(axis=(0, 1, 2)), 1, atol=2e-2)
    tf.reset_default_graph()
    paper = first_layer(paper_order)
    assert (paper.mean(axis=(0, 1, 2)) > 0.1).all()  # leaky ReLU is last
    before = np.where(paper > 0, paper, paper / 0.2)
    np.testing.assert_allclose(before.mean(axis=(0, 1, 2)), 0, atol=1e-3)
    np.testing.assert_allclose(before.std(axis=(0, 1, 2)), 1, atol=2e-2)


def test_instance_norm_is_slims():
    x = tf.constant(np.random.RandomState(0).normal(2.0, 3.0, size=(3, 5, 4, 6)).astype("f"))
    with tf.variable_scope("a"):
        ours = instance_norm(x, scope="InstanceNorm", epsilon=1e-6)  # as the critic calls it
    theirs = slim.instance_norm(x)
    weights = tf.constant(np.random.RandomState(1).normal(size=(3, 5, 4, 6)).astype("f"))
    gradients = [tf.gradients(tf.reduce_sum(y * weights), x)[0] for y in (ours, theirs)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        a, b, gradient_a, gradient_b, values = session.run([ours, theirs] + gradients + [x])
    np.testing.assert_allclose(a, b, atol=2e-5)
    np.testing.assert_allclose(gradient_a, gradient_b, atol=2e-5)
    expected = (values - values.mean((1, 2), keepdims=True)) / np.sqrt(values.var((1, 2), keepdims=True) + 1e-6)
    np.testing.assert_allclose(a, expected, atol=2e-5)


# ------------------------------------------------------------------------------------------------ penalty
def test_penalty_of_a_linear_critic_is_known():
    """f(x) = w·x has the gradient w everywhere: the penalty is (‖w‖ − 1)²."""
    w = np.random.RandomState(0).normal(size=(4, 4, 3)).astype("f")
    real, fake = tf.random_normal([5, 4, 4, 3]), tf.random_normal([5, 4, 4, 3])

    def f(x):
        return tf.reduce_sum(x * w, axis=[1, 2, 3])[:, None]

    between, noisy = gradient_penalty(f, real, fake), gradient_penalty(lambda x: (f(x), None), real)
    with tf.Session() as session:
        values = session.run([between, noisy])
    np.testing.assert_allclose(values, [(np.sqrt((w**2).sum()) - 1) ** 2] * 2, rtol=1e-5)


def test_penalty_looks_between_real_and_fake():
    """f(x) = x²/2 has the gradient x: for real 0 and fake c·1 the norms lie between 0 and c·√n."""
    n = 4 * 4 * 3
    real, fake = tf.zeros([2000, 4, 4, 3]), tf.fill([2000, 4, 4, 3], np.float32(2.0 / np.sqrt(n)))
    penalty = gradient_penalty(lambda x: tf.reduce_sum(tf.square(x), [1, 2, 3])[:, None] / 2, real, fake)
    with tf.Session() as session:
        value = session.run(penalty)
    assert abs(value - 1.0 / 3.0) < 0.05  # mean of (2u − 1)² for u uniform in 0…1


def printed_moments(a):
    return tf.nn.moments(a, range(a.shape.ndims))


def test_erratum_e82_dragan_penalty_can_be_built():
    real = tf.random_normal([4, 8, 8, 3])
    with pytest.raises(ValueError, match="reduction_indices"):
        printed_moments(real)
    penalty = gradient_penalty(lambda x: D(x, 2, 4, 8, 2), real)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert np.isfinite(session.run(penalty))


def test_erratum_e83_gradient_at_0_is_finite():
    """A critic that does not react has the gradient 0, where the derivative of the plain norm is NaN."""
    real = tf.random_normal([4, 8, 8, 3])
    weight = tf.Variable(0.0)

    def f(x):
        return tf.reduce_sum(tf.square(x) * weight, axis=[1, 2, 3])[:, None]

    gradient = tf.gradients(f(real), real)[0]
    printed = tf.gradients(tf.reduce_mean((tf.norm(slim.flatten(gradient), axis=1) - 1.0) ** 2), weight)[0]
    ours = tf.gradients(gradient_penalty(f, real, real), weight)[0]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        printed_value, our_value = session.run([printed, ours])
    assert np.isnan(printed_value) and np.isfinite(our_value)


@pytest.mark.parametrize("img_size,n_layers", [(32, 5), (16, 5), (100, 5), (8, 4)])
def test_erratum_e83_sizes_that_end_at_1_are_refused(img_size, n_layers):
    with pytest.raises(UserError, match="pictures of %d pixels do not fit %d layers" % (img_size, n_layers)):
        D(tf.zeros([1, img_size, img_size, 3]), 2, 4, 8, n_layers)


def test_critic_at_1_by_1_would_be_blind():
    """Why 1×1 is refused: instance norm over one value gives 0, whatever comes in."""
    y = slim.instance_norm(tf.random_normal([4, 1, 1, 8]) * 100)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert np.abs(session.run(y)).max() < 1e-3


def test_penalty_trains_the_critic():
    """The second derivative reaches every convolution of the critic."""
    x = tf.random_normal([4, 16, 16, 3])
    penalty = gradient_penalty(lambda x: D(x, 2, 4, 8, 2), x, -x)
    variables = [v for v in trainable("D") if v.op.name.endswith("weights") and "fully_connected_" not in v.op.name]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        gradients = session.run(tf.gradients(penalty, variables))
    assert all(np.isfinite(value).all() and np.abs(value).max() > 0 for value in gradients) and len(gradients) == 3
