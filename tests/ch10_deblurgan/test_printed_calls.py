"""Every printed call of listings 10-1 to 10-3 works as printed; the printed constants are there."""

import os
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ch10_deblurgan import code_10_01_models as deblurmodel
from ch10_deblurgan import code_10_02_train as train
from ch10_deblurgan import code_10_03_deblur as deblur

K = tf.keras.backend
SMALL = (32, 48)


def test_printed_constants():
    assert (deblurmodel.ngf, deblurmodel.ndf, deblurmodel.input_nc, deblurmodel.output_nc) == (64, 64, 3, 3)
    assert deblurmodel.n_blocks_gen == 9
    assert (train.RESHAPE, train.epoch_num, train.batch_size, train.critic_updates) == ((360, 640), 500, 4, 5)
    assert train.BASE_DIR == "weights/"
    assert (deblur.RESHAPE, deblur.batch_size) == ((360, 640), 4)


def test_models_of_10_1_take_a_pair():
    """Height first, as printed; the joint model gives [picture, value]."""
    RESHAPE = (360, 640)
    g = deblurmodel.generator_model(RESHAPE)
    d = deblurmodel.discriminator_model(RESHAPE)
    d_on_g = deblurmodel.g_containing_d_multiple_outputs(g, d, RESHAPE)
    assert (g.name, d.name) == ("Generator", "Discriminator")
    assert g.input_shape == g.output_shape == (None, 360, 640, 3)
    assert d_on_g.output_shape == [(None, 360, 640, 3), (None, 1)]
    assert (g.count_params(), d.count_params()) == (11399309, 3778306)


def test_generator_of_10_3_has_no_dropout_and_blocks_are_called_as_printed():
    g = deblur.generator_model(SMALL, False)
    assert not any(isinstance(layer, tf.keras.layers.Dropout) for layer in g.layers)
    x = tf.keras.layers.Input(shape=(8, 12, 16))
    ngf, mult, istrain = 4, 4, True
    assert deblurmodel.res_block(x, ngf * mult, use_dropout=istrain).shape.as_list() == [None, 8, 12, 16]


@pytest.fixture
def pairs_of_five(tmp_path):
    """Names of five blurred and five sharp pictures."""
    random = np.random.RandomState(0)
    names = [[], []]
    for index in range(5):
        for part, found in zip("AB", names):
            path = str(tmp_path / ("%s%d.png" % (part, index)))
            Image.fromarray(random.randint(0, 256, SMALL + (3,)).astype(np.uint8)).save(path)
            found.append(path)
    return names


def test_calls_of_10_2(pairs_of_five, tmp_path, monkeypatch, capsys):
    """The calls of one epoch, on small compiled models; also errata E56 (a short last batch) and E58."""
    monkeypatch.chdir(tmp_path)
    image_A, image_B = train._parseone(pairs_of_five[0][0], pairs_of_five[1][0])
    assert image_A.shape.as_list() == image_B.shape.as_list() == [360, 640, None]

    dataset = tf.data.Dataset.from_tensor_slices(tuple(pairs_of_five))
    dataset = dataset.map(lambda A_fname, B_fname: train._parseone(A_fname, B_fname, SMALL))
    dataset = dataset.repeat().take(37).batch(4).prefetch(1)  # ten batches, the last one of a single pair
    iterator = dataset.make_initializable_iterator()
    datatensor = iterator.get_next()
    g = deblurmodel.generator_model(SMALL, ngf=2, n_blocks_gen=1)
    d = deblurmodel.discriminator_model(SMALL, ndf=2)
    d_on_g = deblurmodel.g_containing_d_multiple_outputs(g, d, SMALL)
    d.compile(optimizer=train.Adam(lr=1e-4), loss=train.wasserstein_loss)
    d.trainable = False
    d_on_g.compile(optimizer=train.Adam(lr=1e-4), loss=["mse", train.wasserstein_loss], loss_weights=[100, 1])
    d.trainable = True
    for name, model in (("g", g), ("d", d), ("d_on_g", d_on_g)):  # as `main` leaves them in the module
        monkeypatch.setattr(train, name, model, raising=False)
    before = [model.get_weights() for model in (g, d)]
    sess = tf.Session()
    dloss, gloss = train.pre_train_epoch(sess, iterator, datatensor)
    after = [model.get_weights() for model in (g, d)]
    assert all(any(np.any(a != b) for a, b in zip(*pair)) for pair in zip(before, after))
    printed = capsys.readouterr().out.splitlines()
    assert (
        re.match(r"^10 -?\d\.\d+(e-\d+)? \d+\.\d+$", printed[0]) and len(printed) == 2
    )  # as `10 -0.4999978220462799 678.8936`
    assert [float(word) for word in printed[0].split()[1:]] == pytest.approx([dloss, gloss])
    apart = [float(word) for word in printed[1].replace(",", "").split()[1::2]]  # total, perceptual, adversarial
    assert -1 < dloss < 1 and gloss == pytest.approx(np.mean(apart), rel=1e-3)
    assert apart[0] == pytest.approx(100 * apart[1] + apart[2], rel=1e-3) and abs(apart[0] - gloss) > 1

    with pytest.raises(ValueError, match="same number of samples"):  # the print's labels, of batch_size
        d.train_on_batch(sess.run(image_A)[np.newaxis, :32, :48], np.ones((4, 1)))

    train.save_all_weights(d, g, 7, int(gloss))
    ((folder, _, names),) = [entry for entry in os.walk("weights") if entry[2]]
    assert sorted(names) == ["discriminator_7.h5", "generator_7_%d.h5" % int(gloss)]
    month, day = os.path.basename(folder).split("_")
    assert 1 <= int(month) <= 12 and 1 <= int(day) <= 31
    g.load_weights(os.path.join(folder, "generator_7_%d.h5" % int(gloss)))

    value = K.eval(train.wasserstein_loss(tf.constant([[1.0], [-1.0]]), tf.constant([[0.2], [0.5]])))
    assert value == pytest.approx(-0.15)


def test_the_joint_step_trains_the_generator_alone():
    """What 10.2.9 freezes stays: the critic's weights, in the step of the joint model (its moving averages are no part of it)."""
    g = deblurmodel.generator_model(SMALL, ngf=2, n_blocks_gen=0)
    d = deblurmodel.discriminator_model(SMALL, ndf=2)
    d_on_g = deblurmodel.g_containing_d_multiple_outputs(g, d, SMALL)
    weights = d.trainable_weights
    d.trainable = False
    d_on_g.compile(optimizer=train.Adam(lr=1e-3), loss=["mse", train.wasserstein_loss], loss_weights=[100, 1])
    pictures = np.random.RandomState(0).uniform(-1, 1, (2,) + SMALL + (3,))
    before = K.batch_get_value(weights), g.get_weights()
    d_on_g.train_on_batch(pictures, [pictures, np.ones((2, 1))])
    assert all(np.array_equal(a, b) for a, b in zip(before[0], K.batch_get_value(weights)))
    assert any(np.any(a != b) for a, b in zip(before[1], g.get_weights()))


@pytest.mark.parametrize("shape", [(4, 6, 3), (2, 4, 6, 3)])
def test_deprocess_image_takes_a_picture_and_a_batch(shape):
    pixels = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
    result = deblur.deprocess_image((pixels - 127.5) / 127.5)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, pixels)
