"""Backpropagation through time, derived by hand; the README beside this file derives it in the same symbols.

Three stages each way (Werbos 1990; Williams & Peng 1990):

1. forward, one large product for the inputs of all steps: gx = X W_ih^T + b
2. forward the scan over t, backward the scan in reverse: the only part that must go step by step
3. backward, one large product each for dX, dW_ih and dW_hh

Tensors are time-major, (T, B, ·). Stage 2 is in scan.py, the cells in cells.py.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from chainrule.ops.plain import is_batched, is_traced, is_transformed
from chainrule.ops.recurrence.backends.formula.cells import Cell, make_cell
from chainrule.ops.recurrence.backends.formula.product import Product, Saved, outer
from chainrule.ops.recurrence.backends.formula.scan import Schedule, Steps, previous, stack
from chainrule.ops.recurrence.backends.formula.scan import scan as _scan
from chainrule.ops.recurrence.backends.formula.scan import scan_backward as _scan_backward
from chainrule.ops.recurrence.backends.reference import State, Weights, Zoneout
from chainrule.ops.recurrence.trace import Trace

__all__ = ["Entering", "Forward", "entering", "forward", "gradients", "prepared", "scan"]


class Forward(NamedTuple):
    """What the forward pass leaves for the backward pass: tensors (T, B, ·)."""

    X: Tensor
    before: State  # what each step started from
    states: State  # what it led to
    made: State  # what the cell made; `states` but for zoneout
    saved: Saved
    normal: Saved  # of the normalised W_ih x


def scan(
    cell: str,
    x: Tensor,
    state: State,
    weights: Weights,
    resets: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
    zoneout: Zoneout,
    trace: Trace | None,
) -> tuple[Tensor, State]:
    """Run ``cell`` over x (B, T, I), T >= 1, from ``state``: the outputs (B, T, H) and the last state."""
    X, schedule = prepared(x, resets, lengths, reverse, zoneout)
    padding = schedule.padding
    # torch.func's transforms and forward mode differentiate and map the scan itself, which consists of ordinary
    # operations, and torch.jit.trace records them
    by_autograd = is_transformed() or is_traced() or not torch.is_grad_enabled()
    if not by_autograd and any(t is not None and t.requires_grad for t in (X, *weights, *state)):
        Y, *last = _Recurrence.apply(cell, schedule, trace, X, *weights, *state)  # type: ignore[no-untyped-call]
    else:
        by_hand = make_cell(cell, weights)
        gx, _ = _inputs(by_hand, X, weights)
        steps = _scan(by_hand, gx, state, schedule, save=trace is not None)
        Y, *last = torch.stack([s[0] for s in steps.states]), *steps.states[schedule.order[-1]]
        _fill(trace, by_hand, stack(steps.states), steps)
    if padding is not None:
        Y = Y.masked_fill(padding, 0)
    return Y.transpose(0, 1), tuple(last)


def prepared(
    x: Tensor, resets: Tensor | None, lengths: Tensor | None, reverse: bool, zoneout: Zoneout
) -> tuple[Tensor, Schedule]:
    """x as X (T, B, I), zero beyond the rows' lengths, and the order of its steps."""
    X = x.transpose(0, 1).contiguous()
    fresh = None if resets is None else resets.t().unsqueeze(-1)
    padding = None
    if lengths is not None:
        padding = (torch.arange(len(X), device=x.device).unsqueeze(1) >= lengths).unsqueeze(-1)
        X = X.masked_fill(padding, 0)  # it may hold NaN, and 0 * NaN is NaN in dW_ih
        fresh = None if fresh is None else fresh & ~padding
    zoneout = tuple(keep.transpose(0, 1) if isinstance(keep, Tensor) else keep for keep in zoneout)
    return X, Schedule(len(X), fresh, padding, reverse, zoneout)


