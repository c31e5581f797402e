"""How much of the voice is understood: a recogniser (``recogniser.py``) that was trained on other sentences listens to it.

    python ch09_tacotron/beyond/judge.py --data-dir output/tacotron/teacher/test

Speaks every sentence of a corpus in the book's layout (``mytest``, ``doc/trans``) freely, from its pinyin alone, and measures

- phones right, without and with tones, of the mel frames and of the finished wave, and of the corpus's own sound, the yardstick;
- whether attention goes through the text in order to its end, and whether the voice stops by itself;
- the correlation of its pitch with that of the corpus's sound, along the best time warping of the two;
- core seconds for a second of speech.

``--texts syllables`` speaks each syllable of Mandarin as a sentence of its own, ``--texts long`` two sentences as one.
Writes ``judge/<texts>/sentences.csv``, the worst ten, and some sentences as sound and picture. Two core seconds a sentence.
"""

import collections
import functools
import operator
import os
import re
import time

import librosa
import numpy as np
from pypinyin import Style, lazy_pinyin

from ch09_tacotron.beyond import sound
from ch09_tacotron.beyond.measures import alignment_measures, mel_cepstrum
from ch09_tacotron.beyond.recogniser import Recogniser, Score, phones
from ch09_tacotron.beyond.voice import SHIPPED, Voice, find_model
from ch09_tacotron.code_9_17_train import plot_alignment
from common import options, records, run, text
from common.errors import UserError
from data import thchs30

VALUES = [
    options.Value("texts", "sentences", "what is spoken", choices=("sentences", "syllables", "long")),
    options.Value("sentences", 0, "so many; 0: all", tiny=2, low=0),
    options.Value("waves", 6, "sentences that are kept as sound and picture", tiny=1, low=0),
    options.Value("griffin_lim_iters", sound.griffin_lim_iters, "rounds of Griffin-Lim", tiny=5, low=0),
    options.Value("momentum", 0.99, "fast Griffin-Lim; 0: as printed", low=0.0, high=1.0),
    options.Value("mel_bands", True, "sound gets the loudness of the mel bands", more=True),
    options.Value("trim_silence", True, "the corpus's sound is heard as prepare.py leaves it", more=True),
]
COLUMNS = ["id", "pinyin", "phones", "mel", "mel_tones", "wave", "wave_tones", "corpus", "corpus_tones", "aligned"]
COLUMNS += ["stopped", "seconds", "corpus_seconds", "pitch", "core_seconds"]
LOWEST, HIGHEST = 75.0, 500.0  # Hz
VOICED = 0.5  # of a period's correlation
STEPS_AN_OCTAVE, MOST_STEPS = 36, 12  # of pitch, and how many of them it moves from frame to frame at most
SHARPNESS = 20.0  # how much likelier a likeness of 1 is than one of 0, as a power of e
OCTAVE_COST = 0.03  # of likeness: of lags that fit alike the shorter one


def pitch(wave: np.ndarray) -> np.ndarray:
    """The pitch of each 12.5 ms in Hz, 0 where there is no voice.

    The lags of the normalised autocorrelation on a scale of a third of a semitone are the states of a Viterbi path: twice the
    period fits as well as the period, and a voice does not jump by an octave from one frame to the next (Boersma 1993).
    """
    window = sound.win_length
    padded = np.pad(np.asarray(wave, np.float64), window // 2, mode="constant")
    count = 1 + (len(padded) - window) // sound.hop_length
    frames = np.stack([padded[i * sound.hop_length : i * sound.hop_length + window] for i in range(count)])
    frames = frames - frames.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(frames, 2 * window)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:, :window]
    correlation *= window / np.maximum(1.0, window - np.arange(window))  # shorter overlaps weigh no less
    energy = correlation[:, :1]
    share = correlation / np.maximum(energy, 1e-9)
    octaves = np.arange(int(STEPS_AN_OCTAVE * np.log2(HIGHEST / LOWEST)) + 1) / STEPS_AN_OCTAVE
    lags = sound.sample_rate / HIGHEST * 2.0**octaves
    likeness = np.stack([np.interp(lags, np.arange(window), row) for row in share])
    voiced = (likeness.max(axis=1) > VOICED) & (energy[:, 0] > 1e-3 * energy.max())
    score = np.where(voiced[:, np.newaxis], SHARPNESS * (likeness - OCTAVE_COST * octaves), 0.0)
    chances = np.exp(score - score.max(axis=1, keepdims=True))
    steps = librosa.sequence.transition_local(len(lags), 2 * MOST_STEPS + 1, window="triangle")
    chosen = lags[librosa.sequence.viterbi(chances.T, steps)]
    half = 2.0 ** (0.5 / STEPS_AN_OCTAVE)
    ends = zip(np.int64(chosen / half), np.int64(np.ceil(chosen * half)) + 1)
    lag = np.array([first + int(np.argmax(row[first:end])) for row, (first, end) in zip(share, ends)])
    return np.where(voiced, sound.sample_rate / lag, 0.0)


