"""Listing 10-2: pictures, losses, start-up and resume, and what a user may get wrong."""

import os
import shutil

import h5py
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ch10_deblurgan import code_10_01_models as models
from ch10_deblurgan import code_10_02_train as train
from ch10_deblurgan import code_10_03_deblur as deblur
from common import datasets
from common.errors import UserError
from data import vgg16

K = tf.keras.backend


def batch(count=3, side=32, seed=0):
    random = np.random.RandomState(seed)
    return [random.uniform(-1, 1, (count, side, side, 3)).astype(np.float32) for _ in range(2)]


@pytest.fixture(scope="module")
def vgg_folder(tmp_path_factory):
    """A file of VGG16's first seven convolutions in Keras's layout, with made values."""
    folder = tmp_path_factory.mktemp("vgg16")
    random = np.random.RandomState(0)
    with h5py.File(str(folder / "vgg16_made_notop.h5"), "w") as stream:
        stream.attrs["layer_names"] = [name.encode() for name, _, _ in vgg16.LAYERS]
        for name, inputs, outputs in vgg16.LAYERS:
            group = stream.create_group(name)
            names = ["%s/kernel:0" % name, "%s/bias:0" % name]
            group.attrs["weight_names"] = [item.encode() for item in names]
            group[names[0]] = np.float32(random.normal(0, np.sqrt(2.0 / (9 * inputs)), (3, 3, inputs, outputs)))
            group[names[1]] = np.float32(random.normal(0, 0.1, outputs))
    return folder


