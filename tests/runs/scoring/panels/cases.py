"""Panels and forecasts of them, drawn."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chainrule.data.panels.panel import Panel
from chainrule.runs.scoring.panels.baselines.made import gaussian
from chainrule.runs.scoring.panels.origins import Origins

LEVELS = np.array([0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975])
Floats = NDArray[np.float64]


def panel_of(*series: Sequence[float] | Floats, season: int = 1, dated: bool = False) -> Panel:
    """A panel of series named a, b, c, ..., which end on one day."""
    lengths = [len(values) for values in series]
    days = [pd.date_range(end="2024-06-30", periods=n).to_numpy("datetime64[ns]") for n in lengths]
    return Panel(
        np.concatenate([np.asarray(values, dtype=np.float64) for values in series]),
        np.cumsum([0, *lengths]),
        tuple("abcdefghijklmnop"[: len(series)]),
        target="sales",
        dates=np.concatenate(days) if dated else None,
        freq="D" if dated else None,
        season=season,
        name="shops",
    )


def walks(*lengths: int, season: int = 1, dated: bool = False, gaps: bool = False) -> Panel:
    """Random walks with a season, of sizes that differ by a hundred."""
    rng = np.random.default_rng(sum(lengths))
    series = []
    for i, n in enumerate(lengths):
        walk = rng.normal(size=n).cumsum() + 4 * np.sin(2 * np.pi * np.arange(n) / max(season, 2)) + 30
        walk[1:] = np.where(gaps & (rng.random(n - 1) < 0.1), np.nan, walk[1:])
        series.append(walk * 100.0 ** (i % 2))
    return panel_of(*series, season=season, dated=dated)


def last_origins(panel: Panel, count: int, horizon: int) -> Origins:
    """The last origins of each series that leave it ``horizon`` steps."""
    rows = panel.starts[1:, None] - horizon - np.arange(count)[::-1]
    return Origins(panel, np.repeat(np.arange(len(panel.ids)), count), rows.ravel(), horizon)


def guesses(origins: Origins, seed: int = 0, width: float = 1.0) -> Floats:
    """Quantiles about the last known values, wrong at random."""
    rng = np.random.default_rng(seed)
    size = 100.0 ** (origins.series % 2)[:, None]
    known = np.nan_to_num(origins.panel.values[origins.rows - 1], nan=30.0)
    point = known[:, None] + size * rng.normal(size=(len(origins), origins.horizon))
    return gaussian(point, np.broadcast_to(width * size, point.shape), LEVELS)
