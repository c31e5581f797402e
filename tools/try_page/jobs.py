"""One heavy job at a time: each is a script of an example in a process of its own, which may die without harm to the page."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Dict, List, Optional

from common import records
from common.errors import UserError, one_line

SECONDS = 600  # a job that takes longer is ended
MEMORY = 12 << 30  # bytes of address space; TensorFlow reserves several gigabytes that it never touches
WRITTEN = 256 << 20  # bytes of one written file
WAITING = 20  # jobs in the queue; more are refused
KEPT = 40  # finished jobs whose files are kept

_PERCENT = re.compile(r"([^\r\n|]{0,60}?):?\s*(\d+)%\|")


WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")


class Job:
    """One request.

    Attributes:
      state: ``waiting``, ``running``, ``done``, ``failed`` or ``cancelled``.
      error: one line for the user, where it failed.
      record: the script's record, where it is done.
    """

    def __init__(self, panel: str, folder: str, command: List[str]):
        self.id = secrets.token_urlsafe(16)
        self.panel, self.folder, self.command = panel, folder, command
        self.state, self.error, self.output, self.record = "waiting", "", "", None
        self.began = self.ended = None
        self._process = None
        self._stopped = False
        self._seen = b""

    def progress(self):
        """(share 0…1 or None, what is being done), from the bars on the script's error stream."""
        found = _PERCENT.findall(self._seen.decode("utf-8", "replace"))
        return (int(found[-1][1]) / 100.0, found[-1][0].strip()) if found else (None, "")

    def run(self):
        """Runs the script and reads its record; called by the queue's thread."""
        environment = dict(os.environ, PYTHONIOENCODING="utf-8", OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", "2"))
        self.began = time.time()
        self._process = subprocess.Popen(
            [sys.executable, WORKER, str(MEMORY), str(WRITTEN)] + self.command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        if self._stopped:  # while the process was being started there was none to end
            self.stop()
        watch = threading.Timer(SECONDS, self.stop)
        reader = threading.Thread(target=self._read_errors, daemon=True)
        watch.start()
        reader.start()
        try:
            self.output = self._process.stdout.read(1 << 20).decode("utf-8", "replace")
            self._process.stdout.close()
            status = self._process.wait()
        finally:
            watch.cancel()
            reader.join(5)
            self.ended = time.time()
        if self.state == "cancelled":
            return
        if status == 0:
            self._take_record()
        else:
            self.state, self.error = "failed", self._reason(status)

    def _read_errors(self):
        for block in iter(lambda: self._process.stderr.read1(4096), b""):
            self._seen = (self._seen + block)[-8192:]

    def _reason(self, status: int) -> str:
        lines = self._seen.decode("utf-8", "replace").replace("\r", "\n").splitlines()
        said = [line[len("error: ") :] for line in lines if line.startswith("error: ")]
        if said:
            return said[-1].replace(self.folder + os.sep, "")
        if self.ended - self.began >= SECONDS:
            return "it took longer than %d s and was ended" % SECONDS
        return "the worker ended with status %d" % status

    def _take_record(self):
        found = list(records.read_all(os.path.join(self.folder, "out")).values())
        if found:
            self.state, self.record = "done", found[0]
        else:
            self.state, self.error = "failed", "the script left no record"

    def fail(self, error: Exception):
        """Says in one line what ended ``run``: no memory for a process, a full disk, a record that is cut off …"""
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        place = "the worker could not be started" if self._process is None else "the job failed"
        self.stop()
        self.error = "%s: %s" % (place, one_line(reason).replace(self.folder + os.sep, ""))
        if self.state != "cancelled":
            self.state = "failed"

    def stop(self):
        """Ends the worker and whatever it started, now or, where it is just starting, as soon as it is there."""
        self._stopped = True
        if self._process is not None and self._process.poll() is None:
            if os.name == "nt":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)


class Queue:
    """Jobs in the order they came, one at a time, in a temporary folder that is removed at the end."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="companion-try-")
        self.jobs: Dict[str, Job] = {}
        self._order: List[Job] = []
        self._lock = threading.Condition()
        self._closed = False
        threading.Thread(target=self._work, daemon=True).start()

    def folder(self) -> str:
        """A new folder for a job's input."""
        return tempfile.mkdtemp(dir=self.root)

    def add(self, job: Job) -> Job:
        """Puts a job at the end of the queue.

        Raises:
          UserError: too many wait already.
        """
        with self._lock:
            if len(self._waiting()) >= WAITING:
                raise UserError("%d jobs are waiting already: try again later" % WAITING)
            self.jobs[job.id] = job
            self._order.append(job)
            self._forget()
            self._lock.notify()
        return job

    def _waiting(self) -> List[Job]:
        return [job for job in self._order if job.state == "waiting"]

    def _forget(self):
        ended = [job for job in self._order if job.state in ("done", "failed", "cancelled")]
        for job in ended[:-KEPT]:
            self._order.remove(job)
            del self.jobs[job.id]
            shutil.rmtree(job.folder, ignore_errors=True)

    def place(self, job: Job) -> int:
        """How many jobs come before this one."""
        with self._lock:
            waiting = self._waiting()
            running = any(other.state == "running" for other in self._order)
            return waiting.index(job) + running if job in waiting else 0

    def cancel(self, job: Job):
        """Ends a job, wherever it is."""
        with self._lock:
            if job.state in ("waiting", "running"):
                job.state = "cancelled"
                job.stop()

    def _next(self) -> Optional[Job]:
        with self._lock:
            while not self._closed and not self._waiting():
                self._lock.wait()
            if self._closed:
                return None
            job = self._waiting()[0]
            job.state = "running"
            return job

    def _work(self):
        for job in iter(self._next, None):
            try:
                job.run()
            except Exception as error:  # whatever it is, the jobs after this one must not wait for ever
                job.fail(error)

    def close(self):
        """Ends the running job and removes all files."""
        with self._lock:
            self._closed = True
            for job in self._order:
                job.stop()
            self._lock.notify()
        shutil.rmtree(self.root, ignore_errors=True)
