"""PSNR and SSIM of restored pairs, a picture and in the mean, beside the blurred input and classical methods.

Reads: pairs ``image/<split>/{A,B}``; weights as ``restore.py``. Writes into the run folder: ``results/<name>.png`` (sharp |
blurred | restored, in the picture's own size), ``scores.csv`` and a record. Time on one core: a second
a picture of 320×180, 20 s one of 1280×720, three quarters of it for the classical methods (``--baselines false``: without).
"""

import os

import numpy as np

from ch10_deblurgan import ext_10_2_12_photos as photos
from ch10_deblurgan.beyond import baselines, restore, tiles
from common import images, options, run, text
from common.errors import UserError
from common.options import Value
from common.records import Record
from data import gopro

VALUES = (
    [
        Value("split", "test", "pair folder to score", choices=["train", "val", "test"]),
        Value("baselines", True, "unsharp mask, Wiener and Richardson-Lucy beside the network"),
    ]
    + restore.RESTORE_VALUES
    + tiles.TILE_VALUES
)


def scores(truth, picture):
    """(PSNR in dB, SSIM) of two uint8 pictures; SSIM: Gaussian 11×11, data range 255. UserError where they are smaller."""
    if min(truth.shape[:2]) < 11:
        raise UserError("a picture of %d×%d is too small for SSIM: 11×11 at least" % (truth.shape[1], truth.shape[0]))
    return images.psnr(truth, picture), images.ssim(truth, picture)


def best_settings(pair_list, grids):
    """For each method the setting with the best mean PSNR: {method: (setting, mean PSNR, mean SSIM)}.

    Pair by pair, so that no more than one is in memory: the test pairs of GOPRO are 6 GB.

    Args:
      grids: {method: [(setting, function, its arguments after the picture)]}, as ``baselines.GRID``.
    """
    candidates = [(method,) + row for method, grid in grids.items() for row in grid]
    found = [[] for _ in candidates]
    for pair in run.progress(pair_list, desc="classical methods", unit="picture"):
        blurred, sharp = (images.read_rgb(path) for path in pair)
        for so_far, (_, _, function, arguments) in zip(found, candidates):
            so_far.append(scores(sharp, function(blurred, *arguments)))
    best = {}
    for so_far, (method, setting, _, _) in zip(found, candidates):
        psnr, ssim = np.mean(so_far, axis=0)
        if method not in best or psnr > best[method][1]:
            best[method] = (setting, float(psnr), float(ssim))
    return best


def chose_the_epoch(split, path):
    """Whether the training that left the weights ``path`` chose its best epoch by the pairs of ``split``, as its record says."""
    folder, name = os.path.split(os.path.abspath(path))
    record = os.path.join(os.path.dirname(folder), "record-train.json")
    if name != "generator_best.h5" or not os.path.exists(record):
        return False
    return options.read_json(record).get("settings", {}).get("held_out") == split


