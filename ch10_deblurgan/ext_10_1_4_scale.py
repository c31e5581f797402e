"""Section 10.1.4: adaptive batch norm - is γ (``scale``) needed, and where does a linear layer do its work?

``slim.batch_norm`` has no γ unless ``scale=True``. The text: leave it off where a linear layer follows (that layer does the
scaling), turn it on where none follows. Here a small network blurs drawn faces back to sharp ones and ends in batch norm, with a
linear layer behind it or not, with γ or without: four trainings for each seed, on the same faces. Batch norm alone gives each
channel the deviation 1; the faces' channels have another, which only γ or a linear layer can give them.

Reads: nothing (faces of ``data/sample_celeba.py``). Writes: ``scale.png`` (curves, γ learnt) and a record.
Time: a minute on one core. Next: ``ext_10_1_normalizations.py``.
"""

import os

import numpy as np
import tensorflow as tf
import tensorflow.contrib.slim as slim
from scipy.ndimage import uniform_filter

from common import images, options, run
from common.options import Value
from common.plotting import plt, save_figure
from common.records import Record
from data import sample_celeba

VALUES = [
    Value("steps", 150, "of each training", tiny=3, low=1),
    Value("seeds", 3, "trainings of each kind, from --seed on", tiny=1, low=1, high=100),
    Value("faces", 300, "drawn faces", tiny=40, low=20),
    Value("size", 24, "their side", tiny=16, low=16, high=128),
    Value("batch_size", 16, "faces in a batch", low=2),
    Value("learning_rate", 0.02, "of Adam", low=0),
]
KINDS = {  # title → (scale, whether a linear layer follows)
    "no γ, nothing behind": (False, False),
    "γ, nothing behind": (True, False),
    "no γ, linear layer behind": (False, True),
    "γ, linear layer behind": (True, True),
}


def network(x, scale, linear):
    """Blurred faces ``[N, S, S, 3]`` → sharp ones; batch norm's 3 channels are the last or the last but one layer."""
    y = slim.conv2d(x, 16, 3, activation_fn=tf.nn.relu)
    y = slim.conv2d(y, 3, 3, activation_fn=None)
    y = slim.batch_norm(y, scale=scale, is_training=True, updates_collections=None, scope="end")
    return slim.conv2d(y, 3, 1, activation_fn=None, scope="linear") if linear else y


def train(opts, kind, seed, blurred, sharp):
    """One training: (loss a step, deviations of batch norm's γ, ones where it has none)."""
    run.start(seed)
    scale, linear = KINDS[kind]
    x, target = [tf.placeholder(tf.float32, (None,) + sharp.shape[1:]) for _ in range(2)]
    loss = tf.losses.mean_squared_error(target, network(x, scale, linear))
    step = tf.train.AdamOptimizer(opts.learning_rate).minimize(loss)
    random, losses = np.random.RandomState(seed), []
    with tf.Session(config=run.session_config(opts.threads)) as session:
        session.run(tf.global_variables_initializer())
        for _ in run.progress(range(opts.steps), desc="%s, seed %d" % (kind, seed), unit="step"):
            rows = random.randint(0, len(sharp), opts.batch_size)
            losses.append(session.run([loss, step], {x: blurred[rows], target: sharp[rows]})[0])
        gamma = session.run(slim.get_variables_by_name("end/gamma")[0]) if scale else np.ones(3)
    return np.array(losses), gamma


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    pictures, _ = sample_celeba.faces(opts.faces, opts.size, opts.seed)
    sharp = images.from_uint8(pictures)
    blurred = uniform_filter(sharp, (1, 5, 5, 1))
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), gridspec_kw=dict(width_ratios=(2, 1)))
    rows = []
    for place, kind in enumerate(KINDS):
        runs = [train(opts, kind, opts.seed + number, blurred, sharp) for number in range(opts.seeds)]
        last = [float(losses[-max(1, opts.steps // 10) :].mean()) for losses, _ in runs]
        gammas = np.abs([gamma for _, gamma in runs])
        rows.append([kind, round(np.mean(last), 5), round(min(last), 5), round(max(last), 5)])
        rows[-1] += [round(float(value), 3) for value in gammas.mean(axis=0)]
        print("%-26s loss %.5f (%.5f to %.5f), |γ| of red, green, blue: %.3f %.3f %.3f" % tuple(rows[-1]))
        left.semilogy(np.mean([losses for losses, _ in runs], axis=0), label=kind)
        right.bar(np.arange(3) + 0.2 * place, gammas.mean(axis=0), 0.2)
    deviations = sharp.std(axis=(0, 1, 2))
    right.plot(np.arange(3) + 0.3, deviations, "k_", markersize=40)
    left.set_xlabel("step")
    left.set_ylabel("mean square error")
    left.legend()
    right.set_xticks(np.arange(3) + 0.3)
    right.set_xticklabels(["red", "green", "blue"])
    right.set_title("|γ| learnt (1: there is none); black: deviation of the faces", fontsize=8)
    figure.suptitle("Batch norm with and without γ, with and without a linear layer behind it")
    path = save_figure(figure, os.path.join(opts.output_dir, "scale.png"))
    record = Record(opts, opts.script, "section 10.1.4", "%d drawn faces, %d px" % (opts.faces, opts.size))
    columns = ["batch norm", "loss, last tenth", "least of the seeds", "most", "|γ| red", "|γ| green", "|γ| blue"]
    note = "mean square error on the training's own batches; %d seeds; deviation of the faces' channels %s"
    record.table(
        "With and without γ", columns, rows, note % (opts.seeds, " ".join("%.3f" % item for item in deviations))
    )
    record.file(
        path,
        "picture",
        "Batch norm's γ: needed where no linear layer follows?",
        "批归一化的 γ：后面没有线性层时才需要？",
    )
    record.save()


if __name__ == "__main__":
    options.run(main)
