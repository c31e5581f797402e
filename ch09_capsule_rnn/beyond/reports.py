"""What the scripts of example 51 show of a trained model: report, confusion matrix, curves, couplings."""

import os

import numpy as np
from matplotlib.ticker import MaxNLocator
from sklearn import metrics

from common import files, records
from common.plotting import plt, save_figure
from data import reuters

TINY_NOTE = "a tiny run on generated texts: shows the wiring, not the quality"


def record(opts, listing, folder, train, valid, test):
    """A record whose line on the data tells the sizes of the parts, ``(table, lengths, labels)`` each."""
    name = reuters.describe(folder)
    sizes = [(len(part[2]), word) for part, word in ((train, "train"), (valid, "validation"), (test, "test")) if part]
    parts = ", ".join("%d %s" % size for size in sizes)
    return records.Record(opts, opts.script, listing, "%s: %s" % (name, parts))


def scores(labels, predicted):
    """Accuracy and macro-F1 over the topics that occur among the labels."""
    macro = metrics.f1_score(labels, predicted, labels=np.unique(labels), average="macro")
    return dict(accuracy=float(np.mean(labels == predicted)), macro_f1=float(macro))


def draw_confusion(path, labels, predicted, topics):
    """Which topics are taken for which: shares of each true topic's newswires, as a picture of the topics that occur."""
    present = np.unique(np.concatenate([labels, predicted]))
    topics = [topics[label] for label in present]
    matrix = metrics.confusion_matrix(labels, predicted, labels=present).astype(np.float64)
    totals = matrix.sum(axis=1)
    order = np.argsort(-totals, kind="mergesort")
    shares = (matrix / np.maximum(totals, 1)[:, np.newaxis])[np.ix_(order, order)]
    figure, axes = plt.subplots(figsize=(11, 10))
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(topics)))
    axes.set_yticks(range(len(topics)))
    axes.set_xticklabels([topics[k] for k in order], rotation=90, fontsize=7)
    axes.set_yticklabels(["%s (%d)" % (topics[k], totals[k]) for k in order], fontsize=7)
    axes.set_xlabel("topic given by the model")
    axes.set_ylabel("true topic (newswires in the test part)")
    axes.set_title("Confusion matrix: share of each true topic's newswires")
    figure.colorbar(shown, ax=axes, fraction=0.04, label="share")
    return save_figure(figure, path)


def draw_curve(path, history, printed=None):
    """Loss (and validation accuracy) of each epoch."""
    figure, axes = plt.subplots(figsize=(7, 4))
    steps = [row["epoch"] for row in history]
    axes.plot(steps, [row["loss"] for row in history], "o-", markersize=3, label="mean training loss")
    if printed:
        axes.plot(list(printed), list(printed.values()), "kx", label="printed in the book")
    axes.set_xlabel("epoch")
    axes.set_ylabel("cross-entropy [nats]")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if "valid_accuracy" in history[0]:
        right = axes.twinx()
        right.plot(steps, [row["valid_accuracy"] for row in history], "s--", color="tab:green", markersize=3)
        right.set_ylabel("validation accuracy (green)")
    axes.legend(loc="upper right")
    axes.set_title("Training")
    return save_figure(figure, path)


def evaluate(record, opts, topics, history, probabilities, labels, seen, printed=None):
    """Writes report.txt, confusion.png and curve.png, fills the record, prints the figures.

    Args:
      history: a dictionary an epoch, with ``epoch``, ``loss`` and what else was measured.
      probabilities: ``[N, 46]`` of the test part; labels: ``[N]``.
      seen: accuracy on the training part; printed: epoch → the book's loss.
    """
    predicted = probabilities.argmax(axis=1)
    results = scores(labels, predicted)
    present = np.unique(np.concatenate([labels, predicted]))
    report = metrics.classification_report(
        labels, predicted, labels=present, target_names=[topics[k] for k in present], digits=3, zero_division=0
    )
    report_file = os.path.join(opts.output_dir, "report.txt")
    with files.atomic(report_file, "w") as stream:
        stream.write(report)
    print(report)
    note = TINY_NOTE if opts.preset == "tiny" else ""
    record.metric("test_accuracy", results["accuracy"], note=note)
    record.metric("test_macro_f1", results["macro_f1"], note="over the topics in the test part")
    record.metric("train_accuracy", seen, note="of the weights that are evaluated")
    record.metric("epochs", len(history))
    record.metric("first_loss", history[0]["loss"], printed=printed and str(printed[1]))
    record.metric("last_loss", history[-1]["loss"], printed=printed and str(printed[max(printed)]))
    if "valid_accuracy" in history[0]:
        best = int(np.argmax([row["valid_accuracy"] for row in history]))
        record.metric("best_epoch", history[best]["epoch"])
        record.metric("valid_accuracy", history[best]["valid_accuracy"])
    confusion = draw_confusion(os.path.join(opts.output_dir, "confusion.png"), labels, predicted, topics)
    curve = draw_curve(os.path.join(opts.output_dir, "curve.png"), history, printed)
    record.file(confusion, "picture", "Confusion matrix on the test part", "测试集上的混淆矩阵")
    record.file(curve, "picture", "Training loss by epoch", "各轮的训练损失")
    record.file(report_file, "text", "Precision, recall and F1 by topic", "各主题的精确率、召回率与 F1")
    print(
        "test accuracy %.4f, macro-F1 %.4f; on the training part %.4f"
        % (results["accuracy"], results["macro_f1"], seen)
    )


