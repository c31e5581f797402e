"""The calendar against pandas, the datetime module and the package holidays."""

import datetime
import sys

import numpy as np
import pandas as pd
import pytest
from pandas.tseries.offsets import Easter

from ch09_tfts_births import ext_9_7_7b_multivariate as multivariate
from ch09_tfts_births import ext_9_7_7c_lstm as lstm
from ch09_tfts_births.beyond import calendar_days
from common.errors import UserError


def test_easter_against_pandas():
    for year in range(1970, 2031):
        assert calendar_days.easter(year) == (pd.Timestamp(year, 1, 1) + Easter()).date()


def test_weekdays_against_datetime():
    days = np.datetime64("1976-12-25") + np.arange(800)
    assert lstm.weekdays(days).argmax(axis=1).tolist() == [day.weekday() for day in days.tolist()]
    assert multivariate.weekday_series(days).tolist() == [float(day.weekday() < 5) for day in days.tolist()]


def test_known_holidays_of_quebec():
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
    table = calendar_days.quebec(np.arange("1990-01-01", "1991-01-01", dtype="datetime64[D]"))
    assert table.sum() == 12 and (table.sum(axis=1) <= 1).all()
    for day, name in known.items():
        assert calendar_days.HOLIDAYS[table[day.timetuple().tm_yday - 1].argmax()] == name


def test_working_days():
    days = np.arange("1990-12-22", "1991-01-03", dtype="datetime64[D]")  # Saturday to Wednesday
    assert calendar_days.working_days(days).tolist() == [0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0]


def test_year_waves():
    days = np.arange("1980-01-01", "1990-01-01", dtype="datetime64[D]")
    waves = lstm.year_waves(days, harmonics=2)
    assert waves.shape == (len(days), 4)
    np.testing.assert_allclose(waves[:, 0] ** 2 + waves[:, 1] ** 2, 1.0, atol=1e-5)
    np.testing.assert_allclose(waves[:-1461], waves[1461:], atol=1e-4)  # four years of 365.25 days


def test_holidays_of_a_country():
    pytest.importorskip("holidays")
    days = np.arange("2018-01-01", "2021-03-01", dtype="datetime64[D]")
    names, table = calendar_days.of_country(days, "DE", fitted=900)
    assert table.shape == (len(days), len(names)) and names[-1] == "other holiday"
    marked = {str(day) for day in days[table.any(axis=1)]}
    assert {
        "2019-01-01",
        "2019-04-19",
        "2019-05-01",
        "2019-10-03",
        "2020-12-25",
    } <= marked and "2019-07-04" not in marked
    assert (table.sum(axis=1) <= 1).all()
    with pytest.raises(UserError, match="no country"):
        calendar_days.of_country(days, "ATLANTIS", 900)
    with pytest.raises(UserError, match="no country"):
        calendar_days.of_country(days, "DE-XX", 900)
    with pytest.raises(UserError, match="no holiday falls"):
        calendar_days.of_country(days[5:20], "DE", 15)


def test_without_the_package_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(UserError, match="pip install holidays"):
        calendar_days.of_country(np.arange("2018-01-01", "2019-01-01", dtype="datetime64[D]"), "DE", 200)
