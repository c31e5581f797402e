"""Exercise 10.2.11: every SwitchNormalization of the printed generator replaced by BatchNormalization, retrained, compared.

The book sees noise at the top of the batch-norm picture (figure 10-3) and none with switchable norm (figure 10-2). Here
listing 10-2 is run twice for each of ``--seeds`` seeds, with that one part exchanged, and the restored test pictures are
scored; the noise is measured as the error's fine grain (what a 3×3 mean takes away) in the top tenth and in the rest.

Reads: as listings 10-2 and 10-3. Writes: a run folder a training, ``batchnorm.png`` (blurred, switchable, batch, sharp) and
a record. A training that is done is not done again. Time on two cores: tiny a minute; else see ``code_10_02_train.py``. Small
enough for a processor, three seeds of each norm: ``--reshape 72 128 --ngf 16 --ndf 16 --epoch-num 1 --seeds 3``.
"""

import os

import numpy as np
import tensorflow as tf
from scipy.ndimage import uniform_filter
from tensorflow.keras import backend as K
from tensorflow.keras.layers import BatchNormalization

from ch10_deblurgan import code_10_02_train, code_10_03_deblur
from ch10_deblurgan.code_10_01_models import generator_model
from common import images, keras_weights, options, run
from common.normalization import SwitchNormalization
from common.options import Value
from common.records import Record
from data import gopro

NORMS = {"switchable": SwitchNormalization, "batch": BatchNormalization}
VALUES = code_10_02_train.VALUES + [Value("seeds", 1, "trainings of each norm, from --seed on", low=1, high=100)]
COLUMNS = ["norm", "PSNR", "SSIM", "PSNR gained", "least", "most", "grain, top tenth", "grain, rest"]


def grain(restored, sharp):
    """Deviation of the error's fine grain (levels of 255) in the top tenth of a picture and in the rest: (top, rest)."""
    error = restored.astype(np.float64) - sharp
    fine = error - uniform_filter(error, size=(3, 3, 1), mode="reflect")
    top = max(1, len(fine) // 10)
    return float(fine[:top].std()), float(fine[top:].std())


def arguments_of(opts, folder, seed):
    """The command line of one training by listing 10-2."""
    words = ["--preset", opts.preset, "--output-dir", folder, "--seed", str(seed), "--threads", str(opts.threads)]
    words += ["--data-dir", opts.data_dir] if opts.data_dir else []
    for row in code_10_02_train.VALUES:
        value = getattr(opts, row.name)
        if value is None:
            continue
        words += ["--" + row.name.replace("_", "-")] + [str(item) for item in (value if row.is_list else [value])]
    return words


def restore(folder, norm, opts, pairs):
    """[(blurred, restored, sharp)] of the pairs as listing 10-3 makes them, uint8, with the newest weights of ``folder``."""
    run.start(opts.seed)
    with tf.Session(config=run.session_config(opts.threads)) as sess:
        K.set_session(sess)
        names = tf.placeholder(tf.string), tf.placeholder(tf.string)
        both = code_10_03_deblur._parseone(*names, image_shape=opts.reshape)
        g = generator_model(opts.reshape, False, norm=norm, ngf=opts.ngf, n_blocks_gen=opts.n_blocks_gen)
        keras_weights.load(g, code_10_03_deblur.newest_weights(folder))
        found = []
        for pair in pairs:
            blurred, sharp = sess.run(both, dict(zip(names, pair)))
            generated = g.predict(blurred[np.newaxis])[0]
            found.append([code_10_03_deblur.deprocess_image(picture) for picture in (blurred, generated, sharp)])
        # Keras's function belongs to the session: collected after its end it would throw 'Session has been closed'
        g.predict_function = None
    return found


def row_of(name, pictures_of_seeds):
    """A row of ``COLUMNS``: means over seeds and pictures, and the least and most PSNR that a seed gained."""
    gains, values = [], []
    for pictures in pictures_of_seeds:
        values += [
            (images.psnr(sharp, restored), images.ssim(sharp, restored)) + grain(restored, sharp)
            for _, restored, sharp in pictures
        ]
        gains.append(np.mean([images.psnr(s, r) - images.psnr(s, b) for b, r, s in pictures]))
    psnr, ssim, top, rest = (float(value) for value in np.mean(values, axis=0))
    numbers = [round(float(value), 3) for value in (np.mean(gains), min(gains), max(gains))]
    return [name, round(psnr, 3), round(ssim, 4)] + numbers + [round(top, 3), round(rest, 3)]


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, folder="batchnorm-{preset}")
    pairs = gopro.find_pairs(os.path.join(gopro.image_folder(opts), "test"))
    results = {}
    for name, norm in NORMS.items():
        results[name] = []
        for seed in range(opts.seed, opts.seed + opts.seeds):
            print("--- %s, seed %d" % (name, seed))
            folder = os.path.join(opts.output_dir, "%s-seed-%d" % (name, seed))
            code_10_02_train.main(arguments_of(opts, folder, seed), norm=norm)
            results[name].append(restore(folder, norm, opts, pairs))
    first = results["switchable"][0]
    rows = [row_of("(blurred)", [[(blurred, blurred, sharp) for blurred, _, sharp in first]])]
    rows += [row_of(name, results[name]) for name in NORMS]
    for row in [COLUMNS] + rows:
        print("%-12s %8s %8s %12s %8s %8s %17s %12s" % tuple(row))
    record = Record(opts, opts.script, "exercise 10.2.11", "%d test pairs" % len(pairs))
    record.content["settings"].pop("vgg_dir", None)
    note = (
        "listings 10-2 and 10-3 with one part exchanged; %d seed(s); grain: the error less its 3×3 mean, levels of 255"
    )
    record.table("Switchable norm against batch norm", COLUMNS, rows, note % opts.seeds)
    blurred, _, sharp = first[0]
    cells = np.hstack([blurred] + [results[name][0][0][1] for name in NORMS] + [sharp])
    path = images.write_labelled(
        os.path.join(opts.output_dir, "batchnorm.png"),
        lambda names: np.vstack([cells, images.label_row(names, blurred.shape[1])]),
        ["blurred"] + list(NORMS) + ["sharp"],
    )
    record.file(path, "picture", "Blurred, switchable norm, batch norm, sharp", "模糊、可切换归一化、批归一化、清晰")
    record.save()


if __name__ == "__main__":
    options.run(main)
