"""The recurrence as two registered ops, forward and backward, each one call of compiled code.

    chainrule::recurrence           x, state, weights -> y, last state, and what the backward op needs
    chainrule::recurrence_backward  dy, gradient of the last state, what was kept -> the gradient of each input

Their weights are those of native.Parameters, their masks those of native.Masks. autograd.py differentiates the first by
the second.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from chainrule.ops.compiled import WHY_ABSENT
from chainrule.ops.recurrence.backends.cpu import native
from chainrule.ops.recurrence.backends.cpu.native import Masks, Parameters

__all__ = ["LIBRARY", "Tensors", "backward", "forward"]

LIBRARY = torch.library.Library("chainrule", "FRAGMENT")
Tensors = tuple[Tensor, ...]

_WEIGHTS = (
    "Tensor W_ih, Tensor W_hh, Tensor? b_ih, Tensor? b_hh, "
    "Tensor? g_ih, Tensor? g_hh, Tensor? g_c, Tensor? b_c, Tensor? p, "
    "Tensor? resets, Tensor? lengths, bool reverse, Tensor? keep_h, Tensor? keep_c, float rate_h, float rate_c"
)
LIBRARY.define(
    f"recurrence(str cell, Tensor x, Tensor h_0, Tensor? c_0, {_WEIGHTS}, str save, bool rounds) "
    "-> (Tensor y, Tensor h_n, Tensor c_n, Tensor kept)"
)
LIBRARY.define(
    f"recurrence_backward(str cell, Tensor dy, Tensor? dh_n, Tensor? dc_n, Tensor x, {_WEIGHTS}, Tensor kept, "
    "bool[] needs, bool each_step, bool rounds) "
    "-> (Tensor dx, Tensor dh_0, Tensor dc_0, Tensor dW_ih, Tensor dW_hh, Tensor db_ih, Tensor db_hh, "
    "Tensor dg_ih, Tensor dg_hh, Tensor dg_c, Tensor db_c, Tensor dp, Tensor dh, Tensor dc, Tensor da)"
)


def forward(cell: str, x: Tensor, h_0: Tensor, c_0: Tensor | None, *rest: Any) -> Tensors:
    """chainrule::recurrence."""
    weights, masks, (save, rounds) = _parts(rest)
    y, h_n, c_n, kept = native.forward(cell, x, h_0, c_0, weights, masks, save, rounds)
    return y, h_n, x.new_empty(0) if c_n is None else c_n, x.new_empty(0) if kept is None else kept


def _forward_fake(cell: str, x: Tensor, h_0: Tensor, c_0: Tensor | None, *rest: Any) -> Tensors:
    weights, _, (save, _) = _parts(rest)
    B, T, _ = x.shape
    H = h_0.shape[1]
    c_n = x.new_empty(0) if c_0 is None else x.new_empty(c_0.shape)
    kept = x.new_empty(native.kept_size(cell, T, B, H, save, weights.g_hh is not None))
    return native.empty_as(x, H), x.new_empty(h_0.shape), c_n, kept


def backward(cell: str, dy: Tensor, dh_n: Tensor | None, dc_n: Tensor | None, x: Tensor, *rest: Any) -> Tensors:
    """chainrule::recurrence_backward."""
    weights, masks, (kept, needs, each_step, rounds) = _parts(rest)
    call = (x, weights, masks, kept, _needs(needs), each_step, rounds)
    return _all_of(x, *native.backward(cell, dy, dh_n, dc_n, *call))


def _backward_fake(cell: str, dy: Tensor, dh_n: Tensor | None, dc_n: Tensor | None, x: Tensor, *rest: Any) -> Tensors:
    weights, _, (_, needs, each_step, _) = _parts(rest)
    return _all_of(x, *native.empty_gradients(cell, x, weights, _needs(needs), each_step))


def _needs(needs: Sequence[bool]) -> tuple[bool, ...]:
    """What native.backward is asked for: the op always gives the state's gradients."""
    return needs[0], True, True, *needs[1:]


def _all_of(x: Tensor, grads: native.Gradients, steps: native.StepGradients) -> Tensors:
    """All of them, empty where there are none."""
    return tuple(x.new_empty(0) if grad is None else grad for grad in (*grads, *steps))


def _parts(rest: tuple[Any, ...]) -> tuple[Parameters, Masks, tuple[Any, ...]]:
    n = len(Parameters._fields)
    m = n + len(Masks._fields)
    return Parameters(*rest[:n]), Masks(*rest[n:m]), rest[m:]


if WHY_ABSENT is None:
    LIBRARY.impl("recurrence", forward, "CPU")
    LIBRARY.impl("recurrence_backward", backward, "CPU")
torch.library.register_fake("chainrule::recurrence", _forward_fake, lib=LIBRARY)
torch.library.register_fake("chainrule::recurrence_backward", _backward_fake, lib=LIBRARY)
