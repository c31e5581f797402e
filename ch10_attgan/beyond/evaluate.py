"""How well the edits work, measured by a classifier that is trained on real pictures apart from the GAN.

On test pictures that neither has seen, every attribute is flipped in turn, contradictions cleared, and the classifier says
whether the edited face has what was wanted (editing accuracy) and whether the attributes that should stay did (others
unchanged): once in the network's own picture, and once where what the edit changed, without specks, is added to the picture, as
``ext_10_3_10_edit.py`` puts it back into a photo. Strengths that ``choose_strengths.py`` chose were chosen by such classifiers:
score them with others (``--retrain --seed 1``). One sees up to three percent more than another: ``--judges 3`` gives the mean of
three. Reconstruction with unchanged attributes is measured as PSNR and SSIM.

Reads: a run of train.py (by ``--output-dir`` also of listing 10-6) or ``--weights``, and the data. Writes: ``classifier.npz``
(used again by the next call), ``evaluation.csv`` and a record. Time on two cores: tiny 15 s, faces five minutes.
Next: your own photo: ``python ch10_attgan/ext_10_3_10_edit.py --help``.
"""

import os
from functools import partial

import numpy as np
import tensorflow as tf
import tensorflow.contrib.slim as slim

from ch10_attgan.beyond import networks, photos, sheets, trained
from ch10_attgan.beyond.faces import Faces, add_data_options, data_arguments
from ch10_attgan.code_10_06_train import flipped_labels
from common import images, options, records, run, same_data, text, weights
from common.errors import TrainingStopped
from common.options import Value
from data import celeba

VALUES = trained.EDIT_VALUES + [
    Value("n_test", 400, "pictures to edit, at most", tiny=16, low=1),
    Value("judges", 1, "classifiers, each begun with other weights, whose scores are averaged", low=1, high=20),
    Value("cls_steps", 1500, "training steps of the classifier", tiny=60, low=1),
    Value("cls_batch", 32, "its batch size", tiny=16, low=1),
    Value("cls_lr", 0.001, "its learning rate", low=0),
    Value("cls_dim", 16, "its width", tiny=8, low=1, high=256),
]


def classifier(x, n_att, dim, is_training, scope="classifier"):
    """Attribute logits ``[N, n_att]`` of pictures ``[N, S, S, 3]``: four convolutions with batch norm, two dense layers."""
    norm = dict(is_training=is_training, decay=0.95, updates_collections=None, scale=True)
    with tf.variable_scope(scope, reuse=tf.AUTO_REUSE):
        y = x
        for i in range(4):
            y = slim.conv2d(y, dim * 2**i, 4, 2, normalizer_fn=slim.batch_norm, normalizer_params=norm)
        y = slim.dropout(slim.flatten(y), 0.5, is_training=is_training)
        y = slim.fully_connected(y, dim * 8)
        return slim.fully_connected(y, n_att, activation_fn=None)


def train_classifier(opts, session, data, scope="classifier"):
    """Trains ``classifier`` on ``data`` (a training part) for ``opts.cls_steps`` steps; the rate falls to 0 linearly."""
    pictures, labels = data.batch_op
    logits = classifier(pictures, labels.shape[1].value, opts.cls_dim, is_training=True, scope=scope)
    loss = tf.losses.sigmoid_cross_entropy(labels, logits)
    rate = tf.placeholder(tf.float32, [])
    variables = [variable for variable in tf.trainable_variables() if variable.op.name.startswith(scope + "/")]
    step = tf.train.AdamOptimizer(rate).minimize(loss, var_list=variables)
    run.initialize_uninitialized(session)
    for number in run.progress(range(opts.cls_steps), desc=scope, unit="step"):
        value, _ = session.run([loss, step], {rate: opts.cls_lr * (1.0 - number / float(opts.cls_steps))})
        if not np.isfinite(value):
            raise TrainingStopped("the classifier's loss is %s at step %d: a smaller --cls-lr" % (value, number))


def in_batches(function, *arrays, size=50):
    """``function`` applied to slices of the arrays, the results (or each of a tuple of them) joined."""
    parts = [function(*[array[i : i + size] for array in arrays]) for i in range(0, len(arrays[0]), size)]
    if isinstance(parts[0], tuple):
        return tuple(np.concatenate(column, axis=0) for column in zip(*parts))
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


def judged(judges, before, labels, wanted, shown, column):
    """``edit_scores`` of edited pictures by each judge, ``[judges, 4]``; ``before``: what each says of the originals."""
    after = [in_batches(judge, shown) for judge in judges]
    return np.array([edit_scores(labels, wanted, *answers, column) for answers in zip(before, after)])


