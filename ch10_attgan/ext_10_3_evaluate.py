"""Extra (section 10.3): how well the edits work.

An attribute classifier is trained on real pictures, apart from the GAN. On test pictures that neither has seen, every
attribute is flipped in turn, contradictions cleared, and the classifier says whether the edited face has what was wanted
(editing accuracy) and whether the attributes that should stay did (others unchanged). Reconstruction with unchanged
attributes is measured as PSNR and SSIM.

Reads: a run of listing 10-6 (or ``--weights``) and the data. Writes: ``classifier.npz`` (used again by the next call),
``evaluation.csv`` and a record. Time on two cores: tiny 15 s, cpu five minutes.
Next: your own photo: ``python ch10_attgan/code_10_07_edit.py --help``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import csv

import numpy as np
import tensorflow as tf
import tensorflow.contrib.slim as slim

from ch10_attgan import trained
from ch10_attgan.code_10_04_dataset import Celeba, add_data_options, data_arguments, describe
from ch10_attgan.code_10_06_train import flipped_labels, strengths
from common import images, options, training
from common.errors import UserError
from common.records import Record

PRESETS = {
    "book": dict(n_test=2000, cls_steps=6000, cls_batch=32, cls_lr=0.001, cls_dim=32),
    "cpu": dict(n_test=400, cls_steps=1500, cls_dim=16),
    "tiny": dict(n_test=16, cls_steps=60, cls_batch=16, cls_dim=8),
}
HELP = dict(
    n_test="test pictures to edit",
    cls_steps="training steps of the classifier",
    cls_batch="its batch size",
    cls_lr="its learning rate",
    cls_dim="its width",
)


def classifier(x, n_att, dim, is_training):
    """Attribute logits ``[N, n_att]`` of pictures ``[N, S, S, 3]``: four convolutions with batch norm, two dense layers."""
    norm = dict(is_training=is_training, decay=0.95, updates_collections=None, scale=True)
    with tf.variable_scope("classifier", reuse=tf.AUTO_REUSE):
        y = x
        for i in range(4):
            y = slim.conv2d(y, dim * 2**i, 4, 2, normalizer_fn=slim.batch_norm, normalizer_params=norm)
        y = slim.dropout(slim.flatten(y), 0.5, is_training=is_training)
        y = slim.fully_connected(y, dim * 8)
        return slim.fully_connected(y, n_att, activation_fn=None)


def train_classifier(opts, session, data):
    """Trains ``classifier`` on ``data`` (a training part) for ``opts.cls_steps`` steps; the rate falls to 0 linearly."""
    pictures, labels = data.batch_op
    logits = classifier(pictures, labels.shape[1].value, opts.cls_dim, is_training=True)
    loss = tf.losses.sigmoid_cross_entropy(labels, logits)
    rate = tf.placeholder(tf.float32, [])
    variables = [variable for variable in tf.trainable_variables() if variable.op.name.startswith("classifier/")]
    step = tf.train.AdamOptimizer(rate).minimize(loss, var_list=variables)
    training.initialize_uninitialized(session)
    for number in training.progress(range(opts.cls_steps), desc="classifier", unit="step"):
        value, _ = session.run([loss, step], {rate: opts.cls_lr * (1.0 - number / float(opts.cls_steps))})
        training.check_loss(value, number)


def in_batches(function, *arrays, size=50):
    """``function`` applied to slices of the arrays, the results joined."""
    parts = [function(*[array[i : i + size] for array in arrays]) for i in range(0, len(arrays[0]), size)]
    return np.concatenate(parts, axis=0)


def edit_scores(labels, wanted, before, after, column):
    """Scores of one attribute's edit.

    Args:
      labels, wanted: labels before, and those asked for, 0/1 ``[N, n_att]``.
      before, after: the classifier's answers on the originals and on the edited pictures, 0/1 ``[N, n_att]``.
      column: the attribute that was flipped.

    Returns:
      (editing accuracy, the same where it was switched on, … off, others unchanged); NaN where there is no picture.
    """
    right = after[:, column] == wanted[:, column]
    switched_on = wanted[:, column] == 1
    stays = wanted == labels  # the flipped one and those that a contradiction cleared are not among 'the others'
    same = (before == after)[stays]

    def mean(values):
        return float(np.mean(values)) if len(values) else float("nan")

    return mean(right), mean(right[switched_on]), mean(right[~switched_on]), mean(same)


def add_options(parser):
    trained.add_model_options(parser)
    add_data_options(parser)
    parser.add_argument(
        "--split", choices=["test", "val"], default="test", help="pictures to edit; neither part is trained on"
    )
    parser.add_argument("--retrain", action="store_true", help="train the classifier anew even where there is one")


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, "attgan", argv=argv, add=add_options, help_texts=HELP)
    if opts.n_test < 1 or opts.cls_steps < 1:
        raise UserError("--n-test and --cls-steps must be at least 1")
    training.start(opts.seed)
    with tf.Session(config=training.session_config(opts.threads)) as session:
        model = trained.load(opts, session)
        settings, atts = model.settings, list(model.settings.atts)
        folder = trained.locate_data(opts, model)
        arguments = dict(sess=session, **data_arguments(opts))
        once = dict(arguments, shuffle=False, repeat=1, mode=opts.split, part=(0, opts.n_test))
        test = Celeba(folder, atts, settings.img_size, 1, **once)  # 1: the val part drops what does not fill a batch
        pictures, labels = [np.concatenate(values) for values in zip(*test)]
        script = "ext_10_3_evaluate" + ("" if opts.split == "test" else "-" + opts.split)
        record = Record(opts, script, "section 10.3", "%s, %s part" % (describe(folder, len(test)), opts.split))

        # The classifier.
        path = os.path.join(opts.output_dir, "classifier.npz")
        x = tf.placeholder(tf.float32, [None, settings.img_size, settings.img_size, 3])
        arrays = None
        if os.path.exists(path) and not opts.retrain:
            saved, arrays = trained.read_export(path)
            if saved["atts"] != atts or saved["cls_dim"] != opts.cls_dim or saved["img_size"] != settings.img_size:
                arrays = None
        if arrays is None:
            data = Celeba(folder, atts, settings.img_size, opts.cls_batch, flips=True, **arguments)
            train_classifier(opts, session, data)
        logits = classifier(x, len(atts), opts.cls_dim, is_training=False)
        if arrays is None:
            facts = dict(atts=atts, cls_dim=opts.cls_dim, img_size=settings.img_size, cls_steps=opts.cls_steps)
            trained.write_export(path, session, trained.networks(("classifier",)), facts)
        else:
            print("classifier: %s" % path)
            trained.assign(session, trained.networks(("classifier",)), arrays, path)

        def judge(batch):
            return np.int64(session.run(logits, {x: batch}) > 0)

        def edited(_b):
            return in_batches(lambda p, s: trained.edit(session, model, p, s), pictures, _b)

        before = in_batches(judge, pictures)
        real_accuracy = np.mean(before == labels, axis=0)
        b_list = flipped_labels(labels, atts)
        rebuilt = edited(strengths(b_list[0], settings.thres_int))
        rows = []
        for column, name in enumerate(training.progress(atts, desc="editing", unit="attribute")):
            wanted = b_list[column + 1]
            faces = edited(strengths(wanted, settings.thres_int, column, settings.test_int))
            scores = edit_scores(labels, wanted, before, in_batches(judge, faces), column)
            rows.append([name, float(np.mean(labels[:, column])), float(real_accuracy[column])] + list(scores))

    pairs = [(images.to_uint8(a), images.to_uint8(b)) for a, b in zip(pictures, rebuilt)]
    psnr = float(np.mean([images.psnr(a, b) for a, b in pairs]))
    ssim = float(np.mean([images.ssim(a, b) for a, b in pairs]))
    means = [float(np.nanmean([row[i] for row in rows])) for i in range(2, 7)]
    rows.append(["mean", float("nan")] + means)
    columns = [
        "attribute",
        "share",
        "classifier on originals",
        "editing accuracy",
        "switched on",
        "switched off",
        "others unchanged",
    ]
    print("%-22s" % columns[0] + "".join("%25s" % title for title in columns[1:]))
    for row in rows:
        print("%-22s" % row[0] + "".join("%25s" % ("-" if np.isnan(v) else "%.3f" % v) for v in row[1:]))
    print(
        "reconstruction: PSNR %.2f dB, SSIM %.3f (mean of %d pictures of the %s part)"
        % (psnr, ssim, len(pairs), opts.split)
    )

    table = os.path.join(opts.output_dir, "evaluation%s.csv" % ("" if opts.split == "test" else "-" + opts.split))
    with open(table, "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([columns] + rows)
    plain = [[row[0]] + [None if np.isnan(value) else round(value, 3) for value in row[1:]] for row in rows]
    record.table("Editing accuracy by attribute", columns, plain, "by a classifier trained apart from the GAN")
    record.metric("editing accuracy (mean)", round(means[1], 4))
    record.metric("others unchanged (mean)", round(means[4], 4))
    record.metric("classifier on originals (mean)", round(means[0], 4))
    record.metric("reconstruction PSNR", round(psnr, 2), "dB")
    record.metric("reconstruction SSIM", round(ssim, 4))
    record.metric("%s pictures" % opts.split, len(pairs))
    record.metric("training of the model", _iterations(opts), "iterations")
    record.file(table, "table", "Editing accuracy by attribute", "各属性的编辑准确率")
    record.save()


def _iterations(opts):
    """Iterations of the run in ``opts.output_dir``, from its newest checkpoint; None for an exported file."""
    found = [] if opts.weights else training.checkpoints(os.path.join(opts.output_dir, "checkpoints"))
    return int(tf.train.load_variable(found[0], "it_cnt")) if found else None


if __name__ == "__main__":
    options.run(main)
