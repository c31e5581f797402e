"""How good is the speech, in figures (section 9.8.13)?

A loss of 0.056 says little: it is measured with every frame's true predecessor given (E41). This script lets the network speak
freely, from the text alone, every sentence that it was trained on and every held-out one, and measures

- whether attention goes through the text in order and reaches its end, and whether the voice stops by itself;
- the mel-cepstral distance (dB, after dynamic time warping) to the recording of the sentence, and, as a yardstick, to the
  recordings of the three other sentences that come nearest in length;
- how many syllables a recogniser understands that knows nothing but the recordings that were trained on
  (``alignment.py``: one Gaussian a state; tones aside; it is told where the syllables begin): of the mel frames that the
  network draws ('spoken'), and of the finished wave ('as sound'). What it understands of the held-out recordings is the
  yardstick.

Reads ``training/`` and the checkpoints of the run folder (or ``--weights FOLDER``); writes ``evaluation/``: a table of all
sentences, and a few of them as sound and picture. About half a second a sentence on two cores, and half a minute for the
recogniser.
"""

import os
import time

import numpy as np

from ch09_tacotron.beyond import sound
from ch09_tacotron.beyond.alignment import align, phones, recognise, spans_of
from ch09_tacotron.beyond.measures import alignment_measures, dtw_distance, mel_cepstrum
from ch09_tacotron.beyond.utterances import check_begun, load_mel, read_sets
from ch09_tacotron.beyond.voice import Voice, find_model
from ch09_tacotron.code_9_17_train import plot_alignment
from common import options, records, run
from common.plotting import plt, save_figure
from common.text import write_csv

VALUES = [
    options.Value("griffin_lim_iters", sound.griffin_lim_iters, "rounds of Griffin-Lim", tiny=5, low=0),
    options.Value("momentum", 0.0, "0.99: fast Griffin-Lim", low=0.0, high=1.0),
    options.Value(
        "mel_bands",
        True,
        "the sound gets the loudness of the decoder's mel bands; false: power 1.5 as printed",
        tiny=False,
    ),
    options.Value("waves", 3, "sentences of each set that are also made sound", tiny=1, low=0),
    options.Value("sentences", 0, "measure so many of each set; 0: all", tiny=2, low=0),
    options.Value(
        "sharpen", 0.0, "raise the weights of attention to this power; 0: to that of the model's settings", low=0.0
    ),
]
NEAREST = 3  # wrong recordings that a sentence is compared with
COLUMNS = ["set", "pinyin", "frames", "recording", "stopped", "monotonic", "complete", "sharpness", "own", "wrong"]


def plot_spectrograms(recorded, spoken, path, title):
    """The recording's mel spectrogram above the spoken one's, both ``[T, 80]``, on one time axis."""
    figure, all_axes = plt.subplots(2, 1, figsize=(9, 5), sharex=True)
    for axes, mel, name in zip(all_axes, (recorded, spoken), ("recording", "spoken freely by Tacotron")):
        seconds = len(mel) * sound.frame_shift_ms / 1000
        axes.imshow(mel.T, aspect="auto", origin="lower", extent=[0, seconds, 0, sound.num_mels], vmin=0, vmax=1)
        axes.set_title(name, fontsize=10)
        axes.set_ylabel("mel band")
    all_axes[0].set_xlim(0, max(len(recorded), len(spoken)) * sound.frame_shift_ms / 1000)
    all_axes[1].set_xlabel("seconds")
    figure.suptitle(title, fontsize=10)
    return save_figure(figure, path)


def nearest_lengths(lengths, index, count=NEAREST):
    """Indices of the ``count`` other recordings whose lengths come nearest to that of ``index``."""
    others = [i for i in range(len(lengths)) if i != index]
    return sorted(others, key=lambda i: (abs(lengths[i] - lengths[index]), i))[:count]


