"""common/options.py: presets, overrides, errors, settings."""

import errno
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from common import options
from common.errors import TrainingStopped, UserError
from tests.helpers import REPOSITORY, assert_user_error

PRESETS = {
    "book": dict(batch_size=100, rate=0.1, masked=False, widths=(64, 128), cap=None, words=["a"], title="x"),
    "cpu": dict(batch_size=64, cap=7),
    "tiny": dict(batch_size=8, masked=True, widths=(2,)),
}


def parse(*argv, **keywords):
    return options.parse("What it does.", PRESETS, example="demo", argv=list(argv), **keywords)


def test_the_printed_values_are_the_defaults():
    opts = parse()
    assert (opts.preset, opts.seed, opts.threads, opts.data_dir, opts.example) == ("book", 0, 0, None, "demo")
    assert {key: getattr(opts, key) for key in PRESETS["book"]} == PRESETS["book"]
    assert opts.explicit == set()
    assert opts.output_dir == os.path.join(REPOSITORY, "output", "demo", "book")


def test_a_preset_changes_what_it_names_and_keeps_the_rest():
    opts = parse("--preset", "tiny")
    assert (opts.batch_size, opts.masked, opts.widths) == (8, True, (2,))
    assert (opts.rate, opts.cap, opts.title) == (0.1, None, "x")
    assert opts.output_dir.endswith(os.path.join("demo", "tiny"))


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
    assert parse("--widths").widths == []
    assert parse("--words", "b", "c").words == ["b", "c"]


def test_a_value_without_a_default_takes_its_type_from_another_preset():
    assert parse("--cap", "9").cap == 9
    assert parse("--preset", "cpu").cap == 7


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
        (["--batch-size", "many"], "invalid int value: 'many'"),
        (["--rate", "fast"], "invalid float value: 'fast'"),
        (["--masked", "perhaps"], "'perhaps' is neither true nor false"),
        (["--widths", "1", "x"], "invalid int value: 'x'"),
        (["--batch", "5"], "unrecognized arguments: --batch"),
        (["--output-dir"], "expected one argument"),
        (["stray"], "unrecognized arguments: stray"),
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(argv, fragment, capsys):
    with pytest.raises(SystemExit) as raised:
        parse(*argv)
    err = capsys.readouterr().err
    assert raised.value.code == 2
    assert err.startswith("error: ") and err.count("\n") == 1 and fragment in err


def test_help_shows_every_value_of_every_preset_and_percent_signs(capsys):
    with pytest.raises(SystemExit) as raised:
        parse("--help", help_texts={"batch_size": "how many; 100 % of them"})
    out = capsys.readouterr().out
    assert raised.value.code == 0
    assert "What it does." in out and "how many; 100 % of them [book 100, cpu 64, tiny 8]" in " ".join(out.split())
    assert "[book None, cpu 7, tiny None]" in " ".join(out.split())


def test_a_script_adds_options_of_its_own():
    opts = parse("--text", "hello", add=lambda parser: parser.add_argument("--text"))
    assert opts.text == "hello" and "text" not in opts.explicit


def test_a_preset_value_that_book_lacks_is_a_mistake_of_the_script():
    with pytest.raises(ValueError, match="preset tiny has values that preset book lacks: b"):
        options.parse("", {"book": dict(a=1), "tiny": dict(b=2)}, example="demo", argv=[])


def test_settings_round_trip_with_numpy_values_and_chinese(tmp_path):
    settings = dict(batch_size=np.int64(8), rate=np.float32(0.5), widths=(1, 2), text="你好", nothing=None, on=True)
    options.save_settings(str(tmp_path / "run"), settings)
    loaded = options.load_settings(str(tmp_path / "run"), made_by="code_x.py")
    assert loaded == dict(batch_size=8, rate=0.5, widths=[1, 2], text="你好", nothing=None, on=True)
    assert os.listdir(str(tmp_path / "run")) == [options.SETTINGS_FILE]


def test_no_settings_names_the_script_that_makes_them(tmp_path):
    with pytest.raises(UserError, match="no trained model in .*: run code_x.py first"):
        options.load_settings(str(tmp_path), made_by="code_x.py")


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
        (KeyboardInterrupt(), 130, "interrupted\n"),
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


def test_run_hides_no_mistake_of_ours():
    for mistake in (ValueError("bug"), FileNotFoundError(errno.ENOENT, "No such file", "x")):

        def main(mistake=mistake):
            raise mistake

        with pytest.raises(type(mistake)):
            options.run(main)


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
