"""The commands that the READMEs promise: read from their ``bash`` blocks, run by the demo and by the tests."""

import os
import re
import shlex
from typing import List

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXAMPLES = {  # name of the make target → folder, in the book's order
    "capsule": "ch09_capsule_rnn",
    "births": "ch09_tfts_births",
    "tacotron": "ch09_tacotron",
    "deblurgan": "ch10_deblurgan",
    "attgan": "ch10_attgan",
}


def bash_lines(path: str) -> List[str]:
    """The lines of all ```bash blocks of a Markdown file, comments and blank lines left out."""
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    lines = []
    for block in re.findall(r"^```bash\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        joined = block.replace("\\\n", " ")
        lines += [line.strip() for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")]
    return lines


def tiny_commands(folder: str, readme: str = "README.md") -> List[List[str]]:
    """The commands of a folder's README that run at preset ``tiny``, in order, each as a list of words."""
    commands = []
    for line in bash_lines(os.path.join(ROOT, folder, readme)):
        words = shlex.split(line, comments=True)
        if words[:1] == ["python"] and "--preset tiny" in line:
            commands.append(words)
    return commands
