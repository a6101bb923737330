"""Backpropagation through time, derived by hand; the README of the op derives it in the same symbols.

Three stages each way (Werbos 1990; Williams & Peng 1990):

1. forward, one large product for the inputs of all steps: gx = X W_ih^T + b
2. forward the scan over t, backward the scan in reverse: the only part that must go step by step
3. backward, one large product each for dX, dW_ih and dW_hh

Tensors are time-major, (T, B, ·). Stage 2 is in scan.py; what a cell does in each is in cells/.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor

from chainrule.ops.plain import is_batched, is_traced, is_transformed
from chainrule.ops.recurrence.backends.formula.scan import Scanned, Schedule, previous, scan, scan_backward, stack
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells import derive
from chainrule.ops.recurrence.cells.derivation import Derivation, Forward
from chainrule.ops.recurrence.cells.products import Saved
from chainrule.ops.recurrence.cells.spec import CellSpec, State
from chainrule.ops.recurrence.trace import Trace

__all__ = ["forward", "prepared", "run"]


def run(call: RecurrenceCall) -> tuple[Tensor, State]:
    """The outputs (B, T, H), T >= 1, and the last state."""
    X, schedule = prepared(call)
    if _learns(call, X):
        flat = (*call.weights, *call.state)
        Y, *last = _FormulaFunction.apply(call.cell, call.rounds, schedule, call.trace, X, *flat)  # type: ignore[no-untyped-call]
    else:
        derivation = derive(call.cell, call.weights, call.rounds)
        gx, _ = derivation.inputs(X)
        scanned = scan(derivation, gx, call.state, schedule, save=call.trace is not None)
        Y = torch.stack([s[0] for s in scanned.states])
        last = list(scanned.states[schedule.order[-1]])
        _fill(call.trace, derivation, stack(scanned.states), scanned)
    if schedule.padding is not None:
        Y = Y.masked_fill(schedule.padding, 0)
    return Y.transpose(0, 1), tuple(last)


def _learns(call: RecurrenceCall, X: Tensor) -> bool:
    """Whether the backward pass is to be the derived one.

    torch.func's transforms and forward mode differentiate and map the scan itself, which consists of ordinary
    operations, and torch.jit.trace records them. torch.compile cannot follow autograd into a step.
    """
    if is_transformed() or is_traced() or not torch.is_grad_enabled():
        return False
    if call.cell.formula is None and torch.compiler.is_compiling():
        return False
    return any(t is not None and t.requires_grad for t in (X, *call.weights, *call.state))


def prepared(call: RecurrenceCall) -> tuple[Tensor, Schedule]:
    """x as X (T, B, I), zero beyond the rows' lengths, and the order of its steps."""
    X = call.x.transpose(0, 1).contiguous()
    fresh = None if call.resets is None else call.resets.t().unsqueeze(-1)
    padding = None
    if call.lengths is not None:
        padding = (torch.arange(len(X), device=X.device).unsqueeze(1) >= call.lengths).unsqueeze(-1)
        X = X.masked_fill(padding, 0)  # it may hold NaN, and 0 * NaN is NaN in dW_ih
        fresh = None if fresh is None else fresh & ~padding
    zoneout = tuple(keep.transpose(0, 1) if isinstance(keep, Tensor) else keep for keep in call.zoneout)
    return X, Schedule(len(X), fresh, padding, call.reverse, zoneout)


def forward(derivation: Derivation, X: Tensor, first: State, schedule: Schedule) -> Forward:
    """Stages 1 and 2, and everything that the backward pass needs of them."""
    gx, normal = derivation.inputs(X)
    scanned = scan(derivation, gx, first, schedule)
    states = stack(scanned.states)
    made = stack(scanned.made) if schedule.zoned_out else states
    return Forward(X, previous(first, states, schedule), states, made, stack(scanned.saved), normal)


def _fill(trace: Trace | None, derivation: Derivation, states: State, scanned: Scanned) -> None:
    if trace is not None:
        gates = derivation.gates(stack(scanned.made), stack(scanned.saved))
        trace.keep(tuple(s.transpose(0, 1) for s in states), gates.transpose(0, 1))


_FIRST_TENSOR = 4  # of the function's arguments


