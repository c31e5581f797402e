"""Listing 10-2: losses, what start-up must not overwrite, partial batches, logging, resuming."""

import os
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tensorflow as tf

from ch10_deblurgan import code_10_02_train as train
from ch10_deblurgan.code_10_01_models import discriminator_model, generator_model
from common import options, training
from common.errors import UserError
from tests import helpers

K = tf.keras.backend
SCRIPT = "ch10_deblurgan/code_10_02_train.py"


@pytest.fixture(autouse=True)
def fresh_session():
    K.clear_session()
    training.start()
    yield
    K.clear_session()


@pytest.fixture(scope="module")
def vgg_folder(tmp_path_factory):
    """A file of VGG16's first seven convolutions in Keras's layout, with made values."""
    folder = tmp_path_factory.mktemp("vgg16")
    random = np.random.RandomState(0)
    with h5py.File(str(folder / "vgg16_made_notop.h5"), "w") as stream:
        stream.attrs["layer_names"] = [name.encode() for name in train.VGG_LAYERS]
        for name, shape in train.VGG_LAYERS.items():
            group = stream.create_group(name)
            names = ["%s/kernel:0" % name, "%s/bias:0" % name]
            group.attrs["weight_names"] = [item.encode() for item in names]
            group[names[0]] = np.float32(random.normal(0, np.sqrt(2.0 / np.prod(shape[:3])), shape))
            group[names[1]] = np.float32(random.normal(0, 0.1, shape[3]))
    return folder


def settings(**changed):
    values = dict(train.PRESETS["book"], **train.PRESETS["tiny"])
    values.update(ngf=4, ndf=4, crop=32, norm="none", vgg_dir=None)
    values.update(changed)
    return SimpleNamespace(**values)


def batch(count=3, side=32, seed=0):
    random = np.random.RandomState(seed)
    return [random.uniform(-1, 1, (count, side, side, 3)).astype(np.float32) for _ in range(2)]


# ------------------------------------------------------------------------------------------- losses
def test_wasserstein_loss():
    with tf.Session() as session:
        value = train.wasserstein_loss(tf.constant([1.0, -1.0, 1.0]), tf.constant([0.2, 0.5, 0.9]))
        assert session.run(value) == pytest.approx((0.2 - 0.5 + 0.9) / 3)


def test_structure_loss_is_scikit_images_ssim_in_flat_windows():
    from skimage.metrics import structural_similarity

    sharp, other = batch(2, 24)
    blurred = np.clip((sharp + 0.3 * other) * 0.7, -1, 1)
    expected = []
    for pair in zip(sharp + 1, blurred + 1):
        keywords = dict(win_size=7, data_range=2, multichannel=True, use_sample_covariance=False, full=True)
        expected.append(structural_similarity(*pair, **keywords)[1][3:-3:2, 3:-3:2])
    with tf.Session() as session:
        value = session.run(train.structure_loss(tf.constant(sharp), tf.constant(blurred)))
        same = session.run(train.structure_loss(tf.constant(sharp), tf.constant(sharp)))
    assert value == pytest.approx(1 - np.mean(expected), abs=1e-4) and value > 0.05
    assert same == pytest.approx(0, abs=1e-5)


