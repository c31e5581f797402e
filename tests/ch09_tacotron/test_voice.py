"""The whole way of the voice at preset tiny, on generated hums: prepare, train, judge, export, speak."""

import argparse
import json
import os
import shutil

import numpy as np
import pytest

from ch09_tacotron.beyond import ablation_voice, evaluate, export, judge, prepare, recogniser, train, train_post, voice
from ch09_tacotron.beyond.alignment import write_spans
from common import datasets, files
from common.errors import UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run folder in which every script of the way has run once."""
    place = str(tmp_path_factory.mktemp("voice"))
    for script in (prepare, train_post, train):
        script.main(["--preset", "tiny", "--output-dir", place])
    return place


@pytest.mark.slow
def test_the_voice_is_trained_exported_and_judged(folder, capsys):
    with open(os.path.join(folder, "record-train.json"), encoding="utf-8") as stream:
        assert json.load(stream)["metrics"]["held out, mel loss"]["value"] > 0
    trained = voice.Voice(folder)
    assert trained.settings["end_symbol"] and trained.settings["mel_bands"] and trained.settings["step"] == 5
    frames = trained.frames(["ni3 hao3"])[0]
    # the values of train_post.py, not those that train.py began with
    from tensorflow.python.training import checkpoint_utils

    name = "model/inference/dense_1/bias"
    prefix = os.path.join(folder, "post", "model-cpk", "model-3")
    np.testing.assert_array_equal(trained.values()[name], checkpoint_utils.load_variable(prefix, name))
    assert np.abs(trained.values()[name]).max() > 0
    export.main(["--preset", "tiny", "--output-dir", folder])
    shipped = voice.Voice(os.path.join(folder, "weights"))
    for one, other in zip(frames[:3], shipped.frames(["ni3 hao3"])[0]):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=0.02)  # 16 bits


def other_lists(run_folder):
    """Gives a run folder, whose ``training`` is a link, lists as another ``prepare.py`` writes them: one utterance less."""
    training = os.path.join(run_folder, "training")
    there = os.path.realpath(training)
    os.remove(training)
    shutil.copytree(there, training)
    path = os.path.join(training, "train.txt")
    with open(path, encoding="utf-8") as stream:
        rows = stream.readlines()
    with open(path, "w", encoding="utf-8") as stream:
        stream.writelines(rows[:-1])


@pytest.mark.slow
def test_the_judge_measures_the_voice(folder, tmp_path, capsys):
    listener = str(tmp_path / "judge")
    os.makedirs(listener)
    os.symlink(os.path.join(folder, "training"), os.path.join(listener, "training"))
    recogniser.main(["--preset", "tiny", "--output-dir", listener])
    sample = datasets.sample("thchs30")
    judge.main(["--preset", "tiny", "--output-dir", folder, "--recogniser", listener, "--data-dir", sample])
    out = capsys.readouterr().out
    assert "2 sentences" in out and "corpus's own sound" in out
    with open(os.path.join(folder, "judge", "sentences", "sentences.csv"), encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    assert lines[0].split(",") == judge.COLUMNS and len(lines) == 3
    with open(os.path.join(folder, "record-judge.json"), encoding="utf-8") as stream:
        record = json.load(stream)
    assert record["metrics"]["sentences"]["value"] == 2 and record["metrics"]["core seconds for a second of speech"]
    assert len(record["tables"][0]["rows"]) == 2
    other_lists(listener)
    with pytest.raises(UserError, match="judge holds a run on other data"):
        recogniser.main(["--preset", "tiny", "--output-dir", listener])
    strange = str(tmp_path / "corpus")  # recordings that no transcript knows
    shutil.copytree(sample, strange)
    for name in os.listdir(os.path.join(strange, "mytest")):
        os.rename(os.path.join(strange, "mytest", name), os.path.join(strange, "mytest", "x" + name))
    with pytest.raises(UserError, match="no recording of mytest has a line"):
        judge.main(["--preset", "tiny", "--output-dir", folder, "--recogniser", listener, "--data-dir", strange])


@pytest.mark.slow
def test_training_goes_on_where_it_was(folder):
    words, path = (
        ["--preset", "tiny", "--output-dir", folder, "--own-steps", "3"],
        os.path.join(folder, "record-train.json"),
    )
    train.main(words)
    assert voice.Voice(folder).settings["step"] == 6
    before = files.read_json(path)["metrics"]
    train.main(words)  # nothing is left to train: the record says the same, where it was empty
    after = files.read_json(path)["metrics"]
    assert "held out, mel loss" in after and after.keys() == before.keys()
    for name in after:
        assert after[name]["value"] == pytest.approx(before[name]["value"], abs=2e-3), name


@pytest.mark.slow
@pytest.mark.parametrize(
    "script, more", [(train, []), (train_post, []), (evaluate, []), (train, ["--start-from", "x.npz"])]
)
def test_no_training_goes_on_with_other_data(folder, tmp_path, monkeypatch, script, more):
    run_folder = str(tmp_path / "run")
    shutil.copytree(folder, run_folder)
    if more:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "x.npz").write_bytes(b"others")
    else:
        prepare.main(["--preset", "tiny", "--output-dir", run_folder, "--hold-out", "3"])
    with pytest.raises(UserError, match="run on other data .*(--start-from: nothing|trained: 10 utterances)"):
        script.main(["--preset", "tiny", "--output-dir", run_folder] + more)


@pytest.mark.slow
def test_the_ablation_trains_what_is_not_trained_yet_and_judges_all(folder, tmp_path, capsys):
    base = str(tmp_path)
    os.symlink(os.path.join(folder, "training"), os.path.join(base, "training"))
    words = ["--preset", "tiny", "--output-dir", base, "--data-dir", datasets.sample("thchs30"), "--variants"]
    ablation_voice.main(words + ["10-minutes"])
    assert "step 3:" in capsys.readouterr().out
    ablation_voice.main(words + ["batch-of-8", "10-minutes"])
    assert capsys.readouterr().out.count("step 3:") == 1  # the first is there
    with open(os.path.join(base, "record-ablation_voice.json"), encoding="utf-8") as stream:
        table = json.load(stream)["tables"][0]
    assert [row[0] for row in table["rows"]] == ["10-minutes", "batch-of-8"]
    assert table["columns"] == ablation_voice.COLUMNS and all(row[1] > 0 and row[2] > 0 for row in table["rows"])
    other_lists(base)
    with pytest.raises(UserError, match="10-minutes holds a run on other data"):
        ablation_voice.main(words + ["10-minutes"])


def test_the_ablation_hands_on_what_differs_and_asks_for_speech_beforehand(tmp_path, monkeypatch):
    words, there = [], argparse.Namespace(minutes=45.0)
    monkeypatch.setattr(ablation_voice.train, "main", words.append)
    monkeypatch.setattr(ablation_voice.train, "Utterances", lambda folder: there)
    opts = argparse.Namespace(preset="voice", output_dir=str(tmp_path), seed=0, threads=1, steps=7)
    for name in ("30-minutes", "batch-of-8"):
        ablation_voice.trained(opts, name)
    assert words[0][-2:] == ["--minutes", "30"] and words[1][-4:] == ["--minutes", "60", "--batch-size", "8"]
    assert all(line[line.index("--frame-steps") + 1] == "7" for line in words)
    opts.variants = ["30-minutes"]
    ablation_voice.check_minutes(opts)
    opts.variants = ["30-minutes", "60-minutes"]
    with pytest.raises(UserError, match="60-minutes needs 60 minutes"):
        ablation_voice.check_minutes(opts)


def test_minutes_of_speech_are_drawn_so_that_less_is_among_more():
    pairs = [(("", "", 4800, str(i)), None) for i in range(20)]  # a minute each
    few, more = (train.drawn(pairs, minutes, 0) for minutes in (3, 10))
    assert (len(few), len(more)) == (3, 10) and set(few) < set(more) and sorted(more, key=pairs.index) == more
    assert len(train.drawn(pairs, 2.5, 0)) == 3 and train.drawn(pairs, 3, 1) != few
    with pytest.raises(UserError, match="there are 20.0 of aligned"):
        train.drawn(pairs, 20.5, 0)


def test_unaligned_utterances_are_refused(tmp_path):
    (tmp_path / "train.txt").write_text("a.npy|b.npy|10|ni3 hao3\n")
    with pytest.raises(UserError, match="prepare.py"):
        train.Utterances(str(tmp_path))


def test_the_rate_rises_and_falls():
    import tensorflow as tf

    with tf.Session() as session:
        rates = [session.run(train.schedule(0.002, tf.constant(step), 300, 1000)) for step in (0, 299, 300, 650, 1000)]
    assert rates == pytest.approx([0.002 / 300, 0.002, 0.002, 0.002 * 0.51, 0.002 * 0.02], rel=1e-3)


def test_pitch_of_tones_that_are_known():
    t = np.arange(16000) / 16000.0
    for hertz in (90.0, 180.0, 333.0):
        wave = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 8))
        track = judge.pitch(wave)[5:-5]
        assert np.abs(track / hertz - 1).max() < 0.03, hertz
    noise = np.random.RandomState(0).randn(16000)
    assert np.mean(judge.pitch(noise) > 0) < 0.1
    rising = np.sin(2 * np.pi * np.cumsum(np.linspace(150, 300, 16000)) / 16000)
    pairs = judge.pitch_pairs(rising, rising)
    assert np.corrcoef(pairs)[0, 1] > 0.99


def test_pitch_does_not_jump_by_an_octave_where_the_fundamental_is_weak():
    """A gliding voice whose fundamental falls to a fifth for a tenth of a second, again and again: twice the pitch fits then."""
    time = np.arange(16000) / 16000.0
    hertz = 180 * 2 ** (0.5 * np.sin(4 * np.pi * time))
    phase = 2 * np.pi * np.cumsum(hertz) / 16000
    strength = np.convolve(np.where(np.arange(16000) % 4000 < 1600, 0.2, 1.0), np.ones(400) / 400, "same")
    odd = np.sin(phase) + 0.3 * np.sin(3 * phase)
    track = judge.pitch(strength * odd + np.sin(2 * phase) + 0.3 * np.sin(4 * phase))[5:-5]
    assert np.abs(np.log2(track / hertz[::200][5 : 5 + len(track)])).max() < 0.05


def test_every_syllable_is_spoken_once():
    syllables = judge.all_syllables()
    plain = [syllable[:-1] for syllable in syllables]
    assert len(set(plain)) == len(plain) and 390 < len(plain) < 430
    assert {"ma", "lv", "nve", "zhuang", "er", "yo"} <= set(plain)


def test_utterances_without_syllables_are_left_out(tmp_path, monkeypatch, capsys):
    """One or two held-out sentences of one's own, too short for their pinyin, ended in a traceback."""
    folder, rows = str(tmp_path), {}
    for name in ("train.txt", "heldout.txt"):
        rows[name] = ("s", "mel-%s.npy" % name, 10, "ni3")
        prepare.write_metadata([rows[name]], os.path.join(folder, name))
        np.save(os.path.join(folder, rows[name][1]), np.zeros([10, 80], np.float32))

    def trainer(opts, peers):
        raise InterruptedError("so far, so good")

    monkeypatch.setattr(train, "Trainer", trainer)
    opts = argparse.Namespace(minutes=0.0, seed=0)
    write_spans(os.path.join(folder, "syllables.json"), rows.values(), [np.array([[0, 9]]), None])
    with pytest.raises(InterruptedError):
        train.train(opts, folder)
    assert "nothing is held out" in capsys.readouterr().out
    write_spans(os.path.join(folder, "syllables.json"), rows.values(), [None, np.array([[0, 9]])])
    with pytest.raises(UserError, match="of no utterance it is known when"):
        train.train(opts, folder)


