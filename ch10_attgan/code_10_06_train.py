"""Listing 10-6 (sections 10.3.8, 10.3.9): training AttGAN.

Reads: CelebA (preset tiny: generated cartoon faces). Writes below the run folder: ``checkpoints/`` (the last two),
``sample_training/*.png`` (sheets: original, reconstruction, then one column an attribute, that attribute flipped),
``summaries/`` (TensorBoard, with the sheets), ``log.csv``, ``settings.json``, a record. A run that was stopped goes on
where it was.
Time on two cores: tiny 20 s; cpu under an hour; book (128 px, 189,400 iterations) is meant for a GPU: two days there.
Next: ``python ch10_attgan/code_10_07_edit.py --preset tiny``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import csv
import time
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from ch10_attgan.code_10_04_dataset import Celeba, add_data_options, data_arguments, describe
from ch10_attgan.code_10_05_models import D, Gdec, Genc, check_size, gradient_penalty, trainable
from common import datasets, images, options, training
from common.errors import UserError
from common.records import Record

ATTS_BOOK = [
    "Bald",
    "Bangs",
    "Black_Hair",
    "Blond_Hair",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Eyeglasses",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "No_Beard",
    "Pale_Skin",
    "Young",
]

PRESETS = {
    "book": dict(
        atts=ATTS_BOOK,
        img_size=128,
        shortcut_layers=1,
        inject_layers=1,
        enc_dim=64,
        dec_dim=64,
        dis_dim=64,
        dis_fc_dim=1024,
        enc_layers=5,
        dec_layers=5,
        dis_layers=5,
        mode="wgan",
        epoch=200,
        batch_size=32,
        lr_base=0.0002,
        n_d=5,
        b_distribution="none",
        thres_int=0.5,
        test_int=1.0,
        n_sample=32,
        weight_gp=10.0,
        weight_d_att=1.0,
        weight_g_att=10.0,
        weight_rec=100.0,
        lr_decay_epoch=100,
        save_every=1000,
        sample_every=100,
        # Extra: not in the print, and off.
        norm_first=False,
        bn_decay=0.999,
        freeze_bn=False,
        flips=False,
        cache=False,
        max_it=0,
    ),
    "cpu": dict(
        img_size=64,
        enc_dim=16,
        dec_dim=16,
        dis_dim=16,
        dis_fc_dim=256,
        enc_layers=4,
        dec_layers=4,
        dis_layers=4,
        epoch=14,
        lr_decay_epoch=9,
        batch_size=8,
        lr_base=0.0004,
        n_d=1,
        n_sample=16,
        bn_decay=0.99,
        cache=True,
        save_every=500,
        sample_every=500,
    ),
    "tiny": dict(
        atts=["Bald", "Bangs", "Eyeglasses", "Male", "Mouth_Slightly_Open", "Mustache", "No_Beard", "Young"],
        img_size=32,
        enc_dim=8,
        dec_dim=8,
        dis_dim=8,
        dis_fc_dim=32,
        enc_layers=3,
        dec_layers=3,
        dis_layers=3,
        epoch=3,
        batch_size=8,
        lr_base=0.001,
        n_d=2,
        n_sample=8,
        bn_decay=0.9,
        save_every=10,
        sample_every=10,
    ),
}
HELP = dict(
    atts="attributes to learn, any of CelebA's 40",  # Erratum E92: the text promises 40, the script trains 13
    img_size="side of the pictures",
    mode="wgan or lsgan",
    n_d="critic steps before each generator step",
    b_distribution="strength of the wanted attributes: none, uniform or truncated_normal",
    thres_int="attributes are fed as -thres_int or +thres_int in training",
    test_int="strength of the changed attribute on the sample sheets",
    n_sample="faces on a sample sheet",
    weight_rec="weight of the reconstruction",
    weight_g_att="weight of the attribute loss of the generator",
    lr_decay_epoch="the learning rate falls to a tenth after so many epochs",
    norm_first="Extra: the paper's order, batch norm before the activation",
    bn_decay="Extra: decay of batch norm's running means",
    freeze_bn="Extra: train with batch norm's running means instead of each batch's (to finish a run with small batches)",
    flips="Extra: mirror half of the training pictures",
    cache="Extra: keep the resized pictures in memory",
    max_it="Extra: stop after this iteration (0: run all epochs)",
)
# A run may only be resumed with the values that shape its variables and its meaning.
FIXED = (
    "atts img_size shortcut_layers inject_layers enc_dim dec_dim dis_dim dis_fc_dim enc_layers dec_layers dis_layers "
    "norm_first thres_int mode"
).split()


def check_options(opts):
    """Refuses values that cannot work; UserError."""
    if opts.mode not in ("wgan", "lsgan"):
        raise UserError("--mode is '%s', but must be wgan or lsgan" % opts.mode)
    if opts.b_distribution not in ("none", "uniform", "truncated_normal"):
        raise UserError("--b-distribution is '%s', but must be none, uniform or truncated_normal" % opts.b_distribution)
    if opts.enc_layers != opts.dec_layers:
        raise UserError("--enc-layers and --dec-layers must be equal: the decoder undoes what the encoder does")
    for name in ("batch_size", "n_d", "epoch", "n_sample", "save_every", "sample_every"):
        if getattr(opts, name) < 1:
            raise UserError("--%s must be at least 1" % name.replace("_", "-"))
    check_size(opts.img_size, opts.enc_layers)
    check_size(opts.img_size, opts.dis_layers)


def encoder(opts, x, is_training=True):
    """``Genc`` with a run's settings."""
    return Genc(x, opts.enc_dim, opts.enc_layers, is_training, opts.norm_first, opts.bn_decay)


