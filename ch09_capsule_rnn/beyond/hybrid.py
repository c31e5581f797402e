"""A better model of listing 9-7's news: a linear machine, and IndyLSTM and routing that learn what it misses.

8,982 newswires are few for 2.5 million embedding weights that start from noise. Here the word vectors are fixed, and each word
brings its weights in a linear support vector machine along (word_vectors.py): the network begins as that machine. One IndyLSTM
layer in both directions and the listing's routing add to its logits. A hybrid: most of its accuracy is the linear machine's.

Reads   reuters.npz (data set `reuters`)
Writes  output/capsule_rnn/<preset>/hybrid/: settings.json, checkpoints/ (last epochs), best/ (best epoch on the validation
        part, or the last), history.json, summaries/, report.txt, confusion.png, curve.png, record-hybrid.json
Time    a minute or two; tiny: seconds. The first start compiles for some ten seconds more
Next    calibrate.py (when to believe it), predict.py (your own text), seeds.py; export.py ships preset small
"""

import os

import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn.beyond import fast_rnn, fast_routing, fitting, reports, word_vectors
from common import datasets, options, run
from common.errors import UserError
from data import reuters

# The values were chosen on a validation part (--validation 0.1) of the training texts; see docs/capsule_rnn.md.
VALUES = [
    options.Value("maxlen", 80, "words kept of each newswire; 0: all", low=0, whole=400, tiny=40),
    options.Value(
        "truncating",
        "post",
        "post keeps the first words of a long text, pre the last",
        choices=("post", "pre"),
        last80="pre",
    ),
    options.Value("epochs", 2, "passes over the training part", low=1, fixed=False, whole=1),
    options.Value("validation", 0.0, "share of the training part held out to choose the epoch", low=0.0, high=0.9),
    options.Value("batch_size", 100, "newswires in a batch", low=1, tiny=20),
    options.Value("learning_rate", 0.003, "of Adam", low=0.0, tiny=0.005),
    options.Value("rnn_units", [32], "units of the IndyLSTM layers, in each direction", low=1, tiny=[12]),
    options.Value(
        "num_words",
        listing.num_words,
        "ids of this and above become 2, 'unknown word'",
        low=4,
        more=True,
        small=10000,
        tiny=1000,
    ),
    options.Value("embedding_size", 128, "numbers in a word's vector", low=1, more=True, small=64, tiny=32),
    options.Value("out_caps_num", listing.out_caps_num, "capsules", low=1, more=True),
    options.Value("out_caps_dim", 16, "numbers in a capsule", low=1, more=True),
    options.Value("iter_num", 3, "rounds of routing", low=1, more=True),
    options.Value(
        "keep_prob", 0.7, "what is kept of each layer's output while training", low=0.01, high=1.0, more=True
    ),
    options.Value("word_keep_prob", 0.8, "what is kept of the words while training", low=0.01, high=1.0, more=True),
    options.Value("caps_keep_prob", 0.5, "what is kept of the capsules while training", low=0.01, high=1.0, more=True),
    options.Value(
        "averaging", 0.99, "decay of the average of the weights; 0: none", low=0.0, high=0.9999, more=True, tiny=0.9
    ),
    options.Value("folds", 5, "folds of the training texts for the linear machines", low=2, more=True, tiny=3),
    options.Value(
        "windows",
        0,
        "the linear machine sees windows of so many words as well; 0: none",
        low=0,
        more=True,
        last80=80,
        tiny=30,
    ),
    options.Value(
        "count_ratio",
        False,
        "the linear machine weighs words by their ratio of counts in a topic",
        more=True,
        last80=True,
    ),
]
MADE_BY = "ch09_capsule_rnn/beyond/hybrid.py"


