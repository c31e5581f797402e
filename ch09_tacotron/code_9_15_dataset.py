"""Listing 9-15 (section 9.8.10): text symbols and batches of spectrograms. Imported by listings 9-16 and 9-17.

Reads   ``train.txt`` and the spectrograms beside it, which ``code_9_09_preprocess.py`` writes.
Writes  nothing; run by itself, it prints the symbol table, as the print does at import.

Differs from the print: E28, E30; E27 and E29 are kept as printed.
Beyond it: beyond/utterances.py (batches of like length, padded to their own longest, with an end symbol).
Next: code_9_16_tacotron.py.
"""

import os

import numpy as np
import tensorflow as tf

from common import arrays, options, text
from common.errors import UserError

_pad, _eos = "_", "~"  # Erratum E27: the end symbol is never appended; kept
_padv = 0
_stop_token_padv = 1

_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz1234567890!'(),-.:;? "
symbols = [_pad, _eos] + list(_characters)
index_symbols = {symbol: index for index, symbol in enumerate(symbols)}


def sequence_to_text(sequence):
    """Symbol ids as text; ids beyond the table are left out."""
    strlen = len(symbols)
    return "".join(symbols[int(i)] for i in sequence if i < strlen)


def mydataset(metadata_filename, outputs_per_step, batch=32, shuffleflag=True, mode="train"):
    """The next batch as tensors (section 9.8.10).

    Args:
      metadata_filename: lines ``spec file|mel file|frames|pinyin``; the files lie beside it.
      outputs_per_step: the frames are padded to a multiple of it.
      mode: ``train``: shuffled (if ``shuffleflag``) and without end; anything else: each utterance once, in order.

    Returns:
      ids int32 [B, T_in], their lengths int32 [B]; float32: linear [B, T, 1025], mel [B, T, 80], stop targets [B, T].

    Raises:
      UserError: the file is missing or no text, or a character of it has no symbol.
    """
    datadir = os.path.dirname(metadata_filename)
    print("metadata_filename", metadata_filename)
    f = text.read_lines(metadata_filename, "list of utterances (written by code_9_09_preprocess.py)")
    _metadata = [line.split("|") for line in f]
    if not all(len(fields) == 4 and fields[2].isdecimal() for fields in _metadata) or not _metadata:
        raise UserError("%s: lines must be 'spec|mel|frames|pinyin', one at least" % metadata_filename)

    try:
        inputseq = [[index_symbols[symbol] for symbol in fields[3]] for fields in _metadata]
    except KeyError as symbol:
        raise UserError("%s: no symbol for %s: write pinyin with tone digits" % (metadata_filename, symbol))
    seqlen = [len(sequence) for sequence in inputseq]

    # Erratum E29: every batch is padded to this length; kept. Plus 1: a stop frame for each clip
    # Erratum E28: the longest of numbers; the print compares texts, where '98' > '1000'
    Max_output_length = max(int(fields[2]) for fields in _metadata) + 1
    Max_output_length = [
        Max_output_length + outputs_per_step - Max_output_length % outputs_per_step,
        Max_output_length,
    ][Max_output_length % outputs_per_step == 0]

    inputseq = tf.keras.preprocessing.sequence.pad_sequences(inputseq, padding="post", value=_padv)
    print(inputseq)
    print(len(inputseq[0]))

    datasetinputseq = tf.data.Dataset.from_tensor_slices(inputseq)
    datasetseqlen = tf.data.Dataset.from_tensor_slices(np.array(seqlen, np.int32))
    datasetmetadata = tf.data.Dataset.from_tensor_slices(_metadata)
    dataset = tf.data.Dataset.zip((datasetmetadata, datasetinputseq, datasetseqlen))

    def mymap(_meta, seq, seqlen):
        def _parse(meta):
            linear_target, mel_target = (
                arrays.read_npy(os.path.join(datadir, name.decode()), "spectrogram") for name in meta.numpy()[:2]
            )
            stop_token_target = np.zeros(len(linear_target), np.float32)
            padding = Max_output_length - len(linear_target)
            linear_target = np.pad(linear_target, [(0, padding), (0, 0)], mode="constant", constant_values=_padv)
            mel_target = np.pad(mel_target, [(0, padding), (0, 0)], mode="constant", constant_values=_padv)
            stop_token_target = np.pad(
                stop_token_target, (0, padding), mode="constant", constant_values=_stop_token_padv
            )
            return linear_target, mel_target, stop_token_target

        targets = tf.py_function(_parse, [_meta], [tf.float32, tf.float32, tf.float32])
        return (seq, seqlen) + tuple(targets)

    dataset = dataset.map(mymap)
    if mode == "train":
        if shuffleflag:
            dataset = dataset.shuffle(1000)
        dataset = dataset.repeat()
    dataset = dataset.batch(batch)

    iterator = dataset.make_one_shot_iterator()
    print(dataset.output_types)
    print(dataset.output_shapes)
    next_element = iterator.get_next()
    return next_element


def main():
    print(index_symbols)  # Erratum E30: in print whenever the file is imported


if __name__ == "__main__":
    options.run(main)
