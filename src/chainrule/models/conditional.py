"""Conditional models: an encoder and a head, p(x_1..x_T) = prod_t p(x_t | x_<t).

Every way of using a model goes through ``forward``, which scores a chunk and carries the state on: scoring a
sequence in pieces is scoring it whole, and sampling is the same step taken on the model's own symbols.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from chainrule.data import Transform
from chainrule.errors import ArgumentError, ShapeError
from chainrule.models.encoders import Encoder, State
from chainrule.models.heads import CategoricalHead, GaussianHead, Prediction, RealPrediction, StudentTHead

__all__ = ["Carry", "ConditionalModel", "SeriesModel", "SymbolModel"]


class Carry(NamedTuple):
    """Where a model stands in its sequences: the last x of every row, and the encoder's state before it.

    ``encoder`` is None only at a cold start, where ``last`` is a start symbol that no data contains.
    """

    last: Tensor
    encoder: State | None

    def detach(self) -> "Carry":
        """The same place, cut from the graph: what truncated backpropagation carries on."""
        return Carry(self.last, None if self.encoder is None else tuple(s.detach() for s in self.encoder))

    def rows(self, index: Tensor) -> "Carry":
        """The rows named by ``index`` (repeats allowed), as a batch of its own."""
        return Carry(self.last[index], None if self.encoder is None else tuple(s[index] for s in self.encoder))


class ConditionalModel(nn.Module, ABC):
    """What symbols and real values share. ``step`` is the one place where an encoder meets its head."""

    encoder: Encoder
    head: nn.Module
    context_dims = 1  # of one context: (T,) symbols, or (T, C) values

    @abstractmethod
    def start(self, batch: int) -> Carry:
        """The carry of ``batch`` rows before their first x."""

    @abstractmethod
    def forward(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, Carry]:
        """Log-probabilities (B, T) of a chunk x (B, T, ...) in nats, and the carry for the next chunk."""

    @abstractmethod
    def step(self, carry: Carry) -> tuple[Prediction, State]:
        """Feed the last x of every row: the distribution of the next one, and the encoder's state after it."""

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
        """Draw n further steps after ``context`` ((T, ...) or (B, T, ...)); the same shape with T = n.

        ``temperature`` below 1 sharpens, above 1 flattens; ``top_k`` keeps the k likeliest symbols.
        """
        batched = context is None or context.dim() == self.context_dims + 1
        rows = 1 if context is None or not batched else len(context)
        carry = self.start(rows) if context is None else self.read(context if batched else context[None])
        drawn = self.continue_from(carry, n, temperature=temperature, top_k=top_k, seed=seed)
        return drawn if batched and context is not None else drawn[0]

    @torch.no_grad()
    def forecast(self, context: Tensor, horizon: int, paths: int = 1000, *, seed: int = 0) -> Tensor:
        """Sample ``paths`` futures of one context (T, ...): (paths, horizon, ...)."""
        if context.dim() != self.context_dims:
            raise ShapeError(
                f"forecast takes one context of {self.context_dims} dimensions, got shape "
                f"{tuple(context.shape)}. Forecast the rows one by one."
            )
        carry = self.read(context[None]).rows(torch.zeros(paths, dtype=torch.int64))
        return self.continue_from(carry, horizon, seed=seed)

    @torch.no_grad()
    def read(self, context: Tensor, carry: Carry | None = None) -> Carry:
        """The carry after rows of context (B, T, ...)."""
        if context.shape[1] == 0:
            return carry if carry is not None else self.start(len(context))
        with self.evaluating():
            _, after = self.forward(context, carry)
        return after

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Evaluation mode (no dropout) for a while, then the mode it was in."""
        was_training = self.training
        self.eval()
        try:
            yield
        finally:
            self.train(was_training)

    @torch.no_grad()
    def continue_from(
        self, carry: Carry, n: int, *, temperature: float = 1.0, top_k: int | None = None, seed: int = 0
    ) -> Tensor:
        """Draw n steps for every row of ``carry``: (B, n, ...). The same seed draws the same."""
        if n < 1:
            raise ArgumentError(f"the number of steps must be at least 1, got {n}.")
        drawn: list[Tensor] = []
        with self.evaluating(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for _ in range(n):
                prediction, state = self.step(carry)
                x, carry = self.observe(prediction.sample(temperature, top_k), carry, state)
                drawn.append(x)
        return torch.stack(drawn, dim=1)

    @abstractmethod
    def observe(self, drawn: Tensor, carry: Carry, state: State) -> tuple[Tensor, Carry]:
        """What was drawn, as x in the data's own units, and the carry that has it as its last."""


