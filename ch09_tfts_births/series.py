"""Reads a daily series from a file and checks it (section 9.7.1).

Three formats are understood:

* DataMarket's CSV: a header line, rows ``"1977-01-01",208``, then a footer (a blank line and the title);
* any CSV with a date column and a value column, with or without a header line;
* the Time Series Data Library's ``.dat``: title lines, then one value a line without dates (the first day is given).
"""

import csv
import datetime
import io
import math
import os

import numpy as np
import pandas as pd

from common import datasets
from common.errors import UserError

DATA_FILES = ("number-of-daily-births-in-quebec.csv", "qbirths.dat")  # either of them is enough
FIRST_DAY = "1977-01-01"  # of the .dat file, which has no dates
# Erratum E10: section 9.7.1 says that the record starts in 1979; 5,113 days end on 31 December 1990, so it starts in 1977.
_DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d")


def _read_text(path):
    """The file's text. Erratum E11: the print fixes ``encoding="gbk"``; UTF-8 is tried first, then the Chinese GB 18030."""
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except FileNotFoundError:
        raise UserError("%s does not exist: give a CSV file with --csv, or leave it out for the births" % path)
    except OSError as error:
        raise UserError("%s cannot be read: %s" % (path, error.strerror))
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            pass
    raise UserError("%s is not text in UTF-8 or GB 18030: save it as CSV in UTF-8" % path)


def _parse_date(text):
    """A ``datetime.date``, or None where ``text`` is no date."""
    for pattern in _DATE_FORMATS:
        try:
            return datetime.datetime.strptime(text.strip(), pattern).date()
        except ValueError:
            pass
    return None


def _parse_value(text, path, line):
    """The finite number in ``text``; UserError that names the line otherwise."""
    text = text.strip()
    if not text or text.lower() in ("nan", "na", "null", "none", "-"):
        raise UserError("%s, line %d: the value is missing (%r): fill it in, or cut the series" % (path, line, text))
    try:
        value = float(text)
    except ValueError:
        raise UserError("%s, line %d: %r is not a number (--value-column chooses the column)" % (path, line, text))
    if not math.isfinite(value):
        raise UserError("%s, line %d: %r is not a finite number" % (path, line, text))
    return value


def _column(name, header, width, path, what):
    """Index of column ``name``: a header's text, or a number counted from 1."""
    if header is not None and name in header:
        return header.index(name)
    if name.isdigit() and 1 <= int(name) <= width:
        return int(name) - 1
    known = ", ".join(repr(item) for item in header) if header is not None else "1 to %d" % width
    raise UserError("%s has no %s %r: choose one of %s" % (path, what, name, known))


def _read_csv(path, date_column, value_column):
    """Rows of a CSV file: lists of dates and values."""
    reader = csv.reader(io.StringIO(_read_text(path)))
    rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    # Erratum E11: `skiprows=1` takes the footer for data ('Cast string to double'). What follows the first blank line is
    # the footer, but only when no dated row is in it.
    while rows and not any(rows[0][1]):
        rows.pop(0)
    blank = next((index for index, (_, row) in enumerate(rows) if not any(row)), len(rows))
    for line, row in rows[blank:]:
        if any(_parse_date(cell) for cell in row):
            raise UserError("%s, line %d: data after a blank line: remove the blank line" % (path, line))
    rows = rows[:blank]
    if not rows:
        raise UserError("%s has no rows" % path)
    width = len(rows[0][1])
    if width < 2:
        raise UserError("%s, line %d: a date and a value separated by a comma are needed" % (path, rows[0][0]))
    header = None if any(_parse_date(cell) for cell in rows[0][1]) else rows.pop(0)[1]
    date_index = _column(date_column, header, width, path, "date column")
    value_index = _column(value_column, header, width, path, "value column")
    if date_index == value_index:
        raise UserError("%s: --date-column and --value-column are the same column" % path)
    dates, values = [], []
    for line, row in rows:
        if len(row) != width:
            raise UserError("%s, line %d: %d columns, the first line has %d" % (path, line, len(row), width))
        date = _parse_date(row[date_index])
        if date is None:
            raise UserError(
                "%s, line %d: %r is not a date like 1977-01-31 (--date-column chooses the column)"
                % (path, line, row[date_index])
            )
        dates.append(date)
        values.append(_parse_value(row[value_index], path, line))
    _check_days(dates, path, [line for line, _ in rows])
    return dates, values


