"""Says file by file what a data folder has: OK, missing, damaged. Standard library only."""

import codecs
import glob
import os
import re
from typing import Dict, List, NamedTuple

from common import files, text
from common.datasets import DATASETS, Dataset, is_sample, missing_files
from common.errors import UserError
from data import download

SUMS = "sha256sums.txt"
SHOWN = 40  # OK files that are listed one by one; more of them are counted by folder


class Report(NamedTuple):
    """Lines to print, and how many of them tell of trouble."""

    lines: List[str]
    troubles: int


def lacking(dataset: Dataset, folder: str) -> List[str]:
    """What the official data set has and ``folder`` has not; empty when it is complete. Counts names, reads nothing."""
    result = []
    for expected in dataset.files:
        found = len(glob.glob(os.path.join(glob.escape(folder), expected.pattern)))
        if found < expected.count:
            count = "" if expected.count == 1 else " (%d of %d)" % (found, expected.count)
            result.append(expected.pattern + count)
    return result


def read_sums(path: str) -> Dict[str, str]:
    """A ``sha256sum`` list: relative path → checksum.

    Raises:
      UserError: the list is no text, a line is no such entry, or leads out of the folder.
    """
    sums = {}
    for number, line in enumerate(text.read_lines(path, "list of checksums"), 1):
        if not line.strip():
            continue
        match = re.match(r"^([0-9a-f]{64}) [ *](.+)$", line)
        if not match or os.path.isabs(match.group(2)) or ".." in match.group(2).split("/"):
            raise UserError("%s, line %d is not '<sha256>  <file>': fetch the data set again" % (path, number))
        sums[match.group(2)] = match.group(1)
    return sums


def write_sums(path: str, sums: Dict[str, str]) -> None:
    """Writes such a list, sorted, whole or not at all."""
    with files.atomic(path, "w") as stream:
        for name in sorted(sums):
            stream.write("%s  %s\n" % (sums[name], name))


def is_text(beginning: bytes) -> bool:
    """Whether a file begins as UTF-8 text without control characters does; its last character may be cut."""
    try:
        characters = codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return False
    return not any(character < " " and character not in "\t\r\n" for character in characters)


def suspicion(path: str) -> str:
    """What the ends of a file tell: '' when nothing speaks against it. For files of which no checksum is known."""
    size = os.path.getsize(path)
    complaint = download.complaint(path)
    if complaint:
        return complaint
    with open(path, "rb") as stream:
        head = stream.read(16)
        stream.seek(max(0, size - 64))
        tail = stream.read().rstrip(b"\0")
        stream.seek(0)
        beginning = stream.read(4096)
    ending = os.path.splitext(path)[1].lower()
    if ending in (".jpg", ".jpeg"):
        whole = head.startswith(b"\xff\xd8") and tail.endswith(b"\xff\xd9")
    elif ending == ".png":
        whole = head.startswith(b"\x89PNG\r\n\x1a\n") and b"IEND" in tail
    elif ending == ".wav":
        whole = head.startswith(b"RIFF") and int.from_bytes(head[4:8], "little") + 8 <= size
    elif ending == ".csv":
        whole = is_text(beginning) and b"," in beginning.partition(b"\n")[2]  # a header and at least a row
    else:
        whole = True
    return "" if whole else "is cut off, or no %s file" % ending


def verify(name: str, folder: str) -> Report:
    """Checks the data set in ``folder``.

    A ``sha256sums.txt`` in the folder (every ``fetch`` leaves one) says what must be there, and of each kind of the official
    files there must be one (a fetch that stopped half-way leaves such a list too); fewer of a kind are a note. Without the list
    the official file names, counts, sizes and checksums do, and the ends of pictures and sounds are looked at.
    """
    dataset = DATASETS[name]
    good, bad, notes = [], [], []
    sums_path = os.path.join(folder, SUMS)
    if os.path.exists(sums_path):
        sums = read_sums(sums_path)
        for relative in sorted(sums):
            path = os.path.join(folder, *relative.split("/"))
            if not os.path.isfile(path):
                bad.append("MISSING  %s" % relative)
            elif download.digest(path) != sums[relative]:
                bad.append("DAMAGED  %s: its sha256 is not the one in %s" % (relative, SUMS))
            else:
                good.append(relative)
        none = missing_files(folder, [expected.pattern for expected in dataset.files])
        bad += ["MISSING  %s" % pattern for pattern in none if pattern not in sums]  # else it was said above
        few = [name for name in lacking(dataset, folder) if name.split(" ")[0] not in none]
        if few:
            notes.append("NOTE     fewer than the official files: %s" % ", ".join(few))
    else:
        bad += ["MISSING  %s" % name for name in lacking(dataset, folder)]
        official = {source.filename: source for source in dataset.sources}
        paths = set()
        for expected in dataset.files:
            paths.update(glob.glob(os.path.join(glob.escape(folder), expected.pattern)))
        paths.update(path for path in (os.path.join(folder, key) for key in official) if os.path.isfile(path))
        for path in sorted(paths):
            relative = os.path.relpath(path, folder).replace(os.sep, "/")
            source = official.get(relative)
            if not os.path.exists(path):
                complaint = "is a link to a file that does not exist"
            elif source is not None:
                complaint = download.complaint(path, source.size, source.sha256, source.md5)
            else:
                complaint = suspicion(path)
            if complaint:
                bad.append("DAMAGED  %s %s" % (relative, complaint))
            else:
                good.append(relative)
    kind = " (generated sample, not real data)" if is_sample(folder) else ""
    lines = ["%s in %s%s" % (name, folder, kind)] + _good_lines(good) + bad + notes
    return Report(lines, len(bad))


def _good_lines(names: List[str]) -> List[str]:
    if len(names) <= SHOWN:
        return ["OK       %s" % name for name in names]
    folders = {}
    for name in names:
        folders.setdefault(os.path.dirname(name), []).append(name)
    lines = []
    for folder in sorted(folders):
        if len(folders[folder]) == 1:
            lines.append("OK       %s" % folders[folder][0])
        else:
            lines.append("OK       %s (%s files)" % (folder or ".", format(len(folders[folder]), ",")))
    return lines
