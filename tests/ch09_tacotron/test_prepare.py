"""Listing 9-9 and beyond/prepare.py: what is processed, what is skipped and why."""

import concurrent.futures
import os
import re
import struct

import numpy as np
import pytest
import soundfile

from ch09_tacotron import code_9_09_preprocess as listing
from ch09_tacotron.beyond import prepare, sound
from ch09_tacotron.beyond.utterances import read_metadata
from common import files
from common.errors import UserError
from data import sample_thchs30, thchs30


@pytest.fixture
def corpus(tmp_path):
    """A sample below a folder with a capital D in its path, as users have."""
    folder = str(tmp_path / "Data" / "data_thchs30")
    os.makedirs(folder)
    sample_thchs30.generate(folder, utterances=4)
    return folder


def build(corpus, tmp_path, **keywords):
    out = str(tmp_path / "out")
    os.makedirs(out, exist_ok=True)
    return prepare.build_from_path(corpus, out, **keywords), out


@pytest.fixture
def at_once(monkeypatch):
    """Work is done in this process: starting others takes seconds."""

    class Executor:
        def __init__(self, *unused, **keywords):
            pass

        def submit(self, function, *arguments):
            future = concurrent.futures.Future()
            try:
                future.set_result(function(*arguments))
            except Exception as error:
                future.set_exception(error)
            return future

        def __enter__(self):
            return self

        def __exit__(self, *unused):
            pass

    monkeypatch.setattr(listing, "ProcessPoolExecutor", Executor)
    monkeypatch.setattr(concurrent.futures, "ProcessPoolExecutor", Executor)


@pytest.mark.parametrize("process", [listing._process_utterance, prepare.process_utterance])
def test_spectrograms_of_a_recording(process, corpus, tmp_path):
    wav_path = os.path.join(corpus, "mytest", "A2_0.wav")
    spec, mel, frames, text = process(str(tmp_path), 7, wav_path, "ma1")
    assert (spec, mel, text) == ("thchs30-spec-00007.npy", "thchs30-mel-00007.npy", "ma1")
    D = sound.magnitude(sound.load_wav(wav_path))
    linear, mels = (np.load(str(tmp_path / name), allow_pickle=False) for name in (spec, mel))
    assert linear.shape == (frames, 1025) and mels.shape == (frames, 80) and linear.dtype == mels.dtype == np.float32
    np.testing.assert_allclose(linear, sound.spectrogram(D).T, atol=2e-4)  # the print filters in double precision
    np.testing.assert_allclose(mels, sound.melspectrogram(D).T, atol=2e-4)
    assert frames == 1 + len(sound.load_wav(wav_path)) // 200


def test_too_long_is_dropped(tmp_path):
    soundfile.write(str(tmp_path / "x.wav"), 0.1 * np.random.RandomState(0).randn(200 * 1000 + 1), 16000)
    assert listing._process_utterance(str(tmp_path), 1, str(tmp_path / "x.wav"), "ma1") is None


def test_e32_the_id_is_the_file_name(corpus, tmp_path, at_once):
    path = os.path.join(corpus, "mytest", "A2_0.wav")
    assert path[path.index("D") :].startswith("Data")  # the printed way finds the folder's D
    assert len(listing.build_from_path(corpus, str(tmp_path))) == 4


def test_e33_every_line_has_its_end(corpus, tmp_path, at_once, capsys):
    transcript = os.path.join(corpus, "doc", "trans", "test.syllable.txt")
    with open(transcript, encoding="utf-8") as stream:
        content = stream.read()
    with open(transcript, "w", encoding="utf-8") as stream:
        stream.write(content.rstrip("\n"))  # the print's last line has no end then
    rows = listing.preprocess_data(1, corpus, str(tmp_path / "out"))
    with open(str(tmp_path / "out" / "train.txt"), encoding="utf-8") as stream:
        assert stream.read() == "".join("%s|%s|%d|%s\n" % row for row in rows)
    assert files.read_json(str(tmp_path / "out" / "settings.json")) == {"data": "Data"}  # what the records say
    frames = [row[2] for row in rows]
    shown = capsys.readouterr().out
    assert "Wrote 4 utterances, %d frames" % sum(frames) in shown
    assert "Max input length: %d\n" % max(len(row[3]) for row in rows) in shown
    assert "Max output length: %d\n" % max(frames) in shown


