"""The one chunk of memory in which cuDNN reads its weights: who is moved there, once, and who is copied."""

import copy
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import torch
from torch import Tensor
from torch.nn import Parameter

from chainrule.ops.recurrence.backends import stack
from chainrule.ops.recurrence.backends.stack import FusedLayers, is_one_chunk

ONE = FusedLayers("gru", 3, 4, 0, layers=1, bidirectional=False, bias=True, dropout=0.0, batch_first=True)
SHAPES = ((12, 3), (12, 4), (12,), (12,))


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The weights of each call of cuDNN's function, in the place of which one of torch's on the CPU is called."""
    calls: list[int] = []

    def flatten(weights: Sequence[Tensor], each: int, *sizes: object) -> None:
        assert (each, sizes) == (4, (3, 7, 4, 0, 1, True, False))
        calls.append(len(weights))
        chunk = weights[0].new_empty(sum(w.numel() for w in weights))
        for w, part in zip(weights, chunk.split([w.numel() for w in weights]), strict=True):
            w.set_(part.view_as(w).copy_(w))

    monkeypatch.setattr(stack, "flatten_for_cudnn", flatten)
    monkeypatch.setattr(stack, "get_cudnn_mode", {"GRU": 7}.__getitem__)
    monkeypatch.setattr(stack, "is_by_cudnn", lambda x: True)
    return calls


def _weights() -> list[Tensor]:
    return [Parameter(torch.randn(shape)) for shape in SHAPES]


def test_parameters_are_moved_once_and_stay_what_they_are(moves: list[int]) -> None:
    weights = _weights()
    values = [w.detach().clone() for w in weights]
    stack.settle(ONE, weights)
    stack.settle(ONE, weights)
    assert moves == [4]
    assert is_one_chunk(weights)
    assert all(torch.equal(w, value) and w.is_leaf for w, value in zip(weights, values, strict=True))


def test_what_keeps_them_there_and_what_moves_them_again(moves: list[int]) -> None:
    layer = torch.nn.GRU(3, 4)
    stack.settle(ONE, list(layer.parameters()))
    layer.load_state_dict(copy.deepcopy(layer.state_dict()))
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1)
    layer(torch.randn(5, 2, 3))[0].sum().backward()
    optimiser.step()
    stack.settle(ONE, list(layer.parameters()))
    assert moves == [4]
    del optimiser  # which would hold on to what is replaced below
    twin = copy.deepcopy(layer)
    assert _moves_of(twin, moves) == 1
    assert _moves_of(layer, moves) == 0
    assert _moves_of(layer.double(), moves) == 1
    layer.weight_hh_l0 = Parameter(torch.randn(12, 4, dtype=torch.float64))
    assert _moves_of(layer, moves) == 1


def _moves_of(layer: torch.nn.GRU, moves: list[int]) -> int:
    """How often a layer is moved before it lies in one chunk."""
    before = len(moves)
    stack.settle(ONE, list(layer.parameters()))
    assert is_one_chunk(list(layer.parameters()))
    return len(moves) - before


def test_threads_that_share_them_move_them_once(moves: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    weights = _weights()
    flatten: Callable[..., None] = vars(stack)["flatten_for_cudnn"]
    both = threading.Barrier(2)

    def together(*given: object) -> None:
        with suppress(threading.BrokenBarrierError):  # nobody else comes
            both.wait(timeout=0.3)
        flatten(*given)

    monkeypatch.setattr(stack, "flatten_for_cudnn", together)
    with ThreadPoolExecutor(2) as pool:
        settled = list(pool.map(lambda _: stack.settle(ONE, weights), range(2)))
    assert (settled, moves) == ([True, True], [4])


def test_what_others_look_at_stays_where_it_is(moves: list[int]) -> None:
    looked_at = _weights()
    view = looked_at[1].detach()
    twice = _weights()
    twice[3] = twice[2]
    tensors = [w.detach().clone() for w in _weights()]
    mixed = [*_weights()[:3], Parameter(torch.randn(12, dtype=torch.float64))]
    for weights in (looked_at, twice, tensors, mixed):
        stack.settle(ONE, weights)
        assert not is_one_chunk(weights)
    assert moves == []
    del view
    stack.settle(ONE, looked_at)
    assert moves == [4]


def test_others_are_copied_at_each_call_and_get_their_gradients(moves: list[int]) -> None:
    weights = _weights()
    x = torch.randn(2, 5, 3)
    for _ in range(2):
        copies = stack._readable(ONE, x, weights)
        assert is_one_chunk(copies)
    assert moves == [4, 4]
    assert not is_one_chunk(weights)
    gradients = torch.autograd.grad(sum((math.e * c).sum() for c in copies), weights)  # type: ignore[arg-type]
    assert all(torch.equal(g, torch.full_like(w, math.e)) for g, w in zip(gradients, weights, strict=True))
    stack.settle(ONE, weights)
    assert stack._readable(ONE, x, weights) is weights
    with torch.inference_mode():
        stack.settle(ONE, fresh := _weights())
    assert is_one_chunk(fresh)
