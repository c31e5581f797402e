"""Unpacks an archive as ``python -m data fetch`` does after a download: ``unpack.py ARCHIVE TARGET``, at most 64 MB."""

import sys

from common import options
from data import archives

if __name__ == "__main__":
    options.run(lambda: print(len(archives.unpack(sys.argv[1], sys.argv[2], 64 << 20)), "files"))
