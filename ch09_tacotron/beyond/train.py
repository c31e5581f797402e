"""Trains a voice that is understood: the printed network (listings 9-10 … 9-16, r = 5) in the order in which it learns fastest.

    python ch09_tacotron/beyond/train.py --output-dir output/tacotron/voice

Reads ``training/`` of the output folder, which ``prepare.py`` makes of an hour or more of one speaker (``corpus.py`` makes such a
corpus out of text). Two lessons, one after the other:

1. *Frames*: attention is given by the forced alignment, so that no step waits for the one before (``guided.py``); true frames
   are fed, each dropped with probability 0.5; the prenets' dropout is 0.2; statistics of batch norm leave the padding out.
   Attention and stop token learn beside it, from the same passage.
2. *Own* (``--own-steps``): a second passage over each utterance reads the frames and the attention that the first one made, as
   synthesis does.

What turns mel into linear frames learns from the recordings alone (``train_post.py``, beside this in a second terminal).
``--start-from ch09_tacotron/weights/tacotron-float16.npz --rate 0.0005`` begins with the voice that ships instead of with noise.
Checkpoints in ``model-cpk`` have the printed network's variables, so that ``voice.py`` and ``ext_9_8_14_speak.py`` take them; at
each one, losses over the held-out sentences. Goes on from the newest one. Half as long again on TensorFlow 1.13 as on 1.15.
"""

import functools
import os

import numpy as np
import tensorflow as tf

from ch09_tacotron.beyond import sound
from ch09_tacotron.beyond.alignment import SPANS_FILE, read_spans
from ch09_tacotron.beyond.guided import BEHIND, Passage, alignments_at, before, shift, weights_of
from ch09_tacotron.beyond.utterances import (
    batch_rows,
    check_begun,
    load_mel,
    read_metadata,
    symbol_places,
    text_to_sequence,
)
from ch09_tacotron.beyond.voice import synthesis_network
from common import cluster, options, run, weights
from common.cluster import ALONE
from common.errors import UserError

R = 5  # frames of a decoder step, as printed
TAIL = 2  # steps of silence behind each utterance, in which the stop token is 1
ATTENTION_WEIGHT, STOP_WEIGHT = 0.02, 0.05  # beside the mel loss, which is 0.1 at first and 0.04 at last
STOP_FRAMES_COUNT = 3.0

VALUES = [
    options.Value("frame_steps", 5000, "steps of the first lesson", tiny=3, low=0, fixed=False),
    options.Value(
        "own_steps", 0, "steps of the second lesson, by which no more was understood", tiny=2, low=0, fixed=False
    ),
    options.Value(
        "minutes", 0.0, "train on so many minutes of the speech, drawn at random; 0: all", low=0.0, more=True
    ),
    options.Value("batch_size", 16, "utterances of a batch; half of it in the second lesson", tiny=2, low=2),
    options.Value("rate", 0.002, "highest learning rate; it rises for 300 steps, then falls along a cosine", low=0.0),
    options.Value("own_rate", 0.0004, "highest learning rate of the second lesson", low=0.0),
    options.Value("frame_drop", 0.5, "share of the true frames that the decoder does not see", low=0.0, high=1.0),
    options.Value("dropout", 0.2, "of the prenets", low=0.0, high=0.9),
    options.Value("checkpoint_interval", 250, "steps between checkpoints", tiny=2, low=1, fixed=False),
    options.Value("log_interval", 25, "steps between lines of the log", tiny=1, low=1, fixed=False, more=True),
    options.Value("end_symbol", True, "'~' ends every text", choices=(True,), more=True),
    options.Value("tone_sandhi", True, "texts are to be spoken with the tones as spoken", more=True, fixed=False),
    options.Value("mel_bands", True, "sound gets the loudness of the mel bands", more=True, fixed=False),
]