def decoder(opts, zs, _a, is_training=True):
    """``Gdec`` with a run's settings."""
    sizes = (opts.dec_dim, opts.dec_layers, opts.shortcut_layers, opts.inject_layers)
    return Gdec(zs, _a, *sizes, is_training, opts.norm_first, opts.bn_decay)


def critic(opts, x):
    """``D`` with a run's settings."""
    return D(x, len(opts.atts), opts.dis_dim, opts.dis_fc_dim, opts.dis_layers)


def wanted_strength(b, b_distribution, thres_int):
    """Labels 0/1 as the numbers that the decoder gets (10.3.8): float ``[N, n_att]`` within ±2·thres_int."""
    _b = (tf.to_float(b) * 2 - 1) * thres_int
    if b_distribution == "uniform":
        _b = (tf.to_float(b) * 2 - 1) * tf.random_uniform(tf.shape(b)) * (2 * thres_int)
    elif b_distribution == "truncated_normal":
        _b = (tf.to_float(b) * 2 - 1) * (tf.truncated_normal(tf.shape(b)) + 2) / 4.0 * (2 * thres_int)
    return _b


def build(opts, xa, a):
    """The losses and training steps (10.3.8).

    Args:
      opts: settings.
      xa: pictures ``[N, S, S, 3]`` in −1…1.
      a: labels ``[N, n_att]`` of 0 and 1.

    Returns:
      A namespace with ``lr`` (placeholder), ``d_step``, ``g_step``, ``d_summary``, ``g_summary`` and the single losses in
      ``d_terms`` and ``g_terms`` (name → scalar tensor).
    """
    lr = tf.placeholder(tf.float32, shape=[], name="lr")
    b = tf.random_shuffle(a)
    _a = (tf.to_float(a) * 2 - 1) * opts.thres_int
    _b = wanted_strength(b, opts.b_distribution, opts.thres_int)

    # Generator and critic. Batch norm's running means are updated by the critic's steps too (as printed).
    update_bn = not opts.freeze_bn
    z = encoder(opts, xa, update_bn)
    xb_ = decoder(opts, z, _b, update_bn)
    xa_ = decoder(opts, z, _a, update_bn)
    xa_logit_gan, xa_logit_att = critic(opts, xa)
    xb__logit_gan, xb__logit_att = critic(opts, xb_)

    # Critic.
    if opts.mode == "wgan":
        wd = tf.reduce_mean(xa_logit_gan) - tf.reduce_mean(xb__logit_gan)
        d_loss_gan = -wd
        gp = gradient_penalty(lambda x: critic(opts, x), xa, xb_)
    else:
        d_loss_gan = tf.losses.mean_squared_error(tf.ones_like(xa_logit_gan), xa_logit_gan)
        d_loss_gan += tf.losses.mean_squared_error(tf.zeros_like(xb__logit_gan), xb__logit_gan)
        wd = tf.reduce_mean(xa_logit_gan) - tf.reduce_mean(xb__logit_gan)
        gp = gradient_penalty(lambda x: critic(opts, x), xa)
    xa_loss_att = tf.losses.sigmoid_cross_entropy(a, xa_logit_att)
    d_loss = d_loss_gan + gp * opts.weight_gp + xa_loss_att * opts.weight_d_att

    # Generator.
    if opts.mode == "wgan":
        xb__loss_gan = -tf.reduce_mean(xb__logit_gan)
    else:
        xb__loss_gan = tf.losses.mean_squared_error(tf.ones_like(xb__logit_gan), xb__logit_gan)
    xb__loss_att = tf.losses.sigmoid_cross_entropy(b, xb__logit_att)
    xa__loss_rec = tf.losses.absolute_difference(xa, xa_)
    g_loss = xb__loss_gan + xb__loss_att * opts.weight_g_att + xa__loss_rec * opts.weight_rec

    d_step = tf.train.AdamOptimizer(lr, beta1=0.5).minimize(d_loss, var_list=trainable("D"))
    g_step = tf.train.AdamOptimizer(lr, beta1=0.5).minimize(g_loss, var_list=trainable("Genc", "Gdec"))

    d_terms = dict(d_loss=d_loss, d_loss_gan=d_loss_gan, gp=gp, xa_loss_att=xa_loss_att, wd=wd)
    g_terms = dict(g_loss=g_loss, xb__loss_gan=xb__loss_gan, xb__loss_att=xb__loss_att, xa__loss_rec=xa__loss_rec)
    # Erratum E84: a name scope 'D' for the summaries collides with the network's, and TensorBoard shows 'D_2/…'.
    with tf.name_scope("critic_losses"):
        d_summary = tf.summary.merge([tf.summary.scalar(name, value) for name, value in d_terms.items()])
    with tf.name_scope("generator_losses"):
        terms = dict(g_terms, lr=lr)
        g_summary = tf.summary.merge([tf.summary.scalar(name, value) for name, value in terms.items()])
    return SimpleNamespace(
        lr=lr, d_step=d_step, g_step=g_step, d_summary=d_summary, g_summary=g_summary, d_terms=d_terms, g_terms=g_terms
    )


