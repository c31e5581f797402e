"""The local page: what it refuses, its queue, its limits, and the page itself in a real browser."""

import argparse
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest
from werkzeug.serving import make_server

from ch09_tfts_births.beyond import forecast
from common.chinese import chinese
from common.errors import UserError
from tools.try_page import jobs, panels, server
from tools.try_page.panels import Field, Panel

HEADERS = {"X-Companion": "1", "Host": "127.0.0.1:8765"}
SCRIPT = r"""
import json, os, sys, time
opts = dict(zip(sys.argv[1::2], sys.argv[2::2]))
text = open(opts["--file"], encoding="utf-8").read()
if text == "slow":
    for share in range(0, 101, 2):
        sys.stderr.write("\rworking:  %d%%|###|" % share)
        sys.stderr.flush()
        time.sleep(0.1)
if text == "wrong":
    sys.exit("error: %s holds no words" % opts["--file"])
if text == "crash":
    os.kill(os.getpid(), 11)
if text == "greedy":
    bytearray(64 << 30)
out = opts["--output-dir"]
os.makedirs(out)
open(os.path.join(out, "answer.csv"), "w").write("word,effect\n")
items = [dict(path=name, kind="table", caption="The answer", caption_zh="答案") for name in ("answer.csv", "../input.txt")]
record = dict(files=items, tables=[dict(columns=["word", "effect"], rows=[["oil", 2.0], ["and", -1.0]], title="w", note="")])
topics = dict(title="Topics of the text", columns=["topic", "probability"], rows=[["crude", 0.9]], note="crude; oil prices")
record["tables"].append(topics)
notes = ["3 columns; the values are those of column 2 (sold), --value-column chooses"]
json.dump(dict(record, metrics={}, notes=notes), open(os.path.join(out, "record-x.json"), "w"))
if text == "torn":
    os.truncate(os.path.join(out, "record-x.json"), 40)
print("it is about", text)
"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    """(test client, queue) of a page with one panel whose script is quick."""
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    panel = Panel(
        "news", "News", "新闻", "about", "说明", "Go", "开始", str(tmp_path / "script.py"), (), "",
        (Field("text", "text", "text", "文本", longest=100),), (dict(field="text", label="oil", label_zh="油", text="oil"),),
    )  # fmt: skip
    monkeypatch.setattr(panels, "PANELS", (panel,))
    queue = jobs.Queue()
    app = server.create_app(queue, {"127.0.0.1:8765", "localhost:8765"})
    yield app.test_client(), queue
    queue.close()


def post(client, text, headers=HEADERS, **fields):
    return client.post("/jobs", data=dict(dict(panel="news", text=text), **fields), headers=headers)


def ended(client, identity, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        answer = client.get("/jobs/" + identity, headers=HEADERS).get_json()
        if answer["state"] not in ("waiting", "running"):
            return answer
        time.sleep(0.05)
    raise AssertionError("still %s" % answer["state"])


def test_from_input_to_result(page):
    client, queue = page
    answer = ended(client, post(client, "oil").get_json()["id"])
    assert answer["state"] == "done" and answer["headline"] == [
        "crude, confidence 90 %",
        "主题：原油（crude）（置信度 90%）",
    ]
    assert answer["tables"][0]["columns"] == [["topic", "主题"], ["probability", "概率"]]
    assert answer["words"] == [["oil", 1.0], ["and", -0.5]]
    note = ["3 columns; the values are those of column 2 (sold)", "共 3 列，取第 2 列（sold）的数值"]
    assert answer["notes"] == [note]  # what was chosen for the reader; the page has no options
    assert [item["name"] for item in answer["files"]] == ["answer.csv"]  # the other one lies outside the output folder


def test_files_are_served_by_number_and_nothing_else(page):
    client, queue = page
    identity = post(client, "oil").get_json()["id"]
    ended(client, identity)
    found = client.get("/jobs/%s/files/0" % identity, headers=HEADERS)
    assert found.data == b"word,effect\n" and found.headers["X-Content-Type-Options"] == "nosniff"
    for address in ("/jobs/%s/files/1" % identity, "/jobs/%s/files/../input.txt" % identity, "/jobs/x/files/0"):
        assert client.get(address, headers=HEADERS).status_code == 404, address


@pytest.mark.parametrize(
    "headers",
    [
        dict(HEADERS, Host="evil.example:8765"),  # a name that was made to lead here
        dict(HEADERS, Host="127.0.0.1:9999"),
        dict(HEADERS, Origin="http://evil.example"),
        dict(HEADERS, Origin="null"),
        {"Host": "127.0.0.1:8765"},  # a form of another page cannot set our header
    ],
)
def test_requests_from_elsewhere_are_refused(page, headers):
    client, queue = page
    assert post(client, "oil", headers).status_code == 403 and not queue.jobs


def test_where_the_page_cannot_listen_the_reason_is_said(capfd):
    """It said '(1)', behind two lines of Werkzeug's, and 'take another --port' for a host that does not exist."""
    taken = socket.socket()
    try:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        with pytest.raises(UserError, match=r"\(Address already in use\): take another --port"):
            server.main(["--port", str(taken.getsockname()[1])])
    finally:
        taken.close()
    with pytest.raises(UserError, match=r"no.such.host.invalid cannot be used \(.*\): take another --host"):
        server.main(["--host", "no.such.host.invalid", "--port", "0"])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "host,port,wanted",
    [
        ("127.0.0.1", 8765, "127.0.0.1:8765"),
        ("LOCALHOST", 80, "localhost"),
        ("::1", 80, "[::1]"),
        ("::", 81, "[::]:81"),
    ],
)
def test_names_are_written_as_browsers_write_them(host, port, wanted):
    assert server.netloc(host, port) == wanted


