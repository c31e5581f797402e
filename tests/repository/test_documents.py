"""The documents against the code: errata marks, links, and the two languages of each README."""

import glob
import os
import re
import subprocess

import pytest

from tools import readme_commands

ROOT = readme_commands.ROOT
FOLDERS = [folder for folder in readme_commands.EXAMPLES.values()]


def read(*parts):
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as stream:
        return stream.read()


def test_no_large_file_is_tracked():
    """3 MB hold all that belongs here but shipped weights, 40 MB together; a stray download is larger."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [os.path.join(ROOT, name) for name in listed.stdout.decode("utf-8").split("\0") if name]
    sizes = {path: os.path.getsize(path) for path in paths if os.path.exists(path)}
    shipped = {path for path in sizes if os.path.basename(os.path.dirname(path)) == "weights" and path.endswith(".npz")}
    assert [path for path in sizes if sizes[path] > 3e6 and path not in shipped] == []
    assert sum(sizes[path] for path in shipped) < 40e6


def errata_rows():
    rows = {}
    for line in read("ERRATA.md").splitlines():
        match = re.match(r"\|\s*(E\d+)\s*\|", line)
        if match:
            assert match.group(1) not in rows, "row %s stands twice" % match.group(1)
            rows[match.group(1)] = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    return rows


def marks_in_code():
    marks = {}
    for folder in FOLDERS + [os.path.join(name, "beyond") for name in FOLDERS] + ["common", "data"]:
        for path in glob.glob(os.path.join(ROOT, folder, "*.py")):
            for mark in re.findall(r"Erratum (E\d+)", read(path)):
                marks.setdefault(mark, path)
    return marks


def test_every_mark_in_the_code_has_a_row():
    assert set(marks_in_code()) - set(errata_rows()) == set()


def test_every_tested_row_has_a_mark_in_the_code():
    tested = {number for number, cells in errata_rows().items() if cells[-1] not in ("–", "-")}
    assert tested, "ERRATA.md has no row with a test"
    assert tested - set(marks_in_code()) == set()


def test_every_row_is_whole_and_its_test_exists():
    for number, cells in errata_rows().items():
        assert len(cells) == 6 and all(cells), (number, cells)
        for reference in re.findall(r"tests/\S+?\.py::\w+", cells[-1]):
            path, name = reference.split("::")
            assert os.path.exists(os.path.join(ROOT, path)), (number, path)
            assert re.search(r"def %s\b" % name, read(path)), (number, reference)
        assert cells[-1] in ("–", "-") or "::" in cells[-1], (number, cells[-1])


@pytest.mark.parametrize("folder", [""] + FOLDERS + ["data"])
def test_both_languages_show_the_same_commands(folder):
    english = readme_commands.bash_lines(os.path.join(ROOT, folder, "README.md"))
    chinese = readme_commands.bash_lines(os.path.join(ROOT, folder, "README.zh-CN.md"))
    without_comments = [re.sub(r"\s+#.*", "", line) for line in english]
    assert without_comments == [re.sub(r"\s+#.*", "", line) for line in chinese]


def documents():
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8").stdout
    return listed.split() or [os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "*.md"))]


def test_relative_links_lead_somewhere():
    broken = []
    for document in documents():
        for target in re.findall(r"\]\(([^)#\s]+)", read(document)):
            if "://" not in target and not target.startswith("mailto:"):
                if not os.path.exists(os.path.join(ROOT, os.path.dirname(document), target)):
                    broken.append((document, target))
    assert broken == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folders_readme_is_a_page(folder):
    """At most 700 words, commands and table rules aside; what is longer belongs to docs/<example>.md."""
    text = re.sub(r"^```.*?^```", "", read(folder, "README.md"), flags=re.DOTALL | re.MULTILINE)
    assert len([word for word in text.split() if re.search(r"\w", word)]) <= 700


def test_no_place_of_a_template_is_left_over():
    for document in documents():
        found = re.search(r"^@\w+$|\bTODO\b|\bFIXME\b|<!-- \w+:(begin|end) -->", read(document), re.MULTILINE)
        assert not found, (document, found.group(0))


@pytest.mark.parametrize("folder", FOLDERS)
def test_weights_that_ship_say_their_terms(folder):
    place = os.path.join(ROOT, folder, "weights")
    if os.path.isdir(place):
        names = sorted(name for name in os.listdir(place) if name.endswith(".npz"))
        assert [name for name in names if name not in read(folder, "weights", "README.md")] == []


def test_scripts_named_in_commands_exist_and_know_their_options():
    for folder in [""] + FOLDERS:
        for line in readme_commands.bash_lines(os.path.join(ROOT, folder, "README.md")):
            words = line.split()
            if words[0] == "python" and len(words) > 1 and words[1].endswith(".py"):
                assert os.path.exists(os.path.join(ROOT, words[1])), line
