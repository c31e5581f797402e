"""Listing 10-2, sections 10.2.6 to 10.2.9: trains the DeblurGAN.

Reads: pairs ``image/train/{A,B}`` (A blurred, B sharp, equal names; ``ext_10_2_1_layout.py`` makes them), ``image/val`` or
else ``image/test`` for the PSNR and SSIM after each epoch, and VGG16's ImageNet weights (``python -m data fetch vgg16``).
Writes into the run folder: ``weights/generator_last.h5``, ``generator_best.h5`` (``--best-ssim`` says what is best),
``discriminator_last.h5``, ``log.txt``, ``history.json``, ``checkpoints/`` (everything, the optimizers and averages too: the next
call goes on from there),
``summaries/`` for TensorBoard, ``settings.json`` and a record.

Time on two cores: preset tiny 20 s; cpu seventy minutes; book 50 batches of 4 whole 360×640 pictures an epoch, an hour or more
each, 500 of them: that one wants a graphics card. Next: ``code_10_03_deblur.py``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import time
from contextlib import contextmanager
from types import SimpleNamespace

import h5py
import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K
from tensorflow.keras.applications.vgg16 import VGG16
from tensorflow.keras.models import Model

from ch10_deblurgan import kernels
from ch10_deblurgan import pairs as pair_files
from ch10_deblurgan.code_10_01_models import (
    CRITICS,
    GENERATOR_SETTINGS,
    HEADS,
    NORMS,
    discriminator_model,
    generator_model,
    n_blocks_gen,
    ndf,
    ngf,
)
from ch10_deblurgan.fast import Recomputed, one_picture_at_a_time, vgg_by_winograd
from common import datasets, images, options, training
from common.errors import UserError
from common.records import Record

RESHAPE = (360, 640)
epoch_num = 500
batch_size = 4
critic_updates = 5

VGG_SCALINGS = ("printed", "keras", "torchvision", "random")
VGG_LAYERS = {  # the layers up to block3_conv3 and their kernels
    "block1_conv1": (3, 3, 3, 64),
    "block1_conv2": (3, 3, 64, 64),
    "block2_conv1": (3, 3, 64, 128),
    "block2_conv2": (3, 3, 128, 128),
    "block3_conv1": (3, 3, 128, 256),
    "block3_conv2": (3, 3, 256, 256),
    "block3_conv3": (3, 3, 256, 256),
}

PRESETS = {
    "book": dict(
        height=RESHAPE[0],
        width=RESHAPE[1],
        epoch_num=epoch_num,
        batch_size=batch_size,
        critic_updates=critic_updates,
        learning_rate=1e-4,
        decay_from=0,
        ngf=ngf,
        n_blocks=n_blocks_gen,
        ndf=ndf,
        norm="switch",
        head="printed",
        end_kernel=7,
        skips=False,
        dropout=True,
        critic="printed",
        vgg="printed",
        perceptual_weight=100.0,
        adversarial_weight=1.0,
        pixel_weight=0.0,
        ssim_weight=0.0,
        average=0.0,
        best_ssim=0.0,
        crop=0,
        crops_per_pair=1,
        synthesize=0.0,
        max_blur=16.0,
        max_rows=0,
        varied_sizes=False,
        validate=20,
        report_every=10,
        fast=False,
        recompute=False,
    ),
    "cpu": dict(
        epoch_num=100,
        batch_size=2,
        learning_rate=1e-3,
        decay_from=35,
        ngf=24,
        n_blocks=4,
        ndf=24,
        norm="none",
        head="residual",
        end_kernel=3,
        skips=True,
        dropout=False,
        critic="wgan-gp",
        perceptual_weight=0.0,
        adversarial_weight=0.0,
        pixel_weight=1.0,
        ssim_weight=0.5,
        average=0.999,
        best_ssim=50.0,
        crop=80,
        crops_per_pair=8,
        synthesize=0.25,
        max_rows=360,
        varied_sizes=True,
        report_every=100,
        fast=True,
    ),
    "tiny": dict(
        height=32,
        width=48,
        epoch_num=3,
        batch_size=4,
        critic_updates=2,
        learning_rate=1e-3,
        ngf=8,
        n_blocks=1,
        ndf=8,
        head="residual",
        vgg="random",
        pixel_weight=10.0,
        average=0.9,
        crop=32,
        crops_per_pair=4,
        synthesize=0.25,
        max_blur=6.0,
        report_every=10,
    ),
}
HELP = dict(
    height="rows of a training picture (whole pictures)",
    width="columns of a training picture",
    decay_from="epoch from which the learning rate falls linearly to 0 at the last epoch; 0: never",
    norm="normalisation of the generator: %s" % ", ".join(sorted(NORMS)),
    head="end of the generator: %s" % ", ".join(HEADS),
    end_kernel="size of the generator's last convolution",
    skips="the first layers' results are added to the last ones' of equal size",
    dropout="dropout in the residual blocks",
    critic="critic: %s" % ", ".join(CRITICS),
    vgg="input scaling of VGG16: %s (random: no weights, for trying out)" % ", ".join(VGG_SCALINGS),
    perceptual_weight="weight of the VGG loss; 0: without",
    adversarial_weight="weight of the critic; 0: without, nothing is trained but the generator",
    pixel_weight="weight of the mean absolute difference of the pixels; 0: without",
    ssim_weight="weight of 1 - SSIM, which holds on to edges; 0: without",
    average="the generator that is scored and saved is a moving average of the trained one with this decay; 0: itself",
    best_ssim="the best epoch has the highest PSNR in dB + this times SSIM; 0: PSNR alone",
    crop="side of random square crops; 0: whole pictures",
    crops_per_pair="crops of each pair in an epoch",
    synthesize="share of crops whose blur is made anew from the sharp picture",
    max_blur="longest such blur in pixels",
    max_rows="with crops: larger pictures are halved to at most so many rows; 0: as they are",
    varied_sizes="crops also come from smaller copies of the pictures, whose blur is shorter",
    validate="at most so many pairs are scored after each epoch",
    report_every="batches between two lines of losses",
    fast="the same mathematics arranged for a processor (fast.py): quicker",
    recompute="less memory (but for --skips): the generator is run again, piece by piece, for its gradients (fast.py)",
)


# ------------------------------------------------------------------------------------------- losses (10.2.7, 10.2.8)
def wasserstein_loss(y_true, y_pred):
    """Mean of label times critic value (10.2.7); labels: +1 real, −1 fake. A lower value of the critic means 'sharp'."""
    return K.mean(y_true * y_pred)


def vgg_input(pictures, scaling):
    """Pictures in −1…1, RGB, as VGG16's weights want them.

    Erratum E55: printed weights were trained on BGR, 0…255, mean subtracted (``keras``), but are fed −1…1 RGB
    (``printed``). ``torchvision`` is for that project's weights.
    """
    if scaling == "keras":
        return (pictures + 1.0) * 127.5 - tf.constant([123.68, 116.779, 103.939])
    if scaling == "torchvision":
        return ((pictures + 1.0) / 2.0 - tf.constant([0.485, 0.456, 0.406])) / tf.constant([0.229, 0.224, 0.225])
    return pictures


def vgg_features(image_shape, scaling="printed", weights_file=None, fast=False):
    """VGG16 up to ``block3_conv3`` (10.2.8), frozen: pictures −1…1 → features, as a Python function of a tensor.

    Args:
      image_shape: (height, width, 3).
      scaling: one of ``VGG_SCALINGS``.
      weights_file: h5 file of the ImageNet weights; None leaves them random.
      fast: its convolutions by Winograd's method (extra).

    Raises:
      UserError: the file is missing, damaged, or of another network.
    """
    vgg = VGG16(include_top=False, weights=None, input_shape=image_shape)
    model = Model(inputs=vgg.input, outputs=vgg.get_layer("block3_conv3").output)
    model.trainable = False
    if weights_file is not None:
        check_vgg_file(weights_file)
        model.load_weights(
            weights_file, by_name=True
        )  # the seven layers that are used; their presence has been checked

    network = vgg_by_winograd(model) if fast else model

    def features(pictures):
        x = vgg_input(pictures, scaling)
        return network(x[..., ::-1] if scaling == "keras" else x)

    features.model = model
    return features


def check_vgg_file(path):
    """UserError unless ``path`` is an h5 file with the kernels of VGG16's first seven convolutions."""
    try:
        with h5py.File(path, "r") as stream:
            names = [name.decode("utf-8") for name in stream.attrs.get("layer_names", [])]
            for layer, shape in VGG_LAYERS.items():
                group = stream[layer] if layer in names else {}
                weights = [name.decode("utf-8") for name in group.attrs["weight_names"]] if group else []
                if shape not in [group[name].shape for name in weights]:
                    raise UserError(
                        "%s holds no kernel %s of %s: it is not a VGG16 weights file" % (path, shape, layer)
                    )
    except (OSError, KeyError) as error:
        raise UserError("%s is not a readable h5 file (%s); fetch it again" % (path, error))


