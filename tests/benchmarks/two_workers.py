"""Two workers of one core each against one of them alone (docs/cluster.md): steps a second, and what communication takes.

Each training runs with few and with more steps; the difference of the times is that of the steps alone. Two
workers without any loss would see twice as many examples; what is missing is communication, waiting, and what two virtual
cores of one real one take from each other. One worker and two take turns; on an idle machine of
two cores or more, half an hour.

    python tests/benchmarks/two_workers.py

Writes  output/hard/cluster/record-two_workers.json. To publish it: results/hard/cluster.json, and `make results`.
"""

import os
import subprocess
import sys
import tempfile
import time

import numpy as np

from common import cluster, datasets, options, records
from common.errors import UserError

SAMPLES = {"attgan": ("celeba", 600), "deblurgan": ("gopro", None)}
# Name → script, words, option that says how long, steps that one of it has, words for two workers. The networks are those that
# beyond trains, not tiny ones, whose steps would be all communication; nothing is saved on the way, or as often by two as by one
TRAININGS = {
    "attgan": (
        "ch10_attgan/beyond/train.py",
        ["--preset", "faces", "--batch-size", "8", "--epoch", "1000"],
        "--max-it",
        1,
        [],
    ),
    "deblurgan": (
        "ch10_deblurgan/beyond/train.py",
        "--preset cpu --crop 32 --batch-size 8 --crops-per-pair 16 --validate 1 --decay-from 0".split(),
        "--epoch-num",
        42,  # 21 pairs, 16 crops each
        ["--crops-per-pair", "32"],  # as many steps between two validations
    ),
    "tacotron": (  # preset tiny's network is the printed one
        "ch09_tacotron/beyond/train.py",
        "--preset tiny --batch-size 2 --own-steps 0 --checkpoint-interval 100000".split(),
        "--frame-steps",
        1,
        [],
    ),
}
TIMES = {"tacotron": 10}  # so many times as many steps: short utterances, short steps
TINY = {"attgan": ["--preset", "tiny"], "deblurgan": ["--preset", "tiny"], "tacotron": []}
VALUES = [
    options.Value("steps", 60, "steps whose time is measured", low=20, tiny=42),
    options.Value("pairs", 3, "times that this is done in turns, one worker and two; the middle counts", low=1, tiny=1),
    options.Value("only", [], "trainings [all]", kind=str, choices=sorted(TRAININGS)),
]
COLUMNS = [
    "training",
    "steps/s, one worker",
    "steps/s, two workers",
    "examples/s, two to one",
    "least",
    "most",
    "lost: communication, waiting, a shared core (%)",
]


def on_core(core):
    """Holds a process on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core % len(cores)]})


def seconds(name, count, amount, folder, tiny):
    """Seconds that ``count`` workers take for ``amount`` of the option that says how long, start-up included."""
    script, words, option, _, two = TRAININGS[name]
    command = [sys.executable, "-W", "ignore", os.path.join(options.REPOSITORY, script)] + words
    command += two if count > 1 else []
    command += (TINY[name] if tiny else []) + ["--threads", "1", "--output-dir", folder, option, str(amount)]
    if name in SAMPLES and not tiny:
        command += ["--data-dir", sample(name)]
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


def sample(name):
    """The generated sample that a training reads."""
    example, count = SAMPLES[name]
    return datasets.sample(example, **({"count": count} if count else {}))


def rate(name, count, opts):
    """Steps a second of ``count`` workers, without their start.

    Raises:
      UserError: more steps took hardly longer than few, so that the start hides them.
    """
    _, _, option, each, _ = TRAININGS[name]
    first = 1 if each > 1 else 10
    amounts = [first, first + -(-opts.steps * TIMES.get(name, 1) // each)]
    with tempfile.TemporaryDirectory(prefix="companion-cluster-") as parent:
        taken = [timed(name, count, amount, os.path.join(parent, str(amount)), opts) for amount in amounts]
    if taken[1] < 1.2 * taken[0]:
        text = "%s: %s %d takes hardly longer than %d; --steps must be larger"
        raise UserError(text % (name, option, amounts[1], amounts[0]))
    return (amounts[1] - amounts[0]) * each / (taken[1] - taken[0])


def timed(name, count, amount, folder, opts):
    """``seconds`` in a fresh run folder."""
    if name == "tacotron":
        prepare = os.path.join(options.REPOSITORY, "ch09_tacotron", "beyond", "prepare.py")
        words = [sys.executable, "-W", "ignore", prepare, "--preset", "tiny", "--output-dir", folder]
        subprocess.check_call(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return seconds(name, count, amount, folder, opts.preset == "tiny")


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, folder="cluster")
    opts.example = "hard"
    if opts.output_dir == os.path.join(options.REPOSITORY, "output", "tests", "cluster"):
        opts.output_dir = os.path.join(options.REPOSITORY, "output", "hard", "cluster")
    record = records.Record(opts, opts.script, "two workers", "generated samples")
    rows = []
    for name in opts.only or sorted(TRAININGS):
        turns = [[rate(name, count, opts) for count in (1, 2)] for _ in range(opts.pairs)]
        one, two = np.median(turns, axis=0)
        gains = [2 * b / a for a, b in turns]
        rows.append(
            [
                name,
                one,
                two,
                float(np.median(gains)),
                min(gains),
                max(gains),
                100.0 * (1.0 - float(np.median(gains)) / 2),
            ]
        )
        print(", ".join("%s %s" % (column, value) for column, value in zip(COLUMNS, rows[-1])), flush=True)
        record.content["tables"] = []
        record.table("Two workers of one core each, the same batch for each", COLUMNS, rows)
        record.save()
    print("record: %s" % record.path)


if __name__ == "__main__":
    options.run(main)
