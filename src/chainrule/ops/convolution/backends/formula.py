"""Convolution with its hand-derived backward pass, in plain torch; README.md derives it.

With B rows, G groups of C input and O output channels, and in every dimension stride s, dilation d, input
positions h, kernel positions i and output positions j:

    y[b,g,o,j]  = bias[g,o] + sum_{c,i} weight[g,o,c,i] x[b,g,c,s j + d i]
    dx[b,g,c,h] = sum_{o,i,j: s j + d i = h} weight[g,o,c,i] dy[b,g,o,j]
    dw[g,o,c,i] = sum_{b,j} x[b,g,c,s j + d i] dy[b,g,o,j]
    dbias[g,o]  = sum_{b,j} dy[b,g,o,j]

dx is dy, spread with zeros and padded, correlated with the flipped kernel. dw is x correlated with dy, where
batch and channel exchange roles, and stride and dilation too. Both are the first sum again, so the backward
pass calls the function that it differentiates, and derivatives of every order follow. Forward mode is the
product rule, as the sum is linear in x and in weight. Nothing sums over g, so a dimension that vmap maps
becomes more groups.

These functions assume what `chainrule.ops.convolution.checks` has checked.
"""

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from types import EllipsisType
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv1d, conv2d, conv3d, pad

from chainrule._torch import is_exporting
from chainrule.ops.choices import Description
from chainrule.ops.convolution.call import Causal, ConvolutionCall
from chainrule.ops.plain import is_batched, is_traced
from chainrule.ops.pointers import check_held

__all__ = ["causal_convolution", "convolution", "convolve", "describe", "merit", "obstacle", "remember", "run"]

_Sizes = Sequence[int]


def obstacle(call: ConvolutionCall) -> str | None:
    """Why it cannot run this call; None if it can."""
    return None if call.x.is_floating_point() else f"its numbers are real, and x is {call.x.dtype}"


def merit(call: ConvolutionCall) -> str | None:
    """It is for what the faster ones cannot run."""
    return ""


def run(call: ConvolutionCall) -> tuple[Tensor, Tensor | None]:
    """y, and of a causal call the inputs before the next chunk; bfloat16 is summed in float32 and then rounded."""
    call.check_held()
    if call.x.dtype == torch.bfloat16:
        y, last = run(call.to(torch.float32))
        return y.to(call.x.dtype), None if last is None else last.to(call.x.dtype)
    geometry = call.geometry
    if call.causal is None:
        x = call.padded()
        return convolution(x, call.weight, call.bias, geometry.stride, geometry.dilation, geometry.groups), None
    return causal_convolution(call)


def describe(call: ConvolutionCall) -> Description:
    """torch's own threads."""
    return Description.of_torch()


def convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: _Sizes, dilation: _Sizes, groups: int
) -> Tensor:
    """Correlate x (B, G*C, *H) with weight (G*O, C, *K), without padding: y (B, G*O, *J)."""
    y = convolve(
        torch.unflatten(x, 1, (groups, -1)),
        torch.unflatten(weight, 0, (groups, -1)),
        None if bias is None else torch.unflatten(bias, 0, (groups, -1)),
        stride,
        dilation,
    )
    return y.flatten(1, 2)


def causal_convolution(
    call: ConvolutionCall, convolution: Callable[..., Tensor] = convolution
) -> tuple[Tensor, Tensor]:
    """Convolve the state followed by x, hiding from each step what lies before its last reset.

    convolution: takes the arguments of the one above, and computes the same.
    """
    _, resets, lengths = call.causal or Causal(None, None, None)
    x = call.x
    weight = call.weight
    groups = call.geometry.groups
    dilation = call.geometry.dilation
    past, sequence, last = remember(x, call.state(), resets, lengths)
    if sequence is None:
        y = convolution(past, weight, call.bias, (1,), dilation, groups)
    else:
        beside = _taps(sequence, past, weight.shape[-1], dilation[0])
        y = convolution(beside, weight.flatten(1)[..., None], call.bias, (1,), (1,), groups)
    return (y if lengths is None else y.masked_fill(~_live(x, lengths)[:, None], 0)), last


def remember(
    x: Tensor, state: Tensor, resets: Tensor | None, lengths: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor]:
    """The state followed by x as far as its rows go, the number of each step's sequence, and the last state."""
    T = x.shape[-1]
    P = state.shape[-1]
    end = torch.full(x.shape[:1], T, device=x.device) if lengths is None else lengths
    running = _live(x, end)
    if lengths is not None:
        x = x.masked_fill(~running[:, None], 0)
    past = torch.cat([state, x], dim=-1)
    # After end[b] steps row b has seen past[b, :, : end[b] + P]; its state is the last P of these.
    recent = end[:, None] + torch.arange(P, device=x.device)
    last = past.gather(-1, recent[:, None].expand(-1, past.shape[1], -1))
    if resets is None:
        return past, None, last
    # The number of resets up to a step numbers its sequence; the state before the chunk is of sequence 0.
    sequence = pad((resets & running).long().cumsum(-1), (P, 0))
    last = last.masked_fill((sequence.gather(-1, recent) != sequence[:, -1:])[:, None], 0)
    return past, sequence, last


