"""common/same_data.py: a run goes on with its own data only."""

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
    with pytest.raises(UserError, match="other data .texts: 1 "):
        same_data.check_noted(opts, str(tmp_path), True)
