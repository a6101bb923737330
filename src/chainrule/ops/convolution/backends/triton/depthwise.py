"""How the kernels of depthwise convolution are started: what they are given, and how many programs there are."""

import triton
from torch import Tensor

from chainrule.ops.convolution.backends.triton.kernels import depthwise as kernels
from chainrule.ops.convolution.backends.triton.launches import KernelCall, Values, start

__all__ = ["forward", "input_gradients", "weight_gradients"]

_TILE = 1024  # outputs of a program
_MOST_TAPS = 64  # of a program's sums
_SUMS = 4096  # that a program makes, of all taps
_PROGRAMS = 2048  # that fill any GPU, for the gradient of the weights


def forward(call: KernelCall) -> tuple[Tensor, Tensor | None]:
    """y (B, C, T), and the inputs before the next chunk (B, C, P)."""
    B, C, T = call.x.shape
    N, M = _tile(T)
    y = call.empty_output()
    last = call.empty_last()
    grid = (B * triton.cdiv(C, N) * triton.cdiv(T, M),)
    start(kernels.forward, grid, {**call.values(), "C": C, "y": y, "last": last, "N": N, "M": M})
    return y, last


def input_gradients(call: KernelCall, values: Values, of_state: bool) -> tuple[Tensor, Tensor | None]:
    """Towards x and the state."""
    B, C, T = call.x.shape
    dx, dstate, before = call.empty_input_gradients(of_state)
    N, M = _tile(before + T)
    grid = (B * triton.cdiv(C, N) * triton.cdiv(before + T, M),)
    sizes = {"C": C, "BEFORE": before, "N": N, "M": M}
    start(kernels.backward_input, grid, {**values, "dx": dx, "dstate": dstate, **sizes})
    return dx, dstate


def weight_gradients(call: KernelCall, values: Values, of_bias: bool) -> tuple[Tensor, Tensor | None]:
    """Parts of the sums for weight and bias, (parts, C, 1, K) and (parts, C)."""
    B, C, T = call.x.shape
    K = call.weight.shape[-1]
    taps = min(triton.next_power_of_2(K), _MOST_TAPS)
    M = min(_SUMS // taps, _TILE, max(16, triton.next_power_of_2(B * T)))
    blocks = triton.cdiv(B * T, M)
    each = triton.cdiv(blocks, min(blocks, max(1, _PROGRAMS // C)))
    parts = triton.cdiv(blocks, each)
    dweight, dbias = call.empty_parts(parts, of_bias)
    sizes = {"span": each * M, "B": B, "C": C, "TAPS": taps, "M": M}
    grid = (C, parts, triton.cdiv(K, taps))
    start(kernels.backward_weight, grid, {**values, "dweight": dweight, "dbias": dbias, **sizes})
    return dweight, dbias


def _tile(T: int) -> tuple[int, int]:
    """How many channels and steps a program has: of few steps more channels, which lie behind them."""
    M = min(_TILE, max(16, triton.next_power_of_2(T)))
    return _TILE // M, M
