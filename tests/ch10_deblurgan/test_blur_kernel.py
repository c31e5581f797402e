"""The estimate of a blur's kernel, Wiener's filter by it, and what the wide-view network makes of both."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import signal
from skimage import data

from ch10_deblurgan import ext_10_2_12_photos as photos_script
from ch10_deblurgan.beyond import blur_kernel, photo_crops, shake, train_photos, wide_view
from common import images, run, weights
from common.errors import UserError

SMALL = dict(ngf=2, n_blocks=2, wide=[8, 10], down_blocks=[1, 1], up_blocks=1, estimates=1)
BORDER = 32


@pytest.fixture(scope="module")
def shipped():
    return wide_view.load(photos_script.SHIPPED)


def kernel_of(seed, extent=12.0):
    """A kernel of a random path, cut to the size that is estimated, float32 ``[SIDE, SIDE]``."""
    path = photo_crops.camera_path(np.random.RandomState(seed), extent)
    return train_photos.cut(photo_crops.path_kernel(path)[np.newaxis])[0]


def blurred_light(light, kernel):
    """Blur by SciPy, channel by channel: ``[H, W, C]``, linear light."""
    around = kernel.shape[0] // 2
    light = np.pad(light, ((around, around), (around, around), (0, 0)), "reflect")
    return np.stack([signal.fftconvolve(light[..., c], kernel, "valid") for c in range(light.shape[2])], axis=-1)


def photo(name="astronaut", side=256):
    pixels = np.ascontiguousarray(getattr(data, name)()[..., :3])
    return images.resize(pixels, side, side)


# ------------------------------------------------------------------------------------------- mathematics
@pytest.mark.parametrize("height,width", [(16, 16), (12, 10), (9, 15)])
def test_spectra_are_numpys_and_their_gradients_are_the_slopes(height, width):
    random = np.random.RandomState(0)
    values = random.normal(size=(2, height, width)).astype(np.float32)
    pull = random.normal(size=(2, height, width // 2 + 1)) + 1j * random.normal(size=(2, height, width // 2 + 1))
    x = tf.placeholder(tf.float32, [2, height, width])
    spectrum = blur_kernel.rfft2(x)
    back = blur_kernel.irfft2(spectrum * np.complex64(2.0), tf.constant([height, width]))
    scalar = tf.reduce_sum(tf.real(spectrum * np.complex64(pull)) ** 2) / 100.0 + tf.reduce_sum(back**3)

    def by_numpy(values):
        found = np.real(np.fft.rfft2(values) * pull)
        return np.sum(found**2) / 100.0 + np.sum((2.0 * values) ** 3)

    with tf.Session() as session:
        of_values, again, slope = session.run([spectrum, back, tf.gradients(scalar, x)[0]], {x: values})
    np.testing.assert_allclose(of_values, np.fft.rfft2(values), atol=1e-4)
    np.testing.assert_allclose(again, 2 * values, atol=1e-4)
    direction = random.normal(size=values.shape)
    wanted = (by_numpy(values + 1e-4 * direction) - by_numpy(values - 1e-4 * direction)) / 2e-4
    assert np.sum(slope * direction) == pytest.approx(wanted, rel=2e-3)


def test_who_knows_the_kernel_gets_the_picture_back():
    sharp, kernel = photo() / 255.0, kernel_of(1)
    light = sharp**photo_crops.GAMMA
    dim = blurred_light(light, kernel)
    found = blur_kernel.wiener(tf.constant(dim.transpose(2, 0, 1)[np.newaxis], tf.float32), kernel[np.newaxis], [1e-4])[
        0
    ]
    with tf.Session() as session:
        found = session.run(found)[0].transpose(1, 2, 0)
    inside = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    before, after = (np.sqrt(np.mean((values - light)[inside] ** 2)) for values in (dim, found))
    assert after < 0.5 * before


@pytest.mark.parametrize("gamma", blur_kernel.GAMMAS)
def test_what_was_added_up_in_one_way_is_divided_in_the_same(gamma):
    """By the true kernel: dividing the values of a picture whose light was blurred, or the other way round, leaves more."""
    sharp, kernel = photo("chelsea") / 255.0, kernel_of(1)
    codes = blurred_light(sharp**gamma, kernel).clip(0, 1) ** (1 / gamma)
    pictures, known = codes[np.newaxis].astype(np.float32), (kernel[np.newaxis], np.float32([1e-4]), None)
    of_quarters = np.stack([kernel] * 4), np.float32([1e-4] * 4), None
    with tf.Session() as session:
        found = session.run(blur_kernel.deconvolved(tf.constant(pictures), [known, of_quarters]))[0]
    inside, grey = np.s_[BORDER:-BORDER, BORDER:-BORDER], sharp.mean(axis=2)
    apart = np.std((found - grey[..., np.newaxis])[inside], axis=(0, 1)).reshape(len(blur_kernel.GAMMAS), 2, -1)
    for one in apart[..., 0].T:  # of the whole, of the quarters
        apart_by = dict(zip(blur_kernel.GAMMAS, one))
        assert min(apart_by, key=apart_by.get) == gamma
        assert apart_by[gamma] < 0.75 * np.std((codes.mean(axis=2) - grey)[inside])


@pytest.mark.parametrize("height,width", [(32, 48), (64, 96), (160, 208)])
def test_quarters_put_together_are_the_whole(height, width):
    values = np.random.RandomState(0).uniform(0, 1, (2, 3, height, width)).astype(np.float32)
    parts = blur_kernel.quarters(tf.constant(values))
    whole = blur_kernel.joined(parts, height, width)
    with tf.Session() as session:
        parts, whole = session.run([parts, whole])
    assert parts.shape == (8, 3, min(height, height // 2 + 32), min(width, width // 2 + 32))
    np.testing.assert_array_equal(parts[2], values[0][:, : parts.shape[2], width - parts.shape[3] :])
    np.testing.assert_allclose(whole, values, rtol=1e-6)


def test_each_quarter_is_divided_by_its_own_kernel():
    """The left half blurred one way, the right one another: by both kernels the picture comes back, by one it does not."""
    sharp = photo("chelsea", 320).mean(axis=2) / 255.0
    kernels = [kernel_of(1), kernel_of(2)]
    left, right = (blurred_light(sharp[..., np.newaxis], kernel) for kernel in kernels)
    both = np.concatenate([left[:, :160], right[:, 160:]], axis=1).repeat(3, axis=2)
    known = (kernels[0][np.newaxis], np.float32([1e-2]), None)
    of_quarters = np.stack(kernels * 2), np.float32([1e-2] * 4), None
    with tf.Session() as session:
        found = session.run(blur_kernel.deconvolved(tf.constant(both[np.newaxis], tf.float32), [known, of_quarters]))[0]
    inside = np.s_[40:-40, 200:-40]  # of the right half
    before, whole, quarter = (
        np.std((values - sharp)[inside]) for values in (both[..., 0], found[..., 4], found[..., 6])
    )
    assert quarter < 0.5 * before and quarter < 0.5 * whole


def test_no_blur_and_no_noise_change_nothing():
    light = np.random.RandomState(0).uniform(0, 1, (1, 3, 40, 48)).astype(np.float32)
    kernel = np.zeros((1, blur_kernel.SIDE, blur_kernel.SIDE), np.float32)
    kernel[0, blur_kernel.RADIUS, blur_kernel.RADIUS] = 1.0
    with tf.Session() as session:
        found = session.run(blur_kernel.wiener(tf.constant(light), kernel, [1e-8])[0])
    np.testing.assert_allclose(found, light, atol=1e-4)


def test_the_loss_of_a_right_estimate_is_as_low_as_it_goes_and_of_wrong_ones_higher():
    sharp = np.random.RandomState(0).uniform(0, 1, (2, 40, 40, 3)).astype(np.float32)
    true = np.stack([kernel_of(1), kernel_of(2)])
    grey = sharp.mean(axis=3)

    def of(kernels, found, known):
        estimates = [(tf.constant(kernels), None, tf.constant(found))]
        with tf.Session() as session:
            return session.run(blur_kernel.loss(estimates, true, np.float32(known), sharp, 4))

    assert of(true, grey, [1, 1]) == pytest.approx(-40.0, abs=1e-3)
    # 0.1 everywhere is 20 dB, and the two kernels exchanged count only where they are known
    assert of(true, grey + np.float32(0.1), [1, 1]) == pytest.approx(-20.0, abs=0.1)
    assert of(true[::-1], grey, [0, 0]) == pytest.approx(-40.0, abs=1e-3)
    assert of(true[::-1], grey, [1, 1]) > -39.0


def test_a_batch_names_the_kernel_of_its_blur():
    """Mirrored and turned as the crops are: the sharp crop through the kernel is the blurred one, through another it is not."""
    square = images.resize(photo("chelsea", 300), 300, 300)
    maker = photo_crops.CropMaker([square], [], 96, linear_share=1.0)
    apart = []
    for seed in range(12):
        blurred, sharp, kernels, known = maker.batch(1, seed)
        assert known[0] == 1.0 and kernels[0].sum() == pytest.approx(1.0, abs=1e-3)
        inside = np.s_[BORDER:-BORDER, BORDER:-BORDER]
        light = (sharp[0] / 255.0) ** photo_crops.GAMMA
        distances = []
        for kernel in (kernels[0], kernels[0].T, kernels[0][::-1], kernels[0][:, ::-1]):
            code = 255.0 * np.clip(blurred_light(light, kernel), 0, 1) ** (1 / photo_crops.GAMMA)
            distances.append(np.sqrt(np.mean((code - blurred[0])[inside] ** 2)))
        apart.append(distances)
    apart = np.array(apart)
    # noise and JPEG remain; a straight path looks the same mirrored
    assert (apart[:, 0] <= apart.min(axis=1) + 0.3).all()
    assert (apart[:, 0] + 1.0 < apart[:, 1:].max(axis=1)).sum() >= 6


def test_pairs_have_no_kernel():
    picture = photo(side=64)
    kernels, known = photo_crops.CropMaker([picture], [(picture, picture)], 32, real_share=1.0).batch(3, 0)[2:]
    assert not kernels.any() and not known.any()


# ------------------------------------------------------------------------------------------- networks
@pytest.mark.parametrize("height,width", [(32, 40), (64, 48)])
def test_an_estimate_is_a_kernel_and_every_weight_of_it_learns(height, width):
    pictures = tf.placeholder(tf.float32, [2, None, None, 3])
    estimates = blur_kernel.estimate(pictures, 2)
    shaped = tf.placeholder(tf.float32, [2, height, width, 3])
    loss = blur_kernel.loss(estimates, np.stack([kernel_of(1), kernel_of(2)]), np.ones(2, np.float32), shaped, 2)
    gradients = tf.gradients(loss, tf.trainable_variables())
    values = np.random.RandomState(0).uniform(0, 1, (2, height, width, 3))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        feed = {pictures: values, shaped: values[::-1]}
        found, slopes = session.run([estimates, gradients], feed)
    assert len(found) == 3
    for index, (kernel, noise, grey) in enumerate(found):
        assert kernel.shape == (2 if index < 2 else 8, blur_kernel.SIDE, blur_kernel.SIDE) and (kernel >= 0).all()
        np.testing.assert_allclose(kernel.sum(axis=(1, 2)), 1.0, rtol=1e-4)
        assert (noise > 0).all() and grey.shape == (2, height, width) and 0 <= grey.min() <= grey.max() <= 1
    assert all(slope is not None and np.isfinite(slope).all() and np.abs(slope).max() > 0 for slope in slopes)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_without_edges_comes_back(level):
    pictures = tf.fill([1, 48, 48, 3], np.float32(level / 255.0))
    estimates = blur_kernel.estimate(pictures, 2)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = session.run(blur_kernel.deconvolved(pictures, estimates))
    np.testing.assert_allclose(255.0 * found, level, atol=4.0)  # black is cut off at 1e-4 of the light


@pytest.mark.parametrize("learn", ["kernel", "picture", "both"])
def test_what_is_not_to_be_learnt_stays(learn):
    words = ["--preset", "tiny", "--learn", learn, "--average", "0"]
    opts = train_photos.options.parse_values(train_photos.__file__, "", train_photos.VALUES, words, base="photos")
    net = train_photos.build(opts, SMALL)
    random = np.random.RandomState(0)
    pixels = random.randint(0, 256, (2, 2, opts.crop, opts.crop, 3))
    feed = {net["blurred"]: pixels[0], net["sharp"]: pixels[1], net["known"]: [1.0, 1.0], net["learning_rate"]: 0.01}
    feed[net["kernels"]] = [kernel_of(1), kernel_of(2)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run(net["weights"])
        for _ in range(3):  # those behind a zero move only after it
            session.run(net["train"], feed)
        moved = [np.abs(a - b).max() > 0 for a, b in zip(before, session.run(net["weights"]))]
    estimators = [wide_view.is_estimators(weight) for weight in net["weights"]]
    assert any(estimators) and not all(estimators)
    assert moved == [learn == "both" or estimator == (learn == "kernel") for estimator in estimators]


def test_an_older_network_is_taken_over_with_nothing_changed(tmp_path):
    """Weights without the estimate, into a network with it: the same pictures, until it learns."""
    pictures = tf.placeholder(tf.float32, [1, None, None, 3])
    older, newer = dict(SMALL, estimates=0), SMALL
    values = np.random.RandomState(0).uniform(-1, 1, (1, 32, 48, 3)).astype(np.float32)
    random = np.random.RandomState(1)
    output = wide_view.wide_view(pictures, older)
    with tf.Session() as session:
        numbers = [random.normal(0, 0.1, variable.shape.as_list()) for variable in wide_view.variables()]
        path = wide_view.save(str(tmp_path / "w.npz"), numbers, older)
        wide_view.load_into(session, wide_view.load(path)[0])
        wanted = session.run(output, {pictures: values})
    run.start()
    pictures = tf.placeholder(tf.float32, [1, None, None, 3])
    output = wide_view.wide_view(pictures, newer)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        wide_view.load_start(session, path, newer)
        np.testing.assert_allclose(session.run(output, {pictures: values}), wanted, atol=1e-5)
    assert np.abs(wanted - values).max() > 0.05


def test_a_file_from_before_the_estimate_is_read(tmp_path):
    settings = {name: value for name, value in SMALL.items() if name != "estimates"}
    path = weights.save(str(tmp_path / "w.npz"), {"x": np.zeros(3, np.float32)}, settings)
    assert wide_view.load(path)[1] == dict(settings, estimates=0)


def test_a_file_of_a_network_that_was_shown_other_pictures_is_refused_but_a_training_may_start_from_it(tmp_path):
    wide_view.wide_view(tf.placeholder(tf.float32, [1, None, None, 3]), SMALL)
    random = np.random.RandomState(0)
    values = {variable.op.name: random.normal(size=variable.shape.as_list()) for variable in wide_view.variables()}
    lacking = {name: value for name, value in values.items() if "/divided/" not in name}
    lacking["wide_view/divided/start/kernel"] = np.zeros((7, 7, 6, 2))
    path = weights.save(str(tmp_path / "w.npz"), {name: np.float32(value) for name, value in lacking.items()}, SMALL)
    with pytest.raises(UserError, match="older network"):
        wide_view.load(path)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        wide_view.load_start(session, path, SMALL)
        for variable in wide_view.variables():
            if "/divided/" not in variable.op.name:
                np.testing.assert_allclose(session.run(variable), values[variable.op.name], rtol=1e-2, atol=1e-3)


# ------------------------------------------------------------------------------------------- drawn
@pytest.mark.parametrize("length", [4.0, 9.0, 18.0])
def test_the_extent_is_that_of_the_path(length):
    assert shake.extent(kernel_of(3, length)) == pytest.approx(length, abs=2.0)
    point = np.zeros((blur_kernel.SIDE, blur_kernel.SIDE))
    point[blur_kernel.RADIUS, blur_kernel.RADIUS] = 1.0
    assert shake.extent(point) == 0


def test_each_tile_gets_its_kernel_drawn():
    def of_tile(values):  # the brighter a tile, the longer its path
        length = int(round((values.mean() + 1) * 5))
        kernel = np.zeros((blur_kernel.SIDE, blur_kernel.SIDE))
        kernel[blur_kernel.RADIUS, blur_kernel.RADIUS : blur_kernel.RADIUS + length + 1] = 1.0
        return kernel

    pixels = np.zeros((96, 192, 3), np.uint8)
    pixels[:, 96:] = 255
    pixels[:6, :96], pixels[:6, 96:] = 60, 195
    picture, extents, empty = shake.drawn(pixels, of_tile, 96)
    assert picture.shape == pixels.shape and extents == [0, 10] and empty == 0
    assert picture[44:52, 44:52].max() > 60 and (picture[6:, 96:, 0] >= 85).all()
    assert (picture[:, 96:, 0] > 110).sum() > (picture[:, :96, 0] > 110).sum()


def test_a_square_that_shows_nothing_has_no_shake(shipped):
    """Of a black tile the network makes a kernel of 79 pixels, of sky one of 62."""
    values, settings = shipped
    with tf.Session() as session:
        of_tile = shake.estimator(session, photos_script.SHIPPED)
        half = np.concatenate([np.full((192, 192, 3), 120, np.uint8), photo("astronaut", 192)], axis=1)
        picture, extents, empty = shake.drawn(half, of_tile, 192)
        assert len(extents) == 1 and extents[0] < 10 and empty == 1
        assert set(np.unique(picture[:, :192])) == {40, 96}  # darkened, with the frame of an empty square
        assert "at most" in shake.in_words(extents, empty) and "1 of 2 squares" in shake.in_words(extents, empty)
        sky = np.linspace(100, 120, 64)[:, None, None] + np.random.RandomState(0).normal(0, 4, (64, 64, 3))
        for nothing in (np.zeros((64, 64, 3), np.uint8), np.full((1, 1, 3), 9, np.uint8), np.uint8(sky)):
            assert shake.drawn(nothing, of_tile, 64)[1:] == ([], 1)
    assert shake.in_words([], 1).startswith("no estimate")


def test_shake_by_weights_that_estimate_none_is_refused(tmp_path):
    path = weights.save(str(tmp_path / "w.npz"), {"x": np.zeros(3, np.float32)}, dict(SMALL, estimates=0))
    with pytest.raises(UserError, match="estimates no kernel"):
        shake.estimator(None, path)


def test_shake_of_photos_from_the_command_line(tmp_path, capsys):
    wide_view.wide_view(tf.placeholder(tf.float32, [1, None, None, 3]), SMALL)
    random = np.random.RandomState(0)
    numbers = [random.normal(0, 0.1, variable.shape.as_list()) for variable in wide_view.variables()]
    path = wide_view.save(str(tmp_path / "w.npz"), numbers, SMALL)
    for name in ("a", "b"):
        images.write_png(str(tmp_path / "in" / (name + ".png")), photo(side=80))
    words = [str(tmp_path / "in"), "--weights", path, "--preset", "tiny", "--output-dir", str(tmp_path / "out")]
    shake.main(words)
    for name in ("a", "b"):
        assert images.read_rgb(str(tmp_path / "out" / "kernels" / (name + ".png"))).shape == (80, 80, 3)
    assert capsys.readouterr().out.count("a shake of") == 2
    black = images.write_png(str(tmp_path / "black.png"), np.zeros((80, 80, 3), np.uint8))
    tf.reset_default_graph()
    shake.main([black] + words[1:])
    assert "black.png: no estimate" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------- the shipped weights
@pytest.mark.parametrize("name,seed", [("astronaut", 8), ("coffee", 1)])
def test_the_shipped_weights_find_the_kernel(shipped, name, seed):
    """Of photos that nothing was trained on, paths that are bent, and not their mirror images."""
    values, settings = shipped
    true = kernel_of(seed, 10.0)
    dim = np.clip(blurred_light((photo(name, 320) / 255.0) ** photo_crops.GAMMA, true), 0, 1)
    pixels = images.from_uint8(np.uint8(np.rint(255.0 * dim ** (1 / photo_crops.GAMMA))))[np.newaxis]
    pictures = tf.placeholder(tf.float32, [1, None, None, 3])
    wide_view.wide_view(pictures, settings)
    kernel = wide_view.estimated(pictures, settings)[-2][0]
    with tf.Session() as session:
        wide_view.load_into(session, values)
        found = session.run(kernel, {pictures: pixels})[0]
    shared, mirrored = (np.minimum(found, kernel).sum() for kernel in (true, true[::-1, ::-1]))
    assert shared > 0.6 and shared > mirrored + 0.1


def test_the_shipped_weights_find_a_kernel_for_each_half(shipped):
    """A camera that turned: the quarters' kernels are nearer to those of their own half than the whole's one kernel is."""
    values, settings = shipped
    true = [kernel_of(8, 12.0), kernel_of(1, 12.0)]
    light = (photo("astronaut", 448) / 255.0) ** photo_crops.GAMMA
    left, right = (np.clip(blurred_light(light, kernel), 0, 1) for kernel in true)
    dim = np.concatenate([left[:, :224], right[:, 224:]], axis=1)
    pixels = images.from_uint8(np.uint8(np.rint(255.0 * dim ** (1 / photo_crops.GAMMA))))[np.newaxis]
    pictures = tf.placeholder(tf.float32, [1, None, None, 3])
    wide_view.wide_view(pictures, settings)
    estimates = wide_view.estimated(pictures, settings)
    with tf.Session() as session:
        wide_view.load_into(session, values)
        whole, quarters = session.run([estimates[-2][0], estimates[-1][0]], {pictures: pixels})
    shared = [np.minimum(found, true[index % 2]).sum() for index, found in enumerate(quarters)]
    of_whole = [np.minimum(whole[0], kernel).sum() for kernel in true]
    assert np.mean(shared) > np.mean(of_whole) + 0.02 and min(shared) > min(of_whole)


def test_a_shaken_photo_gets_sharper_and_a_sharp_one_stays(shipped):
    sharp = photo("chelsea", 320)
    blurred = train_photos.shaken(sharp, np.random.RandomState(5), 9, 9.01, 1.0)
    opts = photos_script.options.parse_values(photos_script.__file__, "", photos_script.VALUES, [], base="cpu")
    with tf.Session() as session:
        restore = photos_script.restorer(session, opts, photos_script.SHIPPED)
        sharper, same = (photos_script.restore_photo(restore, pixels, opts) for pixels in (blurred, sharp))
    assert images.psnr(sharp, sharper) > images.psnr(sharp, blurred) + 1.0
    assert images.psnr(sharp, same) > 36


def test_blur_of_pixel_values_is_taken_away_as_well(shipped):
    """As GOPRO's frames are made: the mean of the coded frames. Division of their light leaves rings."""
    values, settings = shipped
    sharp, kernel = photo("coffee", 320), kernel_of(8, 12.0)
    pixels = np.uint8(np.rint(blurred_light(sharp.astype(float), kernel).clip(0, 255)))
    photos = tf.placeholder(tf.float32, [1, None, None, 3])
    restored = wide_view.wide_view(photos, settings)
    divided = wide_view.all_divided(photos, settings)
    with tf.Session() as session:
        wide_view.load_into(session, values)
        found, of_each = session.run([restored, divided], {photos: images.from_uint8(pixels)[np.newaxis]})
    before = images.psnr(sharp, pixels)
    grey = sharp.mean(axis=2)
    light, coded = (images.psnr(grey, 127.5 * (of_each[0, ..., index] + 1.0)) for index in (0, 4))
    assert coded > light + 0.5 and images.psnr(sharp, images.to_uint8(found[0])) > before + 2.0