class Server:
    """In the place of Werkzeug's: listens on ``bound``, and answers while it should serve for ever."""

    def __init__(self, bound, port, requests):
        self.port, self.requests, self.socket = port, requests, self
        self.getsockname = lambda: (bound, port)

    def serve_forever(self):
        self.found = [self.client.get("/", headers=headers).status_code for headers in self.requests]


@pytest.mark.parametrize(
    "words,bound,address,answered,refused",
    [
        (["--port", "80"], "127.0.0.1", "127.0.0.1", ["127.0.0.1", "localhost:80"], ["127.0.0.1:8765"]),
        (["--host", "::1"], "::1", "[::1]:8765", ["[::1]:8765", "localhost:8765"], ["[::2]:8765", "::1"]),
        (["--host", "0.0.0.0"], "0.0.0.0", "127.0.0.1:8765", ["192.168.1.5:8765", "localhost:8765"], ["evil.example:8765"]),
        (["--host", "::"], "::", "[::1]:8765", ["[fe80::1]:8765", "192.168.1.5"], ["evil.example", "1.2.3.4.example:8765"]),
        (["--host", "MyHost"], "192.168.1.5", "myhost:8765", ["myhost:8765"], ["192.168.1.5:8765", "other:8765"]),
    ],
)  # fmt: skip
def test_the_page_answers_under_the_names_of_its_host(monkeypatch, capsys, words, bound, address, answered, refused):
    running = Server(bound, 8765, [dict(Host=host) for host in answered + refused])

    def make(host, port, app, threaded):
        running.port, running.client = port, app.test_client()
        return running

    monkeypatch.setattr(server, "make_server", make)
    monkeypatch.setattr(server.signal, "signal", lambda number, handler: None)
    server.main(words)
    said = capsys.readouterr()
    assert said.out == "open http://%s (Ctrl-C ends it)\n" % address
    assert ("other machines" in said.err) == (bound not in ("127.0.0.1", "::1"))
    assert running.found == [200] * len(answered) + [403] * len(refused)


def test_a_page_under_another_address_is_another_page():
    """Whatever addresses the page answers under, a request must come from the page that it is sent to."""
    queue = jobs.Queue()
    client = server.create_app(queue, {server.ANY_ADDRESS}).test_client()
    for origin, status in (("http://192.168.1.5:8765", 200), ("http://203.0.113.9:8765", 403), ("http://[", 403)):
        assert client.get("/", headers={"Host": "192.168.1.5:8765", "Origin": origin}).status_code == status
    queue.close()


