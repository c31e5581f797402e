"""Section 10.1.8: editing a face by optimisation against editing by a network that learnt to - the same faces, the same edits.

By optimisation: deep feature interpolation (DFI, arXiv 1611.05507). What separates faces with an attribute from faces without is
the difference of their mean features in VGG16; a face's pixels are changed until its features have moved so far. By learning:
AttGAN (listing 10-5) with the weights that ship, one pass. A judge that learnt from other faces says which edits are seen and
whether the other attributes stayed; the time of both is compared as a ratio of processor time.

Reads: VGG16's weights (data set ``vgg16``; preset tiny: random ones); the faces are drawn (``data/sample_celeba.py``).
Writes: ``editing.png`` and a record. Time: two minutes on one core. Next: ``ext_10_3_10_edit.py``.
"""

import os
import time
from types import SimpleNamespace

import numpy as np
import tensorflow as tf
from tensorflow.keras.applications.vgg16 import VGG16

from ch10_attgan import code_10_06_train as trainattgan
from ch10_attgan.code_10_04_dataset import Celeba
from common import images, options, run, weights
from common.errors import UserError
from common.judge import Judge
from common.options import Value
from common.plotting import plt, save_figure
from common.records import Record
from data import celeba, sample_celeba, vgg16

SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights", "faces_generator.npz")
SQUARE = (40, 15, 148)  # what listing 10-4 cuts out for pictures of 64 pixels, the size that the weights know
SCALINGS = {  # what VGG16's weights want of pixels in −1…1: Keras's, and torchvision's
    "keras": lambda x: ((x + 1.0) * 127.5 - tf.constant([123.68, 116.779, 103.939]))[..., ::-1],
    "torchvision": lambda x: ((x + 1) / 2 - tf.constant([0.485, 0.456, 0.406])) / tf.constant([0.229, 0.224, 0.225]),
}
LAYERS = ["block2_conv2", "block3_conv1"]
VALUES = [
    Value("attributes", ["Eyeglasses", "Mustache"], "which are flipped, one at a time", tiny=["Eyeglasses"]),
    Value("faces", 6, "faces that are edited", tiny=2, low=1, high=100),
    Value("examples", 40, "faces with and without, whose mean features are compared", tiny=4, low=2),
    Value("iterations", 40, "of DFI's optimisation", tiny=2, low=1),
    Value("strength", 1.5, "how far the features are moved, in distances of the means", low=0),
    Value("rate", 0.05, "of DFI's Adam, on pixels in −1…1", low=0),
    Value("smoothness", 0.02, "weight of the pixels' total variation", low=0),
    Value("scaling", "keras", "whose weights the file has", choices=list(SCALINGS)),
    Value("judge_faces", 800, "faces that the judge learns from", tiny=40, low=20),
    Value("judge_steps", 400, "of the judge's training", tiny=5, low=1),
]


def attgan(session):
    """The shipped AttGAN: (its settings, function of (faces −1…1, 0/1 labels ``[N, n_att]``) → edited faces)."""
    values, saved = weights.load(SHIPPED, "generator")
    settings = SimpleNamespace(**saved)
    settings.att_default = saved.get("att_default", saved.get("atts"))
    Genc, Gdec, _ = trainattgan.networks(settings)
    xa = tf.placeholder(tf.float32, [None, settings.img_size, settings.img_size, 3])
    _b = tf.placeholder(tf.float32, [None, len(settings.att_default)])
    x = Gdec(Genc(xa, is_training=False), _b, is_training=False)
    variables = [v for v in tf.global_variables() if v.op.name.split("/")[0] in ("Genc", "Gdec")]
    weights.assign(session, [(variable, values[variable.op.name]) for variable in variables])
    return settings, lambda faces, labels: session.run(x, {xa: faces, _b: (labels * 2 - 1) * settings.thres_int})


def features_of(path, scaling):
    """VGG16 up to ``LAYERS``: a function of pictures in −1…1, and the Keras model."""
    vgg = VGG16(include_top=False, weights=None)
    model = tf.keras.models.Model(vgg.input, [vgg.get_layer(name).output for name in LAYERS])
    model.load_weights(path, by_name=True)
    return lambda x: model(SCALINGS[scaling](x))


