"""Every tiny command of every README ran in a fresh copy of the repository (fixture ``walk``), and left what its record says."""

import os

import pytest

from common import records
from tools import readme_commands


@pytest.mark.script
@pytest.mark.slow
@pytest.mark.parametrize("folder", sorted(readme_commands.EXAMPLES.values()))
def test_tiny_commands_of_the_readme(folder, walk):
    found = records.read_all(os.path.join(walk(folder), "output"))
    assert found, "no script left a record"
    for path, content in found.items():
        for entry in content["files"]:
            assert os.path.getsize(os.path.join(os.path.dirname(path), entry["path"])) > 0, (path, entry)
