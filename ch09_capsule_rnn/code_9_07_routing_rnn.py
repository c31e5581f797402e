"""Listing 9-7 (sections 9.6.1 to 9.6.6): sort Reuters news into 46 topics with an IndyLSTM and dynamic routing.

Each word of a newswire becomes one vector (embedding, three IndyLSTM layers); dynamic routing gathers the vectors of all
words into five capsules, and a dense layer turns them into 46 logits. The script trains, prints the book's line after each
epoch, and then what the book leaves out: accuracy and macro-F1 on the test part, a report by topic, the confusion matrix.

Reads   reuters.npz and reuters_word_index.json (data set `reuters`)
Writes  output/capsule_rnn/<preset>/: settings.json, checkpoints/ (last epochs), best/ (best epoch on the validation part),
        history.json, summaries/, report.txt, confusion.png, curve.png, record-code_9_07_routing_rnn.json
Time    on two idle cores: tiny under a minute, book about 10 minutes, cpu (first 80 words), last80 and whole (whole texts)
        a minute or two
Next    ext_9_6_predict.py (classify your own text and see what the capsules listened to), ext_9_6_6_compare.py,
        ext_9_6_7_documents.py
"""

import os
import sys
import time
import warnings

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ch09_capsule_rnn import aggregation, fast_rnn, fast_routing, reports, reuters, word_vectors
from common import datasets, options, records, training
from common.errors import UserError

# 9.6.1, 9.6.5: the printed constants
num_words = 20000
maxlen = 80
batch_size = 100
embedding_size = 128
rnn_units = [100, 50, 30]
keep_prob = 0.8
out_caps_num = 5
iter_num = 3
learning_rate = 0.001
epochs = 20
classes = 46

# Extra: what was chosen on a validation part (--validation 0.1) of the training texts; see the README.
_BETTER = dict(
    rnn_units=[32],
    bidirectional=True,
    keep_prob=0.7,
    out_caps_dim=16,
    learning_rate=0.003,
    epochs=2,
    logits="linear",
    start="linear",
    word_keep_prob=0.8,
    caps_keep_prob=0.5,
    averaging=0.99,
    sort_lengths=True,
)

PRESETS = {
    "book": dict(
        num_words=num_words,
        maxlen=maxlen,
        truncating="pre",
        batch_size=batch_size,
        embedding_size=embedding_size,
        rnn_units=rnn_units,
        keep_prob=keep_prob,
        out_caps_num=out_caps_num,
        out_caps_dim=0,
        iter_num=iter_num,
        learning_rate=learning_rate,
        epochs=epochs,
        logits="relu",
        # Extra: everything below is not in the book; the values of `book` leave it out.
        recurrence="fast",
        aggregation="routing",
        bidirectional=False,
        start="random",
        folds=5,
        windows=0,
        count_ratio=False,
        embedding_keep_prob=1.0,
        word_keep_prob=1.0,
        caps_keep_prob=1.0,
        label_smoothing=0.0,
        averaging=0.0,
        sort_lengths=False,
        validation=0.0,
        patience=0,
    ),
    "cpu": dict(_BETTER, truncating="post"),
    "last80": dict(_BETTER, truncating="pre", windows=80, count_ratio=True),  # the book's own words
    "whole": dict(_BETTER, truncating="post", maxlen=400, epochs=1),
    "tiny": dict(
        num_words=1000,
        maxlen=40,
        batch_size=20,
        embedding_size=32,
        rnn_units=[24, 16, 12],
        learning_rate=0.005,
        epochs=4,
        logits="linear",
        validation=0.1,
    ),
}

