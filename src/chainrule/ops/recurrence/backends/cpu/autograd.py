"""The compiled rung as the other rungs are called, and its gradient.

The backward op has no derivative of its own: with create_graph=True the backward pass is the formula's, and for
gradients that stand for many (is_grads_batched).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from chainrule._torch import below_autograd
from chainrule.ops.plain import is_batched, is_traced, is_transformed, is_unwatched, needs_grad
from chainrule.ops.recurrence.backends.cpu import native, ops
from chainrule.ops.recurrence.backends.cpu.native import Masks, Parameters
from chainrule.ops.recurrence.backends.cpu.ops import Tensors
from chainrule.ops.recurrence.backends.formula import passes as formula
from chainrule.ops.recurrence.backends.reference import State, Weights, Zoneout
from chainrule.ops.recurrence.trace import Trace

__all__ = ["obstacle", "scan"]

_DTYPES = (torch.float32, torch.float64)


def obstacle(x: Tensor, weights: Weights) -> str | None:
    """Why the kernels can't run this call; None if they can."""
    if not x.is_cpu:
        return f"the kernels run on the CPU, and x is on {x.device}"
    if x.dtype not in _DTYPES:
        return f"the kernels are compiled for float32 and float64, and x is {x.dtype}"
    if weights.W_hr is not None:
        return "the kernels have no projection, and weight_hr is given"
    if is_traced():
        return "what torch.jit.trace records has to be torch's own"
    if is_transformed():
        return "torch.func and forward-mode derivatives go through the formula"
    return None


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
    save: str = "gates",
) -> tuple[Tensor, State]:
    """Run ``cell`` over x (B, T, I), T >= 1, from ``state``: the outputs (B, T, H) and the last state."""
    h_0, c_0 = state if len(state) == 2 else (state[0], None)
    lengths = None if lengths is None else lengths.long()
    masks = (resets, lengths, reverse, *_kept_units(zoneout))
    tensors = (x, h_0, c_0, *weights[:4], *weights[5:])
    learns = needs_grad(tensors)
    if trace is not None:
        return _traced(trace, learns, (cell, *tensors, *masks, "gates"), zoneout)
    if is_unwatched(tensors) and not learns:
        y, h_n, c_n, _ = native.forward(cell, x, h_0, c_0, Parameters(*tensors[3:]), Masks(*masks), "nothing")
    else:
        op = _autograd if is_unwatched(tensors) else torch.ops.chainrule.recurrence
        y, h_n, c_n, *_ = op(cell, *tensors, *masks, save if learns else "nothing")
    return y, (h_n,) if c_n is None or c_0 is None else (h_n, c_n)


def _kept_units(zoneout: Zoneout) -> tuple[Tensor | None, Tensor | None, float, float]:
    """A mask and a rate for h and for c, as Masks has them."""
    parts = [*zoneout, None][:2]
    masks = [part if isinstance(part, Tensor) else None for part in parts]
    rates = [0.0 if part is None or isinstance(part, Tensor) else part for part in parts]
    return masks[0], masks[1], rates[0], rates[1]


def _traced(trace: Trace, learns: bool, inputs: tuple[Any, ...], zoneout: Zoneout) -> tuple[Tensor, State]:
    """The same call, all of whose steps go to the trace: the forward ones here, the gradients in the backward pass."""
    if learns:
        y, h_n, c_n, flat = _Recurrence.apply(trace, *inputs)  # type: ignore[no-untyped-call]
    else:
        y, h_n, c_n, flat = ops.forward(*inputs)
    B, T, H = y.shape
    normal = inputs[4:][Parameters._fields.index("g_hh")] is not None
    kept = native.kept_parts(inputs[0], T, B, H, flat, normal)
    states = [y.clone()]
    if inputs[3] is not None:
        i, f, g, _ = kept.gates.chunk(4, dim=-1)
        made = (f * kept.c_start + i * g).transpose(0, 1)
        start = kept.c_start.transpose(0, 1)
        keep = zoneout[1]
        if isinstance(keep, Tensor):
            made = torch.where(keep, start, made)
        elif keep is not None:
            made = torch.lerp(made, start, keep)
        states.append(made)
    trace.keep(tuple(states), kept.gates.transpose(0, 1))
    return y, (h_n,) if inputs[3] is None else (h_n, c_n)


