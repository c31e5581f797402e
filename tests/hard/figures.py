"""What the hard tests count, over all workers: each adds a line to ``output/hard/figures.jsonl``; at the end they are summed up.

`make hard` begins with an empty file. A part that is run by hand adds to it. After that:

    python tests/hard/figures.py           prints them and writes output/hard/record-hard.json

To publish it: results/hard/hard.json, and `make results`.
"""

import json
import os
from types import SimpleNamespace

from common import options, records
from tests.hard import inputs as hostile

FOLDER = os.path.join(options.REPOSITORY, "output", "hard")
LINES = os.path.join(FOLDER, "figures.jsonl")


def add(test: str, kind: str, **numbers) -> None:
    """One line: of which test, of which kind, and its numbers. A test that is run again replaces its line."""
    os.makedirs(FOLDER, exist_ok=True)
    with open(LINES, "a", encoding="utf-8") as stream:  # one short write: lines of two workers do not mix
        stream.write(json.dumps(dict(test=test, kind=kind, **numbers), ensure_ascii=False) + "\n")


def read() -> list:
    """The last line of each test."""
    if not os.path.exists(LINES):
        return []
    with open(LINES, encoding="utf-8") as stream:
        return list({line["test"]: line for line in map(json.loads, stream)}.values())


def record() -> records.Record:
    """The record of all lines: inputs tried, faults survived, what they took."""
    lines = read()
    opts = SimpleNamespace(output_dir=FOLDER, example="hard", preset="hard", seed=0)
    found = records.Record(opts, "hard", "faults and hostile input", "generated inputs and samples")
    found.content["command"] = "python tests/hard/figures.py"
    inputs = [line for line in lines if line["kind"] == "input"]
    if inputs:
        there = sum(case.inputs for case in hostile.cases()) + len(hostile.uploads())
        note = "of %d that tests/hard/inputs.py makes" % there
        found.metric("hostile inputs tried", sum(line["inputs"] for line in inputs), note=note)
        found.metric("commands they went to", len(inputs))
        found.metric("commands that refused them in one line", sum(line["status"] == 2 for line in inputs))
        found.metric("largest memory", round(max(line["memory"] for line in inputs) / 2.0**20), "MiB")
        found.metric("longest processor time", round(max(line["seconds"] for line in inputs), 1), "s")
    faults = [line for line in lines if line["kind"] == "fault"]
    if faults:
        names = sorted({line["training"] for line in faults})
        kinds = sorted({line["fault"] for line in faults})
        found.metric("faults survived", sum(line["count"] for line in faults))
        table = []
        for kind in kinds:
            counts = [
                sum(line["count"] for line in faults if line["fault"] == kind and line["training"] == name)
                for name in names
            ]
            table.append([kind] + counts)
        found.table("Faults, after which all ended as it should", ["fault"] + names, table)
    return found


def main():
    found = record()
    for name, entry in found.content["metrics"].items():
        print("%s: %s %s" % (name, entry["value"], entry["unit"]))
    print("record: %s" % found.save())


if __name__ == "__main__":
    options.run(main)
