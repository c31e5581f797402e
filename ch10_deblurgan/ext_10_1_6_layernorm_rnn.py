"""Section 10.1.6, hint: does ``LayerNormBasicLSTMCell`` give NaN for inputs in 0…1, and not in −1…1?

Digits (scikit-learn's, enlarged to MNIST's layout: 20×20 pixels within a black margin) are read row by row by the cell that the
text names. Trained are the two ranges of the hint and, to find the cause, both ranges with another background or margin.

Erratum E126: the cause is not the range. Rows of zeros at the beginning give all units the same sum (with layer norm the cell
has no bias); their variance is 0, so layer norm divides by the root of its epsilon, 1e-12. Each such row multiplies the gradient
by up to a million twice; after a handful it is infinite, and infinite times the zero input is NaN. In −1…1 black is −1, not 0.

Reads: nothing (the digits come with scikit-learn). Writes: ``layernorm_rnn.png`` and a record. Time: a minute on one core.
Next: ``code_10_01_models.py``, where Switchable norm is used.
"""

import os

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from common import images, options, run
from common.options import Value
from common.plotting import plt, save_figure
from common.records import Record

TEST = 300  # digits that are not trained on
KINDS = {  # title → (black and white as numbers, rows of margin, the cell)
    "0…1": ((0, 1), 4, "LayerNormBasicLSTMCell"),
    "-1…1": ((-1, 1), 4, "LayerNormBasicLSTMCell"),
    "0.01…1": ((0.01, 1), 4, "LayerNormBasicLSTMCell"),
    "0…1, margin of one row": ((0, 1), 1, "LayerNormBasicLSTMCell"),
    "-1…1 with black = 0": ((0, -1), 4, "LayerNormBasicLSTMCell"),
    "0…1, cell without layer norm": ((0, 1), 4, "BasicLSTMCell"),
}
VALUES = [
    Value("kinds", list(KINDS), "which are trained", choices=list(KINDS), tiny=["0…1", "-1…1", "-1…1 with black = 0"]),
    Value("steps", 50, "of each training", tiny=3, low=1),
    Value("seeds", 2, "trainings of each kind, from --seed on", tiny=1, low=1, high=100),
    Value("units", 32, "of the cell", tiny=8, low=1),
    Value("batch_size", 32, "pictures in a batch", tiny=8, low=2),
    Value("learning_rate", 0.005, "of Adam", low=0),
]


def digits(margin):
    """(pictures float32 ``[1797, 20 + 2·margin, 20 + 2·margin]`` in 0…1, digits int64 ``[1797]``), in a fixed order."""
    data = load_digits()
    large = [images.resize(np.uint8(picture * 255 / 16.0), 20, 20) for picture in data.images]
    padded = np.pad(np.float32(large) / 255, ((0, 0), (margin, margin), (margin, margin)), "constant")
    order = np.random.RandomState(0).permutation(len(padded))
    return padded[order], data.target[order]


def train(opts, kind, seed):
    """One training; (losses as far as they go, test accuracy or None where a loss was NaN, step of the first NaN or None)."""
    (black, white), margin, cell_name = KINDS[kind]
    x, y = digits(margin)
    x = black + (white - black) * x
    run.start(seed)
    rows, labels = tf.placeholder(tf.float32, (None,) + x.shape[1:]), tf.placeholder(tf.int64, [None])
    cell = getattr(tf.contrib.rnn, cell_name)(opts.units)
    outputs, _ = tf.nn.dynamic_rnn(cell, rows, dtype=tf.float32)
    logits = tf.layers.dense(outputs[:, -1], 10)
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    step = tf.train.AdamOptimizer(opts.learning_rate).minimize(loss)
    random, losses = np.random.RandomState(seed), []
    with tf.Session(config=run.session_config(opts.threads)) as session:
        session.run(tf.global_variables_initializer())
        for number in run.progress(range(opts.steps), desc="%s, seed %d" % (kind, seed), unit="step"):
            chosen = random.randint(TEST, len(x), opts.batch_size)
            value, _ = session.run([loss, step], {rows: x[chosen], labels: y[chosen]})
            if not np.isfinite(value):
                return losses, None, number + 1
            losses.append(float(value))
        found = session.run(logits, {rows: x[:TEST]}).argmax(axis=1)
        if not np.isfinite(session.run(loss, {rows: x[:TEST], labels: y[:TEST]})):  # the last step made it so
            return losses, None, opts.steps + 1
    return losses, float(np.mean(found == y[:TEST])), None


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    rows, curves = [], {}
    for kind in opts.kinds:
        (black, white), margin, cell = KINDS[kind]
        runs = [train(opts, kind, opts.seed + number) for number in range(opts.seeds)]
        curves[kind] = runs[0][0]
        broken = [step for _, _, step in runs if step is not None]
        right = [accuracy for _, accuracy, _ in runs if accuracy is not None]
        rows.append(
            [kind, cell, "%g / %g" % (black, white), margin, "%d of %d" % (len(broken), len(runs))]
            + [min(broken) if broken else None, round(float(np.mean(right)), 4) if right else None]
        )
        print("%-30s NaN in %s, first at step %s; test accuracy %s" % (kind, rows[-1][4], rows[-1][5], rows[-1][6]))
    figure, axes = plt.subplots(figsize=(8, 4.5))
    for kind, losses in curves.items():
        dies = len(losses) < opts.steps
        (line,) = axes.plot(range(1, len(losses) + 1), losses, "x-" if dies else "-", label=kind)
        if dies:
            axes.annotate(
                "NaN", (len(losses), losses[-1]), color=line.get_color(), xytext=(8, 0), textcoords="offset points"
            )
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.set_title("Digits row by row: which inputs make layer norm's gradient NaN")
    axes.legend()
    path = save_figure(figure, os.path.join(opts.output_dir, "layernorm_rnn.png"))
    record = Record(opts, opts.script, "section 10.1.6", "scikit-learn's 1797 digits, enlarged, %d for the test" % TEST)
    columns = ["inputs", "cell", "black / white", "rows of margin", "trainings with NaN", "first NaN at step"]
    record.table("Is the NaN real?", columns + ["test accuracy, mean"], rows)
    record.file(path, "picture", "Layer norm in an RNN: which inputs give NaN", "RNN 中的层归一化：哪些输入得到 NaN")
    record.save()


if __name__ == "__main__":
    options.run(main)
