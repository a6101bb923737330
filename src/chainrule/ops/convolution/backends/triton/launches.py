"""How the kernels are started: what they are given, and how many programs there are."""

from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from chainrule.ops.convolution.backends.triton import kernels
from chainrule.ops.launching import COMPILED

__all__ = ["Depthwise", "forward", "gradients"]

_TILE = 1024  # outputs of a program
_MOST_TAPS = 64  # of a program's sums
_SUMS = 4096  # that a program makes, of all taps
_PROGRAMS = 2048  # that fill any GPU, for the gradient of the weights

_Needs = tuple[bool, ...]


class Depthwise(NamedTuple):
    """One call, of contiguous tensors but for the masks."""

    x: Tensor  # (B, C, T)
    state: Tensor | None  # (B, C, P)
    weight: Tensor  # (C, 1, K)
    bias: Tensor | None
    resets: Tensor | None
    lengths: Tensor | None
    dilation: int
    has_last: bool  # whether the inputs before the next chunk are asked for

    @property
    def reach(self) -> int:
        """P, how many inputs before a step it reads."""
        return self.dilation * (self.weight.shape[-1] - 1)

    def values(self) -> dict[str, Any]:
        """The kernels' arguments by name."""
        _, C, T = self.x.shape
        return {
            "x": self.x,
            "state": self.state,
            "weight": self.weight,
            "bias": self.bias,
            "since": None if self.resets is None else _since(self.resets, -self.reach),
            "ends": None if self.lengths is None else self.lengths.contiguous(),
            "T": T,
            "C": C,
            "P": self.reach,
            "dilation": self.dilation,
            "K": self.weight.shape[-1],
            "SUM": _SUM[self.x.dtype],
        }


_SUM = {
    torch.float16: triton.language.float32,
    torch.bfloat16: triton.language.float32,
    torch.float32: triton.language.float32,
    torch.float64: triton.language.float64,
}
"""What sums of products are made in."""


def _since(resets: Tensor, before: int) -> Tensor:
    """Of (B, T) the step of the last reset at or before each step, ``before`` where there is none."""
    steps = torch.arange(resets.shape[1], dtype=torch.int32, device=resets.device)
    return torch.where(resets, steps, before).cummax(1).values.contiguous()


def forward(call: Depthwise) -> tuple[Tensor, Tensor | None]:
    """y (B, C, T), and the inputs before the next chunk (B, C, P)."""
    B, C, T = call.x.shape
    N, M = _tile(T)
    y = torch.empty_like(call.x)
    last = call.x.new_empty(B, C, call.reach) if call.has_last else None
    grid = (B * triton.cdiv(C, N) * triton.cdiv(T, M),)
    _start(kernels.forward, grid, {**call.values(), "y": y, "last": last, "N": N, "M": M})
    return y, last


def gradients(call: Depthwise, dy: Tensor, dlast: Tensor | None, needs: _Needs) -> tuple[Tensor | None, ...]:
    """Of x, the state, the weight and the bias, those that are needed."""
    values = {**call.values(), "dy": dy, "dlast": dlast}
    dx = dstate = dweight = dbias = None
    if needs[0] or needs[1]:
        dx, dstate = _input_gradients(call, values, needs[1])
    if needs[2] or needs[3]:
        dweight, dbias = _weight_gradients(call, values, needs[3])
    return tuple(g if need else None for g, need in zip((dx, dstate, dweight, dbias), needs, strict=True))


def _input_gradients(call: Depthwise, values: dict[str, Any], of_state: bool) -> tuple[Tensor, Tensor | None]:
    B, C, T = call.x.shape
    dx = torch.empty_like(call.x)
    dstate = torch.empty_like(call.state) if of_state and call.state is not None else None
    before = 0 if dstate is None else call.reach
    N, M = _tile(before + T)
    grid = (B * triton.cdiv(C, N) * triton.cdiv(before + T, M),)
    _start(kernels.backward_input, grid, {**values, "dx": dx, "dstate": dstate, "BEFORE": before, "N": N, "M": M})
    return dx, dstate


def _weight_gradients(call: Depthwise, values: dict[str, Any], of_bias: bool) -> tuple[Tensor, Tensor | None]:
    """Sums of parts, and the sum of these: in an order that the shapes alone decide."""
    B, C, T = call.x.shape
    K = call.weight.shape[-1]
    taps = min(triton.next_power_of_2(K), _MOST_TAPS)
    M = min(_SUMS // taps, _TILE, max(16, triton.next_power_of_2(B * T)))
    blocks = triton.cdiv(B * T, M)
    each = triton.cdiv(blocks, min(blocks, max(1, _PROGRAMS // C)))
    parts = triton.cdiv(blocks, each)
    dtype = torch.promote_types(call.x.dtype, torch.float32)
    dweight = call.x.new_empty(parts, C, 1, K, dtype=dtype)
    dbias = call.x.new_empty(parts, C, dtype=dtype) if of_bias else None
    sizes = {"span": each * M, "B": B, "TAPS": taps, "M": M}
    grid = (C, parts, triton.cdiv(K, taps))
    _start(kernels.backward_weight, grid, {**values, "dweight": dweight, "dbias": dbias, **sizes})
    return dweight.sum(0).to(call.x.dtype), None if dbias is None else dbias.sum(0).to(call.x.dtype)


def _tile(T: int) -> tuple[int, int]:
    """How many channels and steps a program has: of few steps more channels, which lie behind them."""
    M = min(_TILE, max(16, triton.next_power_of_2(T)))
    return _TILE // M, M


def _start(kernel: Any, grid: tuple[int, ...], values: dict[str, Any]) -> None:
    given = {name: values[name] for name in kernel.arg_names}
    device = values["x"].device
    if device.type == "cpu":  # in the interpreter
        kernel[grid](**given)
        return
    with torch.cuda.device(device):
        kernel[grid](**given, **COMPILED)
