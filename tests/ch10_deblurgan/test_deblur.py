"""Listing 10-3: back to pixels, any size, tiles, weights files, scores, and what a user may get wrong."""

import csv
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ch10_deblurgan import baselines
from ch10_deblurgan import code_10_03_deblur as deblur
from ch10_deblurgan.code_10_01_models import generator_model
from common import images, training
from common.errors import UserError
from tests import helpers

K = tf.keras.backend
SCRIPT = "ch10_deblurgan/code_10_03_deblur.py"
SETTINGS = dict(ngf=4, n_blocks=1, norm="none", head="residual", end_kernel=3)


@pytest.fixture(autouse=True)
def fresh_session():
    K.clear_session()
    training.start()
    yield
    K.clear_session()


def photo(height, width, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (height, width, 3)).astype(np.uint8)


def test_pixels_are_clipped_and_rounded():
    """Erratum E62: the print's cast wraps 1.1 to a dark pixel and cuts fractions off."""
    values = np.array([-1.2, -1.0, 0.0, 0.0039, 1.0, 1.1])
    np.testing.assert_array_equal(deblur.deprocess_image(values), [0, 0, 128, 128, 255, 255])
    printed = (values * 127.5 + 127.5).astype("uint8")
    assert printed[0] > 200 and printed[-1] < 50 and printed[2] == 127


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (30, 42), (64, 64), (65, 130), (200, 40)])
def test_any_size_through_tiles_that_change_nothing(size):
    """Erratum E63: sizes that are no multiples of 4; a network that gives its input back must give the photo back."""
    shapes = []

    def restore(values):
        shapes.append(values.shape)
        return values

    pixels = photo(*size)
    np.testing.assert_array_equal(deblur.restore_picture(restore, pixels, tile=64, overlap=16), pixels)
    assert all(h % 4 == 0 and w % 4 == 0 and h <= 64 and w <= 64 for _, h, w, _ in shapes)


@pytest.mark.parametrize(
    "size,tile,overlap", [(10, 64, 16), (64, 64, 16), (65, 64, 16), (1000, 64, 16), (4000, 512, 64)]
)
def test_tiles_cover_and_overlap(size, tile, overlap):
    starts = deblur.tile_starts(size, tile, overlap)
    assert starts[0] == 0 and starts[-1] + tile >= size
    assert all(0 < second - first <= tile - overlap for first, second in zip(starts, starts[1:]))
    assert all(start + tile <= max(size, tile) for start in starts)


def test_tiles_agree_with_the_whole_picture():
    """A filter that looks 3 pixels far: tiles that overlap by more than twice as much leave no seam."""

    def restore(values):
        return sum(np.roll(values, step, 2) for step in range(-3, 4)) / 7.0

    pixels = photo(40, 200)
    whole = deblur.restore_picture(restore, pixels, tile=400, overlap=16).astype(int)
    tiled = deblur.restore_picture(restore, pixels, tile=64, overlap=32).astype(int)
    inside = np.s_[:, 4:-4]
    # a tile's outermost pixels see its edge; the blending gives them next to no weight
    assert np.abs(whole[inside] - tiled[inside]).max() <= 12 and np.abs(whole[inside] - tiled[inside]).mean() < 0.5


def test_eight_ways_are_the_mean_over_turned_and_mirrored_pictures():
    values = np.random.RandomState(0).uniform(-1, 1, (1, 8, 12, 3)).astype(np.float32)

    def restore(picture):  # leans to the right and upwards, so that each of the eight ways gives something else
        return picture + np.roll(picture, 1, 2) + 2 * np.roll(picture, 1, 1)

    expected = np.zeros((8, 12, 3))
    for mirror in (False, True):
        for turns in range(4):
            picture = np.rot90(values[0, :, ::-1] if mirror else values[0], turns)
            result = np.rot90(restore(picture[np.newaxis])[0], -turns)
            expected += (result[:, ::-1] if mirror else result) / 8
    np.testing.assert_allclose(deblur.eight_ways(restore)(values)[0], expected, atol=1e-5)
    assert np.abs(restore(values)[0] - expected).max() > 0.1
    assert not deblur.PRESETS["book"]["ensemble"]


