"""What the tests of several examples share: running a script as a user does."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from common import files
from data import celeba
from tools import gallery, readme_commands

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


# What stays as it is in a Chinese text: names of data sets, folders, libraries, values of the print, options.
NAMES = (
    "bznsyp celeba choose dtype elnino gdp gp highway hires idf image judge learn load log pypinyin report sales scikit"
)
NAMES = (NAMES + " statsmodels sunspots tf tiny train val visits").split()


def english_left(text):
    """The English words that ``text``'s Chinese still has but names: files, functions, data sets, pinyin, Reuters topics
    (behind their Chinese). Chinese characters are letters to ``\\b``, so the ends of a word are looked for otherwise."""
    said = re.sub(r"（[a-z-]+）|\S*[\d_./]\S*", " ", celeba.in_chinese(text))
    return [word for word in re.findall(r"(?<![A-Za-z])[a-z]{2,}(?![A-Za-z])", said) if word not in NAMES]


def shown_texts(record):
    """What the gallery shows of a record in two languages, but a reader's words, which stay as they are."""
    yield from (record["data"], gallery.place(record["listing"]))
    for name, entry in record["metrics"].items():
        yield from (name, entry["unit"], entry["note"], entry["printed"] or "")
    for table in record["tables"]:
        yield from [table["title"]] + table["columns"]
        if table["columns"][0] != "word":
            yield from [cell for row in table["rows"] for cell in row if isinstance(cell, str)]
        if table["columns"][0] not in ("word", "topic"):
            yield table["note"]


def half_translated(path):
    """The texts of the record ``path`` in whose Chinese an English word is left."""
    return {text for text in shown_texts(files.read_json(path)) if english_left(text)}


@functools.lru_cache(maxsize=None)
def _forks():
    """The process of ``forks.py``; it ends when this one does."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.Popen(
        [sys.executable, os.path.join(REPOSITORY, "tests", "forks.py")],
        env=dict(environment, PYTHONIOENCODING="utf-8"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


def run_words(words, cwd, environment, timeout):
    """Runs ``words`` (a script and its arguments) as Python would (see ``forks.py``); the CompletedProcess with text output."""
    with tempfile.NamedTemporaryFile() as output, tempfile.NamedTemporaryFile() as errors:
        environment = dict(environment, PYTHONIOENCODING="utf-8")
        request = dict(words=words, cwd=cwd, environment=environment, timeout=timeout)
        forks = _forks()
        forks.stdin.write(json.dumps(dict(request, output=output.name, errors=errors.name)) + "\n")
        forks.stdin.flush()
        status = int(forks.stdout.readline())
        printed = [stream.read().decode("utf-8") for stream in (output, errors)]
    return subprocess.CompletedProcess(words, status, *printed)


def run_script(script, *arguments, cwd=None, check=True, env=None, timeout=580):
    """Runs ``script`` (path in the repository) in a process of its own; returns the CompletedProcess with text output."""
    words = [os.path.join(REPOSITORY, script)] + [str(item) for item in arguments]
    result = run_words(words, str(cwd or REPOSITORY), dict(os.environ, **(env or {})), timeout)
    if check and result.returncode != 0:
        raise AssertionError("%s ended with %d\n%s\n%s" % (script, result.returncode, result.stdout, result.stderr))
    return result


def assert_user_error(result, *fragments):
    """A user's error: exit status 2, one line that starts with 'error:', no traceback."""
    assert result.returncode == 2, (result.returncode, result.stdout, result.stderr)
    assert "Traceback" not in result.stderr, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, result.stderr
    for fragment in fragments:
        assert fragment in lines[0], (fragment, lines[0])


WALK_LOG = "walk.json"


def copy_repository(target):
    """The files that a clone would have (tracked, or new and not ignored), below ``target``."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    for name in done.stdout.splitlines():
        source = os.path.join(REPOSITORY, name)
        if os.path.isfile(source):
            os.makedirs(os.path.dirname(os.path.join(target, name)), exist_ok=True)
            shutil.copy(source, os.path.join(target, name))


def in_copy(copy, words, timeout=900):
    """Runs ``words`` (a README's command, python first) in a copy of the repository; the CompletedProcess, with its outputs."""
    environment = {key: value for key, value in os.environ.items() if key != "BOOK_DATA_DIR"}
    environment["PYTHONPATH"] = copy  # the environment's link leads to the original
    return run_words([str(word) for word in words[1:]], copy, environment, timeout)


def walk_readme(folder, copy):
    """Runs the tiny commands of a folder's README in order, as a new reader does; a list of (words, standard output, errors)."""
    copy_repository(copy)
    commands = readme_commands.tiny_commands(folder)
    assert commands, "the README of %s shows no tiny command" % folder
    ran = []
    for words in commands:
        done = in_copy(copy, words)
        assert done.returncode == 0, "%s\n%s\n%s" % (" ".join(words), done.stdout[-2000:], done.stderr[-3000:])
        ran.append((words, done.stdout, done.stderr))
    return ran


def printed(copy, word):
    """What the first command of the walk whose words hold ``word`` printed: (standard output, error stream)."""
    with open(os.path.join(copy, WALK_LOG), encoding="utf-8") as stream:
        for words, output, errors in json.load(stream):
            if any(word in item for item in words):
                return output, errors
    raise AssertionError("no command of the README has %r" % word)
