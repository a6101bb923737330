"""The encoder of an n-gram model: the last symbols themselves."""

import torch
from torch import Tensor, nn

from chainrule.models.encoders.encoder import Encode, State

__all__ = ["SymbolWindow"]


class SymbolWindow(nn.Module):
    """The last ``width`` symbols, the oldest first; ``blank``, the start symbol, stands where there are none.

    As of any encoder, the state is what it saw before: the last ``width`` - 1 symbols. What is made of the windows may
    use the last ``used`` of them alone, by default all.

    >>> windows, state = SymbolWindow(3, blank=9)(torch.tensor([[9, 4, 5]]))
    >>> windows.tolist(), state[0].tolist()
    ([[[9, 9, 9], [9, 9, 4], [9, 4, 5]]], [[4, 5]])
    """

    def __init__(self, width: int, blank: int, used: int | None = None) -> None:
        super().__init__()
        self.width = width
        self._used = width if used is None else used
        self.blank = blank

    @property
    def out_features(self) -> int:
        return self.width

    @property
    def receptive_field(self) -> int | None:
        return self._used

    def forward(self, x: Tensor, state: State | None = None, *, resets: Tensor | None = None) -> tuple[Tensor, State]:
        """Windows (B, T, width) of x (B, T) int64, with blanks for what was before a reset."""
        past = torch.full((len(x), self.width - 1), self.blank, device=x.device) if state is None else state[0]
        seen = torch.cat([past, x], dim=1)
        windows = seen.unfold(1, self.width, 1)
        if resets is not None:
            steps = torch.arange(x.shape[1], device=x.device)
            begins = torch.where(resets, steps, -self.width).cummax(dim=1).values
            places = steps[:, None] + torch.arange(1 - self.width, 1, device=x.device)
            windows = windows.masked_fill(places < begins[..., None], self.blank)
        return windows, (windows[:, -1, 1:],)

    def streamed(self, state: State | None, rows: int) -> Encode:
        return self
