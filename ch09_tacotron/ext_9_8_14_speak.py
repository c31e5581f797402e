"""Section 9.8.14: Chinese text or pinyin becomes sound.

    python ch09_tacotron/ext_9_8_14_speak.py "你好，世界。" "ni3 hao3"
    python ch09_tacotron/ext_9_8_14_speak.py --text-file story.txt
    echo "今天天气很好。" | python ch09_tacotron/ext_9_8_14_speak.py --text-file -

Reads the model that was trained with the same ``--preset`` (or ``--output-dir``); without one, the trained weights in
``ch09_tacotron/weights`` if they are there. Writes ``speech/sentence-001.wav`` and its alignment picture for each sentence,
and all together as ``speech/speech.wav``. About one second of work for a second of speech on two cores, after ten seconds of
loading. Next: beyond/train.py.
"""

import os
import re
import time

from ch09_tacotron.beyond import pinyin, sound
from ch09_tacotron.beyond.measures import alignment_measures
from ch09_tacotron.beyond.voice import Voice, find_model, join_sentences, other_voice
from ch09_tacotron.code_9_17_train import plot_alignment
from common import options, records, run, text
from common.errors import UserError

MOST_CHARACTERS = 20000  # an hour and a half of speech, which all stays in memory

VALUES = [
    options.Value("griffin_lim_iters", sound.griffin_lim_iters, "rounds of Griffin-Lim", tiny=10, low=0, high=1000),
    options.Value(
        "momentum",
        0.99,
        "fast Griffin-Lim, of which more is understood; 0: as printed",
        low=0.0,
        high=1.0,
    ),
    options.Value("pause", 0.25, "seconds between sentences", low=0.0, high=60.0),
    options.Value("max_syllables", 25, "longer sentences are cut at commas", low=1, high=100),
    options.Value(
        "tone_sandhi", None, "speak a third tone before another as a second [as the model was taught]", kind=bool
    ),
    options.Value(
        "mel_bands",
        None,
        "loudness of the decoder's mel bands; false: power 1.5 as printed [as the model says]",
        kind=bool,
    ),
]


def read_texts(opts):
    """The texts of the command line, of ``--text-file`` or of standard input."""
    texts, encodings = list(opts.text), ("utf-8", "gb18030")
    if opts.text_file == "-":
        texts.append(text.read_stdin(encodings=encodings))
    elif opts.text_file:
        texts.append(text.read_text(opts.text_file, "text file", encodings))
    length = sum(map(len, texts))
    if length > MOST_CHARACTERS:
        raise UserError("the text has %d characters; up to %d are spoken at a time" % (length, MOST_CHARACTERS))
    if not texts:
        raise UserError('nothing to speak: give a text, e.g. "你好", or --text-file (- for standard input)')
    return texts


def add_options(parser):
    parser.add_argument("text", nargs="*", help="Chinese text, pinyin with tone digits, or both")
    parser.add_argument("--text-file", help="a text file (UTF-8 or GBK); - for standard input")
    parser.add_argument("--weights", help="folder of exported weights")


def remove_old(folder):
    """Removes what an earlier call wrote, and no file of the reader's: a longer text's sentences would stay among the new."""
    for name in os.listdir(folder):
        if re.match(r"sentence-\d{3,}(?:\.wav|-align(?:\.zh)?\.png)$", name) and os.path.isfile(
            os.path.join(folder, name)
        ):
            os.remove(os.path.join(folder, name))


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add=add_options)
    run.start(opts.seed)
    texts = read_texts(opts)
    folder = find_model(opts.output_dir, opts.weights)
    voice = Voice(folder, threads=opts.threads)
    tone_sandhi = voice.settings["tone_sandhi"] if opts.tone_sandhi is None else opts.tone_sandhi
    sentences = []
    for one in texts:
        pieces = pinyin.split_sentences(one, opts.max_syllables)
        if not pieces:
            raise UserError("nothing to speak in '%s'" % one.strip())
        sentences += [pinyin.to_pinyin(piece, tone_sandhi) for piece in pieces]

    speech_dir = os.path.join(opts.output_dir, "speech")
    os.makedirs(speech_dir, exist_ok=True)
    remove_old(speech_dir)
    print("model: %s" % voice.source)
    if other_voice(folder, voice.settings["step"]):
        print(other_voice(folder, voice.settings["step"]))
    waves, rows, pictures = [], [], []
    voice.plan()
    for number, syllables in enumerate(sentences, 1):
        start = time.time()
        wave, alignment, stopped, _ = voice.speak(syllables, opts.griffin_lim_iters, opts.momentum, opts.mel_bands)
        seconds = time.time() - start
        waves.append(wave)
        name = os.path.join(speech_dir, "sentence-%03d" % number)
        sound.save_wav(wave, name + ".wav")
        pictures.append(name + "-align.png")
        plot_alignment(alignment, pictures[-1], syllables[:90])
        measures = alignment_measures(alignment)
        length = len(wave) / sound.sample_rate
        rows.append([syllables, round(length, 2), round(seconds / length, 2), stopped])
        print("%s: %s" % (os.path.basename(name) + ".wav", syllables))
        print(
            "    %.2f s of speech in %.2f s (real-time factor %.2f); attention peak %.2f, reach %.2f%s%s"
            % (
                length,
                seconds,
                seconds / length,
                measures["sharpness"],
                measures["reach"],
                "" if measures["monotonic"] and measures["complete"] else "; WARNING: words were skipped or repeated",
                "" if stopped else "; WARNING: it did not stop by itself",
            )
        )
    whole = join_sentences(waves, opts.pause)
    speech = sound.save_wav(whole, os.path.join(speech_dir, "speech.wav"))
    total = sum(len(wave) for wave in waves) / sound.sample_rate
    factor = sum(row[1] * row[2] for row in rows) / total
    print("%s: %.2f s, real-time factor %.2f" % (speech, len(whole) / sound.sample_rate, factor))

    record = records.Record(opts, opts.script, "section 9.8.14", "model: " + voice.source)
    record.metric("sentences", len(rows))
    record.metric("real-time factor", round(factor, 3), note="synthesis and Griffin-Lim, without loading")
    record.table("Sentences", ["pinyin", "seconds", "real-time factor", "stopped by itself"], rows)
    spoken = "; ".join(row[0] for row in rows)[:200]
    record.file(speech, "sound", "Speech from text: " + spoken, "由文本合成的语音：" + spoken)
    record.file(
        pictures[0], "picture", "Attention while speaking: " + rows[0][0], "合成时的注意力对齐图：" + rows[0][0]
    )
    record.save()


if __name__ == "__main__":
    options.run(main)
