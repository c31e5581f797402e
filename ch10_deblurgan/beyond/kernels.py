"""The transforms of Winograd's method, compiled by numba.

F(4×4, 3×3) of Lavin and Gray, arXiv 1509.09308: a tile of 4×4 outputs of a convolution is
``outputs(points(inputs) · points of the kernel)``, where the product is one of matrices ``[tiles, C]·[C, K]`` at each of 36
points (those of the kernel: ``fast.KERNEL_2D``). TensorFlow does the products; written with its operations, the transforms
(each a matrix of a few small numbers, applied down and across) took longer than them, because each operation sends the whole
picture through memory. Here a tile is cut out, transformed and put where it belongs while it is in the processor's cache. The
first call compiles for some seconds; the machine code is kept in ``__pycache__``.

Loops run over channels, whose numbers lie side by side. Within a block of channels, numbers that belong together are
``BLOCK`` apart: a constant, so the compiler sees that they do not overlap and takes eight channels at once.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

TILE = 4  # outputs of a tile, each way; its inputs are two more
SIDE = TILE + 2
POINTS = SIDE * SIDE
BLOCK = 256  # channels at a time

_OPTIONS = dict(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
_INLINE = dict(inline="always", nogil=True, fastmath={"contract", "reassoc", "nsz"}, error_model="numpy")
# float32 constants: a Python number would make double precision of everything that it meets
_ZERO, _TWO, _FOUR, _FIVE, _EIGHT = (np.float32(v) for v in (0, 2, 4, 5, 8))
_threads = [0]


def use_threads(count):
    """How many threads share a transform; 0: as many as processors are allowed. The results do not depend on it."""
    _threads[0] = count


def available():
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def threads_used():
    """What ``use_threads`` asked for, as a number of at least 1."""
    return _threads[0] or available()


def _in_rows(work, rows, *arguments):
    """Calls ``work(first, last, *arguments)`` so that all of ``rows`` rows of tiles are done."""
    threads = threads_used()
    edges = [rows * i // threads for i in range(threads + 1)]
    if threads == 1:
        work(0, rows, *arguments)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda i: work(edges[i], edges[i + 1], *arguments), range(threads)))


# A line of a tile: the numbers of ``source`` at ``at``, ``at + step``, … become those of ``target`` at the same places.
@njit(**_INLINE)
def _line_of_points(source, target, at, step, count):
    """6 inputs → 6 points: the matrix Bᵀ of the paper."""
    for c in range(at, at + count):
        d0, d1, d2 = source[c], source[c + step], source[c + 2 * step]
        d3, d4, d5 = source[c + 3 * step], source[c + 4 * step], source[c + 5 * step]
        even, odd, less, twice = d4 - _FOUR * d2, d3 - _FOUR * d1, d4 - d2, _TWO * (d3 - d1)
        target[c] = _FOUR * d0 - _FIVE * d2 + d4
        target[c + step] = even + odd
        target[c + 2 * step] = even - odd
        target[c + 3 * step] = less + twice
        target[c + 4 * step] = less - twice
        target[c + 5 * step] = _FOUR * d1 - _FIVE * d3 + d5


@njit(**_INLINE)
def _line_of_outputs(source, target, at, step, count):
    """6 points → 4 outputs: Aᵀ."""
    for c in range(at, at + count):
        m1, m2, m3, m4 = source[c + step], source[c + 2 * step], source[c + 3 * step], source[c + 4 * step]
        s12, d12, s34, d34 = m1 + m2, m1 - m2, m3 + m4, m3 - m4
        target[c] = source[c] + s12 + s34
        target[c + step] = d12 + _TWO * d34
        target[c + 2 * step] = s12 + _FOUR * s34
        target[c + 3 * step] = d12 + _EIGHT * d34 + source[c + 5 * step]


@njit(**_INLINE)
def _line_of_output_points(source, target, at, step, count):
    """4 outputs → 6 points: A."""
    for c in range(at, at + count):
        y0, y1, y2, y3 = source[c], source[c + step], source[c + 2 * step], source[c + 3 * step]
        even, odd, even4, odd2 = y0 + y2, y1 + y3, y0 + _FOUR * y2, _TWO * y1 + _EIGHT * y3
        target[c] = y0
        target[c + step] = even + odd
        target[c + 2 * step] = even - odd
        target[c + 3 * step] = even4 + odd2
        target[c + 4 * step] = even4 - odd2
        target[c + 5 * step] = y3


@njit(**_INLINE)
def _cut_out(x, picture, top, left, side, start, count, tile):
    """``tile[(6·i + j)·BLOCK + c]`` = ``x[picture, top + i, left + j, start + c]``, 0 outside of the picture."""
    for i in range(side):
        for j in range(side):
            at = (SIDE * i + j) * BLOCK
            if 0 <= top + i < x.shape[1] and 0 <= left + j < x.shape[2]:
                pixel = x[picture, top + i, left + j, start : start + count]
                for c in range(count):
                    tile[at + c] = pixel[c]
            else:
                for c in range(count):
                    tile[at + c] = _ZERO


@njit(**_OPTIONS)
def _points(first, last, x, of_outputs, down, across, out):
    tile, half = np.empty(POINTS * BLOCK, np.float32), np.empty(POINTS * BLOCK, np.float32)
    side, border = (TILE, 0) if of_outputs else (SIDE, 1)
    for row in range(first, last):
        picture, top = row // down, TILE * (row % down) - border
        for column in range(across):
            for start in range(0, x.shape[3], BLOCK):
                count = min(BLOCK, x.shape[3] - start)
                _cut_out(x, picture, top, TILE * column - border, side, start, count, tile)
                for j in range(side):
                    if of_outputs:
                        _line_of_output_points(tile, half, j * BLOCK, SIDE * BLOCK, count)
                    else:
                        _line_of_points(tile, half, j * BLOCK, SIDE * BLOCK, count)
                for i in range(SIDE):
                    if of_outputs:
                        _line_of_output_points(half, tile, i * SIDE * BLOCK, BLOCK, count)
                    else:
                        _line_of_points(half, tile, i * SIDE * BLOCK, BLOCK, count)
                for point in range(POINTS):
                    at, target = point * BLOCK, out[point, row * across + column, start : start + count]
                    for c in range(count):
                        target[c] = tile[at + c]


@njit(**_OPTIONS)
def _outputs(first, last, products, down, across, out):
    tile, half = np.empty(POINTS * BLOCK, np.float32), np.empty(POINTS * BLOCK, np.float32)
    height, width, channels = out.shape[1], out.shape[2], out.shape[3]
    for row in range(first, last):
        picture, top = row // down, TILE * (row % down)
        for column in range(across):
            left = TILE * column
            for start in range(0, channels, BLOCK):
                count = min(BLOCK, channels - start)
                for point in range(POINTS):
                    at, source = point * BLOCK, products[point, row * across + column, start : start + count]
                    for c in range(count):
                        tile[at + c] = source[c]
                for j in range(SIDE):
                    _line_of_outputs(tile, half, j * BLOCK, SIDE * BLOCK, count)
                for i in range(TILE):
                    _line_of_outputs(half, tile, i * SIDE * BLOCK, BLOCK, count)
                for i in range(min(TILE, height - top)):
                    for j in range(min(TILE, width - left)):
                        at, pixel = (SIDE * i + j) * BLOCK, out[picture, top + i, left + j, start : start + count]
                        for c in range(count):
                            pixel[c] = tile[at + c]


def tiles_of(height, width):
    """(tiles down, tiles across) that cover a picture."""
    return (height + TILE - 1) // TILE, (width + TILE - 1) // TILE


def _transformed(x, of_outputs):
    count, height, width, channels = x.shape
    down, across = tiles_of(height, width)
    out = np.empty((POINTS, count * down * across, channels), np.float32)
    _in_rows(_points, count * down, np.ascontiguousarray(x), of_outputs, down, across, out)
    return out


def points(x):
    """``[N, H, W, C]`` → its 6×6 tiles, four apart, the first from (−1, −1), transformed: ``[36, N·tiles, C]``, float32."""
    return _transformed(x, False)


def output_points(y):
    """``[N, H, W, K]`` → its 4×4 tiles, by the transposed transform of ``outputs``: ``[36, N·tiles, K]``, float32."""
    return _transformed(y, True)


def outputs(products, height, width):
    """``[36, N·tiles, K]`` → ``[N, H, W, K]``, float32: each tile's 36 numbers become 4×4."""
    down, across = tiles_of(height, width)
    count = products.shape[1] // (down * across)
    out = np.empty((count, height, width, products.shape[2]), np.float32)
    _in_rows(_outputs, count * down, np.ascontiguousarray(products), down, across, out)
    return out
