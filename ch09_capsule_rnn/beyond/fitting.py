"""Training of our own models (hybrid.py, ablation.py): epochs over a ``tf.data`` set as in listing 9-7.

What it adds to the listing's loop: batches of texts of similar length, cut to the longest; an average of the weights; the
epoch that is best on a validation part is kept.
"""

import collections
import os
import time
import warnings

import numpy as np
import tensorflow as tf

from common import files, run
from common.errors import UserError

# Placeholders x [B, T] (int32 word ids), x_len [B], y [B] and is_train (False unless fed); logits and probabilities [B, 46]; the
# scalar loss.
Model = collections.namedtuple("Model", "x x_len y is_train logits probabilities loss")

LIMITS = [40, 60, 80, 100, 130, 160, 200, 250, 320, 400, 600]  # words; texts between two limits share their batches
FIXED_VALUES = (
    "embedding",
    "idf",
    "linear",
    "linear_bias",
)  # saved with a model although the hybrid does not train them


def make_dataset(table, lengths, labels, batch_size, seed):
    """The training data as a ``tf.data`` set of ``((ids, length), label)``, shuffled, in batches of texts of similar length."""
    dataset = tf.data.Dataset.from_tensor_slices(((table, lengths), labels)).shuffle(10000, seed=seed)
    dataset = dataset.apply(
        tf.data.experimental.bucket_by_sequence_length(
            lambda inputs, label: inputs[1], LIMITS, [batch_size] * (len(LIMITS) + 1)
        )
    )
    return dataset.map(lambda inputs, label: ((inputs[0][:, : tf.reduce_max(inputs[1])], inputs[1]), label))


def predict(session, model, table, lengths, batch=200):
    """Probabilities ``[N, 46]`` of padded texts; texts of similar length are computed together."""
    order = np.argsort(lengths, kind="mergesort")
    probabilities = np.zeros([len(lengths), model.probabilities.shape[1].value], np.float32)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        feed = {model.x: table[rows, : max(1, lengths[rows].max())], model.x_len: lengths[rows]}
        probabilities[rows] = session.run(model.probabilities, feed)
    return probabilities


def accuracy(probabilities, labels):
    """Share of the texts whose most probable topic is right."""
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def count_weights():
    """How many numbers are trained in the default graph."""
    return int(sum(np.prod(variable.shape.as_list()) for variable in tf.trainable_variables()))


def model_variables():
    """The variables that make a model: what is trained, and the fixed word vectors and weights of words."""
    fixed = [variable for variable in tf.global_variables() if variable.op.name in FIXED_VALUES]
    return tf.trainable_variables() + [variable for variable in fixed if variable not in tf.trainable_variables()]


def _update(model, opts, step):
    """The training operation, and a saver that reads the weights to be evaluated out of a checkpoint."""
    variables = tf.trainable_variables()
    # gate_gradients, as in Optimizer.minimize: no weight is written before the gradients of the layers below have read it.
    found = tf.gradients(model.loss, variables, gate_gradients=True)
    # The embedding's gradient as one table: the update of the whole table (Adam moves words that do not occur as well) is
    # then one operation instead of eight.
    warnings.filterwarnings("ignore", message="Converting sparse IndexedSlices")  # tables of a few thousand words
    gradients = [tf.convert_to_tensor(gradient) for gradient in found]
    update = tf.train.AdamOptimizer(opts.learning_rate).apply_gradients(zip(gradients, variables), step)
    weights = {variable.op.name: variable for variable in variables}
    if opts.averaging:
        average = tf.train.ExponentialMovingAverage(opts.averaging, step)
        with tf.control_dependencies([update]):
            update = average.apply(variables)
        weights = {average.average_name(variable): variable for variable in variables}
    return update, tf.train.Saver(weights)


