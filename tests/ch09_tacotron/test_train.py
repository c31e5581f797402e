"""Listing 9-17's pieces, and those of beyond/train_few.py and beyond/voice.py."""

import collections
import os
import signal
import types

import numpy as np
import pytest
import tensorflow as tf

from ch09_tacotron import code_9_09_preprocess as audio
from ch09_tacotron import code_9_17_train as listing
from ch09_tacotron.beyond import sound, train_few, voice
from common import options, run
from common.errors import Stopped, TrainingStopped
from common.plotting import plt, savefig


def test_printed_constants_are_the_defaults():
    book = options.parse_values(listing.__file__, listing.__doc__, listing.VALUES, [])
    assert (book.epochs, book.batch, book.outputs_per_step, book.checkpoint_interval) == (100000, 32, 5, 1000)
    assert (listing.griffin_lim_iters, listing.power) == (60, 1.5)


@pytest.mark.parametrize("script", [listing, train_few])
def test_the_decoders_300_steps_hold_the_longest_recording(script, capsys):
    """Fewer frames a step ended in TensorFlow's 'Incompatible shapes: [1,300] vs. [1,401]' on a recording of 400 frames."""
    fewest = next(row.low for row in script.VALUES if row.name == "outputs_per_step")
    assert 300 * (fewest - 1) < audio.max_frame_num <= 300 * fewest
    with pytest.raises(SystemExit):
        options.parse_values(script.__file__, script.__doc__, script.VALUES, ["--outputs-per-step", str(fewest - 1)])
    assert "%d is not %d to 10" % (fewest - 1, fewest) in capsys.readouterr().err


def test_e34_figures_are_closed(tmp_path):
    before = len(plt.get_fignums())
    for step in range(2):
        path = str(tmp_path / ("%d.png" % step))
        listing.plot_alignment(np.eye(5), path, "step %d" % step)
        assert os.path.getsize(path) > 1000
    assert len(plt.get_fignums()) == before
    figure = plt.figure()  # the printed way: saved and left open
    figure.savefig(str(tmp_path / "x.png"))
    assert len(plt.get_fignums()) == before + 1
    plt.close(figure)


def test_plot_has_the_printed_labels(tmp_path, monkeypatch):
    seen = {}

    def save(path, **keywords):  # as it is before its words become Chinese for the second picture
        axes, bar = plt.gcf().axes
        seen.update(x=axes.get_xlabel(), y=axes.get_ylabel(), title=axes.get_title(), bars=bool(bar))
        savefig(path, **keywords)

    monkeypatch.setattr(listing, "savefig", save)
    listing.plot_alignment(np.eye(3), str(tmp_path / "a.png"), " now, step=3, loss=0.5")
    assert seen == dict(x="Decoder timestep\n\n now, step=3, loss=0.5", y="Encoder timestep", title="", bars=True)
    assert sorted(os.listdir(str(tmp_path))) == ["a.png", "a.zh.png"] and not plt.get_fignums()


@pytest.fixture
def loop(tmp_path, monkeypatch):
    """(a function that runs listing 9-17's loop over a network with the losses it is given, the lines of its log)."""
    lines = []

    def run_over(values, *more):
        class Network:
            def __init__(self, inputs, *arguments):
                self.inputs = self.linear_outputs = self.alignments = inputs

            def buildTrainModel(self, sample_rate, num_freq, global_step):
                self.loss = tf.gather(tf.constant(values, tf.float32), global_step)
                with tf.control_dependencies([self.loss]):
                    self.optimize = tf.assign_add(global_step, 1).op

        (tmp_path / "training").mkdir()
        options.write_json(str(tmp_path / "training" / "settings.json"), {"data": "none"})
        batch = [np.zeros(shape) for shape in ([1, 2], [1], [1, 2, 1025], [1, 2, 80], [1, 2])]
        monkeypatch.setattr(listing, "Tacotron", Network)
        monkeypatch.setattr(listing, "mydataset", lambda *arguments: [tf.constant(value) for value in batch])
        monkeypatch.setattr(tf.logging, "info", lines.append)
        words = ["--output-dir", str(tmp_path), "--epochs", str(len(values)), "--threads", "1", *more]
        opts = options.parse_values(listing.__file__, listing.__doc__, listing.VALUES, words)
        listing.train(str(tmp_path / "model-cpk"), opts)

    return run_over, lines


@pytest.fixture
def quick(monkeypatch):
    """What a checkpoint brings along takes no time."""
    monkeypatch.setattr(listing, "inv_spectrogram", lambda spectrogram: np.zeros(8))
    monkeypatch.setattr(listing, "plot_alignment", lambda alignment, path, info: np.save(path, alignment))
    monkeypatch.setattr(listing, "sequence_to_text", str)


@pytest.mark.parametrize("interval,saved", [(1000, ["3"]), (2, ["3", "2"]), (3, ["3"])])
def test_the_last_step_is_saved_whatever_the_interval(loop, quick, tmp_path, interval, saved):
    run_over, _ = loop
    run_over([1.0] * 3, "--checkpoint-interval", str(interval))
    assert [path.split("-")[-1] for path in run.checkpoints(str(tmp_path / "model-cpk"))] == saved
    record = options.read_json(str(tmp_path / "record-code_9_17_train.json"))
    assert record["metrics"]["step"]["value"] == 3
    assert [os.path.basename(file["path"]) for file in record["files"]] == ["step-3-audio.wav", "step-3-align.png"]


