"""One point: agreement, then turns, then memory."""

import time
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np

from benchmarks.peers.others import Others
from benchmarks.peers.points import SGEMM, AnyPoint, Array
from benchmarks.peers.results import Engine, Result, Timing
from benchmarks.peers.worker import Worker, WorkerError

__all__ = ["FULL", "QUICK", "Effort", "measure", "sgemm_rates"]

# Of the norm. Sums in float32 differ by their order, by some 1e-6. But where the input of relu is zero up to rounding,
# a few of 8 million units are off in one engine and on in another, and their gradients differ: 9e-4 were seen.
_AGREE = 2e-3
_AGREE_ROUNDED = 5e-2  # where some engine rounds to bfloat16
_STEPS = 8  # of a stream, whose results are compared
_HOPELESS = 1.5  # a way that takes this many times as long as the engine's best one gets no turns,
_CHEAP = 1e-3  # unless it takes less than this
_LONG = 0.2  # seconds of a call that needs no other before it: bringing threads and caches back is nothing to it


class Effort(NamedTuple):
    """Rounds at the most and at the least, seconds a turn, and the seconds after which rounds end."""

    most: int
    least: int
    turn: float
    budget: float


QUICK = Effort(most=7, least=3, turn=0.01, budget=1.0)
FULL = Effort(most=15, least=5, turn=0.02, budget=4.0)

_Ways = dict[Worker, list[str]]  # what each offers


def measure(point: AnyPoint, threads: int, effort: Effort) -> Result:
    """Start the point's engines, compare their results, time them in turns, and watch their memory."""
    result = Result(point)
    busy = Others()
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(name, point, threads)) for name in point.engines]
        try:
            ways = _ready(workers, result)
            result.problem = _first_calls(ways, result)
            if result.problem is None:
                for (worker, way), turns in _rounds(ways, effort, every=point.task in ("options", "bfloat16")).items():
                    result.engines[worker.engine].ways[way] = Timing(turns)
                for worker in workers:
                    engine = result.engines[worker.engine]
                    engine.peak = worker.ask("peak", engine.best)
        except WorkerError as error:
            result.problem = str(error)
    result.others = busy.share()
    return result


def sgemm_rates(threads: int) -> dict[str, float]:
    """Floating-point operations a second of a large product, by library and precision: the upper quartile of turns."""
    with Worker("sgemm", SGEMM, threads) as worker:
        names, _ = worker.answer()
        worker.wait_until_asleep()
        turns = _rounds({worker: names}, Effort(most=9, least=9, turn=0.1, budget=5.0), every=True)
    operations = 2 * SGEMM.shape.B * SGEMM.shape.I * SGEMM.shape.H
    return {way: operations / float(np.quantile(seconds, 0.25)) for (_, way), seconds in turns.items()}


def _ready(workers: list[Worker], result: Result) -> _Ways:
    """Wait until all, which start at the same time, are ready and asleep."""
    ways = {}
    for worker in workers:
        ways[worker], notes = worker.answer()
        result.notes += notes
    for worker in workers:
        worker.wait_until_asleep()
    return ways


def _first_calls(ways: _Ways, result: Result) -> str | None:
    """Every way's first calls; what they return is compared with torch, and the first disagreement told."""
    calls = _STEPS if result.point.task == "stream" else 1
    results: dict[tuple[str, str], list[Array]] = {}
    for worker, names in ways.items():
        for way in names:
            took, results[worker.engine, way] = worker.ask("results", way, calls)
            result.engines.setdefault(worker.engine, Engine(first=took))
    reference = next((arrays for (engine, _), arrays in results.items() if engine == "torch"), None)
    if reference is None:  # the options, which mean different results
        return None
    for (name, way), arrays in results.items():
        # numpy's largest is NaN where there is one, Python's may overlook it
        difference = float(np.max([_difference(a, b) for a, b in zip(arrays, reference, strict=True)]))
        engine = result.engines[name]
        engine.difference = max(engine.difference, difference)
        if not difference <= (_AGREE_ROUNDED if result.point.precision == "bfloat16" else _AGREE):
            return f"{name} ({way}) differs from torch by {difference:.1e} of the norm"
    return None


def _difference(a: Array, b: Array) -> float:
    """The norm of it, by that of b; engines may shape a result differently."""
    return float(np.linalg.norm(a.ravel() - b.ravel()) / np.linalg.norm(b)) if a.size == b.size else float("inf")


def _rounds(ways: _Ways, effort: Effort, *, every: bool) -> dict[tuple[Worker, str], list[float]]:
    """Seconds a call in every turn, of every way (or every good one) of every worker, one round after the other."""
    calls: dict[tuple[Worker, str], tuple[int, int]] = {}  # before the clock starts, and while it runs
    for worker, names in ways.items():
        counts = {way: worker.ask("calls_in", way, effort.turn) for way in names}
        fastest = min(each for _, each in counts.values())
        for way, (count, each) in counts.items():
            if every or each <= max(_HOPELESS * fastest, _CHEAP):
                calls[worker, way] = (0 if each > _LONG else 1 + count // 8, count)
    turns: dict[tuple[Worker, str], list[float]] = {key: [] for key in calls}
    began = time.monotonic()
    for n in range(effort.most):
        if n >= effort.least and time.monotonic() - began > effort.budget:
            break
        for (worker, way), (warm, count) in calls.items():
            turns[worker, way].append(worker.ask("turn", way, warm, count))
    return turns
