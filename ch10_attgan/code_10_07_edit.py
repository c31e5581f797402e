"""Listing 10-7 (section 10.3.10): sliding one attribute of test faces with the AttGAN of listing 10-6.

The whole listing follows the author's published file; no page prints it.
Reads: the run of listing 10-6 in ``--output-dir`` and the test part of its data. Writes: below the run folder
``<experiment_name>/sample_testing_slide_<attribute>/<number>.png`` (original, gap, then the attribute from
``test_int_min`` to ``test_int_max``) and a record. Time: seconds; the full test part (19,962 faces) some hours on two cores.
Differs from the print: E89, E90, E91.
Beyond it: ``beyond/photos.py`` (own pictures, weights that ship); several attributes at once: ``ext_10_3_10_edit.py``.
Next: ``python ch10_attgan/ext_10_3_10_edit.py --preset tiny``.
"""

import os

import numpy as np
import tensorflow as tf

from ch10_attgan import code_10_04_dataset as mydataset
from ch10_attgan import code_10_06_train as trainattgan
from ch10_attgan.code_10_06_train import imwrite  # Erratum E91: the published 10-7 calls it and defines it nowhere.
from common import datasets, options, records, run
from common.errors import UserError
from common.options import Value
from data import celeba

data = mydataset

test_att = "Eyeglasses"
test_int_min = 0.7
test_int_max = 1.2
n_slide = 10
n_test = None  # as printed: all

VALUES = [
    Value("test_att", test_att, "the attribute that slides"),
    Value("test_int_min", test_int_min, "first strength (negative: off)", low=-100, high=100),
    Value("test_int_max", test_int_max, "last strength", low=-100, high=100),
    Value("n_slide", n_slide, "how many steps", low=1, high=1000),
    Value("n_test", n_test, "how many test faces; none: all", kind=int, low=1, tiny=4),
]


def restore(opts, sess):
    """Builds the generator of the run in ``opts.output_dir`` and fills it from the newest checkpoint.

    Returns:
      (settings, xa_sample, _b_sample, x_sample): the run's values, two placeholders, the edited pictures.

    Raises:
      UserError: no run there, or none of its checkpoints is whole.
    """
    settings = options.load_values(opts.output_dir, trainattgan.VALUES, "ch10_attgan/code_10_06_train.py")
    Genc, Gdec, _ = trainattgan.networks(settings)
    xa_sample = tf.placeholder(tf.float32, shape=[None, settings.img_size, settings.img_size, 3])
    _b_sample = tf.placeholder(tf.float32, shape=[None, len(settings.att_default)])
    x_sample = Gdec(Genc(xa_sample, is_training=False), _b_sample, is_training=False)
    ckpt_dir = os.path.join(opts.output_dir, trainattgan.experiment_name, "checkpoints")
    if run.restore_newest(tf.train.Saver(), sess, ckpt_dir) is None:
        raise UserError("%s holds no checkpoint: run ch10_attgan/code_10_06_train.py first" % ckpt_dir)
    return settings, xa_sample, _b_sample, x_sample


def slide(b_sample_ipt, test_att, test_int, att_default, thres_int):
    """Strengths ``[N, n_att]`` of faces with labels ``b_sample_ipt`` (0 and 1), attribute ``test_att`` at ``test_int``."""
    i = att_default.index(test_att)
    # Erratum E89: the published file sets the strength alone, whatever its sign and whatever contradicts it.
    b = np.array(b_sample_ipt, copy=True)
    b[..., i] = int(test_int > 0)
    b = data.Celeba.check_attribute_conflict(b, test_att, att_default)
    _b_sample_ipt = (b * 2 - 1) * thres_int
    _b_sample_ipt[..., i] = test_int
    return _b_sample_ipt


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv=argv)
    run.start(opts.seed)
    with tf.Session(config=run.session_config(opts.threads)) as sess:
        settings, xa_sample, _b_sample, x_sample = restore(opts, sess)
        att_default, img_size = settings.att_default, settings.img_size
        if opts.test_att not in att_default:
            raise UserError("the model does not know '%s'; it knows: %s" % (opts.test_att, " ".join(att_default)))
        folder = datasets.locate("celeba", opts, required=[celeba.ATTRIBUTE_FILE], trained=[opts.output_dir])
        te_data = data.Celeba(folder, att_default, img_size, 1, mode="test", sess=sess)
        save_dir = os.path.join(opts.output_dir, trainattgan.experiment_name, "sample_testing_slide_" + opts.test_att)
        record = records.Record(opts, opts.script, "listing 10-7", celeba.describe(folder, len(te_data)))
        for idx, (xa_sample_ipt, b_sample_ipt) in enumerate(te_data):
            if idx == opts.n_test:
                break
            x_sample_opt_list = [xa_sample_ipt, np.full((1, img_size, img_size // 10, 3), -1.0)]
            for test_int in np.linspace(opts.test_int_min, opts.test_int_max, opts.n_slide):
                _b_sample_ipt = slide(b_sample_ipt, opts.test_att, test_int, att_default, settings.thres_int)
                feed = {xa_sample: xa_sample_ipt, _b_sample: _b_sample_ipt}
                x_sample_opt_list.append(sess.run(x_sample, feed_dict=feed))
            sample = np.concatenate(x_sample_opt_list, 2)
            number = os.path.splitext(os.path.basename(te_data.img_paths[idx]))[0].lstrip("0")
            path = os.path.join(save_dir, "%s.png" % number)
            imwrite(sample.squeeze(0), path)  # Erratum E90: Pillow in place of scipy.misc.imsave.
            print("%s.png done!" % number)
            if idx == 0:
                record.file(
                    path,
                    "picture",
                    "%s from weak to strong" % opts.test_att,
                    "属性“%s”由弱到强" % celeba.CHINESE.get(opts.test_att, opts.test_att),
                )
    record.metric("edited faces", min(len(te_data), opts.n_test or len(te_data)))
    record.save()


if __name__ == "__main__":
    options.run(main)