def test_strength_is_a_share_of_the_change():
    values = np.float32([[[[0.2, -0.4, 1.0]]]])
    gentler = deblur.gentler(lambda v: -v, 0.25)(values)
    np.testing.assert_allclose(gentler, [[[[0.1, -0.2, 0.5]]]], rtol=1e-6)  # a quarter of the way from v to -v
    assert gentler.dtype == np.float32


def test_generator_for_any_size_after_saving_it_small(tmp_path):
    pixels = images.from_uint8(photo(12, 20))[np.newaxis]
    path = str(tmp_path / "deep" / "generator.npz")
    with tf.Session() as session:
        K.set_session(session)
        g = generator_model((None, None, 3), istrain=True, **SETTINGS)
        random = np.random.RandomState(0)
        g.set_weights([random.normal(0, 0.1, value.shape) for value in g.get_weights()])
        expected = g.predict(pixels)
        deblur.save_compact(path, g.get_weights(), SETTINGS)
    K.clear_session()
    arrays, settings = deblur.load_compact(path)
    assert settings == SETTINGS and all(value.dtype == np.float32 for value in arrays)
    with tf.Session() as session:
        K.set_session(session)
        again = deblur.load_generator(path).predict(pixels)
    np.testing.assert_allclose(again, expected, atol=2e-3)
    assert np.abs(expected - pixels).max() > 0.01


def test_weights_that_do_not_fit(tmp_path):
    path = str(tmp_path / "g.npz")
    deblur.save_compact(path, [np.zeros((3, 3))], SETTINGS)
    with tf.Session() as session:
        K.set_session(session)
        with pytest.raises(UserError, match="does not fit"):
            deblur.load_generator(path)
    (tmp_path / "no.npz").write_text("no", encoding="utf-8")
    with pytest.raises(UserError, match="not a weights file"):
        deblur.load_compact(str(tmp_path / "no.npz"))


def test_the_shipped_weights_load_and_are_small():
    assert os.path.getsize(deblur.SHIPPED) <= 20e6
    with tf.Session() as session:
        K.set_session(session)
        g = deblur.load_generator(deblur.SHIPPED)
        pixels = photo(16, 16)
        result = deblur.restore_picture(lambda values: g.predict(values), pixels, 64, 16)
    assert result.shape == pixels.shape and not np.array_equal(result, pixels)


def test_classical_methods_leave_a_flat_picture_and_keep_the_size():
    flat = np.full((20, 31, 3), 90, np.uint8)
    for grid in baselines.GRID.values():
        for _, function, arguments in grid:
            result = function(flat, *arguments)
            assert result.shape == flat.shape and result.dtype == np.uint8
    assert np.abs(baselines.unsharp(flat, 2.0, 0.6).astype(int) - 90).max() <= 1


def test_unsharp_mask_is_its_definition():
    from scipy.ndimage import gaussian_filter

    pixels = photo(30, 30)
    blurred = np.stack([gaussian_filter(pixels[..., c] / 255.0, 2.0, mode="mirror") for c in range(3)], -1)
    expected = np.clip(pixels / 255.0 + 0.6 * (pixels / 255.0 - blurred), 0, 1) * 255
    assert np.abs(baselines.unsharp(pixels, 2.0, 0.6) - expected)[6:-6, 6:-6].max() < 1.5


def test_the_brightness_row_takes_the_mean_difference_of_the_training_pairs_away():
    blurred, sharp = np.full((8, 8, 3), 100, np.uint8), np.full((8, 8, 3), 96, np.uint8)
    assert list(baselines.brightness_change([(blurred, sharp)])) == [-4, -4, -4]
    np.testing.assert_array_equal(baselines.brightness(blurred, np.array([-4.0, -4.0, -4.0])), sharp)


