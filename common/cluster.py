"""One training on several processes or machines: TensorFlow's own distributed runtime, each worker with its share of a batch.

Every worker holds the whole network and computes the gradients of its own examples. The first one, the chief (task 0), takes the
mean of all gradients, in the order of the tasks, and sends it round, so that all take the same step: synchronous training with a
batch as many times as large. Only the chief writes; what a worker would write goes to a temporary folder. A trainer says::

    opts = options.parse_values(…, add=cluster.add_options)
    peers = cluster.join(opts)                          # in place of run.start(opts.seed)
    gradients = peers.mean(gradients)                   # before the optimizer applies them
    with peers.run(opts) as this, peers.session(opts.threads) as session:
        done = this.restore(saver, session)
        done = peers.share(session, done)               # the chief's variables and step for all

Without ``--cluster`` nothing of this changes anything. Several processes on one machine::

    python -m common.cluster 2 ch10_deblurgan/beyond/train.py --preset tiny

The ports take commands from whoever reaches them (TensorFlow's runtime knows no passwords): for a trusted network only.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import List, Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from common import options, run
from common.errors import Stopped, UserError

JOB = "worker"
WAIT = 600  # seconds
# What TensorFlow raises where another process is gone, silent, or has ended the exchange.
_LOST = (
    tf.errors.DeadlineExceededError,
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
)


def add_options(parser) -> None:
    """Adds ``--cluster``, ``--task`` and ``--cluster-wait``."""
    group = parser.add_argument_group("several processes or machines (docs/cluster.md)")
    group.add_argument("--cluster", metavar="HOST:PORT,…", help="all workers, the chief first; the same list for each")
    group.add_argument("--task", type=int, help="which of them this process is, counted from 0")
    text = "seconds after which a silent worker counts as lost [%d]" % WAIT
    group.add_argument("--cluster-wait", type=int, default=WAIT, metavar="N", help=text)


def addresses(opts) -> List[str]:
    """The ``host:port`` names of ``--cluster``; none without it.

    Raises:
      UserError: what is no such list, or a task that is not in it.
    """
    if opts.cluster is None:
        if opts.task is not None:
            raise UserError("--task is for --cluster HOST:PORT,HOST:PORT")
        return []
    found = [item.strip() for item in opts.cluster.split(",")]
    for item in found:
        match = re.match(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):([0-9]{1,5})$", item)
        if not match or not 0 < int(match.group(2)) < 65536:
            raise UserError("--cluster: %r is no HOST:PORT" % item[:80])
    if len(set(found)) < len(found):
        raise UserError("--cluster names %s twice" % next(item for item in found if found.count(item) > 1))
    if opts.task is None or not 0 <= opts.task < len(found):
        raise UserError("--task must say which of the %d workers this is, 0 to %d" % (len(found), len(found) - 1))
    if opts.cluster_wait < 1:
        raise UserError("--cluster-wait must be at least 1")
    return found


def join(opts) -> Alone:
    """Empties the graph, seeds the generators (``run.start``) and, with ``--cluster``, meets the other workers.

    Raises:
      UserError: in one line what keeps the workers from each other: a port in use, nobody there, other settings.
    """
    found = addresses(opts)
    if len(found) < 2:
        run.start(opts.seed)
        return ALONE
    if not tf.__version__.startswith("1.13."):
        raise UserError(
            "--cluster works with TensorFlow 1.13 only: with %s two workers do not train as one does" % tf.__version__
        )
    return Peers(opts, found)


class Alone:
    """One process: everything as it is without this module."""

    task, count, chief = 0, 1, True

    def mean(self, gradients: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        """The gradients, averaged over the workers."""
        return gradients

    def through_mean(self, step: tf.Operation) -> None:
        """Puts ``mean`` before the optimizer of ``step`` where it was built by other code."""

    def run(self, opts, checkpoints: str = "checkpoints") -> run.Run:
        """The trainer's ``Run``."""
        return run.Run(opts, checkpoints)

    def session(self, threads: int = 0) -> tf.Session:
        """The trainer's session."""
        return tf.Session(config=run.session_config(threads))

    def share(self, session: tf.Session, done: int = 0) -> int:
        """Gives all workers the chief's variables; returns the chief's ``done``."""
        return done


ALONE = Alone()


