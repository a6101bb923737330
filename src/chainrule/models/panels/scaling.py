"""Where a series stands, from its past alone: a centre and a scale for every step, in which networks see it.

    c_t = mean of y over the last m steps, 13 without a season
    s_t = mean of |y_u - y_{u-m}| over all u <= t, drawn to a share of the level while these are few

A network sees (y - c_t) / s_t and predicts in these units, so that one network serves series of any size, and a
density of its units is one of the data's by the Jacobian 1 / s_t. With m the season, s is what MASE divides by, as far
as it is known at t. No step after t enters.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["WINDOW", "centre_and_scale", "running_sums"]

_Floats = NDArray[np.float64]

WINDOW = 13  # steps of a series without a season
_PRIOR = 3.0  # changes, each of this share of the level: there are none in the first season
_SHARE = 0.05
_LEAST = 1e-3  # of the level, where a series hardly changes


def running_sums(y: _Floats, season: int, before: _Floats | float = 0.0, counted: int = 0) -> _Floats:
    """(T, 4) sums over all steps up to each of one series y (T,), NaN where it is missing.

    They are of its values and of how many these are, of the sizes of its changes over a season and of how many. Of a
    series that began earlier, ``before`` (4,) are those up to the last of the first ``counted`` steps, which are here
    to be looked back to.

    >>> running_sums(np.array([4.0, 2.0, np.nan, 4.0]), season=2)[-1].tolist()
    [10.0, 3.0, 2.0, 1.0]
    """
    change = np.full(len(y), np.nan)
    change[season:] = np.abs(y[season:] - y[:-season])
    terms = np.nan_to_num(np.stack([y, ~np.isnan(y), change, ~np.isnan(change)], axis=1))
    terms[:counted] = 0
    return np.asarray(before + np.cumsum(terms, axis=0))


def centre_and_scale(y: _Floats, season: int, unit: float, sums: _Floats | None = None) -> tuple[_Floats, _Floats]:
    """c and s of every step of one series y (T,), NaN where it is missing.

    ``unit`` is the scale of a past that is all zeros, or all missing; ``sums`` are the ``running_sums`` of a series
    that began earlier.

    >>> centre, scale = centre_and_scale(np.array([4.0, 2.0, np.nan, 4.0]), season=2, unit=1.0)
    >>> centre.tolist(), scale.round(3).tolist()
    ([4.0, 3.0, 2.0, 4.0], [0.2, 0.15, 0.1, 0.65])
    """
    sums = running_sums(y, season) if sums is None else sums
    of_values, counted, of_changes, changes = sums.T
    window = season if season > 1 else WINDOW
    known = ~np.isnan(y)
    values = np.where(known, y, 0.0)
    taps = np.ones(min(window, len(y)))
    count = _sums(known.astype(np.float64), taps)
    centre = np.where(count > 0, _sums(values, taps) / np.maximum(count, 1), of_values / np.maximum(counted, 1))
    level = _sums(np.abs(values), taps) / np.maximum(count, 1)
    scale = (of_changes + _PRIOR * _SHARE * level) / (changes + _PRIOR)
    scale = np.maximum(scale, _LEAST * level)
    return centre, np.where(scale > 0, scale, unit)


def _sums(x: _Floats, taps: _Floats) -> _Floats:
    """Sums over the last steps, each by itself, so that what is small is not lost beside what was large."""
    return np.asarray(np.convolve(x, taps)[: len(x)])
