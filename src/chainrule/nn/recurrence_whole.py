"""All layers and directions of a recurrent layer in one call of torch's fused op, as torch.nn makes it.

On a GPU that is cuDNN's, which runs a stack faster than its layers one after the other. The parameters stay what they
are; that they lie in one chunk of memory, as cuDNN reads them, is seen to at each call.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from chainrule._choices import counted
from chainrule.nn.recurrence_options import Optioned, state_widths
from chainrule.ops.choices import Choice, Description, listener
from chainrule.ops.plain import PLAIN, is_traced, is_transformed, named
from chainrule.ops.pointers import lacks_memory
from chainrule.ops.recurrence.backends import stack
from chainrule.ops.recurrence.backends.stack import FusedLayers

__all__ = ["run_at_once"]

_States = tuple[Tensor, ...]


def run_at_once(layer: Optioned, input: Tensor | PackedSequence, hx: _States | None) -> tuple[Any, _States] | None:
    """The outputs and states of a call without options; None where the layers have to run one by one.

    The cell is one that torch has. The layers run one by one where something records or transforms the call, and where
    torch would refuse it: the checks of the other way then say why.
    """
    data = input[0] if isinstance(input, PackedSequence) else input
    if torch.compiler.is_compiling() or is_traced() or is_transformed():
        return None
    if type(data) not in PLAIN or not _is_input(layer, data, isinstance(input, PackedSequence)):
        return None
    weights = _weights_of(layer)
    if not _are_weights(weights, data):
        return None
    if isinstance(input, PackedSequence):
        return _packed(layer, input, hx, weights)
    if data.dim() == 3:
        return _padded(layer, data, hx, weights)
    if not _are_states(layer, data, hx, ()):
        return None
    given = None if hx is None else tuple(h.unsqueeze(1) for h in hx)
    row = 0 if layer.batch_first else 1
    found = _padded(layer, data.unsqueeze(row), given, weights)
    return None if found is None else (found[0].squeeze(row), tuple(s.squeeze(1) for s in found[1]))


def _padded(
    layer: Optioned, x: Tensor, hx: _States | None, weights: list[Tensor], batch_sizes: Tensor | None = None
) -> tuple[Tensor, _States] | None:
    """Of x as the layer lays it out, or of the data of a PackedSequence."""
    rows = 0 if layer.batch_first else 1
    batch = x.shape[rows] if batch_sizes is None else int(batch_sizes[0])
    if not _are_states(layer, x, hx, (batch,)):
        return None
    state = _zeros(layer, x, batch) if hx is None else tuple(hx)
    whole = _stack_of(layer)
    settled = stack.settle(whole, weights)
    if tell := listener():
        reason = f"x is on {x.device}, where torch's own runs {counted(layer.num_layers, 'layer')} in one call"
        tell(Choice(whole.cell, _rows_first(layer, x), False, "torch", reason, *Description.of_torch(), whole=True))
    return named(whole.cell, stack.run, whole, x, state, weights, batch_sizes, settled)


def _packed(
    layer: Optioned, input: PackedSequence, hx: _States | None, weights: list[Tensor]
) -> tuple[PackedSequence, _States] | None:
    data, batch_sizes, order, inverse = input
    if hx is not None and order is not None:
        if not _are_states(layer, data, hx, (int(batch_sizes[0]),)):
            return None
        hx = tuple(h.index_select(1, order) for h in hx)
    found = _padded(layer, data, hx, weights, batch_sizes)
    if found is None:
        return None
    y, states = found
    if inverse is not None:
        states = tuple(s.index_select(1, inverse) for s in states)
    return PackedSequence(y, batch_sizes, order, inverse), states


def _stack_of(layer: Optioned) -> FusedLayers:
    return FusedLayers(
        layer.mode.lower(),
        layer.input_size,
        layer.hidden_size,
        layer.proj_size,
        layer.num_layers,
        layer.bidirectional,
        layer.bias,
        layer.dropout if layer.training else 0.0,
        layer.batch_first,
    )


def _weights_of(layer: Optioned) -> list[Any]:
    """The weights in torch's order; those that a parametrization computes, computed."""
    names = layer._flat_weights_names
    weights = list(map(layer._parameters.get, names))
    if any(w is None for w in weights):
        return [getattr(layer, name) for name in names]
    return weights


def _zeros(layer: Optioned, x: Tensor, batch: int) -> _States:
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    widths = state_widths(layer)
    first = x.new_zeros(count, batch, widths[0])
    return tuple(first if width == widths[0] else x.new_zeros(count, batch, width) for width in widths)


def _rows_first(layer: Optioned, x: Tensor) -> tuple[int, ...]:
    """The shape of x as the ops have it, (batch, time, input); of packed steps as they are."""
    if x.dim() == 2 or layer.batch_first:
        return tuple(x.shape)
    return x.shape[1], x.shape[0], x.shape[2]


def _is_input(layer: Optioned, x: Tensor, is_packed: bool) -> bool:
    has_shape = x.dim() == 2 or (x.dim() == 3 and not is_packed)
    return has_shape and x.shape[-1] == layer.input_size and x.numel() > 0 and not lacks_memory(x)


def _are_weights(weights: list[Any], x: Tensor) -> bool:
    dtype = weights[0].dtype
    device = x.device
    if dtype != x.dtype and not _casts(x):
        return False
    return all(type(w) in PLAIN and w.dtype is dtype and w.device == device for w in weights)


def _are_states(layer: Optioned, x: Tensor, hx: Any, batch: tuple[int, ...]) -> bool:
    if hx is None:
        return True
    widths = state_widths(layer)
    if not isinstance(hx, tuple | list) or len(hx) != len(widths):
        return False
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    return all(
        type(h) in PLAIN
        and h.shape == (count, *batch, width)
        and h.device == x.device
        and (h.dtype is x.dtype or _casts(x))
        and not lacks_memory(h)
        for h, width in zip(hx, widths, strict=True)
    )


def _casts(x: Tensor) -> bool:
    """Whether autocast brings x, the states and the weights to one dtype, as torch's own does on a GPU."""
    return x.is_cuda and x.dtype != torch.float64 and torch.is_autocast_enabled("cuda")
