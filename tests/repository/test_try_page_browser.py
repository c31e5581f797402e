"""The local page as its users meet it: the command itself, the five panels with the shipped weights, in a headless Chromium.

One server and one browser for all tests of this file; each test is another user, with a storage of its own. What test_try_page.py
shows with a client (headers, bounds, files) is not repeated here.
"""

import base64
import csv
import io
import json
import os
import re
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from common.chinese import chinese, is_chinese
from tests.browser import Browser
from tests.helpers import REPOSITORY

pytestmark = [pytest.mark.script, pytest.mark.xdist_group("browser")]  # two workers would start two of all
WIDTHS = (390, 1280)
ANSWER = 150  # seconds that a panel may take on a busy machine
REFUSED = ("It did not work: ", "未成功：")

# What the checks below use in the page; no code of the page is replaced by it.
TOOLS = r"""
window.tools = {
  form: function (panel) { return document.querySelector("form[data-panel=" + panel + "]"); },
  bytes: function (base64) { return Uint8Array.from(atob(base64), function (letter) { return letter.charCodeAt(0); }); },
  drop: function (panel, name, content) {
    var data = new DataTransfer();
    data.items.add(new File([content], name));
    this.form(panel).dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  },
  choose: function (field, value) { field.value = value; field.dispatchEvent(new Event("change")); },
  drawn: function (width, height, draw) {
    var canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    draw(canvas.getContext("2d"));
    return canvas;
  },
  pixels: function (source, width, height) {
    return this.drawn(width, height, function (pen) { pen.drawImage(source, 0, 0, width, height); })
      .getContext("2d").getImageData(0, 0, width, height).data;
  },
  difference: function (one, other) {  // mean over all pixels and channels, 0 to 255
    var width = one.naturalWidth || one.width, height = one.naturalHeight || one.height, sum = 0;
    var a = this.pixels(one, width, height), b = this.pixels(other, width, height);
    for (var i = 0; i < a.length; i++) { sum += Math.abs(a[i] - b[i]); }
    return sum / a.length;
  },
  loudest: function (address) {
    return fetch(address).then(function (answer) { return answer.arrayBuffer(); }).then(function (content) {
      return new OfflineAudioContext(1, 1, 16000).decodeAudioData(content);
    }).then(function (sound) { return Math.max.apply(null, sound.getChannelData(0).map(Math.abs).slice(0, 60000)); });
  },
  english: function (root) {  // visible words that look like English; names of files and the user's own words may
    var found = [], walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      var parent = walk.currentNode.parentElement;
      if (parent.getClientRects().length && !parent.closest(".words, .chosen, a, option") &&
          /[A-Za-z]{3,}[ ,]+[A-Za-z]{2,}/.test(walk.currentNode.data)) { found.push(walk.currentNode.data); }
    }
    return found;
  },
  broken: function (root) {
    return Array.prototype.filter.call(root.querySelectorAll("img"), function (image) {
      return image.getClientRects().length && !(image.complete && image.naturalWidth);
    }).map(function (image) { return image.src; });
  }
};
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """(address, temporary folder) of the page's own command."""
    folder = str(tmp_path_factory.mktemp("site"))
    command = [sys.executable, "-W", "ignore", "-m", "tools.try_page.server", "--port", "0"]
    environment = dict(os.environ, TMPDIR=folder)
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, encoding="utf-8")
    try:
        line = process.stdout.readline()
        yield re.match(r"open (http://127\.0\.0\.1:\d+) ", line).group(1) + "/", folder
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert os.listdir(folder) == []


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    browser = Browser(str(tmp_path_factory.mktemp("browser")))
    yield browser
    browser.close()


@pytest.fixture
def user(chromium, site):
    """A function: a new user's page (width, language). At the end no console may have shown anything."""
    pages = []

    def arrives(width=1280, language="en-US"):
        pages.append(chromium.page(site[0], width, language))
        pages[-1].js(TOOLS)
        return pages[-1]

    yield arrives
    said = [line for page in pages for line in page.said]
    for page in pages:
        page.close()
    # a refused request is said in the page; that the browser notes its status as well is no fault
    assert [line for line in said if not re.search("status of 4(00|13) ", line)] == []