HELP = dict(
    num_words="ids of this and above become 2, 'unknown word'",
    maxlen="words kept of each newswire; 0: all",
    truncating="pre keeps the last words of a long text, post the first",
    rnn_units="units of the IndyLSTM layers, in each direction",
    keep_prob="what is kept of each layer's output while training",
    out_caps_dim="length of a capsule; 0: as wide as the last layer",
    iter_num="rounds of routing",
    logits="relu (as printed) or linear",
    recurrence="fast, or printed (tf.nn.dynamic_rnn, routing word by word): the same numbers",
    aggregation="how the words' vectors become one: %s" % ", ".join(aggregation.NAMES),
    bidirectional="each layer reads the text in both directions",
    start="random: word vectors begin as noise; linear: they are fixed and bring a linear classifier along (word_vectors.py)",
    folds="folds of the training texts for --start linear",
    windows="--start linear is fitted to windows of this many words of the training texts as well; 0: none",
    count_ratio="--start linear weighs each word by how much more often it occurs in one topic than in the others",
    embedding_keep_prob="what is kept of the word vectors' components while training",
    word_keep_prob="what is kept of the words while training",
    caps_keep_prob="what is kept of the capsules' components while training",
    label_smoothing="share of the target spread over all topics",
    averaging="decay of the average of the weights that is evaluated; 0: none",
    sort_lengths="batches of texts of similar length, cut to the longest of each",
    validation="share of the training part held out to choose the epoch",
    patience="stop after this many epochs without a better validation; 0: never",
)


# ------------------------------------------------------------------------------------------- 9.6.2, 9.6.3: routing
def mkMask(input_tensor, maxLen):
    """Lengths of any shape → boolean mask with one more axis of size ``maxLen`` (section 9.6.2)."""
    return tf.sequence_mask(input_tensor, maxLen)


def shared_routing_uhat(caps, out_caps_num, out_caps_dim, scope=None):
    """What each input capsule proposes to each output capsule (section 9.6.3); one dense layer shared by all words.

    Args:
      caps: float32 ``[B, T, D]``.

    Returns:
      float32 ``[B, T, out_caps_num, out_caps_dim]``, in −1…1.
    """
    batch, steps = tf.shape(caps)[0], tf.shape(caps)[1]
    with tf.variable_scope(scope or "shared_routing_uhat"):
        caps_uhat = tf.layers.dense(caps, out_caps_num * out_caps_dim, activation=tf.tanh)
        return tf.reshape(caps_uhat, [batch, steps, out_caps_num, out_caps_dim])


def _squash(in_caps, axes):
    """Shrinks vectors along ``axes`` to a length below 1: ``|s|²/(1 + |s|²) · s/√(|s|² + 1e-9)`` (section 9.6.3)."""
    squared = tf.reduce_sum(tf.square(in_caps), axis=axes, keepdims=True)
    return squared / (1.0 + squared) * in_caps / tf.sqrt(squared + 1e-9)


def masked_routing_iter(caps_uhat, seqLen, iter_num, reverse=False):
    """Dynamic routing over the words of texts of different length (section 9.6.3; Gong et al. 2018, arXiv 1806.01501).

    Args:
      caps_uhat: float32 ``[B, T, N, D]``.
      seqLen: int ``[B]``; an empty text counts as one word long.
      iter_num: rounds.
      reverse: Extra: the paper's reverse routing, where the output capsules share their attention out over the words.

    Returns:
      ``(V, S)``: capsules after and before squashing, float32 ``[B, N, D]``. Extra: the last couplings ``C [B, T, N]`` and
      ``caps_uhat`` are left in the graph's collections ``couplings`` and ``uhat``.
    """
    if iter_num < 1:
        raise UserError("routing needs at least one round (--iter-num %d)" % iter_num)
    seqLen = tf.where(tf.equal(seqLen, 0), tf.ones_like(seqLen), seqLen)
    steps = tf.shape(caps_uhat)[1]
    mask = tf.cast(mkMask(seqLen, steps), tf.float32)[:, :, tf.newaxis]  # [B, T, 1]
    B = tf.zeros(tf.shape(caps_uhat)[:3])
    V = S = C = None
    for _ in range(iter_num):
        if reverse:
            C = tf.nn.softmax(B - 1e9 * (1.0 - mask), axis=1)
        else:
            C = tf.nn.softmax(B, axis=2) * mask
        S = tf.reduce_sum(C[..., tf.newaxis] * caps_uhat, axis=1)
        V = _squash(S, [2])
        B += tf.reduce_sum(caps_uhat * V[:, tf.newaxis], axis=3)
    tf.add_to_collection("couplings", C)
    tf.add_to_collection("uhat", caps_uhat)
    return V, S


