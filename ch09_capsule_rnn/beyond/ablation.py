"""What routing buys (section 9.6.6): six ways to make one vector of a text's word vectors, on the same encoder.

Routing, reverse routing, last state, mean, maximum and attention (aggregation.py) are each trained with several seeds; the
table gives mean and spread of the test accuracy at the epoch that was best on the validation part. A run that is finished is
not trained again: stop and start the script as you like, or do one row at a time (--ways mean).

Reads   reuters.npz (data set `reuters`)
Writes  output/capsule_rnn/<preset>/ablation/: <way>-<seed>/, record-ablation.json
Time    some ten minutes; tiny under a minute
"""

import argparse
import os

import numpy as np
import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn.beyond import aggregation, fast_rnn, fitting, reports
from common import datasets, files, options, run
from data import reuters

VALUES = [
    options.Value("seeds", 3, "runs of each way: --seed, --seed + 1, …", low=1, fixed=False, tiny=1),
    options.Value(
        "ways",
        list(aggregation.WAYS),
        "the ways that are trained in this call; the others' results are kept",
        choices=tuple(aggregation.WAYS),
        fixed=False,
        tiny=["mean", "routing"],
    ),
    options.Value("epochs", 5, "passes over the training part", low=1, tiny=1),
    options.Value("maxlen", listing.maxlen, "words kept of each newswire: its last ones", low=1, tiny=40),
    options.Value("rnn_units", [32], "units of the IndyLSTM layers", low=1, tiny=[12]),
    options.Value("embedding_size", 64, "numbers in a word's vector", low=1, tiny=24),
    options.Value("num_words", listing.num_words, "ids of this and above become 2, 'unknown word'", low=4, tiny=1000),
    options.Value("batch_size", listing.BATCH_SIZE, "newswires in a batch", low=1, tiny=20),
    options.Value("learning_rate", 0.003, "of Adam", low=0.0),
    options.Value("keep_prob", 0.8, "what is kept of each layer's output while training", low=0.01, high=1.0),
    options.Value("averaging", 0.0, "decay of the average of the weights; 0: none", low=0.0, high=0.9999),
    options.Value("validation", 0.1, "share of the training part held out to choose the epoch", low=0.01, high=0.9),
]


def build(opts, gather):
    """Trained word vectors, forward IndyLSTM, ``gather``, linear logits: a ``fitting.Model`` in the default graph."""
    x = tf.placeholder(tf.int32, [None, None], "x")
    x_len = tf.placeholder(tf.int32, [None], "x_len")
    y = tf.placeholder(tf.int32, [None], "y")
    is_train = tf.placeholder_with_default(False, [], "is_train")
    start = tf.random_uniform_initializer(-0.05, 0.05)  # Keras's Embedding layer
    table = tf.get_variable("embedding", [opts.num_words, opts.embedding_size], initializer=start)
    different, positions = tf.unique(tf.reshape(x, [-1]))
    positions = tf.reshape(positions, tf.shape(x))
    vectors = tf.nn.embedding_lookup(table, different)
    keep_prob = tf.where(is_train, opts.keep_prob, 1.0)
    outputs = fast_rnn.encoder(vectors, positions, x_len, opts.rnn_units, keep_prob)
    logits = tf.layers.dense(gather(outputs, x_len), listing.n_classes, name="topics")
    loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
    return fitting.Model(x, x_len, y, is_train, logits, tf.nn.softmax(logits), loss)


def run_folder(opts, way, seed):
    return os.path.join(opts.output_dir, "%s-%d" % (way, seed))


def train_one(way, seed, opts, parts):
    """Trains (or reads the result of) one run; returns its dictionary."""
    train, valid, test = parts
    folder = run_folder(opts, way, seed)
    settings = argparse.Namespace(**dict(vars(opts), seed=seed, output_dir=folder))
    print("-- %s, seed %d" % (way, seed))
    with tf.Graph().as_default():
        tf.set_random_seed(seed)
        model = build(settings, aggregation.WAYS[way])
        history = fitting.fit(model, settings, train, valid)
        with tf.Session(config=run.session_config(opts.threads)) as session:
            fitting.restore_best(session, folder, "ch09_capsule_rnn/beyond/ablation.py")
            predicted = fitting.predict(session, model, *test[:2]).argmax(axis=1)
    result = reports.scores(test[2], predicted)
    result["valid_accuracy"] = max(row["valid_accuracy"] for row in history)
    files.write_json(os.path.join(folder, "result.json"), result)
    return result


def result_of(opts, way, seed):
    """What an earlier call or this one wrote of a run; None where there is none, or one of other values, which is said."""
    folder = run_folder(opts, way, seed)
    path = os.path.join(folder, "result.json")
    if not os.path.exists(path):
        return None
    settings = options.load_values(folder, VALUES, "ch09_capsule_rnn/beyond/ablation.py")
    others = [row.name for row in VALUES if row.fixed and getattr(settings, row.name) != getattr(opts, row.name)]
    if others:
        print("%s, seed %d: left out, it was trained with another %s" % (way, seed, ", ".join(others)))
        return None
    return files.read_json(path)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, base="compare")
    opts.output_dir = os.path.join(opts.output_dir, "ablation")
    run.start(opts.seed)
    seeds = range(opts.seed, opts.seed + opts.seeds)
    runs = [run_folder(opts, way, seed) for way in aggregation.WAYS for seed in seeds]
    folder = datasets.locate("reuters", opts, required=reuters.REQUIRED, trained=runs)
    train, test = reuters.load_data(folder, opts.num_words)
    train, valid = reuters.hold_out(train, opts.validation)
    parts = [reuters.pad(part.texts, opts.maxlen) + (part.labels,) for part in (train, valid, test)]
    for way in opts.ways:
        for seed in seeds:
            train_one(way, seed, opts, parts)

    rows = []
    for way in aggregation.WAYS:
        results = [result for result in (result_of(opts, way, seed) for seed in seeds) if result]
        if results:
            tests = [result["accuracy"] for result in results]
            spread = float(np.std(tests, ddof=1)) if len(tests) > 1 else None
            means = [float(np.mean([result[key] for result in results])) for key in ("macro_f1", "valid_accuracy")]
            rows.append([way, len(results), float(np.mean(tests)), spread] + means)
            print(
                "%-10s %d runs: test accuracy %.4f ± %.4f, macro-F1 %.4f"
                % (way, len(tests), rows[-1][2], spread or 0, means[0])
            )
    columns = ["aggregation", "runs", "test accuracy", "standard deviation", "test macro-F1", "validation accuracy"]
    record = reports.record(opts, "section 9.6.6", folder, *parts)
    record.table("Ways to gather the words' vectors", columns, rows, reports.TINY_NOTE if opts.preset == "tiny" else "")
    record.save()


if __name__ == "__main__":
    options.run(main)
