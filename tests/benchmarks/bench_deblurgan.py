"""Speed and memory of example 54: listings 10-2 and 10-3 and what lies beyond them, in turns (see ``turns.py``).

training   an iteration as printed: predict, five pairs of critic steps, a joint generator step with VGG (random weights). The
           listing's is a batch of its ``pre_train_epoch`` on its compiled models; ours is beyond/train.py with ``--preset
           printed --fast true``; 'graph' the same without --fast
memory     the same on larger pictures, ours with ``--recompute true`` besides: the activations must be large to count
use        one picture: Keras's predict as in listing 10-3, and beyond/fast.py with the same weights
photo      a large photo through ext_10_2_12_photos.py's network: tiles in turn, each by all threads, and two of them side by side
start-up   ``--help`` of listing 10-3 and of beyond/restore.py

    python tests/benchmarks/bench_deblurgan.py [--quick] [--record] [--only training …]
    python tests/benchmarks/bench_deblurgan.py --only memory --memory-height 360 --memory-width 640    (needs 16 GB)
"""

import os
import tempfile
from functools import partial
from types import SimpleNamespace

import numpy as np
import tensorflow as tf
from tensorflow.keras import backend as K

from ch10_deblurgan import code_10_01_models as models
from ch10_deblurgan import code_10_02_train as listing
from ch10_deblurgan import ext_10_2_12_photos as photos_script
from ch10_deblurgan.beyond import fast, kernels, losses, tiles, train
from common import images, options, run
from tests.benchmarks import turns, worker

VALUES = [
    options.Value("height", 96, "rows of the training pictures", low=32, tiny=32),
    options.Value("width", 96, "columns of the training pictures", low=32, tiny=32),
    options.Value("memory_height", 180, "rows where memory is measured", low=32, tiny=32),
    options.Value("memory_width", 320, "columns where memory is measured", low=32, tiny=32),
    options.Value("use_height", 360, "rows of the picture that is restored", low=32, tiny=32),
    options.Value("use_width", 640, "columns of the picture that is restored", low=32, tiny=32),
    options.Value("photo_height", 960, "rows of the large photo", low=32, tiny=64),
    options.Value("photo_width", 1280, "columns of the large photo", low=32, tiny=96),
    options.Value("batch_size", 4, "pairs in a batch", low=1, tiny=2),
    options.Value("ngf", 64, "filters of the generator's first layer", low=1, tiny=4),
    options.Value("ndf", 64, "filters of the critic's first layer", low=1, tiny=4),
    options.Value("n_blocks", 9, "residual blocks", low=1, tiny=1),
]


def open_session(opts):
    """A session for a way, which is Keras's too."""
    run.start(opts.seed)
    kernels.use_threads(opts.threads)
    session = tf.Session(config=run.session_config(opts.threads))
    K.set_session(session)
    return session


def printed_iteration(opts, shape, session):
    """A batch of listing 10-2, as a function of (blurred, sharp)."""
    g = models.generator_model(shape, ngf=opts.ngf, n_blocks_gen=opts.n_blocks)
    d = models.discriminator_model(shape, ndf=opts.ndf)
    joint = models.g_containing_d_multiple_outputs(g, d, shape)
    d.compile(optimizer=listing.Adam(lr=1e-4), loss=listing.wasserstein_loss)
    d.trainable = False
    content = partial(losses.feature_loss, losses.vgg_features(shape))  # 10-2's loss, without a weights file
    content.__name__ = "content"
    joint.compile(optimizer=listing.Adam(lr=1e-4), loss=[content, listing.wasserstein_loss], loss_weights=[100, 1])
    d.trainable = True
    batches = tf.placeholder(tf.float32, (2, None) + shape + (3,))
    iterator = tf.data.Dataset.from_tensors((batches[0], batches[1])).make_initializable_iterator()
    datatensor = iterator.get_next()

    class Fed:
        """Hands the batch to the pass that ``pre_train_epoch`` starts."""

        def __init__(self, pictures):
            self.pictures = pictures

        def run(self, fetches):
            return session.run(fetches, {batches: np.stack(self.pictures)} if fetches is iterator.initializer else None)

    def iteration(blurred, sharp):
        listing.g, listing.d, listing.d_on_g = g, d, joint  # as its `main` leaves them in the module
        listing.pre_train_epoch(Fed([blurred, sharp]), iterator, datatensor)

    return iteration


