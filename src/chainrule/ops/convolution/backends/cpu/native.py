"""The calls into the extension module: checked tensors in, pointers out. All memory is torch's, scratch included."""

from collections.abc import Sequence
from functools import lru_cache
from math import prod

import torch
from torch import Tensor

from chainrule.ops import blocks
from chainrule.ops.compiled import WHY_ABSENT
from chainrule.ops.convolution.call import Geometry, output_shape
from chainrule.ops.pointers import dense, dense_lines

if WHY_ABSENT is None:
    import chainrule.ops.convolution.backends.cpu._convolution as _convolution

__all__ = [
    "DTYPES",
    "LEVELS",
    "excess",
    "forward",
    "has_products",
    "input_gradient",
    "kernel_gradient",
    "lanes",
    "multiplies_bfloat16",
    "threads",
]

DTYPES: dict[torch.dtype, int] = {
    getattr(torch, name): index for index, name in enumerate(_convolution.dtypes() if WHY_ABSENT is None else ())
}
"""The dtypes that the kernels are compiled for, and the number of each there; bfloat16 is summed in float32."""

LEVELS: list[str] = _convolution.levels() if WHY_ABSENT is None else []
"""The instruction levels that this machine runs, the best first; the first one is used. None without the kernels."""

_level = 0
_output_shape = lru_cache(maxsize=1024)(output_shape)
_MOST_LANES = 16
_SUM = 4  # bytes of the least number that is summed in
_WIDE = 8  # channels, of a group on the side that has more, from which on products of bfloat16 take less time
_ROOM = 1 << 18  # numbers of a channel that are laid out whatever the size of x
_WORTH_A_THREAD = 500_000  # multiplications and additions; fewer are done sooner than a thread starts


def forward(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    geometry: Geometry,
    resets: Tensor | None = None,
    lengths: Tensor | None = None,
) -> Tensor:
    """y (B, G*O, *J).

    resets, lengths: bool (B, J) and int64 (B,), for causal padding: outputs read nothing from before a reset, and are
    zero from their row's length on.
    """
    if not has_products(x.dtype, weight.shape, geometry):
        bias = None if bias is None else bias.float()
        return forward(x.float(), weight.float(), bias, geometry, resets, lengths).bfloat16()
    y = _result(x, _output_shape(x.shape, weight.shape, geometry), resets, lengths)
    segments = _segments(y, weight, geometry, resets, lengths)
    if _is_empty(y, segments):
        return y
    x = dense_lines(x)
    weight = dense(weight)
    bias = None if bias is None else dense(bias)
    _run("forward", x.shape, x.stride(), weight, y, geometry, segments, x, weight, bias, y)
    return y


def input_gradient(
    dy: Tensor,
    weight: Tensor,
    shape: Sequence[int],
    geometry: Geometry,
    resets: Tensor | None = None,
    lengths: Tensor | None = None,
) -> Tensor:
    """dx, of the shape given."""
    if not has_products(dy.dtype, weight.shape, geometry):
        return input_gradient(dy.float(), weight.float(), shape, geometry, resets, lengths).bfloat16()
    segments = _segments(dy, weight, geometry, resets, lengths)
    dx = _result(dy, shape, resets, lengths)
    if _is_empty(dx, segments):
        return dx
    dy = dense(dy)
    weight = dense(weight)
    _run("input_gradient", shape, None, weight, dy, geometry, segments, dy, weight, dx)
    return dx


