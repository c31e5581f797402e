"""Pairs, made blur and the layout command (section 10.2.1)."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy.ndimage import convolve

from ch10_deblurgan import code_10_02_train
from ch10_deblurgan import ext_10_2_1_layout as layout
from ch10_deblurgan.beyond import motion, pairs, synthesize
from common import images
from common.errors import UserError
from data import gopro


def picture(height=12, width=16, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (height, width, 3)).astype(np.uint8)


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(str(path))


def make_pairs(folder, names=("b", "a", "c"), size=(12, 16)):
    for index, name in enumerate(names):
        write(folder / "A" / (name + ".png"), picture(*size, seed=index))
        write(folder / "B" / (name + ".png"), picture(*size, seed=10 + index))


# ------------------------------------------------------------------------------------------- pairs
def test_pairs_go_by_name_whatever_order_the_system_lists_them_in(tmp_path, monkeypatch):
    """Erratum E54: the print pairs the n-th of one unsorted list with the n-th of another."""
    make_pairs(tmp_path)
    listed = {"A": ["c.png", "a.png", "b.png"], "B": ["a.png", "b.png", "c.png"]}
    monkeypatch.setattr(os, "listdir", lambda folder: listed[os.path.basename(str(folder))])
    printed = list(zip(os.listdir(str(tmp_path / "A")), os.listdir(str(tmp_path / "B"))))
    assert any(a != b for a, b in printed)
    found = gopro.find_pairs(str(tmp_path))
    assert found == gopro.paired([pair[0] for pair in found[::-1]], [pair[1] for pair in found])
    assert [tuple(os.path.basename(path) for path in pair) for pair in found] == [
        (n, n) for n in ("a.png", "b.png", "c.png")
    ]


def test_unmatched_names_are_listed(tmp_path):
    make_pairs(tmp_path)
    write(tmp_path / "A" / "only.png", picture())
    os.remove(str(tmp_path / "A" / "b.png"))
    with pytest.raises(UserError, match=r"A/only, B/b"):
        gopro.find_pairs(str(tmp_path))


def test_sizes_of_a_pair_must_agree(tmp_path):
    make_pairs(tmp_path)
    write(tmp_path / "B" / "c.png", picture(12, 20))
    with pytest.raises(UserError, match="16×12 but .*20×12"):
        gopro.find_pairs(str(tmp_path))


def turned(path, pixels, orientation):
    """Writes a JPEG whose EXIF entry turns it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(str(path), format="JPEG", exif=exif)


def test_sizes_of_a_pair_are_compared_upright(tmp_path):
    """A phone's picture lies on its side with an EXIF entry; what a program wrote from it stands upright without one."""
    make_pairs(tmp_path, names=["a"], size=(12, 16))
    os.remove(str(tmp_path / "A" / "a.png"))
    turned(tmp_path / "A" / "a.jpg", picture(12, 16), 6)  # raw sizes agree, upright ones do not
    with pytest.raises(UserError, match="a.jpg is 12×16 but .*a.png is 16×12"):
        gopro.find_pairs(str(tmp_path))
    turned(tmp_path / "A" / "a.jpg", picture(16, 12), 6)  # the other way round
    found = gopro.find_pairs(str(tmp_path))
    reader = pairs.PairReader(found, None, crop=8)
    assert len(found) == 1 and reader.read(0, np.random.RandomState(0))[0].shape == (8, 8, 3)


@pytest.mark.parametrize("orientation", [2, 3, 6])
def test_the_listing_whose_reader_turns_nothing_asks_for_upright_pictures(tmp_path, orientation):
    make_pairs(tmp_path / "train", names=["a"], size=(16, 16))
    turned(tmp_path / "train" / "B" / "a.png", picture(16, 16), orientation)
    with pytest.raises(UserError, match="a.png is to be turned .* save it upright"):
        code_10_02_train.main(["--preset", "tiny", "--data-dir", str(tmp_path), "--output-dir", str(tmp_path / "out")])


