"""SwitchNormalization and the instance norms against NumPy (sections 10.1.5, 10.1.6, 10.2.2)."""

import numpy as np
import pytest
import tensorflow as tf

from common import run
from common.normalization import InstanceNormalization, SwitchNormalization, instance_norm

K = tf.keras.backend


@pytest.fixture(autouse=True)
def no_session_of_an_earlier_test():
    K.clear_session()
    run.start()
    yield
    K.clear_session()


def softmax(values):
    exponentials = np.exp(values - np.max(values))
    return exponentials / exponentials.sum()


def reference(x, mean_weights, variance_weights, gamma, beta, epsilon, batch_moments=None):
    """Switchable norm over ``[N, ..., C]`` straight from its definition, each mean over the data itself, float64."""
    x = np.float64(x)
    positions = tuple(range(1, x.ndim - 1))
    axes = [positions, positions + (x.ndim - 1,), (0,) + positions]
    means = [np.mean(x, axis=axis, keepdims=True) for axis in axes]
    variances = [np.var(x, axis=axis, keepdims=True) for axis in axes]
    if batch_moments is not None:
        means[2], variances[2] = batch_moments
    mean = sum(weight * value for weight, value in zip(softmax(mean_weights), means))
    variance = sum(weight * value for weight, value in zip(softmax(variance_weights), variances))
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta


def data(shape, seed=0, dtype=np.float32):
    random = np.random.RandomState(seed)
    offset = random.normal(0, 2, shape[-1])
    return (random.normal(0, 1, shape) * random.uniform(0.5, 3, shape[-1]) + offset).astype(dtype)


def set_values(layer, channels, seed=1):
    """Random weights for a built layer, by name."""
    random = np.random.RandomState(seed)
    values = dict(
        gamma=random.uniform(0.5, 2, channels),
        beta=random.normal(0, 1, channels),
        mean_weights=random.normal(0, 1, 3),
        variance_weights=random.normal(0, 1, 3),
        moving_mean=random.normal(0, 1, channels),
        moving_variance=random.uniform(0.5, 2, channels),
    )
    for variable in layer.weights:
        K.set_value(variable, values[variable.name.split("/")[-1].split(":")[0]])
    return values


@pytest.mark.parametrize("shape", [(3, 5, 4), (3, 6, 5, 4), (2, 3, 4, 3, 2), (1, 4, 4, 3), (2, 1, 1, 3)])
def test_training_mode_is_the_definition(shape):
    x = data(shape)
    with tf.Session() as session:
        K.set_session(session)
        layer = SwitchNormalization(epsilon=1e-3)
        output = layer(tf.constant(x), training=True)
        values = set_values(layer, shape[-1])
        expected = reference(
            x, values["mean_weights"], values["variance_weights"], values["gamma"], values["beta"], 1e-3
        )
        np.testing.assert_allclose(session.run(output), expected, rtol=2e-4, atol=2e-4)


def test_inference_mode_takes_the_batch_part_from_the_moving_averages():
    x = data((2, 5, 6, 3))
    with tf.Session() as session:
        K.set_session(session)
        layer = SwitchNormalization()
        output = layer(tf.constant(x), training=False)
        values = set_values(layer, 3)
        expected = reference(
            x,
            values["mean_weights"],
            values["variance_weights"],
            values["gamma"],
            values["beta"],
            1e-3,
            batch_moments=(values["moving_mean"], values["moving_variance"]),
        )
        np.testing.assert_allclose(session.run(output), expected, rtol=2e-4, atol=2e-4)
        assert layer.updates == []


@pytest.mark.parametrize("position,axes", [(0, (1, 2)), (1, (1, 2, 3)), (2, (0, 1, 2))])
def test_a_weight_pinned_to_one_norm_gives_that_norm(position, axes):
    x = data((3, 6, 5, 4))
    with tf.Session() as session:
        K.set_session(session)
        layer = SwitchNormalization()
        output = layer(tf.constant(x), training=True)
        pinned = np.full(3, -100.0)
        pinned[position] = 0.0
        session.run(tf.global_variables_initializer())
        K.batch_set_value([(layer.mean_weights, pinned), (layer.variance_weights, pinned)])
        wide = np.float64(x)
        expected = (wide - wide.mean(axes, keepdims=True)) / np.sqrt(wide.var(axes, keepdims=True) + 1e-3)
        np.testing.assert_allclose(session.run(output), expected, rtol=1e-4, atol=1e-4)