def forward(cell: Cell, X: Tensor, weights: Weights, first: State, schedule: Schedule) -> Forward:
    """Stages 1 and 2, and everything that the backward pass needs of them."""
    gx, normal = _inputs(cell, X, weights)
    steps = _scan(cell, gx, first, schedule)
    states = stack(steps.states)
    made = stack(steps.made) if schedule.zoned_out else states
    return Forward(X, previous(first, states, schedule), states, made, stack(steps.saved), normal)


class Entering(NamedTuple):
    """Gradients, (T, N, G), of gh and gx, and of the product W_ih x, which differs from gx where it is normalised."""

    dgh: Tensor
    dgx: Tensor
    dproduct: Tensor


def entering(cell: Cell, weights: Weights, normal: Saved, slopes: Saved, dmade: State) -> Entering:
    """The gradients of what enters the gates, from those of the states that the cell made."""
    dgh = cell.dgh(dmade, slopes)
    dgx = cell.dgx(dmade, slopes, dgh)
    return Entering(dgh, dgx, Product(weights.W_ih, weights.g_ih).backward(dgx, normal))


def gradients(
    cell: Cell,
    weights: Weights,
    kept: Forward,
    slopes: Saved,
    dmade: State,
    entered: Entering,
    need: Mapping[str, bool],
) -> dict[str, Tensor | None]:
    """Stage 3: the gradients of the weights by name, over all steps or those that the tensors are cut to.

    ``need`` says of which weights; each saves a large product.
    """
    dgh, dgx, dproduct = entered
    inputs = Product(weights.W_ih, weights.g_ih)
    hidden = cell.hidden
    normal_hh = slopes[-2:]
    return {
        "W_ih": outer(dproduct, kept.X) if need["W_ih"] else None,
        "W_hh": cell.weight_gradient(hidden.backward(dgh, normal_hh), kept.before, kept.saved)
        if need["W_hh"]
        else None,
        "b_ih": dgx.sum((0, 1)) if need["b_ih"] else None,
        "b_hh": dgh.sum((0, 1)) if need["b_hh"] else None,
        "g_ih": inputs.dgain(dgx, kept.normal),
        "g_hh": hidden.dgain(dgh, normal_hh),
        **cell.own_gradients(dmade, kept.before, kept.made, kept.saved, slopes),
    }


def _inputs(cell: Cell, X: Tensor, weights: Weights) -> tuple[Tensor, Saved]:
    """Stage 1: gx of all steps, (T, B, G)."""
    gx, normal = Product(weights.W_ih, weights.g_ih)(X.flatten(0, 1), cell.bias)
    return gx.unflatten(0, X.shape[:2]), tuple(part.unflatten(0, X.shape[:2]) for part in normal)


def _fill(trace: Trace | None, cell: Cell, states: State, steps: Steps) -> None:
    if trace is not None:
        gates = cell.gates(stack(steps.made), stack(steps.saved))
        trace.keep(tuple(s.transpose(0, 1) for s in states), gates.transpose(0, 1))


