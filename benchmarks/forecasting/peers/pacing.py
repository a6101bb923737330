"""The seconds of a Lightning trainer's steps."""

import statistics
import time
from typing import Any

from pytorch_lightning.callbacks import Callback

__all__ = ["Pace"]


class Pace(Callback):  # type: ignore[misc]  # where Lightning is not installed, it is Any
    """Notes when each step ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> "Pace":
        """Itself: libraries copy a model with its callbacks before they train it."""
        return self

    def on_train_batch_end(self, *told: Any) -> None:
        self.ends.append(time.monotonic())

    @property
    def seconds(self) -> float:
        """Of a step: the median."""
        return statistics.median(after - before for before, after in zip(self.ends, self.ends[1:], strict=False))