def test_e37_e38_the_listing_goes_by_name_and_names_what_it_skips(corpus, tmp_path, at_once, capsys, monkeypatch):
    listed = listing.glob  # a file system may list the files in any order
    monkeypatch.setattr(listing, "glob", lambda pattern: sorted(listed(pattern), reverse=True))
    with open(os.path.join(corpus, "mytest", "A2_0.wav"), "wb") as stream:
        stream.write(b"no sound")
    soundfile.write(os.path.join(corpus, "mytest", "B1_3.wav"), np.ones(16000) * 0.1, 16000)
    found = listing.build_from_path(corpus, str(tmp_path))
    assert [row[0] for row in found] == ["thchs30-spec-%05d.npy" % number for number in (2, 3, 4)]
    lengths = [1 + len(sound.load_wav(path)) // 200 for path in thchs30.wav_paths(corpus)[1:4]]
    assert [row[2] for row in found] == lengths
    skipped = [line for line in capsys.readouterr().out.splitlines() if line.startswith("skipped")]
    assert len(skipped) == 2 and "B1_3.wav: no transcript" in skipped[0] and "A2_0.wav: no readable" in skipped[1]


def write_transcript(corpus, lines):
    with open(os.path.join(corpus, "doc", "trans", "test.syllable.txt"), "w", encoding="utf-8-sig") as stream:
        stream.write("\n".join(lines) + "\n")


def test_capital_endings_and_a_byte_order_mark_are_read(corpus, tmp_path, at_once, capsys):
    """RECORDING.WAV, and the first line of a transcript that Windows wrote."""
    names = [os.path.splitext(os.path.basename(path))[0] for path in thchs30.wav_paths(corpus)]
    write_transcript(corpus, [name + " ma1 ma3" for name in names])
    folder = os.path.join(corpus, "mytest")
    os.rename(os.path.join(folder, names[0] + ".wav"), os.path.join(folder, names[0] + ".WAV"))
    with open(os.path.join(folder, "._" + names[1] + ".wav"), "wb") as stream:
        stream.write(b"litter of macOS")
    assert len(listing.build_from_path(corpus, str(tmp_path))) == 4
    (metadata, skipped), _ = build(corpus, tmp_path)
    assert len(metadata) == 4 and not skipped and "skipped" not in capsys.readouterr().out


def test_a_transcript_with_tabs_and_blanks_is_read_and_an_empty_line_is_none(corpus, tmp_path, at_once, capsys):
    names = [os.path.splitext(os.path.basename(path))[0] for path in thchs30.wav_paths(corpus)]
    lines = [names[0] + "\tma1 ma3 ", "  " + names[1] + "  ma1 ma3", names[2] + " ", names[3]]
    write_transcript(corpus, lines)
    assert [row[3] for row in listing.build_from_path(corpus, str(tmp_path))] == ["ma1 ma3"] * 2
    assert capsys.readouterr().out.count(": no transcript in") == 2
    assert thchs30.read_transcripts(corpus) == {names[0]: "ma1 ma3", names[1]: "ma1 ma3"}
    write_transcript(corpus, ["A2_0\tma1", "A2_0 ma2"])
    with pytest.raises(UserError, match="line 2: A2_0 has another line"):
        listing.build_from_path(corpus, str(tmp_path))


@pytest.mark.parametrize("wrong", ["ma", "Ma1", "de0", "lu:4", "MA1", "ma6", "m\u01ce", "1", "ma1ma1"])
def test_what_is_no_syllable_is_named(corpus, tmp_path, at_once, capsys, wrong):
    """A voice would learn letters that speaking never uses."""
    names = [os.path.splitext(os.path.basename(path))[0] for path in thchs30.wav_paths(corpus)]
    write_transcript(corpus, [names[0] + " ma1 " + wrong] + [name + " lv4 huar1 de5" for name in names[1:]])
    assert len(listing.build_from_path(corpus, str(tmp_path))) == 3
    assert "no syllable: " + wrong in capsys.readouterr().out
    (metadata, skipped), _ = build(corpus, tmp_path)
    assert len(metadata) == 3 and wrong in skipped[0][1] and names[0] in skipped[0][0]


def test_an_id_with_two_lines_is_named(corpus, tmp_path, at_once):
    write_transcript(corpus, ["A2_0 ma1", "A2_1 ma2", "A2_0 ma3"])
    for call in (lambda: listing.build_from_path(corpus, str(tmp_path)), lambda: build(corpus, tmp_path)):
        with pytest.raises(UserError, match="line 3: A2_0 has another line"):
            call()
    write_transcript(corpus, ["A2_0 ma1", "A2_0 ma1"])  # the same twice does no harm
    with open(os.path.join(corpus, "doc", "trans", "train.syllable.txt"), "w", encoding="utf-8") as stream:
        stream.write("A2_0 ma4\n")
    with pytest.raises(UserError, match="A2_0 stands in another transcript"):
        thchs30.read_transcripts(corpus)


def wav_header(rate=16000, channels=1, size=3200):
    block = b"fmt " + struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + size) + b"WAVE" + block + b"data" + struct.pack("<I", size)


