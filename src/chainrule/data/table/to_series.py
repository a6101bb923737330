"""The columns of a table as a series: chosen, dated, checked, with blanks filled as the reading says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import counted, listed
from chainrule._settings import option
from chainrule.data.container_checks import check_size
from chainrule.data.containers import Series
from chainrule.data.dates.datetimes import Dates
from chainrule.data.dates.frequency import check_frequency, find_frequency
from chainrule.data.dates.season import find_season
from chainrule.data.dates.timezones import clock_hint, zone_of
from chainrule.data.numerals import Marks
from chainrule.data.reading import Reading
from chainrule.data.table.blanks import fill, with_missing_dates, without_blank_rows
from chainrule.data.table.columns import choose_columns, numbers_of
from chainrule.data.table.date_columns import find_dates
from chainrule.data.table.loaded import LoadedTable
from chainrule.data.table.stacked import choose_series
from chainrule.errors import ArgumentError, ColumnError, DataError, TooShortError, TransformError

__all__ = ["table_series"]


def table_series(table: LoadedTable, reading: Reading, least: int = 2) -> Series:
    """The columns to model, in time order, with blanks filled or refused.

    Args:
        table: the table.
        reading: how it is read.
        least: the steps that it is to have; one, where they go on from others.

    Raises:
        ColumnError: a column or a series missing or to be chosen, cells that are not numeric, dates unreadable or
            out of order.
        MissingValuesError: blanks, and no ``fill`` asked for, or one that cannot fill them.
        TransformError: values that are not positive, with log-return asked for.
        DataError: values that are infinite, or too large to compute with; dates that contradict the frequency named.
        TooShortError: fewer steps.
    """
    _check_length(table, int((~table.blank).sum()), least)
    date, dates = find_dates(table, reading.date_columns, reading.date_format)
    table, dates, ids = choose_series(table, dates, others=date, ids=reading.id_columns, series=reading.series)
    marks = Marks(reading.thousands, reading.decimal)
    columns = choose_columns(table, reading.columns, {*date, *ids, *table.index}, marks)
    zone = None if dates is None else zone_of(table.frame[date[-1]], dates)
    rows = len(table.frame)
    if dates is not None:
        table, dates = without_blank_rows(table, dates, reading.fill)
        _check_order(table, dates, zone)
    values = np.stack([numbers_of(table, column, marks) for column in columns], axis=1)
    _check_values(table, columns, values, reading.transform)
    if reading.freq is not None:
        if dates is None:
            raise ArgumentError(
                f"{option('freq', reading.freq)} applies to dates, and {table.name} has no column of dates. Name it "
                "with `date`, or leave `freq` out."
            )
        frequency = find_frequency(dates, zone, reading.freq)
        check_frequency(frequency, table.name)
        values, dates = with_missing_dates(values, frequency, reading.fill)
    blanks = int(np.isnan(values).sum())
    if blanks:
        values, dates = fill(table, columns, values, dates=dates, how=reading.fill)
    _check_length(table, len(values), least)
    drops = reading.fill == "drop"
    series = Series(
        values=values,
        columns=columns,
        dates=dates,
        name=table.name,
        freq=reading.freq,
        timezone=zone,
        filled=0 if drops else blanks,
        left_out=rows - len(values) if drops else 0,
    )
    return replace(series, season=reading.season or find_season(series.frequency, values[:, 0]))


def _check_length(table: LoadedTable, steps: int, least: int) -> None:
    if steps < least:
        raise TooShortError(f"{table.name} has {counted(steps, 'step')}; a series needs at least {least}.")


def _check_order(table: LoadedTable, dates: Dates, zone: str | None) -> None:
    repeated = np.ones(len(dates), dtype=bool)
    repeated[np.unique(dates, return_index=True)[1]] = False
    if repeated.any():
        remedy = clock_hint(dates[repeated], zone) or "Keep one row for each date, "
        raise ColumnError(
            f"dates of {table.name} repeat an earlier one, at {table.at(repeated)}. {remedy}or if they are of several "
            "series, name the column that tells them apart with `id`."
        )
    early = np.concatenate([[False], np.diff(dates).astype(np.int64) < 0])
    if early.any():
        raise ColumnError(
            f"dates of {table.name} are earlier than the row before, at {table.at(early)}. "
            "Sort the rows by date, oldest first."
        )


def _check_values(table: LoadedTable, columns: tuple[str, ...], values: NDArray[np.float64], transform: str) -> None:
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(
            f"{table.name} has infinite values, at {table.at(infinite)}. Correct them, or leave the cells blank."
        )
    check_size(values, table.name)
    not_positive = values <= 0
    if transform == "log-return" and not_positive.any():
        got = listed((f"{value:g}" for value in values[not_positive]), shown=5)
        raise TransformError(
            f"log-return needs positive values; {table.name} has {got} in {listed(columns)}, "
            f"at {table.at(not_positive)}. Use {option('transform', 'difference')} or "
            f"{option('transform', 'standardise')}."
        )
