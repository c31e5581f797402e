"""The rules of the house: the listing is the print, and everything of ours hands parts in (CONTRIBUTING.md)."""

import ast
import glob
import os
import re
import subprocess
import sys

import pytest

from tools import index

ROOT = index.options.REPOSITORY
PRINTED_LINES = {  # of each listing, counted on the page
    "9_07": 132,
    "9_08": 62,
    "9_09": 115,
    "9_10": 62,
    "9_11": 73,
    "9_12": 102,
    "9_13": 88,
    "9_14": 84,
    "9_15": 81,
    "9_16": 124,
    "9_17": 169,
    "10_01": 107,
    "10_02": 137,
    "10_03": 73,
    "10_04": 206,
    "10_05": 85,
    "10_06": 150,
    "10_07": 90,
}
TRAINERS = ("9_07", "9_08", "9_17", "10_02", "10_06")
PRINTED_CHOICES = ("mode", "b_distribution")  # strings that pick an algorithm because the print has them (10-6)
# The doors through which a reader's own sentence, photo and face go in: the text asks for them, what ships answers.
DOORS = ("ext_9_8_14_speak.py", "ext_10_2_12_photos.py", "ext_10_3_10_edit.py")


def sources(pattern):
    found = {}
    for path in sorted(glob.glob(os.path.join(ROOT, pattern))):
        with open(path, encoding="utf-8") as stream:
            found[os.path.relpath(path, ROOT).replace(os.sep, "/")] = stream.read()
    return found


LISTINGS = {re.search(r"code_(\d+_\d\d)", path).group(1): path for path in sources("ch*_*/code_*.py")}


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
        return stream.read()


def imported(source):
    """Full names of the modules that a source imports, anywhere in it."""
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module} | {"%s.%s" % (node.module, alias.name) for alias in node.names}
    return modules


def rows(source):
    """The calls of ``Value(…)`` in a source."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "Value":
            yield node


def test_every_listing_is_there():
    assert sorted(LISTINGS) == sorted(PRINTED_LINES)


# -------------------------------------------------------------------- arrows, and rule 1: a listing executes what is printed
@pytest.mark.parametrize("number", sorted(PRINTED_LINES))
def test_a_listing_imports_only_what_the_page_could(number):
    path = LISTINGS[number]
    own = path.split("/")[0]
    for module in imported(read(path)):
        assert "beyond" not in module and ".ext_" not in module, module
        if re.match(r"ch\d\d_", module):
            assert module == own or re.match(own + r"\.code_", module), (
                "%s is another example's, or no listing" % module
            )
            earlier = re.match(own + r"\.code_(\d+)_(\d\d)", module)
            if earlier:
                here = tuple(int(part) for part in number.split("_"))
                assert (int(earlier.group(1)), int(earlier.group(2))) < here, "%s comes later in the book" % module


@pytest.mark.parametrize("number", sorted(PRINTED_LINES))
def test_a_listing_has_no_branch_of_ours(number):
    source = read(LISTINGS[number])
    assert not re.search(r"\bExtra\b", source)
    assert not re.search(r"\bif (opts\.)?fast\b", source)
    for row in rows(source):
        keywords = {word.arg for word in row.keywords}
        assert keywords <= {"low", "high", "choices", "count", "kind", "more", "fixed", "tiny"}, (
            "presets of a listing: book, tiny"
        )
        assert "choices" not in keywords or row.args[0].s in PRINTED_CHOICES, row.args[0].s


def test_nothing_points_back():
    for path, source in sources("ch*_*/ext_*.py").items():
        if os.path.basename(path) not in DOORS:
            assert not [module for module in imported(source) if "beyond" in module], path
    for pattern in ("common/*.py", "data/*.py"):
        for path, source in sources(pattern).items():
            assert not [module for module in imported(source) if re.match(r"ch\d\d_", module)], path


def test_an_example_imports_no_other():
    for pattern in ("ch*_*/*.py", "ch*_*/beyond/*.py"):
        for path, source in sources(pattern).items():
            own = path.split("/")[0]
            assert not [m for m in imported(source) if re.match(r"ch\d\d_", m) and not m.startswith(own)], path


# ------------------------------------------------------------------------------------ rule 2: a listing reads like its page
@pytest.mark.parametrize("number", sorted(PRINTED_LINES))
def test_a_listing_is_hardly_longer_than_its_page(number):
    assert read(LISTINGS[number]).count("\n") <= 1.5 * PRINTED_LINES[number] + 60


@pytest.mark.parametrize("number", sorted(PRINTED_LINES))
def test_a_listing_says_where_it_differs_and_what_lies_beyond(number):
    source = read(LISTINGS[number])
    docstring = ast.get_docstring(ast.parse(source))
    chapter, listing = number.split("_")
    assert docstring.startswith("Listing %s-%d " % (chapter, int(listing))), docstring.splitlines()[0]
    for word in ("Differs from the print:", "Beyond it:", "Next:"):
        assert re.search(r"^\s*" + word, docstring, re.MULTILINE), word
    said = set(re.findall(r"E\d+", docstring))
    marked = set(re.findall(r"Erratum (E\d+)", source))
    assert marked <= said, "marks that the docstring does not name: %s" % sorted(marked - said)


def test_every_printed_name_is_found_and_the_index_is_true():
    assert index.page() == read("INDEX.md"), "run `make index`"


@pytest.mark.parametrize("folder", sorted({path.split("/")[0] for path in LISTINGS.values()}))
def test_importing_does_nothing(folder, tmp_path):
    """All scripts of an example are imported in one process: nothing is printed, read from the command line or written."""
    names = [path[:-3].replace("/", ".") for pattern in ("/*.py", "/beyond/*.py") for path in sources(folder + pattern)]
    code = "import importlib, sys\nfor name in %r: importlib.import_module(name)" % names
    environment = dict(os.environ, PYTHONPATH=ROOT, TF_CPP_MIN_LOG_LEVEL="3", PYTHONWARNINGS="ignore")
    command = [sys.executable, "-c", code, "--no-such-option"]
    done = subprocess.run(command, cwd=str(tmp_path), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr[-2000:]
    assert os.listdir(str(tmp_path)) == []


# --------------------------------------------------------------------------- rule 3: what can be varied is a part, handed in
def test_nothing_of_ours_reaches_into_a_listing():
    """No assignment to a listing's names from outside: a variant is an argument or a subclass."""
    for pattern in ("ch*_*/ext_*.py", "ch*_*/beyond/*.py"):
        for path, source in sources(pattern).items():
            tree = ast.parse(source)
            modules = set()
            for node in ast.walk(tree):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    for alias in node.names:
                        if re.match(r"(.*\.)?code_\d", alias.name):
                            modules.add(alias.asname or alias.name.split(".")[-1])
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                    assert getattr(node.value, "id", None) not in modules, (path, node.lineno)
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setattr":
                    assert getattr(node.args[0], "id", None) not in modules, (path, node.lineno)


