"""The passes of a cell that has no formula: autograd differentiates its step, each by itself."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from chainrule.ops.recurrence.cells.derivation import Derivation, Forward
from chainrule.ops.recurrence.cells.products import Saved
from chainrule.ops.recurrence.cells.spec import CellSpec, State

__all__ = ["ByAutograd"]


class _Found(NamedTuple):
    """Gradients over steps and rows, (T, N, ·), and summed over them those of the weights, in the order they have."""

    dgx: Tensor
    dX: Tensor
    dweights: tuple[Tensor | None, ...]


class ByAutograd(Derivation):
    """A cell by its definition. What a step saves, and its slopes, are where it started: x, and the state before it."""

    def __init__(self, spec: CellSpec, weights: tuple[Tensor | None, ...]) -> None:
        self.spec = spec
        self.weights = weights

    def inputs(self, X: Tensor) -> tuple[Tensor, Saved]:
        return X, ()

    def step(self, gx: Tensor, state: State) -> tuple[State, Saved]:
        made, _ = self.spec.step(gx, state, self.weights)
        return made, (gx, *state)

    def slopes(self, previous: State, state: State, saved: Saved) -> Saved:
        return saved

    def step_backward(self, dstate: State, slopes: Saved) -> State:
        again = _StepAgain(self.spec, self.weights, dstate, slopes)
        return again.gradients(again.before)

    def total(self, dstate: State, slopes: Saved) -> State:
        again = _StepAgain(self.spec, self.weights, dstate, slopes)
        return again.gradients(again.made)

    def gates(self, state: State, saved: Saved) -> Tensor:
        x, *before = (part.flatten(0, -2) for part in saved)
        _, gates = self.spec.step(x, tuple(before), self.weights)
        values = torch.cat([value for _, value in gates.values()], dim=-1)
        return values.unflatten(0, saved[0].shape[:-1])  # type: ignore[no-any-return]

    def entering(self, dmade: State, slopes: Saved, normal: Saved) -> _Found:
        again = _StepAgain(self.spec, self.weights, dmade, slopes)
        present = [w for w in again.weights if w is not None]
        dx, *rest = again.gradients((again.x, *again.entering))
        dgx = torch.cat(rest, dim=-1)
        found = iter(again.gradients(tuple(present), per_row=False))
        return _Found(dgx, dx, tuple(None if w is None else next(found) for w in again.weights))

    def input_gradient(self, entered: _Found) -> Tensor:
        return entered.dX

    def weight_gradients(
        self, kept: Forward, slopes: Saved, dmade: State, entered: _Found, need: Mapping[str, bool]
    ) -> dict[str, Tensor | None]:
        return dict(zip(self.spec.container._fields, entered.dweights, strict=True))


class _StepAgain:
    """The step computed once more, over all rows that its gradients are asked for, with a graph of its own."""

    def __init__(self, spec: CellSpec, weights: tuple[Tensor | None, ...], dmade: State, start: Saved) -> None:
        self.rows = torch.broadcast_shapes(dmade[0].shape[:-1], start[0].shape[:-1])
        self.create_graph = torch.is_grad_enabled()
        with torch.enable_grad():
            self.x, *before = (self._leaf(self._flat(part)) for part in start)
            self.before = tuple(before)
            self.weights = spec.container(*(None if w is None else self._leaf(w) for w in weights))
            self.made, gates = spec.step(self.x, self.before, self.weights)
        self.entering = tuple(entering for entering, _ in gates.values())
        self.dmade = tuple(self._flat(d) for d in dmade)

    def _flat(self, part: Tensor) -> Tensor:
        """(..., ·) over all rows, as (rows, ·)."""
        return part.expand(*self.rows, -1).flatten(0, -2)

    def _leaf(self, part: Tensor) -> Tensor:
        """What the gradient is asked of: an alias, so that nothing flows to it by another way than the step's."""
        if self.create_graph and part.requires_grad:
            return part.view_as(part)
        return part.detach().requires_grad_()

    def gradients(self, towards: State, per_row: bool = True) -> tuple[Tensor, ...]:
        """Zeros where nothing arrives."""
        pairs = [(made, d) for made, d in zip(self.made, self.dmade, strict=True) if made.requires_grad]
        outputs, cotangents = zip(*pairs, strict=True)
        wanted = [t for t in towards if t.requires_grad]
        with torch.enable_grad():
            found = torch.autograd.grad(
                outputs,
                wanted,
                cotangents,
                retain_graph=True,
                create_graph=self.create_graph,
                materialize_grads=True,
            )
        arrived = iter(found)
        every = tuple(next(arrived) if t.requires_grad else torch.zeros_like(t) for t in towards)
        return tuple(g.unflatten(0, self.rows) for g in every) if per_row else every
