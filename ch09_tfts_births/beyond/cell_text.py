"""What stands in a cell of a reader's table: a time or a number, in the many ways that people and programs write them."""

import datetime
import math
import re
from typing import Optional

import numpy as np

from ch09_tfts_births.beyond import time_step
from common.errors import UserError

MISSING = ("", "nan", "na", "n/a", "null", "none", "-", "--", ".", "?", "缺失", "#n/a")
MISSING += ("<na>", "n.a.", "missing", "#value!", "#div/0!", "#ref!", "#num!", "#name?", "#null!")
# ------------------------------------------------------------------------------------------------------------------ dates
_PATTERNS = (
    (re.compile(r"(\d{4})(?:年|\.0)?"), "year"),  # 1959.0: what pandas makes of a column of years
    (re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})"), "ymd"),
    (re.compile(r"(\d{4})()(\d{2})(\d{2})"), "ymd"),
    (re.compile(r"(\d{4})年()(\d{1,2})月(?:(\d{1,2})日?)?"), "ymd"),
    (re.compile(r"(\d{4})([-/.])(\d{1,2})"), "ymd"),
    (re.compile(r"((?:1[6-9]|2[0-2])\d\d)()(0[1-9]|1[0-2])"), "ymd"),  # 202401
    (re.compile(r"(\d{4})()-?[Mm](\d{1,2})"), "ymd"),
    (re.compile(r"(\d{4})()[- ]?[Qq]([1-4])"), "quarter"),
    (re.compile(r"(\d{4})()年?第?([1-4一二三四])季度?"), "quarter"),
    (re.compile(r"(\d{4})()-?[Ww](\d{1,2})(?:-?([1-7]))?"), "week"),
    (re.compile(r"(\d{4})()年第?(\d{1,2})周"), "week"),
)
_QUARTER_FIRST = re.compile(r"(?:[Qq]([1-4])[- /]?|([1-4])[Qq][- /]?)(\d{4}|\d{2})")  # Q1 2020, 1Q20
_CLOCK_OF_DIGITS = re.compile(r"((?:19|20)\d{6})T?(\d{2})(\d{2})(\d{2})?(?=\D|$)")  # 20240131T0930, 202401310930
_WEEKDAY = re.compile(
    r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:day|sday|nesday|rsday|urday)?\b,?\s*|\s*(?:星期|周|礼拜)[一二三四五六日天]"
)
_MONTH_YEAR = re.compile(r"(\d{1,2})[-/.](\d{4})")
YEAR = re.compile(r"[12]\d{3}(\.0)?$")
_NAMED = ("%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y", "%d %B %Y", "%b %Y", "%B %Y", "%b-%Y")
_NAMED += ("%d %b %y", "%d-%b-%y", "%b-%y")  # two digits: 69 to 99 are the last century's, as POSIX has it
_CLOCK = re.compile(
    r"(?:[T ]|(?<=日))\s*(上午|下午)?\s*(\d{1,2})[:时点](?:(\d{2})分?(?::?(\d{2})秒?(?:[.,]\d+)?)?)?\s*([AaPp]\.?[Mm]\.?)?\s*"
    r"(Z|UTC|GMT|[+-]\d{2}:?\d{2})?(?:\[[A-Za-z_/+-]+\])?$"
)
_LOCAL = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})")
_ORDERS = {"dmy": "day/month/year", "mdy": "month/day/year", "ymd": "year/month/day"}  # the last for two digits only


def _local_date(match, order) -> datetime.datetime:
    """The day of a match of ``_LOCAL``; ValueError where it is none."""
    parts = [int(match.group(number)) for number in (1, 3, 4)]
    day, month, year = (parts[order.index(letter)] for letter in "dmy")
    return datetime.datetime(_whole_year(year), month, day)


