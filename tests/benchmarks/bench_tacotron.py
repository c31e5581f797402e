"""Example 53: seconds a training step, utterances a second and memory: the printed input path and graph, and ours.

    python tests/benchmarks/bench_tacotron.py --run-folder output/tacotron/cpu --batch-size 32 --steps 5

Printed: every utterance padded to the longest of the corpus, loaded by a ``tf.py_func`` one after the other, a shuffle buffer
of 1000 whole spectrograms, plain GRU cells. Ours: batches of like length padded to their own longest and loaded ahead, fused
GRU cells. Both train the same network with the printed losses on the utterances of one run folder (``code_9_09_preprocess.py``
makes it); each in a process of its own, step by step in turn, so that whatever else the machine does meets both alike.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import numpy as np


def printed_batches(metadata, batch, r=5):
    """The input path of listing 9-15, with the longest output as a number (Erratum E28)."""
    import tensorflow as tf

    from ch09_tacotron.code_9_15_dataset import read_metadata, text_to_sequence

    rows, folder = read_metadata(metadata), os.path.dirname(metadata)
    longest = -(-max(row[2] for row in rows) // r) * r
    texts = [text_to_sequence(row[3]) for row in rows]
    width = max(len(text) for text in texts)

    def load(index):
        spec, mel, frames, _ = rows[index]
        spec, mel = (np.load(os.path.join(folder, name), allow_pickle=False) for name in (spec, mel))
        pad = [(0, longest - frames), (0, 0)]
        stop = np.float32(np.arange(longest) >= frames)
        return np.pad(spec, pad, mode="constant"), np.pad(mel, pad, mode="constant"), stop

    def utterance(index, text, length):
        spec, mel, stop = tf.py_func(load, [index], [tf.float32] * 3)
        spec.set_shape([longest, 1025])
        mel.set_shape([longest, 80])
        stop.set_shape([longest])
        return text, length, spec, mel, stop, length

    padded = np.array([text + [0] * (width - len(text)) for text in texts], np.int32)
    lengths = np.array([len(text) for text in texts], np.int32)
    dataset = tf.data.Dataset.from_tensor_slices((np.arange(len(rows)), padded, lengths))
    return dataset.map(utterance).shuffle(1000, seed=0).repeat().batch(batch, drop_remainder=True).prefetch(1)


def work(way, metadata, batch, threads, pipe):
    """A process that makes one training step whenever it is told to."""
    import tensorflow as tf

    from ch09_tacotron import code_9_10_cbhg, code_9_15_dataset, code_9_16_tacotron
    from common import training

    training.start(0)
    if way == "printed":
        code_9_10_cbhg.gru_cell = code_9_16_tacotron.gru_cell = tf.nn.rnn_cell.GRUCell
        dataset = printed_batches(metadata, batch)
    else:
        dataset = code_9_15_dataset.mydataset(metadata, 5, batch)
    iterator = dataset.make_initializable_iterator()
    inputs, lengths, linear, mel, stop, *_ = iterator.get_next()
    step = tf.train.get_or_create_global_step()
    model = code_9_16_tacotron.Tacotron(inputs, lengths, 80, 5, 1025, linear, mel, stop, step=step)
    model.buildTrainModel(16000, 1025, step)
    with tf.Session(config=training.session_config(threads)) as session:
        session.run([tf.global_variables_initializer(), iterator.initializer])
        while pipe.recv():
            wall, cpu = time.time(), time.process_time()
            _, loss, frames = session.run([model.train_op, model.loss, tf.shape(mel)[1]])
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
    for way in ("printed", "ours"):
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
                "%-8s step %d: %7.2f s, %7.2f s of CPU, %d frames, loss %.4f"
                % (way, number + 1, wall, cpu, frames, loss)
            )
    medians = {}
    for way, rows in results.items():
        medians[way] = [float(np.median([row[i] for row in rows])) for i in (0, 1)]
        print(
            "%-8s %.2f s/step, %.2f utterances/s, %.2f s of CPU a step, %.1f GiB at most"
            % (way, medians[way][0], args.batch_size / medians[way][0], medians[way][1], max(row[4] for row in rows))
        )
    print("printed / ours: %.2f in time, %.2f in CPU time" % tuple(np.divide(medians["printed"], medians["ours"])))
    for process, pipe in workers.values():
        pipe.send(False)
        process.join()


if __name__ == "__main__":
    main()
