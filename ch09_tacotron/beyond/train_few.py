"""Beyond listing 9-17: what a few minutes of one's own recordings can teach the printed network.

    python ch09_tacotron/beyond/prepare.py --data-dir FOLDER
    python ch09_tacotron/beyond/train_few.py

The network of listing 9-16 with parts of ``parts.py`` handed in: attention that is taught where the forced alignment says that
each syllable is said, and that most utterances are also read by; scheduled sampling; utterances spliced from pieces of several
recordings; losses and attention without padding; an end symbol and silent steps behind each sentence; the post-net in each
fourth step. ``ablation.py`` measures what each of these is worth.

Reads ``training/`` of the run folder (``prepare.py``). Writes ``model-cpk/`` (checkpoints, TensorBoard events; at each checkpoint
a sentence that is trained on and a held-out one, spoken freely: ``step-N-…-audio.wav``, ``…-align.png``) and ``losses.csv``.
Ctrl-C saves and ends; the same command goes on with the very losses of the uninterrupted run. A second or two a step on
two cores.
"""

import collections
import csv
import functools
import os
import time

import numpy as np
import tensorflow as tf

from ch09_tacotron.beyond import sound
from ch09_tacotron.beyond.alignment import SPANS_FILE, read_spans
from ch09_tacotron.beyond.guided import bidirectional_gru
from ch09_tacotron.beyond.losses import GuidedTacotron, alignments_at, learning_rate
from ch09_tacotron.beyond.measures import alignment_measures
from ch09_tacotron.beyond.parts import GuidedAttention, GuidedWrapper, ScheduledSamplingHelper, StepNoise
from ch09_tacotron.beyond.utterances import batches, check_begun, read_sets
from ch09_tacotron.beyond.voice import Voice
from ch09_tacotron.code_9_10_cbhg import encoder_cbhg, post_cbhg
from ch09_tacotron.code_9_17_train import griffin_lim_iters, outputs_per_step, plot_alignment
from common import files, options, run
from common.errors import UserError

V = options.Value
VALUES = [
    V("steps", 8300, "train until this step", tiny=8, low=1, fixed=False),
    V("batch_size", 8, "utterances in a batch", tiny=4, low=1),
    V("checkpoint_interval", 250, "steps between checkpoints", tiny=4, low=1, fixed=False),
    V("log_interval", 10, "steps between lines of the log", tiny=1, low=1, fixed=False),
    V("outputs_per_step", outputs_per_step, "frames of one of at most 300 steps", low=4, high=10),
    V("init_lr", 0.001, "highest learning rate", low=0.0),
    V("warmup_steps", 300, "the learning rate rises until this step", tiny=4, low=1),
    V("hold_steps", 3000, "… and stays until this one, then falls with the root of the step", tiny=100, low=1),
    V("decay_from", 6300, "from here on it also falls in a line, to a twentieth at the end; 0: no", tiny=0, low=0),
    V("length_group", 8, "batches drawn together and sorted by length", low=1, more=True),
    V("masked_loss", True, "the losses leave out the padding of the spectrograms", more=True),
    V("mask_attention", True, "attention stays off the padding of the texts", more=True),
    V("end_symbol", True, "'~' ends every text", more=True),
    V("tail_steps", 2, "decoder steps of silence with stop token 1 behind every utterance", tiny=1, low=0, more=True),
    V("guide_weight", 0.1, "weight of the guided-attention loss", low=0.0, more=True),
    V(
        "forced_alignment",
        True,
        "attention is guided by when each syllable is said; false: along the diagonal",
        more=True,
    ),
    V(
        "forced_attention",
        0.7,
        "share of the utterances that are read where the guide is",
        low=0.0,
        high=1.0,
        more=True,
    ),
    V(
        "scheduled_sampling",
        0.8,
        "share of the decoder's own frames that it is fed",
        tiny=0.5,
        low=0.0,
        high=1.0,
        more=True,
    ),
    V(
        "scheduled_sampling_from",
        300,
        "it begins at this step and is full at twice this step",
        tiny=2,
        low=1,
        more=True,
    ),
    V("splice", 0.8, "share of the utterances that are spliced from pieces", tiny=0.5, low=0.0, high=1.0, more=True),
    V("post_interval", 4, "the post-net learns in each n-th step", tiny=2, low=1, more=True),
    V("griffin_lim_iters", griffin_lim_iters, "rounds of the samples' sound", tiny=5, low=0, fixed=False, more=True),
    V("tone_sandhi", False, "texts are to be spoken with the tones as spoken", more=True, fixed=False),
    V("sharpen", 2.0, "synthesis raises the weights of attention to this power", low=1.0, more=True),
]
LOSSES = ("loss", "mel_loss", "linear_loss", "stop_token_loss", "guide_loss", "learning_rate", "gradient_norm")
SHORT = ("mel_loss", "stop_token_loss", "guide_loss", "learning_rate")  # of a step without the post-net


