"""One row of a backtest of a panel: the metrics of a forecaster."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from chainrule._choices import counted
from chainrule.runs.scoring.panels.diebold_mariano import DieboldMariano
from chainrule.runs.scoring.panels.scales import Scales
from chainrule.runs.scoring.panels.tally import Tally

__all__ = ["PANEL_FORMATS", "PanelRow", "verdict"]

PANEL_FORMATS = {"MASE": ".3f", "RMSSE": ".3f", "sMAPE": ".2f", "CRPS": "fixed", "WQL": ".4f", "width": "fixed"}


@dataclass(frozen=True)
class PanelRow:
    """One forecaster's metrics: of each series first, then their mean over series; None where nothing is defined.

    ``mae``, ``rmse``, ``crps`` and widths are in the data's units, coverage is a share. ``crps`` is twice the mean
    pinball loss over all levels; ``wql``, the weighted quantile loss, the same over the levels 0.1, ..., 0.9 (those of
    them that were forecast), added up over all series and divided by the sum of absolute outcomes, as GluonTS has it.
    ``smape`` is that of the M4 competition, from 0 to 200. Points are medians.
    """

    mae: float
    rmse: float
    mase: float | None
    rmsse: float | None
    smape: float
    crps: float
    wql: float | None
    coverage_80: float | None = None
    coverage_95: float | None = None
    width_80: float | None = None
    width_95: float | None = None

    @classmethod
    def of(cls, tally: Tally, scales: Scales) -> Self:
        """The metrics of what a forecaster's errors add up to."""
        found = {key: None if np.isnan(value) else value for key, value in tally.overall(scales).items()}
        return cls(**{key: found.get(key) for key in cls.__annotations__})  # type: ignore[arg-type]


def verdict(test: DieboldMariano) -> str:
    """The outcome of a test in words."""
    if np.isnan(test.statistic):
        return f"forecasts from {counted(test.count, 'time')} are too few to test"
    better = "better" if test.statistic < 0 else "worse"
    sure = f"{better} by more than chance" if test.p_value < 0.05 else "no more than chance apart"
    p = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"
    return f"{sure} (Diebold-Mariano {test.statistic:.2f}, {p}, scaled CRPS, {counted(test.count, 'time')})"
