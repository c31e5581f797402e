"""Extension of section 9.8.14: a trained network without what only training needs.

Reads the newest checkpoint of the run folder (or ``--step N``); writes ``tacotron-float16.npz`` (the variables that synthesis
uses, as 16-bit floats, about 13 MB in place of 80) and ``settings.json`` to ``--weights-dir`` (default: ``weights`` in the run
folder). ``ext_9_8_14_speak.py --weights FOLDER`` speaks with it. A few seconds.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import numpy as np
import tensorflow as tf

from ch09_tacotron.code_9_17_train import synthesis_model
from ch09_tacotron.ext_9_8_14_speak import PRESETS as SPEAK_PRESETS
from ch09_tacotron.ext_9_8_14_speak import TRAINER, WEIGHTS_FILE
from common import options, training
from common.errors import UserError

PRESETS = {
    name: {key: preset[key] for key in ("tone_sandhi", "mel_bands") if key in preset}
    for name, preset in SPEAK_PRESETS.items()
}
HELP = dict(
    tone_sandhi="written into the settings: speak a third tone before another as a second",
    mel_bands="written into the settings: the sound gets the loudness of the decoder's mel bands",
)


def add_options(parser):
    parser.add_argument("--weights-dir", help="where to write (default: weights in the run folder)")
    parser.add_argument("--step", type=int, help="the checkpoint of this step (default: the newest)")


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, example="tacotron", argv=argv, add=add_options, help_texts=HELP)
    training.start(opts.seed)
    settings = options.load_settings(opts.output_dir, TRAINER)
    found = training.checkpoints(os.path.join(opts.output_dir, "model-cpk"))
    if opts.step is not None:
        found = [prefix for prefix in found if prefix.endswith("-%d" % opts.step)]
    if not found:
        raise UserError(
            "no checkpoint %sin %s" % ("" if opts.step is None else "of step %d " % opts.step, opts.output_dir)
        )
    reader = tf.train.load_checkpoint(found[0])
    with tf.variable_scope("tacotron"):
        synthesis_model(settings)
    weights = {variable.op.name: reader.get_tensor(variable.op.name) for variable in tf.global_variables()}
    too_large = [name for name, value in weights.items() if np.abs(value).max() > 6e4]
    if too_large:
        raise UserError("these values do not fit 16-bit floats: %s" % ", ".join(too_large))
    folder = os.path.abspath(opts.weights_dir or os.path.join(opts.output_dir, "weights"))
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, WEIGHTS_FILE)
    with open(path + ".part", "wb") as stream:
        np.savez_compressed(stream, **{name: value.astype(np.float16) for name, value in weights.items()})
    os.replace(path + ".part", path)
    step = int(reader.get_tensor("global_step"))
    options.save_settings(folder, dict(settings, step=step, tone_sandhi=opts.tone_sandhi, mel_bands=opts.mel_bands))
    values = sum(value.size for value in weights.values())
    print(
        "%s: %d variables, %d values, step %d, %.1f MB"
        % (path, len(weights), values, step, os.path.getsize(path) / 1e6)
    )


if __name__ == "__main__":
    options.run(main)
