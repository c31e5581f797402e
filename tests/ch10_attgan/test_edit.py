"""Listing 10-7, the edits of 10.3.10, own photos, weights, export and evaluation: pure functions and a run of beyond/train."""

import json
import os
import shutil
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from ch10_attgan import code_10_07_edit as listing
from ch10_attgan import ext_10_3_10_edit as edit
from ch10_attgan.beyond import choose_strengths, evaluate, export, networks, photos, sheets, train, trained
from ch10_attgan.beyond.faces import Faces
from common import images, options, same_data, weights
from common.errors import UserError
from data import celeba
from tests.helpers import half_translated

ATTS = ["Bald", "Bangs", "Male", "Eyeglasses"]


# ------------------------------------------------------------------------------------------------ what is asked for
def test_edits_are_made_together_and_contradictions_cleared():
    edits = edit.parse_edits(["Bald=on", "Male=flip", "Eyeglasses=off"], ATTS)
    labels = np.array([[0, 1, 1, 1], [0, 0, 0, 0]])
    assert edit.switch(labels, edits, ATTS).tolist() == [[1, 0, 0, 0], [1, 0, 1, 0]]
    assert labels.tolist() == [[0, 1, 1, 1], [0, 0, 0, 0]]


@pytest.mark.parametrize(
    "words,message",
    [
        (["Nose=on"], "does not know the attribute 'Nose'; it knows: Bald Bangs"),
        (["Bald"], "must be Bald=on, Bald=off, Bald=flip or a strength"),
        (["Bald=yes"], "must be Bald=on"),
        (["Bald=nan"], "must be Bald=on"),
        (["Bald=2.1"], "from -2 to 2"),
        (["Bald=on", "Bald=off"], "named twice"),
    ],
)
def test_edits_that_are_none(words, message):
    with pytest.raises(UserError, match=message):
        edit.parse_edits(words, ATTS)


@pytest.mark.parametrize("words", [["Bald=on", "Bangs=on"], ["Bangs=0.5", "Male=on", "Bald=flip"]])
def test_edits_that_exclude_each_other(words):
    """The later one switched the first off, at full strength, and the picture's name said 'on'."""
    labels = np.array([[0, 1, 1, 1], [0, 0, 0, 0]])
    with pytest.raises(UserError, match="(Bald and Bangs|Bangs and Bald) exclude each other"):
        edit.switch(labels, edit.parse_edits(words, ATTS), ATTS)
    edits = edit.parse_edits(["Bald=flip", "Bangs=flip"], ATTS)
    assert edit.switch(labels[:1], edits, ATTS).tolist() == [[1, 0, 1, 1]]
    assert edit.switch(np.array([[1, 0, 0, 0]]), edits, ATTS).tolist() == [[0, 1, 0, 0]]


def test_each_edit_can_have_a_strength_of_its_own():
    edits = edit.parse_edits(["Bald=1.5", "Male=-0.25", "Eyeglasses=on"], ATTS)
    labels = np.array([[0, 1, 1, 0]])
    assert edit.switch(labels, edits, ATTS).tolist() == [[1, 0, 0, 1]]
    opts = SimpleNamespace(sheet=False, edit=["Bald=1.5", "Male=-0.25", "Eyeglasses=on"], test_int=1.0)
    settings = SimpleNamespace(att_default=ATTS, thres_int=0.5, test_int=1.0, strengths={})
    columns, titles, _ = edit.columns_of(opts, labels, settings)
    assert titles == ["rebuilt", "edited"]
    assert columns[0].tolist() == [[-0.5, 0.5, 0.5, -0.5]] and columns[1].tolist() == [[1.5, -0.5, -0.25, 1.0]]
    opts = SimpleNamespace(sheet=False, edit=["Male=flip", "Eyeglasses=on"], test_int=None)
    settings.strengths = {"Male": [0.75, 1.25], "Eyeglasses": [2.0, 0.5]}
    columns, _, _ = edit.columns_of(opts, labels, settings)
    assert columns[1].tolist() == [[-0.5, 0.5, -0.75, 0.5]]
    columns, _, _ = edit.columns_of(SimpleNamespace(sheet=True, edit=None, test_int=None), labels, settings)
    assert [column.tolist()[0] for column in columns[3:]] == [[-0.5, 0.5, -0.75, -0.5], [-0.5, 0.5, 0.5, 0.5]]


@pytest.mark.parametrize(
    "words, test_int, expected",
    [
        (["Smiling=off", "Mouth_Slightly_Open=off"], None, [[-0.7, -0.9, -0.5], [-1.4, -1.8, -0.5]]),
        (["Smiling=off", "Mouth_Slightly_Open=-1.5"], None, [[-0.7, -1.5, -0.5], [-1.4, -1.5, -0.5]]),
        (["Smiling=off", "Mouth_Slightly_Open=off"], 1.0, [[-1.0, -1.0, -0.5], [-1.0, -1.0, -0.5]]),
        (["Smiling=off", "Male=on"], None, [[-1.4, 0.5, 1.2], [-1.4, 0.5, 1.2]]),
    ],
)
def test_two_edits_of_one_mouth_are_fed_at_half(words, test_int, expected):
    """Where both are switched; the second face did not smile, so of it only one is."""
    atts = ["Smiling", "Mouth_Slightly_Open", "Male"]
    strengths = {"Smiling": [1.4, 1.0], "Mouth_Slightly_Open": [1.8, 1.0], "Male": [1.0, 1.2]}
    settings = SimpleNamespace(att_default=atts, thres_int=0.5, test_int=1.0, strengths=strengths)
    labels = np.array([[1, 1, 0], [0, 1, 0]])
    opts = SimpleNamespace(sheet=False, edit=words, test_int=test_int)
    found = edit.columns_of(opts, labels, settings)[0][1]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_gentle_edit_is_as_weak_as_the_attribute_head_is_sure_of(monkeypatch):
    """At the strength that most faces want, easy ones get black blots for hair."""
    settings = SimpleNamespace(att_default=["Bangs", "Male"], thres_int=0.5, despeck=0.0, regions=False)
    model, labels = SimpleNamespace(settings=settings, left=None), np.array([[0, 1]] * 4)
    pictures = np.zeros([4, 8, 8, 3], np.float32)
    easy = np.array([0.9, 0.5, 0.2, 0.0])  # the edit's strength from which on the head is sure
    asked = []

    def made(session, model, pictures, _b):
        asked.append(_b)
        return pictures + np.float32(np.abs(_b[:, 0]))[:, None, None, None] / 2

    def chances(session, model, shown):
        seen = np.where(2 * shown[:, 4, 4, 0] >= easy - 1e-6, trained.ENOUGH + 0.01, 0.5)
        return np.stack([seen if switched == "on" else 1 - seen, np.full(4, 0.9)], axis=1)

    monkeypatch.setattr(trained, "edit", made)
    monkeypatch.setattr(photos, "attribute_chances", chances)
    for switched, strength in (("on", 1.0), ("off", -1.0)):
        labels[:, 0] = switched == "off"
        _b = np.float32([[strength, 0.5]] * 4)
        gentle, shares = trained.gentlest(None, model, pictures, labels, pictures, _b)
        np.testing.assert_allclose(shares, [1.0, 0.6, 0.2, 0.2])
        np.testing.assert_allclose(gentle, np.stack([strength * shares, [0.5] * 4], axis=1))
    assert all((strengths[:, 1] == 0.5).all() for strengths in asked)  # what was not switched stays
    easy[0] = 2.0  # of this one the head is never sure: no more than it takes to be as sure as at all
    assert trained.gentlest(None, model, pictures, labels, pictures, _b)[1][0] == np.float32(trained.SHARES[0])
    gentle, shares = trained.gentlest(None, model, pictures, labels, pictures, _b, exact=[0])
    np.testing.assert_array_equal(gentle, _b)  # a strength that the reader named stays, too
    assert (shares == 1).all()