class _Run(run.Run):
    """A ``Run`` that stops when all stop: the wish travels with the gradients, so that all do the same last step."""

    def __init__(self, opts, checkpoints, peers):
        super().__init__(opts, checkpoints)
        self._peers = peers

    @property
    def stopping(self) -> bool:
        return self._peers.stopping

    def _handle(self, number, frame):
        super()._handle(number, frame)
        self._peers.wish_to_stop = True

    def __exit__(self, kind, error, trace):
        super().__exit__(kind, error, trace)
        if isinstance(error, _LOST):
            raise self._peers.lost(error)
        if kind is None and self._peers.stopping:
            raise Stopped(signal.SIGTERM)  # another worker was asked to


class Peers(Alone):
    """This process among ``count`` of them."""

    def __init__(self, opts, found: List[str]):
        self.task, self.count, self.wait = opts.task, len(found), opts.cluster_wait
        self.chief = self.task == 0
        self.addresses = found
        self.stopping = self.wish_to_stop = False
        self._means = 0
        port = int(found[self.task].rsplit(":", 1)[1])
        _check_port_is_free(port)
        if self.chief:
            sys.stderr.write("note: port %d takes commands from whoever reaches it: in a trusted network only\n" % port)
        else:
            _wait_for(found[0], self.wait)
        spec = tf.train.ClusterSpec({JOB: found})
        try:
            self._server = tf.train.Server(spec, JOB, self.task, config=self._config(1))
        except tf.errors.OpError as error:
            raise UserError("port %d cannot be used: %s" % (port, str(error).splitlines()[0][:200]))
        self._meet(dict(options.run_settings(opts), script=opts.script, tensorflow=tf.__version__))
        run.start(
            opts.seed + self.task
        )  # examples and dropout are each worker's own; the variables come from the chief
        if not self.chief:
            scratch = tempfile.mkdtemp(prefix="companion-worker-")
            atexit.register(shutil.rmtree, scratch, True)
            opts.output_dir = os.path.join(scratch, "run")  # with room beside it: some scripts unpack pictures there
        self._device = tf.device(self._place(self.task))
        self._device.__enter__()  # for the rest of this graph's life

    def _place(self, task: int) -> str:
        return "/job:%s/task:%d" % (JOB, task)

    def _config(self, threads: int) -> tf.ConfigProto:
        config = run.session_config(threads)
        config.operation_timeout_in_ms = 1000 * self.wait
        config.device_filters.extend(sorted({self._place(0), self._place(self.task)}))
        return config

    def lost(self, error: Exception) -> UserError:
        """What to say when another worker is gone."""
        who = "a worker" if self.chief else "the chief, %s," % self.addresses[0]
        return UserError(
            "%s is gone or did not answer for %d s (%s): start all workers again, they go on from the last checkpoint"
            % (who, self.wait, type(error).__name__)
        )

    # ------------------------------------------------------------------------------------------------ meeting
    def _meet(self, settings: dict) -> None:
        """All workers say their settings to the chief, who answers."""
        with tf.Graph().as_default(), tf.device(self._place(0)):
            heard = tf.FIFOQueue(2 * self.count, tf.string, [[]], shared_name="heard")
            answers = [tf.FIFOQueue(2, tf.string, [[]], shared_name="answer_%d" % task) for task in range(self.count)]
            text = tf.placeholder(tf.string, [])
            say, hear = heard.enqueue(text), heard.dequeue()
            tell, listen = [answer.enqueue(text) for answer in answers], answers[self.task].dequeue()
            with tf.Session(self._server.target, config=self._config(1)) as session:
                try:
                    if not self.chief:
                        session.run(say, {text: json.dumps([self.task, settings])})
                        answer = session.run(listen).decode("utf-8")
                    else:
                        answer = self._hear(settings, lambda: session.run(hear))
                        for task in range(1, self.count):
                            session.run(tell[task], {text: answer})
                except _LOST as error:
                    raise self.lost(error)
        if answer:
            time.sleep(0.5 if self.chief else 0)  # the others still fetch their answer
            raise UserError(answer)

    def _hear(self, settings: dict, hear) -> str:
        """The chief's answer to all: empty, or what is wrong."""
        known = {0: json.loads(json.dumps(settings))}
        while len(known) < self.count:
            try:
                task, theirs = json.loads(hear().decode("utf-8"))
            except tf.errors.DeadlineExceededError:
                missing = ["%d (%s)" % (t, self.addresses[t]) for t in range(self.count) if t not in known]
                return "no word from worker %s within %d s" % (", ".join(missing), self.wait)
            if task in known:
                return "two workers say that they are task %d" % task
            known[task] = theirs
            for name in sorted(set(known[0]) | set(theirs)):
                if known[0].get(name) != theirs.get(name):
                    return "%s is %s at worker %d and %s at the chief: all need the same" % (
                        (name, str(theirs.get(name))[:80], task, str(known[0].get(name))[:80])
                    )
        return ""

    # ------------------------------------------------------------------------------------------------ training
    def _queue(self, name: str, kinds, capacity: int = 2) -> tf.FIFOQueue:
        """A queue at the chief, the same for all who name it."""
        with tf.device(self._place(0)):
            return tf.FIFOQueue(capacity, kinds, shared_name=name)

    def _agree(self, numbers, stop):
        """Called in each exchange with its number at all workers, and with what the chief decided."""
        if len(set(numbers)) > 1:
            raise ValueError("the workers are not in the same exchange: %s" % (numbers,))
        self.stopping = self.stopping or bool(stop)
        return np.bool_(self.stopping)

    def mean(self, gradients: Sequence[tf.Tensor]) -> List[tf.Tensor]:
        """The gradients, averaged over the workers in the order of their tasks.

        Every worker must call this in the same places. Item: how many exchanges there were, whether to stop, all gradients in a
        row (float32).
        """
        name = "mean_%d" % self._means
        self._means += 1
        with tf.name_scope("cluster_" + name):
            gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
            row = tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], 0)
            kinds = [tf.int64, tf.bool, tf.float32]
            there = [self._queue("%s_from_%d" % (name, task), kinds) for task in range(self.count)]
            back = [self._queue("%s_to_%d" % (name, task), kinds) for task in range(self.count)]
            counter = iter(range(1, 2**62))
            number = tf.py_func(lambda: np.int64(next(counter)), [], tf.int64)
            wish = tf.py_func(lambda: np.bool_(self.wish_to_stop), [], tf.bool)
            if self.chief:
                mean, stop, numbers = self._collect(number, wish, row, there[1:], back[1:])
            else:
                with tf.control_dependencies([there[self.task].enqueue([number, wish, row])]):
                    theirs, stop, mean = back[self.task].dequeue()
                mean.set_shape(row.shape)
                numbers = [number, theirs]
            with tf.control_dependencies([tf.py_func(self._agree, [numbers, stop], tf.bool)]):
                parts = tf.split(tf.identity(mean), [tf.size(gradient) for gradient in gradients])
            return [tf.reshape(part, tf.shape(gradient)) for part, gradient in zip(parts, gradients)]

    def _collect(self, number, wish, row, there, back) -> Tuple[tf.Tensor, tf.Tensor, List[tf.Tensor]]:
        """The chief's part: the mean of its own and the others' gradients, sent to each; whether to stop; all numbers."""
        total, stop, numbers = row, wish, [number]
        for queue in there:
            theirs, wished, gradients = queue.dequeue()
            gradients.set_shape(row.shape)
            numbers.append(theirs)
            total, stop = total + gradients, tf.logical_or(stop, wished)
        mean = total / float(self.count)
        with tf.control_dependencies([queue.enqueue([number, stop, mean]) for queue in back]):
            return tf.identity(mean), tf.identity(stop), numbers

    def through_mean(self, step: tf.Operation) -> None:
        """Puts ``mean`` between the gradients and the Adam of ``step``, built by a listing that knows nothing of workers."""
        found, waiting, seen = [], [step], set()
        while waiting:
            operation = waiting.pop()
            if operation in seen:
                continue
            seen.add(operation)
            if operation.type in ("ApplyAdam", "ResourceApplyAdam"):
                found.append(operation)
            waiting += list(operation.control_inputs) + [tensor.op for tensor in operation.inputs]
        if not found:
            raise ValueError("%s has no ApplyAdam" % step.name)
        found.sort(key=lambda operation: operation.name)
        place = len(found[0].inputs) - 1  # the gradient is the last input
        for operation, gradient in zip(found, self.mean([operation.inputs[place] for operation in found])):
            operation._update_input(place, gradient)

    def run(self, opts, checkpoints: str = "checkpoints") -> run.Run:
        return _Run(opts, checkpoints, self)

    def session(self, threads: int = 0) -> tf.Session:
        return tf.Session(self._server.target, config=self._config(threads))

    def share(self, session: tf.Session, done: int = 0) -> int:
        """Gives all workers the chief's variables, and ``done``, the chief's step."""
        variables = tf.global_variables()
        kinds = [tf.int64] + [variable.dtype.base_dtype for variable in variables]
        queues = [self._queue("start_%d" % task, kinds) for task in range(self.count)]
        step = tf.placeholder(tf.int64, [])
        try:
            if self.chief:
                send = [queue.enqueue([step] + [variable.value() for variable in variables]) for queue in queues[1:]]
                session.run(send, {step: done})
                return done
            step, *values = queues[self.task].dequeue()
            assign = []
            for variable, value in zip(variables, values):
                value.set_shape(variable.shape)
                assign.append(tf.assign(variable, value))
            return int(session.run([step, assign])[0])
        except _LOST as error:
            raise self.lost(error)


