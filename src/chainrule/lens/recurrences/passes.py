"""One recurrent layer in one direction: all numbers of its forward pass, and its backward pass for any gradients.

The passes are the hand-derived ones of chainrule/ops/recurrence, whose README defines the symbols. Their reverse
scan is linear in the gradients that it starts from, so that many are carried back at once: as rows beside each other,
over the one row of the batch whose slopes they share. autograd_check.py holds every step against autograd.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from chainrule.lens.conversion import if_given
from chainrule.ops.recurrence.backends.formula.passes import forward, prepared
from chainrule.ops.recurrence.backends.formula.scan import Schedule, scan_backward
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells import derive
from chainrule.ops.recurrence.cells.derivation import Derivation, Forward
from chainrule.ops.recurrence.cells.products import Saved
from chainrule.ops.recurrence.cells.spec import CellSpec, State

__all__ = ["ALL", "BackwardPass", "Scan"]

ALL = slice(None)


class BackwardPass(NamedTuple):
    """The gradients of the states that the steps led to and of those that the cell made, (T, N, ·)."""

    dY: Tensor  # that it started from
    dlast: State
    dstates: State  # h and c taken as independent: what step t + 1 and y_t make of each
    dmade: State
    dfirst: State  # (N, ·)

    def rows(self, rows: slice) -> "BackwardPass":
        """The same of some of the rows."""

        def of(state: State) -> State:
            return tuple(part[..., rows, :] for part in state)

        return BackwardPass(self.dY[:, rows], *map(of, self[1:]))


@dataclass(frozen=True)
class Scan:
    """The forward pass over rows x (T, B, ·); float64, without a graph."""

    cell: CellSpec
    weights: Any
    schedule: Schedule
    kept: Forward
    slopes: Saved

    @classmethod
    @torch.no_grad()
    def run(cls, call: RecurrenceCall) -> "Scan":
        """Run a call of the op; its zoneout is None or rates."""
        X, schedule = prepared(call)
        derivation = derive(call.cell, call.weights)
        kept = forward(derivation, X, call.state, schedule)
        slopes = derivation.slopes(kept.before, kept.made, kept.saved)
        return cls(call.cell, call.weights, schedule, kept, slopes)

    @cached_property
    def derivation(self) -> Derivation:
        """The passes of the cell with these weights."""
        return derive(self.cell, self.weights)

    @property
    def reverse(self) -> bool:
        return self.schedule.reverse

    @property
    def output(self) -> Tensor:
        """The outputs, (T, B, ·): h, zero beyond the rows' lengths."""
        h = self.kept.states[0]
        if self.schedule.padding is None:
            return h
        return h.masked_fill(self.schedule.padding, 0)

    @property
    def widths(self) -> list[int]:
        """Of the parts of the state."""
        return [part.shape[-1] for part in self.kept.states]

    @property
    def ends(self) -> list[int]:
        """Of each row the step that leads to its last state."""
        T, B = self.kept.X.shape[:2]
        if self.reverse:
            return [0] * B
        padding = self.schedule.padding
        if padding is None:
            return [T - 1] * B
        lengths = (~padding[..., 0]).sum(0)
        return (lengths.long() - 1).clamp(min=0).tolist()

    @property
    def live(self) -> Tensor:
        """Which steps lie within their rows' lengths, bool (T, B)."""
        padding = self.schedule.padding
        if padding is None:
            return torch.ones(self.kept.X.shape[:2], dtype=torch.bool, device=self.kept.X.device)
        return ~padding[..., 0]

    @property
    def gates(self) -> Tensor:
        """The values of all gates, (T, B, G)."""
        return self.derivation.gates(self.kept.made, self.kept.saved)

    def by_gate(self, side_by_side: Tensor) -> dict[str, Tensor]:
        """What (..., G) holds of each gate, by the gate's name."""
        names = tuple(self.cell.gates)
        return dict(zip(names, side_by_side.chunk(len(names), dim=-1), strict=True))

    def part(self, steps: slice = ALL, rows: slice = ALL) -> "Scan":
        """The same for some of the steps and rows."""

        def cut(t: Tensor) -> Tensor:
            return t[steps, rows]

        def cut_all(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return tuple(map(cut, tensors))

        whole = self.schedule
        resets = if_given(cut, whole.resets)
        padding = if_given(cut, whole.padding)
        X = cut(self.kept.X)
        schedule = Schedule(len(X), resets, padding, self.reverse, whole.zoneout)
        kept = Forward(X, *map(cut_all, self.kept[1:]))
        return Scan(self.cell, self.weights, schedule, kept, cut_all(self.slopes))

    @torch.no_grad()
    def backward(self, dY: Tensor, dlast: State | None = None) -> BackwardPass:
        """Carry dY (T, N, ·), and dlast (N, ·) of the last state, back; N rows over the B of the pass, or over 1."""
        if self.schedule.padding is not None:
            dY = dY.masked_fill(self.schedule.padding, 0)
        if dlast is None:
            dlast = tuple(dY.new_zeros(dY.shape[1], width) for width in self.widths)
        return BackwardPass(dY, dlast, *scan_backward(self.derivation, dY, dlast, self.slopes, self.schedule))

    @torch.no_grad()
    def gradients(self, back: BackwardPass, step: int | None = None) -> dict[str, Tensor]:
        """The gradients of the weights by their symbols: all of it, or what one step contributes."""
        if step is not None:
            one = slice(step, step + 1)
            own = back._replace(dmade=tuple(d[one] for d in back.dmade))
            return self.part(one).gradients(own)
        need = {symbol: w is not None for symbol, w in self.weights._asdict().items()}
        entered = self._entering(back)
        found = self.derivation.weight_gradients(self.kept, self.slopes, back.dmade, entered, need)
        return {symbol: gradient for symbol in need if (gradient := found.get(symbol)) is not None}

    @torch.no_grad()
    def input_gradient(self, back: BackwardPass) -> Tensor:
        """The gradient of the inputs, (T, N, I)."""
        return self.derivation.input_gradient(self._entering(back))

    @torch.no_grad()
    def dgates(self, back: BackwardPass) -> Tensor:
        """The gradient of what enters each gate, (T, N, G)."""
        dgates: Tensor = self._entering(back).dgx
        return dgates

    @torch.no_grad()
    def dtotal(self, back: BackwardPass) -> State:
        """dL/dh_t and dL/dc_t; that of c_t, where it is not zoned out, with the part through h_t."""
        totals = self.derivation.total(back.dmade, self.slopes)
        pairs = zip(self.schedule.zoneout, back.dstates, totals, strict=True)
        return tuple(total if keep is None else d for keep, d, total in pairs)

    @torch.no_grad()
    def definition(self) -> dict[str, tuple[Tensor, Tensor]]:
        """What enters each gate, and its value, by name, as the definition of the cell has them; (T, B, H) each."""
        rows = self.kept.X.shape[:2]
        before = tuple(part.flatten(0, 1) for part in self.kept.before)
        _, gates = self.cell.step(self.kept.X.flatten(0, 1), before, self.weights)
        return {name: (a.unflatten(0, rows), value.unflatten(0, rows)) for name, (a, value) in gates.items()}

    def _entering(self, back: BackwardPass) -> Any:
        return self.derivation.entering(back.dmade, self.slopes, self.kept.normal)
