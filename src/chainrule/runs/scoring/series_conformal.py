"""Conformal intervals of a series: its columns are calibrated as the series of a panel are, each by itself."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chainrule.data import Panel
from chainrule.models import SeriesModel
from chainrule.runs.scoring.backtest import origins_within, paths_from
from chainrule.runs.scoring.forecast import Forecast
from chainrule.runs.scoring.panels import Conformal, Origins, adaptive_conformal

__all__ = ["adapt_intervals", "calibrate"]

_Floats = NDArray[np.float64]


def calibrate(
    forecast: Forecast, model: SeriesModel, values: _Floats, begin: int, of: str, *, paths: int, seed: int
) -> Forecast:
    """The forecast with quantiles moved to where forecasts of values (T, C) from step ``begin`` on calibrate them.

    The median stays, and so do the paths. ``model`` must not have been fitted to these steps.

    Raises:
        ArgumentError: a level without its counterpart, as 0.9 without 0.1.
        TooShortError: too few held-out steps for the horizon and the outermost levels.
    """
    horizon = forecast.quantiles.shape[1]
    origins = origins_within(values, begin, of, horizon)
    drawn = paths_from(model, values, origins, horizon, paths=paths, seed=seed)
    found = np.quantile(drawn, forecast.levels, axis=1)
    moved = forecast.quantiles.copy()
    for c in range(values.shape[1]):
        actual = np.stack([values[t : t + horizon, c] for t in origins])
        fitted = Conformal.fit(np.moveaxis(found[..., c], 0, -1), actual, np.ones(len(origins)), forecast.levels)
        moved[..., c] = fitted.apply(moved[..., c].T[None], np.ones(1))[0].T
    return replace(forecast, quantiles=moved)


def adapt_intervals(
    quantiles: _Floats, values: _Floats, origins: Sequence[int], levels: Sequence[float], scale: _Floats
) -> _Floats:
    """Quantiles (Q, M, H, C) from the origins, intervals moved by how the earlier ones of their column fared."""
    steps, columns = values.shape
    _, count, horizon, _ = quantiles.shape
    series = np.repeat(np.arange(columns), count)
    panel = Panel(values.T.ravel(), steps * np.arange(columns + 1), tuple(str(c) for c in range(columns)))
    rows = np.tile(origins, columns) + steps * series
    by_column = quantiles.transpose(3, 1, 2, 0).reshape(columns * count, horizon, -1)
    adapted = adaptive_conformal(Origins(panel, series, rows, horizon), by_column, levels, scale)
    return adapted.reshape(columns, count, horizon, -1).transpose(3, 1, 2, 0)
