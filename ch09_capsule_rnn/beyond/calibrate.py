"""When hybrid.py may be believed: a temperature for its probabilities, and the limits beyond which no topic fits.

A twin of the run is trained on nine tenths of the training part, and measured on the tenth that it has not seen: the
temperature there makes 'it says 70 %' mean 'it is right in 70 of 100 cases' (Guo et al. 2017, 'On calibration of modern neural
networks', arXiv 1706.04599), and the threshold is the confidence that nine tenths of these texts reach. Confidence alone is not
enough: to a recipe with sugar in it the model says sugar, sure of it, for it never reads anything but news. So two more limits
stand beside it: a text with more unknown words than nearly all of these texts have is not what the model knows; and the rarer
the words of a text are in news, the surer the answer must be. All three are then used with the run itself, and looked at on the
test part; own_texts.py looks at other texts.

Reads   the run of hybrid.py (same --preset or --output-dir), reuters.npz
Writes  calibration.json, reliability.png and record-calibrate.json in the run's folder; calibration/, the twin's run
Time    as hybrid.py
"""

import argparse
import os

import numpy as np
import tensorflow as tf
from scipy.optimize import minimize_scalar

from ch09_capsule_rnn.beyond import fitting, hybrid, reports
from common import datasets, files, options, run
from common.plotting import plt, save_figure
from data import reuters

VALUES = [
    options.Value(
        "held_out", 0.1, "share that the twin does not see", 0.02, 0.5, last80=0.1, whole=0.1, small=0.1, tiny=0.2
    ),
    options.Value(
        "refused", 0.1, "share of the held-out news that may go without an answer, being unsure", low=0.0, high=0.9
    ),
    options.Value("strange", 0.02, "the same for news with too many unknown words", low=0.0, high=0.9),
    options.Value("rare", 0.05, "the same for news with words too rare for the confidence", low=0.0, high=0.9),
]
SURENESS = 0.4  # rareness that one more unit of log-odds makes up for; chosen on own_texts.tsv's first part
CALIBRATION_FILE = "calibration.json"
BINS = 10


def soften(probabilities, temperature):
    """Probabilities ``[N, 46]`` of logits divided by the temperature."""
    logits = np.log(np.maximum(probabilities, 1e-30)) / temperature
    logits = np.exp(logits - logits.max(axis=1, keepdims=True))
    return logits / logits.sum(axis=1, keepdims=True)


def fit_temperature(probabilities, labels):
    """The temperature of the smallest cross-entropy."""

    def cross_entropy(log_temperature):
        softened = soften(probabilities, np.exp(log_temperature))
        return -np.mean(np.log(np.maximum(softened[np.arange(len(labels)), labels], 1e-30)))

    return float(np.exp(minimize_scalar(cross_entropy, bounds=(-2.0, 2.0), method="bounded").x))


def unknown_share(ids):
    """How many of a text's words (ids, the start sign aside) the model does not know; 0 for a single one, mostly a name."""
    ids = np.asarray(ids)
    words, unknown = np.sum(ids != reuters.START_ID), np.sum(ids == reuters.OOV_ID)
    return float(unknown) / words if unknown > 1 else 0.0


def unknown_shares(table, lengths):
    """``unknown_share`` of each row, float ``[N]``."""
    return np.array([unknown_share(row[:length]) for row, length in zip(table, lengths)])


def too_rare(ids, idf, confidence):
    """How rare a text's words are in news, less what the model's confidence makes up for.

    Args:
      ids: the text; idf: inverse document frequency of each id, float ``[num_words]``; unknown words count as the rarest.
      confidence: the calibrated probability of the best guess.
    """
    ids = np.asarray(ids)
    ids = ids[ids != reuters.START_ID]
    rareness = np.where(ids == reuters.OOV_ID, np.max(idf), idf[ids])
    chance = np.clip(confidence, 1e-6, 1.0 - 1e-6)
    return float(np.mean(rareness) - SURENESS * np.log(chance / (1.0 - chance)))


def rarenesses(part, idf, confidence):
    """``too_rare`` of each text of a part, float ``[N]``."""
    rows = zip(part[0], part[1], confidence)
    return np.array([too_rare(row[:length], idf, chance) for row, length, chance in rows])


