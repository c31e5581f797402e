"""Section 10.3.10, on: editing faces with a trained AttGAN - any attribute, several at once, your own photos.

Three ways: switch some attributes (``--edit Eyeglasses=on Bangs=off``), every attribute in turn (``--sheet``), or slide one
over a range (the default, as listing 10-7). On pictures of the test part (``--numbers``) or own photos (``--photo``); what
``--edit`` makes of a face is put back into the whole photo.

Reads: the run of listing 10-6 (or of beyond/train.py) in ``--output-dir``, or ``--weights`` (an exported generator; two come
along), and the data. Without a run, own photos get those of the two that rebuild them better.
Writes: ``edited/*.png`` and a record. Time: seconds.
Next: ``python ch10_attgan/beyond/evaluate.py --preset tiny``.
"""

import argparse
import contextlib
import io
import os
import sys

import numpy as np
import tensorflow as tf

from ch10_attgan.beyond import mouths, photos, sheets, trained
from ch10_attgan.beyond.faces import Faces, add_data_options, data_arguments
from ch10_attgan.code_10_04_dataset import Celeba
from ch10_attgan.code_10_06_train import flipped_labels
from ch10_attgan.code_10_07_edit import n_slide, slide, test_att, test_int_max, test_int_min
from common import images, options, records, run
from common.errors import UserError
from common.options import Value
from data import celeba

VALUES = trained.EDIT_VALUES + [
    Value("test_att", test_att, "the attribute that slides", tiny=test_att),
    Value("n_slide", n_slide, "in how many steps", low=1, high=1000),
    Value("test_int_min", test_int_min, "first strength (negative: the attribute switched off)", low=-100, high=100),
    Value("test_int_max", test_int_max, "last strength", low=-100, high=100),
    Value("numbers", [1, 2, 3, 4], "pictures of the test part", low=1),
]
STRONGEST = 2.0  # of --edit NAME=STRENGTH
BEYOND = "*"  # marks what is stronger than was trained
MOST_SHOWN = 5  # whole photos in the record
ALL = "all"  # the name of the sheet of all faces
LONGEST_NAME, LONGEST_KIND = 120, 100  # bytes of a photo's name and of the edits' in a file's, which may have 255


def add_options(parser):
    """The options of this script that are no values."""
    trained.add_model_options(parser)
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument(
        "--edit",
        nargs="+",
        metavar="NAME=on|off|flip",
        help="switch these attributes, all at once; or NAME=STRENGTH (-2…2)",
    )
    ways.add_argument("--sheet", action="store_true", help="flip every attribute in turn")
    parser.add_argument(
        "--gentle",
        nargs="?",
        const="true",
        choices=("true", "false"),
        help="each face edited no more strongly than the attribute head needs to be sure; a NAME=STRENGTH stays as it "
        "is [true for --photo]",
    )
    parser.add_argument("--photo", nargs="+", metavar="FILE", help="own photos, or folders of them, instead")
    parser.add_argument(
        "--box", nargs="+", help="where their faces are: LEFT TOP SIDE in pixels, centre, or celeba [found]"
    )
    parser.add_argument("--labels", nargs="*", help="attributes that they have [the attribute head's guess]")
    parser.add_argument("--single", action="store_true", help="write each edited picture alone, without captions")
    parser.add_argument("--list-attributes", action="store_true", help="all 40 attributes, and which the model knows")
    add_data_options(parser)


def chosen(opts, name):
    """Whether option ``name``, which is no value, was given, other than as it is without."""
    return getattr(opts, name) not in (None, False, celeba.ATTRIBUTE_FILE)


def check_options(opts):
    """UserError for options that would be ignored."""
    if opts.list_attributes:
        given = opts.explicit | {
            name for name in ("photo", "edit", "sheet", "gentle", "box", "labels", "single") if chosen(opts, name)
        }
        if given:
            raise UserError("--list-attributes edits nothing: leave it, or --%s, out" % min(given).replace("_", "-"))
    if opts.photo and "numbers" in opts.explicit:
        raise UserError("--numbers are pictures of the test part and --photo your own: give one of them")
    for name in ("data_dir", "pictures", "attribute_file", "unpack_dir"):
        if opts.photo and chosen(opts, name):
            raise UserError("--%s is of the test part, and --photo your own: leave it out" % name.replace("_", "-"))
    if opts.edit or opts.sheet:
        ignored = opts.explicit & {"test_att", "n_slide", "test_int_min", "test_int_max"}
        reason = "is of a slide: leave it, or --edit and --sheet, out"
    else:
        ignored = opts.explicit & {"test_int"}
        reason = "is of --edit and --sheet: a slide goes from --test-int-min to --test-int-max"
    if ignored:
        raise UserError("--%s %s" % (min(ignored).replace("_", "-"), reason))
    if opts.gentle and not opts.edit:
        raise UserError("--gentle is of --edit")
    for name in ("box", "labels"):
        if getattr(opts, name) is not None and not opts.photo:
            raise UserError("--%s is of own photos: give them with --photo" % name)


