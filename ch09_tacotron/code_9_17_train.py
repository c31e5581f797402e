"""Listing 9-17 (section 9.8.13): trains Tacotron.

Reads   training/ of the run folder (``code_9_09_preprocess.py`` with the same ``--preset`` writes it).
Writes  output/tacotron/<preset>/model-cpk/: checkpoints ``model.ckpt-N``; at each of them the wave ``step-N-audio.wav`` and the
        plot ``step-N-align.png`` of the batch's first sentence, made with its true frames given; a record.
Time    preset tiny a minute (generated hums: wiring, not speech); book: 100,000 steps of seconds each, days without a GPU.
        Ctrl-C saves and ends; the same command goes on from there.

Differs from the print: E20, E21, E22, E30, E34, E35, E40, E127; E41 is about its result.
Beyond it: beyond/train.py (a voice that is understood), beyond/evaluate.py (what a model says when it speaks freely).
Next: ext_9_8_14_speak.py.
"""

import collections
import math
import os
import time

import librosa
import numpy as np
import tensorflow as tf
from scipy import signal
from scipy.io import wavfile

from ch09_tacotron import code_9_15_dataset as cn_dataset
from ch09_tacotron import code_9_16_tacotron as tacotron
from common import options, run, same_data
from common.plotting import plt, savefig

Tacotron = tacotron.Tacotron
mydataset = cn_dataset.mydataset
sequence_to_text = cn_dataset.sequence_to_text


def time_string():
    return time.strftime("%Y-%m-%d %H:%M")


max_frame_num = 1000
sample_rate = 16000
num_mels = 80
num_freq = 1025
outputs_per_step = 5

n_fft = (num_freq - 1) * 2
frame_length_ms = 50  # Erratum E20: the length of a window, not the overlap
frame_shift_ms = 12.5
hop_length = int(frame_shift_ms / 1000 * sample_rate)
win_length = int(frame_length_ms / 1000 * sample_rate)
preemphasis = 0.97
ref_level_db = 20
min_level_db = -100

griffin_lim_iters = 60
power = 1.5

batch = 32  # listing 9-15's default
epochs = 100000
checkpoint_interval = 1000

VALUES = [
    options.Value("epochs", epochs, "train until this step", tiny=8, low=1, fixed=False),
    options.Value("batch", batch, "sentences in a batch", tiny=4, low=1),
    options.Value("outputs_per_step", outputs_per_step, "frames of one of at most 300 steps", low=4, high=10),
    options.Value("checkpoint_interval", checkpoint_interval, "steps between them", tiny=4, low=1, fixed=False),
]


def _db_to_amp(x):
    return np.power(10.0, x * 0.05)


def _denormalize(S):
    """0…1 as dB above ``ref_level_db``."""
    return (np.clip(S, 0, 1) * -min_level_db) + min_level_db


def inv_preemphasis(x):
    """Undoes listing 9-9's filter."""
    return signal.lfilter([1], [1, -preemphasis], x)


def _griffin_lim(S):
    """A wave whose short-time magnitudes come near ``S`` [1025, frames] (Griffin and Lim 1984)."""
    angles = np.exp(2j * np.pi * np.random.rand(*S.shape))
    S_complex = np.abs(S).astype(complex)  # Erratum E22: np.complex is gone from NumPy 1.24 on
    y = librosa.istft(S_complex * angles, hop_length=hop_length, win_length=win_length)
    for _ in range(griffin_lim_iters):  # Erratum E21: stft(y=...), the print hands y in by its place
        angles = np.exp(1j * np.angle(librosa.stft(y=y, n_fft=n_fft, hop_length=hop_length, win_length=win_length)))
        y = librosa.istft(S_complex * angles, hop_length=hop_length, win_length=win_length)
    return y


def inv_spectrogram(spectrogram):
    """A linear spectrogram [1025, frames] in 0…1 as a wave; the power makes loud partials stand out from the noise."""
    S = _db_to_amp(_denormalize(spectrogram) + ref_level_db)
    return inv_preemphasis(_griffin_lim(S**power))


def save_wav(wav, path):
    """Writes a wave as 16-bit PCM, scaled to full level."""
    wav = wav * (32767 / max(0.01, np.max(np.abs(wav))))
    wavfile.write(path, sample_rate, wav.astype(np.int16))


def plot_alignment(alignment, path, info=None):
    """Saves a picture of ``alignment`` [T_in, steps]: which symbol each decoder step attends to."""
    fig, ax = plt.subplots()
    im = ax.imshow(alignment, aspect="auto", origin="lower", interpolation="none")
    fig.colorbar(im, ax=ax)
    xlabel = "Decoder timestep"
    if info is not None:
        xlabel += "\n\n" + info
    plt.xlabel(xlabel)
    plt.ylabel("Encoder timestep")
    plt.tight_layout()
    savefig(path, format="png")  # plt.savefig, and the same in Chinese beside it
    plt.close(fig)  # Erratum E34: the print leaves each figure open


