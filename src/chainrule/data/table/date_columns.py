"""The columns of a table that date its rows: one, or several whose parts make a date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainrule._choices import listed
from chainrule._optional import require
from chainrule.data.dates.parsing import Dates, no_dates, parse_dates
from chainrule.data.numerals import Marks, to_numbers
from chainrule.data.table.columns import is_numeric
from chainrule.data.table.loaded import LoadedTable, as_option
from chainrule.errors import ColumnError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["find_dates"]

_WHOLE = ("date", "datetime", "timestamp", "ds")
_PARTS = ("year", "quarter", "month", "day", "hour", "minute", "second")
_NAMES = (*_WHOLE, "time", "day", "week", "month", "quarter", "year", "period")
"""A column of one of these names is tried first, and only such a column may write dates as numbers."""
_TIMES = ("time", "hour")
_MOST_TRIED = 100  # columns of other names


def find_dates(table: LoadedTable, named: tuple[str, ...], form: str | None) -> tuple[tuple[str, ...], Dates | None]:
    """The names of the date's columns and the dates, NaT in rows that are blank throughout; no names if undated.

    Raises:
        ColumnError: a column that is missing or holds cells that are no dates, dates that read in two ways, or none in
            the format that is given.
    """
    for column in named:
        table.check_has(column)
    if len(named) > 1:
        dates = _combined(table, named, form)
        _check(table, named, dates)
        return named, dates
    columns = list(table.frame.columns)
    is_date = require("pandas").api.types.is_datetime64_any_dtype
    dated = [column for column in table.index if is_date(table.frame[column])]
    if not named and not dated and (parts := _parts(table)):
        dates = _combined(table, parts, form)
        if not _bad(table, dates).any():
            return parts, dates
    like_date = sorted((c for c in columns if c.casefold() in _NAMES), key=lambda c: _NAMES.index(c.casefold()))
    others = [column for column in columns if column not in like_date][:_MOST_TRIED]
    for column in named or [*dated, *like_date, *others]:
        numbers = column in like_date or column in named
        cells = table.frame[column]
        dates = parse_dates(cells, numbers, form if numbers or not is_numeric(cells) else None)
        bad = _bad(table, dates)
        if not bad.any():
            return ((column,), dates) if named else _with_time(table, column, dates, form)
        should_be = column in named or (column in like_date and not is_numeric(table.frame[column]))
        if should_be or bad.mean() < 0.5:
            _check(table, (column,), dates)
    if form is not None:
        raise ColumnError(
            f"no column of {table.name} holds dates of the format {form}. Correct --date-format, or name the column of "
            "the dates with --date."
        )
    return (), None


def _bad(table: LoadedTable, dates: Dates) -> np.ndarray:
    return np.asarray(np.isnat(dates) & ~table.blank)


def _check(table: LoadedTable, columns: tuple[str, ...], dates: Dates) -> None:
    bad = _bad(table, dates)
    if bad.any():
        cells = " and ".join(table.cells(column, bad) for column in columns)
        what = f"column {columns[0]!r}" if len(columns) == 1 else f"the columns {listed(columns)}"
        raise ColumnError(
            f"{what} of {table.name} ha{'s' if len(columns) == 1 else 've'} cells that are not dates from 1678 to "
            f"2261, at {table.at(bad)}: {cells}. Write dates as 2024-01-31, or give their format, as in "
            f"--date {as_option(*columns)} --date-format %d.%m.%Y, or rename the column if it holds something else, "
            "or name another with --date."
        )


def _parts(table: LoadedTable) -> tuple[str, ...]:
    """Columns called year and month (or quarter) and so on, unless one is called by a whole date's name."""
    found = {column.casefold(): column for column in reversed(list(table.frame.columns))}
    if any(name in found for name in _WHOLE) or "year" not in found or not ("month" in found or "quarter" in found):
        return ()
    return tuple(found[part] for part in _PARTS if part in found)


def _with_time(table: LoadedTable, column: str, dates: Dates, form: str | None) -> tuple[tuple[str, ...], Dates]:
    """The date with a column of times, if there is one and dates repeat without it."""
    times = [c for c in table.frame.columns if c.casefold() in _TIMES and c != column]
    if column.casefold() in ("date", "day") and times and form is None and len(np.unique(dates)) < len(dates):
        both = _combined(table, (column, times[0]), None)
        if not _bad(table, both).any():
            return (column, times[0]), both
    return (column,), dates


def _combined(table: LoadedTable, columns: tuple[str, ...], form: str | None) -> Dates:
    """The dates that several columns make together."""
    pd = require("pandas")
    cells = [table.frame[column] for column in columns]
    if form is None and all(column.casefold() in _PARTS for column in columns):
        parts = {column.casefold(): to_numbers(table.frame[column], Marks()) for column in columns}
        if "year" in parts and not parts.get("month", parts["year"]).isna().all():
            if "quarter" in parts:
                parts.setdefault("month", 3 * parts.pop("quarter") - 2)
            frame = pd.DataFrame({"month": 1, "day": 1, **parts}, index=table.frame.index)
            frame = frame.where((frame == np.floor(frame)) & frame.abs().lt(10_000))
            return parse_dates(pd.to_datetime(frame, errors="coerce"), numbers=False)
    elif form is None:
        days = parse_dates(cells[0], numbers=True)
        cells = [pd.Series(days, index=cells[0].index).dt.strftime("%Y-%m-%d"), *map(_as_time, cells[1:])]
    text = cells[0].astype("str")
    for more in cells[1:]:
        text = text + " " + more.astype("str")
    whole = ~table.frame[list(columns)].isna().any(axis=1)
    if not whole.any():
        return no_dates(len(text))
    return parse_dates(text.where(whole), numbers=False, form=form)


def _as_time(cells: pd.Series) -> pd.Series:
    """Whole hours from 0 to 23 as times; all else as it is."""
    hours = to_numbers(cells, Marks())
    if hours[cells.notna()].isin(range(24)).all():
        return hours.astype("Int64").astype("str").str.zfill(2) + ":00"
    return cells
