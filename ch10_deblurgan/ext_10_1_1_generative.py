"""Sections 10.1.1 to 10.1.3: an autoencoder, a GAN, the two together, and a GAN that makes what is asked for.

Four small models of the same parts learn drawn faces of 32 pixels: encoder and decoder (rebuilds), decoder and critic (invents),
all three (rebuilds what the critic takes for drawn), and decoder and critic with attributes, which the critic's second head
guesses (invents on demand). Measured: the error of what is rebuilt, how sharp it is, and how often a judge that learnt from other
faces finds what was asked for.

Reads: nothing (faces of ``data/sample_celeba.py``). Writes: ``generative.png`` and a record. Time: two minutes on one core.
Next: ``ext_10_1_4_scale.py``.
"""

import os

import numpy as np
import tensorflow as tf

from common import images, options, run
from common.judge import Judge
from common.options import Value
from common.plotting import plt, save_figure
from common.records import Record
from data import celeba, sample_celeba

VALUES = [
    Value("steps", 300, "of each training", tiny=3, low=1),
    Value("seeds", 3, "trainings of the two autoencoders, from --seed on", tiny=1, low=1, high=100),
    Value("faces", 600, "drawn faces to learn from", tiny=60, low=32),
    Value("size", 32, "their side", tiny=16, choices=[16, 32, 64]),
    Value("batch_size", 32, "faces in a batch", tiny=8, low=2),
    Value("dim", 16, "filters of the layers at full size", tiny=4, low=1, high=256),
    Value("code", 64, "numbers between encoder and decoder, and of the noise", low=1, high=4096),
    Value("weight", 0.03, "of the critic's opinion beside the L1 error, where both count", low=0),
    Value("learning_rate", 0.002, "of Adam for encoder and decoder", low=0),
    Value("critic_rate", 0.0005, "of Adam for the critic", low=0),
]
ASKED = ["Eyeglasses", "Pale_Skin", "Wearing_Hat"]  # what the conditional GAN is asked for
COLUMNS = [sample_celeba.DRAWN.index(name) for name in ASKED]
AUTOENCODER, GAN, BOTH, CONDITIONAL = "autoencoder", "GAN", "both", "conditional GAN"
SHOWN = 8


def encoder(x, opts):
    """Faces ``[N, S, S, 3]`` in −1…1 → codes ``[N, code]``."""
    with tf.variable_scope("encoder", reuse=tf.AUTO_REUSE):
        for number in range(3):
            x = tf.layers.conv2d(
                x, opts.dim * 2**number, 4, 2, "same", activation=tf.nn.leaky_relu, name="c%d" % number
            )
        return tf.layers.dense(tf.layers.flatten(x), opts.code, name="code")


def decoder(code, opts, norm=False):
    """Codes, noise, or noise with attributes behind it → faces; with ``norm`` its layers have batch norm, as DCGAN's."""

    def layer(y):
        return tf.nn.relu(tf.contrib.layers.batch_norm(y, scale=True, is_training=True) if norm else y)

    with tf.variable_scope("decoder", reuse=tf.AUTO_REUSE):
        side = opts.size // 8
        y = tf.layers.dense(code, side * side * 4 * opts.dim, name="code")
        y = layer(tf.reshape(y, [-1, side, side, 4 * opts.dim]))
        for number, filters in enumerate((2 * opts.dim, opts.dim)):
            y = layer(tf.layers.conv2d_transpose(y, filters, 4, 2, "same", name="d%d" % number))
        return tf.layers.conv2d_transpose(y, 3, 4, 2, "same", activation=tf.tanh, name="face")


def critic(x, opts):
    """Faces → (logit 'drawn, not made' ``[N, 1]``, logits of ``ASKED`` ``[N, 3]``)."""
    with tf.variable_scope("critic", reuse=tf.AUTO_REUSE):
        for number in range(3):
            x = tf.layers.conv2d(
                x, opts.dim * 2**number, 4, 2, "same", activation=tf.nn.leaky_relu, name="c%d" % number
            )
        x = tf.layers.flatten(x)
        return tf.layers.dense(x, 1, name="real"), tf.layers.dense(x, len(ASKED), name="attributes")


