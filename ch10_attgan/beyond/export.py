"""The generator alone as one small file, without critic and optimizer.

Reads: a run of train.py (or, by ``--output-dir``, of listing 10-6). Writes: ``generator.npz`` (16 bit) and
``generator_head.npz`` (the layers of the critic that guess attributes, for own photos) there, or where ``--file`` says.
Time: seconds.
Next: ``python ch10_attgan/ext_10_3_10_edit.py --weights output/attgan/faces/generator.npz``.
"""

import os

import numpy as np
import tensorflow as tf

from ch10_attgan.beyond import networks, trained
from common import options, records, run, weights
from common.errors import UserError
from common.options import Value

VALUES = [Value("half", True, "16-bit numbers (vectors stay 32-bit)", tiny=True)]


def add_options(parser):
    parser.add_argument("--file", help="where to write [generator.npz in the run folder]")
    parser.add_argument(
        "--mean-of",
        nargs="+",
        metavar="NPZ",
        help="not a run but the mean of exported generators, e.g. of one training at two times; wants --file",
    )


def export_mean(opts):
    """Writes the mean of the generators ``opts.mean_of``; what lies beside the last of them goes along."""
    if not opts.file:
        raise UserError("--mean-of wants --file: where to write the mean")
    read = [weights.load(path, "generator") for path in opts.mean_of]
    values, settings = weights.mean([values for values, _ in read], opts.mean_of), read[-1][1]
    names = [trained.checked(saved, path).att_default for path, (_, saved) in zip(opts.mean_of, read)]
    if any(others != names[0] for others in names):
        raise UserError("--mean-of: the generators know other attributes than each other")
    weights.save(opts.file, values, settings, half=opts.half)
    trained.copy_beside(opts.mean_of[-1], opts.file)
    print("generator: %s, %.2f MB" % (opts.file, os.path.getsize(opts.file) / 1e6))


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, add=add_options, base="faces")
    if opts.mean_of:
        return export_mean(opts)
    opts.weights = None
    run.start(opts.seed)
    path = opts.file or os.path.join(opts.output_dir, "generator.npz")
    with tf.Session(config=run.session_config(opts.threads)) as session:
        model = trained.open_model(opts, session)
        settings = vars(model.settings)
        generator = networks.variables(("Genc", "Gdec"))
        head = [v for v in networks.variables(("D",)) if v.op.name.startswith(trained.HEAD_LAYERS)]
        for name, variables in ((path, generator), (trained.head_path(path), head)):
            values = dict(zip([v.op.name for v in variables], session.run(variables)))
            weights.save(name, values, settings, half=opts.half)
    if model.left is not None:
        weights.save(
            trained.glasses_path(path), dict(left=np.float32(model.left)), dict(img_size=model.settings.img_size)
        )
    record = records.Record(opts, opts.script, "section 10.3", "model trained on %s" % settings["data"])
    record.metric("values of the generator", int(sum(np.prod(v.shape.as_list()) for v in generator)))
    for title, name in (("generator", path), ("attribute head", trained.head_path(path))):
        print("%s: %s, %.2f MB" % (title, name, os.path.getsize(name) / 1e6))
        record.metric("file of the " + title, round(os.path.getsize(name) / 1e6, 3), "MB")
    record.save()


if __name__ == "__main__":
    options.run(main)
