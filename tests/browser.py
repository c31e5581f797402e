"""A headless Chromium, steered over the pipe of its DevTools protocol: real clicks and keys, and what its console said.

Each page is a user of its own (its own storage and language). No package is needed: the protocol is JSON with a NUL after it.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time

import pytest

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --remote-debugging-pipe"
)
# Chromium reads its descriptor 3 and writes to 4: put there in a process that has nothing else open.
START = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


def installed() -> str:
    """Path of the browser; the test is skipped with the reason where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    return found


class Browser:
    """One browser process with its profile in ``folder``."""

    def __init__(self, folder: str):
        program = installed()
        theirs, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # what chromium itself says goes to a file: a full pipe would stop it
        self._log = open(os.path.join(folder, "chromium.log"), "wb")
        words = [sys.executable, "-c", START, str(theirs), str(theirs_out), program] + FLAGS.split()
        words += ["--user-data-dir=" + os.path.join(folder, "profile"), "about:blank"]
        self._process = subprocess.Popen(words, pass_fds=(theirs, theirs_out), stdout=self._log, stderr=self._log)
        os.close(theirs)
        os.close(theirs_out)
        self._rest, self._number, self._pages = b"", 0, {}

    def _receive(self, until: float):
        while b"\0" not in self._rest:
            if not select.select([self._in], [], [], max(0.0, until - time.time()))[0]:
                raise AssertionError("the browser did not answer in time")
            block = os.read(self._in, 1 << 20)
            if not block:
                raise AssertionError("the browser ended; see %s" % self._log.name)
            self._rest += block
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message.decode("utf-8"))

    def call(self, method: str, session=None, seconds: float = 30.0, **parameters):
        """One command of the protocol and its result; events that come before it go to their pages."""
        self._number += 1
        message = dict(id=self._number, method=method, params=parameters, **({"sessionId": session} if session else {}))
        content, until = json.dumps(message).encode("utf-8") + b"\0", time.time() + seconds
        while content:
            content = content[os.write(self._out, content) :]
        while True:
            answer = self._receive(until)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError("%s: %s" % (method, answer["error"]))
                return answer["result"]
            if answer.get("sessionId") in self._pages:
                self._pages[answer["sessionId"]].heard(answer)

    def page(self, address: str, width: int = 1280, language: str = "en-US") -> "Page":
        """A new user's page at ``address``."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session, context)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(domain + ".enable")
        agent = self.call("Browser.getVersion")["userAgent"]
        page.call("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=language)
        page.width(width)
        page.open(address)
        return page

    def close(self):
        for descriptor in (self._out, self._in):  # the browser ends with its pipe
            os.close(descriptor)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


class Page:
    """One user's page.

    Attributes:
      said: what the console showed: warnings, errors, exceptions that nobody caught, failed requests.
    """

    def __init__(self, browser: Browser, session: str, context: str):
        self._browser, self._session, self._context = browser, session, context
        self.said = []

    def heard(self, event):
        """Keeps what a developer would see in the console."""
        method, given = event["method"], event["params"]
        if method == "Runtime.exceptionThrown":
            details = given["exceptionDetails"]
            self.said.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled":
            self.said.append("%s: %s" % (given["type"], [argument.get("value") for argument in given["args"]]))
        elif method == "Log.entryAdded":
            entry = given["entry"]
            self.said.append("%s: %s %s" % (entry["level"], entry["text"], entry.get("url", "")))

    def call(self, method: str, **parameters):
        return self._browser.call(method, self._session, **parameters)

    def open(self, address: str):
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete' && location.href.indexOf(%s) === 0" % json.dumps(address))

    def reload(self):
        self.js("window.old = true")
        self.call("Page.reload")
        self.until("!window.old && document.readyState === 'complete'")

    def js(self, program: str, seconds: float = 30.0):
        """Value of an expression (of a promise: what it comes to); an exception in it fails the test."""
        given = dict(expression=program, awaitPromise=True, returnByValue=True, userGesture=True)
        answer = self._browser.call("Runtime.evaluate", self._session, seconds, **given)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            what = details.get("exception", {}).get("description") or details["text"]
            raise AssertionError("%s\nin: %s" % (what, program[:300]))
        return answer["result"].get("value")

    def until(self, program: str, seconds: float = 10.0):
        """Waits until an expression is true, and returns it."""
        end = time.time() + seconds
        while True:
            value = self.js(program)
            if value:
                return value
            assert time.time() < end, "after %g s still not: %s" % (seconds, program[:300])
            time.sleep(0.05)

    def width(self, pixels: int):
        """The window's width; below 600 the browser is a phone's."""
        phone = pixels < 600
        height = 844 if phone else 900
        self.call("Emulation.setDeviceMetricsOverride", width=pixels, height=height, deviceScaleFactor=1, mobile=phone)

    def place(self, selector: str):
        """(left, top, width, height) of an element in the window, which is scrolled to it."""
        program = """(function () { var found = document.querySelector(%s);
          if (!found) { throw new Error("there is no such element"); }
          found.scrollIntoView({ block: "center" }); var box = found.getBoundingClientRect();
          return [box.left, box.top, box.width, box.height]; }())"""
        box = self.js(program % json.dumps(selector))
        assert box[2] > 0 and box[3] > 0, "%s is not to be seen" % selector
        return box

    def click(self, selector: str, across: float = 0.5):
        """A click of the mouse on an element, ``across`` of its width from the left."""
        left, top, width, height = self.place(selector)
        point = dict(x=left + across * width, y=top + height / 2, button="left", clickCount=1)
        self.call("Input.dispatchMouseEvent", type="mousePressed", **point)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", **point)

    def key(self, name: str, code: int):
        """A key of the keyboard (``"ArrowRight"``, 39), pressed and let go."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code)

    def type(self, selector: str, text: str):
        """Text into a field, in place of what it held, as the keyboard's input method puts it there."""
        self.js("document.querySelector(%s).value = ''" % json.dumps(selector))
        self.click(selector)
        self.call("Input.insertText", text=text)

    def choose_file(self, selector: str, path: str):
        """A file of the disk, as the window for choosing files hands it over."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[path])

    def picture(self, path: str):
        """Writes the whole page as a PNG."""
        content = self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        with open(path, "wb") as stream:
            stream.write(base64.b64decode(content))

    def close(self):
        self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)
