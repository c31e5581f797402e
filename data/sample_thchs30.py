"""A small stand-in for THCHS-30: generated tones with pinyin, in the layout that the book uses.

``mytest/<id>.wav`` (16 kHz, mono, 16 bit) and ``doc/trans/test.syllable.txt`` (``<id> <pinyin syllables>``). Each syllable is
a hum whose pitch moves as its tone says and whose spectrum depends on its letters: enough to run every script, not speech.
"""

import os

import numpy as np
import scipy.signal
import soundfile

RATE = 16000
SYLLABLES = [
    "ma1",
    "ma2",
    "ma3",
    "ma4",
    "ni3",
    "hao3",
    "ba1",
    "shi4",
    "ren2",
    "da4",
    "xue2",
    "lv4",
    "de5",
    "zhong1",
    "guo2",
    "yi1",
]
# Start and end of the pitch of tones 1 to 5, relative to the voice's middle.
CONTOURS = {"1": (1.3, 1.3), "2": (0.95, 1.3), "3": (0.85, 0.75), "4": (1.35, 0.8), "5": (0.95, 0.9)}


def hum(syllable, seconds=0.2, middle=180.0):
    """One syllable as a wave: a pulse train with a moving pitch through two resonances that its letters choose."""
    count = int(seconds * RATE)
    start, end = CONTOURS[syllable[-1]]
    pitch = middle * np.linspace(start, end, count)
    phase = np.cumsum(pitch / RATE)
    wave = np.diff(np.floor(phase), prepend=0.0)  # one pulse a period
    code = sum(ord(letter) * (place + 1) for place, letter in enumerate(syllable[:-1]))
    for centre in (300 + code * 37 % 600, 1100 + code * 53 % 1500):
        b, a = scipy.signal.iirpeak(centre / (RATE / 2), 6)
        wave = wave * 0.3 + scipy.signal.lfilter(b, a, wave)
    return wave * np.hanning(count) ** 0.3


def generate(folder, seed=0, utterances=12):
    """Writes the sample into ``folder``: ``utterances`` recordings of 3 to 5 syllables, with 0.1 s of silence at the ends."""
    random = np.random.RandomState(seed)
    os.makedirs(os.path.join(folder, "mytest"))
    os.makedirs(os.path.join(folder, "doc", "trans"))
    lines = []
    for number in range(utterances):
        name = "A%d_%d" % (2 + number // 6, number % 6)
        syllables = [SYLLABLES[i] for i in random.choice(len(SYLLABLES), 3 + number % 3, replace=False)]
        silence = np.zeros(RATE // 10)
        wave = np.concatenate([silence] + [hum(syllable) for syllable in syllables] + [silence])
        wave = 0.7 * wave / np.abs(wave).max() + random.normal(0, 1e-4, len(wave))
        soundfile.write(os.path.join(folder, "mytest", name + ".wav"), wave, RATE, subtype="PCM_16")
        lines.append("%s %s\n" % (name, " ".join(syllables)))
    with open(os.path.join(folder, "doc", "trans", "test.syllable.txt"), "w", encoding="utf-8") as stream:
        stream.writelines(lines)