def train(log_dir, opts=None):
    """Trains with ``training/train.txt`` beside the folder ``log_dir``, which gets the checkpoints (section 9.8.13)."""
    opts = opts or options.parse_values(__file__, __doc__, VALUES, ["--output-dir", os.path.dirname(log_dir)])
    training_dir = os.path.join(opts.output_dir, "training")
    same_data.note(opts, "training", training_dir, ["train.txt"])
    with run.Run(opts, checkpoints=os.path.basename(log_dir)) as this:
        checkpoint_path = os.path.join(this.checkpoint_dir, "model.ckpt")
        tf.logging.info("Checkpoint path: %s" % checkpoint_path)
        next_element = mydataset(os.path.join(training_dir, "train.txt"), opts.outputs_per_step, opts.batch)
        data = options.load_settings(training_dir, "ch09_tacotron/code_9_09_preprocess.py", "spectrograms")["data"]
        record = this.record(listing="listing 9-17", data=data)

        inputs = tf.placeholder(tf.int32, [None, None], "inputs")
        input_lengths = tf.placeholder(tf.int32, [None], "input_lengths")
        linear_targets = tf.placeholder(tf.float32, [None, None, num_freq], "linear_targets")
        mel_targets = tf.placeholder(tf.float32, [None, None, num_mels], "mel_targets")
        stop_token_targets = tf.placeholder(tf.float32, [None, None], "stop_token_targets")

        global_step = tf.Variable(0, name="global_step", trainable=False)
        with tf.variable_scope("model") as scope:  # noqa: F841
            model = Tacotron(
                inputs,
                input_lengths,
                num_mels,
                opts.outputs_per_step,
                num_freq,
                linear_targets,
                mel_targets,
                stop_token_targets,
            )
            model.buildTrainModel(sample_rate, num_freq, global_step)

        # Erratum E35: the last 100 steps; the print's windows grow for ever
        time_window, loss_window = collections.deque(maxlen=100), collections.deque(maxlen=100)
        saver = tf.train.Saver(max_to_keep=5, keep_checkpoint_every_n_hours=2)
        # Erratum E127: the print takes these slices at each checkpoint, and the graph grows
        first_of_batch = [model.inputs[0], model.linear_outputs[0], model.alignments[0]]

        with tf.Session(config=run.session_config(opts.threads)) as sess:
            sess.run(tf.global_variables_initializer())
            step = this.restore(saver, sess)
            if step:
                tf.logging.info("Resuming from checkpoint: %s-%d" % (checkpoint_path, step))
            else:
                tf.logging.info("Starting new training")

            for i in this.steps(step, opts.epochs):  # noqa: B007
                seq, seqlen, linear_target, mel_target, stop_token_target = sess.run(next_element)
                feed = {
                    inputs: seq,
                    input_lengths: seqlen,
                    linear_targets: linear_target,
                    mel_targets: mel_target,
                    stop_token_targets: stop_token_target,
                }
                start_time = time.time()
                step, loss, opt = sess.run([global_step, model.loss, model.optimize], feed)
                time_window.append(time.time() - start_time)
                loss_window.append(loss)
                sec_per_step, avg_loss = np.mean(time_window), np.mean(loss_window)
                message = "Step %-7d [%.03f sec/step, loss=%.05f, avg_loss=%.05f]" % (
                    step,
                    sec_per_step,
                    loss,
                    avg_loss,
                )
                tf.logging.info(message)
                if loss > 100 or math.isnan(loss):
                    tf.logging.info("Loss exploded to %.05f at step %d!" % (loss, step))
                # Erratum E40: an error ends the script with status 2 or a traceback; the print's catch-all ends with 0
                this.check(step, limit=100, loss=loss)

                if step % opts.checkpoint_interval == 0 or step == opts.epochs:
                    tf.logging.info("Saving checkpoint to: %s-%d" % (checkpoint_path, step))
                    this.save(saver, sess, step, "model.ckpt")
                    tf.logging.info("Saving audio and alignment...")
                    input_seq, spectrogram, alignment = sess.run(first_of_batch, feed)
                    waveform = inv_spectrogram(spectrogram.T)
                    audio_path = os.path.join(this.checkpoint_dir, "step-%d-audio.wav" % step)
                    save_wav(waveform, audio_path)
                    align_path = os.path.join(this.checkpoint_dir, "step-%d-align.png" % step)
                    plot_alignment(alignment, align_path, info=" %s, step=%d, loss=%.5f" % (time_string(), step, loss))
                    tf.logging.info("Input: %s" % sequence_to_text(input_seq))
                    record.content["files"] = []
                    record.file(audio_path, "sound", "True frames given, step %d" % step, "给定真实帧，第 %d 步" % step)
                    record.file(align_path, "picture", "Attention, step %d" % step, "注意力对齐图，第 %d 步" % step)

            if this.stopping and step % opts.checkpoint_interval:
                this.save(saver, sess, step, "model.ckpt")
        if loss_window and record.content["files"]:
            record.metric("step", int(step))
            record.metric("avg_loss", round(float(avg_loss), 5), printed="0.056 at step 11,060", note="of 100 steps")
            record.metric("seconds a step", round(float(sec_per_step), 3), printed="4.4 to 4.6")
            record.save()


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    print(cn_dataset.index_symbols)  # Erratum E30: in print when listing 9-15 is imported
    run.start(opts.seed, log=True)  # too long a log? leave out log=True (section 9.7.6)
    train(os.path.join(opts.output_dir, "model-cpk"), opts)


if __name__ == "__main__":
    options.run(main)
