"""Speed and memory of example 53: listings 9-15 to 9-17 and what lies beyond them, in turns (see ``turns.py``).

training   9-15's batches (all padded to the longest utterance of the corpus, loaded one after the other, a shuffle buffer of
           1000 whole spectrograms) and 9-16's step; the same network and losses with batches of like length, loaded ahead
           (beyond/utterances.py), and the CBHG's GRUs in one loop (beyond/guided.py); and beyond/train_few.py's own step
speech     one sentence by the shipped network: with listing 9-17's Griffin-Lim, and with beyond/sound.py's as the door has it.
           Seconds are those of a second of speech: the real-time factor
start-up   ``--help`` of listing 9-17 and of the door that speaks

    python tests/benchmarks/bench_tacotron.py [--quick] [--record] [--only training …]

The utterances are noise with made pinyin: the time does not depend on what is said.
"""

import functools
import json
import os
import tempfile

import numpy as np
import tensorflow as tf

from ch09_tacotron import code_9_10_cbhg, code_9_15_dataset, code_9_16_tacotron, code_9_17_train
from ch09_tacotron.beyond import alignment, guided, prepare, train_few, utterances, voice
from common import options, run
from data import thchs30
from tests.benchmarks import turns, worker

VALUES = [
    options.Value("batch_size", code_9_17_train.batch, "utterances in a batch", low=1, tiny=2),
    options.Value("group", 4, "batches that are sorted by length together: the steps of a turn", low=1, tiny=1),
    options.Value("utterances", 128, "in the corpus", low=1, tiny=4),
    options.Value("shortest_utterance", 100, "its frames (of 12.5 ms)", low=5, tiny=20),
    options.Value(
        "longest_utterance", 300, "its frames; at 1000 five processes do not fit into 24 GiB", low=5, high=1000, tiny=40
    ),
    options.Value("sentence", "jin1 tian1 tian1 qi4 hen3 hao3", "pinyin that is spoken", tiny="ni3 hao3"),
]
FRAMES_A_SYLLABLE = 20
SYLLABLES = "wo3 men2 de5 zhong1 guo2 shi4 jie4 yi2 ge4 ren2 da4 jia1 dou1 hen3 hao3".split()


