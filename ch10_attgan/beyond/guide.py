"""A classifier of attributes that is hard to fool: it tells the generator whether an edit is seen (``train.py --guide``).

A generator learns to please the critic that it is trained with, by a hatching that no other eye takes for blond hair. This
classifier is trained apart, on pictures that were moved, made lighter or darker, and changed by the small push that harms its
answer most (adversarial training, Madry et al. 2018, arXiv 1706.06083; a push of random length up to ``--push``). What changes
such a classifier's answer changes the picture for people, too (Santurkar et al. 2019, arXiv 1906.09453).

Reads: CelebA or generated faces. Writes below the run folder: ``checkpoints/``, ``guide.npz`` (the moving mean of its values),
a record. Time on one core: tiny 15 s, faces 16 minutes.
Next: ``python ch10_attgan/beyond/train.py --guide output/attgan/guide-faces/guide.npz``.
"""

import os

import numpy as np
import tensorflow as tf

from ch10_attgan.beyond import networks
from ch10_attgan.beyond.faces import Faces, add_data_options, data_arguments
from ch10_attgan.code_10_06_train import att_default
from common import datasets, options, run, same_data, weights
from common.errors import UserError
from common.options import Value
from data import celeba

VALUES = [
    Value("att_default", att_default, "attributes", kind=str),
    Value("img_size", 64, "side of the pictures, a multiple of 16", tiny=32, low=32, high=1024),
    Value("steps", 3000, "train until this step", tiny=6, low=1, fixed=False),
    Value("batch_size", 32, "pictures of a batch", tiny=4, low=1),
    Value("rate", 0.001, "highest learning rate; it rises for 200 steps and falls linearly", low=0),
    Value("push", 1.5, "longest push against a picture of -1...1 (L2 norm)", low=0),
    Value("dim", 24, "width", tiny=4, low=1, high=256),
    Value("save_every", 500, "steps between checkpoints", tiny=3, low=1, fixed=False, more=True),
]
FILE = "guide.npz"
NOISE = 0.05  # standard deviation of what lies on a picture that is looked at for a loss
SHIFT = 4  # pixels by which it is moved at most
LEAST_COLOUR = 0.0  # of a picture's colours, what is left at least when it is looked at for a loss
MARGIN = 2.0  # logit from which on an edit is seen clearly enough
DENSE = 128
MEAN_DECAY = 0.998  # of the moving mean


def layers(img_size, n_att, dim):
    """(name, shape of its weights, stride) of each layer; stride None: dense."""
    found, below = [], 3
    for i in range(4):
        maps = dim * min(2**i, 6)
        found.append(("conv%d" % i, (4, 4, below, maps), 2))
        if i:
            found.append(("conv%d_same" % i, (3, 3, maps, maps), 1))
        below = maps
    flat = (img_size // 16) ** 2 * below
    return found + [("dense", (flat, DENSE), None), ("logits", (DENSE, n_att), None)]


def variables(img_size, n_att, dim):
    """New variables by name, as ``logits`` takes them."""
    values = {}
    with tf.variable_scope("guide"):
        for name, shape, stride in layers(img_size, n_att, dim):
            init = tf.variance_scaling_initializer(1.0 if stride is None else 2.0)
            values[name + "/weights"] = tf.get_variable(name + "/weights", shape, initializer=init)
            values[name + "/biases"] = tf.get_variable(name + "/biases", shape[-1:], initializer=tf.zeros_initializer())
    return values


def logits(x, values, keep=1.0):
    """Attribute logits ``[N, n_att]`` of pictures ``[N, S, S, 3]`` in −1…1; ``keep`` of the last maps' values are kept.

    ``values``: tensors or arrays by name. What alternates from pixel to pixel is not seen (``networks.softened``).
    """
    n_att, side = int(values["logits/biases"].shape[0]), x.shape[1].value
    y = networks.softened(x)
    for name, _, stride in layers(side, n_att, int(values["conv0/biases"].shape[0])):
        if stride is None and y.shape.ndims == 4:
            y = tf.nn.dropout(tf.reshape(y, [-1, int(values[name + "/weights"].shape[0])]), keep_prob=keep)
        filters = values[name + "/weights"]
        y = tf.matmul(y, filters) if stride is None else tf.nn.conv2d(y, filters, [1, stride, stride, 1], "SAME")
        y = tf.nn.bias_add(y, values[name + "/biases"])
        y = y if name == "logits" else tf.nn.leaky_relu(y)
    return y


def _length(d):
    return tf.sqrt(tf.reduce_sum(tf.square(d), axis=[1, 2, 3], keepdims=True) + 1e-20)


def pushed(x, a, values, longest, steps=2):
    """Pictures ``x`` with labels ``a``, each changed by up to ``longest`` (``[N, 1, 1, 1]``, L2) as harms the answer most."""
    d = tf.random_normal(tf.shape(x))
    d *= 0.5 * longest / _length(d)
    for _ in range(steps):
        loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.to_float(a), logits=logits(x + d, values))
        slope = tf.gradients(loss, d)[0]
        d += 0.8 * longest * slope / _length(slope)
        d = tf.stop_gradient(d * tf.minimum(1.0, longest / _length(d)))
    return tf.clip_by_value(x + d, -1.0, 1.0)


