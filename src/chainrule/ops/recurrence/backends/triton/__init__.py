"""The scans on a GPU, for what torch's own there lack: kernels in Triton, each one launch for all steps."""

import torch
from torch import Tensor

from chainrule._choices import counted
from chainrule._torch import is_exporting
from chainrule.ops.choices import Description
from chainrule.ops.launching import why_not_on, why_not_started
from chainrule.ops.plain import is_plain, is_traced, is_transformed
from chainrule.ops.recurrence.backends import torch as torch_backend
from chainrule.ops.recurrence.call import RecurrenceCall
from chainrule.ops.recurrence.cells import BUILT_IN
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["describe", "obstacle", "run"]

_CELLS = ("rnn_tanh", "rnn_relu", "gru", "gru_reset_before", "lstm")
_DTYPES = (torch.float32, torch.bfloat16)


def obstacle(call: RecurrenceCall, asked_for: bool) -> str | None:
    """Why the kernels cannot run this call, or should not; None if they can."""
    why = _why_foreign(call, asked_for)
    if why is not None:
        return why
    if not asked_for and torch_backend.obstacle(call, asked_for) is None:
        return "torch's own has all that is asked for"
    return _why_not_here(call)


def _why_foreign(call: RecurrenceCall, asked_for: bool) -> str | None:
    """What of the call is not for the kernels, wherever they run."""
    x = call.x
    why = why_not_on(x, asked_for)
    if why is not None:
        return why
    if call.cell not in BUILT_IN:
        return f"{call.cell.name} is a cell of your own, a step in torch's operations, which Triton does not compile"
    if call.cell.name not in _CELLS:
        return f"the Triton kernels have no {call.cell.name}"
    if x.dtype not in _DTYPES:
        return f"the Triton kernels are made for float32 and bfloat16, and x is {x.dtype}"
    if torch.compiler.is_compiling() or is_exporting() or is_traced():
        return "what torch records has to be torch's own"
    if is_transformed():
        return "torch.func and forward-mode derivatives go through the formula"
    if x.shape[0] == 0:
        return "x has no rows"
    if not is_plain((x, *call.state, *call.weights)):
        return "tensors without values, or of other classes, go through the formula"
    return None


def _why_not_here(call: RecurrenceCall) -> str | None:
    """What of this machine keeps the kernels from running the call."""
    x = call.x
    why = why_not_started(x)
    if why is not None:
        return why
    from chainrule.ops.recurrence.backends.triton import scan  # imports Triton

    rows = scan.most_rows(call)
    if rows == 0:
        return f"a state of {counted(call.state[-1].shape[1], 'unit')} is more than the GPU's programs hold"
    if call.trace is not None and rows < x.shape[0]:
        return f"return_all has one launch, and {counted(x.shape[0], 'row')} take several"
    return None


def describe(call: RecurrenceCall) -> Description:
    """One launch a scan."""
    return Description(None, 1)


def run(call: RecurrenceCall) -> tuple[Tensor, State]:
    """The outputs (B, T, H), T >= 1, and the last state."""
    from chainrule.ops.recurrence.backends.triton import autograd

    return autograd.run(call)
