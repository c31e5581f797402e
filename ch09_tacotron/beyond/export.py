"""A trained network without what only training needs, to ship or to pass on.

Reads the newest checkpoint of the run folder (or ``--step N``); writes ``tacotron-float16.npz`` (the values that synthesis uses,
as 16-bit floats, about 13 MB in place of 80, with their settings) to ``--weights-dir`` (default: ``weights`` in the run folder).
``ext_9_8_14_speak.py --weights FOLDER`` speaks with it. Half a minute.
"""

import os

from ch09_tacotron.beyond.voice import SETTINGS, TRAINER, WEIGHTS_FILE, Voice
from common import options, run, weights
from common.errors import UserError

VALUES = [
    options.Value(
        "tone_sandhi",
        None,
        "what is spoken gets the tones as they are spoken [as the run has it, else true]",
        kind=bool,
    ),
    options.Value(
        "mel_bands", None, "loudness of the decoder's mel bands in the sound [as the run has it, else true]", kind=bool
    ),
]


def add_options(parser):
    parser.add_argument("--weights-dir", help="where to write [weights in the run folder]")
    parser.add_argument("--step", type=int, help="the checkpoint of this step [the newest]")


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, add=add_options, base="cpu")
    settings = options.load_settings(opts.output_dir, TRAINER)
    found = run.checkpoints(os.path.join(opts.output_dir, "model-cpk"))
    if opts.step is not None:
        found = [prefix for prefix in found if run.step_of(prefix) == opts.step]
    if not found:
        wanted = "" if opts.step is None else "of step %d " % opts.step
        raise UserError("no checkpoint %sin %s" % (wanted, opts.output_dir))
    for row in VALUES:
        given = getattr(opts, row.name)
        settings[row.name] = settings.get(row.name, True) if given is None else given
    settings = {key: settings.get(key, default) for key, default in SETTINGS.items()}
    settings["step"] = run.step_of(found[0])
    voice = Voice(settings=settings)
    voice.restore(found[0])
    voice.restore_post(opts.output_dir)
    values = voice.values()
    folder = os.path.abspath(opts.weights_dir or os.path.join(opts.output_dir, "weights"))
    path = weights.save(os.path.join(folder, WEIGHTS_FILE), values, settings)
    count, megabytes = sum(value.size for value in values.values()), os.path.getsize(path) / 1e6
    print("%s: %d variables, %d values, step %d, %.1f MB" % (path, len(values), count, settings["step"], megabytes))


if __name__ == "__main__":
    options.run(main)
