"""What the README's tiny commands left (fixture ``walk``); resume; a user's errors."""

import csv
import os
import shutil

import numpy as np
import pytest
import soundfile

from ch09_tacotron import code_9_17_train as listing
from ch09_tacotron import ext_9_8_14_speak as speaking
from ch09_tacotron.beyond import ablation, evaluate, export, prepare, train_few
from common import errors, files
from tests import helpers

pytestmark = [pytest.mark.script, pytest.mark.slow]


@pytest.fixture
def tiny(walk):
    """The run folder of the listings; ``beyond``: that of the trainer for few recordings."""
    return os.path.join(walk("ch09_tacotron"), "output", "tacotron", "tiny")


@pytest.fixture
def beyond(tiny):
    return os.path.join(os.path.dirname(tiny), "beyond-tiny")


def losses(folder):
    with open(os.path.join(folder, "losses.csv"), encoding="utf-8", newline="") as stream:
        return [(int(row["step"]), row["mel_loss"], row["loss"]) for row in csv.DictReader(stream)]


def copy_run(source, target, step):
    """A run folder as it was at the checkpoint of ``step``."""
    shutil.copytree(os.path.join(source, "training"), os.path.join(target, "training"))
    shutil.copy(os.path.join(source, "settings.json"), target)
    os.makedirs(os.path.join(target, "model-cpk"))
    for name in os.listdir(os.path.join(source, "model-cpk")):
        if name.startswith("model.ckpt-%d." % step):
            shutil.copy(os.path.join(source, "model-cpk", name), os.path.join(target, "model-cpk", name))


def test_the_trainer_for_few_recordings_leaves_samples(beyond):
    found = losses(beyond)
    assert [row[0] for row in found] == list(range(1, 9))
    assert float(found[-1][1]) < float(found[0][1])
    names = os.listdir(os.path.join(beyond, "model-cpk"))
    for kind in ("trained-audio.wav", "trained-align.png", "held-out-audio.wav", "held-out-align.png"):
        assert "step-8-" + kind in names
    assert any(name.startswith("events") for name in names)
    record = files.read_json(os.path.join(beyond, "record-train_few.json"))
    assert record["metrics"]["step"]["value"] == 8
    assert len([entry for entry in record["files"] if entry["kind"] == "sound"]) == 2
    prepared = files.read_json(os.path.join(beyond, "record-prepare.json"))["metrics"]
    assert (prepared["utterances"]["value"], prepared["held out"]["value"]) == (10, 2)


def test_resume_is_exact(beyond, tmp_path):
    """Stopped at step 4 and resumed gives the losses of the uninterrupted run, but for the last bit of a sum now and then."""
    other = str(tmp_path / "resumed")
    copy_run(beyond, other, 4)
    with open(os.path.join(beyond, "losses.csv"), encoding="utf-8") as stream:
        lines = stream.readlines()
    with open(os.path.join(other, "losses.csv"), "w", encoding="utf-8") as stream:
        stream.writelines(lines[:6])  # one step more than the checkpoint has: it was killed there
    train_few.main(["--preset", "tiny", "--output-dir", other, "--threads", "1", "--checkpoint-interval", "100"])
    resumed, whole = losses(other), losses(beyond)
    assert [(row[0], row[2] == "") for row in resumed] == [(row[0], row[2] == "") for row in whole]
    for column in (1, 2):
        pair = [[float(row[column] or 0) for row in rows] for rows in (resumed, whole)]
        np.testing.assert_allclose(*pair, rtol=1e-6)


def test_a_finished_training_keeps_its_record(beyond, tmp_path, capsys):
    """The same command once more emptied it: no sounds, no measures."""
    other = str(tmp_path / "again")
    copy_run(beyond, other, 8)
    shutil.copy(os.path.join(beyond, "losses.csv"), other)
    words, path = ["--preset", "tiny", "--output-dir", other], os.path.join(other, "record-train_few.json")
    train_few.main(words)  # it was killed before the record was written: the samples are spoken again
    record = files.read_json(path)
    assert "free-running, held-out sentence stopped" in record["metrics"] and len(record["files"]) == 4
    assert "seconds a step" not in record["metrics"]
    train_few.main(words)
    assert files.read_json(path) == record and "stays as it is" in capsys.readouterr().out
    assert losses(other) == losses(beyond)


def test_the_listing_goes_on_and_refuses_other_values(tiny, tmp_path, capsys):
    other = str(tmp_path / "run")
    copy_run(tiny, other, 8)
    listing.main(["--preset", "tiny", "--output-dir", other])  # it is done: nothing is trained
    assert "resuming from" in capsys.readouterr().out
    with pytest.raises(errors.UserError, match="batch 4, not 5"):
        listing.main(["--preset", "tiny", "--output-dir", other, "--batch", "5"])
    with open(os.path.join(other, "training", "train.txt"), "a", encoding="utf-8") as stream:
        stream.write("as if listing 9-9 had been run on other recordings")
    with pytest.raises(errors.UserError, match="other data .training.train.txt: 1 "):
        listing.main(["--preset", "tiny", "--output-dir", other])