def _iteration(way, opts, shape):
    session = open_session(opts)
    if way == "printed":
        iteration = printed_iteration(opts, shape, session)
    else:
        settings = SimpleNamespace(**{row.name: row.presets.get("printed", row.value) for row in train.VALUES})
        vars(settings).update(ngf=opts.ngf, ndf=opts.ndf, n_blocks=opts.n_blocks, vgg="random", vgg_file=None)
        settings.fast, settings.recompute = way != "graph", way == "recomputed"
        net = train.build(settings, shape)
        run.initialize_uninitialized(session)

        def iteration(blurred, sharp):
            train.train_step(session, net, settings, blurred, sharp, 1e-4)

    pictures = np.random.RandomState(0).uniform(-1, 1, (2, opts.batch_size) + shape + (3,)).astype("f")
    return lambda warm: iteration(*pictures)  # dropout is drawn, so that losses are not comparable


def training(way, opts):
    """An iteration on small pictures."""
    return _iteration(way, opts, (opts.height, opts.width))


def memory(way, opts):
    """An iteration on larger ones."""
    return _iteration("recomputed" if way == "ours" else way, opts, (opts.memory_height, opts.memory_width))


def use(way, opts):
    """One picture through the generator."""
    return _restoring(way, opts, opts.use_height, opts.use_width)[0]


def _restoring(way, opts, height, width):
    session = open_session(opts)
    K.set_learning_phase(0)
    g = models.generator_model((None, None), istrain=False, ngf=opts.ngf, n_blocks_gen=opts.n_blocks)
    run.initialize_uninitialized(session)
    worker.fill(session, g.trainable_weights)
    picture = np.random.RandomState(0).uniform(-1, 1, (1, height, width, 3)).astype("f")
    photo = tf.placeholder(tf.float32, [1, None, None, 3])
    quick, _ = fast.applied(g, photo, fast=way == "ours")

    def restore(values):
        return g.predict(values) if way == "printed" else session.run(quick, {photo: values})

    return lambda warm: np.abs(restore(picture)).mean(), restore


def photo(way, opts):
    """A large photo, tile by tile."""
    workers, session = 1, None
    if way == "side-by-side":  # the first session of a process decides how many threads all have
        run.start(opts.seed)
        workers, session = photos_script.side_by_side(opts.threads)[0], photos_script.open_session(opts.threads)
    session = session or open_session(opts)
    values = SimpleNamespace(fast=True, ensemble=False, strength=1.0)
    restore = photos_script.restorer(session, values, photos_script.SHIPPED)
    random = np.random.RandomState(0).randint(0, 256, (opts.photo_height // 8, opts.photo_width // 8, 3))
    picture = images.resize(random.astype(np.uint8), opts.photo_height, opts.photo_width)
    tile = (64, 16) if opts.preset == "tiny" else (photos_script.tile_of(picture, None), 64)
    return lambda warm: tiles.restore_picture(restore, picture, *tile, workers=workers).mean()


def pixels(size, opts):
    """A photo of ``size`` thousand pixels restored in tiles."""
    _, restore = _restoring("ours", opts, 32, 32)
    side = int(round((1000 * size) ** 0.5))
    photo = np.random.RandomState(0).randint(0, 256, (side, side, 3)).astype(np.uint8)
    return lambda warm: tiles.restore_picture(restore, photo, *((32, 8) if opts.preset == "tiny" else (512, 64))).mean()


def pixels_around(size, opts):
    """What is done to a photo of ``size`` thousand pixels but for the network: read, cut into tiles, blended, written."""
    side = int(round((1000 * size) ** 0.5))
    path = os.path.join(tempfile.mkdtemp(), "photo.png")
    images.write_png(path, np.random.RandomState(0).randint(0, 64, (side, side, 3)).astype(np.uint8))

    def step(warm):
        restored = tiles.restore_picture(lambda values: values, images.read_rgb(path))
        images.write_png(path, restored)
        return restored.mean()

    return step


HELP = dict(
    printed=["ch10_deblurgan/code_10_03_deblur.py", "--help"], ours=["ch10_deblurgan/beyond/restore.py", "--help"]
)
COMPARISONS = [
    turns.Comparison("training", training, ("printed", "ours", "graph"), goal=1.5, limits=True, counted="graph"),
    turns.Comparison("memory", memory, goal=1.0, memory_goal=0.5, pairs=2),
    turns.Comparison("use", use, goal=1.5, same=1e-3),
    turns.Comparison("photo", photo, ("in-turn", "side-by-side"), goal=1.3, same=1e-4),
    turns.Comparison("start-up", worker.command, commands=HELP),
]
GROWTHS = [
    turns.Growth("thousand pixels of a photo", pixels, (30, 120, 480), (1, 4)),
    turns.Growth("thousand pixels, without the network", pixels_around, (3000, 12000, 50000), (1, 4)),
]


def main(argv=None):
    turns.main(__file__, __doc__, "ch10_deblurgan", VALUES, COMPARISONS, GROWTHS, argv)


if __name__ == "__main__":
    options.run(main)
