"""beyond/glasses: a mean pair out of many, how it is laid on faces, and the way from its file into a training."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from ch10_attgan.beyond import choose_strengths, export, glasses, networks, train, trained
from common import files, images, weights
from common.errors import UserError
from data import sample_celeba

SIDE = 64
NAMES = ["Eyeglasses", "Male"]


def ring(side=SIDE, row=0.0, column=0.0, width=1.0):
    """Two dark rings where CelebA's eyes are, as shares of light ``[side, side]``; moved by pixels, stretched."""
    rows, columns = np.mgrid[:side, :side] * (148.0 / side)
    rows, columns = rows + 40 - row * 148 / side, columns + 15 - column * 148 / side
    left = np.ones((side, side))
    for x in (68, 109):
        far = np.hypot((columns - 88.5) / width - (x - 88.5), rows - 115)
        left *= 1 - 0.8 * np.exp(-(((far - 14) / 2.5) ** 2))
    return left


def face_like(seed, left=None):
    """A noisy smooth grey face ``[1, SIDE, SIDE, 3]``, −1…1, behind a pair of glasses."""
    noise = ndimage.gaussian_filter(np.random.RandomState(seed).normal(0, 1, (SIDE, SIDE)), 1.5)
    light = 0.6 + 0.35 * noise
    light = light if left is None else light * left
    return np.float32(np.clip(np.tile(light[None, :, :, None], 3), 0.02, 1) * 2 - 1)


def test_light_is_a_share_of_the_cheeks_and_tells_sunglasses():
    bare = np.full((2, SIDE, SIDE, 3), 0.2, np.float32)  # six tenths of white
    bare[1][glasses.mask(glasses.LENSES, SIDE)] = 2 * 0.6 * 0.3 - 1
    found = glasses.light(bare)
    np.testing.assert_allclose(found[0], 0, atol=1e-6)
    np.testing.assert_allclose(np.exp(found[1][glasses.mask(glasses.LENSES, SIDE)]), 0.3, rtol=1e-5)
    assert glasses.clear(found, 0.74).tolist() == [True, False]


def test_masks_lie_below_the_eyes_and_on_the_cheeks():
    lenses, cheeks = (glasses.mask(places, SIDE) for places in (glasses.LENSES, glasses.CHEEKS))
    assert lenses.any() and cheeks.any() and not (lenses & cheeks).any()
    rows = [
        40 + 148 * (np.nonzero(found)[0].mean() + 0.5) / SIDE for found in (lenses, cheeks)
    ]  # of the aligned picture
    assert 111 < rows[0] < 125 and 130 < rows[1] < 150


@pytest.mark.parametrize("row, column, width", [(0, 0, 1.0), (3, -2, 1.0), (-2, 1, 1.06), (0, 2, 0.94)])
def test_a_pair_is_laid_on_another(row, column, width):
    """``laid_on`` undoes what was done: the rows, columns and widths are known."""
    side = 2 * SIDE
    plane = np.log(ring(side, row, column, width))
    correlation, stretch, moved = glasses.laid_on(plane, np.log(ring(side)), int(side * glasses.REACH))
    assert correlation > 0.95
    assert abs(stretch[0] * width - 1) < 0.03
    assert abs(moved[0] + row) <= 1 and abs(moved[1] + column) <= 1


def test_the_mean_of_pairs_that_were_moved_is_sharper_than_the_plain_mean():
    random = np.random.RandomState(0)
    places = [(random.uniform(-2, 2), random.uniform(-2, 2), random.choice([0.94, 1.0, 1.06])) for _ in range(16)]
    lights = np.concatenate([glasses.light(face_like(i, ring(SIDE, *place))) for i, place in enumerate(places)])
    mean = glasses.congealed(lights, pairs=14, rounds=2)
    assert mean.shape == (2 * SIDE, 2 * SIDE)
    np.testing.assert_allclose(mean, mean[:, ::-1])
    bare = np.mean([glasses.light(face_like(100 + i))[0] for i in range(24)], axis=0)
    found, plain = glasses.rims(mean, bare), glasses.rims(ndimage.zoom(lights.mean(axis=0), 2, order=3), bare)
    dark = ring() < 0.4
    assert found.min() > 0 and found.max() <= 1
    assert found[dark].mean() < 0.6 and found[dark].mean() < plain[dark].mean() - 0.1
    assert found[glasses.mask(glasses.CHEEKS, SIDE)].mean() > 0.97  # no rim, no shadow
    assert found[:4].min() == 1.0