# ---------------------------------------------------------------------------------------------------- sockets
def _check_port_is_free(port: int) -> None:
    """UserError where another process listens there; TensorFlow would share the port with it and both would hang."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that just ended do not count
        try:
            probe.bind(("", port))
        except OSError as error:
            raise UserError("port %d cannot be used (%s): does another worker run already?" % (port, error.strerror))


def _wait_for(address: str, seconds: int) -> None:
    """UserError where nobody listens at ``address`` for so long."""
    host, port = address.rsplit(":", 1)
    end = time.time() + seconds
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
            return
        except OSError as error:
            if time.time() > end:
                raise UserError(
                    "no chief at %s for %d s (%s): is --task 0 running, and is --cluster the same list for all?"
                    % (address, seconds, error.strerror or error)
                )
            time.sleep(0.2)


def free_ports(count: int) -> List[int]:
    """Ports of this machine that nothing listens on."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


# --------------------------------------------------------------------------------------------------- launcher
def launch(count: int, words: Sequence[str]) -> int:
    """Runs ``count`` workers of a script on this machine; the chief's exit status, or that of the first that failed.

    The chief speaks for all; of the others their error lines are shown with their number.
    """
    cluster = ",".join("127.0.0.1:%d" % port for port in free_ports(count))
    processes = []
    for task in range(count):
        command = [sys.executable, "-W", "ignore"] + list(words) + ["--cluster", cluster, "--task", str(task)]
        streams = {} if task == 0 else dict(stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8")
        processes.append(subprocess.Popen(command, **streams))
    for task, process in enumerate(processes[1:], 1):
        threading.Thread(target=_forward, args=(task, process.stderr), daemon=True).start()

    def handle(number, frame):
        for process in processes:
            if process.poll() is None and number == signal.SIGTERM:  # Ctrl-C reaches all by itself
                process.send_signal(number)

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        while any(process.poll() is None for process in processes):
            failed = [process for process in processes if process.poll() not in (None, 0)]
            if failed:
                _end(processes)
                return failed[0].returncode
            time.sleep(0.2)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    # one that failed since the last look, when the others had ended too
    return next((process.returncode for process in processes if process.returncode), 0)


def _forward(task: int, stream) -> None:
    for line in stream:
        if line.startswith("error: "):
            print("worker %d: %s" % (task, line.rstrip()), file=sys.stderr)


def _end(processes, seconds: float = 15.0) -> None:
    """Waits a little for the others to notice, then ends them."""
    end = time.time() + seconds
    for process in processes:
        try:
            process.wait(max(0.1, end - time.time()))
        except subprocess.TimeoutExpired:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def main(argv: Optional[Sequence[str]] = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    if len(words) < 2 or not words[0].isdecimal() or not 1 < int(words[0]) <= 64:
        raise UserError("say how many workers (2 to 64) and the script: python -m common.cluster 2 SCRIPT [option …]")
    if not os.path.isfile(words[1]):
        raise UserError("%s: no such script" % words[1])
    return launch(int(words[0]), words[1:])


if __name__ == "__main__":
    options.run(main)
