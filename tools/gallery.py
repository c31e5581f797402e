"""Builds one page of all runs: pictures, sounds, figures, comparisons; no server, no network.

  python tools/gallery.py                       output/gallery.html from the records below output/
  python tools/gallery.py --output-dir DIR      from the records below DIR, the page into DIR

First in each example comes its best, from ``docs/best.json`` (pictures and sounds made with trained weights), then the runs,
newest first; runs at preset tiny are folded away. The page holds everything in itself (pictures and sounds as data addresses), so
it can be sent by mail. The listings' pages are built beside it (tools/listing_pages.py).
"""

import argparse
import base64
import io
import os
import re
from typing import Optional

import jinja2
from PIL import Image

from common import files, options, records
from common.errors import UserError
from data import celeba
from tools import results

TITLES = {
    "capsule_rnn": ("Example 51 · News classifier", "实例 51 · 新闻分类", "9.6"),
    "tfts_births": ("Example 52 · Daily births", "实例 52 · 出生人数预测", "9.7"),
    "tacotron": ("Example 53 · Mandarin speech", "实例 53 · 中文语音合成", "9.8"),
    "deblurgan": ("Example 54 · Deblurring", "实例 54 · 照片去模糊", "10.2"),
    "attgan": ("Example 55 · Face attributes", "实例 55 · 人脸属性编辑", "10.3"),
}
MEDIA = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".wav": "audio/wav"}
LARGEST_SIDE = 1600  # pixels; larger pictures are shrunk in the page (the files stay as they are)
LARGEST_TEXT = 20000


BEST_FILE = os.path.join(options.REPOSITORY, "docs", "best.json")


def shown(path: str) -> dict:
    """A file as the page shows it: its ``data:`` address and, of a picture, width and height in pixels."""
    ending = os.path.splitext(path)[1].lower()
    content = files.read_bytes(path)
    entry = {}
    if ending in (".png", ".jpg", ".jpeg"):
        picture = Image.open(io.BytesIO(content))
        if max(picture.size) > LARGEST_SIDE:
            picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.LANCZOS)
            buffer = io.BytesIO()
            picture.save(buffer, format="PNG")
            content, ending = buffer.getvalue(), ".png"
        entry.update(width=picture.size[0], height=picture.size[1])
    return dict(entry, address="data:%s;base64,%s" % (MEDIA[ending], base64.b64encode(content).decode("ascii")))


def entry_of(folder: str, item: dict) -> Optional[dict]:
    """What the template needs to show one file of a record; None when the file is gone or is no picture any more."""
    path = os.path.join(folder, item["path"])
    caption_zh = item.get("caption_zh") or item["caption"]
    entry = dict(kind=item["kind"], caption=item["caption"], caption_zh=caption_zh, path=item["path"])
    try:
        if item["kind"] in ("picture", "sound"):
            entry.update(shown(path))
            if "path_zh" in item:
                entry["zh"] = shown(os.path.join(folder, item["path_zh"]))
        elif item["kind"] == "comparison":
            entry.update({side: shown(os.path.join(folder, item[side])) for side in ("before", "after")})
        else:
            entry["text"] = files.read_bytes(path).decode("utf-8", "replace")[:LARGEST_TEXT]
    except (UserError, OSError):
        return None
    return entry


def badge_of(record: dict) -> str:
    """``shipped`` for what shipped weights made (whatever the preset of the script), ``tiny``, or nothing."""
    if record.get("weights") == "shipped":
        return "shipped"
    return "tiny" if record["preset"] == "tiny" else ""


def best_of(example: str) -> Optional[dict]:
    """The example's best, from docs/best.json; None where it has none yet."""
    if not os.path.exists(BEST_FILE):
        return None
    best = files.read_json(BEST_FILE).get(example)
    if best is None:
        return None
    folder = os.path.dirname(BEST_FILE)
    return dict(best, entries=[entry for entry in (entry_of(folder, item) for item in best["files"]) if entry])


def place(listing: str) -> str:
    """``listing 9-7`` as the two languages need it: the number alone, with the sign of a section where it is one."""
    return re.sub(r"^section ", "§ ", re.sub(r"^listing ", "", listing))


def build(output_dir: Optional[str] = None) -> str:
    """Writes ``gallery.html`` from all records below ``output_dir``, and the listings' pages; returns the gallery's path."""
    from tools import listing_pages  # which shows pictures as this module does

    output_dir = os.path.abspath(output_dir or os.path.join(options.REPOSITORY, "output"))
    examples = [
        dict(key=key, title=en, title_zh=zh, section=no, best=best_of(key), runs=[], tiny=[])
        for key, (en, zh, no) in TITLES.items()
    ]
    newest_first = sorted(records.read_all(output_dir).items(), key=lambda item: -os.path.getmtime(item[0]))
    for count, (path, record) in enumerate(newest_first):
        folder = os.path.dirname(path)
        entries = [entry for entry in (entry_of(folder, item) for item in record["files"]) if entry]
        run = dict(
            record,
            folder=os.path.relpath(folder, output_dir),
            entries=entries,
            took=results.duration(record["seconds"]),
            badge=badge_of(record),
            anchor="run-%d" % count,
        )
        for example in examples:
            if example["key"] == record["example"]:
                example["tiny" if run["badge"] == "tiny" else "runs"].append(run)
    templates = jinja2.FileSystemLoader(os.path.dirname(os.path.abspath(__file__)))
    environment = jinja2.Environment(loader=templates, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["figure"] = results.number
    environment.filters["place"] = place
    environment.filters["chinese"] = celeba.in_chinese
    listings = listing_pages.build(output_dir)
    page = environment.get_template("gallery_template.html").render(examples=examples, listings=listings)
    target = os.path.join(output_dir, "gallery.html")
    with files.atomic(target, "w") as stream:
        stream.write(page)
    return target


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output-dir", help="folder of the runs (default: output/)")
    print("Gallery: %s" % build(parser.parse_args(argv).output_dir))


if __name__ == "__main__":
    options.run(main)
