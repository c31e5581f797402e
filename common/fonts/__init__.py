"""A font with Chinese characters for the pictures (see README.md here)."""

import functools
import os

FONT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "NotoSansSC-subset.otf")
STAND_IN = "□"


@functools.lru_cache(maxsize=None)
def _characters():
    from matplotlib.ft2font import FT2Font  # matplotlib takes a while to import, and most texts need no font

    return frozenset(map(chr, FT2Font(FONT).get_charmap())) | {"\n"}


def drawable(text: str) -> str:
    """``text`` as the font can draw it: a character that it lacks, which would be an empty place, is ``STAND_IN``."""
    return "".join(character if character in _characters() else STAND_IN for character in text)
