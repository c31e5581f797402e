"""One harness for every measurement of speed and memory: the listing's way and ours in turns, each in a process of its own.

A benchmark (``bench_<example>.py``) has functions that make a step: ``make(way, opts)`` gives a function of one argument, whether
this is a warm-up, which does the step and returns its loss or None. Here the steps are called in turns (printed, ours, printed,
ours …), so that whatever else the machine does meets all alike. What is compared is the ratio of each pair; its median and
quartiles are shown. Where others used more than 15 % of the machine, or the quartiles lie further apart than 15 % of the
median, there is no verdict: 'busy'. On a busy machine the ratio by processor time still says something.

``--quick`` takes tiny sizes and two pairs: it shows that everything runs, no more. ``--record`` writes the record into
``results/<example>/bench.json``, from which RESULTS.md is made.
"""

import argparse
import glob
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from typing import Callable, NamedTuple, Optional, Sequence

import numpy as np

from common import options, records
from common.errors import UserError

BUSY = 0.15  # of the machine used by others, or spread of the ratios: no verdict
# the tables of a record
RATIOS, WAYS, MACHINE = "Listing / ours", "Each way", "The machine"
PROFILE, GROWTH = "Where the time of a step goes", "Cost against size (processor time)"
COLUMNS = {
    RATIOS: ["what", "ratio", "lower quartile", "upper quartile", "ratio by processor time", "lower", "upper"]
    + ["memory, ours / listing", "losses differ by", "verdict"],
    WAYS: ["what", "TensorFlow", "wall s", "processor s", "peak MiB", "GFLOP/s", "share of the matrix product"],
    MACHINE: ["what", "load before", "load after", "MHz before", "MHz after", "used by others (%)"],
    PROFILE: ["what", "operation", "percent", "times"],
    GROWTH: ["what", "sizes", "seconds", "slope", "slope at the end", "slope that it may have"],
}

VALUES = [
    options.Value("pairs", 7, "pairs of turns after the warm-up", low=1, tiny=2),
    options.Value("warm_ups", 2, "turns before them, in which losses are compared too", low=1, tiny=1),
    options.Value("shortest", 0.3, "seconds a turn takes at least: short steps are repeated", low=0.0, tiny=0.0),
    options.Value("matrix", 2048, "rows of the matrix product that is the limit", low=2, tiny=64),
    options.Value("lanes", True, "TensorFlow's other lane, too, where it is set up", tiny=False),
]


class Comparison(NamedTuple):
    """What is compared.

    Attributes:
      name: of its rows; make: see above; ways: the printed one first, then ours, then others of ours.
      goal: wanted ratio of speed at least; memory_goal: wanted share of the printed way's memory at most.
      most: wanted seconds of ours at most (a real-time factor, where the step has an ``amount`` of seconds of speech).
      same: how far the losses may differ, relative to the printed one; None: they are not comparable.
      limits: the matrix product and TensorFlow's other lane are measured, too.
      counted: the way whose products are counted.
      commands: what ``worker.command`` runs: way → words after ``python``.
      pairs: pairs of turns at most, after one warm-up: where memory, which does not scatter, is what is measured.
    """

    name: str
    make: Callable
    ways: Sequence[str] = ("printed", "ours")
    goal: Optional[float] = None
    memory_goal: Optional[float] = None
    most: Optional[float] = None
    same: Optional[float] = None
    limits: bool = False
    counted: str = "printed"
    commands: dict = {}
    pairs: Optional[int] = None


class Growth(NamedTuple):
    """Cost against size: ``make(size, opts)`` for each of ``sizes`` (``tiny`` for ``--quick``); the slope on a log–log scale.

    ``steepest`` is the slope that the mathematics asks for: 1 where each item is looked at once.
    """

    name: str
    make: Callable
    sizes: Sequence[int]
    tiny: Sequence[int]
    steepest: float = 1.0


