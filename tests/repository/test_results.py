"""RESULTS.md says what the committed records say, and the records are fit to be published."""

import glob
import os
import re

from common import options, records
from tools import results

FOLDER = os.path.join(options.REPOSITORY, "results")


def test_pages_are_written_from_the_records():
    for path, text in results.pages().items():
        with open(os.path.join(options.REPOSITORY, path), encoding="utf-8") as stream:
            assert stream.read() == text, "%s: run `make results`" % path


def test_no_sentence_of_reading_has_a_figure_of_its_own():
    """A figure stands in the row, from its record; written into the sentence it would go stale (numbers of examples, steps of
    the recipe and goals are words or integers below 1000)."""
    for row in results.main_rows():
        assert not re.search(r"\d\.\d", row["reading"]), row["reading"]
        assert row["reading"].endswith("."), row["reading"]


def test_claims_take_their_figures_from_the_records():
    rows = options.read_json(os.path.join(FOLDER, "claims.json"), list)
    for row in rows:
        assert row["verdict"] in results.VERDICTS
        for language in ("", "_zh"):
            seen = row["seen" + language]
            assert seen.count("{}") == len(row["values"]) > 0, seen
            assert not re.search(r"\d\.\d", seen.replace("0.01…1", "")), seen  # (the name of a kind of input)


def test_the_head_of_the_claims_is_true_of_every_row():
    """It said that an ``ext_…`` script tries each; one of beyond does, too."""
    rows = options.read_json(os.path.join(FOLDER, "claims.json"), list)
    commands = [options.read_json(os.path.join(FOLDER, row["record"] + ".json"))["command"] for row in rows]
    only_exercises = all("/ext_" in command.split()[1] for command in commands)
    assert only_exercises or not any("ext_" in head for head in results.CLAIMS_HEAD.values())


def test_published_records_are_real_runs_without_machine_paths():
    names = sorted(glob.glob(os.path.join(FOLDER, "*", "*.json")))
    assert names
    for path in names:
        content = options.read_json(path)
        assert content["preset"] != "tiny", path
        assert content["seconds"] >= 0 and content["machine"] and content["command"].startswith("python "), path
        assert content["metrics"] or content["tables"], path
        script = content["command"].split()[1]
        assert os.path.exists(os.path.join(options.REPOSITORY, script)), (path, script)
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        assert not re.search(r"(^|[\s\"'=])(/\w+/|[A-Z]:\\)", text), path


def test_numbers_are_shown_with_four_digits():
    assert results.number(1.16706362) == "1.167"
    assert results.number(0.00012345) == "0.0001234"
    assert results.number(5113.0) == "5113"
    assert results.number(237.22) == "237.2"
    assert results.number(None) == "–" and results.number(True) == "yes"


def test_figures_that_are_no_numbers_are_shown_too():
    """One NaN in any record once ended `make gallery` with a traceback."""
    shown = [results.number(value) for value in (float("nan"), float("inf"), -float("inf"))]
    assert shown == ["–", "∞", "-∞"]


def test_record_keeps_the_command_but_not_the_run_folder():
    argv = ["script.py", "--preset", "cpu", "--output-dir", "/somewhere/run", "--data-dir", "/somewhere/celeba"]
    assert records._command(argv).endswith("script.py --preset cpu --data-dir celeba")
