"""Generators beyond the print, from the parts of listing 10-1, and their weights files.

Heads: ``printed``, (input + tanh) / 2, must re-create the whole picture to give its own input back; ``residual`` (the paper's),
input + tanh, clipped to −1…1, does so by doing nothing, and starts there. Norms: see ``NORMS``. ``end_kernel``: size of the last
convolution; with the printed 7 it alone takes a third of a training step on a processor, for it has just three outputs.
``skips``: what was there before each downsampling is added again after the upsampling to the same size, so that fine detail
need not go through the narrow middle (DeblurGAN's successors do so, e.g. arXiv 1908.03826).
"""

import os
from functools import partial

import tensorflow as tf
from tensorflow.keras import layers as KL
from tensorflow.keras import models as KM

from ch10_deblurgan.code_10_01_models import generator_model, input_nc, output_nc, printed_head, res_block
from common import files, keras_weights, options, weights
from common.errors import UserError
from common.normalization import InstanceNormalization, SwitchNormalization
from common.options import Value

SHIPPED = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "weights", "generator.npz")

NORMS = {
    "switch": SwitchNormalization,
    "batch": KL.BatchNormalization,
    "instance": InstanceNormalization,  # the paper's
    "none": lambda: KL.Lambda(lambda x: x),
}
VALUES = [  # what must be known of a generator to load its weights
    Value("ngf", 24, "filters of the generator's first layer", tiny=8, printed=64, low=1, high=1024),
    Value("n_blocks", 4, "residual blocks", tiny=1, printed=9, low=0, high=100),
    Value("norm", "none", "normalisation of the generator", printed="switch", choices=sorted(NORMS)),
    Value("head", "residual", "end of the generator", printed="printed", choices=["printed", "residual"]),
    Value("end_kernel", 3, "size of the generator's last convolution", printed=7, low=1, high=31, more=True),
    Value(
        "skips", True, "the first layers' results are added to the last ones' of equal size", printed=False, more=True
    ),
]
PRINTED = dict(norm="switch", head="printed", end_kernel=7, skips=False)


def halved_head(x, inputs, end_kernel):
    """``printed_head`` with another kernel."""
    x = KL.Activation("tanh")(KL.Conv2D(output_nc, end_kernel, padding="same")(x))
    return KL.Lambda(lambda z: z / 2)(KL.Add()([x, inputs]))


def residual_head(x, inputs, end_kernel):
    """The paper's head; zero weights at the start, so that training starts from 'give the input back'."""
    x = KL.Conv2D(output_nc, end_kernel, padding="same", kernel_initializer="zeros")(x)
    x = KL.Activation("tanh")(x)
    return KL.Lambda(lambda z: tf.clip_by_value(z, -1.0, 1.0))(KL.Add()([x, inputs]))


def skip_generator(image_shape, istrain, norm, head, ngf, n_blocks_gen):
    """``generator_model`` with skips; the same arguments, and weights of the same shapes in the same order."""
    inputs = KL.Input(shape=(image_shape[0], image_shape[1], input_nc))
    x = KL.Activation("relu")(norm()(KL.Conv2D(ngf, (7, 7), padding="same")(inputs)))
    before = []
    for i in range(2):
        before.append(x)
        x = KL.Conv2D(ngf * 2 ** (i + 1), (3, 3), strides=2, padding="same")(x)
        x = KL.Activation("relu")(norm()(x))
    for _ in range(n_blocks_gen):
        x = res_block(x, ngf * 4, use_dropout=istrain, norm=norm)
    for i in reversed(range(2)):
        x = KL.Conv2D(ngf * 2**i, (3, 3), padding="same")(KL.UpSampling2D()(x))
        x = KL.Activation("relu")(norm()(x))
        x = KL.Add()([x, before[i]])
    return KM.Model(inputs=inputs, outputs=head(x, inputs), name="Generator")


def build(settings, istrain=False, image_shape=(None, None)):
    """The generator of ``settings``, a mapping with the names of ``VALUES``; with printed ones it is listing 10-1's."""
    if settings["head"] == "residual":
        head = partial(residual_head, end_kernel=settings["end_kernel"])
    else:
        head = printed_head if settings["end_kernel"] == 7 else partial(halved_head, end_kernel=settings["end_kernel"])
    model = skip_generator if settings["skips"] else generator_model
    norm = NORMS[settings["norm"]]
    return model(image_shape, istrain, norm, head, ngf=settings["ngf"], n_blocks_gen=settings["n_blocks"])


# ------------------------------------------------------------------------------------------- weights files
def checked(settings, path):
    """``settings`` of a weights file with only the names of ``VALUES``, each checked; UserError names what is wrong."""
    settings = dict({"skips": False}, **settings)  # weights from before there was a choice
    found = {}
    for row in VALUES:
        try:
            found[row.name] = row.check(settings.get(row.name))
        except ValueError as error:
            raise UserError("weights %s: setting %s: %s" % (path, row.name, error))
    return found


def save_small(path, g, settings):
    """Writes a generator's weights and ``settings`` as one npz: kernels as float16, the few values a channel as float32."""
    arrays = {"w%03d" % index: value for index, value in enumerate(g.get_weights())}
    return weights.save(path, arrays, {row.name: settings[row.name] for row in VALUES})


def set_weights(g, arrays, path):
    """Puts the arrays of ``weights.load`` into ``g``; UserError when they are another generator's."""
    wanted = [tuple(value.shape.as_list()) for value in g.weights]
    names = ["w%03d" % index for index in range(len(wanted))]
    if sorted(arrays) != names or [arrays[name].shape for name in names] != wanted:
        raise UserError("weights %s do not fit this generator: the shapes are others" % path)
    g.set_weights([arrays[name] for name in names])


def load_into(g, path):
    """Weights of an npz file of ``save_small`` or an h5 file into the generator ``g``."""
    files.regular_file(path, "weights")
    if path.endswith(".npz"):
        set_weights(g, weights.load(path)[0], path)
    else:
        keras_weights.load(g, path)


def settings_beside(path):
    """The settings of the run that an h5 file belongs to: of ``beyond/train.py``, or of listing 10-2.

    Raises:
      UserError: none of the two folders above has settings of either.
    """
    folder = os.path.dirname(os.path.abspath(path))
    for _ in range(2):
        folder = os.path.dirname(folder)
        if os.path.exists(os.path.join(folder, options.SETTINGS_FILE)):
            settings = options.load_settings(folder, "ch10_deblurgan/beyond/train.py")
            if "n_blocks_gen" in settings:
                settings = dict(settings, n_blocks=settings["n_blocks_gen"], **PRINTED)
            return checked(settings, os.path.join(folder, options.SETTINGS_FILE))
    raise UserError("%s lies in no run folder (no %s above it)" % (path, options.SETTINGS_FILE))


def load_generator(path):
    """(generator for inference, its settings) of an npz file of ``save_small`` or an h5 file of a run.

    Must be called inside Keras's session. Any picture size that is a multiple of 4 fits (10.2.12).
    """
    files.regular_file(path, "weights")
    settings = checked(weights.load(path)[1], path) if path.endswith(".npz") else settings_beside(path)
    g = build(settings)
    load_into(g, path)
    return g, settings