# ------------------------------------------------------------------------------------------- the script
@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run folder as code_10_02_train.py leaves it: random weights, settings."""
    from common import options

    folder = tmp_path_factory.mktemp("run")
    K.clear_session()
    training.start()
    g = generator_model((None, None, 3), istrain=True, **SETTINGS)
    os.makedirs(str(folder / "weights"))
    g.save_weights(str(folder / "weights" / "generator_best.h5"))
    options.save_settings(str(folder), dict(SETTINGS, critic="printed"))
    K.clear_session()
    return folder


@pytest.mark.script
def test_pairs_give_panels_of_their_own_size_and_a_table(run_folder):
    """Erratum E64: the print squeezes every picture to 640×360."""
    result = helpers.run_script(SCRIPT, "--preset", "tiny", "--output-dir", run_folder)
    assert "mean of 3" in result.stdout and "gained: " in result.stdout and "Richardson-Lucy" in result.stdout
    panels = sorted(name for name in os.listdir(str(run_folder / "results")) if "-" not in name)
    assert panels == ["000001.png", "000002.png", "000003.png"]
    assert Image.open(str(run_folder / "results" / panels[0])).size == (3 * 48, 32)
    with open(str(run_folder / "scores.csv"), encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert len(rows) == 5
    for column in range(1, 5):
        assert float(rows[-1][column]) == pytest.approx(np.mean([float(row[column]) for row in rows[1:-1]]), abs=1e-3)
    sharp, blurred, restored = np.split(np.asarray(Image.open(str(run_folder / "results" / panels[0]))), 3, axis=1)
    assert images.psnr(sharp, blurred) == pytest.approx(float(rows[1][1]), abs=1e-3)
    assert images.psnr(sharp, restored) == pytest.approx(float(rows[1][2]), abs=1e-3)


@pytest.mark.script
def test_photos_of_every_kind(run_folder, tmp_path):
    folder = tmp_path / "photos"
    os.makedirs(str(folder))
    Image.fromarray(photo(37, 70)).convert("CMYK").save(str(folder / "cmyk.jpg"))
    Image.fromarray(photo(20, 20)[..., 0].astype(np.uint16) * 257).save(str(folder / "grey16.png"))
    Image.fromarray(np.dstack([photo(9, 14), photo(9, 14)[..., :1]])).save(str(folder / "alpha.png"))
    Image.fromarray(photo(1, 1)).save(str(tmp_path / "pixel.png"))
    weights = ["--weights", run_folder / "weights" / "generator_best.h5"]
    result = helpers.run_script(
        SCRIPT, folder, tmp_path / "pixel.png", "--preset", "tiny", "--output-dir", tmp_path, *weights
    )
    sizes = {
        name: Image.open(str(tmp_path / "restored" / name)).size
        for name in os.listdir(str(tmp_path / "restored"))
        if "." in name
    }
    assert sizes["cmyk.png"] == (70, 37) and sizes["grey16.png"] == (20, 20)
    assert sizes["alpha.png"] == (14, 9) and sizes["pixel.png"] == (1, 1)
    assert "pixel.png (1×1)" in result.stdout


@pytest.mark.script
@pytest.mark.parametrize(
    "make,complaint",
    [
        (lambda folder: [folder / "none.jpg"], "no such photo"),
        (lambda folder: [_text(folder / "text.jpg")], "not a readable picture"),
        (lambda folder: ["--weights", folder / "none.npz"], "no such weights file"),
        (lambda folder: [], "code_10_02_train.py first"),
        (lambda folder: ["--strength", "1.5"], "from 0 (no change) to 1"),
    ],
)
def test_wrong_input_is_said_in_one_line(tmp_path, run_folder, make, complaint):
    arguments = [str(item) for item in make(tmp_path)]
    if "text.jpg" in " ".join(arguments):
        arguments += ["--weights", str(run_folder / "weights" / "generator_best.h5")]
    result = helpers.run_script(SCRIPT, "--preset", "tiny", "--output-dir", tmp_path / "out", *arguments, check=False)
    helpers.assert_user_error(result, complaint)


def _text(path):
    path.write_text("no picture", encoding="utf-8")
    return path


@pytest.mark.real
@pytest.mark.slow
def test_the_shipped_weights_make_a_clip_that_was_held_out_better(real_data):
    """Clip test_002 of the REDS pictures was not trained on, nor used to choose the weights."""
    folder = os.path.join(real_data("gopro"), "reds_320x180", "test_002")
    names = sorted(os.listdir(os.path.join(folder, "blur")))[::4]
    gained = []
    with tf.Session() as session:
        K.set_session(session)
        g = deblur.load_generator(deblur.SHIPPED)
        for name in names:
            blurred, sharp = (images.read_rgb(os.path.join(folder, part, name)) for part in ("blur", "sharp"))
            restored = deblur.restore_picture(lambda values: g.predict(values), blurred, 512, 64)
            gained.append(np.subtract(deblur.scores(sharp, restored), deblur.scores(sharp, blurred)))
    assert np.mean(gained, axis=0)[0] > 1.0 and np.mean(gained, axis=0)[1] > 0.01
