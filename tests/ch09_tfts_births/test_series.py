"""Series of other people: steps, dates, numbers, gaps; and one clear line for each kind of bad input."""

import argparse
import datetime
import os

import numpy as np
import pandas as pd
import pytest

from ch09_tfts_births.beyond import cell_text, series, time_step
from common.errors import UserError


def make_opts(**changes):
    names = ("csv", "date_column", "value_column", "step", "fill", "date_format", "decimal", "first")
    return argparse.Namespace(**dict(dict.fromkeys(names), **changes))


@pytest.fixture
def read(tmp_path):
    """A function: the text (or bytes) of a file → its Series."""

    def reader(content, name="own.csv", encoding="utf-8", **changes):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return series.read_series(str(path), make_opts(**changes))

    return reader


def table(times, values=None, form="%Y-%m-%d", separator=","):
    values = [7 * (number % 5) + number for number in range(len(times))] if values is None else values
    cells = [time if isinstance(time, str) else time.strftime(form) for time in times]
    return "when%svalue\n" % separator + "".join("%s%s%s\n" % (a, separator, b) for a, b in zip(cells, values))


STEPS = {  # of pandas' ranges → what is found, its cycles, and the time two steps after the last
    "15T": ("15 minutes", [4, 96, 672]),
    "H": ("hour", [24, 168]),
    "6H": ("6 hours", [4, 28]),
    "D": ("day", [7, 365.25]),
    "B": ("business day", [5, 261]),
    "W": ("week", [365.25 / 7]),
    "MS": ("month", [12]),
    "M": ("month", [12]),
    "QS": ("quarter", [4]),
    "Q": ("quarter", [4]),
    "AS": ("year", []),
}


@pytest.mark.parametrize("frequency", sorted(STEPS))
def test_the_step_is_found_from_the_dates(frequency, read):
    times = pd.date_range("2018-03-01", periods=42, freq=frequency)
    found = read(table(times[:40], form="%Y-%m-%d %H:%M"))
    name, cycles = STEPS[frequency]
    assert str(found.step) == name and found.step.cycles == pytest.approx(cycles)
    assert (found.times == times[:40].values).all() and (found.times_after(2) == times[40:].values).all()


@pytest.mark.parametrize(
    "first, days, name",
    [
        ("2019-02", (28, 28, 28, 28, 28), "month"),  # the end of its month, but not of the others
        ("2019-04", (30, 30, 30, 30, 30), "month"),
        ("2019-11", (30, 30, 30, 29, 30), "month"),  # February has no 30th
        ("2019-02", (28, 31, 30, 31, 30), "month"),  # the last days
        ("2019-06", (30, 30, 31, 31, 30), "quarter"),
        ("2016-02", (29, 28, 28, 28, 29), "year"),
    ],
)
def test_months_that_begin_on_the_last_day_of_a_short_one(first, days, name, read):
    """The first day alone was asked, and 28 February, 28 March … was refused."""
    apart = {"month": 1, "quarter": 3, "year": 12}[name]
    months = np.datetime64(first) + apart * np.arange(5)
    times = months.astype("datetime64[D]") + np.array(days) - 1
    for step in (None, name):
        found = read(table([str(time) for time in times[:4]]), step=step)
        assert str(found.step) == name and (found.days == times[:4]).all()
        assert found.times_after(1)[0].astype("datetime64[D]") == times[4]
    with pytest.raises(UserError, match="line 4: 2020-03-15 does not lie on a grid of a month from 2020-01-01"):
        read(table(["2020-01-01", "2020-02-01", "2020-03-15", "2020-04-01"]), step="month")


DATES = """2020-1-31 | 2020/01/31 | 2020.1.31 | 20200131 | 2020年1月31日 | 2020年01月31日 | 31/01/2020 | 01/31/2020 | 31.01.2020
2020-01-31T00:00 | 2020-01-31T00:00:00Z | 2020-01-31 00:00:00.000 | 2020-01-31T00:00:00+08:00 | 1580428800 | 1580428800000
31 Jan 2020 | Jan 31, 2020 | January 31, 2020 | 31-Jan-2020 | 31-Jan-20 | 31 Jan 20 | 31/01/20 | 01/31/20 | 31.01.20
01/31/2020 12:00 AM | 2020/1/31 上午12:00:00 | 2020年1月31日0时"""


