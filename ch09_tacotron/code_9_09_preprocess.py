"""Listing 9-9 (sections 9.8.2 and 9.8.3): recordings and transcripts become spectrograms and a list.

Reads   ``mytest/*.wav`` and ``doc/trans/test.syllable.txt`` of THCHS-30 (or of a corpus in its layout: ``--data-dir``); preset
        tiny: a generated sample.
Writes  output/tacotron/<preset>/training/: ``thchs30-spec-*.npy``, ``thchs30-mel-*.npy``, ``train.txt``.
Time    about 0.2 s of work for each recording.

Differs from the print: E20, E21, E32, E33, E37, E38.
Beyond it: beyond/prepare.py (silence cut off, sentences held out, forced alignment, own corpora).
Next: code_9_10_cbhg.py; in running order code_9_17_train.py with the same ``--preset``.
"""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from glob import escape, glob
from multiprocessing import cpu_count

import audioread
import librosa
import numpy as np
from scipy import signal
from tqdm import tqdm

from common import options, records
from common.errors import UserError
from data import thchs30

max_frame_num = 1000
sample_rate = 16000

num_freq = 1025
num_mels = 80

frame_length_ms = 50  # Erratum E20: the window; a comment calls it the overlap of the windows, which is 37.5 ms
frame_shift_ms = 12.5

preemphasis = 0.97
n_fft = (num_freq - 1) * 2  # 2048
hop_length = int(frame_shift_ms / 1000 * sample_rate)  # 200 samples
win_length = int(frame_length_ms / 1000 * sample_rate)  # 800 samples

ref_level_db = 20
min_level_db = -100

# Erratum E21: keywords here and below, for librosa 0.10 and later refuse positional arguments
_mel_basis = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=num_mels)  # [80, 1025]

VALUES = []  # none: listing 9-17 has the same constants once more, and both must agree


def spectrogram(D):
    """Magnitudes in dB, scaled to 0…1 and clipped: 0 is ``min_level_db``, 1 is ``ref_level_db`` above a magnitude of 1."""
    S = 20 * np.log10(np.maximum(1e-5, D)) - ref_level_db
    return np.clip((S - min_level_db) / -min_level_db, 0, 1)


def melspectrogram(D):
    """Magnitudes ``[1025, frames]`` through the mel filter bank, then as ``spectrogram``: ``[80, frames]``."""
    mel = np.dot(_mel_basis, D)
    return spectrogram(mel)


def _process_utterance(out_dir, index, wav_path, pinyin):
    """Spectrograms of one recording (section 9.8.3).

    Returns:
      (spec file, mel file, frames, pinyin); None when it has more than ``max_frame_num`` frames.
    """
    wav = librosa.load(thchs30.check_wav(wav_path), sr=sample_rate)[0]
    emphasis = signal.lfilter([1, -preemphasis], [1], wav)
    D = np.abs(librosa.stft(y=emphasis, n_fft=n_fft, hop_length=hop_length, win_length=win_length))

    linear_spectrogram = spectrogram(D).astype(np.float32)
    n_frames = linear_spectrogram.shape[1]
    if n_frames > max_frame_num:
        return None
    mel_spectrogram = melspectrogram(D).astype(np.float32)

    spectrogram_filename = "thchs30-spec-%05d.npy" % index
    mel_filename = "thchs30-mel-%05d.npy" % index
    np.save(os.path.join(out_dir, spectrogram_filename), linear_spectrogram.T, allow_pickle=False)
    np.save(os.path.join(out_dir, mel_filename), mel_spectrogram.T, allow_pickle=False)
    return (spectrogram_filename, mel_filename, n_frames, pinyin)


def build_from_path(in_dir, out_dir, num_workers=1, tqdm=lambda x: x):
    """Processes the recordings ``in_dir/mytest/*.wav`` in parallel (section 9.8.3); a list of ``_process_utterance``'s tuples."""
    # 'spawn', because a forked child of a process that runs TensorFlow can hang
    executor = ProcessPoolExecutor(max_workers=num_workers, mp_context=multiprocessing.get_context("spawn"))
    futures = []
    index = 1
    # Erratum E37: sorted; the print takes the files in whatever order the file system lists them
    wav_files = sorted(glob(os.path.join(escape(in_dir), "mytest", "*.[wW][aA][vV]")))

    f = thchs30.read_transcript(os.path.join(in_dir, "doc", "trans", "test.syllable.txt"))
    allpinyin = {}
    for pinyin in f:
        indexf = pinyin.index(" ")
        allpinyin[pinyin[:indexf]] = pinyin[indexf + 1 :]

    for wav_file in wav_files:
        key = os.path.splitext(os.path.basename(wav_file))[
            0
        ]  # Erratum E32: wav_file[wav_file.index('D'):], of the path
        if key not in allpinyin:  # Erratum E38: in print a KeyError half way
            print("skipped %s: no transcript in test.syllable.txt" % wav_file)
            continue
        if thchs30.bad_syllables(allpinyin[key]):
            print("skipped %s: no syllable: %s" % (wav_file, " ".join(thchs30.bad_syllables(allpinyin[key])[:10])))
            continue
        task = partial(_process_utterance, out_dir, index, wav_file, allpinyin[key])
        futures.append((wav_file, executor.submit(task)))
        index += 1

    results = []
    with executor:
        for wav_file, future in tqdm(futures):
            try:
                results.append(future.result())
            # Erratum E38: one bad file ends the print
            except (UserError, audioread.DecodeError, librosa.ParameterError, EOFError, ValueError) as error:
                print("skipped %s: no readable recording (%s)" % (wav_file, error or type(error).__name__))
    return [result for result in results if result is not None]


def preprocess_data(num_workers, in_dir="./data_thchs30", out_dir="./training"):
    """Writes the folder ``out_dir`` (section 9.8.3) and returns the rows of its ``train.txt``."""
    os.makedirs(out_dir, exist_ok=True)
    metadata = build_from_path(in_dir, out_dir, num_workers, tqdm=tqdm)
    if not metadata:
        raise UserError("%s: no recording of at most %d frames with a transcript in mytest" % (in_dir, max_frame_num))
    with open(os.path.join(out_dir, "train.txt"), "w", encoding="utf-8") as f:
        for m in metadata:
            f.write("|".join([str(x) for x in m]) + "\n")  # Erratum E33: in print the transcript's own end of line
    options.save_settings(out_dir, dict(data=thchs30.describe(in_dir)))  # for the records of what is trained with it
    frames = sum([m[2] for m in metadata])
    print("Wrote %d utterances, %d frames" % (len(metadata), frames))
    print("Max input length: %d" % max(len(m[3]) for m in metadata))
    print("Max output length: %d" % max(m[2] for m in metadata))
    return metadata


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    in_dir = thchs30.locate(opts)
    record = records.Record(opts, opts.script, "listing 9-9", thchs30.describe(in_dir))
    metadata = preprocess_data(cpu_count(), in_dir, os.path.join(opts.output_dir, "training"))
    record.metric("utterances", len(metadata))
    record.metric("frames", sum(m[2] for m in metadata))
    record.save()


if __name__ == "__main__":
    options.run(main)
