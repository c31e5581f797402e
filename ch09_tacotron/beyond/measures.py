"""Figures for how well attention and speech came out (sections 9.8.13 and 9.8.14)."""

import librosa
import numpy as np
import scipy.fftpack

STEP_BACK = 3  # symbols; a syllable of pinyin with its tone and space has 3 to 7
STEP_FORWARD = 10  # symbols in one decoder step; more is a syllable left out


def alignment_measures(alignment, text_length=None, steps=None):
    """Sharpness, order and reach of one utterance's attention.

    Args:
      alignment: ``[T_in, steps]``, each column sums to 1.
      text_length, steps: the part without padding; None: all.

    Returns:
      dict of ``sharpness`` (mean over the steps of the largest weight, 0…1), ``backward`` (largest fall of the attended
      position below the farthest reached so far, in symbols), ``jump`` (largest move forward in one step, in symbols),
      ``reach`` (farthest position over the last one, 0…1), ``monotonic`` (bool: falls at most STEP_BACK and jumps at most
      STEP_FORWARD) and ``complete`` (bool: attention begins in the first STEP_FORWARD symbols and comes within STEP_BACK of
      the last one).
    """
    alignment = np.asarray(alignment)[:text_length, :steps]
    if alignment.size == 0:
        return dict(sharpness=0.0, backward=0, jump=0, reach=0.0, monotonic=False, complete=False)
    positions = np.argmax(alignment, axis=0)
    last = alignment.shape[0] - 1
    farthest = np.maximum.accumulate(positions)
    backward = int(np.max(farthest - positions))
    jump = int(np.max(np.diff(farthest))) if len(positions) > 1 else 0
    return dict(
        sharpness=float(np.mean(np.max(alignment, axis=0))),
        backward=backward,
        jump=jump,
        reach=float(farthest[-1] / max(1, last)),
        monotonic=bool(backward <= STEP_BACK and jump <= STEP_FORWARD),
        complete=bool(positions[0] <= STEP_FORWARD and farthest[-1] >= last - STEP_BACK),
    )


def mel_cepstrum(mel, coefficients=13):
    """Mel frames ``[T, 80]`` in 0…1 (100 dB) as mel cepstra ``[T, 13]``, without the loudness (coefficient 0).

    The scale is that of decibels: the Euclidean distance of two frames is the root mean square, over the mel bands, of the
    difference of their smoothed spectra in dB.
    """
    decibels = np.asarray(mel, np.float64) * 100.0
    return scipy.fftpack.dct(decibels, type=2, axis=1, norm="ortho")[:, 1 : coefficients + 1] / np.sqrt(mel.shape[1])


def dtw_distance(first, second):
    """Mean Euclidean distance along the best time warping of two sequences ``[T1, C]`` and ``[T2, C]``."""
    cost, path = librosa.sequence.dtw(X=np.asarray(first).T, Y=np.asarray(second).T, metric="euclidean")
    return float(cost[-1, -1] / len(path))