def test_the_page_itself_only_under_its_own_name(page):
    client, queue = page
    assert client.get("/", headers=HEADERS).status_code == 200
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 403
    policy = client.get("/", headers=HEADERS).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


@pytest.mark.parametrize(
    "fields,said",
    [
        (dict(text=""), "is empty"),
        (dict(text="  \n"), "is empty"),
        (dict(text="x" * 101), "longer than 100"),
        (dict(panel="other"), "no such panel"),
    ],
)
def test_what_is_no_input_is_said_at_once(page, fields, said):
    client, queue = page
    answer = client.post("/jobs", data=dict(dict(panel="news", text="oil"), **fields), headers=HEADERS)
    assert answer.status_code == 400 and said in answer.get_json()["error"] and not queue.jobs
    assert os.listdir(queue.root) == []  # what is refused is not kept


def test_uploads_are_bounded(page):
    client, queue = page
    data = dict(panel="news", text="oil", file=(io.BytesIO(b"x" * (server.LARGEST_UPLOAD + 1)), "x"))
    answer = client.post("/jobs", data=data, headers=HEADERS)
    assert answer.status_code == 413 and "larger than 25 MB" in answer.get_json()["error"]


def test_the_scripts_own_line_is_shown_without_paths(page):
    client, queue = page
    answer = ended(client, post(client, "wrong").get_json()["id"])
    assert (answer["state"], answer["error"]) == ("failed", "input.txt holds no words")


@pytest.mark.parametrize("text", ["crash", "greedy"])
def test_a_worker_that_dies_takes_nothing_along(page, text):
    client, queue = page
    answer = ended(client, post(client, text).get_json()["id"])
    assert answer["state"] == "failed" and "ended with status" in answer["error"]
    assert ended(client, post(client, "oil").get_json()["id"])["state"] == "done"


def test_the_queue_shows_its_places_and_jobs_can_be_cancelled(page):
    client, queue = page
    first, second, third = (post(client, text).get_json()["id"] for text in ("slow", "oil", "oil"))
    end = time.time() + 20
    while client.get("/jobs/" + first, headers=HEADERS).get_json()["share"] is None and time.time() < end:
        time.sleep(0.05)
    states = [client.get("/jobs/" + identity, headers=HEADERS).get_json() for identity in (first, second, third)]
    assert [state["state"] for state in states] == ["running", "waiting", "waiting"]
    assert [state["ahead"] for state in states] == [0, 1, 2]
    assert 0 <= states[0]["share"] <= 1 and states[0]["doing"] == "working"
    for identity in (second, first):
        client.post("/jobs/%s/cancel" % identity, headers=HEADERS)
    assert ended(client, first)["state"] == "cancelled" and ended(client, second)["state"] == "cancelled"
    assert ended(client, third)["state"] == "done"


def test_a_job_that_is_cancelled_while_it_starts_does_not_run(tmp_path):
    """Found in the browser: such a job ran to its end unseen, and all others waited for it."""
    job = jobs.Job("news", str(tmp_path), ["-c", "import time; time.sleep(60)"])
    job.state = "cancelled"
    job.stop()  # before there is a process
    began = time.time()
    job.run()
    assert job.state == "cancelled" and time.time() - began < 20


def test_no_error_of_a_job_ends_the_queue(page, monkeypatch):
    """The only thread died of anything but an OSError, and all later jobs waited for ever."""
    client, queue = page
    for text, said in (("torn", "the job failed: out/record-x.json is damaged"), ("odd", "the job failed: KeyError")):
        with monkeypatch.context() as patch:
            if text == "odd":
                patch.setattr(jobs.Job, "_take_record", lambda job: (_ for _ in ()).throw(KeyError()))
            answer = ended(client, post(client, text).get_json()["id"])
        assert answer["state"] == "failed" and answer["error"].startswith(said) and "\n" not in answer["error"]
        assert answer["error_zh"].startswith("任务失败：")
    monkeypatch.setattr(
        jobs.subprocess, "Popen", lambda *words, **more: (_ for _ in ()).throw(OSError(12, "no memory"))
    )
    answer = ended(client, post(client, "oil").get_json()["id"])
    assert answer["error"] == "the worker could not be started: no memory"


