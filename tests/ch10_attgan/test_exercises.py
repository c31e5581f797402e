"""The exercises' own ways: which data they take, and what they say where there are none."""

import pytest

from ch10_attgan import ext_10_1_8_editing as editing
from common.errors import UserError


@pytest.mark.parametrize("preset", ["tiny", "book"])
def test_vgg16_is_looked_for_where_data_dir_says_before_anything_is_trained(tmp_path, monkeypatch, preset):
    """The option that the message names did nothing, and the message came after the judge's training."""
    monkeypatch.setattr(editing, "Judge", lambda *unused, **unused_too: pytest.fail("the judge was trained"))
    words = ["--preset", preset, "--data-dir", str(tmp_path), "--output-dir", str(tmp_path / "out")]
    with pytest.raises(UserError, match=r"vgg16: %s lacks .* give its folder with --data-dir" % tmp_path):
        editing.main(words)
