"""Conformal calibration: intervals of any forecaster widened or narrowed until they cover what they say."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted
from chainrule.errors import ArgumentError, ShapeError, TooShortError
from chainrule.runs.scoring.panels.origins import check_levels, check_quantiles

__all__ = ["Conformal", "pairs_of"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Conformal:
    """Split conformal calibration of quantiles: shifts, by step ahead and level, in units of each series' scale.

    Learned from forecasts that the forecaster was not fitted to, and their outcomes. If the next outcome is
    exchangeable with these, an interval covers it with at least its probability, whatever the forecaster. Vovk,
    Gammerman & Shafer (2005); Romano, Patterson & Candès (2019), "Conformalized quantile regression".

    Attributes:
        levels: (Q,) of the quantiles.
        shifts: (H, Q) what is added to each quantile, times the scale of the series.

    >>> rng = np.random.default_rng(0)
    >>> too_narrow = np.tile([-0.5, 0.0, 0.5], (999, 1, 1))  # for normal outcomes, whose levels are at -1.28 and 1.28
    >>> fitted = Conformal.fit(too_narrow, rng.normal(size=(999, 1)), np.ones(999), [0.1, 0.5, 0.9])
    >>> fitted.apply(too_narrow[:1], np.ones(1)).round(1).tolist()
    [[[-1.2, 0.0, 1.2]]]
    """

    levels: _Floats
    shifts: _Floats

    @classmethod
    def fit(
        cls, quantiles: _Floats, actual: _Floats, scale: _Floats, levels: object, *, symmetric: bool = True
    ) -> Self:
        """Learn the shifts from n forecasts and what happened.

        Args:
            quantiles: (n, H, Q).
            actual: (n, H) the outcomes; those that are NaN are left out.
            scale: (n,) of the series of each forecast, positive; forecasts with NaN are left out.
            levels: (Q,), with 0.5; of each level q other than 0.5 also 1 - q if ``symmetric``.
            symmetric: move both ends of an interval by the same amount, and the median not at all. Otherwise each
                level is moved by itself, the median too, which also mends a forecaster that is too high or too low.

        Raises:
            TooShortError: too few outcomes for the outermost levels: 19 of each step for 95 %, 39 if not symmetric.
        """
        level = check_levels(levels)
        forecast = check_quantiles("the forecaster", quantiles, (*np.shape(actual), len(level)))
        unit = _units(scale, len(forecast))
        scores = (np.asarray(actual, dtype=np.float64)[:, :, None] - forecast) / unit[:, None, None]
        shifts = np.zeros(forecast.shape[1:])
        for h in range(forecast.shape[1]):
            known = scores[~np.isnan(scores[:, h, 0]), h]
            shifts[h] = _by_pairs(known, level, h) if symmetric else _by_level(known, level, h)
        return cls(level, shifts)

    def apply(self, quantiles: _Floats, scale: _Floats) -> _Floats:
        """Calibrated quantiles (M, H, Q), in increasing order; where a scale is NaN they stay."""
        forecast = check_quantiles("the forecaster", quantiles, (len(scale), *self.shifts.shape))
        unit = np.nan_to_num(_units(scale, len(forecast)))
        return _in_order(forecast + self.shifts * unit[:, None, None], self.levels)

    def to_dict(self) -> dict[str, Any]:
        """The numbers in lists, for JSON."""
        return {"levels": self.levels.tolist(), "shifts": self.shifts.tolist()}

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any]) -> Self:
        """From what `to_dict` gave.

        >>> fitted = Conformal(np.array([0.5]), np.array([[0.25]]))
        >>> Conformal.from_dict(fitted.to_dict()).shifts.tolist()
        [[0.25]]
        """
        level = check_levels(numbers["levels"])
        shifts = np.asarray(numbers["shifts"], dtype=np.float64)
        if shifts.ndim != 2 or shifts.shape[1] != len(level) or not np.isfinite(shifts).all():
            raise ShapeError(
                f"shifts are {shifts.shape}; expected finite numbers, {counted(len(level), 'level')} a step."
            )
        return cls(level, shifts)


def pairs_of(levels: _Floats) -> list[tuple[int, int, float]]:
    """The places of both ends of each interval about the median, and the share outside it.

    >>> [(low, high, round(outside, 3)) for low, high, outside in pairs_of(np.array([0.1, 0.5, 0.9]))]
    [(0, 2, 0.2)]
    """
    count = len(levels)
    if not np.allclose(levels, 1 - levels[::-1]):
        raise ArgumentError(
            f"levels are {levels.tolist()}; expected with each of them also what it lacks to 1, as 0.1 and 0.9: "
            "symmetric intervals have two ends."
        )
    return [(low, count - 1 - low, float(2 * levels[low])) for low in range(count // 2)]


def _by_pairs(scores: _Floats, levels: _Floats, h: int) -> _Floats:
    """(Q,) shifts that move both ends by how far outcomes lie beyond the nearer one."""
    shifts = np.zeros(len(levels))
    for low, high, outside in pairs_of(levels):
        beyond = np.maximum(-scores[:, low], scores[:, high])
        shifts[high] = _ranked(beyond, 1 - outside, f"{100 * (1 - outside):.3g} % intervals", h)
        shifts[low] = -shifts[high]
    return shifts


def _by_level(scores: _Floats, levels: _Floats, h: int) -> _Floats:
    """(Q,) shifts that move each level to the quantile of the signed errors, outwards by the finite-sample rank."""
    shifts = np.empty(len(levels))
    for q, level in enumerate(levels):
        what = f"the level {level:g}"
        if np.isclose(level, 0.5):
            if not len(scores):
                raise TooShortError(f"no outcomes are known of step {h + 1} ahead. Give forecasts of earlier steps.")
            shifts[q] = np.median(scores[:, q])
        elif level > 0.5:
            shifts[q] = _ranked(scores[:, q], level, what, h)
        else:
            shifts[q] = -_ranked(-scores[:, q], 1 - level, what, h)
    return shifts


def _ranked(scores: _Floats, share: float, what: str, h: int) -> float:
    """The score of rank ceil((n + 1) share), the least that covers another outcome with that probability."""
    rank = math.ceil((len(scores) + 1) * share - 1e-9)
    if rank > len(scores):
        needed = math.ceil(share / (1 - share) - 1e-9)
        raise TooShortError(
            f"{what} need {counted(needed, 'known outcome')} of each step ahead, and step {h + 1} has {len(scores)}. "
            "Calibrate on more origins or series, or leave out the outermost levels."
        )
    return float(np.partition(scores, rank - 1)[rank - 1])


def _units(scale: object, count: int) -> _Floats:
    unit = np.asarray(scale, dtype=np.float64)
    if unit.shape != (count,) or (unit <= 0).any() or np.isinf(unit).any():
        raise ShapeError(f"scale is {unit.shape}; expected {counted(count, 'positive number')}, one for each forecast.")
    return unit


def _in_order(quantiles: _Floats, levels: _Floats) -> _Floats:
    """Quantiles in increasing order, the median where it was: an interval that would end beyond it ends there."""
    middle = np.flatnonzero(np.isclose(levels, 0.5))
    if not len(middle):
        return np.sort(quantiles, axis=2)
    m = int(middle[0])
    above = np.maximum.accumulate(quantiles[..., m:], axis=2)
    below = np.minimum.accumulate(quantiles[..., m::-1], axis=2)[..., :0:-1]
    return np.concatenate([below, above], axis=2)