def find_vgg_file(data_dir=None):
    """The first h5 file of the data set ``vgg16``."""
    folder = datasets.find("vgg16", data_dir, required=["vgg16*notop.h5"])
    return os.path.join(folder, sorted(name for name in os.listdir(folder) if name.endswith("notop.h5"))[0])


def perceptual_loss(y_true, y_pred, image_shape, features=None):
    """Mean square difference of the VGG16 features (10.2.8) of two batches of pictures, −1…1."""
    features = features or vgg_features(image_shape, "printed", find_vgg_file())
    return K.mean(K.square(features(y_true) - features(y_pred)))


def structure_loss(y_true, y_pred, window=7, stride=2):
    """Extra: 1 − SSIM of two batches, −1…1, in flat windows every other pixel (tf.image.ssim costs as much as the network)."""
    channels = y_true.shape[-1].value
    moments = tf.concat([y_true, y_pred, y_true * y_true, y_pred * y_pred, y_true * y_pred], axis=-1)
    means = tf.nn.avg_pool(moments, [1, window, window, 1], [1, stride, stride, 1], "VALID")
    x, y, xx, yy, xy = tf.split(means, [channels] * 5, axis=-1)
    # SSIM's constants for a data range of 2; its luminance part is taken as of pictures in 0…2
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    covariance, variances = xy - x * y, xx - x * x + yy - y * y
    x, y = x + 1.0, y + 1.0
    similarity = (2 * x * y + c1) * (2 * covariance + c2) / ((x * x + y * y + c1) * (variances + c2))
    return 1.0 - tf.reduce_mean(similarity)


