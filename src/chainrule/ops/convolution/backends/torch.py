"""torch's own convolution, for the shapes where it is the faster one: wide ones, and images of short lines.

bfloat16.py has the rule for that dtype.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv1d, conv2d, conv3d, pad

from chainrule._choices import counted
from chainrule._torch import is_exporting
from chainrule.ops.choices import Description
from chainrule.ops.convolution.backends import bfloat16, cpu, formula
from chainrule.ops.convolution.backends import triton as triton_backend
from chainrule.ops.convolution.call import Causal, ConvolutionCall, Geometry, has_channels_last
from chainrule.ops.plain import is_traced, is_transformed, needs_grad

__all__ = ["convolve_causally", "describe", "merit", "obstacle", "prepared", "run"]

# Measured on drawn shapes and on the layers of nets, forward and backward and forward alone. Three dimensions are taken
# to be as two.
_LITTLE = 100_000  # multiplications and additions, which take less time than the kernels' call
_SOME = 16  # channels of a group
_WIDE = 64  # of both sides
_DILATED = 4  # from which dilation on torch's own slows down
_WIDE_DILATED = 192
_FEW = 256  # outputs of a channel
_STEEP = 4  # a stride
_MANY = 500_000  # outputs
_LARGE = 25  # taps
_LARGEST = 49
_WASTE = 0.8  # of the lanes of the vectors that a line of outputs fills
_CUT_OFF = 8  # outputs that are kept for each that is not


_OPS: dict[int, Callable[..., Tensor]] = {1: conv1d, 2: conv2d, 3: conv3d}


def obstacle(call: ConvolutionCall) -> str | None:
    """Why it cannot run this call; None if it can."""
    if call.has_masks and not call.x.is_cuda:
        return "torch's own has neither resets nor lengths"
    is_recorded = is_traced() or is_exporting()  # for other sizes than those of this call
    if 0 in call.x.shape[2:] and call.x.is_floating_point() and not is_recorded:
        return "torch's own takes no input without positions"
    return None


def merit(call: ConvolutionCall) -> str | None:
    """Why it is the one to take; None if the kernels, or the formula, are."""
    if is_exporting():
        return "torch.export records torch's own operations"
    if _has_wrong_gradient(call):
        return None
    if why_not_compiled := triton_backend.why_left(call) or cpu.obstacle(call):
        # the formula maps and has forward derivatives of every order, but for real numbers alone
        by_formula = is_transformed() and not is_traced() and call.x.is_floating_point()
        return None if by_formula else why_not_compiled
    if has_channels_last(call.x, call.weight):
        return "torch's own keeps channels last"
    if call.x.dtype == torch.bfloat16:
        return bfloat16.why_torch(call.output_shape, call.weight.shape, call.geometry, call.learns)
    if call.x.dtype != torch.float32:
        return None
    return _why_faster(call.x.shape, call.output_shape, call.weight.shape, call.geometry, call.learns)


def _has_wrong_gradient(call: ConvolutionCall) -> bool:
    """Whether torch (2.13) may return garbage for dW: with channels last it does for one in five of such shapes."""
    geometry = call.geometry
    return (
        call.learns
        and call.x.is_cpu
        and call.x.dtype == torch.bfloat16
        and geometry.groups > 1
        and max(geometry.dilation) > 1
        and has_channels_last(call.x, call.weight)
    )


def run(call: ConvolutionCall) -> tuple[Tensor, Tensor | None]:
    """y, and of a causal call the inputs before the next chunk."""
    call.check_held()
    if call.causal is None:
        return _convolve(call), None
    return _run_causal(call, call.causal)


def describe(call: ConvolutionCall) -> Description:
    """torch's own threads."""
    return Description.of_torch()


def _run_causal(call: ConvolutionCall, causal: Causal) -> tuple[Tensor, Tensor]:
    if causal.has_masks:
        return formula.causal_convolution(call, _convolve_unpadded)
    return convolve_causally(
        call.x, call.weight, call.bias, causal.state, call.geometry.dilation[0], call.geometry.groups
    )


def convolve_causally(
    x: Tensor, weight: Tensor, bias: Tensor | None, state: Tensor | None, dilation: int, groups: int
) -> tuple[Tensor, Tensor]:
    """y (B, G*O, T) and the inputs before the next chunk, without resets and lengths."""
    T = x.shape[-1]
    reach = dilation * (weight.shape[-1] - 1)
    if not _is_cropped(x, weight, state, reach):
        before = x.new_zeros(*x.shape[:2], reach) if state is None else state
        past = torch.cat([before, x], dim=-1)
        return conv1d(past, weight, bias, 1, 0, dilation, groups), past[..., T:].clone()
    y = conv1d(x, weight, bias, 1, reach, dilation, groups)
    if reach:
        y = y[..., :T]
        if state is not None:  # of which the first outputs lack what they read
            y[..., :reach] += conv1d(pad(state, (0, reach)), weight, None, 1, 0, dilation, groups)
    return y, x[..., T - reach :].clone()


def _is_cropped(x: Tensor, weight: Tensor, state: Tensor | None, reach: int) -> bool:
    """Whether zeros that torch itself puts on both sides take less time than a copy of x behind zeros or a state.

    They do on a GPU, forward alone, as the gradient of what is cut off is a copy, and where the outputs that are cut
    off are few. A recorded call is for other numbers of steps too.
    """
    if not x.is_cuda or torch.compiler.is_compiling() or is_traced() or is_transformed():
        return False
    return reach == 0 or (reach * _CUT_OFF <= x.shape[-1] and not needs_grad((x, weight, state)))


