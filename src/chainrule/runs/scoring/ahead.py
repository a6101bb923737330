"""Forecasts several steps ahead along held-out data: they take part in validation, and belong to a fit's score."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from chainrule.models import SeriesModel
from chainrule.runs.scoring.backtest import Backtest, backtest_series, paths_from
from chainrule.runs.scoring.baselines import Baselines
from chainrule.runs.scoring.metrics import crps_from_paths

__all__ = ["Ahead", "backtest_ahead", "horizon_of"]

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


class Ahead:
    """Forecasts of models from steps ``begin``.. on of values (T, C), beside the naive ones, which are drawn once."""

    def __init__(self, values: _Floats, baselines: Baselines, begin: int) -> None:
        self._values = values
        self._baselines = baselines
        self._horizon = horizon_of(baselines.season, len(values) - begin) or 0
        last = len(values) - self._horizon
        self._origins: list[int] = np.unique(np.linspace(begin, last, _ORIGINS).astype(np.int64)).tolist()

    def excess(self, model: SeriesModel) -> float:
        """By how many nats the forecasts of a model are wider than the best naive forecasts.

        The log ratio of mean CRPS, summed over columns: while a distribution keeps its shape, its CRPS is proportional
        to its scale, so that this may be added to nats of one step ahead. Zero where nothing can be held out, huge
        where paths overflow float64.
        """
        if not self._horizon:
            return 0.0
        drawn = paths_from(model, self._values, self._origins, self._horizon, paths=_PATHS, seed=0)
        if not np.isfinite(drawn).all():
            return _LOST
        ratio = self._crps(drawn) / self._least
        return float(np.log(np.maximum(ratio, 1e-12)).sum())

    @cached_property
    def _least(self) -> _Floats:
        """The mean CRPS of the best naive forecasts, of each column."""
        rng = np.random.default_rng(0)
        naive = []
        for baseline in self._baselines.naive:
            before = (self._values[:t] for t in self._origins)
            naive.append(self._crps(np.stack([baseline.paths(x, self._horizon, _PATHS, rng) for x in before])))
        return np.asarray(np.maximum(np.min(naive, axis=0), np.finfo(np.float64).tiny))

    def _crps(self, paths: _Floats) -> _Floats:
        """The mean of each column over origins and steps, for paths (origins, n, H, C)."""
        actual = np.stack([self._values[t : t + self._horizon] for t in self._origins])
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