def test_rims_leave_skin_alone_where_there_are_none():
    bare = glasses.light(face_like(0))[0]
    symmetric = (bare + bare[:, ::-1]) / 2
    np.testing.assert_array_equal(glasses.rims(ndimage.zoom(symmetric, 2, order=3), bare), np.ones((SIDE, SIDE)))


def test_turns_keep_the_middle_and_lengths():
    """Each row of ``similarities`` as a matrix, against what a turn, a size and a shift are."""
    with tf.Session() as session:
        found = session.run(glasses.similarities(50, 33))
    assert found.shape == (50, 8) and not found[:, 6:].any()
    matrices = found[:, :6].reshape(-1, 2, 3)
    linear = matrices[:, :, :2]
    sizes = np.sqrt(np.linalg.det(linear))
    assert np.abs(sizes - 1).max() <= glasses.ZOOM + 1e-5 and sizes.std() > 0.02
    np.testing.assert_allclose(linear.transpose(0, 2, 1) @ linear, np.eye(2) * sizes[:, None, None] ** 2, atol=1e-5)
    angles = np.degrees(np.arctan2(linear[:, 1, 0], linear[:, 0, 0]))
    assert np.abs(angles).max() <= glasses.TURN + 1e-4 and angles.std() > 2
    middle = matrices @ np.array([16, 16, 1.0]) - 16
    assert np.abs(middle).max() <= glasses.SHIFT * 33 + 1e-4 and middle.std() > 0.2


def test_rims_move_with_their_face():
    """A face that *is* the rims: after any turn it still is."""
    left = np.float32(ring()[:, :, None])
    x = tf.constant(np.tile(2 * left - 1, (6, 1, 1, 3)))
    with tf.Session() as session:
        faces, rims = session.run(glasses.varied(x, left))
    assert faces.shape == (6, SIDE, SIDE, 3) and rims.shape == (6, SIDE, SIDE, 1)
    np.testing.assert_allclose(faces, np.tile(2 * rims - 1, 3), atol=1e-5)
    assert np.abs(rims - left).max(axis=(1, 2, 3)).min() > 0.05  # each was moved


def test_what_is_worn_loses_light_and_black_stays_black():
    x = np.array([-1.0, 0.0, 1.0])[:, None, None, None]
    np.testing.assert_allclose(glasses.worn(x, 0.5)[:, 0, 0, 0], [-1, -0.5, 0])


@pytest.mark.parametrize(
    "angle, size, shift", [(0, 1.0, (0, 0)), (7.5, 1.0, (2, -3)), (-5, 0.95, (-3, 1)), (10, 1.1, (0, 0))]
)
def test_a_pair_is_fitted_to_what_was_drawn_faintly(angle, size, shift):
    """``fitted`` finds again how the pair lay, under a skin of noise; where there are no rims nothing is darkened."""
    left = ring(96)
    lies = glasses.turned(left, angle, size, 1.0, shift)
    noise = ndimage.gaussian_filter(np.random.RandomState(0).normal(0, 0.1, (96, 96)), 1.0)
    found = glasses.fitted([0.2 * (ndimage.gaussian_filter(lies, 1.5) - 1) + noise], left)
    assert found.shape == (1, 96, 96, 1) and found.dtype == np.float32
    assert np.abs(found[0, :, :, 0] - lies).mean() < 0.5 * np.abs(left - lies).mean() + 0.004
    assert np.corrcoef(found.ravel(), lies.ravel())[0, 1] > 0.9
    assert found[0, :20].min() == 1.0


def test_a_turn_is_one_of_degrees_around_the_middle_of_the_window():
    """A dot to the right of the middle goes where sine and cosine say."""
    plane = np.zeros((96, 96))
    middle = np.array(glasses._middle(96))
    row, column = np.round(middle + [0, 20]).astype(int)
    plane[row - 1 : row + 2, column - 1 : column + 2] = 1
    before = np.array(ndimage.center_of_mass(plane)) - middle
    turned = glasses.turned(plane, 30.0, 1.2, 0.0, (3, -4))
    after = np.array(ndimage.center_of_mass(turned)) - middle - [3, -4]
    np.testing.assert_allclose(np.hypot(*after), 1.2 * np.hypot(*before), atol=0.1)
    turn = np.degrees(np.arctan2(before[1] * after[0] - before[0] * after[1], before @ after))
    np.testing.assert_allclose(abs(turn), 30, atol=0.5)


