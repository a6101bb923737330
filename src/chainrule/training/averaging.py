"""An exponential moving average of the weights, which is evaluated in their place."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from chainrule._choices import whole
from chainrule._torch import add_decayed
from chainrule.training.checkpoint import load_weights, weights_of

__all__ = ["Average"]


class Average:
    """A moving average of a model's weights: after each step, average <- decay average + (1 - decay) weights.

    After n steps, the decay is at most (1 + n) / (10 + n), so that the first weights are soon forgotten.

    >>> model = nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.zeros_(model.weight)
    >>> average = Average(model, decay=0.5)
    >>> _ = nn.init.ones_(model.weight)
    >>> average.update()
    >>> with average.in_place():
    ...     round(model.weight.item(), 4)
    0.8182
    >>> model.weight.item()
    1.0
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model = model
        self._decay = decay
        self._updates = 0
        self._names = [name for name, t in weights_of(model).items() if t.is_floating_point()]
        self._average = [weights_of(model)[name].clone() for name in self._names]

    @property
    def weights(self) -> dict[str, Tensor]:
        """What ``load`` continues from."""
        return {**dict(zip(self._names, self._average, strict=True)), "updates": torch.tensor(self._updates)}

    def load(self, weights: dict[str, Tensor]) -> None:
        """Go on from such ``weights``; a ValueError if they are another model's."""
        self._updates = whole("updates", int(weights["updates"]), 0)
        average = [weights[name] for name in self._names]
        if [(t.shape, t.dtype) for t in average] != [(t.shape, t.dtype) for t in self._average]:
            raise ValueError("the averaged weights are not of the model's shapes")
        self._average = [t.to(own.device, copy=True) for t, own in zip(average, self._average, strict=True)]

    def begin_from(self, weights: dict[str, Tensor]) -> None:
        """Take such weights of the model for the average of those before."""
        self.load({**weights, "updates": torch.tensor(self._updates)})

    @torch.no_grad()
    def update(self) -> None:
        """Take in the model's present weights."""
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        now = weights_of(self._model)
        add_decayed(self._average, [now[name] for name in self._names], 1 - decay)

    def put(self) -> None:
        """Put the average into the model, for good."""
        load_weights(self._model, weights_of(self._model) | dict(zip(self._names, self._average, strict=True)))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the average into the model for the ``with`` block, then the weights again."""
        own = {name: tensor.clone() for name, tensor in weights_of(self._model).items()}
        self.put()
        try:
            yield
        finally:
            load_weights(self._model, own)
