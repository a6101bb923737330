"""Truncated backpropagation: the gradients of its definition, for every model, while the weights change."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from chainrule import nn as cn
from chainrule.errors import ArgumentError, ShapeError
from chainrule.training import FullBPTT, Place, TruncatedBPTT
from tests.models.cases import Case, every_trained_case, every_trained_symbol_case, symbols
from tests.tolerances import close
from tests.training.bptt.through_time import Loss, by_definition, collected, nll, nudge


def agrees(
    model: nn.Module,
    loss: Loss,
    x: Tensor,
    y: Tensor,
    k1: int,
    k2: int,
    resets: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    learns: bool = True,
) -> None:
    """Chunk by chunk, with the weights changed in between."""
    start = [p.detach().clone() for p in model.parameters()]
    expected = []
    for n, gradient in enumerate(by_definition(model, loss, x, y, k1, k2, resets, mask)):
        expected.append(gradient)
        if learns:
            nudge(model, n)
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), start, strict=True):
            parameter.copy_(value)
    place = None
    for n, begin in enumerate(range(0, x.shape[1], k1)):
        part = slice(begin, begin + k1)
        starts, counted = (None if t is None else t[:, part] for t in (resets, mask))
        _, place = TruncatedBPTT(k1, k2)(model, loss, x[:, part], y[:, part], place, resets=starts, mask=counted)
        close(collected(model), expected[n])
        if learns:
            nudge(model, n)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (4, 4), (3, 5), (2, 30)])
@every_trained_case
def test_it_is_its_definition_for_every_model(case: Case, k1: int, k2: int) -> None:
    x = case.data(2, 11)
    agrees(case.make(), nll, x, x, k1, k2)


@pytest.mark.sampled(1)
@settings(deadline=None, max_examples=6)  # of each of the models of symbols
@given(data=st.data(), k1=st.integers(1, 6), more=st.integers(0, 9), steps=st.integers(1, 14), rows=st.integers(1, 3))
@every_trained_symbol_case
def test_with_resets_and_ragged_rows(
    case: Case, data: st.DataObject, k1: int, more: int, steps: int, rows: int
) -> None:
    x = case.data(rows, steps)
    flags = st.lists(st.booleans(), min_size=rows * steps, max_size=rows * steps)
    resets = torch.tensor(data.draw(flags)).view(rows, steps)
    lengths = torch.tensor(data.draw(st.lists(st.integers(0, steps), min_size=rows, max_size=rows)))
    agrees(case.make(), nll, x, x, k1, k1 + more, resets, torch.arange(steps) < lengths[:, None])


class Stacked(nn.Module):
    """Somebody's own model: two layers whose states are kept in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.LSTM(2, 4, batch_first=True)
        self.two = cn.GRU(4, 3, batch_first=True)

    def forward(self, x: Tensor, state: dict[str, object] | None) -> tuple[Tensor, dict[str, object]]:
        y, one = self.one(x, None if state is None else state["one"])
        y, two = self.two(y, None if state is None else state["two"])
        return y, {"one": one, "two": two, "note": "kept"}


@pytest.mark.parametrize(("k1", "k2"), [(3, 3), (3, 7), (2, 12)])
@pytest.mark.parametrize("make", [Stacked, lambda: nn.GRU(2, 3, num_layers=2, batch_first=True)])
def test_any_module_with_a_state_will_do(make: type[nn.Module], k1: int, k2: int) -> None:
    model = make().double()
    x = torch.randn(2, 10, 2, dtype=torch.float64)
    y = torch.randn(2, 10, 3, dtype=torch.float64)
    agrees(model, nn.functional.mse_loss, x, y, k1, k2, mask=torch.arange(10) < torch.tensor([[10], [4]]))


def test_a_window_as_long_as_the_stream_is_the_full_gradient() -> None:
    model = nn.GRU(2, 3, batch_first=True).double()
    x = torch.randn(2, 12, 2, dtype=torch.float64)
    y = torch.randn(2, 12, 3, dtype=torch.float64)
    nn.functional.mse_loss(model(x)[0], y).backward()
    full = collected(model)
    place = None
    for begin in range(0, 12, 4):
        part = slice(begin, begin + 4)
        _, place = TruncatedBPTT(4, 12)(model, nn.functional.mse_loss, x[:, part], y[:, part], place, scale=4 / 12)
    close(collected(model), full)


def test_a_start_that_is_learned_gets_its_gradient() -> None:
    model = nn.GRU(2, 3, batch_first=True).double()
    x = torch.randn(2, 4, 2, dtype=torch.float64)
    start = torch.zeros(1, 2, 3, dtype=torch.float64, requires_grad=True)
    loss, place = TruncatedBPTT(4)(model, lambda h, _: h.square().mean(), x, x, start)
    expected = torch.autograd.grad(model(x, start)[0].square().mean(), start)[0]
    assert start.grad is not None
    close(start.grad, expected)
    assert not place.state.requires_grad
    assert not loss.requires_grad