def summarise(rows):
    """Figures over the rows (dicts by COLUMNS) of one set."""
    own, wrong = np.mean([row["own"] for row in rows]), np.mean([row["wrong"] for row in rows])
    return dict(
        sentences=len(rows),
        aligned=np.mean([row["monotonic"] and row["complete"] for row in rows]),
        stopped=np.mean([row["stopped"] for row in rows]),
        sharpness=np.mean([row["sharpness"] for row in rows]),
        own=own,
        wrong=wrong,
        lower=1 - own / wrong,
        nearer=np.mean([row["own"] < row["wrong"] for row in rows]),
        length=np.mean([row["frames"] / row["recording"] for row in rows]),
    )


def understood(gaussians, sentences, candidates):
    """How much of some sentences the recogniser understands.

    Args:
      sentences: list of (mel ``[T, 80]``, pinyin); candidates: the syllables that it chooses from, see ``recognise``.

    Returns:
      (shares of initials, finals and whole syllables that are right, tone aside; syllables). A sentence that cannot be laid
      along its syllables counts as not understood.
    """
    right, count = np.zeros(3), 0
    for mel, text in sentences:
        said = [phones(syllable) for syllable in text.split()]
        count += len(said)
        spans = spans_of(gaussians, np.clip(mel, 0, 1), text)
        if spans is not None:
            for true, heard in zip(said, recognise(gaussians, np.clip(mel, 0, 1), spans, candidates)):
                if heard is not None:
                    right += [heard[0] == true[0], heard[1] == true[1], heard == true]
    return right / max(1, count), count


