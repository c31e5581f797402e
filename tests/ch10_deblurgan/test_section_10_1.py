"""The exercises of 10.1: what each compares is really what differs, and what their tiny runs left."""

import os

import numpy as np
import pytest
import tensorflow as tf
import tensorflow.contrib.slim as slim

from ch10_deblurgan import ext_10_1_4_scale as scale
from ch10_deblurgan import ext_10_1_6_batches as small_batches
from ch10_deblurgan import ext_10_1_7_cyclegan as cyclegan
from common import options
from common.judge import Judge
from data import sample_celeba


@pytest.mark.parametrize("zero_rows, is_nan", [(1, False), (4, True)])
def test_e126_layer_norms_gradient_is_nan_after_rows_of_zeros(zero_rows, is_nan):
    """10.1.6's hint: it is the zeros at the beginning, not the range 0…1."""
    rows = np.zeros((2, zero_rows + 2, 5), np.float32)
    rows[:, zero_rows:] = np.random.RandomState(0).uniform(0.1, 1, (2, 2, 5))
    for shift, expected in ((0.0, is_nan), (-1.0, False)):
        tf.reset_default_graph()
        cell = tf.contrib.rnn.LayerNormBasicLSTMCell(6)
        outputs, _ = tf.nn.static_rnn(cell, tf.unstack(tf.constant(rows + shift), axis=1), dtype=tf.float32)
        gradients = tf.gradients(tf.reduce_sum(tf.square(outputs[-1])), tf.trainable_variables())
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            values = session.run(gradients)
        assert any(np.isnan(value).any() for value in values) == expected


def test_without_gamma_and_linear_layer_every_channel_has_deviation_one():
    x = tf.constant(np.random.RandomState(0).normal(0, 3, (8, 16, 16, 3)), tf.float32)
    y = scale.network(x, scale=False, linear=False)
    assert not slim.get_variables_by_name("end/gamma") and not slim.get_variables_by_name("linear/weights")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_allclose(session.run(y).std(axis=(0, 1, 2)), 1, atol=0.02)
    tf.reset_default_graph()
    scale.network(tf.zeros([1, 16, 16, 3]), scale=True, linear=True)
    assert slim.get_variables_by_name("end/gamma")


def test_kerass_renorm_uses_the_averages_and_batch_norm_does_not():
    """``renorm=True``: in training too, a batch is drawn to what was seen before (arXiv 1702.03275, within the clipping)."""
    random, outputs = np.random.RandomState(0), {}
    place = tf.placeholder(tf.float32, [2, 4, 4, 3])
    for name in ("Batch", "ReNorm"):
        layer = small_batches.NORMS[name](0.5, 0)
        outputs[name] = (layer(place, training=True), layer.updates)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(20):
            session.run([updates for _, updates in outputs.values()], {place: random.normal(size=(2, 4, 4, 3))})
        found = {
            name: session.run(value, {place: random.normal(1, 1, (2, 4, 4, 3))}) for name, (value, _) in outputs.items()
        }
    assert abs(found["Batch"].mean()) < 1e-3 and 0.3 < found["ReNorm"].mean() < 2


def test_the_three_critics_losses():
    logits = np.array([[-1.0], [0.5], [2.0]])
    expected = {
        "least squares": lambda real: np.mean((logits - real) ** 2),
        "cross entropy": lambda real: np.mean(np.log1p(np.exp(-logits if real else logits))),
        "Wasserstein": lambda real: -np.mean(logits) if real else np.mean(logits),
    }
    with tf.Session() as session:
        for kind, value in expected.items():
            for real in (1.0, 0.0):
                got = session.run(cyclegan.adversarial(kind, tf.constant(logits, tf.float32), real))
                assert got == pytest.approx(value(real), rel=1e-5), kind


def test_faces_in_memory_have_what_is_asked_for_and_the_judge_sees_it():
    column = sample_celeba.DRAWN.index("Pale_Skin")
    dark, labels = sample_celeba.faces(40, 16, seed=3, Pale_Skin=0)
    assert dark.shape == (40, 16, 16, 3) and dark.dtype == np.uint8 and not labels[:, column].any()
    np.testing.assert_array_equal(sample_celeba.faces(2, 16, seed=3, Pale_Skin=0)[0], dark[:2])
    pale, _ = sample_celeba.faces(40, 16, seed=4, Pale_Skin=1)
    truth = np.float32([0] * 40 + [1] * 40)[:, np.newaxis]
    judge = Judge(
        np.concatenate([dark[:30], pale[:30]]), np.concatenate([truth[:30], truth[40:70]]), steps=80, threads=1
    )
    unseen = np.concatenate([dark[30:], pale[30:]])
    assert judge.accuracy(unseen, np.concatenate([truth[30:40], truth[70:]]))[0] > 0.85


# ------------------------------------------------------------------------------------------- what the tiny runs left
def record(walk, script, folder="tiny"):
    return options.read_json(
        os.path.join(walk("ch10_deblurgan"), "output", "deblurgan", folder, "record-%s.json" % script)
    )


@pytest.mark.script
@pytest.mark.slow
def test_tfgan_and_the_same_by_hand_have_equal_losses(walk):
    if not hasattr(tf.contrib, "gan"):
        assert [row[0] for row in record(walk, "ext_10_1_9_tfgan")["tables"][0]["rows"]] == ["by hand"]
        return
    metrics = record(walk, "ext_10_1_9_tfgan")["metrics"]
    assert metrics["largest difference of the losses, all steps"]["value"] < 1e-3  # threads may add up in another order
    first, second = record(walk, "ext_10_1_9_tfgan")["tables"][0]["rows"]
    assert (first[0], second[0]) == ("TFGAN", "by hand") and first[2:] == pytest.approx(second[2:], abs=1e-3)


@pytest.mark.script
@pytest.mark.slow
def test_the_nan_comes_with_zeros_alone(walk):
    rows = {row[0]: row for row in record(walk, "ext_10_1_6_layernorm_rnn")["tables"][0]["rows"]}
    assert {kind for kind, row in rows.items() if row[4] == "1 of 1"} == {"0…1", "-1…1 with black = 0"}


@pytest.mark.script
@pytest.mark.slow
def test_every_comparison_has_its_rows(walk):
    rows = {
        script: [row[0] for row in record(walk, script)["tables"][0]["rows"]]
        for script in ("ext_10_1_1_generative", "ext_10_1_4_scale", "ext_10_1_6_batches", "ext_10_1_7_cyclegan")
    }
    assert rows["ext_10_1_1_generative"] == ["drawn", "autoencoder", "both", "GAN, invented"]
    assert rows["ext_10_1_4_scale"] == list(scale.KINDS)
    assert rows["ext_10_1_6_batches"] == list(small_batches.NORMS)
    assert rows["ext_10_1_7_cyclegan"] == ["drawn faces", "CycleGAN", "DualGAN"]
    digits = record(walk, "recognition", "recognition-tiny")["tables"][0]
    assert [row[0] for row in digits["rows"]] == ["2 to 5 px", "5 to 8 px", "8 to 12 px"]