def _whole_year(year) -> int:
    """Of two digits 69 to 99 are the last century's."""
    return year if year >= 100 else year + (1900 if year >= 69 else 2000)


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
        if _EPOCH.match(cell):
            seconds = float(cell) / (1000 if len(cell) == 13 and "." not in cell else 1)
            return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=int(seconds))
        clock = datetime.timedelta()
        cell = _WEEKDAY.sub("", cell).strip()
        cell = re.sub(r"\bSept\b", "Sep", cell)
        cell = _CLOCK_OF_DIGITS.sub(lambda found: "%s %s:%s:%s" % (found.groups("00")), cell)
        found = _CLOCK.search(cell)
        if found:
            hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:4])
            half = (found.group(5) or "").lower().replace(".", "") or {"上午": "am", "下午": "pm"}.get(found.group(1))
            if hours > (12 if half else 24) or minutes > 59 or seconds > 60:
                return None
            hours = hours % 12 + 12 * (half == "pm") if half else hours
            clock = datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds)
            cell = cell[: found.start()].rstrip()  # local time is what cycles of a day follow; zones: ``one_zone``
        for expression, kind in _PATTERNS:
            match = expression.fullmatch(cell)
            if match:
                year, third = int(match.group(1)), (match.group(3) if kind != "year" else None)
                if kind == "week":
                    day = match.group(4) if match.re.groups > 3 and match.group(4) else 1
                    return datetime.datetime.strptime("%d-W%s-%s" % (year, third, day), "%G-W%V-%u") + clock
                if kind == "quarter":
                    return datetime.datetime(year, 3 * ("一二三四".find(third) + 1 or int(third)) - 2, 1) + clock
                day = int(match.group(4) or 1) if kind == "ymd" and match.re.groups > 3 else 1
                return datetime.datetime(year, int(third or 1), day) + clock
        match = _QUARTER_FIRST.fullmatch(cell)
        if match:
            quarter, year = int(match.group(1) or match.group(2)), int(match.group(3))
            return datetime.datetime(_whole_year(year), 3 * quarter - 2, 1) + clock
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


_EPOCH = re.compile(r"[0-9]{10}(\.[0-9]+)?$|[0-9]{13}$")  # seconds since 1970, or milliseconds


def pattern_of_digits(cells, notes) -> Optional[str]:
    """The pattern of dates like 2024010100, where all are such; a note where digits are read as that, or as seconds."""
    if not all(map(_EPOCH.match, cells)):
        return None
    hours = [re.match("(19[5-9]|20)", cell) and parse_time(cell, pattern="%Y%m%d%H") for cell in cells]
    if all(hours) and all(len(cell) == 10 for cell in cells):
        notes.append("dates like %s are read as year, month, day and hour" % cells[0])
        return "%Y%m%d%H"
    notes.append(
        "dates like %s are read as %s since 1970" % (cells[0], "milliseconds" if len(cells[0]) == 13 else "seconds")
    )
    return None


def one_zone(cells, times, notes):
    """(times, their zone or ""): where zones differ (the clock was put forward or back) all in that of the last time.

    Local times that all have one clock time stay: days and months follow the calendar, and a day of 23 hours is one.
    """
    found = [_CLOCK.search(cell.strip()) for cell in cells]
    names = [match.group(6) if match else None for match in found]
    names = ["Z" if name in ("UTC", "GMT") else name for name in names]
    if not all(names):
        return times, ""
    zones = [_zone_of(name) for name in names]
    if len(set(zones)) == 1:
        return times, names[0]
    if len({time.time() for time in times}) == 1 and len(set(times)) == len(times):
        notes.append("the zone changes within the series: its local times are kept")
        return times, ""
    world = [time - zone for time, zone in zip(times, zones)]
    last = world.index(max(world))
    notes.append("the zone changes within the series: all times are those of %s" % names[last])
    return [time + zones[last] for time in world], names[last]


def _zone_of(name) -> datetime.timedelta:
    """The distance of a zone like +01:00 or Z from the world's time."""
    digits = name[1:].replace(":", "") or "0000"
    return (-1 if name[0] == "-" else 1) * datetime.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))


def local_order(cells, where, notes) -> Optional[str]:
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
    positions = time_step.find_step(times).positions(times)
    return bool(np.all(np.diff(positions) == 1))


