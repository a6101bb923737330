"""The kernels with their gradient.

They have no derivative of their own: with create_graph=True the backward pass is the formula's, and for gradients that
stand for many (is_grads_batched).
"""

from typing import Any

import torch
from torch import Tensor

from chainrule.ops.convolution.backends import formula
from chainrule.ops.convolution.backends.triton import dense, depthwise
from chainrule.ops.convolution.backends.triton.launches import KernelCall
from chainrule.ops.convolution.call import Causal, ConvolutionCall, Geometry
from chainrule.ops.plain import is_batched, needs_grad

__all__ = ["run"]


def run(call: ConvolutionCall) -> tuple[Tensor, Tensor | None]:
    """y, and of a causal call the inputs before the next chunk."""
    state, resets, lengths = call.causal or Causal(None, None, None)
    tensors = tuple(None if t is None else t.contiguous() for t in (call.x, state, call.weight, call.bias))
    facts = (resets, lengths, call.geometry.dilation[0], call.geometry.groups, call.causal is not None)
    if needs_grad(tensors):
        y, last = _CausalConvolution.apply(facts, *tensors)  # type: ignore[no-untyped-call]
        return y, last
    return _forward(_call(facts, tensors))


def _call(facts: Any, tensors: Any) -> KernelCall:
    return KernelCall(*tensors, *facts)


def _forward(call: KernelCall) -> tuple[Tensor, Tensor | None]:
    return depthwise.forward(call) if call.is_depthwise else dense.forward(call)


def _gradients(
    call: KernelCall, dy: Tensor, dlast: Tensor | None, needs: tuple[bool, ...]
) -> tuple[Tensor | None, ...]:
    """Towards x, the state, the weight and the bias, those that are needed.

    Those towards weight and bias are sums of parts, and the sum of these: in an order that the shapes alone decide.
    """
    kernels = depthwise if call.is_depthwise else dense
    values = call.values_backward(dy, dlast)
    inputs: tuple[Tensor | None, ...] = (None, None)
    parts: tuple[Tensor | None, ...] = (None, None)
    if needs[0] or needs[1]:
        inputs = kernels.input_gradients(call, values, needs[1])
    if needs[2] or needs[3]:
        parts = kernels.weight_gradients(call, values, needs[3])
    sums = [None if part is None else part.sum(0).to(dy.dtype) for part in parts]
    return tuple(g if need else None for g, need in zip((*inputs, *sums), needs, strict=True))


class _CausalConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, facts: Any, *tensors: Tensor | None) -> tuple[Tensor, Tensor | None]:
        ctx.facts = facts
        ctx.save_for_backward(*tensors)
        ctx.set_materialize_grads(False)
        return _forward(_call(facts, tensors))

    @staticmethod
    def backward(ctx: Any, dy: Tensor | None, dlast: Tensor | None) -> tuple[Tensor | None, ...]:
        tensors = ctx.saved_tensors
        needs = ctx.needs_input_grad[1:]
        create_graph = torch.is_grad_enabled()
        if create_graph or is_batched((dy, dlast)):
            with torch.enable_grad():
                return None, *_by_formula(ctx.facts, tensors, (dy, dlast), needs, create_graph)
        call = _call(ctx.facts, tensors)
        dy = call.empty_output().zero_() if dy is None else dy.contiguous()
        dlast = None if dlast is None else dlast.contiguous()
        return None, *_gradients(call, dy, dlast, needs)


def _by_formula(
    facts: Any, tensors: Any, cotangents: Any, needs: tuple[bool, ...], create_graph: bool
) -> list[Tensor | None]:
    resets, lengths, dilation, groups, has_last = facts
    # aliases: the gradient towards the state must not contain what reaches it through an x computed from it
    alias: Any = [None if t is None else t.view_as(t) for t in tensors]
    x, state, weight, bias = alias
    geometry = Geometry((1,), (dilation * (weight.shape[-1] - 1),), (0,), (dilation,), groups)
    causal = Causal(state, resets, lengths) if has_last else None
    found = formula.run(ConvolutionCall(x, weight, bias, geometry, causal))
    pairs = [(y, d) for y, d in zip(found, cotangents, strict=True) if y is not None and d is not None]
    wanted = [t for t, need in zip(alias, needs, strict=True) if need and t is not None]
    outputs, given = zip(*pairs, strict=True)
    grads = iter(torch.autograd.grad(outputs, wanted, given, create_graph=create_graph, allow_unused=True))
    return [next(grads) if need else None for need in needs]
