"""measures.py against small cases worked out by hand."""

import numpy as np
import pytest
import scipy.spatial.distance

from ch09_tacotron.beyond import measures


def alignment(positions, length):
    result = np.full([length, len(positions)], 0.1 / (length - 1))
    result[positions, np.arange(len(positions))] = 0.9
    return result


def test_a_good_alignment():
    result = measures.alignment_measures(alignment([0, 2, 5, 5, 9, 14, 19], 20))
    assert result["monotonic"] and result["complete"] and result["reach"] == 1
    assert result["sharpness"] == pytest.approx(0.9) and result["jump"] == 5 and result["backward"] == 0


@pytest.mark.parametrize(
    "positions, monotonic, complete",
    [
        ([0, 5, 10, 3, 12, 19], False, True),  # repeats
        ([0, 5, 18, 19], False, True),  # skips
        ([0, 4, 8, 12], True, False),  # ends too early
        ([12, 14, 17, 19], True, False),  # begins in the middle
        ([0, 4, 3, 8, 13, 19], True, True),  # trembles
    ],
)
def test_bad_alignments(positions, monotonic, complete):
    result = measures.alignment_measures(alignment(positions, 20))
    assert (result["monotonic"], result["complete"]) == (monotonic, complete)


def test_padding_is_left_out():
    full = np.zeros([30, 12])
    full[:20, :7] = alignment([0, 2, 5, 5, 9, 14, 19], 20)
    assert measures.alignment_measures(full, 20, 7)["complete"]


def test_no_steps():
    assert not measures.alignment_measures(np.zeros([5, 0]))["complete"]


def slow_dtw(first, second):
    """Dynamic time warping, written out; the mean cost along the best path."""
    cost = scipy.spatial.distance.cdist(first, second)
    total = np.full([len(first) + 1, len(second) + 1], np.inf)
    total[0, 0] = 0
    for i in range(len(first)):
        for j in range(len(second)):
            total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    i, j, steps = len(first), len(second), 0
    while (i, j) != (0, 0):
        steps += 1
        i, j = min([(i - 1, j - 1), (i - 1, j), (i, j - 1)], key=lambda p: total[p] if min(p) >= 0 else np.inf)
    return total[-1, -1] / steps


def test_dtw_equals_the_written_out_one():
    random = np.random.RandomState(0)
    first, second = random.randn(12, 3), random.randn(15, 3)
    assert measures.dtw_distance(first, second) == pytest.approx(slow_dtw(first, second))


def test_dtw_forgives_tempo_and_sees_another_sentence():
    random = np.random.RandomState(1)
    sentence, other = np.cumsum(random.randn(20, 13), axis=0), np.cumsum(random.randn(20, 13), axis=0)
    assert measures.dtw_distance(np.repeat(sentence, 2, axis=0), sentence) == 0
    assert measures.dtw_distance(sentence, other) > 1


def test_mel_cepstrum_is_in_decibels():
    wave = np.cos(np.pi * 2 * (2 * np.arange(80) + 1) / 160)  # a smooth spectrum of 0.05 · 100 dB and its mirror image
    first, second = (measures.mel_cepstrum(0.5 + sign * 0.05 * wave[None]) for sign in (1, -1))
    assert np.linalg.norm(first - second) == pytest.approx(np.sqrt(np.mean((10 * wave) ** 2)))


def test_mel_cepstrum_leaves_out_the_loudness():
    mel = np.random.RandomState(0).rand(5, 80)
    cepstrum = measures.mel_cepstrum(mel)
    assert cepstrum.shape == (5, 13)
    np.testing.assert_allclose(measures.mel_cepstrum(mel * 0.5 + 0.3), 0.5 * cepstrum, atol=1e-9)
    k, n = 3, np.arange(80)
    expected = 100 * np.sqrt(2 / 80) / np.sqrt(80) * (mel * np.cos(np.pi * k * (2 * n + 1) / 160)).sum(axis=1)
    np.testing.assert_allclose(cepstrum[:, k - 1], expected)
