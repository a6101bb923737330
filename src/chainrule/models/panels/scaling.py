"""Where a series stands, from its past alone: a centre and a scale for every step, in which networks see it.

    c_t = mean of y over the last m steps, 13 without a season
    e_t = mean of |y_u - y_{u-m}| over all u <= t, drawn to a share of the level while these are few
    s_t = mean of the same whose weights fall by 1/e every 50 steps, drawn to e_t while these are few

A network sees (y - c_t) / s_t and predicts in these units, so that one network serves series of any size, calm ones and
lively ones, and a density of its units is one of the data's by the Jacobian 1 / s_t. With m the season, e is what MASE
divides by, as far as it is known at t: what is trained by the size of its errors has them in this unit. No step after t
enters.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["WINDOW", "Units", "running_sums", "units_of"]

_Floats = NDArray[np.float64]

WINDOW = 13  # steps of a series without a season
_RECENT = 50.0  # steps in which the weight of a change falls by 1/e
_PRIOR = 3.0  # changes, each of this share of the level: there are none in the first season
_SHARE = 0.05
_LEAST = 1e-3  # of the level, where a series hardly changes


class Units(NamedTuple):
    """c, s and e of every step of a series, (T,) each."""

    centre: _Floats
    scale: _Floats
    change: _Floats


def running_sums(y: _Floats, season: int, before: _Floats | float = 0.0, counted: int = 0) -> _Floats:
    """(T, 6) sums over all steps up to each of one series y (T,), NaN where it is missing.

    They are of its values and of how many these are; of the sizes of its changes over a season and of how many; and of
    these two with weights that fall. Of a series that began earlier, ``before`` (6,) are those up to the last of the
    first ``counted`` steps, which are here to be looked back to.

    >>> running_sums(np.array([4.0, 2.0, np.nan, 4.0]), season=2)[-1].tolist()
    [10.0, 3.0, 2.0, 1.0, 2.0, 1.0]
    """
    change = np.full(len(y), np.nan)
    change[season:] = np.abs(y[season:] - y[:-season])
    terms = np.nan_to_num(np.stack([y, ~np.isnan(y), change, ~np.isnan(change)], axis=1))
    terms[:counted] = 0
    before = np.broadcast_to(before, 6)
    age = np.maximum(np.arange(len(y)) + 1 - counted, 0)
    recent = _fading_sums(terms[:, 2:]) + before[4:] * np.exp(-age / _RECENT)[:, None]
    return np.concatenate([before[:4] + np.cumsum(terms, axis=0), recent], axis=1)


def _fading_sums(terms: _Floats) -> _Floats:
    """Sums over all steps up to each, whose weights fall by 1/e every ``_RECENT`` steps: of twice as many by turns."""
    sums = terms.copy()
    steps = 1
    while steps < len(sums):
        sums[steps:] += math.exp(-steps / _RECENT) * sums[:-steps]
        steps *= 2
    return sums


def units_of(y: _Floats, season: int, unit: float, sums: _Floats | None = None) -> Units:
    """The units of every step of one series y (T,), NaN where it is missing.

    ``unit`` is the scale of a past that is all zeros, or all missing; ``sums`` are the ``running_sums`` of a series
    that began earlier.

    >>> centre, scale, change = units_of(np.array([4.0, 2.0, np.nan, 4.0]), season=2, unit=1.0)
    >>> centre.tolist(), scale.round(3).tolist(), change.round(3).tolist()
    ([4.0, 3.0, 2.0, 4.0], [0.2, 0.15, 0.1, 0.988], [0.2, 0.15, 0.1, 0.65])
    """
    sums = running_sums(y, season) if sums is None else sums
    of_values, counted, of_changes, changes, of_recent, recent = sums.T
    window = season if season > 1 else WINDOW
    known = ~np.isnan(y)
    values = np.where(known, y, 0.0)
    taps = np.ones(min(window, len(y)))
    count = _sums(known.astype(np.float64), taps)
    centre = np.where(count > 0, _sums(values, taps) / np.maximum(count, 1), of_values / np.maximum(counted, 1))
    level = _sums(np.abs(values), taps) / np.maximum(count, 1)
    change = (of_changes + _PRIOR * _SHARE * level) / (changes + _PRIOR)
    scale = (of_recent + _PRIOR * change) / (recent + _PRIOR)
    change, scale = (np.maximum(each, _LEAST * level) for each in (change, scale))
    return Units(centre, np.where(scale > 0, scale, unit), np.where(change > 0, change, unit))


def _sums(x: _Floats, taps: _Floats) -> _Floats:
    """Sums over the last steps, each by itself, so that what is small is not lost beside what was large."""
    return np.asarray(np.convolve(x, taps)[: len(x)])
