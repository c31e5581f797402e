"""Example 55: the listing and what lies beyond it, measured in turns in one process (a script, not collected by pytest).

Reads: the generated sample, or ``--data-dir``. Prints, for each pair, the median times and their ratio:

* loader: batches of listing 10-4 (whole pictures are decoded, and shuffled decoded), of ``beyond/faces.py`` (only the box is
  decoded, paths are shuffled), and of ``beyond/faces.py`` with the resized pictures kept in memory;
* iteration: n_d critic steps and a generator step of listing 10-6, with a summary written of each, against ``beyond/train.py``:
  its loader, its networks, summaries of every tenth iteration only.

Processor time stands beside the wall clock's, since it does not depend on what else the machine does.
Time on two idle cores: a minute with the default sizes.
"""

import argparse
import contextlib
import io
import resource
import tempfile
import time
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from ch10_attgan import code_10_04_dataset as mydataset
from ch10_attgan import code_10_06_train as listing
from ch10_attgan.beyond import train
from ch10_attgan.beyond.faces import Faces
from common import datasets, run


def clocks():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return np.array([time.time(), usage.ru_utime + usage.ru_stime])


def compare(title, ways, rounds):
    """Runs the ways in turns; prints medians and the ratio of the first to each other one."""
    times = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            begin = clocks()
            way()
            if number:  # the first round warms up
                times[name].append(clocks() - begin)
    first = np.median(next(iter(times.values())), axis=0)
    for name, values in times.items():
        wall, processor = np.median(values, axis=0)
        print(
            "%-10s %-22s wall %9.2f ms   processor %9.2f ms   ratio %.2f / %.2f"
            % (title, name, wall * 1e3, processor * 1e3, first[0] / wall, first[1] / processor)
        )


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="a folder in CelebA's layout (default: the generated sample)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--dim", type=int, default=16, help="width of the networks")
    parser.add_argument("--n-d", type=int, default=listing.n_d)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args(argv)
    run.start()
    folder = args.data_dir or datasets.sample("celeba")
    values = {row.name: row.value for row in train.VALUES + listing.VALUES}
    values.update(img_size=64, batch_size=args.batch_size, n_d=args.n_d)
    values.update({name: args.dim for name in ("enc_dim", "dec_dim", "dis_dim")})
    opts = SimpleNamespace(**values)
    with tempfile.TemporaryDirectory() as scratch, tf.Session(config=run.session_config(args.threads)) as session:
        with contextlib.redirect_stdout(io.StringIO()):  # what the listings print
            arguments = (folder, opts.att_default, opts.img_size, opts.batch_size)
            printed = mydataset.Celeba(*arguments, sess=session)
            plain = Faces(*arguments, sess=session)
            cached = Faces(*arguments, sess=session, cache=True)
            printed_net = listing.build(*printed.batch_op, *listing.networks(opts), opts)
            with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):  # the same weights for both
                our_net = train.build(opts, *cached.batch_op)
        session.run(tf.global_variables_initializer())
        ten = max(1, 160 // args.batch_size)

        def load(data):
            return lambda: [session.run(data.batch_op) for _ in range(ten)]

        print("loader: %d pictures a round" % (ten * args.batch_size))
        compare("loader", {"listing": load(printed), "box only": load(plain), "in memory": load(cached)}, args.rounds)
        writer = tf.summary.FileWriter(scratch)

        def listing_iteration():
            for _ in range(opts.n_d):
                text, _ = session.run([printed_net.d_summary, printed_net.d_step], {printed_net.lr: 1e-4})
            writer.add_summary(text, 0)
            text, _ = session.run([printed_net.g_summary, printed_net.g_step], {printed_net.lr: 1e-4})
            writer.add_summary(text, 0)

        def our_iteration():
            for _ in range(opts.n_d):
                session.run(our_net.d_step, {our_net.lr: 1e-4})
            session.run(our_net.g_step, {our_net.lr: 1e-4})

        compare("iteration", {"listing": listing_iteration, "beyond": our_iteration}, args.rounds)


if __name__ == "__main__":
    main()
