"""Where new rows lie among those of a panel: by their dates, by their numbers, or by their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import listed
from chainrule.data.dates.calendars import parse_rule
from chainrule.data.dates.grids import Grid, lay
from chainrule.data.dates.timezones import write_dates
from chainrule.data.panels.common_frequency import name_date
from chainrule.data.panels.panel import Panel
from chainrule.data.panels.rows import PanelRows
from chainrule.data.repeats import differ, repeated_part
from chainrule.errors import DataError

__all__ = ["Meeting", "met"]

_SAME = 0.5  # of steps: a series without dates that shares as many with the known one is the known one, revised

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Meeting:
    """Where the rows of both lie.

    Attributes:
        series: (R',) the number of the series that each new row belongs to, those of the panel first.
        own: (R,) the places of the panel's rows among the steps of their series, from 0.
        new: (R',) those of the new rows, below 0 for rows before the panel's.
        grid: what the dates are laid on; None without dates.
        first: the places in the grid, or the numbers, of the first row of each series; None without either.
    """

    series: _Ints
    own: _Ints
    new: _Ints
    grid: Grid | None = None
    first: _Ints | None = None


def met(panel: Panel, new: Panel | PanelRows, series: _Ints, count: int, dropped: _Ints | None) -> Meeting:
    """Where the rows of both lie: by their dates, by their numbers, or by their order.

    Args:
        panel: what is known.
        new: rows of some of its series, or of others.
        series: (R',) the number of the series that each new row belongs to, those of the panel first.
        count: how many series there are in all.
        dropped: (N,) how many rows of each series came before those of the panel; None for none.

    Raises:
        DataError: rows between the steps of the panel; of rows that nothing dates, a part of what is known.
    """
    if panel.dates is not None:
        return _by_date(panel, new, series, count)
    if panel.first_steps is not None:
        return _by_number(panel, new, series, count)
    return _by_count(panel, new, series, dropped)


def _by_date(panel: Panel, new: Panel | PanelRows, series: _Ints, count: int) -> Meeting:
    assert panel.freq is not None
    assert panel.dates is not None
    assert new.dates is not None
    unique, again = np.unique(np.concatenate([panel.dates, new.dates]), return_inverse=True)
    grid = lay(parse_rule(panel.freq), unique, panel.timezone)
    if not grid.on.all():  # if more rows are new than known, the known ones may seem to be off
        row = int(np.argmin(grid.on[again][len(panel.dates) :]))
        name = new.ids[int(np.searchsorted(new.starts, row, side="right")) - 1]
        when = name_date(name, write_dates(new.dates[row : row + 1], panel.timezone)[0])
        raise DataError(
            f"{new.name} has steps between those of {panel.name}, {parse_rule(panel.freq)} ({panel.freq}): {when}. "
            "Give data of the same dates."
        )
    places = grid.places[again]
    own = places[: len(panel.dates)]
    more = places[len(panel.dates) :]
    first = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(first, series, more)
    first[: len(panel.ids)] = own[panel.starts[:-1]]
    return Meeting(series, own - first[panel.series], more - first[series], grid, first)


def _by_number(panel: Panel, new: Panel | PanelRows, series: _Ints, count: int) -> Meeting:
    assert panel.first_steps is not None
    assert new.first_steps is not None
    own = np.arange(len(panel.values)) - panel.starts[panel.series]
    lengths = np.diff(new.starts)
    place = np.arange(len(new.values)) - np.repeat(new.starts[:-1], lengths)
    first = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(first, series[new.starts[:-1]], new.first_steps)
    first[: len(panel.ids)] = panel.first_steps
    apart = np.repeat(new.first_steps, lengths) + new.step * place - first[series]
    between = np.flatnonzero(apart % panel.step)
    if len(between):
        row = between[0]
        name = new.ids[int(np.searchsorted(new.starts, row, side="right")) - 1]
        raise DataError(
            f"{new.name} has steps between those of {panel.name}, whose numbers rise by {panel.step}: "
            f"{name_date(name, str(apart[row] + first[series[row]]))}. Give data of the same steps."
        )
    return Meeting(series, own, apart // panel.step, first=first)


def _by_count(panel: Panel, new: Panel | PanelRows, series: _Ints, dropped: _Ints | None) -> Meeting:
    """Rows by their number: those that begin with all values of a series repeat it, others follow its last value.

    What came before the panel's rows is taken to be repeated where these are.
    """
    own = np.arange(len(panel.values)) - panel.starts[panel.series]
    place = np.arange(len(new.values)) - np.repeat(new.starts[:-1], np.diff(new.starts))
    observed = panel.ends - panel.starts[:-1]
    is_known = series < len(panel.ids)
    steps = np.zeros(len(series), dtype=np.int64)
    steps[is_known] = observed[series[is_known]]
    skipped = np.zeros_like(steps)
    if dropped is not None:
        skipped[is_known] = dropped[series[is_known]]
    within = (place >= skipped) & (place < skipped + steps)
    same = np.ones(len(series), dtype=bool)
    at = panel.starts[series[within]] + (place - skipped)[within]
    same[within] = ~differ(panel.values[at], new.values[within])
    repeats = np.add.reduceat(within & same, new.starts[:-1])
    wanted = steps[new.starts[:-1]]
    before = skipped[new.starts[:-1]]
    whole = np.diff(new.starts) >= before + wanted
    revised = whole & (repeats < wanted) & (repeats > _SAME * wanted) & (wanted > 1)
    if revised.any():
        names = listed((new.ids[i] for i in np.flatnonzero(revised)), shown=5)
        raise DataError(
            f"{new.name} repeats the series {names} but for some values, and has no dates to tell whether it goes on "
            "from them. Give the steps that came after them alone, or fit again."
        )
    is_whole = whole & (repeats == wanted)
    _check_new(panel, new, series[new.starts[:-1]], ~is_whole)
    follows = np.where(is_whole, -before, wanted)
    return Meeting(series, own, place + np.repeat(follows, np.diff(new.starts)))


def _check_new(panel: Panel, new: Panel | PanelRows, number: _Ints, follows: NDArray[np.bool_]) -> None:
    """Refuse rows that would follow the last value of a series, and repeat a part of it."""
    for i in np.flatnonzero(follows & (number < len(panel.ids))):
        known = panel.values[panel.starts[number[i]] : panel.ends[number[i]]]
        came = new.values[new.starts[i] : new.starts[i + 1]]
        part = repeated_part(known[:, None], came[:, None], among=len(new.ids))
        if part is not None:
            raise DataError(
                f"{new.name} begins with {part} of those that are kept of {new.ids[i]} of {panel.name}, and has no "
                "dates to tell whether it goes on from them. Give all of the series, from its first step on, or the "
                "steps after its last one alone."
            )
