"""What the backends rely on: sizes that fit together, dtypes and devices that are alike, masks of the right shape.

Of tensors, only shapes, dtypes and devices are read here, but for the values of lengths.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

from chainrule._choices import counted
from chainrule.errors import ArgumentError, ShapeError
from chainrule.ops.arguments import as_int, as_lengths, check_plain, occurs
from chainrule.ops.convolution.call import Geometry
from chainrule.ops.once import once

__all__ = ["Padding", "autocast_dtype", "cast_for_autocast", "checked_causal", "geometry_of", "geometry_of_shapes"]

Padding = int | str | Sequence[int] | Sequence[tuple[int, int]]
_Sizes = tuple[int, ...]

_MOST = 2**31 - 1  # of a stride, a dilation, a padding: torch's own convolutions go no further either


def geometry_of(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: int | Sequence[int],
    padding: Padding,
    dilation: int | Sequence[int],
    groups: int,
) -> Geometry:
    """Check the arguments of :func:`convolution`, of which only shapes, dtypes and devices are read."""
    geometry = once(geometry_of_shapes, x.shape, weight.shape, stride, padding, dilation, groups)
    _check_alike(x, weight, bias)
    return geometry


def checked_causal(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    state: Tensor | None,
    resets: Tensor | None,
    lengths: Tensor | Sequence[int] | None,
    dilation: int,
    groups: int,
) -> tuple[Geometry, Tensor | None]:
    """Check the arguments of :func:`causal_convolution`: the geometry, and the lengths as a tensor."""
    geometry = once(_causal_geometry, x.shape, weight.shape, dilation, groups)
    _check_alike(x, weight, bias)
    rows = x.shape[:-2]
    T = x.shape[-1]
    if T == 0:
        check_plain("x", x)  # nothing below would trip over it
    if state is not None:
        _check_like(x, "state", state, (*x.shape[:-1], geometry.before[0]))
        if state.layout != torch.strided:  # an empty one trips nothing below
            check_plain("state", state)
    if resets is not None and (resets.shape != (*rows, T) or resets.dtype != torch.bool):
        raise ShapeError(
            f"resets is {resets.dtype} of shape {tuple(resets.shape)}; "
            f"with this x it must be torch.bool of shape {(*rows, T)}"
        )
    return geometry, None if lengths is None else _ends(as_lengths(lengths).to(x.device), rows, T)


def autocast_dtype(device: str) -> torch.dtype | None:
    """That in which torch.autocast has convolutions computed on a device; None where it is off."""
    if not (torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)):
        return None
    return torch.get_autocast_dtype(device)


def cast_for_autocast(x: Tensor, *others: Any) -> Any:
    """The tensors; under torch.autocast, in the dtype that it gives to torch's own convolutions."""
    dtype = autocast_dtype(x.device.type)
    if dtype is None:
        return x, *others
    return tuple(
        t.to(dtype) if t is not None and t.is_floating_point() and t.dtype != torch.float64 else t for t in (x, *others)
    )


def geometry_of_shapes(x: _Sizes, weight: _Sizes, stride: Any, padding: Any, dilation: Any, groups: Any) -> Geometry:
    """Checks all that does not depend on dtypes and devices."""
    dims = len(weight) - 2
    if dims not in (1, 2, 3):
        raise ShapeError(
            f"weight has shape {tuple(weight)}; "
            "expected (C_out, C_in / groups, *kernel) with one to three kernel dimensions"
        )
    groups = _count("groups", groups)
    _check_channels(x, weight, groups)
    strides = _per_dim("stride", stride, dims)
    dilations = _per_dim("dilation", dilation, dims)
    pads = _pads(padding, weight[2:], strides, dilations)
    _check_size(x[-dims:], weight[2:], dilations, pads)
    before, after = zip(*pads, strict=True)
    return Geometry(strides, before, after, dilations, groups)


def _causal_geometry(x: _Sizes, weight: _Sizes, dilation: Any, groups: Any) -> Geometry:
    """With as many zeros before x as the state has inputs."""
    if len(weight) != 3:
        raise ShapeError(f"weight has shape {tuple(weight)}; expected (C_out, C_in / groups, K)")
    groups = _count("groups", groups)
    _check_channels(x, weight, groups)
    (dilation,) = _per_dim("dilation", dilation, 1)
    return Geometry((1,), (dilation * (weight[-1] - 1),), (0,), (dilation,), groups)


def _check_channels(x: _Sizes, weight: _Sizes, groups: int) -> None:
    """The shapes of x and weight, and groups, fit together in all but the spatial sizes."""
    dims = len(weight) - 2
    if len(x) not in (dims + 1, dims + 2):
        raise ShapeError(
            f"x has shape {tuple(x)}; with a weight of shape {tuple(weight)} it must have "
            f"{counted(dims + 2, 'dimension')} (batch, channels, {dims} spatial), or {dims + 1} without the batch"
        )
    if 0 in weight:
        raise ShapeError(f"weight has shape {tuple(weight)}; no size may be zero")
    C_in = x[-dims - 1]
    C_out = weight[0]
    if C_out % groups:
        raise ArgumentError(f"groups is {groups}; it must divide the {counted(C_out, 'output channel')} of weight")
    if groups * weight[1] != C_in:
        raise ShapeError(
            f"x has {counted(C_in, 'channel')} (shape {tuple(x)}); a weight of shape {tuple(weight)}, which is "
            f"(C_out, C_in / groups, *kernel), with groups {groups} takes {groups * weight[1]}"
        )


