"""The numbers of one point, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.peers.points import AnyPoint

__all__ = ["Engine", "Result", "Timing"]


@dataclass(frozen=True)
class Timing:
    """Seconds a call, in each turn."""

    turns: list[float]

    @property
    def median(self) -> float:
        return float(np.median(self.turns))

    @property
    def spread(self) -> float:
        """The distance between the quartiles, as a share of the median."""
        low, high = np.quantile(self.turns, (0.25, 0.75))
        return float(high - low) / self.median

    def more_than(self, other: "Timing") -> float:
        """The median over the rounds of the share by which this took longer in the same round."""
        return float(np.median(np.array(self.turns) / np.array(other.turns))) - 1

    def to_dict(self) -> dict[str, Any]:
        return {"median": self.median, "spread": self.spread, "turns": self.turns}


@dataclass
class Engine:
    """What one engine did: its ways' timings; the first call in a fresh process; the peak of one call's memory."""

    first: float = 0.0
    ways: dict[str, Timing] = field(default_factory=dict)
    difference: float = 0.0  # from torch, of the norm
    peak: int = 0

    @property
    def best(self) -> str:
        return min(self.ways, key=lambda way: self.ways[way].median)

    @property
    def timing(self) -> Timing:
        return self.ways[self.best]

    def to_dict(self) -> dict[str, Any]:
        ways = {way: timing.to_dict() for way, timing in self.ways.items()}
        return {"first": self.first, "peak": self.peak, "difference": self.difference, "best": self.best, "ways": ways}


@dataclass
class Result:
    """One point: every engine, or the problem for which there are no speeds."""

    point: AnyPoint
    engines: dict[str, Engine] = field(default_factory=dict)
    problem: str | None = None
    notes: list[str] = field(default_factory=list)
    others: float = 0.0  # the share of the machine's processors that other processes took

    @property
    def fastest_peer(self) -> str:
        return min((name for name in self.engines if name != "chainrule"), key=lambda n: self.engines[n].timing.median)

    def ratio_to(self, peer: str) -> float:
        """How many times faster chainrule is: below 1 it is slower."""
        return self.engines[peer].timing.median / self.engines["chainrule"].timing.median

    @property
    def ratio(self) -> float:
        """To the fastest peer."""
        return self.ratio_to(self.fastest_peer)

    def share(self, limits: Mapping[str, float]) -> float:
        """The share of the limit of its precision, in floating-point operations a second, that chainrule reaches."""
        return self.point.flops / self.engines["chainrule"].timing.median / limits[self.point.precision]

    @property
    def gain(self) -> float:
        """Of bfloat16: how many times faster it is than chainrule's own float32."""
        ways = self.engines["chainrule"].ways
        return ways["float32"].median / ways["bfloat16"].median

    def costs(self) -> dict[str, float]:
        """Of the options: the share of time that each adds to the plain layer's."""
        ways = self.engines["chainrule"].ways
        return {way: timing.more_than(ways["plain"]) for way, timing in ways.items() if way != "plain"}

    def to_dict(self) -> dict[str, Any]:
        task, cell, shape = self.point
        about: dict[str, Any] = {"task": task, "cell": cell, "shape": shape._asdict(), "flops": self.point.flops}
        about["others"] = self.others
        if self.problem is not None:
            return about | {"problem": self.problem}
        follows: dict[str, Any] = {"costs": self.costs()} if task == "options" else {}
        if task != "options":
            follows = {"ratio": self.ratio, "fastest_peer": self.fastest_peer}
        engines = {name: engine.to_dict() for name, engine in self.engines.items()}
        return about | follows | {"notes": self.notes, "engines": engines}
