"""The gallery page: built from records alone, whole in itself, and working in a real browser."""

import argparse
import glob
import html
import os
import re
import shutil
import subprocess
import wave

import numpy as np
import pytest

from common import chinese, images, records
from tests import helpers
from tools import gallery, listing_pages, readme_commands, results

CHECKS = """
<script>
window.addEventListener("load", function () {
  var audio = document.querySelector("audio"), slider = document.querySelector("input[type=range]");
  var result = {}, chinese = document.querySelector("h1 .zh-text"), english = document.querySelector("h1 .en-text");
  slider.value = 20; slider.dispatchEvent(new Event("input"));
  result.slider = getComputedStyle(document.querySelector(".compare")).getPropertyValue("--at").trim();
  document.getElementById("to-zh").click();
  result.language = document.documentElement.lang;
  result.chinese = chinese.offsetWidth > 0 && english.offsetWidth === 0;
  result.overflow = document.documentElement.scrollWidth - window.innerWidth;
  function finish() {
    result.seconds = audio.duration;
    result.broken = Array.from(document.images).filter(function (i) { return i.complete && i.naturalWidth === 0; }).length;
    document.title = "RESULT " + JSON.stringify(result);
  }
  if (audio.readyState > 0) { finish(); } else { audio.addEventListener("loadedmetadata", finish); audio.load(); }
});
</script></body>
"""


@pytest.fixture(autouse=True)
def without_the_best(monkeypatch, tmp_path):
    """The page of a run alone, without what docs/best.json puts before it."""
    monkeypatch.setattr(gallery, "BEST_FILE", str(tmp_path / "none.json"))


@pytest.fixture
def run_folder(tmp_path):
    """A run with one file of each kind, as a script leaves it."""
    folder = tmp_path / "deblurgan" / "cpu"
    folder.mkdir(parents=True)
    random = np.random.RandomState(0)
    for name in ("picture", "before", "after"):
        images.write_png(str(folder / (name + ".png")), np.uint8(random.randint(0, 255, [40, 60, 3])))
    with wave.open(str(folder / "tone.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16000)
        sound.writeframes(np.int16(8000 * np.sin(np.arange(8000) * 0.2)).tobytes())
    (folder / "lines.txt").write_text("<b>not bold</b>\n", encoding="utf-8")
    opts = argparse.Namespace(output_dir=str(folder), example="deblurgan", preset="cpu", seed=3, batch_size=4)
    record = records.Record(opts, "code_10_03_deblur", "listing 10-3", "test pictures")
    record.metric("PSNR", np.float32(27.125), "dB", printed="28.7", note="mean of 3")
    record.table("per picture", ["name", "dB"], [["a", 1.5], ["b", np.float64(2.25)]])
    record.file(str(folder / "picture.png"), "picture", "A picture", "一张图")
    record.file(str(folder / "tone.wav"), "sound", "A tone", "一个音")
    record.file(str(folder / "lines.txt"), "text", "Some lines", "几行字")
    after, before = str(folder / "after.png"), str(folder / "before.png")
    record.file(after, "comparison", "Before and after", "前后对比", before=before, after=after)
    record.save()
    return tmp_path


def test_page_shows_every_file_and_figure_and_needs_nothing_else(run_folder):
    path = gallery.build(str(run_folder))
    with open(path, encoding="utf-8") as stream:
        page = stream.read()
    shown = (
        "10-3 · <code>code_10_03_deblur",
        "27.12 dB",
        "28.7",
        "per picture",
        "A picture",
        "一张图",
        "A tone",
        "前后对比",
    )
    for text in shown:
        assert text in page, text
    assert "&lt;b&gt;not bold" in page and "<b>not bold" not in page
    assert page.count("data:image/png;base64,") == 3 and page.count("data:audio/wav;base64,") == 1
    assert not re.search(r"(src|href)=\"(https?:|//|/)", page)


def test_page_without_any_run_says_so(tmp_path):
    with open(gallery.build(str(tmp_path / "nothing")), encoding="utf-8") as stream:
        assert stream.read().count("No run yet") == len(gallery.TITLES)


def test_listing_pages_show_errata_and_pictures_in_both_languages(run_folder):
    gallery.build(str(run_folder))
    english, chinese = listing_pages.errata(), listing_pages.errata("ERRATA.zh-CN.md")
    seen = set()
    for path in sorted((run_folder / "listings").glob("*.html")):
        page = path.read_text(encoding="utf-8")
        for number in re.findall(r"</span> (E\d+)</b>", page):
            seen.add(number)
            for cell in english[number] + chinese[number]:
                assert listing_pages.inline(cell) in page, (path.name, number)
    assert len(seen) > 50
    page = (run_folder / "listings" / "10-3.html").read_text(encoding="utf-8")
    assert 'alt="A picture · 一张图"' in page and page.count("data:image/png;base64,") == 1


@pytest.mark.script
@pytest.mark.parametrize("size", ["390,844", "1280,900"])
def test_page_works_in_a_browser(run_folder, tmp_path, size):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with open(gallery.build(str(run_folder)), encoding="utf-8") as stream:
        page = stream.read()
    checked = tmp_path / "checked.html"
    checked.write_text(page.replace("</body>", CHECKS), encoding="utf-8")
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=8000 --dump-dom"
    )
    command = [browser] + flags.split()
    command += ["--user-data-dir=%s" % (tmp_path / "profile"), "--window-size=" + size, checked.as_uri()]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", timeout=120)
    found = re.search(r"<title>RESULT (\{.*?\})</title>", done.stdout)
    assert found, done.stdout[:500] + done.stderr[-2000:]
    result = found.group(1)
    assert "CONSOLE" not in done.stderr, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert '"slider":"20%"' in result and '"language":"zh-CN"' in result and '"chinese":true' in result, result
    assert '"seconds":0.5' in result and '"broken":0' in result, result
    assert int(re.search(r'"overflow":(-?\d+)', result).group(1)) <= 0, result


def test_a_word_left_between_chinese_characters_is_seen():
    words = chinese._table()[0]
    assert words["{} pictures"] == "{} 张图片" and "judged" not in words  # so half of this is translated
    assert helpers.english_left("judged pictures") == ["judged"] and helpers.english_left("val pictures") == []
    assert helpers.english_left("file of the judged") == ["judged"]  # judged的文件: no space between


def test_the_measured_records_are_shown_in_chinese():
    paths = glob.glob(os.path.join(results.FOLDER, "*", "*.json"))
    assert len(paths) > 50 and set().union(*map(helpers.half_translated, paths)) == set()


@pytest.mark.script
@pytest.mark.slow
@pytest.mark.parametrize("folder", sorted(readme_commands.EXAMPLES.values()))
def test_the_readers_own_records_are_shown_in_chinese(walk, folder):
    paths = records.read_all(os.path.join(walk(folder), "output"))
    assert paths and set().union(*map(helpers.half_translated, paths)) == set()


def test_the_best_stands_first_and_its_files_are_there(monkeypatch, tmp_path):
    monkeypatch.undo()
    with open(gallery.build(str(tmp_path)), encoding="utf-8") as stream:
        page = stream.read()
    for example, best in gallery.files.read_json(gallery.BEST_FILE).items():
        assert (
            html.escape(best["title"]).replace("&#x27;", "&#39;") in page
            and len(gallery.best_of(example)["entries"]) == len(best["files"]) > 0
        )
