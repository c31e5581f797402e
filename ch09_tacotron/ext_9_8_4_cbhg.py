"""Section 9.8.4: what each stage of the CBHG module does to one sentence, and how far it looks.

Bank and pool are said to see neighbourhoods of 1 to K symbols, highway layers to pass on what is good already, the GRU to see
the whole. This script runs listing 9-10's ``encoder_cbhg`` on a sentence, measures for each stage which symbols move its output
at the middle of the sentence (by the gradient), and draws what comes out of it.

Reads   the encoder of the run that ``code_9_17_train.py`` made with the same ``--preset``; without one, that of the weights which
        ship (preset tiny: an untrained one).
Writes  cbhg.png, a record. Half a minute. Next: ext_9_8_6_attention.py.
"""

import os

import numpy as np
import tensorflow as tf

from ch09_tacotron import code_9_10_cbhg as cbhg
from ch09_tacotron import code_9_15_dataset as cn_dataset
from common import options, records, run, weights
from common.errors import UserError
from common.plotting import plt, save_figure

VALUES = [
    options.Value("sentence", "jin1 tian1 tian1 qi4 hen3 hao3 wo3 men5 chu1 qu4 wanr2", "pinyin with tone digits"),
]
SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights", "tacotron-float16.npz")
# stage of listing 9-10 → the end of its operation's name
STAGES = {
    "embedding and prenet": None,
    "bank of convolutions": "/conv_bank/concat",
    "max pool": "/max_pooling1d/Squeeze",
    "projection 1": "/proj_1_bn/batchnorm/add_1",
    "projection 2": "/proj_2_bn/batchnorm/add_1",
    "residual": "/encoder_cbhg/add",
    "highway 1": "/highway_1/add",
    "highway 4": "/highway_4/add",
    "bidirectional GRU": "/encoder_cbhg/concat",
}


def ids_of(sentence):
    """The symbols' ids of ``--sentence``; UserError where it is empty, or a character has no symbol."""
    if not sentence.strip():
        raise UserError("--sentence: it is empty: write pinyin with tone digits")
    unknown = [symbol for symbol in sentence if symbol not in cn_dataset.index_symbols]
    if unknown:
        raise UserError("--sentence: no symbol for %r: write pinyin with tone digits" % unknown[0])
    return [cn_dataset.index_symbols[symbol] for symbol in sentence]


def encoder(inputs, input_lengths):
    """The first part of listing 9-16's network for use: stage → float ``[B, T, C]``."""
    with tf.variable_scope("model"), tf.variable_scope("inference"):
        table = tf.get_variable("embedding", [len(cn_dataset.symbols), 256])
        features = tf.nn.embedding_lookup(table, inputs)
        with tf.variable_scope("encoder_prenet"):
            for i, size in enumerate([256, 128]):
                features = tf.keras.layers.Dense(size, tf.nn.relu, name="dense_%d" % (i + 1))(features)
        cbhg.encoder_cbhg(features, input_lengths, False, 256)
    operations = [operation for operation in tf.get_default_graph().get_operations() if operation.outputs]
    stages = {}
    for name, end in STAGES.items():
        found = [operation for operation in operations if end and operation.name.endswith(end)]
        stages[name] = found[0].outputs[0] if end else features
    return stages


def fields(stages, session, feed, middle):
    """Which positions of the prenet's output move each stage at ``middle``: stage → (first, last)."""
    features = stages["embedding and prenet"]
    found = {}
    for name, tensor in stages.items():
        random = tf.constant(np.random.RandomState(0).randn(tensor.shape[2].value), tf.float32)
        gradient = tf.gradients(tf.reduce_sum(tensor[0, middle] * random), features)[0]
        moved = np.flatnonzero(np.abs(session.run(gradient, feed)[0]).sum(axis=1))
        found[name] = (int(moved[0]), int(moved[-1]))
    return found


def gates_of(graph):
    """The gates T of the four highway layers: 1 takes what is new, 0 passes on what came in."""
    operations = [operation for operation in graph.get_operations() if operation.type == "Sigmoid"]
    return [operation.outputs[0] for operation in operations if "/highway_" in operation.name]


def draw(values, symbols, seen, path):
    """A row a stage: channels over symbols, each channel in its own scale; white lines show what the middle depends on."""
    figure, all_axes = plt.subplots(len(values), 1, figsize=(9, 1.5 * len(values)), sharex=True)
    for axes, (name, value) in zip(all_axes, values.items()):
        value = value - value.min(axis=0)
        axes.imshow((value / np.maximum(1e-6, value.max(axis=0))).T, aspect="auto", interpolation="none")
        for edge in (seen[name][0] - 0.5, seen[name][1] + 0.5):
            axes.axvline(edge, color="white")
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
        axes.set_yticks([])
    all_axes[-1].set_xticks(range(len(symbols)))
    all_axes[-1].set_xticklabels(symbols, fontsize=7)
    return save_figure(figure, path)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    run.start(opts.seed)
    sequence = ids_of(opts.sentence)
    inputs, input_lengths = tf.placeholder(tf.int32, [None, None]), tf.placeholder(tf.int32, [None])
    stages = encoder(inputs, input_lengths)
    feed, middle = {inputs: [sequence], input_lengths: [len(sequence)]}, len(sequence) // 2
    with tf.Session(config=run.session_config(opts.threads)) as session:
        session.run(tf.global_variables_initializer())
        folder = os.path.join(opts.output_dir, "model-cpk")
        trained = run.restore_newest(tf.train.Saver(), session, folder) if os.path.isdir(folder) else None
        source = os.path.basename(trained) if trained else "untrained"
        if not trained and opts.preset != "tiny":
            variables, source = tf.global_variables(), "the shipped voice's"
            shapes = {variable.op.name: variable.shape.as_list() for variable in variables}
            values, _ = weights.load(SHIPPED, "voice", shapes)
            weights.assign(session, [(variable, values[variable.op.name]) for variable in variables])
        print("encoder: %s" % source)
        seen = fields(stages, session, feed, middle)
        values = {name: value[0] for name, value in session.run(stages, feed).items()}
        gates = [session.run(gate, feed).mean() for gate in gates_of(tf.get_default_graph())]
    rows = []
    for name, value in values.items():
        first, last = seen[name]
        rows.append([name, value.shape[1], last - first + 1])
        print("%-21s %5d channels; the middle depends on %2d of %d symbols" % (name, *rows[-1][1:], len(sequence)))
    record = records.Record(opts, opts.script, "section 9.8.4", "encoder: " + source)
    columns = ["stage", "channels", "symbols that the middle depends on"]
    record.table("The stages of the encoder's CBHG", columns, rows)
    for number, gate in enumerate(gates, 1):
        record.metric(
            "highway %d: share that is new" % number, round(float(gate), 3), note="mean of the gate T; the rest passes"
        )
        print("highway %d: %.3f new, the rest passes" % (number, gate))
    path = draw(values, [cn_dataset.symbols[i] for i in sequence], seen, os.path.join(opts.output_dir, "cbhg.png"))
    record.file(path, "picture", "What each stage of the CBHG makes of a sentence", "CBHG 各级对一个句子的作用")
    record.save()


if __name__ == "__main__":
    options.run(main)
