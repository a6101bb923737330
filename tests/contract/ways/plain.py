"""What the ways share: outputs with gradients, other inputs of the same shapes, weights taken from outside."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import Module
from torch.utils._pytree import tree_leaves, tree_map

from tests.contract.subjects import Inputs

__all__ = ["backward", "called", "gradients", "learn", "mapped", "varied", "weights_like", "with_weights"]


def called(model: Module, inputs: Inputs) -> Any:
    return model(*inputs)


def learn(model: Callable[..., Any], inputs: Inputs, towards: list[Tensor] | None = None) -> Any:
    """The outputs, and the gradients of a sum of them towards the inputs and the weights."""
    inputs = mapped(lambda t: t.detach().requires_grad_(), inputs)
    outputs = tree_leaves(model(*inputs))
    parameters = list(model.parameters()) if isinstance(model, Module) else []
    return outputs, gradients(outputs, tree_leaves(inputs) + parameters + (towards or []))


def gradients(outputs: list[Tensor], towards: list[Tensor]) -> list[Tensor]:
    """None where nothing is differentiable, as of a stream."""
    loss = [(y * weights_like(y)).sum() for y in outputs if y.requires_grad]
    if not loss:
        return []
    found = torch.autograd.grad(torch.stack(loss).sum(), towards, allow_unused=True)
    return [torch.zeros_like(t) if g is None else g for t, g in zip(towards, found, strict=True)]


def backward(model: Module, call: Callable[[], Any], leaves: Sequence[Tensor] = ()) -> Any:
    """The outputs of a call, and what its backward pass leaves in the leaves and the weights."""
    outputs = tree_leaves(call())
    loss = [(y * weights_like(y)).sum() for y in outputs if y.requires_grad]
    if loss:
        torch.stack(loss).sum().backward()
    return outputs, [t.grad for t in (*leaves, *model.parameters()) if t.grad is not None]


def weights_like(y: Tensor) -> Tensor:
    """Different for each entry, the same in every call."""
    return torch.linspace(-1, 1, y.numel(), dtype=y.dtype, device=y.device).cos().view(y.shape)


def mapped(function: Callable[[Tensor], Tensor], inputs: Inputs) -> Inputs:
    """The inputs, whose tensors are mapped."""
    made: Inputs = tree_map(function, inputs)
    return made


def varied(inputs: Inputs) -> Inputs:
    """Other numbers of the same shapes."""
    return mapped(lambda t: t.roll(1, -1) / 2 + 0.1, inputs)


def with_weights(model: Module, inputs: Inputs, function: Callable[[Tensor], Tensor]) -> Any:
    """The model called with mapped weights."""
    weights = {name: function(weight) for name, weight in model.named_parameters()}
    return functional_call(model, weights, inputs)
