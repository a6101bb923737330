"""The sizes of a convolution that need not exist."""

from collections.abc import Sequence
from math import prod

import torch

from chainrule._choices import counted, whole
from chainrule.errors import ArgumentError, ShapeError
from chainrule.lens.convolutions.convolution_sizes import ConvolutionSizes
from chainrule.ops.convolution.checks import geometry_of

__all__ = ["sizes"]

_MOST = 10**15  # numbers of an input or a weight


def sizes(
    input: Sequence[int],
    kernel: Sequence[int],
    in_channels: int = 1,
    out_channels: int = 1,
    *,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] | Sequence[tuple[int, int]] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    bias: bool = True,
) -> ConvolutionSizes:
    """The sizes of a convolution, from the spatial sizes of input and kernel and the options of the op.

    Raises:
        ShapeError, ArgumentError: as :func:`chainrule.functional.convolution` of such tensors does.

    >>> found = sizes((28, 28), (3, 3), out_channels=8, stride=2)
    >>> found.output, found.receptive_field, found.parameters
    ((13, 13), (3, 3), 80)
    """
    size = _spatial("input", input)
    taps = _spatial("kernel", kernel)
    channels = whole("in_channels", in_channels)
    groups = whole("groups", groups)
    if len(size) != len(taps) or len(size) not in (1, 2, 3):
        raise ShapeError(f"`input` is {size} and `kernel` {taps}; expected as many sizes in both, one to three.")
    if channels % groups:
        raise ShapeError(f"`in_channels` is {channels}; expected a multiple of `groups`, which is {groups}.")
    if channels * prod(size) > _MOST:
        raise ShapeError(f"`input` is {counted(channels, 'channel')} of {size}: more than {_MOST:,} numbers.")
    shape = (whole("out_channels", out_channels), channels // groups, *taps)
    if prod(shape) > _MOST:
        raise ShapeError(f"a weight of shape {shape} has more than {_MOST:,} numbers.")
    x = torch.empty((1, channels, *size), device="meta")
    weight = torch.empty(shape, device="meta")
    geometry = geometry_of(x, weight, None, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return ConvolutionSizes(size, shape, geometry, bias)


def _spatial(name: str, sizes: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(sizes, Sequence) or isinstance(sizes, str):
        raise ArgumentError(f"`{name}` is {sizes!r}; expected its sizes, one for each dimension, such as (28, 28).")
    return tuple(whole(f"a size of `{name}`", n) for n in sizes)
