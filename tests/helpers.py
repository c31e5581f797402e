"""What the tests of several examples share: running a script as a user does."""

import os
import subprocess
import sys

from common import training

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run_script(script, *arguments, cwd=None, check=True, env=None, timeout=580):
    """Runs ``script`` (path in the repository) in a process of its own; returns the CompletedProcess with text output."""
    environment = dict(os.environ, **(env or {}))
    environment.setdefault("PYTHONIOENCODING", "utf-8")
    command = [sys.executable, os.path.join(REPOSITORY, script)] + [str(item) for item in arguments]
    result = subprocess.run(
        command,
        cwd=str(cwd or REPOSITORY),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=timeout,
    )
    if check and result.returncode != 0:
        raise AssertionError("%s ended with %d\n%s\n%s" % (script, result.returncode, result.stdout, result.stderr))
    return result


def stop_at_once(monkeypatch):
    """As if Ctrl-C came before the first step of any training in this process."""

    class Stopped(training.StopSignals):
        def __init__(self):
            super().__init__()
            self.requested = True

    monkeypatch.setattr(training, "StopSignals", Stopped)


def assert_user_error(result, *fragments):
    """A user's error: exit status 2, one line that starts with 'error:', no traceback."""
    assert result.returncode == 2, (result.returncode, result.stdout, result.stderr)
    assert "Traceback" not in result.stderr, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, result.stderr
    for fragment in fragments:
        assert fragment in lines[0], (fragment, lines[0])
