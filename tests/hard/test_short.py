"""The short form of the hard tests, for `make test`: one hostile input of each kind of door."""

import pytest

from tests.hard import inputs, test_hostile

pytestmark = [pytest.mark.script, pytest.mark.slow]
SHORT = (
    "news: NUL",
    "series: 10,000 digits",
    "series: --steps 1000000",
    "archive, zip: up and out",
    "attribute list: random bytes",
    "wide_view.npz: a pickle",
)


@pytest.mark.parametrize("name", SHORT)
def test_a_hostile_input_of_each_kind(name, tmp_path):
    [case] = [case for case in inputs.cases() if case.name == name]
    test_hostile.try_case(case, str(tmp_path))
