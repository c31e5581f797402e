"""Listing 10-2 (sections 10.2.6 to 10.2.9): trains the DeblurGAN.

Reads: pairs ``image/train/{A,B}/*.png`` (A blurred, B sharp, equal names; ``ext_10_2_1_layout.py`` lays them out); VGG16's
weights (``python -m data fetch vgg16``). Writes into the run folder: ``weights/<month>_<day>/generator_<epoch>_<loss>.h5`` and
``discriminator_<epoch>.h5`` (61 MB an epoch, as printed), ``log.txt``, ``checkpoints/`` (the same command goes on from there) and
a record. Time on two cores: tiny half a minute; at the printed size minutes an iteration, and much memory: for a graphics card.

Differs from the print: E54, E56, E58, E61; E55, E57, E59, E60 are kept as printed. The text errs: E114, E116.
Beyond it: ``beyond/train.py`` (a better recipe for a processor; this one in less time or less memory).
Next: ``code_10_03_deblur.py``; ``ext_10_2_11_batchnorm.py``.
"""

import datetime
import itertools
import os
from functools import partial
from glob import escape, glob

import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K
from tensorflow.keras import models as KM
from tensorflow.keras.applications.vgg16 import VGG16
from tensorflow.keras.optimizers import Adam

from ch10_deblurgan import code_10_01_models as deblurmodel
from common import keras_weights, options, run
from common.normalization import SwitchNormalization
from common.options import Value
from data import gopro, vgg16

generator_model = deblurmodel.generator_model
discriminator_model = deblurmodel.discriminator_model
g_containing_d_multiple_outputs = deblurmodel.g_containing_d_multiple_outputs

RESHAPE = (360, 640)  # height, width
epoch_num = 500
batch_size = 4
critic_updates = 5
BASE_DIR = "weights/"

VALUES = [
    Value("reshape", list(RESHAPE), "height and width of the pictures", tiny=[32, 48], count=2, low=32, high=4096),
    Value("epoch_num", epoch_num, "passes over the pairs", tiny=2, low=1, fixed=False),
    Value("batch_size", batch_size, "pairs in a batch", tiny=2, low=1, high=1024),
    Value("critic_updates", critic_updates, "steps of the critic to one of the generator", tiny=2, low=1, high=1000),
    Value(
        "vgg_dir",
        None,
        "folder of VGG16's weights; none: $BOOK_DATA_DIR/vgg16, then data/vgg16",
        fixed=False,
        more=True,
    ),
] + deblurmodel.NETWORK_VALUES


def save_all_weights(d, g, epoch_number, current_loss, folder=""):
    """Writes both networks' weights below ``folder`` (10.2.6).

    Erratum E59: the day and the loss are in the names, as printed; listing 10-3 looks for the newest here.
    """
    now = datetime.datetime.now()
    save_dir = os.path.join(folder, BASE_DIR, f"{now.month}_{now.day}")
    generator_name = f"generator_{epoch_number}_{current_loss}.h5"
    keras_weights.save(g, os.path.join(save_dir, generator_name))
    keras_weights.save(d, os.path.join(save_dir, f"discriminator_{epoch_number}.h5"))


def _processimg(imgname, image_shape=RESHAPE):
    """A file's name → its picture (10.2.7): float32 ``[h, w, 3]``, −1…1, resized as TensorFlow 1 does (bilinear)."""
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


def wasserstein_loss(y_true, y_pred):
    """Mean of label times critic value (10.2.7); labels: +1 sharp, −1 restored. See erratum E57."""
    return K.mean(y_true * y_pred)


def perceptual_loss(y_true, y_pred, image_shape, weights=None):
    """Mean square difference of the features ``block3_conv3`` of VGG16 (10.2.8) of two batches of pictures, −1…1.

    Erratum E55: the weights want other input than RGB in −1…1, which they get here as printed; see ``beyond/train.py``.
    """
    vgg = VGG16(include_top=False, weights=None, input_shape=(image_shape[0], image_shape[1], 3))
    loss_model = KM.Model(inputs=vgg.input, outputs=vgg.get_layer("block3_conv3").output)
    loss_model.load_weights(weights or vgg16.find(), by_name=True)
    loss_model.trainable = False
    return K.mean(K.square(loss_model(y_true) - loss_model(y_pred)))


def pre_train_epoch(sess, iterator, datatensor, critic_updates=critic_updates, this=None):
    """One epoch (10.2.9) of the models ``g``, ``d`` and ``d_on_g`` that ``main`` has made.

    Returns:
      (mean of the critic's losses, mean of the generator's). Erratum E58: the latter are [total, perceptual, adversarial], and
      the printed figure is the mean of all three; at the end of the epoch they are shown apart.
    """
    d_losses, d_on_g_losses = [], []
    sess.run(iterator.initializer)
    numbers = itertools.count(1)
    for index in this.bar(numbers, unit="batch") if this else numbers:
        if this and this.stopping:
            break
        try:
            (image_blur_batch, image_full_batch) = sess.run(datatensor)
        except tf.errors.OutOfRangeError:
            break
        # Erratum E56: labels as long as the batch; the printed arrays of batch_size do not fit a shorter last one
        ones = np.ones((len(image_blur_batch), 1))
        output_true_batch, output_false_batch = ones, -ones

        generated_images = g.predict(x=image_blur_batch)

        for _ in range(critic_updates):
            d_loss_real = d.train_on_batch(image_full_batch, output_true_batch)
            d_loss_fake = d.train_on_batch(generated_images, output_false_batch)
            d_loss = 0.5 * np.add(d_loss_fake, d_loss_real)
            d_losses.append(d_loss)

        d.trainable = False
        d_on_g_loss = d_on_g.train_on_batch(image_blur_batch, [image_full_batch, output_true_batch])
        d_on_g_losses.append(d_on_g_loss)
        d.trainable = True
        if this:
            this.check(index, unit="batch", generator_loss=d_on_g_loss[0])
        if index % 10 == 0:
            print(index, np.mean(d_losses), np.mean(d_on_g_losses), flush=True)
    if d_on_g_losses:
        print("total %.5f, perceptual %.5f, adversarial %.5f" % tuple(np.mean(d_on_g_losses, axis=0)))
    return np.mean(d_losses), np.mean(d_on_g_losses)


