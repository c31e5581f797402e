"""AttGAN at sizes that learn on two cores: the losses and steps of listing 10-6 under a loop for long, interrupted runs.

The printed mathematics with smaller networks and faster convolutions (``fast.py``); besides: mirrored pictures, pictures kept
in memory, stages (a run may be resumed with other rates, weights and critic steps), batch norm with its running means
(``--freeze-bn``, for the end of a run with small batches), the paper's order of layers (``--norm-first``), a critic that looks
through grain (``--critic-noise``, ``--critic-shift``, ``--critic-soft``), single changes as they are asked for in use
(``--single-edits``), which are to be smooth (``--weight-tv``), little (``--weight-change``), in their place (``--regions``), seen
by a classifier that is hard to fool (``--guide``), like real faces of the wanted attributes (``--weight-match``), and like
examples: a pair of glasses laid on (``--glasses``), mouths of other faces (``--weight-mouths``).

Reads: CelebA or generated faces (``python data/sample_celeba.py FOLDER``). Writes below the run folder: ``checkpoints/`` (the
last two), ``sample_training/*.png`` (with captions), ``summaries/`` (with the sheets), ``log.csv``, a record.
Time on two cores: tiny 20 s; faces under an hour.
Next: ``python ch10_attgan/beyond/evaluate.py``.
"""

import csv
import os
import shutil
import time
from functools import partial

import numpy as np
import tensorflow as tf

from ch10_attgan import code_10_06_train as trainattgan
from ch10_attgan.beyond import fast, glasses, guide, matching, mouths, networks, sheets, trained
from ch10_attgan.beyond.faces import Faces, add_data_options, data_arguments
from ch10_attgan.code_10_05_models import MAX_DIM
from common import cluster, datasets, files, images, options, run, same_data, weights
from common.errors import UserError
from common.options import Value
from data import celeba

# Of the critic: the only layers whose sizes hang on that of the pictures.
FIRST_DENSE = ("D/fully_connected/weights", "D/fully_connected_2/weights")
PRINTED = {row.name: row for row in trainattgan.VALUES}


def again(name, value, fixed=False, more=False, **presets):
    """The listing's row ``name`` with another value."""
    row = PRINTED[name]
    limits = dict(low=row.low, high=row.high, choices=row.choices)
    return Value(name, value, row.help, more=more, fixed=fixed, **limits, **dict(row.presets, **presets))


# A run may only be resumed with the values that shape its variables and its meaning: the ``fixed`` ones.
VALUES = [
    again("att_default", trainattgan.att_default, fixed=True),
    again("img_size", 64, fixed=True),
    again("epoch", 14),
    again("batch_size", 8),
    again("lr_base", 0.0004),
    Value("lr_decay_epoch", 9, "the learning rate falls to a tenth after so many epochs", tiny=100, low=1, fixed=False),
    again("n_d", 1),
    again("thres_int", 0.5, fixed=True),
    again("test_int", 1.0),
    again("b_distribution", "none"),
    again("mode", "wgan", fixed=True),
    Value("weight_rec", 100.0, "weight of the reconstruction", low=0, fixed=False),
    Value("weight_att", 10.0, "weight of the generator's attribute loss", low=0, fixed=False),
    Value("weight_gp", 10.0, "weight of the gradient penalty", low=0, fixed=False),
    Value("weight_tv", 0.0, "weight of the total variation of what an edit changes", low=0, fixed=False),
    Value("weight_change", 0.0, "weight of the size (L1) of what an edit changes", low=0, fixed=False),
    Value(
        "guide",
        [],
        "files of guide.py: classifiers that must see what an edit changes, and it alone",
        kind=str,
        fixed=False,
    ),
    Value("weight_guide", 25.0, "weight of their loss of the attributes that an edit switches", low=0, fixed=False),
    Value("weight_guide_rest", 50.0, "weight of their loss of the others", low=0, fixed=False),
    Value("weight_match", 0.0, "weight of a critic that knows what was asked for (matching.py)", low=0, fixed=False),
    Value("match_rate", 0.0003, "its learning rate", low=0, fixed=False),
    Value("glasses", None, "file of glasses.py: a pair that edits of glasses are taught", kind=str, fixed=False),
    Value("weight_glasses", 100.0, "weight of their difference (L1) from what is taught", low=0, fixed=False),
    Value(
        "weight_mouths", 0.0, "weight of the same for mouths, taught by other faces' (mouths.py)", low=0, fixed=False
    ),
    Value("flips", False, "mirror half of the training pictures", fixed=False),
    Value("cache", True, "keep the resized pictures in memory", tiny=False, fixed=False),
    Value("critic_noise", 0.0, "standard deviation of the noise on what the critic sees (-1...1)", low=0, fixed=False),
    Value("critic_soft", False, "the critic sees no pattern that alternates from pixel to pixel", fixed=False),
    Value("critic_shift", 0, "pixels by which what the critic sees is moved at random", low=0, high=64, fixed=False),
    Value(
        "single_edits",
        0.0,
        "share of pictures asked for one change, not for another's labels",
        low=0,
        high=1,
        fixed=False,
    ),
    Value("often", [], "attributes that single edits ask for three times as often", kind=str, fixed=False),
    Value("critic_heads", "both", "which heads see that noise and shift", choices=("both", "attributes"), fixed=False),
    Value(
        "put_back", False, "the critic sees what an edit changes added to the picture, as a photo gets it", fixed=False
    ),
    Value("freeze_bn", False, "batch norm with its running means instead of each batch's", fixed=False),
    Value("max_it", None, "stop after this iteration; none: run all epochs", kind=int, low=1, fixed=False),
    again("enc_dim", 16, fixed=True, more=True),
    again("dec_dim", 16, fixed=True, more=True),
    again("dis_dim", 16, fixed=True, more=True),
    again("dis_fc_dim", 256, fixed=True, more=True),
    again("enc_layers", 4, fixed=True, more=True),
    again("dec_layers", 4, fixed=True, more=True),
    again("dis_layers", 4, fixed=True, more=True),
    again("shortcut_layers", 1, fixed=True, more=True),
    again("inject_layers", 1, fixed=True, more=True),
    again("n_sample", 16, more=True),
    again("save_every", 500, more=True),
    again("sample_every", 500, more=True),
] + networks.ROWS


