"""Reads a reader's own series: finds dates, values and the step between them; names whatever is wrong in one line.

Understood are tables with a date and a value column (comma, semicolon, tab, bar or spaces between; with or without a header;
title lines and a footer after a blank line are left out) and files with one value a line, whose first date is given
(``--first``).
"""

import csv
import datetime
import io
import math
import os
import re
from typing import List, NamedTuple, Optional

import numpy as np

from common import text
from common.errors import UserError
from data import births

MOST_VALUES = 200000  # of a series with its gaps filled: what a Kalman filter gets through in minutes
FIRST_YEAR, LAST_YEAR = 1678, 2261  # what pandas and matplotlib can draw
MISSING = ("", "nan", "na", "n/a", "null", "none", "-", "--", ".", "?", "缺失", "#n/a")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_CYCLES = {  # values in a cycle: of an hour, a day, a week, a year, as far as the step fits into it
    "minute": (60, 1440, 10080),
    "hour": (24, 168),
    "day": (7, 365.25),
    "business day": (5, 261),
    "week": (365.25 / 7,),
    "month": (12,),
}
UNITS = sorted(set(_SECONDS) | set(_MONTHS) | {"business day"})


class Step(NamedTuple):
    """The distance between two values: ``count`` units of ``second``, ``minute``, ``hour``, ``day``, ``business day``, ``week``
    or ``month``."""

    unit: str
    count: int

    def __str__(self):
        for name, months in _MONTHS.items():
            if self.unit == "month" and self.count == months:
                return name
        return self.unit if self.count == 1 else "%d %ss" % (self.count, self.unit)

    @property
    def words(self) -> str:
        """With its article: an hour, a day, 15 minutes."""
        return str(self) if str(self)[0].isdigit() else ("an " if self.unit == "hour" else "a ") + str(self)

    @property
    def cycles(self) -> List[float]:
        """Lengths, in values, of the cycles that a series of this step usually has, shortest first."""
        if self.unit == "second":
            return [cycle for cycle in (60 / self.count, 3600 / self.count) if cycle >= 2]
        found = [length / self.count for length in _CYCLES[self.unit]]
        return [int(length) if float(length).is_integer() else length for length in found if length >= 2]

    def positions(self, times) -> np.ndarray:
        """How many steps each of ``times`` (``datetime64[s]``) lies after the first; not whole where it is off the grid."""
        first = times[0]
        if self.unit == "month":
            whole = times.astype("datetime64[M]").astype(int) - first.astype("datetime64[M]").astype(int)
            off = times != self.at(times, whole, months=True)
            return (whole + 0.5 * off) / self.count
        if self.unit == "business day":
            days, start = times.astype("datetime64[D]"), first.astype("datetime64[D]")
            off = ~np.is_busday(days) | (times - days != first - start)
            return (np.busday_count(start, days) + 0.5 * off) / self.count
        return (times - first).astype("timedelta64[s]").astype(np.int64) / (_SECONDS[self.unit] * self.count)

    def at(self, times, positions, months=False) -> np.ndarray:
        """The times (``datetime64[s]``) ``positions`` steps after the first of ``times``; they tell the day of the month."""
        first, positions = times[0], np.asarray(positions, dtype=np.int64) * (1 if months else self.count)
        if self.unit == "month":
            of_month = first.astype("datetime64[M]") + positions
            day = np.minimum(_day_of_month(times), _last_day(of_month))
            clock = first - first.astype("datetime64[D]")
            return (of_month.astype("datetime64[D]") + day).astype("datetime64[s]") + clock
        if self.unit == "business day":
            start = first.astype("datetime64[D]")
            return np.busday_offset(start, positions).astype("datetime64[s]") + (first - start)
        return first + positions * np.timedelta64(_SECONDS[self.unit], "s")


