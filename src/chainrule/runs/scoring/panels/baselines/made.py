"""What a baseline is asked for, and what it gives."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule._optional import require
from chainrule.runs.scoring.panels.origins import Origins

__all__ = ["Advance", "BaselineForecasts", "gaussian", "silent"]

_Floats = NDArray[np.float64]

Advance = Callable[[float], None]
"""Is called with the share that is done."""


def silent(share: float) -> None:
    """Tell nobody."""


@dataclass(frozen=True, eq=False)
class BaselineForecasts:
    """The quantiles (M, H, Q) of a baseline.

    Attributes:
        name: of the baseline.
        quantiles: from each origin, of each step, at each level.
        replaced: the ids of series that it could not be fitted to, whose forecasts are the naive ones.
    """

    name: str
    quantiles: _Floats
    replaced: tuple[str, ...] = ()

    def remark(self) -> str | None:
        """A sentence on the series that it was not fitted to; None where there are none."""
        if not self.replaced:
            return None
        return (
            f"{self.name} could not be fitted to {counted(len(self.replaced), 'series', 'series')}, forecast by the "
            f"naive method instead: {listed(self.replaced, shown=3)}"
        )


def gaussian(point: _Floats, spread: _Floats, levels: _Floats) -> _Floats:
    """Quantiles (..., Q) of normal distributions with means ``point`` and standard deviations ``spread`` (...)."""
    standard = require("scipy.special").ndtri(levels)
    return np.asarray(point[..., None] + spread[..., None] * standard)


def known_past(origins: Origins, i: int) -> _Floats:
    """The values of series i from its first known one on, gaps filled with the last known value, so from the past."""
    panel = origins.panel
    values = panel.values[panel.starts[i] : panel.starts[i + 1]]
    known = ~np.isnan(values)
    begin = int(known.argmax())
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), begin))
    return np.asarray(values[last[begin:]])
