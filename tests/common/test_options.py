"""common/options.py: presets, overrides, errors, settings."""

import argparse
import errno
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from common import options, run
from common.errors import Stopped, TrainingStopped, UserError
from common.options import Value
from tests.helpers import REPOSITORY, assert_user_error

ROWS = [
    Value("batch_size", 100, "how many; 100 % of them", low=1, cpu=64, tiny=8),
    Value("rate", 0.1, "learning rate", low=0),
    Value("masked", False, "leave padding out", tiny=True),
    Value("widths", [64, 128], "units of each layer", low=1, tiny=[2]),
    Value("size", [360, 640], "height and width", low=4, count=2),
    Value("cap", None, "no more than this", kind=int, low=1, cpu=7, more=True),
    Value("words", ["a"], "words"),
    Value("extras", [], "words that may be none", kind=str, tiny=["x"]),
    Value("parts", ["a"], "words, of which one preset has none", cpu=[]),
    Value("mode", "wgan", "loss", choices=("wgan", "lsgan")),
]
SCRIPT = os.path.join(REPOSITORY, "ch09_demo", "code_9_99_demo.py")


def parse(*argv, **keywords):
    return options.parse_values(keywords.pop("script", SCRIPT), "What it does.", ROWS, argv=list(argv), **keywords)


def test_the_printed_values_are_the_defaults():
    opts = parse()
    assert (opts.preset, opts.seed, opts.threads, opts.data_dir) == ("book", 0, 0, None)
    assert (opts.example, opts.script) == ("demo", "code_9_99_demo")
    assert {row.name: getattr(opts, row.name) for row in ROWS} == {row.name: row.value for row in ROWS}
    assert opts.explicit == set()
    assert opts.output_dir == os.path.join(REPOSITORY, "output", "demo", "book")


def test_a_preset_changes_what_it_names_and_keeps_the_rest():
    opts = parse("--preset", "tiny")
    assert (opts.batch_size, opts.masked, opts.widths) == (8, True, [2])
    assert (opts.rate, opts.cap, opts.mode) == (0.1, None, "wgan")
    assert opts.output_dir.endswith(os.path.join("demo", "tiny"))


def test_tiny_runs_of_beyond_have_a_folder_of_their_own():
    script = os.path.join(REPOSITORY, "ch09_demo", "beyond", "train.py")
    assert parse("--preset", "tiny", script=script).output_dir.endswith(os.path.join("demo", "beyond-tiny"))
    assert parse("--preset", "cpu", script=script).output_dir.endswith(os.path.join("demo", "cpu"))
    assert parse("--preset", "tiny", script=script, folder="tiny").output_dir.endswith(os.path.join("demo", "tiny"))


@pytest.mark.parametrize(
    "folder,place,shown",
    [
        (None, "", "<preset>]"),
        (None, "beyond", "<preset>, beyond-tiny for tiny]"),
        ("scores", "beyond", "scores]"),
        ("guide-{preset}", "beyond", "guide-<preset>]"),
        (lambda opts: "own", "", "… after what is given]"),
    ],
)
def test_the_help_says_which_folder_a_run_has(folder, place, shown, capsys):
    with pytest.raises(SystemExit):
        parse("--help", script=os.path.join(REPOSITORY, "ch09_demo", place, "train.py"), folder=folder)
    assert "folder of this run [output/demo/" + shown in " ".join(capsys.readouterr().out.split())


def test_a_base_preset_of_another_name():
    assert parse(base="voice").preset == "voice" and parse("--preset", "cpu", base="voice").batch_size == 64


def test_a_given_value_wins_over_the_preset_wherever_it_stands():
    for argv in (["--preset", "tiny", "--batch-size", "5"], ["--batch-size=5", "--preset=tiny"]):
        opts = parse(*argv)
        assert opts.batch_size == 5 and opts.explicit == {"batch_size"}


def test_a_given_value_equal_to_the_default_counts_as_given():
    opts = parse("--preset", "tiny", "--batch-size", "100", "--masked", "false")
    assert (opts.batch_size, opts.masked) == (100, False) and opts.explicit == {"batch_size", "masked"}


@pytest.mark.parametrize(
    "argv,expected",
    [
        (["--masked"], True),
        (["--masked", "true"], True),
        (["--masked=YES"], True),
        (["--masked", "1"], True),
        (["--preset", "tiny", "--masked", "off"], False),
        (["--preset", "tiny", "--masked=0"], False),
        (["--preset", "tiny"], True),
    ],
)
def test_booleans(argv, expected):
    assert parse(*argv).masked is expected


