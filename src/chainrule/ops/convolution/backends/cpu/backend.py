"""The compiled backend: which calls it can run, and how it runs one."""

import torch
from torch import Tensor

from chainrule._torch import is_exporting
from chainrule.ops.choices import Description
from chainrule.ops.compiled import WHY_ABSENT
from chainrule.ops.convolution.backends import formula
from chainrule.ops.convolution.backends.cpu.autograd import convolve
from chainrule.ops.convolution.backends.cpu.native import DTYPES, LEVELS, excess, has_products, threads
from chainrule.ops.convolution.call import Causal, ConvolutionCall
from chainrule.ops.once import once
from chainrule.ops.plain import is_traced, is_transformed

__all__ = ["describe", "merit", "obstacle", "obstacle_of", "obstacle_to_streaming", "run"]


def obstacle(call: ConvolutionCall) -> str | None:
    """Why it cannot run this call; None if it can."""
    return obstacle_of(call.x) or once(excess, call.x.shape, call.weight.shape, call.geometry)


def obstacle_of(x: Tensor) -> str | None:
    """Why the kernels cannot compute with a tensor, now; None if they can."""
    if not x.is_cpu:
        return f"the kernels run on the CPU, and x is on {x.device}"
    if WHY_ABSENT is not None:
        return WHY_ABSENT
    if x.dtype not in DTYPES:
        return f"the kernels are compiled for float32, float64 and bfloat16, and x is {x.dtype}"
    if is_traced():
        return "what torch.jit.trace records has to be torch's own"
    if is_transformed():
        return "torch.func and forward-mode derivatives go through the formula"
    return None


def obstacle_to_streaming(weight: Tensor) -> str | None:
    """Why the kernels cannot stream a layer of this weight; None if they can."""
    if weight.dtype == torch.bfloat16:
        return f"the kernels stream float32 and float64, and x is {weight.dtype}"
    return obstacle_of(weight)


def merit(call: ConvolutionCall) -> str | None:
    """It is the fastest of those that can run what it can, but for the shapes that those before it take."""
    if is_exporting():
        return None  # a recording must not need chainrule
    return f"{call.x.dtype} on the CPU{_products(call)}, instructions {LEVELS[0]}"


def _products(call: ConvolutionCall) -> str:
    if call.x.dtype != torch.bfloat16:
        return ""
    wide = has_products(call.x.dtype, call.weight.shape, call.geometry)
    return ", products of bfloat16" if wide else ", products of float32, with few channels"


def run(call: ConvolutionCall) -> tuple[Tensor, Tensor | None]:
    """y, and of a causal call the inputs before the next chunk."""
    if call.causal is not None:
        return _run_causal(call, call.causal)
    return convolve(call.x, call.weight, call.bias, *call.geometry, None, None), None


def _run_causal(call: ConvolutionCall, causal: Causal) -> tuple[Tensor, Tensor]:
    call.check_held()
    past = call.x
    geometry = call.geometry
    P = geometry.before[0]
    if causal.state is not None:
        past = torch.cat([causal.state, call.x], dim=-1)
        geometry = geometry._replace(before=(0,))
    y = convolve(past, call.weight, call.bias, *geometry, causal.resets, causal.lengths)
    if not causal.has_masks and past.shape[-1] >= P:
        return y, past.narrow(-1, past.shape[-1] - P, P).clone()
    *_, last = formula.remember(call.x, call.state(), causal.resets, causal.lengths)
    return y, last


def describe(call: ConvolutionCall) -> Description:
    """The instruction level, and its threads."""
    return Description(LEVELS[0], threads(call.output_shape, call.weight.shape))