def main(argv=None, norm=SwitchNormalization):
    """``norm`` is the part that exercise 10.2.11 exchanges."""
    global g, d, d_on_g, myperceptual_loss  # as in the print, where pre_train_epoch finds them
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    run.start(opts.seed)
    vgg_file = vgg16.find(opts.vgg_dir, sample=opts.preset == "tiny")
    path = os.path.join(gopro.image_folder(opts), "train")
    A_paths, B_paths = (os.path.join(escape(path), part, "*.png") for part in ("A", "B"))
    # Erratum E54: paired by name, not by the place in a list
    A_fnames, B_fnames = zip(*gopro.paired(glob(A_paths), glob(B_paths), formats=("PNG", "JPEG"), folder=path))
    dataset = tf.data.Dataset.from_tensor_slices((list(A_fnames), list(B_fnames)))
    # the seed is drawn anew in each pass: else equal runs would have equal passes, too
    seed = tf.random_uniform([], maxval=tf.int64.max, dtype=tf.int64)
    dataset = dataset.shuffle(buffer_size=len(A_fnames), seed=seed)
    dataset = dataset.map(partial(_parseone, image_shape=opts.reshape))
    dataset = dataset.batch(opts.batch_size)
    dataset = dataset.prefetch(1)

    with run.Run(opts) as this:
        K.set_session(tf.Session(config=run.session_config(opts.threads)))
        g = generator_model(opts.reshape, norm=norm, ngf=opts.ngf, n_blocks_gen=opts.n_blocks_gen)
        d = discriminator_model(opts.reshape, ndf=opts.ndf)
        d_on_g = g_containing_d_multiple_outputs(g, d, opts.reshape)

        d_opt = Adam(lr=1e-4, beta_1=0.9, beta_2=0.999, epsilon=1e-08)
        d_on_g_opt = Adam(lr=1e-4, beta_1=0.9, beta_2=0.999, epsilon=1e-08)

        d.trainable = True
        d.compile(optimizer=d_opt, loss=wasserstein_loss)
        d._make_train_function()  # so that the optimizer's variables are there to be restored; d_on_g's below
        d.trainable = False

        myperceptual_loss = partial(perceptual_loss, image_shape=opts.reshape, weights=vgg_file)
        myperceptual_loss.__name__ = "myperceptual_loss"  # doubtful: perhaps a line that the scan lost
        loss = [myperceptual_loss, wasserstein_loss]
        loss_weights = [100, 1]
        d_on_g.compile(optimizer=d_on_g_opt, loss=loss, loss_weights=loss_weights)
        d_on_g._make_train_function()
        d.trainable = True

        iterator = dataset.make_initializable_iterator()
        datatensor = iterator.get_next()

        config = tf.ConfigProto()
        config.gpu_options.allow_growth = True
        config.gpu_options.per_process_gpu_memory_fraction = 0.5
        sess = tf.Session(config=config)

        # Erratum E61: the printed global_variables_initializer throws VGG16's weights away
        run.initialize_uninitialized(K.get_session())
        saver = tf.train.Saver([v for v in tf.global_variables() if "/block" not in v.name], max_to_keep=2)
        first = this.restore(saver, K.get_session())
        for _ in range(first):  # the orders of the passes that are done
            sess.run(seed)
        record = this.record("listing 10-2", "%d pairs" % len(A_fnames))
        for epoch in this.steps(
            first, opts.epoch_num, desc=None, unit="it"
        ):  # tqdm(range(epoch_num)), from where it was
            dloss, gloss = pre_train_epoch(sess, iterator, datatensor, opts.critic_updates, this)
            if this.stopping:
                this.save(saver, K.get_session(), epoch)  # what was learnt; the epoch begins again
                break
            # Erratum E60: only ever appended to, as printed; in a folder that belongs to this run
            with open(os.path.join(opts.output_dir, "log.txt"), "a+", encoding="utf-8") as f:
                f.write(f"{epoch} - {dloss} - {gloss}\n")
            save_all_weights(d, g, epoch, int(gloss), opts.output_dir)
            this.save(saver, K.get_session(), epoch + 1)
            record.metric("epochs", epoch + 1)
            record.metric("critic's loss, last epoch", round(float(dloss), 5), printed="-0.49999")
            record.metric("generator's losses, mean of the three, last epoch", round(float(gloss), 3), printed="665.68")
            record.save()
        sess.close()


if __name__ == "__main__":
    options.run(main)
