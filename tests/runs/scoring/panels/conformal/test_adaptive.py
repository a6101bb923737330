"""Adaptive conformal intervals keep their coverage when the data changes, and use only what was known."""

import numpy as np
import pytest
from scipy.stats import norm

from chainrule.data.panels.panel import Panel
from chainrule.errors import ArgumentError
from chainrule.runs.scoring.panels.conformal import adaptive_conformal
from chainrule.runs.scoring.panels.origins import Origins
from tests.runs.scoring.panels.cases import Floats, last_origins, panel_of

LEVELS = np.array([0.025, 0.1, 0.5, 0.9, 0.975])
STEPS = 600
HORIZON = 3


def drifting() -> tuple[Panel, Origins, Floats, Floats]:
    """Eight series whose spread trebles halfway, and a forecaster that thinks it half of what it was."""
    rng = np.random.default_rng(0)
    scale = np.exp(rng.normal(size=8))
    spread = scale[:, None] * np.where(np.arange(STEPS) < STEPS // 2, 1.0, 3.0)
    panel = panel_of(*rng.normal(size=(8, STEPS)) * spread)
    origins = last_origins(panel, STEPS - 50, HORIZON)
    quantiles = 0.5 * scale[origins.series, None, None] * norm.ppf(LEVELS)
    return panel, origins, np.broadcast_to(quantiles, (len(origins), HORIZON, 5)), scale


PANEL, ORIGINS, QUANTILES, SCALE = drifting()


def coverage(quantiles: Floats, low: int, first: int, last: int) -> float:
    chosen = (ORIGINS.places >= first) & (ORIGINS.places < last)
    actual = ORIGINS.actual()[chosen]
    return float(((quantiles[chosen, :, low] <= actual) & (actual <= quantiles[chosen, :, -1 - low])).mean())


@pytest.mark.parametrize("over", ["series", "panel"])
def test_coverage_is_kept_where_the_data_changes(over: str) -> None:
    adapted = adaptive_conformal(ORIGINS, QUANTILES, LEVELS, SCALE, gamma=0.05, over=over)
    assert coverage(QUANTILES, 1, 150, STEPS) < 0.4
    for first, last in ((150, STEPS // 2 - HORIZON), (STEPS // 2, STEPS)):
        assert coverage(adapted, 1, first, last) == pytest.approx(0.8, abs=0.03)
        assert coverage(adapted, 0, first, last) == pytest.approx(0.95, abs=0.02)
    fixed = adaptive_conformal(ORIGINS, QUANTILES, LEVELS, SCALE, gamma=0, over=over)
    change = STEPS // 2, STEPS // 2 + 100
    assert coverage(fixed, 1, *change) < coverage(adapted, 1, *change) - 0.05
    assert (np.diff(adapted, axis=2) >= 0).all()
    np.testing.assert_array_equal(adapted[:, :, 2], QUANTILES[:, :, 2])


@pytest.mark.sampled(0)
@pytest.mark.parametrize("over", ["series", "panel"])
def test_no_forecast_sees_an_outcome_from_its_origin_on(over: str) -> None:
    seen = 300
    panel = panel_of(*np.where(np.arange(STEPS) < seen, PANEL.values.reshape(8, STEPS), 1e3))
    origins = Origins(panel, ORIGINS.series, ORIGINS.rows, HORIZON)
    adapted = [adaptive_conformal(at, QUANTILES, LEVELS, SCALE, over=over) for at in (ORIGINS, origins)]
    np.testing.assert_array_equal(adapted[0][ORIGINS.places <= seen], adapted[1][ORIGINS.places <= seen])
    after = [each[ORIGINS.places == seen + 1] for each in adapted]
    assert (after[0] != after[1]).any(axis=(0, 2)).all(), "one step later it is known, of all forecasts of that step"


def test_until_outcomes_are_known_the_forecasters_own_intervals_stay() -> None:
    adapted = adaptive_conformal(ORIGINS, QUANTILES, LEVELS, np.where(np.arange(8) == 1, np.nan, SCALE))
    begin = ORIGINS.places - ORIGINS.places.min()
    np.testing.assert_array_equal(adapted[begin < 4], QUANTILES[begin < 4])
    np.testing.assert_array_equal(adapted[ORIGINS.series == 1], QUANTILES[ORIGINS.series == 1])
    assert (adapted[(begin == 4) & (ORIGINS.series == 0), 0, 1] != QUANTILES[0, 0, 1]).all()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ArgumentError, match="over is 'origins'; expected one of series, panel"):
        adaptive_conformal(ORIGINS, QUANTILES, LEVELS, SCALE, over="origins")
    with pytest.raises(ArgumentError, match="scale"):
        adaptive_conformal(ORIGINS, QUANTILES, LEVELS, SCALE[:-1])
