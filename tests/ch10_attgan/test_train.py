"""Listing 10-6: losses and labels, sheets, resuming, checkpoints, as a user runs it at 'tiny'."""

import csv
import glob
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from ch10_attgan import code_10_06_train as listing
from common import images, options, training
from common.errors import UserError
from tests.helpers import assert_user_error, run_script, stop_at_once

SCRIPT = "ch10_attgan/code_10_06_train.py"


def settings(**changes):
    values = dict(listing.PRESETS["book"])
    values.update(listing.PRESETS["tiny"])
    values.update(changes)
    return SimpleNamespace(**values)


def test_book_preset_is_the_print():
    book = listing.PRESETS["book"]
    assert len(book["atts"]) == 13 and book["atts"][0] == "Bald" and book["atts"][-1] == "Young"
    printed = dict(
        img_size=128, shortcut_layers=1, inject_layers=1, enc_dim=64, dec_dim=64, dis_dim=64, dis_fc_dim=1024
    )
    printed.update(
        enc_layers=5, dec_layers=5, dis_layers=5, mode="wgan", epoch=200, batch_size=32, lr_base=0.0002, n_d=5
    )
    printed.update(b_distribution="none", thres_int=0.5, test_int=1.0, n_sample=32, sample_every=100, save_every=1000)
    assert {name: book[name] for name in printed} == printed
    assert not book["norm_first"] and not book["flips"] and not book["cache"] and book["bn_decay"] == 0.999
    assert 182000 // (book["batch_size"] * (book["n_d"] + 1)) * book["epoch"] == 189400


# ------------------------------------------------------------------------------------------------ labels
@pytest.mark.parametrize(
    "distribution,low,high", [("none", 0.5, 0.5), ("uniform", 0, 1.0), ("truncated_normal", 0, 1.0)]
)
def test_strengths_keep_the_sign_and_their_range(distribution, low, high):
    b = np.random.RandomState(0).randint(0, 2, (200, 5))
    with tf.Session() as session:
        values = session.run(listing.wanted_strength(tf.constant(b), distribution, 0.5))
    assert ((values > 0) == (b == 1)).mean() > 0.99
    assert low <= np.abs(values).min() and np.abs(values).max() <= high
    if distribution != "none":
        assert 0.4 < np.abs(values).mean() < 0.6 and np.abs(values).std() > 0.1


def test_sample_labels_flip_one_attribute_and_clear_contradictions():
    atts = ["Bald", "Bangs", "Male"]
    a = np.array([[0, 1, 1], [1, 0, 0]])
    b_list = listing.flipped_labels(a, atts)
    assert [b.tolist() for b in b_list] == [
        [[0, 1, 1], [1, 0, 0]],  # reconstruction
        [[1, 0, 1], [0, 0, 0]],  # Bald on clears Bangs
        [[0, 0, 1], [0, 1, 0]],  # Bangs on clears Bald
        [[0, 1, 0], [1, 0, 1]],
    ]
    assert a.tolist() == [[0, 1, 1], [1, 0, 0]]


def test_changed_attribute_gets_test_int():
    assert listing.strengths(np.array([[0, 1, 1]]), 0.5, 1, 0.8).tolist() == [[-0.5, 0.800000011920929, 0.5]]
    assert listing.strengths(np.array([[0, 1, 1]]), 0.5).tolist() == [[-0.5, 0.5, 0.5]]


# ------------------------------------------------------------------------------------------------ losses
def dense_entropy(labels, logits):
    return np.mean(np.maximum(logits, 0) - logits * labels + np.log1p(np.exp(-np.abs(logits))))


