"""A trained model of example 51 ready for use: the shipped weights, a run of hybrid.py, or listing 9-7's own run."""

import argparse
import os

import numpy as np
import tensorflow as tf

from ch09_capsule_rnn import code_9_07_routing_rnn as listing
from ch09_capsule_rnn.beyond import calibrate, evaluate, fitting, hybrid, kernels
from common import files, options, run, weights
from common.errors import UserError
from data import reuters

SHIPPED = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "weights", "news.npz")
LIMITS = ("temperature", "threshold", "unknown", "rare")
UHAT = "routing/rnn_caps_uhat/Reshape:0"  # what each word proposes to each capsule, in the listing and in the hybrid


class Classifier:
    """Sorts texts, in a graph and session of its own; a context.

    Args:
      settings: the model's values.
      build: called in the empty graph with the session, gives a model that has its weights, and its probabilities ``[B, 46]``.
      word_index: word → rank; topics: 46 names.
      limits: name → value, as calibrate.py writes them (``LIMITS``); those that are missing are not kept to.
    """

    def __init__(self, settings, build, word_index, topics, limits, threads=0):
        self.settings, self.word_index, self.topics = settings, word_index, topics
        self.temperature, self.threshold, self.unknown, self.rare = [limits.get(name) for name in LIMITS]
        with tf.Graph().as_default() as graph:
            self.session = tf.Session(config=run.session_config(threads))
            self.model, self.probabilities = build(self.session)
            self.uhat = graph.get_tensor_by_name(UHAT)
            self.idf = None if self.rare is None else self.session.run("idf:0")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.session.close()

    def read(self, text):
        """A text as the model reads it.

        Returns:
          the words as they are shown (unknown ones in brackets), their ids, both cut to the model's length and with the start
          sign in front where it is within; how many of all words are known, and how many words there are.

        Raises:
          UserError: no words, or none that the model knows.
        """
        words = reuters.split_words(text)
        if not words:
            raise UserError("the text holds no words; give English text with --text or --file")
        ids = reuters.encode(words, self.word_index, self.settings.num_words)
        known = sum(number != reuters.OOV_ID for number in ids[1:])
        if not known:
            raise UserError("no word of the text is known to the model; it reads English business news")
        shown = ["(start)"] + [
            word if number != reuters.OOV_ID else "[%s]" % word for word, number in zip(words, ids[1:])
        ]
        width = self.settings.maxlen or len(ids)
        kept = slice(None, width) if getattr(self.settings, "truncating", "pre") == "post" else slice(-width, None)
        return shown[kept], ids[kept], known, len(words)

    def __call__(self, texts):
        """Probabilities ``[N, 46]`` of texts (lists of ids), calibrated where the model is."""
        found = []
        for start in range(0, len(texts), 100):
            table, lengths = reuters.pad(texts[start : start + 100], self._width())
            found.append(self.session.run(self.probabilities, {self.model.x: table, self.model.x_len: lengths}))
        found = np.concatenate(found)
        return calibrate.soften(found, self.temperature) if self.temperature else found

    def doubt(self, ids, best):
        """Why no topic is given for a text, ``best`` being the confidence in the best guess; '' where one is."""
        if self.unknown is not None and calibrate.unknown_share(ids) > self.unknown:
            return "%.0f %% of its words unknown" % (100 * calibrate.unknown_share(ids))
        if self.threshold is not None and best < self.threshold:
            return "too unsure"
        if self.rare is not None and calibrate.too_rare(ids, self.idf, best) > self.rare:
            return "not sure enough for words so rare in business news"
        return ""

    def _width(self):
        return (
            self.model.x.shape[1].value or 0
        )  # the listing's placeholder is maxlen wide, the hybrid's as wide as the texts

    def effects(self, ids, label):
        """What each word did for the answer: the log-odds of ``label`` with it, less those without it; float ``[T]``.

        A word that stands several times is left out everywhere at once: one of them alone changes little. Unknown words have one
        id together; each place of it is left out by itself.
        """
        keys = [(word, place if word == reuters.OOV_ID else -1) for place, word in enumerate(ids)]
        different = [key for key in sorted(set(keys)) if any(other != key for other in keys)]
        without = [[word for word, key in zip(ids, keys) if key != left_out] for left_out in different]
        found = self([ids] + without)
        chances = np.maximum(found[:, label], 1e-30)
        others = np.maximum(np.delete(found, label, axis=1).sum(axis=1), 1e-30)  # 1 - chance would round to 0
        odds = np.log(chances) - np.log(others)
        effect = dict(zip(different, odds[0] - odds[1:]))
        return np.array([effect.get(key, 0.0) for key in keys])

    def couplings(self, ids):
        """Of the routing's last round: coupling coefficients ``[T, capsules]``, and lengths of what each word gave."""
        table, lengths = reuters.pad([ids], self._width())
        uhat = self.session.run(self.uhat, {self.model.x: table, self.model.x_len: lengths})[0, : len(ids)]
        rounds = getattr(self.settings, "iter_num", 3)
        shares = kernels.routing_forward(uhat[np.newaxis], np.int32([len(ids)]), rounds)[2][-1][0]
        return shares, shares * np.linalg.norm(uhat, axis=2)


def shipped(path=SHIPPED, threads=0):
    """The weights that come with the repository (export.py)."""
    saved = weights.load(path, "weights")[1]
    settings = argparse.Namespace()
    try:
        for row in hybrid.VALUES:
            if row.name != "folds":
                setattr(settings, row.name, row.check(saved[row.name]))
        words, topics = list(saved["words"]), list(saved["topics"])
        limits = {name: float(saved[name]) for name in LIMITS}
    except (KeyError, TypeError, ValueError) as error:
        raise UserError("weights %s: settings are damaged or another model's (%s)" % (path, error))
    settings.folds = 0  # of the linear machines, the one that has seen all texts

    def build(session):
        model = hybrid.build(settings)
        variables = {variable.op.name: variable for variable in fitting.model_variables()}
        shapes = {name: variable.shape.as_list() for name, variable in variables.items()}
        values = weights.load(path, "weights", shapes)[0]
        weights.assign(session, [(variables[name], value) for name, value in values.items()])
        return model, model.probabilities

    word_index = {word: rank for rank, word in enumerate(words, 1)}
    return Classifier(settings, build, word_index, topics, limits, threads)


def of_hybrid(folder, data, threads=0):
    """The run of hybrid.py in ``folder``, with its calibration where there is one; words and topics from the data set."""
    settings = options.load_values(folder, hybrid.VALUES, hybrid.MADE_BY)
    path = os.path.join(folder, calibrate.CALIBRATION_FILE)
    calibration = files.read_json(path) if os.path.exists(path) else {}

    def build(session):
        model = hybrid.build(settings)
        fitting.restore_best(session, folder, hybrid.MADE_BY)
        return model, model.probabilities

    word_index, topics = reuters.read_word_index(data), reuters.read_topics(data)
    return Classifier(settings, build, word_index, topics, calibration, threads)


def of_listing(folder, data, threads=0):
    """The run of listing 9-7 in ``folder``."""
    settings = options.load_values(folder, listing.VALUES, evaluate.MADE_BY)

    def build(session):
        model = evaluate.load(session, folder, settings)
        return model, tf.nn.softmax(model.pred)

    word_index, topics = reuters.read_word_index(data), reuters.read_topics(data)
    return Classifier(settings, build, word_index, topics, {}, threads)
