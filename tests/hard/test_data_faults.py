"""Faults of the data commands (killed, full disk, read-only, two at once), and of the writers of records and weights.

Nothing here starts TensorFlow. The long form, `make hard`, kills twenty times; ``-m "not hard"`` leaves one of each.
"""

import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
import zipfile

import numpy as np
import pytest

from common import datasets, files, weights
from tests.common.web import site
from tests.hard import figures, trainings
from tests.helpers import REPOSITORY

pytestmark = [pytest.mark.script, pytest.mark.slow]
COUNT = 60  # pictures


@pytest.fixture
def survived(request):
    return lambda fault, count=1: figures.add(request.node.name, "fault", training="data", fault=fault, count=count)


def pictures(kind="zip"):
    """GOPRO's layout with pictures of 40 kB that cannot be packed."""
    noise = np.random.RandomState(0)
    contents = {
        "%s/GOPR1/%s/%06d.png" % (part, blur, number): b"\x89PNG\r\n\x1a\n" + noise.bytes(40000) + b"IEND\xaeB`\x82"
        for part in ("train", "test")
        for blur in ("blur", "sharp")
        for number in range(COUNT // 4)
    }
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w") as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for name, content in contents.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def web():
    with site() as running:
        yield running


def changes(web, content, size=True, **keywords):
    """What ``fetching.py`` is told: GOPRO's archive is ``content`` of the server ``web``."""
    web.files["/x.zip"] = content
    source = dict(url=web.url + "/x.zip", size=len(content) if size else None, about=1000, unpacked=len(content))
    source.update(sha256=hashlib.sha256(content).hexdigest(), **keywords)
    return json.dumps(dict(gopro=([source], [COUNT // 4] * 4)))


def start(told, *words):
    script = os.path.join(REPOSITORY, "tests", "hard", "fetching.py")
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", script, told] + [str(word) for word in words],
        env=trainings.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def ended(told, *words):
    """(status, output, errors) of a command that runs to its end."""
    process = start(told, *words)
    output, errors = process.communicate(timeout=300)
    assert "Traceback" not in errors, errors[-3000:]
    return process.returncode, output, errors


def refused(told, *words):
    status, _, errors = ended(told, *words)
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert status == 2 and len(lines) == 1, errors[-3000:]
    return lines[0]


def assert_whole(told, folder, archive="GOPRO_Large.zip"):
    """The data set is complete and right, and nothing of an earlier attempt lies about."""
    status, output, errors = ended(told, "fetch", "gopro", "--data-dir", folder)
    assert status == 0 and "complete in" in output, errors[-2000:]
    status, output, _ = ended(told, "verify", "gopro", "--data-dir", folder)
    assert status == 0 and "DAMAGED" not in output and "MISSING" not in output
    assert sorted(os.listdir(str(folder))) == ["GOPRO_Large", archive, "sha256sums.txt"]


def kill_at_random(told, folder, times):
    """Starts and kills fetches; half of them as soon as something is being written. How many were killed."""
    moments, kills = random.Random(1), 0
    began = time.time()
    assert ended(told, "list")[0] == 0
    start_up = time.time() - began
    for number in range(times):
        process = start(told, "fetch", "gopro", "--data-dir", folder)
        if number % 2:
            end = time.time() + 60
            while process.poll() is None and time.time() < end:
                if [name for name in os.listdir(str(folder)) if name.endswith(".part") or name.startswith(".unpack")]:
                    break
                time.sleep(0.001)
            time.sleep(moments.uniform(0, 0.1))
        else:
            time.sleep(moments.uniform(0.5, 1.5) * start_up)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return kills


@pytest.mark.hard
def test_a_fetch_that_is_killed_goes_on(web, tmp_path, survived):
    told = changes(web, pictures())
    folder = tmp_path / "数据 gopro"
    folder.mkdir()
    web.cuts += [300000] * 12  # so that most of them die between two pieces
    kills = kill_at_random(told, folder, 20)
    assert kills
    assert_whole(told, folder)
    survived("killed", kills)


def test_a_fetch_killed_while_it_unpacks_leaves_nothing(web, tmp_path, survived):
    told = changes(web, pictures())
    process = start(told, "fetch", "gopro", "--data-dir", tmp_path)
    while process.poll() is None and not [n for n in os.listdir(str(tmp_path)) if n.startswith(".unpacking-")]:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "GOPRO_Large").exists() or not process.returncode
    assert_whole(told, tmp_path)
    survived("killed")


def test_a_second_fetch_into_the_same_folder_is_refused(web, tmp_path, survived):
    told = changes(web, pictures())
    first = start(told, "fetch", "gopro", "--data-dir", tmp_path)
    while first.poll() is None and not os.listdir(str(tmp_path)):
        time.sleep(0.001)
    first.send_signal(signal.SIGSTOP)
    try:
        assert "another fetch into %s is at work" % tmp_path in refused(told, "fetch", "gopro", "--data-dir", tmp_path)
    finally:
        first.send_signal(signal.SIGCONT)
        first.communicate()
    assert first.returncode == 0
    assert_whole(told, tmp_path)
    survived("a second run")


@pytest.fixture
def disk(tmp_path):
    """A function (bytes) → a small disk in memory; ``disk.read_only()`` locks it."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size):
        words = ["mount", "-t", "tmpfs", "-o", "size=%d" % size, "tmpfs", str(place)]
        if subprocess.run(words, stderr=subprocess.DEVNULL).returncode:
            pytest.skip("no small disk can be mounted here")
        return place

    mount.again = lambda option: subprocess.run(["mount", "-o", "remount," + option, str(place)], check=True)
    yield mount
    subprocess.run(["umount", "-l", str(place)], stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("kind, room", [("zip", 0.5), ("tar", 1.5)])
def test_a_full_disk_is_a_line_and_more_room_mends_it(web, disk, kind, room, survived):
    """Full in the midst of the download, or of the unpacking; of neither the size was known before."""
    content = pictures(kind)
    name = "GOPRO_Large." + kind
    told = changes(web, content, size=False, unpacked=len(content) // 3, filename=name)
    place = disk(int(room * len(content)))
    assert "free some" in refused(told, "fetch", "gopro", "--data-dir", place / "data")
    assert not (place / "data" / "GOPRO_Large").exists()
    disk.again("size=%d" % (3 * len(content)))
    told = changes(web, content, size=False, filename=name)
    assert_whole(told, place / "data", name)
    survived("full disk")


def test_a_disk_that_cannot_be_written_is_a_line(web, disk, survived):
    told = changes(web, pictures())
    place = disk(20 << 20)
    (place / "data").mkdir()
    disk.again("ro")
    assert "Read-only" in refused(told, "fetch", "gopro", "--data-dir", place / "data")
    told = json.dumps(dict(samples=str(place)))
    assert "Read-only" in refused(told, "sample", "births")
    survived("read-only", 2)


@pytest.mark.hard
def test_a_sample_whose_making_is_killed_is_made_anew(tmp_path, survived):
    told = json.dumps(dict(samples=str(tmp_path)))
    began = time.time()
    assert ended(told, "sample", "reuters")[0] == 0
    seconds, moments, kills = time.time() - began, random.Random(2), 0
    right = {name: (tmp_path / "data/samples/reuters" / name).read_bytes() for name in ("reuters.npz", ".generated")}
    for _ in range(20):
        (tmp_path / "data/samples/reuters" / datasets.STAMP).write_text("older")
        process = start(told, "sample", "reuters")
        time.sleep(moments.uniform(0.5, 1) * seconds)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
        found = datasets._stamp_of(str(tmp_path / "data/samples/reuters"))
        assert found in (None, "older", right[".generated"].decode())
        if found is None:
            assert ended(told, "sample", "reuters")[0] == 0
    assert ended(told, "sample", "reuters")[0] == 0
    assert (tmp_path / "data/samples/reuters/reuters.npz").read_bytes() == right["reuters.npz"]
    survived("killed", kills)


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.hard)])
def test_killed_while_it_writes_a_record_and_weights_both_are_whole(tmp_path, times, survived):
    moments, last = random.Random(3), -1
    script = os.path.join(REPOSITORY, "tests", "hard", "saving.py")
    for _ in range(times):
        process = subprocess.Popen([sys.executable, script, str(tmp_path)], env=trainings.environment())
        while not [name for name in os.listdir(str(tmp_path)) if name.endswith(".part")]:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for name in os.listdir(str(tmp_path)):
            if name.endswith(".part"):
                os.remove(str(tmp_path / name))
        if (tmp_path / "x.npz").exists():
            values, settings = weights.load(str(tmp_path / "x.npz"))
            assert (values["w"] == settings["number"] % 1000).all() and (values["b"] == settings["number"] % 1000).all()
            last = settings["number"]
        if (tmp_path / "record-x.json").exists():
            record = files.read_json(str(tmp_path / "record-x.json"))
            assert record["rows"] == [record["number"]] * 20000
    assert last >= 0
    survived("killed while it writes a record or weights", times)