def show(columns, rows):
    """Adds a row of means (where there is something to be averaged) to ``rows`` and prints all; returns that row."""

    def mean(title, values):
        known = [value for value in values if not np.isnan(value)]
        return float(np.mean(known)) if known and title != "share" else float("nan")

    rows.append(["mean"] + [mean(title, [row[i] for row in rows]) for i, title in enumerate(columns) if i])
    print("%-22s" % columns[0] + "".join("%25s" % title for title in columns[1:]))
    for row in rows:
        print("%-22s" % row[0] + "".join("%25s" % ("-" if np.isnan(v) else "%.3f" % v) for v in row[1:]))
    return rows[-1]


def rounded(rows):
    """``rows`` with three digits, and None where there was no picture."""
    return [[row[0]] + [None if np.isnan(value) else round(value, 3) for value in row[1:]] for row in rows]


def add_options(parser):
    parser.add_argument(
        "--split", choices=["test", "val"], default="test", help="pictures to edit; neither part is trained on [test]"
    )
    add_judge_options(parser)


def add_judge_options(parser):
    """What ``pictures_of`` and ``judges_of`` need besides values and ``split``."""
    trained.add_model_options(parser)
    parser.add_argument("--retrain", action="store_true", help="train the classifier anew even where there is one")
    add_data_options(parser)


def saved_classifier(path, facts, shapes):
    """The classifier's values from an earlier call, or None where there is none for the same question."""
    if not os.path.exists(path):
        return None
    saved = dict(dict(faces=facts["faces"]), **weights.load(path, "classifier")[1])  # an older one does not say which
    if any(saved.get(name) != value for name, value in facts.items()):
        return None
    return weights.load(path, "classifier", shapes)[0]


def pictures_of(opts, session, model):
    """(pictures ``[N, S, S, 3]``, labels ``[N, n_att]``, what they are) of the part ``opts.split``, at most ``opts.n_test``."""
    folder, settings = trained.locate_data(opts, model), model.settings
    once = dict(shuffle=False, repeat=1, mode=opts.split, part=(0, opts.n_test), sess=session, **data_arguments(opts))
    # 1: the val part drops what does not fill a batch
    faces = Faces(folder, settings.att_default, settings.img_size, 1, **once)
    trained.check_faces(opts, faces)
    pictures, labels = [np.concatenate(values) for values in zip(*faces)]
    return pictures, labels, "%s, %s part" % (celeba.describe(folder, len(faces)), opts.split)


def judges_of(opts, session, model, count=1):
    """``count`` functions, pictures → attributes 0/1 ``[N, n_att]``: classifiers, each begun with other weights.

    All come from ``classifier.npz``, ``classifier1.npz`` …, or all are trained: a call after a stopped one gives the same.
    """
    settings, atts = model.settings, model.settings.att_default
    x = tf.placeholder(tf.float32, [None, settings.img_size, settings.img_size, 3])
    scopes = ["classifier%s" % (number or "") for number in range(count)]
    logits = [classifier(x, len(atts), opts.cls_dim, is_training=False, scope=scope) for scope in scopes]
    variables = [networks.variables((scope,)) for scope in scopes]
    paths = [os.path.join(opts.output_dir, scope + ".npz") for scope in scopes]
    facts = dict(atts=atts, cls_dim=opts.cls_dim, img_size=settings.img_size, seed=opts.seed, cls_steps=opts.cls_steps)
    folder = trained.locate_data(opts, model)
    facts.update(cls_batch=opts.cls_batch, cls_lr=opts.cls_lr, data=os.path.basename(os.path.abspath(folder)))
    facts.update(pictures=opts.pictures, attribute_file=opts.attribute_file)
    facts.update(faces=same_data.of_files(folder, [opts.attribute_file]))  # of another list it may know the test part
    saved = [None]
    if not opts.retrain:
        saved = [saved_classifier(path, facts, trained.shapes(own)) for path, own in zip(paths, variables)]
    if any(values is None for values in saved):
        arguments = dict(sess=session, flips=True, **data_arguments(opts))
        data = Faces(folder, atts, settings.img_size, opts.cls_batch, **arguments)
        for scope in scopes:
            train_classifier(opts, session, data, scope)
        for path, own in zip(paths, variables):
            weights.save(path, dict(zip([v.op.name for v in own], session.run(own))), facts)
    else:
        print("classifier: %s" % ", ".join(paths))
        for own, values in zip(variables, saved):
            trained.assign(session, own, values)
    return [partial(_answers, session, x, own) for own in logits]


