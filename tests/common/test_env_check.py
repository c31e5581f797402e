"""tools/env_check.py: what a reader pastes when asking for help."""

import os
import shutil
import subprocess
import sys
import types

import pytest

from tests.helpers import REPOSITORY
from tools import env_check

SCRIPT = os.path.join(REPOSITORY, "tools", "env_check.py")


def run(*command, **environment):
    variables = {key: value for key, value in os.environ.items() if key != "BOOK_DATA_DIR"}
    return subprocess.run(
        list(command),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=dict(variables, **environment),
    )


@pytest.mark.script
def test_this_environment_is_well(tmp_path):
    for name, file in (("births", "my-births.csv"), ("reuters", "notes.txt"), ("celeba", None)):
        (tmp_path / name).mkdir()  # the third is what a fetch that failed leaves
        if file:
            (tmp_path / name / file).write_text("", encoding="utf-8")
    result = run(sys.executable, SCRIPT, BOOK_DATA_DIR=str(tmp_path))
    lines = result.stdout.splitlines()
    assert result.returncode == 0, result.stdout
    assert lines[-1] == "all well" and len(lines) < 40 and max(map(len, lines)) < 160
    assert all(line.split()[0] in ("OK", "NOTE") for line in lines[:-1])
    assert any(line.startswith("OK    TensorFlow matmul: 1.1") for line in lines)
    assert "OK    BOOK_DATA_DIR has births, reuters (incomplete)" in lines
    assert result.stderr == ""


@pytest.mark.script
def test_an_environment_without_packages_fails_line_by_line():
    result = run(sys.executable, "-S", SCRIPT)  # -S: without site-packages
    assert result.returncode == 1 and result.stderr == ""
    failed = [line for line in result.stdout.splitlines() if line.startswith("FAIL")]
    wanted = env_check.read_requirements(os.path.join(REPOSITORY, "requirements.txt"))
    assert failed[: len(wanted)] == ["FAIL  %s %s is not installed" % item for item in wanted]
    assert "TensorFlow matmul: not tried" in failed[-1]


@pytest.mark.script
def test_an_unsuitable_python_is_told_so():
    candidates = ["python3.%d" % minor for minor in (13, 12, 11, 10, 9, 8)] + ["/usr/bin/python3"]
    found = [path for path in map(shutil.which, candidates) if path and run(path, "-c", "").returncode == 0]
    found = [
        path
        for path in found
        if run(path, "-c", "import sys; sys.exit(sys.version_info[:2] == (3, 7))").returncode == 0
    ]
    if not found:
        pytest.skip("this machine has no other Python 3")
    result = run(found[0], SCRIPT)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert [
        line for line in result.stdout.splitlines() if line.startswith("FAIL  Python 3.") and "needs Python 3.7" in line
    ]


def test_reading_pins(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text("# head\nnumpy==1.16.6   # 1==2\n\nscikit-learn == 0.22.2.post1\n-r other.txt\n", encoding="utf-8")
    assert env_check.read_requirements(str(path)) == [("numpy", "1.16.6"), ("scikit-learn", "0.22.2.post1")]


def test_reading_what_is_installed(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder, names in (
        (first, ["scikit_learn-0.22.2.post1.dist-info", "PyYAML-5.1-py3.7.egg-info", "numpy", "note.txt"]),
        (second, ["scikit_learn-1.0.dist-info", "backports.entry_points_selectable-1.1.dist-info"]),
    ):
        folder.mkdir()
        for name in names:
            (folder / name).mkdir()
    found = env_check.installed([str(first), str(second), str(tmp_path / "none")])
    assert found == {"scikit-learn": "0.22.2.post1", "pyyaml": "5.1", "backports-entry-points-selectable": "1.1"}


def printed(capsys, check, *arguments):
    checks = env_check.Checks()
    check(checks, *arguments)
    return checks.failed, capsys.readouterr().out


def test_a_package_of_another_version(capsys):
    found = dict((env_check.normal(name), version) for name, version in env_check.read_requirements(
        os.path.join(REPOSITORY, "requirements.txt")))  # fmt: skip
    assert printed(capsys, env_check.check_packages, found)[0] is False
    failed, out = printed(capsys, env_check.check_packages, dict(found, numpy="1.19.0"))
    assert failed and "FAIL  numpy 1.16.6 is wanted, 1.19.0 is installed\n" in out and out.count("FAIL") == 1


def test_the_second_lane_is_recognised(capsys):
    failed, out = printed(capsys, env_check.check_packages, {"tensorflow": "1.15.5"})
    assert "OK    tensorflow 1.15.5" in out


@pytest.mark.parametrize(
    "status,stdout,stderr,said",
    [
        (0, b"noise\nRESULT 1.13.2 [17, 39] CPU build\n", b"", "OK    TensorFlow matmul: 1.13.2 [17, 39] CPU build"),
        (0, b"RESULT 1.13.2 [17, 38] CPU build\n", b"", "FAIL  TensorFlow matmul: status 0, no message"),
        (-4, b"", b"", "FAIL  TensorFlow matmul: illegal instruction"),
        (
            1,
            b"",
            b"Traceback\nImportError: no protobuf\n",
            "FAIL  TensorFlow matmul: status 1, ImportError: no protobuf",
        ),
    ],
)
def test_how_the_multiplication_can_end(capsys, monkeypatch, status, stdout, stderr, said):
    answer = types.SimpleNamespace(returncode=status, stdout=stdout, stderr=stderr)
    monkeypatch.setattr(env_check.subprocess, "run", lambda *unused, **keywords: answer)
    failed, out = printed(capsys, env_check.check_tensorflow, {"tensorflow": "1.13.2"})
    assert out.startswith(said) and failed == said.startswith("FAIL")


@pytest.mark.parametrize(
    "machine,flags,fails",
    [("x86_64", {"avx", "sse"}, False), ("AMD64", None, False), ("x86_64", {"sse"}, True), ("arm64", None, True)],
)
def test_processors(capsys, monkeypatch, machine, flags, fails):
    monkeypatch.setattr(env_check.platform, "machine", lambda: machine)
    monkeypatch.setattr(env_check, "cpu_flags", lambda: flags)
    failed, out = printed(capsys, env_check.check_processor)
    assert failed == fails and ("FAIL" in out) == fails


def test_a_full_disk(capsys, monkeypatch):
    monkeypatch.setattr(env_check.shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=1e9))
    assert printed(capsys, env_check.check_disk) == (True, "FAIL  disk: 1.0 GB free: make room for 2 GB\n")


def test_a_data_folder_that_is_none(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path / "none"))
    failed, out = printed(capsys, env_check.check_data)
    assert failed and "FAIL  BOOK_DATA_DIR is no folder" in out and str(tmp_path) not in out
