"""data/download.py against a server on this machine."""

import collections
import errno
import hashlib
import os

import numpy as np
import pytest

from common.errors import UserError
from data import download
from tests.common.web import site

CONTENT = np.random.RandomState(1).bytes(900000)
OTHER = np.random.RandomState(2).bytes(900000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def web():
    with site() as running:
        running.files["/file.bin"] = CONTENT
        yield running


@pytest.fixture
def target(tmp_path):
    return str(tmp_path / "file.bin")


def get(web, target, **keywords):
    keywords.setdefault("pause", 0.0)
    return download.download(web.url + "/file.bin", target, **keywords)


def read(path):
    with open(path, "rb") as stream:
        return stream.read()


def only(target):
    """The download's folder holds the file and nothing else."""
    return os.listdir(os.path.dirname(target)) == [os.path.basename(target)]


def test_a_whole_file_arrives(web, target):
    assert get(web, target, size=len(CONTENT), sha256=SHA256) == target
    assert read(target) == CONTENT and only(target)


def test_cut_connections_are_resumed_and_not_started_over(web, target):
    web.cuts = [300000, 0, 200000]
    get(web, target, sha256=SHA256)
    assert read(target) == CONTENT and only(target)
    assert [asked for _, asked in web.requests] == [None, "bytes=300000-", "bytes=300000-", "bytes=500000-"]


def test_the_next_call_goes_on_where_the_last_one_gave_up(web, target):
    web.cuts = [400000, 0, 0]
    with pytest.raises(download.DownloadError, match="first 400,000 bytes are kept"):
        get(web, target, attempts=2)
    assert not os.path.exists(target) and os.path.getsize(target + ".part") == 400000
    get(web, target, sha256=SHA256)
    assert read(target) == CONTENT and only(target)
    assert web.requests[-1][1] == "bytes=400000-"


def test_a_server_that_ignores_ranges_sends_the_whole_file(web, target):
    web.ranges = False
    web.cuts = [300000]
    get(web, target, sha256=SHA256)
    assert read(target) == CONTENT


def test_a_file_that_changed_meanwhile_is_started_over(web, target):
    web.cuts = [300000, 0]
    with pytest.raises(download.DownloadError):
        get(web, target, attempts=1)
    web.files["/file.bin"] = OTHER
    get(web, target)
    assert read(target) == OTHER  # not the head of one and the tail of the other


def test_halves_of_two_files_without_etag_are_caught_by_the_checksum(web, target):
    web.etags = False
    web.files["/file.bin"] = OTHER
    web.cuts = [300000, 0]
    with pytest.raises(download.DownloadError):
        get(web, target, attempts=1)
    web.files["/file.bin"] = CONTENT
    get(web, target, sha256=SHA256)
    assert read(target) == CONTENT


def test_a_part_of_another_length_is_started_over(web, target):
    web.etags = False
    web.cuts = [300000, 0]
    with pytest.raises(download.DownloadError):
        get(web, target, attempts=1)
    web.files["/file.bin"] = OTHER[:-1]
    get(web, target)
    assert read(target) == OTHER[:-1]


def test_a_part_that_is_already_whole_needs_no_more_bytes(web, target):
    web.cuts = [300000, 0]
    with pytest.raises(download.DownloadError):
        get(web, target, attempts=1)
    with open(target + ".part", "wb") as stream:  # the process died between the last byte and the move
        stream.write(CONTENT)
    get(web, target, sha256=SHA256)
    assert read(target) == CONTENT and web.requests[-1][1] == "bytes=900000-"


def test_a_part_of_unknown_origin_is_not_built_upon(web, target):
    with open(target + ".part", "wb") as stream:
        stream.write(OTHER[:1000])
    get(web, target)
    assert read(target) == CONTENT and web.requests[0][1] is None


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_wrong_checksum_leaves_nothing(web, target, kind):
    with pytest.raises(download.DownloadError, match="has %s [0-9a-f]+, the official file" % kind):
        get(web, target, **{kind: hashlib.new(kind, OTHER).hexdigest()})
    assert os.listdir(os.path.dirname(target)) == []


def test_a_wrong_size_is_refused_before_the_download(web, target):
    with pytest.raises(download.DownloadError, match="has 900,000 bytes, the official file 5,000"):
        get(web, target, size=5000)
    assert os.listdir(os.path.dirname(target)) == []


def test_without_a_content_length_the_known_size_decides(web, target):
    web.length = False
    web.cuts = [300000]
    get(web, target, size=len(CONTENT), sha256=SHA256)
    assert read(target) == CONTENT


def test_more_bytes_than_announced_by_the_size_are_refused(web, target):
    web.length = False
    with pytest.raises(download.DownloadError, match="more than the 1,000 bytes"):
        get(web, target, size=1000)
    assert not os.path.exists(target)


def test_a_quota_page_is_recognised_and_named(web, tmp_path):
    web.files["/faces.zip"] = b"<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head></html>"
    target = str(tmp_path / "faces.zip")
    with pytest.raises(download.DownloadError) as raised:
        download.download(web.url + "/faces.zip", target)
    assert "web page (Google Drive - Quota exceeded), the source's quota page" in str(raised.value)
    assert os.listdir(str(tmp_path)) == []


def test_what_does_not_start_like_a_zip_is_no_zip(web, tmp_path):
    web.files["/faces.zip"] = CONTENT
    with pytest.raises(download.DownloadError, match="does not start like a .zip file"):
        download.download(web.url + "/faces.zip", str(tmp_path / "faces.zip"))
    assert os.listdir(str(tmp_path)) == []


def test_server_troubles_are_tried_again_and_refusals_are_not(web, target):
    web.statuses = [503, 429]
    get(web, target)
    assert read(target) == CONTENT and len(web.requests) == 3
    web.statuses = [403]
    with pytest.raises(download.DownloadError, match="HTTP 403"):
        get(web, target + "2")
    assert len(web.requests) == 4


def test_nobody_listens(web, tmp_path):
    port = int(web.url.rsplit(":", 1)[1])
    unused = "http://127.0.0.1:%d/x" % (port + 1 if port < 65535 else port - 1)
    with pytest.raises(download.DownloadError, match="cannot be reached"):
        download.download(unused, str(tmp_path / "x"), attempts=2, pause=0.0)


@pytest.mark.parametrize("url", ["http://example.org/x", "ftp://example.org/x", "file:///etc/passwd", "/etc/passwd"])
def test_only_https(url, tmp_path):
    with pytest.raises(download.DownloadError, match="not an https address"):
        download.download(url, str(tmp_path / "x"))


def test_a_redirect_must_stay_on_https(web, target):
    web.redirects["/file.bin"] = "http://example.org/file.bin"
    with pytest.raises(download.DownloadError, match="http://example.org/file.bin is not an https address"):
        get(web, target)


Usage = collections.namedtuple("Usage", "total used free")


def test_too_little_room_is_said_before_the_download(web, target, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: Usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(UserError) as raised:
        get(web, target)
    assert "900 kB" in str(raised.value) and "1 kB free" in str(raised.value)
    assert not os.path.exists(target)


def test_a_disk_that_fills_up_is_no_broken_connection(web, target, monkeypatch):
    class Full:
        def __init__(self, stream):
            self.stream, self.room = stream, 500000

        def write(self, block):
            self.room -= len(block)
            if self.room < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.stream.write(block)

    real, full = download.write, {}
    monkeypatch.setattr(download, "write", lambda stream, *rest: real(full.setdefault("disk", Full(stream)), *rest))
    with pytest.raises(UserError, match="cannot be written .No space left.*free some room"):
        get(web, target)
    assert not os.path.exists(target) and len(web.requests) == 1
    monkeypatch.setattr(download, "write", real)  # there is room again
    get(web, target, sha256=SHA256)
    assert read(target) == CONTENT and web.requests[-1][1] is not None


def test_sizes_for_people():
    assert [download.readable(n) for n in (0, 999, 20567, 58889256, 9000000000)] == [
        "0 bytes",
        "999 bytes",
        "20.6 kB",
        "58.9 MB",
        "9 GB",
    ]
