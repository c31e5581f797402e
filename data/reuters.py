"""The Reuters newswires of Keras, loaded safely (listing 9-7, section 9.6.1), and texts as word ids.

``tf.keras.datasets.reuters`` of TF 1.13 cannot read its own file on NumPy 1.16.3 and later, because ``x`` is an array of Python
lists and therefore pickled. Turning ``allow_pickle`` on would let a file run any code; here the pickle is read with
stand-ins for the three NumPy names that such an array needs, and everything else is refused.
"""

import hashlib
import io
import os
import pickle
import re
import zipfile
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from common import arrays, datasets, files
from common.errors import UserError
from common.text import read_lines

ARRAYS_FILE = "reuters.npz"
WORD_INDEX_FILE = "reuters_word_index.json"
TOPICS_FILE = "reuters_topics.txt"
REQUIRED = (ARRAYS_FILE, WORD_INDEX_FILE)

PAD_ID, START_ID, OOV_ID = 0, 1, 2  # Keras's reserved ids
INDEX_FROM = 3  # a word of rank r has the id r + INDEX_FROM
SPLIT_SEED = 113  # Keras's shuffle before the test split
TEST_SPLIT = 0.2

# Of the labels as int64: the archive itself has another checksum wherever it was saved anew.
LABELS_SHA256 = "61fed0368103f9d81d09a6b8ab468672f00a2f20a9312c97ab9c0f7be31949fc"

# The 46 topics in label order, for data folders without reuters_topics.txt (Keras's download has none).
TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass "
    "crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi "
    "iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"
).split()

_LARGEST_ARRAY = 512 * 2**20  # bytes; Keras's x.npy has 4 million


# ------------------------------------------------------------------------------------------- reading the arrays
class _PickledArray:
    """Stands in for ``numpy.ndarray`` while an object array is unpickled; only remembers the state it is given."""

    state = None

    def __setstate__(self, state):
        self.state = state


class _PickledDtype:
    """Stands in for ``numpy.dtype``; remembers the type's name."""

    def __init__(self, name, *unused):
        self.name = name

    def __setstate__(self, state):
        pass


def _reconstruct(*unused):
    return _PickledArray()


def _encode(text, encoding="latin1"):
    return str(text).encode("latin1")


class _RestrictedUnpickler(pickle._Unpickler):
    """Reads lists and integers, and the frame of a NumPy object array; any other name is refused.

    The Python version of the unpickler is meant: the C version can be made to reserve gigabytes by one wrong memo number.
    """

    ALLOWED = {
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): _PickledArray,
        ("numpy", "dtype"): _PickledDtype,
        ("_codecs", "encode"): _encode,  # how Python 3 writes bytes for Python 2
    }

    def find_class(self, module, name):
        try:
            return self.ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError("it asks for %s.%s" % (module, name))


def _read_object_array(stream, path: str, name: str) -> List[List[int]]:
    """The lists of an array of lists of integers, from the pickle behind an npy header."""
    try:
        array = _RestrictedUnpickler(stream, encoding="latin1").load()
        shape, dtype, _, items = array.state[1:5]
        well_formed = isinstance(dtype, _PickledDtype) and str(dtype.name).startswith("O") and len(shape) == 1
        well_formed = well_formed and isinstance(items, list) and len(items) == shape[0]
    except pickle.UnpicklingError as error:
        raise UserError(
            "%s: the pickled array %s is refused: %s, and only lists of numbers are let in" % (path, name, error)
        )
    except arrays.DAMAGED + (AttributeError, IndexError, AssertionError) as error:
        raise UserError("%s: the pickled array %s is damaged (%s)" % (path, name, type(error).__name__))
    if not well_formed:
        raise UserError("%s: %s is not a one-dimensional array of lists" % (path, name))
    for row, item in enumerate(items):
        if not isinstance(item, list) or not all(type(value) is int for value in item):
            raise UserError("%s: %s[%d] is not a list of whole numbers" % (path, name, row))
    return items


