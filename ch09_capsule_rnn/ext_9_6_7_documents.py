"""The exercise of section 9.6.7: a two-level model for long documents, trained and compared with the flat one.

A document is sentences of words: 'RNN + routing' over the words of each sentence gives one vector a sentence, and 'RNN +
routing' over the sentences gives one vector a document (figure 9-14). Keras's corpus has lost its full stops, so a 'sentence'
here is a run of --sentence-words words. Both models see the same newswires (long ones only) with the same layers, each with
several seeds: a difference smaller than the spread says nothing.

Reads   reuters.npz (data set `reuters`)
Writes  output/capsule_rnn/<preset>/documents/: flat-<seed>/, two_level-<seed>/ (checkpoints, history.json),
        record-ext_9_6_7_documents.json
Time    tiny under a minute; book over an hour, as dynamic_rnn goes word by word (beyond/documents.py: minutes); goes on where
        it was stopped
"""

import argparse
import os

import numpy as np
import tensorflow as tf
from sklearn import metrics

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from common import datasets, files, options, records, run
from common.errors import UserError
from data import reuters

VALUES = [
    options.Value("shortest", 120, "newswires with fewer words are left out: one or two sentences", low=1, tiny=20),
    options.Value("maxlen", 400, "words kept of each newswire: its first ones", low=1, tiny=60),
    options.Value("sentence_words", 20, "words of a 'sentence'", low=1, tiny=10),
    options.Value("epochs", 12, "passes over the training part", low=1, fixed=False, tiny=2),
    options.Value("seeds", 3, "runs of each model: --seed, --seed + 1, …", low=1, fixed=False, tiny=1),
    options.Value("batch_size", 50, "newswires in a batch", low=1, tiny=10),
    options.Value("nb_features", 64, "numbers in a word's vector", low=1, tiny=24),
    options.Value("hidden", [32], "units of the IndyLSTM layers, on each level", low=1, tiny=[16]),
    options.Value("out_caps_num", listing.out_caps_num, "capsules, on each level", low=1),
    options.Value("learning_rate", 0.002, "of Adam", low=0.0),
    options.Value("validation", 0.1, "share of the training part held out to choose the epoch", low=0.01, high=0.9),
    options.Value("num_words", listing.num_words, "ids of this and above become 2, 'unknown word'", low=4, tiny=1000),
]
KINDS = ("flat", "two_level")


def rnn_and_routing(vectors, lengths, opts, keep_prob, scope, rnn, route):
    """'RNN + routing' over one level: vectors ``[B, T, E]``, lengths ``[B]`` → ``[B, capsules · units]``."""
    with tf.variable_scope(scope):
        outputs = rnn(vectors, lengths, opts.hidden, keep_prob)
        return listing.routing_masked(outputs, lengths, opts.hidden[-1], opts.out_caps_num, iter_num=3, route=route)


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


def build(kind, opts, rnn=listing.indy_lstm_rnn, route=listing.masked_routing_iter):
    """The flat or the two-level model in the default graph, as a ``Model`` of listing 9-7 (logits without ReLU: see E03)."""
    x = tf.placeholder(tf.int32, [None, None])
    x_len = tf.placeholder(tf.int32, [None])
    y = tf.placeholder(tf.int32, [None])
    is_train = tf.placeholder_with_default(False, [])
    keep_prob = tf.where(is_train, 0.8, 1.0)
    words, lengths = x, x_len
    if kind == "two_level":
        words, lengths, sentences = into_sentences(x, x_len, opts.sentence_words)
    embeddings = tf.keras.layers.Embedding(opts.num_words, opts.nb_features)(words)
    outputs = rnn_and_routing(embeddings, lengths, opts, keep_prob, "words", rnn, route)
    if kind == "two_level":
        width = outputs.shape[1].value
        outputs = tf.reshape(outputs, [tf.shape(x)[0], -1, width])  # a row a document, a vector a sentence
        outputs = rnn_and_routing(outputs, sentences, opts, keep_prob, "sentences", rnn, route)
    pred = tf.layers.dense(outputs, listing.n_classes)
    cost = tf.losses.sparse_softmax_cross_entropy(logits=pred, labels=y)
    optimizer = tf.train.AdamOptimizer(opts.learning_rate).minimize(cost)
    return listing.Model(x, x_len, y, is_train, pred, cost, optimizer)


def scores(sess, model, part):
    """Accuracy and macro-F1 (over the topics that occur) of ``(table, lengths, labels)``."""
    table, lengths, labels = part
    found = []
    for start in range(0, len(labels), 100):
        rows = slice(start, start + 100)
        feed = {model.x: table[rows, : lengths[rows].max()], model.x_len: lengths[rows]}
        found.append(sess.run(model.pred, feed).argmax(axis=1))
    found = np.concatenate(found)
    macro_f1 = metrics.f1_score(labels, found, labels=np.unique(labels), average="macro")
    return float(np.mean(found == labels)), float(macro_f1)


