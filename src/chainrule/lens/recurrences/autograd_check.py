"""Every step of a backward pass held against autograd by itself.

autograd differentiates the definition of the cell at all steps at once, each from the state that the step started from.
By the chain rule nothing more is needed; and rounding, which a chaotic network amplifies along the sequence, has no
sequence to grow along.

Where units saturate, a slope such as 1 - n^2 is small because n is near 1, and little is left of it but what n was
rounded by: the gradient through such units is known to so many digits of what it would be through others, and not to
so many of its own. So differences are relative to the numbers themselves or, where these are much smaller, to a small
share of that.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from chainrule.lens.autograd_agreement import Agreement, compare
from chainrule.lens.recurrences.passes import BackwardPass, Scan
from chainrule.ops.recurrence.backends.formula.scan import step_backward
from chainrule.ops.recurrence.backends.reference import zoned_out
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["check_scan", "jacobians"]


_SATURATED = (
    1e-6  # of what gradients would be without saturation: 1e-15 of that, rounding, is the least that is looked at
)


class _Differentiated(NamedTuple):
    """What autograd makes of gradients of the steps' states, each step by itself."""

    states: State  # (T, N, ·), as the definition has them
    before: State  # gradients of what each step started from
    dX: Tensor
    dgates: Tensor  # of what enters each gate, (T, N, G)
    weights: dict[str, Tensor]  # summed over the steps


def check_scan(scan: Scan, back: BackwardPass, weights: bool = True) -> Agreement:
    """Compare a backward pass with autograd, step by step; its weights too if the rows are those of the batch.

    Raises:
        DisagreementError: it differs from what autograd finds.
    """
    found = _differentiated(scan, back.dstates)
    least = _unsaturated(scan, back.dstates) * _SATURATED
    at_once = float(least.max())
    padding = scan.schedule.padding
    agreement = Agreement(0.0)
    for ours, theirs in zip(scan.kept.states, found.states, strict=True):
        live = theirs if padding is None else torch.where(padding, ours, theirs)
        agreement &= compare("the states", ours.expand_as(theirs), live)
    agreement &= _check_states(scan, back, found.before, least.tolist())
    agreement &= compare("the gradient of the inputs", scan.input_gradient(back), found.dX, least=at_once)
    agreement &= compare("the gradient of the gates", scan.dgates(back), found.dgates, least=at_once)
    if weights:
        summed = float(least.sum()) * max(1.0, float(scan.kept.X.abs().max()))
        for name, ours in scan.gradients(back).items():
            agreement &= compare(f"the gradient of {name}", ours, found.weights[name], least=summed)
    return agreement


def _unsaturated(scan: Scan, dstates: State) -> Tensor:
    """About how large what each step hands on would be, if no unit of it saturated, (T,)."""
    matrices = [w for w in scan.weights if w is not None and w.dim() == 2]
    spread = 1 + max(float(w.abs().sum(0).max()) for w in matrices)
    states = 1 + max(float(part.abs().max()) for part in scan.kept.states)
    largest = [part.abs().nan_to_num(0, 0, 0).flatten(1).amax(1) for part in dstates]
    return torch.stack(largest).amax(0) * spread * states


def jacobians(scan: Scan) -> tuple[Tensor, Agreement]:
    """dstate_t / dstate_{t-1} of the one row, (T, S, S), S being the width of the whole state; compared with autograd.

    Steps beyond the row's length have none, and must not be among them.
    """
    T = len(scan.kept.X)
    identity = torch.eye(sum(scan.widths), dtype=scan.kept.X.dtype).split(scan.widths, dim=1)
    found = _differentiated(scan, tuple(part.expand(T, -1, -1) for part in identity)).before
    ours = []
    theirs = []
    with torch.no_grad():
        for t, fresh in enumerate(scan.schedule.fresh_rows):
            # row k of the identity comes back as the k-th row of the Jacobian
            slopes = tuple(part[t] for part in scan.slopes)
            _, before = step_backward(scan.derivation, identity, slopes, scan.schedule, t)
            ours.append(torch.cat(before, dim=1))
            theirs.append(torch.cat(_zeroed(_at(found, t), fresh), dim=1))
    least = float(_unsaturated(scan, tuple(part.expand(T, -1, -1) for part in identity)).max()) * _SATURATED
    agreement = compare("the Jacobians", torch.stack(ours), torch.stack(theirs), least=least)
    return torch.stack(ours), agreement


@torch.enable_grad()
def _differentiated(scan: Scan, dstates: State) -> _Differentiated:
    """The definition of the cell, differentiated at every step from where it started; N is B, or B is 1."""
    T, N = dstates[0].shape[:2]
    x, *before = (t.expand(T, N, -1).flatten(0, 1).detach().requires_grad_() for t in (scan.kept.X, *scan.kept.before))
    leaves = {name: w.detach().requires_grad_() for name, w in scan.weights._asdict().items() if w is not None}
    made, gates = scan.cell.step(x, tuple(before), scan.cell.container(**leaves))
    rates = scan.schedule.zoneout
    states = tuple(zoned_out(rate, 0, old, new) for rate, old, new in zip(rates, before, made, strict=True))
    entering = [preactivation for preactivation, _ in gates.values()]
    found = iter(
        torch.autograd.grad(
            states,
            [x, *before, *entering, *leaves.values()],
            [d.flatten(0, 1) for d in dstates],
            materialize_grads=True,
        )
    )

    def by_step(t: Tensor) -> Tensor:
        unflat: Tensor = t.unflatten(0, (T, N))
        return unflat

    return _Differentiated(
        states=tuple(by_step(s.detach()) for s in states),
        dX=by_step(next(found)),
        before=tuple(by_step(next(found)) for _ in before),
        dgates=torch.cat([by_step(next(found)) for _ in entering], dim=-1),
        weights=dict(zip(leaves, found, strict=True)),
    )


def _check_states(scan: Scan, back: BackwardPass, before: State, least: Sequence[float]) -> Agreement:
    """Walk back with autograd's gradients: what each step hands on has to be what the next one back holds."""
    agreement = Agreement(0.0)
    carried = back.dlast
    of_next = 0.0
    for t in reversed(scan.schedule.order):
        padding = scan.schedule.padding_rows[t]
        here = (carried[0] + back.dY[t], *carried[1:])
        expected = _zeroed(here, padding)
        for ours, theirs in zip(back.dstates, expected, strict=True):
            agreement &= compare(f"the gradient of the state of step {t}", ours[t], theirs, least=of_next)
        of_next = least[t]
        carried = _zeroed(_at(before, t), scan.schedule.fresh_rows[t])
        if padding is not None:  # the state passes a step beyond the length untouched
            carried = tuple(torch.where(padding, *pair) for pair in zip(here, carried, strict=True))
    for ours, theirs in zip(back.dfirst, carried, strict=True):
        agreement &= compare("the gradient of the first state", ours, theirs, least=of_next)
    return agreement


def _at(state: State, t: int) -> State:
    return tuple(part[t] for part in state)


def _zeroed(state: State, rows: Tensor | None) -> State:
    """The state with these rows set to zero."""
    return state if rows is None else tuple(part.masked_fill(rows, 0) for part in state)
