"""What scaled errors are divided by: how much each series changed before the first forecast."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.data.panels.panel import Panel

__all__ = ["Scales"]

_Floats = NDArray[np.float64]
_EXACT = 1e-12  # change over size: below it, a series is constant, or repeats its season, but for rounding


@dataclass(frozen=True, eq=False)
class Scales:
    """The scales of MASE and RMSSE, of N series: mean absolute and mean squared changes over one season.

    NaN where a series is constant, repeats its season exactly, or is no longer than a season: it has no scaled error.
    Hyndman & Koehler (2006), "Another look at measures of forecast accuracy"; Makridakis, Spiliotis & Assimakopoulos
    (2022), "M5 accuracy competition".

    >>> panel = Panel(np.array([1.0, 2.0, 4.0, 9.0, 3.0, 3.0, 3.0]), np.array([0, 4, 7]), ("a", "b"))
    >>> scales = Scales.of(panel, np.array([3, 6]))
    >>> scales.absolute.tolist(), scales.squared.tolist(), scales.left_out.tolist()
    ([1.5, nan], [2.5, nan], [1])
    """

    absolute: _Floats
    squared: _Floats

    @classmethod
    def of(cls, panel: Panel, first: NDArray[np.int64], season: int | None = None) -> "Scales":
        """Of the rows of each series before ``first`` (N,); the season is that of the panel unless it is given."""
        lag = panel.season if season is None else season
        change = np.full(len(panel.values), np.nan)
        change[lag:] = panel.values[lag:] - panel.values[:-lag] if lag < len(change) else np.nan
        series = np.repeat(np.arange(len(panel.ids)), np.diff(panel.starts))
        rows = np.arange(len(change))
        past = rows < first[series]
        known = past & (rows >= panel.starts[series] + lag) & ~np.isnan(change)
        size = np.zeros(len(panel.ids))
        np.maximum.at(size, series[past], np.nan_to_num(np.abs(panel.values[past])))
        counts = np.bincount(series[known], minlength=len(size))
        sums = [np.bincount(series[known], np.abs(change[known]) ** power, len(size)) for power in (1, 2)]
        flat = sums[0] <= _EXACT * size * np.maximum(counts, 1)
        absolute, squared = (np.where(flat, np.nan, total / np.maximum(counts, 1)) for total in sums)
        return cls(absolute, squared)

    @property
    def left_out(self) -> NDArray[np.intp]:
        """The numbers of the series without a scale."""
        return np.flatnonzero(np.isnan(self.absolute))
