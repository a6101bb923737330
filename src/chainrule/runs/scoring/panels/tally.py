"""Errors of the forecasts of a panel, added up by series and step ahead, and the metrics that follow from the sums."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.runs.scoring.panels.origins import Origins, check_levels, check_quantiles
from chainrule.runs.scoring.panels.scales import Scales

__all__ = ["INTERVALS", "METRICS", "Tally", "place_of"]

_Floats = NDArray[np.float64]

METRICS = ("mae", "rmse", "mase", "rmsse", "smape", "crps", "wql")
INTERVALS = (80, 95)
_AT_ONCE = 1 << 18  # quantiles that are scored together
_GLUON = np.arange(1, 10) / 10  # levels of the weighted quantile loss


@dataclass(frozen=True, eq=False)
class Tally:
    """Sums over the known outcomes of one forecaster, by series and step ahead; missing outcomes are left out.

    Attributes:
        levels: (Q,) of the quantiles.
        counts: (N, H) the outcomes that are known.
        sums: by the name of what is summed, (N, H) each.
        pinball: (N, H, Q) sums of the pinball loss of each level.
        losses: (M,) the CRPS of each forecast, its mean over the known steps; NaN where none is known.
    """

    levels: _Floats
    counts: _Floats
    sums: dict[str, _Floats]
    pinball: _Floats
    losses: _Floats

    @classmethod
    def of(cls, origins: Origins, quantiles: _Floats, levels: object, name: str = "the model") -> "Tally":
        """Of quantiles (M, H, Q), a part of the origins at a time."""
        level = check_levels(levels)
        shape = (len(origins), origins.horizon, len(level))
        forecast = check_quantiles(name, quantiles, shape)
        series = len(origins.panel.ids)
        order = np.argsort(origins.series, kind="stable")
        actual = origins.actual()
        pinball = np.zeros((series, *shape[1:]))
        sums: dict[str, _Floats] = {}
        losses = np.full(len(origins), np.nan)
        for part in _parts(order, shape[1] * shape[2]):
            found, begins = np.unique(origins.series[part], return_index=True)
            known = ~np.isnan(actual[part])
            y = np.where(known, actual[part], 0.0)
            loss = _pinball(y, forecast[part], level) * known[:, :, None]
            steps = known.sum(axis=1)
            seen = steps > 0
            losses[part[seen]] = 2 * loss[seen].mean(axis=2).sum(axis=1) / steps[seen]
            pinball[found] += np.add.reduceat(loss, begins, axis=0)
            for key, values in _errors(y, forecast[part], level).items():
                total = sums.setdefault(key, np.zeros((series, shape[1])))
                total[found] += np.add.reduceat(values * known, begins, axis=0)
        return cls(level, sums.pop("counts"), sums, pinball, losses)

    def by_series(self, scales: Scales) -> dict[str, _Floats]:
        """(N,) of each metric: NaN for a series without known outcomes, or for scaled errors without a scale."""
        return self._metrics(scales, summed=True)

    def by_horizon(self, scales: Scales) -> dict[str, _Floats]:
        """(H,) of each metric: of each series first, then their mean; the weighted quantile loss of all together."""
        metrics = {name: _mean_known(values) for name, values in self._metrics(scales, summed=False).items()}
        return metrics | {"wql": _ratio(self._weighted().sum(axis=0), self.sums["size"].sum(axis=0))}

    def overall(self, scales: Scales) -> dict[str, float]:
        """One number of each metric, averaged likewise."""
        metrics = {name: float(_mean_known(values)) for name, values in self.by_series(scales).items()}
        return metrics | {"wql": float(_ratio(self._weighted().sum(), self.sums["size"].sum()))}

    def scaled_crps(self, scales: Scales) -> float:
        """The mean over series of the CRPS, divided by their scale; NaN where none has one."""
        return float(_mean_known(self.by_series(scales)["crps"] / scales.absolute))

    def _metrics(self, scales: Scales, summed: bool) -> dict[str, _Floats]:
        """By series, or by series and step ahead."""

        def total(values: _Floats) -> _Floats:
            return np.asarray(values.sum(axis=1) if summed else values)

        counts = total(self.counts)
        means = {key: _ratio(total(values), counts) for key, values in self.sums.items()}
        absolute = scales.absolute if summed else scales.absolute[:, None]
        squared = scales.squared if summed else scales.squared[:, None]
        pinball = _ratio(total(self.pinball), counts[..., None])
        metrics = {
            "mae": means["absolute"],
            "rmse": np.sqrt(means["squared"]),
            "mase": means["absolute"] / absolute,
            "rmsse": np.sqrt(means["squared"] / squared),
            "smape": means["symmetric"],
            "crps": 2 * pinball.mean(axis=-1),
            "wql": _ratio(total(self._weighted()), total(self.sums["size"])),
        }
        metrics |= {key: values for key, values in means.items() if key.startswith(("coverage", "width"))}
        return metrics | {f"pinball_{level:g}": pinball[..., q] for q, level in enumerate(self.levels)}

    def _weighted(self) -> _Floats:
        """(N, H) twice the mean pinball loss of the levels 0.1, ..., 0.9, or of those of them that there are."""
        chosen = np.isclose(self.levels[:, None], _GLUON).any(axis=1)
        return np.asarray(2 * self.pinball[:, :, chosen].mean(axis=2))


def place_of(levels: _Floats, level: float) -> int | None:
    """Where a level stands among others; None if it is not there."""
    found = np.flatnonzero(np.isclose(levels, level))
    return int(found[0]) if len(found) else None


def _parts(order: NDArray[np.intp], size: int) -> Iterator[NDArray[np.intp]]:
    """The forecasts, those of a series together, as many at once as memory should hold."""
    together = max(1, _AT_ONCE // size)
    for first in range(0, len(order), together):
        yield order[first : first + together]


def _pinball(y: _Floats, quantiles: _Floats, levels: _Floats) -> _Floats:
    """Pinball losses of quantiles (..., Q) of y (...): level (y - q) above the quantile, (1 - level) (q - y) below."""
    error = y[..., None] - quantiles
    return np.maximum(levels * error, (levels - 1) * error)


def _errors(y: _Floats, quantiles: _Floats, levels: _Floats) -> dict[str, _Floats]:
    """What is added up of outcomes y (m, H), in the shape of these; the point forecast is the median."""
    median = quantiles[..., place_of(levels, 0.5)]
    error = np.abs(y - median)
    either = np.abs(y) + np.abs(median)
    found = {
        "counts": np.ones_like(y),
        "absolute": error,
        "squared": error**2,
        "symmetric": np.divide(200 * error, either, out=np.zeros_like(y), where=either > 0),
        "size": np.abs(y),
    }
    for percent in INTERVALS:
        beyond = (100 - percent) / 200
        low = place_of(levels, beyond)
        high = place_of(levels, 1 - beyond)
        if low is not None and high is not None:
            lower = quantiles[..., low]
            upper = quantiles[..., high]
            found[f"coverage_{percent}"] = ((lower <= y) & (y <= upper)).astype(np.float64)
            found[f"width_{percent}"] = upper - lower
    return found


def _ratio(total: _Floats, counts: _Floats) -> _Floats:
    """The quotient; NaN where nothing was counted."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(counts > 0, total / counts, np.nan))


def _mean_known(values: _Floats) -> _Floats:
    """The mean over series of what is known of them; NaN where nothing is."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0))
