"""The calendar against pandas and the datetime module."""

import datetime

import numpy as np
import pandas as pd
from pandas.tseries.offsets import Easter

from ch09_tfts_births import calendar_days


def test_easter_against_pandas():
    for year in range(1970, 2031):
        assert calendar_days.easter(year) == (pd.Timestamp(year, 1, 1) + Easter()).date()


def test_weekdays_against_datetime():
    days = np.datetime64("1976-12-25") + np.arange(800)
    assert calendar_days.weekdays(days).argmax(axis=1).tolist() == [day.weekday() for day in days.tolist()]


def test_known_holidays():
    known = {
        datetime.date(1990, 1, 1): "New Year",
        datetime.date(1990, 4, 13): "Good Friday",
        datetime.date(1990, 4, 16): "Easter Monday",
        datetime.date(1990, 5, 21): "Victoria Day",
        datetime.date(1990, 6, 24): "holiday at a weekend",
        datetime.date(1990, 9, 3): "Labour Day",
        datetime.date(1990, 10, 8): "Thanksgiving",
        datetime.date(1990, 12, 25): "Christmas Day",
    }
    table = calendar_days.holidays(np.arange("1990-01-01", "1991-01-01", dtype="datetime64[D]"))
    assert table.sum() == 12 and (table.sum(axis=1) <= 1).all()
    for day, name in known.items():
        assert calendar_days.HOLIDAYS[table[day.timetuple().tm_yday - 1].argmax()] == name


def test_year_waves():
    days = np.arange("1980-01-01", "1990-01-01", dtype="datetime64[D]")
    waves = calendar_days.year_waves(days, harmonics=2)
    assert waves.shape == (len(days), 4)
    np.testing.assert_allclose(waves[:, 0] ** 2 + waves[:, 1] ** 2, 1.0, atol=1e-5)
    np.testing.assert_allclose(waves[:-1461], waves[1461:], atol=1e-4)  # four years of 365.25 days
