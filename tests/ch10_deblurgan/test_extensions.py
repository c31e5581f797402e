"""The normalization family (10.1.6), the comparisons and exercise 10.2.11, the generated sample."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from ch10_deblurgan import ext_10_1_normalizations as family
from ch10_deblurgan import ext_10_2_11_batchnorm as exercise
from ch10_deblurgan.beyond import ablation, train
from common import datasets, images
from common.errors import UserError
from data import sample_gopro

AXES = {"Batch": (0, 1, 2), "Layer": (1, 2, 3), "Instance": (1, 2)}


def test_the_norms_divide_by_the_deviation():
    """Erratum E67: 10.1.4 calls σ the variance; with it as divisor the result would not have deviation 1."""
    x = family.feature_map(3, 8, 4)
    results = family.normalize(x, groups=2)
    wide = np.float64(x)
    for name, axes in AXES.items():
        centred = wide - wide.mean(axes, keepdims=True)
        np.testing.assert_allclose(results[name], centred / wide.std(axes, keepdims=True), atol=0.02)
        printed = centred / wide.var(axes, keepdims=True)
        assert abs(results[name].std() - 1) < 0.01 < abs(printed.std() - 1)
    grouped = wide.reshape(3, 8, 8, 2, 2)
    centred = grouped - grouped.mean((1, 2, 4), keepdims=True)
    expected = (centred / grouped.std((1, 2, 4), keepdims=True)).reshape(x.shape)
    np.testing.assert_allclose(results["Group"], expected, atol=0.02)
    mean, variance = (
        np.mean([np.broadcast_to(how(wide, axis=axes, keepdims=True), (3, 1, 1, 4)) for axes in AXES.values()], axis=0)
        for how in (np.mean, np.var)
    )
    np.testing.assert_allclose(results["Switchable"], (wide - mean) / np.sqrt(variance + 1e-3), atol=0.01)
    assert np.abs(results["ReNorm"] - results["Batch"]).max() > 0.1


@pytest.mark.parametrize("name", ["Batch", "Layer", "Instance", "Group"])
def test_drawn_planes_are_those_whose_change_is_felt(name):
    """A change in any plane that is drawn as shared, and in no other, changes the first plane's result."""
    x = family.feature_map(3, 6, 4)
    mask = family.shared(name, 3, 4, 2, sample=1, channel=1)
    axes = AXES.get(name)
    for sample in range(3):
        for channel in range(4):
            changed = np.float64(x)
            changed[sample, :, :, channel] += 1.0
            if axes is None:
                means = [v.reshape(3, 6, 6, 2, 2).mean((1, 2, 4))[1, 0] for v in (x, changed)]
            else:
                means = [np.broadcast_to(v.mean(axes, keepdims=True), (3, 1, 1, 4))[1, 0, 0, 1] for v in (x, changed)]
            assert (abs(means[1] - means[0]) > 1e-3) == bool(mask[sample, channel])


def test_layer_norm_cells_that_there_are():
    """Erratum E113: of the two cells that 10.1.6 names, TensorFlow 1.13 exports one."""
    import tensorflow as tf
    from tensorflow.contrib.rnn.python.ops import rnn_cell

    assert hasattr(tf.contrib.rnn, "LayerNormBasicLSTMCell") and hasattr(rnn_cell, "LayerNormLSTMCell")
    if tf.__version__.startswith("1.13"):
        assert not hasattr(tf.contrib.rnn, "LayerNormLSTMCell")


def test_switchable_is_drawn_as_the_mix():
    mask = family.shared("Switchable", 3, 4, 2, sample=0, channel=2)
    assert mask[0, 2] == pytest.approx(1.0) and mask[0, 0] == mask[2, 2] == pytest.approx(1 / 3.0) and mask[1, 1] == 0


@pytest.mark.parametrize("samples, channels", [(1, 6), (4, 1), (1, 1)])
def test_a_single_sample_or_channel_is_drawn_too(tmp_path, samples, channels):
    family.draw_axes(str(tmp_path / "axes.png"), samples, channels, groups=1)
    assert (tmp_path / "axes.png").stat().st_size > 1000