def form_of(panel):
    return "form[data-panel=%s]" % panel


def state_of(page, panel):
    return page.js("tools.form('%s').querySelector('.state').innerText" % panel)


def told(page, panel, do, seconds=ANSWER):
    """Does something and waits for the panel's last word on it: the state line."""
    page.js("tools.form('%s').querySelector('.state').textContent = ''" % panel)
    do()
    ended = (
        "(function (form) { return form.querySelector('.state').textContent && !form.querySelector('.go').disabled; }"
    )
    page.until(ended + "(tools.form('%s')))" % panel, seconds)
    return state_of(page, panel)


def go(page, panel, seconds=ANSWER):
    return told(page, panel, lambda: page.click(form_of(panel) + " .go"), seconds)


def example(page, panel, number=1, seconds=ANSWER):
    button = "%s .examples button:nth-of-type(%d)" % (form_of(panel), number)
    return told(page, panel, lambda: page.click(button), seconds)


def drop(page, panel, name, content: bytes):
    encoded = base64.b64encode(content).decode("ascii")
    page.js("tools.drop('%s', '%s', tools.bytes('%s'))" % (panel, name, encoded))
    assert page.js("tools.form('%s').querySelector('.chosen').innerText" % panel) == name


def result(page, panel, program):
    """Value of an expression in which ``result`` is the panel's result."""
    return page.js("(function (result) { return %s; }(tools.form('%s').querySelector('.result')))" % (program, panel))


def fits(page, width):
    """Nothing sticks out to the right at this width."""
    page.width(width)
    assert page.js("document.documentElement.scrollWidth") <= width


def in_both_languages(page, panel, words):
    """The result in English and Chinese at both widths: its line, no English left in Chinese, pictures there, nothing cut off."""
    for language, expected in zip(("en", "zh"), words):
        page.click("#to-" + language)
        assert page.js("document.documentElement.lang") == dict(en="en", zh="zh-CN")[language]
        assert state_of(page, panel) == dict(en="Done.", zh="完成。")[language]
        assert expected in result(page, panel, "result.innerText")
        for width in WIDTHS:
            fits(page, width)
            page.until("tools.broken(document).length === 0")
        assert language == "en" or page.js("tools.english(document.getElementById('%s'))" % panel) == []
    page.click("#to-en")


# --------------------------------------------------------------------------------------------------- from input to result
GREEN = r"""Array.prototype.map.call(result.querySelectorAll(".words span"), function (word) {
  var green = /^rgba\(46, 160, 67, ([\d.]+)\)$/.exec(getComputedStyle(word).backgroundColor);
  return [word.innerText, green ? Number(green[1]) : 0];
})"""


def check_news(page, topic):
    """The topic, and the words on more or less green; {word: how green}."""
    assert topic + ", confidence" in result(page, "news", "result.querySelector('strong').innerText")
    words = dict(result(page, "news", GREEN))
    assert len(words) > 8 and max(words.values()) > 0.3, words
    return words


def test_news(user):
    page = user()
    assert example(page, "news") == "Done."
    assert "oil" in check_news(page, "crude")
    page.type(
        form_of("news") + " textarea", "The department reported record wheat and maize exports; grain shipments rose."
    )
    assert go(page, "news") == "Done."
    words = check_news(page, "grain")
    assert "wheat" in words and "oil" not in words  # the former answer is gone
    in_both_languages(page, "news", ["grain, confidence", "主题：谷物（grain）"])


CSV = """(function () {
  var lines = ["when;sold"];
  for (var month = 0; month < 96; month++) {
    var value = 200 + month + 40 * Math.sin(month * Math.PI / 6) + (month * 7919 % 13);
    lines.push((2012 + Math.floor(month / 12)) + "-" + ("0" + (month % 12 + 1)).slice(-2) + "-01;" + value.toFixed(1));
  }
  tools.drop("series", "sold.csv", lines.join("\\n"));
}())"""


