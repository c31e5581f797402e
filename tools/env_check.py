"""Checks the environment: one line OK, FAIL or NOTE a requirement, to paste when you ask for help.

    python tools/env_check.py

Runs on any Python 3 with nothing installed, so that it can say what is missing. Exit status 0 when the examples can run,
1 when something FAILs (each FAIL line names the mend). NOTE lines are good to know.
"""

import os
import platform
import re
import shutil
import struct
import subprocess
import sys

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WANTED_PYTHON = (3, 7)
LEAST_DISK = 2e9  # bytes: environment and tiny runs
LEAST_MEMORY = 3e9
SET_UP = "`make env` (then .venv/bin/python), or `pip install -r requirements.txt` with Python 3.7"

MATMUL = """
import os, warnings
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
warnings.simplefilter("ignore")
import tensorflow as tf
with tf.Session() as session:
    product = session.run(tf.matmul([[1.0, 2.0], [3.0, 4.0]], [[5.0], [6.0]]))
print("RESULT", tf.__version__, [int(x) for x in product.ravel()], "GPU build" if tf.test.is_built_with_cuda() else "CPU build")
"""


class Checks:
    """Prints each finding and remembers whether one failed."""

    def __init__(self):
        self.failed = False

    def line(self, word, text):
        self.failed = self.failed or word == "FAIL"
        print("%-5s %s" % (word, text))
        sys.stdout.flush()

    def expect(self, good, text, mend):
        """OK text, or FAIL text with the mend."""
        self.line("OK" if good else "FAIL", text if good else "%s: %s" % (text, mend))


# ------------------------------------------------------------------------------------------------ packages
def normal(name):
    """A package's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_requirements(path):
    """[(name, version)] of a requirements file with pins ``name==version  # comment``."""
    with open(path, encoding="utf-8") as stream:
        lines = [line.split("#")[0].strip() for line in stream]
    return [tuple(part.strip() for part in line.split("==")) for line in lines if "==" in line]


def installed(folders):
    """{normal name: version} of the packages in these folders, read from the names of their metadata folders."""
    found = {}
    for folder in folders:
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:
            continue
        for name in names:
            match = re.match(r"^(.+?)-([^-]+)(-py[\d.]+)?\.(dist|egg)-info$", name)
            if match:
                found.setdefault(normal(match.group(1)), match.group(2))
    return found


def check_packages(checks, found):
    """Each package of requirements.txt (or of the TF 1.15 lane, where that TensorFlow is installed)."""
    before, checks.failed = checks.failed, False
    lane = "requirements-tf1.15.txt" if found.get("tensorflow", "").startswith("1.15") else "requirements.txt"
    for name, version in read_requirements(os.path.join(REPOSITORY, lane)):
        have = found.get(normal(name))
        if have == version:
            checks.line("OK", "%s %s" % (name, version))
        elif have is None:
            checks.line("FAIL", "%s %s is not installed" % (name, version))
        else:
            checks.line("FAIL", "%s %s is wanted, %s is installed" % (name, version, have))
    if checks.failed:
        checks.line("NOTE", "packages come with %s" % SET_UP)
    checks.failed = checks.failed or before