class _Recurrence(torch.autograd.Function):
    """The three stages; differentiable twice and more, as backward consists of differentiable operations."""

    @staticmethod
    def forward(
        ctx: Any, name: str, schedule: Schedule, trace: Trace | None, X: Tensor, *weights_and_state: Tensor | None
    ) -> tuple[Tensor, ...]:
        weights, first = _parts(weights_and_state)
        cell = make_cell(name, weights)
        gx, normal = _inputs(cell, X, weights)
        steps = _scan(cell, gx, first, schedule)
        states = stack(steps.states)
        made = stack(steps.made) if schedule.zoned_out else ()
        _fill(trace, cell, states, steps)
        ctx.name = name
        ctx.schedule = schedule
        ctx.trace = trace
        ctx.counts = 1 + len(weights_and_state), len(normal), len(states), len(made)
        ctx.save_for_backward(X, *weights_and_state, *normal, *states, *made, *stack(steps.saved))
        # a copy, so that the caller may work in place on the outputs
        return states[0].clone(), *steps.states[schedule.order[-1]]

    @staticmethod
    def backward(ctx: Any, dY: Tensor, *dstate: Tensor) -> tuple[Tensor | None, ...]:
        (X, *rest), normal, states, made, saved = _split(ctx.saved_tensors, ctx.counts)
        weights, first = _parts(tuple(rest))
        schedule = ctx.schedule
        if is_batched((dY, *dstate)):
            return None, None, None, *_by_autograd(ctx, (X, *rest), (dY, *dstate))
        with torch.autocast(X.device.type, enabled=False):
            cell = make_cell(ctx.name, weights)
            if torch.is_grad_enabled():  # create_graph: what was kept has no graph, so scan again with one
                gx, normal = _inputs(cell, X, weights)
                states, made, saved = map(stack, _scan(cell, gx, first, schedule))
            made = made or states
            before = previous(first, states, schedule)
            slopes = cell.slopes(before, made, saved)
            dstates, dmade, dfirst = _scan_backward(cell, dY, dstate, slopes, schedule)
            needs_X, *needs = ctx.needs_input_grad[3:]
            need = dict(zip(Weights._fields, needs, strict=False))
            kept = Forward(X, before, states, made, saved, normal)
            entered = entering(cell, weights, normal, slopes, dmade)
            dweights = gradients(cell, weights, kept, slopes, dmade, entered, need)
            if ctx.trace is not None:
                _fill_gradients(ctx.trace, cell, dstates, dmade, entered.dgx, slopes, schedule)
            return (
                *(None, None, None),
                entered.dproduct @ weights.W_ih if needs_X else None,
                *(dweights.get(name) for name in Weights._fields),
                *dfirst,
            )


def _by_autograd(ctx: Any, inputs: Sequence[Tensor | None], cotangents: State) -> list[Tensor | None]:
    """The gradients of the scan's single operations, which torch maps over cotangents that stand for many."""
    create_graph = torch.is_grad_enabled()
    needs = ctx.needs_input_grad[3:]
    with torch.enable_grad(), torch.autocast(inputs[0].device.type, enabled=False):  # type: ignore[union-attr]
        # aliases: the gradient towards the state must not contain what reaches it through an X computed from it
        X, *rest = (None if t is None else t.view_as(t) for t in inputs)
        weights, first = _parts(tuple(rest))
        cell = make_cell(ctx.name, weights)
        gx, _ = _inputs(cell, X, weights)  # type: ignore[arg-type]
        states = _scan(cell, gx, first, ctx.schedule, save=False).states
        outputs = (stack(states)[0], *states[ctx.schedule.order[-1]])
        wanted = [t for t, need in zip((X, *rest), needs, strict=True) if need and t is not None]
        found = iter(torch.autograd.grad(outputs, wanted, cotangents, create_graph=create_graph, allow_unused=True))
    return [next(found) if need else None for need in needs]


def _fill_gradients(
    trace: Trace, cell: Cell, dstates: State, dmade: State, dgx: Tensor, slopes: Saved, schedule: Schedule
) -> None:
    """Where nothing is mixed, h_t depends on the very c_t that is carried; the cell knows that part."""
    pairs = zip(schedule.zoneout, dstates, cell.total(dmade, slopes), strict=True)
    totals = (total if keep is None else d for keep, d, total in pairs)
    trace.keep_gradients(tuple(d.transpose(0, 1) for d in totals), dgx.transpose(0, 1))


def _split(tensors: tuple[Tensor, ...], counts: tuple[int, ...]) -> list[tuple[Tensor, ...]]:
    """The tensors in runs of these lengths, and what is left."""
    ends = [0, *accumulate(counts), len(tensors)]
    return [tensors[a:b] for a, b in pairwise(ends)]


def _parts(weights_and_state: tuple[Any, ...]) -> tuple[Weights, State]:
    n = len(Weights._fields)
    return Weights(*weights_and_state[:n]), weights_and_state[n:]
