"""common/files.py and common/text.py: whole or not at all, and one line for whatever is wrong."""

import io
import os
import sys
import zipfile

import numpy as np
import pytest

from common import files, text
from common.chinese import chinese
from common.errors import UserError
from tests import helpers


def said(function, *arguments, **keywords):
    with pytest.raises(UserError) as raised:
        function(*arguments, **keywords)
    assert "\n" not in str(raised.value)
    return str(raised.value)


# ------------------------------------------------------------------------------------------------------------- writing
def test_a_name_that_is_no_utf_8_is_written_and_comes_back(tmp_path):
    name, path = os.fsdecode("照片.png".encode("gbk")), str(tmp_path / "x.json")
    files.write_json(path, dict(name=name, other="照片"))
    assert files.read_json(path) == dict(name=name, other="照片")
    assert text.read_text(text.write_csv(str(tmp_path / "x.csv"), [[name]])).strip() == "\\udcd5\\udcd5Ƭ.png"


def test_the_newest_file(tmp_path):
    assert files.newest(str(tmp_path)) is None and files.newest(str(tmp_path / "none")) is None
    for name, seconds in (("b", 3), ("a", 5), (".c", 9)):
        (tmp_path / name).write_text("")
        os.utime(str(tmp_path / name), (seconds, seconds))
    (tmp_path / "folder").mkdir()
    assert files.newest(str(tmp_path)) == str(tmp_path / "a")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = str(tmp_path / "deep" / "x.txt")
    with files.atomic(path, "w") as stream:
        stream.write("old\n")
    with pytest.raises(RuntimeError), files.atomic(path, "w") as stream:
        stream.write("new")
        raise RuntimeError
    assert files.read_bytes(path) == b"old\n" and os.listdir(str(tmp_path / "deep")) == ["x.txt"]


def test_a_written_file_can_be_read_by_others(tmp_path):
    with files.atomic(str(tmp_path / "x"), "wb") as stream:
        stream.write(b"1")
    assert os.stat(str(tmp_path / "x")).st_mode & 0o777 == 0o644


# ------------------------------------------------------------------------------------------------ what is no regular file
def test_what_is_no_regular_file_is_said(tmp_path):
    assert "does not exist" in said(files.read_bytes, str(tmp_path / "no"))
    assert "is a folder" in said(files.read_bytes, str(tmp_path))
    os.mkfifo(str(tmp_path / "pipe"))  # a plain open() would wait for ever
    assert "pipe or a device" in said(files.read_bytes, str(tmp_path / "pipe"))
    os.symlink(str(tmp_path / "gone"), str(tmp_path / "link"))
    assert "link to something that is not there" in said(files.read_bytes, str(tmp_path / "link"))
    assert "cannot be read: File name too long" in said(files.read_bytes, str(tmp_path / ("x" * 300)))
    assert "cannot hold that" in said(files.read_bytes, "a\0b")
    (tmp_path / "large").write_bytes(b"12345")
    assert "has 5 bytes; at most 4" in said(files.read_bytes, str(tmp_path / "large"), "list", 4)


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100000, b"\xff\xfe{", b"[1]", b"nul\0l", b'"text"'])
def test_damaged_json_is_a_line(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    assert "x.json" in said(files.read_json, str(path))


# ---------------------------------------------------------------------------------------------------------------- text
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_marks_tell_the_encoding(tmp_path, encoding):
    (tmp_path / "x.txt").write_bytes("你好\r\nworld".encode(encoding))
    assert text.read_text(str(tmp_path / "x.txt")) == "你好\nworld"
    assert text.read_lines(str(tmp_path / "x.txt")) == ["你好", "world"]


def test_big_endian_utf_16():
    assert text.decode(b"\xfe\xff" + "你".encode("utf-16-be"), "x") == "你"


def test_gbk_is_read_where_it_is_expected_and_named_where_not():
    content = "中文".encode("gbk")
    assert text.decode(content, "x", ("utf-8", "gb18030")) == "中文"
    assert "is not UTF-8 text (byte 1 is 0xd6)" in said(text.decode, content, "x")


def test_old_macintosh_line_ends_and_odd_separators():
    assert text.decode(b"a\rb\r\nc\x0cd\xe2\x80\xa8e", "x") == "a\nb\nc\x0cd\u2028e"


@pytest.mark.parametrize("content", [b"a\0b", "text".encode("utf-16-le")])
def test_nul_characters_are_refused(content):
    assert "NUL" in said(text.decode, content, "x")


def zipped(*names):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "application/vnd.oasis.opendocument.spreadsheet" if name == "mimetype" else "x" * 99)
    return stream.getvalue()


OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
OFFICE = [
    (zipped("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"), "an Excel workbook: save it as CSV"),
    (OLE2 + "Root Entry\0Workbook".encode("utf-16-le"), "an Excel workbook: save it as CSV"),
    (zipped("mimetype", "content.xml"), "a spreadsheet: save it as CSV"),
    (zipped("word/document.xml"), "a Word document: save it as plain text"),
    (OLE2 + "WordDocument".encode("utf-16-le"), "a Word document: save it as plain text"),
    (OLE2 + "EncryptedPackage".encode("utf-16-le"), "an Office file: save it as CSV or plain text"),
    (zipped("a.csv"), "a zip archive, no text: unpack it"),
]


@pytest.mark.parametrize("content, kind", OFFICE, ids=range(len(OFFICE)))
def test_workbooks_and_archives_say_what_they_are(content, kind, tmp_path):
    """A workbook was 'damaged, no text'."""
    path = tmp_path / "book.csv"  # the content counts, not the name
    path.write_bytes(content)
    for read in (text.read_text, text.read_lines, text.read_csv):
        message = said(read, str(path))
        assert message.endswith("book.csv is " + kind) and not helpers.english_left(chinese("book.csv is " + kind))
    assert said(text.decode, content, "x", ("utf-8", "gb18030", "cp1252")) == "x is " + kind


def test_standard_input(monkeypatch):
    class Stream:
        closed = False

        def __init__(self, content):
            import io

            self.buffer = io.BytesIO(content)

    monkeypatch.setattr(sys, "stdin", Stream("\ufeff你好".encode()))
    assert text.read_stdin() == "你好"
    monkeypatch.setattr(sys, "stdin", Stream("中文".encode("gbk")))
    assert "is not UTF-8" in said(text.read_stdin)
    monkeypatch.setattr(sys, "stdin", Stream("中文".encode("gbk")))
    assert text.read_stdin(encodings=("utf-8", "gb18030")) == "中文"
    monkeypatch.setattr(sys, "stdin", Stream(b"x" * 11))
    assert "longer than 10" in said(text.read_stdin, limit=10)
    monkeypatch.setattr(sys, "stdin", None)
    assert "is closed" in said(text.read_stdin)


# ----------------------------------------------------------------------------------------------------------------- CSV
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables(tmp_path, delimiter):
    rows = [["date", "count"], ["1977-01-01", "208"], ["", ""], [' a "b" ', "1"]]
    lines = [delimiter.join(rows[0]), delimiter.join(rows[1]), delimiter, '" a ""b"" "' + delimiter + "1"]
    (tmp_path / "x.csv").write_bytes("\r".join(lines).encode("utf-8-sig"))
    assert text.read_csv(str(tmp_path / "x.csv")) == [["date", "count"], ["1977-01-01", "208"], ['a "b"', "1"]]


@pytest.mark.parametrize("content", [b'a,"b', b"x" * 200000 + b",1", b"a,\0"])
def test_broken_tables_are_a_line(tmp_path, content):
    (tmp_path / "x.csv").write_bytes(content)
    assert "x.csv" in said(text.read_csv, str(tmp_path / "x.csv"))


def test_a_broken_row_is_named_by_its_line(tmp_path):
    """Rows were counted: blank lines, and those within a cell, were not."""
    (tmp_path / "x.csv").write_text('a,"b\nb"\n\n\n1,"2\n3,4\n', encoding="utf-8")
    assert "(line 5: " in said(text.read_csv, str(tmp_path / "x.csv"))


def test_numbers_keep_their_significant_digits(tmp_path):
    shown = [
        text.number(value) for value in (1.5e-6, 0.0, 1234567.0, 1234567.25, -3, np.float32(0.1), 1e300, float("nan"))
    ]
    assert shown == ["1.5e-06", "0", "1234567", "1234570", "-3", "0.1", "1e+300", "nan"]
    assert text.number(153612.3, 4) == "153600" and text.number(-9999999.6, 4) == "-10000000"
    path = text.write_csv(str(tmp_path / "x.csv"), [["a", "b"], [1.25e-7, None], ["你,好", np.int64(3)]])
    assert text.read_csv(path) == [["a", "b"], ["1.25e-07", ""], ["你,好", "3"]]
