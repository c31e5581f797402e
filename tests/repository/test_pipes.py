"""Every script may be piped into something that stops reading (`| head -1`) without a traceback."""

import os
import subprocess
import sys

import pytest

from common import options

ALONE = {  # run before the environment, or started by another script
    "tools/env_check.py",
    "tools/setup_env.py",
    "tools/try_page/worker.py",
    "ch09_tacotron/beyond/teacher.py",
}


def scripts():
    """The repository's scripts: paths of the tracked files that can be run."""
    listed = subprocess.check_output(["git", "ls-files", "*.py"], cwd=options.REPOSITORY, encoding="utf-8").split()
    for path in listed:
        if not path.startswith("tests/") and os.path.exists(os.path.join(options.REPOSITORY, path)):
            with open(os.path.join(options.REPOSITORY, path), encoding="utf-8") as stream:
                source = stream.read()
            if '__name__ == "__main__"' in source:
                yield path, source


def test_every_script_ends_by_the_one_function_that_knows_a_closed_pipe():
    without = [path for path, source in scripts() if path not in ALONE and "options.run(main" not in source]
    assert without == []


@pytest.mark.script
@pytest.mark.parametrize("words", [["tools/env_check.py"], ["tools/demo.py", "--help"], ["-m", "data", "list"]])
def test_a_closed_pipe_is_no_error(words):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-u"] + words
        done = subprocess.run(command, cwd=options.REPOSITORY, stdout=writer, stderr=subprocess.PIPE, encoding="utf-8")
    finally:
        os.close(writer)
    assert done.returncode == 0 and "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr, done.stderr
