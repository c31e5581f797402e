"""Fixtures: a fresh graph for each test, and the real data where BOOK_DATA_DIR has it."""

import fcntl
import gc
import itertools
import json
import os

import pytest

from tests import forks, graphs, helpers

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
forks.without_planning()
FINISHED = itertools.count(1)  # tests of this process


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests that look at one README's walk go to one worker of pytest-xdist: two would wait for each other."""
    for item in items:
        if "walk" in item.fixturenames:
            folder = getattr(item, "callspec", None) and item.callspec.params.get("folder")
            item.add_marker(pytest.mark.xdist_group(folder or item.path.parent.name))


def pytest_terminal_summary(terminalreporter, config):
    """After `make hard`: what was tried and survived, also as a record in output/hard."""
    if "hard" in config.option.markexpr.split() and "not" not in config.option.markexpr:
        from tests.hard import figures

        terminalreporter.section("hard ground")
        figures.main()


@pytest.fixture(autouse=True)
def fresh_graph():
    """Each test starts with an empty default graph and a fixed seed, and leaves no graph behind."""
    from common import run

    run.start(seed=0)
    yield
    graphs.forget_gradients()
    if next(FINISHED) % 20 == 0:
        gc.collect()  # graphs are full of cycles, and Python does not see how much memory hangs on them


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


@pytest.fixture(scope="session")
def walk(tmp_path_factory):
    """A function: folder of an example → the repository's copy in which its README's tiny commands ran, once in a test run.

    The copy is shared by all workers of pytest-xdist; what the commands printed is in ``helpers.printed(copy, word)``. Tests
    only look: one that changes something there works on a copy of its own.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    def walked(folder):
        copy = os.path.join(str(shared), "walk-" + folder)
        with open(copy + ".lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be at it
            log = os.path.join(copy, helpers.WALK_LOG)
            if not os.path.exists(log):
                commands = helpers.walk_readme(folder, copy)
                with open(log, "w", encoding="utf-8") as stream:
                    json.dump(commands, stream)
        return copy

    return walked
