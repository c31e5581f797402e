"""Speed of example 52: windows a second at several batch sizes, interleaved in one run.

The structural model of listing 9-8 steps through a window day by day; a step with 16 windows costs far less than four steps
with 4, which is why the exercises train with batches of 16. Run: python tests/benchmarks/bench_tfts_births.py
"""

import time

import numpy as np
import tensorflow as tf

from ch09_tfts_births import code_9_08_births as listing
from ch09_tfts_births import ext_9_7_7_fit as exercises
from common import run

SIZES = (listing.BATCH_SIZE, 16)
ROUNDS = 3
STEPS = 5


def build(batch_size):
    """A graph with a gradient step of the printed model on random windows; returns (session, operation)."""
    graph = tf.Graph()
    with graph.as_default():
        model = exercises.structural_model(listing.PERIODICITIES, listing.CYCLE_NUM_LATENT_VALUES)
        model.initialize_graph()
        random = np.random.RandomState(0)
        features = {
            "times": tf.constant(np.tile(np.arange(listing.WINDOW_SIZE), [batch_size, 1])),
            "values": tf.constant(random.normal(size=[batch_size, listing.WINDOW_SIZE, 1])),
        }
        loss = model.define_loss(features, tf.estimator.ModeKeys.TRAIN).loss
        gradients = [item for item in tf.gradients(loss, tf.trainable_variables()) if item is not None]
        session = tf.Session(config=run.session_config())
        session.run(tf.global_variables_initializer())
    return session, gradients


def main():
    """Prints windows a second for each batch size and the ratio."""
    run.start(0)
    runs = {size: build(size) for size in SIZES}
    seconds = dict.fromkeys(SIZES, 0.0)
    for session, gradients in runs.values():
        session.run(gradients)
    for _ in range(ROUNDS):
        for size, (session, gradients) in runs.items():
            start = time.time()
            for _ in range(STEPS):
                session.run(gradients)
            seconds[size] += time.time() - start
    for size in SIZES:
        print("batch %2d: %.1f windows a second" % (size, size * ROUNDS * STEPS / seconds[size]))
    first, last = SIZES
    print("ratio: %.2f" % (last / seconds[last] * seconds[first] / first))


if __name__ == "__main__":
    main()