def test_lists_take_the_type_of_their_first_item():
    assert parse("--widths", "1", "2", "3").widths == [1, 2, 3]
    assert parse("--words", "b", "c").words == ["b", "c"]
    assert parse("--size", "8", "12").size == [8, 12]


def test_a_list_is_empty_only_where_the_value_or_a_preset_is(capsys):
    assert parse("--extras", "--preset", "tiny").extras == [] and parse("--parts").parts == []
    assert parse("--preset", "cpu").parts == [] and parse("--extras", "a", "b").extras == ["a", "b"]
    with pytest.raises(SystemExit) as raised:
        parse("--widths")
    assert raised.value.code == 2 and "--widths: expected at least one argument" in capsys.readouterr().err


def test_the_folder_of_a_run_may_follow_from_what_is_given(tmp_path):
    def folder(opts):
        return "of-{x}-%d" % opts.batch_size

    assert parse("--batch-size", "3", folder=folder).output_dir == os.path.join(REPOSITORY, "output/demo/of-{x}-3")
    assert parse("--output-dir", str(tmp_path / "mine"), folder=folder).output_dir == str(tmp_path / "mine")


def test_folders_become_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.setenv("HOME", "/home/reader")
    opts = parse("--data-dir", "news", "--output-dir=~/run")
    assert opts.data_dir == os.path.join(str(tmp_path), "news")
    assert opts.output_dir == "/home/reader/run"


