"""Audio constants and transforms of listings 9-9 and 9-17 (sections 9.8.3 and 9.8.13), written down once.

A wave is a float32 vector in -1…1 at 16 kHz. A spectrogram is float32 ``[frames, 1025]`` and a mel spectrogram
``[frames, 80]``, both in 0…1: 0 is ``min_level_db``, 1 is ``ref_level_db`` above an amplitude of 1. A frame is 50 ms long
and begins 12.5 ms after the one before.

The print has these constants twice (9-9 and 9-17); here both listings import them.
"""

import functools
import os
from typing import Optional

import librosa
import numpy as np
import scipy.signal
import soundfile

from common.errors import UserError

# Listing 9-9, section 9.8.3
max_frame_num = 1000
sample_rate = 16000
num_freq = 1025
num_mels = 80
frame_length_ms = 50  # the length of the window
frame_shift_ms = (
    12.5  # Erratum E20: a comment calls the 50 ms the overlap; windows begin 12.5 ms apart, 37.5 ms overlap
)
preemphasis = 0.97
ref_level_db = 20
min_level_db = -100
# Listing 9-17, section 9.8.13
griffin_lim_iters = 60
power = 1.5

n_fft = (num_freq - 1) * 2  # 2048
hop_length = int(frame_shift_ms / 1000 * sample_rate)  # 200 samples
win_length = int(frame_length_ms / 1000 * sample_rate)  # 800 samples

# Extra: silence at both ends that is more than this many dB below the loudest frame is cut off by `--trim-silence`
trim_top_db = 35


# ------------------------------------------------------------------------------------------ waves
def load_wav(path: str) -> np.ndarray:
    """A sound file as a float32 wave at 16 kHz, mono.

    Several channels are averaged; another rate is resampled.

    Raises:
      UserError: the file is missing, is no sound file, or is empty.
    """
    if not os.path.exists(path):
        raise UserError("%s: no such sound file" % path)
    try:
        wav, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except RuntimeError as error:
        raise UserError("%s is not a readable sound file (%s)" % (path, str(error).splitlines()[0]))
    wav = wav.mean(axis=1)
    if rate != sample_rate and len(wav):
        # Erratum E21: keywords, because librosa 0.10 and later refuse positional arguments (here and below)
        wav = librosa.resample(wav, orig_sr=rate, target_sr=sample_rate).astype(np.float32)
    if not len(wav):
        raise UserError("%s holds no samples" % path)
    return wav


def save_wav(wav: np.ndarray, path: str) -> str:
    """Writes a wave as 16-bit PCM, scaled to full level (as in section 9.8.13); returns the path."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    loudest = max(0.01, float(np.max(np.abs(wav)))) if len(wav) else 1.0
    soundfile.write(path, np.int16(np.rint(wav * (32767 / loudest))), sample_rate, subtype="PCM_16")
    return path


def trim_silence(wav: np.ndarray) -> np.ndarray:
    """Extra: the wave without the silence at its ends (training on silent ends keeps attention from forming)."""
    trimmed, _ = librosa.effects.trim(y=wav, top_db=trim_top_db, frame_length=win_length, hop_length=hop_length)
    return trimmed


def pre_emphasis(wav: np.ndarray) -> np.ndarray:
    """``y[n] = x[n] - 0.97 x[n-1]``: lifts the high frequencies, which speech has less of."""
    return scipy.signal.lfilter([1, -preemphasis], [1], wav).astype(np.float32)


def inv_preemphasis(wav: np.ndarray) -> np.ndarray:
    """Undoes ``pre_emphasis`` (section 9.8.13)."""
    return scipy.signal.lfilter([1], [1, -preemphasis], wav)


# ------------------------------------------------------------------------------------------ waves to spectrograms
def _stft(wav: np.ndarray) -> np.ndarray:
    """Complex ``[1025, 1 + samples // 200]``."""
    return librosa.stft(y=wav, n_fft=n_fft, hop_length=hop_length, win_length=win_length)


def _istft(spectrum: np.ndarray) -> np.ndarray:
    return librosa.istft(stft_matrix=spectrum, hop_length=hop_length, win_length=win_length)


def magnitude(wav: np.ndarray) -> np.ndarray:
    """Absolute short-time spectrum of the pre-emphasised wave: float32 ``[1025, frames]``."""
    wav = np.pad(wav, (0, max(0, n_fft - len(wav))), mode="constant")  # reflecting the ends needs half a window
    return np.abs(_stft(pre_emphasis(wav)))


@functools.lru_cache(maxsize=None)
def _mel_basis() -> np.ndarray:
    """The mel filter bank ``[80, 1025]``."""
    return librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=num_mels)