def routing_masked(
    in_x,
    xLen,
    out_caps_dim,
    out_caps_num,
    iter_num=3,
    dropout=None,
    is_train=False,
    scope=None,
    reverse=False,
    fast=False,
):
    """Gathers the vectors of a text's words into a few capsules (section 9.6.4).

    Args:
      in_x: float32 ``[B, T, D]`` with a known D; xLen: int ``[B]``.
      out_caps_dim, out_caps_num: length and number of the capsules.
      dropout: share dropped of the result while ``is_train``.
      reverse: Extra: reverse routing. fast: Extra: the same numbers by a compiled loop (fast_routing.py).

    Returns:
      float32 ``[B, out_caps_num · out_caps_dim]``.
    """
    assert in_x.shape[-1].value is not None, "the width of in_x must be known"
    with tf.variable_scope(scope or "routing"):
        caps_uhat = shared_routing_uhat(in_x, out_caps_num, out_caps_dim, scope="rnn_caps_uhat")
        if fast and not reverse:
            V = fast_routing.routing_iter(caps_uhat, xLen, iter_num)
        else:
            V, _ = masked_routing_iter(caps_uhat, xLen, iter_num, reverse=reverse)
        V = tf.reshape(V, [-1, out_caps_num * out_caps_dim])
        if dropout is not None and is_train:
            V = tf.nn.dropout(V, keep_prob=1.0 - dropout)
        return V


# ------------------------------------------------------------------------------------------- 9.6.5: the model
def printed_encoder(inputs, x_len, rnn_units, keep_prob):
    """Three stacked IndyLSTM cells with dropout, run by ``dynamic_rnn`` as the book does (section 9.6.5).

    Args:
      inputs: float32 ``[B, T, E]``; x_len: int ``[B]``, or None as printed.
      keep_prob: what is kept of each cell's output.

    Returns:
      float32 ``[B, T, rnn_units[-1]]``.
    """
    cells = []
    for units in rnn_units:
        cell = tf.contrib.rnn.IndyLSTMCell(units)
        cells.append(tf.nn.rnn_cell.DropoutWrapper(cell, output_keep_prob=keep_prob))
    stacked = tf.nn.rnn_cell.MultiRNNCell(cells)
    # Erratum E05: the print gives no sequence_length and computes on through the padding; routing hides those steps later.
    outputs, _ = tf.nn.dynamic_rnn(stacked, inputs, sequence_length=x_len, dtype=tf.float32)
    return outputs


class Model(NamedTuple):
    """The placeholders and tensors of one graph."""

    x: tf.Tensor
    x_len: tf.Tensor
    y: tf.Tensor
    is_train: tf.Tensor
    logits: tf.Tensor
    probabilities: tf.Tensor
    loss: tf.Tensor


