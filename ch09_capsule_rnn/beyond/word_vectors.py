"""Word vectors that know the training texts before the network is trained.

8,982 newswires are few for an embedding of 2.5 million weights that starts from noise: the printed model learns them by
heart. In the hybrid (hybrid.py) the word vectors are fixed instead, and every word brings two things along:

* its place in a latent semantic analysis (truncated singular value decomposition) of log-tf-idf: what the RNN reads;
* its weight for each topic in a linear support vector machine on log-tf-idf: the sum over a text's words is added to the
  network's logits, so that the network begins as that linear machine, and RNN and routing learn what it misses.

Both are fitted to the training texts alone. A machine has seen its own training texts and is nearly always right about
them, which would leave the network nothing to learn. So the training texts are dealt out into folds, and the weights that
a training text meets come from a machine that has not seen this text (cross-fitting, Wolpert 1992 'Stacked generalization').
"""

import os
import zlib

import numpy as np
import tensorflow as tf
from scipy import sparse
from sklearn.svm import LinearSVC
from sklearn.utils.extmath import randomized_svd

from common import weights

VECTORS_FILE = "word_vectors.npz"


def add_windows(texts, labels, width):
    """The texts, and beside them their windows of ``width`` words, cut from the end; short rests are left out.

    Returns:
      texts, labels, and for each the number of the text that it was cut from.
    """
    more_texts, owners = list(texts), list(range(len(texts)))
    for number, text in enumerate(texts):
        if width and len(text) > width:
            for end in range(len(text), width // 4, -width):
                more_texts.append(text[max(0, end - width) : end])
                owners.append(number)
    owners = np.asarray(owners)
    return more_texts, np.asarray(labels)[owners], owners


def count_table(texts, num_words):
    """Sparse ``[N, num_words]``: how often each word id occurs in each text."""
    rows = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    columns = np.concatenate([np.asarray(text, np.int64) for text in texts])
    return sparse.csr_matrix((np.ones(len(columns), np.float32), (rows, columns)), (len(texts), num_words))


def inverse_document_frequency(texts, num_words):
    """float32 ``[num_words]``: ``ln((1 + N)/(1 + texts with the word)) + 1``, as scikit-learn has it."""
    present = np.asarray((count_table(texts, num_words) > 0).sum(axis=0)).ravel()
    return (np.log((1.0 + len(texts)) / (1.0 + present)) + 1.0).astype(np.float32)


def log_tfidf(texts, idf):
    """Sparse ``[N, num_words]`` of ``(1 + ln tf) · idf``, each row of length 1."""
    table = count_table(texts, len(idf))
    table.data = 1.0 + np.log(table.data)
    table = table.multiply(idf[np.newaxis]).tocsr()
    lengths = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    return sparse.diags(1.0 / np.maximum(lengths, 1e-9)).dot(table).tocsr().astype(np.float32)


def deal_out(owners, folds, seed=0):
    """The fold, 1 … ``folds``, of each text; texts cut from one newswire are in one fold."""
    count = int(np.max(owners)) + 1
    return (np.random.RandomState(seed).permutation(count) % folds + 1)[owners]


def count_ratios(present, own):
    """What each word tells of one topic before any machine has learnt (Wang and Manning 2012, 'Baselines and bigrams').

    Args:
      present: sparse ``[N, words]``, 1 where a word occurs in a text; own: bool ``[N]``, the texts of the topic.

    Returns:
      float32 ``[words]``: ``|ln(share of the word in the topic / share in the rest)|``, to the power 0.7, counts from 1 on.
    """
    inside, outside = [np.asarray(present[rows].sum(axis=0)).ravel() + 1.0 for rows in (own, ~own)]
    ratio = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    return (np.abs(ratio) ** 0.7).astype(np.float32)


def linear_machine(table, labels, count_ratio, seed=0):
    """A linear support vector machine for each topic against the rest.

    Args:
      table: sparse ``[N, words]`` from ``log_tfidf``; labels: int ``[N]``.
      count_ratio: each machine sees the words multiplied by their ``count_ratios`` for its topic.

    Returns:
      topics with a training text, int ``[K]``; weights ``[words, K]`` and biases ``[K]``, to be used on ``table`` as it is.
    """
    topics, columns, biases = np.unique(labels), [], []
    if len(topics) < 2:  # the others are all in one fold
        return topics, np.zeros([table.shape[1], len(topics)]), np.ones(len(topics))
    if not count_ratio:
        machine = LinearSVC(C=0.5, random_state=seed).fit(table, labels)
        sides = [-1, 1] if len(topics) == 2 else 1  # of two topics scikit-learn gives the second one's only
        return topics, machine.coef_.T * sides, machine.intercept_ * sides
    present = (table > 0).astype(np.float32)
    for topic in topics:
        ratios = count_ratios(present, labels == topic)
        machine = LinearSVC(C=0.15, random_state=seed, tol=1e-3)
        machine.fit(table.dot(sparse.diags(ratios)), labels == topic)
        columns.append(machine.coef_[0] * ratios)
        biases.append(machine.intercept_[0])
    return topics, np.stack(columns, axis=1), np.array(biases)


def fit(texts, labels, fold_of_text, settings, classes, seed=0):
    """What the hybrid starts from, out of the training texts.

    Args:
      texts: lists of word ids; labels: int ``[N]``; fold_of_text: int ``[N]``, 1 … K.

    Returns:
      Variable name → array: ``embedding [num_words, embedding_size]`` (latent semantic analysis), ``idf [num_words]``,
      ``linear [(K + 1)·num_words, classes]`` and ``linear_bias [K + 1, classes]``: row 0 of the K + 1 is the machine fitted
      to all texts, row k the one that has not seen fold k.
    """
    words, folds = settings.num_words, int(fold_of_text.max())
    idf = inverse_document_frequency(texts, words)
    table = log_tfidf(texts, idf)
    linear = np.zeros([folds + 1, words, classes], np.float32)
    bias = np.full([folds + 1, classes], -1.0, np.float32)  # for topics without a training text
    for fold in range(folds + 1):
        rows = np.flatnonzero(fold_of_text != fold)
        topics, columns, biases = linear_machine(table[rows], labels[rows], settings.count_ratio, seed)
        linear[fold][:, topics] = columns
        bias[fold, topics] = biases
    latent = min(settings.embedding_size, min(table.shape) - 1)
    right = randomized_svd(table, latent, n_iter=4, random_state=seed)[2].T
    vectors = np.zeros([words, settings.embedding_size], np.float32)
    vectors[:, :latent] = np.clip(right * np.sqrt(len(right)) * 0.3, -3, 3)  # numbers of a size that an RNN likes
    return dict(embedding=vectors, idf=idf, linear=linear.reshape([-1, classes]), linear_bias=bias)


def _fingerprint(texts, labels, fold_of_text, settings):
    """A number that is another one for other texts, labels, folds or sizes."""
    arrays = [np.concatenate(texts), [len(text) for text in texts], labels, fold_of_text]
    arrays.append([settings.num_words, settings.embedding_size, settings.count_ratio])
    return zlib.crc32(np.concatenate([np.asarray(array, np.int64) for array in arrays]).tobytes())


def fit_or_read(folder, texts, labels, fold_of_text, settings, classes):
    """``fit``, or what an earlier start has fitted to the same texts (``word_vectors.npz`` in the run's folder)."""
    path = os.path.join(folder, VECTORS_FILE)
    fingerprint = _fingerprint(texts, labels, fold_of_text, settings)
    if os.path.exists(path):
        held, made_from = weights.load(path, "word vectors")
        if made_from == dict(fingerprint=fingerprint):
            return held
    print("fitting the word vectors to %d texts and windows ..." % len(texts), flush=True)
    values = fit(texts, labels, fold_of_text, settings, classes)
    weights.save(path, values, dict(fingerprint=fingerprint), half=False)
    return values


def tfidf_sum(values, x, x_len, idf):
    """Sums over a text's words, weighted as a linear machine on log-tf-idf weighs its words.

    Args:
      values: list of float32 ``[B, T, E]``; x: int32 ``[B, T]`` word ids; x_len: int32 ``[B]``; idf: float32 ``[num_words]``.

    Returns:
      For each of ``values`` float32 ``[B, E]``: Σ over the different words of ``(1 + ln tf)·idf·value``, divided by the length
      of that weighting.
    """
    mask = tf.sequence_mask(tf.maximum(x_len, 1), tf.shape(x)[1], dtype=tf.float32)
    same = tf.cast(tf.equal(x[:, :, tf.newaxis], x[:, tf.newaxis, :]), tf.float32) * mask[:, tf.newaxis]
    frequency = tf.maximum(tf.reduce_sum(same, 2), 1.0)  # how often each position's word occurs in the text
    shares = mask * tf.gather(idf, x) * (1.0 + tf.log(frequency)) / frequency
    length = tf.sqrt(tf.reduce_sum(tf.square(shares) * frequency, 1, keepdims=True) + 1e-9)
    shares = (shares / length)[:, tf.newaxis]
    return [tf.squeeze(tf.matmul(shares, value), [1]) for value in values]
