"""The short form of the hard tests, for `make test`: one hostile input of each kind of door, one training that meets faults.

The data commands' is in ``test_data_faults.py``, the writers' of records and weights, too.
"""

import signal

import pytest

from tests.hard import inputs, test_hostile, trainings

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


def test_a_training_that_was_killed_lets_go_of_its_folder_and_ends_as_if_nothing_had_been(tmp_path):
    name, folder = "births", tmp_path / "运行 run"
    trainings.whole(name, tmp_path / "unbroken")
    first = trainings.start(name, folder)
    assert trainings.wait_for_write(name, folder, first)
    first.send_signal(signal.SIGSTOP)  # it may be in the midst of a checkpoint
    second = trainings.start(name, folder)
    _, errors = second.communicate(timeout=300)
    trainings.assert_one_line(second, errors, 2, "is in use by another run (process %d)" % first.pid)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    trainings.whole(name, folder)
    trainings.assert_same_end(name, folder, trainings.end_state(name, tmp_path / "unbroken"))
