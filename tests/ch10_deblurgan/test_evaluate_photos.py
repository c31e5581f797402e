"""The scores of photos: what is made, what is counted, and the table."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf

from ch10_deblurgan.beyond import evaluate_photos, train_photos, wide_view
from common import images, run, same_data
from common.errors import UserError


def picture(height=48, width=64, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (height, width, 3)).astype(np.uint8)


def test_an_untouched_picture_is_scored_by_its_distance_and_brightness():
    sharp = np.uint8(picture() // 2)
    gained, ssim, brighter = evaluate_photos.score(sharp, sharp, sharp + 2)
    assert brighter == 2.0 and 0.9 < ssim < 1.0
    np.testing.assert_allclose(gained, 10 * np.log10(255.0**2 / 4))
    gained, _, brighter = evaluate_photos.score(np.uint8(sharp + 4), sharp, sharp + 2)
    np.testing.assert_allclose([gained, brighter], [6.02, -2.0], atol=0.01)


def test_made_kinds_are_the_same_each_time_and_as_hard_as_they_say():
    sharp = [images.resize(picture(24, 32, seed), 96, 128) for seed in range(8)]
    kinds, again = (evaluate_photos.made_kinds(sharp, "x") for _ in range(2))
    for kind, pictures in kinds.items():
        np.testing.assert_array_equal(pictures[0][0], again[kind][0][0])
        assert pictures[0][1] is sharp[0]
    psnr = {kind: np.mean([images.psnr(s, b) for b, s in pictures]) for kind, pictures in kinds.items()}
    assert psnr["x, untouched"] == float("inf")
    assert psnr.pop("x, mild blur") > max(value for value in psnr.values() if np.isfinite(value))


def test_large_pairs_are_scored_at_half_size_too(tmp_path):
    pairs = []
    for name, size in (("small", (40, 60)), ("large", (402, 300))):
        paths = [images.write_png(str(tmp_path / part / (name + ".png")), picture(*size)) for part in ("a", "b")]
        pairs.append((name, name + "/0") + tuple(paths))
    kinds = evaluate_photos.real_kinds(pairs)
    assert {kind: pictures[0][0].shape for kind, pictures in kinds.items()} == {
        "small, 60×40": (40, 60, 3),
        "large, 300×402": (402, 300, 3),
        "large, half size": (201, 150, 3),
    }


@pytest.mark.parametrize(
    "words,message",
    [
        (["--clips", "x"], "--clips does nothing without --test-clips"),
        (["--test-clips", "x"], "--test-clips does nothing without --clips"),
        (["--photos", "FOLDER"], "holds 11 photos: of fewer than 12 none is held out"),
    ],
)
def test_what_would_score_nothing_is_refused(tmp_path, words, message):
    for number in range(11):
        images.write_png(str(tmp_path / "in" / ("%02d.png" % number)), picture())
    words = [str(tmp_path / "in") if word == "FOLDER" else word for word in words]
    with pytest.raises(UserError, match=message):
        evaluate_photos.main(["--preset", "tiny", "--output-dir", str(tmp_path / "out")] + words)


def test_photos_are_held_out_of_the_run_s_own_folder_only(tmp_path):
    """Which photos are held out goes by their place in the folder: one more photo, and others were, that had been learnt from."""
    folder, weights = str(tmp_path / "in"), str(tmp_path / "run" / "weights" / "wide_view.npz")
    for number in range(12):
        images.write_png(os.path.join(folder, "%02d.png" % number), picture())
    evaluate_photos.held_out_photos(folder, 1, weights)  # the run noted nothing
    splits = train_photos.split_photos(folder)
    same_data.check(str(tmp_path / "run"), False, train_photos.fingerprints(splits, dict.fromkeys(splits, ())))
    evaluate_photos.held_out_photos(folder, 1, weights)
    images.write_png(os.path.join(folder, "0.png"), picture())
    with pytest.raises(UserError, match="trained on other data .photos to train on: 10 .*photos held out: 1 "):
        evaluate_photos.held_out_photos(folder, 1, weights)
    evaluate_photos.held_out_photos(folder, 1, str(tmp_path / "a" / "copy.npz"))


@pytest.mark.script
def test_the_table_has_both_networks_beside_each_other(tmp_path, monkeypatch):
    settings = dict(ngf=2, n_blocks=2, wide=[8, 10], down_blocks=[1, 1], up_blocks=1, estimates=1)
    weights = str(tmp_path / "w.npz")
    run.start()
    wide_view.wide_view(tf.placeholder(tf.float32, [1, None, None, 3]), settings)
    wide_view.save(weights, [np.zeros(v.shape.as_list()) for v in wide_view.variables()], settings)
    monkeypatch.setattr(evaluate_photos, "packaged_photos", lambda: [picture()])
    evaluate_photos.main(["--preset", "tiny", "--weights", weights, "--sheets", "--output-dir", str(tmp_path)])
    (table,) = json.loads((tmp_path / "record-evaluate_photos.json").read_text(encoding="utf-8"))["tables"]
    assert all(len(row) == len(table["columns"]) for row in table["rows"])
    rows = {row[0]: dict(zip(table["columns"], row)) for row in table["rows"]}
    untouched = rows["scikit-image, untouched"]
    assert untouched["wide view: dB gained"] == 99.0  # weights of zero give the picture back
    assert untouched["small generator: dB gained"] < 60
    shaken = rows["scikit-image, shake of 4-14 px, noise"]
    assert shaken["wide view: dB gained"] == 0.0 and shaken["small generator: dB gained"] != 0.0
    assert len(list((tmp_path / "sheets").iterdir())) == len(rows)