@pytest.mark.parametrize(
    "content,complaint",
    [
        (b"", "no readable|not a readable"),
        (wav_header() + bytes(0), "no samples|not a readable"),
        (wav_header(rate=1) + bytes(3200), "1 samples a second"),
        (wav_header(rate=2**31 - 1) + bytes(3200), "samples a second"),
        (wav_header(rate=2000, size=2 * 2000 * 1300) + bytes(2 * 2000 * 1300), "1300 s; recordings of up to 1200 s"),
        (np.nan, "no numbers|not finite"),
        (np.inf, "no numbers|not finite"),
        ("fifo", "pipe or a device|not a file"),
        ("link", "not there|not a file"),
        ("folder", "is a folder|not a file"),
    ],
    ids=["empty", "no samples", "1 Hz", "2 GHz", "too long", "nan", "inf", "fifo", "broken link", "folder"],
)
def test_recordings_that_are_none(corpus, tmp_path, at_once, capsys, content, complaint):
    path = os.path.join(corpus, "mytest", "A2_0.wav")
    os.remove(path)
    if content == "fifo":
        os.mkfifo(path)
    elif content == "link":
        os.symlink("nowhere", path)
    elif content == "folder":
        os.mkdir(path)
    elif isinstance(content, bytes):
        with open(path, "wb") as stream:
            stream.write(content)
    else:
        soundfile.write(path, np.full(16000, content, np.float32), 16000, subtype="FLOAT")
    assert len(listing.build_from_path(corpus, str(tmp_path))) == 3
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("skipped")]
    assert len(said) == 1 and "A2_0" in said[0] and re.search(complaint, said[0]), said
    (metadata, skipped), _ = build(corpus, tmp_path)
    assert len(metadata) == 3 and re.search(complaint, skipped[0][1]), skipped


@pytest.mark.parametrize(
    "line", ["{}", "[1]", "null", '{"key": 3}', '{"key": "a", "metadata": "x"}', '{"key": "a", "metadata": [1, 2]}']
)
def test_a_damaged_journal_is_worked_anew(corpus, tmp_path, at_once, line):
    out = tmp_path / "out"
    out.mkdir()
    (out / "done.jsonl").write_bytes(line.encode() + b"\n\xff\xfe\0\n")
    (metadata, skipped), _ = build(corpus, tmp_path)
    assert len(metadata) == 4 and not skipped


def test_what_cannot_be_used_is_reported_and_the_rest_is_done(corpus, tmp_path, at_once):
    with open(os.path.join(corpus, "mytest", "B1_1.wav"), "wb") as stream:
        stream.write(b"no sound")
    soundfile.write(os.path.join(corpus, "mytest", "B1_2.wav"), np.zeros(16000), 16000)
    soundfile.write(os.path.join(corpus, "mytest", "B1_3.wav"), np.ones(16000) * 0.1, 16000)
    soundfile.write(os.path.join(corpus, "mytest", "B1_4.wav"), np.ones(16000) * 0.1, 16000)
    with open(os.path.join(corpus, "doc", "trans", "train.syllable.txt"), "w", encoding="utf-8") as stream:
        stream.write("B1_1 ma1\nB1_2 ma1\nB1_4 mä1")  # no end of line at the end
    (metadata, skipped), _ = build(corpus, tmp_path)
    reasons = dict(skipped)
    assert len(metadata) == 4
    assert "not a readable" in reasons["B1_1.wav"] and "silent" in reasons["B1_2.wav"]
    assert "no transcript" in reasons["B1_3.wav"] and "ä" in reasons["B1_4.wav"]


def test_sorted_and_restartable(corpus, tmp_path, capsys, at_once):
    (metadata, skipped), out = build(corpus, tmp_path)
    assert [fields[0] for fields in metadata] == ["thchs30-spec-%05d.npy" % i for i in (1, 2, 3, 4)] and not skipped
    times = {name: os.stat(os.path.join(out, name)).st_mtime_ns for name in os.listdir(out) if name.endswith(".npy")}
    with open(os.path.join(out, "done.jsonl"), "a", encoding="utf-8") as stream:
        stream.write('{"key": "half a li')  # as a killed run leaves it
    os.remove(os.path.join(out, metadata[1][1]))
    (again, _), _ = build(corpus, tmp_path)
    assert again == metadata and "3 of 4" in capsys.readouterr().out
    changed = [name for name in times if os.stat(os.path.join(out, name)).st_mtime_ns != times[name]]
    assert sorted(changed) == sorted(metadata[1][:2])


