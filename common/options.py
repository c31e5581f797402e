"""Command-line options, the same for every script: a value stands once, in one row.

A script keeps the printed constants at its top and lists a row for each value that may be given::

    BATCH_SIZE = 100

    VALUES = [
        options.Value("batch_size", BATCH_SIZE, "newswires in a batch", low=1, tiny=20),
    ]

    def main(argv=None):
        opts = options.parse_values(__file__, __doc__, VALUES, argv=argv)
        ...

    if __name__ == "__main__":
        options.run(main)

Option (``--batch-size``), default, help, check and what a preset makes of it come from that row.
"""

import argparse
import errno
import math
import os
import re
import sys
import textwrap
import traceback
from typing import Callable, Optional, Sequence, Union

from common.errors import Stopped, UserError, one_line
from common.files import read_json, write_json

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SETTINGS_FILE = "settings.json"
_USERS_TO_MEND = (
    errno.EACCES,
    errno.EEXIST,
    errno.EPERM,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)


# TensorFlow's names for what a file system does to it; other errors of its operations are mistakes of ours.
_FILE_TROUBLE = ("NotFoundError", "PermissionDeniedError", "ResourceExhaustedError", "DataLossError", "UnknownError")


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Fills the docstring's prose, keeps its tables and commands as they are, and leaves room for long option names."""

    def __init__(self, prog):
        super().__init__(prog, max_help_position=32, width=110)

    def _fill_text(self, text, width, indent):
        blocks = re.split(r"\n[ ]*\n", text.strip("\n"))
        prose = [not re.search(r"^ |\S  ", block, re.MULTILINE) for block in blocks]
        return "\n\n".join(textwrap.fill(block, width) if fill else block for block, fill in zip(blocks, prose))


class Parser(argparse.ArgumentParser):
    """Says a wrong argument in one line, as every user's error; option names are written out, never guessed."""

    def __init__(self, *arguments, **keywords):
        keywords.setdefault("allow_abbrev", False)
        keywords.setdefault("usage", "%(prog)s [option …]")  # a list of all options there would fill the first screen
        super().__init__(*arguments, **keywords)

    def error(self, message):
        self.exit(2, "error: %s (--help shows what there is)\n" % one_line(message))


def _boolean(text: str) -> bool:
    value = text.strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise argparse.ArgumentTypeError("'%s' is neither true nor false" % text)


class Value:
    """One row of a script's values.

    Args:
      name: of the value and, with dashes, of its option.
      value: the printed value (in `beyond`: the base preset's); its type is the option's.
      help: what it is, with its unit.
      low, high, choices: what is allowed (each item of a list).
      count: how many items a list must have.
      kind: the type, where ``value`` is None ('no limit') or an empty list.
      more: shown in the second part of ``--help``.
      fixed: a resumed run must have the same; False for lengths and intervals, which may change.
      presets: ``tiny=…`` and the like: what other presets make of it.
    """

    def __init__(
        self,
        name,
        value,
        help,
        low=None,
        high=None,
        choices=None,
        count=None,
        kind=None,
        more=False,
        fixed=True,
        **presets,
    ):
        self.name, self.value, self.help = name, value, help
        self.low, self.high, self.choices, self.count, self.kind = low, high, choices, count, kind
        self.more, self.fixed, self.presets = more, fixed, presets
        for other in [value] + list(presets.values()):
            self.check(other)  # a table that breaks its own rules is found when the script is read

    @property
    def type(self) -> type:
        """Type of the value, or of its items."""
        sample = self.value
        if isinstance(sample, (list, tuple)):
            sample = sample[0] if sample else None
        return self.kind or (str if sample is None else type(sample))

    @property
    def is_list(self) -> bool:
        return isinstance(self.value, (list, tuple))

    @property
    def may_be_empty(self) -> bool:
        """Whether a list may have no items: where the value or a preset has none."""
        return not all([self.value] + list(self.presets.values()))

    def check(self, value):
        """``value`` in the row's own type; ValueError with the reason when it is not allowed."""
        if value is None:
            if self.value is None or None in self.presets.values():
                return None
            raise ValueError("there is no value")
        if self.is_list:
            if not isinstance(value, (list, tuple)):
                raise ValueError("%r is no list" % (value,))
            if self.count is not None and len(value) != self.count:
                raise ValueError("%d values, not %d" % (len(value), self.count))
            if not value and not self.may_be_empty:
                raise ValueError("no values, at least one is needed")
            return [self._check_one(item) for item in value]
        return self._check_one(value)

    def _check_one(self, value):
        wanted = self.type
        if wanted is bool:
            if not isinstance(value, bool):
                raise ValueError("%r is neither true nor false" % (value,))
            return value
        if isinstance(value, bool) or not isinstance(value, (int, float) if wanted is float else wanted):
            raise ValueError("%s is no %s" % (repr(value)[:60], _WORDS.get(wanted, wanted.__name__)))
        if wanted in (int, float):
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError("%s is no finite number" % value)
            if self.low is not None and value < self.low or self.high is not None and value > self.high:
                raise ValueError("%s is not %s" % (value, self.allowed()))
            if wanted is int and abs(value) > 2**62:
                raise ValueError("%s is too large" % value)
        if self.choices is not None and value not in self.choices:
            raise ValueError("%r is not %s" % (value, self.allowed()))
        return wanted(value)

    def allowed(self) -> str:
        """What is allowed, in words; empty where everything of the type is."""
        if self.choices is not None:
            return "one of " + ", ".join(str(choice) for choice in self.choices)
        if self.low is not None and self.high is not None:
            return "%s to %s" % (_plainly(self.low), _plainly(self.high))
        if self.low is not None:
            return "at least " + _plainly(self.low)
        return "at most " + _plainly(self.high) if self.high is not None else ""


