"""Forced alignment: where each syllable of a recording begins, found from the recordings and their pinyin alone.

The oldest way of speech recognition: every syllable is an initial and a final (``hao3`` = h + ao), each of these a few states
in a row, every state a Gaussian of mel cepstra. From equally long states on, two steps are repeated: fit the Gaussians to the
frames that each state has, then lay each recording's frames along its states anew by the best path (Viterbi training;
Rabiner, Proceedings of the IEEE 77, 1989). Some minutes of one voice are enough.
"""

import os
import re
import zlib
from typing import NamedTuple

import numpy as np

from ch09_tacotron.beyond.measures import mel_cepstrum
from common import files
from common.errors import UserError

SPANS_FILE = "syllables.json"

INITIALS = ["zh", "ch", "sh"] + list("bpmfdtnlgkhjqxrzcsyw")
STATES = {"initial": 2, "final": 3}
ROUNDS = 20
LEVEL = 13  # column of the features that holds the level
FLOOR = 0.05  # of a Gaussian's variance, as a share of all frames' variance
PRIOR_FRAMES = 10.0  # a state with few frames is drawn to the variance of all frames


def phones(syllable):
    """A pinyin syllable as (initial or '', final), tone, erhua and signs behind it (``hao3,``) left out.

    ``i`` is three vowels (si, shi, xi) and ``u`` is ü behind j, q, x and y; here they have names of their own.
    """
    syllable = re.match("[a-z]*", syllable).group()
    if syllable.endswith("r") and syllable != "er":
        syllable = syllable[:-1]
    initial = next((i for i in INITIALS if syllable.startswith(i)), "")
    final = syllable[len(initial) :]
    if final == "i" and initial in ("z", "c", "s"):
        final = "ii"
    elif final == "i" and initial in ("zh", "ch", "sh", "r"):
        final = "iii"
    elif final.startswith("u") and initial in ("j", "q", "x", "y"):
        final = "v" + final[1:]
    return initial, final


def state_names(text):
    """The states of an utterance: a list of (name, number of the syllable); 'silence' may stand around syllables.

    The number of a silence is that of the syllable before it, of the first one 0.
    """
    states = [("silence", 0)]
    for number, syllable in enumerate(text.split()):
        for kind, phone in zip(("initial", "final"), phones(syllable)):
            if phone:
                states += [("%s %s %d" % (kind, phone, part), number) for part in range(STATES[kind])]
        states.append(("silence", number))
    return states


def features(mel):
    """Mel ``[T, 80]`` in 0…1 → ``[T, 28]``: cepstra, level, and how both change (per frame, over five)."""
    static = np.concatenate([mel_cepstrum(mel), 100.0 * np.mean(mel, axis=1, keepdims=True)], axis=1)
    padded = np.pad(static, ((2, 2), (0, 0)), mode="edge")
    slope = sum(k * padded[2 + k : len(static) + 2 + k] for k in (-2, -1, 1, 2)) / 10.0
    return np.concatenate([static, slope], axis=1)


def best_path(scores, optional):
    """The best way along a row of states.

    Args:
      scores: ``[T, S]``, how well frame t fits state s; optional: bool ``[S]``, the states that may be left out (never two
        in a row).

    Returns:
      int ``[T]``, the state of each frame; None where the frames are too few.
    """
    frames, states = scores.shape
    best, came = np.full(states, -np.inf), np.zeros([frames, states], int)
    best[: 1 + int(optional[0])] = scores[0, : 1 + int(optional[0])]
    for t in range(1, frames):
        one = np.concatenate([[-np.inf], best[:-1]])
        two = np.where(
            np.concatenate([[False], optional[:-1]]), np.concatenate([[-np.inf, -np.inf], best[:-2]]), -np.inf
        )
        ways = np.stack([best, one, two])
        came[t] = np.argmax(ways, axis=0)
        best = ways[came[t], np.arange(states)] + scores[t]
    place = states - 1
    if optional[-1] and best[-2] > best[-1]:
        place = states - 2
    if not np.isfinite(best[place]):
        return None
    path = np.zeros(frames, int)
    for t in range(frames - 1, -1, -1):
        path[t] = place
        place -= came[t, place]
    return path


def _fit(frames, labels, names):
    """Mean and variance of each state's frames: ``[names, D]`` each."""
    overall = frames.var(axis=0)
    means, variances = np.zeros([len(names), frames.shape[1]]), np.zeros([len(names), frames.shape[1]])
    for n, name in enumerate(names):
        own = frames[labels == name]
        means[n] = own.mean(axis=0) if len(own) else frames.mean(axis=0)
        spread = own.var(axis=0) * len(own) if len(own) else 0.0
        variances[n] = np.maximum((spread + PRIOR_FRAMES * overall) / (len(own) + PRIOR_FRAMES), FLOOR * overall)
    return means, variances


def _stamp(path, row):
    """What tells a mel file that was made anew (silence cut off or not, recorded again) from the one that was aligned."""
    try:
        return zlib.crc32(files.read_bytes(os.path.join(os.path.dirname(path), row[1]), "mel spectrogram", None))
    except UserError:
        return None  # it is not there


def write_spans(path, rows, found):
    """Keeps what ``align`` found for the rows of a metadata file, by the name of their mel file, which lies beside ``path``."""
    content = {
        row[1]: dict(pinyin=row[3], mel=_stamp(path, row), spans=None if spans is None else spans.tolist())
        for row, spans in zip(rows, found)
    }
    files.write_json(path, content)


def _fits(entry, row, path, strict):
    """Whether an entry of ``path`` is of this row's recording, as it is now."""
    if not isinstance(entry, dict) or entry.get("pinyin") != row[3]:
        return False
    return entry["mel"] == _stamp(path, row) if "mel" in entry else not strict