@pytest.mark.parametrize(
    "argv,fragment",
    [
        (["--preset", "huge"], "invalid choice: 'huge'"),
        (["--batch-size", "many"], "'many' is no whole number"),
        (["--batch-size", "2.5"], "'2.5' is no whole number"),
        (["--batch-size", "0"], "0 is not at least 1"),
        (["--batch-size", "9" * 30], "is too large"),
        (["--rate", "fast"], "'fast' is no number"),
        (["--rate", "nan"], "nan is no finite number"),
        (["--rate", "-0.5"], "-0.5 is not at least 0"),
        (["--masked", "perhaps"], "'perhaps' is neither true nor false"),
        (["--widths", "1", "x"], "'x' is no whole number"),
        (["--widths", "1", "-2"], "-2 is not at least 1"),
        (["--size", "8"], "expected 2 arguments"),
        (["--mode", "dragan"], "'dragan' is not one of wgan, lsgan"),
        (["--seed", "-1"], "-1 is not 0 to"),
        (["--batch", "5"], "unrecognized arguments: --batch"),
        (["--output-dir"], "expected one argument"),
        (["--output-dir", "a\0b"], "holds a NUL character"),
        (["stray"], "unrecognized arguments: stray"),
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(argv, fragment, capsys):
    with pytest.raises(SystemExit) as raised:
        parse(*argv)
    err = capsys.readouterr().err
    assert raised.value.code == 2
    assert err.startswith("error: ") and err.count("\n") == 1 and fragment in err


def test_help_shows_every_value_and_what_is_allowed(capsys):
    with pytest.raises(SystemExit) as raised:
        parse("--help")
    out = " ".join(capsys.readouterr().out.split())
    assert raised.value.code == 0
    assert "What it does." in out
    assert "how many; 100 % of them (at least 1) [book 100, cpu 64, tiny 8]" in out
    assert "--mode {wgan,lsgan}" in out and "learning rate (at least 0) [0.1]" in out
    assert out.index("more values:") < out.index("--cap") and out.index("--mode") < out.index("more values:")
    assert "[book none, cpu 7]" in out


def test_a_script_adds_options_of_its_own():
    opts = parse("--text", "hello", add=lambda parser: parser.add_argument("--text"))
    assert opts.text == "hello" and "text" not in opts.explicit


@pytest.mark.parametrize(
    "keywords", [dict(low=2), dict(high=0), dict(choices=(2, 3)), dict(tiny="x"), dict(tiny=1.5), dict(tiny=[1])]
)
def test_a_row_that_breaks_its_own_rules_is_a_mistake_of_the_script(keywords):
    with pytest.raises(ValueError):
        Value("a", 1, "", **keywords)


def test_settings_of_a_run_come_back_checked(tmp_path):
    opts = parse("--preset", "tiny", "--rate", "1", "--output-dir", str(tmp_path))
    options.save_settings(opts.output_dir, options.run_settings(opts))
    loaded = options.load_values(str(tmp_path), ROWS, made_by="code_x.py")
    assert (loaded.preset, loaded.seed, loaded.rate, loaded.widths, loaded.cap) == ("tiny", 0, 1.0, [2], None)


@pytest.mark.parametrize(
    "change,fragment",
    [
        (dict(batch_size="8"), "batch_size: '8' is no whole number"),
        (dict(batch_size=True), "batch_size: True is no whole number"),
        (dict(batch_size=0), "batch_size: 0 is not at least 1"),
        (dict(batch_size=None), "batch_size: there is no value"),
        (dict(rate=float("inf")), "rate: inf is no finite number"),
        (dict(widths=3), "widths: 3 is no list"),
        (dict(widths=[1, [2]]), "widths: [2] is no whole number"),
        (dict(size=[4]), "size: 1 values, not 2"),
        (dict(widths=[]), "widths: no values, at least one is needed"),
        (dict(masked="yes"), "masked: 'yes' is neither true nor false"),
        (dict(mode="x"), "mode: 'x' is not one of wgan, lsgan"),
        ("words", "has no value 'words': it is not of a run of code_x.py"),
        ([1], "settings.json holds a list where a dict belongs"),
    ],
)
def test_foreign_settings_are_a_line(tmp_path, change, fragment):
    settings = options.run_settings(parse("--preset", "tiny"))
    if isinstance(change, str):
        del settings[change]
    elif isinstance(change, dict):
        settings.update(change)
    else:
        settings = change
    options.save_settings(str(tmp_path), settings)
    with pytest.raises(UserError) as raised:
        options.load_values(str(tmp_path), ROWS, made_by="code_x.py")
    assert fragment in str(raised.value) and "\n" not in str(raised.value)


def test_settings_round_trip_with_numpy_values_and_chinese(tmp_path):
    settings = dict(batch_size=np.int64(8), rate=np.float32(0.5), widths=(1, 2), text="你好", nothing=None, on=True)
    options.save_settings(str(tmp_path / "run"), settings)
    loaded = options.load_settings(str(tmp_path / "run"), made_by="code_x.py")
    assert loaded == dict(batch_size=8, rate=0.5, widths=[1, 2], text="你好", nothing=None, on=True)
    assert os.listdir(str(tmp_path / "run")) == [options.SETTINGS_FILE]


def test_no_settings_names_the_script_that_makes_them(tmp_path):
    with pytest.raises(UserError, match="no trained model in .*: run code_x.py first"):
        options.load_settings(str(tmp_path), made_by="code_x.py")
    with pytest.raises(UserError, match="no spectrograms in .*: run code_x.py first"):
        options.load_settings(str(tmp_path), "code_x.py", "spectrograms")


def test_damaged_settings(tmp_path):
    (tmp_path / options.SETTINGS_FILE).write_bytes(b'{"batch_size": ')
    with pytest.raises(UserError, match="settings.json is damaged"):
        options.load_settings(str(tmp_path), made_by="code_x.py")
    (tmp_path / options.SETTINGS_FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="settings.json is damaged"):
        options.load_settings(str(tmp_path), made_by="code_x.py")


def test_json_is_written_whole_or_not_at_all(tmp_path):
    path = str(tmp_path / "x.json")
    options.write_json(path, {"b": 1, "a": 2})
    with pytest.raises(TypeError):
        options.write_json(path, {"a": object()})
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    assert json.loads(text) == {"a": 2, "b": 1} and text.index('"a"') < text.index('"b"')
    assert os.listdir(str(tmp_path)) == ["x.json"]


@pytest.mark.parametrize(
    "outcome,status,said",
    [
        (None, 0, ""),
        (3, 3, ""),
        (UserError("the file is missing"), 2, "error: the file is missing\n"),
        (TrainingStopped("loss is nan"), 2, "error: loss is nan\n"),
        (UserError("a\nb\x1b[2J\u202e，好.png"), 2, "error: a\\nb\\x1b[2J\\u202e，好.png\n"),  # names come from outside
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (Stopped(2), 130, "stopped: the same command goes on from the newest checkpoint, if there is one\n"),
        (Stopped(15), 143, "stopped: the same command goes on from the newest checkpoint, if there is one\n"),
        (OSError(errno.ENOSPC, "No space left", "out.png"), 2, "error: [Errno 28] No space left: 'out.png'\n"),
        (PermissionError(errno.EACCES, "Permission denied", "o"), 2, "error: [Errno 13] Permission denied: 'o'\n"),
    ],
)
def test_run_turns_outcomes_into_a_status_and_a_line(outcome, status, said, capsys):
    def main():
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    with pytest.raises(SystemExit) as raised:
        options.run(main)
    assert raised.value.code == status
    assert capsys.readouterr().err == said


def test_a_file_where_the_folder_of_the_run_belongs_is_a_line(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("mine")
    opts = parse("--output-dir", str(tmp_path / "notes.txt"))

    def main():
        with run.Run(opts):
            pass

    with pytest.raises(SystemExit) as raised:
        options.run(main)
    said = capsys.readouterr().err
    assert raised.value.code == 2 and (tmp_path / "notes.txt").read_text() == "mine"
    assert said == "error: [Errno 17] File exists: '%s'; a file is there, where a folder belongs\n" % opts.output_dir


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc here")
def test_a_place_where_no_folder_can_be_made_is_a_line(capsys):
    """Linux says 'no such file' there, which was taken for a mistake of ours."""

    def main():
        with run.Run(parse("--output-dir", "/proc/here/run")):
            pass

    with pytest.raises(SystemExit) as raised:
        options.run(main)
    said = capsys.readouterr().err
    assert raised.value.code == 2 and said.startswith("error: [Errno 2] ") and said.count("\n") == 1
    assert "'/proc/here" in said and said.endswith("; no folder can be made there\n")


def test_a_full_disk_that_tensorflow_meets_is_a_line(capsys):
    def main():
        raise tf.errors.ResourceExhaustedError(None, None, "run/model.ckpt-1; No space left on device\nNode: save")

    with pytest.raises(SystemExit) as raised:
        options.run(main)
    assert raised.value.code == 2
    assert capsys.readouterr().err == "error: run/model.ckpt-1; No space left on device\n"


def test_run_hides_no_mistake_of_ours():
    wrong_shape = tf.errors.InvalidArgumentError(None, None, "shapes do not fit")
    for mistake in (ValueError("bug"), FileNotFoundError(errno.ENOENT, "No such file", "x"), wrong_shape):

        def main(mistake=mistake):
            raise mistake

        with pytest.raises(type(mistake)):
            options.run(main)


def test_a_folder_that_was_removed_while_the_script_ran_is_a_line(tmp_path, capsys):
    def main():
        with open(str(tmp_path / "removed" / "log.txt"), "w"):
            pass

    with pytest.raises(SystemExit) as ended:
        options.run(main)
    errors = capsys.readouterr().err
    assert ended.value.code == 2 and "log.txt" in errors
    assert errors.startswith("error: ") and errors.endswith("removed meanwhile?\n") and errors.count("\n") == 1


def python(code, **keywords):
    environment = dict(os.environ, PYTHONPATH=REPOSITORY, PYTHONUNBUFFERED="")
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    return subprocess.Popen([sys.executable, "-c", code], env=environment, **dict(streams, **keywords))


@pytest.mark.parametrize("size", [1, 10**6])  # written at the end, or at once
def test_a_script_whose_reader_left_ends_in_silence(size):
    process = python("from common import options\noptions.run(lambda: print('x' * %d))" % size)
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(60) == 0
    process.stderr.close()


def test_a_name_that_is_no_utf_8_is_printed():
    """After the work was done it ended the script with a traceback."""
    code = (
        "import os, sys\n"
        "from common import options\n"
        "def main():\n"
        "    for stream in (sys.stdout, sys.stderr):\n"
        "        print(os.fsdecode('照片.png'.encode('gbk')), '好', file=stream)\n"
        "options.run(main)"
    )
    process = python(code)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and out == err and out.endswith(".png 好\n") and "\\udc" in out, err


def test_ctrl_c_of_a_script():
    code = (
        "import time\n"
        "from common import options\n"
        "def main():\n"
        "    print('up', flush=True)\n"
        "    time.sleep(60)\n"
        "options.run(main)"
    )
    # A test run in the background may have inherited an ignored Ctrl-C.
    process = python(code, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err == "interrupted\n"


def test_the_helper_for_user_errors_accepts_what_run_prints():
    process = python(
        "from common import options, errors\ndef main():\n    raise errors.UserError('bad x')\noptions.run(main)"
    )
    out, err = process.communicate(timeout=60)
    assert_user_error(subprocess.CompletedProcess([], process.returncode, out, err), "bad x")


def test_shares_of_some_work():
    assert options.shard("2/3") == (2, 3)
    lines = list(range(10))
    parts = [lines[i - 1 :: n] for i, n in (options.shard("%d/3" % i) for i in (1, 2, 3))]
    assert sorted(sum(parts, [])) == lines
    for wrong in ("0/2", "3/2", "1", "a/b", "1/2/3", "-1/2", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="no share of the work"):
            options.shard(wrong)
