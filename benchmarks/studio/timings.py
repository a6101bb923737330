"""What was measured: the seconds of each turn, beside a target."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Timing", "table"]


@dataclass(frozen=True)
class Timing:
    """The seconds that one thing took, turn by turn; ``target`` is the most that the median may be, if it has one."""

    what: str
    target: float | None
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The spread: the first and the third quartile."""
        if len(self.seconds) == 1:
            return self.seconds[0], self.seconds[0]
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high

    @property
    def met(self) -> bool:
        return self.target is None or self.median <= self.target

    def to_dict(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "target": self.target,
            "median": self.median,
            "quartiles": self.quartiles,
            "seconds": self.seconds,
            "met": self.met,
        }


def table(timings: Sequence[Timing]) -> str:
    """A line for each, in milliseconds.

    >>> print(table([Timing("a page", 0.1, (0.02, 0.03, 0.25))]))
    milliseconds   target   median   quartiles   turns
    a page            100       30   25 to 140       3  met
    """
    rows = [("milliseconds", "target", "median", "quartiles", "turns", "")]
    for timing in timings:
        low, high = (f"{1000 * each:.0f}" for each in timing.quartiles)
        numbers = (_target(timing), f"{1000 * timing.median:.0f}", f"{low} to {high}", str(len(timing.seconds)))
        rows.append((timing.what, *numbers, _verdict(timing)))
    first, *widths = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = []
    for what, *cells, verdict in rows:
        aligned = [f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False)]
        lines.append("   ".join([f"{what:<{first}}", *aligned]) + (f"  {verdict}" if verdict else ""))
    return "\n".join(lines)


def _target(timing: Timing) -> str:
    return "–" if timing.target is None else f"{1000 * timing.target:.0f}"


def _verdict(timing: Timing) -> str:
    if timing.target is None:
        return ""
    return "met" if timing.met else "MISSED"