def test_speak(tiny, walk):
    output, _ = helpers.printed(walk("ch09_tacotron"), "speak")
    assert "ni3 hao3" in output and "real-time factor" in output
    assert "(246 variables)" in output  # 190 and 56; the training checkpoint has 627
    assert "your own training in %s after 8 steps, which are few" % tiny in output
    assert "--weights %s\n" % os.path.join(walk("ch09_tacotron"), "ch09_tacotron", "weights") in output
    folder = os.path.join(tiny, "speech")
    names = sorted(name for name in os.listdir(folder) if name.endswith(".wav"))
    assert names == ["sentence-001.wav", "sentence-002.wav", "speech.wav"]
    waves = [soundfile.read(os.path.join(folder, name))[0] for name in names]
    assert len(waves[2]) == len(waves[0]) + len(waves[1]) + 4000  # a pause of a quarter of a second
    assert all(wave.std() > 0 for wave in waves)
    assert "speech.wav: %.2f s," % (len(waves[2]) / 16000) in output  # with its pauses


def test_evaluation(beyond):
    record = files.read_json(os.path.join(beyond, "record-evaluate.json"))
    assert record["metrics"]["trained: distance to the own recording"]["value"] > 0
    assert [row[0] for row in record["tables"][0]["rows"]] == ["trained", "held-out"]
    with open(os.path.join(beyond, "evaluation", "sentences.csv"), encoding="utf-8") as stream:
        assert len(stream.readlines()) == 5


def test_exported_weights_speak(beyond, tmp_path, capsys):
    weights = str(tmp_path / "weights")
    export.main(["--preset", "tiny", "--output-dir", beyond, "--weights-dir", weights])
    assert os.path.getsize(os.path.join(weights, "tacotron-float16.npz")) < 20e6
    arguments = ["--preset", "tiny", "--output-dir", str(tmp_path / "out"), "--griffin-lim-iters", "2"]
    speaking.main(["ma1", "--weights", weights] + arguments)
    assert "246 variables, step 8" in capsys.readouterr().out


def test_ablation(beyond, tmp_path, monkeypatch, capsys):
    """Variants that are finished are only measured; one that is stopped ends the comparison."""
    base = str(tmp_path / "run")
    done = os.path.join(base, "ablation", "8-steps-seed-0", "preset")
    shutil.copytree(beyond, done)
    shutil.copytree(os.path.join(done, "training"), os.path.join(base, "training"))
    trained = []

    def measured(words):
        target = os.path.join(words[3], "record-evaluate.json")
        if not os.path.exists(target):
            os.makedirs(words[3], exist_ok=True)
            shutil.copy(os.path.join(done, "record-evaluate.json"), target)

    monkeypatch.setattr(evaluate, "main", measured)
    monkeypatch.setattr(train_few, "main", trained.append)
    arguments = ["--preset", "tiny", "--output-dir", base, "--steps", "8", "--variants", "preset", "no-splicing"]
    ablation.main(arguments)
    assert len(trained) == 1 and trained[0][-2:] == ["--splice", "0"] and capsys.readouterr().out.count("--- ") == 2
    table = files.read_json(os.path.join(base, "record-ablation.json"))["tables"][0]
    variants = ("preset", "no-splicing")
    assert [row[:2] for row in table["rows"]] == [[name, kind] for name in variants for kind in ("trained", "held-out")]

    def stopped(words):
        raise errors.Stopped(2)

    monkeypatch.setattr(train_few, "main", stopped)
    with pytest.raises(errors.Stopped):
        ablation.main(["--preset", "tiny", "--output-dir", base])
    with open(os.path.join(base, "training", "train.txt"), "a", encoding="utf-8") as stream:
        stream.write("s.npy|m.npy|9|ma1\n")
    with pytest.raises(
        errors.UserError, match="run on other data .trained: 10 utterances"
    ):  # none is compared with those
        ablation.main(arguments)


@pytest.mark.parametrize(
    "script, arguments, words",
    [
        (listing, [], "code_9_09_preprocess.py"),
        (train_few, [], "prepare.py"),
        (train_few, ["--forced-alignment", "false"], "--forced-alignment"),
        (train_few, ["--masked-loss", "false"], "--masked-loss"),
        (speaking, ["你好", "--weights", "."], "tacotron-float16.npz"),
        (speaking, ["你好"], "no trained model"),
        (speaking, [], "nothing to speak"),
        (prepare, ["--data-dir", "."], "doc/trans"),
        (ablation, [], "prepare.py"),
        (evaluate, [], "prepare.py"),
    ],
)
def test_user_errors(script, arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ch09_tacotron.beyond.voice.SHIPPED", str(tmp_path))
    with pytest.raises(errors.UserError, match=words):
        script.main(arguments + ["--preset", "tiny", "--output-dir", str(tmp_path / "none")])


def test_without_alignment_the_trainer_says_so(tmp_path):
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "train.txt").write_text("s1.npy|m1.npy|9|ma1\n")
    with pytest.raises(errors.UserError, match="--align"):
        train_few.main(["--preset", "tiny", "--output-dir", str(tmp_path)])
    assert not (tmp_path / "settings.json").exists()
