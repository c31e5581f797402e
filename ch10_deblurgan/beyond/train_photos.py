"""Trains the wide-view generator (``wide_view.py``) on photos of all kinds and on pairs of blurred and sharp frames.

Reads: ``--photos``, a folder of sharp photos whose blur is made anew for each crop (``photo_crops.py``), and ``--clips``, a
folder with folders ``blur`` and ``sharp`` at any depth (GOPRO, REDS). Of the photos, sorted by name, each sixth is held out:
the first, sixth, … of these for validation, the others for the final scores (``evaluate_photos.py``); clips named by
``--val-clips`` and ``--test-clips`` are held out, and so are single pairs, as in ``gopro_sample/000003``.
Writes into the run folder: ``checkpoints/`` (the next call goes on from there, with the same pictures, which ``data.json``
tells), ``history.json``, ``weights/wide_view.npz`` (the moving average, float16), ``settings.json`` and a record. The scores are
of the moving average.

Two things are learnt, one after the other: with ``--learn kernel`` the estimate of the blur (``blur_kernel.py``), and then, with
``--start-from`` that run's weights, what the network makes of it and of the photo; or, with ``--learn both``, each by its own
loss in the same steps. What is not learnt stays as it is. The scores are those of the finished picture, or, where the kernel
alone is learnt, of the deconvolved one.

The learning rate is constant up to step ``--fall-from`` and then falls to nothing at ``--steps``; both may be changed when a run
goes on, as long as the fall has not begun. Time: some 200 ms of one processor core a crop of 128×128.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf
from scipy.signal import fftconvolve

from ch10_deblurgan.beyond import blur_kernel, kernels, photo_crops, tiles, wide_view
from ch10_deblurgan.ext_10_2_1_layout import check_named_once, find_clips
from ch10_deblurgan.ext_10_2_12_photos import padded, tile_of
from common import images, options, run, same_data, weights
from common.errors import UserError
from common.options import Value
from data import gopro

VALUES = [
    Value("steps", 6000, "batches in all", tiny=4, low=1, fixed=False),
    Value(
        "fall_from",
        4000,
        "step from which the learning rate falls, to nothing at the last step",
        tiny=2,
        low=0,
        fixed=False,
    ),
    Value("batch_size", 2, "crops in a batch", low=1),
    Value("crop", 128, "side of the square crops, a multiple of 16", tiny=32, low=32),
    Value(
        "margin",
        16,
        "pixels around a crop that only the estimate of the blur sees, a multiple of 4",
        tiny=0,
        low=0,
        more=True,
    ),
    Value(
        "estimates", wide_view.SETTINGS["estimates"], "rounds of estimating the blur's kernel; 0: none", low=0, high=8
    ),
    Value(
        "learn",
        "picture",
        "what is trained: the estimate of the kernel, all else, or both",
        choices=("kernel", "picture", "both"),
    ),
    Value("learning_rate", 5e-4, "Adam's, before it falls", low=0.0),
    Value(
        "average",
        0.999,
        "decay of the moving average of the weights, which is what is scored and kept",
        low=0.0,
        high=1.0,
    ),
    Value("real_share", 0.5, "share of crops that come from pairs", low=0.0, high=1.0),
    Value("clip_balance", 0.75, "0: all pairs count alike; 1: all clips", low=0.0, high=1.0, more=True),
    Value(
        "loss",
        "charbonnier",
        "what a picture's training makes small: Charbonnier's of each pixel, or minus each crop's PSNR",
        choices=("charbonnier", "psnr"),
        fixed=False,
    ),
    Value("linear_share", 0.9, "share of made blur that is added up in linear light", low=0.0, high=1.0, more=True),
    Value("two_share", 0.0, "share of made blur that has two kernels", low=0.0, high=1.0, more=True),
    Value("validate_every", 500, "steps between two scorings of the validation pictures", tiny=4, low=1, fixed=False),
    Value("save_every", 250, "steps between two checkpoints", tiny=4, low=1, fixed=False),
]


# ------------------------------------------------------------------------------------------- data
def split_photos(folder):
    """{split: paths} of a folder of sharp photos: each sixth is held out, every fifth of these for validation."""
    paths = images.list_pictures(folder)
    held_out = paths[5::6]
    return {
        "train": [path for index, path in enumerate(paths) if index % 6 != 5],
        "val": held_out[::5],
        "test": [path for index, path in enumerate(held_out) if index % 5],
    }


def split_clips(folder, val, test):
    """{split: [(clip, name, blurred path, sharp path)]}; ``val``, ``test``: names of clips, or ``clip/name`` of single pairs."""
    splits = {"train": [], "val": [], "test": []}
    known = set()
    for clip, place in find_clips(folder).items():
        clip = os.path.basename(clip)
        sharp = images.list_pictures(os.path.join(place, "sharp"))
        for path in sharp:
            blurred = os.path.join(place, "blur", os.path.basename(path))
            gopro.check_pair(blurred, path)
            name = "%s/%s" % (clip, os.path.splitext(os.path.basename(path))[0])
            known |= {clip, name}
            check_named_once([(name, clip)], test, val)
            split = "test" if {clip, name} & set(test) else "val" if {clip, name} & set(val) else "train"
            splits[split].append((clip, name, blurred, path))
    unknown = sorted((set(val) | set(test)) - known)
    if unknown:
        raise UserError("%s: no clip and no pair is called %s" % (folder, ", ".join(unknown)))
    return splits


def check_clips(opts):
    """UserError for clips that are named of none."""
    for name in ("val_clips", "test_clips"):
        if getattr(opts, name, None) and not opts.clips:
            raise UserError("--%s does nothing without --clips" % name.replace("_", "-"))


def fingerprints(photos, clips):
    """What a run must go on with (``same_data.check``)."""
    found = {}
    for split, what in (("train", "to train on"), ("val", "to validate with"), ("test", "held out")):
        found["photos " + what] = same_data.fingerprint(os.path.basename(path) for path in photos[split])
        found["pairs " + what] = same_data.fingerprint(pair[1] for pair in clips[split])
    return found


def read_pair(pair):
    """(blurred, sharp) as uint8 of an entry of ``split_clips``."""
    return images.read_rgb(pair[2]), images.read_rgb(pair[3])


def balanced(train, share):
    """Pairs for training, those of short clips several times.

    Args:
      share: 0 lets all pairs count alike, 1 all clips.
    """
    counts = {}
    for pair in train:
        counts[pair[0]] = counts.get(pair[0], 0) + 1
    longest = max(counts.values()) if counts else 0
    read = [(read_pair(pair), int(round((longest / counts[pair[0]]) ** share))) for pair in train]
    return [pictures for pictures, times in read for _ in range(times)]


def shaken(sharp, random, shortest, longest, noise):
    """A whole sharp picture with a made camera shake of ``shortest`` to ``longest`` pixels, in linear light, and noise."""
    kernel = photo_crops.path_kernel(photo_crops.camera_path(random, random.uniform(shortest, longest)))
    border = photo_crops.LONGEST
    light = np.pad((sharp / 255.0) ** photo_crops.GAMMA, ((border, border), (border, border), (0, 0)), "reflect")
    light = np.stack([fftconvolve(light[..., channel], kernel, "valid") for channel in range(3)], axis=-1)
    values = 255.0 * np.clip(light, 0.0, 1.0) ** (1 / photo_crops.GAMMA)
    return np.uint8(np.clip(np.rint(values + noise * random.normal(size=values.shape)), 0, 255))


def validation_pictures(photos, clips):
    """{kind: [(blurred, sharp)]}: fixed, the same in every run; UserError where there is nothing to score."""
    random = np.random.RandomState(1)
    sharp = [images.read_rgb(path) for path in photos]
    kinds = {
        "shake": [(shaken(picture, random, 4, 14, 1.0), picture) for picture in sharp],
        "mild": [(shaken(picture, random, 1, 4, 0.5), picture) for picture in sharp[::2]],
        "untouched": [(picture, picture) for picture in sharp[1::2] or sharp],
    }
    for pair in clips:
        pictures = read_pair(pair)
        sizes = {pair[0]: pictures}
        if pictures[0].shape[0] > 400:
            half = [length // 2 for length in pictures[0].shape[:2]]
            sizes["%s, half size" % pair[0]] = tuple(images.resize(picture, *half) for picture in pictures)
        for kind, pictures in sizes.items():
            kinds[kind] = (kinds.get(kind, []) + [pictures])[:4]
    kinds = {kind: pictures for kind, pictures in kinds.items() if pictures}  # the mean of none is no score
    if not kinds:
        raise UserError("no picture is held out to score with: give 6 photos at least, or --clips with --val-clips")
    return kinds


# ------------------------------------------------------------------------------------------- the graph
def charbonnier(difference):
    """A smooth absolute value, mean over all values of ``difference``, ``[N, H, W, 3]``, pictures being 0…1."""
    return tf.reduce_mean(tf.sqrt(difference**2 + 1e-6))


def minus_psnr(difference):
    """Mean over the crops of 10·log10 of the mean square; what is better than 40 dB hardly counts any more.

    Each crop then counts by the decibels it may gain, however strong its blur is.
    """
    square = tf.reduce_mean(difference**2, axis=[1, 2, 3])
    return tf.reduce_mean(tf.log(square + 1e-4)) * np.float32(10.0 / np.log(10.0))


LOSSES = dict(charbonnier=charbonnier, psnr=minus_psnr)


def cut(kernels):
    """Kernels ``[N, 2·LONGEST + 1, …]`` cut to the size that is estimated; sum 1, or 0 where there is none."""
    off = photo_crops.LONGEST - blur_kernel.RADIUS
    kernels = kernels[:, off:-off, off:-off]
    return kernels / (np.sum(kernels, axis=(1, 2), keepdims=True) + 1e-9)


def build(opts, settings):
    """Placeholders, loss, training step, moving averages and a second network for scoring, in one graph."""
    side = opts.crop + 2 * opts.margin
    net = dict(
        blurred=tf.placeholder(tf.uint8, [None, side, side, 3]),
        sharp=tf.placeholder(tf.uint8, [None, side, side, 3]),
        kernels=tf.placeholder(tf.float32, [None, blur_kernel.SIDE, blur_kernel.SIDE]),
        known=tf.placeholder(tf.float32, [None]),
        learning_rate=tf.placeholder(tf.float32, []),
        step=tf.Variable(0, trainable=False, name="step", dtype=tf.int64),
        photo=tf.placeholder(tf.float32, [1, None, None, 3]),
    )
    blurred, sharp = (tf.cast(net[name], tf.float32) / 127.5 - 1.0 for name in ("blurred", "sharp"))
    net["restored"] = wide_view.wide_view(net["photo"], settings)
    weights = wide_view.variables()
    of_estimate = [weight for weight in weights if wide_view.is_estimators(weight)]
    of_picture = [weight for weight in weights if not wide_view.is_estimators(weight)]
    parts = []  # (loss, what learns by it, longest gradient)
    estimates = wide_view.estimated(blurred, settings) if settings["estimates"] else None
    if opts.learn != "picture":
        known = net["kernels"], net["known"], (sharp + 1.0) / 2.0, opts.margin or 1
        parts.append((blur_kernel.loss(estimates, *known), of_estimate, 5.0))
    if opts.learn == "kernel":
        net["restored"] = wide_view.with_grey(net["photo"], wide_view.all_divided(net["photo"], settings)[..., :1])
    else:
        inside = slice(opts.margin, opts.margin + opts.crop)
        divided = wide_view.deconvolved(blurred, estimates)[:, inside, inside] if estimates else None
        restored = wide_view.wide_view(blurred[:, inside, inside], settings, divided=divided)
        loss = LOSSES[opts.loss]((restored - sharp[:, inside, inside]) / 2.0)
        parts.append((loss, of_picture, 1.0))
    net["loss"] = parts[-1][0]
    moves = []
    for loss, learned, longest in parts:
        gradients, _ = tf.clip_by_global_norm(tf.gradients(loss, learned), longest)
        moves += zip(gradients, learned)
    # beta2: with zeros at the branch's end its gradients grow from nothing, and their mean square must keep up with them
    moved = tf.train.AdamOptimizer(net["learning_rate"], beta2=0.99).apply_gradients(moves)
    # num_updates: at the start the average follows quickly
    average = tf.train.ExponentialMovingAverage(opts.average, num_updates=net["step"])
    with tf.control_dependencies([moved]):
        with tf.control_dependencies([average.apply(weights)]):
            net["train"] = tf.assign_add(net["step"], 1)
    net["averages"] = [average.average(weight) for weight in weights]
    net["weights"] = weights
    return net


def learning_rate(opts, step):
    """Rises over the first 100 steps, is constant up to ``fall_from``, and falls linearly to nothing at ``steps``."""
    rate = opts.learning_rate * min(1.0, (step + 1) / 100.0)
    if step >= opts.fall_from:
        rate *= (opts.steps - step) / float(opts.steps - opts.fall_from)
    return rate


def validate(session, net, kinds, settings):
    """Mean PSNR gained for each kind of validation picture; for untouched ones the PSNR from the picture itself.

    Tile by tile, as photos are restored (``ext_10_2_12_photos.py``): each tile has a kernel of its own.
    """
    restore = padded(lambda values: session.run(net["restored"], {net["photo"]: values}), settings)
    own = session.run(net["weights"])
    weights.assign(session, list(zip(net["weights"], session.run(net["averages"]))))
    row = {}
    for kind, pictures in kinds.items():
        gains = []
        for blurred, sharp in pictures:
            restored = tiles.restore_picture(restore, blurred, tile_of(blurred, None))
            before = images.psnr(sharp, blurred)
            gains.append(min(images.psnr(sharp, restored), 99.0) - (before if np.isfinite(before) else 0.0))
        row[kind] = round(float(np.mean(gains)), 3)
    weights.assign(session, list(zip(net["weights"], own)))
    return row


def add_options(parser):
    parser.add_argument("--photos", help="folder of sharp photos", required=True)
    parser.add_argument(
        "--start-from", metavar="NPZ", help="weights to start from, of a small generator or of another run [none]"
    )
    parser.add_argument("--clips", help="folder of clips that hold blur and sharp; none: made blur alone")
    parser.add_argument(
        "--val-clips", nargs="*", default=[], metavar="CLIP", help="clips or pairs to watch training with"
    )
    parser.add_argument(
        "--test-clips", nargs="*", default=[], metavar="CLIP", help="clips or pairs held out for the scores"
    )


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add_options, base="photos")
    check_clips(opts)
    settings = dict(wide_view.SETTINGS, estimates=opts.estimates)
    if opts.learn != "picture" and not opts.estimates:
        raise UserError("--learn %s needs --estimates 1 or more" % opts.learn)
    if opts.crop % wide_view.multiple(settings):
        raise UserError("--crop %d: a multiple of %d" % (opts.crop, wide_view.multiple(settings)))
    if opts.estimates and opts.margin % 4:  # the estimator halves its pictures three times
        raise UserError("--margin %d: a multiple of 4" % opts.margin)
    run.start(opts.seed)
    photos = split_photos(opts.photos)
    clips = split_clips(opts.clips, opts.val_clips, opts.test_clips) if opts.clips else dict(train=[], val=[], test=[])
    train_pairs = balanced(clips["train"], opts.clip_balance)
    sharp = [images.read_rgb(path) for path in photos["train"]]
    sharp += [pictures[1] for pictures in train_pairs[::4]]  # sharp frames are photos too
    shares = opts.real_share, opts.linear_share, opts.two_share
    maker = photo_crops.CropMaker(sharp, train_pairs, opts.crop + 2 * opts.margin, *shares)
    kinds = validation_pictures(photos["val"], clips["val"])
    data = "%d photos, %d pairs" % (len(photos["train"]), len(clips["train"]))
    print("%s; validation: %s" % (data, ", ".join("%d %s" % (len(kinds[kind]), kind) for kind in kinds)))
    kernels.use_threads(opts.threads)
    history_file = os.path.join(opts.output_dir, "history.json")
    weights_file = os.path.join(opts.output_dir, "weights", "wide_view.npz")
    with run.Run(opts) as this, tf.Session(config=run.session_config(opts.threads)) as session:
        same_data.check(this.folder, bool(run.checkpoints(this.checkpoint_dir)), fingerprints(photos, clips))
        net = build(opts, settings)
        saver = tf.train.Saver(max_to_keep=3)
        record = this.record("beyond 10.2.12", data)
        for place in ("photos", "clips", "start_from"):  # where files lay says nothing about the result
            record.content["settings"].pop(place, None)
        session.run(tf.global_variables_initializer())
        if opts.start_from and run.checkpoints(this.checkpoint_dir):
            print("the training goes on: --start-from is of its beginning")
        elif opts.start_from:
            wide_view.load_start(session, opts.start_from, settings)
            session.run([tf.assign(average, weight) for average, weight in zip(net["averages"], net["weights"])])
        done = this.restore(saver, session)
        history = []
        if done and os.path.exists(history_file):  # a run that was killed before its first scoring has none
            history = [row for row in options.read_json(history_file)["rows"] if row["step"] <= done]
        losses, reached = [], done
        began, processor = time.time(), time.process_time()

        def score():
            """Scores the moving average, writes it down, and saves all."""
            nonlocal losses, began, processor
            row = dict(
                step=reached,
                loss=round(float(np.mean(losses)), 5) if losses else None,
                minutes=round((time.time() - began) / 60, 2),
                processor_minutes=round((time.process_time() - processor) / 60, 2),
            )
            row.update(validate(session, net, kinds, settings))
            losses, began, processor = [], time.time(), time.process_time()
            history.append(row)
            run.tqdm.write("  ".join("%s %s" % item for item in row.items()), file=sys.stdout)
            sys.stdout.flush()
            options.write_json(history_file, dict(rows=history))
            wide_view.save(weights_file, session.run(net["averages"]), settings)
            this.save(saver, session, reached)

        ahead = ThreadPoolExecutor(1)
        # the seed of a batch is its step: a run that was stopped goes on with the batches it would have had
        batch = ahead.submit(maker.batch, opts.batch_size, [opts.seed, done])
        for step in this.steps(done, opts.steps, unit="batch"):
            blurred, truth, made, known = batch.result()
            batch = ahead.submit(maker.batch, opts.batch_size, [opts.seed, step + 1])
            feed = {net["blurred"]: blurred, net["sharp"]: truth, net["kernels"]: cut(made), net["known"]: known}
            feed[net["learning_rate"]] = learning_rate(opts, step)
            loss, _ = session.run([net["loss"], net["train"]], feed)
            this.check(step, loss=loss)
            losses.append(float(loss))
            reached = step + 1
            if reached % opts.validate_every == 0 or reached == opts.steps:
                score()
            elif reached % opts.save_every == 0:
                this.save(saver, session, reached)
        if losses or not history:  # a stop was asked for; or killed between the last step and its scoring
            score()
        ahead.shutdown()
    columns = list(history[-1])
    title = "Validation: dB gained (untouched: dB from the picture itself)"
    record.table(title, columns, [[row[key] for key in columns] for row in history])
    for name, key in (("training time", "minutes"), ("processor time", "processor_minutes")):
        record.metric(name, round(sum(row[key] for row in history), 1), "minutes", note="all calls, without scoring")
    print("record: %s" % record.save())


if __name__ == "__main__":
    options.run(main)
