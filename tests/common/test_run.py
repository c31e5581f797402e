"""common/run.py: lock, 'same settings as before?', resume, clean stops, NaN guard."""

import os
import random
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

from common import options, run
from common.errors import Stopped, TrainingStopped, UserError
from common.options import Value
from tests.helpers import REPOSITORY

ROWS = [
    Value("width", 3, "units", low=1),
    Value("epochs", 5, "passes", low=1, fixed=False),
    Value("sizes", [1, 2], "two"),
]


def options_of(folder, *argv):
    script = os.path.join(REPOSITORY, "ch09_demo", "code_9_99_demo.py")
    return options.parse_values(script, "", ROWS, argv=["--output-dir", str(folder)] + list(argv))


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


# --------------------------------------------------------------------------------------------------------- checkpoints
def test_the_newest_checkpoint_is_restored(tmp_path):
    saver, session, variable = saved_run(tmp_path)
    with session:
        assert run.restore_newest(saver, session, str(tmp_path)).endswith("model.ckpt-3")
        assert list(session.run(variable)) == [3, 3, 3]


def test_newest_is_by_number_when_the_times_are_equal(tmp_path):
    saver, session, variable = saved_run(tmp_path, steps=(9, 10))
    os.remove(str(tmp_path / "checkpoint"))
    for step in (9, 10):
        os.utime(str(tmp_path / ("model.ckpt-%d.index" % step)), (1000, 1000))
    with session:
        assert run.restore_newest(saver, session, str(tmp_path)).endswith("model.ckpt-10")


def test_a_copied_folder_keeps_its_order(tmp_path):
    """A copy may reverse the files' times; the saver's own list tells which is newest."""
    saver, session, variable = saved_run(tmp_path)
    for step in (1, 2, 3):
        os.utime(str(tmp_path / ("model.ckpt-%d.index" % step)), (1000 - step, 1000 - step))
    with session:
        assert run.restore_newest(saver, session, str(tmp_path)).endswith("model.ckpt-3")