def is_gentle(opts, model):
    """Whether an edit is as weak as is enough: asked for, or of own photos where the model can judge it."""
    if opts.gentle is not None:
        return opts.gentle == "true"
    return bool(opts.photo and opts.edit and "test_int" not in opts.explicit and model.logit_att is not None)


def parse_edits(words, atts):
    """``["Bald=on", "Male=-0.8"]`` as a list of (column, 'on' | 'off' | 'flip' | strength); UserError for anything else."""
    edits = []
    for word in words:
        name, _, value = word.partition("=")
        if name not in atts:
            raise UserError("the model does not know the attribute '%s'; it knows: %s" % (name, " ".join(atts)))
        if value not in ("on", "off", "flip"):
            try:
                value = float(value)
            except ValueError:
                value = np.nan
            if not abs(value) <= STRONGEST:
                raise UserError(
                    "'%s' must be %s=on, %s=off, %s=flip or a strength from -%g to %g"
                    % (word, name, name, name, STRONGEST, STRONGEST)
                )
        edits.append((atts.index(name), value))
    if len({column for column, _ in edits}) != len(edits):
        raise UserError("an attribute is named twice in --edit: %s" % " ".join(words))
    return edits


def switch(labels, edits, atts):
    """Labels with ``edits`` made, and what contradicts those that are switched on cleared.

    UserError where one edit switches on what another, for the same face, switches off (black hair and blond hair).
    """
    asked = labels.copy()
    for column, value in edits:
        if isinstance(value, float):
            value = "on" if value > 0 else "off"
        asked[:, column] = dict(on=1, off=0).get(value, 1 - asked[:, column])
    wanted = asked.copy()
    columns = [column for column, _ in edits]
    for column in columns:
        Celeba.check_attribute_conflict(wanted, atts[column], atts)
        undone = [other for other in columns if np.any(wanted[:, other] != asked[:, other])]
        if undone:
            raise UserError("%s and %s exclude each other: switch one of them on" % (atts[column], atts[undone[0]]))
    return wanted


def result_name(path, taken):
    """A name for the results of photo ``path`` that no other photo of the call has (a.jpg and a.png, two folders).

    Nor is it that of the sheet of all. Capitals make no other file on some systems.
    """
    name, ending = os.path.splitext(os.path.basename(path))
    name = images.short_name(name, LONGEST_NAME)
    choices = [name, name + ending.replace(".", "-")] + [
        "%s-%d" % (name, number) for number in range(2, len(taken) + 3)
    ]
    others = {other.lower() for other in taken} | {ALL}
    return next(choice for choice in choices if choice.lower() not in others)


def few(reasons):
    """Some reasons in one line; all of many are said before it."""
    if len(reasons) > 3:
        print("\n".join("left out: %s" % reason for reason in reasons), file=sys.stderr)
        reasons = reasons[:3] + ["and %d more" % (len(reasons) - 3)]
    return "; ".join(reasons)


def load_photos(opts, session, model):
    """(pictures, labels, names, places, unreadable) of ``--photo``; a photo that cannot be read is named, the others are done."""
    atts = model.settings.att_default
    unknown = [name for name in opts.labels or [] if name not in atts]
    if unknown:
        raise UserError("unknown attribute %s; the model knows: %s" % (unknown[0], " ".join(atts)))
    faces, names, places, unreadable = [], [], [], []
    for path in opts.photo:
        try:
            face, box = photos.read_face(path, opts.box, model.settings.img_size)
            faces.append(face)
            names.append(result_name(path, names))
            places.append((path, box))
        except UserError as error:
            unreadable.append(str(error))
    if not faces:
        raise UserError(few(unreadable))
    pictures = np.concatenate(faces)
    if opts.labels is not None:
        return pictures, np.int64([[name in opts.labels for name in atts]] * len(faces)), names, places, unreadable
    chances = photos.attribute_chances(session, model, pictures)
    for name, row in zip(names, chances):
        photos.say_attributes(name, atts, row)
    return pictures, np.int64(chances > 0.5), names, places, unreadable


def likeness(session, model, pictures, labels):
    """How well a model rebuilds photos without an edit, in dB ``[N]``.

    ``labels`` None: what its attribute head guesses, each as strongly as it is sure; unsure guesses, fed in full, cost
    the example photo 9 dB.
    """
    if labels is None:
        labels = photos.attribute_chances(session, model, pictures)
    rebuilt = trained.edit(session, model, pictures, sheets.strengths(labels, model.settings.thres_int))
    return photos.likeness(pictures, rebuilt)


