"""Forecasts several steps ahead along held-out data: they take part in validation, and belong to a fit's score."""

import numpy as np
from numpy.typing import NDArray

from chainrule.models import SeriesModel
from chainrule.runs.scoring.backtest import Backtest, backtest_series, paths_from
from chainrule.runs.scoring.baselines import Baselines
from chainrule.runs.scoring.metrics import crps_from_paths

__all__ = ["backtest_ahead", "excess", "horizon_of"]

_Floats = NDArray[np.float64]

_HORIZON = (8, 48)  # steps: a season within these
_ORIGINS = 16  # of a validation, of which a fit makes twenty
_PATHS = 64  # of a validation
_TEST_PATHS = 200
_LOST = 1e9


def horizon_of(season: int, held_out: int) -> int | None:
    """How many steps ahead to forecast: a season, from 8 to 48, but at most half of what is held out; None for none.

    >>> horizon_of(12, 100), horizon_of(1, 100), horizon_of(168, 1000), horizon_of(12, 10), horizon_of(12, 1)
    (12, 8, 48, 5, None)
    """
    low, high = _HORIZON
    return min(max(season, low), high, held_out // 2) or None


def excess(model: SeriesModel, values: _Floats, baselines: Baselines, begin: int) -> float:
    """By how many nats forecasts from steps ``begin``.. on are wider than the best naive forecasts.

    The log ratio of mean CRPS, summed over columns: while a distribution keeps its shape, its CRPS is proportional to
    its scale, so that this may be added to nats of one step ahead. Zero where nothing can be held out, huge where paths
    overflow float64.
    """
    horizon = horizon_of(baselines.season, len(values) - begin)
    if horizon is None:
        return 0.0
    last = len(values) - horizon
    origins = np.unique(np.linspace(begin, last, _ORIGINS).astype(np.int64)).tolist()
    actual = np.stack([values[t : t + horizon] for t in origins])
    drawn = paths_from(model, values, origins, horizon, paths=_PATHS, seed=0)
    if not np.isfinite(drawn).all():
        return _LOST
    rng = np.random.default_rng(0)
    naive = []
    for baseline in baselines.naive:
        paths = np.stack([baseline.paths(values[:t], horizon, _PATHS, rng) for t in origins])
        naive.append(_crps(paths, actual))
    least = np.maximum(np.min(naive, axis=0), np.finfo(np.float64).tiny)
    ratio = _crps(drawn, actual) / least
    return float(np.log(np.maximum(ratio, 1e-12)).sum())


def _crps(paths: _Floats, actual: _Floats) -> _Floats:
    """The mean of each column over origins and steps, for paths (origins, n, H, C)."""
    return np.asarray(crps_from_paths(paths.swapaxes(0, 1), actual).mean(axis=(0, 1)))


def backtest_ahead(model: SeriesModel, values: _Floats, baselines: Baselines, begin: int, of: str) -> Backtest | None:
    """The errors of forecasts along held-out steps ``begin``.. beside the naive ones; None where there are too few."""
    horizon = horizon_of(baselines.season, len(values) - begin)
    if horizon is None:
        return None
    return backtest_series(
        model,
        values,
        baselines,
        begin,
        of,
        horizon=horizon,
        paths=_TEST_PATHS,
        stride=None,
        seed=0,
    )
