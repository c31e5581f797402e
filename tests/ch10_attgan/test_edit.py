"""Listing 10-7, the export and the evaluation: pure functions, own photos, scripts as a user runs them."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from ch10_attgan import code_10_06_train as train
from ch10_attgan import code_10_07_edit as listing
from ch10_attgan import ext_10_3_evaluate as evaluate
from ch10_attgan import ext_10_3_export as export
from ch10_attgan import trained
from common import images, options
from common.errors import UserError
from tests.helpers import assert_user_error, run_script

SCRIPT = "ch10_attgan/code_10_07_edit.py"
ATTS = ["Bald", "Bangs", "Male", "Eyeglasses"]


# ------------------------------------------------------------------------------------------------ what is asked for
def test_edits_are_made_together_and_contradictions_cleared():
    edits = listing.parse_edits(["Bald=on", "Male=flip", "Eyeglasses=off"], ATTS)
    labels = np.array([[0, 1, 1, 1], [0, 0, 0, 0]])
    assert listing.switch(labels, edits, ATTS).tolist() == [[1, 0, 0, 0], [1, 0, 1, 0]]
    assert labels.tolist() == [[0, 1, 1, 1], [0, 0, 0, 0]]


@pytest.mark.parametrize(
    "words,message",
    [
        (["Nose=on"], "does not know the attribute 'Nose'; it knows: Bald Bangs"),
        (["Bald"], "must be Bald=on, Bald=off or Bald=flip"),
        (["Bald=yes"], "must be Bald=on"),
        (["Bald=on", "Bald=off"], "named twice"),
    ],
)
def test_edits_that_are_none(words, message):
    with pytest.raises(UserError, match=message):
        listing.parse_edits(words, ATTS)


def test_erratum_e89_sliding_respects_sign_and_contradictions():
    labels = np.array([0, 1, 1, 0])  # has bangs
    rows = listing.slide(labels, 0, [-1.0, 0.7, 1.2], ATTS, 0.5)
    printed = np.repeat((labels[None] * 2 - 1) * 0.5, 3, axis=0)
    printed[:, 0] = [-1.0, 0.7, 1.2]
    assert printed[2].tolist() == [1.2, 0.5, 0.5, -0.5]  # bald and bangs at once
    np.testing.assert_allclose(rows, [[-1.0, 0.5, 0.5, -0.5], [0.7, -0.5, 0.5, -0.5], [1.2, -0.5, 0.5, -0.5]])


def test_strip_of_the_book_is_1420_wide():
    face = np.zeros((128, 128, 3), "f")
    strip = listing.strip_of(face, [face + 1] * 10, None, 128)
    assert strip.shape == (128, 1420, 3)
    assert (strip[:, 128:140] == 0).all() and (strip[:, 140:] == 255).all()
    assert listing.strip_of(face, [face] * 10, ["a_b"] * 10, 128).shape == (128 + 24, 1420, 3)


# ------------------------------------------------------------------------------------------------ own photos
@pytest.fixture
def photo(tmp_path):
    rows, columns = np.mgrid[0:100, 0:200]
    pixels = np.uint8(np.stack([rows, columns, np.zeros_like(rows)], axis=-1))
    return images.write_png(str(tmp_path / "me.png"), pixels)


def test_box_of_a_photo(photo):
    face = images.to_uint8(trained.read_photo(photo, ["10", "20", "64"], 64)[0])
    assert face.shape == (64, 64, 3)
    assert face[0, 0].tolist() == [20, 10, 0] and face[-1, -1].tolist() == [83, 73, 0]
    centre = images.to_uint8(trained.read_photo(photo, ["centre"], 100)[0])
    assert centre[0, 0].tolist() == [0, 50, 0]


@pytest.mark.parametrize(
    "box,message",
    [
        (["150", "0", "64"], "does not lie in"),
        (["0", "0", "8"], "smaller than 16 pixels"),
        (["-1", "0", "64"], "does not lie in"),
        (["left"], "must be 'centre', 'celeba', or LEFT TOP SIDE"),
        (["1", "2", "x"], "must be 'centre'"),
        (["celeba"], "wants an aligned picture"),
    ],
)
def test_boxes_that_do_not_fit(photo, box, message):
    with pytest.raises(UserError, match=message):
        trained.read_photo(photo, box, 64)


def test_celeba_box_is_the_loaders(faces):
    from ch10_attgan.code_10_04_dataset import Celeba

    path = os.path.join(faces, "img_align_celeba", "000057.jpg")
    ours = trained.read_photo(path, ["celeba"], 64)[0]
    theirs = Celeba(faces, ["Bald"], 64, 1, mode="test").get_next()[0][0]
    assert np.abs(ours - theirs).mean() < 0.06  # the photo is shrunk with antialiasing


# ------------------------------------------------------------------------------------------------ scores
def test_scores_of_an_edit_by_hand():
    labels = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 1]])
    wanted = np.array([[1, 0, 0], [0, 0, 0], [1, 0, 1], [1, 0, 1]])  # column 0 flipped, 1 cleared where it contradicts
    before = labels.copy()
    before[2, 2] = 0
    after = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 0], [0, 0, 0]])
    accuracy, switched_on, switched_off, others = evaluate.edit_scores(labels, wanted, before, after, 0)
    assert (accuracy, switched_on, switched_off) == (0.5, 2 / 3.0, 0.0)
    # Others that should stay: (0,2) same, (1,1) changed, (1,2) same, (2,1) same, (2,2) same, (3,2) changed.
    assert others == 4 / 6.0


def test_scores_without_a_case_are_nan():
    ones = np.ones((2, 1), int)
    assert np.isnan(evaluate.edit_scores(1 - ones, ones, ones, ones, 0)[2])


# ------------------------------------------------------------------------------------------------ files
def test_export_keeps_float16_and_refuses_what_is_none(tmp_path):
    variable = tf.Variable([1.0, 1.0 / 3.0], name="Genc/x")
    path = str(tmp_path / "a.npz")
    with tf.Session() as session:
        session.run(variable.initializer)
        assert trained.write_export(path, session, [variable], dict(atts=["Bald"])) == 2
        settings, arrays = trained.read_export(path)
        assert settings == dict(atts=["Bald"]) and arrays["Genc/x"].tolist() == [1.0, float(np.float16(1.0 / 3.0))]
        variable.load([1e9, 0.0], session)
        with pytest.raises(UserError, match="16-bit"):
            trained.write_export(path, session, [variable], {})
    other = tmp_path / "b.npz"
    other.write_text("no weights", encoding="utf-8")
    for name, message in ((str(other), "is not an exported generator"), (str(tmp_path / "c.npz"), "does not exist")):
        with pytest.raises(UserError, match=message):
            trained.read_export(name)


def test_no_model_says_what_to_run(tmp_path):
    with pytest.raises(UserError, match="code_10_06_train.py .*--weights shipped"):
        listing.main(["--output-dir", str(tmp_path)])


# ------------------------------------------------------------------------------------------------ scripts
@pytest.fixture(scope="module")
def run(tmp_path_factory, faces):
    """A very short run at 'tiny'."""
    folder = str(tmp_path_factory.mktemp("run"))
    common = ["--preset", "tiny", "--data-dir", faces, "--output-dir", folder, "--threads", "1"]
    train.main(common + ["--epoch", "2"])
    tf.reset_default_graph()
    return SimpleNamespace(folder=folder, arguments=common)


@pytest.mark.script
def test_slide_is_the_default(run):
    result = run_script(SCRIPT, *run.arguments, "--numbers", "1", "3")
    written = [line for line in result.stdout.splitlines() if line.endswith(".png")]
    assert [os.path.basename(path) for path in written] == [
        "000057_slide_Eyeglasses.png",
        "000059_slide_Eyeglasses.png",
        "all_slide_Eyeglasses.png",
    ]
    strip, both = images.read_rgb(written[0]), images.read_rgb(written[2])
    assert strip.shape == (64 + 24, 64 * 11 + 6, 3) and both.shape == (128 + 24, 64 * 11 + 6, 3)
    np.testing.assert_array_equal(both[: len(strip)], strip)
    record = options.read_json(os.path.join(run.folder, "record-code_10_07_edit.json"))
    assert record["files"][0]["path"] == os.path.join("edited", "all_slide_Eyeglasses.png")


def test_sheet_switch_and_single_pictures(run, capsys):
    listing.main(run.arguments + ["--numbers", "2", "--sheet"])
    listing.main(run.arguments + ["--numbers", "2", "--edit", "Bald=on", "Male=flip"])
    listing.main(run.arguments + ["--numbers", "2", "--edit", "Bald=on", "--single"])
    names = sorted(name for name in os.listdir(os.path.join(run.folder, "edited")) if name.startswith("000058"))
    assert names == ["000058_Bald_on-Male_flip.png", "000058_Bald_on.png", "000058_sheet.png"]
    folder = os.path.join(run.folder, "edited")
    assert images.read_rgb(os.path.join(folder, "000058_Bald_on.png")).shape == (32, 32, 3)
    assert images.read_rgb(os.path.join(folder, "000058_sheet.png")).shape[1] == 64 * 10 + 6
    assert images.read_rgb(os.path.join(folder, "000058_Bald_on-Male_flip.png")).shape[1] == 64 * 3 + 6


def test_list_attributes(run, capsys):
    listing.main(run.arguments + ["--list-attributes"])
    assert capsys.readouterr().out.split() == train.PRESETS["tiny"]["atts"]


def test_own_photo_with_guessed_and_with_given_labels(run, photo, capsys):
    listing.main(run.arguments + ["--photo", photo, "--box", "centre", "--edit", "Eyeglasses=on"])
    assert "the attribute head sees:" in capsys.readouterr().out
    listing.main(run.arguments + ["--photo", photo, "--box", "centre", "--labels", "Male", "--edit", "Eyeglasses=on"])
    out = capsys.readouterr().out
    assert "sees" not in out and "me_Eyeglasses_on.png" in out


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["--photo", "PHOTO"], "where is the face in .*me.png"),
        (["--photo", "missing.png", "--box", "centre"], "missing.png: no such picture"),
        (["--photo", "PHOTO", "--box", "centre", "--labels", "Tall"], "unknown attribute Tall; the model knows"),
        (["--numbers", "5"], "no test picture 5: the numbers go from 1 to 4"),
        (["--test-att", "Nose"], "does not know 'Nose'"),
        (["--weights", "missing.npz"], "missing.npz does not exist"),
    ],
)
def test_wrong_calls_are_one_line(run, photo, arguments, message):
    with pytest.raises(UserError, match=message):
        listing.main(run.arguments + [photo if item == "PHOTO" else item for item in arguments])


@pytest.mark.script
def test_wrong_call_as_a_user_sees_it(run):
    assert_user_error(run_script(SCRIPT, *run.arguments, "--test-att", "Nose", check=False), "does not know 'Nose'")


def test_exported_generator_edits_like_the_checkpoint(run, tmp_path, capsys):
    path = str(tmp_path / "small.npz")
    export.main(run.arguments + ["--file", path])
    _, arrays = trained.read_export(path)
    assert {name.split("/")[0] for name in arrays} == {"Genc", "Gdec"} and not any("Adam" in name for name in arrays)
    _, head = trained.read_export(trained.head_path(path))
    assert "D/fully_connected_3/weights" in head and "D/fully_connected_1/weights" not in head
    pictures = {}
    for name, arguments in (("checkpoint", []), ("export", ["--weights", path])):
        folder = str(tmp_path / name)
        from_run = ["--output-dir", run.folder] if name == "checkpoint" else ["--output-dir", folder]
        listing.main(run.arguments + from_run + arguments + ["--numbers", "1", "--edit", "Bald=on", "--single"])
        where = run.folder if name == "checkpoint" else folder
        pictures[name] = images.read_rgb(os.path.join(where, "edited", "000057_Bald_on.png")).astype(int)
    assert np.abs(pictures["checkpoint"] - pictures["export"]).max() <= 2
    os.remove(trained.head_path(path))
    photo = images.write_png(str(tmp_path / "p.png"), np.zeros((50, 50, 3), np.uint8))
    with pytest.raises(UserError, match="has no attribute head: say with --labels"):
        listing.main(run.arguments + ["--weights", path, "--photo", photo, "--box", "centre"])


def test_evaluation_writes_a_table_and_reuses_its_classifier(run, capsys):
    arguments = run.arguments + ["--n-test", "4", "--cls-steps", "4"]
    evaluate.main(arguments)
    first = capsys.readouterr().out
    evaluate.main(arguments)
    second = capsys.readouterr().out
    assert "classifier:" in second and "classifier:" not in first
    assert first.split("reconstruction")[1] == second.split("reconstruction")[1]
    record = options.read_json(os.path.join(run.folder, "record-ext_10_3_evaluate.json"))
    rows = record["tables"][0]["rows"]
    assert [row[0] for row in rows] == train.PRESETS["tiny"]["atts"] + ["mean"]
    assert 0 <= rows[-1][3] <= 1 and record["metrics"]["reconstruction PSNR"]["value"] > 0
    assert record["metrics"]["test pictures"]["value"] == 4
    evaluate.main(arguments + ["--split", "val"])  # other pictures, other scores, a record of its own
    assert capsys.readouterr().out.split("reconstruction")[1] != second.split("reconstruction")[1]
    other = options.read_json(os.path.join(run.folder, "record-ext_10_3_evaluate-val.json"))
    assert other["metrics"]["val pictures"]["value"] > 0 and "val part" in other["data"]


def test_shipped_weights_edit_without_any_data(tmp_path):
    if not os.path.exists(trained.SHIPPED):
        pytest.skip("no weights yet")
    assert os.path.getsize(trained.SHIPPED) < 20e6
    settings, arrays = trained.read_export(trained.SHIPPED)
    assert "generated" in settings["data"] and {name.split("/")[0] for name in arrays} == {"Genc", "Gdec"}
    result = run_script(
        SCRIPT, "--preset", "tiny", "--weights", "shipped", "--output-dir", tmp_path, "--numbers", "1", "--sheet"
    )
    sheet = images.read_rgb(result.stdout.splitlines()[-1])
    cell = sheet[-64:]
    original, rebuilt = cell[:, :64], cell[:, 64 + 6 : 128 + 6]
    assert images.psnr(original, rebuilt) > 20
    # its record does not take the place of that of the reader's own model
    records = [name for name in os.listdir(str(tmp_path)) if name.startswith("record-")]
    assert records == ["record-code_10_07_edit-weights-sheet.json"]
