"""Hostile inputs, made by code: what people, their programs and those who mean harm put where an input belongs.

``cases()`` gives them in groups: a group is one command with one or more inputs of one kind. ``damage`` is what happens to any
file (cut, flipped bits), ``no_file`` what stands where a file belongs; the rest are the formats of the five examples.
"""

import bz2
import functools
import gzip
import io
import json
import os
import pickle
import shutil
import socket
import struct
import tarfile
import wave
import zipfile
import zlib
from typing import Callable, List, NamedTuple

import numpy as np
from PIL import Image

from common import datasets
from tests.helpers import REPOSITORY

REFUSED, READ, EITHER = "refused", "read", "refused or read"
REPORTED = "reported"  # status 2 like REFUSED, but the command is one that lists what is wrong on standard output
MARKER = "EXECUTED"  # the file that a payload would make


class Case(NamedTuple):
    """One command.

    Attributes:
      name: of the case; inputs: how many hostile inputs it gets.
      make: writes them below a folder.
      words: the script and its arguments; ``{in}`` and ``{out}`` stand for the folders of input and output.
      ends: what may come of it: ``REFUSED``, ``READ`` (a skip that is said counts) or ``EITHER``.
      says: a word that the output must hold (of a documented skip, say).
    """

    name: str
    inputs: int
    make: Callable[[str], None]
    words: List[str]
    ends: str
    says: str = ""


# --------------------------------------------------------------------------------------------------------- any file
class Payload:
    """A pickle that would make a file."""

    def __reduce__(self):
        return os.mknod, (MARKER,)


