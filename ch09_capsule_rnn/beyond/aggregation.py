"""Other ways to make one vector of a text's word vectors, to see what routing buys (section 9.6.6)."""

import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn.beyond import fast_routing


def _mask(vectors, lengths):
    return tf.sequence_mask(lengths, tf.shape(vectors)[1], dtype=tf.float32)[:, :, tf.newaxis]


def last(vectors, lengths):
    """The state after the last word."""
    rows = tf.range(tf.shape(vectors)[0])
    return tf.gather_nd(vectors, tf.stack([rows, tf.maximum(lengths, 1) - 1], axis=1))


def mean(vectors, lengths):
    lengths = tf.maximum(lengths, 1)
    return tf.reduce_sum(vectors * _mask(vectors, lengths), 1) / tf.cast(lengths, tf.float32)[:, tf.newaxis]


def maximum(vectors, lengths):
    """The largest of each component."""
    mask = _mask(vectors, tf.maximum(lengths, 1))
    return tf.reduce_max(vectors * mask - 1e9 * (1.0 - mask), 1)


def attention(vectors, lengths):
    """One learned query, tanh scores (Yang et al. 2016, 'Hierarchical attention networks', section 2.2)."""
    mask = _mask(vectors, tf.maximum(lengths, 1))
    scores = tf.layers.dense(vectors, vectors.shape[-1].value, activation=tf.tanh, name="attention_hidden")
    scores = tf.layers.dense(scores, 1, use_bias=False, name="attention_query") - 1e9 * (1.0 - mask)
    return tf.reduce_sum(vectors * tf.nn.softmax(scores, axis=1), 1)


def reverse_routing_iter(caps_uhat, seqLen, iter_num):
    """Reverse routing (Gong et al. 2018, section 3.3): each capsule shares its attention out over the words.

    Arguments and results as ``masked_routing_iter`` of the listing.
    """
    lengths = tf.maximum(seqLen, 1)
    mask = _mask(caps_uhat, lengths)
    B = tf.zeros(tf.shape(caps_uhat)[:3])
    for _ in range(iter_num):
        C = tf.nn.softmax(B - 1e9 * (1.0 - mask), axis=1)
        S = tf.reduce_sum(C[..., tf.newaxis] * caps_uhat, axis=1)
        V = listing._squash(S, [2])
        B += tf.reduce_sum(caps_uhat * V[:, tf.newaxis], axis=3)
    return V, S


def routing(vectors, lengths, route=fast_routing.routing_iter):
    """The listing's: as many numbers as its capsules have, all others as many as a word's vector has."""
    width = vectors.shape[-1].value
    return listing.routing_masked(vectors, lengths, width, listing.out_caps_num, iter_num=3, route=route)


def reverse(vectors, lengths):
    return routing(vectors, lengths, reverse_routing_iter)


# Each takes word vectors, float32 [B, T, D], and lengths, int32 [B], and gives one vector a text. Steps behind a text's end
# do not count; an empty text counts as one word long.
WAYS = dict(routing=routing, reverse=reverse, last=last, mean=mean, max=maximum, attention=attention)
