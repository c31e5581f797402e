"""Listing 9-15 (section 9.8.10): text symbols and batches of spectrograms.

Reads the ``training`` folder that ``code_9_09_preprocess.py`` writes. Imported by listing 9-17; run by itself, it prints the
first batch's shapes (a few seconds). Next: ``code_9_17_train.py``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import tensorflow as tf

from ch09_tacotron import audio
from ch09_tacotron.splicing import Splicer
from common import options, training
from common.errors import UserError

# Symbols (section 9.8.10)
_pad = "_"
_eos = "~"
_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz1234567890!'(),-.:;? "
symbols = [_pad, _eos] + list(_characters)
_symbol_to_id = {s: i for i, s in enumerate(symbols)}
_id_to_symbol = dict(enumerate(symbols))

PRESETS = {"book": dict(batch_size=32), "cpu": dict(batch_size=8), "tiny": dict(batch_size=4)}


def unknown_characters(text):
    """The characters of ``text`` that have no symbol, sorted."""
    return sorted(set(text) - set(_characters))


def text_to_sequence(text, end_symbol=False):
    """Pinyin as a list of symbol ids.

    Args:
      end_symbol: Extra: append the end symbol, so that attention has a place to rest on when all is said.
        Erratum E27: the print defines ``~`` and never appends it.

    Raises:
      UserError: a character has no symbol; names it.
    """
    unknown = unknown_characters(text)
    if unknown:
        raise UserError(
            "no symbol for %s in '%s': write pinyin with tone digits" % (" ".join(map(repr, unknown)), text)
        )
    return [_symbol_to_id[s] for s in text] + ([_symbol_to_id[_eos]] if end_symbol else [])


def sequence_to_text(sequence):
    """Symbol ids as text (section 9.8.10)."""
    return "".join(_id_to_symbol[int(i)] for i in sequence)


def read_metadata(metadata_filename):
    """The lines of ``train.txt``: a list of (spec file, mel file, frames as int, pinyin).

    Raises:
      UserError: the file is missing or empty, or a line has not four fields.
    """
    if not os.path.exists(metadata_filename):
        raise UserError(
            "%s does not exist: run ch09_tacotron/code_9_09_preprocess.py first (same --preset or --output-dir)"
            % metadata_filename
        )
    rows = []
    with open(metadata_filename, encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            fields = line.rstrip("\n").split("|")
            if len(fields) != 4 or not fields[2].isdigit():
                raise UserError(
                    "%s, line %d: not 'spec|mel|frames|pinyin': %r" % (metadata_filename, number, line[:80])
                )
            # Erratum E28: lengths are numbers; the print compares them as text, where '98' > '1000'
            rows.append((fields[0], fields[1], int(fields[2]), fields[3]))
    if not rows:
        raise UserError("%s is empty: preprocessing found no usable utterance" % metadata_filename)
    return rows


def load_utterance(folder, row, spans=None):
    """Pinyin, linear ``[T, 1025]``, mel ``[T, 80]`` of a row of ``train.txt``, and ``spans`` as they are."""
    linear, mel = (np.load(os.path.join(folder, name), allow_pickle=False) for name in row[:2])
    return row[3], linear, mel, spans


def symbol_places(text, length, frames, spans):
    """Extra: which symbol of the text is being said in each frame, to guide attention.

    Args:
      text: pinyin with blanks between the syllables; length: symbols, the end symbol included.
      frames: frames of the utterance; spans: int ``[syllables, 2]``, each syllable's first frame and the one behind its last.

    Returns:
      float32 ``[frames]``, 0…length - 1: evenly through the symbols of a syllable, at the blank between two.
    """
    begins = np.cumsum([0] + [len(syllable) + 1 for syllable in text.split(" ")])[:-1]
    ends = np.append(begins[1:] - 1, length - 1)
    times = np.asarray(spans, np.float64).ravel()
    return np.interp(np.arange(frames), times, np.stack([begins, ends], 1).ravel()).astype(np.float32)


def make_batch(utterances, outputs_per_step, end_symbol=False, tail_steps=0):
    """Pads utterances to the longest among them.

    Args:
      utterances: a list of (pinyin, linear ``[T, 1025]``, mel ``[T, 80]``, Extra: spans of the syllables or None).
      tail_steps: Extra: decoder steps of silence with stop token 1 behind every utterance; with 0, as printed, only
        those that are shorter than others of their batch show the network how to stop.

    Returns:
      (inputs int32 [B, T_in], input_lengths int32 [B], linear [B, T, 1025], mel [B, T, 80], stop tokens [B, T],
      target_lengths int32 [B], the tail included; Extra: symbol places [B, T / r], see ``symbol_places``,
      without spans evenly through the text); T is a multiple of ``outputs_per_step`` = r.
    """
    r, count = outputs_per_step, len(utterances)
    texts = [text_to_sequence(text, end_symbol) for text, *_ in utterances]
    input_lengths = np.array([len(text) for text in texts], np.int32)
    inputs = np.full([count, max(input_lengths)], _symbol_to_id[_pad], np.int32)
    frames = [len(mel) for _, _, mel, _ in utterances]
    # Erratum E29: a batch is padded to its own longest utterance, not to the longest of the corpus
    padded = (-(-max(frames) // r) + tail_steps) * r
    linear_targets = np.zeros([count, padded, audio.num_freq], np.float32)
    mel_targets = np.zeros([count, padded, audio.num_mels], np.float32)
    stop = np.ones([count, padded], np.float32)
    target_lengths = np.array([(-(-n // r) + tail_steps) * r if tail_steps else n for n in frames], np.int32)
    places = np.zeros([count, padded // r], np.float32)
    for i, (text, (pinyin, linear, mel, spans)) in enumerate(zip(texts, utterances)):
        inputs[i, : len(text)] = text
        linear_targets[i, : frames[i]] = linear
        mel_targets[i, : frames[i]] = mel
        stop[i, : frames[i]] = 0
        if spans is None:
            places[i] = (len(text) - 1) * np.minimum(1, np.arange(padded // r) / max(1, frames[i] // r))
        else:
            places[i] = symbol_places(pinyin, len(text), padded, spans)[r // 2 :: r]  # the middle frame of each step
    return inputs, input_lengths, linear_targets, mel_targets, stop, target_lengths, places


def batch_rows(lengths, number, batch, seed=0, group=8, shuffleflag=True):
    """Which utterances make batch ``number`` (0, 1, 2 …) of an endless stream.

    It depends on nothing but the arguments, so that a resumed training sees the batches it would have seen.

    Args:
      lengths: frames of each utterance.
      group: Extra: so many batches are drawn together and sorted by length before they are cut apart, so that little is
        padding; 1: plain shuffling, as printed.

    Returns:
      A list of ``batch`` indices.
    """
    count = len(lengths)

    def at(position):  # the endless stream: one permutation after the other
        epoch, place = divmod(position, count)
        if not shuffleflag:
            return place
        if epoch not in permutations:
            permutations[epoch] = np.random.RandomState([seed, epoch]).permutation(count)
        return int(permutations[epoch][place])

    permutations = {}
    pool_number, place = divmod(number, group)
    pool = [at(pool_number * group * batch + i) for i in range(group * batch)]
    if not shuffleflag or group == 1:
        return pool[place * batch : (place + 1) * batch]
    order = np.random.RandomState([seed, pool_number, 1]).permutation(group)
    start = int(order[place]) * batch
    return sorted(pool, key=lambda i: (lengths[i], i))[start : start + batch]


def mydataset(
    metadata_filename,
    outputs_per_step,
    batch=32,
    shuffleflag=True,
    mode="train",
    seed=0,
    group=8,
    first_batch=0,
    end_symbol=False,
    tail_steps=0,
    spans=None,
    splice=0.0,
):
    """Batches as a ``tf.data.Dataset`` (section 9.8.10); for the arguments see ``batch_rows`` and ``make_batch``.

    Args:
      mode: ``train``: endless; anything else: each utterance once, in order.
      first_batch: int or int64 tensor: where to begin (a resumed training begins at its step).
      spans: Extra: for each row when its syllables are said (``forced_alignment.align``), or None.
      splice: Extra: share of a training batch's utterances that are put together out of pieces (``splicing.py``); the whole
        corpus is then held in memory. It needs ``spans``.

    Returns:
      A dataset of the seven tensors of ``make_batch``; the next batches are loaded while the network computes.
    """
    rows = read_metadata(metadata_filename)
    folder = os.path.dirname(metadata_filename)
    lengths = [row[2] for row in rows]
    spans = spans or [None] * len(rows)
    splicer = None
    if splice > 0 and mode == "train":
        splicer = Splicer([load_utterance(folder, *pair) for pair in zip(rows, spans)], splice, seed)

    def generate(number):
        while mode == "train" or number * batch < len(rows):
            if mode == "train":
                chosen = batch_rows(lengths, int(number), batch, seed, group, shuffleflag)
            else:
                chosen = range(int(number) * batch, min(len(rows), (int(number) + 1) * batch))
            if splicer:
                utterances = splicer.batch(chosen, number)
            else:
                utterances = [load_utterance(folder, rows[i], spans[i]) for i in chosen]
            yield make_batch(utterances, outputs_per_step, end_symbol, tail_steps)
            number += 1

    return tf.data.Dataset.from_generator(
        generate,
        (tf.int32, tf.int32, tf.float32, tf.float32, tf.float32, tf.int32, tf.float32),
        (
            tf.TensorShape([None, None]),
            tf.TensorShape([None]),
            tf.TensorShape([None, None, audio.num_freq]),
            tf.TensorShape([None, None, audio.num_mels]),
            tf.TensorShape([None, None]),
            tf.TensorShape([None]),
            tf.TensorShape([None, None]),
        ),
        args=(tf.cast(first_batch, tf.int64),),
    ).prefetch(2)


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="tacotron", argv=argv)
    training.start(opts.seed)
    # Erratum E30: the print shows the symbol table whenever the file is imported
    print("%d symbols: %s" % (len(symbols), "".join(symbols)))
    dataset = mydataset(os.path.join(opts.output_dir, "training", "train.txt"), 5, opts.batch_size, seed=opts.seed)
    iterator = dataset.make_initializable_iterator()
    with tf.Session(config=training.session_config(opts.threads)) as session:
        session.run(iterator.initializer)
        inputs, input_lengths, linear, mel, stop, *_ = session.run(iterator.get_next())
    for name, value in (("inputs", inputs), ("linear", linear), ("mel", mel), ("stop tokens", stop)):
        print("%-12s %s %s" % (name, value.dtype, value.shape))
    print("first text: %s" % sequence_to_text(inputs[0, : input_lengths[0]]))


if __name__ == "__main__":
    options.run(main)