def build_sampler(opts):
    """The generator for use: a namespace with ``xa_sample`` and ``_b_sample`` (placeholders) and ``x_sample``."""
    xa_sample = tf.placeholder(tf.float32, [None, opts.img_size, opts.img_size, 3], name="xa_sample")
    _b_sample = tf.placeholder(tf.float32, [None, len(opts.atts)], name="b_sample")
    x_sample = decoder(opts, encoder(opts, xa_sample, is_training=False), _b_sample, is_training=False)
    return SimpleNamespace(xa_sample=xa_sample, _b_sample=_b_sample, x_sample=x_sample)


def flipped_labels(a, atts):
    """The label sets of a sample sheet: unchanged, then for each attribute a copy with it flipped, conflicts cleared."""
    b_sample_ipt_list = [a.copy()]
    for i, name in enumerate(atts):
        flipped = a.copy()
        flipped[:, i] = 1 - flipped[:, i]
        b_sample_ipt_list.append(Celeba.check_attribute_conflict(flipped, name, atts))
    return b_sample_ipt_list


def strengths(labels, thres_int, changed=None, test_int=None):
    """Labels 0/1 as decoder input; column ``changed`` at ±test_int, the others at ±thres_int."""
    _b = (np.float32(labels) * 2 - 1) * thres_int
    if changed is not None:
        _b[:, changed] = _b[:, changed] * test_int / thres_int
    return _b


