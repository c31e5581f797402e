"""Loading Keras's Reuters files without trusting their pickle (9.6.1)."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from common import datasets
from common.chinese import chinese
from common.errors import UserError
from data import reuters


def write_npz(folder, x, y, **others):
    array = np.empty([len(x)], object)
    array[:] = x
    np.savez(os.path.join(str(folder), reuters.ARRAYS_FILE), x=array, y=np.asarray(y), **others)
    return str(folder)


def write_pickle(folder, payload, count=1):
    """An npz whose x is any pickle."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, dict(descr="|O", fortran_order=False, shape=(count,)))
    y = io.BytesIO()
    np.save(y, np.zeros([count], np.int64))
    with zipfile.ZipFile(os.path.join(str(folder), reuters.ARRAYS_FILE), "w") as archive:
        archive.writestr("x.npy", header.getvalue() + payload)
        archive.writestr("y.npy", y.getvalue())
    return str(folder)


def keras_way(xs, labels, num_words):
    """``tf.keras.datasets.reuters.load_data`` after its np.load, for comparison."""
    np.random.seed(113)
    indices = np.arange(len(xs))
    np.random.shuffle(indices)
    xs, labels = xs[indices], labels[indices]
    xs = [[1] + [w + 3 for w in x] for x in xs]
    xs = [[w if 0 <= w < num_words else 2 for w in x] for x in xs]
    idx = int(len(xs) * (1 - 0.2))
    return (xs[:idx], labels[:idx]), (xs[idx:], labels[idx:])


def test_split_and_ids_are_keras_s():
    folder = datasets.sample("reuters")
    with np.load(os.path.join(folder, reuters.ARRAYS_FILE), allow_pickle=True) as held:  # made by this project itself
        expected = keras_way(held["x"], held["y"], 100)
    found = reuters.load_data(folder, 100)
    for part, (texts, labels) in zip(found, expected):
        assert part.texts == texts
        np.testing.assert_array_equal(part.labels, labels)


def test_e04_keras_s_loader_fails_and_ours_does_not():
    """Listing 9-7 reads its data by np.load without allow_pickle, which NumPy refuses from 1.16.3 on."""
    folder = datasets.sample("reuters")
    with np.load(os.path.join(folder, reuters.ARRAYS_FILE)) as held:
        with pytest.raises(ValueError, match="allow_pickle"):
            held["x"]
    texts, labels = reuters.read_newswires(folder)
    assert len(texts) == len(labels) == 500 and type(texts[0]) is list


@pytest.mark.real
def test_real_split(real_data):
    (train, test) = reuters.load_data(real_data("reuters"), 20000)
    assert (len(train.texts), len(test.texts)) == (8982, 2246)
    assert train.texts[0][:10] == [1, 2, 2, 8, 43, 10, 447, 5, 25, 207] and train.labels[0] == 3
    assert np.mean([len(text) for text in train.texts]) == pytest.approx(145.5398574927633, abs=1e-9)
    assert reuters.read_topics(real_data("reuters")) == list(reuters.TOPICS)


def test_topics_of_an_own_corpus(tmp_path):
    """Its labels were given Reuters' names: an article on films was 'grain'."""
    np.savez(str(tmp_path / reuters.ARRAYS_FILE), x=np.zeros(3), y=[0, 1, 2])
    assert reuters.read_topics(str(tmp_path)) == ["topic-%d" % label for label in range(46)]
    path = tmp_path / reuters.TOPICS_FILE
    path.write_text("sport\nfilm\ntravel\n", encoding="utf-8")
    assert reuters.read_topics(str(tmp_path))[1:5] == ["film", "travel", "topic-3", "topic-4"]
    for names, message in (("sport\nsport\n", "names a topic twice"), ("\n".join(map(str, range(47))), "at most 46")):
        path.write_text(names, encoding="utf-8")
        with pytest.raises(UserError, match=message):
            reuters.read_topics(str(tmp_path))


def test_an_own_corpus_is_not_called_reuters(tmp_path):
    """Its records said 'Reuters newswires (real)'."""
    folder = tmp_path / "films"
    folder.mkdir()
    write_npz(folder, [[1]] * 3, [0, 1, 2])
    assert reuters.describe(str(folder)) == "own corpus 'films'"
    assert chinese("own corpus 'films': 8 train, 2 test") == "自备语料“films”：训练 8 条，测试 2 条"
    assert reuters.describe(datasets.sample("reuters")) == "generated sample"


@pytest.mark.real
def test_the_newswires_are_known_by_their_labels(real_data):
    assert reuters.describe(real_data("reuters")) == "Reuters newswires (real)"