def read_array(path: str, name: str):
    """Array ``name`` of the npz file ``path``: a NumPy array, or a list of lists of int where it is an object array.

    Raises:
      UserError: no such file or array, damaged, or a pickle with anything in it but lists of integers.
    """
    files.regular_file(path, "archive", _LARGEST_ARRAY)
    try:
        with zipfile.ZipFile(path) as archive:
            member = name + ".npy"
            if member not in archive.namelist():
                held = ", ".join(sorted(item[:-4] for item in archive.namelist() if item.endswith(".npy")))
                raise UserError("%s has no array %s (it holds: %s)" % (path, name, held or "nothing"))
            if archive.getinfo(member).file_size > _LARGEST_ARRAY:
                raise UserError("%s: array %s would take more than %d MB" % (path, name, _LARGEST_ARRAY // 2**20))
            stream = io.BytesIO(archive.read(member))
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        dtype = read_header(stream)[2]
        if dtype.hasobject:
            return _read_object_array(stream, path, name)
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)
    except arrays.DAMAGED as error:
        raise UserError("%s cannot be read: %s" % (path, str(error) or type(error).__name__))


def read_newswires(folder: str, classes: int = len(TOPICS)) -> Tuple[List[List[int]], np.ndarray]:
    """All newswires in file order: lists of word ranks (1 is the most frequent word) and int64 labels.

    Raises:
      UserError: missing or damaged arrays, different lengths, ranks below 1, labels outside ``0 … classes − 1``.
    """
    path = os.path.join(folder, ARRAYS_FILE)
    texts = read_array(path, "x")
    labels = read_array(path, "y")
    if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise UserError("%s: y is not a one-dimensional array of whole numbers" % path)
    if isinstance(texts, np.ndarray):
        if texts.ndim != 2 or texts.dtype.kind not in "iu":
            raise UserError("%s: x is neither an array of lists nor a table of whole numbers" % path)
        texts = [[int(rank) for rank in row if rank] for row in texts]  # 0 fills the rows of a table
    if len(texts) != len(labels) or not len(texts):
        raise UserError("%s: %d texts in x, %d labels in y" % (path, len(texts), len(labels)))
    for row, text in enumerate(texts):
        if text and (min(text) < 1 or max(text) > 2**31 - 1 - INDEX_FROM):
            raise UserError("%s: x[%d] has the word rank %d; ranks start at 1" % (path, row, min(text)))
    if labels.min() < 0 or labels.max() >= classes:
        wrong = int(np.flatnonzero((labels < 0) | (labels >= classes))[0])
        raise UserError("%s: y[%d] is %d; labels are 0 to %d" % (path, wrong, labels[wrong], classes - 1))
    return texts, labels.astype(np.int64)


def describe(folder: str) -> str:
    """What the newswires of ``folder`` are, for records: a generated sample, Keras's, or a reader's own corpus."""
    if datasets.is_sample(folder):
        return "generated sample"
    labels = np.asarray(read_array(os.path.join(folder, ARRAYS_FILE), "y"))
    if hashlib.sha256(labels.astype("<i8").tobytes()).hexdigest() == LABELS_SHA256:
        return "Reuters newswires (real)"
    return "own corpus '%s'" % os.path.basename(os.path.abspath(folder))


class Newswires(NamedTuple):
    """Lists of word ids (1 = start, 2 = unknown word) and int64 labels."""

    texts: Sequence[List[int]]
    labels: np.ndarray


def load_data(folder: str, num_words: int) -> Tuple[Newswires, Newswires]:
    """``tf.keras.datasets.reuters.load_data(num_words=num_words)``, number for number (section 9.6.1).

    Returns:
      The training part (80 %) and the test part; ids of ``num_words`` and above are 2.

    Raises:
      UserError: as ``read_newswires``, or all training texts have one topic.
    """
    # Erratum E04: Keras's loader fails on NumPy 1.16.3 and later, and looks for its file in Keras's own folder.
    texts, labels = read_newswires(folder)
    order = np.arange(len(texts))
    np.random.RandomState(SPLIT_SEED).shuffle(order)
    texts = [[START_ID] + [rank + INDEX_FROM for rank in texts[row]] for row in order]
    texts = [[word if word < num_words else OOV_ID for word in text] for text in texts]
    labels = labels[order]
    cut = int(len(texts) * (1 - TEST_SPLIT))
    if len(np.unique(labels[:cut])) < 2:
        raise UserError(
            "%s: the %d texts of the training part have fewer than two topics (y): there is nothing to sort"
            % (os.path.join(folder, ARRAYS_FILE), cut)
        )
    return Newswires(texts[:cut], labels[:cut]), Newswires(texts[cut:], labels[cut:])


def hold_out(part: Newswires, fraction: float, seed: int = 0) -> Tuple[Newswires, Newswires]:
    """Splits ``fraction`` of a part off at random (for validation); returns (the rest, the part split off)."""
    order = np.random.RandomState(seed).permutation(len(part.texts))
    count = int(round(len(order) * fraction))
    chosen, rest = np.sort(order[:count]), np.sort(order[count:])
    return tuple(Newswires([part.texts[row] for row in rows], part.labels[rows]) for rows in (rest, chosen))


def pad(texts: Sequence[Sequence[int]], maxlen: int, truncating: str = "pre") -> Tuple[np.ndarray, np.ndarray]:
    """Texts as a table, zeros behind their end (section 9.6.1).

    Args:
      texts: lists of word ids.
      maxlen: words kept of each; 0 keeps all.
      truncating: ``pre`` keeps the last words (Keras's default and the book's), ``post`` the first.

    Returns:
      int32 ``[N, maxlen]`` (or as wide as the longest text) and int32 ``[N]`` lengths.
    """
    width = maxlen or max(len(text) for text in texts)
    table = np.zeros([len(texts), width], np.int32)
    lengths = np.zeros([len(texts)], np.int32)
    for row, text in enumerate(texts):
        kept = text[-width:] if truncating == "pre" else text[:width]
        table[row, : len(kept)] = kept
        lengths[row] = len(kept)
    return table, lengths


# ------------------------------------------------------------------------------------------- words and topics
def read_word_index(folder: str) -> Dict[str, int]:
    """Word → rank; UserError when the file is no such dictionary."""
    path = os.path.join(folder, WORD_INDEX_FILE)
    index = files.read_json(path)
    if not all(isinstance(rank, int) and rank > 0 for rank in index.values()):
        raise UserError("%s is not a dictionary of words and ranks" % path)
    return index


def read_topics(folder: str) -> List[str]:
    """Names of the 46 labels in their order: those of ``reuters_topics.txt``, one a line; labels behind them are ``topic-7``.

    Without that file they are Keras's, unless the corpus lacks some of the 46 labels, which Keras's does not: it is another.
    """
    path, corpus = os.path.join(folder, TOPICS_FILE), os.path.join(folder, ARRAYS_FILE)
    names = []
    if os.path.exists(path):
        names = [line.strip() for line in read_lines(path, "list of topics") if line.strip()]
        if len(names) > len(TOPICS):
            raise UserError("%s names %d topics; there are at most %d" % (path, len(names), len(TOPICS)))
        if len(set(names)) < len(names):
            raise UserError("%s names a topic twice" % path)
    elif not os.path.exists(corpus) or len(np.unique(read_array(corpus, "y"))) == len(TOPICS):
        return list(TOPICS)
    return names + ["topic-%d" % label for label in range(len(names), len(TOPICS))]


_SEPARATORS = re.compile(r"[^\w']+|_+", re.UNICODE)


def split_words(line: str) -> List[str]:
    """Lower-case words the way the corpus was cut: everything but letters, digits and apostrophes separates."""
    words = (word.strip("'") for word in _SEPARATORS.split(line.lower().replace("\u2019", "'")))
    return [word for word in words if word]


def encode(words: Sequence[str], word_index: Dict[str, int], num_words: int) -> List[int]:
    """Words → ids with the start sign in front; what the model does not know is 2."""
    ids = (word_index.get(word, num_words) + INDEX_FROM for word in words)
    return [START_ID] + [number if number < num_words else OOV_ID for number in ids]
