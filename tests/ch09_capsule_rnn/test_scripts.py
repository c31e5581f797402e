"""What the README's tiny commands left (they ran once), and the scripts' answers to wrong use."""

import os
import re
import shutil

import numpy as np
import pytest

from common import files
from tests.helpers import assert_user_error, in_copy, printed, run_script

FOLDER = "ch09_capsule_rnn"
PREDICT = FOLDER + "/beyond/predict.py"
pytestmark = [pytest.mark.script, pytest.mark.slow]


@pytest.fixture(scope="module")
def runs(walk):
    """The folder of the walk's tiny runs of beyond; the listing's and the exercise's are beside it."""
    return os.path.join(walk(FOLDER), "output", "capsule_rnn", "beyond-tiny")


@pytest.fixture(scope="module")
def printed_run(runs):
    return os.path.join(os.path.dirname(runs), "tiny")


def record(runs, *path):
    content = files.read_json(os.path.join(runs, *path))
    for item in content["files"]:
        assert os.path.getsize(os.path.join(runs, os.path.dirname(os.path.join(*path)), item["path"])) > 100
        assert item["caption_zh"]
    return content


def test_the_listing_leaves_its_losses_and_no_figure_of_the_test_part(printed_run):
    content = record(printed_run, "record-code_9_07_routing_rnn.json")
    losses = files.read_json(os.path.join(printed_run, "losses.json"), list)
    assert [row[1] for row in content["tables"][0]["rows"]] == losses and len(losses) == 4
    assert content["metrics"] == {}


def test_e02_the_listing_is_measured_on_news_it_has_not_seen(printed_run, walk):
    """The print ends with the training loss; nothing is measured on the test part."""
    content = record(printed_run, "record-evaluate.json")
    output, _ = printed(walk(FOLDER), "evaluate.py")
    assert "precision" in output and re.search(r"^test accuracy 0\.\d+, macro-F1", output, re.MULTILINE)
    metrics = {name: item["value"] for name, item in content["metrics"].items()}
    assert 0.3 < metrics["test_accuracy"] <= 1 and metrics["epochs"] == 4
    assert metrics["last_loss"] == files.read_json(os.path.join(printed_run, "losses.json"), list)[-1]


def test_couplings_are_equal_at_first_and_part_from_round_to_round(printed_run):
    table = record(printed_run, "record-ext_9_6_4_couplings.json")["tables"][0]
    rounds = {row[0]: dict(zip(table["columns"], row)) for row in table["rows"]}
    assert rounds[1][table["columns"][-1]] == pytest.approx(0.2)
    assert rounds[3]["answers other than with 3"] == 0 and rounds[10]["capsules' distance to those of 10"] == 0
    measured = record(printed_run, "record-evaluate.json")["metrics"]["test_accuracy"]["value"]
    assert rounds[3]["test accuracy"] == pytest.approx(measured, abs=1e-4)  # three rounds are the model itself


def test_the_text_that_is_drawn_need_not_be_among_those_that_are_counted(printed_run, tmp_path):
    """The message named the texts that are counted as the whole test part."""
    copy = tmp_path / "run"
    shutil.copytree(printed_run, str(copy))
    words = [FOLDER + "/ext_9_6_4_couplings.py", "--preset", "tiny", "--output-dir", copy, "--texts", 5, "--text"]
    run_script(*words, 7)
    assert record(str(copy), "record-ext_9_6_4_couplings.json")["data"] == "generated sample, 5 of the test part"
    found = run_script(*words, 99999, check=False)
    assert_user_error(found, "the test part has the texts 0 to ")
    assert "0 to 4" not in found.stderr


def test_the_hybrid_learns_the_generated_topics(runs, walk):
    metrics = {name: item["value"] for name, item in record(runs, "hybrid", "record-hybrid.json")["metrics"].items()}
    assert metrics["test_accuracy"] > 0.85  # each topic has words of its own
    history = files.read_json(os.path.join(runs, "hybrid", "history.json"), list)
    assert len(history) == 2 and history[1]["loss"] < history[0]["loss"]
    assert "test accuracy 0." in printed(walk(FOLDER), "hybrid.py")[0]


def test_compiled_loops_train_the_listing_as_well(runs, walk):
    output, _ = printed(walk(FOLDER), "fast.py")
    assert [line.split()[1] for line in output.splitlines() if line.startswith("step ")] == ["1", "2", "3", "4"]
    assert len(files.read_json(os.path.join(runs, "fast", "losses.json"), list)) == 4


def test_tables_of_comparisons_are_whole(runs):
    for path, first in (
        (("ablation", "record-ablation.json"), ["routing", "mean"]),
        (("..", "tiny", "documents", "record-ext_9_6_7_documents.json"), ["flat", "two_level"]),
        (("fast", "documents", "record-documents.json"), ["flat", "two_level"]),
        (("record-yardsticks.json",), ["most frequent topic", "linear SVM on log-tf-idf, last 80 words"]),
        (("seeds", "record-seeds.json"), ["linear machine alone", "seed 0", "seed 1", "mean", "standard deviation"]),
    ):
        table = record(runs, *path)["tables"][0]
        assert [row[0] for row in table["rows"]][: len(first)] == first, path
        assert all(len(row) == len(table["columns"]) for row in table["rows"])
    rows = table["rows"]  # of the seeds
    assert rows[3][1] == pytest.approx((rows[1][1] + rows[2][1]) / 2) and rows[0][1] > 0.85
    assert rows[4][1] == pytest.approx(abs(rows[1][1] - rows[2][1]) / np.sqrt(2))


def test_what_is_finished_is_not_trained_again(walk, runs):
    copy = walk(FOLDER)
    again = in_copy(copy, ["python", FOLDER + "/beyond/seeds.py", "--preset", "tiny", "--threads", "1"])
    assert again.returncode == 0 and "step 1 :" not in again.stdout and "standard deviation" in again.stdout
    other = in_copy(copy, ["python", FOLDER + "/beyond/seeds.py", "--preset", "tiny", "--rnn-units", "7"])
    assert_user_error(other, "rnn_units")


# ------------------------------------------------------------------------------------------- own texts
def test_a_text_gets_its_topic_and_its_picture(runs, walk):
    output, _ = printed(walk(FOLDER), "predict.py")
    assert re.search(r"^crude +\d+\.\d+ %$", output, re.MULTILINE), output
    assert "words are known" in output and "capsule 5 listened to" in output
    assert re.search(r"^answer: crude, confidence \d+ %$", output, re.MULTILINE)
    assert re.search(r"^words for and against crude .log-odds.: crude \+", output, re.MULTILINE)
    tables = record(runs, "hybrid", "record-predict.json")["tables"]
    assert [row[0] for row in tables[1]["rows"]][:2] == ["(start)", "crude"] and tables[1]["columns"] == [
        "word",
        "effect",
    ]


def test_a_file_is_read_and_users_errors_are_one_line(runs, tmp_path):
    (tmp_path / "news.txt").write_text("crude crude earn", encoding="utf-16")
    arguments = ["--preset", "tiny", "--output-dir", runs, "--file", tmp_path / "news.txt"]
    assert "3 of 3 words are known" in run_script(PREDICT, *arguments).stdout
    base = ["--preset", "tiny", "--output-dir", tmp_path]
    assert_user_error(run_script(PREDICT, *base, "--text", "a", check=False), "no trained model", "hybrid.py")
    listing = FOLDER + "/code_9_07_routing_rnn.py"
    assert_user_error(run_script(listing, *base, "--data-dir", tmp_path, check=False), "reuters.npz", "fetch")
