"""New rows of a panel: values that came since, what is known ahead, or new series."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed, near
from chainrule.data.dates.datetimes import Dates
from chainrule.data.dates.timezones import write_dates
from chainrule.data.panels.common_frequency import name_date
from chainrule.data.panels.meeting import Meeting, met
from chainrule.data.panels.panel import Panel
from chainrule.data.panels.rows import PanelRows
from chainrule.data.repeats import differ, told_apart
from chainrule.errors import DataError

__all__ = ["joined"]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


def joined(panel: Panel, new: Panel | PanelRows, *, allow_new: bool = False, dropped: _Ints | None = None) -> Panel:
    """The panel with new rows after those of its series, or in their place: values, or what is known ahead.

    Rows of the same date, or of the same number, are the same step; cells that are blank in the new rows stay as they
    are, and rows before the panel's are left out. With neither, new rows that begin with all values of a series repeat
    it, and any others follow its last value, unless they repeat a part of it. Values that differ from the panel's
    replace them, with a warning.

    Args:
        panel: what is known.
        new: rows of some of its series; see `chainrule.data.read_rows`.
        allow_new: whether other series may come to it.
        dropped: (N,) how many rows of each series came before those of the panel; None for none.

    Raises:
        DataError: another target or other covariates; series that the panel does not have; dates or numbers on one
            side alone, or of another frequency; an end before that of the panel; a gap; static columns that have
            changed; without dates and numbers, a part of what is known.

    >>> panel = Panel(np.array([1.0, 2.0, 5.0]), np.array([0, 2, 3]), ("a", "b"))
    >>> joined(panel, Panel(np.array([3.0]), np.array([0, 1]), ("a",))).values.tolist()
    [1.0, 2.0, 3.0, 5.0]
    """
    own_name = panel.name
    known_name, new_name = told_apart(panel.name, new.name)
    panel = replace(panel, name=known_name)
    new = replace(new, name=new_name)
    _check_alike(panel, new)
    ids = _all_ids(panel, new, allow_new)
    number = {name: i for i, name in enumerate(ids)}
    series = np.repeat([number[name] for name in new.ids], np.diff(new.starts))
    meeting = met(panel, new, series, len(ids), dropped)
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
        name=own_name,
        values=together(panel.values, new.values),
        starts=starts,
        ids=ids,
        dates=_all_dates(meeting, starts, lengths),
        first_steps=meeting.first if meeting.grid is None else None,
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
    has_zone = [each.name for each in (panel, new) if each.timezone is not None]
    for what, times in (("dates", "dates"), ("numbers of its steps", "first_steps")):
        has = [each.name for each in (panel, new) if getattr(each, times) is not None]
        if len(has) == 1:
            raise DataError(
                f"of {panel.name} and {new.name}, {has[0]} alone has {what}, so that it cannot be told where the one "
                f"goes on from the other. Give both {what.split()[0]}, or neither."
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


def _check_ends(panel: Panel, new: Panel | PanelRows, meeting: Meeting) -> None:
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
        if new.first_steps is not None:
            names = [name_date(name, str(step)) for name, step in zip(names, new.first_steps[gap], strict=True)]
        raise DataError(
            f"{new.name} leaves a gap after the last steps of {panel.name}: it goes on with {listed(names, shown=5)}. "
            "Give the steps between them too."
        )


def _differing(panel: Panel, new: Panel | PanelRows, meeting: Meeting) -> _Ints:
    """The new rows whose values differ from those that the panel has in their steps."""
    lengths = np.concatenate([np.diff(panel.starts), np.zeros(len(new.ids), dtype=np.int64)])
    shared = np.flatnonzero((meeting.new >= 0) & (meeting.new < lengths[meeting.series]) & ~np.isnan(new.values))
    own = panel.values[panel.starts[meeting.series[shared]] + meeting.new[shared]]
    return np.asarray(shared[~np.isnan(own) & differ(own, new.values[shared])])


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


def _all_dates(meeting: Meeting, starts: _Ints, lengths: _Ints) -> Dates | None:
    """The dates of all rows, which are one after the other from the first of each series."""
    if meeting.grid is None or meeting.first is None:
        return None
    series = np.repeat(np.arange(len(lengths)), lengths)
    places = meeting.first[series] + np.arange(starts[-1]) - starts[series]
    unique, again = np.unique(places, return_inverse=True)
    return meeting.grid.at(unique).astype("datetime64[ns]")[again]
