"""Listing 10-3, sections 10.2.10 and 10.2.12: restores blurred photos with a trained generator.

``code_10_03_deblur.py photo.jpg folder ...`` restores photos of any size; large ones in overlapping tiles, so that memory
stays bounded. Without photos it takes the test pairs, as the book does: for each a picture of sharp | blurred | restored side
by side, and a table of PSNR and SSIM before and after.

Reads: ``weights/generator_best.h5`` of the run folder, or else the weights that come with the project
(``ch10_deblurgan/weights/generator.npz``); ``image/test/{A,B}``. Writes: ``results/`` and ``scores.csv`` (pairs) or
``restored/`` (photos), and a record. Time on two cores: a second for a 640×360 photo, a minute for 12 megapixels. Next:
``ext_10_2_11_batchnorm.py``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import csv
import json

try:
    import resource
except ImportError:  # Windows
    resource = None

import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K

from ch10_deblurgan import baselines, kernels, pairs
from ch10_deblurgan.code_10_01_models import GENERATOR_SETTINGS, generator_model
from common import images, options, training
from common.errors import UserError
from common.records import Record

SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights", "generator.npz")

PRESETS = {
    "book": dict(tile=512, overlap=64, strength=1.0, ensemble=False, fast=False, baselines=False, split="test"),
    "cpu": dict(baselines=True),
    "tiny": dict(tile=32, overlap=8, baselines=True),
}
HELP = dict(
    tile="side of the tiles of large photos (a multiple of 4)",
    overlap="pixels that neighbouring tiles share and are blended over",
    strength="share of the network's change that is made: below 1 gentler, 0 none",
    ensemble="the mean of the eight results of the flipped and turned picture: better, eight times as slow",
    fast="the same mathematics arranged for a processor (fast.py)",
    baselines="unsharp mask, Wiener and Richardson-Lucy beside the network",
    split="pair folder to score: train, val or test",
)


def deprocess_image(img):
    """Network values −1…1 as uint8 pixels (10.2.10)."""
    # Erratum E62: the print casts without clipping or rounding, so values beyond the ends wrap round
    return images.to_uint8(img)


# ------------------------------------------------------------------------------------------- weights
def save_compact(path, weights, settings):
    """Writes a generator's weights as npz: kernels as float16, the few values a channel as float32, the settings as JSON."""
    arrays = {
        "w%03d" % index: value.astype(np.float16 if value.ndim > 1 else np.float32)
        for index, value in enumerate(weights)
    }
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".part", "wb") as stream:
        np.savez_compressed(stream, settings=np.array(json.dumps(settings, sort_keys=True)), **arrays)
    os.replace(path + ".part", path)


def load_compact(path):
    """(weights, settings) of a file of ``save_compact``."""
    try:
        with np.load(path, allow_pickle=False) as stream:
            settings = json.loads(str(stream["settings"]))
            names = sorted(name for name in stream.files if name.startswith("w"))
            return [np.float32(stream[name]) for name in names], settings
    except (OSError, ValueError, KeyError) as error:
        raise UserError("%s is not a weights file of this project (%s)" % (path, error))


def load_generator(weights_file, settings=None, fast=False):
    """The generator for inference with the weights of an npz file (its settings inside) or an h5 file (``settings`` given).

    Must be called inside a session. Any picture size that is a multiple of 4 fits (10.2.12).
    """
    arrays = None
    if weights_file.endswith(".npz"):
        arrays, settings = load_compact(weights_file)
    settings = dict({"skips": False}, **settings)  # weights from before there was a choice
    choices = {key: settings[key] for key in GENERATOR_SETTINGS}
    g = generator_model((None, None, 3), istrain=False, fast=fast, **choices)
    try:
        if arrays is None:
            g.load_weights(weights_file)
        else:
            g.set_weights(arrays)
    except (ValueError, OSError) as error:
        raise UserError("%s does not fit a generator of %s (%s)" % (weights_file, settings, str(error).split("\n")[0]))
    return g


def choose_weights(opts):
    """(file, settings): ``--weights``; else the run folder's best; else, but for tiny, the project's own."""
    if opts.weights:
        if not os.path.isfile(opts.weights):
            raise UserError("%s: no such weights file" % opts.weights)
        if opts.weights.endswith(".npz"):
            return opts.weights, None
        run = os.path.dirname(os.path.dirname(os.path.abspath(opts.weights)))
        return opts.weights, options.load_settings(run, "ch10_deblurgan/code_10_02_train.py")
    best = os.path.join(opts.output_dir, "weights", "generator_best.h5")
    if os.path.exists(best):
        return best, options.load_settings(opts.output_dir, "ch10_deblurgan/code_10_02_train.py")
    if opts.preset == "tiny" or not os.path.exists(SHIPPED):
        raise UserError("no trained generator in %s: run ch10_deblurgan/code_10_02_train.py first" % opts.output_dir)
    return SHIPPED, None


