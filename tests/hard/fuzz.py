"""Coverage-guided fuzzing of parsers that need no TensorFlow, by atheris (2.3.0 is the last for Python 3.7; not in our locks).

    python -m venv /tmp/fuzz && /tmp/fuzz/bin/pip install atheris==2.3.0 numpy==1.16.6 pandas==0.25.3 cn2an==0.5.24 \\
        opencc-python-reimplemented==0.1.7 tqdm
    PYTHONPATH=. /tmp/fuzz/bin/python tests/hard/fuzz.py series -max_total_time=60 -timeout=20

The first argument is a target below; the others are libFuzzer's. A crash is an exception other than UserError, an answer that
is not what the parser says, or more time than ``-timeout``. docs/security.md says what was run and found.
"""

import argparse
import io
import os
import sys
import tempfile

import atheris

with atheris.instrument_imports(include=["common", "data", "ch09_tacotron", "ch09_tfts_births"]):
    from ch09_tacotron.beyond import written_text
    from ch09_tfts_births.beyond import series
    from common import arrays
    from common.errors import UserError
    from data import reuters

import numpy as np

PATH = os.path.join(tempfile.gettempdir(), "companion-fuzz-%d" % os.getpid())
OPTS = argparse.Namespace(
    **dict.fromkeys(["value_column", "step", "fill", "date_format", "decimal", "first"]), date_column="1"
)


def written(content: bytes) -> str:
    with open(PATH, "wb") as stream:
        stream.write(content)
    return PATH


def fuzz_series(content):
    found = series.read_series(written(content), OPTS)
    assert len(found.times) == len(found.values) and np.isfinite(found.values).all()


def fuzz_array(content):
    assert not arrays.read_npy(written(content)).dtype.hasobject


def fuzz_archive(content):
    arrays.read_npz(written(content), limit=1 << 24)


def fuzz_newswires(content):
    for row in reuters._read_object_array(io.BytesIO(content), "x.npz", "x"):
        assert all(type(number) is int for number in row)


def fuzz_spoken(content):
    spoken = written_text.as_spoken(content.decode("utf-8", "ignore")[:200])
    spoken = written_text.re.sub(written_text.PINYIN, "", spoken)  # what is typed, and capitals, stay
    assert not any(letter.isascii() and (letter.isdigit() or letter.islower()) for letter in spoken)


TARGETS = {name[len("fuzz_") :]: value for name, value in list(globals().items()) if name.startswith("fuzz_")}


def main():
    target = TARGETS[sys.argv.pop(1)]

    def one(content):
        try:
            target(content)
        except UserError:
            pass

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