def gradient_penalty(critic, real, fake):
    """Extra: WGAN-GP's penalty (arXiv 1704.00028): (‖gradient at a point between real and fake‖ − 1)², mean."""
    share = tf.random_uniform(tf.stack([tf.shape(real)[0], 1, 1, 1]))
    between = real + share * (fake - real)
    gradient = tf.gradients(critic(between), between)[0]
    length = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=[1, 2, 3]) + 1e-12)
    return tf.reduce_mean(tf.square(length - 1.0))


# ------------------------------------------------------------------------------------------- data (10.2.6)
def make_dataset(pairs, opts, seed):
    """Shuffled batches of (blurred, sharp), −1…1: ``[batch, h, w, 3]`` each; the last batch may be smaller."""
    reader = pair_files.PairReader(
        pairs,
        (opts.height, opts.width),
        opts.crop,
        opts.synthesize,
        opts.max_blur,
        opts.max_rows,
        seed,
        opts.varied_sizes,
    )
    height, width = (opts.crop, opts.crop) if opts.crop else (opts.height, opts.width)

    def _parse(index):
        blurred, sharp = tf.py_func(reader.read, [index], [tf.float32, tf.float32])
        return tf.reshape(blurred, [height, width, 3]), tf.reshape(sharp, [height, width, 3])

    dataset = tf.data.Dataset.range(len(pairs)).shuffle(len(pairs), seed=seed)
    return dataset.repeat(opts.crops_per_pair).map(_parse).batch(opts.batch_size).prefetch(2)