def _check_days(dates, path, lines):
    """One row a day, in order."""
    for previous, date, line in zip(dates, dates[1:], lines[1:]):
        if date == previous:
            raise UserError("%s, line %d: the day %s is there twice: keep one row" % (path, line, date))
        if date < previous:
            raise UserError("%s, line %d: %s comes after %s: sort the rows by date" % (path, line, date, previous))
        missing = (date - previous).days - 1
        if missing:
            raise UserError(
                "%s, line %d: %d day%s missing before %s (from %s on): fill in every day"
                % (path, line, missing, "s" if missing > 1 else "", date, previous + datetime.timedelta(days=1))
            )


def _read_dat(path, first_day):
    """Rows of a TSDL file: title lines at the top, then one value a line."""
    lines = [(number, line.strip()) for number, line in enumerate(_read_text(path).splitlines(), start=1)]

    def is_number(text):
        try:
            return math.isfinite(float(text))
        except ValueError:
            return False

    start = next((index for index, (_, line) in enumerate(lines) if is_number(line)), len(lines))
    values = [_parse_value(line, path, number) for number, line in lines[start:] if line]
    first = _parse_date(first_day)
    return [first + datetime.timedelta(days=day) for day in range(len(values))], values


def read_series(path, date_column="1", value_column="2", first_day=FIRST_DAY, at_least=2):
    """Reads a daily series.

    Args:
      path: a CSV file, or a ``.dat`` file of the Time Series Data Library.
      date_column, value_column: header text or number (from 1) of the two CSV columns.
      first_day: the first value's day in a ``.dat`` file.
      at_least: the fewest rows that are useful.

    Returns:
      A DataFrame with the print's column names: ``A`` the day (``datetime64``), ``B`` the value (float).

    Raises:
      UserError: missing file, unknown column, text or NaN among the numbers, duplicate, missing or unsorted days, too few
        rows, or all values equal. Names file and line.
    """
    if path.lower().endswith(".dat"):
        dates, values = _read_dat(path, first_day)
    else:
        dates, values = _read_csv(path, date_column, value_column)
    if len(values) < at_least:
        raise UserError("%s has %d rows, at least %d are needed" % (path, len(values), at_least))
    if min(values) == max(values):
        raise UserError("%s: all %d values are equal, there is nothing to learn" % (path, len(values)))
    return pd.DataFrame({"A": pd.to_datetime(dates), "B": np.array(values, dtype=np.float64)})


def add_arguments(parser):
    """The options of every script here that say which series is read."""
    parser.add_argument(
        "--csv", help="a daily series of your own instead of the births (CSV: date column, value column)"
    )
    parser.add_argument("--date-column", default="1", help="its date column: header text or number (default: 1)")
    parser.add_argument("--value-column", default="2", help="its value column: header text or number (default: 2)")


def load(opts, at_least=2, **sizes):
    """The series that the options ask for.

    Returns:
      ``(df, description)``: the DataFrame of ``read_series`` and one line for the record.
    """
    if opts.csv is not None:
        print("data: %s" % opts.csv)
        df = read_series(opts.csv, opts.date_column, opts.value_column, at_least=at_least)
        return df, "%s, %d days" % (os.path.basename(opts.csv), len(df))
    if opts.data_dir is None and opts.preset == "tiny":
        folder = datasets.locate("births", opts, **sizes)
    else:
        folder = datasets.locate("births", opts, required=["*births*"])
    present = [name for name in DATA_FILES if os.path.exists(os.path.join(folder, name))]
    if not present:
        raise UserError("%s has neither %s nor %s; %s" % ((folder,) + DATA_FILES + (datasets.how_to_get("births"),)))
    df = read_series(os.path.join(folder, present[0]), opts.date_column, opts.value_column, at_least=at_least)
    kind = "generated sample" if datasets.is_sample(folder) else "real"
    return df, "%s (%s), %d days from %s" % (present[0], kind, len(df), df.A[0].date())


def stamp(df):
    """A short text that changes when the series does (kept with the settings of a run)."""
    return "%d days from %s, sum %.6g, last %.6g" % (len(df), df.A.iloc[0].date(), df.B.sum(), df.B.iloc[-1])