def test_a_stopped_run_is_saved_and_has_a_record(loop, quick, tmp_path, monkeypatch):
    run_over, lines = loop
    check = run.Run.check

    def checked(this, step, **losses):
        check(this, step, **losses)
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(run.Run, "check", checked)
    with pytest.raises(Stopped):
        run_over([1.0] * 9, "--checkpoint-interval", "2")
    assert run.checkpoints(str(tmp_path / "model-cpk"))[0].endswith("model.ckpt-3")
    assert options.read_json(str(tmp_path / "record-code_9_17_train.json"))["metrics"]["step"]["value"] == 3


def test_e127_a_checkpoint_adds_nothing_to_the_graph(loop, quick, tmp_path, monkeypatch):
    run_over, _ = loop
    sizes, save = [], run.Run.save

    def saved(this, *arguments):
        sizes.append(tf.get_default_graph().version)
        return save(this, *arguments)

    monkeypatch.setattr(run.Run, "save", saved)
    run_over([1.0] * 4, "--checkpoint-interval", "1")
    assert len(sizes) == 4 and len(set(sizes)) == 1


def test_e40_a_bad_loss_stops_training(loop):
    run_over, lines = loop
    with pytest.raises(TrainingStopped, match="step 3"):
        run_over([1.0, 2.0, float("nan"), 1.0])
    assert lines[-1] == "Loss exploded to nan at step 3!"


def test_e35_the_mean_is_of_the_last_100_steps(loop, quick):
    run_over, lines = loop
    run_over([float(step % 90) for step in range(130)])
    assert [line for line in lines if line.startswith("Step")][-1].endswith(
        "avg_loss=%.05f]" % np.mean([step % 90 for step in range(30, 130)])
    )


def test_a_voice_cuts_each_sample_at_its_own_end():
    values = [np.arange(2 * 6 * 3).reshape(2, 6, 3), np.zeros([2, 6, 4]), np.zeros([2, 7, 3]), np.array([1, 3])]
    values.append(np.array([[0.1, 0.9, 0, 0, 0, 0], [0, 0, 0, 0, 0.2, 0.3]]))
    model = collections.defaultdict(lambda: None)
    speaker = types.SimpleNamespace(
        settings=dict(outputs_per_step=2, end_symbol=True),
        model=types.SimpleNamespace(
            linear_outputs=0,
            mel_outputs=1,
            alignments=2,
            sequence_lengths=3,
            stop_token_outputs=4,
            inputs=5,
            input_lengths=6,
        ),
        session=types.SimpleNamespace(run=lambda fetches, feed: model.update(feed) or [values[i] for i in fetches]),
    )
    first, second = voice.Voice.frames(speaker, ["ma1", "ni3 a1"])
    assert model[6] == [4, 7] and model[5][0].tolist() == [40, 28, 54, 1, 0, 0, 0]
    assert first[0].shape == (2, 3) and second[0].shape == (6, 3)
    assert first[2].shape == (4, 1) and second[2].shape == (7, 3)
    assert first[3] and not second[3]  # the second was cut off by the limit


def test_the_sound_takes_its_loudness_from_the_mel_frames():
    random = np.random.RandomState(6)
    linear = random.uniform(0.4, 0.5, (60, sound.num_freq))
    # falls towards high notes, linear does not
    mel = np.repeat(np.linspace(0.8, 0.4, sound.num_mels)[None], 60, axis=0)
    speaker = types.SimpleNamespace(settings={}, frames=lambda texts: [(linear, mel, None, True)])
    distances = []
    for mel_bands in (True, False):
        wave = voice.Voice.speak(speaker, "ma1", 20, mel_bands=mel_bands)[0]
        heard = sound.melspectrogram(sound.magnitude(wave)).T[5:55]
        distances.append(np.abs(heard - mel[: len(heard)]).mean())
    assert distances[0] < 0.02 and distances[1] > 0.06


def test_join_sentences():
    loud, soft, noise = np.array([0.5, -2.0, 1.0]), np.array([0.05, 0.1]), np.array([0.001])
    joined = voice.join_sentences([loud, soft, noise], 2 / 16000)
    np.testing.assert_allclose(joined, [0.25, -1, 0.5, 0, 0, 0.5, 1, 0, 0, 0.1])


def test_summaries_hold_pictures_and_sounds(tmp_path):
    picture = str(tmp_path / "a.png")
    listing.plot_alignment(np.eye(3), picture)
    wave = sound.save_wav(np.sin(np.arange(2000) / 5), str(tmp_path / "a.wav"))
    summary = train_few.summary({"loss": 1.5}, {"alignment": picture}, {"speech": wave})
    kinds = {value.tag: value.WhichOneof("value") for value in summary.value}
    assert kinds == {"loss": "simple_value", "alignment": "image", "speech": "audio"}