class Drawer:
    """A model whose generator draws pale rings where Eyeglasses is on, and lightens all where Male is."""

    settings = SimpleNamespace(att_default=NAMES, despeck=0.0, regions=False, hair=False, thres_int=0.5, img_size=96)
    left = ring(96)

    @classmethod
    def run(cls, _, feed):
        pictures, strengths = feed["x"], feed["b"]
        wears = np.maximum(strengths[:, 0], 0)[:, None, None, None]
        drawn = pictures * 0.9 + 0.3 * wears * (cls.left - 1)[:, :, None]
        return drawn + 0.1 * np.maximum(strengths[:, 1], 0)[:, None, None, None]

    x_sample, xa_sample, _b_sample = "y", "x", "b"


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_glasses_that_are_switched_on_are_laid_on_the_face_itself(power):
    """Against the pair laid on by hand; who wears some and who is asked for none is edited as the generator does."""
    faces = np.random.RandomState(0).uniform(-0.5, 0.5, (4, 96, 96, 3)).astype("f")
    faces = np.stack([ndimage.gaussian_filter((face + face[:, ::-1]) / 2, (2, 2, 0)) for face in faces])
    labels = np.array([[0, 0], [0, 0], [1, 0], [0, 0]])
    _b = np.array([[power, -0.5], [-0.5, -0.5], [power, -0.5], [power, 1.0]], np.float32)
    rebuilt = trained.edit(Drawer, Drawer, faces, np.full((4, 2), -0.5, np.float32))
    found = trained.edited(Drawer, Drawer, faces, rebuilt, labels, _b) - rebuilt
    plain = trained.edit(Drawer, Drawer, faces, _b) - rebuilt
    np.testing.assert_allclose(found[[1, 2]], plain[[1, 2]], atol=1e-6)
    left = Drawer.left[:, :, None] ** power
    np.testing.assert_allclose(found[0], (faces[0] + 1) * (left - 1), atol=0.02)
    lighter = faces[3] + 0.1  # the other edit first, then the glasses on it
    np.testing.assert_allclose(found[3], 0.1 + (lighter + 1) * (left - 1), atol=0.02)


def test_what_was_taught_no_pair_draws_its_own():
    faces = np.zeros((1, 96, 96, 3), np.float32)
    bare = SimpleNamespace(settings=Drawer.settings, left=None, x_sample="y", xa_sample="x", _b_sample="b")
    _b, labels = np.array([[0.5, -0.5]], np.float32), np.zeros((1, 2), int)
    found = trained.edited(Drawer, bare, faces, faces, labels, _b)
    np.testing.assert_array_equal(found, trained.edit(Drawer, bare, faces, _b))


@pytest.fixture
def unmoved(monkeypatch):
    """Faces stay where they are."""
    for name in ("TURN", "ZOOM", "SHIFT"):
        monkeypatch.setattr(glasses, name, 0.0)


X = np.random.RandomState(1).uniform(-0.9, 0.6, (4, 32, 32, 3)).astype("f")
A = np.array([[0, 1], [1, 0], [0, 0], [1, 1]])  # the first and the third are bare
LEFT = np.ones((32, 32, 1), np.float32)
LEFT[10:14] = 0.5
FADE = networks.photos.fading(32, 32)  # how much of an edit a photo gets


def loss_of(edited, left=LEFT, place=None):
    """``example_loss`` for a generator whose picture is ``edited`` of (what the encoder saw, the strength of Eyeglasses)."""
    loss = glasses.example_loss(
        tf.constant(X),
        tf.constant(A),
        lambda x: x,
        lambda z, b: edited(z, b[:, :1, None, None]),
        left,
        NAMES,
        0.5,
        place and (lambda a, b: tf.fill([4, 32, 32, 1], place)),
    )
    with tf.Session() as session:
        return session.run(loss)