def _convolve_unpadded(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Sequence[int], dilation: Sequence[int], groups: int
) -> Tensor:
    return conv1d(x, weight, bias, tuple(stride), 0, tuple(dilation), groups)


def _convolve(call: ConvolutionCall) -> Tensor:
    op, pads, rest = prepared(call.geometry)
    y: Tensor = op(pad(call.x, pads) if pads else call.x, call.weight, call.bias, *rest)
    return y


def prepared(geometry: Geometry) -> tuple[Callable[..., Tensor], list[int], tuple[Any, ...]]:
    """torch's function, the zeros that it cannot put around x itself, and what it is given after the tensors."""
    padding = tuple(map(min, geometry.before, geometry.after))
    pairs = zip(reversed(padding), reversed(geometry.before), reversed(geometry.after), strict=True)
    pads = [amount - both for both, *sides in pairs for amount in sides]
    if not any(pads):
        pads = []
    rest = (tuple(geometry.stride), padding, tuple(geometry.dilation), geometry.groups)
    return _OPS[len(padding)], pads, rest


def _why_faster(
    x: Sequence[int], y: Sequence[int], weight: Sequence[int], geometry: Geometry, learns: bool
) -> str | None:
    """Why torch's own takes less time than the kernels for x, y and weight of these shapes, in float32; None if not.

    learns: whether gradients will be asked for. Where both take about as long it is torch's own, so that nothing that
    is swapped becomes slower.
    """
    if 0 in x or 0 in y:
        return None
    if prod(y) * prod(weight[1:]) < _LITTLE:
        return "torch's own takes less time for so little"
    if len(y) == 4 and weight[:2] == (geometry.groups, 1):
        return _why_faster_depthwise(x, y, weight, geometry, learns)
    return (_why_faster_along_a_line if len(y) == 3 else _why_faster_on_images)(y, weight, geometry, learns)


def _why_faster_along_a_line(y: Sequence[int], weight: Sequence[int], geometry: Geometry, learns: bool) -> str | None:
    few, many = _channels(weight, geometry)
    stride = geometry.stride[0]
    dilation = geometry.dilation[0]
    if few >= (_WIDE if dilation < _DILATED else _WIDE_DILATED):
        return f"torch's own takes less time with {_words(few, 'channel', 'many channels')} and more"
    if geometry.groups > 1 or dilation >= _DILATED:
        return None
    if y[0] * y[2] <= _FEW and many >= _WIDE:
        return "torch's own takes less time with few outputs of many channels"
    if stride >= _STEEP or (stride > 1 and few >= _SOME * 2):
        return f"torch's own takes less time with stride {stride}"
    if not learns and y[1] >= _SOME and (stride > 1 or prod(y) >= _MANY):
        return "torch's own takes less time forward alone, with many outputs or a stride"
    return None


def _why_faster_on_images(y: Sequence[int], weight: Sequence[int], geometry: Geometry, learns: bool) -> str | None:
    few, many = _channels(weight, geometry)
    lanes = cpu.lanes()
    strided = max(geometry.stride) > 1
    if few >= (_SOME * 2 if learns else _SOME):
        return f"torch's own takes less time with {_words(few, 'channel', 'many channels')} and more"
    lines = f"lines of {_words(y[-1], 'output', 'few outputs')}"
    if y[-1] < lanes:
        return f"torch's own takes less time with {lines}, which fill no vector of {lanes}"
    filled = y[-1] / (-(-y[-1] // lanes) * lanes)
    if few >= _SOME and filled < _WASTE:
        return f"torch's own takes less time with {lines}, which fill vectors of {lanes} in part"
    if strided and few >= _SOME / 2:
        return "torch's own takes less time with a stride"
    if not learns and y[1] >= _SOME and (strided or (few <= _SOME / 2 and many >= _SOME * 2)):
        return "torch's own takes less time forward alone, with a stride or few channels that become many"
    return None


def _why_faster_depthwise(
    x: Sequence[int], y: Sequence[int], weight: Sequence[int], geometry: Geometry, learns: bool
) -> str | None:
    """Of images: the kernels run over the ends of lines where these stay as long."""
    taps = prod(weight[2:])
    if learns and taps >= _LARGE:
        return None
    if max(geometry.stride) > 1:
        return "torch's own takes less time with a stride"
    if not learns and geometry.groups >= _SOME and taps <= _LARGEST:
        return "torch's own takes less time forward alone"
    keeps_size = x[-1] == y[-1] and prod(y[2:]) > 2 * cpu.lanes()
    if not keeps_size and y[-1] < cpu.lanes():
        return "torch's own takes less time with lines that fill no vector"
    return None


def _channels(weight: Sequence[int], geometry: Geometry) -> tuple[int, int]:
    """Of a group, on the side that has fewer and on the other."""
    out = weight[0] // geometry.groups
    return min(weight[1], out), max(weight[1], out)


def _words(count: int, noun: str, if_symbolic: str) -> str:
    """The count in words, without the number where it may stand for any, as while a call is recorded."""
    is_number = type(count) is int and not torch.compiler.is_compiling()
    return counted(count, noun) if is_number else if_symbolic
