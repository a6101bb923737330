"""A recurrent layer at work inside of any model: what went in, what came out, and the gradients that came back.

The model is copied to float64 on the CPU and set to evaluation, so that nothing of the user's changes. A hook on the
copy's recurrent layer takes its arguments and results. torch differentiates the loss by the results, which is where
gradients enter, and by the layer's parameters: the fused gradient, which the lens has to find again.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from chainrule.errors import ArgumentError, ShapeError
from chainrule.lens.arrays import as_float64
from chainrule.lens.stack import Stack, stack_of
from chainrule.models import ConditionalModel
from chainrule.nn import swap
from chainrule.ops.arguments import as_lengths
from chainrule.ops.recurrence.reference import State

__all__ = [
    "Call",
    "Captured",
    "as_double",
    "calls_of",
    "capture",
    "chosen",
    "double",
    "gradients_in_chunks",
    "steps_of",
]


_KEPT = 300_000_000  # numbers of a forward and a backward pass


@dataclass(frozen=True)
class Call:
    """One call of a recurrent layer, brought to rows first: x (B, T, I), hx (layers * directions, B, ·)."""

    layer: nn.RNNBase
    x: Tensor
    hx: State | None
    resets: Tensor | None
    lengths: Tensor | None
    output: Tensor  # as the layer gave it, so that autograd knows it
    last: State  # likewise
    time_major: Callable[[Tensor], Tensor]
    """Brings what is laid out as ``output`` to (T, B, ·)."""

    @classmethod
    def of(cls, layer: nn.RNNBase, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: tuple[Any, ...]) -> "Call":
        """From what a forward hook is given."""
        given = dict(zip(("input", "hx"), args, strict=False)) | dict(kwargs)
        x, hx, resets, lengths = (given.get(name) for name in ("input", "hx", "resets", "lengths"))
        states, last = (None if s is None else (s,) if isinstance(s, Tensor) else tuple(s) for s in (hx, result[1]))
        assert last is not None
        if isinstance(x, PackedSequence):
            rows, lengths = pad_packed_sequence(x, batch_first=True)
            output, packing = result[0].data, x[1:]

            def padded(data: Tensor) -> Tensor:
                return pad_packed_sequence(PackedSequence(data, *packing))[0]

            return cls(layer, rows, states, resets, lengths, output, last, padded)
        assert isinstance(x, Tensor)
        lengths = None if lengths is None else as_lengths(lengths)
        if x.dim() == 2:
            resets, lengths = _row(resets), _row(lengths)
            states = None if states is None else tuple(s[:, None] for s in states)
            return cls(layer, x[None], states, resets, lengths, result[0], last, partial(torch.unsqueeze, dim=1))
        if layer.batch_first:
            return cls(layer, x, states, resets, lengths, result[0], last, lambda dy: dy.transpose(0, 1))
        return cls(layer, x.transpose(0, 1), states, resets, lengths, result[0], last, lambda dy: dy)

    def detached(self) -> "Call":
        """The same numbers without their graph."""
        hx = None if self.hx is None else tuple(h.detach() for h in self.hx)
        last = tuple(state.detach() for state in self.last)
        return replace(self, x=self.x.detach(), hx=hx, output=self.output.detach(), last=last)

    def stack(self, rows: slice = slice(None), steps: slice = slice(None)) -> Stack:
        """The layer's recurrences over some of the rows, and from the first to some of the steps, in its dtype."""
        x, resets = self.x[:, steps], None if self.resets is None else self.resets[:, steps]
        lengths = None if self.lengths is None else self.lengths.clamp(max=x.shape[1])
        return stack_of(self.layer, x, self.hx, resets, lengths, rows)


def steps_of(layer: nn.RNNBase, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """How many steps a call of the layer takes, from what a hook is given."""
    x = args[0] if args else kwargs["input"]
    if isinstance(x, PackedSequence):
        return len(x.batch_sizes)
    return int(x.shape[1 if layer.batch_first and x.dim() == 3 else 0])


@dataclass(frozen=True)
class Captured:
    """A call, the loss, and the gradients that enter: dY (T, B, ·), dlast (B, ·) for each scan."""

    call: Call
    loss: float
    losses: Tensor | None  # (B, T), of a model that has one a step
    dY: Tensor
    dlast: list[State]
    fused: dict[str, Tensor]  # torch's gradient of the layer's parameters, by their names


def _recurrent_layers(model: nn.Module) -> dict[str, nn.RNNBase]:
    """torch.nn's and chainrule's RNN, GRU and LSTM in a model, by name; "" is the model itself."""
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.RNNBase)}


