"""Utterances as the trainers here want them: symbols with an end, batches of like length padded to their own longest.

The listings' defects and weak choices that this mends: E27 (the end symbol is appended) and E29 (a batch is padded to its own
longest utterance, not to that of the corpus). What a batch holds is told by seed and number alone, so that a resumed training
gets the batches of the uninterrupted one (``train_few.py`` is exactly that one; in ``train.py`` dropout draws anew).
"""

import functools
import os
import zlib

import numpy as np
import tensorflow as tf

from ch09_tacotron.beyond.splicing import Splicer
from ch09_tacotron.code_9_15_dataset import _characters, _eos, _padv, _stop_token_padv, index_symbols
from ch09_tacotron.code_9_17_train import num_freq, num_mels
from common import arrays, files, same_data, text
from common.errors import UserError

KEPT = 300  # utterances that stay in memory, nearly a gigabyte; pieces are taken from all of a few minutes' recordings


def unknown_characters(pinyin):
    """The characters of ``pinyin`` that have no symbol, sorted."""
    return sorted(set(pinyin) - set(_characters))


def text_to_sequence(pinyin, end_symbol=False):
    """Pinyin as a list of symbol ids.

    Args:
      end_symbol: append ``~``, so that attention has a place to rest on when all is said.

    Raises:
      UserError: a character has no symbol; names it.
    """
    unknown = unknown_characters(pinyin)
    if unknown:
        raise UserError(
            "no symbol for %s in '%s': write pinyin with tone digits" % (" ".join(map(repr, unknown)), pinyin)
        )
    return [index_symbols[symbol] for symbol in pinyin] + ([index_symbols[_eos]] if end_symbol else [])


def read_metadata(metadata_filename):
    """The lines of ``train.txt``: a list of (spec file, mel file, frames as int, pinyin).

    Raises:
      UserError: the file is missing or empty, or a line has not four fields.
    """
    if not os.path.exists(metadata_filename):
        raise UserError("%s does not exist: run ch09_tacotron/beyond/prepare.py first" % metadata_filename)
    rows = []
    for number, line in enumerate(text.read_lines(metadata_filename, "list of utterances"), 1):
        fields = line.split("|")
        if len(fields) != 4 or not fields[2].isdecimal():
            raise UserError("%s, line %d: not 'spec|mel|frames|pinyin': %r" % (metadata_filename, number, line[:80]))
        rows.append((fields[0], fields[1], int(fields[2]), fields[3]))
    if not rows:
        raise UserError("%s is empty: preprocessing found no usable utterance" % metadata_filename)
    return rows


def read_sets(training_dir):
    """The utterances that are trained on and the held-out ones: ``{"trained": rows, "held-out": rows}``; the second may lack."""
    sets = {"trained": read_metadata(os.path.join(training_dir, "train.txt"))}
    held_out = os.path.join(training_dir, "heldout.txt")
    if os.path.exists(held_out) and os.path.getsize(held_out):
        sets["held-out"] = read_metadata(held_out)
    return sets


def _checksum(path):
    """What tells a file from another one; 'nothing' where it is not there."""
    return "%08x" % zlib.crc32(files.read_bytes(path, limit=None)) if os.path.exists(path) else "nothing"


def check_begun(folder, training_dir, begun, start_from=None):
    """Keeps which lists of utterances, and which weights, a training begins with; when it goes on they must be the same.

    With the lists of another ``prepare.py`` it would be trained on sentences that were held out, or measured by known ones.

    Args:
      folder: the run's; begun: whether it has a checkpoint; start_from: file of weights to begin with, or None.

    Raises:
      UserError: names what differs. (A run of before this was kept goes on with what is there.)
    """
    found = {}
    for name, rows in read_sets(training_dir).items():
        list_name = "train.txt" if name == "trained" else "heldout.txt"
        found[name] = "%d utterances (%s)" % (len(rows), _checksum(os.path.join(training_dir, list_name)))
    found.setdefault("held-out", "nothing")
    if start_from or not begun:  # what it began with need not be said again
        found["--start-from"] = _checksum(start_from or "")
    same_data.check(folder, begun, found)


def load_mel(folder, row):
    return arrays.read_npy(os.path.join(folder, row[1]), "mel spectrogram", (None, num_mels))


def load_utterance(folder, row, spans=None):
    """Pinyin, linear ``[T, 1025]``, mel ``[T, 80]`` of a row of ``train.txt``, and ``spans`` as they are."""
    linear = arrays.read_npy(os.path.join(folder, row[0]), "spectrogram", (None, num_freq))
    return row[3], linear, load_mel(folder, row), spans


def symbol_places(pinyin, length, frames, spans):
    """Which symbol of the text is being said in each frame, to guide attention.

    Args:
      pinyin: with blanks between the syllables; length: symbols, the end symbol included.
      frames: frames of the utterance; spans: int ``[syllables, 2]``, each syllable's first frame and the one behind its last.

    Returns:
      float32 ``[frames]``, 0…length - 1: evenly through the symbols of a syllable, at the blank between two.
    """
    begins = np.cumsum([0] + [len(syllable) + 1 for syllable in pinyin.split(" ")])[:-1]
    ends = np.append(begins[1:] - 1, length - 1)
    times = np.asarray(spans, np.float64).ravel()
    return np.interp(np.arange(frames), times, np.stack([begins, ends], 1).ravel()).astype(np.float32)