def check_series(page, first_date, steps):
    """The forecast's picture is there, and its table has the dates that follow."""
    page.until("tools.form('series').querySelector('.result img.picture').naturalWidth > 600")
    link = result(page, "series", "result.querySelector('a[download$=\".csv\"]').href")
    rows = list(csv.DictReader(io.StringIO(page.js("fetch('%s').then(function (a) { return a.text(); })" % link))))
    assert len(rows) == steps and rows[0]["date"] == first_date
    for row in rows:
        assert float(row["lower_95"]) < float(row["mean"]) < float(row["upper_95"])
    return [float(row["mean"]) for row in rows]


def test_series(user):
    page = user()
    page.js(CSV)
    page.type(form_of("series") + " input[type=number]", "6")
    assert go(page, "series") == "Done."
    means = check_series(page, "2020-01-01", 6)
    assert max(abs(mean - 296 - index - 40 * np.sin(index * np.pi / 6) - 6) for index, mean in enumerate(means)) < 25
    in_both_languages(page, "series", ["the seasonal naive", "季节性朴素预测"])


@pytest.mark.hard
def test_series_example(user):
    page = user(390, "zh-CN")
    assert example(page, "series") == "完成。"
    with open(os.path.join(REPOSITORY, "docs", "examples", "visitors.csv"), encoding="utf-8") as stream:
        last = np.datetime64(stream.read().split()[-1].split(",")[0])
    check_series(page, str(last + 1), 30)
    in_both_languages(page, "series", ["the seasonal naive", "季节性朴素预测"])


def check_speech(page, least):
    """The player has loaded a sound that lasts and is not silent; (seconds)."""
    page.until("tools.form('speech').querySelector('.result audio').readyState >= 1")
    seconds = result(page, "speech", "result.querySelector('audio').duration")
    assert least < seconds < 4 * least, seconds
    loudest = result(page, "speech", "tools.loudest(result.querySelector('audio').src)")
    assert 0.05 < loudest <= 1.0, loudest


@pytest.mark.hard
def test_speech_example(user):
    page = user(390, "zh-CN")
    assert example(page, "speech") == "完成。"
    check_speech(page, 0.6)


def test_speech(user):
    page = user()
    page.type(form_of("speech") + " textarea", "欢迎来到北京，这里的秋天很美。")
    assert go(page, "speech") == "Done."
    check_speech(page, 1.5)
    assert "huan1 ying2" in result(page, "speech", "result.innerText")
    in_both_languages(page, "speech", ["s of speech", "语音长"])


PHOTO = """(function () {
  window.own = tools.drawn(320, 200, function (pen) {
    pen.fillStyle = "#88aadd";
    pen.fillRect(0, 0, 320, 200);
    pen.filter = "blur(2px)";
    pen.fillStyle = "#222222";
    for (var at = 20; at < 300; at += 24) { pen.fillRect(at, 30, 10, 60); pen.fillRect(at, 100 + at % 37, 14, 14); }
    pen.font = "28px sans-serif";
    pen.fillText("Blurred words", 40, 180);
  });
  return new Promise(function (done) {
    own.toBlob(function (blob) { tools.drop("photo", "own photo.jpg", blob); done(); }, "image/jpeg", 0.95);
  });
}())"""
COMPARE = form_of("photo") + " .compare"


def moved_slider(page):
    """The slider goes where it is clicked, and on with the keys; the upper picture is cut there."""
    slider = "document.querySelector('%s input')" % COMPARE
    page.click(COMPARE, across=0.25)
    clicked = float(page.js(slider + ".value"))
    assert 20 <= clicked <= 30, clicked
    page.key("ArrowRight", 39)
    page.key("ArrowRight", 39)
    assert float(page.js(slider + ".value")) == clicked + 2
    assert page.js("document.querySelector('%s .over').style.clipPath" % COMPARE).startswith("inset(0")
    cut = page.js("document.querySelector('%s .over').style.clipPath" % COMPARE)
    assert "%g%%" % (98 - clicked) in cut, cut


