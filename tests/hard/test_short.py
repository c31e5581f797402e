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


def test_a_training_that_was_killed_while_it_saved_goes_on_from_what_is_whole(tmp_path):
    name, folder = "capsule", tmp_path / "运行 run"
    process = trainings.start(name, folder)
    assert trainings.wait_for_write(name, folder, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    trainings.whole(name, folder)  # the lock did not outlive the killed one
    newest = trainings.run.checkpoints(trainings.checkpoint_dir(name, folder))[0]
    assert trainings.run.step_of(newest) == 4  # epochs of the preset