# ------------------------------------------------------------------------------------------- pictures of any size (10.2.12)
def eight_ways(restore):
    """Extra: a ``restore`` that gives the mean of the picture's eight flips and quarter turns, each restored and turned back.

    What the network does by chance to one of them evens out (the 'self-ensemble' of EDSR, arXiv 1707.02921).

    Args:
      restore: a function from float32 ``[1, h, w, 3]`` (−1…1) to the same.

    Returns:
      Such a function, eight times as slow.
    """

    def mean_of_eight(values):
        total = np.zeros_like(values)
        for turned in (False, True):
            for flip in np.s_[:, :], np.s_[:, ::-1], np.s_[:, :, ::-1], np.s_[:, ::-1, ::-1]:
                picture = values[flip].transpose(0, 2, 1, 3) if turned else values[flip]
                result = restore(picture)
                total += (result.transpose(0, 2, 1, 3) if turned else result)[flip]
        return total / 8.0

    return mean_of_eight


def gentler(restore, strength):
    """Extra: a ``restore`` that makes a share ``strength`` of the change that the given one makes."""
    return lambda values: values + np.float32(strength) * (restore(values) - values)


def weights_of_tile(height, width, overlap):
    """Blending weights ``[height, width, 1]``: 1 in the middle, falling to the edges over ``overlap`` pixels."""

    def ramp(size):
        distance = np.minimum(np.arange(size), np.arange(size)[::-1]) + 1.0
        return np.minimum(distance / (overlap + 1.0), 1.0)

    return np.float32(ramp(height)[:, np.newaxis, np.newaxis] * ramp(width)[np.newaxis, :, np.newaxis])


def tile_starts(size, tile, overlap):
    """Where tiles of ``tile`` begin so that they cover ``size`` and neighbours share ``overlap`` or more."""
    if size <= tile:
        return [0]
    return list(range(0, size - tile, tile - overlap)) + [size - tile]


def restore_picture(restore, pixels, tile=512, overlap=64):
    """A uint8 RGB picture of any size restored.

    Args:
      restore: a function from float32 ``[1, h, w, 3]`` (−1…1, sides multiples of 4) to the same.
      pixels: uint8 ``[H, W, 3]``.
      tile: pictures with a longer side are restored in tiles of this size (a multiple of 4).
      overlap: pixels shared by neighbouring tiles.

    Returns:
      uint8 ``[H, W, 3]``. Beside the picture itself, memory is needed for one tile and one band of tiles.
    """
    # Erratum E63: 'any size' holds for multiples of 4 only; other sizes are padded here and cropped at the end
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % 4), (0, -width % 4), (0, 0)), mode="edge")
    rows, columns = padded.shape[:2]
    result = np.empty((rows, columns, 3), np.uint8)
    tops = tile_starts(rows, tile, overlap)
    tile_rows, tile_columns = min(tile, rows), min(tile, columns)
    blend = weights_of_tile(tile_rows, tile_columns, overlap)
    total = np.zeros((tile_rows, columns, 3), np.float32)
    weight = np.zeros((tile_rows, columns, 1), np.float32)
    for index, top in enumerate(tops):
        for left in tile_starts(columns, tile, overlap):
            window = padded[top : top + tile_rows, left : left + tile_columns]
            values = restore(images.from_uint8(window)[np.newaxis])[0]
            total[:, left : left + tile_columns] += values * blend
            weight[:, left : left + tile_columns] += blend
        # the rows above the next band are finished
        done = (tops[index + 1] if index + 1 < len(tops) else rows) - top
        result[top : top + done] = deprocess_image(total[:done] / weight[:done])
        for band in (total, weight):
            band[: tile_rows - done] = band[done:]
            band[tile_rows - done :] = 0.0
    return result[:height, :width]


def peak_memory():
    """The largest memory of this process so far in MiB, or None where the system does not tell (Windows)."""
    if resource is None:
        return None
    unit = 2.0**20 if sys.platform == "darwin" else 2.0**10  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


# ------------------------------------------------------------------------------------------- pairs (10.2.10)
def scores(truth, picture):
    """(PSNR in dB, SSIM) of two uint8 pictures; SSIM: Gaussian 11×11, data range 255. Too small for it: NaN."""
    small = min(truth.shape[:2]) < 11
    return images.psnr(truth, picture), float("nan") if small else images.ssim(truth, picture)


