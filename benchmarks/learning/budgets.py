"""What an entrant may spend, and the points at which scores are taken on the way."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["POINTS", "Budget", "Clock", "Curve"]

POINTS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of the budget; the last score comes at its end

Curve = list[tuple[float, float]]  # seconds of training, nats per character


@dataclass(frozen=True)
class Budget:
    """Minutes of training; or steps, with which the same weights come out every time."""

    minutes: float = 1.5
    steps: int | None = None

    def part(self, share: float) -> "Budget":
        """A share of it."""
        return Budget(self.minutes * share, None if self.steps is None else max(1, round(self.steps * share)))

    def of_fit(self) -> dict[str, Any]:
        """As arguments of ``chainrule.fit``."""
        return {"minutes": self.minutes} if self.steps is None else {"steps": self.steps}


class Clock:
    """Iterated over, gives the share of the budget that is spent before each step, until there is none left.

    At each of POINTS, between two steps, the test part is scored by ``evaluate``, and the clock stands still.
    """

    def __init__(self, budget: Budget, evaluate: Callable[[], float]) -> None:
        self.budget = budget
        self.evaluate = evaluate
        self.curve: Curve = []
        self.steps = 0
        self.seconds = 0.0

    def __iter__(self) -> Iterator[float]:
        points = iter(POINTS)
        point = next(points)
        spent = 0.0
        while spent < 1:
            began = time.perf_counter()
            yield spent
            self.seconds += time.perf_counter() - began
            self.steps += 1
            spent = self._spent()
            if point <= spent < 1:
                self.curve.append((self.seconds, self.evaluate()))
                while point <= spent:
                    point = next(points, 1.0)

    def _spent(self) -> float:
        if self.budget.steps is not None:
            return self.steps / self.budget.steps
        return self.seconds / (60 * self.budget.minutes)
