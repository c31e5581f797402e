"""What simple methods reach on the same split, so that the figures of listing 9-7 and of the hybrid can be judged.

A linear support vector machine on log-tf-idf of the words (scikit-learn), on the last 80 words, the first 80, and whole texts;
and the dense network on a bag of 10,000 words of Chollet's 'Deep Learning with Python' (section 3.5). Neither knows the order of
the words.

Reads   reuters.npz and reuters_word_index.json (data set `reuters`)
Writes  output/capsule_rnn/<preset>/record-yardsticks.json
Time    about a minute
"""

import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from ch09_capsule_rnn.beyond import reports
from common import datasets, options, records, run
from data import reuters

VALUES = [
    options.Value("num_words", 20000, "ids of this and above become 2, 'unknown word'", low=4),
    options.Value("penalty", 0.5, "C of the support vector machine", low=1e-6),
    options.Value("bag_words", 10000, "words of the bag", low=4),
    options.Value("epochs", 9, "of the dense network", low=1, tiny=4),
    options.Value("batch_size", 512, "of the dense network", low=1, tiny=50),
]
KEPT = (("last 80 words", slice(-80, None)), ("first 80 words", slice(80)), ("all words", slice(None)))


def linear_svm(train, test, kept, penalty):
    """Predicted labels of the test part by a linear SVM on log-tf-idf.

    Args:
      train, test: ``Newswires``.
      kept: slice of the words that are kept of each text.
      penalty: scikit-learn's C.
    """
    weigh = TfidfVectorizer(analyzer=lambda text: text[kept], sublinear_tf=True)
    table = weigh.fit_transform(train.texts)
    return LinearSVC(C=penalty).fit(table, train.labels).predict(weigh.transform(test.texts))


def bag_of_words(texts, words):
    """float32 ``[N, words]``: 1 where the word id occurs (ids from ``words`` on: 2)."""
    bags = np.zeros([len(texts), words], np.float32)
    for row, text in enumerate(texts):
        bags[row, [word if word < words else reuters.OOV_ID for word in text]] = 1.0
    return bags


def dense_network(train, test, opts):
    """Predicted labels of the test part by two layers of 64 ReLU units on a bag of words (RMSprop, learning rate 0.001)."""
    tf.set_random_seed(opts.seed)
    tf.keras.backend.set_session(tf.Session(config=run.session_config(opts.threads)))
    layers = [tf.keras.layers.Dense(64, activation="relu") for _ in range(2)]
    layers.append(tf.keras.layers.Dense(len(reuters.TOPICS), activation="softmax"))
    network = tf.keras.Sequential(layers)
    network.compile("rmsprop", "sparse_categorical_crossentropy")
    random = np.random.RandomState(opts.seed)
    for _ in range(opts.epochs):
        order = random.permutation(len(train.texts))
        for start in range(0, len(order), opts.batch_size):
            rows = order[start : start + opts.batch_size]
            bags = bag_of_words([train.texts[row] for row in rows], opts.bag_words)
            network.train_on_batch(bags, train.labels[rows])
    parts = [test.texts[start : start + 500] for start in range(0, len(test.texts), 500)]
    results = [network.predict_on_batch(bag_of_words(part, opts.bag_words)) for part in parts]
    tf.keras.backend.clear_session()
    return np.concatenate(results).argmax(axis=1)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, base="compare")
    run.start(opts.seed)
    folder = datasets.locate("reuters", opts, required=reuters.REQUIRED)
    train, test = reuters.load_data(folder, opts.num_words)
    data = reuters.describe(folder)
    record = records.Record(opts, opts.script, "section 9.6.6", data)
    rows = []

    def add(name, predicted):
        result = reports.scores(test.labels, predicted)
        rows.append([name, result["accuracy"], result["macro_f1"]])
        print("%-46s accuracy %.4f  macro-F1 %.4f" % tuple(rows[-1]), flush=True)

    most_common = np.bincount(train.labels).argmax()
    add("most frequent topic", np.full(len(test.labels), most_common))
    for name, kept in KEPT:
        add("linear SVM on log-tf-idf, " + name, linear_svm(train, test, kept, opts.penalty))
    add("dense network, bag of %d words" % opts.bag_words, dense_network(train, test, opts))
    record.table("Yardsticks", ["method", "test accuracy", "test macro-F1"], rows)
    record.save()


if __name__ == "__main__":
    options.run(main)
