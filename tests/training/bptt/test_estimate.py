"""What truncation loses: by closed forms, and without a trace in the model."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from chainrule.errors import ArgumentError
from chainrule.nn import GRU
from chainrule.training import estimate
from tests.tolerances import close


class Scalar(nn.Module):
    """h_t = w h_{t-1} + x_t."""

    def __init__(self, w: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w, dtype=torch.float64))

    def forward(self, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor]:
        h = torch.zeros(len(x), dtype=x.dtype) if h is None else h
        outputs = []
        for t in range(x.shape[1]):
            h = self.w * h + x[:, t]
            outputs.append(h)
        return torch.stack(outputs, dim=1), h


def mean(h: Tensor, _: Tensor) -> Tensor:
    return h.mean()


@pytest.mark.parametrize("k2", [2, 3, 8, 24])
def test_a_scalar_loses_what_the_closed_form_says(k2: int) -> None:
    """An impulse at t = 0: h_t = w^t, dh_t/dw = t w^(t-1), of which the window sees the factors inside it."""
    w = 0.9
    T = 24
    k1 = 2
    x = torch.zeros(1, T, dtype=torch.float64)
    x[0, 0] = 1
    seen = 0.0
    for t in range(T):
        far = max(0, t // k1 * k1 + k1 - k2)  # the first step of the window that h_t is sent back through
        seen += (t + 1 - max(far, 1)) * w ** max(t - 1, 0) if t else 0.0
    whole = sum(t * w ** (t - 1) for t in range(1, T))
    (found,) = estimate(Scalar(w), mean, x, x, windows=[(k1, k2)])
    assert math.isclose(found.lost, 1 - seen / whole, abs_tol=1e-12)
    assert math.isclose(found.cosine, 1.0)


def test_nothing_is_left_in_the_model() -> None:
    model = nn.GRU(2, 3, batch_first=True, dropout=0.0)
    x = torch.randn(2, 12, 2)
    weight = model.get_parameter("weight_ih_l0")
    weight.grad = torch.ones_like(weight)
    model.train()
    frozen = nn.Dropout().eval()
    model.add_module("frozen", frozen)
    found = estimate(model, nn.functional.mse_loss, x, torch.randn(2, 12, 3), windows=[(3, 3), (12, 12)], memory="1MB")
    assert model.training
    assert not frozen.training
    assert torch.equal(weight.grad, torch.ones_like(weight))
    assert model.get_parameter("weight_hh_l0").grad is None
    assert 0 < found[0].lost < 1
    assert found[0].cosine < 1
    close(torch.tensor(found[1].lost), torch.tensor(0.0))
    close(torch.tensor(found[1].cosine), torch.tensor(1.0))


@pytest.mark.parametrize("windows", [[(3, 3), (4, 8), (5, 40), (64, 64)]])
def test_a_summed_loss_loses_what_its_mean_does(windows: list[tuple[int, int]]) -> None:
    torch.manual_seed(0)
    model = nn.GRU(2, 3, batch_first=True).double()
    x = torch.randn(2, 44, 2).double()
    y = torch.randn(2, 44, 3).double()
    of_mean = estimate(model, nn.functional.mse_loss, x, y, windows=windows)
    for memory in (None, "30kB"):
        with pytest.warns(UserWarning, match="the loss is a sum over its steps"):
            of_sum = estimate(model, nn.MSELoss(reduction="sum"), x, y, windows=windows, memory=memory)
        for one, other in zip(of_mean, of_sum, strict=True):
            assert math.isclose(one.lost, other.lost, abs_tol=1e-9)
            assert math.isclose(one.cosine, other.cosine, abs_tol=1e-9)
    assert of_mean[0].lost > 0.01


def test_the_first_steps_may_have_no_gradient() -> None:
    """Hinges that are all met tell nothing; the steps after them do."""
    x = torch.cat([torch.full((1, 64), 9.0), torch.full((1, 64), -9.0)], dim=1).double()
    (of_mean,) = estimate(Scalar(0.5), lambda h, y: (1 - h).relu().mean(), x, x, windows=[(8, 8)])
    with pytest.warns(UserWarning, match="grows with its rows and k1 steps"):
        (of_sum,) = estimate(Scalar(0.5), lambda h, y: (1 - h).relu().sum(), x, x, windows=[(8, 8)])
    assert math.isclose(of_mean.lost, of_sum.lost, abs_tol=1e-12)


def test_of_a_single_chunk_a_sum_is_no_reason_to_warn() -> None:
    x = torch.randn(2, 12, 2)
    model = nn.GRU(2, 3, batch_first=True)
    (found,) = estimate(model, nn.MSELoss(reduction="sum"), x, torch.randn(2, 12, 3), windows=[(12, 12)])
    close(torch.tensor(found.lost), torch.tensor(0.0))


def test_a_loss_that_is_neither_is_refused() -> None:
    model = nn.GRU(2, 3, batch_first=True)
    x = torch.randn(2, 12, 2)
    with pytest.raises(ArgumentError, match="neither a mean nor a sum over its steps"):
        estimate(model, lambda h, y: (h - y).square().mean().sqrt(), x, torch.randn(2, 12, 3), windows=[(4, 4)])


def test_it_heeds_no_setting_of_precision_and_changes_none() -> None:
    """torch refuses to read its older settings where one of the newer ones is made."""
    settings: Any = torch.backends.cudnn.rnn
    before = settings.fp32_precision
    settings.fp32_precision = "ieee"
    try:
        x = torch.randn(2, 16, 1)
        estimate(GRU(1, 4, batch_first=True), nn.functional.mse_loss, x, x.expand(2, 16, 4), windows=[(4, 4)])
        assert settings.fp32_precision == "ieee"
        assert torch.backends.cudnn.enabled
    finally:
        settings.fp32_precision = before
