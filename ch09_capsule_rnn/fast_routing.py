"""Extra: the routing of listing 9-7 (9.6.3), the same numbers in less time.

The listing multiplies ``uhat [B, T, N, D]`` element by element, twice a round, and TensorFlow does so four times more for
the gradient: each time millions of numbers travel through memory. Here a compiled function (kernels.py) does all rounds
for one text after the other, whose numbers stay in the cache meanwhile, and another the gradient.
"""

import tensorflow as tf

from ch09_capsule_rnn import kernels


def routing_iter(caps_uhat, seqLen, iter_num):
    """``masked_routing_iter`` of the listing.

    Args:
      caps_uhat: float32 ``[B, T, N, D]`` with known N and D; seqLen: int ``[B]``, an empty text counts as one word long.
      iter_num: rounds, at least 1.

    Returns:
      the capsules V, float32 ``[B, N, D]``. The last couplings ``[B, T, N]`` and ``caps_uhat`` are left in the graph's
      collections ``couplings`` and ``uhat``.
    """
    number, width = caps_uhat.shape[2].value, caps_uhat.shape[3].value
    lengths = tf.clip_by_value(tf.cast(seqLen, tf.int32), 1, tf.shape(caps_uhat)[1])

    @tf.custom_gradient
    def rounds(uhat):
        outputs = tf.py_func(kernels.routing_forward, [uhat, lengths, iter_num], [tf.float32] * 3, stateful=False)
        capsules, couplings = outputs[0][-1], outputs[2][-1]
        capsules.set_shape([None, number, width])
        tf.add_to_collection("couplings", couplings)

        def gradient(d_capsules):
            d_uhat = tf.py_func(
                kernels.routing_backward, [d_capsules, uhat, lengths] + outputs, tf.float32, stateful=False
            )
            d_uhat.set_shape(uhat.shape)
            return d_uhat

        return capsules, gradient

    tf.add_to_collection("uhat", caps_uhat)
    return rounds(caps_uhat)
