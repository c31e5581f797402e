"""The births' two files, and what a user can get wrong with the listing: one clear line, nothing written."""

import pandas as pd
import pytest

from ch09_tfts_births import code_9_08_births as listing
from common.errors import UserError
from data import births, sample_births


@pytest.fixture
def sample(tmp_path):
    sample_births.generate(str(tmp_path), seed=0, days=130)
    return tmp_path / births.FILE_NAME


def test_footer_is_left_out(sample):
    """Erratum E11: the print's read_csv takes the footer for data."""
    printed = pd.read_csv(str(sample), names=list("AB"), skiprows=1, encoding="gbk")
    with pytest.raises(ValueError):
        printed.B.astype(float)  # the title's second half stands among the numbers
    md1 = pd.DataFrame(births.read(str(sample)), columns=list("AB"))
    assert len(md1) == 130 and (md1.B == printed.B[:130].astype(float)).all()
    assert str(md1.A.iloc[0]) == "1977-01-01" and str(md1.A.iloc[-1]) == "1977-05-10"


@pytest.mark.parametrize("blank", ["", '"",""'])
def test_days_behind_a_blank_line_are_not_dropped(sample, blank):
    """2000 of 5113 days were the series, without a word."""
    lines = sample.read_text(encoding="utf-8").split("\n")
    sample.write_text("\n".join(lines[:61] + [blank] + lines[61:]), encoding="utf-8")
    with pytest.raises(UserError, match="line 63: data after a blank line: remove the blank line"):
        births.read(str(sample))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encodings(sample, encoding):
    """Erratum E11: a fixed encoding fails on other copies of the file."""
    text = sample.read_text(encoding="utf-8").replace("Number of daily births", "出生é数")
    rows = births.read(str(sample))
    sample.write_bytes(text.encode(encoding))
    assert births.read(str(sample)) == rows
    if encoding == "utf-8":
        with pytest.raises(UnicodeDecodeError):
            pd.read_csv(str(sample), names=list("AB"), skiprows=1, encoding="gbk")


def test_dat_file_has_its_days_counted(tmp_path):
    path = tmp_path / "qbirths.dat"
    path.write_text("Number of births\n#source: somebody\n208\n241\n274\n")
    assert [(str(day), value) for day, value in births.read(str(path))] == [
        ("1977-01-01", 208.0),
        ("1977-01-02", 241.0),
        ("1977-01-03", 274.0),
    ]


def test_record_starts_in_1977():
    """Erratum E10: 5,113 days that end on 31 December 1990 cannot start in 1979."""
    first = pd.Timestamp(births.FIRST_DAY)
    assert first + pd.Timedelta(days=5112) == pd.Timestamp("1990-12-31")
    assert pd.Timestamp("1979-01-01") + pd.Timedelta(days=5112) != pd.Timestamp("1990-12-31")


@pytest.mark.real
def test_real_files(real_data):
    """Errata E10, E11 on the real series."""
    folder = real_data("births")
    tables = [births.read("%s/%s" % (folder, name)) for name in (births.FILE_NAME, births.OTHER_NAME)]
    assert tables[0] == tables[1] and len(tables[0]) == 5113
    assert [str(row[0]) for row in (tables[0][0], tables[0][-1])] == ["1977-01-01", "1990-12-31"]
    # a week is plain to see, and its low days are the weekend: the dates are right
    md1 = pd.DataFrame(tables[0], columns=list("AB"))
    by_weekday = md1.B.groupby(pd.to_datetime(md1.A).dt.dayofweek).mean()
    assert sorted(by_weekday.nsmallest(2).index) == [5, 6]


DAMAGED = {
    "text among the counts": (lambda text: text.replace('"1977-01-02",', '"1977-01-02",many'), "line 3: 'many"),
    "a day is missing": (lambda text: text.replace('"1977-01-02"', '"1977-01-03"'), "where 1977-01-02 is expected"),
    "NUL": (lambda text: text.replace("1977-01-03", "1977\0"), "holds NUL characters"),
    "huge number": (lambda text: text.replace('"1977-01-02",', '"1977-01-02",' + 400 * "9"), "is no count of births"),
    "cut off": (lambda text: "".join(text.splitlines(True)[:9]), "has 8 days, at least 17 are needed"),
    "empty": (lambda text: "", "has 0 days"),
}


@pytest.mark.parametrize("kind", sorted(DAMAGED))
def test_damaged_births_are_one_clear_line_and_nothing_is_written(kind, sample, tmp_path):
    damage, message = DAMAGED[kind]
    sample.write_text(damage(sample.read_text(encoding="utf-8")), encoding="utf-8")
    output = tmp_path / "run"
    with pytest.raises(UserError) as caught:
        listing.main(["--preset", "tiny", "--data-dir", str(tmp_path), "--output-dir", str(output)])
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not output.exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--steps", "0"], "0 is not"),
        (["--steps", "9000000"], "9000000 is not"),
        (["--train-steps", "-5"], "-5 is not"),
        (["--cycle-num-latent-values", "999"], "999 is not"),
        (["--periodicities", "1e300"], "1e300"),
        (["--periodicities", "0"], "0 is not"),
        (["--window-size", "1" + 40 * "0"], "is not"),
    ],
)
def test_bad_option_is_one_clear_line(arguments, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        listing.main(arguments + ["--output-dir", str(tmp_path / "run")])
    error = capsys.readouterr().err
    assert caught.value.code == 2 and message in error and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--cycle-num-latent-values", "4"], "TFTS takes odd numbers"),
        (["--preset", "tiny", "--window-size", "400"], "at least 401 are needed"),
        (["--data-dir", "{folder}"], "lacks *births*"),
    ],
)
def test_impossible_values_are_one_clear_line(arguments, message, tmp_path):
    with pytest.raises(UserError) as caught:
        listing.main([item.format(folder=tmp_path) for item in arguments] + ["--output-dir", str(tmp_path / "run")])
    assert message in str(caught.value) and not (tmp_path / "run").exists()


def test_sample_is_deterministic_and_marked(tmp_path):
    texts = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        sample_births.generate(str(tmp_path / name), seed=3, days=40)
        texts.append((tmp_path / name / sample_births.FILE_NAME).read_text(encoding="utf-8"))
    assert texts[0] == texts[1] and "GENERATED" in texts[0]
    assert sample_births.FILE_NAME == births.FILE_NAME
