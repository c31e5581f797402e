"""Faults during a training, for each of the five: nothing is lost, and the next call says what it does.

The long form, `make hard`, kills each training twenty times; what is marked ``script`` alone belongs to `make test`.
"""

import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from tests.hard import figures, trainings

NAMES = sorted(trainings.TRAININGS)
pytestmark = [pytest.mark.script, pytest.mark.slow, pytest.mark.hard]


@pytest.fixture(scope="module", params=NAMES)
def trained(request, tmp_path_factory):
    """(name, folder of a run that ended, the state it ended in, seconds it took, folder with what comes before)."""
    name = request.param
    before = tmp_path_factory.mktemp("before-" + name)
    trainings.prepare(name, before)
    folder = tmp_path_factory.mktemp("whole-" + name) / "run"
    shutil.copytree(str(before), str(folder))
    began = time.time()
    trainings.whole(name, folder)
    return name, folder, trainings.end_state(name, folder), time.time() - began, before


@pytest.fixture
def survived(trained, request):
    """A function (fault, how often): counts what a training survived."""
    return lambda fault, count=1: figures.add(request.node.name, "fault", training=trained[0], fault=fault, count=count)


def new_run(trained, tmp_path):
    name, _, state, seconds, before = trained
    folder = tmp_path / "运行 run"  # a path with a space and with Chinese
    shutil.copytree(str(before), str(folder))
    return name, folder, state, seconds


def test_killed_twenty_times_it_ends_where_an_unbroken_run_ends(trained, tmp_path, survived):
    """Half of the kills come as a checkpoint is being written. A run that ends between them is compared, and another begun."""
    name, _, state, seconds, before = trained
    moments = random.Random(0)
    kills = runs = 0
    while kills < 20:
        folder = tmp_path / ("run %d" % runs)
        shutil.copytree(str(before), str(folder))
        runs += 1
        ended = False
        while kills < 20 and not ended:
            process = trainings.start(name, folder)
            wait = moments.uniform(0.2, 0.9) * seconds
            if kills % 2 and trainings.wait_for_write(name, folder, process):
                wait = moments.uniform(0, 0.1)
            try:
                _, errors = process.communicate(timeout=wait)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                kills += 1
            else:
                assert process.returncode == 0, errors[-3000:]
                ended = True
        if not ended:
            trainings.whole(name, folder)
        trainings.assert_same_end(name, folder, state)
        shutil.rmtree(str(folder))
    survived("killed", kills)


