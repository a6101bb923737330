"""torch's own convolution, for the shapes where it is the faster one: wide ones, and images of short lines."""

from collections.abc import Callable, Sequence
from math import prod

from torch import Tensor
from torch.nn.functional import conv1d, conv2d, conv3d, pad

from chainrule._choices import counted
from chainrule.ops.convolution import kernels
from chainrule.ops.convolution.geometry import Geometry

__all__ = ["convolution", "keeps_format", "obstacle", "why_faster"]

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
        return f"torch's own takes less time with {counted(channels, 'channel')} and more"
    if dims > 1 and y[-1] < lanes:
        return f"torch's own takes less time with lines of {y[-1]} outputs, which fill no vector of {lanes}"
    filled = y[-1] / (-(-y[-1] // lanes) * lanes)
    if dims > 1 and channels >= _SOME and filled < _WASTE:
        return f"torch's own takes less time with lines of {y[-1]} outputs: {filled:.0%} of vectors of {lanes}"
    return None
