"""What models of symbols from one alphabet have in common, whatever predicts the next."""

import torch
from torch import Tensor

from chainrule.errors import ArgumentError, ShapeError
from chainrule.models.conditional import Carry, ConditionalModel
from chainrule.models.encoders import State

__all__ = ["AlphabetModel"]


class AlphabetModel(ConditionalModel):
    """A conditional model of V symbols; x is int64 (B, T), or whole numbers of a smaller type, as data keeps them.

    Before its first symbol a row has seen V, the start symbol, which is never predicted. ``end``, one or two symbols,
    is what every document ends with: after it, a sample starts another document.
    """

    def __init__(self, symbols: int, end: tuple[int, ...] = ()) -> None:
        super().__init__()
        if len(end) > 2:
            raise ArgumentError(f"end must be at most two symbols, got {len(end)}.")
        self.symbols = symbols
        self.end = end

    def start(self, batch: int) -> Carry:
        return Carry(torch.full((batch,), self.symbols, dtype=torch.int64, device=self.device), None)

    def inputs(self, x: Tensor, carry: Carry, resets: Tensor | None) -> Tensor:
        """What was before each x (B, T): the last symbols, or the start symbol."""
        before = torch.cat([carry.last[:, None], x[:, :-1]], dim=1)
        return before if resets is None else before.masked_fill(resets, self.symbols)

    def observe(self, drawn: Tensor, carry: Carry, state: State) -> tuple[Tensor, Carry]:
        if not self.end:
            return drawn, Carry(drawn, state)
        ended = drawn == self.end[-1]
        if len(self.end) == 2:
            ended &= carry.last == self.end[0]
        return drawn, Carry(drawn.masked_fill(ended, self.symbols), state)

    def checked(self, x: Tensor) -> Tensor:
        """x as int64 (B, T).

        Raises:
            ShapeError: it has another shape or no symbols, or they are no whole numbers.
            ArgumentError: a symbol is outside the alphabet.
        """
        is_whole = not (x.is_floating_point() or x.is_complex() or x.dtype == torch.bool)
        if is_whole:
            x = x.long()
        if x.dim() != 2 or not is_whole or x.numel() == 0:
            raise ShapeError(f"x must be int64 symbols (B, T), neither of them 0, got {x.dtype} {tuple(x.shape)}.")
        for end in torch.stack(x.aminmax()).tolist():  # which waits for a GPU once
            if not 0 <= end < self.symbols:
                raise ArgumentError(f"symbols are numbered from 0 to {self.symbols - 1}, got {end}.")
        return x
