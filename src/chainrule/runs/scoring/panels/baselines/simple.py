"""The naive, seasonal naive and drift forecasts of all series of a panel at once.

Their intervals are normal, with a variance from the changes before each origin alone. A missing value is as if it were
not yet known: the last known one stands for it, and the variance grows with the steps since.
"""

import numpy as np
from numpy.typing import NDArray

from chainrule.data.panels.panel import Panel
from chainrule.runs.scoring.panels.baselines.made import Advance, BaselineForecasts, gaussian, silent
from chainrule.runs.scoring.panels.origins import Origins

__all__ = ["drift", "naive", "seasonal_naive"]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


def naive(origins: Origins, levels: _Floats, season: int = 1, advance: Advance = silent) -> BaselineForecasts:
    """x_t = x_{t-1} + e_t: each step as the last known one; the spread grows with the root of the steps.

    >>> panel = Panel(np.array([1.0, 2.0, 1.0, np.nan]), np.array([0, 4]), ("a",))
    >>> origins = Origins(panel, np.array([0, 0]), np.array([3, 4]), 1)
    >>> naive(origins, np.array([0.5, 0.975])).quantiles.round(2).tolist()  # the second is two steps ahead
    [[[1.0, 2.96]], [[1.0, 3.77]]]
    """
    point, spread = _walk(origins, _Changes(origins.panel, 1))
    return BaselineForecasts("naive", gaussian(point, spread, levels))


def seasonal_naive(origins: Origins, levels: _Floats, season: int = 1, advance: Advance = silent) -> BaselineForecasts:
    """x_t = x_{t-season} + e_t: each step as the same one of the last season that is known.

    Where a step has no such past, as in a series that is shorter than a season, it is the naive forecast.
    """
    changes = _Changes(origins.panel, season)
    ahead = np.arange(origins.horizon)
    asked = origins.rows[:, None] - season + ahead % season
    inside = asked >= origins.panel.starts[origins.series][:, None]
    last = np.where(inside, changes.last[np.where(inside, asked, 0)], -1)
    seasons = ahead // season + 1 + (asked - last) // season
    spread = changes.spread(origins)[:, None] * np.sqrt(seasons)
    point, plain = _walk(origins, _Changes(origins.panel, 1))
    point = np.where(last >= 0, origins.panel.values[last], point)
    spread = np.where((last >= 0) & ~np.isnan(spread), spread, plain)
    return BaselineForecasts("seasonal naive", gaussian(point, spread, levels))


def drift(origins: Origins, levels: _Floats, season: int = 1, advance: Advance = silent) -> BaselineForecasts:
    """x_t = c + x_{t-1} + e_t: on along the line from the first known value to the last.

    The spread of step h is that of the changes about their mean times the root of h (1 + h / (T - 1)): Hyndman &
    Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.5.
    """
    changes = _Changes(origins.panel, 1)
    count, total, squares, steps = (changes.before(origins, each) for each in changes.sums)
    seen = np.maximum(steps, 1)
    slope = total / seen
    deviance = np.maximum(squares - total * slope, 0.0) / np.maximum(count - 1, 1)
    last = changes.last[origins.rows - 1]
    ahead = (origins.rows - last)[:, None] + np.arange(origins.horizon)
    point = origins.panel.values[last][:, None] + slope[:, None] * ahead
    spread = np.sqrt(deviance[:, None] * ahead * (1 + ahead / seen[:, None]))
    return BaselineForecasts("drift", gaussian(point, spread, levels))


def _walk(origins: Origins, changes: "_Changes") -> tuple[_Floats, _Floats]:
    """Points and spreads (M, H) of the naive forecast; no spread where there is no change to learn it from."""
    last = changes.last[origins.rows - 1]
    steps = (origins.rows - last)[:, None] + np.arange(origins.horizon)
    spread = np.nan_to_num(changes.spread(origins))[:, None] * np.sqrt(steps)
    return np.broadcast_to(origins.panel.values[last][:, None], steps.shape), spread


class _Changes:
    """The changes of each series from one season to the next, added up along time.

    Attributes:
        last: (R,) the row of the last known value of the same step of the season, up to each row; -1 without one.
        sums: (R,) running sums of: the changes' number, the changes, their squares, and the seasons in them. A change
            over k seasons counts its square by k, as k changes of a random walk would have it.
    """

    def __init__(self, panel: Panel, season: int) -> None:
        self.last = _last_known(panel, season)
        rows = np.arange(len(panel.values))
        before = np.full(len(rows), -1)
        before[season:] = self.last[:-season] if season < len(rows) else -1
        in_series = rows - season >= np.repeat(panel.starts[:-1], np.diff(panel.starts))
        known = in_series & (before >= 0) & ~np.isnan(panel.values)
        apart = np.where(known, (rows - before) // season, 1)
        change = np.where(known, panel.values - panel.values[before], 0.0)
        each = (known.astype(np.float64), change, change**2 / apart, np.where(known, apart, 0.0))
        self.sums = [_within(panel, values) for values in each]

    def before(self, origins: Origins, sums: _Floats) -> _Floats:
        """(M,) running sums up to each origin."""
        return np.asarray(sums[origins.rows - 1])

    def spread(self, origins: Origins) -> _Floats:
        """(M,) the root mean square change of one season before each origin; NaN where there is none."""
        count = self.before(origins, self.sums[0])
        squares = self.before(origins, self.sums[2])
        return np.asarray(np.sqrt(np.where(count > 0, squares, np.nan) / np.maximum(count, 1)))


def _within(panel: Panel, values: _Floats) -> _Floats:
    """Running sums that begin anew in each series, so that a long or large one costs another no digits."""
    return np.concatenate([np.cumsum(part) for part in np.split(values, panel.starts[1:-1])])


def _last_known(panel: Panel, season: int) -> _Ints:
    """(R,) the row of the last known value up to each row, of those whole seasons before it; -1 where there is none."""
    rows = np.arange(len(panel.values))
    begin = np.repeat(panel.starts[:-1], np.diff(panel.starts))
    phase = (rows - begin) % season
    order = np.lexsort((rows, phase, begin))
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (np.diff(begin[order]) != 0) | (np.diff(phase[order]) != 0)
    places = np.where(new | ~np.isnan(panel.values[order]), rows, 0)
    found = order[np.maximum.accumulate(places)]
    last = np.empty(len(rows), dtype=np.int64)
    last[order] = np.where(np.isnan(panel.values[found]), -1, found)
    return last
