"""Backpropagation through time, derived by hand; the README beside this file derives it in the same symbols.

Three stages each way (Werbos 1990; Williams & Peng 1990):

1. forward, one large product for the inputs of all steps: gx = X W_ih^T + b
2. forward the scan over t, backward the scan in reverse: the only part that must go step by step
3. backward, one large product each for dX, dW_ih and dW_hh

Tensors are time-major, (T, B, ·). The cells are in formula_cells.py.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from chainrule.ops.recurrence.formula_cells import Cell, Saved, make_cell, unprojected
from chainrule.ops.recurrence.reference import State, Weights

__all__ = ["scan"]


def scan(
    cell: str,
    x: Tensor,
    state: State,
    weights: Weights,
    resets: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
) -> tuple[Tensor, State]:
    """Run ``cell`` over x (B, T, I), T >= 1, from ``state``: the outputs (B, T, H) and the last state."""
    X = x.transpose(0, 1).contiguous()
    fresh = None if resets is None else resets.t().unsqueeze(-1)
    padding = None
    if lengths is not None:
        padding = (torch.arange(len(X), device=x.device).unsqueeze(1) >= lengths).unsqueeze(-1)
        X = X.masked_fill(padding, 0)  # it may hold NaN, and 0 * NaN is NaN in dW_ih
        fresh = None if fresh is None else fresh & ~padding
    schedule = _Schedule(len(X), fresh, padding, reverse)
    # torch.func's transforms differentiate and map the scan itself, which consists of ordinary operations
    by_autograd = torch._C._are_functorch_transforms_active() or not torch.is_grad_enabled()
    if not by_autograd and any(t is not None and t.requires_grad for t in (X, *weights, *state)):
        Y, *last = _Recurrence.apply(cell, schedule, X, *weights, *state)  # type: ignore[no-untyped-call]
    else:
        by_hand = make_cell(cell, weights)
        states, _ = _scan(by_hand, linear(X, weights.W_ih, by_hand.bias), state, schedule, save=False)
        Y, *last = torch.stack([s[0] for s in states]), *states[schedule.order[-1]]
    if padding is not None:
        Y = Y.masked_fill(padding, 0)
    return Y.transpose(0, 1), tuple(last)


class _Schedule:
    """The order of the steps, and at each the rows to treat apart, (B, 1): None where there are none."""

    def __init__(self, T: int, fresh: Tensor | None, padding: Tensor | None, reverse: bool) -> None:
        if fresh is not None and reverse:
            # going back, the edge that lies before step t + 1 is crossed just before step t
            fresh = torch.cat((fresh[1:], torch.zeros_like(fresh[:1])))
        self.order = range(T - 1, -1, -1) if reverse else range(T)
        self.reverse = reverse
        self.fresh = fresh  # (T, B, 1): whose state is zeroed before the step
        self.fresh_rows = _rows(fresh, T)
        self.padding_rows = _rows(padding, T)  # whose state passes the step untouched


def _rows(mask: Tensor | None, T: int) -> list[Tensor | None]:
    if mask is None:
        return [None] * T
    if torch._C._are_functorch_transforms_active():  # vmap has no values to look at
        return list(mask.unbind(0))
    occurs = mask.flatten(1).any(1).tolist()
    return [rows if any_ else None for rows, any_ in zip(mask.unbind(0), occurs, strict=True)]


def _zeroed(state: State, rows: Tensor | None) -> State:
    return state if rows is None else tuple(s.masked_fill(rows, 0) for s in state)


def _where(rows: Tensor | None, a: State, b: State) -> State:
    return b if rows is None else tuple(torch.where(rows, *pair) for pair in zip(a, b, strict=True))


def _scan(
    cell: Cell, gx: Tensor, state: State, schedule: _Schedule, save: bool = True
) -> tuple[list[State], list[Saved]]:
    """Stage 2 forward: the state after each step, and what each step saved, both by time."""
    states: list[State] = [()] * len(gx)
    saved: list[Saved] = [()] * len(gx)
    steps = gx.unbind(0)
    for t in schedule.order:
        new, gates = cell.step(steps[t], _zeroed(state, schedule.fresh_rows[t]))
        states[t] = state = _where(schedule.padding_rows[t], state, new)
        if save:
            saved[t] = gates
    return states, saved


def _scan_backward(cell: Cell, dY: Tensor, dstate: State, slopes: Saved, schedule: _Schedule) -> tuple[State, State]:
    """Stage 2 backward: the gradients of the states that the steps made, (T, B, ·), and of the first state.

    dstate enters as the gradient of the last state. At each step, h_t feeds y_t and step t + 1, so that
    dh_t = dy_t + (dh_{t+1}/dh_t)^T dh_{t+1}, whose second term is the cell's backward step.
    """
    dstates: list[State] = [()] * len(dY)
    dys, slopes_by_time = dY.unbind(0), list(zip(*(s.unbind(0) for s in slopes), strict=True))
    for t in reversed(schedule.order):
        padding = schedule.padding_rows[t]
        dstate = (dstate[0] + dys[t], *dstate[1:])
        dstates[t] = _zeroed(dstate, padding)
        before = cell.step_backward(dstates[t], slopes_by_time[t])
        dstate = _where(padding, dstate, _zeroed(before, schedule.fresh_rows[t]))
    return _stack(dstates), dstate


def _stack(by_time: list[Saved]) -> Saved:
    return tuple(torch.stack(column) for column in zip(*by_time, strict=True))


def _previous(first: State, states: State, schedule: _Schedule) -> State:
    """What each step started from: the state of the step before it, or zero after a reset."""
    if schedule.reverse:
        previous = tuple(torch.cat((s[1:], f[None])) for f, s in zip(first, states, strict=True))
    else:
        previous = tuple(torch.cat((f[None], s[:-1])) for f, s in zip(first, states, strict=True))
    return _zeroed(previous, schedule.fresh)


class _Recurrence(torch.autograd.Function):
    """The three stages; differentiable twice and more, as backward consists of differentiable operations."""

    @staticmethod
    def forward(
        ctx: Any, name: str, schedule: _Schedule, X: Tensor, *weights_and_state: Tensor | None
    ) -> tuple[Tensor, ...]:
        weights, first = _parts(weights_and_state)
        cell = make_cell(name, weights)
        states, saved = _scan(cell, linear(X, weights.W_ih, cell.bias), first, schedule)
        stacked = _stack(states)
        ctx.name, ctx.schedule, ctx.n_inputs = name, schedule, 1 + len(weights_and_state)
        ctx.save_for_backward(X, *weights_and_state, *stacked, *_stack(saved))
        # a copy, so that the caller may work in place on the outputs
        return stacked[0].clone(), *states[schedule.order[-1]]

    @staticmethod
    def backward(ctx: Any, dY: Tensor, *dstate: Tensor) -> tuple[Tensor | None, ...]:
        inputs, kept = ctx.saved_tensors[: ctx.n_inputs], ctx.saved_tensors[ctx.n_inputs :]
        X, (weights, first) = inputs[0], _parts(inputs[1:])
        with torch.autocast(X.device.type, enabled=False):
            cell = make_cell(ctx.name, weights)
            states, saved = kept[: len(first)], kept[len(first) :]
            if torch.is_grad_enabled():  # create_graph: what was kept has no graph, so scan again with one
                by_time = _scan(cell, linear(X, weights.W_ih, cell.bias), first, ctx.schedule)
                states, saved = _stack(by_time[0]), _stack(by_time[1])
            previous = _previous(first, states, ctx.schedule)
            slopes = cell.slopes(previous, states, saved)
            dstates, dfirst = _scan_backward(cell, dY, dstate, slopes, ctx.schedule)
            dgh = cell.dgh(dstates, slopes)
            dgx = cell.dgx(dstates, slopes, dgh)
            needs = _Needs(*ctx.needs_input_grad[2:8])
            return (
                None,
                None,
                dgx @ weights.W_ih if needs.X else None,
                _product(dgx, X) if needs.W_ih else None,
                _product(dgh, previous[0]) if needs.W_hh else None,
                dgx.sum((0, 1)) if needs.b_ih else None,
                dgh.sum((0, 1)) if needs.b_hh else None,
                _product(dstates[0], unprojected(saved)) if needs.W_hr else None,
                *dfirst,
            )


class _Needs(NamedTuple):
    """Which gradients are asked for: each saves a large product or a sum."""

    X: bool
    W_ih: bool
    W_hh: bool
    b_ih: bool
    b_hh: bool
    W_hr: bool


def _parts(weights_and_state: tuple[Any, ...]) -> tuple[Weights, State]:
    n = len(Weights._fields)
    return Weights(*weights_and_state[:n]), weights_and_state[n:]


def _product(dG: Tensor, X: Tensor) -> Tensor:
    """The sum over t and b of the outer products dG[t, b] X[t, b]^T."""
    return dG.flatten(0, 1).t() @ X.flatten(0, 1)
