"""How busy other processes keep the machine: a thread that waits for one of theirs loses much more than they take."""

import os
from pathlib import Path

__all__ = ["Others"]

_TICKS = os.sysconf("SC_CLK_TCK")


class Others:
    """Watches from its making on, the caller's ended children not counted as others."""

    def __init__(self) -> None:
        self._idle, self._all = _machine()
        self._own = _own()

    def share(self) -> float:
        """The share of the machine's processor time that others took."""
        idle, everything = _machine()
        idle = idle - self._idle
        everything = everything - self._all
        own = _own() - self._own
        return max(0.0, everything - idle - own) / everything if everything else 0.0


def _machine() -> tuple[float, float]:
    """Seconds of all processors since the start: idle, and all there were."""
    user, nice, system, idle, iowait, irq, softirq, steal, *_ = (
        int(ticks) / _TICKS for ticks in Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return idle + iowait, user + nice + system + idle + iowait + irq + softirq + steal


def _own() -> float:
    return sum(os.times()[:4])  # of this process and of its children that have ended
