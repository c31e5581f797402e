"""NumPy files from outside: nothing executed, nothing believed that a header merely claims."""

import io
import struct
import tokenize
import warnings
import zipfile
import zlib
from typing import Dict, Optional, Sequence

import numpy as np

from common import files
from common.errors import UserError

LARGEST = 1 << 30  # bytes of one array; listing 9-9's longest recording has 4 million, the shipped weights less
DAMAGED = (  # what zipfile, NumPy and pickle raise for files that are none
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,  # NumPy reads a header of Python 2 by Python's tokenizer
    OSError,
    ValueError,
    EOFError,
    KeyError,
    TypeError,
    SyntaxError,
    OverflowError,
    MemoryError,
    RecursionError,
    NotImplementedError,
    RuntimeError,  # zipfile: an encrypted entry
)


def _why(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:120] or type(error).__name__


def _read(stream: io.BytesIO, size: int, where: str, limit: int) -> np.ndarray:
    """An array from the npy file in ``stream``; its header must describe just the ``size`` bytes that are there."""
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError("npy version %d.%d" % version)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy only warns of some broken headers
        try:
            shape, _, dtype = header(stream)
        except Warning as warning:
            raise ValueError(str(warning))
    if dtype.hasobject:
        raise UserError("%s holds Python objects, which could run code when read: refused" % where)
    expected = dtype.itemsize
    for length in shape:
        if not isinstance(length, int) or isinstance(length, bool) or length < 0:
            raise ValueError("shape %s" % (shape,))
        expected *= length
    if expected > limit:
        raise UserError("%s claims %d bytes; at most %d are read" % (where, expected, limit))
    if expected != size - stream.tell():
        raise ValueError("%d bytes where its header says %d" % (size - stream.tell(), expected))
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def read_npy(path: str, what: str = "array", shape: Optional[Sequence] = None, limit: int = LARGEST) -> np.ndarray:
    """The array of an .npy file.

    Args:
      shape: what the shape must be; None stands for any length of an axis.

    Raises:
      UserError: missing, damaged, truncated, with Python objects in it, too large, not numbers, or of another shape.
    """
    content = files.read_bytes(path, what, limit + 65536)
    where = "%s %s" % (what, path)
    try:
        array = _read(io.BytesIO(content), len(content), where, limit)
    except DAMAGED as error:
        raise UserError("%s is damaged (%s)" % (where, _why(error)))
    if shape is not None:
        fits = len(shape) == array.ndim and all(n in (None, m) for n, m in zip(shape, array.shape))
        if not fits or array.dtype.kind not in "fiub":
            wanted = " × ".join("n" if n is None else str(n) for n in shape)
            raise UserError(
                "%s holds %s values of shape %s, not numbers %s" % (where, array.dtype, array.shape, wanted)
            )
    return array


def read_npz(path: str, what: str = "arrays", limit: int = LARGEST, names: Sequence[str] = ()) -> Dict[str, np.ndarray]:
    """All arrays of an .npz file by name.

    Args:
      limit: bytes of all arrays together, unpacked.
      names: arrays that must be there.

    Raises:
      UserError: missing, damaged, encrypted, a bomb, with Python objects in it, or lacking one of ``names``.
    """
    files.regular_file(path, what, limit)
    where = "%s %s" % (what, path)
    arrays, left = {}, limit
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if not entry.filename.endswith(".npy"):
                    raise ValueError("it holds %r, which is no array" % entry.filename[:60])
                with archive.open(entry) as packed:
                    content = packed.read(left + 1)  # what is really there, whatever the entry claims
                if len(content) > left:
                    raise UserError("%s unpacks to more than %d bytes; no more are read" % (where, limit))
                left -= len(content)
                name = entry.filename[: -len(".npy")]
                arrays[name] = _read(io.BytesIO(content), len(content), "%s, array %s," % (where, name[:60]), limit)
    except UserError:
        raise
    except DAMAGED as error:
        raise UserError("%s is damaged, or no .npz file (%s)" % (where, _why(error)))
    for name in names:
        if name not in arrays:
            raise UserError("%s has no array %s" % (where, name))
    return arrays
