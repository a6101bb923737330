"""torch's fused layers: one call for a stack of them, and the one chunk of memory in which cuDNN reads its weights.

cuDNN takes the weights of all layers and directions from one chunk, in an order of its own. Where they lie elsewhere,
torch copies them there at every call and warns of it. A module's parameters are moved there once instead (`settle`),
as torch.nn's ``flatten_parameters`` does, which leaves out bfloat16 and whatever is copied later. Weights that may not
be moved are copied at each call, without the warning.
"""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.backends.cudnn.rnn import get_cudnn_mode

from chainrule._torch import cudnn_takes_chunks, flatten_for_cudnn, fused, tensors_on
from chainrule.ops.plain import is_captured, is_plain, is_traced, is_transformed, needs_grad
from chainrule.ops.recurrence.cells.spec import State

__all__ = ["FUSED", "FusedLayers", "is_by_cudnn", "is_one_chunk", "run", "settle"]

FUSED: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "rnn_tanh": fused.rnn_tanh,
    "rnn_relu": fused.rnn_relu,
    "gru": fused.gru,
    "lstm": fused.lstm,
}
"""By the names of the cells."""


class FusedLayers(NamedTuple):
    """Layers of one cell, each over the outputs of the one before in both directions or one."""

    cell: str  # one of FUSED
    inputs: int
    hidden: int
    projected: int  # 0 without a projection
    layers: int
    bidirectional: bool
    bias: bool
    dropout: float  # between the layers, in this call
    batch_first: bool


def run(
    stack: FusedLayers,
    x: Tensor,
    state: State,
    weights: Sequence[Tensor],
    batch_sizes: Tensor | None = None,
    settled: bool = False,
) -> tuple[Tensor, State]:
    """The last layer's outputs, and the last state, each part of it (layers * directions, B, ·).

    Args:
        stack: the sizes and options.
        x: the inputs as ``batch_first`` lays them out; with ``batch_sizes`` the data of a PackedSequence.
        state: each part (layers * directions, B, ·).
        weights: those of all layers and directions, in the order of torch.nn's parameters.
        batch_sizes: of a PackedSequence.
        settled: whether the weights are known to lie in one chunk.
    """
    train = stack.dropout > 0
    if x.is_cuda:
        train = train or needs_grad((x, *state, *weights))  # cuDNN's backward pass is of training alone
        weights = weights if settled else _readable(stack, x, weights)
    given = state if len(state) == 2 else state[0]
    op = FUSED[stack.cell]
    options = (stack.bias, stack.layers, stack.dropout, train, stack.bidirectional)
    if batch_sizes is None:
        y, *last = op(x, given, weights, *options, stack.batch_first)
    else:
        y, *last = op(x, batch_sizes, given, weights, *options)
    return y, tuple(last)


def is_by_cudnn(x: Tensor) -> bool:
    """Whether torch's fused layers are cuDNN's for it."""
    return x.is_cuda and torch.backends.cudnn.enabled and cudnn_takes_chunks()


def is_one_chunk(weights: Sequence[Tensor]) -> bool:
    """Whether all weights lie in one storage, as they do once they were moved: cuDNN's order is not looked at."""
    storage = weights[0].untyped_storage()
    begin = storage.data_ptr()
    end = begin + storage.nbytes()
    return all(begin <= w.data_ptr() < end for w in weights)


def settle(stack: FusedLayers, weights: Sequence[Tensor]) -> bool:
    """Move a module's parameters into one chunk, unless they are there or something else uses their memory.

    Returns whether they lie in one chunk now. Threads that share a module do so one after the other: two that moved
    its parameters at once would leave some in either's chunk.
    """
    with _moving:
        if is_one_chunk(weights):
            return True
        if not is_by_cudnn(weights[0]) or not _may_move(weights):
            return False
        _flatten(stack, weights)
        return True


_moving = threading.Lock()


def _readable(stack: FusedLayers, x: Tensor, weights: Sequence[Tensor]) -> Sequence[Tensor]:
    """The weights, or copies of them in one chunk where torch would copy them and warn of it."""
    if not is_plain(weights) or is_traced() or is_transformed():
        return weights  # they may have no memory, or are recorded
    if not is_by_cudnn(x) or torch.is_autocast_enabled("cuda") or is_one_chunk(weights):
        return weights  # autocast makes a chunk in its own dtype
    copies: tuple[Tensor, ...] = _Copied.apply(stack, *weights)  # type: ignore[no-untyped-call]
    return copies


def _may_move(weights: Sequence[Tensor]) -> bool:
    """Whether they are parameters of one dtype, all different, whose memory no other tensor looks at."""
    if is_captured(weights[0]):  # by a graph that would move them again
        return False
    if len({w.data_ptr() for w in weights}) < len(weights):
        return False
    if any(type(w) is not torch.nn.Parameter or w.dtype != weights[0].dtype for w in weights):
        return False
    storages = {w.data_ptr(): w.untyped_storage() for w in weights}
    own = Counter(storage.data_ptr() for storage in storages.values())
    return all(tensors_on(storage) == own[storage.data_ptr()] for storage in storages.values())


def _flatten(stack: FusedLayers, weights: Sequence[Tensor]) -> None:
    """Copy the weights to one chunk, and make them views of it."""
    each = len(weights) // (stack.layers * (2 if stack.bidirectional else 1))
    mode = get_cudnn_mode(stack.cell.upper())
    sizes = (stack.inputs, mode, stack.hidden, stack.projected, stack.layers)
    with torch.inference_mode(weights[0].is_inference()), torch.no_grad(), torch.cuda.device_of(weights[0]):
        flatten_for_cudnn(list(weights), each, *sizes, stack.batch_first, stack.bidirectional)


class _Copied(torch.autograd.Function):
    """Weights -> copies of them in one chunk."""

    @staticmethod
    def forward(ctx: Any, stack: FusedLayers, *weights: Tensor) -> tuple[Tensor, ...]:
        copies = [w.new_empty(0).set_(w.untyped_storage(), w.storage_offset(), w.shape, w.stride()) for w in weights]
        _flatten(stack, copies)
        return tuple(copies)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return None, *gradients