def test_a_generator_that_does_as_the_examples_loses_nothing_but_at_the_edges(unmoved):
    """On and off; at the edges of its box a photo gets less of any edit."""

    def as_asked(z, strength):
        return tf.where(tf.broadcast_to(strength > 0, X.shape), (X + 1) * LEFT - 1, X)

    lost = (1 - FADE) * (X[[0, 2]] + 1) * (1 - LEFT)
    np.testing.assert_allclose(loss_of(as_asked), 2 * lost.mean(), rtol=1e-4)
    assert 2 * lost.mean() < 0.2 * loss_of(lambda z, strength: z)


@pytest.mark.parametrize("place", [None, 0.25])
def test_a_generator_that_changes_nothing_loses_what_rims_take(unmoved, place):
    """Of the bare faces alone, on and off; where an edit counts makes no difference to what is not edited."""
    wanted = 2 * np.abs((X[[0, 2]] + 1) * (1 - LEFT)).mean()
    np.testing.assert_allclose(loss_of(lambda z, strength: z, place=place), wanted, rtol=1e-4)


def test_a_place_bounds_what_an_edit_may_do(unmoved):
    """An edit of ±0.3 everywhere, where a quarter of it counts and nothing is asked for."""
    found = loss_of(lambda z, strength: z + 0.3 * strength, np.ones_like(LEFT), 0.25)
    np.testing.assert_allclose(found, 2 * 0.25 * 0.3 * FADE.mean(), rtol=1e-4)


