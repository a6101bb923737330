"""Intervals of live forecasts: calibrated along the test part, then moved by how those since the fit have fared."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from chainrule.data import Panel
from chainrule.models import PanelModel, PanelTensors
from chainrule.models.panels import Behind
from chainrule.runs.kinds.panels.ahead import LEVELS, quantiles_from
from chainrule.runs.scoring.panels import Conformal, Origins, Scales, adaptive_conformal

__all__ = ["TIMES", "live_quantiles", "since_fit", "units_of"]

_Ints = NDArray[np.int64]

TIMES = 200
"""Of forecasts, whose misses an interval follows; a run that is updated keeps the rows that these need."""
_STEPS = 1_000_000  # of forecasts that are held at a time


def live_quantiles(
    model: PanelModel,
    tensors: PanelTensors,
    panel: Panel,
    since: _Ints,
    units: NDArray[np.float64],
    conformal: Conformal,
) -> NDArray[np.float64]:
    """Quantiles (N, H, Q) at ``LEVELS`` of the H rows that the panel has after the end of each series.

    They are those that a forecaster in use since the fit would give now: calibrated by the test part; and, once values
    have come since, each interval moved by the scores of those that were made before, of the latest ``TIMES``, at the
    level that their misses led to (``adaptive_conformal``).

    Args:
        model: the weights that forecast.
        tensors: of the panel.
        panel: what is known, and as many blank rows after it as the model's horizon.
        since: (N,) the first row of each series that is not to calibrate: what the fit knew comes before it.
        units: (N,) the scale of what forecasts of each series are off by; NaN leaves them as they are.
        conformal: what the test part says of the model's intervals.
    """
    since = np.clip(since, panel.ends - TIMES, panel.ends)
    found = []
    for some in _parts(panel.ends - since + 1, _STEPS // model.horizon):
        rows = [np.arange(since[i], panel.ends[i] + 1) for i in some]
        series = np.repeat(some, [len(each) for each in rows])
        origins = Origins(panel, series, np.concatenate(rows), model.horizon)
        calibrated = conformal.apply(quantiles_from(model, tensors, origins), units[series])
        adapted = adaptive_conformal(origins, calibrated, LEVELS, units)
        found.append(adapted[origins.rows == panel.ends[series]])
    return np.concatenate(found)


def since_fit(fitted: Panel, panel: Panel, horizon: int) -> _Ints:
    """(N,) the row after those that the fit knew of each series; of a new one, after two seasons or a horizon.

    It is counted as if no rows of the panel had been dropped.
    """
    since = panel.starts[:-1] + max(2 * panel.season, horizon)
    since[: len(fitted.ids)] = panel.starts[: len(fitted.ids)] + fitted.ends - fitted.starts[:-1]
    return since


def units_of(fitted: Panel, panel: Panel, behind: Behind, horizon: int) -> NDArray[np.float64]:
    """(N,) the scale of each series before that row; where rows were dropped, that which was kept."""
    units = Scales.of(panel, np.minimum(since_fit(fitted, panel, horizon), panel.ends)).absolute
    units = np.where(behind.dropped.numpy() > 0, behind.units.numpy(), units)
    units[: len(fitted.ids)] = Scales.of(fitted, fitted.ends).absolute
    return units


def _parts(counts: _Ints, most: int) -> Iterator[NDArray[np.intp]]:
    """The numbers of series, together of at most so many origins, or one series alone.

    >>> [part.tolist() for part in _parts(np.array([3, 3, 9, 1, 1]), 6)]
    [[0, 1], [2], [3, 4]]
    """
    begin = 0
    total = 0
    for i, count in enumerate(counts.tolist()):
        if total and total + count > most:
            yield np.arange(begin, i)
            begin = i
            total = 0
        total += count
    yield np.arange(begin, len(counts))
