"""A table's columns as a series: chosen, dated, checked, and its blanks filled where that is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule.data.blanks import fill, with_missing_dates, without_blank_rows
from chainrule.data.checks import check_size
from chainrule.data.columns import check_exists, choose_columns, is_numeric, numbers_of
from chainrule.data.containers import Series
from chainrule.data.dates import DATE_NAMES, Dates, parse_dates
from chainrule.data.frequency import check_frequency, find_frequency
from chainrule.data.reading import Reading
from chainrule.data.season import find_season
from chainrule.data.tables import Table
from chainrule.data.timezones import zone_of
from chainrule.errors import ArgumentError, ColumnError, DataError, TooShortError, TransformError

__all__ = ["table_series"]


def table_series(table: Table, reading: Reading) -> Series:
    """The columns to model, in time order, with blanks filled or refused.

    Raises:
        ColumnError: a column missing, not numeric, or to be chosen; dates unreadable or out of order.
        MissingValuesError: blanks, and no ``fill`` asked for, or one that cannot fill them.
        TransformError: values that are not positive, with log-return asked for.
        DataError: values that are infinite, or too large to compute with; dates that contradict the frequency named.
        TooShortError: fewer than two steps.
    """
    _check_length(table, int(table.frame.notna().any(axis=1).sum()))
    date, dates = _find_dates(table, reading.date)
    columns = choose_columns(table, reading.columns, date)
    zone = None if date is None or dates is None else zone_of(table.frame[date], dates)
    if dates is not None:
        table, dates = without_blank_rows(table, dates, reading.fill)
        _check_order(table, dates)
    values = np.stack([numbers_of(table, column) for column in columns], axis=1)
    _check_values(table, columns, values, reading.transform)
    if reading.freq is not None:
        if dates is None:
            raise ArgumentError(
                f"--freq is {reading.freq}, but {table.name} has no column of dates. Name it with --date, or leave "
                "--freq out."
            )
        frequency = find_frequency(dates, zone, reading.freq)
        check_frequency(frequency, table.name)
        values, dates = with_missing_dates(values, frequency, reading.fill)
    if np.isnan(values).any():
        values, dates = fill(table, columns, values, dates, reading.fill)
    _check_length(table, len(values))
    series = Series(values, columns, dates, table.name, 1, reading.freq, zone)
    return replace(series, season=reading.season or find_season(series.frequency, values[:, 0]))


def _check_length(table: Table, steps: int) -> None:
    if steps < 2:
        raise TooShortError(f"{table.name} has {counted(steps, 'step')}; a series needs at least 2.")


def _find_dates(table: Table, named: str | None) -> tuple[str | None, Dates | None]:
    """The name and the dates of the date column, NaT in rows that are blank throughout; None if there is none."""
    if named is not None:
        check_exists(table, named)
    like_date = [column for column in table.frame.columns if column.casefold() in DATE_NAMES]
    others = [column for column in table.frame.columns if column not in like_date]
    blank = table.frame.isna().all(axis=1).to_numpy()
    for column in [*like_date, *others] if named is None else [named]:
        dates = parse_dates(table.frame[column], numbers=column in like_date or column == named)
        bad = np.isnat(dates) & ~blank
        if not bad.any():
            return column, dates
        should_be = column == named or (column in like_date and not is_numeric(table.frame[column]))
        if should_be or bad.mean() < 0.5:
            cells = listed((repr(cell) for cell in table.frame[column][bad]), shown=5)
            raise ColumnError(
                f"column {column!r} of {table.name} has cells that are not dates from 1678 to 2261, at "
                f"{table.at(bad)}: {cells}. Write dates as 2024-01-31, or rename the column if it holds "
                "something else, or name another with --date."
            )
    return None, None


def _check_order(table: Table, dates: Dates) -> None:
    step = np.diff(dates).astype(np.int64)
    for wrong, what, remedy in (
        (step == 0, "repeat the date before", "Keep one row a date, or choose the rows of one series"),
        (step < 0, "are earlier than the row before", "Sort the rows by date, oldest first"),
    ):
        if wrong.any():
            bad = np.concatenate([[False], wrong])
            raise ColumnError(f"dates of {table.name} {what}, at {table.at(bad)}. {remedy}.")


def _check_values(table: Table, columns: tuple[str, ...], values: NDArray[np.float64], transform: str) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(f"{table.name} has infinite values, at {table.at(infinite)}. Correct or blank them.")
    check_size(values, table.name)
    low = values <= 0
    if transform == "log-return" and low.any():
        got = listed((f"{value:g}" for value in values[low]), shown=5)
        raise TransformError(
            f"log-return needs positive values; {table.name} has {got} in {listed(columns)}, "
            f"at {table.at(low)}. Use --transform difference or --transform standardise."
        )
