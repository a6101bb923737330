"""A kind of data that can be fitted: what is made of it, and what a fit takes where it is told nothing."""

from abc import ABC, abstractmethod
from typing import Any, Literal

from torch import nn

from chainrule.models import MODELS, Evidence, ModelConfig
from chainrule.runs.folder.data_config import DataConfig
from chainrule.runs.kinds.task import Task
from chainrule.runs.run import Run
from chainrule.training import TrainingConfig

__all__ = ["DataKind"]

_WINDOW = 64


class DataKind(ABC):
    """One kind of data; ``data`` below is always of this kind.

    Attributes:
        name: as the data and its config have it.
        words: what people call it, or its parts.
        has: what settings ask for: "symbols", "values" or "labels", "steps", a "stream", "documents".
        run: the class of its runs.
        models: what can be fitted to it.
        heads: the distributions that its models can have, where they are of real values; the first is the default.
        solution: what of it is fitted without gradients, in words that begin a sentence.
        refits: whether there is a refit where nothing is said.
        goes_on: what a refit is: whether training goes on, for the last part of its budget, over what was held out to
            choose the weights too, or begins again, once these are scored, over all of the data.
        keeps: whether a run keeps its data, so that forecasts need no other file.
    """

    name: str
    words: tuple[str, ...]
    has: frozenset[str]
    run: type[Run]
    models: tuple[str, ...] = MODELS
    heads: tuple[str, ...] = ("gaussian",)
    solution: str = ""
    refits: bool = False
    goes_on: bool = False
    keeps: bool = False
    task: type[Task]

    @abstractmethod
    def describe(self, data: Any, transform: str, model: ModelConfig) -> DataConfig:
        """What a model has to know of the data."""

    @abstractmethod
    def build(self, about: DataConfig, model: ModelConfig) -> nn.Module:
        """A new model for data of which ``about`` tells."""

    @abstractmethod
    def read_as(self, data: Any) -> str:
        """The kind of `Reading` that the data came from."""

    @abstractmethod
    def noun(self, data: Any) -> str:
        """What such data is called: text, sound, series."""

    @abstractmethod
    def summary(self, data: Any) -> str:
        """One line about the data."""

    def columns(self, data: Any) -> tuple[str, ...]:
        """The columns of a table that the data was read from."""
        return ()

    def steps(self, data: Any) -> int | None:
        """How many steps there are to go back through; None where examples are whole."""
        return None

    def solves(self, model: str, head: str | None) -> bool:
        """Whether the model is fitted without gradients, and so without a budget."""
        return False

    def model(self, data: Any) -> str:
        """The model where none is named."""
        return "gru"

    def transform(self, data: Any, asked: str, window: int | None) -> Evidence:
        """The transform: the one asked for, or the one that the training part speaks for, and how."""
        return Evidence(asked, {}, 0)

    def window(self, data: Any, transform: str, model: str, *, linear: bool) -> int:
        """The window where none is given; of a ``linear`` model that is solved."""
        return _WINDOW

    def why_window(self, data: Any, window: int, *, linear: bool) -> str:
        """Why it is this one, in words."""
        return "the default"

    def horizon(self, data: Any) -> int:
        """Steps ahead that are forecast where nothing is said."""
        return ModelConfig.horizon

    def skip(self, data: Any, transform: str, model: str) -> int:
        """Taps of the linear path around a network, or seasons of one of a panel."""
        return ModelConfig.skip

    def hidden(self, data: Any, model: str) -> int:
        """The hidden size where none is given."""
        return 32

    def widens(self, data: Any, model: str) -> bool:
        """Whether the hidden size follows the budget and the length of the data where none is given."""
        return False

    def dropout(self, data: Any, model: str) -> float:
        """The dropout where none is given."""
        return 0.0

    def ngram_embedding(self, data: Any, model: str) -> int:
        """The longest n-grams that have embeddings where nothing is said."""
        return ModelConfig.ngram_embedding

    def tries_bfloat16(self, data: Any, model: str) -> bool:
        """Whether a fit that is not told its precision tries bfloat16: where networks are wide."""
        return False

    def optimiser(self, data: Any, model: str) -> str:
        """The optimiser where none is given."""
        return TrainingConfig.optimiser

    def weight_decay(self, data: Any, model: str) -> float:
        """The weight decay where none is given, nor anything else of the model says more."""
        return TrainingConfig.weight_decay

    def schedule(self, data: Any, model: str) -> str:
        """How the learning rate falls where nothing is said of it."""
        return TrainingConfig.schedule

    def mix(self, data: Any, model: str) -> Literal["ngram", "none"]:
        """What the network is mixed with where nothing is said."""
        return "none"

    def patience(self, steps: int | None) -> int:
        """Validations in a row without improvement before training stops, where nothing is said; 0 for never."""
        return 0
