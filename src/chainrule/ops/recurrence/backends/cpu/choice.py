"""Which calls the compiled code takes: those that it can run, but for the few that take less time elsewhere."""

from typing import Any

import torch
from torch import Tensor

from chainrule._torch import is_exporting
from chainrule.ops.choices import Description
from chainrule.ops.compiled import WHY_ABSENT
from chainrule.ops.plain import is_traced, is_transformed, needs_grad
from chainrule.ops.recurrence.backends import torch as torch_backend
from chainrule.ops.recurrence.backends.cpu import native
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells.spec import CellSpec

__all__ = ["cannot", "describe", "is_single_step", "is_wide_lstm", "obstacle"]

_DTYPES = (torch.float32, torch.float64, torch.bfloat16)
_FEW_ROWS = 16  # measured: above it the kernels are faster at a single step too
_ROWS_OF_WIDE = 8  # measured on two threads: 512 units take 0.76 to 1.3 of the kernels' time, 256 1.1 to 1.7
_WIDE = 512


def obstacle(call: RecurrenceCall, asked_for: bool) -> str | None:
    """Why the kernels cannot run this call, or should not; None if they can."""
    if not asked_for and is_exporting():
        return "torch.export records torch's own operations"
    why = cannot(call.cell, call.x, call.weights)
    if why is not None or asked_for:
        return why
    if call.x.dtype == torch.bfloat16 and not native.multiplies_bfloat16():
        return "x is torch.bfloat16, and the processor has no instructions for its products"
    if is_single_step(*call.x.shape[:2]):
        return f"one step of at most {_FEW_ROWS} rows takes less time than packing the weights"
    if _is_better_left(call) and torch_backend.obstacle(call, asked_for) is None:
        return f"torch's own LSTM takes less time forward alone, with at most {_ROWS_OF_WIDE} wide rows"
    return None


def cannot(cell: CellSpec, x: Tensor, weights: Any) -> str | None:
    """Why the kernels cannot run this cell with these; None if they can."""
    if cell.kernel is None:
        return f"the kernels have no {cell.name}"
    if not x.is_cpu:
        return f"the kernels run on the CPU, and x is on {x.device}"
    if WHY_ABSENT is not None:
        return WHY_ABSENT
    if x.dtype not in _DTYPES:
        return f"the kernels are compiled for float32, float64 and bfloat16, and x is {x.dtype}"
    if weights.W_hr is not None:
        return "the kernels have no projection, and weight_hr is given"
    if is_traced():
        return "what torch.jit.trace records has to be torch's own"
    if is_transformed():
        return "torch.func and forward-mode derivatives go through the formula"
    return None


def describe(call: RecurrenceCall) -> Description:
    """The instruction level in use."""
    threads = native.threads(call.cell.name, call.x.shape, call.weights.W_hh.shape[1])
    return Description(native.LEVELS[0], threads)


def is_single_step(B: int, T: int) -> bool:
    """Whether x (B, T, ·) is so little that packing the weights for the kernels takes longer than the step."""
    return type(T) is int and T == 1 and type(B) is int and B <= _FEW_ROWS and not torch.compiler.is_compiling()


def _is_better_left(call: RecurrenceCall) -> bool:
    x = call.x
    is_wide = is_wide_lstm(call.cell, x.dtype, x.shape[0], call.weights.W_hh.shape[1])
    return is_wide and not needs_grad((x, *call.state, *call.weights))


def is_wide_lstm(cell: CellSpec, dtype: torch.dtype, B: int, H: int) -> bool:
    """Whether it is an LSTM of few rows and many units, whose forward pass alone the kernels leave to one thread."""
    if cell.name != "lstm" or dtype != torch.float32 or torch.compiler.is_compiling():
        return False
    return type(B) is int and B <= _ROWS_OF_WIDE and H >= _WIDE