def test_pinned_to_batch_it_is_keras_batch_norm_in_both_modes():
    x = data((4, 6, 6, 3))
    with tf.Session() as session:
        K.set_session(session)
        switch, batch = SwitchNormalization(momentum=0.9), tf.keras.layers.BatchNormalization(momentum=0.9)
        place = tf.placeholder(tf.float32, x.shape)
        trained = [layer(place, training=True) for layer in (switch, batch)]
        used = [layer(place, training=False) for layer in (switch, batch)]
        session.run(tf.global_variables_initializer())
        K.batch_set_value(
            [(weights, [-100.0, -100.0, 0.0]) for weights in (switch.mean_weights, switch.variance_weights)]
        )
        for step in range(3):
            first, second = session.run(trained + [switch.updates, batch.updates], {place: data(x.shape, seed=step)})[
                :2
            ]
            np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(*session.run([switch.moving_mean, batch.moving_mean]), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(*session.run([switch.moving_variance, batch.moving_variance]), rtol=1e-3)
        np.testing.assert_allclose(*session.run(used, {place: x}), rtol=1e-3, atol=1e-3)


def test_gradients_against_finite_differences():
    x = data((2, 3, 3, 2))
    with tf.Session() as session:
        K.set_session(session)
        place = tf.placeholder(tf.float32, x.shape)
        layer = SwitchNormalization()
        weights = tf.constant(data(x.shape, seed=5))
        loss = tf.reduce_sum(tf.square(layer(place, training=True)) * weights)
        values = set_values(layer, 2)
        error = tf.test.compute_gradient_error(place, x.shape, loss, [], x_init_value=x, delta=1e-2)
        assert error < 0.05
        gradients = session.run(tf.gradients(loss, layer.trainable_weights), {place: x})
        for variable, gradient in zip(layer.trainable_weights, gradients):
            value = np.float64(K.get_value(variable))
            for index in range(value.size):
                sides = []
                for change in (1e-2, -1e-2):
                    moved = value.copy()
                    moved.flat[index] += change
                    K.set_value(variable, moved)
                    sides.append(session.run(loss, {place: x}))
                K.set_value(variable, value)
                assert (sides[0] - sides[1]) / 2e-2 == pytest.approx(gradient.flat[index], rel=0.03, abs=0.05)
        assert len(values) == 6


def test_the_averages_go_one_hundredth_of_the_way_with_the_count_of_the_whole_batch():
    """Erratum E50: after one update mean = 0.01·mean(x) and variance = 0.99 + 0.01·var(x)·n/(n−1), n = N·H·W."""
    x = data((2, 3, 4, 3))
    with tf.Session() as session:
        K.set_session(session)
        layer = SwitchNormalization()
        output = layer(tf.constant(x), training=True)
        session.run(tf.global_variables_initializer())
        session.run([output, layer.updates])
        np.testing.assert_allclose(session.run(layer.moving_mean), 0.01 * x.mean((0, 1, 2)), rtol=1e-4)
        expected = 0.99 + 0.01 * x.var((0, 1, 2)) * 24 / 23
        np.testing.assert_allclose(session.run(layer.moving_variance), expected, rtol=1e-4)


def test_one_position_and_one_sample_keep_the_averages_finite():
    with tf.Session() as session:
        K.set_session(session)
        layer = SwitchNormalization()
        output = layer(tf.ones([1, 1, 1, 2]), training=True)
        session.run(tf.global_variables_initializer())
        session.run([output, layer.updates])
        assert np.all(session.run(layer.moving_variance) >= 0.98)


def test_no_variable_hides_from_keras():
    """Erratum E50: the print's averages have helper variables that Keras neither initialises nor saves."""
    layer = SwitchNormalization()
    layer(tf.ones([2, 4, 4, 3]), training=True)
    assert set(tf.global_variables()) == set(layer.weights)
    tf.reset_default_graph()
    K.clear_session()
    average = tf.get_variable("average", [3], trainable=False)  # the printed way: Keras's moving_average_update
    K.moving_average_update(average, tf.ones([3]), 0.99)
    assert len(tf.global_variables()) > 1  # 'average/biased', 'average/local_step' and so on


def test_both_modes_are_close_once_the_averages_have_settled():
    x = data((4, 8, 8, 3))
    with tf.Session() as session:
        K.set_session(session)
        layer = SwitchNormalization(momentum=0.5)
        place = tf.placeholder(tf.float32, x.shape)
        trained, used = layer(place, training=True), layer(place, training=False)
        session.run(tf.global_variables_initializer())
        for _ in range(30):
            session.run(layer.updates, {place: x})
        first, second = session.run([trained, used], {place: x})
        np.testing.assert_allclose(first, second, atol=5e-3)


def test_learning_phase_decides_where_training_is_not_said():
    x = data((2, 4, 4, 3))
    with tf.Session() as session:
        K.set_session(session)
        layer = SwitchNormalization()
        inputs = tf.keras.layers.Input((4, 4, 3))
        model = tf.keras.models.Model(inputs, layer(inputs))
        session.run(tf.global_variables_initializer())
        on = session.run(model.output, {inputs: x, K.learning_phase(): True})
        off = session.run(model.output, {inputs: x, K.learning_phase(): False})
        ones = np.ones(3)
        np.testing.assert_allclose(on, reference(x, ones, ones, 1, 0, 1e-3), atol=2e-4)
        np.testing.assert_allclose(off, reference(x, ones, ones, 1, 0, 1e-3, (0.0, 1.0)), atol=2e-4)
        session.run(model.updates, {inputs: x, K.learning_phase(): False})
        np.testing.assert_array_equal(session.run(layer.moving_mean), np.zeros(3))
        session.run(model.updates, {inputs: x, K.learning_phase(): True})
        assert np.any(session.run(layer.moving_mean) != 0)


def test_keras_training_moves_the_averages():
    inputs = tf.keras.layers.Input((4, 4, 3))
    layer = SwitchNormalization()
    model = tf.keras.models.Model(inputs, layer(inputs))
    model.compile("sgd", "mse")
    x = data((4, 4, 4, 3))
    model.train_on_batch(x, x)
    np.testing.assert_allclose(K.get_value(layer.moving_mean), 0.01 * x.mean((0, 1, 2)), rtol=1e-4)


def test_half_precision_input_has_single_precision_statistics():
    x = np.float16(data((2, 16, 16, 2)) + 100.0)
    with tf.Session() as session:
        K.set_session(session)
        layer = SwitchNormalization()
        layer.build(x.shape)
        output = layer.call(tf.constant(x), training=True)
        session.run(tf.global_variables_initializer())
        result = session.run(output)
        assert result.dtype == np.float16
        expected = reference(x, np.ones(3), np.ones(3), 1, 0, 1e-3)
        np.testing.assert_allclose(result, expected, atol=0.2)  # float16 itself has steps of 1/16 near 100
        assert layer.moving_mean.dtype.base_dtype == tf.float32


def test_channel_axis_and_unknown_sizes():
    x = data((2, 5, 6, 3))
    with tf.Session() as session:
        K.set_session(session)
        last = SwitchNormalization()(tf.placeholder_with_default(x, [None, None, None, 3]), training=True)
        first = SwitchNormalization(axis=1)(tf.constant(x.transpose(0, 3, 1, 2)), training=True)
        assert last.shape.as_list() == [None, None, None, 3]
        session.run(tf.global_variables_initializer())
        values = session.run([last, first])
        np.testing.assert_allclose(values[0], values[1].transpose(0, 2, 3, 1), atol=1e-5)


@pytest.mark.parametrize(
    "shape,axis,complaint",
    [
        ((2, 3), -1, "rank 3"),
        ((2, 3, 4), 0, "channel axis"),
        ((2, 3, 4), 3, "channel axis"),
        ((2, 3, None), -1, "must be known"),
    ],
)
def test_impossible_shapes_are_refused(shape, axis, complaint):
    with pytest.raises(ValueError, match=complaint):
        SwitchNormalization(axis=axis).build(shape)


def test_config_round_trip():
    layer = SwitchNormalization(axis=1, momentum=0.9, epsilon=1e-5, center=False, name="mixed")
    again = SwitchNormalization.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.axis, again.momentum, again.epsilon, again.center, again.scale) == (1, 0.9, 1e-5, False, True)


