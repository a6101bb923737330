"""Whether one forecaster is better than another by more than chance: the test of Diebold and Mariano."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, whole
from chainrule._optional import require
from chainrule.errors import ShapeError
from chainrule.runs.scoring.panels.origins import Origins

__all__ = ["DieboldMariano", "diebold_mariano", "diebold_mariano_by_series", "diebold_mariano_pooled", "verdict"]

_Floats = NDArray[np.float64]
_FEWEST = 8  # differences, below which a test says nothing


@dataclass(frozen=True)
class DieboldMariano:
    """The outcome of a test that two forecasters are equally good.

    Attributes:
        statistic: below 0 where the first is better; NaN where there are too few forecasts to tell.
        p_value: of both sides.
        count: the differences that it was computed from.
    """

    statistic: float
    p_value: float
    count: int


def verdict(test: DieboldMariano) -> str:
    """The outcome of a test in words."""
    if np.isnan(test.statistic):
        return f"forecasts from {counted(test.count, 'time')} are too few to test"
    better = "better" if test.statistic < 0 else "worse"
    sure = f"{better} by more than chance" if test.p_value < 0.05 else "no more than chance apart"
    p = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"
    return f"{sure} (Diebold-Mariano {test.statistic:.2f}, {p}, scaled CRPS, {counted(test.count, 'time')})"


def diebold_mariano(losses: _Floats, others: _Floats, overlap: int) -> DieboldMariano:
    """Test whether losses of forecasts from successive origins differ in their mean from those of another forecaster.

    The variance of the mean difference counts the covariances of up to ``overlap`` - 1 lags, equally weighted; where
    that estimate is not positive, with Bartlett's weights. The statistic is corrected for few forecasts and compared
    with the t distribution of n - 1 degrees of freedom: Harvey, Leybourne & Newbold (1997), "Testing the equality of
    prediction mean squared errors". With fewer than 8 differences there is no test.

    Args:
        losses, others: (n,) of the same forecasts, in order of time; where either is NaN the forecast is left out.
        overlap: successive forecasts whose errors share steps: the horizon, for forecasts from every step.

    >>> better = np.tile([1.0, 2.0, 3.0, 2.0], 8)
    >>> test = diebold_mariano(better, better + np.resize([0.5, 1.5, -0.5], 32), overlap=1)
    >>> round(test.statistic, 2), round(test.p_value, 4), test.count
    (-3.65, 0.0009, 32)
    """
    first = np.asarray(losses, dtype=np.float64)
    second = np.asarray(others, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ShapeError(f"losses are {first.shape} and {second.shape}; expected two lists of one length.")
    h = whole("overlap", overlap)
    d = first - second
    d = d[~np.isnan(d)]
    n = len(d)
    if n < max(_FEWEST, 2 * h):
        return DieboldMariano(float("nan"), float("nan"), n)
    if not np.ptp(d) > 1e-12 * np.abs(first[~np.isnan(first)]).max():
        sign = float(np.sign(np.median(d))) if np.abs(d).max() > 0 else 0.0
        return DieboldMariano(sign * float("inf") if sign else 0.0, 0.0 if sign else 1.0, n)
    centred = d - d.mean()
    covariances = np.correlate(centred, centred, "full")[n - 1 : n - 1 + h] / n
    variance = covariances[0] + 2 * covariances[1:].sum()
    if variance <= 0:
        variance = covariances[0] + 2 * ((1 - np.arange(1, h) / h) * covariances[1:]).sum()
    correction = np.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    statistic = float(correction * d.mean() / np.sqrt(variance / n))
    p_value = 2 * require("scipy.special").stdtr(n - 1, -abs(statistic))
    return DieboldMariano(statistic, float(p_value), n)


def diebold_mariano_by_series(origins: Origins, losses: _Floats, others: _Floats) -> list[DieboldMariano]:
    """The test of each of N series, over its origins: losses (M,) of each forecast."""
    order = np.lexsort((origins.rows, origins.series))
    bounds = np.searchsorted(origins.series[order], np.arange(len(origins.panel.ids) + 1))
    tests = []
    for i in range(len(origins.panel.ids)):
        mine = order[bounds[i] : bounds[i + 1]]
        overlap = _overlap(origins.rows[mine], origins.horizon)
        tests.append(diebold_mariano(losses[mine], others[mine], overlap))
    return tests


def diebold_mariano_pooled(origins: Origins, losses: _Floats, others: _Floats) -> DieboldMariano:
    """One test for all series: of the mean differences at each time, by the clock of `Origins`.

    Series that err together at a time then count once, where tests that take them as independent would be too sure.
    The losses should be in comparable units: divide them by the scale of each series.
    """
    known = ~np.isnan(losses - others)
    clock, place = np.unique(origins.clock[known], return_inverse=True)
    counts = np.maximum(np.bincount(place, minlength=len(clock)), 1)
    means = [np.bincount(place, each[known], len(clock)) / counts for each in (losses, others)]
    return diebold_mariano(means[0], means[1], _overlap(clock, origins.horizon))


def _overlap(times: NDArray[np.int64], horizon: int) -> int:
    """How many successive forecasts, from increasing times, share steps."""
    if len(times) < 2:
        return 1
    return int(-(-horizon // max(1, int(np.median(np.diff(times))))))
