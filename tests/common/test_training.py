"""common/training.py: checkpoints, clean stops, seeds."""

import os
import random
import signal
import time

import numpy as np
import pytest
import tensorflow as tf

from common import training
from common.errors import TrainingStopped, UserError


def saved_run(folder, steps=(1, 2, 3)):
    """Checkpoints of a variable whose value is the step; returns (saver, session, variable)."""
    variable = tf.get_variable("weight", [3], initializer=tf.zeros_initializer())
    saver = tf.train.Saver(max_to_keep=5)
    session = tf.Session()
    for number, step in enumerate(steps):
        session.run(variable.assign([step] * 3))
        prefix = saver.save(session, os.path.join(str(folder), "model.ckpt"), global_step=step)
        os.utime(prefix + ".index", (1000 + number, 1000 + number))
    session.run(variable.assign([-1.0] * 3))
    return saver, session, variable


def damage(folder, step, how):
    path = os.path.join(str(folder), "model.ckpt-%d.data-00000-of-00001" % step)
    if how == "missing":
        os.remove(path)
    elif how == "cut":
        os.truncate(path, 4)
    elif how == "flipped":
        with open(path, "r+b") as stream:
            content = bytearray(stream.read())
            content[0] ^= 255
            stream.seek(0)
            stream.write(content)
    else:
        os.truncate(os.path.join(str(folder), "model.ckpt-%d.index" % step), 20)


def test_the_newest_checkpoint_is_restored(tmp_path):
    saver, session, variable = saved_run(tmp_path)
    with session:
        assert training.restore_newest(saver, session, str(tmp_path)).endswith("model.ckpt-3")
        assert list(session.run(variable)) == [3, 3, 3]


def test_newest_is_by_number_when_the_times_are_equal(tmp_path):
    saver, session, variable = saved_run(tmp_path, steps=(9, 10))
    os.remove(str(tmp_path / "checkpoint"))
    for step in (9, 10):
        os.utime(str(tmp_path / ("model.ckpt-%d.index" % step)), (1000, 1000))
    with session:
        assert training.restore_newest(saver, session, str(tmp_path)).endswith("model.ckpt-10")


def test_a_copied_folder_keeps_its_order(tmp_path):
    """A copy may reverse the files' times; the saver's own list tells which is newest."""
    saver, session, variable = saved_run(tmp_path)
    for step in (1, 2, 3):
        os.utime(str(tmp_path / ("model.ckpt-%d.index" % step)), (1000 - step, 1000 - step))
    with session:
        assert training.restore_newest(saver, session, str(tmp_path)).endswith("model.ckpt-3")


