"""One pass of a recurrent layer inside any model: what went in, what came out, and the gradients that came back.

The model is copied to float64 on the CPU and set to evaluation mode, so that nothing of the user's changes. A hook on
the copy's recurrent layer records its arguments and results. torch differentiates the loss with respect to the results,
which is where gradients enter, and to the layer's parameters: the fused gradient, which the lens has to find again.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from chainrule._choices import counted
from chainrule.errors import ArgumentError, ShapeError
from chainrule.lens.conversion import as_float64
from chainrule.lens.copying import as_double, double
from chainrule.lens.recurrences.layer_calls import LayerCall, calls_of, chosen, input_of
from chainrule.models import ConditionalModel
from chainrule.nn import swap
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["Captured", "capture"]

_KEPT = 300_000_000  # numbers of a forward and a backward pass


@dataclass(frozen=True)
class Captured:
    """A call, the loss, and the gradients that enter: dY (T, B, ·), dlast (B, ·) for each scan."""

    call: LayerCall
    loss: float
    losses: Tensor | None  # (B, T), where there is one a step
    outputs: Tensor | None  # (B, T, ·), of a model around the layer, where it has some a step
    dY: Tensor
    dlast: list[State]
    fused: dict[str, Tensor]  # torch's gradient of the layer's parameters, by their names


@torch.inference_mode(False)
@torch.enable_grad()
def capture(model: nn.Module, x: Any, y: Any, *, state: Any, layer: str | None, options: Mapping[str, Any]) -> Captured:
    """Run a copy of the model once, forward and backward, and listen to its recurrent layer."""
    twin = double(model)
    recurrent = chosen(twin, layer)
    if options and recurrent is twin:
        swap(twin)  # torch.nn's layers have neither resets nor lengths
    args = [_sequence(x)] if recurrent is twin else _arguments(x)
    if state is not None:
        args.append(as_double(state))
    calls: list[LayerCall] = []
    predictions: list[Any] = []
    with calls_of(recurrent, calls.append), _limited(recurrent), _predictions_of(twin, predictions.append):
        result = twin(*args, **options)
    if len(calls) != 1:
        raise ArgumentError(
            f"the recurrent layer ran {len(calls)} times in one call of the model; expected one run over a whole "
            "sequence. Give the layer itself, with its input."
        )
    call = calls[0]
    parameters = dict(recurrent.named_parameters())
    _check_call(call, parameters)
    losses, loss = _loss(twin, result, y)
    _check_loss(loss)
    outputs = None if recurrent is twin else _outputs(result, predictions, call)
    wanted = [call.output, *call.last, *parameters.values()]
    dy, *others = torch.autograd.grad(loss, wanted, materialize_grads=True)
    parts = len(call.last)
    ends = [end.view(len(end), -1, end.shape[-1]).unbind(0) for end in others[:parts]]
    return Captured(
        call=call.detached(),  # what is kept must not keep the graph of the copy's pass
        loss=float(loss.detach()),
        losses=_rows_first(losses, call),
        outputs=outputs,
        dY=call.time_major(dy).contiguous(),
        dlast=list(zip(*ends, strict=True)),
        fused=dict(zip(parameters, others[parts:], strict=True)),
    )


@contextmanager
def _predictions_of(model: nn.Module, tell: Callable[[Any], None]) -> Iterator[None]:
    """Call ``tell`` with what the head of a conditional model predicts meanwhile."""
    if not isinstance(model, ConditionalModel):
        yield
        return
    handle = model.head.register_forward_hook(lambda module, given, prediction: tell(prediction))
    try:
        yield
    finally:
        handle.remove()


def _outputs(result: Any, predictions: list[Any], call: LayerCall) -> Tensor | None:
    """What the model makes of every step, (B, T, ·): its result, or the numbers of its prediction side by side."""
    if not predictions:
        return _rows_first(_output(result), call)
    steps = call.output.shape[:-1]
    numbers = [value for value in vars(predictions[0]).values() if isinstance(value, Tensor)]
    of_steps = [value for value in numbers if value.shape[:-1] == steps]
    return _rows_first(torch.cat(of_steps, dim=-1), call) if of_steps else None


def _rows_first(values: Any, call: LayerCall) -> Tensor | None:
    """What lies as the layer's output does, (·) or one number for each step, as (B, T, ·) or (B, T); or None."""
    if not isinstance(values, Tensor):
        return None
    values = values.detach()
    steps = call.output.shape[:-1]
    if values.shape == steps:
        return call.time_major(values[..., None])[..., 0].T
    if values.shape[:-1] == steps:
        return call.time_major(values).transpose(0, 1)
    return None


