"""Ensembles: means of quantiles."""

import numpy as np
import pytest
from scipy.stats import norm

from chainrule.errors import ArgumentError, ChainruleError, ShapeError
from chainrule.runs.scoring.panels.ensemble import ensemble
from tests.runs.scoring.panels.cases import LEVELS


def test_of_normal_forecasts_it_is_the_normal_one_with_the_mean_of_means_and_deviations() -> None:
    parts = [norm.ppf(LEVELS, loc, scale) for loc, scale in ((0, 1), (6, 2), (3, 6))]
    np.testing.assert_allclose(ensemble(parts), norm.ppf(LEVELS, 3, 3))
    np.testing.assert_allclose(ensemble(parts, [2, 2, 0]), norm.ppf(LEVELS, 3, 1.5))


@pytest.mark.parametrize(
    ("quantiles", "weights", "error", "message"),
    [
        ([], None, ShapeError, "one shape"),
        ([np.ones(2), np.ones(3)], None, ShapeError, "one shape"),
        ([np.ones(2)] * 2, [1.0], ArgumentError, "expected 2 numbers"),
        ([np.ones(2)] * 2, [1.0, -1.0], ArgumentError, "at least 0"),
        ([np.ones(2)] * 2, [0.0, 0.0], ArgumentError, "not all of them 0"),
    ],
)
def test_what_has_no_mean_is_refused(
    quantiles: list[np.ndarray], weights: list[float] | None, error: type[ChainruleError], message: str
) -> None:
    with pytest.raises(error, match=message):
        ensemble(quantiles, weights)