class Worker:
    """A process that does a step of one way whenever it is called; ``amount`` is what a step gets done."""

    def __init__(self, module, function, way, settings, python=sys.executable):
        self._errors = tempfile.TemporaryFile()
        words = [python, "-m", "tests.benchmarks.worker", module, function, json.dumps(way), json.dumps(settings)]
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
        environment = dict(os.environ, PYTHONIOENCODING="utf-8")
        self._process = subprocess.Popen(words, cwd=options.REPOSITORY, env=environment, encoding="utf-8", **pipes)
        ready = self._answer()
        self.tensorflow, self.amount = ready["tensorflow"], ready["amount"]

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().decode("utf-8", "replace").strip().splitlines()[-8:]
            raise UserError("a way ended with %s: %s" % (self._process.returncode, " | ".join(said)))
        return json.loads(line)

    def _order(self, **order):
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended: the answer says how
        return self._answer()

    def __call__(self, repeats=1, warm=False):
        """``repeats`` steps: a dict of wall and processor seconds (together), the last loss and the peak memory so far."""
        return self._order(repeats=repeats, warm=warm)

    def trace(self):
        """A dict of a step's ``products`` (floating-point operations) and ``profile`` (kind, percent of the time, how often)."""
        return self._order(trace=True)

    def close(self):
        """Ends the process."""
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()


# --------------------------------------------------------------------------------------------------------------- the machine
def machine_state():
    """Load average, clock in MHz (0: not known) and seconds that all processors were busy (None: not known), now."""
    clock, busy = 0.0, None
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
            found = [float(line.split(":")[1]) for line in stream if line.startswith("cpu MHz")]
        clock = float(np.mean(found)) if found else 0.0
    if os.path.exists("/proc/stat"):
        with open("/proc/stat", encoding="utf-8") as stream:
            fields = [int(word) for word in stream.readline().split()[1:9]]
        busy = (sum(fields) - fields[3] - fields[4]) / float(os.sysconf("SC_CLK_TCK"))  # but idle and waiting for disks
    return dict(load=os.getloadavg()[0], clock=clock, busy=busy, wall=time.time(), own=time.process_time())


def others_share(before, after, processor):
    """Which share of the machine others used between two states, when ours used ``processor`` seconds; None: not known."""
    if before["busy"] is None:
        return None
    ours = processor + after["own"] - before["own"]
    capacity = (after["wall"] - before["wall"]) * (os.cpu_count() or 1)
    return float(np.clip((after["busy"] - before["busy"] - ours) / max(capacity, 1e-9), 0.0, 1.0))


# ------------------------------------------------------------------------------------------------------------- the measuring
def in_turns(workers, opts):
    """Calls the workers in turns.

    Returns:
      ``(turns, machine)``: by name, a list of dicts with seconds for one amount (``wall``, ``cpu``), ``loss``, ``peak``; and a
      dict with the machine's state ``before`` and ``after`` and the share of ``others``. Warm-ups are in neither, but for
      their losses: ``losses`` by name.
    """
    losses = {name: [] for name in workers}
    for _ in range(opts.warm_ups):
        for name, worker in workers.items():
            last = worker(1, True)
            losses[name].append(last["loss"])
            if name == next(iter(workers)):
                slowest = last["wall"]
    repeats = int(np.clip(math.ceil(opts.shortest / max(slowest, 1e-6)), 1, 1000))
    turns, processor, before = {name: [] for name in workers}, 0.0, machine_state()
    for _ in range(opts.pairs):
        for name, worker in workers.items():
            turn = worker(repeats, False)
            processor += turn["cpu"]
            losses[name].append(turn["loss"])
            share = float(repeats * worker.amount)
            turns[name].append(dict(turn, wall=turn["wall"] / share, cpu=turn["cpu"] / share))
    after = machine_state()
    return turns, dict(before=before, after=after, others=others_share(before, after, processor), losses=losses)


def ratios(turns, first, second, clock):
    """Lower quartile, median and upper quartile of the paired ratios first / second by ``clock`` (``wall``, ``cpu``)."""
    found = [a[clock] / max(b[clock], 1e-9) for a, b in zip(turns[first], turns[second])]
    return [float(value) for value in np.percentile(found, [25, 50, 75])]


def loss_difference(first, second):
    """The largest relative difference of two lists of losses, where both have one; None where nowhere."""
    pairs = [(a, b) for a, b in zip(first, second) if a is not None and b is not None]
    return max(abs(a - b) / max(abs(a), 1e-6) for a, b in pairs) if pairs else None


