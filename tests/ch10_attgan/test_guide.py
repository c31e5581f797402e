"""beyond/guide: what pushes do, what an edit's loss asks for, and the way from its file into a training."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from ch10_attgan.beyond import guide, networks, train
from ch10_attgan.beyond.faces import crop_box
from common import files, weights
from common.errors import UserError
from data import sample_celeba

ATTRIBUTES = ["Bangs", "Male", "Young"]


def values_of(session, img_size=32, seed=0):
    """Values of a small guide as arrays."""
    tf.set_random_seed(seed)
    values = guide.variables(img_size, len(ATTRIBUTES), 4)
    session.run(tf.global_variables_initializer())
    return session.run(values)


def entropy(labels, logits):
    """Sigmoid cross entropy of each value, as its definition says."""
    log_p, log_not_p = -np.logaddexp(0, -np.float64(logits)), -np.logaddexp(0, np.float64(logits))
    return -labels * log_p - (1 - labels) * log_not_p


def test_a_push_is_no_longer_than_asked_and_harms_more_than_a_random_one():
    random = np.random.RandomState(0)
    pictures = random.uniform(-0.5, 0.5, (6, 32, 32, 3)).astype("f")
    a = random.randint(0, 2, (6, 3))
    longest = np.array([0, 0.5, 1, 1, 2, 2], "f")[:, None, None, None]
    with tf.Session() as session:
        values = values_of(session)
        pushed = session.run(guide.pushed(tf.constant(pictures), tf.constant(a), values, tf.constant(longest)))
        noise = random.normal(size=pictures.shape).astype("f")
        noise *= longest / np.sqrt((noise**2).sum(axis=(1, 2, 3), keepdims=True))
        x = tf.placeholder(tf.float32, pictures.shape)
        answer = guide.logits(x, values)
        losses = [entropy(a, session.run(answer, {x: p})).sum(axis=1) for p in (pictures, pictures + noise, pushed)]
    lengths = np.sqrt(((pushed - pictures) ** 2).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(lengths, longest.ravel(), atol=1e-3)  # nothing is cut off at −1 or 1 here
    assert (losses[2] > losses[0])[1:].all() and (losses[2] > losses[1])[1:].all()


def test_what_has_examples_is_not_asked_of_a_guide():
    """A weight of 0 for one attribute: the same loss whether the guide sees that edit or not; for the other it counts."""
    opts = SimpleNamespace(glasses="glasses.npz", weight_mouths=0.0)
    assert train.with_examples(opts) == ("Eyeglasses",)
    opts.weight_mouths = 5.0
    assert set(train.with_examples(opts)) == {"Eyeglasses", "Smiling", "Mouth_Slightly_Open"}
    assert train.with_examples(SimpleNamespace(glasses=None, weight_mouths=0.0)) == ()
    pictures = np.random.RandomState(0).uniform(-1, 1, (2, 32, 32, 3)).astype("f")
    a, b = np.zeros((2, 3), int), np.array([[1, 0, 0], [0, 1, 0]])
    with tf.Session() as session:
        values = values_of(session)

        def loss(switched):
            tf.set_random_seed(1)
            ask = guide.edit_loss([(values, 32)], tf.constant(a), tf.constant(b), switched, 0.0)
            return session.run(ask(tf.constant(pictures), tf.constant(pictures)))

        np.testing.assert_allclose(loss(np.float32([7, 7, 7])), loss(7.0), rtol=0.2)  # moved and noisy by chance
        assert loss(np.float32([0, 0, 7])) == 0 < loss(np.float32([0, 7, 0])) < loss(7.0)


def test_an_edits_loss_asks_for_the_change_and_for_nothing_else(monkeypatch):
    monkeypatch.setattr(guide, "NOISE", 0.0)
    monkeypatch.setattr(guide, "SHIFT", 0)
    monkeypatch.setattr(guide, "LEAST_COLOUR", 1.0)
    random = np.random.RandomState(0)
    before, after = random.uniform(-1, 1, (2, 4, 32, 32, 3)).astype("f")
    a = random.randint(0, 2, (4, 3))
    b = a.copy()
    b[[0, 1, 2], [0, 1, 2]] ^= 1  # the fourth picture is asked for no change
    with tf.Session() as session:
        two = [values_of(session, seed=1), None]
        tf.get_variable_scope().reuse_variables()
        two[1] = {name: 2 * value for name, value in two[0].items()}
        x = tf.placeholder(tf.float32, before.shape)
        answers = [guide.logits(x, values) for values in two]
        was, now = [session.run(answers, {x: pictures}) for pictures in (before, after)]
        loss = guide.edit_loss([(values, 32) for values in two], tf.constant(a), tf.constant(b), 7.0, 3.0)
        found = session.run(loss(tf.constant(before), tf.constant(after)))
    wanted = 0.0
    for i in range(2):
        for picture in range(4):
            for column in range(3):
                answer, label = now[i][picture, column], b[picture, column]
                if a[picture, column] != label:
                    error = 7.0 * max(0.0, 2.0 - (answer if label else -answer))
                else:
                    error = 3.0 * entropy(1 / (1 + np.exp(-np.float64(was[i][picture, column]))), answer)
                wanted += error / (4 * 3 * 2)
    assert found == pytest.approx(wanted, rel=1e-4)


def test_guides_see_edits_with_and_without_their_colours(monkeypatch):
    monkeypatch.setattr(guide, "NOISE", 0.0)
    monkeypatch.setattr(guide, "SHIFT", 0)
    before, after = np.random.RandomState(0).uniform(-1, 1, (2, 4, 32, 32, 3)).astype("f")
    labels = np.eye(4, 3, dtype=int)
    with tf.Session() as session:
        guides = [(values_of(session, seed=1), 32)]
        x, y = tf.placeholder(tf.float32, before.shape), tf.placeholder(tf.float32, after.shape)
        loss = guide.edit_loss(guides, tf.constant(labels), tf.constant(1 - labels), 7.0, 3.0)(x, y)
        coloured = [session.run(loss, {x: before, y: after}) for _ in range(3)]
        light = [picture.mean(3, keepdims=True).repeat(3, 3) for picture in (before, after)]
        grey = [session.run(loss, dict(zip((x, y), light))) for _ in range(3)]
    assert np.ptp(grey) < 1e-4 < np.ptp(coloured)


def test_pictures_are_resized_by_areas():
    pictures = np.random.RandomState(0).uniform(-1, 1, (2, 12, 12, 3)).astype("f")
    with tf.Session() as session:
        half, two_thirds, same = session.run([networks.resized(tf.constant(pictures), side) for side in (6, 8, 12)])
    np.testing.assert_allclose(half, pictures.reshape(2, 6, 2, 6, 2, 3).mean((2, 4)), atol=1e-6)
    doubled = pictures.repeat(2, 1).repeat(2, 2)
    np.testing.assert_allclose(two_thirds, doubled.reshape(2, 8, 3, 8, 3, 3).mean((2, 4)), atol=1e-6)
    np.testing.assert_array_equal(same, pictures)


def test_a_guide_sees_what_is_cut_out_for_its_own_size():
    ramp = np.stack(np.meshgrid(np.arange(178.0), np.arange(218.0)) + [np.ones((218, 178))], axis=2).astype("f")

    def cut(size):  # as ``Faces`` does, of a picture whose colours say where they lie
        row, column, side = crop_box(size)
        return networks.resized(tf.constant(ramp[None, row : row + side, column : column + side]), size)

    with tf.Session() as session:
        for size in (96, 64, 48):
            found, wanted = session.run([networks.as_cut_for(cut(size), 64), cut(64)])
            assert found.shape == wanted.shape and np.abs(found - wanted).max() < 170 / 96  # a pixel of the larger


def test_an_edit_is_to_be_little_and_its_colour_less():
    before, edit = np.random.RandomState(0).uniform(-1, 1, (2, 2, 4, 4, 3))
    variable = tf.Variable(edit)
    shown = networks.small(lambda xa, xa_, xb_: xb_, 6.0)(tf.constant(before), None, variable)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = session.run(tf.gradients(0.0 * shown, variable)[0])

    def size(edited):
        change = edited - before
        light = change.mean(3, keepdims=True)
        return 6.0 * np.mean(np.abs(light) + 2.0 * np.abs(change - light))

    step = 1e-6 * np.eye(edit.size)[:20].reshape((20,) + edit.shape)
    wanted = [(size(edit + one) - size(edit - one)) / 2e-6 for one in step]
    np.testing.assert_allclose(found.reshape(-1)[:20], wanted, rtol=1e-5, atol=1e-8)


def test_a_guides_loss_is_added_as_its_gradient():
    random = np.random.RandomState(0)
    before, edit = random.uniform(-1, 1, (2, 2, 8, 8, 3))
    variable = tf.Variable(edit)
    shown = networks.guided(lambda xa, xa_, xb_: 2 * xb_, lambda xa, seen: tf.reduce_sum(seen**3 * xa))
    seen = shown(tf.constant(before), None, variable)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(session.run(seen), 2 * edit)
        gradient = session.run(tf.gradients(tf.reduce_sum(seen), variable)[0])
    np.testing.assert_allclose(gradient, 2 * (1 + 3 * (2 * edit) ** 2 * before), rtol=1e-9)


def test_what_is_moved_is_a_part_of_the_mirrored_picture():
    picture = np.arange(2 * 6 * 6 * 1, dtype="f").reshape(2, 6, 6, 1)
    mirrored = np.pad(picture, [(0, 0), (2, 2), (2, 2), (0, 0)], "reflect")
    places = set()
    with tf.Session() as session:
        op = networks.moved(tf.constant(picture), 2)
        for _ in range(20):
            value = session.run(op)
            fits = [(y, x) for y in range(5) for x in range(5) if (mirrored[:, y : y + 6, x : x + 6] == value).all()]
            assert len(fits) == 1
            places.add(fits[0])
    assert len(places) > 5


@pytest.fixture(scope="module")
def guide_run(tmp_path_factory, faces):
    """(the arguments of a tiny guide's training, its folder)."""
    folder = str(tmp_path_factory.mktemp("guide"))
    arguments = ["--preset", "tiny", "--data-dir", faces, "--output-dir", folder, "--threads", "1", "--img-size", "32"]
    arguments += ["--att-default"] + ATTRIBUTES
    guide.main(arguments)
    return arguments, folder


def test_a_guide_is_trained_and_goes_on(guide_run, tmp_path, capsys):
    arguments, folder = guide_run
    others = str(tmp_path / "others")
    sample_celeba.generate(others, seed=4, count=60)
    before, saved = weights.load(os.path.join(folder, guide.FILE), "guide")
    assert saved == dict(att_default=ATTRIBUTES, img_size=32, push=1.5)
    assert before["conv0/weights"].shape == (4, 4, 3, 4) and before["logits/weights"].shape == (guide.DENSE, 3)
    guide.main(arguments + ["--steps", "8"])
    assert "resuming from" in capsys.readouterr().out
    with pytest.raises(UserError, match="other data .faces: 60 .*, not 60 "):  # the same names, others' labels
        guide.main(arguments + ["--steps", "9", "--data-dir", others])
    after, _ = weights.load(os.path.join(folder, guide.FILE), "guide")
    assert not np.array_equal(before["logits/weights"], after["logits/weights"])
    record = files.read_json(os.path.join(folder, "record-guide.json"))
    assert record["metrics"]["steps"]["value"] == 8 and len(record["tables"][0]["rows"]) == 3


def test_edits_are_trained_with_guides(guide_run, tmp_path, faces):
    path = os.path.join(guide_run[1], guide.FILE)
    arguments = ["--preset", "tiny", "--data-dir", faces, "--threads", "1", "--img-size", "32", "--max-it", "2"]
    arguments += ["--batch-size", "4", "--n-d", "1", "--n-sample", "2", "--put-back", "--weight-tv", "2"]
    names = ["--att-default"] + ATTRIBUTES
    guided = arguments + names + ["--guide", path, path]
    unweighed = guided + ["--weight-guide", "0", "--weight-guide-rest", "0"]
    little = arguments + names + ["--weight-change", "50"]
    runs = dict(guided=guided, unweighed=unweighed, again=unweighed, alone=arguments + names, little=little)
    values = {}
    for name, words in runs.items():
        train.main(words + ["--output-dir", str(tmp_path / name)])
        reader = tf.train.load_checkpoint(str(tmp_path / name / "checkpoints"))
        values[name] = {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map()}
    assert set(values["guided"]) == set(values["alone"])  # a run may go on with other guides, or none
    decoder = "Gdec/Conv2d_transpose/weights"
    np.testing.assert_array_equal(values["unweighed"][decoder], values["again"][decoder])
    assert not np.array_equal(values["guided"][decoder], values["unweighed"][decoder])
    assert not np.array_equal(values["alone"][decoder], values["little"][decoder])
    larger = guided + ["--img-size", "48", "--start-from", str(tmp_path / "guided"), "--weight-change", "9"]
    train.main(larger + ["--output-dir", str(tmp_path / "larger")])  # a guide sees pictures at its own size
    wrong = arguments + ["--att-default"] + ATTRIBUTES[:2] + ["--output-dir", str(tmp_path / "other"), "--guide", path]
    with pytest.raises(UserError, match="is for other attributes"):
        train.main(wrong)
    with pytest.raises(UserError, match="none.npz"):
        train.main(arguments + names + ["--output-dir", str(tmp_path / "none"), "--guide", str(tmp_path / "none.npz")])


def test_pictures_of_a_size_that_does_not_fit_are_refused(tmp_path, faces):
    with pytest.raises(UserError, match="a multiple of 16"):
        guide.main(["--preset", "tiny", "--data-dir", faces, "--output-dir", str(tmp_path), "--img-size", "40"])