@pytest.mark.parametrize("text", [text.strip() for text in DATES.replace("\n", "|").split("|")])
def test_many_ways_to_write_a_day(text):
    assert cell_text.parse_time(text) == datetime.datetime(2020, 1, 31)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("2020-03", (2020, 3, 1)),
        ("2020年3月", (2020, 3, 1)),
        ("2020Q2", (2020, 4, 1)),
        ("2020-Q4", (2020, 10, 1)),
        ("2020年第二季度", (2020, 4, 1)),
        ("2020-W05", (2020, 1, 27)),
        ("2020-W5", (2020, 1, 27)),
        ("2020-W05-3", (2020, 1, 29)),
        ("2020W053", (2020, 1, 29)),
        ("2020年第5周", (2020, 1, 27)),
        ("202005", (2020, 5, 1)),
        ("2020M05", (2020, 5, 1)),
        ("2020 Q2", (2020, 4, 1)),
        ("Q2 2020", (2020, 4, 1)),
        ("Q2-2020", (2020, 4, 1)),
        ("Q2/20", (2020, 4, 1)),
        ("2Q99", (1999, 4, 1)),
        ("2Q2020", (2020, 4, 1)),
        ("Sept-20", (2020, 9, 1)),
        ("30 September 2020", (2020, 9, 30)),
        ("20200131T0930", (2020, 1, 31, 9, 30)),
        ("20200131T093015Z", (2020, 1, 31, 9, 30, 15)),
        ("202001310930", (2020, 1, 31, 9, 30)),
        ("20200131093015", (2020, 1, 31, 9, 30, 15)),
        ("2020-01-31 09:30:00 UTC", (2020, 1, 31, 9, 30)),
        ("2020-01-31T09:30+01:00[Europe/Berlin]", (2020, 1, 31, 9, 30)),
        ("2020年1月31日 星期五", (2020, 1, 31)),
        ("2020年1月31日 星期五 09:30", (2020, 1, 31, 9, 30)),
        ("Fri 31 Jan 2020", (2020, 1, 31)),
        ("Friday, January 31, 2020", (2020, 1, 31)),
        ("2020", (2020, 1, 1)),
        ("1959.0", (1959, 1, 1)),
        ("03.2020", (2020, 3, 1)),
        ("3/2020", (2020, 3, 1)),
        ("Jan-70", (1970, 1, 1)),
        ("1/2/2020 3:05 PM", (2020, 2, 1, 15, 5)),
        ("2020/2/1 下午3:05:07", (2020, 2, 1, 15, 5, 7)),
        ("2020-02-01 12:30 p.m.", (2020, 2, 1, 12, 30)),
        ("2020年2月1日15时30分", (2020, 2, 1, 15, 30)),
    ],
)
def test_months_quarters_weeks_years(text, expected):
    assert cell_text.parse_time(text) == datetime.datetime(*expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "many",
        "2020-13-01",
        "1977-02-30",
        "2020-01-31 25:00",
        "9" * 5000,
        "31/31/2020",
        "１２",
        "13:00 PM",
        "1/1/2020 13:00 PM",
        "13.2020",
        "202013",
        "Q5 2020",
        "2020-W54",
        "20200131T2500",
        "Mon",
        "500101",
    ],
)
def test_what_is_no_date(text):
    assert cell_text.parse_time(text) is None


def test_day_or_month_first_is_told_by_the_whole_column(read):
    days = pd.date_range("2020-01-01", periods=40)
    for form in ("%d/%m/%Y", "%m/%d/%Y"):
        assert (read(table(days, form=form)).times == days.values).all()
    months = pd.date_range("2020-01-01", periods=24, freq="MS")
    found = read(table(months, form="%d/%m/%Y"))  # each could be either: months are a regular series, days are not
    assert str(found.step) == "month" and "day/month" in " ".join(found.notes)
    with pytest.raises(UserError, match="--date-format"):
        read("d,v\n01/01/2020,1\n02/02/2020,2\n03/03/2020,4\n")
    assert len(read(table(days, form="%d|%m|%y"), date_format="%d|%m|%y").values) == 40


def test_years_of_two_digits_are_read_or_asked_for(read):
    days = pd.date_range("2019-06-01", periods=40)
    for form in ("%d/%m/%y", "%m/%d/%y", "%y-%m-%d"):
        assert (read(table(days, form=form)).times == days.values).all()
    short = table(days[:20], form="%y-%m-%d")  # 19-06-01: the 19th of June of 2001, 2002 … is a regular series, too
    with pytest.raises(UserError, match="day/month/year or year/month/day: say which with --date-format"):
        read(short)
    assert (read(short, date_format="%y-%m-%d").times == days[:20].values).all()


def test_hours_over_a_change_of_the_clock_are_one_after_the_other(read):
    hours = pd.date_range("2021-10-30 22:00", periods=60, freq="H", tz="Europe/Berlin")  # 2 o'clock is there twice
    found = read(table([hour.isoformat() for hour in hours]))
    assert str(found.step) == "hour" and len(found.values) == 60 and found.zone == "+01:00"
    assert "all times are those of +01:00" in " ".join(found.notes)
    ahead = pd.date_range(hours[-1], periods=3, freq="H")[1:]
    assert time_step.shown(found.times_after(2), found.zone) == [
        str(time) for time in ahead
    ]  # the last label came again
    turned = read(table([hour.isoformat() for hour in hours[::-1]]))
    assert turned.zone == "+01:00" and (turned.times == found.times).all()
    with pytest.raises(UserError, match="2021-10-31 02:00:00 is there twice"):
        read(table([hour.strftime("%Y-%m-%d %H:%M") for hour in hours]))


def test_utc_in_words_is_a_zone(read):
    hours = ["%s UTC" % time for time in pd.date_range("2021-02-01", periods=40, freq="H")]
    assert read(table(hours)).zone == "Z"


@pytest.mark.parametrize("zone", ["Z", "+08:00", "-0330", ""])
def test_times_keep_the_zone_that_the_file_has(zone, read):
    hours = [str(time) + zone for time in pd.date_range("2021-02-01", periods=40, freq="H")]
    found = read(table(hours[:38]))
    assert found.zone == zone and time_step.shown(found.times_after(2), found.zone) == hours[38:]
    assert found.description.endswith("2021-02-01")
    days = [str(time) + zone for time in pd.date_range("2021-02-01", periods=40)]
    assert time_step.shown(read(table(days)).times_after(1), zone) == ["2021-03-13"]


