"""The calls that are made most, checked and run in one go.

Such a call asks for outputs, gradients and perhaps the other direction; nobody records, maps or casts it, and its
tensors are as the kernels read them. Every other call is given back, and goes through all of dispatch.py, which finds
out what to do with it, or what is wrong.
"""

from typing import Any

import torch
from torch import Tensor

from chainrule.ops import choices
from chainrule.ops.compiled import WHY_ABSENT
from chainrule.ops.plain import PLAIN, is_watched, needs_grad
from chainrule.ops.pointers import has_dense_lines, is_dense
from chainrule.ops.recurrence.backends.cpu import native
from chainrule.ops.recurrence.backends.cpu.autograd import Facts, KernelFunction
from chainrule.ops.recurrence.backends.cpu.choice import is_single_step, is_wide_lstm
from chainrule.ops.recurrence.backends.cpu.native import Masks, Parameters
from chainrule.ops.recurrence.cells.spec import CellSpec, State, Weights

__all__ = ["run"]

_DTYPES = (torch.float32, torch.float64)
_FORWARD = Masks()
_REVERSE = Masks(reverse=True)


def run(
    cell: CellSpec, x: Tensor, state: tuple[Tensor | None, ...], weights: Weights, reverse: bool
) -> tuple[Tensor, State] | None:
    """The outputs (B, T, H) and the last state; None of a call that is not such a one."""
    if is_watched() or choices.listening or cell.kernel is None or WHY_ABSENT is not None:
        return None
    inputs = _checked(cell, x, state, weights)
    if inputs is None:
        return None
    masks = _REVERSE if reverse else _FORWARD
    if needs_grad(inputs):
        facts = Facts(cell.name, masks, is_checked=True)
        y, h_n, c_n, _ = KernelFunction.apply(facts, *inputs)  # type: ignore[no-untyped-call]
    elif is_wide_lstm(cell, x, weights.W_hh.shape[1]):
        return None
    else:
        x, h_0, c_0, *given = inputs
        y, h_n, c_n, _ = native.forward(cell.name, x, h_0, c_0, Parameters(*given), masks, "nothing", is_dense=True)
    return y, (h_n,) if c_n is None else (h_n, c_n)


def _checked(cell: CellSpec, x: Tensor, state: tuple[Tensor | None, ...], weights: Weights) -> tuple[Any, ...] | None:
    """x, h_0, c_0, W_ih, W_hh, b_ih and b_hh, if all tensors are as they should be; None if one is not."""
    W_ih, W_hh, b_ih, b_hh, *others = weights
    if any(w is not None for w in others) or (b_ih is None) != (b_hh is None):
        return None
    if not _is_ordinary(x) or not _is_ordinary(W_hh) or x.dim() != 3 or W_hh.dim() != 2:
        return None
    B, T, I = x.shape
    G, H = W_hh.shape
    dtype = x.dtype
    if dtype not in _DTYPES or B == 0 or T == 0 or H == 0 or len(cell.gates) * H != G:
        return None
    if is_single_step(B, T) or not has_dense_lines(x):
        return None
    if not (_is_ready(W_ih, (G, I), dtype) and _is_ready(W_hh, (G, H), dtype)):
        return None
    if b_ih is not None and not (_is_ready(b_ih, (G,), dtype) and _is_ready(b_hh, (G,), dtype)):
        return None
    parts = [x.new_zeros(B, H) if part is None else part for part in state]
    if not all(_is_ready(part, (B, H), dtype) for part in parts):
        return None
    return x, parts[0], parts[1] if len(parts) == 2 else None, W_ih, W_hh, b_ih, b_hh


def _is_ordinary(tensor: Any) -> bool:
    """Whether it is a dense tensor on the CPU, and nothing that only stands for one."""
    return type(tensor) in PLAIN and tensor.layout is torch.strided and not tensor.is_nested and tensor.is_cpu


def _is_ready(tensor: Any, shape: tuple[int, ...], dtype: torch.dtype) -> bool:
    """Whether it is an ordinary tensor of this shape and dtype, whose numbers lie in memory one after the other."""
    return _is_ordinary(tensor) and tensor.dtype is dtype and tensor.shape == shape and is_dense(tensor)
