"""Trains the voice: the printed network (listings 9-10 … 9-16, r = 5), in the order in which it learns fastest.

    python ch09_tacotron/beyond/train.py --preset voice --training-dir … --output-dir …

1. *Frames*: attention is given by the forced alignment (``beyond/alignment.py``), true frames are fed, each dropped with
   probability 0.5; prenets' dropout 0.2; statistics of batch norm leave padding out. Attention and stop token learn beside it.
2. *Own*: a second pass over the same utterance reads the first pass's frames and attention, as in synthesis.
3. *Post-net*: mel to linear frames, on pieces of utterances.
"""

import csv
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import numpy as np
import tensorflow as tf

from ch09_tacotron import audio
from ch09_tacotron.beyond.batches import grouped
from ch09_tacotron.beyond.guided import Passage, alignments_at, shift
from old915 import read_metadata, symbol_places, symbols, text_to_sequence
from ch09_tacotron.forced_alignment import SPANS_FILE, read_spans
from common import options, training
from common.errors import UserError

R = 5
TAIL = 2


def shapes():
    n = len(symbols)
    s = {"embedding": [n, 256]}

    def d(name, i, o, bias=True):
        s[name + "/kernel"] = [i, o]
        if bias:
            s[name + "/bias"] = [o]

    def conv(name, k, i, o):
        s[name + "/kernel"] = [k, i, o]
        s[name + "/bias"] = [o]
        for v in ("gamma", "beta", "moving_mean", "moving_variance"):
            s[name + "_bn/" + v] = [o]

    def cb(name, c, K, proj):
        for k in range(1, K + 1):
            conv("%s/bank_%d" % (name, k), k, c, 128)
        conv(name + "/proj_1", 3, 128 * K, proj)
        conv(name + "/proj_2", 3, proj, c)
        if c != 128:
            d(name + "/match_width", c, 128)
        for i in range(1, 5):
            d("%s/highway_%d/H" % (name, i), 128, 128)
            d("%s/highway_%d/T" % (name, i), 128, 128)
        for way in ("forward", "backward"):
            s["%s/%s/kernel" % (name, way)] = [128, 384]
            s["%s/%s/recurrent_kernel" % (name, way)] = [128, 384]
            s["%s/%s/bias" % (name, way)] = [384]

    d("encoder_prenet_1", 256, 256)
    d("encoder_prenet_2", 256, 128)
    cb("encoder", 128, 16, 128)
    d("decoder_prenet_1", 80, 256)
    d("decoder_prenet_2", 256, 128)
    d("decoder_input", 384, 256)
    for g in ("gru_1", "gru_2"):
        d(g + "/gates", 512, 512)
        d(g + "/candidate", 512, 256)
    d("memory_layer", 256, 256, False)
    d("query_layer", 256, 256, False)
    s["location_conv/kernel"] = [31, 1, 32]
    s["location_conv/bias"] = [32]
    d("location_layer", 32, 256, False)
    s["attention_variable"] = [256]
    s["attention_bias"] = [256]
    d("frame_projection", 512, 80 * R)
    d("stop_projection", 512, R)
    cb("post", 80, 8, 256)
    d("linear_outputs", 256, 1025)
    return s


def own_weights():
    w = {}
    for name, shape in shapes().items():
        if name.endswith(("/T/bias",)):
            init = tf.constant_initializer(-1.0)
        elif name.endswith(("gates/bias", "gamma", "moving_variance")):
            init = tf.ones_initializer()
        elif name.endswith(("bias", "beta", "moving_mean")):
            init = tf.zeros_initializer()
        elif name == "embedding":
            init = tf.truncated_normal_initializer(stddev=0.5)
        elif name.endswith("recurrent_kernel"):
            init = tf.orthogonal_initializer()
        else:
            init = tf.glorot_uniform_initializer()
        w[name] = tf.get_variable(name, shape, initializer=init, trainable="moving_" not in name)
    return w


