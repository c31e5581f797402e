"""Section 10.1.9: TFGAN used like an estimator (``tf.contrib.gan``), and the same GAN by hand beside it.

Both learn drawn faces from the same batches, noise and first weights, so that the losses can be compared step by
step; the lines of code that each takes are counted from this file.

Reads: nothing (faces of ``data/sample_celeba.py``). Writes: ``tfgan.png`` (samples of both, losses) and a record. Time: a
minute on one core. Next: ``code_10_01_models.py``.
"""

import inspect
import os
import tempfile

import numpy as np
import tensorflow as tf

from common import images, options, run
from common.options import Value
from common.plotting import plt, save_figure
from common.records import Record
from data import sample_celeba

VALUES = [
    Value("steps", 200, "of each training: one of the generator, one of the critic", tiny=3, low=1),
    Value("faces", 600, "drawn faces", tiny=40, low=20),
    Value("size", 32, "their side", tiny=16, choices=[16, 32, 64]),
    Value("batch_size", 32, "faces in a batch", tiny=8, low=2),
    Value("dim", 16, "filters of the layers at full size", tiny=4, low=1, high=256),
    Value("learning_rate", 0.001, "of both Adams", low=0),
]
NOISE = 32


def seeded(number):
    """Initial weights that depend on the graph's seed and this number alone, whatever else is in the graph."""
    return tf.glorot_uniform_initializer(seed=number)


