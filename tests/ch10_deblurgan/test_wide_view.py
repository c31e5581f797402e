"""The wide-view network, the crops it learns from, and its training."""

import json
import os
import signal

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from ch10_deblurgan.beyond import generator, photo_crops, train_photos, wide_view
from common import images, run, weights
from common.errors import Stopped, UserError

SMALL = dict(ngf=2, n_blocks=2, wide=[8, 10], down_blocks=[1, 1], up_blocks=1, estimates=1)

ZEROS = ("/end/kernel", "/wide/up0/kernel")  # what starts from them
ZEROS += ("/divided/start/kernel", "/divided/share/kernel")


def texture(height, width, seed=0):
    """Something with edges: blocks of random colours."""
    blocks = np.random.RandomState(seed).randint(0, 256, (-(-height // 8), -(-width // 8), 3)).astype(np.uint8)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]


# ------------------------------------------------------------------------------------------- blur
@pytest.mark.parametrize("seed", range(8))
def test_a_path_is_as_long_as_asked_for_and_centred(seed):
    random = np.random.RandomState(seed)
    extent = random.uniform(0.5, photo_crops.LONGEST)
    path = photo_crops.camera_path(random, extent)
    np.testing.assert_allclose(path.mean(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(np.ptp(path, axis=0)), extent)
    kernel = photo_crops.path_kernel(path)
    places = np.arange(kernel.shape[0]) - photo_crops.LONGEST
    np.testing.assert_allclose(kernel.sum(), 1.0, rtol=1e-5)
    np.testing.assert_allclose([kernel.sum(axis=1) @ places, kernel.sum(axis=0) @ places], 0.0, atol=1e-4)


def test_a_straight_path_is_a_row_of_the_kernel():
    kernel = photo_crops.path_kernel(np.stack([np.linspace(-2, 2, 4001), np.zeros(4001)], axis=1))
    middle = photo_crops.LONGEST
    np.testing.assert_allclose(kernel[middle, middle - 2 : middle + 3], [0.125, 0.25, 0.25, 0.25, 0.125], atol=1e-3)
    assert np.count_nonzero(kernel) == 5


@pytest.mark.parametrize("gamma", [1.0, 2.2])
def test_blur_is_a_convolution_of_light(gamma):
    random = np.random.RandomState(3)
    region = texture(160, 160)
    kernel = photo_crops.path_kernel(photo_crops.camera_path(random, 20.0))
    light = (region / 255.0) ** gamma
    wanted = np.stack([ndimage.convolve(light[..., c], kernel, mode="constant") for c in range(3)], axis=-1)
    margin = photo_crops.MARGIN
    wanted = 255.0 * wanted[margin:-margin, margin:-margin] ** (1 / gamma)
    found = photo_crops.blur_region(region, kernel, gamma)
    # light is taken in steps of 1/16384: near black, where the curve is steep, that is more than a level
    np.testing.assert_allclose(found, wanted, atol=0.02 if gamma == 1.0 else 2.0)
    assert np.mean(np.abs(found - wanted)) < 0.02


def test_no_blur_changes_nothing():
    region = texture(120, 120)
    inside = slice(photo_crops.MARGIN, -photo_crops.MARGIN)
    np.testing.assert_array_equal(photo_crops.blur_region(region, None, 2.2), region[inside, inside])


def test_a_thing_that_moves_is_the_mean_of_its_frames():
    """Against frames composed one by one: a thing moved three ways over what stays where it is."""
    side = 128
    behind, front = texture(side, side, 1), texture(side, side, 2)
    mask = photo_crops.mask_of(np.random.RandomState(4), side, False)
    assert mask.min() == 0.0 and mask.max() == 1.0 and 0.05 < mask.mean() < 0.95
    kernel, places = np.zeros((2 * photo_crops.LONGEST + 1,) * 2, np.float32), [(0, -3), (2, 0), (0, 5)]
    for down, right in places:
        kernel[photo_crops.LONGEST + down, photo_crops.LONGEST + right] = 1 / 3.0
    frames = []
    for place in places:
        there, moved = (np.roll(part, place, (0, 1)) for part in (mask, front / 255.0))
        frames.append(there * moved**2.2 + (1 - there) * (behind / 255.0) ** 2.2)
    inside = slice(photo_crops.MARGIN, -photo_crops.MARGIN)
    wanted = 255.0 * np.mean(frames, axis=0)[inside, inside] ** (1 / 2.2)
    found = photo_crops.blur_in_two(behind, front, mask, (None, kernel), 2.2)
    assert np.mean(np.abs(found - wanted)) < 0.05


def test_a_camera_that_turns_blurs_one_side_as_one_kernel_and_the_other_as_the_other():
    side = 200
    picture = texture(side, side)
    kernels = [photo_crops.path_kernel(photo_crops.camera_path(np.random.RandomState(seed), 12.0)) for seed in (1, 2)]
    mask = np.zeros((side, side, 1), np.float32)
    mask[:, side // 2 :] = 1.0
    found = photo_crops.blur_in_two(picture, picture, mask, kernels, 2.2)
    left, right = (photo_crops.blur_region(picture, kernel, 2.2) for kernel in kernels)
    half = found.shape[1] // 2
    np.testing.assert_allclose(found[:, : half - 20], left[:, : half - 20], atol=0.1)
    np.testing.assert_allclose(found[:, half + 20 :], right[:, half + 20 :], atol=0.1)
    assert np.abs(left - right).mean() > 2


def test_crops_of_two_kernels_name_none():
    picture = texture(300, 300)
    blurred, sharp, kernels, known = photo_crops.CropMaker([picture], [], 48, two_share=1.0).batch(6, 1)
    assert not known.any() and not kernels.any() and (blurred != sharp).any()
    assert photo_crops.CropMaker([picture], [], 48, two_share=0.5).batch(20, 1)[3].sum() in range(4, 17)


def test_equal_seeds_give_equal_batches_and_others_do_not():
    maker = photo_crops.CropMaker([texture(100, 140)], [(texture(60, 80, 1), texture(60, 80, 2))], 32)
    first, again, other = (maker.batch(3, [7, step])[:2] for step in (5, 5, 6))
    for a, b, c in zip(first, again, other):
        assert a.dtype == np.uint8 and a.shape == (3, 32, 32, 3)
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()


def test_noise_and_jpeg_stay_small_and_are_there():
    values = np.float32(texture(64, 64))
    differences = []
    for seed in range(20):
        result = photo_crops.degrade(values, np.random.RandomState(seed))
        assert result.dtype == np.uint8 and result.shape == values.shape
        differences.append(np.std(result - values))
    assert min(differences) < 1.0 < max(differences) < 20.0


def test_both_of_a_pair_are_cropped_at_one_place():
    picture = texture(90, 120)
    maker = photo_crops.CropMaker([picture], [(picture, picture)], 32, real_share=1.0)
    blurred, sharp = maker.batch(6, 0)[:2]
    np.testing.assert_array_equal(blurred, sharp)


def test_made_blur_stays_in_place():
    """The sharp crop fits its blurred one better than the same moved by three pixels: no kernel shifts the picture."""
    maker = photo_crops.CropMaker([texture(300, 300)], [], 64)
    better = 0
    for seed in range(10):
        blurred, sharp = (np.float64(batch[0]) for batch in maker.batch(1, seed)[:2])
        inside = np.s_[8:-8, 8:-8]
        here = np.mean((blurred - sharp)[inside] ** 2)
        moved = [np.mean((np.roll(blurred, by, axis) - sharp)[inside] ** 2) for by in (-3, 3) for axis in (0, 1)]
        better += here < min(moved)
    assert better >= 9


def test_photos_smaller_than_a_crop_are_mirrored_not_refused():
    blurred, sharp = photo_crops.CropMaker([texture(20, 25)], [], 32).batch(4, 1)[:2]
    assert blurred.shape == sharp.shape == (4, 32, 32, 3)


# ------------------------------------------------------------------------------------------- network
def test_it_starts_by_giving_the_picture_back():
    values = np.random.RandomState(0).uniform(-1, 1, (1, 32, 48, 3)).astype(np.float32)
    photo = tf.placeholder(tf.float32, [1, None, None, 3])
    output = wide_view.wide_view(photo, SMALL)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(session.run(output, {photo: values}), values)


def test_fast_equals_plain():
    settings = dict(ngf=24, n_blocks=2, wide=[96, 100], down_blocks=[1, 1], up_blocks=1, estimates=1)
    photo = tf.placeholder(tf.float32, [1, None, None, 3])
    both = [wide_view.wide_view(photo, settings, fast) for fast in (True, False)]
    values = np.random.RandomState(0).uniform(-1, 1, (1, 32, 48, 3)).astype(np.float32)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for variable in wide_view.variables():  # those that start from zeros would hide all before them
            if variable.op.name.endswith(ZEROS):
                variable.load(np.random.RandomState(1).normal(0, 0.05, variable.shape.as_list()), session)
        fast, plain = session.run(both, {photo: values})
    assert np.abs(plain - values).max() > 0.1
    np.testing.assert_allclose(fast, plain, atol=1e-4)


def test_another_grey_leaves_the_colours():
    random = np.random.RandomState(0)
    pictures = random.uniform(-0.3, 0.3, (1, 4, 5, 3))
    grey = random.uniform(-0.3, 0.3, (1, 4, 5, 1))
    with tf.Session() as session:
        found, same = session.run(
            [wide_view.with_grey(pictures, new) for new in (grey, pictures.mean(axis=3, keepdims=True))]
        )
    np.testing.assert_allclose(found.mean(axis=3, keepdims=True), grey, atol=1e-6)
    np.testing.assert_allclose(found - found[..., :1], pictures - pictures[..., :1], atol=1e-6)
    np.testing.assert_allclose(same, pictures, atol=1e-6)


def test_the_view_is_wide_and_every_weight_learns():
    photo = tf.placeholder(tf.float32, [1, 256, 256, 3])
    output = wide_view.wide_view(photo, SMALL)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for variable in wide_view.variables():  # those that start from zeros
            if variable.op.name.endswith(ZEROS):
                variable.load(np.random.RandomState(1).normal(0, 0.1, variable.shape.as_list()), session)
        values = np.random.RandomState(0).uniform(-0.5, 0.5, (1, 256, 256, 3))
        seen = session.run(tf.gradients(output[0, 128, 128], photo)[0], {photo: values})[0]
        columns = np.flatnonzero(np.abs(seen).sum(axis=(0, 2)))
        learned = [variable for variable in wide_view.variables() if not wide_view.is_estimators(variable)]
        gradients = session.run(tf.gradients(tf.reduce_sum(output**2), learned), {photo: values})
    assert columns.min() < 128 - 64 and columns.max() > 128 + 64
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


def test_it_can_start_as_the_small_generator(tmp_path):
    photo = tf.placeholder(tf.float32, [1, None, None, 3])
    with tf.Session() as session:
        tf.keras.backend.set_session(session)
        small, _ = generator.load_generator(generator.SHIPPED)
        outputs = [small(photo), wide_view.wide_view(photo, fast=False)]
        run.initialize_uninitialized(session)
        wide_view.load_start(session, generator.SHIPPED, wide_view.SETTINGS)
        values = images.from_uint8(texture(48, 64))[np.newaxis]
        of_small, wide = session.run(outputs, {photo: values})
        np.testing.assert_allclose(wide, of_small, atol=1e-5)
        assert np.abs(of_small - values).max() > 0.05
        with pytest.raises(UserError, match="can start from"):
            wide_view.load_start(session, generator.SHIPPED, dict(wide_view.SETTINGS, n_blocks=3))


def test_weights_come_back_and_foreign_ones_are_refused(tmp_path):
    path = str(tmp_path / "w.npz")
    wide_view.wide_view(tf.placeholder(tf.float32, [1, None, None, 3]), SMALL)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        values = session.run(wide_view.variables())
        wide_view.save(path, values, SMALL)
        loaded, settings = wide_view.load(path)
        assert settings == SMALL
        wide_view.load_into(session, loaded)
        for before, after in zip(values, session.run(wide_view.variables())):
            np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-6)
        loaded.pop("wide_view/end/bias")
        with pytest.raises(UserError, match="end/bias"):
            wide_view.load_into(session, loaded)
    np.savez(path, settings=np.array(json.dumps(dict(ngf=3))), w=np.zeros(3, np.float32))
    with pytest.raises(UserError, match="wide-view"):
        wide_view.load(path)


def test_a_training_can_start_from_another_ones_weights(tmp_path):
    """With the optimizer's own variables in the graph, which belong to no weights file."""
    tiny = ["--preset", "tiny"]
    opts = train_photos.options.parse_values(train_photos.__file__, "", train_photos.VALUES, tiny, base="photos")
    net = train_photos.build(opts, SMALL)
    values = [np.full(weight.shape.as_list(), 0.5) for weight in net["weights"]]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = wide_view.save(str(tmp_path / "w.npz"), values, SMALL)
        wide_view.load_start(session, path, SMALL)
        assert all((value == 0.5).all() for value in session.run(net["weights"]))


# ------------------------------------------------------------------------------------------- training
@pytest.fixture
def data(tmp_path):
    """Twelve photos and two clips."""
    for index in range(12):
        images.write_png(str(tmp_path / "photos" / ("%02d.png" % index)), texture(64, 80, index))
    for clip in ("a", "b"):
        for part in ("blur", "sharp"):
            for frame in range(2):
                images.write_png(str(tmp_path / "clips" / clip / part / ("%d.png" % frame)), texture(48, 64, frame))
    return tmp_path


def test_what_is_held_out_is_trained_on_nowhere(data):
    splits = train_photos.split_photos(str(data / "photos"))
    assert [len(splits[split]) for split in ("train", "val", "test")] == [10, 1, 1]
    assert len({path for paths in splits.values() for path in paths}) == 12
    clips = train_photos.split_clips(str(data / "clips"), ["a/1"], ["b"])
    names = {split: [pair[1] for pair in pairs] for split, pairs in clips.items()}
    assert names == {"train": ["a/0"], "val": ["a/1"], "test": ["b/0", "b/1"]}
    with pytest.raises(UserError, match="no pair is called c"):
        train_photos.split_clips(str(data / "clips"), ["c"], [])
    for val, test in ((["b"], ["b"]), (["b"], ["b/0"]), (["b/0"], ["a", "b"])):
        with pytest.raises(UserError, match="b/0 is named twice"):
            train_photos.split_clips(str(data / "clips"), val, test)


def test_too_few_photos_to_hold_one_out(data):
    """The mean over no pictures was NaN, in the record too."""
    with pytest.raises(UserError, match="give 6 photos at least, or --clips"):
        train_photos.validation_pictures([], [])
    pair = train_photos.split_clips(str(data / "clips"), ["a/1"], [])["val"]
    assert list(train_photos.validation_pictures([], pair)) == ["a"]


@pytest.mark.parametrize("name", ["--val-clips", "--test-clips"])
def test_clips_are_not_named_of_none(data, name):
    with pytest.raises(UserError, match=name + " does nothing without --clips"):
        train_photos.main(["--preset", "tiny", "--photos", str(data / "photos"), name, "a"])


@pytest.mark.parametrize("folder,said", [("none", "none: no such folder"), ("photos", "holds both blur and sharp")])
def test_a_folder_without_clips_is_not_passed_over(data, folder, said):
    """Training went on without pairs, and without a word."""
    words = ["--preset", "tiny", "--photos", str(data / "photos"), "--output-dir", str(data / "out")]
    with pytest.raises(UserError, match=said):
        train_photos.main(words + ["--clips", str(data / folder)])


@pytest.mark.parametrize("words,said", [(["--crop", "40"], "--crop 40: a"), (["--margin", "6"], "--margin 6: a")])
def test_crops_that_the_networks_cannot_halve(words, said):
    with pytest.raises(UserError, match=said + " multiple of"):
        train_photos.main(["--preset", "tiny", "--photos", "x"] + words)


def test_losses_are_those_of_their_names():
    difference = np.random.RandomState(0).uniform(-0.5, 0.5, (3, 8, 8, 3)) * np.array([1.0, 0.1, 0.0]).reshape(
        3, 1, 1, 1
    )
    with tf.Session() as session:
        smooth, decibels = session.run(
            [loss(tf.constant(difference)) for loss in (train_photos.charbonnier, train_photos.minus_psnr)]
        )
    assert smooth == pytest.approx(np.abs(difference).mean(), rel=0.02)
    black = np.zeros((8, 8, 3))
    wanted = [-images.psnr(255 * black, 255 * np.abs(crop)) for crop in difference[:2]] + [-40.0]
    assert decibels == pytest.approx(np.mean(wanted), abs=0.2)


def test_the_learning_rate_rises_stays_and_falls(monkeypatch):
    opts = train_photos.options.parse_values(train_photos.__file__, "", train_photos.VALUES, [], base="photos")
    opts.steps, opts.fall_from, opts.learning_rate = 1000, 600, 1.0
    rates = [train_photos.learning_rate(opts, step) for step in (0, 99, 599, 600, 800, 999)]
    np.testing.assert_allclose(rates, [0.01, 1.0, 1.0, 1.0, 0.5, 0.0025])


def test_a_run_that_goes_on_ends_as_one_that_was_not_stopped(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(wide_view, "SETTINGS", SMALL)

    def train(folder, *more):
        train_photos.main(
            ["--preset", "tiny", "--photos", str(data / "photos"), "--clips", str(data / "clips"), "--val-clips", "b"]
            + ["--threads", "1", "--output-dir", str(tmp_path / folder)]
            + list(more)
        )
        return wide_view.load(str(tmp_path / folder / "weights" / "wide_view.npz"))[0]

    rate = train_photos.learning_rate

    def stopping(opts, step):
        if step == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return rate(opts, step)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(train_photos, "learning_rate", stopping)
        train("halves")
    halves, whole = train("halves"), train("whole")
    assert max(np.abs(value).max() for name, value in whole.items() if name.endswith("end/kernel")) > 0
    for name in whole:
        np.testing.assert_array_equal(halves[name], whole[name], err_msg=name)
    rows = json.load(open(str(tmp_path / "halves" / "history.json")))["rows"]
    assert [row["step"] for row in rows] == [2, 4] and rows[-1]["untouched"] > 20
    with pytest.raises(UserError, match="learning_rate"):
        train("halves", "--learning-rate", "0.5")
    capsys.readouterr()
    train("halves", "--start-from", "not-there.npz")
    assert "the training goes on: --start-from is of its beginning" in capsys.readouterr().out
    # killed before anything was scored: there are checkpoints, and no history yet
    os.remove(str(tmp_path / "halves" / "history.json"))
    train("halves", "--steps", "5")
    rows = json.load(open(str(tmp_path / "halves" / "history.json")))["rows"]
    assert [row["step"] for row in rows] == [5]
    with pytest.raises(
        UserError, match=r"other data \(pairs to validate with: 2 .*, not 0 .*pairs held out: 0 .*, not 2 "
    ):
        train("halves", "--steps", "5", "--val-clips", "--test-clips", "b")
    with pytest.raises(UserError, match=r"other data \(photos to train on: 10 .*, not 11 "):
        images.write_png(str(data / "photos" / "12.png"), texture(64, 80, 12))
        train("halves", "--steps", "5")
    os.remove(str(data / "photos" / "12.png"))
    os.remove(str(tmp_path / "halves" / "data.json"))  # as of a run that was made before
    train("halves", "--steps", "5")
    assert "record" in capsys.readouterr().out


def test_an_untouched_picture_is_scored_by_its_distance():
    picture = texture(64, 64)
    kinds = {"untouched": [(picture, picture)]}
    net = train_photos.build(
        train_photos.options.parse_values(
            train_photos.__file__, "", train_photos.VALUES, ["--preset", "tiny"], base="photos"
        ),
        SMALL,
    )
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert train_photos.validate(session, net, kinds, SMALL) == {"untouched": 99.0}


def test_shake_in_a_whole_picture_is_noise_and_blur_in_place():
    sharp = texture(80, 96)
    blurred = train_photos.shaken(sharp, np.random.RandomState(0), 4, 14, 1.0)
    assert blurred.shape == sharp.shape and blurred.dtype == np.uint8
    assert 5 < images.psnr(sharp, blurred) < 40
    same = train_photos.shaken(sharp, np.random.RandomState(0), 1e-6, 1e-6, 0.0)
    assert images.psnr(sharp, same) > 50


@pytest.mark.parametrize(
    "changes,complaint",
    [
        (dict(ngf="24"), "setting ngf: '24' is no whole number"),
        (dict(ngf=10**9), "setting ngf: 1000000000 is not 1 to 1024"),
        (dict(wide=3), "setting wide: 3 is no list"),
        (dict(estimates=9), "setting estimates: 9 is not 0 to 8"),
        (dict(n_blocks=None), "setting n_blocks: there is no value"),
        (dict(down_blocks=[2]), "as long as each other"),
        (dict(wide=[], down_blocks=[]), "setting wide: no values, at least one is needed"),
    ],
)
def test_settings_of_a_weights_file_that_are_none(tmp_path, changes, complaint):
    path = str(tmp_path / "w.npz")
    weights.save(path, {"x": np.zeros(3, np.float32)}, dict(wide_view.SETTINGS, **changes))
    with pytest.raises(UserError, match=complaint):
        wide_view.load(path)
