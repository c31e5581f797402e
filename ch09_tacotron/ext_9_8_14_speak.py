"""Extension of section 9.8.14: Chinese text or pinyin becomes sound.

    python ch09_tacotron/ext_9_8_14_speak.py "你好，世界。" "ni3 hao3" --preset cpu
    python ch09_tacotron/ext_9_8_14_speak.py --text-file story.txt --preset cpu
    echo "今天天气很好。" | python ch09_tacotron/ext_9_8_14_speak.py --text-file - --preset cpu

Reads the model that ``code_9_17_train.py`` trained with the same ``--preset`` (or ``--output-dir``); without one, the trained
weights in ``ch09_tacotron/weights`` if they are there. Writes ``speech/sentence-001.wav`` and its alignment picture for each
sentence, and all together as ``speech/speech.wav``. About one second of work for a second of speech on two cores, after ten
seconds of loading.
"""

import glob
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import tensorflow as tf

from ch09_tacotron import audio
from ch09_tacotron.beyond import pinyin
from ch09_tacotron.code_9_15_dataset import text_to_sequence
from ch09_tacotron.code_9_17_train import free_running, plot_alignment, synthesis_model
from ch09_tacotron.measures import alignment_measures
from common import options, records, training
from common.errors import UserError

SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights")
WEIGHTS_FILE = "tacotron-float16.npz"
TRAINER = "ch09_tacotron/code_9_17_train.py"

PRESETS = {
    "book": dict(
        griffin_lim_iters=audio.griffin_lim_iters,
        momentum=0.0,
        pause=0.25,
        max_syllables=25,
        tone_sandhi=False,
        mel_bands=False,
    ),
    "cpu": dict(tone_sandhi=True, mel_bands=True),
    "tiny": dict(griffin_lim_iters=10),
}
HELP = dict(
    griffin_lim_iters="rounds of Griffin-Lim",
    momentum="0: Griffin-Lim as printed; 0.99: fast Griffin-Lim, good with half the rounds",
    pause="seconds between sentences",
    max_syllables="longer sentences are cut at commas",
    mel_bands="the sound gets the loudness of the decoder's mel bands; without, magnitudes are raised to 1.5 as printed",
    tone_sandhi="speak a third tone before another as a second (BZNSYP writes tones as spoken, THCHS-30 does not)",
)


def find_model(output_dir, weights=None):
    """Where the trained network is: a run folder with checkpoints, or a folder with exported weights.

    Raises:
      UserError: there is none.
    """
    if weights:
        if not os.path.exists(os.path.join(weights, WEIGHTS_FILE)):
            raise UserError("%s: no %s here (ext_9_8_14_export.py writes it)" % (weights, WEIGHTS_FILE))
        return weights
    if training.checkpoints(os.path.join(output_dir, "model-cpk")):
        return output_dir
    if os.path.exists(os.path.join(SHIPPED, WEIGHTS_FILE)):
        return SHIPPED
    raise UserError("no trained model in %s: run %s first (same --preset or --output-dir)" % (output_dir, TRAINER))


def load_synthesizer(session, folder, sharpen=0.0):
    """Builds the network for synthesis in the default graph and loads its variables, and no others, from ``folder``.

    Args:
      sharpen: power that the weights of attention are raised to; 0: that of the settings.

    Returns:
      (model, settings of the training, one line that says what was loaded).
    """
    settings = options.load_settings(folder, TRAINER)
    if sharpen:
        settings["sharpen"] = sharpen
    with tf.variable_scope("tacotron"):
        model = synthesis_model(settings)
    variables = tf.global_variables()
    weights_path = os.path.join(folder, WEIGHTS_FILE)
    if os.path.exists(weights_path):
        with np.load(weights_path, allow_pickle=False) as weights:
            missing = sorted({variable.op.name for variable in variables} - set(weights.files))
            if missing:
                raise UserError("%s lacks %d variables (%s ...)" % (weights_path, len(missing), missing[0]))
            for variable in variables:
                variable.load(weights[variable.op.name].astype(np.float32), session)
        source = "%s (%d variables, step %s)" % (WEIGHTS_FILE, len(variables), settings.get("step"))
    else:
        checkpoint = training.restore_newest(tf.train.Saver(variables), session, os.path.join(folder, "model-cpk"))
        source = "%s (%d variables)" % (os.path.basename(checkpoint), len(variables))
    return model, settings, source


def speak(
    session, model, settings, syllables, griffin_lim_iters=audio.griffin_lim_iters, momentum=0.0, mel_bands=False
):
    """One sentence of pinyin as a wave.

    Returns:
      (wave, alignment ``[symbols, steps]``, whether it stopped by itself, mel ``[T, 80]``).
    """
    sequence = text_to_sequence(syllables, settings["end_symbol"])
    linear, mel, alignment, stopped = free_running(session, model, [sequence], [len(sequence)])[0]
    wave = audio.inv_spectrogram(linear.T, griffin_lim_iters, momentum, mel.T if mel_bands else None)
    return wave, alignment, stopped, mel


