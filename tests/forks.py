"""Runs scripts as ``python script.py …`` does, each in a process of its own, without importing TensorFlow each time.

This file runs as a process that imports the packages and nothing of the repository. For each request, a line of JSON on its
standard input, it forks: the child gets the folder, environment, arguments, streams and module path that a new interpreter
would have, runs the script as ``__main__`` and ends as an interpreter ends. The answer is a line with its exit status. What this
cannot show, the start of a new interpreter and TensorFlow's planning, ``make demo`` shows with the same commands.
"""

import importlib
import json
import os
import signal
import sys
import time
import types

PACKAGES = ["tensorflow", "tensorflow.contrib", "pandas", "matplotlib.figure", "librosa", "numba", "PIL.Image", "tqdm"]


def without_planning():
    """From here on TensorFlow's sessions run graphs as they are: planning (grappler) takes longer than a few steps save."""
    import tensorflow as tf
    from tensorflow.python.client import session

    begin = session.BaseSession.__init__

    def begin_without(self, target="", graph=None, config=None):
        config = tf.ConfigProto() if config is None else tf.ConfigProto.FromString(config.SerializeToString())
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        begin(self, target, graph, config)

    session.BaseSession.__init__ = begin_without


def become(request):
    """Makes this process what a new interpreter for ``request`` would be, and runs the script."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for stream, path in enumerate([os.devnull, request["output"], request["errors"]]):
        os.dup2(os.open(path, os.O_RDWR), stream)
    sys.argv = request["words"]
    script = sys.argv[0]
    added = [path for path in request["environment"].get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = [os.path.dirname(os.path.abspath(script))] + added + sys.path
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    module.__file__ = script
    with open(script, "rb") as stream:
        exec(compile(stream.read(), script, "exec"), vars(module))


def wait(child, timeout):
    """The exit status of ``child``, negative after a signal; it is killed after ``timeout`` seconds."""
    end = time.time() + timeout
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        if time.time() > end:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.02)


def main():
    sys.path.pop(0)  # the folder of this file
    for name in PACKAGES:
        importlib.import_module(name)
    without_planning()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            return become(request)
        answers.write("%d\n" % wait(child, request["timeout"]))
        answers.flush()


if __name__ == "__main__":
    main()
