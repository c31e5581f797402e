"""The routing of listing 9-7 (9.6.4), the same numbers in less time.

The listing multiplies ``uhat [B, T, N, D]`` element by element, twice a round, and TensorFlow does so four times more for
the gradient: each time millions of numbers travel through memory. Here a compiled function (kernels.py) does all rounds
for one text after the other, whose numbers stay in the cache meanwhile, and another the gradient.
"""

import tensorflow as tf

from ch09_capsule_rnn.beyond import kernels


def routing_iter(caps_uhat, seqLen, iter_num):
    """``masked_routing_iter`` of the listing, to be handed in as ``route``.

    Args:
      caps_uhat: float32 ``[B, T, N, D]`` with known N and D; seqLen: int ``[B]``, an empty text counts as one word long.
      iter_num: rounds, at least 1.

    Returns:
      ``(V, S)``: the capsules after and before squashing, float32 ``[B, N, D]``. No gradient goes through S.
    """
    number, width = caps_uhat.shape[2].value, caps_uhat.shape[3].value
    lengths = tf.clip_by_value(tf.cast(seqLen, tf.int32), 1, tf.shape(caps_uhat)[1])

    @tf.custom_gradient
    def rounds(uhat):
        outputs = tf.py_func(kernels.routing_forward, [uhat, lengths, iter_num], [tf.float32] * 3, stateful=False)

        def gradient(d_capsules, unused):
            d_uhat = tf.py_func(
                kernels.routing_backward, [d_capsules, uhat, lengths] + outputs, tf.float32, stateful=False
            )
            d_uhat.set_shape(uhat.shape)
            return d_uhat

        capsules, sums = outputs[0][-1], outputs[1][-1]
        capsules.set_shape([None, number, width])
        sums.set_shape([None, number, width])
        return (capsules, sums), gradient

    V, S = rounds(caps_uhat)
    return V, tf.stop_gradient(S)
