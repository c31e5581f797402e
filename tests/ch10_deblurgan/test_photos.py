"""Section 10.2.12: photos of one's own, of any size and kind, by one command."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ch10_deblurgan import ext_10_2_12_photos as photos
from ch10_deblurgan.beyond import mean_weights, wide_view
from common import images, run
from common.errors import UserError
from tests.helpers import assert_user_error, run_script

SMALL = dict(ngf=2, n_blocks=2, wide=[8, 10], down_blocks=[1, 1], up_blocks=1, estimates=1)
DATE = "2019:05:04 10:11:12"


def picture(height=40, width=52, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (height, width, 3)).astype(np.uint8)


def random_weights(folder, settings):
    """Weights of a small network that changes pictures."""
    path = str(folder / "w.npz")
    run.start()
    wide_view.wide_view(tf.placeholder(tf.float32, [1, None, None, 3]), settings)
    random = np.random.RandomState(0)
    numbers = [random.normal(0, 0.1, variable.shape.as_list()) for variable in wide_view.variables()]
    return wide_view.save(path, numbers, settings)


def test_the_mean_of_weights(tmp_path):
    paths = []
    for name, share in (("a", 1.0), ("b", 3.0), ("c", 8.0)):
        (tmp_path / name).mkdir()
        path = random_weights(tmp_path / name, SMALL)
        with np.load(path) as file:
            content = {key: share * file[key] if file[key].dtype.kind == "f" else file[key] for key in file.files}
        np.savez(path, **content)
        paths.append(path)
    target = str(tmp_path / "mean.npz")
    mean_weights.main([target] + paths)
    found, first = wide_view.load(target), wide_view.load(paths[0])
    assert found[1] == first[1] and sorted(found[0]) == sorted(first[0])
    for name, values in first[0].items():
        np.testing.assert_allclose(found[0][name], 4.0 * values, rtol=2e-3, atol=1e-6)  # float16
    (tmp_path / "d").mkdir()
    other = random_weights(tmp_path / "d", dict(SMALL, ngf=3))
    for wrong, words in (([paths[0], other], "of another network"), (paths[:1], "two weights at least")):
        with pytest.raises(UserError, match=words):
            mean_weights.main([str(tmp_path / "no.npz")] + wrong)
    assert not (tmp_path / "no.npz").exists()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return random_weights(tmp_path_factory.mktemp("weights"), SMALL)


def sharpen(weights, folder, *arguments):
    """Runs the script; returns its folder of results."""
    photos.main(
        ["--weights", weights, "--output-dir", str(folder), "--preset", "tiny"] + [str(item) for item in arguments]
    )
    return os.path.join(str(folder), "restored")


def read(folder, name):
    return np.asarray(Image.open(os.path.join(folder, name)))


# ------------------------------------------------------------------------------------------- names
def test_no_two_results_share_a_file():
    paths = ["a/shot.jpg", "b/shot.png", "shot-2.jpg", "SHOT.tif", "other.jpg"]
    assert photos.result_names(paths) == ["shot", "shot-3", "shot-2", "SHOT-4", "other"]


@pytest.mark.parametrize(
    "paths", [["a.jpg", "a-wiener.jpg"], ["a-wiener.jpg", "a.jpg"], ["a.jpg", "a.png", "a-2-Wiener.jpg"]]
)
def test_no_result_of_a_method_shares_a_file_with_a_photos(paths):
    names = photos.result_names(paths, ["Wiener"])
    written = [result.lower() for name in names for result in (name, name + "-Wiener")]
    assert len(set(written)) == len(written) == 2 * len(paths)
    assert names[0] == photos.stem_of(paths[0])


@pytest.mark.parametrize("paths", [["a.jpg", "A.zh.jpg"], ["a.zh.jpg", "a.jpg"], ["a.jpg", "a.png", "a-2.zh.jpg"]])
def test_no_photo_shares_a_file_with_the_chinese_comparison_of_another(paths):
    """a.zh.jpg's comparison lay in the place of a.jpg's Chinese one."""
    names = photos.result_names(paths)
    written = [result.lower() for name in names for result in (name, name + ".zh")]
    assert len(set(written)) == len(written) == 2 * len(paths)
    assert names[0] == photos.stem_of(paths[0])


@pytest.mark.parametrize(
    "name", ["restored/a.png", "comparison/a.png", "comparison/a.zh.png", "comparison/a_before.jpg"]
)
def test_a_photo_is_never_written_over(weights, tmp_path, name):
    own, other = (images.write_png(str(tmp_path / path), picture()) for path in (name, "a.png"))
    with pytest.raises(UserError, match="written over"):
        sharpen(weights, tmp_path, other, own)


def test_a_folder_stands_for_its_photos(weights, tmp_path):
    for name in ("shot.jpg", "shot.png", "shot-2.jpg"):
        Image.fromarray(picture()).save(str(tmp_path / name))
    restored = sharpen(weights, tmp_path / "out", tmp_path)
    assert sorted(os.listdir(restored)) == ["shot-2.png", "shot-3.png", "shot.png"]
    assert (
        len(os.listdir(str(tmp_path / "out" / "comparison"))) == 12
    )  # each beside each in two languages, before, after


# ------------------------------------------------------------------------------------------- what a photo says of itself
def test_upright_with_its_date_and_no_orientation_left(weights, tmp_path):
    source = Image.fromarray(picture(40, 60))
    exif = source.getexif()
    exif[0x0112], exif[0x0132] = 6, DATE  # orientation: a quarter turn; date
    exif[0x8769] = {0x9003: DATE}  # DateTimeOriginal, which stands in a directory of its own
    source.save(str(tmp_path / "a.jpg"), exif=exif)
    with Image.open(os.path.join(sharpen(weights, tmp_path / "out", tmp_path / "a.jpg"), "a.png")) as result:
        assert result.size == (40, 60)
        kept = result.getexif()
        assert kept.get(0x0132) == DATE and kept.get_ifd(0x8769).get(0x9003) == DATE
        assert kept.get(0x0112, 1) == 1


def test_what_the_reader_of_pictures_notes_is_said(weights, tmp_path, capsys):
    """Profiles and their conversion are common/images.py's; here it is seen that its word reaches the user."""
    Image.fromarray(picture()).save(str(tmp_path / "a.png"), icc_profile=b"no profile")
    restored = sharpen(weights, tmp_path / "out", tmp_path / "a.png", "--strength", "0")
    assert "profile is damaged" in capsys.readouterr().out
    np.testing.assert_array_equal(read(restored, "a.png"), picture())


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "I;16"])
def test_any_kind_of_picture(weights, tmp_path, mode):
    source = Image.fromarray(picture())
    source = Image.fromarray(np.uint16(picture()[..., 0]) * 257) if mode == "I;16" else source.convert(mode)
    source.save(str(tmp_path / "a.tif"))
    restored = read(sharpen(weights, tmp_path / "out", tmp_path / "a.tif", "--strength", "0"), "a.png")
    np.testing.assert_array_equal(restored, images.read_rgb(str(tmp_path / "a.tif")))