class Series(NamedTuple):
    """A regular series.

    Attributes:
      name: for titles; ``description``: one line for the record.
      times: ``datetime64[s]``, ``values``: float, ``[count]`` each.
      step: the distance between values.
      notes: lines that the reader should see (what was chosen, filled, turned round).
    """

    name: str
    description: str
    times: np.ndarray
    values: np.ndarray
    step: Step
    notes: List[str]

    def times_after(self, count: int) -> np.ndarray:
        """The times of the next ``count`` values."""
        times = self.step.at(self.times, len(self.times) + np.arange(count))
        if count and times[-1].astype("datetime64[Y]").astype(int) + 1970 > LAST_YEAR:
            raise UserError(
                "%d steps of %s after %s end after the year %d" % (count, self.step.words, self.times[-1], LAST_YEAR)
            )
        return times

    @property
    def days(self) -> np.ndarray:
        """The times as ``datetime64[D]``."""
        return self.times.astype("datetime64[D]")


def shown(times) -> List[str]:
    """Times as short as they allow: days without a clock where all are at midnight."""
    midnight = bool(np.all(times == times.astype("datetime64[D]")))
    return [str(time)[:10] if midnight else str(time).replace("T", " ") for time in times]


# ------------------------------------------------------------------------------------------------------------------ dates
_PATTERNS = (
    (re.compile(r"(\d{4})(?:年|\.0)?"), "year"),  # 1959.0: what pandas makes of a column of years
    (re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})"), "ymd"),
    (re.compile(r"(\d{4})()(\d{2})(\d{2})"), "ymd"),
    (re.compile(r"(\d{4})年()(\d{1,2})月(?:(\d{1,2})日?)?"), "ymd"),
    (re.compile(r"(\d{4})([-/.])(\d{1,2})"), "ymd"),
    (re.compile(r"(\d{4})()-?[Qq]([1-4])"), "quarter"),
    (re.compile(r"(\d{4})()年?第?([1-4一二三四])季度?"), "quarter"),
    (re.compile(r"(\d{4})()-?[Ww](\d{2})"), "week"),
)
_MONTH_YEAR = re.compile(r"(\d{1,2})[-/.](\d{4})")
_YEAR = re.compile(r"[12]\d{3}(\.0)?$")
_NAMED = ("%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%b %Y", "%B %Y", "%b-%Y")
_NAMED += ("%d %b %y", "%d-%b-%y", "%b-%y")  # two digits: 69 to 99 are the last century's, as POSIX has it
_CLOCK = re.compile(
    r"(?:[T ]|(?<=日))\s*(上午|下午)?\s*(\d{1,2})[:时点](?:(\d{2})分?(?::?(\d{2})秒?(?:[.,]\d+)?)?)?\s*([AaPp]\.?[Mm]\.?)?\s*"
    r"(Z|[+-]\d{2}:?\d{2})?$"
)
_LOCAL = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})")
_ORDERS = {"dmy": "day/month/year", "mdy": "month/day/year", "ymd": "year/month/day"}  # the last for two digits only


def _local_date(match, order) -> datetime.datetime:
    """The day of a match of ``_LOCAL``; ValueError where it is none."""
    parts = [int(match.group(number)) for number in (1, 3, 4)]
    day, month, year = (parts[order.index(letter)] for letter in "dmy")
    if len(match.group(4)) == 2:
        year += 1900 if year >= 69 else 2000
    return datetime.datetime(year, month, day)


def _orders(match):
    """The orders in which a match of ``_LOCAL`` is a date."""
    found = []
    for order in _ORDERS if len(match.group(4)) == 2 else ("dmy", "mdy"):
        try:
            _local_date(match, order)
            found.append(order)
        except ValueError:
            pass
    return found


