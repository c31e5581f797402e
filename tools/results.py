"""Writes RESULTS.md, docs/claims.md and results/<example>.md anew from the records of measured runs in results/, nothing else.

Each script leaves ``record-<script>.json`` in its run folder. To publish a run, copy its record to
``results/<example>/<name>.json``, add a row to ``results/rows_<example>.json`` where it is a main result, and run this command;
tests hold the pages and the records equal.

  python tools/results.py             rewrite the pages
  python tools/results.py --check     exit status 1 when a page is not what the records say
"""

import argparse
import math
import os
import re
import sys

from common import files, options
from common.errors import UserError

FOLDER = os.path.join(options.REPOSITORY, "results")
TITLES = [
    ("capsule_rnn", "51", "Example 51: news classifier (section 9.6)"),
    ("tfts_births", "52", "Example 52: daily births (section 9.7)"),
    ("tacotron", "53", "Example 53: Mandarin speech (section 9.8)"),
    ("deblurgan", "54", "Example 54: deblurring (sections 10.1, 10.2)"),
    ("attgan", "55", "Example 55: face attributes (section 10.3)"),
    ("hard", "all", "Hard ground: faults, hostile input, long runs, two workers"),
]
LONGEST_TABLE = 40  # rows; an epoch-by-epoch log is a run's own, in its folder
HEAD = """# Results

One row a result. Each figure was written by a script of this repository into a record (`results/<example>/`), and `make results`
writes this page from the records; the command is the one that made the record. *Printed* is the book's or a paper's figure. Runs
at preset `tiny` are not here: they prove that the code runs, not that a model is good. All tables, machines and times: %s.

| No. | example | what | figure | printed | command |
|---|---|---|---|---|---|
"""


def number(value) -> str:
    """A figure as readers like it: four significant digits, whole numbers whole."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        if math.isnan(value):
            return "–"
        if math.isinf(value):  # PSNR of equal pictures
            return "∞" if value > 0 else "-∞"
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


def _heading(name: str) -> str:
    return re.sub(r"[-_]+", " ", name)


def section(name: str, record: dict) -> str:
    """One record as Markdown."""
    parts = ["## %s (%s)\n" % (_heading(name), record["listing"])]
    parts.append("```\n%s\n```\n" % record["command"])
    facts = [
        "data: %s" % record["data"],
        "preset `%s`" % record["preset"],
        "seed %s" % record["seed"],
        "TensorFlow %s" % record["tensorflow"],
        record["machine"],
        duration(record["seconds"]),
        record["date"],
    ]
    parts.append(" · ".join(facts) + "\n")
    if record["metrics"]:
        rows = []
        for key, entry in record["metrics"].items():
            value = number(entry["value"]) + (" " + entry["unit"] if entry["unit"] else "")
            rows.append([key, value, entry["printed"], entry["note"]])
        parts.append(markdown_table(["figure", "value", "printed", "note"], rows))
    for table in record["tables"]:
        parts.append("**%s**\n" % table["title"])
        shown = table["rows"]
        if len(shown) > LONGEST_TABLE:
            shown = shown[:3] + shown[-3:]
        parts.append(markdown_table(table["columns"], shown))
        if len(shown) < len(table["rows"]):
            parts.append("The first and the last three of %d rows.\n" % len(table["rows"]))
        if table["note"]:
            parts.append(table["note"] + "\n")
    return "\n".join(parts)


def example_page(example: str, title: str) -> str:
    """The whole of results/<example>.md."""
    folder = os.path.join(FOLDER, example)
    names = sorted(name for name in os.listdir(folder) if name.endswith(".json")) if os.path.isdir(folder) else []
    head = "# %s: all records\n\nWritten by `make results` from `results/%s/`; the main figures: [RESULTS.md](../RESULTS.md).\n"
    parts = [head % (title, example)]
    parts += [section(name[: -len(".json")], options.read_json(os.path.join(folder, name))) for name in names]
    return "\n".join(parts)


def main_rows() -> list:
    """The rows of the main results, in the book's order."""
    rows = []
    for example, _, _ in TITLES:
        path = os.path.join(FOLDER, "rows_%s.json" % example)
        if os.path.exists(path):
            rows += [dict(row, record=example + "/" + row["record"]) for row in files.read_json(path, list)]
    return rows


