"""Listing 9-7 (sections 9.6.1 to 9.6.6): sort Reuters news into 46 topics with an IndyLSTM RNN and dynamic routing.

Each word of a newswire becomes one vector (embedding, three IndyLSTM layers); dynamic routing (Gong et al. 2018, arXiv
1806.01501) gathers the vectors of all words into five capsules, and a dense layer turns them into 46 logits.

Reads   reuters.npz (data set `reuters`)
Writes  output/capsule_rnn/<preset>/: settings.json, checkpoints/, losses.json, record-code_9_07_routing_rnn.json
Time    tiny under a minute, book some ten minutes on two cores
Differs from the print: E01, E04, E08, E09. Kept as printed, though marked: E02, E03, E05, E06, E07
Beyond it: beyond/fast.py (the same training by compiled loops), beyond/evaluate.py, beyond/hybrid.py (a better model)
Next: ext_9_6_7_documents.py, beyond/evaluate.py
"""

import collections
import os

import numpy as np
import tensorflow as tf

from common import datasets, files, options, run
from common.errors import UserError
from data import reuters

# 9.6.1
num_words = 20000
maxlen = 80
BATCH_SIZE = 100
# 9.6.5
nb_features = 128
hidden = [100, 50, 30]
out_caps_num = 5
n_classes = 46
learning_rate = 0.001
# 9.6.6
EPOCHS = 20

VALUES = [
    options.Value("num_words", num_words, "ids of this and above become 2, 'unknown word'", low=4, tiny=1000),
    options.Value("maxlen", maxlen, "words kept of each newswire: its last ones", low=1, tiny=40),
    options.Value("batch_size", BATCH_SIZE, "newswires in a batch", low=1, tiny=20),
    options.Value("nb_features", nb_features, "numbers in a word's vector", low=1, tiny=32),
    options.Value("hidden", hidden, "units of the IndyLSTM layers", low=1, tiny=[24, 16, 12]),
    options.Value("out_caps_num", out_caps_num, "capsules", low=1),
    options.Value("learning_rate", learning_rate, "of Adam", low=0.0, tiny=0.005),
    options.Value("epochs", EPOCHS, "passes over the training part", low=1, fixed=False, tiny=4),
]


def mkMask(input_tensor, maxLen):
    """Lengths of any shape → boolean mask with one more axis of size ``maxLen`` (section 9.6.2)."""
    shape_of_input = tf.shape(input_tensor)
    shape_of_output = tf.concat(axis=0, values=[shape_of_input, [maxLen]])
    oneDtensor = tf.reshape(input_tensor, shape=(-1,))
    flat_mask = tf.sequence_mask(oneDtensor, maxlen=maxLen)
    return tf.reshape(flat_mask, shape_of_output)


def shared_routing_uhat(caps, out_caps_num, out_caps_dim, scope=None):
    """What each word proposes to each capsule, by one layer for all (9.6.3): ``[B, T, D]`` → ``[B, T, num, dim]``, −1…1."""
    batch_size, maxlen = tf.shape(caps)[0], tf.shape(caps)[1]
    with tf.variable_scope(scope or "shared_routing_uhat"):
        caps_uhat = tf.layers.dense(caps, out_caps_num * out_caps_dim, activation=tf.tanh)
        caps_uhat = tf.reshape(caps_uhat, shape=[batch_size, maxlen, out_caps_num, out_caps_dim])
    return caps_uhat


def masked_routing_iter(caps_uhat, seqLen, iter_num):
    """Dynamic routing over the words of texts of different length (section 9.6.4).

    Args:
      caps_uhat: float32 ``[B, T, N, D]``; seqLen: int ``[B]``, an empty text counts as one word long.
      iter_num: rounds.

    Returns:
      ``(V, S)``: the capsules after and before squashing, float32 ``[B, N, D]``.
    """
    assert iter_num > 0
    batch_size, maxlen = tf.shape(caps_uhat)[0], tf.shape(caps_uhat)[1]
    out_caps_num = int(caps_uhat.get_shape()[2])
    seqLen = tf.where(tf.equal(seqLen, 0), tf.ones_like(seqLen), seqLen)
    mask = mkMask(seqLen, maxlen)  # [B, T]
    floatmask = tf.cast(tf.expand_dims(mask, axis=-1), dtype=tf.float32)  # [B, T, 1]

    B = tf.zeros([batch_size, maxlen, out_caps_num], dtype=tf.float32)
    for i in range(iter_num):  # noqa: B007 (the print's name)
        C = tf.nn.softmax(B, axis=2)  # [B, T, N]
        C = tf.expand_dims(C * floatmask, axis=-1)  # [B, T, N, 1]
        weighted_uhat = C * caps_uhat  # [B, T, N, D]
        S = tf.reduce_sum(weighted_uhat, axis=1)  # [B, N, D]
        V = _squash(S, axes=[2])
        V = tf.expand_dims(V, axis=1)  # [B, 1, N, D]
        B = tf.reduce_sum(caps_uhat * V, axis=-1) + B

    V_ret = tf.squeeze(V, axis=[1])
    S_ret = S
    return V_ret, S_ret


