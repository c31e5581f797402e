"""Whether a training goes on with the data that it began with: its settings do not tell, only names of folders would."""

import hashlib
import os
from typing import Dict, Iterable

from common import files
from common.errors import UserError

DATA_FILE = "data.json"  # in the run folder, beside settings.json


def fingerprint(names: Iterable[str]) -> str:
    """How many ``names`` there are and, behind it, a hash of them, whatever their order; their folders do not count."""
    names = sorted(names)
    return "%d (%s)" % (len(names), hashlib.sha256("\n".join(names).encode("utf-8", "replace")).hexdigest()[:8])


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
