"""Listing 9-17 (section 9.8.13): trains Tacotron.

Reads ``training/`` of the output folder (made by ``code_9_09_preprocess.py`` with the same ``--preset``). Writes below the
output folder: ``model-cpk/`` (checkpoints, TensorBoard events; at each checkpoint the print's teacher-forced
``step-N-audio.wav`` and ``step-N-align.png``, and free-running ``step-N-free-…`` ones), ``losses.csv``, ``settings.json``.
Goes on from the newest checkpoint; Ctrl-C saves and ends.

On two cores: preset ``tiny`` under a minute (generated tones: wiring, not speech); ``cpu`` nearly three hours (see
the README for what it has learnt by then); ``book`` days. Next: ``ext_9_8_13_evaluate.py`` and ``ext_9_8_14_speak.py``.
"""

import collections
import csv
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import tensorflow as tf

# Section 9.8.13. griffin_lim_iters, power, _db_to_amp, _denormalize, inv_preemphasis, _griffin_lim, inv_spectrogram and
# save_wav of this listing stand in audio.py.
from ch09_tacotron.audio import griffin_lim_iters, inv_spectrogram, num_freq, num_mels, sample_rate, save_wav
from ch09_tacotron.code_9_15_dataset import load_utterance, make_batch, mydataset, read_metadata, sequence_to_text
from ch09_tacotron.code_9_16_tacotron import Tacotron
from ch09_tacotron.forced_alignment import SPANS_FILE, read_spans
from ch09_tacotron.measures import alignment_measures
from common import options, records, training
from common.errors import UserError
from common.plotting import plt, save_figure

outputs_per_step = 5
batch_size = 32
checkpoint_interval = 1000
init_lr = 0.001

PRESETS = {
    "book": dict(
        steps=12000,
        batch_size=batch_size,
        outputs_per_step=outputs_per_step,
        checkpoint_interval=checkpoint_interval,
        log_interval=1,
        init_lr=init_lr,
        warmup_steps=4000,
        hold_steps=4000,
        decay_from=0,
        length_group=8,
        masked_loss=False,
        mask_attention=False,
        end_symbol=False,
        tail_steps=0,
        stop_weight=1.0,
        guide_weight=0.0,
        guide_sigma=0.2,
        feed_back=0.0,
        feed_back_from=500,
        post_interval=1,
        guide_by="text",
        give_attention=0.0,
        sharpen=1.0,
        splice=0.0,
    ),
    "cpu": dict(
        steps=8300,
        batch_size=8,
        checkpoint_interval=250,
        log_interval=10,
        warmup_steps=300,
        hold_steps=3000,
        decay_from=6300,
        masked_loss=True,
        mask_attention=True,
        end_symbol=True,
        tail_steps=2,
        guide_weight=0.1,
        feed_back=0.8,
        feed_back_from=300,
        post_interval=4,
        guide_by="recording",
        give_attention=0.7,
        sharpen=2.0,
        splice=0.8,
    ),
    "tiny": dict(
        steps=8,
        batch_size=4,
        checkpoint_interval=4,
        log_interval=1,
        warmup_steps=4,
        hold_steps=100,
        masked_loss=True,
        mask_attention=True,
        end_symbol=True,
        tail_steps=1,
        guide_weight=0.1,
        feed_back=0.5,
        feed_back_from=2,
        post_interval=2,
        guide_by="recording",
        give_attention=0.7,
        splice=0.5,
    ),
}
HELP = dict(
    steps="train until this step",
    outputs_per_step="frames of a decoder step (the reduction factor r)",
    checkpoint_interval="steps between checkpoints",
    log_interval="steps between lines of the log",
    init_lr="highest learning rate",
    warmup_steps="the learning rate rises until this step",
    hold_steps="... and stays until this one, then falls with the root of the step",
    decay_from="Extra: from this step on the learning rate also falls in a straight line, to a twentieth at the last; 0: no",
    length_group="Extra: batches drawn together and sorted by length; 1: plain shuffling",
    masked_loss="Extra: the losses leave out the padding of the spectrograms",
    mask_attention="Extra: attention stays off the padding of the texts",
    end_symbol="Extra: '~' ends every text",
    tail_steps="Extra: decoder steps of silence with stop token 1 behind every utterance",
    stop_weight="Extra: weight of the stop frames in the stop-token loss",
    guide_weight="Extra: weight of the guided-attention loss",
    guide_sigma="Extra: width of the band that it leaves free",
    feed_back="Extra: share of the decoder's own frames fed in training",
    post_interval="Extra: above 1, the linear loss is computed in each n-th step only, and does not teach the decoder",
    feed_back_from="Extra: that share begins at this step and is full at twice this step",
    guide_by="Extra: attention is guided evenly through the text (text, as in the paper) or by when each syllable is said in the"
    " recording (recording; code_9_09_preprocess.py --align finds out)",
    give_attention="Extra: share of the utterances that the decoder reads where the guide is, not where its attention is",
    sharpen="Extra: synthesis raises the weights of attention to this power (training does not)",
    splice="Extra: share of the utterances that are put together out of pieces of the recordings (splicing.py); needs --align",
)
LOSSES = ("loss", "mel_loss", "linear_loss", "stop_token_loss", "guide_loss", "learning_rate", "gradient_norm")


