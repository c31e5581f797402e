"""Writes RESULTS.md anew from the records of measured runs in ``results/`` (and from nothing else).

Each script leaves ``record-<script>.json`` in its run folder. To publish a run, copy its record to
``results/<example>/<name>.json`` and run this command; a test holds the page and the records equal.

  python tools/results.py             rewrite RESULTS.md
  python tools/results.py --check     exit status 1 when RESULTS.md is not what the records say
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from common import options

TITLES = [
    ("capsule_rnn", "Example 51: news classifier (section 9.6)"),
    ("tfts_births", "Example 52: daily births (section 9.7)"),
    ("tacotron", "Example 53: Mandarin speech (section 9.8)"),
    ("deblurgan", "Example 54: deblurring (section 10.2)"),
    ("attgan", "Example 55: face attributes (section 10.3)"),
]
HEAD = """# Results

Every figure on this page was written by a script of this repository into a record (`results/`), and
`make results` writes the page from those records. Under each heading: the command, what data it ran on, the machine,
the time it took (of a training that was stopped and resumed: of its last call) and the seed. 'Printed' is the figure
in the book or in a paper. Runs at preset `tiny` are not shown here: they prove that the code runs, not that the model
is good.
"""


def number(value) -> str:
    """A figure as readers like it: four significant digits, whole numbers whole."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return "%d" % value if value == int(value) and abs(value) < 1e15 else "%.4g" % value
    return str(value)


def cell(value) -> str:
    return number(value).replace("|", "\\|").replace("\n", " ")


def markdown_table(columns, rows) -> str:
    lines = ["| " + " | ".join(cell(column) for column in columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def duration(seconds: float) -> str:
    if seconds < 120:
        return "%.0f s" % seconds
    return "%.0f min" % (seconds / 60) if seconds < 7200 else "%.1f h" % (seconds / 3600)


def section(name: str, record: dict) -> str:
    """One record as Markdown."""
    parts = ["### %s: %s\n" % (record["listing"], name.replace("_", " "))]
    parts.append("```\n%s\n```\n" % record["command"])
    facts = [
        "data: %s" % record["data"],
        "preset `%s`" % record["preset"],
        "seed %s" % record["seed"],
        "TensorFlow %s" % record["tensorflow"],
        record["machine"],
        "%s" % duration(record["seconds"]),
        record["date"],
    ]
    parts.append(" · ".join(facts) + "\n")
    metrics = record["metrics"]
    if metrics:
        rows = [
            [
                key,
                number(entry["value"]) + (" " + entry["unit"] if entry["unit"] else ""),
                entry["printed"],
                entry["note"],
            ]
            for key, entry in metrics.items()
        ]
        parts.append(markdown_table(["figure", "value", "printed", "note"], rows))
    for table in record["tables"]:
        parts.append("**%s**\n" % table["title"])
        parts.append(markdown_table(table["columns"], table["rows"]))
        if table["note"]:
            parts.append(table["note"] + "\n")
    return "\n".join(parts)


def page() -> str:
    """The whole of RESULTS.md."""
    parts = [HEAD]
    for example, title in TITLES:
        folder = os.path.join(options.REPOSITORY, "results", example)
        names = sorted(name for name in os.listdir(folder) if name.endswith(".json")) if os.path.isdir(folder) else []
        parts.append("## %s\n" % title)
        if not names:
            parts.append("No measured run yet.\n")
        for name in names:
            parts.append(section(name[: -len(".json")], options.read_json(os.path.join(folder, name))))
    return "\n".join(parts)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; say whether the page is up to date")
    check = parser.parse_args(argv).check
    path = os.path.join(options.REPOSITORY, "RESULTS.md")
    text = page()
    if check:
        with open(path, encoding="utf-8") as stream:
            same = stream.read() == text
        print("RESULTS.md %s what the records say" % ("is" if same else "is not"))
        return 0 if same else 1
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
    print("wrote RESULTS.md")
    return 0


if __name__ == "__main__":
    options.run(main)
