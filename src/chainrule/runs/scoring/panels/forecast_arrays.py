"""The forecast of a panel from plain arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chainrule.data.dates.frequency import find_frequency
from chainrule.data.panels.panel import Panel
from chainrule.errors import ArgumentError
from chainrule.runs.scoring.panels.origins import Origins, check_levels, check_quantiles
from chainrule.runs.scoring.panels.panel_forecast import PanelForecast

__all__ = ["forecast_panel"]

_Floats = NDArray[np.float64]
_Dates = NDArray[np.datetime64]
_CALENDAR = 64  # of the last dates, from which the calendar is continued


def forecast_panel(
    panel: Panel,
    series: NDArray[np.int64],
    origins: NDArray[np.int64],
    quantiles: _Floats,
    levels: Sequence[float] | _Floats,
    *,
    model: str = "model",
) -> PanelForecast:
    """The result that shows quantiles (N, H, Q) of one forecast for each of N series.

    Dates are those of the panel's rows after the origin as far as it has them, then those that its frequency continues
    with; steps are numbered where the panel has no dates or these have no frequency.

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
    )


def _dates_after(at: Origins) -> _Dates | None:
    """(N, H) the dates of all steps; None where the calendar cannot be continued."""
    panel = at.panel
    if panel.dates is None:
        return None
    continued: dict[np.datetime64, _Dates | None] = {}
    found = np.empty((len(at), at.horizon), dtype="datetime64[us]")
    for m, (i, row) in enumerate(zip(at.series, at.rows, strict=True)):
        end = min(int(panel.starts[i + 1]), int(row) + at.horizon)
        last = panel.dates[end - 1]
        if last not in continued:  # many series end on the same date
            recent = panel.dates[max(int(panel.starts[i]), end - _CALENDAR) : end]
            continued[last] = find_frequency(recent, panel.timezone, panel.freq).next(at.horizon)
        after = continued[last]
        if after is None:
            return None
        found[m] = np.concatenate([panel.dates[int(row) : end].astype("datetime64[us]"), after])[: at.horizon]
    return found
