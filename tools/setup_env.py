#!/usr/bin/env python3
"""Sets up the environment: finds or installs Python 3.7, makes .venv, installs the locked packages.

Runs on any Python 3.6 or newer, standard library only; `make` calls it. A finished environment is recognised by a stamp
made of the lock file's contents, so that the second call returns at once and a changed lock file rebuilds.

  python3 tools/setup_env.py              .venv with TensorFlow 1.13 (the book's)
  python3 tools/setup_env.py --tf 1.15    .venv-tf1.15 with TensorFlow 1.15 (the second lane)

$PYTHON37 names a Python 3.7 of your own.
"""

import argparse
import glob
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = os.path.join(ROOT, ".tools")
WINDOWS = os.name == "nt"
LANES = {"1.13": (".venv", "requirements.lock"), "1.15": (".venv-tf1.15", "requirements-tf1.15.lock")}
UV_VERSION = "0.6.17"  # the last series of uv that can bring Python 3.7; later ones say "No download found"
UV_INSTALLER = "https://astral.sh/uv/%s/install.sh" % UV_VERSION
PROBE = "import sys, ensurepip, venv; sys.exit(0 if sys.version_info[:2] == (3, 7) and sys.maxsize > 2**32 else 3)"


class SetupError(Exception):
    """The environment cannot be made; the message says why and what to do."""


def say(text):
    print("set-up: " + text, flush=True)


