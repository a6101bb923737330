"""One recurrent layer in one direction: all numbers of its forward pass, and its backward pass for any gradients.

The passes are the hand-derived ones of chainrule/ops/recurrence, whose README defines the symbols. Their reverse
scan is linear in the gradients that it starts from, so that many are carried back at once: as rows beside each other,
over the one row of the batch whose slopes they share.

Every step is held against autograd by itself. `by_autograd` lets it differentiate the definition of the cell at all
steps at once, each from the state that the step started from. By the chain rule nothing more is needed; and rounding,
which a chaotic network blows up along the sequence, has no sequence to grow along.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from chainrule.lens.agreement import Agreement, compare
from chainrule.ops.recurrence.backends.formula.cells import Cell, make_cell
from chainrule.ops.recurrence.backends.formula.passes import Entering, Forward, entering, forward, gradients, prepared
from chainrule.ops.recurrence.backends.formula.product import Saved
from chainrule.ops.recurrence.backends.formula.scan import Schedule, scan_backward, step_backward
from chainrule.ops.recurrence.backends.reference import CELLS, State, Weights, Zoneout, zoned_out

__all__ = ["ALL", "Back", "Scan", "Vjp"]

ALL = slice(None)


class Back(NamedTuple):
    """A backward pass: gradients of the states that the steps led to and of those that the cell made, (T, N, ·)."""

    dY: Tensor  # that it started from
    dlast: State
    dstates: State  # h and c taken as independent: what step t + 1 and y_t make of each
    dmade: State
    dfirst: State  # (N, ·)


class Vjp(NamedTuple):
    """What autograd makes of gradients of the steps' states, each step by itself."""

    states: State  # (T, N, ·), as the definition has them
    before: State  # gradients of what each step started from
    dX: Tensor
    dgates: Tensor  # of what enters each gate, (T, N, G)
    weights: dict[str, Tensor]  # summed over the steps


