"""The columns of a table that date its rows: one, or several whose parts make a date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule._choices import listed
from chainrule._optional import require
from chainrule._settings import option
from chainrule.data.dates.datetimes import Dates, no_dates
from chainrule.data.dates.parsing import parse_dates
from chainrule.data.numerals import Marks, to_numbers
from chainrule.data.table.columns import is_numeric
from chainrule.data.table.loaded import LoadedTable
from chainrule.errors import ColumnError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["find_dates"]

_Found = tuple[tuple[str, ...], Dates | None]

_WHOLE = ("date", "datetime", "timestamp", "ds")
_PARTS = ("year", "quarter", "month", "day", "hour", "minute", "second")
_NAMES = (*_WHOLE, "time", "day", "week", "month", "quarter", "year", "period")
"""A column of one of these names is tried first, and only such a column may write dates as numbers."""
_TIMES = ("time", "hour")
_MOST_TRIED = 100  # columns of other names


def find_dates(table: LoadedTable, named: tuple[str, ...], form: str | None) -> _Found:
    """The names of the date's columns and the dates, NaT in rows that are entirely blank; no names if undated.

    Args:
        table: the table.
        named: the columns that a user named; empty finds them.
        form: the format of the dates, or the unit of numbers that count from 1970, if the user named one.

    Raises:
        ColumnError: a column that is missing or holds cells that are not dates, dates that read in two ways, or none in
            the format that is given.
    """
    for column in named:
        table.check_has(column)
    if len(named) > 1:
        dates = _combined(table, named, form)
        _check(table, named, dates)
        return named, dates
    if named:
        dates = parse_dates(table.frame[named[0]], numbers=True, form=form)
        _check(table, named, dates)
        return named, dates
    found = _of_parts(table, form) or _of_one_column(table, form)
    if found is None and form is not None:
        raise ColumnError(
            f"no column of {table.name} holds dates of the format {form}. Correct `date_format`, or name the column "
            "of the dates with `date`."
        )
    return found or ((), None)


def _of_parts(table: LoadedTable, form: str | None) -> _Found | None:
    """The dates of columns such as year and month, unless pandas data has dates as its index."""
    parts = _parts(table)
    if not parts or _dated_index(table):
        return None
    dates = _combined(table, parts, form)
    if _bad(table, dates).any():
        return None
    return parts, dates


def _of_one_column(table: LoadedTable, form: str | None) -> _Found | None:
    """The first column that holds dates: an index of dates, one of a telling name, any other."""
    columns = list(table.frame.columns)
    by_name = [column for column in columns if column.casefold() in _NAMES]
    by_name.sort(key=lambda column: _NAMES.index(column.casefold()))
    others = [column for column in columns if column not in by_name][:_MOST_TRIED]
    for column in [*_dated_index(table), *by_name, *others]:
        cells = table.frame[column]
        has_name = column in by_name
        applied = form if has_name or not is_numeric(cells) else None
        dates = parse_dates(cells, numbers=has_name, form=applied)
        bad = _bad(table, dates)
        if not bad.any():
            return _with_time(table, column, dates, form)
        if bad.mean() < 0.5 or (has_name and not is_numeric(cells)):
            _check(table, (column,), dates)  # so many dates, or such a name: the other cells are mistakes
    return None


def _dated_index(table: LoadedTable) -> list[str]:
    is_date = require("pandas").api.types.is_datetime64_any_dtype
    return [column for column in table.index if is_date(table.frame[column])]


def _bad(table: LoadedTable, dates: Dates) -> np.ndarray:
    return np.asarray(np.isnat(dates) & ~table.blank)


def _check(table: LoadedTable, columns: tuple[str, ...], dates: Dates) -> None:
    bad = _bad(table, dates)
    if not bad.any():
        return
    cells = " and ".join(table.cells(column, bad) for column in columns)
    have = f"the columns {listed(columns)} of {table.name} have"
    if len(columns) == 1:
        have = f"column {columns[0]!r} of {table.name} has"
    date = columns[0] if len(columns) == 1 else columns
    raise ColumnError(
        f"{have} some cells that are not dates from 1678 to 2261, at {table.at(bad)}: {cells}. Write dates as "
        f"2024-01-31, or give their format, as in {option('date', date)} and {option('date_format', '%d.%m.%Y')}, or "
        "rename the column if it holds something else, or name another with `date`."
    )


def _parts(table: LoadedTable) -> tuple[str, ...]:
    """Columns called year and month (or quarter) and so on, unless one is called by a whole date's name."""
    by_name = {column.casefold(): column for column in reversed(list(table.frame.columns))}
    has_whole_date = any(name in by_name for name in _WHOLE)
    has_parts = "year" in by_name and ("month" in by_name or "quarter" in by_name)
    if has_whole_date or not has_parts:
        return ()
    return tuple(by_name[part] for part in _PARTS if part in by_name)


def _with_time(table: LoadedTable, column: str, dates: Dates, form: str | None) -> _Found:
    """The date with a column of times, if there is one and dates repeat without it."""
    times = [name for name in table.frame.columns if name.casefold() in _TIMES and name != column]
    repeats = len(np.unique(dates)) < len(dates)
    if times and repeats and column.casefold() in ("date", "day") and form is None:
        both = (column, times[0])
        combined = _combined(table, both, None)
        if not _bad(table, combined).any():
            return both, combined
    return (column,), dates


def _combined(table: LoadedTable, columns: tuple[str, ...], form: str | None) -> Dates:
    """The dates that several columns make together."""
    cells = [table.frame[column] for column in columns]
    if form is None:
        if all(column.casefold() in _PARTS for column in columns):
            dates = _from_parts(table, columns)
            if dates is not None:
                return dates
        else:
            days = require("pandas").Series(parse_dates(cells[0], numbers=True), index=cells[0].index)
            cells = [days.dt.strftime("%Y-%m-%d"), *map(_as_time, cells[1:])]
    text = cells[0].astype("str")
    for more in cells[1:]:
        text = text + " " + more.astype("str")
    complete = ~table.frame[list(columns)].isna().any(axis=1)
    if not complete.any():
        return no_dates(len(text))
    return parse_dates(text.where(complete), numbers=False, form=form)


def _from_parts(table: LoadedTable, columns: tuple[str, ...]) -> Dates | None:
    """The dates of columns of numbers: years, months and so on; None where years or all months are no numbers."""
    pd = require("pandas")
    parts = {column.casefold(): to_numbers(table.frame[column], Marks()) for column in columns}
    if "year" not in parts or parts.get("month", parts["year"]).isna().all():
        return None
    if "quarter" in parts:
        parts.setdefault("month", 3 * parts.pop("quarter") - 2)
    frame = pd.DataFrame({"month": 1, "day": 1, **parts}, index=table.frame.index)
    frame = frame.where((frame == np.floor(frame)) & frame.abs().lt(10_000))
    return parse_dates(pd.to_datetime(frame, errors="coerce"), numbers=False)


def _as_time(cells: pd.Series) -> pd.Series:
    """Whole hours from 0 to 23 as times; other cells as they are."""
    hours = to_numbers(cells, Marks())
    if hours[cells.notna()].isin(range(24)).all():
        return hours.astype("Int64").astype("str").str.zfill(2) + ":00"
    return cells