# --------------------------------------------------------------------------------- rule 4: a value stands once, in one row
@pytest.mark.parametrize("number", sorted(PRINTED_LINES))
def test_options_of_a_listing_come_from_its_rows(number):
    source = read(LISTINGS[number])
    assert "add_argument(" not in source
    assert not re.search(r"^PRESETS\b|^HELP\b", source, re.MULTILINE)
    for row in rows(source):
        value = row.args[1]
        literal = isinstance(value, (ast.Num, ast.List)) or isinstance(value, ast.Str) and value.s
        assert not literal, "%s: the printed value is a constant at the top, the row names it" % row.args[0].s


# --------------------------------------------------------------------- rule 5: the loop is on the page, the machinery one word
@pytest.mark.parametrize("number", TRAINERS)
def test_a_trainer_uses_the_one_machinery(number):
    source = read(LISTINGS[number])
    assert "run.Run(" in source
    assert not re.search(r"\bclass Trainer\b", source)


def test_signals_and_locks_are_handled_in_one_place():
    for pattern in ("ch*_*/*.py", "ch*_*/beyond/*.py", "data/*.py"):
        for path, source in sources(pattern).items():
            assert not {"signal", "fcntl"} & imported(source), path


# -------------------------------------------------------------------------------------- rule 6: one place for one thing
ONE_PLACE = {  # what is done in one module → how it looks when it is done elsewhere
    "common/images.py": r"\bImage\.open\(",
    "common/arrays.py": r"\bnp\.load\(",
    "common/files.py": r"\bos\.replace\(|\bjson\.dump\(|\bjson\.load\(|\bNamedTemporaryFile\(",
    "common/weights.py": r"\bnp\.savez",
}


@pytest.mark.parametrize("place", sorted(ONE_PLACE))
def test_one_place_for_one_thing(place):
    for pattern in ("ch*_*/*.py", "ch*_*/beyond/*.py", "common/*.py"):
        for path, source in sources(pattern).items():
            if path != place:
                found = re.search(ONE_PLACE[place], source)
                assert not found, "%s has %s, which %s is for" % (path, found and found.group(0), place)


def test_no_file_hides_a_standard_module():
    """A script's own folder comes first on the path: a file named calendar.py would be everybody's calendar."""
    standard = set(sys.builtin_module_names)
    for folder in (os.path.dirname(os.__file__),):
        standard |= {name.split(".")[0] for name in os.listdir(folder)}
    installed = {
        "holidays",
        "pypinyin",
        "tqdm",
        "librosa",
        "scipy",
        "numpy",
        "pandas",
        "matplotlib",
        "tensorflow",
        "keras",
    }
    for pattern in ("ch*_*/*.py", "ch*_*/beyond/*.py"):
        for path in sources(pattern):
            stem = os.path.basename(path)[:-3]
            assert stem == "__init__" or stem not in standard | installed, path


def test_no_script_touches_the_path():
    for pattern in ("ch*_*/*.py", "ch*_*/beyond/*.py"):
        for path, source in sources(pattern).items():
            assert "sys.path" not in source, path


def test_every_option_is_explained():
    for pattern in ("ch*_*/*.py", "ch*_*/beyond/*.py", "common/*.py", "data/*.py", "tools/*.py", "tools/*/*.py"):
        for path, source in sources(pattern).items():
            for call in ast.walk(ast.parse(source)):
                if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "add_argument":
                    named = [item.arg for item in call.keywords]
                    assert "help" in named or None in named, "%s, line %d" % (path, call.lineno)
