"""Trains what turns mel frames into linear ones (listing 9-10's ``post_cbhg``), from the recordings alone.

    python ch09_tacotron/beyond/train_post.py --output-dir output/tacotron/voice

It needs nothing of the decoder, so that it can run beside ``train.py`` on a second core. Reads ``training/`` of the output
folder; writes its checkpoints to ``post/model-cpk`` there, where ``voice.py`` finds them. Pieces of a second are learnt with the
printed loss; their mel frames are blurred and disturbed a little, because the decoder's are smoother than recorded ones.
"""

import os

import numpy as np
import tensorflow as tf

from ch09_tacotron.beyond import sound
from ch09_tacotron.beyond.guided import BEHIND, Passage, weights_of
from ch09_tacotron.beyond.train import R, minimise, schedule
from ch09_tacotron.beyond.utterances import batch_rows, check_begun, load_mel, read_metadata
from ch09_tacotron.beyond.voice import POST, synthesis_network
from common import arrays, options, run

VALUES = [
    options.Value("steps", 900, "train until this step", tiny=3, low=1, fixed=False),
    options.Value("batch_size", 16, "pieces of a batch", tiny=2, low=1),
    options.Value("piece", 96, "frames of a piece", tiny=20, low=16),
    options.Value("rate", 0.002, "highest learning rate; it rises for 100 steps, then falls along a cosine", low=0.0),
    options.Value("blur", 0.3, "largest weight of a neighbour in the blur of mel frames", low=0.0, high=0.33),
    options.Value("noise", 0.02, "largest deviation of the noise on mel frames", low=0.0),
    options.Value("checkpoint_interval", 150, "steps between checkpoints", tiny=2, low=1, fixed=False),
    options.Value("log_interval", 25, "steps between lines of the log", tiny=1, low=1, fixed=False, more=True),
]


class PostLesson:
    """The printed linear loss of full pieces: mels ``[B, T, 80]``, linear ``[B, T, 1025]``."""

    def __init__(self, w, mels, linear, is_training):
        passage = Passage(w, is_training)
        self.outputs = passage.to_linear(mels, tf.ones_like(mels[:, :, :1]))
        error = tf.abs(linear - self.outputs)
        low = int(4000 / (sound.sample_rate * 0.5) * sound.num_freq)  # bins below 4 kHz count double, as printed
        self.loss = 0.5 * tf.reduce_mean(error) + 0.5 * tf.reduce_mean(error[:, :, :low])
        self.updates = passage.updates


def disturb(mel, random, blur, noise):
    """Mel frames ``[T, 80]`` as a decoder might have drawn them: blurred along time and bands, with noise."""
    for axis in (0, 1):
        share = random.uniform(0.0, blur)
        sides = np.roll(mel, 1, axis) + np.roll(mel, -1, axis)
        mel = (1 - 2 * share) * mel + share * sides
    return np.clip(mel + random.uniform(0.0, noise) * random.randn(*mel.shape), 0, 1)


def pieces(folder, rows, chosen, length, random):
    """A piece of each chosen utterance: (mel ``[B, length, 80]``, linear ``[B, length, 1025]``)."""
    mels, linears = [], []
    for i in chosen:
        mel = load_mel(folder, rows[i])
        linear = arrays.read_npy(os.path.join(folder, rows[i][0]), "spectrogram", (None, sound.num_freq))
        start = random.randint(0, max(1, len(mel) - length + 1))
        behind = [(0, max(0, length - len(mel))), (0, 0)]
        mels.append(np.pad(mel[start : start + length], behind, mode="constant"))
        linears.append(np.pad(linear[start : start + length], behind, mode="constant"))
    return np.stack(mels), np.stack(linears)


def train(opts):
    """Trains until the last step; returns the mean loss over the last 100 steps."""
    folder = os.path.join(opts.output_dir, "training")
    rows = read_metadata(os.path.join(folder, "train.txt"))
    opts.output_dir, losses = os.path.join(opts.output_dir, POST), []
    check_begun(opts.output_dir, folder, bool(run.checkpoints(os.path.join(opts.output_dir, "model-cpk"))))
    lengths = [row[2] for row in rows]
    synthesis_network(dict(outputs_per_step=R, mask_attention=False, sharpen=1.0))  # it makes the variables
    w = weights_of(tf.global_variables())
    own = [variable for name, variable in sorted(w.items()) if name.startswith(BEHIND)]
    mels = tf.placeholder(tf.float32, [None, None, sound.num_mels])
    linear = tf.placeholder(tf.float32, [None, None, sound.num_freq])
    global_step = tf.train.get_or_create_global_step()
    lesson = PostLesson(w, mels, linear, True)
    learnt = [variable for variable in own if "/moving_" not in variable.op.name]
    rate = schedule(opts.rate, global_step, min(100, opts.steps // 4), opts.steps)
    op = minimise(lesson, learnt, rate, global_step, "post_lesson")
    others = set(w.values()) - set(own)
    saver = tf.train.Saver([v for v in tf.global_variables() if v not in others], max_to_keep=2)
    with run.Run(opts, checkpoints="model-cpk") as this, tf.Session(config=run.session_config(opts.threads)) as session:
        session.run(tf.global_variables_initializer())
        for step in this.steps(this.restore(saver, session), opts.steps, "mel to linear"):
            random = np.random.RandomState([opts.seed, step])
            chosen = batch_rows(lengths, step, opts.batch_size, opts.seed)
            x, y = pieces(folder, rows, chosen, opts.piece, random)
            x = np.stack([disturb(piece, random, opts.blur, opts.noise) for piece in x])
            losses.append(session.run([op, lesson.loss], {mels: x, linear: y})[1])
            this.check(step + 1, loss=losses[-1])
            if (step + 1) % opts.log_interval == 0:
                print("step %d: linear %.4f" % (step + 1, np.mean(losses[-opts.log_interval :])), flush=True)
            if (step + 1) % opts.checkpoint_interval == 0 or step + 1 == opts.steps or this.stopping:
                this.save(saver, session, step + 1)
    return float(np.mean(losses[-100:])) if losses else None


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, base="voice")
    run.start(opts.seed)
    made = options.load_settings(
        os.path.join(opts.output_dir, "training"), "ch09_tacotron/beyond/prepare.py", "spectrograms"
    )
    loss = train(opts)
    if loss is not None:
        record = run.records.Record(opts, opts.script, "beyond listing 9-17", made["data"])
        record.metric("linear loss", round(loss, 4), note="mean of the last 100 steps")
        record.save()


if __name__ == "__main__":
    options.run(main)