def test_nothing_but_the_window_is_kept() -> None:
    model = nn.GRU(2, 3, batch_first=True)
    place = None
    for _ in range(9):
        x = torch.randn(2, 4, 2)
        _, place = TruncatedBPTT(4, 10)(model, lambda h, _: h.mean(), x, x, place)
    assert isinstance(place, Place)
    assert [piece.x.shape[1] for piece in place.past] == [2, 2, 2]


def test_bad_arguments_say_what_would_work() -> None:
    with pytest.raises(ArgumentError, match=r"k2 is 4 and k1 is 8: .* for example k1=4, k2=8"):
        TruncatedBPTT(8, 4)
    with pytest.raises(ArgumentError, match="k1 is 0; expected a whole number of at least 1"):
        TruncatedBPTT(0)
    model = nn.GRU(2, 3, batch_first=True)
    x = torch.randn(2, 4, 2)

    def mean(h: Tensor, _: Tensor) -> Tensor:
        return h.mean()

    with pytest.raises(ArgumentError, match="a chunk has 4 steps; expected k1 = 3"):
        TruncatedBPTT(3)(model, mean, x, x)
    _, place = TruncatedBPTT(5, 7)(model, mean, x[:, :3], x[:, :3])
    with pytest.raises(ArgumentError, match="a chunk follows a shorter one"):
        TruncatedBPTT(5, 7)(model, mean, x, x, place)
    with pytest.raises(ShapeError, match=r"y must be \(batch, time, ...\), as x \(2, 4, 2\) is, .* got \(2, 3, 2\)"):
        TruncatedBPTT(4)(model, mean, x, x[:, :3])
    with pytest.raises(ShapeError, match=r"mask must be bool, got torch\.int64"):
        TruncatedBPTT(4)(model, mean, x, x, mask=torch.ones(2, 4, dtype=torch.int64))
    with pytest.raises(ArgumentError, match=r"the loss gave shape \(8, 3\); expected a tensor with one number"):
        TruncatedBPTT(4)(model, lambda h, _: h, x, x)
    with pytest.raises(ArgumentError, match=r"the model returned Tensor; expected the pair \(output, state\)"):
        TruncatedBPTT(4)(lambda x, h: x, mean, x, x)
    with pytest.raises(ShapeError, match="hx"):
        TruncatedBPTT(4)(cn.GRU(2, 3, batch_first=True), mean, x, x, torch.zeros(1, 2, 4))


@pytest.mark.parametrize("way", [TruncatedBPTT(4), TruncatedBPTT(4, 6), FullBPTT(), FullBPTT("1MB")])
def test_what_nothing_can_be_learned_from(way: Any) -> None:
    x = torch.randn(2, 4, 2)
    mean = torch.nn.functional.mse_loss
    frozen = nn.GRU(2, 2, batch_first=True).requires_grad_(False)
    with pytest.raises(ArgumentError, match="the loss has no gradient"):
        way(frozen, mean, x, x)
    with torch.no_grad(), pytest.raises(ArgumentError, match="the loss has no gradient"):
        way(nn.GRU(2, 2, batch_first=True), mean, x, x)
    with pytest.raises(ArgumentError, match=r"the model takes no state: .* Expected .* output, state = model"):
        way(nn.Linear(2, 2), mean, x, x)
    way(frozen, mean, x.requires_grad_(), x)


@pytest.mark.parametrize("way", [TruncatedBPTT(4), FullBPTT()])
def test_a_loss_is_given_the_steps_of_all_rows_end_to_end(way: Any) -> None:
    x = torch.randn(2, 4, 3)
    shapes = []

    def mean(output: Tensor, y: Tensor) -> Tensor:
        shapes.append((tuple(output.shape), tuple(y.shape)))
        return (output - y).square().mean()

    way(nn.GRU(3, 3, batch_first=True), mean, x, x)
    assert {*shapes} == {((8, 3), (8, 3))}


def test_a_chunk_without_a_step_that_counts_goes_by() -> None:
    model = nn.GRU(2, 3, batch_first=True)
    x = torch.randn(2, 4, 2)
    loss, place = TruncatedBPTT(4)(model, lambda h, _: h.mean(), x, x, mask=torch.zeros(2, 4, dtype=torch.bool))
    assert loss.item() == 0
    assert not collected(model).any()
    assert torch.equal(place.state, model(x)[1])


def test_symbols_of_the_case_are_symbols() -> None:
    """So that the models above see every symbol."""
    assert set(symbols(2, 11).flatten().tolist()) == set(range(5))


def test_of_a_summed_loss_the_gradient_is_the_sum_s() -> None:
    model = nn.GRU(2, 3, batch_first=True).double()
    x = torch.randn(2, 10, 2).double()
    y = torch.randn(2, 10, 3).double()
    mask = torch.arange(10) < torch.tensor([[10], [7]])
    total = nn.MSELoss(reduction="sum")
    agrees(model, total, x, y, 4, 8, mask=mask, learns=False)
    of_sum, _ = TruncatedBPTT(10)(model, total, x, y, mask=mask)
    of_mean, _ = TruncatedBPTT(10)(model, nn.functional.mse_loss, x, y, mask=mask)
    close(of_sum, of_mean * mask.sum() * 3)
