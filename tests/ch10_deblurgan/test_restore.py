"""Restoring: back to pixels, any size, tiles, weights files, scores, and what a user may get wrong."""

import os
import threading
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from ch10_deblurgan import code_10_02_train as train
from ch10_deblurgan import code_10_03_deblur as deblur
from ch10_deblurgan import ext_10_2_12_photos as photos_script
from ch10_deblurgan.beyond import baselines, evaluate, export, generator, kernels, restore, tiles
from common import images, options, run, weights
from common.errors import UserError
from data import gopro
from tests.ch10_deblurgan.test_pairs import make_pairs

SETTINGS = dict(ngf=4, n_blocks=1, norm="none", head="residual", end_kernel=3, skips=False)


def photo(height, width, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (height, width, 3)).astype(np.uint8)


def test_pixels_are_clipped_and_rounded():
    """Erratum E62: the print's cast wraps 1.1 to a dark pixel and cuts fractions off."""
    values = np.array([-1.2, -1.0, 0.0, 0.0039, 1.0, 1.1])
    np.testing.assert_array_equal(deblur.deprocess_image(values), [0, 0, 128, 128, 255, 255])
    printed = (values * 127.5 + 127.5).astype("uint8")
    assert printed[0] > 200 and printed[-1] < 50 and printed[2] == 127


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (30, 42), (64, 64), (81, 130), (200, 40)])
def test_any_size_through_tiles_that_change_nothing(size):
    """Erratum E63: sizes that are no multiples of 4; a network that gives its input back must give the photo back."""
    shapes = []

    def restore(values):
        shapes.append(values.shape)
        return values

    pixels = photo(*size)
    np.testing.assert_array_equal(tiles.restore_picture(restore, pixels, tile=64, overlap=16), pixels)
    assert all(h % 4 == 0 and w % 4 == 0 and h <= 80 and w <= 80 for _, h, w, _ in shapes)


@pytest.mark.parametrize(
    "size,tile,overlap",
    [(12, 64, 16), (64, 64, 16), (80, 64, 16), (84, 64, 16), (112, 64, 16), (1000, 64, 16), (4000, 512, 64)],
)
def test_tiles_cover_and_overlap(size, tile, overlap):
    starts, side = tiles.tile_layout(size, tile, overlap)
    assert starts[0] == 0 and starts[-1] + side == size and side % 4 == 0
    assert side <= (tile if len(starts) > 1 else tile + overlap)
    assert all(0 < second - first <= side - overlap for first, second in zip(starts, starts[1:]))


def test_tiles_side_by_side_are_those_one_after_the_other():
    """Two at once, and no more: the first waits for the second, which could not come if they went one by one."""
    together, most, lock = threading.Barrier(2, timeout=30), [0, 0], threading.Lock()

    def slow(values):
        with lock:
            most[0] += 1
            most[1] = max(most)
        together.wait()
        with lock:
            most[0] -= 1
        return values * np.float32(0.5)

    pixels = photo(64, 208)  # one row of four tiles
    found = tiles.restore_picture(slow, pixels, tile=64, overlap=16, workers=2)
    assert most == [0, 2]
    np.testing.assert_array_equal(
        found, tiles.restore_picture(lambda values: values * np.float32(0.5), pixels, tile=64, overlap=16)
    )


@pytest.mark.parametrize("size,calls", [((40, 200), 4 + 3 + 12), ((40, 60), 1 + 3), ((20, 30), 1)])
def test_several_layouts_are_averaged(size, calls):
    """Each restores tiles to something of their own, here their mean; what is cut alike counts twice and is made once."""
    made = []

    def flat(values):
        made.append(values.shape)
        return np.full_like(values, values.mean())

    pixels = photo(*size)
    ways = tiles.layouts(64, 16, 3)
    assert ways == [(64, 16), (96, 16), (32, 16)]
    found = tiles.restore_in_layouts(flat, pixels, ways)
    assert len(made) == tiles.count_tiles(pixels.shape, ways) == calls
    alone = [tiles.restore_picture(flat, pixels, tile, overlap).astype(float) for tile, overlap in ways]
    np.testing.assert_array_equal(found, np.floor(np.mean(alone, axis=0) + 0.5))
    np.testing.assert_array_equal(tiles.restore_in_layouts(lambda values: values, pixels, ways), pixels)


