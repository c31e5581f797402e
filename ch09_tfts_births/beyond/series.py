"""Reads a reader's own series: finds dates, values and the step between them; names whatever is wrong in one line.

Understood are tables with a date and a value column (comma, semicolon, tab, bar or spaces between; with or without a header;
title lines and a footer after a blank line are left out) and files with one value a line, whose first date is given
(``--first``).
"""

import csv
import datetime
import io
import itertools
import math
import os
import re
from typing import List, NamedTuple

import numpy as np

from ch09_tfts_births.beyond import cell_text, time_step
from common import files, options, text
from common.errors import UserError
from data import births

MOST_VALUES = 200000  # of a series with its gaps filled: what a Kalman filter gets through in minutes
FIRST_YEAR, LAST_YEAR = 1678, 2261  # what pandas and matplotlib can draw


class Series(NamedTuple):
    """A regular series.

    Attributes:
      name: for titles; ``column``: of the values, where it has a name; ``description``: one line for the record.
      times: ``datetime64[s]``, ``values``: float, ``[count]`` each.
      real: ``[count]`` booleans, False where a missing value was filled: nothing is judged by what was made up.
      step: the distance between values.
      zone: of the times, like ``+01:00``, where the file has one.
      notes: lines that the reader should see (what was chosen, filled, turned round).
    """

    name: str
    description: str
    times: np.ndarray
    values: np.ndarray
    real: np.ndarray
    step: time_step.Step
    notes: List[str]
    column: str = ""
    zone: str = ""

    def times_after(self, count: int) -> np.ndarray:
        """The times of the next ``count`` values."""
        times = self.step.at(self.times, len(self.times) + np.arange(count))
        if count and times[-1].astype("datetime64[Y]").astype(int) + 1970 > LAST_YEAR:
            raise UserError(
                "%d steps of %s after %s end after the year %d" % (count, self.step.words, self.times[-1], LAST_YEAR)
            )
        return times

    @property
    def truth(self) -> np.ndarray:
        """The values that forecasts are judged by: NaN where one was filled."""
        return np.where(self.real, self.values, np.nan)

    @property
    def days(self) -> np.ndarray:
        """The times as ``datetime64[D]``."""
        return self.times.astype("datetime64[D]")


# ------------------------------------------------------------------------------------------------------------------ reading
def _column(name, header, width, path, what):
    """Index of column ``name``: a header's text, or one line of it, or a number counted from 1."""
    found = [
        place for place, item in enumerate(header or ()) if name in [item, item.replace("\n", " ")] + item.split("\n")
    ]
    if len(found) > 1:
        numbers = " or ".join(str(place + 1) for place in found)
        raise UserError("%s: several columns are called %r: give a number, %s" % (path, name[:40], numbers))
    if found:
        return found[0]
    if re.match(r"[0-9]{1,6}$", name) and 1 <= int(name) <= width:
        return int(name) - 1
    known = (
        ", ".join(repr(item.replace("\n", " ")[:40]) for item in header[:20])
        if header is not None
        else "1 to %d" % width
    )
    raise UserError("%s has no %s %r: choose one of %s" % (path, what, name[:40], known))


