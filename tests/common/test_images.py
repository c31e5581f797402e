"""common/images.py: every kind of photo a reader may have, and the measures against an independent computation."""

import os

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from common import images
from common.errors import UserError

RGB = np.random.RandomState(0).randint(0, 256, [20, 30, 3]).astype(np.uint8)


def saved(tmp_path, picture, name="x.png", **keywords):
    path = str(tmp_path / name)
    picture.save(path, **keywords)
    return path


def test_rgb_comes_back_as_it_is(tmp_path):
    pixels = images.read_rgb(saved(tmp_path, Image.fromarray(RGB)))
    assert pixels.dtype == np.uint8 and pixels.flags.writeable
    np.testing.assert_array_equal(pixels, RGB)


def test_grey_becomes_three_equal_channels(tmp_path):
    pixels = images.read_rgb(saved(tmp_path, Image.fromarray(RGB[:, :, 0])))
    np.testing.assert_array_equal(pixels, np.repeat(RGB[:, :, :1], 3, axis=2))


def test_alpha_is_laid_over_white(tmp_path):
    alpha = np.random.RandomState(1).randint(0, 256, [20, 30, 1]).astype(np.uint8)
    pixels = images.read_rgb(saved(tmp_path, Image.fromarray(np.concatenate([RGB, alpha], 2))))
    expected = RGB * (alpha / 255.0) + 255.0 * (1 - alpha / 255.0)
    np.testing.assert_allclose(pixels, expected, atol=1.0)


def test_grey_with_alpha_is_laid_over_white(tmp_path):
    both = np.dstack([RGB[:, :, 0], np.zeros([20, 30], np.uint8)])
    assert images.read_rgb(saved(tmp_path, Image.fromarray(both, "LA"))).min() == 255


def test_palette_with_a_transparent_colour(tmp_path):
    picture = Image.new("P", (4, 2))
    picture.putpalette([10, 20, 30, 200, 100, 0] + [0] * 750)
    picture.putpixel((1, 0), 1)
    pixels = images.read_rgb(saved(tmp_path, picture))
    assert tuple(pixels[0, 0]) == (10, 20, 30) and tuple(pixels[0, 1]) == (200, 100, 0)
    pixels = images.read_rgb(saved(tmp_path, picture, "t.png", transparency=0))
    assert tuple(pixels[0, 0]) == (255, 255, 255) and tuple(pixels[0, 1]) == (200, 100, 0)


def test_cmyk(tmp_path):
    picture = Image.new("CMYK", (3, 2), (255, 0, 0, 0))  # full cyan
    path = saved(tmp_path, picture, "x.jpg", quality=100)
    red, green, blue = images.read_rgb(path)[0, 0].astype(int)
    assert red < 10 and green > 245 and blue > 245


def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path):
    values = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    pixels = images.read_rgb(saved(tmp_path, Image.fromarray(values)))
    np.testing.assert_array_equal(pixels[0, :, 0], [0, 1, 128, 255])
    assert pixels.shape == (1, 4, 3)


