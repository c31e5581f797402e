"""Extra: the routing of listing 9-7 (9.6.3), the same numbers in half the time.

The listing multiplies ``uhat [B, T, N, D]`` element by element, twice a round, and TensorFlow does so four times more for
the gradient: each time millions of numbers travel through memory. Here both are matrix products over ``[T, N·D]``, one of
whose factors is zero where a capsule would meet another capsule's numbers, and the gradient is written down by hand.
"""

import numpy as np
import tensorflow as tf


def _squash(S):
    """``|s|²/(1 + |s|²) · s/√(|s|² + 1e-9)`` along the last axis, as in the listing."""
    squared = tf.reduce_sum(tf.square(S), axis=2, keepdims=True)
    return squared / (1.0 + squared) * S / tf.sqrt(squared + 1e-9)


def routing_iter(caps_uhat, seqLen, iter_num):
    """``masked_routing_iter`` of the listing.

    Args:
      caps_uhat: float32 ``[B, T, N, D]`` with known N and D; seqLen: int ``[B]``, an empty text counts as one word long.
      iter_num: rounds, at least 1.

    Returns:
      the capsules V, float32 ``[B, N, D]``. The last couplings ``[B, T, N]`` and ``caps_uhat`` are left in the graph's
      collections ``couplings`` and ``uhat``.
    """
    batch, steps = tf.shape(caps_uhat)[0], tf.shape(caps_uhat)[1]
    number, width = caps_uhat.shape[2].value, caps_uhat.shape[3].value
    mask = tf.sequence_mask(tf.maximum(seqLen, 1), steps, dtype=tf.float32)[:, :, tf.newaxis]
    own = tf.constant(
        np.repeat(np.eye(number), width, axis=1), tf.float32
    )  # [N, N·D]: which numbers are a capsule's own

    def blocks(vectors):
        """``[B, N, D]`` → ``[B, N, N·D]``, each vector at its own capsule's place and zeros elsewhere."""
        return tf.reshape(vectors, [batch, 1, number * width]) * own

    def sums(weights, flat):
        """``Σ_t weights·uhat``: ``[B, T, N]``, ``[B, T, N·D]`` → ``[B, N, D]``."""
        products = tf.matmul(weights, flat, transpose_a=True)
        return tf.reshape(tf.reduce_sum(products * own, 1), [batch, number, width])

    def agreement(flat, vectors):
        """``<uhat, vector>`` of each word and capsule: ``[B, T, N]``."""
        return tf.matmul(flat, blocks(vectors), transpose_b=True)

    @tf.custom_gradient
    def rounds(flat):
        shares, capsules, before = [], [], []  # softmax of the logits, V and S of each round
        logits = tf.zeros([batch, steps, number])
        for _ in range(iter_num):
            if capsules:
                logits += agreement(flat, capsules[-1])
            shares.append(tf.nn.softmax(logits, axis=2))
            before.append(sums(shares[-1] * mask, flat))
            capsules.append(_squash(before[-1]))

        def gradient(d_capsules):
            left, right = [], []  # the factors of what each round adds to the gradient of uhat
            d_logits = None  # behind the round
            for share, V, S in reversed(list(zip(shares, capsules, before))):
                if d_logits is not None:
                    d_capsules = sums(d_logits, flat)
                    left.append(d_logits)
                    right.append(blocks(V))
                d_before = tf.gradients(V, S, d_capsules)[0]
                left.append(share * mask)
                right.append(blocks(d_before))
                d_share = agreement(flat, d_before) * mask
                d_softmax = (d_share - tf.reduce_sum(d_share * share, 2, keepdims=True)) * share
                d_logits = d_softmax if d_logits is None else d_logits + d_softmax
            return tf.matmul(tf.concat(left, 2), tf.concat(right, 1))

        tf.add_to_collection("couplings", shares[-1] * mask)
        return capsules[-1], gradient

    tf.add_to_collection("uhat", caps_uhat)
    return rounds(tf.reshape(caps_uhat, [batch, steps, number * width]))
