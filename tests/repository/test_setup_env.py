"""The set-up: which Python it takes, what it refuses, and that a second call does nothing."""

import os
import shutil
import stat
import subprocess
import sys

import pytest

from tools import setup_env

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stubs are shell scripts")


def stub(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n%s\n" % script, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def bare_machine(tmp_path, monkeypatch):
    """A machine without any Python 3.7: an empty home, an empty PATH, no private tools."""
    monkeypatch.setattr(setup_env, "TOOLS", str(tmp_path / "tools"))
    monkeypatch.setattr(sys, "executable", "/nonexistent/python3")
    for name in ("PYTHON37", "PYENV_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(setup_env.glob, "glob", lambda p, g=setup_env.glob.glob: [] if p.startswith("/opt") else g(p))
    return tmp_path


def test_a_shim_that_refuses_is_passed_over_and_a_real_pyenv_interpreter_found(bare_machine):
    """pyenv's shim exists on PATH for versions that are not active, and only prints an error."""
    stub(bare_machine / "bin" / "python3.7", "echo 'pyenv: python3.7: command not found' >&2; exit 127")
    assert setup_env.find_python37() is None
    real = bare_machine / "home" / ".pyenv" / "versions" / "3.7.16" / "bin" / "python3.7"
    real_path = stub(real, "exit 0")
    assert setup_env.find_python37() == real_path


def test_another_version_is_not_taken_for_37(bare_machine):
    stub(bare_machine / "bin" / "python3.7", 'exec /usr/bin/env -i /bin/sh -c "exit 3"')
    assert setup_env.find_python37() is None


def test_the_users_own_choice_comes_first(bare_machine, monkeypatch):
    stub(bare_machine / "bin" / "python3.7", "exit 0")
    chosen = stub(bare_machine / "mine" / "python", "exit 0")
    monkeypatch.setenv("PYTHON37", chosen)
    assert setup_env.find_python37() == chosen


def test_uv_brings_python_into_the_private_folder(bare_machine):
    """A stand-in for uv that lays the interpreter where uv does."""
    tools = bare_machine / "tools"
    target = tools / "python" / "cpython-3.7.9-linux-x86_64-gnu" / "bin" / "python3.7"
    lay = "/bin/mkdir -p %s && printf '#!/bin/sh\\nexit 0\\n' > %s && /bin/chmod +x %s" % (
        target.parent,
        target,
        target,
    )
    script = 'if [ "$1" = --version ]; then echo "uv %s"; else %s; fi' % (setup_env.UV_VERSION, lay)
    stub(tools / "uv" / "bin" / "uv", script)
    assert setup_env.install_python37() == str(target)


def test_failure_to_bring_python_says_what_to_do(bare_machine):
    script = 'if [ "$1" = --version ]; then echo "uv %s"; else echo "dns error" >&2; exit 2; fi' % setup_env.UV_VERSION
    stub(bare_machine / "tools" / "uv" / "bin" / "uv", script)
    with pytest.raises(setup_env.SetupError, match="dns error(.|\n)*PYTHON37="):
        setup_env.install_python37()


def test_lock_files_pin_every_package_with_a_hash():
    for name in ("requirements.lock", "requirements-tf1.15.lock", "requirements-pip.lock"):
        with open(os.path.join(setup_env.ROOT, name), encoding="utf-8") as stream:
            text = stream.read().replace("\\\n", " ")
        for line in text.splitlines():
            assert "==" in line and "--hash=sha256:" in line, (name, line[:80])


def test_lock_files_hold_what_requirements_ask_for():
    for plain, lock in (
        ("requirements.txt", "requirements.lock"),
        ("requirements-tf1.15.txt", "requirements-tf1.15.lock"),
    ):
        with open(os.path.join(setup_env.ROOT, lock), encoding="utf-8") as stream:
            locked = {line.split(" ")[0] for line in stream if "==" in line}
        for source in (plain, "requirements-dev.txt"):
            with open(os.path.join(setup_env.ROOT, source), encoding="utf-8") as stream:
                wanted = {line.split("#")[0].strip() for line in stream if "==" in line}
            assert wanted <= locked, (lock, wanted - locked)


def test_set_up_script_reads_on_old_pythons_and_helps():
    command = [sys.executable, "-I", os.path.join(setup_env.ROOT, "tools", "setup_env.py"), "--help"]
    done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8")
    assert done.returncode == 0 and "--tf" in done.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
def test_make_alone_lists_every_target():
    """Those of the five examples share one rule, which was not listed."""
    done = subprocess.run(["make", "-C", setup_env.ROOT], stdout=subprocess.PIPE, encoding="utf-8")
    with open(os.path.join(setup_env.ROOT, "Makefile"), encoding="utf-8") as stream:
        (targets,) = (line.split()[1:] for line in stream if line.startswith(".PHONY:"))
    listed = [line.split("  ")[0].split() for line in done.stdout.splitlines() if not line.startswith("make")]
    assert sorted(sum(listed, [])) == sorted(targets)
