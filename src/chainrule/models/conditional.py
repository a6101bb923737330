"""Conditional models: an encoder and a head, p(x_1..x_T) = prod_t p(x_t | x_<t).

Every use of a model goes through ``forward``, which scores a chunk and carries the state on. A sequence scored in
chunks has the score of the whole, and sampling takes the same step on the model's own symbols.
"""

import math
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from chainrule._choices import counted, whole
from chainrule._devices import device_of, forked, seed_all
from chainrule._modes import evaluating
from chainrule._room import check_room
from chainrule.errors import ArgumentError, ShapeError
from chainrule.models.encoders import Encode, Encoder, State
from chainrule.models.predictions import Prediction

__all__ = ["Carry", "ConditionalModel"]

_TENSOR = 200  # bytes of a tensor without its numbers


class Carry(NamedTuple):
    """Where a model stands in its sequences: the last x of every row, and the encoder's state before it.

    ``encoder`` is None only at a cold start, where ``last`` is a start symbol that no data contains.
    """

    last: Tensor
    encoder: State | None

    def detach(self) -> "Carry":
        """The same carry, cut from the graph."""
        if self.encoder is None:
            return self
        return Carry(self.last, tuple(part.detach() for part in self.encoder))

    def rows(self, index: Tensor) -> "Carry":
        """The rows named by ``index`` (repeats allowed), as a batch of their own."""
        encoder = None if self.encoder is None else tuple(part[index] for part in self.encoder)
        return Carry(self.last[index], encoder)


class ConditionalModel(nn.Module, ABC):
    """What models of symbols and of real values share: all that follows from ``forward``, ``step`` and ``observe``.

    ``forward`` scores a chunk of given steps. ``step`` and ``observe`` take turns where the steps are the model's
    own: the one predicts the next x, the other takes what was drawn from the prediction as the last x.
    """

    encoder: Encoder
    head: nn.Module
    context_dims = 1  # of one context: (T,) symbols, or (T, C) values
    adapting: tuple[str, ...] = ()  # buffers that learn when a copy of the model goes on learning, whatever of it does

    @property
    def device(self) -> torch.device:
        """Where its parameters are, and where x has to be; the CPU for a model that has none."""
        return device_of(self)

    @abstractmethod
    def start(self, batch: int) -> Carry:
        """The carry of ``batch`` rows before their first x."""

    @abstractmethod
    def forward(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, Carry]:
        """Log-probabilities (B, T) of a chunk x (B, T, ...) in nats, and the carry for the next chunk."""

    @abstractmethod
    def advance(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> Carry:
        """The carry that ``forward`` gives, without its scores."""

    @abstractmethod
    def step(self, carry: Carry, encode: Encode | None = None) -> tuple[Prediction, State]:
        """Feed the last x of every row: the distribution of what comes next, and the encoder's state after it.

        The distribution is of the next symbol, or of the next transformed value. ``encode``, which the encoder's
        ``streamed`` returned, takes the encoder's place.
        """

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x_t | x_<t) in nats, shape (B, T), from a cold start; sum over T for the whole sequence."""
        log_prob, _ = self.forward(x)
        return log_prob

    @torch.no_grad()
    def sample(
        self,
        n: int,
        context: Tensor | None = None,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int = 0,
    ) -> Tensor:
        """Draw n steps after ``context``, (T, ...) or (B, T, ...); the result has its shape with T = n.

        Without a context, n steps from a cold start: (n, ...). A ``temperature`` below 1 sharpens, above 1 flattens;
        ``top_k`` keeps the k likeliest symbols. The same seed draws the same on the same kind of device, and torch's
        own generators stay where they are.
        """
        draw = partial(self.continue_from, n=n, temperature=temperature, top_k=top_k, seed=seed)
        if context is None:
            return draw(self.start(1))[0]
        if context.dim() == self.context_dims + 1:
            return draw(self.read(context))
        return draw(self.read(context[None]))[0]

    @torch.no_grad()
    def forecast(self, context: Tensor, horizon: int, paths: int = 1000, *, seed: int = 0) -> Tensor:
        """Sample ``paths`` futures of one context (T, ...): (paths, horizon, ...). The same seed draws the same."""
        if context.dim() != self.context_dims:
            raise ShapeError(
                f"forecast takes one context of {counted(self.context_dims, 'dimension')}, got shape "
                f"{tuple(context.shape)}. Forecast the rows one by one."
            )
        if paths < 1:
            raise ArgumentError(f"the number of paths must be at least 1, got {paths}.")
        if horizon < 1:
            raise ArgumentError(f"the number of steps must be at least 1, got {horizon}.")
        carry = self.read(context[None])
        self._check_room(carry, paths=paths, horizon=horizon)
        carry = carry.rows(torch.zeros(paths, dtype=torch.int64, device=carry.last.device))
        return self.continue_from(carry, horizon, seed=seed)

    @torch.no_grad()
    def read(self, context: Tensor, carry: Carry | None = None) -> Carry:
        """The carry after rows of context (B, T, ...), which continue from ``carry``; T may be 0."""
        if context.shape[1] == 0:
            return self.start(len(context)) if carry is None else carry
        with self.evaluating():
            return self.advance(context, carry)

    def evaluating(self) -> AbstractContextManager[None]:
        """Evaluation mode (no dropout) within a ``with`` block; afterwards every part is in the mode it was in."""
        return evaluating(self.modules())

    @torch.no_grad()
    def continue_from(
        self, carry: Carry, n: int, *, temperature: float = 1.0, top_k: int | None = None, seed: int = 0
    ) -> Tensor:
        """Draw n steps for every row of ``carry``: (B, n, ...); the options are those of ``sample``."""
        if n < 1:
            raise ArgumentError(f"the number of steps must be at least 1, got {n}.")
        self._check_room(carry, paths=len(carry.last), length=n)
        drawn: list[Tensor] = []
        with self.evaluating(), forked(self.device):
            seed_all(whole("`seed`", seed, 0), self.device)
            encode = self.encoder.streamed(carry.encoder, len(carry.last))
            for _ in range(n):
                prediction, state = self.step(carry, encode)
                x, carry = self.observe(prediction.sample(temperature, top_k), carry, state)
                drawn.append(x)
        return torch.stack(drawn, dim=1)

    def _check_room(self, carry: Carry, paths: int, **steps: int) -> None:
        """Refuse more paths, or longer ones, than memory holds: their states, and every step twice when stacked."""
        of_state = sum(part[0].nbytes for part in (carry.last, *(carry.encoder or ())))
        last = carry.last[0]
        of_step = last[0].nbytes if last.dim() else last.nbytes

        def needs(paths: int, **steps: int) -> int:
            count = math.prod(steps.values())
            return paths * (of_state + 2 * count * of_step) + count * _TENSOR

        check_room("the paths", needs, self.device, paths=paths, **steps)

    @abstractmethod
    def observe(self, drawn: Tensor, carry: Carry, state: State) -> tuple[Tensor, Carry]:
        """What was drawn, as x in the data's own units, and the carry that has it as its last x."""
