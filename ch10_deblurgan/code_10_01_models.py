"""Listing 10-1 (sections 10.2.3 to 10.2.5): generator, critic, and the two joined.

The generator takes blurred pictures ``[N, H, W, 3]`` and gives restored ones, the critic tells sharp pictures from restored
ones; pictures are −1…1. ``image_shape`` is a pair, height first, as printed: ``(360, 640)``.

Reads: nothing. Writes: a record of the sizes. Time: seconds.
Differs from the print: E63, E112; E57 is kept as printed. The text errs: E51, E52, E53, E65.
Beyond it: ``beyond/generator.py`` (other heads and norms, skips), ``beyond/fast.py`` (the same models, faster).
Next: ``ext_10_2_1_layout.py`` lays the pictures out, ``code_10_02_train.py`` trains.
"""

from tensorflow.keras import layers as KL
from tensorflow.keras import models as KM

from common import options, run
from common.errors import UserError
from common.normalization import SwitchNormalization  # 10.2.2
from common.options import Value
from common.records import Record

ngf = 64  # filters of the generator's first layer
ndf = 64  # filters of the critic's first layer
input_nc = 3
output_nc = 3
n_blocks_gen = 9  # Erratum E51: the text of 10.2.3 says 5; listing and paper have 9

RESHAPE = (360, 640)  # the pictures' size in listings 10-2 and 10-3

GENERATOR_VALUES = [
    Value("ngf", ngf, "filters of the generator's first layer", tiny=8, low=1, high=1024),
    Value("n_blocks_gen", n_blocks_gen, "residual blocks", tiny=1, low=0, high=100),
]
NETWORK_VALUES = GENERATOR_VALUES + [Value("ndf", ndf, "filters of the critic's first layer", tiny=8, low=1, high=1024)]
VALUES = [Value("reshape", list(RESHAPE), "height and width of the pictures", tiny=[32, 48], count=2, low=4, high=4096)]
VALUES += NETWORK_VALUES


def res_block(input, filters, kernel_size=(3, 3), strides=(1, 1), use_dropout=False, norm=SwitchNormalization):
    """Residual block (10.2.3): ``[N, H, W, filters]`` → the same. ``norm`` makes a normalisation layer."""
    x = KL.Conv2D(filters, kernel_size, strides=strides, padding="same")(input)
    x = norm()(x)  # Erratum E112: printed as KL.SwitchNormalization, which Keras does not have
    x = KL.Activation("relu")(x)
    if use_dropout:
        x = KL.Dropout(0.5)(x)
    x = KL.Conv2D(filters, kernel_size, strides=strides, padding="same")(x)
    x = norm()(x)
    merged = KL.Add()([x, input])
    return merged


def printed_head(x, inputs):
    """The generator's end, lines 59–65: (tanh of a convolution + input) / 2, so that −1…1 stays −1…1."""
    x = KL.Conv2D(output_nc, (7, 7), padding="same")(x)
    x = KL.Activation("tanh")(x)
    outputs = KL.Add()([x, inputs])
    return KL.Lambda(lambda z: z / 2)(outputs)


def generator_model(
    image_shape, istrain=True, norm=SwitchNormalization, head=printed_head, ngf=ngf, n_blocks_gen=n_blocks_gen
):
    """The generator (10.2.3) as a Keras model, ``[N, H, W, 3]`` → ``[N, H, W, 3]``, both −1…1.

    Args:
      image_shape: (height, width), multiples of 4; (None, None) for any such size (10.2.12).
      istrain: dropout in the residual blocks. It has no weights: a file of the one loads into the other.
      norm, head: parts that can be exchanged: a maker of normalisation layers (10.2.11); last features and input → picture.

    Raises:
      UserError: a side is no multiple of 4.
    """
    # Erratum E63: 'any size' (10.2.12) holds for multiples of 4 only, else the last sum meets two sizes
    if any(side is not None and side % 4 for side in image_shape):
        raise UserError("a picture of %s×%s: both sides must be multiples of 4" % tuple(image_shape))
    inputs = KL.Input(shape=(image_shape[0], image_shape[1], input_nc))

    x = KL.Conv2D(ngf, (7, 7), padding="same")(inputs)
    x = norm()(x)
    x = KL.Activation("relu")(x)

    n_downsampling = 2
    for i in range(n_downsampling):
        mult = 2**i
        x = KL.Conv2D(ngf * mult * 2, (3, 3), strides=2, padding="same")(x)
        x = norm()(x)
        x = KL.Activation("relu")(x)

    mult = 2**n_downsampling
    for _ in range(n_blocks_gen):
        x = res_block(x, ngf * mult, use_dropout=istrain, norm=norm)

    for i in range(n_downsampling):
        mult = 2 ** (n_downsampling - i)
        # printed and commented out: a Conv2DTranspose in place of the next two
        x = KL.UpSampling2D()(x)
        x = KL.Conv2D(int(ngf * mult / 2), (3, 3), padding="same")(x)
        x = norm()(x)
        x = KL.Activation("relu")(x)

    outputs = head(x, inputs)
    model = KM.Model(inputs=inputs, outputs=outputs, name="Generator")
    return model


