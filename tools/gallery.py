"""Builds one page of all runs: pictures, sounds, figures, comparisons; self-contained, no server, no network.

  python tools/gallery.py                       output/gallery.html from the records below output/
  python tools/gallery.py --output-dir DIR      from the records below DIR, the page into DIR

The page holds everything in itself (pictures and sounds as data addresses), so it can be sent by mail.
"""

import argparse
import base64
import io
import os
import sys
from typing import Optional

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import jinja2
from PIL import Image

from common import options, records
from tools import results

TITLES = {
    "capsule_rnn": ("Example 51 · News classifier", "实例51 · 新闻分类", "9.6"),
    "tfts_births": ("Example 52 · Daily births", "实例52 · 出生人数预测", "9.7"),
    "tacotron": ("Example 53 · Mandarin speech", "实例53 · 中文语音合成", "9.8"),
    "deblurgan": ("Example 54 · Deblurring", "实例54 · 照片去模糊", "10.2"),
    "attgan": ("Example 55 · Face attributes", "实例55 · 人脸属性编辑", "10.3"),
}
MEDIA = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".wav": "audio/wav"}
LARGEST_SIDE = 1600  # pixels; larger pictures are shrunk in the page (the files stay as they are)
LARGEST_TEXT = 20000


def data_address(path: str) -> str:
    """A file as a ``data:`` address."""
    ending = os.path.splitext(path)[1].lower()
    with open(path, "rb") as stream:
        content = stream.read()
    if ending in (".png", ".jpg", ".jpeg"):
        picture = Image.open(io.BytesIO(content))
        if max(picture.size) > LARGEST_SIDE:
            picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.LANCZOS)
            buffer = io.BytesIO()
            picture.save(buffer, format="PNG")
            content, ending = buffer.getvalue(), ".png"
    return "data:%s;base64,%s" % (MEDIA[ending], base64.b64encode(content).decode("ascii"))


def entry_of(folder: str, item: dict) -> Optional[dict]:
    """What the template needs to show one file of a record; None when the file is gone."""
    path = os.path.join(folder, item["path"])
    if not os.path.exists(path):
        return None
    entry = dict(
        kind=item["kind"], caption=item["caption"], caption_zh=item["caption_zh"] or item["caption"], path=item["path"]
    )
    if item["kind"] in ("picture", "sound"):
        entry["address"] = data_address(path)
    elif item["kind"] == "comparison":
        entry["before"] = data_address(os.path.join(folder, item["before"]))
        entry["after"] = data_address(os.path.join(folder, item["after"]))
    else:
        with open(path, encoding="utf-8", errors="replace") as stream:
            entry["text"] = stream.read(LARGEST_TEXT)
    return entry


def build(output_dir: Optional[str] = None) -> str:
    """Writes ``gallery.html`` from all records below ``output_dir`` and returns its path."""
    output_dir = os.path.abspath(output_dir or os.path.join(options.REPOSITORY, "output"))
    examples = [dict(key=key, title=en, title_zh=zh, section=no, runs=[]) for key, (en, zh, no) in TITLES.items()]
    for path, record in records.read_all(output_dir).items():
        folder = os.path.dirname(path)
        entries = [entry for entry in (entry_of(folder, item) for item in record["files"]) if entry]
        run = dict(
            record,
            folder=os.path.relpath(folder, output_dir),
            entries=entries,
            took=results.duration(record["seconds"]),
        )
        for example in examples:
            if example["key"] == record["example"]:
                example["runs"].append(run)
    templates = jinja2.FileSystemLoader(os.path.dirname(os.path.abspath(__file__)))
    environment = jinja2.Environment(loader=templates, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["figure"] = results.number
    page = environment.get_template("gallery_template.html").render(examples=examples)
    os.makedirs(output_dir, exist_ok=True)
    target = os.path.join(output_dir, "gallery.html")
    with open(target + ".part", "w", encoding="utf-8") as stream:
        stream.write(page)
    os.replace(target + ".part", target)
    return target


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output-dir", help="folder of the runs (default: output/)")
    print("Gallery: %s" % build(parser.parse_args(argv).output_dir))


if __name__ == "__main__":
    options.run(main)
