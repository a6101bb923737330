"""Heads over a horizon: their densities integrate to one, their quantiles invert them, and bad values are refused."""

import numpy as np
import pytest
import torch
from scipy import stats

from chainrule.errors import ArgumentError, DataError
from chainrule.models.panels import HEADS, QUANTILE_LEVELS

CENTRE = torch.tensor([[3.0], [40.0]], dtype=torch.float64)
SCALE = torch.tensor([[1.5], [8.0]], dtype=torch.float64)
LEVELS = torch.tensor([0.05, 0.5, 0.8], dtype=torch.float64)


def numbers(head: str, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 3, HEADS[head].per_step, generator=generator, dtype=torch.float64)


def losses(head: str, y: torch.Tensor) -> torch.Tensor:
    """Of every y (Y,) for one origin and step: (Y,)."""
    own = numbers(head)[:1, :1].expand(len(y), 1, -1)
    return HEADS[head]().double().loss(own, y[:, None], CENTRE[:1].expand(len(y), 1), SCALE[:1].expand(len(y), 1))[:, 0]


@pytest.mark.parametrize("head", ["gaussian", "student"])
def test_a_density_integrates_to_one_in_the_data_s_units(head: str) -> None:
    y = torch.linspace(-2000, 2000, 400_001, dtype=torch.float64)
    assert torch.trapezoid((-losses(head, y)).exp(), y).item() == pytest.approx(1, abs=1e-4)


def test_counts_have_probabilities_that_sum_to_one() -> None:
    y = torch.arange(5000, dtype=torch.float64)
    assert (-losses("negative-binomial", y)).exp().sum().item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("head", ["gaussian", "student"])
def test_quantiles_invert_the_distribution(head: str) -> None:
    (at,) = HEADS[head]().double().quantiles(numbers(head)[:1, :1], LEVELS, CENTRE[:1], SCALE[:1])[0]
    for level, quantile in zip(LEVELS.tolist(), at.tolist(), strict=True):
        y = torch.linspace(quantile - 4000, quantile, 800_001, dtype=torch.float64)
        assert torch.trapezoid((-losses(head, y)).exp(), y).item() == pytest.approx(level, abs=1e-3)


def test_counts_agree_with_scipy() -> None:
    head = HEADS["negative-binomial"]()
    mean, a = head._mean_and_dispersion(numbers("negative-binomial"), CENTRE, SCALE)  # type: ignore[operator]
    y = torch.tensor([[0.0, 3.0, 7.0]], dtype=torch.float64).expand(2, 3)
    expected = stats.nbinom.logpmf(y.numpy(), 1 / a.numpy(), 1 / (1 + a * mean).numpy())
    np.testing.assert_allclose(-head.loss(numbers("negative-binomial"), y, CENTRE, SCALE).numpy(), expected, rtol=1e-9)


def test_the_loss_of_quantiles_is_their_mean_pinball_loss() -> None:
    head = HEADS["quantile"]().double()
    y = torch.tensor([[1.0, 2.0, 9.0], [30.0, 44.0, 55.0]], dtype=torch.float64)
    levels = torch.tensor(QUANTILE_LEVELS, dtype=torch.float64)
    error = y[..., None] - head.quantiles(numbers("quantile"), levels, CENTRE, SCALE)
    pinball = torch.maximum(levels * error, (levels - 1) * error).mean(-1) / SCALE
    np.testing.assert_allclose(head.loss(numbers("quantile"), y, CENTRE, SCALE).numpy(), 2 * pinball.numpy(), rtol=1e-6)


def test_what_a_head_cannot_give_is_refused() -> None:
    quantile = HEADS["quantile"]().double()
    with pytest.raises(ArgumentError, match=r"learns those from 0\.025 to 0\.975\. Ask for such ones"):
        quantile.quantiles(numbers("quantile"), torch.tensor([0.01]), CENTRE, SCALE)
    counts = HEADS["negative-binomial"]()
    for bad in (-1.0, 0.5):
        with pytest.raises(DataError, match="is of counts, 0, 1, 2 and so on; got"):
            counts.check(torch.tensor([1.0, bad]))
    counts.check(torch.tensor([0.0, 4.0]))


@pytest.mark.parametrize("spread", [0.0, 1e-9, 1e3, 1e6, 1e12])
@pytest.mark.parametrize("head", HEADS)
def test_a_head_starts_with_numbers_whatever_the_spread(head: str, spread: float) -> None:
    z = spread * torch.randn(100, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert HEADS[head]().double().start(z).float().isfinite().all()


@pytest.mark.parametrize("head", ["quantile", "student", "gaussian"])
def test_what_a_head_starts_with_has_the_spread_of_what_it_is_shown(head: str) -> None:
    shape = (4000, 3)
    spread = torch.tensor([0.01, 1.0, 30.0], dtype=torch.float64)
    z = spread * torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z[::7, 1] = torch.nan
    made = HEADS[head]().double()
    one = torch.ones(1, 1, dtype=torch.float64)
    found = made.quantiles(made.start(z)[None], torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64), 0 * one, one)[0]
    expected = torch.tensor([-1.2816, 0.0, 1.2816], dtype=torch.float64) * spread[:, None]
    torch.testing.assert_close(found, expected, rtol=0.1, atol=2e-3)