@pytest.mark.parametrize("how", ["missing", "cut", "flipped", "index"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(tmp_path, capsys, how):
    saver, session, variable = saved_run(tmp_path)
    damage(tmp_path, 3, how)
    with session:
        assert run.restore_newest(saver, session, str(tmp_path)).endswith("model.ckpt-2")
        assert list(session.run(variable)) == [2, 2, 2]
        assert "model.ckpt-3 cannot be used (" in capsys.readouterr().err
        # the saver goes on counting from there, and still deletes the oldest
        assert [os.path.basename(path) for path in saver.last_checkpoints] == ["model.ckpt-1", "model.ckpt-2"]


@pytest.mark.parametrize("content", [b"\xff\xfe\0garbage", b"", b"model_checkpoint_path: 7", b"x" * 10000])
def test_a_damaged_list_of_checkpoints_does_not_matter(tmp_path, content):
    saver, session, variable = saved_run(tmp_path)
    (tmp_path / "checkpoint").write_bytes(content)
    with session:
        assert run.restore_newest(saver, session, str(tmp_path)).endswith("model.ckpt-3")


def test_when_none_is_good_it_refuses_to_start_anew(tmp_path):
    saver, session, variable = saved_run(tmp_path)
    for step in (1, 2, 3):
        damage(tmp_path, step, "flipped")
    with session, pytest.raises(UserError, match="none of the 3 checkpoints .* can be restored"):
        run.restore_newest(saver, session, str(tmp_path))


def test_checkpoints_of_another_network_are_refused(tmp_path):
    saved_run(tmp_path)[1].close()
    for name, shape in (("weight", [4]), ("other", [3])):
        with tf.Graph().as_default(), tf.Session() as session:
            tf.get_variable(name, shape)
            with pytest.raises(UserError, match="from other settings"):
                run.restore_newest(tf.train.Saver(), session, str(tmp_path))


def test_an_empty_or_missing_folder_means_a_new_start(tmp_path):
    tf.get_variable("weight", [3])
    with tf.Session() as session:
        assert run.restore_newest(tf.train.Saver(), session, str(tmp_path)) is None
        assert run.restore_newest(tf.train.Saver(), session, str(tmp_path / "none")) is None


def test_brackets_in_the_run_folder_are_no_pattern(tmp_path):
    folder = tmp_path / "run [1]"
    folder.mkdir()
    saver, session, variable = saved_run(folder)
    session.close()
    assert len(run.checkpoints(str(folder))) == 3


@pytest.mark.parametrize(
    "before,after",
    [
        ("it,loss\n1,0.5\n10,0.4\n20,0.3\n", "it,loss\n1,0.5\n10,0.4\n"),
        ("it,loss\n1,0.5\n1", "it,loss\n1,0.5\n"),  # killed while it wrote of step 15
        ("it,loss\n", "it,loss\n"),
        ("", ""),
    ],
)
def test_rows_behind_the_checkpoint_are_dropped(tmp_path, before, after):
    path = tmp_path / "log.csv"
    path.write_text(before)
    run.keep_rows_until(str(path), 12)
    assert path.read_text().replace("\r\n", "\n") == after
    run.keep_rows_until(str(tmp_path / "none.csv"), 12)
    assert os.listdir(str(tmp_path)) == ["log.csv"]


def test_initialize_uninitialized_keeps_what_has_a_value():
    loaded = tf.get_variable("loaded", [2], initializer=tf.zeros_initializer())
    fresh = tf.get_variable("fresh", [2], initializer=tf.ones_initializer())
    with tf.Session() as session:
        session.run(loaded.assign([5.0, 6.0]))
        assert run.initialize_uninitialized(session) == [fresh]
        assert list(session.run(loaded)) == [5, 6] and list(session.run(fresh)) == [1, 1]
        assert run.initialize_uninitialized(session) == []
        # the printed way (10-2, line 130) throws the loaded values away
        session.run(tf.global_variables_initializer())
        assert list(session.run(loaded)) == [0, 0]


# -------------------------------------------------------------------------------------------------------------- a run
def train(folder, *argv, steps=None, fault=None):
    """A training whose variable counts its steps; returns what it counted to."""
    opts = options_of(folder, *argv)
    with tf.Graph().as_default(), run.Run(opts) as this, tf.Session() as session:
        counter = tf.get_variable("counter", [], initializer=tf.zeros_initializer())
        count = counter.assign_add(1.0)
        saver = tf.train.Saver(max_to_keep=2)
        session.run(tf.global_variables_initializer())
        for step in this.steps(this.restore(saver, session), opts.epochs):
            value = session.run(count)
            this.check(step, loss=fault if step == 2 and fault is not None else value)
            if step == steps:
                os.kill(os.getpid(), signal.SIGTERM)
            this.save(saver, session, step + 1)
        return session.run(counter)


def test_a_run_goes_on_from_where_it_was(tmp_path, capsys):
    assert train(tmp_path, "--epochs", "2") == 2
    assert train(tmp_path, "--epochs", "4") == 4
    out = capsys.readouterr().out
    assert "resuming from" in out and "epochs: 2 before, 4 from here on" in out
    assert train(tmp_path, "--epochs", "4") == 4  # nothing left to do


def test_sigterm_stops_after_the_step_and_the_next_call_goes_on(tmp_path, capsys):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped) as raised:
        train(tmp_path, steps=1)
    assert raised.value.signal == signal.SIGTERM and signal.getsignal(signal.SIGTERM) == before
    assert os.path.basename(run.checkpoints(str(tmp_path / "checkpoints"))[0]) == "model-2"
    said = capsys.readouterr().err
    assert "stopping after this step" in said and "saved" not in said  # some trainings count whole epochs only
    assert train(tmp_path) == 5


@pytest.mark.parametrize("loss", [np.nan, np.inf, -np.inf])
def test_a_bad_loss_ends_the_run_and_keeps_the_checkpoint(tmp_path, loss):
    with pytest.raises(TrainingStopped, match="step 2: loss is .*checkpoint is untouched"):
        train(tmp_path, fault=loss)
    assert os.path.basename(run.checkpoints(str(tmp_path / "checkpoints"))[0]) == "model-2"


def test_a_loss_above_the_limit(tmp_path):
    with run.Run(options_of(tmp_path)) as this:
        this.check(1, limit=5, loss=5.0)
        with pytest.raises(TrainingStopped, match="total is 5.1"):
            this.check(1, limit=5, total=5.1)


@pytest.mark.parametrize(
    "rate,advice",
    [
        (None, ""),
        (Value("lr_base", 0.1, "rate"), r" (a smaller --lr-base may help, in another --output-dir)"),
        (Value("rate", 0.1, "rate", fixed=False), r" (a smaller --rate may help)"),
    ],
)
def test_a_bad_loss_gives_advice_that_can_be_followed(tmp_path, rate, advice):
    opts = options_of(tmp_path)
    if rate:
        opts.rows += (rate,)
        setattr(opts, rate.name, rate.value)
    with run.Run(opts) as this, pytest.raises(TrainingStopped) as caught:
        this.check(3, unit="batch", loss=np.nan)
    assert str(caught.value) == "training stopped at batch 3: loss is nan; the last checkpoint is untouched" + advice


@pytest.mark.parametrize("argv", [["--width", "4"], ["--seed", "1"], ["--sizes", "1", "3"], ["--sizes", "1"]])
def test_a_folder_of_other_settings_is_refused_and_left_alone(tmp_path, argv):
    train(tmp_path, "--epochs", "1")
    with open(str(tmp_path / "settings.json"), encoding="utf-8") as stream:
        before = stream.read()
    with pytest.raises(UserError, match="holds a run with %s .*, not .*another --output-dir" % argv[0].strip("-")):
        with run.Run(options_of(tmp_path, *argv)):
            raise AssertionError("it went on")
    with open(str(tmp_path / "settings.json"), encoding="utf-8") as stream:
        assert stream.read() == before


def test_a_run_without_a_checkpoint_may_be_given_other_values(tmp_path, capsys):
    """The first command may have been refused for its value after the settings were written."""
    with pytest.raises(UserError, match="no such data"):
        with run.Run(options_of(tmp_path, "--width", "4", "--epochs", "3", "--seed", "1")):
            raise UserError("no such data")
    assert train(tmp_path) == 5 and capsys.readouterr().out == ""
    assert options.read_json(str(tmp_path / "settings.json"))["width"] == 3
    with pytest.raises(UserError, match="width 3, not 4"):
        train(tmp_path, "--width", "4")


def test_a_folder_of_another_script_is_refused_in_a_short_line(tmp_path):
    (tmp_path / "settings.json").write_text('{"preset": "tiny", "seed": 0, "colour": 3}', encoding="utf-8")
    with pytest.raises(UserError, match=r"another script or version \(without [a-z_]+.*\): give another --output-dir"):
        with run.Run(options_of(tmp_path)):
            raise AssertionError("it went on")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe\0", b""])
def test_broken_settings_are_a_line(tmp_path, content):
    (tmp_path / "settings.json").write_bytes(content)
    with pytest.raises(UserError, match="settings.json"):
        with run.Run(options_of(tmp_path)):
            raise AssertionError("it went on")
    assert (tmp_path / "settings.json").read_bytes() == content


def test_two_runs_in_one_folder(tmp_path):
    with run.Run(options_of(tmp_path)):
        with pytest.raises(UserError, match=r"is in use by another run \(process %d\)" % os.getpid()):
            with run.Run(options_of(tmp_path)):
                raise AssertionError("both ran")
    with run.Run(options_of(tmp_path)):  # the lock is free again
        pass


def test_the_lock_does_not_outlive_a_crash(tmp_path):
    code = (
        "import os\n"
        "from tests.common import test_run\n"
        "this = test_run.run.Run(test_run.options_of(%r))\n"
        "this.__enter__()\n"
        "os.kill(os.getpid(), 9)\n" % str(tmp_path)
    )
    environment = dict(os.environ, PYTHONPATH=REPOSITORY)
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == -9
    with run.Run(options_of(tmp_path)):
        pass


def test_a_second_ctrl_c_interrupts_at_once(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with run.Run(options_of(tmp_path)) as this:
            os.kill(os.getpid(), signal.SIGINT)
            while not this.stopping:
                pass
            os.kill(os.getpid(), signal.SIGINT)
            while True:
                pass


def test_a_run_outside_the_main_thread(tmp_path):
    seen = []

    def work():
        with run.Run(options_of(tmp_path)) as this:
            seen.append(this.stopping)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


# ---------------------------------------------------------------------------------------------------------- beginnings
def test_start_seeds_every_generator_and_empties_the_graph():
    def draw():
        run.start(seed=4)
        assert tf.get_default_graph().get_operations() == []
        with tf.Session(config=run.session_config(1)) as session:
            return random.random(), np.random.rand(), float(session.run(tf.random.uniform([])))

    first = draw()
    assert draw() == first
    run.start(seed=5)
    assert random.random() != first[0] and np.random.rand() != first[1]


@pytest.mark.parametrize("log", [True, False])
def test_the_log_is_shown_where_the_print_shows_it(log):
    run.start(log=log)
    assert (tf.logging.get_verbosity() == tf.logging.INFO) is log


def test_session_config():
    config = run.session_config(1)
    assert (config.intra_op_parallelism_threads, config.inter_op_parallelism_threads) == (1, 1)
    assert run.session_config().intra_op_parallelism_threads == 0
    assert config.gpu_options.allow_growth


def test_progress_goes_to_the_error_stream(capsys):
    assert list(run.progress(range(3), desc="steps")) == [0, 1, 2]
    captured = capsys.readouterr()
    assert captured.out == "" and "steps" in captured.err and "3/3" in captured.err
