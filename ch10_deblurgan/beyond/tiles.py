"""Pictures of any size through a generator (10.2.12): padding, overlapping tiles, layouts of them, eight ways, a gentler change.

A ``restore`` here is a function from float32 ``[1, h, w, 3]`` (−1…1, sides multiples of 4) to the same.
"""

import collections
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from common import images
from common.errors import UserError
from common.options import Value

TILE = 512
TILE_OF_LARGE = 448  # of photos of more than LARGE pixels, so that they need less than 1 GB
LARGE = 2000000
SHARES = (1.0, 1.5, 0.625)  # sides of the tiles of several layouts, as shares of ``--tile``
CHANGE_VALUES = [
    Value("strength", 1.0, "share of the network's change that is made: below 1 gentler", low=0.0, high=1.0),
    Value(
        "ensemble",
        False,
        "the mean of eight flips and turns: better with the small weights, eight times as slow",
        more=True,
    ),
]
TILE_VALUES = [
    Value("tile", TILE, "side of the tiles of large photos, a multiple of 4", tiny=32, low=8, high=8192, more=True),
    Value("overlap", 64, "pixels that neighbouring tiles share and are blended over", tiny=8, low=4, more=True),
]


def check_tiles(opts, multiple=4):
    """UserError for a ``--tile`` and ``--overlap`` that do not go together."""
    tile = opts.tile or TILE_OF_LARGE  # none: it depends on the photo; the smaller of the two
    if tile % multiple or opts.overlap % multiple or 2 * opts.overlap > tile:
        words = "--tile and --overlap must be multiples of %d, the overlap at most half the tile, %d"
        raise UserError(words % (multiple, tile // 2))


def eight_ways(restore):
    """A ``restore`` that gives the mean of the picture's eight flips and quarter turns, each restored and turned back.

    What the network does by chance to one of them evens out (the 'self-ensemble' of EDSR, arXiv 1707.02921); eight times as slow.
    """

    def mean_of_eight(values):
        total = np.zeros_like(values)
        for turned in (False, True):
            for flip in np.s_[:, :], np.s_[:, ::-1], np.s_[:, :, ::-1], np.s_[:, ::-1, ::-1]:
                picture = values[flip].transpose(0, 2, 1, 3) if turned else values[flip]
                result = restore(picture)
                total += (result.transpose(0, 2, 1, 3) if turned else result)[flip]
        return total / 8.0

    return mean_of_eight


def gentler(restore, strength):
    """A ``restore`` that makes a share ``strength`` of the change that the given one makes."""
    return lambda values: values + np.float32(strength) * (restore(values) - values)


def as_asked(restore, opts):
    """``restore`` with what the values ``CHANGE_VALUES`` of ``opts`` ask for."""
    if opts.ensemble:
        restore = eight_ways(restore)
    return gentler(restore, opts.strength) if opts.strength != 1 else restore


def weights_of_tile(height, width, overlap):
    """Blending weights ``[height, width, 1]``: 1 in the middle, falling to the edges over ``overlap`` pixels."""

    def ramp(size):
        distance = np.minimum(np.arange(size), np.arange(size)[::-1]) + 1.0
        return np.minimum(distance / (overlap + 1.0), 1.0)

    return np.float32(ramp(height)[:, np.newaxis, np.newaxis] * ramp(width)[np.newaxis, :, np.newaxis])


def tile_layout(size, tile, overlap):
    """Tiles that cover ``size`` pixels: as few as go, and no larger than that many need to be.

    Args:
      size: pixels of one side of the picture, a multiple of 4.
      tile: the largest side of a tile, a multiple of 4; overlap: what neighbours share at least. A side that is larger by no
        more than that is not cut.

    Returns:
      where they begin, a list, and their side (a multiple of 16 if less than ``tile`` and ``size``).
    """
    if size <= tile + overlap:
        return [0], size
    count = -(-(size - overlap) // (tile - overlap))
    side = -(-(size + (count - 1) * overlap) // count)
    side = min(tile, side + -side % 16)  # the wide-view network's own grid, so that it need not pad
    return [index * (size - side) // (count - 1) for index in range(count)], side


def layouts(tile, overlap, count):
    """``count`` ways to cut, at most three: (largest side of a tile, overlap); by ``tile``, by a larger one, by a smaller one."""
    sides = [int(round(share * tile / 16)) * 16 for share in SHARES[1:count]]
    return [(tile, overlap)] + [(side, min(overlap, side // 2)) for side in sides]


def places(shape, tile, overlap):
    """Where the tiles of a picture ``[H, W, …]`` begin and their side, along rows and columns: ``tile_layout`` of each."""
    return tuple((tuple(starts), side) for starts, side in (tile_layout(n + -n % 4, tile, overlap) for n in shape[:2]))


def count_tiles(shape, ways):
    """How many tiles ``restore_in_layouts`` restores."""
    return sum(len(rows[0]) * len(columns[0]) for rows, columns in {places(shape, *way) for way in ways})


def restore_in_layouts(restore, pixels, ways, workers=1):
    """The mean of a picture restored in several ``layouts``.

    Each tile has a blur estimated of its own (``blur_kernel.py``): tiles that lie elsewhere err otherwise, the mean errs less.

    Args:
      restore, pixels, workers: as in ``restore_picture``; ways: of ``layouts``. What two of them cut alike is restored once.

    Returns:
      uint8 ``[H, W, 3]``.
    """
    times = collections.Counter(places(pixels.shape, *way) for way in ways)
    if len(times) == 1:
        return restore_picture(restore, pixels, *ways[0], workers=workers)
    total = np.full(pixels.shape, len(ways) // 2, np.uint16)  # so that whole division rounds
    for tile, overlap in ways:
        weight = times.pop(places(pixels.shape, tile, overlap), 0)
        if weight:
            total += weight * np.uint16(restore_picture(restore, pixels, tile, overlap, workers))
    return np.uint8(total // len(ways))


def in_order(function, items, workers):
    """``function`` of each item, in their order; ``workers`` at once, no more of them ahead of what is taken.

    A single worker is the caller's own thread: Keras's session and default graph belong to it.
    """
    if workers == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        ahead = collections.deque()
        for item in items:
            ahead.append(pool.submit(function, item))
            if len(ahead) == workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def restore_picture(restore, pixels, tile=TILE, overlap=64, workers=1):
    """A uint8 RGB picture of any size restored.

    Args:
      restore: see above.
      pixels: uint8 ``[H, W, 3]``.
      tile: pictures with a side longer than this and ``overlap`` are restored in tiles of at most this size (a multiple of 4).
      overlap: pixels shared by neighbouring tiles.
      workers: how many tiles at once, each in a thread; the result does not depend on it.

    Returns:
      uint8 ``[H, W, 3]``. Beside the picture itself, memory is needed for ``workers`` tiles and one band of tiles.
    """
    # Erratum E63: 'any size' holds for multiples of 4 only; other sizes are padded here and cropped at the end
    height, width = pixels.shape[:2]
    padded = pixels  # without a copy, where none is needed
    if height % 4 or width % 4:
        padded = np.pad(pixels, ((0, -height % 4), (0, -width % 4), (0, 0)), mode="edge")
    rows, columns = padded.shape[:2]
    result = np.empty((rows, columns, 3), np.uint8)
    tops, tile_rows = tile_layout(rows, tile, overlap)
    lefts, tile_columns = tile_layout(columns, tile, overlap)
    blend = weights_of_tile(tile_rows, tile_columns, overlap)
    total = np.zeros((tile_rows, columns, 3), np.float32)
    weight = np.zeros((tile_rows, columns, 1), np.float32)

    def restored(place):
        top, left = place
        return restore(images.from_uint8(padded[top : top + tile_rows, left : left + tile_columns])[np.newaxis])[0]

    found = in_order(restored, [(top, left) for top in tops for left in lefts], workers)
    for index, top in enumerate(tops):
        for left, values in zip(lefts, found):
            total[:, left : left + tile_columns] += values * blend
            weight[:, left : left + tile_columns] += blend
        # the rows above the next band are finished
        done = (tops[index + 1] if index + 1 < len(tops) else rows) - top
        result[top : top + done] = images.to_uint8(total[:done] / weight[:done])
        for band in (total, weight):
            band[: tile_rows - done] = band[done:]
            band[tile_rows - done :] = 0.0
    return result[:height, :width]