def best_baselines(pair_list):
    """For each classical method the setting with the best mean PSNR: {method: (setting, [(PSNR, SSIM) a pair])}."""
    best = {}
    pictures = [[images.read_rgb(path) for path in pair] for pair in pair_list]
    for method, grid in baselines.GRID.items():
        for setting, function, arguments in grid:
            found = [scores(sharp, function(blurred, *arguments)) for blurred, sharp in pictures]
            if method not in best or np.mean(found, axis=0)[0] > np.mean(best[method][1], axis=0)[0]:
                best[method] = (setting, found)
    return best


def deblur_pairs(opts, restore, record):
    """The book's result: three panels a test pair, and the table of scores."""
    folder = os.path.join(pairs.image_folder(opts), opts.split)
    pair_list = pairs.find_pairs(folder)
    rows = []
    results = os.path.join(opts.output_dir, "results")
    for blurred_path, sharp_path in training.progress(pair_list, desc="restoring", unit="picture"):
        blurred, sharp = images.read_rgb(blurred_path), images.read_rgb(sharp_path)
        restored = restore_picture(restore, blurred, opts.tile, opts.overlap)
        name = os.path.splitext(os.path.basename(blurred_path))[0]
        rows.append([name] + list(scores(sharp, blurred)) + list(scores(sharp, restored)))
        # Erratum E64: the print squeezes pictures of any size to 640×360; here they keep theirs
        panels = np.hstack([sharp, blurred, restored])
        images.write_png(os.path.join(results, name + ".png"), panels)
        if len(rows) <= 3:
            before = images.write_png(os.path.join(results, name + "-blurred.png"), blurred)
            after = images.write_png(os.path.join(results, name + "-restored.png"), restored)
            record.file(
                after,
                "comparison",
                "%s: blurred and restored" % name,
                "%s：模糊与复原" % name,
                before=before,
                after=after,
            )
    columns = ["picture", "PSNR blurred", "PSNR restored", "SSIM blurred", "SSIM restored"]
    rows = [[name, round(p0, 3), round(p1, 3), round(s0, 4), round(s1, 4)] for name, p0, s0, p1, s1 in rows]
    mean = np.mean([row[1:] for row in rows], axis=0)
    rows.append(["mean of %d" % (len(rows))] + [round(float(value), 4) for value in mean])
    with open(os.path.join(opts.output_dir, "scores.csv"), "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([columns] + rows)
    for row in [columns] + rows:
        print("%-28s %13s %13s %13s %13s" % tuple(row))
    record.table(
        "Scores a picture", columns, rows, "plain SSIM: Gaussian window 11×11, σ 1.5, data range 255, mean of RGB"
    )
    record.metric("PSNR of the blurred pictures", round(float(mean[0]), 3), "dB")
    record.metric("PSNR of the restored pictures", round(float(mean[1]), 3), "dB")
    record.metric("PSNR gained", round(float(mean[1] - mean[0]), 3), "dB")
    record.metric("SSIM of the blurred pictures", round(float(mean[2]), 4))
    record.metric("SSIM of the restored pictures", round(float(mean[3]), 4))
    record.metric("SSIM gained", round(float(mean[3] - mean[2]), 4))
    print("gained: %+.2f dB PSNR, %+.4f SSIM" % (mean[1] - mean[0], mean[3] - mean[2]))
    if opts.baselines:
        compare_with_baselines(opts, pair_list, mean, record)


def compare_with_baselines(opts, pair_list, mean, record):
    """The table of the three classical methods, and of a mere change of brightness, beside the network."""
    table = [["blurred", "", round(mean[0], 3), round(mean[2], 4)]]
    train_folder = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(pair_list[0][0]))), "train")
    if os.path.isdir(train_folder):
        train_pairs = pairs.find_pairs(train_folder)[:200]
        change = baselines.brightness_change([images.read_rgb(path) for path in pair] for pair in train_pairs)
        pictures = [[images.read_rgb(path) for path in pair] for pair in pair_list]
        found = [scores(sharp, baselines.brightness(blurred, change)) for blurred, sharp in pictures]
        psnr, ssim = np.mean(found, axis=0)
        setting = "training mean, %+.1f levels" % np.mean(change)
        table.append(["brightness only", setting, round(float(psnr), 3), round(float(ssim), 4)])
    for method, (setting, found) in best_baselines(pair_list).items():
        psnr, ssim = np.mean(found, axis=0)
        table.append([method, setting, round(float(psnr), 3), round(float(ssim), 4)])
    table.append(["DeblurGAN", "", round(mean[1], 3), round(mean[3], 4)])
    columns = ["method", "setting", "PSNR", "SSIM"]
    for row in [columns] + table:
        print("%-16s %-28s %10s %10s" % tuple(row))
    record.table(
        "Beside classical methods",
        columns,
        table,
        "each with that one setting of its grid that is best on these very pictures",
    )


