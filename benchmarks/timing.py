"""Timing candidates in turns."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["Timing", "first_call", "measure", "sgemm_rate"]

Call = Callable[[], object]

_SHORTEST = 2e-3  # seconds a turn: calls are repeated until the clock's grain and the loop do not matter


@dataclass(frozen=True)
class Timing:
    """Seconds a call: the first one ever, and of the rest the median and quartiles."""

    first: float
    median: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """The distance between the quartiles, as a share of the median."""
        return (self.high - self.low) / self.median


def first_call(call: Call) -> tuple[float, object]:
    """The seconds of a call that is the first, and what it returned."""
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def measure(candidates: dict[str, Call], *, turns: int, first: dict[str, float] | None = None) -> dict[str, Timing]:
    """Time the candidates ``turns`` times each, one after the other; ``first`` is what their first calls took."""
    first = first or {name: _seconds(call, 1) for name, call in candidates.items()}
    repeats = {name: _repeats(call) for name, call in candidates.items()}
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(turns):
        for name, call in candidates.items():
            seconds[name].append(_seconds(call, repeats[name]))
    return {
        name: Timing(first[name], *(float(q) for q in np.quantile(times, (0.5, 0.25, 0.75))))
        for name, times in seconds.items()
    }


def _repeats(call: Call) -> int:
    """Calls that fill a turn, after a warm-up."""
    repeats = 1
    while (took := _seconds(call, repeats) * repeats) < _SHORTEST:
        repeats = max(2 * repeats, int(repeats * _SHORTEST / max(took, 1e-9)))
    return repeats


def _seconds(call: Call, repeats: int) -> float:
    began = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - began) / repeats


def sgemm_rate(turns: int = 9, size: int = 1536) -> float:
    """Floating-point operations a second of a large float32 product: the limit that shares are of."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    return 2 * size**3 / measure({"sgemm": lambda: torch.mm(a, b)}, turns=turns)["sgemm"].low