@pytest.mark.parametrize("mode", ["wgan", "lsgan"])
def test_losses_are_the_printed_sums(mode):
    """Against NumPy on the networks' outputs, caught in the graph. LSGAN cannot be built as printed (E82)."""
    opts = settings(mode=mode, img_size=16, dis_layers=2, enc_layers=2, dec_layers=2)
    calls = []
    real_critic = listing.critic

    def spying_critic(opts, x):
        calls.append((x, real_critic(opts, x)))
        return calls[-1][1]

    listing.critic = spying_critic
    try:
        pictures = np.random.RandomState(0).uniform(-1, 1, (8, 16, 16, 3)).astype("f")
        a = np.random.RandomState(1).randint(0, 2, (8, 8))
        model = listing.build(opts, tf.constant(pictures), tf.constant(a))
    finally:
        listing.critic = real_critic
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        outputs, d, g = session.run([[call[1] for call in calls[:2]], model.d_terms, model.g_terms])
    (real_gan, real_att), (fake_gan, fake_att) = outputs
    if mode == "wgan":
        d_gan, g_gan = -(real_gan.mean() - fake_gan.mean()), -fake_gan.mean()
    else:
        d_gan, g_gan = ((real_gan - 1) ** 2).mean() + (fake_gan**2).mean(), ((fake_gan - 1) ** 2).mean()
    np.testing.assert_allclose(d["d_loss_gan"], d_gan, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(d["xa_loss_att"], dense_entropy(a, real_att), rtol=1e-4)
    np.testing.assert_allclose(d["d_loss"], d_gan + 10 * d["gp"] + d["xa_loss_att"], rtol=1e-4)
    np.testing.assert_allclose(g["xb__loss_gan"], g_gan, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(g["g_loss"], g_gan + 10 * g["xb__loss_att"] + 100 * g["xa__loss_rec"], rtol=1e-4)
    assert 0 < g["xa__loss_rec"] < 2 and d["gp"] >= 0


def test_each_step_changes_its_own_networks_only():
    opts = settings(img_size=16, dis_layers=2, enc_layers=2, dec_layers=2)
    a = np.random.RandomState(1).randint(0, 2, (8, 8))
    model = listing.build(opts, tf.random_uniform([8, 16, 16, 3], -1, 1), tf.constant(a))
    names = [variable.op.name.split("/")[0] for variable in tf.trainable_variables()]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for step, networks in ((model.d_step, {"D"}), (model.g_step, {"Genc", "Gdec"})):
            before = session.run(tf.trainable_variables())
            session.run(step, {model.lr: 0.01})
            after = session.run(tf.trainable_variables())
            changed = {name for name, x, y in zip(names, before, after) if not np.array_equal(x, y)}
            assert changed == networks


@pytest.mark.parametrize("freeze", [False, True])
def test_running_means_move_unless_they_are_frozen(freeze):
    opts = settings(img_size=16, dis_layers=2, enc_layers=2, dec_layers=2, freeze_bn=freeze)
    a = np.random.RandomState(1).randint(0, 2, (8, 8))
    model = listing.build(opts, tf.random_uniform([8, 16, 16, 3], -1, 1), tf.constant(a))
    means = [variable for variable in tf.global_variables() if variable.op.name.endswith("moving_mean")]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(model.g_step, {model.lr: 0.01})
        moved = [np.abs(value).max() > 0 for value in session.run(means)]
    assert len(moved) == 3 and all(moved) == any(moved) == (not freeze)


def test_erratum_e84_summary_tags_do_not_collide_with_the_network():
    opts = settings(img_size=16, dis_layers=2, enc_layers=2, dec_layers=2)
    a = np.zeros((8, 8), int)
    model = listing.build(opts, tf.zeros([8, 16, 16, 3]), tf.constant(a))
    with tf.name_scope("D"):  # as printed, after the network has taken the name
        printed = tf.summary.scalar("d_loss", tf.constant(1.0))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        text, printed_text = session.run([model.d_summary, printed])
    tags = [value.tag for value in tf.Summary.FromString(text).value]
    assert tags == ["critic_losses/" + name for name in ("d_loss", "d_loss_gan", "gp", "xa_loss_att", "wd")]
    assert tf.Summary.FromString(printed_text).value[0].tag.startswith("D_")


# ------------------------------------------------------------------------------------------------ sheets
class FakeSession:
    """Stands in for the generator: gives back what it was fed."""

    def run(self, fetch, feed_dict):
        return next(value for value in feed_dict.values() if np.ndim(value) == 4)


def test_book_sheet_has_the_printed_size():
    opts = settings(img_size=128, **{"atts": listing.ATTS_BOOK})
    faces = np.random.RandomState(0).uniform(-1, 1, (32, 128, 128, 3)).astype("f")
    b_list = listing.flipped_labels(np.zeros((32, 13), int), opts.atts)
    sampler = SimpleNamespace(x_sample=0, xa_sample=1, _b_sample=2)
    sheet = listing.sample_sheet(opts, FakeSession(), sampler, faces, b_list)
    assert sheet.shape == (4096, 1932, 3)
    assert (sheet[:, 128:140] == 0).all()  # the black bar
    np.testing.assert_array_equal(sheet[:128, :128], images.to_uint8(faces[0]))
    np.testing.assert_array_equal(sheet[128:256, 140:268], images.to_uint8(faces[1]))
    labelled = listing.labelled_sheet(opts, sheet, ["original", "rebuilt"] + listing.ATTS_BOOK)
    assert labelled.shape[1] == 1932 and labelled.shape[0] > 4096
    np.testing.assert_array_equal(labelled[-4096:], sheet)
    captions = labelled[:-4096]
    assert (captions[:, 128:140] == 255).all() and captions.min() == 0


def test_erratum_e90_scipy_writes_no_pictures_any_more(tmp_path):
    import scipy.misc

    assert not hasattr(scipy.misc, "imsave")  # the printed way
    pixels = np.random.RandomState(0).randint(0, 256, (5, 4, 3)).astype(np.uint8)
    np.testing.assert_array_equal(images.read_rgb(images.write_png(str(tmp_path / "a.png"), pixels)), pixels)


# ------------------------------------------------------------------------------------------------ options
@pytest.mark.parametrize(
    "arguments,message",
    [
        (["--mode", "gan"], "must be wgan or lsgan"),
        (["--b-distribution", "normal"], "none, uniform or truncated_normal"),
        (["--enc-layers", "2"], "must be equal"),
        (["--img-size", "8"], "pictures of 8 pixels do not fit 3 layers"),
        (["--batch-size", "0"], "--batch-size must be at least 1"),
        (["--atts", "Glasses"], "unknown attribute Glasses"),
        (["--batch-size", "100"], "less than one iteration takes"),
    ],
)
def test_values_that_cannot_work(tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        listing.main(["--preset", "tiny", "--output-dir", str(tmp_path)] + arguments)


def test_no_data_is_one_line(tmp_path):
    result = run_script(SCRIPT, "--data-dir", tmp_path, "--output-dir", tmp_path / "run", check=False)
    assert_user_error(result, "lacks list_attr_celeba.txt", "mmlab.ie.cuhk.edu.hk")


# ------------------------------------------------------------------------------------------------ whole runs
@pytest.fixture(scope="module")
def run(tmp_path_factory, faces):
    """A run of 25 iterations at 'tiny' that was stopped after 15 and resumed."""
    folder = str(tmp_path_factory.mktemp("run"))
    common = ["--preset", "tiny", "--data-dir", faces, "--output-dir", folder, "--threads", "1", "--epoch", "50"]
    common += ["--n-d", "1"]
    first = run_script(SCRIPT, *common, "--max-it", "15")
    second = run_script(SCRIPT, *common, "--max-it", "25")
    return SimpleNamespace(folder=folder, first=first.stdout, second=second.stdout, arguments=common)


def read_log(folder):
    with open(os.path.join(folder, "log.csv"), encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.script
def test_run_learns_and_resumes_at_the_same_iteration(run):
    assert "this is iteration 0" in run.first and "iteration 15 of 15" in run.first
    assert "resumed from" in run.second and "this is iteration 15" in run.second and "iteration 25 of 25" in run.second
    rows = read_log(run.folder)
    assert [int(row["it"]) for row in rows] == [1, 10, 15, 16, 20, 25]
    assert all(np.isfinite(float(value)) for row in rows for value in row.values())
    assert float(rows[-1]["xa__loss_rec"]) < 0.9 * float(rows[0]["xa__loss_rec"])


@pytest.mark.script
def test_optimizer_state_is_kept(run):
    prefix = tf.train.latest_checkpoint(os.path.join(run.folder, "checkpoints"))
    reader = tf.train.load_checkpoint(prefix)
    assert reader.get_tensor("it_cnt") == 25
    names = reader.get_variable_to_shape_map()
    slots = [name for name in names if name.endswith("/Adam")]
    assert len(slots) == len([name for name in names if name + "/Adam" in names]) > 20
    used = [name for name in slots if np.abs(reader.get_tensor(name)).max() > 0]
    assert len(slots) - len(used) <= 1  # the last bias of a Wasserstein critic has no gradient
    powers = [reader.get_tensor(name) for name in names if name.startswith("beta1_power")]
    np.testing.assert_allclose(powers, [0.5**26] * 2, rtol=1e-4)  # 25 steps of each optimizer: nothing began anew


@pytest.mark.script
def test_two_checkpoints_are_kept(run):
    found = glob.glob(os.path.join(glob.escape(run.folder), "checkpoints", "*.index"))
    assert len(found) == 2
    assert all(os.path.basename(path).startswith("Epoch_(") for path in found)


@pytest.mark.script
def test_sheets_and_summaries(run):
    sheet = images.read_rgb(os.path.join(run.folder, "sample_training", "it_000025.png"))
    assert sheet.shape[1] == 64 * 10 + 6 and sheet.shape[0] > 64 * 2
    tags = {}
    for path in glob.glob(os.path.join(run.folder, "summaries", "*")):
        for event in tf.train.summary_iterator(path):
            for value in event.summary.value:
                tags.setdefault(value.tag, []).append(event.step)
    assert "critic_losses/gp" in tags and "generator_losses/xa__loss_rec" in tags and "generator_losses/lr" in tags
    assert any(tag.startswith("sample_sheet") for tag in tags)
    assert max(tags["critic_losses/gp"]) == 25


@pytest.mark.script
def test_settings_and_record(run):
    saved = options.load_settings(run.folder, "test")
    assert saved["atts"] == listing.PRESETS["tiny"]["atts"] and saved["n_d"] == 1
    record = options.read_json(os.path.join(run.folder, "record-code_10_06_train.json"))
    assert record["metrics"]["iterations"]["value"] == 25 and record["files"][0]["caption_zh"]


def test_another_network_in_the_same_folder_is_refused(run):
    with pytest.raises(UserError, match="holds a run with enc_dim = 8, not 4"):
        listing.main(run.arguments + ["--enc-dim", "4"])


def printed_restore(saver, session, prefix):
    try:
        saver.restore(session, prefix)
    except:  # noqa: E722
        session.run(tf.global_variables_initializer())
        return "no checkpoint"


@pytest.mark.script
def test_erratum_e85_a_broken_checkpoint_is_named_and_the_one_before_it_used(run, tmp_path):
    folder = str(tmp_path / "run")
    shutil.copytree(run.folder, folder)
    newest = training.checkpoints(os.path.join(folder, "checkpoints"))[0]
    with open(newest + ".data-00000-of-00001", "r+b") as stream:
        stream.truncate(100)
    it_cnt = tf.Variable(np.int64(0), name="it_cnt")
    with tf.Session() as session:
        assert printed_restore(tf.train.Saver([it_cnt]), session, newest) == "no checkpoint"
        assert session.run(it_cnt) == 0  # the print would train from scratch, over the good checkpoint
    arguments = [folder if item == run.folder else item for item in run.arguments]
    result = run_script(SCRIPT, *arguments, "--max-it", "21")
    assert "cannot be used" in result.stderr and os.path.basename(newest) in result.stderr
    assert "this is iteration 20" in result.stdout


def test_erratum_e85_only_broken_checkpoints_are_an_error(run, tmp_path):
    folder = str(tmp_path / "run")
    shutil.copytree(run.folder, folder)
    for path in glob.glob(os.path.join(glob.escape(folder), "checkpoints", "*.data*")):
        with open(path, "r+b") as stream:
            stream.truncate(100)
    arguments = [folder if item == run.folder else item for item in run.arguments]
    with pytest.raises(UserError, match="none of the 2 checkpoints"):
        listing.main(arguments + ["--max-it", "26"])


@pytest.mark.script
def test_erratum_e87_a_start_that_fails_says_why(tmp_path):
    """The print's `finally` fails itself with a NameError when start-up failed."""
    result = run_script(SCRIPT, "--preset", "tiny", "--atts", "Nose", "--output-dir", tmp_path, check=False)
    assert_user_error(result, "unknown attribute Nose")
    assert "NameError" not in result.stderr


@pytest.mark.script
def test_erratum_e82_lsgan_mode_trains(tmp_path, faces):
    listing.main(
        ["--preset", "tiny", "--data-dir", faces, "--output-dir", str(tmp_path), "--mode", "lsgan", "--max-it", "8"]
        + ["--n-d", "1", "--epoch", "50", "--flips", "--cache", "--norm-first", "--b-distribution", "uniform"]
    )
    rows = read_log(str(tmp_path))
    assert all(np.isfinite(float(value)) for row in rows for value in row.values())
    assert float(rows[-1]["xa__loss_rec"]) < float(rows[0]["xa__loss_rec"])


@pytest.mark.script
def test_a_broken_picture_stops_training_with_its_name(tmp_path, faces):
    folder = str(tmp_path / "faces")
    shutil.copytree(faces, folder)
    with open(os.path.join(folder, "img_align_celeba", "000007.jpg"), "w", encoding="utf-8") as stream:
        stream.write("no picture")
    with pytest.raises(UserError, match="000007.jpg cannot be read"):
        listing.main(["--preset", "tiny", "--data-dir", folder, "--output-dir", str(tmp_path / "run"), "--epoch", "9"])


@pytest.mark.script
def test_a_stopped_training_saves_and_ends_with_an_interrupt(tmp_path, faces, monkeypatch):
    stop_at_once(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        listing.main(["--preset", "tiny", "--data-dir", faces, "--output-dir", str(tmp_path), "--threads", "1"])
    assert training.checkpoints(os.path.join(str(tmp_path), "checkpoints"))
