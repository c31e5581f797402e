"""How well listing 9-7 sorts news that it has not seen (the print measures nothing but the training loss: E02).

Accuracy and macro-F1 on the test part, a report by topic, the confusion matrix and the curve of the loss beside the printed
figures. With --more, runs of other seeds stand beside it in a table with mean and spread.

Reads   output/capsule_rnn/<preset>/ (or --output-dir), made by code_9_07_routing_rnn.py or fast.py; reuters.npz
Writes  report.txt, confusion.png, curve.png and record-evaluate.json there
Time    a minute on the real data
"""

import os

import numpy as np
import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn.beyond import fitting, reports
from common import datasets, files, options, run
from common.errors import UserError
from data import reuters

MADE_BY = "ch09_capsule_rnn/code_9_07_routing_rnn.py"
VALUES = [options.Value("batch", 500, "newswires computed at once", low=1, tiny=500)]
PRINTED = {1: 3.4340985, 2: 2.349189, 19: 0.69928074, 20: 0.65264946}  # epoch → loss


def predict(session, model, table, lengths, batch):
    """Probabilities ``[N, 46]`` by the listing's model, without dropout."""
    probabilities = tf.nn.softmax(model.pred)
    found = []
    for start in range(0, len(lengths), batch):
        rows = slice(start, start + batch)
        found.append(session.run(probabilities, {model.x: table[rows], model.x_len: lengths[rows]}))
    return np.concatenate(found)


def load(session, folder, settings):
    """The model of the listing's run in ``folder``, built into the session's graph, with its newest weights."""
    model = listing.build(settings)
    if not run.restore_newest(tf.train.Saver(), session, os.path.join(folder, "checkpoints")):
        raise UserError("no trained model in %s: run %s first" % (folder, MADE_BY))
    return model


def measure(opts, folder, data):
    """The listing's run in ``folder`` on the test and the training part.

    Returns:
      a dictionary: ``settings``; ``losses`` of the epochs; ``probabilities`` of the test part; ``parts``, training and test as
      ``(table, lengths, labels)``; ``seen``, accuracy on the training part; ``weights``, how many.
    """
    settings = options.load_values(folder, listing.VALUES, MADE_BY)
    parts = [
        reuters.pad(part.texts, settings.maxlen) + (part.labels,)
        for part in reuters.load_data(data, settings.num_words)
    ]
    losses = files.read_json(os.path.join(folder, "losses.json"), list)
    with tf.Graph().as_default(), tf.Session(config=run.session_config(opts.threads)) as session:
        model = load(session, folder, settings)
        seen, unseen = [predict(session, model, part[0], part[1], opts.batch) for part in parts]
        weights = fitting.count_weights()
    seen = fitting.accuracy(seen, parts[0][2])
    return dict(settings=settings, losses=losses, probabilities=unseen, parts=parts, seen=seen, weights=weights)


def main(argv=None):
    def add(parser):
        parser.add_argument(
            "--more", nargs="+", default=[], metavar="FOLDER", help="runs of other seeds, to be compared"
        )

    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, add=add, folder="{preset}")
    run.start(opts.seed)
    folders = [opts.output_dir] + [os.path.abspath(folder) for folder in opts.more]
    data = datasets.locate("reuters", opts, required=reuters.REQUIRED, trained=folders)
    topics = reuters.read_topics(data)
    found = measure(opts, opts.output_dir, data)
    train, test = found["parts"]
    opts.seed = found["settings"].seed  # of the training: the evaluation draws nothing
    record = reports.record(opts, "listing 9-7", data, train, None, test)
    as_printed = all(getattr(found["settings"], row.name) == row.value for row in listing.VALUES)
    record.metric("weights", found["weights"], printed="2650236 (counted from the listing)" if as_printed else None)
    history = [dict(epoch=epoch, loss=loss) for epoch, loss in enumerate(found["losses"], 1)]
    printed = PRINTED if as_printed else None
    reports.evaluate(record, opts, topics, history, found["probabilities"], test[2], found["seen"], printed)

    rows = []
    for folder in folders if opts.more else []:
        one = found if folder == opts.output_dir else measure(opts, folder, data)
        result = reports.scores(test[2], one["probabilities"].argmax(axis=1))
        rows.append(
            ["seed %d" % one["settings"].seed, result["accuracy"], result["macro_f1"], one["seen"], one["losses"][-1]]
        )
    reports.add_spread(record, rows)
    record.save()


if __name__ == "__main__":
    options.run(main)
