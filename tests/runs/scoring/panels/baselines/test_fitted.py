"""Exponential smoothing, Theta and autoregression: as statsmodels forecasts with the parameters of the first origin."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.ar_model import ar_select_order
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.forecasting.theta import ThetaModel

from chainrule.errors import ArgumentError
from chainrule.runs.scoring.panels.baselines import BaselineForecasts, panel_baseline
from chainrule.runs.scoring.panels.origins import Origins
from tests.runs.scoring.panels.cases import Floats, panel_of

SEASON = 6
HORIZON = 9
FIRST = 120
LATER = (0, 1, 17)
FITTED = ("ets", "theta", "ar")


def drawn() -> Floats:
    rng = np.random.default_rng(3)
    time = np.arange(160)
    return np.asarray(rng.normal(size=160).cumsum() * 0.3 + 5 * np.sin(2 * np.pi * time / SEASON) + 40)


VALUES = drawn()
PANEL = panel_of(VALUES, np.full(30, 2.0), [1.0, 5.0, 2.0], season=SEASON)


@cache
def forecasts(name: str) -> BaselineForecasts:
    rows = np.array([*range(FIRST, 152), 180, 193])
    series = np.array([0] * 32 + [1, 2])
    return panel_baseline(name, Origins(PANEL, series, rows, HORIZON), [0.1, 0.5, 0.9])


def spread(name: str, k: int) -> Floats:
    low, _, high = forecasts(name).quantiles[k].T
    return np.asarray((high - low) / (2 * 1.2815515655))


def smoothing(values: Floats) -> ETSModel:
    return ETSModel(
        pd.Series(values / VALUES[:FIRST].max()),
        error="add",
        trend="add",
        damped_trend=True,
        seasonal="add",
        seasonal_periods=SEASON,
        initialization_method="heuristic",
    )


@pytest.mark.parametrize("k", LATER)
def test_exponential_smoothing_is_that_of_statsmodels(k: int) -> None:
    fit = smoothing(VALUES[:FIRST]).fit(disp=False)
    seen = FIRST + k
    later = smoothing(VALUES[:seen]).smooth(np.asarray(fit.params)).forecast(HORIZON)
    size = VALUES[:FIRST].max()
    np.testing.assert_allclose(forecasts("ets").quantiles[k, :, 1], size * later, rtol=1e-9)
    first = fit.get_prediction(start=FIRST, end=FIRST + HORIZON - 1)
    np.testing.assert_allclose(spread("ets", k), size * np.sqrt(first.forecast_variance), rtol=1e-6)


@pytest.mark.parametrize("k", LATER)
def test_autoregression_is_that_of_statsmodels(k: int) -> None:
    fit = ar_select_order(VALUES[:FIRST], SEASON + 1, ic="bic").model.fit()
    later = fit.apply(VALUES[: FIRST + k]).forecast(HORIZON)
    np.testing.assert_allclose(forecasts("ar").quantiles[k, :, 1], later, rtol=1e-9)
    first = fit.get_prediction(start=FIRST, end=FIRST + HORIZON - 1)
    np.testing.assert_allclose(spread("ar", k), first.se_mean, rtol=1e-6)


def test_theta_is_that_of_statsmodels() -> None:
    size = VALUES[:FIRST].max()
    fit = ThetaModel(VALUES[:FIRST] / size, period=SEASON).fit()
    np.testing.assert_allclose(forecasts("theta").quantiles[0, :, 1], size * fit.forecast(HORIZON), rtol=1e-9)


@pytest.mark.parametrize("name", FITTED)
def test_they_beat_the_naive_forecast_of_seasons_and_cover_most_of_what_they_say(name: str) -> None:
    found = forecasts(name).quantiles[:32]
    actual = VALUES[np.minimum(np.arange(FIRST, 152)[:, None] + np.arange(HORIZON), 159)]
    naive = VALUES[np.arange(FIRST, 152) - 1][:, None]
    assert np.abs(found[:, :, 1] - actual).mean() < 0.5 * np.abs(naive - actual).mean()
    assert 0.5 < ((found[:, :, 0] <= actual) & (actual <= found[:, :, 2])).mean() < 0.99


@pytest.mark.parametrize("name", FITTED)
def test_series_that_cannot_be_fitted_are_naive_counted_and_told(name: str) -> None:
    found = forecasts(name)
    assert found.replaced == ("b", "c")
    assert found.remark() == f"{name} could not be fitted to 2 series, forecast by the naive method instead: b, c"
    np.testing.assert_array_equal(found.quantiles[-2], 2.0)
    np.testing.assert_array_equal(found.quantiles[-1, :, 1], 2.0)


@pytest.mark.parametrize("name", FITTED)
@pytest.mark.parametrize("size", [1e-9, 1e9])
def test_the_unit_does_not_matter(name: str, size: float) -> None:
    panel = panel_of(VALUES * size, season=SEASON)
    rows = np.array([FIRST, FIRST + 5])
    found = panel_baseline(name, Origins(panel, np.zeros(2, np.int64), rows, HORIZON), [0.1, 0.5, 0.9])
    np.testing.assert_allclose(found.quantiles / size, forecasts(name).quantiles[[0, 5]], rtol=1e-3)


def test_progress_is_told_and_a_wrong_name_refused() -> None:
    shares: list[float] = []
    origins = Origins(PANEL, np.array([1, 2]), np.array([180, 193]), 1)
    panel_baseline("ar", origins, [0.5], advance=shares.append)
    assert shares == [0.5, 1.0]
    assert forecasts("ar").name == "ar"
    assert panel_baseline("naive", origins, [0.5]).remark() is None
    with pytest.raises(ArgumentError, match="Did you mean 'theta'"):
        panel_baseline("thetta", origins, [0.5])
