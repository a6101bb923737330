"""What the kinds of data have in common when a model is fitted to them."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from chainrule.runs.folder.config import RunConfig
from chainrule.runs.folder.data_config import DataConfig
from chainrule.runs.scoring import Result
from chainrule.training import ALONE, Feed, Group, Validation

__all__ = ["Task"]


class Task(ABC):
    """Data split into parts, and what training asks of each; ``model`` is the kind's own."""

    feed: Feed
    config: RunConfig
    parts: tuple[int, int, int]  # how many units train, choose the checkpoint and are scored
    split: str = "in time order"  # how they were told apart
    held_out: str = ""  # where what chooses the checkpoint lies, in words, if not just before what is scored

    @abstractmethod
    def __init__(self, data: Any, config: RunConfig, group: Group = ALONE) -> None:
        """Split the data as ``config`` asks, for one of the ``group`` of processes that train together."""

    @abstractmethod
    def validate(self, model: Any) -> float | Validation:
        """The mean loss of the validation part, in nats but of quantiles, and what counts beside it."""

    @abstractmethod
    def score(self, model: Any) -> Result:
        """The score of the test part, which no choice depended on, and of the baselines."""

    def save(self, folder: Path) -> None:
        """Keep in the run's folder what the run needs besides the weights: nothing, unless a kind says so."""
        return

    def solve(self, model: Any, *, everything: bool = False) -> bool:
        """Fit without gradients what can be, to the training part or to all of the data; say whether that was all."""
        return False

    @property
    def solution(self) -> str:
        """How ``solve`` found what it found, and what of it people are told."""
        return "solved exactly"

    def trained(self, model: Any) -> Any:
        """The part of the model that gradients train: all of it, unless a kind says so."""
        return model

    @property
    def use_of_parts(self) -> str:
        """What is done with the parts where ``solve`` fits the model."""
        return "{0} are fitted, the last {2} are scored."

    @abstractmethod
    def feed_everything(self) -> Feed:
        """As ``feed``, but of all of the data, from its start; of a kind that ``goes_on``, of all but the test part."""

    def take_everything(self, model: Any) -> None:
        """What a model learns of all but the test part by itself, without gradients: nothing, unless a kind says so.

        It is called once, when the weights are chosen and in the model, and training goes on over all of that.
        """
        return

    def describe_everything(self) -> DataConfig:
        """What a model that is fitted to all of the data has to know of it."""
        return self.config.data
