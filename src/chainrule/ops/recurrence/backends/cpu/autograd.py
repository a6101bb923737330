"""The call of the compiled code, and its gradient.

The backward op has no derivative of its own: with create_graph=True the backward pass is the formula's, and for
gradients that stand for many (is_grads_batched).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from chainrule._torch import below_autograd
from chainrule.ops.compiled import WHY_ABSENT
from chainrule.ops.plain import is_batched, is_unwatched, needs_grad
from chainrule.ops.recurrence.backends import formula
from chainrule.ops.recurrence.backends.cpu import native, ops
from chainrule.ops.recurrence.backends.cpu.native import Masks, Parameters
from chainrule.ops.recurrence.backends.cpu.ops import Tensors
from chainrule.ops.recurrence.call import RecurrenceCall, Zoneout
from chainrule.ops.recurrence.cells import find_cell
from chainrule.ops.recurrence.cells.spec import State, Weights
from chainrule.ops.recurrence.trace import Trace

__all__ = ["Facts", "KernelFunction", "run"]


class _Inputs(NamedTuple):
    """The arguments of chainrule::recurrence by name: a call as autograd and the dispatcher take it, flat."""

    cell: str
    x: Tensor
    h_0: Tensor
    c_0: Tensor | None
    W_ih: Tensor
    W_hh: Tensor
    b_ih: Tensor | None
    b_hh: Tensor | None
    g_ih: Tensor | None
    g_hh: Tensor | None
    g_c: Tensor | None
    b_c: Tensor | None
    p: Tensor | None
    resets: Tensor | None
    lengths: Tensor | None
    reverse: bool
    keep_h: Tensor | None
    keep_c: Tensor | None
    rate_h: float
    rate_c: float
    save: str
    rounds: bool

    @property
    def tensors(self) -> tuple[Any, ...]:
        """Those that there are gradients of: x, h_0, c_0 and the weights."""
        return tuple(self)[1:_FIRST_MASK]

    def facts(self, trace: Trace | None = None) -> "Facts":
        return Facts(self.cell, self.masks, self.save, self.rounds, trace)

    @property
    def weights(self) -> Parameters:
        return Parameters(*self.tensors[3:])

    @property
    def masks(self) -> Masks:
        flat: tuple[Any, ...] = self
        return Masks(*flat[_FIRST_MASK:_AFTER_MASKS])


_FIRST_MASK = _Inputs._fields.index("resets")
_AFTER_MASKS = _Inputs._fields.index("save")


def run(call: RecurrenceCall) -> tuple[Tensor, State]:
    """The outputs (B, T, H), T >= 1, and the last state."""
    if call.x.dtype == torch.bfloat16:
        y, last = run(call.in_float32())
        return y.to(call.x.dtype), tuple(part.to(call.x.dtype) for part in last)
    inputs = _flat(call)
    learns = needs_grad(inputs.tensors)
    if call.trace is not None:
        return _traced(call.trace, learns, inputs._replace(save="gates"), call.zoneout)
    unwatched = is_unwatched(inputs.tensors)
    if not learns:
        inputs = inputs._replace(save="nothing")
    if unwatched and not learns:
        y, h_n, c_n, _ = native.forward(
            inputs.cell,
            inputs.x,
            inputs.h_0,
            inputs.c_0,
            inputs.weights,
            inputs.masks,
            inputs.save,
            inputs.rounds,
        )
    else:
        op = _autograd if unwatched else torch.ops.chainrule.recurrence
        y, h_n, c_n, *_ = op(*inputs)
    return y, (h_n,) if c_n is None or inputs.c_0 is None else (h_n, c_n)


def _flat(call: RecurrenceCall) -> _Inputs:
    """The call as the registered op takes it."""
    weights: Weights = call.weights
    keep_h, keep_c, rate_h, rate_c = _kept_units(call.zoneout)
    return _Inputs(
        cell=call.cell.name,
        x=call.x,
        h_0=call.state[0],
        c_0=call.state[1] if len(call.state) == 2 else None,
        W_ih=weights.W_ih,
        W_hh=weights.W_hh,
        b_ih=weights.b_ih,
        b_hh=weights.b_hh,
        g_ih=weights.g_ih,
        g_hh=weights.g_hh,
        g_c=weights.g_c,
        b_c=weights.b_c,
        p=weights.p,
        resets=call.resets,
        lengths=None if call.lengths is None else call.lengths.long(),
        reverse=call.reverse,
        keep_h=keep_h,
        keep_c=keep_c,
        rate_h=rate_h,
        rate_c=rate_c,
        save=call.save,
        rounds=call.rounds,
    )


def _kept_units(zoneout: Zoneout) -> tuple[Tensor | None, Tensor | None, float, float]:
    """A mask and a rate for h and for c, as Masks has them."""
    parts = [*zoneout, None][:2]
    masks = [part if isinstance(part, Tensor) else None for part in parts]
    rates = [0.0 if part is None or isinstance(part, Tensor) else part for part in parts]
    return masks[0], masks[1], rates[0], rates[1]


def _traced(trace: Trace, learns: bool, inputs: _Inputs, zoneout: Zoneout) -> tuple[Tensor, State]:
    """The same call, all of whose steps go to the trace: the forward ones here, the gradients in the backward pass."""
    if learns:
        y, h_n, c_n, flat = KernelFunction.apply(inputs.facts(trace), *inputs.tensors)  # type: ignore[no-untyped-call]
    else:
        y, h_n, c_n, flat = ops.forward(*inputs)
    B, T, H = y.shape
    kept = native.kept_parts(inputs.cell, T, B, H, flat, inputs.g_hh is not None)
    states = [y.clone()]
    if inputs.c_0 is not None:
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
    return y, (h_n,) if inputs.c_0 is None else (h_n, c_n)


_ASKED = 7  # x, h_0, c_0, W_ih, W_hh, b_ih, b_hh: the gradients that are made only where they are asked for


class Facts(NamedTuple):
    """What a call has besides tensors that there are gradients of."""

    cell: str
    masks: Masks = Masks()
    save: str = "gates"
    rounds: bool = False
    trace: Trace | None = None
    is_checked: bool = False  # all tensors are known to be as the kernels read them, and nobody watches


class KernelFunction(torch.autograd.Function):
    """The two ops as a function and its gradient: of x, h_0, c_0 and as many of the weights as there are."""

    @staticmethod
    def forward(ctx: Any, facts: Facts, *tensors: Any) -> tuple[Tensor | None, ...]:
        x, h_0, c_0, *given = tensors
        weights = Parameters(*given)
        outputs: tuple[Tensor | None, ...]
        if facts.is_checked:
            outputs = native.forward(facts.cell, x, h_0, c_0, weights, facts.masks, facts.save, is_dense=True)
        else:
            outputs = _below_autograd(facts.cell, x, h_0, c_0, *weights, *facts.masks, facts.save, facts.rounds)
        ctx.facts = facts
        ctx.save_for_backward(*tensors, outputs[3])
        ctx.mark_non_differentiable(*(t for t in outputs[3 if c_0 is not None else 2 :] if t is not None))
        ctx.set_materialize_grads(False)  # zeros for what was kept would take as long as a tenth of the backward pass
        return outputs

    @staticmethod
    def backward(
        ctx: Any, dy: Tensor | None, dh_n: Tensor | None, dc_n: Tensor | None, *_: None
    ) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors  # to be asked for once
        *tensors, kept = saved
        x, h_0, c_0, *given = tensors
        dy = x.new_zeros(*x.shape[:2], h_0.shape[1]) if dy is None else dy
        needs = ctx.needs_input_grad[1:]
        facts: Facts = ctx.facts
        create_graph = torch.is_grad_enabled()
        if create_graph or is_batched((dy, dh_n, dc_n)):
            with torch.autocast("cpu", enabled=False):
                return None, *_by_formula(facts, tensors, (dy, dh_n, dc_n), needs, create_graph)
        weights = Parameters(*given)
        asked = (*needs[:_ASKED], *(False,) * (_ASKED - len(needs)))
        each_step = facts.trace is not None
        grads: Sequence[Tensor | None]
        steps: Any
        if is_unwatched((dy, dh_n, dc_n, *saved, *facts.masks)):
            last = (kept, asked, each_step, facts.rounds)
            grads, steps = native.backward(facts.cell, dy, dh_n, dc_n, x, weights, facts.masks, *last)
        else:
            by_op = (kept, [asked[0], *asked[3:]], each_step, facts.rounds)
            found = torch.ops.chainrule.recurrence_backward(
                facts.cell, dy, dh_n, dc_n, x, *weights, *facts.masks, *by_op
            )
            grads = found[:-3]
            steps = found[-3:]
        if facts.trace is not None:
            dstates = steps[:1] if c_0 is None else steps[:2]
            facts.trace.keep_gradients(tuple(d.transpose(0, 1) for d in dstates), steps[2].transpose(0, 1))
        return None, *(g if need else None for g, need in zip(grads, needs, strict=False))


@torch.enable_grad()
def _by_formula(
    facts: Facts,
    tensors: Sequence[Any],
    cotangents: Sequence[Tensor | None],
    needs: tuple[bool, ...],
    create_graph: bool,
) -> list[Tensor | None]:
    masks = facts.masks
    # aliases: the gradient towards h_0 must not contain what reaches it through an x computed from it
    alias: list[Any] = [None if t is None else t.view_as(t) for t in tensors]
    x, h_0, c_0, *given = alias
    state = (h_0,) if c_0 is None else (h_0, c_0)
    kept_units = ((masks.keep_h, masks.rate_h), (masks.keep_c, masks.rate_c))[: len(state)]
    call = RecurrenceCall(
        find_cell(facts.cell),
        x,
        state,
        Weights(**dict(zip(Parameters._fields, given, strict=False))),
        zoneout=tuple((rate or None) if keep is None else keep for keep, rate in kept_units),
        resets=masks.resets,
        lengths=masks.lengths,
        reverse=masks.reverse,
        rounds=facts.rounds,
        trace=facts.trace,
    )
    y, last = formula.run(call)
    wanted = [t for t, need in zip(alias, needs, strict=True) if need]
    given_back = [(out, grad) for out, grad in zip((y, *last), cotangents, strict=False) if grad is not None]
    outputs, arriving = zip(*given_back, strict=True)
    found = iter(torch.autograd.grad(outputs, wanted, arriving, create_graph=create_graph, allow_unused=True))
    return [next(found) if need else None for need in needs]


def _autograd(*inputs: Any) -> Any:
    if not needs_grad(inputs[1:_FIRST_MASK]):
        return _below_autograd(*inputs)
    named = _Inputs(*inputs)
    return KernelFunction.apply(named.facts(), *named.tensors)  # type: ignore[no-untyped-call]


def _below_autograd(*inputs: Any) -> Tensors:
    if is_unwatched(inputs):
        return ops.forward(*inputs)
    with below_autograd():
        outputs: Tensors = torch.ops.chainrule.recurrence(*inputs)
    return outputs


if WHY_ABSENT is None:
    ops.LIBRARY.impl("recurrence", _autograd, "Autograd")
