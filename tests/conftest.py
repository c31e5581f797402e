"""Fixtures: a fresh graph for each test, and the real data where BOOK_DATA_DIR has it."""

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(autouse=True)
def fresh_graph():
    """Each test starts with an empty default graph and a fixed seed."""
    from common import training

    training.start(seed=0)
    yield


@pytest.fixture
def real_data():
    """A function: name of a data set → its folder below BOOK_DATA_DIR, or the test is skipped with the reason."""

    def folder_of(name):
        root = os.environ.get("BOOK_DATA_DIR", "")
        folder = os.path.abspath(os.path.join(root, name)) if root else ""
        if not folder or not os.path.isdir(folder):
            pytest.skip("BOOK_DATA_DIR has no %s" % name)
        return folder

    return folder_of
