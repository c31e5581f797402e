"""Steps a second of the printed graph of listing 9-7 and of ours, interleaved in one process on the same batches.

printed  dynamic_rnn over 80 steps without sequence_length, Adam's update of the embedding row list
ours     the project's graph: input products before the loop, different words once, recurrence and routing compiled (kernels.py),
         no padding

Usage: python tests/benchmarks/bench_capsule_rnn.py [--threads N] [--rounds N] [--profile]
(real data where BOOK_DATA_DIR has it; --profile tells for each kind of operation its share of a step)
"""

import argparse
import collections
import os
import sys
import time
import types

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import numpy as np
import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn import reuters
from common import datasets, training
from common.errors import UserError


def printed_model():
    """Placeholders, loss and update as printed (dropout included)."""
    x, x_len = tf.placeholder(tf.float32, [None, listing.maxlen]), tf.placeholder(tf.int32, [None])
    y, is_train = tf.placeholder(tf.int32, [None]), tf.placeholder_with_default(False, [])
    embedded = tf.keras.layers.Embedding(listing.num_words, listing.embedding_size)(x)
    outputs = listing.printed_encoder(embedded, None, listing.rnn_units, listing.keep_prob)
    gathered = listing.routing_masked(outputs, x_len, listing.rnn_units[-1], listing.out_caps_num, listing.iter_num)
    logits = tf.layers.dense(gathered, listing.classes, activation=tf.nn.relu)
    loss = tf.reduce_mean(tf.losses.sparse_softmax_cross_entropy(y, logits))
    model = listing.Model(x, x_len, y, is_train, logits, tf.nn.softmax(logits), loss)
    return model, tf.train.AdamOptimizer(listing.learning_rate).minimize(loss)


def our_model(folder):
    settings = types.SimpleNamespace(**dict(listing.PRESETS["book"], seed=0, threads=0))
    model = listing.build(settings)
    return model, listing.Trainer(model, settings, folder).update


def profile(session, update, feed, shown=12):
    """Prints which kinds of operations one step spends its time in (at best with --threads 1, on an idle machine)."""
    trace = tf.RunMetadata()
    session.run(update, feed, options=tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), run_metadata=trace)
    spent, count = collections.Counter(), collections.Counter()
    for device in trace.step_stats.dev_stats:
        for node in device.node_stats:
            kind = node.timeline_label.split(" = ")[-1].split("(")[0]
            spent[kind] += node.op_end_rel_micros - node.op_start_rel_micros
            count[kind] += 1
    total = sum(spent.values())
    for kind, micros in spent.most_common(shown):
        print("    %-24s %4.1f %% of the step, %5d times" % (kind, 100.0 * micros / total, count[kind]))
    print("    %d operations in all" % sum(count.values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    training.start(0)
    try:
        folder = datasets.find("reuters", None, reuters.REQUIRED)
    except UserError:
        folder = datasets.sample("reuters")
    part = reuters.load_data(folder, listing.num_words)[0]
    table, lengths = reuters.pad(part.texts, listing.maxlen)
    sides = {}
    for name, make in (("printed", printed_model), ("ours", lambda: our_model("unused"))):
        with tf.Graph().as_default() as graph:
            model, update = make()
            session = tf.Session(graph=graph, config=training.session_config(arguments.threads))
            session.run(tf.global_variables_initializer())
            sides[name] = (session, model, update)
    order = np.random.RandomState(0).permutation(len(table))
    last_feed = {}
    wall, cpu = dict(printed=[], ours=[]), dict(printed=[], ours=[])
    for round_number in range(arguments.rounds + 1):
        for name, (session, model, update) in sides.items():
            begin, begin_cpu = time.time(), time.process_time()
            for step in range(4):
                first = (round_number * 4 + step) * listing.batch_size % max(1, len(order) - listing.batch_size)
                rows = order[first : first + listing.batch_size]
                width = listing.maxlen if name == "printed" else lengths[rows].max()
                feed = {model.x: table[rows, :width], model.x_len: lengths[rows], model.y: part.labels[rows]}
                last_feed[name] = {**feed, model.is_train: True}
                session.run(update, last_feed[name])
            if round_number:  # the first round warms up
                wall[name].append((time.time() - begin) / 4)
                cpu[name].append((time.process_time() - begin_cpu) / 4)
    for name in wall:
        print("%-8s %.3f s a step (processor time %.3f s)" % (name, np.median(wall[name]), np.median(cpu[name])))
        if arguments.profile:
            profile(*sides[name][::2], last_feed[name])
    ratios = [np.median(found["printed"]) / np.median(found["ours"]) for found in (wall, cpu)]
    print("ours is %.2f times as fast (by processor time %.2f)" % tuple(ratios))


if __name__ == "__main__":
    main()
