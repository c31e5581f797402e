"""The local page: `make try`, or

  python -m tools.try_page.server                  http://127.0.0.1:8765
  python -m tools.try_page.server --port 9000

It listens on this machine only, unless --host says otherwise: the machine's own name or address, or 0.0.0.0 (:: for IPv6), under
which all of its addresses lead here, written in figures. Each job runs as a script of the example in a process of its own,
one after the other; what is uploaded lies in a temporary folder that is removed when the page ends. Requests that come from
other pages, or under another name than this machine's, are refused.
"""

import argparse
import contextlib
import io
import ipaddress
import logging
import os
import re
import shutil
import signal
import socket
import sys

import flask
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

from common import options
from common.chinese import chinese
from common.errors import UserError
from tools.try_page import jobs, panels

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LARGEST_UPLOAD = 25 << 20  # bytes of a request
MEDIA = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".wav": "audio/wav",
    ".csv": "text/csv; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
ANY_ADDRESS = "any address in figures"  # among the names under which the page answers
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; connect-src 'self'; "
POLICY += "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"


def without_options(said: str) -> str:
    """A script's line, English or Chinese, without what it says of its options: the page has none to give."""
    said = re.sub(r" ?[(（][^()（）]*--[a-z][^()（）]*[)）]", "", said)
    return re.sub(r"[:;,：；，][^:;,：；，]*--[a-z].*", "", said, flags=re.DOTALL)


def netloc(host: str, port: int) -> str:
    """``host:port`` as a browser writes it: IPv6 in brackets, port 80 left out."""
    return ("[%s]" if ":" in host else "%s") % host.lower() + (":%d" % port if port != 80 else "")


def is_address(host: str) -> bool:
    """Whether a ``host:port`` names its host by an address in figures, which no foreign page can have made to lead here."""
    try:
        ipaddress.ip_address(re.sub(r":[0-9]+$", "", host).strip("[]"))
    except ValueError:
        return False
    return True


def create_app(queue: jobs.Queue, names) -> flask.Flask:
    """The page's application.

    Args:
      names: the ``host:port`` names under which it answers (another one means that a foreign page has its name resolved to here);
        maybe ``ANY_ADDRESS``.
    """
    app = flask.Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_UPLOAD

    @app.before_request
    def only_from_here():
        host = flask.request.host
        if host not in names and not (ANY_ADDRESS in names and is_address(host)):
            flask.abort(403, "this page answers under %s only" % " and ".join(sorted(names)))
        origin = flask.request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != host:
            flask.abort(403, "requests from other pages are refused")
        if flask.request.method == "POST" and flask.request.headers.get("X-Companion") != "1":
            flask.abort(403, "this request did not come from the page")

    @app.after_request
    def headers(response):
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.errorhandler(UserError)
    def user_error(error):
        return flask.jsonify(error=str(error), error_zh=chinese(str(error))), 400

    @app.errorhandler(HTTPException)
    def http_error(error):
        said = "that is larger than %d MB" % (LARGEST_UPLOAD >> 20) if error.code == 413 else error.description
        return flask.jsonify(error=said, error_zh=chinese(said)), error.code

    def job_of(identity):
        job = queue.jobs.get(identity)
        if job is None:
            flask.abort(404, "there is no such job (any more)")
        return job

    @app.route("/")
    def page():
        return flask.render_template("page.html", panels=panels.ready(), switch=panels.SWITCH)

    @app.route("/jobs", methods=["POST"])
    def add():
        folder = queue.folder()
        try:
            panel, command = panels.command_of(flask.request.form, flask.request.files, folder)
            job = queue.add(jobs.Job(panel, folder, command))
        except Exception:
            shutil.rmtree(folder, ignore_errors=True)  # else refused uploads would fill the disk
            raise
        return flask.jsonify(id=job.id), 202

    @app.route("/jobs/<identity>")
    def state(identity):
        job = job_of(identity)
        share, doing = job.progress()
        answer = dict(state=job.state, ahead=queue.place(job))
        answer.update(error=without_options(job.error), error_zh=without_options(chinese(job.error)))
        answer.update(share=share, doing=doing, doing_zh=chinese(doing))
        if job.state == "done":
            answer.update(panels.result_of(job))
            answer["notes"] = [list(map(without_options, note)) for note in answer["notes"]]
        return flask.jsonify(answer)

    @app.route("/jobs/<identity>/cancel", methods=["POST"])
    def cancel(identity):
        queue.cancel(job_of(identity))
        return flask.jsonify(state="cancelled")

    @app.route("/jobs/<identity>/files/<int:number>")
    def file(identity, number):
        job = job_of(identity)
        paths = panels.files_of(job) if job.state == "done" else []
        if number >= len(paths):
            flask.abort(404, "there is no such file")
        path = paths[number]
        ending = os.path.splitext(path)[1].lower()
        if ending not in MEDIA:
            flask.abort(404, "files of this kind are not shown")
        return flask.send_file(path, mimetype=MEDIA[ending], download_name=os.path.basename(path))

    @app.route("/shared/<any('page_style.css', 'page_script.js'):name>")
    def shared(name):
        return flask.send_file(os.path.join(TOOLS, name))  # the gallery's own

    @app.route("/examples/<panel>/<int:number>")
    def example(panel, number):
        path = panels.example_file(panel, number)
        if path is None:
            flask.abort(404, "there is no such example")
        return flask.send_file(path)

    return app


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8765, help="port of the page; 0: any that is free [8765]")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on [127.0.0.1: this machine only]")
    opts = parser.parse_args(argv)
    if not 0 <= opts.port < 65536:
        raise UserError("--port %d: a port is 0 to 65535" % opts.port)
    signal.signal(
        signal.SIGTERM, lambda number, frame: sys.exit(128 + number)
    )  # so that the uploads are removed then too
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line a request, two a second while a job runs
    queue = jobs.Queue()
    names = set()
    try:
        try:
            said = io.StringIO()
            with contextlib.redirect_stderr(said):
                server = make_server(opts.host, opts.port, create_app(queue, names), threaded=True)
        except (OSError, SystemExit) as error:  # Werkzeug says why it cannot listen, and ends the process
            reason = (said.getvalue().splitlines() or [str(error)])[0]
            other = "host" if isinstance(error.__context__, socket.gaierror) else "port"
            raise UserError(
                "port %d of %s cannot be used (%s): take another --%s" % (opts.port, opts.host, reason, other)
            )
        names |= {netloc(name, server.port) for name in ("127.0.0.1", "localhost", opts.host)}
        bound = ipaddress.ip_address(server.socket.getsockname()[0].partition("%")[0])
        shown = opts.host
        if bound.is_unspecified:
            names.add(ANY_ADDRESS)
            shown = "127.0.0.1" if bound.version == 4 else "::1"
        if not bound.is_loopback:
            print("note: this page can be reached from other machines, and anyone there can use it", file=sys.stderr)
        print("open http://%s (Ctrl-C ends it)" % netloc(shown, server.port), flush=True)
        server.serve_forever()
    finally:
        queue.close()
    return 0


if __name__ == "__main__":
    sys.exit(options.run(main))