# ------------------------------------------------------------------------------------------- the graph (10.2.9)
def with_updates(model, pictures):
    """``model(pictures)`` in training mode and the updates of moving averages that this call brings."""
    before = set(update for layer in model.layers for update in layer.updates)
    output = model(pictures, training=True)
    updates = [update for layer in model.layers for update in layer.updates if update not in before]
    return output, updates


def build(opts, image_shape):
    """Generator, critic, losses and training steps for one session.

    The print trains through two Keras models and lets Keras choose the learning phase; here the same steps stand in one
    graph, and each call of a network says whether it trains.
    """
    net = SimpleNamespace(critic=None, d_steps=[], g_losses={})
    net.blurred = tf.placeholder(tf.float32, [None] + list(image_shape), "blurred")
    net.sharp = tf.placeholder(tf.float32, [None] + list(image_shape), "sharp")
    net.generated = tf.placeholder(tf.float32, [None] + list(image_shape), "generated")
    net.learning_rate = tf.placeholder_with_default(np.float32(opts.learning_rate), [], "learning_rate")
    net.epoch = tf.Variable(0, trainable=False, name="epoch", dtype=tf.int64)
    net.step = tf.Variable(0, trainable=False, name="step", dtype=tf.int64)

    choices = {key: getattr(opts, key) for key in GENERATOR_SETTINGS}
    net.generator = generator_model(
        (None, None, 3), opts.dropout, fast=opts.fast, dropout_seed=net.step if opts.recompute else None, **choices
    )
    net.photo = tf.placeholder(tf.float32, [None, None, None, 3], "photo")
    net.restored = net.generator(net.photo, training=False)
    if opts.recompute:
        pieces = Recomputed(net.generator, net.blurred)
        fake, g_updates = pieces.output, pieces.updates
    else:
        fake, g_updates = with_updates(net.generator, net.blurred)

    g_loss = 0.0
    if opts.pixel_weight:  # Extra: PSNR's own currency
        net.g_losses["pixel"] = tf.reduce_mean(tf.abs(net.sharp - fake))
        g_loss += opts.pixel_weight * net.g_losses["pixel"]
    if opts.ssim_weight:  # Extra: where the pixels' mean error would rather blur (Zhao et al., arXiv 1511.08861)
        net.g_losses["structure"] = structure_loss(net.sharp, fake)
        g_loss += opts.ssim_weight * net.g_losses["structure"]
    if opts.perceptual_weight:
        weights_file = None if opts.vgg == "random" else find_vgg_file(opts.vgg_dir)
        features = vgg_features(image_shape, opts.vgg, weights_file, opts.fast)
        net.vgg = features.model

        def content(y_true, y_pred):
            return perceptual_loss(y_true, y_pred, image_shape, features)

        net.g_losses["perceptual"] = (
            one_picture_at_a_time(content, net.sharp, fake) if opts.fast or opts.recompute else content(net.sharp, fake)
        )
        g_loss += opts.perceptual_weight * net.g_losses["perceptual"]
    if opts.adversarial_weight:
        net.critic = discriminator_model(image_shape, opts.ndf, opts.critic, opts.fast)
        net.d_steps = critic_steps(net, opts)
        # the critic is frozen here: its weights are not in var_list and its averages are not updated
        value = net.critic(fake, training=True)
        # Erratum E56: labels as long as the batch is; the print's arrays of batch_size break on a short last batch
        net.g_losses["adversarial"] = wasserstein_loss(tf.ones_like(value), value)
        g_loss += opts.adversarial_weight * net.g_losses["adversarial"]
    net.g_losses["total"] = tf.convert_to_tensor(g_loss)

    optimizer = tf.train.AdamOptimizer(net.learning_rate, 0.9, 0.999, 1e-8, name="adam_g")
    weights = net.generator.trainable_weights
    with tf.control_dependencies(g_updates):
        if opts.recompute:
            gradients = pieces.gradients(weights, tf.gradients(g_loss, fake)[0])
            net.g_step = optimizer.apply_gradients(zip(gradients, weights), global_step=net.step)
        else:
            net.g_step = optimizer.minimize(g_loss, global_step=net.step, var_list=weights)
    net.averages = []
    if opts.average:  # Extra: what single batches do to the weights evens out (Polyak averaging); see `averaged`
        mean = tf.train.ExponentialMovingAverage(opts.average, num_updates=net.step)  # at first a shorter memory
        with tf.control_dependencies([net.g_step]):
            net.g_step = mean.apply(net.generator.weights)
        net.averages = [mean.average(weight) for weight in net.generator.weights]
    return net