# ------------------------------------------------------------------------------------------------ data
class Utterances:
    """Aligned utterances in memory, their linear spectrograms left on the disk.

    Args:
      folder: a training folder of ``prepare.py``; name: ``train.txt`` or ``heldout.txt``.
      minutes: drawn at random until there is so much speech (those of fewer minutes are among those of more); 0: all.

    Raises:
      UserError: nobody found out when their syllables are said, or there is less speech. (Where they were looked for and not
        found, there are no rows.)
    """

    def __init__(self, folder, name="train.txt", minutes=0.0, seed=0):
        rows = read_metadata(os.path.join(folder, name))
        spans = read_spans(os.path.join(folder, SPANS_FILE), rows)
        if spans is None:
            raise UserError(
                "%s does not say when the syllables of %s are said: run ch09_tacotron/beyond/prepare.py"
                % (os.path.join(folder, SPANS_FILE), name)
            )
        pairs = [(row, span) for row, span in zip(rows, spans) if span is not None]
        if minutes:
            pairs = drawn(pairs, minutes, seed)
        self.rows, self.spans = [row for row, _ in pairs], [span for _, span in pairs]
        self.mels = [load_mel(folder, row).astype(np.float16) for row in self.rows]
        self.lengths = [len(mel) for mel in self.mels]

    @property
    def minutes(self):
        return minutes_of(sum(self.lengths))

    def batch(self, chosen):
        """The utterances ``chosen`` as arrays.

        Returns:
          symbols int32 ``[B, T_in]``, how many int32 ``[B]``, mel ``[B, steps, 5 · 80]``, the place in the text of each step
          ``[B, steps]``, steps int32 ``[B]`` (the tail included), frames int32 ``[B]``.
        """
        texts = [text_to_sequence(self.rows[i][3], True) for i in chosen]
        steps = np.array([-(-self.lengths[i] // R) + TAIL for i in chosen], np.int32)
        inputs = np.zeros([len(chosen), max(map(len, texts))], np.int32)
        mels = np.zeros([len(chosen), max(steps) * R, sound.num_mels], np.float32)
        places = np.zeros([len(chosen), max(steps)], np.float32)
        for row, i in enumerate(chosen):
            inputs[row, : len(texts[row])] = texts[row]
            mels[row, : self.lengths[i]] = self.mels[i]
            places[row] = symbol_places(self.rows[i][3], len(texts[row]), max(steps) * R, self.spans[i])[R // 2 :: R]
        lengths = np.array([len(sequence) for sequence in texts], np.int32)
        frames = np.array([self.lengths[i] for i in chosen], np.int32)
        return inputs, lengths, mels.reshape(len(chosen), max(steps), -1), places, steps, frames


def minutes_of(frames):
    """So many frames as minutes."""
    return frames * sound.frame_shift_ms / 60000


def drawn(pairs, minutes, seed):
    """The first (row, spans) of a random order that are ``minutes`` or just more together; UserError where all are less."""
    order = np.random.RandomState(seed).permutation(len(pairs))
    total = minutes_of(np.cumsum([pairs[i][0][2] for i in order]))
    if not len(total) or total[-1] < minutes:
        raise UserError("--minutes %g: there are %.1f of aligned speech" % (minutes, total[-1] if len(total) else 0))
    return [pairs[i] for i in sorted(order[: int(np.argmax(total >= minutes)) + 1])]


def placeholders():
    """What ``Utterances.batch`` fills."""
    return [
        tf.placeholder(tf.int32, [None, None], "symbols"),
        tf.placeholder(tf.int32, [None], "symbol_counts"),
        tf.placeholder(tf.float32, [None, None, R * sound.num_mels], "mels"),
        tf.placeholder(tf.float32, [None, None], "places"),
        tf.placeholder(tf.int32, [None], "steps"),
        tf.placeholder(tf.int32, [None], "frames"),
    ]


# ------------------------------------------------------------------------------------------------ losses
def dropped(frames, rate):
    """Sets each frame of ``[B, steps, C]`` to 0 with probability ``rate``."""
    kept = tf.random.uniform(tf.concat([tf.shape(frames)[:2], [1]], 0)) >= rate
    return frames * tf.cast(kept, tf.float32)


class Lesson:
    """The losses of one batch.

    Args:
      w: the weights (``guided.weights_of``); batch: tensors as ``Utterances.batch`` gives them.
      is_training: with dropout, dropped frames and the batch's statistics.
      own: a second passage reads what the first one made.
      attended: so many utterances teach attention in the first passage (all its energies at once take much memory).

    Attributes:
      mel_loss (L1 over the frames that are there), attention_loss (divergence from what is given, a step), stop_loss, loss;
      updates of the moving averages; outputs ``[B, steps, 400]``.
    """

    def __init__(self, w, batch, is_training, frame_drop=0.0, dropout=0.0, own=False, attended=4):
        inputs, input_lengths, mels, places, steps, frames = batch
        passage = Passage(w, is_training, dropout)
        mask = tf.sequence_mask(input_lengths, tf.shape(inputs)[1], tf.float32)[:, :, None]
        there = tf.sequence_mask(steps, tf.shape(mels)[1], tf.float32)
        memory = passage.encode(inputs, mask)
        given = alignments_at(places, tf.shape(inputs)[1])
        fed = shift(mels[:, :, -sound.num_mels :])
        if is_training:
            fed = dropped(fed, frame_drop)
        queries, self.outputs, stop = passage.decode(fed, tf.matmul(given, memory))
        n = tf.shape(inputs)[0] if own else attended
        logs = passage.attend(memory[:n], mask[:n], queries[:n], before(given)[:n])
        if own:
            fed = tf.stop_gradient(shift(self.outputs[:, :, -sound.num_mels :]))
            alignments = tf.exp(logs)
            queries, self.outputs, stop = passage.decode(fed, tf.matmul(alignments, memory))
            logs = passage.attend(memory, mask, queries, tf.stop_gradient(before(alignments)))
        self.mel_loss = tf.reduce_sum(tf.reduce_mean(tf.abs(self.outputs - mels), -1) * there) / tf.reduce_sum(there)
        wanted = given[:n]
        terms = wanted * (tf.log(wanted + 1e-6) - tf.maximum(logs, -30.0))
        self.attention_loss = tf.reduce_sum(tf.reduce_sum(terms, -1) * there[:n]) / tf.reduce_sum(there[:n])
        ended = tf.cast(tf.range(tf.shape(mels)[1] * R)[None] >= frames[:, None], tf.float32)
        terms = tf.nn.weighted_cross_entropy_with_logits(tf.reshape(ended, tf.shape(stop)), stop, STOP_FRAMES_COUNT)
        self.stop_loss = tf.reduce_sum(tf.reduce_mean(terms, -1) * there) / tf.reduce_sum(there)
        self.loss = self.mel_loss + ATTENTION_WEIGHT * self.attention_loss + STOP_WEIGHT * self.stop_loss
        self.updates = passage.updates


# ------------------------------------------------------------------------------------------------ training
def schedule(rate, step, warmup, total):
    """Up in a straight line for ``warmup`` steps, then along a cosine down to a fiftieth at ``total``."""
    step = tf.cast(step, tf.float32)
    share = tf.clip_by_value((step - warmup) / float(max(1, total - warmup)), 0.0, 1.0)
    return rate * tf.minimum((step + 1.0) / float(max(1, warmup)), 0.51 + 0.49 * tf.cos(np.pi * share))


def minimise(lesson, variables, rate, global_step, name, peers=ALONE):
    """A step of Adam with the gradients (their mean over all workers) clipped to norm 1."""
    with tf.variable_scope(name):
        optimizer = tf.train.AdamOptimizer(rate)
        gradients = optimizer.compute_gradients(lesson.loss, variables)
        gradients, variables = zip(*[(g, v) for g, v in gradients if g is not None])
        clipped, _ = tf.clip_by_global_norm(peers.mean(gradients), 1.0)
        with tf.control_dependencies(lesson.updates):
            return optimizer.apply_gradients(zip(clipped, variables), global_step)


class Trainer:
    """Both lessons over the printed network's variables, in the default graph."""

    def __init__(self, opts, peers=ALONE):
        synthesis_network(dict(outputs_per_step=R, mask_attention=False, sharpen=1.0))  # it makes the variables
        self.network = tf.global_variables()
        self.w = weights_of(self.network)
        self.batch = placeholders()
        self.global_step = tf.train.get_or_create_global_step()
        learnt = [v for n, v in sorted(self.w.items()) if not n.startswith(BEHIND) and "/moving_" not in n]
        lesson = functools.partial(Lesson, self.w, self.batch, True, opts.frame_drop, opts.dropout)
        self.first, self.second, self.test = lesson(), lesson(own=True), Lesson(self.w, self.batch, False, own=True)
        rate = schedule(opts.rate, self.global_step, min(300, opts.frame_steps // 4), opts.frame_steps)
        self.first_op = minimise(self.first, learnt, rate, self.global_step, "first_lesson", peers)
        since = self.global_step - opts.frame_steps
        rate = schedule(opts.own_rate, since, min(50, opts.own_steps // 4), opts.own_steps)
        self.second_op = minimise(self.second, learnt, rate, self.global_step, "second_lesson", peers)


LOSSES = ("mel_loss", "attention_loss", "stop_loss")


def start_from(session, trainer, path):
    """Gives the network the values of an exported voice (``export.py``).

    Raises:
      UserError: they are damaged, or of another network.
    """
    values, settings = weights.load(path, "voice", {v.op.name: v.shape.as_list() for v in trainer.network})
    weights.assign(session, [(variable, values[variable.op.name]) for variable in trainer.network])
    print("starts from %s, which has learnt for %s steps" % (path, settings.get("step")))


def score(session, trainer, data):
    """The losses over some utterances, of a second passage without noise."""
    values, weights = [], []
    for start in range(0, len(data.lengths), 8):
        feed = dict(zip(trainer.batch, data.batch(range(start, min(start + 8, len(data.lengths))))))
        values.append(session.run([getattr(trainer.test, name) for name in LOSSES], feed))
        weights.append(feed[trainer.batch[4]].sum())
    return dict(zip(LOSSES, np.average(values, axis=0, weights=weights)))


def train(opts, folder, peers=ALONE):
    """Trains on the utterances in ``folder`` until the last step; returns their minutes and the held-out losses."""
    data, heldout = Utterances(folder, minutes=opts.minutes, seed=opts.seed), None
    if not data.rows:
        raise UserError(
            "%s: of no utterance it is known when its syllables are said" % os.path.join(folder, SPANS_FILE)
        )
    if os.path.exists(os.path.join(folder, "heldout.txt")) and os.path.getsize(os.path.join(folder, "heldout.txt")):
        heldout = Utterances(folder, "heldout.txt")
        if not heldout.rows:
            print("nothing is held out: of none of these utterances it is known when its syllables are said")
            heldout = None
    print("%d utterances, %.1f minutes" % (len(data.rows), data.minutes))
    trainer = Trainer(opts, peers)
    total, result = opts.frame_steps + opts.own_steps, {}
    saver = tf.train.Saver(max_to_keep=3, keep_checkpoint_every_n_hours=0.25)
    with peers.run(opts, checkpoints="model-cpk") as this:
        with peers.session(opts.threads) as session:
            session.run(tf.global_variables_initializer())
            if opts.start_from and run.checkpoints(this.checkpoint_dir):
                print("the training goes on: --start-from is of its beginning")
            elif opts.start_from:
                start_from(session, trainer, opts.start_from)
            done, seen = peers.share(session, this.restore(saver, session)), []
            for step in this.steps(done, total):
                first = step < opts.frame_steps
                lesson, op = (trainer.first, trainer.first_op) if first else (trainer.second, trainer.second_op)
                chosen = batch_rows(data.lengths, step, opts.batch_size * peers.count, opts.seed)
                random = np.random.RandomState([opts.seed, step])
                mine = opts.batch_size if first else opts.batch_size // 2
                chosen = random.permutation(chosen)[mine * peers.task : mine * (peers.task + 1)]
                feed = dict(zip(trainer.batch, data.batch(chosen)))
                _, *losses = session.run([op] + [getattr(lesson, name) for name in LOSSES], feed)
                this.check(step + 1, mel_loss=losses[0])
                seen.append(losses)
                if (step + 1) % opts.log_interval == 0:
                    print(
                        "step %d: mel %.4f, attention %.3f, stop %.4f" % ((step + 1,) + tuple(np.mean(seen, 0))),
                        flush=True,
                    )
                    seen = []
                if (step + 1) % opts.checkpoint_interval == 0 or step + 1 in (opts.frame_steps, total) or this.stopping:
                    this.save(saver, session, step + 1)
                    if heldout and not this.stopping:
                        result = score(session, trainer, heldout)
                        print(
                            "    held out: mel %(mel_loss).4f, attention %(attention_loss).3f, stop %(stop_loss).4f"
                            % result,
                            flush=True,
                        )
            if heldout and not result and not this.stopping:  # all was trained before: the record is to say it again
                result = score(session, trainer, heldout)
    return data.minutes, result


def add_options(parser):
    parser.add_argument(
        "--start-from", metavar="NPZ", help="an exported voice to learn on from, with a lower --rate [none]"
    )
    cluster.add_options(parser)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add=add_options, base="voice")
    folder = os.path.join(opts.output_dir, "training")
    made = options.load_settings(folder, "ch09_tacotron/beyond/prepare.py", "spectrograms")
    peers = cluster.join(opts)
    begun = bool(run.checkpoints(os.path.join(opts.output_dir, "model-cpk")))
    check_begun(opts.output_dir, folder, begun, opts.start_from)  # before the network is built, which takes its time
    minutes, result = train(opts, folder, peers)
    record = run.records.Record(opts, opts.script, "beyond listing 9-17", made["data"])
    record.metric("speech", round(minutes, 1), "min", note="trained on")
    for name, value in result.items():
        record.metric(
            "held out, " + name.replace("_", " "), round(float(value), 4), note="own frames and attention fed"
        )
    record.save()


if __name__ == "__main__":
    options.run(main)
