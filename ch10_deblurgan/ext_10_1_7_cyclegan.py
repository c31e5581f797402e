"""Section 10.1.7: CycleGAN - faces get glasses or lose them, learnt from two heaps of pictures that do not belong together.

One heap of drawn faces wears glasses, the other does not, and no face is in both. Two generators go from heap to heap, two
critics know one heap each, and the cycle-consistency loss wants every face back after both ways. DiscoGAN and DualGAN have
the same parts with other losses, which are rows of ``LOSSES`` here; 'no cycle' leaves the cycle out. A judge says whether the
glasses came and went, and whether the other attributes stayed.

As a few hundred steps must do, the generators are small and add to their input what is to change.

Reads: nothing (faces of ``data/sample_celeba.py``). Writes: ``cycles.png`` and a record. Time: some minutes on one core.
Next: ``ext_10_1_9_tfgan.py``; editing by attributes: example 55.
"""

import os

import numpy as np
import tensorflow as tf

from common import images, options, run
from common.judge import Judge
from common.normalization import instance_norm
from common.options import Value
from common.plotting import plt, save_figure
from common.records import Record
from data import sample_celeba

LOSSES = {  # name → (the critic's loss, the distance of a face to what comes back, its weight)
    "CycleGAN": ("least squares", "L1", 10.0),  # arXiv 1703.10593
    "DiscoGAN": ("cross entropy", "L2", 10.0),  # arXiv 1703.05192
    "DualGAN": ("Wasserstein", "L1", 10.0),  # arXiv 1704.02510
    "no cycle": ("least squares", "L1", 0.0),
}
VALUES = [
    Value("losses", list(LOSSES), "which are trained", choices=list(LOSSES), tiny=["CycleGAN", "DualGAN"]),
    Value("steps", 200, "of each training", tiny=2, low=1),
    Value("faces", 250, "drawn faces in each heap", tiny=20, low=8),
    Value("size", 64, "their side", tiny=32, choices=[32, 64, 128]),
    Value("batch_size", 4, "faces of each heap in a batch", tiny=2, low=1),
    Value("dim", 16, "filters of the first layers", tiny=4, low=1, high=256),
    Value("learning_rate", 0.001, "of the optimizers", low=0),
    Value("clip", 0.03, "largest weight of DualGAN's critics", low=0),
]
GLASSES = sample_celeba.DRAWN.index("Eyeglasses")
SHOWN, TESTED = 5, 60


def generator(x, scope, dim):
    """Faces ``[N, S, S, 3]`` → faces: down twice, two residual convolutions, up twice, added to ``x``."""
    with tf.variable_scope(scope, reuse=tf.AUTO_REUSE):
        half = tf.layers.conv2d(x, dim, 4, 2, "same", activation=tf.nn.leaky_relu, name="down_1")
        y = tf.layers.conv2d(half, 2 * dim, 4, 2, "same", name="down_2")
        y = tf.nn.leaky_relu(instance_norm(y, "norm_1"))
        for number in (1, 2):
            y += tf.layers.conv2d(tf.nn.relu(y), 2 * dim, 3, 1, "same", name="middle_%d" % number)
        y = tf.layers.conv2d_transpose(tf.nn.relu(y), dim, 4, 2, "same", name="up_1")
        y = tf.concat([tf.nn.relu(instance_norm(y, "norm_2")), half], axis=3)
        return x + 2 * tf.tanh(tf.layers.conv2d_transpose(y, 3, 4, 2, "same", name="up_2"))


def critic(x, scope, dim):
    """Faces → a map of logits, each of a piece of the face."""
    with tf.variable_scope(scope, reuse=tf.AUTO_REUSE):
        x = tf.layers.conv2d(x, dim, 4, 2, "same", activation=tf.nn.leaky_relu, name="conv_1")
        x = tf.nn.leaky_relu(instance_norm(tf.layers.conv2d(x, 2 * dim, 4, 2, "same", name="conv_2"), "norm"))
        x = tf.layers.conv2d(x, 4 * dim, 4, 2, "same", activation=tf.nn.leaky_relu, name="conv_3")
        return tf.layers.conv2d(x, 1, 3, 1, "same", name="end")


def adversarial(kind, logits, real):
    """A critic's, or a generator's, loss on ``logits`` that should say ``real`` (1 or 0)."""
    if kind == "least squares":
        return tf.reduce_mean(tf.square(logits - real))
    if kind == "cross entropy":
        return tf.losses.sigmoid_cross_entropy(real * tf.ones_like(logits), logits)
    return tf.reduce_mean(logits) * (1 - 2 * real)


