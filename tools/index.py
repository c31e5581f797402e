"""Writes INDEX.md: every printed name → file and line, by listing in the order of the page, and by alphabet.

The printed lines and names stand in docs/printed_names.csv (one row a step of the page); where each name stands in our code is
looked up in the code itself. A name that is not found is an error, so that no listing can lose one.

  python tools/index.py             rewrite INDEX.md
  python tools/index.py --check     exit status 1 when INDEX.md is not what the code says
"""

import argparse
import ast
import csv
import glob
import os
import re
import sys
from collections import OrderedDict

from common import files, options
from common.errors import UserError

NAMES_FILE = os.path.join(options.REPOSITORY, "docs", "printed_names.csv")
INDEX_FILE = os.path.join(options.REPOSITORY, "INDEX.md")
HEAD = """# Index of the printed names

Search this page for what the book prints. *Lines* are those of the printed listing (`~`: good to a few lines; `–`: not in the
printed text, from the author's published file). Each name leads to the first place in that step where it is bound. Written by
`make index`; a test keeps it true. The scripts of the text's own exercises, and what lies beyond, stand in each folder's README.
"""


def listing_file(listing: str) -> str:
    """Path of a listing below the repository: ``9-7`` → ``ch09_capsule_rnn/code_9_07_routing_rnn.py``."""
    chapter, number = listing.split("-")
    found = glob.glob(os.path.join(options.REPOSITORY, "ch*_*", "code_%s_%02d_*.py" % (chapter, int(number))))
    if len(found) != 1:
        raise UserError("listing %s has %d files" % (listing, len(found)))
    return os.path.relpath(found[0], options.REPOSITORY)


def read_rows():
    """Rows of docs/printed_names.csv as (listing, lines, section, [names])."""
    with open(NAMES_FILE, encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))[1:]
    return [(listing, lines, section, names.split()) for listing, lines, section, names in rows]


def bindings(source: str):
    """(name → sorted line numbers where the code binds it, names of functions and classes).

    Definitions, arguments, assignments, imports and attributes bind; a name that nothing else binds may be the keyword of a call.
    """
    found, keywords, defined = {}, {}, set()

    def add(name, line, table=found):
        table.setdefault(name, set()).add(line)

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            add(node.name, node.lineno)
            defined.add(node.name)
        elif isinstance(node, ast.arg):
            add(node.arg, node.lineno)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            add(node.id, node.lineno)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            add(node.attr, node.lineno)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                add((alias.asname or alias.name).split(".")[-1], node.lineno)
                add(alias.name.split(".")[-1], node.lineno)
        elif isinstance(node, ast.keyword) and node.arg:
            add(node.arg, node.value.lineno, keywords)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            add(node.name, node.lineno)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "namedtuple":
            for text in ast.walk(node):
                if isinstance(text, ast.Str):
                    for word in re.findall(r"\w+", text.s):
                        add(word, node.lineno)
    return {name: sorted(lines) for name, lines in dict(keywords, **found).items()}, defined


def locate(rows):
    """(listing, lines, section, [(name, line in our file)], line where the step begins) for each row, in the page's order.

    A name bound several times is meant where it stands first behind the place where the step before was found. A step begins at
    the function or class that it defines, else at its first name there; constants that we keep at the top of the file count only
    where it has nothing else.

    Raises:
      UserError: names that the code does not bind.
    """
    located, missing = [], []
    tables, places = {}, {}
    for listing, lines, section, names in rows:
        if listing not in tables:
            with open(os.path.join(options.REPOSITORY, listing_file(listing)), encoding="utf-8") as stream:
                tables[listing] = bindings(stream.read())
        (table, defined), here = tables[listing], places.get(listing, 0)
        entry = []
        for name in names:
            known = table.get(name.split(".")[-1])
            if known is None:
                missing.append("%s (listing %s, lines %s)" % (name, listing, lines))
                continue
            entry.append((name, next((line for line in known if line >= here), known[-1])))
        ahead = [line for name, line in entry if line >= here and name in defined]
        ahead = ahead or [line for _, line in entry if line >= here]
        begin = min(ahead) if ahead else min((line for _, line in entry), default=here)
        places[listing] = max(begin, here)
        located.append((listing, lines, section, entry, begin))
    if missing:
        raise UserError("printed names that no listing binds: " + ", ".join(missing))
    return located


def _link(name: str, path: str, line: int) -> str:
    return "[`%s`](%s#L%d)" % (name, path, line)


def page() -> str:
    """The whole of INDEX.md."""
    located = locate(read_rows())
    parts, alphabet = [HEAD], {}
    listings = OrderedDict()
    for row in located:
        listings.setdefault(row[0], []).append(row)
    for listing, rows in listings.items():
        path = listing_file(listing)
        parts.append("## Listing %s: [%s](%s)\n" % (listing, path, path))
        parts.append("| lines | section | names |\n|---|---|---|")
        for _, lines, section, entry, _ in rows:
            if entry:
                names = " ".join(_link(name, path, line) for name, line in entry)
                parts.append("| %s | %s | %s |" % (lines.replace("-", "–"), section, names))
            for name, line in entry:
                alphabet.setdefault(name.replace("self.", ""), OrderedDict()).setdefault((listing, path), line)
        parts.append("")
    parts.append("## By alphabet\n\n| name | listings |\n|---|---|")
    for name in sorted(alphabet, key=lambda word: (word.strip("_").lower(), word)):
        links = ["[%s](%s#L%d)" % (listing, path, line) for (listing, path), line in alphabet[name].items()]
        parts.append("| `%s` | %s |" % (name, " ".join(links)))
    return "\n".join(parts) + "\n"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; say whether the page is up to date")
    check = parser.parse_args(argv).check
    text = page()
    if check:
        same = os.path.exists(INDEX_FILE) and files.read_bytes(INDEX_FILE).decode("utf-8") == text
        print("INDEX.md %s what the code says" % ("is" if same else "is not"))
        return 0 if same else 1
    with files.atomic(INDEX_FILE, "w") as stream:
        stream.write(text)
    print("wrote INDEX.md")
    return 0


if __name__ == "__main__":
    sys.exit(options.run(main))