def is_dated(cell, pattern=None):
    """Whether a cell holds a time, and one that no number looks like."""
    return parse_time(cell, pattern=pattern) is not None and not re.match(r"\d{1,5}(\.\d*)?$", cell)


# ----------------------------------------------------------------------------------------------------------------- values
def _grouped(mark) -> str:
    """Expression of whole numbers with separators of thousands, 1,234,567 or 12,34,567; never 0,948."""
    return r"(?:[1-9]\d{0,2}(?:%s\d{3})+|[1-9]\d?(?:%s\d\d)+%s\d{3})" % ((re.escape(mark),) * 3)


def _decimal_mark(cells, delimiter, where) -> str:
    """``"."`` or ``","``: which one is the decimal mark of these cells; UserError where it cannot be told."""
    cells = [re.sub(r"[\s'’_]", "", cell) for cell in cells]
    commas = [cell for cell in cells if "," in cell]
    ask = "%s: %r is 1.2 or 1200 alike: say what the %s is with --decimal comma or --decimal point"
    if not commas:
        points = [cell for cell in cells if "." in cell and cell not in MISSING]
        # Where no comma stands between, 1.200 may be German.
        if delimiter != "," and points and all(re.match(r"\D*%s\D*$" % _grouped("."), cell) for cell in points):
            raise UserError(ask % (where, points[0][:40], "point"))
        return "."
    thousands = [cell for cell in commas if re.match(r"[^\d,]*%s(\.\d*)?\D*$" % _grouped(","), cell)]
    if any("." in cell and cell.rfind(",") > cell.rfind(".") for cell in commas) or len(thousands) < len(commas):
        return ","
    if delimiter != "," and not any("." in cell or cell.count(",") > 1 for cell in commas):
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


def signs_first(cells, notes):
    """Cells with the sign before the number."""
    moved = [_sign_first(cell) for cell in cells]
    if moved != cells:
        notes.append("a minus behind a number is read as its sign")
    return moved


def units(cells):
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


def without_unit(cells, notes):
    """Cells without the currency, percent sign or unit that stands before or behind every number; else as they are."""
    found = units(cells)
    if not found or len(found) > 1 or ("", "") in found:
        return cells
    notes.append("the values are numbers of %s" % " … ".join(part for part in list(found)[0] if part))
    matches = [None if cell.lower() in MISSING else _UNIT.fullmatch(cell) for cell in cells]
    return [match.group(1) + match.group(3) if match else cell for cell, match in zip(cells, matches)]


def mark_of(cells, delimiter, opts, path, notes):
    """The decimal mark that the reader says, or else that of the cells; a note where commas are among them."""
    mark = {"comma": ",", "point": "."}.get(opts.decimal) or _decimal_mark(cells, delimiter, path)
    if mark == "," or any("," in cell for cell in cells):
        notes.append(
            "in the values a comma is read as %s" % ("the decimal mark" if mark == "," else "a separator of thousands")
        )
    return mark


def parse_number(cell, mark) -> Optional[float]:
    """The number in a cell, NaN where it is missing, None where it is none; separators of thousands are left out."""
    cell = _sign_first(cell.strip()).replace("−", "-")
    if cell.lower() in MISSING:
        return math.nan
    if len(cell) > 400:
        return None
    plain = re.sub(r"(?<=\d)[\s'’_\u00a0\u202f](?=\d{3}(\D|$))", "", cell)
    other = "," if mark == "." else "."
    if re.match(r"[-+]?%s(%s\d*)?([eE][-+]?\d+)?$" % (_grouped(other), re.escape(mark)), plain):
        plain = plain.replace(other, "")
    plain = plain.replace(",", ".") if mark == "," and "." not in plain else plain
    if not re.match(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$", plain):
        return None
    return float(plain)


def holds_numbers(cells):
    """Whether all of these cells could be numbers (or missing), and one is."""
    found = [parse_number(cell, mark) for cell in without_unit(signs_first(cells, []), []) for mark in ".,"]
    pairs = list(zip(found[::2], found[1::2]))
    return all(pair != (None, None) for pair in pairs) and any(
        number is not None and not math.isnan(number) for pair in pairs for number in pair
    )
