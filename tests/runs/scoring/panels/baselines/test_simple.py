"""The naive, seasonal naive and drift forecasts: by their definitions, at every origin, with gaps."""

import numpy as np
import pytest

from chainrule.runs.scoring.baselines import RandomWalk, SeasonalNaive
from chainrule.runs.scoring.panels.baselines import PANEL_BASELINES, panel_baseline
from chainrule.runs.scoring.panels.origins import Origins
from tests.runs.scoring.panels.cases import LEVELS, last_origins, panel_of, walks

SIMPLE = ("naive", "seasonal naive", "drift")


@pytest.mark.parametrize(("name", "of"), [("naive", RandomWalk), ("seasonal naive", SeasonalNaive)])
def test_they_are_those_of_one_series_fitted_to_the_past_of_each_origin(name: str, of: type) -> None:
    panel = walks(50, 40, season=4)
    origins = last_origins(panel, 6, 9)
    quantiles = panel_baseline(name, origins, LEVELS).quantiles
    for m, (i, row) in enumerate(zip(origins.series, origins.rows, strict=True)):
        past = panel.values[panel.starts[i] : row, None]
        fitted = RandomWalk.fit(past, "gaussian") if of is RandomWalk else SeasonalNaive.fit(past, 4, "gaussian")
        expected = fitted.quantiles(past, 9, LEVELS.tolist())[:, :, 0]
        np.testing.assert_allclose(quantiles[m].T, expected, rtol=1e-9)


def test_drift_goes_on_along_the_line_between_both_ends() -> None:
    panel = walks(50, 40)
    origins = last_origins(panel, 3, 4)
    quantiles = panel_baseline("drift", origins, [0.1, 0.5]).quantiles
    h = np.arange(1, 5)
    for m, (i, row) in enumerate(zip(origins.series, origins.rows, strict=True)):
        past = panel.values[panel.starts[i] : row]
        slope = (past[-1] - past[0]) / (len(past) - 1)
        np.testing.assert_allclose(quantiles[m, :, 1], past[-1] + slope * h)
        spread = np.diff(past).std(ddof=1) * np.sqrt(h * (1 + h / (len(past) - 1)))
        np.testing.assert_allclose(quantiles[m, :, 1] - quantiles[m, :, 0], 1.2815515655 * spread, rtol=1e-6)


def test_the_last_known_value_stands_for_what_is_missing_and_counts_the_steps_since() -> None:
    panel = panel_of([1.0, 10.0, 2.0, 12.0, np.nan, np.nan, 3.0])
    origins = Origins(panel, np.array([0]), np.array([6]), 2)
    found = {name: panel_baseline(name, origins, [0.5, 0.9], season=2).quantiles[0] for name in SIMPLE}
    assert found["naive"][:, 0].tolist() == [12.0, 12.0]
    assert found["seasonal naive"][:, 0].tolist() == [2.0, 12.0]
    np.testing.assert_allclose(found["drift"][:, 0], 12 + 11 / 3 * np.array([3, 4]))
    spread = np.diff(found["naive"])[:, 0]
    assert spread[1] / spread[0] == pytest.approx(np.sqrt(4 / 3))
    seasonal = np.diff(found["seasonal naive"])[:, 0]
    np.testing.assert_allclose(seasonal, 1.2815515655 * np.sqrt([2 * 2.5, 2 * 2.5]))


def test_a_series_shorter_than_a_season_has_the_naive_forecast() -> None:
    panel = panel_of([1.0, 4.0, 2.0], [1.0])
    origins = Origins(panel, np.array([0, 1]), np.array([3, 4]), 2)
    seasonal = panel_baseline("seasonal naive", origins, LEVELS, season=12).quantiles
    np.testing.assert_array_equal(seasonal, panel_baseline("naive", origins, LEVELS).quantiles)
    np.testing.assert_array_equal(seasonal[1], 1.0)


@pytest.mark.parametrize("name", PANEL_BASELINES)
def test_no_forecast_sees_a_value_from_its_origin_on(name: str) -> None:
    panel = walks(60, 50, season=4, gaps=True)
    origins = last_origins(panel, 5, 6)
    cut = origins.rows[0]
    changed = panel.values.copy()
    changed[cut:60] = -1e5
    other = Origins(type(panel)(changed, panel.starts, panel.ids, season=4), origins.series, origins.rows, 6)
    found = [panel_baseline(name, at, LEVELS).quantiles for at in (origins, other)]
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert (found[0][1] != found[1][1]).any()
    np.testing.assert_array_equal(found[0][5:], found[1][5:])


@pytest.mark.parametrize("name", SIMPLE)
def test_intervals_cover_what_they_say_on_walks(name: str) -> None:
    rng = np.random.default_rng(0)
    panel = panel_of(*rng.normal(size=(16, 300)).cumsum(axis=1))
    origins = last_origins(panel, 200, 3)
    quantiles = panel_baseline(name, origins, [0.1, 0.5, 0.9]).quantiles
    inside = (quantiles[:, :, 0] <= origins.actual()) & (origins.actual() <= quantiles[:, :, 2])
    np.testing.assert_allclose(inside.mean(axis=0), 0.8, atol=0.04)