def read_spans(path, rows, strict=False):
    """What ``write_spans`` kept for ``rows``: a list of arrays or None; None for the whole where it is not all there, or not of
    the mel files as they are.

    Args:
      strict: what does not say of which mel file it is (kept before that was noted) counts as not there.
    """
    if not os.path.exists(path):
        return None
    content = files.read_json(path)
    entries = [content.get(row[1]) for row in rows]
    if not all(_fits(entry, row, path, strict) for entry, row in zip(entries, rows)):
        return None
    spans = []
    for entry, row in zip(entries, rows):
        one = entry.get("spans")
        if one is not None:
            one = np.array(one)
            if one.ndim != 2 or one.shape[1] != 2 or one.dtype.kind != "i":
                raise UserError("%s: the times of %s are damaged" % (path, row[1]))
            if one.max() > row[2]:
                return None  # of a longer recording
        spans.append(one)
    return spans


class Gaussians(NamedTuple):
    """One Gaussian with independent components for each state: names, means ``[names, 28]``, variances ``[names, 28]``."""

    names: list
    means: np.ndarray
    variances: np.ndarray

    def scores(self, frames, states):
        """Log density (less a constant) of ``frames [T, 28]`` in each of the named ``states``: ``[T, states]``."""
        rows = [self.names.index(name) for name in states]
        m, v = self.means[rows], self.variances[rows]
        return -0.5 * ((frames**2) @ (1 / v).T - 2 * frames @ (m / v).T + np.sum(m**2 / v + np.log(v), axis=1))


def _lay(gaussians, frames, text):
    """One recording along its states: (state names of the frames, spans ``[syllables, 2]``); (None, None): too short."""
    names, numbers = zip(*state_names(text))
    silent = np.array([name == "silence" for name in names])
    path = best_path(gaussians.scores(frames, names), silent)
    if path is None:
        return None, None
    numbers, spoken = np.array(numbers)[path], ~silent[path]
    places = [np.flatnonzero(spoken & (numbers == n)) for n in range(numbers[-1] + 1)]
    return [names[state] for state in path], np.array([(place[0], place[-1] + 1) for place in places])


def align(mels, texts, rounds=ROUNDS, progress=lambda x: x):
    """Lays the frames of all recordings along their syllables.

    Args:
      mels: list of ``[T, 80]`` in 0…1; texts: their pinyin; progress: wraps the rounds.

    Returns:
      (spans, Gaussians): for each recording an int array ``[syllables, 2]``: first frame, and the frame behind the last one,
      of each syllable (between two there can be silence); None for a recording with fewer frames than states.
    """
    frames = [features(mel) for mel in mels]
    names = sorted({name for text in texts for name, _ in state_names(text)})
    labels, spans, gaussians = [], [None] * len(mels), None
    for own, text in zip(frames, texts):  # the start: states of equal length, and silence where a recording is weakest
        spoken = [name for name, _ in state_names(text) if name != "silence"]
        label = np.array(spoken, dtype=object)[np.arange(len(own)) * len(spoken) // len(own)]
        label[own[:, LEVEL] < np.percentile(own[:, LEVEL], 5)] = "silence"
        labels.append(label if len(own) >= len(spoken) else None)
    for _ in progress(range(rounds)):
        used = [u for u in range(len(mels)) if labels[u] is not None]
        if not used:
            break
        everything, label = (np.concatenate([items[u] for u in used]) for items in (frames, labels))
        gaussians = Gaussians(names, *_fit(everything, label, names))
        for u in used:
            labels[u], spans[u] = _lay(gaussians, frames[u], texts[u])
    return spans, gaussians


def spans_of(gaussians, mel, text):
    """When the syllables of another recording are said: int ``[syllables, 2]``; None where it is too short or has a phone that
    ``gaussians`` lacks."""
    if any(name not in gaussians.names for name, _ in state_names(text)):
        return None
    return _lay(gaussians, features(mel), text)[1]


def recognise(gaussians, mel, spans, candidates):
    """Which syllable each span sounds most like, tone aside: the best path through the states of every candidate.

    Args:
      spans: int ``[n, 2]``; candidates: list of (initial, final), see ``phones``; those that ``gaussians`` lacks are passed over.

    Returns:
      list of n (initial, final); None for a span shorter than every candidate.
    """
    index = {name: n for n, name in enumerate(gaussians.names)}
    groups = {}  # candidates with as many states: their names and the numbers of their states
    for candidate in candidates:
        phones_ = [(kind, phone) for kind, phone in zip(("initial", "final"), candidate) if phone]
        states = ["%s %s %d" % (kind, phone, part) for kind, phone in phones_ for part in range(STATES[kind])]
        if all(state in index for state in states):
            groups.setdefault(len(states), []).append((candidate, [index[state] for state in states]))
    scores, results = gaussians.scores(features(mel), gaussians.names), []
    for start, end in spans:
        best, winner = -np.inf, None
        for length, group in groups.items():
            if length > end - start:
                continue
            own = scores[start:end][:, np.array([states for _, states in group])]  # [T, candidates, states]
            total = np.full(own.shape[1:], -np.inf)
            total[:, 0] = own[0, :, 0]
            for frame in own[1:]:
                before = np.pad(total[:, :-1], ((0, 0), (1, 0)), mode="constant", constant_values=-np.inf)
                total = np.maximum(total, before) + frame
            if total[:, -1].max() > best:
                best, winner = total[:, -1].max(), group[int(total[:, -1].argmax())][0]
        results.append(winner)
    return results
