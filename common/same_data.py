"""Whether a training goes on with the data that it began with: its settings do not tell, only names of folders would."""

import glob
import hashlib
import os
from typing import Dict, Iterable, Sequence

from common import files
from common.errors import UserError

DATA_FILE = "data.json"  # in the run folder, beside settings.json
LARGEST_READ = 64 << 20  # bytes; of larger files, and of many, the size alone tells them from others
MOST_READ = 4


def fingerprint(names: Iterable[str]) -> str:
    """How many ``names`` there are and, behind it, a hash of them, whatever their order; their folders do not count."""
    names = sorted(names)
    return "%d (%s)" % (len(names), hashlib.sha256("\n".join(names).encode("utf-8", "replace")).hexdigest()[:8])


def of_files(folder: str, patterns: Sequence[str]) -> str:
    """``fingerprint`` of the files below ``folder`` that match: names and contents of a few small ones, or else sizes."""
    paths = {path for pattern in patterns for path in glob.glob(os.path.join(glob.escape(folder), pattern))}
    paths = sorted(path for path in paths if os.path.isfile(path))
    read = len(paths) <= MOST_READ

    def told(path):
        size = os.path.getsize(path)
        content = files.read_bytes(path, limit=None) if read and size <= LARGEST_READ else b""
        return "%s %d %s" % (os.path.relpath(path, folder), size, hashlib.sha256(content).hexdigest())

    return fingerprint(told(path) for path in paths)


def note(opts, what: str, folder: str, patterns: Sequence[str]) -> None:
    """Notes for ``run.check_settings`` which files a script reads; they are looked at there, so that only trainings do."""
    opts.data_files = dict(getattr(opts, "data_files", {}), **{what: (folder, tuple(patterns))})


def check_noted(opts, folder: str, begun: bool) -> None:
    """``check`` of all that was noted."""
    noted = getattr(opts, "data_files", {})
    if noted:
        check(folder, begun, {what: of_files(*place) for what, place in noted.items()})


def check(folder: str, begun: bool, found: Dict[str, str]) -> None:
    """Compares ``found`` (what → fingerprint) with what the run in ``folder`` began with, and notes it.

    Args:
      begun: whether the run has a checkpoint. One of an older version, which noted nothing, goes on with what is given.

    Raises:
      UserError: the data are others, and which.
    """
    path = os.path.join(folder, DATA_FILE)
    before = files.read_json(path) if begun and os.path.exists(path) else {}
    others = [
        "%s: %s, not %s" % (what, before[what], now) for what, now in found.items() if before.get(what, now) != now
    ]
    if others:
        raise UserError(
            "%s holds a run on other data (%s): give the same data, or another --output-dir"
            % (folder, "; ".join(others))
        )
    files.write_json(path, dict(before, **found))
