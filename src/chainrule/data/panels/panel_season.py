"""The season of many series: from the frequency of their dates, else from their autocorrelations together."""

import math

import numpy as np
from numpy.typing import NDArray

from chainrule.data.dates.season import TRAIN, autocorrelation, first_peak
from chainrule.data.panels.panel import Panel

__all__ = ["panel_season"]

_MOST_SERIES = 200  # that are looked at
_MOST_STEPS = 4096  # of each


def panel_season(panel: Panel) -> int:
    """Steps in a season: from the frequency, else from the mean autocorrelation of the longer series; 1 without one.

    As for one series, a season is taken if a usual series, one of median length, has at least two of them; and the
    last fifth of each series is not looked at. Missing values are interpolated.
    """
    lengths = panel.ends - panel.starts[:-1]
    usual = int(np.median(lengths))
    frequency = panel.frequency
    if frequency is not None and frequency.season and 2 * frequency.season <= usual:
        return frequency.season
    longer = np.flatnonzero(lengths >= usual)
    if len(longer) > _MOST_SERIES:
        longer = longer[np.linspace(0, len(longer) - 1, _MOST_SERIES).astype(np.int64)]
    steps = min(math.floor(TRAIN * usual + 0.5), _MOST_STEPS)
    first = panel.starts[longer]
    found = [autocorrelation(_complete(panel.values[start : start + steps])) for start in first]
    known = [r for r in found if r is not None]
    if not known:
        return 1
    return first_peak(np.mean(known, axis=0), steps)


def _complete(values: NDArray[np.float64]) -> NDArray[np.float64]:
    blank = np.isnan(values)
    if blank.all():
        return np.zeros(len(values))
    if not blank.any():
        return values
    time = np.arange(len(values))
    return np.interp(time, time[~blank], values[~blank])
