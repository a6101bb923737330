"""One call of the recurrence, checked: what every backend takes."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from chainrule.ops.recurrence.cells import BUILT_IN
from chainrule.ops.recurrence.cells.spec import CellSpec, State
from chainrule.ops.recurrence.trace import Trace

__all__ = ["RecurrenceCall", "Zoneout", "rounds_under_autocast"]

Zoneout = tuple[Tensor | float | None, ...]
"""For each part of the state: a mask (bool, (B, T, H), true where a unit keeps its value), a rate, or None."""


@dataclass(frozen=True, slots=True)
class RecurrenceCall:
    """A cell, its weights and state, and the sequences that it runs over."""

    cell: CellSpec
    x: Tensor  # (B, T, I)
    state: State  # that the scan starts from
    weights: Any  # the named tuple of the cell
    zoneout: Zoneout = ()
    resets: Tensor | None = None  # bool, (B, T)
    lengths: Tensor | None = None  # integers, (B,)
    reverse: bool = False
    save: str = "gates"
    rounds: bool = False  # whether the products' factors are rounded to bfloat16, and summed in float32
    trace: Trace | None = None  # for the backend to fill

    @property
    def zoned_out(self) -> bool:
        """Whether any unit may keep its value."""
        return any(keep is not None for keep in self.zoneout)

    def in_float32(self) -> "RecurrenceCall":
        """This call of bfloat16 with the same numbers in float32, whose products have factors of bfloat16."""
        return replace(
            self,
            x=self.x.float(),
            state=tuple(part.float() for part in self.state),
            weights=self.weights._make(None if w is None else w.float() for w in self.weights),
            rounds=True,
        )


def rounds_under_autocast(cell: CellSpec, W_ih: Tensor) -> bool:
    """Whether torch.autocast is on for bfloat16, and float32 weights there are of a cell of the library."""
    device = W_ih.device.type
    is_theirs = cell in BUILT_IN and W_ih.dtype == torch.float32 and device in ("cpu", "cuda")
    if not is_theirs or not torch.is_autocast_enabled(device):
        return False
    return torch.get_autocast_dtype(device) == torch.bfloat16