@dataclass(frozen=True)
class Scan:
    """The forward pass over rows x (T, B, ·); float64, without a graph."""

    name: str
    weights: Weights
    schedule: Schedule
    kept: Forward
    slopes: Saved

    @classmethod
    @torch.no_grad()
    def run(
        cls,
        name: str,
        weights: Weights,
        x: Tensor,
        first: State,
        resets: Tensor | None,
        lengths: Tensor | None,
        reverse: bool,
        zoneout: Zoneout,
    ) -> "Scan":
        """The cell of this name over x (B, T, I), with the op's arguments; zoneout is None or rates."""
        X, schedule = prepared(x, resets, lengths, reverse, zoneout)
        cell = make_cell(name, weights)
        kept = forward(cell, X, weights, first, schedule)
        return cls(name, weights, schedule, kept, cell.slopes(kept.before, kept.made, kept.saved))

    @cached_property
    def cell(self) -> Cell:
        return make_cell(self.name, self.weights)

    @property
    def reverse(self) -> bool:
        return self.schedule.reverse

    @property
    def output(self) -> Tensor:
        """The outputs, (T, B, ·): h, zero beyond the rows' lengths."""
        h = self.kept.states[0]
        return h if self.schedule.padding is None else h.masked_fill(self.schedule.padding, 0)

    @property
    def widths(self) -> list[int]:
        """Of the parts of the state."""
        return [part.shape[-1] for part in self.kept.states]

    @property
    def ends(self) -> list[int]:
        """Of each row the step that leads to its last state."""
        padding = self.schedule.padding
        if self.reverse:
            return [0] * self.kept.X.shape[1]
        live = torch.ones(self.kept.X.shape[:2]) if padding is None else (~padding[..., 0])
        return (live.sum(0).long() - 1).clamp(min=0).tolist()

    @property
    def gates(self) -> Tensor:
        """The values of all gates, (T, B, G)."""
        return self.cell.gates(self.kept.made, self.kept.saved)

    def part(self, steps: slice = ALL, rows: slice = ALL) -> "Scan":
        """The same for some of the steps and rows."""

        def cut(t: Tensor) -> Tensor:
            return t[steps, rows]

        resets, padding = (None if m is None else cut(m) for m in (self.schedule.resets, self.schedule.padding))
        X, before, states, made, saved, normal = self.kept
        before, states, made, saved, normal = (tuple(map(cut, each)) for each in (before, states, made, saved, normal))
        kept = Forward(cut(X), before, states, made, saved, normal)
        schedule = Schedule(len(kept.X), resets, padding, self.reverse, self.schedule.zoneout)
        return Scan(self.name, self.weights, schedule, kept, tuple(map(cut, self.slopes)))

    @torch.no_grad()
    def backward(self, dY: Tensor, dlast: State | None = None) -> Back:
        """Carry dY (T, N, ·), and dlast (N, ·) of the last state, back; N rows over the B of the pass, or over 1."""
        if self.schedule.padding is not None:
            dY = dY.masked_fill(self.schedule.padding, 0)
        if dlast is None:
            dlast = tuple(dY.new_zeros(dY.shape[1], width) for width in self.widths)
        return Back(dY, dlast, *scan_backward(self.cell, dY, dlast, self.slopes, self.schedule))

    @torch.no_grad()
    def gradients(self, back: Back, step: int | None = None) -> dict[str, Tensor]:
        """The gradients of the weights by their names in Weights: all of it, or what one step contributes."""
        cut = self
        held = back
        if step is not None:
            one = slice(step, step + 1)
            cut = self.part(one)
            held = back._replace(dmade=tuple(d[one] for d in back.dmade))
        need = {name: w is not None for name, w in zip(Weights._fields, self.weights, strict=True)}
        found = gradients(cut.cell, self.weights, cut.kept, cut.slopes, held.dmade, cut._entering(held), need)
        return {name: gradient for name in Weights._fields if (gradient := found.get(name)) is not None}

    @torch.no_grad()
    def input_gradient(self, back: Back) -> Tensor:
        """The gradient of the inputs, (T, N, I)."""
        return self._entering(back).dproduct @ self.weights.W_ih

    @torch.no_grad()
    def dgates(self, back: Back) -> Tensor:
        """The gradient of what enters each gate, (T, N, G)."""
        return self._entering(back).dgx

    @torch.no_grad()
    def dtotal(self, back: Back) -> State:
        """dL/dh_t and dL/dc_t; that of c_t, where it is not zoned out, with the part through h_t."""
        totals = self.cell.total(back.dmade, self.slopes)
        pairs = zip(self.schedule.zoneout, back.dstates, totals, strict=True)
        return tuple(total if keep is None else d for keep, d, total in pairs)

    def factors(self) -> tuple[Tensor, Agreement]:
        """dstate_t / dstate_{t-1} of the one row, (T, S, S), S being the state's whole width; held against autograd.

        Steps beyond the row's length have none, and must not be among them.
        """
        T = len(self.kept.X)
        S = sum(self.widths)
        eye = torch.eye(S, dtype=self.kept.X.dtype).split(self.widths, dim=1)
        found = self.vjp(tuple(e.expand(T, -1, -1) for e in eye)).before
        ours = []
        theirs = []
        with torch.no_grad():
            for t, fresh in enumerate(self.schedule.fresh_rows):
                # row k of the identity comes back as the k-th row of the Jacobian
                _, before = step_backward(self.cell, eye, tuple(s[t] for s in self.slopes), self.schedule, t)
                ours.append(torch.cat(before, dim=1))
                theirs.append(torch.cat([b[t] if fresh is None else b[t].masked_fill(fresh, 0) for b in found], dim=1))
        agreement = compare("the Jacobians", torch.stack(ours), torch.stack(theirs))
        return torch.stack(ours), agreement

    @torch.no_grad()
    def definition(self) -> dict[str, tuple[Tensor, Tensor]]:
        """What enters each gate, and its value, by name, as the definition of the cell has them; (T, B, H) each."""
        return CELLS[self.name](self.kept.X, self.kept.before, self.weights)[1]

    @torch.enable_grad()
    def vjp(self, dstates: State) -> Vjp:
        """The definition of the cell, differentiated at every step from where it started; N is B, or B is 1."""
        T, N = dstates[0].shape[:2]
        flat = [t.expand(T, N, -1).flatten(0, 1).detach().requires_grad_() for t in (self.kept.X, *self.kept.before)]
        weights = Weights(*(None if w is None else w.detach().requires_grad_() for w in self.weights))  # type: ignore[arg-type]
        used = {name: w for name, w in zip(Weights._fields, weights, strict=True) if w is not None}
        made, gates = CELLS[self.name](flat[0], tuple(flat[1:]), weights)
        states = tuple(
            zoned_out(k, 0, old, new) for k, old, new in zip(self.schedule.zoneout, flat[1:], made, strict=True)
        )
        entering = [a for a, _ in gates.values()]
        ds = [d.flatten(0, 1) for d in dstates]
        found = torch.autograd.grad(states, [*flat, *entering, *used.values()], ds, materialize_grads=True)
        dX, *before = (g.unflatten(0, (T, N)) for g in found[: len(flat)])
        dgates = torch.cat([g.unflatten(0, (T, N)) for g in found[len(flat) : len(flat) + len(entering)]], dim=-1)
        dweights = dict(zip(used, found[len(flat) + len(entering) :], strict=True))
        return Vjp(tuple(s.detach().unflatten(0, (T, N)) for s in states), tuple(before), dX, dgates, dweights)

    def by_autograd(self, back: Back, weights: bool = True) -> Agreement:
        """Hold a backward pass against autograd, step by step; its weights too if the rows are those of the batch.

        Raises:
            DisagreementError: it is not what autograd finds.
        """
        found = self.vjp(back.dstates)
        padding = self.schedule.padding
        agreement = Agreement(0.0)
        for ours, theirs in zip(self.kept.states, found.states, strict=True):
            live = theirs if padding is None else torch.where(padding, ours, theirs)
            agreement &= compare("the states", ours.expand_as(theirs), live)
        agreement &= self._carried(back, found.before)
        agreement &= compare("the gradient of the inputs", self.input_gradient(back), found.dX)
        agreement &= compare("the gradient of the gates", self.dgates(back), found.dgates)
        if weights:
            for name, ours in self.gradients(back).items():
                agreement &= compare(f"the gradient of {name}", ours, found.weights[name])
        return agreement

    def _carried(self, back: Back, before: State) -> Agreement:
        """Walk back with autograd's gradients: what each step hands on has to be what the next one back holds."""
        agreement = Agreement(0.0)
        carried = back.dlast
        for t in reversed(self.schedule.order):
            padding = self.schedule.padding_rows[t]
            fresh = self.schedule.fresh_rows[t]
            here = (carried[0] + back.dY[t], *carried[1:])
            kept = here if padding is None else tuple(h.masked_fill(padding, 0) for h in here)
            for ours, theirs in zip(back.dstates, kept, strict=True):
                agreement &= compare(f"the gradient of the state of step {t}", ours[t], theirs)
            handed = tuple(b[t] if fresh is None else b[t].masked_fill(fresh, 0) for b in before)
            carried = (
                handed
                if padding is None
                else tuple(torch.where(padding, *pair) for pair in zip(here, handed, strict=True))
            )
        for ours, theirs in zip(back.dfirst, carried, strict=True):
            agreement &= compare("the gradient of the first state", ours, theirs)
        return agreement

    def _entering(self, back: Back) -> Entering:
        return entering(self.cell, self.weights, self.kept.normal, self.slopes, back.dmade)