def parse_time(cell: str, local: Optional[str] = None, pattern: Optional[str] = None) -> Optional[datetime.datetime]:
    """The time in a cell, or None where it is none.

    Args:
      local: one of ``_ORDERS``, how dates like 31/12/1999 are meant.
      pattern: the reader's own ``strptime`` pattern; nothing else is tried then.
    """
    cell = cell.strip()
    if len(cell) > 40:
        return None
    try:
        if pattern is not None:
            return datetime.datetime.strptime(cell, pattern).replace(tzinfo=None)
        if re.match(r"[0-9]{10}(\.[0-9]+)?$|[0-9]{13}$", cell):  # epoch seconds, or milliseconds
            seconds = float(cell) / (1000 if len(cell) == 13 and "." not in cell else 1)
            return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=int(seconds))
        clock = datetime.timedelta()
        found = _CLOCK.search(cell)
        if found:
            hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:4])
            half = (found.group(5) or "").lower().replace(".", "") or {"上午": "am", "下午": "pm"}.get(found.group(1))
            if hours > (12 if half else 24) or minutes > 59 or seconds > 60:
                return None
            hours = hours % 12 + 12 * (half == "pm") if half else hours
            clock = datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds)
            cell = cell[: found.start()].rstrip()  # local time is what cycles of a day follow; zones: ``_one_zone``
        for expression, kind in _PATTERNS:
            match = expression.fullmatch(cell)
            if match:
                year, third = int(match.group(1)), (match.group(3) if kind != "year" else None)
                if kind == "week":
                    return datetime.datetime.strptime("%d-W%s-1" % (year, third), "%G-W%V-%u") + clock
                if kind == "quarter":
                    return datetime.datetime(year, 3 * ("一二三四".find(third) + 1 or int(third)) - 2, 1) + clock
                day = int(match.group(4) or 1) if kind == "ymd" and match.re.groups > 3 else 1
                return datetime.datetime(year, int(third or 1), day) + clock
        match = _LOCAL.fullmatch(cell)
        if match:
            orders = [local] if local else _orders(match)  # any that is a date will do to know that it is one
            return _local_date(match, orders[0]) + clock if orders else None
        match = _MONTH_YEAR.fullmatch(cell)
        if match:
            return datetime.datetime(int(match.group(2)), int(match.group(1)), 1) + clock
        for form in _NAMED:
            try:
                return datetime.datetime.strptime(cell, form) + clock
            except ValueError:
                pass
    except (ValueError, OverflowError, re.error):  # strptime makes an expression of the pattern: '%d%d' is none
        pass
    return None


def _one_zone(cells, times, notes):
    """Times of cells with zones that differ (the clock was put forward or back), all in the first one's; else as they are.

    Local times that all have one clock time stay: days and months follow the calendar, and a day of 23 hours is one.
    """
    zones = []
    for cell in cells:
        found = _CLOCK.search(cell.strip())
        name = found and found.group(6)
        if not name:
            return times
        sign, digits = (-1 if name[0] == "-" else 1), name[1:].replace(":", "") or "0000"
        zones.append(sign * datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))
    if len(set(zones)) == 1:
        return times
    if len({time.time() for time in times}) == 1 and len(set(times)) == len(times):
        notes.append("the zone changes within the series: its local times are kept")
        return times
    notes.append("the zone changes within the series: all times are those of %s" % _CLOCK.search(cells[0]).group(6))
    return [time - zone + zones[0] for time, zone in zip(times, zones)]


def _local_order(cells, where, notes) -> Optional[str]:
    """The order of the parts in cells like 31/12/1999 or 31.12.99; None where there is none.

    Where all cells could be several, the order that gives a regular series is taken (01/01, 01/02, 01/03: months).

    Raises:
      UserError: several orders are possible.
    """
    found = [match for match in (_LOCAL.match(cell.strip()) for cell in cells) if match]
    if not found:
        return None
    possible = [order for order in _ORDERS if all(order in orders for orders in map(_orders, found))]
    if len(possible) == 1:
        return possible[0]
    if not possible:
        return _orders(found[0])[0] if _orders(found[0]) else "dmy"  # the line that is no date then is named
    regular = [order for order in possible if _is_regular([parse_time(cell, order) for cell in cells])]
    if len(regular) != 1:
        raise UserError(
            "%s: dates like %s can be %s: say which with --date-format, e.g. %%d/%%m/%%Y (%%y: two digits)"
            % (where, cells[0][:40], " or ".join(_ORDERS[order] for order in possible))
        )
    notes.append("dates like %s are read as %s" % (cells[0], _ORDERS[regular[0]]))
    return regular[0]


