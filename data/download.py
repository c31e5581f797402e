"""Downloads one file: resumable, checked, and in place whole or not at all. Standard library and tqdm only."""

import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Optional

from common.errors import UserError

CHUNK = 1 << 18
TIMEOUT = 60  # seconds without a byte
LOCAL = ("localhost", "127.0.0.1", "::1")
MAGIC = {
    ".zip": (b"PK\x03\x04",),
    ".npz": (b"PK\x03\x04",),
    ".tgz": (b"\x1f\x8b",),
    ".gz": (b"\x1f\x8b",),
    ".h5": (b"\x89HDF\r\n\x1a\n",),
    ".json": (b"{", b"["),
}


class DownloadError(UserError):
    """This address did not give the file; the message says why. Another address may."""


class _Cut(Exception):
    """The connection broke; what came so far is kept."""


class _StartOver(Exception):
    """What is on the disk does not continue what the server has."""


# ------------------------------------------------------------------------------------------------ one file's contents
def digest(path: str, kind: str = "sha256") -> str:
    """The checksum of a file; ``kind`` is ``sha256`` or ``md5``."""
    value = hashlib.new(kind)
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            value.update(block)
    return value.hexdigest()


def web_page(head: bytes) -> Optional[str]:
    """What a web page that stands where a file should be says of itself; None when ``head`` starts no web page."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower()
    if not start.startswith((b"<!doctype html", b"<html", b"<head")):
        return None
    text = head.decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    said = " ".join(title.group(1).split())[:100] if title else "no title"
    quota = re.search(r"quota|too many users", text, re.IGNORECASE)
    return "a web page (%s)%s" % (said, ", the source's quota page" if quota else "")


def complaint(
    path: str, size: Optional[int] = None, sha256: Optional[str] = None, md5: Optional[str] = None, name: str = ""
) -> Optional[str]:
    """Why the file at ``path`` is not the wanted one, in a few words; None when nothing speaks against it.

    A web page saved under the file's name is named as such. ``name`` is the file's final name where ``path`` is not.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        return "is a folder, a pipe or a device, not a file"
    with open(path, "rb") as stream:
        head = stream.read(65536)
    page = web_page(head)
    if page:
        return "is %s, not the file" % page
    have = os.path.getsize(path)
    if have == 0:
        return "is empty"
    if size is not None and have != size:
        return "has %s bytes, the official file %s" % (format(have, ","), format(size, ","))
    wanted = MAGIC.get(os.path.splitext(name or path)[1])
    if wanted and not head.startswith(wanted):
        return "does not start like a %s file" % os.path.splitext(name or path)[1]
    for kind, right in (("sha256", sha256), ("md5", md5)):
        if right is not None:
            found = digest(path, kind)
            return None if found == right else "has %s %s, the official file %s" % (kind, found, right)
    return None


def need_room(folder: str, needed: int, what: str) -> None:
    """UserError when the disk that holds ``folder`` has fewer than ``needed`` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            "%s needs %s more on the disk of %s, which has %s free: free some, or choose another place with --data-dir"
            % (what, readable(needed), folder, readable(free))
        )


def readable(size: int) -> str:
    """Bytes for people: ``1.44 GB``."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return "%.3g %s" % (size / factor, unit)
    return "%d bytes" % size


def write(stream, block: bytes, path: str) -> None:
    """Writes a block; a full disk is the user's to mend, not a broken connection."""
    try:
        stream.write(block)
    except OSError as error:
        raise UserError("%s cannot be written (%s): free some room and run the command again" % (path, error.strerror))


