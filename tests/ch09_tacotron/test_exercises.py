"""The text's exercises of 9.8.4, 9.8.6 and 9.8.14."""

import io
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from ch09_tacotron import ext_9_8_4_cbhg as stages
from ch09_tacotron import ext_9_8_6_attention as kinds
from ch09_tacotron import ext_9_8_14_speak as speaking
from common.errors import UserError


def test_how_far_each_stage_looks():
    """Widths 1 … 16, a pool of 2, two projections 3 wide; the GRU reads all."""
    features = stages.encoder(tf.constant([[28, 54] * 20]), tf.constant([40]))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        seen = stages.fields(features, session, {}, 20)
    widths = [last - first + 1 for first, last in seen.values()]
    assert widths == [1, 16, 17, 19, 21, 21, 21, 21, 40]
    assert seen["bank of convolutions"] == (13, 28)


@pytest.mark.parametrize(
    "sentence, complaint", [("你好", "no symbol for '你'"), ("ni2 hao3。", "'。'"), (" ", "empty")]
)
@pytest.mark.parametrize("script", [stages, kinds])
def test_a_sentence_that_is_no_pinyin_is_one_line(tmp_path, script, sentence, complaint):
    """The CBHG's script left out what has no symbol, and broke down where nothing was left."""
    words = ["--sentence", sentence, "--output-dir", str(tmp_path)] + (["--voice"] if script is kinds else [])
    with pytest.raises(UserError, match="--sentence: .*%s.*: write pinyin with tone digits" % complaint):
        script.main(words)


def alignments(kind, memory, query, state, name):
    with tf.variable_scope(name):
        return kinds.KINDS[kind](8, memory)(query, state)


@pytest.mark.parametrize(
    "kind, follows", [("content", (True, False)), ("place", (False, True)), ("both", (True, True))]
)
def test_what_each_attention_looks_at(kind, follows):
    """Whether other queries, and another state, change where it attends to."""
    random = np.random.RandomState(0)
    memory, query, state = (tf.placeholder(tf.float32, shape) for shape in ([1, 6, 5], [1, 3], [1, 6]))
    attended, following = alignments(kind, memory, query, state, "kind")
    values = {memory: random.randn(1, 6, 5), query: random.randn(1, 3), state: random.rand(1, 6)}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        first, total = session.run([attended, following], values)
        other_query = session.run(attended, {**values, query: random.randn(1, 3)})
        other_state = session.run(attended, {**values, state: random.rand(1, 6)})
    np.testing.assert_allclose(total, first + values[state], atol=1e-6)
    assert (not np.allclose(first, other_query), not np.allclose(first, other_state)) == follows


def test_the_last_alignment_only():
    memory, query, state = tf.ones([1, 6, 5]), tf.ones([1, 3]), tf.ones([1, 6])
    attended, following = alignments("last", memory, query, state, "last")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(*session.run([attended, following]))


@pytest.mark.slow
def test_the_trained_voice_reads_on_with_the_attention_it_learnt():
    """``--voice``: the weights fit into the network without its post-net."""
    opts = SimpleNamespace(seed=0, threads=1, sentence="ni2 hao3")
    alignment, stopped = kinds.asked(opts, "both")
    assert stopped and alignment.shape[0] == len("ni2 hao3~") and alignment.shape[1] < 20
    looked_at = alignment.argmax(axis=0)
    assert looked_at[0] <= 1 and looked_at[-1] >= 7 and (np.diff(looked_at) >= 0).all()


def test_a_novel_is_refused_before_anything_is_loaded(tmp_path):
    """Its sound would stay in memory, and an evening would pass."""
    path = tmp_path / "novel.txt"
    path.write_text("从前有座山。" * 4000, encoding="utf-8")
    with pytest.raises(UserError, match="24000 characters; up to 20000"):
        speaking.read_texts(SimpleNamespace(text=[], text_file=str(path)))


def test_gbk_is_read_from_a_file_and_from_a_pipe(tmp_path, monkeypatch):
    path = tmp_path / "story.txt"
    path.write_bytes("从前有座山。".encode("gbk"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(closed=False, buffer=io.BytesIO(path.read_bytes())))
    for name in (str(path), "-"):
        assert speaking.read_texts(SimpleNamespace(text=[], text_file=name)) == ["从前有座山。"]


def test_only_what_an_earlier_call_wrote_is_removed(tmp_path):
    """A reader's own list and folder lie beside the sound: the one was removed, at the other it died."""
    ours = ["sentence-001.wav", "sentence-001-align.png", "sentence-001-align.zh.png", "sentence-1000.wav"]
    theirs = ["sentence-list.txt", "sentence-001.txt", "sentence-01.wav", "sentence-001-align.png.bak", "speech.wav"]
    for name in ours + theirs:
        (tmp_path / name).write_text("", encoding="utf-8")
    for folder in ("sentence-folder", "sentence-002.wav"):
        (tmp_path / folder).mkdir()
    speaking.remove_old(str(tmp_path))
    assert sorted(os.listdir(str(tmp_path))) == sorted(theirs + ["sentence-folder", "sentence-002.wav"])
