"""Extra: other ways to make one vector of a text's word vectors, to see what routing buys (section 9.6.6)."""

import tensorflow as tf

from common.errors import UserError

NAMES = ("routing", "reverse", "last", "mean", "max", "attention")


def aggregate(name, vectors, lengths):
    """One vector a text.

    Args:
      name: ``last`` (state after the last word), ``mean``, ``max`` (of each component), or ``attention`` (one learned query,
        tanh scores: Yang et al. 2016, section 2.2).
      vectors: float32 ``[B, T, D]``; lengths: int32 ``[B]``; steps behind a text's end do not count, an empty text counts as
        one word long.

    Returns:
      float32 ``[B, D]``.
    """
    lengths = tf.maximum(lengths, 1)
    mask = tf.sequence_mask(lengths, tf.shape(vectors)[1], dtype=tf.float32)[:, :, tf.newaxis]
    if name == "last":
        rows = tf.range(tf.shape(vectors)[0])
        return tf.gather_nd(vectors, tf.stack([rows, lengths - 1], axis=1))
    if name == "mean":
        return tf.reduce_sum(vectors * mask, 1) / tf.cast(lengths, tf.float32)[:, tf.newaxis]
    if name == "max":
        return tf.reduce_max(vectors * mask - 1e9 * (1.0 - mask), 1)
    if name == "attention":
        width = vectors.shape[-1].value
        scores = tf.layers.dense(vectors, width, activation=tf.tanh, name="attention_hidden")
        scores = tf.layers.dense(scores, 1, use_bias=False, name="attention_query") - 1e9 * (1.0 - mask)
        return tf.reduce_sum(vectors * tf.nn.softmax(scores, axis=1), 1)
    raise UserError("--aggregation is %s; it can be %s" % (name, ", ".join(NAMES)))