def discriminator_model(image_shape, norm=KL.BatchNormalization, last="sigmoid", ndf=ndf):
    """The critic (10.2.4) as a Keras model: ``[N, H, W, 3]``, −1…1 → ``[N, 1]``, 0…1.

    Erratum E65: 10.2.12 says that no weight depends on the size; that holds for the generator, not for the dense layer here.

    Args:
      image_shape: (height, width).
      norm, last: parts that can be exchanged: a maker of normalisation layers; the activation at the end.
    """
    n_layers, use_sigmoid = 3, False
    inputs = KL.Input(shape=(image_shape[0], image_shape[1], output_nc))
    x = KL.Conv2D(ndf, (4, 4), strides=2, padding="same")(inputs)
    x = KL.LeakyReLU(0.2)(x)

    nf_mult = 1
    for n in range(n_layers):
        nf_mult_prev, nf_mult = nf_mult, min(2**n, 8)  # noqa: F841  (the former is printed, and never read)
        x = KL.Conv2D(ndf * nf_mult, (4, 4), strides=2, padding="same")(x)
        x = norm()(x)
        x = KL.LeakyReLU(0.2)(x)

    nf_mult = min(2**n_layers, 8)
    # Erratum E52: the text of 10.2.4 calls these two 1×1 convolutions; they are 4×4 with stride 1
    x = KL.Conv2D(ndf * nf_mult, (4, 4), strides=1, padding="same")(x)
    x = norm()(x)
    x = KL.LeakyReLU(0.2)(x)

    x = KL.Conv2D(1, (4, 4), strides=1, padding="same")(x)
    if use_sigmoid:
        x = KL.Activation("sigmoid")(x)

    x = KL.Flatten()(x)
    x = KL.Dense(1024, activation="tanh")(x)
    # Erratum E57: a sigmoid under the Wasserstein loss of 10-2; kept as printed, `last=None` is WGAN-GP's end
    x = KL.Dense(1, activation=last)(x)
    model = KM.Model(inputs=inputs, outputs=x, name="Discriminator")
    return model


def g_containing_d_multiple_outputs(generator, discriminator, image_shape):
    """The joint model (10.2.5): blurred picture → [restored picture, the critic's value of it].

    Erratum E53: how the critic is frozen in it stands in 10.2.9, not in 10.2.10 as the text says.
    """
    inputs = KL.Input(shape=(image_shape[0], image_shape[1], input_nc))
    generated_image = generator(inputs)
    outputs = discriminator(generated_image)
    model = KM.Model(inputs=inputs, outputs=[generated_image, outputs])
    return model


def main(argv=None):
    """Not printed: builds the three and says how large they are."""
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    run.start(opts.seed)
    generator = generator_model(opts.reshape, ngf=opts.ngf, n_blocks_gen=opts.n_blocks_gen)
    discriminator = discriminator_model(opts.reshape, ndf=opts.ndf)
    g_containing_d_multiple_outputs(generator, discriminator, opts.reshape)
    generator.summary()
    discriminator.summary()
    print("generator %d values, critic %d values" % (generator.count_params(), discriminator.count_params()))
    record = Record(opts, opts.script, "listing 10-1", "no data")
    record.metric("values of the generator", generator.count_params())
    record.metric("values of the critic", discriminator.count_params())
    record.save()


if __name__ == "__main__":
    options.run(main)
