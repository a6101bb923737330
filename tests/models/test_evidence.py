"""The transform that is chosen suits the series, and the likelihood that speaks for it is that of its forecasts."""

import numpy as np
import pytest
import torch

from chainrule.data import Transform
from chainrule.models.evidence import _forecasts, _variances, choose_transform
from chainrule.models.linear import regress

RNG = np.random.default_rng


def noise(steps: int = 400, seed: int = 0) -> np.ndarray:
    return RNG(seed).normal(size=(steps, 1))


def ar(coefficient: float, steps: int = 400, seed: int = 0) -> np.ndarray:
    e = noise(steps, seed)
    for t in range(1, steps):
        e[t] += coefficient * e[t - 1]
    return e


SERIES = {
    "noise": (noise() + 20, "standardise"),
    "stationary": (ar(0.8) + 20, "standardise"),
    "seasonal": (20 + 5 * np.sin(np.arange(400) / 2)[:, None] + noise(), "standardise"),
    "a trend": (0.3 * np.arange(400)[:, None] + noise().cumsum(0) + 50, "difference"),
    "growth": (np.exp(0.01 * np.arange(400)[:, None] + 0.05 * noise().cumsum(0)), "log-return"),
    "a seasonal trend": (
        np.exp(0.01 * np.arange(300) + 0.3 * np.sin(np.arange(300) * np.pi / 6))[:, None] * np.exp(0.02 * noise(300)),
        "log-return",
    ),
}


@pytest.mark.parametrize("name", SERIES)
def test_the_transform_suits_the_series(name: str) -> None:
    values, expected = SERIES[name]
    evidence = choose_transform(values, 12, positive=bool((values > 0).all()))
    assert evidence.transform == expected
    assert "forecasts within the training part are" in evidence.why
    assert len(evidence.nats) >= 2


def test_values_that_are_not_positive_rule_out_log_returns() -> None:
    values, _ = SERIES["growth"]
    assert choose_transform(values, 1, positive=False).transform == "difference"
    assert "log-return" not in choose_transform(values, 1, positive=False).nats


@pytest.mark.parametrize("steps", [2, 10, 23])
def test_a_tiny_series_is_standardised_and_says_why(steps: int) -> None:
    assert "too few steps" in choose_transform(noise(steps), 1, positive=False).why


def test_the_scale_of_the_data_does_not_matter() -> None:
    values, _ = SERIES["a trend"]
    first, second = (choose_transform(k * values, 12, positive=True).transform for k in (1.0, 2.0**20))
    assert first == second


def test_the_law_of_a_forecast_is_that_of_simulated_futures() -> None:
    x = torch.from_numpy(np.concatenate([ar(0.7, seed=1), ar(0.5, seed=2) + 0.5 * ar(0.7, seed=1)], axis=1))
    z = Transform.fit("standardise", x.numpy()).apply(x)
    fit = regress(z, 2)
    mean, variance = _forecasts(fit, z, torch.tensor([300]), 5)
    L = torch.linalg.cholesky(fit.residual_covariance)
    past = [z[298].expand(200_000, 2), z[299].expand(200_000, 2)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(5):
            e = torch.randn(200_000, 2, dtype=torch.float64) @ L.T
            past.append(fit.intercept + past[-1] @ fit.coefficients[0].T + past[-2] @ fit.coefficients[1].T + e)
    futures = torch.stack(past[2:], dim=1)
    torch.testing.assert_close(futures.mean(0), mean[0], atol=0.01, rtol=0)
    torch.testing.assert_close(futures.var(0), variance, atol=0, rtol=0.02)
    torch.testing.assert_close(futures.cumsum(1).var(0), _variances(fit, 5, summed=True), atol=0, rtol=0.02)