def train(opts, kind, seed, pictures, labels, test, asked):
    """One training.

    Args:
      pictures, labels: float32 in −1…1, 0/1 of ``ASKED``.
      test: faces to rebuild; asked: 0/1 ``[M, 3]``, what is asked for.

    Returns:
      Faces uint8: ``test`` rebuilt, or M invented ones.
    """
    run.start(seed)
    entropy = tf.losses.sigmoid_cross_entropy
    x = tf.placeholder(tf.float32, (None,) + pictures.shape[1:])
    wanted = tf.placeholder(tf.float32, [None, len(ASKED)])
    noise = tf.random_normal([tf.shape(wanted)[0], opts.code])
    if kind in (AUTOENCODER, BOTH):
        made = decoder(encoder(x, opts), opts)
        loss = tf.reduce_mean(tf.abs(made - x))
    else:
        made = decoder(tf.concat([noise, wanted], axis=1) if kind == CONDITIONAL else noise, opts, norm=True)
        loss = 0.0
    steps = []
    if kind != AUTOENCODER:
        (real, real_attributes), (fake, fake_attributes) = critic(x, opts), critic(made, opts)
        critic_loss = entropy(0.9 * tf.ones_like(real), real) + entropy(tf.zeros_like(fake), fake)
        loss += (opts.weight if kind == BOTH else 1.0) * entropy(tf.ones_like(fake), fake)
        if kind == CONDITIONAL:
            critic_loss += entropy(wanted, real_attributes)
            loss += entropy(wanted, fake_attributes)
        adam = tf.train.AdamOptimizer(opts.critic_rate, beta1=0.5)
        steps.append(adam.minimize(critic_loss, var_list=tf.trainable_variables("critic")))
    variables = tf.trainable_variables("encoder") + tf.trainable_variables("decoder")
    steps.append(tf.train.AdamOptimizer(opts.learning_rate, beta1=0.5).minimize(loss, var_list=variables))
    random = np.random.RandomState(seed)
    with tf.Session(config=run.session_config(opts.threads)) as session:
        session.run(tf.global_variables_initializer())
        for _ in run.progress(range(opts.steps), desc="%s, seed %d" % (kind, seed), unit="step"):
            for step in steps:
                rows = random.randint(0, len(pictures), opts.batch_size)
                session.run(step, {x: pictures[rows], wanted: labels[rows]})
        if kind in (AUTOENCODER, BOTH):
            return images.to_uint8(session.run(made, {x: test}))
        draws = random.randn(SHOWN, opts.code)[np.arange(len(asked)) % SHOWN]  # the same noise for every wish
        return images.to_uint8(session.run(made, {wanted: asked, noise: draws}))


def sharpness(pictures):
    """Mean step from pixel to pixel, levels of 255."""
    values = np.float32(pictures)
    return float(np.abs(np.diff(values, axis=1)).mean() + np.abs(np.diff(values, axis=2)).mean()) / 2


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    pixels, all_labels = sample_celeba.faces(opts.faces + 100, opts.size, opts.seed)
    labels, test = all_labels[:, COLUMNS], pixels[opts.faces :]
    pictures = images.from_uint8(pixels)
    run.start(opts.seed)
    judge = Judge(pixels[: opts.faces], labels[: opts.faces], opts.steps, opts.seed, opts.threads)
    known = judge.accuracy(test, labels[opts.faces :])
    wishes = np.float32(np.vstack([np.zeros(len(ASKED)), np.eye(len(ASKED))]))
    asked = np.repeat(wishes, SHOWN, axis=0)
    data = (pictures[: opts.faces], labels[: opts.faces], pictures[opts.faces :], asked)
    shown, rows = [("drawn", test[:SHOWN])], [["drawn", 0.0, round(sharpness(test), 2), None, None]]
    for kind in (AUTOENCODER, BOTH):
        made = [train(opts, kind, opts.seed + number, *data) for number in range(opts.seeds)]
        errors = [float(np.abs(np.float32(one) - test).mean()) for one in made]
        sharp = [sharpness(one) for one in made]
        rows.append(
            [kind, round(np.mean(errors), 2), round(np.mean(sharp), 2), round(min(sharp), 2), round(max(sharp), 2)]
        )
        shown.append(("%s: rebuilt" % kind, made[0][:SHOWN]))
    invented = train(opts, GAN, opts.seed, *data)
    shown.append(("GAN: invented", invented[:SHOWN]))
    rows.append(["GAN, invented", None, round(sharpness(invented), 2), None, None])
    made = train(opts, CONDITIONAL, opts.seed, *data)
    for number, name in enumerate(["nothing"] + ASKED):
        shown.append(("asked for: %s" % name, made[number * SHOWN : (number + 1) * SHOWN]))
    granted = np.mean(judge(made) == asked, axis=0)
    figure, all_axes = plt.subplots(len(shown), 1, figsize=(8, 1.05 * len(shown)))
    for axes, (title, faces) in zip(all_axes, shown):
        axes.imshow(np.concatenate(list(faces), axis=1), interpolation="nearest")
        axes.set_ylabel(title, rotation=0, ha="right", va="center", fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
    path = save_figure(figure, os.path.join(opts.output_dir, "generative.png"), in_chinese=celeba.in_chinese)
    record = Record(opts, opts.script, "sections 10.1.1 to 10.1.3", "%d drawn faces, %d px" % (opts.faces, opts.size))
    columns = ["faces", "error (levels of 255)", "sharpness", "least of the seeds", "most"]
    note = "sharpness: mean step from pixel to pixel, levels of 255; of 100 faces not trained on; %d seeds" % opts.seeds
    record.table("Rebuilt and invented faces", columns, rows, note)
    answers = [[name, round(float(a), 3), round(float(b), 3)] for name, a, b in zip(ASKED, granted, known)]
    columns = ["attribute", "samples that have or lack it as asked", "the judge's accuracy on drawn faces"]
    record.table("Samples on demand", columns, answers, "%d samples, a quarter of them for each wish" % len(asked))
    for row in rows + answers:
        print("  ".join(str(item) for item in row))
    record.file(path, "picture", "Autoencoder, GAN, both, conditional GAN", "自编码器、GAN、二者结合、条件 GAN")
    record.save()


if __name__ == "__main__":
    options.run(main)