def _answers(session, x, logits, batch):
    return np.int64(session.run(logits, {x: batch}) > 0)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, add=add_options, base="faces")
    run.start(opts.seed)
    with tf.Session(config=run.session_config(opts.threads)) as session:
        model = trained.open_model(opts, session)
        settings, atts = model.settings, model.settings.att_default
        pictures, labels, data_line = pictures_of(opts, session, model)
        script = "evaluate" + ("" if opts.split == "test" else "-" + opts.split)
        record = records.Record(opts, script, "section 10.3", data_line)
        judges = judges_of(opts, session, model, opts.judges)

        def edited(_b):
            return in_batches(lambda p, s: trained.edit(session, model, p, s), pictures, _b)

        def in_photo(_b):
            parts = pictures, rebuilt, labels, _b
            return photos.in_photo(pictures, rebuilt, in_batches(partial(trained.edited, session, model), *parts))

        before = [in_batches(judge, pictures) for judge in judges]
        real_accuracy = np.mean([answers == labels for answers in before], axis=(0, 1))
        head_accuracy = np.full(len(atts), np.nan)
        if model.logit_att is not None:
            head = in_batches(lambda batch: photos.attribute_chances(session, model, batch), pictures)
            head_accuracy = np.mean((head > 0.5) == labels, axis=0)
        b_list = flipped_labels(labels, atts)
        rebuilt = edited(sheets.strengths(b_list[0], settings.thres_int))
        rows, rows_back, rows_gentle, by_judge = [], [], [], []
        for column, name in enumerate(run.progress(atts, desc="editing", unit="attribute")):
            wanted = b_list[column + 1]
            off_on = trained.edit_strengths(settings, column, opts.test_int)
            _b = sheets.strengths(wanted, settings.thres_int, column, off_on)
            faces = edited(_b)
            back = in_photo(_b)
            known = [name] + [float(values[column]) for values in (labels.mean(axis=0), head_accuracy, real_accuracy)]
            for table, shown in ((rows, faces), (rows_back, back)):
                scores = judged(judges, before, labels, wanted, shown, column)
                table.append((known if table is rows else [name]) + list(scores.mean(axis=0)))
            by_judge.append(scores)  # of what a photo gets
            if model.logit_att is not None:
                _b, shares = in_batches(partial(trained.gentlest, session, model), pictures, labels, rebuilt, _b)
                scores = judged(judges, before, labels, wanted, in_photo(_b), column)
                rows_gentle.append([name, float(np.mean(shares))] + list(scores.mean(axis=0)))

    pairs = [(images.to_uint8(a), images.to_uint8(b)) for a, b in zip(pictures, rebuilt)]
    psnr = float(np.mean([images.psnr(a, b) for a, b in pairs]))
    ssim = float(np.mean([images.ssim(a, b) for a, b in pairs]))
    columns = [
        "attribute",
        "share",
        "attribute head right",
        "classifier on originals",
        "editing accuracy",
        "switched on",
        "switched off",
        "others unchanged",
    ]
    means = show(columns, rows)
    record.metric("editing accuracy (mean)", round(means[4], 4))
    record.metric("others unchanged (mean)", round(means[7], 4))
    record.metric("classifier on originals (mean)", round(means[3], 4))
    by_whom = "by a classifier trained apart from the GAN"
    table = os.path.join(opts.output_dir, "evaluation%s.csv" % ("" if opts.split == "test" else "-" + opts.split))
    text.write_csv(table, [columns] + rounded(rows))
    record.table("Editing accuracy by attribute", columns, rounded(rows), by_whom)
    columns = columns[:1] + columns[4:]
    print("as a photo gets it: what the edit changed, added to the picture")
    means = show(columns, rows_back)
    record.metric("editing accuracy in the photo (mean)", round(means[1], 4))
    record.metric("others unchanged in the photo (mean)", round(means[4], 4))
    record.table(
        "The same where only what the edit changed is added to the photo", columns, rounded(rows_back), by_whom
    )
    if rows_gentle:
        columns_gentle = ["attribute", "share of the strength"] + columns[1:]
        print("as weakly as is enough, as an own photo gets it without more ado (--gentle)")
        means = show(columns_gentle, rows_gentle)
        record.metric("editing accuracy in the photo, gently (mean)", round(means[2], 4))
        record.metric("others unchanged in the photo, gently (mean)", round(means[5], 4))
        record.table("The same, edited as weakly as is enough", columns_gentle, rounded(rows_gentle), by_whom)
    of_each = [[number] + list(scores) for number, scores in enumerate(np.mean(by_judge, axis=0)[:, [0, 3]], 1)]
    if len(judges) > 1:
        record.table("The same by each classifier", ["classifier", columns[1], columns[4]], rounded(of_each))
        for number, accuracy, others in of_each:
            print("classifier %d: editing accuracy %.3f, others unchanged %.3f" % (number, accuracy, others))
    print(
        "reconstruction: PSNR %.2f dB, SSIM %.3f (mean of %d pictures of the %s part)"
        % (psnr, ssim, len(pairs), opts.split)
    )
    record.metric("reconstruction PSNR", round(psnr, 2), "dB")
    record.metric("reconstruction SSIM", round(ssim, 4))
    record.metric("%s pictures" % opts.split, len(pairs))
    if not opts.weights:
        newest = run.checkpoints(trained.run_folder(opts.output_dir))[0]
        record.metric("iterations of the model's training", run.step_of(newest))
    record.file(table, "table", "Editing accuracy by attribute", "各属性的编辑准确率")
    record.save()


if __name__ == "__main__":
    options.run(main)