def value_of(record: dict, where) -> object:
    """A record's figure: a metric's name, or ``[table's title, value of a row's first cell (a list: cells), column]``.

    Raises:
      KeyError: the record has no such figure.
    """
    if isinstance(where, str):
        entry = record["metrics"][where]
        return number(entry["value"]) + (" " + entry["unit"] if entry["unit"] else "")
    title, first, column = where
    first = [str(cell) for cell in (first if isinstance(first, list) else [first])]
    for table in record["tables"]:
        if table["title"] == title:
            for row in table["rows"]:
                if [str(cell) for cell in row[: len(first)]] == first:
                    return number(row[table["columns"].index(column)])
    raise KeyError(title)


def figure(row: dict) -> str:
    """The row's figure from its record, by its pattern: ``{}`` takes one value after the other."""
    record = options.read_json(os.path.join(FOLDER, row["record"] + ".json"))
    try:
        values = [value_of(record, where) for where in row["values"]]
    except (KeyError, ValueError) as error:
        raise UserError("results/rows_….json: %s has no figure %s" % (row["record"], error))
    return row.get("pattern", " / ".join(["{}"] * len(values))).format(*values)


def page() -> str:
    """The whole of RESULTS.md."""
    links = ", ".join("[%s](results/%s.md)" % (number_, example) for example, number_, _ in TITLES)
    parts, readings = [HEAD % links], []
    numbers = {example: number_ for example, number_, _ in TITLES}
    for count, row in enumerate(main_rows(), 1):
        record = options.read_json(os.path.join(FOLDER, row["record"] + ".json"))
        example = numbers[row["record"].split("/")[0]]
        cells = [str(count), example, row["what"], figure(row), row.get("printed", "–"), "`%s`" % record["command"]]
        parts[0] += "| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |\n"
        readings.append("%d. %s" % (count, row["reading"]))
    return parts[0] + "\n## How to read them\n\n" + "\n".join(readings) + "\n"


CLAIMS_HEAD = {
    "": """# What the text says, tried

[中文](claims.zh-CN.md)

One row a statement of chapters 9.6 to 10.3 that one of the scripts tries: whether it holds in our runs, and the figure
from the record (`results/<example>/`). The runs are small, most of a minute or two on one core, on drawn faces, digits or short
texts: *does not hold here* says no more than that. `make results` writes this page from `results/claims.json`.

| section | the text | here | what was seen | script |
|---|---|---|---|---|
""",
    "_zh": """# 书中的说法，逐条检验

[English](claims.md)

每行是 9.6 至 10.3 节的一个说法，由某个脚本检验：在我们的运行中是否成立，
数值取自记录（`results/<实例>/`）。这些运行都很小，大多在一个核上只需一两分钟，
数据是卡通脸、数字图片或短文本；“此处不成立”也只说明在这样的运行中不成立。
本页由 `make results` 根据 `results/claims.json` 生成。

| 小节 | 书中的说法 | 结论 | 观察到的结果 | 脚本 |
|---|---|---|---|---|
""",
}
VERDICTS = {"holds": "成立", "holds in part": "部分成立", "does not hold here": "此处不成立"}


def claims_page(language: str) -> str:
    """docs/claims.md, or (``_zh``) its Chinese twin: each figure of a sentence comes from a record."""
    lines = [CLAIMS_HEAD[language]]
    for row in files.read_json(os.path.join(FOLDER, "claims.json"), list):
        script = options.read_json(os.path.join(FOLDER, row["record"] + ".json"))["command"].split()[1]
        verdict = VERDICTS[row["verdict"]] if language else row["verdict"]
        seen = figure(dict(row, pattern=row["seen" + language]))
        if language:
            seen = re.sub(r"(\d+) of (\d+)", r"\1/\2", seen)  # a count that the record says in English
        cells = [row["section"], row["claim" + language], "**%s**" % verdict, seen]
        cells.append("[`%s`](../%s)" % (os.path.basename(script), script))
        lines.append("| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |\n")
    return "".join(lines)


def pages() -> dict:
    """Path below the repository → text, of every page that is written from the records."""
    written = {"RESULTS.md": page(), "docs/claims.md": claims_page(""), "docs/claims.zh-CN.md": claims_page("_zh")}
    for example, _, title in TITLES:
        written["results/%s.md" % example] = example_page(example, title)
    return written


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; say whether the pages are up to date")
    check = parser.parse_args(argv).check
    status = 0
    for path, text in pages().items():
        full = os.path.join(options.REPOSITORY, path)
        if check:
            same = os.path.exists(full) and files.read_bytes(full).decode("utf-8") == text
            print("%s %s what the records say" % (path, "is" if same else "is not"))
            status |= not same
        else:
            with files.atomic(full, "w") as stream:
                stream.write(text)
            print("wrote " + path)
    return int(status)


if __name__ == "__main__":
    sys.exit(options.run(main))