@pytest.mark.parametrize(
    "own, given, expected",
    [
        (dict(tone_sandhi=False, mel_bands=False), [], (False, False)),
        (dict(tone_sandhi=False, mel_bands=False), ["--mel-bands", "true"], (False, True)),
        (dict(tone_sandhi=True), ["--tone-sandhi", "false"], (False, True)),
        ({}, [], (True, True)),
    ],
)
def test_the_export_keeps_what_the_run_says(own, given, expected, tmp_path, monkeypatch):
    """Its own defaults took the place of the run's settings without a word."""
    path, kept = tmp_path / "weights.npz", {}
    path.write_bytes(b"")
    network = dict(restore=lambda prefix: None, restore_post=lambda folder: None, values=dict)
    monkeypatch.setattr(export.options, "load_settings", lambda *_: dict(own))
    monkeypatch.setattr(export.run, "checkpoints", lambda folder: ["model-5"])
    monkeypatch.setattr(export, "Voice", lambda settings: argparse.Namespace(**network))
    monkeypatch.setattr(export.weights, "save", lambda _, values, settings: kept.update(settings) or str(path))
    export.main(["--output-dir", str(tmp_path)] + given)
    assert (kept["tone_sandhi"], kept["mel_bands"], kept["step"]) == expected + (5,)


def test_whose_voice_speaks_is_said(tmp_path, monkeypatch):
    """A training that was stopped early spoke noise in place of the voice that ships, and nothing told how to get that."""
    folder = str(tmp_path)
    assert voice.other_voice(voice.SHIPPED, 12100) == voice.other_voice(folder, 3) == ""  # no run
    (tmp_path / "model-cpk").mkdir()
    (tmp_path / "model-cpk" / "model.ckpt-1000.index").write_bytes(b"")
    assert voice.find_model(folder) == folder
    few, many = voice.other_voice(folder, 1000), voice.other_voice(folder, 100000)
    assert "after 1000 steps, which are few" in few and "few" not in many
    assert few.endswith("--weights " + voice.SHIPPED) and voice.find_model(folder, voice.SHIPPED) == voice.SHIPPED
    monkeypatch.setattr(voice, "SHIPPED", folder)  # a clone without the weights
    assert voice.other_voice(folder, 3) == ""
