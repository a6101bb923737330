"""Means by lag, horizons and their intervals, of numbers that are written down."""

import numpy as np
import pytest

from chainrule.lens.conversion import Floats
from chainrule.lens.reach.horizon import by_lag, horizon, interval, of_lags


def test_lags_line_up() -> None:
    norms = np.arange(12.0).reshape(1, 3, 4)
    np.testing.assert_array_equal(of_lags(norms, (0, 2, 3))[0, 1], [6, 5, 4, np.nan])
    np.testing.assert_array_equal(of_lags(norms, (0, 2, 3), ahead=True)[0, 1], [6, 7, np.nan, np.nan])
    lagged = np.array([[[2.0, 1.0], [0.0, 0.0]], [[4.0, np.nan], [6.0, 3.0]]])
    np.testing.assert_array_equal(by_lag(lagged), [4, 2])  # where nothing enters, nothing is counted


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ([1.0, 0.5, 0.001], 2),
        ([1.0, 0.001, 0.5], None),
        ([1.0, 0.001, 0.5, 0.002, np.nan], 3),
        ([0.0, 0.0], None),
        ([1.0], None),
        ([2.0, 0.02, 0.019], 2),
    ],
)
def test_the_horizon_is_where_the_curve_stays_under(curve: list[float], expected: int | None) -> None:
    assert horizon(np.array(curve), 0.01) == expected


@pytest.mark.sampled(0)
@pytest.mark.parametrize(("rows", "spread"), [(2, 0.02), (8, 0.02), (8, 0.005), (16, 0.005)])
def test_intervals_hold_the_horizon_of_all_sequences(rows: int, spread: float) -> None:
    """Of sequences that fade each at a rate of its own, in most draws, though their horizons are far from normal."""
    draws = np.random.default_rng(1)

    def drawn(n: int) -> Floats:
        return np.clip(draws.normal(0.9, spread, n), 0.5, 0.97)[:, None, None] ** np.arange(400)

    of_all = horizon(by_lag(drawn(10_000)), 0.01)
    found = [interval(drawn(rows), 0.01) for _ in range(100)]
    held = [ends is not None and (ends[0] or 400) <= (of_all or 400) <= (ends[1] or 400) for ends in found]
    assert np.mean(held) > 0.8


def test_sequences_that_no_gradient_enters_are_none_of_the_intervals() -> None:
    alike = 0.5 ** np.arange(30.0)
    lagged = np.stack([alike, *([0 * alike] * 5), alike])[:, None]
    assert interval(lagged, 0.01) == (7, 7)
    assert interval(lagged[:6], 0.01) is None
