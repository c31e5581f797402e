"""The normalization family (10.1.6), the comparisons and exercise 10.2.11, the generated sample."""

import os

import numpy as np
import pytest

from ch10_deblurgan import ext_10_1_normalizations as family
from ch10_deblurgan import ext_10_2_9_compare as comparing
from ch10_deblurgan import ext_10_2_11_batchnorm as exercise
from common import datasets, images, options
from data import sample_gopro
from tests import helpers

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


def test_switchable_is_drawn_as_the_mix():
    mask = family.shared("Switchable", 3, 4, 2, sample=0, channel=2)
    assert mask[0, 2] == pytest.approx(1.0) and mask[0, 0] == mask[2, 2] == pytest.approx(1 / 3.0) and mask[1, 1] == 0


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
    from types import SimpleNamespace

    opts = SimpleNamespace(preset="cpu", seed=3, threads=1, data_dir=None, right_vgg="keras", vgg_dir=None)
    vars(opts).update(dict(comparing.PRESETS["book"], **comparing.PRESETS["cpu"]))
    for what, variants in comparing.VARIANTS.items():
        parsed = []
        for variant in variants:
            words = comparing.arguments_of(opts, what, variant, "folder", opts.seed)
            values = {}
            for flag, value in zip(words[::2], words[1::2]):
                values[flag] = value  # the last one counts, as in argparse
            parsed.append(values)
        differing = {key for key in parsed[0] for other in parsed[1:] if other.get(key) != parsed[0].get(key)}
        allowed = {
            "head": {"--head"},
            "norm": {"--norm"},
            "critic": {"--adversarial-weight", "--critic"},
            "vgg": {"--vgg", "--perceptual-weight"},
        }
        assert differing and differing <= allowed[what]
    opts.output_dir = "runs"
    folders = {
        (what, variant): comparing.run_folder_of(opts, what, variant, opts.seed)
        for what in allowed
        for variant in comparing.VARIANTS[what]
    }
    common = [("head", "paper's head"), ("norm", "switchable"), ("critic", "content only"), ("vgg", "no VGG")]
    assert {folders.pop(key) for key in common} == {os.path.join("runs", "baseline")}
    assert len(set(folders.values()) - {os.path.join("runs", "baseline")}) == len(folders) == 8
    others = {comparing.run_folder_of(opts, "norm", "switchable", seed) for seed in (3, 4, 5)}
    assert len(others) == 3  # a seed's training is not taken for another's


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


def test_a_stopped_training_ends_the_comparison(monkeypatch, tmp_path, capsys):
    """And is not scored like a finished one."""
    helpers.stop_at_once(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        comparing.main(["--preset", "tiny", "--compare", "head", "--threads", "1", "--output-dir", str(tmp_path)])
    assert capsys.readouterr().out.count("---") == 1


@pytest.mark.script
def test_normalizations_script(tmp_path):
    script = "ch10_deblurgan/ext_10_1_normalizations.py"
    result = helpers.run_script(script, "--preset", "tiny", "--output-dir", tmp_path)
    assert "Switchable" in result.stdout
    assert {"axes.png", "effect.png", "record-ext_10_1_normalizations.json"} <= set(os.listdir(str(tmp_path)))


@pytest.mark.script
@pytest.mark.slow
def test_exercise_script(tmp_path):
    script = "ch10_deblurgan/ext_10_2_11_batchnorm.py"
    result = helpers.run_script(script, "--preset", "tiny", "--seeds", "2", "--output-dir", tmp_path)
    assert "switchable" in result.stdout and "batch " in result.stdout
    record = options.read_json(str(tmp_path / "record-ext_10_2_11_batchnorm.json"))
    assert [row[0] for row in record["tables"][0]["rows"]] == ["blurred", "switchable", "batch"]
    switchable = dict(zip(record["tables"][0]["columns"], record["tables"][0]["rows"][1]))
    assert (
        switchable["least"] < switchable["PSNR gained"] < switchable["most"]
    )  # two seeds, and their mean between them
    assert (tmp_path / "batchnorm.png").exists()