def _is_regular(times) -> bool:
    if None in times or len(times) < 3:
        return False
    times = np.array(times, dtype="datetime64[s]")
    if np.any(np.diff(times) <= np.timedelta64(0, "s")):
        return False
    positions = find_step(times).positions(times)
    return bool(np.all(np.diff(positions) == 1))


# ----------------------------------------------------------------------------------------------------------------- values
def _decimal_mark(cells, delimiter, where) -> str:
    """``"."`` or ``","``: which one is the decimal mark of these cells; UserError where it cannot be told."""
    cells = [re.sub(r"[\s'’_]", "", cell) for cell in cells]
    commas = [cell for cell in cells if "," in cell]
    ask = "%s: %r is 1.2 or 1200 alike: say what the %s is with --decimal comma or --decimal point"
    if not commas:
        points = [cell for cell in cells if "." in cell and cell not in MISSING]
        # Where semicolons stand between, 1.200 may be German. Not 0.200, though: no thousands begin with 0.
        if delimiter == ";" and points and all(re.match(r"\D*[1-9]\d{0,2}(\.\d{3})+\D*$", cell) for cell in points):
            raise UserError(ask % (where, points[0][:40], "point"))
        return "."
    thousands = [cell for cell in commas if re.match(r"[^\d,]*\d{1,3}(,\d{3})+(\.\d*)?\D*$", cell)]
    if any("." in cell and cell.rfind(",") > cell.rfind(".") for cell in commas) or len(thousands) < len(commas):
        return ","
    if delimiter == ";" and not any("." in cell or cell.count(",") > 1 for cell in commas):
        raise UserError(ask % (where, commas[0][:40], "comma"))
    return "."


_CURRENCY = r"(?:[A-Z]{0,3}[$€£¥￥₩₹₽]|[A-Z]{3}\s)?"
_UNIT = re.compile(
    # a minus right behind a digit belongs to the number, not to a unit; '100,-' and '100.-' are a price without cents
    r"([-+−]?)\s*(%s)\s*([-+−]?[\d.,](?:.*[\d.,])?)(?!(?<=\d)\s*[-−–])\s*([^\d.,]{0,12})" % _CURRENCY
)
_MINUS_BEHIND = re.compile(r"(%s\s*\d[\d.,'’_\s]*(?<=\d))\s*[-−](\s[^\d.,]{1,12})?" % _CURRENCY)


def _sign_first(cell):
    """``100-``, as SAP writes it, as ``-100``; other cells as they are."""
    match = _MINUS_BEHIND.fullmatch(cell.strip())
    return "-%s%s" % (match.group(1), match.group(2) or "") if match else cell


def _signs_first(cells, notes):
    """Cells with the sign before the number."""
    moved = [_sign_first(cell) for cell in cells]
    if moved != cells:
        notes.append("a minus behind a number is read as its sign")
    return moved


def _units(cells):
    """Unit → the first cell that has it, or None where not all are numbers; a missing value or a bare zero may be of any."""
    found = {}
    for cell in cells:
        match = _UNIT.fullmatch(cell)
        if cell.lower() in MISSING or match and re.fullmatch(r"0+([.,]0*)?", cell):
            continue
        if not match:
            return None
        found.setdefault((match.group(2).strip(), match.group(4).strip()), cell)
    return found


def _without_unit(cells, notes):
    """Cells without the currency, percent sign or unit that stands before or behind every number; else as they are."""
    units = _units(cells)
    if not units or len(units) > 1 or ("", "") in units:
        return cells
    notes.append("the values are numbers of %s" % " … ".join(part for part in list(units)[0] if part))
    found = [None if cell.lower() in MISSING else _UNIT.fullmatch(cell) for cell in cells]
    return [match.group(1) + match.group(3) if match else cell for cell, match in zip(cells, found)]