def reliability(confidence, correct):
    """Expected calibration error, and for each bin of confidence its texts, mean confidence and share of right answers."""
    number = np.minimum((confidence * BINS).astype(int), BINS - 1)
    rows, error = [], 0.0
    for k in range(BINS):
        inside = number == k
        if inside.any():
            said, held = float(confidence[inside].mean()), float(correct[inside].mean())
            rows.append(["%d to %d %%" % (100 * k // BINS, 100 * (k + 1) // BINS), int(inside.sum()), said, held])
            error += abs(said - held) * float(np.mean(inside))
    return error, rows


def draw(path, tables, threshold):
    """What the model says against what holds; tables: name → rows of ``reliability``."""
    figure, axes = plt.subplots(figsize=(5.5, 5))
    axes.plot([0, 1], [0, 1], ":", color="gray", label="as it should be")
    for name, rows in tables.items():
        axes.plot([row[2] for row in rows], [row[3] for row in rows], "o-", markersize=4, label=name)
    axes.axvspan(0, threshold, color="tab:red", alpha=0.12, label="none of the topics")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("confidence in the best guess")
    axes.set_ylabel("share of best guesses that are right")
    axes.legend(loc="upper left")
    axes.set_title("Reliability on the test part")
    return save_figure(figure, path)


def probabilities_of(opts, parts, start_values, train):
    """The run in ``opts.output_dir``, trained first if ``train``, and the validation (or else test) part.

    Returns:
      probabilities ``[N, 46]``, the part (texts as a table, lengths, labels), the run's inverse document frequencies.
    """
    with tf.Graph().as_default():
        tf.set_random_seed(opts.seed)
        model = hybrid.build(opts)
        if train:  # not on the epoch that is best there: the run itself is not chosen either
            fitting.fit(model, opts, parts[0], None, start_values)
        with tf.Session(config=run.session_config(opts.threads)) as session:
            fitting.restore_best(session, opts.output_dir, hybrid.MADE_BY)
            part = parts[1] or parts[2]
            idf = session.run("idf:0")
            return fitting.predict(session, model, *part[:2]), part, idf


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, base="first80")
    opts.output_dir = os.path.join(opts.output_dir, "hybrid")
    run.start(opts.seed)
    settings = options.load_values(opts.output_dir, hybrid.VALUES, hybrid.MADE_BY)
    folder = datasets.locate("reuters", opts, required=reuters.REQUIRED, trained=[opts.output_dir])
    twin = argparse.Namespace(**dict(vars(settings), validation=opts.held_out, threads=opts.threads))
    twin.output_dir, twin.rows = os.path.join(opts.output_dir, "calibration"), tuple(hybrid.VALUES)
    twin.data_files = opts.data_files  # it goes on with its own data only, as any training
    parts, start_values = hybrid.load_parts(folder, twin)
    found, part, idf = probabilities_of(twin, parts, start_values, train=True)
    labels, shares = part[2], unknown_shares(*part[:2])
    temperature = fit_temperature(found, labels)
    softened = soften(found, temperature)
    threshold = float(np.quantile(softened.max(axis=1), opts.refused))
    unknown = float(np.quantile(shares, 1.0 - opts.strange))
    rare = float(np.quantile(rarenesses(part, idf, softened.max(axis=1)), 1.0 - opts.rare))
    files.write_json(
        os.path.join(opts.output_dir, CALIBRATION_FILE),
        dict(temperature=temperature, threshold=threshold, unknown=unknown, rare=rare),
    )
    print(
        "temperature %.3f, threshold %.3f, unknown words at most %.3f, rareness at most %.3f (from %d texts)"
        % (temperature, threshold, unknown, rare, len(labels))
    )

    itself = argparse.Namespace(**dict(vars(settings), threads=opts.threads, output_dir=opts.output_dir))
    found, part, idf = probabilities_of(itself, [parts[0], None, parts[2]], None, train=False)
    labels, shares = part[2], unknown_shares(*part[:2])
    record = reports.record(opts, "section 9.6.6", folder, *parts)
    tables = {}
    for name, probabilities in (("as trained", found), ("calibrated", soften(found, temperature))):
        confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
        error, tables[name] = reliability(confidence, correct)
        record.metric(
            "calibration_error_" + name.replace(" ", "_"), error, note="expected calibration error, test part"
        )
    confident = confidence >= threshold
    answered = confident & (shares <= unknown) & (rarenesses(part, idf, confidence) <= rare)
    record.metric("temperature", temperature)
    record.metric("threshold", threshold, note="below it: none of the 46 topics")
    record.metric("unknown_words", unknown, note="a larger share of them: none of the 46 topics")
    record.metric("rareness", rare, note="rarer words for the confidence that there is: none of the 46 topics")
    record.metric("confident", float(confident.mean()), note="share of the test part, whatever its words")
    record.metric(
        "answered", float(answered.mean()), note="share of the test part, confident and of words that news has"
    )
    record.metric("answered_accuracy", float(correct[answered].mean()), note="of these")
    if not answered.all():
        record.metric("refused_accuracy", float(correct[~answered].mean()), note="of the best guesses for the others")
    columns = ["confidence", "texts", "mean confidence", "share right"]
    note = reports.TINY_NOTE if opts.preset == "tiny" else ""
    record.table("Reliability on the test part, calibrated", columns, tables["calibrated"], note)
    picture = draw(os.path.join(opts.output_dir, "reliability.png"), tables, threshold)
    record.file(
        picture, "picture", "What the model says against what holds, test part", "模型的置信度与实际正确率（测试集）"
    )
    print("test part: %.1f %% answered, %.4f of these right" % (100 * answered.mean(), correct[answered].mean()))
    record.save()


if __name__ == "__main__":
    options.run(main)
