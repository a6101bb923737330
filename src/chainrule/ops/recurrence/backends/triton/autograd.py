"""The call of the scans between their large products, and its gradient.

The scans have no derivative of their own: with create_graph=True the backward pass is the formula's, and for gradients
that stand for many (is_grads_batched).
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from chainrule.ops.plain import is_batched, needs_grad
from chainrule.ops.recurrence.backends import formula
from chainrule.ops.recurrence.backends.triton.large import entering, gradients
from chainrule.ops.recurrence.backends.triton.scan import Values, most_rows, scan, scan_backward
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells.products import Saved
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["run"]


def run(call: RecurrenceCall) -> tuple[Tensor, State]:
    """The outputs (B, T, H), T >= 1, and the last state."""
    if call.x.dtype == torch.bfloat16:
        y, last = run(call.in_float32())
        return y.to(call.x.dtype), tuple(part.to(call.x.dtype) for part in last)
    rows = most_rows(call)
    if rows < call.x.shape[0]:
        outputs = [run(_of_rows(call, slice(first, first + rows))) for first in range(0, call.x.shape[0], rows)]
        return torch.cat([y for y, _ in outputs]), tuple(
            map(torch.cat, zip(*(last for _, last in outputs), strict=True))
        )
    tensors = (call.x, *call.state, *call.weights)
    if needs_grad(tensors):
        Y, *last_parts = _ScanFunction.apply(_without_tensors(call), *tensors)  # type: ignore[no-untyped-call]
        return Y.transpose(0, 1), tuple(last_parts)
    kept, _ = _forward(call, learns=False)
    return kept["y"].transpose(0, 1), _last(call, kept)


def _of_rows(call: RecurrenceCall, rows: slice) -> RecurrenceCall:
    return replace(
        call,
        x=call.x[rows],
        state=tuple(part[rows] for part in call.state),
        zoneout=tuple(keep[rows] if isinstance(keep, Tensor) else keep for keep in call.zoneout),
        resets=None if call.resets is None else call.resets[rows],
        lengths=None if call.lengths is None else call.lengths[rows],
    )


def _without_tensors(call: RecurrenceCall) -> RecurrenceCall:
    return replace(call, x=call.x.new_empty(0), state=(), weights=call.weights._make([None] * len(call.weights)))


def _with_tensors(call: RecurrenceCall, tensors: Any) -> RecurrenceCall:
    n = len(call.cell.state)
    x, *others = tensors
    return replace(call, x=x, state=tuple(others[:n]), weights=call.weights._make(others[n:]))


def _forward(call: RecurrenceCall, learns: bool) -> tuple[Values, Saved]:
    """Stages 1 and 2."""
    gx, normal_ih = entering(call)
    kept = scan(call, gx, learns)
    if call.trace is not None:
        _fill(call, kept)
    return kept, normal_ih


def _last(call: RecurrenceCall, kept: Values) -> State:
    end = 0 if call.reverse else -1
    return tuple(kept[part][end].clone() for part in call.cell.state)


def _fill(call: RecurrenceCall, kept: Values) -> None:
    states = [kept[part][:-1] if call.reverse else kept[part][1:] for part in call.cell.state]
    gates = kept["made"] if kept["gates"] is None else kept["gates"][..., : call.weights.W_ih.shape[0]]
    call.trace.keep(tuple(s.transpose(0, 1) for s in states), gates.transpose(0, 1))  # type: ignore[union-attr]


class _ScanFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, facts: RecurrenceCall, *tensors: Any) -> tuple[Tensor, ...]:
        call = _with_tensors(facts, tensors)
        kept, normal_ih = _forward(call, learns=True)
        names = [name for name in _KEPT if isinstance(kept.get(name), Tensor)]
        ctx.facts = facts
        ctx.names = names
        ctx.n = len(tensors)
        ctx.save_for_backward(*tensors, *(kept[name] for name in names), *normal_ih)
        return kept["y"], *_last(call, kept)

    @staticmethod
    def backward(ctx: Any, dY: Tensor, *dlast: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        tensors = saved[: ctx.n]
        needs = ctx.needs_input_grad[1:]
        if torch.is_grad_enabled() or is_batched((dY, *dlast)):
            return None, *_by_formula(ctx.facts, tensors, (dY, *dlast), needs, torch.is_grad_enabled())
        kept = dict.fromkeys(_KEPT)
        kept.update(zip(ctx.names, saved[ctx.n :], strict=False))
        call = _with_tensors(ctx.facts, tensors)
        found = scan_backward(call, kept, dY.contiguous(), dlast, call.trace is not None)
        if call.trace is not None:
            dstates = [found["dh_all"], found["dc_all"]][: len(dlast)]
            call.trace.keep_gradients(tuple(d.transpose(0, 1) for d in dstates), found["dgx"].transpose(0, 1))
        normal_ih = saved[ctx.n + len(ctx.names) :]
        grads = gradients(call, found, normal_ih, needs)
        return None, *(g if need else None for g, need in zip(grads, needs, strict=True))


_KEPT = (
    *("h", "c", "gates", "made", "s_all", "m_all"),
    *("normal", "inverse", "normal_n", "inverse_n", "normal_c", "inverse_c"),
)
"""What the reverse scan reads of the forward one."""


@torch.enable_grad()
def _by_formula(
    facts: RecurrenceCall, tensors: Any, cotangents: State, needs: tuple[bool, ...], create_graph: bool
) -> list[Tensor | None]:
    # aliases: the gradient towards h_0 must not contain what reaches it through an x computed from it
    alias = [None if t is None else t.view_as(t) for t in tensors]
    y, last = formula.run(_with_tensors(facts, alias))
    wanted = [t for t, need in zip(alias, needs, strict=True) if need and t is not None]
    outputs = (y.transpose(0, 1), *last)
    found = iter(torch.autograd.grad(outputs, wanted, cotangents, create_graph=create_graph, allow_unused=True))
    return [next(found) if need else None for need in needs]
