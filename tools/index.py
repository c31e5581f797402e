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
from typing import NamedTuple

from common import files, options
from common.errors import UserError

NAMES_FILE = os.path.join(options.REPOSITORY, "docs", "printed_names.csv")
INDEX_FILE = os.path.join(options.REPOSITORY, "INDEX.md")
HEAD = """# Index of the printed names

Search this page for what the book prints. *Lines* are those of the printed listing (`~`: good to a few lines; `–`: not in the
printed text, from the author's published file). Each name leads to the first place in that step where it is bound. Written by
`make index`; a test keeps it true. The scripts of the text's own exercises come behind the listings, by section; what lies beyond
stands in each folder's README.
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


class Binding(NamedTuple):
    """One place where a name is bound.

    ``scope`` is the first line of the innermost function around it (0: the module's level), and ``rank`` says how: 0 assigned,
    defined or imported; 1 an argument; 2 the keyword of a call or a field's name in a text.
    """

    line: int
    scope: int
    rank: int


def bindings(source: str):
    """(name → its bindings by line, names of functions and classes, first line of a function → its last)."""
    found, defined, ends = {}, set(), {}

    def add(name, line, scope, rank=0):
        found.setdefault(name.split(".")[-1], set()).add(Binding(line, scope, rank))

    def visit(node, scope):
        inner = scope
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            add(node.name, node.lineno, scope)
            defined.add(node.name)
            ends[node.lineno] = max(getattr(child, "lineno", node.lineno) for child in ast.walk(node))
            inner = node.lineno if isinstance(node, ast.FunctionDef) else scope
        elif isinstance(node, ast.arg):
            add(node.arg, node.lineno, scope, 1)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            add(node.id, node.lineno, scope)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            add(node.attr, node.lineno, scope)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                add(alias.asname or alias.name, node.lineno, scope)
                add(alias.name, node.lineno, scope)
        elif isinstance(node, ast.keyword) and node.arg:
            add(node.arg, node.value.lineno, scope, 2)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            add(node.name, node.lineno, scope)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "namedtuple":
            for text in ast.walk(node):
                for word in re.findall(r"\w+", text.s) if isinstance(text, ast.Str) else ():
                    add(word, node.lineno, scope, 2)
        for child in ast.iter_child_nodes(node):
            visit(child, inner)

    visit(ast.parse(source), 0)
    return {name: sorted(places) for name, places in found.items()}, defined, ends


def _place_of(known, inside, scope, here):
    """The binding of a name that a step of the page means.

    Args:
      inside: lines of the function or class that this step defines, or None; scope: the function that the step before stood in;
      here: the line that the step before began at.
    """
    best = min(place.rank for place in known)
    if inside:
        within = [place for place in known if inside[0] <= place.line <= inside[1] and place.rank < 2]
        if within:
            return within[0]
    assigned = [place for place in known if place.rank == best]
    ahead = [place for place in assigned if place.line >= here]
    for choice in (
        [place for place in ahead if place.scope == scope],  # goes on in the same function
        [place for place in assigned if place.scope == 0],  # a constant at the top
        ahead,
        [place for place in assigned if place.scope == scope],
    ):
        if choice:
            return choice[0]
    return assigned[-1]


def locate(rows):
    """(listing, lines, section, [(name, line in our file)], line where the step begins) for each row, in the page's order.

    A step that defines a function or class means the names in it; another goes on in the function of the step before, with the
    constants at the top of the file for what that does not bind. It begins at what it defines, else at its first name behind the
    step before.

    Raises:
      UserError: names that the code does not bind.
    """
    located, missing = [], []
    tables, places = {}, {}
    for listing, lines, section, names in rows:
        if listing not in tables:
            with open(os.path.join(options.REPOSITORY, listing_file(listing)), encoding="utf-8") as stream:
                tables[listing] = bindings(stream.read())
        (table, defined, ends), (scope, here) = tables[listing], places.get(listing, (0, 0))
        inside, entry = None, []
        for name in names:
            known = table.get(name.split(".")[-1])
            if known is None:
                missing.append("%s (listing %s, lines %s)" % (name, listing, lines))
                continue
            place = _place_of(known, inside, scope, here)
            if name in defined and place.line in ends:
                inside = (place.line, ends[place.line])
            entry.append((name, place))
        begin = here
        if inside:
            begin = min(place.line for name, place in entry if place.line in ends and name in defined)
            scope = begin
        elif entry:
            ahead = [place for _, place in entry if place.line >= here]
            first = min(ahead) if ahead else min(place for _, place in entry)
            begin, scope = first.line, first.scope or scope
        same = places.get(listing, (0, 0))[0] == scope
        places[listing] = (scope, max(begin, here) if same else begin)  # a step may stand in a function further up
        located.append((listing, lines, section, [(name, place.line) for name, place in entry], begin))
    if missing:
        raise UserError("printed names that no listing binds: " + ", ".join(missing))
    return located


def _link(name: str, path: str, line: int) -> str:
    return "[`%s`](%s#L%d)" % (name, path, line)


def exercises():
    """(section, file, first sentence of its docstring) of every ``ext_…`` script, in the book's order."""
    rows = []
    for path in glob.glob(os.path.join(options.REPOSITORY, "ch*_*", "ext_*.py")):
        with open(path, encoding="utf-8") as stream:
            first = ast.get_docstring(ast.parse(stream.read())).splitlines()[0]
        found = re.search(r"\d+(\.\d+)+", first)
        if not found:
            raise UserError("%s: the docstring's first line names no section" % os.path.basename(path))
        said = re.sub(r"^(The )?(exercise|sections?)[^:]*: ", "", first, flags=re.IGNORECASE).replace("``", "`")
        order = [int(part) for part in found.group(0).split(".")]
        rows.append((order, found.group(0), os.path.relpath(path, options.REPOSITORY), said))
    return [row[1:] for row in sorted(rows)]


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
    parts.append(
        "## The text's exercises and statements, by section\n\n| section | script | what it does |\n|---|---|---|"
    )
    for number, path, said in exercises():
        parts.append("| %s | [%s](%s) | %s |" % (number, os.path.basename(path), path, said.replace("|", "\\|")))
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
