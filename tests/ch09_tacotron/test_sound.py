"""The audio transforms of listings 9-9 and 9-17, and those beyond, against SciPy and closed forms."""

import numpy as np
import pytest
import scipy.signal
import soundfile

from ch09_tacotron import code_9_09_preprocess as preprocess
from ch09_tacotron import code_9_17_train as train
from ch09_tacotron.beyond import sound
from common.errors import UserError


def voice(seconds=0.6, seed=0):
    """A hum with moving pitch and some noise."""
    random = np.random.RandomState(seed)
    time = np.arange(int(seconds * sound.sample_rate)) / sound.sample_rate
    phase = 2 * np.pi * np.cumsum(150 + 60 * np.sin(2 * np.pi * 2 * time)) / sound.sample_rate
    wave = sum(np.sin(k * phase) / k for k in range(1, 20)) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
    return (0.2 * wave + 0.001 * random.randn(len(time))).astype(np.float32)


def scipy_stft(wav):
    """The short-time spectrum written out: reflected ends, a centred Hann window of 800 in frames of 2048."""
    padded = np.pad(wav.astype(np.float64), 1024, mode="reflect")
    window = np.zeros(2048)
    window[624:1424] = scipy.signal.get_window("hann", 800)
    starts = range(0, len(padded) - 2048 + 1, 200)
    return np.stack([np.fft.rfft(padded[s : s + 2048] * window) for s in starts], axis=1)


@pytest.mark.parametrize("listing", [preprocess, train])
def test_derived_constants(listing):
    """The print has them twice."""
    assert (listing.n_fft, listing.hop_length, listing.win_length) == (2048, 200, 800)
    assert (listing.max_frame_num, listing.sample_rate, listing.num_freq, listing.num_mels) == (1000, 16000, 1025, 80)
    assert (listing.frame_length_ms, listing.frame_shift_ms, listing.preemphasis) == (50, 12.5, 0.97)
    assert (listing.ref_level_db, listing.min_level_db) == (20, -100)


def test_e20_the_50_ms_are_the_window_not_the_overlap():
    for listing in (preprocess, train):
        overlap_ms = 1000 * (listing.win_length - listing.hop_length) / listing.sample_rate
        assert overlap_ms == 37.5 != listing.frame_length_ms


def test_magnitude_equals_the_written_out_transform():
    wav = voice()
    emphasised = wav.astype(np.float64) - 0.97 * np.concatenate([[0], wav[:-1]])
    np.testing.assert_allclose(sound.magnitude(wav), np.abs(scipy_stft(emphasised)), rtol=1e-3, atol=2e-4)


def test_magnitude_of_a_very_short_wave_has_frames():
    assert sound.magnitude(np.ones(10, np.float32)).shape[0] == 1025


def test_spectrogram_scale():
    values = np.array([1e-9, 1e-4, 1e-2, 1.0, 10.0, 1e3])
    expected = [0.0, 0.0, 0.4, 0.8, 1.0, 1.0]  # (20 log10 D - 20 + 100) / 100, clipped
    np.testing.assert_allclose(sound.spectrogram(values), expected, atol=1e-12)


def test_mel_basis_equals_slaneys_formula():
    def to_mel(f):
        return np.where(f < 1000, f * 3 / 200, 15 + np.log(np.maximum(f, 1) / 1000) / (np.log(6.4) / 27))

    def to_hz(m):
        return np.where(m < 15, m * 200 / 3, 1000 * np.exp((m - 15) * np.log(6.4) / 27))

    edges = to_hz(np.linspace(to_mel(np.array(0.0)), to_mel(np.array(8000.0)), 82))
    bins = np.arange(1025) * 16000 / 2048
    for band in (0, 10, 40, 79):
        low, middle, high = edges[band : band + 3]
        triangle = np.maximum(0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)))
        np.testing.assert_allclose(sound._mel_basis[band], triangle * 2 / (high - low), rtol=1e-4, atol=1e-8)


def test_melspectrogram_is_filter_bank_then_scale():
    D = np.abs(np.random.RandomState(0).randn(1025, 7))
    expected = np.clip((20 * np.log10(np.maximum(1e-5, sound._mel_basis @ D)) + 80) / 100, 0, 1)
    np.testing.assert_allclose(sound.melspectrogram(D), expected)


def test_inverse_of_the_pre_emphasis():
    wav = voice()
    emphasised = wav - 0.97 * np.concatenate([[0], wav[:-1]])
    np.testing.assert_allclose(train.inv_preemphasis(emphasised), wav, atol=1e-5)


def test_denormalize_undoes_the_scale():
    D = np.array([1e-3, 0.1, 5.0])
    np.testing.assert_allclose(train._db_to_amp(train._denormalize(sound.spectrogram(D)) + sound.ref_level_db), D)


def spectral_convergence(S, wave):
    return np.linalg.norm(np.abs(sound._stft(wave)) - S) / np.linalg.norm(S)


def test_griffin_lim_converges_and_momentum_is_faster():
    S = sound.magnitude(voice())
    errors = [spectral_convergence(S, sound.griffin_lim(S, iterations)) for iterations in (0, 2, 8, 30)]
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[3] < 0.25
    assert spectral_convergence(S, sound.griffin_lim(S, 30, momentum=0.99)) < errors[3]