def test_the_exercise_at_tiny_is_not_in_the_way_of_the_real_one(monkeypatch):
    """One folder for all presets: the README's tiny command had taken it, and the next was refused ('ngf 8')."""
    folders = []
    monkeypatch.setattr(exercise.gopro, "image_folder", lambda opts: folders.append(opts.output_dir) or "nowhere")
    for preset in ("tiny", "book"):
        with pytest.raises(UserError):
            exercise.main(["--preset", preset])
    assert [os.path.basename(folder) for folder in folders] == ["batchnorm-tiny", "batchnorm-book"]


def test_grain_sees_noise_where_it_is():
    random = np.random.RandomState(0)
    sharp = np.full((40, 40, 3), 128, np.uint8)
    noisy = sharp.copy()
    noisy[:4] = np.clip(128 + random.normal(0, 10, (4, 40, 3)), 0, 255).astype(np.uint8)
    top, rest = exercise.grain(noisy, sharp)
    assert top > 6 and rest < 1.0
    smooth = np.clip(sharp + np.linspace(0, 20, 40)[:, None, None], 0, 255).astype(np.uint8)
    assert exercise.grain(smooth, sharp)[1] < 0.5


def test_only_the_compared_thing_differs():
    allowed = {
        "head": {"head"},
        "norm": {"norm"},
        "critic": {"adversarial_weight", "critic"},
        "vgg": {"vgg", "perceptual_weight"},
    }
    opts = SimpleNamespace(preset="cpu", seed=3, right_vgg="keras", output_dir="runs")
    vars(opts).update({row.name: row.value for row in ablation.VALUES})
    names, folders = {row.name for row in train.VALUES}, {}
    for what, variants in ablation.VARIANTS.items():
        values = [ablation.values_of(opts, what, variant) for variant in variants]
        assert all(set(each) <= names for each in values)
        differing = {key for each in values[1:] for key in each if each[key] != values[0].get(key)}
        assert differing and differing <= allowed[what]
        folders.update({(what, variant): ablation.run_folder_of(opts, what, variant, 3) for variant in variants})
    common = [("head", "paper's head"), ("norm", "switchable"), ("critic", "content only"), ("vgg", "no VGG")]
    assert {folders.pop(key) for key in common} == {os.path.join("runs", "baseline")}
    assert len(set(folders.values()) - {os.path.join("runs", "baseline")}) == len(folders) == 8
    others = {ablation.run_folder_of(opts, "norm", "switchable", seed) for seed in (3, 4, 5)}
    assert len(others) == 3  # a seed's training is not taken for another's


def test_rows_of_the_exercise_are_means_over_seeds_and_pictures():
    random = np.random.RandomState(0)
    sharp = random.randint(60, 200, (2, 24, 24, 3)).astype(np.uint8)
    seeds = [[(sharp[i] + 9, sharp[i] + off, sharp[i]) for i in range(2)] for off in (3, 6)]
    row = dict(zip(exercise.COLUMNS, exercise.row_of("batch", seeds)))
    psnr = [20 * np.log10(255.0 / off) for off in (3, 6)]
    assert row["PSNR"] == pytest.approx(np.mean(psnr), abs=1e-3)
    assert row["least"] == pytest.approx(20 * np.log10(9 / 6.0), abs=1e-3)
    assert row["most"] == pytest.approx(20 * np.log10(9 / 3.0), abs=1e-3)
    assert row["grain, top tenth"] == row["grain, rest"] == 0


def test_sample_has_the_real_layout(tmp_path):
    sample_gopro.generate(str(tmp_path), seed=1, train=2, test=1)
    blurred, sharp = (images.read_rgb(str(tmp_path / "image" / "train" / part / "000001.png")) for part in ("A", "B"))
    assert blurred.shape == sharp.shape == (32, 48, 3)
    assert np.abs(np.diff(blurred.astype(int), axis=1)).mean() < np.abs(np.diff(sharp.astype(int), axis=1)).mean()
    clip = tmp_path / "clips" / "test" / "GOPR0002_11_00"
    assert sorted(os.listdir(str(clip))) == ["blur", "sharp"]
    again = tmp_path / "again"
    sample_gopro.generate(str(again), seed=1, train=2, test=1)
    np.testing.assert_array_equal(images.read_rgb(str(again / "image" / "train" / "A" / "000001.png")), blurred)
    assert datasets.is_sample(datasets.sample("gopro"))