def check_options(opts):
    """UserError for values that cannot work, and for those that would be ignored."""
    unknown = [name for name in opts.often if name not in opts.att_default]
    if unknown:
        raise UserError("--often %s: not among the attributes of the training" % ", ".join(unknown))
    if opts.glasses and glasses.NAME not in opts.att_default:
        raise UserError("--glasses: %s is not among the attributes of the training" % glasses.NAME)
    if opts.weight_mouths:
        mouths.check(opts.att_default)
    if opts.weight_match and opts.img_size % 16:
        raise UserError("--weight-match wants an --img-size that is a multiple of 16, not %d" % opts.img_size)
    if opts.critic_shift >= opts.img_size:  # as many pixels are mirrored at each side
        raise UserError("--critic-shift %d: pictures of %d pixels allow less" % (opts.critic_shift, opts.img_size))
    dims = opts.critic_noise or opts.critic_shift or opts.critic_soft
    needs = [
        (opts.often, opts.single_edits, "--often", "--single-edits"),
        ("weight_guide" in opts.explicit, opts.guide, "--weight-guide", "--guide"),
        ("weight_guide_rest" in opts.explicit, opts.guide, "--weight-guide-rest", "--guide"),
        (opts.regions, opts.put_back, "--regions", "--put-back"),
        (opts.hair, opts.regions, "--hair", "--regions"),
        ("weight_glasses" in opts.explicit, opts.glasses, "--weight-glasses", "--glasses"),
        ("match_rate" in opts.explicit, opts.weight_match, "--match-rate", "--weight-match"),
        (opts.critic_heads != "both", dims, "--critic-heads", "--critic-noise, --critic-shift or --critic-soft"),
    ]
    for given, used, name, other in needs:
        if given and not used:
            raise UserError("%s does nothing without %s" % (name, other))


def sample_faces(opts, folder, session):
    """Pictures and labels of the third validation batch (or the last there is) for the sample sheets."""
    arguments = dict(shuffle=False, repeat=1, sess=session, mode="val", **data_arguments(opts))
    first = 2 * opts.n_sample
    faces = Faces(folder, opts.att_default, opts.img_size, 1, **arguments)
    first = max(0, min(first, len(faces) - opts.n_sample))
    faces = Faces(folder, opts.att_default, opts.img_size, 1, part=(first, first + opts.n_sample), **arguments)
    return [np.concatenate(values) for values in zip(*faces)]


def share_of_faces(opts, folder, session, peers):
    """(first, last) of the training pictures that this worker reads: all, or an equal part."""
    if peers.count == 1:
        return None, None
    count = len(Faces(folder, opts.att_default, opts.img_size, 1, sess=session, **data_arguments(opts))) // peers.count
    return count * peers.task, count * (peers.task + 1)


