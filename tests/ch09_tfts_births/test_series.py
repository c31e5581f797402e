"""Reading a series: the formats, and one clear line for each kind of bad input."""

import pandas as pd
import pytest

from ch09_tfts_births import code_9_08_births, series
from common.errors import UserError
from data import sample_births

GOOD = '"Date","Births"\n"1977-01-01",208\n"1977-01-02",241\n"1977-01-03",274\n'


def write(folder, text, name="own.csv", encoding="utf-8"):
    path = str(folder / name)
    with open(path, "w", encoding=encoding, newline="") as stream:
        stream.write(text)
    return path


def test_footer_is_left_out(tmp_path):
    """Erratum E11: the print's read_csv takes the footer for data."""
    sample_births.generate(str(tmp_path), seed=0, days=30)
    path = str(tmp_path / sample_births.FILE_NAME)
    printed = pd.read_csv(path, names=list("AB"), skiprows=1, encoding="gbk")
    with pytest.raises(ValueError):
        printed.B.astype(float)  # the title's second half stands among the numbers
    df = series.read_series(path)
    assert list(df.columns) == ["A", "B"] and len(df) == 30
    assert df.A.iloc[0] == pd.Timestamp("1977-01-01") and df.A.iloc[-1] == pd.Timestamp("1977-01-30")
    assert (df.B == printed.B[:30].astype(float)).all()


def test_encodings(tmp_path):
    """Erratum E11: a fixed encoding fails on other copies of the file."""
    chinese = GOOD.replace("Births", "出生人数")
    with pytest.raises(UnicodeDecodeError):
        pd.read_csv(write(tmp_path, chinese.replace("人", "é"), "utf8.csv"), encoding="gbk")
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        df = series.read_series(write(tmp_path, chinese, encoding + ".csv", encoding), "Date", "出生人数")
        assert df.B.tolist() == [208.0, 241.0, 274.0]


def test_dat_file_has_its_days_counted(tmp_path):
    path = write(tmp_path, "Number of births\n#source: somebody\n208\n241\n274\n", "q.dat")
    df = series.read_series(path)
    assert df.B.tolist() == [208.0, 241.0, 274.0]
    assert df.A.tolist() == pd.date_range("1977-01-01", periods=3).tolist()


def test_columns_and_formats(tmp_path):
    path = write(tmp_path, "n,note,day\n1.5,x,1999/12/31\n2,y,2000/1/1\n")
    assert series.read_series(path, "day", "n").B.tolist() == [1.5, 2.0]
    assert series.read_series(path, "3", "1").A.iloc[1] == pd.Timestamp("2000-01-01")
    without_header = write(tmp_path, "1999-12-31,5\n2000-01-01,6\n", "plain.csv")
    assert series.read_series(without_header).B.tolist() == [5.0, 6.0]


def test_record_starts_in_1977():
    """Erratum E10: 5,113 days that end on 31 December 1990 cannot start in 1979."""
    first = pd.Timestamp(series.FIRST_DAY)
    assert first + pd.Timedelta(days=5112) == pd.Timestamp("1990-12-31")
    assert pd.Timestamp("1979-01-01") + pd.Timedelta(days=5112) != pd.Timestamp("1990-12-31")


@pytest.mark.real
def test_real_files(real_data):
    """Errata E10, E11 on the real series."""
    folder = real_data("births")
    tables = [series.read_series("%s/%s" % (folder, name)) for name in series.DATA_FILES]
    for df in tables:
        assert len(df) == 5113 and (df.B.min(), df.B.max()) == (136, 366)
        assert df.A.iloc[0] == pd.Timestamp("1977-01-01") and df.A.iloc[-1] == pd.Timestamp("1990-12-31")
    assert (tables[0].B == tables[1].B).all()
    # a week is plain to see, and its low days are the weekend: the dates are right
    by_weekday = tables[1].B.groupby(tables[1].A.dt.dayofweek).mean()
    assert sorted(by_weekday.nsmallest(2).index) == [5, 6]


BAD = {
    "text among the numbers": (GOOD.replace("241", "many"), "line 3: 'many' is not a number"),
    "NaN": (GOOD.replace("241", "NaN"), "line 3: the value is missing"),
    "empty value": (GOOD.replace("241", ""), "line 3: the value is missing"),
    "infinity": (GOOD.replace("241", "inf"), "line 3: 'inf' is not a finite number"),
    "duplicate day": (GOOD.replace("01-03", "01-02"), "line 4: the day 1977-01-02 is there twice"),
    "missing day": (GOOD.replace("01-03", "01-05"), "line 4: 2 days missing before 1977-01-05 (from 1977-01-03 on)"),
    "unsorted days": (GOOD.replace("01-03", "01-01"), "line 4: 1977-01-01 comes after 1977-01-02"),
    "no date": (GOOD.replace("1977-01-02", "1977-13-02"), "line 3: '1977-13-02' is not a date"),
    "too few rows": (GOOD, "has 3 rows, at least 130 are needed"),
    "data after the footer": (GOOD + "\nTitle\n1977-01-04,9\n", "line 7: data after a blank line"),
    "one column": ("Date\n1977-01-01\n", "a date and a value"),
    "ragged row": (GOOD.replace("241", "241,7"), "line 3: 3 columns"),
    "empty file": ("", "has no rows"),
}


@pytest.mark.parametrize("kind", sorted(BAD))
def test_bad_file_is_one_clear_line_and_nothing_is_written(kind, tmp_path):
    text, message = BAD[kind]
    path = write(tmp_path, text)
    with pytest.raises(UserError) as caught:
        code_9_08_births.main(["--csv", path, "--output-dir", str(tmp_path / "run")])
    assert message in str(caught.value) and path in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--csv", "{folder}/nowhere.csv"], "nowhere.csv does not exist"),
        (
            ["--csv", "{csv}", "--value-column", "deaths"],
            "has no value column 'deaths': choose one of 'Date', 'Births'",
        ),
        (["--csv", "{csv}", "--date-column", "9"], "has no date column '9'"),
        (["--csv", "{csv}", "--value-column", "1"], "are the same column"),
        (["--steps", "0"], "--steps 0"),
        (["--train-steps", "-5"], "--train-steps -5"),
        (["--cycle-num-latent-values", "4"], "odd numbers"),
        (["--periodicities", "7", "365", "--cycle-num-latent-values", "3", "3", "3"], "give one, or as many"),
        (["--periodicities", "0"], "at least 2 days"),
        (["--reader", "parquet"], "numpy, csv or tfrecord"),
        (["--data-dir", "{folder}"], "lacks *births*"),
    ],
)
def test_bad_option_is_one_clear_line_and_nothing_is_written(arguments, message, tmp_path):
    csv = write(tmp_path, GOOD)
    output = tmp_path / "run"
    arguments = [item.format(folder=tmp_path, csv=csv) for item in arguments]
    with pytest.raises(UserError) as caught:
        code_9_08_births.main(arguments + ["--output-dir", str(output)])
    assert message in str(caught.value)
    assert not output.exists()


def test_sample_is_deterministic_and_marked(tmp_path):
    texts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        sample_births.generate(str(tmp_path / name), seed=3, days=40)
        with open(str(tmp_path / name / sample_births.FILE_NAME), encoding="utf-8") as stream:
            texts.append(stream.read())
    assert texts[0] == texts[1] and "GENERATED" in texts[0]