class SymbolModel(ConditionalModel):
    """A conditional model of V symbols; x is int64 (B, T).

    Before its first symbol a row has seen V, the start: it enters as a zero vector and nothing predicts it.
    """

    def __init__(self, symbols: int, embedding: nn.Embedding, encoder: Encoder, head: CategoricalHead) -> None:
        super().__init__()
        self.symbols = symbols
        self.embedding = embedding
        self.encoder = encoder
        self.head = head

    def start(self, batch: int) -> Carry:
        return Carry(torch.full((batch,), self.symbols, dtype=torch.int64), None)

    def _embed(self, symbols: Tensor) -> Tensor:
        start = symbols == self.symbols
        embedded: Tensor = self.embedding(symbols.masked_fill(start, 0))
        return embedded.masked_fill(start[..., None], 0.0)

    def forward(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, Carry]:
        if x.dim() != 2 or x.dtype != torch.int64:
            raise ShapeError(f"x must be int64 symbols (B, T), got {x.dtype} {tuple(x.shape)}.")
        carry = carry or self.start(len(x))
        inputs = torch.cat([carry.last[:, None], x[:, :-1]], dim=1)
        if resets is not None:
            inputs = inputs.masked_fill(resets, self.symbols)
        features, state = self.encoder(self._embed(inputs), carry.encoder, resets=resets)
        return self.head(features).log_prob(x), Carry(x[:, -1], state)

    def step(self, carry: Carry) -> tuple[Prediction, State]:
        features, state = self.encoder(self._embed(carry.last[:, None]), carry.encoder)
        return self.head(features[:, 0]), state

    def observe(self, drawn: Tensor, carry: Carry, state: State) -> tuple[Tensor, Carry]:
        return drawn, Carry(drawn, state)


class SeriesModel(ConditionalModel):
    """A conditional model of C real channels; x is float64 (B, T, C) in the data's own units, and so are densities.

    The network sees z, the transformed values; the transform's Jacobian is part of the likelihood, so that scores
    compare across transforms. Where a transform needs the value before (difference, log-return), the first x of a
    cold start is given rather than modelled, and its log-probability is 0.
    """

    context_dims = 2

    def __init__(self, transform: Transform, encoder: Encoder, head: GaussianHead | StudentTHead) -> None:
        super().__init__()
        self.transform = transform
        self.channels = len(transform.mean)
        self.encoder = encoder
        self.head = head

    def start(self, batch: int) -> Carry:
        if self.transform.lag:
            raise ArgumentError(
                f"the transform {self.transform.name!r} continues from a value, and there is none before the "
                "first. Give a context of at least one step."
            )
        return self._carry(torch.zeros(batch, self.channels, dtype=torch.float64))

    def _carry(self, x: Tensor) -> Carry:
        """A cold start at values x (B, C): the last x, and its z, of which nothing is known."""
        return Carry(torch.stack([x, torch.zeros_like(x)], dim=1), None)

    def _inputs(self, z: Tensor) -> Tensor:
        return z.to(next(self.parameters()).dtype)

    def forward(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, Carry]:
        log_prob, carry, _ = self.predict(x, carry, resets=resets)
        return log_prob, carry

    def predict(
        self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None
    ) -> tuple[Tensor, Carry, RealPrediction]:
        """As ``forward``, and also the distributions of z_t given the past that the scores come from."""
        if x.dim() != 3 or x.dtype != torch.float64 or x.shape[2] != self.channels:
            raise ShapeError(f"x must be float64 values (B, T, {self.channels}), got {x.dtype} {tuple(x.shape)}.")
        if resets is not None and resets.any():
            raise ArgumentError("a series is one sequence: resets are for many documents, and must be None here.")
        given = carry is None and self.transform.lag > 0
        carry = carry or self._carry(x[:, 0])
        z = self.transform.apply(x, carry.last[:, 0])
        inputs = torch.cat([carry.last[:, 1:], z[:, :-1]], dim=1)
        features, state = self.encoder(self._inputs(inputs), carry.encoder)
        prediction: RealPrediction = self.head(features)
        log_prob = prediction.log_prob(self._inputs(z)).double() + self.transform.log_jacobian(x)
        if given:
            log_prob = torch.cat([torch.zeros_like(log_prob[:, :1]), log_prob[:, 1:]], dim=1)
        return log_prob, Carry(torch.stack([x[:, -1], z[:, -1]], dim=1), state), prediction

    def quantiles(self, x: Tensor, levels: Tensor, carry: Carry | None = None) -> Tensor:
        """Quantiles of every x_t given the steps before it, in the data's units: (Q, B, T, C) at levels (Q,)."""
        carry = carry or self._carry(x[:, 0])
        _, _, prediction = self.predict(x, carry)
        before = torch.cat([carry.last[:, :1], x[:, :-1]], dim=1)
        z = prediction.quantile(levels).double()
        return self.transform.undo(z[..., None, :], before.expand_as(z))[..., 0, :]

    def step(self, carry: Carry) -> tuple[Prediction, State]:
        features, state = self.encoder(self._inputs(carry.last[:, 1:]), carry.encoder)
        return self.head(features[:, 0]), state

    def observe(self, drawn: Tensor, carry: Carry, state: State) -> tuple[Tensor, Carry]:
        z = drawn.double()
        x = self.transform.undo(z[:, None], carry.last[:, 0])[:, 0]
        return x, Carry(torch.stack([x, z], dim=1), state)