def generator(noise, dim, size):
    """Noise ``[N, 32]`` → faces ``[N, size, size, 3]`` in −1…1."""
    y = tf.layers.dense(noise, 4 * dim * (size // 4) ** 2, tf.nn.relu, kernel_initializer=seeded(1))
    y = tf.reshape(y, [-1, size // 4, size // 4, 4 * dim])
    y = tf.layers.conv2d_transpose(y, 2 * dim, 4, 2, "same", activation=tf.nn.relu, kernel_initializer=seeded(2))
    return tf.layers.conv2d_transpose(y, 3, 4, 2, "same", activation=tf.tanh, kernel_initializer=seeded(3))


def critic(faces, dim):
    """Faces → one logit each: above 0 where they look drawn by hand."""
    y = tf.layers.conv2d(faces, dim, 4, 2, "same", activation=tf.nn.leaky_relu, kernel_initializer=seeded(4))
    y = tf.layers.conv2d(y, 2 * dim, 4, 2, "same", activation=tf.nn.leaky_relu, kernel_initializer=seeded(5))
    return tf.layers.dense(tf.layers.flatten(y), 1, kernel_initializer=seeded(6))


def batches(opts, pictures):
    """The data set of both: ({"noise": …}, faces); the noise is drawn here, so that equal seeds give equal noise."""
    faces = tf.data.Dataset.from_tensor_slices(pictures).shuffle(len(pictures), seed=opts.seed).repeat()
    noise = tf.data.Dataset.from_tensor_slices(np.random.RandomState(opts.seed).randn(4096, NOISE).astype(np.float32))
    noise = noise.shuffle(4096, seed=opts.seed).repeat()
    return tf.data.Dataset.zip((noise, faces)).batch(opts.batch_size)


def adam(opts):
    return tf.train.AdamOptimizer(opts.learning_rate, beta1=0.5)


class Losses(tf.train.SessionRunHook):
    """Keeps what an estimator's session says of both losses at every step, on a batch of their own."""

    def __init__(self):
        self.values = []

    def before_run(self, context):
        return tf.train.SessionRunArgs(["generator_loss:0", "critic_loss:0"])

    def after_run(self, context, values):
        self.values.append([float(value) for value in values.results])


def named(loss, name):
    """TFGAN's ``loss`` without label smoothing, under a name that a hook finds."""
    return lambda model, **keywords: tf.identity(loss(model, label_smoothing=0.0, **keywords), name=name)


def by_estimator(opts, pictures, noise, folder):
    """TFGAN: (losses ``[steps, 2]``, samples of ``noise``)."""
    tfgan, kept = tf.contrib.gan, Losses()
    estimator = tfgan.estimator.GANEstimator(
        model_dir=folder,
        generator_fn=lambda noise: generator(noise, opts.dim, opts.size),
        discriminator_fn=lambda faces, noise: critic(faces, opts.dim),
        generator_loss_fn=named(tfgan.losses.modified_generator_loss, "generator_loss"),
        discriminator_loss_fn=named(tfgan.losses.modified_discriminator_loss, "critic_loss"),
        generator_optimizer=adam(opts),
        discriminator_optimizer=adam(opts),
        config=tf.estimator.RunConfig(tf_random_seed=opts.seed, session_config=run.session_config(opts.threads)),
    )
    estimator.train(lambda: batches(opts, pictures), hooks=[kept], steps=opts.steps)
    samples = estimator.predict(lambda: tf.data.Dataset.from_tensors(noise))
    return np.array(kept.values), np.array([sample for _, sample in zip(noise, samples)])


def by_hand(opts, pictures, noise):
    """The same without TFGAN: (losses ``[steps, 2]``, samples of ``noise``)."""
    run.start(opts.seed)
    drawn, faces = batches(opts, pictures).make_one_shot_iterator().get_next()
    with tf.variable_scope("Generator"):
        made = generator(drawn, opts.dim, opts.size)
    with tf.variable_scope("Discriminator"):
        on_made = critic(made, opts.dim)
    with tf.variable_scope("Discriminator", reuse=True):
        on_real = critic(faces, opts.dim)
    with tf.variable_scope("Generator", reuse=True):
        shown = generator(tf.constant(noise), opts.dim, opts.size)
    entropy = tf.losses.sigmoid_cross_entropy
    generator_loss = entropy(tf.ones_like(on_made), on_made)
    critic_loss = entropy(tf.ones_like(on_real), on_real) + entropy(tf.zeros_like(on_made), on_made)
    generator_step = adam(opts).minimize(generator_loss, var_list=tf.trainable_variables("Generator"))
    critic_step = adam(opts).minimize(critic_loss, var_list=tf.trainable_variables("Discriminator"))
    losses = []
    with tf.Session(config=run.session_config(opts.threads)) as session:
        session.run(tf.global_variables_initializer())
        for _ in run.progress(range(opts.steps), desc="by hand", unit="step"):
            session.run(generator_step)  # each on a batch of its own, in TFGAN's order
            session.run(critic_step)
            losses.append(session.run([generator_loss, critic_loss]))
        return np.array(losses), session.run(shown)


def lines_of(function):
    """Lines of code of a function, its docstring and lines of comment left out."""
    lines = [line.strip() for line in inspect.getsource(function).splitlines()]
    return len([line for line in lines if line and not line.startswith(("#", '"""'))])


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    run.start(opts.seed)
    pictures = images.from_uint8(sample_celeba.faces(opts.faces, opts.size, opts.seed)[0])
    noise = np.random.RandomState(1).randn(8, NOISE).astype(np.float32)
    found = {}
    if hasattr(tf.contrib, "gan"):
        with tempfile.TemporaryDirectory() as folder:
            found["TFGAN"] = by_estimator(opts, pictures, noise, folder)
    else:
        print(
            "TensorFlow %s has no TFGAN: it left for a package of its own; only the one by hand is trained"
            % tf.__version__
        )
    found["by hand"] = by_hand(opts, pictures, noise)
    counts = {"TFGAN": lines_of(by_estimator) + lines_of(named) + lines_of(Losses), "by hand": lines_of(by_hand)}
    figure, all_axes = plt.subplots(3, 1, figsize=(9, 8), gridspec_kw=dict(height_ratios=(3, 1.2, 1.2)))
    rows = []
    for (title, (losses, samples)), axes, style in zip(found.items(), all_axes[1:], ("-", "--")):
        for column, name in enumerate(("generator", "critic")):
            all_axes[0].plot(
                losses[:, column], style, color="C%d" % (2 * column + (style == "--")), label=name + ", " + title
            )
        axes.imshow(np.concatenate(list(images.to_uint8(samples)), axis=1))
        axes.set_ylabel(title)
        axes.set_xticks([])
        axes.set_yticks([])
        rows.append([title, counts[title]] + [round(float(value), 4) for value in losses[-1]])
        print("%-8s %d lines; last losses: generator %.4f, critic %.4f" % tuple(rows[-1]))
    all_axes[0].set_xlabel("step")
    all_axes[0].set_ylabel("loss")
    all_axes[0].legend()
    path = save_figure(figure, os.path.join(opts.output_dir, "tfgan.png"))
    record = Record(opts, opts.script, "section 10.1.9", "%d drawn faces, %d px" % (opts.faces, opts.size))
    record.table(
        "TFGAN and the same by hand", ["way", "lines of code", "generator's last loss", "critic's last loss"], rows
    )
    if "TFGAN" in found:
        differences = np.abs(found["TFGAN"][0] - found["by hand"][0]).max(axis=1)
        for part, largest in (("first ten steps", differences[:10].max()), ("all steps", differences.max())):
            print("largest difference of the losses, %s: %.2g" % (part, largest))
            record.metric("largest difference of the losses, " + part, float("%.2g" % largest))
    record.file(path, "picture", "A GAN by TFGAN and by hand", "同一个 GAN：用 TFGAN 与手写")
    record.save()


if __name__ == "__main__":
    options.run(main)
