"""The forecast of a panel from plain arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chainrule.data.panels.ahead import extended
from chainrule.data.panels.panel import Panel
from chainrule.errors import ArgumentError
from chainrule.runs.scoring.panels.origins import Origins, check_levels, check_quantiles
from chainrule.runs.scoring.panels.panel_forecast import PanelForecast

__all__ = ["forecast_panel"]

_Floats = NDArray[np.float64]
_Dates = NDArray[np.datetime64]


def forecast_panel(
    panel: Panel,
    series: NDArray[np.int64],
    origins: NDArray[np.int64],
    quantiles: _Floats,
    levels: Sequence[float] | _Floats,
    *,
    model: str = "model",
    before: NDArray[np.int64] | None = None,
) -> PanelForecast:
    """The result that shows quantiles (N, H, Q) of one forecast for each of N series.

    Dates are those of the panel's rows after the origin as far as it has them, then those that its frequency continues
    with; steps are numbered where the panel has no dates: by its own numbers, else from 1, after as many rows of each
    series as came ``before`` those that the panel has.

    >>> panel = Panel(np.array([1.0, 2.0, 3.0]), np.array([0, 2, 3]), ("a", "b"))
    >>> quantiles = np.array([[[2.5]], [[3.5]]])
    >>> forecast = forecast_panel(panel, np.array([0, 1]), np.array([2, 3]), quantiles, [0.5])
    >>> print(forecast.to_csv(), end="")
    unique_id,ds,model
    a,3,2.5
    b,2,3.5
    """
    level = check_levels(levels)
    horizon = np.shape(quantiles)[1] if np.ndim(quantiles) == 3 else 1
    at = Origins(panel, series, origins, horizon)
    forecast = check_quantiles(model, quantiles, (len(at), horizon, len(level)))
    if len(np.unique(at.series)) < len(at):
        raise ArgumentError("a series has several forecasts; expected one for each. Score several origins instead.")
    spans = [slice(int(panel.starts[i]), int(row)) for i, row in zip(at.series, at.rows, strict=True)]
    dates = _dates_after(at)
    past = None if dates is None or panel.dates is None else [panel.dates[span] for span in spans]
    return PanelForecast(
        of=panel.name,
        target=panel.target,
        ids=tuple(panel.ids[i] for i in at.series),
        levels=level,
        quantiles=forecast,
        histories=[panel.values[span] for span in spans],
        dates=dates,
        history_dates=past,
        timezone=panel.timezone if dates is not None else None,
        model=model,
        steps=_steps_after(at, before),
    )


def _dates_after(at: Origins) -> _Dates | None:
    """(N, H) the dates of all steps; None without dates."""
    ahead = extended(at.panel, at.horizon)
    if ahead.dates is None:
        return None
    rows = ahead.starts[at.series] + at.places
    return np.asarray(ahead.dates[rows[:, None] + np.arange(at.horizon)])


def _steps_after(at: Origins, before: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
    """(N, H) the numbers of all steps; None with dates, or where the rows that there are count from 1."""
    panel = at.panel
    first = panel.first_steps
    if first is None:
        if panel.dates is not None or before is None or not before.any():
            return None
        first = before + 1
    number = first[at.series] + panel.step * at.places
    return np.asarray(number[:, None] + panel.step * np.arange(at.horizon))
