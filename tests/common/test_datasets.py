"""common/datasets.py: where data is looked for, what is said when it is missing, samples."""

import argparse
import os
import sys
import threading
import types

import pytest

from common import datasets
from common.errors import UserError


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A repository folder of the test's own, without BOOK_DATA_DIR."""
    monkeypatch.setattr(datasets, "REPOSITORY", str(tmp_path / "repo"))
    monkeypatch.delenv("BOOK_DATA_DIR", raising=False)
    return tmp_path


def put(*parts):
    path = os.path.join(*[str(part) for part in parts])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("x")
    return os.path.dirname(path)


def test_rows_are_sound():
    for name, dataset in datasets.DATASETS.items():
        assert dataset.name == name and 51 <= dataset.example <= 55 and dataset.licence and dataset.files
        for source in dataset.sources:
            assert all(url.startswith(("https://", datasets.PYPI)) for url in (source.url,) + source.mirrors)
            assert source.sha256 or not source.url.startswith(datasets.PYPI)  # whichever index pip asks
            assert source.size or source.about
            assert bool(source.unpack_to) == bool(source.unpacked)
            assert source.sha256 is None or len(source.sha256) == 64
            assert source.md5 is None or len(source.md5) == 32
            assert os.path.basename(source.filename) == source.filename


def test_order_of_places(house, monkeypatch):
    in_repository = put(house, "repo", "data", "births", "a.csv")
    assert datasets.find("births", required=["*.csv"]) == in_repository
    in_book = put(house, "book", "births", "b.csv")
    monkeypatch.setenv("BOOK_DATA_DIR", str(house / "book"))
    assert datasets.find("births", required=["*.csv"]) == in_book
    given = put(house, "own", "c.csv")
    assert datasets.find("births", data_dir=given, required=["*.csv"]) == given


def test_an_incomplete_folder_does_not_hide_a_complete_one(house, monkeypatch):
    put(house, "book", "births", "other.txt")
    monkeypatch.setenv("BOOK_DATA_DIR", str(house / "book"))
    in_repository = put(house, "repo", "data", "births", "a.csv")
    assert datasets.find("births", required=["*.csv"]) == in_repository


def test_a_given_folder_is_the_only_one_looked_at(house):
    put(house, "repo", "data", "births", "a.csv")
    with pytest.raises(UserError) as raised:
        datasets.find("births", data_dir=str(house / "none"), required=["*.csv"])
    assert "%s does not exist" % (house / "none") in str(raised.value) and "repo" not in str(raised.value)


def test_what_is_missing_is_named_with_the_mend(house, monkeypatch):
    put(house, "book", "reuters", "reuters.npz")
    monkeypatch.setenv("BOOK_DATA_DIR", str(house / "book"))
    with pytest.raises(UserError) as raised:
        datasets.find("reuters", required=["reuters.npz", "reuters_word_index.json", "x/*.txt"])
    text = str(raised.value)
    assert "%s lacks reuters_word_index.json, x/*.txt" % (house / "book" / "reuters") in text
    assert "%s does not exist" % (house / "repo" / "data" / "reuters") in text
    assert "python -m data fetch reuters" in text and datasets.DATASETS["reuters"].homepage in text
    assert "\n" not in text


def test_the_parent_folder_given_by_mistake(house):
    put(house, "all", "births", "a.csv")
    with pytest.raises(UserError, match="did you mean --data-dir .*all.births"):
        datasets.find("births", data_dir=str(house / "all"), required=["*.csv"])


def test_the_option_that_the_folder_was_given_by_is_named(house):
    put(house, "all", "births", "a.csv")
    with pytest.raises(UserError, match="did you mean --births-dir .*all.births.* give its folder with --births-dir"):
        datasets.find("births", str(house / "all"), required=["*.csv"], option="--births-dir")


def test_a_folder_that_the_table_does_not_know(house, monkeypatch):
    folder = put(house, "book", "bznsyp", "a.wav")
    monkeypatch.setenv("BOOK_DATA_DIR", str(house / "book"))
    assert datasets.find("bznsyp", required=["*.wav"]) == folder
    with pytest.raises(UserError, match="give its folder with --data-dir"):
        datasets.find("nothing")