def varied(x):
    """Training pictures, each moved by itself, its contrast and its brightness changed by up to a tenth and a twentieth."""
    padded = tf.pad(x, [[0, 0], [SHIFT, SHIFT], [SHIFT, SHIFT], [0, 0]], "REFLECT")
    moved = tf.map_fn(lambda picture: tf.random_crop(picture, x.shape[1:]), padded)
    one = [tf.shape(x)[0], 1, 1, 1]
    return moved * tf.random_uniform(one, 0.9, 1.1) + tf.random_uniform(one, -0.1, 0.1)


def load(path, att_default):
    """(values by name, side of the pictures that it knows) of ``guide.npz``.

    Raises:
      UserError: it is for other attributes, or does not say for what pictures.
    """
    values, saved = weights.load(path, "guide")
    if saved.get("att_default") != list(att_default):
        raise UserError("%s is for other attributes: train it with the same --att-default" % path)
    if not isinstance(saved.get("img_size"), int):
        raise UserError("%s does not say how large its pictures are: it is no guide.npz" % path)
    return values, saved["img_size"]


def edit_loss(guides, a, b, switched, rest):
    """A function (pictures before, the same edited) → loss, for ``networks.guided``: do the guides see the edit, and it alone?

    An edit that is seen clearly (a logit of ``MARGIN``) gains nothing by more, which would only be caricature. The guides see
    pictures more or less without their colours: a loud tint pleases them no more than what is darker or lighter.

    Args:
      guides: list of what ``load`` returns; their losses are averaged. Each sees pictures of its own size.
      a, b: labels before, and those asked for, 0/1 ``[N, n_att]``.
      switched: weight of the attributes that differ, or one each ``[n_att]``; wanted is the label.
      rest: weight of the others; wanted is what the guide says of the picture before.

    Returns:
      The function; its loss is the mean over pictures and attributes.
    """
    a, b = tf.to_float(a), tf.to_float(b)
    changed = tf.abs(b - a)

    def loss(xa, edited):
        both = networks.moved(tf.concat([xa, edited], axis=3), SHIFT)
        both += tf.tile(tf.random_normal(tf.shape(xa), stddev=NOISE), [1, 1, 1, 2])
        colour = tf.random_uniform([tf.shape(xa)[0], 1, 1, 1], LEAST_COLOUR, 1.0)
        before, after = (networks.grey(side) * (1 - colour) + side * colour for side in tf.split(both, 2, axis=3))
        total = 0.0
        for values, side in guides:
            answer = logits(networks.as_cut_for(after, side), values)
            as_before = tf.stop_gradient(tf.sigmoid(logits(networks.as_cut_for(before, side), values)))
            missing = tf.nn.relu(MARGIN - (2 * b - 1) * answer)
            moved = tf.nn.sigmoid_cross_entropy_with_logits(labels=as_before, logits=answer)
            total += tf.reduce_mean(switched * changed * missing + rest * (1 - changed) * moved)
        return total / len(guides)

    return loss


def accuracy(session, answer, feeds):
    """Share of right answers by attribute over ``feeds``: pairs of a feed and the labels 0/1 ``[N, n_att]``."""
    right = [(session.run(answer, feed) > 0) == labels for feed, labels in feeds]
    return np.concatenate(right).mean(axis=0)


