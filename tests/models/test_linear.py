"""Least squares equals statsmodels', in the data's own units under every transform, and is what the model scores."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from statsmodels.tsa.ar_model import AutoReg
from statsmodels.tsa.vector_ar.var_model import VAR
from torch import Tensor

from chainrule.data import Series, Transform, read
from chainrule.errors import ArgumentError, DataError, TooShortError
from chainrule.models import ModelConfig, Regression, SeriesModel, build_series_model, fit_least_squares, select_order
from chainrule.models.linear import regress
from tests.tolerances import LEAST_SQUARES, close

Floats = NDArray[np.float64]


def sunspots() -> Floats:
    data = read("sunspots")
    assert isinstance(data, Series)
    return data.values


def random_walk(channels: int = 1) -> Floats:
    """Positive, and far from zero compared with its changes."""
    steps = np.random.default_rng(0).normal(0.001, 0.02, (200, channels))
    levels: Floats = 50 * np.exp(steps.cumsum(axis=0))
    return levels


def fitted(x: Floats, tau: int, transform: str) -> tuple[SeriesModel, Regression]:
    model = build_series_model(ModelConfig("ar", window=tau), Transform.fit(transform, x))
    return model, fit_least_squares(model, torch.from_numpy(x))


def agree(actual: Tensor | float, expected: Floats | float) -> None:
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=LEAST_SQUARES, atol=LEAST_SQUARES)


@pytest.mark.parametrize("tau", [1, 2, 9])
@pytest.mark.parametrize("transform", ["none", "standardise", "difference", "log-return"])
@pytest.mark.parametrize("name", ["sunspots", "random walk"])
def test_the_fit_is_that_of_statsmodels(name: str, transform: str, tau: int) -> None:
    if (name, transform) == ("sunspots", "log-return"):
        x = sunspots() + 1.0  # they reach zero
    else:
        x = sunspots() if name == "sunspots" else random_walk()
    level = np.log(x) if transform == "log-return" else x
    seen = np.diff(level, axis=0) if transform in ("difference", "log-return") else level
    theirs = AutoReg(seen[:, 0], tau, trend="c").fit()
    # Their density is of what AutoReg was given; that of x has 1 / x_t more where that is a logarithm.
    log_x = np.log(x[len(x) - len(seen) + tau :]).sum() if transform == "log-return" else 0.0

    model, ours = fitted(x, tau, transform)
    agree(ours.intercept[0], theirs.params[0])
    agree(ours.coefficients[:, 0, 0], theirs.params[1:])
    agree(ours.residual_variance[0], theirs.sigma2)
    agree(ours.log_likelihood, theirs.llf - log_x)
    assert ours.steps == len(seen) - tau
    with torch.no_grad():
        log_prob = model.log_prob(torch.from_numpy(x)[None])[0, len(x) - len(seen) + tau :]
    agree(float(log_prob.sum()), ours.log_likelihood)


@pytest.mark.parametrize("transform", ["none", "standardise", "difference"])
def test_several_channels_are_a_vector_autoregression(transform: str) -> None:
    x = random_walk(channels=3)
    seen = np.diff(x, axis=0) if transform == "difference" else x
    theirs = VAR(seen).fit(2, trend="c")
    model, ours = fitted(x, 2, transform)
    agree(ours.coefficients, theirs.coefs)
    agree(ours.intercept, theirs.intercept)
    with torch.no_grad():
        log_prob = model.log_prob(torch.from_numpy(x)[None])[0, len(x) - len(seen) + 2 :]
    agree(float(log_prob.sum()), ours.log_likelihood)


def test_no_other_parameters_are_likelier() -> None:
    """The gradient of the likelihood vanishes at the fit."""
    x = random_walk(channels=2)
    model, ours = fitted(x, 3, "standardise")
    log_likelihood = model.log_prob(torch.from_numpy(x)[None])[0, 3:].sum()
    close(log_likelihood, torch.tensor(ours.log_likelihood, dtype=torch.float64))
    for gradient in torch.autograd.grad(log_likelihood, list(model.parameters())):
        assert float(gradient.abs().max()) < LEAST_SQUARES * ours.steps


@pytest.mark.parametrize(("tau", "channels", "needed"), [(1, 1, 4), (5, 1, 12), (2, 3, 12)])
def test_fewer_steps_than_coefficients_are_too_few(tau: int, channels: int, needed: int) -> None:
    z = torch.randn(needed, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert regress(z, tau).steps == needed - tau
    with pytest.raises(TooShortError, match=rf"at least {needed} steps .* got {needed - 1}\."):
        regress(z[1:], tau)


T = np.arange(60.0)[:, None]
PERFECT = {
    "constant": 7.0 + 0 * T,
    "line": 3.0 * T - 5.0,
    "wave": np.sin(0.3 * T),
    "geometric": 0.9**T,
    "repeated": np.tile(np.array([[1.0], [4.0], [2.0]]), (20, 1)),
    "one of two": np.concatenate([random_walk()[:60], np.sin(0.3 * T)], axis=1),
}


@pytest.mark.parametrize("name", PERFECT)
def test_a_perfect_fit_has_no_likelihood(name: str) -> None:
    with pytest.raises(DataError, match="without any error"):
        fitted(PERFECT[name], 3, "none")


def test_a_little_noise_is_enough() -> None:
    x = PERFECT["wave"] + 1e-6 * np.random.default_rng(0).normal(size=(60, 1))
    _, ours = fitted(x, 3, "none")
    assert 1e-7 < math.sqrt(float(ours.residual_variance)) < 1e-5


def test_columns_fitted_together_have_the_likelihood_of_a_vector_autoregression() -> None:
    from statsmodels.tsa.api import VAR

    x = random_walk(channels=3)
    _, ours = fitted(x, 2, "none")
    theirs = VAR(x).fit(2, trend="c")
    close(ours.residual_covariance, torch.from_numpy(theirs.sigma_u_mle))
    assert ours.log_likelihood == pytest.approx(theirs.llf, rel=1e-9)


def test_columns_that_move_in_step_have_no_joint_likelihood() -> None:
    x = random_walk()
    with pytest.raises(DataError, match="moves in step exactly"):
        fitted(np.concatenate([x, 2 * x + 1], axis=1), 1, "none")


@pytest.mark.sampled(0)
@pytest.mark.parametrize("channels", [1, 2])
def test_stable_roots_are_kept_and_others_brought_inside(channels: int) -> None:
    growing = random_walk(channels=channels) * 1.02 ** np.arange(200)[:, None]
    model = build_series_model(ModelConfig("ar", window=4, stable=True), Transform.fit("standardise", growing))
    plain = fit_least_squares(model, torch.from_numpy(growing))
    stable = fit_least_squares(model, torch.from_numpy(growing), stable=True)
    assert plain.radius > 1 > stable.radius
    paths = model.forecast(torch.from_numpy(growing), 3000, paths=20)
    assert float(paths.abs().max()) < 20 * np.abs(growing).max()
    quiet = np.random.default_rng(0).normal(size=(300, channels))
    one, other = (fit_least_squares(model, torch.from_numpy(quiet), stable=asked) for asked in (False, True))
    assert torch.equal(one.coefficients, other.coefficients)


@pytest.mark.parametrize("config", [ModelConfig("ar", head="student"), ModelConfig("mlp"), ModelConfig("gru")])
def test_only_a_linear_gaussian_ar_is_fitted(config: ModelConfig) -> None:
    x = random_walk()
    model = build_series_model(config, Transform.fit("none", x))
    with pytest.raises(ArgumentError, match="linear AR with a Gaussian head"):
        fit_least_squares(model, torch.from_numpy(x))


def test_the_order_of_least_bic_is_that_of_statsmodels() -> None:
    from statsmodels.tsa.ar_model import ar_select_order

    for seed, weights in enumerate(([0.5], [1.0, -0.8], [0.0, 0.0, 0.7], [0.2, 0.2, 0.2, -0.5])):
        noise = np.random.default_rng(seed).standard_normal(600)
        x = np.zeros(600)
        for t in range(len(weights), 600):
            x[t] = noise[t] + sum(w * x[t - 1 - k] for k, w in enumerate(weights))
        theirs = ar_select_order(x, maxlag=12, ic="bic", trend="c").ar_lags
        assert select_order(torch.from_numpy(x)[:, None], most=12) == len(theirs or [0])


def test_no_more_lags_are_tried_than_the_series_can_fit() -> None:
    z = torch.randn(9, 1, dtype=torch.float64)
    assert 1 <= select_order(z, most=64) <= 3
