"""Exercise 10.2.11: every SwitchNormalization replaced by BatchNormalization, same budget, same seeds.

The book sees noise at the top of the batch-norm picture and none with switchable norm. Here both are trained, scored on
held-out pairs in PSNR and SSIM, and the noise is measured: the error's fine grain (what a 3×3 mean takes away) in the top
tenth of the pictures and in the rest.

Reads and writes as ``ext_10_2_9_compare.py --compare norm``, and ``batchnorm.png``: blurred | switchable | batch | sharp.
Time on two cores: tiny a minute, cpu some ten minutes.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
from scipy.ndimage import uniform_filter

from ch10_deblurgan import ext_10_2_9_compare as comparing
from common import images, options
from common.records import Record

PRESETS = comparing.PRESETS


def grain(restored, sharp):
    """Deviation of the error's fine grain (levels of 255) in the top tenth of a picture and in the rest: (top, rest)."""
    error = restored.astype(np.float64) - sharp
    fine = error - uniform_filter(error, size=(3, 3, 1), mode="reflect")
    top = max(1, len(fine) // 10)
    return float(fine[:top].std()), float(fine[top:].std())


def main(argv=None):
    opts = options.parse(
        __doc__, PRESETS, example="deblurgan", argv=argv, add=comparing.add_options, help_texts=comparing.HELP
    )
    record = Record(opts, "ext_10_2_11_batchnorm", "exercise 10.2.11", comparing.data_of(opts))
    record.content["settings"].pop("vgg_dir", None)
    held_out, results, rows = comparing.compare(opts, "norm", ["switchable", "batch"])
    sharp = [images.read_rgb(path) for _, path in held_out]
    pictures = dict(results, blurred=[[images.read_rgb(path) for path, _ in held_out]])
    columns = comparing.COLUMNS + ["grain, top tenth", "grain, rest"]
    for row in rows:
        values = np.mean([grain(*pair) for restored in pictures[row[0]] for pair in zip(restored, sharp)], axis=0)
        row += [round(float(value), 3) for value in values]
    for row in [columns] + rows:
        print("%-12s %8s %8s %12s %12s %8s %8s %8s %17s %12s" % tuple(row))
    record.table(
        "Switchable norm against batch norm",
        columns,
        rows,
        "grain: deviation of the error less its 3×3 mean, levels of 255; equal budgets and seeds, held-out pairs",
    )
    path = images.write_png(os.path.join(opts.output_dir, "batchnorm.png"), comparing.panel(held_out, results))
    record.file(path, "picture", "Blurred, switchable norm, batch norm, sharp", "模糊、可切换归一化、批归一化、清晰")
    record.save()
    return 0


if __name__ == "__main__":
    options.run(main)