def test_brackets_in_a_folder_name_are_no_pattern(house):
    given = put(house, "my [data]", "a.csv")
    assert datasets.find("births", data_dir=given, required=["*.csv"]) == given


@pytest.fixture
def generator(house, monkeypatch):
    """A module data.sample_toy in a file of its own; ``calls`` lists the sizes it was called with."""
    source = house / "sample_toy.py"
    source.write_text("# version 1\n")
    module = types.ModuleType("data.sample_toy")
    module.__file__ = str(source)
    module.calls = []

    def generate(folder, seed=0, days=3):
        module.calls.append(days)
        for day in range(days):
            put(folder, "%d.csv" % day)

    module.generate = generate
    monkeypatch.setitem(sys.modules, "data.sample_toy", module)
    return module


def test_a_sample_is_made_once_per_size(house, generator):
    folder = datasets.sample("toy")
    assert folder == str(house / "repo" / "data" / "samples" / "toy")
    assert sorted(os.listdir(folder)) == [datasets.STAMP, "0.csv", "1.csv", "2.csv"]
    assert datasets.sample("toy") == folder and generator.calls == [3]
    assert datasets.sample("toy", days=1) == folder + "-days1" and generator.calls == [3, 1]
    assert sorted(os.listdir(os.path.dirname(folder))) == ["toy", "toy-days1"]


def test_a_changed_generator_makes_its_samples_anew(generator):
    folder = datasets.sample("toy")
    put(folder, "old")
    with open(generator.__file__, "a") as stream:
        stream.write("# version 2\n")
    assert datasets.sample("toy") == folder and generator.calls == [3, 3]
    assert not os.path.exists(os.path.join(folder, "old"))
    assert os.listdir(os.path.dirname(folder)) == ["toy"]


def test_a_generator_that_fails_leaves_nothing(house, generator):
    def fails(folder, seed=0):
        put(folder, "half")
        raise RuntimeError("no")

    generator.generate = fails
    with pytest.raises(RuntimeError):
        datasets.sample("toy")
    assert os.listdir(str(house / "repo" / "data" / "samples")) == []


def test_two_processes_at_once_keep_the_first_sample(generator):
    """The one that comes second must not take away what the first one is reading already."""
    plain, inside = generator.generate, threading.Barrier(2)
    inodes, folders = [], []

    def together(folder, seed=0):
        plain(folder)
        inside.wait(20)

    generator.generate = together

    def work():
        folders.append(datasets.sample("toy"))
        inodes.append(os.stat(os.path.join(folders[-1], "0.csv")).st_ino)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(folders)) == 1 and os.listdir(os.path.dirname(folders[0])) == ["toy"]
    assert sorted(os.listdir(folders[0])) == [datasets.STAMP, "0.csv", "1.csv", "2.csv"]


def test_a_late_second_process_leaves_a_finished_sample_alone(generator):
    plain = generator.generate

    def overtaken(folder, seed=0):
        plain(folder)
        generator.generate = plain
        other = datasets.sample("toy")  # meanwhile another process makes it, and reads it
        marks.append(os.stat(os.path.join(other, "0.csv")).st_ino)

    marks = []
    generator.generate = overtaken
    folder = datasets.sample("toy")
    assert os.stat(os.path.join(folder, "0.csv")).st_ino == marks[0]


def test_locate_takes_the_sample_for_tiny_only_and_says_which(house, generator, capsys):
    real = put(house, "repo", "data", "toy", "0.csv")

    def namespace(preset, data_dir=None):
        return argparse.Namespace(preset=preset, data_dir=data_dir)

    sample = datasets.locate("toy", namespace("tiny"))
    assert datasets.is_sample(sample)
    assert capsys.readouterr().out == "data: %s (generated sample, not real data)\n" % sample
    assert datasets.locate("toy", namespace("cpu"), required=["*.csv"]) == real
    assert capsys.readouterr().out == "data: %s\n" % real
    assert datasets.locate("toy", namespace("tiny", real)) == real and not datasets.is_sample(real)
