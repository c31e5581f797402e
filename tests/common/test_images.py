"""common/images.py: every kind of photo a reader may have, and the measures against an independent computation."""

import os
import struct

import numpy as np
import pytest
import tifffile  # of scikit-image
from PIL import Image, ImageCms, TiffImagePlugin
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


def grey_tiff(path, values, sample_format, photometric=1):
    """A TIFF of one strip, of any kind of number, which Pillow does not write itself."""
    bits, content = 8 * values.dtype.itemsize, values.astype(values.dtype.newbyteorder("<")).tobytes()
    rows, columns = values.shape
    short = {256: columns, 257: rows, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: rows, 279: len(content)}
    short[339] = sample_format
    head = struct.pack("<2sHI", b"II", 42, 8 + len(content)) + content
    entries = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in sorted(short.items()))
    path.write_bytes(head + struct.pack("<H", len(short)) + entries + struct.pack("<I", 0))
    return str(path)


@pytest.mark.parametrize(
    "kind,sample_format,values,expected",
    [
        ("u2", 1, [0, 16448, 65535], [0, 64, 255]),
        ("i2", 2, [0, 16384, 32767], [0, 128, 255]),
        ("i2", 2, [-32768, -1, 32767], [0, 0, 255]),
        ("u4", 1, [0, 2**31, 2**32 - 1], [0, 128, 255]),
        ("u4", 1, [0, 32896, 65535], [0, 128, 255]),
        ("i4", 2, [0, 2**30, 2**31 - 1], [0, 128, 255]),
        ("i4", 2, [0, 32896, 65535], [0, 128, 255]),
    ],
)
def test_grey_of_a_tiff_is_scaled_by_its_kind_of_numbers(tmp_path, kind, sample_format, values, expected):
    """Signed ones of 16 bit came out half as bright, unsigned ones of 32 bit scrambled."""
    pixels = images.read_rgb(grey_tiff(tmp_path / "x.tif", np.array([values], kind), sample_format))
    np.testing.assert_array_equal(pixels[0, :, 0], expected)


@pytest.mark.parametrize("kind,sample_format,top", [("u1", 1, 255), ("u2", 1, 65535), ("f4", 3, 1.0)])
def test_a_tiff_whose_0_is_white_is_no_negative(tmp_path, kind, sample_format, top):
    """Those of more than 8 bit were one."""
    values = np.array([[0, 0.25 * top, top]]).astype(kind)
    pixels = images.read_rgb(grey_tiff(tmp_path / "x.tif", values, sample_format, photometric=0))
    np.testing.assert_allclose(pixels[0, :, 0], [255, 191, 0], atol=1)


@pytest.mark.parametrize("more", [{}, dict(byteorder=">"), dict(compression="zlib"), dict(tile=(16, 16))])
@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_a_tiff_whose_colours_lie_apart(tmp_path, kind, more):
    """Of 16 bit, not packed, the two bytes of each value were taken for two values."""
    values = RGB.astype(kind) * (1 if kind == "u1" else 257)
    keywords = dict(photometric="rgb", planarconfig="separate", **more)
    tifffile.imwrite(str(tmp_path / "x.tif"), values.transpose(2, 0, 1), **keywords)
    np.testing.assert_array_equal(images.read_rgb(str(tmp_path / "x.tif")), RGB)