def test_one_topic_is_nothing_to_sort(tmp_path):
    """hybrid.py and yardsticks.py ended in scikit-learn's traceback."""
    write_npz(tmp_path, [[1, 2]] * 10, [0] * 10)
    with pytest.raises(UserError, match="reuters.npz: the 8 texts of the training part have fewer than two topics"):
        reuters.load_data(str(tmp_path), 50)


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (self.path,))


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    target = str(tmp_path / "made_by_the_pickle")
    folder = write_npz(tmp_path, [[1, 2], Evil(target)], [0, 1])
    with pytest.raises(UserError, match="refused.*mkdir"):
        reuters.read_newswires(folder)
    assert not os.path.exists(target)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"garbage",
        pickle.dumps([1, 2, 3]),
        pickle.dumps(7),
        b"\x80\x03]r\xff\xff\xff\x7f.",  # a memo number of two thousand million
        b"\x80\x03X\xff\xff\xff\x7f.",  # a string longer than the file
        pickle.dumps(np.array([[1, 2], None], object))[:-20],
    ],
)
def test_damaged_pickles_are_named(tmp_path, payload):
    with pytest.raises(UserError, match="x"):
        reuters.read_newswires(write_pickle(tmp_path, payload))


@pytest.mark.parametrize(
    "x, y, message",
    [
        ([[1, 2], "abc"], [0, 1], r"x\[1\] is not a list of whole numbers"),
        ([[1, 2.5], [1]], [0, 1], r"x\[0\]"),
        ([[1, 2], [0, 3]], [0, 1], r"x\[1\] has the word rank 0"),
        ([[1, 2], [2**40]], [0, 1], r"x\[1\]"),
        ([[1], [2]], [0, 46], r"y\[1\] is 46; labels are 0 to 45"),
        ([[1], [2]], [-1, 0], r"y\[0\] is -1"),
        ([[1], [2]], [0], "2 texts in x, 1 labels in y"),
        ([[1], [2]], [0.5, 1.0], "y is not"),
    ],
)
def test_bad_values_are_named(tmp_path, x, y, message):
    with pytest.raises(UserError, match=message):
        reuters.read_newswires(write_npz(tmp_path, x, y))


def test_missing_arrays_and_files_are_named(tmp_path):
    np.savez(str(tmp_path / reuters.ARRAYS_FILE), texts=np.zeros([2]))
    with pytest.raises(UserError, match="has no array x .it holds: texts"):
        reuters.read_newswires(str(tmp_path))
    (tmp_path / reuters.ARRAYS_FILE).write_bytes(b"PK no zip")
    with pytest.raises(UserError, match="cannot be read"):
        reuters.read_newswires(str(tmp_path))
    with pytest.raises(UserError, match="does not exist"):
        reuters.read_newswires(str(tmp_path / "nowhere"))


def test_a_table_of_ranks_needs_no_pickle(tmp_path):
    np.savez(str(tmp_path / reuters.ARRAYS_FILE), x=np.array([[4, 5, 0], [6, 0, 0]]), y=np.array([0, 1]))
    assert reuters.read_newswires(str(tmp_path))[0] == [[4, 5], [6]]


def test_pad_keeps_the_last_words_or_the_first():
    texts = [[1, 2, 3, 4, 5], [6], []]
    table, lengths = reuters.pad(texts, 3)
    assert table.tolist() == [[3, 4, 5], [6, 0, 0], [0, 0, 0]] and lengths.tolist() == [3, 1, 0]
    assert reuters.pad(texts, 3, "post")[0].tolist()[0] == [1, 2, 3]
    assert reuters.pad(texts, 0)[0].shape == (3, 5)


def test_hold_out_splits_without_loss_and_without_overlap():
    part = reuters.Newswires([[k] for k in range(50)], np.arange(50))
    rest, chosen = reuters.hold_out(part, 0.2, seed=1)
    assert len(chosen.texts) == 10
    assert sorted(rest.labels.tolist() + chosen.labels.tolist()) == list(range(50))
    assert all(text == [label] for text, label in zip(chosen.texts, chosen.labels))


def test_words_and_ids():
    assert reuters.split_words("The U.S. said: wheat-prices rose 3.5 pct, Japan\u2019s 'too'.") == (
        "the u s said wheat prices rose 3 5 pct japan's too".split()
    )
    assert reuters.split_words(" ,;- ") == []
    index = {"the": 1, "wheat": 5, "rare": 5000}
    assert reuters.encode(["the", "wheat", "zzz", "rare"], index, 1000) == [1, 4, 8, 2, 2]


@pytest.mark.parametrize(
    "content", [b"[]", b'{"oil": 3', b'{"oil": [], "the": "x"}', b"\xff\xfe\0", b'{"oil": 1e400}', b""]
)
def test_a_word_index_that_is_none_is_a_line(tmp_path, content):
    (tmp_path / reuters.WORD_INDEX_FILE).write_bytes(content)
    with pytest.raises(UserError) as caught:
        reuters.read_word_index(str(tmp_path))
    assert reuters.WORD_INDEX_FILE in str(caught.value) and "\n" not in str(caught.value)