def build(opts, a, b, kind):
    """The graph: (a → b, b → a, a → b → a, b → a → b, training steps in order)."""
    critics_loss, distance, weight = LOSSES[kind]
    to_b, to_a = generator(a, "to_b", opts.dim), generator(b, "to_a", opts.dim)
    back_a, back_b = generator(to_b, "to_a", opts.dim), generator(to_a, "to_b", opts.dim)
    away = tf.abs if distance == "L1" else tf.square
    g_loss = weight * sum(tf.reduce_mean(away(x - y)) for x, y in ((a, back_a), (b, back_b)))
    d_loss = 0.0
    for real, fake, scope in ((a, to_a, "critic_a"), (b, to_b, "critic_b")):
        on_fake = critic(fake, scope, opts.dim)
        g_loss += adversarial(critics_loss, on_fake, 1.0)
        d_loss += adversarial(critics_loss, critic(real, scope, opts.dim), 1.0) + adversarial(
            critics_loss, on_fake, 0.0
        )
    wasserstein = critics_loss == "Wasserstein"
    steps = []
    for loss, scope in ((d_loss, "critic"), (g_loss, "to")):
        if wasserstein:
            optimizer = tf.train.RMSPropOptimizer(opts.learning_rate / 2)
        else:
            optimizer = tf.train.AdamOptimizer(opts.learning_rate, beta1=0.5)
        step = optimizer.minimize(loss, var_list=tf.trainable_variables(scope))
        if wasserstein and scope == "critic":
            with tf.control_dependencies([step]):
                clipped = [tf.clip_by_value(v, -opts.clip, opts.clip) for v in tf.trainable_variables(scope)]
                step = tf.group(*[tf.assign(v, value) for v, value in zip(tf.trainable_variables(scope), clipped)])
        steps.append(step)
    return (to_b, to_a, back_a, back_b), steps


def train(opts, kind, heap_a, heap_b, test_a, test_b):
    """One training; uint8 ``test_a`` with glasses, ``test_b`` without, and both back again."""
    run.start(opts.seed)
    a, b = [tf.placeholder(tf.float32, (None,) + heap_a.shape[1:]) for _ in range(2)]
    results, steps = build(opts, a, b, kind)
    random = np.random.RandomState(opts.seed)
    with tf.Session(config=run.session_config(opts.threads)) as session:
        session.run(tf.global_variables_initializer())
        for _ in run.progress(range(opts.steps), desc=kind, unit="step"):
            rows = random.randint(0, len(heap_a), (2, opts.batch_size))  # of each heap its own: nothing is paired
            for step in steps:
                session.run(step, {a: heap_a[rows[0]], b: heap_b[rows[1]]})
        return [images.to_uint8(result) for result in session.run(results, {a: test_a, b: test_b})]


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    run.start(opts.seed)
    count = opts.faces + TESTED
    pixels_a, labels_a = sample_celeba.faces(count, opts.size, [opts.seed, 1], Eyeglasses=0)
    pixels_b, labels_b = sample_celeba.faces(count, opts.size, [opts.seed, 2], Eyeglasses=1)
    learned = [
        np.concatenate([a[: opts.faces], b[: opts.faces]]) for a, b in ((pixels_a, pixels_b), (labels_a, labels_b))
    ]
    judge = Judge(*learned, steps=opts.steps + 100, seed=opts.seed, threads=opts.threads)
    tests = [pixels_a[opts.faces :], pixels_b[opts.faces :]]
    others = np.arange(len(sample_celeba.DRAWN)) != GLASSES
    heaps = [images.from_uint8(pixels) for pixels in (pixels_a[: opts.faces], pixels_b[: opts.faces])]
    shown, rows = [("drawn", tests)], []
    seen = [judge(test) for test in tests]
    rows.append(["drawn faces", float(seen[0][:, GLASSES].mean()), float(1 - seen[1][:, GLASSES].mean()), 1.0, 0.0])
    for kind in opts.losses:
        to_b, to_a, back_a, back_b = train(opts, kind, *heaps, *[images.from_uint8(test) for test in tests])
        after = [judge(faces) for faces in (to_b, to_a)]
        stayed = np.mean([np.mean(x[:, others] == y[:, others]) for x, y in zip(after, seen)])
        back = np.mean([np.abs(np.float32(x) - y).mean() for x, y in ((back_a, tests[0]), (back_b, tests[1]))])
        glasses = float(after[0][:, GLASSES].mean()), float(1 - after[1][:, GLASSES].mean())
        rows.append([kind, *glasses, float(stayed), float(back)])
        shown += [(kind, (to_b, to_a)), ("and back", (back_a, back_b))]
    rows = [row[:1] + [round(float(value), 3) for value in row[1:]] for row in rows]
    figure, axes = plt.subplots(figsize=(10, 1.0 * len(shown)))
    strips = [np.concatenate(list(left[:SHOWN]) + list(right[:SHOWN]), axis=1) for _, (left, right) in shown]
    axes.imshow(np.concatenate(strips))
    axes.axvline(SHOWN * opts.size - 0.5, color="white", linewidth=3)
    axes.set_yticks([opts.size * (place + 0.5) for place in range(len(shown))])
    axes.set_yticklabels([title for title, _ in shown])
    axes.set_xticks([opts.size * SHOWN * place for place in (0.5, 1.5)])
    axes.set_xticklabels(["glasses on", "glasses off"])
    path = save_figure(figure, os.path.join(opts.output_dir, "cycles.png"), dpi=140)
    columns = [
        "losses",
        "have glasses after 'on'",
        "have none after 'off'",
        "other attributes as before",
        "error of the cycle",
    ]
    for row in [columns] + rows:
        print("  ".join("%-12s" % item for item in row))
    record = Record(opts, opts.script, "section 10.1.7", "2 × %d drawn faces, %d px" % (opts.faces, opts.size))
    note = (
        "%d unseen faces each way, as a judge that learnt from drawn faces sees them; error: mean, levels of 255"
        % TESTED
    )
    record.table("Glasses on and off", columns, rows, note)
    record.file(path, "picture", "Glasses on, off, and back again", "戴上、摘下眼镜，再变回来")
    record.save()


if __name__ == "__main__":
    options.run(main)
