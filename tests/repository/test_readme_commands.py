"""Every tiny command of every README, run in order in a fresh copy of the repository, as a new reader does."""

import os
import shutil
import subprocess
import sys

import pytest

from common import records
from tools import readme_commands

ROOT = readme_commands.ROOT


def copy_repository(target):
    """The files that a clone would have (tracked, or new and not ignored)."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout.splitlines()
    for name in names:
        source = os.path.join(ROOT, name)
        if os.path.isfile(source):
            os.makedirs(os.path.dirname(os.path.join(target, name)), exist_ok=True)
            shutil.copy(source, os.path.join(target, name))
    return names


@pytest.mark.script
@pytest.mark.slow
@pytest.mark.parametrize("folder", sorted(readme_commands.EXAMPLES.values()))
def test_tiny_commands_of_the_readme(folder, tmp_path):
    copy_repository(str(tmp_path))
    commands = readme_commands.tiny_commands(folder)
    assert commands, "the README of %s shows no tiny command" % folder
    environment = {key: value for key, value in os.environ.items() if key not in ("BOOK_DATA_DIR", "PYTHONPATH")}
    for words in commands:
        done = subprocess.run(
            [sys.executable] + words[1:],
            cwd=str(tmp_path),
            env=dict(environment, PYTHONIOENCODING="utf-8"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
        )
        assert done.returncode == 0, "%s\n%s" % (" ".join(words), done.stdout[-4000:])
    found = records.read_all(str(tmp_path / "output"))
    assert found, "no script left a record"
    for path, content in found.items():
        for entry in content["files"]:
            assert os.path.getsize(os.path.join(os.path.dirname(path), entry["path"])) > 0, (path, entry)