@contextmanager
def averaged(sess, net):
    """Extra: while it lasts, the generator has its averaged weights (where there are any); then the trained ones again."""
    if not net.averages:
        yield
        return
    weights = net.generator.weights
    trained, averages = sess.run([weights, net.averages])
    K.batch_set_value(zip(weights, averages))
    try:
        yield
    finally:
        K.batch_set_value(zip(weights, trained))


def critic_steps(net, opts):
    """The critic's training: as printed a step on real, then one on fake pictures; WGAN-GP takes both at once.

    Erratum E57: the printed critic ends in a sigmoid, so its Wasserstein loss cannot pass −0.5 a step; once there it
    gives no gradient. Kept as printed; ``--critic wgan-gp`` (extra) has no such bound.

    Returns:
      A list of (operation, [losses whose mean is the critic's]).
    """
    optimizer = tf.train.AdamOptimizer(net.learning_rate, 0.9, 0.999, 1e-8, name="adam_d")
    weights = net.critic.trainable_weights

    def train(loss, updates):
        with tf.control_dependencies(updates):
            return optimizer.minimize(loss, var_list=weights)

    real, real_updates = with_updates(net.critic, net.sharp)
    fake, fake_updates = with_updates(net.critic, net.generated)
    real_loss, fake_loss = wasserstein_loss(tf.ones_like(real), real), wasserstein_loss(-tf.ones_like(fake), fake)
    if opts.critic == "printed":
        return [(train(real_loss, real_updates), real_loss), (train(fake_loss, fake_updates), fake_loss)]
    penalty = gradient_penalty(net.critic, net.sharp, net.generated)
    loss = real_loss + fake_loss + 10.0 * penalty
    return [(train(loss, real_updates + fake_updates), 0.5 * (real_loss + fake_loss))]


# ------------------------------------------------------------------------------------------- training (10.2.9)
def pre_train_epoch(sess, iterator, datatensor, net, opts, epoch, stop):
    """One epoch: for each batch ``critic_updates`` times the critic, then once the generator.

    Returns:
      The epoch's mean losses by name (``d`` the critic's; pixel, perceptual, adversarial, total the generator's).
    """
    # Erratum E58: the print logs the mean of [total, perceptual, adversarial] as 'the' generator loss
    sums, batches = {}, 0
    learning_rate = opts.learning_rate
    if opts.decay_from and epoch >= opts.decay_from:
        learning_rate *= (opts.epoch_num - epoch) / float(opts.epoch_num - opts.decay_from)
    sess.run(iterator.initializer)
    bar = training.progress(desc="epoch %d" % epoch, unit="batch", total=opts.batches)
    while not stop.requested:
        try:
            blurred, sharp = sess.run(datatensor)
        except tf.errors.OutOfRangeError:
            break
        losses = {}
        feed = {net.blurred: blurred, net.sharp: sharp, net.learning_rate: learning_rate}
        if net.critic is not None:
            feed[net.generated] = sess.run(net.restored, {net.photo: blurred})
            values = []
            for _ in range(opts.critic_updates):
                values += [sess.run(step, feed)[1] for step in net.d_steps]
            losses["d"] = np.mean(values)
        g_losses, _ = sess.run([net.g_losses, net.g_step], feed)
        losses.update(g_losses)
        training.check_loss(losses["total"], batches, name="generator loss")
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + float(value)
        batches += 1
        bar.update()
        if batches % opts.report_every == 0:
            means = "  ".join("%s %.5f" % (name, sums[name] / batches) for name in sorted(sums))
            tqdm_write("epoch %d batch %d  %s" % (epoch, batches, means))
    bar.close()
    return {name: value / batches for name, value in sums.items()} if batches else {}


