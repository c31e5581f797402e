"""Section 9.8.6: hybrid attention taken apart: by content, by place, by both; smoothed; all alignments so far or the last.

Trains the printed network once for each kind, for the same few hundred steps on the same recordings, and shows where each
attends to. The post-net, which attention has nothing to do with, is left out (``post=``). ``--voice`` trains nothing: the voice
that ships, which learnt with the printed kind, speaks a sentence with each kind in its place, and shows what it leans on.

Reads   training/ of the run folder (``code_9_09_preprocess.py`` with the same ``--preset``); with --voice the shipped weights.
Writes  attention.png, a record. An hour and more on two cores; preset tiny, and --voice, a minute. Next: ext_9_8_14_pinyin.py.
"""

import functools
import os

import numpy as np
import tensorflow as tf

from ch09_tacotron import code_9_11_attention as attention
from ch09_tacotron import code_9_12_decoder_wrapper as rnnwrapper
from ch09_tacotron import code_9_15_dataset as cn_dataset
from ch09_tacotron import code_9_16_tacotron as tacotron
from ch09_tacotron import code_9_17_train as train
from ch09_tacotron.ext_9_8_4_cbhg import SHIPPED, ids_of
from common import options, records, run, weights
from common.plotting import plt, save_figure

LocationSensitiveAttention = attention.LocationSensitiveAttention


class ContentAttention(LocationSensitiveAttention):
    """Looks at what is said, never at where it has been."""

    def __call__(self, query, state):
        alignments, _ = super().__call__(query, tf.zeros_like(state))
        return alignments, alignments + state


class PlaceAttention(LocationSensitiveAttention):
    """Looks at where it has been, never at what is said."""

    def __init__(self, num_units, memory):
        super().__init__(num_units, memory)
        self._keys = tf.zeros_like(self._keys)

    def __call__(self, query, state):
        return super().__call__(tf.zeros_like(query), state)


KINDS = {
    "content": ContentAttention,
    "place": PlaceAttention,
    "both": LocationSensitiveAttention,  # as printed
    "smoothed": functools.partial(LocationSensitiveAttention, smoothing=True),
    "last": functools.partial(LocationSensitiveAttention, cumulate_weights=False),
}
LIMIT = 300  # decoder steps at which listing 9-16 gives up
FIRST_STEP = 2000  # the count begins half way up the printed warm-up of 4000 steps, which a few hundred would not leave
VALUES = [
    options.Value("steps", 300, "training steps of each kind", tiny=2, low=1),
    options.Value("batch", 8, "sentences in a batch", tiny=2, low=1),
    options.Value("voice", False, "ask the voice that ships, train nothing"),
    options.Value("sentence", "jin1 tian1 tian1 qi4 hen3 hao3 wo3 men5 chu1 qu4 wanr2", "what --voice says"),
    options.Value("kinds", list(KINDS), "those that are compared", choices=list(KINDS), tiny=["content", "both"]),
]


def trained_alignment(opts, kind):
    """Trains one kind; returns (alignment ``[symbols, steps]`` of the first sentence, its text, loss of the last step)."""
    run.start(opts.seed)
    metadata = os.path.join(opts.output_dir, "training", "train.txt")
    seq, seqlen, linear, mel, stop = cn_dataset.mydataset(metadata, train.outputs_per_step, opts.batch)
    for tensor, depth in ((linear, train.num_freq), (mel, train.num_mels)):
        tensor.set_shape([None, None, depth])
    stop.set_shape([None, None])
    model = tacotron.Tacotron(
        seq,
        seqlen,
        train.num_mels,
        train.outputs_per_step,
        train.num_freq,
        linear,
        mel,
        stop,
        wrapper=functools.partial(rnnwrapper.TacotronDecoderwrapper, attention=KINDS[kind]),
        post=lambda mel_outputs, *unused: mel_outputs,
    )
    model.buildTrainModel(train.sample_rate, train.num_freq, tf.Variable(FIRST_STEP, trainable=False))
    shown = cn_dataset.mydataset(metadata, train.outputs_per_step, opts.batch, mode="test")
    with tf.Session(config=run.session_config(opts.threads)) as sess:
        sess.run(tf.global_variables_initializer())
        first = sess.run(shown)
        for _ in run.progress(range(opts.steps), desc=kind, unit="step"):
            loss, _ = sess.run([model.loss, model.optimize])
        feed = dict(zip((seq, seqlen, linear, mel, stop), first))
        alignment = sess.run(model.alignments, feed)[0]
    ids, length, stop_frames = first[0][0], first[1][0], first[4][0]
    steps = int(np.ceil((stop_frames == 0).sum() / train.outputs_per_step))
    return alignment[:length, :steps], cn_dataset.sequence_to_text(ids[:length]), float(loss)


