"""Every printed call of listings 10-4 to 10-6 works as printed."""

import inspect
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from ch10_attgan import code_10_04_dataset as mydataset
from ch10_attgan import code_10_05_models as AttGANmodels
from ch10_attgan import code_10_06_train as listing

data, models = mydataset, AttGANmodels
img_size, batch_size, n_sample = 32, 4, 2
att_default = ["Bald", "Bangs", "Eyeglasses"]


def arguments(function):
    """(names, defaults) of a function as printed."""
    found = inspect.signature(function).parameters.values()
    return [item.name for item in found], [item.default for item in found if item.default is not item.empty]


@pytest.mark.parametrize(
    "function,names,defaults",
    [
        (
            data.Celeba.__init__,
            "self data_dir attrs img_resize batch_size shuffle repeat sess mode crop",
            [True, -1, None, "train", True],
        ),
        (
            data.disk_image_batch_dataset,
            "img_paths batch_size labels filter drop_remainder map_func shuffle repeat",
            [None, None, True, None, True, -1],
        ),
        (data.Dataset.reset, "self feed_dict", [{}]),
        (data.Dataset._bulid, "self dataset sess", [None]),
        (data.Celeba.check_attribute_conflict, "att_batch att_name att_names", []),
        (models.gradient_penalty, "f real fake", [None]),
        (listing.summary, "tensor_collection summary_type scope", [("mean",), None]),
        (listing.counter, "start scope", [0, None]),
        (listing.immerge, "images row col", []),
        (listing.to_range, "images min_value max_value dtype", [0.0, 1.0, None]),
        (listing.imwrite, "image path", []),
    ],
)
def test_arguments_are_the_printed_ones(function, names, defaults):
    assert arguments(function) == (names.split(), defaults)


@pytest.mark.parametrize(
    "function,names,defaults",
    [
        (models.Genc, "x dim n_layers is_training", [64, 5, True]),
        (models.Gdec, "zs _a dim n_layers shortcut_layers inject_layers is_training", [64, 5, 1, 0, True]),
    ],
)
def test_networks_have_the_printed_arguments_and_two_parts(function, names, defaults):
    parts = [models.end_of_layer, models.slim]
    assert arguments(function) == (names.split() + ["order", "layers"], defaults + parts)


def test_critic_has_the_printed_arguments_and_one_part():
    assert arguments(models.D) == ("x n_att dim fc_dim n_layers layers".split(), [64, 1024, 5, models.slim])


def test_constants_are_the_printed_ones():
    assert (data.num_threads, data.buffer_size, data.prefetch_batch, models.MAX_DIM) == (16, 4096, 2, 1024)
    printed = dict(
        img_size=128, shortcut_layers=1, inject_layers=1, enc_dim=64, dec_dim=64, dis_dim=64, dis_fc_dim=1024
    )
    printed.update(enc_layers=5, dec_layers=5, dis_layers=5, mode="wgan", epoch=200, batch_size=32, lr_base=0.0002)
    printed.update(n_d=5, b_distribution="none", thres_int=0.5, test_int=1.0, n_sample=32, n_att=13)
    printed.update(experiment_name="128_shortcut1_inject1_None")
    assert {name: getattr(listing, name) for name in printed} == printed
    assert len(listing.att_default) == 13 and listing.att_default[::12] == ["Bald", "Young"]
    assert {row.name: row.value for row in listing.VALUES}.items() >= {
        name: value for name, value in printed.items() if name not in ("n_att", "experiment_name")
    }.items()
    assert 182000 // (listing.batch_size * (listing.n_d + 1)) * listing.epoch == 189400


def test_calls_of_listing_10_4(faces, capsys):
    path = faces
    # threads of its own: TensorFlow shares one pool in a process, as large as its first session's, and with a single thread
    # an iterator that is started again waits for its own pictures
    config = tf.ConfigProto(use_per_session_threads=True, inter_op_parallelism_threads=8)
    with tf.Session(config=config) as sess:
        tr_data = data.Celeba(path, att_default, img_size, batch_size, mode="train", sess=sess)
        val_data = data.Celeba(path, att_default, img_size, n_sample, mode="val", shuffle=False, sess=sess)
        assert capsys.readouterr().out.split() == 2 * [path + "/img_align_celeba", path + "/img_align_celeba_png"]
        xa, a = tr_data.batch_op[0], tr_data.batch_op[1]
        pictures, labels = sess.run([xa, a])
        assert pictures.shape == (4, 32, 32, 3) and labels.shape == (4, 3) and set(labels.ravel()) <= {0, 1}
        xa_sample_ipt, a_sample_ipt = val_data.get_next()
        assert len(tr_data) == 54 and len(val_data) == 2 and xa_sample_ipt.shape[0] == n_sample
        val_data.reset(feed_dict={})
        np.testing.assert_array_equal(val_data.get_next()[0], xa_sample_ipt)
        assert next(iter(val_data))[0].shape == val_data.next()[0].shape
    tmp = np.ones((2, 3), int)
    assert data.Celeba.check_attribute_conflict(tmp, att_default[0], att_default) is tmp and tmp[0].tolist() == [
        1,
        0,
        1,
    ]
    assert data.Celeba.att_dict["Young"] == 39