def fitting_weights(opts):
    """Which of the shipped weights know the photos' kind: those that rebuild them best and know all attributes named."""
    asked = {word.split("=")[0] for word in opts.edit or []} | set(opts.labels or [])
    if not opts.edit and not opts.sheet:
        asked.add(opts.test_att)
    found = {}
    for name in trained.BY_NAME:
        attempt = argparse.Namespace(**dict(vars(opts), weights=name))
        with tf.Graph().as_default(), tf.Session(config=run.session_config(opts.threads)) as session:
            with contextlib.redirect_stdout(io.StringIO()):  # the chosen ones will say it all
                model = trained.open_model(attempt, session)
                if asked <= set(model.settings.att_default):
                    pictures, labels = load_photos(attempt, session, model)[:2]
                    given = None if opts.labels is None else labels
                    found[name] = np.mean(likeness(session, model, pictures, given))
    return max(found, key=found.get) if found else "real"


def say_foreign(session, model, pictures, labels, names):
    """Says which photos the network rebuilds badly for want of their kind: photos with the weights of drawn faces, seldom
    the other way round (``photos.FOREIGN``)."""
    for name, value in zip(names, likeness(session, model, pictures, labels)):
        if value < photos.FOREIGN:
            text = "%s: these weights learnt from other pictures (%s): they rebuild it at %.1f dB only, so expect mud"
            print(text % (name, model.settings.data, value))


def load_test_faces(opts, session, model):
    """(pictures, labels, names) of ``--numbers``."""
    folder = trained.locate_data(opts, model)
    arguments = dict(mode="test", sess=session, **data_arguments(opts))
    atts, img_size = model.settings.att_default, model.settings.img_size
    faces = Faces(folder, atts, img_size, 1, **arguments)
    trained.check_faces(opts, faces)
    count = len(faces)
    wrong = [number for number in opts.numbers if number > count]
    if wrong:
        raise UserError("there is no test picture %d: the numbers go from 1 to %d" % (wrong[0], count))
    faces = Faces(folder, atts, img_size, 1, part=(0, max(opts.numbers)), **arguments)  # only these are read
    batches = list(faces)
    chosen = [batches[number - 1] for number in opts.numbers]
    names = [os.path.splitext(os.path.basename(faces.img_paths[number - 1]))[0] for number in opts.numbers]
    return np.concatenate([face for face, _ in chosen]), np.concatenate([label for _, label in chosen]), names


def columns_of(opts, labels, settings):
    """What the columns show: (strengths, one ``[N, n_att]`` a column; titles; a name for the files)."""
    atts, thres_int = settings.att_default, settings.thres_int
    own = [trained.edit_strengths(settings, column, opts.test_int) for column in range(len(atts))]
    if opts.sheet:
        b_list = flipped_labels(labels, atts)
        columns = [sheets.strengths(b_list[0], thres_int)]
        columns += [sheets.strengths(b, thres_int, i, own[i]) for i, b in enumerate(b_list[1:])]
        return columns, ["rebuilt"] + atts, "sheet"
    if opts.edit:
        edits = parse_edits(opts.edit, atts)
        wanted = switch(labels, edits, atts)
        _b = sheets.strengths(wanted, thres_int)
        for column, value in edits:
            off, on = own[column]
            _b[:, column] = value if isinstance(value, float) else np.where(wanted[:, column] == 1, on, -off)
        # They change the same mouth: what one needs is too much of both, so each is fed at half then (looked at, not measured).
        shared = [atts.index(name) for name in mouths.PLACES if name in atts]
        if opts.test_int is None and len(shared) > 1:
            all_switched = (wanted != labels)[:, shared].all(axis=1)
            halved = [column for column, value in edits if column in shared and not isinstance(value, float)]
            _b[np.ix_(all_switched, halved)] /= len(shared)
        kind = "-".join(word.replace("=", "_") for word in opts.edit)
        return [sheets.strengths(labels, thres_int), _b], ["rebuilt", "edited"], images.short_name(kind, LONGEST_KIND)
    if opts.test_att not in atts:
        raise UserError("the model does not know '%s'; it knows: %s" % (opts.test_att, " ".join(atts)))
    values = np.linspace(opts.test_int_min, opts.test_int_max, opts.n_slide)
    columns = [slide(labels, opts.test_att, value, atts, thres_int) for value in values]
    titles = ["%s_%.2f%s" % (opts.test_att, value, BEYOND * int(abs(value) > settings.test_int)) for value in values]
    return columns, titles, "slide_" + opts.test_att


def headers(opts, titles, labels):
    """Titles of a sheet of faces with ``labels``: which way each attribute is flipped, where it is one way for all of them."""
    if not opts.sheet:
        return titles
    ways = ["" if len(set(column)) > 1 else "_off" if column[0] else "_on" for column in labels.T.tolist()]
    return titles[:1] + [title + way for title, way in zip(titles[1:], ways)]