def build(opts):
    """The hybrid in the default graph, as a ``fitting.Model``.

    ``x`` holds word + num_words · fold for training texts (word_vectors.py), and words for others.
    """
    x = tf.placeholder(tf.int32, [None, None], "x")
    x_len = tf.placeholder(tf.int32, [None], "x_len")
    y = tf.placeholder(tf.int32, [None], "y")
    is_train = tf.placeholder_with_default(False, [], "is_train")

    def keep(probability):
        return tf.where(is_train, probability, 1.0)

    read = x
    if opts.word_keep_prob < 1.0:  # a dropped word becomes an unknown one
        dropped = tf.logical_and(is_train, tf.random_uniform(tf.shape(x)) >= opts.word_keep_prob)
        read = tf.where(tf.logical_and(dropped, x > 0), x - x % opts.num_words + reuters.OOV_ID, x)
    words = read % opts.num_words
    table = tf.get_variable("embedding", [opts.num_words, opts.embedding_size], trainable=False)
    # The vectors of the batch's different words are fetched once, however often a word occurs.
    different, positions = tf.unique(tf.reshape(words, [-1]))
    positions = tf.reshape(positions, tf.shape(words))
    vectors = tf.nn.embedding_lookup(table, different)

    outputs = fast_rnn.encoder(vectors, positions, x_len, opts.rnn_units, keep(opts.keep_prob), bidirectional=True)
    gathered = listing.routing_masked(
        outputs, x_len, opts.out_caps_dim, opts.out_caps_num, opts.iter_num, route=fast_routing.routing_iter
    )
    gathered = tf.nn.dropout(gathered, keep_prob=keep(opts.caps_keep_prob))
    small = tf.variance_scaling_initializer(0.1)
    logits = tf.layers.dense(gathered, listing.n_classes, kernel_initializer=small, name="topics")

    # The network begins as the linear machine, and learns what that one misses.
    idf = tf.get_variable("idf", [opts.num_words], trainable=False)
    linear = tf.get_variable("linear", [(opts.folds + 1) * opts.num_words, listing.n_classes], trainable=False)
    bias = tf.get_variable("linear_bias", [opts.folds + 1, listing.n_classes], trainable=False)
    scale = tf.get_variable("linear_scale", [], initializer=tf.constant_initializer(4.0))
    sums = word_vectors.tfidf_sum([tf.gather(linear, read), tf.gather(vectors, positions)], words, x_len, idf)
    logits += scale * (sums[0] + tf.gather(bias, tf.reduce_max(x, 1) // opts.num_words))
    zero = tf.zeros_initializer()
    logits += tf.layers.dense(sums[1], listing.n_classes, use_bias=False, kernel_initializer=zero, name="shortcut")
    loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
    return fitting.Model(x, x_len, y, is_train, logits, tf.nn.softmax(logits), loss)


def load_parts(folder, opts):
    """Training, validation (or None) and test part as ``(table, lengths, labels)``, and the variables' start values."""
    train, test = reuters.load_data(folder, opts.num_words)
    valid = None
    if opts.validation:
        train, valid = reuters.hold_out(train, opts.validation)
    more, labels, owners = word_vectors.add_windows(train.texts, train.labels, opts.windows)
    fold = word_vectors.deal_out(owners, opts.folds)
    start_values = word_vectors.fit_or_read(opts.output_dir, more, labels, fold, opts, listing.n_classes)
    # The windows come behind the texts, and the network trains on the texts alone: a window from the middle of a text is
    # not what it is asked about later.
    texts = [[word + opts.num_words * number for word in text] for text, number in zip(train.texts, fold)]
    parts = [
        part and reuters.pad(part.texts, opts.maxlen, opts.truncating) + (part.labels,)
        for part in (reuters.Newswires(texts, train.labels), valid, test)
    ]
    return parts, start_values


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, base="first80")
    opts.output_dir = os.path.join(opts.output_dir, "hybrid")
    run.start(opts.seed)
    folder = datasets.locate("reuters", opts, required=reuters.REQUIRED)
    topics = reuters.read_topics(folder)
    (train, valid, test), start_values = load_parts(folder, opts)
    if len(train[2]) < opts.batch_size:
        raise UserError("%d newswires are less than one batch of %d" % (len(train[2]), opts.batch_size))
    model = build(opts)
    print("the model has %d weights" % fitting.count_weights())
    history = fitting.fit(model, opts, train, valid, start_values)

    with tf.Session(config=run.session_config(opts.threads)) as session:
        fitting.restore_best(session, opts.output_dir, MADE_BY)
        probabilities = fitting.predict(session, model, *test[:2])
        seen = fitting.accuracy(fitting.predict(session, model, train[0] % opts.num_words, train[1]), train[2])
    record = reports.record(opts, "section 9.6.6", folder, train, valid, test)
    record.metric("weights", fitting.count_weights())
    reports.evaluate(record, opts, topics, history, probabilities, test[2], seen)
    record.save()


if __name__ == "__main__":
    options.run(main)
