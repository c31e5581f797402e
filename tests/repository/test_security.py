"""docs/security.md against the code: what it says is never called, and the tests that it names."""

import glob
import os
import re

import pytest

from tests.helpers import REPOSITORY

FOLDERS = (
    "common",
    "data",
    "tools",
    "ch09_capsule_rnn",
    "ch09_tfts_births",
    "ch09_tacotron",
    "ch10_deblurgan",
    "ch10_attgan",
)
NEVER = (  # each can run what a file says
    r"\bnp\.load\(",
    r"\bpickle\.loads?\(",
    r"\bread_pickle\(",
    r"\bjoblib\b",
    r"\bimport_meta_graph\(",
    r"\bload_model\(",
    r"\bsaved_model\b",
    r"\bmodel_from_(yaml|json|config)\(",
    r"\byaml\b",
    r"\bImageMath\b",
    r"(?<![.\w])eval\(",
    r"\bshell=True",
    r"\bos\.system\(",
    r"\bextractall\(",
)


def sources():
    found = [
        path for folder in FOLDERS for path in glob.glob(os.path.join(REPOSITORY, folder, "**", "*.py"), recursive=True)
    ]
    assert len(found) > 100
    for path in found:
        with open(path, encoding="utf-8") as stream:
            yield os.path.relpath(path, REPOSITORY), stream.read()


def test_nothing_that_runs_what_a_file_says_is_called():
    found = [(path, pattern) for path, text in sources() for pattern in NEVER if re.search(pattern, text)]
    assert found == []


def test_pictures_are_opened_in_one_place():
    """Pillow's other readers, PostScript's among them, stay shut (common/images.py)."""
    opening = [path for path, text in sources() if re.search(r"\bImage\.open\((?!io\.|stream)", text)]
    assert opening == ["common/images.py"]


@pytest.mark.parametrize("name", ["security.md", "security.zh-CN.md"])
def test_the_tests_that_the_page_names_are_there(name):
    with open(os.path.join(REPOSITORY, "docs", name), encoding="utf-8") as stream:
        page = stream.read()
    named = set(re.findall(r"test_\w+\.py", page))
    there = {os.path.basename(path) for path in glob.glob(os.path.join(REPOSITORY, "tests", "*", "test_*.py"))}
    assert len(named) >= 8 and named <= there
    for package, version in re.findall(
        r"^\| (Pillow|h5py|Flask|NumPy|soundfile|protobuf) (\d[\d.]*)", page, flags=re.M
    ):
        with open(os.path.join(REPOSITORY, "requirements.txt"), encoding="utf-8") as stream:
            pinned = dict(re.findall(r"^([a-z0-9]+)==(\S+)", stream.read(), flags=re.M))
        assert pinned[package.lower()].startswith(version), package
