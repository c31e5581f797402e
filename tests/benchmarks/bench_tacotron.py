"""Example 53: seconds a training step, utterances a second and memory: the listing itself, and what lies beyond it.

    python tests/benchmarks/bench_tacotron.py --run-folder output/tacotron/cpu --batch-size 32 --steps 5

Listing: 9-15's batches (every utterance padded to the longest of the corpus, loaded one after the other, a shuffle buffer of
1000 whole spectrograms) and 9-16's training step. Beyond: batches of like length padded to their own longest and loaded ahead
(``beyond/utterances.py``), for the same network and losses; and ``beyond/train_few.py``'s own step. All on the utterances of one
run folder (``beyond/prepare.py`` makes it); each in a process of its own, step by step in turn, so that whatever else the
machine does meets all alike.
"""

import argparse
import multiprocessing
import os
import resource
import time

import numpy as np

WAYS = ("listing", "batches", "train_few")


def training_step(way, metadata, batch):
    """(fetches of a step: [operation, loss, frames of the batch]; the iterator to initialise, or None)."""
    import tensorflow as tf

    from ch09_tacotron import code_9_15_dataset, code_9_16_tacotron
    from ch09_tacotron.beyond import alignment, train_few, utterances
    from common import options

    step = tf.train.get_or_create_global_step()
    words = ["--batch-size", str(batch), "--splice", "0"]
    if way == "listing":
        tensors, iterator = code_9_15_dataset.mydataset(metadata, 5, batch), None
        shapes = ([None, None], [None], [None, None, 1025], [None, None, 80], [None, None])
        for tensor, shape in zip(tensors, shapes):
            tensor.set_shape(shape)  # which listing 9-17 does by its placeholders
    else:
        if way == "batches":
            words += ["--end-symbol", "false", "--tail-steps", "0"]
        opts = options.parse_values(train_few.__file__, None, train_few.VALUES, words, base="cpu")
        rows = utterances.read_metadata(metadata)
        spans = alignment.read_spans(os.path.join(os.path.dirname(metadata), alignment.SPANS_FILE), rows)
        iterator = utterances.batches(metadata, opts, 0, spans).make_initializable_iterator()
        tensors = iterator.get_next()
    frames = tf.shape(tensors[3])[1]
    if way == "train_few":
        model = train_few.build(opts, tensors, step)
        return [model.optimize, model.loss, frames], iterator
    inputs, lengths, linear, mel, stop = tensors[:5]
    with tf.variable_scope("model"):
        model = code_9_16_tacotron.Tacotron(inputs, lengths, 80, 5, 1025, linear, mel, stop)
        model.buildTrainModel(16000, 1025, step)
    return [model.optimize, model.loss, frames], iterator


def work(way, metadata, batch, threads, pipe):
    """A process that makes one training step whenever it is told to."""
    import tensorflow as tf

    from common import run

    run.start(0)
    fetches, iterator = training_step(way, metadata, batch)
    with tf.Session(config=run.session_config(threads)) as session:
        session.run(tf.global_variables_initializer())
        if iterator is not None:
            session.run(iterator.initializer)
        while pipe.recv():
            wall, cpu = time.time(), time.process_time()
            _, loss, frames = session.run(fetches)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            pipe.send((time.time() - wall, time.process_time() - cpu, int(frames), float(loss), peak))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run-folder", required=True, help="folder with training/train.txt")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    metadata = os.path.join(os.path.abspath(args.run_folder), "training", "train.txt")
    context = multiprocessing.get_context("spawn")
    workers = {}
    for way in WAYS:
        here, there = context.Pipe()
        process = context.Process(target=work, args=(way, metadata, args.batch_size, args.threads, there), daemon=True)
        process.start()
        workers[way] = (process, here)

    def step(way):
        workers[way][1].send(True)
        return workers[way][1].recv()

    for way in workers:
        step(way)  # the first step also plans the graph
    results = {way: [] for way in workers}
    for number in range(args.steps):
        for way in workers:
            results[way].append(step(way))
            wall, cpu, frames, loss, _ = results[way][-1]
            print(
                "%-9s step %d: %7.2f s, %7.2f s of CPU, %d frames, loss %.4f"
                % (way, number + 1, wall, cpu, frames, loss)
            )
    medians = {}
    for way, rows in results.items():
        medians[way] = [float(np.median([row[i] for row in rows])) for i in (0, 1)]
        print(
            "%-9s %.2f s/step, %.2f utterances/s, %.2f s of CPU a step, %.1f GiB at most"
            % (way, medians[way][0], args.batch_size / medians[way][0], medians[way][1], max(row[4] for row in rows))
        )
    for way in WAYS[1:]:
        ratio = np.divide(medians["listing"], medians[way])
        print("listing / %s: %.2f in time, %.2f in CPU time" % (way, ratio[0], ratio[1]))
    for process, pipe in workers.values():
        pipe.send(False)
        process.join()


if __name__ == "__main__":
    main()