def time_string():
    return time.strftime("%Y-%m-%d %H:%M", time.localtime())


def plot_alignment(alignment, path, info=None):
    """Saves a picture of ``alignment`` [T_in, steps] (section 9.8.13)."""
    figure, axes = plt.subplots(figsize=(7, 5))
    image = axes.imshow(alignment, aspect="auto", origin="lower", interpolation="none", vmin=0.0)
    figure.colorbar(image, ax=axes, label="attention weight")
    axes.set_xlabel("decoder step" + ("\n" + info if info else ""))
    axes.set_ylabel("symbol of the text")
    axes.set_title("Which symbol each decoder step attends to")
    return save_figure(figure, path)  # Erratum E34: the print leaves each figure open


def synthesis_model(settings):
    """The network for synthesis: placeholders ``inputs`` [B, T_in] and ``input_lengths`` [B], no targets."""
    return Tacotron(
        tf.placeholder(tf.int32, [None, None], "inputs"),
        tf.placeholder(tf.int32, [None], "input_lengths"),
        num_mels,
        settings["outputs_per_step"],
        num_freq,
        mask_attention=settings["mask_attention"],
        sharpen=settings.get("sharpen", 1.0),  # a run from before there was a choice has none
    )


def free_running(session, model, inputs, input_lengths):
    """Speaks a batch of texts without any target.

    Returns:
      A list of (linear ``[T, 1025]``, mel ``[T, 80]``, alignment ``[length, steps]``, whether it stopped by itself).
    """
    linear, mel, alignments, steps, stop = session.run(
        [model.linear_outputs, model.mel_outputs, model.alignments, model.output_steps, model.stop_token_outputs],
        {model.inputs: inputs, model.input_lengths: input_lengths},
    )
    r = model.outputs_per_step
    results = []
    for i, length in enumerate(input_lengths):
        frames = int(steps[i]) * r
        stopped = bool(np.any(np.rint(stop[i, max(0, frames - r) : frames])))
        results.append((linear[i, :frames], mel[i, :frames], alignments[i, :length, : steps[i]], stopped))
    return results


def _summary(scalars=None, pictures=None, sounds=None):
    """A TensorBoard summary of numbers, PNG files and wav files (name → value or path)."""
    values = [tf.Summary.Value(tag=name, simple_value=float(value)) for name, value in (scalars or {}).items()]
    for name, path in (pictures or {}).items():
        with open(path, "rb") as stream:
            values.append(tf.Summary.Value(tag=name, image=tf.Summary.Image(encoded_image_string=stream.read())))
    for name, path in (sounds or {}).items():
        with open(path, "rb") as stream:
            sound = tf.Summary.Audio(
                sample_rate=sample_rate, num_channels=1, encoded_audio_string=stream.read(), content_type="audio/wav"
            )
        values.append(tf.Summary.Value(tag=name, audio=sound))
    return tf.Summary(value=values)


