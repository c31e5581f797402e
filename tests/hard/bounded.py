"""Runs a script within bounds and says what it took: ``bounded.py REPORT SCRIPT ARGUMENT …``.

REPORT gets the largest resident memory in bytes and the seconds of processor time, as JSON; it is missing where the process was
killed. A script that takes more than ``SECONDS`` or ``ADDRESSES`` is killed, or told so by the system.
"""

import json
import os
import resource
import runpy
import sys

SECONDS = 60  # of processor time
MEMORY = 4 << 30  # bytes that may be resident
ADDRESSES = 10 << 30  # bytes of address space; TensorFlow reserves gigabytes that it never touches
WRITTEN = 1 << 30  # bytes of one file


def main():
    report, script = sys.argv[1:3]
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN, WRITTEN))
    before = resource.getrusage(resource.RUSAGE_SELF)
    begun = int(before.ru_utime + before.ru_stime)
    resource.setrlimit(resource.RLIMIT_CPU, (begun + SECONDS, begun + SECONDS + 5))
    sys.argv = sys.argv[2:]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
        with open(report, "w", encoding="ascii") as stream:
            json.dump(dict(memory=used.ru_maxrss * 1024, seconds=seconds), stream)


if __name__ == "__main__":
    main()