def asked(opts, kind):
    """The shipped voice with another attention; (alignment ``[symbols, steps]`` of ``opts.sentence``, whether it stopped)."""
    run.start(opts.seed)
    values, settings = weights.load(SHIPPED, "voice")
    ids = ids_of(opts.sentence) + ([cn_dataset.index_symbols["~"]] if settings["end_symbol"] else [])
    with tf.variable_scope("model"):
        model = tacotron.Tacotron(
            tf.constant([ids]),
            tf.constant([len(ids)]),
            train.num_mels,
            settings["outputs_per_step"],
            train.num_freq,
            wrapper=functools.partial(rnnwrapper.TacotronDecoderwrapper, attention=KINDS[kind]),
            post=lambda mel_outputs, *unused: mel_outputs,
        )
    with tf.Session(config=run.session_config(opts.threads)) as sess:
        # what lies behind the post-net, which is left out, has another name or another shape here
        fitting = [(v, values[v.op.name]) for v in tf.global_variables() if v.op.name in values]
        fitting = [(v, value) for v, value in fitting if v.shape.as_list() == list(value.shape)]
        sess.run(tf.global_variables_initializer())
        weights.assign(sess, fitting)
        alignments, steps = sess.run([model.alignments, model.sequence_lengths])
    return alignments[0][:, : steps[0]], bool(steps[0] < LIMIT)


def ask(opts):
    """Each kind in the shipped voice's place: (alignments, columns, rows, note)."""
    alignments, rows = {}, []
    for kind in opts.kinds:
        alignment, stopped = asked(opts, kind)
        places = alignment.argmax(axis=0)
        moves = np.diff(places)
        reached = len(set(places)) / float(len(alignment))
        forward = float(np.mean((moves >= 0) & (moves <= 3))) if len(moves) else 0.0
        rows.append([kind, stopped, alignment.shape[1], round(reached, 3), round(forward, 3)])
        rows[-1].append(round(float(alignment.max(axis=0).mean()), 3))
        alignments[kind] = alignment
    columns = ["attention", "stopped by itself", "decoder steps", "symbols looked at (share)"]
    columns += ["steps that stay or go on by at most 3 symbols (share)", "mean of the largest weight"]
    return alignments, columns, rows, "one sentence: " + opts.sentence


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    if opts.voice:
        record = records.Record(opts, opts.script + "-voice", "section 9.8.6", "the voice that ships")
        record.shipped_weights()
        alignments, columns, rows, note = ask(opts)
        publish(opts, record, alignments, columns, rows, "Other attention in the trained voice's place", note)
        return
    data = options.load_settings(
        os.path.join(opts.output_dir, "training"), "ch09_tacotron/code_9_09_preprocess.py", "spectrograms"
    )
    record = records.Record(opts, opts.script, "section 9.8.6", data["data"])
    alignments, rows = {}, []
    for kind in opts.kinds:
        alignment, text, loss = trained_alignment(opts, kind)
        places = alignment.argmax(axis=0)
        rows.append([kind, round(loss, 4), round(float(alignment.max(axis=0).mean()), 3), int(np.ptp(places)) + 1])
        alignments[kind] = alignment
    columns = ["attention", "loss", "mean of the largest weight", "symbols between its ends"]
    publish(opts, record, alignments, columns, rows, "Attention after %d steps" % opts.steps, "first sentence: " + text)


def publish(opts, record, alignments, columns, rows, title, note):
    """Shows the table and draws the alignments side by side."""
    for row in [columns] + rows:
        print("  ".join("%-9s" % item for item in row))
    record.table(title, columns, rows, note)
    figure, all_axes = plt.subplots(1, len(alignments), figsize=(3.2 * len(alignments), 3.6), squeeze=False)
    for axes, (kind, alignment) in zip(all_axes[0], alignments.items()):
        axes.imshow(alignment, aspect="auto", origin="lower", interpolation="none")
        axes.set_title(kind)
        axes.set_xlabel("Decoder timestep")
    all_axes[0][0].set_ylabel("Encoder timestep")
    path = save_figure(figure, os.path.join(opts.output_dir, "attention.png"))
    record.file(path, "picture", title, "各种注意力的对齐图")
    record.save()


if __name__ == "__main__":
    options.run(main)
