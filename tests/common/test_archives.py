"""data/archives.py: honest archives, and every way an archive can be meant badly."""

import hashlib
import io
import os
import stat
import tarfile
import zipfile

import numpy as np
import pytest

from common.errors import UserError
from data import archives, download

LIMIT = 10**6


def make_zip(path, entries):
    """entries: name → bytes, or (bytes, unix mode)."""
    with zipfile.ZipFile(str(path), "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if isinstance(content, tuple):
                content, mode = content
                info.external_attr = mode << 16
            bundle.writestr(info, content)
    return str(path)


def make_tar(path, entries, mode="w:gz"):
    """entries: list of (name, bytes) or (name, type, linkname)."""
    with tarfile.open(str(path), mode) as bundle:
        for entry in entries:
            info = tarfile.TarInfo(entry[0])
            if len(entry) == 2:
                info.size, info.mode = len(entry[1]), 0o4777
                bundle.addfile(info, io.BytesIO(entry[1]))
            else:
                info.type, info.linkname = entry[1], entry[2]
                bundle.addfile(info)
    return str(path)


def tree(folder):
    """Relative path → content of all files below folder, links followed."""
    found = {}
    for base, _, names in os.walk(str(folder)):
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as stream:
                found[os.path.relpath(path, str(folder)).replace(os.sep, "/")] = stream.read()
    return found


def refused(archive, tmp_path, pattern, limit=LIMIT):
    """The archive is refused with this message; beside it nothing appeared in the folder or around it."""
    before = tree(tmp_path)
    with pytest.raises(UserError, match=pattern):
        archives.unpack(archive, str(tmp_path / "inner" / "set"), limit=limit)
    assert tree(tmp_path) == before
    assert os.listdir(str(tmp_path / "inner")) == []


@pytest.mark.parametrize("prefix", ["", "set/", "./", "./set/"])
def test_zip_and_tar_give_the_same_tree_with_and_without_their_top_folder(tmp_path, prefix):
    files = {"a/one.txt": b"1", "two.txt": b"22"}
    zipped = make_zip(tmp_path / "x.zip", {prefix + name: content for name, content in files.items()})
    tarred = make_tar(tmp_path / "x.tgz", [(prefix + name, content) for name, content in files.items()])
    expected = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    for number, archive in enumerate((zipped, tarred)):
        target = tmp_path / str(number) / "set"
        assert archives.unpack(archive, str(target), limit=LIMIT) == expected
        assert tree(target) == files
        assert os.listdir(str(target.parent)) == ["set"]
        assert stat.S_IMODE(os.stat(str(target / "two.txt")).st_mode) & 0o7111 == 0  # no setuid, not executable


def test_macos_litter_is_left_out(tmp_path):
    archive = make_zip(tmp_path / "x.zip", {"set/a.jpg": b"1", "__MACOSX/set/._a.jpg": b"2", "set/.DS_Store": b"3"})
    archives.unpack(archive, str(tmp_path / "set"), limit=LIMIT)
    assert tree(tmp_path / "set") == {"a.jpg": b"1"}


def test_links_inside_the_archive_are_kept_as_in_thchs30(tmp_path):
    entries = [("set/train/A1.wav", tarfile.SYMTYPE, "../data/A1.wav"), ("set/data/A1.wav", b"sound")]
    entries += [("set/hard.wav", tarfile.LNKTYPE, "set/data/A1.wav"), ("set/dangling", tarfile.SYMTYPE, "nowhere")]
    archives.unpack(make_tar(tmp_path / "x.tgz", entries), str(tmp_path / "set"), limit=LIMIT)
    assert tree(tmp_path / "set") == {name: b"sound" for name in ("data/A1.wav", "train/A1.wav", "hard.wav")}


def test_links_become_copies_where_the_system_has_none(tmp_path, monkeypatch):
    def no_links(*unused):
        raise OSError("privilege not held")

    monkeypatch.setattr(archives.os, "symlink", no_links)
    entries = [("set/train/A1.wav", tarfile.SYMTYPE, "../data/A1.wav"), ("set/data/A1.wav", b"sound")]
    archives.unpack(make_tar(tmp_path / "x.tgz", entries), str(tmp_path / "set"), limit=LIMIT)
    assert tree(tmp_path / "set") == {"data/A1.wav": b"sound", "train/A1.wav": b"sound"}
    assert not os.path.islink(str(tmp_path / "set" / "train" / "A1.wav"))


UNSAFE = ["../evil", "a/../../evil", "/tmp/evil-of-a-test", "a\\..\\..\\evil", "C:/evil", "a/\x01b"]


@pytest.mark.parametrize("name", UNSAFE)
def test_paths_that_leave_the_folder(tmp_path, name):
    refused(make_zip(tmp_path / "x.zip", {"good": b"1", name: b"2"}), tmp_path, "unsafe path")
    refused(make_tar(tmp_path / "x.tgz", [("good", b"1"), (name, b"2")]), tmp_path, "unsafe path")
    assert not os.path.exists("/tmp/evil-of-a-test")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("goal", ["../../outside", "/etc/passwd", "a/../../.."])
def test_links_that_leave_the_folder(tmp_path, kind, goal):
    refused(make_tar(tmp_path / "x.tgz", [("good", b"1"), ("link", kind, goal)]), tmp_path, "links to")


def test_nothing_is_written_through_a_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    entries = [("set/door", tarfile.SYMTYPE, str(outside)), ("set/door/evil", b"2")]
    refused(make_tar(tmp_path / "x.tgz", entries), tmp_path, "links to")
    assert os.listdir(str(outside)) == []
    # ... nor through a link to a folder of the archive itself
    entries = [("set/door", tarfile.SYMTYPE, "room"), ("set/room/a", b"1"), ("set/door/a", b"2")]
    archives.unpack(make_tar(tmp_path / "y.tgz", entries), str(tmp_path / "set"), limit=LIMIT)
    assert tree(tmp_path / "set") == {"room/a": b"1", "door/a": b"2"}


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_and_pipes(tmp_path, kind):
    refused(make_tar(tmp_path / "x.tgz", [("good", b"1"), ("dev", kind, "")]), tmp_path, "device or pipe")


def test_a_link_in_a_zip(tmp_path):
    archive = make_zip(tmp_path / "x.zip", {"good": b"1", "link": (b"/etc/passwd", stat.S_IFLNK | 0o777)})
    refused(archive, tmp_path, "link or a device")


def test_bombs(tmp_path):
    zeros = bytes(LIMIT + 1)
    refused(make_zip(tmp_path / "x.zip", {"bomb": zeros}), tmp_path, "says it unpacks to 1,000,001 bytes")
    refused(make_tar(tmp_path / "x.tgz", [("bomb", zeros)]), tmp_path, "unpacks to more than 1,000,000 bytes")


def test_too_many_entries(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MEMBERS", 5)
    entries = [("d%d/x" % number, b"1") for number in range(6)]
    refused(make_tar(tmp_path / "x.tgz", entries), tmp_path, "more than 5 entries")
    refused(make_zip(tmp_path / "x.zip", dict(entries)), tmp_path, "more than 5 entries")


def test_damaged_archives(tmp_path):
    content = np.random.RandomState(0).bytes(50000)
    for archive in (make_zip(tmp_path / "x.zip", {"a": content}), make_tar(tmp_path / "x.tgz", [("a", content)])):
        with open(archive, "rb") as stream:
            whole = stream.read()
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 255
        for broken in (whole[: len(whole) // 2], whole[:100], bytes(changed), b"", b"no archive at all" * 99):
            with open(archive, "wb") as stream:
                stream.write(broken)
            refused(archive, tmp_path, "damaged or incomplete|holds no files")


def test_an_existing_folder_is_not_touched(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine").write_text("1")
    with pytest.raises(UserError, match="exists already"):
        archives.unpack(make_zip(tmp_path / "x.zip", {"a": b"1"}), str(tmp_path / "set"), limit=LIMIT)
    assert tree(tmp_path / "set") == {"mine": b"1"}


def test_a_disk_that_fills_up_while_unpacking_leaves_nothing(tmp_path, monkeypatch):
    def full(stream, block, path):
        raise UserError("%s cannot be written (No space left on device)" % path)

    monkeypatch.setattr(archives, "write", full)
    refused(make_zip(tmp_path / "x.zip", {"a": b"1"}), tmp_path, "No space left")


def test_room_is_looked_at_before_unpacking(tmp_path, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: type("Usage", (), dict(free=10)))
    refused(make_zip(tmp_path / "x.zip", {"a": b"1" * 1000}), tmp_path, "needs 1 kB more")
