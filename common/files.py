"""Files: written whole or not at all, read only when they are what they should be."""

import contextlib
import json
import os
import stat
import tempfile
from typing import Optional

from common.errors import UserError

try:
    import fcntl
except ImportError:  # Windows has no such locks: a second process is not noticed there
    fcntl = None

LONGEST_PREFIX = 40  # characters of a file's name in that of the temporary file beside it
LARGEST_TEXT = 256 << 20  # bytes; CelebA's attribute list, the largest text of the data sets, has 27 million


@contextlib.contextmanager
def only_one(folder: str, said: str):
    """Keeps a second process that asks for the same out of ``folder``: it gets a UserError that says ``said``."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)  # the lock is the open folder's and ends with the process, however that ends
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(said)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def atomic(path: str, mode: str = "wb"):
    """Opens a temporary file beside ``path`` and puts it in its place when the block ends without an error.

    Args:
      mode: ``"wb"`` (bytes) or ``"w"`` (UTF-8 text, line ends as written; what of a file's name is no UTF-8 as its code,
        which is JSON's as well).
    """
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(
        dir=folder, prefix=".%s." % os.path.basename(path)[:LONGEST_PREFIX], suffix=".part"
    )
    try:
        text = {} if "b" in mode else dict(encoding="utf-8", errors="backslashreplace", newline="")
        with os.fdopen(handle, mode, **text) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())  # a rename may otherwise reach the disk before the content
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def regular_file(path: str, what: str = "file", limit: Optional[int] = None) -> str:
    """``path`` when it is a regular file of at most ``limit`` bytes.

    Raises:
      UserError: missing, a broken link, a folder, a pipe or a device (which would be waited for without end), too large.
    """
    try:
        status = os.stat(path)
    except ValueError:  # a NUL in the name
        raise UserError("%s %r: a file's name cannot hold that" % (what, path[:100]))
    except OSError as error:
        if os.path.islink(path):
            raise UserError("%s %s is a link to something that is not there" % (what, path))
        if isinstance(error, FileNotFoundError):
            raise UserError("%s %s does not exist" % (what, path))
        raise UserError("%s %s cannot be read: %s" % (what, path[:200], error.strerror or error))
    if stat.S_ISDIR(status.st_mode):
        raise UserError("%s %s is a folder, not a file" % (what, path))
    if not stat.S_ISREG(status.st_mode):
        raise UserError("%s %s is a pipe or a device, not a file" % (what, path))
    if limit is not None and status.st_size > limit:
        raise UserError("%s %s has %d bytes; at most %d are read" % (what, path, status.st_size, limit))
    return path


def read_bytes(path: str, what: str = "file", limit: Optional[int] = LARGEST_TEXT) -> bytes:
    """The content of a regular file; UserError as ``regular_file``, or when reading fails."""
    regular_file(path, what, limit)
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise UserError("%s %s cannot be read: %s" % (what, path, error.strerror or error))


def newest(folder: str) -> Optional[str]:
    """The file of ``folder`` that was written last; None where there is no file, or no folder."""
    if not os.path.isdir(folder):
        return None
    paths = [entry.path for entry in os.scandir(folder) if entry.is_file() and not entry.name.startswith(".")]
    return max(paths, key=os.path.getmtime, default=None)


def _number(value):
    """NumPy scalars for JSON."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError("%r cannot be written as JSON" % (value,))


def write_json(path: str, value) -> None:
    """Writes ``value`` as JSON (UTF-8, sorted keys), whole or not at all."""
    with atomic(path, "w") as stream:
        json.dump(value, stream, ensure_ascii=False, indent=2, sort_keys=True, default=_number)
        stream.write("\n")


def read_json(path: str, kind: type = dict):
    """Reads a JSON file whose outermost value is a ``kind``; UserError when it is missing, damaged or something else."""
    from common import text  # text imports this module

    content = text.read_text(path, "file")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError("%s is damaged: %s" % (path, str(error)[:160]))
    if not isinstance(value, kind):
        raise UserError("%s holds a %s where a %s belongs" % (path, type(value).__name__, kind.__name__))
    return value