@pytest.mark.parametrize("orientation,turn", [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_phone_photos_stand_upright(tmp_path, orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, Image.fromarray(RGB), "x.png", exif=exif)
    np.testing.assert_array_equal(images.read_rgb(path), np.rot90(RGB, turn))


@pytest.mark.parametrize("kind", ["png", "tif", "pages.tif", "packed.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_is_turned_once(tmp_path, kind, orientation):
    """Pillow turns a TIFF as it loads it, and no other file."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    more = dict(compression="tiff_lzw") if kind == "packed.tif" else {}
    if kind == "pages.tif":
        more = dict(save_all=True, append_images=[Image.fromarray(RGB)])
    path = saved(tmp_path, Image.fromarray(RGB), "x." + kind, exif=exif, **more)
    upright = RGB[:, ::-1] if orientation in (2, 4, 5, 7) else RGB  # EXIF 2.3, 4.6.4: mirrored, then turned
    upright = np.rot90(upright, {3: 2, 4: 2, 5: 1, 6: -1, 7: -1, 8: 1}.get(orientation, 0))
    np.testing.assert_array_equal(images.read_rgb(path), upright)
    with images.open_picture(path) as picture:
        assert images.upright_size(picture) == (upright.shape[1::-1], orientation != 1)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_webp_is_refused_where_its_decoder_can_be_overrun(tmp_path, monkeypatch):
    """CVE-2023-4863: libwebp before 1.3.2, which Pillow has from 10.0.1 on; the last Pillow for Python 3.7 is 9.5."""
    path = str(tmp_path / "x.png")  # the content counts, not the name
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(path, format="WEBP")
    monkeypatch.setattr(images.features, "version", lambda name: "1.3.1")
    with pytest.raises(UserError, match=r"WebP's decoder here, 1.3.1, can be overrun: save it as PNG or JPEG"):
        images.read_photo(path)
    monkeypatch.setattr(images.features, "version", lambda name: "1.3.2")
    assert images.read_photo(path).pixels.shape == (9, 9, 3)


@pytest.mark.parametrize("brand,kind", [(b"heic", "HEIC"), (b"mif1", "HEIC"), (b"avif", "AVIF")])
def test_photos_of_phones_that_are_not_read_say_their_kind(tmp_path, brand, kind):
    (tmp_path / "x.jpg").write_bytes(b"\0\0\0\x18ftyp" + brand + bytes(100))
    with pytest.raises(UserError, match=r"not a readable picture \(%s: save it as JPEG or PNG\)" % kind):
        images.read_photo(str(tmp_path / "x.jpg"))


def test_a_raw_photo_is_not_its_preview(tmp_path):
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[images.DNG_VERSION] = b"\1\4\0\0"
    info.tagtype[images.DNG_VERSION] = 1
    path = saved(tmp_path, Image.fromarray(RGB), "x.tif", tiffinfo=info)
    with pytest.raises(UserError, match=r"DNG: save it as JPEG or PNG"):
        images.read_photo(path)


@pytest.mark.parametrize("kind", ["EPS", "PCX", "TGA", "PPM", "ICO", "SGI", "DDS", "PDF"])
def test_formats_that_photos_do_not_have_are_refused(tmp_path, kind):
    """Pillow would read them; for PostScript it would start Ghostscript."""
    path = str(tmp_path / "x.png")
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(path, format=kind)
    with pytest.raises(UserError, match="is not a readable picture"):
        images.read_photo(path)


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


def test_a_picture_is_shrunk_to_its_longer_side_and_never_enlarged():
    pixels = np.zeros([24, 32, 3], np.uint8)
    assert images.shrunk(pixels, 16).shape == (12, 16, 3) and images.shrunk(pixels[:, :8], 6).shape == (6, 2, 3)
    assert images.shrunk(pixels[:1], 16).shape == (1, 16, 3)
    for side in (0, 32, 100):
        assert images.shrunk(pixels, side) is pixels


def test_list_pictures(tmp_path):
    for name in ("b.PNG", "a.jpg", "._a.jpg", "note.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [os.path.basename(path) for path in images.list_pictures(str(tmp_path))] == ["a.jpg", "b.PNG"]
    for name in ("c.gif", "d.JFIF", "e.jpe", "f.HEIC", "g.dng"):
        (tmp_path / name).write_bytes(b"")
    assert len(images.list_pictures(str(tmp_path))) == 5
    assert [path[-6:] for path in images.list_pictures(str(tmp_path), images.FOREIGN_ENDINGS)[5:]] == [
        "f.HEIC",
        "/g.dng",
    ]
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


# ---------------------------------------------------------------------------------------------------- read_photo (F19, F21)
def profile_of(primaries, gamma):
    """A minimal ICC profile (version 2): XYZ of the three primaries relative to D50, one pure power for all channels.

    Without primaries that of grey pictures.
    """

    def fixed(value):
        return struct.pack(">i", int(round(value * 65536)))

    name = b"wide" if primaries is not None else b"grey"
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + name + bytes(80)}
    tags[b"wtpt"] = b"XYZ " + bytes(4) + b"".join(map(fixed, (0.9642, 1.0, 0.8249)))
    for channel in b"rgb" if primaries is not None else b"k":
        tags[bytes([channel]) + b"TRC"] = b"curv" + bytes(4) + struct.pack(">IHH", 1, int(gamma * 256), 0)
    for channel, column in zip(b"rgb", primaries.T if primaries is not None else ()):
        tags[bytes([channel]) + b"XYZ"] = b"XYZ " + bytes(4) + b"".join(map(fixed, column))
    place, table, content = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in sorted(tags.items()):
        table += name + struct.pack(">II", place + len(content), len(data))
        content += data + bytes(-len(data) % 4)
    space = b"RGB " if primaries is not None else b"GRAY"
    head = struct.pack(">I4sI4s4s4s", place + len(content), bytes(4), 0x02100000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + b"".join(map(fixed, (0.9642, 1.0, 0.8249)))
    return head + bytes(128 - len(head)) + table + content


WIDE = np.array([[0.515, 0.292, 0.157], [0.241, 0.692, 0.067], [-0.001, 0.042, 0.784]])  # Display P3, adapted to D50
SRGB = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])  # IEC 61966-2-1, D50


def test_a_wide_gamut_photo_comes_out_in_srgb(tmp_path):
    soft = np.uint8(80 + RGB // 3)  # colours that sRGB has too: nothing is clipped
    path = saved(tmp_path, Image.fromarray(soft), icc_profile=profile_of(WIDE, 2.2))
    linear = np.clip((soft / 255.0) ** 2.2 @ (np.linalg.inv(SRGB) @ WIDE).T, 0, 1)
    expected = 255 * np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    photo = images.read_photo(path)
    assert np.abs(expected - soft).max() > 5  # left as they were, the colours would be off by this
    assert np.abs(photo.pixels - expected).max() < 2.5
    assert photo.note == "colours converted from wide to sRGB"


@pytest.mark.parametrize("mode", ["L", "I;16", "LA", "L with a transparent grey"])
def test_grey_photos_come_out_in_srgb(tmp_path, mode):
    """With alpha they were laid over white as RGB first, which a grey profile does not fit, and that was called damaged."""
    grey = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    picture, keywords = Image.fromarray(grey), {}
    alpha = np.where(grey == 77, 0, 255).astype(np.uint8)
    if mode == "LA":
        picture = Image.merge("LA", [picture, Image.fromarray(alpha)])
    elif mode == "I;16":
        picture = Image.fromarray(np.uint16(grey) * 257)
    elif mode != "L":
        keywords = dict(transparency=77)
    photo = images.read_photo(saved(tmp_path, picture, icc_profile=profile_of(None, 1.8), **keywords))
    linear = (grey / 255.0) ** 1.8
    expected = 255 * np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    if mode.startswith("L") and mode != "L":
        expected[grey == 77] = 255
    assert np.abs(expected - grey).max() > 10
    assert np.abs(photo.pixels - expected[..., np.newaxis]).max() < 2.5
    assert photo.note == "colours converted from grey to sRGB"


@pytest.mark.parametrize("mode", ["P", "P with a transparent colour", "RGB with a transparent colour", "RGBA"])
def test_colours_of_palettes_and_beside_transparent_ones_come_out_in_srgb(tmp_path, mode):
    """Those of a palette were left as they were, without a word; where RGB had a transparent colour, it was seen."""
    pixels = np.uint8(80 + RGB // 3) // 32 * 32
    pixels[0, 0] = 0
    picture = Image.fromarray(pixels)
    plain = images.read_rgb(saved(tmp_path, picture, "plain.png", icc_profile=profile_of(WIDE, 2.2)))
    assert np.abs(plain.astype(int) - pixels).max() > 5
    keywords = {}
    if mode == "RGBA":
        picture.putalpha(Image.fromarray(np.uint8(pixels.any(axis=2) * 255)))
    elif mode.startswith("P"):
        picture = picture.quantize(256)
        assert np.array_equal(np.asarray(picture.convert("RGB")), pixels)
    if "transparent" in mode:
        keywords = dict(transparency=(0, 0, 0) if mode.startswith("RGB") else picture.getpixel((0, 0)))
    if mode != "P":
        plain[0, 0] = 255
    photo = images.read_photo(saved(tmp_path, picture, icc_profile=profile_of(WIDE, 2.2), **keywords))
    np.testing.assert_array_equal(photo.pixels, plain)
    assert photo.note == "colours converted from wide to sRGB"


def test_profiles_that_change_nothing_or_are_damaged(tmp_path):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = images.read_photo(saved(tmp_path, Image.fromarray(RGB), icc_profile=srgb))
    assert photo.note == "" and np.array_equal(photo.pixels, RGB)
    photo = images.read_photo(saved(tmp_path, Image.fromarray(RGB), icc_profile=b"no profile"))
    assert "profile is damaged" in photo.note and np.array_equal(photo.pixels, RGB)


def test_a_grey_photo_with_the_profile_of_colours_is_converted_by_it(tmp_path):
    """The sound profile was called damaged."""
    grey = np.uint8(80 + RGB[..., 0] // 3)
    coloured = saved(tmp_path, Image.fromarray(np.dstack([grey] * 3)), "rgb.png", icc_profile=profile_of(WIDE, 1.8))
    photo = images.read_photo(saved(tmp_path, Image.fromarray(grey), icc_profile=profile_of(WIDE, 1.8)))
    assert photo == images.read_photo(coloured)._replace(pixels=photo.pixels)
    np.testing.assert_array_equal(photo.pixels, images.read_rgb(coloured))
    assert np.abs(photo.pixels[..., 0].astype(int) - grey).max() > 5


@pytest.mark.parametrize("mode,profile", [("RGB", "LAB"), ("CMYK", "sRGB"), ("RGB", "grey"), ("CMYK", "wide")])
def test_a_profile_of_another_kind_of_colours_is_not_called_damaged(tmp_path, mode, profile):
    if profile in ("grey", "wide"):
        content = profile_of(WIDE if profile == "wide" else None, 1.8)
    else:
        content = ImageCms.ImageCmsProfile(ImageCms.createProfile(profile)).tobytes()
    path = saved(tmp_path, Image.fromarray(RGB).convert(mode), "x.tif", icc_profile=content)
    photo = images.read_photo(path)
    said = "" if profile == "sRGB" else "its colour profile is for colours of another kind and was left out"
    assert photo.note == said
    with Image.open(path) as plain:
        np.testing.assert_array_equal(photo.pixels, plain.convert("RGB"))


def test_of_several_pages_the_first_is_read(tmp_path):
    path = str(tmp_path / "x.tif")
    Image.fromarray(RGB).save(path, save_all=True, append_images=[Image.fromarray(255 - RGB)])
    photo = images.read_photo(path)
    assert photo.pages == 2 and photo.note == "the first of its 2 pages"
    np.testing.assert_array_equal(photo.pixels, RGB)


def test_the_date_of_a_photo_is_kept_and_its_orientation_not(tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x0132] = 6, "2026:01:02 03:04:05"
    path = str(tmp_path / "x.jpg")
    Image.fromarray(RGB).save(path, exif=exif, quality=100)
    kept = Image.Exif()
    kept.load(images.read_photo(path).exif)
    assert kept.get(0x0132) == "2026:01:02 03:04:05" and kept.get(0x0112) is None
    written = images.read_photo(images.write_png(str(tmp_path / "y.png"), RGB, images.read_photo(path).exif))
    kept = Image.Exif()
    kept.load(written.exif)
    assert kept.get(0x0132) == "2026:01:02 03:04:05"


def test_of_a_tiff_only_what_is_said_of_the_photo_is_kept(tmp_path):
    """Its other tags, width and strips for one, are those of its own pixels."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0132] = 6, "Maker", "2026:01:02 03:04:05"
    exif[0x8769] = {0x829A: 0.5}  # the exposure, in the camera's own table
    path = saved(tmp_path, Image.fromarray(RGB), "x.tif", exif=exif.tobytes())
    written = images.read_photo(images.write_png(str(tmp_path / "y.png"), RGB, images.read_photo(path).exif))
    kept = Image.Exif()
    kept.load(written.exif)
    assert dict(kept.get_ifd(0x8769)) == {0x829A: 0.5}
    assert {tag: kept[tag] for tag in kept if tag != 0x8769} == {0x010F: "Maker", 0x0132: "2026:01:02 03:04:05"}
    assert images.read_photo(saved(tmp_path, Image.fromarray(RGB), "z.tif")).exif is None


@pytest.mark.parametrize("largest,scale", [(1.0, 255.0), (255.0, 1.0), (65535.0, 255.0 / 65535.0)])
def test_floating_point_pictures_are_scaled_by_their_range(tmp_path, largest, scale):
    values = np.linspace(0, largest, 30, dtype=np.float32).reshape(5, 6)
    Image.fromarray(values, mode="F").save(str(tmp_path / "x.tif"))
    read = images.read_rgb(str(tmp_path / "x.tif"))
    assert np.abs(read[..., 0] - values * scale).max() <= 0.51


def test_pictures_that_are_too_large_or_hold_no_number(tmp_path):
    Image.new("1", (3000, 3000)).save(str(tmp_path / "bomb.png"))
    with pytest.raises(UserError, match="3000×3000 pixels; at most 1 megapixels"):
        images.read_photo(str(tmp_path / "bomb.png"), largest=10**6)
    Image.fromarray(np.full((4, 4), np.nan, np.float32), mode="F").save(str(tmp_path / "nan.tif"))
    with pytest.raises(UserError, match="not finite"):
        images.read_photo(str(tmp_path / "nan.tif"))


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "bmp", "webp"])
def test_flipped_and_cut_pictures_are_a_line_or_a_picture(tmp_path, ending):
    path = str(tmp_path / ("x." + ending))
    Image.fromarray(RGB).save(path)
    with open(path, "rb") as stream:
        whole = stream.read()
    random = np.random.RandomState(0)
    for _ in range(40):
        content = bytearray(whole)
        for place in random.randint(0, len(content), 3):
            content[place] ^= 1 << random.randint(8)
        with open(path, "wb") as stream:
            stream.write(content if random.rand() < 0.5 else content[: random.randint(len(content))])
        try:
            assert images.read_photo(path).pixels.dtype == np.uint8
        except UserError as error:
            assert "\n" not in str(error)