def test_a_hundred_requests_do_not_pile_up(page):
    client, queue = page
    post(client, "slow")
    answers = [post(client, "oil").status_code for _ in range(100)]
    assert answers[0] == 202 and answers[-1] == 400 and answers.count(202) <= jobs.WAITING + 1


def test_nothing_stays_behind(page):
    client, queue = page
    ended(client, post(client, "oil").get_json()["id"])
    assert os.listdir(queue.root)
    queue.close()
    assert not os.path.exists(queue.root)


def test_numbers_and_choices_are_checked(tmp_path):
    fields = (
        Field("steps", "number", "steps", "步", 30, 1, 365),
        Field("on", "switch", "on", "开", 1.0, 0.1, 2.0, 0.1),
    )
    for form, said in (
        (dict(steps="400"), "1 to 365"),
        (dict(steps="1.5"), "1 to 365"),
        (dict(steps="x"), "no number"),
    ):
        with pytest.raises(panels.UserError, match=said):
            panels._value(fields[0], form, {}, str(tmp_path))
    with pytest.raises(panels.UserError, match="cannot be 'x'"):
        panels._value(fields[1], dict(on="x"), {}, str(tmp_path))
    assert panels._value(fields[0], dict(steps="7"), {}, str(tmp_path)) == 7
    for form, strength in (
        (dict(on=""), None),
        (dict(on="on", on_strength="0.5"), 0.5),
        (dict(on="off", on_strength="2"), -2),
    ):
        assert panels._value(fields[1], form, {}, str(tmp_path)) == strength
    values = dict.fromkeys(panels.FACE_ATTRIBUTES, None)
    values.update(file="input.png", Eyeglasses=1.0, Male=-0.5)
    assert panels.arguments_of("face", values, "out")[-3:] == ["--edit", "Eyeglasses=on", "Male=-0.5"]
    with pytest.raises(panels.UserError, match="0.1 to 2"):
        panels._value(fields[1], dict(on="on", on_strength="9"), {}, str(tmp_path))


def test_what_the_page_refuses_is_said_in_chinese_too(page):
    client, queue = page
    answer = client.post("/jobs", data=dict(panel="news", text="x" * 101), headers=HEADERS).get_json()
    assert answer["error_zh"] == "文本超过 100 个字符"
    said = "input.csv, line 3: 2020-01-02 is there twice: keep one row (and 4 more such lines)"
    assert chinese(said) == "所给 CSV 第 3 行：2020-01-02 出现了两次：请只保留一行（还有 4 行如此）"
    assert chinese("what nobody has translated") == "what nobody has translated"


@pytest.mark.parametrize(
    "said,shown",
    [
        ("input.csv has no dates: give them with --first 2020-01-01, and --step day", "input.csv has no dates"),
        (
            "line 3: 'x' is not a date like 1977-01-31 (--date-column, --date-format)",
            "line 3: 'x' is not a date like 1977-01-31",
        ),
        ("第 3 行：“x”不是日期（--date-column）", "第 3 行：“x”不是日期"),
        ("文本中没有词：请用 --text 输入", "文本中没有词"),
        ("the text holds no words; it reads -- English: news", "the text holds no words; it reads -- English: news"),
    ],
)
def test_the_page_names_no_options_of_the_scripts(said, shown):
    assert server.without_options(said) == shown


def test_what_the_panels_say_of_a_record():
    def said(panel, tables=(), note=""):
        metrics = {"MAE of the seasonal naive": dict(value=1.0, note=note)}
        line = panels.headline_of(argparse.Namespace(panel=panel, record=dict(tables=list(tables), metrics=metrics)))
        return line, chinese(line)

    note = "none of the 46 topics (best guess earn, too unsure); a"
    none = dict(title="Topics of the text", rows=[["earn", 0.31]], note=note)
    assert said("news", [none])[1] == "46 个主题都不是（置信度不足），最接近的是业绩（earn）（置信度 31%）"
    better = forecast.verdict(3.0, 4.0, 12)
    assert said("series", note=better) == (better, "本预测更好：误差比季节性朴素预测（周期 12）小 25%")
    assert said("series", note=forecast.verdict(5.0, 4.0, 1))[1].startswith("“重复最后一个值”更好：本预测的误差大 25%")
    assert (
        said("series", note=forecast.verdict(4.0, 4.0, 12))[1]
        == "不分高下：本预测的误差与季节性朴素预测（周期 12）相同"
    )
    assert said("speech", [dict(title="Sentences", rows=[["ni3", 1.5], ["hao3", 1.0]])])[1] == "语音长 2.5 秒"
    assert said("photo") == ("", "")


