"""Every printed call of listings 9-9 to 9-17 works as printed."""

import os
from functools import partial
from multiprocessing import cpu_count

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from tqdm import tqdm

from ch09_tacotron import code_9_09_preprocess as preprocess
from ch09_tacotron import code_9_10_cbhg as cbhg
from ch09_tacotron import code_9_11_attention as attention
from ch09_tacotron import code_9_12_decoder_wrapper as rnnwrapper
from ch09_tacotron import code_9_13_helpers as Helpers
from ch09_tacotron import code_9_14_decoder as Decoder
from ch09_tacotron import code_9_15_dataset as cn_dataset
from ch09_tacotron import code_9_17_train as train
from ch09_tacotron import ext_9_8_14_pinyin as demonstrations
from common import run
from data import sample_thchs30
from tests import helpers

num_mels, outputs_per_step, is_training = 80, 5, True


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder in which listing 9-9 ran as in print: ``./data_thchs30`` → ``./training``."""
    folder = str(tmp_path_factory.mktemp("printed"))
    before = os.getcwd()
    os.chdir(folder)
    try:
        os.makedirs("data_thchs30")
        sample_thchs30.generate("data_thchs30", utterances=3)
        preprocess.preprocess_data(cpu_count())
    finally:
        os.chdir(before)
    return folder


def test_9_9(prepared, monkeypatch):
    monkeypatch.chdir(prepared)
    D = np.random.RandomState(0).rand(1025, 7)
    assert preprocess.spectrogram(D).shape == (1025, 7) and preprocess.melspectrogram(D).shape == (80, 7)
    out_dir, index, wav_file = ".", 1, "data_thchs30/mytest/A2_0.wav"
    task = partial(preprocess._process_utterance, out_dir, index, wav_file, "ma1 ni3 hao3")
    spectrogram_filename, mel_filename, n_frames, pinyin = task()
    assert np.load(spectrogram_filename).shape == (n_frames, 1025) and np.load(mel_filename).shape == (n_frames, 80)
    with open("training/train.txt", encoding="utf-8") as f:
        assert [len(line.split("|")) for line in f] == [4, 4, 4]
    in_dir, num_workers = "./data_thchs30", 1
    assert len(preprocess.build_from_path(in_dir, ".", num_workers, tqdm=tqdm)) == 3


def test_9_10():
    half_depth, i = 8, 0
    highway_input = cbhg.highwaynet(tf.zeros([2, 3, half_depth]), "highway_%d" % (i + 1), half_depth)
    assert highway_input.shape.as_list() == [2, 3, half_depth]
    depth, inputs = 8, tf.zeros([2, 6, 12])
    small = cbhg.cbhg(inputs, [6, 4], is_training, scope="small", K=2, projections=[16, 12], depth=depth)
    assert small.shape.as_list() == [2, 6, depth]
    # encoder_cbhg(embedded_inputs, input_lengths, is_training, 256) and post_cbhg(self.mel_outputs, num_mels, is_training, 256)
    # are called in test_9_16


def test_9_11():
    encoder_outputs, query, state = tf.ones([2, 6, 256]), tf.ones([2, 256]), tf.zeros([2, 6])
    mechanism = attention.LocationSensitiveAttention(256, encoder_outputs)
    alignments, next_state = mechanism(query, state)
    assert alignments.shape.as_list() == next_state.shape.as_list() == [2, 6]
    with tf.variable_scope("score"):
        energy = attention._location_sensitive_score(tf.ones([2, 1, 256]), tf.ones([2, 6, 256]), mechanism.keys)
    assert energy.shape.as_list() == [2, 6]
    smoothed = attention.LocationSensitiveAttention(256, encoder_outputs, True, False, "LocationSensitiveAttention")
    assert smoothed._cumulate is False
    assert attention._smoothing_normalization(energy).shape.as_list() == [2, 6]


@pytest.mark.parametrize("training", [True, False])
def test_9_12_to_9_14(training):
    """As listing 9-16 calls them, with a small RNN."""
    encoder_outputs, batch_size, max_iters = tf.ones([2, 6, 256]), 2, 4
    multi_rnn_cell = tf.nn.rnn_cell.MultiRNNCell(
        [tf.nn.rnn_cell.ResidualWrapper(tf.nn.rnn_cell.GRUCell(256)) for _ in range(2)], state_is_tuple=True
    )
    decoder_cell = rnnwrapper.TacotronDecoderwrapper(
        encoder_outputs, training, multi_rnn_cell, num_mels, outputs_per_step
    )
    mel_targets = tf.zeros([2, 10, num_mels])
    if training:
        helper = Helpers.TacoTrainingHelper(mel_targets, num_mels, outputs_per_step)
    else:
        helper = Helpers.TacoTestHelper(batch_size, num_mels, outputs_per_step)
    decoder_init_state = decoder_cell.zero_state(batch_size=batch_size, dtype=tf.float32)
    (decoder_outputs, stop_token_outputs, _), final_decoder_state, _ = tf.contrib.seq2seq.dynamic_decode(
        Decoder.TacotronDecoder(decoder_cell, helper, decoder_init_state), maximum_iterations=max_iters
    )
    alignments = tf.transpose(final_decoder_state.alignment_history.stack(), [1, 2, 0])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        frames, tokens, alignments = sess.run([decoder_outputs, stop_token_outputs, alignments])
    steps = frames.shape[1]
    assert steps == 2 if training else 1 <= steps <= max_iters
    assert frames.shape == (2, steps, 400) and tokens.shape == (2, steps, 5) and alignments.shape == (2, 6, steps)
    assert helper.batch_size is not None and helper.token_output_size == outputs_per_step
    assert helper.sample_ids_shape == tf.TensorShape([]) and helper.sample_ids_dtype == tf.int32


@pytest.mark.parametrize("name", ["TacoTrainingHelper", "TacoTestHelper"])
def test_9_13_by_keyword(name):
    first = tf.zeros([2, 10, num_mels]) if name == "TacoTrainingHelper" else 2
    helper = getattr(Helpers, name)(first, num_mels, outputs_per_step)
    finished, next_inputs, state = helper.next_inputs(
        time=tf.constant(0),
        outputs=tf.zeros([2, 400]),
        state=None,
        sample_ids=tf.zeros([2], tf.int32),
        stop_token_preds=tf.zeros([2, 5]),
    )
    assert next_inputs.shape.as_list() == [2, num_mels]


def test_9_15(prepared, monkeypatch):
    monkeypatch.chdir(prepared)
    next_element = cn_dataset.mydataset("training/train.txt", outputs_per_step=5)
    with tf.Session() as sess:
        seq, seqlen, linear_target, mel_target, stop_token_target = sess.run(next_element)
    assert len(seq) == len(linear_target) == len(mel_target) == len(stop_token_target) == 32  # the default batch
    input_seq = seq[0]
    assert cn_dataset.sequence_to_text(input_seq).rstrip("_").split()[0][-1] in "12345"


def test_9_16(network):
    """``Tacotron(…)`` and ``buildTrainModel`` are called in the fixture as printed; what listing 9-17 then runs."""
    model, feed = network.model, network.feed
    step, loss, opt = network.session.run([network.global_step, model.loss, model.optimize], feed)
    assert step >= 1 and np.isfinite(loss) and opt is None
    input_seq, spectrogram, alignment = network.session.run(
        [model.inputs[0], model.linear_outputs[0], model.alignments[0]], feed
    )
    assert input_seq.shape == (10,) and spectrogram.shape == (10, 1025) and alignment.shape == (10, 2)
    names = "mel_loss stop_token_loss linear_loss learning_rate gradients input_lengths mel_targets linear_targets"
    assert all(hasattr(model, name) for name in names.split())


def test_9_17(prepared, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    spectrogram, step, loss = np.random.RandomState(0).rand(12, 1025), 11000, 0.05607
    waveform = train.inv_spectrogram(spectrogram.T)
    train.save_wav(waveform, os.path.join(".", "step-%d-audio.wav" % step))
    sound, rate = soundfile.read("step-11000-audio.wav")
    assert rate == 16000 and len(sound) == 200 * 11
    path = os.path.join(".", "step-%d-align.png" % step)
    train.plot_alignment(np.eye(4), path, info=" %s, step=%d, loss=%.5f" % (train.time_string(), step, loss))
    assert os.path.getsize(path) > 1000
    assert len(train.time_string()) == len("2020-01-01 12:00")


def test_9_17_train(prepared, monkeypatch):
    """``train(os.path.join('.', 'model-cpk'))`` reads ``./training`` and comes as far as the network."""

    class Reached(Exception):
        pass

    def network(inputs, input_lengths, *arguments):
        assert arguments[:3] == (80, 5, 1025)
        shapes = [argument.shape.as_list() for argument in arguments[3:]]
        assert shapes == [[None, None, 1025], [None, None, 80], [None, None]]
        raise Reached

    monkeypatch.chdir(prepared)
    monkeypatch.setattr(train, "Tacotron", network)
    with pytest.raises(Reached):
        train.train(os.path.join(".", "model-cpk"))


def test_9_8_14(capsys, tmp_path):
    demonstrations.main(["--output-dir", str(tmp_path)])
    assert capsys.readouterr().out.count("as printed") == 2


@pytest.mark.script
@pytest.mark.slow
def test_what_the_reader_sees(walk):
    """The lines that listings 9-9, 9-15 and 9-17 print, of the tiny run."""
    copy = walk("ch09_tacotron")
    output, _ = helpers.printed(copy, "code_9_09")
    for line in ("Wrote 12 utterances, 972 frames", "Max input length: 22", "Max output length: 97"):
        assert line in output
    output, log = helpers.printed(copy, "code_9_17")
    assert output.startswith("{'_': 0, '~': 1, 'A': 2") and "metadata_filename " in output
    for words in (
        "Checkpoint path: ",
        "Initialized Tacotron model. Dimensions:",
        "Starting new training",
        "Step 8       [",
        " sec/step, loss=",
        ", avg_loss=",
        "Saving checkpoint to: ",
        "Saving audio and alignment...",
        "Input: ",
    ):
        assert words in log, words
    names = os.listdir(os.path.join(copy, "output", "tacotron", "tiny", "model-cpk"))
    for name in ("checkpoint", "model.ckpt-8.index", "step-8-audio.wav", "step-8-align.png", "step-4-align.png"):
        assert name in names
    assert run.checkpoints(os.path.join(copy, "output", "tacotron", "tiny", "model-cpk"))[0].endswith("model.ckpt-8")
