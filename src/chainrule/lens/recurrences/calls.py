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
from chainrule.lens.recurrences.stack import Stack, stack_of
from chainrule.ops.arguments import as_lengths
from chainrule.ops.recurrence.backends.reference import State

__all__ = ["Call", "calls_of", "chosen", "steps_of"]


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
            output = result[0].data
            packing = x[1:]

            def padded(data: Tensor) -> Tensor:
                return pad_packed_sequence(PackedSequence(data, *packing))[0]

            return cls(layer, rows, states, resets, lengths, output, last, padded)
        assert isinstance(x, Tensor)
        lengths = None if lengths is None else as_lengths(lengths)
        if x.dim() == 2:
            resets = _row(resets)
            lengths = _row(lengths)
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
        x = self.x[:, steps]
        resets = None if self.resets is None else self.resets[:, steps]
        lengths = None if self.lengths is None else self.lengths.clamp(max=x.shape[1])
        return stack_of(self.layer, x, self.hx, resets, lengths, rows)


def steps_of(layer: nn.RNNBase, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int:
    """How many steps a call of the layer takes, from what a hook is given."""
    x = args[0] if args else kwargs["input"]
    if isinstance(x, PackedSequence):
        return len(x.batch_sizes)
    return int(x.shape[1 if layer.batch_first and x.dim() == 3 else 0])


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


def chosen(model: nn.Module, name: str | None) -> nn.RNNBase:
    """The recurrent layer of this name, or the only one."""
    found = _recurrent_layers(model)
    names = ", ".join(repr(each) for each in found)
    if name is not None and (not isinstance(name, str) or name not in found):
        raise ArgumentError(f"layer is {name!r}; the recurrent layers of this model are {names or 'none'}.")
    if not found:
        raise ArgumentError(
            f"{type(model).__name__} has no recurrent layer of torch.nn or chainrule.nn; expected an RNN, GRU or LSTM, "
            "a model around one, or a window model of chainrule."
        )
    if name is None and len(found) > 1:
        raise ArgumentError(f"the model has several recurrent layers: say which, with layer= one of {names}.")
    layer = next(iter(found.values())) if name is None else found[name]
    if is_parametrized(layer):
        raise ArgumentError(
            "the layer's weights are parametrized. Give a copy that torch.nn.utils.parametrize.remove_parametrizations "
            "has made plain."
        )
    return layer


def _recurrent_layers(model: nn.Module) -> dict[str, nn.RNNBase]:
    """torch.nn's and chainrule's RNN, GRU and LSTM in a model, by name; "" is the model itself."""
    return {name: module for name, module in model.named_modules() if isinstance(module, nn.RNNBase)}


def _row(t: Tensor | None) -> Tensor | None:
    return None if t is None else t[None]
