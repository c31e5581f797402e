"""Speed and memory of example 51: listing 9-7 and beyond/fast.py, in turns (see ``turns.py``).

training   a step of the listing's graph, and of the same with recurrence and routing by compiled loops
use        one news text through either, and through the weights that ship (another model: hybrid.py)
start-up   the listing's and the classifier's ``--help``; a whole tiny training

    python tests/benchmarks/bench_capsule_rnn.py [--quick] [--record] [--only training …]

Reads real newswires where BOOK_DATA_DIR has them, else the generated ones. Time: some minutes on an idle machine.
"""

import numpy as np
import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn.beyond import classifier, fast_rnn, fast_routing
from common import datasets, options, run
from common.errors import UserError
from data import reuters
from tests.benchmarks import turns, worker

PARTS = dict(printed={}, ours=dict(rnn=fast_rnn.indy_lstm_rnn, route=fast_routing.routing_iter))
VALUES = [row for row in listing.VALUES if row.name != "epochs"]


def texts(opts):
    """Ids ``[N, maxlen]``, lengths ``[N]``, labels ``[N]`` of the training part."""
    try:
        folder = datasets.find("reuters", opts.data_dir, reuters.REQUIRED)
    except UserError:
        folder = datasets.sample("reuters")
    part = reuters.load_data(folder, opts.num_words)[0]
    return reuters.pad(part.texts, opts.maxlen) + (part.labels,)


def model_of(way, opts):
    """The model of a way with the weights that all ways have, and its session."""
    run.start(opts.seed)
    model = listing.build(opts, **PARTS[way])
    session = tf.Session(config=run.session_config(opts.threads))
    session.run(tf.global_variables_initializer())
    worker.fill(session, sorted(tf.trainable_variables(), key=lambda variable: variable.op.name))
    return model, session


def training(way, opts):
    """A training step. The warm-ups have no dropout, whose masks the ways draw differently, so that losses are comparable."""
    table, lengths, labels = texts(opts)
    order = np.random.RandomState(0).permutation(len(table))
    model, session = model_of(way, opts)
    batches = iter(range(10**9))

    def step(warm):
        rows = np.take(order, range(*(opts.batch_size * (next(batches) + k) for k in (0, 1))), mode="wrap")
        feed = {model.x: table[rows], model.x_len: lengths[rows], model.y: labels[rows], model.is_train: not warm}
        loss = session.run([model.cost, model.optimizer], feed)[0]
        return loss if warm else None

    return step


def use(way, opts):
    """One news text."""
    table, lengths, _ = texts(opts)
    one = int(lengths.argmax())
    if way == "shipped":
        ready = classifier.shipped(threads=opts.threads)
        ids = [number for number in table[one, : lengths[one]] if number < ready.settings.num_words]

        def step(warm):
            ready([ids])

        return step
    model, session = model_of(way, opts)
    feed = {model.x: table[one : one + 1], model.x_len: lengths[one : one + 1]}
    return lambda warm: np.abs(session.run(model.pred, feed)).sum()


def words_in_a_text(size, opts):
    """A training step of ours with texts of ``size`` words."""
    return _step_of_made_texts(opts, maxlen=size)


def vocabulary(size, opts):
    """A training step of ours with ``size`` word vectors."""
    return _step_of_made_texts(opts, num_words=size)


def _step_of_made_texts(opts, **changed):
    vars(opts).update(changed)
    random = np.random.RandomState(0)
    table = random.randint(3, opts.num_words, (opts.batch_size, opts.maxlen))
    model, session = model_of("ours", opts)
    feed = {model.x: table, model.x_len: np.full(len(table), opts.maxlen), model.is_train: True}
    feed[model.y] = random.randint(0, listing.n_classes, len(table))
    return lambda warm: session.run([model.cost, model.optimizer], feed)[0]


def newswires(size, opts):
    """Start-up: ``size`` texts padded and counted."""
    random = np.random.RandomState(0)
    made = [random.randint(3, 20000, 120).tolist() for _ in range(size)]
    return lambda warm: reuters.pad(made, opts.maxlen)[1].sum()


HELP = dict(
    printed=["ch09_capsule_rnn/code_9_07_routing_rnn.py", "--help"],
    ours=["ch09_capsule_rnn/beyond/predict.py", "--help"],
)
COMPARISONS = [
    turns.Comparison("training", training, goal=3.0, same=1e-4, limits=True),
    turns.Comparison("use", use, ("printed", "ours", "shipped"), same=1e-4),
    turns.Comparison("start-up", worker.command, commands=HELP),
]
GROWTHS = [
    turns.Growth("words in a text", words_in_a_text, (40, 80, 160, 320), (8, 16)),
    turns.Growth("vocabulary", vocabulary, (5000, 10000, 20000, 40000), (500, 1000)),
    turns.Growth("newswires, start-up", newswires, (2000, 8000, 32000), (20, 40)),
]


def main(argv=None):
    turns.main(__file__, __doc__, "ch09_capsule_rnn", VALUES, COMPARISONS, GROWTHS, argv)


if __name__ == "__main__":
    options.run(main)
