"""Figures as PNG files, without a screen."""

import os

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402  (the backend must be chosen first)


def save_figure(figure, path: str, **keywords) -> str:
    """Saves ``figure`` as a PNG, closes it (figures left open are never freed) and returns the path."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    keywords.setdefault("dpi", 110)
    keywords.setdefault("bbox_inches", "tight")
    figure.savefig(path, **keywords)
    plt.close(figure)
    return path