def verdict(quartiles, machine, goals):
    """'busy', or which of the goals ``(wanted, reached)`` are; '–' where there is none."""
    spread = (quartiles[2] - quartiles[0]) / max(quartiles[1], 1e-9)
    if spread > BUSY or (machine["others"] or 0.0) > BUSY:
        return "busy"
    return ", ".join("%s: %s" % (wanted, "yes" if reached else "no") for wanted, reached in goals) or "–"


def slope(sizes, seconds):
    """Slope of log(seconds) over log(size): of the straight line through all, and between the two largest."""
    x, y = np.log(np.float64(sizes)), np.log(np.maximum(seconds, 1e-9))
    return float(np.polyfit(x, y, 1)[0]), float((y[-1] - y[-2]) / (x[-1] - x[-2]))


def other_lane():
    """The interpreter of TensorFlow's other lane, or None where it is not set up."""
    for folder in sorted(glob.glob(os.path.join(options.REPOSITORY, ".venv*"))):
        python = os.path.join(folder, "bin", "python")
        if os.path.exists(python) and os.path.realpath(folder) != os.path.realpath(sys.prefix):
            return python
    return None


def _settings(opts, **more):
    plain = {row.name: getattr(opts, row.name) for row in opts.rows}
    return dict(plain, preset=opts.preset, seed=opts.seed, threads=opts.threads, data_dir=opts.data_dir, **more)


def _fewer(opts, pairs):
    """``opts`` with ``pairs`` pairs at most after one warm-up."""
    return argparse.Namespace(**dict(vars(opts), pairs=min(pairs, opts.pairs), warm_ups=1))


def compare(module, comparison, opts):
    """One comparison: the rows that it adds to each of the tables."""
    opts = opts if comparison.pairs is None else _fewer(opts, comparison.pairs)
    name, settings = comparison.name, _settings(opts, commands=comparison.commands)
    where = "tests.benchmarks.worker" if comparison.make.__module__.endswith(".worker") else module
    with _Workers() as workers:
        for way in comparison.ways:
            workers.start(way, where, comparison.make.__name__, way, settings)
        if comparison.limits:
            workers.start("matrix product", "tests.benchmarks.worker", "matrix_product", "", settings)
            python = other_lane() if opts.lanes else None
            for way in comparison.ways[:2] if python else ():
                workers.start(way + ", other lane", where, comparison.make.__name__, way, settings, python)
        turns, machine = in_turns(workers.by_name, opts)
        looked_into = (comparison.counted, comparison.ways[1]) if comparison.limits else ()
        traces = {way: workers.by_name[way].trace() for way in looked_into}
        products = traces[comparison.counted]["products"] if traces else 0
        versions = {way: worker.tensorflow for way, worker in workers.by_name.items()}
        amounts = {way: worker.amount for way, worker in workers.by_name.items()}
    medians = {
        way: [float(np.median([turn[key] for turn in rows])) for key in ("wall", "cpu")] for way, rows in turns.items()
    }
    peaks = {way: max(turn["peak"] for turn in rows) for way, rows in turns.items()}
    limit = 2.0 * opts.matrix**3 / medians["matrix product"][0] if comparison.limits else None
    rows = []
    for way, (wall, cpu) in medians.items():
        done = 2.0 * opts.matrix**3 if way == "matrix product" else products / float(amounts[way])
        speed = [done / wall / 1e9, done / wall / limit] if limit and done else [None, None]
        rows.append(["%s, %s" % (name, way), versions[way], wall, cpu, round(peaks[way])] + speed)
    printed, compared = comparison.ways[0], []
    for ours in comparison.ways[1:]:
        wall, cpu = (ratios(turns, printed, ours, clock) for clock in ("wall", "cpu"))
        share, goals = peaks[ours] / peaks[printed], []
        losses = machine["losses"]
        apart = None if comparison.same is None else loss_difference(losses[printed], losses[ours])
        if ours == comparison.ways[1]:
            if comparison.goal is not None:
                goals.append(("ratio ≥ %g" % comparison.goal, wall[1] >= comparison.goal))
            if comparison.memory_goal is not None:
                goals.append(("memory ≤ %g" % comparison.memory_goal, share <= comparison.memory_goal))
            if comparison.most is not None:
                goals.append(("seconds ≤ %g" % comparison.most, medians[ours][0] <= comparison.most))
        said = verdict(wall, machine, goals)
        if apart is not None and apart > comparison.same:
            said = "the losses differ"
        title = name if ours == comparison.ways[1] else "%s, %s" % (name, ours)
        compared.append([title, wall[1], wall[0], wall[2], cpu[1], cpu[0], cpu[2], share, apart, said])
    before, after, others = machine["before"], machine["after"], machine["others"]
    states = [before["load"], after["load"], round(before["clock"]), round(after["clock"])]
    states.append(None if others is None else round(100 * others, 1))
    profile = [["%s, %s" % (name, way)] + row for way, trace in traces.items() for row in trace["profile"]]
    return {RATIOS: compared, WAYS: rows, MACHINE: [[name] + states], PROFILE: profile}


