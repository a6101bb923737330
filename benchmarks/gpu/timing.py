"""Seconds a call between two events on the GPU, of all calls in turns."""

import gc
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

from benchmarks.peers.results import Timing

__all__ = ["FULL", "QUICK", "Effort", "timed"]

Call = Callable[[], object]


class Effort(NamedTuple):
    """Rounds at the most and at the least, seconds a turn, and the seconds after which rounds end."""

    most: int
    least: int
    turn: float
    budget: float


FULL = Effort(most=11, least=3, turn=8e-3, budget=0.5)
QUICK = Effort(most=5, least=3, turn=4e-3, budget=0.2)
_WARM = 3  # calls that find algorithms, compile and allocate


def timed(calls: Mapping[str, Call], effort: Effort) -> dict[str, Timing]:
    """Each call in every round, in one order and in the other by turns."""
    counts = {}
    for name, call in calls.items():
        for _ in range(_WARM):
            call()
        counts[name] = max(1, round(effort.turn / seconds(call, 1)))
    turns: dict[str, list[float]] = {name: [] for name in calls}
    began = time.monotonic()
    gc.disable()
    for n in range(effort.most):
        if n >= effort.least and time.monotonic() - began > effort.budget:
            break
        for name in list(calls)[:: -1 if n % 2 else 1]:
            turns[name].append(seconds(calls[name], counts[name]))
    gc.enable()
    return {name: Timing(taken) for name, taken in turns.items()}


def seconds(call: Call, times: int) -> float:
    """Of one call, the time in which the GPU waits for Python included."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    begin.record()
    for _ in range(times):
        call()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) / 1e3 / times
