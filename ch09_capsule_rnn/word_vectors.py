"""Extra to section 9.6.6: word vectors that know the training texts before the network is trained.

8,982 newswires are few for an embedding of 2.5 million weights that starts from noise: the printed model learns them
by heart. Here a
word's vector starts as

* its weights in a linear support vector machine on log-tf-idf (one number a topic), and
* its place in a latent semantic analysis (truncated singular value decomposition) of the same table,

both fitted to the training texts alone. With ``tfidf_sum`` the network can begin as that linear machine, and the RNN and the
routing learn what it misses.
"""

import os

import numpy as np
import tensorflow as tf
from scipy import sparse
from sklearn.svm import LinearSVC
from sklearn.utils.extmath import randomized_svd

from common.errors import UserError

VECTORS_FILE = "word_vectors.npz"


def add_windows(texts, labels, width):
    """The texts, and beside them their windows of ``width`` words, cut from the end; short rests of long texts are left out."""
    more_texts, more_labels = list(texts), list(labels)
    for text, label in zip(texts, labels):
        if len(text) <= width:
            continue
        for end in range(len(text), width // 4, -width):
            more_texts.append(text[max(0, end - width) : end])
            more_labels.append(label)
    return more_texts, np.asarray(more_labels, labels.dtype)


def count_table(texts, num_words):
    """Sparse ``[N, num_words]``: how often each word id occurs in each text."""
    rows = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    columns = np.concatenate([np.asarray(text, np.int64) for text in texts])
    return sparse.csr_matrix((np.ones(len(columns), np.float32), (rows, columns)), (len(texts), num_words))


def inverse_document_frequency(texts, num_words):
    """float32 ``[num_words]``: ``ln((1 + N)/(1 + texts with the word)) + 1``, as scikit-learn has it."""
    present = np.asarray((count_table(texts, num_words) > 0).sum(axis=0)).ravel()
    return (np.log((1.0 + len(texts)) / (1.0 + present)) + 1.0).astype(np.float32)


def log_tfidf(texts, weights):
    """Sparse ``[N, num_words]`` of ``(1 + ln tf) · idf``, each row of length 1."""
    table = count_table(texts, len(weights))
    table.data = 1.0 + np.log(table.data)
    table = table.multiply(weights[np.newaxis]).tocsr()
    lengths = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    return sparse.diags(1.0 / np.maximum(lengths, 1e-9)).dot(table).tocsr().astype(np.float32)


def fit(texts, labels, settings, classes, seed=0):
    """Vectors of all words from the training texts.

    Returns:
      ``vectors`` float32 ``[num_words, embedding_size]`` (topic weights, then latent dimensions), ``bias [classes]``, ``idf
      [num_words]``.
    """
    if settings.embedding_size < classes:
        raise UserError("--start linear needs vectors of at least %d numbers (--embedding-size)" % classes)
    idf = inverse_document_frequency(texts, settings.num_words)
    table = log_tfidf(texts, idf)
    machine = LinearSVC(C=0.5, random_state=seed).fit(table, labels)
    vectors = np.zeros([settings.num_words, settings.embedding_size], np.float32)
    bias = np.full([classes], -1.0, np.float32)  # a topic without a training text
    vectors[:, machine.classes_] = machine.coef_.T
    bias[machine.classes_] = machine.intercept_
    latent = min(settings.embedding_size - classes, min(table.shape) - 1)
    if latent > 0:
        right = randomized_svd(table, latent, n_iter=4, random_state=seed)[2].T
        scale = np.abs(machine.coef_).mean() / max(np.abs(right).mean(), 1e-9)  # both parts of a vector of like size
        vectors[:, classes : classes + latent] = right * min(scale, 20.0)
    return dict(vectors=vectors, bias=bias, idf=idf)


def fit_or_read(folder, texts, labels, settings, classes, seed=0):
    """``fit``, or what an earlier start of the same run has fitted (``word_vectors.npz`` in its folder)."""
    path = os.path.join(folder, VECTORS_FILE)
    if not os.path.exists(path):
        print("fitting the word vectors to %d texts and windows ..." % len(texts), flush=True)
        os.makedirs(folder, exist_ok=True)
        part = path + ".part.npz"
        np.savez_compressed(part, **fit(texts, labels, settings, classes, seed))
        os.replace(part, path)
    with np.load(path, allow_pickle=False) as held:
        return {name: held[name] for name in ("vectors", "bias", "idf")}


def tfidf_sum(vectors, x, x_len, idf):
    """The sum of a text's word vectors, weighted as a linear machine on log-tf-idf weighs its words.

    Args:
      vectors: float32 ``[B, T, E]``; x: int32 ``[B, T]`` word ids; x_len: int32 ``[B]``; idf: float32 ``[num_words]``.

    Returns:
      float32 ``[B, E]``: Σ over the different words of ``(1 + ln tf)·idf·vector``, divided by the length of that weighting.
    """
    mask = tf.sequence_mask(tf.maximum(x_len, 1), tf.shape(x)[1], dtype=tf.float32)
    same = tf.cast(tf.equal(x[:, :, tf.newaxis], x[:, tf.newaxis, :]), tf.float32) * mask[:, tf.newaxis]
    frequency = tf.maximum(tf.reduce_sum(same, 2), 1.0)  # how often each position's word occurs in the text
    weights = mask * tf.gather(idf, x) * (1.0 + tf.log(frequency)) / frequency
    length = tf.sqrt(tf.reduce_sum(tf.square(weights) * frequency, 1, keepdims=True) + 1e-9)
    return tf.squeeze(tf.matmul((weights / length)[:, tf.newaxis], vectors), [1])