def _plainly(bound) -> str:
    """1000000 and not 1e+06."""
    return "%d" % bound if bound == int(bound) and abs(bound) < 1e9 else "%g" % bound


_WORDS = {int: "whole number", float: "number", str: "text"}


def _argument_type(row: Value) -> Callable:
    def read(text: str):
        if row.type is bool:
            return _boolean(text)
        try:
            return row._check_one(row.type(text) if row.type is not str else text)
        except ValueError as error:
            reason = str(error) if "convert" not in str(error) and "literal" not in str(error) else None
            raise argparse.ArgumentTypeError(
                reason or "%r is no %s" % (text[:60], _WORDS.get(row.type, row.type.__name__))
            )

    return read


def _shown(value) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(str(item) for item in value) or "none"
    return (
        {True: "true", False: "false", None: "none"}[value] if value is None or isinstance(value, bool) else str(value)
    )


def _add_values(parser: argparse.ArgumentParser, rows: Sequence[Value], base: str):
    main = parser.add_argument_group("values")
    more = parser.add_argument_group("more values") if any(row.more for row in rows) else None
    for row in rows:
        defaults = [_shown(row.value)]
        if any(shown != row.value for shown in row.presets.values()):
            defaults = ["%s %s" % (base, defaults[0])]
            defaults += ["%s %s" % (name, _shown(row.presets[name])) for name in row.presets]
        allowed = row.allowed() if row.choices is None else ""
        text = row.help + (" (%s)" % allowed if allowed else "")
        if defaults != ["none"] or not row.help.endswith("]"):  # the help itself says what none stands for
            text += " [%s]" % ", ".join(defaults)
        keywords = dict(dest=row.name, default=None, help=text.replace("%", "%%"), type=_argument_type(row))
        flag = "--" + row.name.replace("_", "-")
        group = more if row.more else main
        metavar = (
            "{%s}" % ",".join(map(str, row.choices)) if row.choices else {int: "N", float: "X"}.get(row.type, "TEXT")
        )
        if row.is_list:
            group.add_argument(flag, nargs=row.count or ("*" if row.may_be_empty else "+"), metavar=metavar, **keywords)
        elif row.type is bool:
            group.add_argument(flag, nargs="?", const=True, metavar="true|false", **keywords)
        else:
            group.add_argument(flag, metavar=metavar, **keywords)