@pytest.mark.parametrize("count", [2, 3])
def test_shares_make_what_one_process_makes(corpus, tmp_path, at_once, capsys, count):
    whole, parts = str(tmp_path / "whole"), str(tmp_path / "parts")
    words = ["--data-dir", os.path.dirname(corpus), "--num-workers", "1", "--align", "false", "--hold-out", "2"]
    prepare.main(words + ["--output-dir", whole])
    for number in range(count, 0, -1):
        prepare.main(words + ["--output-dir", parts, "--shard", "%d/%d" % (number, count)])
        assert not os.path.exists(os.path.join(parts, "training", "train.txt"))
    capsys.readouterr()
    prepare.main(words + ["--output-dir", parts])
    assert "4 of 4 recordings were done before" in capsys.readouterr().out
    names = [name for name in os.listdir(os.path.join(whole, "training")) if name.endswith((".npy", ".txt"))]
    assert len(names) == 2 * 4 + 2
    for name in names:
        contents = []
        for folder in (whole, parts):
            with open(os.path.join(folder, "training", name), "rb") as stream:
                contents.append(stream.read())
        assert contents[0] == contents[1], name


def test_missing_folders_are_named(tmp_path):
    with pytest.raises(UserError, match="doc/trans"):
        thchs30.root(str(tmp_path))
    os.makedirs(str(tmp_path / "mytest"))
    os.makedirs(str(tmp_path / "doc" / "trans"))
    with pytest.raises(UserError, match=r"no \*\.wav"):
        thchs30.wav_paths(str(tmp_path))


def test_the_sample_is_deterministic(tmp_path):
    for name in ("a", "b"):
        os.makedirs(str(tmp_path / name))
        sample_thchs30.generate(str(tmp_path / name), utterances=2)
    first, second = ((tmp_path / name / "mytest" / "A2_1.wav").read_bytes() for name in ("a", "b"))
    assert first == second


def test_utterances_are_divided_without_comparing_them():
    """13,000 recordings compared with 1,300 that are held out were a second and grew with the square."""

    class Fields(tuple):
        __hash__ = None

        def __eq__(self, other):
            raise AssertionError("compared")

    metadata = [Fields(("spec", "mel", number, "ni3")) for number in range(25)]
    chosen, held_out = prepare.divide(metadata, 10)
    assert [fields[2] for fields in held_out] == [9, 19] and [fields[2] for fields in chosen][8:10] == [8, 10]
    assert len(chosen) == 23 and [len(part) for part in prepare.divide(metadata, 0)] == [25, 0]


def test_not_all_can_be_held_out(corpus, tmp_path, at_once, capsys):
    """--hold-out 1 processed all recordings and ended with 'no usable recording of 0'."""
    words = ["--data-dir", os.path.dirname(corpus), "--num-workers", "1", "--align", "false"]
    words += ["--output-dir", str(tmp_path / "out"), "--hold-out"]
    with pytest.raises(UserError, match="--hold-out 1 leaves nothing to train on"):
        prepare.main(words + ["1"])
    assert not (tmp_path / "out").exists()
    write_transcript(corpus, ["A2_0 ma", "B1_9 ma1"])
    with pytest.raises(UserError, match="no usable recording of 4 "):
        prepare.main(words + ["2"])


def test_alignment_holds_only_the_recordings_that_it_learns_from(tmp_path, monkeypatch):
    """The mel frames of 13,000 recordings are three gigabytes; the sounds are learnt from FITTED of them."""
    held = []

    class Mel(np.ndarray):
        def __del__(self):
            held.remove(id(self))

    def load(folder, row):
        mel = np.zeros((4, 80)).view(Mel)
        held.append(id(mel))
        return mel

    most = []
    monkeypatch.setattr(prepare, "FITTED", 5)
    monkeypatch.setattr(prepare, "load_mel", load)
    monkeypatch.setattr(prepare, "align", lambda mels, texts, progress: ([None] * len(mels), "gaussians"))
    monkeypatch.setattr(prepare, "spans_of", lambda *_: most.append(len(held)))
    rows = [("spec", "mel-%d" % number, 4, "ni3") for number in range(30)]
    prepare.align_recordings(str(tmp_path), rows, 30)
    assert len(most) == 25 and max(most) <= 7