def check_tensorflow(checks, found, timeout=180):
    """Imports TensorFlow and multiplies in a process of its own: a crash there must not end this check."""
    if "tensorflow" not in found:
        checks.line("FAIL", "TensorFlow matmul: not tried, TensorFlow is not installed")
        return
    try:
        process = subprocess.run(
            [sys.executable, "-c", MATMUL], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        checks.line("FAIL", "TensorFlow matmul: no answer within %d s" % timeout)
        return
    answer = [line for line in process.stdout.decode("utf-8", "replace").splitlines() if line.startswith("RESULT")]
    if process.returncode == 0 and answer and "[17, 39]" in answer[0]:
        checks.line("OK", "TensorFlow matmul:%s" % answer[0][len("RESULT") :])
    elif process.returncode == -4:
        checks.line(
            "FAIL", "TensorFlow matmul: illegal instruction (this processor lacks what the wheel was built for)"
        )
    else:
        said = process.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = said[-1][:150] if said else "no message"
        checks.line("FAIL", "TensorFlow matmul: status %d, %s" % (process.returncode, reason))


# ------------------------------------------------------------------------------------------------ the machine
def cpu_flags():
    """The processor's flags in lower case, None where they cannot be read."""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
            for line in stream:
                if line.startswith(("flags", "Features")):
                    return set(line.split(":", 1)[1].lower().split())
    if sys.platform == "darwin":
        try:
            out = subprocess.check_output(["sysctl", "-n", "machdep.cpu.features"], stderr=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError):
            return None
        return set(out.decode("ascii", "replace").lower().replace("avx1.0", "avx").split())
    return None


def check_processor(checks):
    machine = platform.machine()
    good = machine.lower() in ("x86_64", "amd64")
    checks.expect(
        good, "processor %s" % (machine or "unknown"), "TensorFlow 1 has wheels for x86_64 only (x86 emulation works)"
    )
    flags = cpu_flags() if good else None
    if flags is None:
        checks.line("NOTE", "processor flags are unknown here; TensorFlow's wheels need AVX")
        return
    shown = " ".join(flag for flag in ("avx", "avx2", "fma", "avx512f") if flag in flags)
    checks.expect("avx" in flags, "processor flags: %s" % (shown or "no AVX"), "TensorFlow's wheels need AVX")


def check_memory(checks):
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        checks.line("NOTE", "memory: unknown here")
        return
    text = "memory %.1f GB, %d cores" % (size / 1e9, os.cpu_count() or 1)
    small = "; the book's batch of example 53 takes 4.5 GB: lower --batch" if size < 6e9 else ""
    checks.line("OK" if size >= LEAST_MEMORY and not small else "NOTE", text + small)


def check_disk(checks):
    free = shutil.disk_usage(REPOSITORY).free
    checks.expect(free >= LEAST_DISK, "disk: %.1f GB free" % (free / 1e9), "make room for 2 GB")


def holds_files(folder):
    """Whether ``folder`` is one with anything in it: a fetch that failed leaves an empty one."""
    return os.path.isdir(folder) and bool(os.listdir(folder))


def check_data(checks):
    """Which data sets are there; none is needed for --preset tiny."""
    sys.path.insert(0, REPOSITORY)
    try:
        from common import datasets
    except Exception as error:  # an unsuitable Python; the line above says so already
        checks.line("NOTE", "data: not looked at (%s)" % error)
        return
    root = os.environ.get("BOOK_DATA_DIR")
    for place, folder in (("BOOK_DATA_DIR", root), ("data/", os.path.join(REPOSITORY, "data"))):
        if not folder:
            checks.line("NOTE", "%s is not set" % place)
        elif not os.path.isdir(folder):
            checks.line("FAIL", "%s is no folder: set it to the folder that holds births, reuters ..." % place)
        else:
            names = [
                name for name in sorted(list(datasets.DATASETS) + ["bznsyp"]) if holds_files(os.path.join(folder, name))
            ]
            for number, name in enumerate(names):
                patterns = [row.pattern for row in datasets.DATASETS[name].files] if name in datasets.DATASETS else []
                if datasets.missing_files(os.path.join(folder, name), patterns):
                    names[number] = name + " (incomplete)"
            none = "no data set (--preset tiny needs none; `python -m data list` shows what there is)"
            checks.line("OK" if names else "NOTE", "%s has %s" % (place, ", ".join(names) or none))


def main():
    """Runs all checks; 0 or 1."""
    checks = Checks()
    version = platform.python_version()
    checks.line("NOTE", "%s, %s" % (platform.platform(), os.path.basename(sys.executable)))
    checks.expect(
        sys.version_info[:2] == WANTED_PYTHON,
        "Python %s" % version,
        "TensorFlow 1 needs Python 3.7; `make env` finds or installs one (then: .venv/bin/python tools/env_check.py)",
    )
    checks.expect(struct.calcsize("P") == 8, "%d bit" % (8 * struct.calcsize("P")), "TensorFlow needs a 64-bit Python")
    check_processor(checks)
    check_memory(checks)
    check_disk(checks)
    found = installed(sys.path)
    check_packages(checks, found)
    check_tensorflow(checks, found)
    check_data(checks)
    print("something FAILs: mend that first" if checks.failed else "all well")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough; common.options, which knows this, may not be importable here
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status)
