"""What the kinds of data have in common when a model is fitted to them."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from chainrule.runs.results import ClassScore, Score
from chainrule.training import Feed, Validation

__all__ = ["Task"]


class Task(ABC):
    """Data split into parts, and what training asks of each; ``model`` is the kind's own."""

    feed: Feed

    @abstractmethod
    def validate(self, model: Any) -> float | Validation:
        """The mean loss of the validation part, in nats, and what counts beside it."""

    @abstractmethod
    def score(self, model: Any) -> Score | ClassScore:
        """The score of the test part, which no choice depended on, and of the baselines."""

    def save(self, folder: Path) -> None:
        """Keep in the run's folder what the run needs besides the weights: nothing, unless a kind says so."""
        return

    def solve(self, model: Any) -> bool:
        """Fit the model in closed form where there is one, and say whether there was."""
        return False
