"""The layout of THCHS-30 (section 9.8.1), in which the project also keeps corpora of one voice.

``mytest/<id>.wav`` and ``doc/trans/*.syllable.txt``, lines ``<id> <pinyin with tone digits>``; the set's archive has both in a
folder ``data_thchs30``.
"""

import glob
import os
from typing import Dict

import librosa
import numpy as np
import soundfile

from common import datasets, text
from common.errors import UserError


def root(folder: str, wav_folder: str = "mytest") -> str:
    """``folder`` or its ``data_thchs30``: the one that has recordings and transcripts; else a UserError."""
    for place in (folder, os.path.join(folder, "data_thchs30")):
        if os.path.isdir(os.path.join(place, wav_folder)) and os.path.isdir(os.path.join(place, "doc", "trans")):
            return place
    raise UserError(
        "%s: no folders '%s' (recordings) and 'doc/trans' (transcripts) here or in data_thchs30: copy some recordings "
        "to %s, as section 9.8.1 does" % (folder, wav_folder, wav_folder)
    )


def locate(opts, wav_folder: str = "mytest") -> str:
    """The corpus that a script's options ask for: the sample at preset ``tiny``, else the real one. Says which."""
    return root(datasets.locate("thchs30", opts), wav_folder)


def describe(folder: str) -> str:
    """What a record says of the data."""
    place = os.path.dirname(folder) if os.path.basename(folder) == "data_thchs30" else folder
    return "generated sample" if datasets.is_sample(place) else os.path.basename(place)


def wav_paths(folder: str, wav_folder: str = "mytest"):
    """The recordings, by name; UserError where there is none."""
    found = sorted(glob.glob(os.path.join(glob.escape(folder), wav_folder, "*.wav")))
    if not found:
        raise UserError("%s: no *.wav" % os.path.join(folder, wav_folder))
    return found


def read_transcripts(folder: str) -> Dict[str, str]:
    """Utterance id → pinyin, of all ``doc/trans/*.syllable.txt``."""
    paths = sorted(glob.glob(os.path.join(glob.escape(folder), "doc", "trans", "*.syllable.txt")))
    if not paths:
        raise UserError("%s: no *.syllable.txt" % os.path.join(folder, "doc", "trans"))
    transcripts = {}
    for path in paths:
        for line in text.read_lines(path, "transcript"):
            fields = line.split()
            if len(fields) > 1:
                transcripts[fields[0]] = " ".join(fields[1:])
    return transcripts


def read_wav(path: str, rate: int) -> np.ndarray:
    """A recording as a float32 wave in -1…1, mono, at ``rate``: channels are averaged, another rate is resampled.

    Raises:
      UserError: the file is missing, is no sound file, or is empty.
    """
    if not os.path.exists(path):
        raise UserError("%s: no such sound file" % path)
    try:
        wav, own_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except RuntimeError as error:
        raise UserError("%s is not a readable sound file (%s)" % (path, str(error).splitlines()[0]))
    wav = wav.mean(axis=1)
    if own_rate != rate and len(wav):
        wav = librosa.resample(wav, orig_sr=own_rate, target_sr=rate).astype(np.float32)
    if not len(wav):
        raise UserError("%s holds no samples" % path)
    return wav