class Interpolation:
    """DFI in the graph: ``mean`` for the attributes' directions, ``edit`` for faces.

    The optimisation's own variables, the pixels, are the only ones that are trained.
    """

    def __init__(self, opts, session, size, vgg_file):
        self.opts, self.session = opts, session
        self.x = tf.placeholder(tf.float32, [None, size, size, 3])
        features = features_of(vgg_file, opts.scaling)
        kept = [variable for variable in tf.global_variables() if variable.op.name.startswith("block")]
        self.features = features(self.x)
        self.pixels = tf.Variable(tf.zeros([opts.faces, size, size, 3]), trainable=False, name="pixels")
        self.wanted = [tf.placeholder(tf.float32, tensor.shape) for tensor in self.features]
        now = features(self.pixels)
        scale = [tf.reduce_mean(tf.square(b)) for b in self.wanted]
        loss = sum(tf.reduce_mean(tf.square(a - b)) / c for a, b, c in zip(now, self.wanted, scale))
        loss += opts.smoothness * tf.reduce_mean(tf.image.total_variation(self.pixels)) / float(size * size)
        adam = tf.train.AdamOptimizer(opts.rate)
        self.step = adam.minimize(loss * size, var_list=[self.pixels])
        self.start = tf.assign(self.pixels, self.x)
        known = set(kept) | {v for v in tf.global_variables() if v.op.name.split("/")[0] in ("Genc", "Gdec")}
        self.begin = [variable.initializer for variable in tf.global_variables() if variable not in known]

    def mean(self, faces):
        return [value.mean(axis=0) for value in self.session.run(self.features, {self.x: faces})]

    def edit(self, faces, directions):
        """Faces in −1…1, moved along ``directions``: for each layer float ``[N, …]``."""
        self.session.run(self.begin)
        self.session.run(self.start, {self.x: faces})
        found = self.session.run(self.features, {self.x: faces})
        feed = {place: a + self.opts.strength * b for place, a, b in zip(self.wanted, found, directions)}
        for _ in run.progress(range(self.opts.iterations), desc="optimising", unit="step"):
            self.session.run(self.step, feed)
        return np.clip(self.session.run(self.pixels), -1, 1)


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    run.start(opts.seed)
    names = sample_celeba.DRAWN
    vgg_file = vgg16.find(opts.data_dir, sample=opts.preset == "tiny", option="--data-dir")
    with tf.Session(config=run.session_config(opts.threads)) as session:
        tf.keras.backend.set_session(session)
        settings, by_attgan = attgan(session)
        unknown = [name for name in opts.attributes if name not in settings.att_default or name not in names]
        if unknown:
            raise UserError("--attributes: %s is not among %s" % (unknown[0], " ".join(settings.att_default)))
        size = settings.img_size
        learned = sample_celeba.faces(opts.judge_faces, size, [opts.seed, 1], SQUARE)
        judge = Judge(*learned, steps=opts.judge_steps, seed=opts.seed, threads=opts.threads)
        pixels, labels = sample_celeba.faces(opts.faces, size, [opts.seed, 2], SQUARE)
        faces, seen = images.from_uint8(pixels), judge(pixels)
        dfi = Interpolation(opts, session, size, vgg_file)
        columns, rows = [("drawn", pixels)], []
        for attribute in opts.attributes:
            column = names.index(attribute)
            means = [
                dfi.mean(
                    images.from_uint8(
                        sample_celeba.faces(opts.examples, size, [opts.seed, 3], SQUARE, **{attribute: on})[0]
                    )
                )
                for on in (0, 1)
            ]
            signs = (1 - 2 * labels[:, column]).reshape(-1, 1, 1, 1)  # on for who lacks it, off for who has it
            began = time.process_time()
            by_dfi = dfi.edit(faces, [signs * (b - a) for a, b in zip(*means)])
            took = time.process_time() - began
            wanted = np.int64(labels[:, [names.index(name) for name in settings.att_default]])
            place = settings.att_default.index(attribute)
            wanted[:, place] = 1 - wanted[:, place]
            wanted = Celeba.check_attribute_conflict(wanted, attribute, settings.att_default)
            by_attgan(faces, wanted)  # the first call makes the plan
            began = time.process_time()
            learnt = by_attgan(faces, wanted)
            ratio = took / (time.process_time() - began)
            for way, edited in (("DFI", by_dfi), ("AttGAN", learnt)):
                edited = images.to_uint8(edited)
                after = judge(edited)
                others = np.arange(len(names)) != column
                right = np.mean(after[:, column] == 1 - labels[:, column])
                stayed = np.mean(after[:, others] == seen[:, others])
                moved = np.abs(np.float32(edited) - pixels).mean()
                rows.append([attribute, way, float(right), float(stayed), float(moved), ratio if way == "DFI" else 1.0])
                columns.append(("%s\n%s" % (attribute, way), edited))
    rows = [row[:2] + [round(value, 3) for value in row[2:5]] + [float("%.2g" % row[5])] for row in rows]
    figure, axes = plt.subplots(figsize=(1.4 * len(columns), 1.3 * opts.faces))
    axes.imshow(np.concatenate([np.concatenate(list(column)) for _, column in columns], axis=1))
    axes.set_xticks([size * (place + 0.5) for place in range(len(columns))])
    axes.set_xticklabels([title for title, _ in columns])
    axes.set_yticks([])
    path = save_figure(figure, os.path.join(opts.output_dir, "editing.png"), in_chinese=celeba.in_chinese)
    heads = ["flipped", "way", "edits that are seen", "other attributes as before", "mean change (levels)"]
    heads.append("processor time beside AttGAN's")
    for row in [heads] + rows:
        print("  ".join("%-12s" % item for item in row))
    record = Record(opts, opts.script, "section 10.1.8", "%d drawn faces, %d px" % (opts.faces, size))
    note = "as a judge sees it that names %.3f of the attributes of these faces rightly before any edit"
    record.table("Editing by optimisation and by learning", heads, rows, note % float(np.mean(seen == labels)))
    record.file(path, "picture", "The same edits by DFI and by AttGAN", "同样的编辑：DFI 与 AttGAN")
    record.save()


if __name__ == "__main__":
    options.run(main)
