"""Batches for the trainers here: utterances of like length together, so that little is padding."""

import numpy as np


def grouped(lengths, batch, number, seed=0, group=8):
    """Which utterances make batch ``number`` (0, 1, 2 …) of an endless stream.

    ``group`` batches are drawn together, sorted by length and cut apart. It depends on nothing but the arguments, so that
    a resumed training sees the batches it would have seen.

    Returns:
      ``batch`` indices.
    """
    pool_number, place = divmod(number, group)
    count, wanted, pool = len(lengths), group * batch, []
    position = pool_number * wanted
    while len(pool) < wanted:
        epoch, start = divmod(position, count)
        order = np.random.RandomState([seed, epoch]).permutation(count)[start : start + wanted - len(pool)]
        pool += order.tolist()
        position += len(order)
    pool.sort(key=lambda i: (lengths[i], i))
    start = int(np.random.RandomState([seed, pool_number, 1]).permutation(group)[place]) * batch
    return pool[start : start + batch]
