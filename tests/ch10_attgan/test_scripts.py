"""What the README's tiny commands left (they ran once in a test run)."""

import os
import re

import numpy as np
import pytest

from common import images, options
from tests.helpers import printed

FOLDER = "ch10_attgan"
pytestmark = [pytest.mark.script, pytest.mark.slow]


@pytest.fixture(scope="module")
def runs(walk):
    return os.path.join(walk(FOLDER), "output", "attgan")


def test_the_reader_sees_what_the_print_shows(walk):
    output, _ = printed(walk(FOLDER), "code_10_06_train.py")
    assert output.count("img_align_celeba_png") == 2 and output.count("(8, 4, 4, 32) 4\n") == 3
    assert " [*] No checkpoint\n" in output and re.search(r"^Model is saved at .*ckpt-27!$", output, re.MULTILINE)
    lines = re.findall(r"^Epoch: (\d+) (\d+)/9 time: \d", output, re.MULTILINE)
    assert lines == [(str(it // 9), str(it % 9 + 1)) for it in range(27)]
    assert re.findall(r"^(\d+).png done!$", printed(walk(FOLDER), "code_10_07_edit.py")[0], re.MULTILINE) == (
        ["225", "226", "227", "228"]
    )
    assert "critic: 23 tensors" in printed(walk(FOLDER), "code_10_05_models.py")[0]


def test_files_of_the_listings(runs):
    inner = os.path.join(runs, "tiny", "128_shortcut1_inject1_None")
    assert sorted(os.listdir(os.path.join(inner, "sample_training"))) == [
        "Epoch_(%d)_(9of9).jpg" % epoch for epoch in range(3)
    ]
    assert images.read_rgb(os.path.join(inner, "sample_testing_slide_Eyeglasses", "225.png")).shape == (32, 355, 3)
    assert images.read_rgb(os.path.join(runs, "tiny", "batch.png")).shape == (32, 8 * 32, 3)


def test_both_modes_read_the_same(runs, walk):
    assert "16 pictures of the test part, the same in both modes" in printed(walk(FOLDER), "eager.py")[0]
    picture = images.read_rgb(os.path.join(runs, "tiny", "both_modes.png")).astype(int)
    assert np.abs(picture[:32] - picture[32:]).max() <= 1


def test_shipped_weights_edit_without_any_data(runs):
    """Faces that they never saw come back, and an edit changes them; the reader's own model keeps its record."""
    sheet = images.read_rgb(os.path.join(runs, "tiny", "edited", "000561_sheet.png"))[-64:]
    original, cells = sheet[:, :64], sheet[:, 70:].reshape(64, 14, 64, 3).transpose(1, 0, 2, 3)
    assert images.psnr(original, cells[0]) > 20
    assert min(np.abs(cell.astype(int) - cells[0]).max() for cell in cells[1:]) > 40
    records = {name for name in os.listdir(os.path.join(runs, "tiny")) if name.startswith("record-ext_10_3_10")}
    assert records == {"record-ext_10_3_10_edit%s.json" % end for end in ("", "-weights-sheet", "-weights-edit")}


def test_files_of_beyond(runs, walk):
    folder = os.path.join(runs, "beyond-tiny")
    assert "iteration 27 of 27" in printed(walk(FOLDER), "beyond/train.py")[0]
    assert {"generator.npz", "generator_head.npz", "classifier.npz", "evaluation.csv", "log.csv"} <= set(
        os.listdir(folder)
    )
    assert options.read_json(os.path.join(folder, "settings.json"))["data"] == "216 generated cartoon faces"