@pytest.mark.parametrize("tile,overlap", [(32, 16), (64, 32), (96, 48), (512, 256)])
def test_every_layout_of_tiles_that_are_allowed_covers_the_photo(tile, overlap):
    """The smaller tiles of a layout must not be all overlap."""
    tiles.check_tiles(SimpleNamespace(tile=tile, overlap=overlap), 16)
    ways = tiles.layouts(tile, overlap, 3)
    assert all(2 * shared <= side for side, shared in ways)
    pixels = photo(90, 700)
    np.testing.assert_array_equal(tiles.restore_in_layouts(lambda values: values, pixels, ways), pixels)


def test_what_goes_wrong_in_a_tile_is_said():
    def wrong(values):
        raise ValueError("a bad tile")

    with pytest.raises(ValueError, match="a bad tile"):
        tiles.restore_picture(wrong, photo(40, 200), tile=64, overlap=16, workers=2)


@pytest.mark.parametrize("threads,wanted", [(1, (1, 1)), (2, (2, 1)), (4, (2, 2)), (8, (2, 4))])
def test_two_tiles_share_the_threads(threads, wanted, monkeypatch):
    assert photos_script.side_by_side(threads) == wanted
    monkeypatch.setattr(kernels, "_threads", [0])
    photos_script.open_session(threads).close()
    opts = SimpleNamespace(tile=64, overlap=16, threads=threads)
    pixels = photo(40, 200)
    np.testing.assert_array_equal(photos_script.restore_photo(lambda values: values, pixels, opts), pixels)
    assert kernels.threads_used() == wanted[1]


@pytest.mark.parametrize("size", [516, 692, 720, 1280, 3000, 5000])
def test_tiles_compute_little_more_than_the_photo_and_what_they_share(size):
    """A photo just larger than a tile once took two whole ones."""
    starts, side = tiles.tile_layout(size, 512, 64)
    assert len(starts) * side < size + 64 * (len(starts) - 1) + 16 * len(starts)


def test_tiles_agree_with_the_whole_picture():
    """A filter that looks 3 pixels far: tiles that overlap by more than twice as much leave no seam."""

    def restore(values):
        return sum(np.roll(values, step, 2) for step in range(-3, 4)) / 7.0

    pixels = photo(40, 200)
    whole = tiles.restore_picture(restore, pixels, tile=400, overlap=16).astype(int)
    tiled = tiles.restore_picture(restore, pixels, tile=64, overlap=32).astype(int)
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
    np.testing.assert_allclose(tiles.eight_ways(restore)(values)[0], expected, atol=1e-5)
    assert np.abs(restore(values)[0] - expected).max() > 0.1


def test_strength_is_a_share_of_the_change():
    values = np.float32([[[[0.2, -0.4, 1.0]]]])
    gentler = tiles.gentler(lambda v: -v, 0.25)(values)
    np.testing.assert_allclose(gentler, [[[[0.1, -0.2, 0.5]]]], rtol=1e-6)  # a quarter of the way from v to -v
    assert gentler.dtype == np.float32


def some_generator(seed=0, **changed):
    """A generator with made weights."""
    g = generator.build(dict(SETTINGS, **changed))
    random = np.random.RandomState(seed)
    g.set_weights([random.normal(0, 0.1, value.shape) for value in g.get_weights()])
    return g


def test_a_generator_comes_back_from_its_small_file(tmp_path):
    pixels = images.from_uint8(photo(12, 20))[np.newaxis]
    path = str(tmp_path / "deep" / "generator.npz")
    g = some_generator()
    generator.save_small(path, g, SETTINGS)
    again, settings = generator.load_generator(path)
    assert settings == SETTINGS
    np.testing.assert_allclose(again.predict(pixels), g.predict(pixels), atol=2e-3)
    assert np.abs(g.predict(pixels) - pixels).max() > 0.01
    older = {key: value for key, value in SETTINGS.items() if key != "skips"}  # from before there was a choice
    assert generator.checked(older, path) == SETTINGS


