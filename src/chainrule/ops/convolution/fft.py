"""Convolution with long kernels by the Fourier transform, which turns it into products (the convolution theorem).

y and both gradients are correlations, and a correlation is a product with the conjugate:

    y  = sum_c x_c (*) w_oc        Y_o  = sum_c X_c conj(W_oc)
    dx = the convolution of dy, w  dX_c = sum_o dY_o W_oc
    dw = x_c (*) dy_o              dW_oc = sum_b X_c conj(dY_o)

In one dimension x is cut into blocks that overlap by the kernel's reach (overlap-save), so that the transforms stay in
the caches: of the n results of a block, the first n - K + 1 see no wrap. Autograd differentiates the transforms, which
gives just the last two lines.

The error grows with the logarithm of the block (Schatzman 1996, "Accuracy of the discrete Fourier transform and the
fast Fourier transform"), relative to the norms of x and the kernel; the tests hold it to the table's bound for the
formula. A number that is not finite reaches all outputs of its block, not only those that read it.
"""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor
from torch.nn.functional import pad

from chainrule.ops.convolution.geometry import Geometry

__all__ = ["convolution", "is_faster", "obstacle"]

_DTYPES = (torch.float32, torch.float64)


def obstacle(dtype: torch.dtype, geometry: Geometry) -> str | None:
    """Why the Fourier transform can't run this call; None if it can."""
    if len(geometry.stride) > 2:
        return "it is for one and two dimensions"
    if any(s != 1 for s in geometry.stride) or any(d != 1 for d in geometry.dilation):
        return "it is for stride 1 and dilation 1"
    if dtype not in _DTYPES:
        return f"it is for float32 and float64, and x is {dtype}"
    return None


def is_faster(y: Sequence[int], weight: Sequence[int]) -> bool:
    """Whether transforms take about as long as the direct kernels, or less, for y and weight of these shapes."""
    return prod(weight[2:]) >= _LONG and prod(y) * prod(weight[1:]) > _LARGE


# Taps. At 512 both take about as long, forward and backward (one channel: 21 ms, directly 17; four: 16, directly 17);
# at 961 in two dimensions and 1,024 in one the transforms take less (13.5 and 22 ms, directly 34 and 33).
_LONG = 512
_LARGE = 10_000_000  # multiplications and additions; fewer are done sooner directly


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """Correlate x (B, G*C, *H) with weight (G*O, C, *K): y (B, G*O, *J)."""
    x, weight = x.unflatten(1, (groups, 1, -1)), weight.unflatten(0, (groups, -1))
    dims = weight.ndim - 3
    kernel = weight.shape[3:]
    size = [h - k + 1 for h, k in zip(x.shape[4:], kernel, strict=True)]
    block = [_block(h, k) for h, k in zip(x.shape[4:], kernel, strict=True)]
    if dims == 1 and block[0] < x.shape[-1]:
        useful = block[0] - kernel[0] + 1
        count = -(-size[0] // useful)
        x = pad(x, (0, count * useful + kernel[0] - 1 - x.shape[-1])).unfold(-1, block[0], useful)
        W = torch.fft.rfft(weight, block[0]).conj()[..., None, :]
        y: Tensor = torch.fft.irfft((torch.fft.rfft(x) * W).sum(3), block[0])[..., :useful].flatten(-2)
    else:
        axes = list(range(-dims, 0))
        W = torch.fft.rfftn(weight, block, axes).conj()
        y = torch.fft.irfftn((torch.fft.rfftn(x, block, axes) * W).sum(3), block, axes)
    for axis, n in enumerate(size, start=3):
        y = y.narrow(axis, 0, n)
    y = y.flatten(1, 2).contiguous()
    return y if bias is None else y + bias[(..., *(None for _ in kernel))]


def _block(size: int, kernel: int) -> int:
    """The length of a transform: one for all where x is not much longer than the kernel, else of several kernels."""
    return _smooth(min(size, max(8 * kernel, 1 << 13)))


def _smooth(n: int) -> int:
    """The least number of only factors 2, 3 and 5 that is at least n: transforms are fastest there."""
    best = 1 << (n - 1).bit_length()
    power5 = 1
    while power5 < best:
        power35 = power5
        while power35 < best:
            best = min(best, power35 << max(0, (-(-n // power35) - 1).bit_length()))
            power35 *= 3
        power5 *= 5
    return best
