"""Sentences spliced from pieces of recordings."""

import itertools

import numpy as np
import pytest

from ch09_tacotron.beyond import splicing


def test_cuts_stand_where_the_sound_is_weak():
    mel = np.full([50, 80], 0.7)
    mel[18:20] = 0.2  # closed lips before the second syllable; none before the third
    mel[19] = 0.1
    spans = np.array([[0, 17], [21, 35], [35, 50]])
    assert splicing.find_cuts(mel, spans) == [[1, 19]]
    mel[18:20] = 0.68  # a dip of 2 dB is none
    assert splicing.find_cuts(mel, spans) == []
    assert splicing.find_cuts(mel, None) == []


@pytest.fixture
def corpus():
    """Six utterances of 5 syllables; every frame tells its utterance and its syllable: 100 · utterance + syllable."""
    utterances = []
    for i in range(6):
        frames = 50 + 10 * i
        values = 100.0 * i + np.arange(frames) * 5 // frames
        spans = np.array([[-(-s * frames // 5), -(-(s + 1) * frames // 5)] for s in range(5)])
        text = " ".join("x%d%d" % (i, s) for s in range(5))
        utterances.append((text, np.repeat(values[:, None], 3, 1), np.repeat(values[:, None], 2, 1), spans))
    return utterances


def splicer_of(corpus, share, seed=0):
    """A Splicer that may cut between all syllables (the corpus has no weak places)."""
    outlines = [(text, mel, spans) for text, _, mel, spans in corpus]
    splicer = splicing.Splicer(corpus.__getitem__, outlines, share, seed)
    splicer.cuts = [[[s, int(spans[s][0])] for s in range(1, 5)] for *_, spans in corpus]
    return splicer


def test_sound_text_and_times_of_a_spliced_sentence_agree(corpus):
    splicer, seen = splicer_of(corpus, 1.0, seed=1), set()
    for number in range(30):
        for first, (text, linear, mel, spans) in enumerate(splicer.batch(range(6), number)):
            said = ["x%d%d" % divmod(value, 100) for value in mel[:, 0]]
            once = [[s for s, _ in itertools.groupby(items)] for items in (said, text.split())]
            assert once[0] == once[1]  # two pieces may meet in the same syllable
            np.testing.assert_array_equal(linear[:, 0], mel[:, 0])
            for syllable, (begin, end) in zip(text.split(), spans):
                assert set(said[begin:end]) == {syllable}
            assert spans[0][0] == 0 and spans[-1][1] == len(mel) and np.all(spans[1:, 0] == spans[:-1, 1])
            assert text.startswith("x%d0" % first) and text.endswith("4")  # a head and a tail
            assert 0.7 * len(corpus[first][2]) <= len(mel) <= 1.6 * len(corpus[first][2])
            seen.add(text)
    assert len(seen) > 100


def test_the_choice_depends_on_seed_and_number_alone(corpus):
    def texts(seed, number):
        return [text for text, *_ in splicer_of(corpus, 0.5, seed).batch([0, 1, 2, 3, 4, 5] * 20, number)]

    assert texts(1, 7) == texts(1, 7) and texts(1, 7) != texts(1, 8) and texts(1, 7) != texts(2, 7)
    known = {text for text, *_ in corpus}
    assert 0.35 < np.mean([text not in known for text in texts(1, 7)]) < 0.65


def test_what_cannot_be_cut_stays_whole(corpus):
    splicer = splicer_of(corpus, 1.0)
    splicer.cuts[0] = []
    assert splicer.batch([0], 3)[0][0] == corpus[0][0]
    splicer.cuts[2:] = [[]] * 4
    assert splicer.batch([1], 3)[0][0] == corpus[1][0]  # there is nobody to take a tail from
    splicer = splicer_of(corpus, 1.0)
    splicer.cuts[0] = []
    assert all(not text.split()[-1].startswith("x0") for text, *_ in splicer.batch([1, 2, 3] * 9, 3))


def test_a_corpus_is_looked_at_once_and_loaded_where_it_is_used(corpus):
    looked_at, loaded = [], []
    many = [corpus[i % 6] for i in range(3000)]

    def outlines():
        for i, (text, _, mel, spans) in enumerate(many):
            looked_at.append(i)
            yield text, mel, spans

    def load(i):
        loaded.append(i)
        return many[i]

    splicer = splicing.Splicer(load, outlines(), 1.0)
    splicer.cuts = [[[s, int(spans[s][0])] for s in range(1, 5)] for *_, spans in many]
    splicer.batch(range(4), 0)
    assert looked_at == list(range(3000)) and 8 <= len(loaded) < 40