@contextmanager
def _limited(layer: nn.RNNBase) -> Iterator[None]:
    """Refuse more steps than memory has room for, before the layer runs over them."""
    width = len(layer._all_weights) * (layer.input_size + 24 * layer.hidden_size)

    def check(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        x = input_of(args, kwargs)
        numbers = x.data.numel() if isinstance(x, PackedSequence) else x.numel()
        steps = numbers // max(layer.input_size, 1)
        if steps * width > _KEPT:
            raise ArgumentError(
                f"x has {counted(steps, 'step')} over all rows, more than fit into memory for a layer of this size; "
                f"expected {_KEPT // width:,} at most."
            )

    handle = layer.register_forward_pre_hook(check, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def _check_call(call: LayerCall, parameters: Mapping[str, Tensor]) -> None:
    """Refuse a call without a step, and numbers that are NaN or infinite."""
    if 0 in call.x.shape[:2]:
        raise ShapeError(f"the layer's input has shape {tuple(call.x.shape)}; expected at least one row and step.")
    if call.lengths is not None and not call.lengths.any():
        raise ShapeError("`lengths` are all 0; expected at least one step.")
    wrong = ~call.x.isfinite().all(-1)
    if call.lengths is not None:
        wrong &= torch.arange(call.x.shape[1]) < call.lengths.view(-1, 1)
    if wrong.any():
        row, step = wrong.nonzero()[0].tolist()
        raise ArgumentError(f"the layer's input contains NaN or infinity, first in row {row} at step {step}.")
    for name, parameter in parameters.items():
        if not parameter.isfinite().all():
            raise ArgumentError(f"{name} contains NaN or infinity, so there are no gradients to inspect.")


def _check_loss(loss: Tensor) -> None:
    if not loss.requires_grad:
        raise ArgumentError("the loss does not depend on what the model computed, so it has no gradient.")
    if not loss.isfinite():
        raise ArgumentError(f"the loss is {loss.item()}, so there are no gradients to inspect. Is y finite?")


def _sequence(x: Any) -> Any:
    """What a layer itself is given: numbers of any kind, or a PackedSequence of them."""
    return as_double(x) if isinstance(x, PackedSequence) else as_float64("x", x)


def _arguments(x: Any) -> list[Any]:
    """What a model is given: a tuple holds several arguments."""
    several = x if type(x) is tuple else (x,)
    return list(as_double(several))


def _loss(model: nn.Module, result: Any, y: Any) -> tuple[Tensor | None, Tensor]:
    """The loss of every step, laid out as the output, where there is such, and its sum."""
    if isinstance(model, ConditionalModel):
        if y is not None:
            raise ArgumentError("a conditional model scores x itself: leave out `y`.")
        losses = -result[0]
        return losses.detach(), losses.sum()
    if callable(y) and not isinstance(y, Tensor):
        loss = y(result)
        if not isinstance(loss, Tensor):
            raise ArgumentError(f"`y` returned {type(loss).__name__} for the model's result; expected a tensor.")
        return None, loss.sum()
    output = _output(result)
    if y is None:
        return output.sum(-1), output.sum()
    target = as_double(y)
    if not isinstance(target, Tensor) or target.shape != output.shape or not target.is_floating_point():
        got = f"{target.dtype} {tuple(target.shape)}" if isinstance(target, Tensor) else type(y).__name__
        raise ShapeError(
            f"`y` is {got}; expected targets of the output's shape {tuple(output.shape)}, for half the squared error, "
            "or a function from what the model returns to the loss."
        )
    losses = (output - target).square().sum(-1) / 2
    return losses, losses.sum()


def _output(result: Any) -> Any:
    """The first of several results; of a packed one its data."""
    if isinstance(result, tuple) and not isinstance(result, PackedSequence):
        result = result[0]
    return result.data if isinstance(result, PackedSequence) else result
