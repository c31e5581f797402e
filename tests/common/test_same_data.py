"""common/same_data.py: a run goes on with its own data only, and is used with these."""

import argparse

import pytest

from common import same_data
from common.errors import UserError


def found(*names):
    return {"pictures": same_data.fingerprint(names), "pairs": same_data.fingerprint([])}


def test_a_run_goes_on_with_the_same_data_only(tmp_path):
    folder = str(tmp_path)
    same_data.check(folder, False, found("a", "b"))
    same_data.check(folder, True, found("b", "a"))
    with pytest.raises(UserError, match=r"other data \(pictures: 2 \(\w{8}\), not 3 \(\w{8}\)\): give the same data"):
        same_data.check(folder, True, found("a", "b", "c"))
    with pytest.raises(UserError, match="pictures: 2 .*not 2 "):
        same_data.check(folder, True, found("a", "c"))
    same_data.check(folder, False, found("c"))  # without a checkpoint nothing has been learnt yet
    same_data.check(folder, True, found("c"))


def test_a_run_that_noted_nothing_goes_on(tmp_path):
    same_data.check(str(tmp_path), True, found("a"))
    with pytest.raises(UserError, match="other data"):
        same_data.check(str(tmp_path), True, found("b"))


def test_files_are_told_by_their_contents_and_many_by_their_sizes(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for number in range(6):
            (tmp_path / name / ("%d.png" % number)).write_text("same", encoding="utf-8")
    folders = [str(tmp_path / name) for name in ("one", "two")]
    assert same_data.of_files(folders[0], ["*.png"]) == same_data.of_files(folders[1], ["*.png"])
    (tmp_path / "two" / "0.png").write_text("othr", encoding="utf-8")
    assert same_data.of_files(folders[0], ["*.png"]) == same_data.of_files(folders[1], ["*.png"])
    few = [same_data.of_files(folder, ["[0-3].png"]) for folder in folders]
    assert few[0] != few[1] and few[0].startswith("4 (")
    (tmp_path / "two" / "0.png").write_text("longer", encoding="utf-8")
    assert same_data.of_files(folders[0], ["*.png"]) != same_data.of_files(folders[1], ["*.png"])


def test_what_was_noted_is_compared(tmp_path):
    opts = argparse.Namespace()
    same_data.check_noted(opts, str(tmp_path), True)  # nothing was
    assert not (tmp_path / same_data.DATA_FILE).exists()
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")
    same_data.note(opts, "texts", str(tmp_path), ["a.txt"])
    same_data.check_noted(opts, str(tmp_path), False)
    same_data.check_noted(opts, str(tmp_path), True)
    (tmp_path / "a.txt").write_text("b", encoding="utf-8")
    with pytest.raises(UserError, match="other data .texts/a.txt: 1 "):
        same_data.check_noted(opts, str(tmp_path), True)


def test_a_run_that_noted_its_files_together_is_still_compared(tmp_path):
    """An older version had one fingerprint for all files of a data set."""
    opts = argparse.Namespace()
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    same_data.note(opts, "texts", str(tmp_path), ["a.txt", "b.txt"])
    together = {"texts": same_data.of_files(str(tmp_path), ["a.txt", "b.txt"])}
    same_data.check(str(tmp_path), False, together)
    same_data.check_noted(opts, str(tmp_path), True)
    assert sorted(same_data.noted_by(str(tmp_path))) == ["texts", "texts/a.txt", "texts/b.txt"]
    (tmp_path / "run").mkdir()
    same_data.check(str(tmp_path / "run"), False, together)
    (tmp_path / "b.txt").write_text("other", encoding="utf-8")
    with pytest.raises(UserError, match="other data .texts: 2 "):
        same_data.check_noted(opts, str(tmp_path / "run"), True)


def test_a_run_is_used_with_its_own_data_only(tmp_path):
    opts = argparse.Namespace()
    for place in ("mine", "other", "run"):
        (tmp_path / place).mkdir()
        for name in ("x", "words"):
            (tmp_path / place / name).write_text(name, encoding="utf-8")
    mine, other, folder = (str(tmp_path / place) for place in ("mine", "other", "run"))
    same_data.check_files_used(folder, "texts", other)  # the run noted nothing
    same_data.note(opts, "texts", mine, ["x", "words"])
    same_data.check_noted(opts, folder, False)
    noted = same_data.noted_by(folder)
    same_data.check_files_used(folder, "texts", other)
    (tmp_path / "other" / "x").unlink()
    same_data.check_files_used(folder, "texts", other)  # what uses the run need not have every file
    (tmp_path / "other" / "words").write_text("others", encoding="utf-8")
    with pytest.raises(UserError, match="was trained on other data .texts/words: 1 .*: give those"):
        same_data.check_files_used(folder, "texts", other)
    with pytest.raises(UserError, match="was trained on other data .faces: 1 "):
        same_data.check(folder, True, {"faces": same_data.fingerprint("a")})
        same_data.check_used(folder, {"faces": same_data.fingerprint("b"), "never noted": "1"})
    assert {key: same_data.noted_by(folder)[key] for key in noted} == noted
