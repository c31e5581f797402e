"""Ablation: what each means of ``train_few.py`` is worth, measured with all others left as they are.

Trains its preset, and the preset without one of its means, each for the same number of steps from the same seed, lets every
model speak and measures it as ``evaluate.py`` does. The trainings are short: the table shows what helps at their length, and may
look otherwise at ten times as many steps.

Reads ``training/`` of the run folder (``prepare.py``); writes ``ablation/<steps>-steps-seed-<seed>/<variant>/`` (run folders),
``ablation.png`` and a record. A variant that is finished is not trained again, one that was stopped goes on: stop and start as
you like, or share them out among calls (``--variants``). Preset ``tiny`` shows nothing but the wiring.
"""

import os

from ch09_tacotron.beyond import evaluate, train_few
from ch09_tacotron.beyond.utterances import check_begun
from common import files, options, records, run
from common.errors import UserError
from common.plotting import plt, save_figure

# name → (options of the training that make the difference, options of the evaluation)
VARIANTS = {
    "preset": ([], []),
    "no-sharpening": (None, ["--sharpen", "1"]),  # matters in synthesis only: the preset's model
    "diagonal-guide": (["--forced-alignment", "false", "--forced-attention", "0"], []),
    "no-guide": (["--guide-weight", "0", "--forced-attention", "0"], []),
    "own-attention": (["--forced-attention", "0"], []),
    "no-splicing": (["--splice", "0"], []),
    "true-frames": (["--scheduled-sampling", "0"], []),
    "no-warm-up": (["--warmup-steps", "1"], []),
}
VALUES = [
    options.Value("steps", 1200, "steps of each training", tiny=4, low=1),
    options.Value(
        "variants",
        list(VARIANTS),
        "those that are done in this call",
        choices=list(VARIANTS),
        tiny=["preset", "no-splicing"],
    ),
]
SHOWN = ("aligned", "own dB", "wrong dB", "lower by")


def ablation_folder(opts):
    """Where the variants lie that may be compared: those of equal length and seed."""
    return os.path.join(opts.output_dir, "ablation", "%d-steps-seed-%d" % (opts.steps, opts.seed))


def run_folder(opts, name):
    """The folder of one variant, with the preprocessed recordings linked into it."""
    folder = os.path.join(ablation_folder(opts), "preset" if VARIANTS[name][0] is None else name)
    os.makedirs(folder, exist_ok=True)
    link = os.path.join(folder, "training")
    if not os.path.exists(link):
        os.symlink(os.path.abspath(os.path.join(opts.output_dir, "training")), link)
    return folder


def measure(opts, name):
    """Trains, where that is not done, and measures one variant.

    Returns:
      rows of the table, one a set of sentences: [variant, set, the figures SHOWN, whole syllables understood in %].
    """
    different, measured = VARIANTS[name]
    folder = run_folder(opts, name)
    words = ["--preset", opts.preset, "--output-dir", folder, "--seed", str(opts.seed), "--threads", str(opts.threads)]
    print("--- %s" % name, flush=True)
    found = run.checkpoints(os.path.join(folder, "model-cpk"))
    if not any(path.endswith("-%d" % opts.steps) for path in found):
        budget = ["--steps", str(opts.steps), "--decay-from", str(opts.steps * 3 // 5)]
        train_few.main(words + budget + (different or []))
    evaluate.main(words + measured + ["--waves", "0"])
    record = files.read_json(os.path.join(folder, "record-evaluate.json"))
    figures, heard = ([dict(zip(table["columns"], row)) for row in table["rows"]] for table in record["tables"])
    rows = []
    for row in figures:
        understood = next(item for item in heard if item["sentences"] == "%s sentences, spoken" % row["set"])
        rows.append([name, row["set"]] + [row[key] for key in SHOWN] + [understood["whole syllables %"]])
    return rows


def plot(rows, path):
    """Bars of 'lower by' for each variant and set of sentences."""
    names, sets = list(dict.fromkeys(row[0] for row in rows)), list(dict.fromkeys(row[1] for row in rows))
    figure, axes = plt.subplots(figsize=(8, 1.5 + 0.5 * len(names)))
    for number, name in enumerate(sets):
        values = {row[0]: 100 * row[2 + SHOWN.index("lower by")] for row in rows if row[1] == name}
        places = [i + 0.4 * (number - 0.5 * (len(sets) - 1)) for i in range(len(names))]
        axes.barh(places, [values[variant] for variant in names], 0.38, label="%s sentences" % name)
    axes.set_yticks(range(len(names)))
    axes.set_yticklabels(names)
    axes.invert_yaxis()
    axes.set_xlabel("how much nearer to its own recording than to others, %")
    axes.legend()
    return save_figure(figure, path)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, base="cpu")
    if not os.path.isdir(os.path.join(opts.output_dir, "training")):
        raise UserError("%s has no training/: run ch09_tacotron/beyond/prepare.py first" % opts.output_dir)
    prepared = options.load_settings(
        os.path.join(opts.output_dir, "training"), "ch09_tacotron/beyond/prepare.py", "spectrograms"
    )
    record = records.Record(opts, opts.script, "beyond listing 9-17", prepared["data"])
    folder = ablation_folder(opts)  # variants that are finished are compared with those of this call
    check_begun(folder, os.path.join(opts.output_dir, "training"), os.path.isdir(folder))
    results_file = os.path.join(ablation_folder(opts), "results.json")
    results = {}
    for name in opts.variants:
        measured = measure(opts, name)
        # read again each time: another call may have finished other variants in between
        results = files.read_json(results_file) if os.path.exists(results_file) else {}
        results[name] = measured
        files.write_json(results_file, results)
    rows = [row for name in VARIANTS for row in results.get(name, [])]
    columns = ["variant", "set"] + list(SHOWN) + ["whole syllables %"]
    for row in [columns] + rows:
        print("%-16s %-8s %8s %8s %9s %9s %18s" % tuple(row))
    note = "%d steps each, one seed" % opts.steps
    record.table("Preset, and the preset without one of its means", columns, rows, note)
    record.file(
        plot(rows, os.path.join(opts.output_dir, "ablation.png")),
        "picture",
        "What each means of the preset is worth",
        "预设中每种手段的作用",
    )
    record.save()


if __name__ == "__main__":
    options.run(main)