def _mark_of(cells, delimiter, opts, path, notes):
    """The decimal mark that the reader says, or else that of the cells; a note where commas are among them."""
    mark = {"comma": ",", "point": "."}.get(opts.decimal) or _decimal_mark(cells, delimiter, path)
    if mark == "," or any("," in cell for cell in cells):
        notes.append(
            "in the values a comma is read as %s" % ("the decimal mark" if mark == "," else "a separator of thousands")
        )
    return mark


def _parse_number(cell, mark) -> Optional[float]:
    """The number in a cell, NaN where it is missing, None where it is none; separators of thousands are left out."""
    cell = _sign_first(cell.strip()).replace("−", "-")
    if cell.lower() in MISSING:
        return math.nan
    if len(cell) > 400:
        return None
    plain = re.sub(r"(?<=\d)[\s'’_\u00a0\u202f](?=\d{3}(\D|$))", "", cell)
    other = "," if mark == "." else "."
    if re.match(r"[-+]?\d{1,3}(%s\d{3})+(%s\d*)?([eE][-+]?\d+)?$" % (re.escape(other), re.escape(mark)), plain):
        plain = plain.replace(other, "")
    plain = plain.replace(",", ".") if mark == "," and "." not in plain else plain
    if not re.match(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$", plain):
        return None
    return float(plain)


# ------------------------------------------------------------------------------------------------------------------ reading
def _column(name, header, width, path, what):
    """Index of column ``name``: a header's text, or a number counted from 1."""
    if header is not None and name in header:
        if header.count(name) > 1:
            numbers = " or ".join(str(place) for place, item in enumerate(header, 1) if item == name)
            raise UserError("%s: several columns are called %r: give a number, %s" % (path, name[:40], numbers))
        return header.index(name)
    if re.match(r"[0-9]{1,6}$", name) and 1 <= int(name) <= width:
        return int(name) - 1
    known = ", ".join(repr(item[:40]) for item in header[:20]) if header is not None else "1 to %d" % width
    raise UserError("%s has no %s %r: choose one of %s" % (path, what, name[:40], known))


def _is_dated(cell, pattern=None):
    """Whether a cell holds a time, and one that no number looks like."""
    return parse_time(cell, pattern=pattern) is not None and not re.match(r"\d{1,5}(\.\d*)?$", cell)


def _holds_numbers(cells):
    """Whether all of these cells could be numbers (or missing), and one is."""
    found = [_parse_number(cell, mark) for cell in _without_unit(_signs_first(cells, []), []) for mark in ".,"]
    pairs = list(zip(found[::2], found[1::2]))
    return all(pair != (None, None) for pair in pairs) and any(
        number is not None and not math.isnan(number) for pair in pairs for number in pair
    )


def _split(path, content):
    """Rows of a table (line, cells), and its delimiter: the one that stands in half of the lines."""
    lines = [line for line in content.split("\n") if line.strip()]
    sample = lines[:100]
    delimiter = next((mark for mark in ";\t,|" if 2 * sum(mark in line for line in sample) >= max(1, len(sample))), ",")
    if sample and not any(delimiter in line for line in sample):
        parts = sample[-1].rsplit(None, 1)
        if len(parts) == 2 and _is_dated(parts[0]) and _parse_number(parts[1], ".") is not None:  # spaces between
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
    """Rows from the header on: the line before the first dated one, if it is as long; lines that could be data stay."""
    start = next(
        (place for place, (_, row) in enumerate(rows[:50]) if len(row) > 1 and any(_is_dated(c, pattern) for c in row)),
        0,
    )
    width = len(rows[start][1]) if rows else 0
    before = [row for _, row in rows[:start]]
    if not start or any(
        len(row) == width and any(_parse_number(c, ".") is not None for c in row if c) for row in before
    ):
        return rows
    kept = start - 1 if len(before[-1]) == width and any(before[-1]) else start
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
    """(lines, times, cells of values, decimal mark) of a file with one value a line; its title lines are left out."""
    _check_footer(path, behind, lambda row: row[0] and any(_parse_number(row[0], mark) is not None for mark in ".,"))
    if opts.decimal == "comma" and delimiter == ",":
        rows = [(line, [",".join(row)]) for line, row in rows]  # no other comma stands in such a line
    numbers = ([_parse_number(row[0], mark) for mark in ".,"] for _, row in rows)
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
    first = parse_time(opts.first)
    if first is None:
        raise UserError("--first %r is no date like 1999-12-31" % opts.first[:40])
    _check_year(first, "--first", opts.first)
    if len(rows) > MOST_VALUES:
        raise UserError("%s has %d values, at most %d are read" % (path, len(rows), MOST_VALUES))
    step = parse_step(opts.step)
    times = step.at(np.array([first], dtype="datetime64[s]"), np.arange(len(rows)))
    if (times[-1] < times[0]) or not FIRST_YEAR <= times[-1].astype("datetime64[Y]").astype(int) + 1970 <= LAST_YEAR:
        raise UserError("%s: %d values %s apart end after the year %d" % (path, len(rows), step.words, LAST_YEAR))
    cells = _signs_first([row[0] for _, row in rows], notes)
    mark = _mark_of(cells, delimiter, opts, path, notes)
    return [line for line, _ in rows], list(times.astype(datetime.datetime)), cells, mark


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


def _dated(path, rows, behind, delimiter, opts, notes):
    """(lines, times, cells of values, decimal mark) of a table with a date and a value column."""
    width = len(rows[0][1])
    pattern = opts.date_format

    header = None
    if not any(_is_dated(cell, pattern) for cell in rows[0][1]) and not _YEAR.match(rows[0][1][0]):
        header = rows.pop(0)[1]
    if not rows:
        _check_footer(path, behind, lambda row: len(row) > 1 and any(parse_time(cell) is not None for cell in row))
        raise UserError("%s has a header and no rows" % path)
    for line, row in rows:
        if len(row) != width:
            raise UserError("%s, line %d: %d columns, the first line has %d" % (path, line, len(row), width))
    first_cells = [[row[index] for _, row in rows[:20]] for index in range(width)]
    if opts.date_column is None:
        tests = (
            lambda cell: _is_dated(cell, pattern) and not cell.isdigit(),  # large numbers look like epoch seconds
            lambda cell: _is_dated(cell, pattern),
            lambda cell: pattern is None and bool(_YEAR.match(cell)),
        )
        found = (index for test in tests for index in range(width) if all(test(cell) for cell in first_cells[index]))
        date_index = next(found, 0)
    else:
        date_index = _column(opts.date_column, header, width, path, "date column")
    if opts.value_column is None:  # the next one that holds numbers
        others = list(range(date_index + 1, width)) + list(range(date_index))
        if not others:
            raise UserError("%s has one column: a date and a value are needed" % path)
        value_index = next((index for index in others if _holds_numbers(first_cells[index])), others[0])
    else:
        value_index = _column(opts.value_column, header, width, path, "value column")
    if date_index == value_index:
        raise UserError("%s: --date-column and --value-column are the same column" % path)

    def is_data(row):
        date, value = (row + [""] * width)[date_index], (row + [""] * width)[value_index]
        dated = parse_time(date) is not None or parse_time(date, pattern=pattern) is not None
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
        name = " (%s)" % header[value_index][:40] if header else ""
        notes.append(
            "%d columns; the values are those of column %d%s, --value-column chooses" % (width, value_index + 1, name)
        )
    local = None if pattern else _local_order([row[date_index] for _, row in rows], path, notes)
    times = []
    for line, row in rows:
        time = parse_time(row[date_index], local, pattern)
        if time is None:
            raise UserError(
                "%s, line %d: %r is not a date like 1977-01-31 (--date-column, --date-format)"
                % (path, line, row[date_index][:40])
            )
        _check_year(time, "%s, line %d" % (path, line), row[date_index])
        times.append(time)
    times = _one_zone([row[date_index] for _, row in rows], times, notes)
    cells = _without_unit(_signs_first([row[value_index] for _, row in rows], notes), notes)
    return [line for line, _ in rows], times, cells, _mark_of(cells, delimiter, opts, path, notes)


def parse_step(name: str) -> Step:
    """``--step``: a unit (hour, day, business day, week, month, quarter, year …), or with a count: ``15 minutes``, ``2h``."""
    match = re.match(r"(\d{0,5})\s*([a-z ]+?)s?$", name.strip().lower())
    units = {
        "min": "minute",
        "h": "hour",
        "d": "day",
        "b": "business day",
        "w": "week",
        "m": "month",
        "q": "quarter",
        "y": "year",
    }
    unit = match and units.get(match.group(2), match.group(2))
    if not match or unit not in UNITS or match.group(1) in ("0", "00"):
        raise UserError(
            "--step %r: choose %s, or a count before one of them (15 minutes)" % (name[:40], ", ".join(UNITS))
        )
    count = int(match.group(1) or 1)
    return Step("month", count * _MONTHS[unit]) if unit in _MONTHS else Step(unit, count)


def find_step(times: np.ndarray) -> Step:
    """The step of sorted ``datetime64[s]`` times: whole months where day and clock agree, else the commonest distance."""
    days, months = times.astype("datetime64[D]"), times.astype("datetime64[M]")
    clock, of_month = times - days, (days - months.astype("datetime64[D]")).astype(int)
    agree = of_month == np.minimum(_day_of_month(times), _last_day(months))
    apart = np.diff(months.astype(int))
    if np.all(clock == clock[0]) and np.all(agree) and np.min(apart) >= 1:
        return Step("month", _commonest(apart))
    seconds = _commonest(np.diff(times).astype("timedelta64[s]").astype(np.int64))
    if seconds == _SECONDS["day"] and len(times) >= 8 and np.all(np.is_busday(days)):
        return Step("business day", 1)
    unit = next(name for name in ("week", "day", "hour", "minute", "second") if seconds % _SECONDS[name] == 0)
    return Step(unit, seconds // _SECONDS[unit])


def _last_day(months) -> np.ndarray:
    """The last day of each month (``datetime64[M]``), counted from 0."""
    return ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(int) - 1


def _day_of_month(times) -> int:
    """The day, counted from 0, that a series of months means: the first that is no last day; 30 where all are last days.

    The first time alone does not tell: 28 February may be the end of the month or the 28th.
    """
    months = times.astype("datetime64[M]")
    days = (times.astype("datetime64[D]") - months.astype("datetime64[D]")).astype(int)
    return int(np.append(days[days != _last_day(months)], 30)[0])


def _commonest(numbers) -> int:
    found, counts = np.unique(numbers, return_counts=True)
    return int(found[counts.argmax()])


def _ranges(missing, times):
    """Missing positions as text: every run of them as ``first`` or ``first to last``."""
    names = shown(times)
    breaks = np.flatnonzero(np.diff(missing) > 1) + 1
    parts = []
    for group in np.split(np.arange(len(missing)), breaks):
        parts.append(names[group[0]] if len(group) == 1 else "%s to %s" % (names[group[0]], names[group[-1]]))
    rest = len(parts) - 200
    return ", ".join(parts[:200]) + (" and %d more stretches" % rest if rest > 0 else "")


def _on_grid(path, lines, times, values, opts, notes):
    """Times, values and step of the regular series, gaps filled as asked; UserError for doubled, missing and stray values."""
    times = np.array(times, dtype="datetime64[s]")
    if len(times) > 1 and np.all(np.diff(times) < np.timedelta64(0, "s")):
        times, values, lines = times[::-1], values[::-1], lines[::-1]
        notes.append("the newest value came first: the series was turned round")
    apart = np.diff(times).astype(np.int64)
    for bad, words in (
        (apart == 0, "%s is there twice: keep one row"),
        (apart < 0, "%s comes after a later date: sort the rows"),
    ):
        if bad.any():
            found = np.flatnonzero(bad) + 1
            more = " (and %d more such lines)" % (len(found) - 1) if len(found) > 1 else ""
            if 4 * len(found) > len(times):
                more += "; where another column holds the rest of the time, join both; where it names several series, choose one"
            raise UserError("%s, line %d: %s%s" % (path, lines[found[0]], words % shown(times[found[:1]])[0], more))
    if len(times) < 3:
        raise UserError("%s has %d rows: too few to find a step" % (path, len(times)))
    step = parse_step(opts.step) if opts.step else find_step(times)
    positions = step.positions(times)
    off = np.flatnonzero(positions != np.floor(positions))
    if len(off):
        raise UserError(
            "%s, line %d: %s does not lie on a grid of %s from %s on (%d lines do not): give --step, or make the series regular"
            % (path, lines[off[0]], shown(times[off[:1]])[0], step.words, shown(times[:1])[0], len(off))
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
    gaps = np.flatnonzero(np.isnan(whole))
    if len(gaps):
        said = "%d of %d values are missing: %s" % (len(gaps), count, _ranges(gaps, times[gaps]))
        if opts.fill is None:
            raise UserError("%s: %s; --fill interpolate or --fill previous goes on" % (path, said))
        if np.isnan(whole[0]) or np.isnan(whole[-1]):
            raise UserError("%s: the first or the last value is missing: leave out its row" % path)
        if len(gaps) > count // 2:
            raise UserError("%s: %d of %d values are missing: too many to fill" % (path, len(gaps), count))
        known = np.flatnonzero(~np.isnan(whole))
        if opts.fill == "interpolate":
            whole[gaps] = np.interp(gaps, known, whole[known])
        else:
            whole[gaps] = whole[known[np.searchsorted(known, gaps) - 1]]
        notes.append("%s; filled (%s)" % (said, opts.fill))
    return times, whole, step


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
    dated = any(len(row) > 1 and _is_dated(row[0], opts.date_format) for _, row in rows[:2])
    said = path.lower().endswith(".dat") or opts.first is not None  # that there are no dates
    plain = {len(row) for _, row in rows} == {1} or said and not dated
    if opts.first is not None and not plain:
        raise UserError("%s has dates of its own: --first is for a file without dates, leave it out" % path)
    lines, times, cells, mark = (_only_values if plain else _dated)(path, rows, behind, delimiter, opts, notes)
    values = []
    for line, cell in zip(lines, cells):
        value = _parse_number(cell, mark)
        if value is None:
            units = [other[:40] for other in (_units(cells) or {}).values()]
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
    times, values, step = _on_grid(path, lines, times, np.array(values), opts, notes)
    if len(values) < at_least:
        raise UserError("%s has %d values, at least %d are needed" % (path, len(values), at_least))
    if values.min() == values.max():
        raise UserError("%s: all %d values are equal, there is nothing to learn" % (path, len(values)))
    if values.std() < 1e-9 * np.abs(values).max():
        raise UserError("%s: the values differ by less than a billionth of their size: subtract what they share" % path)
    name = os.path.basename(path)
    description = "%s, %d values, %s apart, from %s" % (name, len(values), step.words, shown(times[:1])[0])
    return Series(name, description, times, values, step, notes)


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


def run_folder(opts) -> str:
    """Name of the run's folder: the file's, whose results would replace the births', or the preset's."""
    return opts.preset if opts.csv is None else "own-" + os.path.splitext(os.path.basename(opts.csv))[0]


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
    return Series(name, description, times, values, Step("day", 1), [])


def load(opts, at_least: int = 3) -> Series:
    """The series that the options ask for; prints what was found."""
    if opts.csv is None:
        return read_births(opts, at_least)
    series = read_series(opts.csv, opts, at_least)
    print("data: %s" % series.description)
    for note in series.notes:
        print("note: %s" % note)
    return series
