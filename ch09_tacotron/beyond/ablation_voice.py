"""What 10, 30, 60 and 120 minutes of one speaker give, and what each means of ``train.py`` is worth: a judge listens.

    python ch09_tacotron/beyond/ablation_voice.py --data-dir output/tacotron/teacher/test --output-dir output/tacotron/voice

Trains the printed network from noise with ``train.py``, each time for the same number of steps from the same seed: with so
many minutes of speech, drawn at random from ``training/`` of the run folder (``prepare.py``), and with an hour of it but one
of the means left out. Each then speaks the sentences of ``--data-dir`` freely, from their pinyin alone, and the recogniser
that ships (``recogniser.py``) says how many phones it understands in the mel frames. None of these sentences may be among the
speech, of which two hours and more are needed (some 2,100 lines of ``corpus.py``).

Writes ``ablation-voice/<steps>-steps-seed-<seed>/<variant>/`` (run folders), ``minutes.png`` and a record. A variant that is
finished is not trained again (one of other lists of speech is refused), one that was stopped goes on; ``--variants`` shares
them out among calls. Each takes what ``train.py`` takes for so many steps. Preset ``tiny`` shows nothing but the wiring.
"""

import hashlib
import os

import numpy as np

from ch09_tacotron.beyond import train
from ch09_tacotron.beyond.measures import alignment_measures
from ch09_tacotron.beyond.recogniser import Recogniser, Score
from ch09_tacotron.beyond.utterances import check_begun
from ch09_tacotron.beyond.voice import SHIPPED, Voice
from common import files, options, records, run
from common.errors import UserError
from common.plotting import plt, save_figure
from data import thchs30

# name → options of the training that make the difference; the means are compared at an hour
MINUTES = {"%d-minutes" % n: ["--minutes", str(n)] for n in (10, 30, 60, 120)}
MEANS = {
    "no-frame-dropped": ["--minutes", "60", "--frame-drop", "0"],
    "prenets-dropout-half": ["--minutes", "60", "--dropout", "0.5"],
    "batch-of-8": ["--minutes", "60", "--batch-size", "8"],
    "rate-half": ["--minutes", "60", "--rate", "0.001"],
}
VARIANTS = dict(MINUTES, **MEANS)
TINY = ["--minutes", "0"]  # two hums are less than a minute
VALUES = [
    options.Value("steps", 1500, "steps of each training", tiny=3, low=1),
    options.Value("sentences", 0, "sentences that each speaks; 0: all", tiny=1, low=0),
    options.Value(
        "variants", list(VARIANTS), "those done in this call", choices=list(VARIANTS), tiny=["10-minutes", "batch-of-8"]
    ),
]
COLUMNS = [
    "variant",
    "minutes of speech",
    "held-out mel loss",
    "phones right %",
    "with tones %",
    "aligned %",
    "stopped %",
]


def all_folder(opts):
    """Where the variants lie that may be compared: those of equal length and seed."""
    return os.path.join(opts.output_dir, "ablation-voice", "%d-steps-seed-%d" % (opts.steps, opts.seed))


def trained(opts, name):
    """The run folder of one variant, trained where that is not done yet."""
    folder = os.path.join(all_folder(opts), name)
    os.makedirs(folder, exist_ok=True)
    link = os.path.join(folder, "training")
    if not os.path.exists(link):
        os.symlink(os.path.abspath(os.path.join(opts.output_dir, "training")), link)
    found = run.checkpoints(os.path.join(folder, "model-cpk"))
    done = os.path.exists(os.path.join(folder, "record-train.json"))
    if not done or not any(run.step_of(prefix) == opts.steps for prefix in found):
        words = ["--preset", opts.preset, "--output-dir", folder, "--seed", str(opts.seed)]
        words += ["--threads", str(opts.threads), "--frame-steps", str(opts.steps), "--own-steps", "0"]
        train.main(words + VARIANTS[name] + (TINY if opts.preset == "tiny" else []))
    else:  # by what other lists had taught it no row would be comparable
        check_begun(folder, link, True)
    return folder


