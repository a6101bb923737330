"""One pass of a network over one input, forward and backward, with what every layer read, gave and received.

The network is copied to float64 on the CPU and set to evaluation mode, so that nothing of the user's changes. Hooks on
the copy's layers record their inputs and outputs; torch differentiates the target, a loss or the score of a class, with
respect to all of them and to the parameters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from chainrule._choices import listed, spelt
from chainrule.errors import ArgumentError, ShapeError
from chainrule.lens.copying import as_double, double
from chainrule.lens.layers.passes.layer_pass import LayerPass
from chainrule.lens.layers.passes.recording import Call, recorded
from chainrule.ops.arguments import as_int

__all__ = ["Layer", "NetworkPass", "Target", "run_network"]

Layer = int | str
Target = Callable[[Tensor, Sequence[Tensor]], Tensor]


@dataclass(frozen=True)
class NetworkPass:
    """The network's input x (1, ...), its scores of K classes (K,), the gradients of x and of every parameter.

    ``network`` is the copy, and ``arguments`` what it was called with.
    """

    network: nn.Module
    arguments: tuple[Any, ...]
    x: Tensor
    scores: Tensor
    dx: Tensor
    layers: tuple[LayerPass, ...]
    gradients: dict[str, Tensor]
    """Of the parameters, by their names in the network."""

    @property
    def first(self) -> LayerPass:
        """The first layer with kernels or a matrix, or the first of all."""
        weighted = (layer for layer in self.layers if any(w.dim() > 1 for w in layer.module.parameters()))
        return next(weighted, self.layers[0])

    def layer(self, which: Layer) -> LayerPass:
        """The layer of this number or name; the first call, of one that is called again.

        Raises:
            ArgumentError: there is none.
        """
        number = as_int(which)
        found = [each for each in self.layers if each.number == number or each.name == which]
        if not found:
            names = listed((f"{each.number} {each.name}" for each in self.layers), shown=20)
            raise ArgumentError(f"`layer` is {spelt(which)}; expected the number or name of one: {names}.")
        return found[0]


@torch.inference_mode(False)
@torch.enable_grad()
def run_network(network: nn.Module, x: Any, target: Target) -> NetworkPass:
    """Run a copy of the network once, and differentiate what ``target`` makes of its scores (K,) and layers' outputs.

    Raises:
        ArgumentError, ShapeError: x is not one input of finite numbers, or the network does not give it one row of
            scores; the network has no layers, or layers with parametrized weights.
    """
    _check_network(network)
    twin = double(network)
    first, *others = _arguments(x)
    first.requires_grad_()
    calls: list[Call] = []
    with torch.autocast("cpu", enabled=False), recorded(twin, calls):
        result = twin(first, *others)
    scores = _scores(result)
    if not calls:
        raise ArgumentError(
            f"{type(network).__name__} calls no layer of torch.nn or chainrule.nn, so there is none to show."
        )
    parameters = dict(twin.named_parameters())
    value = target(scores[0], [call.y for call in calls])
    wanted = [first, *parameters.values(), *(each for call in calls for each in call.wanted)]
    found = iter(torch.autograd.grad(value, wanted, materialize_grads=True))
    dx = next(found)
    gradients = {name: next(found) for name in parameters}
    layers: list[LayerPass] = []
    for number, call in enumerate(calls):
        before = layers[-1] if layers else None
        layers.append(call.passed(number, before, [next(found) for _ in call.wanted]))
    x = first.detach()
    return NetworkPass(twin, (x, *others), x, scores[0].detach(), dx, tuple(layers), gradients)


def _check_network(network: nn.Module) -> None:
    if not isinstance(network, nn.Module):
        raise ArgumentError(f"`model` is {type(network).__name__}; expected a network of torch.nn or chainrule.")
    if any(map(is_parametrized, network.modules())):
        raise ArgumentError(
            "the network has parametrized weights. Give a copy of it to which "
            "torch.nn.utils.parametrize.remove_parametrizations was applied."
        )


def _arguments(x: Any) -> Sequence[Any]:
    """What the network is called with; the first is the input, one row of floating numbers."""
    arguments = list(as_double(x if type(x) is tuple else (x,)))
    first = arguments[0] if arguments else None
    if not isinstance(first, Tensor) or not first.is_floating_point() or first.dim() < 2 or len(first) != 1:
        got = f"{first.dtype} {tuple(first.shape)}" if isinstance(first, Tensor) else type(first).__name__
        raise ShapeError(f"x is {got}; expected one input with its batch dimension, such as float32 (1, 1, 28, 28).")
    if not first.isfinite().all():
        raise ArgumentError("x contains NaN or infinity; expected finite numbers.")
    return arguments


def _scores(result: Any) -> Tensor:
    """One row of scores, a number for each class."""
    if not isinstance(result, Tensor) or result.dim() != 2 or len(result) != 1 or result.shape[1] < 2:
        got = f"shape {tuple(result.shape)}" if isinstance(result, Tensor) else type(result).__name__
        raise ShapeError(f"the network gives {got}; expected scores (1, classes), of two classes or more.")
    if not result.requires_grad:
        raise ArgumentError("the scores do not depend on x or the parameters by anything that can be differentiated.")
    if not result.isfinite().all():
        raise ArgumentError("a score is NaN or infinite, so there are no gradients to inspect.")
    return result
