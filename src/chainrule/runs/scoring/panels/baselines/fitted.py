"""Baselines that statsmodels fits to each series: exponential smoothing, Theta and autoregression.

Each is fitted once, to the part of a series before its first origin. From there on its parameters stay and its state is
carried on to every origin, so a forecast uses no value after its origin. Gaps are filled with the last known value.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.runs.scoring.panels.baselines.made import Advance, BaselineForecasts, gaussian, known_past, silent
from chainrule.runs.scoring.panels.baselines.simple import naive
from chainrule.runs.scoring.panels.origins import Origins

__all__ = ["ar", "ets", "theta"]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.intp]
_FEWEST = 8  # values that a model is fitted to
_LARGEST = 1e3  # forecast, over the largest value seen: beyond it a model has exploded
_LAGS = 36  # at most, in an autoregression


@dataclass(frozen=True)
class SeriesToFit:
    """One series: its values, of which the first ``fit`` are fitted to; forecasts follow the first ``seen`` (m,)."""

    values: _Floats
    fit: int
    seen: _Ints
    horizon: int
    season: int


Forecaster = Callable[[SeriesToFit], tuple[_Floats, _Floats]]
"""Gives points and standard deviations (m, H)."""


def ets(origins: Origins, levels: _Floats, season: int = 1, advance: Advance = silent) -> BaselineForecasts:
    """Exponential smoothing with additive errors and a damped trend; seasonal where that lowers the AICc.

    Hyndman, Koehler, Ord & Snyder (2008), Forecasting with Exponential Smoothing; variances from its table 6.1.
    """
    return _each_series("ets", _smoothed, origins, levels, season, advance)


def theta(origins: Origins, levels: _Floats, season: int = 1, advance: Advance = silent) -> BaselineForecasts:
    """The Theta method: half a linear trend on simple exponential smoothing; of a season that a test finds.

    Assimakopoulos & Nikolopoulos (2000); the intervals are those of the ARIMA(0,1,1) with drift that it equals, with a
    variance of 1 + (h - 1) alpha^2 one-step variances: Hyndman & Billah (2003), "Unmasking the Theta method".
    """
    return _each_series("theta", _by_theta, origins, levels, season, advance)


def ar(origins: Origins, levels: _Floats, season: int = 1, advance: Advance = silent) -> BaselineForecasts:
    """An autoregression with a constant, of the order of least BIC, of up to a season and one lag, at most 36."""
    return _each_series("ar", _autoregressed, origins, levels, season, advance)


def _each_series(
    name: str, forecaster: Forecaster, origins: Origins, levels: _Floats, season: int, advance: Advance
) -> BaselineForecasts:
    quantiles = naive(origins, levels).quantiles
    order = np.argsort(origins.series, kind="stable")
    series, bounds = np.unique(origins.series[order], return_index=True)
    replaced = []
    for done, mine in enumerate(np.split(order, bounds[1:])):
        i = int(series[done])
        values = known_past(origins, i)
        seen = origins.rows[mine] - (origins.panel.starts[i + 1] - len(values))
        asked = SeriesToFit(values, int(seen.min()), seen, origins.horizon, season)
        point, spread = _attempted(forecaster, asked)
        largest = _LARGEST * np.maximum.accumulate(np.abs(values))[seen - 1]
        sound = np.isfinite(spread).all(axis=1) & (np.abs(point) < largest[:, None]).all(axis=1)  # False of NaN
        quantiles[mine[sound]] = gaussian(point[sound], spread[sound], levels)
        if not sound.all():
            replaced.append(origins.panel.ids[i])
        advance((done + 1) / len(series))
    return BaselineForecasts(name, quantiles, tuple(replaced))


def _attempted(forecaster: Forecaster, asked: SeriesToFit) -> tuple[_Floats, _Floats]:
    """Points and spreads; NaN where the model cannot be fitted, as to few values or a constant."""
    nothing = np.full((len(asked.seen), asked.horizon), np.nan)
    past = asked.values[: asked.fit]
    if len(past) < _FEWEST or np.ptp(past) == 0:
        return nothing, nothing
    size = float(np.abs(past).max())  # statsmodels' optimisers stop early on tiny values, and overflow on huge ones
    scaled = replace(asked, values=asked.values / size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            point, spread = forecaster(scaled)
        except (ValueError, ArithmeticError, IndexError, RuntimeError, np.linalg.LinAlgError):
            return nothing, nothing
    return size * point, size * spread


def _smoothed(asked: SeriesToFit) -> tuple[_Floats, _Floats]:
    model = require("statsmodels.tsa.exponential_smoothing.ets").ETSModel
    pandas = require("pandas")
    past = asked.values[: asked.fit]
    base = {"error": "add", "trend": "add", "damped_trend": True, "initialization_method": "heuristic"}
    choices = [base]
    if asked.season > 1 and asked.fit >= 2 * asked.season + _FEWEST:
        choices.append({**base, "seasonal": "add", "seasonal_periods": asked.season})
    fits = [model(pandas.Series(past), **choice).fit(disp=False) for choice in choices]
    best = int(np.argmin([fit.aicc for fit in fits]))
    fit = fits[best]
    ahead = fit.get_prediction(start=asked.fit, end=asked.fit + asked.horizon - 1)
    spread = np.sqrt(np.asarray(ahead.forecast_variance))
    states = np.asarray(model(asked.values, **choices[best]).smooth(np.asarray(fit.params)).states)
    damping = np.cumsum(fit.damping_trend ** np.arange(1, asked.horizon + 1))
    now = states[asked.seen - 1]
    point = now[:, :1] + damping * now[:, 1:2]
    if best:
        place = np.arange(asked.horizon) % asked.season - asked.season
        # before the first whole season of rows the state holds no season of its own, and fits need two
        point = point + states[asked.seen[:, None] + place, 2]
    return point, np.broadcast_to(spread, point.shape)


def _by_theta(asked: SeriesToFit) -> tuple[_Floats, _Floats]:
    model = require("statsmodels.tsa.forecasting.theta").ThetaModel
    past = asked.values[: asked.fit]
    seasonal = asked.season > 1 and asked.fit >= 2 * asked.season + _FEWEST
    fit = model(past, period=asked.season, deseasonalize=seasonal).fit()
    slope, alpha = np.asarray(fit.params)
    steps = max(asked.season, 1)
    cycle = np.roll(np.asarray(fit.forecast_components(steps).seasonal), asked.fit % steps)  # from the first value on
    multiplied = fit.model.method.startswith("mul")
    rows = np.arange(len(asked.values))
    season = cycle[rows % steps]
    plain = asked.values / season if multiplied else asked.values - season
    level = _exponential(plain, alpha)
    seen = asked.seen[:, None]
    h = np.arange(asked.horizon)
    point = level[seen - 1] + slope / 2 * (h + (1 - (1 - alpha) ** seen) / max(alpha, 1e-8))
    before = rows[1 : asked.fit]
    errors = plain[before] - level[before - 1] - slope / 2 * (1 - (1 - alpha) ** before) / max(alpha, 1e-8)
    spread = np.sqrt(np.mean(errors**2) * (1 + h * alpha**2))
    ahead = cycle[(seen + h) % steps]
    return (point * ahead, spread * ahead) if multiplied else (point + ahead, np.broadcast_to(spread, point.shape))


def _exponential(values: _Floats, alpha: float) -> _Floats:
    """Simple exponential smoothing from the first value on."""
    start = np.array([(1 - alpha) * values[0]])
    smoothed, _ = require("scipy.signal").lfilter([alpha], [1, alpha - 1], values, zi=start)
    return np.asarray(smoothed)


def _autoregressed(asked: SeriesToFit) -> tuple[_Floats, _Floats]:
    ar_model = require("statsmodels.tsa.ar_model")
    past = asked.values[: asked.fit]
    most = min(asked.season + 1 if asked.season > 1 else 12, _LAGS, (asked.fit - 1) // 3)
    fit = ar_model.ar_select_order(past, most, ic="bic").model.fit()
    lags = np.asarray(fit.ar_lags if fit.ar_lags is not None else [], dtype=np.int64)
    constant, *weights = np.asarray(fit.params)
    ahead = fit.get_prediction(start=asked.fit, end=asked.fit + asked.horizon - 1)
    known = np.concatenate([np.full(int(lags.max(initial=0)), asked.values[0]), asked.values])
    rows = asked.seen[:, None] + int(lags.max(initial=0)) - np.arange(int(lags.max(initial=0)), 0, -1)
    path = known[rows]
    for _ in range(asked.horizon):
        path = np.column_stack([path, constant + path[:, path.shape[1] - lags] @ np.asarray(weights)])
    point = path[:, path.shape[1] - asked.horizon :]
    return point, np.broadcast_to(np.asarray(ahead.se_mean), point.shape)