def test_what_is_processed_anew_is_aligned_anew(corpus, tmp_path, at_once):
    """With --trim-silence given the other way, and for a recording made again, the old times of the syllables stayed."""
    words = ["--data-dir", os.path.dirname(corpus), "--num-workers", "1", "--output-dir", str(tmp_path / "out")]
    path = str(tmp_path / "out" / "training" / "syllables.json")

    def prepared(*more):
        prepare.main(words + list(more))
        rows = read_metadata(str(tmp_path / "out" / "training" / "train.txt"))
        content = files.read_json(path)
        assert all(np.max(content[row[1]]["spans"]) <= row[2] for row in rows)
        return content

    whole = prepared("--trim-silence", "false")
    trimmed = prepared("--trim-silence", "true")
    assert trimmed != whole
    wav_path = thchs30.wav_paths(corpus)[0]
    wave, rate = soundfile.read(wav_path)
    soundfile.write(wav_path, 0.5 * wave[::-1], rate)  # as long, and the same text
    again = prepared("--trim-silence", "true")
    assert again != trimmed
    times = os.stat(path).st_mtime_ns
    assert prepared("--trim-silence", "true") == again and os.stat(path).st_mtime_ns == times  # not done again


def test_transcripts_may_be_chinese(corpus, tmp_path, at_once, capsys):
    """They were skipped as 'no syllables with a tone': a reader has texts, not pinyin."""
    lines = [
        "A2_0 你好，世界。",
        "A2_1\t不 错，12 月。",
        "B1_0 ni3 hao3, shi4 jie4",
        "B1_1 你好 hello",
        "B1_2 你好 ma1",
    ]
    for name in ("B1_0", "B1_1", "B1_2"):
        soundfile.write(os.path.join(corpus, "mytest", name + ".wav"), np.random.RandomState(0).rand(8000) * 0.1, 16000)
    write_transcript(corpus, lines)
    (metadata, skipped), _ = build(corpus, tmp_path)
    spoken = [row[3] for row in metadata]
    assert spoken == ["ni2 hao3 shi4 jie4", "bu2 cuo4 shi2 er4 yue4", "ni3 hao3, shi4 jie4", "ni2 hao3 ma1"]
    reasons = dict(skipped)
    assert "hello" in reasons["B1_1.wav"] and "B1_2.wav" not in reasons
    assert "4 transcripts in Chinese" in capsys.readouterr().out
    path = os.path.join(corpus, "doc", "trans", "test.syllable.txt")
    with open(path, "wb") as stream:
        stream.write("\n".join(lines).encode("gb18030"))  # as editors on Windows may save it
    assert [row[3] for row in build(corpus, tmp_path)[0][0]] == spoken


def test_syllables_that_do_not_exist_are_named(corpus, tmp_path, at_once):
    write_transcript(corpus, ["A2_0 ma1 xyz1 hoa3, lü4", "A2_1 ma1 xyz1 hoa3,", "A2_2 lv4 nve4 wanr2 er2"])
    (metadata, skipped), _ = build(corpus, tmp_path)
    assert [row[3] for row in metadata] == ["lv4 nve4 wanr2 er2"]
    assert skipped[1][1] == "no such syllable of Mandarin: xyz1 hoa3, (write ü as v)"


def test_other_sound_files_are_read_or_named(corpus, tmp_path, at_once):
    """What was no .wav was not there for prepare.py."""
    folder = os.path.join(corpus, "mytest")
    wave, rate = soundfile.read(os.path.join(folder, "A2_0.wav"))
    soundfile.write(os.path.join(folder, "C_1.flac"), wave, rate)
    soundfile.write(os.path.join(folder, "C_2.OGG"), wave, rate, format="OGG")
    soundfile.write(os.path.join(folder, "A2_1.flac"), wave, rate)  # beside A2_1.wav
    for name in ("C_3.mp3", "C_4.M4A"):
        with open(os.path.join(folder, name), "wb") as stream:
            stream.write(b"sound")
    with open(os.path.join(corpus, "doc", "trans", "c.syllable.txt"), "w", encoding="utf-8") as stream:
        stream.write("".join("C_%d ma1 ma3\n" % number for number in range(1, 5)))
    (metadata, skipped), out = build(corpus, tmp_path)
    assert len(metadata) == 6 and [row[2] for row in metadata[-2:]] == [1 + len(wave) // 200] * 2
    assert skipped == [
        ("A2_1.wav", "another recording has its name"),
        ("C_3.mp3", "save it as .wav"),
        ("C_4.M4A", "save it as .wav"),
    ]
    for path in thchs30.wav_paths(corpus):
        os.remove(path)
    with pytest.raises(UserError, match=r"no \*.wav, \*.flac or \*.ogg, but 2 others such as C_3.mp3: save them"):
        thchs30.wav_paths(corpus)