def join_sentences(waves, pause):
    """Waves of sentences as one wave, all equally loud, with ``pause`` seconds of silence between them.

    A sentence below a hundredth of full scale is not made loud: it is the noise of an untrained network, as in ``save_wav``.
    """
    silence = np.zeros(int(pause * audio.sample_rate))
    parts = [part for wave in waves for part in (wave / max(0.01, np.abs(wave).max()), silence)]
    return np.concatenate(parts[:-1])


def read_texts(opts):
    """The texts of the command line, of ``--text-file`` or of standard input."""
    texts = list(opts.text)
    if opts.text_file == "-":
        texts.append(sys.stdin.buffer.read().decode("utf-8", errors="strict"))
    elif opts.text_file:
        if not os.path.isfile(opts.text_file):
            raise UserError("%s: no such text file" % opts.text_file)
        with open(opts.text_file, "rb") as stream:
            content = stream.read()
        try:
            texts.append(content.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise UserError("%s is not UTF-8: save it as UTF-8" % opts.text_file)
    if not texts:
        raise UserError('nothing to speak: give a text, e.g. "你好", or --text-file (- for standard input)')
    return texts


def add_options(parser):
    parser.add_argument("text", nargs="*", help="Chinese text, or pinyin with tone digits")
    parser.add_argument("--text-file", help="a text file (UTF-8); - for standard input")
    parser.add_argument("--weights", help="folder of exported weights")


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="tacotron", argv=argv, add=add_options, help_texts=HELP)
    training.start(opts.seed)
    folder = find_model(opts.output_dir, opts.weights)
    if os.path.exists(os.path.join(folder, WEIGHTS_FILE)):  # exported weights say themselves what suits them
        known = options.load_settings(folder, TRAINER)
        for key in ("tone_sandhi", "mel_bands"):
            if key in known and key not in opts.explicit:
                setattr(opts, key, known[key])
    sentences = []
    for text in read_texts(opts):
        pieces = pinyin.split_sentences(text, opts.max_syllables)
        if not pieces:
            raise UserError("nothing to speak in '%s'" % text.strip())
        sentences += [pinyin.to_pinyin(piece, opts.tone_sandhi) for piece in pieces]

    speech_dir = os.path.join(opts.output_dir, "speech")
    os.makedirs(speech_dir, exist_ok=True)
    for old in glob.glob(os.path.join(glob.escape(speech_dir), "sentence-*")):
        os.remove(old)
    waves, rows, pictures = [], [], []
    with tf.Session(config=training.session_config(opts.threads)) as session:
        model, settings, source = load_synthesizer(session, folder)
        print("model: %s" % source)
        free_running(
            session, model, [text_to_sequence("a1", settings["end_symbol"])], [2 + settings["end_symbol"]]
        )  # the first run also plans the graph
        for number, syllables in enumerate(sentences, 1):
            start = time.time()
            wave, alignment, stopped, _ = speak(
                session, model, settings, syllables, opts.griffin_lim_iters, opts.momentum, opts.mel_bands
            )
            seconds = time.time() - start
            waves.append(wave)
            name = os.path.join(speech_dir, "sentence-%03d" % number)
            audio.save_wav(wave, name + ".wav")
            pictures.append(plot_alignment(alignment, name + "-align.png", syllables[:90]))
            measures = alignment_measures(alignment)
            length = len(wave) / audio.sample_rate
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
                    ""
                    if measures["monotonic"] and measures["complete"]
                    else "; WARNING: words were skipped or repeated",
                    "" if stopped else "; WARNING: it did not stop by itself",
                )
            )
    speech = audio.save_wav(join_sentences(waves, opts.pause), os.path.join(speech_dir, "speech.wav"))
    total = sum(len(wave) for wave in waves) / audio.sample_rate
    factor = sum(row[1] * row[2] for row in rows) / total
    print("%s: %.2f s, real-time factor %.2f" % (speech, total, factor))

    record = records.Record(opts, "ext_9_8_14_speak", "section 9.8.14", "model: " + source)
    record.metric("sentences", len(rows))
    record.metric("real-time factor", round(factor, 3), note="synthesis and Griffin-Lim, without loading")
    record.table("Sentences", ["pinyin", "seconds", "real-time factor", "stopped by itself"], rows)
    text = "; ".join(row[0] for row in rows)[:200]
    record.file(speech, "sound", "Speech from text: " + text, "由文本合成的语音：" + text)
    record.file(
        pictures[0], "picture", "Attention while speaking: " + rows[0][0], "合成时的注意力对齐图：" + rows[0][0]
    )
    record.save()


if __name__ == "__main__":
    options.run(main)
