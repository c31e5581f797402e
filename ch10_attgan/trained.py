"""A trained generator, from a run's checkpoints or from an exported file (used by listing 10-7 and the ext scripts)."""

import json
import os
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from ch10_attgan import code_10_06_train as train
from ch10_attgan.code_10_05_models import count_values
from common import datasets, images, options, training
from common.errors import UserError

WEIGHTS_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights")
SHIPPED = os.path.join(WEIGHTS_FOLDER, "faces_generator.npz")
# The layers of D that guess attributes; the real/fake head (the first two dense layers) is left out.
HEAD_LAYERS = ("D/Conv", "D/fully_connected_2/", "D/fully_connected_3/")


def add_model_options(parser):
    """Adds ``--weights``; without it a run's newest checkpoint in ``--output-dir`` is used."""
    parser.add_argument(
        "--weights", help="an exported generator (.npz); 'shipped': the one trained on generated faces that comes along"
    )


def write_export(path, session, variables, settings):
    """Writes ``variables`` as float16 with the run's settings into one .npz, whole or not at all."""
    arrays = {variable.op.name: np.float16(value) for variable, value in zip(variables, session.run(variables))}
    too_large = [name for name, value in arrays.items() if not np.isfinite(value).all()]
    if too_large:
        raise UserError("%s does not fit 16-bit numbers: the training has gone astray" % too_large[0])
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    temporary = path + ".part"
    with open(temporary, "wb") as stream:
        np.savez_compressed(stream, settings=np.array(json.dumps(settings, sort_keys=True)), **arrays)
    os.replace(temporary, path)
    return count_values(variables)


def read_export(path):
    """(settings, {variable name: float32 array}) of an exported file; UserError where it is none."""
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: np.float32(content[name]) for name in content.files if name != "settings"}
            return json.loads(str(content["settings"])), arrays
    except FileNotFoundError:
        raise UserError("%s does not exist" % path)
    except (OSError, ValueError, KeyError) as error:
        raise UserError("%s is not an exported generator (%s)" % (path, error))


def head_path(path):
    """Where the attribute head of the exported generator ``path`` lies."""
    return os.path.splitext(path)[0] + "_head.npz"


def assign(session, variables, arrays, path):
    for variable in variables:
        value = arrays.get(variable.op.name)
        if value is None or list(value.shape) != variable.shape.as_list():
            raise UserError("%s does not fit its own settings (%s): export it anew" % (path, variable.op.name))
        variable.load(value, session)


def networks(scopes):
    """All variables (batch norm's running means too, no optimizer's) of the networks named."""
    return [
        v
        for v in tf.global_variables()
        if v.op.name.split("/")[0] in scopes and not v.op.name.endswith(("Adam", "Adam_1"))
    ]


def load(opts, session):
    """Builds the generator of ``opts.weights`` or of the run in ``opts.output_dir`` and fills it.

    Returns:
      A namespace: ``settings`` (of the training), ``source``, ``sampler`` (see ``build_sampler``), ``pictures``
      (placeholder) and ``logit_att`` (the attribute head's logits; None where there is no head).
    """
    arrays = None
    if opts.weights:
        source = SHIPPED if opts.weights == "shipped" else opts.weights
        saved, arrays = read_export(source)
    else:
        source = os.path.join(opts.output_dir, "checkpoints")
        made_by = "ch10_attgan/code_10_06_train.py (or take --weights shipped);"
        saved = options.load_settings(opts.output_dir, made_by)
    settings = SimpleNamespace(**saved)
    sampler = train.build_sampler(settings)
    pictures = sampler.xa_sample
    has_head = arrays is None or os.path.exists(head_path(source))
    logit_att = train.critic(settings, pictures)[1] if has_head else None
    if arrays is None:
        saver = tf.train.Saver(networks(("Genc", "Gdec", "D")))
        if training.restore_newest(saver, session, source) is None:
            raise UserError("%s holds no checkpoint: run ch10_attgan/code_10_06_train.py first" % source)
    else:
        assign(session, networks(("Genc", "Gdec")), arrays, source)
        if has_head:
            head = [variable for variable in networks(("D",)) if variable.op.name.startswith(HEAD_LAYERS)]
            assign(session, head, read_export(head_path(source))[1], head_path(source))
    return SimpleNamespace(settings=settings, source=source, sampler=sampler, pictures=pictures, logit_att=logit_att)


def locate_data(opts, model):
    """The data folder; without ``--data-dir``, a model trained on generated faces gets some that it has never seen."""
    if opts.data_dir is None and opts.weights and "generated" in getattr(model.settings, "data", ""):
        folder = datasets.sample("celeba", count=600, variant=1)
        print("data: %s (generated sample, not real data)" % folder)
        return folder
    return datasets.locate("celeba", opts, required=[opts.attribute_file])


def edit(session, model, pictures, _b):
    """Edited pictures: float ``[N, S, S, 3]`` for pictures of that shape and attribute strengths ``[N, n_att]``."""
    return session.run(model.sampler.x_sample, {model.sampler.xa_sample: pictures, model.sampler._b_sample: _b})


def predict_labels(session, model, pictures):
    """Labels 0/1 ``[N, n_att]`` as the attribute head sees them; UserError where there is no head."""
    if model.logit_att is None:
        raise UserError(
            "%s has no attribute head: say with --labels which attributes the photo has (see --list-attributes)"
            % model.source
        )
    return np.int64(session.run(model.logit_att, {model.pictures: pictures}) > 0)


def read_photo(path, box, img_size):
    """The face of an own photo as the network wants it.

    Args:
      path: any picture file.
      box: ['centre'] (largest square in the middle), ['celeba'] (the printed crop, for an aligned 178×218 picture), or
        [left, top, side] in pixels.

    Returns:
      float32 ``[1, img_size, img_size, 3]`` in −1…1.
    """
    photo = images.read_rgb(path)
    height, width = photo.shape[:2]
    if box == ["centre"]:
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        right, bottom = left + side, top + side
    elif box == ["celeba"]:
        from ch10_attgan.code_10_04_dataset import FULL_SIZE, crop_box_of

        row, column, side = crop_box_of(img_size)
        scale_y, scale_x = height / float(FULL_SIZE[0]), width / float(FULL_SIZE[1])
        if abs(scale_y / scale_x - 1.0) > 0.02:
            raise UserError(
                "%s is %d×%d: 'celeba' wants an aligned picture, 178×218 or its like" % (path, width, height)
            )
        left, top = int(round(column * scale_x)), int(round(row * scale_y))
        right, bottom = left + int(round(side * scale_x)), top + int(round(side * scale_y))
    else:
        try:
            left, top, side = (int(value) for value in box)
        except ValueError:
            raise UserError("--box is '%s', but must be 'centre', 'celeba', or LEFT TOP SIDE in pixels" % " ".join(box))
        right, bottom = left + side, top + side
    if side < 16 or left < 0 or top < 0 or right > width or bottom > height:
        raise UserError(
            "the box %d…%d × %d…%d does not lie in %s (%d wide, %d high) or is smaller than 16 pixels"
            % (left, right, top, bottom, path, width, height)
        )
    face = images.resize(photo[top:bottom, left:right], img_size, img_size)
    return images.from_uint8(face)[None]
