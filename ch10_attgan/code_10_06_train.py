"""Listing 10-6 (sections 10.3.8, 10.3.9; printed as ``trainattgan``): training AttGAN.

The text ends at line 103; what comes after it follows the author's published file and has no printed line numbers.
Reads: CelebA (preset tiny: generated cartoon faces). Writes below ``output/attgan/<preset>/<experiment_name>/``: ``checkpoints/``
(two; the same command resumes), ``sample_training/*.jpg`` (original, reconstruction, each attribute flipped), ``summaries/``.
Time: tiny 20 s; book (189,400 iterations) is meant for a GPU.
Differs from the print: E84, E85, E87, E88, E90, E92.
Beyond it: ``beyond/train.py`` (smaller sizes that learn on two cores, stages).
Next: ``python ch10_attgan/code_10_07_edit.py --preset tiny``.
"""

import os
import time
from functools import partial
from types import SimpleNamespace

import numpy as np
import tensorflow as tf
from PIL import Image

from ch10_attgan import code_10_04_dataset as mydataset
from ch10_attgan import code_10_05_models as AttGANmodels
from common import datasets, files, options, run
from common.errors import UserError
from common.options import Value
from data import celeba

data = mydataset
models = AttGANmodels
# picture and model
img_size = 128
shortcut_layers = 1
inject_layers = 1
enc_dim = 64
dec_dim = 64
dis_dim = 64
dis_fc_dim = 1024
enc_layers = 5
dec_layers = 5
dis_layers = 5
# training
mode = "wgan"
epoch = 200
batch_size = 32
lr_base = 0.0002
n_d = 5
# the attributes' values
b_distribution = "none"
thres_int = 0.5
test_int = 1.0
n_sample = 32
save_every = 1000
sample_every = 100

att_default = "Bald Bangs Black_Hair Blond_Hair Brown_Hair Bushy_Eyebrows Eyeglasses Male Mouth_Slightly_Open".split()
att_default += "Mustache No_Beard Pale_Skin Young".split()  # Erratum E92: the text promises 40 attributes
n_att = len(att_default)
experiment_name = "128_shortcut1_inject1_None"
WEIGHTS = dict(gp=10.0, gan=1.0, att=10.0, rec=100.0)  # of the losses' terms

VALUES = [
    Value("img_size", img_size, "side of the pictures", tiny=32, low=1, high=4096),
    Value("shortcut_layers", shortcut_layers, "decoder layers that get the encoder's map", low=0, more=True),
    Value("inject_layers", inject_layers, "decoder layers that get the attributes again", low=0, more=True),
    Value("enc_dim", enc_dim, "filters of the encoder's first layer", tiny=8, low=1, high=1024, more=True),
    Value("dec_dim", dec_dim, "filters of the decoder's last layer but one", tiny=8, low=1, high=1024, more=True),
    Value("dis_dim", dis_dim, "filters of the critic's first layer", tiny=8, low=1, high=1024, more=True),
    Value("dis_fc_dim", dis_fc_dim, "units of the critic's dense layers", tiny=32, low=1, high=65536, more=True),
    Value("enc_layers", enc_layers, "layers of the encoder", tiny=3, low=1, high=12, more=True),
    Value("dec_layers", dec_layers, "layers of the decoder", tiny=3, low=1, high=12, more=True),
    Value("dis_layers", dis_layers, "layers of the critic", tiny=3, low=1, high=12, more=True),
    Value("mode", mode, "adversarial loss", choices=("wgan", "lsgan")),
    Value("epoch", epoch, "passes over the training part", tiny=3, low=1, fixed=False),
    Value("batch_size", batch_size, "faces in a batch", tiny=8, low=1),
    Value("lr_base", lr_base, "learning rate; a tenth of it after 100 epochs", tiny=0.001, low=0),
    Value("n_d", n_d, "critic steps before each generator step", tiny=2, low=1),
    Value("b_distribution", b_distribution, "wanted strengths", choices=("none", "uniform", "truncated_normal")),
    Value("thres_int", thres_int, "an attribute is fed as -thres_int (off) or thres_int (on)", low=1e-6),
    Value("test_int", test_int, "strength of the flipped attribute on the sample sheets", low=0, fixed=False),
    Value("n_sample", n_sample, "faces on a sample sheet", tiny=8, low=1, fixed=False),
    Value("att_default", att_default, "attributes to learn, any of CelebA's 40"),
    Value("save_every", save_every, "iterations between checkpoints", tiny=10, low=1, fixed=False, more=True),
    Value("sample_every", sample_every, "iterations between sample sheets", tiny=9, low=1, fixed=False, more=True),
]