@pytest.mark.parametrize("frequency, name", [("D", "day"), ("W", "week"), ("MS", "month")])
def test_days_and_months_over_a_change_of_the_clock_keep_their_local_times(frequency, name, read):
    """In the first one's zone the days after the change began at 23 o'clock, off the grid."""
    times = pd.date_range("2021-02-01 06:00", periods=60, freq=frequency, tz="Europe/Berlin")
    found = read(table([time.isoformat() for time in times]))
    assert str(found.step) == name and (found.times == times.tz_localize(None).values).all()
    assert "its local times are kept" in " ".join(found.notes)


# ----------------------------------------------------------------------------------------------------------------- numbers
@pytest.mark.parametrize(
    "cells, separator, decimal, expected",
    [
        (['"1,200"', '"1,314"', '"12,405"', '"1,234,567.5"'], ",", None, [1200, 1314, 12405, 1234567.5]),
        (["1 200", "1 314", "12 405", "1\u00a0234\u202f567"], ",", None, [1200, 1314, 12405, 1234567]),
        (["1.200,5", "1.314,0", "12,4", "-3,25"], ";", None, [1200.5, 1314, 12.4, -3.25]),
        (["1,200", "1,314", "2,405", "1,100"], ";", "comma", [1.2, 1.314, 2.405, 1.1]),
        (["1,200", "1,314", "2,405", "1,100"], ";", "point", [1200, 1314, 2405, 1100]),
        (["1e-6", "2.5E-6", "−3e-6", "+.5"], ",", None, [1e-6, 2.5e-6, -3e-6, 0.5]),
        (['"1,23,450"', '"12,34,567.5"', '"1,200"', '"950"'], ",", None, [123450, 1234567.5, 1200, 950]),
    ],
)
def test_numbers_with_separators(cells, separator, decimal, expected, read):
    days = pd.date_range("2020-01-01", periods=len(cells))
    found = read(table(days, cells, separator=separator), decimal=decimal)
    np.testing.assert_allclose(found.values, expected)


@pytest.mark.parametrize(
    "cells, unit, expected",
    [
        (['"$1,200.5"', '"-$1,314"', '"$12"'], "$", [1200.5, -1314, 12]),
        (["1.5%", "NaN", "2.25 %"], "%", [1.5, np.nan, 2.25]),
        (["5 kWh", "7 kWh", "1e3 kWh"], "kWh", [5, 7, 1000]),
        (["¥3.5万", "¥4万", "¥10.25万"], "¥ … 万", [3.5, 4, 10.25]),
        (["USD 5", "USD 6.5", "USD -7"], "USD", [5, 6.5, -7]),
        (["0", "1%", "2.5%"], "%", [0, 1, 2.5]),
        (["$5", "n/a", "0.00"], "$", [5, np.nan, 0]),
    ],
)
def test_units_that_stand_at_every_number_are_left_out(cells, unit, expected, read):
    days = pd.date_range("2020-01-01", periods=3)
    found = read(table(days, cells), fill="interpolate")
    assert found.notes[0] == "the values are numbers of %s" % unit
    filled = pd.Series(expected).interpolate()
    np.testing.assert_allclose(found.values, filled)


def test_units_that_differ_and_numbered_names_are_no_numbers(read):
    days = pd.date_range("2020-01-01", periods=3)
    for cells, message in (
        (["5 kWh", "7 MWh", "8 kWh"], r"line 2: '5 kWh' is not a number: units differ \('5 kWh', '7 MWh'\) \("),
        (["0", "6", "7$"], r"line 4: '7\$' is not a number: units differ \('6', '7\$'\) \("),
        (["S1", "S2", "S3"], r"line 2: 'S1' is not a number \("),
        (["1-2", "2-3", "3-4"], r"line 2: '1-2' is not a number \("),
    ):
        with pytest.raises(UserError, match=message):
            read(table(days, cells))


@pytest.mark.parametrize(
    "cells, expected",
    [
        (["100-", "103-", "99-"], [-100, -103, -99]),
        (["100", "103.50-", "0"], [100, -103.5, 0]),
        (['"1,200.50-"', '"1,300.00"', '"12.25 -"'], [-1200.5, 1300, -12.25]),
        (["100.00- EUR", "7.25 EUR", "8.00− EUR"], [-100, 7.25, -8]),
        (["$100-", "$7", "$8-"], [-100, 7, -8]),
    ],
)
def test_a_minus_behind_a_number_is_its_sign(cells, expected, read):
    """A column of 100-, 103-, as SAP writes them, was +100, +103: 'the values are numbers of -'."""
    found = read(table(pd.date_range("2020-01-01", periods=3), cells))
    assert found.values.tolist() == expected
    assert found.notes[0] == "a minus behind a number is read as its sign"


def test_a_minus_behind_a_number_in_files_of_other_kinds(read):
    assert read("title\n100-\n103\n99-\n", first="2020-01-01", step="day").values.tolist() == [-100, 103, -99]
    assert read("2020-01-01 100-\n2020-01-02 7-\n2020-01-03 8-\n").values.tolist() == [-100, -7, -8]


def test_other_minuses_behind_a_number(read):
    days = pd.date_range("2020-01-01", periods=3)
    prices = read(table(days, ["100,-", "7,-", "8,-"], separator=";"))
    assert prices.values.tolist() == [100, 7, 8] and prices.notes[0] == "the values are numbers of -"
    for cell in ("100-€", "100–", "5-star"):
        with pytest.raises(UserError, match="line 2: '%s' is not a number" % cell):
            read(table(days, [cell, cell.replace("5", "3"), cell]))


