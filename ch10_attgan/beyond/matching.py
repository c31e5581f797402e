"""A critic of edits that knows what was asked for: does this look like a real face *with glasses*? (``train.py --weight-match``)

The listing's critic says whether a picture is real, whatever it shows, and faces without glasses are real, too; a guide says
whether it sees glasses, however they look. This one compares what was edited with real faces that have those labels
(projection critic, Miyato and Koyama 2018, arXiv 1802.05637; hinge loss), patch by patch, and each layer is held back by its
largest singular value (spectral normalization, Miyato et al. 2018, arXiv 1802.05957).
"""

import tensorflow as tf
import tensorflow.contrib.slim as slim

from ch10_attgan.beyond import fast, networks

SCOPE = "M"
DIM = 24  # width
SHIFT = 4  # pixels by which a batch is moved at most before it is looked at
NOISE = 0.03  # standard deviation of what lies on it
GAIN = 1.4  # of a layer, so that leaky rectifiers do not make signals fade


def normalized(weights, name):
    """Filters ``[…, maps]`` divided by an estimate of their largest singular value as a matrix of ``maps`` columns.

    The estimate (variable ``name``) gets better by one power iteration whenever it is used.
    """
    flat = tf.reshape(weights, [-1, weights.shape[-1].value])
    start = tf.random_normal_initializer()
    right = tf.get_variable(name, [1, flat.shape[1].value], initializer=start, trainable=False)
    left = tf.stop_gradient(tf.nn.l2_normalize(tf.matmul(right, flat, transpose_b=True)))
    better = tf.stop_gradient(tf.nn.l2_normalize(tf.matmul(left, flat)))
    largest = tf.reduce_sum(tf.matmul(left, flat) * better)
    with tf.control_dependencies([right.assign(better)]):
        return weights / tf.identity(largest)


def critic(x, labels):
    """How real pictures ``[N, S, S, 3]`` (S a multiple of 16) look for faces of ``labels`` (0/1, ``[N, n_att]``).

    Returns:
      Logits ``[N, S/16, S/16]``, one a patch.
    """
    y = networks.moved(x, SHIFT) + tf.random_normal(tf.shape(x), stddev=NOISE)
    with tf.variable_scope(SCOPE, reuse=tf.AUTO_REUSE):
        for i in range(4):
            maps = DIM * min(2**i, 4)
            shape = [4, 4, y.shape[3].value, maps]
            w = tf.get_variable("conv%d/weights" % i, shape, initializer=slim.xavier_initializer())
            b = tf.get_variable("conv%d/biases" % i, [maps], initializer=tf.zeros_initializer())
            y = tf.nn.leaky_relu(GAIN * fast.convolve(y, normalized(w, "conv%d/singular" % i)) + b)
        count = 1 + labels.shape[1].value
        w = tf.get_variable("logits/weights", [maps, count], initializer=slim.xavier_initializer())
        b = tf.get_variable("logits/biases", [count], initializer=tf.zeros_initializer())
        y = tf.tensordot(y, w, [[3], [0]]) + b
    signs = 2 * tf.to_float(labels) - 1
    return y[..., 0] + tf.reduce_sum(y[..., 1:] * signs[:, None, None, :], axis=3)


class Matching:
    """The losses of this critic in a training: hand ``edit_loss`` to ``networks.guided``, then ask for ``step``.

    Args:
      a, b: labels before an edit and those asked for, 0/1 ``[N, n_att]``.
      weight: of the generator's loss.
    """

    def __init__(self, a, b, weight):
        self._a, self._b, self._weight = a, b, weight
        self._edited = None

    def edit_loss(self, xa, edited):
        """The generator's: −``weight`` times the mean logit of the edited pictures; what was not edited is left out."""
        self._edited = edited
        asked = tf.to_float(tf.reduce_any(tf.not_equal(self._a, self._b), axis=1))
        return -self._weight * tf.reduce_mean(asked[:, None, None] * critic(edited, self._b))

    def step(self, xa, rate):
        """(its training step by Adam, {"m_real", "m_edited": mean logits}) from real pictures ``xa`` and the edited ones."""
        real, edited = critic(xa, self._a), critic(tf.stop_gradient(self._edited), self._b)
        loss = tf.reduce_mean(tf.nn.relu(1 - real)) + tf.reduce_mean(tf.nn.relu(1 + edited))
        own = [variable for variable in tf.trainable_variables() if variable.op.name.startswith(SCOPE + "/")]
        with tf.variable_scope("match"):
            step = tf.train.AdamOptimizer(rate, beta1=0.5).minimize(loss, var_list=own)
        return step, dict(m_real=tf.reduce_mean(real), m_edited=tf.reduce_mean(edited))