def double(model: nn.Module) -> nn.Module:
    """A copy in float64 on the CPU, in evaluation, all of whose parameters want a gradient.

    Raises:
        ArgumentError: it is no module, or cannot be copied.
    """
    if not isinstance(model, nn.Module):
        raise ArgumentError(f"model is {type(model).__name__}; expected a layer or a model of torch.nn or chainrule.")
    try:
        twin = copy.deepcopy(model)
    except RuntimeError as error:  # a tensor with a graph among its attributes, as torch.nn.utils.weight_norm leaves
        raise ArgumentError(
            "the model cannot be copied, since it holds tensors that are computed from others. If it is "
            "torch.nn.utils.weight_norm's, remove_weight_norm makes a plain one."
        ) from error
    return twin.to("cpu", torch.float64).eval().requires_grad_()


def as_double(value: Any) -> Any:
    """Copies of floating tensors and arrays in float64 on the CPU, within tuples too; of others as they are."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value)
    if isinstance(value, Tensor):
        dtype = torch.float64 if value.is_floating_point() else value.dtype
        return value.detach().to("cpu", dtype, copy=True)
    if isinstance(value, tuple | list):
        parts = map(as_double, value)
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


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
    ends, fused = [end.view(len(end), -1, end.shape[-1]) for end in rest[:parts]], rest[parts:]
    dY = call.time_major(dy).contiguous()
    return Captured(
        call.detached(),  # what is kept must not keep the graph of the copy's pass
        float(loss.detach()),
        losses,
        dY,
        list(zip(*(end.unbind(0) for end in ends), strict=True)),
        dict(zip(parameters, fused, strict=True)),
    )


@torch.enable_grad()
def gradients_in_chunks(call: Call, dY: Tensor, dlast: list[State], k: int) -> dict[str, Tensor]:
    """The layer run in chunks of k steps with the state detached between them, and differentiated by torch."""
    layer, T = call.layer, call.x.shape[1]
    if call.resets is not None or call.lengths is not None:
        swap(layer)
    hx, total = call.hx, torch.zeros((), dtype=torch.float64)
    for start in range(0, T, k):
        x = call.x[:, start : start + k]
        options: dict[str, Any] = {}
        if call.resets is not None:
            options["resets"] = call.resets[:, start : start + k]
        if call.lengths is not None:
            options["lengths"] = (call.lengths - start).clamp(0, x.shape[1])
        state = None if hx is None else hx if len(hx) == 2 else hx[0]
        output, last = layer(x if layer.batch_first else x.transpose(0, 1), state, **options)
        y = output.transpose(0, 1) if layer.batch_first else output
        last = last if isinstance(last, tuple) else (last,)
        total = total + (y * dY[start : start + k]).sum()
        if start + k >= T:
            ends = (torch.stack(parts) for parts in zip(*dlast, strict=True))
            total = total + sum((end * s).sum() for end, s in zip(ends, last, strict=True))
        hx = tuple(s.detach() for s in last)
    parameters = dict(layer.named_parameters())
    found = torch.autograd.grad(total, list(parameters.values()), materialize_grads=True)
    return dict(zip(parameters, found, strict=True))


@contextmanager
def calls_of(layer: nn.RNNBase, tell: Callable[[Call], None]) -> Iterator[None]:
    """Call ``tell`` with each call of the layer meanwhile."""

    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: tuple[Any, ...]) -> None:
        tell(Call.of(layer, args, kwargs, result))

    handle = layer.register_forward_hook(hook, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


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
                f"{steps:,} steps over all rows are more than the lens keeps of a layer of this size: "
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


def _row(t: Tensor | None) -> Tensor | None:
    return None if t is None else t[None]


def chosen(model: nn.Module, name: str | None) -> nn.RNNBase:
    """The recurrent layer of this name, or the only one."""
    found = _recurrent_layers(model)
    names = ", ".join(repr(each) for each in found)
    if name is not None and name not in found:
        raise ArgumentError(f"layer is {name!r}; the recurrent layers of this model are {names or 'none'}.")
    if not found:
        raise ArgumentError(
            f"{type(model).__name__} has no recurrent layer of torch.nn or chainrule.nn; expected an RNN, GRU or LSTM, "
            "a model around one, or a window model of chainrule."
        )
    if name is None and len(found) > 1:
        raise ArgumentError(f"the model has {len(found)} recurrent layers: say which, with layer= one of {names}.")
    layer = next(iter(found.values())) if name is None else found[name]
    if is_parametrized(layer):
        raise ArgumentError(
            "the layer's weights are parametrized. Give a copy that torch.nn.utils.parametrize.remove_parametrizations "
            "has made plain."
        )
    return layer


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