def test_pictures_are_resized_as_tensorflow_1_does(tmp_path):
    """Bilinear between the pixels at row·scale, corners not aligned, nothing averaged; then −1…1. Pillow gives other values."""
    pixels = np.random.RandomState(0).randint(0, 256, (30, 40, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(str(tmp_path / "a.png"))
    rows, columns = np.arange(12) * 30 / 12.0, np.arange(20) * 40 / 20.0
    top, left = rows.astype(int), columns.astype(int)
    down, right = np.minimum(top + 1, 29), np.minimum(left + 1, 39)
    a, b = (rows - top)[:, None, None], (columns - left)[None, :, None]
    wide = np.float64(pixels)
    upper = wide[top][:, left] * (1 - b) + wide[top][:, right] * b
    lower = wide[down][:, left] * (1 - b) + wide[down][:, right] * b
    expected = (upper * (1 - a) + lower * a - 127.5) / 127.5
    with tf.Session() as session:
        result = session.run(train._processimg(str(tmp_path / "a.png"), (12, 20)))
    np.testing.assert_allclose(result, expected, atol=1e-5)
    pillow = np.asarray(Image.fromarray(pixels).resize((20, 12), Image.BILINEAR)) / 127.5 - 1
    assert np.abs(result - pillow).max() > 0.1


def numpy_features(pictures, path):
    """The seven convolutions of VGG16 with two poolings, in NumPy."""
    x = np.float64(pictures)
    with h5py.File(path, "r") as stream:
        for index, (name, _, _) in enumerate(vgg16.LAYERS):
            kernel, bias = (stream["%s/%s/%s:0" % (name, name, part)][()] for part in ("kernel", "bias"))
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="constant")
            height, width = x.shape[1:3]
            windows = [(i, j, padded[:, i : i + height, j : j + width]) for i in range(3) for j in range(3)]
            x = np.maximum(sum(np.tensordot(window, kernel[i, j], 1) for i, j, window in windows) + bias, 0)
            if index in (1, 3):
                x = x.reshape(len(x), height // 2, 2, width // 2, 2, -1).max((2, 4))
    return x


def test_perceptual_loss_is_the_mean_square_difference_of_block3_conv3(vgg_folder):
    first, second = batch(1)
    path = vgg16.find(str(vgg_folder))
    expected = np.mean((numpy_features(first, path) - numpy_features(second, path)) ** 2)
    loss = train.perceptual_loss(tf.constant(first), tf.constant(second), (32, 32), path)
    assert K.get_session().run(loss) == pytest.approx(expected, rel=1e-3)


def test_a_partial_has_no_name_for_compile():
    """Without the name, which the scan may have lost, the joint model cannot be compiled."""
    loss = train.partial(train.wasserstein_loss)
    x = tf.keras.layers.Input((2,))
    model = tf.keras.Model(x, [tf.keras.layers.Dense(1)(x), tf.keras.layers.Dense(1)(x)])
    if tf.__version__.startswith("1.13"):
        with pytest.raises(AttributeError, match="__name__"):
            model.compile("sgd", [loss, train.wasserstein_loss])
    loss.__name__ = "loss"
    model.compile("sgd", [loss, train.wasserstein_loss])


def test_a_saturated_sigmoid_critic_teaches_nothing():
    """Erratum E57: at the printed −0.5 the sigmoid's slope, and so the generator's gradient, is gone."""
    gradients = []
    for last in ("sigmoid", None):
        critic = models.discriminator_model((32, 32), last=last, ndf=4)
        pictures = tf.constant(batch(2)[0])
        value = critic(pictures)
        gradient = tf.gradients(train.wasserstein_loss(tf.ones_like(value), value), pictures)[0]
        end = critic.layers[-1]
        end.set_weights([end.get_weights()[0], np.full(1, 25.0)])  # what a critic that is sure of itself comes to
        gradients.append(np.abs(K.get_session().run(gradient)).max())
    assert gradients[0] < 1e-9 < 1e-6 < gradients[1]


def test_start_up_and_resume(tmp_path, vgg_folder, capsys):
    """Erratum E61: VGG16 has its own weights after start-up. Also E59, E60: names and lines as printed, one line an epoch.

    Taken up after its first epoch, a run ends where it ended without a stop (without dropout, whose stream begins anew).
    """
    words = "--preset tiny --threads 1 --ngf 2 --ndf 2 --critic-updates 1 --batch-size 11 --n-blocks-gen 0 --vgg-dir".split()
    words += [str(vgg_folder), "--output-dir"]
    train.main(words + [str(tmp_path / "run")])
    session = K.get_session()
    kernel = [v for v in tf.global_variables() if "block3_conv3/kernel" in v.name][0]
    with h5py.File(vgg16.find(str(vgg_folder)), "r") as stream:
        expected = stream["block3_conv3/block3_conv3/kernel:0"][()]
    np.testing.assert_array_equal(session.run(kernel), expected)
    first, second = (
        tf.constant(np.random.RandomState(n).uniform(-1, 1, (1, 32, 48, 3)).astype(np.float32)) for n in (0, 1)
    )
    values = [
        train.myperceptual_loss(first, second),
        train.perceptual_loss(first, second, (32, 48), vgg16.find(str(vgg_folder))),
    ]
    assert train.myperceptual_loss.__name__ == "myperceptual_loss"
    values = session.run(values)
    assert values[0] == pytest.approx(values[1]) and values[0] > 0
    session.run(tf.global_variables_initializer())  # the printed way
    assert np.abs(session.run(kernel) - expected).max() > 0.01

    log = (tmp_path / "run" / "log.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split(" - ", 1)[0] for line in log] == ["0", "1"] and all(len(line.split(" - ")) == 3 for line in log)
    saved = tmp_path / "run" / "weights"
    assert sorted(name.split("_")[:2] for name in os.listdir(str(saved / os.listdir(str(saved))[0]))) == [
        ["discriminator", "0.h5"],
        ["discriminator", "1.h5"],
        ["generator", "0"],
        ["generator", "1"],
    ]
    capsys.readouterr()
    deblur.main(
        ["--preset", "tiny", "--threads", "1", "--output-dir", str(tmp_path / "run")]
    )  # listing 10-3 takes it from here
    assert capsys.readouterr().out.splitlines()[1:] == ["3", "results00.png", "results01.png", "results02.png"]
    with Image.open(str(tmp_path / "run" / "results00.png")) as panel:
        assert panel.size == (1920, 360)
    for option in ("--ngf", "--n-blocks-gen"):  # the run's own were taken, whatever was given
        with pytest.raises(UserError, match="--ngf and --n-blocks-gen are for --weights"):
            deblur.main(["--preset", "tiny", "--output-dir", str(tmp_path / "run"), option, "3"])
    shutil.copytree(str(tmp_path / "run"), str(tmp_path / "again"))
    for path in (tmp_path / "again" / "checkpoints").glob("model-2.*"):
        path.unlink()
    train.main(words + [str(tmp_path / "again")])
    assert "resuming from" in capsys.readouterr().out
    ends = [tf.train.load_checkpoint(str(tmp_path / name / "checkpoints" / "model-2")) for name in ("run", "again")]
    names = sorted(ends[0].get_variable_to_shape_map())
    # both optimizers' moments and step numbers among them, and the averages of both kinds of norm, but not VGG16
    assert len([name for name in names if "Adam" in name]) >= 4 and not [name for name in names if "block" in name]
    assert len([name for name in names if "moving_mean" in name]) == 5 + 4
    for name in names:
        np.testing.assert_array_equal(ends[0].get_tensor(name), ends[1].get_tensor(name), err_msg=name)
    with pytest.raises(UserError, match="ngf 2, not 3"):
        train.main(words + [str(tmp_path / "run"), "--ngf", "3"])
    other = str(tmp_path / "other")
    shutil.copytree(os.path.join(datasets.sample("gopro"), "image"), other)
    capsys.readouterr()
    train.main(words + [str(tmp_path / "run"), "--data-dir", other])  # the same pictures elsewhere; all epochs are done
    assert "resuming from" in capsys.readouterr().out
    one = os.listdir(os.path.join(other, "train", "A"))[0]
    for part in ("A", "B"):
        os.remove(os.path.join(other, "train", part, one))
    with pytest.raises(UserError, match="other data .gopro.train.A..: 21 .*, not 20 "):
        train.main(words + [str(tmp_path / "run"), "--data-dir", other])


def _damaged_h5(path, vgg_folder, change):
    with h5py.File(vgg16.find(str(vgg_folder)), "r") as source, h5py.File(str(path), "w") as target:
        target.attrs["layer_names"] = source.attrs["layer_names"]
        for name in source:
            source.copy(name, target)
        change(target)
    return str(path)


def _nan(stream):
    stream["block2_conv1/block2_conv1/bias:0"][3] = np.nan


def _other_shape(stream):
    del stream["block1_conv1/block1_conv1/kernel:0"]
    stream["block1_conv1/block1_conv1/kernel:0"] = np.zeros((3, 3, 4, 64))


def _group_for_a_layer(stream):
    del stream["block3_conv3"]
    stream["block3_conv3"] = np.zeros(3)


@pytest.mark.parametrize(
    "change,complaint",
    [(_nan, "no weights"), (_other_shape, "not a VGG16 weights file"), (_group_for_a_layer, "not a readable h5 file")],
)
def test_vgg_files_that_are_damaged(tmp_path, vgg_folder, change, complaint):
    with pytest.raises(UserError, match=complaint):
        vgg16.check(_damaged_h5(tmp_path / "x.h5", vgg_folder, change))


def test_vgg_files_that_are_none(tmp_path, vgg_folder):
    with pytest.raises(UserError, match="does not exist"):
        vgg16.check(str(tmp_path / "none.h5"))
    whole = open(vgg16.find(str(vgg_folder)), "rb").read()
    for content in (b"", b"no h5", whole[:5000], whole[: len(whole) // 2]):
        (tmp_path / "vgg16_notop.h5").write_bytes(content)
        with pytest.raises(UserError, match="not a readable h5 file"):
            vgg16.find(str(tmp_path))
    os.remove(str(tmp_path / "vgg16_notop.h5"))
    os.mkfifo(str(tmp_path / "vgg16_notop.h5"))
    with pytest.raises(UserError, match="pipe"):
        vgg16.find(str(tmp_path))
    with pytest.raises(UserError, match="vgg16"):
        vgg16.find(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    "words,complaint",
    [
        (["--reshape", "33", "48"], "multiples of 4"),
        (["--reshape", "32"], "reshape"),
        (["--reshape", "-32", "48"], "reshape"),
        (["--batch-size", "0"], "batch-size"),
        (["--epoch-num", "-1"], "epoch-num"),
        (["--data-dir", "nowhere"], "nowhere"),
        (["--vgg-dir", "nowhere"], "give its folder with --vgg-dir"),
    ],
)
def test_wrong_options_are_said_in_one_line(tmp_path, capsys, words, complaint):
    """In process: `options.run` turns either into one line and status 2 (tests/common)."""
    with pytest.raises((UserError, SystemExit)) as caught:
        train.main(["--preset", "tiny", "--output-dir", str(tmp_path)] + words)
    said = capsys.readouterr().err if caught.type is SystemExit else str(caught.value)
    assert complaint in said and len(said.strip().splitlines()) == 1
    assert not os.path.exists(str(tmp_path / "settings.json")) or caught.type is UserError


@pytest.mark.real
def test_the_real_vgg_file_is_taken(real_data):
    vgg16.find(real_data("vgg16"))