def tqdm_write(text):
    """Prints a line without tearing the progress bar."""
    training.tqdm.write(text, file=sys.stdout)
    sys.stdout.flush()


def save_all_weights(d, g, epoch_number, current_loss, folder, best=False):
    """Writes ``generator_last.h5`` (and ``generator_best.h5``), ``discriminator_last.h5`` into ``folder``/weights.

    Erratum E59: the print puts the day into the folder's name and the loss into the file's; listing 10-3 then asks for
    ``generator_499_0.h5``, which a run with the printed losses (about 666) never writes. Here the names are fixed; epoch and
    loss stand in ``history.json``.
    """
    weights = os.path.join(folder, "weights")
    os.makedirs(weights, exist_ok=True)
    names = [(g, "generator_last.h5")] + ([(g, "generator_best.h5")] if best else [])
    for model, name in names + ([(d, "discriminator_last.h5")] if d is not None else []):
        path = os.path.join(weights, name)
        model.save_weights(path + ".part", save_format="h5")
        os.replace(path + ".part", path)
    print("epoch %d: loss %.5f, weights saved%s" % (epoch_number, current_loss, " (best so far)" if best else ""))


def restore(sess, net, pixels):
    """A uint8 picture of any size through the generator (inference mode): padded to multiples of 4, then cropped."""
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % 4), (0, -width % 4), (0, 0)), mode="edge")
    result = sess.run(net.restored, {net.photo: images.from_uint8(padded)[np.newaxis]})[0]
    return images.to_uint8(result[:height, :width])


def validate(sess, net, pairs, reshape=None):
    """Mean PSNR and SSIM of the restored pictures of ``pairs``, and the first pair as [blurred, restored, sharp]."""
    scores, first = [], None
    for blurred, sharp in pairs:
        pictures = [images.read_rgb(path) for path in (blurred, sharp)]
        if reshape is not None:
            pictures = [images.resize(picture, *reshape) for picture in pictures]
        result = restore(sess, net, pictures[0])
        scores.append((images.psnr(pictures[1], result), images.ssim(pictures[1], result)))
        first = first or [pictures[0], result, pictures[1]]
    return np.mean(scores, axis=0), first


def blurred_scores(pairs, reshape=None):
    """Mean PSNR and SSIM of the blurred pictures themselves: what a restored one has to beat."""
    scores = []
    for pair in pairs:
        blurred, sharp = (images.read_rgb(path) for path in pair)
        if reshape is not None:
            blurred, sharp = images.resize(blurred, *reshape), images.resize(sharp, *reshape)
        scores.append((images.psnr(sharp, blurred), images.ssim(sharp, blurred)))
    return np.mean(scores, axis=0)


def merit(row, best_ssim):
    """Extra: what the best epoch has most of: PSNR in dB + ``best_ssim`` × SSIM of the held-out pairs.

    With 50, as in preset ``cpu``, 0.02 of SSIM weigh as much as 1 dB.
    """
    return row["psnr"] + best_ssim * row["ssim"]


def write_log(folder, history):
    """``history.json`` and, in the book's form ``epoch - dloss - gloss``, ``log.txt``.

    Erratum E60: the print only ever appends to log.txt, so a second run's lines follow the first's.
    """
    options.write_json(os.path.join(folder, "history.json"), history)
    with open(os.path.join(folder, "log.txt"), "w", encoding="utf-8") as stream:
        for row in history:
            stream.write("%d - %s - %s\n" % (row["epoch"], row.get("d", ""), row["total"]))