def test_a_name_that_several_columns_have_chooses_none(read):
    """The first of them was taken without a word."""
    days = pd.date_range("2020-01-01", periods=3)
    text = "date,v,v\n" + "".join("%s,%d,%d\n" % (str(day)[:10], n, 10 * n) for n, day in enumerate(days))
    with pytest.raises(UserError, match="several columns are called 'v': give a number, 2 or 3"):
        read(text, value_column="v")
    assert read(text, value_column="3").values.tolist() == [0, 10, 20]


def test_another_series_has_another_folder_and_name(tmp_path, monkeypatch):
    """Another column, or another file of that name, replaced the results without a word, and no title named the column."""
    monkeypatch.setattr(series.options, "REPOSITORY", str(tmp_path))
    days, folders = [str(day)[:10] for day in pd.date_range("2020-01-01", periods=20)], []
    rows = "".join("%s,%d,%d\n" % (day, n * n % 7, n) for n, day in enumerate(days))
    for shop, column in ((1, None), (1, "a/b"), (2, None), (1, None), (2, "a/b"), (1, "a b"), (2, None)):
        path = tmp_path / str(shop) / "sales.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("date,sold,%s\n%s" % (column or "c", rows), encoding="ascii")
        opts = make_opts(csv=str(path), value_column=column, example="tfts_births", preset="book")
        folder = series.run_folder(opts)
        opts.output_dir = str(tmp_path / "output" / "tfts_births" / folder)
        found = series.load(opts)
        assert found.column == (column or "sold") and found.name == "sales.csv (%s)" % found.column
        assert found.description.startswith(found.name)
        folders.append(folder)
    assert folders == [
        "own-sales",
        "own-sales-a_b",
        "own-sales-2",
        "own-sales",
        "own-sales-a_b-2",
        "own-sales-a_b-3",
        folders[2],
    ]
    os.remove(str(tmp_path / "output" / "tfts_births" / "own-sales" / series.SOURCE_FILE))  # as older versions left it
    assert series.run_folder(make_opts(csv=str(tmp_path / "1" / "sales.csv"), example="tfts_births")) == "own-sales-3"


def test_a_column_is_named_where_it_can_be(read):
    days = pd.date_range("2020-01-01", periods=20)
    assert read(table(days)).column == "value" and read(table(days)).name == "own.csv"
    rows = [line + ",1" for line in table(days).split("\n")[1:-1]]
    assert read("\n".join(rows)).column == "column 2" and read("\n".join(rows)).name == "own.csv (column 2)"
    assert read("5\n7\n4\n", first="2020-01-01", step="day").column == ""


def test_the_columns_are_found_by_what_is_in_them(read):
    days = [str(day)[:10] for day in pd.date_range("2020-01-01", periods=20)]
    rows = [(number, day, "Kiel", 100 + number * number) for number, day in enumerate(days)]
    exported = ",date,town,sold\n" + "".join("%d,%s,%s,%d\n" % row for row in rows)
    found = read(exported)
    assert found.values.tolist() == [row[3] for row in rows]
    assert found.notes == ["4 columns; the values are those of column 4 (sold), --value-column chooses"]
    turned = "sold,date\n" + "".join("%d,%s\n" % (row[3], row[1]) for row in rows)
    assert read(turned).values.tolist() == [row[3] for row in rows]
    large = "n,start,end,m\n" + "".join("%d,%s,%s,%d\n" % (1.5e9 + row[0] ** 3, row[1], row[1], row[3]) for row in rows)
    assert read(large).values.tolist() == [row[3] for row in rows]  # not the ends, and the large numbers are no times
    years = "n,year\n" + "".join("%d,%d.0\n" % (number * number, 1900 + number) for number in range(20))
    assert str(read(years).step) == "year"
    joined = "date,hour,v\n" + "".join("2020-01-0%d,%d,%d\n" % (d, h, d * h) for d in range(1, 4) for h in range(24))
    with pytest.raises(UserError, match="there twice.*and 68 more such lines.; where another column holds the rest"):
        read(joined)
    stacked = "date,shop,v\n" + "".join("%s,%s,%d\n" % (day, shop, n) for shop in "AB" for n, day in enumerate(days))
    with pytest.raises(
        UserError, match="line 22: 2020-01-01 comes after a later date; where .* several series, choose one$"
    ):
        read(stacked)  # 'sort the rows' helps nobody
    mixed = "date,v\n" + "".join("%s,%d\n" % (day, n) for n, day in enumerate(days[1::2] + days[::2]))
    with pytest.raises(UserError, match="comes after a later date: sort the rows$"):
        read(mixed)
    shuffled = "date,v\n" + "".join("%s,%d\n" % (days[7 * n % 20], n) for n in range(20))
    with pytest.raises(UserError, match="sort the rows .and 5 more such lines.$"):
        read(shuffled)


def test_a_header_of_two_lines_has_both(read):
    rows = "".join(
        "%s,%d,%d\n" % (str(day)[:10], n * n, 7 * n) for n, day in enumerate(pd.date_range("2020-01-01", periods=20))
    )
    text = "date,sales,returns\n(yyyy-mm-dd),(units),(units)\n" + rows
    for name in ("returns", "returns (units)", "3"):
        found = read(text, value_column=name)
        assert found.values[1] == 7 and found.column == "returns (units)"
    assert read(text).notes == ["3 columns; the values are those of column 2 (sales (units)), --value-column chooses"]
    with pytest.raises(UserError, match="several columns are called '.units.': give a number, 2 or 3"):
        read(text, value_column="(units)")
    with pytest.raises(UserError, match="choose one of 'date .yyyy-mm-dd.', 'sales .units.', 'returns .units.'"):
        read(text, value_column="sold")


