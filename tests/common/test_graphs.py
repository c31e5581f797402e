"""What the tests themselves rely on: a graph does not outlive its test (``tests/graphs.py``)."""

import gc
import weakref

import tensorflow as tf

from common import run
from tests import graphs


def test_a_graph_with_a_custom_gradient_is_freed():
    """TensorFlow 1.13 keeps it otherwise (1.15 does not, of this one): 54's tests alone once ended at four gigabytes."""

    @tf.custom_gradient
    def doubled(x):
        return 2.0 * x, lambda change: 2.0 * change

    def build():
        doubled(tf.placeholder(tf.float32, []))
        return weakref.ref(tf.get_default_graph())

    graph = build()
    run.start()
    graphs.forget_gradients()
    gc.collect()
    assert graph() is None
