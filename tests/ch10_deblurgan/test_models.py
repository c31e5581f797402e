"""Listing 10-1: shapes, sizes, the residual head, and what of the text does not hold."""

import numpy as np
import pytest
import tensorflow as tf

from ch10_deblurgan import code_10_01_models as models
from common import training
from tests import helpers

K = tf.keras.backend


@pytest.fixture(autouse=True)
def fresh_session():
    K.clear_session()
    training.start()
    yield
    K.clear_session()


def convolutions(model):
    return [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Conv2D)]


def test_printed_sizes():
    assert models.generator_model((360, 640, 3)).count_params() == 11399309
    assert models.discriminator_model((360, 640, 3)).count_params() == 3778306


def test_nine_residual_blocks():
    """Erratum E51: 3 convolutions before, 3 after, and 2 in each of 9 blocks (the text says 5 blocks)."""
    assert len(convolutions(models.generator_model((None, None, 3)))) == 3 + 2 * 9 + 3


def test_last_critic_convolutions_are_4x4_stride_1():
    """Erratum E52: the text calls them 1×1."""
    last = convolutions(models.discriminator_model((32, 48, 3)))[-2:]
    assert [layer.kernel_size for layer in last] == [(4, 4), (4, 4)]
    assert [layer.strides for layer in last] == [(1, 1), (1, 1)]
    assert [layer.filters for layer in last] == [512, 1]


def test_dropout_only_in_training_and_without_weights():
    trained, used = (models.generator_model((None, None, 3), istrain=flag, ngf=4, n_blocks=2) for flag in (True, False))
    kinds = [sum(isinstance(layer, tf.keras.layers.Dropout) for layer in model.layers) for model in (trained, used)]
    assert kinds == [2, 0]
    assert [w.shape for w in trained.get_weights()] == [w.shape for w in used.get_weights()]
    used.set_weights(trained.get_weights())


@pytest.mark.parametrize("norm", sorted(models.NORMS))
@pytest.mark.parametrize("head", models.HEADS)
def test_any_multiple_of_four_goes_through(norm, head):
    g = models.generator_model((None, None, 3), ngf=4, n_blocks=1, norm=norm, head=head)
    for size in ((8, 12), (20, 16)):
        result = g.predict(np.random.RandomState(0).uniform(-1, 1, (2,) + size + (3,)))
        assert result.shape == (2,) + size + (3,)
        assert np.all(np.abs(result) <= 1.0)


def test_other_sizes_do_not_fit():
    """Erratum E63: 'any size' (10.2.12) holds for multiples of 4 only; code_10_03 pads and crops."""
    g = models.generator_model((None, None, 3), ngf=4, n_blocks=1)
    with pytest.raises(tf.errors.InvalidArgumentError):
        g.predict(np.zeros((1, 30, 42, 3), np.float32))


def test_the_critic_is_tied_to_its_size():
    """Erratum E65: 10.2.12's 'no weight depends on the size' is true of the generator, not of the critic."""
    sizes = [models.discriminator_model((side, side, 3), ndf=4).count_params() for side in (32, 64)]
    assert sizes[0] != sizes[1]


def test_residual_head_starts_as_identity_and_the_printed_one_cannot():
    x = np.random.RandomState(0).uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32)
    paper = models.generator_model((None, None, 3), istrain=False, ngf=4, n_blocks=1, head="residual")
    np.testing.assert_array_equal(paper.predict(x), x)
    printed = models.generator_model((None, None, 3), istrain=False, ngf=4, n_blocks=1)
    last = convolutions(printed)[-1]
    last.set_weights([np.zeros_like(value) for value in last.get_weights()])
    np.testing.assert_allclose(printed.predict(x), x / 2, atol=1e-6)  # doing nothing halves the contrast


def test_skips_carry_the_first_layer_to_the_last():
    """With nothing but zeros between them, the last convolution sees the first one's result; without skips, nothing."""
    x = np.random.RandomState(0).uniform(-0.5, 0.5, (1, 8, 12, 3)).astype(np.float32)
    nets = [
        models.generator_model((None, None, 3), False, 4, 1, "none", "residual", 3, skips=skips)
        for skips in (False, True)
    ]
    random = np.random.RandomState(1)
    values = [np.float32(random.normal(0, 0.05, value.shape)) for value in nets[0].get_weights()]
    values[2:-2] = [np.zeros_like(value) for value in values[2:-2]]
    results = []
    for net in nets:
        net.set_weights(values)
        results.append(net.predict(x))
    ends = tf.keras.Sequential(
        [
            tf.keras.layers.Conv2D(4, 7, padding="same", activation="relu", input_shape=(8, 12, 3)),
            tf.keras.layers.Conv2D(3, 3, padding="same", activation="tanh"),
        ]
    )
    ends.set_weights(values[:2] + values[-2:])
    np.testing.assert_allclose(results[1], x + ends.predict(x), atol=1e-6)
    np.testing.assert_allclose(results[0], x + np.tanh(values[-1]), atol=1e-6)


def test_critic_ends():
    x = np.random.RandomState(0).uniform(-1, 1, (4, 32, 32, 3))
    printed = models.discriminator_model((32, 32, 3), ndf=4)
    value = printed.predict(x)
    assert value.shape == (4, 1) and np.all((value > 0) & (value < 1))
    paper = models.discriminator_model((32, 32, 3), ndf=4, critic="wgan-gp")
    assert not any(isinstance(layer, tf.keras.layers.BatchNormalization) for layer in paper.layers)
    last = paper.layers[-1]
    last.set_weights([np.ones_like(last.get_weights()[0]), np.full(1, 5.0)])
    assert np.any(paper.predict(x) > 1)


def test_joint_model_gives_the_picture_and_its_value():
    g = models.generator_model((32, 32, 3), ngf=4, n_blocks=1)
    d = models.discriminator_model((32, 32, 3), ndf=4)
    joint = models.g_containing_d_multiple_outputs(g, d, (32, 32, 3))
    x = np.random.RandomState(0).uniform(-1, 1, (2, 32, 32, 3))
    picture, value = joint.predict(x)
    np.testing.assert_allclose(picture, g.predict(x), atol=1e-6)
    np.testing.assert_allclose(value, d.predict(picture), atol=1e-6)


def test_every_generator_weight_has_a_gradient():
    g = models.generator_model((None, None, 3), ngf=4, n_blocks=1)
    x = tf.constant(np.random.RandomState(0).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32))
    gradients = tf.gradients(tf.reduce_mean(tf.square(g(x, training=True) - 0.3)), g.trainable_weights)
    assert None not in gradients
    assert len(g.trainable_weights) == 8 * 2 + 7 * 4  # kernel and bias; gamma, beta and two sets of mixing weights


@pytest.mark.script
def test_script(tmp_path):
    result = helpers.run_script("ch10_deblurgan/code_10_01_models.py", "--preset", "tiny", "--output-dir", tmp_path)
    assert "generator " in result.stdout
    assert (tmp_path / "record-code_10_01_models.json").exists()
