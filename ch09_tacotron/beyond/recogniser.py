"""A judge of speech: a small recogniser of phones, trained on sentences that no voice here was trained on.

    python ch09_tacotron/beyond/recogniser.py --output-dir output/tacotron/judge
    python ch09_tacotron/beyond/recogniser.py --hear recording.wav --weights ch09_tacotron/weights

Reads ``training/`` of the output folder, which ``prepare.py`` makes; writes ``recogniser-float16.npz`` and, at each checkpoint,
its score on the held-out utterances. Mel frames go through dilated convolutions, and connectionist temporal classification
(Graves et al. 2006, TensorFlow's own ``ctc_loss``) finds where the phones are. Twenty minutes on one core.

A phone is an initial or a final with its tone, as they are spoken: ``yi1`` is the final i, ``wu`` u, ``liu`` l and iou; erhua is
a phone behind the final. What is reported is the share of phones that are right, ``1 - edit distance / phones``.
"""

import os
from typing import List, NamedTuple, Sequence

import numpy as np
import tensorflow as tf

from ch09_tacotron.beyond import sound
from ch09_tacotron.beyond.utterances import batch_rows, check_begun, load_mel, read_metadata
from common import options, run, weights
from common.errors import UserError

VALUES = [
    options.Value("steps", 2000, "train until this step", tiny=4, low=1, fixed=False),
    options.Value("batch_size", 16, "utterances of a batch", tiny=2, low=1),
    options.Value("rate", 0.001, "highest learning rate; it rises for 100 steps, then falls along a cosine", low=0.0),
    options.Value("checkpoint_interval", 200, "steps between checkpoints", tiny=2, low=1, fixed=False),
]
CHANNELS = 256
DILATIONS = (1, 2, 4, 8, 1, 2, 4, 8)  # at two mel frames a step: ±0.8 s are heard
INITIALS = ["zh", "ch", "sh"] + list("bpmfdtnlgkhjqxrzcs")
FINALS = (
    "a ai an ang ao e ei en eng er i ia ian iang iao ie ii iii in ing iong iou o ong ou u ua uai uan uang uei uen ueng uo"
    " v van ve vn"
).split()
ERHUA = "r"
PHONES = INITIALS + [final + tone for final in FINALS for tone in "12345"] + [ERHUA]
WEIGHTS_FILE = "recogniser-float16.npz"


# ------------------------------------------------------------------------------------------------ phones
def phones(syllable: str) -> List[str]:
    """The phones of a pinyin syllable with tone digit: ``xue2`` → x, ve2; ``wanr2`` → uan2, r; ``yi1`` → i1.

    Raises:
      UserError: it is no syllable.
    """
    letters, tone = syllable[:-1], syllable[-1:]
    erhua = letters.endswith("r") and letters != "er"
    letters = letters[:-1] if erhua else letters
    initial = next((i for i in INITIALS if letters.startswith(i)), "")
    final = letters[len(initial) :]
    if not initial and final.startswith("y"):
        final = final[1:]
        if final.startswith("u"):
            final = "v" + final[1:]
        elif not final.startswith("i"):
            final = "i" + final
    elif not initial and final.startswith("w"):
        final = final[1:] if final.startswith("wu") else "u" + final[1:]
    elif final.startswith("u") and initial in ("j", "q", "x"):
        final = "v" + final[1:]
    elif final == "i" and initial in ("z", "c", "s"):
        final = "ii"
    elif final == "i" and initial in ("zh", "ch", "sh", "r"):
        final = "iii"
    final = {"iu": "iou", "ui": "uei", "un": "uen", "ue": "ve", "io": "iou"}.get(final, final)
    if final + tone not in PHONES:
        raise UserError("'%s' is no syllable with a tone digit" % syllable)
    return ([initial] if initial else []) + [final + tone] + ([ERHUA] if erhua else [])


def phones_of(text: str) -> List[str]:
    """The phones of a line of pinyin."""
    return [phone for syllable in text.split() for phone in phones(syllable)]


def without_tone(phone: str) -> str:
    return phone.rstrip("12345")


