"""Section 9.8.6: hybrid attention taken apart: by content, by place, by both; smoothed; all alignments so far or the last.

Trains the printed network once for each kind, for the same few hundred steps on the same recordings, and shows where each
attends to. The post-net, which attention has nothing to do with, is left out (``post=``).

Reads   training/ of the run folder (``code_9_09_preprocess.py`` with the same ``--preset``).
Writes  attention.png, a record. An hour and more on two cores; preset tiny a minute. Next: ext_9_8_14_pinyin.py.
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
from common import options, records, run
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
FIRST_STEP = 2000  # the count begins half way up the printed warm-up of 4000 steps, which a few hundred would not leave
VALUES = [
    options.Value("steps", 300, "training steps of each kind", tiny=2, low=1),
    options.Value("batch", 8, "sentences in a batch", tiny=2, low=1),
    options.Value("kinds", list(KINDS), "those that are trained", choices=list(KINDS), tiny=["content", "both"]),
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


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    data = options.load_settings(os.path.join(opts.output_dir, "training"), "ch09_tacotron/code_9_09_preprocess.py")
    record = records.Record(opts, opts.script, "section 9.8.6", data["data"])
    figure, all_axes = plt.subplots(1, len(opts.kinds), figsize=(3.2 * len(opts.kinds), 3.6), squeeze=False)
    rows = []
    for axes, kind in zip(all_axes[0], opts.kinds):
        alignment, text, loss = trained_alignment(opts, kind)
        places = alignment.argmax(axis=0)
        rows.append([kind, round(loss, 4), round(float(alignment.max(axis=0).mean()), 3), int(np.ptp(places)) + 1])
        axes.imshow(alignment, aspect="auto", origin="lower", interpolation="none")
        axes.set_title(kind)
        axes.set_xlabel("Decoder timestep")
    all_axes[0][0].set_ylabel("Encoder timestep")
    columns = ["attention", "loss", "mean of the largest weight", "symbols between its ends"]
    for row in [columns] + rows:
        print("%-10s %-8s %-27s %s" % tuple(row))
    record.table("Attention after %d steps" % opts.steps, columns, rows, "first sentence: " + text)
    path = save_figure(figure, os.path.join(opts.output_dir, "attention.png"))
    record.file(path, "picture", "Attention by content, place, both, after %d steps" % opts.steps, "各种注意力的对齐图")
    record.save()


if __name__ == "__main__":
    options.run(main)
