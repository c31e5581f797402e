"""Section 10.3.2: what each of AttGAN's three losses is for - the printed training with all of them, and with each left out.

The networks, losses and steps are those of listing 10-6, at a size that two cores train in minutes; all four begin with the same
weights and see the same faces. One sheet shows the same test faces four times: rebuilt, and with one attribute flipped.

Reads: generated faces (``data/sample_celeba.py``; real ones by ``--data-dir``). Writes: ``losses.png``, a record with the table.
Time on two idle cores: tiny 20 s, book some five minutes of one core.
Next: ``python ch10_attgan/code_10_04_dataset.py --preset tiny``.
"""

import contextlib
import io
import os
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from ch10_attgan import code_10_06_train as trainattgan
from ch10_attgan.code_10_04_dataset import Celeba
from ch10_attgan.code_10_06_train import att_default
from common import datasets, images, options, records, run
from common.errors import UserError
from common.options import Value
from data import celeba

img_size = 32
dim = 16
fc_dim = 128
n_layers = 3
batch_size = 16
iterations = 400
faces = 4000
lr_base = 0.0005
shown = "Eyeglasses"

VALUES = [
    Value("iterations", iterations, "of each training: one critic step and one generator step", tiny=3, low=1),
    Value("faces", faces, "generated faces to learn from", tiny=240, low=100),
    Value("img_size", img_size, "side of the pictures", low=16, high=128),
    Value("dim", dim, "filters of the first layers", tiny=4, low=1, high=64),
    Value("batch_size", batch_size, "faces in a batch", tiny=8, low=2),
    Value("lr_base", lr_base, "learning rate", low=0),
    Value("shown", shown, "the attribute that is flipped on the sheet"),
]
FACES_SHOWN = 8
VARIANTS = [("all losses", None), ("no reconstruction", "rec"), ("no attributes", "att"), ("no adversary", "gan")]


def build(opts, folder, session):
    """The graph of all four trainings: the weights of the losses are placeholders.

    Returns:
      (net, judged, weights, tr_data, te_data): listing 10-6's names; the critic's second head on ``net.xa_sample``.
    """
    values = {row.name: row.value for row in trainattgan.VALUES}
    sizes = dict(
        enc_layers=n_layers, dec_layers=n_layers, dis_layers=n_layers, dis_fc_dim=fc_dim, img_size=opts.img_size
    )
    settings = SimpleNamespace(**dict(values, enc_dim=opts.dim, dec_dim=opts.dim, dis_dim=opts.dim, **sizes))
    weights = {name: tf.placeholder_with_default(value, []) for name, value in trainattgan.WEIGHTS.items()}
    with contextlib.redirect_stdout(io.StringIO()):  # what the listings print
        tr_data = Celeba(folder, att_default, opts.img_size, opts.batch_size, sess=session)
        te_data = Celeba(folder, att_default, opts.img_size, FACES_SHOWN, mode="test", sess=session)
        Genc, Gdec, D = trainattgan.networks(settings)
        net = trainattgan.build(*tr_data.batch_op, Genc, Gdec, D, settings, weights)
        judged = D(net.xa_sample)[1]
    return net, judged, weights, tr_data, te_data


def train(opts, graph, left_out):
    """One training; what its generator makes of the first test faces.

    Args:
      left_out: which of ``trainattgan.WEIGHTS`` is 0; None: none.

    Returns:
      (faces, rebuilt, flipped, figures): float ``[n, S, S, 3]`` each; the reconstruction's and the attributes' loss there, and
      the share of attributes that are right.
    """
    net, judged, weights, tr_data, te_data = graph
    feed = {net.lr: opts.lr_base}
    if left_out:
        feed[weights[left_out]] = 0.0
    with tf.Session(config=run.session_config(opts.threads)) as sess:  # a new one: the same random numbers each time
        sess.run([tf.global_variables_initializer(), tr_data.iterator.initializer, te_data.iterator.initializer])
        for _ in run.progress(range(opts.iterations), desc="no " + left_out if left_out else "all", unit="it"):
            sess.run(net.d_step, feed)
            g_loss, _ = sess.run([net.g_loss, net.g_step], feed)
            if not np.isfinite(g_loss):
                raise UserError("the training without %s has run away: a smaller --lr-base" % (left_out or "nothing"))
        pictures, labels = sess.run(te_data.batch_op)
        flipped = trainattgan.flipped_labels(labels, att_default)[1 + att_default.index(opts.shown)]
        made = [
            sess.run(net.x_sample, {net.xa_sample: pictures, net._b_sample: (b * 2 - 1) * trainattgan.thres_int})
            for b in (labels, flipped)
        ]
        # the critic's second head learns the attributes of real faces in all four trainings: it judges the edits
        logits = sess.run(judged, {net.xa_sample: made[1]})
    loss_att = np.mean(np.maximum(logits, 0) - logits * flipped + np.log1p(np.exp(-np.abs(logits))))
    right = np.mean((logits > 0) == (flipped == 1))
    return pictures, made[0], made[1], (float(np.abs(pictures - made[0]).mean()), float(loss_att), float(right))


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv)
    if opts.shown not in att_default:
        raise UserError("--shown must be one of: %s" % " ".join(att_default))
    if opts.data_dir:
        if "faces" in opts.explicit:
            raise UserError("--faces is the number of generated faces: all of --data-dir are learnt from")
        folder = datasets.locate("celeba", opts, required=[celeba.ATTRIBUTE_FILE])
    else:
        folder = datasets.sample("celeba", count=opts.faces)
    run.start(opts.seed)
    with tf.Session() as session:
        graph = build(opts, folder, session)
    count = len(graph[3]) if opts.data_dir else opts.faces
    columns, titles, rows = [], ["original"], []
    for name, left_out in VARIANTS:
        pictures, rebuilt, flipped, figures = train(opts, graph, left_out)
        columns = columns or [pictures]
        columns += [rebuilt, flipped]
        titles += [name, opts.shown]
        rows.append([name] + [round(value, 4) for value in figures])
        print("%-20s reconstruction %.4f, attributes %.4f, right %.3f" % tuple([name] + list(figures)))
    sheet = images.to_uint8(np.concatenate([np.concatenate(list(column), axis=0) for column in columns], axis=1))
    factor = -(-96 // opts.img_size)  # so that the captions fit
    sheet = np.repeat(np.repeat(sheet, factor, axis=0), factor, axis=1)
    path = images.write_labelled(
        os.path.join(opts.output_dir, "losses.png"),
        lambda texts: np.concatenate([images.label_row(texts, opts.img_size * factor), sheet]),
        titles,
        celeba.in_chinese,
    )
    print(path)
    record = records.Record(opts, opts.script, "section 10.3.2", celeba.describe(folder, count))
    heads = ["losses", "reconstruction (L1)", "attributes (cross entropy)", "attributes that are right"]
    note = "of eight test faces; attributes of the edited ones, as the training's own critic sees them"
    record.table("AttGAN with each loss left out", heads, rows, note)
    caption = "Each loss left out in turn: rebuilt, and %s flipped" % opts.shown
    record.file(path, "picture", caption, "逐一去掉各项损失：重建图，以及翻转%s" % celeba.CHINESE[opts.shown])
    record.save()


if __name__ == "__main__":
    options.run(main)
