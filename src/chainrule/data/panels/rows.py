"""Rows of many series: sorted, one for each step, and made a panel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule.data.dates.datetimes import Dates
from chainrule.data.panels.panel import Covariates, Panel
from chainrule.data.panels.panel_season import panel_season
from chainrule.errors import DataError

__all__ = ["PanelRows", "panel_of"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PanelRows:
    """Rows of many series, as a `Panel` has them, of which some series may have no value of the target at all.

    This is what new data are before they are joined to a panel: the rows of a horizon carry only what is known ahead.
    """

    values: _Floats
    starts: NDArray[np.int64]
    ids: tuple[str, ...]
    target: str
    dates: Dates | None
    freq: str | None
    timezone: str | None
    covariates: Covariates
    known: _Floats
    past: _Floats
    static: _Floats
    name: str
    first_steps: NDArray[np.int64] | None = None
    step: int = 1


def panel_of(rows: PanelRows, *, fill: str | None = None, season: int | None = None) -> Panel:
    """The panel of rows: each series from its first value to its last, or to the last row of what is known ahead.

    Args:
        rows: the rows.
        fill: "forward" or "linear" fill the target between the first value of a series and its last.
        season: steps in a season; None finds them.

    Raises:
        DataError: a series without any value of its target.
    """
    rows = _trimmed(rows)
    panel = Panel(
        values=_filled(rows, fill),
        starts=rows.starts,
        ids=rows.ids,
        target=rows.target,
        dates=rows.dates,
        freq=rows.freq,
        timezone=rows.timezone,
        covariates=rows.covariates,
        known=rows.known,
        past=rows.past,
        static=rows.static,
        name=rows.name,
        first_steps=rows.first_steps,
        step=rows.step,
    )
    return replace(panel, season=season or panel_season(panel))


def _trimmed(rows: PanelRows) -> PanelRows:
    number = np.arange(len(rows.values))
    has_value = ~np.isnan(rows.values)
    if not np.logical_or.reduceat(has_value, rows.starts[:-1]).all():
        empty = [rows.ids[i] for i in np.flatnonzero(~np.logical_or.reduceat(has_value, rows.starts[:-1]))]
        raise DataError(
            f"{counted(len(empty), 'series', 'series')} of {rows.name} without any value of {rows.target}: "
            f"{listed(empty, shown=5)}. Leave such series out."
        )
    first = np.minimum.reduceat(np.where(has_value, number, len(number)), rows.starts[:-1])
    says_something = has_value | (~np.isnan(rows.known)).any(axis=1)
    last = np.maximum.reduceat(np.where(says_something, number, -1), rows.starts[:-1])
    lengths = np.diff(rows.starts)
    kept = (number >= np.repeat(first, lengths)) & (number <= np.repeat(last, lengths))
    if kept.all():
        return rows
    return replace(
        rows,
        values=rows.values[kept],
        starts=np.concatenate([[0], np.cumsum(last - first + 1)]),
        dates=None if rows.dates is None else rows.dates[kept],
        known=rows.known[kept],
        past=rows.past[kept],
        first_steps=None if rows.first_steps is None else rows.first_steps + rows.step * (first - rows.starts[:-1]),
    )


def _filled(rows: PanelRows, how: str | None) -> _Floats:
    """The values with those between the first and the last of each series filled in; all begin with a value."""
    values = rows.values
    blank = np.isnan(values)
    if how is None or not blank.any():
        return values
    number = np.arange(len(values))
    before = np.maximum.accumulate(np.where(blank, 0, number))
    after = np.minimum.accumulate(np.where(blank, len(values), number)[::-1])[::-1]
    inside = np.flatnonzero(blank & (after < np.repeat(rows.starts[1:], np.diff(rows.starts))))
    filled = values.copy()
    before = before[inside]
    filled[inside] = values[before]
    if how == "linear":
        after = after[inside]
        time = number if rows.dates is None else rows.dates.astype(np.int64)
        share = (time[inside] - time[before]) / (time[after] - time[before])
        filled[inside] = values[before] * (1 - share) + values[after] * share
    return filled
