"""Listing 10-7 (section 10.3.10 and on): editing faces with a trained AttGAN.

Three ways: slide one attribute over a range (the print; the default), switch some (``--edit Eyeglasses=on Bangs=off``), or
every attribute in turn (``--sheet``). On pictures of the test part (``--numbers``) or an own photo (``--photo``).

Reads: the run of listing 10-6 in ``--output-dir``, or ``--weights`` (an exported generator; 'shipped' comes along), and the
data. Writes: ``edited/*.png`` and a record. Time on two cores: seconds.
Next: ``python ch10_attgan/ext_10_3_evaluate.py --preset tiny``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import tensorflow as tf

from ch10_attgan import trained
from ch10_attgan.code_10_04_dataset import Celeba, add_data_options, data_arguments

# Erratum E91: the published 10-7 calls helpers that only 10-6 defines; here they are imported from it.
from ch10_attgan.code_10_06_train import column_titles, flipped_labels, strengths
from common import images, options, training
from common.errors import UserError
from common.records import Record

PRESETS = {
    "book": dict(test_att="Eyeglasses", n_slide=10, test_int_min=0.7, test_int_max=1.2),
    "cpu": dict(),
    "tiny": dict(),
}
HELP = dict(
    test_att="the attribute that slides",
    n_slide="how many steps",
    test_int_min="first strength (negative: the attribute switched off)",
    test_int_max="last strength",
)


def add_options(parser):
    """The options of this script."""
    trained.add_model_options(parser)
    add_data_options(parser)
    parser.add_argument(
        "--numbers", type=int, nargs="+", default=[1, 2, 3, 4], help="pictures of the test part, from 1 on"
    )
    parser.add_argument("--photo", help="an own photo instead")
    parser.add_argument("--box", nargs="+", help="where its face is: LEFT TOP SIDE in pixels, or centre, or celeba")
    parser.add_argument(
        "--labels", nargs="*", help="attributes that the photo has (default: the attribute head's guess)"
    )
    parser.add_argument("--edit", nargs="+", metavar="NAME=on|off|flip", help="switch these attributes, all at once")
    parser.add_argument("--sheet", action="store_true", help="flip every attribute in turn")
    parser.add_argument("--test-int", type=float, help="strength of what is switched (default: that of the training)")
    parser.add_argument("--single", action="store_true", help="write each edited picture alone, without captions")
    parser.add_argument("--list-attributes", action="store_true", help="show the model's attributes and end")


def parse_edits(words, atts):
    """``["Bald=on", "Male=flip"]`` as a list of (column, 'on' | 'off' | 'flip'); UserError for anything else."""
    edits = []
    for word in words:
        name, _, value = word.partition("=")
        if name not in atts:
            raise UserError("the model does not know the attribute '%s'; it knows: %s" % (name, " ".join(atts)))
        if value not in ("on", "off", "flip"):
            raise UserError("'%s' must be %s=on, %s=off or %s=flip" % (word, name, name, name))
        edits.append((atts.index(name), value))
    if len({column for column, _ in edits}) != len(edits):
        raise UserError("an attribute is named twice in --edit: %s" % " ".join(words))
    return edits


def switch(labels, edits, atts):
    """Labels with ``edits`` made, and what contradicts those that are switched on cleared.

    Where two edits contradict each other the later one wins.
    """
    wanted = labels.copy()
    for column, value in edits:
        wanted[:, column] = dict(on=1, off=0).get(value, 1 - wanted[:, column])
        Celeba.check_attribute_conflict(wanted, atts[column], atts)
    return wanted


def slide(labels, column, values, atts, thres_int):
    """Strengths ``[len(values), n_att]`` of one face, attribute ``column`` sliding over ``values``."""
    rows = []
    for value in values:
        # Erratum E89: the print sets the strength alone, whatever its sign and whatever contradicts it.
        wanted = switch(labels[None], [(column, "on" if value > 0 else "off")], atts)
        _b = strengths(wanted, thres_int)
        _b[:, column] = value
        rows.append(_b[0])
    return np.stack(rows)


def load_faces(opts, session, model):
    """(pictures, labels, names): the test pictures of ``--numbers``, or the own photo."""
    settings = model.settings
    if opts.photo:
        if not opts.box:
            raise UserError("where is the face in %s? give --box LEFT TOP SIDE, or --box centre" % opts.photo)
        pictures = trained.read_photo(opts.photo, opts.box, settings.img_size)
        if opts.labels is None:
            labels = trained.predict_labels(session, model, pictures)
            found = [name for name, value in zip(settings.atts, labels[0]) if value]
            print("the attribute head sees: %s (--labels corrects it)" % (" ".join(found) or "none"))
        else:
            unknown = [name for name in opts.labels if name not in settings.atts]
            if unknown:
                raise UserError("unknown attribute %s; the model knows: %s" % (unknown[0], " ".join(settings.atts)))
            labels = np.int64([[name in opts.labels for name in settings.atts]])
        return pictures, labels, [os.path.splitext(os.path.basename(opts.photo))[0]]
    folder = trained.locate_data(opts, model)
    arguments = dict(mode="test", sess=session, **data_arguments(opts))
    data = Celeba(folder, settings.atts, settings.img_size, 1, **arguments)
    wrong = [number for number in opts.numbers if not 1 <= number <= len(data)]
    if wrong:
        raise UserError("there is no test picture %d: the numbers go from 1 to %d" % (wrong[0], len(data)))
    # Only the wanted pictures are read.
    data = Celeba(folder, settings.atts, settings.img_size, 1, part=(0, max(opts.numbers)), **arguments)
    faces = list(data)
    chosen = [faces[number - 1] for number in opts.numbers]
    names = [os.path.splitext(data.files[number - 1])[0] for number in opts.numbers]
    return np.concatenate([face for face, _ in chosen]), np.concatenate([label for _, label in chosen]), names


def strip_of(original, edited, titles, img_size):
    """One row: original, gap, edited pictures, with captions; small pictures are enlarged."""
    gap = np.full((img_size, img_size // 10, 3), -1.0, np.float32)
    pixels = images.to_uint8(np.concatenate([original, gap] + list(edited), axis=1))
    factor = max(1, int(np.ceil(64.0 / img_size)))
    pixels = np.repeat(np.repeat(pixels, factor, axis=0), factor, axis=1)
    if titles is None:
        return pixels
    captions = column_titles(["original"] + titles, img_size * factor, img_size // 10 * factor)
    return np.concatenate([captions, pixels], axis=0)


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, "attgan", argv=argv, add=add_options, help_texts=HELP)
    training.start(opts.seed)
    with tf.Session(config=training.session_config(opts.threads)) as session:
        model = trained.load(opts, session)
        settings = model.settings
        atts = list(settings.atts)
        if opts.list_attributes:
            print("\n".join(atts))
            return 0
        edits = parse_edits(opts.edit or [], atts)
        if not (opts.sheet or edits):
            if opts.test_att not in atts:
                raise UserError("the model does not know '%s'; it knows: %s" % (opts.test_att, " ".join(atts)))
            if opts.n_slide < 1:
                raise UserError("--n-slide must be at least 1")
        test_int = settings.test_int if opts.test_int is None else opts.test_int
        pictures, labels, names = load_faces(opts, session, model)
        folder = os.path.join(opts.output_dir, "edited")
        script = "code_10_07_edit"
        if opts.weights:  # beside the record of the run's own model, not in its place
            script += "-weights-" + ("sheet" if opts.sheet else "edit" if edits else "slide")
        record = Record(opts, script, "listing 10-7", "model trained on %s" % settings.data)
        strips, written = [], []
        for picture, label, name in zip(pictures, labels, names):
            if opts.sheet:
                wanted = [
                    strengths(b, settings.thres_int, i - 1 if i else None, test_int)
                    for i, b in enumerate(flipped_labels(label[None], atts))
                ]
                _b, titles, kind = np.concatenate(wanted), ["rebuilt"] + atts, "sheet"
            elif edits:
                wanted = switch(label[None], edits, atts)
                _b = strengths(wanted, settings.thres_int)
                for column, _ in edits:
                    _b[:, column] *= test_int / settings.thres_int
                _b = np.concatenate([strengths(label[None], settings.thres_int), _b])
                titles, kind = ["rebuilt", "edited"], "-".join(word.replace("=", "_") for word in opts.edit)
            else:
                values = np.linspace(opts.test_int_min, opts.test_int_max, opts.n_slide)
                _b = slide(label, atts.index(opts.test_att), values, atts, settings.thres_int)
                titles, kind = ["%s %.2f" % (opts.test_att, value) for value in values], "slide_" + opts.test_att
                titles = [title.replace(" ", "_") for title in titles]
            edited = trained.edit(session, model, np.repeat(picture[None], len(_b), axis=0), _b)
            if opts.single:
                for number, item in enumerate(edited[1:] if edits else edited):
                    end = "" if edits else "_%02d" % number
                    path = os.path.join(folder, "%s_%s%s.png" % (name, kind, end))
                    written.append(images.write_png(path, images.to_uint8(item)))
            else:
                path = os.path.join(folder, "%s_%s.png" % (name, kind))
                strip = strip_of(picture, edited, titles, settings.img_size)
                strips.append(strip)
                written.append(images.write_png(path, strip))
        caption = "%s: %s" % (kind, ", ".join(names))
        if strips:
            path = os.path.join(folder, "all_%s.png" % kind)
            head = strips[0].shape[0] - settings.img_size * max(1, int(np.ceil(64.0 / settings.img_size)))
            all_rows = [strips[0]] + [strip[head:] for strip in strips[1:]]
            record.file(
                images.write_png(path, np.concatenate(all_rows, axis=0)),
                "picture",
                "Edited faces, %s" % caption,
                "编辑后的人脸，%s" % caption,
            )
            written.append(path)
        for path in written:
            print(path)
        record.metric("edited pictures", len(names))
        record.save()


if __name__ == "__main__":
    options.run(main)
