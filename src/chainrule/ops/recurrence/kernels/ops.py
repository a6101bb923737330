"""The recurrence as two registered ops, forward and backward, each one call of compiled code.

    chainrule::recurrence           x, state, weights -> y, last state, and what the backward op needs
    chainrule::recurrence_backward  dy, gradient of the last state, what was kept -> the gradient of each input

The backward op has no derivative of its own: with create_graph=True the backward pass is the formula's.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from chainrule.ops.recurrence import formula
from chainrule.ops.recurrence.kernels import native
from chainrule.ops.recurrence.kernels.native import Kept, Masks
from chainrule.ops.recurrence.reference import State, Weights, Zoneout
from chainrule.ops.recurrence.trace import Trace

__all__ = ["obstacle", "scan"]

_LIBRARY = torch.library.Library("chainrule", "FRAGMENT")
_LIBRARY.define(
    "recurrence(str cell, Tensor x, Tensor h_0, Tensor? c_0, Tensor W_ih, Tensor W_hh, Tensor? b_ih, Tensor? b_hh, "
    "Tensor? resets, Tensor? lengths, bool reverse, str save) "
    "-> (Tensor y, Tensor h_n, Tensor c_n, Tensor gates, Tensor q, Tensor h_start, Tensor c_start)"
)
_LIBRARY.define(
    "recurrence_backward(str cell, Tensor dy, Tensor dh_n, Tensor? dc_n, Tensor x, Tensor W_ih, Tensor W_hh, "
    "Tensor? b_ih, Tensor? b_hh, Tensor? resets, Tensor? lengths, bool reverse, "
    "Tensor gates, Tensor q, Tensor h_start, Tensor c_start, "
    "bool[] needs) "
    "-> (Tensor dx, Tensor dh_0, Tensor dc_0, Tensor dW_ih, Tensor dW_hh, Tensor db_ih, Tensor db_hh)"
)
_DTYPES = (torch.float32, torch.float64)
_PLAIN = (Tensor, torch.nn.Parameter)
_Tensors = tuple[Tensor, ...]


def obstacle(x: Tensor, weights: Weights) -> str | None:
    """Why the kernels can't run this call; None if they can."""
    if x.device.type != "cpu":
        return f"the kernels run on the CPU, and x is on {x.device}"
    if x.dtype not in _DTYPES:
        return f"the kernels are compiled for float32 and float64, and x is {x.dtype}"
    if weights.W_hr is not None:
        return "the kernels have no projection, and weight_hr is given"
    if weights.g_ih is not None or weights.p is not None:
        return "the kernels have neither layer normalisation nor peepholes"
    if torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0:
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
    if trace is not None or any(keep is not None for keep in zoneout):
        return formula.scan(cell, x, state, weights, resets, lengths, reverse, zoneout, trace)
    h_0, c_0 = state if len(state) == 2 else (state[0], None)
    resets = None if resets is None else resets.contiguous()
    lengths = None if lengths is None else lengths.long().contiguous()
    tensors = (x, h_0, c_0, *weights[:4])
    needs_grad = _needs_grad(tensors)
    if _is_plain(tensors) and not needs_grad:
        y, h_n, c_n, _ = native.forward(cell, x, h_0, c_0, weights, Masks(resets, lengths, reverse), "nothing")
    else:
        op = _autograd if _is_plain(tensors) else torch.ops.chainrule.recurrence
        y, h_n, c_n, *_ = op(cell, *tensors, resets, lengths, reverse, save if needs_grad else "nothing")
    return y, (h_n,) if c_n is None or c_0 is None else (h_n, c_n)


def _forward(
    cell: str,
    x: Tensor,
    h_0: Tensor,
    c_0: Tensor | None,
    W_ih: Tensor,
    W_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    resets: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
    save: str,
) -> _Tensors:
    weights, masks = Weights(W_ih, W_hh, b_ih, b_hh), Masks(resets, lengths, reverse)
    y, h_n, c_n, kept = native.forward(cell, x, h_0, c_0, weights, masks, save)
    return y, h_n, x.new_empty(0) if c_n is None else c_n, *(kept or (x.new_empty(0) for _ in Kept._fields))


def _forward_fake(
    cell: str,
    x: Tensor,
    h_0: Tensor,
    c_0: Tensor | None,
    W_ih: Tensor,
    W_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    resets: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
    save: str,
) -> _Tensors:
    B, T, _ = x.shape
    H = h_0.shape[1]
    c_n = x.new_empty(0) if c_0 is None else x.new_empty(c_0.shape)
    kept = (x.new_empty(shape) for shape in native.kept_shapes(cell, T, B, H, save))
    return native.empty_as(x, H), x.new_empty(h_0.shape), c_n, *kept


def _backward(
    cell: str,
    dy: Tensor,
    dh_n: Tensor,
    dc_n: Tensor | None,
    x: Tensor,
    W_ih: Tensor,
    W_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    resets: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
    gates: Tensor,
    q: Tensor,
    h_start: Tensor,
    c_start: Tensor,
    needs: list[bool],
) -> _Tensors:
    weights, masks = Weights(W_ih, W_hh, b_ih, b_hh), Masks(resets, lengths, reverse)
    return native.backward(cell, dy, dh_n, dc_n, x, weights, masks, Kept(gates, q, h_start, c_start), tuple(needs))


