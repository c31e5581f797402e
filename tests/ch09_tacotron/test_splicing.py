"""Extra: sentences out of pieces (``--splice``)."""

import itertools

import numpy as np
import pytest

from ch09_tacotron import splicing
from common.errors import UserError


def attention(text, steps_of_syllable, end_symbol=True):
    """Alignment ``[symbols, steps]`` that spreads each syllable's steps over its symbols."""
    syllable = [text[:i].count(" ") for i in range(len(text))] + [text.count(" ")] * end_symbol
    columns = []
    for number, steps in enumerate(steps_of_syllable):
        column = np.array([1.0 if s == number else 0.0 for s in syllable])
        columns += [column / column.sum()] * steps
    return np.array(columns).T


def test_starts_of_clear_attention():
    starts = splicing.syllable_starts(attention("ni3 hao3 ma5", [3, 5, 2]), "ni3 hao3 ma5")
    assert starts.tolist() == [0, 3, 8]
    assert splicing.syllable_starts(attention("ni3 hao3 ma5", [1, 1, 0]), "ni3 hao3 ma5") is None


def test_starts_are_the_best_of_all_ways():
    """Against every possible way through the text, tried one by one."""
    text = "a1 o1 e1"
    alignment = np.random.RandomState(3).dirichlet(np.ones(len(text)), 7).T
    syllable = np.cumsum([c == " " for c in text])
    logs = np.log(np.array([alignment[syllable == s].sum(axis=0) for s in range(3)]) + 1e-3)

    def score(starts):
        return sum(logs[np.searchsorted(starts, step, side="right") - 1, step] for step in range(7))

    best = max(((0,) + rest for rest in itertools.combinations(range(1, 7), 2)), key=score)
    assert tuple(splicing.syllable_starts(alignment, text)) == best


def test_cuts_stand_where_the_sound_is_weak():
    text = "ma1 ba1 a1"
    mel = np.full([50, 80], 0.7)
    mel[18:20] = 0.2  # closed lips before the second syllable; none before the third
    mel[19] = 0.1
    assert splicing.find_cuts(attention(text, [4, 3, 3]), mel, text, 5) == [[1, 19]]
    mel[18:20] = 0.68  # a dip of 2 dB is none
    assert splicing.find_cuts(attention(text, [4, 3, 3]), mel, text, 5) == []


def test_cuts_are_kept_by_name(tmp_path):
    path, rows = str(tmp_path / "cuts.json"), [("s1", "m1", 9, "a1 o1"), ("s2", "m2", 9, "e1 o1")]
    splicing.write_cuts(path, rows, [[[1, 4]], []])
    assert splicing.read_cuts(path, rows[::-1]) == [[], [[1, 4]]]
    with pytest.raises(UserError, match="other recordings"):
        splicing.read_cuts(path, rows[:1])


@pytest.fixture
def corpus():
    """Six utterances of 5 syllables; every frame tells its utterance and its syllable: 100 · utterance + syllable."""
    rows = [("s%d" % i, "m%d" % i, 50 + 10 * i, " ".join("x%d%d" % (i, s) for s in range(5))) for i in range(6)]

    def load(row):
        number, frames = int(row[0][1:]), row[2]
        values = 100.0 * number + np.arange(frames) * 5 // frames
        return row[3], np.repeat(values[:, None], 3, 1), np.repeat(values[:, None], 2, 1)

    cuts = [[[s, -(-s * row[2] // 5)] for s in range(1, 5)] for row in rows]
    return rows, load, cuts


def test_sound_and_text_of_a_spliced_sentence_agree(corpus):
    rows, load, cuts = corpus
    splicer = splicing.Splicer(rows, load, share=1.0, seed=1)
    splicer.cuts = cuts
    seen = set()
    for number in range(30):
        for first, (text, linear, mel) in enumerate(splicer.utterances(range(6), number)):
            said = ["x%d%d" % divmod(value, 100) for value in mel[:, 0]]
            once = [[s for s, _ in itertools.groupby(items)] for items in (said, text.split())]
            assert once[0] == once[1]  # two pieces may meet in the same syllable
            np.testing.assert_array_equal(linear[:, 0], mel[:, 0])
            assert text.startswith("x%d0" % first) and text.endswith("4")  # a head and a tail
            assert 0.7 * rows[first][2] <= len(mel) <= 1.6 * rows[first][2]
            seen.add(text)
    assert len(seen) > 100


def test_the_choice_depends_on_seed_and_number_alone(corpus):
    rows, load, cuts = corpus

    def texts(seed, number, share=0.5):
        splicer = splicing.Splicer(rows, load, share, seed=seed)
        splicer.cuts = cuts
        return [text for text, _, _ in splicer.utterances([0, 1, 2, 3, 4, 5] * 20, number)]

    assert texts(1, 7) == texts(1, 7) and texts(1, 7) != texts(1, 8) and texts(1, 7) != texts(2, 7)
    known = {row[3] for row in rows}
    assert 0.35 < np.mean([text not in known for text in texts(1, 7)]) < 0.65


def test_what_cannot_be_cut_stays_whole(corpus):
    rows, load, cuts = corpus
    splicer = splicing.Splicer(rows, load, share=1.0, seed=1)
    splicer.cuts = [[]] + cuts[1:]
    assert splicer.utterances([0], 3)[0][0] == rows[0][3]


def test_early_batches_are_whole_and_need_no_cuts(corpus):
    rows, load, cuts = corpus
    splicer = splicing.Splicer(rows, load, share=1.0, first_batch=5)
    assert splicer.ready(4) and not splicer.ready(5)
    assert [text for text, _, _ in splicer.utterances(range(6), 4)] == [row[3] for row in rows]
    splicer.cuts = cuts
    assert splicer.ready(5) and splicing.Splicer(rows, load, share=0.0).ready(0)
    assert [text for text, _, _ in splicer.utterances(range(6), 4)] == [row[3] for row in rows]
    assert all(text != row[3] for (text, _, _), row in zip(splicer.utterances(range(6), 5), rows))
