"""A trained network that speaks: the printed graph of listing 9-16 for synthesis, in a graph and session of its own.

Reads checkpoints of ``code_9_17_train.py`` and of the trainers here, or exported weights (``export.py``).
"""

import functools
import os

import numpy as np
import tensorflow as tf

from ch09_tacotron.beyond import sound
from ch09_tacotron.beyond.guided import BEHIND, short_name
from ch09_tacotron.beyond.parts import CappedHelper, GuidedAttention, GuidedWrapper
from ch09_tacotron.beyond.utterances import text_to_sequence
from ch09_tacotron.code_9_16_tacotron import Tacotron
from common import options, run, weights
from common.errors import UserError
from common.options import Value

SHIPPED = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "weights")
WEIGHTS_FILE = "tacotron-float16.npz"
POST = "post"  # folder in a run's that holds what train_post.py has learnt
TRAINER = "ch09_tacotron/code_9_17_train.py"
# what a model's settings may say, and what the listing's are
ROWS = [
    Value("outputs_per_step", 5, "frames of a decoder step", low=1, high=10),
    Value("end_symbol", False, "each text ends with a symbol of its own"),
    Value("mask_attention", False, "attention does not see padding"),
    Value("sharpen", 1.0, "power that the weights of attention are raised to", low=0.01, high=100),
    Value("tone_sandhi", False, "what is spoken gets the tones as they are spoken"),
    Value("mel_bands", False, "the sound gets the loudness of the decoder's mel bands"),
]
SETTINGS = {row.name: row.value for row in ROWS}


FEW_STEPS = 5000  # of a training; before, no trainer here is through with its preset

# Speech that does not stop is cut here: slow speech has a step and a half a symbol.
STEPS_A_SYMBOL, STEPS_AT_LEAST = 4, 20


def find_model(output_dir, weights_dir=None):
    """Where the trained network is: a run folder with checkpoints, or a folder with exported weights.

    Raises:
      UserError: there is none.
    """
    if weights_dir:
        if not os.path.exists(os.path.join(weights_dir, WEIGHTS_FILE)):
            raise UserError("%s: no %s here (beyond/export.py writes it)" % (weights_dir, WEIGHTS_FILE))
        return weights_dir
    if run.checkpoints(os.path.join(output_dir, "model-cpk")):
        return output_dir
    if os.path.exists(os.path.join(SHIPPED, WEIGHTS_FILE)):
        return SHIPPED
    raise UserError("no trained model in %s: run %s first (same --preset or --output-dir)" % (output_dir, TRAINER))


def other_voice(folder, step):
    """What to say when a run of one's own in ``folder`` speaks although a trained voice ships; '' where none does."""
    shipped = os.path.exists(os.path.join(SHIPPED, WEIGHTS_FILE))
    if not shipped or not run.checkpoints(os.path.join(folder, "model-cpk")):
        return ""
    few = ", which are few: it may hiss or mumble" if step < FEW_STEPS else ""
    text = "this is your own training in %s after %d steps%s; for the voice that comes with the clone give --weights %s"
    return text % (folder, step, few, SHIPPED)


def checked(settings, source):
    """The values of ``ROWS``, and ``step``, that a model's settings say; UserError where they cannot be."""
    found = {}
    for row in ROWS:
        try:
            found[row.name] = row.check(settings.get(row.name, row.value))
        except ValueError as error:
            raise UserError("%s: settings: %s: %s" % (source, row.name, error))
    step = settings.get("step")
    return dict(found, step=step if isinstance(step, int) else None)


def synthesis_network(settings):
    """The printed network for synthesis, in the default graph: placeholders ``inputs`` [B, T_in] and ``input_lengths`` [B]."""
    inputs = tf.placeholder(tf.int32, [None, None], "inputs")
    input_lengths = tf.placeholder(tf.int32, [None], "input_lengths")
    lengths = input_lengths if settings["mask_attention"] else None
    attention = functools.partial(GuidedAttention, lengths=lengths, sharpen=settings["sharpen"])
    with tf.variable_scope("model"):
        return Tacotron(
            inputs,
            input_lengths,
            sound.num_mels,
            settings["outputs_per_step"],
            sound.num_freq,
            wrapper=functools.partial(GuidedWrapper, attention=attention),
            test_helper=functools.partial(CappedHelper, limits=STEPS_AT_LEAST + STEPS_A_SYMBOL * input_lengths),
        )