def build(opts, batch, global_step):
    """The network with its parts, and its training steps, of the tensors of ``utterances.make_batch``."""
    inputs, input_lengths, linear, mel, stop, target_lengths, places = batch
    noise = StepNoise(global_step)
    started = tf.cast(global_step, tf.float32) / opts.scheduled_sampling_from - 1.0
    share = opts.scheduled_sampling * tf.clip_by_value(started, 0.0, 1.0)
    wanted = forced = chosen = None
    if opts.forced_alignment:
        wanted = alignments_at(places, input_lengths, tf.shape(inputs)[1])
        if opts.forced_attention > 0:
            forced = wanted
            chosen = noise.uniform(tf.shape(inputs)[:1], StepNoise.UTTERANCES) < opts.forced_attention
    lengths = input_lengths if opts.mask_attention else None
    attention = functools.partial(GuidedAttention, lengths=lengths, forced=forced, chosen=chosen)

    def post(mel_outputs, *arguments):
        if opts.post_interval > 1:  # then it does not teach the decoder either
            mel_outputs = tf.stop_gradient(mel_outputs)
        return post_cbhg(mel_outputs, *arguments, rnn=bidirectional_gru)

    with tf.variable_scope("model"):
        model = GuidedTacotron(
            inputs,
            input_lengths,
            sound.num_mels,
            opts.outputs_per_step,
            sound.num_freq,
            linear,
            mel,
            stop,
            encoder=functools.partial(encoder_cbhg, rnn=bidirectional_gru),
            wrapper=functools.partial(GuidedWrapper, attention=attention, dropout=noise.dropout, noise=noise),
            training_helper=functools.partial(ScheduledSamplingHelper, share=share, noise=noise),
            post=post,
            dropout=noise.dropout,
        )
        rate = learning_rate(opts.init_lr, global_step, opts.warmup_steps, opts.hold_steps, opts.decay_from, opts.steps)
        model.build_training(
            global_step, rate, target_lengths, opts.outputs_per_step, wanted, opts.guide_weight, opts.masked_loss
        )
    return model


def summary(scalars, pictures=None, sounds=None):
    """A TensorBoard summary of numbers, PNG files and wav files (name → value or path)."""
    values = [tf.Summary.Value(tag=name, simple_value=float(value)) for name, value in scalars.items()]
    for name, path in (pictures or {}).items():
        image = tf.Summary.Image(encoded_image_string=files.read_bytes(path))
        values.append(tf.Summary.Value(tag=name, image=image))
    for name, path in (sounds or {}).items():
        audio = tf.Summary.Audio(
            sample_rate=sound.sample_rate,
            num_channels=1,
            encoded_audio_string=files.read_bytes(path),
            content_type="audio/wav",
        )
        values.append(tf.Summary.Value(tag=name, audio=audio))
    return tf.Summary(value=values)


def speak_samples(voice, samples, folder, step, record, writer, griffin_lim_iters):
    """A known and a held-out sentence, spoken freely: files, lines of the log, metrics of the record."""
    metrics, pictures, sounds = {}, {}, {}
    record.content["files"] = []
    for kind, row in samples:
        wave, alignment, stopped, mel = voice.speak(row[3], griffin_lim_iters)
        title = "free-running, %s sentence" % kind
        name = os.path.join(folder, "step-%d-%s-" % (step, kind))
        sounds[title] = sound.save_wav(wave, name + "audio.wav")
        pictures[title] = name + "align.png"
        plot_alignment(alignment, pictures[title], "%s, step %d\n%s" % (title, step, row[3][:90]))
        measures = alignment_measures(alignment)
        metrics.update({"%s %s" % (title, key): float(measures[key]) for key in ("sharpness", "reach")})
        metrics[title + " stopped"] = float(stopped)
        print(
            "    %s: %d frames (recording: %d), %s; attention: peak %.2f, reach %.2f, monotonic %s, complete %s"
            % (
                title,
                len(mel),
                row[2],
                "stopped by itself" if stopped else "did not stop",
                measures["sharpness"],
                measures["reach"],
                measures["monotonic"],
                measures["complete"],
            ),
            flush=True,
        )
        zh = "训练过的句子" if kind == "trained" else "留出的句子"
        record.file(sounds[title], "sound", "Tacotron, %s, step %d" % (title, step), "%s，第 %d 步" % (zh, step))
        record.file(pictures[title], "picture", "Attention, %s, step %d" % (title, step), "注意力对齐图（%s）" % zh)
    writer.add_summary(summary(metrics, pictures, sounds), step)
    writer.flush()
    for title, value in metrics.items():
        record.metric(title, round(value, 4))


