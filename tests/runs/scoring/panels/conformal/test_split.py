"""Split conformal intervals cover what they say, whatever the forecaster, and are stored as numbers."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from chainrule.errors import ArgumentError, ChainruleError, ShapeError, TooShortError
from chainrule.runs.scoring.panels.conformal import Conformal
from tests.runs.scoring.panels.cases import Floats

LEVELS = np.array([0.025, 0.1, 0.5, 0.9, 0.975])


def drawn(n: int, seed: int, width: float, bias: float = 0.0) -> tuple[Floats, Floats, Floats]:
    """Quantiles, outcomes and scales: outcomes of another law and scale than the forecaster thinks, wider by step."""
    rng = np.random.default_rng(seed)
    scale = np.exp(rng.normal(size=n))
    unit = scale[:, None] * np.array([1.0, 2.0])
    actual = unit * (rng.exponential(size=(n, 2)) - np.log(2))
    quantiles = unit[:, :, None] * (width * norm.ppf(LEVELS) + bias)
    return quantiles, actual, scale


def covered(quantiles: Floats, actual: Floats) -> Floats:
    """The share of outcomes up to each quantile, by step ahead."""
    return np.asarray((actual[:, :, None] <= quantiles).mean(axis=0))


@pytest.mark.parametrize(("width", "symmetric"), [(0.05, True), (20.0, True), (0.05, False), (20.0, False)])
def test_intervals_of_a_badly_scaled_forecaster_cover_what_they_say(width: float, symmetric: bool) -> None:
    fitted = Conformal.fit(*drawn(2000, 0, width), LEVELS, symmetric=symmetric)
    quantiles, actual, scale = drawn(20_000, 1, width)
    share = covered(fitted.apply(quantiles, scale), actual)
    np.testing.assert_allclose(share[:, 3] - share[:, 1], 0.8, atol=0.03)
    np.testing.assert_allclose(share[:, 4] - share[:, 0], 0.95, atol=0.015)
    if symmetric:
        np.testing.assert_array_equal(fitted.shifts, -fitted.shifts[:, ::-1])
    else:
        np.testing.assert_allclose(share, np.broadcast_to(LEVELS, (2, 5)), atol=0.03)


def test_signed_scores_mend_a_forecaster_that_is_too_high() -> None:
    fitted = Conformal.fit(*drawn(2000, 0, 1.0, bias=5.0), LEVELS, symmetric=False)
    quantiles, actual, scale = drawn(20_000, 1, 1.0, bias=5.0)
    np.testing.assert_allclose(covered(fitted.apply(quantiles, scale), actual), [LEVELS] * 2, atol=0.03)


def test_the_rank_is_that_of_finite_samples() -> None:
    actual = np.arange(1.0, 20.0)[:, None]
    fitted = Conformal.fit(np.zeros((19, 1, 5)), actual, np.ones(19), LEVELS)
    assert fitted.shifts[0, 3] == 16.0, "ceil(20 x 0.8)"
    assert fitted.shifts[0, 4] == 19.0
    with pytest.raises(TooShortError, match=r"95 % intervals need 19 known outcomes .* step 1 has 18"):
        Conformal.fit(np.zeros((18, 1, 5)), actual[1:], np.ones(18), LEVELS)


def test_missing_outcomes_and_scales_are_left_out() -> None:
    quantiles, actual, scale = drawn(100, 0, 1.0)
    more = np.concatenate([quantiles, quantiles])
    gaps = np.concatenate([actual, np.full_like(actual, np.nan)])
    fitted = Conformal.fit(more, gaps, np.tile(scale, 2), LEVELS)
    alone = Conformal.fit(quantiles, actual, scale, LEVELS)
    np.testing.assert_array_equal(fitted.shifts, alone.shifts)
    np.testing.assert_array_equal(alone.apply(quantiles, np.full(100, np.nan)), quantiles)


def test_it_is_stored_as_numbers() -> None:
    fitted = Conformal.fit(*drawn(100, 0, 0.1), LEVELS)
    again = Conformal.from_dict(json.loads(json.dumps(fitted.to_dict())))
    quantiles, _, scale = drawn(5, 1, 0.1)
    calibrated = again.apply(quantiles, scale)
    np.testing.assert_array_equal(calibrated, fitted.apply(quantiles, scale))
    assert (np.diff(calibrated, axis=2) >= 0).all()


@pytest.mark.parametrize(
    ("levels", "scale", "error", "message"),
    [
        ([0.1, 0.2, 0.5, 0.8, 0.95], np.ones(100), ArgumentError, "two ends"),
        (LEVELS, np.zeros(100), ShapeError, "positive"),
        (LEVELS, np.ones(99), ShapeError, "100 positive numbers"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(
    levels: object, scale: Floats, error: type[ChainruleError], message: str
) -> None:
    quantiles, actual, _ = drawn(100, 0, 1.0)
    with pytest.raises(error, match=message):
        Conformal.fit(quantiles, actual, scale, levels)
