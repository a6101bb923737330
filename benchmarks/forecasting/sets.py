"""The sets that forecasts are measured on: a table, and what of its end is kept back."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data import Panel, Reading, read

__all__ = ["SETS", "ForecastSet", "read_set", "without_end"]


@dataclass(frozen=True)
class ForecastSet:
    """A set by what its users know of it.

    Attributes:
        reading: how its table is read.
        horizon: steps that are forecast.
        season: of the scale of MASE, as the set's publications have it.
        published: MASE of other methods on the set's own test part, which is not the end of what is read here.
    """

    reading: dict[str, Any]
    horizon: int
    season: int
    published: str = ""


SETS = {
    "m4-hourly": ForecastSet(
        {"layout": "rows", "season": 24},
        horizon=48,
        season=24,
        published="seasonal naive 1.19, DeepAR 3.53, N-BEATS 1.34, zero-shot foundation models 0.72 to 0.80",
    ),
    "m4-weekly": ForecastSet(
        {"layout": "rows"},
        horizon=13,
        season=1,
        published="naive 2.78, DeepAR 4.62, N-BEATS 1.97, theta and the like about 2.4 to 2.6",
    ),
    "ett": ForecastSet({"layout": "columns"}, horizon=24, season=24),
    "exchange": ForecastSet({"layout": "columns"}, horizon=30, season=1),  # days
}


def read_set(name: str, path: Path) -> Panel:
    """The whole panel."""
    panel = read(path, Reading(**SETS[name].reading))
    assert isinstance(panel, Panel)
    return panel


def without_end(panel: Panel, steps: int) -> Panel:
    """The panel without the last steps of each series."""
    kept = np.arange(len(panel.values)) < np.repeat(panel.ends - steps, np.diff(panel.starts))
    starts = np.concatenate([[0], np.cumsum(panel.ends - steps - panel.starts[:-1])]).astype(np.int64)
    dates = None if panel.dates is None else panel.dates[kept]
    arrays = {name: getattr(panel, name)[kept] for name in ("values", "known", "past")}
    return replace(panel, starts=starts, dates=dates, **arrays)