@pytest.mark.parametrize("part", [b"", b"not a picture"])
def test_damaged_pictures_are_named(tmp_path, part):
    make_pairs(tmp_path)
    (tmp_path / "A" / "a.png").write_bytes(part)
    with pytest.raises(UserError, match="a.png is not a readable picture"):
        gopro.find_pairs(str(tmp_path))


def test_truncated_png_is_named(tmp_path):
    make_pairs(tmp_path, size=(64, 64))
    path = tmp_path / "B" / "a.png"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UserError, match="a.png is not a readable picture"):
        gopro.find_pairs(str(tmp_path))


def test_whole_pictures_are_resized_and_scaled(tmp_path):
    make_pairs(tmp_path)
    reader = pairs.PairReader(gopro.find_pairs(str(tmp_path)), (8, 12))
    blurred, sharp = reader.read(0, None)
    assert blurred.shape == sharp.shape == (8, 12, 3) and blurred.dtype == np.float32
    same = pairs.PairReader(gopro.find_pairs(str(tmp_path)), (12, 16)).read(0, None)[0]
    np.testing.assert_allclose(same, picture(seed=1) / 127.5 - 1, atol=1e-6)


def test_crops_of_a_pair_stay_together(tmp_path):
    for seed in range(2):
        pixels = picture(20, 24, seed)
        write(tmp_path / "A" / ("%d.png" % seed), pixels)
        write(tmp_path / "B" / ("%d.png" % seed), pixels)
    reader = pairs.PairReader(gopro.find_pairs(str(tmp_path)), None, crop=8)
    seen = set()
    for number in range(30):
        blurred, sharp = reader.read(1, np.random.RandomState(number))
        assert blurred.shape == (8, 8, 3)
        np.testing.assert_array_equal(blurred, sharp)
        seen.add(blurred.tobytes())
    assert len(seen) > 20


def test_an_epoch_can_be_taken_up_at_any_batch(tmp_path):
    """What a batch holds follows from seed, epoch and number; every pair is there ``crops_per_pair`` times; the last is short."""
    make_pairs(tmp_path, "abcde", size=(20, 20))
    reader = pairs.PairReader(gopro.find_pairs(str(tmp_path)), None, crop=8, synthesize=0.5, max_blur=3.0, seed=4)
    order = reader.order(3, 2)
    assert sorted(order) == sorted(2 * list(range(5))) and sorted(order[:5]) == list(range(5))
    assert list(order) == list(reader.order(3, 2)) != list(reader.order(4, 2))
    whole = [reader.batch(3, order, number, 4)[0] for number in range(3)]
    assert [len(blurred) for blurred in whole] == [4, 4, 2]
    np.testing.assert_array_equal(reader.batch(3, order, 2, 4)[0], whole[2])
    assert not np.array_equal(reader.batch(4, order, 0, 4)[0], whole[0])


def test_crops_of_large_pictures_come_from_their_smaller_copies(tmp_path):
    make_pairs(tmp_path, ["x"], size=(720, 400))
    levels = pairs.PairReader(gopro.find_pairs(str(tmp_path)), None, crop=64, max_rows=360)._levels[0]
    assert [level[0].shape[:2] for level in levels] == [(360, 200), (180, 100)]
    levels = pairs.PairReader(gopro.find_pairs(str(tmp_path)), None, crop=64)._levels[0]
    assert [level[0].shape[:2] for level in levels] == [(720, 400)]


def test_varied_sizes_have_copies_down_to_120_rows(tmp_path):
    make_pairs(tmp_path, ["x"], size=(720, 400))
    make_pairs(tmp_path, ["y"], size=(180, 320))
    reader = pairs.PairReader(gopro.find_pairs(str(tmp_path)), None, crop=64, max_rows=360, varied_sizes=True)
    sizes = [[level[0].shape[:2] for level in levels] for levels in reader._levels]
    assert sizes == [[(360, 200), (270, 150), (240, 133), (180, 100)], [(180, 320), (135, 240), (120, 213)]]
    assert all(blurred.shape == sharp.shape for levels in reader._levels for blurred, sharp in levels)


