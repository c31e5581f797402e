"""New sentences out of pieces of the recordings.

A few minutes of speech are a few dozen sentences, which the network learns by heart: encoder and decoder see a syllable
always between the same neighbours. Where it is known when each syllable is said (``alignment.py``) and the sound between
two is weak, recordings can be cut, and the pieces put together as sentences that nobody has said: head of one, middles of others,
tail of another.
"""

import numpy as np

AROUND = 3  # frames before a syllable's end and behind the next one's beginning where the weakest frame may lie
BESIDE = 12  # frames to both sides in which the neighbouring syllables must be louder
DEPTH_DB = 6.0  # ... by so much (mean over the mel bands)
PLANS = 8  # tries for a sentence as long as the one it replaces, so that batches stay of like length


def find_cuts(mel, spans):
    """Where a recording can be cut between two syllables.

    Args:
      mel: ``[T, 80]`` in 0…1; spans: int ``[syllables, 2]``, or None.

    Returns:
      list of ``[syllable, frame]``: the piece from that frame on begins with that syllable (1, 2 …).
    """
    level = 100.0 * np.mean(mel, axis=1)  # dB
    cuts = []
    for syllable in range(1, 0 if spans is None else len(spans)):
        first, last = max(1, spans[syllable - 1][1] - AROUND), min(len(mel) - 1, spans[syllable][0] + AROUND)
        frame = first + int(np.argmin(level[first : last + 1]))
        left, right = level[max(0, frame - BESIDE) : frame], level[frame + 1 : frame + 1 + BESIDE]
        weak = min(left.max(), right.max()) - level[frame] >= DEPTH_DB
        if weak and (not cuts or frame > cuts[-1][1]):
            cuts.append([syllable, frame])
    return cuts


class Splicer:
    """Replaces a share of a batch's utterances by sentences made of pieces.

    Args:
      load: function of an utterance's number: (text, linear ``[T, 1025]``, mel ``[T, 80]``, spans ``[syllables, 2]`` or None).
      outlines: (text, mel, spans) of every utterance, looked at once; a corpus need not fit into memory.
      share: 0…1 of the utterances of a batch; seed: of the choice.
    """

    def __init__(self, load, outlines, share, seed=0):
        self._load, self._share, self._seed = load, share, seed
        self.cuts, self._ends, self._usable = [], [], None
        for text, mel, spans in outlines:
            self.cuts.append(find_cuts(mel, spans))
            self._ends.append([len(text.split()), len(mel)])

    def _edges(self, i):
        """All places ``[syllable, frame]`` where a piece of utterance i can begin or end."""
        return [[0, 0]] + self.cuts[i] + [self._ends[i]]

    def _another(self, first, random):
        """An utterance that can be cut, and is not ``first``, which can."""
        place = random.randint(len(self._usable) - 1)
        return self._usable[place + (self._usable[place] >= first)]

    def _plan(self, first, random):
        wanted = self._ends[first][1]
        plan = [(first, [0, 0], self._edges(first)[random.randint(1, len(self.cuts[first]) + 1)])]
        total = plan[0][2][1]
        while True:
            i = self._another(first, random)
            places = self._edges(i)
            begin = random.randint(1, len(places) - 1)
            if total + places[-1][1] - places[begin][1] >= 0.75 * wanted:  # long enough with this recording's end
                return plan + [(i, places[begin], places[-1])]
            stop = random.randint(begin + 1, len(places))
            plan.append((i, places[begin], places[stop]))
            total += places[stop][1] - places[begin][1]

    def pieces(self, first, random):
        """A plan about as long as utterance ``first``, which gives the head: list of (utterance, from, to), both ``_edges``.

        None where ``first`` cannot be cut, or no other can.
        """
        if not self.cuts[first]:
            return None
        if self._usable is None:
            self._usable = [i for i, cuts in enumerate(self.cuts) if cuts]
        if len(self._usable) < 2:
            return None
        wanted = self._ends[first][1]
        plans = [self._plan(first, random) for _ in range(PLANS)]
        return min(plans, key=lambda plan: abs(sum(end[1] - begin[1] for _, begin, end in plan) - wanted))

    def batch(self, chosen, number):
        """The utterances ``chosen`` (indices) of batch ``number``, some of them replaced.

        What is replaced, and by what, depends on the seed and the batch's number alone, so that resuming is exact.
        """
        random = np.random.RandomState([self._seed, 2, int(number)])
        result = []
        for i in chosen:
            plan = self.pieces(i, random) if random.rand() < self._share else None
            if plan is None:
                result.append(self._load(i))
                continue
            texts, linears, mels, spans, offset = [], [], [], [], 0
            for other, (word, frame), (word_end, frame_end) in plan:
                text, linear, mel, times = self._load(other)
                texts += text.split()[word:word_end]
                linears.append(linear[frame:frame_end])
                mels.append(mel[frame:frame_end])
                spans.append(np.clip(times[word:word_end], frame, frame_end) - frame + offset)
                offset += frame_end - frame
            result.append((" ".join(texts), np.concatenate(linears), np.concatenate(mels), np.concatenate(spans)))
        return result
