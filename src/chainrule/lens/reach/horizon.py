"""The mean gradient norm by lag, its horizon, and the interval of the horizon over a few sequences."""

import numpy as np
from numpy.typing import ArrayLike

from chainrule.lens.conversion import Floats

__all__ = ["HALF", "ONE_PERCENT", "Interval", "by_lag", "horizon", "interval", "of_lags"]

Interval = tuple[int | None, int | None]

ONE_PERCENT = 0.01
HALF = 0.5


def of_lags(norms: Floats, targets: ArrayLike, ahead: bool = False) -> Floats:
    """norms (B, R, T) by the lag from each target: (B, R, K), NaN where a lag lies outside of the sequence.

    The targets are (R,), or (B, R). The lag of step i is t - i; with ``ahead``, for a reverse direction, it is i - t.
    """
    T = norms.shape[-1]
    lags = np.arange(T)
    steps = lags if ahead else -lags
    at = np.broadcast_to(np.asarray(targets)[..., None] + steps, norms.shape)
    outside = (at < 0) | (at >= T)
    return np.where(outside, np.nan, np.take_along_axis(norms, np.where(outside, 0, at), axis=2))


def by_lag(lagged: Floats) -> Floats:
    """The norm by lag, (K,), over rows and targets (B, R, K); NaN where none reaches so far.

    The mean at a lag is divided by that of the same targets at lag 0, and multiplied by that of all at lag 0: late ones
    alone reach far, and may start with more.
    """
    norms, starts = _sums(lagged)
    count = (lagged[..., 0] > 0).sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = norms.sum(0) / starts.sum(0) * (starts[:, 0].sum() / count)
    return means


def _sums(lagged: Floats) -> tuple[Floats, Floats]:
    """Of each row by lag, (B, K): the norms over its targets, and those that the same targets start with.

    Targets without a gradient are left out.
    """
    start = lagged[..., :1]
    there = (start > 0) & ~np.isnan(lagged)
    return np.where(there, lagged, 0).sum(1), np.where(there, start, 0).sum(1)


def horizon(curve: Floats, share: float) -> int | None:
    """The lag from which on the curve stays under this share of its start; None if there is no such lag.

    >>> horizon(np.array([1.0, 0.5, 0.005, 0.02, 0.001, 0.0]), share=0.01)
    4
    """
    seen = curve[~np.isnan(curve)]
    if len(seen) == 0 or not seen[0] > 0:
        return None
    above = np.flatnonzero(~(seen < share * seen[0]))
    lag = int(above[-1]) + 1
    return lag if lag < len(seen) else None


def interval(lagged: Floats, share: float) -> Interval | None:
    """The 95 % interval of the horizon over rows (B, R, K): Student's, of its logarithm, by the jackknife."""
    enter = (lagged[..., 0] > 0).any(1)
    norms, starts = _sums(lagged[enter])
    rows = int(enter.sum())
    if rows < 2:
        return None
    kept = ~np.vstack([np.zeros(rows, dtype=bool), np.eye(rows, dtype=bool)])  # all rows, then all but each
    with np.errstate(invalid="ignore", divide="ignore"):
        crossings = [_crossing(norms[those].sum(0) / starts[those].sum(0), share) for those in kept]
    beyond = lagged.shape[-1]
    whole, *fewer = np.log([beyond if lag is None else lag for lag in crossings])
    spread = _student(rows - 1) * np.sqrt((rows - 1) * np.var(fewer))
    low, high = np.ceil(np.exp([whole - spread, whole + spread]).round(6))  # as the horizon is the crossing's
    open_above = high >= beyond or None in crossings
    return (None if low >= beyond else int(low), None if open_above else int(high))


def _crossing(curve: Floats, share: float) -> float | None:
    """Where between the lag before the horizon and the horizon the curve, a line in its logarithm, falls under it."""
    lag = horizon(curve, share)
    if lag is None or not curve[lag] > 0:
        return lag
    above, below = np.log(curve[lag - 1 : lag + 1] / curve[0])
    return lag - 1 + float(above - np.log(share)) / float(above - below)


def _student(freedom: int) -> float:
    """Student's t that 97.5 % lie below; from five degrees of freedom on Abramowitz & Stegun's series, 26.7.5."""
    few = (12.706, 4.303, 3.182, 2.776)
    if freedom <= len(few):
        return few[freedom - 1]
    return 1.96 + 2.372 / freedom + 2.822 / freedom**2