def pitch_pairs(spoken: np.ndarray, recorded: np.ndarray):
    """The logarithms of both pitches where both have voice, along the best warping of their cepstra: ``[2, n]``."""
    cepstra = [mel_cepstrum(sound.mel_of(wave)).T for wave in (spoken, recorded)]
    _, path = librosa.sequence.dtw(X=cepstra[0], Y=cepstra[1], metric="euclidean")
    tracks = [np.pad(pitch(wave), (0, 4), mode="edge") for wave in (spoken, recorded)]
    pairs = np.array([(tracks[0][a], tracks[1][b]) for a, b in path])
    return np.log(pairs[(pairs > 0).all(axis=1)]).T


def all_syllables():
    """Every syllable of Mandarin, once, with the tone that most of its characters have."""
    counts = collections.Counter(
        lazy_pinyin(chr(code), style=Style.TONE3, neutral_tone_with_five=True)[0] for code in range(0x4E00, 0xA000)
    )
    chosen = {}
    for syllable, _ in counts.most_common():
        if re.match("^[a-z]+[1-5]$", syllable) and is_syllable(syllable):
            chosen.setdefault(syllable[:-1], syllable)
    return sorted(chosen.values())


def is_syllable(syllable):
    """Whether the recogniser has phones for it."""
    try:
        return bool(phones(syllable))
    except UserError:
        return False


def texts_of(opts, folder):
    """What is to be spoken: a list of (id, pinyin, path of the corpus's sound or None)."""
    if opts.texts == "syllables":
        rows = [(syllable, syllable, None) for syllable in all_syllables()]
    else:
        transcripts = thchs30.read_transcripts(folder)
        names = [(os.path.splitext(os.path.basename(path))[0], path) for path in thchs30.wav_paths(folder)]
        rows = [(name, transcripts.get(name), path) for name, path in names]
        rows = [row for row in rows if row[1]]
        if opts.texts == "long":
            pairs = zip(rows[::2], rows[1::2])
            rows = [("%s+%s" % (a[0], b[0]), a[1] + " " + b[1], None) for a, b in pairs]
    return rows[: opts.sentences] if opts.sentences else rows


def summary(rows, prefix):
    """Share of phones right without and with tones, in percent, over the rows that have them."""
    scores = [row[prefix] for row in rows if row.get(prefix) is not None]
    total = functools.reduce(operator.add, scores, Score(0, 0, 0))
    return 100 * total.right, 100 * total.right_with_tones