def test_disk_image_batch_dataset_by_keywords(faces):
    def _map_func(img, label):
        return tf.shape(img), label

    dataset = data.disk_image_batch_dataset(
        img_paths=[faces + "/img_align_celeba/%06d.jpg" % number for number in (1, 2, 3)],
        labels=np.array([[1], [2], [3]]),
        batch_size=2,
        map_func=_map_func,
        drop_remainder=False,
        shuffle=False,
        repeat=1,
    )
    batch = dataset.make_one_shot_iterator().get_next()
    with tf.Session() as sess:
        shapes, labels = sess.run(batch)
        assert shapes.tolist() == [[218, 178, 3]] * 2 and labels.tolist() == [[1], [2]]
        assert sess.run(batch)[1].tolist() == [[3]]


def test_disk_image_batch_dataset_with_filter_and_without_labels(faces):
    paths = [faces + "/img_align_celeba/%06d.jpg" % number for number in (1, 2, 3)]
    plain = data.disk_image_batch_dataset(paths, 3, shuffle=False).make_one_shot_iterator().get_next()
    pairs = data.disk_image_batch_dataset(
        paths, 2, labels=([1, 2, 3], [4, 5, 6]), filter=lambda path, one, two: tf.not_equal(one, 2), shuffle=False
    )
    pairs = pairs.make_one_shot_iterator().get_next()
    with tf.Session() as sess:
        assert sess.run(plain)[0].shape == (3, 218, 178, 3)
        _, one, two = sess.run(pairs)
    assert one.tolist() == [1, 3] and two.tolist() == [4, 6]


def test_calls_of_listings_10_5_and_10_6(capsys):
    enc_dim = dec_dim = dis_dim = 4
    dis_fc_dim, enc_layers, dec_layers, dis_layers, n_att = 8, 3, 3, 3, 3
    Genc = partial(models.Genc, dim=enc_dim, n_layers=enc_layers)
    Gdec = partial(models.Gdec, dim=dec_dim, n_layers=dec_layers, shortcut_layers=1, inject_layers=1)
    D = partial(models.D, n_att=n_att, dim=dis_dim, fc_dim=dis_fc_dim, n_layers=dis_layers)
    xa, _b = tf.random_uniform([2, 32, 32, 3], -1, 1), tf.ones([2, 3])
    z = Genc(xa)
    xb_ = Gdec(z, _b)
    xa_logit_gan, xa_logit_att = D(xa)
    gp = models.gradient_penalty(D, xa, xb_)
    assert capsys.readouterr().out == "(2, 4, 4, 16) 4\n" * 2  # each time the critic is built
    assert len(z) == 3 and xb_.shape == xa.shape and gp.shape == []
    assert xa_logit_gan.shape == [2, 1] and xa_logit_att.shape == [2, 3]


def test_critic_shows_its_map_at_the_printed_size(capsys):
    models.D(tf.zeros([32, 128, 128, 3]), 13)
    assert capsys.readouterr().out == "(32, 4, 4, 1024) 4\n"


def test_published_helpers(tmp_path):
    pictures = np.arange(4 * 2 * 3 * 3).reshape(4, 2, 3, 3)
    merged = listing.immerge(pictures, 2, 2)
    assert merged.shape == (4, 6, 3)
    np.testing.assert_array_equal(merged[2:, :3], pictures[2])
    assert listing.to_range(np.array([-1.0, 0.0, 2.0])).tolist() == [0.0, 0.5, 1.0]
    assert listing.to_range(np.array([-1.0, 1.0]), 0, 255, np.uint8).tolist() == [0, 255]
    it_cnt, update_cnt = listing.counter(start=5)
    merged = listing.summary({tf.constant(2.0): "a"}, scope="x")
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert (sess.run(update_cnt), sess.run(it_cnt)) == (6, 6)
        value = tf.Summary.FromString(sess.run(merged)).value[0]
    assert (value.tag, value.simple_value) == ("x/a", 2.0)
