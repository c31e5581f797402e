"""A reader's own corpus: what is trained on it is judged and used with it only."""

import json
import os

import numpy as np
import pytest

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn import ext_9_6_4_couplings as couplings
from ch09_capsule_rnn.beyond import (
    ablation,
    calibrate,
    evaluate,
    export,
    fast_rnn,
    fast_routing,
    hybrid,
    predict,
    reports,
)
from common import files, same_data
from common.errors import UserError
from common.plotting import save_figure
from data import reuters

TEXTS = 60


def write_corpus(folder, texts, labels, words):
    os.makedirs(str(folder), exist_ok=True)
    array = np.empty([len(texts)], object)
    array[:] = texts
    np.savez(os.path.join(str(folder), reuters.ARRAYS_FILE), x=array, y=np.asarray(labels))
    with open(os.path.join(str(folder), reuters.WORD_INDEX_FILE), "w", encoding="utf-8") as stream:
        json.dump({word: rank for rank, word in enumerate(words, 1)}, stream)
    return str(folder)


def corpus(folder, topics=2, words="abcdefghij"):
    """Each text's first words tell its topic; the rest is noise."""
    random = np.random.RandomState(0)
    labels = np.arange(TEXTS) % topics
    texts = [[int(label) + 1] * 3 + random.randint(4, 11, size=5).tolist() for label in labels]
    return write_corpus(folder, texts, labels, words)


def resorted(folder, of):
    """The same rows in another order: the split into parts goes by the number of the row."""
    texts, labels = reuters.read_newswires(of)
    order = np.argsort(labels, kind="mergesort")
    with open(os.path.join(of, reuters.WORD_INDEX_FILE), encoding="utf-8") as stream:
        words = list(json.load(stream))
    return write_corpus(folder, [texts[row] for row in order], labels[order], words)


def arguments(run, data, *more):
    return ["--preset", "tiny", "--threads", "1", "--output-dir", str(run), "--data-dir", str(data)] + list(more)


@pytest.mark.script
def test_the_listing_s_run_is_measured_on_the_data_that_it_was_trained_on(tmp_path, capsys, monkeypatch):
    """After a sort of the rows most of the 'test part' were texts that it had been trained on."""
    mine, run = corpus(tmp_path / "mine"), tmp_path / "run"
    parts = dict(rnn=fast_rnn.indy_lstm_rnn, route=fast_routing.routing_iter)
    listing.main(arguments(run, mine, "--epochs", "1", "--hidden", "6"), **parts)
    drawn = []

    def keep(figure, path, **keywords):
        drawn.append(figure)
        return save_figure(figure, path, **keywords)

    monkeypatch.setattr(reports, "save_figure", keep)
    evaluate.main(arguments(run, mine))
    assert len(drawn[0].axes[0].get_xticks()) <= 3  # 44 of 46 rows of the confusion matrix were empty
    for name in ("code_9_07_routing_rnn", "evaluate"):
        record = files.read_json(str(run / ("record-%s.json" % name)))
        assert record["data"] == "own corpus 'mine': 48 train, 12 test"
    other = resorted(tmp_path / "sorted", mine)
    for script in (evaluate, couplings):
        with pytest.raises(UserError, match="trained on other data .reuters/reuters.npz: 1 "):
            script.main(arguments(run, other))
    with pytest.raises(UserError, match="other data"):
        evaluate.main(arguments(tmp_path / "no-run", other, "--more", str(run)))
    asked = ["--text", "a b c", "--data-dir"]
    book = ["--preset", "book", "--output-dir", str(run)] + asked
    with pytest.raises(UserError, match="other data"):
        predict.main(book + [other])
    predict.main(book + [mine])
    (run / same_data.DATA_FILE).unlink()  # a run of an older version noted nothing
    evaluate.main(arguments(run, other))
    assert "test accuracy" in capsys.readouterr().out


@pytest.mark.script
def test_the_hybrid_s_run_names_the_topics_of_its_own_words_only(tmp_path, capsys):
    """Without --data-dir the words were looked up in another corpus's index, and the answers had its topics' names."""
    mine, run = corpus(tmp_path / "mine"), tmp_path / "run"
    hybrid.main(arguments(run, mine, "--epochs", "1"))
    predict.main(arguments(run, mine, "--text", "a a a"))
    assert "topic-0" in capsys.readouterr().out
    asked = ["--preset", "tiny", "--output-dir", str(run), "--text", "crude crude crude"]
    with pytest.raises(UserError, match="trained on other data .reuters/reuters.npz.*reuters/reuters_word_index.json"):
        predict.main(asked)
    words = corpus(tmp_path / "words", words="bacdefghij")
    os.remove(os.path.join(words, reuters.ARRAYS_FILE))
    with pytest.raises(UserError, match="other data .reuters/reuters_word_index.json"):
        predict.main(asked + ["--data-dir", words])
    other = resorted(tmp_path / "sorted", mine)
    with pytest.raises(UserError, match="other data .reuters/reuters.npz"):
        calibrate.main(arguments(run, other))
    calibrate.main(arguments(run, mine))
    twin = run / "hybrid" / "calibration" / same_data.DATA_FILE
    assert same_data.noted_by(str(twin.parent)) == same_data.noted_by(str(run / "hybrid"))
    with pytest.raises(UserError, match="other data .reuters/reuters.npz"):
        export.main(arguments(run, other, "--to", str(tmp_path / "w.npz")))


@pytest.mark.script
def test_ways_that_were_trained_on_other_data_are_no_rows_of_the_same_table(tmp_path):
    mine = corpus(tmp_path / "mine")
    quick = ["--seeds", "1", "--epochs", "1", "--ways"]
    ablation.main(arguments(tmp_path / "run", mine, *quick, "mean"))
    with pytest.raises(UserError, match="mean-0 was trained on other data"):
        ablation.main(arguments(tmp_path / "run", resorted(tmp_path / "sorted", mine), *quick, "max"))
