"""Command-line options and presets, the same for every script.

A script keeps the printed constants at its top and lists its presets beside them::

    PRESETS = {
        "book": dict(batch_size=100, epochs=20),
        "cpu": dict(batch_size=64, epochs=30),
        "tiny": dict(batch_size=8, epochs=2),
    }

    def main(argv=None):
        opts = options.parse(__doc__, PRESETS, example="capsule_rnn", argv=argv)
        ...

    if __name__ == "__main__":
        options.run(main)

Every key of the preset ``book`` becomes an option (``--batch-size``) whose default is the chosen preset's value.
"""

import argparse
import errno
import json
import os
import sys
import tempfile
from typing import Callable, Dict, Optional

from common.errors import UserError

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SETTINGS_FILE = "settings.json"
_USERS_TO_MEND = (errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EROFS, errno.ENOTDIR, errno.EISDIR)


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the docstring's lines and leaves room for long option names."""

    def __init__(self, prog):
        super().__init__(prog, max_help_position=32, width=110)


class Parser(argparse.ArgumentParser):
    """Says a wrong argument in one line, as every user's error; option names are written out, never guessed."""

    def __init__(self, *arguments, **keywords):
        keywords.setdefault("allow_abbrev", False)
        super().__init__(*arguments, **keywords)

    def error(self, message):
        self.exit(2, "error: %s (--help shows what there is)\n" % message)


def _boolean(text: str) -> bool:
    value = text.strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise argparse.ArgumentTypeError("'%s' is neither true nor false" % text)


def _type_of(value) -> Callable:
    if isinstance(value, bool):
        return _boolean
    return str if value is None else type(value)


def _add_preset_options(parser: argparse.ArgumentParser, presets: Dict[str, dict], help_texts: Dict[str, str]):
    group = parser.add_argument_group("values (default: from the preset)")
    for key, value in presets["book"].items():
        if value is None:  # "no limit" and the like: another preset tells the type
            value = next((preset[key] for preset in presets.values() if preset.get(key) is not None), None)
        defaults = ", ".join(
            "%s %s" % (name, preset.get(key, presets["book"][key])) for name, preset in presets.items()
        )
        help_text = (help_texts.get(key, "") + " [%s]" % defaults).strip().replace("%", "%%")
        common_arguments = dict(dest=key, default=None, help=help_text)
        flag = "--" + key.replace("_", "-")
        if isinstance(value, (list, tuple)):
            item_type = _type_of(value[0]) if value else str
            group.add_argument(flag, nargs="*", type=item_type, metavar="VALUE", **common_arguments)
        elif isinstance(value, bool):
            group.add_argument(flag, nargs="?", const=True, type=_boolean, metavar="true|false", **common_arguments)
        else:
            metavar = _type_of(value).__name__.upper()
            group.add_argument(flag, type=_type_of(value), metavar=metavar, **common_arguments)


def parse(
    description: str,
    presets: Dict[str, dict],
    example: str,
    argv=None,
    add: Optional[Callable[[argparse.ArgumentParser], None]] = None,
    help_texts: Optional[Dict[str, str]] = None,
) -> argparse.Namespace:
    """Reads the command line of one script.

    Args:
      description: the script's docstring; shown by ``--help``.
      presets: ``{"book": {...}, "cpu": {...}, "tiny": {...}}``; ``book`` names every value, the others what differs.
      example: name of the folder below ``output/``.
      argv: the arguments, ``None`` for the process's own.
      add: called with the parser to add options of the script's own.
      help_texts: a help line a preset key.

    Returns:
      A namespace with ``preset``, ``seed``, ``threads``, ``data_dir`` (or None), ``output_dir`` (absolute: the run's own
      folder, by default ``output/<example>/<preset>``), ``example``, each key of ``presets["book"]``, and
      ``explicit`` (the set of preset keys that the user gave).
    """
    parser = Parser(description=description, formatter_class=Formatter)
    parser.add_argument("--preset", choices=sorted(presets), default="book", help="set of values (default: book)")
    parser.add_argument("--seed", type=int, default=0, help="seed of every random generator (default: 0)")
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0: all (default: 0)")
    parser.add_argument("--data-dir", help="folder of the data set (default: $BOOK_DATA_DIR/<name>, then data/<name>)")
    parser.add_argument("--output-dir", help="folder of this run (default: output/%s/<preset>)" % example)
    for name, preset in presets.items():
        unknown = sorted(set(preset) - set(presets["book"]))
        if unknown:  # would be set without an option, and without a value in the other presets
            raise ValueError("preset %s has values that preset book lacks: %s" % (name, ", ".join(unknown)))
    _add_preset_options(parser, presets, help_texts or {})
    if add is not None:
        add(parser)
    opts = parser.parse_args(argv)
    opts.example = example
    opts.explicit = {key for key in presets["book"] if getattr(opts, key) is not None}
    for key, value in {**presets["book"], **presets[opts.preset]}.items():
        if getattr(opts, key) is None:
            setattr(opts, key, value)
    default_output = os.path.join(REPOSITORY, "output", example, opts.preset)
    opts.output_dir = os.path.abspath(os.path.expanduser(opts.output_dir or default_output))
    if opts.data_dir is not None:
        opts.data_dir = os.path.abspath(os.path.expanduser(opts.data_dir))
    return opts


def _number(value):
    """NumPy scalars for JSON."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError("%r cannot be written as JSON" % (value,))


def write_json(path: str, value) -> None:
    """Writes ``value`` as JSON (UTF-8, sorted keys), whole or not at all."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(value, stream, ensure_ascii=False, indent=2, sort_keys=True, default=_number)
            stream.write("\n")
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def read_json(path: str):
    """Reads a JSON file; UserError when it is missing or damaged."""
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except FileNotFoundError:
        raise UserError("%s does not exist" % path)
    except (ValueError, OSError) as error:
        raise UserError("%s cannot be read: %s" % (path, error))


def save_settings(output_dir: str, settings: dict) -> None:
    """Saves a run's effective settings beside its checkpoints (``settings.json``)."""
    write_json(os.path.join(output_dir, SETTINGS_FILE), settings)


def load_settings(output_dir: str, made_by: str) -> dict:
    """Settings of an earlier run; UserError naming ``made_by`` (the script that makes such a run) when there is none."""
    path = os.path.join(output_dir, SETTINGS_FILE)
    if not os.path.exists(path):
        raise UserError("no trained model in %s: run %s first (same --preset or --output-dir)" % (output_dir, made_by))
    return read_json(path)


def run(main: Callable) -> None:
    """Runs a script's ``main``: a user's error is one line and exit status 2, Ctrl-C is 130."""
    try:
        status = main()
        sys.stdout.flush()  # here, where a closed pipe is expected, and not in the interpreter's last breath
    except UserError as error:
        print("error: %s" % error, file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 130
    except BrokenPipeError:  # the reader's `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except OSError as error:
        if error.errno not in _USERS_TO_MEND:
            raise
        print("error: %s" % error, file=sys.stderr)
        status = 2
    sys.exit(status or 0)