def train(kind, seed, opts, parts, rnn, route):
    """Trains (or goes on with) one run; returns its history, a dictionary an epoch."""
    settings = argparse.Namespace(**dict(vars(opts), seed=seed))
    settings.output_dir = os.path.join(opts.output_dir, "%s-%d" % (kind, seed))
    history_file = os.path.join(settings.output_dir, "history.json")
    (x_train, leng, y_train), valid, test = parts
    print("-- %s, seed %d" % (kind, seed), flush=True)
    with tf.Graph().as_default():
        tf.set_random_seed(seed)
        shuffle_seed = tf.placeholder(tf.int64, [])
        dataset = tf.data.Dataset.from_tensor_slices(((x_train, leng), y_train)).shuffle(10000, seed=shuffle_seed)
        dataset = dataset.batch(opts.batch_size, drop_remainder=True)
        iterator1 = tf.data.Iterator.from_structure(dataset.output_types, dataset.output_shapes)
        one_element1, initializer1 = iterator1.get_next(), iterator1.make_initializer(dataset)
        model = build(kind, opts, rnn, route)
        saver = tf.train.Saver(max_to_keep=2)
        with run.Run(settings) as this, tf.Session(config=run.session_config(opts.threads)) as sess:
            sess.run(tf.global_variables_initializer())
            done = this.restore(saver, sess)
            history = files.read_json(history_file, list)[:done] if done else []
            for ii in range(done, opts.epochs):
                sess.run(initializer1, {shuffle_seed: ii})
                alloss = []
                for _ in this.bar(
                    range(len(x_train) // opts.batch_size), desc="epoch %d of %d" % (ii + 1, opts.epochs)
                ):
                    if this.stopping:
                        break
                    inp, target = sess.run(one_element1)
                    feed = {
                        model.x: inp[0][:, : inp[1].max()],
                        model.x_len: inp[1],
                        model.y: target,
                        model.is_train: True,
                    }
                    loss = sess.run([model.cost, model.optimizer], feed)[0]
                    this.check(ii + 1, loss=loss)
                    alloss.append(loss)
                if this.stopping:  # an epoch cut short is not counted: it starts again
                    break
                accuracy, macro_f1 = scores(sess, model, test)
                row = dict(loss=float(np.mean(alloss)), test_accuracy=accuracy, test_macro_f1=macro_f1)
                row["valid_accuracy"] = scores(sess, model, valid)[0]
                print("step %d : loss= %.5f  validation accuracy %.4f" % (ii + 1, row["loss"], row["valid_accuracy"]))
                history.append(row)
                files.write_json(history_file, history)
                this.save(saver, sess, ii + 1)
    return history


def read_parts(folder, opts):
    """Training, validation and test part of the long newswires, as ``(table, lengths, labels)``."""
    parts = []
    for part in reuters.load_data(folder, opts.num_words):
        rows = [row for row, text in enumerate(part.texts) if len(text) >= opts.shortest]
        parts.append(reuters.Newswires([part.texts[row] for row in rows], part.labels[rows]))
    train, test = parts
    train, valid = reuters.hold_out(train, opts.validation)
    if len(train.texts) < opts.batch_size or not valid.texts or not test.texts:
        raise UserError(
            "%s has too few newswires of %d words or more: %d to train on, %d for validation, %d to test; change --shortest,"
            " --validation or --batch-size"
            % (folder, opts.shortest, *(len(part.texts) for part in (train, valid, test)))
        )
    return [reuters.pad(part.texts, opts.maxlen, "post") + (part.labels,) for part in (train, valid, test)]


def main(argv=None, script=__file__, rnn=listing.indy_lstm_rnn, route=listing.masked_routing_iter):
    opts = options.parse_values(script, __doc__, VALUES, argv=argv)
    opts.output_dir = os.path.join(opts.output_dir, "documents")
    run.start(opts.seed)
    folder = datasets.locate("reuters", opts, required=[reuters.ARRAYS_FILE])
    parts = read_parts(folder, opts)
    sizes = "%d train, %d validation, %d test" % tuple(len(part[2]) for part in parts)
    print("long newswires: " + sizes)
    rows = []
    for kind in KINDS:
        best = []  # of each run, the epoch that is best on the validation part
        for seed in range(opts.seed, opts.seed + opts.seeds):
            best.append(max(train(kind, seed, opts, parts, rnn, route), key=lambda row: row["valid_accuracy"]))
        accuracy, macro_f1, valid = [
            float(np.mean([row[key] for row in best])) for key in ("test_accuracy", "test_macro_f1", "valid_accuracy")
        ]
        spread = float(np.std([row["test_accuracy"] for row in best], ddof=1)) if len(best) > 1 else None
        rows.append([kind, len(best), accuracy, spread, macro_f1, valid])
        print("%s: test accuracy %.4f ± %.4f, macro-F1 %.4f" % (kind, accuracy, spread or 0, macro_f1))
    kind = reuters.describe(folder)
    record = records.Record(
        opts, opts.script, "section 9.6.7", "%s of %d words and more: %s" % (kind, opts.shortest, sizes)
    )
    columns = ["model", "runs", "test accuracy", "standard deviation", "test macro-F1", "validation accuracy"]
    note = "a tiny run on generated texts: shows the wiring, not the quality" if opts.preset == "tiny" else ""
    record.table("Two levels against one", columns, rows, note)
    record.save()


if __name__ == "__main__":
    options.run(main)
