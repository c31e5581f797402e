"""A job's process: takes its own bounds, then becomes the script. (Bounds set between fork and exec can hang a threaded parent.)

python worker.py MEMORY WRITTEN SCRIPT [ARGUMENT ...]
"""

import os
import sys

try:
    import resource
except ImportError:  # Windows: no such limits
    resource = None


def main():
    memory, written, script = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.execv(sys.executable, [sys.executable, "-W", "ignore", script] + sys.argv[4:])


if __name__ == "__main__":
    main()
