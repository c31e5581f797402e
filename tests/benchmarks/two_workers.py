"""Two workers of one core each against one of them alone (docs/cluster.md): steps a second, and what communication takes.

Each training runs twice, with few and with more steps; the difference of the times is that of the steps alone. Alone, a step is
computation; of two workers' step the rest is communication and waiting. Run it on an idle machine of two cores or more.

    python tests/benchmarks/two_workers.py

Writes  output/hard/cluster/record-two_workers.json. To publish it: results/hard/cluster.json, and `make results`.
"""

import os
import subprocess
import sys
import tempfile
import time

from common import cluster, options, records
from common.errors import UserError

# Name → script, words, option that says how long, steps that one of it has alone, and with two workers
TRAININGS = {
    "attgan": ("ch10_attgan/beyond/train.py", ["--batch-size", "8"], "--max-it", 1, 1),
    "deblurgan": (
        "ch10_deblurgan/beyond/train.py",
        ["--batch-size", "2", "--crops-per-pair", "4", "--validate", "1"],
        "--epoch-num",
        42,
        21,
    ),
    "tacotron": ("ch09_tacotron/beyond/train.py", ["--batch-size", "2"], "--frame-steps", 1, 1),
}
VALUES = [
    options.Value("steps", 100, "steps whose time is measured", low=20, tiny=42),
    options.Value("only", [], "trainings [all]", kind=str, choices=sorted(TRAININGS)),
]
COLUMNS = [
    "training",
    "steps/s, one worker",
    "steps/s, two workers",
    "examples/s, two to one",
    "communication and waiting (%)",
]


def on_core(core):
    """Holds a process on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core % len(cores)]})


def seconds(name, count, amount, folder):
    """Seconds that ``count`` workers take for ``amount`` of the option that says how long, start-up included."""
    script, words, option, _, _ = TRAININGS[name]
    command = [sys.executable, "-W", "ignore", os.path.join(options.REPOSITORY, script), "--preset", "tiny"]
    command += ["--threads", "1", "--output-dir", folder, option, str(amount)] + words
    listed = ",".join("127.0.0.1:%d" % port for port in cluster.free_ports(count))
    environment = dict(os.environ, PYTHONPATH=options.REPOSITORY, OMP_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="2")
    environment.pop("BOOK_DATA_DIR", None)
    began, processes = time.time(), []
    for task in range(count):
        more = ["--cluster", listed, "--task", str(task)] if count > 1 else []
        processes.append(
            subprocess.Popen(
                command + more,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                preexec_fn=lambda task=task: on_core(task),
            )
        )
    said = [process.communicate()[1] for process in processes]
    for process, errors in zip(processes, said):
        if process.returncode:
            raise UserError(
                "%s ended with status %d: %s" % (name, process.returncode, errors[-300:].replace("\n", " | "))
            )
    return time.time() - began


def rate(name, count, steps, parent):
    """Steps a second of ``count`` workers, without their start."""
    script, _, _, alone, two = TRAININGS[name]
    each = alone if count == 1 else two
    amounts = [1 if each > 1 else 5, max(2, -(-steps // each))]
    taken = []
    for amount in amounts:
        folder = os.path.join(parent, "%d-%d" % (count, amount))
        if name == "tacotron":
            prepare = os.path.join(options.REPOSITORY, "ch09_tacotron", "beyond", "prepare.py")
            words = [sys.executable, "-W", "ignore", prepare, "--preset", "tiny", "--output-dir", folder]
            subprocess.check_call(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        taken.append(seconds(name, count, amount, folder))
    return (amounts[1] - amounts[0]) * each / (taken[1] - taken[0])


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, folder="cluster")
    opts.example = "hard"
    if opts.output_dir == os.path.join(options.REPOSITORY, "output", "tests", "cluster"):
        opts.output_dir = os.path.join(options.REPOSITORY, "output", "hard", "cluster")
    record = records.Record(opts, opts.script, "two workers", "generated samples")
    rows = []
    for name in opts.only or sorted(TRAININGS):
        with tempfile.TemporaryDirectory(prefix="companion-cluster-") as parent:
            one, two = (rate(name, count, opts.steps, parent) for count in (1, 2))
        rows.append([name, one, two, 2 * two / one, 100.0 * (1.0 - two / one)])
        print(", ".join("%s %s" % (column, value) for column, value in zip(COLUMNS, rows[-1])), flush=True)
        record.content["tables"] = []
        record.table("Two workers of one core each, the same batch for each", COLUMNS, rows)
        record.save()
    print("record: %s" % record.path)


if __name__ == "__main__":
    options.run(main)
