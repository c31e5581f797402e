"""Steps a second of listing 9-7 and of beyond/fast.py, interleaved in one process on the same batches.

listing  the listing's own graph: dynamic_rnn over 80 steps, routing element by element
fast     the same graph with recurrence and routing exchanged for compiled loops, without the padding

Usage: python tests/benchmarks/bench_capsule_rnn.py [--threads N] [--rounds N] [--profile]
(real data where BOOK_DATA_DIR has it; --profile tells for each kind of operation its share of a step)
"""

import argparse
import collections
import time
import types

import numpy as np
import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn.beyond import fast_rnn, fast_routing
from common import datasets, run
from common.errors import UserError
from data import reuters

SIDES = collections.OrderedDict(
    listing={}, fast=dict(rnn=fast_rnn.indy_lstm_rnn, route=fast_routing.routing_iter)
)  # name → the parts that are handed in
STEPS = 4  # a round


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    run.start(0)
    try:
        folder = datasets.find("reuters", None, reuters.REQUIRED)
    except UserError:
        folder = datasets.sample("reuters")
    opts = types.SimpleNamespace(**{row.name: row.value for row in listing.VALUES})
    part = reuters.load_data(folder, opts.num_words)[0]
    table, lengths = reuters.pad(part.texts, opts.maxlen)
    built = {}
    for name, parts in SIDES.items():
        with tf.Graph().as_default() as graph:
            model = listing.build(opts, **parts)
            session = tf.Session(graph=graph, config=run.session_config(arguments.threads))
            session.run(tf.global_variables_initializer())
            built[name] = (session, model)
    order = np.random.RandomState(0).permutation(len(table))
    wall, cpu = [{name: [] for name in SIDES} for _ in range(2)]
    for round_number in range(arguments.rounds + 1):
        for name, (session, model) in built.items():
            begin, begin_cpu = time.time(), time.process_time()
            for step in range(STEPS):
                first = (round_number * STEPS + step) * opts.batch_size % max(1, len(order) - opts.batch_size)
                rows = order[first : first + opts.batch_size]
                feed = {
                    model.x: table[rows],
                    model.x_len: lengths[rows],
                    model.y: part.labels[rows],
                    model.is_train: True,
                }
                session.run(model.optimizer, feed)
            if round_number:  # the first round warms up
                wall[name].append((time.time() - begin) / STEPS)
                cpu[name].append((time.process_time() - begin_cpu) / STEPS)
            elif arguments.profile:
                profile(session, model.optimizer, feed)
    for name in SIDES:
        print("%-8s %.3f s a step (processor time %.3f s)" % (name, np.median(wall[name]), np.median(cpu[name])))
    ratios = [np.median(found["listing"]) / np.median(found["fast"]) for found in (wall, cpu)]
    print("fast is %.2f times as fast (by processor time %.2f)" % tuple(ratios))


if __name__ == "__main__":
    main()