def fit(model, opts, train, valid=None, start_values=None):
    """Trains ``model`` on ``(table, lengths, labels)``, or goes on where an earlier run of the same folder ended.

    With ``valid`` the epoch of the highest accuracy there is kept in ``best/``, otherwise the last one.

    Args:
      model: a ``Model`` in the default graph.
      opts: ``batch_size``, ``learning_rate``, ``averaging``, ``epochs``, ``seed``, ``threads``, ``output_dir`` and ``rows``.
      start_values: variable name → array.

    Returns:
      The history: a dictionary an epoch.
    """
    step = tf.train.get_or_create_global_step()
    update, to_evaluate = _update(model, opts, step)
    held = [tf.placeholder(item.dtype, item.shape) for item in train]
    shuffle_seed = tf.placeholder(tf.int64, [])
    dataset = make_dataset(*held, batch_size=opts.batch_size, seed=shuffle_seed)
    iterator = tf.data.Iterator.from_structure(dataset.output_types, dataset.output_shapes)
    start_epoch, next_batch = iterator.make_initializer(dataset), iterator.get_next()
    saver, best = tf.train.Saver(max_to_keep=2), tf.train.Saver(model_variables(), max_to_keep=1)
    config, history_file = run.session_config(opts.threads), os.path.join(opts.output_dir, "history.json")
    with run.Run(opts) as this, tf.Session(config=config) as session, tf.Session(config=config) as evaluation:
        for one in (session, evaluation):
            one.run(tf.global_variables_initializer())
            for variable in tf.global_variables():
                if start_values and variable.op.name in start_values:
                    variable.load(start_values[variable.op.name], one)

        def score(saved):
            """Completes the last row of the history, and keeps the weights of its epoch where they are the best so far."""
            row = history[-1]
            to_evaluate.restore(evaluation, saved)
            if valid is not None:
                row["valid_accuracy"] = accuracy(predict(evaluation, model, *valid[:2]), valid[2])
            if valid is None or row["valid_accuracy"] >= max(item["valid_accuracy"] for item in history):
                best.save(evaluation, os.path.join(opts.output_dir, "best", "model"), write_meta_graph=False)
            files.write_json(history_file, history)

        done = this.restore(saver, session)
        history = files.read_json(history_file, list) if done and os.path.exists(history_file) else []
        history = [row for row in history if row["epoch"] <= done]  # a row is written before its checkpoint
        if done and (not history or history[-1]["epoch"] < done):  # or was not, by an older version: its loss is lost
            history.append(dict(epoch=done, loss=float("nan"), seconds=0.0, steps=0))
        # A kill between a checkpoint and its score. Without a validation part the last epoch is kept, which may be done twice.
        if done and "valid_accuracy" not in history[-1]:
            score(os.path.join(this.checkpoint_dir, "model-%d" % done))
        if start_values and not done and valid is not None:
            before = accuracy(predict(evaluation, model, *valid[:2]), valid[2])
            print("before training: validation accuracy %.4f" % before, flush=True)
        writer = tf.summary.FileWriter(os.path.join(opts.output_dir, "summaries"))
        for epoch in range(done, opts.epochs):
            begin, losses = time.time(), []
            session.run(start_epoch, dict(zip(held + [shuffle_seed], list(train) + [epoch])))
            with this.bar(
                total=len(train[2]) // opts.batch_size, desc="epoch %d of %d" % (epoch + 1, opts.epochs)
            ) as bar:
                while not this.stopping:
                    try:
                        (ids, length), label = session.run(next_batch)
                    except tf.errors.OutOfRangeError:
                        break
                    feed = {model.x: ids, model.x_len: length, model.y: label, model.is_train: True}
                    loss, _ = session.run([model.loss, update], feed)
                    this.check(epoch + 1, loss=loss)
                    losses.append(float(loss))
                    bar.update()
            if this.stopping:  # an epoch cut short is not counted: it starts again
                break
            row = dict(epoch=epoch + 1, loss=float(np.mean(losses)), seconds=time.time() - begin, steps=len(losses))
            line = "step %d : loss= %.5f" % (row["epoch"], row["loss"])
            history.append(row)
            files.write_json(history_file, history)  # before the checkpoint, which would be counted without its loss
            score(this.save(saver, session, epoch + 1))
            if valid is not None:
                line += "  validation accuracy %.4f" % row["valid_accuracy"]
            print("%s  (%.0f s)" % (line, row["seconds"]), flush=True)
            values = [
                tf.Summary.Value(tag=key, simple_value=row[key]) for key in ("loss", "valid_accuracy") if key in row
            ]
            writer.add_summary(tf.Summary(value=values), epoch + 1)
        writer.close()
    return history


def restore_best(session, folder, made_by):
    """The weights in ``best/`` of the run in ``folder``, made by the script ``made_by``, into the session's graph."""
    prefix = os.path.join(folder, "best", "model")
    if not os.path.exists(prefix + ".index"):
        raise UserError("no trained model in %s: run %s first" % (folder, made_by))
    try:
        tf.train.Saver(model_variables()).restore(session, prefix)
    except (tf.errors.OpError, ValueError) as error:
        raise UserError("%s cannot be read: %s" % (prefix, str(error).strip().splitlines()[0]))
