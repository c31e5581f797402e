"""Hostile inputs (``inputs.py``): each is one clean line and status 2, or read, or a skip that is said; nothing else happens.

Each command runs in a process of its own within bounds of time, memory and file size (``bounded.py``), in folders of its own.
"""

import json
import os
from types import SimpleNamespace

import pytest

from common.errors import UserError
from tests.hard import bounded, figures, inputs
from tests.helpers import REPOSITORY, run_words
from tools.try_page import panels

pytestmark = [pytest.mark.hard, pytest.mark.script, pytest.mark.slow]
LONGEST_LINE = 1500  # characters; ten names of files may stand in it
WAIT = 300  # seconds: a command that waits for something takes no processor time
LITTER = (
    "jieba.cache",
    ".keras",
    "keras.json",
)  # what packages keep for their next start, in the temporary folder and at home


def names_below(folder):
    return sorted(os.path.join(base, name) for base, folders, files in os.walk(folder) for name in folders + files)


def run(folder, words):
    """Runs a command in ``folder``; (status, output, errors, what it took)."""
    for name in ("home", "tmp", "cwd"):
        os.mkdir(os.path.join(folder, name))
    report = os.path.join(folder, "report.json")
    variables = {key: value for key, value in os.environ.items() if key != "BOOK_DATA_DIR"}
    variables.update(HOME=os.path.join(folder, "home"), TMPDIR=os.path.join(folder, "tmp"), OMP_NUM_THREADS="1")
    variables.update(PYTHONPATH=REPOSITORY, MPLCONFIGDIR=os.path.join(folder, "plots"))
    script = os.path.join(REPOSITORY, words[0])  # an absolute one stays
    words = [os.path.join(REPOSITORY, "tests", "hard", "bounded.py"), report, script] + list(words[1:])
    done = run_words(words, os.path.join(folder, "cwd"), variables, WAIT)
    took = {}
    if os.path.exists(report):
        with open(report, encoding="ascii") as stream:
            took = json.load(stream)
    return done.returncode, done.stdout, done.stderr, took


def check(status, output, errors, took, ends, says=""):
    shown = "status %d, %s\n%s\n%s" % (status, took, output[-1500:], errors[-3000:])
    assert took, "the process was killed: " + shown
    assert "Traceback" not in errors and "Traceback" not in output, shown
    allowed = {inputs.REFUSED: (2,), inputs.REPORTED: (2,), inputs.READ: (0,), inputs.EITHER: (0, 2)}[ends]
    assert status in allowed, shown
    lines = [line for line in errors.replace("\r", "\n").split("\n") if line.startswith("error: ")]
    assert len(lines) == (1 if status == 2 and ends != inputs.REPORTED else 0), shown
    assert all(len(line) <= LONGEST_LINE for line in lines), shown
    assert says in output + errors, shown
    assert took["memory"] <= bounded.MEMORY and took["seconds"] <= bounded.SECONDS, shown


def check_folders(folder, before):
    """Nothing outside of the output folder: no file at home, none in the current folder, the input as it was."""
    after = [name for name in names_below(folder) if os.path.basename(name) not in LITTER]
    written = set(after) - set(before)
    allowed = [os.path.join(folder, name) for name in ("out", "plots", "report.json")]
    allowed += [os.path.join(folder, name) for name in ("home", "tmp", "cwd")]
    outside = [
        path
        for path in written
        if path not in allowed and not path.startswith((os.path.join(folder, "out") + os.sep, allowed[1] + os.sep))
    ]
    assert not outside, outside
    assert set(before) <= set(after), set(before) - set(after)
    for place in ("/tmp", REPOSITORY, os.path.dirname(folder), folder):
        assert not os.path.lexists(os.path.join(place, inputs.MARKER))


def try_case(case, folder):
    """Gives a command its inputs and looks at what it did; (status, what it took)."""
    os.mkdir(os.path.join(folder, "in"))
    case.make(os.path.join(folder, "in"))
    before = names_below(folder)
    places = {"{in}": os.path.join(folder, "in"), "{out}": os.path.join(folder, "out")}
    words = [word.replace("{in}", places["{in}"]).replace("{out}", places["{out}"]) for word in case.words]
    status, output, errors, took = run(folder, words)
    check(status, output, errors, took, case.ends, case.says)
    if "--output-dir {in}" not in " ".join(case.words):
        check_folders(folder, before)
    return status, took


@pytest.mark.parametrize("case", inputs.cases(), ids=lambda case: case.name.replace("\n", " "))
def test_hostile_input(case, tmp_path, request):
    status, took = try_case(case, str(tmp_path))
    figures.add(request.node.name, "input", inputs=case.inputs, status=status, **took)


class Upload(SimpleNamespace):
    """What Flask makes of an uploaded file."""

    def read(self, most):
        return self.content[:most]


@pytest.mark.parametrize(
    "name,form,content", inputs.uploads(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_hostile_upload(name, form, content, tmp_path, request):
    """What the page takes goes to the script as the page runs it; what it does not take is one line at once."""
    folder = str(tmp_path)
    content = content() if callable(content) else content
    files = {} if content is None else {"file": Upload(filename="../../%s\0😀.png" % name, content=content)}
    choices = {field: "" for field in panels.FACE_ATTRIBUTES}
    try:
        _, command = panels.command_of(dict(choices, **form), files, folder)
    except UserError as error:
        assert len(str(error).splitlines()) == 1 and len(str(error)) < LONGEST_LINE
        figures.add(request.node.name, "input", inputs=1, status=2, memory=0, seconds=0.0)
        return
    before = names_below(folder)
    status, output, errors, took = run(folder, command)
    check(status, output, errors, took, inputs.EITHER)
    check_folders(folder, before)
    figures.add(request.node.name, "input", inputs=1, status=status, **took)
