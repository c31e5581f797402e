"""Every script of example 51 as a user runs it, at preset tiny."""

import os
import subprocess
import sys

import numpy as np
import pytest

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from common import options
from tests.helpers import REPOSITORY, assert_user_error, run_script, stop_at_once

FOLDER = "ch09_capsule_rnn/"
TRAIN = FOLDER + "code_9_07_routing_rnn.py"
PREDICT = FOLDER + "ext_9_6_predict.py"
pytestmark = [pytest.mark.script, pytest.mark.slow]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run with a linear start, both directions, and 2 epochs; the text that it printed."""
    folder = tmp_path_factory.mktemp("linear")
    flags = "--start linear --logits linear --windows 30 --averaging 0.9 --sort-lengths --word-keep-prob 0.8".split()
    result = run_script(TRAIN, "--preset", "tiny", "--epochs", 2, "--bidirectional", *flags, "--output-dir", folder)
    return str(folder), result.stdout


def test_e02_the_script_measures_on_news_it_has_not_seen(trained):
    """The print ends with the training loss; nothing is measured on the test part."""
    folder, output = trained
    assert "test accuracy 0." in output and "step 2 : loss=" in output and "precision" in output
    record = options.read_json(os.path.join(folder, "record-code_9_07_routing_rnn.json"))
    assert record["metrics"]["test_accuracy"]["value"] > 0.85  # the generated topics have words of their own
    for item in record["files"]:
        assert os.path.getsize(os.path.join(folder, item["path"])) > 100 and item["caption_zh"]


def test_a_text_gets_its_topic_and_its_picture(trained):
    folder, _ = trained
    text = "crude " * 5 + "zzzunknown " + "bado"
    result = run_script(PREDICT, "--preset", "tiny", "--output-dir", folder, "--text", text)
    lines = result.stdout.splitlines()
    assert any(line.startswith("crude ") for line in lines[2:4]), result.stdout
    assert "of 7 words are known" in result.stdout and "capsule 5 listened to" in result.stdout
    with open(os.path.join(folder, "couplings.png"), "rb") as stream:
        assert stream.read(4) == b"\x89PNG"


@pytest.mark.parametrize(
    "text, message", [("", "no words"), ("天气很好", "none of the"), ("qqqq wwww", "none of the 2 words")]
)
def test_texts_without_a_known_word_are_refused(trained, text, message):
    assert_user_error(
        run_script(PREDICT, "--preset", "tiny", "--output-dir", trained[0], "--text", text, check=False), message
    )


def test_a_file_is_read_and_what_is_no_text_is_named(trained, tmp_path):
    (tmp_path / "news.txt").write_text("crude crude earn", encoding="utf-8")
    arguments = ["--preset", "tiny", "--output-dir", trained[0], "--file"]
    assert "3 of 3 words are known" in run_script(PREDICT, *arguments, tmp_path / "news.txt").stdout
    (tmp_path / "news.txt").write_bytes(b"\xff\xfe\x00")
    assert_user_error(run_script(PREDICT, *arguments, tmp_path / "news.txt", check=False), "not UTF-8")


def test_resume_goes_on_and_a_finished_run_trains_nothing(tmp_path):
    arguments = ["--preset", "tiny", "--output-dir", tmp_path, "--threads", 1]
    run_script(TRAIN, *arguments, "--epochs", 1)
    result = run_script(TRAIN, *arguments, "--epochs", 3)
    assert (
        "resumed after epoch 1 of 3" in result.stdout
        and "step 3 :" in result.stdout
        and "step 1 :" not in result.stdout
    )
    losses = [row["loss"] for row in options.read_json(str(tmp_path / "history.json"))]
    assert len(losses) == 3 and losses[2] < losses[0] and np.all(np.isfinite(losses))
    assert_user_error(run_script(TRAIN, *arguments, "--embedding-size", 8, "--epochs", 4, check=False), "none of the")


def test_a_stopped_training_is_no_result(tmp_path, monkeypatch):
    stop_at_once(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        listing.main(["--preset", "tiny", "--output-dir", str(tmp_path), "--threads", "1"])
    assert not os.path.exists(str(tmp_path / "record-code_9_07_routing_rnn.json"))


def test_compare_and_documents_and_yardsticks(tmp_path):
    for script, expected in (
        ("ext_9_6_6_compare.py", "routing"),
        ("ext_9_6_7_documents.py", "two_level: test accuracy"),
        ("ext_9_6_6_yardsticks.py", "linear SVM on log-tf-idf"),
    ):
        flags = ["--seeds", 1, "--ways", "attention", "routing"] if "compare" in script else []
        flags = ["--epochs", 1] if "documents" in script else flags
        result = run_script(FOLDER + script, "--preset", "tiny", "--output-dir", tmp_path, *flags)
        assert expected in result.stdout
        table = options.read_json(str(tmp_path / ("record-%s.json" % script[:-3])))["tables"][0]
        assert all(len(row) == len(table["columns"]) for row in table["rows"]) and len(table["rows"]) >= 2


def test_seeds_are_trained_once_and_have_a_spread(tmp_path):
    arguments = [FOLDER + "ext_9_6_6_seeds.py", "--preset", "tiny", "--output-dir", tmp_path, "--threads", 1]
    assert run_script(*arguments).stdout.count("step 1 :") == 2
    assert "step 1 :" not in run_script(*arguments).stdout
    rows = options.read_json(str(tmp_path / "record-ext_9_6_6_seeds.json"))["tables"][0]["rows"]
    assert [row[0] for row in rows] == ["linear machine alone", "seed 0", "seed 1", "mean", "standard deviation"]
    assert rows[3][1] == pytest.approx((rows[1][1] + rows[2][1]) / 2) and rows[0][1] > 0.85
    assert rows[4][1] == pytest.approx(abs(rows[1][1] - rows[2][1]) / np.sqrt(2))
    assert_user_error(run_script(*arguments, "--seeds", 1, check=False), "--seeds")
    assert_user_error(run_script(*arguments, "--rnn-units", 7, check=False), "other settings")


def test_users_errors_are_one_line(tmp_path):
    base = ["--preset", "tiny", "--output-dir", tmp_path]
    assert_user_error(run_script(TRAIN, *base, "--patience", 2, "--validation", 0, check=False), "--validation")
    assert_user_error(run_script(TRAIN, *base, "--windows", 9, check=False), "--start linear")
    assert_user_error(run_script(PREDICT, *base, "--text", "a", check=False), "no trained model", "code_9_07")
    assert_user_error(run_script(TRAIN, *base, "--data-dir", tmp_path, check=False), "reuters.npz", "fetch")


def test_e09_importing_does_nothing(tmp_path):
    """The print trains when it is imported."""
    code = "import ch09_capsule_rnn.code_9_07_routing_rnn, tensorflow as tf; print(len(tf.get_default_graph().get_operations()))"
    environment = dict(os.environ, PYTHONPATH=REPOSITORY)
    output = subprocess.check_output(
        [sys.executable, "-c", code], env=environment, cwd=str(tmp_path), stderr=subprocess.DEVNULL
    )
    assert output.decode().strip().endswith("0") and os.listdir(str(tmp_path)) == []