def _files(tmp_path):
    """{what is wrong: (path, complaint)} of weights files that are no good."""
    good = {"w%03d" % index: value for index, value in enumerate(some_generator().get_weights())}
    made = {}

    def npz(name, arrays, settings, complaint):
        path = str(tmp_path / (name + ".npz"))
        weights.save(path, arrays, settings)
        made[name] = path, complaint

    npz("settings of another", good, dict(SETTINGS, ngf=8), "do not fit this generator")
    npz("an array too few", {name: good[name] for name in list(good)[:-1]}, SETTINGS, "do not fit this generator")
    npz("wrong types", good, dict(SETTINGS, ngf="four"), "setting ngf: 'four' is no whole number")
    npz("a list", good, dict(SETTINGS, norm=["none"]), "setting norm")
    npz("no such norm", good, dict(SETTINGS, norm="group"), "setting norm: 'group' is not one of")
    npz("huge", good, dict(SETTINGS, ngf=10**9), "setting ngf")
    npz("foreign", {"kernel": np.zeros((3, 3))}, dict(layers=3), "setting ngf")
    whole = open(made["huge"][0], "rb").read()
    flipped = bytearray(open(made["settings of another"][0], "rb").read())
    flipped[len(flipped) // 2] ^= 255
    for name, content in (
        ("empty", b""),
        ("text", b"no"),
        ("truncated", whole[: len(whole) // 2]),
        ("flipped", flipped),
    ):
        (tmp_path / (name + ".npz")).write_bytes(bytes(content))
        made[name] = str(tmp_path / (name + ".npz")), "damaged"
    os.mkfifo(str(tmp_path / "pipe.npz"))
    os.mkdir(str(tmp_path / "folder.npz"))
    made["pipe"] = str(tmp_path / "pipe.npz"), "is a pipe or a device"
    made["folder"] = str(tmp_path / "folder.npz"), "is a folder"
    made["none"] = str(tmp_path / "none.npz"), "does not exist"
    made["no run"] = _h5(tmp_path / "alone" / "g.h5"), "lies in no run folder"
    return made


def _h5(path, model=None):
    os.makedirs(os.path.dirname(str(path)), exist_ok=True)
    (model or some_generator()).save_weights(str(path))
    return str(path)


def test_weights_files_that_are_no_good(tmp_path):
    for name, (path, complaint) in sorted(_files(tmp_path).items()):
        with pytest.raises(UserError) as caught:
            generator.load_generator(path)
        assert complaint in str(caught.value), (name, str(caught.value))
        assert len(str(caught.value).splitlines()) == 1


def test_h5_files_of_runs(tmp_path):
    """Of ``beyond/train.py`` and of listing 10-2; damaged, foreign and NaN ones in one line."""
    pixels = images.from_uint8(photo(12, 20))[np.newaxis]
    folder = tmp_path / "run"
    g = some_generator()
    path = _h5(folder / "weights" / "generator_best.h5", g)
    options.save_settings(str(folder), dict(SETTINGS, crop=80))
    again, settings = generator.load_generator(path)
    assert settings == SETTINGS
    np.testing.assert_array_equal(again.predict(pixels), g.predict(pixels))
    printed = train.generator_model((12, 20), False, ngf=2, n_blocks_gen=1)
    of_listing = _h5(tmp_path / "book" / "weights" / "11_26" / "generator_0_1.h5", printed)
    options.save_settings(str(tmp_path / "book"), dict(ngf=2, ndf=2, n_blocks_gen=1))
    np.testing.assert_allclose(
        generator.load_generator(of_listing)[0].predict(pixels), printed.predict(pixels), atol=1e-6
    )

    content = open(path, "rb").read()
    for name, damaged in (("empty", b""), ("cut", content[: len(content) // 2]), ("text", b"no h5")):
        (folder / "weights" / (name + ".h5")).write_bytes(damaged)
        with pytest.raises(UserError, match="do not fit"):
            generator.load_generator(str(folder / "weights" / (name + ".h5")))
    with pytest.raises(UserError, match="do not fit"):
        generator.load_generator(_h5(folder / "weights" / "foreign.h5", printed))
    nan = some_generator()
    nan.set_weights([value * np.nan for value in nan.get_weights()])
    with pytest.raises(UserError, match="not finite"):
        generator.load_generator(_h5(folder / "weights" / "nan.h5", nan))
    for wrong in ([], {"ngf": []}, {"ngf": None}):
        options.write_json(str(folder / "settings.json"), wrong)
        with pytest.raises(UserError, match="settings.json"):
            generator.load_generator(path)


def test_the_shipped_weights_are_what_they_were():
    """One picture's sum and a few pixels, stored when the network was shipped: no change of code may change what it makes."""
    assert os.path.getsize(generator.SHIPPED) <= 20e6
    g, settings = generator.load_generator(generator.SHIPPED)
    assert settings == dict(ngf=24, n_blocks=4, norm="none", head="residual", end_kernel=3, skips=True)
    y, x = np.mgrid[0:40, 0:48]
    pixels = np.uint8(np.stack([128 + 90 * np.sin(x / 3.0), 128 + 90 * np.cos(y / 4.0), (x * y) % 256], -1))
    result = tiles.restore_picture(g.predict, pixels, 64, 8)
    np.testing.assert_allclose(
        result.astype(int)[[0, 13, 39], [5, 20, 47]], [[220, 218, 0], [153, 28, 0], [129, 39, 38]], atol=1
    )
    assert abs(result.astype(int).sum() - 698264) < 500


def test_deblur_takes_the_newest_weights_of_a_run(tmp_path):
    with pytest.raises(UserError, match="run ch10_deblurgan/code_10_02_train.py first"):
        deblur.newest_weights(str(tmp_path))
    for name in ("9_30/generator_9_700.h5", "10_1/generator_10_3.h5", "10_1/discriminator_11.h5"):
        (tmp_path / "weights" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "weights" / name).write_bytes(b"")
    assert deblur.newest_weights(str(tmp_path)).endswith("generator_10_3.h5")


def test_no_two_results_of_deblur_share_a_name(capsys):
    """``results111.png`` would be picture 11 of batch 1 and picture 1 of batch 11."""
    names = ["results%d%d.png" % (batch, number) for batch in range(200) for number in range(10)]
    assert len(set(names)) == len(names)
    with pytest.raises(SystemExit):
        deblur.main(["--batch-size", "11"])
    assert "11 is not 1 to 10" in capsys.readouterr().err


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


def test_baselines_hold_one_pair_at_a_time(tmp_path, monkeypatch):
    """All test pairs of GOPRO at once are 6 GB; the figures are the means over all pairs."""
    make_pairs(tmp_path, ["a", "b", "c"], size=(20, 28))
    pair_list, alive = gopro.find_pairs(str(tmp_path)), []
    read, most = images.read_rgb, []

    def counted(path):
        pixels = read(path)
        alive.append(weakref.ref(pixels))
        most.append(sum(reference() is not None for reference in alive))
        return pixels

    monkeypatch.setattr(images, "read_rgb", counted)
    grids = {"darker": [("%d" % less, lambda pixels, less: pixels - pixels // less, (less,)) for less in (2, 4, 8)]}
    found = evaluate.best_settings(pair_list, grids)
    means = {}
    for less in (2, 4, 8):
        pictures = [[read(path) for path in pair] for pair in pair_list]
        means[less] = np.mean([evaluate.scores(sharp, dark - dark // less) for dark, sharp in pictures], axis=0)
    best = max(means, key=lambda less: means[less][0])
    assert found == {"darker": (str(best),) + tuple(means[best])}
    assert len(most) == 6 and max(most) <= 4  # a pair, while the next one is read


# ------------------------------------------------------------------------------------------- the scripts, in process
@pytest.fixture
def run_folder(tmp_path):
    """A run folder as beyond/train.py leaves it: made weights, settings."""
    _h5(tmp_path / "run" / "weights" / "generator_best.h5")
    options.save_settings(str(tmp_path / "run"), dict(SETTINGS, critic="printed"))
    return tmp_path / "run"


def test_evaluation_gives_panels_of_their_own_size_and_a_table(tmp_path, run_folder, capsys):
    """Erratum E64: the print squeezes every picture to 640×360."""
    make_pairs(tmp_path / "image" / "test", ["a", "b"], size=(20, 28))
    make_pairs(tmp_path / "image" / "train", ["c"], size=(20, 28))
    evaluate.main(["--preset", "tiny", "--data-dir", str(tmp_path / "image"), "--output-dir", str(run_folder)])
    printed = capsys.readouterr().out
    assert (
        "mean of 2" in printed
        and "gained: " in printed
        and "Richardson-Lucy" in printed
        and "brightness only" in printed
    )
    panel = np.asarray(Image.open(str(run_folder / "results" / "a.png")))
    assert panel.shape == (20, 3 * 28, 3)
    rows = [line.split(",") for line in (run_folder / "scores.csv").read_text(encoding="utf-8").splitlines()]
    assert [row[0] for row in rows] == ["picture", "a", "b", "mean of 2"]
    for column in range(1, 5):
        assert float(rows[3][column]) == pytest.approx(np.mean([float(row[column]) for row in rows[1:3]]), abs=1e-3)
    sharp, blurred, restored = np.split(panel, 3, axis=1)
    assert images.psnr(sharp, blurred) == pytest.approx(float(rows[1][1]), abs=1e-3)
    assert images.psnr(sharp, restored) == pytest.approx(float(rows[1][2]), abs=1e-3)
    assert gopro.find_pairs(str(tmp_path / "image" / "test"))[0][0].endswith("a.png")


@pytest.mark.parametrize("held_out", ["val", "test"])
def test_evaluation_says_where_its_own_pairs_chose_the_epoch(tmp_path, run_folder, capsys, held_out):
    make_pairs(tmp_path / "image" / "test", ["a"], size=(20, 28))
    options.write_json(str(run_folder / "record-train.json"), dict(settings=dict(held_out=held_out)))
    words = ["--preset", "tiny", "--baselines", "false", "--data-dir", str(tmp_path / "image")]
    evaluate.main(words + ["--output-dir", str(run_folder)])
    metrics = options.read_json(str(run_folder / "record-evaluate.json"))["metrics"]
    said = "the training chose its best epoch by the pairs of 'test': this flatters"
    assert ("note: " + said in capsys.readouterr().out) == (held_out == "test")
    assert metrics["PSNR gained"]["note"] == (said if held_out == "test" else "")


def test_photos_of_every_kind(tmp_path, run_folder, capsys):
    folder = tmp_path / "photos"
    os.makedirs(str(folder))
    Image.fromarray(photo(37, 70)).convert("CMYK").save(str(folder / "cmyk.jpg"))
    Image.fromarray(photo(20, 20)[..., 0].astype(np.uint16) * 257).save(str(folder / "grey16.png"))
    Image.fromarray(np.dstack([photo(9, 14), photo(9, 14)[..., :1]])).save(str(folder / "alpha.png"))
    Image.fromarray(photo(1, 1)).save(str(tmp_path / "alpha.png"))
    words = [str(folder), str(tmp_path / "alpha.png"), "--preset", "tiny", "--output-dir", str(run_folder)]
    restore.main(words + ["--baselines", "true", "--ensemble", "true", "--strength", "0.5", "--fast", "true"])
    restored = run_folder / "restored"
    sizes = {name: Image.open(str(restored / name)).size for name in os.listdir(str(restored)) if name.endswith(".png")}
    assert sizes["cmyk.png"] == (70, 37) and sizes["grey16.png"] == (20, 20)
    assert sizes["alpha.png"] == (14, 9) and sizes["alpha-2.png"] == (1, 1) and sizes["cmyk-Wiener.png"] == (70, 37)
    assert "alpha.png (1×1)" in capsys.readouterr().out


def test_photos_by_other_methods_where_one_cannot_be_read(tmp_path, run_folder):
    """All that can be read have theirs, and none is written over a photo."""
    words = ["--preset", "tiny", "--output-dir", str(run_folder), "--baselines"]
    whole = images.write_png(str(tmp_path / "a.png"), photo(24, 20))
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="1 of 2 photos were left out"):
        restore.main([str(tmp_path / "b.png"), whole] + words)
    found = images.read_rgb(str(run_folder / "restored" / "a-unsharp-mask.png"))
    np.testing.assert_array_equal(found, baselines.unsharp(photo(24, 20), 1.0, 0.6))
    assert len(list((run_folder / "restored").glob("*.png"))) == 4
    own = images.write_png(str(run_folder / "restored" / "a-Wiener.png"), photo(8, 8))
    with pytest.raises(UserError, match="a-Wiener.png is one of the photos and would be written over"):
        restore.main([whole, own] + words)
    np.testing.assert_array_equal(images.read_rgb(own), photo(8, 8))


def test_export_writes_what_restore_takes(tmp_path, run_folder):
    export.main([str(tmp_path / "small.npz"), "--output-dir", str(run_folder)])
    run.start()  # another script, another session
    assert generator.load_generator(str(tmp_path / "small.npz"))[1] == SETTINGS


@pytest.mark.real
@pytest.mark.slow
def test_the_shipped_weights_make_a_clip_that_was_held_out_better(real_data):
    """Clip test_002 of the REDS pictures was not trained on, nor used to choose the weights."""
    folder = os.path.join(real_data("gopro"), "reds_320x180", "test_002")
    names = sorted(os.listdir(os.path.join(folder, "blur")))[::4]
    gained = []
    g, _ = generator.load_generator(generator.SHIPPED)
    for name in names:
        blurred, sharp = (images.read_rgb(os.path.join(folder, part, name)) for part in ("blur", "sharp"))
        restored = tiles.restore_picture(g.predict, blurred, 512, 64)
        gained.append(np.subtract(evaluate.scores(sharp, restored), evaluate.scores(sharp, blurred)))
    assert np.mean(gained, axis=0)[0] > 1.0 and np.mean(gained, axis=0)[1] > 0.01