def _live(x: Tensor, end: Tensor) -> Tensor:
    """Which steps of x (B, C, T) lie within their rows, (B, T)."""
    return torch.arange(x.shape[-1], device=x.device) < end[:, None]


def _taps(sequence: Tensor, past: Tensor, K: int, dilation: int) -> Tensor:
    """What each of K taps reads, zero where it would reach into another sequence: (B, channels * K, T).

    Laid beside the channels, the taps need a kernel of one step only.
    """
    P = dilation * (K - 1)
    T = past.shape[-1] - P
    reach = [slice(dilation * i, dilation * i + T) for i in range(K)]
    seen = [past[..., tap].masked_fill((sequence[:, tap] != sequence[:, P:])[:, None], 0) for tap in reach]
    return torch.stack(seen, dim=2).flatten(1, 2)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, stride: _Sizes, dilation: _Sizes) -> Tensor:
    """Correlate x (B, G, C, *H) with weight (G, O, C, *K), without padding: y (B, G, O, *J)."""
    recorded = is_traced() or is_exporting()
    if recorded or not x.is_floating_point() or is_batched((x, weight, bias)):
        return _by_torch(x, weight, bias, stride, dilation)
    # torch.compile traces no function that has a jvp
    function = _Convolution if torch.compiler.is_compiling() else _ConvolutionBothModes
    y: Tensor = function.apply(x, weight, bias, stride, dilation)  # type: ignore[no-untyped-call]
    return y


class _Convolution(torch.autograd.Function):
    """x (B, G, C, *H), weight (G, O, C, *K), bias (G, O) or None -> y (B, G, O, *J)."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None, stride: _Sizes, dilation: _Sizes) -> Tensor:
        y = _correlate(x, weight, stride, dilation)
        return y if bias is None else y + bias[(..., *(None for _ in stride))]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, weight, _, ctx.stride, ctx.dilation = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        needs_dx, needs_dw, needs_dbias, *_ = ctx.needs_input_grad
        if is_batched((dy, x, weight)):
            return *_gradients_by_torch(dy, x, weight, ctx.stride, ctx.dilation, ctx.needs_input_grad[:3]), None, None
        check_held(dy)
        dx = _input_gradient(dy, weight, x.shape[3:], ctx.stride, ctx.dilation) if needs_dx else None
        dw = _kernel_gradient(x, dy, weight.shape[3:], ctx.stride, ctx.dilation) if needs_dw else None
        dbias = dy.flatten(3).sum((0, 3)) if needs_dbias else None
        return dx, dw, dbias, None, None

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: _Sizes,
        dilation: _Sizes,
    ) -> tuple[Tensor, int]:
        """Fold the mapped dimension into the rows where only x has it, else into the groups."""
        V = info.batch_size
        if in_dims[1] is None and in_dims[2] is None:
            rows = x.movedim(in_dims[0] or 0, 0)
            y = convolve(rows.flatten(0, 1), weight, bias, stride, dilation)
            return torch.unflatten(y, 0, (V, -1)), 0
        x, weight = (_mapped(t, d, V) for t, d in zip((x, weight), in_dims, strict=False))
        bias = None if bias is None else _mapped(bias, in_dims[2], V).flatten(0, 1)
        y = convolve(x.movedim(0, 1).flatten(1, 2), weight.flatten(0, 1), bias, stride, dilation)
        return torch.unflatten(y, 1, (V, -1)), 1


class _ConvolutionBothModes(_Convolution):
    """The same with forward-mode differentiation too."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _Convolution.setup_context(ctx, inputs, output)
        ctx.save_for_forward(*inputs[:2])

    @staticmethod
    def jvp(ctx: Any, dx: Tensor | None, dw: Tensor | None, dbias: Tensor | None, *_: None) -> Tensor:
        """The tangent of y; here alone d is the direction moved in, not the gradient."""
        x, weight = ctx.saved_tensors
        dy = convolve(torch.zeros_like(x) if dx is None else dx, weight, dbias, ctx.stride, ctx.dilation)
        return dy if dw is None else dy + convolve(x, dw, None, ctx.stride, ctx.dilation)


def _mapped(t: Tensor, dim: int | None, V: int) -> Tensor:
    """The dimension that vmap maps, brought or made to be the first."""
    return t.expand(V, *t.shape) if dim is None else t.movedim(dim, 0)


def _by_torch(x: Tensor, weight: Tensor, bias: Tensor | None, stride: _Sizes, dilation: _Sizes) -> Tensor:
    """The same by torch's own convolution, which maps over tensors that stand for many."""
    op = {1: conv1d, 2: conv2d, 3: conv3d}[len(stride)]
    groups = x.shape[1]
    flat = None if bias is None else bias.reshape(-1)
    y: Tensor = op(_together(x, 1), _together(weight, 0), flat, tuple(stride), 0, tuple(dilation), groups)
    return _apart(y, 1, groups)


