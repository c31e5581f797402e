"""Training beyond the print: losses, which network a step moves, averages, exact resume, and what a user may get wrong."""

import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from ch10_deblurgan.beyond import evaluate, generator, losses, train
from common import datasets, options, run
from common.errors import Stopped, UserError
from tests.ch10_deblurgan.test_train import batch

K = tf.keras.backend


def settings(preset="tiny", **changed):
    """The values of a preset; small ones for tests by default."""
    values = {row.name: row.presets.get(preset, row.value) for row in train.VALUES}
    return SimpleNamespace(**dict(values, vgg_file=None, **changed))


def small(**changed):
    return settings(
        **dict(dict(ngf=4, ndf=4, skips=False, perceptual_weight=0.0, adversarial_weight=0.0, fast=False), **changed)
    )


# ------------------------------------------------------------------------------------------- losses
def test_structure_loss_is_scikit_images_ssim_in_flat_windows():
    from skimage.metrics import structural_similarity

    sharp, other = batch(2, 24)
    blurred = np.clip((sharp + 0.3 * other) * 0.7, -1, 1)
    expected = []
    for pair in zip(sharp + 1, blurred + 1):
        keywords = dict(win_size=7, data_range=2, multichannel=True, use_sample_covariance=False, full=True)
        expected.append(structural_similarity(*pair, **keywords)[1][3:-3:2, 3:-3:2])
    with tf.Session() as session:
        value = session.run(losses.structure_loss(tf.constant(sharp), tf.constant(blurred)))
        same = session.run(losses.structure_loss(tf.constant(sharp), tf.constant(sharp)))
    assert value == pytest.approx(1 - np.mean(expected), abs=1e-4) and value > 0.05
    assert same == pytest.approx(0, abs=1e-5)


