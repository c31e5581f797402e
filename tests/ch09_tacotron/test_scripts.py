"""The scripts in order, as a reader runs them, at preset tiny; exact resume."""

import csv
import os
import shutil

import numpy as np
import pytest
import soundfile

from ch09_tacotron import audio
from ch09_tacotron import ext_9_8_13_compare as comparing
from ch09_tacotron import ext_9_8_14_speak as speaking
from common import options
from tests.helpers import assert_user_error, run_script, stop_at_once

pytestmark = [pytest.mark.script, pytest.mark.slow]
FOLDER = "ch09_tacotron/"


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """Preprocessed and trained at tiny, on one thread."""
    folder = str(tmp_path_factory.mktemp("tacotron") / "run")
    arguments = ["--preset", "tiny", "--output-dir", folder, "--threads", "1"]
    outputs = [
        run_script(FOLDER + name, *arguments).stdout for name in ("code_9_09_preprocess.py", "code_9_17_train.py")
    ]
    return folder, outputs


def losses(folder):
    with open(os.path.join(folder, "losses.csv"), encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [(int(row["step"]), row["mel_loss"], row["loss"]) for row in rows]


def test_preprocess_and_train(run_folder):
    folder, (preprocess, train) = run_folder
    assert "Wrote 10 utterances" in preprocess and "2 held out" in preprocess
    assert "Step 8 " in train and "sec/step, loss=" in train
    found = losses(folder)
    assert [row[0] for row in found] == list(range(1, 9))
    assert float(found[-1][1]) < float(found[0][1])
    names = os.listdir(os.path.join(folder, "model-cpk"))
    for kind in ("audio.wav", "align.png", "free-trained-audio.wav", "free-unseen-align.png"):
        assert "step-8-" + kind in names
    assert any(name.startswith("events") for name in names)
    record = options.read_json(os.path.join(folder, "record-code_9_17_train.json"))
    assert record["metrics"]["step"]["value"] == 8
    assert len([entry for entry in record["files"] if entry["kind"] == "sound"]) == 3


def test_resume_is_exact(run_folder, tmp_path):
    """Stopped at step 4 and resumed gives the very losses of the uninterrupted run."""
    folder, _ = run_folder
    other = str(tmp_path / "resumed")
    shutil.copytree(os.path.join(folder, "training"), os.path.join(other, "training"))
    os.makedirs(os.path.join(other, "model-cpk"))
    for name in os.listdir(os.path.join(folder, "model-cpk")):
        if name.startswith("model.ckpt-4."):
            shutil.copy(os.path.join(folder, "model-cpk", name), os.path.join(other, "model-cpk", name))
    with open(os.path.join(folder, "losses.csv"), encoding="utf-8") as stream:
        lines = stream.readlines()
    with open(os.path.join(other, "losses.csv"), "w", encoding="utf-8") as stream:
        stream.writelines(lines[:6])  # one step more than the checkpoint has: it was killed there
    result = run_script(FOLDER + "code_9_17_train.py", "--preset", "tiny", "--output-dir", other, "--threads", "1")
    assert "resuming from" in result.stdout
    assert losses(other) == losses(folder)


def test_speak(run_folder):
    folder, _ = run_folder
    arguments = ["--preset", "tiny", "--output-dir", folder, "你好。再见！", "ma1 ma2"]
    result = run_script(FOLDER + "ext_9_8_14_speak.py", *arguments)
    assert "ni3 hao3" in result.stdout and "zai4 jian4" in result.stdout and "real-time factor" in result.stdout
    assert "(250 variables)" in result.stdout  # 194 and 56; the training checkpoint has 639
    names = sorted(os.listdir(os.path.join(folder, "speech")))
    assert [name for name in names if name.endswith(".wav")] == ["sentence-00%d.wav" % i for i in (1, 2, 3)] + [
        "speech.wav"
    ]
    waves = [soundfile.read(os.path.join(folder, "speech", name))[0] for name in names if name.endswith(".wav")]
    wav, rate = soundfile.read(os.path.join(folder, "speech", "speech.wav"))
    assert rate == 16000 and len(wav) > 8000
    assert len(wav) == sum(len(wave) for wave in waves[:3]) + 2 * 4000  # pauses of a quarter of a second
    # how loud eight steps of training are differs from processor to processor: test_join_sentences looks at levels
    assert all(wave.std() > 0 for wave in waves)


def test_the_sound_takes_its_loudness_from_the_mel_frames(monkeypatch):
    random = np.random.RandomState(6)
    linear = random.uniform(0.4, 0.5, (60, audio.num_freq))
    mel = np.repeat(
        np.linspace(0.8, 0.4, audio.num_mels)[None], 60, axis=0
    )  # falls towards high notes, linear does not
    monkeypatch.setattr(speaking, "free_running", lambda *arguments: [(linear, mel, None, True)])
    distances = []
    for mel_bands in (True, False):
        wave = speaking.speak(None, None, dict(end_symbol=True), "ma1", 20, mel_bands=mel_bands)[0]
        heard = audio.melspectrogram(audio.magnitude(wave)).T[5:55]
        distances.append(np.abs(heard - mel[: len(heard)]).mean())
    assert distances[0] < 0.02 and distances[1] > 0.06


def test_join_sentences():
    loud, soft, noise = np.array([0.5, -2.0, 1.0]), np.array([0.05, 0.1]), np.array([0.001])
    np.testing.assert_allclose(
        speaking.join_sentences([loud, soft, noise], 2 / 16000), [0.25, -1, 0.5, 0, 0, 0.5, 1, 0, 0, 0.1]
    )


def test_compare(run_folder, tmp_path):
    base = str(tmp_path / "run")
    compared = os.path.join(base, "compare", "8-steps-seed-0")
    done = os.path.join(compared, "preset")
    shutil.copytree(run_folder[0], done)  # a finished variant: it is only measured
    shutil.copytree(os.path.join(done, "training"), os.path.join(base, "training"))
    arguments = ["--preset", "tiny", "--output-dir", base, "--threads", "1", "--steps", "8", "--variants"]
    result = run_script(FOLDER + "ext_9_8_13_compare.py", *arguments, "preset", "no-splicing")
    assert result.stdout.count("--- ") == 2 and result.stdout.count("free-running, unseen") == 2  # steps 4 and 8
    table = options.read_json(os.path.join(base, "record-ext_9_8_13_compare.json"))["tables"][0]
    variants = ("preset", "no-splicing")
    assert [row[:2] for row in table["rows"]] == [[name, kind] for name in variants for kind in ("trained", "unseen")]
    assert all(row[3] > 0 and row[4] > 0 for row in table["rows"])
    settings = [options.read_json(os.path.join(compared, name, "settings.json")) for name in variants]
    assert {key for key in settings[0] if settings[0][key] != settings[1][key]} == {"splice", "decay_from"}
    result = run_script(FOLDER + "ext_9_8_13_compare.py", *arguments, "nothing", check=False)
    assert_user_error(result, "nothing is unknown")


def test_a_stopped_training_ends_the_comparison(run_folder, tmp_path, monkeypatch, capsys):
    base = str(tmp_path / "run")
    shutil.copytree(os.path.join(run_folder[0], "training"), os.path.join(base, "training"))
    stop_at_once(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        comparing.main(["--preset", "tiny", "--output-dir", base, "--threads", "1"])
    assert capsys.readouterr().out.count("--- ") == 1
    assert os.listdir(os.path.join(base, "compare", "4-steps-seed-0")) == ["preset"]  # no results.json


def test_evaluate_and_export(run_folder):
    folder, _ = run_folder
    arguments = ["--preset", "tiny", "--output-dir", folder]
    run_script(FOLDER + "ext_9_8_14_export.py", *arguments)
    weights = os.path.join(folder, "weights")
    assert os.path.getsize(os.path.join(weights, "tacotron-float16.npz")) < 20e6
    result = run_script(FOLDER + "ext_9_8_13_evaluate.py", *arguments, "--weights", weights)
    assert "aligned to the end" in result.stdout and "step 8" in result.stdout
    record = options.read_json(os.path.join(folder, "record-ext_9_8_13_evaluate.json"))
    assert record["metrics"]["trained: distance to the own recording"]["value"] > 0
    with open(os.path.join(folder, "evaluation", "sentences.csv"), encoding="utf-8") as stream:
        assert len(stream.readlines()) == 5
    run_script(FOLDER + "ext_9_8_13_evaluate.py", *arguments, "--weights", weights, "--sharpen", "4")
    sharper = options.read_json(os.path.join(folder, "record-ext_9_8_13_evaluate.json"))
    peaks = [dict(zip(one["tables"][0]["columns"], one["tables"][0]["rows"][0]))["peak"] for one in (record, sharper)]
    assert peaks[1] > peaks[0]


def test_user_errors(tmp_path):
    tiny = ["--preset", "tiny", "--output-dir", str(tmp_path / "none")]
    result = run_script(FOLDER + "code_9_17_train.py", *tiny, check=False)
    assert_user_error(result, "code_9_09_preprocess.py")
    result = run_script(FOLDER + "code_9_17_train.py", *tiny, "--guide-by", "text", check=False)
    assert_user_error(result, "--guide-by recording")
    prepared = tmp_path / "none" / "training"
    prepared.mkdir(parents=True)
    (prepared / "train.txt").write_text("s1.npy|m1.npy|9|ma1\n")
    result = run_script(FOLDER + "code_9_17_train.py", *tiny, check=False)
    assert_user_error(result, "--align")
    result = run_script(FOLDER + "ext_9_8_14_speak.py", "你好", *tiny, "--weights", str(tmp_path), check=False)
    assert_user_error(result, "tacotron-float16.npz")
    result = run_script(FOLDER + "code_9_09_preprocess.py", *tiny, "--data-dir", str(tmp_path), check=False)
    assert_user_error(result, "doc/trans")