def add_options(parser):
    parser.add_argument("--weights", help="folder of exported weights [the newest checkpoint of the run folder]")


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add=add_options, base="cpu")
    run.start(opts.seed)
    training_dir = os.path.join(opts.output_dir, "training")
    sets = read_sets(training_dir)
    everything = sum(sets.values(), [])
    mels = [load_mel(training_dir, fields) for fields in everything]
    cepstra, lengths = [mel_cepstrum(mel) for mel in mels], [len(mel) for mel in mels]
    folder = os.path.join(opts.output_dir, "evaluation")
    data = options.load_settings(training_dir, "ch09_tacotron/beyond/prepare.py", "spectrograms")["data"]
    record = records.Record(opts, opts.script, "beyond listing 9-17", data)
    model = find_model(opts.output_dir, opts.weights)
    if model == opts.output_dir:  # its held-out sentences must be these
        check_begun(model, training_dir, True)
    voice = Voice(model, threads=opts.threads, sharpen=opts.sharpen)
    print("model: %s" % voice.source)

    spoken, sounds = {name: [] for name in sets}, []
    results, network_seconds, wave_seconds, network_length, wave_length = [], 0.0, 0.0, 0.0, 0.0
    offset = 0
    for name, rows in sets.items():
        chosen = rows[: opts.sentences] if opts.sentences else rows
        for number, fields in enumerate(run.progress(chosen, desc=name, unit="sentence")):
            index = offset + number
            start = time.time()
            linear, mel, alignment, stopped = voice.frames([fields[3]])[0]
            if results:  # the first run also plans the graph
                network_seconds += time.time() - start
                network_length += len(mel) * sound.frame_shift_ms / 1000
            cepstrum = mel_cepstrum(mel)
            measures = alignment_measures(alignment)
            row = dict(set=name, pinyin=fields[3], frames=len(mel), recording=fields[2], stopped=stopped)
            row.update({key: measures[key] for key in ("monotonic", "complete", "sharpness")})
            row["own"] = dtw_distance(cepstrum, cepstra[index])
            row["wrong"] = np.mean([dtw_distance(cepstrum, cepstra[i]) for i in nearest_lengths(lengths, index)])
            results.append(row)
            spoken[name].append((mel, fields[3]))
            if number < opts.waves or name == "held-out":
                start = time.time()
                bands = mel.T if opts.mel_bands else None
                wave = sound.inv_spectrogram(linear.T, opts.griffin_lim_iters, opts.momentum, bands)
                wave_seconds += time.time() - start
                wave_length += len(wave) / sound.sample_rate
            if name == "held-out":
                sounds.append((sound.mel_of(wave), fields[3]))
            if number < opts.waves:
                path = os.path.join(folder, "%s-%02d" % (name, number + 1))
                sound.save_wav(wave, path + ".wav")
                plot_alignment(alignment, path + "-align.png", fields[3][:90])
                plot_spectrograms(mels[index], mel, path + "-mel.png", fields[3][:110])
                zh = "训练过的句子" if name == "trained" else "留出的句子"
                record.file(path + ".wav", "sound", "Spoken freely (%s): %s" % (name, fields[3]), zh + "：" + fields[3])
                record.file(path + "-align.png", "picture", "Attention (%s)" % name, "注意力对齐图（%s）" % zh)
                caption = "Mel spectrogram: recording and free-running speech (%s)" % name
                record.file(path + "-mel.png", "picture", caption, "梅尔频谱：录音与自由合成（%s）" % zh)
        offset += len(rows)

    rows = [[row[column] for column in COLUMNS] for row in results]
    write_csv(os.path.join(folder, "sentences.csv"), [COLUMNS] + rows)
    table = []
    for name in sets:
        figures = summarise([row for row in results if row["set"] == name])
        print(
            "%-8s %3d sentences: aligned to the end %.0f %%, stopped by themselves %.0f %%, peak %.2f,"
            " length %.2f of the recording;"
            " distance %.1f dB to the own recording, %.1f dB to others (%.0f %% lower; nearer to its own: %.0f %%)"
            % (
                name,
                figures["sentences"],
                100 * figures["aligned"],
                100 * figures["stopped"],
                figures["sharpness"],
                figures["length"],
                figures["own"],
                figures["wrong"],
                100 * figures["lower"],
                100 * figures["nearer"],
            )
        )
        table.append([name] + [round(float(figures[key]), 3) for key in figures])
        record.metric("%s: aligned to the end" % name, round(100 * figures["aligned"], 1), "%", note="free-running")
        record.metric("%s: stopped by itself" % name, round(100 * figures["stopped"], 1), "%")
        record.metric(
            "%s: distance to the own recording" % name, round(figures["own"], 2), "dB", note="mel cepstrum, DTW"
        )
        record.metric(
            "%s: distance to wrong recordings" % name, round(figures["wrong"], 2), "dB", note="mel cepstrum, DTW"
        )
        record.metric("%s: lower by" % name, round(100 * figures["lower"], 1), "%")
    known = sets["trained"]
    _, gaussians = align(mels[: len(known)], [fields[3] for fields in known])
    candidates = sorted({phones(syllable) for fields in everything for syllable in fields[3].split()})
    tests = {"%s sentences, spoken" % name: spoken[name] for name in sets}
    if sounds:
        tests["held-out sentences, as sound"] = sounds
        recorded = [(mel, fields[3]) for mel, fields in zip(mels[len(known) :], sets["held-out"])]
        tests["held-out sentences, recorded"] = recorded
    heard = []
    for name, sentences in tests.items():
        shares, count = understood(gaussians, sentences, candidates) if gaussians else (np.zeros(3), 0)
        percent = [round(100 * float(share), 1) for share in shares]
        print(
            "%-29s: %.0f %% of %d syllables understood (initials %.0f %%, finals %.0f %%)"
            % (name, percent[2], count, percent[0], percent[1])
        )
        heard.append([name, count] + percent)
        record.metric("%s: syllables understood" % name, heard[-1][4], "%", note="by a recogniser, tones aside")
    factors = [
        network_seconds / network_length if network_length else 0.0,
        wave_seconds / wave_length if wave_length else 0.0,
    ]
    print("real-time factor: network %.2f + Griffin-Lim %.2f = %.2f" % (factors[0], factors[1], sum(factors)))
    record.metric("real-time factor", round(sum(factors), 3), note="network %.3f, Griffin-Lim %.3f" % tuple(factors))
    record.table(
        "Free-running synthesis; model: " + voice.source,
        ["set", "sentences", "aligned", "stopped", "peak", "own dB", "wrong dB", "lower by", "nearer to own", "length"],
        table,
    )
    record.table(
        "Understood by a recogniser of the recordings, tones aside (%d syllables to choose from)" % len(candidates),
        ["sentences", "syllables", "initials %", "finals %", "whole syllables %"],
        heard,
    )
    record.save()


if __name__ == "__main__":
    options.run(main)