def _squash(in_caps, axes):
    """Shrinks vectors along ``axes`` to a length below 1: ``|s|²/(1 + |s|²) · s/√(|s|² + 1e-9)`` (section 9.6.4)."""
    _EPSILON = 1e-9
    vec_squared_norm = tf.reduce_sum(tf.square(in_caps), axis=axes, keepdims=True)
    scalar_factor = vec_squared_norm / (1 + vec_squared_norm) / tf.sqrt(vec_squared_norm + _EPSILON)
    vec_squashed = scalar_factor * in_caps
    return vec_squashed


def routing_masked(
    in_x,
    xLen,
    out_caps_dim,
    out_caps_num,
    iter_num=3,
    dropout=None,
    is_train=False,
    scope=None,
    route=masked_routing_iter,
):
    """Gathers an RNN's outputs into a few capsules (section 9.6.4).

    Args:
      in_x: float32 ``[B, T, D]`` with a known D; xLen: int ``[B]``.
      dropout: share dropped of the result where ``is_train`` (a Python or a tensor's truth).
      route: the routing itself; not in the print, where it is always ``masked_routing_iter``.

    Returns:
      float32 ``[B, out_caps_num · out_caps_dim]``.
    """
    assert len(in_x.get_shape()) == 3 and in_x.get_shape()[-1].value is not None
    b_sz = tf.shape(in_x)[0]
    with tf.variable_scope(scope or "routing"):
        caps_uhat = shared_routing_uhat(in_x, out_caps_num, out_caps_dim, scope="rnn_caps_uhat")
        attn_ctx, S = route(caps_uhat, xLen, iter_num)
        attn_ctx = tf.reshape(attn_ctx, shape=[b_sz, out_caps_num * out_caps_dim])
        if dropout is not None:
            attn_ctx = tf.layers.dropout(attn_ctx, rate=dropout, training=is_train)
    return attn_ctx


def indy_lstm_rnn(embeddings, x_len, hidden, keep_prob):
    """Stacked IndyLSTM cells with dropout of their outputs (9.6.5): ``[B, T, E]`` → ``[B, T, hidden[-1]]``."""
    stacked_rnn = []
    for i in range(len(hidden)):
        cell = tf.contrib.rnn.IndyLSTMCell(hidden[i])
        stacked_rnn.append(tf.nn.rnn_cell.DropoutWrapper(cell, output_keep_prob=keep_prob))
    mcell = tf.nn.rnn_cell.MultiRNNCell(stacked_rnn)
    # Erratum E05 (kept): x_len is not used, so the RNN goes on through the padding; routing hides those steps.
    rnnoutputs, _ = tf.nn.dynamic_rnn(mcell, embeddings, dtype=tf.float32)
    return rnnoutputs


Model = collections.namedtuple("Model", "x x_len y is_train pred cost optimizer")


def build(opts, rnn=indy_lstm_rnn, route=masked_routing_iter):
    """The model of section 9.6.5 in the default graph; ``rnn`` and ``route`` are parts that others can be put in for."""
    x = tf.placeholder("float", [None, opts.maxlen])  # Erratum E06 (kept): word ids as floats
    x_len = tf.placeholder(tf.int32, [None])
    y = tf.placeholder(tf.int32, [None])
    # Erratum E01: the printed dropout is always on; here only where is_train is fed.
    is_train = tf.placeholder_with_default(False, [])
    embeddings = tf.keras.layers.Embedding(opts.num_words, opts.nb_features)(x)

    rnnoutputs = rnn(embeddings, x_len, opts.hidden, tf.where(is_train, 0.8, 1.0))
    outputs = routing_masked(
        rnnoutputs, x_len, int(rnnoutputs.get_shape()[-1]), opts.out_caps_num, iter_num=3, route=route
    )
    # Erratum E03 (kept): a topic whose logit is negative gets no gradient through ReLU.
    pred = tf.layers.dense(outputs, n_classes, activation=tf.nn.relu)

    # Erratum E07 (kept): the mean of a loss that is a mean already.
    cost = tf.reduce_mean(tf.losses.sparse_softmax_cross_entropy(logits=pred, labels=y))
    optimizer = tf.train.AdamOptimizer(opts.learning_rate).minimize(cost)
    return Model(x, x_len, y, is_train, pred, cost, optimizer)


