"""What went before the rows of a panel that are kept, as far as forecasts need it."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from chainrule.models.encoders import State

__all__ = ["Behind"]


@dataclass(frozen=True, eq=False)
class Behind:
    """Where an encoder stands in series whose first rows are no longer kept.

    The first ``context`` rows that are kept of such a series are looked back to alone: the encoder has read them, and
    goes on after them.

    Attributes:
        context: how many rows these are.
        dropped: (N,) int64, the rows of each series that are not kept; 0 for one that is kept whole.
        sums: (N, 6) float64, the ``running_sums`` up to the end of the context.
        units: (N,) float64, the scale of what forecasts of the series are off by.
        state: of the encoder there, for each series; None where none has dropped rows yet.
    """

    context: int
    dropped: Tensor
    sums: Tensor
    units: Tensor
    state: State | None = None

    @classmethod
    def of(cls, context: int, series: int) -> Self:
        """Nothing at all, of so many series."""
        some = torch.zeros(series, dtype=torch.float64)
        return cls(context, torch.zeros(series, dtype=torch.int64), some.new_zeros(series, 6), some)

    @property
    def read(self) -> Tensor:
        """(N,) how many of the rows that are kept the encoder has read."""
        return self.context * (self.dropped > 0)

    def with_new(self, series: int) -> Self:
        """The same of more series, the new ones kept whole."""
        more = series - len(self.dropped)

        def padded(tensor: Tensor) -> Tensor:
            return F.pad(tensor, (0, 0) * (tensor.dim() - 1) + (0, more))

        state = None if self.state is None else tuple(map(padded, self.state))
        return type(self)(self.context, padded(self.dropped), padded(self.sums), padded(self.units), state)

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        state = None if self.state is None else tuple(part.to(device) for part in self.state)
        dropped = self.dropped.to(device)
        return type(self)(self.context, dropped, self.sums.to(device), self.units.to(device), state)
