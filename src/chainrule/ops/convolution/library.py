"""torch's own convolution, for the shapes where it is the faster one: wide ones, and images of short lines."""

from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor
from torch.nn.functional import conv1d, conv2d, conv3d, pad

from chainrule._choices import counted
from chainrule.ops.convolution import formula, kernels
from chainrule.ops.convolution.geometry import Geometry

__all__ = ["causal_convolution", "convolution", "keeps_format", "obstacle", "why_faster"]

# Channels of a group, of both sides. Measured forward and backward, as all below, in one and two dimensions; three are
# taken to be as two.
_WIDE = {1: 192, 2: 64, 3: 64}
_SOME = 16
_WASTE = 0.85  # of the lanes of the vectors that a line of outputs fills


_OPS: dict[int, Callable[..., Tensor]] = {1: conv1d, 2: conv2d, 3: conv3d}


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """Correlate x (B, G*C, *H) with weight (G*O, C, *K): y (B, G*O, *J)."""
    padding = tuple(geometry.before)
    if padding != tuple(geometry.after):
        x, padding = pad(x, geometry.pads), (0,) * len(padding)
    y: Tensor = _OPS[len(padding)](
        x, weight, bias, tuple(geometry.stride), padding, tuple(geometry.dilation), geometry.groups
    )
    return y


def causal_convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    state: Tensor,
    resets: Tensor | None,
    lengths: Tensor | None,
    dilation: int,
    groups: int,
) -> tuple[Tensor, Tensor]:
    """Convolve the state followed by x, hiding from each step what lies before its last reset."""
    geometry = Geometry((1,), (0,), (0,), (dilation,), groups)
    if resets is None and lengths is None:
        past = torch.cat([state, x], dim=-1)
        return convolution(past, weight, bias, geometry), past[..., x.shape[-1] :].clone()
    past, sequence, last = formula.remember(x, state, resets, lengths)
    if sequence is None:
        y = convolution(past, weight, bias, geometry)
    else:
        beside = formula.taps(sequence, past, weight.shape[-1], dilation)
        y = convolution(beside, weight.flatten(1)[..., None], bias, geometry._replace(dilation=(1,)))
    return (y if lengths is None else y.masked_fill(~formula.live(x, lengths)[:, None], 0)), last


def obstacle(x: Sequence[int]) -> str | None:
    """Why torch's own cannot run on an x of this shape; None if it can."""
    return "torch's own takes no input without positions" if 0 in x[2:] else None


def keeps_format(x: Tensor, weight: Tensor) -> bool:
    """Whether images or kernels lie in memory with their channels last, as torch's own then returns y too."""
    return x.ndim > 3 and (_has_channels_last(x) or _has_channels_last(weight))


def _has_channels_last(t: Tensor) -> bool:
    return t.stride(1) == 1 and t.shape[1] > 1 and prod(t.shape[2:]) > 1


def why_faster(x: Sequence[int], y: Sequence[int], weight: Sequence[int], geometry: Geometry) -> str | None:
    """Why torch's own takes less time than the kernels for x, y and weight of these shapes, in float32; None if not."""
    if 0 in x or 0 in y:
        return None
    dims, lanes = len(y) - 2, kernels.lanes()
    channels = min(weight[1], weight[0] // geometry.groups)
    depthwise = dims == 2 and weight[:2] == (geometry.groups, 1)
    if depthwise and x[-1] == y[-1] and max(geometry.stride) == 1 and prod(y[2:]) > 2 * lanes:
        return None  # the kernels run over the ends of lines
    if channels >= _WIDE[dims]:
        return f"torch's own takes less time with {_words(channels, 'channel', 'many channels')} and more"
    lines = f"lines of {_words(y[-1], 'output', 'few outputs')}"
    if dims > 1 and y[-1] < lanes:
        return f"torch's own takes less time with {lines}, which fill no vector of {lanes}"
    filled = y[-1] / (-(-y[-1] // lanes) * lanes)
    if dims > 1 and channels >= _SOME and filled < _WASTE:
        return f"torch's own takes less time with {lines}, which fill vectors of {lanes} in part"
    return None


def _words(count: int, noun: str, if_symbolic: str) -> str:
    """The count in words, without the number where it may stand for any, as while a call is recorded."""
    is_number = type(count) is int and not torch.compiler.is_compiling()
    return counted(count, noun) if is_number else if_symbolic