def spectrogram(D: np.ndarray) -> np.ndarray:
    """Magnitudes in dB, scaled to 0…1 and clipped (listing 9-9)."""
    S = 20 * np.log10(np.maximum(1e-5, D)) - ref_level_db
    return np.clip((S - min_level_db) / -min_level_db, 0, 1)


def melspectrogram(D: np.ndarray) -> np.ndarray:
    """Magnitudes ``[1025, frames]`` through the mel filter bank, then as ``spectrogram``: ``[80, frames]``."""
    return spectrogram(np.dot(_mel_basis(), D))


# ------------------------------------------------------------------------------------------ spectrograms to waves
def _db_to_amp(x):
    return np.power(10.0, x * 0.05)


def _denormalize(S):
    """0…1 as dB above ``ref_level_db`` (section 9.8.13)."""
    return np.clip(S, 0, 1) * -min_level_db + min_level_db


def _griffin_lim(
    S: np.ndarray, iterations: int = griffin_lim_iters, momentum: float = 0.0, seed: int = 0
) -> np.ndarray:
    """A wave whose short-time magnitudes come near ``S`` (Griffin and Lim 1984; section 9.8.13).

    Args:
      S: magnitudes ``[1025, frames]``.
      iterations: rounds of 'keep the phase, put the magnitude back'.
      momentum: Extra: 0 is the printed algorithm; 0.99 is fast Griffin-Lim (Perraudin, Balazs, Søndergaard 2013), which
        needs fewer rounds.
      seed: of the random phases it starts from.
    """
    # Erratum E22: complex, for np.complex is gone from NumPy 1.24 on
    S = S.astype(complex)
    angles = np.exp(2j * np.pi * np.random.RandomState(seed).rand(*S.shape))
    previous = None
    for _ in range(iterations):
        rebuilt = _stft(_istft(S * angles))
        angles = rebuilt.copy() if momentum == 0 or previous is None else rebuilt + momentum * (rebuilt - previous)
        # the print's exp(1j * angle(x)), without arctangent, cosine and sine: half the time of a round
        angles /= np.maximum(1e-12, np.abs(angles))
        previous = rebuilt
    return _istft(S * angles)


def with_bands_of(S: np.ndarray, mel: np.ndarray) -> np.ndarray:
    """Extra: magnitudes whose mel bands are as loud as those of ``mel``; what lies within a band stays as it is.

    The decoder's mel frames are better than what the network behind them makes of the linear spectrogram.

    Args:
      S: magnitudes ``[1025, frames]``; mel: 0…1, ``[80, frames]``, as ``melspectrogram`` gives it.
    """
    wanted = _db_to_amp(_denormalize(mel) + ref_level_db)
    basis = _mel_basis()
    gains = wanted / np.maximum(1e-8, np.dot(basis, S))
    return S * np.dot(basis.T, gains) / np.maximum(1e-8, basis.sum(axis=0))[:, None]


def inv_spectrogram(
    spec: np.ndarray, iterations: int = griffin_lim_iters, momentum: float = 0.0, mel: Optional[np.ndarray] = None
) -> np.ndarray:
    """A linear spectrogram ``[1025, frames]`` in 0…1 as a wave (section 9.8.13).

    Magnitudes are raised to ``power`` = 1.5 first, which makes loud partials stand out from the noise. Extra: with a mel
    spectrogram ``[80, frames]``, its bands' loudness is put on them instead (``with_bands_of``).
    """
    S = _db_to_amp(_denormalize(spec) + ref_level_db)
    S = S**power if mel is None else with_bands_of(S, mel)
    return inv_preemphasis(_griffin_lim(S, iterations, momentum))
