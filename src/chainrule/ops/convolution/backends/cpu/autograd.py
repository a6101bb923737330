"""The compiled convolution with its gradient.

The backward op has no derivative of its own: with create_graph=True the backward pass is the formula's, and for
gradients that stand for many (is_grads_batched).
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from chainrule._torch import below_autograd
from chainrule.ops.compiled import WHY_ABSENT
from chainrule.ops.convolution.backends import formula
from chainrule.ops.convolution.backends.cpu import ops
from chainrule.ops.convolution.call import Causal, ConvolutionCall, Geometry
from chainrule.ops.plain import is_batched, is_unwatched, needs_grad

__all__ = ["convolve"]


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    """chainrule::convolution, with its gradient: the plain function where nobody looks on."""
    op = _autograd if is_unwatched((x, weight, bias)) else torch.ops.chainrule.convolution
    y: Tensor = op(x, weight, bias, *rest)
    return y


def _autograd(x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    if needs_grad((x, weight, bias)):
        y: Tensor = _Compiled.apply(x, weight, bias, *rest)  # type: ignore[no-untyped-call]
        return y
    return _below_autograd(x, weight, bias, *rest)


def _below_autograd(x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    if is_unwatched((x, weight, bias)):
        return ops.forward(x, weight, bias, *rest)
    with below_autograd():
        y: Tensor = torch.ops.chainrule.convolution(x, weight, bias, *rest)
    return y


class _Compiled(torch.autograd.Function):
    """The two ops as a function and its gradient; its arguments are chainrule::convolution's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
        ctx.save_for_backward(x, weight, bias)
        ctx.rest = rest
        return _below_autograd(x, weight, bias, *rest)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias = ctx.saved_tensors
        needs = list(ctx.needs_input_grad[:3])
        call = (dy, x, weight, *ctx.rest, needs)
        grads: tuple[Tensor | None, ...]
        create_graph = torch.is_grad_enabled()
        if create_graph or is_batched((dy, x, weight)):
            with torch.autocast("cpu", enabled=False):
                grads = _by_formula(dy, (x, weight, bias), ctx.rest, needs, create_graph)
        elif is_unwatched(call):
            grads = ops.gradients(*call)
        else:
            grads = torch.ops.chainrule.convolution_backward(*call)
        return *(g if need else None for g, need in zip(grads, needs, strict=True)), *(None for _ in ctx.rest)


@torch.enable_grad()
def _by_formula(
    dy: Tensor,
    inputs: tuple[Tensor, Tensor, Tensor | None],
    rest: tuple[Any, ...],
    needs: list[bool],
    create_graph: bool,
) -> tuple[Tensor | None, ...]:
    # aliases: the gradient towards the kernel must not contain what reaches it through an x computed from it
    x, weight = (t.view_as(t) for t in inputs[:2])
    bias = None if inputs[2] is None else inputs[2].view_as(inputs[2])
    geometry = Geometry(*rest[:5])
    masks = rest[5:]
    if masks == (None, None):
        call = ConvolutionCall(x, weight, bias, geometry)
    else:
        P = geometry.dilation[0] * (weight.shape[-1] - 1)
        past = pad(x, geometry.pads)
        call = ConvolutionCall(past[..., P:], weight, bias, geometry, Causal(past[..., :P], *masks))
    y, _ = formula.run(call)
    wanted = [t for t, need in zip((x, weight, bias), needs, strict=True) if need and t is not None]
    found = iter(torch.autograd.grad(y, wanted, dy, create_graph=create_graph, allow_unused=True))
    return tuple(next(found) if need else None for need in needs)


if WHY_ABSENT is None:
    ops.LIBRARY.impl("convolution", _autograd, "Autograd")