def test_of_several_pages_the_first(weights, tmp_path, capsys):
    pages = [Image.fromarray(picture(seed=seed)) for seed in range(3)]
    pages[0].save(str(tmp_path / "a.tif"), save_all=True, append_images=pages[1:])
    restored = read(sharpen(weights, tmp_path / "out", tmp_path / "a.tif", "--strength", "0"), "a.png")
    np.testing.assert_array_equal(restored, picture())
    assert "first of its 3 pages" in capsys.readouterr().out


def test_what_cannot_be_read_is_left_out_and_the_rest_is_done(weights, tmp_path):
    whole = images.write_png(str(tmp_path / "b.png"), picture())
    with open(whole, "rb") as stream:
        half = stream.read()[:2000]
    (tmp_path / "a.png").write_bytes(half)
    with pytest.raises(UserError, match=r"1 of 2 photos were left out: .*a\.png"):
        sharpen(weights, tmp_path / "out", tmp_path / "a.png", whole)
    assert os.listdir(str(tmp_path / "out" / "restored")) == ["b.png"]


def test_photos_of_a_folder_that_cannot_be_read_are_named(weights, tmp_path):
    """Those of phones; they were passed over without a word."""
    images.write_png(str(tmp_path / "in" / "b.png"), picture())
    (tmp_path / "in" / "a.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(UserError, match=r"1 of 2 photos were left out: .*a\.HEIC"):
        sharpen(weights, tmp_path / "out", tmp_path / "in")
    assert os.listdir(str(tmp_path / "out" / "restored")) == ["b.png"]


# ------------------------------------------------------------------------------------------- sizes and options
@pytest.mark.parametrize("size", [(1, 1), (5, 90), (64, 64), (33, 47), (150, 100)])
def test_any_size_keeps_its_size(weights, tmp_path, size):
    images.write_png(str(tmp_path / "a.png"), picture(*size))
    result = read(sharpen(weights, tmp_path / "out", tmp_path / "a.png"), "a.png")
    assert result.shape == size + (3,)
    if min(size) > 8:
        assert (result != picture(*size)).any()


def test_strength_is_a_share_of_the_change(weights, tmp_path):
    source = images.write_png(str(tmp_path / "a.png"), np.uint8(picture() // 2 + 64))
    none, half, whole = (
        read(sharpen(weights, tmp_path / share, source, "--strength", share), "a.png").astype(float)
        for share in ("0", "0.5", "1")
    )
    np.testing.assert_array_equal(none, read(str(tmp_path), "a.png"))
    inside = (whole > 0) & (whole < 255)
    assert np.abs(whole - none)[inside].max() > 3
    np.testing.assert_allclose((half - none)[inside], (whole - none)[inside] / 2, atol=1.01)


def test_long_side_shrinks_large_photos_only(weights, tmp_path):
    for name, size in (("large", (60, 120)), ("small", (20, 30))):
        images.write_png(str(tmp_path / (name + ".png")), picture(*size))
    restored = sharpen(weights, tmp_path / "out", tmp_path, "--long-side", "64")
    assert read(restored, "large.png").shape == (32, 64, 3) and read(restored, "small.png").shape == (20, 30, 3)


def test_tiles_show_no_seam(tmp_path):
    """With an overlap beyond what matters of the network's view the tiled result is that of the whole picture at once.

    Without an estimate of the blur, of which each tile has its own.
    """
    weights = random_weights(tmp_path, dict(SMALL, estimates=0))
    smooth = images.resize(picture(12, 16), 160, 224)
    source = images.write_png(str(tmp_path / "a.png"), smooth)
    whole = read(sharpen(weights, tmp_path / "whole", source, "--tile", "256"), "a.png").astype(float)
    tiled = read(sharpen(weights, tmp_path / "tiled", source, "--tile", "96", "--overlap", "48"), "a.png").astype(float)
    change = np.abs(whole - smooth).mean()
    assert change > 0.5
    assert np.abs(tiled - whole).mean() < 0.1 * change


def test_tiles_of_large_photos_are_smaller_unless_asked_for():
    small, large = np.empty((1000, 2000, 3), np.uint8), np.empty((1000, 2001, 3), np.uint8)
    assert [photos.tile_of(photo, None) for photo in (small, large)] == [512, 448]
    assert photos.tile_of(large, 96) == 96


def test_layouts_of_large_photos_are_one_unless_asked_for():
    small, large = np.empty((1000, 2000, 3), np.uint8), np.empty((1000, 2001, 3), np.uint8)
    opts = SimpleNamespace(tile=None, overlap=64, layouts=None)
    assert photos.layouts_of(small, opts) == [(512, 64), (768, 64), (320, 64)]
    assert photos.layouts_of(large, opts) == [(448, 64)]
    opts.layouts = 2
    assert photos.layouts_of(large, opts) == [(448, 64), (672, 64)]
    assert photos.layouts_of(small, SimpleNamespace(tile=None, overlap=64)) == [(512, 64)]  # beyond/restore.py
    whole = np.empty((576, 480, 3), np.uint8)
    assert photos.layouts_of(whole, SimpleNamespace(tile=None, overlap=64, layouts=3)) == [(512, 64)]


@pytest.mark.parametrize(
    "wrong",
    [
        ["--tile", "100"],
        ["--overlap", "40"],
        ["--tile", "32", "--overlap", "32"],
        ["--preset", "photos", "--overlap", "240"],  # of large photos' tiles, 448, that is more than half
        ["--preset", "photos", "--overlap", "448"],
    ],
)
def test_tiles_that_do_not_fit_are_refused(weights, tmp_path, wrong):
    source = images.write_png(str(tmp_path / "a.png"), picture())
    with pytest.raises(UserError, match="multiples of 16"):
        sharpen(weights, tmp_path, source, *wrong)


def test_what_is_not_there_is_named(weights, tmp_path):
    with pytest.raises(UserError, match="nothing.jpg: no such photo"):
        sharpen(weights, tmp_path, tmp_path / "nothing.jpg")


# ------------------------------------------------------------------------------------------- the comparison picture
def test_the_detail_is_where_most_changed():
    before = np.full((100, 150, 3), 90, np.uint8)
    after = before.copy()
    after[60:70, 110:120] = 200
    top, left = photos.most_changed(before, after, 20)
    assert top <= 60 and top + 20 >= 70 and left <= 110 and left + 20 >= 120


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7), (100, 150), (1200, 900)])
def test_a_comparison_of_any_size(size):
    shown = photos.comparison(picture(*size), picture(*size, seed=1))
    assert shown.dtype == np.uint8 and shown.shape[1] == 2 * min(640, size[1])


def test_an_error_begins_a_line_of_its_own(tmp_path):
    """Not one at the end of the bar, where the local page would not find it."""
    path = str(tmp_path / "cut.png")
    with open(path, "wb") as stream:
        stream.write(b"\x89PNG\r\n\x1a\n")
    script = "ch10_deblurgan/ext_10_2_12_photos.py"
    assert_user_error(run_script(script, path, "--output-dir", tmp_path, check=False), "is not a readable picture")