def cut(content: bytes):
    """``content`` that ends too early, at several places."""
    return {"cut at %d" % place: content[:place] for place in sorted({len(content) * n // 7 for n in range(1, 7)})}


def noise(count: int) -> bytes:
    """Random bytes, the same each time."""
    return np.random.RandomState(count).bytes(count)


def flipped(content: bytes, count: int = 6):
    """``content`` with one to eight bits turned, most often near its head."""
    found = {}
    for seed in range(count):
        random, changed = np.random.RandomState(seed), bytearray(content)
        for _ in range(1 + seed):
            place = random.randint(min(len(content), 200) if seed % 2 else len(content))
            changed[place] ^= 1 << random.randint(8)
        found["flipped %d" % seed] = bytes(changed)
    return found


def damage(content: bytes):
    return dict(cut(content), **flipped(content))


def replaced(content: bytes, old: bytes, new: bytes, count: int = -1) -> bytes:
    """``content`` with ``new`` for ``old``, which must be there: else nothing hostile would be tried."""
    assert old in content, old
    return content.replace(old, new, count)


NO_FILES = ("fifo", "folder", "broken link", "endless device", "socket")


def no_file(kind: str, path: str) -> None:
    """Puts something at ``path`` that is no file."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        os.mkdir(path)
    elif kind == "broken link":
        os.symlink("/nowhere/at/all", path)
    elif kind == "endless device":
        os.symlink("/dev/zero", path)
    else:
        here = os.getcwd()  # a socket's path may have 107 bytes
        os.chdir(os.path.dirname(path))
        try:
            socket.socket(socket.AF_UNIX).bind(os.path.basename(path))
        finally:
            os.chdir(here)


def writes(name, content):
    """A function that writes ``content`` (or what it returns: bombs are made when they are needed) into a folder."""

    def make(folder):
        with open(os.path.join(folder, name), "wb") as stream:
            stream.write(content() if callable(content) else content)

    return make


def writes_all(contents, ending=""):
    """Each content as a file ``00<ending>``, ``01<ending>``, …"""

    def make(folder):
        for number, content in enumerate(contents):
            writes("%02d%s" % (number, ending), content)(folder)

    return make


# --------------------------------------------------------------------------------------------------------- pictures
def pixels(height=48, width=64, seed=0):
    ramp = np.add.outer(np.arange(height), np.arange(width))[..., None] * 2
    return np.uint8((ramp + np.random.RandomState(seed).randint(0, 60, (height, width, 3))) % 256)


def encoded(kind, picture=None, **keywords):
    stream = io.BytesIO()
    (Image.fromarray(pixels()) if picture is None else picture).save(stream, format=kind, **keywords)
    return stream.getvalue()


def png_of(width, height, content=b"", before=b"", color=2, interlace=0):
    """A PNG that claims a size and holds ``content`` as its packed pixels, each chunk with the right checksum."""
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) & 0xFFFFFFFF)


@functools.lru_cache(maxsize=None)
def png_bomb(megapixels):
    packer, rows = zlib.compressobj(9), megapixels * 100
    content = b"".join(packer.compress(b"\0" * 30001) for _ in range(rows)) + packer.flush()
    return png_of(10000, rows, content)


def claiming(kind):
    """A picture whose header claims a size that nothing can hold."""
    content = bytearray(encoded(kind))
    if kind == "JPEG":
        place = content.index(b"\xff\xc0") + 5
        content[place : place + 4] = b"\xff\xff\xff\xff"
    elif kind == "BMP":
        content[18:26] = struct.pack("<ii", 2**30, 2**30)
    elif kind == "GIF":
        content[6:10] = b"\xff\xff\xff\xff"
    elif kind == "TIFF":
        for tag in (256, 257):  # width and height, as 32-bit numbers
            place = content.index(struct.pack("<HHI", tag, 3, 1)) if struct.pack("<HHI", tag, 3, 1) in content else None
            place = content.index(struct.pack("<HHI", tag, 4, 1)) if place is None else place
            content[place : place + 12] = struct.pack("<HHII", tag, 4, 1, 2**31 - 1)
    return bytes(content)


@functools.lru_cache(maxsize=None)
def picture_kinds():
    """Group → (contents, how it ends)."""
    flat = zlib.compress(b"\0" * (64 * 3 + 1) * 48)
    groups = {}
    for kind in ("PNG", "JPEG", "TIFF", "WEBP", "BMP"):
        groups["%s, damaged" % kind] = (list(damage(encoded(kind)).values()), EITHER)
    groups["bombs and claims"] = (
        [lambda: png_bomb(109), lambda: png_bomb(169), png_of(2**31 - 1, 2**31 - 1, flat)]
        + [claiming(kind) for kind in ("JPEG", "BMP", "GIF", "TIFF")],
        REFUSED,
    )
    groups["no pictures"] = (
        [b"", b"text", b"<html><body>404</body></html>", b"<svg xmlns='http://www.w3.org/2000/svg'/>"]
        + [pickle.dumps(Payload()), gzip.compress(encoded("PNG")), bytes(range(256)) * 40]
        + [b"%!PS\n(%pipe%touch EXECUTED) (w) file\n", b"\x7fELF" + bytes(100), b"P6\n99999999999 9999999999\n255\n"],
        REFUSED,
    )
    text_bomb = zlib.compress(b"\0" * (64 << 20))
    groups["odd chunks"] = (
        [
            png_of(64, 48, flat, chunk(b"zTXt", b"Comment\0\0" + text_bomb)),
            png_of(64, 48, flat, chunk(b"iCCP", b"sRGB\0\0" + text_bomb)),
            png_of(64, 48, flat, chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile"))),
            png_of(64, 48, flat, chunk(b"eXIf", b"II*\0" + b"\xff" * 60)),
            png_of(64, 48, flat, chunk(b"tRNS", b"\0" * 6)),
            png_of(64, 48, flat, color=3),
            png_of(64, 48, flat, interlace=1),
            png_of(0, 48, zlib.compress(b"")),
            png_of(64, 48, zlib.compress(b"\0" * 100)),
            png_of(64, 48, b"no deflate"),
        ],
        EITHER,
    )
    exif = Image.Exif()
    exif[0x0112], exif[0x9003] = 77, "not a date"
    groups["sizes, modes, tags"] = (
        [encoded("PNG", Image.fromarray(pixels(*size))) for size in ((1, 1), (8, 8), (1, 900), (900, 1), (3, 2))]
        + [encoded("PNG", Image.fromarray(pixels()).convert(mode)) for mode in ("1", "L", "LA", "P", "RGBA", "I")]
        + [encoded("JPEG", Image.fromarray(pixels()).convert("CMYK")), encoded("JPEG", exif=exif.tobytes())]
        + [encoded("GIF", save_all=True, append_images=[Image.fromarray(pixels(seed=n)) for n in range(3)])],
        READ,
    )
    groups["floats"] = (
        [encoded("TIFF", Image.fromarray(np.full((9, 9), value, np.float32))) for value in (np.nan, np.inf)],
        REFUSED,
    )
    return groups


ODD_NAMES = ("😀 \t.png", "-rf.png", "$(touch EXECUTED).png", "a\nb.png", "x" * 240 + ".png", "..png", "照片 1.png")


def cases_of_pictures():
    photos = ["ch10_deblurgan/ext_10_2_12_photos.py", "--output-dir", "{out}", "--comparison", "false", "{in}"]
    face = ["ch10_attgan/ext_10_3_10_edit.py", "--weights", "shipped", "--box", "centre", "--edit", "Bangs=on"]
    face += ["--output-dir", "{out}", "--photo"]
    for name, (contents, ends) in picture_kinds().items():
        count = len(contents)
        # the last one is sound: what is wrong with the others must not keep it back
        make = writes_all(contents + [encoded("PNG", Image.fromarray(pixels()))], ".png")
        yield Case("photos: " + name, count, make, photos, READ if ends is READ else REFUSED if count else READ)
        yield Case(
            "face: " + name,
            count,
            make,
            face + ["{in}/%02d.png" % number for number in range(count + 1)],
            EITHER if ends is EITHER or name.startswith("sizes") else REFUSED,
        )
    for kind in NO_FILES:
        make = lambda folder, kind=kind: no_file(kind, os.path.join(folder, "x.png"))  # noqa: E731
        yield Case("photo: " + kind, 1, make, photos[:-1] + ["{in}/x.png"], REFUSED)
        yield Case("face: " + kind, 1, make, face + ["{in}/x.png"], REFUSED)

    def odd(folder):
        for number, name in enumerate(ODD_NAMES):
            writes(name, encoded("PNG", Image.fromarray(pixels(seed=number))))(folder)

    yield Case("photos: odd names", len(ODD_NAMES), odd, photos, READ)
    pair = ["ch10_deblurgan/code_10_02_train.py", "--preset", "tiny", "--data-dir", "{in}", "--output-dir", "{out}"]
    for name, content in [("cut", encoded("PNG")[:900]), ("bomb", lambda: png_bomb(109)), ("bmp", encoded("BMP"))]:

        def make(folder, content=content):
            for part in "AB":
                os.makedirs(os.path.join(folder, "train", part))
                writes("a.png", encoded("PNG"))(os.path.join(folder, "train", part))
            writes("a.png", content)(os.path.join(folder, "train", "B"))

        yield Case("pairs: " + name, 1, make, pair, REFUSED, "a.png")


# ------------------------------------------------------------------------------------------------------------ texts
def texts():
    """Name → (content, how it ends where any text may stand)."""
    news = "Crude oil prices rose two dollars a barrel after the ministers agreed to cut output. "
    return {
        "empty": (b"", REFUSED),
        "blank": (b" \t\n\r\n" * 100, REFUSED),
        "NUL": (news.encode() + b"\0" + news.encode(), REFUSED),
        "UTF-16": (news.encode("utf-16"), READ),
        "UTF-16 cut": (news.encode("utf-16")[:-1], REFUSED),
        "UTF-16 without mark": (news.encode("utf-16-le"), REFUSED),
        "random bytes": (bytes(np.random.RandomState(0).randint(0, 256, 5000).astype(np.uint8)), REFUSED),
        "CR": (news.replace(" ", "\r").encode(), READ),
        "BOM": (b"\xef\xbb\xbf" + news.encode(), READ),
        "100,000 characters": ((news * 1200)[:100000].encode(), READ),
        "too long": (b"oil " * 300000, REFUSED),
        "one word": (b"oil" * 40000, REFUSED),
        "controls": (("\x1b[2J\x07" + news).encode(), READ),
        "emoji": ("😀 oil 🛢 prices \u202e rose \u200b".encode(), EITHER),
        "lone surrogate": (b"oil \xed\xa0\x80 prices", REFUSED),
    }


def cases_of_texts():
    words = ["ch09_capsule_rnn/beyond/predict.py", "--output-dir", "{out}", "--file", "{in}/x.txt"]
    for name, (content, ends) in texts().items():
        yield Case("news: " + name, 1, writes("x.txt", content), words, ends)
    for kind in NO_FILES:
        yield Case("news: " + kind, 1, lambda f, kind=kind: no_file(kind, os.path.join(f, "x.txt")), words, REFUSED)
    speak = ["ch09_tacotron/ext_9_8_14_speak.py", "--output-dir", "{out}", "--griffin-lim-iters", "0"]
    speak += ["--text-file", "{in}/x.txt"]
    spoken = {
        "empty": b"",
        "NUL": "你\0好".encode(),
        "signs alone": "。，！？……".encode(),
        "100,000 characters": "☃".encode() * 100000,
        "another script": "привет мир".encode(),
        "random bytes": bytes(range(128, 256)) * 9,
        "unknown syllables": b"xyz9 qqq1 ni3 hao3",
        "a number of 400 digits": b"7" * 400 + "元".encode(),
        "a number of 19,000 digits": b"7" * 19000,
        "a novel": "从前有座山，山里有座庙。".encode() * 20000,
    }
    for name, content in spoken.items():
        yield Case("speak: " + name, 1, writes("x.txt", content), speak, EITHER if "digits" in name else REFUSED)


# ----------------------------------------------------------------------------------------------------------- series
def rows(values, start="2020-01-01", header="date,value\n"):
    days = np.datetime64(start) + np.arange(len(values))
    return (header + "".join("%s,%s\n" % item for item in zip(days, values))).encode()


def series():
    """Name → (content, how it ends)."""
    count = [1200 + 100 * (n % 7) + n for n in range(60)]
    good = rows(count)
    changed = lambda place, value: rows(count[:place] + [value] + count[place + 1 :])  # noqa: E731
    found = {
        "CR": (replaced(good, b"\n", b"\r"), READ),
        "UTF-16 and GBK": ("日期,值\n".encode("gb18030") + good.split(b"\n", 1)[1], READ),
        "negative zero": (changed(3, "-0"), READ),
        "values of 1e-300": (rows(["%de-300" % (100 + value) for value in count]), EITHER),
        "values of 1e11": (rows([value * 10**8 for value in count]), EITHER),
        "empty": (b"", REFUSED),
        "header alone": (b"date,value\n", REFUSED),
        "NUL": (replaced(good, b"1301", b"13\x0001"), REFUSED),
        "UTF-16 without mark": (good.decode().encode("utf-16-le"), REFUSED),
        "random bytes": (bytes(np.random.RandomState(1).randint(0, 256, 4000).astype(np.uint8)), REFUSED),
        "NaN": (changed(5, "NaN"), REFUSED),
        "infinity": (changed(5, "-inf"), REFUSED),
        "1e308": (changed(5, "1e308"), REFUSED),
        "1e999": (changed(5, "1e999"), REFUSED),
        "400 digits": (changed(5, "9" * 400), REFUSED),
        "10,000 digits": (changed(5, "9" * 10000), REFUSED),
        "hexadecimal": (changed(5, "0x7f"), REFUSED),
        "a formula": (changed(5, "=cmd|' /C calc'!A0"), REFUSED),
        "all equal": (rows([5] * 60), REFUSED),
        "year 1": (rows(count, "0001-01-01"), REFUSED),
        "year 1600": (rows(count, "1600-01-01"), REFUSED),
        "year 9999": (rows(count, "9999-11-01"), REFUSED),
        "30 February": (replaced(good, b"2020-02-01", b"2020-02-30"), REFUSED),
        "twice a day": (good + b"2020-02-29,7\n2020-02-29,7\n", REFUSED),
        "backwards and forwards": (good + rows(count, header=""), REFUSED),
        "a gap of a century": (good + b"2120-01-01,5\n", REFUSED),
        "a field of a megabyte": (good + b"2020-03-01," + b"x" * (1 << 20), REFUSED),
        "an open quote": (replaced(good, b"1301", b'"1301'), REFUSED),
        "300 columns": (b"\n".join(b",".join(b"1" for _ in range(300)) for _ in range(30)), REFUSED),
        "thousands": (replaced(good, b",1", b",1,"), REFUSED),
        "a page of HTML": (b"<!DOCTYPE html><html><table><tr><td>1</td></tr></table></html>", REFUSED),
        "an archive": (gzip.compress(good), REFUSED),
        "a picture": (encoded("PNG"), REFUSED),
        "a pickle": (pickle.dumps(Payload()), REFUSED),
        "a line of 3 million commas": (b"," * 3000000, REFUSED),
        "a million blank lines": (b"\n" * 1000000, REFUSED),
    }
    return found


SERIES_OPTIONS = (
    ["--steps", "1000000"],
    ["--steps", "-1"],
    ["--steps", "1e3"],
    ["--periodicities", "1e300"],
    ["--periodicities", "nan"],
    ["--cycle-num-latent-values", "999"],
    ["--holidays", "XX"],
    ["--holidays", "../../etc/passwd"],
    ["--holdout", "100000000"],
    ["--date-format", "%Q%%%"],
    ["--date-format", "%d" * 5000],
    ["--step", "fortnight"],
    ["--value-column", "0"],
    ["--value-column", "99999999999999999999"],
    ["--window-size", "99999999999999999999999"],
    ["--first", "0000-00-00"],
    ["--output-dir", "a\0b"],
    ["--seed", "-1"],
    ["--threads", "99999999"],
)


def cases_of_series():
    words = ["ch09_tfts_births/beyond/forecast.py", "--preset", "tiny", "--output-dir", "{out}", "--csv", "{in}/x.csv"]
    for name, (content, ends) in series().items():
        yield Case("series: " + name, 1, writes("x.csv", content), words, ends)
    for kind in NO_FILES:
        yield Case("series: " + kind, 1, lambda f, kind=kind: no_file(kind, os.path.join(f, "x.csv")), words, REFUSED)
    good = rows([1200 + 100 * (n % 7) + n for n in range(60)])
    for more in SERIES_OPTIONS:
        if more[1] != "a\0b":  # no process can be given that word; parse_values has its own test
            yield Case("series: %s %s" % (more[0], more[1][:20]), 1, writes("x.csv", good), words + more, REFUSED)
    listing = [
        "ch09_tfts_births/code_9_08_births.py",
        "--data-dir",
        "{in}",
        "--output-dir",
        "{out}",
        "--train-steps",
        "1",
    ]
    births = {
        "no table": b"hello\n",
        "NUL": b"Date,Births\n1977-01-01,2\x0000\n",
        "year 0": b"\n".join(b"0000-01-01,%d" % n for n in range(99)),
        "infinity": rows(["inf"] * 99, "1977-01-01"),
        "two days": rows([200, 210], "1977-01-01"),
    }
    for name, content in births.items():
        make = writes("number-of-daily-births-in-quebec.csv", content)
        yield Case("births: " + name, 1, make, listing, REFUSED)


# ------------------------------------------------------------------------------------------------- arrays and weights
def npy(array, **header):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    content = stream.getvalue()
    for old, new in header.items():
        content = content.replace(old.encode(), new.encode())
    return content


def npy_header(text, content=b""):
    text = text + " " * (63 - (10 + len(text)) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode("latin-1") + content


def bad_arrays():
    """What no .npy file should be."""
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': %s}"
    return {
        "pickle": npy(np.array([Payload()], dtype=object)),
        "huge shape": npy_header(head % "(2000000000, 2000000000)"),
        "negative": npy_header(head % "(-1, 80)"),
        "code in the header": npy_header("__import__('os').mknod('EXECUTED')"),
        "text": npy(np.array(["a", "b"])),
        "empty": b"",
        "cut": npy(np.zeros((30, 80), np.float32))[:-50],
        "deep header": npy_header("(" * 4000 + ")" * 4000),
    }


def zipped(members, packing=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def bad_weights(path):
    """Name → a function that gives a damaged, foreign or hostile copy of the weights file ``path``."""

    def whole():
        with open(path, "rb") as stream:
            return stream.read()

    def packed(changes=lambda arrays, largest: {}, settings_as=lambda settings: settings):
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
        settings = settings_as(json.loads(str(arrays.pop("settings"))))
        largest = max(arrays, key=lambda name: arrays[name].size)
        arrays.update(changes(arrays, largest))
        if settings is not None:
            arrays["settings"] = np.array(settings if isinstance(settings, str) else json.dumps(settings))
        return zipped({name + ".npy": npy(value) for name, value in arrays.items()}, zipfile.ZIP_STORED)

    def spoilt(arrays, largest):
        array = np.array(arrays[largest])
        array.flat[7] = np.nan
        return {largest: array}

    def encrypted():
        content = bytearray(packed())
        content[content.find(b"PK\3\4") + 6] |= 1
        content[content.rfind(b"PK\1\2", 0, content.rfind(b"PK\5\6")) + 8] |= 1
        return bytes(content)

    def enlarged(settings):
        return {
            name: 10**9 if isinstance(value, int) and not isinstance(value, bool) else value
            for name, value in settings.items()
        }

    return {
        "cut in half": lambda: whole()[: os.path.getsize(path) // 2],
        "a bit flipped": lambda: flipped(whole(), 1)["flipped 0"],
        "empty": b"",
        "NaN": lambda: packed(spoilt),
        "other shapes": lambda: packed(lambda arrays, largest: {largest: arrays[largest][..., :-1]}),
        "text for numbers": lambda: packed(lambda arrays, largest: {largest: np.array(["a"])}),
        "no settings": lambda: packed(settings_as=lambda settings: None),
        "settings a list": lambda: packed(settings_as=lambda settings: [1, 2]),
        "settings of other types": lambda: packed(settings_as=lambda s: {name: [str(s[name])] for name in s}),
        "settings null": lambda: packed(settings_as=dict.fromkeys),
        "settings too large": lambda: packed(settings_as=enlarged),
        "settings damaged": lambda: packed(settings_as=lambda settings: "{"),
        "a pickle": lambda: packed(lambda arrays, largest: {largest: np.array([Payload()], dtype=object)}),
        "encrypted": encrypted,
        "a bomb": lambda: zipped({"settings.npy": b"", "x.npy": b"\0" * (300 << 20)}),
        "of another example": lambda: open(
            os.path.join(REPOSITORY, OTHER_WEIGHTS[os.path.basename(path)]), "rb"
        ).read(),
    }


MAYBE = ("a bit flipped", "settings too large", "settings null")  # where a setting is only a note, nothing is wrong
OTHER_WEIGHTS = {
    "tacotron-float16.npz": "ch09_capsule_rnn/weights/news.npz",
    "wide_view.npz": "ch10_attgan/weights/faces_generator.npz",
    "generator.npz": "ch10_deblurgan/weights/wide_view.npz",
    "faces_generator.npz": "ch10_deblurgan/weights/generator.npz",
}


def cases_of_weights():
    picture = encoded("PNG")
    doors = {
        "ch10_deblurgan/weights/generator.npz": ["ch10_deblurgan/beyond/restore.py", "{in}/photo.png"],
        "ch10_deblurgan/weights/wide_view.npz": ["ch10_deblurgan/ext_10_2_12_photos.py", "{in}/photo.png"],
        "ch10_attgan/weights/faces_generator.npz": ["ch10_attgan/ext_10_3_10_edit.py", "--photo", "{in}/photo.png"]
        + ["--box", "centre", "--edit", "Bangs=on"],
        "ch09_tacotron/weights/tacotron-float16.npz": ["ch09_tacotron/ext_9_8_14_speak.py", "ni3 hao3"],
    }
    for path, words in doors.items():
        base = os.path.basename(path)
        for name, content in bad_weights(os.path.join(REPOSITORY, path)).items():

            def make(folder, base=base, content=content):
                writes("photo.png", picture)(folder)
                writes(base, content)(folder)
                head = os.path.join(REPOSITORY, "ch10_attgan/weights/faces_generator_head.npz")
                if base == "faces_generator.npz":
                    shutil.copy(head, folder)

            where = "{in}" if base.startswith("tacotron") else "{in}/" + base
            ends = EITHER if name in MAYBE else REFUSED
            yield Case("%s: %s" % (base, name), 1, make, words + ["--weights", where, "--output-dir", "{out}"], ends)
    h5 = {
        "empty": b"",
        "text": b"weights",
        "its magic alone": b"\x89HDF\r\n\x1a\n",
        "random bytes": b"\x89HDF\r\n\x1a\n" + bytes(np.random.RandomState(0).randint(0, 256, 4000).astype(np.uint8)),
        "a zip": zipped({"a": b"b"}),
    }
    settings = dict(n_blocks=1, ngf=4, norm="none", head="residual", end_kernel=3, skips=True)
    for name, content in h5.items():

        def make(folder, content=content):
            writes("photo.png", picture)(folder)
            os.makedirs(os.path.join(folder, "run", "weights"))
            writes("settings.json", json.dumps(settings).encode())(os.path.join(folder, "run"))
            writes("generator.h5", content)(os.path.join(folder, "run", "weights"))

        words = ["ch10_deblurgan/beyond/restore.py", "{in}/photo.png", "--weights", "{in}/run/weights/generator.h5"]
        yield Case("h5: " + name, 1, make, words + ["--output-dir", "{out}"], REFUSED)
    for name, content in bad_arrays().items():

        def make(folder, content=content):
            os.makedirs(os.path.join(folder, "training"))
            writes("a-mel.npy", content)(os.path.join(folder, "training"))
            writes("a-spec.npy", npy(np.zeros((30, 1025), np.float32)))(os.path.join(folder, "training"))
            writes("train.txt", b"a-spec.npy|a-mel.npy|30|ma1 ma3\n")(os.path.join(folder, "training"))
            writes("settings.json", b'{"data": "x"}')(os.path.join(folder, "training"))
            times = {"a-mel.npy": dict(pinyin="ma1 ma3", spans=[[0, 15], [15, 30]])}
            writes("syllables.json", json.dumps(times).encode())(os.path.join(folder, "training"))

        words = ["ch09_tacotron/beyond/train_few.py", "--preset", "tiny", "--output-dir", "{in}"]
        yield Case("spectrogram: " + name, 1, make, words, REFUSED, "a-mel.npy")


def sample_file(data, name):
    """A file of a generated sample; the sample is made where it is missing, so not before a test runs."""
    with open(os.path.join(datasets.sample(data), name), "rb") as stream:
        return stream.read()


def cases_of_reuters():
    news, index = "reuters.npz", "reuters_word_index.json"
    words = ["ch09_capsule_rnn/code_9_07_routing_rnn.py", "--preset", "tiny"]
    words += ["--data-dir", "{in}", "--output-dir", "{out}"]

    def make(name, content):
        def made(target):
            for other in (news, index):
                shutil.copy(os.path.join(datasets.sample("reuters"), other), target)
            writes(name, content)(target)

        return made

    def arrays(x, y):
        stream = io.BytesIO()
        np.savez(stream, x=x, y=np.array(y))
        return stream.getvalue()

    contents = {
        "cut": lambda: sample_file("reuters", news)[:9000],
        "empty": b"",
        "a pickle with a payload": arrays(np.array([Payload(), [1, 2]], dtype=object), [1, 2]),
        "ids and labels out of range": arrays(np.array([[10**9, -3], [1, 2]]), [-7, 10**9]),
        "a bomb": lambda: zipped({"x.npy": b"\0" * (1100 << 20), "y.npy": b""}),
    }
    for name, content in contents.items():
        yield Case("news set: " + name, 1, make(news, content), words, REFUSED)


# ------------------------------------------------------------------------------------------------------- recordings
def wav(samples=None, rate=16000, channels=1):
    stream = io.BytesIO()
    samples = np.sin(np.arange(8000) / 8.0) * 9000 if samples is None else samples
    with wave.open(stream, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.int16(samples).tobytes())
    return stream.getvalue()


def float_wav(value):
    data = struct.pack("<f", value) * 8000
    form = struct.pack("<HHIIHH", 3, 1, 16000, 64000, 4, 32)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(data))
        + b"WAVEfmt \x10\0\0\0"
        + form
        + b"data"
        + struct.pack("<I", len(data))
        + data
    )


def cases_of_recordings():
    changed = bytearray(wav())
    changed[40:44] = b"\xff\xff\xff\xff"
    contents = list(damage(wav()).values()) + [
        b"",
        b"text",
        wav(np.zeros(8000)),
        wav(np.zeros(0)),
        wav(rate=1),
        wav(rate=2**31 - 1),
        wav(np.zeros(16000 * 600)),  # ten minutes of zeros
        float_wav(float("nan")),
        float_wav(float("inf")),
        float_wav(1e38),
        bytes(changed),
        encoded("PNG"),
        b"ID3" + bytes(500),
        b"OggS" + bytes(500),
        b"fLaC" + bytes(500),
    ]

    def make(folder):
        corpus = os.path.join(folder, "data_thchs30")
        os.makedirs(os.path.join(corpus, "doc", "trans"))
        os.makedirs(os.path.join(corpus, "mytest"))
        writes_all(contents + [wav()], ".wav")(os.path.join(corpus, "mytest"))
        for number, kind in enumerate(NO_FILES, len(contents) + 1):
            no_file(kind, os.path.join(corpus, "mytest", "%02d.wav" % number))
        lines = "".join("%02d ma1 ma3\n" % number for number in range(len(contents) + 1 + len(NO_FILES)))
        writes("test.syllable.txt", lines.encode())(os.path.join(corpus, "doc", "trans"))

    count = len(contents) + len(NO_FILES)
    prepare = ["ch09_tacotron/beyond/prepare.py", "--align", "false", "--num-workers", "1", "--hold-out", "0"]
    place = ["--data-dir", "{in}", "--output-dir", "{out}"]
    yield Case("recordings: prepared", count, make, prepare + place, READ, "skipped")
    yield Case(
        "recordings: the listing", count, make, ["ch09_tacotron/code_9_09_preprocess.py"] + place, READ, "skipped"
    )
    transcripts = {
        "empty": b"",
        "random bytes": bytes(range(128, 256)) * 20,
        "UTF-16 without mark": "00 ma1".encode("utf-16-le"),
        "NUL": b"00 ma1\0",
        "two lines for one": b"00 ma1\n00 ma2\n",
        "a line of a megabyte": b"00 " + b"ma1" * 350000,
        "a folder": None,
    }
    for name, content in transcripts.items():

        def made(folder, content=content):
            os.makedirs(os.path.join(folder, "mytest"))
            os.makedirs(os.path.join(folder, "doc", "trans"))
            writes("00.wav", wav())(os.path.join(folder, "mytest"))
            path = os.path.join(folder, "doc", "trans")
            if content is None:
                os.mkdir(os.path.join(path, "test.syllable.txt"))
            else:
                writes("test.syllable.txt", content)(path)

        yield Case("transcript: " + name, 1, made, prepare + place, REFUSED)


# ---------------------------------------------------------------------------------------------- lists and archives
def tarred(change=None, name="data/a.txt", content=b"hello", mode="w:gz"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        if change:
            change(entry)
        archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def linked(target, kind):
    def change(entry):
        entry.type, entry.linkname, entry.size = kind, target, 0

    return change


def archives():
    """Name → content."""
    mode = zipfile.ZipInfo("link")
    mode.external_attr = 0o120777 << 16
    linking = io.BytesIO()
    with zipfile.ZipFile(linking, "w") as archive:
        archive.writestr(mode, "/etc/passwd")
    encrypted = bytearray(zipped({"a.png": b"x"}))
    encrypted[6] |= 1
    encrypted[encrypted.find(b"PK\1\2") + 8] |= 1
    claims = bytearray(zipped({"a.png": b"x"}))
    place = claims.find(b"PK\1\2")
    claims[place + 24 : place + 28] = struct.pack("<I", 2**32 - 2)
    many = zipped({"a/%d.png" % n: b"" for n in range(3)})
    device = lambda entry: setattr(entry, "type", tarfile.CHRTYPE)  # noqa: E731
    found = {
        "zip: up and out": zipped({"../../EXECUTED": b"x"}),
        "zip: absolute": zipped({"/tmp/EXECUTED": b"x"}),
        "zip: of Windows": zipped({"..\\..\\EXECUTED": b"x"}),
        "zip: a drive": zipped({"C:/EXECUTED": b"x"}),
        "zip: a link": linking.getvalue(),
        "zip: a bomb": lambda: zipped({"a.png": b"\0" * (80 << 20)}),
        "zip: claims": bytes(claims),
        "zip: encrypted": bytes(encrypted),
        "zip: cut": many[:-30],
        "zip: empty": zipped({}),
        "tar: up and out": tarred(name="../../EXECUTED"),
        "tar: absolute": tarred(name="/tmp/EXECUTED"),
        "tar: a link out": tarred(linked("/etc/passwd", tarfile.SYMTYPE)),
        "tar: a hard link out": tarred(linked("../../../../etc/passwd", tarfile.LNKTYPE)),
        "tar: a device": tarred(device),
        "tar: a pipe": tarred(lambda entry: setattr(entry, "type", tarfile.FIFOTYPE)),
        "tar: a bomb": lambda: tarred(content=b"\0" * (80 << 20)),
        "tar: cut": tarred(content=noise(5000))[:-900],
        "tar: NUL in a name": tarred(name="a\x01b"),
        "gzip of nothing": gzip.compress(b""),
        "bzip2": bz2.compress(b"text" * 99),
        "text": b"<html>quota exceeded</html>",
    }
    for name, content in flipped(tarred(content=noise(900)), 4).items():
        found["tar: " + name] = content
    return found


def cases_of_archives():
    for name, content in archives().items():
        words = ["tests/hard/unpack.py", "{in}/x.bin", "{out}/unpacked"]
        ends = EITHER if "flipped" in name else REFUSED
        yield Case("archive, " + name, 1, writes("x.bin", content), words, ends)
    lists = {
        "empty": lambda whole: b"",
        "cut": lambda whole: whole[: len(whole) // 2],
        "NUL": lambda whole: replaced(whole, b"-1", b"-\x001", 1),
        "random bytes": lambda whole: bytes(range(128, 256)) * 50,
        "a count of 5000 digits": lambda whole: b"9" * 5000 + whole[whole.index(b"\n") :],
        "values of 1e999": lambda whole: replaced(whole, b" -1", b" 1e999", 3),
        "a name that leaves the folder": lambda whole: replaced(whole, b"000001.jpg", b"../../../etc/passwd"),
        "a line of a megabyte": lambda whole: whole.split(b"\n", 1)[0] + b"\n" + b"A " * 500000,
        "UTF-16 without mark": lambda whole: whole.decode().encode("utf-16-le"),
    }
    words = ["ch10_attgan/code_10_04_dataset.py", "--data-dir", "{in}", "--output-dir", "{out}"]
    for name, change in lists.items():

        def make(folder, change=change):
            pictures = os.path.join(datasets.sample("celeba"), "img_align_celeba")
            os.symlink(pictures, os.path.join(folder, "img_align_celeba"))
            content = change(sample_file("celeba", "list_attr_celeba.txt"))
            writes("list_attr_celeba.txt", content)(folder)

        yield Case("attribute list: " + name, 1, make, words, REFUSED)
    verify = ["data/__main__.py", "verify", "births", "--data-dir", "{in}"]
    for name, content in {"cut": b"Date", "empty": b"", "random bytes": noise(99) + b"\n,"}.items():
        make = writes("number-of-daily-births-in-quebec.csv", content)
        yield Case("data verify: " + name, 1, make, verify, REPORTED, "DAMAGED")


# ------------------------------------------------------------------------------------------------------ run folders
def cases_of_runs():
    """Damaged files beside a model that a script takes up."""
    settings = {
        "no text": b"\xff\xfe\0",
        "a list": b"[]",
        "cut": b'{"seed": ',
        "deep": b"[" * 100000,
        "wrong types": b'{"preset": 3, "seed": [], "img_size": "x"}',
        "infinite": b'{"seed": Infinity, "img_size": NaN}',
        "huge": b'{"seed": 1' + b"0" * 5000 + b"}",
    }
    doors = {
        "editing": ["ch10_attgan/ext_10_3_10_edit.py", "--preset", "tiny"],
        "speaking": ["ch09_tacotron/ext_9_8_14_speak.py", "ni3 hao3"],
        "scoring": ["ch10_deblurgan/beyond/evaluate.py", "--preset", "tiny"],
    }
    for door, words in doors.items():
        for name, content in settings.items():

            def make(folder, content=content):
                for place in ("checkpoints", "model-cpk", "weights"):
                    os.makedirs(os.path.join(folder, place))
                    writes("model-7.index", b"no table")(os.path.join(folder, place))
                    writes("checkpoint", b"\0\1 no list")(os.path.join(folder, place))
                writes("settings.json", content)(folder)

            yield Case("%s: settings %s" % (door, name), 1, make, words + ["--output-dir", "{in}"], REFUSED)


def cases():
    """All cases, in an order that does not change."""
    found = []
    for part in (
        cases_of_texts,
        cases_of_series,
        cases_of_reuters,
        cases_of_recordings,
        cases_of_pictures,
        cases_of_weights,
        cases_of_archives,
        cases_of_runs,
    ):
        found += list(part())
    return found


def uploads():
    """(panel, fields, file or None) for the local page: what a request can bring."""
    found = []
    for name, (content, _) in texts().items():
        try:
            found.append(("news: " + name, dict(panel="news", text=content.decode("utf-8")), None))
        except UnicodeDecodeError:
            continue
    for name in (
        "empty",
        "NaN",
        "1e308",
        "year 1",
        "random bytes",
        "a pickle",
        "a line of 3 million commas",
        "thousands",
    ):
        found.append(("series: " + name, dict(panel="series", steps="7"), series()[name][0]))
    for name, (contents, ends) in picture_kinds().items():
        if ends is REFUSED:
            for number, content in enumerate(contents):
                found.append(("photo: %s %d" % (name, number), dict(panel="photo", strength="1"), content))
    for steps in ("nan", "1e9", "-1", "0x7", "", "９"):
        found.append(("series: steps %s" % steps, dict(panel="series", steps=steps), rows(range(60))))
    found.append(("no panel", dict(panel="../../x"), None))
    for strength in ("inf", "1e9", "-1", "", "1"):
        fields = dict(panel="face", Bangs="on", Bangs_strength=strength)
        found.append(("face: strength %s" % strength, fields, encoded("PNG")))
    found.append(("face: choice", dict(panel="face", Bangs="; touch EXECUTED", Bangs_strength="1"), encoded("PNG")))
    found.append(("face: no choice", dict(panel="face", Bangs_strength="1"), encoded("PNG")))
    found.append(("speech: signs", dict(panel="speech", text="。。。"), None))
    return found