class _FormulaFunction(torch.autograd.Function):
    """The three stages; differentiable twice and more, as backward consists of differentiable operations."""

    @staticmethod
    def forward(
        ctx: Any,
        cell: CellSpec,
        rounds: bool,
        schedule: Schedule,
        trace: Trace | None,
        X: Tensor,
        *weights_and_state: Tensor | None,
    ) -> tuple[Tensor, ...]:
        weights, first = _parts(cell, weights_and_state)
        derivation = derive(cell, weights, rounds)
        gx, normal = derivation.inputs(X)
        scanned = scan(derivation, gx, first, schedule)
        states = stack(scanned.states)
        made = stack(scanned.made) if schedule.zoned_out else ()
        _fill(trace, derivation, states, scanned)
        ctx.cell = cell
        ctx.rounds = rounds
        ctx.schedule = schedule
        ctx.trace = trace
        ctx.counts = 1 + len(weights_and_state), len(normal), len(states), len(made)
        ctx.save_for_backward(X, *weights_and_state, *normal, *states, *made, *stack(scanned.saved))
        # a copy, so that the caller may work in place on the outputs
        return states[0].clone(), *scanned.states[schedule.order[-1]]

    @staticmethod
    def backward(ctx: Any, dY: Tensor, *dstate: Tensor) -> tuple[Tensor | None, ...]:
        (X, *rest), normal, states, made, saved = _split(ctx.saved_tensors, ctx.counts)
        weights, first = _parts(ctx.cell, tuple(rest))
        schedule = ctx.schedule
        if is_batched((dY, *dstate)):
            return *(None,) * _FIRST_TENSOR, *_by_autograd(ctx, (X, *rest), (dY, *dstate))
        with torch.autocast(X.device.type, enabled=False):
            derivation = derive(ctx.cell, weights, ctx.rounds)
            if torch.is_grad_enabled():  # create_graph: what was kept has no graph, so scan again with one
                gx, normal = derivation.inputs(X)
                states, made, saved = map(stack, scan(derivation, gx, first, schedule))
            made = made or states
            before = previous(first, states, schedule)
            slopes = derivation.slopes(before, made, saved)
            dstates, dmade, dfirst = scan_backward(derivation, dY, dstate, slopes, schedule)
            needs_X, *needs = ctx.needs_input_grad[_FIRST_TENSOR:]
            need = dict(zip(weights._fields, needs, strict=False))
            kept = Forward(X, before, states, made, saved, normal)
            entered = derivation.entering(dmade, slopes, normal)
            dweights = derivation.weight_gradients(kept, slopes, dmade, entered, need)
            if ctx.trace is not None:
                _fill_gradients(ctx.trace, derivation, dstates, dmade, entered.dgx, slopes, schedule)
            return (
                *(None,) * _FIRST_TENSOR,
                derivation.input_gradient(entered) if needs_X else None,
                *(dweights.get(symbol) for symbol in weights._fields),
                *dfirst,
            )


def _by_autograd(ctx: Any, inputs: Sequence[Tensor | None], cotangents: State) -> list[Tensor | None]:
    """The gradients of the scan's single operations, which torch maps over cotangents that stand for many."""
    create_graph = torch.is_grad_enabled()
    needs = ctx.needs_input_grad[_FIRST_TENSOR:]
    with torch.enable_grad(), torch.autocast(inputs[0].device.type, enabled=False):  # type: ignore[union-attr]
        # aliases: the gradient towards the state must not contain what reaches it through an X computed from it
        X, *rest = (None if t is None else t.view_as(t) for t in inputs)
        weights, first = _parts(ctx.cell, tuple(rest))
        derivation = derive(ctx.cell, weights, ctx.rounds)
        gx, _ = derivation.inputs(X)  # type: ignore[arg-type]
        states = scan(derivation, gx, first, ctx.schedule, save=False).states
        outputs = (stack(states)[0], *states[ctx.schedule.order[-1]])
        wanted = [t for t, need in zip((X, *rest), needs, strict=True) if need and t is not None]
        found = iter(torch.autograd.grad(outputs, wanted, cotangents, create_graph=create_graph, allow_unused=True))
    return [next(found) if need else None for need in needs]


def _fill_gradients(
    trace: Trace,
    derivation: Derivation,
    dstates: State,
    dmade: State,
    dgx: Tensor,
    slopes: Saved,
    schedule: Schedule,
) -> None:
    """Where nothing is mixed, h_t depends on the very c_t that is carried; the cell knows that part."""
    pairs = zip(schedule.zoneout, dstates, derivation.total(dmade, slopes), strict=True)
    totals = (total if keep is None else d for keep, d, total in pairs)
    trace.keep_gradients(tuple(d.transpose(0, 1) for d in totals), dgx.transpose(0, 1))


def _split(tensors: tuple[Tensor, ...], counts: tuple[int, ...]) -> list[tuple[Tensor, ...]]:
    """The tensors in runs of these lengths, and what is left."""
    ends = [0, *accumulate(counts), len(tensors)]
    return [tensors[a:b] for a, b in pairwise(ends)]


def _parts(cell: CellSpec, weights_and_state: tuple[Any, ...]) -> tuple[Any, State]:
    n = len(cell.container._fields)
    return cell.container(*weights_and_state[:n]), weights_and_state[n:]