def test_vgg_scalings():
    """Erratum E55: ImageNet weights want BGR, 0…255, mean subtracted; the print feeds RGB, −1…1."""
    pictures = batch(2)[0]
    pixels = (np.float64(pictures) + 1) * 127.5
    with tf.Session() as session:
        values = {name: session.run(losses.vgg_input(tf.constant(pictures), name)) for name in losses.SCALINGS}
    expected = tf.keras.applications.vgg16.preprocess_input(pixels.copy())
    np.testing.assert_allclose(values["keras"], expected, atol=1e-3)
    torch = (pixels / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(values["torchvision"], torch, atol=1e-5)
    np.testing.assert_array_equal(values["printed"], pictures)
    assert np.std(values["printed"]) * 50 < np.std(values["keras"])


def test_gradient_penalty_of_a_linear_critic():
    factor = np.float32(np.random.RandomState(0).normal(0, 0.1, (8, 8, 3)))
    real, fake = batch(4, 8)

    def critic(pictures):
        return tf.reduce_sum(pictures * factor, axis=[1, 2, 3])

    with tf.Session() as session:
        value = session.run(losses.gradient_penalty(critic, tf.constant(real), tf.constant(fake)))
    assert value == pytest.approx((np.linalg.norm(factor) - 1) ** 2, rel=1e-4)


# ------------------------------------------------------------------------------------------- steps
@pytest.mark.parametrize("critic", ["printed", "wgan-gp"])
def test_a_step_moves_only_the_network_whose_step_it_is(critic):
    opts = small(critic=critic, adversarial_weight=1.0, pixel_weight=10.0, ssim_weight=0.0, dropout=True)
    net = train.build(opts, (32, 32))
    session = K.get_session()
    run.initialize_uninitialized(session)
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
    values = session.run(net.g_losses, feed)
    assert sorted(values) == ["adversarial", "pixel", "total"]
    assert values["total"] == pytest.approx(10 * values["pixel"] + values["adversarial"], rel=1e-4)


def test_content_loss_falls_and_both_modes_agree():
    """Published switchable norms were seen to do other things in training than in use; here dropout is the only difference."""
    opts = small(norm="switch", end_kernel=7, pixel_weight=1.0, ssim_weight=0.0, average=0.0, learning_rate=3e-3)
    net = train.build(opts, (32, 32))
    session = K.get_session()
    run.initialize_uninitialized(session)
    sharp = np.repeat(np.repeat(batch(4, 8)[0], 4, axis=1), 4, axis=2)
    blurred = (sharp + np.roll(sharp, 1, 1) + np.roll(sharp, -1, 1)) / 3
    feed = {net.blurred: blurred, net.sharp: sharp}
    first = session.run(net.g_losses["pixel"], feed)
    for _ in range(60):
        session.run(net.g_step, feed)
    assert session.run(net.g_losses["pixel"], feed) < 0.9 * first
    for _ in range(300):  # let the averages settle at these weights
        session.run(net.g_step, {net.learning_rate: 0.0, net.blurred: blurred, net.sharp: sharp})
    trained = session.run(net.g_losses["pixel"], feed)
    used = np.abs(session.run(net.restored, {net.photo: blurred}) - sharp).mean()
    assert used == pytest.approx(trained, rel=0.03)


def test_the_scored_generator_is_the_moving_average_of_the_trained_one():
    """Against an average kept in NumPy, weight by weight; without --average it is the trained generator itself."""
    opts = small(norm="switch", pixel_weight=1.0, ssim_weight=0.0, average=0.7, learning_rate=1e-2)
    blurred, sharp = batch(3)
    net = train.build(opts, (32, 32))
    session = K.get_session()
    run.initialize_uninitialized(session)
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
    for value, wanted in zip(net.generator.get_weights(), trained):
        np.testing.assert_array_equal(value, wanted)


def test_selection_score_weighs_both_scores():
    rows = [dict(psnr=29.0, ssim=0.91), dict(psnr=28.9, ssim=0.915), dict(psnr=28.5, ssim=0.916)]
    assert max(rows, key=lambda row: train.selection_score(row, 0.0)) is rows[0]
    assert max(rows, key=lambda row: train.selection_score(row, 50.0)) is rows[1]
    assert max(rows, key=lambda row: train.selection_score(row, 1000.0)) is rows[2]


def test_learning_rate_falls_after_decay_from():
    opts = settings(learning_rate=1.0, decay_from=2, epoch_num=6)
    np.testing.assert_allclose([train.rate_of(opts, epoch) for epoch in range(6)], [1, 1, 1, 0.75, 0.5, 0.25])
    assert train.rate_of(settings(learning_rate=1.0, decay_from=0, epoch_num=6), 5) == 1


def test_a_run_that_ends_before_the_rate_falls_may_be_made_longer(tmp_path):
    """Its settings once said 0 in place of the epoch, and the same command with more epochs was refused."""
    for epochs, last in ((30, 1e-3), (60, 1e-3 * 1 / 25)):
        words = ["--output-dir", str(tmp_path), "--epoch-num", str(epochs)]
        opts = options.parse_values(train.__file__, train.__doc__, train.VALUES, words, train.add_options, base="cpu")
        train.check_choices(opts)
        run.check_settings(opts)
        assert opts.decay_from == 35 and train.rate_of(opts, epochs - 1) == pytest.approx(last)


def test_printed_preset_has_the_printed_values():
    opts = settings("printed")
    assert (opts.ngf, opts.ndf, opts.n_blocks, opts.batch_size, opts.epoch_num, opts.critic_updates) == (
        64,
        64,
        9,
        4,
        500,
        5,
    )
    assert (opts.learning_rate, opts.perceptual_weight, opts.adversarial_weight, opts.crop) == (1e-4, 100.0, 1.0, 0)
    assert not (opts.pixel_weight or opts.ssim_weight or opts.average or opts.decay_from or opts.skips or opts.fast)
    assert {key: getattr(opts, key) for key in generator.PRINTED} == generator.PRINTED and opts.critic == "printed"


# ------------------------------------------------------------------------------------------- resume
def _variables():
    return {v.name: v for v in tf.global_variables() if not v.name.startswith("block")}


def test_a_stopped_training_goes_on_exactly(tmp_path, monkeypatch, capsys):
    """Two epochs at once, or stopped within the first and within the second: the same weights, moments, averages and history."""
    words = "--preset tiny --threads 1 --ngf 2 --ndf 2 --crops-per-pair 1 --batch-size 8 --critic-updates 1".split()
    words += "--perceptual-weight 0 --dropout true --synthesize 0.5 --fast false --validate 1".split()
    words += ["--epoch-num", "2", "--output-dir"]
    train.main(words + [str(tmp_path / "whole")])
    assert "there is no val: the best epoch is chosen by the test pairs" in capsys.readouterr().out
    whole = tf.train.load_checkpoint(run.checkpoints(str(tmp_path / "whole" / "checkpoints"))[0])

    real, steps = train.train_step, []

    def step_and_stop(sess, net, opts, *rest):
        steps.append(1)
        if len(steps) in (2, 5):
            os.kill(os.getpid(), 15)
        return real(sess, net, opts, *rest)

    monkeypatch.setattr(train, "train_step", step_and_stop)
    for _ in range(2):
        with pytest.raises(Stopped):
            train.main(words + [str(tmp_path / "parts")])
    train.main(words + [str(tmp_path / "parts"), "--start-from", "gone.npz"])
    assert "the training goes on: --start-from is of its beginning" in capsys.readouterr().out
    assert len(steps) == 6  # 21 pairs in batches of 8, twice; no batch was done again
    parts = tf.train.load_checkpoint(run.checkpoints(str(tmp_path / "parts" / "checkpoints"))[0])
    names = sorted(whole.get_variable_to_shape_map())
    assert names == sorted(parts.get_variable_to_shape_map()) and any("adam_d" in name for name in names)
    for name in names:
        np.testing.assert_array_equal(parts.get_tensor(name), whole.get_tensor(name), err_msg=name)
    logs = [
        (tmp_path / run_name / "log.txt").read_text(encoding="utf-8").splitlines() for run_name in ("whole", "parts")
    ]
    assert [len(log) for log in logs] == [2, 2]
    rows = [options.read_json(str(tmp_path / run_name / "history.json"), list) for run_name in ("whole", "parts")]
    assert [[row[key] for row in rows[0]] for key in ("epoch", "psnr", "ssim")] == [
        [row[key] for row in rows[1]] for key in ("epoch", "psnr", "ssim")
    ]
    assert sorted(os.listdir(str(tmp_path / "parts" / "weights"))) == [
        "discriminator_last.h5",
        "generator_best.h5",
        "generator_last.h5",
    ]
    assert os.listdir(str(tmp_path / "parts" / "summaries"))
    record = options.read_json(str(tmp_path / "parts" / "record-train.json"))
    assert record["metrics"]["epochs"]["value"] == 2 and len(record["files"]) == 1
    shutil.copytree(os.path.join(datasets.sample("gopro"), "image"), str(tmp_path / "other"))
    one = os.listdir(str(tmp_path / "other" / "train" / "A"))[0]
    shutil.copy(str(tmp_path / "other" / "train" / "B" / one), str(tmp_path / "other" / "train" / "A" / one))
    with pytest.raises(UserError, match="other data .gopro.train.A"):
        train.main(words + [str(tmp_path / "parts"), "--data-dir", str(tmp_path / "other")])
    best = str(tmp_path / "parts" / "weights" / "generator_best.h5")
    assert [evaluate.chose_the_epoch(split, best) for split in ("train", "val", "test")] == [False, False, True]
    assert not evaluate.chose_the_epoch("test", best.replace("best", "last"))


def test_damaged_history_is_named(tmp_path):
    for content in ("[", "{}", "[3]", '[{"epoch": "x", "psnr": 1, "ssim": 1, "total": 1, "minutes": 1}]'):
        (tmp_path / "history.json").write_text(content, encoding="utf-8")
        with pytest.raises(UserError, match="history.json"):
            train.read_history(str(tmp_path), 3)


@pytest.mark.parametrize(
    "words,complaint",
    [
        (["--norm", "group"], "norm"),
        (["--crop", "30"], "multiples of 4"),
        (["--crop", "8"], "too small for VGG16"),
        (["--crop", "8", "--perceptual-weight", "0"], "too small for SSIM"),
        (["--average", "1"], "average"),
        (["--batch-size", "-4"], "batch-size"),
        (["--learning-rate", "nan"], "learning-rate"),
        (["--data-dir", "nowhere"], "nowhere"),
        (
            "--pixel-weight 0 --ssim-weight 0 --adversarial-weight 0 --perceptual-weight 0".split(),
            "nothing would be trained",
        ),
    ],
)
def test_wrong_options_are_said_in_one_line(tmp_path, capsys, words, complaint):
    with pytest.raises((UserError, SystemExit)) as caught:
        train.main(["--preset", "tiny", "--output-dir", str(tmp_path)] + words)
    said = capsys.readouterr().err if caught.type is SystemExit else str(caught.value)
    assert complaint in said and len(said.strip().splitlines()) == 1