def flipped_labels(a_sample_ipt, att_default):
    """The label sets of a sheet (lines 61–66): unchanged, then for each attribute a copy with it flipped, conflicts cleared."""
    b_sample_ipt_list = [a_sample_ipt]
    for i in range(len(att_default)):
        tmp = np.array(a_sample_ipt, copy=True)
        tmp[:, i] = 1 - tmp[:, i]
        tmp = data.Celeba.check_attribute_conflict(tmp, att_default[i], att_default)
        b_sample_ipt_list.append(tmp)
    return b_sample_ipt_list


def strengths(b_sample_ipt, i, thres_int, test_int):
    """Label set ``i`` of a sheet as the decoder gets it: ±thres_int, and the flipped attribute at ±test_int."""
    _b_sample_ipt = (b_sample_ipt * 2 - 1) * thres_int
    if i > 0:  # 0 is the reconstruction
        _b_sample_ipt[..., i - 1] = _b_sample_ipt[..., i - 1] * test_int / thres_int
    return _b_sample_ipt


def networks(opts, order=models.end_of_layer, layers=models.slim):
    """The networks with the constants (lines 69–71); the parts as in ``models.Genc``."""
    parts, n_att = dict(order=order, layers=layers), len(opts.att_default)
    Genc = partial(models.Genc, dim=opts.enc_dim, n_layers=opts.enc_layers, **parts)
    Gdec = partial(models.Gdec, dim=opts.dec_dim, n_layers=opts.dec_layers, **parts)
    Gdec = partial(Gdec, shortcut_layers=opts.shortcut_layers, inject_layers=opts.inject_layers)
    D = partial(models.D, n_att=n_att, dim=opts.dis_dim, fc_dim=opts.dis_fc_dim, n_layers=opts.dis_layers)
    return Genc, Gdec, partial(D, layers=layers)


def build(xa, a, Genc, Gdec, D, opts, weights=WEIGHTS, b=None, shown=lambda xa, xa_, xb_: xb_):
    """Losses and training steps (lines 72–103 and the published file).

    Takes pictures ``xa``, ``[N, S, S, 3]`` in −1…1, and their labels ``a``, ``[N, n_att]`` of 0 and 1; returns all names of the
    part in one namespace (``lr`` is a placeholder). ``b``: labels asked for; ``shown``: what D sees of an edit.
    """
    lr = tf.placeholder(dtype=tf.float32, shape=[])
    _a = (tf.to_float(a) * 2 - 1) * opts.thres_int
    b = tf.random_shuffle(a) if b is None else b
    if opts.b_distribution == "none":
        _b = (tf.to_float(b) * 2 - 1) * opts.thres_int
    elif opts.b_distribution == "uniform":
        _b = (tf.to_float(b) * 2 - 1) * tf.random_uniform(tf.shape(b)) * (2 * opts.thres_int)
    elif opts.b_distribution == "truncated_normal":
        _b = (tf.to_float(b) * 2 - 1) * (tf.truncated_normal(tf.shape(b)) + 2) / 4.0 * (2 * opts.thres_int)

    xa_sample = tf.placeholder(tf.float32, shape=[None, opts.img_size, opts.img_size, 3])
    _b_sample = tf.placeholder(tf.float32, shape=[None, len(opts.att_default)])

    z = Genc(xa)
    xb_ = Gdec(z, _b)
    with tf.control_dependencies([xb_]):
        xa_ = Gdec(z, _a)
    xb_ = shown(xa, xa_, xb_)
    xa_logit_gan, xa_logit_att = D(xa)
    xb__logit_gan, xb__logit_att = D(xb_)

    if opts.mode == "wgan":
        wd = tf.reduce_mean(xa_logit_gan) - tf.reduce_mean(xb__logit_gan)
        d_loss_gan = -wd
        gp = models.gradient_penalty(D, xa, xb_)
    elif opts.mode == "lsgan":
        xa_gan_loss = tf.losses.mean_squared_error(tf.ones_like(xa_logit_gan), xa_logit_gan)
        xb__gan_loss = tf.losses.mean_squared_error(tf.zeros_like(xb__logit_gan), xb__logit_gan)
        d_loss_gan = xa_gan_loss + xb__gan_loss
        gp = models.gradient_penalty(D, xa)
    xa_loss_att = tf.losses.sigmoid_cross_entropy(a, xa_logit_att)
    d_loss = d_loss_gan + gp * weights["gp"] + xa_loss_att

    if opts.mode == "wgan":
        xb__loss_gan = -tf.reduce_mean(xb__logit_gan)
    elif opts.mode == "lsgan":
        xb__loss_gan = tf.losses.mean_squared_error(tf.ones_like(xb__logit_gan), xb__logit_gan)
    xb__loss_att = tf.losses.sigmoid_cross_entropy(b, xb__logit_att)
    xa__loss_rec = tf.losses.absolute_difference(xa, xa_)
    g_loss = xb__loss_gan * weights["gan"] + xb__loss_att * weights["att"] + xa__loss_rec * weights["rec"]

    t_vars = tf.trainable_variables()
    d_vars = [var for var in t_vars if var.name.startswith("D/")]
    g_vars = [var for var in t_vars if var.name.startswith("G")]
    d_step = tf.train.AdamOptimizer(lr, beta1=0.5).minimize(d_loss, var_list=d_vars)
    g_step = tf.train.AdamOptimizer(lr, beta1=0.5).minimize(g_loss, var_list=g_vars)

    x_sample = Gdec(Genc(xa_sample, is_training=False), _b_sample, is_training=False)

    # Erratum E84: a name scope 'D' for the summaries collides with the network's, and TensorBoard shows 'D_2/…'.
    d_summary = summary({d_loss_gan: "d_loss_gan", gp: "gp", xa_loss_att: "xa_loss_att"}, scope="critic_losses")
    lr_summary = summary({lr: "lr"}, scope="Learning_Rate")
    terms = {xb__loss_gan: "xb__loss_gan", xb__loss_att: "xb__loss_att", xa__loss_rec: "xa__loss_rec"}
    g_summary = summary(terms, scope="generator_losses")
    d_summary = tf.summary.merge([d_summary, lr_summary])
    return SimpleNamespace(**locals())


