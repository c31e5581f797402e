"""Listing 9-17: figures, windows, the loss guard."""

import os

import numpy as np
import pytest
import tensorflow as tf

from ch09_tacotron import code_9_17_train as listing
from common import training
from common.errors import TrainingStopped
from common.plotting import plt


def test_printed_constants_are_the_defaults():
    book = listing.PRESETS["book"]
    assert (book["outputs_per_step"], book["batch_size"], book["checkpoint_interval"]) == (5, 32, 1000)
    assert (listing.griffin_lim_iters, book["init_lr"], book["warmup_steps"]) == (60, 0.001, 4000)
    off = dict(masked_loss=False, mask_attention=False, end_symbol=False, tail_steps=0, guide_weight=0.0, feed_back=0.0)
    off.update(decay_from=0, guide_by="text", give_attention=0.0, sharpen=1.0, splice=0.0)
    assert all(book[key] == value for key, value in off.items())


def test_e34_figures_are_closed(tmp_path):
    before = len(plt.get_fignums())
    for step in range(3):
        path = listing.plot_alignment(np.eye(5), str(tmp_path / ("%d.png" % step)), "step %d" % step)
        assert os.path.getsize(path) > 1000
    assert len(plt.get_fignums()) == before
    figure = plt.figure()  # the printed way: saved and left open
    figure.savefig(str(tmp_path / "x.png"))
    assert len(plt.get_fignums()) == before + 1
    plt.close(figure)


def test_e40_a_bad_loss_stops_training():
    for value in (float("nan"), 101.0):
        with pytest.raises(TrainingStopped, match="step 7"):
            training.check_loss(value, 7, limit=100)


def test_e35_losses_behind_the_checkpoint_are_dropped_and_windows_are_bounded(tmp_path):
    path = str(tmp_path / "losses.csv")
    listing._keep_losses_until(path, 0)
    with open(path, "a", encoding="utf-8") as stream:
        stream.write("1,0.1,2\n2,0.1,2\n3,0.1,2\n")
    listing._keep_losses_until(path, 2)
    with open(path, encoding="utf-8") as stream:
        assert [line.split(",")[0] for line in stream] == ["step", "1", "2"]
    with open(listing.__file__, encoding="utf-8") as stream:
        assert stream.read().count("deque(maxlen=100)") == 2


def test_free_running_cuts_each_sample_at_its_own_end():
    class Model:
        outputs_per_step = 2
        linear_outputs = tf.constant(np.arange(2 * 6 * 3, dtype=np.float32).reshape(2, 6, 3))
        mel_outputs = tf.zeros([2, 6, 4])
        alignments = tf.zeros([2, 9, 3])
        output_steps = tf.constant([1, 3])
        stop_token_outputs = tf.constant([[0.1, 0.9, 0, 0, 0, 0], [0, 0, 0, 0, 0.2, 0.3]])
        inputs = tf.placeholder(tf.int32, [None, None])
        input_lengths = tf.placeholder(tf.int32, [None])

    with tf.Session() as session:
        first, second = listing.free_running(session, Model, np.zeros([2, 9]), [4, 9])
    assert first[0].shape == (2, 3) and second[0].shape == (6, 3)
    assert first[2].shape == (4, 1) and second[2].shape == (9, 3)
    assert first[3] and not second[3]  # the second was cut off by the limit


def test_summaries_hold_pictures_and_sounds(tmp_path):
    picture = listing.plot_alignment(np.eye(3), str(tmp_path / "a.png"))
    sound = listing.save_wav(np.sin(np.arange(2000) / 5), str(tmp_path / "a.wav"))
    summary = listing._summary({"loss": 1.5}, {"alignment": picture}, {"speech": sound})
    kinds = {value.tag: value.WhichOneof("value") for value in summary.value}
    assert kinds == {"loss": "simple_value", "alignment": "image", "speech": "audio"}


def test_the_last_part_of_the_learning_rate():
    step = tf.placeholder(tf.int64, [])
    factor = listing.final_decay(step, 100, 200)
    with tf.Session() as session:
        values = [float(session.run(factor, {step: value})) for value in (0, 99, 100, 149, 199)]
    np.testing.assert_allclose(values, [1, 1, 1, 50 / 99, 0.05], rtol=1e-5)
    assert listing.final_decay(step, 0, 200) == 1.0
