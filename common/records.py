"""What a run made: every script leaves ``record-<script>.json`` in its run folder.

The gallery page and RESULTS.md are built from these files and from nothing else.
"""

import os
import platform
import shlex
import sys
import time
from typing import Dict, Optional, Sequence

from common import options
from common.chinese import chinese_path


def machine() -> str:
    """One line that names processor, cores and memory."""
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
            names = [line.split(":", 1)[1].strip() for line in stream if line.startswith("model name")]
        name = names[0] if names else name
    try:
        memory = " %d GiB" % round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2.0**30)
    except (ValueError, AttributeError, OSError):
        memory = ""
    return "%s, %d cores%s" % (name, os.cpu_count() or 1, memory)


_NO_SETTINGS = ("output_dir", "data_dir", "rows")  # where a run's files lay says nothing about its result


def _command(argv: Sequence[str]) -> str:
    """What was typed, with the script relative to the repository and without the run's own folder."""
    words = ["python", os.path.relpath(os.path.abspath(argv[0]), options.REPOSITORY)]
    arguments = iter(argv[1:])
    for argument in arguments:
        option, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
        if option == "--output-dir":
            if not equals:
                next(arguments, None)
        else:
            words.append(option + equals + (os.path.basename(value.rstrip("/")) if os.path.isabs(value) else value))
    return " ".join(shlex.quote(word) for word in words)  # pasted again, it means the same


class Record:
    """Collects settings, metrics and files of one run of one script.

    Args:
      opts: the namespace of ``options.parse_values`` (or any with ``output_dir``, ``example``, ``preset``, ``seed``).
      script: file name of the script without ending, e.g. ``code_9_08_births``.
      listing: what it shows, e.g. ``listing 9-8``.
      data: one line on the data, e.g. ``Quebec births, 5113 days (real)`` or ``generated sample``.
    """

    def __init__(self, opts, script: str, listing: str, data: str):
        import tensorflow as tf

        self.folder = opts.output_dir
        self.path = os.path.join(self.folder, "record-%s.json" % script)
        self._start = time.time()
        self.content = dict(
            example=opts.example,
            script=script,
            listing=listing,
            data=data,
            preset=opts.preset,
            seed=opts.seed,
            command=_command(sys.argv),
            tensorflow=tf.__version__,
            python=platform.python_version(),
            machine=machine(),
            date=time.strftime("%Y-%m-%d", time.gmtime()),
            settings={
                key: _without_folder(value)
                for key, value in sorted(vars(opts).items())
                if _plain(value) and key not in _NO_SETTINGS
            },
            metrics={},
            tables=[],
            files=[],
        )

    def metric(self, name: str, value, unit: str = "", printed: Optional[str] = None, note: str = "") -> None:
        """One figure; ``printed`` is the book's or the paper's beside it."""
        self.content["metrics"][name] = dict(value=_number(value), unit=unit, printed=printed, note=note)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence], note: str = "") -> None:
        """A table of figures; ``rows`` are lists as long as ``columns``."""
        rows = [[_number(cell) for cell in row] for row in rows]
        self.content["tables"].append(dict(title=title, columns=list(columns), rows=rows, note=note))

    def file(self, path: str, kind: str, caption: str, caption_zh: str = "", **extra) -> None:
        """A file this run made. ``kind``: picture, sound, table, text, or comparison (``extra``: before=, after=).

        A picture with Chinese words beside it (``common.plotting`` leaves one) is noted, too.
        """
        if kind == "picture" and os.path.exists(chinese_path(path)):
            extra["path_zh"] = chinese_path(path)
        relative = os.path.relpath(path, self.folder)
        extra = {key: os.path.relpath(value, self.folder) for key, value in extra.items()}
        self.content["files"].append(dict(path=relative, kind=kind, caption=caption, caption_zh=caption_zh, **extra))

    def shipped_weights(self) -> None:
        """Says that weights which come along made this, whatever the preset: no untrained or tiny model did."""
        self.content["weights"] = "shipped"

    def save(self) -> str:
        """Writes the record and returns its path."""
        self.content["seconds"] = round(time.time() - self._start, 1)
        options.write_json(self.path, self.content)
        return self.path


def _plain(value) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_plain(item) for item in value)
    return value is None or isinstance(value, (bool, int, float, str))


def _without_folder(value):
    """An absolute path says where a machine keeps its files; the file's name says what was used."""
    if isinstance(value, (list, tuple)):
        return [_without_folder(item) for item in value]
    return os.path.basename(value) if isinstance(value, str) and os.path.isabs(value) else value


def _number(value):
    """NumPy scalars as Python numbers, so that JSON takes them."""
    return value.item() if hasattr(value, "item") else value


def read_all(folder: str) -> Dict[str, dict]:
    """All records below ``folder``: path → content, sorted by path."""
    found = {}
    for base, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.startswith("record-") and name.endswith(".json"):
                path = os.path.join(base, name)
                found[path] = options.read_json(path)
    return found