@pytest.mark.parametrize("orientation,turn", [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_phone_photos_stand_upright(tmp_path, orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, Image.fromarray(RGB), "x.png", exif=exif)
    np.testing.assert_array_equal(images.read_rgb(path), np.rot90(RGB, turn))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.bmp", "x.webp", "x.tif"])
def test_truncated_pictures_are_a_line(tmp_path, name):
    path = saved(tmp_path, Image.fromarray(RGB), name)
    with open(path, "rb") as stream:
        whole = stream.read()
    for size in (0, 3, 20, len(whole) // 2):
        with open(path, "wb") as stream:
            stream.write(whole[:size])
        with pytest.raises(UserError, match="x.* is not a readable picture"):
            images.read_rgb(path)


def test_what_is_no_picture_is_a_line(tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    for path, said in (
        (tmp_path / "text.jpg", "not a readable"),
        (tmp_path, "is a folder"),
        (tmp_path / "no", "does not exist"),
    ):
        with pytest.raises(UserError, match=said):
            images.read_rgb(str(path))


def test_write_png_makes_folders_and_leaves_nothing_after_a_failure(tmp_path):
    path = str(tmp_path / "a" / "b.png")
    assert images.write_png(path, RGB) == path
    np.testing.assert_array_equal(images.read_rgb(path), RGB)
    with pytest.raises((TypeError, OSError)):
        images.write_png(path, RGB.astype(np.float32))
    np.testing.assert_array_equal(images.read_rgb(path), RGB)
    assert os.listdir(str(tmp_path / "a")) == ["b.png"]


def test_pixels_survive_the_networks_range():
    every = np.arange(256, dtype=np.uint8)
    values = images.from_uint8(every)
    assert values.dtype == np.float32 and values.min() == -1 and values.max() == 1
    np.testing.assert_array_equal(images.to_uint8(values), every)


def test_values_outside_the_range_are_clipped_and_not_wrapped():
    """Listing 10-3 casts (x + 1) · 127.5 to uint8: 1.01 becomes black."""
    values = np.float32([-1.5, -1.01, 1.01, 2.0])
    np.testing.assert_array_equal(images.to_uint8(values), [0, 0, 255, 255])
    printed = ((values + 1) * 127.5).astype(np.int64).astype(np.uint8)
    assert printed[2] == 0


def test_psnr_against_its_definition():
    noisy = np.uint8(np.clip(RGB.astype(int) + np.random.RandomState(2).randint(-20, 21, RGB.shape), 0, 255))
    squares = [(int(a) - int(b)) ** 2 for a, b in zip(RGB.ravel(), noisy.ravel())]
    expected = 20 * np.log10(255) - 10 * np.log10(sum(squares) / len(squares))
    assert images.psnr(RGB, noisy) == pytest.approx(expected, abs=1e-9)
    assert images.psnr(RGB, RGB) == float("inf")
    assert images.psnr(np.zeros([4, 4, 3], np.uint8), np.full([4, 4, 3], 255, np.uint8)) == 0


def test_psnr_refuses_pictures_of_unlike_shapes():
    with pytest.raises(ValueError, match="cannot be compared"):
        images.psnr(RGB, RGB[:, :, :1])


def test_ssim_against_wang_2004():
    random = np.random.RandomState(3)
    truth = np.uint8(ndimage.gaussian_filter(random.uniform(0, 255, [40, 50, 3]), [2, 2, 0]))
    result = np.uint8(np.clip(truth + random.normal(0, 6, truth.shape), 0, 255))

    def blur(plane):  # 11×11 Gaussian window, σ 1.5
        return ndimage.gaussian_filter(plane, 1.5, truncate=3.5)

    values = []
    for channel in range(3):
        x, y = truth[:, :, channel].astype(float), result[:, :, channel].astype(float)
        mx, my = blur(x), blur(y)
        vx, vy, vxy = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        quality = (2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
        values.append(quality[5:-5, 5:-5].mean())
    assert images.ssim(truth, result) == pytest.approx(np.mean(values), abs=1e-6)
    assert 0.1 < images.ssim(truth, result) < 0.99
    assert images.ssim(truth, truth) == pytest.approx(1.0)


def test_resize_keeps_flat_colours_and_antialiases():
    flat = np.full([40, 60, 3], 77, np.uint8)
    small = images.resize(flat, 10, 15)
    assert small.shape == (10, 15, 3) and (small == 77).all()
    stripes = np.zeros([40, 40, 3], np.uint8)
    stripes[:, ::2] = 255  # one-pixel stripes: grey when made small, black or white without antialiasing
    assert abs(images.resize(stripes, 10, 10)[5, 5].astype(int) - 127).max() < 12


def test_list_pictures(tmp_path):
    for name in ("b.PNG", "a.jpg", "._a.jpg", "note.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [os.path.basename(path) for path in images.list_pictures(str(tmp_path))] == ["a.jpg", "b.PNG"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no pictures"):
        images.list_pictures(str(tmp_path / "empty"))
    with pytest.raises(UserError, match="no such folder"):
        images.list_pictures(str(tmp_path / "none"))


def test_label_row_writes_one_caption_a_cell():
    strip = images.label_row(["blurred", "sharp"], 80)
    assert strip.shape == (18, 160, 3) and strip.dtype == np.uint8
    assert strip[:, :80].min() == 0 and strip[:, 80:].min() == 0
    assert images.label_row(["", "x"], 40)[:, :40].min() == 255
