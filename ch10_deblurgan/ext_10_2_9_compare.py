"""Sections 10.2.3 to 10.2.9: the choices of the print beside the paper's, one at a time, equal budgets and seeds.

``--compare head``: printed head (input + tanh)/2 or the paper's input + tanh. ``norm``: switchable, batch, instance norm
or none. ``critic``: content loss only, printed (sigmoid) critic, WGAN-GP. ``vgg``: no VGG, printed scaling, the scaling that
the weights want (``--right-vgg``: keras for Keras's file, torchvision for that project's).

Each variant is a short training of its own by ``code_10_02_train.py`` with that one thing changed, then scored on held-out
pairs; with ``--seeds 3`` three of them, so that the table shows what is chance (the means, and the least and the most that a
seed gained). A variant that is trained is not trained again, and the one that all comparisons have in common (the paper's head,
switchable norm, pixels alone) is trained once.

Reads: as ``code_10_02_train.py``. Writes: a run folder a variant, ``compare-<what>.png``, a record. Time on two cores: tiny half
a minute a variant, cpu some five minutes a variant. Next: ``ext_10_2_11_batchnorm.py``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K

from ch10_deblurgan import code_10_02_train, pairs
from ch10_deblurgan import code_10_03_deblur as deblur
from common import images, options, training
from common.errors import UserError
from common.records import Record

PRESETS = {
    "book": dict(epoch_num=500, batch_size=4, ngf=64, n_blocks=9, ndf=64, crop=0, crops_per_pair=1, seeds=1),
    "cpu": dict(epoch_num=3, batch_size=4, ngf=16, n_blocks=3, ndf=16, crop=64, crops_per_pair=8),
    "tiny": dict(epoch_num=1, batch_size=4, ngf=4, n_blocks=1, ndf=4, crop=32, crops_per_pair=1),
}
HELP = dict(
    epoch_num="epochs of each variant",
    crop="side of the crops; 0: whole pictures",
    seeds="trainings of each variant, from --seed on",
)

VARIANTS = {
    "head": {"printed head": ["--head", "printed"], "paper's head": ["--head", "residual"]},
    "norm": {
        "switchable": ["--norm", "switch"],
        "batch": ["--norm", "batch"],
        "instance": ["--norm", "instance"],
        "none": ["--norm", "none"],
    },
    "critic": {
        "content only": ["--adversarial-weight", "0"],
        "printed critic": ["--adversarial-weight", "0.01", "--critic", "printed"],
        "WGAN-GP": ["--adversarial-weight", "0.01", "--critic", "wgan-gp"],
    },
    "vgg": {"no VGG": [], "printed scaling": ["--vgg", "printed"], "right scaling": ["--vgg", None]},
}


def arguments_of(opts, what, variant, folder, seed):
    """The command line of one variant's training."""
    base = ["--preset", opts.preset, "--output-dir", folder, "--seed", str(seed), "--threads", str(opts.threads)]
    base += ["--data-dir", opts.data_dir] if opts.data_dir else []
    for key in sorted(set(PRESETS["book"]) - {"seeds"}):
        base += ["--" + key.replace("_", "-"), str(getattr(opts, key))]
    base += [
        "--dropout",
        "false",
        "--decay-from",
        "0",
        "--ssim-weight",
        "0",
        "--skips",
        "false",
        "--varied-sizes",
        "false",
        "--fast",
        "true",
        "--report-every",
        "1000000",
        "--learning-rate",
        "5e-4",
    ]
    if what != "head":
        base += ["--head", "residual"]
    if what != "norm":
        base += ["--norm", "switch"]
    if what != "vgg" or variant == "no VGG":
        base += ["--perceptual-weight", "0", "--pixel-weight", "1"]
    else:  # the paper's weight, beside a little of the pixels
        base += ["--perceptual-weight", "0.1" if variant == "printed scaling" else "0.001", "--pixel-weight", "1"]
    if what != "critic":
        base += ["--adversarial-weight", "0"]
    extra = [opts.right_vgg if word is None else word for word in VARIANTS[what][variant]]
    if opts.preset == "tiny" and "--vgg" in extra:
        extra[extra.index("--vgg") + 1] = "random"
    return base + extra + (["--vgg-dir", opts.vgg_dir] if opts.vgg_dir else [])


def run_folder_of(opts, what, variant, seed):
    """Where the variant is trained: the one that stands at the start of every comparison is trained once, for all."""

    def choices(*names):
        words = arguments_of(opts, *names, folder="", seed=seed)
        return sorted(zip(words[::2], words[1::2]))

    name = "%s-%s" % (what, variant.replace(" ", "-").replace("'", ""))
    if choices(what, variant) == choices("critic", "content only"):
        name = "baseline"
    return os.path.join(opts.output_dir, name if seed == opts.seed else "%s-seed-%d" % (name, seed))