def check_choices(opts):
    """UserError for a value that none of the lists has."""
    choices = dict(norm=sorted(NORMS), head=HEADS, critic=CRITICS, vgg=VGG_SCALINGS)
    for key, allowed in choices.items():
        if getattr(opts, key) not in allowed:
            raise UserError("--%s %s: choose one of %s" % (key, getattr(opts, key), ", ".join(allowed)))
    if opts.crop % 4 or (not opts.crop and (opts.height % 4 or opts.width % 4)):
        raise UserError(
            "training pictures must have sides that are multiples of 4: mend --crop or --height and --width"
        )
    if opts.perceptual_weight and 0 < opts.crop < 32:
        raise UserError("--crop %d is too small for VGG16: 32 at least, or --perceptual-weight 0" % opts.crop)
    if not 0 <= opts.average < 1:
        raise UserError("--average %g: a decay from 0 (none) to less than 1, e.g. 0.999" % opts.average)
    if not (opts.perceptual_weight or opts.adversarial_weight or opts.pixel_weight or opts.ssim_weight):
        raise UserError("all losses have weight 0: nothing would be trained")
    if opts.ssim_weight and 0 < opts.crop < 12:
        raise UserError("--crop %d is too small for SSIM: 12 at least, or --ssim-weight 0" % opts.crop)