# ------------------------------------------------------------------------------------------------ data
class Utterances:
    """The utterances of a training folder in memory; linear spectrograms stay on the disk.

    Args:
      folder: of listing 9-9, with ``syllables.json``; name: ``train.txt`` or ``heldout.txt``.
    """

    def __init__(self, folder, name="train.txt"):
        rows = read_metadata(os.path.join(folder, name))
        spans = read_spans(os.path.join(folder, SPANS_FILE), rows)
        if spans is None:
            raise UserError("%s does not say when the syllables are said" % os.path.join(folder, SPANS_FILE))
        self.folder = folder
        self.rows = [row for row, span in zip(rows, spans) if span is not None]
        self.spans = [span for span in spans if span is not None]
        self.mels = [np.load(os.path.join(folder, row[1]), allow_pickle=False).astype(np.float16) for row in self.rows]
        self.lengths = [len(mel) for mel in self.mels]

    def batch(self, chosen):
        """(symbols [B, T_in], their lengths, mel [B, steps, 5 · 80], places [B, steps], steps [B], frames [B])."""
        texts = [text_to_sequence(self.rows[i][3], True) for i in chosen]
        steps = np.array([-(-self.lengths[i] // R) + TAIL for i in chosen], np.int32)
        inputs = np.zeros([len(chosen), max(map(len, texts))], np.int32)
        mels = np.zeros([len(chosen), max(steps) * R, audio.num_mels], np.float32)
        places = np.zeros([len(chosen), max(steps)], np.float32)
        for row, i in enumerate(chosen):
            inputs[row, : len(texts[row])] = texts[row]
            mels[row, : self.lengths[i]] = self.mels[i]
            places[row] = symbol_places(self.rows[i][3], len(texts[row]), max(steps) * R, self.spans[i])[R // 2 :: R]
        frames = np.array([self.lengths[i] for i in chosen], np.int32)
        lengths = np.array([len(text) for text in texts], np.int32)
        return inputs, lengths, mels.reshape(len(chosen), max(steps), -1), places, steps, frames


PLACEHOLDERS = (
    ("inputs", tf.int32, [None, None]),
    ("input_lengths", tf.int32, [None]),
    ("mels", tf.float32, [None, None, R * audio.num_mels]),
    ("places", tf.float32, [None, None]),
    ("steps", tf.int32, [None]),
    ("frames", tf.int32, [None]),
)


# ------------------------------------------------------------------------------------------------ losses
class Lesson:
    """Losses of a batch.

    Args:
      w: weights; batch: the tensors of ``Utterances.batch``.
      frame_drop: share of the true frames that the decoder does not see; dropout: of the prenets.
      attended: so many utterances of the batch teach attention (its energies of all steps at once take much memory).
    """

    def __init__(self, w, batch, is_training, frame_drop=0.5, dropout=0.2, attended=4, own=False):
        inputs, input_lengths, mels, places, steps, frames = batch
        way = Passage(w, is_training, dropout)
        mask = tf.sequence_mask(input_lengths, tf.shape(inputs)[1], tf.float32)[:, :, None]
        step_mask = tf.sequence_mask(steps, tf.shape(mels)[1], tf.float32)
        memory = way.encode(inputs, mask)
        given = alignments_at(places, tf.shape(inputs)[1])
        contexts = tf.matmul(given, memory)
        previous = shift(mels[:, :, -audio.num_mels :])

        def dropped(frames, rate):
            kept = tf.random.uniform([tf.shape(frames)[0], tf.shape(frames)[1], 1]) >= rate
            return frames * tf.cast(kept, tf.float32)

        fed = dropped(previous, frame_drop) if is_training else previous
        queries, outputs, stop = way.decode(fed, contexts)
        cumulated = tf.cumsum(given, axis=1, exclusive=True)
        n = attended
        logs = way.attend(memory[:n], mask[:n], queries[:n], cumulated[:n])
        if own:  # once more, with what the first way made in place of what is given
            heard = shift(outputs[:, :, -audio.num_mels :])
            weights = tf.exp(logs)
            self.first = tf.reduce_sum(tf.reduce_mean(tf.abs(outputs - mels), -1) * step_mask) / tf.reduce_sum(step_mask)
            queries, outputs, stop = way.decode(tf.stop_gradient(heard), tf.matmul(weights, memory))
            logs = way.attend(memory, mask, queries, tf.stop_gradient(tf.cumsum(weights, axis=1, exclusive=True)))
        self.mel_loss = tf.reduce_sum(tf.reduce_mean(tf.abs(outputs - mels), -1) * step_mask) / tf.reduce_sum(step_mask)
        wanted = given[:n]
        divergence = tf.reduce_sum(wanted * (tf.log(wanted + 1e-6) - tf.maximum(logs, -30.0)), -1) * step_mask[:n]
        self.attention_loss = tf.reduce_sum(divergence) / tf.reduce_sum(step_mask[:n])
        places_in_step = tf.range(tf.shape(mels)[1] * R)[None]
        ended = tf.cast(places_in_step >= frames[:, None], tf.float32)
        ended = tf.reshape(ended, tf.shape(stop))
        losses = tf.nn.weighted_cross_entropy_with_logits(ended, stop, 3.0)
        self.stop_loss = tf.reduce_sum(tf.reduce_mean(losses, -1) * step_mask) / tf.reduce_sum(step_mask)
        self.outputs, self.logs, self.updates, self.given = outputs, logs, way.updates, given
        self.loss = self.mel_loss + 0.02 * self.attention_loss + 0.05 * self.stop_loss


def schedule(rate, step, warmup, total):
    """Linear warm-up, then a cosine down to a fiftieth."""
    step = tf.cast(step, tf.float32)
    share = tf.clip_by_value((step - warmup) / float(max(1, total - warmup)), 0.0, 1.0)
    return rate * tf.minimum((step + 1) / float(warmup), 0.02 + 0.98 * 0.5 * (1 + tf.cos(np.pi * share)))


# ------------------------------------------------------------------------------------------------ training
def minimise(loss, variables, rate, global_step, updates, name):
    """An Adam step with the gradients clipped to norm 1."""
    with tf.variable_scope(name):
        optimizer = tf.train.AdamOptimizer(rate)
    gradients, variables = zip(*[(g, v) for g, v in optimizer.compute_gradients(loss, variables) if g is not None])
    clipped, norm = tf.clip_by_global_norm(gradients, 1.0)
    with tf.control_dependencies(updates):
        return optimizer.apply_gradients(zip(clipped, variables), global_step), norm


def train(opts):
    data = Utterances(opts.training_dir)
    heldout = Utterances(opts.training_dir, "heldout.txt")
    print("%d utterances, %.1f minutes" % (len(data.lengths), sum(data.lengths) * 0.0125 / 60), flush=True)
    with tf.variable_scope("voice"):
        w = own_weights()
    batch = [tf.placeholder(kind, shape, name) for name, kind, shape in PLACEHOLDERS]
    global_step = tf.train.get_or_create_global_step()
    first = Lesson(w, batch, True, opts.frame_drop, opts.dropout)
    behind = ("post", "linear")
    variables = [v for n, v in sorted(w.items()) if not n.startswith(behind) and "moving_" not in n]
    rate = schedule(opts.rate, global_step, 300, opts.frame_steps)
    first_op, norm = minimise(first.loss, variables, rate, global_step, first.updates, "frames")
    test = Lesson(w, batch, False)
    saver = tf.train.Saver(max_to_keep=3)
    snapshots = tf.train.Saver([w[n] for n in sorted(w)], max_to_keep=None)
    folder = os.path.join(opts.output_dir, "model-cpk")
    os.makedirs(folder, exist_ok=True)
    with tf.Session(config=training.session_config(opts.threads)) as session, training.StopSignals() as stop:
        session.run(tf.global_variables_initializer())
        training.restore_newest(saver, session, folder)
        step = int(session.run(global_step))
        sums, count, start = np.zeros(4), 0, time.time()
        while step < opts.frame_steps and not stop.requested:
            chosen = grouped(data.lengths, opts.batch_size, step, opts.seed)
            chosen = [chosen[i] for i in np.random.RandomState([opts.seed, step]).permutation(len(chosen))]
            feed = dict(zip(batch, data.batch(chosen)))
            _, *values = session.run([first_op, first.mel_loss, first.attention_loss, first.stop_loss, norm], feed)
            step += 1
            sums, count = sums + values, count + 1
            training.check_loss(values[0], step)
            if step % opts.log_interval == 0:
                mean = sums / count
                print(
                    "step %d [%.3f s] mel %.4f attention %.3f stop %.4f norm %.2f"
                    % ((step, (time.time() - start) / count) + tuple(mean)),
                    flush=True,
                )
                sums, count, start = np.zeros(4), 0, time.time()
            if step % opts.checkpoint_interval == 0 or stop.requested or step == opts.frame_steps:
                saver.save(session, os.path.join(folder, "model.ckpt"), step)
                scores = []
                for i in range(0, len(heldout.lengths), 8):
                    feed = dict(zip(batch, heldout.batch(range(i, min(i + 8, len(heldout.lengths))))))
                    scores.append(session.run([test.mel_loss, test.attention_loss, test.stop_loss], feed))
                print("    held out: mel %.4f attention %.3f stop %.4f" % tuple(np.mean(scores, 0)), flush=True)
            if step in (250, 500, 1000, 2000, 3000, 4000):
                snapshots.save(session, os.path.join(opts.output_dir, "snapshots", "step"), step)
    stop.leave()


def main(argv=None):
    parser = options.Parser(description=__doc__, formatter_class=options.Formatter)
    parser.add_argument("--preset", default="voice")
    parser.add_argument("--training-dir", required=True)
    parser.add_argument("--output-dir", required=True)
    parser.add_argument("--frame-steps", type=int, default=4000)
    parser.add_argument("--rate", type=float, default=0.002)
    parser.add_argument("--frame-drop", type=float, default=0.5)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--log-interval", type=int, default=50)
    parser.add_argument("--checkpoint-interval", type=int, default=500)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    opts = parser.parse_args(argv)
    training.start(opts.seed)
    train(opts)


if __name__ == "__main__":
    options.run(main)