def measure(opts, name, texts):
    """Trains and judges one variant: a row of ``COLUMNS``."""
    print("--- %s" % name, flush=True)
    folder = trained(opts, name)
    metrics = files.read_json(os.path.join(folder, "record-train.json"))["metrics"]
    voice, judge = Voice(folder, threads=opts.threads), Recogniser(SHIPPED, opts.threads)
    total, ended = Score(0, 0, 0), []
    for pinyin in run.progress(texts, desc=name, unit="sentence"):
        _, mel, alignment, stopped = voice.frames([pinyin])[0]
        total += judge.judge(mel, pinyin)
        measures = alignment_measures(alignment)
        ended.append((measures["monotonic"] and measures["complete"], stopped))
    aligned, stopped = 100 * np.mean(ended, axis=0)
    figures = [100 * total.right, 100 * total.right_with_tones, aligned, stopped]
    loss = metrics.get("held out, mel loss", {}).get("value")
    return [name, metrics["speech"]["value"], loss] + [round(float(value), 1) for value in figures]


def key_of(texts):
    """A name for these sentences: figures of others are not mixed with theirs."""
    return "%d-%s" % (len(texts), hashlib.sha256("\n".join(texts).encode("utf-8")).hexdigest()[:8])


def check_minutes(opts):
    """UserError, before anything is trained, where a variant needs more speech than there is."""
    there = train.Utterances(os.path.join(opts.output_dir, "training")).minutes
    for name in opts.variants:
        wanted = float(VARIANTS[name][1])
        if wanted > there and opts.preset != "tiny":
            text = "%s needs %g minutes of aligned speech, and %s has %.1f; --variants leaves it out"
            raise UserError(text % (name, wanted, opts.output_dir, there))


def plot(rows, path):
    """Phones understood against minutes of speech, without and with tones."""
    rows = [row for row in rows if row[0] in MINUTES]
    figure, axes = plt.subplots(figsize=(6, 4))
    for column, label in ((3, "phones"), (4, "phones with tones")):
        axes.plot([row[1] for row in rows], [row[column] for row in rows], "o-", label=label)
    axes.set_xscale("log")
    axes.set_xticks([row[1] for row in rows])
    axes.set_xticklabels(["%.0f" % row[1] for row in rows])
    axes.minorticks_off()
    axes.set_ylim(0, 100)
    axes.set_xlabel("minutes of speech")
    axes.set_ylabel("understood, %")
    axes.set_title("What a judge understands of unseen sentences")
    axes.legend(loc="lower right")
    return save_figure(figure, path)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, base="voice")
    if not os.path.isdir(os.path.join(opts.output_dir, "training")):
        raise UserError("%s has no training/: run ch09_tacotron/beyond/prepare.py first" % opts.output_dir)
    run.start(opts.seed)
    prepared = options.load_settings(
        os.path.join(opts.output_dir, "training"), "ch09_tacotron/beyond/prepare.py", "spectrograms"
    )
    texts = [pinyin for _, pinyin in sorted(thchs30.read_transcripts(thchs30.locate(opts)).items())]
    texts = texts[: opts.sentences] if opts.sentences else texts
    check_minutes(opts)
    record = records.Record(opts, opts.script, "beyond listing 9-17", prepared["data"])
    results_file = os.path.join(all_folder(opts), "results-%s.json" % key_of(texts))
    for name in opts.variants:
        row = measure(opts, name, texts)
        # read again each time: another call may have finished other variants in between
        results = files.read_json(results_file) if os.path.exists(results_file) else {}
        files.write_json(results_file, dict(results, **{name: row}))
        print(", ".join("%s: %s" % pair for pair in zip(COLUMNS[1:], row[1:])), flush=True)
    results = files.read_json(results_file)
    rows = [results[name] for name in VARIANTS if name in results]
    note = "%d steps each, one seed; %d sentences, mel frames" % (opts.steps, len(texts))
    record.table("Minutes of speech, and an hour without one of the means", COLUMNS, rows, note)
    if sum(row[0] in MINUTES for row in rows):
        path = plot(rows, os.path.join(opts.output_dir, "minutes.png"))
        record.file(
            path,
            "picture",
            "What a judge understands after so many minutes of speech",
            "不同训练语音时长下识别器听懂的比例",
        )
    record.save()


if __name__ == "__main__":
    options.run(main)
