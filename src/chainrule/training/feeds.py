"""Feeds: where the loop's next loss comes from, and the place to go on from after an interruption."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule.models import Carry
from chainrule.training.streams import Streams

__all__ = ["Batch", "Feed", "LabelledFeed", "StreamFeed"]

Batch = Callable[[Tensor], tuple[tuple[Tensor, ...], Tensor]]
"""From the numbers of some examples to a model's arguments and the labels."""


class Feed(Protocol):
    """Gives the loss of one batch after another, epoch after epoch."""

    def loss(self, model: nn.Module) -> tuple[Tensor, int]:
        """The mean loss of the next batch, and over how many symbols, values or examples it is the mean."""

    def state(self) -> dict[str, Tensor]:
        """Tensors from which ``restore`` continues exactly here."""

    def restore(self, state: dict[str, Tensor]) -> None: ...


class StreamFeed:
    """Truncated backpropagation through time: state is carried from chunk to chunk, gradients stop at its border.

    Every epoch starts afresh. Truncation after Williams & Peng 1990, with the chunk as both of their lengths.

    >>> import numpy as np
    >>> from chainrule.models import ModelConfig, build_symbol_model
    >>> model = build_symbol_model(ModelConfig("gru", hidden=8), symbols=5)
    >>> feed = StreamFeed(Streams([np.array([3, 1, 4, 1, 2, 0])], batch=2, window=2))
    >>> [feed.loss(model)[1] for _ in range(3)]  # two epochs take four chunks
    [4, 2, 4]
    """

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self._next = 0
        self._carry: Carry | None = None

    def loss(self, model: nn.Module) -> tuple[Tensor, int]:
        x, resets, mask = self.streams.chunk(self._next)
        log_prob, carry = model(x, self._carry, resets=resets)
        self._next = (self._next + 1) % len(self.streams)
        self._carry = carry.detach() if self._next else None
        return -log_prob[mask].mean(), int(mask.sum())

    def state(self) -> dict[str, Tensor]:
        state = {"next": torch.tensor(self._next)}
        if self._carry is not None and self._carry.encoder is not None:
            state["last"] = self._carry.last
            state.update({f"encoder.{i}": s for i, s in enumerate(self._carry.encoder)})
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        self._next = int(state["next"])
        encoder = [state[f"encoder.{i}"] for i in range(len(state) - 2)]
        self._carry = Carry(state["last"], tuple(encoder)) if "last" in state else None


class LabelledFeed:
    """Batches of labelled examples in an order drawn anew each epoch.

    ``batch_of(index)`` gives the model's arguments and the labels of the examples named by ``index``.

    >>> x, labels = torch.zeros(10, 3), torch.zeros(10, dtype=torch.int64)
    >>> feed = LabelledFeed(examples=10, batch=4, batch_of=lambda index: ((x[index],), labels[index]), seed=0)
    >>> [feed.loss(nn.Linear(3, 2))[1] for _ in range(4)]
    [4, 4, 2, 4]
    """

    def __init__(self, examples: int, batch: int, batch_of: Batch, seed: int) -> None:
        self.examples = examples
        self.batch = batch
        self._batch_of = batch_of
        self._seed = seed
        self._epoch = 0
        self._next = 0

    def loss(self, model: nn.Module) -> tuple[Tensor, int]:
        order = torch.randperm(self.examples, generator=torch.Generator().manual_seed(self._seed + self._epoch))
        arguments, labels = self._batch_of(order[self._next : self._next + self.batch])
        self._next += self.batch
        if self._next >= self.examples:
            self._epoch, self._next = self._epoch + 1, 0
        return F.cross_entropy(model(*arguments), labels), len(labels)

    def state(self) -> dict[str, Tensor]:
        return {"epoch": torch.tensor(self._epoch), "next": torch.tensor(self._next)}

    def restore(self, state: dict[str, Tensor]) -> None:
        self._epoch, self._next = int(state["epoch"]), int(state["next"])