def _split(path, content):
    """Rows of a table (line, cells), and its delimiter: the one that stands in half of the lines."""
    lines = [line for line in content.split("\n") if line.strip()]
    sample = lines[:100]
    marks = ";\t|," if sample and "|" in sample[0] and "," not in sample[0] else ";\t,|"  # a|b above 1|2,5
    delimiter = next((mark for mark in marks if 2 * sum(mark in line for line in sample) >= max(1, len(sample))), ",")
    if sample and not any(delimiter in line for line in sample):
        parts = sample[-1].rsplit(None, 1)
        if (
            len(parts) == 2 and cell_text.is_dated(parts[0]) and cell_text.parse_number(parts[1], ".") is not None
        ):  # spaces between
            rows = [(number, line.rsplit(None, 1)) for number, line in enumerate(content.split("\n"), 1)]
            return rows[:-1] if not rows[-1][1] else rows, " "
    rows, reader = [], csv.reader(io.StringIO(content), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            rows.append((reader.line_num, [cell.strip().strip("\ufeff") for cell in row]))
    except csv.Error as error:
        raise UserError("%s, line %d: %s: the line is no CSV" % (path, reader.line_num, error))
    return rows, delimiter


def _without_titles(rows, pattern, notes):
    """Rows from the header on: the line before the first dated one, if it is as long; lines that could be data stay.

    A header of two lines becomes one, each column's words together.
    """
    start = next(
        (
            place
            for place, (_, row) in enumerate(rows[:50])
            if len(row) > 1 and any(cell_text.is_dated(c, pattern) for c in row)
        ),
        0,
    )
    width = len(rows[start][1]) if rows else 0
    before = [row for _, row in rows[:start]]
    if not start or any(
        len(row) == width and any(cell_text.parse_number(c, ".") is not None for c in row if c) for row in before
    ):
        return rows
    kept = start - 1 if len(before[-1]) == width and any(before[-1]) else start
    if (
        kept == start - 1
        and kept
        and len(before[kept - 1]) == width
        and len([cell for cell in before[kept - 1] if cell]) > 1
    ):
        kept -= 1
        both = ["\n".join(filter(None, pair)) for pair in zip(before[kept], before[kept + 1])]
        rows = rows[:kept] + [(rows[kept][0], both)] + rows[kept + 2 :]
    titles = sum(any(row) for row in before[:kept])
    if titles:
        notes.append("%d line%s before the table left out" % (titles, "" if titles == 1 else "s"))
    return rows[kept:]


def _rows(path, pattern, notes):
    """Rows of the table (line, cells) up to the first blank line, those behind it, and the delimiter."""
    content = text.read_text(path, "the series", encodings=("utf-8", "gb18030", "cp1252"))
    rows, delimiter = _split(path, content)
    rows = rows[next((index for index, (_, row) in enumerate(rows) if any(row)), len(rows)) :]  # not from blank lines
    rows = _without_titles(rows, pattern, notes)
    blank = next((index for index, (_, row) in enumerate(rows) if not any(row)), len(rows))
    if not rows:
        raise UserError("%s has no rows" % path)
    return rows[:blank], rows[blank:], delimiter


def _check_footer(path, behind, is_data):
    """UserError where one of the rows behind the first blank line ``is_data``: what is left out there must be a footer."""
    for line, row in behind:
        if any(row) and is_data(row):
            raise UserError("%s, line %d: data after a blank line: remove the blank line" % (path, line))


def _only_values(path, rows, behind, delimiter, opts, notes):
    """(lines, times, cells of values, decimal mark, "", "") of a file with one value a line; its title lines are left out."""
    _check_footer(
        path, behind, lambda row: row[0] and any(cell_text.parse_number(row[0], mark) is not None for mark in ".,")
    )
    if opts.decimal == "comma" and delimiter == ",":
        rows = [(line, [",".join(row)]) for line, row in rows]  # no other comma stands in such a line
    numbers = ([cell_text.parse_number(row[0], mark) for mark in ".,"] for _, row in rows)
    start = next((index for index, found in enumerate(numbers) if found != [None, None]), len(rows))
    rows = rows[start:]
    if not rows:
        raise UserError("%s has neither dates nor numbers" % path)
    for line, row in rows:
        if any(row[1:]):
            comma = "say --decimal comma if they are one number, or " if delimiter == "," else ""
            raise UserError(
                "%s, line %d: %d columns, where one value a line is read: %skeep the column of the values alone "
                "(a table with dates: as .csv, without --first)" % (path, line, len(row), comma)
            )
    if opts.first is None or opts.step is None:
        raise UserError(
            "%s has no dates: give the first value's with --first 2020-01-01 and the distance with --step day" % path
        )
    first = cell_text.parse_time(opts.first)
    if first is None:
        raise UserError("--first %r is no date like 1999-12-31" % opts.first[:40])
    _check_year(first, "--first", opts.first)
    if len(rows) > MOST_VALUES:
        raise UserError("%s has %d values, at most %d are read" % (path, len(rows), MOST_VALUES))
    step = time_step.parse_step(opts.step)
    times = step.at(np.array([first], dtype="datetime64[s]"), np.arange(len(rows)))
    if (times[-1] < times[0]) or not FIRST_YEAR <= times[-1].astype("datetime64[Y]").astype(int) + 1970 <= LAST_YEAR:
        raise UserError("%s: %d values %s apart end after the year %d" % (path, len(rows), step.words, LAST_YEAR))
    cells = cell_text.signs_first([row[0] for _, row in rows], notes)
    mark = cell_text.mark_of(cells, delimiter, opts, path, notes)
    return [line for line, _ in rows], list(times.astype(datetime.datetime)), cells, mark, "", ""


def _check_year(time, where, cell):
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise UserError("%s: %r: years from %d to %d are read" % (where, cell[:40], FIRST_YEAR, LAST_YEAR))


def _are_torn(before, rest, named) -> bool:
    """Whether two columns together are numbers with separators of thousands that nobody put into quotes: ``￥10`` ``000.00``.

    Args:
      named: whether the second column could have a meaning of its own, as pieces and their price, 12 and 199.00: then only
        numbers like 050.00, which are no price, tell.
    """
    if all(re.match(r"-?\d{1,3}$", cell) for cell in before) and all(re.match(r"\d{3}$", cell) for cell in rest):
        return True
    return (
        all(re.match(r"[^\d.,]{0,12}\d{1,3}$", cell) for cell in before)
        and all(re.match(r"\d{3}(\.\d*)?[^\d.,]{0,12}$", cell) for cell in rest)
        and (not named or any(cell.startswith("0") for cell in rest))
    )


def _date_column(header, columns, pattern):
    """Index of the column that holds the dates, by its first cells; the first where none does."""
    years = [pattern is None and all(map(cell_text.YEAR.match, cells)) for cells in columns]
    named = [
        header is not None and re.fullmatch("year|年份?|年度", header[index].split("\n")[0].lower())
        for index in range(len(columns))
    ]
    dated = [all(cell_text.is_dated(cell, pattern) for cell in cells) for cells in columns]
    tests = (
        lambda index: dated[index] and not all(cell.isdigit() for cell in columns[index]),
        lambda index: years[index] and (named[index] or len(columns) == 2 and index == 0),
        lambda index: dated[index],  # large numbers look like seconds since 1970, or like 20200131
        lambda index: years[index],
    )
    return next((index for test in tests for index in range(len(columns)) if test(index)), 0)


def _dated(path, rows, behind, delimiter, opts, notes):
    """(lines, times, cells of values, decimal mark, name of their column, zone) of a table with a date and a value column."""
    width = len(rows[0][1])
    pattern = opts.date_format

    header = None
    if not any(cell_text.is_dated(cell, pattern) for cell in rows[0][1]) and not cell_text.YEAR.match(rows[0][1][0]):
        header = rows.pop(0)[1]
    if not rows:
        _check_footer(
            path, behind, lambda row: len(row) > 1 and any(cell_text.parse_time(cell) is not None for cell in row)
        )
        raise UserError("%s has a header and no rows" % path)
    for line, row in rows:
        if len(row) != width:
            raise UserError("%s, line %d: %d columns, the first line has %d" % (path, line, len(row), width))
    first_cells = [[row[index] for _, row in rows[:20]] for index in range(width)]
    if opts.date_column is None:
        date_index = _date_column(header, first_cells, pattern)
    else:
        date_index = _column(opts.date_column, header, width, path, "date column")
    if opts.value_column is None:  # the next one that holds numbers
        others = list(range(date_index + 1, width)) + list(range(date_index))
        if not others:
            raise UserError("%s has one column: a date and a value are needed" % path)
        value_index = next((index for index in others if cell_text.holds_numbers(first_cells[index])), others[0])
    else:
        value_index = _column(opts.value_column, header, width, path, "value column")
    column = header[value_index].replace("\n", " ") if header else "column %d" % (value_index + 1) if width > 2 else ""
    if date_index == value_index:
        raise UserError("%s: --date-column and --value-column are the same column" % path)

    def is_data(row):
        date, value = (row + [""] * width)[date_index], (row + [""] * width)[value_index]
        dated = cell_text.parse_time(date) is not None or cell_text.parse_time(date, pattern=pattern) is not None
        return dated and len(row) > 1 and (date_index == 0 or re.search(r"\d", value))  # not 'last change,2021-05-03'

    _check_footer(path, behind, is_data)
    if width > 2 and opts.value_column is None:
        for place in (value_index, value_index - 1):  # 'RMB10' is no number: the value column is the one behind it then
            if 0 <= place < width - 1 and date_index not in (place, place + 1):
                before, rest = ([row[index] for _, row in rows] for index in (place, place + 1))
                if _are_torn(before, rest, place != value_index or header is not None and header[place + 1] != ""):
                    raise UserError(
                        "%s has %d columns, and columns %d and %d together look like numbers with thousands separators "
                        "(%s,%s): put such numbers into quotes, or choose a column with --value-column"
                        % (path, width, place + 1, place + 2, before[0][:40], rest[0][:40])
                    )
        name = " (%s)" % column[:40] if header else ""
        notes.append(
            "%d columns; the values are those of column %d%s, --value-column chooses" % (width, value_index + 1, name)
        )
    dates = [row[date_index] for _, row in rows]
    pattern = pattern or cell_text.pattern_of_digits(dates, notes)
    local = None if pattern else cell_text.local_order(dates, path, notes)
    times = []
    for line, row in rows:
        time = cell_text.parse_time(row[date_index], local, pattern)
        if time is None:
            if re.match(r"[2-7]\d{4}(\.\d*)?$", row[date_index]):
                raise UserError(
                    "%s, line %d: %r is a date as spreadsheets count days: have the column shown as dates there and save it again"
                    % (path, line, row[date_index][:40])
                )
            raise UserError(
                "%s, line %d: %r is not a date like 1977-01-31 (--date-column, --date-format)"
                % (path, line, row[date_index][:40])
            )
        _check_year(time, "%s, line %d" % (path, line), row[date_index])
        times.append(time)
    if len(set(times)) < len(times) and any(re.search(r":\d\d[.,]\d*[1-9]", cell) for cell in dates):
        raise UserError(
            "%s: times less than a second apart are not read: keep a row a second, or count in seconds" % path
        )
    times, zone = cell_text.one_zone(dates, times, notes)
    cells = cell_text.without_unit(cell_text.signs_first([row[value_index] for _, row in rows], notes), notes)
    return (
        [line for line, _ in rows],
        times,
        cells,
        cell_text.mark_of(cells, delimiter, opts, path, notes),
        column,
        zone,
    )


def _ranges(missing, times):
    """Missing positions as text: every run of them as ``first`` or ``first to last``."""
    names = time_step.shown(times)
    breaks = np.flatnonzero(np.diff(missing) > 1) + 1
    parts = []
    for group in np.split(np.arange(len(missing)), breaks):
        parts.append(names[group[0]] if len(group) == 1 else "%s to %s" % (names[group[0]], names[group[-1]]))
    rest = len(parts) - 30
    return ", ".join(parts[:30]) + (" and %d more stretches" % rest if rest > 0 else "")


def _on_grid(path, lines, times, values, opts, notes):
    """Times, values, which of them are real, and step of the regular series, gaps filled as asked.

    Raises:
      UserError: doubled, missing and stray values.
    """
    times = np.array(times, dtype="datetime64[s]")
    if len(times) > 1 and np.all(np.diff(times) < np.timedelta64(0, "s")):
        times, values, lines = times[::-1], values[::-1], lines[::-1]
        notes.append("the newest value came first: the series was turned round")
    apart = np.diff(times).astype(np.int64)
    repeated = 4 * (len(times) - len(np.unique(times))) > len(
        times
    )  # not a few rows: the dates of several series, or their days
    for bad, words in (
        (apart == 0, "%s is there twice: keep one row"),
        (apart < 0, "%s comes after a later date" + ("" if repeated else ": sort the rows")),
    ):
        if bad.any():
            found = np.flatnonzero(bad) + 1
            more = " (and %d more such lines)" % (len(found) - 1) if len(found) > 1 else ""
            if repeated:
                more += "; where another column holds the rest of the time, join both; where it names several series, choose one"
            raise UserError(
                "%s, line %d: %s%s" % (path, lines[found[0]], words % time_step.shown(times[found[:1]])[0], more)
            )
    if len(times) < 3:
        raise UserError("%s has %d rows: too few to find a step" % (path, len(times)))
    step = time_step.parse_step(opts.step) if opts.step else time_step.find_step(times)
    positions = step.positions(times)
    off = np.flatnonzero(positions != np.floor(positions))
    if len(off):
        raise UserError(
            "%s, line %d: %s does not lie on a grid of %s from %s on (%d lines do not): give --step, or make the series regular"
            % (
                path,
                lines[off[0]],
                time_step.shown(times[off[:1]])[0],
                step.words,
                time_step.shown(times[:1])[0],
                len(off),
            )
        )
    positions = positions.astype(np.int64)
    count = int(positions[-1]) + 1
    if count > MOST_VALUES:
        raise UserError(
            "%s: %d values %s apart would be needed to fill its gaps, at most %d are read"
            % (path, count, step.words, MOST_VALUES)
        )
    whole = np.full(count, np.nan)
    whole[positions] = values
    times = step.at(times, np.arange(count))
    real = ~np.isnan(whole)
    gaps = np.flatnonzero(~real)
    if len(gaps):
        said = "%d of %d values are missing: %s" % (len(gaps), count, _ranges(gaps, times[gaps]))
        if opts.fill is None:
            raise UserError("%s: %s; --fill interpolate or --fill previous goes on" % (path, said))
        if not real[0] or not real[-1]:
            raise UserError("%s: the first or the last value is missing: leave out its row" % path)
        if len(gaps) > count // 2:
            raise UserError("%s: %d of %d values are missing: too many to fill" % (path, len(gaps), count))
        known = np.flatnonzero(real)
        if opts.fill == "interpolate":
            whole[gaps] = np.interp(gaps, known, whole[known])
        else:
            whole[gaps] = whole[known[np.searchsorted(known, gaps) - 1]]
        notes.append("%s; filled (%s)" % (said, opts.fill))
    return times, whole, real, step


def read_series(path: str, opts, at_least: int = 3) -> Series:
    """Reads a series of a reader's own.

    Args:
      path: the file.
      opts: with what ``add_arguments`` adds.
      at_least: the fewest values that are useful.

    Raises:
      UserError: whatever is wrong with the file; names file and line.
    """
    notes = []
    rows, behind, delimiter = _rows(path, opts.date_format, notes)
    dated = any(len(row) > 1 and cell_text.is_dated(row[0], opts.date_format) for _, row in rows[:2])
    said = path.lower().endswith(".dat") or opts.first is not None  # that there are no dates
    plain = {len(row) for _, row in rows} == {1} or said and not dated
    if opts.first is not None and not plain:
        raise UserError("%s has dates of its own: --first is for a file without dates, leave it out" % path)
    lines, times, cells, mark, column, zone = (_only_values if plain else _dated)(
        path, rows, behind, delimiter, opts, notes
    )
    values = []
    for line, cell in zip(lines, cells):
        value = cell_text.parse_number(cell, mark)
        if value is None:
            units = [other[:40] for other in (cell_text.units(cells) or {}).values()]
            if len(units) > 1:
                raise UserError(
                    "%s, line %d: %r is not a number: units differ (%r, %r) (--value-column chooses the column)"
                    % (path, line, cell[:40], units[0], units[1])
                )
            raise UserError(
                "%s, line %d: %r is not a number (--value-column chooses the column)" % (path, line, cell[:40])
            )
        if math.isinf(value) or abs(value) > 1e15:
            raise UserError("%s, line %d: %r is too large (at most 1e15)" % (path, line, cell[:40]))
        values.append(value)
    times, values, real, step = _on_grid(path, lines, times, np.array(values), opts, notes)
    if len(values) < at_least:
        raise UserError("%s has %d values, at least %d are needed" % (path, len(values), at_least))
    column = column[:40]
    of_column = " (%s)" % column if column and len(rows[0][1]) > 2 else ""
    if values.min() == values.max():
        raise UserError("%s: all %d values are equal, there is nothing to learn" % (path + of_column, len(values)))
    if values.std() < 1e-9 * np.abs(values).max():
        raise UserError(
            "%s: the values differ by less than a billionth of their size: subtract what they share"
            % (path + of_column)
        )
    name = os.path.basename(path) + of_column
    description = "%s, %d values, %s apart, from %s" % (
        name,
        len(values),
        step.words,
        time_step.shown(times[:1], zone)[0],
    )
    return Series(name, description, times, values, real, step, notes, column, zone)


def add_arguments(parser):
    """The options of every script here that say which series is read."""
    group = parser.add_argument_group("the series")
    group.add_argument(
        "--csv", metavar="FILE", help="a series of your own instead of the births: a date and a value column"
    )
    group.add_argument(
        "--date-column", metavar="NAME", help="header text or number of its date column [the first with dates]"
    )
    group.add_argument(
        "--value-column", metavar="NAME", help="header text or number of its value column [the next with numbers]"
    )
    group.add_argument(
        "--step", metavar="STEP", help="distance of its values, e.g. hour, day, 'business day', month [found]"
    )
    group.add_argument(
        "--fill", choices=("interpolate", "previous"), help="fill missing values [they are listed and refused]"
    )
    group.add_argument("--date-format", metavar="FORMAT", help="how its dates are written, e.g. %%d/%%m/%%Y [found]")
    group.add_argument("--decimal", choices=("point", "comma"), help="its decimal mark [found]")
    group.add_argument("--first", metavar="DATE", help="date of the first value of a file without dates (with --step)")


SOURCE_FILE = "source.json"  # in the folder of a --csv: whose results these are


def _source(opts):
    return dict(csv=os.path.realpath(opts.csv), date_column=opts.date_column, value_column=opts.value_column)


def _note_source(opts):
    os.makedirs(opts.output_dir, exist_ok=True)
    files.write_json(os.path.join(opts.output_dir, SOURCE_FILE), _source(opts))


def run_folder(opts) -> str:
    """Name of the run's folder: the preset's, or of a file the file's and its column's.

    The results of another file of that name, or of a run of whose source nothing is known, stay: a number is put behind.
    """
    if opts.csv is None:
        return opts.preset
    name = "own-" + os.path.splitext(os.path.basename(opts.csv))[0]
    name += "-" + re.sub(r"[^\w().-]+", "_", opts.value_column)[:40] if opts.value_column else ""
    for number in itertools.count(1):
        numbered = name if number == 1 else "%s-%d" % (name, number)
        folder = os.path.join(options.REPOSITORY, "output", opts.example, numbered)
        path = os.path.join(folder, SOURCE_FILE)
        if not os.path.exists(folder) or os.path.exists(path) and files.read_json(path, dict) == _source(opts):
            return numbered


def read_births(opts, at_least: int = 3) -> Series:
    """The births that the options ask for (the generated sample at preset ``tiny``)."""
    path = births.locate(opts)
    rows = births.read(path, at_least)
    times = np.array([day for day, _ in rows], dtype="datetime64[D]").astype("datetime64[s]")
    values = np.array([value for _, value in rows])
    sample = births.is_sample(path)
    name = "Generated sample of daily births" if sample else "Daily births in Quebec"
    description = "%s (%s), %d days from %s" % (
        os.path.basename(path),
        "generated sample" if sample else "real",
        len(rows),
        rows[0][0],
    )
    return Series(name, description, times, values, np.ones(len(values), bool), time_step.Step("day", 1), [])


def load(opts, at_least: int = 3) -> Series:
    """The series that the options ask for; prints what was found."""
    if opts.csv is None:
        return read_births(opts, at_least)
    series = read_series(opts.csv, opts, at_least)
    _note_source(opts)
    print("data: %s" % series.description)
    for note in series.notes:
        print("note: %s" % note)
    return series
