"""Metrics equal their definitions, and the fair CRPS is unbiased around its closed form."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from chainrule.errors import ArgumentError, MissingValuesError, ShapeError, TooShortError
from chainrule.runs.scoring.metrics import coverage, crps_from_paths, mae, mase, mase_scale, nats_to_bits, rmse
from tests.tolerances import RELATIVE

TINY = RELATIVE[torch.float64]


def test_point_errors() -> None:
    errors = [[1.0, -2.0], [2.0, -4.0]]
    assert mae(errors) == 2.25
    assert rmse(errors) == 2.5


def test_mase_of_the_seasonal_naive_forecast_in_sample_is_one() -> None:
    train = np.cumsum(np.random.default_rng(0).standard_normal((50, 3)), axis=0) * [1.0, 10.0, 1e4]
    for season in (1, 7):
        errors = train[season:] - train[:-season]
        assert mase(errors, mase_scale(train, season)) == pytest.approx(1, rel=TINY)


@settings(deadline=None, max_examples=60)
@given(n=st.integers(2, 12), shape=st.lists(st.integers(1, 3), max_size=2), seed=st.integers(0, 999))
def test_crps_by_sorting_is_the_definition(n: int, shape: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    paths = rng.standard_normal((n, *shape))
    actual = rng.standard_normal(shape)
    paths[0] = paths[-1]  # ties too
    distance = np.abs(paths[:, None] - paths[None]).sum(axis=(0, 1)) / (2 * n * (n - 1))
    expected = np.abs(paths - actual).mean(axis=0) - distance
    scores = crps_from_paths(paths, actual)
    assert scores.shape == tuple(shape)
    np.testing.assert_allclose(scores, expected, rtol=TINY, atol=TINY)


@pytest.mark.parametrize("n", [2, 3, 20])
def test_crps_is_unbiased_around_the_gaussian_closed_form(n: int) -> None:
    actual = 0.7
    replicates = 40_000
    paths = np.random.default_rng(n).standard_normal((n, replicates))
    scores = crps_from_paths(paths, np.full(replicates, actual))
    phi = stats.norm.pdf(actual)
    Phi = stats.norm.cdf(actual)
    closed_form = actual * (2 * Phi - 1) + 2 * phi - 1 / np.sqrt(np.pi)
    standard_error = scores.std() / np.sqrt(replicates)
    assert abs(scores.mean() - closed_form) < 4 * standard_error
    biased = closed_form + 1 / (n * np.sqrt(np.pi))  # what the divisor n^2 would estimate
    assert abs(scores.mean() - biased) > 4 * standard_error


def test_crps_moves_and_scales_with_the_data() -> None:
    rng = np.random.default_rng(0)
    paths = rng.standard_normal((9, 4))
    actual = rng.standard_normal(4)
    moved = crps_from_paths(1e3 + 5 * paths, 1e3 + 5 * actual)
    np.testing.assert_allclose(moved, 5 * crps_from_paths(paths, actual), rtol=TINY)


def test_coverage_counts_the_ends() -> None:
    assert coverage([0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.5, -0.5]) == 0.5


def test_bits() -> None:
    assert nats_to_bits(np.log(2.0)) == 1.0


BAD_CALLS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: mae([]), ShapeError, r"errors is empty, got shape \(0,\)"),
    (lambda: rmse([1.0, np.nan]), MissingValuesError, "errors has 1 of 2 values that are NaN or infinite"),
    (lambda: mase_scale([1.0, 2.0]), ShapeError, r"\(time, columns\), got shape \(2,\)"),
    (lambda: mase_scale([[1.0], [2.0]], 2), TooShortError, "needs 3 training steps, got 2"),
    (lambda: mase_scale([[1.0], [2.0]], 0), ArgumentError, "season must be at least 1"),
    (lambda: mase([[1.0, 2.0]], [1.0]), ShapeError, r"got shapes \(1, 2\) and \(1,\)"),
    (lambda: mase([[1.0]], [0.0]), ArgumentError, "scale must be positive"),
    (lambda: crps_from_paths([[1.0]], [1.0]), ArgumentError, "at least 2 paths, got 1"),
    (lambda: crps_from_paths([[1.0], [2.0]], 1.0), ShapeError, r"got shapes \(2, 1\) and \(\)"),
    (lambda: crps_from_paths([1.0, np.inf], 1.0), MissingValuesError, "paths has 1 of 2"),
    (lambda: coverage([2.0], [1.0], [1.0]), ArgumentError, "lower must not exceed upper, got 1 places"),
    (lambda: coverage([0.0], [1.0, 1.0], [1.0]), ShapeError, "upper and actual must have the same shape"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS)
def test_bad_calls(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