def _backward_fake(
    cell: str,
    dy: Tensor,
    dh_n: Tensor,
    dc_n: Tensor | None,
    x: Tensor,
    W_ih: Tensor,
    W_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    resets: Tensor | None,
    lengths: Tensor | None,
    reverse: bool,
    gates: Tensor,
    q: Tensor,
    h_start: Tensor,
    c_start: Tensor,
    needs: list[bool],
) -> _Tensors:
    G = (W_ih.shape[0],)
    sizes = zip(needs[1:], (W_ih.shape, W_hh.shape, G, G), strict=True)
    return (
        native.empty_as(x, x.shape[2]) if needs[0] else x.new_empty(0),
        x.new_empty(dh_n.shape),
        x.new_empty(0) if dc_n is None else x.new_empty(dc_n.shape),
        *(x.new_empty(size if need else (0,)) for need, size in sizes),
    )


class _Recurrence(torch.autograd.Function):
    """The two ops as a function and its gradient; its arguments are those of chainrule::recurrence."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> _Tensors:
        outputs = _below_autograd(*inputs)
        ctx.cell, ctx.reverse = inputs[0], inputs[10]
        ctx.save_for_backward(*inputs[1:10], *outputs[3:])
        ctx.mark_non_differentiable(*outputs[3 if inputs[3] is not None else 2 :])
        ctx.set_materialize_grads(False)  # zeros for what was kept would take as long as a tenth of the backward pass
        return outputs

    @staticmethod
    def backward(
        ctx: Any, dy: Tensor | None, dh_n: Tensor | None, dc_n: Tensor | None, *_: None
    ) -> tuple[Tensor | None, ...]:
        x, h_0, c_0, W_ih, W_hh, b_ih, b_hh, resets, lengths, *kept = ctx.saved_tensors
        dy = x.new_zeros(*x.shape[:2], h_0.shape[1]) if dy is None else dy
        dh_n = torch.zeros_like(h_0) if dh_n is None else dh_n
        dc_n = None if c_0 is None else torch.zeros_like(c_0) if dc_n is None else dc_n
        needs = ctx.needs_input_grad[1:8]
        with torch.autocast("cpu", enabled=False):
            if torch.is_grad_enabled():  # create_graph: the formula's backward pass is differentiable
                inputs, masks = (x, h_0, c_0, W_ih, W_hh, b_ih, b_hh), (resets, lengths, ctx.reverse)
                cotangents = (dy, dh_n) if dc_n is None else (dy, dh_n, dc_n)
                grads = _by_formula(ctx.cell, inputs, masks, cotangents, needs)
            else:
                given = (x, W_ih, W_hh, b_ih, b_hh, resets, lengths, ctx.reverse, *kept, [needs[0], *needs[3:]])
                call = (ctx.cell, dy, dh_n, dc_n, *given)
                op = _backward if _is_plain(call) else torch.ops.chainrule.recurrence_backward
                grads = list(op(*call))
        return None, *(g if need else None for g, need in zip(grads, needs, strict=True)), None, None, None, None


def _by_formula(
    cell: str, inputs: tuple[Any, ...], masks: tuple[Any, ...], cotangents: _Tensors, needs: tuple[bool, ...]
) -> list[Tensor | None]:
    # aliases: the gradient towards h_0 must not contain what reaches it through an x computed from it
    alias: list[Any] = [None if t is None else t.view_as(t) for t in inputs]
    x, h_0, c_0, *weights = alias
    state = (h_0,) if c_0 is None else (h_0, c_0)
    resets, lengths, reverse = masks
    y, last = formula.scan(cell, x, state, Weights(*weights), resets, lengths, reverse, (None,) * len(state), None)
    wanted = [t for t, need in zip(alias, needs, strict=True) if need]
    found = iter(torch.autograd.grad((y, *last), wanted, cotangents, create_graph=True, allow_unused=True))
    return [next(found) if need else None for need in needs]


def _needs_grad(inputs: Sequence[Tensor | None]) -> bool:
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in inputs)


def _autograd(*inputs: Any) -> Any:
    if _needs_grad(inputs[1:8]):
        return _Recurrence.apply(*inputs)  # type: ignore[no-untyped-call]
    return _below_autograd(*inputs)


def _below_autograd(*inputs: Any) -> _Tensors:
    if _is_plain(inputs):
        return _forward(*inputs)
    with torch._C._AutoDispatchBelowAutograd():
        outputs: _Tensors = torch.ops.chainrule.recurrence(*inputs)
    return outputs


def _is_plain(call: Sequence[object]) -> bool:
    """Whether nothing looks on that needs the registered op: it runs the same code, some 7 us later."""
    if torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack() > 0:
        return False
    return all(type(value) in _PLAIN for value in call if isinstance(value, Tensor))


_LIBRARY.impl("recurrence", _forward, "CPU")
_LIBRARY.impl("recurrence", _autograd, "Autograd")
_LIBRARY.impl("recurrence_backward", _backward, "CPU")
torch.library.register_fake("chainrule::recurrence", _forward_fake, lib=_LIBRARY)
torch.library.register_fake("chainrule::recurrence_backward", _backward_fake, lib=_LIBRARY)
