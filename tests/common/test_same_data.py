"""common/same_data.py: a run goes on with its own data only."""

import pytest

from common import same_data
from common.errors import UserError


def found(*names):
    return {"pictures": same_data.fingerprint(names), "pairs": same_data.fingerprint([])}


def test_a_run_goes_on_with_the_same_data_only(tmp_path):
    folder = str(tmp_path)
    same_data.check(folder, False, found("a", "b"))
    same_data.check(folder, True, found("b", "a"))
    with pytest.raises(UserError, match=r"other data \(pictures: 2 \(\w{8}\), not 3 \(\w{8}\)\): give the same data"):
        same_data.check(folder, True, found("a", "b", "c"))
    with pytest.raises(UserError, match="pictures: 2 .*not 2 "):
        same_data.check(folder, True, found("a", "c"))
    same_data.check(folder, False, found("c"))  # without a checkpoint nothing has been learnt yet
    same_data.check(folder, True, found("c"))


def test_a_run_that_noted_nothing_goes_on(tmp_path):
    same_data.check(str(tmp_path), True, found("a"))
    with pytest.raises(UserError, match="other data"):
        same_data.check(str(tmp_path), True, found("b"))
