"""New rows of a panel: values that came since, what is known ahead, or new series."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed, near
from chainrule.data.dates.calendars import parse_rule
from chainrule.data.dates.datetimes import Dates
from chainrule.data.dates.grids import Grid, lay
from chainrule.data.dates.timezones import write_dates
from chainrule.data.panels.common_frequency import name_date
from chainrule.data.panels.panel import Panel
from chainrule.data.panels.rows import PanelRows
from chainrule.errors import DataError

__all__ = ["joined"]

_ROUNDING = 1e-9  # relative: values that were written out and read again are the same
_SAME = 0.5  # of steps: a series without dates that shares as many with the known one is the known one, revised

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Meeting:
    """Where the rows of both lie.

    Attributes:
        series: (R',) the number of the series that each new row belongs to, those of the panel first.
        own: (R,) the places of the panel's rows among the steps of their series, from 0.
        new: (R',) those of the new rows, below 0 for rows before the panel's.
        grid: what the dates are laid on; None without dates.
        first: the places in the grid of the first row of each series.
    """

    series: _Ints
    own: _Ints
    new: _Ints
    grid: Grid | None = None
    first: _Ints | None = None


def joined(panel: Panel, new: Panel | PanelRows, *, allow_new: bool = False, dropped: _Ints | None = None) -> Panel:
    """The panel with new rows after those of its series, or in their place: values, or what is known ahead.

    Rows of the same date are the same step; cells that are blank in the new rows stay as they are, and rows before
    the panel's are left out. Without dates, new rows that begin with all values of a series repeat it, and any others
    follow its last value. Values that differ from the panel's replace them, with a warning.

    Args:
        panel: what is known.
        new: rows of some of its series; see `chainrule.data.read_rows`.
        allow_new: whether other series may come to it.
        dropped: (N,) how many rows of each series came before those of the panel; None for none.

    Raises:
        DataError: another target or other covariates; series that the panel does not have; dates on one side alone, or
            of another frequency; an end before that of the panel; a gap; static columns that have changed.

    >>> panel = Panel(np.array([1.0, 2.0, 5.0]), np.array([0, 2, 3]), ("a", "b"))
    >>> joined(panel, Panel(np.array([3.0]), np.array([0, 1]), ("a",))).values.tolist()
    [1.0, 2.0, 3.0, 5.0]
    """
    _check_alike(panel, new)
    ids = _all_ids(panel, new, allow_new)
    number = {name: i for i, name in enumerate(ids)}
    series = np.repeat([number[name] for name in new.ids], np.diff(new.starts))
    meeting = _by_count(panel, new, series, dropped) if panel.dates is None else _by_date(panel, new, series, len(ids))
    _check_ends(panel, new, meeting)
    static = _static(panel, new, ids)
    says = ~np.isnan(new.values) | (~np.isnan(new.known)).any(axis=1) | (~np.isnan(new.past)).any(axis=1)
    taken = says & (meeting.new >= 0)
    lengths = np.zeros(len(ids), dtype=np.int64)
    np.maximum.at(lengths, panel.series, meeting.own + 1)
    np.maximum.at(lengths, meeting.series[taken], meeting.new[taken] + 1)
    lacking = np.flatnonzero(lengths == 0)
    if len(lacking):
        raise DataError(
            f"{listed((ids[i] for i in lacking), shown=5)} of {new.name} have no value. Leave such series out."
        )
    starts = np.concatenate([[0], np.cumsum(lengths)])
    at_own = starts[panel.series] + meeting.own
    at_new = (starts[meeting.series] + meeting.new)[taken]

    def together(own: _Floats, more: _Floats) -> _Floats:
        whole = np.full((starts[-1], *own.shape[1:]), np.nan)
        whole[at_own] = own
        whole[at_new] = np.where(np.isnan(more[taken]), whole[at_new], more[taken])
        return whole

    _warn_of_revised(panel, new, _differing(panel, new, meeting))
    return replace(
        panel,
        values=together(panel.values, new.values),
        starts=starts,
        ids=ids,
        dates=_all_dates(meeting, starts, lengths),
        known=together(panel.known, new.known),
        past=together(panel.past, new.past),
        static=static,
    )


def _check_alike(panel: Panel, new: Panel | PanelRows) -> None:
    if new.target != panel.target:
        raise DataError(f"{new.name} has the target {new.target}; expected {panel.target}, that of {panel.name}.")
    if new.covariates != panel.covariates:
        raise DataError(
            f"{new.name} has other covariates than {panel.name}, or other categories in them. Read it for this "
            "panel, so that its columns and categories are those that the panel has."
        )
    has_dates = [each.name for each in (panel, new) if each.dates is not None]
    has_zone = [each.name for each in (panel, new) if each.timezone is not None]
    if len(has_dates) == 1:
        raise DataError(
            f"of {panel.name} and {new.name}, {has_dates[0]} alone has dates, so that it cannot be told where the one "
            "goes on from the other. Give both dates, or neither."
        )
    if len(has_zone) == 1:
        raise DataError(
            f"of {panel.name} and {new.name}, {has_zone[0]} alone has a time zone. Give both one, or neither."
        )
    if new.freq != panel.freq:
        raise DataError(
            f"{new.name} has steps of the frequency {new.freq}; expected {panel.freq}, as {panel.name} has."
        )


def _all_ids(panel: Panel, new: Panel | PanelRows, allow_new: bool) -> tuple[str, ...]:
    known = set(panel.ids)
    unknown = [name for name in new.ids if name not in known]
    if unknown and not allow_new:
        raise DataError(
            f"{new.name} has {counted(len(unknown), 'series', 'series')} that {panel.name} does not have: "
            f"{listed(unknown, shown=5)}; it has {listed(panel.ids, shown=5)}.{near(unknown[0], panel.ids)} Leave them "
            "out, or fit again with them."
        )
    return (*panel.ids, *unknown)


def _static(panel: Panel, new: Panel | PanelRows, ids: tuple[str, ...]) -> _Floats:
    whole = np.full((len(ids), panel.static.shape[1]), np.nan)
    whole[: len(panel.ids)] = panel.static
    number = {name: i for i, name in enumerate(ids)}
    at = np.array([number[name] for name in new.ids])
    before = whole[at]
    changed = ~np.isnan(before) & ~np.isnan(new.static) & (before != new.static)
    for j, column in enumerate(panel.covariates.static):
        if changed[:, j].any():
            names = listed((new.ids[i] for i in np.flatnonzero(changed[:, j])), shown=5)
            raise DataError(
                f"the static column {column.name!r} of {new.name} differs from that of {panel.name}, in the series "
                f"{names}. Correct it, or fit again."
            )
    whole[at] = np.where(np.isnan(new.static), before, new.static)
    return whole


def _by_date(panel: Panel, new: Panel | PanelRows, series: _Ints, count: int) -> _Meeting:
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
    return _Meeting(series, own - first[panel.series], more - first[series], grid, first)


def _by_count(panel: Panel, new: Panel | PanelRows, series: _Ints, dropped: _Ints | None) -> _Meeting:
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
    same[within] = ~_differ(panel.values[at], new.values[within])
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
    follows = np.where(whole & (repeats == wanted), -before, wanted)
    return _Meeting(series, own, place + np.repeat(follows, np.diff(new.starts)))


def _check_ends(panel: Panel, new: Panel | PanelRows, meeting: _Meeting) -> None:
    """Refuse new rows that leave a gap after those of the panel, and values that end before its own do."""
    known = np.flatnonzero(meeting.series[new.starts[:-1]] < len(panel.ids))
    if not len(known):
        return
    number = meeting.series[new.starts[:-1]][known]
    has_value = ~np.isnan(new.values)
    last = np.maximum.reduceat(np.where(has_value, meeting.new, -1), new.starts[:-1])[known]
    valued = np.logical_or.reduceat(has_value, new.starts[:-1])[known]
    observed = (panel.ends - panel.starts[:-1])[number]
    rows = np.diff(panel.starts)[number]
    early = known[valued & (last < observed - 1)]
    if len(early):
        raise DataError(
            f"{new.name} ends before {panel.name} does, in the series {listed((new.ids[i] for i in early), shown=5)}. "
            "Give data that go on from there; they may begin earlier."
        )
    gap = known[meeting.new[new.starts[:-1]][known] > np.where(valued, observed, rows)]
    if len(gap):
        names = [new.ids[i] for i in gap]
        if new.dates is not None:
            when = write_dates(new.dates[new.starts[gap]], panel.timezone)
            names = [name_date(name, date) for name, date in zip(names, when, strict=True)]
        raise DataError(
            f"{new.name} leaves a gap after the last steps of {panel.name}: it goes on with {listed(names, shown=5)}. "
            "Give the steps between them too."
        )


def _differ(one: _Floats, other: _Floats) -> NDArray[np.bool_]:
    blank = np.isnan(one) & np.isnan(other)
    return np.asarray(~blank & ~(np.abs(one - other) <= _ROUNDING * np.abs(one)))


def _differing(panel: Panel, new: Panel | PanelRows, meeting: _Meeting) -> _Ints:
    """The new rows whose values differ from those that the panel has in their steps."""
    lengths = np.concatenate([np.diff(panel.starts), np.zeros(len(new.ids), dtype=np.int64)])
    shared = np.flatnonzero((meeting.new >= 0) & (meeting.new < lengths[meeting.series]) & ~np.isnan(new.values))
    own = panel.values[panel.starts[meeting.series[shared]] + meeting.new[shared]]
    return np.asarray(shared[~np.isnan(own) & _differ(own, new.values[shared])])


def _warn_of_revised(panel: Panel, new: Panel | PanelRows, rows: _Ints) -> None:
    if not len(rows):
        return
    series = np.searchsorted(new.starts, rows, side="right") - 1
    names = listed((new.ids[i] for i in np.unique(series)), shown=5)
    warnings.warn(
        f"{new.name} has other values than {panel.name} for {counted(len(rows), 'step')} that it repeats, in the "
        f"series {names}; the new ones are taken.",
        stacklevel=3,
    )


def _all_dates(meeting: _Meeting, starts: _Ints, lengths: _Ints) -> Dates | None:
    """The dates of all rows, which are one after the other from the first of each series."""
    if meeting.grid is None or meeting.first is None:
        return None
    series = np.repeat(np.arange(len(lengths)), lengths)
    places = meeting.first[series] + np.arange(starts[-1]) - starts[series]
    unique, again = np.unique(places, return_inverse=True)
    return meeting.grid.at(unique).astype("datetime64[ns]")[again]