def test_days_as_spreadsheets_count_them_and_times_below_a_second_are_named(read):
    for header in ("date,v\n", ""):
        with pytest.raises(UserError, match="'4529[23]' is a date as spreadsheets count days"):
            read(header + "".join("%d,%d\n" % (45292 + n, n * n) for n in range(20)))
    with pytest.raises(UserError, match="times less than a second apart are not read"):
        read(table(["2020-01-01 00:00:%02d.%03d" % divmod(250 * n, 1000) for n in range(20)]))


def test_digits_are_hours_years_or_seconds_as_the_whole_column_says(read):
    """2024010100 … 2024012800 were seconds of 2034, and of 'year,gdp' the ten-digit gdp was the date."""
    days = [day.strftime("%Y%m%d00") for day in pd.date_range("2024-01-01", periods=28)]
    found = read(table(days))
    assert str(found.step) == "day" and str(found.times[0]) == "2024-01-01T00:00:00"
    assert found.notes == ["dates like 2024010100 are read as year, month, day and hour"]
    hours = [hour.strftime("%Y%m%d%H") for hour in pd.date_range("2024-01-01", periods=30, freq="H")]
    assert str(read(table(hours)).step) == "hour"
    seconds = [str(1704067200 + 3600 * number) for number in range(30)]
    found = read(table(seconds))
    assert str(found.times[-1]) == "2024-01-02T05:00:00"
    assert found.notes == ["dates like 1704067200 are read as seconds since 1970"]
    assert read(table([cell + "000" for cell in seconds])).notes == [
        "dates like 1704067200000 are read as milliseconds since 1970"
    ]
    for header in ("year,gdp", "年份,gdp", "a,b", None, "n,year,gdp"):
        rows = ["%d,%d" % (1990 + number, 1234567890 + 3 * 10**7 * number) for number in range(30)]
        rows = ["9," + row for row in rows] if header == "n,year,gdp" else rows
        found = read(
            "\n".join(([header] if header else []) + rows), value_column="gdp" if header and "gdp" in header else None
        )
        assert str(found.step) == "year" and found.values[0] == 1234567890, header
    ids = "id,time,v\n" + "".join("%d,%s,%d\n" % (1001 + n, cell, n * n) for n, cell in enumerate(seconds))
    assert str(read(ids).step) == "hour"


def test_titles_marks_of_spreadsheets_and_spaces(read):
    days = [str(day)[:10] for day in pd.date_range("2020-01-01", periods=20)]
    values = [number % 7 + 0.5 for number in range(20)]
    rows = "".join("%s;%s\n" % (day, str(value).replace(".", ",")) for day, value in zip(days, values))
    for content, left_out in (
        ("sep=;\n\ufeffday;n\n" + rows, "1 line before"),
        ("# made by hand\n# in 2020, in Kiel\nday;n\n" + rows, "2 lines before"),
        ("Sales, all shops\n\nday;n\n" + rows, "1 line before"),
        ("Sales\n" + rows, None),
    ):
        found = read(content)
        assert found.values.tolist() == values
        assert left_out is None or left_out in found.notes[0]
    spaced = "".join("%s   %s\n" % pair for pair in zip(days, values))
    assert read(spaced, "own.dat").values.tolist() == read("day n\n" + spaced).values.tolist() == values
    with pytest.raises(
        UserError, match="line 2: '2020-13-01' is not a date"
    ):  # no title, though the first date is below
        read("day;n\n2020-13-01;1\n" + rows)
    with pytest.raises(UserError, match="no text|not UTF-8"):
        read(b"\x81\x8d,\x9d\n2020-01-01,1\n")
    assert read("Tag;Wert (€)\n".encode("cp1252") + rows.encode()).values.tolist() == values


def test_a_comma_that_could_be_either_is_asked_for(read):
    days = pd.date_range("2020-01-01", periods=4)
    with pytest.raises(UserError, match="1.2 or 1200 alike.*--decimal"):
        read(table(days, ["1,200", "1,314", "2,405", "1,100"], separator=";"))


def test_a_point_that_could_be_either_is_asked_for(read):
    """980 … 999, 1.000, 1.001 of a German spreadsheet became 999, 1, 1.001 without a word."""
    cells = [str(number) for number in range(980, 1000)] + ["1.000", "-1.001"]
    text = table(pd.date_range("2020-01-01", periods=22), cells, separator=";")
    with pytest.raises(UserError, match="'1.000' is 1.2 or 1200 alike: say what the point is with --decimal"):
        read(text)
    assert read(text, decimal="comma").values[-2:].tolist() == [1000, -1001]
    assert read(text, decimal="point").values[-2:].tolist() == [1, -1.001]
    for told in ("1.5", "0.125"):
        assert read(text.replace("980", told)).values[[0, -2]].tolist() == [float(told), 1]


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
def test_no_thousands_begin_with_zero(separator, read):
    """Rates of 0,903 … 0,948 in a German export were 903 … 948."""
    days = pd.date_range("2020-01-01", periods=4)
    for cells in (["0,903", "0,910", "0,948", "0,907"], ["0,903", "1,100", "-0,948", "1,107"]):
        quoted = ['"%s"' % cell for cell in cells]
        found = read(table(days, quoted, separator=separator), encoding="utf-16")
        assert found.values.tolist() == [float(cell.replace(",", ".")) for cell in cells]
        assert found.notes == ["in the values a comma is read as the decimal mark"]