@pytest.mark.parametrize("number,status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_asked_to_stop_it_saves_and_goes_on_the_next_time(trained, tmp_path, number, status, survived):
    name, folder, state, seconds = new_run(trained, tmp_path)
    process = trainings.start(name, folder)
    trainings.wait_for_checkpoint(name, folder, process)
    process.send_signal(number)
    output, errors = process.communicate(timeout=300)
    if process.returncode != 0:  # it may have ended just before
        assert process.returncode == status, errors[-2000:]
        assert "Traceback" not in errors and "stopping after this step" in errors
    trainings.whole(name, folder)
    trainings.assert_same_end(name, folder, state)
    survived("asked to stop")


def test_ctrl_c_twice_does_not_wait_and_the_last_checkpoint_counts(trained, tmp_path, survived):
    name, folder, state, seconds = new_run(trained, tmp_path)
    process = trainings.start(name, folder)
    trainings.wait_for_checkpoint(name, folder, process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    # the second may find Python already on its way out, where the signal itself ends it: a shell says 130 for both
    assert process.returncode in (0, 130, -signal.SIGINT) and "Traceback" not in errors, errors[-2000:]
    trainings.whole(name, folder)
    trainings.assert_same_end(name, folder, state)
    survived("asked to stop twice")


def test_a_clock_that_was_set_back_hides_no_checkpoint(trained, tmp_path, survived):
    """What the killed run left has times of tomorrow; the newest checkpoint is still found, and the end is the same."""
    name, folder, state, seconds = new_run(trained, tmp_path)
    process = trainings.start(name, folder)
    trainings.wait_for_checkpoint(name, folder, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    tomorrow = time.time() + 86400
    for base, _, names in os.walk(str(folder)):
        for file in names:
            os.utime(os.path.join(base, file), (tomorrow, tomorrow))
    trainings.whole(name, folder)
    trainings.assert_same_end(name, folder, state)
    steps = [
        trainings.run.step_of(prefix) for prefix in trainings.run.checkpoints(trainings.checkpoint_dir(name, folder))
    ]
    assert steps == sorted(steps, reverse=True)
    survived("clock set back")


def test_a_second_run_into_the_same_folder_is_refused(trained, tmp_path, survived):
    name, folder, state, seconds = new_run(trained, tmp_path)
    first = trainings.start(name, folder)
    lock = os.path.join(str(folder), ".lock")
    while first.poll() is None and not (os.path.exists(lock) and os.path.getsize(lock)):
        time.sleep(0.02)
    first.send_signal(signal.SIGSTOP)  # so that it cannot end meanwhile
    try:
        second = trainings.start(name, folder)
        _, errors = second.communicate(timeout=300)
        trainings.assert_one_line(second, errors, 2, "is in use by another run (process %d)" % first.pid)
    finally:
        first.send_signal(signal.SIGCONT)
        first.communicate()
    assert first.returncode == 0
    trainings.assert_same_end(name, folder, state)
    survived("a second run")


def test_other_settings_are_refused_and_named(trained, survived):
    name, folder, state, _, _ = trained
    process = trainings.start(name, folder, "--seed=5")
    _, errors = process.communicate(timeout=300)
    trainings.assert_one_line(process, errors, 2, "seed 0, not 5", "another --output-dir")
    trainings.assert_same_end(name, folder, state)
    survived("other settings")


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_of_a_damaged_checkpoint_the_one_before_is_used(trained, tmp_path, damage, survived):
    name, whole, state, _, _ = trained
    folder = tmp_path / "run"
    shutil.copytree(str(whole), str(folder))
    found = trainings.run.checkpoints(trainings.checkpoint_dir(name, folder))
    path = found[0] + ".data-00000-of-00001"
    if damage == "cut":
        os.truncate(path, os.path.getsize(path) // 2)
    else:
        with open(path, "r+b") as stream:
            stream.seek(os.path.getsize(path) // 2)
            byte = stream.read(1)
            stream.seek(-1, os.SEEK_CUR)
            stream.write(bytes([byte[0] ^ 255]))
    process = trainings.start(name, folder)
    _, errors = process.communicate(timeout=560)
    if len(found) == 1:
        trainings.assert_one_line(process, errors, 2, "can be restored")
        survived("damaged checkpoint")
        return
    assert process.returncode == 0, errors[-3000:]
    assert "cannot be used" in errors
    trainings.assert_same_end(name, folder, state)
    survived("damaged checkpoint")


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe\0", b"null"])
def test_broken_settings_are_a_line(trained, tmp_path, content, survived):
    name, whole, _, _, _ = trained
    folder = tmp_path / "run"
    shutil.copytree(str(whole), str(folder))
    (folder / "settings.json").write_bytes(content)
    process = trainings.start(name, folder)
    _, errors = process.communicate(timeout=300)
    trainings.assert_one_line(process, errors, 2, "settings.json")
    survived("broken settings")


def test_closed_streams_no_home_and_the_locale_c(trained, tmp_path, survived):
    """``<&- | head -1`` without HOME, in a folder that cannot be written to: the training ends well all the same."""
    name, folder, state, _ = new_run(trained, tmp_path)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    words = " ".join("'%s'" % word for word in trainings.command(name, folder))
    script = "unset HOME; %s <&- 2>'%s' | head -1; exit ${PIPESTATUS[0]}" % (words, tmp_path / "errors")
    variables = trainings.environment(LC_ALL="C", LANG="C", PYTHONIOENCODING="")
    done = subprocess.run(["bash", "-c", script], cwd=str(locked), env=variables, stdout=subprocess.PIPE, timeout=560)
    errors = (tmp_path / "errors").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0 and "Traceback" not in errors, errors[-3000:]
    survived("closed streams, no home")


def test_a_full_disk_is_a_line_and_the_last_checkpoint_stays(trained, tmp_path, survived):
    name, folder, state, _ = new_run(trained, tmp_path)
    disk = tmp_path / "disk"
    disk.mkdir()
    used = sum(os.path.getsize(os.path.join(base, file)) for base, _, files in os.walk(str(folder)) for file in files)
    checkpoint = sum(value.nbytes for value in state.values())
    mount = ["mount", "-t", "tmpfs", "-o", "size=%d" % (used + int(1.6 * checkpoint) + 65536), "tmpfs", str(disk)]
    if subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        shutil.copytree(str(folder), str(disk / "run"))
        process = trainings.start(name, disk / "run")
        _, errors = process.communicate(timeout=560)
        assert process.returncode == 2 and "Traceback" not in errors, errors[-3000:]
        assert [line for line in errors.splitlines() if line.startswith("error: ")], errors[-3000:]
    finally:
        subprocess.run(["umount", "-l", str(disk)])
    survived("full disk")


def test_a_disk_that_cannot_be_written_is_a_line(trained, tmp_path, survived):
    name, folder, _, _ = new_run(trained, tmp_path)
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk)], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        shutil.copytree(str(folder), str(disk / "run"))
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        process = trainings.start(name, disk / "run")
        _, errors = process.communicate(timeout=300)
        trainings.assert_one_line(process, errors, 2, "Read-only file system")
    finally:
        subprocess.run(["umount", "-l", str(disk)])
    survived("read-only")


def test_an_output_folder_that_is_removed_while_it_runs(trained, tmp_path, survived):
    name, folder, state, seconds = new_run(trained, tmp_path)
    process = trainings.start(name, folder)
    trainings.wait_for_checkpoint(name, folder, process)
    shutil.rmtree(str(folder), ignore_errors=True)
    _, errors = process.communicate(timeout=560)
    assert process.returncode in (0, 2) and "Traceback" not in errors, errors[-3000:]
    survived("folder removed")