def check_photo(page, width, height):
    page.until(
        "tools.form('photo').querySelectorAll('.compare img').length === 2 && tools.broken(document).length === 0"
    )
    sides = "result.querySelectorAll('.compare img')"
    assert result(page, "photo", "[%s[0].naturalWidth, %s[0].naturalHeight]" % (sides, sides)) == [width, height]
    assert result(page, "photo", "tools.difference(%s[0], %s[1])" % (sides, sides)) > 0.5
    moved_slider(page)


def test_photo(user):
    page = user(390)
    page.js(PHOTO)
    assert go(page, "photo") == "Done."
    check_photo(page, 320, 200)
    before = result(page, "photo", "tools.difference(result.querySelector('.compare .over'), own)")
    assert before < 3, "the picture before is not the one that was given"
    in_both_languages(page, "photo", ["before and after", "处理前后"])
    page.width(1280)
    moved_slider(page)


FACE = """(function () {
  window.own = tools.drawn(240, 240, function (pen) {
    function oval(x, y, a, b, colour) {
      pen.fillStyle = colour; pen.beginPath(); pen.ellipse(x, y, a, b, 0, 0, 7); pen.fill();
    }
    pen.fillStyle = "#cfe3f2"; pen.fillRect(0, 0, 240, 240);
    oval(120, 105, 78, 92, "#4a2f1b"); oval(120, 128, 62, 80, "#f0c7a0");
    oval(97, 115, 9, 6, "#ffffff"); oval(143, 115, 9, 6, "#ffffff");
    oval(97, 115, 4, 5, "#30281f"); oval(143, 115, 4, 5, "#30281f");
    oval(120, 140, 6, 10, "#e0b089"); oval(120, 170, 22, 7, "#b5483f");
  });
  return new Promise(function (done) { own.toBlob(function (blob) { tools.drop("face", "own face.png", blob); done(); }); });
}())"""


def switch(page, attribute):
    page.js("tools.choose(document.querySelector('%s select[name=%s]'), 'on')" % (form_of("face"), attribute))


def check_face(page, whole):
    """The sheet of the edit, and the whole picture with the face put back: it is of the size of the given one, and changed."""
    page.until("tools.form('face').querySelectorAll('.result img').length >= 2 && tools.broken(document).length === 0")
    pictures = "result.querySelectorAll('img:not(.en-text):not(.zh-text)')"
    last = "%s[%s.length - 1]" % (pictures, pictures)
    assert result(page, "face", "[%s.naturalWidth, %s.naturalHeight]" % (last, last)) == whole
    return last


@pytest.mark.hard
def test_face_example(user):
    page = user(390, "zh-CN")
    assert example(page, "face") == "完成。"
    with Image.open(os.path.join(REPOSITORY, "docs", "examples", "face.png")) as picture:
        check_face(page, list(picture.size))


def test_face(user):
    page = user()
    page.js(FACE)
    switch(page, "Blond_Hair")
    strength = form_of("face") + " input[name=Blond_Hair_strength]"
    page.click(strength, across=0.9)
    assert float(page.js("document.querySelector('%s').value" % strength)) > 1.5
    assert go(page, "face") == "Done."
    last = check_face(page, [240, 240])
    assert 0.5 < result(page, "face", "tools.difference(%s, own)" % last) < 60
    in_both_languages(page, "face", ["Blond_Hair=1", "金发"])


# ------------------------------------------------------------------------------------------------------- the page as a whole
def test_language_is_remembered_and_everything_fits_before_any_answer(user):
    page = user()
    for language in ("en", "zh"):
        page.click("#to-" + language)
        for width in WIDTHS:
            fits(page, width)
    assert page.js("tools.english(document.querySelector('main'))") == []
    page.reload()
    assert page.js("document.body.className") == "zh"
    assert user().js("document.body.className") == "en"  # another user's choice is another
    assert user(390, "zh-CN").js("document.body.className") == "zh"  # of a browser that speaks Chinese


def test_what_is_missing_is_said_without_a_request(user):
    page = user()
    for panel, said in (("news", "the text is empty"), ("photo", "choose a file first")):
        assert go(page, panel, 5) == REFUSED[0] + said
    page.click("#to-zh")
    assert [state_of(page, panel) for panel in ("news", "photo")] == [
        REFUSED[1] + "请输入文本",
        REFUSED[1] + "请先选择文件",
    ]


