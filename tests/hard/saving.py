"""Writes a record and weights again and again, until it is killed: ``saving.py FOLDER``."""

import itertools
import os
import sys

import numpy as np

from common import files, weights

if __name__ == "__main__":
    for number in itertools.count():
        values = {"w": np.full((300, 300), number % 1000, np.float32), "b": np.full(300, number % 1000, np.float32)}
        weights.save(os.path.join(sys.argv[1], "x.npz"), values, {"number": number}, half=False)
        files.write_json(os.path.join(sys.argv[1], "record-x.json"), dict(number=number, rows=[number] * 20000))
