"""Extra (section 10.3): the generator alone as one small file, without critic and optimizer.

Reads: a run of listing 10-6 in ``--output-dir``. Writes: ``generator.npz`` (float16) and ``generator_head.npz`` (the layers of
the critic that guess attributes, for own photos) there, or where ``--file`` says. Time: seconds.
Next: ``python ch10_attgan/code_10_07_edit.py --preset tiny --weights output/attgan/tiny/generator.npz``.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # common/ is found from any folder

import tensorflow as tf

from ch10_attgan import trained
from common import options, training
from common.records import Record

PRESETS = {"book": dict(), "cpu": dict(), "tiny": dict()}


def add_options(parser):
    parser.add_argument("--file", help="where to write (default: generator.npz in the run folder)")


def main(argv=None):
    opts = options.parse(__doc__, PRESETS, "attgan", argv=argv, add=add_options)
    opts.weights = None
    training.start(opts.seed)
    path = opts.file or os.path.join(opts.output_dir, "generator.npz")
    with tf.Session(config=training.session_config(opts.threads)) as session:
        model = trained.load(opts, session)
        settings = vars(model.settings)
        values = trained.write_export(path, session, trained.networks(("Genc", "Gdec")), settings)
        head = [v for v in trained.networks(("D",)) if v.op.name.startswith(trained.HEAD_LAYERS)]
        trained.write_export(trained.head_path(path), session, head, settings)
    record = Record(opts, "ext_10_3_export", "section 10.3", "model trained on %s" % settings["data"])
    record.metric("values of the generator", values)
    for title, name in (("generator", path), ("attribute head", trained.head_path(path))):
        print("%s: %s, %.2f MB" % (title, name, os.path.getsize(name) / 1e6))
        record.metric("file of the " + title, round(os.path.getsize(name) / 1e6, 3), "MB")
    record.save()


if __name__ == "__main__":
    options.run(main)