# ------------------------------------------------------------------------------------------------ the connection
def check_address(url: str) -> None:
    """Only https, and http to this machine."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL):
        return
    raise DownloadError("%s is not an https address" % url)


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, request, stream, code, message, headers, new_url):
        check_address(new_url)
        return super().redirect_request(request, stream, code, message, headers, new_url)


def _open(url: str, headers: dict):
    handlers = [_Redirects()]
    if urllib.parse.urlsplit(url).hostname in LOCAL:
        handlers.append(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers=dict(headers, **{"Accept-Encoding": "identity"}))
    request.add_header("User-Agent", "Mozilla/5.0 (data fetch)")
    return urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT)


def _forget(part: str) -> None:
    for path in (part, part + ".json"):
        if os.path.exists(path):
            os.remove(path)


def _read_state(part: str, url: str) -> dict:
    """What is known of the unfinished file ``part``; empty (and the part removed) when it is not from this address."""
    try:
        with open(part + ".json", encoding="utf-8") as stream:
            state = json.load(stream)
    except (OSError, ValueError, RecursionError):
        state = {}
    if not os.path.exists(part) or not isinstance(state, dict) or state.get("url") != url:
        _forget(part)
        return {}
    return state


def _size_of(path: str) -> int:
    return os.path.getsize(path) if os.path.exists(path) else 0


def _transfer(url: str, part: str, size: Optional[int], label: str) -> None:
    """Gets what is still missing of ``part``.

    Raises:
      _Cut: the connection broke; try again to go on.
      _StartOver: the server's file is another one than before; the part is gone.
      DownloadError: this address will not give the file.
    """
    from tqdm import tqdm

    state = _read_state(part, url)
    have = _size_of(part)
    headers = {}
    if have:
        headers["Range"] = "bytes=%d-" % have
        if state.get("validator"):
            headers["If-Range"] = state["validator"]
    try:
        response = _open(url, headers)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            if re.match(r"bytes \*/%d$" % have, error.headers.get("Content-Range", "")):
                return
            _forget(part)
            raise _StartOver
        if error.code in (408, 429) or error.code >= 500:
            raise _Cut("HTTP %d %s" % (error.code, error.reason))
        raise DownloadError("%s answers HTTP %d %s" % (url, error.code, error.reason))
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLError) and "CERTIFICATE" in str(error.reason):
            raise DownloadError("%s: %s (point SSL_CERT_FILE to your system's certificates)" % (url, error.reason))
        if isinstance(error.reason, socket.gaierror):
            raise DownloadError("%s cannot be reached (%s)" % (url, error.reason.strerror))
        raise _Cut(str(error.reason))
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(str(error) or type(error).__name__)

    with response:
        total = int(response.headers["Content-Length"]) if response.headers.get("Content-Length") else None
        if response.getcode() == 206:
            match = re.match(r"bytes (\d+)-\d+/(\d+)$", response.headers.get("Content-Range", ""))
            if not match or int(match.group(1)) != have or int(match.group(2)) != state.get("total"):
                _forget(part)
                raise _StartOver
            total = int(match.group(2))
        else:  # the whole file, from its start: nothing to resume, a server without ranges, or a changed file
            have = 0
        try:
            block = response.read(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _Cut(str(error) or type(error).__name__)
        page = web_page(block) if have == 0 else None
        if page:
            raise DownloadError("%s gives %s, not the file" % (url, page))
        if size is not None and total is not None and total != size:
            raise DownloadError("%s has %s bytes, the official file %s" % (url, format(total, ","), format(size, ",")))
        need_room(os.path.dirname(part), (total or size or 0) - have, label)
        etag = response.headers.get("ETag", "")
        validator = response.headers.get("Last-Modified", "") if not etag or etag.startswith("W/") else etag
        interval = 0.5 if sys.stderr.isatty() else 30.0
        with open(part, "r+b" if have else "wb") as stream:
            stream.seek(have)
            with open(part + ".json", "w", encoding="utf-8") as description:
                json.dump(dict(url=url, total=total, validator=validator), description)
            with tqdm(
                total=total or size, initial=have, unit="B", unit_scale=True, desc=label, mininterval=interval
            ) as bar:
                while block:
                    write(stream, block, part)
                    have += len(block)
                    bar.update(len(block))
                    limit = total if total is not None else size
                    if limit is not None and have > limit:
                        raise DownloadError("%s sends more than the %s bytes it should" % (url, format(limit, ",")))
                    try:
                        block = response.read(CHUNK)
                    except (OSError, http.client.HTTPException) as error:
                        raise _Cut(str(error) or type(error).__name__)
        wanted = total if total is not None else size
        if wanted is not None and have < wanted:
            raise _Cut("connection closed after %s of %s bytes" % (format(have, ","), format(wanted, ",")))


def download(
    url: str,
    target: str,
    size: Optional[int] = None,
    sha256: Optional[str] = None,
    md5: Optional[str] = None,
    attempts: int = 4,
    pause: float = 1.0,
) -> str:
    """Gets ``url`` as the file ``target``; an interrupted download goes on where it stopped, at the next call too.

    The unfinished file is ``target + ".part"``; ``target`` appears when all of it has come and its size and checksum
    are right.

    Args:
      attempts: how many times in a row a connection may break without bringing a byte.
      pause: seconds before the second attempt, doubled for each one after.

    Raises:
      DownloadError: the address is unreachable, or gives something else.
      UserError: no room on the disk.
    """
    check_address(url)
    part, label = target + ".part", os.path.basename(target)
    resumed = bool(_read_state(part, url))
    failures = restarts = 0
    while True:
        before = _size_of(part)
        try:
            _transfer(url, part, size, label)
        except _StartOver:
            resumed, restarts = False, restarts + 1
            if restarts > 3:
                raise DownloadError("%s answers requests for the rest of the file with something else" % url)
            continue
        except _Cut as cut:
            failures = 0 if _size_of(part) > before else failures + 1
            if failures >= attempts:
                kept = _size_of(part)
                raise DownloadError(
                    "%s cannot be reached (%s)%s"
                    % (url, cut, "; the first %s bytes are kept for the next try" % format(kept, ",") if kept else "")
                )
            time.sleep(pause * 2.0 ** max(0, failures - 1))
            resumed = True
            continue
        wrong = complaint(part, size, sha256, md5, name=target)
        if wrong is None:
            break
        _forget(part)
        if not resumed:
            raise DownloadError("what %s gives %s" % (url, wrong))
        resumed = False  # two halves of different files: once more, from the start
    os.replace(part, target)
    _forget(part)
    return target