def test_ours_is_the_printed_griffin_lim_in_other_operations():
    S = sound.magnitude(voice(0.2))
    np.random.seed(0)  # the print draws its phases from NumPy's generator, ours from one of its own
    wave = train._griffin_lim(S)
    np.testing.assert_allclose(sound.griffin_lim(S, 60), wave, atol=1e-3 * np.abs(wave).max())
    assert not sound.griffin_lim(np.zeros([1025, 5]), 3).any()


def test_round_trip_keeps_the_log_spectrum():
    spec = sound.spectrogram(sound.magnitude(voice()))
    mel = sound.melspectrogram(
        sound.magnitude(voice())
    )  # with it the power of 1.5, meant for predicted spectra, is left out
    again = sound.spectrogram(sound.magnitude(sound.inv_spectrogram(spec, 40, mel=mel)))
    loud = spec > 0.45  # 55 dB and less below the scale's top
    distance_db = 100 * np.sqrt(np.mean((spec[:, : again.shape[1]] - again)[loud[:, : again.shape[1]]] ** 2))
    assert distance_db < 5.0


def test_e22_works_without_np_complex(monkeypatch):
    monkeypatch.delattr(np, "complex")
    with pytest.raises(AttributeError):
        np.ones(3).astype(np.complex)  # the printed way
    assert len(train._griffin_lim(np.ones([1025, 5])))


def test_save_and_load(tmp_path):
    path = str(tmp_path / "a" / "x.wav")
    wav = voice()
    sound.save_wav(wav, path)
    again, rate = soundfile.read(path, dtype="int16")
    assert rate == 16000 and np.abs(again).max() >= 32766  # the print truncates
    np.testing.assert_allclose(sound.load_wav(path), wav / np.abs(wav).max(), atol=1e-3)


def test_load_averages_channels_and_resamples(tmp_path):
    path = str(tmp_path / "x.wav")
    time = np.arange(24000) / 48000
    left, right = np.sin(2 * np.pi * 440 * time), np.zeros(24000)
    soundfile.write(path, np.stack([left, right], 1), 48000)
    wav = sound.load_wav(path)
    assert len(wav) == 8000
    assert np.argmax(np.abs(np.fft.rfft(wav))) == 220  # 440 Hz in half a second
    assert abs(np.abs(wav[1000:-1000]).max() - 0.5) < 0.01


@pytest.mark.parametrize(
    "content, words", [(None, "does not exist"), (b"no sound", "not a readable"), (b"", "not a readable")]
)
def test_load_says_what_is_wrong(tmp_path, content, words):
    path = tmp_path / "x.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        sound.load_wav(str(path))


def test_load_refuses_an_empty_recording(tmp_path):
    soundfile.write(str(tmp_path / "x.wav"), np.zeros(0), 16000)
    with pytest.raises(UserError, match="no samples"):
        sound.load_wav(str(tmp_path / "x.wav"))


def test_trim_silence_keeps_the_voice():
    wav = voice()
    padded = np.concatenate([np.zeros(8000), wav, np.zeros(6000)]).astype(np.float32)
    trimmed = sound.trim_silence(padded)
    assert len(wav) - 400 <= len(trimmed) <= len(wav) + 1600


def test_magnitudes_are_put_on_the_phase_as_numpy_does_it():
    random = np.random.RandomState(0)
    S = random.rand(7, 1025).astype(np.float32)
    rebuilt, previous = ((random.normal(size=(2, 7, 1025)) * 10.0**-k).astype(np.float32) for k in (0, 1))
    rebuilt, previous = (pair[0] + 1j * pair[1] for pair in (rebuilt, previous))
    rebuilt[0, :3] = previous[0, :3] = 0  # silence has no phase
    out = np.empty_like(rebuilt)
    assert out.dtype == np.complex64
    for momentum in (0.0, 0.99):
        wanted = rebuilt + momentum * (rebuilt - previous)
        wanted = S * wanted / np.maximum(1e-12, np.abs(wanted))
        sound._put_magnitudes(S, rebuilt, previous, np.float32(momentum), out)
        np.testing.assert_allclose(out, wanted, atol=1e-6)
    assert not out[0, :3].any()


@pytest.mark.real
def test_griffin_lim_on_real_speech(real_data):
    import glob
    import os

    path = sorted(glob.glob(os.path.join(real_data("bznsyp"), "mytest", "*.wav")))[0]
    wav = sound.load_wav(path)
    S = sound.magnitude(wav)
    assert spectral_convergence(S, sound.griffin_lim(S, 30)) < 0.25


def test_with_bands_of_puts_the_bands_of_one_sound_on_another():
    random = np.random.RandomState(5)
    S = np.exp(random.normal(0, 1, (sound.num_freq, 7)))
    mel = random.uniform(0.3, 0.9, (sound.num_mels, 1)) * np.ones((1, 7))
    smooth = np.convolve(mel[:, 0], np.ones(9) / 9, mode="same")[:, None] * np.ones((1, 7))  # bands overlap
    made = sound.with_bands_of(S, smooth)
    decibels = 100 * np.abs(sound.melspectrogram(made) - smooth)
    before = 100 * np.abs(sound.melspectrogram(S) - smooth)
    assert decibels.mean() < 1.5 and before.mean() > 5
    quiet = 0.01 * S  # within what 0…1 can hold
    heard = sound._mel_basis.sum(axis=0) > 0  # the lowest and highest lines lie in no band
    again = sound.with_bands_of(quiet, sound.melspectrogram(quiet))
    np.testing.assert_allclose(again[heard], quiet[heard], rtol=1e-6)