@pytest.mark.parametrize(
    "words,head,expected",
    [
        (["--photo", "x.png", "--edit", "Male=on"], True, True),
        (["--photo", "x.png", "--edit", "Male=on"], False, False),  # nobody can say what is enough
        (["--photo", "x.png", "--edit", "Male=on", "--gentle", "false"], True, False),
        (["--photo", "x.png", "--edit", "Male=on", "--test-int", "1"], True, False),  # that much is asked for
        (["--photo", "x.png", "--sheet"], True, False),
        (["--edit", "Male=on"], True, False),
        (["--edit", "Male=on", "--gentle"], True, True),
    ],
)
def test_an_own_photo_is_edited_gently_if_nothing_else_is_said(words, head, expected):
    opts = options.parse_values(edit.__file__, edit.__doc__, edit.VALUES, argv=words, add=edit.add_options)
    assert edit.is_gentle(opts, SimpleNamespace(logit_att="head" if head else None)) is expected


def test_headers_say_which_way_and_slides_what_is_beyond():
    opts = SimpleNamespace(sheet=True, edit=None, test_int=None)
    labels = np.array([[0, 1, 1, 0], [0, 1, 0, 0]])
    titles = ["rebuilt"] + ATTS
    wanted = ["rebuilt"] + [name + way for name, way in zip(ATTS, ("_on", "_off", "", "_on"))]
    assert edit.headers(opts, titles, labels) == wanted
    assert edit.headers(opts, titles, labels[:1])[3] == ATTS[2] + "_off"
    opts = SimpleNamespace(
        sheet=False, edit=None, test_int=None, test_att="Bald", test_int_min=-1.2, test_int_max=1.2, n_slide=3
    )
    settings = SimpleNamespace(att_default=ATTS, thres_int=0.5, test_int=1.0, strengths={})
    _, titles, _ = edit.columns_of(opts, labels, settings)
    assert titles == ["Bald_-1.20*", "Bald_0.00", "Bald_1.20*"] and edit.headers(opts, titles, labels) == titles


def test_the_strength_chosen_is_that_of_most_edits_for_least_change():
    rows = [(0.5, 0.6, 0.97), (1.0, 0.9, 0.95), (1.5, 0.91, 0.90)]
    weak = [(0.5, 0.2, 0.99), (1.0, 0.6, 0.92), (1.5, 0.7, 0.80)]
    nothing = [(0.5, np.nan, np.nan), (1.0, np.nan, np.nan), (1.5, np.nan, np.nan)]
    found = {("a", "off"): rows, ("a", "on"): rows[::-1], ("b", "off"): weak, ("b", "on"): nothing}
    counts = {("a", "off"): 10, ("a", "on"): 30, ("b", "off"): 5, ("b", "on"): 0}
    picked = choose_strengths.chosen(found, counts, 4.0)
    assert [picked[key][0] for key in found] == [1.0, 1.0, 1.0, 1.0]  # the last has no picture
    assert choose_strengths.chosen(found, counts, 0.0)["b", "off"][0] == 1.5
    assert choose_strengths.chosen(found, counts, 20.0)["a", "on"][0] == 0.5  # the others count for more
    least = choose_strengths.chosen(found, counts, 20.0, least=0.65)
    assert [least[key][0] for key in found][:3] == [1.0, 1.0, 1.5]  # 0.5 switches too few
    assert choose_strengths.chosen(found, counts, 20.0, least=0.95)["b", "off"][0] == 1.5  # none does: the surest
    equal = {("c", "on"): [(1.0, 1.0, 1.0), (0.5, 1.0, 1.0)]}
    assert choose_strengths.chosen(equal, {("c", "on"): 1}, 4.0)["c", "on"][0] == 0.5  # of equal ones the weakest


def test_lone_dots_of_an_edit_go_and_lines_stay():
    rebuilt = np.random.RandomState(0).uniform(-0.5, 0.5, (2, 12, 12, 3)).astype(np.float32)
    edited = rebuilt + 0.1
    edited[0, 3, 4] += 0.8  # a dot
    edited[1, 6:8, 2:10] -= 0.6  # the rim of glasses, two pixels wide
    found = photos.despecked(rebuilt, edited, 0.25)
    np.testing.assert_allclose(found[0], rebuilt[0] + 0.1, atol=1e-6)
    np.testing.assert_allclose(found[1, 6:8, 3:9], edited[1, 6:8, 3:9], atol=1e-6)
    np.testing.assert_array_equal(photos.despecked(rebuilt, edited, 0.0), edited)
    faint = rebuilt.copy()
    faint[0, 3, 4] += 0.2
    np.testing.assert_allclose(photos.despecked(rebuilt, faint, 0.25), faint, atol=1e-6)