def parse_values(
    script: str,
    description: str,
    rows: Sequence[Value],
    argv=None,
    add: Optional[Callable[[argparse.ArgumentParser], None]] = None,
    base: str = "book",
    folder: Union[str, Callable[[argparse.Namespace], str], None] = None,
) -> argparse.Namespace:
    """Reads the command line of one script.

    Args:
      script: the script's ``__file__``; example, file name and output folder follow from it.
      description: its docstring, shown by ``--help``.
      rows: its values.
      argv: the arguments, None for the process's own.
      add: called with the parser to add options that are no values (files to read, say).
      base: name of the preset that ``Value.value`` is; the default.
      folder: name of the run's folder below ``output/<example>``; by default the preset's (``{preset}``), and ``beyond-tiny`` for
        the tiny runs of `beyond`, whose settings are others than the listing's. A function makes it of what was given.

    Returns:
      A namespace with each value by name, ``preset``, ``seed``, ``threads``, ``data_dir`` (or None), ``output_dir`` (absolute, by
      default ``output/<example>/<preset>``), ``example``, ``script`` (file name without ending), ``explicit`` (names the user
      gave) and ``rows``.
    """
    parts = os.path.relpath(os.path.abspath(script), REPOSITORY).split(os.sep)
    example = re.sub(r"^ch\d+_", "", parts[0])
    presets = [base] + sorted({name for row in rows for name in row.presets} | {"tiny"} - {base})
    parser = Parser(description=description, formatter_class=Formatter)
    if len(presets) > 1:
        parser.add_argument("--preset", choices=presets, default=base, help="set of values [%s]" % base)
    parser.add_argument(
        "--seed", metavar="N", type=_argument_type(_SEED), default=0, help="seed of every random generator [0]"
    )
    threads = "processor threads; 0: all [0]"
    parser.add_argument("--threads", metavar="N", type=_argument_type(_THREADS), default=0, help=threads)
    parser.add_argument(
        "--data-dir", metavar="FOLDER", help="folder of the data set [$BOOK_DATA_DIR/<name>, then data/<name>]"
    )
    own_tiny = folder is None and "beyond" in parts
    name = "… after what is given" if callable(folder) else (folder or "{preset}").format(preset="<preset>")
    shown = "output/%s/%s" % (example, name) + (", beyond-tiny for tiny" if own_tiny else "")
    parser.add_argument("--output-dir", metavar="FOLDER", help="folder of this run [%s]" % shown)
    _add_values(parser, rows, base)
    if add is not None:
        add(parser)
    opts = parser.parse_args(argv)
    opts.preset = getattr(opts, "preset", base)
    opts.example = example
    opts.script = os.path.splitext(os.path.basename(script))[0]
    opts.rows = tuple(rows)
    opts.explicit = {row.name for row in rows if getattr(opts, row.name) is not None}
    for row in rows:
        if getattr(opts, row.name) is None:
            setattr(opts, row.name, row.check(row.presets.get(opts.preset, row.value)))
    for name in ("output_dir", "data_dir"):
        if "\0" in (getattr(opts, name) or ""):
            parser.error("--%s holds a NUL character" % name.replace("_", "-"))
    if callable(folder):
        default = folder(opts)
    else:
        default = "beyond-tiny" if own_tiny and opts.preset == "tiny" else folder or "{preset}"
        default = default.format(preset=opts.preset)
    default = os.path.join(REPOSITORY, "output", example, default)
    opts.output_dir = os.path.abspath(os.path.expanduser(opts.output_dir or default))
    if opts.data_dir is not None:
        opts.data_dir = os.path.abspath(os.path.expanduser(opts.data_dir))
    return opts


def shard(text: str):
    """``"2/3"`` as (2, 3): the second of three shares of some work."""
    match = re.match(r"([0-9]{1,6})/([0-9]{1,6})$", text)
    if not match or not 0 < int(match.group(1)) <= int(match.group(2)):
        raise argparse.ArgumentTypeError("'%s' is no share of the work such as 1/2" % text[:40])
    return int(match.group(1)), int(match.group(2))


