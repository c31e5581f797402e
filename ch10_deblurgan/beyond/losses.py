"""Losses beyond the print: VGG16 with the input that its weights want, SSIM, WGAN-GP's penalty. Pictures are −1…1, RGB."""

import tensorflow as tf
from tensorflow.keras import backend as K
from tensorflow.keras.applications.vgg16 import VGG16
from tensorflow.keras.models import Model

from ch10_deblurgan.beyond import fast as arranged

SCALINGS = ["printed", "keras", "torchvision", "random"]


def vgg_input(pictures, scaling):
    """Pictures as VGG16's weights want them.

    Erratum E55: Keras's weights were trained on BGR, 0…255, mean subtracted (``keras``), but are fed −1…1 RGB (``printed``).
    ``torchvision`` is for that project's weights; ``random`` (no weights at all, for trying out) takes what is printed.
    """
    if scaling == "keras":
        return ((pictures + 1.0) * 127.5 - tf.constant([123.68, 116.779, 103.939]))[..., ::-1]
    if scaling == "torchvision":
        return ((pictures + 1.0) / 2.0 - tf.constant([0.485, 0.456, 0.406])) / tf.constant([0.229, 0.224, 0.225])
    return pictures


def vgg_features(image_shape, scaling="printed", weights_file=None, fast=False):
    """VGG16 up to ``block3_conv3`` (10.2.8), frozen: pictures → features, as a Python function of a tensor.

    Args:
      image_shape: (height, width).
      scaling: one of ``SCALINGS``.
      weights_file: h5 file that ``data.vgg16.check`` has seen; None leaves the weights random.
      fast: its convolutions by Winograd's method.
    """
    vgg = VGG16(include_top=False, weights=None, input_shape=(image_shape[0], image_shape[1], 3))
    model = Model(inputs=vgg.input, outputs=vgg.get_layer("block3_conv3").output)
    model.trainable = False
    if weights_file is not None:
        model.load_weights(weights_file, by_name=True)

    def features(pictures):
        return arranged.applied(model, vgg_input(pictures, scaling), fast=fast)[0]

    features.model = model
    return features


def feature_loss(features, y_true, y_pred):
    """Mean square difference of the features of two batches: listing 10-2's ``perceptual_loss``."""
    return K.mean(K.square(features(y_true) - features(y_pred)))


def structure_loss(y_true, y_pred, window=7, stride=2):
    """1 − SSIM of two batches in flat windows every other pixel (tf.image.ssim costs as much as the network)."""
    channels = y_true.shape[-1].value
    moments = tf.concat([y_true, y_pred, y_true * y_true, y_pred * y_pred, y_true * y_pred], axis=-1)
    means = tf.nn.avg_pool(moments, [1, window, window, 1], [1, stride, stride, 1], "VALID")
    x, y, xx, yy, xy = tf.split(means, [channels] * 5, axis=-1)
    # SSIM's constants for a data range of 2; its luminance part is taken as of pictures in 0…2
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    covariance, variances = xy - x * y, xx - x * x + yy - y * y
    x, y = x + 1.0, y + 1.0
    similarity = (2 * x * y + c1) * (2 * covariance + c2) / ((x * x + y * y + c1) * (variances + c2))
    return 1.0 - tf.reduce_mean(similarity)


def gradient_penalty(critic, real, fake, seed=(0, 0)):
    """WGAN-GP's penalty (arXiv 1704.00028): (‖gradient at a point between real and fake‖ − 1)², mean.

    Args:
      critic: a function of a batch.
      seed: two integers, from which it follows where between the two: a resumed training draws what it would have drawn.
    """
    share = tf.contrib.stateless.stateless_random_uniform(tf.stack([tf.shape(real)[0], 1, 1, 1]), seed)
    between = real + share * (fake - real)
    gradient = tf.gradients(critic(between), between)[0]
    length = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=[1, 2, 3]) + 1e-12)
    return tf.reduce_mean(tf.square(length - 1.0))
