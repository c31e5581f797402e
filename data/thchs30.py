"""The layout of THCHS-30 (section 9.8.1), in which the project also keeps corpora of one voice.

``mytest/<id>.wav`` and ``doc/trans/*.syllable.txt``, lines ``<id> <pinyin with tone digits>``; the set's archive has both in a
folder ``data_thchs30``. Own corpora may have .flac and .ogg beside .wav, and GB 18030 beside UTF-8.
"""

import glob
import os
import re
from typing import Dict, List

import librosa
import numpy as np
import soundfile

from common import datasets, files, text
from common.errors import UserError

LONGEST = 1200  # seconds of a recording: a spectrogram of that takes a gigabyte; sentences have ten
LARGEST = 1 << 30  # bytes of its file
RATES = (2000, 768000)  # samples a second
READ = (".wav", ".flac", ".ogg")  # what every libsndfile reads
NOT_READ = tuple(".mp3 .m4a .aac .wma .amr .opus .aif .aiff .mp4 .3gp .webm".split())


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
    folder = os.path.abspath(folder)
    place = os.path.dirname(folder) if os.path.basename(folder) == "data_thchs30" else folder
    return "generated sample" if datasets.is_sample(place) else os.path.basename(place)


def _with_ending(folder: str, endings) -> List[str]:
    return sorted(path for path in glob.glob(os.path.join(glob.escape(folder), "*")) if path.lower().endswith(endings))


def other_sounds(folder: str, wav_folder: str = "mytest") -> List[str]:
    """Names of the sound files that nothing here reads."""
    return [os.path.basename(path) for path in _with_ending(os.path.join(folder, wav_folder), NOT_READ)]


def wav_paths(folder: str, wav_folder: str = "mytest") -> List[str]:
    """The recordings (``.wav``, ``.WAV``, ``.flac``, ``.ogg``), by name; UserError where there is none."""
    found, others = _with_ending(os.path.join(folder, wav_folder), READ), other_sounds(folder, wav_folder)
    if not found and others:
        raise UserError(
            "%s: no *.wav, *.flac or *.ogg, but %d others such as %s: save them as .wav"
            % (os.path.join(folder, wav_folder), len(others), others[0])
        )
    if not found:
        raise UserError("%s: no *.wav" % os.path.join(folder, wav_folder))
    return found


def bad_syllables(pinyin: str) -> List[str]:
    """The words that are no syllable with its tone: letters, ü as v, then 1 to 5 (neutral); a sign may stand behind it.

    A voice learns letters: what is written otherwise in a transcript (``Ma1``, ``ma``, ``de0``, ``lu:4``) it learns for nothing.
    """
    return [word for word in pinyin.split() if not re.match(r"[a-z]+[1-5][!'(),\-.:;?]*$", word)]


def read_transcript(path: str) -> List[str]:
    """The lines ``<id> <pinyin>`` of a transcript, one blank between them; those without pinyin are left out.

    Raises:
      UserError: it cannot be read as text; an id stands there twice with different pinyin.
    """
    transcript = {}
    for number, line in enumerate(text.read_lines(path, "transcript", ("utf-8", "gb18030")), 1):
        fields = line.strip().split(None, 1)  # a spreadsheet writes a tab
        if len(fields) > 1 and transcript.setdefault(*fields) != fields[1]:
            raise UserError(
                "transcript %s, line %d: %s has another line with other pinyin" % (path, number, fields[0][:80])
            )
    return ["%s %s" % item for item in transcript.items()]


def read_transcripts(folder: str) -> Dict[str, str]:
    """Utterance id → pinyin, of all ``doc/trans/*.syllable.txt``; UserError as ``read_transcript``, for all together."""
    paths = sorted(glob.glob(os.path.join(glob.escape(folder), "doc", "trans", "*.syllable.txt")))
    if not paths:
        raise UserError("%s: no *.syllable.txt" % os.path.join(folder, "doc", "trans"))
    transcripts = {}
    for path in paths:
        for line in read_transcript(path):
            fields = line.split()
            if len(fields) > 1 and transcripts.setdefault(fields[0], " ".join(fields[1:])) != " ".join(fields[1:]):
                raise UserError("%s: %s stands in another transcript with other pinyin" % (path, fields[0][:80]))
    return transcripts


def check_wav(path: str) -> str:
    """``path``, when its header is a recording's.

    Raises:
      UserError: missing, no file, no sound file, empty, longer than ``LONGEST``, or of a rate that no recorder has.
    """
    files.regular_file(path, "recording", LARGEST)
    try:
        found = soundfile.info(path)
    except (RuntimeError, ValueError, OverflowError) as error:
        raise UserError("%s is not a readable sound file (%s)" % (path, _why(error)))
    if not RATES[0] <= found.samplerate <= RATES[1]:
        raise UserError("%s has %d samples a second; %d to %d are read" % ((path, found.samplerate) + RATES))
    if not 1 <= found.channels <= 32:
        raise UserError("%s has %d channels" % (path, found.channels))
    if found.frames < 1:
        raise UserError("%s holds no samples" % path)
    if found.frames > LONGEST * found.samplerate:
        raise UserError("%s has %d s; recordings of up to %d s are read" % (path, found.duration, LONGEST))
    return path


def _why(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]


def read_wav(path: str, rate: int) -> np.ndarray:
    """A recording as a float32 wave in -1…1, mono, at ``rate``: channels are averaged, another rate is resampled.

    Raises:
      UserError: as ``check_wav``, or samples that are no numbers.
    """
    try:
        wav, own_rate = soundfile.read(check_wav(path), dtype="float32", always_2d=True)
    except (RuntimeError, ValueError, MemoryError) as error:
        raise UserError("%s is not a readable sound file (%s)" % (path, _why(error)))
    wav = wav.mean(axis=1)
    if not np.isfinite(wav).all():
        raise UserError("%s holds samples that are no numbers" % path)
    if own_rate != rate and len(wav):
        wav = librosa.resample(wav, orig_sr=own_rate, target_sr=rate).astype(np.float32)
    if not len(wav):
        raise UserError("%s holds no samples" % path)
    return wav
