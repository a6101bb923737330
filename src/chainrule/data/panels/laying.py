"""Loose rows of many series, in any order, laid on the steps of one frequency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule.data.dates.datetimes import Dates
from chainrule.data.dates.grids import Grid
from chainrule.data.dates.timezones import clock_hint, write_dates
from chainrule.data.panels.common_frequency import common_grid, name_date
from chainrule.data.panels.panel import Covariates
from chainrule.data.panels.rows import PanelRows
from chainrule.errors import ColumnError, DataError

__all__ = ["LooseRows", "laid"]

_MOST_MISSING = 9  # times the rows that there are
_FEW = 1000  # so many missing rows are no mistake

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LooseRows:
    """Rows as a source has them.

    Attributes:
        codes: (R,) which of the ``ids`` each row belongs to.
        when: (R,) its date in nanoseconds since 1970, or the number of its step.
        dated: whether ``when`` holds dates.
        numbered: whether ``when`` holds numbers that the source has; those of its rows are none.
        static: (R, S), here for each row.
    """

    codes: _Ints
    ids: tuple[str, ...]
    when: _Ints
    dated: bool
    timezone: str | None
    values: _Floats
    target: str
    covariates: Covariates
    known: _Floats
    past: _Floats
    static: _Floats
    name: str
    numbered: bool = False


def laid(loose: LooseRows, freq: str | None, step: int | None = None) -> PanelRows:
    """The rows in the order of the series and of time, with rows of blanks for steps that are missing.

    Args:
        loose: the rows.
        freq: the frequency of dates; None finds it.
        step: by how much numbers rise from step to step; None finds it.

    Raises:
        ColumnError: several rows of one series and date; static columns that change within a series.
        DataError: no frequency fits the dates, or series are of another than the rest; numbers between the steps.
    """
    order = np.lexsort((loose.when, loose.codes))
    codes = loose.codes[order]
    when = loose.when[order]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(codes) != 0]))
    _check_distinct(loose, codes, when)
    static = _constant(loose, loose.static[order], starts)
    alias = None
    grid = None
    if loose.dated:
        dates = when.astype("datetime64[ns]")
        alias, grid, places = common_grid(dates, codes, ids=loose.ids, zone=loose.timezone, freq=freq, name=loose.name)
    else:
        step = step or _step(when, codes)
        places = _numbered(loose, when, codes, step)
    first = places[starts]
    last = np.maximum.reduceat(places, starts)
    ends = np.cumsum(last - first + 1)
    _check_missing(loose, int(ends[-1]), len(places), alias)
    begins = ends - (last - first + 1)
    number = np.cumsum(np.concatenate([[0], np.diff(codes) != 0]))
    at = begins[number] + places - first[number]
    size = int(ends[-1])
    spread = _Spread(at, order, size)
    return PanelRows(
        values=spread(loose.values),
        starts=np.concatenate([[0], ends]).astype(np.int64),
        ids=loose.ids,
        target=loose.target,
        dates=None if grid is None else _all_dates(when, at, grid, first=first, ends=ends),
        freq=alias,
        timezone=loose.timezone,
        covariates=loose.covariates,
        known=spread(loose.known),
        past=spread(loose.past),
        static=static,
        name=loose.name,
        first_steps=when[starts] if loose.numbered else None,
        step=step or 1,
    )


@dataclass(frozen=True, eq=False)
class _Spread:
    """Puts rows where they belong, among rows of blanks."""

    at: _Ints
    order: _Ints
    size: int

    def __call__(self, cells: _Floats) -> _Floats:
        whole = np.full((self.size, *cells.shape[1:]), np.nan)
        whole[self.at] = cells[self.order]
        return whole


def _check_distinct(loose: LooseRows, codes: _Ints, when: _Ints) -> None:
    again = np.flatnonzero((np.diff(codes) == 0) & (np.diff(when) == 0)) + 1
    if not len(again):
        return
    examples = listed((name_date(loose.ids[codes[i]], _said(loose, when[i : i + 1])) for i in again[:3]), shown=3)
    what = "date" if loose.dated else "step"
    more = f" and {len(again) - 3:,} more" if len(again) > 3 else ""
    hint = clock_hint(when[again].astype("datetime64[ns]"), loose.timezone) if loose.dated else ""
    raise ColumnError(
        f"{loose.name} has several rows of the same series and {what}: {examples}{more}. "
        f"{hint or 'Keep one row for each, '}or name all columns that tell series apart with `id`."
    )


def _said(loose: LooseRows, when: _Ints) -> str:
    if not loose.dated:
        return str(when[0])
    return write_dates(when.astype("datetime64[ns]"), loose.timezone)[0]


def _constant(loose: LooseRows, static: _Floats, starts: _Ints) -> _Floats:
    """(N, S) what each series has in its rows, which must be one thing; blank rows have no say."""
    low = np.fmin.reduceat(static, starts, axis=0)
    changes = low != np.fmax.reduceat(static, starts, axis=0)
    changes &= ~np.isnan(low)
    for j, column in enumerate(loose.covariates.static):
        if changes[:, j].any():
            names = listed((loose.ids[i] for i in np.flatnonzero(changes[:, j])), shown=5)
            raise ColumnError(
                f"the static column {column.name!r} of {loose.name} changes within the series {names}. Correct it, or "
                "name it in `known` (known ahead of time) or in `past`."
            )
    return np.asarray(low)


def _step(when: _Ints, codes: _Ints) -> int:
    """By how much numbers of steps rise from one to the next."""
    apart = np.diff(when)[np.diff(codes) == 0]
    return int(np.gcd.reduce(apart)) if len(apart) else 1


def _numbered(loose: LooseRows, when: _Ints, codes: _Ints, step: int) -> _Ints:
    """The places of numbers among the steps of their series."""
    first = when[np.flatnonzero(np.concatenate([[True], np.diff(codes) != 0]))]
    number = np.cumsum(np.concatenate([[0], np.diff(codes) != 0]))
    apart = when - first[number]
    between = np.flatnonzero(apart % step)
    if len(between):
        row = between[0]
        raise DataError(
            f"{loose.name} has steps whose numbers do not rise by {step}, as those of the fitted data do: "
            f"{name_date(loose.ids[codes[row]], str(when[row]))}. Give data of the same steps."
        )
    return np.asarray(apart // step)


def _check_missing(loose: LooseRows, size: int, rows: int, alias: str | None) -> None:
    missing = size - rows
    if missing > _MOST_MISSING * rows + _FEW:
        steps = "numbers of steps" if alias is None else f"dates of the frequency {alias}"
        raise DataError(
            f"{loose.name} has {counted(rows, 'row')}, between which {missing:,} {steps} are missing. Correct the "
            "dates that lie far off, or name a frequency that more of them follow with `freq`."
        )


def _all_dates(when: _Ints, at: _Ints, grid: Grid, *, first: _Ints, ends: _Ints) -> Dates:
    size = int(ends[-1])
    dates = np.full(size, np.datetime64("NaT", "ns"), dtype="datetime64[ns]")
    dates[at] = when.astype("datetime64[ns]")
    missing = np.flatnonzero(np.isnat(dates))
    if len(missing):
        series = np.searchsorted(ends, missing, side="right")
        begins = np.concatenate([[0], ends[:-1]])
        places = first[series] + missing - begins[series]
        unique, again = np.unique(places, return_inverse=True)
        dates[missing] = grid.at(unique).astype("datetime64[ns]")[again]
    return dates
