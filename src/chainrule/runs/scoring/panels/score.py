"""Score the forecasts of a panel: from plain arrays to a result."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from chainrule.data.panels.panel import Panel
from chainrule.errors import ArgumentError
from chainrule.runs.scoring.panels.diebold_mariano import diebold_mariano_by_series, diebold_mariano_pooled
from chainrule.runs.scoring.panels.origins import Origins, check_levels
from chainrule.runs.scoring.panels.panel_backtest import PanelBacktest
from chainrule.runs.scoring.panels.scales import Scales
from chainrule.runs.scoring.panels.tally import Tally

__all__ = ["score_panel"]

_Floats = NDArray[np.float64]


def score_panel(
    panel: Panel,
    series: NDArray[np.int64],
    origins: NDArray[np.int64],
    forecasts: Mapping[str, _Floats],
    levels: Sequence[float] | _Floats,
    horizon: int,
    *,
    season: int | None = None,
    scales: Scales | None = None,
    remarks: Sequence[str] = (),
    models: int = 1,
    facts: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> PanelBacktest:
    """Score forecasters at M origins of a panel, and test the best of the models against the best of the baselines.

    Args:
        panel: the series.
        series: (M,) which series each forecast is of.
        origins: (M,) the row after the last one that was seen; forecasts are of rows origin to origin + horizon - 1.
        forecasts: quantiles (M, H, Q) by the names of forecasters: the models first, then baselines.
        levels: (Q,) increasing, with 0.5.
        horizon: H, the steps of each forecast.
        season: of the scales of MASE and RMSSE; that of the panel by default.
        scales: those scales, if not of the rows before the first origin of each series.
        remarks: sentences to be told with the result, such as that of `BaselineForecasts`.
        models: how many of the forecasters are models.
        facts: more that is known of forecasters, by their names.

    >>> panel = Panel(np.array([1.0, 3.0, 2.0, 4.0, 4.0]), np.array([0, 5]), ("a",))
    >>> quantiles = np.array([[[3.0]], [[4.0]]])
    >>> result = score_panel(panel, np.array([0, 0]), np.array([3, 4]), {"model": quantiles}, [0.5], horizon=1)
    >>> result.rows["model"].mae, round(result.rows["model"].mase, 3)
    (0.5, 0.333)
    """
    at = Origins(panel, series, origins, horizon)
    level = check_levels(levels)
    if not forecasts:
        raise ArgumentError("no forecasts were given; expected the quantiles of at least one forecaster, by its name.")
    if scales is None:
        scales = Scales.of(panel, at.first, season)
    tallies = {name: Tally.of(at, quantiles, level, name) for name, quantiles in forecasts.items()}
    if not next(iter(tallies.values())).counts.any():
        raise ArgumentError(
            f"none of the forecasts of {panel.name} has an outcome that is known; expected origins with values after "
            "them. Use earlier origins."
        )
    result = PanelBacktest(
        at, level, dict(forecasts), tallies, scales, remarks=tuple(remarks), models=models, facts=facts
    )
    best = result.best_baseline
    if best is None:
        return result
    unit = scales.absolute[at.series]
    losses = tallies[result.model].losses / unit
    others = tallies[best].losses / unit
    pooled = diebold_mariano_pooled(at, losses, others)
    return result.with_tests(pooled, diebold_mariano_by_series(at, losses, others))
