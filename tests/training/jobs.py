"""A small training job for the tests of the loop, made anew at every call."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from chainrule.models import ConditionalModel, ModelConfig
from chainrule.training import (
    Feed,
    JoinedFeed,
    Piece,
    Progress,
    StreamFeed,
    Streams,
    Then,
    TrainingConfig,
    log_probs,
    train,
)
from tests.models.cases import TRANSFORMS, series_model, symbol_model, symbols, values

DOCUMENTS = [symbols(1, length, seed=length)[0].numpy() for length in (40, 25, 60)]
SERIES = [values(1, 120)[0].numpy()]


def quiet(progress: Progress) -> None:
    """A report that says nothing."""


@dataclass
class Job:
    """Everything that ``train`` takes but the folder. ``dropout`` makes it depend on torch's generator."""

    name: str = "gru"
    steps: int = 40
    series: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        dropout = 0.0 if self.name == "ar" else 0.2
        layers = 2 if self.name == "lstm" else None
        config = ModelConfig(self.name, hidden=6, layers=layers, window=4, dropout=dropout)
        self.model: ConditionalModel = (
            series_model(config, TRANSFORMS["difference"]) if self.series else symbol_model(config)
        )
        documents = SERIES if self.series else DOCUMENTS
        self.feed: Feed = StreamFeed(Streams(documents, batch=3, window=4))
        self.pieces = [Piece(document[:20]) for document in documents]
        self.report: Callable[[Progress], None] = quiet
        self.then: Then | None = None

    def goes_on(self) -> None:
        """Let what is held out join: other documents."""
        others = SERIES if self.series else [document[::-1].copy() for document in DOCUMENTS]

        def joined() -> JoinedFeed:
            assert isinstance(self.feed, StreamFeed)
            return JoinedFeed(self.feed, StreamFeed(Streams(others, batch=2, window=4)))

        self.then = Then(joined)

    def without_dropout(self) -> None:
        """So that it does not matter how often something is drawn."""
        for module in self.model.modules():
            if isinstance(module, nn.Dropout | nn.Dropout1d):
                module.p = 0.0

    def validate(self) -> float:
        return -float(np.concatenate(log_probs(self.model, self.pieces)).mean())

    def train(self, folder: Path, *, resume: bool = False) -> Progress:
        config = TrainingConfig(steps=self.steps, learning_rate=0.02, **self.options)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return train(
                self.model, self.feed, self.validate, config, folder, self.report, resume=resume, then=self.then
            )


class Altered:
    """A feed that calls ``alter(step, loss)`` on the loss of every step, counted from 1 since it was made.

    Gradients become those of the altered loss.
    """

    rate = 1.0

    def __init__(self, feed: Feed, alter: Callable[[int, Tensor], Tensor]) -> None:
        self._feed = feed
        self._alter = alter
        self._step = 0

    def backward(self, model: nn.Module, spent: float = 0.0) -> tuple[float, int]:
        value, count = self._feed.backward(model, spent)
        self._step += 1
        loss = torch.tensor(value, dtype=torch.float64, requires_grad=True)
        altered = self._alter(self._step, loss)
        (slope,) = torch.autograd.grad(altered, loss)
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad *= slope
        return altered.item(), count

    def state(self) -> dict[str, Tensor]:
        return self._feed.state()

    def restore(self, state: dict[str, Tensor]) -> None:
        self._feed.restore(state)
