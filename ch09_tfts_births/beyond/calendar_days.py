"""Holidays as numbers: Quebec's for the births, and those of any country by the package ``holidays``."""

import collections
import datetime
import re

import numpy as np

from ch09_tfts_births.ext_9_7_7b_multivariate import weekday_series
from common.errors import UserError

HOLIDAYS = (
    "New Year",
    "2 January",
    "Good Friday",
    "Easter Monday",
    "Victoria Day",
    "St John's Day",
    "Canada Day",
    "Labour Day",
    "Thanksgiving",
    "24 December",
    "Christmas Day",
    "26 December",
    "holiday at a weekend",
)
_FIXED = {(1, 1): 0, (1, 2): 1, (6, 24): 5, (7, 1): 6, (12, 24): 9, (12, 25): 10, (12, 26): 11}


def easter(year):
    """Easter Sunday of the Gregorian calendar (Meeus, Jones, Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    k = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * k) // 451
    month, day = divmod(h + k - 7 * m + 114, 31)
    return datetime.date(year, month, day + 1)


def holiday_of(day):
    """Index in ``HOLIDAYS`` of ``day`` (a ``datetime.date``), or None."""
    if (day.month, day.day) in _FIXED:
        return _FIXED[(day.month, day.day)] if day.weekday() < 5 else len(HOLIDAYS) - 1
    from_easter = (day - easter(day.year)).days
    if from_easter in (-2, 1):
        return 2 if from_easter == -2 else 3
    if day.weekday() == 0:
        if day.month == 5 and 18 <= day.day <= 24:
            return 4
        if day.month == 9 and day.day <= 7:
            return 7
        if day.month == 10 and 8 <= day.day <= 14:
            return 8
    return None


def quebec(days):
    """``[len(days), len(HOLIDAYS)]`` float32: 1 in the column of the day's holiday."""
    table = np.zeros([len(days), len(HOLIDAYS)], dtype=np.float32)
    for row, day in enumerate(np.asarray(days, dtype="datetime64[D]").tolist()):
        column = holiday_of(day)
        if column is not None:
            table[row, column] = 1.0
    return table


def working_days(days):
    """1.0 on Monday to Friday without a holiday of Quebec's, else 0.0."""
    return weekday_series(days) * (1.0 - quebec(days).sum(axis=1))


def of_country(days, code, fitted):
    """The holidays of a country.

    Args:
      days: ``datetime64[D]``.
      code: ``DE``, or with a part of the country ``CA-QC``.
      fitted: how many of the days a model is fitted to; a holiday that is less than twice among them has no column of its own.

    Returns:
      ``(names, table)``: the columns' names, and ``[len(days), len(names)]`` float32 with 1 in the column of the day's holiday.

    Raises:
      UserError: the package is missing, or knows no such country; no holiday falls on these days.
    """
    try:
        import holidays as package
    except ImportError:
        raise UserError("--holidays needs the package holidays: python -m pip install holidays==0.27.1")
    country, _, part = code.partition("-")
    days = np.asarray(days, dtype="datetime64[D]")
    years = range(days[0].tolist().year, days[-1].tolist().year + 1)
    try:
        found = package.country_holidays(country, subdiv=part or None, years=years)
    except (NotImplementedError, KeyError, AttributeError, ValueError):
        raise UserError("--holidays %s: no country of the package holidays (codes like DE, CN, US, CA-QC)" % code[:40])
    named = [re.sub(r" \((observed|estimated)\)", "", found.get(day, ""), flags=re.IGNORECASE) for day in days.tolist()]
    counted = collections.Counter(name for name in named[:fitted] if name)
    names = sorted(name for name, count in counted.items() if count >= 2) + ["other holiday"]
    table = np.zeros([len(days), len(names)], dtype=np.float32)
    for row, name in enumerate(named):
        if name:
            table[row, names.index(name) if name in names else -1] = 1.0
    if not table[:fitted].any():
        raise UserError("--holidays %s: no holiday falls on these days" % code[:40])
    return names, table