@pytest.mark.parametrize("separator", ["\t", "|", " "])
def test_a_mark_that_could_be_either_is_asked_for_whatever_stands_between(separator, read):
    """With tabs and bars 1,100 was 1100 and a German 1.100 was 1.1, without a word."""
    days = pd.date_range("2020-01-01", periods=4)
    for mark, name in ((",", "comma"), (".", "point"))[separator == " " :]:
        text = table(days, ["1%s%d00" % (mark, number) for number in range(1, 5)], separator=separator)
        with pytest.raises(UserError, match="alike: say what the %s is with --decimal" % name):
            read(text)
        assert read(text, decimal=name).values.tolist() == [1.1, 1.2, 1.3, 1.4]


def test_thousands_without_quotes_are_named(read):
    """F32: the thousands were forecast without a word."""
    plain = "".join("2020-01-%02d,%d,%03d\n" % (day, 1 + day // 9, 37 * day) for day in range(1, 28))
    with pytest.raises(UserError, match="3 columns.*thousands separators.*--value-column"):
        read(plain)
    found = read(plain, value_column="3")
    assert found.values[0] == 37
    noted = read("date,value,note\n" + plain.replace(",037", ",x")).notes
    assert noted == ["3 columns; the values are those of column 2 (value), --value-column chooses"]


@pytest.mark.parametrize(
    "sign, cents, behind", [("", ".00", ""), ("￥", ".5", ""), ("-$", "", ""), ("RMB", "", ""), ("", ".00", "元")]
)
@pytest.mark.parametrize("form", ["{0},{1}", "{1},{0}", "{0},shop,{1}"])
def test_thousands_with_cents_or_money_without_quotes_are_named(sign, cents, behind, form, read):
    """￥10,000.00 was forecast as 10."""
    days = [str(day)[:10] for day in pd.date_range("2020-01-01", periods=30)]
    torn = [form.format(day, "%s1%d,0%d%s%s" % (sign, n % 7, 10 + n, cents, behind)) for n, day in enumerate(days)]
    for header in ("", ",".join("abcd"[: torn[0].count(",") + 1]) + "\n"):
        with pytest.raises(UserError, match="thousands separators.*quotes"):
            read(header + "\n".join(torn) + "\n")


def test_a_column_without_news_is_named(read):
    days = [str(day)[:10] for day in pd.date_range("2020-01-01", periods=20)]
    with pytest.raises(UserError, match="own.csv .stock.: all 20 values are equal"):
        read("date,stock,sold\n" + "".join("%s,5,%d\n" % (day, n) for n, day in enumerate(days)))


def test_two_columns_of_numbers_are_no_thousands(read):
    days = [str(day)[:10] for day in pd.date_range("2020-01-01", periods=30)]
    for header, row in (("day,sold,price\n", "%s,%d,%d.00"), ("", "%s,%d,9%d.00"), ("", "%s,A%d,2%d")):
        text = header + "".join(row % (day, 10 + n, 110 + n) + "\n" for n, day in enumerate(days))
        assert read(text).values[0] in (10, 2110)


BLANK_INSIDE = {
    "date in column 2": ("序号,日期,销量", lambda n, day: "%d,%s,%d" % (n, day, 7 * n % 11), {}),
    "value first": ("销量,日期", lambda n, day: "%d,%s" % (7 * n % 11, day), {}),
    "own format": (
        "m,v",
        lambda n, day: "%d%02d,%d" % (1950 + n // 12, 1 + n % 12, 7 * n % 11),
        dict(date_format="%Y%m"),
    ),
    "years": ("n,year,v", lambda n, day: "%d,%d,%d" % (n * n, 1880 + n, 7 * n % 11), {}),
    "no dates": ("v", lambda n, day: "%d" % (7 * n % 11), dict(first="2020-01-01", step="day")),
    "no dates, decimal comma": (
        "v",
        lambda n, day: "%d,5" % (n % 11),
        dict(first="2020-01-01", step="day", decimal="comma"),
    ),
}


@pytest.mark.parametrize("kind", sorted(BLANK_INSIDE))
def test_data_behind_a_blank_line_are_not_dropped(kind, read):
    """They were, without a word, where the date was not in the first column."""
    header, row, changes = BLANK_INSIDE[kind]
    lines = [header] + [row(n, str(day)[:10]) for n, day in enumerate(pd.date_range("2020-01-01", periods=120))]
    assert len(read("\n".join(lines), **changes).values) == 120
    for blank in ("", ",,"):
        with pytest.raises(UserError, match="line 63: data after a blank line: remove the blank line"):
            read("\n".join(lines[:61] + [blank] + lines[61:]), **changes)
    for footer in (
        "Source: https://example.org",
        "来源：某网站,2021-05-03",
        "来源：某网站,2021-05-03,",
        "updated,by,hand",
    ):
        assert len(read("\n".join(lines + ["", footer]), **changes).values) == 120


def test_files_of_other_systems(read):
    """F28, and its kind: CR line ends, marks, UTF-16, GB 18030, tabs."""
    days = pd.date_range("2020-01-01", periods=20)
    text = table(days).replace("value", "数量")
    expected = read(text).values
    for content in (
        text.replace("\n", "\r").encode("utf-8"),
        text.replace("\n", "\r\n").encode("utf-8-sig"),
        text.encode("utf-16"),
        text.encode("gb18030"),
        text.replace(",", "\t").encode("utf-8"),
        (text + "\n\nsource: somebody, 2020\n").encode("utf-8"),
        ("\n\n" + text).encode("utf-8"),
    ):
        assert (read(content).values == expected).all()
    assert (read(text, value_column="数量").values == expected).all()


def test_newest_first_is_turned_round(read):
    days = pd.date_range("2020-01-01", periods=20)
    found = read(table(days[::-1]))
    assert (found.times == days.values).all() and found.values[-1] == 0 and "turned round" in found.notes[0]


# -------------------------------------------------------------------------------------------------------------------- gaps
def test_all_gaps_are_listed_and_filled_on_demand(read):
    days = [str(day)[:10] for day in pd.date_range("2020-01-01", periods=30)]
    values = list(range(100, 130))
    rows = [(day, value) for number, (day, value) in enumerate(zip(days, values)) if number not in (4, 5, 6, 20)]
    rows[10] = (rows[10][0], "NaN")  # 14 January
    text = table([row[0] for row in rows], [row[1] for row in rows])
    with pytest.raises(UserError) as caught:
        read(text)
    assert "5 of 30 values are missing: 2020-01-05 to 2020-01-07, 2020-01-14, 2020-01-21;" in str(caught.value)
    filled = read(text, fill="interpolate")
    np.testing.assert_allclose(filled.values, values)
    assert np.flatnonzero(~filled.real).tolist() == [4, 5, 6, 13, 20]
    assert np.flatnonzero(np.isnan(filled.truth)).tolist() == [4, 5, 6, 13, 20] and filled.truth[-1] == 129
    assert "2020-01-05 to 2020-01-07" in filled.notes[0]
    assert read(text, fill="previous").values[3:8].tolist() == [103, 103, 103, 103, 107]


@pytest.mark.parametrize("mark", ["<NA>", "N.A.", "missing", "#VALUE!", "#DIV/0!", "NULL", "缺失"])
def test_marks_of_missing_values(mark, read):
    cells = [mark if n == 3 else n for n in range(10)]
    assert read(table(pd.date_range("2020-01-01", periods=10), cells), fill="interpolate").values[3] == 3


def test_a_hundred_gaps_are_no_page_of_text(read):
    days = pd.date_range("2020-01-01", periods=300)[::3].append(pd.date_range("2021-01-01", periods=300))
    with pytest.raises(UserError, match="of 666 values are missing: .* and 70 more stretches; --fill") as caught:
        read(table(days))
    assert len(str(caught.value)) < 1100


def test_a_file_without_dates_needs_its_first(read):
    """F31: a .dat of one's own got the dates of the births, 1977."""
    text = "my sales\n1200\n1314\n1405\n"
    for name in ("own.dat", "own.txt"):
        with pytest.raises(UserError, match="--first 2020-01-01.*--step"):
            read(text, name)
        found = read(text, name, first="2020-01-31", step="month")
        assert [str(time)[:10] for time in found.times] == ["2020-01-31", "2020-02-29", "2020-03-31"]
        assert found.values.tolist() == [1200.0, 1314.0, 1405.0]


UNDATED = dict(first="2020-01-01", step="day")


@pytest.mark.parametrize(
    "text, more, expected",
    [
        ("10,5\n11,25\n12,0\n", dict(decimal="comma"), [10.5, 11.25, 12]),
        ('"10,5"\n"11,25"\n"12,0"\n', {}, [10.5, 11.25, 12]),
        ('"10,5"\n"11,25"\n"12,0"\n', dict(decimal="comma"), [10.5, 11.25, 12]),
        ("sold\n1.500\n1.750\n2.000\n", dict(decimal="comma"), [1500, 1750, 2000]),
        ("1.500\n1.750\n2.000\n", {}, [1.5, 1.75, 2]),
        ('"1,500"\n"1,750"\n"2,000"\n', dict(decimal="point"), [1500, 1750, 2000]),
        ("10;\n11;\n12;\n", {}, [10, 11, 12]),
    ],
)
def test_decimal_marks_of_a_file_without_dates_are_those_of_a_table(text, more, expected, read):
    """--decimal had no effect on it, and of 10,5 the 10 alone was read."""
    for name in ("own.dat", "own.txt"):
        assert read(text, name, **dict(UNDATED, **more)).values.tolist() == expected


@pytest.mark.parametrize("text", ["10,0\n11,5\n12,0\n", "1\t208.5\n2\t241\n3\t274\n", "sold\n1;5\n2;7\n3;4\n"])
def test_two_columns_without_dates_are_refused(text, read):
    """Of these the first column alone was read, without a word."""
    with pytest.raises(UserError) as caught:
        read(text, "own.dat", **UNDATED)
    line = 2 if text.startswith("sold") else 1
    assert "own.dat, line %d: 2 columns, where one value a line is read" % line in str(caught.value)
    assert ("--decimal comma" in str(caught.value)) == ("," in text)


def test_a_first_date_is_not_taken_for_a_table_that_has_dates(read):
    days = pd.date_range("2020-01-01", periods=20)
    with pytest.raises(UserError, match="own.csv has dates of its own: --first .* leave it out"):
        read(table(days), first="1999-01-01")


@pytest.mark.parametrize(
    "text, expected", [("15 minutes", ("minute", 15)), ("2h", ("hour", 2)), ("Quarter", ("month", 3))]
)
def test_steps_are_named(text, expected):
    assert tuple(time_step.parse_step(text)) == expected


GOOD = "Date,Births\n1977-01-01,208\n1977-01-02,241\n1977-01-03,274\n"
BAD = {
    "text among the numbers": (GOOD.replace("241", "many"), "line 3: 'many' is not a number"),
    "NaN": (GOOD.replace("241", "NaN"), "1 of 3 values are missing: 1977-01-02"),
    "infinity": (GOOD.replace("241", "inf"), "line 3: 'inf' is not a number"),
    "1e300": (GOOD.replace("241", "1e300"), "line 3: '1e300' is too large"),
    "duplicate day": (GOOD.replace("01-03", "01-02"), "line 4: 1977-01-02 is there twice"),
    "unsorted days": (GOOD.replace("01-03", "01-01"), "line 4: 1977-01-01 comes after a later date"),
    "off the grid": (GOOD + "1977-01-04 11:00,5\n", "line 5: 1977-01-04 11:00:00 does not lie on a grid of a day"),
    "no date": (GOOD.replace("1977-01-02", "1977-13-02"), "line 3: '1977-13-02' is not a date"),
    "data after the footer": (GOOD + "\nTitle\n1977-01-04,9\n", "line 7: data after a blank line"),
    "one column with dates": ("Date\n1977-01-01\n", "has neither dates nor numbers"),
    "ragged row": (GOOD.replace("241", "241,7"), "line 3: 3 columns"),
    "an open quote": (GOOD.replace("241", '"241'), "is no CSV"),
    "a huge field": (GOOD.replace("241", "9" * 140000), "field larger than field limit"),
    "NUL": (GOOD.replace("241", "24\0"), "holds NUL characters"),
    "UTF-16 cut off": (b"\xff\xfe\x00", "is not UTF-16"),
    "year 1": (GOOD.replace("1977-01-01", "0001-01-01"), "line 2: '0001-01-01': years from 1678"),
    "year 9999": (GOOD + "9999-01-01,4\n", "line 5: '9999-01-01': years from 1678"),
    "a gap of centuries": (GOOD + "2260-01-01 00:00:01,4\n", "values a second apart would be needed"),
    "empty": ("", "has no rows"),
    "300,000 blank lines": ("\n" * 300000, "has no rows"),  # took the square of their number in time
    "a header alone": ("date,value\n", "has a header and no rows"),
    "two rows": ("a,b\n1977-01-01,208\n1977-01-02,241\n", "has 2 rows: too few"),
    "all equal": (GOOD.replace("241", "208").replace("274", "208"), "all 3 values are equal"),
}


@pytest.mark.parametrize("kind", sorted(BAD))
def test_bad_file_is_one_clear_line(kind, read):
    content, message = BAD[kind]
    changes = dict(step="second") if kind == "a gap of centuries" else {}
    with pytest.raises(UserError) as caught:
        read(content, **changes)
    assert message in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_broken_copies_are_read_or_refused_in_one_line(tmp_path):
    """Cut, flipped and spiced copies of good files: a finite series, or one line."""
    good = "date,value\n" + "".join("2020-01-%02d,%d\n" % (day, 100 + day * day) for day in range(1, 32))
    files = [good.encode(), good.replace(",", ";").encode("utf-16"), "日期,值\n".encode("gb18030") + good.encode()[11:]]
    spice = [
        "\0",
        '"',
        ",",
        "\n",
        "\r",
        "9" * 500,
        "1e400",
        "nan",
        "0001-01-01",
        "2262-01-01",
        "１２",
        "²",
        "24:00",
        "2020-W53",
    ]
    random, read_ones = np.random.RandomState(0), 0
    path = tmp_path / "broken.csv"
    for number in range(200):
        content = files[number % 3]
        for _ in range(random.randint(0, 4)):
            place, kind = random.randint(len(content) + 1), random.randint(4)
            if kind == 0:
                content = content[:place] + content[place + random.randint(1, 20) :]
            elif kind == 1:
                content = content[:place] + bytes([random.randint(256)]) + content[place + 1 :]
            elif kind == 2 and number % 2:
                content = content[:place]
            else:
                content = content[:place] + spice[random.randint(len(spice))].encode() + content[place:]
        path.write_bytes(content)
        try:
            found = series.read_series(str(path), make_opts(fill=("interpolate", None)[number % 2]))
        except UserError as error:
            assert "\n" not in str(error)
        else:
            read_ones += 1
            assert np.isfinite(found.values).all() and len(found.values) == len(found.times)
    assert read_ones >= 20


@pytest.mark.parametrize("place", ["folder", "pipe", "link", "absent"])
def test_what_is_no_file_is_one_line(place, tmp_path):
    path = tmp_path / "x.csv"
    {
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(str(path)),
        "link": lambda: path.symlink_to("/nowhere/at/all"),
        "absent": lambda: None,
    }[place]()
    with pytest.raises(UserError, match="is a folder|is a pipe|is a link|does not exist"):
        series.read_series(str(path), make_opts())


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(value_column="deaths"), "has no value column 'deaths': choose one of 'Date', 'Births'"),
        (dict(value_column="1"), "are the same column"),
        (dict(step="parsec"), "--step 'parsec': choose"),
        (dict(step="week"), "does not lie on a grid of a week"),
        (dict(step="month"), "does not lie on a grid of a month"),
    ],
)
def test_bad_option_is_one_clear_line(changes, message, read):
    with pytest.raises(UserError, match=message):
        read(GOOD, **changes)


def test_forecasts_beyond_what_can_be_dated_are_refused(read):
    found = read(table(pd.date_range("1990-01-01", periods=30, freq="AS")))
    assert str(found.times_after(3)[-1])[:4] == "2022"
    with pytest.raises(UserError, match="end after the year 2261"):
        found.times_after(5000)
