"""Conditional models of symbols: text, and quantised sound."""

import torch
from torch import Tensor, nn

from chainrule.errors import ArgumentError, ShapeError
from chainrule.models.conditional import Carry, ConditionalModel
from chainrule.models.encoders import Encode, Encoder, State
from chainrule.models.heads import CategoricalHead
from chainrule.models.predictions import Prediction

__all__ = ["SymbolModel"]


class SymbolModel(ConditionalModel):
    """A conditional model of V symbols; x is int64 (B, T), or whole numbers of a smaller type, as data keeps them.

    Before its first symbol a row has seen V, the start symbol: it enters as a zero vector and is never predicted.
    ``end``, one or two symbols, is what every document ends with: after it, a sample starts another document.

    >>> from chainrule.models import ModelConfig, build_symbol_model
    >>> model = build_symbol_model(ModelConfig("gru", hidden=8), symbols=5)
    >>> x = torch.tensor([[3, 1, 4, 1]])
    >>> model.log_prob(x).shape
    torch.Size([1, 4])
    >>> first, carry = model(x[:, :2])  # the same in two chunks
    >>> second, carry = model(x[:, 2:], carry)
    >>> torch.allclose(torch.cat([first, second], dim=1), model.log_prob(x))
    True
    >>> model.sample(6, context=x, seed=1).shape
    torch.Size([1, 6])
    """

    def __init__(
        self,
        symbols: int,
        embedding: nn.Embedding,
        encoder: Encoder,
        head: CategoricalHead,
        end: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        if len(end) > 2:
            raise ArgumentError(f"end must be at most two symbols, got {len(end)}.")
        self.symbols = symbols
        self.end = end
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
        x = _as_indices(x)
        features, carry = self._features(x, carry, resets)
        return self.head(features).log_prob(x), carry

    def advance(self, x: Tensor, carry: Carry | None = None, *, resets: Tensor | None = None) -> Carry:
        return self._features(_as_indices(x), carry, resets)[1]

    def _features(self, x: Tensor, carry: Carry | None, resets: Tensor | None) -> tuple[Tensor, Carry]:
        """What the head predicts each x from."""
        if x.dim() != 2 or x.dtype != torch.int64 or x.numel() == 0:
            raise ShapeError(f"x must be int64 symbols (B, T), neither of them 0, got {x.dtype} {tuple(x.shape)}.")
        for end in map(int, x.aminmax()):
            if not 0 <= end < self.symbols:
                raise ArgumentError(f"symbols are numbered from 0 to {self.symbols - 1}, got {end}.")
        carry = carry or self.start(len(x))
        inputs = torch.cat([carry.last[:, None], x[:, :-1]], dim=1)
        if resets is not None:
            inputs = inputs.masked_fill(resets, self.symbols)
        features, state = self.encoder(self._embed(inputs), carry.encoder, resets=resets)
        return features, Carry(x[:, -1], state)

    def step(self, carry: Carry, encode: Encode | None = None) -> tuple[Prediction, State]:
        last = carry.last[:, None]
        resets = last == self.symbols if self.end else None
        features, state = (encode or self.encoder)(self._embed(last), carry.encoder, resets=resets)
        return self.head(features[:, 0]), state

    def observe(self, drawn: Tensor, carry: Carry, state: State) -> tuple[Tensor, Carry]:
        if not self.end:
            return drawn, Carry(drawn, state)
        ended = drawn == self.end[-1]
        if len(self.end) == 2:
            ended &= carry.last == self.end[0]
        return drawn, Carry(drawn.masked_fill(ended, self.symbols), state)


def _as_indices(x: Tensor) -> Tensor:
    """Whole numbers of any type as int64; anything else as it is, for ``_features`` to refuse."""
    is_whole = not (x.is_floating_point() or x.is_complex() or x.dtype == torch.bool)
    return x.long() if is_whole else x
