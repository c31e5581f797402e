"""ERRATA.md against ERRATA.zh-CN.md, row by row: nothing is missing, gone or drifted in the Chinese."""

import os
import re

import pytest

from common import options
from common.chinese import is_chinese


def read(name):
    with open(os.path.join(options.REPOSITORY, name), encoding="utf-8") as stream:
        return stream.read()


def rows(text):
    """The cells of each row of a document's tables, headings and rules aside."""
    found = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.splitlines() if line[:1] == "|"
    ]
    rules = [place for place, cells in enumerate(found) if set("".join(cells)) == {"-"}]
    return [cells for place, cells in enumerate(found) if place not in rules and place + 1 not in rules]


def figures(text):
    return set(re.findall(r"\d+(?:\.\d+)?", text.replace(",", "")))


def drift(english, chinese):
    """What is wrong with the Chinese of a document, a line each."""
    names, other = ([cells[0] for cells in rows(text) if re.match(r"E\d+$", cells[0])] for text in (english, chinese))
    faults = ["%s has no Chinese" % name for name in names if name not in other]
    faults += ["%s is gone" % name for name in other if name not in names]
    if faults or len(rows(english)) != len(rows(chinese)):
        return faults or ["%d rows, %d Chinese ones" % (len(rows(english)), len(rows(chinese)))]
    for cells, same in zip(rows(english), rows(chinese)):
        if len(cells) != len(same):
            faults.append("%s: %d cells, %d Chinese ones" % (cells[0], len(cells), len(same)))
        for cell, text in zip(cells, same):
            place = "%s: %r, %r" % (cells[0], cell, text)
            if sorted(re.findall("`.+?`", cell)) != sorted(re.findall("`.+?`", text)):
                faults.append("other code in " + place)
            if figures(cell) - figures(text):
                faults.append("a figure is missing in " + place)
            if re.search("[a-z]{2}", re.sub("`.+?`|[A-Z]\\w+", "", cell)) and not is_chinese(text):
                faults.append("no Chinese in " + place)
    return faults


def test_the_chinese_errata_say_what_the_english_ones_say():
    english = read("ERRATA.md")
    assert len(rows(english)) > 100 and drift(english, read("ERRATA.zh-CN.md")) == []


@pytest.mark.parametrize(
    "chinese, fault",
    [
        ("| E01 | 9-7 末尾 | `x` 为 3.7 |", None),
        ("", "E01 has no Chinese"),
        ("| E01 | 9-7 末尾 | `x` 为 3.7 |\n| E02 | 9-8 | 无 |", "E02 is gone"),
        ("| E01 | 9-7 末尾 | `y` 为 3.7 |", "other code"),
        ("| E01 | 9-7 末尾 | `x` 为 3.8 |", "a figure is missing"),
        ("| E01 | 9-7, end | `x` 为 3.7 |", "no Chinese in"),
        ("| E01 | 9-7 末尾 |", "3 cells, 2 Chinese"),
    ],
)
def test_a_drift_is_seen(chinese, fault):
    head = "| No. | Where | Printed |\n|---|---|---|\n"
    faults = drift(head + "| E01 | 9-7, end | `x` is 3.7 |", head + chinese)
    assert faults == [] if fault is None else len(faults) == 1 and fault in faults[0]