def numpy_features(pictures, path):
    """The seven convolutions of VGG16 with two poolings, in NumPy."""
    x = np.float64(pictures)
    with h5py.File(path, "r") as stream:
        for index, name in enumerate(train.VGG_LAYERS):
            kernel, bias = (stream["%s/%s/%s:0" % (name, name, part)][()] for part in ("kernel", "bias"))
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="constant")
            height, width = x.shape[1:3]
            windows = [(i, j, padded[:, i : i + height, j : j + width]) for i in range(3) for j in range(3)]
            x = np.maximum(sum(np.tensordot(window, kernel[i, j], 1) for i, j, window in windows) + bias, 0)
            if index in (1, 3):
                x = x.reshape(len(x), height // 2, 2, width // 2, 2, -1).max((2, 4))
    return x


def test_perceptual_loss_is_the_mean_square_difference_of_block3_conv3(vgg_folder):
    first, second = batch(2)
    path = str(vgg_folder / "vgg16_made_notop.h5")
    expected = np.mean((numpy_features(first, path) - numpy_features(second, path)) ** 2)
    with tf.Session() as session:
        K.set_session(session)
        features = train.vgg_features((32, 32, 3), "printed", path)
        loss = train.perceptual_loss(tf.constant(first), tf.constant(second), (32, 32, 3), features)
        assert session.run(loss) == pytest.approx(expected, rel=1e-3)


def test_vgg_scalings():
    """Erratum E55: ImageNet weights want BGR, 0…255, mean subtracted; the print feeds RGB, −1…1."""
    pictures = batch(2)[0]
    pixels = (np.float64(pictures) + 1) * 127.5
    with tf.Session() as session:
        values = {name: session.run(train.vgg_input(tf.constant(pictures), name)) for name in train.VGG_SCALINGS}
    # keras: the channels are reversed where the network is called
    expected = tf.keras.applications.vgg16.preprocess_input(pixels.copy())[..., ::-1]
    np.testing.assert_allclose(values["keras"], expected, atol=1e-3)
    torch = (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(values["torchvision"], torch, atol=1e-5)
    np.testing.assert_array_equal(values["printed"], pictures)
    assert np.std(values["printed"]) * 50 < np.std(values["keras"])


def test_keras_scaling_reverses_the_channels(vgg_folder):
    pictures = batch(1)[0]
    path = str(vgg_folder / "vgg16_made_notop.h5")
    with tf.Session() as session:
        K.set_session(session)
        result = session.run(train.vgg_features((32, 32, 3), "keras", path)(tf.constant(pictures)))
    pixels = tf.keras.applications.vgg16.preprocess_input((np.float64(pictures) + 1) * 127.5)
    np.testing.assert_allclose(result, numpy_features(pixels, path), rtol=1e-3, atol=1e-2)


def test_start_up_keeps_vggs_weights(vgg_folder):
    """Erratum E61: the printed global initialiser throws the loaded ImageNet weights away."""
    path = str(vgg_folder / "vgg16_made_notop.h5")
    with h5py.File(path, "r") as stream:
        expected = stream["block3_conv3/block3_conv3/kernel:0"][()]
    with tf.Session() as session:
        K.set_session(session)
        net = train.build(settings(vgg="printed", vgg_dir=str(vgg_folder), adversarial_weight=0.0), (32, 32, 3))
        training.initialize_uninitialized(session)
        np.testing.assert_array_equal(net.vgg.get_layer("block3_conv3").get_weights()[0], expected)
        session.run(tf.global_variables_initializer())  # the printed way
        assert np.abs(net.vgg.get_layer("block3_conv3").get_weights()[0] - expected).max() > 0.01


def test_vgg_files_that_do_not_fit(tmp_path, vgg_folder):
    with pytest.raises(UserError, match="not a readable h5 file"):
        train.check_vgg_file(str(tmp_path / "none.h5"))
    (tmp_path / "text.h5").write_text("no h5", encoding="utf-8")
    with pytest.raises(UserError, match="not a readable h5 file"):
        train.check_vgg_file(str(tmp_path / "text.h5"))
    with h5py.File(str(tmp_path / "other.h5"), "w") as stream:
        stream.attrs["layer_names"] = [b"block1_conv1"]
        group = stream.create_group("block1_conv1")
        group.attrs["weight_names"] = [b"kernel:0"]
        group["kernel:0"] = np.zeros((3, 3, 4, 64))
    with pytest.raises(UserError, match="holds no kernel"):
        train.check_vgg_file(str(tmp_path / "other.h5"))
    with pytest.raises(UserError, match="vgg16"):
        train.find_vgg_file(str(tmp_path / "nowhere"))
    assert train.find_vgg_file(str(vgg_folder)).endswith("vgg16_made_notop.h5")


def test_gradient_penalty_of_a_linear_critic():
    factor = np.float32(np.random.RandomState(0).normal(0, 0.1, (8, 8, 3)))
    real, fake = batch(4, 8)

    def critic(pictures):
        return tf.reduce_sum(pictures * factor, axis=[1, 2, 3])

    with tf.Session() as session:
        value = session.run(train.gradient_penalty(critic, tf.constant(real), tf.constant(fake)))
    assert value == pytest.approx((np.linalg.norm(factor) - 1) ** 2, rel=1e-4)


def test_a_saturated_sigmoid_critic_teaches_nothing():
    """Erratum E57: at the printed −0.5 the sigmoid's slope, and so the generator's gradient, is gone."""
    gradients = {}
    for kind in ("printed", "wgan-gp"):
        critic = discriminator_model((32, 32, 3), 4, kind)
        last = critic.layers[-1]
        pictures = tf.constant(batch(2)[0])
        value = critic(pictures)
        gradient = tf.gradients(train.wasserstein_loss(tf.ones_like(value), value), pictures)[0]
        last.set_weights([last.get_weights()[0], np.full(1, 25.0)])  # what a critic that is sure of itself comes to
        gradients[kind] = np.abs(K.get_session().run(gradient)).max()
    assert gradients["printed"] < 1e-9 < 1e-6 < gradients["wgan-gp"]


# ------------------------------------------------------------------------------------------- steps
@pytest.mark.parametrize("critic", ["printed", "wgan-gp"])
def test_a_step_moves_only_the_network_whose_step_it_is(critic):
    opts = settings(critic=critic, perceptual_weight=0.0, dropout=True)
    with tf.Session() as session:
        K.set_session(session)
        net = train.build(opts, (32, 32, 3))
        training.initialize_uninitialized(session)
        blurred, sharp = batch(3)
        feed = {net.blurred: blurred, net.sharp: sharp, net.generated: blurred}

        def moved(operation):
            before = net.generator.get_weights(), net.critic.get_weights()
            session.run(operation, feed)
            after = net.generator.get_weights(), net.critic.get_weights()
            return [any(np.any(a != b) for a, b in zip(*pair)) for pair in zip(before, after)]

        for operation, _ in net.d_steps:
            assert moved(operation) == [False, True]
        assert len(net.d_steps) == (2 if critic == "printed" else 1)
        assert moved(net.g_step) == [True, False]


def test_the_generators_losses_are_logged_apart():
    """Erratum E58: the print's figure is the mean of [total, perceptual, adversarial]."""
    opts = settings(pixel_weight=10.0, perceptual_weight=100.0, adversarial_weight=1.0, critic="printed", dropout=False)
    with tf.Session() as session:
        K.set_session(session)
        net = train.build(opts, (32, 32, 3))
        training.initialize_uninitialized(session)
        blurred, sharp = batch(2)
        values = session.run(net.g_losses, {net.blurred: blurred, net.sharp: sharp})
    assert sorted(values) == ["adversarial", "perceptual", "pixel", "total"]
    expected = 10 * values["pixel"] + 100 * values["perceptual"] + values["adversarial"]
    assert values["total"] == pytest.approx(expected, rel=1e-4)
    printed = np.mean([values["total"], values["perceptual"], values["adversarial"]])
    assert abs(printed - values["total"]) > 0.1


def test_a_short_last_batch(tmp_path):
    """Erratum E56: 5 pictures in batches of 4; the print's label arrays have batch_size entries."""
    from tests.ch10_deblurgan.test_pairs import make_pairs

    make_pairs(tmp_path, "abcde", size=(32, 32))
    opts = settings(batch_size=4, crops_per_pair=1, perceptual_weight=0.0, critic="printed")
    found = train.pair_files.find_pairs(str(tmp_path))
    iterator = train.make_dataset(found, opts, 0).make_initializable_iterator()
    values = iterator.get_next()
    opts.batches = 2
    with tf.Session() as session:
        K.set_session(session)
        net = train.build(opts, (32, 32, 3))
        training.initialize_uninitialized(session)
        session.run(iterator.initializer)
        assert [len(session.run(values)[0]) for _ in range(2)] == [4, 1]
        with pytest.raises(tf.errors.OutOfRangeError):
            session.run(values)
        losses = train.pre_train_epoch(session, iterator, values, net, opts, 0, SimpleNamespace(requested=False))
        assert session.run(net.step) == 2 and np.isfinite(losses["d"])
        net.critic.compile("sgd", train.wasserstein_loss)  # the printed way
        with pytest.raises(ValueError, match="same number of samples"):
            net.critic.train_on_batch(batch(1)[0], np.ones((4, 1)))


def test_content_loss_falls_and_both_modes_agree():
    """Published switchable norms were seen to do other things in training than in use; here dropout is the only difference."""
    opts = settings(perceptual_weight=0.0, adversarial_weight=0.0, pixel_weight=1.0, dropout=False, learning_rate=3e-3)
    opts.norm = "switch"
    with tf.Session() as session:
        K.set_session(session)
        net = train.build(opts, (32, 32, 3))
        training.initialize_uninitialized(session)
        sharp = np.repeat(np.repeat(batch(4, 8)[0], 4, axis=1), 4, axis=2)
        blurred = (sharp + np.roll(sharp, 1, 1) + np.roll(sharp, -1, 1)) / 3
        feed = {net.blurred: blurred, net.sharp: sharp}
        first = session.run(net.g_losses["pixel"], feed)
        for _ in range(60):
            session.run(net.g_step, feed)
        trained = session.run(net.g_losses["pixel"], feed)
        assert trained < 0.9 * first
        for _ in range(300):  # let the averages settle at these weights
            session.run(net.g_step, {net.blurred: blurred, net.sharp: sharp, net.learning_rate: 0.0})
        averages = [layer.moving_mean for layer in net.generator.layers if hasattr(layer, "moving_mean")]
        assert all(np.any(value != 0) for value in session.run(averages))
        trained = session.run(net.g_losses["pixel"], feed)
        used = np.abs(session.run(net.restored, {net.photo: blurred}) - sharp).mean()
        assert used == pytest.approx(trained, rel=0.03)


def test_the_scored_generator_is_the_moving_average_of_the_trained_one():
    """Against an average kept in NumPy, weight by weight; without --average it is the trained generator itself."""
    opts = settings(perceptual_weight=0.0, adversarial_weight=0.0, pixel_weight=1.0, norm="switch", dropout=False)
    opts.average, opts.learning_rate = 0.7, 1e-2
    blurred, sharp = batch(3)
    with tf.Session() as session:
        K.set_session(session)
        net = train.build(opts, (32, 32, 3))
        training.initialize_uninitialized(session)
        expected = net.generator.get_weights()
        for step in range(1, 13):
            session.run(net.g_step, {net.blurred: blurred, net.sharp: sharp})
            decay = min(0.7, (1.0 + step) / (10.0 + step))  # a shorter memory at first
            trained = net.generator.get_weights()
            expected = [decay * old + (1 - decay) * new for old, new in zip(expected, trained)]
        ours = session.run(net.restored, {net.photo: blurred})
        with train.averaged(session, net):
            for value, wanted in zip(net.generator.get_weights(), expected):
                np.testing.assert_allclose(value, wanted, rtol=1e-3, atol=1e-5)
            assert np.abs(session.run(net.restored, {net.photo: blurred}) - ours).max() > 1e-3
        with pytest.raises(KeyboardInterrupt):
            with train.averaged(session, net):
                raise KeyboardInterrupt  # whatever happens while scoring, training has its own weights afterwards
        np.testing.assert_array_equal(session.run(net.restored, {net.photo: blurred}), ours)
        for value, wanted in zip(net.generator.get_weights(), trained):
            np.testing.assert_array_equal(value, wanted)


def test_without_averaging_nothing_is_added():
    opts = settings(perceptual_weight=0.0, adversarial_weight=0.0, average=0.0)
    with tf.Session() as session:
        K.set_session(session)
        net = train.build(opts, (32, 32, 3))
        training.initialize_uninitialized(session)
        assert net.averages == [] and not [v for v in tf.global_variables() if "ExponentialMovingAverage" in v.name]
        with train.averaged(session, net):
            pass
    assert train.PRESETS["book"]["average"] == 0 == train.PRESETS["book"]["best_ssim"]


def test_merit_weighs_both_scores():
    rows = [dict(psnr=29.0, ssim=0.91), dict(psnr=28.9, ssim=0.915), dict(psnr=28.5, ssim=0.916)]
    assert max(rows, key=lambda row: train.merit(row, 0.0)) is rows[0]
    assert max(rows, key=lambda row: train.merit(row, 50.0)) is rows[1]
    assert max(rows, key=lambda row: train.merit(row, 1000.0)) is rows[2]


def test_learning_rate_falls_after_decay_from(monkeypatch):
    seen = []

    class Session:
        def run(self, fetches, feed=None):
            if feed is None:
                if fetches == "init":
                    self.left = 1
                    return None
                self.left -= 1
                if self.left < 0:
                    raise tf.errors.OutOfRangeError(None, None, "end")
                return batch(1)
            seen.append(feed["rate"])
            return {"total": 1.0}, None

    net = SimpleNamespace(blurred="a", sharp="b", learning_rate="rate", critic=None, g_losses={}, g_step=None)
    opts = settings(learning_rate=1.0, decay_from=2, epoch_num=6)
    opts.batches = 1
    for epoch in range(6):
        stop = SimpleNamespace(requested=False)
        train.pre_train_epoch(Session(), SimpleNamespace(initializer="init"), "data", net, opts, epoch, stop)
    np.testing.assert_allclose(seen, [1, 1, 1, 0.75, 0.5, 0.25])


def test_restore_takes_any_size():
    with tf.Session() as session:
        K.set_session(session)
        g = generator_model((None, None, 3), istrain=False, ngf=4, n_blocks=1, head="residual")
        photo = tf.placeholder(tf.float32, [None, None, None, 3])
        net = SimpleNamespace(photo=photo, restored=g(photo, training=False))
        training.initialize_uninitialized(session)
        for size in ((1, 1), (5, 7), (30, 42), (32, 32)):
            pixels = np.random.RandomState(0).randint(0, 256, size + (3,)).astype(np.uint8)
            np.testing.assert_array_equal(
                train.restore(session, net, pixels), pixels
            )  # an untrained head changes nothing


# ------------------------------------------------------------------------------------------- the script
@pytest.mark.script
def test_training_resumes_and_stops_where_it_should(tmp_path):
    """Also errata E59 (fixed file names) and E60 (one line an epoch in log.txt, also after a second run)."""
    common = ["--preset", "tiny", "--output-dir", tmp_path, "--threads", "1"]
    common += ["--perceptual-weight", "0", "--norm", "none", "--crops-per-pair", "1"]
    first = helpers.run_script(SCRIPT, *(common + ["--epoch-num", "1"]))
    assert "epoch 0: test PSNR" in first.stdout
    second = helpers.run_script(SCRIPT, *(common + ["--epoch-num", "2"]))
    assert (
        "resumed from" in second.stdout and "epoch 1: test PSNR" in second.stdout and "epoch 0: " not in second.stdout
    )
    log = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split(" - ")[0] for line in log] == ["0", "1"] and all(len(line.split(" - ")) == 3 for line in log)
    names = sorted(os.listdir(str(tmp_path / "weights")))
    assert names == ["discriminator_last.h5", "generator_best.h5", "generator_last.h5"]
    history = options.read_json(str(tmp_path / "history.json"))
    assert [row["epoch"] for row in history] == [0, 1] and all(np.isfinite(row["psnr"]) for row in history)
    kept = [name for name, _ in tf.train.list_variables(training.checkpoints(str(tmp_path / "checkpoints"))[0])]
    assert "epoch" in kept and any("adam_g" in name for name in kept) and any("adam_d" in name for name in kept)
    # the averaged weights are in the checkpoint, so a resumed run goes on from them, and they are what is written
    newest = tf.train.load_checkpoint(training.checkpoints(str(tmp_path / "checkpoints"))[0])
    means = [name for name in kept if name.endswith("kernel/ExponentialMovingAverage") and "adam" not in name]
    with h5py.File(str(tmp_path / "weights" / "generator_last.h5"), "r") as stream:
        for layer in [name.decode() for name in stream.attrs["layer_names"] if name.startswith(b"conv2d")]:
            mean = [name for name in means if name.split("/")[0] == layer]
            written = stream["%s/%s/kernel:0" % (layer, layer)][()]
            np.testing.assert_array_equal(written, newest.get_tensor(mean[0]))
            assert np.any(written != newest.get_tensor("%s/kernel" % layer))
    assert os.listdir(str(tmp_path / "summaries"))
    record = options.read_json(str(tmp_path / "record-code_10_02_train.json"))
    assert record["metrics"]["epochs"]["value"] == 2 and record["files"]


@pytest.mark.script
@pytest.mark.parametrize(
    "arguments,complaint",
    [
        (["--norm", "group"], "--norm group: choose one of"),
        (["--crop", "30"], "multiples of 4"),
        (["--average", "1"], "--average 1"),
        (["--data-dir", "nowhere"], "nowhere"),
    ],
)
def test_wrong_options_are_said_in_one_line(tmp_path, arguments, complaint):
    result = helpers.run_script(SCRIPT, "--preset", "tiny", "--output-dir", tmp_path, *arguments, check=False)
    helpers.assert_user_error(result, complaint)


@pytest.mark.real
def test_the_real_vgg_file_is_taken(real_data):
    path = train.find_vgg_file(real_data("vgg16"))
    with tf.Session() as session:
        K.set_session(session)
        features = train.vgg_features((32, 32, 3), "torchvision", path)
        value = session.run(features(tf.constant(batch(1)[0])))
        assert 0.1 < np.mean(value > 0) < 0.9