def restore_with(folder, pair_list, threads):
    """The restored pictures of ``pair_list`` by the last weights of a run folder, inference mode."""
    training.start()
    K.clear_session()
    with tf.Session(config=training.session_config(threads)) as session:
        K.set_session(session)
        settings = options.load_settings(folder, "ch10_deblurgan/code_10_02_train.py")
        g = deblur.load_generator(os.path.join(folder, "weights", "generator_last.h5"), settings)
        photo = tf.placeholder(tf.float32, [1, None, None, 3])
        output = g(photo, training=False)
        return [
            deblur.restore_picture(
                lambda values: session.run(output, {photo: values}), images.read_rgb(blurred), 1280, 64
            )
            for blurred, _ in pair_list
        ]


def compare(opts, what, variants=None):
    """Trains and scores the variants (all where none are named) of ``VARIANTS[what]``.

    Returns:
      (held-out pairs, {variant: restored pictures, a list of each seed}, rows of the table ``COLUMNS``).
    """
    if opts.seeds < 1:
        raise UserError("--seeds %d: one at least" % opts.seeds)
    results, rows = {}, []
    folder = pairs.image_folder(opts)
    held_out = pairs.find_pairs(os.path.join(folder, "val" if pairs.has_split(folder, "val") else "test"))
    sharp = [images.read_rgb(path) for _, path in held_out]
    blurred = [images.read_rgb(path) for path, _ in held_out]
    before = np.mean([deblur.scores(*pair) for pair in zip(sharp, blurred)], axis=0)
    rows.append(["blurred", round(before[0], 3), round(before[1], 4), 0.0, 0.0, "", "", ""])
    for variant in variants or VARIANTS[what]:
        results[variant], after, minutes = [], [], 0.0
        for seed in range(opts.seed, opts.seed + opts.seeds):
            run_folder = run_folder_of(opts, what, variant, seed)
            print("--- %s: %s, seed %d" % (what, variant, seed))
            K.clear_session()
            code_10_02_train.main(arguments_of(opts, what, variant, run_folder, seed))
            minutes += sum(row["minutes"] for row in options.read_json(os.path.join(run_folder, "history.json")))
            results[variant].append(restore_with(run_folder, held_out, opts.threads))
            after.append(np.mean([deblur.scores(*pair) for pair in zip(sharp, results[variant][-1])], axis=0))
        mean, gains = np.mean(after, axis=0), np.array(after) - before
        numbers = [round(float(value), digits) for value, digits in zip(list(mean) + list(mean - before), (3, 4, 3, 4))]
        extremes = [round(float(value), 3) for value in (gains[:, 0].min(), gains[:, 0].max())]
        rows.append([variant] + numbers + extremes + [round(minutes / opts.seeds, 1)])
    return held_out, results, rows


COLUMNS = ["variant", "PSNR", "SSIM", "PSNR gained", "SSIM gained", "least", "most", "minutes"]


def panel(held_out, results, index=0):
    """Blurred | each variant (first seed) | sharp of one held-out pair, with captions."""
    blurred, sharp = (images.read_rgb(path) for path in held_out[index])
    cells = [blurred] + [pictures[0][index] for pictures in results.values()] + [sharp]
    names = ["blurred"] + list(results) + ["sharp"]
    return np.vstack([np.hstack(cells), images.label_row(names, blurred.shape[1])])


def add_options(parser):
    parser.add_argument("--compare", choices=sorted(VARIANTS), default="head", help="what is varied (default: head)")
    parser.add_argument(
        "--right-vgg", default="keras", choices=["keras", "torchvision"], help="scaling the VGG file wants"
    )
    parser.add_argument("--vgg-dir", help="folder of VGG16's weights")


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="deblurgan", argv=argv, add=add_options, help_texts=HELP)
    if opts.preset == "book" and not opts.data_dir:
        print("preset book trains each variant for the book's 500 epochs: --preset cpu is a few minutes each")
    record = Record(opts, "ext_10_2_9_compare-%s" % opts.compare, "sections 10.2.3 to 10.2.9", data_of(opts))
    record.content["settings"].pop("vgg_dir", None)
    held_out, results, rows = compare(opts, opts.compare)
    for row in [COLUMNS] + rows:
        print("%-16s %10s %10s %12s %12s %8s %8s %10s" % tuple(row))
    note = (
        "equal budgets and seeds (%d; least and most: PSNR gained by a seed); held-out pairs; a short training"
        % opts.seeds
    )
    record.table("Compared: %s" % opts.compare, COLUMNS, rows, note)
    picture = images.write_png(os.path.join(opts.output_dir, "compare-%s.png" % opts.compare), panel(held_out, results))
    record.file(picture, "picture", "Compared: %s" % opts.compare, "比较：%s" % opts.compare)
    record.save()
    return 0


def data_of(opts):
    return "generated sample" if opts.preset == "tiny" and not opts.data_dir else "real pairs, clips held out"


if __name__ == "__main__":
    options.run(main)
