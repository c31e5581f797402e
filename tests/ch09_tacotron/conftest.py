"""The whole network takes seconds to build: it is built once for all tests that look at it."""

import logging
import types

import numpy as np
import pytest
import tensorflow as tf


class _Lines(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


@pytest.fixture(scope="session")
def network():
    """Listing 9-16's training graph, built by the printed calls, and a session in which it has made one step.

    ``graph``, ``session``, ``model``, ``feed`` (two sentences of 10 symbols, two steps of 5 frames), ``log`` (lines of the INFO
    log), ``before``: values of all variables before the step.
    """
    from ch09_tacotron.code_9_16_tacotron import Tacotron

    num_mels, outputs_per_step, num_freq, sample_rate = 80, 5, 1025, 16000
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(0)
        inputs = tf.placeholder(tf.int32, [None, None], "inputs")
        input_lengths = tf.placeholder(tf.int32, [None], "input_lengths")
        linear_targets = tf.placeholder(tf.float32, [None, None, num_freq], "linear_targets")
        mel_targets = tf.placeholder(tf.float32, [None, None, num_mels], "mel_targets")
        stop_token_targets = tf.placeholder(tf.float32, [None, None], "stop_token_targets")
        global_step = tf.Variable(0, name="global_step", trainable=False)
        listener, logger = _Lines(), logging.getLogger("tensorflow")
        logger.addHandler(listener)
        tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.INFO)
        try:
            with tf.variable_scope("model"):
                model = Tacotron(
                    inputs,
                    input_lengths,
                    num_mels,
                    outputs_per_step,
                    num_freq,
                    linear_targets,
                    mel_targets,
                    stop_token_targets,
                )
                model.buildTrainModel(sample_rate, num_freq, global_step)
        finally:
            tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
            logger.removeHandler(listener)
        random = np.random.RandomState(0)
        feed = {
            inputs: random.randint(2, 75, [2, 10]),
            input_lengths: [10, 7],
            linear_targets: random.rand(2, 10, num_freq),
            mel_targets: random.rand(2, 10, num_mels),
            stop_token_targets: [[0] * 9 + [1], [0] * 6 + [1] * 4],
        }
        config = tf.ConfigProto()
        config.graph_options.rewrite_options.disable_meta_optimizer = (
            True  # planning takes longer than a few steps save
        )
        session = tf.Session(config=config)
        variables = tf.global_variables()
        session.run(tf.global_variables_initializer())
        before = dict(zip([variable.op.name for variable in variables], session.run(variables)))
        losses = [model.loss, model.mel_loss, model.stop_token_loss, model.linear_loss, model.learning_rate]
        outputs = [model.mel_outputs, model.stop_token_outputs, model.linear_outputs, model.alignments]
        # losses and outputs are of one run, whose dropout they share
        step, values, made, _ = session.run([global_step, losses, outputs, model.optimize], feed)
    yield types.SimpleNamespace(
        graph=graph,
        session=session,
        model=model,
        feed=feed,
        log=listener.lines,
        before=before,
        global_step=global_step,
        losses=values,
        outputs=made,
    )
    session.close()