@pytest.mark.parametrize(
    "caption,shown",
    [
        ("input before and after", "before and after"),
        ("input：处理前后", "处理前后"),
        ("Edited faces, Bangs=1: input", "Edited faces, Bangs=1"),
    ],
)
def test_captions_do_not_name_the_pages_own_file(caption, shown):
    assert panels._without_name(caption) == shown


def test_every_panel_has_its_script_and_its_examples():
    for panel in panels.PANELS:
        assert os.path.exists(os.path.join(server.options.REPOSITORY, panel.script)), panel.script
        for number, example in enumerate(panel.examples):
            assert "text" in example or panels.example_file(panel.key, number), (panel.key, number)


CHECKS = """
(async function () {
  function report(seen) { fetch("/report", {method: "POST", headers: {"X-Companion": "1"}, body: JSON.stringify(seen)}); }
  function wait(test) { return new Promise(function (good, bad) { var n = 0; (function again() {
    if (test()) { good(); } else if (n++ > 200) { bad("waited too long"); } else { setTimeout(again, 50); } }()); }); }
  try {
    document.querySelector(".examples button").click();
    await wait(function () { return document.querySelector(".words span"); });
    document.getElementById("to-zh").click();
    var state = document.querySelector(".state").innerText;
    report({words: document.querySelectorAll(".words span").length, state: state,
      language: document.documentElement.lang, remembered: localStorage.getItem("language"),
      overflow: document.documentElement.scrollWidth - window.innerWidth});
  } catch (error) { report({error: String(error)}); }
}());
"""


@pytest.mark.script
@pytest.mark.parametrize("size", ["390,844", "1280,900"])
def test_page_works_in_a_browser(page, tmp_path, monkeypatch, size):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    client, queue = page
    names = set()
    app = server.create_app(queue, names)
    app.add_url_rule("/checks.js", "checks", lambda: (CHECKS, 200, {"Content-Type": "text/javascript"}))

    def with_checks():
        html = client.get("/", headers=HEADERS).get_data(as_text=True)
        return html.replace("</body>", '<script src="/checks.js"></script></body>')

    reports, told = [], threading.Event()

    def report():
        reports.append(json.loads(server.flask.request.get_data(as_text=True)))
        told.set()
        return "", 204

    app.view_functions["page"] = with_checks
    app.add_url_rule("/report", "report", report, methods=["POST"])
    running = make_server("127.0.0.1", 0, app, threaded=True)
    names.add("127.0.0.1:%d" % running.port)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --enable-logging=stderr --remote-debugging-port=0"
    )
    command = [browser] + flags.split() + ["--user-data-dir=%s" % (tmp_path / "profile"), "--window-size=" + size]
    command.append("http://127.0.0.1:%d/" % running.port)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8")
    try:
        assert told.wait(60), "the page did not come to its end"
    finally:
        process.terminate()
        _, log = process.communicate(timeout=30)
        running.shutdown()
    assert "CONSOLE" not in log, [line for line in log.splitlines() if "CONSOLE" in line]
    assert reports[0].pop("overflow") <= 0
    assert reports[0] == dict(words=2, state="完成。", language="zh-CN", remembered="zh")


def test_the_command_says_where_and_leaves_nothing_when_it_is_ended(tmp_path):
    command = [sys.executable, "-W", "ignore", "-m", "tools.try_page.server", "--port", "0"]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    environment = dict(os.environ, TMPDIR=str(tmp_path))
    process = subprocess.Popen(command, cwd=server.options.REPOSITORY, env=environment, **pipes)
    try:
        assert re.match(r"open http://127\.0\.0\.1:\d+ ", process.stdout.readline())
        assert os.listdir(str(tmp_path))
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert os.listdir(str(tmp_path)) == []
