"""The side of a measurement that works: one way in a process of its own, one step whenever it is told to (see ``turns.py``).

Orders come as JSON lines on standard input, answers go to standard output; whatever the way prints goes to the error stream.
Nothing here imports TensorFlow before a way does: a process that starts commands has to be a small one, because Linux counts
the memory of who starts a process as that process's own.
"""

import argparse
import collections
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np


def processor():
    """Seconds of the processor that this process, its threads and its finished children have used."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def peak(who):
    """Largest memory in MiB of this process, or of its largest finished child."""
    unit = 2.0**20 if sys.platform == "darwin" else 2.0**10  # bytes there, KiB elsewhere
    return resource.getrusage(who).ru_maxrss / unit


# ------------------------------------------------------------------------------------------------------ ways of every example
def command(way, opts):
    """A way that is a whole command: ``opts.commands[way]``, a list of words after ``python``.

    A last word ``--output-dir`` gets an empty folder, another one each time.
    """
    words = [sys.executable] + opts.commands[way]

    def step(warm):
        with tempfile.TemporaryDirectory(prefix="companion-bench-") as folder:
            more = [folder] if words[-1] == "--output-dir" else []
            subprocess.run(words + more, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)

    step.measured = resource.RUSAGE_CHILDREN
    return step


def matrix_product(way, opts):
    """The nearest limit: one product of two square matrices of ``opts.matrix`` rows, as TensorFlow does it here."""
    import tensorflow as tf

    from common import run

    random = np.random.RandomState(0)
    a, b = (tf.constant(random.normal(size=(opts.matrix, opts.matrix)).astype("f")) for _ in range(2))
    rows = tf.placeholder(
        tf.int32, []
    )  # fed, for TensorFlow multiplies what is known beforehand (a default, too) only once
    product = tf.reduce_max(tf.matmul(a[:rows], b))
    session = tf.Session(config=run.session_config(opts.threads))

    def step(warm):
        session.run(product, {rows: opts.matrix})

    return step


def fill(session, variables, seed=0):
    """The same weights for every way: matrices and filters drawn by their place in ``variables``, vectors as they begin."""
    for place, variable in enumerate(variables):
        shape = variable.shape.as_list()
        if len(shape) > 1:
            variable.load(np.random.RandomState(seed + place).normal(0, 0.05, shape).astype("f"), session)


# --------------------------------------------------------------------------------------------------------------------- traces
def traces_of(step):
    """Traces (``RunMetadata``) of each ``session.run`` of a step, a warm-up; what Keras runs by other means is not seen."""
    import tensorflow as tf

    base = tf.Session.__mro__[1]  # BaseSession, whose `run` every session has
    original, traces = base.run, []

    def traced(self, fetches, feed_dict=None, options=None, run_metadata=None):
        traces.append(tf.RunMetadata())
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE, output_partition_graphs=True)
        return original(self, fetches, feed_dict, options, traces[-1])

    base.run = traced
    try:
        step(True)
    finally:
        base.run = original
    return traces


def profile_of(traces, shown=6):
    """The kinds of operations that take most of the time: lists of kind, percent of all, how often."""
    spent, count = collections.Counter(), collections.Counter()
    for trace in traces:
        kinds = {node.name: node.op for graph in trace.partition_graphs for node in graph.node}
        for device in trace.step_stats.dev_stats:
            for node in device.node_stats:
                kind = kinds.get(node.node_name, "other")
                spent[kind] += node.op_end_rel_micros - node.op_start_rel_micros
                count[kind] += 1
    total = float(max(1, sum(spent.values())))
    return [[kind, round(100 * micros / total, 1), count[kind]] for kind, micros in spent.most_common(shown)]


def products_of(traces):
    """Floating-point operations (a multiplication and an addition are two) of the matrix products and convolutions traced."""
    return sum(_products_of_trace(trace) for trace in traces)


def _products_of_trace(trace):
    nodes = {node.name: node for graph in trace.partition_graphs for node in graph.node}
    ran = [(node.node_name, node) for device in trace.step_stats.dev_stats for node in device.node_stats]
    shapes = {}
    for name, node in ran:
        for output in node.output:
            shapes[name, output.slot] = [axis.size for axis in output.tensor_description.shape.dim]

    def shape_of(name):
        name, _, slot = name.partition(":")
        return shapes.get((name, int(slot or 0)), [])

    total = 0
    for name, node in ran:
        if name not in nodes or not node.output:
            continue
        kind, inputs = nodes[name].op, nodes[name].input
        result = [axis.size for axis in node.output[0].tensor_description.shape.dim]
        if kind in ("MatMul", "BatchMatMul"):
            rows = np.prod(result[:-1])
            total += 2 * np.prod(result) * np.prod(shape_of(inputs[0])) // max(1, rows)
        elif kind.endswith("Conv2D") or kind.startswith("Conv2DBackprop"):
            if kind.endswith("Conv2D"):
                small, kernel = result, shape_of(inputs[1])
            elif kind.endswith("Input"):
                small, kernel = shape_of(inputs[2]), shape_of(inputs[1])
            else:
                small, kernel = shape_of(inputs[2]), result
            if kernel:
                total += 2 * np.prod(small) * np.prod(kernel) // kernel[-1]
    return int(total)


# --------------------------------------------------------------------------------------------------------------- the process
def serve(module, function, way, settings):
    """Makes the way's step by ``module.function(way, settings)`` and does it as often as it is told to."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(**answer):
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    opts = argparse.Namespace(**json.loads(settings))
    step = getattr(importlib.import_module(module), function)(json.loads(way), opts)
    measured = getattr(step, "measured", resource.RUSAGE_SELF)
    say(tensorflow=getattr(sys.modules.get("tensorflow"), "__version__", ""), amount=getattr(step, "amount", 1))
    for line in sys.stdin:
        order = json.loads(line)
        if order.get("trace"):
            traces = traces_of(step)
            say(products=products_of(traces), profile=profile_of(traces))
            continue
        cpu, wall = processor(), time.perf_counter()
        for _ in range(order["repeats"]):
            loss = step(order["warm"])
        wall, cpu = time.perf_counter() - wall, processor() - cpu
        say(wall=wall, cpu=cpu, loss=None if loss is None else float(loss), peak=peak(measured))


if __name__ == "__main__":
    serve(*sys.argv[1:])
