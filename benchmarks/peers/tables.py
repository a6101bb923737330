"""The tables, plain text within 80 columns."""

import math
from collections.abc import Iterable, Mapping

from benchmarks.peers.memory import GRAIN
from benchmarks.peers.points import AnyPoint
from benchmarks.peers.results import Engine, Result

__all__ = ["cost_table", "heading", "quietness", "row", "summary"]

_BUSY = 0.05  # of the processors: other work that slows an engine by more than it takes


def heading(point: AnyPoint) -> str:
    """Above the rows of the point's task and cell."""
    task, cell, _ = point
    if task == "options":
        return f"\n{task}, {cell}: what each adds to a training step's time (spread of that time)"
    unit = "us" if task == "stream" else "ms"
    names = "".join(f"{name:>13}" for name in point.engines)
    return f"\n{task}, {cell}: {unit} a call, median (spread)\n{'':<{len(point.label)}}{'ratio':>6}{'limit':>6}{names}"


def row(result: Result, limits: Mapping[str, float]) -> str:
    """One point: the ratio to the fastest peer, the share of the limit, each engine's median (spread).

    Of bfloat16 also how many times faster it is than float32.
    """
    shape = result.point.label
    if result.problem is not None:
        return f"{shape} no speed: {result.problem}"
    notes = "".join(f"\n{'':<17} {note}" for note in result.notes)
    if result.point.task == "options":
        spread = result.engines["chainrule"].ways["plain"].spread
        costs = "".join(f" {way} {cost:+.1%}" for way, cost in result.costs().items())
        return f"{shape}{costs} ({spread:.0%}){notes}"
    scale = 1e6 if result.point.task == "stream" else 1e3
    cells = "".join(f"{_timing(engine, scale):>13}" for engine in result.engines.values())
    gain = f"\n{'':<17} {result.gain:.2f}x own float32" if "float32" in result.engines["chainrule"].ways else ""
    return f"{shape}{result.ratio:5.2f}x{result.share(limits):>6.0%}{cells}{gain}{notes}"


def cost_table(results: Iterable[Result]) -> str:
    """The first call in a fresh process, and the peak of one call's memory, of every engine at every point."""
    lines = ["\nFirst call in a fresh process, ms (JAX compiles in it); peak memory of a call, MiB"]
    lines += ["with its results. The engines in the order of the tables above."]
    for result in results:
        if result.problem is None and result.point.task != "options":
            firsts = "".join(f"{_short(e.first * 1e3):>6}" for e in result.engines.values())
            peaks = "".join(f"{_mebibytes(e.peak):>5}" for e in result.engines.values())
            task, cell, _ = result.point
            lines.append(f"{task:<9}{cell:<9}{result.point.label}{firsts:<24}  {peaks}")
    return "\n".join(lines)


def summary(results: list[Result]) -> str:
    """The geometric mean and the worst of the ratios to the fastest peer, by task and cell."""
    lines = ["\nTimes as fast as the fastest peer: geometric mean, and the worst point"]
    measured = [r for r in results if r.problem is None and r.point.task != "options"]
    for task, cell in dict.fromkeys((r.point.task, r.point.cell) for r in measured):
        chosen = [r for r in measured if r.point[:2] == (task, cell)]
        mean = math.exp(sum(math.log(r.ratio) for r in chosen) / len(chosen))
        worst = min(chosen, key=lambda r: r.ratio)
        at = f"{worst.point.shape} ({worst.fastest_peer})"
        lines.append(f"{task:<9}{cell:<9}{mean:6.2f}x{worst.ratio:8.2f}x at {at}")
    unmeasured = sum(r.problem is not None for r in results)
    return "\n".join([*lines, f"{unmeasured} of {len(results)} points have no speed."] if unmeasured else lines)


def quietness(results: list[Result]) -> str:
    """Whether other processes disturbed the measuring."""
    worst = max(result.others for result in results)
    if worst <= _BUSY:
        return "The machine was quiet."
    count = sum(result.others > _BUSY for result in results)
    return (
        f"NOT QUIET: at {count} of {len(results)} points other processes took more than {_BUSY:.0%}\n"
        f"of the processors (up to {worst:.0%}). Measure these points again."
    )


def _timing(engine: Engine, scale: float) -> str:
    return f"{_short(engine.timing.median * scale)} ({engine.timing.spread:.0%})"


def _short(number: float) -> str:
    """Three digits, or two where a zero stands before them."""
    if number >= 99.5:
        return f"{number:.0f}"
    return f"{number:.3g}" if number >= 0.995 else f"{number:.2g}"


def _mebibytes(peak: int) -> str:
    return "<0.5" if peak < GRAIN else _short(peak / 2**20)