def edit_distance(first: Sequence, second: Sequence) -> int:
    """The fewest insertions, deletions and exchanges that turn one sequence into the other (Levenshtein)."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


class Score(NamedTuple):
    """Phones said, and the edit distances without and with tones; scores add up."""

    said: int
    wrong: int
    wrong_with_tones: int

    def __add__(self, other):
        return Score(*(a + b for a, b in zip(self, other)))

    @property
    def right(self) -> float:
        """Share of phones right, tones aside."""
        return 1.0 - self.wrong / max(1, self.said)

    @property
    def right_with_tones(self) -> float:
        return 1.0 - self.wrong_with_tones / max(1, self.said)


def score(heard: List[str], text: str) -> Score:
    """How much of a line of pinyin was understood."""
    said = phones_of(text)
    plain = edit_distance([without_tone(p) for p in heard], [without_tone(p) for p in said])
    return Score(len(said), plain, edit_distance(heard, said))


# ------------------------------------------------------------------------------------------------ network
def network(mels, is_training):
    """Mel frames ``[B, T, 80]`` in 0…1 → logits ``[B, ceil(T / 2), phones + 1]``; the last is the blank."""
    with tf.variable_scope("recogniser"):
        hidden = tf.layers.conv1d(mels * 2.0 - 1.0, CHANNELS, 5, strides=2, padding="same", name="input")
        for number, dilation in enumerate(DILATIONS):
            with tf.variable_scope("block_%d" % (number + 1)):
                normal = tf.layers.batch_normalization(hidden, training=is_training, momentum=0.95, name="norm")
                change = tf.layers.conv1d(
                    tf.nn.relu(normal), CHANNELS, 3, dilation_rate=dilation, padding="same", name="conv"
                )
                change = tf.layers.dropout(change, 0.1, training=is_training)
                hidden += change
        hidden = tf.nn.relu(tf.layers.batch_normalization(hidden, training=is_training, momentum=0.95, name="norm"))
        hidden = tf.layers.dropout(hidden, 0.2, training=is_training)
        return tf.layers.dense(hidden, len(PHONES) + 1, name="phones")


def augment(mel: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """A mel spectrogram as it could also have been: tempo, gain, tilt, noise, and masked bands and frames (SpecAugment)."""
    length = max(16, int(round(len(mel) * random.uniform(0.85, 1.2))))
    places = np.linspace(0, len(mel) - 1, length)
    low = np.floor(places).astype(int)
    share = (places - low)[:, None]
    mel = mel[low] * (1 - share) + mel[np.minimum(low + 1, len(mel) - 1)] * share
    mel = mel + random.uniform(-0.12, 0.08) + random.uniform(-0.06, 0.06) * np.linspace(-1, 1, mel.shape[1])
    mel = mel + random.uniform(0, 0.05) * random.randn(*mel.shape)
    mel = np.maximum(mel, random.uniform(0, 0.25))  # a floor of noise
    for _ in range(2):
        width, start = random.randint(0, 10), random.randint(0, 70)
        mel[:, start : start + width] = mel.mean()
        width, start = random.randint(0, 12), random.randint(0, length)
        mel[start : start + width] = mel.mean()
    return np.clip(mel, 0, 1).astype(np.float32)


def pad(mels: Sequence[np.ndarray]) -> np.ndarray:
    """Mel spectrograms of several lengths as one batch ``[B, T, 80]``, silence behind them."""
    batch = np.zeros([len(mels), max(len(mel) for mel in mels), mels[0].shape[1]], np.float32)
    for row, mel in zip(batch, mels):
        row[: len(mel)] = mel
    return batch


def greedy(logits: np.ndarray) -> List[str]:
    """The likeliest symbol of each step, repetitions and blanks left out."""
    best = np.argmax(logits, axis=1)
    kept = best[np.concatenate([[True], best[1:] != best[:-1]])]
    return [PHONES[i] for i in kept if i < len(PHONES)]


class Recogniser:
    """A trained recogniser in a graph and a session of its own.

    Args:
      folder: where ``recogniser-float16.npz`` is.
    """

    def __init__(self, folder: str, threads: int = 0):
        path = os.path.join(folder, WEIGHTS_FILE)
        if not os.path.exists(path):
            raise UserError("%s: no %s here; ch09_tacotron/beyond/recogniser.py trains one" % (folder, WEIGHTS_FILE))
        with tf.Graph().as_default():
            self._mels = tf.placeholder(tf.float32, [None, None, sound.num_mels])
            self._logits = network(self._mels, False)
            variables = {variable.op.name: variable for variable in tf.global_variables()}
            shapes = {name: variable.shape.as_list() for name, variable in variables.items()}
            values, _ = weights.load(path, "recogniser", shapes)
            self._session = tf.Session(config=run.session_config(threads))
            weights.assign(self._session, [(variable, values[name]) for name, variable in variables.items()])

    def hear(self, mel: np.ndarray) -> List[str]:
        """The phones of one utterance, mel frames ``[T, 80]`` in 0…1."""
        logits = self._session.run(self._logits, {self._mels: np.clip(mel, 0, 1)[None]})
        return greedy(logits[0])

    def judge(self, mel: np.ndarray, text: str) -> Score:
        """How much of ``text`` (pinyin) is understood."""
        return score(self.hear(mel), text)


# ------------------------------------------------------------------------------------------------ training
def read_mels(folder: str, name: str):
    """The utterances of a list: their mel spectrograms and their pinyin."""
    rows = read_metadata(os.path.join(folder, name))
    return [load_mel(folder, row) for row in rows], [row[3] for row in rows]


def label_matrix(texts: Sequence[str]):
    """Phone numbers of some texts as the sparse tensor that ``ctc_loss`` wants."""
    numbers = [[PHONES.index(phone) for phone in phones_of(text)] for text in texts]
    indices = [(row, column) for row, line in enumerate(numbers) for column in range(len(line))]
    shape = (len(texts), max(len(line) for line in numbers))
    values = np.array([number for line in numbers for number in line], np.int32)
    return tf.SparseTensorValue(np.array(indices, np.int64), values, shape)


def score_all(session, logits, placeholder, mels, texts) -> Score:
    """The score over some utterances, one after the other."""
    total = Score(0, 0, 0)
    for mel, text in zip(mels, texts):
        total += score(greedy(session.run(logits, {placeholder: mel[None]})[0]), text)
    return total


def train(opts) -> Score:
    """Trains until ``opts.steps``; writes the weights; returns the score on the held-out utterances."""
    folder = os.path.join(opts.output_dir, "training")
    mels, texts = read_mels(folder, "train.txt")
    unseen = read_mels(folder, "heldout.txt")
    check_begun(opts.output_dir, folder, bool(run.checkpoints(os.path.join(opts.output_dir, "recogniser-cpk"))))
    lengths = [len(mel) for mel in mels]
    placeholder = tf.placeholder(tf.float32, [None, None, sound.num_mels], "mels")
    steps_of_each = tf.placeholder(tf.int32, [None], "lengths")
    labels = tf.sparse_placeholder(tf.int32, name="labels")
    logits = tf.transpose(network(placeholder, True), [1, 0, 2])
    loss = tf.reduce_mean(tf.nn.ctc_loss(labels, logits, steps_of_each, ignore_longer_outputs_than_inputs=True))
    global_step = tf.train.get_or_create_global_step()
    rate = tf.train.cosine_decay(opts.rate, global_step, opts.steps, alpha=0.01)
    rate *= tf.minimum(1.0, tf.cast(global_step + 1, tf.float32) / 100)
    optimizer = tf.train.AdamOptimizer(rate)
    gradients, variables = zip(*optimizer.compute_gradients(loss))
    clipped, _ = tf.clip_by_global_norm(gradients, 20.0)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train_op = optimizer.apply_gradients(zip(clipped, variables), global_step)
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        heard = network(placeholder, False)
    shipped = [v for v in tf.global_variables() if v.op.name.startswith("recogniser/") and "Adam" not in v.op.name]
    saver, result, seen = tf.train.Saver(max_to_keep=1), Score(0, 0, 0), []
    with run.Run(opts, checkpoints="recogniser-cpk") as this:
        with tf.Session(config=run.session_config(opts.threads)) as session:
            session.run(tf.global_variables_initializer())
            for step in this.steps(this.restore(saver, session), opts.steps, "recogniser"):
                chosen = batch_rows(lengths, step, opts.batch_size, opts.seed)
                random = np.random.RandomState([opts.seed, step])
                batch = [augment(mels[i], random) for i in chosen]
                feed = {
                    placeholder: pad(batch),
                    steps_of_each: [-(-len(mel) // 2) for mel in batch],
                    labels: label_matrix([texts[i] for i in chosen]),
                }
                seen.append(session.run([train_op, loss], feed)[1])
                this.check(step + 1, loss=seen[-1])
                if (step + 1) % opts.checkpoint_interval == 0 or step + 1 == opts.steps or this.stopping:
                    this.save(saver, session, step + 1)
                    result = score_all(session, heard, placeholder, *unseen)
                    print(
                        "step %d: loss %.2f; held-out sentences: %.1f %% of %d phones right, %.1f %% with tones"
                        % (step + 1, np.mean(seen), 100 * result.right, result.said, 100 * result.right_with_tones),
                        flush=True,
                    )
                    seen = []
            if not result.said and not this.stopping:  # all was trained before: the record is to say it again
                result = score_all(session, heard, placeholder, *unseen)
            values = dict(zip([variable.op.name for variable in shipped], session.run(shipped)))
    path = os.path.join(opts.output_dir, WEIGHTS_FILE)
    weights.save(path, values, dict(steps=opts.steps, utterances=len(mels)))
    print("%s: %.1f MB" % (path, os.path.getsize(path) / 1e6))
    return result


def add_options(parser):
    parser.add_argument("--hear", nargs="+", help="sound files: prints the phones that a trained recogniser hears")
    parser.add_argument("--weights", help="folder of the recogniser that hears [the output folder]")


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add=add_options, base="judge")
    run.start(opts.seed)
    if opts.hear:
        recogniser = Recogniser(opts.weights or opts.output_dir, opts.threads)
        for path in opts.hear:
            print("%s: %s" % (path, " ".join(recogniser.hear(sound.mel_of(sound.load_wav(path))))))
        return
    result = train(opts)
    made = options.load_settings(
        os.path.join(opts.output_dir, "training"), "ch09_tacotron/beyond/prepare.py", "spectrograms"
    )
    record = run.records.Record(opts, opts.script, "beyond listing 9-17", made["data"])
    record.metric("phones right", round(100 * result.right, 1), "%", note="held-out sentences, tones aside")
    record.metric("phones right with tones", round(100 * result.right_with_tones, 1), "%")
    record.save()


if __name__ == "__main__":
    options.run(main)
