"""Sound beyond listings 9-9 and 9-17: any recording in, silence off, faster Griffin-Lim, loudness from the mel frames.

Scales are the listings': a wave is a float32 vector in -1…1 at 16 kHz, a spectrogram ``[1025, frames]`` and a mel spectrogram
``[80, frames]`` in 0…1.
"""

import os
from typing import Optional

import librosa
import numpy as np
import scipy.fft
from numba import njit

from ch09_tacotron.code_9_09_preprocess import (  # noqa: F401 (the scripts of beyond take them from here)
    _mel_basis,
    frame_shift_ms,
    hop_length,
    melspectrogram,
    n_fft,
    num_freq,
    num_mels,
    preemphasis,
    ref_level_db,
    sample_rate,
    signal,
    spectrogram,
    win_length,
)
from ch09_tacotron.code_9_17_train import (
    _db_to_amp,
    _denormalize,
    griffin_lim_iters,
    inv_preemphasis,
    power,
)
from ch09_tacotron.code_9_17_train import save_wav as _save_wav
from data import thchs30

TRIM_TOP_DB = 35  # what is so much weaker than the loudest frame, at both ends, is silence


def load_wav(path: str) -> np.ndarray:
    """A sound file as a wave; UserError when it is missing, no sound or empty."""
    return thchs30.read_wav(path, sample_rate)


def save_wav(wav: np.ndarray, path: str) -> str:
    """Writes a wave as listing 9-17 does, in a folder that is made when it is missing; returns the path."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    _save_wav(np.asarray(wav) if len(wav) else np.zeros(1), path)
    return path


def trim_silence(wav: np.ndarray) -> np.ndarray:
    """The wave without the silence at its ends (training on silent ends keeps attention from forming)."""
    trimmed, _ = librosa.effects.trim(y=wav, top_db=TRIM_TOP_DB, frame_length=win_length, hop_length=hop_length)
    return trimmed


def _stft(wav: np.ndarray) -> np.ndarray:
    """Complex ``[1025, 1 + samples // 200]``."""
    return librosa.stft(y=wav, n_fft=n_fft, hop_length=hop_length, win_length=win_length)


def magnitude(wav: np.ndarray) -> np.ndarray:
    """Listing 9-9's magnitudes ``[1025, frames]`` of the pre-emphasised wave, however short it is."""
    wav = np.pad(wav, (0, max(0, n_fft - len(wav))), mode="constant")  # reflecting the ends needs half a window
    return np.abs(_stft(signal.lfilter([1, -preemphasis], [1], wav).astype(np.float32)))


def mel_of(wav: np.ndarray) -> np.ndarray:
    """Mel frames ``[T, 80]`` of a wave, as the recognisers hear them."""
    return melspectrogram(magnitude(np.asarray(wav, np.float32))).T


@njit(cache=True, nogil=True)
def _put_magnitudes(S, rebuilt, previous, momentum, out):
    """``out`` = ``S`` with the phase of ``rebuilt + momentum * (rebuilt - previous)``: the print's exp(1j * angle(x)) * S.

    All ``[frames, 1025]``. One pass without arctangent, cosine, sine or arrays in between: a third of NumPy's time.
    """
    for frame in range(S.shape[0]):
        for band in range(S.shape[1]):
            new, old = rebuilt[frame, band], previous[frame, band]
            real = new.real + momentum * (new.real - old.real)
            imaginary = new.imag + momentum * (new.imag - old.imag)
            gain = S[frame, band] / max(np.float32(1e-12), np.sqrt(real * real + imaginary * imaginary))
            out[frame, band] = complex(real * gain, imaginary * gain)


def griffin_lim(S: np.ndarray, iterations: int = griffin_lim_iters, momentum: float = 0.0, seed: int = 0) -> np.ndarray:
    """Listing 9-17's ``_griffin_lim`` in less time, and fast Griffin-Lim.

    The window is 800 samples long and moves by 200: only these 800 go into a transform, and four shifted sums put the wave
    together. Single precision. The wave is that of librosa's transforms (a test compares them).

    Args:
      S: magnitudes ``[1025, frames]``.
      iterations: rounds of 'keep the phase, put the magnitude back'.
      momentum: 0 is the printed algorithm; 0.99 is fast Griffin-Lim (Perraudin, Balazs, Søndergaard 2013), which needs fewer
        rounds.
      seed: of the random phases it starts from.
    """
    S = np.ascontiguousarray(S.T, np.float32)  # [frames, 1025]
    count, half, parts = len(S), win_length // 2, win_length // hop_length
    window = signal.get_window("hann", win_length).astype(np.float32)
    weights = np.zeros([count + parts - 1, hop_length], np.float32)
    for part, piece in enumerate((window**2).reshape(parts, hop_length)):
        weights[part : part + count] += piece
    weights = np.maximum(weights, 1e-8).ravel()

    def to_wave(spectrum):
        pieces = (scipy.fft.irfft(spectrum, n_fft, axis=1)[:, :win_length] * window).reshape(count, parts, hop_length)
        added = np.zeros([count + parts - 1, hop_length], np.float32)
        for part in range(parts):
            added[part : part + count] += pieces[:, part]
        return (added.ravel() / weights)[half:-half]

    def to_spectrum(wave):
        padded = np.pad(wave, half, mode="reflect") if len(wave) > half else np.pad(wave, half, mode="constant")
        shape, steps = (count, win_length), (hop_length * padded.itemsize, padded.itemsize)
        frames = np.lib.stride_tricks.as_strided(padded, shape, steps, writeable=False)
        return scipy.fft.rfft(frames * window, n_fft, axis=1)

    # the listing's window stands in the middle of the transform, this one at its beginning
    shift = np.exp(2j * np.pi * np.arange(num_freq) * ((n_fft - win_length) // 2) / n_fft)
    angles = (np.exp(2j * np.pi * np.random.RandomState(seed).rand(num_freq, count)).T * shift).astype(np.complex64)
    spectrum, previous = S * angles, None
    for _ in range(iterations):
        rebuilt = to_spectrum(to_wave(spectrum))
        before = rebuilt if previous is None else previous
        _put_magnitudes(S, rebuilt, before, np.float32(momentum), spectrum)
        previous = rebuilt
    return to_wave(spectrum)


def with_bands_of(S: np.ndarray, mel: np.ndarray) -> np.ndarray:
    """Magnitudes whose mel bands are as loud as those of ``mel``; what lies within a band stays as it is.

    The decoder's mel frames are better than what the network behind them makes of the linear spectrogram.

    Args:
      S: magnitudes ``[1025, frames]``; mel: 0…1, ``[80, frames]``, as ``melspectrogram`` gives it.
    """
    wanted = _db_to_amp(_denormalize(mel) + ref_level_db)
    gains = wanted / np.maximum(1e-8, np.dot(_mel_basis, S))
    return S * np.dot(_mel_basis.T, gains) / np.maximum(1e-8, _mel_basis.sum(axis=0))[:, None]


def inv_spectrogram(
    spec: np.ndarray, iterations: int = griffin_lim_iters, momentum: float = 0.0, mel: Optional[np.ndarray] = None
) -> np.ndarray:
    """A linear spectrogram ``[1025, frames]`` in 0…1 as a wave.

    Magnitudes are raised to ``power`` = 1.5 first, as printed; with a mel spectrogram ``[80, frames]``, its bands' loudness is
    put on them instead (``with_bands_of``).
    """
    S = _db_to_amp(_denormalize(spec) + ref_level_db)
    S = S**power if mel is None else with_bands_of(S, mel)
    return inv_preemphasis(griffin_lim(S, iterations, momentum))
