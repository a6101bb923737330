"""A copy of a model of symbols that goes on learning: its weights, its counts, or both."""

import copy
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from chainrule._choices import choose
from chainrule.errors import ArgumentError
from chainrule.models import Carry, ConditionalModel
from chainrule.training.adaptation.dynamic_evaluation import DynamicEvaluation

__all__ = ["MODES", "Learner"]

MODES = ("counts", "weights", "both")
_STEPS_OF_WEIGHTS = 20  # that are scored before the weights learn from them
_STEPS_OF_COUNTS = 512


@runtime_checkable
class _Counting(Protocol):
    """A model that counts each symbol once it has scored it."""

    def score_and_count(
        self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None
    ) -> tuple[Tensor, Carry]: ...


class Learner:
    """A model that scores every symbol first and learns from it after; it takes a copy of the one it is given.

    Counts learn from every symbol before the next is scored, weights from ``steps`` symbols at a time. The gate of a
    mixture learns with either, as it weighs what has changed.

    Parameters:
        model: of symbols. Those of its parameters that require a gradient learn.
        adapt: what of it learns: "counts", "weights" or "both".

    Raises:
        ArgumentError: the model has nothing of the kind.

    >>> from chainrule.models import NGramModel
    >>> learner = Learner(NGramModel(symbols=2, order=1), "counts")
    >>> log_prob, _ = learner.learn(torch.tensor([[1, 1, 1]]), None, torch.tensor([[True, False, False]]))
    >>> log_prob.exp().round(decimals=2)
    tensor([[0.5000, 0.6500, 0.7500]], dtype=torch.float64)
    """

    def __init__(self, model: ConditionalModel, adapt: str) -> None:
        choose("`adapt`", adapt, MODES)
        names = [name for name, weight in model.named_parameters() if weight.requires_grad]
        _refuse_what_lacks(adapt, weights=bool(names), counts=isinstance(model, _Counting))
        self.model = copy.deepcopy(model).eval()
        for table in self.model.modules():
            if isinstance(table, nn.Embedding):
                table.sparse = True  # a chunk reads few of its rows
        learning: list[Tensor] = []
        if adapt != "counts":
            own = dict(self.model.named_parameters())
            learning += [own[name] for name in names]
        learning += [self.model.get_buffer(name).requires_grad_() for name in model.adapting]
        self._dynamic = DynamicEvaluation(learning)
        self.steps = _STEPS_OF_WEIGHTS if learning else _STEPS_OF_COUNTS
        self._score: Callable[..., tuple[Tensor, Carry]] = self.model
        if adapt != "weights":
            assert isinstance(self.model, _Counting)
            self._score = self.model.score_and_count

    @torch.no_grad()
    def read(self, x: Tensor, carry: Carry | None, resets: Tensor) -> Carry:
        """The carry after a chunk x (1, T), T <= ``steps``, which is not learned from."""
        return self.model.advance(x, carry, resets=resets)

    def learn(self, x: Tensor, carry: Carry | None, resets: Tensor) -> tuple[Tensor, Carry]:
        """Log-probabilities (1, T) of a chunk, each from before its symbol was learned from, and the carry after it."""
        learning = self._dynamic.weights
        with torch.set_grad_enabled(bool(learning)):
            log_prob, carry = self._score(x, carry, resets=resets)
            if learning:
                self._dynamic.step(torch.autograd.grad(-log_prob.mean(), learning, allow_unused=True))
        return log_prob.detach(), carry.detach()


def _refuse_what_lacks(adapt: str, *, weights: bool, counts: bool) -> None:
    """Refuse to adapt what a model does not have."""
    if weights and counts:
        return
    has = "weights" if weights else "counts"
    if adapt != has:
        lacks = "counts" if weights else "weights"
        raise ArgumentError(
            f'`adapt` is {adapt!r}, but the model has no {lacks} that could learn, only {has}. Give `adapt="{has}"`.'
        )
