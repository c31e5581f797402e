"""A trained generator: from a run of listing 10-6 or of ``train.py``, or from exported weights (some ship)."""

import contextlib
import io
import os
import shutil
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from ch10_attgan import code_10_06_train as trainattgan
from ch10_attgan.beyond import glasses, hair, networks, photos, regions, sheets
from common import datasets, options, run, same_data, weights
from common.errors import UserError
from data import celeba

WEIGHTS_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "weights")
SHIPPED = os.path.join(WEIGHTS_FOLDER, "faces_generator.npz")
REAL = os.path.join(WEIGHTS_FOLDER, "real_generator.npz")
BY_NAME = dict(shipped=SHIPPED, real=REAL)
TERMS = dict(real="trained on CelebA: for non-commercial research and education only")
# The layers of D that guess attributes; the real/fake head (the first two dense layers) is left out.
HEAD_LAYERS = ("D/Conv", "D/fully_connected_2/", "D/fully_connected_3/")
MADE_BY = "ch10_attgan/code_10_06_train.py (or take --weights shipped)"
# What a generator's file must say of itself, with the rows that check it.
ROWS = [
    row for row in trainattgan.VALUES + networks.ROWS if row.name != "att_default" and not row.name.endswith("every")
]
DESPECK = options.Value(
    "despeck", 0.0, "what of an edit's change is taken for a speck (photos.despecked)", low=0, high=2
)
EDIT_VALUES = [  # of the scripts that edit
    options.Value(
        "test_int", None, "strength of what is switched; none: each attribute's own", kind=float, low=0, high=100
    ),
    options.Value(
        "despeck",
        None,
        "what of an edit departs by more (of 2) from its neighbours is a speck; 0: nothing; none: as the weights say",
        kind=float,
        low=0,
        high=2,
    ),
]
# `gentlest`: shares that are tried, from where on the head is sure, and how much less than its best is as good
SHARES, ENOUGH, NEARLY = (0.2, 0.4, 0.6, 0.8, 1.0), 0.95, 0.02
STRENGTHS = options.Value("strengths", [1.0, 1.0], "of an attribute switched off, and on", low=0, high=10, count=2)


def add_model_options(parser):
    """Adds ``--weights``; without it a run's newest checkpoint in ``--output-dir`` is used."""
    parser.add_argument(
        "--weights",
        help="an exported generator (.npz), or one that comes along: 'shipped', of drawn faces; 'real', of CelebA's "
        "(non-commercial research only)",
    )


def checked(saved, source):
    """Settings from a file, each by its row; UserError where they are no generator's.

    Before, ``att_default`` was called ``atts``.
    """
    names = saved.get("att_default", saved.get("atts"))
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UserError("%s: its settings name no attributes" % source)
    settings = SimpleNamespace(att_default=names, data=str(saved.get("data", "unknown data")))
    printed = dict(norm_first=False, bn_decay=0.999, regions=False, hair=False)  # a run of the listing itself
    for row in ROWS:
        try:
            setattr(settings, row.name, row.check(saved.get(row.name, printed.get(row.name))))
        except ValueError as error:
            raise UserError("%s: settings: %s: %s" % (source, row.name, error))
    try:
        settings.strengths = {name: STRENGTHS.check(pair) for name, pair in dict(saved.get("strengths", {})).items()}
    except (TypeError, ValueError) as error:
        raise UserError("%s: settings: strengths: %s" % (source, error))
    if not set(settings.strengths) <= set(names):
        raise UserError("%s: settings: strengths of attributes that it does not know" % source)
    try:
        settings.despeck = DESPECK.check(saved.get("despeck", DESPECK.value))
    except ValueError as error:
        raise UserError("%s: settings: despeck: %s" % (source, error))
    return settings


def edit_strengths(settings, column, test_int=None):
    """(off, on): how strongly attribute ``column`` is fed where it is switched off, and where on.

    Args:
      test_int: both, if it is not None; else what ``choose_strengths.py`` found on validation pictures, or the training's own.
    """
    if test_int is not None:
        return test_int, test_int
    return tuple(settings.strengths.get(settings.att_default[column], (settings.test_int,) * 2))


def name_of(path):
    """Which of the weights that come along ``path`` is, however it is spelled: a key of ``BY_NAME``, or None."""
    return next((name for name, own in BY_NAME.items() if os.path.realpath(own) == os.path.realpath(path)), None)


def head_path(path):
    """Where the attribute head of the exported generator ``path`` lies."""
    return os.path.splitext(path)[0] + "_head.npz"


