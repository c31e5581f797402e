"""What the scripts of example 51 show of a trained model: report, confusion matrix, curves, couplings."""

import os

import numpy as np
from matplotlib.ticker import MaxNLocator
from sklearn import metrics

from common import datasets
from common.plotting import plt, save_figure


def plain_settings(opts, preset):
    """The values that describe a model: the preset's keys, and where it came from."""
    return dict({key: getattr(opts, key) for key in preset}, preset=opts.preset, seed=opts.seed)


def describe_data(folder, train, valid, test):
    """One line for the record."""
    name = "generated sample" if datasets.is_sample(folder) else "Reuters newswires (real)"
    parts = "%d train, %d validation, %d test" % (len(train[2]), len(valid[2]) if valid else 0, len(test[2]))
    return "%s: %s" % (name, parts)


def scores(labels, predicted, count):
    """Accuracy and macro-F1 over the topics that occur among the labels."""
    present = np.unique(labels)
    macro = metrics.f1_score(labels, predicted, labels=present, average="macro")
    return dict(accuracy=float(np.mean(labels == predicted)), macro_f1=float(macro), count=count)


def draw_confusion(path, labels, predicted, topics):
    """Which topics are taken for which: shares of each true topic's newswires, as a picture."""
    matrix = metrics.confusion_matrix(labels, predicted, labels=np.arange(len(topics))).astype(np.float64)
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


def evaluate(record, opts, topics, history, probabilities, labels):
    """Writes report.txt, confusion.png and curve.png, fills the record; returns accuracy and macro-F1."""
    predicted = probabilities.argmax(axis=1)
    results = scores(labels, predicted, len(labels))
    present = np.unique(np.concatenate([labels, predicted]))
    report = metrics.classification_report(
        labels, predicted, labels=present, target_names=[topics[k] for k in present], digits=3, zero_division=0
    )
    report_file = os.path.join(opts.output_dir, "report.txt")
    with open(report_file, "w", encoding="utf-8") as stream:
        stream.write(report)
    print(report)
    tiny = opts.preset == "tiny"
    printed = None if tiny else {1: 3.434, 2: 2.349, 19: 0.699, 20: 0.6526}
    note = "a tiny run on generated texts: shows the wiring, not the quality" if tiny else ""
    record.metric("test_accuracy", results["accuracy"], printed=None, note=note)
    record.metric("test_macro_f1", results["macro_f1"], note="over the topics in the test part")
    record.metric("epochs", len(history))
    record.metric("first_loss", history[0]["loss"], printed=None if tiny else "3.434")
    record.metric("last_loss", history[-1]["loss"], printed=None if tiny else "0.6526")
    record.metric("seconds_of_training", sum(row["seconds"] for row in history), "s")
    if "valid_accuracy" in history[0]:
        best = int(np.argmax([row["valid_accuracy"] for row in history]))
        record.metric("best_epoch", history[best]["epoch"])
        record.metric("valid_accuracy", history[best]["valid_accuracy"])
    columns = ["epoch", "loss", "validation accuracy", "seconds"]
    rows = [[row["epoch"], row["loss"], row.get("valid_accuracy"), round(row["seconds"], 1)] for row in history]
    record.table("Training", columns, rows, note)
    confusion = draw_confusion(os.path.join(opts.output_dir, "confusion.png"), labels, predicted, topics)
    curve = draw_curve(os.path.join(opts.output_dir, "curve.png"), history, printed if opts.preset == "book" else None)
    record.file(confusion, "picture", "Confusion matrix on the test part", "测试集上的混淆矩阵")
    record.file(curve, "picture", "Training loss by epoch", "每个迭代的训练损失")
    record.file(report_file, "text", "Precision, recall and F1 by topic", "各主题的精确率、召回率与 F1")
    return results


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
    return save_figure(figure, path)