def summary(tensor_collection, summary_type=("mean",), scope=None):
    """Merged summaries of ``{tensor: name}``; a scalar's mean is its value."""
    of_type = dict(mean=tf.reduce_mean, max=tf.reduce_max, min=tf.reduce_min)
    with tf.name_scope(scope, "summary"):
        pairs = [(tensor, name, kind) for tensor, name in tensor_collection.items() for kind in summary_type]
        return tf.summary.merge([tf.summary.scalar(name, of_type[kind](tensor)) for tensor, name, kind in pairs])


def counter(start=0, scope=None):
    """A variable that counts iterations, and the operation that adds 1."""
    with tf.variable_scope(scope, "counter"):
        it_cnt = tf.get_variable("counter", [], tf.int32, tf.constant_initializer(start), trainable=False)
        return it_cnt, tf.assign(it_cnt, tf.add(it_cnt, tf.constant(1)))


def immerge(images, row, col):
    """Pictures ``[row·col, h, w, 3]`` as one, ``[row·h, col·w, 3]``."""
    h, w = images.shape[1:3]
    return images.reshape(row, col, h, w, 3).transpose(0, 2, 1, 3, 4).reshape(row * h, col * w, 3)


def to_range(images, min_value=0.0, max_value=1.0, dtype=None):
    """Values −1…1 as ``min_value`` … ``max_value``."""
    return ((np.clip(images, -1.0, 1.0) + 1.0) / 2.0 * (max_value - min_value) + min_value).astype(dtype or float)