def glasses_path(path):
    """Where the pair of glasses lies that the exported generator ``path`` was taught (``glasses.py``), if it was."""
    return os.path.splitext(path)[0] + "_glasses.npz"


def copy_beside(source, target):
    """Copies what lies beside the exported generator ``source`` (attribute head, glasses) to where ``target``'s is looked for."""
    if os.path.realpath(source) != os.path.realpath(target):
        for beside in (head_path, glasses_path):
            if os.path.exists(beside(source)):
                shutil.copyfile(beside(source), beside(target))


def shapes(variables):
    """Name → shape, as ``common.weights`` wants it."""
    return {variable.op.name: variable.shape.as_list() for variable in variables}


def assign(session, variables, values):
    """Loads ``values`` (name → array) into ``variables``."""
    weights.assign(session, [(variable, values[variable.op.name]) for variable in variables])


def run_folder(output_dir):
    """The folder of the checkpoints of a run: of listing 10-6, or of ``train.py``."""
    of_listing = os.path.join(output_dir, trainattgan.experiment_name, "checkpoints")
    return of_listing if os.path.isdir(of_listing) else os.path.join(output_dir, "checkpoints")


def open_model(opts, session):
    """Builds the generator of ``opts.weights`` or of the run in ``opts.output_dir`` and fills it.

    Returns:
      A namespace: ``settings`` (of the training), ``source``, ``xa_sample`` and ``_b_sample`` (placeholders), ``x_sample``
      (edited pictures), ``logit_att`` (the attribute head's logits; None where there is no head), ``left`` (what the rims leave
      of the light that it was taught, ``[S, S]``; None where it was taught none).
    """
    if opts.weights:
        source = BY_NAME.get(opts.weights, opts.weights)
        if name_of(source) in TERMS:
            print("weights %s: %s" % (os.path.basename(source), TERMS[name_of(source)]))
        values, saved = weights.load(source, "generator")
    else:
        source, values = run_folder(opts.output_dir), None
        saved = options.load_settings(opts.output_dir, MADE_BY)
    settings = checked(saved, source)
    if getattr(opts, "despeck", None) is not None:
        settings.despeck = opts.despeck
    Genc, Gdec, D = networks.networks(settings)
    xa_sample = tf.placeholder(tf.float32, [None, settings.img_size, settings.img_size, 3], name="xa_sample")
    _b_sample = tf.placeholder(tf.float32, [None, len(settings.att_default)], name="b_sample")
    x_sample = Gdec(Genc(xa_sample, is_training=False), _b_sample, is_training=False)
    has_head = values is None or os.path.exists(head_path(source))
    head_side = settings.img_size  # a head may know pictures of another size than the generator
    if has_head and values is not None:
        head_side = checked(weights.load(head_path(source), "attribute head")[1], head_path(source)).img_size
    with contextlib.redirect_stdout(
        io.StringIO()
    ):  # the listing's critic prints its shape, which tells no editor anything
        logit_att = D(networks.as_cut_for(xa_sample, head_side))[1] if has_head else None
    if values is None:
        saver = tf.train.Saver(networks.variables(("Genc", "Gdec", "D")))
        if run.restore_newest(saver, session, source) is None:
            raise UserError("%s holds no checkpoint: run %s first" % (source, MADE_BY))
    else:
        generator = networks.variables(("Genc", "Gdec"))
        assign(session, generator, weights.load(source, "generator", shapes(generator))[0])
        if has_head:
            head = [variable for variable in networks.variables(("D",)) if variable.op.name.startswith(HEAD_LAYERS)]
            assign(session, head, weights.load(head_path(source), "attribute head", shapes(head))[0])
    pair = os.path.join(opts.output_dir, glasses.FILE) if values is None else glasses_path(source)
    taught = os.path.exists(pair) and glasses.NAME in settings.att_default
    left = glasses.load(pair, settings.img_size)[:, :, 0] if taught else None
    return SimpleNamespace(
        settings=settings,
        source=source,
        xa_sample=xa_sample,
        _b_sample=_b_sample,
        x_sample=x_sample,
        logit_att=logit_att,
        left=left,
    )


def edit(session, model, pictures, _b):
    """Edited pictures: float ``[N, S, S, 3]`` for pictures of that shape and attribute strengths ``[N, n_att]``.

    The mean of what the generator makes of them and of their mirror images: what it makes of a face by chance, here a smudge on
    one cheek, counts half.
    """
    as_they_are, mirrored = (
        session.run(model.x_sample, {model.xa_sample: views, model._b_sample: _b})
        for views in (pictures, pictures[:, :, ::-1])
    )
    return (as_they_are + mirrored[:, :, ::-1]) / 2


