"""The choices of the print beside the paper's, one at a time, with equal budgets and seeds (sections 10.2.3 to 10.2.9).

``--compare head``: printed head (input + tanh)/2 or the paper's input + tanh. ``norm``: switchable, batch, instance norm
or none. ``critic``: content loss only, printed (sigmoid) critic, WGAN-GP. ``vgg``: no VGG, printed scaling, the scaling that
the weights want (``--right-vgg``: keras for Keras's file, torchvision for that project's).

Each variant is a short training of its own by ``train.py`` with that one thing changed, then scored on held-out pairs; with
``--seeds 3`` three of them, so that the table shows what is chance (the means, and the least and the most that a seed gained). A
variant that is trained is not trained again, and the one that all comparisons have in common (the paper's head, switchable
norm, pixels alone) is trained once.

Reads: as ``train.py``. Writes: a run folder a variant, ``compare-<what>.png``, a record. Time on two cores: tiny half a minute a
variant, cpu some five minutes a variant.
"""

import os

import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K

from ch10_deblurgan.beyond import fast, tiles, train
from ch10_deblurgan.beyond.evaluate import scores
from ch10_deblurgan.beyond.generator import load_generator
from common import files, images, options, run
from common.options import Value
from common.records import Record
from data import gopro

VALUES = [
    Value("epoch_num", 3, "epochs of each variant", tiny=1, low=1),
    Value("batch_size", 4, "crops in a batch", low=1),
    Value("ngf", 16, "filters of the generator's first layer", tiny=4, low=1),
    Value("n_blocks", 3, "residual blocks", tiny=1, low=0),
    Value("ndf", 16, "filters of the critic's first layer", tiny=4, low=1),
    Value("crop", 64, "side of the crops; 0: whole pictures", tiny=32, low=0),
    Value("crops_per_pair", 8, "crops of each pair in an epoch", tiny=1, low=1),
    Value("seeds", 1, "trainings of each variant, from --seed on", low=1, high=100),
]
COMMON = dict(  # what every variant has, but for what is compared
    dropout=False,
    decay_from=0,
    skips=False,
    varied_sizes=False,
    end_kernel=7,
    average=0,
    fast=True,
    report_every=1000000,
    learning_rate=5e-4,
    head="residual",
    norm="switch",
    pixel_weight=1,
    ssim_weight=0,
    perceptual_weight=0,
    adversarial_weight=0,
)
VARIANTS = {
    "head": {"printed head": dict(head="printed"), "paper's head": dict()},
    "norm": {
        "switchable": dict(),
        "batch": dict(norm="batch"),
        "instance": dict(norm="instance"),
        "none": dict(norm="none"),
    },
    "critic": {
        "content only": dict(),
        "printed critic": dict(adversarial_weight=0.01, critic="printed"),
        "WGAN-GP": dict(adversarial_weight=0.01, critic="wgan-gp"),
    },
    "vgg": {  # the paper's weight, beside a little of the pixels
        "no VGG": dict(),
        "printed scaling": dict(vgg="printed", perceptual_weight=0.1),
        "right scaling": dict(vgg=None, perceptual_weight=0.001),
    },
}
COLUMNS = ["variant", "PSNR", "SSIM", "PSNR gained", "SSIM gained", "least", "most", "minutes"]


def values_of(opts, what, variant):
    """The values of ``train.py`` for one variant."""
    values = dict(COMMON, **{row.name: getattr(opts, row.name) for row in VALUES if row.name != "seeds"})
    values.update(VARIANTS[what][variant])
    if values.get("vgg", "") is None:
        values["vgg"] = opts.right_vgg
    if opts.preset == "tiny" and "vgg" in values:
        values["vgg"] = "random"
    return values


def run_folder_of(opts, what, variant, seed):
    """Where the variant is trained: the one that stands at the start of every comparison is trained once, for all."""
    name = "%s-%s" % (what, variant.replace(" ", "-").replace("'", "")) if VARIANTS[what][variant] else "baseline"
    return os.path.join(opts.output_dir, name if seed == opts.seed else "%s-seed-%d" % (name, seed))


def train_variant(opts, what, variant, seed):
    """Trains one variant in its folder, and returns that."""
    folder = run_folder_of(opts, what, variant, seed)
    words = ["--preset", opts.preset, "--output-dir", folder, "--seed", str(seed), "--threads", str(opts.threads)]
    for name, value in sorted(values_of(opts, what, variant).items()):
        words += ["--" + name.replace("_", "-"), str(value)]
    for name in ("data_dir", "vgg_dir"):
        words += ["--" + name.replace("_", "-"), getattr(opts, name)] if getattr(opts, name) else []
    train.main(words)
    return folder


