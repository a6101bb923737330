"""Feeds: where the loop's next loss comes from, and the place to go on from after an interruption."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule.models import Carry
from chainrule.training.streams import Streams

__all__ = ["Feed", "LabelledFeed", "StreamFeed"]

Batch = Callable[[Tensor], tuple[tuple[Tensor, ...], Tensor]]


class Feed(Protocol):
    """Gives the loss of one batch after another, epoch after epoch."""

    def loss(self, model: nn.Module) -> tuple[Tensor, int]:
        """The mean loss of the next batch, and over how many symbols, values or examples it is the mean."""

    def state(self) -> dict[str, Tensor]:
        """Tensors from which ``restore`` continues exactly here."""

    def restore(self, state: dict[str, Tensor]) -> None: ...


class StreamFeed:
    """Truncated backpropagation through time: state is carried from chunk to chunk, gradients stop at its border."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self._next = 0
        self._carry: Carry | None = None

    def loss(self, model: nn.Module) -> tuple[Tensor, int]:
        x, resets, mask = self.streams.chunk(self._next)
        log_prob, carry = model(x, self._carry, resets=resets)
        self._next = (self._next + 1) % len(self.streams)
        self._carry = carry.detach() if self._next else None  # every epoch starts afresh
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
