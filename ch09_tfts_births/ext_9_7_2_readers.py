"""Section 9.7.2: TFTS reads arrays, CSV files and TFRecords. The three readers, and what the trained model says through each.

The text also names the two inputs: random windows (for training) and the whole series (for evaluation). `repeatable_windows`
is the first with a seed that repeats a run.

Reads   the births, and the model that code_9_08_births.py left (same --preset or --output-dir).
Writes  output/tfts_births/<preset>/readers/: series.csv, series.tfrecord, readers.csv; a record.
Time    about 20 s.
Next: ext_9_7_7a_anomalies.py.
"""

import os

import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow.contrib.timeseries.python.timeseries.input_pipeline import TFExampleReader  # contrib does not export it

from ch09_tfts_births import code_9_08_births as listing
from common import estimators, options, records, run, text
from common.errors import UserError
from data import births

SHUFFLE_WINDOWS = 400  # windows that wait in the shuffling queue
VALUES = [options.Value("shown", 3, "rows shown of each reader", tiny=3, low=1, high=100)]
COLUMNS = ["reader", "values", "dtype of the values", "evaluation loss"]


def numpy_reader(times, values, folder):
    """Arrays in memory, as the listing has them."""
    return tf.contrib.timeseries.NumpyReader(
        {
            tf.contrib.timeseries.TrainEvalFeatures.TIMES: times,
            tf.contrib.timeseries.TrainEvalFeatures.VALUES: values,
        }
    )


def csv_reader(times, values, folder):
    """A file ``folder/series.csv``, a row ``time,value`` an observation, without a header."""
    path = text.write_csv(os.path.join(folder, "series.csv"), list(zip(times.tolist(), values.tolist())), digits=17)
    return tf.contrib.timeseries.CSVReader(path)


def tfrecord_reader(times, values, folder):
    """A file ``folder/series.tfrecord``, a ``tf.train.Example`` an observation."""
    path = os.path.join(folder, "series.tfrecord")
    with tf.python_io.TFRecordWriter(path) as writer:
        for time, value in zip(times, values):
            features = {
                "times": tf.train.Feature(int64_list=tf.train.Int64List(value=[time])),
                "values": tf.train.Feature(float_list=tf.train.FloatList(value=[value])),
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    shapes = {"times": tf.FixedLenFeature([], tf.int64), "values": tf.FixedLenFeature([1], tf.float32)}
    return TFExampleReader(path, features=shapes)


READERS = {"NumpyReader": numpy_reader, "CSVReader": csv_reader, "TFExampleReader": tfrecord_reader}


class _LessOne(int):
    """A number of batches whose product with the batch size is one window short of a full queue."""

    def __mul__(self, batch_size):
        return int(self) * int(batch_size) - 1


def repeatable_windows(reader, batch_size, window_size, seed):
    """``RandomWindowInputFn`` whose windows depend on ``seed`` only.

    As printed it fills its queue with two threads, and what the shuffling queue hands out depends on how full it happens to
    be, so that no seed repeats a run. Here one thread fills it, and a window is drawn only when it is full to the brim.
    """
    batches = max(2, SHUFFLE_WINDOWS // batch_size)
    return tf.contrib.timeseries.RandomWindowInputFn(
        reader,
        batch_size=batch_size,
        window_size=window_size,
        num_threads=1,
        shuffle_seed=seed,
        queue_capacity_multiplier=batches,
        shuffle_min_after_dequeue_multiplier=_LessOne(batches),
    )


def main(argv=None):
    """Evaluates the listing's model through each reader."""
    opts = options.parse_values(__file__, __doc__, VALUES, argv)
    made_by = "ch09_tfts_births/code_9_08_births.py"
    settings = options.load_values(opts.output_dir, listing.VALUES, made_by)
    model_dir = os.path.join(opts.output_dir, "mode")
    if estimators.newest_whole(model_dir) is None:
        raise UserError("no trained model in %s: run %s first" % (model_dir, made_by))
    run.start(opts.seed)
    csv_file_name = births.locate(opts)
    md1 = pd.DataFrame(births.read(csv_file_name), columns=list("AB"))
    record = records.Record(opts, opts.script, "section 9.7.2", births.describe(csv_file_name, md1))
    estimator = tf.contrib.timeseries.StructuralEnsembleRegressor(
        periodicities=settings.periodicities,
        num_features=listing.NUM_FEATURES,
        cycle_num_latent_values=settings.cycle_num_latent_values,
        model_dir=model_dir,
        config=tf.estimator.RunConfig(session_config=run.session_config(opts.threads)),
    )
    folder = os.path.join(opts.output_dir, "readers")
    os.makedirs(folder, exist_ok=True)
    values = np.array(md1["B"])
    rows = []
    for name, make in READERS.items():
        reader = make(np.arange(len(values)), values, folder)
        evaluation = estimator.evaluate(tf.contrib.timeseries.WholeDatasetInputFn(reader), steps=1)
        first = list(zip(evaluation["times"][0].tolist(), evaluation["observed"][0, :, 0].tolist()))[: opts.shown]
        print("%-16s loss %s; first rows %s" % (name, evaluation["loss"], first))
        count, kind = evaluation["observed"].shape[1], str(evaluation["observed"].dtype)
        rows.append([name, count, kind, float(evaluation["loss"])])
    path = text.write_csv(os.path.join(folder, "readers.csv"), [COLUMNS] + rows, digits=9)
    record.table("One model, read through three readers", COLUMNS, rows)
    record.file(path, "table", "Evaluation through each reader of section 9.7.2", "9.7.2 节三种读取方式的评估结果")
    record.save()


if __name__ == "__main__":
    options.run(main)
