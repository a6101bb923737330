"""How the kernels of convolution whose channels mix are started: as products of tiles on the matrix units."""

from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from chainrule.ops.convolution.backends.triton.kernels import dense as kernels
from chainrule.ops.convolution.backends.triton.launches import KernelCall, Values, start
from chainrule.ops.launching import float32_products

__all__ = ["Tile", "forward", "input_gradients", "largest", "weight_gradients"]

_LEAST = 16  # of any side of a product on the matrix units
_PROGRAMS = 512  # that fill any GPU, for the gradient of the weights
_WARPS = 8


class Tile(NamedTuple):
    """The most that a program makes at a time, as its registers hold them when compiled for compute capability 9.0."""

    channels: int
    steps: int
    terms: int  # of the sums
    columns: int  # input channels and taps, for the gradient of the weights


def largest(dtype: torch.dtype, precision: str) -> Tile:
    """Exact products of float32 are made without the matrix units, and numbers of float64 take two registers."""
    is_exact = dtype == torch.float64 or (dtype == torch.float32 and precision == "ieee")
    return Tile(64, 64, 16, 64) if is_exact else Tile(64, 128, 32, 64)


def forward(call: KernelCall) -> tuple[Tensor, Tensor | None]:
    """y (B, G*O, T), and the inputs before the next chunk (B, G*C, P)."""
    y = call.empty_output()
    last = call.empty_last()
    outs, C, K = call.weight.shape
    grid, sizes = _tiled(call, outs // call.groups, C * K, call.x.shape[-1])
    start(kernels.forward, grid, {**call.values(), "y": y, "last": last, **sizes}, _WARPS)
    return y, last


def input_gradients(call: KernelCall, values: Values, of_state: bool) -> tuple[Tensor, Tensor | None]:
    """Towards x and the state."""
    dx, dstate, before = call.empty_input_gradients(of_state)
    outs, C, K = call.weight.shape
    grid, sizes = _tiled(call, C, outs // call.groups * K, before + call.x.shape[-1])
    start(kernels.backward_input, grid, {**values, "dx": dx, "dstate": dstate, "BEFORE": before, **sizes}, _WARPS)
    return dx, dstate


def weight_gradients(call: KernelCall, values: Values, of_bias: bool) -> tuple[Tensor, Tensor | None]:
    """Parts of the sums for weight and bias, (parts, G*O, C, K) and (parts, G*O)."""
    B, _, T = call.x.shape
    outs, C, K = call.weight.shape
    O = outs // call.groups
    most = _largest(call)
    N = _side(O, most.channels)
    R = _side(C * K, most.columns)
    tiles = call.groups * triton.cdiv(O, N) * triton.cdiv(C * K, R)
    blocks = triton.cdiv(B * T, most.terms)
    each = triton.cdiv(blocks, min(blocks, max(1, _PROGRAMS // tiles)))
    parts = triton.cdiv(blocks, each)
    dweight, dbias = call.empty_parts(parts, of_bias)
    sizes = {**_sizes(call), "span": each * most.terms, "B": B, "N": N, "M": most.terms, "R": R}
    start(kernels.backward_weight, (tiles, parts), {**values, "dweight": dweight, "dbias": dbias, **sizes}, _WARPS)
    return dweight, dbias


def _tiled(call: KernelCall, channels: int, terms: int, steps: int) -> tuple[tuple[int], Values]:
    """How many programs there are for so many of a group's channels, terms of sums and steps, and their sizes."""
    most = _largest(call)
    N = _side(channels, most.channels)
    M = _side(steps, most.steps)
    programs = len(call.x) * call.groups * triton.cdiv(channels, N) * triton.cdiv(steps, M)
    return (programs,), {**_sizes(call), "N": N, "M": M, "R": _side(terms, most.terms)}


def _sizes(call: KernelCall) -> Values:
    outs, C, _ = call.weight.shape
    return {"C": C, "O": outs // call.groups, "G": call.groups, "PRECISION": _precision()}


def _largest(call: KernelCall) -> Tile:
    return largest(call.x.dtype, _precision())


def _precision() -> str:
    cudnn: Any = torch.backends.cudnn
    return float32_products(cudnn.conv)


def _side(size: int, most: int) -> int:
    """The side of a tile, a power of two."""
    return min(most, max(_LEAST, 1 << (size - 1).bit_length()))