class _Recurrence(torch.autograd.Function):
    """The two ops as a function and its gradient; its arguments are a trace or None, and chainrule::recurrence's."""

    @staticmethod
    def forward(ctx: Any, trace: Trace | None, *inputs: Any) -> Tensors:
        outputs = _below_autograd(*inputs)
        ctx.trace = trace
        ctx.cell = inputs[0]
        ctx.masks = Masks(*inputs[_WEIGHTS_END:-1])
        ctx.save_for_backward(*inputs[1:_WEIGHTS_END], outputs[3])
        ctx.mark_non_differentiable(*outputs[3 if inputs[3] is not None else 2 :])
        ctx.set_materialize_grads(False)  # zeros for what was kept would take as long as a tenth of the backward pass
        return outputs

    @staticmethod
    def backward(
        ctx: Any, dy: Tensor | None, dh_n: Tensor | None, dc_n: Tensor | None, *_: None
    ) -> tuple[Tensor | None, ...]:
        *inputs, kept = ctx.saved_tensors
        x, h_0, c_0, *weights = inputs
        dy = x.new_zeros(*x.shape[:2], h_0.shape[1]) if dy is None else dy
        dh_n = torch.zeros_like(h_0) if dh_n is None else dh_n
        if c_0 is not None and dc_n is None:
            dc_n = torch.zeros_like(c_0)
        needs = ctx.needs_input_grad[2 : _WEIGHTS_END + 1]
        trace: Trace | None = ctx.trace
        with torch.autocast("cpu", enabled=False):
            grads: Sequence[Tensor | None]
            cotangents = (dy, dh_n) if dc_n is None else (dy, dh_n, dc_n)
            create_graph = torch.is_grad_enabled()
            if create_graph or is_batched(cotangents):
                grads = _by_formula(ctx.cell, inputs, ctx.masks, cotangents, needs, trace, create_graph)
            else:
                given = (x, *weights, *ctx.masks, kept, [needs[0], *needs[3:7]], trace is not None)
                call = (ctx.cell, dy, dh_n, dc_n, *given)
                op = ops.backward if is_unwatched(call) else torch.ops.chainrule.recurrence_backward
                found = op(*call)
                grads = found[:-3]
                dh, dc, da = found[-3:]
                if trace is not None:
                    dstates = (dh,) if c_0 is None else (dh, dc)
                    trace.keep_gradients(tuple(d.transpose(0, 1) for d in dstates), da.transpose(0, 1))
        given_back = (g if need else None for g, need in zip(grads, needs, strict=True))
        return None, None, *given_back, *(None for _ in Masks._fields), None


_WEIGHTS_END = 4 + len(Parameters._fields)  # of the arguments of chainrule::recurrence


@torch.enable_grad()
def _by_formula(
    cell: str,
    inputs: Sequence[Any],
    masks: Masks,
    cotangents: Tensors,
    needs: tuple[bool, ...],
    trace: Trace | None,
    create_graph: bool,
) -> list[Tensor | None]:
    # aliases: the gradient towards h_0 must not contain what reaches it through an x computed from it
    alias: list[Any] = [None if t is None else t.view_as(t) for t in inputs]
    x, h_0, c_0, *given = alias
    weights = Weights(*[*given[:4], None, *given[4:]])
    state = (h_0,) if c_0 is None else (h_0, c_0)
    kept_units = ((masks.keep_h, masks.rate_h), (masks.keep_c, masks.rate_c))[: len(state)]
    zoneout = tuple((rate or None) if keep is None else keep for keep, rate in kept_units)
    y, last = formula.scan(cell, x, state, weights, masks.resets, masks.lengths, masks.reverse, zoneout, trace)
    wanted = [t for t, need in zip(alias, needs, strict=True) if need]
    found = iter(torch.autograd.grad((y, *last), wanted, cotangents, create_graph=create_graph, allow_unused=True))
    return [next(found) if need else None for need in needs]


def _autograd(*inputs: Any) -> Any:
    if needs_grad(inputs[1:_WEIGHTS_END]):
        return _Recurrence.apply(None, *inputs)  # type: ignore[no-untyped-call]
    return _below_autograd(*inputs)


def _below_autograd(*inputs: Any) -> Tensors:
    if is_unwatched(inputs):
        return ops.forward(*inputs)
    with below_autograd():
        outputs: Tensors = torch.ops.chainrule.recurrence(*inputs)
    return outputs


ops.LIBRARY.impl("recurrence", _autograd, "Autograd")
