"""Listing 10-3 (section 10.2.10): restores the test pictures with the generator of listing 10-2.

Reads: pairs ``image/test/{A,B}/*.png``; the newest ``generator_….h5`` of the run folder (in the book the reader copies it beside
the script), or ``--weights``. Writes into the run folder: ``results<batch><index>.png``, 1920×360, sharp | blurred | restored
(figure 10-1), and a record. Time on two cores: tiny seconds, the printed size some ten seconds a picture.

Differs from the print: E54, E62; E64 is kept as printed. Another size: ``--reshape`` (multiples of 4, E63). The text errs: E115.
Beyond it: ``beyond/restore.py`` (photos of any size, weights that come with the project), ``beyond/evaluate.py`` (PSNR, SSIM).
Next: ``ext_10_2_11_batchnorm.py``.
"""

import os
import re
from functools import partial
from glob import escape, glob

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow.keras import backend as K

from ch10_deblurgan import code_10_01_models as deblurmodel
from common import images, keras_weights, options, run
from common.errors import UserError
from common.options import Value
from common.records import Record
from data import gopro

generator_model = deblurmodel.generator_model


def deprocess_image(img):
    """Network values −1…1, of one picture or a batch, as uint8."""
    # Erratum E62: the print casts without clipping or rounding, so values beyond the ends wrap round
    return images.to_uint8(img)


batch_size = 4
RESHAPE = (360, 640)  # line 14, which 10.2.12 means

VALUES = [
    Value("reshape", list(RESHAPE), "height and width of the pictures", tiny=[32, 48], count=2, low=4, high=4096),
    Value("batch_size", batch_size, "pictures in a batch; names of results are for 10", low=1, high=10),
    Value("weights", None, "file of a generator's weights; none: the newest of the run folder"),
] + deblurmodel.GENERATOR_VALUES


def _processimg(imgname, image_shape=RESHAPE):
    """As in 10-2: a file's name → its picture, float32 ``[h, w, 3]``, −1…1."""
    image_string = tf.read_file(imgname)
    image_decoded = tf.image.decode_image(image_string, channels=3)
    image_decoded.set_shape([None, None, None])
    img = tf.image.resize(image_decoded, image_shape)
    img = (img - 127.5) / 127.5
    return img


def _parseone(A_fname, B_fname, image_shape=RESHAPE):
    """Names of a pair → (blurred, sharp)."""
    image_A = _processimg(A_fname, image_shape)
    image_B = _processimg(B_fname, image_shape)
    return image_A, image_B


def newest_weights(folder):
    """The generator of the last epoch that 10-2 wrote below ``folder`` (in print the reader copies it)."""
    found = glob(os.path.join(escape(folder), "weights", "*", "generator_*.h5"))
    if not found:
        raise UserError("no trained generator in %s: run ch10_deblurgan/code_10_02_train.py first" % folder)
    return max(found, key=lambda path: [int(number) for number in re.findall(r"\d+", os.path.basename(path))])


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    run.start(opts.seed)
    weights = opts.weights or newest_weights(opts.output_dir)
    if not opts.weights:
        if opts.explicit & {"ngf", "n_blocks_gen"}:
            raise UserError("--ngf and --n-blocks-gen are for --weights: the run in %s has its own" % opts.output_dir)
        saved = options.load_values(opts.output_dir, deblurmodel.GENERATOR_VALUES, "ch10_deblurgan/code_10_02_train.py")
        opts.ngf, opts.n_blocks_gen = saved.ngf, saved.n_blocks_gen
    path = os.path.join(gopro.image_folder(opts), "test")
    A_paths, B_paths = (os.path.join(escape(path), part, "*.png") for part in ("A", "B"))
    # Erratum E54: paired by name, not by the place in a list
    A_fnames, B_fnames = zip(*gopro.paired(glob(A_paths), glob(B_paths), formats=("PNG", "JPEG"), folder=path))
    dataset = tf.data.Dataset.from_tensor_slices((list(A_fnames), list(B_fnames)))
    dataset = dataset.map(partial(_parseone, image_shape=opts.reshape))
    dataset = dataset.batch(opts.batch_size)
    dataset = dataset.prefetch(1)

    iterator = dataset.make_initializable_iterator()
    datatensor = iterator.get_next()

    K.set_session(tf.Session(config=run.session_config(opts.threads)))
    g = generator_model(opts.reshape, False, ngf=opts.ngf, n_blocks_gen=opts.n_blocks_gen)
    keras_weights.load(g, weights)

    config = tf.ConfigProto()
    config.gpu_options.allow_growth = True
    config.gpu_options.per_process_gpu_memory_fraction = 0.5
    sess = tf.Session(config=config)
    sess.run(iterator.initializer)

    record = Record(opts, opts.script, "listing 10-3", "%d test pairs" % len(A_fnames))
    ii = 0
    while True:
        try:
            (x_test, y_test) = sess.run(datatensor)
        except tf.errors.OutOfRangeError:
            break
        generated_images = g.predict(x=x_test, batch_size=opts.batch_size)
        generated = deprocess_image(generated_images)
        x_test = deprocess_image(x_test)
        y_test = deprocess_image(y_test)
        print(len(generated))
        for i in range(len(generated)):
            y = y_test[i]
            x = x_test[i]
            img = generated[i]
            output = np.concatenate((y, x, img), axis=1)
            im = Image.fromarray(output)
            im = im.resize((640 * 3, 360))  # Erratum E64: whatever the size was; kept as printed
            name = "results%d%d.png" % (ii, i)
            print(name)
            images.write_png(os.path.join(opts.output_dir, name), np.asarray(im))
            record.file(os.path.join(opts.output_dir, name), "picture", "Sharp, blurred, restored", "清晰、模糊、复原")
        ii += 1
    record.save()
    sess.close()


if __name__ == "__main__":
    options.run(main)
