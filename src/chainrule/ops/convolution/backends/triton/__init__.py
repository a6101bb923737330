"""Causal convolution on a GPU as one kernel in Triton, state, resets and lengths among it.

- kernels/: the convolution and its gradients, of depthwise convolution and of channels that mix
- depthwise.py, dense.py: how many programs of these there are, and what they are given
- launches.py: what both are given, and how kernels are started
- autograd.py: the gradient
"""

import torch
from torch import Tensor

from chainrule._torch import is_exporting
from chainrule.ops.choices import Description
from chainrule.ops.convolution.call import ConvolutionCall
from chainrule.ops.launching import why_not_on, why_not_started
from chainrule.ops.plain import is_plain, is_traced, is_transformed

__all__ = ["describe", "merit", "obstacle", "run", "why_left"]

_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_MOST_STEPS = 2**30
_MOST_TAPS = 64  # of a call without masks; each is a load: of more, torch's own may lay out its inputs better


def obstacle(call: ConvolutionCall) -> str | None:
    """Why it cannot run this call; None if it can."""
    return why_not_on(call.x, asked_for=True) or _why_of_another_kind(call) or _why_not_now(call)


def _why_of_another_kind(call: ConvolutionCall) -> str | None:
    """What of the sizes the kernels are not for."""
    geometry = call.geometry
    reach = geometry.dilation[0] * (call.weight.shape[-1] - 1)
    if tuple(geometry.stride) != (1,) or (*geometry.before, *geometry.after) != (reach, 0):
        return "the Triton kernels are for causal convolution, in one dimension, of stride 1 with all zeros before x"
    return None


def _why_not_now(call: ConvolutionCall) -> str | None:
    """What of the numbers, or of this machine, keeps the kernels from running a causal call."""
    x = call.x
    if x.dtype not in _DTYPES:
        return f"the Triton kernels are for real numbers, and x is {x.dtype}"
    if torch.compiler.is_compiling() or is_exporting() or is_traced():
        return "what torch records has to be torch's own"
    if is_transformed():
        return "torch.func and forward-mode derivatives go through the formula"
    if not is_plain((x, call.weight, call.bias, *(call.causal or ()))):
        return "the Triton kernels take neither tensors without values nor those of other classes"
    if 0 in x.shape:
        return f"x has the shape {tuple(x.shape)}, without numbers"
    if x.shape[0] * x.shape[2] > _MOST_STEPS:
        return "the Triton kernels count the steps of all rows in 32 bits, up to 2^30"
    return why_not_started(x)


def merit(call: ConvolutionCall) -> str | None:
    """Why it is the one to take; None if others are, as on a CPU, where it is interpreted."""
    if not call.x.is_cuda or not _saves_copies(call):
        return None
    if not call.has_masks and call.weight.shape[-1] > _MOST_TAPS:
        return None
    return f"{call.x.dtype} on {call.x.device}: one kernel reads the state and x where they lie"


def why_left(call: ConvolutionCall) -> str | None:
    """Of a causal call on a GPU that the kernels are for: why others run it; None of other calls."""
    if not call.x.is_cuda or _why_of_another_kind(call) is not None or not _saves_copies(call):
        return None
    return _why_not_now(call) or f"the Triton kernel is for up to {_MOST_TAPS} taps, but where it is asked for"


def _saves_copies(call: ConvolutionCall) -> bool:
    """Whether the copies that torch's own makes are many beside its products: of resets it makes one for each tap."""
    return call.has_masks or tuple(call.weight.shape[:2]) == (call.geometry.groups, 1)


def run(call: ConvolutionCall) -> tuple[Tensor, Tensor | None]:
    """y, and of a causal call the inputs before the next chunk."""
    from chainrule.ops.convolution.backends.triton import autograd  # imports Triton

    call.check_held()
    return autograd.run(call)


def describe(call: ConvolutionCall) -> Description:
    """One launch a pass."""
    return Description(None, 1)