def test_put_back_changes_what_the_edit_changed_and_nothing_else():
    photo = np.random.RandomState(0).randint(60, 190, (120, 100, 3), dtype=np.uint8)
    face, rebuilt = np.zeros((16, 16, 3), "f"), np.zeros((16, 16, 3), "f")
    box = (10, 20, 64, 64)
    np.testing.assert_array_equal(photos.put_back(photo, box, face, rebuilt, rebuilt), photo)
    whole = photos.put_back(photo, box, face, rebuilt, rebuilt + 24 / 127.5).astype(int) - photo
    assert whole[52, 42].tolist() == [24, 24, 24] and 0 < whole[21, 42, 0] < 24
    of_face = whole[20:84, 10:74].copy()
    whole[20:84, 10:74] = 0
    assert not whole.any()
    reaching_out = photos.put_back(photo, (-14, -4, 64, 64), face, rebuilt, rebuilt + 24 / 127.5).astype(int) - photo
    np.testing.assert_array_equal(reaching_out[:60, :50], of_face[4:, 14:])
    assert not reaching_out[60:].any() and not reaching_out[:, 50:].any()


def test_memory_for_a_large_face_is_that_of_a_band():
    photo, face = np.zeros((1000, 1500, 3), np.uint8), np.zeros((64, 64, 3), "f")
    tracemalloc.start()
    try:
        photos.put_back(photo, (0, 0, 1000, 1000), face, face, face + 0.1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * photo.size  # it was 18 times the photo, as floats


def test_a_change_lies_in_the_photo_where_the_network_saw_it():
    photo = np.full((512, 512, 3), 128, np.uint8)
    grey, edited = np.zeros((64, 64, 3), "f"), np.zeros((64, 64, 3), "f")
    edited[:, 10] = edited[:, 53] = 0.5
    row = photos.put_back(photo, (0, 0, 512, 512), grey, grey, edited)[256, :, 0] - 128.0
    for part, column in ((slice(0, 256), 10), (slice(256, 512), 53)):
        centre = np.sum(np.arange(512)[part] * row[part]) / np.sum(row[part])
        assert abs(centre - ((column + 0.5) * 8 - 0.5)) < 0.05  # a pixel of the network covers eight of the photo


def test_detail_of_the_photo_stays_under_a_tint_and_goes_where_structure_changes(tmp_path):
    rows, columns = np.mgrid[:256, :256]
    photo = np.uint8(128 + 40 * np.where((rows + columns) % 2, 1, -1))[:, :, None].repeat(
        3, 2
    )  # finer than the network sees
    path = images.write_png(str(tmp_path / "photo.png"), photo)
    face, box = photos.read_face(path, ["centre"], 64)
    grey, tint, lines = (np.zeros((64, 64, 3), "f") for _ in range(3))
    tint += 0.2
    lines[24:40:4] = 0.8
    tinted = photos.put_back(photo, box, face[0], grey, tint)[128, 96:160, 0].astype(float)
    assert np.ptp(tinted) == 80
    lined = photos.put_back(photo, box, face[0], grey, lines)
    assert np.ptp(lined[128, 96:160, 0].astype(float)) < 16 and np.ptp(lined[220, 96:160, 0].astype(float)) == 80
    small = images.from_uint8(images.resize(lined, 64, 64))
    np.testing.assert_allclose(small[28:36, 16:48], (face[0] + lines)[28:36, 16:48], atol=0.25)


def test_erratum_e89_sliding_respects_sign_and_contradictions():
    labels = np.array([[0, 1, 1, 0]])  # has bangs
    rows = np.concatenate([listing.slide(labels, "Bald", value, ATTS, 0.5) for value in (-1.0, 0.7, 1.2)])
    printed = (labels * 2 - 1) * 0.5
    printed[:, 0] = 1.2
    assert printed.tolist() == [[1.2, 0.5, 0.5, -0.5]]  # bald and bangs at once
    np.testing.assert_allclose(rows, [[-1.0, 0.5, 0.5, -0.5], [0.7, -0.5, 0.5, -0.5], [1.2, -0.5, 0.5, -0.5]])


def test_erratum_e91_the_helper_is_imported():
    assert listing.imwrite is train.trainattgan.imwrite  # the published file calls it and defines it nowhere


def test_strip_of_the_book_is_1420_wide():
    face = np.zeros((1, 128, 128, 3), "f")
    strip = sheets.sheet(face, [face + 1] * 10, None, 128)
    assert strip.shape == (128, 1420, 3)
    assert (strip[:, 128:140] == 0).all() and (strip[:, 140:] == 255).all()
    assert sheets.sheet(face, [face] * 10, ["a_b"] * 10, 128).shape == (128 + 24, 1420, 3)


def test_results_of_photos_with_one_stem_have_names_of_their_own():
    taken = []
    for path in ("a/shot.jpg", "a/shot.png", "b/shot.jpg", "b/shot.png"):
        taken.append(edit.result_name(path, taken))
    assert taken == ["shot", "shot-png", "shot-jpg", "shot-2"]
    assert edit.result_name("b/Shot.jpg", ["shot"]) == "Shot-jpg"  # one file on some systems
    assert edit.result_name("all.jpg", []) == "all-jpg"  # not over the sheet of all


def test_long_names_are_cut_and_stay_apart():
    long, other = ("脸" * 80 + end for end in ("1.png", "2.png"))
    names = [edit.result_name(long, []), edit.result_name(other, [])]
    assert names[0] != names[1] and all(len(name.encode("utf-8")) <= 120 for name in names)
    assert images.short_name("a" * 120, 120) == "a" * 120
    atts = ["Attribute_%02d" % number for number in range(12)]
    settings = SimpleNamespace(att_default=atts, thres_int=0.5, test_int=1.0, strengths={})
    kinds = set()
    for last in ("on", "off"):
        words = [name + "=on" for name in atts[:-1]] + [atts[-1] + "=" + last]
        opts = SimpleNamespace(sheet=False, edit=words, test_int=None)
        kinds.add(edit.columns_of(opts, np.zeros((1, 12), int), settings)[2])
    assert len(kinds) == 2 and max(map(len, kinds)) <= 100


def test_a_folder_stands_for_its_pictures(photo, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "z.heic").write_bytes(b"of a phone")  # to be named as one that is left out
    assert photos.paths_of([str(tmp_path), "other.jpg"]) == [photo, str(tmp_path / "z.heic"), "other.jpg"]


# ------------------------------------------------------------------------------------------------ own photos
@pytest.fixture
def photo(tmp_path):
    rows, columns = np.mgrid[0:100, 0:200]
    pixels = np.uint8(np.stack([rows, columns, np.zeros_like(rows)], axis=-1))
    return images.write_png(str(tmp_path / "me.png"), pixels)


def test_box_of_a_photo(photo):
    face = images.to_uint8(photos.read_face(photo, ["10", "20", "64"], 64)[0][0])
    assert face.shape == (64, 64, 3)
    assert face[0, 0].tolist() == [20, 10, 0] and face[-1, -1].tolist() == [83, 73, 0]
    centre = images.to_uint8(photos.read_face(photo, ["centre"], 100)[0][0])
    assert centre[0, 0].tolist() == [0, 50, 0]


@pytest.mark.parametrize(
    "box,message",
    [
        (["170", "0", "64"], "less than half of its width or height"),
        (["10", "-40", "64"], "less than half of its width or height"),
        (["0", "0", "400"], "less than half of its width or height"),
        (["0", "0", "8"], "less than 16 pixels"),
        (["190", "0", "18"], "less than 16 pixels"),
        (["300", "0", "64"], "in .*me.png .200 wide, 100 high"),
        (["left"], "must be 'centre', 'celeba', or LEFT TOP SIDE"),
        (["1", "2", "x"], "must be 'centre'"),
        (["celeba"], "wants an aligned picture"),
    ],
)
def test_boxes_that_do_not_fit(photo, box, message):
    with pytest.raises(UserError, match=message):
        photos.read_face(photo, box, 64)


def test_a_photo_without_a_face(photo, capsys):
    with pytest.raises(UserError, match="no face found in .*--box"):
        photos.read_face(photo, None, 64)
    assert photos.read_face(photo, ["face-or-centre"], 64)[1] == (50, 0, 100, 100)
    assert "the middle is taken" in capsys.readouterr().out


def test_a_found_face_may_reach_out_of_the_photo(photo, monkeypatch):
    """What lies outside repeats the edge."""
    monkeypatch.setattr(photos.finding, "boxes_of_faces", lambda pixels, size, path: [(-8, 60, 64)])
    face, box = photos.read_face(photo, None, 64)
    assert box == (-8, 60, 64, 64)
    pixels = images.to_uint8(face[0])
    assert pixels[0, :10, 1].tolist() == [0] * 9 + [1] and pixels[:, 0, 0].tolist() == list(range(60, 100)) + [99] * 24


def test_a_box_that_is_printed_can_be_given_back(photo, monkeypatch, capsys):
    boxes = [(-20, -25, 90), (120, 40, 64)]
    monkeypatch.setattr(photos.finding, "boxes_of_faces", lambda pixels, size, path: boxes)
    found, _ = photos.read_face(photo, None, 64)
    out = capsys.readouterr().out
    assert "left -20, top -25, side 90, the largest of 2; the others: --box 120 40 64\n" in out
    given, box = photos.read_face(photo, ["-20", "-25", "90"], 64)
    assert box == (-20, -25, 90, 90)
    np.testing.assert_array_equal(given, found)


def test_photos_of_another_kind_are_told(monkeypatch, capsys):
    monkeypatch.setattr(edit.trained, "edit", lambda session, model, pictures, _b: pictures + [[[[0.02]]], [[[0.5]]]])
    model = SimpleNamespace(settings=SimpleNamespace(thres_int=0.5, data="drawn faces"))
    edit.say_foreign(None, model, np.zeros((2, 8, 8, 3)), np.zeros((2, 3), int), ["like", "unlike"])
    told = capsys.readouterr().out
    assert told.startswith("unlike: these weights learnt from other pictures (drawn faces)") and told.count("\n") == 1


def test_an_edit_of_a_photo_stays_in_its_place(tmp_path):
    """Glasses tinted the hair and the chin."""
    path = os.path.join(options.REPOSITORY, "docs", "examples", "portrait.jpg")
    words = ["--weights", "real", "--photo", path, "--box", "141", "18", "165", "--labels", "Bangs", "--edit"]
    edit.main(words + ["Eyeglasses=on", "--output-dir", str(tmp_path), "--threads", "1"])
    before, after = (
        images.read_rgb(path),
        images.read_rgb(str(tmp_path / "edited" / "portrait_Eyeglasses_on_whole.png")),
    )
    apart = np.abs(np.int64(after) - before)[18:183, 141:306]
    assert apart[80:110, 60:105].mean() > 5  # the eyes
    assert apart[:30].max() <= 2 and apart[140:].max() <= 2  # the top of the head, the chin


def test_an_unsure_guess_does_not_make_a_photo_foreign(monkeypatch):
    """A photo of an astronaut was said to be of another kind: the head held her for a man, being sure of it by 60 %."""
    monkeypatch.setattr(edit.photos, "attribute_chances", lambda *_: np.float32([[0.5, 0.75, 0.0]]))
    fed = []
    monkeypatch.setattr(edit.trained, "edit", lambda session, model, pictures, _b: fed.append(_b) or pictures)
    model = SimpleNamespace(settings=SimpleNamespace(thres_int=0.5))
    for labels in (None, np.array([[1, 1, 0]])):
        edit.likeness(None, model, np.zeros((1, 8, 8, 3)), labels)
    np.testing.assert_allclose(fed, [[[0.0, 0.25, -0.5]], [[0.5, 0.5, -0.5]]])


def test_what_the_attribute_head_is_unsure_of_is_said(capsys):
    photos.say_attributes("a", ATTS, [0.97, 0.6, 0.03, 0.81])
    assert capsys.readouterr().out.splitlines() == [
        "a: the attribute head sees: Bald 97 %, Eyeglasses 81 %",
        "a: it is unsure of: Bangs 60 % (--labels says what the face has)",
    ]


def test_a_photo_gets_the_shipped_weights_that_know_its_kind(tmp_path, faces, monkeypatch):
    """Beside the weights of drawn faces stand some that rebuild nothing; a drawn face gets those that know it."""
    values, settings = weights.load(trained.SHIPPED)
    spoilt = {name: value * (0.2 if name.endswith("weights") else 1) for name, value in values.items()}
    path = str(tmp_path / "spoilt.npz")
    weights.save(path, spoilt, dict(settings, atts=settings["atts"][:-1] + ["Smiling"]))
    monkeypatch.setattr(trained, "BY_NAME", dict(real=path, shipped=trained.SHIPPED))
    words = ["--photo", os.path.join(faces, "img_align_celeba", "000057.jpg"), "--box", "celeba", "--labels", "Male"]
    opts = options.parse_values(edit.__file__, edit.__doc__, edit.VALUES, words, add=edit.add_options)
    assert edit.fitting_weights(opts) == "shipped"
    opts.edit = ["Smiling=on"]  # only the others know it
    assert edit.fitting_weights(opts) == "real"
    opts.edit, opts.test_att = None, "Smiling"
    assert edit.fitting_weights(opts) == "real"
    opts.sheet = True  # nothing slides
    assert edit.fitting_weights(opts) == "shipped"


def test_celeba_box_is_the_loaders(faces):
    path = os.path.join(faces, "img_align_celeba", "000057.jpg")
    ours = photos.read_face(path, ["celeba"], 64)[0][0]
    theirs = Faces(faces, ["Bald"], 64, 1, mode="test").get_next()[0][0]
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


# ------------------------------------------------------------------------------------------------ weights
def shipped_settings(**changes):
    saved = weights.load(trained.SHIPPED)[1]
    saved.update(changes)
    return saved


def test_shipped_weights_are_a_generator_trained_on_generated_faces():
    assert os.path.getsize(trained.SHIPPED) < 20e6
    values, settings = weights.load(trained.SHIPPED)
    assert {name.split("/")[0] for name in values} == {"Genc", "Gdec"} and not any("Adam" in name for name in values)
    head = weights.load(trained.head_path(trained.SHIPPED))[0]
    assert "D/fully_connected_3/weights" in head and "D/fully_connected_1/weights" not in head
    checked = trained.checked(settings, trained.SHIPPED)
    assert "generated" in checked.data and len(checked.att_default) == 13 and checked.img_size == 64


def test_weights_of_real_faces_say_their_terms(capsys):
    opts = SimpleNamespace(weights="real", output_dir="")
    with tf.Graph().as_default(), tf.Session() as session:
        model = trained.open_model(opts, session)
        assert "Smiling" in model.settings.att_default and model.logit_att is not None
    assert "non-commercial research" in capsys.readouterr().out


def test_the_terms_are_said_however_the_path_is_spelled(tmp_path, capsys):
    """A relative path, or one through a link, said nothing."""
    link = tmp_path / "link"
    link.symlink_to(trained.WEIGHTS_FOLDER)
    for path in (os.path.relpath(trained.REAL), str(link / os.path.basename(trained.REAL))):
        assert trained.name_of(path) == "real"
        with tf.Graph().as_default(), tf.Session() as session:
            trained.open_model(SimpleNamespace(weights=path, output_dir=""), session)
        assert "non-commercial research" in capsys.readouterr().out
    assert trained.name_of(str(tmp_path / os.path.basename(trained.REAL))) is None


@pytest.mark.parametrize(
    "changes,message",
    [
        (dict(img_size="64"), "img_size: '64' is no whole number"),
        (dict(enc_dim=10**9), "enc_dim: 1000000000 is not 1 to 1024"),
        (dict(enc_layers=None), "enc_layers: there is no value"),
        (dict(atts="Bald"), "its settings name no attributes"),
        (dict(atts=[1]), "its settings name no attributes"),
        (dict(thres_int=float("nan")), "thres_int"),
        (dict(mode=["wgan"]), "mode"),
        (dict(strengths=[1]), "strengths"),
        (dict(strengths=dict(Male=[1.0])), "strengths: 1 values, not 2"),
        (dict(strengths=dict(Male=[1.0, -1.0])), "strengths: -1.0 is not 0 to 10"),
        (dict(despeck=3.0), "despeck: 3.0 is not 0 to 2"),
        (dict(strengths=dict(Tall=[1.0, 1.0])), "strengths of attributes that it does not know"),
    ],
)
def test_settings_that_are_no_generators(changes, message):
    with pytest.raises(UserError, match=message):
        trained.checked(shipped_settings(**changes), "x.npz")


@pytest.mark.parametrize(
    "kind", ["nothing", "text", "folder", "truncated", "flipped", "other shapes", "nan", "foreign"]
)
def test_weights_that_cannot_be_used_are_one_line(tmp_path, kind):
    path = str(tmp_path / "w.npz")
    values, settings = weights.load(trained.SHIPPED)
    with open(trained.SHIPPED, "rb") as stream:
        content = bytearray(stream.read())
    if kind == "text":
        content = b"no weights"
    elif kind == "truncated":
        content = content[:5000]
    elif kind == "flipped":
        content[len(content) // 2] ^= 255
    if kind in ("text", "truncated", "flipped"):
        with open(path, "wb") as stream:
            stream.write(content)
    elif kind == "folder":
        os.makedirs(path)
    elif kind == "other shapes":
        weights.save(path, dict(values, **{"Genc/Conv/weights": np.zeros((4, 4, 3, 1))}), settings)
    elif kind == "nan":
        changed = dict(values, **{"Genc/Conv/weights": np.full((4, 4, 3, 16), np.nan, "f")})
        np.savez(path, settings=np.array(json.dumps(settings)), **changed)
    elif kind == "foreign":
        weights.save(path, dict(a=np.zeros(3)), settings)
    arguments = ["--weights", path, "--output-dir", str(tmp_path / "out")]
    with pytest.raises(UserError, match="w.npz"):
        edit.main(arguments)
    assert not os.path.exists(str(tmp_path / "out"))


def test_no_model_says_what_to_run(tmp_path):
    for main in (listing.main, edit.main):
        with pytest.raises(UserError, match="code_10_06_train.py"):
            main(["--output-dir", str(tmp_path)])


# ------------------------------------------------------------------------------------------------ with a run of beyond/train
@pytest.fixture(scope="module")
def trained_run(tmp_path_factory, faces):
    """A very short run."""
    folder = str(tmp_path_factory.mktemp("run"))
    arguments = ["--data-dir", faces, "--output-dir", folder, "--threads", "1", "--preset", "tiny"]
    small = ["--max-it", "2", "--n-d", "1", "--img-size", "16", "--n-sample", "2", "--att-default"] + ATTS
    small += ["--enc-layers", "2", "--dec-layers", "2", "--dis-layers", "2"]
    train.main(arguments + small)
    tf.reset_default_graph()
    return SimpleNamespace(folder=folder, arguments=arguments, own=arguments[2:])  # own photos need no data


def test_slide_sheet_switch_and_single_pictures(trained_run):
    folder = os.path.join(trained_run.folder, "edited")
    edit.main(trained_run.arguments + ["--numbers", "1", "3"])
    strip, both = [images.read_rgb(os.path.join(folder, name + "_slide_Eyeglasses.png")) for name in ("000057", "all")]
    assert strip.shape == (64 + 24, 64 * 11 + 4, 3) and both.shape == (128 + 24, 64 * 11 + 4, 3)
    np.testing.assert_array_equal(both[: len(strip)], strip)
    for arguments in (["--sheet"], ["--edit", "Bald=on", "Male=flip"], ["--edit", "Bald=on", "--single"]):
        edit.main(trained_run.arguments + ["--numbers", "2"] + arguments)
    names = sorted(name for name in os.listdir(folder) if name.startswith("000058") and ".zh." not in name)
    assert names == ["000058_Bald_on-Male_flip.png", "000058_Bald_on.png", "000058_sheet.png"]
    shapes = [images.read_rgb(os.path.join(folder, name)).shape for name in names]
    assert [shape[1] for shape in shapes] == [64 * 3 + 4, 16, 64 * 6 + 4]


def test_own_photos_with_guessed_and_with_given_labels(trained_run, photo, tmp_path, capsys):
    """One photo of three cannot be read: the others are done, and it is named at the end."""
    pages = str(tmp_path / "pages.tif")
    images.Image.new("RGB", (80, 80)).save(
        pages, save_all=True, append_images=[images.Image.new("RGB", (80, 80))], format="TIFF"
    )
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    arguments = trained_run.own + ["--box", "centre", "--edit", "Eyeglasses=on", "--photo"]
    with pytest.raises(UserError, match="1 photos were not done: .*broken.jpg"):
        edit.main(arguments + [str(tmp_path / "broken.jpg"), pages, photo])
    out = capsys.readouterr().out
    assert "the attribute head sees:" in out and "the first of its 2 pages" in out
    assert "pages_Eyeglasses_on.png" in out and "me_Eyeglasses_on.png" in out
    edit.main(arguments + [photo, "--labels", "Male"])
    assert "sees" not in capsys.readouterr().out


def test_an_edited_photo_keeps_its_date_and_place(trained_run, tmp_path):
    exif = images.Image.Exif()
    exif[0x0110] = "a camera"
    exif[0x8769], exif[0x8825] = {0x9003: "2024:05:01 10:00:00"}, {1: "N"}
    dated = str(tmp_path / "dated.jpg")
    images.Image.new("RGB", (90, 80), (200, 150, 120)).save(dated, exif=exif)
    edit.main(trained_run.own + ["--box", "centre", "--edit", "Bald=on", "--photo", dated])
    with images.Image.open(os.path.join(trained_run.folder, "edited", "dated_Bald_on_whole.png")) as whole:
        kept = whole.getexif()
    assert kept[0x0110] == "a camera" and kept.get_ifd(0x8769)[0x9003] == "2024:05:01 10:00:00"
    assert kept.get_ifd(0x8825)[1] == "N"


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["--photo", "PHOTO"], "no face found in .*me.png"),
        (["--photo", "missing.png", "--box", "centre"], "missing.png does not exist"),
        (["--photo", "PHOTO", "--box", "centre", "--labels", "Tall"], "unknown attribute Tall; the model knows"),
        (["--numbers", "5"], "no test picture 5: the numbers go from 1 to 4"),
        (["--test-att", "Nose"], "does not know 'Nose'"),
        (["--weights", "missing.npz"], "missing.npz does not exist"),
    ],
)
def test_wrong_calls_are_one_line(trained_run, photo, arguments, message):
    with pytest.raises(UserError, match=message):
        of_data = trained_run.own if "--photo" in arguments else trained_run.arguments
        edit.main(of_data + [photo if item == "PHOTO" else item for item in arguments])


