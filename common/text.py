"""Text of the readers: one way to decode it, whichever file or pipe it comes from."""

import codecs
import csv
import io
import math
import sys
from typing import List, Optional, Sequence

from common import files
from common.errors import UserError

_MARKS = (  # byte order marks; UTF-32's before UTF-16's, which it begins with
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_EXCEL, _WORD = "an Excel workbook: save it as CSV", "a Word document: save it as plain text"
_PACKED = (  # what such a file begins with; names within it, and what it is then; what it is else
    (
        b"PK\x03\x04",
        (
            (b"xl/workbook", _EXCEL),
            (b"opendocument.spreadsheet", "a spreadsheet: save it as CSV"),
            (b"word/document", _WORD),
        ),
        "a zip archive, no text: unpack it",
    ),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",  # OLE2: .xls, .doc, and newer ones that have a password
        (("Workbook".encode("utf-16-le"), _EXCEL), ("WordDocument".encode("utf-16-le"), _WORD)),
        "an Office file: save it as CSV or plain text",
    ),
)


def decode(content: bytes, where: str, encodings: Sequence[str] = ("utf-8",)) -> str:
    """Bytes as text: by their byte order mark, else by the first of ``encodings`` that fits.

    Line ends become ``\\n`` (old Macintosh files end lines with CR alone).

    Args:
      where: how an error names the source.
      encodings: tried in order. ``("utf-8", "gb18030")`` reads Chinese files of Windows as well (GBK is a part of GB 18030).

    Raises:
      UserError: a workbook or an archive, no encoding fits, or there are NUL characters.
    """
    for start, kinds, other in _PACKED:
        if content.startswith(start):
            raise UserError("%s is %s" % (where, next((said for name, said in kinds if name in content), other)))
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            content, encodings = content[len(mark) :], (encoding,)
            break
    for encoding in encodings:
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError as error:
            place = error.start
    else:
        raise UserError(
            "%s is not %s text (byte %d is 0x%02x): save it as UTF-8 and try again"
            % (where, "/".join(name.upper() for name in encodings), place + 1, content[place])
        )
    if "\0" in text:
        hint = ", or UTF-16 without its mark" if text.count("\0") * 3 > len(text) else ""
        raise UserError("%s holds NUL characters: it is damaged, no text%s" % (where, hint))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(
    path: str, what: str = "file", encodings: Sequence[str] = ("utf-8",), limit: int = files.LARGEST_TEXT
) -> str:
    """A text file's content, with ``\\n`` as line end; UserError in one line for whatever is wrong with it."""
    return decode(files.read_bytes(path, what, limit), "%s %s" % (what, path), encodings)


def read_lines(path: str, what: str = "file", encodings: Sequence[str] = ("utf-8",)) -> List[str]:
    """The lines of a text file without their ends; form feeds and other separators stay within a line."""
    text = read_text(path, what, encodings)
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def read_stdin(what: str = "standard input", encodings: Sequence[str] = ("utf-8",), limit: int = 1 << 20) -> str:
    """What comes on standard input; UserError where it is closed, too long, or no text."""
    if sys.stdin is None or sys.stdin.closed:
        raise UserError("%s is closed: pipe a text into the command, or give it as an option" % what)
    try:
        stream = getattr(sys.stdin, "buffer", sys.stdin)
        content = stream.read(limit + 1)
    except (OSError, ValueError) as error:
        raise UserError("%s cannot be read: %s" % (what, error))
    if isinstance(content, str):  # a test's StringIO
        content = content.encode("utf-8")
    if len(content) > limit:
        raise UserError("%s is longer than %d bytes" % (what, limit))
    return decode(content, what, encodings)


def read_csv(
    path: str, what: str = "table", encodings: Sequence[str] = ("utf-8", "gb18030"), delimiter: Optional[str] = None
) -> List[List[str]]:
    """The non-empty rows of a CSV file, cells stripped; tab and semicolon files are told by their first line.

    Raises:
      UserError: the file cannot be read as ``read_text``, a cell is huge, or a quote is never closed.
    """
    text = read_text(path, what, encodings)
    if delimiter is None:
        head = text.lstrip("\n").split("\n", 1)[0]
        delimiter = max(",;\t", key=head.count)
    rows, reader, line = [], csv.reader(io.StringIO(text), delimiter=delimiter, strict=True), 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                rows.append(cells)
            line = reader.line_num + 1  # where the next row begins: blank lines count, and a cell may hold several
    except csv.Error as error:
        raise UserError("%s %s is no CSV table (line %d: %s)" % (what, path, line, error))
    return rows


def number(value, digits: int = 6) -> str:
    """A number with ``digits`` significant digits, as short as that allows: fixed decimals lose small values."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or (isinstance(value, int) or float(value).is_integer() and abs(value) < 1e15):
        return str(int(value))
    if not math.isfinite(value):
        return str(float(value))
    short = "%.*g" % (digits, value)
    return "%d" % float(short) if "e+" in short and abs(value) < 1e15 else short  # 153600, not 1.536e+05


def write_csv(path: str, rows: Sequence[Sequence], digits: int = 6) -> str:
    """Writes rows of texts and numbers as CSV (UTF-8), whole or not at all; returns the path."""
    with files.atomic(path, "w") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        for row in rows:
            writer.writerow(["" if cell is None else number(cell, digits) for cell in row])
    return path