def score_pairs(opts, folder, restored_by, record):
    """The book's panels and the table of scores."""
    pair_list = gopro.find_pairs(os.path.join(folder, opts.split))
    rows = []
    results = os.path.join(opts.output_dir, "results")
    for blurred_path, sharp_path in run.progress(pair_list, desc="restoring", unit="picture"):
        blurred, sharp = images.read_rgb(blurred_path), images.read_rgb(sharp_path)
        restored = tiles.restore_picture(
            restored_by, blurred, opts.tile, opts.overlap, photos.side_by_side(opts.threads)[0]
        )
        name = photos.stem_of(blurred_path)
        rows.append([name] + list(scores(sharp, blurred)) + list(scores(sharp, restored)))
        # Erratum E64: the print squeezes pictures of any size to 640×360; here they keep theirs
        images.write_png(os.path.join(results, name + ".png"), np.hstack([sharp, blurred, restored]))
        if len(rows) <= 3:
            before = images.write_png(os.path.join(results, name + "-blurred.png"), blurred)
            after = images.write_png(os.path.join(results, name + "-restored.png"), restored)
            captions = "%s: blurred and restored" % name, "%s：模糊与复原" % name
            record.file(after, "comparison", *captions, before=before, after=after)
    columns = ["picture", "PSNR blurred", "PSNR restored", "SSIM blurred", "SSIM restored"]
    rows = [[name, round(p0, 3), round(p1, 3), round(s0, 4), round(s1, 4)] for name, p0, s0, p1, s1 in rows]
    mean = np.mean([row[1:] for row in rows], axis=0)
    rows.append(["mean of %d" % (len(rows))] + [round(float(value), 4) for value in mean])
    text.write_csv(os.path.join(opts.output_dir, "scores.csv"), [columns] + rows)
    for row in [columns] + rows:
        print("%-28s %13s %13s %13s %13s" % tuple(row))
    record.table(
        "Scores a picture", columns, rows, "plain SSIM: Gaussian window 11×11, σ 1.5, data range 255, mean of RGB"
    )
    chosen = chose_the_epoch(opts.split, restore.choose_weights(opts))
    note = "the training chose its best epoch by the pairs of '%s': this flatters" % opts.split if chosen else ""
    record.metric("PSNR of the blurred pictures", round(float(mean[0]), 3), "dB")
    record.metric("PSNR of the restored pictures", round(float(mean[1]), 3), "dB", note=note)
    record.metric("PSNR gained", round(float(mean[1] - mean[0]), 3), "dB", note=note)
    record.metric("SSIM of the blurred pictures", round(float(mean[2]), 4))
    record.metric("SSIM of the restored pictures", round(float(mean[3]), 4), note=note)
    record.metric("SSIM gained", round(float(mean[3] - mean[2]), 4), note=note)
    print("gained: %+.2f dB PSNR, %+.4f SSIM" % (mean[1] - mean[0], mean[3] - mean[2]))
    if note:
        print("note: " + note)
    if opts.baselines:
        compare_with_baselines(folder, pair_list, mean, record)


def compare_with_baselines(folder, pair_list, mean, record):
    """The table of the three classical methods, and of a mere change of brightness, beside the network."""
    table = [["blurred", "", round(mean[0], 3), round(mean[2], 4)]]
    grids = dict(baselines.GRID)
    if gopro.has_split(folder, "train"):
        train_pairs = run.progress(
            gopro.find_pairs(os.path.join(folder, "train"))[:200], desc="brightness", unit="picture"
        )
        change = baselines.brightness_change([images.read_rgb(path) for path in pair] for pair in train_pairs)
        setting = "training mean, %+.1f levels" % np.mean(change)
        grids = {"brightness only": [(setting, baselines.brightness, (change,))], **grids}
    for method, (setting, psnr, ssim) in best_settings(pair_list, grids).items():
        table.append([method, setting, round(psnr, 3), round(ssim, 4)])
    table.append(["DeblurGAN", "", round(mean[1], 3), round(mean[3], 4)])
    columns = ["method", "setting", "PSNR", "SSIM"]
    for row in [columns] + table:
        print("%-16s %-28s %10s %10s" % tuple(row))
    note = "each with that one setting of its grid that is best on these very pictures"
    record.table("Beside classical methods", columns, table, note)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, restore.add_weights_option, base="cpu")
    tiles.check_tiles(opts)
    run.start(opts.seed)
    folder = gopro.image_folder(opts)
    data = "generated sample" if opts.preset == "tiny" and not opts.data_dir else "pairs of '%s'" % opts.split
    record = Record(opts, opts.script, "listing 10-3, beyond", data)
    record.content["settings"].pop("weights", None)  # where it lay says nothing about the result
    with photos.open_session(opts.threads) as sess:
        score_pairs(opts, folder, restore.restorer(sess, opts), record)
    print("record: %s" % record.save())


if __name__ == "__main__":
    options.run(main)
