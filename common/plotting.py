"""Figures as PNG files, without a screen, in English and in Chinese."""

import os

import matplotlib

matplotlib.use("Agg")
from matplotlib import font_manager  # noqa: E402  (the backend must be chosen first)
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.text import Text  # noqa: E402
from matplotlib.ticker import FixedFormatter  # noqa: E402

from common.chinese import chinese, chinese_path, is_chinese  # noqa: E402
from common.fonts import FONT, drawable  # noqa: E402


def save_figure(figure, path: str, keep=(), in_chinese=chinese, **keywords) -> str:
    """Saves ``figure`` as a PNG in both languages, closes it (figures left open are never freed) and returns the path.

    Args:
      keep: words that stay as they are in the Chinese picture, too, because they are a reader's and not ours.
      in_chinese: what gives the words of the Chinese picture.
    """
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    keywords.setdefault("dpi", 110)
    keywords.setdefault("bbox_inches", "tight")
    _save(figure, path, keep, in_chinese, **keywords)
    plt.close(figure)
    return path


def savefig(path: str, **keywords) -> None:
    """As ``plt.savefig``; the Chinese picture beside it."""
    _save(plt.gcf(), path, **keywords)


def _save(figure, path, keep=(), in_chinese=chinese, **keywords):
    """The figure as it is, and beside it one with its words in Chinese, as far as docs/words.zh.json knows them."""
    _use_chinese_font(figure)
    figure.savefig(path, **keywords)
    if _translate(figure, keep, in_chinese):
        figure.savefig(chinese_path(path), **keywords)
    elif os.path.exists(chinese_path(path)):  # of an earlier run
        os.remove(chinese_path(path))


def _use_chinese_font(figure):
    """For texts with Chinese characters the font that comes along: a machine may have none."""
    for formatter in _fixed_formatters(figure):
        formatter.seq = [drawable(str(name)) if is_chinese(str(name)) else name for name in formatter.seq]
    for item in figure.findobj(Text):
        if is_chinese(item.get_text()):
            item.set_text(drawable(item.get_text()))
            item.set_fontproperties(font_manager.FontProperties(fname=FONT, size=item.get_fontsize()))


def _fixed_formatters(figure):
    """What the ticks' texts, where they are given, are made from anew."""
    formatters = [axis.get_major_formatter() for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]
    return [formatter for formatter in formatters if isinstance(formatter, FixedFormatter)]


def _translate(figure, keep, in_chinese) -> bool:
    """Exchanges the figure's words for Chinese ones; whether there were any."""
    changed, keep = False, frozenset(keep) | frozenset(map(drawable, keep))
    for formatter in _fixed_formatters(figure):
        names = [name if name in keep else in_chinese(str(name)) for name in formatter.seq]
        changed = changed or names != [str(name) for name in formatter.seq]
        formatter.seq = names
    for item in figure.findobj(Text):
        translated = item.get_text() if item.get_text() in keep else in_chinese(item.get_text())
        changed = changed or translated != item.get_text()
        item.set_text(translated)
    _use_chinese_font(figure)
    return changed
