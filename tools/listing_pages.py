"""Writes one page a listing: our code on the left, beside it the page's lines and names, the errata and the pictures it makes.

  python tools/listing_pages.py                   output/listings/*.html
  python tools/listing_pages.py --output-dir DIR  DIR/listings/*.html

Everything comes from the sources of INDEX.md (docs/printed_names.csv and the code), from ERRATA.md and its Chinese and from the
records below the output folder, so that the pages cannot drift from them. They are static, need no network and can be printed.
"""

import argparse
import io
import keyword
import os
import re
import sys
import tokenize

import jinja2
from markupsafe import Markup, escape

from common import files, options, records
from common.errors import UserError
from tools import gallery, index

_TITLES = {  # what a reader calls the listing; the file's own name says the rest
    "9-7": ("News classifier with capsule routing", "用动态路由对新闻分类"),
    "9-8": ("Daily births with TFTS", "用 TFTS 预测出生人数"),
    "9-9": ("Sounds into spectrograms", "由录音得到频谱"),
    "9-10": ("CBHG", "CBHG 模块"),
    "9-11": ("Location-sensitive attention", "位置敏感注意力"),
    "9-12": ("Decoder wrapper", "解码器封装"),
    "9-13": ("Helpers", "Helper 类"),
    "9-14": ("Decoder", "自定义解码器"),
    "9-15": ("Data set", "数据集"),
    "9-16": ("Tacotron", "Tacotron 模型"),
    "9-17": ("Training", "训练"),
    "10-1": ("DeblurGAN's networks", "DeblurGAN 的网络"),
    "10-2": ("Training", "训练"),
    "10-3": ("Use", "使用模型"),
    "10-4": ("CelebA", "CelebA 数据集"),
    "10-5": ("AttGAN's networks", "AttGAN 的网络"),
    "10-6": ("Training", "训练"),
    "10-7": ("Use", "使用模型"),
}


def errata(document="ERRATA.md"):
    """Number → (where, printed, right, how it shows, test), from ERRATA.md or ERRATA.zh-CN.md."""
    rows = {}
    with open(os.path.join(options.REPOSITORY, document), encoding="utf-8") as stream:
        for line in stream:
            if re.match(r"\|\s*E\d+\s*\|", line):
                cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
                rows[cells[0]] = cells[1:]
    return rows


def inline(text: str) -> Markup:
    """A table cell's Markdown (code and nothing else) as HTML."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text.replace("\\|", "|")))))


def highlighted(source: str):
    """The lines of a Python source as HTML, with comments, strings and keywords marked."""
    lines = [str(escape(line)) for line in source.splitlines()]
    raw = source.splitlines()
    marks = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = {tokenize.COMMENT: "c", tokenize.STRING: "s"}.get(token.type)
        if token.type == tokenize.NAME and keyword.iskeyword(token.string):
            kind = "k"
        if kind:
            (row, start), (last, end) = token.start, token.end
            for number in range(row, last + 1):
                left = start if number == row else 0
                right = end if number == last else len(raw[number - 1])
                marks.setdefault(number, []).append((left, right, kind))
    for number, spans in marks.items():
        line, parts, done = raw[number - 1], [], 0
        for left, right, kind in spans:
            parts += [str(escape(line[done:left])), '<span class="%s">%s</span>' % (kind, escape(line[left:right]))]
            done = right
        lines[number - 1] = "".join(parts) + str(escape(line[done:]))
    return [Markup(line) for line in lines]


def chunks(listing: str, source: str, located, rows, rows_zh):
    """The listing cut where a step of the page begins: dicts of the first line, the lines' HTML and the notes beside them.

    A cell of an erratum is a pair: English, Chinese (English, too, where the Chinese is yet to be written).
    """
    notes = {1: dict(steps=[], errata=[])}
    for _, lines, section, entry, begin in located:
        if entry:
            note = notes.setdefault(begin, dict(steps=[], errata=[]))
            note["steps"].append((lines.replace("-", "–"), section, [name for name, _ in entry]))
    starts = sorted(notes)
    html = highlighted(source)
    for number, line in enumerate(source.splitlines(), 1):
        for mark in re.findall(r"Erratum (E\d+)", line):
            home = max(start for start in starts if start <= number)
            if mark not in rows:
                raise UserError("%s, line %d: ERRATA.md has no row %s" % (listing, number, mark))
            pairs = [(inline(en), inline(zh)) for en, zh in zip(rows[mark], rows_zh.get(mark, rows[mark]))]
            erratum = dict(zip(("where", "printed", "right", "shows", "test"), pairs), number=mark)
            notes[home]["errata"].append(erratum)
    cut = []
    for start, end in zip(starts, starts[1:] + [len(html) + 1]):
        lines = [(number, html[number - 1]) for number in range(start, end)]
        cut.append(dict(notes[start], first=start, lines=lines))
    return cut


def build(output_dir=None):
    """Writes the pages below ``output_dir``/listings; returns [(listing, title, title in Chinese, path below output_dir)]."""
    output_dir = os.path.abspath(output_dir or os.path.join(options.REPOSITORY, "output"))
    located, rows, rows_zh = index.locate(index.read_rows()), errata(), errata("ERRATA.zh-CN.md")
    made = {}
    for path, record in records.read_all(output_dir).items():
        for item in record["files"]:
            if item["kind"] == "picture":
                made.setdefault(record["script"], []).append((gallery.entry_of(os.path.dirname(path), item), record))
    templates = jinja2.FileSystemLoader(os.path.dirname(os.path.abspath(__file__)))
    environment = jinja2.Environment(loader=templates, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.get_template("listing_template.html")
    listings = list(dict.fromkeys(row[0] for row in located))
    pages = [(listing, _TITLES[listing][0], _TITLES[listing][1], "listings/%s.html" % listing) for listing in listings]
    for listing, title, title_zh, page in pages:
        path = index.listing_file(listing)
        with open(os.path.join(options.REPOSITORY, path), encoding="utf-8") as stream:
            source = stream.read()
        pictures = [
            dict(entry, tiny=gallery.badge_of(record) == "tiny")
            for entry, record in made.get(os.path.splitext(os.path.basename(path))[0], [])[:4]
            if entry
        ]
        content = template.render(
            listing=listing,
            title=title,
            title_zh=title_zh,
            path=path,
            pages=pages,
            chunks=chunks(listing, source, [row for row in located if row[0] == listing], rows, rows_zh),
            pictures=pictures,
        )
        with files.atomic(os.path.join(output_dir, page), "w") as stream:
            stream.write(content)
    return pages


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output-dir", help="folder of the runs [output/]")
    pages = build(parser.parse_args(argv).output_dir)
    print("%d listing pages, the first: %s" % (len(pages), pages[0][3]))


if __name__ == "__main__":
    sys.exit(options.run(main))
