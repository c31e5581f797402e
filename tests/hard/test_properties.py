"""Properties of the parsers, with inputs that hypothesis makes: a parser gives what it says, or a UserError of one line.

Each parser is asked twice: with a value written as people write it (it must come back), and with whatever (nothing else than
its value or a UserError may come of it). The examples are the same in each run.
"""

import argparse
import csv
import datetime
import io
import json
import math
import os
import pickle
import string
import types

import hypothesis
import numpy as np
import pytest
from hypothesis import configuration
from hypothesis import strategies as st

from ch09_tacotron.beyond import corpus, pinyin, pinyin_accuracy, prepare, utterances, written_text
from ch09_tfts_births.beyond import cell_text, series, time_step
from ch10_attgan import ext_10_3_10_edit as editing
from common import arrays, cluster, errors, options, text
from common.errors import UserError
from data import archives, births, celeba, reuters, thchs30, verify
from tests.hard import inputs

configuration.set_hypothesis_home_dir(os.path.join(options.REPOSITORY, "output", "tests", "hypothesis"))
hypothesis.settings.register_profile(
    "companion",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=40,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("companion")
pytestmark = pytest.mark.slow

REFUSED = object()
ANY = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
WORDS = st.text(string.ascii_letters + "_", min_size=1, max_size=8)
MOMENTS = st.datetimes(datetime.datetime(1678, 1, 1), datetime.datetime(2261, 12, 31))
DAYS = st.dates(datetime.date(1678, 1, 1), datetime.date(2261, 12, 31))


def scraps(*pieces, most=12):
    """Texts of ``pieces`` that a parser looks for, with anything between them."""
    return st.lists(st.one_of(st.sampled_from(pieces), ANY), max_size=most).map("".join)


def outcome(parser, *arguments, **keywords):
    """What a parser gives, or ``REFUSED`` after a message of one line; anything else that it raises fails the test."""
    try:
        return parser(*arguments, **keywords)
    except UserError as error:
        line = errors.one_line(error)
        assert line.strip() and len(line.splitlines()) == 1 and len(line) < 2000
        return REFUSED


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A function (content, file name) → the path of a file with it, the same file each time."""
    folder = tmp_path_factory.mktemp("properties")

    def write(content, name="x.txt"):
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return str(path)

    return write


# ------------------------------------------------------------------------------------------------------------ any text
@hypothesis.given(st.binary(max_size=60))
def test_bytes_are_text_without_nul_and_cr_or_refused(content):
    found = outcome(text.decode, content, "x", ("utf-8", "gb18030"))
    assert found is REFUSED or not set(found) & {"\0", "\r"}


@hypothesis.given(ANY, st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]))
def test_marked_text_comes_back(content, encoding):
    hypothesis.assume("\0" not in content)
    marked = "\ufeff".encode(encoding) + content.encode(encoding)
    assert text.decode(marked, "x") == content.replace("\r\n", "\n").replace("\r", "\n")


CELLS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\r"), min_size=1, max_size=9)


@hypothesis.given(st.lists(st.lists(CELLS.map(str.strip).filter(bool), min_size=1, max_size=4), min_size=1, max_size=5))
def test_a_table_comes_back(written, rows):
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    hypothesis.assume(not stream.getvalue().startswith("\ufeff"))
    assert text.read_csv(written(stream.getvalue()), delimiter=",") == rows


@hypothesis.given(ANY)
def test_a_message_is_one_line(message):
    line = errors.one_line(message)
    assert len(line.splitlines()) <= 1 and not any(ord(letter) < 32 for letter in line)


# ---------------------------------------------------------------------------------------------------- dates and numbers
FORMS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y年%m月%d日", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y")


@hypothesis.given(
    MOMENTS, st.sampled_from(FORMS), st.sampled_from(["", " %H:%M", " %H:%M:%S", "T%H:%M:%SZ", "T%H:%M:%S+08:00"])
)
def test_a_written_time_comes_back(moment, form, clock):
    kept = {"": dict(hour=0, minute=0, second=0), " %H:%M": dict(second=0)}.get(clock, {})
    assert cell_text.parse_time(moment.strftime(form + clock)) == moment.replace(microsecond=0, **kept)


@hypothesis.given(DAYS, st.sampled_from("/-."), st.sampled_from(["dmy", "mdy"]))
def test_a_day_and_month_in_the_order_that_is_said(day, sign, order):
    shown = day.strftime(sign.join("%d %m %Y".split() if order == "dmy" else "%m %d %Y".split()))
    assert cell_text.parse_time(shown, order).date() == day


@hypothesis.given(
    scraps(
        "2020", "-", "/", ".", "年", "Q1", "季度", "-W53", "0000", "99999", "T24:60", " 12:00", "1" * 13, "Jan", "，"
    ),
    st.one_of(st.none(), scraps("%d", "%m", "%Y", "%", "%%", "%y", "%Z", "%j", "%U", "(", "[", "\\", most=5)),
)
@hypothesis.example("1", "%d%d")
def test_any_cell_is_a_time_or_none(cell, pattern):
    found = cell_text.parse_time(cell, pattern=pattern)
    assert found is None or isinstance(found, datetime.datetime) and found.tzinfo is None


@hypothesis.given(
    st.integers(-(10**15), 10**15),
    st.integers(0, 99),
    st.sampled_from([(",", "."), (".", ","), (" ", "."), ("'", "."), ("\u202f", ","), ("", ".")]),
)
def test_a_written_number_comes_back(whole, hundredths, signs):
    thousands, mark = signs
    shown = f"{whole:,}".replace(",", thousands) + mark + "%02d" % hundredths
    assert cell_text.parse_number(shown, mark) == float("%d.%02d" % (whole, hundredths))


@hypothesis.given(
    scraps("1", "000", ",", ".", "-", "+", "e", "E5", " ", "−", "nan", "inf", "0x", "１", "٣", "_"),
    st.sampled_from(",."),
)
def test_any_cell_is_a_number_or_none(cell, mark):
    found = cell_text.parse_number(cell, mark)
    assert found is None or isinstance(found, float)


@hypothesis.given(scraps("1", "15", "minute", "s", " ", "h", "business day", "month", "99999", "0"))
def test_any_step_is_one_or_refused(name):
    found = outcome(time_step.parse_step, name)
    assert found is REFUSED or found.count > 0


STEPS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 7 * 86400}


def asked(**changes):
    names = ["csv", "value_column", "step", "fill", "date_format", "decimal", "first"]
    return argparse.Namespace(**dict(dict.fromkeys(names), date_column="1", **changes))


@hypothesis.settings(max_examples=40)
@hypothesis.given(
    st.lists(st.integers(-(10**6), 10**6), min_size=3, max_size=12).filter(lambda values: len(set(values)) > 1),
    st.sampled_from(sorted(STEPS)),
    MOMENTS.filter(lambda moment: moment.year < 2200),
    st.sampled_from(",;\t"),
    st.booleans(),
)
def test_a_written_series_comes_back(written, values, unit, first, sign, header):
    first = first.replace(microsecond=0)
    times = [first + datetime.timedelta(seconds=n * STEPS[unit]) for n in range(len(values))]
    lines = ["when%svalue" % sign] * header + ["%s%s%d" % (time, sign, value) for time, value in zip(times, values)]
    found = series.read_series(written("\n".join(lines), "x.csv"), asked())
    assert found.values.tolist() == values
    assert found.times.astype(datetime.datetime).tolist() == times
    assert str(found.step) == unit or unit != found.step.unit  # 60 seconds are a minute, seven days a week


@hypothesis.settings(max_examples=70)
@hypothesis.given(
    scraps(
        "date,value\n",
        "2020-01-01,5\n",
        "2020-01-02,6.5\n",
        "2020-01-03;7\n",
        "\n",
        ",",
        '"',
        "1,234",
        "nan",
        "01/02/2020\t3\n",
        "9" * 400,
    ),
    st.sampled_from(
        [asked(), asked(first="2020-01-01", step="day"), asked(date_format="%d%d"), asked(fill="previous")]
    ),
)
def test_any_table_is_a_series_or_refused(written, content, opts):
    found = outcome(series.read_series, written(content, "x.csv"), opts)
    if found is not REFUSED:
        assert len(found.times) == len(found.values) >= 3 and np.isfinite(found.values).all()
        assert (np.diff(found.times) > np.timedelta64(0, "s")).all()


@hypothesis.given(
    st.lists(st.integers(0, 10**9 - 1), min_size=2, max_size=20), st.booleans(), st.sampled_from(["\n", "\r\n", "\r"])
)
def test_births_come_back(written, counts, dated, end):
    days = [births.FIRST_DAY + datetime.timedelta(n) for n in range(len(counts))]
    lines = ['"Date","births"'] + ['"%s",%d' % item for item in zip(days, counts)] + ["", "births"]
    if not dated:
        lines = ["Births", "(a title)"] + ["%d" % count for count in counts]
    path = written(end.join(lines), births.FILE_NAME if dated else births.OTHER_NAME)
    assert births.read(path) == list(zip(days, map(float, counts)))


@hypothesis.given(
    scraps("Date,Births\n", "1977-01-01,5\n", "1977-01-02,6\n", "\n", ",", "-1", "٣"),
    st.sampled_from([births.FILE_NAME, births.OTHER_NAME]),
)
def test_any_births_are_read_or_refused(written, content, name):
    found = outcome(births.read, written(content, name))
    assert found is REFUSED or len(found) >= 2 and all(value >= 0 for _, value in found)


# ------------------------------------------------------------------------------------------------- lists and labels
NAMES = st.lists(WORDS, min_size=2, max_size=4, unique=True)


@st.composite
def attribute_lists(draw):
    names = draw(NAMES)
    rows = draw(
        st.lists(st.lists(st.sampled_from([-1, 1]), min_size=len(names), max_size=len(names)), min_size=1, max_size=5)
    )
    return names, ["%06d.jpg" % (n + 1) for n in range(len(rows))], rows


def shown(names, pictures, rows, kaggle):
    sign = "," if kaggle else " "
    lines = [sign.join([picture] + ["%d" % value for value in row]) for picture, row in zip(pictures, rows)]
    head = ["image_id," + ",".join(names)] if kaggle else ["%d" % len(rows), " ".join(names)]
    return "\n".join(head + lines) + "\n"


@hypothesis.given(attribute_lists(), st.booleans())
def test_an_attribute_list_comes_back(written, content, kaggle):
    names, pictures, rows = content
    found = celeba.read_list(written(shown(names, pictures, rows, kaggle)))
    assert found[0] == names and found[1] == pictures and found[2].tolist() == rows and found[2].dtype == np.int8


@hypothesis.settings(max_examples=70)
@hypothesis.given(
    attribute_lists(),
    st.booleans(),
    st.integers(0, 200),
    st.integers(0, 6),
    scraps("-1", "1e999", ",", "\n", '"', " ", "nan", "9" * 30, most=3),
)
def test_a_damaged_attribute_list_is_whole_or_refused(written, content, kaggle, place, length, scrap):
    whole = shown(*content, kaggle)
    found = outcome(celeba.read_list, written(whole[:place] + scrap + whole[place + length :]))
    if found is not REFUSED:
        names, pictures, labels = found
        assert labels.shape == (len(pictures), len(names)) and np.isin(labels, (-1, 1)).all()
        assert len(set(pictures)) == len(pictures) and len(set(names)) == len(names)


SYLLABLES = st.sampled_from("ma1 ni3 hao3 lv4 er2 wanr2 zhuang4 de5".split())
IDS = st.from_regex(r"[A-Z][0-9]{1,3}_[0-9]{1,3}", fullmatch=True)


@hypothesis.given(st.dictionaries(IDS, st.lists(SYLLABLES, min_size=1, max_size=5), min_size=1, max_size=5))
def test_transcripts_come_back(tmp_path_factory, lines):
    folder = tmp_path_factory.getbasetemp() / "property-transcripts" / "doc" / "trans"
    folder.mkdir(parents=True, exist_ok=True)
    content = "".join("%s %s\n" % (name, " ".join(words)) for name, words in lines.items())
    (folder / "x.syllable.txt").write_text(content, encoding="utf-8")
    found = thchs30.read_transcripts(str(folder.parent.parent))
    assert found == {name: " ".join(words) for name, words in lines.items()}
    assert not any(thchs30.bad_syllables(line) for line in found.values())


@hypothesis.given(scraps("A1_1 ma1\n", "A1_1 ma2\n", " ", "\n", "\t", "ma1", "\u2028", "\x0c"))
def test_any_transcript_is_read_or_refused(written, content):
    found = outcome(thchs30.read_transcript, written(content))
    assert found is REFUSED or isinstance(found, list)


@hypothesis.given(scraps("1\t你好#4\n", "\tni3 hao3\n", "²\tx\n", "../", "\n", "\t", "#1", "000002 ", "儿", "wanr2"))
def test_any_label_file_is_read_or_refused(written, content):
    path = written(content)
    found = outcome(pinyin_accuracy.read_labels, path)
    assert found is REFUSED or all(isinstance(number, int) for number, _, _ in found)
    found = outcome(corpus.read_file, path)
    if found is not REFUSED:
        spoken, refused = found
        assert all(len(line.syllables) == len(line.pauses) > 0 for line in spoken)
        assert not any(set("/.") & set(line.name) for line in spoken)  # the recording's file name
        assert all(isinstance(reason, str) for _, reason in refused)


@hypothesis.given(scraps("a.npy|b.npy|", "30", "|", "ma1 ma3", "\n", "²", "-1", "9" * 30))
def test_any_list_of_utterances_is_read_or_refused(written, content):
    found = outcome(utterances.read_metadata, written(content))
    assert found is REFUSED or all(frames >= 0 for _, _, frames, _ in found)


@hypothesis.given(
    scraps('{"key": "a", ', '"metadata": ["a", "b", 3, "c"]', '"reason": "x"', "}\n", "[" * 50, "null", "NaN")
)
@hypothesis.example("[" * 100000 + "\n")
def test_any_line_of_a_journal_is_an_entry_or_none(line):
    entry = prepare._journal_entry(line)
    assert entry is None or isinstance(entry["key"], str)


@hypothesis.given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,5}(/[a-z 中]{1,5})?", fullmatch=True), st.binary(min_size=32, max_size=32), max_size=4
    )
)
def test_checksums_come_back(written, sums):
    sums = {name.strip(): value.hex() for name, value in sums.items() if name.strip() == name}
    path = written("", "sums.txt")
    verify.write_sums(path, sums)
    assert verify.read_sums(path) == sums


@hypothesis.given(
    st.one_of(scraps("0" * 64, "  ", " *", "a/b", "../", "/", "\n").map(str.encode), st.binary(max_size=30))
)
def test_any_checksums_stay_in_the_folder_or_are_refused(written, content):
    found = outcome(verify.read_sums, written(content))
    assert found is REFUSED or not any(name.startswith("/") or ".." in name.split("/") for name in found)


@hypothesis.given(scraps("..", "/", "\\", "C:", "a", ".", "//", "\n"))
def test_any_name_in_an_archive_stays_in_the_folder_or_is_refused(name):
    found = outcome(archives.safe_name, name, "x.zip")
    if found is not REFUSED:
        assert os.path.normpath(os.path.join("/a/b", found)).startswith("/a/b")


# ------------------------------------------------------------------------------------------------------ spoken text
CHINESE = st.text(st.sampled_from("你好今天天气很的了一不中国人儿"), min_size=1, max_size=10)


@hypothesis.given(st.integers(0, 10**8 - 1))
def test_a_number_is_spoken_as_itself(number):
    from cn2an import cn2an

    spoken = written_text.as_spoken("%d" % number)
    assert cn2an(spoken.replace("两", "二"), "normal") == number


@hypothesis.settings(max_examples=70)
@hypothesis.given(scraps(*"1 23 2024 : - / . , % ¥ $ 年 月 日 号 点 ½ ² ℃ km 好 ， 。 ~ — 万 亿 ٣ 個".split()))
def test_any_text_is_spoken_in_characters_or_refused(content):
    found = outcome(written_text.as_spoken, content)
    if found is not REFUSED:
        spoken = written_text.HAN + "|[A-Z]"  # capitals are read by their names
        assert all(c in written_text.PAUSES or written_text.re.match(spoken, c) for c in found)


@hypothesis.settings(max_examples=30)
@hypothesis.given(CHINESE)
def test_each_character_has_its_syllable(characters):
    pairs = pinyin.read(characters)
    assert "".join(character for character, _ in pairs) == characters
    syllables = [syllable for _, syllable in pairs if syllable]
    assert not thchs30.bad_syllables(" ".join(syllables)) and len(syllables) + characters.count("儿") >= len(characters)


@hypothesis.given(st.lists(CHINESE, min_size=1, max_size=5), st.sampled_from("。！？，\n"), st.integers(1, 30))
def test_nothing_is_lost_between_sentences(clauses, sign, most):
    pieces = pinyin.split_sentences(sign.join(clauses), most)
    assert [c for c in "".join(pieces) if c not in pinyin.PUNCTUATION] == list("".join(clauses))


# ---------------------------------------------------------------------------------------------------- option values
ROWS = [
    options.Value("a", 3, "a", low=-5, high=2**40),
    options.Value("b", 0.5, "b", low=-1e6, high=1e6),
    options.Value("c", True, "c"),
    options.Value("d", "x", "d", choices=["x", "y"]),
    options.Value("e", [1, 2], "e", low=0, high=9),
    options.Value("f", None, "f", kind=int, low=1),
]


def read_values(words):
    try:
        return options.parse_values("/x/ch09_x/y.py", "", ROWS, ["--output-dir", "/x"] + words)
    except SystemExit as ended:
        assert ended.code in (0, 2)
        return REFUSED


@hypothesis.given(
    st.integers(-5, 2**40),
    st.floats(-1e6, 1e6),
    st.booleans(),
    st.sampled_from("xy"),
    st.lists(st.integers(0, 9), min_size=1, max_size=4),
)
def test_written_values_come_back(a, b, c, d, e):
    words = ["--a=%d" % a, "--b=%r" % b, "--c", options._shown(c), "--d", d, "--e"] + ["%d" % item for item in e]
    found = read_values(words)
    assert (found.a, found.b, found.c, found.d, found.e, found.f) == (a, b, c, d, e, None)


@hypothesis.settings(max_examples=70)
@hypothesis.given(
    st.sampled_from("abcdef"),
    scraps("1", "e9", ".", "-", "nan", "inf", "9" * 5000, "true", "１", "_", " ", "x", most=4),
)
def test_any_value_is_allowed_or_refused(name, word):
    found = read_values(["--%s=%s" % (name, word)])
    if found is not REFUSED:
        [row] = [row for row in ROWS if row.name == name]
        value = getattr(found, name)
        assert row.check(value) == value and not (isinstance(value, float) and not math.isfinite(value))


@hypothesis.given(scraps("host", ":", "80", ",", "[::1]", "99999", "-", "\n"), st.one_of(st.none(), st.integers(-1, 3)))
def test_any_cluster_is_one_or_refused(listed, task):
    found = outcome(cluster.addresses, types.SimpleNamespace(cluster=listed, task=task, cluster_wait=1))
    assert found is REFUSED or len(found) > task >= 0


@hypothesis.given(
    st.lists(scraps("Bald", "Male", "=", "on", "off", "flip", "-1", "nan", "1e999", "x", most=4), max_size=3)
)
def test_any_edits_are_some_or_refused(words):
    found = outcome(editing.parse_edits, words, ["Bald", "Male"])
    assert found is REFUSED or all(isinstance(value, str) or abs(value) <= editing.STRONGEST for _, value in found)


@hypothesis.given(scraps("1", "/", "2", "0", " ", "-"))
def test_any_share_is_one_or_refused(word):
    try:
        number, count = options.shard(word)
    except argparse.ArgumentTypeError:
        return
    assert 1 <= number <= count


# ----------------------------------------------------------------------------------------------------------- arrays
SOUND = inputs.npy(np.arange(12, dtype=np.float32).reshape(3, 4))


@hypothesis.settings(max_examples=70)
@hypothesis.given(
    st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), max_size=4), st.integers(0, len(SOUND))
)
def test_a_damaged_array_is_read_or_refused(written, changes, end):
    content = bytearray(SOUND)
    for place, byte in changes:
        content[place] = byte
    found = outcome(arrays.read_npy, written(bytes(content[: end or None]), "x.npy"))
    assert found is REFUSED or isinstance(found, np.ndarray) and not found.dtype.hasobject


LISTS = np.empty(3, dtype=object)
LISTS[:] = [[1, 2], [3], [4, 5, 6]]
PICKLED = [pickle.dumps(LISTS, protocol=protocol) for protocol in (2, 4)]  # both that NumPy may have written


@hypothesis.settings(max_examples=70)
@hypothesis.given(
    st.lists(st.tuples(st.integers(0, 999), st.integers(0, 255)), max_size=3), st.integers(0, 1), st.integers(0, 150)
)
@hypothesis.example([], 1, 6)  # found by tests/hard/fuzz.py: a frame without its length
def test_damaged_newswires_are_lists_of_numbers_or_refused(changes, which, end):
    content = bytearray(PICKLED[which])
    for place, byte in changes:
        content[place % len(content)] = byte
    content = content[: end or None]
    found = outcome(reuters._read_object_array, io.BytesIO(bytes(content)), "x.npz", "x")
    assert found is REFUSED or all(type(number) is int for row in found for number in row)
    assert changes or end or found == [[1, 2], [3], [4, 5, 6]]


@hypothesis.given(
    st.dictionaries(WORDS, st.one_of(st.integers(), st.none(), st.booleans(), WORDS, st.floats()), max_size=4)
)
def test_any_word_index_has_ranks_or_is_refused(tmp_path_factory, index):
    folder = tmp_path_factory.getbasetemp() / "property-index"
    folder.mkdir(exist_ok=True)
    (folder / reuters.WORD_INDEX_FILE).write_text(json.dumps(index), encoding="utf-8")
    found = outcome(reuters.read_word_index, str(folder))
    assert found is REFUSED or all(rank > 0 for rank in found.values())
