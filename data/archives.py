"""Unpacks zip and tar archives from the net: nothing outside the folder, no devices, no bombs, all or nothing."""

import gzip
import hashlib
import lzma
import os
import posixpath
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from typing import Dict

from common.errors import UserError
from data.download import need_room, write

MEMBERS = 1000000  # more entries than any of the data sets has
UNPACKING = ".unpacking-"  # what the name of an unfinished folder begins with
IGNORED = ("__MACOSX", ".DS_Store", "Thumbs.db")


def safe_name(name: str, archive: str) -> str:
    """The normalised relative path of an archive's entry; UserError for one that could leave the folder.

    Absolute paths, drive letters, backslashes, ``..``, and control characters are refused, not repaired: no honest
    archive of these data sets has them.
    """
    parts = name.split("/")
    bad = (
        name.startswith("/")
        or "\\" in name
        or ".." in parts
        or re.match(r"^[A-Za-z]:", name)
        or any(ord(letter) < 32 for letter in name)
    )
    clean = posixpath.normpath(name)
    if bad or not name:
        raise UserError("%s holds the unsafe path %r: nothing was unpacked" % (archive, name[:100]))
    return clean


class _Writer:
    """Writes entries below ``root``, counts what is really written, and keeps each file's sha256."""

    def __init__(self, archive: str, root: str, limit: int):
        self.archive, self.root, self.limit = archive, root, limit
        self.written = 0
        self.members = 0
        self.sums = {}

    def count(self):
        self.members += 1
        if self.members > MEMBERS:
            raise UserError("%s has more than %d entries: nothing was unpacked" % (self.archive, MEMBERS))

    def folder(self, name: str):
        os.makedirs(os.path.join(self.root, *name.split("/")), exist_ok=True)

    def file(self, name: str, source):
        path = os.path.join(self.root, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        value = hashlib.sha256()
        with open(path, "wb") as stream:
            for block in iter(lambda: source.read(1 << 20), b""):
                self.written += len(block)
                if self.written > self.limit:
                    raise UserError(
                        "%s unpacks to more than %s bytes, far more than the data set has: nothing was unpacked"
                        % (self.archive, format(self.limit, ","))
                    )
                write(stream, block, path)
                value.update(block)
        self.sums[name] = value.hexdigest()

    def link(self, name: str, target: str):
        """A link to a file of the same archive; where the system knows no links, a copy."""
        path = os.path.join(self.root, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        relative = posixpath.relpath(target, posixpath.dirname(name) or ".")
        try:
            os.symlink(relative, path)
        except (OSError, NotImplementedError):  # Windows without the privilege
            shutil.copyfile(os.path.join(self.root, *target.split("/")), path)


def _unpack_zip(archive: str, writer: _Writer):
    with zipfile.ZipFile(archive) as bundle:
        entries = bundle.infolist()
        declared = sum(entry.file_size for entry in entries)
        if declared > writer.limit:
            raise UserError(
                "%s says it unpacks to %s bytes, far more than the data set has: nothing was unpacked"
                % (archive, format(declared, ","))
            )
        need_room(writer.root, declared, "unpacking " + os.path.basename(archive))
        for entry in entries:
            writer.count()
            name = safe_name(entry.filename.rstrip("/"), archive)
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if set(name.split("/")) & set(IGNORED):
                continue
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise UserError("%s holds a link or a device, %s: nothing was unpacked" % (archive, name))
            if entry.flag_bits & 1:
                raise UserError("%s is encrypted: nothing was unpacked" % archive)
            if entry.filename.endswith("/"):
                writer.folder(name)
            else:
                with bundle.open(entry) as source:
                    writer.file(name, source)


def _unpack_tar(archive: str, writer: _Writer):
    with open(archive, "rb") as stream:
        if stream.read(2) == b"\x1f\x8b":
            stream.seek(0)
            # tarfile's own gzip streams do not look at the checksum; the gzip module does, at the very end.
            with gzip.GzipFile(fileobj=stream) as source:
                links = _unpack_tar_stream(archive, source, writer)
                rest = 0
                for block in iter(lambda: source.read(1 << 20), b""):
                    rest += len(block)
                    if rest > writer.limit:
                        raise tarfile.ReadError("endless data after the last entry")
        else:
            stream.seek(0)
            links = _unpack_tar_stream(archive, stream, writer)
    # Links come last, and only those to a regular file of this archive: nothing can be written through a link.
    for name, target in links:
        if target in writer.sums and not os.path.lexists(os.path.join(writer.root, *name.split("/"))):
            writer.link(name, target)


def _unpack_tar_stream(archive: str, source, writer: _Writer):
    """Writes folders and regular files, and returns the links as (name, name of the target)."""
    links = []
    with tarfile.open(fileobj=source, mode="r|", encoding="utf-8") as bundle:  # as a stream: one pass over a large file
        for entry in bundle:
            writer.count()
            name = safe_name(entry.name.rstrip("/"), archive)
            if set(name.split("/")) & set(IGNORED):
                continue
            if entry.isdir():
                writer.folder(name)
            elif entry.isreg():
                writer.file(name, bundle.extractfile(entry))
            elif entry.issym() or entry.islnk():
                if entry.linkname.startswith("/") or "\\" in entry.linkname:
                    raise UserError("%s: %s links to %s: nothing was unpacked" % (archive, name, entry.linkname))
                base = posixpath.dirname(name) if entry.issym() else ""
                target = posixpath.normpath(posixpath.join(base, entry.linkname))
                if target == ".." or target.startswith("../"):
                    raise UserError("%s: %s links to %s: nothing was unpacked" % (archive, name, entry.linkname))
                links.append((name, target))
            else:
                raise UserError("%s holds a device or pipe, %s: nothing was unpacked" % (archive, name))
    return links


def unpack(archive: str, target: str, limit: int, room: int = 0) -> Dict[str, str]:
    """Unpacks ``archive`` as the folder ``target``, which must not exist; it appears whole or not at all.

    An archive whose only top folder has the name of ``target`` gives that folder; any other's content is put into it.

    Args:
      archive: a zip or a (compressed) tar file.
      target: the folder to make.
      limit: refuse to write more bytes than this.
      room: bytes that must be free beforehand (a zip's own figures are looked at in any case).

    Returns:
      Relative path below ``target`` (with /) → sha256, of the regular files.

    Raises:
      UserError: unsafe, damaged or too large archive, or no room; nothing is left behind.
    """
    parent, last = os.path.split(os.path.abspath(target))
    if os.path.lexists(target):
        raise UserError("%s exists already: move it away first" % target)
    os.makedirs(parent, exist_ok=True)
    need_room(parent, room, "unpacking " + os.path.basename(archive))
    temporary = tempfile.mkdtemp(dir=parent, prefix=UNPACKING)
    try:
        writer = _Writer(archive, temporary, limit)
        try:
            if zipfile.is_zipfile(archive):
                _unpack_zip(archive, writer)
            else:
                _unpack_tar(archive, writer)
        except (
            tarfile.TarError,
            zipfile.BadZipFile,
            zlib.error,
            lzma.LZMAError,
            EOFError,
            NotImplementedError,
        ) as error:
            raise _damaged(archive, error)
        except OSError as error:
            if error.errno is None:  # gzip's own complaints (bad CRC, not gzipped)
                raise _damaged(archive, error)
            raise UserError("%s cannot be unpacked: %s" % (archive, error))
        if not writer.sums:
            raise UserError("%s holds no files" % archive)
        wrapped = os.listdir(temporary) == [last] and os.path.isdir(os.path.join(temporary, last))
        whole = os.path.join(temporary, last) if wrapped else temporary
        os.chmod(whole, 0o755)
        os.rename(whole, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    cut = len(last) + 1 if wrapped else 0
    return {name[cut:]: value for name, value in writer.sums.items()}


def _damaged(archive: str, error: Exception) -> UserError:
    return UserError(
        "%s is damaged or incomplete (%s): delete it and fetch it again; nothing was unpacked" % (archive, error)
    )