def add_options(parser):
    parser.add_argument("--vgg-dir", help="folder of VGG16's weights (default: $BOOK_DATA_DIR/vgg16, then data/vgg16)")
    parser.add_argument("--start-from", help="h5 weights of a generator to start from, e.g. of a first phase")


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="deblurgan", argv=argv, add=add_options, help_texts=HELP)
    check_choices(opts)
    training.start(opts.seed)
    folder = pair_files.image_folder(opts)
    train_pairs = pair_files.find_pairs(os.path.join(folder, "train"))
    held_out = "val" if pair_files.has_split(folder, "val") else "test"
    val_pairs = pair_files.find_pairs(os.path.join(folder, held_out))[: opts.validate]
    image_shape = (opts.crop, opts.crop, 3) if opts.crop else (opts.height, opts.width, 3)
    reshape = None if opts.crop else (opts.height, opts.width)
    opts.batches = -(-len(train_pairs) * opts.crops_per_pair // opts.batch_size)
    before = blurred_scores(val_pairs, reshape)
    print(
        "%d training pairs, %d of %s: blurred PSNR %.2f dB, SSIM %.4f"
        % (len(train_pairs), len(val_pairs), held_out, before[0], before[1])
    )

    checkpoints = os.path.join(opts.output_dir, "checkpoints")
    os.makedirs(checkpoints, exist_ok=True)
    kernels.use_threads(opts.threads)
    with tf.Session(config=training.session_config(opts.threads)) as sess, training.StopSignals() as stop:
        K.set_session(sess)  # one session for Keras and for the steps; the print has two
        net = build(opts, image_shape)
        saved = [v for v in tf.global_variables() if not v.name.startswith("block")]  # VGG16 is never trained
        saver = tf.train.Saver(saved, max_to_keep=3)
        if opts.start_from and not training.checkpoints(checkpoints):
            net.generator.load_weights(opts.start_from)
            print("generator starts from %s" % opts.start_from)
        # Erratum E61: a global initialiser here would throw VGG16's weights away
        training.initialize_uninitialized(sess)
        found = training.restore_newest(saver, sess, checkpoints)
        start, history = int(sess.run(net.epoch)), []
        if found:
            print("resumed from %s at epoch %d" % (os.path.basename(found), start))
            history_file = os.path.join(opts.output_dir, "history.json")
            if os.path.exists(history_file):
                history = [row for row in options.read_json(history_file) if row["epoch"] < start]
        options.save_settings(opts.output_dir, {key: getattr(opts, key) for key in PRESETS["book"]})

        dataset = make_dataset(train_pairs, opts, opts.seed + start)
        iterator = dataset.make_initializable_iterator()
        datatensor = iterator.get_next()
        writer = tf.summary.FileWriter(os.path.join(opts.output_dir, "summaries"))
        advance = tf.assign_add(net.epoch, 1)
        picture = tf.placeholder(tf.uint8, [1, None, None, 3])
        picture_summary = tf.summary.image("blurred_restored_sharp", picture)
        record = Record(opts, "code_10_02_train", "listing 10-2", data_line(folder, train_pairs, val_pairs))
        for place in ("vgg_dir", "start_from"):  # where files lay says nothing about the result
            record.content["settings"].pop(place, None)
        panel = None
        for epoch in range(start, opts.epoch_num):
            began = time.time()
            row = pre_train_epoch(sess, iterator, datatensor, net, opts, epoch, stop)
            if stop.requested:
                saver.save(sess, os.path.join(checkpoints, "model"), global_step=net.step)
                break
            sess.run(advance)
            with averaged(sess, net):
                (psnr, ssim), panel = validate(sess, net, val_pairs, reshape)
                row.update(epoch=epoch, psnr=float(psnr), ssim=float(ssim))
                best = merit(row, opts.best_ssim) > max([merit(old, opts.best_ssim) for old in history] or [-np.inf])
                save_all_weights(net.critic, net.generator, epoch, row["total"], opts.output_dir, best)
            row["minutes"] = round((time.time() - began) / 60, 2)
            history.append(row)
            tqdm_write(
                "epoch %d: %s PSNR %.2f dB (%+.2f), SSIM %.4f (%+.4f)  total %.5f"
                % (epoch, held_out, psnr, psnr - before[0], ssim, ssim - before[1], row["total"])
            )
            write_log(opts.output_dir, history)
            values = [
                tf.Summary.Value(tag=key, simple_value=row[key])
                for key in sorted(row)
                if key not in ("epoch", "minutes")
            ]
            writer.add_summary(tf.Summary(value=values), epoch)
            writer.add_summary(sess.run(picture_summary, {picture: np.hstack(panel)[np.newaxis]}), epoch)
            writer.flush()
            saver.save(sess, os.path.join(checkpoints, "model"), global_step=net.step)
        writer.close()
    if history:
        write_record(record, opts, history, before, held_out, panel)
    stop.leave()
    return 0


def data_line(folder, train_pairs, val_pairs):
    kind = "generated sample" if datasets.is_sample(os.path.dirname(folder)) else "real pairs"
    return "%s: %d training, %d held out" % (kind, len(train_pairs), len(val_pairs))


def write_record(record, opts, history, before, held_out, panel):
    """The run's figures and the first held-out pair as pictures."""
    best = max(history, key=lambda row: merit(row, opts.best_ssim))
    record.metric("epochs", len(history))
    record.metric("best epoch", best["epoch"], note="the highest PSNR + %g × SSIM" % opts.best_ssim)
    record.metric("training time", round(sum(row["minutes"] for row in history), 1), "minutes", note="all sessions")
    record.metric("PSNR of the blurred pictures", round(before[0], 3), "dB")
    record.metric("PSNR of the restored pictures, best epoch", round(best["psnr"], 3), "dB")
    record.metric("SSIM of the blurred pictures", round(before[1], 4))
    record.metric("SSIM of the restored pictures, best epoch", round(best["ssim"], 4))
    if "d" in history[-1]:
        record.metric("critic's loss, last epoch", round(history[-1]["d"], 5), printed="-0.49999")
    if "perceptual" in history[-1]:
        record.metric("perceptual loss, last epoch", round(history[-1]["perceptual"], 5))
    columns = ["epoch", "psnr", "ssim"] + sorted(set(history[-1]) - {"epoch", "psnr", "ssim", "minutes"})
    record.table(
        "Losses and scores on the pairs of '%s' (never trained on)" % held_out,
        columns,
        [[round(row[key], 5) if key in row else "" for key in columns] for row in history],
    )
    if panel is not None:
        folder = os.path.join(opts.output_dir, "pictures")
        paths = [
            images.write_png(os.path.join(folder, n + ".png"), p)
            for n, p in zip(("blurred", "restored", "sharp"), panel)
        ]
        record.file(
            paths[1],
            "comparison",
            "First held-out picture: blurred and restored",
            "第一张留出图片：模糊与复原",
            before=paths[0],
            after=paths[1],
        )
    print("record: %s" % record.save())


if __name__ == "__main__":
    options.run(main)