def add_options(parser):
    add_data_options(parser)
    cluster.add_options(parser)
    parser.add_argument(
        "--start-from",
        metavar="RUN",
        help="a run folder whose networks a new run starts with, or exported weights ('real', 'shipped', a file), which "
        "lack the critic's guess of what is real: it starts anew; some attributes may be dropped",
    )


def values_of_run(path):
    """(values by name, its attributes, the checkpoint) of the newest checkpoint of the run in ``path``."""
    old = trained.checked(options.load_settings(path, "ch10_attgan/beyond/train.py"), path).att_default
    found = run.checkpoints(trained.run_folder(path))
    if not found:
        raise UserError("%s holds no checkpoint" % path)
    try:
        reader = tf.train.load_checkpoint(found[0])
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}, old, found[0]
    except tf.errors.OpError as error:
        raise UserError("checkpoint %s cannot be read (%s)" % (found[0], error.message.splitlines()[0]))


def values_of_export(name):
    """(values by name, its attributes, the file) of exported weights: a generator and its attribute head."""
    path = trained.BY_NAME.get(name, name)
    values, saved = weights.load(path, "generator")
    values.update(weights.load(trained.head_path(path), "attribute head")[0])
    return values, trained.checked(saved, path).att_default, path


def load_start(session, start, opts):
    """Fills the networks from a run folder or from exported weights; returns the file. Adam starts anew.

    Pictures may have another size than there. Exported weights hold no real/fake head; that of the critic then keeps its first
    values.
    """
    exported = start in trained.BY_NAME or start.endswith(".npz")
    values, old, source = values_of_export(start) if exported else values_of_run(start)
    maps, found = min(opts.dis_dim * 2 ** (opts.dis_layers - 1), MAX_DIM), []
    for variable in networks.variables(("Genc", "Gdec", "D")):
        name, shape = variable.op.name, variable.shape.as_list()
        if exported and name.startswith("D/") and not name.startswith(trained.HEAD_LAYERS):
            continue
        if name not in values:
            raise UserError("%s knows no %s: its networks are others" % (source, name))
        value = networks.for_side(values[name], shape[0], maps) if name in FIRST_DENSE else values[name]
        found.append((variable, networks.for_attributes(value, shape, old, opts.att_default)))
    weights.assign(session, found)
    return source


def with_examples(opts):
    """The attributes whose edits have examples: a guide, which is content with a caricature, does not ask for these."""
    return (glasses.NAME,) * bool(opts.glasses) + tuple(mouths.PLACES) * bool(opts.weight_mouths)


def build(opts, xa, a, examples=None):
    """(losses and steps of listing 10-6 with the parts of ``opts``, terms of the matching critic by name).

    ``examples``: ``mouths.Examples``, from which edits of mouths are taught.
    """
    Genc, Gdec, D = networks.networks(opts, layers=fast)
    if opts.freeze_bn:
        Genc, Gdec = partial(Genc, is_training=False), partial(Gdec, is_training=False)
    D = networks.dimmed(D, opts.critic_noise, opts.critic_shift, opts.critic_heads, opts.critic_soft)
    factors = dict(trainattgan.WEIGHTS, gp=opts.weight_gp, att=opts.weight_att, rec=opts.weight_rec)
    parts = {}
    if opts.single_edits or opts.guide or opts.regions or opts.weight_match:
        parts.update(b=networks.wanted(a, opts.att_default, opts.single_edits, opts.often))
    if opts.put_back or opts.weight_tv or opts.weight_change or opts.guide or opts.weight_match:
        shown = networks.in_photo if opts.put_back else networks.as_it_is
        if opts.hair:
            shown = partial(networks.in_photo, kept=networks.hair_kept(a, parts["b"], opts.att_default, xa))
        elif opts.regions:
            where = networks.changed_places(a, parts["b"], opts.att_default, opts.img_size)
            shown = partial(networks.in_photo, kept=lambda change: where * change)
        parts.update(shown=networks.smooth(shown, opts.weight_tv) if opts.weight_tv else shown)
    if opts.weight_change:
        parts.update(shown=networks.small(parts["shown"], opts.weight_change))
    if opts.guide:
        guides = [guide.load(path, opts.att_default) for path in opts.guide]
        switched = opts.weight_guide * np.float32([name not in with_examples(opts) for name in opts.att_default])
        loss = guide.edit_loss(guides, a, parts["b"], switched, opts.weight_guide_rest)
        parts.update(shown=networks.guided(parts["shown"], loss))
    place = partial(networks.changed_places, names=opts.att_default, side=opts.img_size) if opts.regions else None
    if opts.glasses:
        left = glasses.load(opts.glasses, opts.img_size)
        loss = glasses.example_loss(xa, a, Genc, Gdec, left, opts.att_default, opts.thres_int, place)
        parts.update(shown=networks.taught(parts.get("shown", networks.as_it_is), opts.weight_glasses * loss))
    if examples:
        loss = mouths.example_loss(xa, a, Genc, Gdec, examples, opts.thres_int, place)
        parts.update(shown=networks.taught(parts.get("shown", networks.as_it_is), opts.weight_mouths * loss))
    if not opts.weight_match:
        return trainattgan.build(xa, a, Genc, Gdec, D, opts, factors, **parts), {}
    match = matching.Matching(a, parts["b"], opts.weight_match)
    parts.update(shown=networks.guided(parts["shown"], match.edit_loss))
    net = trainattgan.build(xa, a, Genc, Gdec, D, opts, factors, **parts)
    step, match_terms = match.step(xa, opts.match_rate)
    net.d_step = tf.group(net.d_step, step)
    return net, match_terms


