"""Section 9.6.4: dynamic routing round by round - how the couplings of one text settle, and what more rounds are worth.

The trained network of listing 9-7 is asked with 1, 2, 3, 5 and 10 rounds in place of the printed 3. Drawn: how much each word
gives to each capsule. Counted, over the test part: how far the capsules still move from round to round, and how many answers
become others.

Reads   the run of code_9_07_routing_rnn.py with the same --preset, and its data
Writes  rounds.png, a record. Time: a minute
Next:   ext_9_6_7_documents.py
"""

import os

import numpy as np
import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from common import datasets, options, records, run
from common.errors import UserError
from common.plotting import plt, save_figure
from data import reuters

ROUNDS = [1, 2, 3, 5, 10]
DRAWN = 5  # rounds on the picture at most
VALUES = [
    options.Value("text", 0, "number of the text of the test part that is drawn", low=0),
    options.Value("texts", 2246, "texts of the test part that are counted at most", low=1),
]
MADE_BY = "ch09_capsule_rnn/code_9_07_routing_rnn.py"


def couplings(uhat, lengths, rounds):
    """What each word gives to each capsule in round number ``rounds``: ``[B, T, N]``, a word's sum over capsules is 1.

    The listing's routing returns capsules only; its logits before round r are the sum of ``<uhat, V>`` of the rounds before.
    """
    logits = tf.zeros(tf.shape(uhat)[:3])
    for earlier in range(1, rounds):
        v, _ = listing.masked_routing_iter(uhat, lengths, earlier)
        logits += tf.reduce_sum(uhat * v[:, tf.newaxis], axis=-1)
    return tf.nn.softmax(logits, axis=2)


def build(settings):
    """Listing 9-7's model with a number of rounds for each of ``ROUNDS``: (x, x_len, rounds → (V, couplings, logits))."""
    seen = []

    def route(uhat, lengths, iter_num):
        seen.append((uhat, lengths))
        return listing.masked_routing_iter(uhat, lengths, iter_num)

    model = listing.build(settings, route=route)
    uhat, lengths = seen[0]
    kernel, bias = [tf.get_default_graph().get_tensor_by_name("dense/%s:0" % name) for name in ("kernel", "bias")]
    asked = {}
    for rounds in ROUNDS:
        v, _ = listing.masked_routing_iter(uhat, lengths, rounds)
        flat = tf.reshape(v, [-1, kernel.shape[0].value])
        asked[rounds] = (v, couplings(uhat, lengths, rounds), tf.nn.relu(tf.matmul(flat, kernel) + bias))
    return model, asked


def draw(path, words, shares):
    """A row a capsule, a column a word, a panel for each number of rounds."""
    figure, all_axes = plt.subplots(DRAWN, 1, figsize=(max(8, 0.2 * len(words)), 1.25 * DRAWN + 1), sharex=True)
    for axes, rounds in zip(all_axes, ROUNDS):
        image = axes.imshow(shares[rounds].T, aspect="auto", vmin=0, vmax=1, cmap="viridis", interpolation="none")
        axes.set_ylabel("round %d\ncapsule" % rounds, fontsize=8)
        axes.set_yticks(range(shares[rounds].shape[1]))
        axes.set_yticklabels(range(1, shares[rounds].shape[1] + 1), fontsize=7)
    all_axes[-1].set_xticks(range(len(words)))
    all_axes[-1].set_xticklabels(words, rotation=90, fontsize=6)
    figure.colorbar(image, ax=list(all_axes), label="coupling")
    return save_figure(figure, path)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv)
    run.start(opts.seed)
    settings = options.load_values(opts.output_dir, listing.VALUES, MADE_BY)
    folder = datasets.locate("reuters", opts, required=reuters.REQUIRED, trained=[opts.output_dir])
    _, (texts, labels) = reuters.load_data(folder, settings.num_words)
    if opts.text >= len(texts):
        raise UserError("--text: the test part has the texts 0 to %d" % (len(texts) - 1))
    x = tf.keras.preprocessing.sequence.pad_sequences(texts, maxlen=settings.maxlen, padding="post")
    lengths = np.count_nonzero(x, axis=1)
    drawn, length = x[opts.text : opts.text + 1], lengths[opts.text]  # it need not be among those that are counted
    x, lengths, labels = x[: opts.texts], lengths[: opts.texts], labels[: opts.texts]
    model, asked = build(settings)
    answers, capsules, shares = {rounds: [] for rounds in ROUNDS}, {rounds: [] for rounds in ROUNDS}, {}
    with tf.Session(config=run.session_config(opts.threads)) as sess:
        if run.restore_newest(tf.train.Saver(), sess, os.path.join(opts.output_dir, "checkpoints")) is None:
            raise UserError("%s holds no checkpoint: run %s first" % (opts.output_dir, MADE_BY))
        for start in run.progress(range(0, len(x), 100), desc="test part", unit="batch"):
            feed = {model.x: x[start : start + 100], model.x_len: lengths[start : start + 100]}
            found = sess.run({rounds: (v, logits) for rounds, (v, _, logits) in asked.items()}, feed)
            for rounds, (v, logits) in found.items():
                capsules[rounds].append(v)
                answers[rounds].append(logits.argmax(axis=1))
        feed = {model.x: drawn, model.x_len: [length]}
        for rounds in ROUNDS:
            shares[rounds] = sess.run(asked[rounds][1], feed)[0][:length]
    answers = {rounds: np.concatenate(parts) for rounds, parts in answers.items()}
    capsules = {rounds: np.concatenate(parts) for rounds, parts in capsules.items()}
    rows, last = [], ROUNDS[-1]
    for rounds in ROUNDS:
        distance = np.linalg.norm(capsules[rounds] - capsules[last], axis=-1).mean()
        row = [rounds, float(np.mean(answers[rounds] == labels)), float(np.mean(answers[rounds] != answers[3]))]
        rows.append(row + [float(distance), float(shares[rounds].max(axis=1).mean())])
    columns = ["rounds", "test accuracy", "answers other than with 3", "capsules' distance to those of %d" % last]
    columns += ["largest coupling of a word, mean of the text drawn"]
    rows = [[round(value, 4) for value in row] for row in rows]
    for row in [columns] + rows:
        print("  ".join("%-12s" % item for item in row))
    names = word_names(folder)
    words = [names.get(int(number), "?") for number in drawn[0][:length]]
    path = draw(os.path.join(opts.output_dir, "rounds.png"), words, shares)
    print(path)
    kind = reuters.describe(folder)
    record = records.Record(opts, opts.script, "section 9.6.4", "%s, %d of the test part" % (kind, len(x)))
    record.table("Rounds of the trained network", columns, rows, "trained with 3 rounds, asked with others")
    record.file(path, "picture", "Couplings of one text, round by round", "一条新闻的耦合系数随路由轮数的变化")
    record.save()


def word_names(folder):
    """Id → word, as the listing's ids count: 1 begins a text, 2 is 'unknown'."""
    names = {rank + reuters.INDEX_FROM: word for word, rank in reuters.read_word_index(folder).items()}
    return {**names, reuters.START_ID: "<start>", reuters.OOV_ID: "<unknown>"}


if __name__ == "__main__":
    options.run(main)