class Voice:
    """A model that speaks.

    Args:
      folder: a run folder, or one with exported weights (``find_model``); None: values come by ``restore``.
      settings: known beforehand (a trainer's own), or those of the folder.
      sharpen: power that the weights of attention are raised to; 0: that of the settings.

    Attributes:
      settings: dict with the keys of SETTINGS, and ``step``; source: one line that says what was loaded.
    """

    def __init__(self, folder=None, settings=None, threads=0, sharpen=0.0):
        values, path = {}, os.path.join(folder or "", WEIGHTS_FILE)
        if settings is None and os.path.exists(path):
            values, settings = weights.load(path)
        elif settings is None:
            settings = options.load_settings(folder, TRAINER)
        self.settings = checked(settings, path if values else folder)
        if sharpen:
            self.settings["sharpen"] = sharpen
        self.source = None
        with tf.Graph().as_default():
            self.model = synthesis_network(self.settings)
            self._variables = {variable.op.name: variable for variable in tf.global_variables()}
            self._saver = tf.train.Saver(list(self._variables.values()))
            self.session = tf.Session(config=run.session_config(threads))
        if values:
            missing = sorted(set(self._variables) - set(values))
            if missing:
                raise UserError(
                    "%s lacks %d values (%s …): it is of another model" % (WEIGHTS_FILE, len(missing), missing[0])
                )
            for name, variable in self._variables.items():
                found, wanted = values[name].shape, tuple(variable.shape.as_list())
                if found != wanted:
                    text = "weights %s: %s is %s, not %s: it is of another model"
                    raise UserError(text % (path, name, found, wanted))
            weights.assign(self.session, [(variable, values[name]) for name, variable in self._variables.items()])
            self.source = "%s (%d variables, step %s)" % (WEIGHTS_FILE, len(self._variables), self.settings["step"])
        elif folder is not None:
            self.restore(run.restore_newest(self._saver, self.session, os.path.join(folder, "model-cpk")), done=True)
            self.restore_post(folder)

    def restore(self, checkpoint, done=False):
        """Takes the values of a checkpoint (a prefix) that a trainer saved."""
        if not done:
            self._saver.restore(self.session, checkpoint)
        self.settings["step"] = run.step_of(checkpoint)
        self.source = "%s (%d variables)" % (os.path.basename(checkpoint), len(self._variables))

    def restore_post(self, folder):
        """Takes what ``train_post.py`` has learnt beside the run in ``folder``, if it has."""
        found = run.checkpoints(os.path.join(folder, POST, "model-cpk"))
        if found:
            own = [v for name, v in self._variables.items() if short_name(name).startswith(BEHIND)]
            with self.session.graph.as_default():
                tf.train.Saver(own).restore(self.session, found[0])

    def values(self):
        """Variable name → array."""
        return dict(zip(self._variables, self.session.run(list(self._variables.values()))))

    def frames(self, texts):
        """Speaks pinyin freely, from the text alone.

        Args:
          texts: list of pinyin, each without unknown characters; spoken as one batch.

        Returns:
          A list of (linear ``[T, 1025]``, mel ``[T, 80]``, alignment ``[symbols, steps]``, whether it stopped by itself).
        """
        sequences = [text_to_sequence(text, self.settings["end_symbol"]) for text in texts]
        lengths = [len(sequence) for sequence in sequences]
        inputs = np.zeros([len(texts), max(lengths)], np.int32)
        for row, sequence in enumerate(sequences):
            inputs[row, : len(sequence)] = sequence
        model, r = self.model, self.settings["outputs_per_step"]
        linear, mel, alignments, steps, stop = self.session.run(
            [
                model.linear_outputs,
                model.mel_outputs,
                model.alignments,
                model.sequence_lengths,
                model.stop_token_outputs,
            ],
            {model.inputs: inputs, model.input_lengths: lengths},
        )
        results = []
        for i, length in enumerate(lengths):
            frames = int(steps[i]) * r
            stopped = bool(np.any(np.rint(stop[i, max(0, frames - r) : frames])))
            results.append((linear[i, :frames], mel[i, :frames], alignments[i, :length, : steps[i]], stopped))
        return results

    def plan(self):
        """Runs the network once: TensorFlow plans the graph at its first run, which is not to count as time of speaking."""
        self.frames(["a1"])

    def speak(self, pinyin, griffin_lim_iters=sound.griffin_lim_iters, momentum=0.0, mel_bands=None):
        """One sentence of pinyin as a wave.

        Returns:
          (wave, alignment ``[symbols, steps]``, whether it stopped by itself, mel ``[T, 80]``).
        """
        linear, mel, alignment, stopped = self.frames([pinyin])[0]
        mel_bands = self.settings["mel_bands"] if mel_bands is None else mel_bands
        wave = sound.inv_spectrogram(linear.T, griffin_lim_iters, momentum, mel.T if mel_bands else None)
        return wave, alignment, stopped, mel


def join_sentences(waves, pause):
    """Waves of sentences as one wave, all equally loud, with ``pause`` seconds of silence between them.

    A sentence below a hundredth of full scale is not made loud: it is the noise of an untrained network, as in ``save_wav``.
    """
    silence = np.zeros(int(pause * sound.sample_rate))
    parts = [part for wave in waves for part in (wave / max(0.01, np.abs(wave).max()), silence)]
    return np.concatenate(parts[:-1])
