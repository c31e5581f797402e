"""Whether a training goes on, and a trained run is used, with the data that it began with: settings do not tell that."""

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
    """``check`` of all that was noted, each pattern by itself: a script that uses the run may need fewer of the files."""
    found, before = {}, noted_by(folder)
    for what, (place, patterns) in getattr(opts, "data_files", {}).items():
        found.update({"%s/%s" % (what, pattern): of_files(place, [pattern]) for pattern in patterns})
        if what in before:  # a run of an older version noted all of them together
            found[what] = of_files(place, patterns)
    if found:
        check(folder, begun, found)


def noted_by(folder: str) -> Dict[str, str]:
    """What the run in ``folder`` noted: what → fingerprint; nothing where it is of an older version, or no run."""
    path = os.path.join(folder, DATA_FILE)
    return files.read_json(path) if os.path.exists(path) else {}


def check(folder: str, begun: bool, found: Dict[str, str]) -> None:
    """Compares ``found`` (what → fingerprint) with what the run in ``folder`` began with, and notes it.

    Args:
      begun: whether the run has a checkpoint. One of an older version, which noted nothing, goes on with what is given.

    Raises:
      UserError: the data are others, and which.
    """
    before = noted_by(folder) if begun else {}
    others = _others(before, found)
    if others:
        raise UserError(
            "%s holds a run on other data (%s): give the same data, or another --output-dir" % (folder, others)
        )
    files.write_json(os.path.join(folder, DATA_FILE), dict(before, **found))


def check_used(folder: str, found: Dict[str, str]) -> None:
    """Compares ``found`` (what → fingerprint) with what the run in ``folder`` was trained on, before that run is used.

    With other data the parts would be others: what counts as unseen may be what was learnt. What the run did not note is not
    compared.

    Raises:
      UserError: the data are others, and which.
    """
    others = _others(noted_by(folder), found)
    if others:
        raise UserError(
            "the run in %s was trained on other data (%s): give those, or train on these in another --output-dir"
            % (folder, others)
        )


def check_files_used(folder: str, what: str, place: str) -> None:
    """``check_used`` of the files that the run in ``folder`` noted as ``what``, as far as they are in the folder ``place``."""
    begin = what + "/"
    patterns = [key[len(begin) :] for key in noted_by(folder) if key.startswith(begin)]
    found = {begin + pattern: of_files(place, [pattern]) for pattern in patterns}
    check_used(folder, {key: value for key, value in found.items() if value != fingerprint([])})


def _others(before: Dict[str, str], found: Dict[str, str]) -> str:
    return "; ".join(
        "%s: %s, not %s" % (what, before[what], now) for what, now in found.items() if before.get(what, now) != now
    )
