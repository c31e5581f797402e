"""The births of Quebec (section 9.7.1): DataMarket's CSV, and the Time Series Data Library's ``.dat`` with the same values.

The CSV has a header line, rows ``"1977-01-01",208``, and a footer: a blank line and the title once more. The ``.dat`` has title
lines and then one value a line, without dates.
"""

import datetime
import os
import re
from typing import List, Tuple

import pandas as pd

from common import datasets, options, text
from common.errors import UserError

FILE_NAME = "number-of-daily-births-in-quebec.csv"
OTHER_NAME = "qbirths.dat"  # has the same values
# Erratum E10: section 9.7.1 says that the record starts in 1979; 5,113 days end on 31 December 1990, so it starts in 1977.
FIRST_DAY = datetime.date(1977, 1, 1)
MOST_DAYS = 100000


def locate(opts) -> str:
    """The file that a script's options ask for: the sample at preset ``tiny``, else the real CSV or ``.dat``. Says which."""
    folder = datasets.locate("births", opts, required=["*births*"])
    names = [name for name in (FILE_NAME, OTHER_NAME) if os.path.exists(os.path.join(folder, name))]
    if not names:
        raise UserError("%s has neither %s nor %s; %s" % (folder, FILE_NAME, OTHER_NAME, datasets.how_to_get("births")))
    return os.path.join(folder, names[0])


def read(path: str, at_least: int = 2) -> List[Tuple[datetime.date, float]]:
    """The series: a row (day, count) a day.

    Args:
      at_least: the fewest days that are useful.

    Raises:
      UserError: the file is missing or no text, a date or a count is none, or a day is missing; names file and line.
    """
    lines = text.read_lines(path, "the births", encodings=("utf-8", "gb18030"))
    if path.endswith(".dat"):
        first = next((number for number, line in enumerate(lines) if re.match(r"[0-9]+$", line.strip())), len(lines))
        rows = [(number, None, line) for number, line in enumerate(lines[first:], first + 1) if line.strip()]
    else:
        end = next((number for number, line in enumerate(lines) if not line.strip(' ,"')), len(lines))  # the footer
        rows = [(number, *line.replace('"', "").partition(",")[::2]) for number, line in enumerate(lines[1:end], 2)]
        for number, line in enumerate(lines[end:], end + 1):
            if re.match(r'[\s"]*[0-9]{4}-[0-9]', line):
                raise UserError("%s, line %d: data after a blank line: remove the blank line" % (path, number))
    if len(rows) > MOST_DAYS:
        raise UserError("%s has %d days, at most %d are read" % (path, len(rows), MOST_DAYS))
    found = []
    for number, date, value in rows:
        expected = FIRST_DAY + datetime.timedelta(len(found))
        if date is not None and date.strip() != expected.isoformat():
            raise UserError("%s, line %d: %r where %s is expected" % (path, number, date[:40], expected))
        if not re.match(r"[0-9]{1,9}$", value.strip()):
            raise UserError("%s, line %d: %r is no count of births" % (path, number, value[:40]))
        found.append((expected, float(value)))
    if len(found) < at_least:
        raise UserError("%s has %d days, at least %d are needed" % (path, len(found), at_least))
    return found


def is_sample(path: str) -> bool:
    """Whether the file is of a generated sample."""
    return datasets.is_sample(os.path.dirname(path))


def describe(path: str, md1: pd.DataFrame) -> str:
    """One line for a record: file, whether it is real, days; ``md1`` is the print's frame of the rows."""
    kind = "generated sample" if is_sample(path) else "real"
    return "%s (%s), %d days from %s" % (os.path.basename(path), kind, len(md1), md1.A[0])


def stamp(opts, md1: pd.DataFrame) -> None:
    """Notes the series among the run's values: a run is taken up with the same series only."""
    opts.series = "%d days from %s, sum %.6g" % (len(md1), md1.A[0], md1.B.sum())
    opts.rows += (options.Value("series", "", "the series"),)