def in_chinese(caption):
    """A caption with the attributes' Chinese names."""
    caption = celeba.in_chinese(caption.replace("slide_", "连续改变 ").replace("sheet", "逐一翻转各属性"))
    return caption.replace("=on", "：开").replace("=off", "：关").replace("=flip", "：翻转").replace("=", " ")


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, add=add_options)
    check_options(opts)
    if opts.photo:
        opts.photo = photos.paths_of(opts.photo)
    run.start(opts.seed)
    if not opts.weights and not run.checkpoints(trained.run_folder(opts.output_dir)):
        if opts.photo:
            opts.weights = fitting_weights(opts)
        elif opts.list_attributes:
            opts.weights = "real"
    with tf.Session(config=run.session_config(opts.threads)) as session:
        model = trained.open_model(opts, session)
        settings = model.settings
        if opts.list_attributes:
            for name, chinese in celeba.CHINESE.items():
                print("%-20s %s%s" % (name, chinese, "  (known)" if name in settings.att_default else ""))
            return 0
        # wrong options show before any work; what a flip contradicts shows when the labels are known
        columns_of(opts, np.ones((1, len(settings.att_default)), int), settings)
        places, unreadable = [], []
        if opts.photo:
            pictures, labels, names, places, unreadable = load_photos(opts, session, model)
        else:
            pictures, labels, names = load_test_faces(opts, session, model)
        columns, titles, kind = columns_of(opts, labels, settings)
        rebuilt = trained.edit(session, model, pictures, sheets.strengths(labels, settings.thres_int))
        if is_gentle(opts, model):
            edits = parse_edits(opts.edit, settings.att_default)
            exact = [column for column, value in edits if isinstance(value, float)]
            columns[1], shares = trained.gentlest(session, model, pictures, labels, rebuilt, columns[1], exact)
            for name, share in zip(names, shares if len(exact) < len(edits) else []):
                print("%s: edited at %.0f %% of the strength (--gentle false: at all of it)" % (name, 100 * share))
        edited = [trained.edited(session, model, pictures, rebuilt, labels, _b) for _b in columns]
        if opts.photo:
            say_foreign(session, model, pictures, None if opts.labels is None else labels, names)
    folder = os.path.join(opts.output_dir, "edited")
    written = []
    for number, name in enumerate(names):
        mine = [column[number : number + 1] for column in edited]
        if opts.single:
            for column, item in enumerate(mine[1:] if opts.edit else mine):
                end = "" if opts.edit else "_%02d" % column
                path = os.path.join(folder, "%s_%s%s.png" % (name, kind, end))
                written.append(images.write_png(path, images.to_uint8(item[0])))
        else:
            path = os.path.join(folder, "%s_%s.png" % (name, kind))
            own = headers(opts, titles, labels[number : number + 1])
            written.append(sheets.write(path, pictures[number : number + 1], mine, own, settings.img_size))
    script = opts.script
    if opts.weights:  # beside the record of the run's own model, not in its place
        script += "-weights-" + ("sheet" if opts.sheet else "edit" if opts.edit else "slide")
    record = records.Record(opts, script, "section 10.3.10", "model trained on %s" % settings.data)
    if not opts.single:
        path = os.path.join(folder, "%s_%s.png" % (ALL, kind))
        sheets.write(path, pictures, edited, headers(opts, titles, labels), settings.img_size)
        edits = ", ".join(opts.edit or [kind])
        caption = "Edited faces, %s: %s" % (edits, ", ".join(names))
        caption_zh = "编辑后的人脸（%s）：%s" % (in_chinese(edits).replace(", ", "、"), "、".join(names))
        record.file(path, "picture", caption, caption_zh)
        written.append(path)
    for number, (path, box) in enumerate(places if opts.edit else []):
        photo = images.read_photo(path)
        whole = photos.put_back(photo.pixels, box, pictures[number], edited[0][number], edited[1][number])
        target = os.path.join(folder, "%s_%s_whole.png" % (names[number], kind))
        written.append(images.write_png(target, whole, photo.exif))
        if number < MOST_SHOWN:
            record.file(target, "picture", "%s, edited, whole" % names[number], "%s：编辑后的整张照片" % names[number])
    print("\n".join(written))
    if any(title.endswith(BEYOND) for title in titles):
        print("%s: beyond the strength of the training's own sheets, ±%g" % (BEYOND, settings.test_int))
    if trained.name_of(model.source):
        record.shipped_weights()
    record.metric("edited pictures", len(names))
    record.save()
    if unreadable:
        raise UserError("%d photos were not done: %s" % (len(unreadable), few(unreadable)))


if __name__ == "__main__":
    options.run(main)
