"""Ways that differentiate or map: torch.func, forward mode, batched gradients."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.autograd.functional import hessian, jacobian
from torch.func import functional_call, jacfwd, jacrev, jvp, vjp, vmap
from torch.nn import Module
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten
from torch.utils.checkpoint import checkpoint

from tests.contract.rule import Way
from tests.contract.subjects import Inputs, Subject
from tests.contract.ways.plain import backward, gradients, mapped, varied, weights_like

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


def stacked(outcomes: list[Any]) -> Any:
    return tree_map(lambda *each: torch.stack(each), *outcomes)


def mapped_inputs(model: Module, inputs: Inputs) -> Any:
    both = stacked([inputs, varied(inputs)])
    return vmap(lambda *each: model(*each))(*both)


def each_input(model: Module, inputs: Inputs) -> Any:
    return stacked([model(*inputs), model(*varied(inputs))])


def ensemble(model: Module) -> list[dict[str, Tensor]]:
    return [{name: k * w.detach() for name, w in model.named_parameters()} for k in (1, 2)]


def mapped_weights(model: Module, inputs: Inputs) -> Any:
    return vmap(lambda weights: functional_call(model, weights, inputs))(stacked(ensemble(model)))


def each_weight(model: Module, inputs: Inputs) -> Any:
    return stacked([functional_call(model, weights, inputs) for weights in ensemble(model)])


def energy(outputs: Any) -> Tensor:
    return torch.stack([(y * y).sum() for y in tree_leaves(outputs)]).sum()


def gradients_of_samples(model: Module, inputs: Inputs) -> Any:
    weights = {name: w.detach() for name, w in model.named_parameters()}

    def loss(weights: Any, *each: Any) -> Tensor:
        return energy(functional_call(model, weights, each))

    both = stacked([inputs, varied(inputs)])
    return vmap(torch.func.grad(loss), (None, *(0 for _ in both)))(weights, *both)


def gradients_of_each(model: Module, inputs: Inputs) -> Any:
    weights = list(model.parameters())
    losses = [energy(model(*each)) for each in (inputs, varied(inputs))]
    return stacked([torch.autograd.grad(loss, weights) for loss in losses])


def reversed_jacobian(model: Module, inputs: Inputs) -> Any:
    return jacrev(first_output(model, inputs))(inputs[0])


def forward_jacobian(model: Module, inputs: Inputs) -> Any:
    return jacfwd(first_output(model, inputs))(inputs[0])


def tangent(model: Module, inputs: Inputs) -> Any:
    return jvp(first_output(model, inputs), (inputs[0],), (weights_like(inputs[0]),))


def dual(model: Module, inputs: Inputs) -> Any:
    with forward_ad.dual_level():
        x = forward_ad.make_dual(inputs[0], weights_like(inputs[0]))
        y, slope = forward_ad.unpack_dual(first_output(model, inputs)(x))
        return y, torch.zeros_like(y) if slope is None else slope


def plain_jacobian(model: Module, inputs: Inputs) -> Any:
    return jacobian(first_output(model, inputs), inputs[0])


def plain_tangent(model: Module, inputs: Inputs) -> Any:
    slope = plain_jacobian(model, inputs)
    direction = weights_like(inputs[0])
    y = first_output(model, inputs)(inputs[0])
    return y, (slope * direction).sum(tuple(range(y.dim(), slope.dim())))


def cotangent(model: Module, inputs: Inputs) -> Any:
    y, back, *_ = vjp(first_output(model, inputs), inputs[0])
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
        leaves, spec = tree_flatten(mapped(lambda t: t.requires_grad_(), inputs))

        def run(*each: Tensor) -> tuple[Tensor, ...]:
            return tuple(tree_leaves(model(*tree_unflatten(each, spec))))

        return backward(model, lambda: checkpoint(run, *leaves, use_reentrant=reentrant), leaves)

    return call


def plain_backward(model: Module, inputs: Inputs) -> Any:
    inputs = mapped(lambda t: t.requires_grad_(), inputs)
    return backward(model, lambda: model(*inputs), tree_leaves(inputs))


def small(subject: Subject) -> bool:
    """Jacobians of the others have too many numbers."""
    return subject.name not in ("conv1d-long", "conv2d-wide", "conv2d-depthwise")


def differentiable(subject: Subject) -> bool:
    return small(subject) and "stream" not in subject.tags


# "Streaming is inference", and a state cannot be mapped
STREAMS = (("stream", "stream"),)

DERIVING = [
    Way("double-backward", twice_differentiated),
    Way("vmap", mapped_inputs, each_input, refused=STREAMS),
    Way("vmap-weights", mapped_weights, each_weight, on=differentiable),
    Way("gradients-of-samples", gradients_of_samples, gradients_of_each, on=differentiable),
    Way("jacrev", reversed_jacobian, plain_jacobian, on=small, refused=STREAMS, steps=6),
    Way("jacfwd", forward_jacobian, plain_jacobian, on=small, refused=STREAMS, steps=6),
    Way("jvp", tangent, plain_tangent, on=small, refused=STREAMS, steps=6),
    Way("dual", dual, plain_tangent, on=small, refused=STREAMS, steps=6),
    Way("vjp", cotangent, refused=STREAMS),
    Way("batched-grad", batched_gradients),
    Way("jacobian-vectorised", vectorised_jacobian("reverse-mode"), plain_jacobian, on=differentiable, steps=6),
    Way("jacobian-forward", vectorised_jacobian("forward-mode"), plain_jacobian, on=differentiable, steps=6),
    Way("hessian-vectorised", vectorised_hessian, on=differentiable, steps=6),
    Way("checkpoint", checkpointed(reentrant=False), plain_backward),
    Way("checkpoint-reentrant", checkpointed(reentrant=True), plain_backward),
]