def quiet_run(command, **keywords):
    """Runs ``command``; returns (exit status, the combined output)."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", **keywords
        )
    except OSError as error:
        return 127, str(error)
    return done.returncode, done.stdout


def is_python37(path):
    """Whether ``path`` really runs a 64-bit Python 3.7 with venv (a pyenv shim may refuse to)."""
    return quiet_run([path, "-c", PROBE])[0] == 0


def python37_candidates():
    """Interpreters that might be Python 3.7, the user's own choice first, uv's private one last."""
    if os.environ.get("PYTHON37"):
        yield os.environ["PYTHON37"]
    names = ["python.exe"] if WINDOWS else ["python3.7"]
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.exists(path):
                yield path
    yield sys.executable
    home = os.path.expanduser("~")
    executable = "python.exe" if WINDOWS else os.path.join("bin", "python3.7")
    patterns = [
        os.path.join(os.environ.get("PYENV_ROOT", os.path.join(home, ".pyenv")), "versions", "3.7.*", executable),
        os.path.join(home, "*conda3", "envs", "*", executable),
        os.path.join(home, ".local", "share", "uv", "python", "cpython-3.7*", executable),
        os.path.join(home, "AppData", "Local", "Programs", "Python", "Python37", "python.exe"),
        os.path.join("/opt", "*", executable),
        os.path.join(TOOLS, "python", "cpython-3.7*", executable),
    ]
    for pattern in patterns:
        for path in sorted(glob.glob(pattern), reverse=True):
            yield path


def find_python37():
    """Path of a working Python 3.7, or None."""
    for path in python37_candidates():
        if is_python37(path):
            return path
    return None


def find_or_install_uv():
    """Path of the program uv, of the one version that serves, installed into .tools from the package index."""
    private = os.path.join(TOOLS, "uv", "Scripts" if WINDOWS else "bin", "uv.exe" if WINDOWS else "uv")
    if UV_VERSION in quiet_run([private, "--version"])[1]:
        return private
    say("installing uv %s (it brings Python 3.7) into .tools/uv" % UV_VERSION)
    folder = os.path.join(TOOLS, "uv")
    shutil.rmtree(folder, ignore_errors=True)
    reasons = []
    status, output = quiet_run([sys.executable, "-m", "venv", folder])
    if status == 0:
        pip = os.path.join(os.path.dirname(private), "python")
        status, output = quiet_run(
            [pip, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv==" + UV_VERSION]
        )
    if status == 0:
        return private
    reasons.append(last_line(output))
    shutil.rmtree(folder, ignore_errors=True)
    if not WINDOWS:  # a python3 without venv or pip (Debian splits them off): uv's own installer
        try:
            with urllib.request.urlopen(UV_INSTALLER, timeout=60) as answer:
                script = answer.read()
            environment = dict(os.environ, UV_INSTALL_DIR=os.path.dirname(private), UV_NO_MODIFY_PATH="1")
            done = subprocess.run(
                ["sh"], input=script, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            if done.returncode == 0 and os.path.exists(private):
                return private
            reasons.append(last_line(done.stdout.decode("utf-8", "replace")))
        except (OSError, urllib.error.URLError) as error:
            reasons.append("%s: %s" % (UV_INSTALLER, error))
    raise SetupError(
        "no Python 3.7 here, and uv, which could bring one, cannot be installed (%s).\n"
        "Install Python 3.7 by hand (pyenv, conda, python.org) and say PYTHON37=/path/to/python3.7 make ..."
        % "; ".join(reasons)
    )


def install_python37():
    """Lets uv bring a private Python 3.7 into .tools/python."""
    uv = find_or_install_uv()
    say("installing Python 3.7 into .tools/python")
    request = "3.7"
    if sys.platform == "darwin" and platform.machine() == "arm64":
        request = "cpython-3.7-macos-x86_64-none"  # TensorFlow 1 has no build for Apple's processors; Rosetta runs this
    environment = dict(os.environ, UV_PYTHON_INSTALL_DIR=os.path.join(TOOLS, "python"))
    status, output = quiet_run([uv, "python", "install", request], env=environment)
    found = find_python37()
    if status != 0 or found is None:
        raise SetupError(
            "no Python 3.7 here, and uv could not bring one (%s).\n"
            "Install Python 3.7 by hand (pyenv, conda, python.org) and say PYTHON37=/path/to/python3.7 make ..."
            % last_line(output)
        )
    return found


def last_line(output):
    lines = [line.strip() for line in output.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def fingerprint(lock):
    """What the stamp holds: a changed lock file, set-up or place of the repository makes the environment anew."""
    digest = hashlib.sha256(ROOT.encode("utf-8"))
    for path in (lock, os.path.join(ROOT, "requirements-pip.lock"), os.path.abspath(__file__)):
        with open(path, "rb") as stream:
            digest.update(stream.read())
    return digest.hexdigest()


def make_environment(lane):
    """Makes the environment of ``lane`` unless it is there and up to date; returns its Python."""
    folder, lock = (os.path.join(ROOT, name) for name in LANES[lane])
    python = os.path.join(folder, "Scripts" if WINDOWS else "bin", "python.exe" if WINDOWS else "python")
    stamp = os.path.join(folder, ".ready")
    wanted = fingerprint(lock)
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as stream:
            if stream.read() == wanted and quiet_run([python, "-c", ""])[0] == 0:
                return python
    if platform.machine().lower() in ("aarch64", "arm64") and sys.platform != "darwin":
        raise SetupError(
            "TensorFlow 1 has no packages for ARM processors: use an x86-64 machine, or Docker with emulation"
        )
    base = find_python37() or install_python37()
    say("using %s" % base)
    say("making %s" % os.path.basename(folder))
    shutil.rmtree(folder, ignore_errors=True)
    status, output = quiet_run([base, "-m", "venv", folder])
    if status != 0:
        raise SetupError("python -m venv failed: %s" % last_line(output))
    say("installing TensorFlow %s and the other locked packages (a minute or two, about 450 MB)" % lane)
    for requirements in (os.path.join(ROOT, "requirements-pip.lock"), lock):
        command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--retries", "5"]
        status, output = quiet_run(command + ["--require-hashes", "-r", requirements])
        if status != 0:
            raise SetupError("pip could not install %s:\n%s" % (os.path.basename(requirements), output[-3000:]))
    site_packages = quiet_run([python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"])[1].strip()
    with open(os.path.join(site_packages, "companion.pth"), "w", encoding="utf-8") as stream:
        stream.write(ROOT + "\n")  # `python -m ch09_…` works from any folder
    with open(stamp, "w", encoding="utf-8") as stream:
        stream.write(wanted)
    say("done: %s" % os.path.relpath(python, os.getcwd()))
    return python


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tf", choices=sorted(LANES), default="1.13", help="TensorFlow lane (default: 1.13)")
    lane = parser.parse_args(argv).tf
    try:
        make_environment(lane)
    except SetupError as error:
        print("error: %s" % error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
