"""Listing 10-6 and beyond/train: losses and labels, sheets, resuming, checkpoints."""

import csv
import glob
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from ch10_attgan import code_10_06_train as listing
from ch10_attgan.beyond import export, networks, photos, sheets, train
from common import files, images, options, run
from common.errors import Stopped, TrainingStopped, UserError
from data import celeba, sample_celeba
from tests.helpers import assert_user_error, run_script

SCRIPT = "ch10_attgan/code_10_06_train.py"
SMALL = ["--enc-layers", "1", "--dec-layers", "1", "--dis-layers", "1", "--img-size", "8", "--threads", "1"]
SMALL += ["--n-sample", "2", "--batch-size", "4", "--n-d", "1", "--att-default", "Bald", "Bangs", "Male"]


def settings(rows=listing.VALUES, **changes):
    values = {row.name: row.presets.get("tiny", row.value) for row in rows}
    values.update(img_size=16, dis_layers=2, enc_layers=2, dec_layers=2, att_default=["Bald", "Bangs", "Male"])
    return SimpleNamespace(**dict(values, **changes))


def built(opts, weights=listing.WEIGHTS, **parts):
    """The listing's graph on fixed pictures and labels."""
    pictures = np.random.RandomState(0).uniform(-1, 1, (8, 16, 16, 3)).astype("f")
    a = np.random.RandomState(1).randint(0, 2, (8, 3))
    return listing.build(tf.constant(pictures), tf.constant(a), *listing.networks(opts), opts, weights, **parts), a


# ------------------------------------------------------------------------------------------------ labels
@pytest.mark.parametrize(
    "distribution,low,high", [("none", 0.5, 0.5), ("uniform", 0, 1.0), ("truncated_normal", 0, 1.0)]
)
def test_strengths_keep_the_sign_and_their_range(distribution, low, high):
    seen = []

    def spying_decoder(zs, _a, is_training=True):
        seen.append(_a)
        return tf.zeros([200, 16, 16, 3]) + tf.get_variable("Gdec", [])

    def critic(x):
        return tf.reduce_sum(x, [1, 2, 3])[:, None] * tf.get_variable("D/x", []), tf.zeros([200, 5])

    a = tf.constant(np.random.RandomState(0).randint(0, 2, (200, 5)))
    opts = settings(b_distribution=distribution, att_default=list("abcde"))
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        net = listing.build(tf.zeros([200, 16, 16, 3]), a, lambda x, **_: [x], spying_decoder, critic, opts)
    with tf.Session() as session:
        values, b, _a = session.run([net._b, net.b, net._a])
    assert seen[0] is net._b and seen[1] is net._a
    assert sorted(map(tuple, b)) == sorted(map(tuple, (_a > 0).astype(int)))  # b: the labels in another order
    assert ((values > 0) == (b == 1)).mean() > 0.99
    assert low <= np.abs(values).min() and np.abs(values).max() <= high
    if distribution != "none":
        assert 0.4 < np.abs(values).mean() < 0.6 and np.abs(values).std() > 0.1


def test_sample_labels_flip_one_attribute_and_clear_contradictions():
    a = np.array([[0, 1, 1], [1, 0, 0]])
    b_list = listing.flipped_labels(a, ["Bald", "Bangs", "Male"])
    assert [b.tolist() for b in b_list] == [
        [[0, 1, 1], [1, 0, 0]],  # reconstruction
        [[1, 0, 1], [0, 0, 0]],  # Bald on clears Bangs
        [[0, 0, 1], [0, 1, 0]],  # Bangs on clears Bald
        [[0, 1, 0], [1, 0, 1]],
    ]
    assert a.tolist() == [[0, 1, 1], [1, 0, 0]]


def test_changed_attribute_gets_test_int():
    labels = np.array([[0, 1, 1]])
    assert listing.strengths(labels, 2, 0.5, 0.8).tolist() == [[-0.5, 0.8, 0.5]]  # 2: the second attribute is flipped
    assert listing.strengths(labels, 0, 0.5, 0.8).tolist() == [[-0.5, 0.5, 0.5]]
    assert sheets.strengths(np.array([[0, 1, 1], [0, 0, 1]]), 0.5, 1, (0.7, 1.5)).tolist() == [
        [-0.5, 1.5, 0.5],
        [-0.5, np.float32(-0.7), 0.5],
    ]
    assert sheets.strengths(np.array([[0, 1, 1]]), 0.5).tolist() == [[-0.5, 0.5, 0.5]]


