"""Generated newswires in the format of Keras's Reuters files, for preset ``tiny`` and the tests.

Each topic has a few words of its own that are mixed into common words; nothing here comes from Reuters.
"""

import json
import os
import zipfile

import numpy as np

from data.reuters import ARRAYS_FILE, TOPICS, TOPICS_FILE, WORD_INDEX_FILE

_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprst" for vowel in "aeio"]


def _words(count, random):
    """Different invented words; the topic names themselves are words as well."""
    words = []
    while len(words) < count:
        word = "".join(random.choice(_SYLLABLES) for _ in range(random.randint(2, 5)))
        if word not in words:
            words.append(word)
    return words


def generate(folder: str, seed: int = 0, newswires: int = 500, common_words: int = 300, words_a_topic: int = 6) -> None:
    """Writes ``reuters.npz``, ``reuters_word_index.json`` and ``reuters_topics.txt`` into ``folder``.

    ``x`` is an object array of lists of ranks, as in Keras's file. Topics are as uneven as in the real set: a few are common.
    """
    random = np.random.RandomState(seed)
    common = _words(common_words, random)
    own = [[topic] + ["%s%s" % (word, topic[:3]) for word in _words(words_a_topic - 1, random)] for topic in TOPICS]
    frequency = 1.0 / (1.0 + np.arange(common_words))
    share = 1.0 / (1.0 + np.arange(len(TOPICS))) ** 1.3
    order = [3, 4, 19, 16] + [
        label for label in range(len(TOPICS)) if label not in (3, 4, 19, 16)
    ]  # earn, acq ... first
    labels = random.choice(order, size=newswires, p=share / share.sum())
    labels[: len(TOPICS)] = np.arange(len(TOPICS))  # every topic occurs
    texts = []
    for label in labels:
        length = int(np.clip(random.lognormal(3.2, 0.7), 8, 160))
        text = list(random.choice(common, size=length, p=frequency / frequency.sum()))
        for position in np.flatnonzero(random.uniform(size=length) < 0.25):
            text[position] = own[label][random.randint(words_a_topic)]
        texts.append(text)

    counts = {}
    for text in texts:
        for word in text:
            counts[word] = counts.get(word, 0) + 1
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    index = {str(word): rank for rank, word in enumerate(ranked, 1)}
    x = np.empty([newswires], object)
    for row, text in enumerate(texts):
        x[row] = [index[word] for word in text]
    np.savez_compressed(os.path.join(folder, ARRAYS_FILE), x=x, y=np.asarray(labels, np.int64))
    with open(os.path.join(folder, WORD_INDEX_FILE), "w", encoding="ascii") as stream:
        json.dump(index, stream)
    with open(os.path.join(folder, TOPICS_FILE), "w", encoding="utf-8") as stream:
        stream.write("\n".join(TOPICS) + "\n")
    with zipfile.ZipFile(os.path.join(folder, ARRAYS_FILE)) as archive:
        assert archive.testzip() is None
