"""One pass of a network over one input, forward and backward, with what every layer read, gave and received.

The network is copied to float64 on the CPU and set to evaluation mode, so that nothing of the user's changes. Hooks on
the copy's layers record their inputs and outputs; torch differentiates the target, a loss or the score of a class, with
respect to all of them and to the parameters.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from chainrule.errors import ArgumentError, ShapeError
from chainrule.lens.copying import as_double, double
from chainrule.lens.layers.passes.layer_pass import LayerPass
from chainrule.lens.recurrences.layer_calls import LayerCall

__all__ = ["NetworkPass", "Target", "run_network"]

_IDLE = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.Identity)  # in evaluation mode
_KEPT = 100_000_000  # numbers of all layers

Target = Callable[[Tensor, Sequence[Tensor]], Tensor]


@dataclass(frozen=True)
class NetworkPass:
    """The network's input x (1, ...), its scores of K classes (K,), the gradients of both and of every parameter.

    ``network`` is the copy, and ``arguments`` what it was called with.
    """

    network: nn.Module
    arguments: tuple[Any, ...]
    x: Tensor
    scores: Tensor
    dx: Tensor
    dscores: Tensor
    layers: tuple[LayerPass, ...]
    gradients: dict[str, Tensor]
    """Of the parameters, by their names in the network."""


@dataclass
class _Call:
    name: str
    module: nn.Module
    x: Tensor
    y: Tensor
    recurrent: LayerCall | None


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
    inputs, *others = _arguments(x)
    inputs.requires_grad_()
    calls: list[_Call] = []
    with torch.autocast("cpu", enabled=False), _recorded(twin, calls):
        result = twin(inputs, *others)
    scores = _scores(result)
    parameters = dict(twin.named_parameters())
    value = target(scores[0], [call.y for call in calls])
    ends = [_ends(call) for call in calls]
    wanted = [inputs, scores, *parameters.values()]
    for call, last in zip(calls, ends, strict=True):
        wanted += [call.x, call.y, *last]
    dx, dscores, *found = torch.autograd.grad(value, wanted, materialize_grads=True)
    gradients = dict(zip(parameters, found, strict=False))
    rest = iter(found[len(parameters) :])
    layers: list[LayerPass] = []
    for number, (call, last) in enumerate(zip(calls, ends, strict=True)):
        of_x = next(rest)
        of_y = next(rest)
        dlast = _by_scan([next(rest) for _ in last])
        record = None if call.recurrent is None else call.recurrent.detached()
        layers.append(
            LayerPass(
                number,
                call.name,
                call.module,
                x=call.x.detach(),
                y=call.y.detach(),
                dx=of_x,
                dy=of_y,
                features_last=_has_features_last(call, layers),
                call=record,
                dlast=dlast,
            )
        )
    arguments = (inputs.detach(), *others)
    return NetworkPass(twin, arguments, arguments[0], scores[0].detach(), dx, dscores[0], tuple(layers), gradients)


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


@contextmanager
def _recorded(network: nn.Module, calls: list[_Call]) -> Iterator[None]:
    """Record the calls of all layers meanwhile, in their order."""
    handles = []
    room = _KEPT

    def record(name: str, module: nn.Module) -> Callable[..., None]:
        def hook(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            nonlocal room
            recurrent = None
            if isinstance(layer, nn.RNNBase):
                recurrent = LayerCall.of(layer, args, kwargs, result)
            x = args[0] if args else next(iter(kwargs.values()), None)
            y = result[0] if isinstance(result, tuple) else result
            if not (isinstance(x, Tensor) and isinstance(y, Tensor) and x.requires_grad):
                return
            room -= x.numel() + y.numel()
            if room < 0:
                raise ArgumentError(f"the layers read and give more than {_KEPT:,} numbers. Give a smaller input.")
            calls.append(_Call(name, module, x, y, recurrent))

        return hook

    for name, module in network.named_modules():
        if isinstance(module, nn.ReLU | nn.ReLU6 | nn.LeakyReLU | nn.ELU | nn.SiLU):
            module.inplace = False  # which would overwrite what the layer before gave
        is_layer = isinstance(module, nn.RNNBase) or not any(module.children())
        if is_layer and not isinstance(module, _IDLE):
            handles.append(module.register_forward_hook(record(name, module), with_kwargs=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


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


def _has_features_last(call: _Call, before: Sequence[LayerPass]) -> bool:
    """Whether a layer's channels lie behind its positions; most layers leave them as the layer before does."""
    if isinstance(call.module, nn.Linear | nn.LayerNorm | nn.RNNBase):
        return True
    return bool(before) and before[-1].y.shape == call.x.shape and before[-1].features_last


def _ends(call: _Call) -> tuple[Tensor, ...]:
    """The last state of a recurrent layer."""
    return () if call.recurrent is None else call.recurrent.last


def _by_scan(ends: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], ...]:
    """The parts of the last states (scans, B, ·), brought together for every scan."""
    parts = [end.view(len(end), -1, end.shape[-1]).unbind(0) for end in ends]
    return tuple(zip(*parts, strict=True))
