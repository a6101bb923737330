"""The calls that are made most, checked and run in one go.

Such a call asks for outputs and gradients, perhaps of the other direction, with resets, layer normalisation or
peepholes; nobody records, maps or casts it, and its tensors are as the kernels read them, which C++ finds out
(tensors.hpp). Every other call is given back, and goes through all of dispatch.py, which finds out what to do with it,
or what is wrong.
"""

from torch import Tensor

from chainrule.ops import choices
from chainrule.ops.compiled import WHY_ABSENT
from chainrule.ops.plain import is_watched, needs_grad
from chainrule.ops.recurrence.backends.cpu import native
from chainrule.ops.recurrence.backends.cpu.autograd import Facts, KernelFunction
from chainrule.ops.recurrence.backends.cpu.choice import is_single_step, is_wide_lstm
from chainrule.ops.recurrence.backends.cpu.native import CELLS, GATES, Masks
from chainrule.ops.recurrence.cells.spec import CellSpec, State, Weights

if WHY_ABSENT is None:
    import chainrule.ops.recurrence.backends.cpu._scan as _scan

__all__ = ["infer", "run"]

_FORWARD = Masks()
_REVERSE = Masks(reverse=True)


def run(
    cell: CellSpec,
    x: Tensor,
    state: tuple[Tensor | None, ...],
    weights: Weights,
    reverse: bool,
    resets: Tensor | None = None,
) -> tuple[Tensor, State] | None:
    """The outputs (B, T, H) and the last state; None of a call that is not such a one."""
    if is_watched() or choices.listening:
        return None
    if not needs_grad((x, *state, *weights)):
        found = infer(cell, x, state, weights, reverse, resets, time_first=False)
        return None if found is None else (found[0], tuple(part.squeeze(0) for part in found[1]))
    call, _ = _described(cell, x, state, weights, resets, time_first=False)
    if call is None:
        return None
    h_0, *others = (x.new_zeros(call.B, call.H) if part is None else part for part in state)
    c_0 = others[0] if others else None
    masks = _REVERSE if reverse else _FORWARD
    if resets is not None:
        masks = masks._replace(resets=resets)
    facts = Facts(cell.name, masks, is_checked=True)
    known = (*weights[:4], *weights[5:]) if call.optioned else weights[:4]
    y, h_n, c_n, _ = KernelFunction.apply(facts, x, h_0, c_0, *known)  # type: ignore[no-untyped-call]
    return y, (h_n,) if c_n is None else (h_n, c_n)


def infer(
    cell: CellSpec,
    x: Tensor,
    state: tuple[Tensor | None, ...],
    weights: Weights,
    reverse: bool,
    resets: Tensor | None,
    *,
    time_first: bool,
) -> tuple[Tensor, State] | None:
    """The same of x (B, T, I), or (T, B, I), where no gradient is asked for and nobody watches.

    The outputs are laid out as x is, and the parts of the last state are (1, B, H), as of one layer.
    """
    call, dtype = _described(cell, x, state, weights, resets, time_first)
    if call is None or is_wide_lstm(cell, x.dtype, call.B, call.H):
        return None
    B = call.B
    H = call.H
    y = native.empty_as(x, H)
    h_n = x.new_empty(1, B, H)
    c_n = x.new_empty(1, B, H) if len(state) == 2 else None
    outer, inner, _ = y.stride()
    call.y = (y.data_ptr(), inner, outer) if time_first else (y.data_ptr(), outer, inner)
    call.reverse = reverse
    call.threads = native.threads(cell.name, (B, call.T, call.I), H)
    native.run_forward(call, (native._level, dtype, CELLS[cell.name]), y, h_n, c_n)
    return y, (h_n,) if c_n is None else (h_n, c_n)


def _described(
    cell: CellSpec,
    x: Tensor,
    state: tuple[Tensor | None, ...],
    weights: Weights,
    resets: Tensor | None,
    time_first: bool,
) -> "tuple[_scan.Call | None, int]":
    """The call's inputs and the number of their dtype; None if the kernels don't read them as they are."""
    if cell.kernel is None or WHY_ABSENT is not None:
        return None, -1
    call = _scan.Call()
    h_0, c_0 = (*state, None)[:2]
    dtype = call.describe(GATES[cell.name], time_first, x, h_0, c_0, resets, *weights)
    return None if dtype < 0 or is_single_step(call.B, call.T) else call, dtype
