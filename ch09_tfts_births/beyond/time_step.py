"""The distance between two values of a series: found from its times or named, and the cycles and times that follow from it."""

import re
from typing import List, NamedTuple

import numpy as np

from common.errors import UserError

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


def shown(times, zone="") -> List[str]:
    """Times as short as they allow: days without a clock where all are at midnight; behind a clock its zone."""
    midnight = bool(np.all(times == times.astype("datetime64[D]")))
    return [str(time)[:10] if midnight else str(time).replace("T", " ") + zone for time in times]


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