def test_a_loss_is_added_to_the_generators_once():
    weight = tf.get_variable("w", initializer=2.0)
    shown = networks.taught(networks.as_it_is, 5.0 * tf.square(weight))
    edited = weight * tf.ones([2, 4, 4, 3])
    seen = shown(None, None, edited)
    slope = tf.gradients(3.0 * tf.reduce_mean(seen), weight)[0]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(session.run(seen), np.full((2, 4, 4, 3), 2.0))
        np.testing.assert_allclose(session.run(slope), 3.0 + 2 * 5.0 * 2.0, rtol=1e-6)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(folder of generated faces, path of the glasses that the script made of them at 32 pixels)."""
    folder = str(tmp_path_factory.mktemp("glasses"))
    faces, output = os.path.join(folder, "faces"), os.path.join(folder, "out")
    sample_celeba.generate(faces, seed=4, count=60)
    glasses.main(["--preset", "tiny", "--data-dir", faces, "--output-dir", output])
    return SimpleNamespace(faces=faces, output=output, path=os.path.join(output, glasses.FILE))


def test_the_script_finds_drawn_glasses(made):
    left = glasses.load(made.path, 32)
    assert left.shape == (32, 32, 1) and 0 < left.min() < 0.7 and left.max() == 1.0
    rows = np.nonzero(left[:, :, 0] < 0.9)[0] * 148 / 32.0 + 40
    assert 90 < rows.min() and rows.max() < 140  # around the eyes, nowhere else
    picture = images.read_photo(os.path.join(made.output, "glasses.png")).pixels
    np.testing.assert_allclose(picture[:, :, 0], 255 * left[:, :, 0], atol=0.51)
    record = files.read_json(os.path.join(made.output, "record-glasses.json"))
    assert (
        record["metrics"]["faces with glasses"]["value"]
        >= record["metrics"]["through which the eyes are seen"]["value"]
    )


def test_a_training_is_taught_glasses_and_mouths(made, tmp_path):
    names = ["Eyeglasses", "Male", "Mouth_Slightly_Open", "Smiling"]
    words = ["--preset", "tiny", "--data-dir", made.faces, "--att-default"] + names
    words += ["--glasses", made.path, "--weight-mouths", "5", "--n-sample", "2", "--threads", "1"]
    words += ["--output-dir", str(tmp_path / "run"), "--put-back", "--regions"]
    train.main(words + ["--max-it", "2"])
    own = ["--glasses", str(tmp_path / "run" / glasses.FILE)]  # the last one counts
    train.main(words + own + ["--max-it", "3"])
    record = files.read_json(str(tmp_path / "run" / "record-train.json"))
    assert record["metrics"]["iterations"]["value"] == 3
    # the pair goes along to whatever uses the run
    taught = glasses.load(made.path, 32)
    np.testing.assert_array_equal(glasses.load(str(tmp_path / "run" / glasses.FILE), 32), taught)
    export.main(["--preset", "tiny", "--output-dir", str(tmp_path / "run")])
    exported = str(tmp_path / "run" / "generator.npz")
    np.testing.assert_array_equal(glasses.load(trained.glasses_path(exported), 32), taught)
    words = ["--preset", "tiny", "--weights", exported, "--data-dir", made.faces, "--threads", "1"]
    words += ["--output-dir", str(tmp_path / "chosen"), "--file", str(tmp_path / "copy.npz"), "--n-test", "4"]
    choose_strengths.main(words)
    np.testing.assert_array_equal(glasses.load(str(tmp_path / "copy_glasses.npz"), 32), taught)
    # the mean of a generator and another one, whose values are three times as large
    values, settings = weights.load(exported, "generator")
    other, mean = str(tmp_path / "other.npz"), str(tmp_path / "new" / "mean.npz")
    weights.save(other, {name: 3 * np.float32(value) for name, value in values.items()}, settings)
    export.main(["--preset", "tiny", "--mean-of", other, exported, "--file", mean])
    for name, value in weights.load(mean, "generator")[0].items():
        np.testing.assert_allclose(value, 2 * np.float32(values[name]), rtol=2e-3, atol=1e-6)
    assert os.path.exists(trained.head_path(mean)) and os.path.exists(trained.glasses_path(mean))
    for wrong, words in (
        ([exported], "two weights at least"),
        ([exported, trained.head_path(exported)], "another network"),
    ):
        with pytest.raises(UserError, match=words):
            export.main(["--preset", "tiny", "--mean-of"] + wrong + ["--file", mean])
    strange = str(tmp_path / "strange.npz")
    weights.save(strange, values, dict(settings, att_default=["Male", "Young", "Bangs", "Smiling"]))
    with pytest.raises(UserError, match="other attributes"):
        export.main(["--preset", "tiny", "--mean-of", exported, strange, "--file", mean])
    weights.save(strange, values, {})
    with pytest.raises(UserError, match="name no attributes"):
        export.main(["--preset", "tiny", "--mean-of", exported, strange, "--file", mean])
    with pytest.raises(UserError, match="wants --file"):
        export.main(["--preset", "tiny", "--mean-of", exported, other])


@pytest.mark.parametrize(
    "words, said",
    [
        (["--glasses", "PATH", "--att-default", "Male", "Young"], "Eyeglasses is not among the attributes"),
        (["--glasses", "PATH", "--img-size", "48"], "not for pictures of 48 pixels"),
        (["--glasses", "missing.npz"], "missing.npz"),
        (["--weight-glasses", "3"], "--weight-glasses does nothing without --glasses"),
        (["--weight-mouths", "3", "--att-default", "Male", "Eyeglasses"], "wants Smiling and Mouth_Slightly_Open"),
    ],
)
def test_what_cannot_work_is_told_in_a_line(made, tmp_path, words, said):
    common = ["--preset", "tiny", "--data-dir", made.faces, "--output-dir", str(tmp_path / "run"), "--threads", "1"]
    if "--att-default" not in words:
        common += ["--att-default", "Eyeglasses", "Male"]
    with pytest.raises(UserError, match=said):
        train.main(common + [made.path if word == "PATH" else word for word in words])


def test_a_file_of_another_kind_is_no_glasses(tmp_path):
    path = str(tmp_path / "other.npz")
    weights.save(path, dict(other=np.zeros(3, np.float32)), dict(img_size=32))
    with pytest.raises(UserError, match="not for pictures of 32"):
        glasses.load(path, 32)
    weights.save(path, dict(left=np.full((32, 32), -0.5, np.float32)), dict(img_size=32))
    with pytest.raises(UserError, match="from 0 to 1, not -0.5 to -0.5"):
        glasses.load(path, 32)


def test_without_glasses_there_is_no_mean(tmp_path):
    folder = str(tmp_path / "faces")
    sample_celeba.generate(folder, seed=1, count=20)
    path = os.path.join(folder, "list_attr_celeba.txt")
    with open(path, encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    column = lines[1].split().index("Eyeglasses") + 1
    rows = [line.split() for line in lines[2:]]
    for row in rows:
        row[column] = "-1"
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines[:2] + [" ".join(row) for row in rows]) + "\n")
    with pytest.raises(UserError, match="no face with clear glasses"):
        glasses.main(["--preset", "tiny", "--data-dir", folder, "--output-dir", str(tmp_path / "out")])
