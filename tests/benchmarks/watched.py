"""Runs a script and notes every few seconds what its process holds: ``watched.py SAMPLES SECONDS SCRIPT ARGUMENT …``.

SAMPLES gets a line of JSON each time: seconds, resident bytes, open files, open figures, operations of the default graph. The
notes are made between two lines of the script (by an alarm), so that its own default graph is looked at.
"""

import json
import os
import runpy
import signal
import sys
import time


def sample(began):
    """What this process holds now."""
    with open("/proc/self/statm", encoding="ascii") as stream:
        resident = int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    tensorflow, pyplot = sys.modules.get("tensorflow"), sys.modules.get("matplotlib.pyplot")
    return dict(
        seconds=time.time() - began,
        resident=resident,
        files=len(os.listdir("/proc/self/fd")),
        figures=len(pyplot.get_fignums()) if hasattr(pyplot, "get_fignums") else 0,
        operations=tensorflow.get_default_graph().version if hasattr(tensorflow, "get_default_graph") else 0,
    )


def main():
    path, seconds, script = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    began = time.time()

    def note(number, frame):
        with open(path, "a", encoding="ascii") as stream:
            stream.write(json.dumps(sample(began)) + "\n")

    signal.signal(signal.SIGALRM, note)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    sys.argv = sys.argv[3:]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    main()