def train(opts):
    """Trains until ``opts.steps`` and writes the record."""
    if opts.tail_steps and not opts.masked_loss:
        raise UserError("--tail-steps needs --masked-loss: it lies behind what is not masked")
    if opts.forced_attention > 0 and not opts.forced_alignment:
        raise UserError("--forced-attention needs --forced-alignment")
    training_dir = os.path.join(opts.output_dir, "training")
    sets = read_sets(training_dir)
    spans = None
    if opts.forced_alignment or opts.splice > 0:
        spans = read_spans(os.path.join(training_dir, SPANS_FILE), sets["trained"])
        if spans is None:
            raise UserError(
                "%s does not say when the syllables are said: run ch09_tacotron/beyond/prepare.py with --align"
                % os.path.join(training_dir, SPANS_FILE)
            )
    with run.Run(opts, checkpoints="model-cpk") as this:
        check_begun(this.folder, training_dir, bool(run.checkpoints(this.checkpoint_dir)))
        data = options.load_settings(training_dir, "ch09_tacotron/beyond/prepare.py", "spectrograms")["data"]
        record = this.record(listing="beyond listing 9-17", data=data)
        made = max(map(run.step_of, run.checkpoints(this.checkpoint_dir)), default=0)
        if made >= opts.steps and os.path.exists(record.path):
            print("all %d steps were made before: %s stays as it is" % (opts.steps, record.path))
            return
        first_batch = tf.placeholder(tf.int64, [], "first_batch")
        dataset = batches(os.path.join(training_dir, "train.txt"), opts, first_batch, spans)
        iterator = dataset.make_initializable_iterator()
        global_step = tf.train.get_or_create_global_step()
        model = build(opts, iterator.get_next(), global_step)
        saver = tf.train.Saver(max_to_keep=5, keep_checkpoint_every_n_hours=2)
        voice = Voice(settings=options.run_settings(opts), threads=opts.threads)
        samples = [(kind, rows[0]) for kind, rows in sets.items()]
        losses_path = os.path.join(opts.output_dir, "losses.csv")
        window = collections.deque(maxlen=100)
        with tf.Session(config=run.session_config(opts.threads)) as session:
            session.run(tf.global_variables_initializer())
            done = this.restore(saver, session)
            session.run(iterator.initializer, {first_batch: done})
            run.keep_rows_until(losses_path, done)
            writer = tf.summary.FileWriter(this.checkpoint_dir)
            full_fetches = [model.optimize, [getattr(model, name) for name in LOSSES]]
            short_fetches = [model.decoder_optimize, [getattr(model, name) for name in SHORT]]
            step = saved = done
            with open(losses_path, "a" if done else "w", encoding="utf-8", newline="") as stream:
                losses_file = csv.writer(stream)
                if stream.tell() == 0:
                    losses_file.writerow(["step", "seconds"] + list(LOSSES))
                for number in this.steps(done, opts.steps):
                    start = time.time()
                    full = number % opts.post_interval == 0
                    _, values = session.run(full_fetches if full else short_fetches)
                    step = number + 1
                    current = dict(zip(LOSSES if full else SHORT, values))
                    this.check(step, limit=100, loss=current.get("loss", current["mel_loss"]))
                    window.append(time.time() - start)
                    row = ["%.8g" % current[name] if name in current else "" for name in LOSSES]
                    losses_file.writerow([step, "%.3f" % window[-1]] + row)
                    if step % opts.log_interval == 0 or step == opts.steps:
                        stream.flush()
                        shown = " ".join("%s %.4f" % (name[:-5], current[name]) for name in SHORT[:3])
                        print("Step %-7d [%.3f sec/step] %s" % (step, np.mean(window), shown), flush=True)
                        writer.add_summary(summary(dict(current, seconds_per_step=np.mean(window))), step)
                    if step % opts.checkpoint_interval == 0 or step == opts.steps:
                        stream.flush()
                        saved = step
                        voice.restore(this.save(saver, session, step, "model.ckpt"))
                        speak_samples(voice, samples, this.checkpoint_dir, step, record, writer, opts.griffin_lim_iters)
            if saved != step:
                this.save(saver, session, step, "model.ckpt")
            elif step == done >= opts.steps:  # killed between the last checkpoint and the record
                voice.restore(os.path.join(this.checkpoint_dir, "model.ckpt-%d" % step))
                speak_samples(voice, samples, this.checkpoint_dir, step, record, writer, opts.griffin_lim_iters)
            writer.close()
    record.metric("step", step)
    if window:
        record.metric("seconds a step", round(float(np.median(window)), 3))
    record.save()


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, base="cpu")
    run.start(opts.seed)
    train(opts)


if __name__ == "__main__":
    options.run(main)
