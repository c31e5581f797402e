"""Sample sheets with captions: which column shows what."""

import numpy as np

from common import images
from common.chinese import chinese, is_chinese
from data import celeba

SMALLEST_CELL = 64  # pixels; smaller pictures are enlarged so that the captions can be read


def strengths(labels, thres_int, changed=None, test_int=None):
    """Labels 0/1 as decoder input: column ``changed`` at −off or +on, ``test_int`` being (off, on), the others at ±thres_int."""
    _b = (np.float32(labels) * 2 - 1) * thres_int
    if changed is not None:
        off, on = test_int
        _b[:, changed] = np.where(labels[:, changed] == 1, on, -off)
    return _b


def enlargement(img_size):
    """By which whole factor pictures of ``img_size`` are enlarged on a sheet."""
    return max(1, -(-SMALLEST_CELL // img_size))


def column_titles(texts, cell_width, gap):
    """Captions over the columns of a sheet, a line a word; the first column stands before the gap."""
    words = [text.split("_") for text in texts]
    line_height = 16 if any(map(is_chinese, texts)) else 12
    lines = []
    for number in range(max(len(item) for item in words)):
        row = images.label_row([item[number] if number < len(item) else "" for item in words], cell_width, line_height)
        white = np.full((row.shape[0], gap, 3), 255, np.uint8)
        lines.append(np.concatenate([row[:, :cell_width], white, row[:, cell_width:]], axis=1))
    return np.concatenate(lines, axis=0)


def sheet(originals, edited, titles, img_size):
    """Rows are faces: original, gap, edited pictures, with ``titles`` over the columns (None: none).

    Args:
      originals: ``[N, S, S, 3]`` in −1…1.
      edited: list of such arrays, one a column.
      titles: a caption for each of ``edited``; words are split at ``_``.

    Returns:
      uint8 ``[H, W, 3]``.
    """
    gap = np.full(originals.shape[:2] + (img_size // 10, 3), -1.0, np.float32)
    rows = np.concatenate([originals, gap] + list(edited), axis=2)
    pixels = images.to_uint8(rows.reshape((-1,) + rows.shape[2:]))
    factor = enlargement(img_size)
    pixels = np.repeat(np.repeat(pixels, factor, axis=0), factor, axis=1)
    if titles is None:
        return pixels
    first = chinese("original") if any(map(is_chinese, titles)) else "original"
    captions = column_titles([first] + list(titles), img_size * factor, img_size // 10 * factor)
    return np.concatenate([captions, pixels], axis=0)


def write(path, originals, edited, titles, img_size):
    """Writes a sheet, and one with Chinese titles beside it; returns the path."""

    def in_chinese(words):
        for end, shown in (("_on", "_开"), ("_off", "_关")):
            if words.endswith(end):
                return celeba.in_chinese(words[: -len(end)]) + shown
        return celeba.in_chinese(words)

    return images.write_labelled(path, lambda texts: sheet(originals, edited, texts, img_size), titles, in_chinese)