@pytest.mark.parametrize(
    "words,message",
    [
        (["--photo", "me.jpg", "--numbers", "2"], "give one of them"),
        (["--labels", "Male"], "--labels is of own photos"),
        (["--labels"], "--labels is of own photos"),
        (["--box", "centre"], "--box is of own photos"),
        (["--edit", "Male=on", "--test-att", "Male"], "--test-att is of a slide"),
        (["--sheet", "--n-slide", "3"], "--n-slide is of a slide"),
        (["--sheet", "--test-int-min", "-1"], "--test-int-min is of a slide"),
        (["--edit", "Male=on", "--test-int-max", "1"], "--test-int-max is of a slide"),
        (["--test-int", "1"], "--test-int is of --edit and --sheet"),
        (["--photo", "me.jpg", "--data-dir", "x"], "--data-dir is of the test part"),
        (["--photo", "me.jpg", "--pictures", "x"], "--pictures is of the test part"),
        (["--photo", "me.jpg", "--attribute-file", "x"], "--attribute-file is of the test part"),
        (["--photo", "me.jpg", "--unpack-dir", "x"], "--unpack-dir is of the test part"),
        (["--sheet", "--gentle"], "--gentle is of --edit"),
        (["--gentle"], "--gentle is of --edit"),
        (["--list-attributes", "--gentle"], "edits nothing: leave it, or --gentle, out"),
        (["--list-attributes", "--photo", "me.jpg"], "edits nothing: leave it, or --photo, out"),
        (["--list-attributes", "--edit", "Male=on"], "edits nothing: leave it, or --edit, out"),
        (["--list-attributes", "--numbers", "1"], "edits nothing: leave it, or --numbers, out"),
    ],
)
def test_options_that_would_be_ignored_are_refused(words, message):
    with pytest.raises(UserError, match=message):
        edit.main(words)


