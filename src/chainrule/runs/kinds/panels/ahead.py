"""Forecasts of a model along the rows of a panel, beside the baselines."""

from collections.abc import Callable, Container, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from chainrule._choices import choose
from chainrule.data import Panel
from chainrule.models import PanelModel, PanelTensors
from chainrule.runs.scoring.backtest import ADAPTED
from chainrule.runs.scoring.panels import (
    PANEL_BASELINES,
    Origins,
    PanelBacktest,
    Scales,
    adaptive_conformal,
    panel_baseline,
    score_panel,
)
from chainrule.training import panel_quantiles

__all__ = ["LEVELS", "backtest_panel", "baselines_beside", "named_baselines", "origins_between", "quantiles_from"]

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
    forecast: Callable[[Callable[[float], None]], NDArray[np.float64]] | None = None,
    remarks: Sequence[str] = (),
) -> PanelBacktest:
    """Score the model's forecasts from the origins beside baselines; None takes those that need no fit of their own.

    Every series is read once, its state carried from origin to origin, so that no forecast sees a step after its own.
    With the intervals "conformal", each is moved by how the earlier ones of its series fared. ``forecast``, which is
    given what to call with the share that is done, takes the model's place where the weights change on the way.
    """
    panel = origins.panel
    named = named_baselines(panel, baselines)
    share = 1 / (1 + len(named))
    told = list(remarks)

    def begun(done: float) -> None:
        advance(share * done)

    found = quantiles_from(model, tensors, origins, advance=begun) if forecast is None else forecast(begun)
    if intervals == "conformal":
        scale = Scales.of(panel, origins.first).absolute
        found = adaptive_conformal(origins, found, LEVELS, scale)
        told.append(f"{ADAPTED}.")
    forecasts = {name: found}

    def advanced(done: float) -> None:
        advance(share + (1 - share) * done)

    others = baselines_beside(forecasts, origins, named, advanced)
    told += others.remarks
    forecasts |= others.forecasts
    return score_panel(panel, origins.series, origins.rows, forecasts, LEVELS, origins.horizon, remarks=told)


class BaselinesBeside(NamedTuple):
    """The quantiles of baselines by their names, and what is told of them."""

    forecasts: dict[str, NDArray[np.float64]]
    remarks: list[str]


def named_baselines(panel: Panel, asked: Sequence[str] | None) -> tuple[str, ...]:
    """Those that were asked for; None takes those that are not fitted.

    Raises:
        ArgumentError: one is unknown.
    """
    if asked is None:
        return ("naive", "seasonal naive", "drift") if panel.season > 1 else ("naive", "drift")
    for name in asked:
        choose("baseline", name, tuple(PANEL_BASELINES))
    return tuple(dict.fromkeys(asked))


def baselines_beside(
    models: Container[str],
    origins: Origins,
    names: Sequence[str],
    advance: Callable[[float], None] = lambda share: None,
) -> BaselinesBeside:
    """The baselines' forecasts; one that has the name of a model is called local, as it is fitted to each series."""
    found = BaselinesBeside({}, [])
    for k, name in enumerate(names):

        def advanced(done: float, before: int = k) -> None:
            advance((before + done) / len(names))

        made = panel_baseline(name, origins, LEVELS, advance=advanced)
        found.forecasts[f"local {name}" if name in models else name] = made.quantiles
        remark = made.remark()
        if remark is not None:
            found.remarks.append(remark)
    return found
