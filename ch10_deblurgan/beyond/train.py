"""Trains a deblurring generator beyond the print: other heads, losses and crops, in one graph, with scores after each epoch.

Preset cpu is what one core can learn in little more than an hour: 24 filters, 4 blocks, random 80×80 crops of the pictures
and of smaller copies of them, the paper's head, no normalisation, skips, the pixels' absolute difference plus half
of 1 − SSIM as loss; what is scored and kept is a moving average of the weights. Preset printed trains the networks and
losses of listings 10-1 and 10-2; with ``--fast true --recompute true`` in less time and less memory.

Reads: pairs ``image/train/{A,B}``, ``image/val`` or else ``image/test`` for PSNR and SSIM after each epoch, by which the best
one is chosen (by those of ``test``, their scores flatter afterwards: ``evaluate.py`` says so); VGG16's weights where
``--perceptual-weight`` is not 0. Writes into the run folder: ``weights/generator_last.h5``, ``generator_best.h5``,
``discriminator_last.h5``, ``log.txt``, ``history.json``, ``checkpoints/`` (the same command goes on from there), ``summaries/``
for TensorBoard and a record. Time on two cores: tiny 20 s, cpu an hour or more. Next: ``evaluate.py``, ``restore.py``.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace

import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K

from ch10_deblurgan.beyond import fast, generator, kernels, losses, tiles
from ch10_deblurgan.beyond.evaluate import scores
from ch10_deblurgan.beyond.pairs import PairReader
from ch10_deblurgan.code_10_01_models import discriminator_model
from ch10_deblurgan.code_10_02_train import wasserstein_loss
from common import cluster, datasets, files, images, keras_weights, options, run
from common.cluster import ALONE
from common.errors import UserError
from common.normalization import InstanceNormalization
from common.options import Value
from data import gopro, vgg16

CRITICS = {  # the arguments of `discriminator_model`
    "printed": dict(),
    # instance norm, because the gradient penalty is one of each picture alone
    "wgan-gp": dict(norm=InstanceNormalization, last=None),
}
VALUES = [
    Value("epoch_num", 100, "passes over the pairs", tiny=2, printed=500, low=1, fixed=False),
    Value("batch_size", 2, "crops in a batch", tiny=4, printed=4, low=1, high=1024),
    Value("learning_rate", 1e-3, "of Adam", printed=1e-4, low=0.0, high=1.0),
    Value(
        "decay_from",
        35,
        "epoch from which the learning rate falls linearly to 0 at the end; 0: never",
        tiny=0,
        printed=0,
        low=0,
    ),
    Value("crop", 80, "side of random square crops; 0: whole pictures", tiny=32, printed=0, low=0, high=4096),
    Value("crops_per_pair", 8, "crops of each pair in an epoch", tiny=1, printed=1, low=1, high=100000),
    Value(
        "synthesize",
        0.25,
        "share of crops whose blur is made anew from the sharp picture",
        printed=0.0,
        low=0.0,
        high=1.0,
    ),
    Value("max_blur", 16.0, "longest such blur in pixels", tiny=6.0, low=1.0, high=200.0),
    Value("pixel_weight", 1.0, "weight of the pixels' mean absolute difference", tiny=10.0, printed=0.0, low=0.0),
    Value("ssim_weight", 0.5, "weight of 1 - SSIM, which holds on to edges", printed=0.0, low=0.0),
    Value("perceptual_weight", 0.0, "weight of the VGG loss", tiny=100.0, printed=100.0, low=0.0),
    Value(
        "adversarial_weight",
        0.0,
        "weight of the critic; 0: nothing is trained but the generator",
        tiny=1.0,
        printed=1.0,
        low=0.0,
    ),
    Value("fast", True, "the same mathematics arranged for a processor (fast.py): quicker", printed=False),
    Value(
        "recompute",
        False,
        "less memory (but for --skips): the generator is run again, piece by piece, for its gradients",
    ),
    Value("height", 360, "rows of whole pictures", tiny=32, low=4, high=4096, more=True),
    Value("width", 640, "columns of whole pictures", tiny=48, low=4, high=4096, more=True),
    Value(
        "max_rows",
        360,
        "with crops: larger pictures are halved to at most so many rows; 0: as they are",
        printed=0,
        low=0,
        more=True,
    ),
    Value("varied_sizes", True, "crops also come from smaller copies of the pictures", printed=False, more=True),
    Value("critic", "wgan-gp", "kind of critic", printed="printed", choices=sorted(CRITICS), more=True),
    Value("critic_updates", 5, "steps of the critic to one of the generator", tiny=2, low=1, more=True),
    Value("ndf", 24, "filters of the critic's first layer", tiny=8, printed=64, low=1, high=1024, more=True),
    Value("dropout", False, "dropout in the residual blocks", printed=True, more=True),
    Value(
        "vgg",
        "printed",
        "input scaling of VGG16 (random: no weights)",
        tiny="random",
        choices=losses.SCALINGS,
        more=True,
    ),
    Value(
        "average",
        0.999,
        "decay of the moving average that is scored and saved; 0: the generator itself",
        tiny=0.9,
        printed=0.0,
        low=0.0,
        high=0.999999,
        more=True,
    ),
    Value(
        "best_ssim",
        50.0,
        "the best epoch has the highest PSNR in dB + this times SSIM",
        tiny=0.0,
        printed=0.0,
        low=0.0,
        more=True,
    ),
    Value("validate", 20, "at most so many pairs are scored after each epoch", low=1, more=True, fixed=False),
    Value(
        "report_every", 100, "batches between two lines of losses", tiny=10, printed=10, low=1, more=True, fixed=False
    ),
] + generator.VALUES


# ------------------------------------------------------------------------------------------- the graph
def build(opts, image_shape, peers=ALONE):
    """Generator, critic, losses and training steps for one session.

    The print trains through two Keras models and lets Keras choose the learning phase; here the same steps stand in one
    graph, and each call of a network says whether it trains.

    Args:
      opts: a namespace with the names of ``VALUES``, and ``vgg_file`` where there is a perceptual loss (None: random).
      image_shape: (height, width) of the training pictures.
      peers: the other workers, with whom gradients are averaged.
    """
    net = SimpleNamespace(critic=None, d_steps=[], g_losses={})
    shape = [None, image_shape[0], image_shape[1], 3]
    net.blurred = tf.placeholder(tf.float32, shape, "blurred")
    net.sharp = tf.placeholder(tf.float32, shape, "sharp")
    net.generated = tf.placeholder(tf.float32, shape, "generated")
    net.learning_rate = tf.placeholder_with_default(np.float32(opts.learning_rate), [], "learning_rate")
    net.epoch, net.batch, net.step, net.critic_step = (
        tf.Variable(0, trainable=False, name=name, dtype=tf.int64) for name in ("epoch", "batch", "step", "critic_step")
    )

    net.generator = generator.build(vars(opts), opts.dropout)
    net.photo = tf.placeholder(tf.float32, [None, None, None, 3], "photo")
    net.restored, _ = fast.applied(net.generator, net.photo, False, opts.fast)
    if opts.recompute:
        pieces = fast.Recomputed(net.generator, net.blurred, opts.fast, net.step)
        fake, g_updates = pieces.output, pieces.updates
    else:
        fake, g_updates = fast.applied(net.generator, net.blurred, True, opts.fast, net.step)

    g_loss = 0.0
    if opts.pixel_weight:  # PSNR's own currency
        net.g_losses["pixel"] = tf.reduce_mean(tf.abs(net.sharp - fake))
        g_loss += opts.pixel_weight * net.g_losses["pixel"]
    if opts.ssim_weight:  # where the pixels' mean error would rather blur (Zhao et al., arXiv 1511.08861)
        net.g_losses["structure"] = losses.structure_loss(net.sharp, fake)
        g_loss += opts.ssim_weight * net.g_losses["structure"]
    if opts.perceptual_weight:
        features = losses.vgg_features(image_shape, opts.vgg, opts.vgg_file, opts.fast)
        net.vgg = features.model
        content = partial(losses.feature_loss, features)
        sparing = opts.fast or opts.recompute
        net.g_losses["perceptual"] = (
            fast.one_picture_at_a_time(content, net.sharp, fake) if sparing else content(net.sharp, fake)
        )
        g_loss += opts.perceptual_weight * net.g_losses["perceptual"]
    if opts.adversarial_weight:
        net.critic = discriminator_model(image_shape, ndf=opts.ndf, **CRITICS[opts.critic])
        net.d_steps = critic_steps(net, opts, peers)
        # the critic is frozen here: its weights are not in var_list and its averages are not updated
        value, _ = fast.applied(net.critic, fake, True, opts.fast)
        net.g_losses["adversarial"] = wasserstein_loss(tf.ones_like(value), value)
        g_loss += opts.adversarial_weight * net.g_losses["adversarial"]
    net.g_losses["total"] = tf.convert_to_tensor(g_loss)

    optimizer = tf.train.AdamOptimizer(net.learning_rate, 0.9, 0.999, 1e-8, name="adam_g")
    weights = net.generator.trainable_weights
    with tf.control_dependencies(g_updates):
        if opts.recompute:
            gradients = pieces.gradients(weights, tf.gradients(g_loss, fake)[0])
        else:
            gradients = tf.gradients(g_loss, weights, gate_gradients=True)
        net.g_step = optimizer.apply_gradients(zip(peers.mean(gradients), weights), global_step=net.step)
    net.averages = []
    if opts.average:  # what single batches do to the weights evens out (Polyak averaging); see `averaged`
        mean = tf.train.ExponentialMovingAverage(opts.average, num_updates=net.step)  # at first a shorter memory
        with tf.control_dependencies([net.g_step]):
            net.g_step = mean.apply(net.generator.weights)
        net.averages = [mean.average(weight) for weight in net.generator.weights]
    return net


def critic_steps(net, opts, peers):
    """The critic's training: as printed a step on real, then one on fake pictures; WGAN-GP takes both at once.

    Erratum E57: the printed critic's loss cannot pass −0.5, and once there it gives no gradient; WGAN-GP's has no such bound.

    Returns:
      A list of (operation, [losses whose mean is the critic's]).
    """
    optimizer = tf.train.AdamOptimizer(net.learning_rate, 0.9, 0.999, 1e-8, name="adam_d")
    weights = net.critic.trainable_weights

    def train(loss, updates):
        with tf.control_dependencies(updates):
            gradients = peers.mean(tf.gradients(loss, weights, gate_gradients=True))
            return optimizer.apply_gradients(zip(gradients, weights), global_step=net.critic_step)

    real, real_updates = fast.applied(net.critic, net.sharp, True, opts.fast)
    fake, fake_updates = fast.applied(net.critic, net.generated, True, opts.fast)
    real_loss, fake_loss = wasserstein_loss(tf.ones_like(real), real), wasserstein_loss(-tf.ones_like(fake), fake)
    if opts.critic == "printed":
        return [(train(real_loss, real_updates), real_loss), (train(fake_loss, fake_updates), fake_loss)]

    def critic(pictures):
        return fast.applied(net.critic, pictures, True, opts.fast)[0]

    penalty = losses.gradient_penalty(critic, net.sharp, net.generated, tf.stack([net.critic_step, 1]))
    loss = real_loss + fake_loss + 10.0 * penalty
    return [(train(loss, real_updates + fake_updates), 0.5 * (real_loss + fake_loss))]


@contextmanager
def averaged(sess, net):
    """While it lasts, the generator has its averaged weights (where there are any); then the trained ones again."""
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


# ------------------------------------------------------------------------------------------- training
def batch_count(reader, opts, peers):
    """Batches of an epoch. The last one may be smaller; with several workers all have whole ones, and the rest is left out."""
    pictures = len(reader.pairs) * opts.crops_per_pair
    if peers.count == 1:
        return -(-pictures // opts.batch_size)
    if pictures < opts.batch_size * peers.count:
        raise UserError("%d crops an epoch are less than a batch for each of %d workers" % (pictures, peers.count))
    return pictures // (opts.batch_size * peers.count)


def batches(reader, opts, epoch, first=0, peers=ALONE):
    """The batches ``first``, ``first + 1`` … of an epoch, each read while the one before it is trained on.

    With several workers each takes its share of a batch as many times as large: number 0 of it is the chief's, and so on.
    """
    order = reader.order(epoch, opts.crops_per_pair)
    count = batch_count(reader, opts, peers)

    def read(number):
        return reader.batch(epoch, order, number * peers.count + peers.task, opts.batch_size)

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(read, first)
        for number in range(first, count):
            current = following.result()
            if number + 1 < count:
                following = pool.submit(read, number + 1)
            yield current


def rate_of(opts, epoch):
    """The learning rate of an epoch; it stays as it is where ``decay_from`` lies behind the last."""
    if not opts.decay_from or epoch < opts.decay_from:
        return opts.learning_rate
    return opts.learning_rate * (opts.epoch_num - epoch) / float(opts.epoch_num - opts.decay_from)


def train_step(sess, net, opts, blurred, sharp, learning_rate):
    """``critic_updates`` steps of the critic (where there is one), one of the generator: losses by name (``d`` the critic's)."""
    found = {}
    feed = {net.blurred: blurred, net.sharp: sharp, net.learning_rate: learning_rate}
    if net.critic is not None:
        feed[net.generated] = sess.run(net.restored, {net.photo: blurred})
        values = []
        for _ in range(opts.critic_updates):
            values += [sess.run(step, feed)[1] for step in net.d_steps]
        found["d"] = np.mean(values)
    found.update(sess.run([net.g_losses, net.g_step], feed)[0])
    return found


def train_epoch(sess, net, opts, reader, epoch, first, this, peers=ALONE):
    """The batches of an epoch from ``first`` on: (mean losses by name, batches done in all, whether that is the whole epoch)."""
    sums, done = {}, first
    count = batch_count(reader, opts, peers)
    with this.bar(total=count, initial=first, desc="epoch %d" % epoch, unit="batch") as bar:
        for blurred, sharp in batches(reader, opts, epoch, first, peers):
            found = train_step(sess, net, opts, blurred, sharp, rate_of(opts, epoch))
            this.check(done, **{"%s_loss" % name: value for name, value in found.items()})
            for name, value in found.items():
                sums[name] = sums.get(name, 0.0) + float(value)
            done += 1
            bar.update()
            if done % opts.report_every == 0:
                means = "  ".join("%s %.5f" % (name, sums[name] / (done - first)) for name in sorted(sums))
                bar.write("epoch %d batch %d  %s" % (epoch, done, means))
            if this.stopping:
                break
    return {name: value / (done - first) for name, value in sums.items()}, done, done == count


def validate(sess, net, pairs, reshape=None):
    """Mean PSNR and SSIM of the restored pictures of ``pairs``, and the first pair as [blurred, restored, sharp].

    ``net`` None: of the blurred pictures themselves, what a restored one has to beat.
    """
    found, first = [], None
    for paths in pairs:
        blurred, sharp = (images.read_rgb(path) for path in paths)
        if reshape is not None:
            blurred, sharp = images.resize(blurred, *reshape), images.resize(sharp, *reshape)
        result = blurred
        if net is not None:
            result = tiles.restore_picture(lambda v: sess.run(net.restored, {net.photo: v}), blurred, 1280, 64)
        found.append(scores(sharp, result))
        first = first or [blurred, result, sharp]
    return np.mean(found, axis=0), first


def selection_score(row, best_ssim):
    """What the best epoch has most of: PSNR in dB + ``best_ssim`` × SSIM of the held-out pairs.

    With 50, as in preset ``cpu``, 0.02 of SSIM weigh as much as 1 dB.
    """
    return row["psnr"] + best_ssim * row["ssim"]


def save_weights(net, folder, best):
    """``generator_last.h5`` (and ``generator_best.h5``), ``discriminator_last.h5`` in ``folder``/weights, each whole or none."""
    names = [(net.generator, "generator_last.h5")] + ([(net.generator, "generator_best.h5")] if best else [])
    for model, name in names + ([(net.critic, "discriminator_last.h5")] if net.critic is not None else []):
        keras_weights.save(model, os.path.join(folder, "weights", name))


def read_history(folder, epochs):
    """The first ``epochs`` rows of ``history.json``; UserError when it is damaged."""
    path = os.path.join(folder, "history.json")
    if not epochs or not os.path.exists(path):
        return []
    rows = files.read_json(path, list)
    numbers = ("epoch", "psnr", "ssim", "total", "minutes")
    if not all(isinstance(row, dict) and all(isinstance(row.get(n), (int, float)) for n in numbers) for row in rows):
        raise UserError("%s is damaged: remove it (the training goes on without its history)" % path)
    return [row for row in rows if row["epoch"] < epochs]


def write_log(folder, history):
    """``history.json`` and, in the book's form ``epoch - dloss - gloss``, ``log.txt``: one line an epoch, also when resumed."""
    options.write_json(os.path.join(folder, "history.json"), history)
    with files.atomic(os.path.join(folder, "log.txt"), "w") as stream:
        for row in history:
            stream.write("%d - %s - %s\n" % (row["epoch"], row.get("d", ""), row["total"]))


def check_choices(opts):
    """UserError for values that do not go together."""
    if opts.crop % 4 or (not opts.crop and (opts.height % 4 or opts.width % 4)):
        raise UserError(
            "training pictures must have sides that are multiples of 4: mend --crop or --height and --width"
        )
    side = opts.crop or min(opts.height, opts.width)
    if opts.perceptual_weight and side < 32:
        raise UserError("pictures of side %d are too small for VGG16: 32 at least, or --perceptual-weight 0" % side)
    if opts.ssim_weight and side < 12:
        raise UserError("pictures of side %d are too small for SSIM: 12 at least, or --ssim-weight 0" % side)
    if not (opts.perceptual_weight or opts.adversarial_weight or opts.pixel_weight or opts.ssim_weight):
        raise UserError("all losses have weight 0: nothing would be trained")


def add_options(parser):
    cluster.add_options(parser)
    parser.add_argument("--vgg-dir", help="folder of VGG16's weights [$BOOK_DATA_DIR/vgg16, then data/vgg16]")
    parser.add_argument(
        "--start-from", metavar="FILE", help="weights of a generator to start from, e.g. of a first phase"
    )


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add_options, base="cpu")
    check_choices(opts)
    peers = cluster.join(opts)
    folder = gopro.image_folder(opts)
    train_pairs = gopro.find_pairs(os.path.join(folder, "train"))
    held_out = opts.held_out = "val" if gopro.has_split(folder, "val") else "test"  # kept in the record
    val_pairs = gopro.find_pairs(os.path.join(folder, held_out))[: opts.validate]
    image_shape = (opts.crop, opts.crop) if opts.crop else (opts.height, opts.width)
    reshape = None if opts.crop else image_shape
    opts.vgg_file = vgg16.find(opts.vgg_dir) if opts.perceptual_weight and opts.vgg != "random" else None
    before, _ = validate(None, None, val_pairs, reshape)
    print(
        "%d training pairs, %d of %s: blurred PSNR %.2f dB, SSIM %.4f"
        % (len(train_pairs), len(val_pairs), held_out, before[0], before[1])
    )
    if held_out == "test":
        print("there is no val: the best epoch is chosen by the test pairs, so their scores will flatter it")
    reader = PairReader(
        train_pairs, image_shape, opts.crop, opts.synthesize, opts.max_blur, opts.max_rows, opts.seed, opts.varied_sizes
    )
    kernels.use_threads(opts.threads)
    with peers.run(opts) as this, peers.session(opts.threads) as sess:
        K.set_session(sess)
        net = build(opts, image_shape, peers)
        saver = tf.train.Saver([v for v in tf.global_variables() if not v.name.startswith("block")], max_to_keep=3)
        run.initialize_uninitialized(sess)
        if opts.start_from and not run.checkpoints(this.checkpoint_dir):
            generator.load_into(net.generator, opts.start_from)
            print("generator starts from %s" % opts.start_from)
        elif opts.start_from:
            print("the training goes on: --start-from is of its beginning")
        this.restore(saver, sess)
        peers.share(sess)
        start, first = (int(value) for value in sess.run([net.epoch, net.batch]))
        history = read_history(opts.output_dir, start)
        writer = tf.summary.FileWriter(os.path.join(opts.output_dir, "summaries"))
        picture = tf.placeholder(tf.uint8, [1, None, None, 3])
        picture_summary = tf.summary.image("blurred_restored_sharp", picture)
        record = this.record("listing 10-2, beyond", data_line(folder, train_pairs, val_pairs))
        for epoch in this.steps(start, opts.epoch_num, unit="epoch"):
            began = time.time()
            row, done, whole = train_epoch(sess, net, opts, reader, epoch, first, this, peers)
            first = 0
            if not whole:
                net.batch.load(done, sess)
                this.save(saver, sess, int(sess.run(net.step)))
                break
            with averaged(sess, net):
                (psnr, ssim), panel = validate(sess, net, val_pairs, reshape)
                row.update(
                    epoch=epoch, psnr=float(psnr), ssim=float(ssim), minutes=round((time.time() - began) / 60, 2)
                )
                score = selection_score(row, opts.best_ssim)
                best = score > max([selection_score(old, opts.best_ssim) for old in history] or [-np.inf])
                save_weights(net, opts.output_dir, best)
            history.append(row)
            print(
                "epoch %d: %s PSNR %.2f dB (%+.2f), SSIM %.4f (%+.4f)  total %.5f%s"
                % (
                    epoch,
                    held_out,
                    psnr,
                    psnr - before[0],
                    ssim,
                    ssim - before[1],
                    row["total"],
                    "  best" if best else "",
                ),
                flush=True,
            )
            write_log(opts.output_dir, history)
            tags = sorted(set(row) - {"epoch", "minutes"})
            writer.add_summary(
                tf.Summary(value=[tf.Summary.Value(tag=tag, simple_value=row[tag]) for tag in tags]), epoch
            )
            writer.add_summary(sess.run(picture_summary, {picture: np.hstack(panel)[np.newaxis]}), epoch)
            writer.flush()
            net.epoch.load(epoch + 1, sess)
            net.batch.load(0, sess)
            this.save(saver, sess, int(sess.run(net.step)))
            write_record(record, opts, history, before, held_out, panel)
        writer.close()


def data_line(folder, train_pairs, val_pairs):
    kind = "generated sample" if datasets.is_sample(os.path.dirname(folder)) else "real pairs"
    return "%s: %d training, %d held out" % (kind, len(train_pairs), len(val_pairs))


def write_record(record, opts, history, before, held_out, panel):
    """The run's figures and the first held-out pair as pictures."""
    for place in ("vgg_dir", "vgg_file", "start_from"):  # where files lay says nothing about the result
        record.content["settings"].pop(place, None)
    record.content["tables"], record.content["files"] = [], []
    best = max(history, key=lambda row: selection_score(row, opts.best_ssim))
    record.metric("epochs", len(history))
    record.metric("best epoch", best["epoch"], note="the highest PSNR + %g × SSIM" % opts.best_ssim)
    record.metric("training time", round(sum(row["minutes"] for row in history), 1), "minutes")
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
        "Losses and scores on the pairs of '%s' (never trained on; the best epoch is chosen by them)" % held_out,
        columns,
        [[round(row[key], 5) if key in row else "" for key in columns] for row in history],
    )
    folder = os.path.join(opts.output_dir, "pictures")
    names = ("blurred", "restored", "sharp")
    paths = [images.write_png(os.path.join(folder, name + ".png"), pixels) for name, pixels in zip(names, panel)]
    caption = "First held-out picture: blurred and restored", "第一张留出图片：模糊与复原"
    record.file(paths[1], "comparison", *caption, before=paths[0], after=paths[1])
    record.save()


if __name__ == "__main__":
    options.run(main)