def main(argv=None):
    opts = options.parse_values(
        __file__, __doc__, VALUES, argv=argv, add=add_data_options, base="faces", folder="guide-{preset}"
    )
    if opts.img_size % 16:
        raise UserError("--img-size %d: a multiple of 16 is needed" % opts.img_size)
    run.start(opts.seed)
    with run.Run(opts) as this, tf.Session(config=run.session_config(opts.threads)) as session:
        folder = datasets.locate("celeba", opts, required=[opts.attribute_file])
        common = (folder, opts.att_default, opts.img_size)
        data = Faces(*common, opts.batch_size, flips=True, sess=session, **data_arguments(opts))
        same_data.check(this.folder, bool(run.checkpoints(this.checkpoint_dir)), {"faces": data.fingerprint()})
        val = Faces(*common, 1, shuffle=False, repeat=1, mode="val", sess=session, **data_arguments(opts))
        pictures, labels = [np.concatenate(values) for values in zip(*val)]

        values = variables(opts.img_size, len(opts.att_default), opts.dim)
        x, a = data.batch_op
        x = varied(x)
        longest = opts.push * tf.random_uniform([tf.shape(x)[0], 1, 1, 1])
        answer = logits(tf.stop_gradient(pushed(x, a, values, longest)), values, keep=0.5)
        loss = tf.losses.sigmoid_cross_entropy(a, answer)
        rate, step = tf.placeholder(tf.float32, []), tf.train.create_global_step()
        trained = list(values.values())
        update = tf.train.AdamOptimizer(rate).minimize(loss, step, trained)
        mean = tf.train.ExponentialMovingAverage(MEAN_DECAY, step)
        with tf.control_dependencies([update]):
            update = mean.apply(trained)
        saver = tf.train.Saver(max_to_keep=2)
        session.run(tf.global_variables_initializer())
        number = first = this.restore(saver, session)
        options.write_json(
            os.path.join(this.folder, options.SETTINGS_FILE),
            dict(options.run_settings(opts), data=celeba.describe(folder, len(data))),
        )
        for number in this.steps(first, opts.steps):
            falling = min(1.0, (number + 1) / 200.0) * (1.0 - number / float(opts.steps))
            with celeba.naming_broken_pictures(data.img_paths):
                value, _ = session.run([loss, update], {rate: opts.rate * falling})
            number += 1
            this.check(number, loss=value)
            if number % opts.save_every == 0:
                this.save(saver, session, number)
        this.save(saver, session, number)

        means = {name: mean.average(variable) for name, variable in values.items()}
        path = os.path.join(this.folder, FILE)
        saved = dict(att_default=opts.att_default, img_size=opts.img_size, push=opts.push)
        weights.save(path, session.run(means), saved)
        shown = tf.placeholder(tf.float32, [None] + list(pictures.shape[1:]))
        known = tf.placeholder(tf.float32, [None, labels.shape[1]])
        against = pushed(shown, known, means, opts.push * tf.ones([tf.shape(shown)[0], 1, 1, 1]), steps=5)
        parts = [slice(i, i + 50) for i in range(0, len(pictures), 50)]
        feeds = [({shown: pictures[part], known: labels[part]}, labels[part]) for part in parts]
        clean = accuracy(session, logits(shown, means), feeds)
        harmed = accuracy(session, logits(against, means), feeds)
    record = this.record(
        "section 10.3", "%s; %d validation pictures" % (celeba.describe(folder, len(data)), len(pictures))
    )
    record.metric("steps", number)
    rows = [[name, round(float(p), 3), round(float(q), 3)] for name, p, q in zip(opts.att_default, clean, harmed)]
    record.table("Attributes named rightly", ["attribute", "as it is", "pushed"], rows)
    record.metric("attributes named rightly", round(float(clean.mean()), 4))
    record.metric("attributes named rightly, pushed", round(float(harmed.mean()), 4))
    print(
        "step %d: %.3f of the attributes of validation pictures named rightly, %.3f of pushed ones"
        % (number, clean.mean(), harmed.mean())
    )
    print("guide: %s" % path)
    record.save()


if __name__ == "__main__":
    options.run(main)