def restore_with(folder, pair_list, threads):
    """The restored pictures of ``pair_list`` by the last weights of a run folder, inference mode."""
    run.start()
    with tf.Session(config=run.session_config(threads)) as session:
        K.set_session(session)
        g, _ = load_generator(os.path.join(folder, "weights", "generator_last.h5"))
        photo = tf.placeholder(tf.float32, [1, None, None, 3])
        output, _ = fast.applied(g, photo)
        return [
            tiles.restore_picture(lambda v: session.run(output, {photo: v}), images.read_rgb(blurred), 1280, 64)
            for blurred, _ in pair_list
        ]


def compare(opts, what):
    """Trains and scores the variants of ``VARIANTS[what]``.

    Returns:
      (held-out pairs, {variant: restored pictures, a list of each seed}, rows of the table ``COLUMNS``).
    """
    results, rows = {}, []
    folder = gopro.image_folder(opts)
    held_out = gopro.find_pairs(os.path.join(folder, "val" if gopro.has_split(folder, "val") else "test"))
    sharp = [images.read_rgb(path) for _, path in held_out]
    blurred = [images.read_rgb(path) for path, _ in held_out]
    before = np.mean([scores(*pair) for pair in zip(sharp, blurred)], axis=0)
    rows.append(["blurred", round(before[0], 3), round(before[1], 4), 0.0, 0.0, "", "", ""])
    for variant in VARIANTS[what]:
        results[variant], after, minutes = [], [], 0.0
        for seed in range(opts.seed, opts.seed + opts.seeds):
            print("--- %s: %s, seed %d" % (what, variant, seed))
            run_folder = train_variant(opts, what, variant, seed)
            minutes += sum(row["minutes"] for row in files.read_json(os.path.join(run_folder, "history.json"), list))
            results[variant].append(restore_with(run_folder, held_out, opts.threads))
            after.append(np.mean([scores(*pair) for pair in zip(sharp, results[variant][-1])], axis=0))
        mean, gains = np.mean(after, axis=0), np.array(after) - before
        numbers = [round(float(value), digits) for value, digits in zip(list(mean) + list(mean - before), (3, 4, 3, 4))]
        extremes = [round(float(value), 3) for value in (gains[:, 0].min(), gains[:, 0].max())]
        rows.append([variant] + numbers + extremes + [round(minutes / opts.seeds, 1)])
    return held_out, results, rows


def panel(held_out, results, index=0):
    """Blurred | each variant (first seed) | sharp of one held-out pair, with captions."""
    blurred, sharp = (images.read_rgb(path) for path in held_out[index])
    cells = [blurred] + [pictures[0][index] for pictures in results.values()] + [sharp]
    names = ["blurred"] + list(results) + ["sharp"]
    return np.vstack([np.hstack(cells), images.label_row(names, blurred.shape[1])])


def add_options(parser):
    parser.add_argument("--compare", choices=sorted(VARIANTS), default="head", help="what is varied [head]")
    parser.add_argument(
        "--right-vgg", default="keras", choices=["keras", "torchvision"], help="what the VGG file wants"
    )
    parser.add_argument("--vgg-dir", help="folder of VGG16's weights [$BOOK_DATA_DIR/vgg16, then data/vgg16]")


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add_options, base="cpu", folder="ablation")
    data = "generated sample" if opts.preset == "tiny" and not opts.data_dir else "real pairs, clips held out"
    record = Record(opts, "%s-%s" % (opts.script, opts.compare), "sections 10.2.3 to 10.2.9", data)
    record.content["settings"].pop("vgg_dir", None)
    held_out, results, rows = compare(opts, opts.compare)
    for row in [COLUMNS] + rows:
        print("%-16s %10s %10s %12s %12s %8s %8s %10s" % tuple(row))
    note = "equal budgets and seeds (%d; least and most: PSNR gained by a seed); held-out pairs; a short training"
    record.table("Compared: %s" % opts.compare, COLUMNS, rows, note % opts.seeds)
    picture = images.write_png(os.path.join(opts.output_dir, "compare-%s.png" % opts.compare), panel(held_out, results))
    record.file(picture, "picture", "Compared: %s" % opts.compare, "比较：%s" % opts.compare)
    record.save()


if __name__ == "__main__":
    options.run(main)
