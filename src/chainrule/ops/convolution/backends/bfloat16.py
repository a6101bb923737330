"""Where torch's own convolution takes less time than the kernels in bfloat16, as it was measured on drawn shapes."""

from collections.abc import Sequence
from math import prod

from chainrule.ops.convolution.backends import cpu
from chainrule.ops.convolution.call import Geometry

__all__ = ["why_torch"]

_MUCH = 8_000_000  # multiplications and additions: of fewer, torch's own lays out tensors for longer than it multiplies
_SOME = 12  # channels of a group
_MANY = 64
_MANY_IF_LEARNING = 128
_MOST = 256
_STRIDED = 32
_SHORT = 16  # outputs of a line
_LONG = 256  # of a channel, one channel a group
_LARGE = 25  # taps
_LARGEST = 49


def why_torch(y: Sequence[int], weight: Sequence[int], geometry: Geometry, learns: bool) -> str | None:
    """Why torch's own is to be taken for y and weight of these shapes; None if the kernels are.

    learns: whether gradients will be asked for.
    """
    if not cpu.multiplies_bfloat16():
        return "torch's own computes bfloat16 on processors without instructions for its products"
    if 0 in y:
        return None
    if weight[0] == geometry.groups and weight[1] == 1:
        return _why_depthwise(y, weight, geometry, learns)
    few = min(weight[0] // geometry.groups, weight[1])
    if prod(y) * prod(weight[1:]) < _MUCH:
        return "torch's own takes less time with so many channels of so few outputs" if few >= _MOST else None
    if len(y) == 3:
        return "torch's own takes about as long with so many channels" if few >= _MOST else None
    if few >= (_MANY_IF_LEARNING if learns else _MANY):
        return "torch's own takes less time or as long with so many channels"
    if few >= _STRIDED and max(geometry.stride) > 1:
        return "torch's own takes about as long with a stride"
    if few >= _SOME and y[-1] < _SHORT and prod(weight[2:]) > 1:
        return "torch's own takes less time or as long with lines of so few outputs"
    return None


def _why_depthwise(y: Sequence[int], weight: Sequence[int], geometry: Geometry, learns: bool) -> str | None:
    """The kernels multiply in float32 there."""
    taps = prod(weight[2:])
    if len(y) == 3:
        if not learns and (geometry.stride[0] > 1 or y[-1] < _LONG):
            return "torch's own takes less time forward alone, with a stride or few outputs of a channel"
        return None
    if taps < (_LARGE if learns else _LARGEST):
        return "torch's own takes less time or as long with one channel a group and small kernels"
    return None