def add_shard(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds ``--shard i/n``: this process does every n-th ``what``, from the i-th on; what comes out does not depend on n."""
    text = "i/n: every n-th %s from the i-th on, so that n processes or hosts share the work [1/1]" % what
    parser.add_argument("--shard", type=shard, default=(1, 1), metavar="I/N", help=text)


_SEED = Value("seed", 0, "", low=0, high=2**31 - 1)
_THREADS = Value("threads", 0, "", low=0, high=1024)


def run_settings(opts: argparse.Namespace) -> dict:
    """What is saved beside a run's checkpoints: preset, seed and every value."""
    return dict({row.name: getattr(opts, row.name) for row in opts.rows}, preset=opts.preset, seed=opts.seed)


def load_values(folder: str, rows: Sequence[Value], made_by: str) -> argparse.Namespace:
    """The settings of the run in ``folder``, each checked against its row; ``preset`` and ``seed`` besides.

    Raises:
      UserError: no run there (``made_by`` names the script that makes one), or settings that are damaged or another script's.
    """
    path = os.path.join(folder, SETTINGS_FILE)
    saved = load_settings(folder, made_by)
    settings = argparse.Namespace(preset=str(saved.get("preset")), seed=saved.get("seed"))
    for row in rows:
        if row.name not in saved:
            raise UserError("%s has no value '%s': it is not of a run of %s" % (path, row.name, made_by))
        try:
            setattr(settings, row.name, row.check(saved[row.name]))
        except ValueError as error:
            raise UserError("%s: %s: %s" % (path, row.name, error))
    return settings


def save_settings(output_dir: str, settings: dict) -> None:
    """Saves a run's effective settings beside its checkpoints (``settings.json``)."""
    write_json(os.path.join(output_dir, SETTINGS_FILE), settings)


def load_settings(output_dir: str, made_by: str, what: str = "trained model") -> dict:
    """Settings of an earlier run; UserError when there is none: ``what`` is missing, and which script makes it."""
    path = os.path.join(output_dir, SETTINGS_FILE)
    if not os.path.exists(path):
        raise UserError("no %s in %s: run %s first (same --preset or --output-dir)" % (what, output_dir, made_by))
    return read_json(path)


def _folder_is_gone(error: OSError) -> bool:
    """Whether a file was not found because the folder that it should be in has been taken away."""
    if error.errno != errno.ENOENT or not isinstance(error.filename, str):
        return False
    return not os.path.isdir(os.path.dirname(os.path.abspath(error.filename)))


def _no_folder_can_be_made(error: OSError) -> bool:
    """Whether ``os.makedirs`` failed: the user's choice of a place (below /proc there is none, whatever the error's name)."""
    return traceback.extract_tb(error.__traceback__)[-1].name == os.makedirs.__name__


def run(main: Callable) -> None:
    """Runs a script's ``main``: a user's error is one line and exit status 2, Ctrl-C is 130."""
    for stream in (sys.stdout, sys.stderr):  # a file's name may be no UTF-8 (GBK, out of a zip): shown by its codes
        if hasattr(stream, "reconfigure") and not stream.closed:
            stream.reconfigure(errors="backslashreplace")
    try:
        status = main()
        if sys.stdout is not None:  # closed by whoever called
            sys.stdout.flush()  # here, where a closed pipe is expected, and not in the interpreter's last breath
    except UserError as error:
        print("error: %s" % one_line(error), file=sys.stderr)
        status = 2
    except Stopped as stop:
        print("stopped: the same command goes on from the newest checkpoint, if there is one", file=sys.stderr)
        status = 128 + stop.signal
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    except BrokenPipeError:  # the reader's `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        gone, no_folder = _folder_is_gone(error), _no_folder_can_be_made(error)
        if error.errno not in _USERS_TO_MEND and not gone and not no_folder:
            raise
        hint = "; its folder is not there: was it removed meanwhile?" if gone else ""
        if no_folder:
            hint = "; no folder can be made there"
        if error.errno == errno.EEXIST:
            hint = "; a file is there, where a folder belongs"
        print("error: %s%s" % (one_line(error), hint), file=sys.stderr)
        status = 2
    except Exception as error:
        if type(error).__name__ not in _FILE_TROUBLE or not type(error).__module__.startswith("tensorflow."):
            raise
        print("error: %s" % (str(error).strip().splitlines() or [type(error).__name__])[0][:300], file=sys.stderr)
        status = 2
    sys.exit(status or 0)
