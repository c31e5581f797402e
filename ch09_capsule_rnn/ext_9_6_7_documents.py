"""Section 9.6.7, built out: the two-level model for long documents, trained and compared with the flat one.

A document is sentences of words: 'RNN + routing' over the words of each sentence gives one vector a sentence, and 'RNN
+ routing' over the sentences gives one vector a document. Keras's corpus has lost its full stops, so a 'sentence' here
is a run of --sentence-words words. Both models see the same newswires (long ones only) with the same word vectors,
layers and capsules, each with several seeds: a difference smaller than the spread says nothing.

Reads   reuters.npz (data set `reuters`)
Writes  documents/flat-<seed>/ and documents/two_level-<seed>/ in the run's folder (checkpoints, history),
        record-ext_9_6_7_documents.json
Time    tiny under a minute, cpu about five minutes on a core that other work shares; resumes where it was stopped
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn import fast_rnn, reports, reuters
from common import datasets, options, records, training
from common.errors import UserError

PRESETS = {
    "book": dict(
        num_words=20000,
        maxlen=400,
        truncating="post",
        shortest=120,
        sentence_words=20,
        batch_size=50,
        embedding_size=128,
        rnn_units=[50, 30],
        keep_prob=0.8,
        out_caps_num=5,
        iter_num=3,
        learning_rate=0.002,
        epochs=12,
        sort_lengths=True,
        averaging=0.0,
        validation=0.1,
        patience=0,
        seeds=3,
    ),
    "cpu": dict(embedding_size=64, rnn_units=[32], epochs=8),
    "tiny": dict(
        num_words=1000,
        maxlen=60,
        shortest=20,
        sentence_words=10,
        batch_size=10,
        embedding_size=24,
        rnn_units=[16],
        epochs=2,
        seeds=2,
    ),
}
HELP = dict(
    shortest="newswires with fewer words are left out (they are one or two sentences)",
    sentence_words="words of a 'sentence'",
    seeds="how many seeds: --seed, --seed + 1, …",
)
MODELS = ("flat", "two_level")


def rnn_and_routing(vectors, positions, lengths, settings, keep_prob, scope):
    """'RNN + routing' over one level: vectors ``[K, E]`` at positions ``[B, T]`` → ``[B, capsules · U]``."""
    with tf.variable_scope(scope):
        outputs = fast_rnn.fast_encoder(vectors, positions, lengths, settings.rnn_units, keep_prob)
        return listing.routing_masked(
            outputs, lengths, settings.rnn_units[-1], settings.out_caps_num, settings.iter_num, fast=True
        )


def into_sentences(x, x_len, width):
    """Cuts texts into runs of ``width`` words.

    Args:
      x: int32 ``[B, T]`` with zeros behind the end; x_len: int32 ``[B]``.

    Returns:
      word ids int32 ``[B·S, width]``, words of each sentence int32 ``[B·S]`` (0 behind a text's end), and sentences of
      each text int32 ``[B]`` (at least 1); S is the number of the longest text.
    """
    batch, steps = tf.shape(x)[0], tf.shape(x)[1]
    sentences = (steps + width - 1) // width
    x = tf.pad(x, [[0, 0], [0, sentences * width - steps]])
    before = tf.range(sentences)[tf.newaxis] * width  # words before each sentence
    lengths = tf.clip_by_value(x_len[:, tf.newaxis] - before, 0, width)
    count = tf.maximum((x_len + width - 1) // width, 1)
    return tf.reshape(x, [batch * sentences, width]), tf.reshape(lengths, [-1]), count


def build(kind, settings):
    """The flat or the two-level model in the default graph, as a ``Model`` of listing 9-7."""
    x = tf.placeholder(tf.int32, [None, None], "x")
    x_len = tf.placeholder(tf.int32, [None], "x_len")
    y = tf.placeholder(tf.int32, [None], "y")
    is_train = tf.placeholder_with_default(False, [], "is_train")
    keep_prob = tf.where(is_train, settings.keep_prob, 1.0)
    start = tf.random_uniform_initializer(-0.05, 0.05)
    table = tf.get_variable("embedding", [settings.num_words, settings.embedding_size], initializer=start)
    if kind == "flat":
        words, lengths = x, x_len
    else:
        words, lengths, sentences = into_sentences(x, x_len, settings.sentence_words)
    different, positions = tf.unique(tf.reshape(words, [-1]))
    positions = tf.reshape(positions, tf.shape(words))
    vectors = tf.nn.embedding_lookup(table, different)
    gathered = rnn_and_routing(vectors, positions, lengths, settings, keep_prob, "words")
    if kind == "two_level":
        # Every sentence has its own vector: row b·S + s of `gathered` stands at place s of document b.
        rows = tf.reshape(tf.range(tf.shape(gathered)[0]), [tf.shape(x)[0], -1])
        gathered = rnn_and_routing(gathered, rows, sentences, settings, keep_prob, "sentences")
    logits = tf.layers.dense(gathered, listing.classes, name="topics")
    loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
    return listing.Model(x, x_len, y, is_train, logits, tf.nn.softmax(logits), loss)


def long_ones(part, shortest):
    """The newswires of at least ``shortest`` words."""
    rows = [row for row, text in enumerate(part.texts) if len(text) >= shortest]
    return reuters.Newswires([part.texts[row] for row in rows], part.labels[rows])


def train_one(kind, seed, opts, parts):
    """Trains (or resumes, or reads) one run.

    Returns:
      number of weights, validation accuracy of the best epoch, accuracy and macro-F1 on the test part, seconds an epoch.
    """
    train, valid, test = parts
    settings = argparse.Namespace(**dict(vars(opts), seed=seed))
    run = os.path.join(opts.output_dir, "documents", "%s-%d" % (kind, seed))
    print("-- %s, seed %d" % (kind, seed))
    with tf.Graph().as_default():
        tf.set_random_seed(seed)
        model = build(kind, settings)
        weights = int(sum(np.prod(variable.shape.as_list()) for variable in tf.trainable_variables()))
        history = listing.Trainer(model, settings, run).fit(train, valid)
        with tf.Session(config=training.session_config(opts.threads)) as session:
            listing.restore_best(session, run)
            predicted = listing.predict(session, model, *test[:2]).argmax(axis=1)
    result = reports.scores(test[2], predicted, len(test[2]))
    best = max(row["valid_accuracy"] for row in history)
    seconds = sum(row["seconds"] for row in history) / len(history)
    return weights, best, result["accuracy"], result["macro_f1"], seconds


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="capsule_rnn", argv=argv, help_texts=HELP)
    training.start(opts.seed)
    if opts.sentence_words < 1:
        raise UserError("--sentence-words is %d; a sentence has at least one word" % opts.sentence_words)
    folder = datasets.locate("reuters", opts, required=reuters.REQUIRED)
    train, test = [long_ones(part, opts.shortest) for part in reuters.load_data(folder, opts.num_words)]
    if not train.texts or not test.texts:
        raise UserError("no newswires of %d words or more in %s (--shortest)" % (opts.shortest, folder))
    train, valid = reuters.hold_out(train, opts.validation)
    train, valid, test = [
        reuters.pad(part.texts, opts.maxlen, opts.truncating) + (part.labels,) for part in (train, valid, test)
    ]
    print("%d long newswires to train on, %d to validate, %d to test" % (len(train[2]), len(valid[2]), len(test[2])))
    record = records.Record(
        opts, "ext_9_6_7_documents", "section 9.6.7", reports.describe_data(folder, train, valid, test)
    )
    rows = []
    for kind in MODELS:
        found = [train_one(kind, seed, opts, (train, valid, test)) for seed in range(opts.seed, opts.seed + opts.seeds)]
        weights, best, accuracy, macro_f1, seconds = [float(value) for value in np.mean(found, axis=0)]
        spread = float(np.std([run[2] for run in found], ddof=1)) if len(found) > 1 else None
        rows.append([kind, int(weights), len(found), accuracy, spread, best, macro_f1, seconds])
        print("%s: test accuracy %.4f ± %.4f, macro-F1 %.4f" % (kind, accuracy, spread or 0, macro_f1))
    columns = [
        "model",
        "weights",
        "runs",
        "test accuracy",
        "standard deviation",
        "validation accuracy",
        "test macro-F1",
        "seconds an epoch",
    ]
    note = "a tiny run on generated texts: shows the wiring, not the quality" if opts.preset == "tiny" else ""
    record.table("Two levels against one, newswires of %d words and more" % opts.shortest, columns, rows, note)
    record.save()


if __name__ == "__main__":
    options.run(main)