def kept(settings, pictures, rebuilt, edited, labels, _b):
    """What of an edit is kept: no specks, and where ``settings.regions`` says so, only what lies in the places of its attributes.

    Args:
      pictures, rebuilt, edited: ``[N, S, S, 3]``, the faces and what is made of them without and with the edit.
      labels, _b: ``[N, n_att]``, the faces' labels 0/1 and the strengths that ``edited`` was made with.
    """
    edited = photos.despecked(rebuilt, edited, settings.despeck)
    if not settings.regions:
        return edited
    changed = _b != sheets.strengths(labels, settings.thres_int)
    if settings.hair:
        return rebuilt + hair.kept(edited - rebuilt, changed, settings.att_default, pictures)
    return rebuilt + regions.where(changed, settings.att_default, settings.img_size) * (edited - rebuilt)


def edited(session, model, pictures, rebuilt, labels, _b):
    """The edits that a photo gets: ``kept`` of ``edit``, but glasses that are switched on are laid on anew.

    What is drawn of them says where the eyes are; the pair that was taught is fitted to that (``glasses.fitted``) and darkens
    the face itself, as it is with all other edits. Its strength is the power to which the rims' share of light is raised.

    Arguments and result as in ``kept``.
    """
    settings, atts = model.settings, model.settings.att_default

    def drawn(rows, strengths):
        faces = edit(session, model, pictures[rows], strengths)
        return kept(settings, pictures[rows], rebuilt[rows], faces, labels[rows], strengths)

    if model.left is None:
        return drawn(slice(None), _b)
    column = atts.index(glasses.NAME)
    on = np.flatnonzero((labels[:, column] == 0) & (_b[:, column] > 0))
    without = _b.copy()
    without[on, column] = -settings.thres_int
    result = drawn(slice(None), without)
    if len(on):
        alone = np.float32(sheets.strengths(labels[on], settings.thres_int))
        alone[:, column] = 1.0
        pair = drawn(on, alone) - rebuilt[on]
        faces = pictures[on] + result[on] - rebuilt[on]
        left = glasses.fitted(pair.mean(axis=3), model.left) ** _b[on, column][:, None, None, None]
        result[on] += glasses.worn(faces, left) - faces
    return result


def gentlest(session, model, pictures, labels, rebuilt, _b, exact=()):
    """An edit as weak as is enough: the weakest share of its strength, face by face, of which the attribute head is sure.

    Where it never is, more does not convince it, either: the weakest share of which it is nearly as sure as of any.

    Args:
      pictures, rebuilt: ``[N, S, S, 3]``, the faces, and what the network makes of them without an edit.
      labels, _b: ``[N, n_att]``, the faces' labels 0/1 and the strengths of the edit.
      exact: columns whose strength stays as it is.

    Returns:
      (strengths ``[N, n_att]``, their shares of ``_b`` ``[N]``, of ``SHARES``).
    """
    changed = _b != sheets.strengths(labels, model.settings.thres_int)
    scaled = changed & ~np.isin(np.arange(_b.shape[1]), exact)
    sure = []
    for share in SHARES:
        weaker = np.where(scaled, np.float32(share) * _b, _b)
        shown = photos.in_photo(pictures, rebuilt, edited(session, model, pictures, rebuilt, labels, weaker))
        chances = photos.attribute_chances(session, model, shown)
        chances = np.where(_b > 0, chances, 1 - chances)
        sure.append(np.min(np.where(scaled, chances, 1.0), axis=1))  # of what it is least sure of
    enough = np.minimum(ENOUGH, np.max(sure, axis=0) - NEARLY)
    found = np.float32(SHARES)[np.argmax(sure >= enough, axis=0)]
    found[~scaled.any(axis=1)] = 1.0
    return np.where(scaled, found[:, None] * _b, _b), found


def locate_data(opts, model):
    """The data folder; without ``--data-dir``, a model trained on generated faces gets some that it has never seen.

    A run gets the data that it was trained on (``check_faces``, too); exported weights may be given any.
    """
    if opts.data_dir is None and opts.weights and "generated" in model.settings.data:
        folder = datasets.sample("celeba", count=600, variant=1)
        print("data: %s (generated sample, not real data)" % folder)
        return folder
    required = [getattr(opts, "attribute_file", celeba.ATTRIBUTE_FILE)]
    return datasets.locate("celeba", opts, required=required, trained=[] if opts.weights else [opts.output_dir])


def check_faces(opts, faces):
    """UserError where the run of ``train.py`` that is used was trained on another list than ``faces``: its parts are others."""
    if not opts.weights:
        same_data.check_used(opts.output_dir, {"faces": faces.fingerprint()})
