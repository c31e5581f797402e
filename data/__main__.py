"""The data sets of the examples: what there is, getting it, checking it, generating small samples.

    python -m data list
    python -m data fetch births reuters       # into data/<name>; goes on where it stopped
    python -m data verify births              # OK, MISSING or DAMAGED, file by file; exit status 2 on trouble
    python -m data sample births              # a small generated set in the same format (what --preset tiny uses)

NAME may be `all`. data/README.md has the sources, sizes, terms and layouts.
"""

import argparse
import os
import sys

from common import datasets, options
from common.errors import UserError, one_line
from data import download, fetch, verify


def _parser() -> argparse.ArgumentParser:
    parser = options.Parser(prog="python -m data", description=__doc__, formatter_class=options.Formatter)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=options.Parser)
    commands.required = True
    commands.add_parser("list", help="the data sets, their sizes and terms, and where they were found")
    helps = (
        ("fetch", "download, check and unpack"),
        ("verify", "check what is there, file by file"),
        ("sample", "generate the small sample that --preset tiny uses"),
    )
    for name, text in helps:
        command = commands.add_parser(name, help=text)
        command.add_argument(
            "names",
            nargs="+",
            metavar="NAME",
            choices=sorted(datasets.DATASETS) + ["all"],
            help="%s, or all" % ", ".join(datasets.DATASETS),
        )
        if name != "sample":
            command.add_argument("--data-dir", help="folder of the data set (one NAME only; default: data/<name>)")
        if name == "fetch":
            command.add_argument("--remove-archive", action="store_true", help="delete the archive once it is unpacked")
    return parser


def _list() -> int:
    for name, dataset in datasets.DATASETS.items():
        size = sum(source.size or source.about for source in dataset.sources)
        print("%-8s example %d, %s: %s" % (name, dataset.example, download.readable(size), dataset.title))
        print("         terms: %s" % dataset.licence)
        for folder in datasets.candidates(name):
            if os.path.isdir(folder):
                lacks = verify.lacking(dataset, folder)
                state = "other layout or incomplete: no %s" % ", ".join(lacks) if lacks else "complete"
                print("         found: %s (%s)" % (folder, state))
    return 0


def _fetch(name: str, opts) -> bool:
    folder = opts.data_dir or os.path.join(options.REPOSITORY, "data", name)
    fetch.fetch(name, os.path.abspath(folder), opts.remove_archive)
    return True


def _verify(name: str, opts) -> bool:
    folders = [folder for folder in datasets.candidates(name, opts.data_dir) if os.path.isdir(folder)]
    if not folders:
        looked = " or ".join(datasets.candidates(name, opts.data_dir))
        raise UserError("%s: there is no %s; %s" % (name, looked, datasets.how_to_get(name)))
    troubles = 0
    for folder in folders:
        report = verify.verify(name, folder)
        print("\n".join(report.lines))
        troubles += report.troubles
        if report.troubles:
            print("%s: %d in trouble; %s" % (name, report.troubles, datasets.how_to_get(name)))
    return troubles == 0


def _sample(name: str, opts) -> bool:
    if not datasets.has_sample(name):
        raise UserError("%s cannot be generated; %s" % (name, datasets.how_to_get(name)))
    print("%s: %s (generated sample, not real data)" % (name, datasets.sample(name)))
    return True


def main(argv=None) -> int:
    """Runs one command; 0 when all was well, 2 when something is missing, damaged or could not be fetched."""
    opts = _parser().parse_args(argv)
    if opts.command == "list":
        return _list()
    names = opts.names
    if "all" in names:
        names = [name for name in datasets.DATASETS if opts.command != "sample" or datasets.has_sample(name)]
    if getattr(opts, "data_dir", None) and len(names) != 1:
        raise UserError("--data-dir is the folder of one data set: give one NAME with it")
    action = {"fetch": _fetch, "verify": _verify, "sample": _sample}[opts.command]
    well = True
    for name in names:  # one that fails does not keep the others back
        try:
            well = action(name, opts) and well
        except UserError as error:
            print("error: %s" % one_line(error), file=sys.stderr)
            well = False
    return 0 if well else 2


if __name__ == "__main__":
    options.run(main)
