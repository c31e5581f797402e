"""A web server on this machine for the download tests; it can cut connections, ignore ranges, and lie."""

import contextlib
import http.server
import re
import threading


class Site:
    """What the server offers and what it was asked for.

    Attributes:
      files: path → bytes.
      kinds: path → content type, where it is not binary.
      cuts: for the requests to come, after how many bytes of the body the connection breaks (None: not at all).
      ranges: whether Range requests are honoured.
      etags: whether an ETag is sent; it follows the content.
      statuses: for the requests to come, an HTTP status to answer with instead (None: none).
      requests: (path, Range header or None) of every request.
    """

    def __init__(self):
        self.files, self.kinds, self.redirects = {}, {}, {}
        self.cuts, self.statuses = [], []
        self.ranges = self.etags = True
        self.length = True
        self.requests = []
        self.url = ""


@contextlib.contextmanager
def site():
    """A running server: ``with site() as web: web.files["/a"] = b"..."; url = web.url + "/a"``."""
    web = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *unused):
            pass

        def do_GET(self):
            web.requests.append((self.path, self.headers.get("Range")))
            status = web.statuses.pop(0) if web.statuses else None
            if status:
                return self.send_error(status)
            if self.path in web.redirects:
                self.send_response(302)
                self.send_header("Location", web.redirects[self.path])
                self.end_headers()
                return None
            if self.path not in web.files:
                return self.send_error(404)
            content = web.files[self.path]
            etag = '"%08x"' % (hash(content) & 0xFFFFFFFF)
            start = 0
            match = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
            if match and web.ranges and self.headers.get("If-Range", etag) == etag:
                start = int(match.group(1))
                if start >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Range", "bytes */%d" % len(content))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return None
                self.send_response(206)
                self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(content) - 1, len(content)))
            else:
                self.send_response(200)
            self.send_header("Content-Type", web.kinds.get(self.path, "application/octet-stream"))
            if web.length:
                self.send_header("Content-Length", str(len(content) - start))
            if web.etags:
                self.send_header("ETag", etag)
            self.end_headers()
            cut = web.cuts.pop(0) if web.cuts else None
            self.wfile.write(content[start:] if cut is None else content[start : start + cut])
            return None

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs=dict(poll_interval=0.02), daemon=True)
    thread.start()
    web.url = "http://127.0.0.1:%d" % server.server_address[1]
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
