"""What the calendar says about a day: weekday, place in the year, Quebec's holidays (Extra: not in the book)."""

import datetime

import numpy as np

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


def holidays(days):
    """``[len(days), len(HOLIDAYS)]`` float32: 1 in the column of the day's holiday."""
    table = np.zeros([len(days), len(HOLIDAYS)], dtype=np.float32)
    for row, day in enumerate(np.asarray(days, dtype="datetime64[D]").tolist()):
        column = holiday_of(day)
        if column is not None:
            table[row, column] = 1.0
    return table


def weekdays(days):
    """``[len(days), 7]`` float32: 1 in the column of the weekday, Monday first."""
    numbers = (np.asarray(days, dtype="datetime64[D]").astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    return np.eye(7, dtype=np.float32)[numbers]


def year_waves(days, harmonics=3):
    """``[len(days), 2 * harmonics]`` float32: sines and cosines of the year of 365.25 days."""
    phase = 2.0 * np.pi * np.asarray(days, dtype="datetime64[D]").astype(np.float64) / 365.25
    waves = [wave(number * phase) for number in range(1, harmonics + 1) for wave in (np.sin, np.cos)]
    return np.stack(waves, axis=1).astype(np.float32)