def add_options(parser):
    parser.add_argument(
        "--weights", help="folder of exported weights [the newest checkpoint of the run folder, or those shipped]"
    )
    parser.add_argument("--recogniser", help="folder of the recogniser [the one shipped]")


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add=add_options, base="voice")
    run.start(opts.seed)
    folder = None
    if opts.texts != "syllables":
        folder = thchs30.locate(opts)
    texts = texts_of(opts, folder)
    if not texts:
        lack = "two sentences" if opts.texts == "long" else "a sentence"
        raise UserError("%s: no recording of mytest has a line in doc/trans; %s is needed" % (folder, lack))
    voice = Voice(find_model(opts.output_dir, opts.weights), threads=opts.threads)
    judge = Recogniser(opts.recogniser or SHIPPED, opts.threads)
    print("voice: %s" % voice.source)
    out = os.path.join(opts.output_dir, "judge", opts.texts)
    os.makedirs(out, exist_ok=True)
    record = records.Record(
        opts, opts.script, "beyond listing 9-17", thchs30.describe(folder) if folder else "all syllables"
    )
    voice.plan()
    rows, pitches = [], []
    for name, pinyin, path in run.progress(texts, desc="judge", unit="sentence"):
        start = time.process_time()
        wave, alignment, stopped, mel = voice.speak(pinyin, opts.griffin_lim_iters, opts.momentum, opts.mel_bands)
        seconds = time.process_time() - start
        measures = alignment_measures(alignment)
        row = dict(id=name, pinyin=pinyin, stopped=stopped, seconds=len(wave) / sound.sample_rate, core_seconds=seconds)
        row["aligned"] = bool(measures["monotonic"] and measures["complete"])
        row["mel"], row["wave"] = judge.judge(mel, pinyin), judge.judge(sound.mel_of(wave), pinyin)
        if path is not None:
            corpus = sound.load_wav(path)
            corpus = sound.trim_silence(corpus) if opts.trim_silence else corpus
            row["corpus"] = judge.judge(sound.mel_of(corpus), pinyin)
            row["corpus_seconds"] = len(corpus) / sound.sample_rate
            pairs = pitch_pairs(wave, corpus)
            pitches.append(pairs)
            row["pitch"] = float(np.corrcoef(pairs)[0, 1]) if pairs.shape[1] > 9 else None
        if len(rows) < opts.waves:
            base = os.path.join(out, name)
            sound.save_wav(wave, base + ".wav")
            plot_alignment(alignment, base + "-align.png", pinyin[:90])
            record.file(base + ".wav", "sound", "Spoken freely: " + pinyin, "自由合成：" + pinyin)
            record.file(base + "-align.png", "picture", "Attention: " + pinyin[:60], "注意力对齐图：" + pinyin[:60])
        rows.append(row)
    report(record, rows, pitches, out)
    record.save()


def report(record, rows, pitches, out):
    """Prints and records the figures, and writes the table of all sentences."""
    for kind, words in (("mel", "mel frames"), ("wave", "finished wave"), ("corpus", "corpus's own sound")):
        if rows[0].get(kind) is not None:
            plain, toned = summary(rows, kind)
            print("%-20s %.1f %% of phones right, %.1f %% with tones" % (words + ":", plain, toned))
            record.metric("phones right, " + words, round(plain, 1), "%", note="tones aside")
            record.metric("phones right with tones, " + words, round(toned, 1), "%")
    aligned, stopped = (100 * np.mean([row[key] for row in rows]) for key in ("aligned", "stopped"))
    length = sum(row["seconds"] for row in rows)
    factor = sum(row["core_seconds"] for row in rows) / length
    print(
        "%d sentences, %.1f %% aligned to the end, %.1f %% stopped by themselves; %.2f core seconds a second"
        % (len(rows), aligned, stopped, factor)
    )
    record.metric("sentences", len(rows))
    record.metric("aligned to the end", round(aligned, 1), "%")
    record.metric("stopped by itself", round(stopped, 1), "%")
    record.metric("core seconds for a second of speech", round(factor, 2), note="network and Griffin-Lim")
    if pitches:
        together = float(np.corrcoef(np.concatenate(pitches, axis=1))[0, 1])
        lengths = length / sum(row["corpus_seconds"] for row in rows)
        print("pitch: correlation %.2f over all frames with voice; length %.2f of the corpus's" % (together, lengths))
        record.metric(
            "correlation of pitch", round(together, 2), note="logarithm, after warping, with the corpus's sound"
        )
        record.metric("length", round(lengths, 2), note="of the corpus's sound")
    table = []
    for row in rows:
        cells = dict(row, phones=row["wave"].said, seconds=round(row["seconds"], 2))
        for kind in ("mel", "wave", "corpus"):
            score = row.get(kind)
            cells[kind] = round(100 * score.right, 1) if score else ""
            cells[kind + "_tones"] = round(100 * score.right_with_tones, 1) if score else ""
        table.append([cells.get(column, "") for column in COLUMNS])
    text.write_csv(os.path.join(out, "sentences.csv"), [COLUMNS] + table)
    worst = sorted(range(len(rows)), key=lambda i: rows[i]["wave"].right)[:10]
    record.table(
        "The ten sentences that are understood least",
        ["pinyin", "phones right %", "with tones %", "aligned", "stopped"],
        [
            [rows[i]["pinyin"]] + [table[i][COLUMNS.index(c)] for c in ("wave", "wave_tones", "aligned", "stopped")]
            for i in worst
        ],
    )


if __name__ == "__main__":
    options.run(main)