def test_pictures_smaller_than_a_crop_are_refused(tmp_path):
    make_pairs(tmp_path)
    with pytest.raises(UserError, match="smaller than --crop 16"):
        pairs.PairReader(gopro.find_pairs(str(tmp_path)), None, crop=16)


def test_made_blur_in_a_crop_is_that_of_the_whole_picture(tmp_path, monkeypatch):
    """The light that comes into a crop from outside is there."""
    sharp = picture(60, 60)
    kernel = motion.kernel_of(motion.linear_trajectory(7.0, 0.4))
    monkeypatch.setattr(motion, "kernel_of", lambda path: kernel)
    make_pairs(tmp_path, size=(60, 60))
    reader = pairs.PairReader(gopro.find_pairs(str(tmp_path)), None, crop=20, synthesize=1.0)
    whole = motion.blur(sharp, kernel)
    np.testing.assert_array_equal(reader._synthesize(sharp, 24, 17, np.random.RandomState(0)), whole[24:44, 17:37])


# ------------------------------------------------------------------------------------------- made blur
def test_kernels_are_light_that_is_kept_and_centred():
    random = np.random.RandomState(0)
    for _ in range(20):
        path = motion.random_trajectory(random, 12.0)
        np.testing.assert_array_equal(path[len(path) // 2], [0, 0])
        length = np.sum(np.linalg.norm(np.diff(path, axis=0), axis=1))
        assert length == pytest.approx(12.0)
        kernel = motion.kernel_of(path)
        assert kernel.shape[0] == kernel.shape[1] and kernel.shape[0] % 2 == 1
        assert kernel.sum() == pytest.approx(1.0, abs=1e-5) and kernel.min() >= 0
        radius = kernel.shape[0] // 2
        centre = (
            (np.arange(-radius, radius + 1) * kernel.sum(0)).sum(),
            (np.arange(-radius, radius + 1) * kernel.sum(1)).sum(),
        )
        np.testing.assert_allclose(centre, path.mean(0), atol=1e-4)


def test_a_path_of_no_length_blurs_nothing():
    pixels = picture()
    np.testing.assert_array_equal(motion.blur(pixels, motion.kernel_of(np.zeros((5, 2)))), pixels)


def test_blur_is_a_convolution_in_linear_light():
    pixels = picture(20, 20)
    kernel = motion.kernel_of(motion.linear_trajectory(4.0, 0.0))
    light = (pixels / 255.0) ** motion.GAMMA
    expected = (
        np.stack([convolve(light[..., c], kernel, mode="mirror") for c in range(3)], -1) ** (1 / motion.GAMMA) * 255
    )
    np.testing.assert_allclose(motion.blur(pixels, kernel), expected, atol=0.51)


def test_linear_kernel_spreads_along_its_angle():
    level = motion.kernel_of(motion.linear_trajectory(8.0, 0.0))
    assert np.count_nonzero(level.sum(0)) >= 8 and np.count_nonzero(level.sum(1)) == 1
    np.testing.assert_allclose(motion.kernel_of(motion.linear_trajectory(8.0, np.pi / 2)), level.T, atol=1e-6)


# ------------------------------------------------------------------------------------------- layout
def make_clips(folder, names, count=3):
    for index, name in enumerate(names):
        for number in range(count):
            for part in ("blur", "sharp"):
                write(folder / name / part / ("%06d.png" % number), picture(seed=100 * index + number))


def run(*arguments):
    return layout.main([str(item) for item in arguments])


@pytest.mark.parametrize("top", ["", "GOPRO_Large/"])
def test_gopro_is_laid_out_as_it_is_split(tmp_path, top):
    """Wherever the official pack lies below the source: no test clip may end up in the training part."""
    make_clips(tmp_path / "source", [top + "train/GOPR1", top + "train/GOPR2", top + "test/GOPR3"])
    target = tmp_path / "image"
    run("--source", tmp_path / "source", "--target", target, "--output-dir", tmp_path / "out")
    assert sorted(os.listdir(str(target))) == ["test", "train"]
    assert sorted(os.listdir(str(target / "test" / "A"))) == ["GOPR3_00000%d.png" % i for i in range(3)]
    assert len(gopro.find_pairs(str(target / "train"))) == 6


def test_clips_are_held_out_by_name(tmp_path):
    make_clips(tmp_path / "source", ["one", "two", "deep/three"])
    target = tmp_path / "image"
    run("--source", tmp_path / "source", "--target", target, "--output-dir", tmp_path / "out")
    assert os.listdir(str(target)) == ["train"]
    target = tmp_path / "image2"
    arguments = [
        "--source",
        tmp_path / "source",
        "--target",
        target,
        "--output-dir",
        tmp_path / "out",
    ]
    run(*(arguments + ["--test", "three", "--val", "one"]))
    names = {
        split: {name.split("_")[0] for name in os.listdir(str(target / split / "B"))}
        for split in os.listdir(str(target))
    }
    assert names == {"train": {"two"}, "val": {"one"}, "test": {"three"}}
    with pytest.raises(UserError, match="is not empty"):
        run(*arguments)
    with pytest.raises(UserError, match="no clip is called four"):
        run(*(arguments[:-4] + ["--target", tmp_path / "image3", "--output-dir", tmp_path / "out", "--test", "four"]))


@pytest.mark.parametrize(
    "words,said",
    [
        (["--test", "one", "--val", "two", "one"], "^one is named twice"),
        (["--test", "deep/three", "--val", "three"], "^deep/three is named twice"),
        (["--test", "one", "two", "--val", "three"], "nothing is left to train on"),
    ],
)
def test_clips_are_not_held_out_twice_and_not_all(tmp_path, words, said):
    make_clips(tmp_path / "source", ["one", "two", "deep/three"], count=1)
    with pytest.raises(UserError, match=said):
        run("--source", tmp_path / "source", "--target", tmp_path / "image", "--output-dir", tmp_path / "out", *words)
    assert not (tmp_path / "image").exists()


def test_clips_of_all_kinds_are_laid_out_as_the_listings_read_them(tmp_path):
    """Listings 10-2 and 10-3 look for ``*.png`` only and read PNG and JPEG, whatever a file is called."""
    source, target = tmp_path / "source" / "clip", tmp_path / "image"
    for part in ("blur", "sharp"):
        for name in ("1.jpg", "2.PNG", "3.bmp", "4.jpeg"):
            write(source / part / name, picture())
        turned = Image.fromarray(picture(16, 12))
        exif = turned.getexif()
        exif[0x0112] = 6
        turned.save(str(source / part / "4.jpeg"), exif=exif)
    write(source / "sharp" / "1.png", picture())  # the partner of blur/1.jpg
    os.remove(str(source / "sharp" / "1.jpg"))
    run("--source", source.parent, "--target", target, "--output-dir", tmp_path / "out")
    names = ["clip_%d.png" % number for number in (1, 2, 3, 4)]
    paths = [[str(target / "train" / part / name) for name in names] for part in ("A", "B")]
    found = gopro.paired(*paths, formats=("PNG", "JPEG"), folder=str(target / "train"))
    assert [os.path.islink(blurred) for blurred, _ in found] == [True, True, False, False]
    with tf.Session() as session:
        for blurred, sharp in found:
            for values in session.run(code_10_02_train._parseone(blurred, sharp, (12, 16))):
                assert values.shape == (12, 16, 3)
            np.testing.assert_array_equal(images.read_rgb(blurred).shape, (12, 16, 3))


def test_pictures_that_the_listings_do_not_look_for_are_named(tmp_path):
    """They were left out in silence, or nothing was found and the layout that made them was advised."""
    words = ["--preset", "tiny", "--data-dir", str(tmp_path), "--output-dir", str(tmp_path / "out")]
    for name in ("1.png", "2.JPG"):
        for part in ("A", "B"):
            write(tmp_path / "train" / part / name, picture())
    (tmp_path / "train" / "A" / "notes.txt").write_text("no picture")
    with pytest.raises(UserError, match=r"only \*\.png are read, not A.2\.JPG, B.2\.JPG: "):
        code_10_02_train.main(words)
    for part in ("A", "B"):
        os.remove(str(tmp_path / "train" / part / "1.png"))
    with pytest.raises(UserError, match="only"):
        code_10_02_train.main(words)


@pytest.mark.parametrize("option", ["--source", "--data-dir"])
def test_own_clips_are_taken_at_preset_tiny_too(tmp_path, option):
    make_clips(tmp_path / "mine", ["one"], count=2)
    words = ["--preset", "tiny", option, tmp_path / "mine", "--target", tmp_path / "image", "--output-dir"]
    run(*words, tmp_path / "out")
    assert sorted(os.listdir(str(tmp_path / "image" / "train" / "A"))) == ["one_000000.png", "one_000001.png"]
    record = json.loads((tmp_path / "out" / "record-ext_10_2_1_layout.json").read_text(encoding="utf-8"))
    assert record["data"] == "photos"


def test_clips_of_one_name_are_told_apart(tmp_path):
    make_clips(tmp_path / "source", ["a/s1", "b/s1", "b/s2"], count=1)
    run("--source", tmp_path / "source", "--target", tmp_path / "image", "--output-dir", tmp_path / "out")
    names = ["a_s1_000000.png", "b_s1_000000.png", "s2_000000.png"]
    assert sorted(os.listdir(str(tmp_path / "image" / "train" / "A"))) == names


@pytest.mark.parametrize("clips", [["a/b_s", "a_b/s", "c/s", "c/b_s"], ["one"]])
def test_what_cannot_be_laid_out_leaves_nothing_behind(tmp_path, clips):
    make_clips(tmp_path / "source", clips)
    if clips == ["one"]:
        write(tmp_path / "source" / "one" / "sharp" / "000002.png", picture(12, 20))
    with pytest.raises(UserError, match="would both be called a_b_s_000000.png|12×20 but|both of a pair"):
        run("--source", tmp_path / "source", "--target", tmp_path / "image", "--output-dir", tmp_path / "out")
    assert not (tmp_path / "image").exists()


def test_two_pictures_of_one_name_in_a_folder_are_named(tmp_path):
    make_pairs(tmp_path, ["a"])
    write(tmp_path / "A" / "a.bmp", picture())
    with pytest.raises(UserError, match="a.bmp and .*a.png have one name"):
        gopro.find_pairs(str(tmp_path))


def test_the_book_takes_200_pairs_spread_evenly():
    assert layout.evenly(list(range(10)), 4) == [0, 3, 6, 9]
    assert layout.evenly(list(range(3)), 200) == [0, 1, 2]
    assert [row.value for row in layout.VALUES if row.name == "train_pairs"] == [200]


def test_photos_become_pairs(tmp_path):
    for index in range(4):
        write(tmp_path / "photos" / ("%d.jpg" % index), picture(24, 32, index))
    words = [str(tmp_path / "photos"), "--preset", "tiny", "--output-dir", str(tmp_path / "o"), "--target"]
    synthesize.main(words + [str(tmp_path / "image")])
    assert len(gopro.find_pairs(str(tmp_path / "image" / "train"))) == 3
    ((blurred, sharp),) = gopro.find_pairs(str(tmp_path / "image" / "test"))
    first, second = (np.asarray(Image.open(path)).astype(float) for path in (blurred, sharp))
    assert np.abs(np.diff(first, axis=1)).mean() < np.abs(np.diff(second, axis=1)).mean()
    synthesize.main(words + [str(tmp_path / "named"), "--test", "0", "3", "--val", "2"])
    for split, names in (("train", ["1.png"]), ("val", ["2.png"]), ("test", ["0.png", "3.png"])):
        assert sorted(os.listdir(str(tmp_path / "named" / split / "A"))) == names
    with pytest.raises(UserError, match="no photo is called 7; there are: 0, 1, 2, 3"):
        synthesize.main(words + [str(tmp_path / "none"), "--test", "7"])


def test_of_ten_photos_one_is_to_test_with_and_one_chooses_the_epoch():
    names = ["%02d" % number for number in range(20)]
    assert synthesize.splits(names, [], []) == {"01": "test", "11": "test", "06": "val", "16": "val"}
    assert synthesize.splits(names[:6], [], []) == {"01": "test"}  # so few are wanted for training
    assert synthesize.splits(names, ["03"], []) == {"03": "test"}
    with pytest.raises(UserError, match="03 is named twice"):
        synthesize.splits(names, ["03", "04"], ["03"])
    with pytest.raises(UserError, match="nothing is left to train on"):
        synthesize.splits(names, names[:9], names[9:])


def test_shares_of_photos_get_the_blur_that_one_process_makes(tmp_path):
    for number in range(5):
        write(tmp_path / "sharp" / ("%d.png" % number), picture(20, 24, seed=number))
    words = [str(tmp_path / "sharp"), "--max-blur", "5", "--output-dir", str(tmp_path / "out"), "--target"]
    synthesize.main(words + [str(tmp_path / "whole")])
    for share in ("2/3", "3/3", "1/3"):
        synthesize.main(words + [str(tmp_path / "parts"), "--shard", share])
    names = sorted(str(path.relative_to(tmp_path / "whole")) for path in (tmp_path / "whole").rglob("*.png"))
    assert len(names) == 10
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes(), name


def test_a_damaged_photo_is_found_before_any_is_blurred(tmp_path, monkeypatch):
    for number in range(3):
        write(tmp_path / "sharp" / ("%d.png" % number), picture(20, 24, seed=number))
    (tmp_path / "sharp" / "2.png").write_bytes(b"damaged")
    monkeypatch.setattr(synthesize, "make_blur", None)
    with pytest.raises(UserError, match="2.png is not a readable picture"):
        synthesize.main([str(tmp_path / "sharp"), "--target", str(tmp_path / "t"), "--output-dir", str(tmp_path / "o")])
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("module,step", [(synthesize, "make_blur"), (layout, "put")])
def test_a_call_that_is_stopped_leaves_nothing_and_can_be_repeated(tmp_path, monkeypatch, module, step):
    """What was done so far lay there, and the same command was refused: 'not empty'."""
    make_clips(tmp_path / "source", ["one", "two"])
    source = (
        [str(tmp_path / "source" / "one" / "sharp")] if module is synthesize else ["--source", str(tmp_path / "source")]
    )
    words = source + ["--target", str(tmp_path / "image"), "--output-dir", str(tmp_path / "out")]
    whole, calls = getattr(module, step), []

    def stopping(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(module, step, stopping)
    with pytest.raises(KeyboardInterrupt):
        module.main(words)
    assert os.listdir(str(tmp_path / "image")) == []
    (tmp_path / "image" / ".left").mkdir()  # by a process that was killed
    module.main(words)
    assert len(gopro.find_pairs(str(tmp_path / "image" / "train"))) == (2 if module is synthesize else 6)
    with pytest.raises(UserError, match="is not empty"):
        module.main(words)


def test_two_photos_of_one_name_are_named(tmp_path):
    for name in ("shot.png", "shot.bmp", "other.png"):
        write(tmp_path / "sharp" / name, picture())
    with pytest.raises(UserError, match="two photos are called shot"):
        synthesize.main([str(tmp_path / "sharp"), "--target", str(tmp_path / "t"), "--output-dir", str(tmp_path / "o")])