def made_corpus(lengths):
    """A run folder's training/ with an utterance for each number of frames; the path of its train.txt."""
    folder, random, rows = tempfile.mkdtemp(), np.random.RandomState(0), []
    for number, frames in enumerate(lengths):
        names = ["%s-%05d.npy" % (kind, number) for kind in ("spec", "mel")]
        for name, width in zip(names, (code_9_17_train.num_freq, code_9_17_train.num_mels)):
            np.save(os.path.join(folder, name), random.uniform(0, 1, (frames, width)).astype("f"))
        count = max(1, frames // FRAMES_A_SYLLABLE)
        rows.append((*names, frames, " ".join(random.choice(SYLLABLES, count))))
    path = os.path.join(folder, "train.txt")
    prepare.write_metadata(rows, path)
    spans = [np.linspace(0, row[2], 2 * len(row[3].split())).astype(int).reshape(-1, 2) for row in rows]
    alignment.write_spans(os.path.join(folder, alignment.SPANS_FILE), rows, spans)
    return path


def training(way, opts):
    """A group's steps."""
    random = np.random.RandomState(1)
    metadata = made_corpus(random.randint(opts.shortest_utterance, opts.longest_utterance + 1, opts.utterances))
    return _training(way, opts, metadata)


def _training(way, opts, metadata):
    run.start(opts.seed)
    count = tf.train.get_or_create_global_step()
    words = ["--batch-size", str(opts.batch_size), "--length-group", str(opts.group)]
    session = tf.Session(config=run.session_config(opts.threads))
    if way == "printed":
        tensors, iterator = (
            code_9_15_dataset.mydataset(metadata, code_9_17_train.outputs_per_step, opts.batch_size),
            None,
        )
        shapes = ([None, None], [None], [None, None, 1025], [None, None, 80], [None, None])
        for tensor, shape in zip(tensors, shapes):
            tensor.set_shape(shape)  # which listing 9-17 does by its placeholders
    else:
        if way == "ours":
            words += ["--end-symbol", "false", "--tail-steps", "0", "--splice", "0"]
        few = options.parse_values(train_few.__file__, None, train_few.VALUES, words, base="cpu")
        rows = utterances.read_metadata(metadata)
        spans = alignment.read_spans(os.path.join(os.path.dirname(metadata), alignment.SPANS_FILE), rows)
        iterator = utterances.batches(metadata, few, 0, spans).make_initializable_iterator()
        tensors = iterator.get_next()
    if way == "train_few":
        model = train_few.build(few, tensors, count)
    else:
        inputs, lengths, linear, mel, stop = tensors[:5]
        names = () if way == "printed" else ("encoder", "post")
        parts = {
            name: functools.partial(getattr(code_9_10_cbhg, name + "_cbhg"), rnn=guided.bidirectional_gru)
            for name in names
        }
        with tf.variable_scope("model"):
            model = code_9_16_tacotron.Tacotron(inputs, lengths, 80, 5, 1025, linear, mel, stop, **parts)
            model.buildTrainModel(16000, 1025, count)
    session.run(tf.global_variables_initializer())
    if iterator is not None:
        session.run(iterator.initializer)

    def step(warm):
        for number in range(opts.group):
            short = way == "train_few" and number % few.post_interval
            session.run(model.decoder_optimize if short else model.optimize)

    step.amount = opts.group
    return step


def speech(way, opts):
    """One sentence; the step's amount is what it lasts in seconds."""
    ready = voice.Voice(voice.SHIPPED, threads=opts.threads)

    def speak():
        if way == "printed":
            return code_9_17_train.inv_spectrogram(ready.frames([opts.sentence])[0][0].T)
        return ready.speak(opts.sentence, momentum=0.99)[0]  # the door's own

    def step(warm):
        speak()

    step.amount = len(speak()) / float(code_9_17_train.sample_rate)
    return step


def symbols(size, opts):
    """A training step with sentences of ``size`` symbols (and as many frames as they last)."""
    opts.batch_size, opts.group = 2, 1
    frames = min(1000, size * FRAMES_A_SYLLABLE // 4)
    return _training("ours", opts, made_corpus([frames] * 2))


def clips(size, opts):
    """Start-up of beyond/prepare.py on a corpus of ``size`` recordings that are done: looked for, compared, divided."""
    folder, out = tempfile.mkdtemp(), tempfile.mkdtemp()
    for name in ("mytest", os.path.join("doc", "trans")):
        os.makedirs(os.path.join(folder, name))
    for name in ("spec.npy", "mel.npy"):
        open(os.path.join(out, name), "wb").close()
    journal = open(os.path.join(out, "done.jsonl"), "w", encoding="ascii")
    transcript = open(os.path.join(folder, "doc", "trans", "made.syllable.txt"), "w", encoding="ascii")
    with journal, transcript:
        for number in range(1, size + 1):
            path = os.path.join(folder, "mytest", "%06d.wav" % number)
            open(path, "wb").close()
            transcript.write("%06d ni3 hao3\n" % number)
            key = prepare.journal_key(number, path, "ni3 hao3", False)
            entry = dict(key=key, metadata=["spec.npy", "mel.npy", number, "ni3 hao3"], reason=None)
            journal.write(json.dumps(entry) + "\n")
    assert len(thchs30.wav_paths(folder)) == size

    def step(warm):
        metadata, _ = prepare.build_from_path(folder, out)
        assert len(metadata) == size
        prepare.divide(metadata, 10)

    return step


HELP = dict(
    printed=["ch09_tacotron/code_9_17_train.py", "--help"],
    ours=["ch09_tacotron/ext_9_8_14_speak.py", "--help"],
)
COMPARISONS = [
    turns.Comparison("training", training, ("printed", "ours", "train_few"), goal=2.5, limits=True),
    turns.Comparison("speech", speech, most=0.25),
    turns.Comparison("start-up", worker.command, commands=HELP),
]
GROWTHS = [
    # attention looks at every symbol in every decoder step
    turns.Growth("symbols of a sentence", symbols, (25, 50, 100, 200), (4, 8), steepest=2),
    turns.Growth("recordings, start-up", clips, (800, 3200, 12800), (10, 20)),
]


def main(argv=None):
    turns.main(__file__, __doc__, "ch09_tacotron", VALUES, COMPARISONS, GROWTHS, argv)


if __name__ == "__main__":
    options.run(main)