def test_a_sheet_and_an_edit_are_not_asked_for_at_once(capsys):
    """The sheet was made, and its first column went back into the photo under the edit's name."""
    with pytest.raises(SystemExit):
        edit.main(["--sheet", "--edit", "Eyeglasses=on", "--photo", "missing.jpg"])
    assert "argument --edit: not allowed with argument --sheet" in capsys.readouterr().err


def test_a_head_sees_pictures_of_its_own_size(tmp_path):
    larger = str(tmp_path / "larger.npz")
    values, settings = weights.load(trained.SHIPPED, "generator")
    weights.save(larger, values, dict(settings, img_size=2 * settings["img_size"]))
    shutil.copy(trained.head_path(trained.SHIPPED), trained.head_path(larger))
    wide = np.random.RandomState(0).uniform(-1, 1, (1, 128, 128, 3)).astype("f")
    with tf.Session() as session:
        tight = session.run(networks.as_cut_for(tf.constant(wide), 64))  # faces fill more of the smaller pictures
    chances = []
    for source, seen in ((trained.SHIPPED, tight), (larger, wide)):
        with tf.Graph().as_default(), tf.Session() as session:
            model = trained.open_model(SimpleNamespace(weights=source), session)
            chances.append(photos.attribute_chances(session, model, seen))
    np.testing.assert_allclose(*chances, atol=1e-5)