def sample_sheet(opts, sess, sampler, xa, b_list):
    """Rows = faces; columns = original, gap, reconstruction, one per attribute. uint8 ``[rows·S, …, 3]``."""
    columns = [xa, np.full(xa.shape[:2] + (opts.img_size // 10, 3), -1.0, np.float32)]
    for i, b in enumerate(b_list):
        _b = strengths(b, opts.thres_int, i - 1 if i else None, opts.test_int)
        columns.append(sess.run(sampler.x_sample, feed_dict={sampler.xa_sample: xa, sampler._b_sample: _b}))
    sheet = np.concatenate(columns, axis=2)
    return images.to_uint8(sheet.reshape((-1,) + sheet.shape[2:]))


def column_titles(texts, cell_width, gap, line_height=12):
    """Extra: captions over the columns of a sheet, a line a word; the first column stands before the gap."""
    words = [text.split("_") for text in texts]
    lines = []
    for number in range(max(len(item) for item in words)):
        row = images.label_row([item[number] if number < len(item) else "" for item in words], cell_width, line_height)
        white = np.full((row.shape[0], gap, 3), 255, np.uint8)
        lines.append(np.concatenate([row[:, :cell_width], white, row[:, cell_width:]], axis=1))
    return np.concatenate(lines, axis=0)


def labelled_sheet(opts, sheet, titles):
    """Extra: ``sheet`` with ``titles`` over its columns; small pictures are enlarged so that the titles can be read."""
    factor = max(1, int(np.ceil(64.0 / opts.img_size)))
    sheet = np.repeat(np.repeat(sheet, factor, axis=0), factor, axis=1)
    cell, gap = opts.img_size * factor, opts.img_size // 10 * factor
    return np.concatenate([column_titles(titles, cell, gap), sheet], axis=0)


def sample_batch(opts, folder):
    """Pictures and labels of the third validation batch (or the last there is) for the sample sheets."""
    count = opts.n_sample
    with tf.Session(config=training.session_config(opts.threads)) as sess:
        arguments = dict(shuffle=False, repeat=1, sess=sess, mode="val", **data_arguments(opts))
        try:
            data = Celeba(folder, opts.atts, opts.img_size, count, **arguments)
        except UserError:  # fewer validation pictures than a sheet has rows
            data = Celeba(folder, opts.atts, opts.img_size, 1, **arguments)
            return [np.concatenate(values) for values in zip(*data)]
        batch = data.get_next()
        for _ in range(2):
            try:
                batch = data.get_next()
            except tf.errors.OutOfRangeError:
                break
        return batch


def check_same_run(opts):
    """UserError where ``settings.json`` of the run folder has another network than the options."""
    if not os.path.exists(os.path.join(opts.output_dir, options.SETTINGS_FILE)):
        return
    saved = options.load_settings(opts.output_dir, "code_10_06_train.py")
    for name in FIXED:
        if name in saved and saved[name] != getattr(opts, name):
            raise UserError(
                "%s holds a run with %s = %s, not %s: give the same value, or another --output-dir"
                % (opts.output_dir, name, saved[name], getattr(opts, name))
            )


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, "attgan", argv=argv, add=add_data_options, help_texts=HELP)
    check_options(opts)
    check_same_run(opts)
    training.start(opts.seed)
    # Erratum E88: the print holds a private Windows path here.
    folder = datasets.locate("celeba", opts, required=[opts.attribute_file])
    checkpoint_dir = os.path.join(opts.output_dir, "checkpoints")
    sample_dir = os.path.join(opts.output_dir, "sample_training")

    with tf.Session(config=training.session_config(opts.threads)) as sess:
        xa_sample_ipt, a_sample_ipt = sample_batch(opts, folder)
        tr_data = Celeba(
            folder,
            opts.atts,
            opts.img_size,
            opts.batch_size,
            sess=sess,
            flips=opts.flips,
            cache=opts.cache,
            threads=16 if opts.threads == 0 else opts.threads,
            **data_arguments(opts),
        )
        it_per_epoch = len(tr_data) // (opts.batch_size * (opts.n_d + 1))
        if it_per_epoch == 0:
            raise UserError(
                "%d training pictures are less than one iteration takes, batch_size * (n_d + 1) = %d: smaller values, "
                "or more pictures" % (len(tr_data), opts.batch_size * (opts.n_d + 1))
            )
        max_it = opts.epoch * it_per_epoch
        if opts.max_it:
            max_it = min(max_it, opts.max_it)
        xa, a = tr_data.batch_op
        model = build(opts, xa, a)
        sampler = build_sampler(opts)
        b_sample_ipt_list = flipped_labels(a_sample_ipt, opts.atts)
        it_cnt = tf.Variable(0, trainable=False, dtype=tf.int64, name="it_cnt")
        update_cnt = tf.assign_add(it_cnt, 1)
        sheet_pixels = tf.placeholder(tf.uint8, [None, None, 3])
        sheet_summary = tf.summary.image("sample_sheet", sheet_pixels[None])

        data_line = describe(folder, len(tr_data))
        settings = {name: getattr(opts, name) for name in PRESETS["book"]}
        options.save_settings(opts.output_dir, dict(settings, preset=opts.preset, seed=opts.seed, data=data_line))

        saver = tf.train.Saver(tf.global_variables(), max_to_keep=2)  # Extra: two, so that one can be damaged
        # Erratum E85: the print takes any failure to restore for 'no checkpoint' and trains over it from scratch.
        restored = training.restore_newest(saver, sess, checkpoint_dir)
        if restored:
            print("resumed from %s" % restored)
        training.initialize_uninitialized(sess)
        first_it = int(sess.run(it_cnt))
        print(
            "%d pictures, %d iterations an epoch, %d in all; this is iteration %d"
            % (len(tr_data), it_per_epoch, max_it, first_it)
        )

        def save(it):
            os.makedirs(checkpoint_dir, exist_ok=True)
            epoch, it_in_epoch = max(it - 1, 0) // it_per_epoch, max(it - 1, 0) % it_per_epoch + 1
            name = "Epoch_(%d)_(%dof%d).ckpt" % (epoch, it_in_epoch, it_per_epoch)
            return saver.save(sess, os.path.join(checkpoint_dir, name))

        titles = ["original", "rebuilt"] + list(opts.atts)

        def draw(it):
            sheet = sample_sheet(opts, sess, sampler, xa_sample_ipt, b_sample_ipt_list)
            sheet = labelled_sheet(opts, sheet, titles)
            writer.add_summary(sess.run(sheet_summary, {sheet_pixels: sheet}), it)
            # Erratum E90: the print writes with scipy.misc.imsave, which is gone from SciPy 1.3 on.
            return images.write_png(os.path.join(sample_dir, "it_%06d.png" % it), sheet)

        record = Record(opts, "code_10_06_train", "listing 10-6", data_line)
        seconds_before = _seconds_so_far(opts.output_dir) if restored else 0.0
        began = time.time()
        writer = tf.summary.FileWriter(os.path.join(opts.output_dir, "summaries"), sess.graph)
        log_path = os.path.join(opts.output_dir, "log.csv")
        if not restored and os.path.exists(log_path):
            os.remove(log_path)
        d_values, g_values, it = {}, {}, first_it
        bar = training.progress(total=max_it, initial=first_it, unit="it", desc="training")
        with training.StopSignals() as stop, bar, open(log_path, "a", encoding="utf-8", newline="") as log_file:
            log = csv.writer(log_file)
            while it < max_it and not stop.requested:
                epoch = it // it_per_epoch
                lr_ipt = opts.lr_base / 10 ** (epoch // opts.lr_decay_epoch)
                feed = {model.lr: lr_ipt}
                wanted = it % 10 == 9 or it + 1 == max_it or it == first_it  # losses need not be fetched at every step
                try:
                    for _ in range(opts.n_d - 1):
                        sess.run(model.d_step, feed)
                    if wanted:
                        _, d_values, d_summary = sess.run([model.d_step, model.d_terms, model.d_summary], feed)
                        _, g_values, g_summary = sess.run([model.g_step, model.g_terms, model.g_summary], feed)
                    else:
                        sess.run(model.d_step, feed)
                        sess.run(model.g_step, feed)
                except tf.errors.InvalidArgumentError as error:
                    raise tr_data.explain(error)
                it = int(sess.run(update_cnt))
                if wanted:
                    training.check_loss(d_values["d_loss"], it, name="the critic's loss")
                    training.check_loss(g_values["g_loss"], it, name="the generator's loss")
                    writer.add_summary(d_summary, it)
                    writer.add_summary(g_summary, it)
                    if log_file.tell() == 0:
                        log.writerow(["it"] + sorted(d_values) + sorted(g_values) + ["lr"])
                    values = [d_values[name] for name in sorted(d_values)] + [g_values[n] for n in sorted(g_values)]
                    log.writerow([it] + ["%.5g" % value for value in values + [lr_ipt]])
                    bar.set_postfix(rec="%.4f" % g_values["xa__loss_rec"], att="%.3f" % g_values["xb__loss_att"])
                if it % opts.save_every == 0:
                    save(it)
                    log_file.flush()
                    options.write_json(_clock(opts.output_dir), seconds_before + time.time() - began)
                if it % opts.sample_every == 0:
                    draw(it)
                bar.update(1)
        # Erratum E87: the print's `finally` saves also when start-up failed, and then fails itself for want of names.
        seconds = seconds_before + time.time() - began
        options.write_json(_clock(opts.output_dir), seconds)
        checkpoint = save(it)
        sheet_path = draw(it)
        writer.close()
        tr_data.close()

    print("iteration %d of %d, checkpoint %s" % (it, max_it, checkpoint))
    print("sheet: %s" % sheet_path)
    record.metric("iterations", it)
    record.metric("training time", round(seconds), "s", note="all sessions of the run")
    for name, value in sorted(dict(d_values, **g_values).items()):
        record.metric(name, float(value))
    record.file(
        sheet_path,
        "picture",
        "Sample sheet after %d iterations: original, reconstruction, then each attribute flipped" % it,
        "第 %d 次迭代的样本图：原图、重建图，随后每列翻转一个属性" % it,
    )
    record.save()
    stop.leave()
    return 0


def _clock(folder):
    return os.path.join(folder, "seconds.json")


def _seconds_so_far(folder):
    return float(options.read_json(_clock(folder))) if os.path.exists(_clock(folder)) else 0.0


if __name__ == "__main__":
    options.run(main)