def _gradients_by_torch(
    dy: Tensor, x: Tensor, weight: Tensor, stride: _Sizes, dilation: _Sizes, needs: Sequence[bool]
) -> tuple[Tensor | None, ...]:
    """Its gradients, towards x, weight and bias."""
    groups, out_channels, *_ = weight.shape
    zeros = [0] * len(stride)
    call = (_together(dy, 1), _together(x, 1), _together(weight, 0), [groups * out_channels], stride, zeros, dilation)
    grads = torch.ops.aten.convolution_backward(*call, False, zeros, groups, needs)
    pairs = zip(grads, (1, 0, 0), needs, strict=True)
    return tuple(_apart(grad, dim, groups) if need else None for grad, dim, need in pairs)


def _together(t: Tensor, dim: int) -> Tensor:
    """The groups beside their channels, by an operation that maps."""
    return t.reshape(*t.shape[:dim], -1, *t.shape[dim + 2 :])


def _apart(t: Tensor, dim: int, groups: int) -> Tensor:
    return t.reshape(*t.shape[:dim], groups, -1, *t.shape[dim + 1 :])


def _input_gradient(dy: Tensor, weight: Tensor, size: _Sizes, stride: _Sizes, dilation: _Sizes) -> Tensor:
    """Spread dy by the stride and pad it by the kernel's reach, then correlate with the flipped kernel."""
    reach = [d * (k - 1) for d, k in zip(dilation, weight.shape[3:], strict=True)]
    spread = dy.new_zeros(*dy.shape[:3], *(h + r for h, r in zip(size, reach, strict=True)))
    spread[_grid(reach, stride, dy.shape[3:])] = dy
    flipped = weight.transpose(1, 2).flip(list(range(3, weight.ndim)))
    return convolve(spread, flipped, None, [1 for _ in stride], dilation)


def _kernel_gradient(x: Tensor, dy: Tensor, size: _Sizes, stride: _Sizes, dilation: _Sizes) -> Tensor:
    """Correlate what the forward pass used of x with dy; stride and dilation exchange roles."""
    places = zip(stride, dy.shape[3:], dilation, size, strict=True)
    used = [s * (j - 1) + d * (k - 1) + 1 for s, j, d, k in places]
    x = x[_grid([0 for _ in used], [1 for _ in used], used)]
    return convolve(x.transpose(0, 2), dy.movedim(0, 2), None, dilation, stride).movedim(0, 2)


def _correlate(x: Tensor, weight: Tensor, stride: _Sizes, dilation: _Sizes) -> Tensor:
    """The sum over channels and kernel positions, in whichever order makes the smaller intermediate."""
    kernel = weight.shape[3:]
    size = [(h - d * (k - 1) - 1) // s + 1 for h, d, k, s in zip(x.shape[3:], dilation, kernel, stride, strict=True)]
    if weight.shape[1] < weight.shape[2] and prod(kernel) < prod(size):
        return _multiply_then_shift(x, weight, size, stride, dilation)
    return _gather_then_multiply(x, weight, size, stride, dilation)


def _gather_then_multiply(x: Tensor, weight: Tensor, size: _Sizes, stride: _Sizes, dilation: _Sizes) -> Tensor:
    """View x as windows [b,g,c,j,i] = x[b,g,c,s j + d i], then one product sums over c and i."""
    kernel = weight.shape[3:]
    lead = x.stride()[:3]
    space = x.stride()[3:]
    between = [a * s for a, s in zip(space, stride, strict=True)]
    within = [a * d for a, d in zip(space, dilation, strict=True)]
    windows = x.as_strided((*x.shape[:3], *size, *kernel), (*lead, *between, *within))
    j = "jkl"[: len(size)]
    i = "pqr"[: len(size)]
    # The order of the operands decides whether einsum copies i or j as the inner one: let it be the longer.
    if prod(kernel) < prod(size):
        return torch.einsum(f"goc{i},bgc{j}{i}->bgo{j}", weight, windows).contiguous()
    return torch.einsum(f"bgc{j}{i},goc{i}->bgo{j}", windows, weight).contiguous()


def _multiply_then_shift(x: Tensor, weight: Tensor, size: _Sizes, stride: _Sizes, dilation: _Sizes) -> Tensor:
    """One product sums over c for every kernel position i; then the results, shifted by d i, are added."""
    kernel = weight.shape[3:]
    out_channels = weight.shape[1]
    taps = weight.flatten(3).permute(0, 3, 1, 2).flatten(1, 2)  # G, I*O, C
    products = (taps @ x.flatten(3)).view(*x.shape[:2], prod(kernel), out_channels, *x.shape[3:])
    y = x.new_zeros(*x.shape[:2], out_channels, *size)
    for tap, i in enumerate(product(*(range(k) for k in kernel))):
        start = [d * a for d, a in zip(dilation, i, strict=True)]
        y += products[:, :, tap][_grid(start, stride, size)]
    return y


def _grid(start: _Sizes, step: _Sizes, count: _Sizes) -> tuple[EllipsisType | slice, ...]:
    """The index of a regular grid in the spatial dimensions."""
    return (..., *(slice(a, a + s * (n - 1) + 1, s) for a, s, n in zip(start, step, count, strict=True)))
