"""A recurrent layer at work inside of any model: what went in, what came out, and the gradients that came back.

The model is copied to float64 on the CPU and set to evaluation, so that nothing of the user's changes. A hook on the
copy's recurrent layer takes its arguments and results. torch differentiates the loss by the results, which is where
gradients enter, and by the layer's parameters: the fused gradient, which the lens has to find again.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from chainrule._choices import counted
from chainrule.errors import ArgumentError, ShapeError
from chainrule.lens.arrays import as_float64
from chainrule.lens.copying import as_double, double
from chainrule.lens.recurrences.calls import Call, calls_of, chosen
from chainrule.models import ConditionalModel
from chainrule.nn import swap
from chainrule.ops.recurrence.backends.reference import State

__all__ = ["Captured", "capture"]

_KEPT = 300_000_000  # numbers of a forward and a backward pass


@dataclass(frozen=True)
class Captured:
    """A call, the loss, and the gradients that enter: dY (T, B, ·), dlast (B, ·) for each scan."""

    call: Call
    loss: float
    losses: Tensor | None  # (B, T), of a model that has one a step
    dY: Tensor
    dlast: list[State]
    fused: dict[str, Tensor]  # torch's gradient of the layer's parameters, by their names


@torch.inference_mode(False)
@torch.enable_grad()
def capture(model: nn.Module, x: Any, y: Any, state: Any, layer: str | None, options: Mapping[str, Any]) -> Captured:
    """Run a copy of the model once, forward and backward, and listen to its recurrent layer."""
    twin = double(model)
    found = chosen(twin, layer)
    if options and found is twin:
        swap(twin)  # torch.nn's layers have neither resets nor lengths
    calls: list[Call] = []
    with calls_of(found, calls.append), _limited(found):
        args = (_sequence(x),) if found is twin else as_double(x if type(x) is tuple else (x,))
        result = twin(*args, *(() if state is None else (as_double(state),)), **options)
    if len(calls) != 1:
        raise ArgumentError(
            f"the recurrent layer ran {len(calls)} times in one call of the model; the lens looks into one run over a "
            "whole sequence. Give the layer itself, with its input."
        )
    (call,) = calls
    if 0 in call.x.shape[:2] or (call.lengths is not None and not call.lengths.any()):
        raise ShapeError(f"x of shape {tuple(call.x.shape)} enters the layer: it has no step to look at.")
    _check_numbers("what enters the layer", call.x, call.lengths)
    for name, parameter in found.named_parameters():
        if not parameter.isfinite().all():
            raise ArgumentError(f"{name} has NaN or infinity in it: there are no gradients to look at.")
    losses, loss = _loss(twin, result, y)
    if not loss.requires_grad:
        raise ArgumentError("the loss does not depend on what the model computed: it has no gradient.")
    if not loss.isfinite():
        raise ArgumentError(f"the loss is {loss.item()}: there are no gradients to look at. Is y finite?")
    parameters = dict(found.named_parameters())
    wanted = [call.output, *call.last, *parameters.values()]
    dy, *rest = torch.autograd.grad(loss, wanted, materialize_grads=True)
    parts = len(call.last)
    ends = [end.view(len(end), -1, end.shape[-1]) for end in rest[:parts]]
    fused = rest[parts:]
    dY = call.time_major(dy).contiguous()
    return Captured(
        call.detached(),  # what is kept must not keep the graph of the copy's pass
        float(loss.detach()),
        losses,
        dY,
        list(zip(*(end.unbind(0) for end in ends), strict=True)),
        dict(zip(parameters, fused, strict=True)),
    )


@contextmanager
def _limited(layer: nn.RNNBase) -> Iterator[None]:
    """Refuse more steps than memory has room for, before the layer runs over them."""
    width = len(layer._all_weights) * (layer.input_size + 24 * layer.hidden_size)

    def check(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        x = args[0] if args else kwargs["input"]
        data = x.data if isinstance(x, PackedSequence) else x
        steps = data.numel() // max(layer.input_size, 1)
        if steps * width > _KEPT:
            raise ArgumentError(
                f"{counted(steps, 'step')} over all rows are more than the lens keeps of a layer of this size: "
                f"{_KEPT // width:,} in all would do."
            )

    handle = layer.register_forward_pre_hook(check, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def _check_numbers(name: str, x: Tensor, lengths: Tensor | None) -> None:
    """Refuse x (B, T, ·) that is NaN or infinite within its rows' lengths, and say where it is first."""
    wrong = ~x.isfinite().all(-1)
    if lengths is not None:
        wrong &= torch.arange(x.shape[1]) < lengths.view(-1, 1)
    if wrong.any():
        row, step = wrong.nonzero()[0].tolist()
        raise ArgumentError(f"{name} has NaN or infinity in it, first in row {row} at step {step}.")


def _sequence(x: Any) -> Any:
    """What a layer itself is given: numbers of any kind, or a PackedSequence of them."""
    return as_double(x) if isinstance(x, PackedSequence) else as_float64("x", x)


def _loss(model: nn.Module, result: Any, y: Any) -> tuple[Tensor | None, Tensor]:
    """The loss of every step, where the model has such, and its sum."""
    if isinstance(model, ConditionalModel):
        if y is not None:
            raise ArgumentError("a conditional model scores x itself: leave y out.")
        return -result[0].detach(), -result[0].sum()
    output = result[0] if isinstance(result, tuple) and not isinstance(result, PackedSequence) else result
    output = output.data if isinstance(output, PackedSequence) else output
    if y is None:
        return None, output.sum()
    if callable(y) and not isinstance(y, Tensor):
        loss = y(result)
        if not isinstance(loss, Tensor):
            raise ArgumentError(f"y gave {type(loss).__name__} for what the model returned; expected a tensor.")
        return None, loss.sum()
    target = as_double(y)
    if not isinstance(target, Tensor) or target.shape != output.shape or not target.is_floating_point():
        what = f"{target.dtype} {tuple(target.shape)}" if isinstance(target, Tensor) else type(y).__name__
        raise ShapeError(
            f"y is {what}; expected targets of the output's shape {tuple(output.shape)}, for half the squared error, "
            "or a function from what the model returns to the loss."
        )
    return None, (output - target).square().sum() / 2