def main(argv=None, script=__file__, rnn=indy_lstm_rnn, route=masked_routing_iter):  # Erratum E09: no work at import
    opts = options.parse_values(script, __doc__, VALUES, argv=argv)
    run.start(opts.seed)
    folder = datasets.locate("reuters", opts, required=[reuters.ARRAYS_FILE])

    print("Loading data...")
    # Erratum E04: Keras's loader fails on NumPy 1.16.3 and later, and does not look where its path says.
    (x_train, y_train), (x_test, y_test) = reuters.load_data(folder, opts.num_words)
    x_train = tf.keras.preprocessing.sequence.pad_sequences(x_train, maxlen=opts.maxlen, padding="post")
    x_test = tf.keras.preprocessing.sequence.pad_sequences(x_test, maxlen=opts.maxlen, padding="post")
    print("Pad sequences x_train shape:", x_train.shape)
    leng = np.count_nonzero(x_train, axis=1)
    print(leng[:3])
    if len(x_train) < opts.batch_size:
        raise UserError("%d newswires are less than one batch of %d" % (len(x_train), opts.batch_size))

    # The number of the epoch shuffles it: a resumed run sees the order that an unbroken one sees.
    shuffle_seed = tf.placeholder(tf.int64, [])
    dataset = tf.data.Dataset.from_tensor_slices(((x_train, leng), y_train)).shuffle(1000, seed=shuffle_seed)
    dataset = dataset.batch(opts.batch_size, drop_remainder=True)

    x, x_len, y, is_train, pred, cost, optimizer = build(opts, rnn, route)

    iterator1 = tf.data.Iterator.from_structure(dataset.output_types, dataset.output_shapes)
    one_element1 = iterator1.get_next()
    initializer1 = iterator1.make_initializer(dataset)

    kind = reuters.describe(folder)
    saver = tf.train.Saver(max_to_keep=2)
    losses_file = os.path.join(opts.output_dir, "losses.json")
    with run.Run(opts) as this, tf.Session(config=run.session_config(opts.threads)) as sess:
        record = this.record("listing 9-7", "%s: %d train, %d test" % (kind, len(x_train), len(x_test)))
        sess.run(initializer1, {shuffle_seed: 0})
        sess.run(tf.global_variables_initializer())
        done = this.restore(saver, sess)
        if done:
            sess.run(initializer1, {shuffle_seed: done})
        losses = files.read_json(losses_file, list)[:done] if done else []
        for ii in range(done, opts.epochs):  # Erratum E08: not twice, as the printed comment has it
            alloss = []
            bar = this.bar(total=len(x_train) // opts.batch_size, desc="epoch %d of %d" % (ii + 1, opts.epochs))
            while not this.stopping:
                try:
                    inp, target = sess.run(one_element1)
                    feed = {x: inp[0], x_len: inp[1], y: target, is_train: True}
                    _, loss = sess.run([optimizer, cost], feed_dict=feed)
                    this.check(ii + 1, loss=loss)
                    alloss.append(loss)
                    bar.update()
                except tf.errors.OutOfRangeError:
                    bar.close()
                    print("step", ii + 1, ": loss=", np.mean(alloss), flush=True)
                    losses.append(float(np.mean(alloss)))
                    files.write_json(losses_file, losses)
                    this.save(saver, sess, ii + 1)
                    sess.run(initializer1, {shuffle_seed: ii + 1})
                    break
            bar.close()
            if this.stopping:  # an epoch cut short is not counted: it starts again
                break

    # Erratum E02 (kept): nothing is measured on x_test; beyond/evaluate.py does it.
    printed = (
        {1: "3.4340985", 2: "2.349189", 19: "0.69928074", 20: "0.65264946"}
        if opts.preset == "book" and not opts.explicit
        else {}
    )
    rows = [[step, loss, printed.get(step)] for step, loss in enumerate(losses, 1)]
    record.table("Training", ["step", "loss", "printed loss"], rows)
    record.save()


if __name__ == "__main__":
    options.run(main)
