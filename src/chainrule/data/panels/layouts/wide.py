"""Wide tables, with a series in each column or in each row, as loose rows of a panel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import listed
from chainrule._optional import require
from chainrule._settings import option
from chainrule.data.dates.datetimes import Dates
from chainrule.data.dates.parsing import parse_dates
from chainrule.data.dates.timezones import zone_of
from chainrule.data.numerals import Marks
from chainrule.data.panels.laying import LooseRows
from chainrule.data.panels.layouts.categories import text_codes
from chainrule.data.panels.layouts.counting import counting_column
from chainrule.data.panels.layouts.long import check_dated
from chainrule.data.panels.panel import Covariates
from chainrule.data.reading import Reading
from chainrule.data.table.columns import choose_columns, numbers_of
from chainrule.data.table.date_columns import find_dates
from chainrule.data.table.loaded import LoadedTable
from chainrule.errors import ArgumentError, ColumnError, MissingValuesError

__all__ = ["rows_of_columns", "rows_of_rows"]

_TARGET = "value"

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


def rows_of_columns(table: LoadedTable, reading: Reading, *, numbered: bool = False) -> LooseRows:
    """The rows of a table with a series in each column, and dates or numbers of steps in another or none.

    Args:
        table: the table.
        reading: how it is read.
        numbered: whether the steps of a run are numbered, as of `long_rows`.

    Raises:
        ColumnError: a column missing, cells that are no numbers, dates that cannot be read.
    """
    date, dates, numbers = _times(table, reading, numbered)
    columns = reading.columns
    if columns:
        columns = choose_columns(table, columns, ())
    else:
        columns = tuple(column for column in table.frame.columns if column not in {*date, *table.index})
        columns = tuple(column for column in columns if not column.startswith("Unnamed: "))
    if not columns:
        raise ColumnError(f"{table.name} has no column beside its dates; expected one for each series.")
    values = _numbers(table, columns, Marks(reading.thousands, reading.decimal))
    zone = None if dates is None else zone_of(table.frame[date[-1]], dates)
    loose = _loose(values.T, columns, dates, reading=reading, zone=zone, name=table.name)
    if numbers is None:
        return loose
    return replace(loose, when=np.tile(numbers, len(columns)), numbered=True)


def _times(table: LoadedTable, reading: Reading, numbered: bool) -> tuple[tuple[str, ...], Dates | None, _Ints | None]:
    """The columns of the dates or of the numbers, and these; no columns where there are neither."""
    counted_by = counting_column(table, reading, numbered=numbered)
    if counted_by is not None:
        return (counted_by,), None, np.asarray(table.frame[counted_by], dtype=np.int64)
    date, dates = find_dates(table, reading.date_columns, reading.date_format)
    if dates is not None:
        check_dated(table, dates)
    return date, dates, None


def rows_of_rows(table: LoadedTable, reading: Reading) -> LooseRows:
    """The rows of a table with a series in each row: its id, then its steps, with blanks at the end.

    Where the names of the columns are dates they are the dates of the steps; otherwise these are numbered.

    Raises:
        ColumnError: a column missing, ids that repeat, cells that are no numbers.
        MissingValuesError: a row without an id.
    """
    names = list(table.frame.columns)
    ids = reading.id_columns or table.index[:1] or tuple(names[:1])
    for column in ids:
        table.check_has(column)
    if len(ids) > 1:
        raise ColumnError(f"{option('id', ids)} names several columns; expected the one that has the id of each row.")
    columns = tuple(name for name in names if name not in {*ids, *table.index})
    if reading.columns:
        columns = choose_columns(table, reading.columns, ())
    if not columns:
        raise ColumnError(f"{table.name} has no column beside the ids in {ids[0]!r}; expected one for each step.")
    codes, labels = text_codes(table.frame[ids[0]])
    if (codes < 0).any():
        raise MissingValuesError(f"{table.name} has no id in {ids[0]!r} at {table.at(codes < 0)}. Fill it in.")
    if len(labels) < len(codes):
        again = np.ones(len(codes), dtype=bool)
        again[np.unique(codes, return_index=True)[1]] = False
        raise ColumnError(
            f"ids of {table.name} repeat, at {table.at(again)}: {listed((labels[i] for i in codes[again]), shown=5)}. "
            "Give each series one row of its own."
        )
    values = _numbers(table, columns, Marks(reading.thousands, reading.decimal))
    dates = _dates_of_names(columns, reading)
    return _loose(values, labels, dates, reading=reading, zone=None, name=table.name)


def _numbers(table: LoadedTable, columns: tuple[str, ...], marks: Marks) -> _Floats:
    """The columns as float64 (R, C); those that are numbers already together, as there may be thousands."""
    frame = table.frame[list(columns)]
    kinds = [kind.kind if isinstance(kind, np.dtype) else "" for kind in frame.dtypes]
    ready = np.array([kind in ("i", "u", "f") for kind in kinds])
    values = np.empty(frame.shape)
    values[:, ready] = frame.loc[:, ready].to_numpy(np.float64)
    for i in np.flatnonzero(~ready):
        values[:, i] = numbers_of(table, columns[i], marks)
    return values


def _dates_of_names(columns: tuple[str, ...], reading: Reading) -> Dates | None:
    """The dates that the names of columns are; None if one of them is none."""
    dates = parse_dates(require("pandas").Series(columns), numbers=False, form=reading.date_format)
    if np.isnat(dates).any():
        if reading.date_format is not None:
            raise ColumnError(
                f"the columns {listed(columns, shown=5)} are not dates of the format {reading.date_format}. Correct "
                "`date_format`, or leave it out."
            )
        return None
    return dates


def _loose(
    values: _Floats, ids: tuple[str, ...], dates: Dates | None, *, reading: Reading, zone: str | None, name: str
) -> LooseRows:
    """The rows of values (N, T)."""
    if dates is None and (reading.freq is not None or reading.calendar):
        which = option("freq", reading.freq) if reading.freq is not None else option("calendar", reading.calendar)
        raise ArgumentError(f"{which} applies to dates, and {name} has no dates. Leave it out.")
    series = len(values)
    steps = values.shape[1]
    when = np.arange(steps) if dates is None else dates.astype(np.int64)
    rows = series * steps
    return LooseRows(
        codes=np.repeat(np.arange(series), steps),
        ids=ids,
        when=np.tile(when, series),
        dated=dates is not None,
        timezone=zone,
        values=values.ravel(),
        target=_TARGET,
        covariates=Covariates(),
        known=np.empty((rows, 0)),
        past=np.empty((rows, 0)),
        static=np.empty((rows, 0)),
        name=name,
    )