def clock_file(folder):
    """Where the seconds of all parts of a run are kept."""
    return os.path.join(folder, "seconds.json")


def seconds_so_far(folder):
    """Seconds that earlier parts of the run took; 0 where they are not known."""
    if not os.path.exists(clock_file(folder)):
        return 0.0
    seconds = files.read_json(clock_file(folder)).get("seconds")
    return float(seconds) if isinstance(seconds, (int, float)) and np.isfinite(seconds) else 0.0


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv, add=add_options, base="faces")
    check_options(opts)
    peers = cluster.join(opts)
    began = time.time()
    with peers.run(opts) as this, peers.session(opts.threads) as sess:
        folder = datasets.locate("celeba", opts, required=[opts.attribute_file])
        xa_sample_ipt, a_sample_ipt = sample_faces(opts, folder, sess)
        b_sample_ipt_list = trainattgan.flipped_labels(a_sample_ipt, opts.att_default)
        extras = dict(flips=opts.flips, cache=opts.cache, sess=sess, **data_arguments(opts))
        part = share_of_faces(opts, folder, sess, peers)
        tr_data = Faces(folder, opts.att_default, opts.img_size, opts.batch_size, part=part, **extras)
        same_data.check(this.folder, bool(run.checkpoints(this.checkpoint_dir)), {"faces": tr_data.fingerprint()})
        examples = mouths.Examples.read(folder, opts, sess) if opts.weight_mouths else None
        net, match_terms = build(opts, *tr_data.batch_op, examples=examples)
        peers.through_mean(net.d_step)
        peers.through_mean(net.g_step)
        terms = dict(
            d_loss=net.d_loss,
            d_loss_gan=net.d_loss_gan,
            gp=net.gp,
            xa_loss_att=net.xa_loss_att,
            g_loss=net.g_loss,
            xb__loss_gan=net.xb__loss_gan,
            xb__loss_att=net.xb__loss_att,
            xa__loss_rec=net.xa__loss_rec,
        )
        d_terms = {name: terms[name] for name in ("d_loss", "d_loss_gan", "gp", "xa_loss_att")}
        g_terms = {name: value for name, value in terms.items() if name not in d_terms}
        d_terms.update(match_terms)
        sheet_pixels = tf.placeholder(tf.uint8, [None, None, 3])
        sheet_summary = tf.summary.image("sample_sheet", sheet_pixels[None])
        saver = tf.train.Saver(max_to_keep=2)
        size_of_weights = tf.global_norm(tf.trainable_variables())
        sess.run(tf.global_variables_initializer())
        first_it = this.restore(saver, sess)
        if opts.start_from and not first_it:
            print("the networks start from %s" % load_start(sess, opts.start_from, opts))
        elif opts.start_from:
            print("the training goes on: --start-from is of its beginning")
        first_it = peers.share(sess, first_it)
        seconds_before = seconds_so_far(this.folder) if first_it else 0.0

        it_per_epoch = len(tr_data) // (opts.batch_size * (opts.n_d + 1))
        if it_per_epoch == 0:
            text = "%d training pictures are less than one iteration takes, batch_size * (n_d + 1) = %d"
            raise UserError(text % (len(tr_data), opts.batch_size * (opts.n_d + 1)))
        max_it = min(opts.epoch * it_per_epoch, opts.max_it or opts.epoch * it_per_epoch)
        line = "%d pictures, %d iterations an epoch, %d in all; this is iteration %d"
        print(line % (len(tr_data), it_per_epoch, max_it, first_it))
        record = this.record("beyond listing 10-6", celeba.describe(folder, len(tr_data)))
        if first_it >= max_it and os.path.exists(record.path):
            print("all %d iterations were made before: %s stays as it is" % (max_it, record.path))
            return 0
        options.write_json(
            os.path.join(this.folder, options.SETTINGS_FILE),
            dict(options.run_settings(opts), data=celeba.describe(folder, len(tr_data))),
        )
        own_pair = os.path.join(this.folder, glasses.FILE)  # for whoever uses this run
        if opts.glasses and os.path.realpath(opts.glasses) != os.path.realpath(own_pair):
            shutil.copyfile(opts.glasses, own_pair)
        writer = tf.summary.FileWriter(os.path.join(this.folder, "summaries"), sess.graph)

        def save(it):
            this.check(it, size_of_the_weights=sess.run(size_of_weights))  # losses are looked at now and then only
            files.write_json(clock_file(this.folder), dict(seconds=seconds_before + time.time() - began))
            return this.save(saver, sess, it)

        def draw(it):
            edited = []
            for i, b in enumerate(b_sample_ipt_list):
                _b = sheets.strengths(b, opts.thres_int, i - 1 if i else None, (opts.test_int,) * 2)
                edited.append(sess.run(net.x_sample, {net.xa_sample: xa_sample_ipt, net._b_sample: _b}))
            sheet = sheets.sheet(xa_sample_ipt, edited, ["rebuilt"] + opts.att_default, opts.img_size)
            writer.add_summary(sess.run(sheet_summary, {sheet_pixels: sheet}), it)
            return images.write_png(os.path.join(this.folder, "sample_training", "it_%06d.png" % it), sheet)

        d_values, g_values, it = {}, {}, first_it
        log_path = os.path.join(this.folder, "log.csv")
        run.keep_rows_until(log_path, first_it)
        with open(log_path, "a" if first_it else "w", encoding="utf-8", newline="") as log_file:
            log = csv.writer(log_file)
            for number in this.steps(first_it, max_it, unit="it"):
                epoch = number // it_per_epoch
                lr_ipt = opts.lr_base / 10 ** (epoch // opts.lr_decay_epoch)
                feed = {net.lr: lr_ipt}
                wanted = (
                    number % 10 == 9 or number + 1 == max_it or number == first_it
                )  # losses need not always be fetched
                with celeba.naming_broken_pictures(tr_data.img_paths):
                    for _ in range(opts.n_d - 1):
                        sess.run(net.d_step, feed)
                    if wanted:
                        _, d_values, d_summary = sess.run([net.d_step, d_terms, net.d_summary], feed)
                        _, g_values, g_summary = sess.run([net.g_step, g_terms, net.g_summary], feed)
                    else:
                        sess.run(net.d_step, feed)
                        sess.run(net.g_step, feed)
                it = number + 1
                if wanted:
                    this.check(it, d_loss=d_values["d_loss"], g_loss=g_values["g_loss"])
                    writer.add_summary(d_summary, it)
                    writer.add_summary(g_summary, it)
                    if log_file.tell() == 0:
                        log.writerow(["it"] + sorted(d_values) + sorted(g_values) + ["lr"])
                    values = [d_values[name] for name in sorted(d_values)] + [g_values[n] for n in sorted(g_values)]
                    log.writerow([it] + ["%.5g" % value for value in values + [lr_ipt]])
                if it % opts.save_every == 0:
                    log_file.flush()
                    save(it)
                if it % opts.sample_every == 0:
                    draw(it)
        checkpoint, sheet_path = save(it), draw(it)
        writer.close()
        print("iteration %d of %d, checkpoint %s" % (it, max_it, checkpoint))
        print("sheet: %s" % sheet_path)
        record.metric("iterations", it)
        record.metric("training time", round(seconds_before + time.time() - began), "s", note="all parts of the run")
        for name, value in sorted(dict(d_values, **g_values).items()):
            record.metric(name, float(value))
        caption = "Sample sheet after %d iterations: original, rebuilt, then each attribute flipped" % it
        record.file(sheet_path, "picture", caption, "第 %d 次迭代的样本图：原图、重建图，随后每列翻转一个属性" % it)
        record.save()


if __name__ == "__main__":
    options.run(main)