def add_spread(record, rows, note=""):
    """A table of runs of several seeds to the record, with mean and standard deviation; also printed.

    Args:
      rows: name, test accuracy, test macro-F1, accuracy on the training part and last loss of each run.
    """
    if not rows:
        return
    runs = [row[1:] for row in rows if None not in row]
    if len(runs) > 1:
        rows = rows + [["mean"] + [float(value) for value in np.mean(runs, axis=0)]]
        rows.append(["standard deviation"] + [float(value) for value in np.std(runs, axis=0, ddof=1)])
    for row in rows:
        print("%-22s test accuracy %.4f, macro-F1 %.4f" % tuple(row[:3]))
    columns = ["run", "test accuracy", "test macro-F1", "accuracy on the training part", "last loss"]
    record.table("The same setting with %d seeds" % len(runs), columns, rows, note)


def draw_couplings(path, words, couplings, strengths, title, words_a_row=20):
    """Which words each capsule listened to.

    Args:
      words: the text's T words; couplings: ``[T, N]`` coupling coefficients; strengths: ``[T, N]``, length of what each word
        gave to each capsule.
      title: figure title; words_a_row: long texts go over several rows.
    """
    words_a_row = min(words_a_row, len(words))  # a short text fills its row
    rows = int(np.ceil(len(words) / words_a_row))
    capsules = couplings.shape[1]
    figure, all_axes = plt.subplots(rows, 2, figsize=(18, 0.9 + rows * (0.28 * capsules + 1.1)), squeeze=False)
    tables = (("coupling", couplings), ("what the word gave", strengths))
    for column, (name, table) in enumerate(tables):
        for row in range(rows):
            axes = all_axes[row][column]
            part = slice(row * words_a_row, (row + 1) * words_a_row)
            shown = np.full([capsules, words_a_row], np.nan)
            shown[:, : len(words[part])] = table[part].T
            image = axes.imshow(shown, cmap="viridis", vmin=0, vmax=float(table.max()) or 1.0, aspect="auto")
            axes.set_xticks(range(len(words[part])))
            axes.set_xticklabels(words[part], rotation=60, ha="right", fontsize=8)
            axes.set_yticks(range(capsules))
            axes.set_yticklabels(range(1, capsules + 1), fontsize=7)
            axes.set_ylabel("capsule")
            if row == 0:
                axes.set_title(name)
            figure.colorbar(image, ax=axes, fraction=0.03, pad=0.01)
    figure.suptitle(title)
    figure.tight_layout(rect=[0, 0, 1, 0.97])
    return save_figure(figure, path, keep=words)


def draw_words(path, words, effects, title, width=56):
    """A text whose words have colours.

    Args:
      effects: float ``[T]``, −1…1 for the full colours (red: against, green: for); more is cut.
      width: characters of a line.
    """
    column, line, places = 0, 0, []
    for word in words:
        if column and column + len(word) > width:
            column, line = 0, line + 1
        places.append((column, line))
        column += len(word) + 1
    figure = plt.figure(figsize=(0.115 * width, 0.8 + 0.3 * (line + 1)))
    axes = figure.add_axes([0, 0, 1, 1])
    axes.set_xlim(-1, width + 1)
    axes.set_ylim(line + 1, -2)
    axes.axis("off")
    axes.text(0, -1.2, title, fontsize=10, va="center")
    for word, effect, (left, row) in zip(words, np.clip(effects, -1, 1), places):
        color = (0.1, 0.6, 0.2, float(effect)) if effect > 0 else (0.85, 0.2, 0.15, float(-effect))
        axes.add_patch(plt.Rectangle((left - 0.3, row - 0.45), len(word) + 0.6, 0.9, facecolor=color, edgecolor="none"))
        axes.text(left + len(word) / 2.0, row, word, fontsize=9, family="monospace", ha="center", va="center")
    return save_figure(figure, path, keep=words)