def test_an_edit_is_the_mean_of_both_sides():
    pictures = np.random.RandomState(0).uniform(-1, 1, (2, 64, 64, 3)).astype("f")
    with tf.Session() as session:
        model = trained.open_model(SimpleNamespace(weights="shipped"), session)
        _b = sheets.strengths(np.eye(2, len(model.settings.att_default), dtype=int), 0.5)
        found, of_mirrored = (trained.edit(session, model, views, _b) for views in (pictures, pictures[:, :, ::-1]))
        alone = session.run(model.x_sample, {model.xa_sample: pictures, model._b_sample: _b})
        other = session.run(model.x_sample, {model.xa_sample: np.flip(pictures, 2), model._b_sample: _b})
    np.testing.assert_allclose(of_mirrored, found[:, :, ::-1], atol=1e-5)
    np.testing.assert_allclose(found, 0.5 * alone + 0.5 * np.flip(other, 2), atol=1e-6)
    assert np.abs(alone - found).max() > 0.01


def test_exported_generator_edits_like_the_checkpoint(trained_run, tmp_path):
    path = str(tmp_path / "small.npz")
    export.main(trained_run.arguments + ["--file", path])
    pictures = []
    for arguments in ([], ["--weights", path, "--output-dir", str(tmp_path)]):
        edit.main(trained_run.arguments + arguments + ["--numbers", "1", "--edit", "Bald=on", "--single"])
        folder = str(tmp_path) if arguments else trained_run.folder
        pictures.append(images.read_rgb(os.path.join(folder, "edited", "000057_Bald_on.png")).astype(int))
    assert np.abs(pictures[0] - pictures[1]).max() <= 2
    os.remove(trained.head_path(path))
    black = images.write_png(str(tmp_path / "p.png"), np.zeros((50, 50, 3), np.uint8))
    with pytest.raises(UserError, match="has no attribute head: say with --labels"):
        edit.main(trained_run.own + ["--weights", path, "--photo", black, "--box", "centre"])


