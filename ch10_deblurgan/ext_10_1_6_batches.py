"""Section 10.1.6: what small batches do to the normalization family - batch 2 against 32.

A small network learns which attributes drawn faces have, once with each norm and each size of batch, from as many faces; its
answers on other faces, one at a time, are counted. ReNorm is Keras's ``BatchNormalization(renorm=True)``, which the text
recommends for small batches; Group norm is TensorFlow's; Switchable norm is ``common.normalization``.

Reads: nothing (faces of ``data/sample_celeba.py``). Writes: ``batches.png`` and a record. Time: two minutes on one core.
Next: ``ext_10_1_6_layernorm_rnn.py``.
"""

import os

import numpy as np
import tensorflow as tf

from common import images, options, run
from common.normalization import SwitchNormalization
from common.options import Value
from common.plotting import plt, save_figure
from common.records import Record
from data import sample_celeba

VALUES = [
    Value("seen", 1200, "faces that each training sees, however they are cut into batches", tiny=64, low=1),
    Value("batch_sizes", [2, 32], "faces in a batch", low=2),
    Value("seeds", 3, "trainings of each kind, from --seed on", tiny=1, low=1, high=100),
    Value("faces", 600, "drawn faces to learn from", tiny=40, low=20),
    Value("test_faces", 300, "other faces to ask about", tiny=20, low=2),
    Value("size", 24, "their side", tiny=16, low=16, high=128),
    Value("learning_rate", 0.003, "of Adam", low=0),
    Value("momentum", 0.97, "of the moving averages", low=0, high=0.9999),
]


def renorm(momentum, number):
    """Keras's way to batch renormalization (arXiv 1702.03275), clipped as in the paper's later steps."""
    clipping = dict(rmin=1 / 3.0, rmax=3.0, dmax=5.0)
    return tf.keras.layers.BatchNormalization(
        momentum=momentum, renorm=True, renorm_momentum=momentum, renorm_clipping=clipping
    )


def group_norm(momentum, number):
    """TensorFlow's Group norm, four groups, as something to call like a layer; it has no averages, and wants a known N."""
    from tensorflow.contrib import layers as contrib  # slow to load: at its first use

    return lambda x, training: contrib.group_norm(x, groups=4, scope="group_%d" % number, reuse=tf.AUTO_REUSE)


NORMS = {  # name → function of (the averages' momentum, the layer's number), which gives a layer
    "Batch": lambda momentum, number: tf.keras.layers.BatchNormalization(momentum=momentum),
    "ReNorm": renorm,
    "Group": group_norm,
    "Switchable": lambda momentum, number: SwitchNormalization(momentum=momentum),
}


def train(opts, norm, batch_size, seed, train_part, test_part):
    """One training; share of right answers on ``test_part`` in inference mode."""
    run.start(seed)
    (pictures, labels), (test_pictures, test_labels) = train_part, test_part
    convolutions = [tf.layers.Conv2D(filters, 4, 2, "same", use_bias=False) for filters in (8, 16, 32)]
    norms = [NORMS[norm](opts.momentum, number) for number in range(len(convolutions))]
    dense = tf.layers.Dense(labels.shape[1])

    def network(y, training):
        for convolution, layer in zip(convolutions, norms):
            y = tf.nn.relu(layer(convolution(y), training=training))
        return dense(tf.layers.flatten(y))

    x = tf.placeholder(tf.float32, (batch_size,) + pictures.shape[1:])
    target = tf.placeholder(tf.float32, [batch_size, labels.shape[1]])
    loss = tf.losses.sigmoid_cross_entropy(target, network(x, True))
    test_x = tf.placeholder(tf.float32, test_pictures.shape)
    answers = network(test_x, False) > 0
    with tf.control_dependencies([update for layer in norms for update in getattr(layer, "updates", [])]):
        step = tf.train.AdamOptimizer(opts.learning_rate).minimize(loss)
    random = np.random.RandomState(seed)
    with tf.Session(config=run.session_config(opts.threads)) as session:
        session.run(tf.global_variables_initializer())
        steps = range(max(1, opts.seen // batch_size))
        for _ in run.progress(steps, desc="%s, batch %d, seed %d" % (norm, batch_size, seed), unit="step"):
            rows = random.randint(0, len(pictures), batch_size)
            session.run(step, {x: pictures[rows], target: labels[rows]})
        return float(np.mean(session.run(answers, {test_x: test_pictures}) == (test_labels > 0)))


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    pictures, labels = sample_celeba.faces(opts.faces + opts.test_faces, opts.size, opts.seed)
    pictures = images.from_uint8(pictures)
    parts = [(pictures[: opts.faces], labels[: opts.faces]), (pictures[opts.faces :], labels[opts.faces :])]
    figure, axes = plt.subplots(figsize=(8, 4))
    rows, width = [], 0.8 / len(opts.batch_sizes)
    for norm in NORMS:
        row = [norm]
        for place, size in enumerate(opts.batch_sizes):
            right = [train(opts, norm, size, opts.seed + number, *parts) for number in range(opts.seeds)]
            row += [round(float(value), 4) for value in (np.mean(right), min(right), max(right))]
            axes.bar(len(rows) + place * width, 1 - np.mean(right), width, color="C%d" % place)
            axes.plot([len(rows) + place * width] * len(right), 1 - np.array(right), "k_")
        rows.append(row)
        print("%-11s right (mean, least, most) at each size of batch: %s" % (norm, row[1:]))
    axes.set_xticks(np.arange(len(NORMS)) + width * (len(opts.batch_sizes) - 1) / 2)
    axes.set_xticklabels(list(NORMS))
    axes.set_ylabel("wrong answers (share)")
    axes.set_title(
        "Attributes of unseen faces; batches of %s, a mark a seed" % " and ".join(map(str, opts.batch_sizes))
    )
    bars = [axes.bar(0, 0, color="C%d" % place) for place in range(len(opts.batch_sizes))]
    axes.legend(bars, ["batch %d" % size for size in opts.batch_sizes])
    path = save_figure(figure, os.path.join(opts.output_dir, "batches.png"))
    record = Record(opts, opts.script, "section 10.1.6", "%d drawn faces, %d others" % (opts.faces, opts.test_faces))
    columns = ["norm"]
    for size in opts.batch_sizes:
        columns += ["right, batch %d" % size, "least of the seeds, batch %d" % size, "most, batch %d" % size]
    majority = float(np.mean(np.maximum(parts[1][1].mean(axis=0), 1 - parts[1][1].mean(axis=0))))
    note = "share of right answers, inference mode, %d seeds, as many faces seen; %.3f for always the commoner answer"
    record.table("Norms at two sizes of batch", columns, rows, note % (opts.seeds, majority))
    record.file(path, "picture", "Wrong answers by norm and size of batch", "不同归一化与批大小下的错误率")
    record.save()


if __name__ == "__main__":
    options.run(main)
