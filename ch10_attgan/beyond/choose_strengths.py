"""How strongly each attribute is best fed where it is switched on, and where off: chosen on validation pictures.

AttGAN feeds what is switched at one strength, whatever it is. A pair of glasses is there at half of it, and all that is stronger
moves the rest of the face; blond hair wants more. Here every attribute of an exported generator is switched on and off at each
of ``--tried``, on pictures of the validation part, and classifiers such as that of ``evaluate.py`` say how many of the edits they
see and what else changed, as a photo gets the edit: the mean of ``--judges``, for what one alone happens to see would be chosen,
too. Of the strengths that switch at least ``--least`` (of all, the surest, where none does), that one is taken whose editing
accuracy plus ``--others-count`` times the share of unchanged others is largest.
Much more than was trained makes a white face of blond hair, which this classifier does not mind: look at ``--sheet`` when you
widen ``--tried``. With ``--despeck`` lone dots are taken out of the edits first.

Reads: ``--weights``, the data, and ``classifier.npz`` … in the run folder (trained where there are none).
Writes: the strengths into the weights file (or a copy: ``--file``; of weights that ship, in the run folder), which
``ext_10_3_10_edit.py`` and ``evaluate.py`` go by, ``strengths.csv`` (all that was tried) and a record. Time on one core: ten
minutes.
Next: ``python ch10_attgan/beyond/evaluate.py --weights FILE --retrain --seed 1 --judges 3`` (judges that chose nothing).
"""

import os
from functools import partial

import numpy as np
import tensorflow as tf

from ch10_attgan.beyond import evaluate, photos, sheets, trained
from ch10_attgan.code_10_06_train import flipped_labels
from common import options, records, run, text, weights
from common.errors import UserError
from common.options import Value

VALUES = [row for row in evaluate.VALUES if row.name not in ("test_int", "judges")] + [
    Value("tried", [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2], "strengths", tiny=[0.5, 1.0], low=0, high=10),
    Value("others_count", 8.0, "how much the unchanged others count beside the editing accuracy", low=0),
    Value("judges", 3, "classifiers, each begun with other weights, whose scores are averaged", tiny=2, low=1, high=20),
    Value("least", 0.85, "editing accuracy that a strength must have if one of those tried has it", low=0, high=1),
]
COLUMNS = ["attribute", "switched", "strength", "editing accuracy", "others unchanged"]


def tried(session, model, judges, pictures, labels, opts):
    """What each strength gives.

    Returns:
      {(attribute, way): [(strength, editing accuracy, others unchanged)]}, ways being 'off' and 'on', and how many pictures
      each has, {(attribute, way): count}.
    """
    settings, atts = model.settings, model.settings.att_default

    before, b_list = [evaluate.in_batches(judge, pictures) for judge in judges], flipped_labels(labels, atts)
    as_they_are = sheets.strengths(b_list[0], settings.thres_int)
    rebuilt = evaluate.in_batches(lambda p, s: trained.edit(session, model, p, s), pictures, as_they_are)
    found, counts = {}, {}
    for column, strength in run.progress([(c, s) for c in range(len(atts)) for s in opts.tried], desc="trying"):
        wanted = b_list[column + 1]
        _b = sheets.strengths(wanted, settings.thres_int, column, (strength, strength))
        parts = pictures, rebuilt, labels, _b
        edited = evaluate.in_batches(partial(trained.edited, session, model), *parts)
        shown = photos.in_photo(pictures, rebuilt, edited)
        after = [evaluate.in_batches(judge, shown) for judge in judges]
        for way, label in (("off", 0), ("on", 1)):
            these = wanted[:, column] == label
            scores = [
                evaluate.edit_scores(labels[these], wanted[these], known[these], seen[these], column)
                for known, seen in zip(before, after)
            ]
            accuracy, _, _, others = np.mean(scores, axis=0)
            found.setdefault((atts[column], way), []).append((strength, accuracy, others))
            counts[atts[column], way] = int(these.sum())
    return found, counts


def chosen(found, counts, others_count, least=0.0):
    """{(attribute, way): its line of ``found``}; a way that no picture goes has the strength 1 or the nearest to it."""
    result = {}
    for key, rows in found.items():
        if counts[key]:  # of equal ones the weakest
            needed = min(least, max(row[1] for row in rows))
            rows = [row for row in rows if row[1] >= needed]
            result[key] = max(rows, key=lambda row: (row[1] + others_count * np.nan_to_num(row[2]), -row[0]))
        else:
            result[key] = min(rows, key=lambda row: abs(row[0] - 1.0))
    return result


def add_options(parser):
    evaluate.add_judge_options(parser)
    parser.add_argument(
        "--file", help="where to write [the file of --weights; a copy in the run folder of weights that ship]"
    )


def rounded(rows):
    """Rows that begin with attribute, way and strength, the figures behind them with three digits, None for none."""
    return [row[:3] + [None if np.isnan(value) else round(float(value), 3) for value in row[3:]] for row in rows]


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, add=add_options, base="faces")
    if not opts.weights:
        raise UserError("--weights names the exported generator (export.py) that gets the strengths")
    opts.split = "val"
    run.start(opts.seed)
    with tf.Session(config=run.session_config(opts.threads)) as session:
        model = trained.open_model(opts, session)
        pictures, labels, data_line = evaluate.pictures_of(opts, session, model)
        record = records.Record(opts, opts.script, "section 10.3", data_line)
        judges = evaluate.judges_of(opts, session, model, opts.judges)
        found, counts = tried(session, model, judges, pictures, labels, opts)
    picked = chosen(found, counts, opts.others_count, opts.least)
    rows = []
    nearest = min(opts.tried, key=lambda strength: abs(strength - model.settings.test_int))  # to the training's own
    for (name, way), (strength, accuracy, others) in picked.items():
        full = next(row for row in found[name, way] if row[0] == nearest)
        rows.append([name, way, strength, accuracy, others, full[1], full[2]])
        print("%-22s %-3s at %g: %.3f, others %.3f; at %g %.3f, %.3f" % tuple(rows[-1][:5] + list(full)))
    copy = os.path.join(opts.output_dir, os.path.basename(model.source))
    target = opts.file or (copy if trained.name_of(model.source) else model.source)
    values, settings = weights.load(model.source, "generator")
    ways = ("off", "on")
    settings["strengths"] = {name: [picked[name, way][0] for way in ways] for name in model.settings.att_default}
    settings["despeck"] = model.settings.despeck
    half = all(np.array_equal(value, np.float16(value)) for value in values.values() if value.ndim > 1)
    weights.save(target, values, settings, half=half)
    trained.copy_beside(model.source, target)
    print("strengths written into %s" % target)
    columns = COLUMNS + ["accuracy at %g" % nearest, "others at %g" % nearest]
    table = os.path.join(opts.output_dir, "strengths.csv")
    all_tried = [list(key + row) for key, lines in found.items() for row in lines]
    text.write_csv(table, [COLUMNS] + rounded(all_tried))
    rows = rounded(rows)
    note = "on validation pictures, where only what the edit changed is added to the photo"
    record.table("Strengths chosen", columns, rows, note)
    record.metric("validation pictures", len(pictures))
    shares = {key: counts[key] / float(len(pictures)) for key in counts}
    for title, place in (("editing accuracy", 1), ("others unchanged", 2)):
        total = sum(shares[key] * picked[key][place] for key in picked if counts[key])
        record.metric(title + " (mean)", round(float(total / len(model.settings.att_default)), 4))
    record.file(table, "table", "What each strength gives", "各强度的效果")
    print("record: %s" % record.save())


if __name__ == "__main__":
    options.run(main)