def test_a_model_saved_as_h5_comes_back_whole(tmp_path):
    """Also a regression test of erratum E50: the averages of a saved model are those of the running one."""
    x = data((4, 4, 4, 3))
    path = str(tmp_path / "model.h5")
    with tf.Session() as session:
        K.set_session(session)
        model = tf.keras.models.Sequential([SwitchNormalization(input_shape=(4, 4, 3)), InstanceNormalization()])
        model.compile("sgd", "mse")
        for _ in range(3):
            model.train_on_batch(x, x)
        expected = model.predict(x)
        weights = model.get_weights()
        model.save(path)
    run.start()
    K.clear_session()
    own = dict(SwitchNormalization=SwitchNormalization, InstanceNormalization=InstanceNormalization)
    again = tf.keras.models.load_model(path, custom_objects=own)
    for first, second in zip(weights, again.get_weights()):
        np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(again.predict(x), expected, atol=1e-6)


def test_both_instance_norms_are_numpys():
    x = data((3, 6, 5, 4))
    wide = np.float64(x)
    expected = (wide - wide.mean((1, 2), keepdims=True)) / np.sqrt(wide.var((1, 2), keepdims=True) + 1e-5)
    with tf.Session() as session:
        K.set_session(session)
        function = instance_norm(tf.constant(x), "norm")
        layer = InstanceNormalization(epsilon=1e-5)(tf.constant(x))
        session.run(tf.global_variables_initializer())
        for result in session.run([function, layer]):
            np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-4)
