"""The seconds of a Lightning trainer's steps."""

import itertools
import statistics
import time
from typing import Any

from pytorch_lightning.callbacks import Callback

__all__ = ["Pace"]


class Pace(Callback):  # type: ignore[misc]  # where Lightning is not installed, it is Any
    """Notes when training starts, and when each step ends."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> "Pace":
        """Itself: libraries copy a model with its callbacks before they train it."""
        return self

    def on_train_start(self, *told: Any) -> None:
        self._times = [time.monotonic()]

    def on_train_batch_end(self, *told: Any) -> None:
        self._times.append(time.monotonic())

    @property
    def steps(self) -> int:
        """How many have ended."""
        return len(self._times) - 1

    @property
    def seconds(self) -> float:
        """Of a step: the median."""
        return statistics.median(after - before for before, after in itertools.pairwise(self._times))