def kernel_gradient(
    x: Tensor,
    dy: Tensor,
    weight: Tensor,
    geometry: Geometry,
    has_bias: bool,
    resets: Tensor | None = None,
    lengths: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The gradient towards the kernel, and towards the bias, empty where there is none."""
    if not has_products(dy.dtype, weight.shape, geometry):
        dw, dbias = kernel_gradient(x.float(), dy.float(), weight.float(), geometry, has_bias, resets, lengths)
        return dw.bfloat16(), dbias.bfloat16()
    segments = _segments(dy, weight, geometry, resets, lengths)
    dw = x.new_empty(*weight.shape)
    dbias = x.new_empty(len(weight) if has_bias else 0)
    if _is_empty(dy, segments):
        return dw.zero_(), dbias.zero_()
    x = dense_lines(x)
    dy = dense(dy)
    _run("kernel_gradient", x.shape, x.stride(), weight, dy, geometry, segments, x, dy, dw, dbias if has_bias else None)
    return dw, dbias


def multiplies_bfloat16() -> bool:
    """Whether the level that runs has them; elsewhere its products are made of many instructions."""
    return LEVELS[_level].endswith("bf16")


def has_products(dtype: torch.dtype, weight: Sequence[int], geometry: Geometry) -> bool:
    """Whether there are products of this dtype; those of bfloat16 are for more than a few channels."""
    return dtype != torch.bfloat16 or max(weight[0] // geometry.groups, weight[1]) >= _WIDE


def _is_empty(y: Tensor, segments: Tensor | None) -> bool:
    return y.numel() == 0 or (segments is not None and len(segments) == 0)


def _result(like: Tensor, shape: Sequence[int], *masks: Tensor | None) -> Tensor:
    """Not initialised, but where some of it may be in no segment."""
    return blocks.empty(like, shape) if masks == (None, None) else like.new_zeros(tuple(shape))


def _segments(
    y: Tensor, weight: Tensor, geometry: Geometry, resets: Tensor | None, lengths: Tensor | None
) -> Tensor | None:
    """The rows' stretches from reset to reset, (n, 4): row, begin, end, and the first input that is its own."""
    if resets is None and lengths is None:
        return None
    B = y.shape[0]
    T = y.shape[-1]
    end = y.new_full((B,), T, dtype=torch.int64) if lengths is None else lengths
    borders = y.new_zeros(B, T + 1, dtype=torch.bool)  # a stretch begins, or the row ends, before this step
    starts = torch.zeros_like(borders)
    if resets is not None:
        starts[:, :T] = resets & (torch.arange(T, device=y.device) < end[:, None])
    borders |= starts
    borders[:, 0] = True
    borders.scatter_(1, end[:, None], True)
    row, step = borders.nonzero(as_tuple=True)
    state = geometry.dilation[0] * (weight.shape[2] - 1) - geometry.before[0]  # how many inputs lie before step 0
    floor = torch.where(starts[row, step], step + state, 0)
    stretches = torch.stack([row[:-1], step[:-1], step[1:], floor[:-1]], dim=1)
    return stretches[row[:-1] == row[1:]].contiguous()


def threads(y: Sequence[int], weight: Sequence[int]) -> int:
    """How many threads run a pass: torch's number of them, or one where others would help little."""
    return torch.get_num_threads() if prod(y) * prod(weight[1:]) > _WORTH_A_THREAD else 1


def excess(x: Sequence[int], weight: Sequence[int], geometry: Geometry) -> str | None:
    """Why the kernels would need far more memory than the tensors to lay out what is read; None if they do not.

    They lay it out as it lies, with what strides and dilations step over.
    """
    widths = [d * (k - 1) for d, k in zip(geometry.dilation, weight[2:], strict=True)]
    lines = prod([width + 1 for width in widths[:-1]])
    laid_out = lines * (geometry.stride[-1] * _MOST_LANES + widths[-1])
    if laid_out > _ROOM and laid_out > _ROOM + 8 * prod(x[2:]):
        return "the kernels would lay out far more than there is: the stride or the dilation is much larger than x"
    return None


def lanes() -> int:
    """How many float32 a vector has at the instruction level that runs."""
    return {"x86-64-v4": 16, "x86-64-v3": 8}.get(LEVELS[_level].partition("+")[0], 4)


def _run(
    name: str,
    x: Sequence[int],
    x_strides: Sequence[int] | None,
    weight: Tensor,
    y: Tensor,
    geometry: Geometry,
    segments: Tensor | None,
    *tensors: Tensor | None,
) -> None:
    """Run a pass over ``tensors``, those that it takes in their order; ``x_strides`` are for those that read x."""
    dtype = DTYPES[y.dtype]
    sizes = (threads(y.shape, weight.shape), x, x_strides, weight.shape, y.shape, geometry)
    call, size = _prepared(name, _level, dtype, *sizes)
    within = (0, 0) if segments is None else (segments.data_ptr(), len(segments))
    if segments is not None:
        size = getattr(_convolution, f"{name}_workspace")(_level, dtype, call, *within)
    workspace = blocks.empty(y, (size * max(1, _SUM // y.itemsize),))
    pointers = [0 if t is None else t.data_ptr() for t in (workspace, *tensors)]
    getattr(_convolution, name)(_level, dtype, call, *within, *pointers)


@lru_cache(maxsize=1024)
def _prepared(
    name: str,
    level: int,
    dtype: int,
    threads: int,
    x: Sequence[int],
    x_strides: Sequence[int] | None,
    weight: Sequence[int],
    y: Sequence[int],
    geometry: Geometry,
) -> "tuple[_convolution.Call, int]":
    """The call for these sizes, and its workspace where there are no segments."""
    row, channel, *steps = x_strides or (0, 0, *_dense_strides(x[2:]))
    sizes = zip(x[2:], weight[2:], y[2:], geometry.stride, geometry.dilation, geometry.before, strict=True)
    axes = list(sizes)
    is_pointwise = prod(weight[2:]) == prod(geometry.stride) == 1 and tuple(x[2:]) == tuple(y[2:])
    if is_pointwise and steps == _dense_strides(x[2:]):  # nothing looks aside: all positions are one line
        axes = [(prod(x[2:]), 1, prod(x[2:]), 1, 1, 0)]
        steps = [1]
    unused = 3 - len(axes)
    axes = [(1, 1, 1, 1, 1, 0)] * unused + axes
    strides = (row, channel, *(0,) * unused, *steps[:-1])
    G = geometry.groups
    call = _convolution.Call(
        B=x[0],
        G=G,
        C=weight[1],
        O=weight[0] // G,
        threads=threads,
        axes=axes,
        x_strides=strides,
    )
    return call, getattr(_convolution, f"{name}_workspace")(level, dtype, call, 0, 0)


def _dense_strides(sizes: Sequence[int]) -> list[int]:
    return [prod(sizes[i + 1 :]) for i in range(len(sizes))]