def make_batch(utterances, outputs_per_step, end_symbol=False, tail_steps=0):
    """Pads utterances to the longest among them.

    Args:
      utterances: a list of (pinyin, linear ``[T, 1025]``, mel ``[T, 80]``, spans of the syllables or None).
      tail_steps: decoder steps of silence with stop token 1 behind every utterance.

    Returns:
      (inputs int32 [B, T_in], input_lengths int32 [B], linear [B, T, 1025], mel [B, T, 80], stop tokens [B, T],
      target_lengths int32 [B], the tail included; symbol places [B, T / r], see ``symbol_places``, without spans evenly through
      the text); T is a multiple of ``outputs_per_step`` = r.
    """
    r, count = outputs_per_step, len(utterances)
    texts = [text_to_sequence(pinyin, end_symbol) for pinyin, *_ in utterances]
    input_lengths = np.array([len(sequence) for sequence in texts], np.int32)
    inputs = np.full([count, max(input_lengths)], _padv, np.int32)
    frames = [len(mel) for _, _, mel, _ in utterances]
    padded = (-(-max(frames) // r) + tail_steps) * r
    linear_targets = np.zeros([count, padded, num_freq], np.float32)
    mel_targets = np.zeros([count, padded, num_mels], np.float32)
    stop = np.full([count, padded], _stop_token_padv, np.float32)
    target_lengths = np.array([(-(-n // r) + tail_steps) * r if tail_steps else n for n in frames], np.int32)
    places = np.zeros([count, padded // r], np.float32)
    for i, (sequence, (pinyin, linear, mel, spans)) in enumerate(zip(texts, utterances)):
        inputs[i, : len(sequence)] = sequence
        linear_targets[i, : frames[i]] = linear
        mel_targets[i, : frames[i]] = mel
        stop[i, : frames[i]] = 0
        if spans is None:
            places[i] = (len(sequence) - 1) * np.minimum(1, np.arange(padded // r) / max(1, frames[i] // r))
        else:
            places[i] = symbol_places(pinyin, len(sequence), padded, spans)[
                r // 2 :: r
            ]  # the middle frame of each step
    return inputs, input_lengths, linear_targets, mel_targets, stop, target_lengths, places


def batch_rows(lengths, number, batch, seed=0, group=8):
    """Which utterances make batch ``number`` (0, 1, 2 …) of an endless stream; it depends on nothing but the arguments.

    Args:
      lengths: frames of each utterance.
      group: so many batches are drawn together and sorted by length before they are cut apart, so that little is padding.

    Returns:
      A list of ``batch`` indices.
    """
    count, permutations = len(lengths), {}

    def at(position):  # the endless stream: one permutation after the other
        epoch, place = divmod(position, count)
        if epoch not in permutations:
            permutations[epoch] = np.random.RandomState([seed, epoch]).permutation(count)
        return int(permutations[epoch][place])

    pool_number, place = divmod(number, group)
    pool = [at(pool_number * group * batch + i) for i in range(group * batch)]
    if group == 1:
        return pool
    order = np.random.RandomState([seed, pool_number, 1]).permutation(group)
    start = int(order[place]) * batch
    return sorted(pool, key=lambda i: (lengths[i], i))[start : start + batch]


def batches(metadata_filename, opts, first_batch=0, spans=None):
    """Training batches without end, as a ``tf.data.Dataset`` of ``make_batch``'s tensors.

    Args:
      opts: ``batch_size, outputs_per_step, seed, length_group, end_symbol, tail_steps, splice``.
      first_batch: int or int64 tensor: where to begin (a resumed training begins at its step).
      spans: for each row when its syllables are said (``alignment.align``), or None; splicing needs them.
    """
    rows = read_metadata(metadata_filename)
    folder = os.path.dirname(metadata_filename)
    lengths = [row[2] for row in rows]
    spans = spans or [None] * len(rows)
    load = functools.lru_cache(KEPT)(lambda i: load_utterance(folder, rows[i], spans[i]))
    splicer = None
    if opts.splice > 0:
        outlines = ((row[3], load_mel(folder, row), times) for row, times in zip(rows, spans))
        splicer = Splicer(load, outlines, opts.splice, opts.seed)

    def generate(number):
        while True:
            chosen = batch_rows(lengths, int(number), opts.batch_size, opts.seed, opts.length_group)
            if splicer:
                utterances = splicer.batch(chosen, number)
            else:
                utterances = [load(i) for i in chosen]
            yield make_batch(utterances, opts.outputs_per_step, opts.end_symbol, opts.tail_steps)
            number += 1

    types = (tf.int32, tf.int32, tf.float32, tf.float32, tf.float32, tf.int32, tf.float32)
    shapes = ([None, None], [None], [None, None, num_freq], [None, None, num_mels], [None, None], [None], [None, None])
    shapes = tuple(tf.TensorShape(shape) for shape in shapes)
    return tf.data.Dataset.from_generator(generate, types, shapes, args=(tf.cast(first_batch, tf.int64),)).prefetch(
        2
    )  # the next batches are loaded while the network computes