def _check_alike(x: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    """Dtypes and devices fit together, and the bias."""
    if x.dtype != weight.dtype or x.device != weight.device:
        raise ShapeError(
            f"x is {x.dtype} on {x.device} and weight {weight.dtype} on {weight.device}; "
            "they must be alike: convert one, for example with x.to(weight)"
        )
    if bias is not None:
        _check_like(x, "bias", bias, weight.shape[:1])


def _check_like(x: Tensor, name: str, tensor: Tensor, shape: _Sizes) -> None:
    if tensor.shape != shape or tensor.dtype != x.dtype or tensor.device != x.device:
        raise ShapeError(
            f"{name} is {tensor.dtype} of shape {tuple(tensor.shape)} on {tensor.device}; "
            f"with this x it must be {x.dtype} of shape {tuple(shape)} on {x.device}"
        )


def _count(name: str, value: int) -> int:
    count = as_int(value) or 0
    if not 1 <= count <= _MOST:
        raise ArgumentError(f"{name} is {value!r}; expected a positive int, below 2^31")
    return count


def _per_dim(name: str, value: int | Sequence[int], dims: int) -> _Sizes:
    values = [as_int(each) or 0 for each in _spread(value, dims)]
    if len(values) != dims or min(values) < 1 or max(values) > _MOST:
        raise ArgumentError(f"{name} is {value!r}; expected a positive int, or {dims} of them, below 2^31")
    return tuple(values)


def _spread(value: Any, dims: int) -> Sequence[Any]:
    """One for each dimension: of one alone, given as such or in a sequence, as many, as torch does."""
    values = value if isinstance(value, Sequence) else (value,)
    return tuple(values) * dims if len(values) == 1 else values


def _pads(
    padding: Padding,
    kernel: _Sizes,
    stride: _Sizes,
    dilation: _Sizes,
) -> list[tuple[int, int]]:
    """The zeros (before, after) x in each dimension."""
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    if isinstance(padding, str) and padding in ("valid", "same", "causal"):
        return _named_pads(padding, reach, stride)
    given = [tuple(each) if isinstance(each, Sequence) else (each, each) for each in _spread(padding, len(reach))]
    pairs = [tuple(as_int(each) for each in pair) for pair in given]
    if len(pairs) != len(reach) or any(not _is_pair(pair) for pair in pairs):
        raise ArgumentError(
            f"padding is {padding!r}; expected 'valid', 'same', 'causal', a non-negative int, "
            f"{len(reach)} of them, or {len(reach)} pairs (before, after) of them, below 2^31"
        )
    return cast(list[tuple[int, int]], pairs)


def _is_pair(pair: tuple[int | None, ...]) -> bool:
    return len(pair) == 2 and all(each is not None and 0 <= each <= _MOST for each in pair)


def _named_pads(padding: str, reach: list[int], stride: _Sizes) -> list[tuple[int, int]]:
    if padding == "valid":
        return [(0, 0) for _ in reach]
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ArgumentError(f"padding 'same' needs stride 1; got {stride}. Give the padding in numbers")
        return [(r // 2, r - r // 2) for r in reach]
    if len(reach) != 1:
        raise ArgumentError(f"padding 'causal' is for one spatial dimension; got {len(reach)}")
    return [(reach[0], 0)]


def _check_size(size: _Sizes, kernel: _Sizes, dilation: _Sizes, pads: list[tuple[int, int]]) -> None:
    padded = tuple(h + sum(pair) for h, pair in zip(size, pads, strict=True))
    spread = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    if any(p < s for p, s in zip(padded, spread, strict=True)):
        raise ShapeError(
            f"the kernel is larger than the padded input: it covers {spread} "
            f"(kernel {tuple(kernel)}, dilation {dilation}), the input {padded} "
            f"({tuple(size)} padded by {pads}). Pad more, or use a smaller kernel or dilation"
        )


def _ends(ends: Tensor, rows: _Sizes, T: int) -> Tensor:
    if ends.shape != rows or ends.is_floating_point() or ends.is_complex() or ends.dtype == torch.bool:
        raise ShapeError(
            f"lengths is {ends.dtype} of shape {tuple(ends.shape)}; "
            f"with this x it must be integers of shape {tuple(rows)}, one for each row"
        )
    if occurs((ends < 0) | (ends > T), "lengths"):
        raise ArgumentError(f"lengths are {ends.tolist()}; each must lie between 0 and the {T} steps of x")
    return ends.long()
