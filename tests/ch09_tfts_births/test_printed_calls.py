"""Listing 9-8 as printed: its one call, its lines, its figure."""

import inspect
import json
import os
import re

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from ch09_tfts_births import code_9_08_births as listing
from common.plotting import plt
from tests import helpers


@pytest.fixture
def figure():
    times, all_times = np.arange(5093, 5113), np.arange(5093, 5115)
    observed, mean = np.linspace(200.0, 220.0, 20), np.linspace(1.0, 2.0, 22)
    upper_limit, lower_limit = mean + 0.5, mean - 0.25
    listing.make_plot("Structural ensemble", times, observed, all_times, mean, upper_limit, lower_limit)
    yield plt.gcf()
    plt.close("all")


def test_make_plot_takes_what_is_printed():
    names = ["name", "training_times", "observed", "all_times", "mean", "upper_limit", "lower_limit"]
    assert list(inspect.signature(listing.make_plot).parameters) == names


def test_make_plot_draws_what_is_printed(figure):
    (axes,) = figure.axes
    assert axes.get_title() == "Structural ensemble"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time", "observations")
    labels = ["training series", "forecast", "forecast upper bound", "forecast lower bound"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == labels
    curves = {line.get_label(): line for line in axes.lines}
    assert [to_rgba(curves[label].get_color()) for label in labels] == [to_rgba(colour) for colour in "brgg"]
    assert [len(curves[label].get_xdata()) for label in labels] == [20, 22, 22, 22]
    (dashed,) = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert list(dashed.get_xdata()) == [5112, 5112] and to_rgba(dashed.get_color()) == to_rgba("k")


def test_the_band_has_a_numeric_alpha(figure):
    """Erratum E13: alpha="0.2" is a text, which newer matplotlib refuses (TypeError)."""
    (band,) = figure.axes[0].collections
    assert isinstance(band.get_alpha(), float) and band.get_alpha() == 0.2
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].max() == 2.5 and corners[:, 1].min() == 0.75
    np.testing.assert_allclose(band.get_facecolor()[0, :3], 128 / 255, atol=1e-6)  # grey


def test_printed_values():
    values = {row.name: row.value for row in listing.VALUES}
    assert (values["periodicities"], values["cycle_num_latent_values"], listing.NUM_FEATURES) == (200, 15, 1)
    assert (values["batch_size"], values["window_size"], values["train_steps"], values["steps"]) == (4, 64, 600, 2)


@pytest.mark.script
@pytest.mark.slow
def test_the_printed_lines_in_their_order(walk):
    output, log = helpers.printed(walk("ch09_tfts_births"), "code_9_08_births")
    first = re.search(r"^\[( *\d+\.){10}\]$", output, re.MULTILINE)  # the first ten counts
    keys = re.search(r"^dict_keys\(\[(.*)\]\)$", output, re.MULTILINE)
    loss = re.search(r"^-?\d+\.\d+$", output, re.MULTILINE)
    predictions = re.search(r"^predictions: \{'", output, re.MULTILINE)
    places = [match.start() for match in (first, keys, loss, predictions)]
    assert places == sorted(places)
    printed = ["covariance", "log_likelihood", "loss", "mean", "observed", "start_tuple", "times", "global_step"]
    assert [key for key in re.findall(r"'(\w+)'", keys.group(1)) if key != "average_loss"] == printed
    assert {"mean", "covariance", "times"} <= set(re.findall(r"'(\w+)':", output[predictions.start() :]))
    assert "array([400, 401])" in output  # two days after those of the sample
    assert re.search(r"INFO:tensorflow:.*loss = ", log), "line 6: TensorFlow logs at INFO"


@pytest.mark.script
@pytest.mark.slow
def test_the_figure_is_saved_and_the_model_lies_in_mode(walk):
    """Errata E12, E14: the print writes mode/ into the current folder and neither shows nor saves the figure."""
    copy = walk("ch09_tfts_births")
    folder = os.path.join(copy, "output", "tfts_births", "tiny")
    with open(os.path.join(folder, "forecast.png"), "rb") as stream:
        assert stream.read(8) == b"\x89PNG\r\n\x1a\n"
    assert os.path.exists(os.path.join(folder, "mode", "checkpoint")) and not os.path.exists(os.path.join(copy, "mode"))
    with open(os.path.join(folder, "record-code_9_08_births.json"), encoding="utf-8") as stream:
        metrics = json.load(stream)["metrics"]
    assert metrics["evaluation loss"]["printed"] == "1.1670636" and np.isfinite(metrics["evaluation loss"]["value"])
