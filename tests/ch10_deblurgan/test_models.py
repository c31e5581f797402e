"""Listing 10-1: sizes, parts handed in, and what of the text does not hold; the generators beyond it."""

import numpy as np
import pytest
import tensorflow as tf

from ch10_deblurgan import code_10_01_models as models
from ch10_deblurgan.beyond import generator
from common.errors import UserError
from common.normalization import InstanceNormalization

ANY = (None, None)


def convolutions(model):
    return [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Conv2D)]


def pictures(*shape):
    return np.random.RandomState(0).uniform(-1, 1, shape).astype(np.float32)


def test_nine_residual_blocks():
    """Erratum E51: 3 convolutions before, 3 after, and 2 in each of 9 blocks (the text says 5 blocks)."""
    assert len(convolutions(models.generator_model(ANY))) == 3 + 2 * 9 + 3


def test_last_critic_convolutions_are_4x4_stride_1():
    """Erratum E52: the text calls them 1×1."""
    last = convolutions(models.discriminator_model((32, 48)))[-2:]
    assert [layer.kernel_size for layer in last] == [(4, 4), (4, 4)]
    assert [layer.strides for layer in last] == [(1, 1), (1, 1)]
    assert [layer.filters for layer in last] == [512, 1]


def test_keras_has_no_switch_normalization():
    """Erratum E112: it is printed as KL.SwitchNormalization."""
    with pytest.raises(AttributeError):
        models.KL.SwitchNormalization  # noqa: B018
    norms = [layer for layer in models.generator_model(ANY).layers if isinstance(layer, models.SwitchNormalization)]
    assert len(norms) == 3 + 2 * 9 + 2


def test_dropout_has_no_weights():
    trained, used = (models.generator_model(ANY, istrain=flag, ngf=4, n_blocks_gen=2) for flag in (True, False))
    assert sum(isinstance(layer, tf.keras.layers.Dropout) for layer in trained.layers) == 2
    used.set_weights(trained.get_weights())


def test_sizes_that_are_no_multiples_of_four():
    """Erratum E63: 'any size' (10.2.12) fails in the last sum; the listing says so before, `beyond` pads and crops."""
    g = models.generator_model(ANY, ngf=2, n_blocks_gen=0)
    with pytest.raises(tf.errors.InvalidArgumentError):
        g.predict(pictures(1, 30, 42, 3))
    with pytest.raises(UserError, match="30×42: both sides must be multiples of 4"):
        models.generator_model((30, 42))


def test_the_critic_is_tied_to_its_size():
    """Erratum E65: 10.2.12's 'no weight depends on the size' is true of the generator, not of the critic."""
    sizes = [models.discriminator_model((side, side), ndf=4).count_params() for side in (32, 64)]
    assert sizes[0] != sizes[1]


def test_printed_head_halves_what_it_is_given():
    x = pictures(1, 16, 16, 3)
    g = models.generator_model(ANY, istrain=False, ngf=4, n_blocks_gen=1)
    last = convolutions(g)[-1]
    last.set_weights([np.zeros_like(value) for value in last.get_weights()])
    np.testing.assert_allclose(g.predict(x), x / 2, atol=1e-6)  # doing nothing halves the contrast


def test_parts_that_are_handed_in():
    g = models.generator_model(ANY, norm=tf.keras.layers.BatchNormalization, ngf=2, n_blocks_gen=1)
    norms = [type(layer).__name__ for layer in g.layers if "ormalization" in type(layer).__name__]
    assert len(norms) == 7 and not [name for name in norms if "Batch" not in name]
    x = pictures(4, 32, 32, 3)
    value = models.discriminator_model((32, 32), ndf=4).predict(x)
    assert value.shape == (4, 1) and np.all((value > 0) & (value < 1))
    linear = models.discriminator_model((32, 32), norm=InstanceNormalization, last=None, ndf=4)
    last = linear.layers[-1]
    last.set_weights([np.ones_like(last.get_weights()[0]), np.full(1, 5.0)])
    assert np.any(linear.predict(x) > 1)


def test_every_generator_weight_has_a_gradient():
    g = models.generator_model(ANY, ngf=4, n_blocks_gen=1)
    gradients = tf.gradients(
        tf.reduce_mean(tf.square(g(pictures(2, 16, 16, 3), training=True) - 0.3)), g.trainable_weights
    )
    assert None not in gradients
    assert len(g.trainable_weights) == 8 * 2 + 7 * 4  # kernel and bias; gamma, beta and two sets of mixing weights


# ------------------------------------------------------------------------------------------- beyond
def settings(**changed):
    return dict(dict(ngf=4, n_blocks=1, norm="none", head="residual", end_kernel=3, skips=False), **changed)


@pytest.mark.parametrize(
    "changed", [dict(norm="instance"), dict(norm="batch", head="printed"), dict(skips=True), dict(end_kernel=7)]
)
def test_generators_beyond_take_any_multiple_of_four(changed):
    g = generator.build(settings(**changed))
    for size in ((8, 12), (20, 16)):
        result = g.predict(pictures(2, *size, 3))
        assert result.shape == (2,) + size + (3,) and np.all(np.abs(result) <= 1.0)


def test_printed_settings_build_the_listing():
    names = []
    for g in (
        models.generator_model(ANY, False, ngf=4, n_blocks_gen=2),
        generator.build(settings(n_blocks=2, **generator.PRINTED)),
    ):
        names.append([(type(layer), layer.output_shape) for layer in g.layers])
    assert names[0] == names[1]


def test_residual_head_starts_as_identity():
    x = pictures(1, 16, 16, 3)
    np.testing.assert_array_equal(generator.build(settings(end_kernel=7)).predict(x), x)


def test_skips_carry_the_first_layer_to_the_last():
    """With nothing but zeros between them, the last convolution sees the first one's result; without skips, nothing."""
    x = 0.5 * pictures(1, 8, 12, 3)
    nets = [generator.build(settings(skips=skips)) for skips in (False, True)]
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