def build(settings) -> Model:
    """The model of section 9.6.5 in the default graph.

    Args:
      settings: anything with the preset's keys as attributes.

    Returns:
      placeholders ``x [B, T]`` (int32 word ids), ``x_len [B]``, ``y [B]``, ``is_train`` (False unless fed);
      ``logits`` and ``probabilities [B, 46]``, and the scalar ``loss``.
    """
    # Erratum E06: the print's x is a float placeholder; word ids are whole numbers.
    x = tf.placeholder(tf.int32, [None, None], "x")
    x_len = tf.placeholder(tf.int32, [None], "x_len")
    y = tf.placeholder(tf.int32, [None], "y")
    # Erratum E01: the printed dropout is always on, also when the model is used.
    is_train = tf.placeholder_with_default(False, [], "is_train")

    def keep(probability):
        return tf.where(is_train, probability, 1.0)

    # Extra: with --start linear, x is word + num_words · fold for training texts (word_vectors.py).
    linear_start = settings.start == "linear"
    if settings.start not in ("random", "linear"):
        raise UserError("--start is %s; it can be random or linear" % settings.start)
    if settings.word_keep_prob < 1.0:  # Extra: a dropped word becomes an unknown one
        dropped = tf.logical_and(is_train, tf.random_uniform(tf.shape(x)) >= settings.word_keep_prob)
        read = tf.where(tf.logical_and(dropped, x > 0), x - x % settings.num_words + reuters.OOV_ID, x)
    else:
        read = x
    words = read % settings.num_words
    table = tf.get_variable(
        "embedding",
        [settings.num_words, settings.embedding_size],
        initializer=tf.random_uniform_initializer(-0.05, 0.05),  # Keras's Embedding layer
        trainable=not linear_start,
    )
    # Extra: the vectors of the batch's different words are fetched once, however often a word occurs.
    different, positions = tf.unique(tf.reshape(words, [-1]))
    positions = tf.reshape(positions, tf.shape(words))
    vectors = tf.nn.embedding_lookup(table, different)
    if settings.embedding_keep_prob < 1.0:  # Extra
        vectors = tf.nn.dropout(vectors, keep_prob=keep(settings.embedding_keep_prob))

    if settings.recurrence == "printed":
        if settings.bidirectional:
            raise UserError("--recurrence printed reads forwards only; use --recurrence fast with --bidirectional")
        outputs = printed_encoder(tf.gather(vectors, positions), x_len, settings.rnn_units, keep(settings.keep_prob))
    elif settings.recurrence == "fast":
        outputs = fast_rnn.fast_encoder(
            vectors, positions, x_len, settings.rnn_units, keep(settings.keep_prob), settings.bidirectional
        )
    else:
        raise UserError("--recurrence is %s; it can be fast or printed" % settings.recurrence)
    caps_dim = settings.out_caps_dim or settings.rnn_units[-1]
    if settings.aggregation in ("routing", "reverse"):
        gathered = routing_masked(
            outputs,
            x_len,
            caps_dim,
            settings.out_caps_num,
            settings.iter_num,
            reverse=settings.aggregation == "reverse",
            fast=settings.recurrence == "fast",
        )
    else:
        gathered = aggregation.aggregate(settings.aggregation, outputs, x_len)
    gathered = tf.nn.dropout(gathered, keep_prob=keep(settings.caps_keep_prob))

    # Erratum E03: with ReLU a topic whose logit is negative gets no gradient; kept as printed, --logits linear is
    # the better way.
    if settings.logits not in ("relu", "linear"):
        raise UserError("--logits is %s; it can be relu or linear" % settings.logits)
    activation = tf.nn.relu if settings.logits == "relu" else None
    small = tf.variance_scaling_initializer(0.1) if linear_start else None
    logits = tf.layers.dense(gathered, classes, activation=activation, kernel_initializer=small, name="topics")
    if linear_start:  # Extra: the network begins as the linear classifier, and learns what that one misses
        idf = tf.get_variable("idf", [settings.num_words], trainable=False)
        linear = tf.get_variable("linear", [(settings.folds + 1) * settings.num_words, classes], trainable=False)
        bias = tf.get_variable("linear_bias", [settings.folds + 1, classes], trainable=False)
        scale = tf.get_variable("linear_scale", [], initializer=tf.constant_initializer(4.0))
        sums = word_vectors.tfidf_sum([tf.gather(linear, read), tf.gather(vectors, positions)], words, x_len, idf)
        logits += scale * (sums[0] + tf.gather(bias, tf.reduce_max(x, 1) // settings.num_words))
        zero = tf.zeros_initializer()
        logits += tf.layers.dense(sums[1], classes, use_bias=False, kernel_initializer=zero, name="shortcut")
    # Erratum E07: the print takes the mean of this once more; it is a mean already.
    if settings.label_smoothing:  # Extra
        smoothing = tf.where(is_train, settings.label_smoothing, 0.0)
        loss = tf.losses.softmax_cross_entropy(tf.one_hot(y, classes), logits, label_smoothing=smoothing)
    else:
        loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
    return Model(x, x_len, y, is_train, logits, tf.nn.softmax(logits), loss)


# ------------------------------------------------------------------------------------------- 9.6.1: the data
def make_dataset(table, lengths, labels, settings, seed=0):
    """The training data as a ``tf.data`` set of ``((ids, length), label)`` (section 9.6.1), shuffled and in batches.

    The print cuts nothing: each batch is ``maxlen`` wide. Here (Extra) a batch is cut to its longest text, and with
    ``sort_lengths`` texts of similar length come together.
    """
    dataset = tf.data.Dataset.from_tensor_slices(((table, lengths), labels))
    if not settings.sort_lengths:
        dataset = dataset.shuffle(1000, seed=seed).batch(settings.batch_size, drop_remainder=True)
    else:
        limits = [40, 60, 80, 100, 130, 160, 200, 250, 320, 400, 600]
        dataset = dataset.shuffle(10000, seed=seed)
        dataset = dataset.apply(
            tf.data.experimental.bucket_by_sequence_length(
                lambda inputs, label: inputs[1], limits, [settings.batch_size] * (len(limits) + 1)
            )
        )
    return dataset.map(lambda inputs, label: ((inputs[0][:, : tf.reduce_max(inputs[1])], inputs[1]), label))


def predict(session, model, table, lengths, batch=200):
    """Probabilities ``[N, 46]`` of padded texts; texts of similar length are computed together."""
    order = np.argsort(lengths, kind="mergesort")
    probabilities = np.zeros([len(lengths), classes], np.float32)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        feed = {model.x: table[rows, : max(1, lengths[rows].max())], model.x_len: lengths[rows]}
        probabilities[rows] = session.run(model.probabilities, feed)
    return probabilities


def accuracy(probabilities, labels):
    """Share of the texts whose most probable topic is right."""
    return float(np.mean(probabilities.argmax(axis=1) == labels))


# ------------------------------------------------------------------------------------------- 9.6.6: training
FIXED = ("embedding", "idf", "linear", "linear_bias")  # not trained with --start linear


def model_variables():
    """The variables that make a model: what is trained, and the fixed word vectors and weights of words."""
    fixed = [variable for variable in tf.global_variables() if variable.op.name in FIXED]
    return tf.trainable_variables() + [variable for variable in fixed if variable not in tf.trainable_variables()]


class Trainer:
    """Trains a model's graph epoch by epoch, prints the book's line, keeps checkpoints and the best epoch.

    Args:
      model: from ``build``; its graph is the default graph.
      settings: the preset's values as attributes (also ``seed``, ``threads``).
      folder: receives ``checkpoints/``, ``best/``, ``history.json`` and ``summaries/``.
    """

    def __init__(self, model, settings, folder):
        self.model, self.settings, self.folder = model, settings, folder
        self.history_file = os.path.join(folder, "history.json")
        self.step = tf.train.get_or_create_global_step()
        self.epoch = tf.get_variable("epoch", [], tf.int32, initializer=tf.zeros_initializer(), trainable=False)
        variables = tf.trainable_variables()
        # The embedding's gradient as one table: the update of the whole table (Adam moves words that do not occur as well) is
        # then one operation instead of eight.
        warnings.filterwarnings("ignore", message="Converting sparse IndexedSlices")  # tables of a few thousand words
        gradients = [tf.convert_to_tensor(gradient) for gradient in tf.gradients(model.loss, variables)]
        update = tf.train.AdamOptimizer(settings.learning_rate).apply_gradients(zip(gradients, variables), self.step)
        weights = {variable.op.name: variable for variable in variables}
        if settings.averaging:  # Extra
            average = tf.train.ExponentialMovingAverage(settings.averaging, self.step)
            with tf.control_dependencies([update]):
                update = average.apply(variables)
            weights = {average.average_name(variable): variable for variable in variables}
        self.update = update
        self.saver = tf.train.Saver(max_to_keep=2)
        self.to_evaluate = tf.train.Saver(weights)  # reads the averages of a checkpoint into the weights
        self.best = tf.train.Saver(model_variables(), max_to_keep=1)

    def fit(self, train, valid=None, start_values=None):
        """Trains on ``(table, lengths, labels)``, from ``start_values`` (variable name → array).

        Returns the history, a list of one dictionary an epoch.

        With ``valid`` the epoch of the highest accuracy there is kept in ``best/``, otherwise the last one. Resumes where an
        earlier run of the same folder ended.
        """
        settings = self.settings
        os.makedirs(os.path.join(self.folder, "checkpoints"), exist_ok=True)
        held = [tf.placeholder(item.dtype, item.shape) for item in train]
        dataset = make_dataset(*held, settings=settings, seed=settings.seed)
        iterator = tf.data.Iterator.from_structure(dataset.output_types, dataset.output_shapes)
        start_epoch, next_batch = iterator.make_initializer(dataset), iterator.get_next()
        config = training.session_config(settings.threads)
        history = options.read_json(self.history_file) if os.path.exists(self.history_file) else []
        with tf.Session(config=config) as session, tf.Session(
            config=config
        ) as evaluation, training.StopSignals() as stop:
            for one in (session, evaluation):
                one.run(tf.global_variables_initializer())
                for variable in tf.global_variables():
                    if start_values and variable.op.name in start_values:
                        variable.load(start_values[variable.op.name], one)
            restored = training.restore_newest(self.saver, session, os.path.join(self.folder, "checkpoints"))
            epoch, step = session.run([self.epoch, self.step])
            history = history[:epoch]
            if start_values and not restored and valid is not None:
                before = accuracy(predict(evaluation, self.model, *valid[:2]), valid[2])
                print("before training: validation accuracy %.4f" % before, flush=True)
            if restored:
                print("resumed after epoch %d of %d" % (epoch, settings.epochs))
            writer = tf.summary.FileWriter(os.path.join(self.folder, "summaries"))
            while epoch < settings.epochs and not stop.requested and not self._waited_enough(history):
                begin, losses = time.time(), []
                session.run(start_epoch, dict(zip(held, train)))
                with training.progress(
                    desc="epoch %d" % (epoch + 1), total=len(train[2]) // settings.batch_size
                ) as bar:
                    while not stop.requested:
                        try:
                            (ids, length), label = session.run(next_batch)
                        except tf.errors.OutOfRangeError:
                            break
                        feed = {
                            self.model.x: ids,
                            self.model.x_len: length,
                            self.model.y: label,
                            self.model.is_train: True,
                        }
                        loss, _ = session.run([self.model.loss, self.update], feed)
                        step += 1
                        training.check_loss(loss, step)
                        losses.append(float(loss))
                        bar.update()
                if stop.requested:  # an epoch cut short is not counted: it starts again
                    break
                if not losses:
                    raise UserError("%d texts are less than one batch of %d" % (len(train[2]), settings.batch_size))
                epoch += 1
                self.epoch.load(epoch, session)
                row = dict(epoch=epoch, loss=float(np.mean(losses)), seconds=time.time() - begin, steps=len(losses))
                print("step %d : loss= %s" % (epoch, row["loss"]), end="")  # the book's line
                prefix = os.path.join(self.folder, "checkpoints", "model")
                saved = self.saver.save(session, prefix, epoch, write_meta_graph=False)
                self.to_evaluate.restore(evaluation, saved)
                if valid is not None:
                    row["valid_accuracy"] = accuracy(predict(evaluation, self.model, *valid[:2]), valid[2])
                    print("  validation accuracy %.4f" % row["valid_accuracy"], end="")
                print("  (%.0f s)" % row["seconds"], flush=True)
                history.append(row)
                if valid is None or row["valid_accuracy"] >= max(item["valid_accuracy"] for item in history):
                    self.best.save(evaluation, os.path.join(self.folder, "best", "model"), write_meta_graph=False)
                options.write_json(self.history_file, history)
                values = [
                    tf.Summary.Value(tag=name, simple_value=row[name])
                    for name in ("loss", "valid_accuracy")
                    if name in row
                ]
                writer.add_summary(tf.Summary(value=values), epoch)
            writer.close()
        stop.leave()
        if not history:
            raise UserError("--epochs %d: nothing was trained" % settings.epochs)
        return history

    def _waited_enough(self, history):
        if not self.settings.patience or not history:
            return False
        scores = [row["valid_accuracy"] for row in history]
        return len(scores) - 1 - int(np.argmax(scores)) >= self.settings.patience


def restore_best(session, folder):
    """The weights of the best (or last) epoch of the run in ``folder`` into the session's graph, by ``best/``."""
    prefix = os.path.join(folder, "best", "model")
    if not os.path.exists(prefix + ".index"):
        raise UserError("no trained model in %s: run ch09_capsule_rnn/code_9_07_routing_rnn.py first" % folder)
    try:
        tf.train.Saver(model_variables()).restore(session, prefix)
    except (tf.errors.OpError, ValueError) as error:
        raise UserError("%s cannot be read: %s" % (prefix, str(error).strip().splitlines()[0]))


def load_parts(folder, settings):
    """Training, validation (or None) and test part as ``(table, lengths, labels)``, and variables' start values (or None)."""
    train, test = reuters.load_data(folder, settings.num_words)
    valid, start_values = None, None
    if settings.validation:
        train, valid = reuters.hold_out(train, settings.validation)
    texts = train.texts
    if settings.windows and settings.start != "linear":
        raise UserError("--windows are for the linear machine: add --start linear")
    if settings.start == "linear":  # Extra
        more, labels, owners = word_vectors.add_windows(texts, train.labels, settings.windows)
        fold = word_vectors.deal_out(owners, settings.folds)
        start_values = word_vectors.fit_or_read(settings.output_dir, more, labels, fold, settings, classes)
        # The windows come behind the texts, and the network trains on the texts alone: a window from the middle of a text is
        # not what it is asked about later.
        texts = [[word + settings.num_words * number for word in text] for text, number in zip(texts, fold)]
    parts = [
        part and reuters.pad(part.texts, settings.maxlen, settings.truncating) + (part.labels,)
        for part in (reuters.Newswires(texts, train.labels), valid, test)
    ]
    return parts, start_values


def main(argv=None):  # Erratum E09: the print does everything at import.
    opts = options.parse(__doc__, PRESETS, example="capsule_rnn", argv=argv, help_texts=HELP)
    if opts.patience and not opts.validation:
        raise UserError("--patience needs a validation part: add --validation 0.1")
    training.start(opts.seed)
    folder = datasets.locate("reuters", opts, required=reuters.REQUIRED)
    topics = reuters.read_topics(folder)
    (train, valid, test), start_values = load_parts(folder, opts)
    print(
        "%d newswires to train on, %d to validate, %d to test"
        % (len(train[2]), len(valid[2]) if valid else 0, len(test[2]))
    )
    record = records.Record(
        opts, "code_9_07_routing_rnn", "listing 9-7", reports.describe_data(folder, train, valid, test)
    )

    with tf.Graph().as_default():
        tf.set_random_seed(opts.seed)
        model = build(opts)
        weights = int(sum(np.prod(variable.shape.as_list()) for variable in tf.trainable_variables()))
        print("the model has %d weights" % weights)
        trainer = Trainer(model, opts, opts.output_dir)
        options.save_settings(opts.output_dir, reports.plain_settings(opts, PRESETS["book"]))
        history = trainer.fit(train, valid, start_values)

        # Erratum E02: the print ends here; how well the model sorts news it has not seen is never measured.
        with tf.Session(config=training.session_config(opts.threads)) as session:
            restore_best(session, opts.output_dir)
            probabilities = predict(session, model, *test[:2])
            train_accuracy = accuracy(predict(session, model, train[0] % opts.num_words, train[1]), train[2])
    results = reports.evaluate(record, opts, topics, history, probabilities, test[2])
    record.metric("weights", weights, printed="2650236 (counted from the listing)" if opts.preset == "book" else None)
    record.metric("train_accuracy", train_accuracy, note="of the weights that are kept")
    print("test accuracy %.4f, macro-F1 %.4f" % (results["accuracy"], results["macro_f1"]))
    record.save()


if __name__ == "__main__":
    options.run(main)
