"""Extra (``--splice``): new sentences out of pieces of the recordings.

A few minutes of speech are a few dozen sentences, which the network learns by heart: encoder and decoder see a syllable
always between the same neighbours. Attention that has once found the text's place in the sound also tells where the
syllables of a recording begin. There, where the sound is weak besides, recordings can be cut, and the pieces put together as
sentences that nobody has said: head of one, middles of others, tail of another.
"""

import json
import os

import numpy as np

from common.errors import UserError

CUTS_FILE = "cuts.json"
BEFORE, AFTER = (
    5,
    5,
)  # frames around the attended boundary in which the weakest one is looked for: a decoder step each way
BESIDE = 12  # frames to both sides in which the neighbouring syllables must be louder
DEPTH_DB = 6.0  # ... by so much (mean over the mel bands)
SHORTEST = 8  # frames of a syllable; what makes shorter ones is no cut


def syllable_starts(alignment, text):
    """Which decoder step each syllable begins at: the likeliest way through the text in order, none left out.

    Args:
      alignment: ``[T_in, steps]``, attention over the symbols of ``text`` (and an end symbol) at each decoder step.
      text: pinyin syllables with blanks between them.

    Returns:
      int ``[syllables]``, beginning with 0; None where there are fewer steps than syllables.
    """
    alignment = np.asarray(alignment, np.float64)
    syllable = np.cumsum([character == " " for character in text])
    syllable = np.concatenate([syllable, np.full(len(alignment) - len(text), syllable[-1])])  # the end symbol
    count, steps = int(syllable[-1]) + 1, alignment.shape[1]
    if steps < count:
        return None
    weights = np.zeros([count, steps])
    np.add.at(weights, syllable, alignment)
    logs = np.log(weights + 1e-3)
    best = np.full([count, steps], -np.inf)
    came = np.zeros([count, steps], bool)  # True: from the syllable before
    best[0] = np.cumsum(logs[0])
    for step in range(1, steps):
        stay, move = best[1:, step - 1], best[:-1, step - 1]
        came[1:, step] = move > stay
        best[1:, step] = np.maximum(stay, move) + logs[1:, step]
    starts, place = np.zeros(count, int), count - 1
    for step in range(steps - 1, 0, -1):
        if came[place, step]:
            starts[place] = step
            place -= 1
    return starts


def find_cuts(alignment, mel, text, outputs_per_step):
    """Where a recording can be cut between two syllables.

    Args:
      alignment: ``[T_in, steps]``; mel: ``[T, 80]`` in 0…1; text: its pinyin.

    Returns:
      list of ``[syllable, frame]``: the piece from that frame on begins with that syllable (1, 2 …).
    """
    starts = syllable_starts(alignment, text)
    if starts is None:
        return []
    level = 100.0 * np.mean(mel, axis=1)  # dB
    cuts, before = [], [0, 0]
    for syllable in range(1, len(starts)):
        middle = int(starts[syllable]) * outputs_per_step
        first, last = max(1, middle - BEFORE), min(len(mel) - 1, middle + AFTER + 1)
        if first >= last:
            continue
        frame = first + int(np.argmin(level[first:last]))
        left, right = level[max(0, frame - BESIDE) : frame], level[frame + 1 : frame + 1 + BESIDE]
        weak = len(right) and min(left.max(), right.max()) - level[frame] >= DEPTH_DB
        room = frame - before[1] >= SHORTEST * (syllable - before[0])
        if weak and room and len(mel) - frame >= SHORTEST * (len(starts) - syllable):
            before = [syllable, frame]
            cuts.append(before)
    return cuts


def write_cuts(path, rows, cuts):
    """Writes the cuts of all utterances, by the name of their mel file."""
    with open(path + ".part", "w", encoding="utf-8") as stream:
        json.dump({row[1]: found for row, found in zip(rows, cuts)}, stream)
    os.replace(path + ".part", path)


def read_cuts(path, rows):
    """What ``write_cuts`` wrote, in the order of ``rows``.

    Raises:
      UserError: the file is of other utterances.
    """
    with open(path, encoding="utf-8") as stream:
        found = json.load(stream)
    if set(found) != {row[1] for row in rows}:
        raise UserError("%s is of other recordings; delete it, and training cuts these anew" % path)
    return [found[row[1]] for row in rows]


class Splicer:
    """Replaces a share of a batch's utterances by sentences made of pieces.

    Args:
      rows: metadata of the utterances (``read_metadata``); load: a function of a row that gives (text, linear ``[T, 1025]``,
        mel ``[T, 80]``); share: 0…1 of the utterances of a batch; first_batch: earlier batches are left whole; seed: of
        the choice.

    Attributes:
      cuts: for each row a list of [syllable, frame]; to be set before ``first_batch`` is made.
    """

    def __init__(self, rows, load, share, first_batch=0, seed=0):
        self._rows, self._load, self._share, self._seed = rows, load, share, seed
        self._first_batch = first_batch
        self.cuts = None

    def ready(self, number):
        """Whether batch ``number`` can be made: it needs no cuts, or they are there."""
        return self._share == 0 or number < self._first_batch or self.cuts is not None

    def pieces(self, first, random):
        """A plan as long as utterance ``first``: list of (row, syllables from, to, frames from, to)."""
        rows, cuts = self._rows, self.cuts

        def edges(i):  # all places where a piece of utterance i can begin or end
            return [[0, 0]] + cuts[i] + [[len(rows[i][3].split()), rows[i][2]]]

        usable = [i for i in range(len(rows)) if cuts[i]]
        wanted = rows[first][2]
        end = edges(first)[random.randint(1, len(cuts[first]) + 1)]
        plan = [(first, 0, end[0], 0, end[1])]
        total = end[1]
        while True:
            i = usable[random.randint(len(usable))]
            places = edges(i)
            begin = random.randint(1, len(places) - 1)
            tail = rows[i][2] - places[begin][1]
            if total + tail >= 0.75 * wanted:  # the rest of this recording would make it long enough: the end
                while total + tail > 1.25 * wanted and begin < len(places) - 2:
                    begin += 1
                    tail = rows[i][2] - places[begin][1]
                plan.append((i, places[begin][0], places[-1][0], places[begin][1], places[-1][1]))
                return plan
            stop = random.randint(begin + 1, len(places))
            plan.append((i, places[begin][0], places[stop][0], places[begin][1], places[stop][1]))
            total += places[stop][1] - places[begin][1]

    def utterances(self, chosen, number):
        """The utterances ``chosen`` (indices of rows) of batch ``number``: a list of (text, linear, mel).

        What is replaced, and by what, depends on the seed and the batch's number alone, so that resuming is exact.
        """
        random = np.random.RandomState([self._seed, 2, int(number)])
        result = []
        for i in chosen:
            replace = random.rand() < self._share and number >= self._first_batch
            if not (replace and self.cuts[i]):
                result.append(self._load(self._rows[i]))
                continue
            texts, linears, mels = [], [], []
            for row, word, word_end, frame, frame_end in self.pieces(i, random):
                text, linear, mel = self._load(self._rows[row])
                texts += text.split()[word:word_end]
                linears.append(linear[frame:frame_end])
                mels.append(mel[frame:frame_end])
            result.append((" ".join(texts), np.concatenate(linears), np.concatenate(mels)))
        return result