def test_evaluation_writes_a_table_and_reuses_its_classifier(trained_run, capsys):
    arguments = trained_run.arguments + ["--n-test", "4", "--cls-steps", "4"]
    evaluate.main(arguments)
    first = capsys.readouterr().out
    evaluate.main(arguments + ["--split", "val"])  # other pictures, other scores, a record of its own
    second = capsys.readouterr().out
    evaluate.main(arguments + ["--cls-lr", "0.01"])  # another classifier was asked for
    assert "classifier:" not in capsys.readouterr().out
    evaluate.main(arguments)
    assert "classifier:" not in capsys.readouterr().out
    assert "classifier:" in second and "classifier:" not in first
    assert first.split("reconstruction")[1] != second.split("reconstruction")[1]
    record = options.read_json(os.path.join(trained_run.folder, "record-evaluate.json"))
    rows = record["tables"][0]["rows"]
    assert [row[0] for row in rows] == ATTS + ["mean"]
    assert 0 <= rows[-1][3] <= 1 and record["metrics"]["reconstruction PSNR"]["value"] > 0
    assert record["metrics"]["test pictures"]["value"] == 4
    assert record["metrics"]["iterations of the model's training"]["value"] == 2
    in_the_photo = record["tables"][1]["rows"]
    assert [row[0] for row in in_the_photo] == ATTS + ["mean"] and len(in_the_photo[0]) == 5
    assert record["metrics"]["others unchanged in the photo (mean)"]["value"] == pytest.approx(
        np.mean([row[4] for row in in_the_photo[:-1]]), abs=1e-3
    )
    other = options.read_json(os.path.join(trained_run.folder, "record-evaluate-val.json"))
    assert other["metrics"]["val pictures"]["value"] == 2 and "val part" in other["data"]
    for name in ("evaluate", "evaluate-val"):
        assert half_translated(os.path.join(trained_run.folder, "record-%s.json" % name)) == set()


def test_a_run_is_judged_on_the_faces_that_it_was_trained_on(trained_run, faces, tmp_path, capsys, monkeypatch):
    """The parts go by the place in the list: in another order most of the 'test part' had been trained on."""
    other = str(tmp_path / os.path.basename(faces))
    os.mkdir(other)
    for entry in os.scandir(faces):
        os.symlink(entry.path, os.path.join(other, entry.name))
    list_file = os.path.join(other, celeba.ATTRIBUTE_FILE)
    with open(list_file, encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    os.remove(list_file)
    with open(list_file, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines[:2] + lines[:1:-1]) + "\n")
    given = trained_run.arguments + ["--data-dir", other]
    for script, more in ((evaluate, ["--n-test", "4"]), (edit, ["--numbers", "1"])):
        with pytest.raises(UserError, match="was trained on other data .faces: 60 "):
            script.main(given + more)
    path, folder = str(tmp_path / "small.npz"), str(tmp_path / "out")
    export.main(trained_run.arguments + ["--file", path])
    quick = ["--weights", path, "--output-dir", folder, "--n-test", "2", "--cls-steps", "1"]
    evaluate.main(trained_run.arguments + quick)
    evaluate.main(given + quick)  # exported weights may be given any faces, but a classifier that knows them
    assert "classifier:" not in capsys.readouterr().out

    same_data.check(trained_run.folder + "-listing", False, {"celeba/" + celeba.ATTRIBUTE_FILE: "1 (00000000)"})
    known = SimpleNamespace(att_default=["Eyeglasses"], img_size=16)
    monkeypatch.setattr(listing, "restore", lambda opts, sess: (known, None, None, None))
    with pytest.raises(UserError, match="other data .celeba/list_attr_celeba.txt: 1 "):
        listing.main(["--preset", "tiny", "--data-dir", faces, "--output-dir", trained_run.folder + "-listing"])