def imwrite(image, path):
    """Writes a picture of −1…1 as JPEG or PNG, whole or not at all."""
    # Erratum E90: the print's scipy.misc.imsave is gone from SciPy 1.3 on.
    with files.atomic(path) as stream:
        picture = Image.fromarray(to_range(image, 0, 255, np.uint8))
        picture.save(stream, format="PNG" if path.endswith(".png") else "JPEG", quality=95)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv)
    run.start(opts.seed)
    config = run.session_config(opts.threads)
    config.allow_soft_placement, config.log_device_placement = True, False
    img_size, batch_size, n_d, n_sample = opts.img_size, opts.batch_size, opts.n_d, opts.n_sample
    att_default, output = opts.att_default, os.path.join(opts.output_dir, experiment_name)
    ckpt_dir = os.path.join(experiment_name, "checkpoints")
    # Erratum E88: the print holds a private Windows path here.
    path = datasets.locate("celeba", opts, required=[celeba.ATTRIBUTE_FILE])
    with run.Run(opts, ckpt_dir) as this, tf.Session(config=config) as sess:
        tr_data = data.Celeba(path, att_default, img_size, batch_size, mode="train", sess=sess)
        val_data = data.Celeba(path, att_default, img_size, n_sample, mode="val", shuffle=False, sess=sess)
        it_per_epoch = len(tr_data) // (batch_size * (n_d + 1))
        if it_per_epoch == 0:
            raise UserError("%d training pictures are less than batch_size * (n_d + 1)" % len(tr_data))
        for _ in range(3):
            xa_sample_ipt, a_sample_ipt = val_data.get_next()
        b_sample_ipt_list = flipped_labels(a_sample_ipt, att_default)
        Genc, Gdec, D = networks(opts)
        xa, a = tr_data.batch_op[0], tr_data.batch_op[1]
        net = build(xa, a, Genc, Gdec, D, opts)
        it_cnt, update_cnt = counter()
        saver = tf.train.Saver(max_to_keep=2)
        sess.run(tf.global_variables_initializer())
        # Erratum E85: the print takes any failure to restore for 'no checkpoint' and trains over it from scratch.
        found = this.restore(saver, sess)
        print(" [*] Loading checkpoint succeeds! iteration %d" % found if found else " [*] No checkpoint")
        summary_writer = tf.summary.FileWriter(os.path.join(output, "summaries"), sess.graph)
        max_it, sheet = opts.epoch * it_per_epoch, found and files.newest(os.path.join(output, "sample_training"))
        it_name = "Epoch_({})_({}of%d)" % it_per_epoch
        for it in this.steps(sess.run(it_cnt), max_it, unit="it"):
            start = time.time()
            epoch, it_in_epoch = it // it_per_epoch, it % it_per_epoch + 1
            lr_ipt = opts.lr_base / (10 ** (epoch // 100))
            with celeba.naming_broken_pictures(tr_data.img_paths):
                for _ in range(n_d):
                    d_summary_opt, d_loss, _ = sess.run([net.d_summary, net.d_loss, net.d_step], {net.lr: lr_ipt})
                summary_writer.add_summary(d_summary_opt, it)
                g_summary_opt, g_loss, _ = sess.run([net.g_summary, net.g_loss, net.g_step], {net.lr: lr_ipt})
                summary_writer.add_summary(g_summary_opt, it)
            this.check(it, d_loss=d_loss, g_loss=g_loss)
            sess.run(update_cnt)
            print("Epoch: %d %d/%d time: %s" % (epoch, it_in_epoch, it_per_epoch, time.time() - start))

            if (it + 1) % opts.save_every == 0:
                save_path = this.save(saver, sess, it + 1, it_name.format(epoch, it_in_epoch) + ".ckpt")
                print("Model is saved at %s!" % save_path)
            if (it + 1) % opts.sample_every == 0:
                x_sample_opt_list = [xa_sample_ipt, np.full(xa_sample_ipt.shape[:2] + (img_size // 10, 3), -1.0)]
                for i, b_sample_ipt in enumerate(b_sample_ipt_list):
                    _b_sample_ipt = strengths(b_sample_ipt, i, opts.thres_int, opts.test_int)
                    feed = {net.xa_sample: xa_sample_ipt, net._b_sample: _b_sample_ipt}
                    x_sample_opt_list.append(sess.run(net.x_sample, feed))
                sample = np.concatenate(x_sample_opt_list, 2)
                sheet = os.path.join(output, "sample_training", it_name.format(epoch, it_in_epoch) + ".jpg")
                imwrite(immerge(sample, n_sample, 1), sheet)

        # Erratum E87: the print saves in a `finally`, which fails itself for want of names when start-up has failed.
        it = int(sess.run(it_cnt))
        epoch, it_in_epoch = divmod(max(it - 1, 0), it_per_epoch)
        print("Model is saved at %s!" % this.save(saver, sess, it, it_name.format(epoch, it_in_epoch + 1) + ".ckpt"))
        summary_writer.close()
        record = this.record("listing 10-6", celeba.describe(path, len(tr_data)))
        record.metric("iterations", it)
        if sheet:
            record.file(sheet, "picture", "Original, rebuilt, each attribute flipped", "原图、重建图、逐一翻转各属性")
        record.save()


if __name__ == "__main__":
    options.run(main)