# ------------------------------------------------------------------------------------------------ losses
def dense_entropy(labels, logits):
    return np.mean(np.maximum(logits, 0) - logits * labels + np.log1p(np.exp(-np.abs(logits))))


@pytest.mark.parametrize("mode", ["wgan", "lsgan"])
def test_losses_are_the_printed_sums_and_each_step_changes_its_own_networks(mode):
    """Against NumPy on the networks' outputs. Erratum E82: as printed, LSGAN cannot be built."""
    opts = settings(mode=mode)
    net, a = built(opts)
    variables = tf.trainable_variables()
    networks = [variable.op.name.split("/")[0] for variable in variables]
    means = [variable for variable in tf.global_variables() if variable.op.name.endswith("moving_mean")]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        real_gan, real_att, fake_gan, fake_att, b, xa, xa_ = session.run(
            [net.xa_logit_gan, net.xa_logit_att, net.xb__logit_gan, net.xb__logit_att, net.b, net.xa, net.xa_]
        )  # one run: b is drawn anew in each
        same = [net.d_loss_gan, net.xa_loss_att, net.d_loss, net.gp, net.g_loss, net.xb__loss_gan]
        session.run(tf.variables_initializer(means))
        d_gan, d_att, d_loss, gp, g_loss, g_gan, g_att, g_rec, fake_gan, fake_att, b, xa_, real_gan, real_att = (
            session.run(same + [net.xb__loss_att, net.xa__loss_rec, net.xb__logit_gan, net.xb__logit_att, net.b, net.xa_]
            + [net.xa_logit_gan, net.xa_logit_att])
        )  # fmt: skip
        if mode == "wgan":
            expected = -(real_gan.mean() - fake_gan.mean()), -fake_gan.mean()
        else:
            expected = ((real_gan - 1) ** 2).mean() + (fake_gan**2).mean(), ((fake_gan - 1) ** 2).mean()
        np.testing.assert_allclose([d_gan, g_gan], expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(d_att, dense_entropy(a, real_att), rtol=1e-4)
        np.testing.assert_allclose(g_att, dense_entropy(b, fake_att), rtol=1e-4)
        np.testing.assert_allclose(g_rec, np.abs(xa - xa_).mean(), rtol=1e-4)
        np.testing.assert_allclose(d_loss, d_gan + 10 * gp + d_att, rtol=1e-4)
        np.testing.assert_allclose(g_loss, g_gan + 10 * g_att + 100 * g_rec, rtol=1e-4)
        assert gp >= 0
        for step, own in ((net.d_step, {"D"}), (net.g_step, {"Genc", "Gdec"})):
            before = session.run(variables)
            session.run(step, {net.lr: 0.01})
            after = session.run(variables)
            assert {name for name, x, y in zip(networks, before, after) if not np.array_equal(x, y)} == own
        text = session.run(net.d_summary, {net.lr: 0.5})
        assert all(np.abs(value).max() > 0 for value in session.run(means))  # moved by the steps
    tags = [value.tag for value in tf.Summary.FromString(text).value]
    assert tags == ["critic_losses/d_loss_gan", "critic_losses/gp", "critic_losses/xa_loss_att", "Learning_Rate/lr"]


def test_erratum_e84_a_scope_named_as_the_network_collides():
    D = listing.networks(settings())[2]
    D(tf.zeros([2, 16, 16, 3]))
    printed = listing.summary({tf.constant(1.0): "d_loss"}, scope="D")  # after the network has taken the name
    with tf.Session() as session:
        assert tf.Summary.FromString(session.run(printed)).value[0].tag.startswith("D_")
    tf.reset_default_graph()
    built(settings())
    tags = [op.name for op in tf.get_default_graph().get_operations() if op.type == "ScalarSummary"]
    assert {tag.split("/")[0] for tag in tags} == {"critic_losses", "Learning_Rate", "generator_losses"}


def test_reconstruction_comes_after_the_edit():
    """Line 90: the reconstruction waits for the edited picture, so that running means are updated in a fixed order."""
    net, _ = built(settings())
    below, waits = [net.xa_.op], set()
    while below:
        operation = below.pop()
        waits |= set(operation.control_inputs)
        below += [item.op for item in operation.inputs if item.op.name.startswith("Gdec_1")]
    assert net.xb_.op in waits


def test_frozen_running_means_stay():
    opts = settings(rows=train.VALUES, freeze_bn=True)
    net, _ = train.build(opts, tf.random_uniform([8, 16, 16, 3], -1, 1), tf.zeros([8, 3], tf.int64))
    means = [variable for variable in tf.global_variables() if variable.op.name.endswith("moving_mean")]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(net.g_step, {net.lr: 0.01})
        assert len(means) == 3 and not any(np.abs(value).max() for value in session.run(means))


# ------------------------------------------------------------------------------------------------ sheets
def test_book_sheet_has_the_printed_size():
    faces = np.random.RandomState(0).uniform(-1, 1, (32, 128, 128, 3)).astype("f")
    titles = ["rebuilt"] + listing.att_default
    sheet = sheets.sheet(faces, [faces] * 14, None, 128)
    assert sheet.shape == (4096, 1932, 3)
    assert (sheet[:, 128:140] == 0).all()  # the black bar
    np.testing.assert_array_equal(sheet[128:256, 140:268], images.to_uint8(faces[1]))
    gap = np.full((32, 128, 12, 3), -1.0)
    printed = listing.immerge(np.concatenate([faces, gap] + [faces] * 14, 2), 32, 1)
    assert np.abs(listing.to_range(printed, 0, 255, np.uint8).astype(int) - sheet).max() <= 1  # cut, not rounded
    labelled = sheets.sheet(faces, [faces] * 14, titles, 128)
    np.testing.assert_array_equal(labelled[-4096:], sheet)
    captions = labelled[:-4096]
    assert (captions[:, 128:140] == 255).all() and captions.min() == 0


def test_erratum_e90_scipy_writes_no_pictures_any_more(tmp_path):
    import scipy.misc

    assert not hasattr(scipy.misc, "imsave")  # the published way
    picture = np.random.RandomState(0).uniform(-1.2, 1.2, (5, 4, 3))
    listing.imwrite(picture, str(tmp_path / "a.png"))
    np.testing.assert_array_equal(images.read_rgb(str(tmp_path / "a.png")), listing.to_range(picture, 0, 255, np.uint8))
    listing.imwrite(picture, str(tmp_path / "a.jpg"))
    assert images.read_rgb(str(tmp_path / "a.jpg")).shape == (5, 4, 3)


# ------------------------------------------------------------------------------------------------ options
@pytest.mark.parametrize(
    "arguments,message",
    [
        (["--enc-layers", "2"], "the decoder has 1 layers and the encoder 2"),
        (["--img-size", "2"], "pictures of 2 pixels do not fit 1 layers"),
        (["--att-default", "Glasses"], "unknown attribute Glasses"),
        (["--batch-size", "54"], "54 training pictures are less than batch_size"),
        (["--n-sample", "3"], "2 pictures for 'val', less than one batch of 3"),
    ],
)
def test_values_that_cannot_work(tmp_path, faces, arguments, message):
    with pytest.raises(UserError, match=message):
        listing.main(["--preset", "tiny", "--data-dir", faces, "--output-dir", str(tmp_path)] + SMALL + arguments)


@pytest.mark.parametrize("arguments", [["--mode", "gan"], ["--b-distribution", "normal"], ["--batch-size", "0"]])
def test_values_that_are_none(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        listing.main(arguments)
    assert stop.value.code == 2 and arguments[0] in capsys.readouterr().err


@pytest.mark.script
def test_erratum_e87_a_start_that_fails_says_why(tmp_path):
    """The published file's `finally` fails itself with a NameError when start-up failed."""
    result = run_script(SCRIPT, "--data-dir", tmp_path, "--output-dir", tmp_path / "run", check=False)
    assert_user_error(result, "lacks list_attr_celeba.txt", "mmlab.ie.cuhk.edu.hk")
    assert "NameError" not in result.stderr


# ------------------------------------------------------------------------------------------------ whole runs
@pytest.fixture(scope="module")
def listing_run(tmp_path_factory, faces):
    """A run of the listing, 6 iterations an epoch, stopped after the first epoch and resumed for a second one."""
    folder = str(tmp_path_factory.mktemp("listing"))
    arguments = ["--preset", "tiny", "--data-dir", faces, "--output-dir", folder, "--save-every", "3"] + SMALL
    arguments += ["--sample-every", "6"]
    listing.main(arguments + ["--epoch", "1"])
    listing.main(arguments + ["--epoch", "2"])
    return SimpleNamespace(folder=folder, arguments=arguments, inner=os.path.join(folder, listing.experiment_name))


def test_listing_resumes_with_the_optimizers_state(listing_run):
    newest = run.checkpoints(os.path.join(listing_run.inner, "checkpoints"))
    assert [os.path.basename(path) for path in newest] == ["Epoch_(1)_(6of6).ckpt-12", "Epoch_(1)_(3of6).ckpt-9"]
    reader = tf.train.load_checkpoint(newest[0])
    assert reader.get_tensor("counter/counter") == 12
    names = reader.get_variable_to_shape_map()
    powers = [reader.get_tensor(name) for name in names if name.startswith("beta1_power")]
    np.testing.assert_allclose(powers, [0.5**13] * 2, rtol=1e-4)  # 12 steps of each optimizer: nothing began anew
    slots = [name for name in names if name.endswith("/Adam")]
    used = [name for name in slots if np.abs(reader.get_tensor(name)).max() > 0]
    assert len(slots) == 17 and len(slots) - len(used) <= 1  # the last bias of a Wasserstein critic has no gradient


def test_listing_does_not_go_on_with_other_labels(listing_run, faces, tmp_path):
    with open(os.path.join(faces, celeba.ATTRIBUTE_FILE), encoding="utf-8") as stream:
        text = stream.read()
    (tmp_path / celeba.ATTRIBUTE_FILE).write_text(text.replace(" -1", " 1"), encoding="utf-8")
    with pytest.raises(UserError, match="other data .celeba.list_attr_celeba.txt: 1 "):
        listing.main(listing_run.arguments + ["--epoch", "3", "--data-dir", str(tmp_path)])


def test_listing_writes_the_printed_files(listing_run):
    sheet = images.read_rgb(os.path.join(listing_run.inner, "sample_training", "Epoch_(1)_(6of6).jpg"))
    assert sheet.shape == (2 * 8, 8 * 5, 3)
    tags = {}
    for path in glob.glob(os.path.join(glob.escape(listing_run.inner), "summaries", "*")):
        for event in tf.train.summary_iterator(path):
            for value in event.summary.value:
                tags.setdefault(value.tag, []).append(event.step)
    assert sorted(tags["critic_losses/gp"]) == list(range(12)) == sorted(tags["generator_losses/xa__loss_rec"])
    record = options.read_json(os.path.join(listing_run.folder, "record-code_10_06_train.json"))
    assert record["metrics"]["iterations"]["value"] == 12 and record["files"][0]["caption_zh"]


def test_a_finished_run_keeps_its_sheet_when_it_is_repeated(listing_run, tmp_path):
    folder = str(tmp_path / "run")
    shutil.copytree(listing_run.folder, folder)
    arguments = [folder if item == listing_run.folder else item for item in listing_run.arguments]
    listing.main(arguments + ["--epoch", "2"])
    record = options.read_json(os.path.join(folder, "record-code_10_06_train.json"))
    assert [os.path.basename(file["path"]) for file in record["files"]] == ["Epoch_(1)_(6of6).jpg"]


def test_another_network_in_the_same_folder_is_refused(listing_run):
    with pytest.raises(UserError, match="holds a run with dis_dim 8, not 4"):
        listing.main(listing_run.arguments + ["--dis-dim", "4"])


def printed_restore(saver, session, prefix):
    try:
        saver.restore(session, prefix)
    except:  # noqa: E722
        session.run(tf.global_variables_initializer())
        return " [*] No checkpoint"


def test_erratum_e85_a_broken_checkpoint_is_named_and_the_one_before_it_used(listing_run, tmp_path, capsys):
    folder = str(tmp_path / "run")
    shutil.copytree(listing_run.folder, folder)
    found = run.checkpoints(os.path.join(folder, listing.experiment_name, "checkpoints"))
    with open(found[0] + ".data-00000-of-00001", "r+b") as stream:
        stream.truncate(100)
    it_cnt, _ = listing.counter()
    with tf.Session() as session:
        assert printed_restore(tf.train.Saver([it_cnt]), session, found[0]) == " [*] No checkpoint"
        assert session.run(it_cnt) == 0  # the published file would train from scratch, over the good checkpoint
    arguments = [folder if item == listing_run.folder else item for item in listing_run.arguments]
    listing.main(arguments + ["--epoch", "2"])
    shown = capsys.readouterr()
    assert "cannot be used" in shown.err and os.path.basename(found[0]) in shown.err
    assert " [*] Loading checkpoint succeeds! iteration 9" in shown.out and "Epoch: 1 4/6 time: " in shown.out
    for prefix in run.checkpoints(os.path.join(folder, listing.experiment_name, "checkpoints")):
        with open(prefix + ".data-00000-of-00001", "r+b") as stream:
            stream.truncate(100)
    with pytest.raises(UserError, match="none of the 2 checkpoints"):
        listing.main(arguments + ["--epoch", "3"])


def read_log(folder):
    with open(os.path.join(folder, "log.csv"), encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_training_beyond_goes_on_in_stages(tmp_path, faces, capsys):
    """LSGAN, the paper's order, mirrored and kept pictures; then another stage with frozen means and other weights."""
    arguments = ["--preset", "tiny", "--data-dir", faces, "--output-dir", str(tmp_path), "--mode", "lsgan", "--flips"]
    arguments += ["--cache", "--norm-first", "--b-distribution", "uniform", "--epoch", "9"] + SMALL
    arguments += ["--img-size", "16", "--enc-layers", "2", "--dec-layers", "2", "--dis-layers", "2"]
    train.main(arguments + ["--max-it", "15"])
    train.main(arguments + ["--max-it", "20", "--freeze-bn", "--weight-rec", "50", "--lr-base", "0.0005"])
    assert "weight_rec: 100.0 before, 50.0 from here on" in capsys.readouterr().out
    rows = read_log(str(tmp_path))
    assert [int(row["it"]) for row in rows] == [1, 10, 15, 16, 20]
    with open(str(tmp_path / "log.csv"), "a", encoding="utf-8") as stream:  # of a part that was killed before it saved
        stream.write(",".join(["30"] + ["0"] * (len(rows[0]) - 1)) + "\n")
    train.main(arguments + ["--max-it", "21"])
    assert [int(row["it"]) for row in read_log(str(tmp_path))] == [1, 10, 15, 16, 20, 21]
    record = options.read_json(str(tmp_path / "record-train.json"))
    train.main(arguments + ["--max-it", "21"])
    assert "all 21 iterations were made before" in capsys.readouterr().out
    assert options.read_json(str(tmp_path / "record-train.json")) == record and "d_loss" in record["metrics"]
    assert all(np.isfinite(float(value)) for row in rows for value in row.values())
    assert float(rows[2]["xa__loss_rec"]) < 0.95 * float(rows[0]["xa__loss_rec"])  # the first stage learns
    assert images.read_rgb(str(tmp_path / "sample_training" / "it_000020.png")).shape[1] == 64 * 5 + 4
    fewer = str(tmp_path / "fewer")
    sample_celeba.generate(fewer, seed=3, count=50)
    with pytest.raises(UserError, match="holds a run on other data .faces: 60 .*, not 50 "):
        train.main(arguments + ["--max-it", "22", "--data-dir", fewer])
    with pytest.raises(UserError, match="holds a run with norm_first True, not False"):
        train.main([item for item in arguments if item != "--norm-first"])
    files.write_json(str(tmp_path / "seconds.json"), dict(seconds="nonsense"))
    assert train.seconds_so_far(str(tmp_path)) == 0.0


@pytest.mark.parametrize("stopped", [False, True])
def test_weights_that_are_no_numbers_are_never_saved(tmp_path, faces, monkeypatch, stopped):
    """Losses are looked at in iterations 1, 10, 20 …; here it goes wrong in iteration 3, and is saved at 5 or by a stop."""
    steps = run.Run.steps

    def spoilt(this, *arguments, **keywords):
        for number in steps(this, *arguments, **keywords):
            if number == 2:
                first = tf.trainable_variables()[0]
                first.load(np.full(first.shape.as_list(), np.nan))
                this.signal = 15 if stopped else None
            yield number

    monkeypatch.setattr(run.Run, "steps", spoilt)
    arguments = ["--preset", "tiny", "--data-dir", faces, "--output-dir", str(tmp_path), "--save-every", "5"] + SMALL
    with pytest.raises(TrainingStopped, match="size_of_the_weights is nan"):
        train.main(arguments)
    assert not run.checkpoints(str(tmp_path / "checkpoints"))


def test_a_run_starts_from_another_and_may_drop_attributes(tmp_path, faces, capsys):
    old, new = str(tmp_path / "old"), str(tmp_path / "new")
    arguments = ["--preset", "tiny", "--data-dir", faces, "--norm-first"] + SMALL
    train.main(arguments + ["--output-dir", old, "--max-it", "3", "--att-default", "Bangs", "Male", "Young"])
    begun = arguments + ["--start-from", old, "--lr-base", "0", "--max-it", "1", "--freeze-bn"]
    train.main(begun + ["--output-dir", new, "--att-default", "Bangs", "Young"])
    assert "the networks start from" in capsys.readouterr().out

    def values(folder):
        reader = tf.train.load_checkpoint(run.checkpoints(os.path.join(folder, "checkpoints"))[0])
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if "Adam" not in name}

    before, after = values(old), values(new)
    first, last = "Gdec/Conv2d_transpose/weights", "D/fully_connected_3/weights"
    attributes_of_first = before[first].shape[3] - 3  # input maps come last in a transposed convolution's filter
    np.testing.assert_array_equal(after[first][..., :attributes_of_first], before[first][..., :attributes_of_first])
    np.testing.assert_array_equal(after[first][..., -2:], before[first][..., [-3, -1]])
    np.testing.assert_array_equal(after[last], before[last][:, [0, 2]])
    same = [name for name in before if before[name].shape == after[name].shape and name.startswith(("G", "D/Conv"))]
    assert len(same) >= 10 and all(np.array_equal(before[name], after[name]) for name in same)
    train.main(begun + ["--output-dir", new, "--att-default", "Bangs", "Young", "--max-it", "2"])
    assert "the training goes on: --start-from is of its beginning" in capsys.readouterr().out

    with pytest.raises(UserError, match="Young, Bangs are not some of Bangs, Male, Young"):
        train.main(begun + ["--output-dir", str(tmp_path / "other"), "--att-default", "Young", "Bangs"])
    with pytest.raises(UserError, match="no trained model in"):
        train.main(arguments + ["--start-from", str(tmp_path / "none"), "--output-dir", str(tmp_path / "third")])


def test_a_critic_of_other_pictures_gets_the_same_weights_enlarged():
    maps, units = 5, 3
    weights_ = np.random.RandomState(0).standard_normal((2 * 2 * maps, units))
    assert networks.for_side(weights_, len(weights_), maps) is weights_
    larger = networks.for_side(weights_, 4 * 4 * maps, maps)
    flat = np.random.RandomState(1).standard_normal(
        maps
    )  # maps of one value each: what a unit sees stays nearly the same
    seen = [np.tile(flat, len(values) // maps) @ values for values in (weights_, larger)]
    np.testing.assert_allclose(seen[1], seen[0], rtol=1e-6)
    corners = larger.reshape(4, 4, maps, units)[[0, 0, 3, 3], [0, 3, 0, 3]]
    np.testing.assert_allclose(corners.reshape(weights_.shape), weights_ / 4, rtol=1e-6)


def test_a_run_starts_from_exported_weights(tmp_path, faces, capsys):
    """What is exported comes in; the real/fake head, which is not, keeps its first values."""
    old, new, file = str(tmp_path / "old"), str(tmp_path / "new"), str(tmp_path / "generator.npz")
    arguments = ["--preset", "tiny", "--data-dir", faces, "--norm-first"] + SMALL
    train.main(arguments + ["--output-dir", old, "--max-it", "3"])
    export.main(["--preset", "tiny", "--output-dir", old, "--file", file, "--half", "false"])
    train.main(
        arguments + ["--output-dir", new, "--start-from", file, "--lr-base", "0", "--max-it", "1", "--freeze-bn"]
    )
    assert "the networks start from %s" % file in capsys.readouterr().out

    def values(folder):
        reader = tf.train.load_checkpoint(run.checkpoints(os.path.join(folder, "checkpoints"))[0])
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map() if "Adam" not in name}

    before, after = values(old), values(new)
    networks_ = [name for name in before if name.startswith(("G", "D/"))]
    other = {name for name in networks_ if not np.array_equal(before[name], after[name])}
    assert "D/fully_connected/weights" in other
    assert other <= {"D/fully_connected%s/%s" % (i, part) for i in ("", "_1") for part in ("weights", "biases")}
    with pytest.raises(UserError, match="none.npz"):
        train.main(arguments + ["--output-dir", str(tmp_path / "third"), "--start-from", str(tmp_path / "none.npz")])


def test_the_total_variation_of_a_change_is_added_as_its_gradient():
    random = np.random.RandomState(0)
    rebuilt, edit = (random.uniform(-1, 1, (2, 8, 8, 3)) for _ in range(2))
    variable = tf.Variable(edit)
    shown = networks.smooth(lambda xa, xa_, xb_: 2 * xb_, 3.0)(None, tf.constant(rebuilt), variable)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        gradient = session.run(tf.gradients(tf.reduce_sum(shown), variable)[0])
        np.testing.assert_array_equal(session.run(shown), 2 * edit)

    def loss(picture):
        change = picture - rebuilt
        variation = sum(np.abs(np.diff(change, axis=axis)).sum() for axis in (1, 2))
        return 2 * picture.sum() + 3.0 * variation / picture.size

    for place in [(0, 0, 0, 0), (1, 3, 4, 2), (1, 7, 7, 1)]:
        step = np.zeros_like(edit)
        step[place] = 1e-6
        assert gradient[place] == pytest.approx((loss(edit + step) - loss(edit - step)) / 2e-6, rel=1e-4)


def test_the_critic_sees_no_dots():
    """A picture of columns that alternate is grey to it, a picture of one colour and a slow wave stay."""
    place = np.arange(16)
    pictures = [np.where(place % 2, 0.8, -0.8), np.full(16, 0.3), np.sin(2 * np.pi * place / 16)]
    pictures = np.float32([np.tile(row[None, :, None], (16, 1, 3)) for row in pictures])
    shown = []
    networks.dimmed(lambda x: shown.append(x) or (x, x), 0.0, 0, soft=True)(tf.constant(pictures))
    with tf.Session() as session:
        dots, plain, wave = session.run(shown[0])
    np.testing.assert_allclose(dots[:, 1:-1], 0.0, atol=1e-6)
    np.testing.assert_allclose(plain, 0.3, atol=1e-6)
    expected = pictures[2, :, 1:-1] * (1 + np.cos(2 * np.pi / 16)) / 2  # the filter's response at this wave
    np.testing.assert_allclose(wave[:, 1:-1], expected, atol=1e-6)


def test_the_critic_looks_through_grain_and_shaking():
    shown = []
    pictures = np.random.RandomState(0).uniform(-1, 1, (2, 6, 6, 3)).astype("f")
    x = tf.constant(pictures)
    assert networks.dimmed(shown.append, 0.0, 0) == shown.append
    real, attributes = networks.dimmed(lambda x: (x, x), 0.2, 0, "attributes")(x)
    assert real is x and attributes is not x
    networks.dimmed(shown.append, 0.0, 2)(x)
    networks.dimmed(shown.append, 0.2, 0)(tf.zeros([50, 20, 20, 3]))
    padded = np.pad(pictures, [(0, 0), (2, 2), (2, 2), (0, 0)], "reflect")
    crops = {(i, j): padded[:, i : i + 6, j : j + 6] for i in range(5) for j in range(5)}
    with tf.Session() as session:
        places = set()
        for _ in range(80):
            moved = session.run(shown[0])
            places.update(place for place, crop in crops.items() if np.array_equal(crop, moved))
        assert shown[0].shape.as_list() == [2, 6, 6, 3] and {i for i, _ in places} == {j for _, j in places} == set(
            range(5)
        )
        assert abs(np.std(session.run(shown[1])) - 0.2) < 0.005


def test_single_edits_are_what_is_asked_for_in_use():
    names = ["Bangs", "Black_Hair", "Blond_Hair", "Male"]
    a = np.random.RandomState(0).randint(0, 2, (200, 4))
    a[:, 1] *= 1 - a[:, 2]
    # each picture's labels with one flipped, as the sheets of listing 10-6 ask for
    allowed = listing.flipped_labels(a, names)[1:]
    tf.set_random_seed(0)
    b, half = (networks.wanted(tf.constant(a), names, share) for share in (1.0, 0.5))
    with tf.Session() as session:
        b, half = session.run([b, half])
    which = np.array([(b == edit).all(axis=1) for edit in allowed])
    assert (which.sum(axis=0) >= 1).all()
    assert (which.sum(axis=1) > 25).all()  # every attribute as often as another
    single = np.any([(half == edit).all(axis=1) for edit in allowed], axis=0)
    chance = np.mean([(a[:, None] == edit[None]).all(axis=2).mean() for edit in allowed])
    assert 0.5 - 0.1 < single.mean() < 0.5 + 4 * chance + 0.1
    often = networks.wanted(tf.constant(np.zeros((900, 4), np.int64)), names, 1.0, often=["Male"])
    with tf.Session() as session:
        shares = session.run(often).mean(axis=0)
    np.testing.assert_allclose(shares, [1 / 6, 1 / 6, 1 / 6, 1 / 2], atol=0.06)


def test_with_put_back_the_critic_sees_the_change_added_to_the_picture(monkeypatch):
    handed_in = []
    monkeypatch.setattr(listing, "build", lambda *arguments, **parts: handed_in.append(parts))
    for put_back in (False, True):
        train.build(settings(train.VALUES, put_back=put_back), None, None)
    assert handed_in[0] == {}  # the listing's own
    xa, xa_, xb_ = np.random.RandomState(0).uniform(-1, 1, (3, 2, 16, 16, 3)).astype("f")
    with tf.Session() as session:
        seen = session.run(handed_in[1]["shown"](*map(tf.constant, (xa, xa_, xb_))))
    np.testing.assert_allclose(seen, photos.in_photo(xa, xa_, xb_), atol=1e-5)


def test_what_is_shown_is_what_the_critic_judges():
    shown = []
    net, _ = built(settings(), shown=lambda xa, xa_, xb_: shown.append((xa, xa_, xb_)) or tf.zeros_like(xb_))
    assert shown[0][0] is net.xa and shown[0][1] is net.xa_ and shown[0][2] is not net.xb_
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        logits = session.run(net.xb__logit_att)
    np.testing.assert_allclose(logits, np.repeat(logits[:1], 8, axis=0), atol=1e-5)  # of zeros, all alike


@pytest.mark.parametrize(
    "words,message",
    [
        (["--critic-shift", "8"], "--critic-shift 8: pictures of 8 pixels allow less"),
        (["--often", "Tall", "--single-edits", "0.5"], "--often Tall: not among the attributes"),
        (["--often", "Tall"], "--often Tall: not among the attributes"),
        (["--often", "Male"], "--often does nothing without --single-edits"),
        (["--weight-guide", "5"], "--weight-guide does nothing without --guide"),
        (["--weight-guide-rest", "5"], "--weight-guide-rest does nothing without --guide"),
        (["--critic-heads", "attributes"], "--critic-heads does nothing without --critic-noise"),
        (["--regions"], "--regions does nothing without --put-back"),
        (["--hair", "--put-back"], "--hair does nothing without --regions"),
        (["--match-rate", "0.1"], "--match-rate does nothing without --weight-match"),
        (["--weight-match", "1"], "--weight-match wants an --img-size that is a multiple of 16, not 8"),
    ],
)
def test_values_that_cannot_work_or_would_be_ignored(tmp_path, words, message):
    with pytest.raises(UserError, match=message):
        train.main(["--preset", "tiny", "--output-dir", str(tmp_path)] + SMALL + words)
    assert not os.listdir(str(tmp_path))


def test_a_critics_largest_shift_trains(tmp_path, faces):
    words = ["--critic-shift", "7", "--critic-heads", "attributes", "--single-edits", "0.5", "--often", "Male"]
    arguments = ["--preset", "tiny", "--data-dir", faces, "--output-dir", str(tmp_path), "--max-it", "1"]
    train.main(arguments + SMALL + words)
    metrics = options.read_json(os.path.join(str(tmp_path), "record-train.json"))["metrics"]
    assert np.isfinite([metrics["d_loss"]["value"], metrics["g_loss"]["value"]]).all()


def test_a_broken_picture_stops_training_with_its_name(tmp_path, faces):
    folder = str(tmp_path / "faces")
    shutil.copytree(faces, folder)
    with open(os.path.join(folder, "img_align_celeba", "000007.jpg"), "r+b") as stream:
        stream.truncate(900)
    with pytest.raises(UserError, match="000007.jpg cannot be read"):
        listing.main(["--preset", "tiny", "--data-dir", folder, "--output-dir", str(tmp_path / "run")] + SMALL)


def test_a_stopped_training_saves_and_says_so(tmp_path, faces, monkeypatch):
    monkeypatch.setattr(
        run.Run, "stopping", property(lambda this: this.signal is not None or this._handle(2, None) is None)
    )
    with pytest.raises(Stopped):
        listing.main(["--preset", "tiny", "--data-dir", faces, "--output-dir", str(tmp_path)] + SMALL)
    assert run.checkpoints(os.path.join(str(tmp_path), listing.experiment_name, "checkpoints"))
