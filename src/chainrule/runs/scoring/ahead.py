"""Forecasts several steps ahead: what a fit is validated by besides its next steps, and watched by at its end."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule.display import number
from chainrule.models import SeriesModel
from chainrule.runs.scoring.backtest import Backtest, backtest_series, paths_from
from chainrule.runs.scoring.metrics import crps_from_paths
from chainrule.runs.scoring.series_score import Baselines

__all__ = ["FreeRun", "backtest_ahead", "excess", "free_run", "horizon_of"]

_Floats = NDArray[np.float64]

_HORIZON = (8, 48)  # steps: a season within these
_ORIGINS = 16  # of a validation, of which a fit makes twenty
_PATHS = 64
_LOST = 1e9
_FREE = (60, 300)  # steps of a free run: five seasons within these
_FAR = np.finfo(np.float64).max / 2  # the difference of any two such is a float too, as quantiles need


def horizon_of(season: int, held_out: int) -> int | None:
    """Steps ahead to look at: a season, from 8 to 48, but half of what is held out at most; None if that is nothing.

    >>> horizon_of(12, 100), horizon_of(1, 100), horizon_of(168, 1000), horizon_of(12, 10), horizon_of(12, 1)
    (12, 8, 48, 5, None)
    """
    low, high = _HORIZON
    return min(max(season, low), high, held_out // 2) or None


def excess(model: SeriesModel, values: _Floats, baselines: Baselines, begin: int) -> float:
    """By how many nats the spread of forecasts from steps ``begin``.. on exceeds that of the best naive forecasts.

    The log ratio of mean CRPS, summed over columns: where a law keeps its shape its CRPS is in proportion to its
    scale, so that this adds to nats of one step ahead. Zero where nothing can be held out, huge where paths leave
    float64.
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
    naive = [
        np.stack([baseline.paths(values[:t], horizon, _PATHS, rng) for t in origins]) for baseline in baselines.naive
    ]
    least = np.min([_crps(paths, actual) for paths in naive], axis=0)
    ratio = _crps(drawn, actual) / np.maximum(least, np.finfo(np.float64).tiny)
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
        paths=200,
        stride=None,
        seed=0,
        advance=lambda share: None,
    )


@dataclass(frozen=True)
class FreeRun:
    """Where paths go that feed on themselves: the widest 95 % band of each column, beside the data's own range."""

    horizon: int
    columns: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    data_low: tuple[float, ...]
    data_high: tuple[float, ...]

    def leaves(self) -> list[str]:
        """The columns whose band lies beyond the data's range by more than the range's own width."""
        bands = zip(self.columns, self.low, self.high, self.data_low, self.data_high, strict=True)
        return [name for name, a, b, low, high in bands if not 2 * low - high <= a <= b <= 2 * high - low]

    def __str__(self) -> str:
        k = 0 if not self.leaves() else self.columns.index(self.leaves()[0])
        of = f" of {self.columns[k]}" if len(self.columns) > 1 else ""
        return (
            f"free-running {counted(self.horizon, 'step')}: 95 % of the paths{of} stay within {number(self.low[k])} "
            f"and {number(self.high[k])}; the data lie within {number(self.data_low[k])} "
            f"and {number(self.data_high[k])}{self._beyond()}"
        )

    def _beyond(self) -> str:
        leaves = self.leaves()
        of = f", in {listed(leaves)}" if leaves and len(self.columns) > 1 else ""
        return f". That is beyond the data's range by more than its own width{of}." if leaves else ""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def free_run(model: SeriesModel, values: _Floats, season: int, columns: tuple[str, ...]) -> FreeRun:
    """Sample paths from the end of values (T, C), far enough to see whether they drift off; NaN is far above."""
    low, high = _FREE
    horizon = min(max(5 * season, low), high)
    paths = model.forecast(torch.from_numpy(values), horizon, paths=200).numpy()
    within = np.clip(np.nan_to_num(paths, nan=np.inf, posinf=np.inf, neginf=-np.inf), -_FAR, _FAR)
    band = np.quantile(within, (0.025, 0.975), axis=0)
    extremes = band[0].min(axis=0), band[1].max(axis=0), values.min(axis=0), values.max(axis=0)
    return FreeRun(horizon, columns, *(tuple(part.tolist()) for part in extremes))