def _keep_losses_until(path, step):
    """Drops the lines of ``losses.csv`` behind the checkpoint that training goes on from; writes the head if new."""
    lines = [["step", "seconds"] + list(LOSSES)]
    if os.path.exists(path):
        with open(path, encoding="utf-8", newline="") as stream:
            lines += [line for line in list(csv.reader(stream))[1:] if line and int(line[0]) <= step]
    with open(path, "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(lines)


def final_decay(global_step, decay_from, steps):
    """Extra: 1 until step ``decay_from``, then down in a straight line to 1/20 at the last step; with 0 always 1."""
    if not decay_from:
        return 1.0
    left = tf.cast(steps - 1 - global_step, tf.float32) / max(1, steps - 1 - decay_from)
    return tf.clip_by_value(left, 0.05, 1.0)


def train(opts):
    """Trains until ``opts.steps`` (section 9.8.13); returns the metrics of the last checkpoint and the sample files."""
    training_dir = os.path.join(opts.output_dir, "training")
    metadata_filename = os.path.join(training_dir, "train.txt")
    rows = read_metadata(metadata_filename)
    heldout_filename = os.path.join(training_dir, "heldout.txt")
    heldout = (
        read_metadata(heldout_filename)
        if os.path.exists(heldout_filename) and os.path.getsize(heldout_filename)
        else []
    )
    spans = None
    if opts.guide_by == "recording" or opts.splice > 0:  # Extra
        spans = read_spans(os.path.join(training_dir, SPANS_FILE), rows)
        if spans is None:
            raise UserError(
                "%s does not say when the syllables of %s are said: run ch09_tacotron/code_9_09_preprocess.py with --align"
                % (os.path.join(training_dir, SPANS_FILE), metadata_filename)
            )
    log_dir = os.path.join(opts.output_dir, "model-cpk")
    os.makedirs(log_dir, exist_ok=True)
    settings = {key: getattr(opts, key) for key in PRESETS["book"]}
    options.save_settings(opts.output_dir, dict(settings, preset=opts.preset, seed=opts.seed))

    first_batch = tf.placeholder(tf.int64, [], "first_batch")
    dataset = mydataset(
        metadata_filename,
        opts.outputs_per_step,
        opts.batch_size,
        seed=opts.seed,
        group=opts.length_group,
        first_batch=first_batch,
        end_symbol=opts.end_symbol,
        tail_steps=opts.tail_steps,
        spans=spans,
        splice=opts.splice,
    )
    iterator = dataset.make_initializable_iterator()
    inputs, input_lengths, linear_targets, mel_targets, stop_token_targets, target_lengths, places = iterator.get_next()

    global_step = tf.train.get_or_create_global_step()
    feed_back = 0.0
    if opts.feed_back > 0:
        ramp = tf.cast(global_step - opts.feed_back_from, tf.float32) / max(1, opts.feed_back_from)
        feed_back = opts.feed_back * tf.clip_by_value(ramp, 0.0, 1.0)
    with tf.variable_scope("tacotron"):
        model = Tacotron(
            inputs,
            input_lengths,
            num_mels,
            opts.outputs_per_step,
            num_freq,
            linear_targets,
            mel_targets,
            stop_token_targets,
            target_lengths=target_lengths,
            places=places if opts.guide_by == "recording" else None,
            mask_attention=opts.mask_attention,
            feed_back=feed_back,
            step=global_step + 1000003 * opts.seed,
            detach_post=opts.post_interval > 1,
            give_attention=opts.give_attention,
        )
    model.buildTrainModel(
        sample_rate,
        num_freq,
        global_step,
        opts.init_lr,
        opts.warmup_steps,
        opts.hold_steps,
        opts.masked_loss,
        opts.stop_weight,
        opts.guide_weight,
        opts.guide_sigma,
        learning_rate_factor=final_decay(global_step, opts.decay_from, opts.steps),
    )
    with tf.variable_scope("tacotron", reuse=True):
        speaker = synthesis_model(settings)
    # Extra: at each checkpoint one sentence that is trained on and one that is not are spoken freely
    samples = [("trained", rows[0])] + [("unseen", row) for row in heldout[:1]]
    saver = tf.train.Saver(max_to_keep=5, keep_checkpoint_every_n_hours=2)
    losses_path = os.path.join(opts.output_dir, "losses.csv")
    # Erratum E35: windows of 100 steps; the print's grow for ever, so its average is over the whole history
    time_window, loss_window = collections.deque(maxlen=100), collections.deque(maxlen=100)
    metrics, files = {}, {}

    with tf.Session(config=training.session_config(opts.threads)) as session:
        session.run(tf.global_variables_initializer())
        restored = training.restore_newest(saver, session, log_dir)
        step = int(session.run(global_step))
        print("resuming from %s" % restored if restored else "training anew in %s" % log_dir)
        session.run(iterator.initializer, {first_batch: step})
        _keep_losses_until(losses_path, step)
        writer = tf.summary.FileWriter(log_dir, session.graph if not restored else None)
        fetches = [model.train_op, [getattr(model, name) for name in LOSSES]]
        # Extra: a step without the linear part (--post-interval) has no total loss
        short_losses = ("mel_loss", "stop_token_loss", "guide_loss", "learning_rate")
        short_fetches = [model.decoder_train_op, [getattr(model, name) for name in short_losses]]
        show = [inputs[0], input_lengths[0], model.alignments[0], model.linear_outputs[0], target_lengths[0]]
        bar = training.progress(total=opts.steps, initial=step, desc="training", unit="step")
        with training.StopSignals() as stop, open(losses_path, "a", encoding="utf-8", newline="") as losses_file:
            while step < opts.steps and not stop.requested:
                start_time = time.time()
                at_checkpoint = (step + 1) % opts.checkpoint_interval == 0 or step + 1 == opts.steps
                full = step % opts.post_interval == 0
                (_, values), shown = session.run([fetches if full else short_fetches, show if at_checkpoint else []])
                step += 1
                bar.update(1)
                current = dict(zip(LOSSES if full else short_losses, values))
                # Erratum E40: an error ends the script with status 2 or a traceback; the print's catch-all ends with 0
                training.check_loss(current.get("loss", current["mel_loss"]), step, limit=100)
                time_window.append(time.time() - start_time)
                if full:
                    loss_window.append(current["loss"])
                row = ["%.8g" % current[name] if name in current else "" for name in LOSSES]
                csv.writer(losses_file).writerow([step, "%.3f" % time_window[-1]] + row)
                if step % opts.log_interval == 0 or at_checkpoint:
                    losses_file.flush()
                    print(
                        "Step %-7d [%.3f sec/step, loss=%.5f, avg_loss=%.5f] %s"
                        % (
                            step,
                            np.mean(time_window),
                            loss_window[-1] if loss_window else np.nan,
                            np.mean(loss_window) if loss_window else np.nan,
                            " ".join("%s %.4f" % (name[:-5], current[name]) for name in LOSSES[1:5] if name in current),
                        ),
                        flush=True,
                    )
                    writer.add_summary(_summary(dict(current, seconds_per_step=np.mean(time_window))), step)
                if at_checkpoint:
                    saver.save(session, os.path.join(log_dir, "model.ckpt"), global_step=step)
                    metrics, files = _show_progress(
                        opts, session, speaker, samples, training_dir, log_dir, step, current["mel_loss"], shown, writer
                    )
            if stop.requested and step and not os.path.exists(os.path.join(log_dir, "model.ckpt-%d.index" % step)):
                saver.save(session, os.path.join(log_dir, "model.ckpt"), global_step=step)
                print("saved at step %d" % step)
        bar.close()
        writer.close()
    stop.leave()
    metrics.update(step=step)
    if loss_window:
        metrics.update(avg_loss=float(np.mean(loss_window)), seconds_per_step=float(np.median(time_window)))
    return metrics, files


def _show_progress(opts, session, speaker, samples, training_dir, log_dir, step, mel_loss, shown, writer):
    """The print's teacher-forced wave and alignment, and the free-running ones; returns (metrics, files)."""
    inputs, length, alignment, linear, frames = shown
    metrics, pictures, sounds = {}, {}, {}

    def show(name, title, text, alignment, linear):
        measures = alignment_measures(alignment)
        for key in ("sharpness", "reach", "monotonic", "complete"):
            metrics["%s %s" % (title, key)] = float(measures[key])
        sounds[title] = os.path.join(log_dir, "step-%d-%saudio.wav" % (step, name))
        save_wav(inv_spectrogram(linear.T, griffin_lim_iters), sounds[title])
        info = "%s, step %d, mel loss %.4f\n%s" % (title, step, mel_loss, text[:90])
        pictures[title] = plot_alignment(alignment, os.path.join(log_dir, "step-%d-%salign.png" % (step, name)), info)
        return measures

    decoder_steps = -(-int(frames) // opts.outputs_per_step)
    text = sequence_to_text(inputs[:length])
    show("", "teacher-forced", text, alignment[:length, :decoder_steps], linear[:frames])
    for name, row in samples:
        batch_inputs, batch_lengths = make_batch(
            [load_utterance(training_dir, row)], opts.outputs_per_step, opts.end_symbol
        )[:2]
        linear, _, alignment, stopped = free_running(session, speaker, batch_inputs, batch_lengths)[0]
        title = "free-running, %s text" % name
        measures = show("free-%s-" % name, title, row[3], alignment, linear)
        metrics[title + " stopped"] = float(stopped)
        print(
            "    %s: %d frames (recording: %d), %s; attention: peak %.2f, reach %.2f, monotonic %s, complete %s"
            % (
                title,
                len(linear),
                row[2],
                "stopped by itself" if stopped else "did not stop",
                measures["sharpness"],
                measures["reach"],
                measures["monotonic"],
                measures["complete"],
            ),
            flush=True,
        )
    writer.add_summary(_summary(metrics, pictures, sounds), step)
    writer.flush()
    return metrics, dict(pictures=pictures, sounds=sounds)


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="tacotron", argv=argv, help_texts=HELP)
    training.start(opts.seed)
    if opts.tail_steps and not opts.masked_loss:
        raise UserError("--tail-steps needs --masked-loss")
    if opts.give_attention > 0 and opts.guide_by != "recording":
        raise UserError("--give-attention needs --guide-by recording")
    if opts.guide_by not in ("text", "recording"):
        raise UserError("--guide-by is %s; it can be text or recording" % opts.guide_by)
    record = records.Record(
        opts, "code_9_17_train", "listing 9-17", data=""
    )  # made here: it measures the time from now
    metrics, files = train(opts)
    prepared = options.load_settings(os.path.join(opts.output_dir, "training"), "ch09_tacotron/code_9_09_preprocess.py")
    record.content["data"] = prepared["data"]
    for name, value in sorted(metrics.items()):
        record.metric(
            name, round(value, 5), printed={"avg_loss": "0.056 at step 11,060", "seconds_per_step": "4.4"}.get(name)
        )
    for title, path in files.get("sounds", {}).items():
        record.file(
            path,
            "sound",
            "Tacotron, %s, step %d" % (title, metrics["step"]),
            "Tacotron 合成语音，第 %d 步" % metrics["step"],
        )
    for title, path in files.get("pictures", {}).items():
        record.file(
            path,
            "picture",
            "Attention, %s, step %d" % (title, metrics["step"]),
            "注意力对齐图，第 %d 步" % metrics["step"],
        )
    record.save()


if __name__ == "__main__":
    options.run(main)
