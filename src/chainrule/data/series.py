"""A table's columns as a series: chosen, dated, checked, and its blanks filled where that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainrule._choices import listed, near
from chainrule._optional import require
from chainrule.data.containers import Series
from chainrule.data.dates import DATE_NAMES, Dates, parse_dates
from chainrule.data.reading import Reading
from chainrule.data.season import find_season
from chainrule.data.tables import Table
from chainrule.errors import ColumnError, DataError, MissingValuesError, TooShortError, TransformError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["table_series"]


def table_series(table: Table, reading: Reading) -> Series:
    """The columns to model, in time order, with blanks filled or refused.

    Raises:
        ColumnError: a column missing, not numeric, or to be chosen; dates unreadable or out of order.
        MissingValuesError: blanks, and no ``fill`` asked for, or one that cannot fill them.
        TransformError: values that are not positive, with log-return asked for.
        DataError: infinite values.
        TooShortError: fewer than two steps.
    """
    _check_length(table, len(table.frame))
    date, dates = _find_dates(table, reading.date)
    columns = _choose_columns(table, reading.columns, date)
    values = np.stack([_numbers(table, column) for column in columns], axis=1)
    if dates is not None:
        _check_order(table, dates)
    _check_values(table, columns, values, reading.transform)
    if np.isnan(values).any():
        values, dates = _fill(table, columns, values, dates, reading.fill)
    _check_length(table, len(values))
    season = reading.season or find_season(dates, values[:, 0])
    return Series(values, columns, dates, table.name, season)


def _check_length(table: Table, steps: int) -> None:
    if steps < 2:
        raise TooShortError(f"{table.name} has {steps} step{'s' * (steps != 1)}; a series needs at least 2.")


def _find_dates(table: Table, named: str | None) -> tuple[str | None, Dates | None]:
    if named is not None:
        _check_exists(table, named)
    like_date = [column for column in table.frame.columns if column.casefold() in DATE_NAMES]
    others = [column for column in table.frame.columns if column not in like_date]
    for column in [*like_date, *others] if named is None else [named]:
        dates = parse_dates(table.frame[column], numbers=column in like_date or column == named)
        bad = np.isnat(dates)
        if not bad.any():
            return column, dates
        should_be = column == named or (column in like_date and not _is_numeric(table.frame[column]))
        if should_be or bad.mean() < 0.5:
            cells = listed((repr(cell) for cell in table.frame[column][bad]), shown=5)
            raise ColumnError(
                f"column {column!r} of {table.name} has cells that are not dates from 1678 to 2261, at "
                f"{table.at(bad)}: {cells}. Write dates as 2024-01-31, or rename the column if it holds "
                "something else, or name another with --date."
            )
    return None, None


def _choose_columns(table: Table, named: tuple[str, ...], date: str | None) -> tuple[str, ...]:
    for column in named:
        _check_exists(table, column)
    if named:
        return named
    others = [column for column in table.frame.columns if column != date]
    numeric = [column for column in others if _is_numeric(table.frame[column])]
    if len(numeric) == 1:
        return (numeric[0],)
    if numeric:
        raise ColumnError(
            f"{table.name} has {len(numeric)} numeric columns: {listed(numeric)}. "
            f"Choose with --columns, for example --columns {numeric[0]}."
        )
    for column in others:
        if _coerced(table.frame[column]).notna().any():
            _numbers(table, column)
    raise ColumnError(
        f"{table.name} has no numeric column; it has {listed(table.frame.columns)}. "
        "Add a column of numbers, or read it as text with --kind text."
    )


def _check_exists(table: Table, column: str) -> None:
    names = list(table.frame.columns)
    if column not in names:
        hint = near(column, names)
        raise ColumnError(f"{table.name} has no column {column!r}; it has {listed(names)}.{hint}")


def _is_numeric(column: pd.Series) -> bool:
    types = require("pandas").api.types
    return bool(types.is_numeric_dtype(column) and not types.is_bool_dtype(column))


def _coerced(cells: pd.Series) -> pd.Series:
    """The cells as numbers, missing where they are none."""
    pandas = require("pandas")
    types = pandas.api.types
    if types.is_bool_dtype(cells) or types.is_datetime64_any_dtype(cells):
        cells = cells.astype("str")
    numbers: pd.Series[float] = pandas.to_numeric(cells, errors="coerce")
    return numbers


def _numbers(table: Table, column: str) -> NDArray[np.float64]:
    cells = table.frame[column]
    numbers = _coerced(cells)
    bad = (cells.notna() & numbers.isna()).to_numpy()
    if bad.any():
        got = listed((repr(cell) for cell in cells[bad]), shown=5)
        raise ColumnError(
            f"column {column!r} of {table.name} is not numeric: {table.at(bad)} "
            f"hold{'s' if bad.sum() == 1 else ''} {got}. "
            "Correct these cells, leave them blank, or choose another column with --columns."
        )
    values: NDArray[np.float64] = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


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
    low = values <= 0
    if transform == "log-return" and low.any():
        got = listed((f"{value:g}" for value in values[low]), shown=5)
        raise TransformError(
            f"log-return needs positive values; {table.name} has {got} in {listed(columns)}, "
            f"at {table.at(low)}. Use --transform difference or standardise."
        )


def _fill(
    table: Table, columns: tuple[str, ...], values: NDArray[np.float64], dates: Dates | None, how: str | None
) -> tuple[NDArray[np.float64], Dates | None]:
    blank = np.isnan(values)
    if how is None:
        raise MissingValuesError(
            f"{table.name} has {blank.sum()} missing values in {listed(columns)}, at {table.at(blank)}. "
            "Give --fill forward (repeat the value before), linear (interpolate) or drop (leave rows out)."
        )
    if how == "drop":
        whole = ~blank.any(axis=1)
        return values[whole], None if dates is None else dates[whole]
    unfillable = blank[0] | blank[-1] if how == "linear" else blank[0]
    if unfillable.any():
        column = columns[int(np.argmax(unfillable))]
        side, end = ("on each side", "first or last row") if how == "linear" else ("before", "first row")
        raise MissingValuesError(
            f"--fill {how} needs a value {side}, but {column!r} of {table.name} is missing in its {end}. "
            "Use --fill drop."
        )
    if how == "forward":
        steps = np.arange(len(values))[:, None]
        last = np.maximum.accumulate(np.where(blank, 0, steps), axis=0)
        return np.take_along_axis(values, last, axis=0), dates
    time = np.arange(len(values)) if dates is None else dates.astype(np.int64)
    filled = values.copy()
    for x, gap in zip(filled.T, blank.T, strict=True):
        x[gap] = np.interp(time[gap], time[~gap], x[~gap])
    return filled, dates