@pytest.mark.parametrize("how", ["missing", "cut", "flipped", "index"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(tmp_path, capsys, how):
    saver, session, variable = saved_run(tmp_path)
    damage(tmp_path, 3, how)
    with session:
        assert training.restore_newest(saver, session, str(tmp_path)).endswith("model.ckpt-2")
        assert list(session.run(variable)) == [2, 2, 2]
        assert "model.ckpt-3 cannot be used (" in capsys.readouterr().err
        # the saver goes on counting from there, and still deletes the oldest
        assert [os.path.basename(path) for path in saver.last_checkpoints] == ["model.ckpt-1", "model.ckpt-2"]


def test_when_none_is_good_it_refuses_to_start_anew(tmp_path):
    saver, session, variable = saved_run(tmp_path)
    for step in (1, 2, 3):
        damage(tmp_path, step, "flipped")
    with session, pytest.raises(UserError, match="none of the 3 checkpoints .* can be restored"):
        training.restore_newest(saver, session, str(tmp_path))


def test_checkpoints_of_another_network_are_refused(tmp_path):
    saved_run(tmp_path)[1].close()
    for name, shape in (("weight", [4]), ("other", [3])):
        with tf.Graph().as_default(), tf.Session() as session:
            tf.get_variable(name, shape)
            with pytest.raises(UserError, match="from other settings"):
                training.restore_newest(tf.train.Saver(), session, str(tmp_path))


def test_an_empty_or_missing_folder_means_a_new_start(tmp_path):
    tf.get_variable("weight", [3])
    with tf.Session() as session:
        assert training.restore_newest(tf.train.Saver(), session, str(tmp_path)) is None
        assert training.restore_newest(tf.train.Saver(), session, str(tmp_path / "none")) is None


def test_brackets_in_the_run_folder_are_no_pattern(tmp_path):
    folder = tmp_path / "run [1]"
    folder.mkdir()
    saver, session, variable = saved_run(folder)
    session.close()
    assert len(training.checkpoints(str(folder))) == 3


def test_initialize_uninitialized_keeps_what_has_a_value():
    loaded = tf.get_variable("loaded", [2], initializer=tf.zeros_initializer())
    fresh = tf.get_variable("fresh", [2], initializer=tf.ones_initializer())
    with tf.Session() as session:
        session.run(loaded.assign([5.0, 6.0]))
        assert training.initialize_uninitialized(session) == [fresh]
        assert list(session.run(loaded)) == [5, 6] and list(session.run(fresh)) == [1, 1]
        assert training.initialize_uninitialized(session) == []
        # the printed way (10-2, line 130) throws the loaded values away
        session.run(tf.global_variables_initializer())
        assert list(session.run(loaded)) == [0, 0]


def test_initialize_uninitialized_of_a_choice():
    first, second = tf.get_variable("a", []), tf.get_variable("b", [])
    with tf.Session() as session:
        assert training.initialize_uninitialized(session, [first]) == [first]
        assert training.initialize_uninitialized(session, []) == []
        assert not session.run(tf.is_variable_initialized(second))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), np.float32("nan"), 100.5])
def test_a_bad_loss_stops_and_names_the_step(value):
    with pytest.raises(TrainingStopped, match="step 12: total loss is .*checkpoint is untouched"):
        training.check_loss(value, 12, limit=100, name="total loss")


@pytest.mark.parametrize("value,limit", [(0.0, None), (1e30, None), (-3.0, 5), (5.0, 5), (np.float32(4), 5)])
def test_a_good_loss_goes_on(value, limit):
    assert training.check_loss(value, 1, limit=limit) is None


def wait_for(stop):
    end = time.time() + 10
    while not stop.requested and time.time() < end:
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_becomes_a_request_and_the_handlers_come_back(number, capsys):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with training.StopSignals() as stop:
        assert not stop.requested
        os.kill(os.getpid(), number)
        wait_for(stop)
        assert stop.requested
    assert "stopping after this step" in capsys.readouterr().err
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_second_ctrl_c_interrupts_at_once():
    with training.StopSignals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        wait_for(stop)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)


def test_leave_ends_the_script_only_where_a_stop_was_requested():
    with training.StopSignals() as stop:
        stop.leave()
        os.kill(os.getpid(), signal.SIGTERM)
        wait_for(stop)
    with pytest.raises(KeyboardInterrupt):
        stop.leave()


def test_stop_signals_outside_the_main_thread():
    import threading

    seen = []

    def work():
        with training.StopSignals() as stop:
            seen.append(stop.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def test_start_seeds_every_generator_and_empties_the_graph():
    def draw():
        training.start(seed=4)
        assert tf.get_default_graph().get_operations() == []
        with tf.Session(config=training.session_config(1)) as session:
            return random.random(), np.random.rand(), float(session.run(tf.random.uniform([])))

    first = draw()
    assert draw() == first
    training.start(seed=5)
    assert random.random() != first[0] and np.random.rand() != first[1]


def test_session_config():
    config = training.session_config(1)
    assert (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads) == (1, 1)
    assert training.session_config().intra_op_parallelism_threads == 0
    assert config.gpu_options.allow_growth


def test_progress_goes_to_the_error_stream(capsys):
    assert list(training.progress(range(3), desc="steps")) == [0, 1, 2]
    captured = capsys.readouterr()
    assert captured.out == "" and "steps" in captured.err and "3/3" in captured.err
