"""The definition of convolution as plain loops; autograd differentiates it.

These functions assume what `chainrule.ops.convolution.checks` has checked.
"""

from itertools import product
from types import EllipsisType

import torch
from torch import Tensor

from chainrule._choices import counted
from chainrule.errors import ShapeError
from chainrule.ops.choices import Description
from chainrule.ops.convolution.call import Causal, ConvolutionCall

__all__ = ["describe", "merit", "obstacle", "run"]

_NUMBERS = 2**40


def obstacle(call: ConvolutionCall) -> str | None:
    """Why it cannot run this call; None if it can."""
    return None if call.x.is_floating_point() else f"its numbers are real, and x is {call.x.dtype}"


def merit(call: ConvolutionCall) -> str | None:
    """It is the slowest, and runs where it is asked for alone."""
    return None


def run(call: ConvolutionCall) -> tuple[Tensor, Tensor | None]:
    """y, and of a causal call the inputs before the next chunk."""
    call.check_held()
    _check_countable(call.x, call.weight)
    if call.causal is not None:
        return _causal_convolution(call, call.causal)
    geometry = call.geometry
    stride = tuple(geometry.stride)
    dilation = tuple(geometry.dilation)
    return _convolution(call.padded(), call.weight, call.bias, stride, dilation, geometry.groups), None


def describe(call: ConvolutionCall) -> Description:
    """torch's own threads."""
    return Description.of_torch()


def _check_countable(x: Tensor, weight: Tensor) -> None:
    """Refuse what would take longer to count to than for torch to refuse to allocate."""
    if x.numel() * len(weight) >= _NUMBERS:
        raise ShapeError(
            f"x of shape {tuple(x.shape)} and {counted(len(weight), 'output channel')} are more than memory holds."
        )


def _convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Tensor:
    """y at a position is the kernel times the window of x that starts at stride * position, summed."""
    x = torch.unflatten(x, 1, (groups, 1, -1))  # B, G, 1, C, *H
    kernel = torch.unflatten(weight, 0, (groups, -1))  # G, O, C, *K
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True)]
    size = [(h - r) // s + 1 for h, r, s in zip(x.shape[4:], reach, stride, strict=True)]
    sums = []
    for position in product(*(range(j) for j in size)):
        start = [s * j for s, j in zip(stride, position, strict=True)]
        window = (slice(a, a + r, d) for a, r, d in zip(start, reach, dilation, strict=True))
        index: tuple[EllipsisType | slice, ...] = (..., *window)
        sums.append((x[index] * kernel).flatten(3).sum(3))  # B, G, O
    y = torch.unflatten(torch.stack(sums, dim=-1).flatten(1, 2), -1, size)
    return y if bias is None else y + bias.view(-1, *(1 for _ in size))


def _causal_convolution(call: ConvolutionCall, causal: Causal) -> tuple[Tensor, Tensor]:
    """One step at a time: the state is cleared at a reset, read with x_t, then shifted by x_t."""
    x = call.x
    _, resets, lengths = causal
    state = call.state()
    dilation = tuple(call.geometry.dilation)
    outputs = []
    for t in range(x.shape[-1]):
        running = x.new_ones(x.shape[0], dtype=torch.bool) if lengths is None else t < lengths
        running = running[:, None, None]
        if resets is not None:
            state = state.masked_fill(resets[:, t, None, None] & running, 0)
        seen = torch.cat([state, x[:, :, t : t + 1].masked_fill(~running, 0)], dim=-1)
        y_t = _convolution(seen, call.weight, call.bias, (1,), dilation, call.geometry.groups)
        outputs.append(y_t.masked_fill(~running, 0))
        state = torch.where(running, seen[:, :, 1:], state)
    y = torch.cat(outputs, dim=-1) if outputs else x.new_zeros(x.shape[0], call.weight.shape[0], 0)
    return y, state
