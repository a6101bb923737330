"""Forecasts of a model along the rows of a panel, beside the baselines."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule.data import Panel
from chainrule.models import PanelModel, PanelTensors
from chainrule.runs.scoring.panels import (
    Origins,
    PanelBacktest,
    Scales,
    adaptive_conformal,
    panel_baseline,
    score_panel,
)
from chainrule.training import panel_quantiles

__all__ = ["LEVELS", "backtest_panel", "origins_between", "quantiles_from"]

LEVELS = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)
"""The levels at which backtests score."""
_ORIGINS = 100  # of a series, unless a stride is given,
_STEPS = 1_000_000  # and so many forecast steps in all


def origins_between(
    panel: Panel, begin: NDArray[np.int64], end: NDArray[np.int64], horizon: int, stride: int | None = None
) -> Origins:
    """Origins of each series from row ``begin`` (N,) on, every ``stride`` steps, whose horizon ends by ``end`` (N,)."""
    counts = np.maximum(end - horizon - begin + 1, 0)
    if stride is None:
        by_series = -(-int(counts.max()) // _ORIGINS)
        in_all = -(-int(counts.sum()) * horizon // _STEPS)
        stride = max(1, by_series, in_all)
    rows = [np.arange(first, first + count, stride) for first, count in zip(begin, counts, strict=True)]
    series = np.repeat(np.arange(len(begin)), [len(each) for each in rows])
    return Origins(panel, series, np.concatenate(rows).astype(np.int64), horizon)


def quantiles_from(
    model: PanelModel,
    rows: PanelTensors,
    origins: Origins,
    levels: Sequence[float] = LEVELS,
    advance: Callable[[float], None] = lambda share: None,
) -> NDArray[np.float64]:
    """The model's quantiles (M, H, Q) from the origins; the model's horizon may be longer than theirs."""
    at = origins.rows - 1
    order = np.argsort(at)
    found = panel_quantiles(model, rows, at[order], torch.tensor(levels, dtype=torch.float64), advance)
    return found[np.argsort(order), : origins.horizon]


def backtest_panel(
    model: PanelModel,
    tensors: PanelTensors,
    origins: Origins,
    name: str,
    *,
    intervals: str = "model",
    baselines: Sequence[str] | None = None,
    advance: Callable[[float], None] = lambda share: None,
) -> PanelBacktest:
    """Score the model's forecasts from the origins beside baselines; None takes those that need no fit of their own.

    Every series is read once, its state carried from origin to origin, so that no forecast sees a step after its own.
    With the intervals "conformal", each is moved by how the earlier ones of its series fared.
    """
    panel = origins.panel
    named = _naive(panel) if baselines is None else tuple(baselines)
    share = 1 / (1 + len(named))
    found = quantiles_from(model, tensors, origins, advance=lambda done: advance(share * done))
    remarks = []
    if intervals == "conformal":
        scale = Scales.of(panel, origins.first).absolute
        found = adaptive_conformal(origins, found, LEVELS, scale)
        remarks.append("Intervals are moved by how the earlier ones of their series fared (adaptive conformal).")
    forecasts = {name: found}
    for k, each in enumerate(named, 1):

        def advanced(done: float, before: int = k) -> None:
            advance(share * (before + done))

        made = panel_baseline(each, origins, LEVELS, advance=advanced)
        forecasts[made.name] = made.quantiles
        remark = made.remark()
        if remark is not None:
            remarks.append(remark)
    return score_panel(panel, origins.series, origins.rows, forecasts, LEVELS, origins.horizon, remarks=remarks)


def _naive(panel: Panel) -> tuple[str, ...]:
    """The baselines that are not fitted."""
    return ("naive", "seasonal naive", "drift") if panel.season > 1 else ("naive", "drift")
