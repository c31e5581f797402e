"""Long runs: 2,000 steps of each training at preset tiny; does a process hold more at the end than after its warm-up?

The first third is warm-up. Memory between a third and half of the time is compared with that between two thirds and five
sixths: it should grow by less than 5 %, and open files, figures and operations of the graph should stay (a graph that grows is
planned anew at each step). A short run says nothing: half of its time is start and end.

    python tests/benchmarks/long_runs.py                 all, one after the other; those that are there are kept
    python tests/benchmarks/long_runs.py --steps 200 --only births      measures it anew

Writes  rows-<steps>.json and record-long_runs.json in output/hard/long/, which `make hard` begins anew. To publish it:
        results/hard/long.json, and `make results`.
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np

from common import files, options, records
from common.errors import UserError

MOST = 5.0  # percent that resident memory may grow after the warm-up
# Name → script, option that says how long, steps that one of it has with the generated sample, what runs before
TRAININGS = {
    "capsule": ("ch09_capsule_rnn/code_9_07_routing_rnn.py", "--epochs", 20, None),
    "births": ("ch09_tfts_births/code_9_08_births.py", "--train-steps", 1, None),
    "tacotron": ("ch09_tacotron/code_9_17_train.py", "--epochs", 1, "ch09_tacotron/code_9_09_preprocess.py"),
    "deblurgan": ("ch10_deblurgan/code_10_02_train.py", "--epoch-num", 11, None),
    "attgan": ("ch10_attgan/code_10_06_train.py", "--epoch", 9, None),
    "tacotron, beyond": ("ch09_tacotron/beyond/train.py", "--frame-steps", 1, "ch09_tacotron/beyond/prepare.py"),
    "deblurgan, beyond": ("ch10_deblurgan/beyond/train.py", "--epoch-num", 6, None),
    "attgan, beyond": ("ch10_attgan/beyond/train.py", "--epoch", 9, None),
}
VALUES = [
    options.Value("steps", 2000, "steps of each training, about", low=20, tiny=40),
    options.Value("every", 2.0, "seconds between two samples", low=0.05, tiny=0.2),
    options.Value("only", [], "trainings [all]", kind=str, choices=sorted(TRAININGS)),
]
COLUMNS = ["training", "steps", "minutes", "MiB after warm-up", "MiB at the end", "growth (%)"]
COLUMNS += ["files after warm-up", "at the end", "figures at the end", "operations after warm-up", "at the end "]


def training(name, opts, folder):
    """Runs one training in ``folder``; its samples, a dict of arrays."""
    script, option, steps, before = TRAININGS[name]
    place = ["--preset", "tiny", "--output-dir", os.path.join(folder, "run")]
    environment = dict(os.environ, PYTHONPATH=options.REPOSITORY, PYTHONIOENCODING="utf-8", TF_CPP_MIN_LOG_LEVEL="2")
    environment.pop("BOOK_DATA_DIR", None)
    samples = os.path.join(folder, "samples.jsonl")
    watched = os.path.join(options.REPOSITORY, "tests", "benchmarks", "watched.py")
    commands = [[os.path.join(options.REPOSITORY, before)] + place] if before else []
    commands.append([watched, samples, str(opts.every), os.path.join(options.REPOSITORY, script)] + place)
    commands[-1] += [option, str(max(1, -(-opts.steps // steps)))]
    for words in commands:
        with open(os.path.join(folder, "said.txt"), "w+", encoding="utf-8") as said:
            status = subprocess.call(
                [sys.executable, "-W", "ignore"] + words, stdout=said, stderr=said, env=environment
            )
            if status:
                said.seek(0)
                raise UserError("%s ended with status %d: %s" % (name, status, said.read()[-300:].replace("\n", " | ")))
    with open(samples, encoding="ascii") as stream:
        rows = [json.loads(line) for line in stream]
    return {key: np.array([row[key] for row in rows], float) for key in rows[0]}


def held(samples):
    """A row of the table: what was held after the warm-up and at the end (medians)."""
    count = len(samples["seconds"])
    after = slice(count // 3, max(count // 3 + 1, count // 2))
    end = slice(2 * count // 3, max(2 * count // 3 + 1, 5 * count // 6))  # what comes behind the training is left out
    first = {key: float(np.median(values[after])) for key, values in samples.items()}
    last = {key: float(np.median(values[end])) for key, values in samples.items()}
    memory = [first["resident"] / 2.0**20, last["resident"] / 2.0**20]
    row = [samples["seconds"][-1] / 60.0] + memory + [100.0 * (memory[1] / memory[0] - 1.0)]
    row += [first["files"], last["files"], last["figures"], first["operations"], last["operations"]]
    return [round(float(value), 2) for value in row]


def main(argv=None):
    opts = options.parse_values(__file__, __doc__, VALUES, argv, folder="long")
    opts.example = "hard"
    if opts.output_dir == os.path.join(options.REPOSITORY, "output", "tests", "long"):
        opts.output_dir = os.path.join(options.REPOSITORY, "output", "hard", "long")
    record = records.Record(opts, opts.script, "long runs", "generated samples")
    path = os.path.join(opts.output_dir, "rows-%d.json" % opts.steps)
    found = files.read_json(path) if os.path.exists(path) else {}
    if found and not opts.only:
        print("kept: %s" % ", ".join(found))
    for name in opts.only or [name for name in TRAININGS if name not in found]:
        with tempfile.TemporaryDirectory(prefix="companion-long-") as folder:
            found[name] = [name, opts.steps] + held(training(name, opts, folder))
        print(", ".join("%s %s" % pair for pair in zip(COLUMNS, found[name])), flush=True)
        files.write_json(path, found)
    rows = [found[name] for name in TRAININGS if name in found]
    record.table("What a training's process holds", COLUMNS, rows)
    record.metric("largest growth of memory", max(row[5] for row in rows), "%", note="after a third of the run")
    record.metric("trainings that hold more files at the end", sum(row[7] > row[6] for row in rows))
    record.metric("trainings whose graph grows", sum(row[10] > row[9] for row in rows))
    record.save()
    growing = [row[0] for row in rows if row[5] > MOST or row[7] > row[6] or row[10] > row[9]]
    print("grows: %s" % (", ".join(growing) or "none"))
    print("record: %s" % record.path)


if __name__ == "__main__":
    options.run(main)
