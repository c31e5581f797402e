"""Listing 10-1, sections 10.2.3 to 10.2.5: generator, critic and the two joined.

The generator takes a blurred picture and gives the restored one, both −1…1; the critic tells sharp pictures from restored
ones. Run as a script it builds both at the printed size and prints their layers (a few seconds on two cores).

Reads: nothing. Writes: a record of the sizes into the run folder. Next: ``ext_10_2_1_layout.py`` to lay the pictures
out, then ``code_10_02_train.py``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import tensorflow as tf
from tensorflow.keras.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    Lambda,
    LeakyReLU,
    UpSampling2D,
)
from tensorflow.keras.models import Model

from ch10_deblurgan.fast import NarrowConv2D, RepeatableDropout, UpConv2D, WinogradConv2D
from common import options, training
from common.normalization import InstanceNormalization, SwitchNormalization
from common.records import Record

ngf = 64  # filters of the generator's first layer
ndf = 64  # filters of the critic's first layer
input_nc = 3
output_nc = 3
n_blocks_gen = 9  # Erratum E51: the text of 10.2.3 says 5; listing and paper have 9

PRESETS = {
    "book": dict(ngf=ngf, n_blocks=n_blocks_gen, ndf=ndf, height=360, width=640),
    "cpu": dict(ngf=32, n_blocks=4, ndf=32, height=96, width=96),
    "tiny": dict(ngf=8, n_blocks=1, ndf=8, height=32, width=48),
}

# Extra: what can stand in the places of SwitchNormalization; `batch` is exercise 10.2.11, `instance` the paper.
NORMS = {
    "switch": SwitchNormalization,
    "batch": BatchNormalization,
    "instance": InstanceNormalization,
    "none": lambda: Lambda(lambda x: x),
}
HEADS = ("printed", "residual")
GENERATOR_SETTINGS = (
    "ngf",
    "n_blocks",
    "norm",
    "head",
    "end_kernel",
    "skips",
)  # of `generator_model`, beside the shape
CRITICS = ("printed", "wgan-gp")


def res_block(
    input, filters, kernel_size=(3, 3), strides=(1, 1), use_dropout=False, norm="switch", conv=Conv2D, drop=None
):
    """Residual block (10.2.3): conv, SN, ReLU, (dropout 0.5), conv, SN, plus the input.

    Args:
      input: ``[N, H, W, filters]``.
      norm: a key of ``NORMS`` (extra).
      conv: the layer class of the convolutions (extra).
      drop: another dropout layer than Keras's (extra).

    Returns:
      ``[N, H, W, filters]``.
    """
    x = conv(filters, kernel_size, strides=strides, padding="same")(input)
    x = NORMS[norm]()(x)
    x = Activation("relu")(x)
    if use_dropout:
        x = (drop or Dropout(0.5))(x)
    x = conv(filters, kernel_size, strides=strides, padding="same")(x)
    x = NORMS[norm]()(x)
    return Add()([x, input])


def generator_model(
    image_shape,
    istrain=True,
    ngf=ngf,
    n_blocks=n_blocks_gen,
    norm="switch",
    head="printed",
    end_kernel=7,
    skips=False,
    fast=False,
    dropout_seed=None,
):
    """The generator (10.2.3).

    Args:
      image_shape: (height, width, 3); height and width multiples of 4, or None for any such size (10.2.12).
      istrain: whether the residual blocks have dropout. It has no weights: a file of one loads into the other.
      ngf, n_blocks: first layer's filters, number of residual blocks.
      norm: a key of ``NORMS`` (extra).
      head: ``printed``: (input + tanh) / 2, which must re-create the whole picture to return its own input;
        ``residual`` (extra, the paper's): input + tanh, clipped to −1…1, where doing nothing is free.
      end_kernel: size of the last convolution; with 7 it alone takes a third of a training step on a processor, for it
        has just three outputs (extra).
      skips: what was there before each downsampling is added again after the upsampling to the same size, so that fine
        detail need not go through the narrow middle (extra; DeblurGAN's successors do so, e.g. arXiv 1908.03826).
      fast: the convolutions of the blocks, the upsampling ones and the last by the layers of ``fast.py`` (extra): the same
        function and the same weights.
      dropout_seed: an integer tensor from which it follows what dropout drops (extra, for ``--recompute``).

    Returns:
      A Keras model ``[N, H, W, 3]`` → ``[N, H, W, 3]``, both −1…1.
    """
    wide, narrow = (WinogradConv2D, NarrowConv2D) if fast else (Conv2D, Conv2D)
    inputs = Input(shape=image_shape)
    x = Conv2D(ngf, (7, 7), padding="same")(inputs)
    x = NORMS[norm]()(x)
    x = Activation("relu")(x)
    n_downsampling = 2
    before = []
    for i in range(n_downsampling):
        before.append(x)
        x = Conv2D(ngf * 2 ** (i + 1), (3, 3), strides=(2, 2), padding="same")(x)
        x = NORMS[norm]()(x)
        x = Activation("relu")(x)
    for i in range(n_blocks):
        drop = None if dropout_seed is None else RepeatableDropout(0.5, tf.stack([i, tf.to_int32(dropout_seed)]))
        x = res_block(x, ngf * 2**n_downsampling, use_dropout=istrain, norm=norm, conv=wide, drop=drop)
    for i in reversed(range(n_downsampling)):
        if fast:
            x = UpConv2D(ngf * 2**i, (3, 3), padding="same")(x)
        else:
            x = UpSampling2D()(x)
            x = Conv2D(ngf * 2**i, (3, 3), padding="same")(x)
        x = NORMS[norm]()(x)
        x = Activation("relu")(x)
        if skips:
            x = Add()([x, before[i]])
    if head == "printed":
        x = narrow(output_nc, (end_kernel, end_kernel), padding="same")(x)
        x = Activation("tanh")(x)
        outputs = Add()([x, inputs])
        outputs = Lambda(lambda z: z / 2)(outputs)
    else:  # Extra: zero weights at the start, so that training starts from 'give the input back'
        x = narrow(output_nc, (end_kernel, end_kernel), padding="same", kernel_initializer="zeros")(x)
        x = Activation("tanh")(x)
        outputs = Add()([x, inputs])
        outputs = Lambda(lambda z: tf.clip_by_value(z, -1.0, 1.0))(outputs)
    return Model(inputs=inputs, outputs=outputs, name="Generator")


def discriminator_model(image_shape, ndf=ndf, critic="printed", fast=False):
    """The critic (10.2.4), tied to ``image_shape`` by its dense layer.

    Erratum E65: 10.2.12 says that no weight depends on the picture's size; that is so for the generator alone.

    Args:
      image_shape: (height, width, 3).
      ndf: filters of the first layer.
      critic: ``printed``: batch norm and a sigmoid at the end; ``wgan-gp`` (extra, the paper's): instance norm, because
        the gradient penalty is one of each picture alone, and a linear end.
      fast: the last convolution by the layer of ``fast.py`` (extra).

    Returns:
      A Keras model ``[N, H, W, 3]`` → ``[N, 1]``.
    """
    norm = BatchNormalization if critic == "printed" else InstanceNormalization
    n_layers = 3
    inputs = Input(shape=image_shape)
    x = Conv2D(ndf, (4, 4), strides=(2, 2), padding="same")(inputs)
    x = LeakyReLU(0.2)(x)
    for n in range(n_layers):
        x = Conv2D(ndf * min(2**n, 8), (4, 4), strides=(2, 2), padding="same")(x)
        x = norm()(x)
        x = LeakyReLU(0.2)(x)
    # Erratum E52: the text of 10.2.4 calls these 1×1 convolutions; they are 4×4 with stride 1
    x = Conv2D(ndf * min(2**n_layers, 8), (4, 4), strides=(1, 1), padding="same")(x)
    x = norm()(x)
    x = LeakyReLU(0.2)(x)
    x = (NarrowConv2D if fast else Conv2D)(1, (4, 4), strides=(1, 1), padding="same")(x)
    x = Flatten()(x)
    x = Dense(1024, activation="tanh")(x)
    x = Dense(1, activation="sigmoid" if critic == "printed" else None)(x)
    return Model(inputs=inputs, outputs=x, name="Discriminator")


def g_containing_d_multiple_outputs(generator, discriminator, image_shape):
    """The joint model (10.2.5): blurred picture → [restored picture, the critic's value of it].

    Erratum E53: how the critic is frozen in it stands in section 10.2.9, not in 10.2.10 as the text says.
    """
    inputs = Input(shape=image_shape)
    generated_image = generator(inputs)
    outputs = discriminator(generated_image)
    return Model(inputs=inputs, outputs=[generated_image, outputs])


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="deblurgan", argv=argv)
    training.start(opts.seed)
    image_shape = (opts.height, opts.width, input_nc)
    generator = generator_model(image_shape, ngf=opts.ngf, n_blocks=opts.n_blocks)
    critic = discriminator_model(image_shape, ndf=opts.ndf)
    generator.summary()
    critic.summary()
    g_containing_d_multiple_outputs(generator, critic, image_shape)
    record = Record(opts, "code_10_01_models", "listing 10-1", "no data")
    record.metric("values of the generator", generator.count_params())
    record.metric("values of the critic", critic.count_params())
    print("generator %s values, critic %s values" % (generator.count_params(), critic.count_params()))
    record.save()


if __name__ == "__main__":
    options.run(main)