def test_two_users_at_once(user):
    one, other = user(), user(390, "zh-CN")
    one.click(form_of("photo") + " .examples button")
    one.until("/^Working/.test(tools.form('photo').querySelector('.state').innerText)", 20)
    other.type(form_of("news") + " textarea", "Gold and silver prices fell in London as the dollar rose.")
    other.click(form_of("news") + " .go")
    places = "tools.form('news').querySelector('.state').innerText.indexOf('排队中：前面还有 1 个任务') === 0"
    other.until(places, 10)
    done = "tools.form('%s').querySelector('.state').innerText === '%s'"
    one.until(done % ("photo", "Done."), ANSWER)
    other.until(done % ("news", "完成。"), ANSWER)
    with Image.open(os.path.join(REPOSITORY, "docs", "examples", "shaken.jpg")) as picture:
        check_photo(one, *picture.size)
    assert "silver" in other.js("tools.form('news').querySelector('.words').innerText")
    for page, panel in ((one, "news"), (other, "photo")):  # nobody sees the other's answer
        assert page.js("tools.form('%s').querySelector('.result').children.length" % panel) == 0


def test_what_runs_can_be_cancelled(user):
    page = user()
    page.click(form_of("series") + " .examples button")
    page.until("/^Working/.test(tools.form('series').querySelector('.state').innerText)", 20)
    assert told(page, "series", lambda: page.click(form_of("series") + " .cancel"), 10) == "Cancelled."
    assert example(page, "news") == "Done."


HUNDRED = """(async function () {
  var seen = { accepted: [], refused: [], states: {} }, head = { "X-Companion": "1" };
  for (var number = 0; number < 100; number++) {
    var data = new FormData();
    data.set("panel", "news");
    data.set("text", "Oil prices rose, number " + number);
    var answer = await fetch("/jobs", { method: "POST", body: data, headers: head }), content = await answer.json();
    if (answer.status === 202) { seen.accepted.push(content.id); } else { seen.refused.push(content.error_zh); }
  }
  for (var job of seen.accepted) {
    await fetch("/jobs/" + job + "/cancel", { method: "POST", headers: head });
    var state = (await (await fetch("/jobs/" + job)).json()).state;
    seen.states[state] = (seen.states[state] || 0) + 1;
  }
  return seen;
}())"""


def test_a_hundred_requests_in_a_row(user, site):
    page, folders = user(), os.path.join(site[1], os.listdir(site[1])[0])
    before = len(os.listdir(folders))
    seen = page.js(HUNDRED, 60)
    assert len(seen["accepted"]) + len(seen["refused"]) == 100 and 20 <= len(seen["accepted"]) <= 25
    assert set(seen["refused"]) == {chinese("20 jobs are waiting already: try again later")}
    assert set(seen["states"]) <= {"cancelled", "done"} and seen["states"]["cancelled"] >= 19
    assert len(os.listdir(folders)) - before <= len(seen["accepted"])  # of what is refused nothing is kept
    assert example(page, "news") == "Done."


@pytest.mark.hard
def test_a_hundred_answers_in_a_row(user):
    page = user()
    for number in range(100):
        text = "Oil prices rose %d cents a barrel in New York." % number
        page.js("tools.form('news').querySelector('textarea').value = '%s'" % text)
        assert go(page, "news") == "Done.", number
        assert str(number) in page.js("tools.form('news').querySelector('.words').innerText").split()
    assert page.js("document.querySelectorAll('.words').length") == 1


