"""Calls of a recurrent layer, alone or inside of any model: what went in, and what came out."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from chainrule.errors import ArgumentError
from chainrule.lens.conversion import if_given
from chainrule.lens.recurrences.stack import Stack, stack_of
from chainrule.ops.arguments import as_lengths
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["LayerCall", "calls_of", "chosen", "count_steps", "input_of"]


@dataclass(frozen=True)
class LayerCall:
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
    def of(
        cls, layer: nn.RNNBase, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: tuple[Any, ...]
    ) -> "LayerCall":
        """From what a forward hook is given."""
        given = dict(zip(("input", "hx"), args, strict=False)) | dict(kwargs)
        x = given["input"]
        hx = _parts(given.get("hx"))
        last = _parts(result[1])
        resets = given.get("resets")
        lengths = given.get("lengths")
        assert last is not None
        if isinstance(x, PackedSequence):
            return cls._of_packed(layer, x, hx, result[0], last)
        if lengths is not None:
            lengths = as_lengths(lengths)
        if x.dim() == 2:  # one sequence without a batch
            add_row = partial(torch.unsqueeze, dim=1)
            batched = if_given(lambda parts: tuple(map(add_row, parts)), hx)
            return cls(
                layer, x[None], batched, if_given(_row, resets), if_given(_row, lengths), result[0], last, add_row
            )
        if layer.batch_first:
            return cls(layer, x, hx, resets, lengths, result[0], last, _swapped)
        return cls(layer, _swapped(x), hx, resets, lengths, result[0], last, _unchanged)

    @classmethod
    def _of_packed(
        cls, layer: nn.RNNBase, x: PackedSequence, hx: State | None, output: PackedSequence, last: State
    ) -> "LayerCall":
        rows, lengths = pad_packed_sequence(x, batch_first=True)
        packing = x[1:]

        def padded(data: Tensor) -> Tensor:
            return pad_packed_sequence(PackedSequence(data, *packing))[0]

        return cls(layer, rows, hx, None, lengths, output.data, last, padded)

    def detached(self) -> "LayerCall":
        """The same numbers without their graph."""
        hx = if_given(_detached, self.hx)
        return replace(self, x=self.x.detach(), hx=hx, output=self.output.detach(), last=_detached(self.last))

    def stack(self, rows: slice = slice(None), steps: slice = slice(None)) -> Stack:
        """The layer's recurrences over some of the rows, and from the first to some of the steps, in its dtype."""
        x = self.x[:, steps]
        resets = if_given(lambda mask: mask[:, steps], self.resets)
        lengths = if_given(lambda each: each.clamp(max=x.shape[1]), self.lengths)
        return stack_of(self.layer, x, self.hx, resets, lengths, rows)


def count_steps(layer: nn.RNNBase, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """How many steps a call of the layer takes, from what a hook is given."""
    x = input_of(args, kwargs)
    if isinstance(x, PackedSequence):
        return len(x.batch_sizes)
    time = 1 if layer.batch_first and x.dim() == 3 else 0
    return int(x.shape[time])


def input_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | PackedSequence:
    """The layer's input, from what a hook is given."""
    found: Tensor | PackedSequence = args[0] if args else kwargs["input"]
    return found


@contextmanager
def calls_of(layer: nn.RNNBase, tell: Callable[[LayerCall], None]) -> Iterator[None]:
    """Call ``tell`` with each call of the layer meanwhile."""

    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: tuple[Any, ...]) -> None:
        tell(LayerCall.of(layer, args, kwargs, result))

    handle = layer.register_forward_hook(hook, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def chosen(model: nn.Module, name: str | None) -> nn.RNNBase:
    """The recurrent layer of this name, or the only one."""
    layers = _recurrent_layers(model)
    names = ", ".join(map(repr, layers))
    if name is not None and (not isinstance(name, str) or name not in layers):
        raise ArgumentError(f"`layer` is {name!r}; the recurrent layers of this model are {names or 'none'}.")
    if not layers:
        raise ArgumentError(
            f"{type(model).__name__} has no recurrent layer of torch.nn or chainrule.nn; expected an RNN, GRU or LSTM, "
            "a model around one, or a window model of chainrule."
        )
    if name is None and len(layers) > 1:
        raise ArgumentError(f"the model has several recurrent layers: choose one with `layer`, of {names}.")
    layer = layers[name or next(iter(layers))]
    if is_parametrized(layer):
        raise ArgumentError(
            "the layer's weights are parametrized. Give a copy of the model to which "
            "torch.nn.utils.parametrize.remove_parametrizations was applied."
        )
    return layer


def _recurrent_layers(model: nn.Module) -> dict[str, nn.RNNBase]:
    """torch.nn's and chainrule's RNN, GRU and LSTM in a model, by name; "" is the model itself."""
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.RNNBase)}


def _parts(state: Tensor | tuple[Tensor, ...] | None) -> State | None:
    """A state as a tuple: the LSTM's is one already."""
    return (state,) if isinstance(state, Tensor) else state


def _detached(state: State) -> State:
    return tuple(part.detach() for part in state)


def _row(t: Tensor) -> Tensor:
    return t[None]


def _swapped(t: Tensor) -> Tensor:
    """Rows and steps exchanged."""
    return t.transpose(0, 1)


def _unchanged(t: Tensor) -> Tensor:
    return t
