"""The exercises' own ways: which data they take, and what they say where there are none."""

import json

import numpy as np
import pytest

from ch10_attgan import ext_10_1_8_editing as editing
from ch10_attgan import ext_10_3_2_losses as losses
from common.errors import UserError


@pytest.mark.parametrize("preset", ["tiny", "book"])
def test_vgg16_is_looked_for_where_data_dir_says_before_anything_is_trained(tmp_path, monkeypatch, preset):
    """The option that the message names did nothing, and the message came after the judge's training."""
    monkeypatch.setattr(editing, "Judge", lambda *unused, **unused_too: pytest.fail("the judge was trained"))
    words = ["--preset", preset, "--data-dir", str(tmp_path), "--output-dir", str(tmp_path / "out")]
    with pytest.raises(UserError, match=r"vgg16: %s lacks .* give its folder with --data-dir" % tmp_path):
        editing.main(words)


def test_the_record_counts_the_faces_of_a_folder(tmp_path, monkeypatch):
    """``--faces`` said how many they were, and did nothing."""
    learnt_from = []

    def build(opts, folder, session):
        learnt_from.append(folder)
        return None, None, None, range(41), None

    pictures = np.zeros([2, 32, 32, 3])
    monkeypatch.setattr(losses, "build", build)
    monkeypatch.setattr(losses, "train", lambda *unused: (pictures, pictures, pictures, (0.0, 0.0, 0.0)))
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "list_attr_celeba.txt").write_text("")
    words = ["--preset", "tiny", "--data-dir", str(folder), "--output-dir", str(tmp_path / "out")]
    losses.main(words)
    record = json.loads((tmp_path / "out" / "record-ext_10_3_2_losses.json").read_text(encoding="utf-8"))
    assert record["data"] == "41 faces of mine" and learnt_from == [str(folder)]
    with pytest.raises(UserError, match="--faces is the number of generated faces"):
        losses.main(words + ["--faces", "300"])