# ------------------------------------------------------------------------------------------------------- hostile inputs
def png(width, height, rows=b""):
    """A PNG that claims to be so large."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def picture(form, **options):
    stream = io.BytesIO()
    noise = np.random.RandomState(0).randint(0, 256, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise).save(stream, form, **options)
    return stream.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) (w) file\n"
UNREAD = "is not a readable picture"
PIXELS = "megapixels are read"
PICTURES = [
    ("cut.png", picture("PNG")[:3000], UNREAD),
    ("bomb.png", png(12000, 12000), PIXELS),
    ("larger bomb.png", png(60000, 60000), PIXELS),
    ("renamed.png", picture("GIF")[:700], UNREAD),
    ("cut.jpg", picture("JPEG")[:200], UNREAD),
    ("script.png", SVG, UNREAD),
    ("program.jpg", POSTSCRIPT, UNREAD),
    ("claims.png", png(9000, 9000), UNREAD),
    ("empty.png", b"", "the file is empty"),
    ("huge.png", b"\x89PNG\r\n\x1a\n" + bytes(21 << 20), "the file is larger than 20 MB"),
    ("huger.png", bytes(26 << 20), "that is larger than 25 MB"),
]
NOT_TEXT = "holds NUL characters"
TABLES = [
    ("nul.csv", bytes(5000), NOT_TEXT),
    ("sixteen.csv", "date,value\n2020-01-01,1\n".encode("utf-16-le"), NOT_TEXT),
    ("field.csv", b"date,value\n2020-01-01," + b"9" * (2 << 20), ""),
    ("picture.csv", picture("PNG"), ""),
    ("quote.csv", b'date,value\n"2020-01-01,1\n' + b"2020-01-02,2\n" * 50, ""),
    ("formula.csv", b"date,value\n" + b"=cmd|'/c calc'!A0,1\n" * 30, ""),
    ("empty.csv", b"", "the file is empty"),
    ("huge.csv", b"2020-01-01,1\n" * (7 << 16), "the file is larger than 5 MB"),
]
NEWS = [
    ("emoji and control characters", "😀🚀\u202e\u0007\u001b[31m\u200b\ufeff", "no word of the text is known"),
    ("over-long", "oil " * 5001, "longer than 20000 characters"),
    ("nonsense", "qzxv wqkj zzgh", "no word of the text is known"),
    ("Chinese", "今天天气真好", ""),
]
SPEECH = [
    ("pinyin nonsense", "xqz9 blarg3 ni3", ""),
    ("over-long", "你" * 301, "longer than 300 characters"),
    ("no syllable", "blarg3 ni3", "no such syllable"),
    ("emoji and control characters", "😀🚀\u202e\u0007\u001b[31m", ""),
    ("English", "hello world", ""),
]


def check_refusal(page, panel, name, why):
    """One line in the page's language that says why, and no result."""
    for language, start in zip(("en", "zh"), REFUSED):
        page.click("#to-" + language)
        line = state_of(page, panel)
        assert line.startswith(start) and (language == "zh" or why in line), (name, line)
        reason = line[len(start) :]
        assert "\n" not in reason and len(reason) < 300, (name, line)
        assert not re.search(r"ended with status|Traceback|/tmp|companion-try|--\w", reason), (name, line)
        assert language == "en" or is_chinese(reason), (name, line)
        fits(page, 390)
        page.width(1280)
    page.click("#to-en")
    assert result(page, panel, "result.children.length") == 0, name
    assert page.js("tools.form('%s').querySelector('progress').hidden" % panel)


HOSTILE = dict(photo=(PICTURES, 2), face=(PICTURES, 1), series=(TABLES, 1), news=(NEWS, 2), speech=(SPEECH, 2))
ALWAYS = [(panel, case) for panel, (cases, often) in HOSTILE.items() for case in cases[:often]]


def groups():
    """Some inputs for each panel; the others are hard ground."""
    yield pytest.param(ALWAYS, id="some")
    for panel, (cases, often) in HOSTILE.items():
        yield pytest.param([(panel, case) for case in cases[often:]], id=panel, marks=pytest.mark.hard)


@pytest.mark.parametrize("cases", groups())
def test_hostile_inputs_are_refused_in_one_line(user, cases):
    page = user()
    switch(page, "Smiling")
    for panel, (name, content, why) in cases:
        if isinstance(content, bytes):
            drop(page, panel, name, content)
        else:
            page.js("tools.form('%s').querySelector('textarea').value = %s" % (panel, json.dumps(content)))
        go(page, panel)
        check_refusal(page, panel, "%s: %s" % (panel, name), why)
    assert example(page, "news") == "Done."
