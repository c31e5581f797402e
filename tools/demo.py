"""Runs the examples at preset ``tiny`` on generated samples: the commands of their READMEs, in order.

  python tools/demo.py              all five, then the gallery
  python tools/demo.py births       one: capsule, births, tacotron, deblurgan, attgan

A tiny run shows that everything works together; it says nothing of quality.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common import options
from tools import gallery, readme_commands


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("examples", nargs="*", metavar="example", help="capsule, births, tacotron, deblurgan, attgan")
    names = parser.parse_args(argv).examples or list(readme_commands.EXAMPLES)
    unknown = sorted(set(names) - set(readme_commands.EXAMPLES))
    if unknown:
        parser.error("unknown example %s (there are: %s)" % (unknown[0], ", ".join(readme_commands.EXAMPLES)))
    commands = [words for name in names for words in readme_commands.tiny_commands(readme_commands.EXAMPLES[name])]
    start = time.time()
    for number, words in enumerate(commands, 1):
        line = " ".join(shlex.quote(word) for word in words)
        print("\n[%d/%d, %d s] %s" % (number, len(commands), time.time() - start, line), flush=True)
        status = subprocess.call([sys.executable] + words[1:], cwd=readme_commands.ROOT)
        if status != 0:
            print("error: this command ended with status %d" % status, file=sys.stderr)
            return status
    page = gallery.build()
    print(
        "\nAll %d commands ran in %d s, on generated samples (not a measure of quality)."
        % (len(commands), time.time() - start)
    )
    print("Gallery: %s" % page)
    return 0


if __name__ == "__main__":
    options.run(main)
