"""The feed of labelled examples."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from chainrule._choices import whole
from chainrule._devices import device_of, sent
from chainrule.training.group import ALONE, Group

__all__ = ["BatchOf", "LabelledFeed"]

BatchOf = Callable[[Tensor], tuple[tuple[Tensor, ...], Tensor]]
"""From the indices of some examples to a model's arguments and the labels, all on the CPU."""


class LabelledFeed:
    """Batches of labelled examples in an order drawn anew each epoch.

    Parameters:
        examples: how many there are.
        batch: how many make a batch in each process.
        batch_of: gives the model's arguments and the labels for a tensor of indices.
        seed: of the orders.
        group: the processes that train together, each with its part of every batch.

    >>> x, labels = torch.zeros(10, 3), torch.zeros(10, dtype=torch.int64)
    >>> feed = LabelledFeed(examples=10, batch=4, batch_of=lambda index: ((x[index],), labels[index]), seed=0)
    >>> [feed.backward(nn.Linear(3, 2))[1] for _ in range(4)]
    [4, 4, 2, 4]
    """

    rate = 1.0

    def __init__(self, examples: int, batch: int, batch_of: BatchOf, seed: int, group: Group = ALONE) -> None:
        self.examples = examples
        self.batch = batch
        self._group = group
        self._batch_of = batch_of
        self._seed = seed
        self._epoch = 0
        self._next = 0

    def backward(self, model: nn.Module, spent: float = 0.0) -> tuple[float, int]:
        index = self._next_examples()
        if len(index) == 0:
            return 0.0, 0
        device = device_of(model)
        arguments, labels = self._batch_of(index)
        arguments = tuple(sent(each, device) for each in arguments)
        labels = sent(labels, device)
        loss = F.cross_entropy(model(*arguments), labels)
        (loss * len(labels)).backward()
        return loss.item(), len(labels)

    def _next_examples(self) -> Tensor:
        """This process's part of the next batch of all."""
        generator = torch.Generator().manual_seed(self._seed + self._epoch)
        order = torch.randperm(self.examples, generator=generator)
        together = order[self._next : self._next + self.batch * self._group.size]
        self._next += self.batch * self._group.size
        if self._next >= self.examples:
            self._epoch += 1
            self._next = 0
        return together.tensor_split(self._group.size)[self._group.rank]

    def state(self) -> dict[str, Tensor]:
        return {"epoch": torch.tensor(self._epoch), "next": torch.tensor(self._next)}

    def restore(self, state: dict[str, Tensor]) -> None:
        self._epoch = whole("epoch", int(state["epoch"]), 0, 2**62)
        self._next = whole("next", int(state["next"]), 0, self.examples - 1)
