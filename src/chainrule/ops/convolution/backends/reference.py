"""The definition of convolution as plain loops; autograd differentiates it.

These functions assume what `chainrule.ops.convolution.op` has checked.
"""

from itertools import product
from types import EllipsisType

import torch
from torch import Tensor

__all__ = ["causal_convolution", "convolution"]


def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Tensor:
    """y at a position is the kernel times the window of x that starts at stride * position, summed."""
    x = torch.unflatten(x, 1, (groups, 1, -1))  # B, G, 1, C, *H
    kernel = torch.unflatten(weight, 0, (groups, -1))  # G, O, C, *K
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True)]
    size = [(h - r) // s + 1 for h, r, s in zip(x.shape[4:], reach, stride, strict=True)]
    sums = []
    for position in product(*(range(j) for j in size)):
        start = [s * j for s, j in zip(stride, position, strict=True)]
        window = (slice(a, a + r, d) for a, r, d in zip(start, reach, dilation, strict=True))
        index: tuple[EllipsisType | slice, ...] = (..., *window)
        sums.append((x[index] * kernel).flatten(3).sum(3))  # B, G, O
    y = torch.unflatten(torch.stack(sums, dim=-1).flatten(1, 2), -1, size)
    return y if bias is None else y + bias.view(-1, *(1 for _ in size))


def causal_convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    state: Tensor,
    resets: Tensor | None,
    lengths: Tensor | None,
    dilation: int,
    groups: int,
) -> tuple[Tensor, Tensor]:
    """One step at a time: the state is cleared at a reset, read with x_t, then shifted by x_t."""
    outputs = []
    for t in range(x.shape[-1]):
        running = x.new_ones(x.shape[0], dtype=torch.bool) if lengths is None else t < lengths
        running = running[:, None, None]
        if resets is not None:
            state = state.masked_fill(resets[:, t, None, None] & running, 0)
        seen = torch.cat([state, x[:, :, t : t + 1].masked_fill(~running, 0)], dim=-1)
        y_t = convolution(seen, weight, bias, (1,), (dilation,), groups)
        outputs.append(y_t.masked_fill(~running, 0))
        state = torch.where(running, seen[:, :, 1:], state)
    y = torch.cat(outputs, dim=-1) if outputs else x.new_zeros(x.shape[0], weight.shape[0], 0)
    return y, state
