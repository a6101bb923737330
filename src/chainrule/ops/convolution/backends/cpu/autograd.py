"""The compiled backend as the other backends are called, and its gradient.

The backward op has no derivative of its own: with create_graph=True the backward pass is the formula's, and for
gradients that stand for many (is_grads_batched).
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from chainrule._torch import below_autograd
from chainrule.ops.convolution.backends import formula
from chainrule.ops.convolution.backends.cpu import ops
from chainrule.ops.convolution.geometry import Geometry
from chainrule.ops.plain import is_batched, is_traced, is_transformed, is_unwatched, needs_grad

__all__ = ["DTYPES", "causal_convolution", "convolution", "obstacle"]

DTYPES = (torch.float32, torch.float64)


def obstacle(x: Tensor) -> str | None:
    """Why the kernels can't run this call; None if they can."""
    if not x.is_cpu:
        return f"the kernels run on the CPU, and x is on {x.device}"
    if x.dtype not in DTYPES:
        return f"the kernels are compiled for float32 and float64, and x is {x.dtype}"
    if is_traced():
        return "what torch.jit.trace records has to be torch's own"
    if is_transformed():
        return "torch.func and forward-mode derivatives go through the formula"
    return None


def convolution(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """Correlate x (B, G*C, *H) with weight (G*O, C, *K): y (B, G*O, *J)."""
    return _convolve(x, weight, bias, *geometry, None, None)


def causal_convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    state: Tensor | None,
    resets: Tensor | None,
    lengths: Tensor | None,
    dilation: int,
    groups: int,
) -> tuple[Tensor, Tensor]:
    """Convolve the state followed by x, hiding from each step what lies before its last reset."""
    P = dilation * (weight.shape[-1] - 1)
    past, before = (x, P) if state is None else (torch.cat([state, x], dim=-1), 0)
    y = _convolve(past, weight, bias, (1,), (before,), (0,), (dilation,), groups, resets, lengths)
    if resets is None and lengths is None and past.shape[-1] >= P:
        return y, past.narrow(-1, past.shape[-1] - P, P).clone()
    if state is None:
        state = x.new_zeros(*x.shape[:2], P)
    return y, formula.remember(x, state, resets, lengths)[-1]


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    op = _autograd if is_unwatched((x, weight, bias)) else torch.ops.chainrule.convolution
    y: Tensor = op(x, weight, bias, *rest)
    return y


def _autograd(x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    if needs_grad((x, weight, bias)):
        y: Tensor = _Convolution.apply(x, weight, bias, *rest)  # type: ignore[no-untyped-call]
        return y
    return _below_autograd(x, weight, bias, *rest)


def _below_autograd(x: Tensor, weight: Tensor, bias: Tensor | None, *rest: Any) -> Tensor:
    if is_unwatched((x, weight, bias)):
        return ops.forward(x, weight, bias, *rest)
    with below_autograd():
        y: Tensor = torch.ops.chainrule.convolution(x, weight, bias, *rest)
    return y


class _Convolution(torch.autograd.Function):
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
    resets, lengths = rest[5:]
    if resets is None and lengths is None:
        y = formula.convolution(
            pad(x, geometry.pads), weight, bias, geometry.stride, geometry.dilation, geometry.groups
        )
    else:
        P = geometry.dilation[0] * (weight.shape[-1] - 1)
        past = pad(x, geometry.pads)
        rows = (past[..., :P], resets, lengths)
        y, _ = formula.causal_convolution(past[..., P:], weight, bias, *rows, geometry.dilation[0], geometry.groups)
    wanted = [t for t, need in zip((x, weight, bias), needs, strict=True) if need and t is not None]
    found = iter(torch.autograd.grad(y, wanted, dy, create_graph=create_graph, allow_unused=True))
    return tuple(next(found) if need else None for need in needs)


ops.LIBRARY.impl("convolution", _autograd, "Autograd")
