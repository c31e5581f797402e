"""Trains the wide-view generator (``wide_view.py``) on photos of all kinds and on pairs of blurred and sharp frames.

Reads: ``--photos``, a folder of sharp photos whose blur is made anew for each crop (``photo_crops.py``), and ``--clips``, folders
that hold ``blur`` and ``sharp`` at any depth (GOPRO, REDS). Of the photos, sorted by name, each sixth is held out: the first, sixth,
… of these for validation, the others for the final scores (``evaluate_photos.py``); clips named by ``--val-clips`` and ``--test-clips`` are held out,
and so are single pairs, as in ``gopro_sample/000003``.
Writes into the run folder: ``checkpoints/`` (the next call goes on from there), ``history.json``, ``weights/wide_view.npz`` (the
moving average, float16), ``settings.json`` and a record. The scores after ``--validate-every`` steps are of the moving average.

The learning rate is constant up to step ``--fall-from`` and then falls to nothing at ``--steps``; both may be changed when a run
goes on, as long as the fall has not begun. Time: some 80 ms of one processor core a crop of 128×128.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf
from scipy.signal import fftconvolve

from ch10_deblurgan import kernels, pairs
from ch10_deblurgan.beyond import photo_crops, wide_view
from ch10_deblurgan.ext_10_2_1_layout import find_clips
from common import images, options, training
from common.errors import UserError
from common.records import Record

PRESETS = {
    "book": dict(
        steps=12000,
        fall_from=5000,
        batch_size=4,
        crop=128,
        learning_rate=1e-3,
        average=0.999,
        real_share=1 / 3.0,
        validate_every=400,
        save_every=200,
    ),
    "tiny": dict(steps=4, fall_from=2, batch_size=2, crop=32, validate_every=4, save_every=4),
}
HELP = dict(
    steps="batches in all",
    fall_from="step from which the learning rate falls linearly, to nothing at the last step",
    crop="side of the square crops, a multiple of 16",
    average="decay of the moving average of the weights, which is what is scored and kept",
    real_share="share of crops that come from pairs",
    validate_every="steps between two scorings of the validation pictures",
    save_every="steps between two checkpoints",
)
LATER = ("steps", "fall_from", "validate_every", "save_every")  # may be others when a run goes on


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
            pairs.check_pair(blurred, path)
            name = "%s/%s" % (clip, os.path.splitext(os.path.basename(path))[0])
            known |= {clip, name}
            split = "test" if {clip, name} & set(test) else "val" if {clip, name} & set(val) else "train"
            splits[split].append((clip, name, blurred, path))
    unknown = sorted((set(val) | set(test)) - known)
    if unknown:
        raise UserError("%s: no clip and no pair is called %s" % (folder, ", ".join(unknown)))
    return splits


def read_pair(pair):
    """(blurred, sharp) as uint8 of an entry of ``split_clips``."""
    return images.read_rgb(pair[2]), images.read_rgb(pair[3])


def balanced(train):
    """Pairs for training, those of small clips several times: each clip counts as much as the square root of its length."""
    counts = {}
    for pair in train:
        counts[pair[0]] = counts.get(pair[0], 0) + 1
    longest = max(counts.values()) if counts else 0
    read = [(read_pair(pair), int(round((longest / counts[pair[0]]) ** 0.5))) for pair in train]
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
    """{kind: [(blurred, sharp)]}: fixed, the same in every run."""
    random = np.random.RandomState(1)
    sharp = [images.read_rgb(path) for path in photos]
    kinds = {
        "shake": [(shaken(picture, random, 4, 14, 1.0), picture) for picture in sharp],
        "mild": [(shaken(picture, random, 1, 4, 0.5), picture) for picture in sharp[::2]],
        "untouched": [(picture, picture) for picture in sharp[1::2]],
    }
    for pair in clips:
        pictures = read_pair(pair)
        sizes = {pair[0]: pictures}
        if pictures[0].shape[0] > 400:
            half = [length // 2 for length in pictures[0].shape[:2]]
            sizes["%s, half size" % pair[0]] = tuple(images.resize(picture, *half) for picture in pictures)
        for kind, pictures in sizes.items():
            kinds[kind] = (kinds.get(kind, []) + [pictures])[:4]
    return kinds


# ------------------------------------------------------------------------------------------- the graph
def build(opts, settings):
    """Placeholders, loss, training step, moving averages and a second network for scoring, in one graph."""
    net = dict(
        blurred=tf.placeholder(tf.uint8, [None, opts.crop, opts.crop, 3]),
        sharp=tf.placeholder(tf.uint8, [None, opts.crop, opts.crop, 3]),
        learning_rate=tf.placeholder(tf.float32, []),
        step=tf.Variable(0, trainable=False, name="step", dtype=tf.int64),
    )
    blurred, sharp = (tf.cast(net[name], tf.float32) / 127.5 - 1.0 for name in ("blurred", "sharp"))
    difference = (wide_view.wide_view(blurred, settings) - sharp) / 2.0
    net["loss"] = tf.reduce_mean(tf.sqrt(difference**2 + 1e-6))  # Charbonnier's: a smooth absolute value
    weights = wide_view.variables()
    gradients, _ = tf.clip_by_global_norm(tf.gradients(net["loss"], weights), 1.0)
    moved = tf.train.AdamOptimizer(net["learning_rate"]).apply_gradients(zip(gradients, weights))
    # num_updates: at the start the average follows quickly
    average = tf.train.ExponentialMovingAverage(opts.average, num_updates=net["step"])
    with tf.control_dependencies([moved]):
        with tf.control_dependencies([average.apply(weights)]):
            net["train"] = tf.assign_add(net["step"], 1)
    net["averages"] = [average.average(weight) for weight in weights]
    net["weights"] = weights
    net["photo"] = tf.placeholder(tf.float32, [1, None, None, 3])
    net["restored"] = wide_view.wide_view(net["photo"], settings)
    return net


def learning_rate(opts, step):
    """Rises over the first 100 steps, is constant up to ``fall_from``, and falls linearly to nothing at ``steps``."""
    rate = opts.learning_rate * min(1.0, (step + 1) / 100.0)
    if step >= opts.fall_from:
        rate *= (opts.steps - step) / float(opts.steps - opts.fall_from)
    return rate


def validate(sess, net, kinds, settings):
    """Mean PSNR gained for each kind of validation picture; for untouched ones the PSNR from the picture itself."""
    own = sess.run(net["weights"])
    feed_back = dict(zip(net["weights"], own))
    for weight, value in zip(net["weights"], sess.run(net["averages"])):
        weight.load(value, sess)
    row = {}
    for kind, pictures in kinds.items():
        gains = []
        for blurred, sharp in pictures:
            restored = wide_view.restore(sess, net["photo"], net["restored"], blurred, settings)
            before = images.psnr(sharp, blurred)
            gains.append(images.psnr(sharp, restored) - (before if np.isfinite(before) else 0.0))
        row[kind] = round(float(np.mean(np.minimum(gains, 99.0))), 3)
    for weight, value in feed_back.items():
        weight.load(value, sess)
    return row


def same_settings(opts, found):
    """UserError where a run that goes on was begun with other values, but for those of ``LATER``."""
    for key in sorted(set(PRESETS["book"]) - set(LATER)):
        if found[key] != getattr(opts, key):
            raise UserError(
                "%s was begun with --%s %s, not %s: choose another --output-dir"
                % (opts.output_dir, key.replace("_", "-"), found[key], getattr(opts, key))
            )


def add_options(parser):
    parser.add_argument("--photos", help="folder of sharp photos", required=True)
    parser.add_argument("--clips", help="folder of clips that hold blur and sharp; none: made blur alone")
    parser.add_argument("--val-clips", nargs="*", default=[], metavar="CLIP", help="clips or pairs to watch training with")
    parser.add_argument("--test-clips", nargs="*", default=[], metavar="CLIP", help="clips or pairs held out for the scores")


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="deblurgan", argv=argv, add=add_options, help_texts=HELP)
    training.start(opts.seed)
    settings = wide_view.SETTINGS
    if opts.crop % wide_view.multiple(settings):
        raise UserError("--crop %d: a multiple of %d" % (opts.crop, wide_view.multiple(settings)))
    photos = split_photos(opts.photos)
    clips = split_clips(opts.clips, opts.val_clips, opts.test_clips) if opts.clips else dict(train=[], val=[], test=[])
    train_pairs = balanced(clips["train"])
    sharp = [images.read_rgb(path) for path in photos["train"]]
    sharp += [pictures[1] for pictures in train_pairs[::4]]  # frames of clips, sharp, are photos too
    maker = photo_crops.CropMaker(sharp, train_pairs, opts.crop, opts.real_share)
    kinds = validation_pictures(photos["val"], clips["val"])
    print(
        "%d photos and %d pairs to train on; validation: %s"
        % (len(photos["train"]), len(clips["train"]), ", ".join("%d %s" % (len(kinds[kind]), kind) for kind in kinds))
    )
    checkpoints = os.path.join(opts.output_dir, "checkpoints")
    os.makedirs(checkpoints, exist_ok=True)
    kernels.use_threads(opts.threads)
    history_file = os.path.join(opts.output_dir, "history.json")
    net = build(opts, settings)
    saver = tf.train.Saver(max_to_keep=3)
    record = Record(opts, "train_photos", "beyond 10.2.12", "%d photos, %d pairs" % (len(photos["train"]), len(clips["train"])))
    for place in ("photos", "clips"):  # where files lay says nothing about the result
        record.content["settings"].pop(place, None)
    with tf.Session(config=training.session_config(opts.threads)) as sess, training.StopSignals() as stop:
        training.initialize_uninitialized(sess)
        found = training.restore_newest(saver, sess, checkpoints)
        history = []
        if found:
            same_settings(opts, options.load_settings(opts.output_dir, "this script"))
            history = [row for row in options.read_json(history_file) if row["step"] <= sess.run(net["step"])]
        options.save_settings(opts.output_dir, {key: getattr(opts, key) for key in PRESETS["book"]})
        first = step = int(sess.run(net["step"]))
        seconds, losses = [], []
        bar = training.progress(total=opts.steps, initial=step, unit="batch")
        ahead = ThreadPoolExecutor(1)
        # the seed of a batch is its step: a run that was stopped goes on with the batches it would have had
        batch = ahead.submit(maker.batch, opts.batch_size, [opts.seed, step])
        began = time.time()
        while step < opts.steps and not stop.requested:
            blurred, truth = batch.result()
            batch = ahead.submit(maker.batch, opts.batch_size, [opts.seed, step + 1])
            feed = {net["blurred"]: blurred, net["sharp"]: truth, net["learning_rate"]: learning_rate(opts, step)}
            loss, _ = sess.run([net["loss"], net["train"]], feed)
            training.check_loss(loss, step)
            step += 1
            losses.append(float(loss))
            bar.update()
            if step % opts.validate_every == 0 or step == opts.steps:
                row = dict(step=step, loss=round(float(np.mean(losses)), 5), minutes=round((time.time() - began) / 60, 2))
                row["processor_minutes"] = round(time.process_time() / 60 - sum(seconds), 2)
                seconds.append(row["processor_minutes"])
                row.update(validate(sess, net, kinds, settings))
                history.append(row)
                options.write_json(history_file, history)
                training.tqdm.write("  ".join("%s %s" % item for item in row.items()))
                wide_view.save(os.path.join(opts.output_dir, "weights", "wide_view.npz"), sess.run(net["averages"]), settings)
                losses, began = [], time.time()
            if step % opts.save_every == 0 or step == opts.steps:
                saver.save(sess, os.path.join(checkpoints, "model"), global_step=net["step"])
        bar.close()
        if stop.requested and step > first:
            saver.save(sess, os.path.join(checkpoints, "model"), global_step=net["step"])
        stop.leave()
    if history:
        columns = [key for key in history[-1]]
        record.table("Validation: dB gained (untouched: dB from the picture itself)", columns, [[row[key] for key in columns] for row in history])
        record.metric("training time", round(sum(row["minutes"] for row in history), 1), "minutes", note="by the clock")
        record.metric("processor time", round(sum(row["processor_minutes"] for row in history), 1), "minutes")
        print("record: %s" % record.save())
    return 0


if __name__ == "__main__":
    options.run(main)