# ------------------------------------------------------------------------------------------- photos (10.2.12)
def photo_paths(arguments):
    """The files of the arguments; a folder stands for the pictures in it."""
    paths = []
    for argument in arguments:
        paths += images.list_pictures(argument) if os.path.isdir(argument) else [argument]
    return paths


def deblur_photos(opts, restore, record):
    """Restores photos into ``restored/<name>.png``."""
    paths = photo_paths(opts.photos)
    taken = {}
    for path in training.progress(paths, desc="restoring", unit="photo"):
        pixels = images.read_rgb(path)
        restored = restore_picture(restore, pixels, opts.tile, opts.overlap)
        name = os.path.splitext(os.path.basename(path))[0]
        taken[name] = taken.get(name, 0) + 1
        name += "-%d" % taken[name] if taken[name] > 1 else ""
        target = os.path.join(opts.output_dir, "restored", name + ".png")
        images.write_png(target, restored)
        print("%s (%d×%d) -> %s" % (path, pixels.shape[1], pixels.shape[0], target))
        if opts.baselines:
            for method, index in baselines.MIDDLE.items():
                _, function, arguments = baselines.GRID[method][index]
                beside = os.path.join(opts.output_dir, "restored", "%s-%s.png" % (name, method.replace(" ", "-")))
                images.write_png(beside, function(pixels, *arguments))
        if len(record.content["files"]) < 5:
            before = images.write_png(os.path.join(opts.output_dir, "restored", "before", name + ".png"), pixels)
            record.file(target, "comparison", "%s restored" % name, "%s 复原" % name, before=before, after=target)
    record.metric("photos restored", len(paths))


def add_options(parser):
    parser.add_argument("photos", nargs="*", help="photos or folders of photos; none: the test pairs")
    parser.add_argument(
        "--weights", help="weights file: an h5 of a run folder's weights/, or an npz made with --export"
    )
    parser.add_argument("--export", metavar="NPZ", help="write the weights as a small npz file (float16) and end")


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="deblurgan", argv=argv, add=add_options, help_texts=HELP)
    if opts.tile % 4 or opts.overlap % 4 or not 0 < 2 * opts.overlap <= opts.tile:
        raise UserError("--tile and --overlap must be multiples of 4, the overlap at most half the tile")
    if not 0 <= opts.strength <= 1:
        raise UserError("--strength %g: from 0 (no change) to 1 (the network's result)" % opts.strength)
    missing = [path for path in opts.photos if not os.path.exists(path)]
    if missing:
        raise UserError("%s: no such photo or folder" % missing[0])
    training.start(opts.seed)
    os.makedirs(opts.output_dir, exist_ok=True)
    weights_file, settings = choose_weights(opts)
    print("weights: %s" % weights_file)
    data = "photos" if opts.photos else "pairs of '%s'" % opts.split
    if opts.preset == "tiny":
        data = "generated sample"
    script = "code_10_03_deblur-photos" if opts.photos else "code_10_03_deblur"
    record = Record(opts, script, "listing 10-3", data)
    for place in ("photos", "weights", "export"):  # where files lay says nothing about the result
        record.content["settings"].pop(place, None)
    kernels.use_threads(opts.threads)
    with tf.Session(config=training.session_config(opts.threads)) as sess:
        K.set_session(sess)
        g = load_generator(weights_file, settings, opts.fast)
        training.initialize_uninitialized(sess)
        if opts.export:
            known = settings or load_compact(weights_file)[1]
            save_compact(opts.export, g.get_weights(), {key: known[key] for key in GENERATOR_SETTINGS if key in known})
            print("%s: %.1f MB" % (opts.export, os.path.getsize(opts.export) / 1e6))
            return 0
        photo = tf.placeholder(tf.float32, [1, None, None, 3])
        output = g(photo, training=False)

        def restore(values):
            return sess.run(output, {photo: values})

        if opts.ensemble:
            restore = eight_ways(restore)
        if opts.strength != 1:
            restore = gentler(restore, opts.strength)
        if opts.photos:
            deblur_photos(opts, restore, record)
        else:
            deblur_pairs(opts, restore, record)
    if peak_memory():
        record.metric("peak memory", round(peak_memory()), "MiB", note="of the whole process")
        print("peak memory: %.0f MiB" % peak_memory())
    print("record: %s" % record.save())
    return 0


if __name__ == "__main__":
    options.run(main)
