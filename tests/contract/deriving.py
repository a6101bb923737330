"""Ways that differentiate or map: torch.func, forward mode, batched gradients."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.autograd.functional import hessian, jacobian
from torch.func import functional_call, jacfwd, jacrev, jvp, vjp, vmap
from torch.nn import Module
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.checkpoint import checkpoint

from tests.contract.plain import called, gradients, learn, mapped, varied, weights_like
from tests.contract.rule import Way
from tests.contract.subjects import Inputs, Subject

__all__ = ["DERIVING"]


def first_output(model: Module, inputs: Inputs) -> Callable[[Tensor], Tensor]:
    """The first output as a function of the first input."""

    def of(x: Tensor) -> Tensor:
        y: Tensor = tree_leaves(model(x, *inputs[1:]))[0]
        return y

    return of


def twice_differentiated(model: Module, inputs: Inputs) -> Any:
    inputs = mapped(lambda t: t.requires_grad_(), inputs)
    leaves = [*tree_leaves(inputs), *model.parameters()]
    outputs = [y for y in tree_leaves(model(*inputs)) if y.requires_grad]
    if not outputs:
        return []
    found = torch.autograd.grad([(y * y * weights_like(y)).sum() for y in outputs], leaves, create_graph=True)
    return [found, gradients([g for g in found if g.requires_grad], leaves)]


def mapped_inputs(model: Module, inputs: Inputs) -> Any:
    both = tree_map(lambda *ts: torch.stack(ts), inputs, varied(inputs))
    return vmap(lambda *each: model(*each))(*both)


def mapped_weights(model: Module, inputs: Inputs) -> Any:
    names = dict(model.named_parameters())
    ensemble = {name: torch.stack([w.detach(), 2 * w.detach()]) for name, w in names.items()}
    return vmap(lambda weights: functional_call(model, weights, inputs))(ensemble)


def gradients_of_samples(model: Module, inputs: Inputs) -> Any:
    both = tree_map(lambda *ts: torch.stack(ts), inputs, varied(inputs))
    weights = {name: w.detach() for name, w in model.named_parameters()}

    def loss(weights: Any, *each: Any) -> Tensor:
        outputs = tree_leaves(functional_call(model, weights, each))
        return torch.stack([(y * y).sum() for y in outputs]).sum()

    return vmap(torch.func.grad(loss), (None, *(0 for _ in both)))(weights, *both)


def reversed_jacobian(model: Module, inputs: Inputs) -> Any:
    return jacrev(first_output(model, inputs))(inputs[0])


def forward_jacobian(model: Module, inputs: Inputs) -> Any:
    return jacfwd(first_output(model, inputs))(inputs[0])


def tangent(model: Module, inputs: Inputs) -> Any:
    return jvp(first_output(model, inputs), (inputs[0],), (weights_like(inputs[0]),))


def dual(model: Module, inputs: Inputs) -> Any:
    with forward_ad.dual_level():
        x = forward_ad.make_dual(inputs[0], weights_like(inputs[0]))
        return [tuple(forward_ad.unpack_dual(y)) for y in tree_leaves(model(x, *inputs[1:]))]


def cotangent(model: Module, inputs: Inputs) -> Any:
    y, back = vjp(first_output(model, inputs), inputs[0])
    return y, back(weights_like(y))


def batched_gradients(model: Module, inputs: Inputs) -> Any:
    inputs = mapped(lambda t: t.requires_grad_(), inputs)
    leaves = [*tree_leaves(inputs), *model.parameters()]
    y = first_output(model, inputs)(inputs[0])
    if not y.requires_grad:
        return []
    directions = torch.stack([weights_like(y), -2 * weights_like(y), torch.ones_like(y)])
    return torch.autograd.grad(y, leaves, directions, is_grads_batched=True, allow_unused=True)


def vectorised_jacobian(strategy: str) -> Callable[[Module, Inputs], Any]:
    def call(model: Module, inputs: Inputs) -> Any:
        return jacobian(first_output(model, inputs), inputs[0], vectorize=True, strategy=strategy)

    return call


def vectorised_hessian(model: Module, inputs: Inputs) -> Any:
    def loss(x: Tensor) -> Tensor:
        y = first_output(model, inputs)(x)
        return (y * y * weights_like(y)).sum()

    return hessian(loss, inputs[0], vectorize=True)


def checkpointed(reentrant: bool) -> Callable[[Module, Inputs], Any]:
    def call(model: Module, inputs: Inputs) -> Any:
        def run(*each: Any) -> Any:
            return tuple(tree_leaves(checkpoint(lambda *flat: tuple(tree_leaves(model(*_like(flat)))), *each,
                                                use_reentrant=reentrant)))

        def _like(flat: Any) -> Any:
            return torch.utils._pytree.tree_unflatten(flat, torch.utils._pytree.tree_structure(inputs))

        leaves = [leaf.requires_grad_() for leaf in tree_leaves(inputs)]
        outputs = list(run(*leaves))
        return outputs, gradients(outputs, [*leaves, *model.parameters()])

    return call


def small(subject: Subject) -> bool:
    """Jacobians of the others have too many numbers."""
    return subject.name not in ("conv1d-long", "conv2d-wide", "conv2d-depthwise")


def differentiable(subject: Subject) -> bool:
    return small(subject) and "stream" not in subject.tags


DERIVING = [
    Way("double-backward", twice_differentiated),
    Way("vmap", mapped_inputs),
    Way("vmap-weights", mapped_weights, on=lambda subject: "stream" not in subject.tags),
    Way("gradients-of-samples", gradients_of_samples),
    Way("jacrev", reversed_jacobian, on=small),
    Way("jacfwd", forward_jacobian, on=small),
    Way("jvp", tangent),
    Way("dual", dual),
    Way("vjp", cotangent),
    Way("batched-grad", batched_gradients),
    Way("jacobian-vectorised", vectorised_jacobian("reverse-mode"), on=differentiable),
    Way("jacobian-forward", vectorised_jacobian("forward-mode"), on=differentiable),
    Way("hessian-vectorised", vectorised_hessian, on=differentiable),
    Way("checkpoint", checkpointed(reentrant=False), learn),
    Way("checkpoint-reentrant", checkpointed(reentrant=True), learn),
]