def test_strengths_are_chosen_and_gone_by(trained_run, tmp_path, capsys, monkeypatch):
    path = str(tmp_path / "small.npz")
    export.main(trained_run.arguments + ["--file", path])
    before = weights.load(path)
    arguments = trained_run.arguments + ["--weights", path, "--output-dir", str(tmp_path), "--n-test", "4"]
    choose_strengths.main(
        arguments + ["--cls-steps", "4", "--judges", "2", "--despeck", "0.1", "--tried", "0.5", "0.85"]
    )
    first, second = (weights.load(str(tmp_path / name))[0] for name in ("classifier.npz", "classifier1.npz"))
    one, other = first["classifier/Conv/weights"], second["classifier1/Conv/weights"]
    assert one.shape == other.shape and np.abs(one - other).max() > 0.01
    values, settings = weights.load(path)
    assert sorted(settings["strengths"]) == sorted(ATTS) and settings["despeck"] == 0.1
    assert {number for pair in settings["strengths"].values() for number in pair} <= {0.5, 0.85}
    for name, value in before[0].items():
        np.testing.assert_array_equal(values[name], value)
    chosen = options.read_json(str(tmp_path / "record-choose_strengths.json"))["tables"][0]
    assert [row[:2] for row in chosen["rows"]] == [[name, way] for name in ATTS for way in ("off", "on")]
    assert chosen["columns"][5:] == ["accuracy at 0.85", "others at 0.85"]  # nearest to 1, the training's own
    assert "; at 0.85 " in capsys.readouterr().out
    evaluate.main(arguments + ["--cls-steps", "4"])
    assert "classifier:" in capsys.readouterr().out
    evaluate.main(arguments + ["--cls-steps", "4", "--seed", "1", "--judges", "2"])  # others were asked for
    said = capsys.readouterr().out
    assert "classifier:" not in said and "classifier 2: editing accuracy" in said
    record = options.read_json(str(tmp_path / "record-evaluate.json"))
    each, mean = record["tables"][3]["rows"], record["tables"][1]["rows"][-1]
    np.testing.assert_allclose(np.mean(each, axis=0)[1:], [mean[1], mean[4]], atol=1e-3)
    assert half_translated(str(tmp_path / "record-evaluate.json")) == set()
    (tmp_path / "classifier.npz").write_bytes(b"torn")
    evaluate.main(arguments + ["--cls-steps", "4", "--retrain"])  # what is made anew need not be readable
    # weights that ship get a copy in the run folder, by name and by path
    monkeypatch.setitem(trained.BY_NAME, "mine", path)
    for name, strength in (("mine", 0.7), (os.path.relpath(path), 0.6)):
        copied = trained_run.arguments + ["--weights", name, "--output-dir", str(tmp_path / "run"), "--n-test", "4"]
        choose_strengths.main(copied + ["--cls-steps", "4", "--tried", str(strength)])
        assert weights.load(path)[1]["strengths"] == settings["strengths"]
        strengths = weights.load(str(tmp_path / "run" / os.path.basename(path)))[1]["strengths"]
        assert {number for pair in strengths.values() for number in pair} == {strength}
    with pytest.raises(UserError, match="--weights names"):
        choose_strengths.main(trained_run.arguments)


def test_several_judges_are_averaged(monkeypatch):
    """What one classifier alone happened to see was chosen: another one saw 2.5 of 100 edits less."""
    atts = ["Bangs", "Male"]
    monkeypatch.setattr(trained, "edit", lambda session, model, pictures, _b: pictures + np.max(_b) / 10.0)
    model = SimpleNamespace(
        settings=SimpleNamespace(att_default=atts, thres_int=0.5, despeck=0.0, regions=False), left=None
    )
    pictures, labels = np.zeros([4, 8, 8, 3], np.float32), np.zeros([4, 2], np.int64)

    def judge(threshold):  # sees each attribute from this brightness on
        return lambda batch: np.repeat(np.int64(batch[:, 4, 4] > threshold)[:, :1], 2, axis=1)

    def found(*thresholds):
        judges = [judge(threshold) for threshold in thresholds]
        return choose_strengths.tried(None, model, judges, pictures, labels, SimpleNamespace(tried=[1.0, 3.0]))[0]

    # 'on' at 1 and at 3: (strength, accuracy, others unchanged)
    easy, hard, both = found(0.04), found(0.2), found(0.04, 0.2)
    assert [row[1:] for row in easy["Bangs", "on"]] == [(1.0, 0.0), (1.0, 0.0)]
    assert [row[1:] for row in hard["Bangs", "on"]] == [(0.0, 1.0), (1.0, 0.0)]
    assert [row[1:] for row in both["Bangs", "on"]] == [(0.5, 0.5), (1.0, 0.0)]
    assert np.isnan(both["Bangs", "off"][0][1])  # no picture has them

    judges, seen = [judge(0.04), judge(0.2)], pictures + 0.1
    before = [one(pictures) for one in judges]
    scores = evaluate.judged(judges, before, labels, np.array([[1, 0]] * 4), seen, 0)
    np.testing.assert_array_equal(scores[:, [0, 1, 3]], [[1, 1, 0], [0, 0, 1]])


def test_edits_go_by_the_strengths_of_the_weights(trained_run, tmp_path):
    path = str(tmp_path / "small.npz")
    export.main(trained_run.arguments + ["--file", path])
    values, settings = weights.load(path)

    def edited(words, **own):
        weights.save(path, values, dict(settings, **own))
        arguments = trained_run.arguments + ["--weights", path, "--output-dir", str(tmp_path), "--numbers", "1"]
        edit.main(arguments + ["--single", "--edit"] + words)
        name = "000057_%s.png" % words[0].replace("=", "_")
        return images.read_rgb(str(tmp_path / "edited" / name))

    strong = edited(["Bald=on"], strengths=dict(Bald=[0.5, 2.0]))
    np.testing.assert_array_equal(strong, edited(["Bald=2"]))
    assert (strong != edited(["Bald=on"])).any()
    np.testing.assert_array_equal(edited(["Bald=off"], strengths=dict(Bald=[0.5, 2.0])), edited(["Bald=-0.5"]))
    assert (strong != edited(["Bald=on"], strengths=dict(Bald=[0.5, 2.0]), despeck=1e-6)).any()


def test_all_forty_attributes_are_listed_with_their_chinese_names(trained_run, capsys):
    edit.main(trained_run.arguments + ["--list-attributes"])
    lines = capsys.readouterr().out.splitlines()[-40:]
    assert [line.split()[0] for line in lines] == list(celeba.CHINESE)
    assert [line.split()[0] for line in lines if line.endswith("(known)")] == sorted(
        ATTS, key=list(celeba.CHINESE).index
    )
    assert "秃头" in "".join(lines)


def test_the_list_of_attributes_needs_no_run(tmp_path, capsys):
    edit.main(["--list-attributes", "--output-dir", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()[-40:]
    assert sum(line.endswith("(known)") for line in lines) == 9  # the weights of real faces that come along


def test_a_slide_says_what_is_beyond_the_training_without_a_warning(trained_run, recwarn):
    settings = SimpleNamespace(att_default=ATTS, thres_int=0.5, test_int=0.5, strengths={})
    slide = ["--test-att", "Bald", "--n-slide", "3", "--test-int-min", "-1", "--test-int-max", "1"]
    opts = options.parse_values(edit.__file__, "", edit.VALUES, argv=slide, add=edit.add_options)
    _, titles, _ = edit.columns_of(opts, np.zeros((1, len(ATTS)), int), settings)
    assert titles == ["Bald_-1.00*", "Bald_0.00", "Bald_1.00*"]
    assert not [item for item in recwarn if "bool" in str(item.message)]