class _Workers:
    """The processes of one comparison, by name; all are ended when the block is left."""

    def __init__(self):
        self.by_name = {}

    def start(self, name, *arguments):
        self.by_name[name] = Worker(*arguments)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        for worker in self.by_name.values():
            worker.close()


def grow(module, growth, opts):
    """Cost against size, by processor time: ``[name, sizes, seconds, slope, slope at the end, wanted]``."""
    sizes = growth.tiny if opts.preset == "tiny" else growth.sizes
    opts = _fewer(opts, 3)  # processor time hardly scatters
    with _Workers() as workers:
        for size in sizes:
            workers.start(size, module, growth.make.__name__, size, _settings(opts))
        turns, _ = in_turns(workers.by_name, opts)
    seconds = [float(np.median([turn["cpu"] for turn in turns[size]])) for size in sizes]
    shown = ["%g" % size for size in sizes], ["%.3g" % value for value in seconds]
    return [growth.name] + [" / ".join(words) for words in shown] + list(slope(sizes, seconds)) + [growth.steepest]


# ------------------------------------------------------------------------------------------------------------------ the script
def main(script, description, folder, rows, comparisons, growths=(), argv=None, published=None):
    """What every ``bench_<example>.py`` does.

    Args:
      script, description: its ``__file__`` and docstring; folder: of the example it measures.
      rows: its own values; comparisons, growths: what it measures.
      published: where ``--record`` writes below ``results/``; None: ``<example>/bench``.
    """
    names = [item.name for item in list(comparisons) + list(growths)]

    def add(parser):
        parser.add_argument(
            "--quick", dest="preset", action="store_const", const="tiny", help="short for --preset tiny"
        )
        parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="of: " + ", ".join(names))
        parser.add_argument("--record", action="store_true", help="also into results/")

    # the example's folder, so that the run goes below its output and the record is the example's
    place = os.path.join(options.REPOSITORY, folder, os.path.basename(script))
    opts = options.parse_values(place, description, rows + VALUES, argv, add, base="full", folder="bench-{preset}")
    if opts.record and (opts.preset == "tiny" or opts.only):
        raise UserError(
            "--record is for measurements of a whole example; this is a %s" % ("part" if opts.only else "tiny run")
        )
    module = "tests.benchmarks." + opts.script
    record = records.Record(opts, "bench", "speed and memory", "what each way needs, measured in turns")
    tables = {title: [] for title in COLUMNS}
    for comparison in comparisons:
        if not opts.only or comparison.name in opts.only:
            found = compare(module, comparison, opts)
            for title, added in found.items():
                tables[title] += added
            for row in found[WAYS]:
                print("%-34s %9.4g s, %9.4g s of the processor, %6d MiB" % (row[0], row[2], row[3], row[4]), flush=True)
            for row in found[RATIOS]:
                print("%-34s %.2f (%.2f to %.2f), by processor time %.2f (%.2f to %.2f)" % tuple(row[:7]))
                print("%-34s memory %.2f of the listing's; %s" % ("", row[7], row[9]), flush=True)
    for growth in growths:
        if not opts.only or growth.name in opts.only:
            tables[GROWTH].append(grow(module, growth, opts))
            print("%s: sizes %s, seconds %s, slope %.2f, at the end %.2f (wanted: %g)" % tuple(tables[GROWTH][-1]))
    for title, rows in tables.items():
        if rows:
            record.table(title, COLUMNS[title], rows)
    print("record: %s" % record.save())
    if opts.record:
        target = os.path.join(options.REPOSITORY, "results", (published or opts.example + "/bench") + ".json")
        options.write_json(target, record.content)
        print("record: %s" % target)
