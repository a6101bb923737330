"""The calls into the extension module: checked tensors in, pointers out. All memory is torch's, scratch included."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from chainrule.ops import blocks
from chainrule.ops.convolution.geometry import Geometry, output_shape
from chainrule.ops.convolution.kernels import _convolution

__all__ = ["LEVELS", "forward", "input_gradient", "kernel_gradient", "lanes", "threads"]

LEVELS: list[str] = _convolution.levels()
"""The instruction levels that this machine runs, the best first; the first one is used."""

_level = 0
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
    y = _result(x, output_shape(x.shape, weight.shape, geometry), resets, lengths)
    segments = _segments(y, weight, geometry, resets, lengths)
    if _is_empty(y, segments):
        return y
    x, weight = _dense_lines(x), weight.contiguous()
    bias = None if bias is None else bias.contiguous()
    call = _call(x.shape, weight, y.shape, geometry, segments)
    _set_x(call, x)
    call.y, call.bias = y.data_ptr(), 0 if bias is None else bias.data_ptr()
    _run("forward", call, y)
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
    segments = _segments(dy, weight, geometry, resets, lengths)
    dx = _result(dy, shape, resets, lengths)
    if _is_empty(dx, segments):
        return dx
    dy, weight = dy.contiguous(), weight.contiguous()
    call = _call(shape, weight, dy.shape, geometry, segments)
    call.dy, call.dx = dy.data_ptr(), dx.data_ptr()
    _run("input_gradient", call, dy)
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
    segments = _segments(dy, weight, geometry, resets, lengths)
    dw, dbias = x.new_empty(weight.shape), x.new_empty(len(weight) if has_bias else 0)
    if _is_empty(dy, segments):
        return dw.zero_(), dbias.zero_()
    x, dy = _dense_lines(x), dy.contiguous()
    call = _call(x.shape, weight, dy.shape, geometry, segments)
    _set_x(call, x)
    call.dy, call.dw, call.dbias = dy.data_ptr(), dw.data_ptr(), dbias.data_ptr() if has_bias else 0
    _run("kernel_gradient", call, x)
    return dw, dbias


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
    B, T = y.shape[0], y.shape[-1]
    end = torch.full((B,), T) if lengths is None else lengths
    borders = torch.zeros(B, T + 1, dtype=torch.bool)  # a stretch begins, or the row ends, before this step
    starts = torch.zeros(B, T + 1, dtype=torch.bool)
    if resets is not None:
        starts[:, :T] = resets & (torch.arange(T) < end[:, None])
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


def lanes() -> int:
    """How many float32 a vector has at the instruction level that runs."""
    return {"x86-64-v4": 16, "x86-64-v3": 8}.get(LEVELS[_level], 4)


def _call(
    x: Sequence[int], weight: Tensor, y: Sequence[int], geometry: Geometry, segments: Tensor | None
) -> _convolution.Call:
    """The call with what all passes have."""
    call = _convolution.Call()
    G = geometry.groups
    call.B, call.G, call.C, call.O = x[0], G, weight.shape[1], len(weight) // G
    call.threads = threads(y, weight.shape)
    call.w = weight.data_ptr()
    if segments is not None:
        call.set_segments(segments.data_ptr(), len(segments))
    unused = 3 - len(geometry.stride)
    for i in range(unused):
        call.set_axis(i, (1, 1, 1, 1, 1, 0))
    sizes = zip(x[2:], weight.shape[2:], y[2:], geometry.stride, geometry.dilation, geometry.before, strict=True)
    for i, axis in enumerate(sizes, start=unused):
        call.set_axis(i, axis)
    return call


def _set_x(call: _convolution.Call, x: Tensor) -> None:
    row, channel, *steps = x.stride()
    call.set_x(x.data_ptr(), (row, channel, *(0,) * (3 - len(steps)), *steps[:-1]))


def _run(name: str, call: _convolution.Call, like: Tensor) -> None:
    key = (_level, like.dtype == torch.float64, call)
    workspace = blocks.empty(like, (getattr(_convolution, f"{name}_workspace")(*key),))
    call.workspace = workspace.data_ptr()
    getattr(_convolution, name)(*key)


def _dense_lines(x: Tensor) -> Tensor:
    """x with the numbers of the last dimension side by side: a copy only where they are not."""
    return x if x.stride(-1) == 1 or x.shape[-1] == 1 else x.contiguous()
