"""Forecasts as long frames in the format of utilsforecast: a row for each series and step, a column for each end."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule._optional import require
from chainrule.runs.scoring.panels.origins import Origins

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["backtest_frame", "quantile_columns", "times_of"]

_Floats = NDArray[np.float64]


def quantile_columns(name: str, levels: _Floats, quantiles: _Floats) -> dict[str, _Floats]:
    """Columns of quantiles (rows, Q): the median by the forecaster's name, then both ends of each interval.

    A level q below 0.5 is the lower end of the interval of 1 - 2 q, and 1 - q is its upper end.

    >>> list(quantile_columns("gru", np.array([0.025, 0.1, 0.5, 0.9, 0.975]), np.ones((1, 5))))
    ['gru', 'gru-lo-80', 'gru-hi-80', 'gru-lo-95', 'gru-hi-95']
    """
    names = {}
    for q, level in enumerate(levels):
        inside = round(100 * abs(1 - 2 * level), 6)
        end = "lo" if level < 0.5 else "hi"
        names[inside, end == "hi", f"{name}-{end}-{inside:g}" if inside else name] = quantiles[:, q]
    return {column: names[inside, upper, column] for inside, upper, column in sorted(names)}


def times_of(dates: NDArray[np.datetime64], timezone: str | None) -> "pd.DatetimeIndex":
    """Dates in UTC as a column of times, in the zone where there is one."""
    times: Any = require("pandas").DatetimeIndex(dates)
    if timezone is not None:
        times = times.tz_localize("UTC").tz_convert(timezone)
    index: pd.DatetimeIndex = times
    return index


def backtest_frame(at: Origins, levels: _Floats, forecasts: dict[str, _Floats]) -> "pd.DataFrame":
    """A row for each forecast and step that is a row of its series; see `PanelBacktest.to_frame`."""
    panel = at.panel
    rows = at.rows[:, None] + np.arange(at.horizon)
    there = (rows < panel.starts[at.series + 1][:, None]).ravel()
    series = np.repeat(at.series, at.horizon)[there]
    rows = rows.ravel()[there]
    seen = np.repeat(at.rows, at.horizon)[there]
    when: dict[str, Any] = {"ds": rows - panel.starts[series] + 1, "cutoff": seen - panel.starts[series]}
    if panel.numbers is not None:
        when = {"ds": panel.numbers[rows], "cutoff": panel.numbers[seen - 1]}
    if panel.dates is not None:
        when = {key: times_of(panel.dates[of], panel.timezone) for key, of in (("ds", rows), ("cutoff", seen - 1))}
    columns = {"unique_id": np.asarray(panel.ids, dtype=object)[series], **when, "y": panel.values[rows]}
    for name, quantiles in forecasts.items():
        columns |= quantile_columns(name, levels, np.asarray(quantiles).reshape(-1, len(levels))[there])
    frame: pd.DataFrame = require("pandas").DataFrame(columns)
    return frame
